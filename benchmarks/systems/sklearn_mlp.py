"""scikit-learn's MLPClassifier: the same sizes and the same Adam, without dropout, which it does not have."""

from __future__ import annotations

import time
import warnings
from typing import Any

from programs import PROGRAMS, load
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def step_times(*, program: str, table: str, seed: int, warm_up: int, epochs: int, fits: int) -> dict[str, Any]:
    """Train `warm_up` epochs, then time `fits` warm-started fits of `epochs` each; no early stop, no L2."""
    chosen, data = PROGRAMS[program], load(table)
    X, labels = data["X_train"], data["y_train"].argmax(axis=1)
    model = MLPClassifier(
        chosen.hidden,
        batch_size=chosen.batch_size,
        alpha=0.0,
        epsilon=1e-7,
        tol=0.0,
        n_iter_no_change=1_000_000,
        warm_start=True,
        max_iter=warm_up,
        random_state=seed,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    model.fit(X, labels)
    model.set_params(max_iter=epochs)
    seconds = []
    for _ in range(fits):
        start = time.perf_counter()
        model.fit(X, labels)
        seconds.append((time.perf_counter() - start) / (epochs * chosen.steps(len(X))))
    predicted = model.predict_proba(data["X_test"])
    return {"seconds_per_step": seconds, "score": chosen.score(predicted, data["y_test"])}


def classifier_fit(*, table: str, seed: int) -> dict[str, Any]:
    """Fit a scaled network that stops early, else with its defaults; the times of a few fits, the test's log-loss."""
    data = load(table)
    labels, truth = (data[f"y_{part}"].argmax(axis=1) for part in ("train", "test"))
    seconds = []
    for _ in range(3):
        model = make_pipeline(StandardScaler(), MLPClassifier(early_stopping=True, random_state=seed))
        start = time.perf_counter()
        model.fit(data["X_train"], labels)
        seconds.append(time.perf_counter() - start)
    return {"seconds_per_step": seconds, "score": float(log_loss(truth, model.predict_proba(data["X_test"])))}
