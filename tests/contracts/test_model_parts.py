"""A model taken apart: its layers by name and place, frozen layers, and the model as plain data."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import threading

import numpy as np
import pytest

from tabgrad import metrics
from tabgrad.callbacks import Callback
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, NotReadyError, UnknownNameError
from tabgrad.layers import BatchNormalization, Dense, Dropout, Embedding, Flatten, Input, Layer, Residual
from tabgrad.models import Sequential, clone_model, model_from_json
from tabgrad.optimizers import SGD, Adam
from tabgrad.optimizers.schedules import CosineDecay

from . import parts

X = np.random.default_rng(0).normal(size=(48, 5))
Y = X[:, :1] * 2


def network(**options):
    return Sequential(
        [Dense(6, "tanh", input_dim=5), BatchNormalization(), Dropout(0.2), Dense(4, "relu"), Dense(1, name="last")],
        seed=0,
        **options,
    )


def fitted(model=None):
    model = model or network()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, batch_size=16, verbose=0)
    return model


def same(a, b):
    return len(a) == len(b) and all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))


# ---- layers of a model -----------------------------------------------------------------------------------------------


def test_a_layer_reads_like_its_record():
    model = network()
    first = model.layers[0]
    assert isinstance(first, Dense)
    assert isinstance(first, Layer)
    assert not isinstance(first, Dropout)
    assert first == Dense(6, "tanh", input_dim=5)
    assert first != Dense(7, "tanh", input_dim=5)
    assert hash(first) == hash(Dense(6, "tanh", input_dim=5))
    assert (first.units, first.activation.kind, first.trainable, first.name) == (6, "tanh", True, "dense")
    assert repr(first) == repr(first.record) == repr(Dense(6, "tanh", input_dim=5))
    assert {"units", "get_weights", "trainable"} <= set(dir(first))
    assert first.__class__.__name__ == "Dense"
    for taken in (copy.copy(first), copy.deepcopy(first), pickle.loads(pickle.dumps(first))):  # noqa: S301
        assert type(taken) is Dense
        assert taken == first.record


def test_layers_taken_from_a_model_make_another():
    model = fitted()
    again = Sequential(model.layers, seed=0)
    assert same(again.get_weights(), Sequential(network()._layers, seed=0).get_weights())
    again.add(model.layers[-1].record.__class__(1))
    inner = Sequential([Dense(4, input_dim=4), Residual([model.get_layer("dense_1")])])
    assert fitted(Sequential([Dense(4), *inner.layers[1:], Dense(1)])).history.epoch == [0, 1]


def test_layers_by_name_and_place():
    model = network()
    names = ["dense", "batch_normalization", "dropout", "dense_1", "last"]
    assert [layer.name for layer in model.layers] == names
    assert [model.get_layer(name) for name in names] == model.layers
    assert [model.get_layer(index=place).name for place in range(-5, 5)] == names * 2
    assert [layer.output_shape for layer in model.layers] == [(None, 6)] * 3 + [(None, 4), (None, 1)]
    unbuilt = Sequential([Dense(3)])
    assert unbuilt.get_layer("dense").output_shape is None
    assert unbuilt.layers[0].get_weights() == []


def test_weights_of_a_layer():
    model = fitted()
    arrays = model.get_weights()
    assert [len(layer.get_weights()) for layer in model.layers] == [2, 4, 0, 2, 2]
    assert same([array for layer in model.layers for array in layer.weights], arrays)
    assert [layer.count_params() for layer in model.layers] == [36, 24, 0, 28, 5]
    model.get_layer("last").set_weights([np.ones((4, 1)), [0.5]])
    assert same(model.get_weights(), [*arrays[:-2], np.ones((4, 1), np.float32), np.array([0.5], np.float32)])
    assert [len(a) for a in (model.weights, model.trainable_weights, model.non_trainable_weights)] == [10, 8, 2]


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda m: m.get_layer(), ArgumentError, "get_layer takes a 'name' or an 'index'. Got neither."),
        (lambda m: m.get_layer("dense", 0), ArgumentError, "get_layer takes a 'name' or an 'index'. Got both."),
        (lambda m: m.get_layer("dence"), UnknownNameError, "Unknown layer 'dence'. Did you mean 'dense'? Known: batch"),
        (lambda m: m.get_layer(3), ArgumentTypeError, "'name' of get_layer must be a string. Got 3."),
        (lambda m: m.get_layer(index=5), ArgumentError, "'index' of get_layer must be below 5, the number of layers."),
        (lambda m: m.get_layer(index=-6), ArgumentError, "'index' of get_layer must be below 5, the number of layers."),
        (lambda m: m.get_layer(index="last"), ArgumentTypeError, "'index' of get_layer must be an integer."),
        (
            lambda m: setattr(m.layers[0], "units", 3),
            ArgumentError,
            "Only 'trainable' of a model's layer can be set, no",
        ),
        (
            lambda m: setattr(m.layers[0], "x", 3),
            ArgumentError,
            "Only 'trainable' of a model's layer can be set, not 'x",
        ),
        (
            lambda m: setattr(m.layers[0], "trainable", 1),
            ArgumentTypeError,
            "'trainable' of Dense must be True or False.",
        ),
        (
            lambda m: setattr(m, "trainable", "no"),
            ArgumentTypeError,
            "'trainable' of Sequential must be True or False.",
        ),
        (
            lambda m: m.layers[0].set_weights([[1]]),
            DataError,
            "The layer 'dense' has 2 arrays. set_weights was given 1.",
        ),
        (
            lambda m: m.layers[0].set_weights(None),
            DataError,
            "set_weights takes a list of arrays, as get_weights gives it. Got NoneType.",
        ),
        (
            lambda m: m.layers[2].set_weights([[1]]),
            DataError,
            "The layer 'dropout' has 0 arrays. set_weights was given",
        ),
        (
            lambda m: Sequential([Dense(1)]).layers[0].set_weights([[[1]], [1]]),
            DataError,
            "The layer 'dense' has 0 arrays. set_weights was given 2. Build the model first: its shapes are not known.",
        ),
    ],
)
def test_what_is_refused(ask, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        ask(network())


def test_no_attribute_that_the_record_has_not():
    with pytest.raises(AttributeError, match="kernell"):
        network().layers[0].kernell  # noqa: B018


def test_a_layer_that_left_its_model():
    model = network()
    last = model.layers[-1]
    model.pop()
    assert last == Dense(1, name="last")
    for ask in (lambda: last.name, last.get_weights, lambda: setattr(last, "trainable", False)):
        with pytest.raises(NotReadyError, match=r"^This layer is no longer in its model"):
            ask()
    model.add(Dense(2))
    with pytest.raises(NotReadyError):
        last.get_weights()


# ---- frozen layers ---------------------------------------------------------------------------------------------------


def test_frozen_layers_stay_and_the_others_learn():
    model = fitted()
    before = model.get_weights()
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert [layer.trainable for layer in model.layers] == [False] * 4 + [True]
    assert [len(arrays) for arrays in (model.trainable_weights, model.non_trainable_weights)] == [2, 8]
    assert same(model.get_weights(), before)
    model.fit(X, Y, epochs=2, verbose=0)
    after = model.get_weights()
    assert same(after[:-2], before[:-2])  # the moving averages of a frozen batch normalisation among them
    assert not same(after[-2:], before[-2:])
    for layer in model.layers:
        layer.trainable = True
    model.fit(X, Y, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(after, model.get_weights(), strict=True))


def test_a_model_frozen_after_training_is_one_frozen_from_the_start():
    """Nothing is left of what the optimizer carried."""
    model = fitted()
    other = Sequential([layer.record for layer in model.layers], seed=0)
    other.compile("adam", "mse", metrics=["mae"])
    other.set_weights(model.get_weights())
    for each in (model, other):
        each.get_layer("dense").trainable = False
    assert model.state.step == 0
    histories = [each.fit(X, Y, epochs=4, initial_epoch=2, shuffle=False, verbose=0).history for each in (model, other)]
    assert histories[0] == histories[1]
    assert same(model.get_weights(), other.get_weights())


def test_a_whole_model_frozen_and_freed():
    model = fitted()
    before = model.get_weights()
    model.trainable = False
    assert not model.trainable
    model.fit(X, Y, verbose=0)
    assert same(model.get_weights(), before)
    model.trainable = True
    assert all(layer.trainable for layer in model.layers)
    state = model.state
    model.layers[0].trainable = True  # as it was: the optimizer keeps what it carries
    assert model.state.step == state.step
    assert Sequential().trainable


def test_a_frozen_block():
    model = fitted(Sequential([Dense(4, input_dim=5), Residual([Dense(4, "tanh"), BatchNormalization()]), Dense(1)]))
    before = model.get_weights()
    model.get_layer("residual").trainable = False
    model.fit(X, Y, verbose=0)
    kept = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert kept == [False] * 2 + [True] * 6 + [False] * 2


def test_nothing_is_frozen_in_the_middle_of_a_run():
    class Freezes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[0].trainable = False

    with pytest.raises(NotReadyError, match="trainable cannot be called while the model is being fitted"):
        fitted().fit(X, Y, verbose=0, callbacks=[Freezes()])


@pytest.mark.peers
def test_frozen_as_in_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    layers = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, "tanh"),
            layers.BatchNormalization(),
            layers.Dense(4, "relu"),
            layers.Dense(1),
        ]
    )
    ours = Sequential([Dense(6, "tanh", input_dim=5), BatchNormalization(), Dense(4, "relu"), Dense(1)])
    for place, layer in enumerate(ours.layers):
        layer.set_weights([np.asarray(w) for w in theirs.layers[place].get_weights()])
    for model in (ours, theirs):
        model.layers[1].trainable = False
        model.get_layer(index=2).trainable = False
        model.compile("sgd", "mse")
        model.fit(X.astype("f4"), Y.astype("f4"), batch_size=16, epochs=5, shuffle=False, verbose=0)
    for place, layer in enumerate(ours.layers):
        for a, b in zip(layer.get_weights(), theirs.layers[place].get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert [w.shape for w in ours.trainable_weights] == [tuple(w.shape) for w in theirs.trainable_weights]


# ---- as plain data ---------------------------------------------------------------------------------------------------


RECORDS = {type(record).__name__: record for part in parts.PARTS for record in parts.records_of(part.plan)}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_record_has_a_configuration(record):
    try:
        text = json.dumps(record.get_config())
    except ArgumentError as error:
        assert "code is no data" in str(error)  # noqa: PT017
        return
    assert type(record).from_config(json.loads(text)) == record


@pytest.mark.parametrize("part", parts.LAYERS, ids=str)
def test_every_network_has_json(part):
    model = Sequential(part.plan.network.layers)
    columns = part.plan.network
    if columns.codes and columns.inputs:
        model.build([(None, columns.inputs), (None, columns.codes)])
    else:
        model.build((None, columns.inputs or columns.codes))
    again = model_from_json(model.to_json())
    assert again._network == model._network == part.plan.network
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


def test_a_model_as_json_and_back():
    model = network(name="mine")
    optimizer = Adam(CosineDecay(0.1, 10), clipnorm=1)
    model.compile(optimizer, "mse", metrics=["mae", metrics.RootMeanSquaredError(name="off")], weighted_metrics=["mse"])
    text = model.to_json(indent=2)
    assert text.startswith('{\n  "class": "models.Sequential"')
    again = model_from_json(text)
    assert again.to_json(indent=2) == text
    assert (again.name, again.optimizer, again.loss, again.layers) == ("mine", optimizer, model.loss, model.layers)
    assert again.metrics_names == model.metrics_names
    assert again.seed != model.seed
    assert not same(again.get_weights(), model.get_weights())
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(X), model.predict(X))
    assert not model_from_json(network().to_json()).compiled


def test_accuracy_stays_the_one_that_fits():
    model = Sequential([Dense(3, "softmax", input_dim=5)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    again = model_from_json(model.to_json())
    assert again.metrics_names == ["loss", "acc"]
    assert again.plan().metrics == model.plan().metrics


def test_configurations_of_models():
    model = Sequential([Input((5,)), Dense(2)], name="a")
    config = model.get_config()
    assert (config["name"], config["input_shape"], len(config["layers"])) == ("a", [None, 5], 2)
    assert json.loads(json.dumps(config)) == config
    assert Sequential.from_config(config).layers == model.layers
    fresh = Sequential([Dense(2)])
    assert not Sequential.from_config(fresh.get_config()).built
    assert fresh.get_compile_config() is None
    model.compile(SGD(0.3, momentum=0.9), "mae")
    other = clone_model(model)
    assert not other.compiled
    other.compile_from_config(model.get_compile_config())
    assert other.optimizer == SGD(0.3, momentum=0.9)
    assert model.get_layer("dense").get_config()["name"] == "dense"


def test_a_clone_is_another_model():
    model = fitted()
    twin = clone_model(model)
    assert (twin.name, twin.layers) == (model.name, model.layers)
    assert twin.seed != model.seed
    assert not twin.compiled
    assert not same(twin.get_weights(), model.get_weights())
    fitted(twin)
    codes = Sequential([Embedding(7, 2), Flatten(), Dense(1)])
    codes.build((None, 3))
    assert clone_model(codes).input_shape == (None, 3)


def test_a_model_learns_what_its_json_learns():
    model = fitted()
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    again._seed = model.seed
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def lopsided(y_true, y_pred):
    return ((y_pred - y_true) ** 2).mean(axis=1), 2 * (y_pred - y_true)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: model_from_json("{"), ArgumentError, "'json_string' of model_from_json is no JSON: "),
        (lambda: model_from_json(3), ArgumentTypeError, "'json_string' of model_from_json must be a string. Got 3."),
        (
            lambda: model_from_json("[]"),
            ArgumentError,
            "The JSON is not a model's, whose 'class' is 'models.Sequential'",
        ),
        (
            lambda: model_from_json('{"class": "models.Sequential", "config": {"layers": [{"class": "layers.Dens"}]}}'),
            ArgumentError,
            "Unknown class 'layers.Dens' in the JSON of a plan or model. Did you mean 'layers.Dense'?",
        ),
        (
            lambda: model_from_json('{"class": "models.Sequential", "config": {"layers": [{"class": "os.system"}]}}'),
            ArgumentError,
            "Unknown class 'os.system'",
        ),
        (
            lambda: model_from_json('{"class": "models.Sequential", "config": {"layers": ["dense"]}}'),
            ArgumentError,
            "'layers' of a model's configuration must hold layers. Number 0 is 'dense'.",
        ),
        (
            lambda: model_from_json('{"class": "models.Sequential"}'),
            ArgumentTypeError,
            "The configuration of a model must be what get_config gave, a dict. Got None.",
        ),
        (
            lambda: model_from_json(
                '{"class": "models.Sequential", "config": {"layers": [{"class": "layers.Dense", "units": -1}]}}'
            ),
            ArgumentError,
            "'units' of Dense must be at least 1. Got -1.",
        ),
        (
            lambda: model_from_json(
                '{"class": "models.Sequential", "config": {"layers": [{"class": "layers.Dense", "unit": 1}]}}'
            ),
            ArgumentTypeError,
            "Dense takes no argument 'unit' (did you mean 'units'?).",
        ),
        (lambda: model_from_json("[" * 100_000), ArgumentError, "'json_string' of model_from_json is no JSON: "),
        (
            lambda: Sequential.from_config({"layers": [{"class": ["layers.Dense"]}]}),
            ArgumentError,
            "Unknown class ['layers.Dense'] in the JSON of a plan or model.",
        ),
        (
            lambda: Sequential.from_config({**network().get_config(), "input_shape": [None, 5, 5]}),
            ArgumentError,
            "'input_shape' of from_config must be (None, features). Got [None, 5, 5].",
        ),
        (
            lambda: Sequential.from_config({**network().get_config(), "input_shape": [None, 77]}),
            ArgumentError,
            "from_config was given 77 columns, but the model takes",
        ),
        (lambda: Sequential.from_config([]), ArgumentTypeError, "The configuration of a model must be what get_config"),
        (lambda: Dense.from_config([1]), ArgumentTypeError, "'config' of Dense must be what get_config gave, a dict."),
        (lambda: network().compile_from_config({}), ArgumentTypeError, "What a model is compiled with must be what ge"),
        (lambda: clone_model(Dense(1)), ArgumentTypeError, "'model' of clone_model must be a Sequential. Got Dense("),
    ],
)
def test_bad_data(make, error, message):
    with pytest.raises(error, match="^" + re.escape(message)):
        make()


@pytest.mark.parametrize(
    "options", [{"loss": lopsided}, {"metrics": [lambda y, p: 0.0]}, {"optimizer": SGD(lambda step: 0.1)}]
)
def test_code_is_no_data(options):
    model = network()
    model.compile(**{"loss": "mse", **options})
    with pytest.raises(ArgumentError, match="is a function or class of your own, which cannot be written as JSON"):
        model.to_json()
    assert clone_model(model).layers == model.layers  # which needs none of it


def test_other_threads_may_not_freeze_a_running_model():
    model, failures = fitted(), []

    class Waits(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            def freeze():
                try:
                    model.layers[0].trainable = False
                except NotReadyError as error:
                    failures.append(error)

            thread = threading.Thread(target=freeze)
            thread.start()
            thread.join()

    model.fit(X, Y, verbose=0, callbacks=[Waits()])
    assert len(failures) == 1
