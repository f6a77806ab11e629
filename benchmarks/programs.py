"""What is trained: the article's programs and two synthetic ones, each a network, its settings and its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Program:
    """A dense network, how it is trained, and the name of its table; ReLU between layers, Adam at its defaults.

    `blocks` says what a hidden layer is. dense: ReLU after it. batch_normalization: normalised, then ReLU. residual:
    the first is linear; each one after it adds to what came in a normalisation, a layer with ReLU and a linear one.
    `codes` says how many codes each column of them may hold; what stands for them, 8 numbers each, joins the features.
    """

    table: str
    hidden: tuple[int, ...]
    outputs: int
    dropout: float
    batch_size: int
    loss: str
    blocks: str = "dense"
    codes: tuple[int, ...] = ()

    @property
    def classifies(self) -> bool:
        """Whether the outputs are the probabilities of classes."""
        return self.loss == "categorical_crossentropy"

    @property
    def metric(self) -> str:
        """Name of what `score` returns."""
        return "test accuracy" if self.classifies else "test mean squared error"

    def steps(self, rows: int) -> int:
        """Count the steps of one epoch; the last batch may be short."""
        return -(-rows // self.batch_size)

    def score(self, predicted: np.ndarray, y: np.ndarray) -> float:
        """Judge predictions (probabilities or values) on rows that were not trained on."""
        if self.classifies:
            return float(np.mean(np.argmax(predicted, axis=1) == np.argmax(y, axis=1)))
        return float(np.mean((predicted.ravel() - y.ravel()) ** 2))


EMBEDDED = 8  # numbers that stand for a code
CODES = (10, 50, 100, 500, 1000)

PROGRAMS = {
    "regression": Program("housing", (), 1, 0.0, 1, "mean_squared_error"),
    "classifier": Program("beans", (64, 64), 7, 0.5, 16, "categorical_crossentropy"),
    "yardstick": Program("gaussian_54", (64, 64), 7, 0.5, 16, "categorical_crossentropy"),
    "wide": Program("gaussian_128", (512, 512), 10, 0.0, 256, "categorical_crossentropy"),
    "optimizers": Program("gaussian_54", (64, 64), 7, 0.0, 256, "categorical_crossentropy"),
    "normalised": Program("gaussian_54", (128, 128), 7, 0.0, 256, "categorical_crossentropy", "batch_normalization"),
    "residual": Program("gaussian_54", (128, 128, 128), 7, 0.0, 256, "categorical_crossentropy", "residual"),
    "embedded": Program("mixed", (64, 64), 7, 0.0, 256, "categorical_crossentropy", codes=CODES),
}


def load(path: str) -> Arrays:
    """Read the arrays that `prepare` wrote: X_train, X_test, y_train, y_test, and the codes if there are any."""
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def prepare(table: str, folders: list[Path], destination: Path) -> str:
    """Write one table as arrays for the processes that are measured; return one line on where it came from."""
    arrays, source = _TABLES[table](folders)
    kinds = {name: np.int32 if name.startswith("codes") else np.float32 for name in arrays}
    np.savez(destination, **{name: np.ascontiguousarray(array, kinds[name]) for name, array in arrays.items()})
    return source


def _housing(folders: list[Path]) -> tuple[Arrays, str]:
    """Read California housing, 20,640 x 8, or draw a linear table of the same shape where it is not at hand."""
    found = _find("california_housing.csv.gz", folders)
    if found is not None:
        import pandas as pd

        frame = pd.read_csv(found)
        y = frame.pop("MedHouseVal")
        return _split(frame, y), "California housing"
    from sklearn.datasets import fetch_california_housing

    try:
        X, y = fetch_california_housing(return_X_y=True, as_frame=True, download_if_missing=False)
        return _split(X, y), "California housing, scikit-learn's cached copy"
    except OSError:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(20_640, 8))
        y = 2 + X @ rng.normal(size=8) + 0.7 * rng.normal(size=20_640)
        return _split(X, y), "SYNTHETIC linear table in the shape of California housing, which is not at hand"


def _beans(folders: list[Path]) -> tuple[Arrays, str]:
    """Read Dry Bean, 13,611 x 16, with its 7 varieties as one-hot columns."""
    import pandas as pd

    found = _find("dry_bean.csv.gz", folders)
    if found is None:
        looked = ", ".join(str(folder) for folder in folders)
        raise FileNotFoundError(f"dry_bean.csv.gz is in none of: {looked}. Name its folder with --data.")
    frame = pd.read_csv(found)
    y = pd.get_dummies(frame.pop("Class")).astype("float32")
    return _split(frame, y, stratify=y), "Dry Bean"


def _gaussian(features: int, classes: int, rows: int) -> tuple[Arrays, str]:
    """Draw normal columns; a row's class is the largest of as many random linear scores, as in yardstick.cpp."""
    rng = np.random.default_rng(0)
    held_out = 2_000
    X = rng.normal(size=(rows + held_out, features)).astype(np.float32)
    label = np.argmax(X @ rng.normal(size=(features, classes)), axis=1)
    y = np.eye(classes, dtype=np.float32)[label]
    arrays = {"X_train": X[:rows], "X_test": X[rows:], "y_train": y[:rows], "y_test": y[rows:]}
    return arrays, f"synthetic, {rows:,} x {features}, {classes} classes"


def _mixed(features: int, classes: int, rows: int) -> tuple[Arrays, str]:
    """Draw normal columns and codes; each feature, and each level of a code, has a random score for each class."""
    rng = np.random.default_rng(0)
    held_out = 2_000
    X = rng.normal(size=(rows + held_out, features)).astype(np.float32)
    codes = rng.integers(0, CODES, (rows + held_out, len(CODES)))
    scores = X @ rng.normal(size=(features, classes))
    for column, levels in enumerate(CODES):
        scores += rng.normal(size=(levels, classes))[codes[:, column]]
    y = np.eye(classes, dtype=np.float32)[np.argmax(scores, axis=1)]
    parts = {"X": X, "y": y, "codes": codes}
    arrays = {f"{name}_train": part[:rows] for name, part in parts.items()}
    arrays |= {f"{name}_test": part[rows:] for name, part in parts.items()}
    return arrays, f"synthetic, {rows:,} x {features} and {len(CODES)} columns of codes, {classes} classes"


_TABLES: dict[str, Callable[[list[Path]], tuple[Arrays, str]]] = {
    "housing": _housing,
    "beans": _beans,
    "gaussian_54": lambda _folders: _gaussian(54, 7, 20_000),
    "gaussian_128": lambda _folders: _gaussian(128, 10, 50_000),
    "mixed": lambda _folders: _mixed(10, 7, 20_000),
}


def _find(name: str, folders: list[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _split(
    X: pd.DataFrame | np.ndarray, y: pd.DataFrame | pd.Series | np.ndarray, stratify: pd.DataFrame | None = None
) -> Arrays:
    """Split and scale as the article's programs do."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0, stratify=stratify)
    scaler = StandardScaler().fit(X_train)
    return {
        "X_train": scaler.transform(X_train),
        "X_test": scaler.transform(X_test),
        "y_train": np.asarray(y_train),
        "y_test": np.asarray(y_test),
    }
