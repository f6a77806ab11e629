"""The commands on a file of several estimators: ``tabgrad predict``, ``evaluate`` and ``inspect``."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import tabgrad
from tabgrad import Classifier, Regressor
from tabgrad.estimators import EnsembleClassifier, EnsembleRegressor
from tabgrad.table.read import read


@pytest.fixture
def joined(here, shelf):
    """A folder with an ensemble of each kind."""
    settings = {"epochs": 10, "random_state": 0}
    members = [Classifier((4,), preset="single", **settings), Classifier(preset="fast", members=2, **settings)]
    EnsembleClassifier(members, weights=[1, 3]).fit(read(shelf / "flowers.csv"), "kind").save("flowers.tabgrad")
    numbers = [Regressor(preset="fast", members=2, loss=loss, **settings) for loss in ("mse", "mae")]
    EnsembleRegressor(numbers).fit(read(shelf / "houses.csv.gz").without(["rent"]), "price").save("houses.tabgrad")
    return here


def test_predict(run, joined, shelf):
    model, rows = tabgrad.load("flowers.tabgrad"), read(shelf / "more.csv")
    run("predict", "flowers.tabgrad", shelf / "more.csv", "--proba", "--out", "out.csv")
    said = pl.read_csv("out.csv")
    assert said["prediction"].to_list() == model.predict(rows).tolist()
    p = said.select([f"probability_{label}" for label in model.classes_]).to_numpy()
    np.testing.assert_allclose(p, model.predict_proba(rows), rtol=1e-12)
    model, rows = tabgrad.load("houses.tabgrad"), read(shelf / "houses.csv.gz")
    run("predict", "houses.tabgrad", shelf / "houses.csv.gz", "--interval", "0.8", "--out", "out.csv", "--overwrite")
    ends = pl.read_csv("out.csv").select(["prediction_low", "prediction_high"]).to_numpy()
    np.testing.assert_allclose(ends, model.predict_interval(rows.without(["rent"]), 0.8), rtol=1e-12)


def test_evaluate(run, joined, shelf):
    ran = run("evaluate", "flowers.tabgrad", shelf / "more.csv", "--json")
    expected = tabgrad.load("flowers.tabgrad").score(read(shelf / "more.csv"), "kind")
    assert ran.data["scores"]["accuracy"] == pytest.approx(expected)
    ran = run("evaluate", "houses.tabgrad", shelf / "houses.csv.gz", "--json")
    expected = tabgrad.load("houses.tabgrad").score(read(shelf / "houses.csv.gz").without(["rent"]), "price")
    assert ran.data["targets"]["price"]["scores"]["R2"] == pytest.approx(expected)


def test_inspect(run, joined):
    ran = run("inspect", "flowers.tabgrad")
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["joins", "2", "estimators"] in lines
    assert [line[0] for line in lines if line[1:3] == ["7", "numbers"] or line[2:3] == ["numbers"]] == [
        "0.250",
        "0.750",
    ]
    data = run("inspect", "flowers.tabgrad", "--json").data
    model = tabgrad.load("flowers.tabgrad")
    assert data["kind"] == "EnsembleClassifier"
    assert [each["weight"] for each in data["members"]] == [0.25, 0.75]
    assert [each["networks"] for each in data["members"]] == [1, 2]
    assert data["networks"] == 3
    assert data["members"][1]["history"] == model.members_[1].history_
    assert data["held_out_scores"] == model.scores_
    assert [column["name"] for column in data["columns"]] == list(model.feature_names_in_)


def test_explain_step_says_that_it_takes_one_of_them(run, joined, shelf):
    ran = run("explain", "step", "flowers.tabgrad", shelf / "more.csv", code=2)
    assert "this file joins several" in ran.err
    assert "members_[0].save" in ran.err
