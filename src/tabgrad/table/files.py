"""Files of tables: opened, told apart by what they hold, unpacked block by block."""

from __future__ import annotations

import difflib
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from tabgrad._checks import known_name
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentTypeError, TableFileError

__all__ = ["FORMATS", "File", "PACKED", "ending_of", "format_of", "look", "unpacked", "zstandard"]

BLOCK = 1 << 20

# The formats, and the endings that stand for them.
FORMATS = {
    "csv": (".csv", ".tsv", ".tab", ".txt", ".data", ".dat"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "jsonl": (".jsonl", ".ndjson"),
}
PACKED = {".gz": "gzip", ".zst": "zstd"}

# How files begin, whatever they are called.
_BEGINNINGS = ((b"PAR1", "parquet"), (b"ARROW1", "arrow"))
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, as Excel's workbooks are", "Save the sheet as CSV (UTF-8), or unpack the archive."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV (UTF-8)."),
    (b"SQLite format 3", "an SQLite database", "Give a query: read('sqlite:///PATH', query='SELECT ...')."),
    (b"%PDF", "a PDF document", "Save the table as CSV."),
    (b"\x89HDF", "an HDF5 file", "Save the table as Parquet."),
    (b"BZh", "packed by bzip2", "Unpack it, or pack it with gzip or Zstandard."),
    (b"\xfd7zXZ", "packed by xz", "Unpack it, or pack it with gzip or Zstandard."),
    (b"\x80\x04\x95", "a pickle, which can run code when it is loaded", "Save the table as Parquet or CSV."),
    (b"\x80\x05\x95", "a pickle, which can run code when it is loaded", "Save the table as Parquet or CSV."),
)


@dataclass(frozen=True, eq=False)
class File:
    """A file that is open, its first bytes already read.

    Parameters
    ----------
    path : str
        Where it is; "-" for standard input.
    name : str
        What messages call it.
    size : int or None
        Bytes on the disk; None for what is no regular file.
    head : bytes
        Its first block.
    stream : binary file
        Where the others come from.
    """

    path: str
    name: str
    size: int | None
    head: bytes
    stream: BinaryIO

    def __enter__(self) -> File:
        """The file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, unless it is standard input."""
        if self.path != "-":
            self.stream.close()

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, once."""
        block = self.head
        while block:
            yield block
            block = self.stream.read(BLOCK)

    @property
    def packing(self) -> str | None:
        """What packed it: "gzip", "zstd" or nothing, by its first bytes."""
        if self.head.startswith(b"\x1f\x8b"):
            return "gzip"
        return "zstd" if self.head.startswith(b"\x28\xb5\x2f\xfd") else None

    @property
    def ending(self) -> str:
        """The ending of its name, without that of the packing."""
        return ending_of(self.path)


def ending_of(path: str) -> str:
    """The ending of a name, without that of the packing."""
    root, ending = os.path.splitext(path.lower())
    return os.path.splitext(root)[1] if ending in PACKED else ending


def look(source: Any) -> File:
    """Open a file and read its first block.

    Parameters
    ----------
    source : str or path
        ``~`` is the home folder; "-" is standard input. Pipes are read to their end.

    Raises
    ------
    TableFileError
        In one line: there is none, it is a folder, it must not be read; with the nearest name there is.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise ArgumentTypeError(f"'source' of read must be a path, a database's URL, or a table. Got {shown(source)}.")
    path = os.path.expanduser(os.fsdecode(source))
    if path == "-":
        return _started("-", "standard input", None, sys.stdin.buffer)
    name = _called(os.path.basename(path) or path)
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise TableFileError(f"{_shown(path)} is a folder. Name a file in it{_within(path)}.")
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
            raise TableFileError(f"{_shown(path)} is a device, not a file.")
        stream = open(path, "rb")  # noqa: SIM115  (the file closes it)
        return _started(path, name, found.st_size if stat.S_ISREG(found.st_mode) else None, stream)
    except TableFileError:
        raise
    except FileNotFoundError:
        raise TableFileError(f"There is no file {_shown(path)}{_where(path)}.{_nearest(path)}") from None
    except PermissionError:
        raise TableFileError(f"{_shown(path)} must not be read: permission denied.") from None
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long, a null character in it
        reason = getattr(error, "strerror", None) or str(error)
        raise TableFileError(f"{_shown(path)} cannot be opened: {reason}.") from None


