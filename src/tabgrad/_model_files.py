"""A `Sequential` as the content of a model file, and the way back, which trusts nothing that the file says.

The header holds ``network`` (name, layers, columns), ``training`` (what `compile` was given, or None), ``state`` (seed,
epochs, steps, learning rate, and whether the optimizer's arrays are there) and ``history``; the arrays are named as in
a backup: ``dense/kernel``, ``dense/kernel/momentum``. Records are plain data, as in `Plan.to_json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, get_args

import numpy as np

from tabgrad._backup_files import array_shapes, parted
from tabgrad._checks import NOT_NEGATIVE, SEED, check
from tabgrad._compiling import Compiled, resolved
from tabgrad._configs import COMPILED, compile_arguments, compile_config_of
from tabgrad._record import from_data, to_data
from tabgrad._refusals import shown
from tabgrad._stack import Columns, check_layer, layer_names, network_of, working
from tabgrad.callbacks.history import History, Status
from tabgrad.engines.base import State
from tabgrad.errors import ArgumentError
from tabgrad.layers import Layer
from tabgrad.plan import Network
from tabgrad.store import Content, interpreted

KIND = "sequential"
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""What stands in JSON, which has no such numbers."""


@dataclass(frozen=True, eq=False)
class Saved:
    """All that a `Sequential` is.

    Parameters
    ----------
    name : str
    layers : tuple of Layer
    network : Network or None
        None: the width of a row is not known.
    compiled : Compiled or None
    state : State or None
        Where there is a network.
    seed : int
    epochs_done : int
    history : History or None
    """

    name: str
    layers: tuple[Layer, ...]
    network: Network | None
    compiled: Compiled | None
    state: State | None
    seed: int
    epochs_done: int
    history: History | None

    def untrained(self) -> Saved:
        """Without what it is compiled with, and what training carries."""
        state = None if self.state is None else State(self.state.weights, ())
        return replace(self, compiled=None, state=state, history=None)


# ---- Writing ---------------------------------------------------------------------------------------------------------


def content_of(saved: Saved) -> Content:
    """What a file holds of a model.

    Raises
    ------
    ArgumentError
        Something is code of the user's own, or no number; the message says what, and the way out.
    """
    network, state = saved.network, saved.state
    header = {
        "network": {
            "name": saved.name,
            "layers": [to_data(layer) for layer in saved.layers],
            "columns": None if network is None else [network.inputs, network.codes],
        },
        "training": None if saved.compiled is None else _training(saved.compiled),
        "state": {
            "seed": saved.seed,
            "epochs_done": saved.epochs_done,
            "step": 0 if state is None else state.step,
            "learning_rate": None if state is None else state.learning_rate,
            "optimizer": bool(state and state.slots),
        },
        "history": None if saved.history is None else _history(saved.history),
    }
    return Content(KIND, header, {} if network is None or state is None else _arrays(network, state, saved.compiled))


def _training(compiled: Compiled) -> dict[str, Any]:
    try:
        return compile_config_of(compiled)
    except ArgumentError as error:
        raise ArgumentError(
            f"The model cannot be saved with what it is compiled with: {error} Or save the model without it, "
            "save(path, include_optimizer=False), and compile after loading."
        ) from error


def _arrays(network: Network, state: State, compiled: Compiled | None) -> dict[str, np.ndarray]:
    """The arrays by name; weights that are not finite are of no use to anybody."""
    optimizer = compiled.optimizer if compiled is not None and state.slots else None
    slots = state.slots or ((),) * len(state.weights)
    given = [array for weight, carried in zip(state.weights, slots, strict=True) for array in (weight, *carried)]
    names = [name for name, _ in array_shapes(network, optimizer)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"Two arrays of the model are called '{twice}'. Give their layers other names.")
    arrays = dict(zip(names, given, strict=True))
    _check_finite(arrays, network)
    return arrays


def _check_finite(arrays: Mapping[str, np.ndarray], network: Network) -> None:
    for name, _ in array_shapes(network, None):
        if not np.isfinite(arrays[name]).all():
            raise ArgumentError(f"The weights must be finite. '{name}' holds numbers that are not.")


def _history(history: History) -> dict[str, Any]:
    values = {name: [_number(value, name) for value in column] for name, column in history.history.items()}
    told = [epoch for epoch, _ in history._told]
    without = {name: [place for place, (_, names) in enumerate(history._told) if name not in names] for name in values}
    return {
        "history": values,
        "epoch": history.epoch,
        "told": told,
        "without": {name: places for name, places in without.items() if places},
        "params": history.params,
        "status": history.status,
    }


def _number(value: Any, name: str) -> Any:
    """A value of the history as JSON has it."""
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, (int, float)):
        raise ArgumentError(
            f"The history of the model cannot be saved: '{name}' must hold numbers. Got {type(value).__name__}. "
            f"Leave it out: del model.history.history['{name}']."
        )
    return plain if math.isfinite(plain) else str(plain)


# ---- Reading ---------------------------------------------------------------------------------------------------------


