"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from tabgrad.errors import ArgumentTypeError

LONGEST = 40  # characters of a name that its temporary one repeats: a file's name may have 255 bytes


def path_of(path: Any, name: str, owner: str) -> str:
    """A path as text, with the user's home in the place of ``~``."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ArgumentTypeError(f"'{name}' of {owner} must be a path. Got {path!r}.")
    return os.path.expanduser(os.fsdecode(path))


def write_whole(path: str, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file under a temporary name beside `path`, down to the disk, then give it its name.

    Till then the file from before stays, also through a crash, and its permissions after that. Where `path` is a link,
    it stays, and the file that it leads to is written.

    Raises
    ------
    OSError
        The disk is full, the folder is missing or may not be written to, `path` is a folder.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:LONGEST]}.{os.urandom(6).hex()}")
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        before = _permissions(target)
        mode = 0o666 if before is None else before  # of which the process's umask is taken off
        try:
            with open(temporary, "xb", opener=lambda new, flags: os.open(new, flags, mode)) as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            if before is not None:
                os.chmod(temporary, before)
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        _sync_entry(folder)
    except OSError as error:
        if error.errno is None:
            raise
        # The user knows the path, not the temporary name.
        raise OSError(error.errno, error.strerror, path) from error


def _permissions(path: str) -> int | None:
    """Those of the file that is there, if one is."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None


def _sync_entry(folder: str) -> None:
    """The folder's entry, too, must be on the disk."""
    if os.name == "posix":
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
