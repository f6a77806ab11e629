"""Keras as oracle: from the same weights on the same batches, every engine goes where Keras goes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tabgrad import activations, layers, losses, metrics, optimizers, regularizers
from tabgrad.engines.base import Engine, Job, finalized, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

from .conftest import HAS_NATIVE
from .parts import (
    ACTIVATIONS,
    LAYERS,
    METRICS,
    OPTIMIZERS,
    OURS_ALONE,
    OWN_OPTIONS,
    OWN_SCHEDULES,
    PARTS,
    REGULARIZERS,
    SCHEDULES,
    Part,
    records_of,
    started,
)

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # a hundred tiny models: compiling them is what takes time
keras = pytest.importorskip("keras")
pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ENGINES: list[Engine] = [get_engine(name) for name in ("reference", *(["native"] if HAS_NATIVE else []))]
ROWS, BATCH, EPOCHS = 64, 16, 25  # 100 steps
CLOSE = 1e-4


def options_of(record: Any) -> dict[str, Any]:
    """A record's fields, which bear Keras's names."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def keras_activation(activation: activations.Activation) -> Any:
    """Keras's function with the record's options."""
    function, options = getattr(keras.activations, activation.kind), options_of(activation)
    return lambda x: function(x, **options)


def keras_layer(layer: layers.Layer) -> Any:
    """Keras's layer of the same name with the record's options."""
    theirs = getattr(keras.layers, type(layer).__name__)
    options = options_of(layer)
    ours = ("input_shape", *OWN_OPTIONS)
    for name in [name for name in options if name in ours or name.endswith("initializer")]:
        options.pop(name)  # the weights are set
    if "activation" in options:
        options["activation"] = keras_activation(options["activation"])
    for name in options:
        if name.endswith("regularizer"):
            options[name] = keras_regularizer(options[name])
    return theirs(**options)


def keras_optimizer(optimizer: optimizers.Optimizer) -> Any:
    """Keras's optimizer of the same name with the record's options."""
    options = {name: value for name, value in options_of(optimizer).items() if name not in OWN_OPTIONS}
    if (schedule := optimizer.schedule) is not None:
        theirs = getattr(keras.optimizers.schedules, type(schedule).__name__)
        options["learning_rate"] = theirs(**options_of(schedule))
    return getattr(keras.optimizers, type(optimizer).__name__)(**options)


def keras_regularizer(regularizer: regularizers.Regularizer | None) -> Any:
    """Keras's regulariser of the same factors."""
    return None if regularizer is None else keras.regularizers.L1L2(*regularizer.factors)


def keras_model(plan: Plan, weights: tuple[np.ndarray, ...]) -> Any:
    """The plan as a compiled model of Keras."""
    network = plan.network
    given = [keras.Input((width,)) for width in (network.inputs, network.codes) if width]
    made: list[Any] = []
    output = in_keras(network.layers, given[0] if network.inputs else None, made, codes=given[-1])
    model = keras.Model(given if len(given) > 1 else given[0], output)
    model.made, arrays = made, iter(weights)  # in the order of the plan's layers; a Model has an order of its own
    for layer in made:
        layer.set_weights([next(arrays) for _ in layer.weights])
    model.compile(
        optimizer=keras_optimizer(plan.optimizer),
        loss=getattr(keras.losses, type(plan.loss).__name__)(**options_of(plan.loss)),
        metrics=[keras_metric(metric, f"metric_{place}") for place, metric in enumerate(plan.metrics)],
        weighted_metrics=[
            keras_metric(metric, f"weighted_{place}") for place, metric in enumerate(plan.weighted_metrics)
        ],
    )
    return model


def keras_metric(metric: metrics.Metric, name: str) -> Any:
    """Keras's metric of the same name with the record's options."""
    options = {**options_of(metric), "name": name}
    if isinstance(options.get("thresholds"), tuple):
        options["thresholds"] = list(options["thresholds"])
    return getattr(keras.metrics, type(metric).__name__)(**options)


def in_keras(row: Sequence[layers.Layer], x: Any, made: list[Any], codes: Any = None) -> Any:
    """Layers in a row, a residual block and an embedding beside numeric columns as Keras writes them."""
    for layer in row:
        if isinstance(layer, layers.Residual):
            x = keras.layers.add([x, in_keras(layer.inside(), x, made)])
        elif isinstance(layer, layers.Embedding):
            found = embedded_in_keras(layer, codes, made)
            x = keras.layers.concatenate([*([] if x is None else [x]), *found])
        else:
            made.append(keras_layer(layer))
            x = made[-1](x)
    return x


