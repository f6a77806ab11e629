"""``refit="ensemble"``: the best candidates joined, the same however they were trained, in one file."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, StratifiedKFold, cross_val_predict

import tabgrad
from tabgrad import Classifier, Regressor
from tabgrad.errors import ArgumentError
from tabgrad.estimators import EnsembleClassifier, EnsembleRegressor
from tabgrad.losses import Quantile
from tabgrad.search import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, Real, greedy_selection
from tabgrad.search import _joining as joining
from tabgrad.search._fits import Candidate
from tabgrad.wrappers.scikit_learn import KerasClassifier

X, Y = load_wine(return_X_y=True)
LABELS = np.array(["red", "rosé", "white"])[Y]
VALUED, VALUES = load_diabetes(return_X_y=True)
GRID = {"hidden_layer_sizes": [(4,), (16,)], "learning_rate": [0.003, 0.03], "activation": ["relu", "tanh"]}
CV = StratifiedKFold(3, shuffle=True, random_state=0)


def loss_of(weights, oof, **options):
    mean = np.tensordot(weights, oof, 1)
    return log_loss(LABELS, mean / mean.sum(axis=1, keepdims=True), **options)


def classifier(**settings):
    return Classifier(**{"preset": "single", "epochs": 8, "random_state": 0} | settings)


def search(**settings):
    return GridSearchCV(classifier(), GRID, **{"cv": CV, "refit": "ensemble"} | settings)


@pytest.fixture(scope="module")
def fitted():
    return search().fit(X, LABELS)


def test_it_is_greedy_selection_of_out_of_fold_predictions(fitted):
    """The same by scikit-learn's own cross-validation and fits one at a time."""
    candidates = [classifier(**params) for params in fitted.cv_results_["params"]]
    oof = [cross_val_predict(each, X, LABELS, cv=CV, method="predict_proba").astype(np.float32) for each in candidates]
    weights = greedy_selection(oof, Y, "log_loss")
    taken = np.flatnonzero(weights)
    ensemble = fitted.best_estimator_
    assert isinstance(ensemble, EnsembleClassifier)
    assert fitted.joined_ == tuple(taken)
    assert len(taken) > 1
    assert ensemble.weights_.tolist() == weights[taken].tolist()
    members = [candidates[place].fit(X, LABELS) for place in taken]
    expected = EnsembleClassifier.of(members, weights[taken])
    assert np.array_equal(fitted.predict_proba(X), expected.predict_proba(X))
    assert ensemble.scores_["log_loss"] == pytest.approx(loss_of(weights, oof), rel=1e-5)
    alone = [loss_of([1], [each]) for each in oof]
    assert ensemble.scores_["log_loss"] < min(alone)


def test_what_the_search_says_is_of_the_best_single_candidate(fitted):
    alone = search(refit=True).fit(X, LABELS)
    assert fitted.best_params_ == alone.best_params_
    assert fitted.best_score_ == alone.best_score_
    assert fitted.best_index_ == alone.best_index_
    assert fitted.classes_.tolist() == ["red", "rosé", "white"]
    assert fitted.score(X, LABELS) == fitted.best_estimator_.score(X, LABELS)
    assert fitted.leaderboard_.places[0].candidate == fitted.best_index_
    assert [member.get_params()["activation"] for member in fitted.best_estimator_.members_] == [
        fitted.cv_results_["params"][place]["activation"] for place in fitted.joined_
    ]
    assert not hasattr(alone, "joined_")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit(fitted, threads):
    again = search(n_jobs=threads).fit(X, LABELS)
    assert again.joined_ == fitted.joined_
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_the_file_says_the_same(fitted, tmp_path):
    fitted.best_estimator_.save(tmp_path / "m.tabgrad")
    assert np.array_equal(tabgrad.load(tmp_path / "m.tabgrad").predict_proba(X), fitted.predict_proba(X))


