"""Sets of classes and temperatures, from the rows that a fit held out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import tabgrad
from tabgrad import Classifier, Regressor, store
from tabgrad._loading import model_of
from tabgrad.errors import ArgumentError, ArgumentTypeError, ModelFileError
from tabgrad.estimators import EnsembleClassifier
from tabgrad.estimators._calibration import fitted_temperature, gain_of_temperature, softening, tempered
from tabgrad.estimators._conformal import LEVELS, Nonconformity

GOLDEN = Path(__file__).parents[1] / "golden"
RANDOM = np.random.default_rng(0)
SMALL = {"members": 3, "hidden_layer_sizes": (8,), "epochs": 8, "random_state": 0, "numeric_embedding": "none"}
SMALL |= {"n_neighbors": 0}  # the networks alone


def made(rows, seed=0):
    """Four classes whose probabilities are known, seldom above 0.9."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    p = softmax(x @ [[1.5, 0, -1, 0], [0, 1.5, 0, -1], [0.5, 0, 1, 0]], axis=1)
    return x, np.array(list("abcd"))[(p.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1).clip(max=3)], p


X, Y, P = made(600)
CLASSES = np.searchsorted(list("abcd"), Y)


@pytest.fixture(scope="module")
def fitted():
    return Classifier(**SMALL).fit(X, Y)


# ---- Scores and thresholds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 9, 100])
def test_the_threshold_is_the_quantile_with_one_row_more(rows):
    """As it is defined: the ceil((n + 1) coverage)-th smallest score."""
    p, y = P[:rows], CLASSES[:rows]
    own = p[np.arange(rows), y]
    scores = np.sort(np.where(p.argmax(axis=1) == y, 0, 1 - own))
    made = Nonconformity.of(y, p)
    for coverage in (0.1, 0.5, 0.9, rows / (rows + 1)):
        place = int(np.ceil((rows + 1) * coverage - 1e-9))
        if place > rows:
            with pytest.raises(ArgumentError, match="'coverage' of predict_set must be"):
                made.sets(p, coverage)
            continue
        expected = (scores[place - 1] >= 1 - P) | (P.max(axis=1, keepdims=True) == P)
        np.testing.assert_array_equal(made.sets(P, coverage), expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.9]))
def test_sets_are_never_empty_and_grow_with_the_coverage(rows, classes, seed, coverage):
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(classes, 0.3), rows).round(random.integers(1, 4))  # ties, zeros and ones
    made = Nonconformity.of(random.integers(0, classes, rows), p)
    if coverage > made.levels[-1]:
        return
    small, large = made.sets(p, coverage), made.sets(p, float(made.levels[-1]))
    assert small[np.arange(rows), p.argmax(axis=1)].all()
    assert (small <= large).all()


def test_weights_count_as_so_many_rows():
    """A threshold is the smallest score below or at which the weight is enough, over the mean weight."""
    weight = RANDOM.uniform(0.1, 3, 200)
    p, y = P[:200], CLASSES[:200]
    scores = np.where(p.argmax(axis=1) == y, 0, 1 - p[np.arange(200), y])
    found = Nonconformity.of(y, p, weight)
    for level, size in zip(found.levels[::25], found.sizes[::25], strict=True):
        enough = [s for s in scores if weight[scores <= s].sum() / weight.mean() >= level * 201 - 1e-6]
        assert size == min(enough, default=scores.max())
    assert Nonconformity.of(y, p, np.full(200, 7.0)) == Nonconformity.of(y, p)
    assert len(Nonconformity.of(np.tile(CLASSES, 100), np.tile(P, (100, 1))).sizes) == len(LEVELS) + 1


def test_known_probabilities_hold_what_is_asked_for():
    _, y, p = made(40_000, seed=1)
    y = np.searchsorted(list("abcd"), y)
    scores = Nonconformity.of(y[:20_000], p[:20_000])
    for coverage in (0.8, 0.9, 0.99):
        inside = scores.sets(p[20_000:], coverage)
        assert inside[np.arange(20_000), y[20_000:]].mean() == pytest.approx(coverage, abs=0.01)


