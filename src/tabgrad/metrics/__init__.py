"""Metrics: what is reported beside the loss, made of sums over the rows of an epoch.

Rows: ``y`` is the target, ``p`` the network's output. As in Keras, the weights of rows enter only those metrics that
`compile` is given as `weighted_metrics`, and on training rows a metric is taken from the predictions that the steps
themselves made, dropout on. Each metric has a `name`, the key in `History.history`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tabgrad import losses
from tabgrad._checks import INSTEAD
from tabgrad.metrics._agreement import CohenKappa, MatthewsCorrelationCoefficient
from tabgrad.metrics._base import Metric
from tabgrad.metrics._calibration import expected_calibration_error
from tabgrad.metrics._losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from tabgrad.metrics._means import (
    BinaryAccuracy,
    CategoricalAccuracy,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from tabgrad.metrics._moments import R2Score
from tabgrad.metrics._operating_points import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from tabgrad.metrics._overlap import F1Score, FBetaScore
from tabgrad.metrics._own import MeanMetricWrapper
from tabgrad.metrics._thresholds import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)

__all__ = [
    "AUC",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CohenKappa",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MatthewsCorrelationCoefficient",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy_for",
    "expected_calibration_error",
    "get",
]

CATALOGUE: dict[str, type[Metric]] = {
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "root_mean_squared_error": RootMeanSquaredError,
    "rmse": RootMeanSquaredError,
    "RMSE": RootMeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "r2_score": R2Score,
    "r2": R2Score,
    "auc": AUC,
    "AUC": AUC,
    "precision": Precision,
    "recall": Recall,
    "true_positives": TruePositives,
    "false_positives": FalsePositives,
    "true_negatives": TrueNegatives,
    "false_negatives": FalseNegatives,
    "f1_score": F1Score,
    "f1": F1Score,
    "f_beta_score": FBetaScore,
    "fbeta_score": FBetaScore,
    "cohen_kappa": CohenKappa,
    "matthews_correlation_coefficient": MatthewsCorrelationCoefficient,
    "mcc": MatthewsCorrelationCoefficient,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "log_cosh_error": LogCoshError,
    "logcosh": LogCoshError,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "cosine_similarity": CosineSimilarity,
}
ACCURACY = ("accuracy", "acc", "Accuracy")


def get(identifier: str | Metric | Callable[..., Any]) -> Metric:
    """The metric that a name, an instance or a function stands for; "accuracy" needs `accuracy_for`.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.get("mae")
    MeanAbsoluteError(name=None)
    """
    if callable(identifier) and not (isinstance(identifier, type) and issubclass(identifier, Metric)):
        return MeanMetricWrapper(identifier)
    return Metric.get(identifier, CATALOGUE, "metric")


if not TYPE_CHECKING:  # or a checker of types would take every name for one that is here

    def __getattr__(name: str) -> Any:
        """Say what there is in the place of a metric of Keras's that is not here."""
        said = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(f"{said}. {INSTEAD[name.lower()]}" if name.lower() in INSTEAD else said)


def accuracy_for(loss: losses.Loss, outputs: int) -> Metric:
    """The form of accuracy that the word "accuracy" means for a loss and a width of output, as Keras chooses it."""
    if loss.target == "labels":
        return SparseCategoricalAccuracy()
    if outputs == 1:
        return BinaryAccuracy()
    return CategoricalAccuracy()
