"""The best epoch of a run whose loop is in Python, and whether the run is to go on; see `Stopping`."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from tabgrad.engines.base import Result, Stopping


class BestEpoch:
    """Sees the validation loss of each epoch; without `Stopping` it keeps nothing and never ends a run."""

    def __init__(self, stopping: Stopping | None) -> None:
        self._stopping = stopping
        self._least, self._waited = (math.inf, 0) if stopping is None else (stopping.least, stopping.waited)
        self._epoch = -1
        self._weights: tuple[np.ndarray, ...] | None = None

    def see(self, epoch: int, loss: float, weights: Sequence[np.ndarray]) -> None:
        """An epoch was scored, on these weights, which nobody changes."""
        self._waited += 1
        if self._stopping is not None and loss < self._least:
            self._least, self._epoch, self._waited = loss, epoch, 0
            self._weights = tuple(weights)

    @property
    def given_up(self) -> bool:
        """Whether patience is at its end."""
        patience = None if self._stopping is None else self._stopping.patience
        return patience is not None and self._waited >= patience

    def too_late(self) -> bool:
        """Whether the deadline has passed."""
        deadline = None if self._stopping is None else self._stopping.deadline
        return deadline is not None and time.monotonic() >= deadline

    def joined(self, result: Result) -> Result:
        """A result with the best epoch so far."""
        return replace(result, best=self._weights, best_epoch=self._epoch)
