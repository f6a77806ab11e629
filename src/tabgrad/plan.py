"""The plan: one hashable record of all that a training run is.

Cache key, grid candidate, JSON in a model file and row in a report are the same thing.
``dataclasses.replace(plan, seed=1)`` is the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np

from tabgrad import activations, losses, optimizers
from tabgrad._checks import COUNT, NOT_NEGATIVE, SEED, check_record
from tabgrad._record import from_data, known_in_data, to_data
from tabgrad._seeds import generator
from tabgrad.errors import ArgumentError
from tabgrad.layers import BatchNormalization, Dropout, Embedding, Input, Layer, Residual, Weight
from tabgrad.metrics import Metric
from tabgrad.optimizers.schedules import DROPOUT_RATE, LearningRateSchedule, Scheduled

__all__ = ["Network", "Plan"]

CODES_FIX = "declare Input([(features,), (columns,)]) for numeric columns and codes, or fit on a pair [numeric, codes]."


@dataclass(frozen=True)
class Network:
    """Layers in their order over rows of a known width.

    Parameters
    ----------
    inputs : int
        Numeric columns of a row; 0 for a network that begins with an `Embedding`.
    layers : tuple of Layer
        Without `Input`: its work is done once `inputs` is known.
    codes : int, default 0
        Columns of codes beside the numeric ones, for the network's one `Embedding`.
    """

    inputs: Annotated[int, NOT_NEGATIVE]
    layers: tuple[Layer, ...]
    codes: Annotated[int, NOT_NEGATIVE] = 0

    def __post_init__(self) -> None:
        """Check the widths, drop `Input`, tell the embedding its columns."""
        check_record(self)
        row = (layer for layer in self.layers if not isinstance(layer, Input))
        row = (layer.over(self.codes) if isinstance(layer, Embedding) else layer for layer in row)
        object.__setattr__(self, "layers", tuple(row))
        check_codes(self)

    def widths(self) -> Iterator[tuple[Layer, int, int]]:
        """Each layer with the widths of its input and output."""
        inputs = self.inputs
        for layer in self.layers:
            outputs = layer.units_out(inputs)
            yield layer, inputs, outputs
            inputs = outputs

    def leaves(self) -> Iterator[Layer]:
        """Each layer that computes something itself: those inside a residual block in its place."""
        waiting = list(reversed(self.layers))
        while waiting:
            layer = waiting.pop()
            if isinstance(layer, Residual):
                waiting += reversed(layer.inside())
            else:
                yield layer

    @property
    def embedding(self) -> Embedding | None:
        """The layer that takes the codes, if there is one."""
        return next((layer for layer in self.layers if isinstance(layer, Embedding)), None)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """How many codes each column of codes may hold."""
        return () if self.embedding is None else tuple(rows for rows, _ in self.embedding.looked_up())

    @property
    def outputs(self) -> int:
        """Width of the last layer's output."""
        return [self.inputs, *(outputs for _, _, outputs in self.widths())][-1]

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """The arrays of all layers, in the order of `get_weights`."""
        return tuple(weight for layer, inputs, _ in self.widths() for weight in layer.weights(inputs))

    @property
    def last_activation(self) -> activations.Activation:
        """The activation of the last layer, linear where it has none, as dropout."""
        return getattr(self.layers[-1], "activation", activations.linear) if self.layers else activations.linear

    def initial_weights(self, seed: int) -> tuple[np.ndarray, ...]:
        """The arrays before the first step, each from its own counted generator."""
        return tuple(
            weight.initializer.draw(weight.shape, generator(seed, "weights", place))
            for place, weight in enumerate(self.weights)
        )


def check_codes(network: Network) -> None:
    """Whether columns of codes and the layer that takes them belong together.

    Raises
    ------
    ArgumentError
        Codes that no `Embedding` takes or another number of them than it has tables, more than one `Embedding`, no
        numeric columns for a layer before it.
    """
    places = [place for place, layer in enumerate(network.leaves()) if isinstance(layer, Embedding)]
    embedding = network.embedding
    if len(places) > 1:
        raise ArgumentError(
            "A network has one Embedding at most: it takes all columns of codes, each with a table of its own, "
            "for instance Embedding([3, 100], [2, 8])."
        )
    if places and embedding is None:
        raise ArgumentError("An Embedding cannot stand in a Residual: its output is wider than its input.")
    if embedding is None and network.codes:
        raise ArgumentError(
            f"The model declares {network.codes} columns of codes, but has no Embedding that takes them. Add one, for "
            "instance Embedding([3, 100], [2, 8])."
        )
    if embedding is not None and not network.codes:
        raise ArgumentError("An Embedding takes columns of codes, and the model has none: " + CODES_FIX)
    if embedding is not None and embedding.columns != network.codes:
        raise ArgumentError(
            f"The Embedding takes {embedding.columns} columns of codes, as its 'input_dim' or 'input_length' says. Got "
            f"{network.codes}."
        )
    if not network.inputs and places != [0]:
        raise ArgumentError("A network without numeric columns begins with an Embedding.")


