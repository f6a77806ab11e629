"""CSV: a look at every record, then Polars for its fields, as text; what each column holds is decided afterwards."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import ArgumentError, DataError
from tabgrad.table import memory
from tabgrad.table.columns import Values
from tabgrad.table.dialect import Dialect, dialect_of
from tabgrad.table.encodings import text_of
from tabgrad.table.records import NEWLINE, QUOTE, RETURN, Records, blank, scan
from tabgrad.table.strings import Rules, Strings, Verdict
from tabgrad.table.table import Table, absent
from tabgrad.table.text_columns import judge
from tabgrad.table.text_numbers import doubtful_points

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Layout", "Rows", "read_csv", "refuse_unknown", "rows_of", "typed"]


@dataclass(frozen=True)
class Layout:
    """What the user says of a CSV file; None where it is to be found out.

    Parameters
    ----------
    delimiter, encoding : str or None
    header : bool
        Whether the first line holds names.
    on_short_row : str
        "error", or "fill": what a row lacks at its end is missing.
    rules : Rules
        How its columns are read.
    """

    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    on_short_row: str = "error"
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        """Check what can be checked without the file."""
        if self.on_short_row not in ("error", "fill"):
            raise ArgumentError(f"'on_short_row' of read must be 'error' or 'fill'. Got {self.on_short_row!r}.")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as text.

    Parameters
    ----------
    text : bytes
        Their records; each ends with a line.
    records : Records
        Where they are in it.
    line : int
        The line in which the text begins.
    notes : tuple of str
        What was passed over or filled.
    """

    text: bytes
    records: Records
    line: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.records.starts)

    def place(self, row: int) -> str:
        """Where a row is, for messages."""
        return f"line {self.line + int(self.records.lines[row])}"

    @property
    def in_step(self) -> bool:
        """Whether each line holds one row, so that a line's number tells the row."""
        return not len(self) or int(self.records.lines[-1]) == len(self) - 1


def read_csv(blocks: Iterator[bytes], name: str, layout: Layout, size: int | None = None) -> Table:
    """A table out of the blocks of a CSV file.

    Parameters
    ----------
    blocks : iterator of bytes
    name : str
    layout : Layout
    size : int, optional
        How many bytes will come, if that is known.

    Raises
    ------
    DataError
        All that is wrong with its rows, or else with its values, in one message.
    """
    source = text_of(blocks, name, layout.encoding)
    text = _whole(source.blocks, name, size)
    dialect = dialect_of(text, name, layout.delimiter, header=layout.header)
    refuse_unknown(layout.rules, dialect, name)
    rows = rows_of(text[dialect.begin :], dialect, dialect.line, name, layout)
    del text
    if not len(rows):
        raise DataError(f"{name} holds names, {shown(list(dialect.names))}, but no row below them.")
    columns, notes = typed(rows, dialect, name, layout.rules)
    in_step = rows.in_step
    steps = () if in_step else (f"Rows of {name} take several lines: messages number the rows, from 1.",)
    return Table(
        columns, (*source.notes, *dialect.notes, *rows.notes, *notes, *steps), name, dialect.line if in_step else 1
    )


def rows_of(text: bytes, dialect: Dialect, line: int, name: str, layout: Layout, *, last: bool = True) -> Rows:
    """The rows of a text that holds whole records, each looked at.

    Parameters
    ----------
    text : bytes
    dialect : Dialect
    line : int
        The line in which the text begins.
    name : str
        What messages call the file.
    layout : Layout
    last : bool
        Whether the file ends with the text.

    Raises
    ------
    DataError
        Quotation marks that stand wrong, rows that are too short or too long, with their lines.
    """
    records = scan(text, dialect.delimiter, quoting=dialect.quoting)
    _refuse_quotes(text, records, line, name)
    _refuse_returns(text, line, name, quoting=dialect.quoting)
    notes = []
    gaps = blank(text, records)
    if len(dialect.names) == 1:  # a blank line is a missing value there, but for those at the end
        gaps &= last and np.logical_and.accumulate(gaps[::-1])[::-1]
    if gaps.any():
        notes.append(f"Blank lines of {name} are passed over: {_lines(gaps, records, line)}.")
    width = len(dialect.names)
    short, long = ~gaps & (records.fields < width), ~gaps & (records.fields > width)
    if long.any() or (short.any() and layout.on_short_row != "fill"):
        raise DataError(_ragged(text, records, gaps, line, dialect, name))
    if short.any():
        notes.append(f"Fields that rows of {name} lack at their end are missing: {_lines(short, records, line)}.")
    if gaps.any() or short.any():
        lacking = dialect.delimiter.encode()
        kept = np.flatnonzero(~gaps)
        text = b"\n".join(
            text[records.starts[row] : records.ends[row]] + lacking * int(len(dialect.names) - records.fields[row])
            for row in kept.tolist()
        )
        lines = records.lines[kept]
        records = scan(text, dialect.delimiter, quoting=dialect.quoting)
        records = Records(records.starts, records.ends, records.fields, lines)
    return Rows(text, records, line, tuple(notes))


