"""A column in memory: numbers, truth values, moments, or words (text and categories, each different one kept once).

A missing value is NaN, NaT, or the code -1.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabgrad._refusals import KINDS, shown
from tabgrad.errors import DataError

__all__ = ["LOSSLESS", "MOMENTS", "Values", "Words", "column_of", "is_missing", "missing", "unique", "words"]

LOSSLESS = 2**53  # up to here float64 holds every integer
MOMENTS = np.dtype("datetime64[us]")


@dataclass(frozen=True, eq=False)
class Words:
    """Text or categories: of each row the place of its level, and the levels.

    Parameters
    ----------
    codes : array of shape (rows,)
        int32; -1 where the value is missing.
    levels : tuple of str
        Each different value once. Some may be without rows: a part of a table keeps the levels of the whole.
    ordered : bool, default False
        Whether the levels stand in an order that means something.
    """

    codes: np.ndarray
    levels: tuple[str, ...]
    ordered: bool = False

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.codes)

    def __getitem__(self, rows: slice | np.ndarray) -> Words:
        """Some of the rows."""
        return replace(self, codes=self.codes[rows])

    def counts(self) -> np.ndarray:
        """In how many rows each level stands."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    def used(self) -> tuple[str, ...]:
        """The levels that have rows, in their order."""
        return tuple(level for level, count in zip(self.levels, self.counts().tolist(), strict=True) if count)

    def objects(self) -> np.ndarray:
        """The values as Python strings, None where one is missing."""
        levels = np.array([*self.levels, None], dtype=object)
        values: np.ndarray = levels[self.codes]
        return values


Values = np.ndarray | Words
"""One column: bool, integers, floats, datetime64[us], or words."""


def missing(values: Values) -> np.ndarray:
    """The rows in which a column has no value."""
    if isinstance(values, Words):
        gone: np.ndarray = values.codes < 0
        return gone
    if values.dtype.kind == "M":
        return np.isnat(values)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)


def words(values: Sequence[Any]) -> Words:
    """Strings, and None or NaN where one is missing, as words."""
    levels: dict[Any, int] = {}
    codes = (-1 if is_missing(value) else levels.setdefault(value, len(levels)) for value in values)
    return Words(np.fromiter(codes, np.int32, len(values)), tuple(levels))


def is_missing(value: Any) -> bool:
    """Whether a Python object stands for no value: None, NaN, pandas's NA and NaT."""
    if isinstance(value, str):
        return False
    nan = isinstance(value, (float, np.floating)) and value != value  # noqa: PLR0124  (NaN is not itself)
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def column_of(data: np.ndarray | Sequence[Any], name: str, first_row: int = 0) -> Values:
    """An array or a list of Python objects as a column of the one kind that all its values have.

    Raises
    ------
    DataError
        For complex numbers, nested values, and values of several kinds, with the first row of each.
    """
    if isinstance(data, np.ma.MaskedArray):
        data = _unmasked(data)
    if isinstance(data, np.ndarray):
        array: np.ndarray = data
    else:
        array = np.empty(len(data), dtype=object)
        array[:] = data
    kind = array.dtype.kind
    if kind in "fiub":
        native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        return native.astype(np.float32) if native.dtype.itemsize == 2 and kind == "f" else native
    if kind == "M":
        return array.astype(MOMENTS)
    if kind == "m":
        seconds = array.astype("timedelta64[us]").astype(np.float64) / 1e6
        return np.where(np.isnat(array), np.nan, seconds)
    if kind in "UT":
        return words(array.tolist())
    if kind == "O":
        return _of_objects(array, name, first_row)
    found = "Complex data not supported" if kind == "c" else f"{KINDS.get(kind, 'values of another kind')}"
    raise DataError(f"{name} must hold numbers, text, dates or truth values. Got dtype {array.dtype}: {found}.")


def _unmasked(data: np.ma.MaskedArray[Any, Any]) -> np.ndarray:
    """Numbers with NaN where they are masked."""
    gaps = np.ma.getmaskarray(data)
    if not gaps.any():
        return np.asarray(data.data)
    return np.where(gaps, np.nan, data.data.astype(np.float64))


def unique(names: Sequence[str], table: str) -> Sequence[str]:
    """The names, if they are all different."""
    if len(set(names)) < len(names):
        doubled = ", ".join(
            f"{shown(name)} {names.count(name)} times" for name in dict.fromkeys(names) if names.count(name) > 1
        )
        raise DataError(f"The columns of {table} must have different names. Got {doubled}.")
    return names


_FAMILIES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("truth values", (bool, np.bool_)),
    ("numbers", (numbers.Real, np.number)),
    ("text", (str,)),
    ("dates", (datetime.date, np.datetime64)),  # a datetime is a date
)


def _family(value: Any) -> str:
    """What kind of thing one Python object is."""
    return next((family for family, types in _FAMILIES if isinstance(value, types)), type(value).__name__)


def _of_objects(array: np.ndarray, name: str, first_row: int) -> Values:
    """Python objects, all of one family; None and NaN are missing."""
    first: dict[str, int] = {}
    empty = np.zeros(len(array), bool)
    for row, value in enumerate(array.tolist()):
        if is_missing(value):
            empty[row] = True
        else:
            first.setdefault(_family(value), row)
    if not first:
        return np.full(len(array), np.nan)
    if len(first) > 1 or not set(first) <= {family for family, _ in _FAMILIES}:
        found = ", ".join(f"{family} in row {first_row + row} ({shown(array[row])})" for family, row in first.items())
        fix = (
            "Make them all of one kind, for instance with .astype(str)."
            if len(first) > 1
            else "Make columns of their parts, or leave the column out."
        )
        raise DataError(f"{name} must hold numbers, text, dates or truth values, one kind only. Got {found}. {fix}")
    family = next(iter(first))
    if family == "text":
        return words(array.tolist())
    if family == "dates":
        return _moments(array, empty, name, first_row)
    if family == "truth values":
        return (
            words([None if gone else str(bool(value)) for gone, value in zip(empty, array, strict=True)])
            if (empty.any())
            else array.astype(bool)
        )
    if not empty.any() and all(isinstance(value, (int, np.integer)) for value in array.tolist()):
        try:
            return array.astype(np.int64)
        except OverflowError:
            pass
    return np.array([np.nan if gone else value for gone, value in zip(empty, array, strict=True)], np.float64)


def _moments(array: np.ndarray, empty: np.ndarray, name: str, first_row: int) -> np.ndarray:
    """Dates and times; those with a time zone in that of Greenwich (UTC)."""
    zoned = np.array([getattr(value, "tzinfo", None) is not None for value in array]) & ~empty
    bare = ~zoned & ~empty
    if zoned.any() and bare.any():
        with_zone, without = int(np.argmax(zoned)), int(np.argmax(bare))
        raise DataError(
            f"{name} must hold times with a zone, or times without one. Got one with a zone in row "
            f"{first_row + with_zone} ({shown(str(array[with_zone]))}), one without in row {first_row + without} "
            f"({shown(str(array[without]))}). Give all of them a zone, or none."
        )
    utc = [
        value.astimezone(datetime.UTC).replace(tzinfo=None) if with_zone else value
        for value, with_zone in zip(array, zoned, strict=True)
    ]
    return np.array([None if gone else value for gone, value in zip(empty, utc, strict=True)], MOMENTS)
