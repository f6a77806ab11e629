"""The suites that every engine passes, over every part in `parts`."""
