"""How many new rows 90 % intervals and sets hold, over many splits of two tables, and how large they are.

``python benchmarks/coverage.py --splits 50`` prints a row for each table and kind. The tables are Concrete, of
examples/data, and Diabetes, which comes with scikit-learn; for sets their numbers are cut into classes at quantiles.
Each split holds a third of the rows out of the fit. The bar is a mean of 0.88 to 0.92.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from tabgrad import Classifier, Regressor

DATA = Path(__file__).resolve().parent.parent / "examples" / "data"
LEAST, MOST = 0.88, 0.92


def tables() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, columns and target of each table."""
    concrete = pd.read_csv(DATA / "concrete.csv.gz")
    yield "Concrete", concrete.iloc[:, :-1].to_numpy(float), concrete.iloc[:, -1].to_numpy()
    yield "Diabetes", *load_diabetes(return_X_y=True)


def intervals(X: np.ndarray, y: np.ndarray, seed: int, preset: str, coverage: float) -> tuple[float, float]:
    """The share of the test rows that intervals hold, and their mean width over the target's standard deviation."""
    train, test, known, truth = train_test_split(X, y, test_size=1 / 3, random_state=seed)
    low, high = Regressor(preset=preset, random_state=seed).fit(train, known).predict_interval(test, coverage).T
    return float(np.mean((low <= truth) & (truth <= high))), float(np.mean(high - low) / y.std())


def sets(X: np.ndarray, y: np.ndarray, seed: int, preset: str, coverage: float) -> tuple[float, float]:
    """The share of the test rows that sets of four classes hold, and how many classes are in one on average."""
    classes = pd.qcut(y, 4, labels=False)
    train, test, known, truth = train_test_split(X, classes, test_size=1 / 3, random_state=seed, stratify=classes)
    inside = Classifier(preset=preset, random_state=seed).fit(train, known).predict_set(test, coverage)
    assert inside.any(axis=1).all()
    return float(inside[np.arange(len(truth)), truth].mean()), float(inside.sum(axis=1).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=50)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--coverage", type=float, default=0.9)
    options = parser.parse_args()
    print("| table | of | splits | held, mean | least | most | size, mean | bar |\n|---|---|---|---|---|---|---|---|")
    for name, X, y in tables():
        for what in (intervals, sets):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                each = [what(X, y, seed, options.preset, options.coverage) for seed in range(options.splits)]
            held, size = np.array(each).T
            verdict = "holds" if LEAST <= held.mean() <= MOST else "MISSED"
            spread = f"{held.mean():.3f} | {held.min():.3f} | {held.max():.3f}"
            print(f"| {name} | {what.__name__} | {len(held)} | {spread} | {size.mean():.2f} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
