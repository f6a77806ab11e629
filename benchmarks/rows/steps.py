"""What one training step costs, against the peers and against what the processor allows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from processes import CORES, Bench, Job
from programs import PROGRAMS
from systems import yardstick
from verdict import Row, compared, failed, judged


def regression(bench: Bench) -> Iterator[Row]:
    """Time the article's linear regression: one linear unit, batches of one row."""
    long = bench.settings("regression", seed=0, warm_up=20, epochs=100, fits=3)
    short = long | {"warm_up": 1, "epochs": 1, "fits": 2}
    runs = bench.interleave(
        {
            "tabgrad": Job("tabgrad", "step_times", long),
            "Keras on JAX": Job("keras_jax", "step_times", short),
            "yardstick": Job("yardstick", "regression", {"binary": yardstick.compile_into(bench.scratch)}),
        }
    )
    what = "linear regression, batch 1: step"
    scored = f"{PROGRAMS['regression'].metric} after 320 / 3 epochs"
    yield compared("regression", what, runs["tabgrad"], runs["Keras on JAX"], bar=1 / 1000, scored=scored)
    yield compared("regression", what, runs["tabgrad"], runs["yardstick"], bar=4)


def classifier(bench: Bench) -> Iterator[Row]:
    """Time the article's classifier: 64-64-7 with dropout, batches of 16, against all peers."""
    settings = bench.settings("classifier", seed=0, warm_up=2, epochs=2, fits=3)
    runs = bench.interleave(
        {
            "tabgrad": Job("tabgrad", "step_times", settings),
            "Keras on JAX": Job("keras_jax", "step_times", settings),
            "PyTorch loop": Job("torch_loop", "step_times", settings),
            "PyTorch loop, fused Adam": Job("torch_loop", "step_times", settings | {"fused": True}),
            "scikit-learn MLP, no dropout": Job("sklearn_mlp", "step_times", settings),
        }
    )
    what = "16-64-64-7, dropout, batch 16: step"
    bars = {
        "Keras on JAX": 1 / 12,
        "PyTorch loop": 1 / 20,
        "PyTorch loop, fused Adam": None,
        "scikit-learn MLP, no dropout": 1 / 10,
    }
    for label, bar in bars.items():
        yield compared("classifier", what, runs["tabgrad"], runs[label], bar=bar, scored="test accuracy after 8 epochs")


def beside_yardstick(bench: Bench) -> Iterator[Row]:
    """Time the classifier in the yardstick's shape against the yardstick, both trained 8 epochs for the quality."""
    settings = bench.settings("yardstick", seed=0)
    runs = bench.interleave(
        {
            "tabgrad": Job("tabgrad", "step_times", settings | {"warm_up": 2, "epochs": 8, "fits": 5}),
            "tabgrad, 8 epochs": Job("tabgrad", "train", settings | {"epochs": 8}),
            "yardstick": Job("yardstick", "classifier", {"binary": yardstick.compile_into(bench.scratch)}),
        }
    )
    for timed, trained in zip(runs["tabgrad"].results, runs["tabgrad, 8 epochs"].results, strict=False):
        timed["score"] = trained["last_epoch"]["accuracy"]
    what = "54-64-64-7, dropout, batch 16: step"
    scored = "training accuracy with dropout on, epoch 8"
    yield compared("yardstick", what, runs["tabgrad"], runs["yardstick"], bar=1.3, scored=scored)


def wide(bench: Bench) -> Iterator[Row]:
    """Time a network that is wide enough for matrix products to decide, with one thread each and with two."""
    yield from _beside_torch(bench, "wide", "128-512-512-10", {"epochs": 1, "fits": 2})


def layers(bench: Bench) -> Iterator[Row]:
    """Time batch normalisation and residual blocks, with one thread each and with two."""
    often = {"epochs": 4, "fits": 4}
    yield from _beside_torch(bench, "normalised", "54-128-128-7 with batch normalisation", often)
    yield from _beside_torch(bench, "residual", "54-128, 2 residual blocks, 7", often)


def embeddings(bench: Bench) -> Iterator[Row]:
    """Time embeddings of five columns of codes beside numeric columns, with one thread each and with two."""
    network = "10 columns and 5 of codes (10 to 1,000, width 8), 64-64-7"
    yield from _beside_torch(bench, "embedded", network, {"epochs": 4, "fits": 4})


def members(bench: Bench) -> Iterator[Row]:
    """Count the arithmetic of members of preset "best" over 54 columns, on one core and with one on each."""
    settings = {"rows": 10_000, "columns": 54, "classes": 7, "batch": 128, "epochs": 24}
    for threads in range(1, CORES + 1):
        what = f"members of preset 'best', 54 columns, batch 128, {threads} at a time: GFLOP/s a core"
        run = bench.interleave({"tabgrad": Job("tabgrad", "member_speed", settings | {"threads": threads}, threads)})
        bar = "> 50"
        if run["tabgrad"].failure:
            yield failed("members", what, bar, run["tabgrad"].failure)
            continue
        speeds = [
            statistics.fmean(each["arithmetic"] / min(seconds) / 1e9 for seconds in each["seconds"])
            for each in run["tabgrad"].results
        ]
        middle = statistics.median(speeds)
        yield Row(
            "members",
            what,
            ours=f"{middle:.0f} ({min(speeds):.0f} to {max(speeds):.0f})",
            measured=f"{middle:.1f}",
            bar=bar,
            verdict=judged(middle > 50),
            samples={"GFLOP/s": speeds},
        )


def _beside_torch(bench: Bench, program: str, network: str, measured: dict[str, int]) -> Iterator[Row]:
    settings = bench.settings(program, seed=0, warm_up=1, **measured)
    for threads in (1, 2):
        what = f"{network}, batch 256, {threads} thread{'s' * (threads > 1)} each: step"
        if threads > CORES:
            yield failed(program, what, "<= 1x", f"this machine lends {CORES} core")
            continue
        runs = bench.interleave(
            {
                "tabgrad": Job("tabgrad", "step_times", settings, threads),
                "PyTorch loop": Job("torch_loop", "step_times", settings, threads),
                "PyTorch loop, fused Adam": Job("torch_loop", "step_times", settings | {"fused": True}, threads),
            }
        )
        scored = f"test accuracy after {1 + measured['epochs'] * measured['fits']} epochs"
        for label, bar in {"PyTorch loop": 1.0, "PyTorch loop, fused Adam": None}.items():
            yield compared(program, what, runs["tabgrad"], runs[label], bar=bar, scored=scored)
