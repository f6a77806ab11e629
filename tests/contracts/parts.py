"""The table of all parts: one row for each activation, loss, optimizer, ... with each option that changes a formula.

Adding a part to tabgrad means adding its row here: `test_parts.py` fails until it is there, and from then on every
suite in this folder holds every engine to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

import numpy as np

from tabgrad import activations, initializers, layers, losses, metrics, optimizers, regularizers
from tabgrad._record import Record
from tabgrad.engines.base import State, initial_state
from tabgrad.layers import Activation, Dense, Dropout
from tabgrad.matrix import Matrix
from tabgrad.optimizers import schedules
from tabgrad.plan import Network, Plan

INPUTS = 5
SCORES = (metrics.MeanSquaredError(), metrics.MeanAbsoluteError())


@dataclass(frozen=True)
class Part:
    """A row: the record that it is about, in a plan where it matters; `weighted`: on rows of unequal weight."""

    record: Record
    plan: Plan
    weighted: bool = False

    def __str__(self) -> str:
        """Its name in pytest's output."""
        return label(self.record) + self._setting() + (" weighted" if self.weighted else "")

    def _setting(self) -> str:
        last = self.plan.network.last_activation
        return f" on {label(last)}" if isinstance(self.record, losses.Loss) else ""

    def rows(self, count: int, seed: int = 0) -> Matrix:
        """Random rows that the plan's loss can take."""
        return rows_for(self.plan, count, seed=seed, weighted=self.weighted)


def label(record: Any) -> str:
    """A record with the fields that differ from their defaults."""
    defaults = defaults_of(type(record))
    changed = [
        f"{field.name}={label(value) if isinstance(value, Record) else getattr(value, '__name__', value)}"
        for field in fields(record)
        if (value := getattr(record, field.name)) != defaults.get(field.name)
    ]
    return f"{type(record).__name__}({', '.join(changed)})" if changed else type(record).__name__


def rows_for(plan: Plan, count: int, *, seed: int = 0, weighted: bool = False) -> Matrix:
    """Random rows that a plan's loss can take; with weights, every fifth row has none."""
    random = np.random.default_rng([seed, count])
    x = random.normal(size=(count, plan.network.inputs)).astype(np.float32)
    weight = random.uniform(0.2, 2, count).astype(np.float32)
    weight[1::5] = 0
    y, cardinalities = target_for(plan.loss, count, plan.network.outputs, random), plan.network.cardinalities
    codes = random.integers(0, cardinalities, (count, len(cardinalities))).astype(np.int32) if cardinalities else None
    return Matrix(x, y, weight if weighted else None, codes)


def target_for(loss: losses.Loss, count: int, outputs: int, random: np.random.Generator) -> np.ndarray:
    """A random target of the kind that a loss takes; where it may be soft, half of its rows are."""
    labels = random.integers(0, outputs, count)
    if loss.target == "labels":
        return labels
    if loss.target == "one_hot":
        hard, soft = np.eye(outputs)[labels], random.dirichlet(np.ones(outputs), count)
        return np.where(np.arange(count)[:, np.newaxis] % 2, soft, hard).astype(np.float32)
    if loss.target == "signs":  # in both spellings; Keras takes a batch of one spelling
        return (random.integers(0, 2, (count, outputs)) * (1 + count % 2) - count % 2).astype(np.float32)
    if loss.target in ("not_negative", "positive"):
        counts, amounts = random.poisson(1, (count, outputs)), random.uniform(0.2, 3, (count, outputs))
        whole = (np.arange(count)[:, np.newaxis] % 2 == 0) & (loss.target == "not_negative")
        return np.where(whole, counts, amounts).astype(np.float32)
    if loss.target == "probabilities":
        hard, soft = random.integers(0, 2, (count, outputs)), random.uniform(size=(count, outputs))
        return np.where(np.arange(count)[:, np.newaxis] % 2, soft, hard).astype(np.float32)
    return random.normal(size=(count, outputs)).astype(np.float32)


def started(plan: Plan) -> State:
    """The state before the first step, with biases that are not all zero."""
    random = np.random.default_rng(7)
    weights = plan.network.initial_weights(plan.seed)
    return initial_state(plan, tuple(w + random.normal(scale=0.1, size=w.shape).astype(np.float32) for w in weights))


def _network(*parts: layers.Layer) -> Network:
    return Network(INPUTS, parts)


_PLAIN = Plan(
    _network(Dense(6, "tanh"), Dense(3)), losses.MeanSquaredError(), optimizers.SGD(0.1), SCORES, batch_size=16
)


def _activation(activation: activations.Activation) -> Part:
    """Between two layers and at the end."""
    return Part(activation, replace(_PLAIN, network=_network(Dense(6, activation), Dense(4, activation))))


def _initializer(initializer: initializers.Initializer) -> Part:
    first = Dense(6, "tanh", kernel_initializer=initializer, bias_initializer=initializer)
    return Part(initializer, replace(_PLAIN, network=_network(first, Dense(3))))


def _regularizer(regularizer: regularizers.Regularizer) -> Part:
    """On a kernel, on a bias, and on a layer that does not move, whose penalty is then not in the loss."""
    network = _network(
        Dense(6, "tanh", kernel_regularizer=regularizer),
        Dense(4, "tanh", kernel_regularizer=regularizer, trainable=False),
        Dense(3, bias_regularizer=regularizer),
    )
    return Part(regularizer, replace(_PLAIN, network=network))


def _optimizer(optimizer: optimizers.Optimizer) -> Part:
    network = _network(Dense(6, "tanh", name="hidden"), Dense(3, name="output"))
    return Part(optimizer, replace(_PLAIN, network=network, optimizer=optimizer))


