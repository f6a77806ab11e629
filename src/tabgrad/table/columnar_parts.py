"""A Parquet or an Arrow file part by part, and the same with more columns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tabgrad.errors import DataError
from tabgrad.table.columnar import damage, opened
from tabgrad.table.columns import Values, Words
from tabgrad.table.part import Adding, Part, refuse_doubled
from tabgrad.table.strings import Rules
from tabgrad.table.table import Table, absent

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ColumnarParts"]

COPY = 1 << 20


class ColumnarParts:
    """The rows of a Parquet or an Arrow file, so many at a time.

    Parameters
    ----------
    source : str or bytes
        Its path, or all of it.
    form : str
        "parquet" or "arrow".
    name : str
        What messages call it.
    rules : Rules
        The columns that they name are read, or all.
    rows : int
        How many make a part.
    """

    def __init__(self, source: Any, form: str, name: str, rules: Rules, rows: int) -> None:
        import polars as pl

        self.name, self.form, self._rows = name, form, rows
        self.notes: tuple[str, ...] = ()
        with damage(name, form):
            self._frame = opened(source, form)
            self.names = tuple(self._frame.collect_schema())
            self._length = int(self._frame.select(pl.len()).collect().item()) if self.names else 0
        if lacking := [each for each in rules.kinds if each not in self.names]:
            raise DataError(absent(lacking, self.names, name))
        self._wanted = list(rules.kinds) or list(self.names)

    def __iter__(self) -> Iterator[Part]:
        """The rows as tables."""
        for begin in range(0, max(self._length, 1), self._rows):  # of no row an empty part: the answer is nothing, too
            with damage(self.name, self.form):
                frame = self._frame.select(self._wanted).slice(begin, self._rows).collect()
            yield Part(replace(Table.of(frame, self.name), first_row=begin), None)

    def with_columns(self, adding: Adding) -> Iterator[bytes]:
        """The file with more columns: written beside its target, then block by block."""
        import tempfile  # much else comes with it

        import polars as pl

        new = []
        for table, _ in self:
            added = adding.columns(table)
            refuse_doubled(added, self.names, self.name)
            new.append(pl.DataFrame({name: _series(values) for name, values in added.items()}))
        handle, path = tempfile.mkstemp(prefix=".columns.", dir=adding.folder)
        os.close(handle)
        try:
            whole = pl.concat([self._frame, pl.concat(new).lazy()], how="horizontal")
            with damage(self.name, self.form):
                whole.sink_parquet(path) if self.form == "parquet" else whole.sink_ipc(path)
            with open(path, "rb") as file:
                while block := file.read(COPY):
                    yield block
        finally:
            os.unlink(path)


def _series(values: Values) -> pl.Series:
    import polars as pl

    if isinstance(values, Words):
        return pl.Series(values.objects().tolist(), dtype=pl.String)
    return pl.Series(values)