# ---- Classifier ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen", [{"members": 8}, {"members": 3}, {"members": 1, "validation_fraction": 0.4}], ids=str
)
@pytest.mark.parametrize("calibrate", [False, True])
def test_as_many_new_rows_are_held_as_was_asked_for(chosen, calibrate):
    held = {0.8: [], 0.9: []}
    new, truth, _ = made(4000, seed=9)
    for seed in range(3):
        x, y, _ = made(1200, seed=seed)
        estimator = Classifier(**SMALL | {"random_state": seed, "calibrate": calibrate} | chosen).fit(x, y)
        for coverage, shares in held.items():
            inside = estimator.predict_set(new, coverage)
            shares.append(inside[np.arange(4000), np.searchsorted(list("abcd"), truth)].mean())
    for coverage, shares in held.items():
        assert np.mean(shares) == pytest.approx(coverage, abs=0.03)


def test_sets_hold_the_prediction_and_what_is_nearly_as_probable(fitted):
    sets, p = fitted.predict_set(X, 0.8), fitted.predict_proba(X)
    assert sets.dtype == bool
    assert sets.shape == (600, 4)
    assert sets[np.arange(600), p.argmax(axis=1)].all()
    assert 1 < sets.sum(axis=1).mean() < 4
    assert p[sets].min() > np.where(sets, 0, p).max() - 0.5
    others = ~(p == p.max(axis=1, keepdims=True))
    assert p[sets & others].min() > p[~sets].max()


def test_labels_are_those_of_the_classes(fitted):
    sets = fitted.predict_set(X[:5], 0.9)
    labels = fitted.labels_in(sets)
    assert [[label in each for label in "abcd"] for each in labels] == sets.tolist()
    numbers = Classifier(**SMALL).fit(X, CLASSES)
    assert all(type(label) is int for each in numbers.labels_in(numbers.predict_set(X[:5])) for label in each)
    for wrong in (sets[:, :3], sets.astype(int), sets[0], "ab"):
        with pytest.raises(ArgumentError, match="labels_in of Classifier needs what predict_set gives"):
            fitted.labels_in(wrong)


def test_an_accurate_classifier_has_sets_of_one():
    sure = Classifier(**SMALL | {"epochs": 40}).fit(X, X[:, 0] > 0)
    assert sure.scores_["accuracy"] > 0.92
    assert (sure.predict_set(X, 0.9).sum(axis=1) == 1).all()


@pytest.mark.filterwarnings("ignore::tabgrad.errors.DataWarning")
def test_without_rows_held_out_there_are_no_sets():
    needs = r"predict_set needs rows that were held out in the fit, and there were none\. Fit again with members=2"
    for made in (
        Classifier(**SMALL | {"members": 1, "early_stopping": False}).fit(X, Y),
        Classifier(**SMALL, calibrate=True).partial_fit(X, Y),
        tabgrad.load(GOLDEN / "classifier-0.1.tabgrad"),
    ):
        with pytest.raises(ArgumentError, match=needs):
            made.predict_set(X)
        assert made.temperature_ == 1


@pytest.mark.parametrize(
    "coverage, error, said",
    [
        (90, ArgumentError, r"'coverage' of predict_set must be in \(0, 1\)\. Got 90\. Did you mean 0\.9"),
        (0, ArgumentError, r"must be in \(0, 1\)\. Got 0"),
        ("most", ArgumentTypeError, "must be a number. Got 'most'"),
        (0.9999, ArgumentError, r"must be 0\.9955 at most, which is what 225 rows held out .* Got 0\.9999"),
    ],
)
def test_coverages_that_are_none(fitted, coverage, error, said):
    with pytest.raises(error, match=said):
        fitted.predict_set(X, coverage)


@pytest.mark.filterwarnings("ignore::tabgrad.errors.DataWarning")
def test_few_rows_and_a_class_that_none_held_out():
    few = Classifier(**SMALL | {"members": 2}, calibrate="auto").fit(X[:8], Y[:8])
    assert few.predict_set(X, 0.5).any(axis=1).all()
    with pytest.raises(ArgumentError, match=r"which is what .* rows held out in the fit can vouch for"):
        few.predict_set(X, 0.95)
    once = np.array(["x"] * 300 + ["y"] * 299 + ["rare"])
    rare = Classifier(**SMALL, calibrate=True).fit(X, once)
    assert rare.predict_set(X).shape == (600, 3)


