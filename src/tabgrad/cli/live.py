"""A training as it is seen and stopped from a terminal."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tabgrad.callbacks import Callback
from tabgrad.cli.screen import LiveLine, figure

Logs = dict[str, float]


class Training(Callback):
    """Draws the epochs in one line, and remembers the best.

    Attributes
    ----------
    epochs : int
        That were finished.
    best : float or None
        The least validation loss, or training loss where no rows are set aside.
    best_epoch : int
        Counted from 1.
    asked_to_stop : bool
        Whether to end after this epoch.
    """

    def __init__(self, line: LiveLine) -> None:
        self._line = line
        self.epochs, self.best, self.best_epoch = 0, None, 0
        self.asked_to_stop = False
        self._began = time.monotonic()

    best: float | None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch, draw the line, and end the run if that was asked for."""
        logs = logs or {}
        watched = logs.get("val_loss", logs.get("loss"))
        self.epochs = epoch + 1
        if watched is not None and (self.best is None or watched < self.best):
            self.best, self.best_epoch = watched, self.epochs
        if self._line.due():
            self._line.draw(self._text(logs))
        if self.asked_to_stop:
            self.model.stop_training = True

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def _text(self, logs: Logs) -> str:
        most = (self.params or {}).get("epochs")
        parts = [f"epoch {self.epochs}/{most}" if most else f"epoch {self.epochs}"]
        parts += [f"{name} {figure(logs[name])}" for name in ("loss", "val_loss") if name in logs]
        if self.best is not None:
            parts.append(f"best {figure(self.best)} in epoch {self.best_epoch}")
        return "   ".join([*parts, f"{self.seconds:.0f} s"])


@contextmanager
def stopped_by_interrupt(training: Training) -> Iterator[None]:
    """The first Ctrl-C ends the training after the epoch, a second one at once."""

    def ask(number: int, frame: FrameType | None) -> Any:
        if training.asked_to_stop:
            raise KeyboardInterrupt
        training.asked_to_stop = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
