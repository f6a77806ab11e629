"""How a run is trained: what its user says, and the figures of the preset where nobody says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tabgrad import optimizers
from tabgrad.estimators._presets import PRESETS, Preset
from tabgrad.optimizers import Adam, Adamax, Nadam, Optimizer, RMSprop
from tabgrad.optimizers.schedules import CosineDecay, FlatCosine, LearningRateSchedule

__all__ = ["batch_of", "epochs_of", "optimizer_of", "patience_of", "preset_of", "stops_early"]

WARM_UP = 50  # steps in which the rate rises: the running means of Adam's kind hold little before
ADAPTIVE = (Adam, Adamax, Nadam, RMSprop)  # whose rate and decay are the preset's, where they are given by their names
LONGEST_MEMORY = 0.99  # of the running average of the weights: some 100 steps
SHARE_OF_RUN = 10  # of which that memory is one part at most


def preset_of(estimator: Any) -> Preset:
    """The preset that an estimator names, with what its other arguments say in the place of the preset's figures.

    A network of the user's own is trained as the single one is, whatever the preset.
    """
    preset = PRESETS["single" if estimator.model is not None else estimator.preset]
    given: dict[str, Any] = {
        name: value
        for name in ("activation", "dropout", "numeric", "numeric_embedding")
        if (value := getattr(estimator, name)) != "auto"
    }
    sizes = estimator.hidden_layer_sizes
    if not isinstance(sizes, str):
        given["hidden_layer_sizes"] = (sizes,) if np.ndim(sizes) == 0 else tuple(sizes)
    if not isinstance(estimator.members, str):
        given["members"] = ((0, int(estimator.members)),)
    if not isinstance(estimator.n_neighbors, str):
        given["n_neighbors"] = int(estimator.n_neighbors)
    optimizer = optimizers.get(estimator.optimizer)
    if not isinstance(optimizer, ADAPTIVE):  # whose steps are as long as the rate says, so that factors compare
        preset = replace(preset, embedding_rate=1.0, category_rate=1.0, scale_rate=min(preset.scale_rate, 1.0))
    if optimizer.whole:  # it minimises one fixed loss
        preset = replace(preset, dropout=0.0)
    return replace(preset, **given)


def batch_of(batch_size: int | str, rows: int, preset: Preset) -> int:
    """The rows of a step: as asked; -1: all; "auto": as the preset says."""
    if isinstance(batch_size, str):
        return preset.batch_for(rows)
    return rows if batch_size == -1 else int(batch_size)


def epochs_of(epochs: int | str, rows: int, batch: int, preset: Preset) -> int:
    """The passes over the rows, of so many a step: as asked, or as the preset says."""
    return preset.epochs_for(rows, -(-rows // batch)) if isinstance(epochs, str) else int(epochs)


def patience_of(patience: int | str, epochs: int, preset: Preset) -> int:
    """The epochs without a better score after which a run ends: as asked, or as the preset says."""
    return preset.patience_for(epochs) if isinstance(patience, str) else int(patience)


def stops_early(early_stopping: bool | str, rows: int, fewest: int) -> bool:  # noqa: FBT001  (the parameter itself)
    """Whether rows that are held out say when to stop: as asked; "auto": from so many rows on."""
    return rows >= fewest if isinstance(early_stopping, str) else bool(early_stopping)


def optimizer_of(
    given: str | Optimizer,
    learning_rate: float | LearningRateSchedule | None,
    preset: Preset = PRESETS["single"],
    *,
    weight_decay: float | None = None,
    schedule: str = "constant",
    use_ema: bool = False,
    steps: int = 1,
    member: int = 0,
) -> Optimizer:
    """The optimizer of a member's run of so many steps.

    Under the schedule "cosine" its rate rises in a line over the first steps, then falls to zero along half a cosine. A
    rate that is a schedule already stays as it is. What the optimizer's name leaves open is the preset's for Adam and
    its kin, else the optimizer's own; a record says it all itself.

    Examples
    --------
    >>> from tabgrad.estimators._settings import optimizer_of
    >>> optimizer_of("adam", 0.01).learning_rate
    0.01
    >>> falling = optimizer_of("adam", None, schedule="cosine", steps=1000)
    >>> [round(falling.rate_of(step), 4) for step in (0, 50, 525, 1000)]
    [0.0, 0.006, 0.003, 0.0]
    """
    record = optimizers.get(given)
    if record.whole:
        return record
    open_to = isinstance(given, str) and isinstance(record, ADAPTIVE)
    changes: dict[str, Any] = {}
    if weight_decay is not None or open_to:
        decay: Any = (preset.decay_for(member) if weight_decay is None else weight_decay) or None
        falls = decay and open_to and preset.decay_falls and schedule == "cosine"
        changes["weight_decay"] = FlatCosine(decay, steps) if falls else decay
    if open_to and type(record) is Adam:
        changes["beta_2"] = preset.beta_2
    momentum = LONGEST_MEMORY if preset.average_rises else min(LONGEST_MEMORY, 1 - SHARE_OF_RUN / steps)
    if use_ema and not record.use_ema and momentum > 0:
        changes |= {"use_ema": True, "ema_momentum": momentum, "ema_warm_up": preset.average_rises}
    rate = record.learning_rate if learning_rate is None else learning_rate
    if not isinstance(rate, LearningRateSchedule) and schedule == "cosine":
        rate = preset.learning_rate if open_to and learning_rate is None else rate
        rising = min(WARM_UP, steps // 10)
        rate = CosineDecay(0.0, max(steps - rising, 1), warmup_target=rate, warmup_steps=rising)
    return replace(record, learning_rate=rate, **changes)
