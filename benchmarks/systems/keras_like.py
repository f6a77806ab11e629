"""The article's programs, written once for every library that speaks Keras: only the imports differ."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from programs import EMBEDDED, PROGRAMS, Program, load


class Model(Protocol):
    """What the programs use of a Keras model."""

    def add(self, layer: object) -> None:
        """Append a layer."""

    def compile(self, **settings: object) -> None:
        """Set loss, optimizer and metrics."""

    def fit(self, X: np.ndarray, y: np.ndarray, **settings: object) -> object:
        """Train."""

    def predict(self, X: np.ndarray, **settings: object) -> np.ndarray:
        """Return the outputs."""


@dataclass(frozen=True)
class Names:
    """What a script imports."""

    Sequential: Callable[[], Model]
    Dense: Callable[..., object]
    Dropout: Callable[[float], object]
    KerasClassifier: Callable[..., Any] | None
    set_random_seed: Callable[[int], object]
    BatchNormalization: Callable[[], object] | None = None
    Activation: Callable[[str], object] | None = None
    Residual: Callable[[list[object]], object] | None = None
    Embedding: Callable[[tuple[int, ...], int], object] | None = None


def build(names: Names, program: Program, features: int, optimizer: object = "adam") -> Model:
    """Build and compile the program's network."""
    model = names.Sequential()
    shape = {"input_dim": features}
    if program.codes:
        model.add(names.Embedding(program.codes, EMBEDDED))
        shape = {}
    for units in program.hidden:
        for layer in _hidden(names, program, units, shape):
            model.add(layer)
        shape = {}
    model.add(names.Dense(program.outputs, activation="softmax" if program.classifies else "linear", **shape))
    metrics = {"metrics": ["accuracy"]} if program.classifies else {}
    model.compile(loss=program.loss, optimizer=optimizer, **metrics)
    return model


def _hidden(names: Names, program: Program, units: int, shape: dict[str, int]) -> list[object]:
    """The layers of one hidden block; `shape` is what the network's first layer is told of its input."""
    if program.blocks == "batch_normalization":
        return [names.Dense(units, **shape), names.BatchNormalization(), names.Activation("relu")]
    if program.blocks == "residual":
        inner = [names.BatchNormalization, lambda: names.Dense(units, activation="relu"), lambda: names.Dense(units)]
        return [names.Dense(units, **shape) if shape else names.Residual([make() for make in inner])]
    dropout = [names.Dropout(program.dropout)] if program.dropout else []
    return [names.Dense(units, activation="relu", **shape), *dropout]


def step_times(
    names: Names, *, program: str, table: str, seed: int, warm_up: int, epochs: int, fits: int
) -> dict[str, Any]:
    """Train `warm_up` epochs, then time `fits` calls of `fit` of `epochs` each, on the same model."""
    chosen, data = PROGRAMS[program], load(table)
    X, y = given(data, "train"), data["y_train"]
    names.set_random_seed(seed)
    model = build(names, chosen, data["X_train"].shape[1])
    model.fit(X, y, epochs=warm_up, batch_size=chosen.batch_size, verbose=0)
    seconds = []
    for _ in range(fits):
        start = time.perf_counter()
        model.fit(X, y, epochs=epochs, batch_size=chosen.batch_size, verbose=0)
        seconds.append((time.perf_counter() - start) / (epochs * chosen.steps(len(y))))
    predicted = model.predict(given(data, "test"), verbose=0)
    return {"seconds_per_step": seconds, "score": chosen.score(predicted, data["y_test"])}


def given(data: dict[str, np.ndarray], part: str) -> Any:
    """The features of a part of the table, with its codes if there are any."""
    return [data[f"X_{part}"], data[f"codes_{part}"]] if f"codes_{part}" in data else data[f"X_{part}"]


def train(names: Names, *, program: str, table: str, seed: int, epochs: int) -> dict[str, Any]:
    """Train from a seed; return the test score and the last epoch of the history."""
    chosen, data = PROGRAMS[program], load(table)
    names.set_random_seed(seed)
    model = build(names, chosen, data["X_train"].shape[1])
    history = model.fit(data["X_train"], data["y_train"], epochs=epochs, batch_size=chosen.batch_size, verbose=0)
    last = {name: float(values[-1]) for name, values in history.history.items()}
    predicted = model.predict(data["X_test"], verbose=0)
    return {"score": chosen.score(predicted, data["y_test"]), "last_epoch": last}


def grid_search(names: Names, *, table: str, rows: int | None, search: Any = None) -> dict[str, Any]:
    """Run the article's search on the first rows, or all: 3 candidates, 5 folds and the refit of the best, silently.

    `search` is its class, scikit-learn's where there is none.
    """
    if search is None:
        from sklearn.model_selection import GridSearchCV as search  # noqa: N813

    data = load(table)
    features = data["X_train"].shape[1]

    def create_model(optimizer: str = "rmsprop") -> Model:
        return build(names, PROGRAMS["classifier"], features, optimizer)

    names.set_random_seed(0)
    estimator = names.KerasClassifier(build_fn=create_model, verbose=0)
    grid = search(estimator, dict(optimizer=["rmsprop"], epochs=[5, 10, 15], batch_size=[128], verbose=[0]))
    start = time.perf_counter()
    grid.fit(data["X_train"][:rows], data["y_train"][:rows])
    return {
        "seconds": time.perf_counter() - start,
        "best_score": float(grid.best_score_),
        "mean_test_scores": grid.cv_results_["mean_test_score"].tolist(),
        "test_score": float(grid.score(data["X_test"], data["y_test"])),
    }
