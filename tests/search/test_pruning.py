"""Candidates that fall behind: who is stopped, who goes on, and that nothing is trained twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgrad import Classifier, search
from tabgrad.engines import native
from tabgrad.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4)).astype(np.float32)
Y = np.array(["low", "high"])[(X[:, 0] + X[:, 1] > 0).astype(int)]
NETWORK = Classifier(preset="single", hidden_layer_sizes=(8,), epochs=8, random_state=0)
GOOD = [0.01 + place / 1000 for place in range(8)]
GRID = {"learning_rate": [*GOOD, 1e-6, 2e-6, 0.03]}


def found(**options: Any) -> Any:
    return search.GridSearchCV(NETWORK, GRID, cv=3, **{"prune": "median", **options}).fit(X, Y)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    epochs, run = list[int](), native._run
    monkeypatch.setattr(
        native, "_run", lambda job, program: epochs.append(job.epochs - job.initial_epoch) or run(job, program)
    )
    return epochs


def test_who_falls_behind_is_stopped_and_who_does_not_is_as_without(trained: list[int]) -> None:
    pruned = found(refit=False)
    share = pruned.cv_results_["epochs_share"]
    assert share[:8].tolist() == [1.0] * 8  # nobody was before them
    assert (share[8:10] == 0.25).all()
    assert sum(trained) == 3 * int((share * 8).sum())
    whole = theirs.GridSearchCV(NETWORK, GRID, cv=3).fit(X, Y)
    for name in ("mean_test_score", "split1_test_score"):
        np.testing.assert_array_equal(pruned.cv_results_[name][share == 1], whole.cv_results_[name][share == 1])


def test_what_is_planned_is_done_in_the_end() -> None:
    heard: list[search.Progress] = []
    found(refit=False, progress=heard.append)
    assert heard[-1].done == heard[-1].planned


def test_the_best_is_one_that_was_not_stopped() -> None:
    pruned = found(scoring=lambda e, X, y: -e.n_iter_)  # which whoever is stopped early has most of
    assert pruned.cv_results_["epochs_share"][pruned.best_index_] == 1
    assert pruned.best_estimator_.n_iter_ == 8


def test_who_is_stopped_depends_on_no_threads_and_no_journal(tmp_path: Any, trained: list[int]) -> None:
    results = [
        found(refit=False, n_jobs=threads, journal=journal).cv_results_
        for threads, journal in ((1, None), (3, tmp_path / "a"), (2, tmp_path / "a"))
    ]
    assert len({repr([results["epochs_share"], results["mean_test_score"]]) for results in results}) == 1
    assert sum(trained) == 2 * 3 * int((results[0]["epochs_share"] * 8).sum())  # the third was in the journal


def test_other_searches_prune_as_well() -> None:
    space = {"learning_rate": search.Real(1e-6, 1e-1, log=True)}
    how: dict[str, Any] = {"n_iter": 14, "cv": 3, "scoring": "neg_log_loss", "prune": "median", "random_state": 0}
    pruned = search.RandomizedSearchCV(NETWORK, space, **how).fit(X, Y)
    assert {0.25, 1.0} <= set(pruned.cv_results_["epochs_share"])
    pipeline = make_pipeline(StandardScaler(), NETWORK)
    search.GridSearchCV(pipeline, {"classifier__learning_rate": [0.01, 0.02]}, cv=3, prune="median").fit(X, Y)


def test_what_cannot_be_pruned_is_refused() -> None:
    with pytest.raises(ArgumentError, match="'prune' must be None or 'median'"):
        found(prune="mean")
    with pytest.raises(ArgumentError, match="say by its name in 'refit'"):
        found(scoring=["accuracy", "roc_auc"], refit=False)
    with pytest.raises(ArgumentError, match="'refit' is a function"):
        found(refit=lambda results: 0)
    with pytest.raises(ArgumentError, match="MLPClassifier is"):
        search.GridSearchCV(MLPClassifier(), {"alpha": [1]}, prune="median").fit(X, Y)