def _schedule(schedule: schedules.LearningRateSchedule) -> Part:
    return Part(schedule, replace(_PLAIN, optimizer=optimizers.Adam(schedule)))


def _loss(loss: losses.Loss, last: Dense, *scores: metrics.Metric, rate: float = 0.1) -> Part:
    """`rate`: of a step, smaller where a loss is steep."""
    network, optimizer = _network(Dense(6, "tanh"), last), optimizers.SGD(rate)
    return Part(loss, replace(_PLAIN, network=network, loss=loss, metrics=scores, optimizer=optimizer))


def _layer(layer: layers.Layer, *network: layers.Layer) -> Part:
    return Part(layer, replace(_PLAIN, network=_network(*network)))


def _embedded(*parts: layers.Layer, inputs: int = INPUTS) -> Part:
    """The embedding among these layers, over three columns of codes, beside numeric columns or, with 0, alone."""
    record = next(part for part in parts if isinstance(part, layers.Embedding))
    return Part(record, replace(_PLAIN, network=Network(inputs, parts, codes=3)))


def _metric(metric: metrics.Metric, loss: losses.Loss, last: Dense) -> Part:
    """With and without the weights of rows."""
    network = _network(Dense(6, "tanh"), last)
    plan = replace(_PLAIN, network=network, loss=loss, metrics=(metric,), weighted_metrics=(metric,))
    return Part(metric, plan, weighted=True)


def _spread(y: np.ndarray, p: np.ndarray) -> Any:
    """A metric of one's own: a number for each row."""
    return np.abs(y - p).max(axis=1)


def _bias(y: np.ndarray, p: np.ndarray) -> Any:
    """A metric of one's own: a number for a batch."""
    return float((p - y).mean())


ACTIVATIONS = (
    activations.Linear(),
    activations.Relu(),
    activations.Relu(negative_slope=0.2),
    activations.Relu(max_value=0.8),
    activations.Relu(threshold=0.3),
    activations.Relu(negative_slope=0.1, max_value=1.0, threshold=0.2),
    activations.LeakyRelu(),
    activations.LeakyRelu(negative_slope=0.05),
    activations.Elu(),
    activations.Elu(alpha=0.4),
    activations.Selu(),
    activations.Gelu(),
    activations.Gelu(approximate=True),
    activations.Silu(),
    activations.Mish(),
    activations.Tanh(),
    activations.Sigmoid(),
    activations.Softplus(),
    activations.Softmax(),
)

INITIALIZERS = (
    initializers.Zeros(),
    initializers.Ones(),
    initializers.Constant(0.25),
    initializers.RandomNormal(),
    initializers.RandomNormal(0.1, 0.3),
    initializers.RandomNormal(seed=3),
    initializers.RandomUniform(),
    initializers.RandomUniform(-0.5, 0.25),
    initializers.RandomUniform(seed=3),
    *(form() for form in initializers.VarianceScaling.__subclasses__()),
    *(form(seed=3) for form in initializers.VarianceScaling.__subclasses__()),
)

REGULARIZERS = (
    regularizers.L1(),
    regularizers.L1(0.03),
    regularizers.L2(),
    regularizers.L2(0.2),
    regularizers.L1L2(0.02, 0.1),
)

# Limits of norm and value far below and above that of a gradient, so that both sides are met.
_EVERY_OPTIMIZER = (
    {"weight_decay": 0.1},
    {"clipnorm": 0.05},
    {"clipnorm": 50.0},
    {"clipvalue": 0.02},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    {"use_ema": True, "ema_momentum": 0.3, "ema_warm_up": True},
)

# Those that Keras does not have.
OWN_SCHEDULES = (schedules.FlatCosine, schedules.OneCycle)

# RMSprop's step is a gradient over its own size. Where a slot holds that step, or a difference is under the root,
# epsilon is large enough that a gradient near zero, which is all rounding, does not become a step of full length.
SCHEDULES = (
    schedules.ExponentialDecay(0.01, 20, 0.5),
    schedules.ExponentialDecay(0.01, 20, 0.5, staircase=True),
    schedules.InverseTimeDecay(0.01, 20, 2.0),
    schedules.InverseTimeDecay(0.01, 20, 2.0, staircase=True),
    schedules.PolynomialDecay(0.01, 60, power=2.0),
    schedules.PolynomialDecay(0.01, 32, end_learning_rate=0.002, cycle=True),
    schedules.PiecewiseConstantDecay([10, 50], [0.01, 0.003, 0.0]),
    schedules.CosineDecay(0.01, 60, alpha=0.1),
    schedules.CosineDecay(0.001, 60, warmup_target=0.02, warmup_steps=20),
    schedules.FlatCosine(0.01, 60),
    schedules.FlatCosine(0.01, 60, flat=0.25),
    schedules.CosineDecayRestarts(0.01, 10, m_mul=0.8, alpha=0.1),
    schedules.CosineDecayRestarts(0.01, 20, t_mul=1.0),
    schedules.CosineDecayRestarts(0.01, 12, t_mul=1.5),
    schedules.OneCycle(0.02, 80),
    schedules.OneCycle(0.02, 80, pct_start=0.5, anneal_strategy="linear", div_factor=10, final_div_factor=100),
)

