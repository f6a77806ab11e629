"""Calibration: whether rows to which a probability of 0.8 is given are right eight times in ten."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabgrad._checks import COUNT, check, known_name
from tabgrad.errors import DataError

__all__ = ["expected_calibration_error"]

STRATEGIES = ("quantile", "uniform")


def expected_calibration_error(
    y_true: Any,
    y_prob: Any,
    *,
    labels: Any = None,
    n_bins: int = 15,
    strategy: str = "quantile",
    sample_weight: Any = None,
) -> float:
    """How far the probability of the likeliest class is from how often that class is right.

    ::

        ECE = sum_b W_b / W |a_b - c_b|

    over bins b of rows with similar probabilities of their likeliest class: ``W_b`` is the weight of the bin's rows, W
    that of all, ``a_b`` the share of them in which the likeliest class is the true one, ``c_b`` the mean of its
    probability. 0 is perfect. Of few rows it comes out too large: the share in a bin has noise of its own.

    Parameters
    ----------
    y_true : array of shape (rows,)
        Labels.
    y_prob : array of shape (rows, classes) or (rows,)
        Probabilities of the classes in sorted order; one axis: those of the larger of two classes.
    labels : array of shape (classes,), optional
        The classes in the order of the columns; None: the sorted labels in `y_true`, all of which must be there.
    n_bins : int, default 15
        As in Guo et al.
    strategy : {"quantile", "uniform"}, default "quantile"
        "quantile": bins of equal weight, where equal probabilities share a bin: no bin is nearly empty, and the error
        is biased less (Nguyen and O'Connor). "uniform": bins of equal width in [0, 1], as in Guo et al.
    sample_weight : array of shape (rows,), optional

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        Shapes that do not fit together, labels without a column, probabilities that are none.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", 2017; K. Nguyen, B. O'Connor,
    "Posterior Calibration and Exploratory Analysis for Natural Language Processing Models", 2015.

    Examples
    --------
    >>> from tabgrad.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 1, 1, 1], [0.3, 0.9, 0.9, 0.6], n_bins=2), 3)
    0.225
    """
    n_bins = check(n_bins, "n_bins", "expected_calibration_error", (int,), COUNT)
    strategy = known_name(strategy, "strategy of expected_calibration_error", STRATEGIES)
    index, p = _read(y_true, y_prob, labels)
    weight = np.ones(len(index)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weight.shape != index.shape or not (weight >= 0).all() or not weight.any():
        raise DataError(
            f"sample_weight must hold a number for each of {len(index)} rows, not negative, and not 0 in every row."
        )
    confidence, right = p.max(axis=1), p.argmax(axis=1) == index
    if strategy == "uniform":
        place = np.minimum((confidence * n_bins).astype(np.int64), n_bins - 1)
    else:
        place = _equal_weights(confidence, weight, n_bins)
    gaps = np.bincount(place, weight * (right - confidence), minlength=n_bins)
    return float(np.abs(gaps).sum() / weight.sum())


def _equal_weights(values: np.ndarray, weight: np.ndarray, n_bins: int) -> np.ndarray:
    """The bin of each value, by the middle of the ranks that equal values have."""
    _, which = np.unique(values, return_inverse=True)
    totals = np.bincount(which, weight)
    middle = (np.cumsum(totals) - totals / 2) / weight.sum()
    place: np.ndarray = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
    return place[which]


def _read(y_true: Any, y_prob: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """The place of each row's class, and the probabilities of all classes."""
    owner = "expected_calibration_error"
    y, p = np.asarray(y_true), np.asarray(y_prob, np.float64)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    if y.ndim != 1 or p.ndim != 2 or len(y) != len(p) or not len(y):
        raise DataError(
            f"{owner} needs a label for each row of probabilities. Got shapes {y.shape} and {np.shape(y_prob)}."
        )
    wrong = ~((p >= 0) & (p <= 1)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"Probabilities must be in [0, 1]. Got {p[row].tolist()} in row {row}.")
    classes = np.unique(y) if labels is None else np.asarray(labels)
    if len(classes) != p.shape[1]:
        fix = "" if labels is not None else " Say with 'labels' which classes there are."
        raise DataError(f"{owner} needs a column for each of {len(classes)} classes. Got {p.shape[1]}.{fix}")
    order = np.argsort(classes)
    index = order[np.searchsorted(classes, y, sorter=order).clip(max=len(classes) - 1)]
    if (classes[index] != y).any():
        row = int((classes[index] != y).argmax())
        raise DataError(f"y_true must hold the classes in 'labels'. Got {y.tolist()[row]!r:.40} in row {row}.")
    return index, p