def weights_of(model: Any) -> list[np.ndarray]:
    """A model's weights in the order of the plan's layers."""
    return [array for layer in model.made for array in layer.get_weights()]


def embedded_in_keras(layer: layers.Embedding, codes: Any, made: list[Any]) -> list[Any]:
    """What stands for the codes: one layer and its Flatten for all columns, or a layer for each."""
    regularizer = keras_regularizer(layer.embeddings_regularizer)
    found = []
    for column, (rows, width) in enumerate(layer.tables()):
        theirs = keras.layers.Embedding(rows, width, embeddings_regularizer=regularizer, trainable=layer.trainable)
        made.append(theirs)
        found.append(keras.layers.Flatten()(theirs(codes if layer.shared else codes[:, column : column + 1])))
    return found


def given_to_keras(rows: Matrix) -> Any:
    """The one or two matrices of a table's rows."""
    given = [matrix for matrix in (rows.x, rows.codes) if matrix is not None and matrix.shape[1]]
    return given if len(given) > 1 else given[0]


def assert_followed(part: Part, rows_count: int = ROWS, epochs: int = EPOCHS) -> None:
    """Weights, losses, metrics, validation and predictions along Keras's run."""
    plan = replace(part.plan, batch_size=BATCH, shuffle=False)
    state, rows, others = started(plan), part.rows(rows_count), part.rows(BATCH, seed=1)
    model = keras_model(plan, state.weights)
    names = ["loss", *(f"metric_{place}" for place in range(len(plan.metrics)))]
    names += [f"weighted_{place}" for place in range(len(plan.weighted_metrics))]
    history = model.fit(
        given_to_keras(rows),
        rows.y,
        sample_weight=rows.weight,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
    ).history
    expected = np.array([np.reshape(history[name], -1) for name in names]).T
    predictions = np.asarray(model(given_to_keras(others)))
    for engine in ENGINES:
        result = engine.fit(Job(plan, state, rows, epochs))
        weights = finalized(plan, result.state).weights
        for w, v in zip(weights, weights_of(model), strict=True):
            np.testing.assert_allclose(w, v, rtol=CLOSE, atol=CLOSE * np.abs(v).max(), err_msg=engine.name)
        np.testing.assert_allclose(result.training, expected, rtol=CLOSE, atol=1e-6, err_msg=engine.name)
        outputs = engine.predict(plan.network, weights, others.x, codes=others.codes, batch_size=32)
        np.testing.assert_allclose(outputs, predictions, rtol=10 * CLOSE, atol=CLOSE, err_msg=engine.name)


def about(*records: Any) -> list[Part]:
    """The rows of the table about these records."""
    return [part for part in PARTS if part.record in records and type(part.record) in {type(r) for r in records}]


@pytest.mark.parametrize("part", about(*(each for each in OPTIMIZERS if not each.ema_warm_up)), ids=str)
def test_optimizers(part: Part) -> None:
    assert_followed(part)


IN_KERAS = [schedule for schedule in SCHEDULES if not isinstance(schedule, OWN_SCHEDULES)]


@pytest.mark.parametrize("part", about(*IN_KERAS), ids=str)
def test_schedules(part: Part) -> None:
    assert_followed(part)


@pytest.mark.parametrize("part", about(*ACTIVATIONS), ids=str)
def test_activations(part: Part) -> None:
    assert_followed(part)


@pytest.mark.parametrize("part", about(*REGULARIZERS), ids=str)
def test_regularizers(part: Part) -> None:
    assert_followed(part)


def known(part: Part) -> bool:
    """Whether Keras has the part's loss."""
    return hasattr(keras.losses, type(part.plan.loss).__name__)


@pytest.mark.parametrize(
    "part", [part for part in PARTS if isinstance(part.record, losses.Loss) and part.weighted and known(part)], ids=str
)
def test_losses(part: Part) -> None:
    assert isinstance(part.record, losses.Loss)
    assert_followed(part)


KINKS = {
    "mean_absolute_error": ([[0.5, 2, -1]], [[0.5, 1, -1]]),
    "mean_absolute_percentage_error": ([[0.5, 0, -2], [0, 0, 1]], [[0.5, 1e-3, -2], [0, -1, 1]]),
    "mean_squared_logarithmic_error": ([[-3, -0.5, 2]], [[1, -2, -0.5]]),
    "huber": ([[0, 0, 0]], [[1, -1, 0]]),
    "hinge": ([[1, 1, 0]], [[1, 0.5, -1]]),
    "squared_hinge": ([[-1, 1, 1]], [[-1, 0.5, 2]]),
    "categorical_hinge": ([[1, 0, 0], [0, 1, 0], [1, 0, 0]], [[0, 0, 0], [2, 1, 2], [1, -1, 0]]),
    "kl_divergence": ([[1, 0, 0], [0, 0.5, 0.5]], [[1, 0, 0], [-1, 0.5, 2]]),
    "binary_focal_crossentropy": ([[0, 1, 0.9]], [[-0.5, 0.4, 1.3]]),
}


