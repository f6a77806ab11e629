"""Training finds what it should: least squares, ridge and logistic regression; and leaves alone what it should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, mean_tweedie_deviance

from tabgrad import losses, optimizers
from tabgrad.engines.base import Engine, Job, initial_state
from tabgrad.layers import Dense, Dropout
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan
from tabgrad.regularizers import L1L2, L2

from .parts import OPTIMIZERS, PARTS, Part, label, rows_for, started

ROWS, FEATURES = 90, 4
# Gradient descent ends where a step is below the rounding of a weight: 6e-8 / (rate x curvature), here below 1e-5.
CONVERGED = 1e-4


def table(loss: losses.Loss, outputs: int) -> Matrix:
    """Rows on which the best model is not perfect, so that logistic regression has a solution without a penalty."""
    random = np.random.default_rng(5)
    x = random.normal(size=(ROWS, FEATURES)) @ (np.eye(FEATURES) + 0.1 * random.normal(size=(FEATURES, FEATURES)))
    signal = x @ random.normal(size=(FEATURES, outputs)) + random.normal(size=outputs)
    y: np.ndarray = signal + 0.3 * random.normal(size=signal.shape)
    if loss.target == "labels":
        y = (signal + random.gumbel(size=signal.shape)).argmax(axis=1)
    if loss.target == "probabilities":
        y = signal + random.logistic(size=signal.shape) > 0
    return Matrix(x.astype(np.float32), y if y.ndim == 1 else y.astype(np.float32))


def converged(engine: Engine, loss: losses.Loss, last: Dense, rate: float, rows: Matrix) -> tuple[np.ndarray, ...]:
    """Kernel and bias of one layer after gradient descent on all rows at once."""
    optimizer = optimizers.SGD(rate, momentum=0.9)
    plan = Plan(Network(FEATURES, (last,)), loss, optimizer, batch_size=len(rows), shuffle=False)
    return engine.fit(Job(plan, initial_state(plan), rows, epochs=500)).state.weights


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_a_linear_layer_is_least_squares_and_ridge(engine: Engine, outputs: int, l2: float) -> None:
    # (1 / rows outputs) sum of squares + l2 |W|^2  =  (sum of squares + rows outputs l2 |W|^2) / (rows outputs)
    loss = losses.MeanSquaredError()
    rows = table(loss, outputs)
    kernel, bias = converged(engine, loss, Dense(outputs, kernel_regularizer=L2(l2)), 0.1, rows)
    solution = Ridge(alpha=ROWS * outputs * l2) if l2 else LinearRegression()
    solution.fit(rows.x.astype(float), rows.y.astype(float))
    np.testing.assert_allclose(kernel, np.reshape(solution.coef_, (outputs, FEATURES)).T, atol=CONVERGED)
    np.testing.assert_allclose(bias, np.reshape(solution.intercept_, outputs), atol=CONVERGED)


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("form", ["sigmoid", "softmax", "sigmoid from logits", "softmax from logits"])
def test_a_sigmoid_and_a_softmax_are_logistic_regression(engine: Engine, form: str, l2: float) -> None:
    # (1 / rows) sum of l + l2 |W|^2  =  (C sum of l + |W|^2 / 2) / (rows C)  where  1 / 2C = rows l2
    name, logits = form.split(maxsplit=1)[0], form.endswith("logits")
    binary = name == "sigmoid"
    loss = (losses.BinaryCrossentropy if binary else losses.SparseCategoricalCrossentropy)(from_logits=logits)
    rows = table(loss, 1 if binary else 3)
    layer = Dense(1 if binary else 3, None if logits else name, kernel_regularizer=L2(l2))
    kernel, bias = converged(engine, loss, layer, 0.5, rows)
    solution = LogisticRegression(C=1 / (2 * ROWS * l2) if l2 else np.inf, tol=1e-8, max_iter=10_000)
    solution.fit(rows.x.astype(float), rows.y.ravel().astype(int))
    # A softmax is the same for any vector added to all units, so both solutions are centred.
    centred = (lambda array: array) if binary else (lambda array: array - array.mean(axis=-1, keepdims=True))
    np.testing.assert_allclose(centred(kernel), centred(solution.coef_.T), atol=CONVERGED)
    np.testing.assert_allclose(centred(bias), centred(solution.intercept_), atol=CONVERGED)


DEVIANCES = [
    (losses.GammaDeviance(), mean_gamma_deviance),
    (losses.TweedieDeviance(), lambda y, p: mean_tweedie_deviance(y, p, power=1.5)),
    (losses.TweedieDeviance(1.1), lambda y, p: mean_tweedie_deviance(y, p, power=1.1)),
    (losses.Quantile(0.5), mean_pinball_loss),
    (losses.Quantile(0.9), lambda y, p: mean_pinball_loss(y, p, alpha=0.9)),
]


@pytest.mark.parametrize(("loss", "peer"), DEVIANCES, ids=[str(loss) for loss, _ in DEVIANCES])
def test_what_keras_lacks_is_as_in_scikit_learn(engine: Engine, loss: losses.Loss, peer: Callable[..., float]) -> None:
    random = np.random.default_rng(8)
    p = random.uniform(0.1, 4, (ROWS, 1)).astype(np.float32)
    y = random.gamma(2, size=(ROWS, 1)).astype(np.float32)
    if loss.target != "positive":
        y[::3] = 0
    plan = Plan(Network(1, (Dense(1),)), loss, optimizers.SGD())
    ours = engine.evaluate(plan, (np.ones((1, 1), np.float32), np.zeros(1, np.float32)), Matrix(p, y), batch_size=32)
    assert ours == [pytest.approx(peer(y.astype(float), p.astype(float)), rel=1e-5)]


def test_quantiles_of_a_column(engine: Engine) -> None:
    """A network that knows nothing of its rows learns the quantiles of the target."""
    y = np.random.default_rng(3).normal(size=(501, 1)).astype(np.float32)
    quantiles = (0.1, 0.5, 0.8)
    plan = Plan(Network(1, (Dense(3),)), losses.Quantile(quantiles), optimizers.SGD(0.3), batch_size=501)
    rows = Matrix(np.zeros((501, 1), np.float32), np.repeat(y, 3, axis=1))
    _, bias = engine.fit(Job(plan, initial_state(plan), rows, epochs=800)).state.weights
    np.testing.assert_allclose(bias, np.quantile(y, quantiles), atol=0.02)


@pytest.mark.parametrize(
    "loss", [losses.Poisson(), losses.GammaDeviance(), losses.TweedieDeviance(), losses.TweedieDeviance(1.9)], ids=label
)
def test_a_mean_that_is_not_positive_ends_the_run(engine: Engine, loss: losses.Loss) -> None:
    plan = Plan(Network(1, (Dense(1, bias_initializer="ones"),)), loss, optimizers.SGD(), batch_size=1, shuffle=False)
    rows = Matrix(np.array([[0], [-9]], np.float32), np.ones((2, 1), np.float32))
    weights = (np.ones((1, 1), np.float32), np.ones(1, np.float32))
    result = engine.fit(Job(plan, initial_state(plan, weights), rows, epochs=1))
    assert (result.status, result.failed_step) == ("diverged", 1)


@pytest.mark.parametrize("loss", [losses.MeanSquaredError(), losses.BinaryCrossentropy()], ids=label)
def test_a_weight_is_so_many_rows(engine: Engine, loss: losses.Loss) -> None:
    """In a full batch; the loss divides by the rows, so the weights here have a mean of 1."""
    last = Dense(2, "sigmoid" if loss.link else "linear", kernel_regularizer=L1L2(0.01, 0.01))
    plan = Plan(Network(5, (Dense(6, "tanh"), last)), loss, optimizers.Adam(0.01), batch_size=24)
    rows, times = rows_for(plan, 24), np.tile([0, 1, 3, 0, 2, 0], 4)
    weighted = engine.fit(Job(plan, started(plan), replace(rows, weight=times.astype(np.float32)), epochs=20))
    repeated = Matrix(np.repeat(rows.x, times, axis=0), np.repeat(rows.y, times, axis=0))
    expected = engine.fit(Job(plan, started(plan), repeated, epochs=20))
    np.testing.assert_allclose(weighted.training[:, 0], expected.training[:, 0], rtol=1e-4)
    for w, v in zip(weighted.state.weights, expected.state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-5)


def test_rows_of_no_weight_at_all(engine: Engine) -> None:
    plan = replace(PARTS[0].plan, batch_size=4)
    rows = replace(rows_for(plan, 8), weight=np.zeros(8, np.float32))
    result = engine.fit(Job(plan, started(plan), rows, epochs=2))
    assert result.status == "finished"
    assert result.training[:, 0].tolist() == [0, 0]
    for before, after in zip(started(plan).weights, result.state.weights, strict=True):
        np.testing.assert_array_equal(before, after)


def three_layers(optimizer: optimizers.Optimizer, frozen: int) -> Plan:
    """Three layers under a penalty, one of which does not move."""
    layers = [
        Dense(units, "tanh", kernel_regularizer=L1L2(0.01, 0.01), bias_regularizer="l2", trainable=place != frozen)
        for place, units in enumerate((6, 5, 3))
    ]
    network = Network(5, (layers[0], Dropout(0.2), *layers[1:]))
    return Plan(network, losses.MeanSquaredError(), optimizer, batch_size=16)


@pytest.mark.parametrize("frozen", [0, 1, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=label)
def test_a_frozen_layer_does_not_move_while_others_do(
    engine: Engine, optimizer: optimizers.Optimizer, frozen: int
) -> None:
    plan = three_layers(optimizer, frozen)
    before = started(plan)
    after = engine.fit(Job(plan, before, rows_for(plan, 32), epochs=2)).state
    for place, (w, v) in enumerate(zip(before.weights, after.weights, strict=True)):
        assert np.array_equal(w, v) == (place // 2 == frozen), place
        assert len(after.slots[place]) == (0 if place // 2 == frozen else len(optimizer.carried))


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_rate_of_zero_changes_nothing(engine: Engine, part: Part) -> None:
    plan = replace(part.plan, optimizer=replace(part.plan.optimizer, learning_rate=0))
    result = engine.fit(Job(plan, started(plan), part.rows(33), epochs=2))
    assert result.state.step == 6
    for weight, before, after in zip(plan.network.weights, started(plan).weights, result.state.weights, strict=True):
        if "moving_" not in weight.name:  # averages of what passes, which no rate slows down
            np.testing.assert_array_equal(before, after)


def test_a_dropout_of_zero_is_no_dropout(engine: Engine) -> None:
    dense = (Dense(6, "relu"), Dense(3))
    plan = replace(PARTS[0].plan, network=Network(5, dense))
    with_it = replace(plan, network=Network(5, (Dropout(0), dense[0], Dropout(0.0), dense[1])))
    rows = rows_for(plan, 40)
    expected, got = (engine.fit(Job(each, started(plan), rows, epochs=3)).state for each in (plan, with_it))
    for w, v in zip(expected.weights, got.weights, strict=True):
        np.testing.assert_array_equal(w, v)


def _clipping() -> Iterator[optimizers.Optimizer]:
    for limit in (0.01, 0.3, 1e6):
        yield optimizers.SGD(0.5, clipnorm=limit)
        yield optimizers.SGD(0.5, clipvalue=limit)
        yield optimizers.SGD(0.5, global_clipnorm=limit)


@pytest.mark.parametrize("optimizer", [*_clipping()], ids=label)
@pytest.mark.parametrize("frozen", [None, 1])
def test_clipping(engine: Engine, optimizer: optimizers.SGD, frozen: int | None) -> None:
    """``w - lr g min(1, limit / |g|)``: the norm of each array, each number, or the norm of all that move.

    Penalties are included.
    """
    plan = three_layers(optimizer, -1 if frozen is None else frozen)
    before, rows = started(plan), rows_for(plan, 16)
    _, gradients = engine.gradients(replace(plan, shuffle=False), before, rows)
    norms = [np.linalg.norm(g.astype(float)) for g in gradients]
    factors: list[Any]
    if optimizer.clipvalue is not None:
        factors = [np.minimum(1, optimizer.clipvalue / np.maximum(np.abs(g), 1e-30)) for g in gradients]
    elif optimizer.clipnorm is not None:
        factors = [min(1, optimizer.clipnorm / norm) if norm else 0 for norm in norms]
    else:
        factors = [min(1, optimizer.global_clipnorm / np.linalg.norm(norms))] * len(norms)
    after = engine.fit(Job(replace(plan, shuffle=False), before, rows, epochs=1)).state
    for w, g, factor, v in zip(before.weights, gradients, factors, after.weights, strict=True):
        np.testing.assert_allclose(v - w, -0.5 * factor * g, rtol=1e-4, atol=1e-6 * np.abs(w).max())
