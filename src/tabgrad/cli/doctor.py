"""``tabgrad doctor``: what is installed and what the machine can do, and whether training, saving and loading work."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

import numpy as np
from rich.text import Text

from tabgrad import __version__
from tabgrad.cli.exits import Exit
from tabgrad.cli.screen import Screen, grid
from tabgrad.cli.settings import Doctor

__all__ = ["doctor"]

NEEDED = ("numpy", "narwhals", "scikit-learn", "safetensors", "polars", "typer", "rich")
EXTRAS = ("pandas", "pyarrow", "adbc-driver-sqlite", "adbc-driver-postgresql", "keras", "tensorboard")
CLOSE = 1e-3  # to the least-squares solution, in units of the target's deviation


@dataclass(frozen=True)
class Check:
    """One thing that was tried."""

    name: str
    passed: bool
    found: str
    seconds: float


def doctor(settings: Doctor, screen: Screen) -> None:
    """Do what `tabgrad doctor` is asked for."""
    import typer

    facts = {"versions": _versions(), "machine": _machine()}
    checks = [_tried(name, check) for name, check in CHECKS.items()]
    if settings.json:
        rows = [{"check": c.name, "passed": c.passed, "found": c.found, "seconds": round(c.seconds, 4)} for c in checks]
        screen.data({**facts, "checks": rows})
    else:
        _show(facts, checks, screen)
    if not all(check.passed for check in checks):
        raise typer.Exit(int(Exit.INTERNAL))


def _show(facts: Mapping[str, Mapping[str, str]], checks: list[Check], screen: Screen) -> None:
    for title, rows in facts.items():
        screen.result(title.capitalize(), style="bold")
        screen.result(grid(list(rows.items())))
        screen.result()
    screen.result("Checks", style="bold")
    lines = [
        (
            Text("ok" if c.passed else "FAILED", style="green" if c.passed else "bold red"),
            c.name,
            c.found,
            f"{c.seconds:.2f} s",
        )
        for c in checks
    ]
    screen.result(grid(lines, right=(3,)))


# ---- What there is ---------------------------------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    found = {"tabgrad": __version__, "python": f"{platform.python_implementation()} {platform.python_version()}"}
    return found | {name: _version(name) for name in (*NEEDED, *EXTRAS)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing" if package in NEEDED else "not installed (an extra)"


def _machine() -> dict[str, str]:
    from tabgrad import _native
    from tabgrad.engines.native import default_threads, instruction_set
    from tabgrad.engines.select import get_engine

    sets = _native.instruction_sets()
    asked = {name: os.environ[name] for name in sorted(os.environ) if name.startswith(("TABGRAD_", "OMP_NUM_"))}
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "instruction set": f"{instruction_set()} (of {', '.join(sets)})",
        "engine": type(get_engine()).__name__,
        "threads": f"{default_threads()} of {os.cpu_count()} cores",
        "environment": ", ".join(f"{name}={value}" for name, value in asked.items()) or "nothing set",
    }


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        if names:
            return names[0]
    except OSError:
        pass
    return platform.processor() or platform.machine()


# ---- What is tried ---------------------------------------------------------------------------------------------------


def _tried(name: str, check: Callable[[], str]) -> Check:
    began = time.perf_counter()
    try:
        found, passed = check(), True
    except Exception as error:  # whatever is wrong here is what the user wants to know
        found, passed = f"{type(error).__name__}: {error}", False
    return Check(name, passed, found, time.perf_counter() - began)


def _linear() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, targets, and the weights of the least-squares solution, the constant last."""
    random = np.random.default_rng(0)
    x = random.normal(size=(256, 3)).astype(np.float32)
    y = x @ [1.0, -2.0, 0.5] + 0.25 + 0.1 * random.normal(size=256)
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(256)]), y, rcond=None)[0]
    return x, y.astype(np.float32), solution


def _check_solution() -> str:
    from tabgrad.layers import Dense
    from tabgrad.models import Sequential
    from tabgrad.optimizers import Adam

    x, y, solution = _linear()
    model = Sequential([Dense(1)], seed=0)
    model.compile(Adam(0.05), "mse")
    model.fit(x, y, batch_size=256, epochs=1000, verbose=0)
    found = np.concatenate([array.ravel() for array in model.get_weights()])
    apart = float(np.abs(found - solution).max())
    _demand(apart < CLOSE, f"weights are {apart:.1e} from the least-squares solution, of at most {CLOSE:g}")
    return f"weights within {apart:.0e} of the least-squares solution"


def _check_engines() -> str:
    from tabgrad.engines.base import initial_state
    from tabgrad.engines.select import get_engine
    from tabgrad.layers import Dense
    from tabgrad.losses import SparseCategoricalCrossentropy
    from tabgrad.optimizers import SGD
    from tabgrad.plan import Network, Plan

    x, _, _ = _linear()
    network = Network(3, (Dense(16, "relu"), Dense(3, "softmax")))
    weights = initial_state(Plan(network, SparseCategoricalCrossentropy(), SGD(), seed=0)).weights
    outputs = [get_engine(name).predict(network, weights, x, batch_size=64) for name in ("native", "reference")]
    apart = float(np.abs(outputs[0] - outputs[1]).max())
    _demand(apart < 1e-5, f"outputs of the native engine and the reference are {apart:.1e} apart")
    return f"outputs within {apart:.0e} of the reference in NumPy"


def _check_table() -> str:
    from tabgrad._loading import load
    from tabgrad.cli.tables import labels
    from tabgrad.estimators import Classifier
    from tabgrad.table.read import read

    with tempfile.TemporaryDirectory() as folder:
        path, model_path = os.path.join(folder, "table.csv"), os.path.join(folder, "model.tabgrad")
        rows = [
            f"{place / 100},{'red' if place % 3 else 'blue'},{'yes' if place > 150 else 'no'}" for place in range(300)
        ]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(["size,colour,ripe", *rows, ""]))
        table = read(path)
        model = Classifier(random_state=0, epochs=60).fit(table, "ripe")
        right = float((model.predict(table) == labels(table["ripe"])).mean())
        _demand(right > 0.95, f"{right:.1%} of a table that is told apart by one number are right")
        model.save(model_path)
        same = np.array_equal(load(model_path).predict_proba(table), model.predict_proba(table))
        _demand(same, "a model that was saved and loaded predicts something else")
    return f"read, trained ({right:.1%} right), saved and loaded: the same predictions"


def _demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001
    if not holds:
        raise AssertionError(otherwise)


CHECKS: Mapping[str, Callable[[], str]] = {
    "a fit with a known solution": _check_solution,
    "the native engine": _check_engines,
    "a table, there and back": _check_table,
}
