"""What is to be learned as an engine takes it: classes as indices, numbers standardised, and both back again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from tabgrad._checks import POSITIVE, Interval, check_numbers
from tabgrad._record import Record
from tabgrad._refusals import SHOWN, shown
from tabgrad.encode.numeric import LARGEST, moments
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.convert import convert
from tabgrad.table.table import Table, values_of

__all__ = ["ClassTarget", "ValueTarget"]

Label = str | int | float | bool

FINITE = Interval()
LONGEST_TEXT = 4096  # characters of a fixed-width string


@dataclass(frozen=True)
class ClassTarget(Record):
    """Classes, and their indices 0, 1, 2, ... in sorted order.

    Parameters
    ----------
    classes : tuple of str, int, float or bool
        All of one type, sorted.
    dtype : str
        Of the array that `decode` gives: "int64", "object" for text.

    Examples
    --------
    >>> from tabgrad.encode.target import ClassTarget
    >>> target = ClassTarget.fit(["no", "yes", "no"])
    >>> target.classes, target.encode(["yes", "no"])
    (('no', 'yes'), array([1, 0]))
    >>> target.decode([1, 1])
    array(['yes', 'yes'], dtype=object)
    """

    classes: tuple[Label, ...]
    dtype: str = "object"

    kinds: ClassVar[dict[type, str]] = {str: "OUT", bool: "b", int: "iu", float: "f"}

    def __post_init__(self) -> None:
        """Check that the classes are different, of one type, sorted, and what the dtype holds."""
        super().__post_init__()
        given: Any = self.classes
        classes: tuple[Any, ...] = tuple(given) if isinstance(given, (tuple, list)) else ()
        types = {type(label) for label in classes}
        if len(types) != 1 or not types <= set(self.kinds):
            raise ArgumentTypeError(
                f"'classes' of ClassTarget must be strings, whole numbers, numbers or truth values, one type only. Got "
                f"{shown(self.classes)}."
            )
        if any(isinstance(label, float) and not math.isfinite(label) for label in classes):
            raise ArgumentError(f"'classes' of ClassTarget must be finite. Got {shown(classes)}.")
        if any(not lower < higher for lower, higher in pairwise(classes)):
            raise ArgumentError(f"'classes' of ClassTarget must be sorted and different. Got {shown(classes)}.")
        object.__setattr__(self, "classes", classes)
        self._check_dtype(types.pop())

    def _check_dtype(self, kind: type) -> None:
        try:
            dtype = np.dtype(self.dtype) if len(self.dtype) < 16 else None
        except (TypeError, ValueError):
            dtype = None
        if dtype is None or dtype.kind not in self.kinds[kind] or dtype.itemsize > 4 * LONGEST_TEXT:
            raise ArgumentError(
                f"'dtype' of ClassTarget must be one that holds {shown(self.classes)}. Got {shown(self.dtype)}."
            )
        try:
            held = np.array(self.classes, dtype).tolist() == list(self.classes)
        except (OverflowError, ValueError):
            held = False
        if not held:
            raise ArgumentError(f"'dtype' of ClassTarget, {self.dtype}, does not hold {shown(self.classes)}.")

    @classmethod
    def fit(cls, values: Any, *, name: str = "y", first_row: int = 0) -> ClassTarget:
        """The classes of a target.

        Parameters
        ----------
        values : Words, array, list or series
            Text, whole numbers or truth values.
        name : str
            What messages call it.
        first_row : int
            The number that messages give to the first row.

        Raises
        ------
        DataError
            A value is missing or infinite, with its rows; numbers that are not whole; values of several types.
        """
        labels = _labels(values, name, first_row)
        if isinstance(labels, Words):
            return cls(tuple(sorted(labels.used())), _text_dtype(values))
        return cls(tuple(np.unique(labels).tolist()), labels.dtype.name)

    def __len__(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @cached_property
    def _array(self) -> np.ndarray:
        array = np.array(self.classes, self.dtype)
        array.flags.writeable = False
        return array

    def encode(self, values: Any, *, name: str = "y", first_row: int = 0) -> np.ndarray:
        """The index of each value's class: int64 of shape (rows,).

        Raises
        ------
        DataError
            A value is none of the classes, or missing, with its rows.
        """
        labels = _labels(values, name, first_row)
        indices: np.ndarray
        if isinstance(labels, Words):
            place = {str(label): index for index, label in enumerate(self.classes)}
            indices = np.array([*(place.get(level, -1) for level in labels.levels), -1], np.int64)[labels.codes]
        elif isinstance(self.classes[0], str):  # whole numbers where training had text, as files may hold them
            return self.encode(_as_text(labels), name=name, first_row=first_row)
        else:
            known = self._array
            indices = np.searchsorted(known, labels).clip(max=len(known) - 1)
            indices = np.where(known[indices] == labels, indices, -1)
        if (indices < 0).any():
            raise DataError(self._unknown(labels, indices < 0, name, first_row))
        return indices

    def decode(self, indices: Any) -> np.ndarray:
        """The classes of indices, in the type that they had."""
        decoded: np.ndarray = self._array[np.asarray(indices, np.int64)]
        return decoded

    def _unknown(self, labels: Values, where: np.ndarray, name: str, first_row: int) -> str:
        listed = ", ".join(shown(label) for label in self.classes[:8])
        more = f" and {len(self) - 8} more" if len(self) > 8 else ""
        found = _listed(labels, where, first_row)
        return f"{name} must hold the classes of training: {listed}{more}. Got {found}."


@dataclass(frozen=True)
class ValueTarget(Record):
    """Numbers standardised, each output for itself.

    ::

        encoded = (y - mean) / scale
        decoded = min(max(encoded * scale + mean, low), high)

    `scale` is the standard deviation of the training rows, 1 where it is 0. What is decoded stays within what training
    had seen: a network that has gone astray on a row is then no further off than it can be. A target that was constant
    is decoded to that constant.

    Parameters
    ----------
    mean, scale, low, high : tuple of float
        A number for each output, in the target's unit.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
    Data", 2024 (standardised targets, predictions kept within their range).

    Examples
    --------
    >>> from tabgrad.encode.target import ValueTarget
    >>> target = ValueTarget.fit([10.0, 20.0, 30.0])
    >>> target.encode([20.0, 40.0]).ravel().round(2)
    array([0.  , 2.45], dtype=float32)
    >>> target.decode([[0.0], [2.45]]).ravel()
    array([20., 30.])
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that the tuples are equally long, and each limit is on its side."""
        super().__post_init__()
        for field, interval in (("mean", FINITE), ("scale", POSITIVE), ("low", FINITE), ("high", FINITE)):
            numbers = check_numbers(getattr(self, field), field, "ValueTarget", interval)
            object.__setattr__(self, field, numbers)
        if not len(self.mean) == len(self.scale) == len(self.low) == len(self.high):
            raise ArgumentError("'mean', 'scale', 'low' and 'high' of ValueTarget must be equally long.")
        if any(low > high for low, high in zip(self.low, self.high, strict=True)):
            raise ArgumentError("'low' of ValueTarget must not be above 'high'.")

    @classmethod
    def fit(cls, values: Any, *, name: str = "y", first_row: int = 0) -> ValueTarget:
        """Fitted to a target.

        Parameters
        ----------
        values : array of shape (rows,) or (rows, outputs), list, series, frame or Table
            Numbers.
        name : str
            What messages call it.
        first_row : int
            The number that messages give to the first row.

        Raises
        ------
        DataError
            A number is missing or infinite, with its rows; text.
        """
        columns = _numbers(values, name, first_row).T
        mean, scale = zip(*map(moments, columns), strict=True)
        return cls(mean, scale, tuple(columns.min(axis=1).tolist()), tuple(columns.max(axis=1).tolist()))

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.mean)

    @property
    def constant(self) -> bool:
        """Whether training had one value only, in every output."""
        return self.low == self.high

    def encode(self, values: Any, *, name: str = "y", first_row: int = 0) -> np.ndarray:
        """Standardised numbers: float32 of shape (rows, outputs)."""
        y = _numbers(values, name, first_row)
        if y.shape[1] != self.outputs:
            raise DataError(f"{name} must have {self.outputs} columns, as in training. Got {y.shape[1]}.")
        with np.errstate(over="ignore"):
            z = (y - np.array(self.mean)) / np.array(self.scale)
        encoded: np.ndarray = np.clip(z, -LARGEST, LARGEST).astype(np.float32)
        return encoded

    def decode(self, outputs: Any, *, bounded: bool = True) -> np.ndarray:
        """What a network's outputs say in the target's unit: float64 of the shape of `outputs`.

        Parameters
        ----------
        outputs : array of shape (rows, outputs)
        bounded : bool, default True
            Whether to stay within what training had seen.
        """
        with np.errstate(over="ignore"):
            y: np.ndarray = np.asarray(outputs, np.float64) * np.array(self.scale) + np.array(self.mean)
        return y.clip(self.low, self.high) if bounded else y


# ---- Reading ---------------------------------------------------------------------------------------------------------


def _labels(values: Any, name: str, first_row: int) -> Values:
    """Text as words, or whole numbers or truth values as an array, nothing missing."""
    labels = values_of(values, name)
    _refuse_missing(labels, name, first_row)
    if isinstance(labels, Words):
        blank = np.array([not level.strip() for level in (*labels.levels, "missing")])[labels.codes]
        if blank.any():
            raise DataError(_missing(blank, name, first_row).replace("Missing (NaN)", "Empty text"))
        return labels
    if labels.dtype.kind == "M":
        raise DataError(f"{name} must hold classes. Got dates: make them text, or choose another target.")
    if labels.dtype.kind == "f":
        _refuse_infinite(labels[:, np.newaxis], name, first_row)
        odd = labels != np.round(labels)
        if odd.any():
            raise DataError(
                f"{name} must hold classes: text, whole numbers or truth values. Unknown label type: continuous: got "
                f"{_listed(labels, odd, first_row)}. For numbers as a target use a regressor (task='regression')."
            )
    return labels


def _numbers(values: Any, name: str, first_row: int) -> np.ndarray:
    """Finite numbers: float64 of shape (rows, outputs)."""
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.dtype.kind in "fiub":
        columns = values.astype(np.float64)
    else:
        columns = np.column_stack([_number_column(each, name, first_row) for each in _several(values, name)])
    if columns.size == 0:
        raise DataError(f"{name} must hold at least one number. Got shape {columns.shape}.")
    gone = np.isnan(columns)
    if gone.any():
        raise DataError(_missing(gone.any(axis=1), name, first_row))
    _refuse_infinite(columns, name, first_row)
    return columns


def _several(values: Any, name: str) -> list[Any]:
    """The columns of a target."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return list(values.T)
    rows = isinstance(values, (list, tuple)) and len(values) > 0 and isinstance(values[0], (list, tuple, np.ndarray))
    if rows or hasattr(values, "columns"):
        return list(Table.of(values, name).columns.values())
    return [values]


