"""The exit codes, and how an error becomes one line and one of them."""

from __future__ import annotations

import errno
from enum import IntEnum

from tabgrad.errors import (
    ArgumentError,
    DataError,
    DivergenceError,
    EngineError,
    JournalError,
    ModelFileError,
    TabgradError,
    WeightsFileError,
)

__all__ = ["MEANINGS", "Exit", "Terminated", "UsageError", "exit_code", "told"]


class Exit(IntEnum):
    """What a command leaves behind."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    DATA = 3
    MODEL = 4
    LIMIT = 5
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "done",
    Exit.INTERNAL: "a fault of tabgrad itself (--debug shows where), or a check of doctor failed",
    Exit.USAGE: "a command, an option or the configuration file is wrong, or a file would be overwritten",
    Exit.DATA: "the table cannot be read, or cannot be used as it is",
    Exit.MODEL: "the model file is missing, damaged or foreign, or the journal of a search is",
    Exit.LIMIT: "a limit of the machine: memory, a full disk, a folder that may not be written to, a missing extra",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
    Exit.PIPE: "whoever read the output went away",
    Exit.TERMINATED: "told to end (SIGTERM)",
}


class Terminated(KeyboardInterrupt):
    """The signal to end came; like Ctrl-C it is no error, and ends a run at once."""


class UsageError(TabgradError, ValueError):
    """What the user asks for makes no sense, or must not be done."""


_CODES: tuple[tuple[tuple[type[BaseException], ...], Exit], ...] = (
    ((Terminated,), Exit.TERMINATED),
    ((KeyboardInterrupt,), Exit.INTERRUPTED),
    ((BrokenPipeError,), Exit.PIPE),
    ((ModelFileError, WeightsFileError, JournalError), Exit.MODEL),
    ((ArgumentError, DivergenceError, UsageError), Exit.USAGE),
    ((DataError,), Exit.DATA),
    ((EngineError, MemoryError, OSError), Exit.LIMIT),
)


def exit_code(error: BaseException) -> Exit:
    """The exit code of an error; what nobody raises on purpose is a fault of tabgrad.

    Examples
    --------
    >>> from tabgrad.cli.exits import exit_code
    >>> from tabgrad.errors import DataError
    >>> exit_code(DataError("X has no rows.")), exit_code(KeyError("x"))
    (<Exit.DATA: 3>, <Exit.INTERNAL: 1>)
    """
    if type(error) is ImportError:  # what an extra would bring; a module of ours that lacks is a ModuleNotFoundError
        return Exit.LIMIT
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), Exit.INTERNAL)


_WAYS = {
    errno.ENOENT: "Make the folder first, or choose another place with --out.",
    errno.EACCES: "Choose a place that you may write to with --out.",
    errno.EPERM: "Choose a place that you may write to with --out.",
    errno.EROFS: "Choose a place that can be written to with --out.",
    errno.ENOSPC: "Make room, or choose another disk with --out.",
    errno.EDQUOT: "Make room, or choose another disk with --out.",
    errno.EISDIR: "Give the name of a file with --out.",
    errno.ENOTDIR: "Choose another place with --out.",
    errno.ENAMETOOLONG: "Choose a shorter name with --out.",
}


def told(error: BaseException) -> str:
    """What an error says to its user, without the name of its class."""
    if isinstance(error, OSError) and error.strerror:
        where = f": '{error.filename}'" if error.filename else ""
        way = _WAYS.get(error.errno or 0, "")
        return f"{error.strerror}{where}. {way}".rstrip()
    if isinstance(error, MemoryError):
        return str(error) or "The memory does not suffice. Take fewer rows or columns, or a larger machine."
    return str(error)
