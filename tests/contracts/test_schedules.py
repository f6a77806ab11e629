"""Schedules: their values against Keras, PyTorch and by hand, and what a model makes of them."""

from __future__ import annotations

import copy
import os
import pickle
import re
from dataclasses import fields
from functools import partial

import numpy as np
import pytest

from tabgrad.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau
from tabgrad.engines.base import Job, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError, UnknownNameError
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, Adam, schedules
from tabgrad.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    FlatCosine,
    InverseTimeDecay,
    LearningRateSchedule,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

from .parts import OWN_SCHEDULES, SCHEDULES

X = np.random.default_rng(0).normal(size=(48, 4))
Y = X[:, 0]
ENGINES = ["reference", "native"]


class Halving(LearningRateSchedule):
    """A user's own."""

    def __init__(self, start, **others):
        self.start = start
        self.asked = []

    def __call__(self, step):
        self.asked.append(step)
        return self.start / 2**step


def model_of(rate, optimizer=SGD):
    model = Sequential([Dense(3, "tanh", input_dim=4), Dense(1)], seed=0)
    model.compile(optimizer(rate), "mse")
    return model


# ---- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if not isinstance(s, OWN_SCHEDULES)], ids=repr)
def test_values_are_keras_s(schedule):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    options = {field.name: getattr(schedule, field.name) for field in fields(schedule)}
    theirs = getattr(keras.optimizers.schedules, type(schedule).__name__)(**options)
    steps = [0, 1, 9, 10, 11, 12, 20, 21, 29, 30, 31, 50, 51, 60, 61, 70, 79, 80, 81, 129]
    np.testing.assert_allclose([schedule(t) for t in steps], [float(theirs(t)) for t in steps], rtol=1e-4, atol=1e-9)
    assert options.keys() == theirs.get_config().keys()


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.0, 1.0])
def test_one_cycle_is_pytorch_s(strategy, share):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.1, total_steps=40, pct_start=share, anneal_strategy=strategy, cycle_momentum=False
    )
    expected = []
    for step in range(40):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < 39:
            theirs.step()
    ours = OneCycle(0.1, 40, pct_start=share, anneal_strategy=strategy)
    np.testing.assert_allclose([ours(t) for t in range(40)], expected, rtol=1e-9)
    if share < 1:
        assert ours(40) == ours(1000) == ours(39)


def test_one_cycle_by_hand():
    schedule = OneCycle(1.0, 11, pct_start=5 / 11, anneal_strategy="linear", div_factor=5, final_div_factor=2)
    np.testing.assert_allclose([schedule(t) for t in (0, 2, 4, 7, 10, 99)], [0.2, 0.6, 1.0, 0.55, 0.1, 0.1])
    assert OneCycle(1.0, 10, pct_start=0, anneal_strategy="linear")(0) == pytest.approx(0.9, abs=1e-5)
    assert OneCycle(1.0, 10, pct_start=1)(9) == 1.0


def test_flat_cosine_by_hand():
    schedule = FlatCosine(0.3, 80)
    steps = [0, 39, 40, 50, 60, 70, 80, 81, 10**6]
    fallen = [(2 + 2**0.5) / 4, 0.5, (2 - 2**0.5) / 4]
    np.testing.assert_allclose([schedule(t) for t in steps], [0.3, 0.3, 0.3, *(0.3 * f for f in fallen), 0, 0, 0])
    early, cosine = FlatCosine(0.3, 80, flat=0.25), CosineDecay(0.3, 60)
    np.testing.assert_allclose(early(np.arange(20.0, 100)), cosine(np.arange(80.0)), atol=1e-16)
    np.testing.assert_allclose(FlatCosine(0.3, 60, flat=0)(np.arange(80.0)), cosine(np.arange(80.0)), atol=1e-16)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_is_one_function_however_it_is_asked(schedule):
    one_by_one = [schedule(t) for t in range(1500)]
    assert all(type(rate) is float for rate in one_by_one)
    np.testing.assert_array_equal(schedule(np.arange(1500)), one_by_one)
    np.testing.assert_array_equal(schedule.rates(0), one_by_one[:1024])
    np.testing.assert_array_equal(schedule.rates(476), one_by_one[476:])
    assert SGD(schedule).rate_of(77) == one_by_one[77]


