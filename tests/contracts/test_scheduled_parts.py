"""Schedules of weight decay and of dropout: each step has numbers of its own, and is that of a plan with these."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tabgrad
from tabgrad import _seeds, layers, losses, optimizers
from tabgrad.callbacks import BackupAndRestore
from tabgrad.engines.base import Engine, Job, Listener, State
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.optimizers import schedules
from tabgrad.optimizers.schedules import CosineDecay, ExponentialDecay, FlatCosine, LearningRateSchedule
from tabgrad.plan import Network, Plan

from .parts import label, rows_for, started
from .test_randomness import masks_seen

RATE, DECAY, OTHER = ExponentialDecay(0.02, 4, 0.5), FlatCosine(0.3, 8), CosineDecay(0.5, 6)
RISING = CosineDecay(0.0, 6, warmup_target=0.6, warmup_steps=3)
RULES = (
    *(
        form(0.01, weight_decay=DECAY)
        for form in (optimizers.SGD, optimizers.AdamW, optimizers.RMSprop, optimizers.Nadam, optimizers.Lion)
    ),
    optimizers.AdamW(RATE, DECAY, use_ema=True, clipnorm=0.1),
    optimizers.Muon(0.01, weight_decay=DECAY, adam_weight_decay=OTHER),
    optimizers.Muon(RATE, weight_decay=None, adam_weight_decay=DECAY),
)


def plan_of(optimizer: optimizers.Optimizer, *drops: Dropout, **options: Any) -> Plan:
    """Two layers, the first with factors of its own, and what is dropped before each."""
    first, second = drops or (Dropout(0.0), Dropout(0.0))
    hidden = Dense(6, "tanh", weight_decay_factor=0.5, learning_rate_factor=2.0)
    network = Network(5, (first, hidden, second, Dense(3)))
    return Plan(network, losses.MeanSquaredError(), optimizer, batch_size=16, **options)


def fixed(plan: Plan, step: int) -> Plan:
    """The plan with the numbers of a step in the place of schedules."""

    def numbers(record: Any) -> Any:
        given = {each.name: getattr(record, each.name) for each in fields(record) if each.init}
        ruled = {name: value for name, value in given.items() if isinstance(value, LearningRateSchedule)}
        return replace(record, **{name: schedule(step) for name, schedule in ruled.items()})

    network = replace(plan.network, layers=tuple(map(numbers, plan.network.layers)))
    return replace(plan, network=network, optimizer=numbers(plan.optimizer))


def assert_as_fixed(engine: Engine, plan: Plan) -> None:
    """Bit for bit: a run of steps of which each is an epoch."""
    rows, expected = rows_for(plan, 16), started(plan)
    got = engine.fit(Job(plan, expected, rows, 12)).state
    for step in range(12):
        job = Job(fixed(plan, step), expected, rows, epochs=step + 1, initial_epoch=step)
        expected = replace(engine.fit(job).state, learning_rate=None)
    assert got.step == expected.step == 12
    assert bits(got) == bits(expected)


def bits(state: State) -> list[bytes]:
    return [array.tobytes() for arrays in (state.weights, *state.slots) for array in arrays]


@pytest.mark.parametrize("optimizer", RULES, ids=label)
def test_a_step_decays_as_under_the_number(engine: Engine, optimizer: optimizers.Optimizer) -> None:
    assert_as_fixed(engine, plan_of(optimizer))


@pytest.mark.parametrize("drops", [(Dropout(RISING), Dropout(0.25)), (Dropout(RISING), Dropout(DECAY, seed=7))])
@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1), RULES[-3]], ids=label)
def test_a_step_drops_as_under_the_number(
    engine: Engine, optimizer: optimizers.Optimizer, drops: tuple[Dropout, ...]
) -> None:
    assert_as_fixed(engine, plan_of(optimizer, *drops))


def test_decay_in_closed_form(engine: Engine) -> None:
    """Of weights without a gradient: the product of 1 - lr_t decay_t over the steps, each array's factors in both."""
    plan = plan_of(optimizers.SGD(RATE, weight_decay=DECAY))
    state, rows = started(plan), rows_for(plan, 16)
    rows = replace(rows, weight=np.zeros(16, np.float32))
    got = engine.fit(Job(plan, state, rows, 10)).state.weights
    for place, (v, w) in enumerate(zip(state.weights, got, strict=True)):
        factor = 2.0 * 0.5 if place < 2 else 1.0
        left = np.prod([1 - factor * RATE(t) * DECAY(t) for t in range(10)])
        np.testing.assert_allclose(w, v * np.float32(left), rtol=2e-6)


