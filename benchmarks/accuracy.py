"""Fit tabgrad's presets and other libraries to the same tables, and print how good each is and what it costs.

Every fit runs in a process of its own and leaves a line of JSON; fits that the record holds already are not run again,
so a contest that was broken off goes on where it stopped. The exit status is 0 whatever the figures say, 1 with --check
where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import record
from contest import report, tables
from contest.bars import bars
from contest.runs import Run, Trial, append, missing, read, with_baselines
from contest.systems import OURS, PEERS, title
from contest.tables import MILLION, Table
from processes import CORES, HERE, run_quietly, say
from verdict import MISSED

ROOT = HERE.parent
SHIPPED = ROOT / "examples" / "data"
BEGIN, END = "<!-- accuracy -->", "<!-- /accuracy -->"
CORES_ON = ("covertype_42k", "dry_bean")  # two cores against one: on the first of these that is at hand
USUAL = ("lgbm", "xgb", "catboost", "hist_gradient_boosting", "sklearn_mlp")
ALONGSIDE = ("cores", "million")


@dataclass(frozen=True)
class Contest:
    """Where the tables are, what our systems are made with, and how fits are run."""

    tables: dict[str, tuple[Table, Path | None]]
    arguments: dict[str, dict[str, Any]]
    python: str
    most: int
    timeout: float

    def run(self, trial: Trial, scratch: Path) -> Run:
        """Fit in a fresh process; what goes wrong there is the run's outcome."""
        table, path = self.tables[trial.table]
        arguments = self.arguments.get(trial.system, {})
        settings = {
            "system": trial.system,
            "arguments": arguments,
            "table": table.as_json(),
            "path": str(path),
            "seed": trial.seed,
            "split": trial.split,
            "most": self.most,
            "threads": trial.threads,
        }
        python = self.python if trial.system in PEERS else sys.executable
        result = scratch / "result.json"
        command = [python, str(HERE / "worker.py"), "contest", "fit", json.dumps(settings), result]
        load = round(os.getloadavg()[0], 2)
        try:
            finished = run_quietly(command, cwd=scratch, threads=trial.threads, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            return Run(trial, {"failed": f"not done after {self.timeout:.0f} s"})
        if finished.returncode:
            lines = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}, nothing said"]
            return Run(trial, {"failed": lines[-1]})
        made_with = {"arguments": arguments} if trial.system.startswith(OURS) else {}
        return Run(trial, json.loads(result.read_text()) | made_with | {"load": load} | record.whereabouts())


def main() -> int:
    """Run what is missing, print, write; return the exit status."""
    options = _options()
    contest = _contest(options)
    wanted = [] if options.show else _trials(options, contest)
    _fit(contest, missing(wanted, read(options.out)), options.out)
    every = read(options.out)
    runs = _compared(every, contest, options)
    for path in options.baselines:
        runs = with_baselines(runs, [run for run in read(path, elsewhere=True) if run.trial.split == options.split])
    systems = _order({run.trial.system for run in runs if not run.failed}, options)
    if not systems:
        raise SystemExit("Nothing was measured.")
    rows = bars(runs, every)
    sections = _sections(runs, systems, report.held_against_bars(rows))
    print("\n\n".join(sections.values()))
    if options.readme:
        _write_pages(sections)
    return int(options.check and any(row.verdict == MISSED for row in rows))


def _compared(every: list[Run], contest: Contest, options: argparse.Namespace) -> list[Run]:
    """Choose the runs that stand beside each other; with --show of every system that the record holds."""
    asked = {*contest.arguments, *options.peers}
    names = set(contest.tables) - {MILLION.name}
    return [
        run
        for run in every
        if (trial := run.trial).table in names
        and (trial.threads, trial.split) == (options.threads, options.split)
        and (options.show or trial.system in asked)
    ]


