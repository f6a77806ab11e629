"""L-BFGS: a whole run is SciPy's minimiser over an engine's gradients; see `tabgrad.optimizers.LBFGS`.

It stands in front of an engine's own loop, in every engine alike: an epoch is one of the minimiser's iterations, and
between two of them the listener is told as after any other epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tabgrad.engines._best import BestEpoch
from tabgrad.engines.base import Engine, Job, Result, State, check_shapes
from tabgrad.errors import ArgumentError, EngineError
from tabgrad.optimizers import LBFGS

# Rows whose gradients are taken at one go: memory stays small, and Ctrl-C is heard between two such parts.
ROWS_TOGETHER = 8192
# The share of a loss below which differences of it are taken from gradients: a hundred times float32's rounding.
FINE = 1e-5


def fit(engine: Engine, job: Job, optimizer: LBFGS, cancelled: Callable[[], bool] = lambda: False) -> Result:
    """Minimise the loss of all rows in at most as many iterations as there are epochs; see `Engine.fit`.

    The status is "finished" also where nothing is left to gain before the last epoch. `cancelled` is asked at every
    evaluation whether the run is to end as by Ctrl-C.
    """
    run = _Run(engine, job.apart(), optimizer, cancelled)
    try:
        while run.left > 0 and not run.stopping:
            if run.best.too_late():
                run.stop()
            else:
                run.minimize()
    except _Diverged:
        return replace(run.done, status="diverged", failed_step=0)
    except BaseException as failure:  # Ctrl-C, or whatever a listener raised: the caller raises it again
        return replace(run.done, status="interrupted", failure=failure)
    return replace(run.done, status="stopped") if run.stopping else run.done


class _Diverged(Exception):  # noqa: N818  (no error: it leads out of SciPy's loop)
    """The loss is not finite."""


class _Left(Exception):  # noqa: N818
    """A listener stopped the run or replaced the weights: SciPy's iteration is left."""


@dataclass(frozen=True)
class _Point:
    """An evaluation: where, the loss, what SciPy is told of it, the gradient."""

    vector: np.ndarray
    loss: float
    told: float
    gradient: np.ndarray

    def seen_from(self, other: _Point) -> _Point:
        """With a loss that is told more finely near another point.

        A loss is rounded to float32, so a line search that compares losses ends at the root of that rounding from the
        minimum. ``f(x) - f(x0) = (g + g0) (x - x0) / 2`` to third order, which cancels nothing; where both sides say
        that the difference is small, the right one is taken.
        """
        fine = float((self.gradient + other.gradient) @ (self.vector - other.vector)) / 2
        if max(abs(fine), abs(self.loss - other.loss)) > FINE * abs(other.loss):
            return self
        return replace(self, told=other.told + fine)


