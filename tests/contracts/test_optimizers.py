"""Optimizers where the table of parts does not lead: gradients of nothing, and steps far from the first."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tabgrad import losses, optimizers
from tabgrad.engines.base import Engine, Job, initial_state
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import Dense
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

from .parts import OPTIMIZERS, label, rows_for, started

REFERENCE = ReferenceEngine()
KINDS = [*{type(optimizer): optimizer for optimizer in reversed(OPTIMIZERS)}]
ADAMS = [optimizers.Adam(0.01), optimizers.Adam(0.01, amsgrad=True), optimizers.Adamax(0.01), optimizers.Nadam(0.01)]


def plan_of(optimizer: optimizers.Optimizer, inputs: int = 5, units: int = 3) -> Plan:
    """One linear layer."""
    return Plan(Network(inputs, (Dense(units),)), losses.MeanSquaredError(), optimizer, batch_size=16, shuffle=False)


def with_options(record: type[optimizers.Optimizer], **options: Any) -> optimizers.Optimizer:
    """A record with those of the options that it has."""
    return record(
        **{name: value for name, value in options.items() if name in {entry.name for entry in fields(record)}}
    )


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("record", KINDS)
def test_a_weight_without_a_gradient_stays(engine: Engine, record: type[optimizers.Optimizer], units: int) -> None:
    """Nothing over nothing is no step, however small what keeps the divisor from zero."""
    given = {"epsilon": 1e-40, "initial_accumulator_value": 0.0, "weight_decay": None}
    plan = plan_of(with_options(record, **given), units=units)
    rows = rows_for(plan, 48)
    x = rows.x.copy()
    x[:, 1] = 0
    before = started(plan).weights
    result = engine.fit(Job(plan, initial_state(plan, before), replace(rows, x=x), epochs=2))
    after = result.state.weights[0]
    assert result.status == "finished"
    np.testing.assert_array_equal(after[1], before[0][1])


@pytest.mark.parametrize("record", KINDS)
def test_gradients_whose_squares_are_no_longer_normal(native: Engine, record: type[optimizers.Optimizer]) -> None:
    plan = plan_of(with_options(record, learning_rate=0.1))
    start = tuple(np.zeros(weight.shape, np.float32) for weight in plan.network.weights)
    rows = rows_for(plan, 48)
    job = Job(plan, initial_state(plan, start), Matrix(rows.x, rows.y * np.float32(1e-20)), epochs=1)
    got, expected = native.fit(job), REFERENCE.fit(job)
    assert got.status == expected.status == "finished"
    for w, v in zip(got.state.weights, expected.state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-5 * float(np.abs(v).max()))


@pytest.mark.parametrize("begun", [5, 999, 1021, 2046, 100_000])
@pytest.mark.parametrize("optimizer", ADAMS, ids=label)
def test_steps_far_from_the_first(native: Engine, optimizer: optimizers.Optimizer, begun: int) -> None:
    """What is counted follows from the step's number alone: it is the reference's, and the same bits after a break."""
    plan = replace(plan_of(optimizer), batch_size=8)
    job = Job(plan, replace(started(plan), step=begun), rows_for(plan, 24), epochs=3)
    got, expected = native.fit(job), REFERENCE.fit(job)
    state = job.state
    for epoch in range(3):
        state = native.fit(replace(job, state=state, initial_epoch=epoch, epochs=epoch + 1)).state
    assert got.state.step == expected.state.step == state.step == begun + 9
    arrays = zip(job.state.weights, got.state.weights, expected.state.weights, state.weights, strict=True)
    for before, w, v, again in arrays:
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-4 * float(np.abs(v - before).max()))
        assert w.tobytes() == again.tobytes()


def test_slots_start_where_the_optimizer_says() -> None:
    plan = plan_of(optimizers.Adagrad(initial_accumulator_value=0.25))
    assert [[slot.tolist() for slot in slots] for slots in initial_state(plan).slots] == [
        [[[0.25] * 3] * 5],
        [[0.25] * 3],
    ]
    assert not any(slot.any() for slots in initial_state(plan_of(optimizers.Nadam())).slots for slot in slots)


def test_a_gradient_that_is_no_number_ends_lion(engine: Engine) -> None:
    """The sign of NaN is NaN: nothing goes on as if nothing were."""
    plan = plan_of(optimizers.Lion())
    state, rows = started(plan), rows_for(plan, 16)
    spoilt = state.slots[0][0].copy()
    spoilt[2, 1] = np.nan
    slots = ((spoilt,), state.slots[1])
    assert engine.fit(Job(plan, replace(state, slots=slots), rows, epochs=1)).status == "diverged"