@pytest.mark.parametrize("step", [0, 2, 3, 5, 9, 4000])
def test_masks_are_those_of_the_steps_rate(engine: Engine, step: int) -> None:
    """Of gradients, too, which are those of the coming step."""
    shape, rate = (40, 30), RISING(step)
    seen = masks_seen(engine, (Dropout(RISING),), shape, seed=3, step=step)
    kept = _seeds.kept_units(3, step, 0, shape, rate)
    assert kept.mean() == pytest.approx(1 - rate, abs=0.05)
    np.testing.assert_allclose(seen, kept / (1 - rate), rtol=1e-6)


def test_gradients_of_one_network_after_another(native: Engine) -> None:
    """What one call has been told of coming steps is nothing to the next."""
    plan = plan_of(optimizers.SGD(0.1), Dropout(RISING), Dropout(DECAY))
    state, rows = started(plan), rows_for(plan, 16)
    for step in (5, 2, 1030, 3):
        _, got = native.gradients(plan, replace(state, step=step), rows)
        _, expected = native.gradients(fixed(plan, step), replace(state, step=step), rows)
        assert [g.tobytes() for g in got] == [g.tobytes() for g in expected]


def test_formulas_and_functions_are_one(engine: Engine) -> None:
    """Over more steps than are asked for at a time, where formulas are asked seldom and functions before each step."""
    rate, decay, drop = ExponentialDecay(0.05, 900, 0.5), FlatCosine(0.2, 2000), FlatCosine(0.3, 1500)
    steps = 1100 if engine.name == "native" else 40
    plan = plan_of(optimizers.AdamW(rate, decay), Dropout(drop), Dropout(0.1), shuffle=False)
    asked: list[int] = []

    def told(step: int) -> float:
        asked.append(step)
        return drop(step)

    own = plan_of(optimizers.AdamW(rate.__call__, decay.__call__), Dropout(told), Dropout(0.1), shuffle=False)
    mixed = plan_of(optimizers.AdamW(rate, decay.__call__), Dropout(drop), Dropout(0.1), shuffle=False)
    state, rows = started(plan), rows_for(plan, 32)
    expected = bits(engine.fit(Job(plan, state, rows, steps)).state)
    assert [bits(engine.fit(Job(each, state, rows, steps)).state) == expected for each in (own, mixed)] == [True] * 2
    assert asked == list(range(2 * steps))


def test_many_runs_and_threads_change_no_bit(native: Engine) -> None:
    wide = (Dropout(RISING), Dense(256, "relu"), Dropout(DECAY), Dense(256, "relu"), Dense(3))
    plan = replace(plan_of(RULES[-3]), network=Network(64, wide), batch_size=128)
    job = Job(plan, started(plan), rows_for(plan, 256), 3)
    one, three, *many = (
        *(native.fit(job, threads=threads).state for threads in (1, 3)),
        *(result.state for result in native.fit_many([job] * 3, threads=2)),
    )
    assert all(bits(each) == bits(one) for each in (three, *many))


def test_nothing_is_dropped_at_prediction(engine: Engine) -> None:
    dropping, plain = (plan_of(optimizers.SGD(), Dropout(rate), Dropout(rate)) for rate in (lambda: 0.9, 0.0))
    state, rows = started(plain), rows_for(plain, 20)
    same = [engine.predict(plan.network, state.weights, rows.x, batch_size=8).tobytes() for plan in (dropping, plain)]
    scored = [engine.evaluate(plan, state.weights, rows, batch_size=8) for plan in (dropping, plain)]
    assert same[0] == same[1]
    assert scored[0] == scored[1]