def test_an_ensemble_has_sets_too():
    ensemble = EnsembleClassifier([Classifier(**SMALL), Classifier(**SMALL | {"random_state": 1})]).fit(X, Y)
    sets = ensemble.predict_set(X, 0.9)
    held = np.isfinite(ensemble.oof_prediction_).all(axis=1)
    scores = Nonconformity.of(CLASSES[held], ensemble.oof_prediction_[held])
    np.testing.assert_array_equal(sets, scores.sets(ensemble.predict_proba(X), 0.9))
    loaded = model_of(store.from_bytes(store.to_bytes(ensemble._to_content())))
    np.testing.assert_array_equal(loaded.predict_set(X, 0.9), sets)
    assert ensemble.labels_in(sets) == loaded.labels_in(sets)
    alone = EnsembleClassifier.of([ensemble.members_[0]])
    with pytest.raises(ArgumentError, match="predict_set needs rows that were held out"):
        alone.predict_set(X)


# ---- Temperature -----------------------------------------------------------------------------------------------------


def test_a_temperature_divides_the_logits():
    z = RANDOM.normal(size=(50, 4)) * 5
    for temperature in (0.3, 1.0, 2.5):
        np.testing.assert_allclose(tempered(softmax(z, axis=1), temperature), softmax(z / temperature, axis=1))
    np.testing.assert_array_equal(tempered(np.array([[1.0, 0.0]]), 5.0), [[1.0, 0.0]])
    tiny = tempered(np.array([[1e-300, 1.0]]), 0.1)
    np.testing.assert_array_equal(tiny, [[0.0, 1.0]])


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_most_likely_one(true):
    """It is the slope of a logistic regression on the logit, without a constant."""
    z = RANDOM.normal(size=4000) * 2
    y = (RANDOM.random(4000) < 1 / (1 + np.exp(-z))).astype(int)
    p = 1 / (1 + np.exp(-z * true))  # too sure where true is above 1
    found = fitted_temperature(np.column_stack([1 - p, p]), y)
    slope = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10).fit(z[:, np.newaxis] * true, y).coef_.item()
    assert found == pytest.approx(1 / slope, rel=0.01)
    assert found == pytest.approx(true, rel=0.1)


def test_weights_count_in_a_temperature():
    counts = RANDOM.integers(0, 3, 600)
    sharp = tempered(P, 0.4)
    rows = np.repeat(np.arange(600), counts)
    kept = counts > 0
    weighted = fitted_temperature(sharp[kept], CLASSES[kept], counts[kept].astype(float))
    assert weighted == pytest.approx(fitted_temperature(sharp[rows], CLASSES[rows]), rel=0.02)


def test_few_rows_that_are_all_right_do_not_make_it_sure():
    p = np.tile([0.9, 0.1], (8, 1))
    assert 0.3 < fitted_temperature(p, np.zeros(8, int)) < 1


def test_the_gain_is_of_rows_that_were_not_fitted():
    sharp = tempered(P, 0.3)
    gain, error = gain_of_temperature(sharp, CLASSES)
    assert gain > 3 * error > 0
    whole = log_loss(CLASSES, sharp) - log_loss(CLASSES, tempered(sharp, fitted_temperature(sharp, CLASSES)))
    assert gain == pytest.approx(whole, rel=0.2)
    assert gain < whole
    gain, error = gain_of_temperature(P, CLASSES)
    assert gain < 2 * error
    assert gain_of_temperature(P[:1], CLASSES[:1]) == (0, 0)


def test_a_mean_is_softer_than_its_terms():
    z = RANDOM.normal(size=(200, 3))
    said = softmax(z + RANDOM.normal(size=(5, 200, 3)) * 2, axis=2)
    mean = said.mean(axis=0)
    found = minimize_scalar(
        lambda beta: -np.sum(mean * np.log(tempered(said, 1 / beta))), bounds=(0.1, 1), method="bounded"
    )
    assert softening(said) == pytest.approx(1 / found.x, rel=1e-3)
    assert softening(said) > 1.2
    assert softening(np.stack([said[0]] * 3)) == pytest.approx(1, abs=1e-3)


