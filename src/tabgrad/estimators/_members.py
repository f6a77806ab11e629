"""Members: networks trained side by side over the same rows, each without the fold that judges it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from tabgrad._runs import Names, divergence
from tabgrad._targets import matrix
from tabgrad._warning import warn
from tabgrad.callbacks.base import Logs
from tabgrad.engines.base import Job, Listener, Session, Stopping, Values
from tabgrad.engines.native import default_threads
from tabgrad.engines.select import get_engine
from tabgrad.errors import DivergenceWarning
from tabgrad.matrix import Matrix
from tabgrad.models import Sequential
from tabgrad.progress import Progress, say

__all__ = ["Schedule", "Watch", "mean_history", "shown", "train", "train_judged", "watched", "watching"]


class Watch(Protocol):
    """Whoever wants to hear of a training, from one network to many."""

    def begin(self, held: Sequence[int], rows: int, epochs: int) -> None:
        """Networks begin, of so many epochs at most: for each, how many of the rows it holds out."""

    def epoch_end(self, member: int, epoch: int, logs: Logs) -> bool:
        """A member ended an epoch, both counted from 0; True ends its training."""


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def watching() -> Watch | None:
    """Who hears of trainings here."""
    return _watch.get()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Within the block, who hears of the trainings of estimators."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextmanager
def shown(verbose: int) -> Iterator[None]:
    """Within the block, epochs stand on the screen, if they are to and nobody else hears of them."""
    if not verbose or watching() is not None:
        yield
        return
    screen = Shown(verbose)
    with watched(screen):
        try:
            yield
        finally:
            screen.close()


class Shown:
    """A `Watch` that draws: 1: one line that lives for all members; 2: a line for each epoch of each."""

    def __init__(self, verbose: int) -> None:
        self._verbose, self._members, self._epochs, self._done = verbose, 0, 0, 0
        self._logs: Logs = {}
        self._lock = threading.Lock()  # members are heard from threads of their own

    def begin(self, held: Sequence[int], rows: int, epochs: int) -> None:
        """Start the clock."""
        self._members, self._epochs, self._done = len(held), epochs, 0
        self._progress = Progress(1 if self._verbose == 1 else 0, 1, len(held) * epochs)
        self._progress.epoch_begin(0)

    def epoch_end(self, member: int, epoch: int, logs: Logs) -> bool:
        """Draw."""
        with self._lock:
            self._done, self._logs = self._done + 1, logs
            self._progress.step(self._done - 1, logs)
            if self._verbose > 1:
                values = "".join(f" - {name}: {value:.4g}" for name, value in logs.items())
                say(f"Member {member + 1}/{self._members} - Epoch {epoch + 1}/{self._epochs}{values}")
        return False

    def close(self) -> None:
        """The line that stays: how many epochs all members had together."""
        if self._done:
            self._progress.epoch_end(self._logs, self._done)
            self._progress.close()


@dataclass(frozen=True)
class Schedule:
    """How members are trained.

    Parameters
    ----------
    batch_size, epochs : int
    shuffle : bool
    patience : int or None
        Epochs without a lower loss on the rows held out after which a member stops, to go back to the weights with
        which it was least; None: it goes through all epochs, and its last weights are kept.
    deadline : float or None
        `time.monotonic` at which all of them must be done.
    threads : int or None
        Members that run at a time; None: as the engine says.
    """

    batch_size: int
    epochs: int
    shuffle: bool
    patience: int | None = None
    deadline: float | None = None
    threads: int | None = None


def train(models: Sequence[Sequential], rows: Matrix, held: Sequence[np.ndarray], schedule: Schedule) -> list[int]:
    """Train compiled networks over the same rows, each on those that it does not hold out.

    Parameters
    ----------
    models : list of Sequential
        Each becomes what its run makes of it.
    rows : Matrix
    held : list of arrays
        Places of the rows that each holds out; may be empty.
    schedule : Schedule

    Returns
    -------
    list of int
        Those of the models that finished an epoch; the others had no time, or their loss stopped being finite.
    """
    if (watch := watching()) is not None:
        watch.begin([len(places) for places in held], len(rows), schedule.epochs)
    done: list[int] = []
    for wave, deadline in _waves(len(models), schedule):
        done += _run(models, wave, rows, held, schedule, deadline)
    if not done and schedule.deadline is not None:  # there was no time at all: one network, one epoch
        done += _run(models, range(1), rows, held, replace(schedule, epochs=1), None)
    return done


def _run(
    models: Sequence[Sequential],
    wave: range,
    rows: Matrix,
    held: Sequence[np.ndarray],
    schedule: Schedule,
    deadline: float | None,
) -> Iterator[int]:
    """Train some of the members side by side; those of them that finished an epoch."""
    watch, lost = watching(), list[tuple[int, str]]()
    jobs = [
        _job(models[member], rows, held[member], schedule, deadline, _listener(models[member], member, watch))
        for member in wave
    ]
    results = get_engine().fit_many(jobs, threads=schedule.threads)
    for member, job, result in zip(wave, jobs, results, strict=True):
        if result.failure is not None:
            raise result.failure
        models[member]._take(job, result)
        if message := divergence(result, len(result.training), job):
            lost.append((member, message))
        if len(result.training):
            yield member
    if lost:
        member, message = lost[0]
        more = f" So did {len(lost) - 1} more." if len(lost) > 1 else ""
        warn(f"Member {member + 1} of {len(models)}: {message}{more}", DivergenceWarning)


def train_judged(
    model: Sequential, rows: tuple[Any, ...], judged: tuple[Any, ...], options: Mapping[str, Any], patience: int
) -> None:
    """Train one compiled network, its rows held out scored by the engine: what `Judge` does, nobody hearing of it.

    Parameters
    ----------
    model : Sequential
    rows, judged : tuple (x, y, weight)
    options : mapping
        ``batch_size``, ``epochs`` and ``shuffle`` of `Sequential.fit`.
    patience : int
    """
    plan = model.plan()
    table, held = (matrix(*part, loss=plan.loss, network=plan.network) for part in (rows, judged))
    how = {"validation": held, "stopping": Stopping(patience)}
    job = model._job(table, options["batch_size"], options["epochs"], shuffle=options["shuffle"], **how)
    result = get_engine().fit(job)
    model._take(job, result)
    if result.failure is not None:
        raise result.failure
    if message := divergence(result, len(result.training), job):
        warn(message, DivergenceWarning)


def _waves(members: int, schedule: Schedule) -> Iterator[tuple[range, float | None]]:
    """Who runs together, and until when: all, or under a limit as many as there are threads, each wave its share.

    A wave for which there is no time does not run.
    """
    if schedule.deadline is None:
        yield range(members), None
        return
    most = schedule.threads or default_threads()
    for first in range(0, members, most):
        now, waves_left = time.monotonic(), math.ceil((members - first) / most)
        if now >= schedule.deadline:
            return
        yield range(first, min(first + most, members)), now + (schedule.deadline - now) / waves_left


def _job(
    model: Sequential,
    rows: Matrix,
    held: np.ndarray,
    schedule: Schedule,
    deadline: float | None,
    listener: Listener,
) -> Job:
    """A member's run."""
    how: dict[str, object] = {"listener": listener}
    if len(held):
        kept = np.ones(len(rows), bool)
        kept[held] = False
        how["places"] = np.flatnonzero(kept).astype(np.uint32)
    if schedule.patience is not None and len(held):
        how |= {"held": held, "stopping": Stopping(schedule.patience, deadline)}
    elif deadline is not None:
        how["stopping"] = Stopping(None, deadline)
    return model._job(rows, schedule.batch_size, schedule.epochs, shuffle=schedule.shuffle, **how)


def _listener(model: Sequential, member: int, watch: Watch | None) -> Listener:
    if watch is None:
        return Listener()
    names, began = Names(model.metrics_names[1:]), model.epochs_done

    def epoch_end(session: Session, epoch: int, values: Values, validation: Values | None) -> None:
        if watch.epoch_end(member, epoch - began, names.logs(values, validation)):
            session.stop()

    return Listener(epoch_end=epoch_end)


def mean_history(histories: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """The means of the members' values of each epoch, over those that ran it.

    Examples
    --------
    >>> from tabgrad.estimators._members import mean_history
    >>> mean_history([{"loss": [3.0, 1.0]}, {"loss": [1.0]}])
    {'loss': [2.0, 1.0]}
    """
    means: dict[str, list[float]] = {}
    for name in dict.fromkeys(name for history in histories for name in history):
        columns = [history[name] for history in histories if name in history]
        epochs = range(max(map(len, columns)))
        means[name] = [float(np.mean([column[epoch] for column in columns if epoch < len(column)])) for epoch in epochs]
    return means
