"""Factors of learning rate and weight decay: each array steps and decays as under a rate and a decay of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import layers, losses, optimizers
from tabgrad.engines.base import Engine, Job, State
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.errors import ArgumentError
from tabgrad.layers import Dense
from tabgrad.optimizers import schedules
from tabgrad.plan import Network, Plan

from .parts import label, rows_for, started

FACTORS = (0.3, 2.0, 1.0, 0.0)  # kernel and bias of the first layer, then of the second
RULES = [
    optimizers.SGD(0.1),
    optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    optimizers.RMSprop(0.01, epsilon=1e-3),
    optimizers.AdamW(0.01, weight_decay=0.1),
    optimizers.Adamax(0.01),
    optimizers.Nadam(0.01),
    optimizers.Adagrad(0.1),
    optimizers.Adadelta(1.0),
    optimizers.Lion(0.01, weight_decay=0.1),
]


def plan_of(
    optimizer: optimizers.Optimizer, factors: tuple[float, ...] = FACTORS, what: str = "learning_rate", **options: Any
) -> Plan:
    """Two layers whose arrays have these factors."""
    first, second = ({f"{what}_factor": w, f"bias_{what}_factor": b} for w, b in (factors[:2], factors[2:]))
    row = (Dense(6, "tanh", **first, **options), Dense(3, **second, **options))
    return Plan(Network(5, row), losses.MeanSquaredError(), optimizer, batch_size=16, shuffle=False)


@pytest.mark.parametrize("optimizer", RULES, ids=label)
def test_a_first_step_is_that_of_the_arrays_own_rate(engine: Engine, optimizer: optimizers.Optimizer) -> None:
    """Slots and steps of each array are those of a run whose one rate is the array's."""
    plan = plan_of(optimizer)
    state, rows = started(plan), rows_for(plan, 16)
    got = engine.fit(Job(plan, state, rows, 1)).state
    for place, factor in enumerate(FACTORS):
        alone = plan_of(replace(optimizer, learning_rate=optimizer.learning_rate * factor), (1, 1, 1, 1))
        expected = engine.fit(Job(alone, state, rows, 1)).state
        np.testing.assert_allclose(got.weights[place], expected.weights[place], rtol=1e-6, atol=1e-8)
        for slot, other in zip(got.slots[place], expected.slots[place], strict=True):
            np.testing.assert_allclose(slot, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "optimizer", [*(replace(rule, weight_decay=0.1) for rule in RULES), optimizers.Muon()], ids=label
)
def test_a_first_step_decays_by_the_arrays_own_factor(engine: Engine, optimizer: optimizers.Optimizer) -> None:
    """In closed form, from the step without any decay: of Muon its matrices and the rest alike."""
    rates = {"weight_decay": 0.1, "adam_weight_decay": 0.2} if isinstance(optimizer, optimizers.Muon) else {}
    optimizer = replace(optimizer, **rates)
    plan = plan_of(optimizer, FACTORS, "weight_decay")
    still = plan_of(replace(optimizer, **dict.fromkeys(rates or ["weight_decay"])), FACTORS, "weight_decay")
    state, rows = started(plan), rows_for(plan, 16)
    state = replace(state, weights=tuple(np.abs(w) + np.float32(0.5) for w in state.weights))
    got, without = (engine.fit(Job(each, state, rows, 1)).state.weights for each in (plan, still))
    for place, factor in enumerate(FACTORS):
        decay = 0.2 if rates and state.weights[place].ndim == 1 else 0.1
        lost = optimizer.learning_rate * factor * decay * state.weights[place]
        np.testing.assert_allclose(without[place] - got[place], lost, rtol=1e-3, atol=3e-7)