def _number_column(values: Any, name: str, first_row: int) -> np.ndarray:
    column = values_of(values, name)
    if isinstance(column, Words) and len(column.used()):
        found = _listed(column, column.codes >= 0, first_row)
        raise DataError(f"{name} must hold numbers for a regression. Got {found}. For classes use a classifier.")
    if isinstance(column, Words) or column.dtype.kind != "M":
        return np.full(len(column), np.nan) if isinstance(column, Words) else column.astype(np.float64)
    raise DataError(f"{name} must hold numbers for a regression. Got dates: make them days since the first.")


def _refuse_missing(values: Values, name: str, first_row: int) -> None:
    gone = missing(values)
    if gone.any():
        raise DataError(_missing(gone, name, first_row))
    if len(values) == 0:
        raise DataError(f"{name} must hold at least one value. Got none.")


def _missing(gone: Any, name: str, first_row: int) -> str:
    return f"{name} must have a value in every row. Missing (NaN) in {_rows(gone, first_row)}. Drop these rows."


def _refuse_infinite(columns: np.ndarray, name: str, first_row: int) -> None:
    infinite = np.isinf(columns).any(axis=1)
    if infinite.any():
        raise DataError(f"{name} must hold finite numbers. Got inf in {_rows(infinite, first_row)}. Drop these rows.")


def _rows(where: Any, first_row: int) -> str:
    return Table({}, first_row=first_row).rows(where)


def _listed(values: Values, where: np.ndarray, first_row: int) -> str:
    """The first few values at which a mask holds, with their rows: ``'a' in row 3 and 7 more rows``."""
    rows = np.flatnonzero(where)
    first = rows[:SHOWN]
    found = values[first].objects() if isinstance(values, Words) else values[first]
    listed = ", ".join(f"{shown(value)} in row {first_row + row}" for value, row in zip(found, first, strict=True))
    return f"{listed} and {len(rows) - SHOWN} more" if len(rows) > SHOWN else listed


def _as_text(values: Values) -> Words:
    """Whole numbers and truth values as text."""
    return convert(values, "categorical", "", Table({}))  # type: ignore[return-value]


def _text_dtype(values: Any) -> str:
    """Of an array of fixed-width text its own, else Python objects."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "U" and values.dtype.itemsize <= 4 * LONGEST_TEXT:
        return f"U{values.dtype.itemsize // 4}"
    return "object"
