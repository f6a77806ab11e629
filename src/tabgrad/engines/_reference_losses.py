"""Loss of each row with its derivative, and metrics of each row: the reference engine's formulas.

``y`` is the target, ``p`` the network's output, ``z`` the weighted sums (logits) under it, all of shape
(batch, outputs); a target of labels has shape (batch,). Nothing here knows of sample weights or of the batch's mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tabgrad import losses, metrics
from tabgrad.engines._reference_activations import log_softmax, sigmoid_of, softplus_of

CLIP = 1e-7  # Keras's epsilon: a probability is kept this far from 0 and 1, and its gradient beyond is 0

LossAndError = tuple[np.ndarray, np.ndarray]
"""``l`` of shape (batch,) and ``dl/dp``, or ``dl/dz`` from logits, of shape (batch, outputs)."""


def loss_and_error(loss: losses.Loss, y: np.ndarray, output: np.ndarray, *, logits: bool) -> LossAndError:
    """The rows' losses and their derivative by the output, which is ``z`` if `logits`, else ``p``."""
    return LOSS_AND_ERROR[loss.kind](loss, y, output, logits=logits)


def metric_of(metric: metrics.Metric, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The metric of each row, shape (batch,)."""
    return np.asarray(METRIC_OF[metric.kind](metric, y, p))


def _mean_squared_error(_: losses.MeanSquaredError, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]


def _binary_crossentropy(
    loss: losses.BinaryCrossentropy, y: np.ndarray, output: np.ndarray, *, logits: bool
) -> LossAndError:
    y = y * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    outputs = output.shape[1]
    if logits:  # -log p = softplus(-z), -log(1 - p) = softplus(z)
        z, p = output, sigmoid_of(output)
        return (y * softplus_of(-z) + (1 - y) * softplus_of(z)).mean(axis=1), (p - y) / outputs
    p = np.clip(output, CLIP, 1 - CLIP)
    error = (p - y) / (p * (1 - p)) / outputs
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=1), np.where(p == output, error, 0)


def _categorical_crossentropy(
    loss: losses.CategoricalCrossentropy, y: np.ndarray, output: np.ndarray, *, logits: bool
) -> LossAndError:
    return _crossentropy(y * (1 - loss.label_smoothing) + loss.label_smoothing / y.shape[1], output, logits=logits)


def _sparse_categorical_crossentropy(
    _: losses.SparseCategoricalCrossentropy, y: np.ndarray, output: np.ndarray, *, logits: bool
) -> LossAndError:
    return _crossentropy(np.eye(output.shape[1], dtype=output.dtype)[y], output, logits=logits)


def _crossentropy(y: np.ndarray, output: np.ndarray, *, logits: bool) -> LossAndError:
    if logits:
        log_p = log_softmax(output)
        return -(y * log_p).sum(axis=1), np.exp(log_p) * y.sum(axis=1, keepdims=True) - y
    total = output.sum(axis=1, keepdims=True)
    share = output / total
    p = np.clip(share, CLIP, 1 - CLIP)
    d_share = np.where(p == share, -y / p, 0)
    # share_j = p_j / total, so d share_j / d p_k = ([j = k] - share_j) / total
    return -(y * np.log(p)).sum(axis=1), (d_share - (d_share * share).sum(axis=1, keepdims=True)) / total


def _binary_accuracy(metric: metrics.BinaryAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean(y == (p > metric.threshold), axis=1)


def _categorical_accuracy(_: metrics.CategoricalAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return y.argmax(axis=1) == p.argmax(axis=1)


def _sparse_categorical_accuracy(_: metrics.SparseCategoricalAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return y == p.argmax(axis=1)


def _squared_error(_: metrics.MeanSquaredError, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean((p - y) ** 2, axis=1)


def _absolute_error(_: metrics.MeanAbsoluteError, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean(np.abs(p - y), axis=1)


LOSS_AND_ERROR: dict[str, Callable[..., LossAndError]] = {
    "mean_squared_error": _mean_squared_error,
    "binary_crossentropy": _binary_crossentropy,
    "categorical_crossentropy": _categorical_crossentropy,
    "sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
}
METRIC_OF: dict[str, Callable[..., Any]] = {
    "binary_accuracy": _binary_accuracy,
    "categorical_accuracy": _categorical_accuracy,
    "sparse_categorical_accuracy": _sparse_categorical_accuracy,
    "mean_squared_error": _squared_error,
    "mean_absolute_error": _absolute_error,
}
