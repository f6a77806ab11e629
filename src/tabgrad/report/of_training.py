"""The section of the training: losses and metrics by epoch, the learning rate, the networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tabgrad._wording import amount, figure
from tabgrad.optimizers.schedules import LearningRateSchedule
from tabgrad.report import training_figures
from tabgrad.report.judging import estimators_of
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet

__all__ = ["training_section"]

MOST_METRICS = 4
MOST_RATES = 400  # points of the learning rate


def training_section(model: Any, seconds: float | None) -> Section | None:
    """How the networks of an estimator were trained; None where it has none."""
    estimators = estimators_of(model)
    histories = [history for each in estimators for history in getattr(each, "histories_", ()) if history.get("loss")]
    if not histories:
        return None
    return Section("training", "The training", list(_blocks(model, estimators[0], histories, seconds)))


def _blocks(
    model: Any, first: Any, histories: Sequence[Mapping[str, Sequence[float]]], seconds: float | None
) -> Iterator[Block]:
    run = [len(history["loss"]) for history in histories]
    networks = amount(len(histories), "network")
    took = f" in {seconds:,.1f} s" if seconds is not None else ""
    span = f"{min(run):,} to {max(run):,}" if min(run) < max(run) else f"{run[0]:,}"
    mean = ", whose predictions are averaged" if len(histories) > 1 else ""
    yield Text(f"{networks}{mean}; {span} epochs{took}.")
    if kept := sum(getattr(each, "rows_kept_", 0) for each in estimators_of(model)):
        yield Text(
            f"The nearest of {amount(kept, 'row')} of the training are asked beside the networks, as rows held out "
            "were predicted better with them; the model holds these rows."
        )
    yield Drawing(
        "loss", "The loss by epoch, and where the best weights were kept.", partial(training_figures.epochs, histories)
    )
    metrics = [name for name in histories[0] if name != "loss" and not name.startswith("val_")][:MOST_METRICS]
    for name in metrics:
        yield Drawing(f"metric_{name}", f"{name} by epoch.", partial(training_figures.epochs, histories, name))
    rates = _rates(first, run[0])
    if rates is not None:
        values, steps = rates
        yield Drawing(
            "learning_rate", "The learning rate by epoch.", partial(training_figures.learning_rate, values, steps)
        )
    columns: dict[str, Sequence[Any]] = {"network": list(range(1, len(histories) + 1)), "epochs": run}
    columns["loss at the end"] = [float(history["loss"][-1]) for history in histories]
    if all(history.get("val_loss") for history in histories):
        columns["best loss on rows held out"] = [float(np.nanmin(history["val_loss"])) for history in histories]
        columns["in epoch"] = [int(np.nanargmin(history["val_loss"])) + 1 for history in histories]
    weights = list(getattr(model, "weights_", ()))
    if weights:
        members: dict[str, Sequence[Any]] = {
            "member": list(range(1, len(weights) + 1)),
            "weight": [float(weight) for weight in weights],
        }
        yield Listing("members", "Estimators that are joined, by their weights", Sheet(members, "member"))
    yield Listing("networks", "The networks", Sheet(columns, "network"))
    if scores := getattr(model, "scores_", None):
        words = ", ".join(f"{name.replace('_', ' ')} {figure(value)}" for name, value in scores.items())
        yield Text(f"On rows of the training, each by networks that had not seen it: {words}.")


def _rates(model: Any, epochs: int) -> tuple[list[float], float] | None:
    """The learning rates of steps, evenly out of all, and how many of them make an epoch; None of a constant one."""
    network = model.models_[0]
    optimizer, state = network.plan().optimizer, network._state
    steps = 0 if state is None else state.step
    if not isinstance(getattr(optimizer, "learning_rate", None), LearningRateSchedule) or steps < 2:
        return None
    places = np.unique(np.linspace(0, steps - 1, min(steps, MOST_RATES)).round().astype(int))
    rates = [float(optimizer.rate_of(int(place))) for place in places]
    return rates, len(places) / max(epochs, 1)
