"""Partial dependence: scikit-learn's numbers, on columns as they were given."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import inspection as oracle
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from tabgrad import Classifier, Regressor
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DataWarning
from tabgrad.estimators import EnsembleRegressor
from tabgrad.inspection import dependence, partial_dependence, permutation_importance
from tabgrad.table import Table
from tests.inspection.tables import classifier, frame, label, price, regressor

ROWS = frame(70, seed=1)
NUMBERS = ROWS[["size", "rooms"]].fillna({"size": pd.Series(np.arange(70.0))})


def by_hand(estimator, table, column, value):
    """What the estimator says with one value in all rows."""
    values = pd.Series([value] * len(table), index=table.index, dtype=table[column].dtype if value is None else None)
    changed = table.assign(**{column: values})
    return estimator.predict(changed) if isinstance(estimator, Regressor) else estimator.predict_proba(changed)


@pytest.mark.parametrize("fitted", [regressor, classifier])
@pytest.mark.parametrize("column", ROWS.columns)
def test_each_value_is_the_prediction_with_it_in_all_rows(fitted, column):
    found = partial_dependence(fitted(), ROWS, column, kind="both", grid_resolution=8)
    (grid,) = found.grid_values
    for place, value in enumerate(grid if grid.dtype.kind == "M" else grid.tolist()):
        expected = by_hand(fitted(), ROWS, column, value).reshape(len(ROWS), -1)
        np.testing.assert_allclose(found.individual[:, :, place], expected.T, rtol=1e-12)
        np.testing.assert_allclose(found.average[:, place], expected.mean(axis=0), rtol=1e-12)


def test_the_slow_way_is_the_fast_one():
    class Own(Regressor):
        """An estimator of the user's own."""

    own = Own(8, preset="fast", members=2, epochs=8, random_state=0).fit(frame(), price(frame()))
    for column in (*ROWS.columns, ("size", "town")):
        options = {"kind": "both", "grid_resolution": 5, "max_samples": 30, "random_state": 0}
        ours, fast = (partial_dependence(each, ROWS, column, **options) for each in (own, regressor()))
        np.testing.assert_array_equal(ours.average, fast.average)
        np.testing.assert_array_equal(ours.individual, fast.individual)
        for one, other in zip(ours.grid_values, fast.grid_values, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("columns", ["size", ("size", "rooms")])
@pytest.mark.parametrize("weight", [None, np.arange(1, 71)])
def test_the_numbers_are_those_of_scikit_learn(columns, weight):
    fitted = Regressor(8, preset="fast", members=2, epochs=3, random_state=0).fit(NUMBERS, price(ROWS))
    ours = partial_dependence(fitted, NUMBERS, columns, grid_resolution=6, sample_weight=weight)
    grids = dict(zip(ours.columns, ours.grid_values, strict=True))
    theirs = oracle.partial_dependence(
        fitted, NUMBERS.astype(float), list(ours.columns), sample_weight=weight, custom_values=grids, method="brute"
    )
    np.testing.assert_allclose(ours.average, theirs["average"], rtol=1e-12)


def test_of_two_classes_it_is_the_second_as_in_scikit_learn():
    y = (price(ROWS) > 140).to_numpy()
    for fitted in (Classifier(4, preset="single", epochs=3, random_state=0), LogisticRegression(), LinearSVC()):
        fitted.fit(NUMBERS, y)
        ours = partial_dependence(fitted, NUMBERS, 1)
        assert ours.outputs == ("True",)
        theirs = oracle.partial_dependence(fitted, NUMBERS.astype(float), [1], method="brute")
        np.testing.assert_allclose(ours.average, theirs["average"], rtol=1e-9)
        assert ours.response == ("decision" if isinstance(fitted, LinearSVC) else "probability")


def test_the_grid():
    numbers = partial_dependence(regressor(), ROWS, "size", grid_resolution=5).grid_values[0]
    known = ROWS["size"].dropna()
    np.testing.assert_allclose(numbers[:-1], np.linspace(*known.quantile([0.05, 0.95]), 5))
    assert np.isnan(numbers[-1])  # the missing value is one of them
    whole = partial_dependence(regressor(), ROWS, "size", grid_resolution=5, percentiles=(0, 1)).grid_values[0]
    assert (whole[0], whole[-2]) == (known.min(), known.max())

    assert partial_dependence(regressor(), ROWS, "rooms").grid_values[0].tolist() == [1, 2, 3, 4, 5]
    assert partial_dependence(regressor(), ROWS, "new").grid_values[0].tolist() == [False, True]
    towns = partial_dependence(regressor(), ROWS, "town").grid_values[0].tolist()
    assert towns == [*ROWS["town"].value_counts().index, None]
    assert len(partial_dependence(regressor(), ROWS, "street", grid_resolution=4).grid_values[0]) == 4

    dates = partial_dependence(regressor(), ROWS, "sold", grid_resolution=6).grid_values[0]
    assert set(dates[:-1].tolist()) <= set(ROWS["sold"].dropna().dt.to_pydatetime())
    assert np.isnat(dates[-1])
    assert (np.diff(dates[:-1]) > np.timedelta64(0)).all()


def test_a_column_that_is_mostly_one_number():
    skewed = pd.DataFrame({"paid": [0.0] * 2000 + list(range(1, 61)), "x": np.linspace(0, 7, 2060)})
    fitted = Regressor(4, preset="single", epochs=2, random_state=0).fit(skewed, skewed["paid"] + skewed["x"])
    grid = partial_dependence(fitted, skewed, "paid").grid_values[0]
    assert (grid[0], grid[-1]) == (0, 60)


def test_dates_that_came_as_text():
    text = ROWS.assign(sold=ROWS["sold"].dt.strftime("%Y-%m-%d"))
    fitted = Regressor(4, preset="single", epochs=2, random_state=0).fit(text, price(ROWS))
    assert fitted.table_schema_["sold"].kind == "date"
    found = partial_dependence(fitted, text, "sold")
    assert found.kinds == ("dates",)
    assert found.grid_values[0].dtype.kind == "M"
    assert np.ptp(found.average) > 0


@pytest.mark.parametrize("form", ["polars", "dict", "table"])
def test_every_form_of_x_gives_the_same(form):
    X = {
        "polars": pl.from_pandas,
        "dict": lambda table: {name: table[name].tolist() for name in table},
        "table": Table.of,
    }
    given = X[form](NUMBERS)
    fitted = LinearRegression().fit(NUMBERS, price(ROWS))

    class Reading(RegressorMixin, BaseEstimator):
        """An estimator that takes any table."""

        def predict(self, X):
            table = Table.of(X)
            return fitted.predict(pd.DataFrame({name: table[name] for name in table.names}))

    expected = oracle.partial_dependence(fitted, NUMBERS.astype(float), ["rooms"], method="brute")["average"]
    np.testing.assert_allclose(partial_dependence(Reading(), given, "rooms").average, expected)


def test_parts_of_the_grid_are_the_same_numbers(monkeypatch):
    whole = partial_dependence(classifier(), ROWS, ("size", "street"), grid_resolution=4)
    monkeypatch.setattr(dependence, "MOST_NUMBERS", 10_000)
    np.testing.assert_array_equal(
        partial_dependence(classifier(), ROWS, ("size", "street"), grid_resolution=4).average, whole.average
    )


def test_frames():
    found = partial_dependence(classifier(), ROWS, "town", kind="both")
    table = found.frame()
    assert table.columns.tolist() == ["output", "town", "average"]
    assert len(table) == 3 * 4
    one = table[(table["output"] == "mid") & (table["town"] == "Bern")]["average"].item()
    assert one == found.average[2, found.grid_values[0].tolist().index("Bern")]
    rows = found.frame(individual=True)
    assert rows.columns.tolist() == ["output", "row", "town", "value"]
    assert len(rows) == 3 * 70 * 4
    two = partial_dependence(regressor(), ROWS, ("rooms", "new")).frame()
    assert two.columns.tolist() == ["rooms", "new", "average"]
    assert len(two) == 10
    assert "from" in repr(found)
    with pytest.raises(ArgumentError, match="kind='both'"):
        partial_dependence(regressor(), ROWS, "rooms").frame(individual=True)


@pytest.mark.parametrize("column", ROWS.columns)
@pytest.mark.parametrize("kind", ["average", "individual", "both"])
def test_figures_show_the_numbers(column, kind):
    found = partial_dependence(classifier(), ROWS, column, kind=kind, grid_resolution=5)
    (axes,) = found.plot("mid").axes
    if kind != "individual":
        drawn = [line.get_xdata() if found.kinds == ("categories",) else line.get_ydata() for line in axes.lines]
        known = [value is not None and value == value for value in found.grid_values[0].tolist()]
        shown = found.average[2] if found.kinds == ("categories",) else found.average[2][known]
        assert any(len(line) == len(shown) and np.allclose(np.asarray(line, float), shown) for line in drawn)
    axes.figure.canvas.draw()


def test_a_figure_of_two_columns_and_hostile_names():
    rows = ROWS.rename(columns={"town": "<b>$to$wn\n" * 20})
    fitted = Classifier(4, preset="single", epochs=2, random_state=0).fit(rows, label(ROWS))
    name = rows.columns[2]
    found = partial_dependence(fitted, rows, (name, "size"), grid_resolution=4)
    figure = found.plot()
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array().reshape(4, 5), found.average[0])
    figure.canvas.draw()
    partial_dependence(fitted, rows, name).plot().canvas.draw()


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ("siz", {}, ArgumentError, "knows no column 'siz' of X. Did you mean 'size'?"),
        (9, {}, ArgumentError, "wants columns from 0 to 6 of X. Got 9."),
        (("size", "size"), {}, ArgumentError, "must be one column, or two different ones"),
        (["size", "rooms", "town"], {}, ArgumentError, "must be one column, or two different ones"),
        (None, {}, ArgumentError, "knows no column None"),
        ("size", {"kind": "mean"}, ArgumentError, "average"),
        (
            "size",
            {"grid_resolution": 1},
            ArgumentError,
            "'grid_resolution' of partial_dependence must be in [2, 10000]",
        ),
        ("size", {"percentiles": (5, 95)}, ArgumentError, "'percentiles' of partial_dependence must be in [0, 1]"),
        ("size", {"percentiles": (0.9, 0.1)}, ArgumentError, "must ascend"),
        ("size", {"percentiles": 0.1}, ArgumentTypeError, "must be two numbers"),
        ("size", {"sample_weight": np.zeros(70)}, DataError, "sample_weight must not be zero in every row"),
        ("size", {"max_samples": 71}, ArgumentError, "at most the 70 of X"),
    ],
)
def test_what_is_refused(columns, options, error, message):
    with pytest.raises(error) as caught:
        partial_dependence(regressor(), ROWS, columns, **options)
    assert message in str(caught.value)


def test_tables_without_values():
    with pytest.raises(DataError, match="at least one row"):
        partial_dependence(regressor(), ROWS[:0], "size")
    gone = ROWS.assign(size=np.nan)
    found = partial_dependence(regressor(), gone, "size", kind="both")
    assert found.average.shape == (1, 1)
    found.plot().canvas.draw()


def test_values_that_no_training_had_are_told_of_once_at_most():
    """They are put into the rows here, on purpose, for any estimator that is asked row by row."""
    table = pd.DataFrame({"town": ["a", "b"] * 15, "size": np.arange(30.0)})
    y = np.arange(30.0) ** 2 % 7
    settings = {"preset": "single", "hidden_layer_sizes": (4,), "epochs": 2}
    members = [Regressor(**settings, random_state=seed).fit(table, y) for seed in range(2)]
    joined = EnsembleRegressor.of(members, [0.5, 0.5])
    unseen = table.assign(town=["a", "elsewhere", "nowhere"] * 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(partial_dependence(joined, unseen, "town").grid_values[0]) >= {"elsewhere", "nowhere"}
    with pytest.warns(DataWarning) as told:
        permutation_importance(joined, unseen, y, n_repeats=3, random_state=0)
    assert len(told) == 1
