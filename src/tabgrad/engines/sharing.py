"""An engine that stands before another one while a search runs: runs that are the same are one run.

A run of five epochs is the beginning of one of ten with the same plan (see `Plan`), so the longer one goes on where the
shorter stood. Whether two runs are the same is looked at, not assumed: plan, first weights and rows must be equal, so a
schedule that depends on the number of epochs, which is part of the plan, is never shared.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tabgrad.engines.base import Engine, Job, Listener, Result, State, Steps, Stopping
from tabgrad.matrix import Matrix
from tabgrad.optimizers import LBFGS
from tabgrad.plan import Network, Plan

Fit = Callable[[list[Job]], list[Result]]
Kind = tuple[Plan, bytes]


class OutOfTime(BaseException):
    """A run was ended by the deadline of `SharingEngine`, so what it gave is not what was asked for."""


class SharedRuns:
    """The longest run so far of each kind; safe from several threads.

    A run is known by its plan and by a digest of its first state and its rows: no rows are kept.

    Parameters
    ----------
    room : int, default 64 MiB
        The bytes that kept runs may take: the oldest are forgotten, and done again should they be asked for.

    Attributes
    ----------
    found : int
        How many runs went on where another one stood, or were one that was there.
    """

    def __init__(self, room: int = 64 << 20) -> None:
        self._room, self._taken, self.found = room, 0, 0
        self._runs: dict[Kind, Result] = {}
        self._lock = threading.Lock()

    def find(self, kind: Kind, job: Job) -> Result | None:
        """A run whose end this one passes through, or is."""
        with self._lock:
            result = self._runs.get(kind)
            if result is None or not _passes(job, result):
                return None
            self.found += 1
            return result

    def keep(self, kind: Kind, result: Result) -> None:
        """Keep a run in place of a shorter one of its kind."""
        size = _bytes(result)
        with self._lock:
            before = self._runs.get(kind)
            if size > self._room or (before is not None and len(before.training) > len(result.training)):
                return
            if before is not None:
                self._taken -= _bytes(self._runs.pop(kind))
            self._runs[kind] = result  # now the youngest
            self._taken += size
            while self._taken > self._room:
                self._taken -= _bytes(self._runs.pop(next(iter(self._runs))))


class SharingEngine:
    """Runs jobs on another engine, goes on where an earlier run stood, and ends what lasts too long.

    Parameters
    ----------
    engine : Engine
    runs : SharedRuns or None
        What was done before; None: nothing is shared.
    most_epochs : int, float or None
        After how many epochs, or what share of its epochs, a run ends, as if it had been stopped; None: it does not.
    deadline : float or None
        `time.monotonic` at which no further epoch begins.
    strict : bool, default True
        Whether `OutOfTime` is raised then; False: runs are as long as they are, of those of a call one has an epoch at
        least, and `was_cut` tells.
    """

    def __init__(
        self,
        engine: Engine,
        runs: SharedRuns | None = None,
        most_epochs: float | None = None,
        deadline: float | None = None,
        *,
        strict: bool = True,
    ) -> None:
        self.name, self.was_cut, self._strict = engine.name, False, strict
        self._engine, self._runs, self._most, self._deadline = engine, runs, most_epochs, deadline

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        """One run."""
        return self._fit([job], lambda jobs: [self._engine.fit(job, threads=threads) for job in jobs])[0]

    def fit_many(self, jobs: Sequence[Job], *, threads: int | None = None) -> list[Result]:
        """Many runs side by side."""
        return self._fit(jobs, lambda jobs: self._engine.fit_many(jobs, threads=threads))

    def _fit(self, jobs: Sequence[Job], fit: Fit) -> list[Result]:
        asked = [self._bounded(job) for job in jobs]
        runs = self._runs
        kinds = [_kind(job) if runs is not None and _shareable(job) else None for job in asked]
        known = [
            None if runs is None or kind is None else runs.find(kind, job)
            for kind, job in zip(kinds, asked, strict=True)
        ]
        ahead = [job if run is None else _rest(job, run) for job, run in zip(asked, known, strict=True)]
        left = [place for place, job in enumerate(ahead) if job is not None]
        timed = [self._timed(job) for job in ahead if job is not None]
        done = fit(timed) if timed else []
        if not any(known) and self._had_no_time(done):
            self._begin_one([asked[place] for place in left], done, fit)
        given = dict(zip(left, done, strict=True))
        results = []
        for place, (job, kind, run) in enumerate(zip(asked, kinds, known, strict=True)):
            more = given.get(place)
            whole = more if run is None else _joined(run, more, job)
            assert whole is not None
            if more is not None and self._cut(job, whole):
                self.was_cut = True
                if self._strict:
                    raise OutOfTime
            results.append(whole)
            if more is None or runs is None or kind is None:
                continue
            if len(whole.training) and whole.status != "interrupted":
                runs.keep(kind, whole)
        return results

    def _bounded(self, job: Job) -> Job:
        """The run, no longer than may be."""
        if self._most is None:
            return job
        epochs = job.epochs - job.initial_epoch
        most = self._most if isinstance(self._most, int) else math.ceil(self._most * epochs)
        return replace(job, epochs=job.initial_epoch + min(epochs, most))

    def _timed(self, job: Job) -> Job:
        """The run, ended at the deadline: by the engine itself where that changes nothing else, else by a listener."""
        deadline = self._deadline
        if deadline is None:
            return job
        if job.stopping is not None:
            earlier = deadline if job.stopping.deadline is None else min(deadline, job.stopping.deadline)
            return replace(job, stopping=replace(job.stopping, deadline=earlier))
        if not job.validates:
            return replace(job, stopping=Stopping(deadline=deadline))
        heard = job.listener.epoch_end

        def epoch_end(session: Any, epoch: int, values: Any, validation: Any) -> None:
            if heard is not None:
                heard(session, epoch, values, validation)
            if time.monotonic() >= deadline:
                session.stop()

        return replace(job, listener=replace(job.listener, epoch_end=epoch_end))

    def _had_no_time(self, done: Sequence[Result]) -> bool:
        """Whether the deadline left no epoch to any run, and that is not to be an error."""
        if self._strict or self._deadline is None or time.monotonic() < self._deadline:
            return False
        return not any(len(each.training) for each in done)

    @staticmethod
    def _begin_one(jobs: Sequence[Job], done: list[Result], fit: Fit) -> None:
        """Give the first run that does not diverge in it one epoch, whatever its own deadline."""
        for place, job in enumerate(jobs):
            if done[place].status != "stopped":
                continue
            stopping = None if job.stopping is None else replace(job.stopping, deadline=None)
            result = fit([replace(job, epochs=job.initial_epoch + 1, stopping=stopping)])[0]
            more = job.epochs > job.initial_epoch + 1
            done[place] = replace(result, status="stopped") if more and result.status == "finished" else result
            if len(result.training):
                return

    def _cut(self, job: Job, result: Result) -> bool:
        """Whether the deadline, and nothing that was asked for, has ended a run."""
        if self._deadline is None or time.monotonic() < self._deadline or result.status != "stopped":
            return False
        return not _given_up(job, result) and len(result.training) < job.epochs - job.initial_epoch

    # ---- What passes through ---------------------------------------------------------------------------------------

    def begin(self, plan: Plan, state: State, *, threads: int | None = None) -> Steps:
        """A run that waits for its batches."""
        return self._engine.begin(plan, state, threads=threads)

    def gradients(self, plan: Plan, state: State, rows: Matrix) -> tuple[float, tuple[np.ndarray, ...]]:
        """Loss and gradients of one batch."""
        return self._engine.gradients(plan, state, rows)

    def evaluate(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> list[float]:
        """Loss and metrics on rows."""
        return self._engine.evaluate(plan, weights, rows, batch_size=batch_size, threads=threads)

    def sums(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> np.ndarray:
        """What the values are made of."""
        return self._engine.sums(plan, weights, rows, batch_size=batch_size, threads=threads)

    def predict(self, network: Network, weights: Sequence[np.ndarray], x: np.ndarray, **how: Any) -> np.ndarray:
        """The network's outputs."""
        return self._engine.predict(network, weights, x, **how)

    def predict_many(
        self, network: Network, weights: Sequence[Sequence[np.ndarray]], x: np.ndarray, **how: Any
    ) -> np.ndarray:
        """The outputs with several sets of weights."""
        return self._engine.predict_many(network, weights, x, **how)

    def predict_exchanged(
        self,
        network: Network,
        weights: Sequence[Sequence[np.ndarray]],
        x: np.ndarray,
        terms: np.ndarray,
        orders: np.ndarray,
        **how: Any,
    ) -> np.ndarray:
        """As the engine does."""
        return self._engine.predict_exchanged(network, weights, x, terms, orders, **how)