OPTIMIZERS = (
    optimizers.SGD(SCHEDULES[0], momentum=0.9, weight_decay=0.05),
    optimizers.SGD(),
    optimizers.SGD(0.1),
    optimizers.SGD(momentum=0.9),
    optimizers.SGD(momentum=0.8, nesterov=True),
    optimizers.RMSprop(),
    optimizers.RMSprop(0.003, rho=0.8),
    optimizers.RMSprop(momentum=0.9, epsilon=1e-4),
    optimizers.RMSprop(epsilon=1e-3),
    optimizers.RMSprop(centered=True, epsilon=1e-3),
    optimizers.RMSprop(momentum=0.7, centered=True, epsilon=1e-3),
    optimizers.Adam(),
    optimizers.Adam(0.01, beta_1=0.8),
    optimizers.Adam(beta_2=0.99),
    optimizers.Adam(epsilon=1e-3),
    optimizers.AdamW(),
    optimizers.AdamW(0.003, beta_1=0.8, beta_2=0.99, epsilon=1e-4, weight_decay=0.05),
    optimizers.Adam(0.01, beta_2=0.5, amsgrad=True),
    optimizers.AdamW(clipnorm=0.05),
    optimizers.AdamW(clipvalue=0.02),
    optimizers.AdamW(global_clipnorm=0.1),
    optimizers.AdamW(use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=40),
    optimizers.Adam(0.01, use_ema=True),
    optimizers.Adam(schedules.CosineDecay(0.01, 60, alpha=0.1), use_ema=True, ema_momentum=0.9),
    optimizers.Adam(0.01, amsgrad=True, beta_2=0.5, clipnorm=0.1, use_ema=True, ema_momentum=0.5),
    optimizers.SGD(0.1, use_ema=True, ema_momentum=1.0),
    optimizers.AdamW(use_ema=True, ema_warm_up=True),
    optimizers.AdamW(0.01, beta_2=0.5, amsgrad=True),
    optimizers.Adamax(),
    optimizers.Adamax(0.01, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
    optimizers.Nadam(),
    optimizers.Nadam(0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-3),
    optimizers.Adagrad(),
    optimizers.Adagrad(0.1, initial_accumulator_value=0.0, epsilon=1e-3),
    optimizers.Adadelta(),
    optimizers.Adadelta(1.0, rho=0.9, epsilon=1e-4),
    optimizers.Lion(),
    optimizers.Lion(0.003, beta_1=0.8, beta_2=0.9),
    optimizers.Muon(),
    optimizers.Muon(0.01, 0.8, 0.99, 0.05, 1e-4, 0.1, exclude_layers=["^hidden/", "nothing"]),
    optimizers.Muon(muon_a=3.0, muon_b=-3.2, muon_c=1.2, ns_steps=3, adam_lr_ratio=0.5, epsilon=1e-3),
    optimizers.Muon(momentum=0.8, nesterov=False, rms_rate=None, adam_weight_decay=None, exclude_embeddings=False),
    *(
        form(learning_rate=0.01, **option)
        for form in (
            optimizers.SGD,
            optimizers.RMSprop,
            optimizers.Adam,
            optimizers.Adamax,
            optimizers.Nadam,
            optimizers.Adagrad,
            optimizers.Adadelta,
            optimizers.Lion,
            optimizers.Muon,
        )
        for option in _EVERY_OPTIMIZER
    ),
    optimizers.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.05, clipnorm=0.1),
    optimizers.RMSprop(momentum=0.9, centered=True, epsilon=1e-3, weight_decay=0.05, global_clipnorm=0.1),
)

_CATEGORICAL, _SPARSE = losses.CategoricalCrossentropy, losses.SparseCategoricalCrossentropy
_BINARY = losses.BinaryCrossentropy
_CLASSES, _LABELS = (metrics.CategoricalAccuracy(), *SCORES), (metrics.SparseCategoricalAccuracy(),)
_SIDES = (metrics.BinaryAccuracy(), *SCORES)
# Outputs for a loss that must keep them within (0, 1) itself: all above 0, some below 0, some at 0, some above 1. There
# is a jump between them, because a slope like 1 / (p (1 - p)) near its poles makes chaos of rounding.
_ABOVE = Dense(3, "softplus")
_SOME_BELOW = Dense(4, activations.Relu(negative_slope=0.1, threshold=0.2), bias_initializer="ones")
_BETWEEN = Dense(3, activations.Relu(max_value=0.9, threshold=0.2), bias_initializer="ones")
_OUTSIDE = Dense(3, activations.Relu(threshold=1.3), bias_initializer="ones")

# Means of counts and amounts: positive, and not near 0, where the slope has a pole.
_POSITIVE = Dense(3, "softplus", bias_initializer="ones")


