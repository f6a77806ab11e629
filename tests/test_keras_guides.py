"""Networks of public guides for tables, on small tables of the same kind: what they call on Keras runs here.

The guides, each with the layers, sizes and arguments of `compile` and `fit` that it has:

- of Keras "Imbalanced classification: credit card fraud detection", "Structured data classification with FeatureSpace"
  (its network), "Structured data learning with Wide, Deep, and Cross networks" (the first two networks' rows of layers)
  and "Regression Model on Boston Housing Dataset";
- of TensorFlow "Basic regression: Predict fuel efficiency", "Classification on imbalanced data" and "Overfit and
  underfit".

Only the imports differ, and epochs are fewer where a guide has thousands. What cannot run is in
`test_what_the_guides_do_that_is_not_here`, so that whoever adds it finds the place.
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
NOISE = RANDOM.normal(size=ROWS)
RARE = (X[:, 0] + 0.5 * X[:, 1] > 1.9).astype("uint8")


@pytest.fixture(autouse=True)
def seed():
    keras.set_random_seed(0)


def batches(x, y, size):
    """Batches without an end, as of a dataset that is shuffled and repeated."""
    order = np.random.default_rng(1)
    while True:
        places = order.integers(0, len(y), size)
        yield x[places], y[places]


def test_credit_card_fraud():
    features = np.random.default_rng(1).normal(size=(5_000, 30)).astype("float32")
    every_target = (features[:, :1] + 0.5 * features[:, 1:2] > 1.9).astype("uint8")
    train_features, train_targets = features[:-1_000], every_target[:-1_000]
    val_features, val_targets = features[-1_000:], every_target[-1_000:]
    counts = np.bincount(train_targets[:, 0])
    model = keras.Sequential(
        [
            keras.Input(shape=train_features.shape[1:]),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(256, activation="relu"),
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
        train_features,
        train_targets,
        batch_size=2048,
        epochs=30,
        verbose=0,
        validation_data=(val_features, val_targets),
        class_weight={0: 1.0 / counts[0], 1: 1.0 / counts[1]},
    ).history
    last = {name: values[-1] for name, values in history.items()}
    assert last["tp"] + last["fn"] == counts[1]
    assert last["tn"] + last["fp"] == counts[0]
    assert last["val_tp"] + last["val_fn"] == val_targets.sum()
    assert last["recall"] == pytest.approx(last["tp"] / counts[1])
    assert last["val_recall"] > 0.7
    assert last["val_precision"] > 5 * every_target.mean()


def test_fuel_efficiency():
    mpg = 25 - 4 * X[:, 0] + 4 * np.abs(X[:, 1]) + NOISE
    features = 50 + 10 * X
    test_results = {}
    normalizer = layers.Normalization(axis=-1)
    normalizer.adapt(np.array(features))
    linear_model = keras.Sequential([normalizer, layers.Dense(units=1)])
    linear_model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.1), loss="mean_absolute_error")
    linear_model.fit(features, mpg, epochs=100, verbose=0, validation_split=0.2)
    test_results["linear_model"] = linear_model.evaluate(features, mpg, verbose=0)

    def build_and_compile_model(norm):
        model = keras.Sequential(
            [norm, layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"), layers.Dense(1)]
        )
        model.compile(loss="mean_absolute_error", optimizer=keras.optimizers.Adam(0.001))
        return model

    one_normalizer = layers.Normalization(input_shape=[1])
    one_normalizer.adapt(features[:, :1])
    for name, norm, x in (("one", one_normalizer, features[:, :1]), ("dnn_model", normalizer, features)):
        model = build_and_compile_model(norm)
        history = model.fit(x, mpg, validation_split=0.2, verbose=0, epochs=100)
        assert len(history.epoch) == len(history.history["val_loss"]) == 100
        test_results[name] = model.evaluate(x, mpg, verbose=0)
    assert test_results["dnn_model"] < min(test_results["linear_model"], test_results["one"])
    assert model.predict(features).flatten().shape == (ROWS,)


def test_imbalanced_data(tmp_path):
    metrics = [
        keras.metrics.BinaryCrossentropy(name="cross entropy"),
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

    def make_model(metrics=metrics, output_bias=None):
        if output_bias is not None:
            output_bias = keras.initializers.Constant(output_bias)
        model = keras.Sequential(
            [
                keras.layers.Dense(16, activation="relu", input_shape=(X.shape[-1],)),
                keras.layers.Dropout(0.5),
                keras.layers.Dense(1, activation="sigmoid", bias_initializer=output_bias),
            ]
        )
        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate=1e-3),
            loss=keras.losses.BinaryCrossentropy(),
            metrics=metrics,
        )
        return model

    train_features, train_labels, val_features, val_labels = X[200:], RARE[200:], X[:200], RARE[:200]
    neg, pos = np.bincount(train_labels)
    careful, plain = make_model(output_bias=np.log([pos / neg])), make_model()
    first, zero = (model.evaluate(X, RARE, batch_size=2048, verbose=0) for model in (careful, plain))
    assert first[0] < zero[0]
    assert first[0] == pytest.approx(first[1], rel=1e-6)  # the metric is the model's loss
    initial_weights = tmp_path / "initial.weights.safetensors"
    careful.save_weights(initial_weights)
    early_stopping = keras.callbacks.EarlyStopping(
        monitor="val_prc", verbose=0, patience=10, mode="max", restore_best_weights=True
    )
    total = neg + pos
    balanced = {0: (1 / neg) * total / 2.0, 1: (1 / pos) * total / 2.0}
    chosen = [train_labels == 1, train_labels == 0]
    resampled = np.concatenate([np.repeat(train_features[chosen[0]], neg // pos, axis=0), train_features[chosen[1]]])
    labels = np.repeat([1, 0], [len(resampled) - neg, neg])
    for rows, options in (
        ({"x": train_features, "y": train_labels, "batch_size": 2048}, {}),
        ({"x": train_features, "y": train_labels, "batch_size": 2048}, {"class_weight": balanced}),
        ({"x": batches(resampled, labels, 256)}, {"steps_per_epoch": 20}),
    ):
        model = make_model()
        model.load_weights(initial_weights)
        history = model.fit(
            **rows,
            epochs=100,
            callbacks=[early_stopping],
            validation_data=(val_features, val_labels),
            verbose=0,
            **options,
        )
        results = dict(zip(model.metrics_names, model.evaluate(val_features, val_labels, verbose=0), strict=True))
        assert results["prc"] == pytest.approx(max(history.history["val_prc"]))
    assert results["auc"] > 0.95  # of the last one, which saw the most rows


FEATURES = 28
HIGGS = RANDOM.normal(size=(1_000, FEATURES)).astype("float32")
SIGNAL = (HIGGS[:, 0] * HIGGS[:, 1] + 0.5 * HIGGS[:, 2] > 0).astype("float32")


def compile_and_fit(model, epochs):
    batch_size = 500
    steps_per_epoch = 1_000 // batch_size
    lr_schedule = keras.optimizers.schedules.InverseTimeDecay(
        0.001, decay_steps=steps_per_epoch * 1000, decay_rate=1, staircase=False
    )
    assert lr_schedule(np.linspace(0, 100_000)).shape == (50,)  # which the guide draws
    model.compile(
        optimizer=keras.optimizers.Adam(lr_schedule),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"), "accuracy"],
    )
    model.summary(print_fn=lambda _: None)
    callbacks = [keras.callbacks.EarlyStopping(monitor="val_binary_crossentropy", patience=200)]
    return model.fit(
        batches(HIGGS[500:], SIGNAL[500:], batch_size),
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
        validation_data=(HIGGS[:500], SIGNAL[:500]),
        callbacks=callbacks,
        verbose=0,
    ).history


def large(**options):
    return [layers.Dense(512, activation="elu", **options) for _ in range(3)]


def with_dropout(rows):
    return [layer for row in rows for layer in (row, layers.Dropout(0.5))]


FIRST = {"activation": "elu", "input_shape": (FEATURES,)}
L2 = {"kernel_regularizer": regularizers.l2(0.0001)}
SIZES = {
    "tiny": [layers.Dense(16, **FIRST)],
    "small": [layers.Dense(16, **FIRST), layers.Dense(16, activation="elu")],
    "medium": [layers.Dense(64, **FIRST), *(layers.Dense(64, activation="elu") for _ in range(2))],
    "large": [layers.Dense(512, **FIRST), *large()],
    "combined": with_dropout([layers.Dense(512, **FIRST, **L2), *large(**L2)]),
}


def test_overfit_and_underfit():
    gaps = {}
    for name, hidden in SIZES.items():
        history = compile_and_fit(keras.Sequential([*hidden, layers.Dense(1)]), 12)
        gaps[name] = history["val_binary_crossentropy"][-1] - history["binary_crossentropy"][-1]
        penalty = history["loss"][-1] - history["binary_crossentropy"][-1]
        assert penalty > 0.01 if name == "combined" else abs(penalty) < 1e-5
    assert gaps["tiny"] < 0.1 < gaps["large"]
    assert gaps["combined"] < gaps["large"] / 2  # dropout and a penalty are there to close it


def test_the_network_of_the_feature_space():
    """The guide's preprocessing is its own; what it trains on is batches of encoded rows."""
    encoded = np.hstack([X, np.eye(4, dtype="float32")[np.random.default_rng(1).integers(0, 4, ROWS)]])
    target = (X[:, 0] - X[:, 1] + 0.5 * encoded[:, -1] > 0).astype("int64")
    training_model = keras.Sequential(
        [layers.Dense(32, activation="relu"), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")]
    )
    training_model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

    class Batches:
        def __len__(self):
            return 25

        def __getitem__(self, place):
            return encoded[32 * place :][:32], target[32 * place :][:32]

    history = training_model.fit(Batches(), epochs=20, validation_data=(encoded[800:], target[800:]), verbose=0).history
    assert history["val_accuracy"][-1] > 0.85
    assert training_model.predict(encoded[:1]).shape == (1, 1)


@pytest.mark.parametrize("deep", [False, True])
def test_the_rows_of_layers_of_wide_deep_and_cross_networks(deep):
    """The baseline on one-hot columns, and the deep part, whose categories are embedded."""
    random = np.random.default_rng(1)
    soil, area = random.integers(0, 40, 3_000), random.integers(0, 4, 3_000)
    numeric = random.normal(size=(3_000, 10)).astype("float32")
    target = (soil % 7 + (numeric[:, 0] > 0)) % 7
    dimensions = [int(np.sqrt(size)) for size in (40, 4)]
    rows = (
        [numeric, np.stack([soil, area], axis=1)] if deep else np.hstack([numeric, np.eye(40)[soil], np.eye(4)[area]])
    )
    model = keras.Sequential([layers.Embedding([40, 4], dimensions)] if deep else [])
    for units in [32, 32]:
        model.add(layers.Dense(units))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.Dropout(0.1))
    model.add(layers.Dense(units=7, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    model.fit(rows, target, batch_size=265, epochs=60, verbose=0)
    _, accuracy = model.evaluate(rows, target, verbose=0)
    assert accuracy > 0.6
    assert model.metrics_names == ["loss", "sparse_categorical_accuracy"]


def test_boston_housing():
    prices = 22 + 3 * X[:, 0] - 2 * X[:, 1] * (X[:, 2] > 0) + NOISE
    model = keras.Sequential(
        [
            layers.Dense(32, activation="relu", input_shape=[X.shape[1]]),
            layers.Dense(32, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mse", optimizer="adam", metrics=["mae", "mse"])
    early_stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=10)
    model.fit(X, prices, batch_size=32, epochs=100, verbose=0, validation_split=0.3, callbacks=[early_stop])
    loss, mae, mse = model.evaluate(X, prices, verbose=0)
    assert loss == pytest.approx(mse, rel=1e-6)
    assert mae < 1.6


MISSING = {
    "layers.Normalization(axis=None), one scale for all columns": lambda: layers.Normalization(axis=None),
    "adapt on a column that is no table": lambda: layers.Normalization(input_shape=[1]).adapt(X[:, 0]),
    "predict before fit, where no layer says how wide a row is": lambda: keras.Sequential([layers.Dense(1)]).predict(X),
    "model.layers[-1].kernel, .bias.assign([0.0])": lambda: compiled().layers[-1].bias.assign([0.0]),
    "model.save('dnn_model.keras')": lambda: compiled().save("dnn_model.keras"),
    "ModelCheckpoint('fraud_model_at_epoch_{epoch}.keras')": lambda: keras.callbacks.ModelCheckpoint(
        "fraud_model_at_epoch_{epoch}.keras"
    ),
    "functional models, keras.Model(inputs, outputs)": lambda: keras.Model,
    "layers.concatenate, and products of layers' outputs": lambda: layers.concatenate,
    "layers.StringLookup and the other encoders": lambda: layers.StringLookup,
    "keras.utils.FeatureSpace": lambda: keras.utils,
}


def compiled():
    model = keras.Sequential([layers.Dense(1, "sigmoid", input_shape=(COLUMNS,))])
    model.compile(loss="binary_crossentropy")
    return model


@pytest.mark.parametrize("name", MISSING)
def test_what_the_guides_do_that_is_not_here(name):
    with pytest.raises((TabgradError, AttributeError, TypeError)):
        MISSING[name]()