def test_restarts_begin_where_they_should():
    """Long after the first, where the logarithm's rounding could put a restart one fall too early."""
    schedule = CosineDecayRestarts(1.0, 10, t_mul=3.0)
    begins = [10 * (3**i - 1) // 2 for i in range(12)]
    np.testing.assert_allclose(schedule(np.array(begins)), 1.0)
    assert (schedule(np.array(begins[1:]) - 1) < 0.03).all()


# ---- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_each_step_has_its_own_rate(engine, optimizer):
    """A run under a schedule is one whose rate a listener sets before each step."""
    schedule = ExponentialDecay(0.1, 3, 0.5)
    plain, ruled = model_of(0.1, optimizer), model_of(schedule, optimizer)
    rows = plain._rows("fit", plain._compiled, X, Y, None)[1]
    plan, expected = plain.plan(batch_size=8), []

    def set_rate(session, step):
        session.learning_rate = schedule(step + 6 * len(expected))

    from tabgrad.engines.base import Listener

    listener = Listener(batch_begin=set_rate, epoch_end=lambda *_: expected.append(1))
    known = get_engine(engine).fit(Job(plan, initial_state(plan), rows, 3, listener=listener))
    plan = ruled.plan(batch_size=8)
    result = get_engine(engine).fit(Job(plan, initial_state(plan), rows, 3))
    for w, v in zip(result.state.weights, known.state.weights, strict=True):
        np.testing.assert_array_equal(w, v)
    assert (result.state.step, result.state.learning_rate) == (18, None)


@pytest.mark.parametrize("rate", [CosineDecay(0.1, 10), lambda step: 0.1 / (1 + step)], ids=["formula", "function"])
def test_a_second_fit_goes_on_where_the_first_ended(rate):
    whole, parted = model_of(rate), model_of(rate)
    whole.fit(X, Y, epochs=4, verbose=0)
    for epoch in range(4):
        parted.fit(X, Y, initial_epoch=epoch, epochs=epoch + 1, verbose=0)
    for w, v in zip(whole.get_weights(), parted.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)
    whole.compile(SGD(rate), "mse")
    assert whole.learning_rate == 0.1  # a new optimizer begins anew


def test_many_steps_need_many_looks_at_the_schedule():
    schedule = ExponentialDecay(0.1, 1000, 0.5)
    model = model_of(schedule)
    model.fit(X, Y, batch_size=1, epochs=60, verbose=0)
    own = model_of(schedule.__call__)
    own.fit(X, Y, batch_size=1, epochs=60, verbose=0)
    assert model.state.step == 60 * 48 > 2 * schedules.AHEAD
    for w, v in zip(model.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_array_equal(w, v)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_own_schedule_is_asked_before_each_step(engine):
    schedule = Halving(0.1, name="kept", other=1)
    model = model_of(schedule)
    rows, plan = model._rows("fit", model._compiled, X, Y, None)[1], model.plan(batch_size=16)
    get_engine(engine).fit(Job(plan, initial_state(plan), rows, 2))
    assert schedule.asked == [0, 1, 2, 3, 4, 5]
    assert model.learning_rate == 0.1


def test_functions_of_the_step_or_of_nothing():
    assert SGD(lambda step: step / 10).rate_of(3) == 0.3
    assert SGD(lambda: 0.25).rate_of(3) == 0.25
    assert SGD(partial(pow, 0.5)).rate_of(3) == 0.125
    assert SGD(lambda step: np.float32(0.5)).rate_of(0) == 0.5
    assert SGD(lambda step: np.array([0.5])).rate_of(0) == 0.5
    f = lambda step: 0.1  # noqa: E731
    assert SGD(f) == SGD(f) != SGD(lambda step: 0.1)
    assert SGD(Halving(1)) != SGD(Halving(2))
    assert SGD(CosineDecay(1, 2)) == SGD(CosineDecay(1.0, 2))
    assert hash(SGD(CosineDecay(1, 2))) == hash(SGD(CosineDecay(1.0, 2)))


def test_the_rate_in_force():
    told = []

    class Told(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            told.append(self.model.learning_rate)

    model = model_of(PiecewiseConstantDecay([2, 5], [0.1, 0.2, 0.3]))
    assert model.learning_rate == 0.1
    model.fit(X, Y, batch_size=16, epochs=3, verbose=0, callbacks=[Told()])
    assert told == [0.1, 0.2, 0.3]
    assert model.learning_rate == 0.3
    model.train_on_batch(X, Y)
    assert model.state.step == 10


def test_a_model_with_a_schedule_is_copied_and_pickled():
    model = model_of(CosineDecay(0.1, 10))
    model.fit(X, Y, verbose=0)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert other.learning_rate == model.learning_rate < 0.1
        assert other.optimizer == model.optimizer


def test_wrappers_reach_into_a_schedule():
    pytest.importorskip("sklearn")
    from sklearn.base import clone

    from tabgrad.wrappers.scikit_learn import KerasRegressor

    regressor = KerasRegressor(
        Sequential([Dense(1)]), optimizer=SGD, optimizer__learning_rate=CosineDecay(0.1, 100), epochs=2, verbose=0
    )
    fitted = clone(regressor).fit(X, Y)
    assert fitted.model_.optimizer.schedule == CosineDecay(0.1, 100)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_nobody_sets_a_rate_that_a_schedule_rules():
    model = model_of(CosineDecay(0.1, 10))
    for change in (
        lambda: setattr(model, "learning_rate", 0.2),
        lambda: model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.1)]),
        lambda: model.fit(X, Y, epochs=5, verbose=0, callbacks=[ReduceLROnPlateau("loss", patience=0, min_delta=9)]),
        lambda: model.fit(X, Y, verbose=0, callbacks=[ReduceLROnPlateau("loss")]),  # before it has anything to lower
    ):
        with pytest.raises(ArgumentError, match=r"follows a schedule, CosineDecay\(.*\), and cannot be set"):
            change()


