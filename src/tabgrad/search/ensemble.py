"""Greedy ensemble selection: which candidates are best together, and what each of them counts for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tabgrad._checks import COUNT, check, known_name
from tabgrad._refusals import shown
from tabgrad._row_weights import row_weights
from tabgrad.errors import ArgumentTypeError, DataError

__all__ = ["greedy_selection"]

Loss = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]
"""``loss(y, mean, weight)``, the less the better."""
Judge = Callable[[np.ndarray], float]
"""The loss of a mean of parts, of which there is one for each candidate."""

LOSSES = ("log_loss", "squared_error")
LEAST_PROBABILITY = np.finfo(np.float64).eps  # below, log-loss would be decided by single rows; as scikit-learn
LEAST_GAIN = 1e-9  # of a loss: less is rounding


def greedy_selection(
    predictions: Sequence[Any] | np.ndarray,
    y: Any,
    loss: str | Loss,
    weight: Any = None,
    *,
    rounds: int = 50,
    initial: int = 5,
) -> np.ndarray:
    """The weights with which candidates predict best together, on rows that none of them was trained on.

    ::

        P_t = 1/t (p_c1 + ... + p_ct),      c_t = argmin_c  L(y, ((t - 1) P_{t-1} + p_c) / t)
        weight of c = how often c is among c_1, ..., c_T, over T

    ``p_c`` are the predictions of candidate c, ``L`` is `loss`. The mean begins with the best candidates alone, as many
    of the first `initial` as are best together (sorted initialisation: a start that few rows do not mislead). Then, in
    each of `rounds` rounds, the one candidate joins with which the loss of the mean is least, whether it is in the mean
    already or not (with replacement, so that counts become weights). ``T`` is the round that was best, so the mean is
    never worse on these rows than the best single candidate. Of equal candidates the first is taken.

    Parameters
    ----------
    predictions : array of shape (candidates, rows) or (candidates, rows, outputs), or a list of such of each candidate
        Out of fold. Rows of which no candidate has predictions are NaN, and left out; a candidate that lacks others
        (its fit failed in a fold) is not taken.
    y : array of shape (rows,) or (rows, outputs)
        The truth: under "log_loss" the places of classes, under "squared_error" numbers.
    loss : {"log_loss", "squared_error"} or callable
        "log_loss" is of probabilities of shape (candidates, rows, classes). "squared_error" is that over the variance
        of y, the mean over outputs: what 1 - R2 is. A function is given y, the mean of shape (rows,) or (rows, outputs)
        and the weights of rows or None; the less it returns, the better.
    weight : array of shape (rows,), optional
        What each row counts for.
    rounds : int, default 50
    initial : int, default 5
        Of how many candidates the mean may begin with.

    Returns
    -------
    array of shape (candidates,)
        Not negative; they sum to 1.

    Raises
    ------
    DataError
        Shapes that differ, classes that predictions have no column for, no candidate that has predictions of all rows.
    UnknownNameError, ArgumentError
        A loss of another name; rounds below 1.

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes, "Ensemble Selection from Libraries of Models", 2004.

    Examples
    --------
    Two candidates that err to opposite sides are right together, and a third that is always wrong stays out.

    >>> import numpy as np
    >>> from tabgrad.search import greedy_selection
    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> greedy_selection([y + 1, y - 1, -y], y, "squared_error")
    array([0.5, 0.5, 0. ])
    """
    check(rounds, "rounds", "greedy_selection", (int,), COUNT)
    check(initial, "initial", "greedy_selection", (int,), COUNT)
    loss = _known(loss)
    each = [np.asarray(prediction) for prediction in predictions]
    y = np.asarray(y)
    _check_shapes(each, y, loss)
    weights, usable = row_weights(weight, len(y)), [_finite(prediction) for prediction in each]
    counted = np.any(usable, axis=0) if weights is None else np.any(usable, axis=0) & (weights > 0)
    taken = [place for place, finite in enumerate(usable) if finite[counted].all()]
    if not counted.any() or not taken:
        raise DataError(
            f"greedy_selection needs a candidate with finite predictions of every row that counts. None of {len(each)} "
            "has them: did their fits fail?"
        )
    rows = slice(None) if counted.all() else np.flatnonzero(counted)
    of_rows = None if weights is None else weights[rows]
    parts, judge = _judged([each[place][rows] for place in taken], y[rows], loss, of_rows)
    chosen = np.zeros(len(each))
    chosen[taken] = _shares(parts, judge, rounds, initial)
    return chosen


def _shares(parts: Sequence[np.ndarray], judge: Judge, rounds: int, initial: int) -> np.ndarray:
    """What each part counts for in the best of the means that greedy steps pass."""
    order = np.argsort([judge(part) for part in parts], kind="stable")[:initial].tolist()
    sums = list(accumulate(parts[place] for place in order))
    best, begin = np.inf, 0
    for place, total in enumerate(sums):
        if _is_less(loss := judge(total / (place + 1)), best):
            best, begin = loss, place
    count, total = np.zeros(len(parts), np.int64), sums[begin]
    count[order[: begin + 1]] = 1
    kept = count.copy()
    for size in range(begin + 2, begin + 2 + rounds):
        losses = [judge((total + part) / size) for part in parts]
        place = int(np.argmin(losses))
        total = total + parts[place]
        count[place] += 1
        if _is_less(losses[place], best):
            best, kept = losses[place], count.copy()
    shares: np.ndarray = kept / kept.sum()
    return shares


def _is_less(loss: float, best: float) -> bool:
    """Whether a loss is less by more than rounding."""
    return loss < best and (best == np.inf or best - loss > LEAST_GAIN * abs(best))


def _judged(
    predictions: Sequence[np.ndarray], y: np.ndarray, loss: str | Loss, weight: np.ndarray | None
) -> tuple[list[np.ndarray], Judge]:
    """What of each candidate means are taken of, no more than the loss needs, and the loss of such a mean.

    Sums are NumPy's own, whose order of adding depends on no number of threads.
    """
    shares = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    if callable(loss):
        return [each.astype(np.float64) for each in predictions], _judge_of(loss, y, weight)
    if loss == "log_loss":
        return _of_truth(predictions, y), lambda p: -float((np.log(np.maximum(p, LEAST_PROBABILITY)) * shares).sum())
    return _errors(predictions, y, shares), lambda error: float((error * error).sum())


def _known(loss: Any) -> str | Loss:
    """A loss that there is."""
    if isinstance(loss, str):
        return known_name(loss, "loss of greedy_selection", LOSSES)
    if callable(loss):
        function: Loss = loss
        return function
    raise ArgumentTypeError(
        f"'loss' of greedy_selection must be one of {', '.join(map(repr, LOSSES))}, or a function of y, the mean and "
        f"the weights. Got {shown(loss)}."
    )


def _judge_of(loss: Loss, y: np.ndarray, weight: np.ndarray | None) -> Judge:
    """The loss of a user's own, of which what is no number is infinite."""

    def judge(mean: np.ndarray) -> float:
        value = float(loss(y, mean, weight))
        return np.inf if np.isnan(value) else value

    return judge


