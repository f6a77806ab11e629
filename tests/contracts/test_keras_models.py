"""Models to and from Keras: the same predictions, and a fit that goes on in the other library as if nothing were."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import activations, layers, losses, metrics, optimizers
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers import Dense
from tabgrad.matrix import Matrix
from tabgrad.models import Sequential

from .parts import OURS_ALONE, OWN_OPTIONS, OWN_SCHEDULES, PARTS, Part, records_of, started

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
keras = pytest.importorskip("keras")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ROWS, BATCH = 40, 8  # five steps an epoch
CLOSE = 1e-4

LACKING = (
    losses.Function,
    losses.GammaDeviance,
    losses.Quantile,
    losses.TweedieDeviance,
    metrics.CohenKappa,
    metrics.MatthewsCorrelationCoefficient,
    metrics.MeanMetricWrapper,
    *OWN_SCHEDULES,
    *OURS_ALONE,
)
"""What Keras does not have."""


def carried(part: Part) -> bool:
    """Whether Keras has everything in the part's plan."""
    labels = part.plan.loss.target == "labels"
    scheduled = any(of is not optimizers.schedules.LEARNING_RATE for _, of in part.plan.scheduled)
    return not scheduled and not any(
        isinstance(record, LACKING)
        or (isinstance(record, activations.Gelu) and record.approximate)
        or any(getattr(record, name, plain) != plain for name, plain in OWN_OPTIONS.items())
        or (labels and isinstance(record, metrics.Metric) and record.labels is None)
        for record in records_of(part.plan)
    )


def draws(part: Part) -> bool:
    """Whether noise makes the run another than Keras's."""
    return any(
        getattr(record, "rate", 0) != 0 or getattr(record, "stddev", 0) > 0
        for record in records_of(part.plan.network)
        if isinstance(record, layers.Layer)
    )


def functional(part: Part) -> bool:
    """Whether the model branches in Keras."""
    records = list(records_of(part.plan.network))
    embedding = part.plan.network.embedding
    own = embedding is not None and not (embedding.shared and not part.plan.network.inputs)
    return own or any(isinstance(record, layers.Residual) for record in records)


def ours(part: Part) -> Sequential:
    """The part's plan as a model."""
    plan = part.plan
    network = plan.network
    shape = [(width,) for width in (network.inputs, network.codes) if width]
    model = Sequential([layers.Input(shape if len(shape) > 1 else shape[0]), *network.layers], seed=1)
    model.compile(plan.optimizer, plan.loss, metrics=plan.metrics, weighted_metrics=plan.weighted_metrics)
    model.set_weights(started(plan).weights)
    return model


def given(rows: Matrix) -> Any:
    """The one or two matrices of a table's rows."""
    tables = [matrix for matrix in (rows.x, rows.codes) if matrix is not None and matrix.shape[1]]
    return tables if len(tables) > 1 else tables[0]


def trained(model: Any, part: Part, epochs: int = 1) -> dict[str, Any]:
    rows = part.rows(ROWS)
    return model.fit(
        given(rows), rows.y, sample_weight=rows.weight, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0
    ).history


def assert_same(one: Any, other: Any, part: Part, close: float = CLOSE) -> None:
    """Predictions of two models."""
    x = given(part.rows(BATCH, seed=1))
    a, b = (np.asarray(model.predict(x) if isinstance(model, Sequential) else model(x)) for model in (one, other))
    np.testing.assert_allclose(a, b, rtol=close, atol=close * max(np.abs(b).max(), 1e-3))


def assert_weights(one: Sequential, other: Sequential) -> None:
    assert one.state.step == other.state.step
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=CLOSE, atol=CLOSE * np.abs(b).max())


def options(record: Any) -> Any:
    """A record without the names that Keras gives."""
    return replace(record, name=None) if hasattr(record, "name") and isinstance(record, layers.Layer) else record


IN_KERAS = [part for part in PARTS if carried(part) and not part.weighted]
METRICS = [part for part in PARTS if carried(part) and part.weighted and isinstance(part.record, metrics.Metric)]
ROWS_OF_LAYERS = [part for part in IN_KERAS if not functional(part)]


