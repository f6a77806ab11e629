"""Where a piecewise linear function of a column bends: knots that follow its rows, also where many share a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabgrad._checks import COUNT, check
from tabgrad.errors import DataError

__all__ = ["MOST_PIECES", "mass_knots"]

MOST_PIECES = 32  # of a column; more gave nothing on 12 tables
SMALLEST = np.finfo(np.float32).tiny  # a piece must not be so short that one divided by its length is infinite
LARGEST = np.finfo(np.float32).max


def mass_knots(z: Any, most: int = MOST_PIECES) -> tuple[float, ...]:
    """Knots for a column, such that every piece between two has its share of the rows.

    ::

        k = most + 1 knots to give, n rows to share them
        at most k different values   each is a knot
        else                         values of at least n / (k - 1) rows are knots; k and n without them, begin again
        no such value                k quantiles of the n rows, at equal steps of probability from 0 to 1

    So a number that holds half of the rows takes one knot, not half of them, as it would of plain quantiles, and has a
    place of its own, at which the function can bend on both sides. The smallest and the largest number are knots.

    Parameters
    ----------
    z : array of shape (rows,)
        The encoded column of the training rows: finite, of at least one row. Taken as float32, as a network sees it.
    most : int, default 32
        How many pieces there are at most, one less than knots.

    Returns
    -------
    tuple of float
        Two at least and ``most + 1`` at most, strictly ascending as float32. Numbers too near for a piece between them
        (1.2e-38) count as one; around a single number lies one piece.

    Raises
    ------
    DataError
        No rows, or a number that is not finite as float32; with the first of them.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022:
    piecewise linear encoding, with quantiles as knots. Knots for values that many rows share are an addition.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.encode.knots import mass_knots
    >>> mass_knots([0, 0, 0, 2, 1])
    (0.0, 1.0, 2.0)
    >>> mass_knots(np.concatenate([np.zeros(600), np.linspace(1, 5, 400)]), most=5)
    (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    """
    pieces = check(most, "most", "mass_knots", (int,), COUNT)
    values, counts = _counted(z)
    knots, left = [], pieces + 1
    while len(values) > left:
        heavy = counts * (left - 1) >= counts.sum()  # fewer than left - 1: as many would be all values
        if not heavy.any():
            values = _quantiles(values, counts, left)
            break
        knots.append(values[heavy])
        left -= int(heavy.sum())
        values, counts = values[~heavy], counts[~heavy]
    return _apart(np.unique(np.concatenate([*knots, values])))


def _counted(z: Any) -> tuple[np.ndarray, np.ndarray]:
    """The different numbers of a column as float32, ascending, and the rows of each."""
    given = np.asarray(z).reshape(-1)
    if given.dtype.kind not in "biuf":
        raise DataError(f"'z' of mass_knots must be an array of numbers. Got an array of {given.dtype}.")
    with np.errstate(over="ignore"):  # what is infinite as float32 is refused
        ordered = np.sort(given.astype(np.float32))
    if len(ordered) == 0:
        raise DataError("'z' of mass_knots must have at least one row. Got none.")
    if not np.isfinite(ordered[[0, -1]]).all():  # NaN is sorted behind all numbers
        row = int(np.flatnonzero(~(np.abs(given) <= LARGEST))[0])
        raise DataError(f"'z' of mass_knots must be finite as float32. Got {given[row]} in row {row}.")
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[first] + np.float32(0), np.diff(np.append(first, len(ordered)))  # + 0: no knot is -0


def _quantiles(values: np.ndarray, counts: np.ndarray, count: int) -> np.ndarray:
    """Of rows that hold `values`, each `counts` times, quantiles at equal steps from 0 to 1, between two rows a line.

    What is added to the lower row is bounded by the upper, so that the line does not leave them by a rounding.
    """
    ends = np.cumsum(counts)
    place = np.linspace(0, ends[-1] - 1, count)
    below = np.floor(place)
    low = values[np.searchsorted(ends, below, "right")].astype(np.float64)
    high = values[np.searchsorted(ends, np.ceil(place), "right")].astype(np.float64)
    return np.minimum(low + (place - below) * (high - low), high).astype(np.float32)


def _apart(values: np.ndarray) -> tuple[float, ...]:
    """Those of ascending numbers that have a piece between them; two around them where there is but one."""
    kept = [float(values[0])]
    for value in values[1:].tolist():
        if value - kept[-1] >= SMALLEST:
            kept.append(value)
    if len(kept) > 1:
        return tuple(kept)
    half = max(0.5, abs(kept[0]) / 2**10)
    around = np.clip([kept[0] - half, kept[0] + half], -LARGEST, LARGEST)
    return tuple(around.astype(np.float32).tolist())
