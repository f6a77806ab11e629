"""The article's grid search through scikit-learn, wall time, and what its arithmetic alone would take."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from processes import CORES, Bench, Job
from programs import PROGRAMS
from systems import yardstick
from verdict import Row, compared, ratio_text, spread

FEW = 2_000  # rows of a table on which what comes with each fit weighs more
EPOCHS, FOLDS = (5, 10, 15), 5


def grid(bench: Bench) -> Iterator[Row]:
    """Run the search in each system, with every core, imports excluded, compilation included."""
    what = f"the article's grid search, {len(EPOCHS)} candidates x {FOLDS} folds and the refit"
    for rows, bar in {None: 1 / 100, FEW: None}.items():
        arguments = {"table": bench.table("beans"), "rows": rows}
        runs = bench.interleave(
            {
                "tabgrad": Job("tabgrad", "grid_search", {**arguments, "own": False}, CORES),
                "SciKeras on JAX": Job("keras_jax", "grid_search", arguments, CORES),
            }
        )
        for each in runs.values():
            for result in each.results:
                result |= {"seconds_per_step": [result["seconds"]], "score": result["best_score"]}
        on = f", {rows:,} rows: wall time" if rows else ": wall time"
        yield compared("grid", what + on, *runs.values(), bar=bar, scored="best score")
        if rows is None and not runs["SciKeras on JAX"].failure:
            yield _arithmetic(bench, statistics.median(runs["SciKeras on JAX"].seconds))


def _arithmetic(bench: Bench, theirs: float) -> Row:
    """Say what the search's multiply-adds would take at the yardstick's speed of a product, and nothing else."""
    with np.load(bench.table("beans")) as data:
        rows, features = data["X_train"].shape
    seen = EPOCHS[-1] * rows + sum(EPOCHS) * (FOLDS - 1) * rows
    program = PROGRAMS["classifier"]
    widths = (features, *program.hidden, program.outputs)
    layers = [before * after for before, after in pairwise(widths)]
    flops = 2 * seen * (2 * sum(layers) + sum(layers[1:]))  # forward, gradients; the error down to the first layer
    measured = bench.run(Job("yardstick", "product", {"binary": yardstick.compile_into(bench.scratch)}))
    seconds = flops / measured["flops"] / CORES
    return Row(
        "grid",
        f"  its multiply-adds alone, at the yardstick's product on {CORES} core{'s' * (CORES > 1)} at once",
        ours=spread([seconds]),
        measured=ratio_text(seconds / theirs),
        samples={"floating-point operations": flops, **measured},
    )
