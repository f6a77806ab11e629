"""Metrics of two classes at thresholds: how many outputs of either class lie above each.

An output ``p`` is taken for the positive class above a threshold ``t``: ``p > t``. A target is positive above 0, so
that 0 and -1 are both the negative class. Several outputs are counted together, each as an observation of its own; a
target of labels counts as one-hot rows. ``TP, FP, TN, FN`` are sums over them, of the rows' weights where the metric
is weighted.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

from tabgrad._checks import COUNT, NOT_NEGATIVE, Interval, check, check_numbers, known_name
from tabgrad.errors import ArgumentError
from tabgrad.metrics._base import Metric

EPSILON = 1e-7  # Keras's: how far the outer thresholds of a curve lie beyond 0 and 1
LOWEST = -1e10  # Keras's threshold for outputs that are chosen by their rank alone
WITHIN = Interval(0, 1)
SEVERAL = (
    "{} with {} thresholds has as many values, and a metric has one. Give one threshold, or a {} for each, with 'name'."
)

Thresholds = float | tuple[float, ...] | None


@dataclass(frozen=True)
class ThresholdMetric(Metric):
    """Base of these metrics: what both engines count, read from the fields that a metric has.

    `cuts` are the thresholds, ascending; `column` is the only output that counts, None: all; `top` says how many of
    the largest outputs of a row can be positive, None: all; `sigmoid`, that the outputs are logits.
    """

    labels = None
    rising = True
    tally = "thresholds"

    @property
    def cuts(self) -> tuple[float, ...]:
        """The thresholds, ascending."""
        thresholds = getattr(self, "thresholds", None)
        if thresholds is None:
            return (0.5,) if self.top is None else (LOWEST,)
        return thresholds if isinstance(thresholds, tuple) else (thresholds,)

    @property
    def column(self) -> int | None:
        """The only output that counts."""
        return getattr(self, "class_id", None)

    @property
    def top(self) -> int | None:
        """How many of a row's largest outputs can be positive."""
        return getattr(self, "top_k", None)

    @property
    def sigmoid(self) -> bool:
        """Whether the outputs are logits."""
        return getattr(self, "from_logits", False)

    @property
    def clips(self) -> bool:
        """Whether an output beyond [0, 1] counts as 0 or 1: as in Keras, where the thresholds are evenly spread."""
        steps, cuts = len(self.cuts) - 1, self.cuts
        return steps > 1 and all(abs(cut - step / steps) <= 2 * EPSILON for step, cut in enumerate(cuts))

    @property
    def apart(self) -> bool:
        """Whether each output is counted by itself."""
        return getattr(self, "multi_label", False)

    def weights_of_outputs(self, outputs: int) -> tuple[float, ...]:
        """How much each output counts where all are counted together."""
        given = None if self.apart else getattr(self, "label_weights", None)
        return (1.0,) * outputs if given is None else given

    def terms(self, outputs: int) -> int:
        """Positive and negative targets of the outputs between two thresholds."""
        return 2 * (len(self.cuts) + 1) * (outputs if self.apart else 1)

    def check_width(self, outputs: int) -> None:
        """The class and the rank must be there."""
        name, column, top = type(self).__name__, self.column, self.top
        if column is not None and column >= outputs:
            raise ArgumentError(
                f"'class_id' of {name} must be below the network's number of outputs, {outputs}. Got {column}."
            )
        if top is not None and top > outputs:
            raise ArgumentError(
                f"'top_k' of {name} must be at most the network's number of outputs, {outputs}. Got {top}."
            )


def _one_threshold(metric: Any) -> None:
    """Check `thresholds`, of which there may be one, alone or in a list."""
    if metric.thresholds is None:
        return
    owner = type(metric).__name__
    checked = check_numbers(metric.thresholds, "thresholds", owner, WITHIN)
    if len(checked) > 1:
        raise ArgumentError(SEVERAL.format(owner, len(checked), owner))
    object.__setattr__(metric, "thresholds", checked[0])


def _class_and_rank(metric: Any) -> None:
    """Check `top_k` and `class_id`."""
    owner = type(metric).__name__
    for name, interval in (("top_k", COUNT), ("class_id", Interval(0))):
        checked = check(getattr(metric, name), name, owner, (int, type(None)), interval)
        object.__setattr__(metric, name, checked)


@dataclass(frozen=True)
class Precision(ThresholdMetric):
    """``TP / (TP + FP)``: the share of what is taken for positive that is; 0 where nothing is taken for positive.

    Parameters
    ----------
    thresholds : float in [0, 1], optional
        None: 0.5, or with `top_k` none. For logits 0.
    top_k : int, optional
        Only the ``k`` largest outputs of a row can be positive.
    class_id : int, optional
        Only this output counts.
    name : str, optional

    Raises
    ------
    ArgumentError
        Several thresholds: as many values.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.get("precision")
    Precision(thresholds=None, top_k=None, class_id=None, name=None)
    """

    thresholds: Thresholds = None
    top_k: int | None = None
    class_id: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        _one_threshold(self)
        _class_and_rank(self)


