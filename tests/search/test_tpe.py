"""Candidates that follow from scores: the same whatever the threads, better than chance, over every kind of space."""

import builtins
import math
import sys
import warnings

import numpy as np
import optuna
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, ShuffleSplit

from tabgrad import Classifier
from tabgrad.errors import ArgumentError, SearchWarning
from tabgrad.search import Choice, Integer, Real, TPESearchCV, sample, when
from tabgrad.search.tpe import Proposals

X, y = make_classification(120, 6, random_state=0)

SPACE = {
    "momentum": when(Real(0, 1), optimizer="sgd"),
    "rate": Real(1e-4, 1, log=True),
    "units": Integer(16, 512, log=True),
    "layers": Choice([(64,), (64, 64), None]),
    "batch": [32, 64, 128, 256],
    "optimizer": ["adam", "sgd"],
    "decay": stats.loguniform(1e-3, 1),
}


def loss(candidate):
    return (
        (math.log10(candidate["rate"]) + 2) ** 2
        + (math.log2(candidate["units"]) - 7) ** 2 / 4
        + {(64,): 0.5, (64, 64): 0, None: 1}[candidate["layers"]]
        + math.log2(candidate["batch"] / 64) ** 2 / 4
        + (candidate.get("momentum", 0.9) - 0.3) ** 2
    )


def searched(space, seed, batches=10, batch=4, score=lambda candidate: -loss(candidate)):
    proposals, found = Proposals(space, seed), []
    for _ in range(batches):
        asked = proposals.ask(batch)
        proposals.tell(map(score, asked))
        found += asked
    return found


def test_candidates_lie_in_the_space():
    for candidate in searched(SPACE, seed=0):
        assert ("momentum" in candidate) == (candidate["optimizer"] == "sgd")
        assert 1e-4 <= candidate["rate"] <= 1
        assert type(candidate["units"]) is int
        assert 16 <= candidate["units"] <= 512
        assert 1e-3 <= candidate["decay"] <= 1
        assert candidate["layers"] in SPACE["layers"].values
        assert candidate["batch"] in SPACE["batch"]
        assert list(candidate) == [name for name in SPACE if name in candidate]


def test_candidates_are_better_than_chance():
    seeds = range(3)
    followed = np.median([min(map(loss, searched(SPACE, seed))) for seed in seeds])
    drawn = np.median([min(map(loss, sample(SPACE, 40, seed))) for seed in seeds])
    assert followed < 0.5 * drawn


def test_candidates_depend_on_seed_and_scores_alone():
    first = searched(SPACE, 1, 5)
    assert searched(SPACE, 1, 5) == first
    assert searched(SPACE, 2, 5) != first


def test_candidates_are_at_random_before_there_is_anything_to_follow():
    followed, fled = (searched(SPACE, 1, 5, score=score) for score in (lambda each: -loss(each), loss))
    assert followed[:8] == fled[:8]
    assert followed != fled


def test_of_several_spaces_the_better_one_is_followed():
    spaces = [{"a": Real(0, 1)}, {"a": Integer(5, 9), "b": ["x", "y"]}]
    found = searched(spaces, seed=0, batches=12, score=lambda candidate: candidate["a"])
    assert all(type(candidate["a"]) is (int if "b" in candidate else float) for candidate in found)
    assert sum("b" in candidate for candidate in found[24:]) > 15


def test_neighbours_in_an_ordered_list_are_alike():
    proposals = Proposals({"a": [1, 2, 4, 8], "b": ["x", "y"], "c": [2, 1], "d": ["one"]}, seed=0)
    (candidate,) = proposals.ask(1)
    assert candidate["d"] == "one"
    kinds = {name: type(kind).__name__ for name, kind in proposals._asked[0].distributions.items()}
    assert kinds == {"0.a": "IntDistribution", "0.b": "CategoricalDistribution", "0.c": "CategoricalDistribution"}


