"""Intervals and sets that hold a share of new rows, from predictions of rows held out: conformal prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tabgrad._checks import NOT_NEGATIVE, POSITIVE, Interval, check, check_numbers
from tabgrad._record import Record
from tabgrad.errors import ArgumentError

__all__ = ["Nonconformity", "Residuals", "intervals", "share_of_mean", "spread"]

COVERAGE = Interval(0, 1, "()")
LEVELS = np.array([*(step / 500 for step in range(1, 500)), 0.999, 0.9995, 0.9999])
"""Coverages whose quantiles are kept; another one gets that of the next."""
ROWS_A_BIN, MOST_BINS = 200, 20
"""Residuals that one figure of how large they are is the mean of, and how many such figures there are."""
LEAST = 0.05  # of the mean residual, which no residual is expected to be smaller than
ROUNDING = 1e-9


@dataclass(frozen=True)
class Residuals(Record):
    """How far predictions of held-out rows are off, of one target, in a bounded number of figures.

    ::

        r_i = |y_i - p_i| / s(p_i)
        y in p +- c s(p) q,     q = the ceil((n + 1) coverage)-th smallest of r_1, ..., r_n

    ``p_i`` is what a network says of a row that it was not trained on. Residuals of a row that is like those of the fit
    are as likely to stand at any of the n + 1 places among theirs, so the interval holds it with the probability
    `coverage`, whatever their distribution (Lei et al.). ``s`` is the mean residual near a prediction, over their mean:
    where large values are predicted less surely, their intervals are wider (Papadopoulos et al.); with it the share
    still holds over all rows. A weighted row stands for as many rows as its weight over the mean weight (Tibshirani et
    al., where the new row has the mean weight).

    ``c`` corrects for what ``p`` is of a new row: the mean of K networks, which is off by less than each of them. See
    `share_of_mean`.

    Parameters
    ----------
    rows : int
        n.
    sizes : tuple of float
        ``c q`` for each of `levels`.
    at, typical : tuple of float
        Predictions, ascending, and ``s`` there; straight lines between them, level beyond.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-Free Predictive Inference for
    Regression", 2018; V. Vovk, "Cross-conformal predictors", 2015 (held-out rows of folds); H. Papadopoulos, V. Vovk,
    A. Gammerman, "Regression Conformal Prediction with Nearest Neighbours", 2011 (normalised residuals); R. J.
    Tibshirani, R. Foygel Barber, E. Candès, A. Ramdas, "Conformal Prediction Under Covariate Shift", 2019 (weights).

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.estimators._conformal import Residuals
    >>> residuals = Residuals.of(np.arange(1.0, 20.0), np.zeros(19))
    >>> residuals.interval(np.array([100.0]), 0.9)
    array([[ 82., 118.]])
    """

    rows: int
    sizes: tuple[float, ...]
    at: tuple[float, ...] = (0.0,)
    typical: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        """Check that there is a size for each level and that predictions ascend."""
        super().__post_init__()
        check(self.rows, "rows", "Residuals", (int,), Interval(1))
        for field, interval in (("sizes", NOT_NEGATIVE), ("at", Interval()), ("typical", POSITIVE)):
            object.__setattr__(self, field, check_numbers(getattr(self, field), field, "Residuals", interval))
        if len(self.sizes) != len(self.levels):
            raise ArgumentError(f"'sizes' of Residuals must be {len(self.levels)}. Got {len(self.sizes)}.")
        if len(self.at) != len(self.typical) or (np.diff(self.at) <= 0).any():
            raise ArgumentError("'at' of Residuals must ascend, and be as long as 'typical'.")

    @property
    def levels(self) -> np.ndarray:
        """The coverages that so many rows can vouch for, ascending; the last one by their largest residual."""
        return _levels(self.rows)

    @classmethod
    def of(cls, y: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None, factor: float = 1.0) -> Self:
        """The residuals of rows.

        Parameters
        ----------
        y, prediction : array of shape (rows,)
        weight : array of shape (rows,), optional
            Positive.
        factor : float
            c.
        """
        weight = np.ones(len(y)) if weight is None else weight * (len(weight) / weight.sum())
        with np.errstate(over="ignore"):
            residual = np.minimum(np.abs(y - prediction), np.finfo(np.float64).max / 1e9)
        at, typical = _typical(prediction, residual, weight)
        scaled = residual / np.interp(prediction, at, typical)
        return cls(len(y), tuple((factor * _quantiles(scaled, weight)).tolist()), at, typical)

    def interval(self, prediction: np.ndarray, coverage: float) -> np.ndarray:
        """The interval around each prediction: (rows, 2).

        Raises
        ------
        ArgumentError
            A coverage that is none, or that so few residuals cannot vouch for.
        """
        size = self.sizes[_place(coverage, self.rows, "predict_interval")]
        half = size * np.interp(prediction, self.at, self.typical)
        return np.stack([prediction - half, prediction + half], axis=-1)


def intervals(residuals: Sequence[Residuals], predictions: np.ndarray, coverage: float) -> np.ndarray:
    """The intervals around predictions of shape (rows, outputs), by the residuals of each: (rows, outputs, 2)."""
    columns = zip(residuals, predictions.T, strict=True)
    return np.stack([each.interval(column, coverage) for each, column in columns], axis=1)


@dataclass(frozen=True)
class Nonconformity(Record):
    """How unlikely the true classes of held-out rows looked, in a bounded number of figures.

    ::

        s(x, y) = 0 where y is the most probable class of x, else 1 - p(y | x)
        set of x = all y with s(x, y) <= q
        q = the ceil((n + 1) coverage)-th smallest of s(x_1, y_1), ..., s(x_n, y_n)

    As the score of the most probable class is the least there is, no set is empty, and the share still holds: the
    score is a function of a row and a class like any other. Of all rules that hold the share, sets of the classes above
    one threshold have the fewest classes on average (Sadinle et al.). Sets that add up probabilities until they are
    enough (Romano et al.) are larger, and hold the share more evenly over easy and hard rows.

    Parameters
    ----------
    rows : int
        n.
    sizes : tuple of float
        q for each of `levels`.

    References
    ----------
    M. Sadinle, J. Lei, L. Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", 2019; Y.
    Romano, M. Sesia, E. Candès, "Classification with Valid and Adaptive Coverage", 2020; and those of `Residuals`.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.estimators._conformal import Nonconformity
    >>> p = np.tile([0.6, 0.3, 0.1], (19, 1))
    >>> scores = Nonconformity.of(np.repeat([0, 1, 2], [12, 6, 1]), p)
    >>> scores.sets(np.array([[0.5, 0.35, 0.15]]), 0.9)
    array([[ True,  True, False]])
    """

    rows: int
    sizes: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check that there is a size for each level."""
        super().__post_init__()
        check(self.rows, "rows", "Nonconformity", (int,), Interval(1))
        object.__setattr__(self, "sizes", check_numbers(self.sizes, "sizes", "Nonconformity", Interval(0, 1)))
        if len(self.sizes) != len(self.levels):
            raise ArgumentError(f"'sizes' of Nonconformity must be {len(self.levels)}. Got {len(self.sizes)}.")

    @property
    def levels(self) -> np.ndarray:
        """The coverages that so many rows can vouch for, ascending; the last one by their largest score."""
        return _levels(self.rows)

    @classmethod
    def of(cls, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """The scores of rows.

        Parameters
        ----------
        y : array of shape (rows,)
            Indices of classes.
        p : array of shape (rows, classes)
        weight : array of shape (rows,), optional
            Positive.
        """
        weight = np.ones(len(y)) if weight is None else weight * (len(weight) / weight.sum())
        return cls(len(y), tuple(_quantiles(_scores(p)[np.arange(len(y)), y], weight).tolist()))

    def sets(self, p: np.ndarray, coverage: float) -> np.ndarray:
        """Which classes are in the set of each row: bool of shape (rows, classes).

        Raises
        ------
        ArgumentError
            A coverage that is none, or that so few rows cannot vouch for.
        """
        inside: np.ndarray = _scores(p) <= self.sizes[_place(coverage, self.rows, "predict_set")]
        return inside


def _scores(p: np.ndarray) -> np.ndarray:
    scores: np.ndarray = np.clip(1 - p, 0, 1)
    np.put_along_axis(scores, p.argmax(axis=1)[:, np.newaxis], 0, axis=1)
    return scores


def share_of_mean(error: float, spread: float, members: int) -> float:
    """How far the mean of K networks is off, as a share of how far one is (root mean square).

    ::

        E (y - mean)^2  =  E (y - one)^2 - (1 - 1/K) V

    with V the variance between networks (without bias): the ambiguity decomposition. The left side is what new rows
    meet; the first term on the right is what rows held out show, each by the one network that had not seen it. V can be
    taken only from networks that have seen the row, which are closer together than on new rows, so that the share
    comes out a little too large, and intervals a little too wide.

    Parameters
    ----------
    error : float
        ``E (y - one)^2``.
    spread : float
        V.
    members : int
        K.

    References
    ----------
    A. Krogh, J. Vedelsby, "Neural Network Ensembles, Cross Validation, and Active Learning", 1995.

    Examples
    --------
    >>> from tabgrad.estimators._conformal import share_of_mean
    >>> share_of_mean(1.0, 0.48, 4)
    0.8
    """
    if error <= 0:
        return 1.0
    return float(np.sqrt(max(1 - (1 - 1 / members) * spread / error, 1 / members)))


def spread(predictions: np.ndarray, seen: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The mean over rows of the variance (without bias) between the networks that were trained on a row.

    Parameters
    ----------
    predictions : array of shape (members, rows)
    seen : array of bool of shape (members, rows)
        Whether a network was trained on the row. Rows that fewer than two have seen are left out; 0 where no row is
        left.
    weight : array of shape (rows,), optional
    """
    count = seen.sum(axis=0)
    rows = count > 1
    if not rows.any():
        return 0.0
    seen, predictions, count = seen[:, rows], predictions[:, rows], count[rows]
    mean = (predictions * seen).sum(axis=0) / count
    variance = (seen * (predictions - mean) ** 2).sum(axis=0) / (count - 1)
    return float(np.average(variance, weights=None if weight is None else weight[rows]))


def _quantiles(scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For each of the levels of so many rows the smallest score that is enough; `weight` has the mean 1."""
    rows, order = len(scores), np.argsort(scores, kind="stable")
    below = _levels(rows) * (rows + 1) - ROUNDING * rows
    places = np.minimum(np.searchsorted(np.cumsum(weight[order]), below), rows - 1)
    return np.asarray(scores[order][places])


def _place(coverage: float, rows: int, owner: str) -> int:
    """The place of the level that a coverage needs.

    Raises
    ------
    ArgumentError
        A coverage that is none, or that so few rows cannot vouch for.
    """
    check(coverage, "coverage", owner, (float,), COVERAGE)
    levels = _levels(rows)
    place = int(np.searchsorted(levels, coverage - ROUNDING))
    if place == len(levels):
        most = np.floor(levels[-1] * 1e4) / 1e4
        raise ArgumentError(
            f"'coverage' of {owner} must be {most:g} at most, which is what {rows:,} rows held out in the fit can "
            f"vouch for. Got {coverage:g}. Fit with more rows."
        )
    return place


def _levels(rows: int) -> np.ndarray:
    most = rows / (rows + 1)
    return np.append(LEVELS[most - ROUNDING > LEVELS], most)


def _typical(
    prediction: np.ndarray, residual: np.ndarray, weight: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean residual of bins of equally many predictions, over the mean of all; see `Residuals`."""
    bins, mean = min(len(prediction) // ROWS_A_BIN, MOST_BINS), np.average(residual, weights=weight)
    if bins < 2 or mean <= 0:
        return (0.0,), (1.0,)
    edges = np.unique(np.quantile(prediction, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, prediction, side="right")
    kept = np.bincount(place, minlength=bins) >= ROWS_A_BIN // 4  # others are what equal predictions left over
    total = np.bincount(place, weight, minlength=bins)[kept]
    at, size = (np.bincount(place, weight * each, minlength=bins)[kept] / total for each in (prediction, residual))
    return tuple(at.tolist()), tuple(np.maximum(size / mean, LEAST).tolist())
