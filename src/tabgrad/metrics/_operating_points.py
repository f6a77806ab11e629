"""The best of one rate at the thresholds where another is high enough.

``recall = sensitivity = TP / (TP + FN)``, ``specificity = TN / (TN + FP)``, ``precision = TP / (TP + FP)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import Interval
from tabgrad.metrics._thresholds import WITHIN, ThresholdMetric

MANY = Interval(1, 10**6)
FIRST = Interval(0)


@dataclass(frozen=True)
class OperatingPoint(ThresholdMetric):
    """Base of these metrics, whose first field is the rate that is asked for; 0 where no threshold has it."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """From 0 to 1, evenly spread; one alone is 1/2."""
        steps: int = getattr(self, "num_thresholds", 200) - 1
        return tuple(step / steps for step in range(steps + 1)) if steps else (0.5,)


@dataclass(frozen=True)
class SensitivityAtSpecificity(OperatingPoint):
    """The largest sensitivity at a specificity of at least so much.

    Parameters
    ----------
    specificity : float in [0, 1]
    num_thresholds : int, default 200
    class_id : int, optional
        Only this output counts.
    name : str, optional

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.SensitivityAtSpecificity(0.9).title
    'sensitivity_at_specificity'
    """

    specificity: Annotated[float, WITHIN]
    num_thresholds: Annotated[int, MANY] = 200
    class_id: Annotated[int | None, FIRST] = None
    name: str | None = None


@dataclass(frozen=True)
class SpecificityAtSensitivity(OperatingPoint):
    """The largest specificity at a sensitivity of at least so much.

    Parameters
    ----------
    sensitivity : float in [0, 1]
    num_thresholds, class_id, name
        As for `SensitivityAtSpecificity`.
    """

    sensitivity: Annotated[float, WITHIN]
    num_thresholds: Annotated[int, MANY] = 200
    class_id: Annotated[int | None, FIRST] = None
    name: str | None = None


@dataclass(frozen=True)
class PrecisionAtRecall(OperatingPoint):
    """The largest precision at a recall of at least so much.

    Parameters
    ----------
    recall : float in [0, 1]
    num_thresholds, class_id, name
        As for `SensitivityAtSpecificity`.
    """

    recall: Annotated[float, WITHIN]
    num_thresholds: Annotated[int, MANY] = 200
    class_id: Annotated[int | None, FIRST] = None
    name: str | None = None


@dataclass(frozen=True)
class RecallAtPrecision(OperatingPoint):
    """The largest recall at a precision of at least so much.

    Parameters
    ----------
    precision : float in [0, 1]
    num_thresholds, class_id, name
        As for `SensitivityAtSpecificity`.
    """

    precision: Annotated[float, WITHIN]
    num_thresholds: Annotated[int, MANY] = 200
    class_id: Annotated[int | None, FIRST] = None
    name: str | None = None
