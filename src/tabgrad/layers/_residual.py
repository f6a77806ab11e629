"""Layers whose output is added to their input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers._base import Input, Layer, Weight


@dataclass(frozen=True, init=False)
class Residual(Layer):
    """``y = x + f(x)`` with ``f`` some layers in a row; backward ``dL/dx = dL/dy + dL/dy f'(x)``.

    Keras builds the same with its functional API: ``layers.add([x, f(x)])``.

    Parameters
    ----------
    layers : list of Layer
        ``f``; its output must be as wide as its input.
    name, trainable
        See `Layer`; `trainable` False holds for all layers inside.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", 2016; for tables Y. Gorishniy et al., "Revisiting
    deep learning models for tabular data", 2021.

    Examples
    --------
    >>> from tabgrad.layers import BatchNormalization, Dense, Dropout, Residual
    >>> from tabgrad.models import Sequential
    >>> block = [BatchNormalization(), Dense(64, activation="relu"), Dropout(0.2), Dense(32)]
    >>> Sequential([Dense(32, input_dim=8), Residual(block), Dense(1)]).output_shape
    (None, 1)
    """

    layers: tuple[Layer, ...]

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        """Check what is inside."""
        given: Any = layers
        if isinstance(layers, (list, tuple)):
            given = tuple(getattr(layer, "record", layer) for layer in layers)  # of what is taken from a model
        if not isinstance(given, tuple) or not all(isinstance(layer, Layer) for layer in given):
            raise ArgumentTypeError(f"'layers' of Residual must be a list of layers. Got {layers!r}.")
        if not given or any(isinstance(layer, Input) for layer in given):
            found = "an Input" if given else "none"
            raise ArgumentError(f"'layers' of Residual must be at least one layer, and no Input. Got {found}.")
        self._fill({"layers": given, "input_shape": input_shape, "name": name, "trainable": trainable})

    def units_out(self, inputs: int) -> int:
        """The width of the input, which is that of the output.

        Raises
        ------
        ArgumentError
            If the layers inside give another width.
        """
        outputs = inputs
        for layer in self.layers:
            outputs = layer.units_out(outputs)
        if outputs != inputs:
            raise ArgumentError(
                f"The layers of a Residual must give as many units as they receive: {inputs} come in, {outputs} come "
                f"out. Let the last one be Dense({inputs}), or put Dense({outputs}) before the Residual."
            )
        return inputs

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The arrays of the layers inside, each named after its layer's place and kind: ``0_dense/kernel``."""
        arrays: list[Weight] = []
        for place, layer in enumerate(self.inside()):
            of_layer = layer.weights(inputs)
            arrays += [replace(array, name=f"{place}_{layer.kind}/{array.name}") for array in of_layer]
            inputs = layer.units_out(inputs)
        return tuple(arrays)

    def inside(self) -> tuple[Layer, ...]:
        """The layers, frozen if the block is."""
        return self.layers if self.trainable else tuple(replace(layer, trainable=False) for layer in self.layers)
