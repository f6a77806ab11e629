"""What a fitted estimator is judged by on rows that it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

COVERAGE = 0.9  # the share of rows that intervals and sets of classes are asked to hold
BINS = 15  # of the calibration error, as in its source


def judge(estimator: Any, X: pd.DataFrame, y: pd.Series, *, classes: int) -> dict[str, float]:
    """Return the scores of an estimator on test rows: those of numbers where `classes` is 0."""
    if not classes:
        found = of_values(np.asarray(estimator.predict(X), float).ravel(), y.to_numpy())
        return found | _of_intervals_of(estimator, X, y)
    given = np.asarray(estimator.predict_proba(X), float)
    probabilities = np.zeros((len(X), classes))
    probabilities[:, np.asarray(estimator.classes_, int)] = given
    return of_probabilities(probabilities, y.to_numpy())


def of_values(predicted: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the root of the mean squared error, also in units of the standard deviation of `y`."""
    error = float(np.sqrt(np.mean((predicted - y) ** 2)))
    return {"rmse": error, "nrmse": error / float(np.std(y, ddof=1))}


def _of_intervals_of(estimator: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Judge the intervals of an estimator that has some: not without, or with too few, rows held out in its fit."""
    if not hasattr(estimator, "predict_interval"):
        return {}
    try:
        intervals = estimator.predict_interval(X, COVERAGE)
    except ValueError:
        return {}
    return of_intervals(intervals, y.to_numpy())


def of_intervals(intervals: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the share of rows whose interval holds their value, and the mean width in deviations of `y`."""
    low, high = intervals.T
    return {
        "coverage": float(np.mean((low <= y) & (y <= high))),
        "interval_width": float(np.mean(high - low)) / float(np.std(y, ddof=1)),
    }


def of_probabilities(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the log-loss, the share of wrong classes, the calibration error and, where it exists, the AUC."""
    from sklearn.metrics import roc_auc_score

    clipped = np.clip(probabilities, 1e-7, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    scores = {
        "logloss": float(-np.mean(np.log(clipped[np.arange(len(labels)), labels]))),
        "error": float(np.mean(clipped.argmax(axis=1) != labels)),
        "calibration_error": calibration_error(clipped, labels),
    }
    every = np.arange(clipped.shape[1])
    if np.isin(every, labels).all():
        of_two = {"y_score": clipped[:, 1]}
        of_more = {"y_score": clipped, "multi_class": "ovr", "labels": every}
        scores["auc"] = float(roc_auc_score(labels, **(of_two if len(every) == 2 else of_more)))
    return scores


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return how far the probability of the likeliest class is from the share of rows in which it is right.

    ``sum_b n_b / n |share right in b - mean probability in b|`` over 15 bins of equal width.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    likeliest = probabilities.argmax(axis=1)
    probability, right = probabilities.max(axis=1), likeliest == labels
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = np.bincount(place, weights=right - probability, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))
