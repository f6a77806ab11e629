r"""Progress in the terminal, as Keras's users know it, and the only place of training that prints.

``verbose=1`` in a terminal is a line that lives::

    Epoch 3/20
    412/681 ━━━━━━━━━━━━━━━━━━━━ 0s 30us/step - accuracy: 0.8123 - loss: 0.5101

Elsewhere, and with ``verbose=2``, every epoch is a line without control characters. Lines of finished epochs are
written together where epochs are faster than a terminal can show them.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from tabgrad.errors import ArgumentError

SECONDS_BETWEEN_WRITES = 0.05  # twenty redraws a second
BAR = 20  # Keras's width
SHORTEST_BAR = 5  # what is left of it in a narrow terminal, or nothing
SMALL = 1e-3  # below which Keras writes a value as 1.2345e-04

_VERBOSE: Mapping[Any, int] = {"auto": 1, 0: 0, 1: 1, 2: 2, "0": 0, "1": 1, "2": 2}


def verbosity(verbose: Any, caller: str, *, auto: int = 1) -> int:
    """0, 1 or 2 for what a user gave.

    Raises
    ------
    ArgumentError
        ``'verbose' of fit must be 0 (silent), 1 (a live line), 2 (a line an epoch) or "auto". Got 3.``
    """
    try:
        level = _VERBOSE[verbose]
    except (KeyError, TypeError) as error:
        raise ArgumentError(
            f"'verbose' of {caller} must be 0 (silent), 1 (a live line), 2 (a line an epoch) or 'auto'. Got "
            f"{verbose!r}."
        ) from error
    return auto if verbose == "auto" else level


def say(text: str) -> None:
    """A line on the standard output."""
    if sys.stdout is not None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def terminal_columns() -> int:
    """The width of the terminal; COLUMNS overrides it."""
    from shutil import get_terminal_size  # loads three compression libraries

    return get_terminal_size().columns


def writable(text: str, fallback: str, stream: TextIO | None = None) -> str:
    """`text` if the stream's encoding has its characters, else the fallback."""
    stream = sys.stdout if stream is None else stream
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return fallback
    return text