def saved_of(content: Content) -> Saved:
    """The model that a file describes; what it says of shapes is held against its arrays before anything is made.

    Raises
    ------
    ModelFileError
        It describes none.
    """
    with interpreted(content):
        header = content.header
        _check_names(header, "The header", "network", "training", "state", "history")
        name, layers, network = _network(header["network"])
        training, numbers = header["training"], header["state"]
        compiled = None if training is None else _compiled(training)
        _check_names(numbers, "The state", "seed", "epochs_done", "step", "learning_rate", "optimizer")
        return Saved(
            name,
            layers,
            network,
            compiled,
            _state(network, compiled, numbers, content.arrays),
            check(numbers["seed"], "seed", "the file", (int,), SEED),
            check(numbers["epochs_done"], "epochs_done", "the file", (int,), SEED),
            None if header["history"] is None else _read_history(header["history"]),
        )


def _check_names(data: Any, what: str, *names: str) -> None:
    """Refuse another mapping than one of these names."""
    if not isinstance(data, dict) or data.keys() != set(names):
        raise ArgumentError(f"{what} must hold {', '.join(names)}. Got {shown(list(data))}.")


def _network(data: Any) -> tuple[str, tuple[Layer, ...], Network | None]:
    """Name, layers, and the network where the width of a row is known."""
    _check_names(data, "The network", "name", "layers", "columns")
    layers = tuple(from_data(layer) for layer in data["layers"])
    for place, layer in enumerate(layers):
        check_layer(layer, layers[: min(place, 1)])
    names = layer_names(working(layers))
    if len(set(names)) < len(names):
        raise ArgumentError("The layers of a Sequential must have different names.")
    name: str = check(data["name"], "name", "the file", (str,))
    if data["columns"] is None:
        return name, layers, None
    numeric, codes = (check(number, "columns", "the file", (int,), NOT_NEGATIVE) for number in data["columns"])
    return name, layers, network_of(Columns(numeric, codes), layers, "load")


def _compiled(data: Any) -> Compiled:
    """What the model was compiled with, its names resolved again."""
    _check_names(data, "What the model is compiled with", *COMPILED)
    given = compile_arguments(data)
    return resolved(given["optimizer"], given["loss"], given["metrics"], given["weighted_metrics"], {})


def _state(
    network: Network | None, compiled: Compiled | None, numbers: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> State | None:
    """The weights and what training carries, if they are those of the network and of the optimizer."""
    carried = check(numbers["optimizer"], "optimizer", "the file", (bool,))
    step = check(numbers["step"], "step", "the file", (int,), SEED)
    rate = check(numbers["learning_rate"], "learning_rate", "the file", (float, NoneType), NOT_NEGATIVE)
    if (carried or step) and (network is None or compiled is None):
        raise ArgumentError("The file holds what an optimizer carries, but no network or no optimizer.")
    if network is None:
        _check_arrays([], arrays)
        return None
    optimizer = compiled.optimizer if compiled is not None and carried else None
    expected = array_shapes(network, optimizer)
    _check_arrays(expected, arrays)
    _check_finite(arrays, network)
    weights, slots = parted((arrays[name] for name, _ in expected), network, optimizer)
    return State(weights, slots if carried else (), step, rate)


def _check_arrays(expected: list[tuple[str, tuple[int, ...]]], arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse other arrays than a network has."""
    for name, shape in expected:
        if name not in arrays:
            raise ArgumentError(f"The array {shown(name)} is missing.")
        if (array := arrays[name]).dtype != np.float32 or array.shape != shape:
            raise ArgumentError(
                f"The array {shown(name)} must be float32 of the shape {shape}. Got {array.dtype} of the shape "
                f"{array.shape}."
            )
    if more := arrays.keys() - dict(expected).keys():
        raise ArgumentError(f"The array {shown(min(more))} belongs to nothing.")


def _read_history(data: Any) -> History:
    _check_names(data, "The history", "history", "epoch", "told", "without", "params", "status")
    history = History()
    history.history = {
        name: [_read_number(value, name) for value in column] for name, column in data["history"].items()
    }
    history.epoch = _epochs(data["epoch"])
    without = {name: set(_epochs(data["without"].get(name, ()))) for name in history.history}
    history._told = [
        (epoch, tuple(name for name, places in without.items() if place not in places))
        for place, epoch in enumerate(_epochs(data["told"]))
    ]
    if data["params"] is not None:
        allowed = (int, str, NoneType)
        history.params = {name: check(value, name, "the history", allowed) for name, value in data["params"].items()}
    if data["status"] not in get_args(Status):
        raise ArgumentError(f"Unknown status of a history: {shown(data['status'])}.")
    history.status = data["status"]
    return history


def _epochs(numbers: Any) -> list[int]:
    return [check(number, "epoch", "the history", (int,), NOT_NEGATIVE) for number in numbers]


def _read_number(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return NOT_FINITE[value]
    if not isinstance(value, (int, float)):
        raise ArgumentError(f"The history's {shown(name)} must hold numbers. Got {shown(value)}.")
    return value
