"""Gradients held against central differences of the loss, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["AGREES", "Difference", "slope_at"]

AGREES = 1e-6  # the relative difference that gradient and difference quotient may have
NUDGES = (1e-3, 1e-4, 1e-5, 1e-6)  # h, times the number's size where that is above 1; tried in turn
ROUNDING = 4 * float(np.finfo(np.float64).eps)  # of a loss, relative: sums of some dozen terms
GOOD_ENOUGH = 1e-8  # of the slope, of an estimate that is high by far: no smaller nudge is tried


@dataclass(frozen=True)
class Difference:
    """How the loss grows as one number moves, found without any derivative.

    Parameters
    ----------
    slope : float
        ``dL/dw`` by differences.
    uncertainty : float
        What rounding and the terms left out may make of it.
    below, above : float
        The slopes on both sides, which differ where the loss has a kink.
    """

    slope: float
    uncertainty: float
    below: float
    above: float

    @property
    def kink(self) -> bool:
        """Whether the loss has no slope here: it has one on either side, and they differ."""
        return self.below != self.above


def slope_at(loss: Callable[[float], float], size: float, here: float | None = None) -> Difference:
    """The slope of a function at 0 by central differences.

    ::

        D(h) = (L(h) - L(-h)) / 2h,   R(h) = (4 D(h/2) - D(h)) / 3

    The error of ``D`` falls with ``h^2``; ``R`` takes that term away (Richardson's extrapolation). ``h`` starts at 1e-3
    and becomes smaller as long as ``R(h)`` and ``R(h/2)`` differ by more than rounding, so that a kink nearby, where a
    unit of a ReLU falls silent, does not enter. Where the slopes on both sides differ however small ``h`` is, the loss
    has a kink right here.

    Parameters
    ----------
    loss : callable
        ``L`` as a function of how far the number has moved.
    size : float
        Of the number itself: ``h`` is times this where it is above 1.
    here : float or None, default None
        ``L(0)``, where it is known.

    Returns
    -------
    Difference

    References
    ----------
    C. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", 1982.

    Examples
    --------
    >>> import math
    >>> from tabgrad.explain.differences import slope_at
    >>> abs(slope_at(lambda h: math.exp(1 + h), 1.0).slope - math.e) < 1e-11
    True
    >>> corner = slope_at(abs, 1.0)
    >>> corner.kink, corner.below, corner.above
    (True, -1.0, 1.0)
    """
    here, best = loss(0.0) if here is None else here, None
    scale = max(abs(size), 1.0)
    for nudge in NUDGES:
        found = _difference(loss, here, nudge * scale)
        if best is None or found.uncertainty < best.uncertainty:
            best = found
        rounding = ROUNDING * abs(here) / (nudge * scale)
        if found.uncertainty <= max(GOOD_ENOUGH * abs(found.slope), 4 * rounding):
            break
    assert best is not None
    return best


def _difference(loss: Callable[[float], float], here: float, h: float) -> Difference:
    """``R(h/2)``, and how far it may be off."""
    above, below = ([(loss(sign * part) - here) / part for part in (h, h / 2, h / 4)] for sign in (1, -1))
    below = [-slope for slope in below]
    D = [(up + down) / 2 for up, down in zip(above, below, strict=True)]
    first, second = (4 * D[1] - D[0]) / 3, (4 * D[2] - D[1]) / 3
    rounding = ROUNDING * max(abs(here), math.ulp(1.0)) / h
    jumps = [abs(up - down) for up, down in zip(above, below, strict=True)]
    # Where the loss is smooth the jump halves with h; at a kink it stays, down to the smallest h.
    if jumps[2] > 0.9 * jumps[0] and jumps[2] > 1e3 * rounding:
        return Difference(second, abs(second - first) + rounding, below[2], above[2])
    return Difference(second, abs(second - first) + rounding, second, second)
