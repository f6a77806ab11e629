"""What x is: a table of numbers, a table of codes, or a pair of both; read as a network takes it.

A model with an `Embedding` takes columns of codes: alone, ``fit(codes, y)``, or beside numeric columns as a pair,
``fit([numeric, codes], y)``. Codes are held against the tables that they are looked up in before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad._stack import Columns, embedding_of, working
from tabgrad.errors import DataError
from tabgrad.layers import Layer
from tabgrad.matrix import Numbers, features, read
from tabgrad.plan import Network


@dataclass(frozen=True)
class Inputs:
    """Rows without targets, as in `Matrix`: numeric columns, and codes if there are any."""

    x: np.ndarray
    codes: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    def part(self, rows: slice) -> Inputs:
        """Some of the rows, as views."""
        return Inputs(self.x[rows], None if self.codes is None else self.codes[rows])


def inputs(x: Any, network: Network, *, part: str = "") -> Inputs:
    """Rows as a network takes them.

    Parameters
    ----------
    x : array, list, frame, or a pair of them
    network : Network
        Says what `x` must be, how wide, and which codes there are.
    part : str
        What messages add to "X", for instance " of validation_data".

    Raises
    ------
    DataError
        A pair where one table is taken or the other way, what `features` refuses, codes that the `Embedding` has no row
        for; with the row, the column and what to do.
    """
    if not network.codes:
        if is_pair(x):
            raise DataError(
                f"X{part} must be one table: the model has no Embedding that takes codes. Got a pair of tables."
            )
        return Inputs(features(x, name=f"X{part}", columns=network.inputs))
    if not network.inputs:
        if is_pair(x):
            raise DataError(
                f"X{part} must be one table of codes, as the model was built for. Got a pair of tables. For numeric "
                f"columns beside the codes make a new model with Input([(features,), ({network.codes},)])."
            )
        codes = checked_codes(x, network.cardinalities, name=f"X{part}")
        return Inputs(np.empty((len(codes), 0), np.float32), codes)
    numeric, codes = _both(x, f"X{part}")
    rows = features(numeric, name=f"X[0]{part}", columns=network.inputs)
    codes = checked_codes(codes, network.cardinalities, name=f"X[1]{part}")
    if len(rows) != len(codes):
        raise DataError(
            f"X[0]{part} and X[1]{part}, numeric columns and codes, must have the same number of rows. Got {len(rows)} "
            f"and {len(codes)}."
        )
    return Inputs(rows, codes)


def first_columns(x: Any, layers: Sequence[Layer]) -> tuple[Columns, Any]:
    """How many columns the first rows have, for a model that does not say it; and `x`, converted as far as it was."""
    embedding = embedding_of(layers)
    if embedding is None:
        if is_pair(x):
            raise DataError("X must be one table: the model has no Embedding that takes codes. Got a pair of tables.")
        x = features(x)
        return Columns(x.shape[1]), x
    if working(layers)[0] is embedding and not is_pair(x):
        return Columns(0, embedding.columns or _width(read(x, "X"))), x
    numeric, codes = _both(x, "X")
    numeric = features(numeric, name="X[0]")
    return Columns(numeric.shape[1], embedding.columns or _width(read(codes, "X[1]"))), (numeric, codes)


def is_pair(x: Any) -> bool:
    """Whether `x` is a list of two tables, and not a table of two rows."""
    return isinstance(x, (list, tuple)) and len(x) == 2 and any(_axes(each) > 1 for each in x)


def checked_codes(codes: Any, cardinalities: Sequence[int], *, name: str = "X") -> np.ndarray:
    """Codes as an engine takes them.

    Parameters
    ----------
    codes : array, list or frame of shape (rows, columns)
        Whole numbers.
    cardinalities : sequence of int
        For each column, how many codes there are: it may hold 0 to one less.
    name : str
        What messages call it.

    Returns
    -------
    array of shape (rows, columns)
        int32, C order.

    Raises
    ------
    DataError
        Another number of columns; what is missing, a fraction, or out of range, with its row, its column and the codes
        that there are.

    Examples
    --------
    >>> from tabgrad._inputs import checked_codes
    >>> checked_codes([[0, 9], [2, 0]], [3, 10]).dtype
    dtype('int32')
    """
    numbers = read(codes, name)
    array = numbers.array
    if _width(numbers) != len(cardinalities):
        raise DataError(
            f"{name} must have {len(cardinalities)} column{'s' if len(cardinalities) > 1 else ''} of codes, as the "
            f"Embedding was made for. Got {array.shape[1]} (shape {array.shape})."
        )
    good = (array >= 0) & (array < np.array(cardinalities))  # NaN is not
    if array.dtype.kind == "f":
        good &= array == np.rint(array)
    if not good.all():
        raise DataError(_no_codes(numbers, ~good, cardinalities))
    if array.dtype.kind == "f" and array.max() >= (most := 2 ** (np.finfo(array.dtype).nmant + 1)):
        raise DataError(
            f"{name} must hold integers where codes reach {most}: {array.dtype} cannot tell larger ones apart. Got "
            f"{shown(array.max())} in {numbers.places(array == array.max())}."
        )
    return np.ascontiguousarray(array, np.int32)


def _no_codes(numbers: Numbers, wrong: np.ndarray, cardinalities: Sequence[int]) -> str:
    """What stands where a code should, which codes there are, and what to do."""
    places = np.argwhere(wrong).tolist()
    values = numbers.array[wrong].astype(np.float64)
    found = [
        f"{shown(numbers.array[row, column])} in {numbers.place((row, column))}, where they are 0 to "
        f"{cardinalities[column] - 1}"
        for row, column in places[:SHOWN]
    ]
    missing, fraction = np.isnan(values), np.isfinite(values) & (values != np.rint(values))
    fixes = {
        "Give what is missing a code of its own.": missing.any(),
        "Columns of fractions belong to the numeric ones: give a pair [numeric, codes].": fraction.any(),
        "Where -1 stands for what is missing, add 1 to the column and to its input_dim.": (values == -1).any(),
        "Number the levels 0, 1, 2, ... without gaps, or give the Embedding a larger input_dim.": (
            ~missing & ~fraction & (values != -1)
        ).any(),
    }
    more = f"; and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"{numbers.name} must hold codes that the Embedding has rows for. Got {'; '.join(found)}{more}. " + " ".join(
        fix for fix, needed in fixes.items() if needed
    )


def _both(x: Any, name: str) -> tuple[Any, Any]:
    if isinstance(x, (list, tuple)) and len(x) == 2:
        return x[0], x[1]
    got = f"a {type(x).__name__} of {len(x)}" if isinstance(x, (list, tuple, dict)) else f"one {type(x).__name__}"
    shape = f" of shape {x.shape}" if hasattr(x, "shape") else ""
    raise DataError(
        f"{name} must be a pair [numeric, codes]: the model takes numeric columns and, for its Embedding, codes. "
        f"Got {got}{shape}."
    )


def _width(numbers: Numbers) -> int:
    """Columns of a table of codes."""
    array, name = numbers.array, numbers.name
    if array.ndim != 2 or array.size == 0:
        raise DataError(
            f"{name} must be a table of codes, shape (rows, columns). Got shape {array.shape}."
            + (f" For one column use {numbers.called}.reshape(-1, 1)." if array.ndim == 1 and array.size else "")
        )
    return int(array.shape[1])


def _axes(values: Any) -> int:
    """Axes of an array, a frame, or lists in lists."""
    if hasattr(values, "shape"):
        return len(values.shape)
    return 1 + _axes(values[0]) if isinstance(values, (list, tuple)) and values else 0
