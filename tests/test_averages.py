"""Running averages of the weights: what `fit` ends with, what callbacks see, what is refused; Keras as oracle."""

import copy
import os
import re

import numpy as np
import pytest

from tabgrad import optimizers
from tabgrad.callbacks import Callback, EarlyStopping, LambdaCallback, SwapEMAWeights
from tabgrad.engines import select
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers import BatchNormalization, Dense
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, Adam, AdamW

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(24, 4)).astype(np.float32)
Y = RANDOM.normal(size=(24, 1)).astype(np.float32)
FIT = {"batch_size": 8, "shuffle": False, "verbose": 0}


def network(optimizer=None):
    model = Sequential([Dense(5, "tanh", input_dim=4), Dense(3, trainable=False), Dense(1)], seed=0)
    model.compile(optimizer or SGD(0.1, use_ema=True, ema_momentum=0.6), "mse")
    return model


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


class Averaged(Callback):
    """Takes the average of its own, from the weights after each step."""

    def __init__(self, momentum):
        self.momentum, self.average, self.own = momentum, None, None

    def on_train_batch_end(self, batch, logs=None):
        self.own = self.model.get_weights()
        first = self.average is None
        pairs = zip(self.own if first else self.average, self.own, strict=True)
        self.average = [a if first else self.momentum * a + (1 - self.momentum) * w for a, w in pairs]
        for a, b in zip(self.average, self.model.get_averages(), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-6, atol=1e-7)


@pytest.fixture(params=select.ENGINES, autouse=True)
def engine(request, monkeypatch):
    monkeypatch.setenv("TABGRAD_ENGINE", request.param)


def test_fit_ends_with_the_averages_and_goes_on_from_them():
    model, averaged = network(), Averaged(0.6)
    before = model.get_weights()
    assert same(model.get_averages(), before)
    model.fit(X, Y, epochs=2, callbacks=[averaged], **FIT)
    for w, a in zip(model.get_weights(), averaged.average, strict=True):
        np.testing.assert_allclose(w, a, rtol=1e-6, atol=1e-7)
    assert not same(averaged.own, averaged.average)
    assert same(model.get_weights()[2:4], before[2:4])
    ends, seen = model.get_weights(), []
    start = LambdaCallback(on_train_batch_begin=lambda batch, logs: seen.append(model.get_weights()))
    model.fit(X, Y, epochs=1, callbacks=[start, averaged], **FIT)
    assert same(seen[0], ends)
    for w, a in zip(model.get_weights(), averaged.average, strict=True):
        np.testing.assert_allclose(w, a, rtol=1e-6, atol=1e-7)


def test_averages_that_warm_up():
    """By the formula over the weights after each step, the first ones included; 0.25 is reached at the third."""
    model = network(SGD(0.1, use_ema=True, ema_momentum=0.25, ema_warm_up=True))
    expected = model.get_weights()
    for momentum in (1 / 10, 2 / 11, 3 / 12, 0.25, 0.25):
        model.train_on_batch(X, Y)
        expected = [momentum * a + (1 - momentum) * w for a, w in zip(expected, model.get_weights(), strict=True)]
        for a, b in zip(model.get_averages(), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert [SGD(ema_warm_up=True).ema_momentum_of(steps) for steps in (0, 90, 889, 890, 10**9)] == [
        *(0.1, 0.91, 890 / 899, 0.99, 0.99)
    ]


def test_single_batches_do_not_end_with_the_averages():
    model = network()
    for _ in range(2):
        model.train_on_batch(X, Y)
    assert not same(model.get_weights(), model.get_averages())
    again = copy.deepcopy(model)
    assert same(again.get_averages(), model.get_averages())


def test_an_epoch_less_fit_leaves_the_weights():
    model = network()
    model.train_on_batch(X, Y)
    model.set_weights([w + 1 for w in model.get_weights()])
    before = model.get_weights()
    model.fit(X, Y, epochs=0, **FIT)
    assert same(model.get_weights(), before)


def test_weights_that_a_callback_restores_at_the_end_stay():
    model, kept = network(), []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    stop = EarlyStopping("loss", restore_best_weights=True, mode="max", patience=1)
    model.fit(X, Y, epochs=5, callbacks=[keep, stop], **FIT)
    assert same(model.get_weights(), kept[0])


def test_overwriting():
    model = network(SGD(0.1, use_ema=True, ema_momentum=0.6, ema_overwrite_frequency=2))
    equal = []
    for _ in range(4):
        model.train_on_batch(X, Y)
        equal.append(same(model.get_weights(), model.get_averages()))
    assert equal == [True, True, False, True]  # the first average is the weights


def test_validation_and_prediction_under_the_callback():
    model, swap = network(), SwapEMAWeights()
    at_ends, scores = [], []

    def judge(epoch, logs):
        own = model.get_weights()
        scores.append(logs["val_loss"])
        model.set_weights(model.get_averages())
        at_ends.append(model.evaluate(X, Y, verbose=0))
        model.set_weights(own)

    note = LambdaCallback(on_epoch_end=judge)
    model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[swap, note], **FIT)
    assert scores == pytest.approx(at_ends, rel=1e-6)
    plain = network()
    plain.fit(X, Y, epochs=3, validation_data=(X, Y), **FIT)
    assert same(plain.get_weights(), model.get_weights())
    assert plain.history.history["loss"] == model.history.history["loss"]
    assert plain.history.history["val_loss"] != pytest.approx(scores, rel=1e-6)
    model.train_on_batch(X, Y)
    own, averages = model.get_weights(), model.get_averages()
    swapped = model.predict(X, callbacks=[swap])
    assert same(model.get_weights(), own)
    model.set_weights(averages)
    assert np.array_equal(swapped, model.predict(X))


