"""The article's grid search through scikit-learn, wall time."""

from __future__ import annotations

from collections.abc import Iterator

from processes import CORES, Bench, Job
from verdict import Row, compared


def grid(bench: Bench) -> Iterator[Row]:
    """Run the search once in each system, with every core, imports excluded, compilation included."""
    arguments = {"table": bench.table("beans")}
    once = Bench(bench.scratch, bench.data, 1, bench.full, bench.sources)
    runs = once.interleave(
        {
            "tabgrad": Job("tabgrad", "grid_search", arguments, CORES),
            "SciKeras on JAX": Job("keras_jax", "grid_search", arguments, CORES),
        }
    )
    for each in runs.values():
        for result in each.results:
            result |= {"seconds_per_step": [result["seconds"]], "score": result["best_score"]}
    what = "the article's grid search, 3 candidates x 5 folds and the refit: wall time"
    yield compared("grid", what, *runs.values(), bar=1 / 100, scored="best score")
