"""A step of the native engine is the reference's, to the rounding of float32."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgrad import activations, losses, metrics, optimizers
from tabgrad.engines.base import Engine, Job, Result
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.engines.select import get_engine
from tabgrad.layers import Dense, Dropout, Embedding
from tabgrad.plan import Network, Plan
from tabgrad.regularizers import L1L2

from .conftest import HAS_NATIVE
from .parts import PARTS, Part, rows_for, started

REFERENCE = ReferenceEngine()
# Both engines round to float32 (6e-8) and add in other orders: sums of n terms differ by about 6e-8 sqrt(n) of the
# largest term, here n <= 512, and pass through at most four layers.
ONE_STEP = 1e-5
# The errors of a step are the next one's input; 15 of them stay within a few times the sum.
MANY_STEPS = 1e-4
# A weight is stored rounded after each step.
ROUNDING = 2.0**-22
BATCHES = (1, 3, 16, 33, 257)
WIDTHS = (1, 2, 7, 16, 17, 64, 130)


def assert_same(job: Job, result: Result, expected: Result, tolerance: float) -> None:
    """Weights, slots, history, step and status; arrays to a tolerance relative to their largest element.

    How far a weight moved is compared, not where it is: a step may be short. Adam and RMSprop are the exception: they
    divide a gradient by its own size, so that a gradient near zero keeps its rounding error in full and the weight is
    off by a share of the learning rate. There the slots show whether the gradients are equal.
    """
    assert (result.status, result.failed_step, result.state.step) == (expected.status, -1, expected.state.step)
    divides = not isinstance(job.plan.optimizer, optimizers.SGD)
    for place, before in enumerate(job.state.weights):
        after, wanted = result.state.weights[place], expected.state.weights[place]
        size, moved = np.abs(wanted).max(initial=1e-6), np.abs(wanted - before).max()
        atol = tolerance * (size if divides else moved) + ROUNDING * size
        assert after.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(after, wanted, rtol=0, atol=atol, err_msg=f"weights {place}")
        slots = zip(result.state.slots[place], expected.state.slots[place], strict=True)
        for slot_place, (name, (slot, wanted_slot)) in enumerate(zip(job.plan.optimizer.slots, slots, strict=False)):
            # A single number may be a sum that all but cancels: it is held to the largest of its kind.
            alike = [s[slot_place] for s in expected.state.slots if s] if wanted_slot.size == 1 else [wanted_slot]
            atol = tolerance * max(np.abs(each).max() for each in alike)
            np.testing.assert_allclose(slot, wanted_slot, rtol=0, atol=atol, err_msg=f"{name} of {place}")
    np.testing.assert_allclose(result.training, expected.training, rtol=tolerance, atol=1e-6)
    assert (result.validation is None) == (expected.validation is None)
    if result.validation is not None and expected.validation is not None:
        np.testing.assert_allclose(result.validation, expected.validation, rtol=tolerance, atol=1e-6)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_one_step_and_many(native: Engine, part: Part) -> None:
    """Every part: one step on a batch of 33, then five epochs of three batches, the last one smaller, then scores."""
    rows, others = part.rows(33), part.rows(20, seed=1)
    one = Job(replace(part.plan, batch_size=33), started(part.plan), rows, epochs=1)
    assert_same(one, native.fit(one), REFERENCE.fit(one), ONE_STEP)
    many = Job(replace(part.plan, batch_size=14), started(part.plan), rows, epochs=5, validation=others)
    assert_same(many, native.fit(many), REFERENCE.fit(many), MANY_STEPS)


def wide(width: int, outputs: int, optimizer: optimizers.Optimizer) -> Plan:
    """A classifier with everything in it, as wide as asked on every side."""
    middle = Dense(width, activations.LeakyRelu(0.1), kernel_regularizer=L1L2(1e-3, 1e-3))
    network = Network(width, (Dense(width, "relu"), Dropout(0.3), middle, Dropout(0.2), Dense(outputs, "softmax")))
    return Plan(network, losses.CategoricalCrossentropy(), optimizer, (metrics.CategoricalAccuracy(),))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("batch", BATCHES)
def test_every_size(native: Engine, batch: int, width: int) -> None:
    """Sizes below, at and above those of vectors and tiles, as batch, inputs, units and outputs."""
    smooth = optimizers.Adam(0.01, epsilon=1e-2)
    for optimizer, outputs in ((smooth, width), (optimizers.SGD(0.1, global_clipnorm=0.1), 3)):
        plan = replace(wide(width, outputs, optimizer), batch_size=batch)
        job = Job(plan, started(plan), rows_for(plan, batch + batch // 2), epochs=1)
        assert_same(job, native.fit(job), REFERENCE.fit(job), ONE_STEP)


@pytest.mark.parametrize(("batch", "width"), [*product((1, 16, 33), (1, 7, 8, 17, 130))])
def test_regression_of_every_size(native: Engine, batch: int, width: int) -> None:
    """One linear unit, the shape of linear regression, has kernels of its own."""
    for optimizer in (optimizers.SGD(0.01), optimizers.SGD(0.01, momentum=0.9, weight_decay=0.1), optimizers.Adam()):
        plan = Plan(Network(width, (Dense(1),)), losses.MeanSquaredError(), optimizer, batch_size=batch)
        job = Job(plan, started(plan), rows_for(plan, 2 * batch + 1, weighted=width == 7), epochs=1)
        assert_same(job, native.fit(job), REFERENCE.fit(job), ONE_STEP)


@pytest.mark.skipif(not HAS_NATIVE, reason="tabgrad._native is not built")
@settings(deadline=None, max_examples=60)
@given(
    tables=st.lists(
        st.tuples(st.sampled_from((1, 2, 9, 70)), st.sampled_from((1, 3, 4, 8, 15, 17))), min_size=1, max_size=4
    ),
    shared=st.booleans(),
    inputs=st.sampled_from((0, 1, 5, 16, 17)),
    batch=st.sampled_from((1, 5, 33)),
    before=st.booleans(),
    clipped=st.booleans(),
)
def test_embeddings_of_every_size(
    tables: list[tuple[int, int]], shared: bool, inputs: int, batch: int, before: bool, clipped: bool
) -> None:
    """Tables below, at and above the width of a vector, alone or behind numeric columns, codes that come again."""
    rows, widths = zip(*tables, strict=True)
    embedding = Embedding(rows[0], widths[0]) if shared else Embedding(rows, widths)
    hidden = (Dense(inputs, "tanh"),) if before and inputs else ()
    network = Network(inputs, (*hidden, embedding, Dense(3, "tanh"), Dense(1)), codes=len(tables))
    optimizer = optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.1 if clipped else None)
    plan = Plan(network, losses.MeanSquaredError(), optimizer, batch_size=batch)
    job = Job(plan, started(plan), rows_for(plan, 2 * batch + 1), epochs=1, validation=rows_for(plan, 7))
    # Steps that all but cancel leave rounding alone, and the search goes after such.
    assert_same(job, get_engine("native").fit(job), REFERENCE.fit(job), 20 * MANY_STEPS)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_scores_and_predictions(engine: Engine, part: Part) -> None:
    """Against float64, on more rows than an engine scores at once."""
    exact, weights, rows = ReferenceEngine(np.float64), started(part.plan).weights, part.rows(300)
    expected = exact.predict(part.plan.network, weights, rows.x, codes=rows.codes, batch_size=32)
    outputs = engine.predict(part.plan.network, weights, rows.x, codes=rows.codes, batch_size=32)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=ONE_STEP * float(np.abs(expected).max()))
    scores = engine.evaluate(part.plan, weights, rows, batch_size=32)
    np.testing.assert_allclose(scores, REFERENCE.evaluate(part.plan, weights, rows, batch_size=32), rtol=1e-5)
