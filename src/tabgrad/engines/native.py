"""The native engine: plans lowered to a program of the compiled kernels, results brought back.

What runs is in `native/`; here records become names and numbers, and arrays go in and out.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import count
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import numpy as np

from tabgrad import _native, layers, losses, regularizers
from tabgrad._checks import Interval, check, known_name
from tabgrad._loss_functions import returned
from tabgrad._record import Record
from tabgrad.engines.base import Job, Listener, Result, State, Steps, Stopping, check_shapes, orthogonalized
from tabgrad.engines.scores import Scores, own_metrics, own_terms
from tabgrad.errors import EngineError
from tabgrad.matrix import Matrix
from tabgrad.metrics import Metric
from tabgrad.metrics._agreement import Agreement
from tabgrad.metrics._overlap import FScore
from tabgrad.metrics._thresholds import ThresholdMetric
from tabgrad.optimizers import LBFGS, SGD, Optimizer
from tabgrad.optimizers.schedules import LearningRateSchedule
from tabgrad.plan import Network, Plan

# Rows in a batch where no step depends on it: enough to fill the kernels, few enough to stay in the cache.
SCORING_ROWS = 256
# Multiply-adds of a batch above which threads within it pay for their start.
WORTH_THREADS = 1e6
# The same for the batches of a run, which finds out by the clock whether sharing them pays, if the run is as long as
# WORTH_TRYING_RUN multiply-adds: some hundred times what starting a thread takes.
WORTH_TRYING, WORTH_TRYING_RUN = 2.5e5, 1e8
# Rows of a thread above which the sets of weights of a prediction are cut by rows too, where threads would not share
# them evenly: below, a second program of each costs more than it gains.
WORTH_PARTS = 1024

MOST_THREADS = 1024
HEARING = 0.05  # seconds after which a thread that waits for others looks whether it is to end

Kept = TypeVar("Kept")

_Part = tuple[str, tuple[float, ...], tuple[float, ...]]
_LoweredMetric = tuple[str, tuple[float, ...], tuple[float, ...], tuple[float, ...], bool, int]
_LoweredLayer = tuple[str, int, int, int, bool, tuple[float, ...], Sequence[float], Sequence[int]]


@cache
def instruction_set() -> str:
    """The instruction set in use: the best that this processor has, unless TABGRAD_ISA names another."""
    names = _native.instruction_sets()
    asked = os.environ.get("TABGRAD_ISA")
    if not asked:
        return names[0]
    if asked not in names and asked in ("avx512", "avx2", "baseline"):
        raise EngineError(f"TABGRAD_ISA asks for '{asked}', which this processor or build does not have: {names}.")
    return known_name(asked, "instruction set", names)


@cache
def default_threads() -> int:
    """Threads where nobody says how many: TABGRAD_NUM_THREADS, else OMP_NUM_THREADS, else the processor's cores."""
    for name in ("TABGRAD_NUM_THREADS", "OMP_NUM_THREADS"):
        if (text := os.environ.get(name, "")).isdecimal() and int(text) > 0:
            return min(int(text), MOST_THREADS)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_asked: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Within the block, so many threads where a call does not say how many; None: as before."""
    token = _asked.set(_asked.get() if threads is None else threads)
    try:
        yield
    finally:
        _asked.reset(token)


def threads_here() -> int:
    """Threads where a call does not say how many: those of the block of `limited` around it, else the default."""
    return _asked.get() or default_threads()


class Running:
    """Runs that another thread may end: those begun within `cancellable`."""

    def __init__(self) -> None:
        self._programs: set[_native.Program] = set()
        self._within: WeakSet[Running] = WeakSet()
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End what runs, and whatever begins from now on, in the midst of an epoch; it has no result worth keeping."""
        self._cancelled.set()
        for program in tuple(self._programs):
            program.cancel()
        for within in tuple(self._within):
            within.cancel()

    def more(self) -> Running:
        """Runs of which each ends with these; they may be ended without these."""
        made = Running()
        self._within.add(made)  # before the flag is read: whoever cancels sees one of both
        if self.cancelled:
            made.cancel()
        return made

    def fit(self, engine: NativeEngine, job: Job, threads: int) -> Result:
        """One of the runs."""
        if isinstance(job.plan.optimizer, LBFGS):
            from tabgrad.engines import _lbfgs  # time that other fits need not wait for

            return _lbfgs.fit(engine, job, job.plan.optimizer, self._cancelled.is_set)
        program = _program(job.plan, job, threads)
        self._programs.add(program)
        if self.cancelled:
            program.cancel()
        try:
            return _run(job, program)
        finally:
            self._programs.discard(program)


