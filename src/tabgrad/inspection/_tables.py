"""X in whatever form an estimator takes it, with the values of a column exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np

from tabgrad._checks import check
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, DataError
from tabgrad.table import Table
from tabgrad.table.columns import Words

__all__ = ["Given", "rows_drawn", "taken"]


@dataclass(frozen=True)
class Given:
    """X, its columns known by names or by places.

    Parameters
    ----------
    X : frame, dict of columns, array, list of rows or Table
    owner : str
        The function that asks, for messages.
    """

    X: Any
    owner: str

    @classmethod
    def of(cls, X: Any, owner: str) -> Given:
        """X, a list of rows as an array.

        Raises
        ------
        DataError
            What is no table, or has no rows.
        """
        if isinstance(X, (list, tuple)):
            text = any(isinstance(value, str) for row in X if isinstance(row, (list, tuple)) for value in row)
            X = np.array(X, dtype=object if text else None)
        given = cls(X, owner)
        if not len(given.table):
            raise DataError(f"X of {owner} must have at least one row. Got none.")
        return given

    @cached_property
    def table(self) -> Table:
        """Its columns as tabgrad understands them."""
        return Table.of(self.X)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names; ``x0``, ``x1``, ... of an array."""
        return self.table.names

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.table)

    def named(self, column: Any) -> str:
        """The name of a column that is given by its name or its place.

        Raises
        ------
        ArgumentError
            There is none; the nearest name is suggested.
        """
        names, whole = self.names, isinstance(column, (int, np.integer)) and not isinstance(column, bool)
        if whole and -len(names) <= column < len(names):
            return str(names[column])
        if isinstance(column, str) and column in self.table.columns:
            return column
        if whole:
            raise ArgumentError(f"{self.owner} wants columns from 0 to {len(names) - 1} of X. Got {column}.")
        close = get_close_matches(str(column), names, n=1)
        meant = f" Did you mean {shown(close[0])}?" if close else f" It has {', '.join(map(shown, names[:5]))}."
        raise ArgumentError(f"{self.owner} knows no column {shown(column)} of X.{meant}")

    def part(self, rows: np.ndarray) -> Any:
        """X of these rows."""
        if isinstance(self.X, Table):
            return self.X.part(rows)
        if isinstance(self.X, np.ndarray):
            return self.X[rows]
        if isinstance(self.X, Mapping):
            return {name: taken(values, rows) for name, values in self.X.items()}
        if hasattr(self.X, "iloc"):
            return self.X.iloc[rows]
        return _frame(self.X)[rows.tolist(), :].to_native()

    def raw(self, column: str) -> Any:
        """A column in the form that X has it."""
        place = self.names.index(column)
        if isinstance(self.X, Table):
            return self.X.columns[column]
        if isinstance(self.X, np.ndarray):
            return self.X[:, place]
        if isinstance(self.X, Mapping):
            return self.X[column]
        return self.X.iloc[:, place].array if hasattr(self.X, "iloc") else _frame(self.X)[column]

    def put(self, column: str, values: Any) -> Any:
        """X with other values in a column: numbers, or what `raw` gives, a value for each row."""
        X, place = self.X, self.names.index(column)
        if isinstance(X, Table):
            return replace(X, columns={**X.columns, column: values}, block=None)
        if isinstance(X, np.ndarray):
            changed = X.astype(np.result_type(X, values)) if X.dtype.kind in "fiub" else X.copy()
            changed[:, place] = values
            return changed
        if isinstance(X, Mapping):
            return {**X, column: values}
        if hasattr(X, "isetitem"):
            frame = X.copy(deep=False)
            frame.isetitem(place, values)
            return frame
        frame = _frame(X)
        series = _series(column, values, frame) if isinstance(values, np.ndarray) else values
        return frame.with_columns(series.alias(column)).to_native()

    def taken(self, column: str, rows: np.ndarray) -> Any:
        """X with the values that a column has in these rows, one for each row of X."""
        return self.put(column, taken(self.raw(column), rows))


def rows_drawn(rows: int, most: float, random: np.random.RandomState, owner: str) -> np.ndarray | None:
    """The places of the rows that `max_samples` leaves, drawn as scikit-learn does; None: all.

    Raises
    ------
    ArgumentError
        A share outside (0, 1], a number of rows below 1.
    """
    from sklearn.utils.random import sample_without_replacement

    whole = isinstance(most, (int, np.integer))
    check(most, "max_samples", owner, (float,))
    if not 0 < most <= (rows if whole else 1):
        raise ArgumentError(
            f"'max_samples' of {owner} must be a number of rows, at most the {rows:,} of X, or a share in (0, 1]. Got "
            f"{shown(most)}."
        )
    count = int(most) if whole else max(int(most * rows), 1)
    if count == rows:
        return None
    return np.asarray(sample_without_replacement(rows, count, random_state=random), np.int64)


def taken(values: Any, rows: np.ndarray) -> Any:
    """Some of the rows of a column, as `Given.raw` gives it."""
    if isinstance(values, (list, tuple)):
        return [values[row] for row in rows.tolist()]
    if isinstance(values, (np.ndarray, Words)):
        return values[rows]
    if hasattr(values, "iloc"):
        values = values.array
    return values.take(rows) if hasattr(values, "take") else values[rows.tolist()]


def _frame(X: Any) -> Any:
    import narwhals.stable.v2 as nw

    return nw.from_native(X, eager_only=True)


def _series(name: str, values: np.ndarray, frame: Any) -> Any:
    import narwhals.stable.v2 as nw

    return nw.Series.from_numpy(name, values, backend=frame.implementation)