class _Run:
    """A run on its way: the session that its listener sees, and in `done` the result up to the last iteration."""

    def __init__(self, engine: Engine, job: Job, optimizer: LBFGS, cancelled: Callable[[], bool]) -> None:
        check_shapes(job.state.weights, job.plan.network)
        self._engine, self._job, self._optimizer, self._cancelled = engine, job, optimizer, cancelled
        self._weights = tuple(np.array(array, np.float32) for array in job.state.weights)
        self._moving = [place for place, weight in enumerate(job.plan.network.weights) if weight.trainable]
        self._begun = self._replaced = self.stopping = False
        self.best = BestEpoch(job.stopping)
        self._evaluated: _Point
        self._reached: _Point | None = None
        self.left = job.epochs - job.initial_epoch
        nothing = np.empty((0, 1 + len(job.plan.scores)))
        self.done = Result(self.state(), nothing, None if job.validation is None else nothing)

    def minimize(self) -> None:
        """SciPy's iterations, until they end or a listener ends them."""
        try:
            from scipy.optimize import minimize
        except ImportError as error:
            raise EngineError(
                "LBFGS is SciPy's minimiser, and SciPy is not installed: pip install scipy, or take another optimizer."
            ) from error
        self._replaced, self._reached = False, None
        chosen = self._optimizer
        options = {"maxcor": chosen.maxcor, "ftol": chosen.ftol, "gtol": chosen.gtol, "maxls": chosen.maxls}
        options |= {"maxiter": self.left, "maxfun": 10**9}
        start = np.concatenate([[], *(self._weights[place].ravel() for place in self._moving)])
        try:
            minimize(self._value, start, jac=True, method="L-BFGS-B", callback=self._iterated, options=options)
        except _Left:
            return
        if not len(self.done.training) or self._begun:  # nothing could be gained: an epoch that moves nothing
            self._begin()
            self._end(self._loss(self._weights)[0])
        self.left = 0

    # ---- What SciPy calls ------------------------------------------------------------------------------------------

    def _value(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient of all rows at a point, as vectors in float64."""
        if self._cancelled():
            raise KeyboardInterrupt
        self._begin()
        loss, gradient = self._loss(self._at(vector))
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise _Diverged
        point = _Point(vector.copy(), loss, loss, gradient)
        if self._reached is not None:
            point = point.seen_from(self._reached)
        self._evaluated = point
        return point.told, gradient

    def _iterated(self, vector: np.ndarray) -> None:
        """An iteration is done."""
        self._weights = self._at(vector)
        self._reached = self._evaluated  # a line search ends where it evaluated last
        self._end(self._reached.loss)
        if self.stopping or self._replaced:
            raise _Left

    # ---- Between the two -------------------------------------------------------------------------------------------

    def _at(self, vector: np.ndarray) -> tuple[np.ndarray, ...]:
        """The weights that a point stands for."""
        weights, start = list(self._weights), 0
        for place in self._moving:
            shape, size = weights[place].shape, weights[place].size
            weights[place] = vector[start : start + size].reshape(shape).astype(np.float32)
            start += size
        return tuple(weights)

    def _loss(self, weights: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """The loss of all rows, regularisation included, and its gradient: means of those of parts of the rows."""
        rows, state = self._job.rows, State(tuple(weights), ())
        loss, gradient = 0.0, np.zeros(sum(weights[place].size for place in self._moving))
        for start in range(0, len(rows), ROWS_TOGETHER):
            part = rows.part(slice(start, start + ROWS_TOGETHER))
            value, slopes = self._engine.gradients(self._job.plan, state, part)
            share = len(part) / len(rows)
            loss += share * value
            gradient += share * np.concatenate([[], *(slopes[place].ravel() for place in self._moving)])
        return loss, gradient

    def _begin(self) -> None:
        """Before the first evaluation of an epoch: SciPy says nothing before an iteration."""
        if self._begun:
            return
        self._begun, listener = True, self._job.listener
        if listener.epoch_begin:
            listener.epoch_begin(self, self._epoch)
        if listener.batch_begin:
            listener.batch_begin(self, 0)

    def _end(self, loss: float) -> None:
        """An epoch with the weights as they are now: its metrics, its validation, its listeners."""
        job, listener, done, size = self._job, self._job.listener, self.done, self._job.plan.batch_size
        values = [loss]
        if job.plan.scores:
            values += self._engine.evaluate(job.plan, self._weights, job.rows, batch_size=size)[1:]
        if listener.batch_end:
            listener.batch_end(self, 0, values)
        scores, validation = None, None
        if job.validation is not None and done.validation is not None:
            size = job.validation_batch_size or size
            scores = self._engine.evaluate(job.plan, self._weights, job.validation, batch_size=size)
            validation = np.vstack([done.validation, scores])
            self.best.see(self._epoch, scores[0], self._weights)
        epoch = self._epoch
        self._begun, self.left = False, self.left - 1
        self.done = self.best.joined(Result(self.state(), np.vstack([done.training, values]), validation))
        if listener.epoch_end:
            try:
                listener.epoch_end(self, epoch, values, scores)
            finally:  # the epoch is finished even where its listener is not
                self.done = replace(self.done, state=self.state())
        if self.left > 0 and (self.best.given_up or self.best.too_late()):
            self.stop()

    @property
    def _epoch(self) -> int:
        return self._job.epochs - self.left

    # ---- What a listener sees --------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> float:
        """1: no step is scaled after its line search."""
        return 1.0

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        raise ArgumentError(f"LBFGS has no learning rate: a line search finds the length of each step. Got {rate!r}.")

    def get_weights(self) -> tuple[np.ndarray, ...]:
        """Copies of the weights as they are now."""
        return tuple(w.copy() for w in self._weights)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Replace the weights: the iteration begins anew from there."""
        check_shapes(weights, self._job.plan.network)
        self._weights = tuple(np.array(array, np.float32) for array in weights)
        self._replaced = True

    def state(self) -> State:
        """Copies of the weights and the count of epochs; the curvature is SciPy's own."""
        before = self._job.state
        return State(self.get_weights(), before.slots, before.step + self._epoch - self._job.initial_epoch)

    def stop(self) -> None:
        """End the run; see `Session.stop`."""
        self.stopping = True