@pytest.mark.parametrize("name", KINKS)
def test_where_a_loss_has_a_kink_the_slope_is_that_of_keras(name: str) -> None:
    """And where a prediction or target is out of what the formula is made for."""
    jax = pytest.importorskip("jax")
    y, p = (np.array(values, np.float32) for values in KINKS[name])
    theirs = getattr(keras.losses, name)
    loss = losses.get(name)
    plan = Plan(Network(3, (layers.Dense(3, kernel_initializer="zeros"),)), loss, optimizers.SGD())
    for target, output in zip(y, p, strict=True):  # a row each: the gradient of the bias is that of the output
        state = initial_state(plan, (np.zeros((3, 3), np.float32), output))
        rows = Matrix(np.zeros((1, 3), np.float32), target[np.newaxis])
        value, slope = jax.value_and_grad(lambda p, y=target: theirs(y[np.newaxis], p[np.newaxis])[0])(output)
        for engine in ENGINES:
            ours, (_, gradient) = engine.gradients(plan, state, rows)
            assert ours == pytest.approx(float(value), rel=1e-4, abs=1e-6), engine.name
            np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6, err_msg=engine.name)


def draws(part: Part) -> bool:
    """Whether noise makes the run another than Keras's."""
    return any(
        getattr(record, "rate", 0) != 0 or getattr(record, "stddev", 0) > 0
        for record in records_of(part.plan.network)
        if isinstance(record, layers.Layer)
    )


def ours_alone(part: Part) -> bool:
    """Whether Keras has no such layer."""
    return any(isinstance(record, OURS_ALONE) for record in records_of(part.plan.network))


@pytest.mark.parametrize("part", [part for part in LAYERS if not draws(part) and not ours_alone(part)], ids=str)
def test_layers(part: Part) -> None:
    assert_followed(part)


def theirs_too(part: Part) -> bool:
    """Whether Keras has the metric, and for the loss's targets."""
    metric = part.plan.metrics[0]
    takes = metric.labels is not None or part.plan.loss.target != "labels"
    if getattr(metric, "num_regressors", 0):  # which fails there under JAX
        return False
    return takes and metric.tally != "function" and hasattr(keras.metrics, type(metric).__name__)


def together(parts: Sequence[Part], most: int = 6) -> list[list[Part]]:
    """Parts whose runs differ in nothing but what they measure, a few in a group: Keras compiles a run once."""
    groups: list[list[Part]] = []
    for part in parts:
        plan, y = replace(part.plan, metrics=(), weighted_metrics=()), part.rows(ROWS).y
        for group in groups:
            first = group[0]
            alike = replace(first.plan, metrics=(), weighted_metrics=()) == plan and first.weighted == part.weighted
            if alike and len(group) < most and np.array_equal(first.rows(ROWS).y, y):
                group.append(part)
                break
        else:
            groups.append([part])
    return groups


@pytest.mark.parametrize(
    "parts",
    together([part for part in METRICS if theirs_too(part)]),
    ids=lambda parts: ", ".join(map(str, parts)),
)
def test_metrics(parts: list[Part]) -> None:
    measured = tuple(metric for part in parts for metric in part.plan.metrics)
    weighted = tuple(metric for part in parts for metric in part.plan.weighted_metrics)
    plan = replace(parts[0].plan, metrics=measured, weighted_metrics=weighted)
    assert_followed(replace(parts[0], plan=plan))


def test_a_last_batch_that_is_smaller() -> None:
    weighted = next(part for part in PARTS if part.weighted)
    assert_followed(weighted, rows_count=41)


def test_evaluate() -> None:
    for part in (next(part for part in PARTS if part.weighted), *about(REGULARIZERS[-1])):
        state, rows = initial_state(part.plan), part.rows(41)
        scores = keras_model(part.plan, state.weights).evaluate(
            rows.x, rows.y, sample_weight=rows.weight, batch_size=16, verbose=0
        )
        for engine in ENGINES:
            values = engine.evaluate(part.plan, state.weights, rows, batch_size=16)
            np.testing.assert_allclose(values, scores, rtol=1e-5, err_msg=engine.name)
