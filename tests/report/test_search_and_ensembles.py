"""What was searched and what was joined, on the page of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from tabgrad import Classifier
from tabgrad.estimators import EnsembleClassifier
from tabgrad.report import Report, search_figures
from tabgrad.report.svg import svg
from tabgrad.search import Leaderboard

HOSTILE = "<script>alert(1)</script>$x$"


def section(report, name):
    (found,) = [each for each in report.sections if each.name == name]
    return found


def rows(count=300, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(count, 3)), columns=["_a", HOSTILE, "c"])


@pytest.fixture(scope="module")
def search():
    """One of scikit-learn, whose best candidate lies at an end of what was searched."""
    x = rows()
    y = np.where(x["c"] + x["_a"] > 0, HOSTILE, "other").astype(object)
    grid = {"C": [1e-6, 1e-5, 1e-4], "fit_intercept": [True, False]}
    return (
        GridSearchCV(LogisticRegression(), grid, cv=3, scoring="neg_log_loss").fit(x[:200], y[:200]),
        x[200:],
        y[200:],
    )


def test_a_search_is_on_the_page(search):
    found, x, y = search
    report = Report.of(found.best_estimator_, x, y, search=found)
    assert [each.text for each in report.findings if each.name == "search at an edge"] == [
        "C = 0.0001 lies at the upper end of what was searched, 0.0001: a larger one may be better."
    ]
    frame = report.frames()["leaderboard"]
    assert len(frame) == 6
    assert frame["C"].iloc[0] == "0.0001"
    drawn = [block.name for block in section(report, "search").blocks if hasattr(block, "draw")]
    assert drawn == ["candidates", "parallel"]
    assert "6 candidates." in report.html()
    by_board = Report.of(found.best_estimator_, x, y, search=Leaderboard(found.cv_results_))
    assert [each.name for each in by_board.sections] == [each.name for each in report.sections]


def test_candidates_are_lines_through_their_settings():
    results = {
        "params": [{"rate": rate, "kind": kind} for rate in (0.001, 0.1) for kind in (HOSTILE, "b", None)],
        "mean_test_score": np.array([0.5, 0.6, np.nan, 0.9, 0.7, 0.6]),
        "std_test_score": np.zeros(6),
        "split0_test_score": np.array([0.5, 0.6, np.nan, 0.9, 0.7, 0.6]),
        "mean_fit_time": np.ones(6),
        "rank_test_score": np.array([5, 3, 6, 1, 2, 3]),
    }
    figure = search_figures.parallel(Leaderboard(results))
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
    assert len(lines) == 5  # one has no score
    np.testing.assert_allclose(lines[-1].get_ydata()[[0, 2]], [1, 1])  # the best one, drawn last
    text = svg(figure, "f", "")
    assert "0.001" in text
    assert "<script" not in text


def test_several_estimators_joined_have_a_report():
    x = rows()
    y = np.where(x["c"] > 0, "up", "down").astype(object)
    members = [Classifier(preset="single", epochs=4, random_state=seed).fit(x[:200], y[:200]) for seed in (0, 1)]
    report = Report.of(EnsembleClassifier.of(members, [0.25, 0.75]), x[200:], y[200:])
    frames = report.frames()
    assert frames["members"]["weight"].tolist() == [0.25, 0.75]
    assert len(frames["networks"]) == 2
    assert "The plan of the first network, as JSON" in report.html()
