"""``python -m tabgrad``: the command line."""

from tabgrad.cli import main

if __name__ == "__main__":
    main()
