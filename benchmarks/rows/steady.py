"""What must not change: the memory over many fits, and the bits with the number of threads."""

from __future__ import annotations

from collections.abc import Iterator

from processes import Bench, Job, MeasurementError
from verdict import Row, failed, judged

FITS, SETTLED = 10_000, 100


def memory(bench: Bench) -> Iterator[Row]:
    """Compare resident memory after the first hundred small fits with that after ten thousand."""
    what = f"resident memory over {FITS:,} fits, after the first {SETTLED}"
    try:
        measured = bench.run(Job("tabgrad", "many_fits", {"fits": FITS, "settled": SETTLED}))
    except MeasurementError as error:
        yield failed("memory", what, "< 2 MB more", str(error))
        return
    before, after = measured["before"] / 1e6, measured["after"] / 1e6
    yield Row(
        "memory",
        what,
        ours=f"{before:.1f} MB, then {after:.1f} MB",
        measured=f"{after - before:+.2f} MB",
        bar="< 2 MB more",
        verdict=judged(after - before < 2),
        quality=f"{measured['seconds'] / FITS * 1e6:.0f} us to build and fit one",
        samples=measured,
    )


def bits(bench: Bench) -> Iterator[Row]:
    """Train the wide network from one seed with one thread and with two, and compare the weights' bits."""
    what = "weights of 128-512-512-10 after 2 epochs, one seed, 1 thread and 2"
    settings = bench.settings("wide", seed=7, epochs=2)
    try:
        hashes = [bench.run(Job("tabgrad", "weights_hash", settings, threads))["hash"] for threads in (1, 2)]
    except MeasurementError as error:
        yield failed("bits", what, "same bits", str(error))
        return
    same = hashes[0] == hashes[1]
    yield Row(
        "bits",
        what,
        ours=", ".join(each[:12] for each in hashes),
        measured="same bits" if same else "bits differ",
        bar="same bits",
        verdict=judged(same),
        samples={"hashes": hashes},
    )
