"""Change one part of a preset at a time, and print what that does to the loss and to the processor's time.

Each fit leaves a line of JSON. Fits that the record holds, made with these very figures, are not run again, so what was
broken off goes on where it stopped.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import record
from contest import scores, tables
from contest.changes import UNCHANGED, Change, as_table, effect, every_change, made, noise
from contest.runs import Run, Trial, append, missing, read
from contest.tables import CLASSIFICATION, Split, Table
from processes import HERE, say

import tabgrad
from tabgrad.errors import DataWarning
from tabgrad.estimators._presets import PRESETS

ROOT = HERE.parent
SHIPPED = ROOT / "examples" / "data"
FAST = "fast"
BEGIN, END = "<!-- ablations -->", "<!-- /ablations -->"


@dataclass(frozen=True)
class Ablations:
    """The preset, its changes by their words, the tables that are there, and how many rows of them are used."""

    preset: str
    changes: dict[str, Change]
    found: dict[str, tuple[Table, Path]]
    most: int

    def settings(self, change: str) -> dict[str, Any]:
        """Return what fits with a change depend on."""
        return self.changes[change].settings(PRESETS[self.preset]) | {"preset": self.preset, "most": self.most}

    def current(self, runs: list[Run]) -> list[Run]:
        """Return the runs that were made with the figures of today."""
        known = {change: self.settings(change) for change in self.changes}
        return [run for run in runs if run.figures.get("settings") == known.get(run.trial.system)]

    def run(self, trial: Trial) -> Run:
        """Fit in this process, with one thread; what goes wrong is the run's outcome."""
        table, path = self.found[trial.table]
        rows = _rows(table, path, seed=trial.split, most=self.most)
        settings = {"settings": self.settings(trial.system)}
        with made(self.changes[trial.system], self.preset) as arguments:
            try:
                return Run(trial, _fit(table, rows, arguments, trial) | settings | record.whereabouts())
            except (ValueError, ArithmeticError, MemoryError) as error:
                return Run(trial, {"failed": f"{type(error).__name__}: {error}"} | settings)


