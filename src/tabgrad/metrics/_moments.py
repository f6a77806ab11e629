"""The coefficient of determination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import NOT_NEGATIVE, known_name
from tabgrad.errors import ArgumentError
from tabgrad.metrics._base import Metric


@dataclass(frozen=True)
class R2Score(Metric):
    """``R2 = 1 - sum_i (y_i - p_i)^2 / sum_i (y_i - mean y)^2`` of each output, averaged.

    1 for a perfect prediction, 0 for one as good as the mean of the target, below 0 for a worse one; 0 also where the
    target is constant.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average"} or None, default "uniform_average"
        The mean of the outputs' scores, or the one weighted by the sums below the line. None: only for one output.
    num_regressors : int, default 0
        Above 0: ``1 - (1 - R2) (n - 1) / (n - num_regressors - 1)``, ``n`` being rows times outputs as in Keras; R2
        itself where ``n`` is too small for that.
    name : str, optional

    Raises
    ------
    ArgumentError
        A number out of range, an unknown aggregation, or none for several outputs.

    Examples
    --------
    >>> from tabgrad import metrics
    >>> metrics.get("r2_score")
    R2Score(class_aggregation='uniform_average', num_regressors=0, name=None)
    """

    rising = True
    tally = "moments"
    class_aggregation: str | None = "uniform_average"
    num_regressors: Annotated[int, NOT_NEGATIVE] = 0
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if self.class_aggregation is not None:
            known = ("uniform_average", "variance_weighted_average")
            object.__setattr__(self, "class_aggregation", known_name(self.class_aggregation, "aggregation", known))

    def terms(self, outputs: int) -> int:
        """Rows and their weight, and of each output the sums of ``y``, ``y^2`` and ``(y - p)^2``."""
        return 2 + 3 * outputs

    def check_width(self, outputs: int) -> None:
        """Several outputs that are not averaged have several values."""
        if self.class_aggregation is None and outputs > 1:
            raise ArgumentError(
                f"R2Score with class_aggregation=None has a value for each of the network's {outputs} outputs, and a "
                "metric has one. Give 'uniform_average' or 'variance_weighted_average'."
            )
