"""The answer of a database part by part, and as CSV with more columns."""

from __future__ import annotations

from collections.abc import Iterator

from tabgrad.errors import DataError
from tabgrad.table.cells import csv_cells, csv_field, unformulated
from tabgrad.table.part import Adding, Part, refuse_doubled
from tabgrad.table.strings import Rules
from tabgrad.table.table import Table, absent

__all__ = ["AnswerParts"]


class AnswerParts:
    """The rows of a table in memory, so many at a time.

    Parameters
    ----------
    table : Table
    rules : Rules
        The columns that they name must be there.
    rows : int
        How many make a part.
    """

    form = "csv"

    def __init__(self, table: Table, rules: Rules, rows: int) -> None:
        if lacking := [each for each in rules.kinds if each not in table.columns]:
            raise DataError(absent(lacking, table.names, table.name))
        self.name, self.names, self.notes = table.name, table.names, table.notes
        self._table, self._rows = table, rows

    def __iter__(self) -> Iterator[Part]:
        """The rows as tables."""
        for begin in range(0, len(self._table), self._rows):
            yield Part(self._table.part(slice(begin, begin + self._rows)), None)

    def with_columns(self, adding: Adding) -> Iterator[bytes]:
        """The rows as CSV, in UTF-8."""
        for count, (table, _) in enumerate(self):
            added = adding.columns(table)
            if not count:
                refuse_doubled(added, self.names, self.name)
                new = [unformulated(name) if adding.escape else name for name in added]
                yield (",".join(csv_field(name, ",") for name in (*self.names, *new)) + "\n").encode()
            cells = [csv_cells(values, ",") for values in table.columns.values()]
            cells += [csv_cells(values, ",", escape=adding.escape) for values in added.values()]
            yield "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()
