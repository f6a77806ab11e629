"""Numbers far from zero: nothing overflows on the way to a result that is itself an ordinary number."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tabgrad import activations, losses, optimizers
from tabgrad.activations import Activation
from tabgrad.engines.base import Engine, initial_state
from tabgrad.layers import Activation as ActivationLayer
from tabgrad.layers import Dense
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

FAR = np.array([50, 200, 1e4, 1e9], np.float32)  # e^50 is within float32, e^200 is not

# What each function comes to, far above and far below zero.
LIMITS: list[tuple[Activation, Callable[[np.ndarray], np.ndarray], float]] = [
    (activations.Elu(0.5), lambda z: z, -0.5),
    (activations.Selu(), lambda z: 1.05070098 * z, -1.05070098 * 1.67326324),
    (activations.Gelu(), lambda z: z, 0),
    (activations.Gelu(approximate=True), lambda z: z, 0),
    (activations.Silu(), lambda z: z, 0),
    (activations.Mish(), lambda z: z, 0),
    (activations.Softplus(), lambda z: z, 0),
    (activations.Sigmoid(), np.ones_like, 0),
    (activations.Tanh(), np.ones_like, -1),
]


@pytest.mark.parametrize(("activation", "above", "below"), LIMITS, ids=lambda value: getattr(value, "kind", ""))
def test_an_activation_reaches_its_limits(
    engine: Engine, activation: Activation, above: Callable[[np.ndarray], np.ndarray], below: float
) -> None:
    def outputs(x: np.ndarray) -> np.ndarray:
        return engine.predict(Network(len(x), (ActivationLayer(activation),)), (), x[np.newaxis], batch_size=1)[0]

    np.testing.assert_allclose(outputs(FAR), above(FAR), rtol=1e-6)
    np.testing.assert_allclose(outputs(-FAR), below, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("activation", "above", "below"), LIMITS, ids=lambda value: getattr(value, "kind", ""))
def test_a_slope_reaches_its_limits(
    engine: Engine, activation: Activation, above: Callable[[np.ndarray], np.ndarray], below: float
) -> None:
    """Of the function's asymptotes: straight lines above, constants below."""
    plan = Plan(
        Network(1, (Dense(8, activation), Dense(1, use_bias=False, kernel_initializer="ones"))),
        losses.MeanSquaredError(),
        optimizers.SGD(),
    )
    places = np.concatenate([FAR, -FAR])
    weights = (np.zeros((1, 8), np.float32), places, np.ones((8, 1), np.float32))
    one = np.ones((1, 1), np.float32)
    (output,) = engine.predict(plan.network, weights, one, batch_size=1)
    # With p - y = 1/2 (or all of p, where p is too large for that), the bias has the gradient 2 (p - y) f'(z).
    target = (output - 0.5).astype(np.float32)[np.newaxis]
    _, gradients = engine.gradients(plan, initial_state(plan, weights), Matrix(one, target))
    steepness = float(above(np.array([2.0]))[0] - above(np.array([1.0]))[0])
    error = 2 * float(output[0] - target[0, 0])
    np.testing.assert_allclose(gradients[1], [error * steepness] * 4 + [0] * 4, rtol=1e-6, atol=1e-6)


LOGITS = np.array([[1000, 0, -1000], [0, -1000, 3e4], [-1e9, 1e9, 0], [-500, -500, -500]], np.float32)
LABELS = np.array([2, 2, 0, 1])


def logits_plan(loss: losses.Loss, last: str | None) -> tuple[Plan, tuple[np.ndarray, ...]]:
    """A plan whose weighted sums are its input."""
    plan = Plan(Network(3, (Dense(3, last, use_bias=False),)), loss, optimizers.SGD())
    return plan, (np.eye(3, dtype=np.float32),)


@pytest.mark.parametrize("last", [None, "softmax"])
def test_crossentropy_of_far_logits(engine: Engine, last: str | None) -> None:
    """``max z - z_c`` where one logit towers over the others; ``log 3`` where all are equal."""
    plan, weights = logits_plan(losses.SparseCategoricalCrossentropy(from_logits=last is None), last)
    # Where logits tie, an engine may add them before it subtracts them, and so round to their size, 500.
    expected = [(2000, 0), (0, 1e-6), (2e9, 0), (math.log(3), 500 * 2**-23)]
    for row, (loss, rounding) in enumerate(expected):
        rows = Matrix(LOGITS[row : row + 1], LABELS[row : row + 1])
        close = pytest.approx(loss, rel=1e-6, abs=rounding)
        assert engine.evaluate(plan, weights, rows, batch_size=1) == [close]
        value, (gradient,) = engine.gradients(plan, initial_state(plan, weights), rows)
        assert value == close
        p = np.exp(LOGITS[row] - LOGITS[row].max().astype(float))
        slopes = p / p.sum() - np.eye(3)[LABELS[row]]
        np.testing.assert_allclose(gradient, np.outer(LOGITS[row], slopes), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("last", [None, "sigmoid"])
def test_binary_crossentropy_of_far_logits(engine: Engine, last: str | None) -> None:
    """``max(z, 0) - y z`` far from zero, as a mean over the outputs."""
    plan, weights = logits_plan(losses.BinaryCrossentropy(from_logits=last is None), last)
    for z, y in zip(LOGITS, ([0, 1, 1], [0, 1, 0], [1, 0, 1], [0, 0, 1]), strict=True):
        rows = Matrix(z[np.newaxis], np.array([y], np.float32))
        softplus = np.where(z == 0, math.log(2), np.maximum(z, 0))
        expected = float((softplus - y * z.astype(float)).mean())
        assert engine.evaluate(plan, weights, rows, batch_size=1) == [pytest.approx(expected, rel=1e-6, abs=1e-6)]
        value, (gradient,) = engine.gradients(plan, initial_state(plan, weights), rows)
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)
        p = np.where(z == 0, 0.5, z > 0)
        np.testing.assert_allclose(gradient, np.outer(z, (p - y) / 3), rtol=1e-5, atol=1e-5)


def test_softmax_of_far_sums(engine: Engine) -> None:
    network = Network(3, (ActivationLayer("softmax"),))
    outputs = engine.predict(network, (), LOGITS, batch_size=4)
    np.testing.assert_allclose(outputs, [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1 / 3] * 3], atol=1e-6)


def test_a_probability_that_is_certain_and_wrong(engine: Engine) -> None:
    """Where the network's outputs are the probabilities, they are kept 1e-7 away from 0: a loss of ``-log 1e-7``."""
    plan, weights = logits_plan(losses.CategoricalCrossentropy(), None)
    rows = Matrix(np.array([[1, 0, 0]], np.float32), np.array([[0, 1, 0]], np.float32))
    assert engine.evaluate(plan, weights, rows, batch_size=1) == [pytest.approx(-math.log(1e-7), rel=1e-6)]
    plan, weights = logits_plan(losses.BinaryCrossentropy(), None)
    assert engine.evaluate(plan, weights, rows, batch_size=1) == [pytest.approx(-2 / 3 * math.log(1e-7), rel=0.01)]
