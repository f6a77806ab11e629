"""JSON lines part by part: what the members hold, and the lines as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from tabgrad.errors import DataError
from tabgrad.table.cells import json_cells
from tabgrad.table.encodings import text_of
from tabgrad.table.json_lines import lines_of, table_of
from tabgrad.table.part import Adding, Part, refuse_doubled
from tabgrad.table.strings import Rules

__all__ = ["JsonParts"]


class JsonParts:
    """The objects of JSON lines, so many at a time.

    Parameters
    ----------
    blocks : iterator of bytes
    name : str
        What messages call the file.
    rules : Rules
    rows : int
        How many make a part.
    encoding : str, optional
    """

    form = "jsonl"

    def __init__(self, blocks: Iterator[bytes], name: str, rules: Rules, rows: int, encoding: str | None) -> None:
        self.name, self._rules, self._rows = name, rules, rows
        self._text = text_of(blocks, name, encoding)
        lines = lines_of(self._text.blocks, name)
        begin = list(islice(lines, rows))
        if not begin:
            raise DataError(f"{name} is empty: it must hold an object a line.")
        self._lines = chain(begin, lines)
        self.names = tuple(dict.fromkeys(member for line in begin for member in line.members))
        self.notes = self._text.notes

    def __iter__(self) -> Iterator[Part]:
        """The objects as tables, each also as its line is; what a later part lacks altogether is missing there."""
        while lines := list(islice(self._lines, self._rows)):
            first = lines[0]
            members = {**{name: None for name in self._rules.kinds if name in self.names}, **first.members}
            table = table_of([replace(first, members=members), *lines[1:]], self.name, self._rules)
            yield Part(table, [line.raw.rstrip() for line in lines])

    def with_columns(self, adding: Adding) -> Iterator[bytes]:
        """The file, each object with more members behind its own. JSON has no formulas."""
        yield self._text.mark
        for table, records in self:
            added = adding.columns(table)
            refuse_doubled(added, self.names, self.name)
            named = [f"{json.dumps(name, ensure_ascii=False)}: " for name in added]
            cells = [json_cells(values) for values in added.values()]
            lines = []
            for record, *values in zip(records or (), *cells, strict=True):
                members = ", ".join(name + value for name, value in zip(named, values, strict=True))
                before = record[:-1].decode().rstrip()
                lines.append(
                    f"{before}{', ' if before.lstrip() != '{' else ''}{members}}}{self._text.newline.decode()}"
                )
            yield "".join(lines).encode(self._text.encoding)