@dataclass(frozen=True)
class Recall(ThresholdMetric):
    """``TP / (TP + FN)``: the share of what is positive that is taken for it; 0 where nothing is positive.

    Parameters
    ----------
    thresholds, top_k, class_id, name
        As for `Precision`.
    """

    thresholds: Thresholds = None
    top_k: int | None = None
    class_id: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        _one_threshold(self)
        _class_and_rank(self)


@dataclass(frozen=True)
class _Count(ThresholdMetric):
    """One of the four counts.

    Parameters
    ----------
    thresholds : float in [0, 1], optional
        None: 0.5.
    name : str, optional
    """

    thresholds: Thresholds = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        _one_threshold(self)


@dataclass(frozen=True)
class TruePositives(_Count):
    """How many outputs (or how much weight) are above the threshold and rightly so.

    Parameters
    ----------
    thresholds : float in [0, 1], optional
        None: 0.5.
    name : str, optional
    """


@dataclass(frozen=True)
class FalsePositives(_Count):
    """How many outputs (or how much weight) are above the threshold and should not be; fields as `TruePositives`."""

    rising = False


@dataclass(frozen=True)
class TrueNegatives(_Count):
    """How many outputs (or how much weight) are rightly not above the threshold; fields as `TruePositives`."""


@dataclass(frozen=True)
class FalseNegatives(_Count):
    """How many outputs (or how much weight) are not above the threshold but should be; fields as `TruePositives`."""

    rising = False


@dataclass(frozen=True)
class AUC(ThresholdMetric):
    """The area under a curve over the thresholds, summed between neighbours as Keras sums it.

    ROC: the area under ``TP / (TP + FN)`` over ``FP / (FP + TN)``, the probability that a positive row lies above a
    negative one. PR: under ``TP / (TP + FP)`` over ``TP / (TP + FN)``. PRGAIN: under the gain of precision over that
    of recall, ``1 - (P / N) FP / TP`` over ``1 - (P / N) FN / TP``, ``P`` and ``N`` the positives and negatives.

    Outputs are counted between thresholds, so the value is that of the exact curve to about the share of rows in
    between; 0 where a class is absent.

    Parameters
    ----------
    num_thresholds : int, default 200
        At least 2, evenly spread over [0, 1].
    curve : {"ROC", "PR", "PRGAIN"}, default "ROC"
    summation_method : {"interpolation", "minoring", "majoring"}, default "interpolation"
        Trapezoids, for PR with true and false positives in between as Davis and Goadrich have them; or rectangles of
        the lower or of the higher neighbour.
    name : str, optional
    thresholds : list of numbers in [0, 1], optional
        Instead of `num_thresholds`; below 0 and above 1 another one joins them.
    multi_label : bool, default False
        The mean of the areas of the single outputs. False: all outputs are counted together.
    num_labels : int, optional
        The number of outputs, which the network says anyway.
    label_weights : list of numbers, optional
        One for each output, not negative: its weight in that mean, or in the counts.
    from_logits : bool, default False
        The outputs are logits: their sigmoid counts.

    Raises
    ------
    ArgumentError
        A number out of range, an unknown curve or method, or what does not fit the network's outputs.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.AUC(curve="PR", name="prc").title
    'prc'

    References
    ----------
    J. Davis and M. Goadrich, "The relationship between precision-recall and ROC curves", 2006. P. Flach and M. Kull,
    "Precision-recall-gain curves", 2015.
    """

    num_thresholds: Annotated[int, Interval(2, 10**6)] = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    name: str | None = None
    _: KW_ONLY
    thresholds: tuple[float, ...] | None = None
    multi_label: bool = False
    num_labels: Annotated[int | None, COUNT] = None
    label_weights: tuple[float, ...] | None = None
    from_logits: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        curve = known_name(self.curve, "curve", ("ROC", "PR", "PRGAIN"))
        method = known_name(self.summation_method, "summation method", ("interpolation", "minoring", "majoring"))
        object.__setattr__(self, "curve", curve)
        object.__setattr__(self, "summation_method", method)
        if self.thresholds is not None:
            inner = check_numbers(self.thresholds, "thresholds", "AUC", WITHIN)
            object.__setattr__(self, "thresholds", tuple(sorted(inner)))
        if self.label_weights is not None:
            weights = check_numbers(self.label_weights, "label_weights", "AUC", NOT_NEGATIVE)
            object.__setattr__(self, "label_weights", weights)

    def check_width(self, outputs: int) -> None:
        """Labels and their weights are as many as outputs."""
        given = {"num_labels": self.num_labels, "numbers in label_weights": len(self.label_weights or ()) or None}
        for name, number in given.items():
            if number not in (None, outputs):
                raise ArgumentError(
                    f"The {name} of AUC must be as many as the network's outputs, {outputs}. Got {number}."
                )

    @property
    def cuts(self) -> tuple[float, ...]:
        """The inner thresholds and those beyond 0 and 1."""
        steps = self.num_thresholds - 1
        inner = tuple(step / steps for step in range(1, steps)) if self.thresholds is None else self.thresholds
        return (-EPSILON, *inner, 1 + EPSILON)
