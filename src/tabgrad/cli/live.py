"""A training, or a search, as it is seen and stopped from a terminal."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.cli.exits import Terminated
from tabgrad.cli.screen import LiveLine, amount, figure, printable

if TYPE_CHECKING:
    from tabgrad.search._run import Progress

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
        self._rows, self._held, self._judged = 0, list[int](), False
        self.done: list[int] = []
        self.best: list[float] = []
        self.asked_to_stop = False
        self._began = time.monotonic()

    def begin(self, held: Sequence[int], rows: int, epochs: int) -> None:
        """Start the clock."""
        self._rows, self._held, self._most = rows, list(held), epochs
        self.done, self.best = [0] * len(held), [math.inf] * len(held)
        self._began = time.monotonic()

    def epoch_end(self, member: int, epoch: int, logs: Logs) -> bool:
        """Remember the epoch, draw the line, and end the run if that was asked for."""
        self.done[member] = epoch + 1
        self._judged = "val_loss" in logs
        self.best[member] = min(self.best[member], logs.get("val_loss", logs.get("loss", math.inf)))
        if self._line.due():
            self._line.draw(self._text())
        return self.asked_to_stop

    @property
    def epochs(self) -> int:
        """Those of the network that finished most."""
        return max(self.done, default=0)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def told(self, preset: str) -> list[tuple[str, str]]:
        """What has been trained, a line each: how many networks, on which rows, how long, how well."""
        finished = [place for place, epochs in enumerate(self.done) if epochs]
        several = len(finished) > 1
        held, about = _typical([self._held[place] for place in finished])
        networks = f"{len(finished)} (preset {preset})"
        lines = [("networks", networks + ("; the model predicts the mean of what they predict" if several else ""))]
        rows = f"{'each network' if several else 'it'} trains on {about}{self._rows - held:,}"
        if held:
            others = "different ones for each, " if several else ""
            when = "after every pass" if self._judged else "at the end"
            rows += f"; on the other {held:,}, {others}it is judged {when}"
        epochs = _span([self.done[place] for place in finished])
        passes = "pass over its rows" if epochs == "1" else "passes over its rows"
        least = figure(sum(self.best[place] for place in finished) / max(len(finished), 1))
        where = "rows that it did not train on" if self._judged else "the rows that it trains on"
        mean = ", mean of the networks" if several else ""
        loss = f"{least} on {where}, after its best pass (less is better{mean})"
        return [*lines, ("rows", rows), ("epochs", f"{epochs} {passes}, in {self.seconds:.1f} s"), ("loss", loss)]

    def _text(self) -> str:
        """The epochs so far, and the least loss of the networks that have begun."""
        members, begun = len(self.done), [best for best in self.best if best < math.inf]
        beside = f" in {members} networks" if members > 1 else ""
        parts = [f"epoch {sum(self.done):,} of at most {members * self._most:,}{beside}"]
        if begun:
            parts.append(f"{'val_loss' if self._judged else 'loss'} {figure(sum(begun) / len(begun))} at its least")
        return "   ".join([*parts, f"{self.seconds:.0f} s"])


def _typical(counts: Sequence[int]) -> tuple[int, str]:
    """The mean of some numbers, and a word for it where they differ."""
    return round(sum(counts) / max(len(counts), 1)), "about " if len(set(counts)) > 1 else ""


def _span(counts: Sequence[int]) -> str:
    """The least and the greatest of some numbers, or the only one."""
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


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


class Searched:
    """How a search goes, as text that is made anew while it runs.

    Parameters
    ----------
    score : str
        What the score is called.
    folds : int
        Fits of a candidate.
    limit : float or None
        Seconds that the search has.
    candidates : int or None
        How many there will be; None: it is not known.
    """

    def __init__(self, score: str, folds: int, limit: float | None, candidates: int | None) -> None:
        self._score, self._folds, self._limit, self._candidates = score, folds, limit, candidates
        self._began = time.monotonic()
        self._last: Progress | None = None
        self.line: LiveLine | None = None
        self.known = 0  # fits that came out of a journal

    def __call__(self, progress: Progress) -> None:
        """Hear of a fit."""
        if threading.current_thread() is threading.main_thread():  # where nothing is trained
            self.known += 1
        self._last = progress
        if self.line is not None:
            self.line.renew()

    def text(self) -> str:
        """How many candidates are done, how long it took and takes, and the best so far; a line each."""
        seconds, last = time.monotonic() - self._began, self._last
        fits, planned = (0, 0) if last is None else (last.done, last.planned)
        planned = planned if self._candidates is None else self._candidates * self._folds
        of = "" if self._candidates is None else f" of {self._candidates:,}"
        parts = [f"{fits // self._folds:,}{of} candidates, {amount(fits, 'fit')}", f"{seconds:,.0f} s"]
        late = self._limit is not None and seconds >= self._limit
        if late or (self._candidates is not None and fits == planned):
            parts.append("training the best on all rows")
        elif self._limit is not None:
            parts.append(f"at most {max(self._limit - seconds, 0):,.0f} s left")
        elif fits > self.known:
            parts.append(f"about {seconds / (fits - self.known) * (planned - fits):,.0f} s left")
        lines = ["   ".join(parts)]
        if last is not None and last.best_params is not None and last.best_score is not None:
            settings = plain_settings(last.best_params)
            lines.append(f"best {self._score} {figure(last.best_score)}{': ' if settings else ''}{settings}")
        return "\n".join(lines)


def plain_settings(params: Mapping[str, Any], names: Iterable[str] | None = None) -> str:
    """Settings as a reader writes them.

    Examples
    --------
    >>> from tabgrad.cli.live import plain_settings
    >>> plain_settings({"learning_rate": 0.01234567, "hidden_layer_sizes": (64, 64), "numeric": "robust"})
    'learning_rate 0.0123, hidden_layer_sizes 64x64, numeric robust'
    """
    return ", ".join(f"{name} {plain(params[name])}" for name in (params if names is None else names) if name in params)


def plain(value: Any) -> str:
    """A value of a setting."""
    if isinstance(value, (tuple, list)):
        return "x".join(map(plain, value)) or "none"
    number = value.item() if isinstance(value, np.generic) else value
    return f"{number:.3g}" if isinstance(number, float) else printable(number)


class Interrupt:
    """Whether Ctrl-C or the signal to end came.

    Attributes
    ----------
    kind : class or None
        What it raised.
    """

    def __init__(self) -> None:
        self.kind: type[KeyboardInterrupt] | None = None


@contextmanager
def hearing_interrupt(then: Callable[[], None]) -> Iterator[Interrupt]:
    """Call `then` at the first Ctrl-C or signal to end, before it is raised as always."""
    interrupt = Interrupt()

    def hear(number: int, frame: FrameType | None) -> Any:
        first = interrupt.kind is None
        interrupt.kind = Terminated if number == signal.SIGTERM else KeyboardInterrupt
        if first:
            then()
        raise interrupt.kind

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