def test_it_goes_on_from_a_journal(fitted, tmp_path, monkeypatch):
    first = search(journal=tmp_path / "j.sqlite").fit(X, LABELS)
    assert np.array_equal(first.predict_proba(X), fitted.predict_proba(X))
    from tabgrad.search import _pool as pool

    def never(*_):
        raise AssertionError("nothing is to be trained on a fold again")

    monkeypatch.setattr(pool, "fit_and_score", never)
    again = search(journal=tmp_path / "j.sqlite").fit(X, LABELS)
    assert again.joined_ == first.joined_
    assert again.best_estimator_.scores_ == first.best_estimator_.scores_
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_an_interrupted_search_joins_what_it_has(tmp_path):
    """And goes on to the same ensemble as one that was never interrupted."""
    settings = {"n_iter": 6, "cv": 3, "refit": "ensemble", "random_state": 0, "n_jobs": 1}
    space = {"learning_rate": Real(1e-3, 1e-1, log=True)}

    def stop(progress):
        if progress.done == 8:
            raise KeyboardInterrupt

    part = RandomizedSearchCV(classifier(), space, **settings, journal=tmp_path / "j.sqlite", progress=stop)
    with pytest.warns(tabgrad.errors.SearchWarning, match="after 2 candidates"):
        part.fit(X, LABELS)
    assert set(part.joined_) <= {0, 1}
    whole = RandomizedSearchCV(classifier(), space, **settings).fit(X, LABELS)
    again = RandomizedSearchCV(classifier(), space, **settings, journal=tmp_path / "j.sqlite").fit(X, LABELS)
    assert again.joined_ == whole.joined_
    assert np.array_equal(again.predict_proba(X), whole.predict_proba(X))


@pytest.mark.timing
def test_the_time_that_there_is_is_kept():
    space = {"learning_rate": Real(1e-3, 1e-1, log=True)}
    limited = RandomizedSearchCV(
        *(classifier(epochs=60), space), n_iter=2000, cv=3, refit="ensemble", random_state=0, time_limit=4
    )
    began = time.monotonic()
    with pytest.warns(tabgrad.errors.SearchWarning, match="ended by time_limit=4"):
        limited.fit(X, LABELS)
    assert time.monotonic() - began < 8
    assert max(limited.joined_) < len(limited.cv_results_["params"]) < 2000


def test_better_than_the_best_alone_on_rows_held_out():
    """The mean over tables cut in several ways: of one, luck may say anything."""
    together, alone = [], []
    for seed in range(4):
        rows = np.random.default_rng(seed).permutation(len(VALUES))
        train, test = rows[:300], rows[300:]
        model = Regressor(preset="single", epochs=40, random_state=0)
        grid = {"hidden_layer_sizes": [(8,), (64,)], "activation": ["relu", "tanh"], "numeric": ["robust", "quantile"]}
        options = {"cv": 3, "scoring": "neg_mean_squared_error"}
        joined = GridSearchCV(model, grid, refit="ensemble", **options).fit(VALUED[train], VALUES[train])
        best = Regressor(preset="single", epochs=40, random_state=0, **joined.best_params_)
        best.fit(VALUED[train], VALUES[train])
        together.append(mean_squared_error(VALUES[test], joined.predict(VALUED[test])))
        alone.append(mean_squared_error(VALUES[test], best.predict(VALUED[test])))
    assert np.mean(together) < np.mean(alone)
    assert isinstance(joined.best_estimator_, EnsembleRegressor)
    ends = joined.best_estimator_.predict_interval(VALUED[test], 0.8)
    assert 0.6 < np.mean((ends[:, 0] <= VALUES[test]) & (VALUES[test] <= ends[:, 1])) < 0.95


def test_weights_of_rows_count():
    weight = np.where(Y == 0, 10.0, 0.1)
    fitted = search().fit(X, LABELS, sample_weight=weight)
    candidates = [classifier(**params) for params in fitted.cv_results_["params"]]
    options = {"cv": CV, "method": "predict_proba", "params": {"sample_weight": weight}}
    oof = [cross_val_predict(each, X, LABELS, **options).astype(np.float32) for each in candidates]
    weights = greedy_selection(oof, Y, "log_loss", weight)
    assert fitted.joined_ == tuple(np.flatnonzero(weights))
    expected = loss_of(weights, oof, sample_weight=weight)
    assert fitted.best_estimator_.scores_["log_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "cv", [RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), ShuffleSplit(2, random_state=0)]
)
def test_rows_tested_several_times_or_never(cv):
    fitted = search(cv=cv).fit(X, LABELS)
    tested = np.unique(np.concatenate([test for _, test in cv.split(X)]))
    known = np.flatnonzero(np.isfinite(fitted.best_estimator_.oof_prediction_[:, 0]))
    assert known.tolist() == tested.tolist()
    np.testing.assert_allclose(fitted.best_estimator_.oof_prediction_[known].sum(axis=1), 1, atol=1e-5)


