"""Layers in a row: which may stand where, what they are called, and the network that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tabgrad._refusals import shown
from tabgrad._warning import warn
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers import BatchNormalization, Embedding, Flatten, Input, Layer
from tabgrad.layers._base import row_shape
from tabgrad.plan import Network


class Columns(NamedTuple):
    """How many columns a row has: numeric ones, and codes for an `Embedding`."""

    numeric: int
    codes: int = 0

    @property
    def shape(self) -> Any:
        """As Keras says it: ``(None, features)``, or a list of both."""
        both = [(None, width) for width in self if width]
        return both if len(both) > 1 else both[0]

    def __str__(self) -> str:
        """``6 columns and 2 of codes``."""
        numeric = f"{self.numeric} columns" if self.numeric else ""
        codes = f"{self.codes} {'' if numeric else 'columns '}of codes" if self.codes else ""
        return " and ".join(filter(None, (numeric, codes)))


def columns_of(shape: Any, layers: Iterable[Layer]) -> Columns:
    """The columns that a shape declares: a single one is that of the codes where an `Embedding` comes first."""
    if isinstance(shape[0], tuple):
        (numeric,), (codes,) = shape
        return Columns(numeric, codes)
    first = next(iter(working(layers)), None)
    return Columns(0, shape[0]) if isinstance(first, Embedding) else Columns(shape[0])


def built_shape(shape: Any, owner: str = "build") -> Any:
    """What `Sequential.build` takes, without the batch: `(features,)` or a pair of such."""
    values = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if len(values) == 2 and all(isinstance(each, (tuple, list)) for each in values):
        return row_shape(tuple(tuple(each)[-1:] for each in values), "input_shape", owner)
    if len(values) not in (1, 2):
        raise ArgumentError(f"'input_shape' of {owner} must be (None, features). Got {shape!r}.")
    return row_shape(values[-1:], "input_shape", owner)


def declared(layers: Sequence[Layer]) -> Columns | None:
    """The columns that the first layer declares."""
    return columns_of(layers[0].input_shape, layers) if layers and layers[0].input_shape else None


def embedding_of(layers: Iterable[Layer]) -> Embedding | None:
    """The first `Embedding` among the layers."""
    return next((layer for layer in layers if isinstance(layer, Embedding)), None)


def working(layers: Iterable[Layer]) -> list[Layer]:
    """The layers without `Input`."""
    return [layer for layer in layers if not isinstance(layer, Input)]


def layer_names(layers: Sequence[Layer]) -> list[str]:
    """The layers' own names; where there is none, their kind, numbered from the second on: dense, dense_1."""
    taken = {layer.name for layer in layers if layer.name}
    counted: dict[str, int] = {}
    names = []
    for layer in layers:
        name = layer.name or ""
        while not name:
            number = counted.get(layer.kind, 0)
            counted[layer.kind] = number + 1
            candidate = f"{layer.kind}_{number}" if number else layer.kind
            name = "" if candidate in taken else candidate
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


NO_VARIANCE = "which has no variance: there BatchNormalization gives its beta alone."


def takes_statistics(network: Network) -> bool:
    """Whether layers take mean and variance over the rows of a batch."""
    return any(isinstance(layer, BatchNormalization) and layer.trainable for layer in network.leaves())


def check_batches(network: Network, rows: int, batch: int) -> None:
    """Whether each batch has enough rows for the statistics that the layers take of it.

    Raises
    ------
    ArgumentError
        If every batch is a single row; a single one that is left at the end is only warned of.
    """
    if not takes_statistics(network):
        return
    if min(batch, rows) == 1:
        raise ArgumentError(
            "BatchNormalization takes mean and variance over the rows of a batch, and one row has no variance. Got "
            f"{rows} row{'s' if rows > 1 else ''} in batches of {batch}. Use a larger batch, or LayerNormalization."
        )
    if rows % batch == 1:
        warn(
            f"The last of the batches of {batch} out of {rows} rows is a single row, {NO_VARIANCE} "
            f"Another batch_size leaves more: {batch + 1}, for instance.",
        )


def network_of(columns: Columns, layers: tuple[Layer, ...], caller: str) -> Network:
    """The network over rows of so many columns; refused if a layer declares others than it receives."""
    if not working(layers):
        raise NotReadyError(f"{caller} needs a model with layers: model.add(Dense(1)), for instance.")
    network = Network(columns.numeric, layers, columns.codes)
    for place, (layer, inputs, _) in enumerate(network.widths()):
        receives = columns if place == 0 else Columns(inputs)
        if layer.input_shape and (says := columns_of(layer.input_shape, [layer])) != receives:
            kind = type(layer).__name__
            raise ArgumentError(
                f"A{'n' * (kind[0] in 'AEIO')} {kind} declares {says}, but receives {receives}. Only the first layer "
                "needs input_dim or input_shape: leave it out of the others."
            )
    _check_flattened(network)
    return network


def _check_flattened(network: Network) -> None:
    """Keras's own embedding gives each column a place of its own, in which layers other than `Flatten` see it there."""
    first, *others = network.layers
    keras_own = isinstance(first, Embedding) and first.shared and network.codes > 1 and not network.inputs
    if keras_own and others and not isinstance(others[0], Flatten):
        raise ArgumentError(
            f"Flatten must come after an Embedding whose table all columns share, as in Keras. Got "
            f"{type(others[0]).__name__}. For tables of their own, say how many codes each column has: "
            "Embedding([3, 100], 8)."
        )