_cancellable: ContextVar[Running | None] = ContextVar("cancellable", default=None)


def begun() -> Running:
    """Runs that end with those around them, if there are any."""
    around = _cancellable.get()
    return Running() if around is None else around.more()


@contextmanager
def cancellable(running: Running) -> Iterator[None]:
    """Within the block, runs can be ended by `running.cancel()`."""
    token = _cancellable.set(running)
    try:
        yield
    finally:
        _cancellable.reset(token)


class NativeEngine:
    """Runs plans on the compiled kernels; see `tabgrad.engines.base.Engine`."""

    name = "native"

    def __init__(self) -> None:
        # What the last prediction and the last scoring ran on: a row at a time would mostly make programs.
        self._predicting: _Keeper[_native.Program] = _Keeper()
        self._predicting_many: _Keeper[_Sets] = _Keeper()
        self._scoring: _Keeper[_native.Program] = _Keeper()

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        """One run."""
        return (_cancellable.get() or Running()).fit(self, job, _threads(threads))

    def begin(self, plan: Plan, state: State, *, threads: int | None = None) -> Steps:
        """A run that waits for its batches."""
        return _NativeSteps(plan, state, _threads(threads))

    def fit_many(self, jobs: Sequence[Job], *, threads: int | None = None) -> list[Result]:
        """Many runs, one a thread; the rows are shared, nothing is copied, the interpreter's lock is free."""
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # 6 ms that a first fit need not wait

        running = begun()
        with ThreadPoolExecutor(_threads(threads)) as pool:
            try:
                futures = [pool.submit(running.fit, self, job, 1) for job in jobs]
                # Polars' handler of Ctrl-C has waiting go on, so it must end by itself for Python to hear of it.
                while (seen := wait(futures, HEARING, FIRST_EXCEPTION)).not_done:
                    for future in seen.done:
                        future.result()  # which raises what it failed with
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                running.cancel()
                raise

    def gradients(self, plan: Plan, state: State, rows: Matrix) -> tuple[float, tuple[np.ndarray, ...]]:
        """Loss and gradients of one batch."""
        program = _native_program(plan.network, plan, len(rows), 1)
        _write_state(program, state, plan.network)
        loss = program.gradients(rows.x, rows.codes, rows.y, rows.weight, _called(plan.loss), _ahead(plan))
        shapes = [weight.shape for weight in plan.network.weights]
        return loss, tuple(program.gradient(place).reshape(shape) for place, shape in enumerate(shapes))

    def evaluate(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> list[float]:
        """Loss and metrics on rows; on the batch size only functions of one's own depend."""
        return Scores(plan).values(self.sums(plan, weights, rows, batch_size=batch_size, threads=threads))

    def sums(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> np.ndarray:
        """What the values are made of."""
        size = min(batch_size if plan.has_functions else SCORING_ROWS, len(rows))
        useful = _useful(threads, plan.network, size)
        key = (plan, size, useful)
        program = self._scoring.take(key) or _native_program(plan.network, plan, size, useful)
        _write_weights(program, weights, plan.network)
        sums = program.evaluate(
            *(rows.x, rows.codes, rows.y, rows.weight),
            loss=_called(plan.loss),
            score=_functions(plan, rows, rows),
            scoring_rows=size,
        )
        self._scoring.keep(key, program, useful)
        return np.array(sums)

    def predict(
        self,
        network: Network,
        weights: Sequence[np.ndarray],
        x: np.ndarray,
        *,
        codes: np.ndarray | None = None,
        batch_size: int,
        threads: int | None = None,
    ) -> np.ndarray:
        """The network's outputs; the batch size changes nothing here."""
        rows = min(max(len(x), 1), SCORING_ROWS)
        useful = _useful(threads, network, rows)
        key = (network, weights, rows, useful)
        program = self._predicting.take(key)
        if program is None:
            program = _native_program(network, None, rows, useful)
            _write_weights(program, weights, network)
        outputs: np.ndarray = program.predict(x, codes)
        if isinstance(weights, tuple):  # never changed in place, unlike a list
            self._predicting.keep(key, program, useful)
        return outputs

    def predict_many(
        self,
        network: Network,
        weights: Sequence[Sequence[np.ndarray]],
        x: np.ndarray,
        *,
        codes: np.ndarray | None = None,
        batch_size: int,
        threads: int | None = None,
    ) -> np.ndarray:
        """The outputs with several sets of weights, in one call of the kernels."""
        if not weights:
            return np.empty((0, len(x), network.outputs), np.float32)
        threads = _threads(threads)
        with self._sets(network, weights, len(x), threads, exchanges=False) as sets:
            return sets.predict(x, codes, threads)

    def predict_exchanged(
        self,
        network: Network,
        weights: Sequence[Sequence[np.ndarray]],
        x: np.ndarray,
        terms: np.ndarray,
        orders: np.ndarray,
        *,
        threads: int | None = None,
    ) -> np.ndarray:
        """The outputs with a term exchanged, the orders of a row side by side, as they are nearly the same row."""
        threads = _threads(threads)
        with self._sets(network, weights, orders.size, threads, exchanges=True) as sets:
            return sets.predict_exchanged(x, terms, orders.astype(np.uint32, order="C"), threads)

    @contextmanager
    def _sets(
        self, network: Network, weights: Sequence[Sequence[np.ndarray]], count: int, threads: int, *, exchanges: bool
    ) -> Iterator[_Sets]:
        """The programs for predictions of so many rows: those of the last such call, if they are the same."""
        rows = min(max(count, 1), SCORING_ROWS)
        # Each thread has the same share of sets, if need be of some rows only; of few rows not worth another program.
        parts = threads // math.gcd(len(weights), threads) if count > WORTH_PARTS * threads else 1
        key = (network, exchanges, rows, parts, *weights)
        sets = self._predicting_many.take(key) or _Sets(network, weights, rows, parts, exchanges=exchanges)
        yield sets
        if all(type(each) is tuple for each in weights):  # never changed in place, unlike a list
            self._predicting_many.keep(key, sets, parts)


class _Sets:
    """Programs of one network, each with one of several sets of weights, all of them `parts` times."""

    def __init__(
        self, network: Network, weights: Sequence[Sequence[np.ndarray]], rows: int, parts: int, *, exchanges: bool
    ) -> None:
        self._sets, self._work = len(weights), len(weights) * _products(network)
        first = [_lowered("exchange", network.inputs)] if exchanges else []
        self._programs = [_native_program(network, None, rows, 1, first) for _ in range(self._sets * parts)]
        for program, each in zip(self._programs, [*weights] * parts, strict=True):
            _write_weights(program, each, network)

    def predict(self, x: np.ndarray, codes: np.ndarray | None, threads: int) -> np.ndarray:
        """The outputs of all sets, by as many threads as are worth their start."""
        return _native.Program.predict_many(self._programs, self._sets, x, codes, self._useful(len(x), threads))

    def predict_exchanged(self, x: np.ndarray, terms: np.ndarray, orders: np.ndarray, threads: int) -> np.ndarray:
        """Likewise with a term of each row exchanged."""
        useful = self._useful(orders.size, threads)
        return _native.Program.predict_exchanged(self._programs, self._sets, x, terms, orders, useful)

    def _useful(self, rows: int, threads: int) -> int:
        return min(threads, len(self._programs)) if rows * self._work > WORTH_THREADS else 1


class _Keeper(Generic[Kept]):
    """Keeps one program, or several, for the next call that needs the same; whoever takes it has it alone.

    One with threads of its own is not kept: in a forked process they would not be there.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[tuple[Any, ...], Kept]] = []

    def take(self, key: tuple[Any, ...]) -> Kept | None:
        """The program of this key, if it is there: records and arrays by identity, numbers by value."""
        try:
            known, program = self._kept.pop()
        except IndexError:
            return None
        same = len(known) == len(key) and all(
            one == other if isinstance(one, int) else one is other for one, other in zip(known, key, strict=True)
        )
        return program if same else None

    def keep(self, key: tuple[Any, ...], program: Kept, threads: int) -> None:
        """For the next call."""
        self._kept[:] = [(key, program)] if threads == 1 else []


class _NativeSession:
    """The `Session` of a running program."""

    def __init__(self, program: _native.Program, plan: Plan) -> None:
        self._program = program
        self._network, self._optimizer = plan.network, plan.optimizer

    @property
    def learning_rate(self) -> float:
        """The rate of the coming steps."""
        schedule = self._optimizer.schedule
        return self._program.learning_rate if schedule is None else float(schedule.rates(self._program.step)[0])

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._program.learning_rate = rate

    def get_weights(self) -> tuple[np.ndarray, ...]:
        """Copies of the weights as they are now."""
        return tuple(self._read(place, -1) for place in range(len(self._network.weights)))

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Replace the weights."""
        _write_weights(self._program, weights, self._network)

    def state(self) -> State:
        """Copies of all that the run carries."""
        slots = len(self._optimizer.carried)
        return State(
            self.get_weights(),
            tuple(
                tuple(self._read(place, slot) for slot in range(slots if weight.trainable else 0))
                for place, weight in enumerate(self._network.weights)
            ),
            self._program.step,
            _changed_rate(self._program, self._optimizer),
        )

    def stop(self) -> None:
        """End the run; see `Session.stop`."""
        self._program.stop()

    def _read(self, place: int, slot: int) -> np.ndarray:
        return self._program.read(place, slot).reshape(self._network.weights[place].shape)


class _NativeSteps(_NativeSession):
    """A program that is given its batches one by one, and made anew where one is larger than all before."""

    def __init__(self, plan: Plan, state: State, threads: int) -> None:
        self._plan, self._threads, self._most_rows = plan, threads, 1
        self.stopping = False
        super().__init__(self._made(state), plan)

    def _made(self, state: State) -> _native.Program:
        plan, rows = self._plan, self._most_rows
        return _training_program(plan, state, rows, _useful(self._threads, plan.network, rows))

    def stop(self) -> None:
        """End the run; see `Session.stop`."""
        self.stopping = True

    def step(self, rows: Matrix) -> np.ndarray | None:
        """A step on a batch; see `Steps`."""
        plan, count = self._plan, len(rows)
        if count > self._most_rows:
            self._most_rows = count
            self._program = self._made(self.state())
        status, _, sums, _, failure, _ = self._program.fit(
            *(
                rows.x,
                rows.codes,
                rows.y,
                rows.weight,
                None,
                1,
                0,
                count,
                False,
                plan.seed,
                None,
                None,
                None,
                None,
                None,
            ),
            loss=_called(plan.loss),
            score=_functions(plan, rows, None),
            scoring_rows=1,
            ahead=_ahead(plan),
        )
        if failure is not None:
            raise failure
        return None if status == "diverged" else sums[0]


def _changed_rate(program: _native.Program, optimizer: Optimizer) -> float | None:
    """The rate in force, if a listener has changed it."""
    rate = program.learning_rate
    return None if optimizer.schedule is not None or rate == optimizer.learning_rate else rate


def _threads(threads: int | None) -> int:
    return (
        threads_here()
        if threads is None
        else check(threads, "threads", "the engine", (int,), Interval(1, MOST_THREADS))
    )


def _useful(threads: int | None, network: Network, rows: int, rows_of_run: int = 0) -> int:
    """The threads that a batch of this many rows can use, or a run of such batches."""
    products = _products(network)
    worth_trying = products * rows > WORTH_TRYING and products * rows_of_run > WORTH_TRYING_RUN
    return _threads(threads) if worth_trying or products * rows > WORTH_THREADS else 1


def _products(network: Network) -> float:
    """Multiply-adds of a row in the products of its layers."""
    kernels = (w.shape for w in network.weights if len(w.shape) > 1 and not w.name.startswith("embeddings"))
    return float(sum(rows * columns for rows, columns in kernels))


def _program(plan: Plan, job: Job, threads: int) -> _native.Program:
    batch = min(plan.batch_size, job.training_rows)
    rows = max(batch, _scoring_rows(job))
    whole = job.training_rows * (job.epochs - job.initial_epoch)
    return _training_program(plan, job.state, rows, _useful(threads, plan.network, batch, whole))


def _training_program(plan: Plan, state: State, most_rows: int, threads: int) -> _native.Program:
    """A program that goes on from a state."""
    program = _native_program(plan.network, plan, most_rows, threads)
    for place, (weight, matrix) in enumerate(zip(plan.network.weights, orthogonalized(plan), strict=True)):
        if matrix:
            program.orthogonalize(place, *weight.shape)
        if (weight.rate_factor, weight.decay_factor) != (1, 1):
            program.scale_rates(place, weight.rate_factor, weight.decay_factor)
    _write_state(program, state, plan.network)
    if plan.optimizer.schedule is None:
        changed = state.learning_rate
        program.learning_rate = plan.optimizer.rate_of(state.step) if changed is None else changed
    return program


def _scoring_rows(job: Job) -> int:
    """The rows of a batch of validation rows."""
    if not job.validates:
        return 1
    size = (job.validation_batch_size or job.plan.batch_size) if job.plan.has_functions else SCORING_ROWS
    return min(size, job.validation_rows)


def _run(job: Job, program: _native.Program) -> Result:
    plan, validation, scores = job.plan, job.validation, Scores(job.plan)
    heard = _bound(job.listener, _NativeSession(program, plan), scores)
    status, failed_step, training, scored, failure, best_epoch = program.fit(
        job.rows.x,
        job.rows.codes,
        job.rows.y,
        job.rows.weight,
        None if validation is None else (validation.x, validation.codes, validation.y, validation.weight),
        max(job.epochs, job.initial_epoch),
        job.initial_epoch,
        min(plan.batch_size, job.training_rows),
        plan.shuffle,
        plan.seed,
        **heard,
        loss=_called(plan.loss),
        score=_functions(plan, job.rows, validation),
        scoring_rows=_scoring_rows(job),
        ahead=_ahead(plan),
        places=_indices(job.places),
        held=_indices(job.held),
        stopping=_limits(job.stopping),
    )
    best = program.take_best()
    arrays = [
        [array.reshape(weight.shape) for array in arrays]
        for weight, arrays in zip(plan.network.weights, program.take(), strict=True)
    ]
    state = State(
        tuple(weights for weights, *_ in arrays),
        tuple(tuple(slots) for _, *slots in arrays),
        program.step,
        _changed_rate(program, plan.optimizer),
    )
    scored = None if scored is None else scores.table(scored)
    best_weights = None
    if best is not None:
        shapes = [weight.shape for weight in plan.network.weights]
        best_weights = tuple(array.reshape(shape) for shape, (array,) in zip(shapes, best, strict=True))
    return Result(state, scores.table(training), scored, status, failure, failed_step, best_weights, best_epoch)


def _indices(places: np.ndarray | None) -> np.ndarray | None:
    """Places as the kernels read them; a Job has looked at them."""
    return None if places is None else np.ascontiguousarray(places, np.uint32)


def _limits(stopping: Stopping | None) -> tuple[int, float, float, int] | None:
    """Patience, 0 for any, the seconds that are left, and what was before."""
    if stopping is None:
        return None
    left = math.inf if stopping.deadline is None else stopping.deadline - time.monotonic()
    return stopping.patience or 0, left, stopping.least, stopping.waited


def _bound(listener: Listener, session: _NativeSession, scores: Scores) -> dict[str, Any]:
    """The listener's functions as the kernels call them: with the session in front, and sums in place of values."""
    heard: dict[str, Any] = {}

    def values(sums: Sequence[float] | None) -> list[float] | None:
        return None if sums is None else scores.values(sums)

    for name in ("epoch_begin", "epoch_end", "batch_begin", "batch_end"):
        function = getattr(listener, name)
        heard[name] = function and (lambda at, *sums, hear=function: hear(session, at, *map(values, sums)))
    show = listener.progress
    return {**heard, "progress": show and (lambda step, sums: show(step, scores.values(sums)))}


def _functions(plan: Plan, rows: Matrix, validation: Matrix | None) -> Any:
    """What the kernels call with a batch's outputs: the terms of the plan's own functions; None without such."""
    functions = own_metrics(plan)
    if not functions:
        return None

    def terms(
        validates: bool,  # noqa: FBT001  (called by the kernels)
        first: int,
        places: np.ndarray | None,
        p: np.ndarray,
    ) -> list[float]:
        of = validation if validates and validation is not None else rows
        here = slice(first, first + len(p)) if places is None else places
        y, weight = of.y[here], None if of.weight is None else of.weight[here]
        return [
            term for metric, weighted in functions for term in own_terms(metric, y, p, weight if weighted else None)
        ]

    return terms


def _ahead(plan: Plan) -> Callable[[int], np.ndarray] | None:
    """What the kernels call for the values of coming steps, a row for each of `Plan.scheduled`; None without such."""
    scheduled = plan.scheduled
    if not scheduled:
        return None
    most = min(schedule.ahead for schedule, _ in scheduled)

    def ahead(step: int) -> np.ndarray:
        rows = [schedule.rates(step, of, most) for schedule, of in scheduled]
        known = min(map(len, rows))
        return np.array([row[:known] for row in rows])

    return ahead


def _native_program(
    network: Network, plan: Plan | None, most_rows: int, threads: int, first: Sequence[_LoweredLayer] = ()
) -> _native.Program:
    return _native.Program(
        instruction_set(),
        network.inputs,
        [*first, *_lower(network, 0 if plan is None else plan.seed)],
        None if plan is None else _part(plan.loss),
        plan is not None and plan.linked,
        plan is not None and plan.loss.target == "labels",
        [] if plan is None else [_metric(metric, weighted, plan.network.outputs) for metric, weighted in plan.scores],
        None if plan is None else _part(SGD() if plan.optimizer.whole else plan.optimizer),  # that takes no step here
        most_rows,
        threads,
    )


def _called(loss: losses.Loss) -> Callable[..., tuple[np.ndarray, np.ndarray]] | None:
    """The user's function as the kernels call it: on rows of the target by their places, or from `first` on."""
    if not isinstance(loss, losses.Function):
        return None
    function, name = loss.function, str(loss.name)

    def call(
        target: np.ndarray, first: int, places: np.ndarray | None, output: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        y = target[first : first + len(output)] if places is None else target[places]
        return returned(function, name, y, output)

    return call


def _part(record: Record) -> _Part:
    return record.kind, record.numbers(), record.listed()


def _metric(metric: Metric, weighted: bool, outputs: int) -> _LoweredMetric:  # noqa: FBT001  (a pair of Plan.scores)
    """A metric as the kernels know it: for a mean over the rows its own kind, else that of its tally."""
    kind: str = metric.tally
    numbers: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    listed: tuple[float, ...] = ()
    if isinstance(metric, ThresholdMetric):
        column = -1 if metric.column is None else metric.column
        numbers = (column, metric.top or 0, metric.sigmoid, metric.clips, metric.apart)
        cuts, listed = metric.cuts, metric.weights_of_outputs(outputs)
    elif isinstance(metric, FScore):
        numbers = (math.nan if metric.cut is None else metric.cut,)
    elif isinstance(metric, Agreement):
        numbers = (metric.cut, metric.power)
    elif metric.tally == "mean":
        kind, numbers = metric.kind, metric.numbers()
    return kind, tuple(float(number) for number in numbers), listed, cuts, weighted, metric.terms(outputs)


def _lower(network: Network, seed: int) -> list[_LoweredLayer]:
    """The layers as the kernels know them."""
    return list(_in_a_row(network.layers, network.inputs, count(), seed))


def _in_a_row(row: Sequence[layers.Layer], inputs: int, places: Iterator[int], seed: int) -> Iterator[_LoweredLayer]:
    for layer in row:
        if isinstance(layer, layers.Residual):
            yield _lowered("branch", inputs)
            yield from _in_a_row(layer.inside(), inputs, places, seed)
            yield _lowered("join", inputs)
        else:
            yield from _one(layer, inputs, next(places), seed)
        inputs = layer.units_out(inputs)


def _one(layer: layers.Layer, inputs: int, place: int, seed: int) -> Iterator[_LoweredLayer]:
    """A layer as one or two of the kernels' layers, or as none where it changes nothing."""
    moves = layer.trainable
    numbers: Sequence[float]
    if isinstance(layer, layers.Dense):
        numbers = (layer.use_bias, *_factors(layer.kernel_regularizer), *_factors(layer.bias_regularizer))
        yield _lowered("dense", layer.units, numbers, trainable=moves)
        yield _lowered(layer.activation.kind, layer.units, layer.activation.numbers())
    elif isinstance(layer, _EMBEDDINGS):
        yield _embedding(layer, inputs)
    elif isinstance(layer, layers.Flatten):
        return
    elif isinstance(layer, layers.POINTWISE):
        yield _lowered(layer.activation.kind, inputs, layer.activation.numbers())
    elif isinstance(layer, (layers.PReLU, layers.Scale)):
        penalty = layer.alpha_regularizer if isinstance(layer, layers.PReLU) else layer.gamma_regularizer
        yield _lowered(layer.kind, inputs, _factors(penalty), trainable=moves)
    elif isinstance(layer, (layers.Rescaling, layers.Normalization)):
        yield _lowered("affine", inputs, constants=np.concatenate(layer.affine(inputs)).tolist())
    elif isinstance(layer, layers.ActivityRegularization):
        yield _lowered(layer.kind, inputs, (layer.l1, layer.l2))
    elif isinstance(layer, layers.BatchNormalization):
        numbers = (*_learned_scale(layer), layer.momentum, layer.epsilon)
        yield _lowered(layer.kind, inputs, numbers, trainable=moves)
    elif isinstance(layer, layers.LayerNormalization):
        yield _lowered(layer.kind, inputs, (*_learned_scale(layer), layer.epsilon), trainable=moves)
    elif isinstance(layer, (layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise)):
        numbers = _noise(layer)
        if numbers[0] > 0:
            yield _lowered(layer.kind, inputs, numbers, place, seed if layer.seed is None else layer.seed)
    else:
        raise EngineError(f"The native engine does not know the layer {layer!r}.")


_EMBEDDINGS = (layers.Embedding, layers.PiecewiseLinearEmbedding, layers.PeriodicEmbedding)


def _embedding(
    layer: layers.Embedding | layers.PiecewiseLinearEmbedding | layers.PeriodicEmbedding, inputs: int
) -> _LoweredLayer:
    """A layer that puts vectors beside its input: their widths, and what they are looked up by."""
    constants: Sequence[float] = ()
    sizes: Sequence[int] = ()
    numbers: Sequence[float]
    if isinstance(layer, layers.Embedding):
        looked_up = layer.looked_up()
        sizes = [*(rows for rows, _ in looked_up), *(width for _, width in looked_up)]
        numbers = (layer.shared, *_factors(layer.embeddings_regularizer))
    elif isinstance(layer, layers.PiecewiseLinearEmbedding):
        constants, sizes = [knot for row in layer.knots for knot in row], layer.pieces
        numbers = (layer.output_dim, *_factors(layer.kernel_regularizer))
    else:
        numbers = (layer.columns, layer.output_dim, layer.frequencies, *_factors(layer.kernel_regularizer))
    width = layer.units_out(inputs)
    return _lowered(layer.kind, width, numbers, trainable=layer.trainable, constants=constants, sizes=sizes)


def _lowered(
    kind: str,
    units: int,
    numbers: Sequence[float] = (),
    place: int = 0,
    seed: int = 0,
    *,
    trainable: bool = True,
    constants: Sequence[float] = (),
    sizes: Sequence[int] = (),
) -> _LoweredLayer:
    return (kind, units, place, seed, trainable, tuple(float(number) for number in numbers), constants, sizes)


def _noise(layer: layers.Dropout | layers.AlphaDropout | layers.GaussianDropout | layers.GaussianNoise) -> list[float]:
    """How strong a noise layer is, first; 0: it changes nothing; infinite: a schedule rules it."""
    if isinstance(layer, layers.Dropout):
        return [math.inf if isinstance(layer.rate, LearningRateSchedule) else layer.rate]
    if isinstance(layer, layers.AlphaDropout):
        return [layer.rate, layer.scale, layer.LIMIT, layer.shift]
    return [layer.stddev]


def _factors(regularizer: regularizers.Regularizer | None) -> tuple[float, float]:
    return (0.0, 0.0) if regularizer is None else regularizer.factors


def _learned_scale(layer: layers.BatchNormalization | layers.LayerNormalization) -> tuple[float, ...]:
    penalties = (*_factors(layer.gamma_regularizer), *_factors(layer.beta_regularizer))
    return (layer.scale, layer.center, *penalties)


def _write_state(program: _native.Program, state: State, network: Network) -> None:
    _write_weights(program, state.weights, network)
    for place, slots in enumerate(state.slots):
        for slot, array in enumerate(slots):
            program.write(place, slot, _plain(array))
    program.step = state.step


def _write_weights(program: _native.Program, weights: Sequence[np.ndarray], network: Network) -> None:
    check_shapes(weights, network)
    for place, array in enumerate(weights):
        program.write(place, -1, _plain(array))


def _plain(array: np.ndarray) -> np.ndarray:
    """Float32 in rows that each lie in one piece: as it is, if it is what a run gave."""
    rows = array.dtype == np.float32 and array.ndim == 2 and array.strides[1] == array.itemsize
    return array if rows else np.ascontiguousarray(array, np.float32)