@pytest.mark.parametrize("bad", [float("nan"), -0.1, "fast", None, [0.1, 0.2], float("inf")])
@pytest.mark.parametrize("engine", ENGINES)
def test_rates_that_are_none(engine, bad):
    model = model_of(lambda step: 0.01 if step < 4 else bad)
    rows, plan = model._rows("fit", model._compiled, X, Y, None)[1], model.plan(batch_size=16)
    result = get_engine(engine).fit(Job(plan, initial_state(plan), rows, 3))
    assert (result.status, len(result.training), result.state.step) == ("interrupted", 1, 3)
    assert isinstance(result.failure, ArgumentError)
    assert str(result.failure) == (
        f"A learning rate must be a number, finite and at least 0. The schedule <lambda> gave {bad!r} for step 4."
    )


def test_an_own_schedule_that_raises():
    def broken(step):
        if step == 4:
            raise ZeroDivisionError("mine")
        return 0.01

    model = model_of(broken)
    with pytest.raises(ZeroDivisionError) as raised:
        model.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    assert (raised.value.args, raised.value.__cause__) == (("mine",), None)
    assert raised.value.__notes__ == ["in the schedule broken of the learning rate, for step 4"]
    assert model.history.epoch == [0]
    assert model.state.step == 3


def test_an_own_schedule_without_its_method():
    class Empty(LearningRateSchedule):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty needs a method __call__\(self, step\)"):
        SGD(Empty()).rate_of(0)


