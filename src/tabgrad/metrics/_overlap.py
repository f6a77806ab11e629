"""F-scores: precision and recall of each output in one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import POSITIVE, SHARE, known_name
from tabgrad.errors import ArgumentError
from tabgrad.metrics._base import Metric


@dataclass(frozen=True)
class FScore(Metric):
    """Base of the F-scores.

    An output is positive above the threshold; without one, the largest of its row is. Of each output ``j`` the true
    positives ``sum_i y_ij [positive]``, the positives and ``sum_i y_ij`` are summed; a target of labels counts as
    one-hot rows.
    """

    labels = None
    rising = True
    tally = "overlap"

    @property
    def cut(self) -> float | None:
        """The threshold."""
        return getattr(self, "threshold", None)

    @property
    def weight_of_recall(self) -> float:
        """The factor ``beta``."""
        return getattr(self, "beta", 1.0)

    def terms(self, outputs: int) -> int:
        """True positives, positives and targets of each output."""
        return 3 * outputs

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if (average := getattr(self, "average", None)) is not None:
            object.__setattr__(self, "average", known_name(average, "average", ("micro", "macro", "weighted")))

    def check_width(self, outputs: int) -> None:
        """Several outputs without an average have several values."""
        if getattr(self, "average", None) is None and outputs > 1:
            name = type(self).__name__
            raise ArgumentError(
                f"{name} without 'average' has a value for each of the network's {outputs} outputs, and a metric has "
                f"one. Give {name}(average='macro'), 'micro' or 'weighted'."
            )


@dataclass(frozen=True)
class FBetaScore(FScore):
    """``F = (1 + beta^2) precision recall / (beta^2 precision + recall)`` of each output, averaged.

    With ``precision = TP / (TP + FP + e)``, ``recall = TP / (TP + FN + e)`` and ``e`` = 1e-7, which is added to the
    last denominator as well: 0 where a class is absent, as in Keras.

    Parameters
    ----------
    average : {"micro", "macro", "weighted"} or None, default None
        Of all outputs counted together, of the outputs' scores, or of these weighted by how often each is the target.
        None: only for a network of one output.
    beta : float, default 1
        Above 0: how much recall counts against precision.
    threshold : float in (0, 1], optional
        Above which an output is positive. None: the largest of a row is; a single output then always is, so a network
        of one output needs it.
    name : str, optional

    Raises
    ------
    ArgumentError
        A number out of range, an unknown average, or none for several outputs.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.FBetaScore("macro", beta=2.0)
    FBetaScore(average='macro', beta=2.0, threshold=None, name=None)
    """

    average: str | None = None
    beta: Annotated[float, POSITIVE] = 1.0
    threshold: Annotated[float | None, SHARE] = None
    name: str | None = None


@dataclass(frozen=True)
class F1Score(FScore):
    """``F = 2 precision recall / (precision + recall)`` of each output, averaged: `FBetaScore` with ``beta`` 1.

    Parameters
    ----------
    average, threshold, name
        As for `FBetaScore`.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.F1Score(threshold=0.5)
    F1Score(average=None, threshold=0.5, name=None)
    """

    average: str | None = None
    threshold: Annotated[float | None, SHARE] = None
    name: str | None = None
