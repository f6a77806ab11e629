"""Shuffles and dropout masks are the ones that `_seeds` defines, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgrad import _seeds, losses, optimizers
from tabgrad.engines.base import Engine, Job, Listener, initial_state
from tabgrad.layers import Activation, Dense, Dropout, Layer
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan


def masks_seen(
    engine: Engine, before: tuple[Layer, ...], shape: tuple[int, int], *, seed: int, step: int
) -> np.ndarray:
    """What the layers before a last dense one do to rows of ones, read off a gradient.

    With a kernel of zeros and the identity as target, ``dL/dW = x^T d`` has the error terms ``d = -2 I / batch^2``, and
    so is the dense layer's input ``x`` itself, transposed and times a constant.
    """
    batch, units = shape
    plan = Plan(
        Network(units, (*before, Dense(batch, use_bias=False, kernel_initializer="zeros"))),
        losses.MeanSquaredError(),
        optimizers.SGD(),
        seed=seed,
    )
    rows = Matrix(np.ones(shape, np.float32), np.eye(batch, dtype=np.float32))
    _, (gradient,) = engine.gradients(plan, replace(initial_state(plan), step=step), rows)
    return gradient.T * (-(batch**2) / 2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 33), (5, 7), (64, 16), (33, 130)])
@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.9])
def test_a_mask_is_the_one_defined(engine: Engine, shape: tuple[int, int], rate: float) -> None:
    for seed, step, place in ((0, 0, 0), (12345678901234567, 7, 1), (2**63 - 1, 2**33, 3)):
        before = (*[Activation("linear")] * place, Dropout(rate))
        kept = _seeds.kept_units(seed, step, place, shape, rate)
        seen = masks_seen(engine, before, shape, seed=seed, step=step)
        np.testing.assert_allclose(seen, kept / (1 - rate), rtol=1e-6)


def test_layers_of_dropout_have_masks_of_their_own(engine: Engine) -> None:
    shape = (20, 30)
    first, second = (_seeds.kept_units(9, 4, place, shape, 0.5) for place in (0, 1))
    assert (first != second).any()
    seen = masks_seen(engine, (Dropout(0.5), Dropout(0.5)), shape, seed=9, step=4)
    np.testing.assert_allclose(seen, first * second / 0.25, rtol=1e-6)


def test_a_layer_may_have_a_seed_of_its_own(engine: Engine) -> None:
    shape = (20, 30)
    for seed in (1, 2):
        seen = masks_seen(engine, (Dropout(0.5, seed=77),), shape, seed=seed, step=0)
        np.testing.assert_allclose(seen, _seeds.kept_units(77, 0, 0, shape, 0.5) / 0.5, rtol=1e-6)


def rows_visited(engine: Engine, plan: Plan, rows: int, epochs: int) -> list[list[int]]:
    """The order of the rows in each epoch, from the losses of batches of one row in a network that stays at zero."""
    still = replace(
        plan,
        network=Network(1, (Dense(1, kernel_initializer="zeros"),)),
        loss=losses.MeanSquaredError(),
        optimizer=optimizers.SGD(0),
        batch_size=1,
    )
    totals: list[list[float]] = []

    def begin(_session: object, _epoch: int) -> None:
        totals.append([0])

    def end(_session: object, step: int, values: list[float]) -> None:
        totals[-1].append(values[0] * (step + 1))

    # Row i has the target sqrt(i) and so the loss i; the running mean, times the rows so far, grows by it.
    y = np.sqrt(np.arange(rows, dtype=np.float32))[:, np.newaxis]
    listener = Listener(epoch_begin=begin, batch_end=end)
    engine.fit(Job(still, initial_state(still), Matrix(np.zeros((rows, 1), np.float32), y), epochs, listener=listener))
    return [np.rint(np.diff(epoch)).astype(int).tolist() for epoch in totals]


@pytest.mark.parametrize("rows", [1, 2, 17, 300])
@pytest.mark.parametrize("seed", [0, 2**62 + 5])
def test_the_order_of_the_rows_is_the_one_defined(engine: Engine, rows: int, seed: int) -> None:
    plan = Plan(Network(1, (Dense(1),)), losses.MeanSquaredError(), optimizers.SGD(), seed=seed)
    orders = rows_visited(engine, plan, rows, epochs=3)
    assert orders == [_seeds.permutation(seed, epoch, rows).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(rows)) for order in orders)
    assert rows_visited(engine, replace(plan, shuffle=False), rows, epochs=2) == [list(range(rows))] * 2
