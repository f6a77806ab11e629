"""Muon: which arrays step as matrices, that they do so in every shape, and what the iteration tends to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgrad import layers, losses, optimizers
from tabgrad.engines.base import Engine, Job, orthogonalized
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import Dense
from tabgrad.plan import Network, Plan

from .parts import rows_for, started

REFERENCE = ReferenceEngine()
# 1.5 x - 0.5 x^3 on every singular value, until all are 1: the classical iteration.
CLASSICAL = {"muon_a": 1.5, "muon_b": -0.5, "muon_c": 0.0, "ns_steps": 100}


def plan_of(optimizer: optimizers.Optimizer, inputs: int, *row: layers.Layer) -> Plan:
    return Plan(Network(inputs, row), losses.MeanSquaredError(), optimizer, batch_size=512, shuffle=False)


@pytest.mark.parametrize("inputs, units", [(1, 1), (1, 7), (7, 1), (16, 40), (17, 5), (40, 16), (130, 130), (9, 300)])
def test_every_shape(native: Engine, inputs: int, units: int) -> None:
    """Tall and wide, of one row and of one column, at and between the sizes of vectors; matrices follow each other."""
    optimizer = optimizers.Muon(0.01, clipnorm=0.5, weight_decay=0.1)
    plan = plan_of(optimizer, inputs, Dense(units, "tanh"), Dense(3), Dense(units), Dense(2))
    job = Job(replace(plan, batch_size=64), started(plan), rows_for(plan, 150), epochs=2)
    got, expected = native.fit(job), REFERENCE.fit(job)
    assert got.status == "finished"
    for before, w, v in zip(job.state.weights, got.state.weights, expected.state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-3 * np.abs(v - before).max())
    for slots, others in zip(got.state.slots, expected.state.slots, strict=True):
        for slot, other in zip(slots, others, strict=True):
            np.testing.assert_allclose(slot, other, rtol=0, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("inputs, units", [(30, 12), (12, 30), (20, 20), (8, 1)])
def test_the_classical_iteration_reaches_the_orthogonal_factor(engine: Engine, inputs: int, units: int) -> None:
    """``U V^T`` of the gradient's singular value decomposition: its closest orthogonal matrix."""
    optimizer = optimizers.Muon(0.1, weight_decay=None, momentum=0.0, rms_rate=None, **CLASSICAL)
    plan = plan_of(optimizer, inputs, Dense(units))
    state, rows = started(plan), rows_for(plan, 200)
    _, (gradient, _) = REFERENCE.gradients(plan, state, rows)
    u, _, v = np.linalg.svd(gradient.astype(np.float64), full_matrices=False)
    result = engine.fit(Job(plan, state, rows, epochs=1))
    np.testing.assert_allclose((state.weights[0] - result.state.weights[0]) / 0.1, u @ v, rtol=0, atol=1e-5)


@pytest.mark.parametrize("tables", [((9, 3), (40, 16)), ((3, 17), (16, 16)), ((20, 1), (2, 2))])
def test_tables_of_embeddings(native: Engine, tables: tuple[tuple[int, int], ...]) -> None:
    """In memory they are one long row."""
    sizes, widths = zip(*tables, strict=True)
    network = Network(4, (layers.Embedding(sizes, widths), Dense(3)), codes=2)
    plan = replace(plan_of(optimizers.Muon(0.01, exclude_embeddings=False), 4), network=network)
    job = Job(replace(plan, batch_size=64), started(plan), rows_for(plan, 150), epochs=2)
    got, expected = native.fit(job), REFERENCE.fit(job)
    for before, w, v in zip(job.state.weights, got.state.weights, expected.state.weights, strict=True):
        assert not np.array_equal(before, v)
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-3 * np.abs(v - before).max())


def test_threads_change_no_bit(native: Engine) -> None:
    plan = plan_of(optimizers.Muon(0.01), 200, Dense(128, "relu"), Dense(200, "relu"), Dense(4))
    job = Job(plan, started(plan), rows_for(plan, 1024), epochs=3)
    one = native.fit(job, threads=1)
    for threads in (2, 3):
        other = native.fit(job, threads=threads)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(one.state.weights, other.state.weights, strict=True))


def test_which_arrays_are_matrices() -> None:
    row = (Dense(4), layers.PReLU(), layers.LayerNormalization(), Dense(4, name="Embedding"), Dense(2, name="output"))
    kernels = [place for place, weight in enumerate(Network(4, row).weights) if weight.name == "kernel"]
    for optimizer, excluded in (
        (optimizers.Muon(), {1}),
        (optimizers.Muon(exclude_embeddings=False), set()),
        (optimizers.Muon(exclude_layers=["^out", "dense/kernel$"]), {0, 1, 2}),
        (optimizers.Muon(exclude_layers=["OUT"]), {1}),
    ):
        flags = orthogonalized(plan_of(optimizer, 4, *row))
        assert [place for place, flag in enumerate(flags) if flag] == [
            place for number, place in enumerate(kernels) if number not in excluded
        ]
    assert not any(orthogonalized(plan_of(optimizers.Adam(), 4, *row)))


@pytest.mark.parametrize("clipping", [{}, {"clipvalue": 0.01}])
def test_what_is_excluded_steps_as_adamw(engine: Engine, clipping: dict[str, float]) -> None:
    row = (Dense(6, "tanh"), Dense(6, "tanh", trainable=False), layers.LayerNormalization(), Dense(3))
    muon = optimizers.Muon(0.01, 0.8, 0.99, 0.05, 1e-4, exclude_layers=["."], **clipping)
    adamw = optimizers.AdamW(0.01, 0.05, 0.8, 0.99, 1e-4, **clipping)
    results = []
    for optimizer in (muon, adamw):
        plan = plan_of(optimizer, 5, *row)
        results.append(engine.fit(Job(replace(plan, batch_size=16), started(plan), rows_for(plan, 48), epochs=4)))
    for w, v in zip(results[0].state.weights, results[1].state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-6)


def test_a_run_goes_on_where_it_ended(engine: Engine) -> None:
    plan = replace(plan_of(optimizers.Muon(0.01), 5, Dense(6, "tanh"), Dense(3)), batch_size=16, shuffle=True)
    job = Job(plan, started(plan), rows_for(plan, 48), epochs=4)
    whole, half = engine.fit(job), engine.fit(replace(job, epochs=2))
    rest = engine.fit(replace(job, state=half.state, initial_epoch=2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(whole.state.weights, rest.state.weights, strict=True))


def test_a_gradient_that_is_no_number_ends_the_run(engine: Engine) -> None:
    plan = plan_of(optimizers.Muon(), 5, Dense(3))
    state = started(plan)
    spoilt = state.slots[0][0].copy()
    spoilt[2, 1] = np.nan
    slots = ((spoilt, state.slots[0][1]), state.slots[1])
    assert engine.fit(Job(plan, replace(state, slots=slots), rows_for(plan, 16), epochs=1)).status == "diverged"


def test_a_frozen_matrix_does_not_move(engine: Engine) -> None:
    plan = plan_of(optimizers.Muon(0.1), 5, Dense(6, trainable=False), Dense(3))
    state = started(plan)
    result = engine.fit(Job(plan, state, rows_for(plan, 16), epochs=1))
    moved = [not np.array_equal(w, v) for w, v in zip(state.weights, result.state.weights, strict=True)]
    assert moved == [False, False, True, True]
