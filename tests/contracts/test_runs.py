"""What a run reports, what its listener may do, and what is left of it however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import losses, metrics, optimizers
from tabgrad.engines.base import Engine, Job, Listener, Result, Session, State, initial_state
from tabgrad.layers import Dense, Dropout
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

from .parts import PARTS, Part, rows_for

PLAN = Plan(
    Network(5, (Dense(8, "relu"), Dropout(0.2), Dense(3, "softmax"))),
    losses.CategoricalCrossentropy(),
    optimizers.Adam(0.01),
    (metrics.CategoricalAccuracy(), metrics.MeanSquaredError()),
    batch_size=16,
)
ROWS, OTHERS = rows_for(PLAN, 40, weighted=True), rows_for(PLAN, 30, seed=1, weighted=True)  # batches of 16, 16 and 8
STEPS = 3


def run(engine: Engine, epochs: int, plan: Plan = PLAN, **options: Any) -> Result:
    """A run from the plan's own beginning; options as in `Job`, or a listener's."""
    heard = {name: options.pop(name) for name in Listener.__dataclass_fields__ if name in options}
    job = Job(plan, options.pop("state", initial_state(plan)), options.pop("rows", ROWS), epochs, **options)
    return engine.fit(replace(job, listener=Listener(**heard)))


def assert_equal_states(state: State, expected: State) -> None:
    """The same bits everywhere."""
    assert (state.step, state.learning_rate) == (expected.step, expected.learning_rate)
    for w, v in zip(state.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(w, v)
    for slots, others in zip(state.slots, expected.slots, strict=True):
        assert len(slots) == len(others)
        for slot, other in zip(slots, others, strict=True):
            np.testing.assert_array_equal(slot, other)


# ---- Reports ---------------------------------------------------------------------------------------------------------


def test_a_run_has_a_row_of_values_for_each_epoch(engine: Engine) -> None:
    result = run(engine, 4, validation=OTHERS)
    assert (result.status, result.failure, result.failed_step) == ("finished", None, -1)
    assert (result.state.step, result.state.learning_rate) == (4 * STEPS, None)
    assert result.validation is not None
    for history in (result.training, result.validation):
        assert (history.shape, history.dtype) == ((4, 3), np.float64)
    assert run(engine, 1).validation is None


def test_training_values_are_means_over_the_rows_as_the_steps_saw_them(engine: Engine) -> None:
    """A plan that does not move and drops nothing: each epoch's values are the scores of all rows."""
    still = replace(PLAN, network=Network(5, (Dense(8, "relu"), Dense(3, "softmax"))), optimizer=optimizers.SGD(0))
    state = initial_state(still)
    scores = engine.evaluate(still, state.weights, ROWS, batch_size=7)
    np.testing.assert_allclose(run(engine, 2, still).training, [scores, scores], rtol=1e-6)
    # By hand: sum over the rows of w_i l_i / rows, and metrics without weights.
    p = engine.predict(still.network, state.weights, ROWS.x, batch_size=32).astype(float)
    assert ROWS.weight is not None
    loss = (ROWS.weight * -(ROWS.y * np.log(p)).sum(axis=1)).mean()
    accuracy = (p.argmax(axis=1) == ROWS.y.argmax(axis=1)).mean()
    np.testing.assert_allclose(scores, [loss, accuracy, ((p - ROWS.y) ** 2).mean()], rtol=1e-5)


def test_training_values_see_dropout_and_validation_does_not(engine: Engine) -> None:
    still = replace(PLAN, optimizer=optimizers.SGD(0), shuffle=False)
    result = run(engine, 2, still, validation=ROWS)
    scores = engine.evaluate(still, initial_state(still).weights, ROWS, batch_size=32)
    assert result.validation is not None
    np.testing.assert_allclose(result.validation, [scores, scores], rtol=1e-12)
    assert abs(result.training[0, 0] - scores[0]) > 1e-3
    assert abs(result.training[0, 0] - result.training[1, 0]) > 1e-3  # other steps, other masks


def test_validation_is_of_the_weights_after_the_epoch(engine: Engine) -> None:
    result = run(engine, 3, validation=OTHERS, validation_batch_size=4)
    scores = engine.evaluate(PLAN, result.state.weights, OTHERS, batch_size=32)
    assert result.validation is not None
    np.testing.assert_allclose(result.validation[-1], scores, rtol=1e-6)