def squared_error(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A loss that is a function: `MeanSquaredError`."""
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]


def crossentropy(labels: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A loss that is a function of labels: `SparseCategoricalCrossentropy` on a softmax."""
    chosen = np.eye(p.shape[1], dtype=p.dtype)[labels]
    return -(chosen * np.log(p)).sum(axis=1), -chosen / p


_FOCAL, _CATEGORICAL_FOCAL = losses.BinaryFocalCrossentropy, losses.CategoricalFocalCrossentropy

LOSSES = (
    _loss(losses.MeanSquaredError(), Dense(3), *SCORES),
    _loss(losses.MeanSquaredError(), Dense(1), *SCORES),
    _loss(losses.MeanSquaredError(), Dense(3, "sigmoid"), *SCORES),
    _loss(_BINARY(), Dense(1, "sigmoid"), *_SIDES),
    _loss(_BINARY(), Dense(3, "sigmoid"), *_SIDES),
    _loss(_BINARY(label_smoothing=0.2), Dense(3, "sigmoid"), *_SIDES),
    _loss(_BINARY(from_logits=True), Dense(3), *_SIDES),
    _loss(_BINARY(from_logits=True, label_smoothing=0.2), Dense(3), *_SIDES),
    _loss(_BINARY(from_logits=True), Dense(3, "tanh"), *_SIDES),
    _loss(_BINARY(), _BETWEEN, *_SIDES),
    _loss(_BINARY(), _OUTSIDE, *_SIDES),
    _loss(_BINARY(label_smoothing=0.2), _BETWEEN, *_SIDES),
    _loss(_CATEGORICAL(), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL(label_smoothing=0.2), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL(from_logits=True), Dense(4), *_CLASSES),
    _loss(_CATEGORICAL(from_logits=True, label_smoothing=0.2), Dense(4), *_CLASSES),
    _loss(_CATEGORICAL(from_logits=True), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL(), _ABOVE, *_CLASSES),
    _loss(_CATEGORICAL(), _SOME_BELOW, *_CLASSES),
    _loss(_CATEGORICAL(label_smoothing=0.2), _SOME_BELOW, *_CLASSES),
    _loss(_SPARSE(), Dense(4, "softmax"), *_LABELS),
    _loss(_SPARSE(from_logits=True), Dense(4), *_LABELS),
    _loss(_SPARSE(), _ABOVE, *_LABELS),
    _loss(_SPARSE(), _SOME_BELOW, *_LABELS),
    _loss(losses.MeanAbsoluteError(), Dense(3), *SCORES),
    _loss(losses.MeanAbsoluteError(), Dense(1), *SCORES),
    _loss(losses.MeanAbsolutePercentageError(), Dense(3), *SCORES, rate=1e-4),
    _loss(losses.MeanSquaredLogarithmicError(), Dense(3, "softplus"), *SCORES),
    _loss(losses.MeanSquaredLogarithmicError(), Dense(3), *SCORES),
    _loss(losses.Huber(), Dense(3), *SCORES),
    _loss(losses.Huber(delta=0.4), Dense(3), *SCORES),
    _loss(losses.LogCosh(), Dense(3), *SCORES),
    _loss(losses.Quantile(), Dense(1), *SCORES),
    _loss(losses.Quantile((0.1, 0.5, 0.8)), Dense(3), *SCORES),
    _loss(losses.Poisson(), _POSITIVE, *SCORES),
    _loss(losses.GammaDeviance(), _POSITIVE, *SCORES, rate=0.01),
    _loss(losses.TweedieDeviance(), _POSITIVE, *SCORES, rate=0.01),
    _loss(losses.TweedieDeviance(power=1.1), _POSITIVE, *SCORES, rate=0.01),
    _loss(losses.TweedieDeviance(power=1.9), _POSITIVE, *SCORES, rate=0.01),
    _loss(losses.Hinge(), Dense(3), *SCORES),
    _loss(losses.Hinge(), Dense(1, "tanh"), *SCORES),
    _loss(losses.SquaredHinge(), Dense(3), *SCORES),
    _loss(losses.CategoricalHinge(), Dense(4), *_CLASSES),
    _loss(losses.CategoricalHinge(), Dense(4, "softmax"), *_CLASSES),
    _loss(losses.KLDivergence(), Dense(4, "softmax"), *_CLASSES),
    _loss(losses.KLDivergence(), _BETWEEN, *_CLASSES),
    _loss(_FOCAL(), Dense(1, "sigmoid"), *_SIDES),
    _loss(_FOCAL(gamma=1.5, label_smoothing=0.2), Dense(3, "sigmoid"), *_SIDES),
    _loss(_FOCAL(apply_class_balancing=True, alpha=0.7), Dense(3, "sigmoid"), *_SIDES),
    _loss(_FOCAL(from_logits=True), Dense(3), *_SIDES),
    _loss(_FOCAL(True, from_logits=True, label_smoothing=0.2), Dense(3, "tanh"), *_SIDES),
    _loss(_FOCAL(gamma=0.0), _BETWEEN, *_SIDES),
    _loss(_FOCAL(True), _BETWEEN, *_SIDES),
    _loss(_CATEGORICAL_FOCAL(), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(alpha=(0.1, 0.4, 0.7, 2.0), gamma=1.5), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(alpha=0.6, label_smoothing=0.2), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(from_logits=True), Dense(4), *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(0.5, 3.0, from_logits=True, label_smoothing=0.2), Dense(4, "softmax"), *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(gamma=0.0), _ABOVE, *_CLASSES),
    _loss(_CATEGORICAL_FOCAL(alpha=(0.1, 0.4, 0.7, 2.0)), _SOME_BELOW, *_CLASSES),
    _loss(losses.Function(squared_error), Dense(3, "tanh"), *SCORES),
    _loss(losses.Function(squared_error), Dense(1), *SCORES),
    _loss(losses.Function(crossentropy, labels=True), Dense(4, "softmax"), *_LABELS),
)

_LAST = Dense(3)


def _between(layer: layers.Layer) -> Part:
    """On what the table holds, and on what a layer makes of it."""
    return _layer(layer, layer, Dense(6, "tanh"), layer, _LAST)


def _last(layer: layers.Layer) -> Part:
    """Where the loss looks at what it gives."""
    return _layer(layer, Dense(6, "tanh"), Dense(3, "tanh"), layer)


_OWN_TABLES = layers.Embedding((3, 20, 1), (2, 5, 1))
EMBEDDINGS = (
    _embedded(_OWN_TABLES, Dense(6, "tanh"), _LAST),
    _embedded(_OWN_TABLES, Dense(6, "tanh"), _LAST, inputs=0),
    _embedded(layers.Embedding((3, 20, 7), 4), Dropout(0.3), Dense(6, "tanh"), _LAST),
    _embedded(layers.Embedding((3, 20, 7), 4, "he_normal", "l1_l2"), Dense(6, "tanh"), _LAST, inputs=0),
    _embedded(layers.Embedding((3, 20, 7), 4, trainable=False), Dense(6, "tanh"), _LAST),
    _embedded(layers.Embedding(9, 6), layers.Flatten(), Dense(6, "tanh"), _LAST, inputs=0),
    _embedded(layers.Embedding(9, 3, embeddings_regularizer="l2", input_length=3), Dense(6, "tanh"), _LAST),
    _embedded(Dense(4, "tanh"), layers.Embedding((3, 20, 7), 4), layers.BatchNormalization(), _LAST),
    _embedded(Dense(4, "tanh", trainable=False), Dropout(0.2), layers.Embedding((3, 20, 7), 4), Dense(1)),
    _embedded(layers.Residual((Dense(5, "relu"),)), layers.Embedding((3, 20, 7), (1, 17, 2))),
    _embedded(layers.Embedding((2, 2, 2), 1), inputs=0),
)

# Knots within the standard normal values of the rows and beyond them; more pieces than a vector has lanes.
_KNOTS = ((-1.0, -0.2, 0.1, 0.9), (0.0, 0.5), tuple(-2.0 + 0.1 * place for place in range(41)))
_PIECES = layers.PiecewiseLinearEmbedding(_KNOTS)
_BENT = layers.PiecewiseLinearEmbedding(_KNOTS, 3, "he_normal", "he_normal", "he_normal", "l2")
_WAVES = layers.PeriodicEmbedding(3)
NUMBERS = (
    _layer(_PIECES, _PIECES, Dense(6, "tanh"), _LAST),
    _layer(_BENT, _BENT, _LAST),
    _layer(_BENT, Dense(4, "tanh"), _BENT, Dense(6, "tanh"), layers.PiecewiseLinearEmbedding(_KNOTS[:2], 17), _LAST),
    _layer(_PIECES, Dense(4), layers.PiecewiseLinearEmbedding(_KNOTS, 2, trainable=False), Activation("tanh"), _LAST),
    _layer(_BENT, Dense(3, "tanh"), _BENT),
    _layer(_WAVES, _WAVES, Dense(6, "tanh"), _LAST),
    _layer(_WAVES, layers.PeriodicEmbedding(5, 3, 5, 1.5, "l2"), Dropout(0.2), _LAST),
    _layer(_WAVES, Dense(4, "tanh"), _WAVES, Dense(6, "tanh"), layers.PeriodicEmbedding(2, 19, 21), _LAST),
    _layer(_WAVES, Dense(4), layers.PeriodicEmbedding(4, 1, 1, trainable=False), Activation("tanh"), _LAST),
    _layer(_WAVES, Dense(3, "tanh"), layers.PeriodicEmbedding(1, 2, 33)),
    _layer(_PIECES, _PIECES, _WAVES, layers.Scale(), Dense(6, "relu"), Dropout(0.2), Dense(6, "relu"), _LAST),
)

# What Keras has not: arguments, with what they are where they change nothing, and layers.
OWN_OPTIONS = {
    "learning_rate_factor": 1.0,
    "weight_decay_factor": 1.0,
    "bias_learning_rate_factor": None,
    "bias_weight_decay_factor": None,
    "ema_warm_up": False,
}
OURS_ALONE = (layers.PiecewiseLinearEmbedding, layers.PeriodicEmbedding, layers.Scale)

_SLOW = Dense(6, "tanh", learning_rate_factor=0.3, bias_learning_rate_factor=2.0, bias_weight_decay_factor=0.0)
_OWN_PACE: dict[str, Any] = {"learning_rate_factor": 0.3, "weight_decay_factor": 2.0}
_STEADY = optimizers.AdamW(0.01, weight_decay=0.1)


def _paced(layer: layers.Layer, *network: layers.Layer) -> Part:
    """A layer whose rate is its own, under a rule that counts steps and decays."""
    return Part(layer, replace(_PLAIN, network=_network(*network), optimizer=_STEADY))


FACTORS = (
    _layer(_SLOW, _SLOW, Dense(6, "relu", learning_rate_factor=3.0), _LAST),
    _paced(_SLOW, _SLOW, Dense(1, learning_rate_factor=0.0)),
    _paced(Dense(6, weight_decay_factor=3.0), Dense(6, "tanh", weight_decay_factor=3.0), _SLOW, _LAST),
    *(
        _paced(layer, Dense(6, "tanh"), layer, Dense(3, learning_rate_factor=0.3))
        for layer in (
            layers.PReLU("he_normal", **_OWN_PACE),
            layers.Scale("he_normal", **_OWN_PACE),
            layers.PiecewiseLinearEmbedding(_KNOTS, **_OWN_PACE),
            layers.PeriodicEmbedding(2, **_OWN_PACE),
            layers.BatchNormalization(**_OWN_PACE),
            layers.LayerNormalization(**_OWN_PACE),
        )
    ),
    _embedded(layers.Embedding((3, 20, 7), 4, **_OWN_PACE), layers.Residual((_SLOW, Dense(17))), _LAST),
)

# Schedules of decays and dropout, alone, beside numbers, and beside a schedule of the learning rate.
_FADING = Dropout(schedules.FlatCosine(0.4, 24, flat=0.25))
_GROWING = Dropout(schedules.CosineDecay(0.0, 40, warmup_target=0.3, warmup_steps=6), seed=4)
_DECAY = schedules.FlatCosine(0.3, 20)
SCHEDULED = (
    _layer(_FADING, _FADING, Dense(6, "relu"), _GROWING, Dense(6), Dropout(0.2), _LAST),
    _layer(_FADING, Dense(6, "softmax"), layers.Residual((Dense(6, "tanh"), _FADING, Dense(6))), _LAST, _GROWING),
    *(
        _optimizer(optimizer)
        for optimizer in (
            optimizers.SGD(0.1, momentum=0.9, weight_decay=schedules.ExponentialDecay(0.2, 5, 0.5)),
            optimizers.AdamW(SCHEDULES[0], _DECAY, use_ema=True),
            optimizers.Lion(SCHEDULES[-1], weight_decay=_DECAY, clipnorm=0.1),
            optimizers.Muon(0.01, weight_decay=_DECAY, adam_weight_decay=schedules.CosineDecay(0.5, 30)),
            optimizers.Muon(SCHEDULES[-1], adam_weight_decay=_DECAY),
        )
    ),
    Part(
        _FADING,
        replace(
            _PLAIN,
            network=_network(_SLOW, _FADING, Dense(6, weight_decay_factor=3.0), _GROWING, _LAST),
            optimizer=optimizers.AdamW(SCHEDULES[-1], schedules.ExponentialDecay(0.2, 5, 0.5)),
        ),
    ),
)

_FROZEN = Dense(6, "tanh", trainable=False)
LAYERS = (
    *EMBEDDINGS,
    *NUMBERS,
    _layer(layers.Flatten(), layers.Flatten(), Dense(6, "tanh"), layers.Flatten(), _LAST),
    _layer(Dense(6), Dense(6), _LAST),
    _layer(Dense(1), Dense(1)),
    _layer(Dense(1), Dense(1, "tanh"), _LAST),
    _layer(Dense(6, use_bias=False), Dense(6, "tanh", use_bias=False), Dense(3, use_bias=False)),
    _layer(_FROZEN, _FROZEN, _LAST),
    _layer(_FROZEN, Dense(6, "relu"), _FROZEN, _LAST),
    _layer(_FROZEN, Dense(6, "relu"), _LAST, _FROZEN),
    _layer(Dropout(0.4), Dense(6, "tanh"), Dropout(0.4), _LAST),
    _layer(Dropout(0.4), Dense(6, "relu"), Dropout(0.2), Dense(6, "relu"), Dropout(0.4), _LAST),
    _layer(Dropout(0.3, seed=5), Dense(6), Dropout(0.3, seed=5), _LAST),
    _layer(Dropout(0.0), Dense(6, "tanh"), Dropout(0.0), _LAST),
    _layer(Dropout(0.25), Dropout(0.25), Dropout(0.5), Dense(6, "gelu"), _LAST),
    _layer(Dropout(0.25), Dense(6), _LAST, Dropout(0.25)),
    _layer(Dropout(0.25), Dense(6, "softmax"), Dropout(0.25), _LAST),
    _layer(Activation("tanh"), Dense(6), Activation("tanh"), _LAST),
    _layer(Activation("tanh"), Activation("tanh"), Dense(6, "sigmoid"), Activation("elu"), _LAST, Activation("silu")),
    _layer(Activation("softmax"), Dense(6), Activation("softmax"), _LAST, Activation("softmax")),
    _layer(layers.Input((INPUTS,)), layers.Input((INPUTS,)), Dense(6, "tanh"), _LAST),
    *(
        _between(layer)
        for layer in (
            layers.ReLU(),
            layers.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2),
            layers.LeakyReLU(),
            layers.LeakyReLU(0.1),
            layers.ELU(),
            layers.ELU(0.7),
            layers.Softmax(),
            layers.PReLU(),
            layers.PReLU("he_normal", "l2"),
            layers.PReLU("he_normal", trainable=False),
            layers.Scale(),
            layers.Scale("he_normal", "l2"),
            layers.Scale("he_normal", trainable=False),
            layers.Rescaling(0.5),
            layers.Rescaling(2.0, offset=-0.3),
            layers.Normalization(mean=0.1, variance=2.0),
            layers.Normalization(mean=0.1, variance=2.0, invert=True),
            layers.ActivityRegularization(),
            layers.ActivityRegularization(l1=0.05, l2=0.1),
            layers.GaussianNoise(0.3),
            layers.GaussianNoise(0.3, seed=4),
            layers.GaussianDropout(0.2),
            layers.GaussianDropout(0.2, seed=4),
            layers.AlphaDropout(0.2),
            layers.AlphaDropout(0.2, seed=4),
            layers.BatchNormalization(),
            layers.BatchNormalization(momentum=0.8, epsilon=0.1),
            layers.BatchNormalization(center=False),
            layers.BatchNormalization(scale=False),
            layers.BatchNormalization(center=False, scale=False),
            layers.BatchNormalization(
                gamma_initializer="he_normal",
                beta_initializer="he_normal",
                gamma_regularizer="l2",
                beta_regularizer="l1",
                moving_mean_initializer="he_normal",
                moving_variance_initializer=initializers.Constant(0.7),
            ),
            layers.BatchNormalization(trainable=False),
            layers.LayerNormalization(),
            layers.LayerNormalization(epsilon=0.1),
            layers.LayerNormalization(center=False),
            layers.LayerNormalization(scale=False),
            layers.LayerNormalization(
                gamma_initializer="he_normal",
                beta_initializer="he_normal",
                gamma_regularizer="l2",
                beta_regularizer="l1",
            ),
            layers.LayerNormalization(trainable=False),
        )
    ),
    *(
        _last(layer)
        for layer in (
            layers.PReLU("he_normal"),
            layers.Scale("he_normal"),
            layers.Rescaling((0.5, 1.5, 2.0), offset=(0.1, 0.2, 0.3)),
            layers.ActivityRegularization(l1=0.05, l2=0.1),
            layers.AlphaDropout(0.2),
            layers.GaussianDropout(0.2),
            layers.BatchNormalization(momentum=0.8),
            layers.LayerNormalization(),
        )
    ),
    _layer(
        layers.Residual((Dense(6, "tanh"), Dense(5))),
        layers.Residual((Dense(6, "tanh"), Dense(5))),
        Dense(4, "relu"),
        layers.Residual((Activation("tanh"), layers.Residual((Dense(4),)), Dropout(0.2))),
        Activation("tanh"),
        layers.Residual((layers.BatchNormalization(), Dense(4, "relu"), Dropout(0.3), Dense(4))),
        _LAST,
    ),
    _layer(
        layers.Residual((Dense(5, "tanh"), layers.LayerNormalization()), trainable=False),
        Dense(5, "tanh"),
        layers.Residual((Dense(5, "tanh"), layers.LayerNormalization()), trainable=False),
        _LAST,
    ),
    replace(
        _loss(_CATEGORICAL(), Dense(4), *_CLASSES),
        record=layers.Softmax(),
        plan=replace(_PLAIN, network=_network(Dense(6, "relu"), Dense(4), layers.Softmax()), loss=_CATEGORICAL()),
    ),
    replace(
        _loss(_CATEGORICAL(), Dense(4), *_CLASSES),
        record=Activation("softmax"),
        plan=replace(_PLAIN, network=_network(Dense(6, "relu"), Dense(4), Activation("softmax")), loss=_CATEGORICAL()),
    ),
)

