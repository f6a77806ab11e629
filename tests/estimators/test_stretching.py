"""Predictions of numbers stretched by what rows held out say."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.linear_model import Ridge

from tabgrad.estimators import Classifier, Regressor, _stretching
from tabgrad.estimators._folds import held_out
from tabgrad.estimators._rows import read_rows
from tabgrad.estimators._stretching import EXPECTED, Judged, Line, lines
from tabgrad.layers import Dense
from tabgrad.models import Sequential

RANDOM = np.random.default_rng(0)
SETTINGS = {"members": 4, "preset": "fast", "hidden_layer_sizes": (32,), "epochs": 25, "random_state": 0}


def judged(rows, outputs=1, seed=0, drawn_together=0.9):
    random = np.random.default_rng(seed)
    truth = random.normal(size=(rows, outputs))
    said = drawn_together * truth + 0.3 * random.normal(size=(rows, outputs)) + 1
    return Judged(said, truth, random.uniform(0.5, 2, rows))


@pytest.fixture(scope="module")
def table():
    return make_friedman1(1200, noise=1.0, random_state=0)


def slope(truth, said):
    return np.polyfit(said, truth, 1)[0]


# ---- One line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [5, 60, 5000])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_slope_is_that_of_ridge_regression(rows, outputs):
    each = judged(rows, outputs)
    line, share = Line.of(each), each.weight / each.weight.mean()
    for output in range(outputs):
        said, rest = each.said[:, [output]], (each.truth - each.said)[:, output]
        variance = np.average((rest - np.average(rest, weights=share)) ** 2, weights=share)
        ridge = Ridge(alpha=variance / EXPECTED**2).fit(said, rest, sample_weight=share)
        assert line.slope[output] == pytest.approx(1 + ridge.coef_[0], rel=1e-9)
        assert line.mean[output] == pytest.approx(np.average(said[:, 0], weights=share))


def test_weights_count_and_their_size_does_not():
    each = judged(300)
    twice = Line.of(Judged(each.said, each.truth, 1e6 * each.weight))
    np.testing.assert_allclose(twice.slope, Line.of(each).slope)
    none = each.weight * (np.arange(300) < 200)
    fewer = Line.of(Judged(each.said[:200], each.truth[:200], each.weight[:200]))
    assert Line.of(Judged(each.said, each.truth, none)).slope != Line.of(each).slope
    # Of rows that count for nothing only their number is left, in the weight of one row over the mean.
    assert Line.of(Judged(each.said, each.truth, none)).slope == pytest.approx(fewer.slope, abs=0.01)


def test_few_rows_change_little_and_many_all_that_is_wrong():
    changes = [abs(Line.of(judged(rows, drawn_together=0.5)).slope[0] - 1) for rows in (4, 40, 4000)]
    assert changes[0] < 0.01 < changes[1] < changes[2]
    exact = judged(100)
    assert Line.of(Judged(0.5 * exact.truth, exact.truth, exact.weight)).slope[0] > 1.15


@pytest.mark.parametrize(
    "said, truth, weight",
    [
        (np.ones((9, 2)), RANDOM.normal(size=(9, 2)), np.ones(9)),
        (np.ones((9, 2)), np.ones((9, 2)), np.ones(9)),
        (np.empty((0, 2)), np.empty((0, 2)), np.empty(0)),
        (RANDOM.normal(size=(9, 2)), RANDOM.normal(size=(9, 2)), np.zeros(9)),
        (np.full((9, 2), 1e200) * np.arange(9)[:, np.newaxis], RANDOM.normal(size=(9, 2)), np.ones(9)),
        (np.full((9, 2), np.nan), RANDOM.normal(size=(9, 2)), np.ones(9)),
    ],
    ids=["all the same", "and right", "no rows", "no weight", "huge", "no numbers"],
)
def test_what_says_nothing_changes_nothing(said, truth, weight):
    line = Line.of(Judged(said, truth, weight))
    np.testing.assert_array_equal(line.slope, 1)
    kernel, bias = RANDOM.normal(size=(3, 2)).astype(np.float32), np.array([1, 2], np.float32)
    for before, after in zip((kernel, bias), line.through(kernel, bias), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_last_layer_takes_the_line_in():
    each, hidden = judged(500, 2), RANDOM.normal(size=(7, 3))
    kernel, bias = RANDOM.normal(size=(3, 2)), RANDOM.normal(size=2)
    line = Line.of(each)
    after, moved = line.through(kernel, bias)
    before = hidden @ kernel + bias
    np.testing.assert_allclose(hidden @ after + moved, line.mean + line.slope * (before - line.mean), rtol=1e-4)
    assert after.dtype == moved.dtype == np.float32


# ---- A line for each of several --------------------------------------------------------------------------------------


def test_a_network_is_stretched_by_the_rows_of_the_others():
    parts = [judged(50, seed=seed) for seed in range(3)]
    before = lines(parts)
    parts[1] = judged(80, seed=9, drawn_together=0.2)
    after = lines(parts)
    assert [one.slope[0] == other.slope[0] for one, other in zip(before, after, strict=True)] == [False, True, False]
    np.testing.assert_array_equal(lines([judged(50)])[0].slope, 1)
    assert lines([]) == []


# ---- In a fit --------------------------------------------------------------------------------------------------------


def test_dropout_draws_predictions_together_and_the_line_mends_it(monkeypatch):
    (x, y), (new, truth) = (make_friedman1(rows, noise=0.3, random_state=rows) for rows in (1200, 3000))
    settings = SETTINGS | {"epochs": 40, "dropout": 0.4}
    mended = Regressor(**settings).fit(x, y)
    monkeypatch.setattr(_stretching, "lines", lambda judged: [Line.straight(1) for _ in judged])
    plain = Regressor(**settings).fit(x, y)
    assert slope(truth, plain.predict(new)) > 1.04
    assert slope(truth, mended.predict(new)) < 1.02
    errors = [np.sqrt(np.mean((each.predict(new) - truth) ** 2)) for each in (mended, plain)]
    assert errors[0] < 0.97 * errors[1]
    assert mended.scores_["rmse"] < plain.scores_["rmse"]
    for one, other in zip(mended.models_, plain.models_, strict=True):
        same = [np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True)]
        assert same == [True] * (len(same) - 2) + [False, False]


def test_predictions_of_rows_held_out_are_stretched_too(table):
    x, y = table
    fitted = Regressor(**SETTINGS).fit(x, y)
    encoded = fitted.encoder_.encode(read_rows(x, "Regressor").table).x
    for model, places in zip(fitted.models_, held_out(4, 8, len(x), fitted._seed()), strict=True):
        said = fitted.target_.decode(model.predict(encoded[places]))[:, 0]
        np.testing.assert_allclose(fitted.oof_prediction_[places], said, rtol=1e-5)


def test_only_means_of_numbers_are_stretched(table, monkeypatch):
    def refuse(judged):
        raise AssertionError(judged)

    monkeypatch.setattr(_stretching, "lines", refuse)
    x, y = table
    small = SETTINGS | {"epochs": 2, "members": 2}
    for loss in ("mae", "huber", "poisson"):
        Regressor(loss=loss, **small).fit(x, abs(y))
    own = Sequential([Dense(4, "relu"), Dense(1)])
    Regressor(model=own, **small).fit(x, y)
    Classifier(**small).fit(*make_classification(200, random_state=0))
    Regressor(**small | {"members": 1}).fit(x, y)
    with pytest.raises(AssertionError):
        Regressor(**small).fit(x, y)


def test_who_goes_on_is_not_stretched_again(table, monkeypatch):
    x, y = table
    fitted = Regressor(warm_start=True, **SETTINGS | {"epochs": 2}).fit(x, y)
    monkeypatch.setattr(_stretching, "lines", lambda _: pytest.fail("stretched again"))
    fitted.fit(x, y)
    assert np.isfinite(fitted.predict(x)).all()
