"""Whether the networks come out as good as Keras's: the mean over seeds, judged by its standard error."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import TimeoutExpired
from typing import Any

from processes import CORES, Bench, Job, MeasurementError
from programs import PROGRAMS
from verdict import Row, failed, judged

SEEDS = range(5)
BAR = "<= 2 standard errors"


def quality(bench: Bench) -> Iterator[Row]:
    """Train the article's first two programs with five seeds in both systems; time does not matter here."""
    for program, epochs in {"regression": 100 if bench.full else 5, "classifier": 20}.items():
        what = f"{PROGRAMS[program].metric} of the {program}, {epochs} epochs each, {len(SEEDS)} seeds"
        if program == "regression" and not bench.full:
            what += " (the article's 100 with --full)"
        try:
            ours, theirs = _train(bench, program, epochs)
        except (MeasurementError, TimeoutExpired) as error:
            yield failed("quality", what, BAR, str(error))
            continue
        yield _agree(what, [result["score"] for result in ours], [result["score"] for result in theirs])


def _train(bench: Bench, program: str, epochs: int) -> list[list[dict[str, Any]]]:
    """Train every seed of tabgrad, then of Keras, one single-threaded process a core."""
    trained = []
    for system in ("tabgrad", "keras_jax"):
        jobs = [Job(system, "train", bench.settings(program, seed=seed, epochs=epochs)) for seed in SEEDS]
        with ThreadPoolExecutor(CORES) as pool:
            trained.append(list(pool.map(lambda job: bench.run(job, timeout=4 * 3600), jobs)))
    return trained


def _agree(what: str, ours: list[float], theirs: list[float]) -> Row:
    difference = abs(statistics.fmean(ours) - statistics.fmean(theirs))
    errors = [statistics.stdev(scores) / len(scores) ** 0.5 for scores in (ours, theirs)]
    error = (errors[0] ** 2 + errors[1] ** 2) ** 0.5
    return Row(
        "quality",
        what,
        ours=f"{statistics.fmean(ours):.4f} +- {errors[0]:.4f}",
        theirs=f"Keras on JAX {statistics.fmean(theirs):.4f} +- {errors[1]:.4f}",
        measured=f"{difference / error:.2g} standard errors" if error else f"{difference:.2g} apart",
        bar=BAR,
        verdict=judged(difference <= 2 * error),
        samples={"tabgrad": ours, "Keras on JAX": theirs},
    )
