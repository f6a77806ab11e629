"""Networks of public guides for tables, on small tables of the same kind: what they call on Keras runs here.

The guides: "Imbalanced classification: credit card fraud detection" of Keras; "Basic regression: predict fuel
efficiency", "Classification on imbalanced data" and "Overfit and underfit" of TensorFlow. Only the imports differ. What
cannot run is in `test_what_the_guides_do_that_is_not_here`, so that whoever adds it finds the place.
"""

from __future__ import annotations

import numpy as np
import pytest

import tabgrad as keras
from tabgrad import layers, regularizers
from tabgrad.errors import TabgradError

RANDOM = np.random.default_rng(0)
ROWS, COLUMNS = 1_000, 12
X = RANDOM.normal(size=(ROWS, COLUMNS)).astype("float32")
RARE = (X[:, 0] + 0.5 * X[:, 1] > 1.9).astype("uint8")


@pytest.fixture(autouse=True)
def seed():
    keras.set_random_seed(0)


def test_credit_card_fraud(tmp_path):
    train, targets, held_out, held_targets = X[200:], RARE[200:, np.newaxis], X[:200], RARE[:200, np.newaxis]
    negatives, positives = np.bincount(targets[:, 0])
    model = keras.Sequential(
        [
            keras.Input(shape=train.shape[1:]),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.summary(print_fn=lambda _: None)
    metrics = [
        keras.metrics.FalseNegatives(name="fn"),
        keras.metrics.FalsePositives(name="fp"),
        keras.metrics.TrueNegatives(name="tn"),
        keras.metrics.TruePositives(name="tp"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
    ]
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)
    history = model.fit(
        train,
        targets,
        batch_size=128,
        epochs=30,
        verbose=0,
        validation_data=(held_out, held_targets),
        class_weight={0: 1.0 / negatives, 1: 1.0 / positives},
    ).history
    last = {name: values[-1] for name, values in history.items()}
    assert last["tp"] + last["fn"] == positives
    assert last["tn"] + last["fp"] == negatives
    assert last["val_tp"] + last["val_fn"] == held_targets.sum()
    assert last["recall"] == pytest.approx(last["tp"] / positives)
    assert last["val_recall"] > 0.8
    assert last["val_precision"] > 5 * RARE.mean()


def test_fuel_efficiency():
    mpg = 25 - 4 * X[:, 0] + 2 * np.abs(X[:, 1]) + RANDOM.normal(size=ROWS)
    features = 50 + 10 * X
    normalizer = layers.Normalization(axis=-1)
    normalizer.adapt(np.array(features))
    linear = keras.Sequential([normalizer, layers.Dense(units=1)])
    linear.compile(optimizer=keras.optimizers.Adam(learning_rate=0.1), loss="mean_absolute_error")
    linear.fit(features, mpg, epochs=50, verbose=0, validation_split=0.2)
    deep = keras.Sequential(
        [normalizer, layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)]
    )
    deep.compile(loss="mean_absolute_error", optimizer=keras.optimizers.Adam(0.001))
    history = deep.fit(features, mpg, validation_split=0.2, verbose=0, epochs=100)
    assert len(history.epoch) == len(history.history["val_loss"]) == 100
    test = {"linear": linear.evaluate(features, mpg, verbose=0), "deep": deep.evaluate(features, mpg, verbose=0)}
    assert test["deep"] < test["linear"] < 2
    assert deep.predict(features).flatten().shape == (ROWS,)


def test_imbalanced_data(tmp_path):
    metrics = [
        keras.metrics.MeanSquaredError(name="Brier score"),
        keras.metrics.TruePositives(name="tp"),
        keras.metrics.FalsePositives(name="fp"),
        keras.metrics.TrueNegatives(name="tn"),
        keras.metrics.FalseNegatives(name="fn"),
        keras.metrics.BinaryAccuracy(name="accuracy"),
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
        keras.metrics.AUC(name="auc"),
        keras.metrics.AUC(name="prc", curve="PR"),
    ]

    def make_model(output_bias=None):
        if output_bias is not None:
            output_bias = keras.initializers.Constant(output_bias)
        model = keras.Sequential(
            [
                keras.layers.Dense(16, activation="relu", input_shape=(X.shape[-1],)),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1, activation="sigmoid", bias_initializer=output_bias or "zeros"),
            ]
        )
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate=1e-2),
            loss=keras.losses.BinaryCrossentropy(),
            metrics=metrics,
        )
        return model

    share = RARE.mean()
    careful = make_model(output_bias=np.log([share / (1 - share)]))
    plain = make_model()
    first, zero = (model.evaluate(X, RARE, batch_size=128, verbose=0)[0] for model in (careful, plain))
    assert first < zero
    path = tmp_path / "initial.weights.safetensors"
    careful.save_weights(path)
    model = make_model()
    model.load_weights(path)
    early_stopping = keras.callbacks.EarlyStopping(
        monitor="val_prc", verbose=0, patience=10, mode="max", restore_best_weights=True
    )
    history = model.fit(
        X[200:],
        RARE[200:],
        batch_size=128,
        epochs=60,
        callbacks=[early_stopping],
        validation_data=(X[:200], RARE[:200]),
        verbose=0,
    )
    results = dict(zip(model.metrics_names, model.evaluate(X[:200], RARE[:200], verbose=0), strict=True))
    assert results["prc"] == pytest.approx(max(history.history["val_prc"]))
    assert results["auc"] > 0.97


@pytest.mark.parametrize("combined", [False, True])
def test_overfit_and_underfit(combined):
    steps = ROWS // 50
    schedule = keras.optimizers.schedules.InverseTimeDecay(
        0.001, decay_steps=steps * 1000, decay_rate=1, staircase=False
    )
    penalty = {"kernel_regularizer": regularizers.l2(0.0001)} if combined else {}
    first = layers.Dense(64, activation="elu", input_shape=(COLUMNS,), **penalty)
    model = keras.Sequential([first])
    for _ in range(3):
        if combined:
            model.add(layers.Dropout(0.5))
        model.add(layers.Dense(64, **penalty, activation="elu"))
    model.add(layers.Dense(1))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"), "accuracy"],
    )
    history = model.fit(
        X[300:700],
        X[300:700, 0] * X[300:700, 1] > 0,
        batch_size=50,
        epochs=80,
        validation_data=(X[:300], X[:300, 0] * X[:300, 1] > 0),
        callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=200)],
        verbose=0,
    ).history
    gap = history["val_loss"][-1] - history["loss"][-1]
    assert gap < 0 if combined else gap > 0.1  # dropout and a penalty are there to close it


MISSING = {
    "layers.Normalization(axis=None), one scale for all columns": lambda: layers.Normalization(axis=None),
    "predict before fit, where no layer says how wide a row is": lambda: keras.Sequential([layers.Dense(1)]).predict(X),
    "model.layers[-1].bias.assign([0.0])": lambda: compiled().layers[-1].bias.assign([0.0]),
    "model.save('dnn_model.keras')": lambda: compiled().save("dnn_model.keras"),
}


def compiled():
    model = keras.Sequential([layers.Dense(1, "sigmoid", input_shape=(COLUMNS,))])
    model.compile(loss="binary_crossentropy")
    return model


@pytest.mark.parametrize("name", MISSING)
def test_what_the_guides_do_that_is_not_here(name):
    with pytest.raises((TabgradError, AttributeError, TypeError)):
        MISSING[name]()
