"""From constructor arguments to the layers of a network, and what stands at its end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tabgrad import _seeds, activations, layers, losses
from tabgrad._checks import COUNT, check
from tabgrad.encode.encoder import Encoder
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.estimators._presets import Preset
from tabgrad.layers import Layer
from tabgrad.losses import Loss
from tabgrad.models import Sequential
from tabgrad.regularizers import L1L2

__all__ = ["Head", "Shape", "built", "class_head", "embedded", "knots_of", "planned", "takes_codes", "value_head"]

RECTIFIERS = (activations.Relu, activations.LeakyRelu, activations.Elu)


@dataclass(frozen=True)
class Shape:
    """What a network's ends must fit.

    Parameters
    ----------
    features : int
        Numeric columns of a row.
    cardinalities, widths : tuple of int
        For each column of codes how many there are, and how many numbers are to stand for one.
    outputs : int
    knots : tuple of tuples of float
        Of each of the first numeric columns, for which vectors may stand; the others are indicators.
    """

    features: int
    cardinalities: tuple[int, ...]
    widths: tuple[int, ...]
    outputs: int
    knots: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(cls, encoder: Encoder, head: Head, knots: tuple[tuple[float, ...], ...]) -> Shape:
        """What a network must fit that takes what an encoder gives."""
        return cls(len(encoder.features), encoder.cardinalities, encoder.widths, head.units, knots)

    @property
    def row(self) -> Any:
        """The shape that `Sequential.build` takes."""
        numeric, codes = (None, self.features), (None, len(self.cardinalities))
        if not self.cardinalities:
            return numeric
        return [numeric, codes] if self.features else codes


@dataclass(frozen=True)
class Head:
    """The last layer of a network, and the loss that it is trained with."""

    units: int
    activation: str
    loss: Loss

    @property
    def least_squares(self) -> bool:
        """Whether the network gives means of numbers, as they are."""
        return self.activation == "linear" and isinstance(self.loss, losses.MeanSquaredError)


def class_head(classes: int, loss: Any, label_smoothing: float) -> Head:
    """The end of a network for classes: two are one sigmoid unit, more a softmax over as many.

    Raises
    ------
    ArgumentError
        The loss is none for classes, or none whose labels can be smoothed.
    """
    default: Loss = losses.BinaryCrossentropy() if classes == 2 else losses.SparseCategoricalCrossentropy()
    record = smoothed(default if loss is None else losses.get(loss), label_smoothing)
    if record.shared_target or record.target == "positive":
        raise ArgumentError(
            f"{type(record).__name__} is no loss for classes. Use 'binary_crossentropy', 'categorical_crossentropy' or "
            "leave 'loss' out."
        )
    two_sided = record.target in ("probabilities", "signs")
    units = 1 if two_sided and classes == 2 else classes
    linear = record.from_logits or isinstance(record, (losses.Hinge, losses.SquaredHinge, losses.CategoricalHinge))
    return Head(units, "linear" if linear else "sigmoid" if record.target == "probabilities" else "softmax", record)


def smoothed(loss: Loss, label_smoothing: float) -> Loss:
    """The loss with its labels smoothed."""
    if not label_smoothing:
        return loss
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return losses.CategoricalCrossentropy(from_logits=loss.from_logits, label_smoothing=label_smoothing)
    if "label_smoothing" in [entry.name for entry in fields(loss)]:
        changes: dict[str, Any] = {"label_smoothing": label_smoothing}
        return replace(loss, **changes)
    raise ArgumentError(
        f"'label_smoothing' needs a cross-entropy, and {type(loss).__name__} is none. Use 0 or another loss."
    )


def value_head(outputs: int, loss: Any) -> Head:
    """The end of a network for numbers: linear, or a softplus where the loss needs what is positive."""
    record = losses.get("mse" if loss is None else loss)
    if record.target in ("labels", "one_hot", "probabilities", "signs"):
        raise ArgumentError(
            f"{type(record).__name__} is a loss for classes. Use 'mse', 'mae', 'huber', 'poisson' or another loss for "
            "numbers; for classes a Classifier."
        )
    if record.shared_target and outputs > 1:
        raise ArgumentError(f"{type(record).__name__} is for one target. Got {outputs}: train a Regressor for each.")
    units = len(record.listed()) if record.shared_target else outputs
    return Head(units, "softplus" if positive(record) else "linear", record)


def positive(loss: Loss) -> bool:
    """Whether a loss is for predictions above zero."""
    return loss.target in ("not_negative", "positive") or isinstance(loss, losses.MeanSquaredLogarithmicError)


def takes_codes(model: Any) -> bool:
    """Whether the network has an `Embedding` for categories of many levels; else they are one-hot."""
    if model is None:
        return True
    if isinstance(model, Sequential):
        return any(isinstance(layer.record, layers.Embedding) for layer in model.layers)
    return "cardinalities" in _arguments(model)


def embedded(preset: Preset, encoder: Encoder) -> int:
    """How many of the numbers that an encoder gives have vectors beside them."""
    return encoder.embeddable if any(preset.widths_for(encoder.embeddable)) else 0


def knots_of(model: Sequential) -> tuple[tuple[float, ...], ...]:
    """The knots of a network's embedding of numbers; of one without such, a place for each column that it embeds."""
    for layer in model.layers:
        if isinstance(layer.record, layers.PiecewiseLinearEmbedding):
            return layer.record.knots
        if isinstance(layer.record, layers.PeriodicEmbedding):
            return ((),) * layer.record.columns
    return ()


