"""Permutation importance: scikit-learn's numbers, whatever the estimator, the metric and the form of X."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import inspection as oracle
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabgrad import Classifier, Regressor
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.inspection import importance, permutation_importance
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.table import Table
from tabgrad.wrappers.scikit_learn import KerasRegressor
from tests.inspection.tables import classifier, frame, label, price, regressor

ROWS = frame(90, seed=1)
WEIGHT = np.random.default_rng(2).uniform(0.5, 2, len(ROWS))
ROUNDING = {"rtol": 0, "atol": 1e-6}  # of float32, in scores of a few units; what is counted is exact


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["accuracy", "f1_macro"]], ids=["score", "loss", "several"])
def test_a_classifier_has_the_numbers_of_scikit_learn(scoring, weight):
    given = (classifier(), ROWS, label(ROWS))
    options = {"n_repeats": 3, "random_state": 5, "scoring": scoring, "sample_weight": weight}
    ours, theirs = permutation_importance(*given, **options), oracle.permutation_importance(*given, **options)
    for name in [None] if not isinstance(ours, dict) else ours:
        one, other = (ours, theirs) if name is None else (ours[name], theirs[name])
        rounding = ROUNDING if scoring == "neg_log_loss" else {"rtol": 0, "atol": 0}
        np.testing.assert_allclose(one.importances, other.importances, **rounding)
        np.testing.assert_allclose(one.importances_mean, other.importances_mean, **rounding)
        np.testing.assert_allclose(one.importances_std, other.importances_std, **rounding)
        assert one.importances[0].any()  # not of nothing
        assert not one.importances[-1].any()  # of a column that is dropped


@pytest.mark.parametrize("most", [0.4, 31])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_some_of_the_rows_are_those_of_scikit_learn(most, weight):
    """Whose baseline is of all rows, and ours of the same: so all numbers differ by what those differ."""
    given = (classifier(), ROWS, label(ROWS))
    options = {"n_repeats": 3, "random_state": 5, "scoring": "neg_log_loss", "sample_weight": weight}
    ours = permutation_importance(*given, **options, max_samples=most)
    theirs = oracle.permutation_importance(*given, **options, max_samples=most)
    apart = permutation_importance(*given, **options).score - ours.score
    assert apart != 0
    np.testing.assert_allclose(theirs.importances - ours.importances, apart, **ROUNDING)
    assert not ours.importances[-1].any()


@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error", make_scorer(lambda y, p: -np.abs(y - p).max())])
def test_a_regressor_too(scoring):
    given, options = (regressor(), ROWS, price(ROWS)), {"n_repeats": 2, "random_state": 0, "scoring": scoring}
    ours, theirs = permutation_importance(*given, **options), oracle.permutation_importance(*given, **options)
    np.testing.assert_allclose(ours.importances, theirs.importances, rtol=0, atol=2e-7 * price(ROWS).max())


def test_parts_of_the_repeats_are_the_same_numbers(monkeypatch):
    given, options = (classifier(), ROWS, label(ROWS)), {"n_repeats": 5, "random_state": 0, "scoring": "neg_log_loss"}
    whole = permutation_importance(*given, **options).importances
    monkeypatch.setattr(importance, "MOST_NUMBERS", 5_000)
    np.testing.assert_array_equal(permutation_importance(*given, **options).importances, whole)


def test_the_slow_way_is_the_fast_one():
    """A function of the estimator and X is called with X itself, permuted."""
    seen = []

    def accuracy(estimator, X, y):
        seen.append(type(X))
        return estimator.score(X, y)

    given, options = (classifier(), ROWS, label(ROWS)), {"n_repeats": 2, "random_state": 0}
    slow = permutation_importance(*given, scoring=accuracy, **options)
    assert set(seen) == {pd.DataFrame}
    assert slow.scoring == "accuracy"
    np.testing.assert_array_equal(slow.importances, permutation_importance(*given, **options).importances)


class Doubting(Classifier):
    """An estimator of the user's own, which predicts something else."""

    def predict(self, X):
        return np.where(np.asarray(X["new"]), "low", super().predict(X))


def test_a_subclass_is_asked_itself():
    doubting = Doubting(8, preset="fast", members=2, epochs=8, random_state=0).fit(frame(), label(frame()))
    options = {"n_repeats": 2, "random_state": 0}
    ours = permutation_importance(doubting, ROWS, label(ROWS), **options)
    theirs = oracle.permutation_importance(doubting, ROWS, label(ROWS), **options)
    np.testing.assert_array_equal(ours.importances, theirs.importances)