def test_no_epochs_and_no_rows_to_predict(engine: Engine) -> None:
    for epochs, first in ((0, 0), (3, 3)):
        result = run(engine, epochs, initial_epoch=first, validation=OTHERS)
        assert result.status == "finished"
        assert_equal_states(result.state, initial_state(PLAN))
        assert result.validation is not None
        assert result.training.shape == result.validation.shape == (0, 3)
    nothing = engine.predict(PLAN.network, initial_state(PLAN).weights, np.empty((0, 5), np.float32), batch_size=32)
    assert nothing.shape == (0, 3)


def test_a_batch_may_be_larger_than_the_table(engine: Engine) -> None:
    result, expected = (run(engine, 2, replace(PLAN, batch_size=size)) for size in (10**9, 40))
    assert_equal_states(result.state, expected.state)
    assert result.state.step == 2


# ---- Listeners -------------------------------------------------------------------------------------------------------


def test_a_listener_hears_everything_in_order(engine: Engine) -> None:
    heard: list[tuple[Any, ...]] = []
    ends: dict[int, tuple[Sequence[float], Sequence[float] | None]] = {}

    def epoch_end(_: Session, epoch: int, values: Sequence[float], scores: Sequence[float] | None) -> None:
        heard.append(("epoch_end", epoch))
        ends[epoch] = (values, scores)

    running: list[Sequence[float]] = []

    def batch_end(_: Session, step: int, values: Sequence[float]) -> None:
        heard.append(("batch_end", step))
        running.append(values)

    result = run(
        engine,
        5,
        initial_epoch=3,
        validation=OTHERS,
        epoch_begin=lambda _, epoch: heard.append(("epoch_begin", epoch)),
        epoch_end=epoch_end,
        batch_begin=lambda _, step: heard.append(("batch_begin", step)),
        batch_end=batch_end,
    )
    batches = [(event, step) for step in range(STEPS) for event in ("batch_begin", "batch_end")]
    assert heard == [row for epoch in (3, 4) for row in (("epoch_begin", epoch), *batches, ("epoch_end", epoch))]
    assert result.validation is not None
    assert [list(ends[epoch][0]) for epoch in (3, 4)] == result.training.tolist()
    assert [list(ends[epoch][1] or ()) for epoch in (3, 4)] == result.validation.tolist()
    assert [list(values) for values in running[STEPS - 1 :: STEPS]] == result.training.tolist()
    assert len({tuple(values) for values in running}) == len(running)


def test_listening_changes_nothing(engine: Engine) -> None:
    def nothing(*_: object) -> None:
        pass

    names = Listener.__dataclass_fields__
    heard = run(engine, 3, **dict.fromkeys(names, nothing))
    assert_equal_states(heard.state, run(engine, 3).state)


def test_without_validation_an_epoch_ends_with_none(engine: Engine) -> None:
    scores: list[Sequence[float] | None] = []
    run(engine, 2, epoch_end=lambda _session, _epoch, _values, validation: scores.append(validation))
    assert scores == [None, None]


def test_progress_comes_at_times_with_running_values(engine: Engine) -> None:
    plan = replace(PLAN, network=Network(5, (Dense(64, "relu"), Dense(64, "relu"), Dense(3, "softmax"))))
    rows = rows_for(plan, 1600)
    told: list[tuple[float, int, list[float]]] = []

    def stop(session: Session, *_: object) -> None:
        if len(told) > 2:
            session.stop()

    def progress(step: int, values: Sequence[float]) -> None:
        told.append((time.monotonic(), step, list(values)))

    assert run(engine, 2_000, plan, rows=rows, epoch_end=stop, progress=progress).status == "stopped"
    moments, steps, values = zip(*told, strict=True)
    assert min(np.diff(moments)) > 0.04  # about ten times a second, not at each step, of which there are thousands
    assert all(0 <= step < 100 for step in steps)
    assert all(len(row) == 3 and row[0] > 0 and 0 <= row[1] <= 1 for row in values)


