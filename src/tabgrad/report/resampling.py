"""How far a score may be off for the rows that happened to be judged: the bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tabgrad._wording import figure

__all__ = ["Estimate", "estimated"]

LEVEL = 0.95
MOST_RESAMPLES, FEWEST_RESAMPLES = 1000, 200
WORK = 5 * 10**6  # values that all resamples of a score hold together; of more rows there are fewer resamples
BLOCK = 2 * 10**6  # values of the resamples that are there at the same time

Statistic = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""From weights of shape (resamples, rows) to the value of each score in each resample."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A score with its interval.

    Parameters
    ----------
    value : float
        On the rows as they are.
    low, high : float
        The ends of the 95 % interval; NaN where there are fewer than two rows.
    resamples : array of shape (resamples,)
        The score in each resample, NaN where it has none; those of other predictions of the same rows are drawn from
        the same resamples, so that differences of both are those of pairs.
    """

    value: float
    low: float
    high: float
    resamples: np.ndarray = field(repr=False)

    def __str__(self) -> str:
        """``0.9123 (0.9011 to 0.9235)``."""
        if not np.isfinite(self.low):
            return figure(self.value)
        return f"{figure(self.value)} ({figure(self.low)} to {figure(self.high)})"

    def less(self, other: Estimate) -> tuple[float, float]:
        """The ends of the 95 % interval of this score less another one of the same rows."""
        return _ends(self.resamples - other.resamples)


def estimated(statistic: Statistic, weight: np.ndarray, *, work: int = 1, seed: int = 0) -> dict[str, Estimate]:
    """Scores of rows with their percentile intervals.

    Rows are drawn with replacement, as many as there are, and the score is taken of them, up to a thousand times: of
    the values that come, 2.5 % lie below the interval and 2.5 % above it.

    Parameters
    ----------
    statistic : callable
        From weights of shape (resamples, rows) to the value of each score.
    weight : array of shape (rows,)
        What the rows count for.
    work : int
        What a row costs, in units of a plain mean.
    seed : int
        Of the draws.

    References
    ----------
    B. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.report.resampling import estimated
    >>> right = np.arange(100) % 10 > 0
    >>> estimated(lambda weight: {"accuracy": weight @ right / weight.sum(axis=1)}, np.ones(100))["accuracy"].value
    0.9
    """
    rows, draw = len(weight), np.random.default_rng(seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = {name: float(value[0]) for name, value in statistic(weight[np.newaxis]).items()}
        count = int(np.clip(WORK // max(rows * work, 1), FEWEST_RESAMPLES, MOST_RESAMPLES)) if rows > 1 else 0
        block = max(BLOCK // max(rows, 1), 1)
        parts = [statistic(_drawn(draw, rows, min(block, count - first)) * weight) for first in range(0, count, block)]
    drawn = {name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0) for name in values}
    return {name: Estimate(value, *_ends(drawn[name]), drawn[name]) for name, value in values.items()}


def _drawn(draw: np.random.Generator, rows: int, resamples: int) -> np.ndarray:
    """How often each row is drawn: (resamples, rows)."""
    places = draw.integers(rows, size=(resamples, rows)) + rows * np.arange(resamples)[:, np.newaxis]
    return np.bincount(places.ravel(), minlength=resamples * rows).reshape(resamples, rows).astype(np.float64)


def _ends(values: np.ndarray) -> tuple[float, float]:
    there = values[np.isfinite(values)]
    if len(there) < FEWEST_RESAMPLES // 2:
        return np.nan, np.nan
    low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
