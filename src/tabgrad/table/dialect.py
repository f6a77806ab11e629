"""How a CSV text is laid out: what separates its fields, what its columns are called, whether quotation marks count."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, DataError
from tabgrad.table.records import blank, scan

__all__ = ["Dialect", "dialect_of"]

CALLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
RARER = " :^~\x01"  # that a file of one column may mean to be separated by
SAMPLE = 1 << 16
_SEPARATOR = re.compile(rb'"?sep=([,;|\t])"?\r?\n', re.IGNORECASE)  # what Excel writes, and asks for
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """The layout of a CSV text.

    Parameters
    ----------
    delimiter : str
    names : tuple of str
        Of the columns: different, without spaces around them.
    begin : int
        The byte at which the rows begin.
    line : int
        The line in which they begin, counted from 1.
    quoting : bool
        Whether a field may stand between quotation marks.
    notes : tuple of str
        What was found out or changed.
    """

    delimiter: str
    names: tuple[str, ...]
    begin: int
    line: int
    quoting: bool = True
    notes: tuple[str, ...] = ()


def dialect_of(text: bytes, name: str, delimiter: str | None = None, *, header: bool = True) -> Dialect:
    """Find the layout of a CSV text in its first lines.

    Parameters
    ----------
    text : bytes
        In UTF-8; its beginning will do.
    name : str
        What messages call it.
    delimiter : str, optional
        What the user knows to separate the fields; else the one of comma, semicolon, tab and vertical bar by which
        the first lines have equally many.
    header : bool
        Whether the first line holds the columns' names; else they are ``x0``, ``x1``, ....

    Raises
    ------
    DataError
        An empty text; names that are doubled or are numbers; fields that something else separates.
    """
    if not text[:SAMPLE].strip() and not text.strip():
        raise DataError(f"{name} is empty: it must hold a line of names, and below it the rows.")
    sample = text if len(text) <= SAMPLE else text[: text.rfind(b"\n", 0, SAMPLE) + 1 or len(text)]
    notes = []
    told = _SEPARATOR.match(sample)
    if told:
        delimiter = delimiter or told[1].decode()
        notes.append(
            f"The first line of {name}, 'sep={told[1].decode()}', says what separates the fields, and is no row."
        )
    elif delimiter is None:
        delimiter = _delimiter(sample, name)
        if delimiter != ",":
            notes.append(f"The fields of {name} are separated by {CALLED[delimiter]}.")
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"':
        raise ArgumentError(f"'delimiter' of read must be one ASCII character, no quotation mark. Got {delimiter!r}.")
    records = scan(sample, delimiter)
    quoting = records.stray is None or records.proper
    if not quoting:
        records = scan(sample, delimiter, quoting=False)
        notes.append(f"No field of {name} begins with a quotation mark: those within fields are taken as they are.")
    empty = blank(sample, records)
    empty[: told is not None] = True
    first = int(np.argmin(empty))
    if first > (told is not None):
        notes.append(f"Blank lines at the beginning of {name} are passed over: {first - (told is not None)}.")
    fields = _split(text[records.starts[first] : records.ends[first]], delimiter, quoting)
    if not header:
        names = tuple(f"x{place}" for place in range(len(fields)))
        return Dialect(
            delimiter, names, int(records.starts[first]), int(records.lines[first]) + 1, quoting, tuple(notes)
        )
    names, more = _names(fields, name)
    after = first + 1
    begin = int(records.starts[after]) if after < len(records.starts) else len(sample)
    line = int(records.lines[after]) + 1 if after < len(records.lines) else sample.count(b"\n") + 1
    return Dialect(delimiter, names, begin, line, quoting, (*notes, *more))


def _delimiter(sample: bytes, name: str) -> str:
    """The candidate by which most lines have as many fields as the first, and that more than one."""
    best, score = ",", (0.0, 0)
    for candidate in CALLED:
        share, width = _agreement(sample, candidate)
        if width > 1 and (share, width) > score:
            best, score = candidate, (share, width)
    if score[1] <= 1:
        _refuse_rarer(sample, name)
    return best


def _agreement(sample: bytes, delimiter: str) -> tuple[float, int]:
    """The share of records that have as many fields as the first, and how many those are."""
    records = scan(sample, delimiter)
    if records.stray is not None and not records.proper:
        records = scan(sample, delimiter, quoting=False)
    fields = records.fields[~blank(sample, records)]
    return float((fields == fields[0]).mean()), int(fields[0])


def _refuse_rarer(sample: bytes, name: str) -> None:
    """An error where one column only looks like one because something rarer separates the fields."""
    for candidate in RARER:
        share, width = _agreement(sample, candidate)
        lines = sample.count(b"\n")
        if width > 1 and share == 1 and lines > 1 and _numbers_in(sample, candidate):
            called = "spaces" if candidate == " " else repr(candidate)
            raise DataError(
                f"{name} has one field a line, and {width} if {called} separate them. If they do, say "
                f"delimiter={candidate!r}."
            )


def _numbers_in(sample: bytes, delimiter: str) -> bool:
    """Whether most fields of the lines below the first are numbers."""
    fields = [field for line in sample.split(b"\n")[1:20] for field in line.decode("utf-8", "replace").split(delimiter)]
    return sum(_NUMBER.fullmatch(field.strip()) is not None for field in fields) * 2 > len(fields)


def _split(record: bytes, delimiter: str, quoting: bool) -> list[str]:  # noqa: FBT001
    text = record.decode("utf-8", "replace")
    limit = csv.field_size_limit()
    if not quoting or '"' not in text or len(text) >= limit:
        return text.split(delimiter)
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def _names(fields: list[str], name: str) -> tuple[tuple[str, ...], list[str]]:
    """The columns' names, and what was changed of them."""
    notes = []
    names = [field.strip() for field in fields]
    padded = [field for field, bare in zip(fields, names, strict=True) if field != bare and bare]
    if padded:
        notes.append(
            f"Spaces around the names of {len(padded)} columns of {name} are taken off, as of {shown(padded[0])}."
        )
    nameless = [place for place, bare in enumerate(names) if not bare]
    for place in nameless:
        names[place] = f"Unnamed: {place}"
    if nameless:
        listed = ", ".join(f"{shown(names[place])} (the {_ordinal(place + 1)})" for place in nameless[:3])
        more = f" and {len(nameless) - 3} more" if len(nameless) > 3 else ""
        notes.append(
            f"{len(nameless)} column{'s' if len(nameless) > 1 else ''} of {name} without a name: called {listed}{more}."
        )
    doubled = [each for each, count in Counter(names).items() if count > 1]
    if doubled:
        listed = ", ".join(f"{shown(each)} (columns {_places(names, each)})" for each in doubled[:3])
        more = f" and {len(doubled) - 3} more" if len(doubled) > 3 else ""
        fix = "" if not _data(names) else " If the first line holds no names, say header=False."
        raise DataError(
            f"The columns of {name} must have different names. Got twice or more: {listed}{more}. Rename them.{fix}"
        )
    if _data(names):
        listed = ", ".join(shown(each) for each in names[:4])
        raise DataError(
            f"The first line of {name} looks like a row, not like the columns' names: {listed}. Write the names above "
            "it, or say header=False."
        )
    return tuple(names), notes


def _data(names: list[str]) -> bool:
    """Whether names look like values: all are numbers, but do not count the columns, or most have decimal places."""
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if len(numbers) == len(names) and names:
        counted = [str(place) for place in range(len(names) + 1)]
        return names not in (counted[:-1], counted[1:])
    return sum(not name.lstrip("+-").isdigit() for name in numbers) * 2 > len(names)


def _places(names: list[str], name: str) -> str:
    return ", ".join(str(place + 1) for place, each in enumerate(names) if each == name)


def _ordinal(place: int) -> str:
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"
