"""Predictions of numbers stretched away from their mean, as far as rows that were held out ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from tabgrad.estimators._outputs import Apart, predicted

__all__ = ["Judged", "Line", "lines", "stretch"]

EXPECTED = 0.05  # how far from 1 slopes are expected to be (a standard deviation), before a row says anything


@dataclass(frozen=True)
class Judged:
    """What one network says of the rows that it has held out, float64 and in the unit in which it is trained.

    Parameters
    ----------
    said, truth : array of shape (rows, outputs)
    weight : array of shape (rows,)
    """

    said: np.ndarray
    truth: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Line:
    """A straight line for each output, from what is said to what is to be said.

    ::

        p' = m + b (p - m),     m = mean(p)
        b = 1 + S(p, r) / (S(p, p) + v / t^2),     r = y - p

    with ``S(u, v) = sum_i w_i (u_i - mean(u)) (v_i - mean(v))`` over rows held out and ``v`` the variance of ``r``.

    Dropout and weight decay draw a network's predictions together: they lie nearer to their mean than the numbers that
    they predict, by some per cent, and least squares on rows that it has not seen says by how much. The slope is that
    of ridge regression: slopes are expected within ``t = 0.05`` of 1, so that few rows, noisy ones, or predictions
    that are all the same leave it there. The mean stays: what it is off on rows held out is mostly chance.

    Parameters
    ----------
    slope, mean : array of shape (outputs,)
        b and m.

    References
    ----------
    J. B. Copas, "Regression, Prediction and Shrinkage", 1983 (predictions of new rows want another slope than 1, and
    rows held out show which); A. E. Hoerl, R. W. Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal
    Problems", 1970.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.estimators._stretching import Judged, Line
    >>> y = np.linspace(-1, 1, 1000)[:, np.newaxis]
    >>> Line.of(Judged(0.9 * y, y, np.ones(1000))).slope.round(2)
    array([1.11])
    """

    slope: np.ndarray
    mean: np.ndarray

    @classmethod
    def straight(cls, outputs: int) -> Self:
        """The line that changes nothing."""
        return cls(np.ones(outputs), np.zeros(outputs))

    @classmethod
    def of(cls, judged: Judged) -> Self:
        """The line of some rows; of rows that count for nothing, or of numbers beyond all bounds, the straight one."""
        straight = cls.straight(judged.said.shape[1])
        if not judged.weight.sum() > 0:
            return straight
        share, rest = judged.weight / judged.weight.mean(), judged.truth - judged.said
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(judged.said, axis=0, weights=share)
            around, off = judged.said - mean, rest - np.average(rest, axis=0, weights=share)
            unsure = np.average(off**2, axis=0, weights=share) / EXPECTED**2
            below = share @ around**2 + unsure
            slope = 1 + share @ (around * off) / np.where(below > 0, below, 1)
        return cls(slope, mean) if np.isfinite([slope, mean]).all() else straight

    def through(self, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights of a last linear layer that gives what is to be said."""
        moved = self.mean + self.slope * (bias - self.mean)
        return (kernel * self.slope).astype(np.float32), moved.astype(np.float32)


def lines(judged: Sequence[Judged]) -> list[Line]:
    """A line for each of several networks, of the rows that the others have held out.

    What a network says, stretched, of the rows that it has held out itself then owes their answers nothing but what the
    others learned from them, and errors on these rows stay honest. One network alone says what it said.
    """
    if len(judged) < 2:
        return [Line.straight(each.said.shape[1]) for each in judged]
    return [Line.of(_together([*judged[:place], *judged[place + 1 :]])) for place in range(len(judged))]


def stretch(parts: Sequence[Apart], truth: np.ndarray, weight: np.ndarray | None) -> None:
    """Give the last layer of each network the line that the rows held out by the others ask for; see `Line`.

    Parameters
    ----------
    parts : sequence of `Apart`
        The networks, and the rows that each has held out.
    truth : array of float64 of shape (rows, outputs)
        Of all rows of the fit, in the unit in which networks are trained.
    weight : array of shape (rows,) or None
    """
    weight = np.ones(len(truth)) if weight is None else weight
    judged = []
    for model, seen, places in parts:
        said = np.clip(predicted([model], seen)[0], truth.min(axis=0), truth.max(axis=0))  # as `decode` does
        judged.append(Judged(said.astype(np.float64), truth[places], weight[places]))
    for (model, _, _), line in zip(parts, lines(judged), strict=True):
        *others, kernel, bias = model.get_weights()
        model.set_weights([*others, *line.through(kernel, bias)])


def _together(judged: Sequence[Judged]) -> Judged:
    said, truth, weight = ([getattr(each, name) for each in judged] for name in ("said", "truth", "weight"))
    return Judged(np.concatenate(said), np.concatenate(truth), np.concatenate(weight))