@pytest.mark.parametrize("part", [*IN_KERAS, *METRICS], ids=str)
def test_to_keras_and_back(part: Part) -> None:
    """Every part of the table that both have: the same predictions there, and here again the same records."""
    model = ours(part)
    theirs = model.to_keras()
    assert_same(theirs, model, part, 1e-6)
    if functional(part):
        with pytest.raises(ArgumentError, match="plain row of layers"):
            Sequential.from_keras(theirs)
        return
    back = Sequential.from_keras(theirs)
    assert [options(layer) for layer in back._network.layers] == [options(layer) for layer in model._network.layers]
    assert (back.optimizer, back.loss) == (model.optimizer, model.loss)
    assert back.metrics_names == model.metrics_names
    assert [layer.name for layer in back._network.layers] == [
        layer.name for layer in theirs.layers if not isinstance(layer, keras.layers.InputLayer)
    ]
    for a, b in zip(back.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def kind_of(part: Part) -> Any:
    """What sets a row of the table apart where it is about what a run carries on: its class, and which arrays."""
    record = part.record
    return type(record), getattr(record, "slots", None), functional(part) and part.plan.network.inputs


CARRYING = (optimizers.Optimizer, optimizers.schedules.LearningRateSchedule, layers.Layer)
CONTINUED = {
    kind_of(part): part for part in reversed(IN_KERAS) if isinstance(part.record, CARRYING) and not draws(part)
}


@pytest.mark.parametrize("part", CONTINUED.values(), ids=str)
def test_training_goes_on_in_the_other(part: Part) -> None:
    """Ten steps here, twenty there; and from there twenty here."""
    model = ours(part)
    trained(model, part, 2)
    theirs = model.to_keras()
    assert int(theirs.optimizer.iterations) == 10
    trained(theirs, part, 4)
    trained(model, part, 4)
    assert_same(theirs, model, part)
    if functional(part):
        return
    back = Sequential.from_keras(theirs)
    assert back.state.step == 30
    assert_weights(back, model)
    trained(theirs, part, 4)
    trained(back, part, 4)
    assert_weights(back, Sequential.from_keras(theirs))


PLAIN = next(part for part in PARTS if isinstance(part.record, optimizers.Adam))


def made(*row: Any, width: int = 5) -> Any:
    """A compiled Sequential of Keras."""
    model = keras.Sequential([keras.Input((width,)), *row], name="theirs")
    model.compile("adam", "mse")
    return model


def test_a_file(tmp_path: Any) -> None:
    """Trained, written and read again, by each."""
    model = ours(PLAIN)
    trained(model, PLAIN)
    path = tmp_path / "model.keras"
    model.to_keras().save(path)
    back = Sequential.from_keras(path)
    trained(back, PLAIN)
    trained(model, PLAIN)
    assert_weights(back, model)
    assert Sequential.from_keras(str(path)).name == model.name


def test_a_functional_row() -> None:
    x = keras.Input((5,))
    hidden = keras.layers.Dense(4, "relu", name="hidden")(x)
    theirs = keras.Model(x, keras.layers.Dense(2, name="last")(hidden), name="row")
    model = Sequential.from_keras(theirs)
    assert [layer.name for layer in model.layers] == ["hidden", "last"]
    assert (model.name, model.compiled) == ("row", False)
    assert_same(model, theirs, PLAIN, 1e-6)


def test_a_row_in_a_row() -> None:
    inner = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.BatchNormalization()])
    theirs = made(inner, keras.layers.Dense(2))
    trained_on = PLAIN.rows(ROWS)
    theirs.fit(trained_on.x, trained_on.y[:, :2], verbose=0)
    assert_same(Sequential.from_keras(theirs), theirs, PLAIN, 1e-5)


def test_a_model_without_a_width() -> None:
    theirs = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    model = Sequential.from_keras(theirs)
    assert not model.built
    assert [layer.units for layer in model.layers] == [4, 1]


