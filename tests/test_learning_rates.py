"""Callbacks that change the learning rate, and the one that ends a run whose loss is not finite; Keras as oracle."""

import os

import numpy as np
import pytest

from tabgrad.callbacks import LambdaCallback, LearningRateScheduler, ReduceLROnPlateau, TerminateOnNaN
from tabgrad.errors import ArgumentError, DivergenceError, DivergenceWarning
from tabgrad.layers import Dense
from tabgrad.models import Sequential

X = np.linspace(-1, 1, 12).reshape(-1, 1)
PLATEAUS = [
    {"patience": 1},
    {"patience": 0, "factor": 0.5},
    {"patience": 2, "cooldown": 2, "min_delta": 0.25},
    {"patience": 1, "factor": 0.5, "min_lr": 0.02},
    {"patience": 1, "cooldown": 1, "factor": 0.3, "min_delta": -0.25},
]


def model(optimizer="sgd"):
    built = Sequential([Dense(1, input_dim=1)], seed=0)
    built.compile(optimizer, "mse")
    return built


class Optimizer:
    """Stands for Keras's optimizer, in numbers of Python's precision."""

    learning_rate = 0.1


class Played:
    """Stands for a model of either library that only has a learning rate."""

    def __init__(self):
        self.optimizer, self.higher_is_better = Optimizer(), {}

    @property
    def learning_rate(self):
        return self.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self.optimizer.learning_rate = rate


def rates(callback, values):
    played = Played()
    callback.set_model(played)
    callback.on_train_begin({})
    seen = []
    for epoch, value in enumerate(values):
        logs = {"val_loss": value}
        callback.on_epoch_end(epoch, logs)
        seen += [logs["learning_rate"], played.learning_rate]
    return [*seen, callback.best, callback.wait, callback.cooldown_counter]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_reductions_are_keras_ones(settings, mode):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    random, different = np.random.default_rng(0), set()
    theirs = keras.callbacks.ReduceLROnPlateau(mode=mode, **settings)
    ours = ReduceLROnPlateau(mode=mode, **settings)
    for _ in range(8):
        values = random.random(12).round(1).tolist()
        expected = rates(theirs, values)
        np.testing.assert_allclose(rates(ours, values), expected, rtol=1e-6)
        different.add(tuple(expected[:-3]))
    assert len(different) > 2


def test_a_reduction_is_for_the_next_epoch(capsys):
    fitted = model()
    fitted.compile("sgd", "mse")
    fitted.learning_rate = 0.0  # nothing improves
    lower = LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(fitted, "learning_rate", 0.1) or rise(epoch))

    def rise(epoch):
        fitted.set_weights([[[2.0 + epoch]], [0.0]])

    reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, verbose=1)
    history = fitted.fit(X, 0 * X, epochs=3, verbose=0, callbacks=[lower, reduce])
    assert history.history["learning_rate"] == [0.1, 0.1, 0.1]
    assert fitted.learning_rate == pytest.approx(0.05)
    assert "Epoch 2: ReduceLROnPlateau reducing learning rate to 0.05." in capsys.readouterr().out


@pytest.mark.parametrize("takes", [1, 2])
def test_a_schedule_sets_the_rate_before_the_epoch(takes, capsys):
    asked = []

    def one(epoch):
        return 0.1 / (epoch + 1)

    def two(epoch, rate):
        asked.append(rate)
        return one(epoch)

    fitted, during = model(), []
    note = LambdaCallback(on_train_batch_end=lambda batch, logs: during.append(fitted.learning_rate))
    scheduler = LearningRateScheduler((one, two)[takes - 1], verbose=takes - 1)
    history = fitted.fit(X, X, epochs=3, verbose=0, callbacks=[scheduler, note])
    assert during == history.history["learning_rate"] == [0.1, 0.05, 0.1 / 3]
    if takes == 2:
        assert asked == [0.01, 0.1, 0.05]
        assert "Epoch 2: LearningRateScheduler setting learning rate to 0.05." in capsys.readouterr().out
    else:
        assert capsys.readouterr().out == ""


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_a_scheduled_run_follows_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    theirs.compile("sgd", "mse")
    ours = model()
    theirs.set_weights(ours.get_weights())
    kept = []
    for fitted, callbacks in ((theirs, keras.callbacks), (ours, __import__("tabgrad.callbacks").callbacks)):
        schedule = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else 0.5)
        history = fitted.fit(X, 3 * X + 1, epochs=6, shuffle=False, verbose=0, callbacks=[schedule])
        kept.append((history.history, fitted.get_weights()))
    assert set(kept[0][0]) == set(kept[1][0]) == {"loss", "learning_rate"}
    for name, values in kept[0][0].items():
        np.testing.assert_allclose(kept[1][0][name], values, rtol=1e-5)
    for expected, got in zip(kept[0][1], kept[1][1], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_a_schedule_that_gives_no_rate():
    message = r"must return a learning rate, at least 0\. Got None for epoch 0\."
    with pytest.raises(ArgumentError, match=message):
        model().fit(X, X, verbose=0, callbacks=LearningRateScheduler(lambda epoch: None))


def test_an_error_inside_a_schedule_is_seen_unchanged():
    def schedule(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError) as raised:
        model().fit(X, X, verbose=0, callbacks=LearningRateScheduler(schedule))
    assert raised.value.args == ("mine",)
    assert raised.value.__notes__ == ["in the schedule of LearningRateScheduler, for epoch 0, counted from 0"]


def diverging():
    built = Sequential([Dense(1, input_dim=1)], seed=0)
    built.compile("sgd", "mse")
    built.learning_rate = 1e30
    return built


def test_a_run_that_diverges_says_where(capsys):
    ends = []
    end = LambdaCallback(on_train_end=lambda logs: ends.append("end"))
    with pytest.warns(DivergenceWarning):
        history = diverging().fit(X, X, batch_size=2, epochs=3, verbose=0, callbacks=[TerminateOnNaN(), end])
    assert capsys.readouterr().out == "Batch 1: Invalid loss, terminating training\n"
    assert (history.status, history.history, ends) == ("diverged", {}, ["end"])


def test_a_run_that_diverges_may_raise():
    fitted, ends = diverging(), []
    before = fitted.get_weights()
    end = LambdaCallback(on_train_end=lambda logs: ends.append("end"))
    with pytest.raises(DivergenceError, match=r"The loss stopped being finite in epoch 1, step 2 of 6"):
        fitted.fit(X, X, batch_size=2, epochs=3, verbose=0, callbacks=[end, TerminateOnNaN(raise_error=True)])
    assert (ends, fitted.history.status) == ([], "diverged")
    assert all(np.array_equal(a, b) for a, b in zip(before, fitted.get_weights(), strict=True))
