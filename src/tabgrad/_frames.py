"""Frames and series of pandas, Polars and PyArrow as arrays: the only module that imports narwhals."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from tabgrad._refusals import SHOWN, refusal, shown
from tabgrad.errors import DataError

_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((nw.String, nw.Binary), "text"),
    ((nw.Categorical, nw.Enum), "categories"),
    ((nw.Datetime, nw.Date, nw.Time), "dates"),
    ((nw.Duration,), "durations"),
    ((nw.List, nw.Array, nw.Struct), "nested values"),
)


def from_frame(values: Any, name: str) -> tuple[np.ndarray, tuple[str, ...] | None] | None:
    """The numbers of a frame with its columns' names, or of a series without; None if it is neither.

    Raises
    ------
    DataError
        Naming the columns that do not hold numbers.
    """
    try:
        frame = nw.from_native(values, eager_only=True, allow_series=True)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"The columns of {name} must have different names. Got {_doubled(values)}.") from error
    except TypeError:
        if hasattr(values, "collect"):
            kind = type(values).__name__
            raise DataError(f"{name} must be in memory. Got a {kind}: call .collect() first.") from None
        return None
    if isinstance(frame, nw.Series):
        array = _column(frame)
        if isinstance(array, str):
            raise DataError(refusal(name, [(array, f"the series{_example(frame)}")]))
        return array, None
    columns = {column.name: _column(column) for column in frame.iter_columns()}
    refused = {column: kind for column, kind in columns.items() if isinstance(kind, str)}
    if refused:
        found = [(kind, f"column '{column}'{_example(frame.get_column(column))}") for column, kind in refused.items()]
        raise DataError(refusal(name, found[:SHOWN], len(found) - SHOWN if len(found) > SHOWN else 0))
    arrays = [array for array in columns.values() if isinstance(array, np.ndarray)]
    return _joined(arrays, len(frame)), tuple(str(column) for column in columns)


def _column(column: nw.Series[Any]) -> np.ndarray | str:
    """One column as numbers with NaN where a value is missing, or the kind of data that it holds instead."""
    dtype = column.dtype
    for types, kind in _KINDS:
        if isinstance(dtype, types):
            return kind
    if isinstance(dtype, (nw.Decimal, nw.Int128, nw.UInt128)):
        column = column.cast(nw.Float64())
    array = column.to_numpy()
    if array.dtype.kind == "O" and (dtype.is_numeric() or isinstance(dtype, nw.Boolean)):
        array = column.cast(nw.Float64()).fill_null(float("nan")).to_numpy()
    if array.dtype.kind == "O" and column.null_count() == len(column):
        return np.full(len(column), np.nan)
    if array.dtype.kind in "fiub":
        return array
    return "complex numbers" if array.dtype.kind == "c" else "Python objects"


def _joined(arrays: list[np.ndarray], rows: int) -> np.ndarray:
    """The columns side by side; in float32 unless a wider one needs its range checked."""
    if not arrays:
        return np.empty((rows, 0), np.float32)
    table = np.empty((rows, len(arrays)), np.result_type(np.float32, *(array.dtype for array in arrays)))
    for place, array in enumerate(arrays):
        table[:, place] = array
    return table


def _doubled(frame: Any) -> str:
    """The names that more than one column of a frame bears."""
    names = [str(name) for name in getattr(frame, "column_names", frame.columns)]
    return ", ".join(f"'{name}' {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1)


def _example(column: nw.Series[Any]) -> str:
    """The first value that is there: `` ('Berlin' in row 0)``."""
    for row, value in enumerate(column.head(1000).to_list()):
        if value is not None and value == value:  # noqa: PLR0124  (NaN is not itself)
            return f" ({shown(value)} in row {row})"
    return ""
