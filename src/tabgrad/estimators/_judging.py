"""Rows held out: after each epoch the network is scored on them, and the best weights are kept."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np

from tabgrad._targets import matrix
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.engines.select import get_engine

__all__ = ["Deadline", "Judge", "Told"]

FEW_ROWS = 1024  # that are scored before threads are there


class Judge(Callback):
    """Scores the weights, or their running averages where the optimizer keeps some, and stops when they get no better.

    At the end the best ones are the model's weights. It does what `SwapEMAWeights` and `EarlyStopping` do together,
    without taking weights out of the run and putting them back.

    Parameters
    ----------
    x, y, weight
        The rows held out, as `Sequential.fit` takes them.
    patience : int
        Epochs without a lower loss after which the run ends.
    """

    def __init__(self, x: Any, y: np.ndarray, weight: np.ndarray | None, patience: int) -> None:
        self._given, self._patience = (x, y, weight), patience

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        model = self.model
        self._plan = model.plan()
        self._rows = matrix(*self._given, loss=self._plan.loss, network=self._plan.network)
        self._best, self._wait = np.inf, 0
        self._weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Score, note the values among those of the epoch, keep the weights or count them as no better."""
        model, plan = self.model, self._plan
        weights = model.get_averages() if plan.optimizer.use_ema else model.get_weights()
        threads = 1 if len(self._rows) <= FEW_ROWS else None
        values = get_engine().evaluate(plan, weights, self._rows, batch_size=len(self._rows), threads=threads)
        if logs is not None:
            logs |= {f"val_{name}": value for name, value in zip(model.metrics_names, values, strict=True)}
        if values[0] < self._best:
            self._best, self._weights, self._wait = values[0], weights, 0
        else:
            self._wait += 1
            model.stop_training = model.stop_training or self._wait >= self._patience

    def on_train_end(self, logs: Logs | None = None) -> None:
        """The best weights are the model's."""
        if self._weights is not None:
            self.model.set_weights(self._weights)


class Deadline(Callback):
    """Ends the run after the epoch in which `time.monotonic` passes a time."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the clock."""
        self.model.stop_training = self.model.stop_training or time.monotonic() >= self._deadline


class Hears(Protocol):
    """Who is told of epochs."""

    def epoch_end(self, member: int, epoch: int, logs: Logs) -> bool:
        """See `tabgrad.estimators._members.Watch`."""


class Told(Callback):
    """Tells of the epochs of the only network."""

    def __init__(self, watch: Hears) -> None:
        self._watch = watch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Pass it on."""
        if self._watch.epoch_end(0, epoch, dict(logs or {})):
            self.model.stop_training = True