def test_a_listener_reads_and_replaces_the_weights(engine: Engine) -> None:
    ones = tuple(np.ones(weight.shape) for weight in PLAN.network.weights)
    seen: list[tuple[np.ndarray, ...]] = []

    def replaced(session: Session, epoch: int, *_: object) -> None:
        for place in range(len(ones)):
            copy = session.get_weights()[place]
            assert copy.dtype == np.float32
            copy += 100  # reaches nothing
        seen.append(session.get_weights())
        if epoch == 1:
            session.set_weights(ones)
            seen.append(session.get_weights())

    result = run(engine, 2, epoch_end=replaced)
    untouched = [run(engine, epochs).state.weights for epochs in (1, 2)]
    for weights, expected in zip(seen, (*untouched, ones), strict=True):
        for w, v in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(w, v)
    for w, v in zip(result.state.weights, ones, strict=True):
        np.testing.assert_array_equal(w, v)


def test_replaced_weights_are_what_the_next_step_starts_from(engine: Engine) -> None:
    other = tuple(w + 0.5 for w in initial_state(PLAN).weights)
    result = run(engine, 2, epoch_begin=lambda session, epoch: session.set_weights(other) if epoch == 0 else None)
    assert_equal_states(result.state, run(engine, 2, state=initial_state(PLAN, other)).state)


