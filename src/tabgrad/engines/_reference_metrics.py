"""What metrics sum over the rows of a batch: the reference engine's formulas.

``y`` is the target, ``p`` the network's output, ``w`` the weights of the rows, all ones where a metric is not weighted.
What the terms are, and what is made of them, stands in `tabgrad.engines.scores`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabgrad.engines._reference_activations import sigmoid_of
from tabgrad.engines._reference_losses import metric_of
from tabgrad.engines.scores import own_terms
from tabgrad.metrics import MeanMetricWrapper, Metric
from tabgrad.metrics._agreement import Agreement
from tabgrad.metrics._overlap import FScore
from tabgrad.metrics._thresholds import LOWEST, ThresholdMetric


def terms_of(metric: Metric, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """A metric's sums over the rows, float64 of shape (terms,)."""
    if isinstance(metric, MeanMetricWrapper):
        return np.fromiter(own_terms(metric, y, p, weight), np.float64)
    w = np.ones(len(p)) if weight is None else weight.astype(np.float64)
    return TERMS[metric.tally](metric, y, p, w)


def one_hot(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Labels as the columns that they stand for."""
    return np.eye(p.shape[1], dtype=p.dtype)[y] if y.ndim == 1 else y


def _mean(metric: Metric, y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.array([w @ metric_of(metric, y, p), w.sum()])


def _thresholds(metric: ThresholdMetric, y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    y, p = one_hot(y, p), sigmoid_of(p) if metric.sigmoid else p
    weights = w[:, np.newaxis] * metric.weights_of_outputs(p.shape[1])
    if metric.top is not None:
        order = np.argsort(-p, axis=1, kind="stable")  # of equal outputs the first
        first = np.argsort(order, axis=1) < metric.top
        p = np.where(first, p, np.asarray(LOWEST, p.dtype))
    if metric.column is not None:
        y, p, weights = (each[:, [metric.column]] for each in (y, p, weights))
    if metric.clips:
        p = np.clip(p, 0, 1)
    cuts = np.array(metric.cuts, p.dtype)
    passed = np.searchsorted(cuts, p, side="left")  # how many are below
    counts = np.zeros((p.shape[1] if metric.apart else 1, 2, len(cuts) + 1))
    np.add.at(counts, (np.arange(p.shape[1]) * metric.apart, np.where(y > 0, 0, 1), passed), weights)
    return counts.ravel()


def _overlap(metric: FScore, y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    y = one_hot(y, p)
    if metric.cut is None:
        positive = (p == p.max(axis=1, keepdims=True)) & (np.abs(p) > 1e-9)
    else:
        positive = p > np.asarray(metric.cut, p.dtype)
    return np.concatenate([w @ (positive * y), w @ positive, w @ y])


def _agreement(metric: Agreement, y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    if p.shape[1] == 1:
        true, taken = (y.reshape(-1) > 0.5).astype(int), (p[:, 0] > np.asarray(metric.cut, p.dtype)).astype(int)
    else:
        true, taken = (y if y.ndim == 1 else y.argmax(axis=1)), p.argmax(axis=1)
    classes, distance = max(p.shape[1], 2), np.abs(true - taken)
    disagreement = distance**metric.power if metric.power else distance > 0
    return np.array([*np.bincount(true, w, classes), *np.bincount(taken, w, classes), w @ disagreement])


def _moments(_: Metric, y: np.ndarray, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    y, p = y.astype(np.float64), p.astype(np.float64)
    return np.array([len(p), w.sum(), *(w @ y), *(w @ y**2), *(w @ (y - p) ** 2)])


TERMS: dict[str, Callable[..., np.ndarray]] = {
    "mean": _mean,
    "thresholds": _thresholds,
    "overlap": _overlap,
    "agreement": _agreement,
    "moments": _moments,
}
