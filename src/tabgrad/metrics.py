"""Metrics: what is reported beside the loss, as a mean over the rows of an epoch.

Rows: ``y`` is the target, ``p`` the network's output. As in Keras, sample weights do not enter a metric, and on
training rows it is taken from the predictions that the step itself made, dropout on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad import losses
from tabgrad._checks import Interval
from tabgrad._record import Record

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "accuracy_for",
    "get",
]


@dataclass(frozen=True)
class Metric(Record):
    """Base of the metrics."""


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """The share of outputs on the right side of the threshold: mean over outputs of ``y_j = [p_j > threshold]``.

    Parameters
    ----------
    threshold : float, default 0.5
    """

    threshold: Annotated[float, Interval(0, 1)] = 0.5


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """The share of rows whose largest output stands where the largest target does."""


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """The share of rows whose largest output stands at the target's index."""


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """``(1/outputs) sum_j (y_j - p_j)^2``."""


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """``(1/outputs) sum_j |y_j - p_j|``."""


CATALOGUE: dict[str, type[Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
}
ACCURACY = ("accuracy", "acc", "Accuracy")


def get(identifier: str | Metric) -> Metric:
    """The metric that a name or an instance stands for; "accuracy" needs `accuracy_for`.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.get("mae")
    MeanAbsoluteError()
    """
    return Metric.get(identifier, CATALOGUE, "metric")


def accuracy_for(loss: losses.Loss, outputs: int) -> Metric:
    """The form of accuracy that the word "accuracy" means for a loss and a width of output, as Keras chooses it."""
    if loss.target == "labels":
        return SparseCategoricalAccuracy()
    if outputs == 1:
        return BinaryAccuracy()
    return CategoricalAccuracy()
