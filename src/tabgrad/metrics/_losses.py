"""Losses as metrics: their mean over the rows, without the regularisers and, but as weighted metrics, without weights.

The formulas are those of the losses of the same names in `tabgrad.losses`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from tabgrad._checks import Interval
from tabgrad.metrics._base import Metric

SMOOTHING = Interval(0, 1)


@dataclass(frozen=True)
class BinaryCrossentropy(Metric):
    """`tabgrad.losses.BinaryCrossentropy` of the network's outputs.

    Parameters
    ----------
    name : str, optional
    from_logits : bool, default False
        The outputs are logits.
    label_smoothing : float in [0, 1], default 0
    """

    name: str | None = None
    _: KW_ONLY
    from_logits: bool = False
    label_smoothing: Annotated[float, SMOOTHING] = 0.0


@dataclass(frozen=True)
class CategoricalCrossentropy(Metric):
    """`tabgrad.losses.CategoricalCrossentropy` of the network's outputs.

    Parameters
    ----------
    name : str, optional
    from_logits : bool, default False
        The outputs are logits.
    label_smoothing : float in [0, 1], default 0
    """

    name: str | None = None
    _: KW_ONLY
    from_logits: bool = False
    label_smoothing: Annotated[float, SMOOTHING] = 0.0


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Metric):
    """`tabgrad.losses.SparseCategoricalCrossentropy` of the network's outputs.

    Parameters
    ----------
    name : str, optional
    from_logits : bool, default False
        The outputs are logits.
    """

    labels = True
    name: str | None = None
    _: KW_ONLY
    from_logits: bool = False


@dataclass(frozen=True)
class KLDivergence(Metric):
    """`tabgrad.losses.KLDivergence`."""

    kind = "kl_divergence"
    name: str | None = None


@dataclass(frozen=True)
class Poisson(Metric):
    """`tabgrad.losses.Poisson`; NaN where an output is negative."""

    name: str | None = None


@dataclass(frozen=True)
class LogCoshError(Metric):
    """`tabgrad.losses.LogCosh`; in logs "logcosh", as in Keras."""

    kind = "logcosh"
    name: str | None = None


@dataclass(frozen=True)
class Hinge(Metric):
    """`tabgrad.losses.Hinge`."""

    name: str | None = None


@dataclass(frozen=True)
class SquaredHinge(Metric):
    """`tabgrad.losses.SquaredHinge`."""

    name: str | None = None


@dataclass(frozen=True)
class CategoricalHinge(Metric):
    """`tabgrad.losses.CategoricalHinge`."""

    name: str | None = None


@dataclass(frozen=True)
class CosineSimilarity(Metric):
    """``sum_j y_j p_j / (|y| |p|)``: the cosine of the angle between target and output, each at least 1e-7 long."""

    rising = True
    name: str | None = None