@dataclass(frozen=True)
class Plan:
    """A training run: network, loss, optimizer, batches, seed.

    The number of epochs is not in it: a run of five epochs is the beginning of a run of ten with the same plan.

    Parameters
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer
    metrics : tuple of Metric
    batch_size : int, default 32
    shuffle : bool, default True
        A new order of the rows each epoch, a function of (seed, epoch).
    seed : int, default 0
    weighted_metrics : tuple of Metric
        Those into which the weights of rows enter.

    Examples
    --------
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.losses import MeanSquaredError
    >>> from tabgrad.optimizers import Adam
    >>> from tabgrad.plan import Network, Plan
    >>> plan = Plan(Network(8, (Dense(1),)), MeanSquaredError(), Adam())
    >>> Plan.from_json(plan.to_json()) == plan
    True
    """

    network: Network
    loss: losses.Loss
    optimizer: optimizers.Optimizer
    metrics: tuple[Metric, ...] = ()
    batch_size: Annotated[int, COUNT] = 32
    shuffle: bool = True
    seed: Annotated[int, SEED] = 0
    weighted_metrics: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        """Check the numbers, that the loss has as many for each output as there are outputs, and the metrics' width."""
        check_record(self)
        self._check_whole()
        listed, outputs = len(self.loss.listed()), self.network.outputs
        for metric, _ in self.scores:
            metric.check_width(outputs)
        if listed and listed != outputs:
            raise ArgumentError(
                f"{self.loss!r} has {listed} number{'s' if listed > 1 else ''}, one for each output. The network has "
                f"{outputs} output{'s' if outputs > 1 else ''}: give its last layer {listed} unit"
                f"{'s' if listed > 1 else ''}, or the loss {outputs} number{'s' if outputs > 1 else ''}."
            )

    @property
    def scores(self) -> tuple[tuple[Metric, bool], ...]:
        """Every metric in the order of the values, and whether the weights of rows enter it."""
        plain, weighted = ((one, False) for one in self.metrics), ((one, True) for one in self.weighted_metrics)
        return (*plain, *weighted)

    @cached_property
    def scheduled(self) -> tuple[Scheduled, ...]:
        """What schedules rule: numbers of the optimizer, then dropout rates in the order of the layers."""
        rates = (layer.rate for layer in self.network.leaves() if isinstance(layer, Dropout))
        dropped = (Scheduled(rate, DROPOUT_RATE) for rate in rates if isinstance(rate, LearningRateSchedule))
        return (*self.optimizer.scheduled, *dropped)

    @property
    def has_functions(self) -> bool:
        """Whether a metric is a function, which may look at a batch as a whole."""
        return any(metric.tally == "function" for metric, _ in self.scores)

    def _check_whole(self) -> None:
        """An optimizer that takes all rows minimises one fixed loss."""
        if not self.optimizer.whole:
            return
        name = type(self.optimizer).__name__
        if any(weight.rate_factor != 1 for weight in self.network.weights):
            raise ArgumentError(f"{name} has no learning rate that a layer's learning_rate_factor could multiply.")
        for layer in self.network.leaves():
            if getattr(layer, "rate", 0) or getattr(layer, "stddev", 0):
                raise ArgumentError(
                    f"{name} minimises one fixed loss, and a {type(layer).__name__} draws another at each evaluation. "
                    "Leave the layer out, or take another optimizer."
                )
            if isinstance(layer, BatchNormalization) and layer.trainable:
                raise ArgumentError(
                    f"{name} takes no batches, whose means and variances BatchNormalization gathers for predictions. "
                    "Use LayerNormalization or Normalization, or take another optimizer."
                )

    @property
    def linked(self) -> bool:
        """Whether the last activation is the loss's link, so that both share one derivative (see `losses.Loss`)."""
        return not self.loss.from_logits and type(self.network.last_activation) is self.loss.link

    def to_json(self) -> str:
        """The plan as JSON: ``{"class": name, field: value, ...}`` for every record; infinity and NaN never occur."""
        return json.dumps(to_data(self), allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Plan:
        """The plan that `to_json` wrote; class names are looked up in a fixed table, nothing is imported by name."""
        plan = from_data(json.loads(text))
        if not isinstance(plan, Plan):
            raise ArgumentError(f"The JSON describes a {type(plan).__name__}, not a Plan.")
        return plan


known_in_data(Network)
known_in_data(Plan)
