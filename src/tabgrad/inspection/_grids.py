"""The values of a column at which an effect is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabgrad.table.columns import Values, Words, missing

__all__ = ["Grid"]


@dataclass(frozen=True, eq=False)
class Grid:
    """Values of a column, in their order; the place where a value is missing comes last.

    Parameters
    ----------
    values : array of shape (points,)
        Numbers, moments, truth values or, of words, strings; NaN, NaT or None where the value is missing.
    rows : array of shape (points,) or None
        For each a row that has it; None where they are numbers between those of the rows.
    kind : str
        "numbers", "dates" or "categories".
    """

    values: np.ndarray
    rows: np.ndarray | None
    kind: str

    def __len__(self) -> int:
        """The number of points."""
        return len(self.values)

    @classmethod
    def of(cls, values: Values, resolution: int, percentiles: tuple[float, float]) -> Grid:
        """The grid of a column.

        Of words each level, the most frequent first, or in their order if they have one; of numbers and dates each one
        if they are fewer than `resolution`, else evenly spaced ones between two quantiles; dates then are the nearest
        that are there.
        """
        gone = missing(values)
        there = np.flatnonzero(~gone)
        rows = [_rows(values, there, resolution, percentiles)] if len(there) else []
        if isinstance(values, Words) or values.dtype.kind == "b":
            kind = "categories"
        else:
            kind = "dates" if values.dtype.kind == "M" else "numbers"
        if rows and rows[0] is None and not isinstance(values, Words):
            numbers = np.linspace(*_ends(values[there].astype(np.float64), percentiles), resolution)
            return cls(np.append(numbers, [np.nan] * bool(gone.any())), None, kind)
        places = np.concatenate([*(each for each in rows if each is not None), np.flatnonzero(gone)[:1]])
        shown = values.objects()[places] if isinstance(values, Words) else values[places]
        return cls(shown, places, kind)


def _rows(values: Values, there: np.ndarray, resolution: int, percentiles: tuple[float, float]) -> np.ndarray | None:
    """A row for each value of the grid; None of numbers that are too many."""
    if isinstance(values, Words):
        levels, first, counts = np.unique(values.codes[there], return_index=True, return_counts=True)
        order = np.arange(len(levels)) if values.ordered else np.argsort(-counts, kind="stable")
        return np.asarray(there[first[order[:resolution]]])
    different, first = np.unique(values[there], return_index=True)
    if len(different) <= resolution:
        return np.asarray(there[first])
    if values.dtype.kind != "M":
        return None
    moments = different.astype(np.int64).astype(np.float64)
    wanted = np.linspace(*_ends(values[there].astype(np.int64).astype(np.float64), percentiles), resolution)
    nearest = np.abs(moments[:, np.newaxis] - wanted).argmin(axis=0)
    return np.asarray(there[first[np.unique(nearest)]])


def _ends(numbers: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Two quantiles; the least and the largest number where those are the same."""
    low, high = np.quantile(numbers, percentiles)
    if low < high:
        return float(low), float(high)
    return float(numbers.min()), float(numbers.max())