def _of_truth(predictions: Sequence[np.ndarray], y: np.ndarray) -> list[np.ndarray]:
    """The probabilities of each row's true class, all that log-loss looks at: (rows,) each."""
    classes = predictions[0].shape[1] if predictions[0].ndim == 2 else 0
    if y.dtype.kind not in "iu" or y.ndim != 1 or not classes or y.min() < 0 or y.max() >= classes:
        raise DataError(
            "'y' of greedy_selection must hold places of classes under 'log_loss', one for each row, and predictions a "
            f"column of probabilities for each. Got {shown(y[:5].tolist())} and predictions of shape "
            f"{predictions[0].shape}."
        )
    rows = np.arange(len(y))
    return [each[rows, y].astype(np.float64) for each in predictions]


def _errors(predictions: Sequence[np.ndarray], y: np.ndarray, shares: np.ndarray) -> list[np.ndarray]:
    """Errors whose squares sum up to the mean squared error over the variance of y, the mean over outputs."""
    truth, share = y.astype(np.float64).reshape(len(y), -1), shares[:, np.newaxis]
    variance = ((truth - (truth * share).sum(axis=0)) ** 2 * share).sum(axis=0)
    factor = np.sqrt(share / np.where(variance > 0, variance, 1) / truth.shape[1])
    return [(each.reshape(truth.shape) - truth) * factor for each in predictions]


def _finite(prediction: np.ndarray) -> np.ndarray:
    """Whether a candidate's prediction of each row is a number."""
    finite: np.ndarray = np.isfinite(prediction).reshape(len(prediction), -1).all(axis=1)
    return finite


def _check_shapes(predictions: Sequence[np.ndarray], y: np.ndarray, loss: object) -> None:
    """Refuse predictions of other rows, or of another shape than each other's or, of numbers, than y's."""
    shapes = {each.shape for each in predictions}
    if len(shapes) != 1 or not y.ndim or not len(y):
        listed = ", ".join(map(str, sorted(shapes)[:3])) or "none"
        raise DataError(
            f"'predictions' of greedy_selection must be of one shape and of one row at least. Got {listed}."
        )
    (shape,) = shapes
    if not shape or shape[0] != len(y) or (loss == "squared_error" and np.prod(shape) != y.size):
        raise DataError(
            "'predictions' of greedy_selection must be of the rows of 'y'. Got the shape "
            f"{shape} of a candidate and {y.shape} of y."
        )
