"""Backups of a run: all that its loop carries, in a safetensors file from which it goes on bit for bit.

The arrays are the weights, ``dense/kernel``, and behind each the optimizer's, ``dense/kernel/momentum``. The header's
metadata hold ``format`` ("tabgrad.backup"), ``version`` (1), ``run`` (JSON: the fields of `Backup` that are no arrays,
and which network and optimizer they belong to) and ``sha256``, as files of weights do.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tabgrad._files import write_whole
from tabgrad._refusals import around, shown
from tabgrad._weight_files import digest, labels, opened
from tabgrad.engines.base import State
from tabgrad.errors import WeightsFileError
from tabgrad.layers import Weight
from tabgrad.optimizers import Optimizer
from tabgrad.plan import Network

FORMAT, VERSION = "tabgrad.backup", "1"
NUMBERS = ("seed", "epoch", "epochs_done", "began")


@dataclass(frozen=True)
class Backup:
    """Where a run goes on.

    Parameters
    ----------
    state : State
    seed : int
        Of the model.
    epoch : int
        Keras's number of the next epoch.
    epochs_done : int
        Epochs of the model in all its runs: orders of rows are counted by them.
    began : int
        How many of them were done before this run.
    """

    state: State
    seed: int
    epoch: int
    epochs_done: int
    began: int


def write_backup(path: str, backup: Backup, network: Network, optimizer: Optimizer) -> None:
    """Write a backup as a whole or not at all."""
    from safetensors.numpy import save  # loads its compiled core

    state = backup.state
    given = (array for weight, slots in zip(state.weights, state.slots, strict=True) for array in (weight, *slots))
    arrays = {
        name: np.ascontiguousarray(array, np.float32)
        for (name, _), array in zip(array_shapes(network, optimizer), given, strict=True)
    }
    numbers = {name: getattr(backup, name) for name in NUMBERS}
    run = json.dumps(
        {**numbers, "step": state.step, "learning_rate": state.learning_rate, **_described(network, optimizer)}
    )
    metadata = {"format": FORMAT, "version": VERSION, "run": run, "sha256": digest(run, list(arrays.values()))}
    write_whole(path, [save(arrays, metadata)])


def read_backup(path: str, network: Network, optimizer: Optimizer) -> Backup:
    """The backup in a file.

    Raises
    ------
    WeightsFileError
        The file is damaged, foreign, or of another network or optimizer; the message says which.
    """
    with open(path, "rb") as file:
        content = file.read()
    tensors, metadata = opened(path, content, _fix(path))
    if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
        raise WeightsFileError(
            f"'{path}' is not a backup that this version of tabgrad reads: its header says "
            f"{shown(metadata.get('format'))}, version {shown(metadata.get('version'))}. {_fix(path)}"
        )
    try:
        run = json.loads(metadata["run"])
        described = {what: str(run[what]) for what in _described(network, optimizer)}
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsFileError(_damaged(path)) from error
    for what, ours in _described(network, optimizer).items():
        if described[what] != ours:
            raise WeightsFileError(
                f"'{path}' is the backup of a run with another {what}: {around(described[what], ours)}. This model "
                f"has {around(ours, described[what])}. Build and compile the model as it was. "
                f"{_fix(path)}"
            )
    expected = array_shapes(network, optimizer)
    found = {name: array.shape for name, array in tensors.items() if array.dtype == np.float32}
    if found != dict(expected) or len(found) != len(tensors):
        raise WeightsFileError(_damaged(path))
    arrays = [tensors[name] for name, _ in expected]
    if metadata.get("sha256") != digest(metadata["run"], arrays):
        raise WeightsFileError(_damaged(path))
    state = State(*parted(arrays, network, optimizer), run["step"], run["learning_rate"])
    return Backup(state, *(run[name] for name in NUMBERS))


def _described(network: Network, optimizer: Optimizer) -> dict[str, str]:
    """What a backup belongs to; of a schedule that is a function of the user's, its name."""
    parts = {"network": repr(network), "optimizer": repr(optimizer)}
    return {name: re.sub(r" at 0x[0-9a-f]+", "", text) for name, text in parts.items()}


def _slots(weight: Weight, optimizer: Optimizer | None) -> tuple[str, ...]:
    return optimizer.carried if optimizer is not None and weight.trainable else ()


def array_shapes(network: Network, optimizer: Optimizer | None) -> list[tuple[str, tuple[int, ...]]]:
    """The name and the shape of each array, a weight's own before those of the optimizer, if there is one."""
    return [
        (name, weight.shape)
        for label, weight in zip(labels(network), network.weights, strict=True)
        for name in (label, *(f"{label}/{slot}" for slot in _slots(weight, optimizer)))
    ]


def parted(
    arrays: Iterable[np.ndarray], network: Network, optimizer: Optimizer | None
) -> tuple[tuple[np.ndarray, ...], tuple[tuple[np.ndarray, ...], ...]]:
    """Arrays in the order of `array_shapes` as weights and, for each of them, the optimizer's."""
    each = iter(arrays)
    pairs = [(next(each), tuple(next(each) for _ in _slots(weight, optimizer))) for weight in network.weights]
    return tuple(weight for weight, _ in pairs), tuple(slots for _, slots in pairs)


def _damaged(path: str) -> str:
    return f"'{path}' is damaged: it does not hold what was saved. {_fix(path)}"


def _fix(path: str) -> str:
    return f"To train from the beginning, delete the folder '{os.path.dirname(path)}'."
