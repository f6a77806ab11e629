"""How long it takes to put a model away, and to have it again."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import Bench, Job, MeasurementError
from verdict import Row, failed, judged, spread

ROUNDS = 50
MODELS = {"network": "54-64-64-7 with Adam's arrays", "estimator": "Classifier((64, 64)) on 54 columns"}


def model_file(bench: Bench) -> Iterator[Row]:
    """Save and load a network and an estimator: the median of many times in a process, and the first time."""
    what = f"{ROUNDS} times in a process, on the disk"
    try:
        runs = [bench.run(Job("tabgrad", "model_file", {"rounds": ROUNDS})) for _ in range(bench.repeats)]
    except MeasurementError as error:
        yield failed("model_file", what, "< 20 ms", str(error))
        return
    for model, name in MODELS.items():
        for verb in ("save", "load"):
            samples = [run[model][verb] for run in runs]
            typical = [statistics.median(each[1:]) for each in samples]
            median = statistics.median(typical)
            yield Row(
                "model_file",
                f"{verb} {name}, {what}",
                ours=f"{spread(typical)}, the first {spread([each[0] for each in samples])}",
                measured=f"{median * 1e3:.2f} ms",
                bar="< 20 ms",
                verdict=judged(median < 0.020),
                quality=f"{runs[0][model]['bytes'] / 1e3:.0f} kB",
                samples={verb: samples},
            )
