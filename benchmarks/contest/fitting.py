"""One fit, in a process of its own, and all that is noted of it."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contest import scores, systems, tables
from contest.systems import Setting
from contest.tables import CLASSIFICATION, Table


def fit(
    *,
    system: str,
    arguments: dict[str, Any],
    table: dict[str, Any],
    path: str,
    seed: int,
    split: int,
    most: int,
    threads: int,
) -> dict[str, Any]:
    """Fit a system to the training rows of a table and judge it on the others; return figures, scores and versions."""
    asked = Table.from_json(table)
    rows = tables.million() if asked == tables.MILLION else tables.split(asked, Path(path), seed=split, most=most)
    classes = 1 + int(max(rows.y.max(), rows.y_test.max())) if asked.task == CLASSIFICATION else 0
    _load_what_is_used_first(system, threads)
    estimator = systems.make(system, _setting(rows.X, classes, seed, threads), arguments)
    before, wall, cpu = _peak_megabytes(), time.perf_counter(), _cpu_seconds()
    estimator.fit(rows.X, rows.y)
    figures = {
        "task": asked.task,
        "rows": len(rows.X),
        "columns": rows.X.shape[1],
        "classes": classes,
        "fit_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(_cpu_seconds() - cpu, 3),
    }
    wall = time.perf_counter()
    judged = scores.judge(estimator, rows.X_test, rows.y_test, classes=classes)
    return figures | {
        "predict_s": round(time.perf_counter() - wall, 3),
        "memory_mb": _peak_megabytes(),
        "memory_before_mb": before,
        "versions": systems.versions(system),
        **judged,
    }


def _setting(X: pd.DataFrame, classes: int, seed: int, threads: int) -> Setting:
    words = tables.words(X)
    numbers = [name for name in X if name not in words]
    return Setting(classes > 0, tuple(numbers), tuple(words), seed, threads)


def _load_what_is_used_first(system: str, threads: int) -> None:
    """Fit the system to a few rows, as short as it can, so that no import and no first use is in the timed fit."""
    random = np.random.default_rng(0)
    X = pd.DataFrame({"number": random.normal(size=64), "word": random.choice(["a", "b", "c"], 64)})
    y = pd.Series((X["number"] > 0).astype(int))
    estimator = systems.make(system, _setting(X, 2, 0, threads), {}, quick=True)
    scores.judge(estimator.fit(X, y), X, y, classes=2)


def _cpu_seconds() -> float:
    """Return the processor time of this process, its threads and the processes that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_megabytes() -> int:
    """Return the most memory that this process has held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (2**20 if sys.platform == "darwin" else 2**10))