def test_a_rate_that_a_listener_sets_stays_free(engine: Engine) -> None:
    """Where schedules rule other numbers alone."""
    plan = plan_of(optimizers.SGD(0.1, weight_decay=DECAY), Dropout(RISING), Dropout(0.1))
    seen: list[float] = []

    def halve(session: Any, epoch: int) -> None:
        seen.append(session.learning_rate)
        session.learning_rate /= 2

    job = Job(plan, started(plan), rows_for(plan, 16), 3, listener=Listener(epoch_begin=halve))
    result = engine.fit(job)
    assert seen == [0.1, 0.05, 0.025]
    assert result.state.learning_rate == 0.0125


def test_batches_one_by_one_are_a_run(engine: Engine) -> None:
    plan = plan_of(RULES[-3], Dropout(RISING), Dropout(0.1), shuffle=False)
    state, rows = started(plan), rows_for(plan, 48)
    steps = engine.begin(plan, state)
    for _ in range(3):
        for start in (0, 16, 32):
            steps.step(rows.part(np.arange(start, start + 16)))
    assert bits(steps.state()) == bits(engine.fit(Job(plan, state, rows, 3)).state)


# ---- In a model ------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X[:, :1]


def model_with(rate: Any = RISING, decay: Any = DECAY) -> Sequential:
    model = Sequential([Dense(5, "tanh", input_dim=4), Dropout(rate), Dense(1)], seed=0)
    model.compile(optimizers.AdamW(RATE, decay), "mse")
    return model


def test_json_and_files_hold_schedules(tmp_path: Path) -> None:
    whole, parted = model_with(), model_with()
    plan = whole.plan(batch_size=8)
    assert Plan.from_json(plan.to_json()) == plan
    assert [of.name for _, of in plan.scheduled] == ["learning rate", "weight decay", "dropout rate"]
    parted.fit(X, Y, batch_size=8, epochs=1, verbose=0)
    parted.save(tmp_path / "parted.tabgrad")
    loaded = tabgrad.load(tmp_path / "parted.tabgrad")
    assert loaded.layers[1].rate == RISING
    assert loaded.optimizer.weight_decay == DECAY
    for model, epochs in ((whole, range(3)), (loaded, range(1, 3))):
        for epoch in epochs:
            model.fit(X, Y, batch_size=8, initial_epoch=epoch, epochs=epoch + 1, verbose=0)
    assert bits(whole.state) == bits(loaded.state)


def test_functions_are_no_data_but_belong_to_a_backup(tmp_path: Path) -> None:
    for model in (model_with(rate=lambda: 0.1), model_with(decay=lambda step: 0.1)):
        with pytest.raises(ArgumentError, match="cannot be written as JSON: code is no data"):
            model.plan().to_json()
    for epochs in (1, 2):  # the second model's function lies at another address
        model = model_with(rate=lambda: 0.1)
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        assert model.fit(X, Y, epochs=epochs, verbose=0, callbacks=backup).epoch == [epochs - 1]


def test_records_are_equal_where_their_schedules_are() -> None:
    f = lambda: 0.1  # noqa: E731
    assert Dropout(f) == Dropout(f) != Dropout(lambda: 0.1)
    assert hash(Dropout(FlatCosine(0.1, 5))) == hash(Dropout(FlatCosine(0.1, 5)))
    assert Dropout(FlatCosine(0.1, 5)) != Dropout(FlatCosine(0.1, 6))
    assert (Dropout(0.25).rate_of(3), Dropout(lambda step: step / 10).rate_of(3)) == (0.25, 0.3)
    assert optimizers.AdamW(weight_decay=f) == optimizers.AdamW(weight_decay=f)
    assert optimizers.AdamW().decaying_in(3) == optimizers.AdamW()
    assert optimizers.AdamW(RATE, DECAY).decaying_in(6) == optimizers.AdamW(RATE, DECAY(6))


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.0, "fast", None])
def test_rates_of_dropout_that_are_none(engine: Engine, bad: Any) -> None:
    plan = plan_of(optimizers.SGD(0.1), Dropout(lambda step: 0.1 if step < 4 else bad), Dropout(0.1))
    result = engine.fit(Job(plan, started(plan), rows_for(plan, 48), 3))
    assert (result.status, result.state.step) == ("interrupted", 3)
    assert str(result.failure) == (
        f"A dropout rate must be a number, finite and in [0, 1). The schedule <lambda> gave {bad!r} for step 4."
    )
    with pytest.raises(ArgumentError, match=r"^A dropout rate must be .* for step 5"):
        engine.gradients(plan, replace(started(plan), step=5), rows_for(plan, 16))