def test_folds_that_lack_a_class():
    """Rows in the order of their classes, so that each fold lacks most of one."""
    fitted = search(cv=KFold(3)).fit(X, LABELS)
    assert fitted.best_estimator_.oof_prediction_.shape == (len(X), 3)
    assert fitted.predict_proba(X).shape == (len(X), 3)


def test_of_rounds_with_more_rows_the_last_is_joined():
    halving = HalvingGridSearchCV(classifier(), GRID, cv=CV, factor=2, refit="ensemble", random_state=0).fit(X, LABELS)
    last = np.flatnonzero(halving.cv_results_["iter"] == halving.cv_results_["iter"].max())
    assert set(halving.joined_) <= set(last.tolist())
    assert isinstance(halving.best_estimator_, EnsembleClassifier)


def test_of_rounds_with_more_epochs_all_are_joined_as_they_stood():
    grid = {"hidden_layer_sizes": [(4,), (16,)], "learning_rate": [0.003, 0.03]}
    options = {"resource": "epochs", "min_resources": 3, "max_resources": 12, "factor": 2, "cv": CV}
    halving = HalvingGridSearchCV(classifier(), grid, refit="ensemble", **options).fit(X, LABELS)
    oof = np.stack([each for _, each in sorted(oof_of(halving, grid, options).items())])
    weights = greedy_selection(oof, Y, "log_loss")
    assert halving.joined_ == tuple(np.flatnonzero(weights))
    assert halving.best_estimator_.scores_["log_loss"] == pytest.approx(loss_of(weights, oof), rel=1e-5)
    lengths = [len(member.history_["loss"]) for member in halving.best_estimator_.members_]
    assert lengths == [halving.cv_results_["n_resources"][place] for place in halving.joined_]


def test_who_was_stopped_is_not_joined():
    space = {"learning_rate": np.geomspace(1e-5, 1e-1, 20).tolist()}
    options = {"cv": 3, "prune": "median", "scoring": "neg_log_loss"}
    pruned = GridSearchCV(classifier(epochs=16), space, refit="ensemble", **options).fit(X, LABELS)
    shares = pruned.cv_results_["epochs_share"]
    assert (shares < 1).any()
    assert all(shares[place] == 1 for place in pruned.joined_)
    assert min(len(member.history_["loss"]) for member in pruned.best_estimator_.members_) > 16 / 2
    ranks = [pruned.cv_results_["rank_test_score"][place.candidate] for place in pruned.leaderboard_.places]
    whole = [place for place in pruned.leaderboard_.places if place.status == "done"]
    assert ranks[: len(whole)] == sorted(ranks[: len(whole)])
    assert [place.rank for place in whole] == list(range(1, len(whole) + 1))
    assert {place.status for place in pruned.leaderboard_.places[len(whole) :]} == {"stopped"}


def oof_of(halving, grid, options):
    """What the candidates of each round said, taken from a search that joins nothing."""
    found = {}

    class Kept(joining.Joining):
        def offer(self, candidate, mean, predictions, tests):
            found[candidate.place] = self._out_of_fold(predictions, tests)
            super().offer(candidate, mean, predictions, tests)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabgrad.search._run.Joining", Kept)
        HalvingGridSearchCV(classifier(), grid, refit="ensemble", **options).fit(X, LABELS)
    assert len(found) == len(halving.cv_results_["params"]) > len(grid["learning_rate"]) * 2
    return found


def test_the_target_by_its_name_stays_in_the_file(tmp_path):
    rows = pd.DataFrame(X).rename(columns=str)
    frame = rows.assign(wine=LABELS)
    fitted = search().fit(frame, "wine")
    assert np.array_equal(fitted.predict_proba(frame), fitted.predict_proba(rows))
    assert np.array_equal(fitted.predict_proba(rows), search().fit(rows, LABELS).predict_proba(rows))
    fitted.best_estimator_.save(tmp_path / "m.tabgrad")
    assert tabgrad.load(tmp_path / "m.tabgrad").score(frame, "wine") == fitted.score(X=frame, y=LABELS)
    assert fitted.best_estimator_._target_names == ("wine",)
    assert search(refit=True).fit(dict(frame), "wine").best_estimator_._target_names == ("wine",)


