"""Layers in a row: which may stand where, what they are called, and the network that they make."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers import BatchNormalization, Input, Layer
from tabgrad.plan import Network


def working(layers: Iterable[Layer]) -> list[Layer]:
    """The layers without `Input`."""
    return [layer for layer in layers if not isinstance(layer, Input)]


def layer_names(layers: Sequence[Layer]) -> list[str]:
    """The layers' own names; where there is none, their kind, numbered from the second on: dense, dense_1."""
    taken = {layer.name for layer in layers if layer.name}
    counted: dict[str, int] = {}
    names = []
    for layer in layers:
        name = layer.name
        while not name:
            number = counted.get(layer.kind, 0)
            counted[layer.kind] = number + 1
            candidate = f"{layer.kind}_{number}" if number else layer.kind
            name = None if candidate in taken else candidate
        names.append(name)
    return names


def check_layer(layer: Any, before: tuple[Layer, ...]) -> None:
    """Whether a layer may come after these."""
    if isinstance(layer, type) and issubclass(layer, Layer):
        raise ArgumentTypeError(f"A Sequential takes layers, not classes: write {layer.__name__}(...).")
    if not isinstance(layer, Layer):
        raise ArgumentTypeError(
            f"A Sequential takes layers of tabgrad.layers. Got {shown(layer)} ({type(layer).__module__}."
            f"{type(layer).__name__})."
        )
    if isinstance(layer, Input) and before:
        raise ArgumentError("Input must be the first layer of a Sequential, and the only Input.")
    if layer.name and layer.name in layer_names(before):
        raise ArgumentError(f"The layers of a Sequential must have different names. '{layer.name}' is there already.")


def check_batches(network: Network, rows: int, batch: int) -> None:
    """Whether each batch has enough rows for the statistics that the layers take of it.

    Raises
    ------
    ArgumentError
        If every batch is a single row; a single one that is left at the end is only warned of.
    """
    if not any(isinstance(layer, BatchNormalization) and layer.trainable for layer in network.leaves()):
        return
    if min(batch, rows) == 1:
        raise ArgumentError(
            "BatchNormalization takes mean and variance over the rows of a batch, and one row has no variance. Got "
            f"{rows} row{'s' if rows > 1 else ''} in batches of {batch}. Use a larger batch, or LayerNormalization."
        )
    if rows % batch == 1:
        warnings.warn(
            f"The last of the batches of {batch} out of {rows} rows is a single row, which has no variance: there "
            f"BatchNormalization gives its beta alone. Another batch_size leaves more: {batch + 1}, for instance.",
            UserWarning,
            stacklevel=4,
        )


def network_of(width: int, layers: tuple[Layer, ...], caller: str) -> Network:
    """The network over rows of a width; refused if a layer declares another width than it receives."""
    if not working(layers):
        raise NotReadyError(f"{caller} needs a model with layers: model.add(Dense(1)), for instance.")
    network = Network(width, layers)
    for layer, inputs, _ in network.widths():
        if layer.input_shape and layer.input_shape[0] != inputs:
            raise ArgumentError(
                f"A {type(layer).__name__} declares {layer.input_shape[0]} columns, but receives {inputs}. Only the "
                "first layer needs input_dim: leave it out of the others."
            )
    return network
