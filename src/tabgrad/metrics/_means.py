"""Metrics that are a mean over the rows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from tabgrad._checks import COUNT, Interval
from tabgrad.metrics._base import Metric


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """The share of outputs on the right side of the threshold: mean over outputs of ``y_j = [p_j > threshold]``.

    Parameters
    ----------
    name : str, optional
    threshold : float, default 0.5
    """

    rising = True
    name: str | None = None
    _: KW_ONLY
    threshold: Annotated[float, Interval(0, 1)] = 0.5


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """The share of rows whose largest output stands where the largest target does."""

    rising = True
    name: str | None = None


@dataclass(frozen=True)
class SparseCategoricalAccuracy(Metric):
    """The share of rows whose largest output stands at the target's index."""

    labels = True
    rising = True
    name: str | None = None


@dataclass(frozen=True)
class TopKCategoricalAccuracy(Metric):
    """The share of rows in which fewer than ``k`` outputs are above the one where the largest target stands.

    Parameters
    ----------
    k : int, default 5
        At least 1, which is categorical accuracy where no outputs are equal.
    name : str, optional
    """

    kind = "top_k_categorical_accuracy"
    rising = True
    k: Annotated[int, COUNT] = 5
    name: str | None = None


@dataclass(frozen=True)
class SparseTopKCategoricalAccuracy(Metric):
    """The share of rows in which fewer than ``k`` outputs are above the one at the target's index.

    Parameters
    ----------
    k : int, default 5
        At least 1, which is sparse categorical accuracy where no outputs are equal.
    name : str, optional
    """

    kind = "sparse_top_k_categorical_accuracy"
    labels = True
    rising = True
    k: Annotated[int, COUNT] = 5
    name: str | None = None


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """``(1/outputs) sum_j (y_j - p_j)^2``."""

    name: str | None = None


@dataclass(frozen=True)
class RootMeanSquaredError(Metric):
    """The root of the mean over rows and outputs of ``(y_j - p_j)^2``: an error in the unit of the target."""

    name: str | None = None


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """``(1/outputs) sum_j |y_j - p_j|``."""

    name: str | None = None


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Metric):
    """``(100/outputs) sum_j |y_j - p_j| / max(|y_j|, 1e-7)``."""

    name: str | None = None


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Metric):
    """``(1/outputs) sum_j (log(1 + max(y_j, 1e-7)) - log(1 + max(p_j, 1e-7)))^2``."""

    name: str | None = None
