"""Ablations: an estimator with one part of its preset changed, and what the change does to the loss."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from unittest import mock

import numpy as np
from record import aligned

from contest.bars import percent, times
from contest.ranking import LEAST
from contest.runs import Run
from tabgrad.estimators._presets import PRESETS, Preset

UNCHANGED = "nothing"


@dataclass(frozen=True)
class Change:
    """What is changed, in words: figures of the preset, arguments of the estimator, or how knots are found."""

    what: str
    figures: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    knots: Callable[[np.ndarray, int], tuple[float, ...]] | None = None

    def of(self, preset: Preset) -> Preset:
        """Return the preset with its figures changed."""
        return replace(preset, **self.figures)

    def changes(self, preset: Preset) -> bool:
        """Whether it differs from what the preset does anyway."""
        return self.of(preset) != preset or bool(self.arguments) or self.knots is not None

    def settings(self, preset: Preset) -> dict[str, Any]:
        """Return all that a fit depends on, as plain values: what was measured with others is measured again."""
        knots = self.knots.__name__ if self.knots else "mass_knots"
        settings = asdict(self.of(preset)) | {"arguments": self.arguments, "knots": knots}
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain


def quantile_knots(z: np.ndarray, most: int) -> tuple[float, ...]:
    """Return plain quantiles at equal steps as knots: a number that many rows share takes as many of them."""
    z = np.asarray(z, np.float64)
    knots = np.unique(np.quantile(z, np.linspace(0, 1, most + 1)).astype(np.float32))
    return tuple(knots.tolist()) if len(knots) > 1 else (float(knots[0]) - 0.5, float(knots[0]) + 0.5)


def every_change(preset: Preset) -> list[Change]:
    """List the changes, the preset itself first; those that the preset makes already are left out."""
    width = preset.piecewise_width + preset.periodic_width
    depth, members = len(preset.hidden_layer_sizes), preset.members_for(rows=0)
    found = [
        Change("numbers alone: no vectors for them", {"numeric_embedding": "none"}),
        Change("piecewise linear vectors alone", {"numeric_embedding": "piecewise", "piecewise_width": width}),
        Change("periodic vectors alone", {"numeric_embedding": "periodic", "periodic_width": width}),
        Change("plain quantiles as knots", knots=quantile_knots),
        Change("numbers scaled by median and quartiles", {"numeric": "robust"}),
        Change("no scale of each input", {"scale_rate": 0.0}),
        Change("vectors learn at the common rate", {"embedding_rate": 1.0}),
        Change("no running average of weights", arguments={"use_ema": False}),
        *(Change(f"activation {name}", {"activation": name}) for name in ("relu", "mish")),
        Change("weight decay of all weights, not falling", {"decay_falls": False}),
        *(Change(f"weight decay {decay:g}", {"weight_decays": (decay,)}) for decay in (0.0, 0.2, 1.0, 3.0)),
        *(Change(f"dropout {share:g}", {"dropout": share}) for share in (0.0, 0.1, 0.2)),
        *(Change(f"layers of {units} units", {"hidden_layer_sizes": (units,) * depth}) for units in (64, 128, 256)),
        *(Change(_networks(count), {"members": ((0, count),)}) for count in (1, 2, 4, 8) if count != members),
    ]
    return [Change(UNCHANGED), *(change for change in found if change.changes(preset))]


def _networks(count: int) -> str:
    return "one network" if count == 1 else f"{count} networks"


@contextmanager
def made(change: Change, name: str) -> Iterator[dict[str, Any]]:
    """Within the block the preset of this name is the changed one; gives the arguments of the estimator."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(PRESETS, {name: change.of(PRESETS[name])}))
        if change.knots is not None:
            stack.enter_context(mock.patch("tabgrad.estimators._beginning.mass_knots", change.knots))
        yield {"preset": name} | change.arguments


@dataclass(frozen=True)
class Effect:
    """What a change does: ``r = ln(loss with it / loss of the preset)`` of each table, the mean over the seeds.

    ``error`` is the standard error of the mean of r over the tables: what other tables of this kind, and other seeds,
    would move it by.
    """

    what: str
    log_ratios: dict[str, float]
    cpu_ratio: float

    @property
    def mean(self) -> float:
        """The mean of r."""
        return statistics.fmean(self.log_ratios.values())

    @property
    def median(self) -> float:
        """The median of r, which one table of few errors does not move."""
        return statistics.median(self.log_ratios.values())

    @property
    def error(self) -> float:
        """The standard error of the mean; not a number on one table."""
        ratios = list(self.log_ratios.values())
        return statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan

    @property
    def worse(self) -> int:
        """On how many tables the change is worse."""
        return sum(ratio > 0 for ratio in self.log_ratios.values())

    @property
    def extremes(self) -> tuple[str, str]:
        """The tables where it is best and where it is worst."""
        place = self.log_ratios.__getitem__
        return min(self.log_ratios, key=place), max(self.log_ratios, key=place)


def effect(what: str, runs: Sequence[Run], preset: Sequence[Run]) -> Effect | None:
    """Compare runs with a change with those of the preset, seed by seed; None where no table has both."""
    plain = {(run.trial.table, run.trial.seed): run for run in preset if not run.failed}
    pairs = [(run, plain[place]) for run in runs if not run.failed and (place := _place(run)) in plain]
    if not pairs:
        return None
    by_table: dict[str, list[float]] = {}
    for run, other in pairs:
        ratio = math.log(max(run.loss, LEAST) / max(other.loss, LEAST))
        by_table.setdefault(run.trial.table, []).append(ratio)
    spent = [sum(pair[side].figures["cpu_s"] for pair in pairs) for side in (0, 1)]
    return Effect(
        what, {table: statistics.fmean(ratios) for table, ratios in by_table.items()}, spent[0] / max(spent[1], LEAST)
    )


def _place(run: Run) -> tuple[str, int]:
    return run.trial.table, run.trial.seed


def noise(preset: Sequence[Run]) -> float:
    """Return what a mean of r moves by when two presets differ by their seeds alone: its standard error.

    ``sqrt(sum_t 2 s_t^2 / n_t) / tables``, s_t the standard deviation of ``ln(loss)`` of table t over its n_t seeds.
    """
    logarithms: dict[str, list[float]] = {}
    for run in preset:
        if not run.failed:
            logarithms.setdefault(run.trial.table, []).append(math.log(max(run.loss, LEAST)))
    drawn = [2 * statistics.variance(values) / len(values) for values in logarithms.values() if len(values) > 1]
    return math.sqrt(sum(drawn)) / len(drawn) if drawn else math.nan


def as_table(effects: Sequence[Effect]) -> str:
    """Show effects as a table of Markdown, in the order given."""
    headings = ["changed", "loss", "median", "worse on", "best on", "worst on", "CPU time"]
    lines = []
    for each in effects:
        least, most = each.extremes
        lines.append(
            [
                each.what,
                f"{percent(each.mean)} ± {100 * each.error:.1f}",
                percent(each.median),
                f"{each.worse} of {len(each.log_ratios)}",
                f"{least} {percent(each.log_ratios[least])}",
                f"{most} {percent(each.log_ratios[most])}",
                times(each.cpu_ratio),
            ]
        )
    return aligned(headings, lines)