def test_an_adapted_normalization() -> None:
    """Its mean and variance are weights in Keras, and none here."""
    norm = keras.layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(3, 2, (50, 5)))
    theirs = made(norm, keras.layers.Dense(2))
    model = Sequential.from_keras(theirs)
    assert len(model.get_weights()) == 2
    assert_same(model, theirs, PLAIN, 1e-5)
    assert_same(model.to_keras(), theirs, PLAIN, 1e-5)


def test_the_learning_rate_in_force() -> None:
    theirs = made(keras.layers.Dense(2))
    theirs.optimizer.learning_rate = 0.25
    model = Sequential.from_keras(theirs)
    assert model.learning_rate == 0.25
    model.learning_rate = 0.125
    assert float(model.to_keras().optimizer.learning_rate) == 0.125


def test_names_that_compile_was_given() -> None:
    theirs = made(keras.layers.Dense(1, "sigmoid"))
    theirs.compile("rmsprop", keras.losses.binary_crossentropy, metrics=["accuracy", "AUC"], weighted_metrics=["mse"])
    model = Sequential.from_keras(theirs)
    assert model.loss == losses.BinaryCrossentropy()
    assert model.optimizer == optimizers.RMSprop()
    assert model.metrics_names == ["loss", "accuracy", "AUC", "mse"]
    assert [metric.name for metric in model.to_keras().metrics if metric.name != "loss"] == ["compile_metrics"]


def test_the_delta_of_a_huber_loss() -> None:
    """Which Keras does not write down with the loss."""
    theirs = made(keras.layers.Dense(1))
    for delta in (0.02, 0.3, 1.0, 40.0):
        theirs.compile("sgd", keras.losses.Huber(delta))
        assert Sequential.from_keras(theirs).loss == losses.Huber(delta)


def test_a_seed() -> None:
    assert Sequential.from_keras(made(keras.layers.Dense(1)), seed=7).seed == 7


class Own(keras.layers.Dense):
    """A layer of one's own."""


class OwnLoss(keras.losses.MeanSquaredError):
    """A loss of one's own."""


class OwnOptimizer(keras.optimizers.SGD):
    """An optimizer of one's own."""


def own_metric(y: Any, p: Any) -> Any:
    return keras.ops.mean(p - y)


def relu(x: Any) -> Any:
    return x


