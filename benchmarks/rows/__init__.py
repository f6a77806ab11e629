"""The rows of the table, one file a question; each function measures and yields the rows that answer it."""
