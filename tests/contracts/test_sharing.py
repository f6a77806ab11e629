"""Runs that are the beginning of each other: what is gone on with is, bit for bit, what is trained alone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import losses, metrics, optimizers
from tabgrad.engines.base import Job, Listener, Result, Stopping, initial_state
from tabgrad.engines.select import get_engine, using
from tabgrad.engines.sharing import OutOfTime, SharedRuns, SharingEngine
from tabgrad.layers import BatchNormalization, Dense, Dropout
from tabgrad.optimizers.schedules import CosineDecay
from tabgrad.plan import Network, Plan

from .parts import rows_for

PLAN = Plan(
    Network(5, (Dense(8, "relu"), BatchNormalization(), Dropout(0.2), Dense(3, "softmax"))),
    losses.CategoricalCrossentropy(),
    optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8),
    (metrics.CategoricalAccuracy(),),
    batch_size=8,
)
ROWS = rows_for(PLAN, 60, weighted=True)
SOME, HELD = np.arange(60)[1::2].copy(), np.arange(60)[::2].copy()


class Counting:
    """The native engine, with the epochs that it was asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.engine, self.epochs = get_engine("native"), list[int]()

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        self.epochs.append(job.epochs - job.initial_epoch)
        return self.engine.fit(job, threads=threads)

    def fit_many(self, jobs: Sequence[Job], *, threads: int | None = None) -> list[Result]:
        self.epochs += [job.epochs - job.initial_epoch for job in jobs]
        return self.engine.fit_many(jobs, threads=threads)


def job_of(plan: Plan = PLAN, epochs: int = 4, **options: Any) -> Job:
    return Job(plan, initial_state(plan), ROWS, epochs, **{"places": SOME, **options})


def bits(result: Result) -> list[Any]:
    slots = [slot for of_weight in result.state.slots for slot in of_weight]
    tables = [table for table in (result.training, result.validation) if table is not None]
    arrays = [*result.state.weights, *slots, *tables, *(result.best or ())]
    end = [result.state.step, result.state.learning_rate, result.status, result.best_epoch, result.best is None]
    return [*end, *(array.tobytes() for array in arrays)]


def shared(counting: Counting, runs: SharedRuns, job: Job) -> Result:
    return SharingEngine(counting, runs).fit(job)  # type: ignore[arg-type]


@pytest.mark.parametrize("stopping", [None, Stopping(), Stopping(patience=2)], ids=["plain", "best", "patient"])
@pytest.mark.parametrize("momentum", [0.8, None], ids=["averages", "weights"])
def test_a_longer_run_goes_on_where_the_shorter_stood(stopping: Stopping | None, momentum: float | None) -> None:
    plan = replace(PLAN, optimizer=optimizers.Adam(0.05, use_ema=momentum is not None, ema_momentum=momentum or 0.9))
    counting, runs = Counting(), SharedRuns()
    held = {} if stopping is None else {"held": HELD, "stopping": stopping}
    jobs = [job_of(plan, epochs, **held) for epochs in (3, 7, 7, 9)]
    results = [shared(counting, runs, job) for job in jobs]
    alone = [get_engine("native").fit(job) for job in jobs]
    assert [bits(result) for result in results] == [bits(result) for result in alone]
    assert sum(counting.epochs) <= 9 + (stopping is not None and stopping.patience is not None)
    assert len(counting.epochs) <= 3  # the third is the second


def test_more_patience_goes_on_where_less_gave_up() -> None:
    plan = replace(PLAN, optimizer=optimizers.SGD(1.5))  # whose loss goes up and down
    counting, runs = Counting(), SharedRuns()
    jobs = [job_of(plan, 40, held=HELD, stopping=Stopping(patience)) for patience in (1, 3, 8)]
    jobs.append(job_of(plan, 5, held=HELD, stopping=Stopping(1)))  # ends where the first one gave up, or earlier
    results = [shared(counting, runs, job) for job in jobs]
    alone = [get_engine("native").fit(job) for job in jobs]
    assert [bits(result) for result in results] == [bits(result) for result in alone]
    lengths = [len(result.training) for result in alone]
    assert lengths[0] < lengths[2] < 40


def test_what_ended_earlier_is_not_read_from_a_later_end() -> None:
    plan = replace(PLAN, optimizer=optimizers.SGD(1.5))
    runs = SharedRuns()
    jobs = [job_of(plan, 40, held=HELD, stopping=Stopping(patience)) for patience in (8, 1)]
    results = [shared(Counting(), runs, job) for job in jobs]
    assert bits(results[1]) == bits(get_engine("native").fit(jobs[1]))
    assert len(results[1].training) < len(results[0].training)


