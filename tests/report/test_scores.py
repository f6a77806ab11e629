"""Scores of a report: beside scikit-learn's and SciPy's, and at the edges where there is little to score."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap
from sklearn import metrics

from tabgrad.errors import ArgumentError, DataError
from tabgrad.report import ClassScores, Sheet, ValueScores
from tabgrad.report.judging import evaluate, rows_of
from tabgrad.report.sheets import told
from tabgrad.table import Table


def guesses(rows=400, classes=3, seed=0):
    """Labels and probabilities that know something of them."""
    random = np.random.default_rng(seed)
    y = random.integers(classes, size=rows)
    z = random.normal(size=(rows, classes)) + 1.2 * np.eye(classes)[y]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return y, np.round(p, 2) / np.round(p, 2).sum(axis=1, keepdims=True), random.uniform(0.1, 3, rows)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_classes_are_those_of_scikit_learn(classes, weighted):
    y, p, weight = guesses(classes=classes)
    weight = weight if weighted else np.ones(len(y))
    scores = ClassScores.of(range(classes), y, p, sample_weight=weight)
    taken = p.argmax(axis=1)
    area = p[:, 1] if classes == 2 else p
    expected = {
        "accuracy": metrics.accuracy_score(y, taken, sample_weight=weight),
        "balanced accuracy": metrics.balanced_accuracy_score(y, taken, sample_weight=weight),
        "log-loss": metrics.log_loss(y, np.clip(p, 1e-7, 1), sample_weight=weight),
        "area under ROC": np.mean(
            [metrics.roc_auc_score(y == k, p[:, k], sample_weight=weight) for k in range(classes)]
            if classes > 2
            else [metrics.roc_auc_score(y, area, sample_weight=weight)]
        ),
    }
    found = {name: each.value for name, each in scores.estimates.items()}
    assert found == pytest.approx(expected, rel=1e-5)
    matrix = metrics.confusion_matrix(y, taken, sample_weight=weight)
    np.testing.assert_allclose(scores.matrix, matrix)
    frame = scores.by_class().frame()
    each = metrics.precision_recall_fscore_support(y, taken, sample_weight=weight)
    np.testing.assert_allclose(frame.to_numpy(), np.column_stack(each))


def test_scores_of_numbers_are_those_of_scikit_learn():
    random = np.random.default_rng(1)
    y, weight = 1e6 + random.normal(size=300), random.uniform(0.1, 3, 300)
    said = y + 0.3 * random.normal(size=300)
    found = {name: each.value for name, each in ValueScores.of(y, said, sample_weight=weight).estimates.items()}
    assert found == pytest.approx(
        {
            "R2": metrics.r2_score(y, said, sample_weight=weight),
            "root mean squared error": metrics.root_mean_squared_error(y, said, sample_weight=weight),
            "mean absolute error": metrics.mean_absolute_error(y, said, sample_weight=weight),
        },
        rel=1e-5,
    )


def test_intervals_are_those_of_scipys_bootstrap():
    y, p, _ = guesses(600, 2)
    found = ClassScores.of([0, 1], y, p).estimates
    right = (p.argmax(axis=1) == y).astype(float)
    ours, theirs = found["accuracy"], bootstrap([right], np.mean, method="percentile", rng=0).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    area = bootstrap(
        [y, p[:, 1]], metrics.roc_auc_score, paired=True, vectorized=False, n_resamples=500, method="percentile", rng=0
    ).confidence_interval
    ours = found["area under ROC"]
    assert (ours.low, ours.high) == pytest.approx((area.low, area.high), abs=0.01)


def test_intervals_hold_the_truth_as_often_as_they_say():
    random, held = np.random.default_rng(0), 0
    for _ in range(100):
        y = random.normal(size=200)
        interval = ValueScores.of(y + random.normal(size=200), y).estimates["mean absolute error"]
        held += interval.low <= np.sqrt(2 / np.pi) <= interval.high
    assert 88 <= held <= 100


def test_differences_are_those_of_pairs():
    y, p, _ = guesses(500, 2)
    better = ClassScores.of([0, 1], y, 0.9 * p + 0.1 * np.eye(2)[y]).estimates["log-loss"]
    worse = ClassScores.of([0, 1], y, p).estimates["log-loss"]
    low, high = better.less(worse)
    assert low < high < 0
    assert high - low < (worse.high - worse.low) / 2  # what both have in common cancels


def test_classes_that_the_model_does_not_know_count_as_wrong():
    scores = ClassScores.of(["a", "b"], ["a", "b", "c", "c"], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]])
    assert scores.unknown == {"c": 2}
    assert scores.estimates["accuracy"].value == 0.5
    assert scores.estimates["log-loss"].value == pytest.approx(-np.log([0.9, 0.8]).mean())
    assert scores.errors()["true"] == ["?", "?"]
    assert scores.matrix.sum() == 2


@pytest.mark.parametrize("rows", [1, 2])
def test_of_hardly_any_rows_there_is_what_can_be_said(rows):
    scores = ClassScores.of(["a", "b"], ["a"] * rows, [[0.9, 0.1]] * rows)
    found = scores.estimates["accuracy"]
    assert found.value == 1
    assert np.isnan(found.low) == (rows == 1)
    assert "area under ROC" not in scores.estimates
    assert not scores.has_curves()
    with pytest.raises(DataError, match="A curve needs rows of a class and rows of others"):
        scores.plot_roc()
    assert len(scores.errors()) == 0
    values = ValueScores.of([2.0] * rows, [1.0] * rows)
    assert np.isnan(values.estimates["R2"].value)
    assert values.estimates["mean absolute error"].value == 1
    assert len(values.by_quantile()) == 1


def test_numbers_near_the_ends_of_floats():
    y = np.array([1e200, -1e200, 3e200])
    assert ValueScores.of(y, y * 1.5).estimates["mean absolute error"].value == pytest.approx(2.5e200 / 3)


def test_thresholds_are_counts():
    y, p, weight = guesses(300, 2)
    sheet = ClassScores.of(["no", "yes"], np.array(["no", "yes"])[y], p, sample_weight=weight).thresholds().frame()
    row = sheet[sheet["threshold"] == 0.3].iloc[0]
    yes = p[:, 1] >= 0.3
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1_score", metrics.f1_score),
        ("accuracy", metrics.accuracy_score),
    ):
        assert row[name] == pytest.approx(score(y, yes, sample_weight=weight))
    assert row["specificity"] == pytest.approx(metrics.recall_score(1 - y, ~yes, sample_weight=weight))
    with pytest.raises(ArgumentError, match=r"thresholds are for two classes\. There are 3"):
        ClassScores.of(range(3), *guesses()[:2]).thresholds()


def test_errors_come_with_their_rows():
    table = Table.of({"colour": ["red", None, "blue"], "true": [1.5, 2.5, 3.5]})
    p = [[0.6, 0.4], [0.1, 0.9], [0.95, 0.05]]
    frame = ClassScores.of(["a", "b"], ["b", "a", "b"], p, rows=table).errors(2).frame()
    assert frame["row"].tolist() == [2, 1]
    assert frame["colour"].iloc[0] == "blue"
    assert pd.isna(frame["colour"].iloc[1])
    assert frame["true"].tolist() == ["b", "a"]
    assert frame["true (column)"].tolist() == [3.5, 2.5]


def test_groups_by_size_hold_all_rows():
    random = np.random.default_rng(0)
    y = np.round(random.exponential(size=500), 1)
    said = y + 1
    sheet = ValueScores.of(y, said).by_quantile().frame()
    assert sheet["rows"].sum() == 500
    assert sheet["error"].tolist() == pytest.approx([1.0] * len(sheet))


def test_coverage_is_the_share_inside():
    y = np.arange(10.0)
    sheet = ValueScores.of(y, y).coverage(np.column_stack([y - 1, np.where(y < 8, y + 1, y - 0.5)]), 0.9)
    assert sheet["came true"] == [0.8]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ClassScores.of(["a"], [], np.empty((0, 1))), "at least one row"),
        (lambda: ClassScores.of(["a", "b"], ["a"], [[0.5]]), r"here \(1, 2\)"),
        (lambda: ValueScores.of([1.0], [[1.0]]), "a true and a predicted number for each row"),
        (lambda: ValueScores.of([1.0, np.nan], [1.0, 1.0], target="price"), "'price' must hold finite.*nan in row 1"),
        (lambda: rows_of({"a": [1, 2]}, [1, 2, 3]), "must have the same rows. Got 2, 3"),
        (lambda: rows_of({"a": [1, 2]}, "b"), "no column 'b'"),
        (lambda: evaluate(None, {"a": [1, 2]}, [1, 2]), "must be a fitted estimator. Got None"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, message):
    with pytest.raises((DataError, ArgumentError), match=message):
        call()


def test_any_estimator_of_scikit_learn_is_judged():
    from sklearn.linear_model import LinearRegression, LogisticRegression

    x = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1]})
    y = (x[:, 0] > 0).astype(int)
    scores = evaluate(LogisticRegression().fit(frame, y), frame, pd.Series(y, name="up"))
    assert scores.target == "up"
    assert scores.estimates["accuracy"].value == LogisticRegression().fit(frame, y).score(frame, y)
    model = LinearRegression().fit(x, x @ [1.0, 2.0])
    assert evaluate(model, x, x @ [1.0, 2.0]).estimates["R2"].value == pytest.approx(1)


def test_a_sheet_is_a_frame():
    sheet = Sheet({"class": ["a", "b"], "rows": [1, 2]}, "class")
    pd.testing.assert_frame_equal(
        sheet.frame(), pd.DataFrame({"rows": [1, 2]}, index=pd.Index(["a", "b"], name="class"))
    )
    assert len(Sheet({"x": range(100)}).__repr__().splitlines()) == 32


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1,234,567"), (123456.7, "123,457"), (0.00012345, "0.000123"), (float("nan"), "-"), ("a\nb", "a\\nb")],
)
def test_digits_are_sensible(value, text):
    assert told(value) == text
