"""The contest in tables of Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from record import aligned
from verdict import Row

from contest.bars import percent, times
from contest.ranking import Comparison, Means, compare, defeats, firsts, mean_ranks, means, shared_tables, totals
from contest.runs import Run
from contest.systems import BOOSTING, OURS, title


def tables(runs: Sequence[Run], systems: Sequence[str]) -> str:
    """Show each system's loss on each table, the least in bold, and in brackets the processor seconds of a fit."""
    losses, seconds = means(runs), means(runs, "cpu_s")
    shapes = {run.trial.table: run for run in runs if not run.failed}
    lines = []
    for table, of_systems in losses.items():
        least = min(f"{loss:.4f}" for loss in of_systems.values())
        cells = [_loss(of_systems.get(system), least, seconds.get(table, {}).get(system)) for system in systems]
        figures = shapes[table].figures
        lines.append([table, f"{figures['rows']:,} x {figures['columns']}, {_measure(figures)}", *cells])
    return aligned(["table", "training rows, loss", *map(title, systems)], lines)


def standings(runs: Sequence[Run], systems: Sequence[str]) -> str:
    """Show each system's mean rank, how often it is first, its processor time and most memory."""
    losses = means(runs)
    ranks, first = mean_ranks(losses, systems), firsts(losses, systems)
    shared = shared_tables(losses, systems)
    seconds = totals(_only(means(runs, "cpu_s"), shared), systems)
    memory = _only(means(runs, "memory_mb"), shared)
    lines = []
    for system in sorted(systems, key=lambda each: ranks.get(each, 0.0)):
        most = max((of_systems[system] for of_systems in memory.values() if system in of_systems), default=None)
        lines.append(
            [
                title(system),
                f"{ranks[system]:.2f}" if ranks else "",
                str(first[system]),
                f"{seconds[system]:.1f} s",
                f"{most:.0f} MB" if most is not None else "",
            ]
        )
    headings = [
        "system",
        f"mean rank of {len(systems)}",
        f"first on (of {len(shared)})",
        "CPU, all fits",
        "most memory",
    ]
    return aligned(headings, lines)


def comparisons(runs: Sequence[Run], systems: Sequence[str]) -> str:
    """Compare each system of ours with each other system; all of ours with each other, too."""
    ours = [system for system in systems if system.startswith(OURS)]
    pairs = [(one, other) for one in ours for other in systems if one != other]
    found = [comparison for pair in pairs if (comparison := compare(runs, *pair))]
    headings = ["", "mean log-ratio", "median ratio", "better on", "worst on", "CPU time"]
    return aligned(headings, [_compared(each) for each in found])


def where_boosting_wins(runs: Sequence[Run], ours: str) -> str:
    """Say on which tables boosted trees have less loss than a system of ours, and by how much."""
    lost = defeats(runs, ours, BOOSTING)
    judged = [table for table, losses in means(runs).items() if ours in losses and set(losses) & set(BOOSTING)]
    if not lost:
        return f"On none of these {len(judged)} tables is a boosted tree better than {ours}."
    lines = [
        [
            each.table,
            f"{title(each.theirs)} {each.their_loss:.4f}",
            f"{each.our_loss:.4f}",
            times(each.our_loss / each.their_loss),
        ]
        for each in lost
    ]
    said = f"The best of the boosted trees has less loss than {ours} on {len(lost)} of {len(judged)} tables:"
    return f"{said}\n\n" + aligned(["table", "boosting", ours, "loss over loss"], lines)


def held_against_bars(rows: Sequence[Row]) -> str:
    """Show what was asked for beside what was measured."""
    return aligned(["figure", "measured", "bar", ""], [[row.what, row.measured, row.bar, row.verdict] for row in rows])


def how(runs: Sequence[Run]) -> str:
    """Say on what, with what and how often all of this was measured."""
    here = [run for run in runs if not run.elsewhere and not run.failed]
    seeds = sorted({run.trial.seed for run in here})
    threads = sorted({run.trial.threads for run in here})
    versions = {f"{name} {number}" for run in here for name, number in run.figures.get("versions", {}).items()}
    notes = [
        "Log-loss of classes, root mean squared error over the target's standard deviation of numbers: means over the "
        f"seeds {_listed(seeds)} of what each system draws. One split, four fifths of the rows for training, at most "
        f"10,000 of either part. Seconds are processor time of the fit, on {_counted(threads)}, each fit in a "
        "process of its own, after one that loads what is loaded first.",
        f"Measured on {_noted(here, 'machine')}, commit {_noted(here, 'commit')}; {', '.join(sorted(versions))}.",
    ]
    if elsewhere := _elsewhere(runs):
        notes.append(f"From another record, with its own seeds and another machine's seconds: {', '.join(elsewhere)}.")
    if failed := sorted({f"{title(run.trial.system)} on {run.trial.table}" for run in runs if run.failed}):
        notes.append(f"Failed: {', '.join(failed)}.")
    return "\n\n".join(notes)


def _elsewhere(runs: Sequence[Run]) -> list[str]:
    """Name the systems of other records, with the number of their tables."""
    tables = {(run.trial.system, run.trial.table) for run in runs if run.elsewhere}
    counts = Counter(system for system, _ in tables)
    return [f"{title(system)} on {count} table{'s' * (count > 1)}" for system, count in sorted(counts.items())]


def _loss(loss: float | None, least: str, seconds: float | None) -> str:
    if loss is None:
        return ""
    shown = f"{loss:.4f}"
    shown = f"**{shown}**" if shown == least else shown
    return shown if seconds is None else f"{shown} ({seconds:.3g} s)"


def _measure(figures: dict[str, object]) -> str:
    return "log-loss" if "logloss" in figures else "RMSE / deviation"


def _compared(each: Comparison) -> list[str]:
    table, ratio = each.worst
    return [
        f"{each.ours} against {title(each.theirs)}",
        percent(each.mean),
        f"{each.median:.3f}",
        f"{each.wins} of {len(each.log_ratios)}",
        f"{table}: {times(ratio)}",
        times(each.cpu_ratio),
    ]


def _only(figures: Means, tables: Sequence[str]) -> Means:
    return {table: figures[table] for table in tables if table in figures}


def _noted(runs: Sequence[Run], name: str) -> str:
    return ", ".join(sorted({run.figures[name] for run in runs if name in run.figures})) or "unknown"


def _counted(threads: Sequence[int]) -> str:
    return "1 thread" if threads == [1] else f"{_listed(threads)} threads"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
