"""What was run, a line of JSON each, written the moment a run ends, so that a contest can be taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

FORMER = {"data": "table", "peer": "system", "n": "rows", "d": "columns"}  # names in records of other programs


@dataclass(frozen=True)
class Trial:
    """A system on a table: the seed of what it draws, the seed of the split, the threads it may use."""

    table: str
    system: str
    seed: int
    split: int = 0
    threads: int = 1


@dataclass(frozen=True)
class Run:
    """A trial and what came of it: figures and scores by their names, or under "failed" why there are none.

    `elsewhere` marks what was read from somebody else's record.
    """

    trial: Trial
    figures: dict[str, Any]
    elsewhere: bool = False

    @property
    def failed(self) -> bool:
        """Whether the run came to no score."""
        return "failed" in self.figures

    @property
    def loss(self) -> float:
        """The score that systems are compared by: log-loss of classes, RMSE over the deviation of numbers."""
        return self.figures["logloss"] if "logloss" in self.figures else self.figures["nrmse"]

    def as_json(self) -> dict[str, Any]:
        """Return the run as plain values."""
        return asdict(self.trial) | self.figures


def read(path: Path, *, elsewhere: bool = False) -> list[Run]:
    """Read a record; of a trial that is there twice, the later run counts. A file that is not there holds none."""
    if not path.exists():
        return []
    runs: dict[Trial, Run] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            run = _run(line, f"{path}, line {number}")
            runs[run.trial] = replace(run, elsewhere=elsewhere)
    return list(runs.values())


def append(path: Path, run: Run) -> None:
    """Write a run behind the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run.as_json()) + "\n")


def missing(wanted: Iterable[Trial], runs: Iterable[Run]) -> list[Trial]:
    """Return the trials that no run has come to a score for, in their order."""
    done = {run.trial for run in runs if not run.failed}
    return [trial for trial in dict.fromkeys(wanted) if trial not in done]


def with_baselines(runs: list[Run], baselines: Iterable[Run]) -> list[Run]:
    """Add runs of others on the same tables, where a system was not run here."""
    tables = {run.trial.table for run in runs}
    here = {(run.trial.table, run.trial.system) for run in runs if not run.failed}
    added = [run for run in baselines if run.trial.table in tables and (run.trial.table, run.trial.system) not in here]
    return runs + added


def _run(line: str, where: str) -> Run:
    try:
        values = {FORMER.get(name, name): value for name, value in json.loads(line).items()}
        known = Trial.__dataclass_fields__
        trial = Trial(**{name: values.pop(name) for name in list(values) if name in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{where}: expected an object with table, system and seed. {error}") from error
    return Run(trial, values)