# ---- What a run that goes on is ------------------------------------------------------------------------------------


def _shareable(job: Job) -> bool:
    """Whether a run depends on nothing but the job's plain data, and can be gone on with bit for bit.

    L-BFGS carries more than a state holds; who listens may change the run; a deadline is never the same twice.
    """
    if isinstance(job.plan.optimizer, LBFGS) or job.plan.has_functions or job.listener != Listener():
        return False
    return job.stopping is None or job.stopping.deadline is None


def _kind(job: Job) -> Kind:
    """All that a run depends on but where it ends."""
    state, stops = job.state, job.stopping is not None
    digest = hashlib.sha1(usedforsecurity=False)  # the fastest; nobody makes runs that collide
    digest.update(repr((job.initial_epoch, job.validation_batch_size, stops, state.step)).encode())
    digest.update(repr(state.learning_rate).encode())
    tables = [table for table in (job.rows, job.validation) if table is not None]
    arrays = [*state.weights, *(slot for slots in state.slots for slot in slots), job.places, job.held]
    arrays += [part for table in tables for part in (table.x, table.y, table.weight, table.codes)]
    for array in arrays:
        if array is None:
            digest.update(b"none")
        else:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return job.plan, digest.digest()


def _waited(job: Job, losses: np.ndarray) -> tuple[float, int, int | None]:
    """The least validation loss, the epochs since, and after how many epochs patience is at its end, if it is."""
    assert job.stopping is not None
    least, waited, patience = math.inf, 0, job.stopping.patience
    for done, loss in enumerate(losses.tolist(), 1):
        least, waited = (loss, 0) if loss < least else (least, waited + 1)
        if patience is not None and waited >= patience:
            return least, waited, done
    return least, waited, None