@pytest.mark.parametrize("stops", [False, True])
def test_swapping_between_epochs(stops):
    plain, model, seen = network(), network(), []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((model.get_weights(), model.get_averages())))
    ends = [LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))] * stops
    model.fit(X, Y, epochs=2 + stops, callbacks=[SwapEMAWeights(swap_on_epoch=True), note, *ends], **FIT)
    plain.fit(X, Y, epochs=2, **FIT)
    assert all(same(weights, averages) for weights, averages in seen)
    assert same(model.get_weights(), plain.get_weights())
    assert plain.history.history["loss"] == model.history.history["loss"]


def test_what_moves_with_the_batch_is_not_averaged():
    model = Sequential([BatchNormalization(input_shape=(4,)), Dense(1)], seed=0)
    model.compile(SGD(0.1, use_ema=True), "mse")
    for _ in range(3):
        model.train_on_batch(X, Y)
    equal = [np.array_equal(w, a) for w, a in zip(model.get_weights(), model.get_averages(), strict=True)]
    assert equal == [False, False, True, True, False, False]


def test_what_is_refused():
    with pytest.raises(ArgumentError, match=re.escape("'ema_momentum' of Adam must be in [0, 1]. Got 1.5.")):
        Adam(ema_momentum=1.5)
    with pytest.raises(ArgumentError, match=r"'ema_overwrite_frequency' of SGD must be in \[1, 2147483647\]\. Got 0"):
        SGD(use_ema=True, ema_overwrite_frequency=0)
    with pytest.raises(
        ArgumentTypeError, match=r"'ema_overwrite_frequency' of SGD must be an integer or None\. Got 2\.5"
    ):
        SGD(use_ema=True, ema_overwrite_frequency=2.5)
    with pytest.raises(ArgumentTypeError, match=r"'ema_warm_up' of AdamW must be True or False\. Got 1\."):
        AdamW(ema_warm_up=1)
    for callbacks in ([SwapEMAWeights()], SwapEMAWeights(swap_on_epoch=True)):
        with pytest.raises(
            NotReadyError,
            match=r"SwapEMAWeights needs an optimizer that keeps averages.*Adam\(use_ema=True\)\. The model has SG",
        ):
            network(SGD()).fit(X, Y, callbacks=callbacks, verbose=0)
    for model in (Sequential([Dense(1)]), Sequential([Dense(1, input_dim=4)])):  # also before the width is known
        model.compile("sgd", "mse")
        with pytest.raises(NotReadyError, match=r"SwapEMAWeights needs .* The model has SGD"):
            model.fit(X, Y, callbacks=SwapEMAWeights(), verbose=0)
    with pytest.raises(NotReadyError, match=r"SwapEMAWeights needs .* The model is not compiled"):
        Sequential([Dense(1, input_dim=4)]).predict(X, callbacks=SwapEMAWeights())
    with pytest.raises(NotReadyError, match="The model is not compiled"):
        Sequential([Dense(1, input_dim=4)]).get_averages()


def test_a_name_means_nothing():
    named = AdamW(name="mine", use_ema=True)
    assert (named.name, named) == ("mine", AdamW(use_ema=True))
    assert hash(named) == hash(AdamW(use_ema=True))
    model = network(named)
    model.fit(X, Y, **FIT)
    plain = network(AdamW(use_ema=True))
    plain.fit(X, Y, **FIT)
    assert same(model.get_weights(), plain.get_weights())


@pytest.mark.parametrize("argument", ["loss_scale_factor", "gradient_accumulation_steps"])
@pytest.mark.parametrize("form", [Adam, AdamW, SGD])
def test_what_keras_takes_and_we_do_not(form, argument):
    with pytest.raises(ArgumentTypeError, match=f"{form.__name__} takes no argument '{argument}'.*Leave it out"):
        form(**{argument: 2})


@pytest.mark.peers
def test_validation_of_keras_under_the_callback(engine):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    options = {"use_ema": True, "ema_momentum": 0.8}
    for swap in ({}, {"swap_on_epoch": True}):
        model = network(optimizers.Adam(0.01, **options))
        theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "tanh")])
        theirs.add(keras.layers.Dense(3, trainable=False))
        theirs.add(keras.layers.Dense(1))
        theirs.set_weights(model.get_weights())
        theirs.compile(keras.optimizers.Adam(0.01, **options), "mse")
        given = {"epochs": 4, "validation_data": (X, Y), **FIT}
        expected = theirs.fit(X, Y, callbacks=[keras.callbacks.SwapEMAWeights(**swap)], **given).history
        got = model.fit(X, Y, callbacks=[SwapEMAWeights(**swap)], **given).history
        for name in ("loss", "val_loss"):
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-4)
        for w, v in zip(model.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-5)