METRICS = (
    _metric(metrics.BinaryAccuracy(), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.BinaryAccuracy(threshold=0.7), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.BinaryAccuracy(threshold=0.3), _BINARY(from_logits=True), Dense(1)),
    _metric(metrics.CategoricalAccuracy(), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.SparseCategoricalAccuracy(), _SPARSE(), Dense(4, "softmax")),
    _metric(metrics.MeanSquaredError(), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.MeanAbsoluteError(), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.MeanAbsolutePercentageError(), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.MeanSquaredLogarithmicError(), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.TopKCategoricalAccuracy(), _CATEGORICAL(), Dense(9, "softmax")),
    _metric(metrics.TopKCategoricalAccuracy(k=2), _CATEGORICAL(from_logits=True), Dense(4, "relu")),
    _metric(metrics.SparseTopKCategoricalAccuracy(), _SPARSE(), Dense(9, "softmax")),
    _metric(metrics.SparseTopKCategoricalAccuracy(k=3), _SPARSE(from_logits=True), Dense(20, "relu")),
    _metric(metrics.RootMeanSquaredError(), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.R2Score(), losses.MeanSquaredError(), Dense(1)),
    _metric(metrics.R2Score(num_regressors=4), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.R2Score("variance_weighted_average"), losses.Poisson(), _POSITIVE),
    _metric(metrics.R2Score(None), losses.MeanSquaredError(), Dense(1)),
    _metric(metrics.AUC(), _BINARY(), Dense(1, "sigmoid")),
    _metric(metrics.AUC(num_thresholds=7), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.AUC(curve="PR"), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.AUC(curve="PR", summation_method="majoring"), _BINARY(), Dense(1, "sigmoid")),
    _metric(metrics.AUC(curve="PRGAIN"), _BINARY(), Dense(1, "sigmoid")),
    _metric(metrics.AUC(summation_method="minoring", from_logits=True), _BINARY(from_logits=True), Dense(3)),
    _metric(metrics.AUC(11, multi_label=True), _BINARY(), Dense(3, "sigmoid")),
    _metric(
        metrics.AUC(11, "PR", multi_label=True, num_labels=3, label_weights=(1.0, 0.0, 2.0)),
        *(_BINARY(), Dense(3, "sigmoid")),
    ),
    _metric(metrics.AUC(label_weights=(0.5, 1.0, 2.0)), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.AUC(thresholds=(0.6, 0.1, 0.35)), losses.Poisson(), _POSITIVE),
    _metric(metrics.Precision(), _BINARY(), Dense(1, "sigmoid")),
    _metric(metrics.Precision(0.3, class_id=1), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.Precision(top_k=2), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.Precision(0.25, top_k=2, class_id=3), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.Recall(), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.Recall(0.0), _BINARY(from_logits=True), Dense(1)),
    _metric(metrics.Recall(top_k=1, class_id=0), _CATEGORICAL(), Dense(4, "softmax")),
    *(
        _metric(form(thresholds), _BINARY(), Dense(3, "sigmoid"))
        for form in (
            metrics.TruePositives,
            metrics.FalsePositives,
            metrics.TrueNegatives,
            metrics.FalseNegatives,
        )
        for thresholds in (None, 0.4)
    ),
    _metric(metrics.F1Score(threshold=0.5), _BINARY(), Dense(1, "sigmoid")),
    *(_metric(metrics.F1Score(average), _CATEGORICAL(), Dense(4, "softmax")) for average in ("micro", "macro")),
    _metric(metrics.F1Score("weighted", threshold=0.3), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.FBetaScore("weighted"), losses.MeanSquaredError(), Dense(3, "relu")),
    _metric(metrics.FBetaScore("macro", beta=2.0, threshold=0.4), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.CohenKappa(), _SPARSE(), Dense(4, "softmax")),
    _metric(metrics.CohenKappa("linear"), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.CohenKappa("quadratic", threshold=0.4), _BINARY(), Dense(1, "sigmoid")),
    _metric(metrics.MatthewsCorrelationCoefficient(), _SPARSE(), Dense(4, "softmax")),
    _metric(metrics.MatthewsCorrelationCoefficient(threshold=0.45), _BINARY(), Dense(1, "sigmoid")),
    *(
        _metric(form(0.6, **options), _BINARY(), Dense(3, "sigmoid"))
        for form in (
            metrics.SensitivityAtSpecificity,
            metrics.SpecificityAtSensitivity,
            metrics.PrecisionAtRecall,
            metrics.RecallAtPrecision,
        )
        for options in ({}, {"num_thresholds": 11, "class_id": 1})
    ),
    _metric(metrics.BinaryCrossentropy(), _BINARY(), Dense(3, "sigmoid")),
    _metric(metrics.BinaryCrossentropy(label_smoothing=0.2), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.BinaryCrossentropy(from_logits=True), _BINARY(), Dense(1, "sigmoid")),  # which are taken for logits
    _metric(metrics.CategoricalCrossentropy(label_smoothing=0.1), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.CategoricalCrossentropy(from_logits=True), _CATEGORICAL(from_logits=True), Dense(4)),
    _metric(metrics.SparseCategoricalCrossentropy(), _SPARSE(), Dense(4, "softmax")),
    _metric(metrics.SparseCategoricalCrossentropy(from_logits=True), _SPARSE(from_logits=True), Dense(4)),
    _metric(metrics.KLDivergence(), _CATEGORICAL(), Dense(4, "softmax")),
    _metric(metrics.Poisson(), losses.Poisson(), _POSITIVE),
    _metric(metrics.LogCoshError(), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.Hinge(), losses.Hinge(), Dense(3)),
    _metric(metrics.SquaredHinge(), losses.SquaredHinge(), Dense(3)),
    _metric(metrics.CategoricalHinge(), losses.CategoricalHinge(), Dense(4)),
    _metric(metrics.CosineSimilarity(), losses.Poisson(), _POSITIVE),
    *(
        _metric(metric, _SPARSE(), Dense(4, "softmax"))  # labels as one-hot rows, which Keras does not take
        for metric in (metrics.AUC(), metrics.Recall(0.2), metrics.F1Score("macro"))
    ),
    _metric(metrics.MeanMetricWrapper(_spread), losses.MeanSquaredError(), Dense(3)),
    _metric(metrics.MeanMetricWrapper(_bias), losses.MeanSquaredError(), Dense(3)),
)

