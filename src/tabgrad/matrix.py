"""Rows as numbers: what crosses the border between a user's arrays or frames and an engine.

An array, a list or a frame becomes float32 in C order, without a copy where it is that already. What cannot is refused
here, with the place: rows count from 0, as in NumPy, and columns bear their name where they have one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tabgrad._refusals import FIXES, KINDS, SHOWN, refusal, shown
from tabgrad.errors import DataError

__all__ = ["Matrix", "Numbers", "features", "read", "shown", "single", "split"]

_MISSING_FIXES = {
    "X": "Fill what is missing, for instance with the column's median, or drop these rows.",
    "y": "Drop the rows without a target.",
}


@dataclass(frozen=True)
class Matrix:
    """Rows that an engine can read as they are.

    Parameters
    ----------
    x : array of shape (rows, features)
        float32, C order, finite.
    y : array
        float32 of shape (rows, outputs), or int64 of shape (rows,) for a loss that takes labels.
    weight : array of shape (rows,) or None
        float32; None: every row counts once.
    codes : array of shape (rows, columns) or None
        int32, C order, each within its table; `x` may then be without columns.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None
    codes: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    def part(self, rows: slice | np.ndarray) -> Matrix:
        """Some of the rows: of a slice views, of places copies."""
        weight = None if self.weight is None else self.weight[rows]
        return Matrix(self.x[rows], self.y[rows], weight, None if self.codes is None else self.codes[rows])


class Numbers(NamedTuple):
    """An array of some numeric type, what its user knows it by, and its columns' names if they have any."""

    array: np.ndarray
    name: str
    columns: tuple[str, ...] | None = None

    @property
    def called(self) -> str:
        """The first word of the name, as it may stand in code: ``X`` for ``X of validation_data``."""
        return self.name.split(maxsplit=1)[0]

    def place(self, index: Sequence[int]) -> str:
        """A place in words: ``row 17, column 'area'``."""
        row, *column = index
        if not column or self.array.ndim == 1:
            return f"row {row}"
        named = f"'{self.columns[column[0]]}'" if self.columns else str(column[0])
        return f"row {row}, column {named}"

    def places(self, where: np.ndarray) -> str:
        """The first few places at which a mask holds, and how many there are: ``3 places (row 2, row 5, row 9)``."""
        found = np.argwhere(where)
        shown = "; ".join(self.place(index.tolist()) for index in found[:SHOWN])
        more = "; ..." if len(found) > SHOWN else ""
        return f"{len(found)} place{'s' if len(found) > 1 else ''} ({shown}{more})"


def features(x: Any, *, name: str = "X", columns: int | None = None) -> np.ndarray:
    """A table of numbers as an engine reads it.

    Parameters
    ----------
    x : array, list of rows, or frame of numeric columns
        pandas, Polars or PyArrow.
    name : str, default "X"
        What messages call it.
    columns : int or None
        The width that it must have; None: any.

    Returns
    -------
    array of shape (rows, columns)
        float32, C order, finite; `x` itself if it is that already.

    Raises
    ------
    DataError
        The message names the row and the column.

    Examples
    --------
    >>> from tabgrad.matrix import features
    >>> features([[1, 2], [3, 4]]).dtype
    dtype('float32')
    """
    numbers = read(x, name)
    array = numbers.array
    if array.ndim != 2 and array.size:
        raise DataError(f"{name} must be a table of shape (rows, columns). Got {_shape_fix(x, numbers)}")
    if array.size == 0:
        short = "row" if len(array) == 0 else "column"
        raise DataError(f"{name} must have at least one {short}. Got shape {array.shape}.")
    if columns is not None and array.shape[1] != columns:
        raise DataError(
            f"{name} must have {columns} columns, as the network was built for. Got {array.shape[1]} (shape "
            f"{array.shape}). Choose these columns, in the order of training, or make a new model."
        )
    return single(numbers)


