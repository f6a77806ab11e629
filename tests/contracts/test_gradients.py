"""Backpropagation: the reference against finite differences, the native engine against the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgrad.engines.base import Engine, State
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.matrix import Matrix
from tabgrad.plan import Plan

from .parts import PARTS, Part, started

EXACT = ReferenceEngine(np.float64)
# (L(w + h) - L(w - h)) / 2h is wrong by h^2 L''' / 6 ~ 1e-10 and by rounding ~ 1e-16 / h ~ 1e-11; gradients are
# about 1e-2.
NUDGE = 1e-5
# float32 rounds to 6e-8; the sums behind a gradient are of at most a few hundred terms, each through three layers.
FLOAT32 = 1e-5


def scale_of(array: np.ndarray) -> float:
    """What an array's errors are measured against: its largest element, and 1e-3 where all are smaller."""
    return max(float(np.abs(array).max()), 1e-3)


def slope_along(plan: Plan, state: State, rows: Matrix, place: int, direction: np.ndarray) -> float:
    """How the loss grows as one of the arrays moves: a central difference, dropout masks as they are in this step."""
    losses = []
    for nudge in (NUDGE, -NUDGE):
        weights = [np.array(w, np.float64) for w in state.weights]
        weights[place] += nudge * direction
        losses.append(EXACT.gradients(plan, replace(state, weights=tuple(weights)), rows)[0])
    return (losses[0] - losses[1]) / (2 * NUDGE)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_reference_equals_finite_differences(part: Part) -> None:
    # Along random directions, in each of which every element of the array has its part, and along one element.
    state, rows, random = replace(started(part.plan), step=3), part.rows(9), np.random.default_rng(11)
    _, gradients = EXACT.gradients(part.plan, state, rows)
    for place, (weight, gradient) in enumerate(zip(part.plan.network.weights, gradients, strict=True)):
        assert gradient.dtype == np.float64
        if not weight.trainable:
            assert not gradient.any()
            continue
        one = np.zeros(weight.shape)
        one[tuple(random.integers(weight.shape))] = 1
        for direction in (*random.normal(size=(3, *weight.shape)), one):
            slope = slope_along(part.plan, state, rows, place, direction)
            error = abs(float((gradient * direction).sum()) - slope)
            assert error <= 1e-6 * scale_of(gradient) * np.linalg.norm(direction), (weight.name, slope)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_the_native_gradients_equal_the_reference(native: Engine, part: Part) -> None:
    state, rows = replace(started(part.plan), step=3), part.rows(33)
    # The loss in float32 too: a probability kept away from 1 by 1e-7 is another number there, and so is its logarithm.
    expected_loss, _ = ReferenceEngine().gradients(part.plan, state, rows)
    _, expected = EXACT.gradients(part.plan, state, rows)
    loss, gradients = native.gradients(part.plan, state, rows)
    assert loss == pytest.approx(expected_loss, rel=FLOAT32)
    for weight, gradient, slope in zip(part.plan.network.weights, gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=0, atol=FLOAT32 * scale_of(slope), err_msg=weight.name)


def test_the_loss_is_its_formula() -> None:
    """One row by hand, so that a factor lost in the loss and in its difference alike would be seen."""
    plan = replace(PARTS[0].plan, batch_size=2)
    state, rows = started(plan), replace(PARTS[0].rows(2), weight=np.array([0.5, 3], np.float32))
    w1, b1, w2, b2 = (np.float64(w) for w in state.weights)
    p = (rows.x @ w1 + b1) @ w2 + b2
    by_row = ((rows.y - p) ** 2).mean(axis=1)
    assert EXACT.gradients(plan, state, rows)[0] == pytest.approx((0.5 * by_row[0] + 3 * by_row[1]) / 2, rel=1e-12)
