"""Weights that a user gives, held against what the network has in their place."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabgrad._stack import layer_names
from tabgrad.errors import DataError
from tabgrad.matrix import read, single
from tabgrad.plan import Network


def checked_weights(weights: Any, network: Network) -> tuple[np.ndarray, ...]:
    """Weights as float32 copies, each held against what the network has in its place."""
    if not isinstance(weights, (list, tuple)):
        raise DataError(f"set_weights takes a list of arrays, as get_weights gives it. Got {type(weights).__name__}.")
    labels = _weight_labels(network)
    if len(weights) != len(labels):
        expected = ", ".join(f"{label} {weight.shape}" for label, weight in zip(labels, network.weights, strict=True))
        raise DataError(f"set_weights takes {len(labels)} arrays: {expected}. Got {len(weights)}.")
    arrays = []
    for place, (given, label, weight) in enumerate(zip(weights, labels, network.weights, strict=True)):
        numbers = read(given, f"Array {place} of set_weights ({label})")
        shape = numbers.array.shape
        if shape != weight.shape:
            fix = " Transpose it." if shape == weight.shape[::-1] else ""
            raise DataError(f"{numbers.name} must have the shape {weight.shape}. Got {shape}.{fix}")
        arrays.append(single(numbers).copy())
    return tuple(arrays)


def _weight_labels(network: Network) -> list[str]:
    """``kernel of dense_1`` for each of a network's arrays."""
    names = layer_names(network.layers)
    return [
        f"{weight.name} of {name}"
        for name, (layer, inputs, _) in zip(names, network.widths(), strict=True)
        for weight in layer.weights(inputs)
    ]
