"""Searches that are killed at random moments, and what the same call then gives: ``python tests/search/kills.py 200``.

Each time a process begins a search with a journal, gets SIGKILL after some time between none and that of the whole
search, and another one goes on: its `cv_results_` must be those of a search that nobody killed, but for the seconds.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tabgrad import Classifier
from tabgrad.search import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV, Real

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = np.array(["low", "middle", "high"])[np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1])]
SPACE = {"learning_rate": Real(1e-3, 1e-1, log=True), "activation": ["relu", "tanh"]}


def search(kind: str, journal: Path) -> Any:
    """A search of one of the kinds."""
    network = Classifier(preset="single", hidden_layer_sizes=(16,), epochs=10, random_state=0)
    how: dict[str, Any] = {"cv": 3, "refit": False, "journal": journal}
    if kind == "grid":
        grid = {"learning_rate": [0.003, 0.01, 0.03], "epochs": [5, 10], "activation": ["relu", "tanh"]}
        return GridSearchCV(network, grid, **how)
    how["random_state"] = 0
    if kind == "random":
        return RandomizedSearchCV(network, SPACE, n_iter=10, **how)
    return HalvingRandomSearchCV(network, SPACE, n_candidates=9, resource="epochs", max_resources=18, **how)


def digest(results: dict[str, Any]) -> str:
    """All of the results but the seconds."""
    kept = {name: np.asarray(values).tolist() for name, values in results.items() if "time" not in name}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()


def begun(kind: str, folder: Path) -> int:
    """A process that searches, and then leaves its digest in the folder."""
    if process := os.fork():
        return process
    try:
        results = search(kind, folder / "journal").fit(X, Y).cv_results_
        (folder / "digest").write_text(digest(results))
        os._exit(0)
    finally:
        os._exit(1)


def ended(process: int) -> bool:
    """Whether a process ended as it should."""
    return os.waitpid(process, 0)[1] == 0


def finished(kind: str, folder: Path) -> str:
    """The digest of a search that goes on to its end."""
    if not ended(begun(kind, folder)):
        raise SystemExit(f"The {kind} search did not go on.")
    return (folder / "digest").read_text()


def main(kills: int) -> None:
    """Kill, go on, compare."""
    chance, expected, seconds, caught = random.Random(0), {}, {}, 0
    for number in range(kills):
        kind = ("grid", "random", "halving")[number % 3]
        if kind not in expected:
            with tempfile.TemporaryDirectory() as name:
                began = time.monotonic()
                expected[kind] = finished(kind, Path(name))
                seconds[kind] = time.monotonic() - began
        with tempfile.TemporaryDirectory() as name:
            process = begun(kind, Path(name))
            time.sleep(chance.uniform(0, seconds[kind]))
            os.kill(process, signal.SIGKILL)
            caught += not ended(process)
            if finished(kind, Path(name)) != expected[kind]:
                raise SystemExit(f"Kill {number + 1}, of the {kind} search, changed its results.")
    print(f"{kills} kills, {caught} of them before the end: each search went on to the same results.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
