"""X and y as a search cuts them into folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
from scipy.sparse import issparse

from tabgrad.errors import DataError
from tabgrad.estimators._rows import is_frame, read_rows
from tabgrad.table import Table, Words
from tabgrad.table.table import values_of


def as_given(X: Any, y: Any) -> tuple[Any, Any]:
    """X and y; a dict of columns as a table, and y that names a column, or several, taken out of X.

    Raises
    ------
    DataError
        y names a column, and X has no names, or not this one.
    """
    X = as_table(X)
    if not is_named(y):
        return X, y
    if not isinstance(X, Table) and not is_frame(X):
        raise DataError(f"y is a column's name, {y!r}, and X has no names of columns. Give a frame, or y's values.")
    rows = read_rows(X, "search")
    names = (y,) if isinstance(y, str) else tuple(y)
    columns = [rows.table.select(names)[name] for name in names]
    each: list[Any] = [
        values.objects() if isinstance(values, Words) else values_of(values, name)
        for name, values in zip(names, columns, strict=True)
    ]
    left = rows.without(names).table if isinstance(X, Table) else nw.from_native(X).drop(names).to_native()
    return left, each[0] if isinstance(y, str) else np.column_stack(each)


def as_table(X: Any) -> Any:
    """A dict of columns as a table, anything else as it is."""
    return Table.of(dict(X)) if isinstance(X, Mapping) and not issparse(X) else X


def is_named(y: Any) -> bool:
    """Whether y is the name of a column, or a list of such."""
    return isinstance(y, str) or (isinstance(y, (list, tuple)) and bool(y) and all(isinstance(each, str) for each in y))
