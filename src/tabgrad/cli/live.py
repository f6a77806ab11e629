"""A training as it is seen and stopped from a terminal."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tabgrad.cli.screen import LiveLine, amount, figure

Logs = dict[str, float]


class Training:
    """Draws the epochs in one line, and remembers the best of each network; see `tabgrad.estimators._members.Watch`.

    Attributes
    ----------
    done : list of int
        For each network the epochs that it finished.
    best : list of float
        For each the least validation loss, or training loss where no rows are held out.
    asked_to_stop : bool
        Whether to end after these epochs.
    """

    def __init__(self, line: LiveLine) -> None:
        self._line, self._most = line, 0
        self.done: list[int] = []
        self.best: list[float] = []
        self.asked_to_stop = False
        self._began = time.monotonic()

    def begin(self, members: int, epochs: int) -> None:
        """Start the clock."""
        self._most = epochs
        self.done, self.best = [0] * members, [math.inf] * members
        self._began = time.monotonic()

    def epoch_end(self, member: int, epoch: int, logs: Logs) -> bool:
        """Remember the epoch, draw the line, and end the run if that was asked for."""
        self.done[member] = epoch + 1
        self.best[member] = min(self.best[member], logs.get("val_loss", logs.get("loss", math.inf)))
        if self._line.due():
            self._line.draw(self._text(logs))
        return self.asked_to_stop

    @property
    def epochs(self) -> int:
        """Those of the network that finished most."""
        return max(self.done, default=0)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def told(self) -> str:
        """What has been trained, in a line."""
        finished = [(epochs, best) for epochs, best in zip(self.done, self.best, strict=True) if epochs]
        if not finished:
            return amount(0, "epoch")
        counts, losses = zip(*finished, strict=True)
        networks = f"{len(counts)} networks, " if len(self.done) > 1 else ""
        epochs = amount(max(counts), "epoch")
        if min(counts) < max(counts):
            epochs = f"{min(counts)} to {epochs}"
        where = "mean of the least losses" if len(counts) > 1 else "least loss"
        return f"{networks}{epochs} in {self.seconds:.1f} s, {where} {figure(sum(losses) / len(losses))}"

    def _text(self, logs: Logs) -> str:
        members = len(self.done)
        parts = [f"{members} networks, {sum(self.done)} of {members * self._most} epochs"]
        if members == 1:
            parts = [f"epoch {self.epochs}/{self._most}"]
        parts += [f"{name} {figure(logs[name])}" for name in ("loss", "val_loss") if name in logs]
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
