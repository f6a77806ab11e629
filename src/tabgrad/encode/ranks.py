"""Ranks of numbers among the training rows, and their normal scores, for many columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["NormalScores", "Steps", "quantiles_of", "steps_between"]

MOST_SCORE = 4.0  # of a normal score: one row in 30,000 lies beyond
FARTHEST = 1e300  # so that a difference of two numbers is finite
FEW_ROWS = 32
WIDE = 2  # steps between quantiles that equal rows must hold for two places; held by fewer, the middle is as good


class Steps(NamedTuple):
    """The steps between the different quantiles of a column, one before the first and one behind the last among them.

    Parameters
    ----------
    knots : array of shape (quantiles,)
        The different quantiles.
    begin, length : arrays of shape (quantiles + 1,)
        Of each step.
    middle, last, following : arrays of shape (quantiles + 1,)
        The rank of the number at its begin, and those between which the ranks of its other numbers lie.
    """

    knots: np.ndarray
    begin: np.ndarray
    length: np.ndarray
    middle: np.ndarray
    last: np.ndarray
    following: np.ndarray


def quantiles_of(rows: np.ndarray, count: int) -> tuple[list[float], list[float]]:
    """Quantiles of two numbers or more, in order, and of each its place among them, counted from 0.

    At most `count` different numbers are quantiles all, of more about `count` at equal steps. A number that several
    rows share stands at the middle of their places, or, where it is the first or the last or they are many, twice, at
    their first place and at their last. Where no row shares a quantile there are no places: all steps are equal.
    """
    last, count = len(rows) - 1, min(count, len(rows))
    chosen = rows[np.flatnonzero(np.diff(rows, prepend=-np.inf))]
    if len(chosen) > count:
        chosen = np.unique(rows[np.linspace(0, last, count).round().astype(int)])
    first, final = np.searchsorted(rows, chosen, "left"), np.searchsorted(rows, chosen, "right") - 1
    shared = final > first
    if len(chosen) == count and not shared.any():
        return _at_equal_steps(rows, count).tolist(), []
    twice = (final - first) * (count - 1) >= WIDE * last
    twice[[0, -1]] = shared[[0, -1]]
    quantiles = np.concatenate([chosen, chosen[twice]])
    places = np.concatenate([np.where(twice, first, (first + final) / 2), final[twice]])
    order = np.argsort(places)
    return quantiles[order].tolist(), places[order].tolist()


def _at_equal_steps(rows: np.ndarray, count: int) -> np.ndarray:
    """Quantiles at equal steps, on a line between two rows; bounded by the upper, against the rounding of the line."""
    place = np.linspace(0, len(rows) - 1, count)
    below = np.floor(place).astype(int)
    low, high = rows[below], rows[np.ceil(place).astype(int)]
    between: np.ndarray = np.minimum(low + (place - below) * (high - low), high)
    return between


def steps_between(quantiles: Sequence[float], places: Sequence[float]) -> Steps:
    """The steps between quantiles whose places are given, or equal where there are none."""
    knots, first, times = np.unique(quantiles, return_index=True, return_counts=True)
    ranks = np.array(places) / places[-1] if places else np.arange(len(quantiles)) / (len(quantiles) - 1)
    low, high = ranks[first], ranks[first + times - 1]
    columns = [
        (knots[0], *knots),
        (1, *np.diff(knots), 1),
        (0, *(low + high) / 2),
        (0, *high),
        (0, *low[1:], high[-1]),
    ]
    return Steps(knots, *map(np.array, columns))


class NormalScores:
    """Normal scores of columns, encoded together: their steps stand behind each other in one table.

    Parameters
    ----------
    columns : sequence of Steps
    """

    def __init__(self, columns: Sequence[Steps]) -> None:
        self.knots = [steps.knots for steps in columns]
        self.begin, self.length, self.middle, self.last, self.following = (
            np.concatenate(tables) for tables in zip(*(steps[1:] for steps in columns), strict=True)
        )
        self.places = np.arange(len(columns)).reshape(-1, 1)
        self.first = np.cumsum([0, *(len(knots) + 1 for knots in self.knots[:-1])]).reshape(-1, 1)
        self.keys = np.concatenate([place + 1j * knots for place, knots in enumerate(self.knots)])

    def replace(self, x: np.ndarray) -> None:
        """Put in the place of numbers, of shape (columns, rows), none of which is missing, their scores."""
        from scipy.special import ndtri  # where it is needed: SciPy takes longer to load than all of this package

        np.minimum(x, FARTHEST, out=x)
        np.maximum(x, -FARTHEST, out=x)
        step = self._steps_of(x)
        begin, rank = self.begin.take(step), self.last.take(step)
        same = x == begin
        np.subtract(x, begin, out=x)
        np.divide(x, self.length.take(step), out=x)
        np.multiply(x, self.following.take(step) - rank, out=x)
        np.add(x, rank, out=x)
        np.copyto(x, self.middle.take(step), where=same)
        ndtri(x, out=x)
        np.minimum(x, MOST_SCORE, out=x)
        np.maximum(x, -MOST_SCORE, out=x)

    def _steps_of(self, x: np.ndarray) -> np.ndarray:
        """Of each number the step in which it lies.

        Of a few rows all columns are looked up at once: complex numbers are in the order of their real parts, which
        are the columns' places, then of their imaginary ones. Of many rows that takes longer than a column at a time.
        """
        if x.shape[1] <= FEW_ROWS:
            step = self.keys.searchsorted(self.places + 1j * x, "right")
            step += self.places  # a column has a step more than knots
            return step
        step = np.empty(x.shape, np.intp)
        for row, numbers, knots in zip(step, x, self.knots, strict=True):
            row[:] = knots.searchsorted(numbers, "right")
        step += self.first
        return step
