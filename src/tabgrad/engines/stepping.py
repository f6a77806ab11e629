"""A run whose loop is in Python: batches come one by one, from wherever, and an engine takes a step on each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.engines._best import BestEpoch
from tabgrad.engines.base import Result, averages
from tabgrad.engines.scores import Scores

if TYPE_CHECKING:
    from tabgrad.engines.base import Engine, Job, Steps
    from tabgrad.matrix import Matrix

PROGRESS_SECONDS = 0.1

Batches = Callable[[int], "Iterable[Matrix]"]
"""The batches of an epoch, by its number; without any, the run ends."""


def _never() -> bool:
    return False


def run(engine: Engine, steps: Steps, job: Job, batches: Batches, ended: Callable[[], bool] = _never) -> Result:
    """Train from epoch `initial_epoch` to `epochs`, as `Engine.fit` does, on the batches that come.

    Parameters
    ----------
    engine : Engine
        For the validation rows.
    steps : Steps
        Takes the steps, and is the session that the listener sees.
    job : Job
        Its rows are not looked at, nor are `places` and `held`.
    batches : callable (epoch) -> iterable of Matrix
    ended : callable
        Whether nothing is left for another epoch.
    """
    loop = _Loop(engine, steps, job, batches)
    try:
        for epoch in range(job.initial_epoch, job.epochs):
            if loop.best.too_late():
                return replace(loop.done, status="stopped")
            failed_step = loop.epoch(epoch)
            if failed_step is not None:
                return replace(loop.done, status="diverged", failed_step=failed_step)
            if steps.stopping or loop.empty or ((ended() or loop.best.given_up) and epoch + 1 < job.epochs):
                return replace(loop.done, status="stopped")
    except BaseException as failure:  # Ctrl-C, or whatever a listener raised: the caller raises it again
        return replace(loop.done, status="interrupted", failure=failure)
    return loop.done


class _Loop:
    """A run on its way; in `done` the result up to the last finished epoch."""

    def __init__(self, engine: Engine, steps: Steps, job: Job, batches: Batches) -> None:
        self._engine, self._steps, self._job, self._batches = engine, steps, job, batches
        self._told = time.monotonic()
        self._scores = Scores(job.plan)
        self._averaged = job.stopping is not None and job.plan.optimizer.use_ema
        self.best = BestEpoch(job.stopping)
        self.empty = False
        nothing = np.empty((0, 1 + len(job.plan.scores)))
        self.done = Result(steps.state(), nothing, None if job.validation is None else nothing)

    def epoch(self, epoch: int) -> int | None:
        """One epoch, its validation and its listeners; the step whose loss was not finite, if one was."""
        job, listener, done = self._job, self._job.listener, self.done
        if listener.epoch_begin:
            listener.epoch_begin(self._steps, epoch)
        total, taken, finite = self._train(epoch)
        if not taken:
            self.empty = True
            return None
        if not finite or not all(np.isfinite(w).all() for w in self._steps.get_weights()):
            return taken - 1
        values = self._scores.values(total)
        scores, validation = None, None
        if job.validation is not None and done.validation is not None:
            size = job.validation_batch_size or job.plan.batch_size
            weights = averages(self._steps.state()) if self._averaged else self._steps.get_weights()
            scores = self._engine.evaluate(job.plan, weights, job.validation, batch_size=size)
            validation = np.vstack([done.validation, scores])
            self.best.see(epoch, scores[0], weights)
        self.done = self.best.joined(Result(self._steps.state(), np.vstack([done.training, values]), validation))
        if listener.epoch_end:
            try:
                listener.epoch_end(self._steps, epoch, values, scores)
            finally:  # the epoch is finished even where its listener is not
                self.done = replace(self.done, state=self._steps.state())
        return None

    def _train(self, epoch: int) -> tuple[np.ndarray, int, bool]:
        """The steps of an epoch: the sums over its rows, how many were taken, whether the last one's loss is finite."""
        listener, total, number = self._job.listener, np.zeros(self._scores.width), -1
        for number, batch in enumerate(self._batches(epoch)):
            if listener.batch_begin:
                listener.batch_begin(self._steps, number)
            sums = self._steps.step(batch)
            if sums is None:
                return total, number + 1, False
            total += sums
            self._tell(number, total)
            if self._steps.stopping:
                break
        return total, number + 1, True

    def _tell(self, number: int, running: np.ndarray) -> None:
        """A step was taken: tell the listener, of the progress not too often."""
        listener = self._job.listener
        if listener.batch_end:
            listener.batch_end(self._steps, number, self._scores.values(running))
        if listener.progress and time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            listener.progress(number, self._scores.values(running))
