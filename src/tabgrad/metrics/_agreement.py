"""Agreement of two labellings: the classes that a network says against those that are.

The class of a row is its label, the place of its largest entry, or with one output whether that is above a threshold;
soft targets of one column count as 1 above 1/2. Of ``n`` classes, ``t_k`` rows are of class ``k``, ``u_k`` are taken
for it, ``s`` rows are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import Interval, known_name
from tabgrad.metrics._base import Metric


@dataclass(frozen=True)
class Agreement(Metric):
    """Base of these metrics: `power` is that of the distance by which two classes disagree."""

    labels = None
    rising = True
    tally = "agreement"

    @property
    def cut(self) -> float:
        """Above which a single output is the second class."""
        return getattr(self, "threshold", 0.5)

    @property
    def power(self) -> int:
        """0: classes are equal or not; 1: disagreement is ``|i - j|``; 2: its square."""
        return 0

    def terms(self, outputs: int) -> int:
        """Targets and predictions of each class, and the disagreement."""
        return 2 * max(outputs, 2) + 1


@dataclass(frozen=True)
class CohenKappa(Agreement):
    """``1 - sum_ij d_ij c_ij / (sum_ij d_ij t_i u_j / s)``: agreement beyond that of chance, as scikit-learn has it.

    ``c_ij`` rows of class ``i`` are taken for ``j``, at which they disagree by ``d_ij``. 0 where chance alone agrees
    everywhere, so where there is one class only.

    Parameters
    ----------
    weights : {None, "linear", "quadratic"}, default None
        ``d_ij`` is 1 for different classes, ``|i - j|``, or ``(i - j)^2``.
    threshold : float in [0, 1], default 0.5
        Of a network of one output.
    name : str, optional

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.CohenKappa(weights="quadratic")
    CohenKappa(weights='quadratic', threshold=0.5, name=None)

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", 1960.
    """

    weights: str | None = None
    threshold: Annotated[float, Interval(0, 1)] = 0.5
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.weights is not None:
            object.__setattr__(self, "weights", known_name(self.weights, "weights", ("linear", "quadratic")))

    @property
    def power(self) -> int:
        """Of the distance between two classes."""
        return {None: 0, "linear": 1, "quadratic": 2}[self.weights]


@dataclass(frozen=True)
class MatthewsCorrelationCoefficient(Agreement):
    """``(c s - sum_k t_k u_k) / sqrt((s^2 - sum_k u_k^2) (s^2 - sum_k t_k^2))``, ``c`` rows being right.

    The correlation between the classes and what is taken for them, from -1 to 1, for two classes and for more; 0 where
    either is a single class.

    Parameters
    ----------
    threshold : float in [0, 1], default 0.5
        Of a network of one output.
    name : str, optional

    References
    ----------
    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
    """

    threshold: Annotated[float, Interval(0, 1)] = 0.5
    name: str | None = None