def _losses(result: Result) -> np.ndarray:
    return np.empty(0) if result.validation is None else result.validation[:, 0]


def _given_up(job: Job, result: Result) -> bool:
    """Whether patience has ended a run."""
    return job.stopping is not None and _waited(job, _losses(result))[2] is not None


def _passes(job: Job, result: Result) -> bool:
    """Whether a job comes to where a run of its kind has ended, or ends there."""
    done = len(result.training)
    if result.status == "diverged" or done > job.epochs - job.initial_epoch:
        return False
    if job.stopping is None:
        return True
    end = _waited(job, _losses(result))[2]
    return end is None or end == done


def _rest(job: Job, result: Result) -> Job | None:
    """What is left of a job where a run of its kind has ended; None: nothing."""
    begun = job.initial_epoch + len(result.training)
    if begun >= job.epochs or _given_up(job, result):
        return None
    stopping = job.stopping
    if stopping is not None:
        least, waited, _ = _waited(job, _losses(result))
        stopping = replace(stopping, least=least, waited=waited)
    return replace(job, state=result.state, initial_epoch=begun, stopping=stopping)


def _joined(before: Result, more: Result | None, job: Job) -> Result:
    """The whole of a run of which these are the two parts."""
    if more is None:
        ended = len(before.training) < job.epochs - job.initial_epoch
        return replace(before, status="stopped" if ended else "finished")
    training = np.vstack([before.training, more.training])
    validation = None
    if before.validation is not None and more.validation is not None:
        validation = np.vstack([before.validation, more.validation])
    if more.best is None:
        more = replace(more, best=before.best, best_epoch=before.best_epoch)
    return replace(more, training=training, validation=validation)


def _bytes(result: Result) -> int:
    """The bytes of what a result holds."""
    state = [*result.state.weights, *(slot for slots in result.state.slots for slot in slots)]
    tables = [table for table in (result.training, result.validation) if table is not None]
    return sum(array.nbytes for array in (*state, *tables, *(result.best or ())))
