"""What metrics have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tabgrad._record import Record

Tally = Literal["mean", "thresholds", "overlap", "agreement", "moments", "function"]
"""Which terms an engine sums over the rows: see `tabgrad.engines.scores`, which makes values of the sums."""


@dataclass(frozen=True)
class Metric(Record):
    """Base of the metrics.

    `labels` says whether the target that it reads is labels, None: whether columns or labels, which it then reads as
    one-hot rows. `rising` says whether a higher value is a better one, None: nobody knows. `tally` names what is summed
    over the rows.
    """

    labels: ClassVar[bool | None] = False
    rising: ClassVar[bool | None] = False
    tally: ClassVar[Tally] = "mean"

    def terms(self, outputs: int) -> int:
        """How many sums over the rows its value is made of, for an output of this width."""
        return 2

    def check_width(self, outputs: int) -> None:
        """Refuse a width of output for which there is no one value."""

    @property
    def title(self) -> str:
        """The name in logs if `compile` was given the record: each metric has a field `name`, in Keras's place."""
        return getattr(self, "name", None) or self.kind
