"""Loss of each row with its derivative, and metrics of each row: the reference engine's formulas.

``y`` is the target, ``p`` the network's output, ``z`` the weighted sums (logits) under it, all of shape
(batch, outputs); a target of labels has shape (batch,). Nothing here knows of sample weights or of the batch's mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tabgrad import losses, metrics
from tabgrad._loss_functions import returned
from tabgrad.engines._reference_activations import log_softmax, sigmoid_of, softplus_of

SMALLEST = 1e-30  # what a power less than one is taken of is kept above it
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


def _mean(lost: np.ndarray, slope: np.ndarray) -> LossAndError:
    """The mean over the outputs of what each output loses, and its derivative."""
    return lost.mean(axis=1), slope / slope.shape[1]


def _above_zero(x: np.ndarray) -> np.ndarray:
    """``[x > 0]``, at the kink 1/2."""
    return np.asarray((1 + np.sign(x)) / 2)


def _side(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The derivative of ``|y - p|``; at ``p = y``, as in Keras, that from below."""
    return np.where(p > y, 1, -1).astype(p.dtype)


def _mean_absolute_error(_: losses.MeanAbsoluteError, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    return _mean(np.abs(p - y), _side(p, y))


def _mean_absolute_percentage_error(
    _: losses.MeanAbsolutePercentageError, y: np.ndarray, p: np.ndarray, *, logits: bool
) -> LossAndError:
    whole = np.maximum(np.abs(y), CLIP)
    return _mean(100 * np.abs((p - y) / whole), 100 * _side(p, y) / whole)


def _mean_squared_logarithmic_error(
    _: losses.MeanSquaredLogarithmicError, y: np.ndarray, p: np.ndarray, *, logits: bool
) -> LossAndError:
    difference = np.log(1 + np.maximum(p, CLIP)) - np.log(1 + np.maximum(y, CLIP))
    return _mean(difference**2, np.where(p > CLIP, 2 * difference / (1 + p), 0))


def _huber(loss: losses.Huber, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    cut = np.clip(p - y, -loss.delta, loss.delta)
    return _mean(cut * (p - y - cut / 2), cut)  # d^2 / 2 inside, delta (|d| - delta / 2) outside


def _log_cosh(_: losses.LogCosh, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    size = np.abs(p - y)  # cosh d = e^|d| (1 + e^(-2|d|)) / 2
    return _mean(size + softplus_of(-2 * size) - np.log(2), np.tanh(p - y))


def _quantile(loss: losses.Quantile, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    slope = _above_zero(p - y) - np.asarray(loss.quantiles, p.dtype)
    return _mean(slope * (p - y), slope)


def _poisson(_: losses.Poisson, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    return _mean(p - y * np.log(p + CLIP), 1 - y / (p + CLIP))


def _gamma_deviance(_: losses.GammaDeviance, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    return _mean(2 * (np.log(p / y) + y / p - 1), 2 * (p - y) / p**2)


def _tweedie_deviance(loss: losses.TweedieDeviance, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    r = loss.power
    half = y ** (2 - r) / ((1 - r) * (2 - r)) - y * p ** (1 - r) / (1 - r) + p ** (2 - r) / (2 - r)
    return _mean(2 * half, 2 * (p - y) * p**-r)


def _sign_of_class(y: np.ndarray) -> np.ndarray:
    return np.where(y == 0, -1, y)


def _hinge(_: losses.Hinge, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    y = _sign_of_class(y)
    lacking = 1 - y * p
    return _mean(np.maximum(lacking, 0), -y * _above_zero(lacking))


def _squared_hinge(_: losses.SquaredHinge, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    y = _sign_of_class(y)
    lacking = np.maximum(1 - y * p, 0)
    return _mean(lacking**2, -2 * y * lacking)


def _categorical_hinge(_: losses.CategoricalHinge, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    others = (1 - y) * p
    largest = others.max(axis=1, keepdims=True)
    at_largest = (others == largest).astype(p.dtype)
    share = at_largest / at_largest.sum(axis=1, keepdims=True)
    lacking = 1 + largest[:, 0] - (y * p).sum(axis=1)
    return np.maximum(lacking, 0), _above_zero(lacking)[:, np.newaxis] * ((1 - y) * share - y)


def _kl_divergence(_: losses.KLDivergence, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    v, u = np.clip(y, CLIP, 1), np.clip(p, CLIP, 1)
    return (v * np.log(v / u)).sum(axis=1), -v / u * _above_zero(p - CLIP) * _above_zero(1 - p)


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


def _binary_focal_crossentropy(
    loss: losses.BinaryFocalCrossentropy, y: np.ndarray, output: np.ndarray, *, logits: bool
) -> LossAndError:
    y = y * (1 - loss.label_smoothing) + loss.label_smoothing / 2
    weight = y * loss.alpha + (1 - y) * (1 - loss.alpha) if loss.apply_class_balancing else np.ones_like(y)
    if logits:
        p, rest = sigmoid_of(output), sigmoid_of(-output)
        c, slope = y * softplus_of(-output) + (1 - y) * softplus_of(output), p * rest
        dc = p - y  # by z
    else:
        p, rest, slope = output, 1 - output, np.ones_like(output)
        q = np.clip(p, CLIP, 1 - CLIP)
        c = -(y * np.log(q) + (1 - y) * np.log(1 - q))
        dc = np.where(q == p, (q - y) / (q * (1 - q)), 0)
    missing = y * rest + (1 - y) * p
    m = np.maximum(np.abs(missing), SMALLEST)
    dm = np.sign(missing) * (1 - 2 * y) * slope
    return _mean(weight * m**loss.gamma * c, weight * m**loss.gamma * (dc + loss.gamma / m * dm * c))


def _categorical_focal_crossentropy(
    loss: losses.CategoricalFocalCrossentropy, y: np.ndarray, output: np.ndarray, *, logits: bool
) -> LossAndError:
    weighted = (y * (1 - loss.label_smoothing) + loss.label_smoothing / y.shape[1]) * np.asarray(loss.alpha, y.dtype)
    total = output.sum(axis=1, keepdims=True)
    share = output / total
    if logits:
        log_p = log_softmax(output)
        p, m = np.exp(log_p), -np.expm1(log_p)
    else:
        p = np.clip(share, CLIP, 1 - CLIP)
        log_p, m = np.log(p), 1 - p
    m = np.maximum(m, SMALLEST)
    row_loss = -(weighted * m**loss.gamma * log_p).sum(axis=1)
    by_log = weighted * m**loss.gamma * (loss.gamma / m * p * log_p - 1)  # p dl/dp
    if logits:
        return row_loss, by_log - p * by_log.sum(axis=1, keepdims=True)
    by_log = np.where(p == share, by_log, 0)
    return row_loss, (by_log / p - by_log.sum(axis=1, keepdims=True)) / total


def _function(loss: losses.Function, y: np.ndarray, p: np.ndarray, *, logits: bool) -> LossAndError:
    return returned(loss.function, str(loss.name), y, p)


def _binary_accuracy(metric: metrics.BinaryAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean(y == (p > metric.threshold), axis=1)


def _categorical_accuracy(_: metrics.CategoricalAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return y.argmax(axis=1) == p.argmax(axis=1)


def _sparse_categorical_accuracy(_: metrics.SparseCategoricalAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return y == p.argmax(axis=1)


def _in_top(k: int, label: np.ndarray, p: np.ndarray) -> Any:
    return (p > np.take_along_axis(p, label[:, np.newaxis], axis=1)).sum(axis=1) < k


def _top_k_categorical_accuracy(metric: metrics.TopKCategoricalAccuracy, y: np.ndarray, p: np.ndarray) -> Any:
    return _in_top(metric.k, y.argmax(axis=1), p)


def _sparse_top_k_categorical_accuracy(
    metric: metrics.SparseTopKCategoricalAccuracy, y: np.ndarray, p: np.ndarray
) -> Any:
    return _in_top(metric.k, y, p)


def _percentage_error(_: metrics.MeanAbsolutePercentageError, y: np.ndarray, p: np.ndarray) -> Any:
    return _mean_absolute_percentage_error(losses.MeanAbsolutePercentageError(), y, p, logits=False)[0]


def _logarithmic_error(_: metrics.MeanSquaredLogarithmicError, y: np.ndarray, p: np.ndarray) -> Any:
    return _mean_squared_logarithmic_error(losses.MeanSquaredLogarithmicError(), y, p, logits=False)[0]


def _squared_error(_: metrics.MeanSquaredError, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean((p - y) ** 2, axis=1)


def _absolute_error(_: metrics.MeanAbsoluteError, y: np.ndarray, p: np.ndarray) -> Any:
    return np.mean(np.abs(p - y), axis=1)


def _cosine_similarity(_: metrics.CosineSimilarity, y: np.ndarray, p: np.ndarray) -> Any:
    of_y, of_p = (np.maximum(np.linalg.norm(each, axis=1), CLIP) for each in (y, p))
    return (y * p).sum(axis=1) / of_y / of_p


def _loss_of(loss_and_error: Callable[..., LossAndError]) -> Callable[..., Any]:
    """A loss as a metric, whose record has the loss's fields."""

    def values(metric: metrics.Metric, y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return loss_and_error(metric, y, p, logits=getattr(metric, "from_logits", False))[0]

    return values


LOSS_AND_ERROR: dict[str, Callable[..., LossAndError]] = {
    "mean_squared_error": _mean_squared_error,
    "mean_absolute_error": _mean_absolute_error,
    "mean_absolute_percentage_error": _mean_absolute_percentage_error,
    "mean_squared_logarithmic_error": _mean_squared_logarithmic_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "quantile": _quantile,
    "poisson": _poisson,
    "gamma_deviance": _gamma_deviance,
    "tweedie_deviance": _tweedie_deviance,
    "hinge": _hinge,
    "squared_hinge": _squared_hinge,
    "categorical_hinge": _categorical_hinge,
    "kl_divergence": _kl_divergence,
    "binary_crossentropy": _binary_crossentropy,
    "categorical_crossentropy": _categorical_crossentropy,
    "sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    "binary_focal_crossentropy": _binary_focal_crossentropy,
    "categorical_focal_crossentropy": _categorical_focal_crossentropy,
    "function": _function,
}
METRIC_OF: dict[str, Callable[..., Any]] = {
    "binary_accuracy": _binary_accuracy,
    "categorical_accuracy": _categorical_accuracy,
    "sparse_categorical_accuracy": _sparse_categorical_accuracy,
    "top_k_categorical_accuracy": _top_k_categorical_accuracy,
    "sparse_top_k_categorical_accuracy": _sparse_top_k_categorical_accuracy,
    "mean_squared_error": _squared_error,
    "root_mean_squared_error": _squared_error,
    "mean_absolute_error": _absolute_error,
    "mean_absolute_percentage_error": _percentage_error,
    "mean_squared_logarithmic_error": _logarithmic_error,
    "cosine_similarity": _cosine_similarity,
    "logcosh": _loss_of(_log_cosh),
    **{
        kind: _loss_of(LOSS_AND_ERROR[kind])
        for kind in (
            "binary_crossentropy",
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "kl_divergence",
            "poisson",
            "hinge",
            "squared_hinge",
            "categorical_hinge",
        )
    },
}
