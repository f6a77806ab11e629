"""The same seed gives the same bits: whatever the threads, however rows are cut, and wherever a run was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tabgrad import losses, metrics, optimizers
from tabgrad.engines.base import Engine, Job, Result, initial_state
from tabgrad.layers import Dense, Dropout
from tabgrad.plan import Network, Plan

from .parts import PARTS, Part, rows_for, started

THREADS = (1, 2, 5)


def dropped(*widths: int, optimizer: optimizers.Optimizer, batch_size: int) -> Plan:
    """A classifier with dropout after every layer but the last."""
    inputs, *hidden, classes = widths
    middle = [layer for units in hidden for layer in (Dense(units, "relu"), Dropout(0.3))]
    network = Network(inputs, (*middle, Dense(classes, "softmax")))
    loss, scores = losses.SparseCategoricalCrossentropy(), (metrics.SparseCategoricalAccuracy(),)
    return Plan(network, loss, optimizer, scores, batch_size=batch_size, seed=3)


SMALL = dropped(16, 64, 64, 7, optimizer=optimizers.Adam(), batch_size=16)
# Wide enough that an engine spreads one step over its threads.
WIDE = dropped(128, 512, 512, 10, optimizer=optimizers.Adam(), batch_size=256)
CLIPPED = replace(WIDE, optimizer=optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.1))
UNEVEN = dropped(130, 300, 1027, 3, optimizer=optimizers.RMSprop(), batch_size=67)


def bits(arrays: Sequence[np.ndarray]) -> list[bytes]:
    """What must not differ at all."""
    return [array.tobytes() for array in arrays]


def bits_of(result: Result) -> list[bytes]:
    """Weights, slots and history of a run."""
    slots = [slot for of_weight in result.state.slots for slot in of_weight]
    validation = [] if result.validation is None else [result.validation]
    return bits([*result.state.weights, *slots, result.training, *validation])


def job_of(plan: Plan, rows: int, epochs: int) -> Job:
    """A run with validation."""
    return Job(plan, initial_state(plan), rows_for(plan, rows), epochs, validation=rows_for(plan, 100, seed=1))


@pytest.mark.parametrize(
    ("plan", "rows", "epochs"),
    [(SMALL, 200, 3), (WIDE, 300, 1), (CLIPPED, 300, 1), (UNEVEN, 150, 1)],
    ids=["small", "wide", "clipped", "uneven"],
)
def test_threads_never_change_a_result(engine: Engine, plan: Plan, rows: int, epochs: int) -> None:
    job = job_of(plan, rows, epochs)
    first, *others = [engine.fit(job, threads=threads) for threads in THREADS]
    assert all(not np.array_equal(a, b) for a, b in zip(first.state.weights, job.state.weights, strict=True))
    for other in others:
        assert bits_of(other) == bits_of(first)
    # Many at once, of different length, are what each is alone.
    jobs = [job, replace(job, epochs=epochs + 1), replace(job, plan=replace(plan, seed=4)), job]
    alone = [bits_of(engine.fit(job)) for job in jobs]
    assert alone[0] == alone[3]
    assert alone[0] != alone[2]
    for threads in THREADS[:2]:
        assert [bits_of(result) for result in engine.fit_many(jobs, threads=threads)] == alone


def test_no_jobs_give_no_results(engine: Engine) -> None:
    assert engine.fit_many([]) == []


@pytest.mark.parametrize("plan", [SMALL, WIDE, UNEVEN], ids=["small", "wide", "uneven"])
def test_threads_and_batches_never_change_a_score(engine: Engine, plan: Plan) -> None:
    weights, rows = initial_state(plan).weights, rows_for(plan, 517, weighted=True)

    def predicted(batch_size: int, threads: int) -> bytes:
        return engine.predict(plan.network, weights, rows.x, batch_size=batch_size, threads=threads).tobytes()

    def scored(batch_size: int, threads: int) -> list[float]:
        return engine.evaluate(plan, weights, rows, batch_size=batch_size, threads=threads)

    for batch_size, threads in ((1, 1), (3, 2), (32, 1), (517, 2), (10_000, 1)):
        assert predicted(batch_size, threads) == predicted(256, 2)
        assert scored(batch_size, threads) == pytest.approx(scored(256, 2), rel=1e-6)
    assert scored(256, 1) == scored(256, 2)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_prediction_is_of_its_row_alone(engine: Engine, part: Part) -> None:
    """The same bits in any company, and dropout is off: it would give each place another mask."""
    network, weights, rows = part.plan.network, started(part.plan).weights, part.rows(300)

    def predict(places: np.ndarray) -> np.ndarray:
        some = rows.part(places)
        return engine.predict(network, weights, some.x, codes=some.codes, batch_size=32)

    places = np.arange(300)
    whole = predict(places)
    for some in (slice(0, 1), slice(299, 300), slice(5, 22), slice(100, 291)):
        assert predict(places[some]).tobytes() == whole[some].tobytes()
    assert predict(places[::-1])[::-1].tobytes() == whole.tobytes()


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_three_epochs_and_three_more_are_six(engine: Engine, part: Part) -> None:
    job = Job(replace(part.plan, batch_size=14), started(part.plan), part.rows(33), epochs=6)
    six, three = engine.fit(job), engine.fit(replace(job, epochs=3))
    more = engine.fit(replace(job, state=three.state, initial_epoch=3))
    assert (three.state.step, more.state.step) == (9, 18)
    assert bits(more.state.weights) == bits(six.state.weights)
    assert [bits(slots) for slots in more.state.slots] == [bits(slots) for slots in six.state.slots]
    assert np.vstack([three.training, more.training]).tobytes() == six.training.tobytes()


def test_everything_drawn_follows_from_the_seed(engine: Engine) -> None:
    def fitted(plan: Plan) -> list[bytes]:
        return bits_of(engine.fit(Job(plan, initial_state(SMALL), rows_for(SMALL, 100), epochs=1)))

    def without_dropout(plan: Plan) -> Plan:
        layers = tuple(layer for layer in plan.network.layers if isinstance(layer, Dense))
        return replace(plan, network=Network(plan.network.inputs, layers))

    still = replace(SMALL, shuffle=False)
    changes: dict[str, Callable[[Plan], Plan]] = {"seed": lambda plan: replace(plan, seed=4)}
    assert fitted(changes["seed"](SMALL)) != fitted(SMALL) == fitted(SMALL)
    assert fitted(changes["seed"](still)) != fitted(still) == fitted(still)  # dropout draws
    assert fitted(changes["seed"](without_dropout(SMALL))) != fitted(without_dropout(SMALL))  # the shuffle draws
    assert fitted(changes["seed"](without_dropout(still))) == fitted(without_dropout(still))  # nothing draws
