"""`Classifier` beside scikit-learn's pipeline, what encoding costs, and what a prediction: of a row, of a million."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import CORES, Bench, Job
from verdict import Row, compared, failed, judged, spread

BARS = {
    "one row of 16 numbers, an array": 100e-6,
    "one row of 16 numbers, a frame of pandas": 2e-3,
    "one row of 16 numbers and 2 words, a frame of pandas": 2e-3,
    "a million rows of 16 numbers": 1.0,
}


def estimators(bench: Bench) -> Iterator[Row]:
    """Fit both with their defaults and all cores, in turns; then time predictions of a fitted classifier."""
    arguments = {"table": bench.table("beans"), "seed": 0}
    jobs = {
        "tabgrad": Job("tabgrad", "classifier_fit", arguments, CORES),
        "scikit-learn": Job("sklearn_mlp", "classifier_fit", arguments, CORES),
    }
    runs = bench.interleave(jobs)
    what = "Classifier().fit on Dry Bean; StandardScaler and MLPClassifier(early_stopping=True)"
    yield compared("estimators", f"{what}: wall time", *runs.values(), bar=1.0, scored="test log-loss")
    if not any(each.failure for each in runs.values()):
        ours, theirs = (each.score for each in runs.values())
        yield Row(
            "estimators",
            f"{what}: log-loss",
            ours=f"{ours:.4f}",
            theirs=f"scikit-learn {theirs:.4f}",
            measured=f"{ours / theirs:.3g}x",
            bar="<= 1x",
            verdict=judged(ours <= theirs),
        )
    predicted = bench.interleave({"tabgrad": Job("tabgrad", "classifier_predict", {}, CORES)})["tabgrad"]
    for name, bar in BARS.items():
        said = f"predict, {name}, encoding included, warm"
        if predicted.failure:
            yield failed("estimators", said, f"< {spread([bar])}", predicted.failure)
            continue
        best = [min(each["seconds"][name]) for each in predicted.results]
        middle = statistics.median(best)
        yield Row(
            "estimators",
            said,
            ours=spread(best),
            measured=spread([middle]),
            bar=f"< {spread([bar])}",
            verdict=judged(middle < bar),
            samples={"best": best},
        )


def importance(bench: Bench) -> Iterator[Row]:
    """Time permutation importance of networks of each preset, beside scikit-learn's of the same networks."""
    table = bench.table("beans")
    presets = ("single", "fast", "best")
    jobs = {preset: Job("tabgrad", "importance", {"table": table, "preset": preset}, CORES) for preset in presets}
    for preset, run in bench.interleave(jobs).items():
        what = f"permutation_importance, 16 columns x 10 repeats, rows of test of Dry Bean, preset {preset!r}"
        if run.failure:
            yield failed("importance", what, "< 1 s", run.failure)
            continue
        ours, theirs = ([min(each["seconds"][name]) for each in run.results] for name in ("tabgrad", "scikit-learn"))
        middle = statistics.median(ours)
        yield Row(
            "importance",
            what,
            ours=spread(ours),
            theirs=f"scikit-learn {spread(theirs)}",
            measured=spread([middle]),
            bar="< 1 s",
            verdict=judged(middle < 1.0),
            samples={"best": ours, "scikit-learn": theirs},
        )


def encode(bench: Bench) -> Iterator[Row]:
    """Time a mixed frame from what it is to what a network takes."""
    what = "a frame of 48,842 rows, 6 numbers and 8 words: kinds inferred, encoder fitted, encoded"
    run = bench.interleave({"tabgrad": Job("tabgrad", "encode", {}, 1)})["tabgrad"]
    if run.failure:
        yield failed("encode", what, "< 0.3 s", run.failure)
        return
    best = [min(each["seconds"]) for each in run.results]
    middle = statistics.median(best)
    yield Row(
        "encode",
        what,
        ours=spread(best),
        measured=spread([middle]),
        bar="< 0.3 s",
        verdict=judged(middle < 0.3),
        samples={"best": best},
    )