def typed(rows: Rows, dialect: Dialect, name: str, rules: Rules) -> tuple[dict[str, Values], tuple[str, ...]]:
    """The columns of rows, each as what it holds, and what to say of them.

    Raises
    ------
    DataError
        Every value that does not fit its column.
    """
    frame = _fields(rows, dialect, name, rules)

    def strings(place: int) -> Strings:
        return Strings(frame.to_series(place), dialect.names[place], rules, rows.place)

    places = range(len(dialect.names))
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:  # Polars lets go of Python's lock
        verdicts = list(pool.map(lambda place: judge(strings(place)), places))
    problems = [problem for verdict in verdicts for problem in verdict.problems]
    if problems:
        more = f" And {len(problems) - SHOWN} more columns like these." if len(problems) > SHOWN else ""
        raise DataError(f"{name} cannot be read as it is. {' '.join(problems[:SHOWN])}{more}")
    if any(verdict.commas for verdict in verdicts):
        verdicts = [_with_commas_elsewhere(verdicts[place], strings(place)) for place in places]
    columns = dict(zip(dialect.names, (verdict.values for verdict in verdicts), strict=True))
    return columns, tuple(note for verdict in verdicts for note in verdict.notes)


def _whole(blocks: Iterator[bytes], name: str, size: int | None) -> bytes:
    """All blocks in one, unless memory does not hold what comes of them."""
    first = next(blocks, b"")
    fields = sum(first.count(sign) for sign in b",;\t|\n")
    each = 2 + memory.FIELD * fields / max(len(first), 1)  # bytes of memory for one of the file
    if size is not None:
        memory.demand(int(size * each), f"{name}, {memory.size(size)} of text,")
    return memory.joined(chain([first], blocks), name, each)


def _fields(rows: Rows, dialect: Dialect, name: str, rules: Rules) -> pl.DataFrame:
    """The fields as text, null where a value is missing."""
    import polars as pl

    mark = codecs.BOM_UTF8  # Polars takes one off; here it is the first field's own
    frame = pl.read_csv(
        mark + rows.text if rows.text.startswith(mark) else rows.text,
        has_header=False,
        schema={str(place): pl.String for place in range(len(dialect.names))},
        separator=dialect.delimiter,
        quote_char='"' if dialect.quoting else None,
    )
    if frame.shape != (len(rows), len(dialect.names)):
        raise DataError(
            f"{name} holds {len(rows)} rows of {len(dialect.names)} fields by its lines, and {frame.shape[0]} of "
            f"{frame.shape[1]} as Polars reads it. Please report this."
        )
    if tuple(rules.missing) == ("",) and b'""' not in rows.text:  # Polars makes nothing of empty fields alone
        return frame.rechunk()
    text = pl.all().fill_null("")
    return frame.select(pl.when(text.is_in(list(rules.missing))).then(None).otherwise(text).name.keep()).rechunk()


def _with_commas_elsewhere(verdict: Verdict, text: Strings) -> Verdict:
    """What a column holds, if the file's decimal sign is the comma: points are doubtful then."""
    guessed = isinstance(verdict.values, np.ndarray) and verdict.values.dtype.kind == "f"
    if verdict.commas or not guessed or text.name in text.rules.kinds:
        return verdict
    return doubtful_points(text) or verdict


