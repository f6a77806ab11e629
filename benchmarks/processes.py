"""Fresh processes for every measurement: pinned threads, interleaved repeats, failures kept instead of raised."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import programs

HERE = Path(__file__).resolve().parent
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Job:
    """One measurement: a task of a system, its arguments, and how many threads it may use."""

    system: str
    task: str
    arguments: dict[str, Any]
    threads: int = 1


@dataclass
class Runs:
    """What the repeats of one job gave, and the first failure if there was one."""

    label: str
    results: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""

    @property
    def seconds(self) -> list[float]:
        """The best timed fit of each process: noise only ever adds."""
        return [min(result["seconds_per_step"]) for result in self.results]

    @property
    def score(self) -> float:
        """The mean score."""
        return statistics.fmean(result["score"] for result in self.results)


class MeasurementError(Exception):
    """A process that ended with an error; the message is its last line."""


@dataclass(frozen=True)
class Bench:
    """Where a run finds its tables and puts its files, and how thorough it is."""

    scratch: Path
    data: list[Path]
    repeats: int
    full: bool
    sources: dict[str, str] = field(default_factory=dict)

    def table(self, name: str) -> str:
        """Prepare a table once; return the path of its arrays."""
        path = self.scratch / f"{name}.npz"
        if name not in self.sources:
            self.sources[name] = programs.prepare(name, self.data, path)
        return str(path)

    def settings(self, program: str, **others: object) -> dict[str, Any]:
        """Return the arguments that every task on a program takes."""
        return {"program": program, "table": self.table(programs.PROGRAMS[program].table), **others}

    def run(self, job: Job, *, timeout: float = 1800) -> dict[str, Any]:
        """Run a job in a fresh process and return what it measured."""
        say(f"{job.system} {job.task} {job.arguments.get('program', '')} on {job.threads} of {CORES} cores")
        result = self.scratch / f"result-{os.urandom(8).hex()}.json"
        command = [sys.executable, str(HERE / "worker.py"), job.system, job.task, json.dumps(job.arguments), result]
        finished = run_quietly(command, cwd=self.scratch, threads=job.threads, timeout=timeout)
        if finished.returncode:
            lines = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}, nothing said"]
            raise MeasurementError(lines[-1])
        return json.loads(result.read_text())

    def interleave(self, jobs: dict[str, Job]) -> dict[str, Runs]:
        """Run every job once, then all again, `repeats` times in turning order; repeat number is the seed."""
        labels = list(jobs)
        runs = {label: Runs(label) for label in labels}
        for repeat in range(self.repeats):
            turned = labels[repeat % len(labels) :] + labels[: repeat % len(labels)]
            for label in turned:
                job = jobs[label]
                arguments = job.arguments | ({"seed": repeat} if "seed" in job.arguments else {})
                if not runs[label].failure:
                    self._attempt(Job(job.system, job.task, arguments, job.threads), runs[label])
        return runs

    def _attempt(self, job: Job, runs: Runs) -> None:
        try:
            runs.results.append(self.run(job))
        except (MeasurementError, subprocess.TimeoutExpired) as error:
            runs.failure = str(error)
            say(f"  failed: {error}")


def say(line: str) -> None:
    """Show progress."""
    print(line, file=sys.stderr, flush=True)


def pinned(threads: int) -> dict[str, str]:
    """Return the environment that holds every library to a number of threads."""
    counted = ["OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM", "TABGRAD_NUM"]
    return {
        **os.environ,
        **{f"{name}_THREADS": str(threads) for name in counted},
        "NPROC": str(threads),  # the size of XLA's thread pool
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}",
        "PYTHONWARNINGS": "ignore",
    }


def run_quietly(
    command: list[str | Path], *, cwd: Path, threads: int, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command with pinned threads, its output captured."""
    return subprocess.run(
        command, cwd=cwd, env=pinned(threads), timeout=timeout, capture_output=True, text=True, check=False
    )
