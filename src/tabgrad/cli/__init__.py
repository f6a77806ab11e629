"""The command line, ``tabgrad``: one file a command; each parses, calls the library and prints.

What is asked for goes to the standard output, all else to the standard error; `tabgrad.cli.exits` lists the exit codes.
Nothing heavy is loaded before a command runs.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave Python with its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        Without the program's name; None: those that the program was started with.
    """
    from tabgrad.cli.app import app  # loads Typer

    app(args=None if arguments is None else list(arguments), prog_name="tabgrad")
