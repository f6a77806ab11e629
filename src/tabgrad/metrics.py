"""Metrics: what is reported beside the loss, as a mean over the rows of an epoch.

Rows: ``y`` is the target, ``p`` the network's output. As in Keras, sample weights do not enter a metric, and on
training rows it is taken from the predictions that the step itself made, dropout on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tabgrad import losses
from tabgrad._checks import COUNT, Interval
from tabgrad._record import Record

__all__ = [
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "accuracy_for",
    "get",
]


@dataclass(frozen=True)
class Metric(Record):
    """Base of the metrics.

    `labels` says whether the target that it reads is labels; `rising` whether a higher value is a better one.
    """

    labels: ClassVar[bool] = False
    rising: ClassVar[bool] = False


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """The share of outputs on the right side of the threshold: mean over outputs of ``y_j = [p_j > threshold]``.

    Parameters
    ----------
    threshold : float, default 0.5
    """

    rising = True
    threshold: Annotated[float, Interval(0, 1)] = 0.5


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """The share of rows whose largest output stands where the largest target does."""

    rising = True


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """The share of rows whose largest output stands at the target's index."""

    labels = True
    rising = True


@dataclass(frozen=True)
class TopKCategoricalAccuracy(Metric):
    """The share of rows in which fewer than ``k`` outputs are above the one where the largest target stands.

    Parameters
    ----------
    k : int, default 5
        At least 1, which is categorical accuracy where no outputs are equal.
    """

    kind = "top_k_categorical_accuracy"
    rising = True
    k: Annotated[int, COUNT] = 5


@dataclass(frozen=True)
class SparseTopKCategoricalAccuracy(Metric):
    """The share of rows in which fewer than ``k`` outputs are above the one at the target's index.

    Parameters
    ----------
    k : int, default 5
        At least 1, which is sparse categorical accuracy where no outputs are equal.
    """

    kind = "sparse_top_k_categorical_accuracy"
    labels = True
    rising = True
    k: Annotated[int, COUNT] = 5


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """``(1/outputs) sum_j (y_j - p_j)^2``."""


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """``(1/outputs) sum_j |y_j - p_j|``."""


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Metric):
    """``(100/outputs) sum_j |y_j - p_j| / max(|y_j|, 1e-7)``."""


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Metric):
    """``(1/outputs) sum_j (log(1 + max(y_j, 1e-7)) - log(1 + max(p_j, 1e-7)))^2``."""


CATALOGUE: dict[str, type[Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
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