# ---- What is wrong with rows -----------------------------------------------------------------------------------------


def refuse_unknown(rules: Rules, dialect: Dialect, name: str) -> None:
    """An error that names the columns the user tells of, and the file has not."""
    lacking = [each for each in rules.kinds if each not in dialect.names]
    if lacking:
        raise DataError(absent(lacking, dialect.names, name))


def _refuse_quotes(text: bytes, records: Records, line: int, name: str) -> None:
    def at(place: int) -> int:
        return line + text[:place].count(b"\n")

    fix = "Within a field that stands in quotation marks, write them twice."
    if records.stray is not None:
        place, opened, closes = records.stray
        if not closes:
            raise DataError(
                f"Line {at(place)} of {name} has a quotation mark inside a field that does not begin with one. Put the "
                f"whole field in quotation marks. {fix}"
            )
        begun = f", which begins in line {at(opened)}" if at(opened) != at(place) else ""
        raise DataError(
            f"Line {at(place)} of {name} goes on after the quotation mark that ends a field{begun}. Is one missing "
            f"there? {fix}"
        )
    if records.unclosed is not None:
        raise DataError(f"Line {at(records.unclosed)} of {name} has a quotation mark that is never closed. {fix}")


def _refuse_returns(text: bytes, line: int, name: str, *, quoting: bool) -> None:
    """An error for carriage returns that end no line and stand in no quotation marks: fields would lose them."""
    if b"\r" not in text or text.count(b"\r") == text.count(b"\r\n"):
        return
    array = np.frombuffer(text, np.uint8)
    places = np.flatnonzero(array == RETURN)
    alone = places[array[np.minimum(places + 1, len(array) - 1)] != NEWLINE]
    quotes = np.flatnonzero(array == QUOTE) if quoting else alone[:0]
    outside = alone[np.searchsorted(quotes, alone) % 2 == 0]
    if len(outside):
        raise DataError(
            f"Line {line + text[: outside[0]].count(NEWLINE)} of {name} holds a carriage return that ends no line. Let "
            "all lines end alike, or put its field in quotation marks."
        )


def _ragged(text: bytes, records: Records, gaps: np.ndarray, line: int, dialect: Dialect, name: str) -> str:
    """The message for rows that have not as many fields as there are names."""
    width, sign = len(dialect.names), dialect.delimiter.encode()
    wrong = ~gaps & (records.fields != width)
    fields = records.fields[wrong]
    if (fields == width + 1).all() and wrong.sum() == (~gaps).sum() > 1 and width > 1:
        ends = all(text[records.ends[row] - 1 : records.ends[row]] == sign for row in np.flatnonzero(wrong)[:100])
        why = (
            f"Every row ends with {dialect.delimiter!r}: take it off, or put it behind the names as well."
            if ends
            else "The first line may lack a name, for instance that of the rows' numbers: write it in."
        )
        return f"Every row of {name} has {width + 1} fields, and its first line {width} names. {why}"
    listed = ", ".join(
        f"{fields[place]} in line {line + int(records.lines[row])}"
        for place, row in enumerate(np.flatnonzero(wrong)[:SHOWN].tolist())
    )
    more = f", and {len(fields) - SHOWN} more such rows" if len(fields) > SHOWN else ""
    if (fields < width).all():
        fix = "If what lacks at the end is missing, say on_short_row='fill'."
    elif width == 1:
        fix = "Say what separates the fields, delimiter='...'; or put a field that holds it in quotation marks."
    else:
        fix = f"Put a field that holds {dialect.delimiter!r} in quotation marks."
    count = f"{width} field{'s' if width > 1 else ''}"
    return f"Each row of {name} must have {count}, like its first line. Got {listed}{more}. {fix}"


def _lines(mask: np.ndarray, records: Records, line: int) -> str:
    rows = np.flatnonzero(mask)
    listed = ", ".join(str(line + int(records.lines[row])) for row in rows[:SHOWN].tolist())
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"line{'s' if len(rows) > 1 else ''} {listed}{more}"