def format_of(file: File, first: bytes, told: str | None = None) -> tuple[str, str]:
    """The format of a file, and what to say where its name says another.

    Parameters
    ----------
    file : File
    first : bytes
        How its content begins, once it is unpacked.
    told : str, optional
        What the user says that it is.

    Raises
    ------
    TableFileError
        It is something else: a workbook, an archive, a database.
    """
    if told is not None:
        return known_name(told, "format", FORMATS), ""
    for beginning, what, fix in _FOREIGN:
        if first.startswith(beginning):
            raise TableFileError(f"{file.name} is {what}, not a table in one of: {', '.join(FORMATS)}. {fix}")
    named = next((form for form, endings in FORMATS.items() if file.ending in endings), None)
    held = next((form for beginning, form in _BEGINNINGS if first.startswith(beginning)), None)
    if held is None and named in (None, "csv") and first.lstrip()[:1] in (b"{", b"["):
        held = "jsonl" if first.lstrip().startswith(b"{") else _no_array(file)
    if held is not None:
        return held, "" if named in (held, None) else f"{file.name} holds {held}, whatever it is called."
    return named or "csv", ""


def unpacked(file: File) -> Iterator[bytes]:
    """The content of a file, block by block; what is packed is unpacked.

    Raises
    ------
    TableFileError
        The packed file is cut off or damaged.
    """
    if file.packing == "gzip":
        return _gunzipped(file)
    return _zstd(file) if file.packing == "zstd" else file.blocks()


def _gunzipped(file: File) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(wbits=31)
    given = 0
    try:
        for block in file.blocks():
            rest = block
            while rest:
                if unpacking.eof:  # one member has ended: another follows, or zeros that fill a tape
                    if not rest.strip(b"\0"):
                        break
                    unpacking = zlib.decompressobj(wbits=31)
                content = unpacking.decompress(rest, BLOCK)
                given += len(content)
                if content:
                    yield content
                rest = unpacking.unconsumed_tail or unpacking.unused_data
    except zlib.error as error:
        raise TableFileError(f"{file.name} is damaged: gzip finds an error after {given} bytes ({error}).") from None
    if not unpacking.eof:
        raise TableFileError(
            f"{file.name} is cut off: its gzip stream ends too early, after {given} bytes. Copy it again."
        )


def _zstd(file: File) -> Iterator[bytes]:
    zstd = zstandard(file.name)
    unpacking = zstd.ZstdDecompressor()
    given = 0
    try:
        for block in file.blocks():
            rest = block
            while rest or not (unpacking.eof or unpacking.needs_input):
                if unpacking.eof:
                    unpacking = zstd.ZstdDecompressor()
                content = unpacking.decompress(rest, BLOCK)
                given += len(content)
                if content:
                    yield content
                rest = unpacking.unused_data if unpacking.eof else b""
    except zstd.ZstdError as error:
        raise TableFileError(
            f"{file.name} is damaged: Zstandard finds an error after {given} bytes ({error})."
        ) from None
    if not unpacking.eof:
        raise TableFileError(
            f"{file.name} is cut off: its Zstandard stream ends too early, after {given} bytes. Copy it again."
        )


def zstandard(name: str) -> Any:
    """The module that Python has from 3.14 on, or the same for older ones."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise ImportError(f"{name} is packed by Zstandard: pip install backports.zstd. ({error})") from error
    return zstd


# ---- Messages --------------------------------------------------------------------------------------------------------


def _started(path: str, name: str, size: int | None, stream: BinaryIO) -> File:
    try:
        return File(path, name, size, stream.read(BLOCK), stream)
    except BaseException:
        stream.close()
        raise


def _no_array(file: File) -> str:
    raise TableFileError(
        f'{file.name} is a JSON document, not JSON lines. Write one object a line: {{"area": 1.5, "colour": "red"}}.'
    )


def _shown(path: str) -> str:
    """A path in quotes, its control characters escaped, whole: it is the user's own, and its end matters."""
    return repr(path)


def _called(name: str) -> str:
    """A file's name as messages call it: as it is, if a line of a screen can hold it."""
    return name if name.isprintable() else _shown(name)


def _where(path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    return "" if os.path.isdir(folder) else f": there is no folder {_shown(os.path.dirname(path))}"


def _nearest(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        close = difflib.get_close_matches(name, os.listdir(folder or "."), n=1, cutoff=0.7)
    except OSError:
        return ""
    return f" Did you mean {_shown(os.path.join(folder, close[0]))}?" if close else ""


def _within(path: str) -> str:
    endings = tuple(ending for each in FORMATS.values() for ending in each) + tuple(PACKED)
    try:
        tables = sorted(each for each in os.listdir(path) if each.lower().endswith(endings))
    except OSError:
        return ""
    return f", for instance {_shown(os.path.join(path, tables[0]))}" if tables else ""
