"""Frames and series of pandas, Polars and PyArrow as columns, through narwhals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np

from tabgrad._refusals import shown
from tabgrad.errors import DataError
from tabgrad.table.columns import LOSSLESS, MOMENTS, Values, Words, column_of, is_missing, unique, words


def columns_of(data: Any, name: str) -> tuple[dict[str, Values], tuple[str, ...]] | None:
    """The columns of a frame, and what is to be said of them; None for what is no frame.

    Raises
    ------
    DataError
        For two columns of one name, frames that are not in memory, and columns of lists, structures or bytes, each
        named.
    """
    try:
        frame = nw.from_native(data, eager_only=True)
    except nw.exceptions.DuplicateError:
        unique([str(column) for column in getattr(data, "column_names", data.columns)], name)
        raise
    except TypeError:
        if hasattr(data, "collect"):
            kind = type(data).__name__
            raise DataError(f"{name} must be in memory. Got a {kind}: call .collect() first.") from None
        return None
    names = unique([str(column) for column in frame.columns], name)
    columns: dict[str, Values] = {}
    notes: list[str] = []
    problems: list[str] = []
    for column, series in zip(names, _columns(data, frame), strict=True):
        try:
            columns[column] = (
                series
                if isinstance(series, np.ndarray)
                else _values(series, f"Column {shown(column)} of {name}", notes)
            )
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError(" ".join(problems))
    return columns, tuple(notes)


def block_of(data: Any) -> tuple[list[str], np.ndarray] | None:
    """The names and the one array of numbers that a frame of pandas is; None where it is not one."""
    if type(data).__module__.partition(".")[0] != "pandas" or getattr(data, "ndim", 0) != 2:
        return None
    dtypes = set(data.dtypes)
    dtype = dtypes.pop() if len(dtypes) == 1 else None
    if not isinstance(dtype, np.dtype) or dtype.kind not in "fiu" or dtype.itemsize < 4 or not dtype.isnative:
        return None
    return [str(column) for column in data.columns], data.to_numpy()


def _columns(data: Any, frame: nw.DataFrame[Any]) -> Iterator[Any]:
    """The columns in their order; of pandas those that are NumPy's numbers as they are, since nothing need be asked."""
    if not frame.implementation.is_pandas():
        yield from frame.iter_columns()
        return
    for dtype, (_, series) in zip(data.dtypes, data.items(), strict=True):
        numpy = isinstance(dtype, np.dtype) and dtype.kind in "fiub" and dtype.itemsize != 2 and dtype.isnative
        yield np.asarray(series) if numpy else nw.from_native(series, series_only=True)


def series_of(data: Any, name: str) -> Values | None:
    """A series, or a frame of one column, as a column; None for what is neither."""
    try:
        series = nw.from_native(data, eager_only=True, allow_series=True)
    except TypeError:
        return None
    if isinstance(series, nw.DataFrame):
        if len(series.columns) != 1:
            raise DataError(f"{name} must be one column. Got a frame of {len(series.columns)}.")
        series = series.get_column(series.columns[0])
    return _values(series, name, [])


def _values(series: nw.Series[Any], name: str, notes: list[str]) -> Values:
    native = series.to_native()
    if isinstance(getattr(native, "dtype", None), np.dtype) and native.dtype.kind in "fiub":
        return column_of(native.to_numpy(), name)  # pandas over NumPy: the array is there, whatever asking would cost
    dtype = series.dtype
    if isinstance(dtype, (nw.Categorical, nw.Enum)):
        return _categories(series)
    if isinstance(dtype, nw.String):
        return _text(series)
    if isinstance(dtype, (nw.List, nw.Array, nw.Struct, nw.Binary)):
        kind = "bytes" if isinstance(dtype, nw.Binary) else "nested values"
        raise DataError(f"{name} must hold numbers, text, dates or truth values. Got {kind} ({dtype}).")
    if isinstance(dtype, (nw.Date, nw.Datetime)):
        return _moments(series, name, notes)
    if isinstance(dtype, nw.Time):
        notes.append(f"{name}, times of day, is read as seconds since midnight.")
        return column_of([_seconds(value) for value in series.to_list()], name)
    if isinstance(dtype, nw.Duration):
        notes.append(f"{name}, durations, is read as seconds.")
        return np.asarray(series.dt.total_microseconds().cast(nw.Float64()).fill_null(float("nan")).to_numpy()) / 1e6
    if dtype.is_numeric() or isinstance(dtype, nw.Boolean):
        return _numbers(series, name)
    return column_of(series.to_list(), name)


def _numbers(series: nw.Series[Any], name: str) -> Values:
    if isinstance(series.dtype, nw.Boolean):
        values = series.to_list()
        if any(is_missing(value) for value in values):
            return words([None if is_missing(value) else str(bool(value)) for value in values])
        return np.asarray(values, bool)
    wide = isinstance(series.dtype, (nw.Decimal, nw.Int128, nw.UInt128))
    whole = series.dtype.is_integer()
    if whole and (wide or series.null_count()):
        largest = max((abs(value) for value in (series.min(), series.max()) if value is not None), default=0)
        if largest > LOSSLESS:
            raise DataError(
                f"{name} must hold integers of at most 2^53 where it is to be numbers: {largest} would change. "
                "Make it text, or leave it out."
            )
    if wide or series.null_count():
        series = series.cast(nw.Float64()).fill_null(float("nan"))
    array = series.to_numpy()
    return column_of(np.asarray(array), name)


def _text(series: nw.Series[Any]) -> Words:
    if series.implementation.is_polars():
        import polars as pl

        native = series.to_native()
        levels = native.drop_nulls().unique(maintain_order=True)
        codes = native.cast(pl.Enum(levels)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
        return Words(np.ascontiguousarray(codes), tuple(levels.to_list()))
    return words(series.to_list())


def _categories(series: nw.Series[Any]) -> Words:
    """Categories in their own order, those without rows too."""
    names = [str(level) for level in series.cat.get_categories().to_list()]
    place = {level: code for code, level in enumerate(names)}
    codes = [-1 if is_missing(value) else place[str(value)] for value in series.to_list()]
    ordered = bool(getattr(getattr(series.to_native(), "dtype", None), "ordered", False))
    return Words(np.asarray(codes, np.int32), tuple(names), ordered)


def _moments(series: nw.Series[Any], name: str, notes: list[str]) -> np.ndarray:
    zone = getattr(series.dtype, "time_zone", None)
    if zone is not None:
        notes.append(f"{name}, moments in the time zone {zone}, is read in UTC.")
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if isinstance(series.dtype, nw.Date):
        series = series.cast(nw.Datetime("us"))
    return np.asarray(series.to_numpy(), MOMENTS)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    return float(value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6)
