"""What the step of each optimizer costs, and what can be added to one, against a plain step of Adam."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import Bench, Job
from verdict import Row, failed, judged, ratio_text, spread

WHAT = "54-64-64-7, batch 256: step"
BAR = 1.3
WITHOUT_BAR = ("muon",)  # products of matrices of its own


def optimizers(bench: Bench) -> Iterator[Row]:
    """Time all of them in turns in one process; the best of each counts, and of the processes the median."""
    job = Job("tabgrad", "optimizer_steps", bench.settings("optimizers", seed=0, rows=4096, rounds=200))
    runs = bench.interleave({"tabgrad": job})["tabgrad"]
    if runs.failure:
        yield failed("optimizers", WHAT, f"<= {ratio_text(BAR)}", runs.failure)
        return
    best = [{name: min(seconds) for name, seconds in each["seconds"].items()} for each in runs.results]
    plain = [each["adam"] for each in best]
    for added, what in ((False, "the slowest of the optimizers"), (True, "the dearest of what is added to Adam")):
        names = [name for name in best[0] if (" " in name) == added and name != "adam"]
        ratios = {name: statistics.median(each[name] / each["adam"] for each in best) for name in names}
        judged_ones = [name for name in names if name not in WITHOUT_BAR]
        slowest = max(judged_ones, key=ratios.__getitem__)
        yield Row(
            "optimizers",
            f"{WHAT} of {what}",
            ours=f"{slowest} {spread([each[slowest] for each in best])}",
            theirs=f"Adam {spread(plain)}",
            measured=ratio_text(ratios[slowest]),
            bar=f"<= {ratio_text(BAR)}",
            verdict=judged(ratios[slowest] <= BAR),
            quality=", ".join(
                f"{name} {ratio:.2f}" for name, ratio in sorted(ratios.items(), key=lambda pair: pair[1])
            ),
            samples={"best": best, "ratios": ratios},
        )