def single(numbers: Numbers) -> np.ndarray:
    """The numbers as float32 in C order; DataError if one is missing, infinite or too large for float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(numbers.array, np.float32)
        # One pass over the numbers: a sum is finite only if every term is (or, rarely, if it overflows itself).
        if not np.isfinite(array.sum()) and not (finite := np.isfinite(array)).all():
            raise DataError(_not_finite(numbers, ~finite))
    return array if array.flags.aligned else array.copy()


def read(values: Any, name: str) -> Numbers:
    """The array behind an array, a list, or a frame, of whatever numeric type it is."""
    if type(values) is np.ndarray:
        array, columns = values, None
    else:
        array, columns = _dense(values, name)
    if array.dtype.kind not in "fiub":
        raise DataError(_not_numbers(values, array, name))
    return Numbers(array, name, columns)


def split(rows: Matrix, share: float) -> tuple[Matrix, Matrix]:
    """The first rows to train on and the last ones, a share of all, to validate on."""
    cut = math.floor(len(rows) * (1.0 - share))
    if cut in (0, len(rows)):
        missing = "to train on" if cut == 0 else "to validate on"
        raise DataError(
            f"'validation_split' of fit, {share:g} of {len(rows)} rows, leaves no row {missing}. Change the share, or "
            "give more rows or 'validation_data'."
        )
    return rows.part(slice(cut)), rows.part(slice(cut, None))


def _dense(values: Any, name: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Anything but a plain array."""
    if values is None:
        raise DataError(f"{name} must be an array, a list or a frame. Got None.")
    if isinstance(values, np.ma.MaskedArray):
        raise DataError(f"{name} must not be a masked array. Fill its gaps first: .filled(value).")
    if type(values).__module__.startswith("scipy.sparse"):
        raise DataError(f"{name} must be dense. Got a sparse matrix; convert it: .toarray().")
    if isinstance(values, np.ndarray):
        return np.asarray(values), None
    if isinstance(values, (list, tuple, range)):
        return _from_list(values, name), None
    from tabgrad._frames import from_frame  # imports narwhals

    read_frame = from_frame(values, name)
    if read_frame is not None:
        return read_frame
    if hasattr(values, "__array__"):
        return np.asarray(values), None
    fix = " Give its columns as one array or frame: pd.DataFrame(...)." if isinstance(values, dict) else ""
    raise DataError(f"{name} must be an array, a list or a frame. Got {shown(values)} ({type(values).__name__}).{fix}")


def _from_list(values: Sequence[Any], name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        lengths = [len(row) if hasattr(row, "__len__") else 1 for row in values]
        odd = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is None:
            raise DataError(f"{name} must hold numbers. Got lists within its rows. {FIXES['nested values']}") from error
        raise DataError(
            f"The rows of {name} must be equally long. Row 0 has {lengths[0]} values, row {odd} has {lengths[odd]}."
        ) from error


def _shape_fix(x: Any, numbers: Numbers) -> str:
    """The shape of what is no table, and how to make it one."""
    name, shape = numbers.name.split()[0], numbers.array.shape
    if len(shape) == 0:
        return f"a single value, {shown(numbers.array[()])}. Use [[value]] for one row of one column."
    if len(shape) > 1:
        return f"shape {shape}. Flatten each row: {name}.reshape(len({name}), -1)."
    if hasattr(x, "to_frame"):
        return f"a series of {shape[0]} values. Use {name}.to_frame() for one column."
    return f"shape {shape}. Use {name}.reshape(1, -1) for one row or {name}.reshape(-1, 1) for one column."


def _not_finite(numbers: Numbers, lost: np.ndarray) -> str:
    """What stands where float32 has no finite number: NaN, infinity, or a number beyond its range."""
    source = numbers.array
    missing, infinite = np.isnan(source), np.isinf(source)
    beyond = lost & ~missing & ~infinite
    found, fixes = [], []
    if missing.any():
        found.append(f"NaN in {numbers.places(missing)}")
        fixes.append(_MISSING_FIXES.get(numbers.called.removesuffix("[0]"), "Replace what is missing."))
    if infinite.any():
        found.append(f"infinity in {numbers.places(infinite)}")
        fixes.append("Look for a division by zero or the logarithm of 0.")
    if beyond.any():
        largest = shown(source[beyond].flat[0])
        found.append(f"{largest}, beyond float32's 3.4e+38, in {numbers.places(beyond)}")
        fixes.append("Scale the column, for instance with scikit-learn's StandardScaler.")
    return f"{numbers.name} must hold finite numbers. Got {' and '.join(found)}. {' '.join(fixes)}"


def _not_numbers(values: Any, array: np.ndarray, name: str) -> str:
    """What an array or a list holds that is not a number, and where."""
    kind = KINDS.get(array.dtype.kind, "Python objects")
    # NumPy turns the numbers of a mixed list into text: look at the list itself.
    source = np.empty(0) if array.size == 0 else np.array(values, dtype=object) if isinstance(values, list) else array
    for index, value in np.ndenumerate(source):
        if kind in ("text", "Python objects") and isinstance(value, (int, float, np.number, np.bool_)):
            continue
        if isinstance(value, str) or value is None:
            kind = "text" if isinstance(value, str) else "None"
        place = Numbers(source, name).place(index) if index else "place of a number"
        return refusal(name, [(kind, place if value is None else f"{place} ({shown(value)})")])
    return refusal(name, [(kind, f"an array of dtype {array.dtype}")])
