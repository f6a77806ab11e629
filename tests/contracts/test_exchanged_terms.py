"""Predictions in which one term of each row is another row's: what `predict` gives of the sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from tabgrad.engines.base import Engine
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import Activation, Dense
from tabgrad.plan import Network

from .parts import PARTS, Part, started

# Inputs, units, orders, rows: one and several vectors, some of them not full; more terms than are packed at a time;
# more orders than rows that go through the layers together; blocks of rows that are cut unevenly.
SHAPES = [(1, 3, 4, 30), (13, 130, 3, 57), (128, 128, 10, 101), (600, 40, 7, 20), (24, 70, 300, 5), (9, 33, 1, 700)]


def rectified(inputs: int, units: int) -> Network:
    """A network like those behind a first dense layer."""
    return Network(inputs, (Activation("relu"), Dense(units, "relu"), Dense(units, "relu"), Dense(3, "softmax")))


def exchanged(sets: int, rows: int, inputs: int, orders: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, their terms and orders."""
    rng = np.random.default_rng([sets, rows, inputs, orders])
    x, terms = (rng.normal(size=(sets, rows, inputs)).astype(np.float32) for _ in range(2))
    return x, terms / 3, np.array([rng.permutation(rows) for _ in range(orders)])


def written_out(x: np.ndarray, terms: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """The rows of one set, (rows * orders, inputs)."""
    return (x[:, np.newaxis] + (terms[orders.T] - terms[:, np.newaxis])).reshape(-1, x.shape[1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_sum_gives_what_it_gives_alone_for_any_number_of_threads(
    engine: Engine, shape: tuple[int, int, int, int]
) -> None:
    inputs, units, orders, rows = shape
    network, (x, terms, order) = rectified(inputs, units), exchanged(3, rows, inputs, orders)
    sets = [network.initial_weights(seed) for seed in range(3)]
    alone = [
        engine.predict(network, weights, written_out(*rows_of_set, order), batch_size=32)
        for weights, *rows_of_set in zip(sets, x, terms, strict=True)
    ]
    for threads in (1, 2, 4):
        outputs = engine.predict_exchanged(network, sets, x, terms, order, threads=threads)
        assert (outputs.shape, outputs.dtype) == ((3, rows, orders, 3), np.float32)
        assert outputs.tobytes() == np.stack(alone).tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_engine_is_as_the_reference(native: Engine, shape: tuple[int, int, int, int]) -> None:
    inputs, units, orders, rows = shape
    network, given = rectified(inputs, units), exchanged(2, rows, inputs, orders)
    sets = [network.initial_weights(seed) for seed in range(2)]
    expected = ReferenceEngine().predict_exchanged(network, sets, *given)
    np.testing.assert_allclose(native.predict_exchanged(network, sets, *given), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", [part for part in PARTS if not part.plan.network.codes], ids=str)
def test_every_part_may_come_behind(engine: Engine, part: Part) -> None:
    network, weights = part.plan.network, started(part.plan).weights
    x, terms, order = exchanged(1, 20, network.inputs, 3)
    outputs = engine.predict_exchanged(network, [weights], x, terms, order)
    alone = engine.predict(network, weights, written_out(x[0], terms[0], order), batch_size=32)
    assert outputs.tobytes() == alone.tobytes()


def test_a_term_that_is_the_same_changes_nothing(engine: Engine) -> None:
    """Also where it is so large that the sum would lose the rest of it."""
    network, (x, terms, order) = rectified(13, 40), exchanged(2, 50, 13, 4)
    sets = [network.initial_weights(seed) for seed in range(2)]
    terms[:] = 1e9 + np.arange(13)
    outputs = engine.predict_exchanged(network, sets, x, terms, order)
    for weights, rows, output in zip(sets, x, outputs, strict=True):
        alone = engine.predict(network, weights, np.repeat(rows, 4, axis=0), batch_size=32)
        assert output.tobytes() == alone.tobytes()


def test_a_call_never_takes_the_programs_of_another(engine: Engine) -> None:
    """Nor `predict_many` those that exchange terms, of the same network and weights."""
    network, (x, terms, order) = rectified(13, 40), exchanged(2, 50, 13, 4)
    sets = [network.initial_weights(seed) for seed in range(2)]
    others = [network.initial_weights(seed) for seed in (7, 8)]
    first = engine.predict_exchanged(network, sets, x, terms, order).tobytes()
    many = engine.predict_many(network, sets, x[0], batch_size=32)
    assert engine.predict_exchanged(network, others, x, terms, order).tobytes() != first
    assert engine.predict_exchanged(network, sets, x, terms, order).tobytes() == first
    assert engine.predict_many(network, sets, x[0], batch_size=32).tobytes() == many.tobytes()