def test_a_formula_is_refused_at_the_step_that_it_spoils(engine: Engine) -> None:
    plan = plan_of(optimizers.SGD(0.1), Dropout(ExponentialDecay(0.5, 4, 2.0)), Dropout(DECAY))
    rows = rows_for(plan, 16)
    assert engine.fit(Job(plan, started(plan), rows, 4)).status == "finished"
    result = engine.fit(Job(plan, started(plan), rows, 5))
    assert (result.status, result.state.step) == ("interrupted", 4)
    assert str(result.failure) == (
        "A dropout rate must be a number, finite and in [0, 1). The schedule ExponentialDecay gave 1.0 for step 4."
    )


def test_decays_that_are_none(engine: Engine) -> None:
    plan = plan_of(optimizers.AdamW(weight_decay=lambda step: 1 - step))
    result = engine.fit(Job(plan, started(plan), rows_for(plan, 16), 5))
    assert str(result.failure) == (
        "A weight decay must be a number, finite and at least 0. The schedule <lambda> gave -1 for step 2."
    )


def test_an_own_schedule_that_raises_says_of_what(engine: Engine) -> None:
    def broken(step: int) -> float:
        raise ZeroDivisionError("mine")

    for optimizer, rate, what in (
        (optimizers.SGD(0.1, weight_decay=broken), 0.1, "weight decay"),
        (optimizers.SGD(0.1), broken, "dropout rate"),
    ):
        plan = plan_of(optimizer, Dropout(rate), Dropout(0.1))
        failure = engine.fit(Job(plan, started(plan), rows_for(plan, 16), 1)).failure
        assert isinstance(failure, ZeroDivisionError)
        assert failure.__notes__ == [f"in the schedule broken of the {what}, for step 0"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Dropout(CosineDecay(2.0, 10)),
            ArgumentError,
            r"A dropout rate must .* gave 2\.0 for step 0",
        ),
        (
            lambda: Dropout(CosineDecay),
            ArgumentTypeError,
            "'rate' takes a schedule, not its class: write CosineD",
        ),
        (
            lambda: Dropout(lambda a, b: 1),
            ArgumentTypeError,
            r"A function as dropout rate must take the step, or nothing\. '<lambda>' takes \(a, b\)",
        ),
        (
            lambda: optimizers.AdamW(weight_decay=lambda a, b: 1),
            ArgumentTypeError,
            r"A function as weight decay must take the step, or nothing\. '<lambda>' takes \(a, b\)",
        ),
        (
            lambda: optimizers.Muon(adam_weight_decay=FlatCosine),
            ArgumentTypeError,
            r"'adam_weight_decay' takes a schedule, not its class: write FlatCosine\(\.\.\.\)",
        ),
        (lambda: layers.AlphaDropout(DECAY), ArgumentTypeError, r"'rate' of AlphaDropout must be a number\. Got FlatC"),
        (
            lambda: Plan(Network(4, (Dropout(DECAY), Dense(1))), losses.MeanSquaredError(), optimizers.LBFGS()),
            ArgumentError,
            "LBFGS minimises one fixed loss, and a Dropout draws another",
        ),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        make()


def test_a_program_checks_what_schedules_give(native: Engine) -> None:
    from tabgrad.engines.native import _ahead, _native_program

    plan = plan_of(optimizers.AdamW(RATE, DECAY), Dropout(RISING), Dropout(0.1))
    rows, program = rows_for(plan, 16), _native_program(plan.network, plan, 16, 1)
    ahead = _ahead(plan)
    assert ahead is not None
    assert ahead(3).shape == (3, schedules.AHEAD)
    given = (rows.x, None, rows.y, None, None)
    for wrong, message in (
        (None, "schedules need the function"),
        (lambda step: np.ones((2, 5)), "too few values"),
        (lambda step: np.ones((3, 0)), "too few values"),
        (lambda step: np.ones(3), "in C order"),
        (lambda step: np.ones((3, 1), np.float32), "in C order"),
    ):
        with pytest.raises((ValueError, RuntimeError), match=message):
            program.gradients(*given, wrong)
    program.gradients(*given, ahead)