class Progress:
    """What a run shows of itself.

    Parameters
    ----------
    verbose : 0, 1 or 2
    epochs : int
        Shown as ``Epoch 1/20`` if there are several.
    steps : int or None
        Steps of an epoch; None: not known yet.
    stream : text stream or None
        None: the standard output.
    clock : callable
        Seconds; for tests.
    """

    def __init__(
        self,
        verbose: int,
        epochs: int,
        steps: int | None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._stream: TextIO | None = sys.stdout if stream is None else stream
        self.verbose = verbose if self._stream is not None else 0
        self._epochs, self._steps, self._clock = epochs, steps, clock
        self.live = self.verbose == 1 and _is_terminal(self._stream)
        self._colours = self.live and not os.environ.get("NO_COLOR")
        self._done = writable("━", "=", self._stream) if self.verbose == 1 else ""
        self._left = self._done if self._colours else "."
        self._pending: list[str] = []
        self._shown = 0  # characters of the line that lives, to be overwritten
        self._written = -math.inf
        self._began = 0.0

    def epoch_begin(self, epoch: int) -> None:
        """An epoch, counted from 0, begins."""
        if not self.verbose:
            return
        self._began = self._clock()
        if self._epochs > 1:
            self._pending.append(f"Epoch {epoch + 1}/{self._epochs}\n")
        self._write_in_time()

    def step(self, step: int, logs: Mapping[str, float]) -> None:
        """A step, counted from 0, of the epoch is done: redraw the line that lives."""
        now = self._clock()
        if not self.live or now - self._written < SECONDS_BETWEEN_WRITES:
            return
        each = (now - self._began) / (step + 1)
        left = "" if self._steps is None else f"{_duration(each * (self._steps - step - 1))} "
        width = terminal_columns() - 1
        text, length = self._line(step + 1, f"{left}{_each(each)}/step", logs, width)
        if length > width:
            text, length = _cut(text, width), width
        self._pending.append(self._over(text, length))
        self._shown = length
        self._write(now)

    def epoch_end(self, logs: Mapping[str, float], steps: int | None = None) -> None:
        """An epoch, an evaluation or a prediction is done: its line, which stays; `steps` if it had others."""
        if not self.verbose:
            return
        seconds, taken = self._clock() - self._began, (self._steps if steps is None else steps) or 0
        self._steps = taken
        timing = f"{seconds:.0f}s {{}}{_each(seconds / max(taken, 1))}/step"
        if self.verbose == 1:
            width = terminal_columns() - 1 if self.live else 10**9
            text, length = self._line(taken, timing.format(""), logs, width)
            self._pending.append(self._over(text, length) + "\n")
            self._shown = 0
        else:
            self._pending.append(f"{taken}/{taken} - {timing.format('- ')}{_values(logs)}\n")
        self._write_in_time()

    def make_room(self) -> None:
        """Somebody else is about to print: write what waits, and take the line that lives away."""
        if self._shown:
            self._pending.append(self._over("", 0) + "\r")
            self._shown = 0
        if self._pending:
            self._write(self._clock())

    def close(self) -> None:
        """The run is over: write what waits, and end the line that lives, if it was interrupted."""
        if self._shown:
            self._pending.append("\n")
            self._shown = 0
        if self._pending:
            self._write(self._clock())

    def _line(self, step: int, timing: str, logs: Mapping[str, float], width: int) -> tuple[str, int]:
        """Count, bar, times and values, with the bar made shorter where the line is too narrow; and its length."""
        steps = self._steps
        count = f"{step}/Unknown" if steps is None else f"{step:{len(str(steps))}d}/{steps}"
        rest = f"{timing}{_values(logs)}"
        bar = min(BAR, width - len(count) - len(rest) - 2)
        if bar < SHORTEST_BAR or steps is None:
            bar = 0
        full = bar * step // max(steps or 0, 1)
        done, left = self._done * full, self._left * (bar - full)
        length = len(count) + (bar + 1 if bar else 0) + 1 + len(rest)
        if self._colours:
            count = f"\x1b[1m{count}\x1b[0m"
            done, left = f"\x1b[32m{done}\x1b[0m" if done else "", f"\x1b[37m{left}\x1b[0m" if left else ""
        return f"{count} {done}{left} {rest}" if bar else f"{count} {rest}", length

    def _over(self, text: str, length: int) -> str:
        """The text written over the line that lives."""
        return f"\r{text}{' ' * max(0, self._shown - length)}" if self.live and self._shown else text

    def _write_in_time(self) -> None:
        now = self._clock()
        if now - self._written >= SECONDS_BETWEEN_WRITES:
            self._write(now)

    def _write(self, now: float) -> None:
        text = "".join(self._pending)
        self._pending.clear()
        self._written = now
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a line on the stream can be drawn again."""
    return bool(getattr(stream, "isatty", bool)()) and os.environ.get("TERM") != "dumb"


def _values(logs: Mapping[str, float]) -> str:
    """`` - accuracy: 0.8123 - loss: 5.1010e-04``."""
    return "".join(f" - {name}: {v:.4f}" if abs(v) > SMALL else f" - {name}: {v:.4e}" for name, v in logs.items())


def _each(seconds: float) -> str:
    """The time of a step in the unit that suits it."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds * 1e9:.0f}ns"


def _duration(seconds: float) -> str:
    """The time that is left: ``9s``, ``1:09``, ``1:01:09``."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole >= 60 else f"{whole}s"


def _cut(text: str, width: int) -> str:
    """The first characters of a text, its colours not counted, with colours closed."""
    kept, seen, place = [], 0, 0
    while place < len(text) and seen < width:
        if text[place] == "\x1b":
            end = text.index("m", place) + 1
            kept.append(text[place:end])
            place = end
        else:
            kept.append(text[place])
            seen, place = seen + 1, place + 1
    return "".join(kept) + ("\x1b[0m" if "\x1b" in text else "")
