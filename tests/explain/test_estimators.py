"""`Classifier.explain_step` and `Regressor.explain_step`: the table encoded as in the fit, one network at a time."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tabgrad import Classifier, Regressor
from tabgrad.errors import ArgumentError, DataError
from tabgrad.store import to_bytes

pd = pytest.importorskip("pandas")

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 80, 120).astype(float),
        "town": RANDOM.choice(["Bonn", "Ulm", "Trier"], 120),
        "since": pd.date_range("2020-01-01", periods=120, freq="D"),
    }
)
FRAME.loc[::9, "town"] = None
FRAME.loc[::7, "age"] = np.nan
FRAME["bought"] = np.where((FRAME["age"] > 40) & (FRAME["town"] != "Ulm"), "yes", "no")
FRAME["price"] = 100 + 20 * RANDOM.normal(size=120)
VISITS, PRICES = FRAME.drop(columns="price"), FRAME.drop(columns="bought")
QUICK = {"epochs": 2, "random_state": 0, "preset": "fast", "hidden_layer_sizes": (5,)}


@pytest.fixture(scope="module")
def classifier():
    return Classifier(**QUICK, class_weight="balanced").fit(VISITS, "bought")


@pytest.fixture(scope="module")
def regressor():
    return Regressor(**QUICK).fit(PRICES, "price")


def test_the_loss_is_that_of_the_network_on_the_encoded_rows(classifier):
    step = classifier.explain_step(VISITS.iloc[:6], "bought")
    assert step.features == classifier.encoder_.features
    assert step.outputs == ("yes",)
    assert "y is 1 for 'yes' and 0 for 'no'" in step.notes
    truth = (FRAME["bought"].iloc[:6] == "yes").to_numpy()
    np.testing.assert_array_equal(step.y.ravel(), truth)
    of_yes, of_no = step.loss.row_weight[truth].sum(), step.loss.row_weight[~truth].sum()
    assert of_yes == pytest.approx(of_no)
    assert "what classes weigh is taken from these rows, not from those of the fit" in step.notes
    assert step.loss.row_weight.mean() == pytest.approx(1)
    p = np.clip(step.prediction.array.ravel(), 1e-300, 1)
    by_hand = -np.where(truth, np.log(p), np.log1p(-p)) * step.loss.row_weight
    assert step.loss.data == pytest.approx(by_hand.mean(), rel=1e-9)
    assert step.agrees


def test_every_network_can_be_looked_at(classifier):
    first, last = (classifier.explain_step(VISITS.iloc[:4], "bought", member=place) for place in (0, 3))
    assert "this is network 4 of 4; Classifier predicts the mean of all" in last.notes
    weights = classifier.models_[3].get_weights()
    np.testing.assert_array_equal(last.weights[-2].before.astype(np.float32), weights[-2])
    assert (first.weights[-2].before != last.weights[-2].before).any()


def test_the_target_of_a_regressor_is_the_scaled_one(regressor):
    y = FRAME["price"].iloc[:5]
    step = regressor.explain_step(PRICES.iloc[:5], "price", sample_weight=[1, 1, 2, 0, 1])
    mean, scale = regressor.target_.mean[0], regressor.target_.scale[0]
    np.testing.assert_allclose(step.y.ravel(), (y.to_numpy()[[0, 1, 2, 4]] - mean) / scale, rtol=1e-5)
    np.testing.assert_allclose(step.loss.row_weight, np.array([1, 1, 2, 1]) * 4 / 5, rtol=1e-6)
    assert step.outputs == ("price",)
    assert step.notes[0] == f"price is learned as (price - {mean:.6g}) / {scale:.6g}"
    assert step.agrees
    alone = Regressor(**QUICK, members=1).fit(FRAME[["age"]], FRAME[["price", "age"]].fillna(0).to_numpy())
    assert alone.explain_step(FRAME[["age"]].iloc[:3], np.ones((3, 2))).outputs == ("y0", "y1")


def test_the_estimator_stays_as_it_is(classifier):
    before = to_bytes(classifier._to_content())
    classifier.explain_step(VISITS.iloc[:4], "bought")
    assert to_bytes(classifier._to_content()) == before


def test_what_cannot_be_explained_is_refused(classifier):
    with pytest.raises(NotFittedError):
        Classifier().explain_step(VISITS, "bought")
    with pytest.raises(ArgumentError, match=r"'member' of explain_step must be .*Got 4"):
        classifier.explain_step(VISITS, "bought", member=4)
    with pytest.raises(DataError, match="'maybe'"):
        classifier.explain_step(VISITS.iloc[:2].drop(columns="bought"), np.array(["maybe", "no"]))
    with pytest.raises((DataError, ValueError), match="town"):
        classifier.explain_step(FRAME[["age", "since"]], FRAME["bought"])