DIFFERENT = {
    "a schedule of another length": job_of(replace(PLAN, optimizer=optimizers.Adam(CosineDecay(0.05, 100)))),
    "another seed": job_of(replace(PLAN, seed=1)),
    "other first weights": replace(job_of(), state=initial_state(replace(PLAN, seed=1))),
    "other rows": job_of(places=HELD),
    "other targets": replace(job_of(), rows=replace(ROWS, y=np.roll(ROWS.y, 1, axis=0))),
    "rows held out": job_of(held=HELD),
    "the best is kept": job_of(held=HELD, stopping=Stopping()),
    "somebody listens": job_of(listener=Listener(epoch_end=lambda *_: None)),
}


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_runs_that_differ_are_trained_alone(other: Job) -> None:
    counting, runs = Counting(), SharedRuns()
    shared(counting, runs, job_of(replace(PLAN, optimizer=optimizers.Adam(CosineDecay(0.05, 50))), 2))
    shared(counting, runs, job_of(epochs=2))
    result = shared(counting, runs, other)
    assert counting.epochs == [2, 2, 4]
    assert bits(result) == bits(get_engine("native").fit(other))


def test_many_runs_go_on_each_for_itself() -> None:
    counting, runs = Counting(), SharedRuns()
    engine = SharingEngine(counting, runs)  # type: ignore[arg-type]
    plans = [replace(PLAN, seed=seed) for seed in range(3)]
    engine.fit_many([job_of(plan, 2) for plan in plans[:2]])
    jobs = [job_of(plan, 5) for plan in plans]
    results = engine.fit_many(jobs)
    assert counting.epochs == [2, 2, 3, 3, 5]
    assert [bits(result) for result in results] == [bits(get_engine("native").fit(job)) for job in jobs]


def test_kept_runs_hold_no_rows() -> None:
    runs, x = SharedRuns(), ROWS.x.copy()
    seen = weakref.ref(x)
    shared(Counting(), runs, replace(job_of(epochs=2), rows=replace(ROWS, x=x)))
    del x
    gc.collect()
    assert seen() is None
    assert len(shared(Counting(), runs, job_of(epochs=3)).training) == 3
    assert runs.found == 1


def test_what_there_is_no_room_for_is_trained_again() -> None:
    counting, runs = Counting(), SharedRuns(room=1)
    for epochs in (2, 4):
        shared(counting, runs, job_of(epochs=epochs))
    assert counting.epochs == [2, 4]


def test_most_epochs_end_a_run_of_a_longer_plan() -> None:
    counting, runs = Counting(), SharedRuns()
    for most in (2, 3, None):
        result = SharingEngine(counting, runs, most).fit(job_of(epochs=6))  # type: ignore[arg-type]
        assert len(result.training) == (most or 6)
    assert counting.epochs == [2, 1, 3]
    assert bits(result) == bits(get_engine("native").fit(job_of(epochs=6)))


@pytest.mark.parametrize("options", [{}, {"held": HELD}, {"held": HELD, "stopping": Stopping(50)}], ids=str)
def test_a_deadline_ends_a_run_that_then_is_not_the_one_asked_for(options: dict[str, Any]) -> None:
    job = job_of(epochs=10**6, **options)
    with pytest.raises(OutOfTime):
        SharingEngine(get_engine("native"), deadline=0.0).fit(job)
    engine = SharingEngine(get_engine("native"), deadline=0.0, strict=False)
    assert len(engine.fit(job).training) == 1
    assert engine.was_cut
    assert sum(len(result.training) for result in engine.fit_many([job, job])) >= 1
    far = SharingEngine(get_engine("native"), deadline=1e12)
    assert bits(far.fit(replace(job, epochs=3))) == bits(get_engine("native").fit(replace(job, epochs=3)))
    own = replace(job, stopping=replace(job.stopping, deadline=0.0)) if job.stopping is not None else job
    assert len(engine.fit(own).training) == 1


def test_a_run_that_had_no_time_is_none_to_go_on_with() -> None:
    runs, jobs = SharedRuns(), [job_of(), job_of(held=HELD, stopping=Stopping())]
    SharingEngine(get_engine("native"), runs, deadline=0.0, strict=False).fit_many(jobs)
    for job in jobs:
        result = SharingEngine(get_engine("native"), runs, deadline=0.0, strict=False).fit(job)
        assert len(result.training) == 1


def test_of_runs_without_time_one_that_does_not_diverge_has_an_epoch() -> None:
    wild = replace(PLAN, optimizer=optimizers.SGD(1e30))
    jobs = [job_of(wild, places=np.arange(60)), job_of()]
    engine = SharingEngine(get_engine("native"), deadline=0.0, strict=False)
    assert any(len(result.training) for result in engine.fit_many(jobs))


def test_an_engine_stands_between_within_the_block_alone() -> None:
    engine = SharingEngine(get_engine())
    with using(engine):
        assert get_engine() is engine
        assert get_engine("native") is not engine
    assert get_engine() is not engine
