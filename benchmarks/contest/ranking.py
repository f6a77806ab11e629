"""Comparisons of systems over tables, from the runs alone: means over seeds, ranks, ratios, wins, costs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contest.runs import Run

Means = dict[str, dict[str, float]]  # table -> system -> mean over seeds

LEAST = 1e-9  # what a loss of zero counts for where its logarithm is taken


@dataclass(frozen=True)
class Comparison:
    """One system against another over the tables that both have finished.

    A log-ratio is ``ln(loss of the one / loss of the other)``: below 0 the one is better; ``wins`` counts these tables.
    """

    ours: str
    theirs: str
    log_ratios: dict[str, float]
    cpu_ratio: float

    @property
    def mean(self) -> float:
        """The mean log-ratio."""
        return statistics.fmean(self.log_ratios.values())

    @property
    def median(self) -> float:
        """The median ratio of losses."""
        return math.exp(statistics.median(self.log_ratios.values()))

    @property
    def wins(self) -> int:
        """On how many tables the one is better."""
        return sum(ratio < 0 for ratio in self.log_ratios.values())

    @property
    def worst(self) -> tuple[str, float]:
        """The table where the one does worst, and the ratio of losses there."""
        table = max(self.log_ratios, key=self.log_ratios.__getitem__)
        return table, math.exp(self.log_ratios[table])


@dataclass(frozen=True)
class Defeat:
    """A table on which another system is better than ours: which, and both losses."""

    table: str
    theirs: str
    their_loss: float
    our_loss: float


def means(runs: Iterable[Run], figure: str = "loss") -> Means:
    """Average a figure, or the loss, over the seeds of each system on each table; failures and gaps are left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        if not run.failed and (figure == "loss" or figure in run.figures):
            value = run.loss if figure == "loss" else run.figures[figure]
            found.setdefault(run.trial.table, {}).setdefault(run.trial.system, []).append(value)
    return {
        table: {system: statistics.fmean(values) for system, values in of_systems.items()}
        for table, of_systems in found.items()
    }


def shared_tables(losses: Means, systems: Sequence[str]) -> list[str]:
    """Return the tables that all of the systems have finished."""
    return [table for table, of_systems in losses.items() if all(system in of_systems for system in systems)]


def mean_ranks(losses: Means, systems: Sequence[str]) -> dict[str, float]:
    """Average each system's rank over the tables that all have finished; 1 is best, equals share the mean of theirs."""
    tables = shared_tables(losses, systems)
    ranks = [_ranks({system: losses[table][system] for system in systems}) for table in tables]
    return {system: statistics.fmean(each[system] for each in ranks) for system in systems} if ranks else {}


def firsts(losses: Means, systems: Sequence[str]) -> dict[str, int]:
    """Count the tables, of those that all have finished, on which a system has the least loss."""
    best = [min(systems, key=losses[table].__getitem__) for table in shared_tables(losses, systems)]
    return {system: best.count(system) for system in systems}


def totals(costs: Means, systems: Sequence[str]) -> dict[str, float]:
    """Sum a cost over the tables that all have finished."""
    tables = shared_tables(costs, systems)
    return {system: sum(costs[table][system] for table in tables) for system in systems}


def compare(runs: Sequence[Run], ours: str, theirs: str) -> Comparison | None:
    """Compare two systems on the tables that both have finished; None if there are none."""
    losses, cpu = means(runs), means(runs, "cpu_s")
    tables = shared_tables(losses, [ours, theirs])
    if not tables:
        return None
    ratios = {table: math.log(max(losses[table][ours], LEAST) / max(losses[table][theirs], LEAST)) for table in tables}
    seconds = totals({table: cpu[table] for table in tables}, [ours, theirs])
    return Comparison(ours, theirs, ratios, seconds[ours] / max(seconds[theirs], LEAST))


def defeats(runs: Sequence[Run], ours: str, others: Sequence[str]) -> list[Defeat]:
    """Return the tables on which the best of the others has less loss than ours, the farthest behind first."""
    found = []
    for table, losses in means(runs).items():
        theirs = min((system for system in others if system in losses), key=losses.__getitem__, default=None)
        if theirs is not None and ours in losses and losses[theirs] < losses[ours]:
            found.append(Defeat(table, theirs, losses[theirs], losses[ours]))
    return sorted(found, key=lambda each: each.their_loss / each.our_loss)


def _ranks(losses: dict[str, float]) -> dict[str, float]:
    values = list(losses.values())
    return {
        system: 1 + sum(other < loss for other in values) + (values.count(loss) - 1) / 2
        for system, loss in losses.items()
    }
