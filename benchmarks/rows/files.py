"""How long it takes to put a model away, and to have it again."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import Bench, Job, MeasurementError
from verdict import Row, failed, judged, spread

ROUNDS = 50


def model_file(bench: Bench) -> Iterator[Row]:
    """Save and load the article's classifier, trained: the first time in a process, and the median of many times."""
    what = f"54-64-64-7 with Adam's arrays, {ROUNDS} times in a process, beside a first time"
    try:
        runs = [bench.run(Job("tabgrad", "model_file", {"rounds": ROUNDS})) for _ in range(bench.repeats)]
    except MeasurementError as error:
        yield failed("model_file", what, "< 20 ms", str(error))
        return
    for verb in ("save", "load"):
        typical = [statistics.median(run[verb][1:]) for run in runs]
        first = [run[verb][0] for run in runs]
        median = statistics.median(typical)
        yield Row(
            "model_file",
            f"{verb} {what}",
            ours=f"{spread(typical)}, the first {spread(first)}",
            measured=f"{median * 1e3:.2f} ms",
            bar="< 20 ms",
            verdict=judged(median < 0.020),
            quality=f"{runs[0]['bytes'] / 1e3:.0f} kB, on the disk" if verb == "save" else "the same predictions",
            samples={verb: [run[verb] for run in runs]},
        )
