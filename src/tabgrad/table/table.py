"""A table in memory: columns of equal length, by name, as NumPy arrays, whatever library they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import DataError
from tabgrad.table.columns import Values, Words, column_of, unique

__all__ = ["Table", "absent", "values_of"]


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, by name.

    Parameters
    ----------
    columns : mapping of str to array or Words
        Arrays of shape (rows,): bool, integers, floats (NaN: missing) or datetime64[us] (NaT: missing).
    notes : tuple of str
        What was guessed or changed on the way in, a sentence each.
    name : str, default "X"
        What messages call the table: "X", "beans.csv".
    first_row : int, default 0
        The number that messages give to the first row; in a CSV file its line.
    block : array of shape (rows, columns) or None
        The one numeric array that the columns are views of, where the table came as one.

    Examples
    --------
    >>> from tabgrad.table import Table
    >>> table = Table.of({"area": [1.5, None, 2.0], "colour": ["red", "green", "red"]})
    >>> table.names, len(table), table["colour"].levels
    (('area', 'colour'), 3, ('red', 'green'))
    """

    columns: Mapping[str, Values]
    notes: tuple[str, ...] = ()
    name: str = "X"
    first_row: int = 0
    block: np.ndarray | None = field(default=None, repr=False)

    @staticmethod
    def of(data: Any, name: str = "X") -> Table:
        """A table from what is in memory.

        Parameters
        ----------
        data : Table, frame, dict of columns, array of shape (rows, columns), or list of rows
            Frames of pandas, Polars, PyArrow, and what else narwhals knows. Columns of an array are called ``x0``,
            ``x1``, ....
        name : str
            What messages call it.

        Raises
        ------
        DataError
            With the column, and the rows where values are of several types; for what is no table, or has two columns
            of one name.
        """
        if isinstance(data, Table):
            return data
        if isinstance(data, Mapping):
            return _of_columns(data, name)
        if isinstance(data, (np.ndarray, list, tuple)):
            return _of_array(data, name)
        if type(data).__module__.startswith("scipy.sparse"):
            raise DataError(f"{name} must be dense. Got a sparse matrix; convert it: .toarray().")
        from tabgrad.table.frames import block_of, columns_of  # imports narwhals

        block = block_of(data)
        if block is not None and block[0]:
            return Table(_views(block[1], unique(block[0], name)), name=name, block=block[1])
        found = columns_of(data, name)
        if found is not None:
            columns, notes = found
            return Table(columns, notes, name)
        if hasattr(data, "__array__"):
            return _of_array(np.asarray(data), name)
        raise DataError(
            f"{name} must be a frame, an array, a dict of columns or a list of rows. Got {shown(data)} "
            f"({type(data).__name__})."
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in their order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        """The number of rows."""
        return next((len(values) for values in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Values:
        """A column.

        Raises
        ------
        DataError
            There is none of this name; the nearest is suggested.
        """
        if name not in self.columns:
            raise DataError(absent([name], self.names, self.name))
        return self.columns[name]

    def select(self, names: Sequence[str]) -> Table:
        """These columns, in this order.

        Raises
        ------
        DataError
            Names all that are not there, each with the nearest that is.
        """
        lacking = [name for name in names if name not in self.columns]
        if lacking:
            raise DataError(absent(lacking, self.names, self.name))
        kept = self.block if tuple(names) == self.names else None
        return replace(self, columns={name: self.columns[name] for name in names}, block=kept)

    def without(self, names: Sequence[str]) -> Table:
        """All columns but these, which must be there."""
        self.select(names)
        return self.select([name for name in self.names if name not in set(names)])

    def part(self, rows: slice | np.ndarray) -> Table:
        """Some of the rows: of a slice views, of places or a mask copies."""
        if self.block is not None:
            block = self.block[rows]
            return replace(self, columns=_views(block, self.names), block=block)
        return replace(self, columns={name: values[rows] for name, values in self.columns.items()})

    def fingerprint(self) -> str:
        """SHA-256 of the names, the kinds and the contents: the same for equal tables, on any machine."""
        digest = hashlib.sha256()
        for name, values in self.columns.items():
            array = values.codes if isinstance(values, Words) else values
            levels = values.levels if isinstance(values, Words) else ()
            head = repr((name, array.dtype.str, len(array), levels))
            digest.update(head.encode("utf-8", "surrogatepass"))
            digest.update(np.ascontiguousarray(array).data.cast("B") if array.dtype.kind != "M" else array.tobytes())
        return digest.hexdigest()

    def row(self, place: int) -> int:
        """The number by which messages call a row."""
        return self.first_row + place

    def rows(self, where: np.ndarray) -> str:
        """The first few rows in which a mask holds, and how many there are: ``3 rows (2, 5, 9)``."""
        found = np.flatnonzero(where)
        listed = ", ".join(str(self.row(place)) for place in found[:SHOWN].tolist())
        more = ", ..." if len(found) > SHOWN else ""
        return f"{len(found)} rows ({listed}{more})" if len(found) > 1 else f"row {listed}"


def absent(names: Sequence[str], known: Sequence[str], table: str) -> str:
    """The message for columns that a table does not have, each with the nearest that it has."""
    import difflib

    told = []
    for name in names:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        told.append(f"{shown(name)} (did you mean {shown(close[0])}?)" if close else shown(name))
    plural = "s" if len(told) > 1 else ""
    listed = ", ".join(shown(name) for name in known[:12])
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"{table} has no column{plural} {', '.join(told)}. It has: {listed}{more}."


def values_of(data: Any, name: str) -> Values:
    """One column: a list, an array of shape (rows,) or (rows, 1), a series.

    Raises
    ------
    DataError
        With the rows where values are of several types; for more than one column.
    """
    if isinstance(data, Words):
        return data
    if not isinstance(data, (np.ndarray, list, tuple)):
        from tabgrad.table.frames import series_of  # imports narwhals

        values = series_of(data, name)
        if values is not None:
            return values
        data = data if hasattr(data, "__array__") else list(data) if isinstance(data, Iterator) else data
    array = data if isinstance(data, np.ndarray) else None
    if array is None and isinstance(data, (list, tuple)):
        return column_of(data, name)
    array = np.asarray(data) if array is None else array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name} must be one column, of shape (rows,). Got {array.shape}.")
    return column_of(array, name)


# ---- From Python's own values ----------------------------------------------------------------------------------------


def _of_columns(data: Mapping[Any, Any], name: str) -> Table:
    names = unique([str(key) for key in data], name)
    columns = {
        column: values_of(values, f"Column {shown(column)} of {name}")
        for column, values in zip(names, data.values(), strict=True)
    }
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{shown(column)} {length}" for column, length in list(lengths.items())[:6])
        raise DataError(f"The columns of {name} must be equally long. Got: {listed}.")
    return Table(columns, name=name)


def _of_array(data: Any, name: str) -> Table:
    array = data if isinstance(data, np.ndarray) else _rows(data, name)
    if array.ndim != 2:
        raise DataError(
            f"{name} must be a table of shape (rows, columns). Got an array of shape {array.shape}. Use "
            f"{name}.reshape(-1, 1) for one column or {name}.reshape(1, -1) for one row."
        )
    names = tuple(f"x{place}" for place in range(array.shape[1]))
    if array.dtype.kind in "fiub" and array.dtype.itemsize > 1 and not isinstance(array, np.ma.MaskedArray):
        block = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        block = block.astype(np.float32) if block.dtype == np.float16 else block
        return Table(_views(block, names), name=name, block=np.asarray(block))
    columns = {column: column_of(array[:, place], f"Column {place} of {name}") for place, column in enumerate(names)}
    return Table(columns, name=name)


def _rows(data: Sequence[Any], name: str) -> np.ndarray:
    """A list of rows as an array: of numbers where all are numbers, else of objects."""
    lengths = [len(row) if hasattr(row, "__len__") and not isinstance(row, str) else 0 for row in data]
    odd = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is not None:
        raise DataError(
            f"The rows of {name} must be equally long. Row 0 has {lengths[0]} values, row {odd} has {lengths[odd]}."
        )
    try:
        array = np.asarray(data)
    except ValueError:
        array = np.asarray(data, dtype=object)
    return array if array.dtype.kind in "fiub" else np.asarray(data, dtype=object)


def _views(block: np.ndarray, names: Sequence[str]) -> Mapping[str, np.ndarray]:
    return {name: block[:, place] for place, name in enumerate(names)}