def forms():
    plain = ROWS[["size", "rooms"]].fillna({"size": pd.Series(np.arange(90.0))})
    return {
        "pandas": plain,
        "polars": pl.from_pandas(plain),
        "arrow": pl.from_pandas(plain).to_arrow(),
        "dict": {name: plain[name].tolist() for name in plain},
        "table": Table.of(plain),
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_of_x_gives_the_same(form):
    X, y = forms()[form], price(ROWS)
    fitted = Regressor(4, preset="single", epochs=3, random_state=0).fit(forms()["pandas"], y)

    def score(estimator, X, y):
        return estimator.score(X, y)

    expected = oracle.permutation_importance(fitted, forms()["pandas"], y, n_repeats=2, random_state=3).importances
    for scoring in (None, score):
        found = permutation_importance(fitted, X, y, n_repeats=2, random_state=3, scoring=scoring)
        assert found.columns == ("size", "rooms")
        np.testing.assert_allclose(found.importances, expected, **ROUNDING)
        part = permutation_importance(fitted, X, y, n_repeats=2, random_state=3, scoring=scoring, max_samples=20)
        assert part.importances.any()


@pytest.mark.parametrize(
    "X",
    [
        ROWS[["size", "rooms"]].fillna({"size": pd.Series(np.arange(90.0))}).to_numpy(),
        ROWS[["size", "rooms"]].fillna({"size": pd.Series(np.arange(90.0))}).to_numpy().tolist(),
    ],
)
def test_any_estimator_of_scikit_learn(X):
    fitted = LogisticRegression().fit(X, label(ROWS))
    scoring = ["accuracy", "neg_log_loss"]
    ours = permutation_importance(fitted, X, label(ROWS), scoring=scoring, random_state=0)
    theirs = oracle.permutation_importance(fitted, X, label(ROWS), scoring=scoring, n_repeats=10, random_state=0)
    for name in scoring:
        np.testing.assert_array_equal(ours[name].importances, theirs[name].importances)
    assert ours["accuracy"].columns == ("x0", "x1")


def test_a_pipeline_and_a_wrapper():
    columns = ROWS[["town", "rooms"]].fillna("none")
    pipeline = make_pipeline(make_column_transformer((OneHotEncoder(), ["town"])), LinearRegression())
    with_target = columns.assign(price=price(ROWS))
    found = permutation_importance(pipeline.fit(columns, price(ROWS)), with_target, "price", random_state=0)
    assert found.columns == ("town", "rooms")
    assert found.importances_mean[0] > 0 == found.importances_mean[1]

    wrapped = KerasRegressor(Sequential([Dense(4, "relu"), Dense(1)]), epochs=2, random_state=0)
    x = columns[["rooms"]].to_numpy(float)
    found = permutation_importance(wrapped.fit(x, price(ROWS)), x, price(ROWS), n_repeats=3, random_state=0)
    assert found.scoring == "r2"
    assert found.importances.shape == (1, 3)


def test_y_may_be_a_column_and_x_may_have_more():
    with_target = ROWS.assign(grade=label(ROWS))
    fitted = Classifier(4, preset="single", epochs=3, random_state=0).fit(with_target, "grade")
    named = permutation_importance(fitted, with_target, "grade", n_repeats=2, random_state=0)
    apart = permutation_importance(fitted, ROWS, label(ROWS), n_repeats=2, random_state=0)
    np.testing.assert_array_equal(named.importances, apart.importances)
    with pytest.warns(match="were not there in fit"):
        more = permutation_importance(fitted, ROWS.assign(other=1), label(ROWS), n_repeats=2, random_state=0)
    assert more.columns == tuple(ROWS.columns)
    np.testing.assert_array_equal(more.importances, apart.importances)


def test_a_class_that_training_had_not_counts_as_wrong():
    y = label(ROWS)
    y[:9] = "dear"
    found = permutation_importance(classifier(), ROWS, y, n_repeats=1, random_state=0)
    assert found.score == pytest.approx(np.mean(classifier().predict(ROWS) == y))


def test_what_it_looks_like():
    found = permutation_importance(
        classifier(), ROWS, label(ROWS), scoring=make_scorer(balanced_accuracy_score), random_state=0
    )
    table = found.frame()
    assert table["column"].iloc[0] == "size"
    assert table["importance"].is_monotonic_decreasing
    assert table["std"].to_numpy() == pytest.approx(found.importances_std[found.order])
    assert repr(found).startswith(f"balanced_accuracy_score {found.score:.4f}")
    assert repr(found).count("\n") == 7
    (axes,) = found.plot(most=3).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == table["column"].tolist()[:3]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(table["importance"][:3])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_repeats": 0}, ArgumentError, "'n_repeats' of permutation_importance must be at least 1. Got 0."),
        ({"max_samples": 0}, ArgumentError, "a share in (0, 1]. Got 0."),
        ({"max_samples": 91}, ArgumentError, "at most the 90 of X"),
        ({"max_samples": 1.5}, ArgumentError, "a share in (0, 1]. Got 1.5."),
        ({"max_samples": "all"}, ArgumentTypeError, "'max_samples' of permutation_importance must be a number"),
        ({"scoring": []}, ArgumentError, "must name at least one metric"),
        ({"sample_weight": [1.0]}, DataError, "sample_weight must have a number for each row"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error) as caught:
        permutation_importance(classifier(), ROWS, label(ROWS), **options)
    assert message in str(caught.value)


def test_tables_that_do_not_fit():
    with pytest.raises(DataError, match=r"must have the same rows\. Got 90 and 89"):
        permutation_importance(classifier(), ROWS, label(ROWS)[1:])
    with pytest.raises(DataError, match="at least one row"):
        permutation_importance(LinearRegression(), np.empty((0, 2)), np.empty(0))
    one = permutation_importance(classifier(), ROWS[:1], label(ROWS)[:1], random_state=0)
    assert not one.importances.any()