def planned(estimator: Any, preset: Preset, shape: Shape, head: Head) -> list[Layer] | None:
    """The layers of a new network; None for a `model` of the estimator's own, which a function may have to make."""
    return None if estimator.model is not None else [*_layers(estimator, preset, shape), _last(estimator, preset, head)]


def built(estimator: Any, preset: Preset, shape: Shape, head: Head, seed: int) -> Sequential:
    """A new network: of the sizes that the preset says, or the estimator's own `model`."""
    if (layers := planned(estimator, preset, shape, head)) is not None:
        return Sequential(layers, seed=seed)
    if isinstance(estimator.model, Sequential):
        model = Sequential.from_config(estimator.model.get_config())
        model._seed = seed
        if (compiling := estimator.model.get_compile_config()) is not None:
            model.compile_from_config(compiling)
        return model
    offered = {
        "features": shape.features,
        "cardinalities": shape.cardinalities,
        "outputs": shape.outputs,
        "random_state": seed,
    }
    with _seeds.session(seed):
        model = estimator.model(**{name: offered[name] for name in _arguments(estimator.model) if name in offered})
    if not isinstance(model, Sequential):
        raise ArgumentTypeError(
            f"The function 'model' of {type(estimator).__name__} must return a tabgrad.Sequential. Got a "
            f"{type(model).__module__}.{type(model).__name__}."
        )
    return model


def _arguments(function: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # a built-in function may have none
        return []


def _layers(estimator: Any, preset: Preset, shape: Shape) -> list[Layer]:
    """Everything before the last layer."""
    row = _embeddings(preset, shape)
    if preset.scale_rate:
        row.append(layers.Scale(learning_rate_factor=preset.scale_rate, weight_decay_factor=0.0))
    activation = activations.get(preset.activation)
    # Variance 2 / fan_in keeps the size of signals through a rectifier, Glorot's through the others.
    draw = "he_normal" if isinstance(activation, RECTIFIERS) else "glorot_uniform"
    for units in preset.hidden_layer_sizes:
        width = check(units, "hidden_layer_sizes", type(estimator).__name__, (int,), COUNT)
        row.append(_dense(estimator, preset, width, activation, draw))
        if preset.dropout:
            row.append(layers.Dropout(preset.dropout))
    return row


def _embeddings(preset: Preset, shape: Shape) -> list[Layer]:
    """What stands beside the numbers: vectors for the first of them, vectors for categories."""
    row: list[Layer] = []
    columns = len(shape.knots)
    piecewise, periodic = preset.widths_for(columns)
    rates: dict[str, Any] = {"learning_rate_factor": preset.embedding_rate, "weight_decay_factor": 0.0}
    if columns and piecewise:
        row.append(layers.PiecewiseLinearEmbedding(shape.knots, piecewise, **rates))
    if columns and periodic:
        row.append(layers.PeriodicEmbedding(columns, periodic, preset.frequencies, preset.frequency_scale, **rates))
    if shape.cardinalities:
        decays = float(not preset.decay_falls)
        rates = {"learning_rate_factor": preset.category_rate, "weight_decay_factor": decays}
        row.append(layers.Embedding(list(shape.cardinalities), list(shape.widths), **rates))
    return row


def _last(estimator: Any, preset: Preset, head: Head) -> Layer:
    return _dense(estimator, preset, head.units, head.activation)


def _dense(estimator: Any, preset: Preset, units: int, activation: Any, draw: str = "glorot_uniform") -> layers.Dense:
    return layers.Dense(
        *(units, activation),
        kernel_initializer=draw,
        kernel_regularizer=_penalty(estimator),
        bias_weight_decay_factor=0.0 if preset.decay_falls else None,
    )


def _penalty(estimator: Any) -> L1L2 | None:
    return L1L2(estimator.l1, estimator.l2) if estimator.l1 or estimator.l2 else None