K = keras.layers
REFUSED = {
    "a lambda layer": (lambda: made(K.Lambda(lambda x: x, name="twice")), "layer 'twice'.*Lambda.*without it"),
    "an own layer": (lambda: made(Own(3, name="own")), "layer 'own'.*Own is a class of your own"),
    "a layer that is not here": (lambda: made(K.UnitNormalization(name="unit")), "'unit'.*no UnitNormalization"),
    "an own activation": (lambda: made(K.Dense(2, relu)), "the function 'relu' of .*, not one of keras.activations"),
    "an operation as activation": (
        lambda: made(K.Dense(2, keras.ops.relu)),
        r"its activation is the function 'relu' of keras.*, not one of keras\.activations\. Write activation='relu'\.",
    ),
    "a lambda as activation": (
        lambda: made(K.Dense(2, lambda x: x, name="d")),
        "layer 'd'.*the function '<lambda>' of",
    ),
    "a lambda as initializer": (
        lambda: made(K.Dense(2, kernel_initializer=lambda shape, dtype: keras.ops.zeros(shape), name="d")),
        r"layer 'd': A lambda is not a part of Keras's own\.",
    ),
    "an unknown activation": (lambda: made(K.Dense(2, "hard_tanh", name="d")), "layer 'd'.*hard_tanh"),
    "a constraint": (
        lambda: made(K.Dense(2, kernel_constraint="max_norm", name="d")),
        "'d'.*takes no 'kernel_constraint', which is MaxNorm",
    ),
    "an activity regulariser": (
        lambda: made(K.Dense(2, activity_regularizer="l2", name="d")),
        "'d'.*takes no 'activity_regularizer'",
    ),
    "an initialiser": (lambda: made(K.Dense(2, kernel_initializer="orthogonal", name="d")), "'d'.*Orthogonal.*weights"),
    "a regulariser": (
        lambda: made(K.Dense(2, kernel_regularizer="orthogonal_regularizer", name="d")),
        "'d'.*OrthogonalRegularizer.*L1, L2 or L1L2",
    ),
    "a noise shape": (lambda: made(K.Dropout(0.2, noise_shape=(1, 5), name="d")), "'d'.*'noise_shape'"),
    "another number type": (lambda: made(K.Dense(2, dtype="float16", name="d")), "'d'.*'dtype'.*float16"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_that_are_refused(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(ArgumentError, match=message):
        Sequential.from_keras(build())


COMPILED: dict[str, tuple[dict[str, Any], str]] = {
    "an own loss": ({"loss": own_metric}, "the loss.*own_metric is no loss of Keras's own.*Compile"),
    "a class as loss": ({"loss": OwnLoss()}, "the loss.*OwnLoss is a class of your own"),
    "a loss that is not here": ({"loss": "cosine_similarity"}, "the loss.*cosine_similarity"),
    "no loss": ({"loss": None}, "the loss.*None"),
    "a reduction": ({"loss": keras.losses.MeanSquaredError(reduction="sum")}, "the loss.*'reduction'.*'sum'"),
    "an own optimizer": ({"optimizer": OwnOptimizer()}, "optimizer OwnOptimizer.*class of your own"),
    "an optimizer that is not here": ({"optimizer": "ftrl"}, "optimizer Ftrl.*no Ftrl.*both libraries"),
    "accumulation": (
        {"optimizer": keras.optimizers.SGD(gradient_accumulation_steps=3)},
        "optimizer SGD.*'gradient_accumulation_steps', which is 3",
    ),
    "an own metric": ({"metrics": [own_metric]}, "the metric own_metric.* own_metric is not a part of Keras's own"),
    "a lambda as metric": ({"metrics": [lambda y, p: p]}, ": A lambda is not a part of Keras's own"),
    "a metric that is not here": ({"metrics": [keras.metrics.PearsonCorrelation()]}, "the metric PearsonCorrelation"),
    "loss weights": ({"loss_weights": [2.0]}, "loss_weights"),
}


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("name", COMPILED)
def test_compiling_that_is_refused(name: str) -> None:
    change, message = COMPILED[name]
    theirs = made(K.Dense(1))
    theirs.compile(**{"optimizer": "sgd", "loss": "mse", **change})
    with pytest.raises(ArgumentError, match=message):
        Sequential.from_keras(theirs)


def test_what_is_no_row_is_refused() -> None:
    x = keras.Input((5,))
    branching = keras.Model(x, K.Add()([x, K.Dense(5)(x)]), name="branching")
    two = keras.Model([x, other := keras.Input((5,))], K.Add()([x, other]), name="two")
    for theirs in (branching, two):
        with pytest.raises(ArgumentError, match=f"plain row of layers. '{theirs.name}' is neither.*Residual"):
            Sequential.from_keras(theirs)
    wide = keras.Sequential([keras.Input((4, 5)), K.Dense(1)], name="theirs")
    with pytest.raises(ArgumentError, match=r"takes models of tables.*'theirs' takes"):
        Sequential.from_keras(wide)
    with pytest.raises(ArgumentTypeError, match=r"takes a model of Keras.*Got int"):
        Sequential.from_keras(3)


def test_files_that_are_refused(tmp_path: Any) -> None:
    with pytest.raises(ArgumentError, match=r"cannot read '.*nothing.keras'"):
        Sequential.from_keras(tmp_path / "nothing.keras")
    (tmp_path / "broken.keras").write_bytes(b"no zip")
    with pytest.raises(ArgumentError, match=r"cannot read '.*broken.keras'"):
        Sequential.from_keras(tmp_path / "broken.keras")


def test_an_optimizer_of_other_weights_is_refused() -> None:
    theirs = made(K.Dense(3, name="first"), K.Dense(1))
    rows = PLAIN.rows(ROWS)
    theirs.fit(rows.x, rows.y[:, :1], verbose=0)
    theirs.get_layer("first").trainable = False
    with pytest.raises(ArgumentError, match=r"carries 'momentum' for other weights.*Compile that model again"):
        Sequential.from_keras(theirs)


def test_arrays_that_muon_takes_apart_by_a_path_are_refused() -> None:
    """In Keras the path of an array of a Sequential begins with the model's name."""
    theirs = made(K.Dense(3, name="hidden"), K.Dense(1))
    theirs.compile(keras.optimizers.Muon(exclude_layers=["^hidden/"]), "mse")
    with pytest.raises(ArgumentError, match=r"Muon's 'exclude_layers'.*'hidden/kernel' in one library only"):
        Sequential.from_keras(theirs)


def a_loss(y: np.ndarray, p: np.ndarray) -> Any:
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]


LACKING_THERE: dict[str, tuple[dict[str, Any], str]] = {
    "an own loss": ({"loss": a_loss}, "the loss Function.*function of yours.*Compile"),
    "a loss": ({"loss": losses.Quantile(0.5)}, "the loss Quantile.*Keras has no Quantile.*both libraries"),
    "an own metric": ({"metrics": [lambda y, p: 0.0]}, "the metric.*function of yours.*without it"),
    "a metric": ({"metrics": [metrics.CohenKappa()]}, "the metric 'cohen_kappa'.*Keras has no CohenKappa"),
    "a schedule": (
        {"optimizer": optimizers.SGD(optimizers.schedules.OneCycle(0.1, 10))},
        "optimizer SGD.*Keras has no OneCycle.*number as learning_rate",
    ),
    "averages that warm up": (
        {"optimizer": optimizers.Adam(use_ema=True, ema_warm_up=True)},
        "the optimizer Adam.*Keras's Adam takes no 'ema_warm_up'. Leave it out",
    ),
    "a schedule of the decay": (
        {"optimizer": optimizers.AdamW(weight_decay=optimizers.schedules.CosineDecay(0.1, 10))},
        "the optimizer AdamW: Keras's AdamW takes no schedule as 'weight_decay'. Give it a number",
    ),
    "an own schedule": ({"optimizer": optimizers.SGD(lambda step: 0.1)}, "the optimizer SGD.*Function.*schedule"),
}


@pytest.mark.parametrize("name", LACKING_THERE)
def test_what_keras_lacks_is_refused(name: str) -> None:
    change, message = LACKING_THERE[name]
    model = Sequential([Dense(1, input_dim=5)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **change})
    with pytest.raises(ArgumentError, match=message):
        model.to_keras()


def test_a_schedule_of_dropout_is_refused() -> None:
    model = Sequential([Dense(1, input_dim=5), layers.Dropout(optimizers.schedules.CosineDecay(0.1, 10))])
    with pytest.raises(ArgumentError, match=r"the layer 'dropout': Keras's Dropout takes no schedule as 'rate'\. Give"):
        model.to_keras()


def test_factors_that_keras_lacks_are_refused() -> None:
    model = Sequential([Dense(2, input_dim=5, learning_rate_factor=0.5)])
    with pytest.raises(ArgumentError, match=r"layer 'dense': Keras's Dense takes no 'learning_rate_factor'. Leave it"):
        model.to_keras()


def test_labels_that_keras_does_not_take_for_a_metric_are_refused() -> None:
    model = Sequential([Dense(3, "softmax", input_dim=5)])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metrics.AUC()])
    with pytest.raises(ArgumentError, match=r"the metric 'auc'.*no labels"):
        model.to_keras()


def test_options_of_an_activation_that_keras_does_not_take_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"layer 'last'.*no options for 'gelu'"):
        Sequential([Dense(3, activations.Gelu(approximate=True), input_dim=5, name="last")]).to_keras()


def test_a_model_that_is_not_ready() -> None:
    with pytest.raises(NotReadyError, match="to_keras needs the width"):
        Sequential([Dense(1)]).to_keras()


def test_without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=r"pip install 'tabgrad\[keras\]'"):
        Sequential([Dense(1, input_dim=1)]).to_keras()
    with pytest.raises(ImportError, match=r"pip install 'tabgrad\[keras\]'"):
        Sequential.from_keras("model.keras")