@pytest.mark.parametrize(
    "distribution, values",
    [
        (stats.uniform(2, 3), Real(2, 5)),
        (stats.uniform(loc=2, scale=3), Real(2, 5)),
        (stats.loguniform(0.01, 1), Real(0.01, 1, log=True)),
        (stats.loguniform(0.01, 1, 0, 10), Real(0.1, 10, log=True)),
        (stats.reciprocal(a=0.01, b=1), Real(0.01, 1, log=True)),
        (stats.randint(2, 7), Integer(2, 6)),
        (stats.randint(2, 7, loc=10), Integer(12, 16)),
        (stats.randint(4, 5), [4]),
    ],
    ids=lambda given: given.dist.name if hasattr(given, "dist") else str(given),
)
def test_distributions_that_are_ranges_are_taken_for_them(distribution, values):
    assert searched({"x": distribution}, 0, 6, score=lambda each: each["x"]) == searched(
        {"x": values}, 0, 6, score=lambda each: each["x"]
    )


@pytest.mark.parametrize(
    "distribution, name",
    [
        (stats.norm(0, 1), "norm"),
        (stats.loguniform(1, 2, loc=3), "loguniform"),
        (stats.loguniform(1, 2, 3), "loguniform"),
    ],
)
def test_other_distributions_are_refused(distribution, name):
    with pytest.raises(
        ArgumentError, match=f"'x' of the space is a distribution that TPESearchCV cannot follow, {name}"
    ):
        Proposals({"x": distribution}, 0)


def test_what_fails_is_kept_away_from():
    found = searched({"x": Real(0, 1)}, 0, 10, score=lambda candidate: math.nan if candidate["x"] > 0.2 else 1.0)
    assert sum(candidate["x"] > 0.2 for candidate in found[-20:]) < 10  # 16 at random
    searched({"x": Real(0, 1)}, 0, 4, score=lambda candidate: math.nan)  # nothing but failures


def test_scores_are_told_for_what_was_asked():
    proposals = Proposals({"x": Real(0, 1)}, 0)
    proposals.ask(2)
    with pytest.raises(ValueError, match="zip"):
        proposals.tell([1.0])


# ---- The search ------------------------------------------------------------------------------------------------------


def search(**options):
    settings = {"n_iter": 13, "cv": 2, "random_state": 0} | options
    return TPESearchCV(LogisticRegression(), {"C": Real(1e-5, 10, log=True)}, **settings)


def same(one, other):
    timed = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}
    assert one.keys() == other.keys()
    for name in one.keys() - timed:
        assert np.array_equal(one[name], other[name]), name


def test_a_search_has_scikit_learns_attributes_and_says_nothing(capfd):
    level = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = search().fit(X, y)
    assert len(fitted.cv_results_["params"]) == 13
    assert fitted.best_score_ == fitted.cv_results_["mean_test_score"].max()
    assert fitted.best_params_["C"] == fitted.best_estimator_.C
    assert fitted.predict(X).shape == (120,)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == level


def test_the_number_of_threads_does_not_change_a_search():
    same(search(n_jobs=1).fit(X, y).cv_results_, search(n_jobs=2).fit(X, y).cv_results_)


def test_each_batch_is_told_its_own_scores():
    found = []

    def evaluate(candidates):
        found.extend(candidates)
        return {"mean_test_score": np.array([-loss(candidate) for candidate in found])}

    TPESearchCV(LogisticRegression(), SPACE, n_iter=23, random_state=0)._run_search(evaluate)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    assert len(found) == 23
    assert found[:20] == searched(SPACE, seed, batches=5)


def test_a_batch_is_part_of_what_decides():
    assert search(batch=2).fit(X, y).cv_results_["params"] != search(batch=7).fit(X, y).cv_results_["params"]


