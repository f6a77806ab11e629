"""Intervals and scores from the rows that a fit held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score

import tabgrad
from tabgrad import store
from tabgrad._loading import model_of
from tabgrad.errors import ArgumentError, ArgumentTypeError, ModelFileError
from tabgrad.estimators import Classifier, Regressor
from tabgrad.estimators._conformal import LEVELS, Residuals, share_of_mean, spread
from tabgrad.losses import Quantile
from tabgrad.metrics import expected_calibration_error

GOLDEN = Path(__file__).parents[1] / "golden"
RANDOM = np.random.default_rng(0)
SMALL = {"members": 3, "hidden_layer_sizes": (8,), "epochs": 5, "random_state": 0, "numeric_embedding": "none"}
SMALL |= {"n_neighbors": 0}  # the networks alone


def made(rows, seed=0):
    """A line with noise that grows along it, and four numbers beside."""
    random = np.random.default_rng(seed)
    x = random.uniform(size=(rows, 5))
    return x, 10 * x[:, 0] + (0.2 + 2 * x[:, 0]) * random.normal(size=rows)


X, Y = made(600)


@pytest.fixture(scope="module")
def fitted():
    return Regressor(**SMALL).fit(X, Y)


def half(residuals, coverage, at=0.0):
    low, high = residuals.interval(np.array([at]), coverage)[0]
    return (high - low) / 2


# ---- Residuals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 9, 19, 100, 399])
def test_the_quantile_is_the_one_of_the_formula(rows):
    y = np.random.default_rng(rows).normal(size=rows)
    residuals = Residuals.of(y, np.zeros(rows))
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        place = int(np.ceil((rows + 1) * coverage - 1e-9))
        if place <= rows:
            assert half(residuals, coverage) == pytest.approx(np.sort(np.abs(y))[place - 1], rel=1e-12)
        else:
            with pytest.raises(ArgumentError, match=f"which is what {rows} rows held out in the fit can vouch for"):
                half(residuals, coverage)


def test_the_share_that_is_promised_is_held_by_chance_too():
    """Of 19 residuals the 18th smallest holds the next one 18 times in 20."""
    draws = np.abs(RANDOM.normal(size=(4000, 20)))
    held = [half(Residuals.of(row[:19], np.zeros(19)), 0.9) >= row[19] for row in draws]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_a_coverage_between_two_gets_the_larger():
    residuals = Residuals.of(np.arange(1.0, 1001.0), np.zeros(1000))
    assert half(residuals, 0.9001) == half(residuals, 0.902) > half(residuals, 0.9)
    assert half(residuals, 1000 / 1001) == 1000 * np.interp(0, residuals.at, residuals.typical)
    assert residuals.levels[-1] == 1000 / 1001


def test_the_figures_kept_do_not_grow_with_the_rows():
    y = RANDOM.normal(size=200_000)
    residuals = Residuals.of(y, RANDOM.normal(size=200_000))
    assert len(residuals.sizes) == len(LEVELS) + 1
    assert len(residuals.at) == 20


def test_weights_count_in_the_quantile():
    y, p = np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4)
    even = Residuals.of(y, p, np.full(4, 7.0))
    assert even == Residuals.of(y, p)
    assert half(even, 0.4) == 2
    assert half(Residuals.of(y, p, np.array([5.0, 1.0, 1.0, 1.0])), 0.4) == 1
    assert half(Residuals.of(y, p, np.array([1.0, 1.0, 1.0, 5.0])), 0.4) == 4


def test_where_errors_are_larger_intervals_are_wider():
    p = RANDOM.uniform(size=20_000)
    y = p + (0.1 + p) * RANDOM.uniform(-1, 1, 20_000)
    residuals = Residuals.of(y[::2], p[::2])
    assert half(residuals, 0.9, 0.95) == pytest.approx(0.9 * 1.05, rel=0.05)
    assert half(residuals, 0.9, 0.05) == pytest.approx(0.9 * 0.15, rel=0.3)
    low, high = residuals.interval(p[1::2], 0.9).T
    held = (low <= y[1::2]) & (y[1::2] <= high)
    for part in (p[1::2] < 0.3, p[1::2] > 0.7):
        assert held[part].mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("p", [np.zeros(1000), np.repeat([0.0, 5.0], [990, 10]), np.r_[-1.0, np.zeros(999)]])
def test_equal_predictions_and_perfect_ones(p):
    assert half(Residuals.of(p, p), 0.9) == 0
    y = p + RANDOM.normal(size=1000)
    residuals = Residuals.of(y, p)
    held = np.abs(y - p) <= np.diff(residuals.interval(p, 0.9))[:, 0] / 2
    assert 0.9 <= held.mean() <= 0.91


def test_huge_numbers_stay_finite():
    y = RANDOM.normal(size=1000) * 1e300
    assert np.isfinite(Residuals.of(y, -y).sizes).all()


def test_the_mean_of_members_is_off_by_the_share_that_the_decomposition_says():
    rows, members = 200_000, 4
    noise, own = RANDOM.normal(size=rows), RANDOM.normal(size=(members, rows))
    between = spread(own, np.ones((members, rows), bool))
    share = share_of_mean(float(np.mean((noise - own[0]) ** 2)), between, members)
    actual = np.sqrt(np.mean((noise - own.mean(axis=0)) ** 2) / np.mean((noise - own[0]) ** 2))
    assert share == pytest.approx(actual, abs=0.005)
    assert share == pytest.approx(np.sqrt(1 - 0.75 / 2), abs=0.005)


def test_the_share_has_its_limits():
    assert share_of_mean(0.0, 1.0, 4) == 1
    assert share_of_mean(1.0, 0.0, 4) == 1
    assert share_of_mean(1.0, 100.0, 4) == 0.5


def test_the_spread_is_the_variance_of_those_that_saw_the_row():
    said = RANDOM.normal(size=(3, 4))
    seen = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], bool)
    each = [said[:, 0].var(ddof=1), said[[0, 2], 1].var(ddof=1), said[:, 3].var(ddof=1)]
    assert spread(said, seen) == pytest.approx(np.mean(each))
    weight = np.array([1.0, 2.0, 5.0, 3.0])
    assert spread(said, seen, weight) == pytest.approx(np.average(each, weights=[1, 2, 3]))
    assert spread(said, seen & False) == 0


# ---- Intervals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"members": 8}, {"members": 3}, {"members": 1, "validation_fraction": 0.4}], ids=str
)
def test_as_many_new_rows_are_held_as_was_asked_for(settings):
    x, y = made(2000, seed=1)
    estimator = Regressor(**SMALL | {"epochs": 12} | settings).fit(x, y)
    new, truth = made(4000, seed=2)
    for coverage in (0.5, 0.9):
        low, high = estimator.predict_interval(new, coverage).T
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(coverage, abs=0.04)
    middle = estimator.predict_interval(new, 0.5).mean(axis=1)
    np.testing.assert_allclose(middle, estimator.predict(new))
    width = np.diff(estimator.predict_interval(new, 0.9))[:, 0]
    assert width[new[:, 0] > 0.8].mean() > 1.2 * width[new[:, 0] < 0.2].mean() or estimator.members == 1


def test_several_members_shrink_what_one_is_off(fitted):
    held = ~np.isnan(fitted.oof_prediction_)
    alone = Residuals.of(Y[held], fitted.oof_prediction_[held])
    assert fitted._residuals[0].typical == alone.typical
    share = np.array(fitted._residuals[0].sizes) / alone.sizes
    assert np.ptp(share) < 1e-12
    assert 0.6 < share[0] < 1


def test_several_targets_have_intervals_of_their_own():
    both = np.column_stack([Y, 100 * Y])
    estimator = Regressor(**SMALL).fit(X, both)
    intervals = estimator.predict_interval(X[:7])
    assert intervals.shape == (7, 2, 2)
    wide = np.diff(intervals)[..., 0]
    assert (wide[:, 1] > 20 * wide[:, 0]).all()
    column = Regressor(**SMALL).fit(X, Y[:, np.newaxis])
    assert column.predict_interval(X[:7]).shape == (7, 1, 2)


def test_weights_of_rows_count_in_intervals():
    """The noisy half of the rows stretches the interval as far as it counts."""
    random = np.random.default_rng(3)
    x = random.uniform(size=(800, 2))
    y = np.where(np.arange(800) % 2, 5.0, 0.1) * random.normal(size=800)
    quiet = np.where(np.arange(800) % 2, 0.01, 1.0)
    settings = SMALL | {"early_stopping": False}
    narrow, wide = (Regressor(**settings).fit(x, y, sample_weight=each) for each in (quiet, 1.01 - quiet))
    widths = [np.diff(each.predict_interval(x, 0.8)).mean() for each in (narrow, wide)]
    assert 5 * widths[0] < widths[1]


def test_numbers_that_are_never_negative_have_no_negative_ends():
    counts = np.random.default_rng(4).poisson(1.0, 600)
    low = Regressor(loss="poisson", **SMALL).fit(X, counts).predict_interval(X, 0.95)[:, 0]
    assert (low == 0).any()
    assert not (low < 0).any()


@pytest.mark.filterwarnings("ignore::tabgrad.errors.DataWarning")
def test_without_rows_held_out_there_is_no_interval(fitted):
    needs = r"needs rows that were held out in the fit, and there were none\. Fit again with members=2"
    alone = Regressor(**SMALL | {"members": 1, "early_stopping": False}).fit(X, Y)
    with pytest.raises(ArgumentError, match=needs):
        alone.predict_interval(X)
    assert alone.scores_ == {}
    with pytest.raises(ArgumentError, match=needs):
        Regressor(**SMALL).partial_fit(X, Y).predict_interval(X)
    quantiles = Regressor(loss=Quantile((0.1, 0.9)), **SMALL).fit(X, Y)
    with pytest.raises(ArgumentError, match="learned several quantiles: what predict gives is an interval"):
        quantiles.predict_interval(X)
    assert quantiles.scores_ == {}


@pytest.mark.parametrize(
    "coverage, error, said",
    [
        (90, ArgumentError, r"'coverage' of predict_interval must be in \(0, 1\)\. Got 90\. Did you mean 0\.9"),
        (1.0, ArgumentError, r"must be in \(0, 1\)\. Got 1\.0"),
        ("most", ArgumentTypeError, "must be a number. Got 'most'"),
        (0.9999, ArgumentError, r"must be 0\.9955 at most, which is what 225 rows held out .* Got 0\.9999"),
    ],
)
def test_coverages_that_are_none(fitted, coverage, error, said):
    with pytest.raises(error, match=said):
        fitted.predict_interval(X, coverage)


# ---- Scores ----------------------------------------------------------------------------------------------------------


def test_scores_of_numbers_are_those_of_the_rows_held_out():
    weight = np.where(np.arange(600) % 5, 1.0, 0.0) * RANDOM.uniform(1, 2, 600)
    estimator = Regressor(**SMALL).fit(X, Y, sample_weight=weight)
    held = ~np.isnan(estimator.oof_prediction_)
    truth, said, weight = Y[held], estimator.oof_prediction_[held], weight[held]
    assert estimator.scores_ == pytest.approx(
        {
            "r2": r2_score(truth, said, sample_weight=weight),
            "rmse": np.sqrt(np.average((truth - said) ** 2, weights=weight)),
            "mae": mean_absolute_error(truth, said, sample_weight=weight),
        }
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_classes_are_those_of_the_rows_held_out(classes):
    rows, labels = make_classification(400, 6, n_informative=4, n_classes=classes, random_state=0)
    names, weight = np.array(["a", "b", "c"])[labels], RANDOM.uniform(1, 2, 400)
    estimator = Classifier(class_weight="balanced", **SMALL).fit(rows, names, sample_weight=weight)
    held = ~np.isnan(estimator.oof_prediction_[:, 0])
    truth, p, weight = names[held], estimator.oof_prediction_[held], weight[held]
    ranked = p[:, 1] if classes == 2 else p
    assert estimator.scores_ == pytest.approx(
        {
            "log_loss": log_loss(truth, p, sample_weight=weight),
            "accuracy": accuracy_score(truth, estimator.classes_[p.argmax(axis=1)], sample_weight=weight),
            "expected_calibration_error": expected_calibration_error(truth, p, sample_weight=weight),
            "roc_auc": roc_auc_score(truth, ranked, sample_weight=weight, multi_class="ovr"),
        }
    )


def test_repeated_rows_count_each():
    twice, y = np.vstack([X[:200], X[:200]]), np.r_[Y[:200], Y[:200]]
    estimator = Regressor(**SMALL | {"batch_size": -1, "members": 8}).fit(twice, y)
    assert estimator._residuals[0].rows == 400
    assert estimator.scores_["mae"] == pytest.approx(np.abs(y - estimator.oof_prediction_).mean())


def test_a_constant_target_has_no_r2():
    scores = Regressor(**SMALL).fit(X, np.full(600, 3.0)).scores_
    assert scores == {"rmse": 0.0, "mae": 0.0}


# ---- Files -----------------------------------------------------------------------------------------------------------


def through(estimator, change=lambda header: None):
    content = estimator._to_content()
    change(content.header["estimator"])
    return model_of(store.from_bytes(store.to_bytes(content)))


def test_intervals_and_scores_come_back(fitted):
    loaded = through(fitted)
    np.testing.assert_array_equal(loaded.predict_interval(X, 0.8), fitted.predict_interval(X, 0.8))
    assert loaded.scores_ == fitted.scores_ != {}


def test_files_from_before_have_no_intervals():
    loaded = tabgrad.load(GOLDEN / "regressor-0.1.tabgrad")
    with pytest.raises(ArgumentError, match="Files of versions before predict_interval hold nothing of them"):
        loaded.predict_interval(loaded)


def test_residuals_that_fit_nothing_are_refused(fitted):
    def twice(header):
        header["residuals"] *= 2

    def short(header):
        header["residuals"][0]["sizes"] = [1.0]

    def other(header):
        header["residuals"] = [header["target"]]

    for change, said in (
        (twice, "residuals of each output of a regressor, one of a classifier, or none"),
        (short, r"'sizes' of Residuals must be \d+\. Got 1"),
        (other, "must be Residuals"),
    ):
        with pytest.raises(ModelFileError, match=said):
            through(fitted, change)
    with pytest.raises(ArgumentError, match="'at' of Residuals must ascend"):
        replace(fitted._residuals[0], at=(1.0, 0.0), typical=(1.0, 1.0))