def too_sure(calibrate, **changed):
    """Networks that know their rows by heart."""
    options = {"early_stopping": False, "epochs": 300, "hidden_layer_sizes": (64, 64), "weight_decay": 0.0}
    options |= {"use_ema": False, "dropout": 0.0}
    return Classifier(**SMALL | options | changed, calibrate=calibrate).fit(X, Y)


def test_who_is_too_sure_is_made_less_so():
    new, truth, _ = made(3000, seed=5)
    plain, auto, always = map(too_sure, (False, "auto", True))
    assert plain.temperature_ == 1 < auto.temperature_ < always.temperature_
    losses = [log_loss(truth, each.predict_proba(new)) for each in (plain, auto, always)]
    assert max(losses[1:]) < 0.8 * losses[0]
    np.testing.assert_array_equal(auto.predict(new), plain.predict(new))
    np.testing.assert_array_equal(auto.oof_prediction_, plain.oof_prediction_)
    assert auto.scores_ == plain.scores_
    np.testing.assert_allclose(
        always.predict_proba(new), tempered(plain.predict_proba(new), always.temperature_), rtol=1e-9
    )


def test_one_network_has_the_temperature_of_its_rows():
    alone = Classifier(**SMALL | {"members": 1, "validation_fraction": 0.3}, calibrate=True).fit(X, Y)
    held = np.isfinite(alone.oof_prediction_).all(axis=1)
    assert alone.temperature_ == fitted_temperature(alone.oof_prediction_[held], CLASSES[held])


def test_auto_helps_where_it_is_sure_and_else_leaves_alone(fitted):
    """After eight passes the networks still say too little; after sixty they are at their best."""
    new, truth, _ = made(3000, seed=5)
    short = Classifier(**SMALL, calibrate="auto").fit(X, Y)
    assert short.temperature_ < 0.9
    assert log_loss(truth, short.predict_proba(new)) < 0.98 * log_loss(truth, fitted.predict_proba(new))
    long = Classifier(**SMALL | {"epochs": 60}, calibrate="auto").fit(X, Y)
    assert long.temperature_ == 1


def test_what_calibrate_may_be():
    with pytest.raises(ArgumentTypeError, match="calibrate"):
        Classifier(calibrate="always").fit(X, Y)


# ---- Files -----------------------------------------------------------------------------------------------------------


def through(estimator, change=lambda header: None):
    content = estimator._to_content()
    change(content.header["estimator"])
    return model_of(store.from_bytes(store.to_bytes(content)))


def test_sets_and_temperatures_come_back():
    made = too_sure(True, epochs=30)
    assert made.temperature_ != 1
    loaded = through(made)
    assert loaded.temperature_ == made.temperature_
    assert loaded.calibrate is True
    np.testing.assert_array_equal(loaded.predict_proba(X), made.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict_set(X, 0.8), made.predict_set(X, 0.8))


def test_files_that_fit_nothing_are_refused(fitted):
    def changed(**entries):
        return lambda header: header.update(entries)

    def sized(number):
        return lambda header: header["residuals"][0].update(sizes=[number])

    numbers = Regressor(**SMALL).fit(X, X[:, 0] + X[:, 1])
    for estimator, change, said in (
        (fitted, changed(temperature=0.0), "'temperature' of the file must be above 0"),
        (fitted, changed(temperature="hot"), "'temperature' of the file must be a number"),
        (fitted, changed(residuals=numbers._to_content().header["estimator"]["residuals"]), "must be Nonconformity"),
        (fitted, sized(2.0), r"'sizes' of Nonconformity must be in \[0, 1\]"),
        (fitted, sized(0.5), r"'sizes' of Nonconformity must be \d+\. Got 1"),
        (numbers, changed(temperature=2.0), "Only a classifier has a temperature"),
    ):  # fmt: skip
        with pytest.raises(ModelFileError, match=said):
            through(estimator, change)