def test_batches_must_see_the_same_folds():
    with pytest.raises(ArgumentError, match="KFold gives other ones at each call: give it a random_state"):
        search(cv=KFold(3, shuffle=True)).fit(X, y)
    with pytest.raises(ArgumentError, match="ShuffleSplit gives other ones"):
        search(cv=ShuffleSplit(2)).fit(X, y)
    search(cv=KFold(2, shuffle=True, random_state=0), n_iter=2).fit(X, y)
    search(cv=[(np.arange(60), np.arange(60, 120))], n_iter=2).fit(X, y)


def test_a_search_that_was_ended_asks_for_the_same_and_goes_on(tmp_path):
    class EnoughError(Exception):
        pass

    def stop(progress):
        if progress.done == 23:
            raise EnoughError

    with pytest.raises(EnoughError):
        search(journal=tmp_path / "journal", progress=stop).fit(X, y)
    done = []
    resumed = search(journal=tmp_path / "journal", progress=done.append, n_jobs=1).fit(X, y)
    same(resumed.cv_results_, search().fit(X, y).cv_results_)


def test_a_search_without_a_seed_draws_one_that_its_journal_keeps(tmp_path):
    one = search(random_state=None, journal=tmp_path / "journal", n_iter=5).fit(X, y)
    same(search(random_state=None, journal=tmp_path / "journal", n_iter=5).fit(X, y).cv_results_, one.cv_results_)


def test_a_time_limit_ends_it_between_batches_or_within():
    with pytest.warns(SearchWarning, match="ended by time_limit"):
        ended = search(n_iter=100_000, time_limit=4).fit(X, y)
    assert 1 <= len(ended.cv_results_["params"]) < 100_000
    assert ended.stopped_ == "time_limit"


def test_what_has_fallen_behind_is_stopped():
    def pruned(threads):
        network = Classifier(preset="single", hidden_layer_sizes=(4,), epochs=24, random_state=0)
        space = {"learning_rate": Real(1e-6, 1e-1, log=True)}
        return TPESearchCV(network, space, n_iter=12, cv=2, random_state=0, prune="median", n_jobs=threads).fit(X, y)

    one = pruned(1)
    same(one.cv_results_, pruned(2).cv_results_)
    assert len(one.cv_results_["params"]) == 12
    assert min(one.cv_results_["epochs_share"]) < 1 == max(one.cv_results_["epochs_share"])


def test_a_search_is_cloned_as_it_was_written():
    assert clone(search(batch=3)).get_params()["batch"] == 3


def test_of_several_scores_one_must_count(monkeypatch):
    fitted = search(scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss", n_iter=5).fit(X, y)
    assert fitted.best_score_ == fitted.cv_results_["mean_test_neg_log_loss"].max()
    with pytest.raises(ArgumentError, match=r"'refit' must name it .*: 'accuracy', 'neg_log_loss'. Got refit=False"):
        search(scoring=["accuracy", "neg_log_loss"], refit=False).fit(X, y)

    def scores(estimator, X, y):
        return {"hits": estimator.score(X, y), "misses": -1.0}

    with pytest.raises(ArgumentError, match=r"'refit' must name it .*: 'hits', 'misses'. Got refit=False"):
        search(scoring=scores, refit=False, n_iter=4).fit(X, y)
    assert search(scoring=scores, refit="hits", n_iter=4).fit(X, y).best_score_ > 0.5


@pytest.mark.parametrize("option", [{"n_iter": 0}, {"batch": 0}, {"batch": 1.5}])
def test_numbers_of_candidates_are_checked(option):
    with pytest.raises(ValueError, match=f"The '{next(iter(option))}' parameter of TPESearchCV must be an int"):
        search(**option).fit(X, y)


def test_without_optuna_it_says_how_to_get_it(monkeypatch):
    load = builtins.__import__

    def refuse(name, *rest):
        if name == "optuna":
            raise ImportError("No module named 'optuna'")
        return load(name, *rest)

    monkeypatch.delitem(sys.modules, "optuna")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"TPESearchCV needs Optuna: pip install 'tabgrad\[optuna\]'"):
        search().fit(X, y)
