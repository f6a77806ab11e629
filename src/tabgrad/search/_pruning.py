"""Candidates that fall behind the others are stopped before their last epoch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

SHARES = (0.25, 0.5)
"""Of its epochs, after which a candidate is looked at: the second half, where a falling rate gains most, is not cut."""

BATCH = 8
"""Candidates that are looked at together, and before which nobody is stopped: who is stopped depends on the candidates
before, and so not on how many fits run at a time."""


class MedianRule:
    """Stops a candidate whose score is below the median of those before it, after the same share of their epochs.

    The median stopping rule of D. Golovin, B. Solnik, S. Moitra, G. Kochanski, J. Karro, D. Sculley, "Google Vizier: a
    service for black-box optimization", 2017. It assumes that who is behind at a quarter stays behind, which holds for
    most settings, and less for learning rates: a low one is slow at first.

    Examples
    --------
    >>> from tabgrad.search._pruning import MedianRule
    >>> rule = MedianRule()
    >>> rule.behind(0.25, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    [False, False, False, False, False, False, False, False]
    >>> rule.behind(0.25, [0.44, 0.46])
    [True, False]
    """

    def __init__(self) -> None:
        self._seen: dict[float, list[float]] = {share: [] for share in SHARES}

    def behind(self, share: float, means: Sequence[float]) -> list[bool]:
        """Which of some candidates are to be stopped; from now on they are among those before."""
        earlier = self._seen[share]
        least = statistics.median(earlier) if len(earlier) >= BATCH else -math.inf
        earlier += [mean for mean in means if not math.isnan(mean)]
        return [math.isnan(mean) or mean < least for mean in means]
