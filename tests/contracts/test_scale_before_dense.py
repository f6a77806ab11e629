"""Factors of a dense layer's inputs: an engine may take them into its product, and then nothing else may differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgrad import losses, optimizers
from tabgrad.engines.base import Engine, Job, Stopping, initial_state
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import (
    Activation,
    Dense,
    Dropout,
    Layer,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    Residual,
    Scale,
)
from tabgrad.plan import Network, Plan

from .parts import rows_for

FACTORS, WAVES = Scale("he_normal"), PeriodicEmbedding(3, 2, 4)
PIECES = PiecewiseLinearEmbedding([(-1.0, 0.0, 0.5), (-0.2, 0.3), (-2.0, -1.0, 1.0, 2.0)], 8)
ROWS: dict[str, tuple[Layer, ...]] = {
    "both learn": (FACTORS, Dense(70, "relu"), Dense(3)),
    "of nobody's error": (WAVES, Scale("he_normal", "l2", learning_rate_factor=3.0), Dense(20, "tanh"), Dense(3)),
    "factors frozen": (WAVES, Scale("he_normal", trainable=False), Dense(20, "relu"), Dense(3)),
    "kernel frozen": (WAVES, FACTORS, Dense(20, "relu", trainable=False), Dense(3)),
    "both frozen": (WAVES, Scale("he_normal", trainable=False), Dense(20, "relu", trainable=False), Dense(3)),
    "behind one that learns": (Dense(20, "tanh"), PIECES, WAVES, FACTORS, Dense(20, "relu"), Dense(3)),
    "of vectors' errors": (PIECES, WAVES, PIECES, WAVES, FACTORS, Dense(20, "relu"), Dense(3)),
    "between two layers": (Dense(20, "relu"), FACTORS, Dense(20, "relu", use_bias=False), FACTORS, Dense(3)),
    "twice": (FACTORS, FACTORS, Dense(20, "relu"), Dense(3)),
    "a function between": (FACTORS, Activation("tanh"), Dense(20, "relu"), FACTORS, Dropout(0.3), Dense(3)),
    "a single unit": (FACTORS, Dense(1), FACTORS, Dense(3)),
    "used twice": (Dense(8, "relu"), FACTORS, Residual((Dense(8, "relu"), FACTORS, Dense(8))), Dense(3)),
    "inside": (Dense(8, "relu"), Residual((FACTORS, Dense(8, "relu"))), FACTORS, Dense(3)),
}
OPTIMIZERS = (
    optimizers.SGD(0.05),
    optimizers.SGD(0.05, momentum=0.9, global_clipnorm=0.5),
    optimizers.Adam(0.01, weight_decay=0.1, use_ema=True),
)


def plan_of(layers: tuple[Layer, ...], optimizer: optimizers.Optimizer, batch_size: int = 16) -> Plan:
    """A regression on 21 columns: more than a vector, and no whole number of them."""
    return Plan(Network(21, layers), losses.MeanSquaredError(), optimizer, batch_size=batch_size)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["plain", "clipped", "averaged"])
@pytest.mark.parametrize("layers", ROWS.values(), ids=ROWS.keys())
def test_runs_follow_the_reference(native: Engine, layers: tuple[Layer, ...], optimizer: optimizers.Optimizer) -> None:
    plan = plan_of(layers, optimizer)
    rows, held = rows_for(plan, 45), rows_for(plan, 20, seed=1)
    job = Job(plan, initial_state(plan), rows, 3, validation=held, stopping=Stopping())
    result, expected = native.fit(job), ReferenceEngine().fit(job)
    for w, v in zip(result.state.weights, expected.state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=2e-3, atol=2e-5)
    assert result.validation is not None
    np.testing.assert_allclose(result.validation, expected.validation, rtol=1e-4)
    outputs = (
        engine.predict(plan.network, result.state.weights, held.x, batch_size=8)
        for engine in (native, ReferenceEngine())
    )
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", ROWS.values(), ids=ROWS.keys())
def test_gradients_are_the_reference_s_in_float64(native: Engine, layers: tuple[Layer, ...]) -> None:
    plan = plan_of(layers, OPTIMIZERS[0])
    state, rows = initial_state(plan), rows_for(plan, 50)
    loss, gradients = native.gradients(plan, state, rows)
    exact, expected = ReferenceEngine(np.float64).gradients(plan, state, rows)
    assert loss == pytest.approx(exact, rel=1e-5)
    for g, e in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-3, atol=1e-5 * max(1.0, float(np.abs(e).max(initial=0))))


def test_bits_depend_on_no_thread_and_large_batches_are_cut(native: Engine) -> None:
    wide = (
        WAVES,
        Scale("he_normal", learning_rate_factor=6.0),
        Dense(300, "relu"),
        FACTORS,
        Dense(300, "relu"),
        Dense(3),
    )
    plan = plan_of(wide, OPTIMIZERS[2], batch_size=700)  # sums over more rows than are taken in one go
    job = Job(plan, initial_state(plan), rows_for(plan, 1500), 1)
    first, *others = [native.fit(job, threads=threads).state for threads in (1, 2, 3)]
    for other in others:
        for w, v in zip(first.weights, other.weights, strict=True):
            assert w.tobytes() == v.tobytes()
    reference = ReferenceEngine().fit(job).state
    for w, v in zip(first.weights, reference.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=5e-3, atol=2e-4)


def test_a_state_goes_on_bit_for_bit(native: Engine) -> None:
    plan = plan_of(ROWS["of nobody's error"], OPTIMIZERS[2])
    job = Job(plan, initial_state(plan), rows_for(plan, 45), 6)
    half = native.fit(replace(job, epochs=3))
    rest = native.fit(replace(job, state=half.state, initial_epoch=3))
    for w, v in zip(rest.state.weights, native.fit(job).state.weights, strict=True):
        assert w.tobytes() == v.tobytes()
