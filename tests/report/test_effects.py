"""What matters, and how often what is said holds, on the page of a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgrad import Classifier, Regressor
from tabgrad.report import Report

HOSTILE = "<script>alert(1)</script>$x$"


def section(report, name):
    (found,) = [each for each in report.sections if each.name == name]
    return found


def rows(count=300, seed=0):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(count, 3)), columns=["_a", HOSTILE, "c"])


@pytest.mark.parametrize("classes", [True, False])
def test_the_column_that_matters_comes_first(classes):
    x = rows()
    y = np.where(x[HOSTILE] > 0, "yes", "no").astype(object) if classes else 3.0 * x[HOSTILE] + 0.1 * x["_a"]
    kind = Classifier if classes else Regressor
    model = kind(preset="single", epochs=15, random_state=0).fit(x[:200], y[:200])
    report = Report.of(model, x[200:], y[200:])
    frame = report.frames()["importances"]
    assert frame.index[0] == HOSTILE
    assert frame.columns[0] == ("log-loss rises by" if classes else "R2 falls by")
    assert frame.iloc[0, 0] > 5 * frame.iloc[1, 0]
    names = [block.name for block in section(report, "effects").blocks if hasattr(block, "draw")]
    assert names[:2] == ["importance", "dependence_0"]
    page = report.html()
    assert HOSTILE not in page
    assert "alert(1)" in page


def test_a_class_that_is_absent_leaves_accuracy_to_judge_columns_by():
    x = rows()
    y = np.array(["low", "mid", "high"], dtype=object)[np.digitize(x["c"], [-0.5, 0.5])]
    model = Classifier(preset="single", epochs=15, random_state=0).fit(x[:200], y[:200])
    seen = np.flatnonzero(y[200:] != "mid") + 200
    frame = Report.of(model, x.iloc[seen], y[seen]).frames()["importances"]
    assert frame.columns[0] == "accuracy falls by"
    assert frame.index[0] == "c"


def test_of_hardly_any_rows_nothing_is_said_of_what_matters():
    x = rows()
    model = Regressor(preset="single", epochs=2, random_state=0).fit(x, x["c"] ** 2 + x["_a"])
    assert "effects" not in [each.name for each in Report.of(model, x[:10], x["c"][:10]).sections]
    assert "effects" not in [each.name for each in Report.of(model, x[:60], np.ones(60)).sections]


def test_sets_and_intervals_hold_what_they_say():
    x = rows(900)
    y = np.where(x["c"] + np.random.default_rng(1).normal(size=900) > 0, "yes", "no").astype(object)
    model = Classifier(preset="fast", epochs=8, random_state=0).fit(x[:600], y[:600])
    frame = Report.of(model, x[600:], y[600:]).frames()["coverage"]
    held = model.predict_set(x[600:], coverage=0.9)
    assert frame["came true"].iloc[0] == np.mean(held[np.arange(300), np.searchsorted(["no", "yes"], y[600:])])
    assert frame["came true"].iloc[0] > 0.84
    assert frame["classes in a set"].iloc[0] == held.sum(axis=1).mean()
