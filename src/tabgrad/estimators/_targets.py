"""y as its owner gives it: one column of labels, or columns of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning

from tabgrad._refusals import shown
from tabgrad._warning import warn
from tabgrad.errors import DataError
from tabgrad.table import Table, Words
from tabgrad.table.columns import Values
from tabgrad.table.table import values_of

__all__ = ["part_of", "read_labels", "read_values"]


def read_labels(y: Any, owner: str) -> Any:
    """One column of labels, as an array where y is one, so that predictions have its type.

    Raises
    ------
    DataError
        No y, or several columns.

    Warns
    -----
    DataConversionWarning
        y is one column of two axes, as scikit-learn warns.
    """
    y = _given(y, owner)
    if isinstance(y, Table):
        return y[y.names[0]]
    shape = _shape(y)
    if len(shape) < 2:
        return y
    array = np.asarray(y)
    if shape[1] == 1:
        return _only_column(array)
    one_hot = array.dtype.kind in "fiub" and np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()
    fix = "The rows are one-hot: give y.argmax(axis=1)." if one_hot else "Train a Classifier for each column."
    raise DataError(f"y should be a 1d array of labels, got an array of shape {shape} instead. {fix}")


def read_values(y: Any, owner: str, *, several: bool = True) -> Values:
    """Numbers of shape (rows,) or, where there may be several, (rows, outputs), not yet looked at; words stay words.

    Raises
    ------
    DataError
        No y, more than two axes, text among several columns.

    Warns
    -----
    DataConversionWarning
        y is one column of two axes where it is to be one.
    """
    y = _given(y, owner)
    if isinstance(y, Table):
        if len(y.names) == 1:
            return y[y.names[0]]
        if text := [name for name, values in y.columns.items() if isinstance(values, Words)]:
            raise DataError(f"Several targets must all hold numbers. Got text in {', '.join(map(shown, text[:5]))}.")
        return np.column_stack([values for values in y.columns.values() if isinstance(values, np.ndarray)])
    shape = _shape(y)
    if len(shape) > 2 or (len(shape) == 2 and not shape[1]):
        raise DataError(f"y must have the shape (rows,) or (rows, outputs). Got {shape}.")
    if len(shape) == 2:
        return np.asarray(y) if several or shape[1] > 1 else _only_column(np.asarray(y))
    return values_of(y, "y")


def part_of(y: Any, rows: np.ndarray) -> Any:
    """Some of the rows of y."""
    return y[rows] if isinstance(y, np.ndarray) else values_of(y, "y")[rows]


def _only_column(y: np.ndarray) -> np.ndarray:
    """The column of a table of one, with scikit-learn's warning."""
    warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), for "
        "example using ravel().",
        DataConversionWarning,
    )
    column: np.ndarray = y[:, 0]
    return column


def _given(y: Any, owner: str) -> Any:
    """What is there and dense."""
    if y is None:
        raise DataError(f"This {owner} estimator requires y to be passed, but the target y is None.")
    if isinstance(y, (Table, Words)):
        return y
    if type(y).__module__.startswith("scipy.sparse"):
        raise DataError("y must be dense. Got a sparse matrix; convert it: .toarray().")
    values = y if hasattr(y, "__len__") else np.asarray(y)  # whatever else can be an array
    if isinstance(values, str) or np.ndim(values) == 0:
        raise DataError(f"y should be a 1d array, with a value for each row of X. Got {shown(y)}.")
    return values


def _shape(y: Any) -> tuple[int, ...]:
    return tuple(y.shape) if hasattr(y, "shape") else np.shape(y) if _nested(y) else (len(y),)


def _nested(y: Any) -> bool:
    return bool(len(y)) and hasattr(y[0], "__len__") and not isinstance(y[0], str)
