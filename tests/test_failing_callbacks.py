"""Callbacks that raise: whichever method it is, the user sees the exception as it is, and the model stays whole."""

import numpy as np
import pytest

from tabgrad.callbacks import Callback, SwapEMAWeights
from tabgrad.engines import select
from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
Y = RANDOM.normal(size=(12, 1)).astype(np.float32)
EPOCHS = 3


@pytest.fixture(params=select.ENGINES, autouse=True)
def engine(request, monkeypatch):
    monkeypatch.setenv("TABGRAD_ENGINE", request.param)


def network(optimizer="adam"):
    model = Sequential([Dense(3, "tanh", input_dim=2), Dropout(0.2), Dense(1)], seed=0)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def rows(fed):
    """An epoch of 3 steps: in the engine's own loop, or from a generator."""
    batches = ((X[4 * (i % 3) :][:4], Y[4 * (i % 3) :][:4]) for i in range(99))
    return {"x": batches, "steps_per_epoch": 3} if fed else {"x": X, "y": Y, "batch_size": 4}


class MineError(Exception):
    """What a callback of these tests raises."""


def failing(hook, at=1):
    """A callback that raises at a call of a hook, counted from 1, and the exception."""
    error, calls = MineError("mine", hook), [0]

    def called(self, *_, **__):
        calls[0] += 1
        if calls[0] == at:
            raise error

    return type("Failing", (Callback,), {hook: called})(), error


# Which of its calls raises, where an epoch has 3 steps and 2 batches of validation: in the second epoch. And the
# epochs that are finished then: one is as soon as its steps are done.
DURING_FIT = {
    "on_train_begin": (1, 0),
    "on_epoch_begin": (2, 1),
    "on_batch_begin": (5, 1),
    "on_train_batch_begin": (5, 1),
    "on_batch_end": (5, 1),
    "on_train_batch_end": (6, 1),
    "on_test_begin": (2, 2),
    "on_test_batch_begin": (4, 2),
    "on_test_batch_end": (3, 2),
    "on_test_end": (2, 2),
    "on_epoch_end": (2, 2),
    "on_train_end": (1, EPOCHS),
}


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("hook", DURING_FIT)
def test_fit_keeps_the_last_finished_epoch(hook, fed):
    at, finished = DURING_FIT[hook]
    model, twin = network(), network()
    callback, error = failing(hook, at)
    settings = {"verbose": 0, "validation_data": (X, Y), "validation_batch_size": 6}
    with pytest.raises(MineError) as raised:
        model.fit(**rows(fed), epochs=EPOCHS, callbacks=[callback], **settings)
    assert raised.value is error
    assert (error.args, error.__cause__, error.__context__) == (("mine", hook), None, None)
    assert not hasattr(error, "__notes__")
    twin.fit(**rows(fed), epochs=finished, **settings)
    assert same(model, twin)
    assert model.state.step == twin.state.step
    assert model.history.epoch == twin.history.epoch
    assert model.history.history.get("loss", []) == twin.history.history.get("loss", [])
    assert model.history.status == ("finished" if hook == "on_train_end" else "interrupted")
    for each in (model, twin):  # nothing of the failed run is left
        each.fit(X, Y, epochs=2, batch_size=4, verbose=0)
    assert same(model, twin)
    assert model.history.history == twin.history.history


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit])
@pytest.mark.parametrize("fed", [False, True])
def test_exceptions_of_any_kind(kind, fed):
    model, error = network(), kind("mine")

    class Failing(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise error

    with pytest.raises(kind) as raised:
        model.fit(**rows(fed), verbose=0, callbacks=[Failing()])
    assert raised.value is error
    assert same(model, network())


PASSES = {
    **dict.fromkeys(["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"], "evaluate"),
    **dict.fromkeys(
        ["on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"], "predict"
    ),
}


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("hook", PASSES)
def test_evaluate_and_predict_leave_the_model_as_it_was(hook, batches):
    model = network(SGD(0.1, use_ema=True, ema_momentum=0.6))
    for _ in range(2):
        model.train_on_batch(X, Y)
    before = model.get_weights()
    arguments = (X, Y) if PASSES[hook] == "evaluate" else (X,)
    if batches:
        arguments = (iter([arguments if len(arguments) == 2 else X]),)
    callback, error = failing(hook)
    with pytest.raises(MineError) as raised:
        getattr(model, PASSES[hook])(*arguments, callbacks=[SwapEMAWeights(), callback], verbose=0)
    assert raised.value is error
    assert (error.args, error.__cause__, error.__context__) == (("mine", hook), None, None)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    model.fit(X, Y, verbose=0)


def test_the_others_hear_nothing_more():
    heard = []

    class Last(Callback):
        def on_epoch_end(self, epoch, logs=None):
            heard.append(epoch)

        def on_train_end(self, logs=None):
            heard.append("end")

    callback, _ = failing("on_epoch_end", 2)
    with pytest.raises(MineError):
        network().fit(X, Y, epochs=4, verbose=0, callbacks=[callback, Last()])
    assert heard == [0]
