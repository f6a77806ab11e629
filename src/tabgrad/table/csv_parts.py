"""A CSV file part by part: what its rows hold, and the bytes that they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from tabgrad._refusals import shown
from tabgrad.errors import DataError
from tabgrad.table import memory
from tabgrad.table.cells import csv_cells, csv_field, unformulated
from tabgrad.table.columns import words
from tabgrad.table.csv import Layout, Rows, refuse_unknown, rows_of, typed
from tabgrad.table.dialect import SAMPLE, dialect_of
from tabgrad.table.encodings import text_of
from tabgrad.table.part import Adding, Part, refuse_doubled
from tabgrad.table.records import scan
from tabgrad.table.table import Table

__all__ = ["CsvParts"]

LONGEST = 1 << 28  # bytes in which a record must end: where a quotation mark is never closed, none does


class CsvParts:
    """The rows of a CSV file, so many at a time; its first line is read at once.

    Parameters
    ----------
    blocks : iterator of bytes
    name : str
        What messages call it.
    layout : Layout
    rows : int
        How many make a part.
    """

    form = "csv"

    def __init__(self, blocks: Iterator[bytes], name: str, layout: Layout, rows: int) -> None:
        self.name, self._layout, self._rows = name, layout, rows
        self._text = text_of(blocks, name, layout.encoding)
        self._begin = b""
        for block in self._text.blocks:
            self._begin += block
            if len(self._begin) > SAMPLE and b"\n" in self._begin:
                break
        self._dialect = dialect_of(self._begin, name, layout.delimiter, header=layout.header)
        refuse_unknown(layout.rules, self._dialect, name)
        self.names = self._dialect.names
        self.notes = (*self._text.notes, *self._dialect.notes)

    def __iter__(self) -> Iterator[Part]:
        """The rows as tables; each also as it stands in the file, in UTF-8 and without its line's end."""
        number = 1  # of a row, where lines do not tell it
        for rows in self._parts():
            if len(rows):
                columns, _ = typed(rows, self._dialect, self.name, self._layout.rules)
                first = rows.line + int(rows.records.lines[0]) if rows.in_step else number
                number += len(rows)
                yield Part(Table(columns, rows.notes, self.name, first), _raw(rows))
        if number == 1:  # nothing to predict is no mistake: the answer is nothing, too
            yield Part(Table({name: words([]) for name in self.names}, (), self.name, self._dialect.line), [])

    def with_columns(self, adding: Adding) -> Iterator[bytes]:
        """The file, each row with more fields behind its own: encoding, line ends and quotation marks stay."""
        end = self._text.newline.decode()
        for count, part in enumerate(self):
            added = adding.columns(part.table)
            if not count:
                refuse_doubled(added, self.names, self.name)
                yield self._text.mark + self._head(added, escape=adding.escape)
            cells = [csv_cells(values, self._dialect.delimiter, escape=adding.escape) for values in added.values()]
            texts = [record.decode() for record in part.records or ()]
            if not self._dialect.quoting and any('"' in cell for column in cells for cell in column):
                raise DataError(f"{self.name} has no quotation marks around fields, and new ones would need them.")
            lines = map(self._dialect.delimiter.join, zip(texts, *cells, strict=True))
            yield self._encoded(end.join([*lines, ""]))

    def _head(self, names: Iterable[str], *, escape: bool) -> bytes:
        """The first line with names behind it."""
        if not self._layout.header:
            return b""
        header = self._begin[: self._dialect.begin].strip(b"\r\n").decode()
        new = [csv_field(unformulated(name) if escape else name, self._dialect.delimiter) for name in names]
        return self._encoded(self._dialect.delimiter.join([header, *new]) + self._text.newline.decode())

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._text.encoding)
        except UnicodeEncodeError as error:
            raise DataError(
                f"{shown(text[error.start : error.end])} cannot be written in the encoding of {self.name}, "
                f"{self._text.encoding}. Save that file as UTF-8."
            ) from None

    def _parts(self) -> Iterator[Rows]:
        """The rows, whole records only."""
        line, ends, due = self._dialect.line, 0, 0
        rest = b""
        blocks: list[bytes] = []
        for block in chain([self._begin[self._dialect.begin :]], self._text.blocks):
            blocks.append(block)
            ends += block.count(b"\n")
            if ends < self._rows or sum(map(len, blocks)) < due:
                continue
            rest = b"".join(blocks)
            begin = 0
            for cut in self._cuts(rest, line):
                part = rest[begin:cut]
                yield rows_of(part, self._dialect, line, self.name, self._layout, last=False)
                line += part.count(b"\n")
                begin = cut
            due = 0 if begin else 2 * len(rest)  # a field of many lines is not looked at again with each of them
            blocks = [rest[begin:]]
            ends = blocks[0].count(b"\n")
        if rest := b"".join(blocks):
            yield rows_of(rest, self._dialect, line, self.name, self._layout)

    def _cuts(self, text: bytes, line: int) -> list[int]:
        """Where parts end: behind so many records each."""
        records = scan(text, self._dialect.delimiter, quoting=self._dialect.quoting)
        whole = len(records.starts) - (records.unclosed is not None or not text.endswith(b"\n"))
        if not whole and len(text) > LONGEST:
            raise DataError(f"Line {line} of {self.name} begins a row that does not end within {memory.size(LONGEST)}.")
        begins = np.append(records.starts, len(text))[: whole + 1]
        cuts: list[int] = begins[self._rows :: self._rows].tolist()
        return cuts


def _raw(rows: Rows) -> list[bytes]:
    """Each record as it stands there."""
    records = rows.records
    if b"\r" not in rows.text and rows.text.count(b"\n") - rows.text.endswith(b"\n") == len(rows) - 1:
        return rows.text.split(b"\n")[: len(rows)]
    places = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
    return [rows.text[start:end] for start, end in places]