@pytest.mark.parametrize("clip", ["global_clipnorm", "clipnorm", "clipvalue"])
def test_clipping_looks_at_gradients_not_at_steps(engine: Engine, clip: str) -> None:
    """In closed form: w - lr * factor * clipped gradient, the norm over all arrays whatever their factors."""
    plan = plan_of(optimizers.SGD(0.1, **{clip: 0.05}))
    state, rows = started(plan), rows_for(plan, 16)
    _, gradients = engine.gradients(plan, state, rows)
    joint = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    after = engine.fit(Job(plan, state, rows, 1)).state.weights
    for w, v, g, factor in zip(state.weights, after, gradients, FACTORS, strict=True):
        norm = joint if clip == "global_clipnorm" else float(np.linalg.norm(g))
        step = np.clip(g, -0.05, 0.05) if clip == "clipvalue" else g * min(1.0, 0.05 / norm)
        np.testing.assert_allclose(v, w - 0.1 * factor * step, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("optimizer", RULES, ids=label)
def test_a_factor_of_zero_holds_an_array_still(engine: Engine, optimizer: optimizers.Optimizer) -> None:
    plan = plan_of(optimizer)
    before = started(plan)
    after = engine.fit(Job(plan, before, rows_for(plan, 64), 3)).state
    moved = [not np.array_equal(w, v) for w, v in zip(before.weights, after.weights, strict=True)]
    assert moved == [True, True, True, False]


@pytest.mark.parametrize("optimizer", RULES, ids=label)
def test_one_factor_for_all_is_another_rate(native: Engine, optimizer: optimizers.Optimizer) -> None:
    """The same bits, also where a run is broken off and goes on."""
    halved, plan = (
        plan_of(optimizer, (0.5,) * 4),
        plan_of(replace(optimizer, learning_rate=optimizer.learning_rate / 2)),
    )
    plan = plan_of(plan.optimizer, (1, 1, 1, 1))
    state, rows = started(plan), rows_for(plan, 64)
    expected = native.fit(Job(plan, state, rows, 4)).state
    broken = native.fit(Job(halved, native.fit(Job(halved, state, rows, 2)).state, rows, 4, 2)).state
    assert _bits(broken) == _bits(expected)


def test_a_rate_that_a_listener_sets_is_multiplied_too(engine: Engine) -> None:
    plan = plan_of(optimizers.SGD(0.1))
    state, rows = started(plan), rows_for(plan, 16)
    got = engine.fit(Job(plan, replace(state, learning_rate=0.4), rows, 1)).state
    expected = engine.fit(Job(plan_of(optimizers.SGD(0.4)), state, rows, 1)).state
    assert _bits(got) == _bits(expected)


def test_a_rate_of_a_schedule_is_multiplied_too(engine: Engine) -> None:
    whole, half = (schedules.ExponentialDecay(rate, 2, 0.5) for rate in (0.1, 0.05))
    plan, expected = plan_of(optimizers.Adam(whole), (0.5,) * 4), plan_of(optimizers.Adam(half), (1, 1, 1, 1))
    state, rows = started(plan), rows_for(plan, 64)
    assert _bits(engine.fit(Job(plan, state, rows, 2)).state) == _bits(engine.fit(Job(expected, state, rows, 2)).state)


def test_threads_change_no_bit(native: Engine) -> None:
    """Of a network and batches large enough to be shared."""
    wide = (Dense(256, "relu", learning_rate_factor=0.5), Dense(256, "relu", bias_learning_rate_factor=3.0), Dense(3))
    plan = replace(plan_of(optimizers.AdamW(0.01, use_ema=True)), network=Network(64, wide), batch_size=128)
    state, rows = started(plan), rows_for(plan, 256)
    one, three = (native.fit(Job(plan, state, rows, 2), threads=threads).state for threads in (1, 3))
    assert _bits(one) == _bits(three)


def test_parameter_groups_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    plan = plan_of(optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-8))
    state, rows = started(plan), rows_for(plan, 64)
    given = [torch.nn.Parameter(torch.tensor(w)) for w in state.weights]
    first, second = (
        Dense(
            units, activation, learning_rate_factor=rate, bias_learning_rate_factor=of_bias, weight_decay_factor=decay
        )
        for units, activation, rate, of_bias, decay in ((6, "tanh", *FACTORS[:2], 0.0), (3, None, *FACTORS[2:], 3.0))
    )
    decays = (0.0, 0.0, 3.0, 3.0)
    plan = replace(plan, network=Network(5, (first, second)))
    groups = [
        {"params": [w], "lr": 0.01 * factor, "weight_decay": 0.1 * decay}
        for w, factor, decay in zip(given, FACTORS, decays, strict=True)
    ]
    rule = torch.optim.AdamW(groups, weight_decay=0.1, eps=1e-8)
    x, y = torch.tensor(rows.x), torch.tensor(rows.y)
    for start in [0, 16, 32, 48] * 25:
        here = slice(start, start + 16)
        output = torch.tanh(x[here] @ given[0] + given[1]) @ given[2] + given[3]
        rule.zero_grad()
        ((output - y[here]) ** 2).mean().backward()
        rule.step()
    got = ReferenceEngine().fit(Job(plan, state, rows, 25)).state.weights
    for w, v in zip(got, given, strict=True):
        np.testing.assert_allclose(w, v.detach().numpy(), rtol=2e-3, atol=2e-4)  # epsilon has another place there


def test_the_bias_follows_the_layer_unless_it_has_a_factor() -> None:
    def factors(layer: layers.Layer) -> list[float]:
        return [weight.rate_factor for weight in layer.weights(4)]

    def decays(layer: layers.Layer) -> list[float]:
        return [weight.decay_factor for weight in layer.weights(4)]

    assert decays(Dense(2, weight_decay_factor=0.1)) == [0.1, 0.1]
    assert decays(Dense(2, weight_decay_factor=2.0, bias_weight_decay_factor=0.0)) == [2, 0]
    assert decays(layers.LayerNormalization(weight_decay_factor=0.0)) == [0, 0]
    assert decays(layers.PeriodicEmbedding(2, weight_decay_factor=0.0)) == [0] * 4
    assert factors(Dense(2)) == [1, 1]
    assert factors(Dense(2, learning_rate_factor=0.1)) == [0.1, 0.1]
    assert factors(Dense(2, bias_learning_rate_factor=0.1)) == [1, 0.1]
    assert factors(layers.BatchNormalization(learning_rate_factor=0.1))[:2] == [0.1, 0.1]
    assert factors(layers.Embedding((3, 2), 4, learning_rate_factor=0.1)) == [0.1, 0.1]


def test_a_factor_that_is_none() -> None:
    with pytest.raises(ArgumentError, match=r"'learning_rate_factor' of Dense must be at least 0\. Got -0\.1\."):
        Dense(2, learning_rate_factor=-0.1)
    with pytest.raises(ArgumentError, match=r"'bias_learning_rate_factor' of Dense must be at least 0\. Got -1\."):
        Dense(2, bias_learning_rate_factor=-1)
    with pytest.raises(ArgumentError, match=r"'weight_decay_factor' of Scale must be at least 0\. Got -1\."):
        layers.Scale(weight_decay_factor=-1)


def _bits(state: State) -> list[bytes]:
    return [array.tobytes() for arrays in (state.weights, *state.slots) for array in arrays]