def test_code_is_no_data():
    for rate in (Halving(0.1), lambda step: 0.1):
        with pytest.raises(ArgumentError, match="cannot be written as JSON: code is no data"):
            model_of(rate).plan().to_json()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ExponentialDecay(-1, 10, 0.5),
            ArgumentError,
            "'initial_learning_rate' of ExponentialDecay must be at",
        ),
        (lambda: ExponentialDecay(1, 0, 0.5), ArgumentError, "'decay_steps' of ExponentialDecay must be at least 1."),
        (lambda: ExponentialDecay(1, 10, 0), ArgumentError, "'decay_rate' of ExponentialDecay must be above 0."),
        (lambda: ExponentialDecay(1, 10, decay=1), ArgumentTypeError, "ExponentialDecay takes no argument 'decay'"),
        (
            lambda: ExponentialDecay(1, 10, 1, "no"),
            ArgumentTypeError,
            "'staircase' of ExponentialDecay must be True",
        ),
        (lambda: InverseTimeDecay(1, 10, -1), ArgumentError, "'decay_rate' of InverseTimeDecay must be at"),
        (lambda: PolynomialDecay(1, 10, power=0), ArgumentError, "'power' of PolynomialDecay must be above 0."),
        (
            lambda: PolynomialDecay(1, 10, -0.1),
            ArgumentError,
            "'end_learning_rate' of PolynomialDecay must be at",
        ),
        (
            lambda: PiecewiseConstantDecay([5, 3], [1, 2, 3]),
            ArgumentError,
            "'boundaries' of PiecewiseConstantDecay must be whole numbers in rising order. Got [5, 3].",
        ),
        (
            lambda: PiecewiseConstantDecay([1.5], [1, 2]),
            ArgumentError,
            "'boundaries' of PiecewiseConstantDecay must be whole numbers in rising order. Got [1.5].",
        ),
        (
            lambda: PiecewiseConstantDecay([5], [1]),
            ArgumentError,
            "'values' of PiecewiseConstantDecay must be one more than 'boundaries': the rates before, between and "
            "after them. Got 1 values for 1 boundaries.",
        ),
        (lambda: CosineDecay(1, 10, alpha=2), ArgumentError, "'alpha' of CosineDecay must be in [0, 1]. Got 2."),
        (
            lambda: CosineDecay(1, 10, warmup_steps=-1),
            ArgumentError,
            "'warmup_steps' of CosineDecay must be at",
        ),
        (
            lambda: CosineDecayRestarts(1, 10, t_mul=0.5),
            ArgumentError,
            "'t_mul' of CosineDecayRestarts must be at",
        ),
        (lambda: CosineDecayRestarts(1, 10, m_mul=0), ArgumentError, "'m_mul' of CosineDecayRestarts must be above 0."),
        (lambda: FlatCosine(1, 10, 1), ArgumentError, "'flat' of FlatCosine must be in [0, 1). Got 1."),
        (lambda: FlatCosine(-1, 10), ArgumentError, "'initial' of FlatCosine must be at least 0. Got -1."),
        (lambda: OneCycle(1, 1), ArgumentError, "'total_steps' of OneCycle must be at least 2. Got 1."),
        (
            lambda: OneCycle(1, 9, anneal_strategy="cosine"),
            UnknownNameError,
            "Unknown anneal_strategy of OneCycle",
        ),
        (
            lambda: Adam("cosine"),
            ArgumentTypeError,
            "'learning_rate' of Adam must be a number or",
        ),
        (
            lambda: Adam(CosineDecay),
            ArgumentTypeError,
            "'learning_rate' takes a schedule, not its class: write CosineDecay(...).",
        ),
        (
            lambda: Adam(lambda epoch, rate: rate),
            ArgumentTypeError,
            "A function as learning rate must take the step, or nothing. '<lambda>' takes (epoch, rate).",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        make()


def test_a_schedule_needs_a_compiled_model():
    with pytest.raises(NotReadyError):
        Sequential([Dense(1)]).learning_rate  # noqa: B018