def _fit(table: Table, rows: Split, arguments: dict[str, Any], trial: Trial) -> dict[str, Any]:
    form = tabgrad.Classifier if table.task == CLASSIFICATION else tabgrad.Regressor
    estimator = form(random_state=trial.seed, n_jobs=trial.threads, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        wall, cpu = time.perf_counter(), time.process_time()
        estimator.fit(rows.X, rows.y)
        spent = {"fit_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        classes = 1 + int(max(rows.y.max(), rows.y_test.max())) if table.task == CLASSIFICATION else 0
        judged = scores.judge(estimator, rows.X_test, rows.y_test, classes=classes)
    return {"rows": len(rows.X), "columns": rows.X.shape[1]} | spent | judged


_rows = cache(tables.split)


def main(words: list[str] | None = None) -> int:
    """Run what is missing, print, write."""
    options = _options(words)
    ablations = _ablations(options)
    if not options.show:
        _fill(ablations, options)
    runs = ablations.current(read(options.out))
    runs = [run for run in runs if run.trial.table in ablations.found]
    text = _told(ablations, runs)
    print(text)
    if options.page:
        record.write_between(ROOT / "docs" / "why_these_defaults.md", BEGIN, END, text)
    return 0


def _fill(ablations: Ablations, options: argparse.Namespace) -> None:
    """Run every fit that is missing, seed by seed, so that what is broken off has whole rounds."""
    wanted = [
        Trial(table, change, seed)
        for seed in options.seeds
        for table in ablations.found
        for change in ablations.changes
    ]
    trials = missing(wanted, ablations.current(read(options.out)))
    if trials:
        ablations.run(trials[0])  # what is loaded at the first use is loaded
    for number, trial in enumerate(trials, start=1):
        run = ablations.run(trial)
        append(options.out, run)
        came = run.figures.get("failed") or f"{run.loss:.4f}, {run.figures['cpu_s']:.1f} CPU s"
        say(f"[{number}/{len(trials)}] {trial.table}, seed {trial.seed}, {trial.system}: {came}")


def _told(ablations: Ablations, runs: list[Run]) -> str:
    """Return the table, with how it was measured below it."""
    of_change = {change: [run for run in runs if run.trial.system == change] for change in ablations.changes}
    plain = of_change.pop(UNCHANGED)
    found = [each for change, those in of_change.items() if (each := effect(change, those, plain))]
    if not found:
        raise SystemExit("Nothing was measured.")
    seeds = sorted({run.trial.seed for run in plain})
    commits = sorted({run.figures["commit"] for run in runs if "commit" in run.figures})
    machines = sorted({run.figures["machine"] for run in runs if "machine" in run.figures})
    drawn = noise(plain)
    beside = "" if math.isnan(drawn) else f" Other seeds alone move a mean by {100 * drawn:.1f} % (standard error)."
    failed = sorted({f"{run.trial.system} on {run.trial.table}" for run in runs if run.failed})
    below = (
        f'Each row is preset "{ablations.preset}" with one part changed, on {len({r.trial.table for r in plain})} '
        f"tables, seeds {', '.join(map(str, seeds))}, at most {ablations.most:,} rows to train on and as many to judge "
        "by. Loss: the mean over the tables of ln(loss with the change / loss of the preset), log-loss of classes and "
        "root mean squared error of numbers; above 0 the change does harm. Median: of the same, which one table of few "
        "errors does not move. ±: the standard error of the mean over the tables, each with the mean of its seeds."
        f"{beside} CPU time: of all fits, one thread, over the preset's.\n\n"
        f"Measured on {', '.join(machines)}, commit {', '.join(commits)}."
    )
    return as_table(found) + "\n\n" + below + (f"\n\nFailed: {'; '.join(failed)}." if failed else "")


def _ablations(options: argparse.Namespace) -> Ablations:
    changes = {change.what: change for change in every_change(PRESETS[options.preset])}
    chosen = [table for table in options.suite if options.only is None or table.name in options.only]
    folders = [folder.resolve() for folder in options.tables or []] + [SHIPPED]
    places = {table.name: (table, tables.find(table, folders)) for table in chosen}
    if absent := [name for name, (_, path) in places.items() if path is None]:
        say(f"not in {', '.join(map(str, folders))}: {', '.join(absent)}")
    found = {name: (table, path) for name, (table, path) in places.items() if path is not None}
    return Ablations(options.preset, changes, found, options.cap)


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--tables", type=Path, action="append", metavar="FOLDER", help="where to look for the tables, before examples/")
    add("--suite", default="public", help="public (the default), or FILE.py[:NAME], as of accuracy.py")
    add("--only", type=_list, metavar="TABLES", help="only these tables, comma separated")
    add("--seeds", type=_numbers, default=[0, 1, 2], help="comma separated (default 0,1,2)")
    add(
        "--preset",
        choices=sorted(PRESETS),
        default=FAST,
        help=f"which is changed (default {FAST}, whose fits are short)",
    )
    add("--cap", type=int, default=10_000, help="most rows to train on, and to judge by (default 10,000)")
    out = ROOT / "build" / "ablations.jsonl"
    add("--out", type=Path, default=out, help="the record (default build/ablations.jsonl)")
    add("--page", action="store_true", help="write the table into docs/why_these_defaults.md")
    add("--show", action="store_true", help="fit nothing, show what the record holds")
    options = parser.parse_args(words)
    try:
        options.suite = tables.suite(options.suite)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    known = [table.name for table in options.suite]
    if unknown := [name for name in options.only or [] if name not in known]:
        parser.error(f"--only knows {', '.join(known)}. Got {', '.join(unknown)}.")
    return options


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _list(text)]


if __name__ == "__main__":
    raise SystemExit(main())