def test_several_outputs_and_columns_of_one():
    two = np.column_stack([VALUES, -VALUES])
    model = Regressor(preset="single", epochs=5, random_state=0)
    grid = {"hidden_layer_sizes": [(4,), (8,)]}
    assert GridSearchCV(model, grid, cv=2, refit="ensemble").fit(VALUED, two).predict(VALUED).shape == two.shape
    wide = GridSearchCV(model, grid, cv=2, refit="ensemble").fit(VALUED, VALUES[:, np.newaxis])
    assert wide.predict(VALUED).shape == (len(VALUES), 1)


def test_errors_by_their_size_are_joined_by_their_size():
    model = Regressor(preset="single", epochs=15, random_state=0)
    grid = {"hidden_layer_sizes": [(4,), (16,)], "loss": ["mse", "mae"]}
    options = {"cv": KFold(3), "refit": "ensemble", "scoring": "neg_mean_absolute_error"}
    fitted = GridSearchCV(model, grid, **options).fit(VALUED, VALUES)
    params = fitted.cv_results_["params"]
    oof = [
        cross_val_predict(Regressor(preset="single", epochs=15, random_state=0, **each), VALUED, VALUES, cv=KFold(3))
        for each in params
    ]
    weights = greedy_selection(
        np.array(oof, np.float32), VALUES, lambda y, mean, weight: float(np.abs(y - mean).mean())
    )
    assert fitted.joined_ == tuple(np.flatnonzero(weights))


# ---- Which predictions are in memory ---------------------------------------------------------------------------------


def offered(order, most, monkeypatch):
    monkeypatch.setattr(joining, "MOST_KEPT", most)
    kept = joining.Joining(Regressor(), VALUES, None, None)
    scores = np.random.default_rng(0).integers(0, 5, 20) / 4
    for place in order:
        prediction = np.full(len(VALUES), float(place), np.float32)
        kept.offer(Candidate(place, {}, {}), scores[place], [prediction], [np.arange(len(VALUES))])
    return sorted(kept._kept), scores


def test_the_best_are_kept_whatever_comes_first(monkeypatch):
    forwards, scores = offered(range(20), 6, monkeypatch)
    assert forwards == sorted(sorted(range(20), key=lambda place: (-scores[place], place))[:6])
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(20).tolist()
        assert offered(order, 6, monkeypatch)[0] == forwards


def test_memory_is_bounded_by_bytes_too(monkeypatch):
    monkeypatch.setattr(joining, "MOST_BYTES", 4 * len(VALUES) * 10)
    assert joining.Joining(Regressor(), VALUES, None, None)._most == 10
    assert joining.Joining(Regressor(), np.column_stack([VALUES] * 3), None, None)._most == 8


# ---- What is refused -------------------------------------------------------------------------------------------------


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(ArgumentError, match=r"joins the candidates of a Classifier or Regressor\. Got KerasClassifier"):
        GridSearchCV(KerasClassifier(lambda: None), {"epochs": [1]}, refit="ensemble").fit(X, Y)
    with pytest.raises(ArgumentError, match=r"takes the best by one score\. Got"):
        search(scoring=["accuracy", "neg_log_loss"]).fit(X, LABELS)
    quantiles = Regressor(preset="single", epochs=2, loss=Quantile((0.1, 0.9)), random_state=0)

    def nearness(model, X, y):
        return -float(np.abs(model.predict(X).mean(axis=1) - y).mean())

    with pytest.raises(ArgumentError, match=r"no candidate with a score and a prediction .* of shape \(rows\)"):
        GridSearchCV(quantiles, {"learning_rate": [0.01]}, cv=2, refit="ensemble", scoring=nearness).fit(VALUED, VALUES)


@pytest.mark.filterwarnings("ignore::tabgrad.errors.DivergenceWarning", "ignore:One or more of the test scores")
def test_candidates_that_fail_are_not_joined():
    grid = {"learning_rate": [0.01, 1e30], "hidden_layer_sizes": [(4,), (8,)]}
    with pytest.warns(FitFailedWarning, match="4 fits failed"):
        fitted = GridSearchCV(classifier(numeric="none", optimizer="sgd"), grid, cv=2, refit="ensemble").fit(X, LABELS)
    assert all(fitted.cv_results_["params"][place]["learning_rate"] == 0.01 for place in fitted.joined_)