PARTS: tuple[Part, ...] = (
    *(_activation(record) for record in ACTIVATIONS),
    *(_initializer(record) for record in INITIALIZERS),
    *(_regularizer(record) for record in REGULARIZERS),
    *(_optimizer(record) for record in OPTIMIZERS),
    *(_schedule(record) for record in SCHEDULES),
    *LOSSES,
    *(replace(part, weighted=True) for part in LOSSES),
    *LAYERS,
    *FACTORS,
    *SCHEDULED,
    *METRICS,
)


def records_of(value: Any) -> Iterator[Record]:
    """Every record inside a plan, network or layer, itself included."""
    if isinstance(value, Record):
        yield value
    if isinstance(value, (Record, Plan, Network)):
        for field in fields(value):
            yield from records_of(getattr(value, field.name))
    if isinstance(value, tuple):
        for item in value:
            yield from records_of(item)


def catalogued() -> set[type[Record]]:
    """Every record that a user can name or construct: the catalogues, and the layers."""
    modules = (activations, initializers, losses, metrics, optimizers, regularizers)
    named = {record for module in modules for record in module.CATALOGUE.values()}
    exported = {getattr(module, name) for module in (*modules, layers, schedules) for name in module.__all__}
    bases = {module_base for record in named for module_base in record.__mro__[1:]} - named
    bases |= {layers.Layer, schedules.LearningRateSchedule}
    found = named | {value for value in exported if isinstance(value, type) and issubclass(value, Record)} - bases
    return found - {optimizers.LBFGS}  # no formula that is stepped by: tests/contracts/test_lbfgs.py


