"""Files of weights: safetensors, with a header that says which layers they belong to and a digest of all of it.

The header's metadata hold ``format`` ("tabgrad.weights"), ``version`` (1), ``layers`` (JSON: for each layer its name
and the names and shapes of its arrays) and ``sha256`` (of the layers and of the numbers in their order), since
safetensors itself does not notice a bit that has turned. A file holds no code and names no class.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabgrad._files import path_of, write_whole
from tabgrad._refusals import shown
from tabgrad._stack import layer_names
from tabgrad.errors import ArgumentError, WeightsFileError
from tabgrad.plan import Network

ENDING = ".safetensors"
FORMAT, VERSION = "tabgrad.weights", "1"
REINSTALL = "Save the weights again, or load a copy of the file."


def weights_path(path: Any, name: str, owner: str) -> str:
    """A path that a file of weights may have."""
    text = path_of(path, name, owner)
    if not text.endswith(ENDING):
        raise ArgumentError(f"'{name}' of {owner} must end in '.weights.safetensors' or '{ENDING}'. Got {shown(text)}.")
    return text


def write_weights(path: str, weights: Sequence[np.ndarray], network: Network) -> None:
    """Write weights to a temporary name beside `path`, down to the disk, then give it its name."""
    from safetensors.numpy import save  # loads its compiled core

    layers = _layers(network)
    arrays = [np.ascontiguousarray(array, np.float32) for array in weights]
    metadata = {"format": FORMAT, "version": VERSION, "layers": layers, "sha256": digest(layers, arrays)}
    write_whole(path, [save(dict(zip(labels(network), arrays, strict=True)), metadata)])


def read_weights(path: str, network: Network) -> list[np.ndarray]:
    """The weights of a file, in the order of `Network.weights`.

    Raises
    ------
    WeightsFileError
        The file is damaged, foreign, or another network's; the message says which.
    """
    with open(path, "rb") as file:
        content = file.read()
    tensors, metadata = opened(path, content, REINSTALL)
    if metadata.get("format") != FORMAT:
        raise WeightsFileError(
            f"'{path}' is not a file of weights that save_weights wrote: its header does not say so."
        )
    if metadata.get("version") != VERSION:
        raise WeightsFileError(
            f"'{path}' has the format number {shown(metadata.get('version'))}, and this version of tabgrad reads "
            f"{VERSION}. Use a newer tabgrad."
        )
    layers = _layers(network)
    if metadata.get("layers") != layers:
        raise WeightsFileError(
            f"'{path}' holds the weights of another network: {_brief(metadata.get('layers'))}. This model has "
            f"{_brief(layers)}. Build the model as it was saved."
        )
    names = labels(network)
    if sorted(tensors) != sorted(names) or metadata.keys() != {"format", "version", "layers", "sha256"}:
        raise WeightsFileError(f"'{path}' is damaged: its arrays are not those that its header names. {REINSTALL}")
    arrays = [tensors[name] for name in names]
    for label, array, weight in zip(names, arrays, network.weights, strict=True):
        if array.shape != weight.shape or array.dtype != np.float32:
            raise WeightsFileError(
                f"'{path}' is damaged: '{label}' must be float32 of the shape {weight.shape}. Got {array.dtype} of the "
                f"shape {array.shape}. {REINSTALL}"
            )
    if metadata["sha256"] != digest(layers, arrays):
        raise WeightsFileError(f"'{path}' is damaged: its numbers are not those that were saved. {REINSTALL}")
    for label, array in zip(names, arrays, strict=True):
        if not np.isfinite(array).all():
            raise WeightsFileError(f"'{path}' cannot be used: '{label}' holds numbers that are not finite.")
    return arrays


def opened(path: str, content: bytes, fix: str) -> tuple[dict[str, np.ndarray], Mapping[str, str]]:
    """The arrays and the metadata of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, KeyError) as error:
        raise WeightsFileError(
            f"'{path}' is not a whole safetensors file ({len(content)} bytes): {shown(str(error))}. {fix}"
        ) from error
    return tensors, header.get("__metadata__") or {}


def _layers(network: Network) -> str:
    """Each layer that has arrays: its name, their names and shapes."""
    names = layer_names(network.layers)
    rows = [
        [name, [[weight.name, list(weight.shape)] for weight in layer.weights(inputs)]]
        for name, (layer, inputs, _) in zip(names, network.widths(), strict=True)
    ]
    return json.dumps([row for row in rows if row[1]])


def labels(network: Network) -> list[str]:
    """``dense/kernel`` for each array."""
    return [f"{name}/{weight}" for name, arrays in json.loads(_layers(network)) for weight, _ in arrays]


def _brief(layers: str | None) -> str:
    """Layers in a message: ``dense (3, 4) (4,), dense_1 (4, 1) (1,)``."""
    try:
        rows = [
            f"{name} {' '.join(str(tuple(shape)) for _, shape in arrays)}" for name, arrays in json.loads(layers or "")
        ]
    except (ValueError, TypeError):
        return "layers that cannot be read"
    text = ", ".join(rows) or "no arrays"
    return text if len(text) <= 150 else f"{text[:147]}..."


def digest(text: str, arrays: Sequence[np.ndarray]) -> str:
    """SHA-256 of a header's text and of the numbers in their order."""
    sha256 = hashlib.sha256(text.encode())
    for array in arrays:
        sha256.update(array.tobytes())
    return sha256.hexdigest()
