"""The searches of `tabgrad.search`: the article's grid beside others, full cores, Dask, the journal's cost, memory."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import CORES, Bench, Job, MeasurementError
from verdict import Row, compared, failed, judged, spread

CANDIDATES, FOLDS = 64, 5
SPREAD = 40  # candidates of the search with Dask


def search(bench: Bench) -> Iterator[Row]:
    """Every row; one that cannot be measured says so."""
    yield from _grid(bench)
    for measure in (_cores, _spread, _journal, _memory):
        try:
            yield measure(bench)
        except MeasurementError as error:
            yield failed("search", measure.__doc__ or "", "measured", str(error))


def _grid(bench: Bench) -> Iterator[Row]:
    """Run the article's search by the class of tabgrad, by scikit-learn's over the same estimator, by SciKeras."""
    arguments = {"table": bench.table("beans"), "rows": None}
    runs = bench.interleave(
        {
            "tabgrad.search": Job("tabgrad", "grid_search", {**arguments, "own": True}, CORES),
            "scikit-learn's search over tabgrad": Job("tabgrad", "grid_search", {**arguments, "own": False}, CORES),
            "SciKeras on JAX": Job("keras_jax", "grid_search", arguments, CORES),
        }
    )
    for each in runs.values():
        for result in each.results:
            result |= {"seconds_per_step": [result["seconds"]], "score": result["best_score"]}
    ours, *others = runs.values()
    for theirs, bar in zip(others, (0.4, 1 / 300), strict=True):
        what = f"tabgrad.search's GridSearchCV, the article's grid, beside {theirs.label}"
        yield compared("search", what, ours, theirs, bar=bar, scored="best score")


def _cores(bench: Bench) -> Row:
    """64 random candidates x 5 folds on every core, beside the same fits one by one."""
    arguments = {"table": bench.table("beans"), "candidates": CANDIDATES}
    measured = bench.run(Job("tabgrad", "random_search", arguments, CORES))
    busy = measured["busy"] / measured["together"] / CORES
    ratio = measured["together"] / (measured["fits"] / CORES)
    return Row(
        "search",
        f"{CANDIDATES} random candidates x {FOLDS} folds, 2 hidden layers of 64, 20 epochs, on {CORES} cores",
        ours=spread([measured["together"]]),
        theirs=f"the same fits one at a time {spread([measured['fits']])}",
        measured=f"cores {busy:.1%} busy; {ratio:.3g}x of the fits' sum / {CORES}",
        bar="> 95 %; < 1.1x",
        verdict=judged(busy > 0.95 and ratio < 1.1),
        samples=measured,
    )


def _spread(bench: Bench) -> Row:
    """Run a search with two workers of Dask, one thread each, beside one."""
    arguments = {"table": bench.table("beans"), "candidates": SPREAD, "rounds": 3}
    measured = bench.run(Job("tabgrad", "spread_search", arguments, CORES))
    ratio = statistics.median(measured["one"]) / statistics.median(measured["two"])
    return Row(
        "search",
        f"{SPREAD} random candidates x {FOLDS} folds, fits of {measured['fit'] * 1e3:.0f} ms, two workers of Dask",
        ours=spread(measured["two"]),
        theirs=f"one worker {spread(measured['one'])}",
        measured=f"{ratio:.3g} times as fast on {CORES} cores",
        bar=">= 1.7 times, where there are cores to show it",
        verdict=judged(ratio >= 1.7) if CORES > 1 else "",
        samples=measured,
    )


def _journal(bench: Bench) -> Row:
    """What a journal costs a search of the smallest fits that there are."""
    measured = bench.run(Job("tabgrad", "journaled_search", {"fits": 2000, "rounds": 3}, CORES))
    without = [whole - own for whole, own in zip(measured["whole"], measured["own"], strict=True)]
    cost = statistics.median(own / rest for own, rest in zip(measured["own"], without, strict=True))
    return Row(
        "search",
        f"a journal of 2,000 fits of {statistics.median(without) / 2:.2f} ms: processor time",
        ours=spread(measured["own"]),
        theirs=f"the search without it {spread(without)}",
        measured=f"{cost:+.2%}",
        bar="< 1 %",
        verdict=judged(cost < 0.01),
        samples=measured,
    )


def _memory(bench: Bench) -> Row:
    """The memory of a search of a thousand candidates."""
    measured = bench.run(Job("tabgrad", "search_memory", {"table": bench.table("beans"), "candidates": 1000}, CORES))
    more = (measured["most"] - measured["before"]) / 1e6
    table = measured["table"] / 1e6
    return Row(
        "search",
        f"memory of a search of 1,000 candidates, beside the table of {table:.1f} MB and what the process had",
        ours=f"{more:.0f} MB more",
        measured=f"{more:.0f} MB",
        bar="the table + 100 MB",
        verdict=judged(more < table + 100),
        samples=measured,
    )
