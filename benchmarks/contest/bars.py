"""What the presets must reach, row by row, and whether they do."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from verdict import Row, judged

from contest.ranking import compare, means, shared_tables
from contest.runs import Run
from contest.systems import OURS, title
from contest.tables import MILLION

BEST, FAST = f"{OURS}best", f"{OURS}fast"
LOG_RATIOS = ((BEST, "lgbm", -0.10), (BEST, "catboost", -0.025), (BEST, "realmlp", -0.14), (FAST, "lgbm", -0.05))
CPU_RATIOS = ((BEST, "catboost", 0.6), (FAST, "lgbm", 2.0))
WORST_RATIO = 1.05  # of best to CatBoost on any table
SPEEDUP = 1.9  # of best by a second core
COVERED = (0.88, 0.92)  # by intervals and sets that are to hold 90 %
MILLION_SECONDS, MILLION_MEGABYTES = 180, 4096


def bars(runs: Sequence[Run], alongside: Sequence[Run] = ()) -> list[Row]:
    """Hold the runs against their bars; `alongside` are those on other numbers of threads and on a million rows."""
    rows = [_log_ratio(runs, *bar) for bar in LOG_RATIOS] + [_cpu_ratio(runs, *bar) for bar in CPU_RATIOS]
    return [*rows, _worst(runs), _calibration(runs), _coverage(runs), *_speedup(alongside), *_million(alongside)]


def _log_ratio(runs: Sequence[Run], ours: str, theirs: str, bar: float) -> Row:
    found = compare(runs, ours, theirs)
    what = f"{ours} against {title(theirs)}: mean log-ratio of the losses"
    return _row(what, found and found.mean, bar, percent)


def _cpu_ratio(runs: Sequence[Run], ours: str, theirs: str, bar: float) -> Row:
    found = compare(runs, ours, theirs)
    return _row(f"{ours}: CPU time of all fits over {title(theirs)}'s", found and found.cpu_ratio, bar, times)


def _worst(runs: Sequence[Run]) -> Row:
    found = compare(runs, BEST, "catboost")
    where, ratio = found.worst if found else ("", None)
    what = f"{BEST} against CatBoost: loss over loss where it is worst" + (f" ({where})" if where else "")
    return _row(what, ratio, WORST_RATIO, times)


def _calibration(runs: Sequence[Run]) -> Row:
    errors = means(runs, "calibration_error")
    tables = shared_tables(errors, [BEST, "catboost"])
    what = f"{BEST}: calibration error, mean of the tables, over CatBoost's"
    if not tables:
        return _row(what, None, 1.0, times)
    ours, theirs = (statistics.fmean(errors[table][system] for table in tables) for system in (BEST, "catboost"))
    return _row(what, ours / theirs, 1.0, times)


def _coverage(runs: Sequence[Run]) -> Row:
    shares = [of_systems[BEST] for of_systems in means(runs, "coverage").values() if BEST in of_systems]
    what, bar = f"{BEST}: rows that 90 % intervals hold, mean of the tables", f"{COVERED[0]} to {COVERED[1]}"
    if not shares:
        return _unmeasured(what, bar)
    share = statistics.fmean(shares)
    return Row("accuracy", what, measured=f"{share:.3f}", bar=bar, verdict=judged(COVERED[0] <= share <= COVERED[1]))


def _speedup(runs: Sequence[Run]) -> list[Row]:
    """Compare the least wall times on one thread and on two, table by table."""
    timed: dict[str, dict[int, list[Run]]] = {}
    for run in runs:
        if run.trial.system == BEST and run.trial.table != MILLION.name and not run.failed:
            timed.setdefault(run.trial.table, {}).setdefault(run.trial.threads, []).append(run)
    rows = []
    for table, by_threads in timed.items():
        if {1, 2} <= set(by_threads):
            one, two = (min(run.figures["fit_s"] for run in by_threads[threads]) for threads in (1, 2))
            what = f"{BEST} on {table}: one core's wall time over two cores'{_load(by_threads[1] + by_threads[2])}"
            verdict = judged(one / two >= SPEEDUP)
            rows.append(Row("accuracy", what, measured=times(one / two), bar=f">= {SPEEDUP}x", verdict=verdict))
    return rows or [_unmeasured(f"{BEST}: one core's wall time over two cores'", f">= {SPEEDUP}x")]


def _million(runs: Sequence[Run]) -> list[Row]:
    what = f"{FAST}, {MILLION.name} x 20 columns"
    found = [run for run in runs if run.trial.table == MILLION.name and run.trial.system == FAST and not run.failed]
    wall, memory = f"{what}: wall time", f"{what}: peak memory of the process"
    if not found:
        return [_unmeasured(wall, f"<= {MILLION_SECONDS} s"), _unmeasured(memory, f"<= {MILLION_MEGABYTES} MB")]
    last = found[-1]
    wall += f" on {last.trial.threads} threads{_load([last])}"
    return [
        _row(wall, last.figures["fit_s"], MILLION_SECONDS, lambda value: f"{value:.0f} s"),
        _row(memory, last.figures["memory_mb"], MILLION_MEGABYTES, lambda value: f"{value:.0f} MB"),
    ]


def _load(runs: Sequence[Run]) -> str:
    """Say how busy the machine was when these runs began: on one that is, wall times are no verdict."""
    loads = [run.figures["load"] for run in runs if "load" in run.figures]
    return f" (load {max(loads):.1f})" if loads else ""


def percent(log_ratio: float) -> str:
    """Show a log-ratio as a signed percentage."""
    return f"{100 * log_ratio:+.1f} %"


def times(ratio: float) -> str:
    """Show a ratio."""
    return f"{ratio:.3g}x"


def _row(what: str, measured: float | None, bar: float, shown: Callable[[float], str]) -> Row:
    if measured is None:
        return _unmeasured(what, f"<= {shown(bar)}")
    return Row("accuracy", what, measured=shown(measured), bar=f"<= {shown(bar)}", verdict=judged(measured <= bar))


def _unmeasured(what: str, bar: str) -> Row:
    return Row("accuracy", what, measured="not measured", bar=bar)
