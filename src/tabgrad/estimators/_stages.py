"""What is known of a fit from stage to stage: how it is done, its rows before they are numbers, what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tabgrad.encode.encoder import Encoder
from tabgrad.encode.target import ClassTarget, ValueTarget
from tabgrad.estimators._conformal import Nonconformity, Residuals
from tabgrad.estimators._neighbors import Neighbors
from tabgrad.estimators._network import Head
from tabgrad.estimators._presets import Preset
from tabgrad.estimators._rows import Rows
from tabgrad.estimators._sample import Sample
from tabgrad.models import Sequential
from tabgrad.table import Schema

__all__ = ["Fitted", "Ready", "Target", "Way"]

Target = ClassTarget | ValueTarget


@dataclass(frozen=True)
class Way:
    """How this fit is done, decided once there are rows.

    Parameters
    ----------
    preset : Preset
        With what the arguments say.
    seed : int
    members : int
    go_on : bool
        Whether the networks of the fit before go on.
    one_epoch : bool
        Whether this is `partial_fit`: one epoch at a constant rate, nothing held out.
    deadline : float or None
        `time.monotonic` at which the training ends.
    """

    preset: Preset
    seed: int
    members: int
    go_on: bool
    one_epoch: bool
    deadline: float | None


@dataclass(frozen=True)
class Ready:
    """What is known of a fit before its rows are numbers.

    `whole` are the rows that count, `sample` those that one network is trained on and `held` the places of the others,
    which are judged; several networks are trained on parts of all of them.
    """

    rows: Rows
    target_names: tuple[str, ...]
    wide: bool
    way: Way
    whole: Sample
    sample: Sample
    held: np.ndarray | None
    target: Target
    schema: Schema
    encoder: Encoder
    head: Head


@dataclass
class Fitted:
    """What a fit gives, kept by the estimator once all of it is there."""

    models: tuple[Sequential, ...]
    encoder: Encoder
    schema: Schema
    target: Target
    names: tuple[str, ...]
    named: bool
    target_names: tuple[str, ...]
    wide: bool
    fingerprint: str
    notes: list[str]
    weight: np.ndarray | None = None  # of the rows as they were given
    scores: dict[str, float] = field(default_factory=dict)
    residuals: tuple[Residuals | Nonconformity, ...] = ()
    temperature: float = 1.0
    neighbors: Neighbors | None = None