@pytest.mark.parametrize(
    "wrong",
    [lambda ws: ws[:-1], lambda ws: (*ws, ws[0]), lambda ws: (ws[0][1:], *ws[1:]), lambda ws: (ws[0].T, *ws[1:])],
    ids=["too few", "too many", "too small", "transposed"],
)
def test_weights_of_a_wrong_shape_are_refused(
    engine: Engine, wrong: Callable[[tuple[np.ndarray, ...]], Sequence[np.ndarray]]
) -> None:
    result = run(engine, 1, epoch_begin=lambda session, _: session.set_weights(wrong(session.get_weights())))
    assert result.status == "interrupted"
    message = r"weights.*shape|shape.*weights"
    with pytest.raises(ValueError, match=message):
        raise result.failure or AssertionError
    state = replace(initial_state(PLAN), weights=tuple(wrong(initial_state(PLAN).weights)))
    for call in (
        lambda: run(engine, 1, state=state),
        lambda: engine.gradients(PLAN, state, ROWS),
        lambda: engine.evaluate(PLAN, state.weights, ROWS, batch_size=32),
        lambda: engine.predict(PLAN.network, state.weights, ROWS.x, batch_size=32),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_listener_reads_the_state_from_which_a_run_goes_on(engine: Engine) -> None:
    frozen = replace(PLAN.network, layers=(Dense(8, "relu", trainable=False), *PLAN.network.layers[1:]))
    states = []

    def look(session: Session, _: int, *__: Any) -> None:
        session.learning_rate *= 0.5
        states.append(session.state())

    for plan in (PLAN, replace(PLAN, network=frozen)):
        states.clear()
        whole = run(engine, 3, plan, epoch_end=look)
        assert_equal_states(states[-1], whole.state)
        assert states[0].step == STEPS
        assert_equal_states(run(engine, 2, plan, epoch_end=look).state, states[1])  # copies: they did not move on
        rest = run(engine, 3, plan, state=states[1], initial_epoch=2, epoch_end=look)
        assert_equal_states(rest.state, whole.state)


def test_a_listener_changes_the_learning_rate(engine: Engine) -> None:
    rates: list[float] = []

    def slower(session: Session, _: int) -> None:
        rates.append(session.learning_rate)
        session.learning_rate = session.learning_rate / 2

    result = run(engine, 3, epoch_begin=slower)
    assert rates == [0.01, 0.005, 0.0025]
    assert result.state.learning_rate == 0.00125
    # One epoch at each rate, by plans of their own, is the same.
    state = initial_state(PLAN)
    for epoch, rate in enumerate((0.005, 0.0025, 0.00125)):
        plan = replace(PLAN, optimizer=optimizers.Adam(rate))
        state = run(engine, epoch + 1, plan, initial_epoch=epoch, state=state).state
    assert_equal_states(result.state, replace(state, learning_rate=0.00125))
    # A run that goes on keeps the rate of its state.
    rates.clear()
    run(engine, 4, initial_epoch=3, state=result.state, epoch_begin=slower)
    assert rates == [0.00125]


def test_a_rate_of_zero_in_the_middle_of_an_epoch(engine: Engine) -> None:
    def stand_still(session: Session, step: int) -> None:
        session.learning_rate = 0.0 if step > 0 else 0.01

    result = run(engine, 1, batch_begin=stand_still)
    taken: list[tuple[np.ndarray, ...]] = []
    run(engine, 1, batch_end=lambda session, _step, _values: taken.append(session.get_weights()))
    for w, after_first in zip(result.state.weights, taken[0], strict=True):
        np.testing.assert_array_equal(w, after_first)


# ---- Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["epoch_begin", "epoch_end", "batch_begin", "batch_end"])
def test_a_listener_stops_a_run_after_the_batch(engine: Engine, moment: str) -> None:
    epoch_now, seen = [0], []

    def stop(session: Session, number: int, *_: object) -> None:
        if number == 1 and (moment.startswith("epoch") or epoch_now[0] == 1):
            session.stop()

    def count(_session: Session, epoch: int, *_: object) -> None:
        epoch_now[0] = epoch

    def note(session: Session, _step: int, values: Sequence[float]) -> None:
        seen.append((session.state(), list(values)))

    listeners = {moment: stop} if moment.startswith("epoch") else {moment: stop, "epoch_begin": count}
    result = run(engine, 5, validation=OTHERS, **listeners)
    assert (result.status, result.failure, len(result.training)) == ("stopped", None, 2)
    steps = {"epoch_begin": 1, "epoch_end": STEPS}.get(moment, 2)  # of the second epoch
    run(engine, 2, batch_end=note)
    state, values = seen[STEPS + steps - 1]
    assert_equal_states(result.state, state)
    assert result.training[1].tolist() == values
    assert result.validation is not None
    scores = engine.evaluate(PLAN, state.weights, OTHERS, batch_size=32)
    np.testing.assert_allclose(result.validation[1], scores, rtol=1e-6)


class RefusalError(Exception):
    """What a listener of these tests raises."""


@pytest.mark.parametrize("kind", [RefusalError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("moment", ["epoch_begin", "batch_begin", "batch_end", "epoch_end"])
def test_what_a_listener_raises_ends_the_run_with_the_last_finished_epoch(
    engine: Engine, moment: str, kind: type[BaseException]
) -> None:
    calls = [0]
    at = 2 if moment.startswith("epoch") else 2 * STEPS - 1  # the second epoch, and in it the second batch
    error = kind("enough")

    def refuse(*_: object) -> None:
        calls[0] += 1
        if calls[0] == at:
            raise error

    result = run(engine, 5, validation=OTHERS, **{moment: refuse})
    finished = 2 if moment == "epoch_end" else 1  # where its own end raised, the epoch was done
    assert (result.status, result.failed_step, calls[0]) == ("interrupted", -1, at)
    assert result.failure is error
    expected = run(engine, finished, validation=OTHERS)
    assert_equal_states(result.state, expected.state)
    np.testing.assert_array_equal(result.training, expected.training)
    assert result.validation is not None
    assert expected.validation is not None
    np.testing.assert_array_equal(result.validation, expected.validation)


def test_what_an_epochs_end_did_before_it_raised_is_kept(engine: Engine) -> None:
    ones = tuple(np.ones(weight.shape, np.float32) for weight in PLAN.network.weights)

    def refuse(session: Session, *_: object) -> None:
        session.set_weights(ones)
        session.learning_rate = 0.5
        raise RefusalError

    result = run(engine, 3, epoch_end=refuse)
    assert (result.status, len(result.training), result.state.learning_rate) == ("interrupted", 1, 0.5)
    for w, v in zip(result.state.weights, ones, strict=True):
        np.testing.assert_array_equal(w, v)


def test_an_interrupted_first_epoch_leaves_the_beginning(engine: Engine) -> None:
    def refuse(session: Session, step: int) -> None:
        session.learning_rate = 7.0
        if step == 2:
            raise RefusalError

    result = run(engine, 5, batch_begin=refuse)
    assert_equal_states(result.state, initial_state(PLAN))
    assert result.training.shape == (0, 3)


def diverging(rate: float) -> Plan:
    """A line whose steps grow without limit."""
    network = Network(5, (Dense(1),))
    return Plan(network, losses.MeanSquaredError(), optimizers.SGD(rate), batch_size=10, shuffle=False)


def test_a_loss_that_is_not_finite_ends_the_run(engine: Engine) -> None:
    plan = diverging(100.0)
    rows, ended = rows_for(plan, 40), []
    result = run(engine, 100, plan, rows=rows, validation=rows, epoch_end=lambda _, epoch, *__: ended.append(epoch))
    done = len(ended)
    assert (result.status, result.failure) == ("diverged", None)
    assert 1 <= done < 100
    assert 0 <= result.failed_step < 4
    expected = run(engine, done, plan, rows=rows, validation=rows)
    assert expected.status == "finished"
    assert_equal_states(result.state, expected.state)
    np.testing.assert_array_equal(result.training, expected.training)
    assert np.isfinite(result.training).all()


def test_the_step_that_diverged_is_named(engine: Engine) -> None:
    plan = diverging(0.01)
    y = np.zeros((40, 1), np.float32)
    y[25] = 1e30  # squared, above float32; in the third batch
    result = run(engine, 3, plan, rows=Matrix(rows_for(plan, 40).x, y))
    assert (result.status, result.failed_step, len(result.training)) == ("diverged", 2, 0)
    assert_equal_states(result.state, initial_state(plan))


def test_one_run_among_many_may_fail(engine: Engine) -> None:
    def refuse(*_: object) -> None:
        raise RefusalError

    good = Job(PLAN, initial_state(PLAN), ROWS, epochs=2)
    plan = diverging(100.0)
    bad = Job(plan, initial_state(plan), rows_for(plan, 40), epochs=100)
    refused = replace(good, listener=Listener(epoch_begin=refuse))
    results = engine.fit_many([good, bad, refused, good], threads=2)
    assert [result.status for result in results] == ["finished", "diverged", "interrupted", "finished"]
    assert isinstance(results[2].failure, RefusalError)
    for place in (0, 3):
        assert_equal_states(results[place].state, engine.fit(good).state)


# ---- Inputs ----------------------------------------------------------------------------------------------------------


def frozen(array: np.ndarray) -> np.ndarray:
    """A copy that cannot be written to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_what_goes_in_is_never_written_to(engine: Engine, part: Part) -> None:
    state, table = initial_state(part.plan), part.rows(20)
    weight, codes = (None if array is None else frozen(array) for array in (table.weight, table.codes))
    rows = Matrix(frozen(table.x), frozen(table.y), weight, codes)
    begun = engine.fit(Job(part.plan, state, rows, epochs=1, validation=rows)).state
    state = State(
        tuple(frozen(w) for w in begun.weights),
        tuple(tuple(frozen(s) for s in slots) for slots in begun.slots),
        begun.step,
    )
    before = [array.copy() for array in (*state.weights, *(slot for slots in state.slots for slot in slots))]
    result = engine.fit(Job(part.plan, state, rows, epochs=2, initial_epoch=1, validation=rows))
    engine.gradients(part.plan, state, rows)
    engine.evaluate(part.plan, state.weights, rows, batch_size=8)
    engine.predict(part.plan.network, state.weights, rows.x, codes=rows.codes, batch_size=8)
    for array, old in zip((*state.weights, *(slot for slots in state.slots for slot in slots)), before, strict=True):
        np.testing.assert_array_equal(array, old)
    np.testing.assert_array_equal(rows.x, table.x)
    np.testing.assert_array_equal(rows.y, table.y)
    # What comes out belongs to the caller: it shares no memory with what went in.
    for array in result.state.weights:
        assert array.flags.writeable
        assert not any(np.shares_memory(array, old) for old in state.weights)


def test_an_earlier_state_survives_a_later_run(engine: Engine) -> None:
    first = run(engine, 1)
    kept = [w.copy() for w in first.state.weights]
    run(engine, 3, initial_epoch=1, state=first.state)
    for w, v in zip(first.state.weights, kept, strict=True):
        np.testing.assert_array_equal(w, v)
