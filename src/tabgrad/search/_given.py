"""X and y as a search cuts them into folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy.sparse import issparse

from tabgrad.errors import DataError
from tabgrad.estimators._rows import is_frame, read_rows
from tabgrad.table import Table, Words
from tabgrad.table.table import values_of


def as_given(X: Any, y: Any) -> tuple[Any, Any]:
    """X and y; a dict of columns as a table, and y that is the name of a column taken out of X.

    Raises
    ------
    DataError
        y names a column, and X has no names, or not this one.
    """
    if isinstance(X, Mapping) and not issparse(X):
        X = Table.of(dict(X))
    if not isinstance(y, str):
        return X, y
    if not isinstance(X, Table) and not is_frame(X):
        raise DataError(f"y is a column's name, {y!r}, and X has no names of columns. Give a frame, or y's values.")
    rows = read_rows(X, "search")
    values = rows.table.select((y,))[y]
    return rows.without((y,)).table, values.objects() if isinstance(values, Words) else values_of(values, y)