def options_of(record: type[Record]) -> set[str]:
    """The fields that may change what a record computes: those with a default, without names and shapes."""
    normalised = (layers.BatchNormalization, layers.LayerNormalization)
    embedded = (layers.Embedding, layers.PiecewiseLinearEmbedding, layers.PeriodicEmbedding)
    weighted = (Dense, *embedded, layers.PReLU, layers.Scale, *normalised, layers.Residual)
    without_weights = issubclass(record, layers.Layer) and record not in weighted
    ignored = {"name", "input_shape"} | ({"trainable"} if without_weights else set())
    return {name for name in defaults_of(record) if name not in ignored}


# What a constructor of a record's own cannot do without.
NEEDED: dict[str, Any] = {
    "fn": max,
    "function": squared_error,
    "input_dim": 3,
    "output_dim": 2,
    "knots": [[0, 1]],
    "columns": 1,
    "units": 1,
    "activation": "tanh",
    "scale": 0.5,
    "layers": (Dense(5),),
    "boundaries": [1],
    "values": [0.1, 0.01],
}


def defaults_of(record: type[Record]) -> dict[str, Any]:
    """What each option is where nobody says."""
    if "__init__" in vars(record) and not record.__dataclass_params__.init:  # type: ignore[attr-defined]
        parameters = inspect.signature(record).parameters.values()
        plain = record(*(NEEDED[each.name] for each in parameters if each.default is each.empty))
        names = [field.name for field in fields(record)]
        given = {each.name for each in parameters if each.default is not each.empty}
        return {name: getattr(plain, name) for name in names if name in given}
    return {field.name: field.default for field in fields(record) if field.default is not MISSING}