def _fit(contest: Contest, trials: list[Trial], out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tabgrad-accuracy-") as scratch:
        for number, trial in enumerate(trials, start=1):
            run = contest.run(trial, Path(scratch))
            append(out, run)
            came = run.figures.get("failed") or f"{run.loss:.4f}, {run.figures['cpu_s']:.1f} CPU s"
            say(f"[{number}/{len(trials)}] {title(trial.system)} on {trial.table}, seed {trial.seed}: {came}")


def _contest(options: argparse.Namespace) -> Contest:
    """Find the tables; those that are not there are named and left out."""
    chosen = [table for table in options.suite if options.only is None or table.name in options.only]
    found = {table.name: (table, tables.find(table, options.tables)) for table in chosen}
    if absent := [name for name, (_, path) in found.items() if path is None]:
        say(f"not in {', '.join(map(str, options.tables))}: {', '.join(absent)}")
    at_hand: dict[str, tuple[Table, Path | None]] = {name: each for name, each in found.items() if each[1]}
    at_hand[MILLION.name] = (MILLION, None)
    arguments = {f"{OURS}{name}": {"preset": name} for name in options.presets}
    arguments |= {f"{OURS}{name}": values for name, values in options.variants.items()}
    return Contest(at_hand, arguments, options.python, options.cap, options.timeout)


def _trials(options: argparse.Namespace, contest: Contest) -> list[Trial]:
    """List every fit that is asked for, seed by seed, so that a contest broken off has whole rounds of seeds."""
    names = [name for name in contest.tables if name != MILLION.name]
    systems = [*contest.arguments, *_installed(options)]
    trials = [
        Trial(name, system, seed, options.split, options.threads)
        for seed in options.seeds
        for name in names
        for system in systems
    ]
    table = next((name for name in CORES_ON if name in contest.tables), None)
    if "cores" in options.also and table:
        best = f"{OURS}best"
        trials += [Trial(table, best, seed, options.split, threads) for seed in options.seeds for threads in (1, 2)]
        contest.arguments.setdefault(best, {"preset": "best"})
    if "million" in options.also:
        fast = f"{OURS}fast"
        trials.append(Trial(MILLION.name, fast, 0, options.split, CORES))
        contest.arguments.setdefault(fast, {"preset": "fast"})
    return trials


def _installed(options: argparse.Namespace) -> list[str]:
    """Return the peers that are there; of the others, say what to install."""
    there = []
    for name in options.peers:
        look = f"import importlib.util; raise SystemExit(importlib.util.find_spec({PEERS[name].module!r}) is None)"
        if subprocess.run([options.python, "-c", look], check=False).returncode == 0:
            there.append(name)
        else:
            say(PEERS[name].advice)
    return there


def _order(systems: set[str], options: argparse.Namespace) -> list[str]:
    """Put ours first, in the order they were asked for, then the others in that of the table of peers."""
    asked = [f"{OURS}{name}" for name in (*options.presets, *options.variants)]
    ours = sorted(system for system in systems if system.startswith(OURS))
    ours.sort(key=lambda system: asked.index(system) if system in asked else len(asked))
    return ours + [name for name in PEERS if name in systems] + sorted(systems - set(ours) - set(PEERS))


def _sections(runs: list[Run], systems: list[str], held: str) -> dict[str, str]:
    ours = [system for system in systems if system.startswith(OURS)]
    best = f"{OURS}best" if f"{OURS}best" in ours else next(iter(ours), None)
    sections = {"tables": report.tables(runs, systems), "standings": report.standings(runs, systems)}
    if best is not None:
        sections["comparisons"] = report.comparisons(runs, systems)
        sections["boosting"] = report.where_boosting_wins(runs, best)
        sections["bars"] = held
    return sections | {"how": report.how(runs)}


def _write_pages(sections: dict[str, str]) -> None:
    """Put the tables into README.md, and all that there is to say into docs/accuracy.md."""
    short = [sections[name] for name in ("tables", "standings", "how")]
    record.write_between(ROOT / "README.md", BEGIN, END, "\n\n".join(short))
    headings = {
        "tables": "",
        "standings": "## Ranks and costs",
        "comparisons": "## One against one",
        "boosting": "## Where boosting still wins",
        "bars": "## What was asked for",
        "how": "## How it was measured",
    }
    whole = [f"{heading}\n\n{sections[name]}".strip() for name, heading in headings.items() if name in sections]
    record.write_between(ROOT / "docs" / "accuracy.md", BEGIN, END, "\n\n".join(whole))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--tables", type=Path, action="append", metavar="FOLDER", help="where to look for the tables, before examples/")
    add(
        "--suite", default="public", help="public (the default), or FILE.py[:NAME] with {table: (target, task, [drop])}"
    )
    add("--only", metavar="TABLES", help="only these tables, comma separated")
    add("--seeds", default="0,1,2", help="of what the systems draw, comma separated (default 0,1,2)")
    add("--presets", default="fast,best", help='of tabgrad, comma separated (default fast,best); "" for none')
    add(
        "--variant", action="append", default=[], metavar="NAME=JSON", help="tabgrad with these arguments, under a name"
    )
    add("--peers", default=",".join(USUAL), help=f'comma separated, of {", ".join(PEERS)}; "" for none')
    add("--python", default=sys.executable, help="the Python that the peers are installed for (default: this one)")
    add("--threads", type=int, default=1, help="of each fit (default 1: processor time without waiting)")
    add("--split", type=int, default=0, help="seed of the split (default 0)")
    add("--cap", type=int, default=10_000, help="most rows to train on, and to judge by (default 10,000)")
    add("--also", default="", help=f"further measurements, comma separated, of {', '.join(ALONGSIDE)}")
    add("--out", type=Path, default=ROOT / "build" / "accuracy.jsonl", help="the record (default build/accuracy.jsonl)")
    add("--baselines", type=Path, action="append", default=[], metavar="FILE", help="a record of systems not run here")
    add("--timeout", type=float, default=3600, help="seconds after which a fit counts as failed (default 3600)")
    add("--readme", action="store_true", help="write the tables into README.md and docs/accuracy.md")
    add("--check", action="store_true", help="exit with 1 where a bar is missed")
    add("--show", action="store_true", help="fit nothing, show what the record holds")
    options = parser.parse_args()
    try:
        _read(options)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options


def _read(options: argparse.Namespace) -> None:
    """Turn lists and names into what they stand for; refuse what is not known."""
    options.suite = tables.suite(options.suite)
    options.tables = [folder.resolve() for folder in options.tables or []] + [SHIPPED]
    options.seeds = [int(seed) for seed in _list(options.seeds)]
    options.presets, options.peers, options.also = map(_list, (options.presets, options.peers, options.also))
    options.only = _list(options.only) if options.only else None
    options.variants = {}
    for given in options.variant:
        name, _, arguments = given.partition("=")
        options.variants[name] = json.loads(arguments or "{}")
    _refuse_unknown("--peers", options.peers, list(PEERS))
    _refuse_unknown("--also", options.also, list(ALONGSIDE))
    _refuse_unknown("--only", options.only or [], [table.name for table in options.suite])
    if absent := [path for path in options.baselines if not path.is_file()]:
        raise ValueError(f"--baselines: there is no {absent[0]}.")
    if not options.seeds:
        raise ValueError("--seeds must name at least one.")


def _refuse_unknown(option: str, given: list[str], known: list[str]) -> None:
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{option} knows {', '.join(known)}. Got {', '.join(unknown)}.")


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    raise SystemExit(main())
