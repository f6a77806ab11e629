"""Ensembles of estimators: weighted means of what members say, in one file, to scikit-learn's letter."""

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
from mutants import at, compact, made
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import cross_val_score

import tabgrad
from tabgrad import Classifier, Regressor, store
from tabgrad._loading import model_of
from tabgrad.callbacks import EarlyStopping
from tabgrad.encode.encoder import Encoder
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DataWarning, ModelFileError
from tabgrad.estimators import EnsembleClassifier, EnsembleRegressor
from tabgrad.estimators._parameters import ParameterError
from tabgrad.losses import Quantile

RNG = np.random.default_rng(1)
ROWS = 150
FRAME = pd.DataFrame(
    {
        "hours": RNG.normal(size=ROWS).round(3),
        "subject": RNG.choice(["maths", "<script>", "mu\nsic"], ROWS),
        "born": pd.Timestamp("2001-01-01") + pd.to_timedelta(RNG.integers(0, 9999, ROWS), "D"),
        "always": "the same",
    }
)
FRAME.loc[[3, 7, 8, 30], "hours"] = None
VALUES = (FRAME["hours"].fillna(0) + (FRAME["subject"] == "maths")).to_numpy()
LABELS = np.where(VALUES > 0.5, "yes", "no")
SETTINGS = {"preset": "single", "epochs": 4, "random_state": 0}
SEVERAL = {"preset": "fast", "epochs": 3, "members": 3, "random_state": 1}
pytestmark = pytest.mark.filterwarnings("ignore::tabgrad.errors.DataWarning")


def classifiers():
    """Three that differ in size, encoding and number of networks; two of them encode the table alike."""
    settings = [{"hidden_layer_sizes": (8,), **SETTINGS}, SEVERAL, {"hidden_layer_sizes": (3,), **SETTINGS}]
    return [Classifier(**each) for each in settings]


def regressors():
    return [Regressor((8,), **SETTINGS), Regressor(**SEVERAL), Regressor((3,), loss="mae", numeric="none", **SETTINGS)]


WEIGHTS = [2, 1, 1]
FITTED = [each.fit(FRAME, LABELS) for each in classifiers()]
VALUED = [each.fit(FRAME, VALUES) for each in regressors()]


def through(ensemble):
    return model_of(store.from_bytes(store.to_bytes(ensemble._to_content())))


# ---- What it says ----------------------------------------------------------------------------------------------------


def test_probabilities_are_the_weighted_mean():
    ensemble = EnsembleClassifier.of(FITTED, WEIGHTS)
    expected = sum(weight * each.predict_proba(FRAME) for weight, each in zip(WEIGHTS, FITTED, strict=True)) / 4
    np.testing.assert_allclose(ensemble.predict_proba(FRAME), expected, rtol=1e-14)
    np.testing.assert_allclose(ensemble.predict_proba(FRAME).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(ensemble.predict_log_proba(FRAME)), expected, rtol=1e-12)
    assert ensemble.predict(FRAME).tolist() == ensemble.classes_[expected.argmax(axis=1)].tolist()
    assert ensemble.score(FRAME, LABELS) == accuracy_score(LABELS, ensemble.predict(FRAME))
    assert ensemble.score(FRAME.assign(passed=LABELS), "passed") == ensemble.score(FRAME, LABELS)
    assert ensemble.predict_proba(FRAME[:0]).shape == (0, 2)
    assert EnsembleClassifier.of(FITTED).weights_.tolist() == [1 / 3] * 3


def test_numbers_are_the_weighted_mean_in_their_unit():
    ensemble = EnsembleRegressor.of(VALUED, WEIGHTS)
    expected = sum(weight * each.predict(FRAME) for weight, each in zip(WEIGHTS, VALUED, strict=True)) / 4
    np.testing.assert_allclose(ensemble.predict(FRAME), expected, rtol=1e-13)
    assert ensemble.score(FRAME, VALUES) == r2_score(VALUES, ensemble.predict(FRAME))


def test_several_outputs_and_columns_of_one():
    two = np.column_stack([VALUES, -3 * VALUES])
    ensemble = EnsembleRegressor(regressors()).fit(FRAME, two)
    assert ensemble.predict(FRAME).shape == (ROWS, 2)
    assert ensemble.predict_interval(FRAME, 0.5).shape == (ROWS, 2, 2)
    wide = EnsembleRegressor(regressors()).fit(FRAME, VALUES[:, np.newaxis])
    assert wide.predict(FRAME).shape == (ROWS, 1)


def test_quantiles_are_joined_quantile_by_quantile():
    losses = {"loss": Quantile((0.1, 0.9)), **SETTINGS}
    members = [Regressor((units,), **losses).fit(FRAME, VALUES) for units in (3, 4)]
    ensemble = EnsembleRegressor.of(members)
    np.testing.assert_allclose(ensemble.predict(FRAME), (members[0].predict(FRAME) + members[1].predict(FRAME)) / 2)
    with pytest.raises(ArgumentError, match="a loss of several quantiles gives intervals by itself"):
        ensemble.predict_interval(FRAME)
    other = Regressor((3,), **{**losses, "loss": Quantile((0.2, 0.9))}).fit(FRAME, VALUES)
    with pytest.raises(DataError, match="differ in quantiles"):
        EnsembleRegressor.of([members[0], other])


def test_rows_are_encoded_once_for_members_that_encode_alike(monkeypatch):
    encoded = []
    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda self, *given: encoded.append(self) or encode(self, *given))
    ensemble = EnsembleClassifier.of(FITTED, WEIGHTS)
    assert FITTED[0].encoder_ == FITTED[2].encoder_
    for each in (ensemble, through(ensemble), pickle.loads(pickle.dumps(ensemble))):  # noqa: S301
        encoded.clear()
        each.predict(FRAME)
        assert len(encoded) == 2


def test_what_is_strange_in_rows_is_said_once():
    ensemble = EnsembleClassifier.of([FITTED[0], FITTED[2]])
    with pytest.warns(DataWarning, match="biology") as said:
        ensemble.predict(FRAME.assign(subject="biology"))
    assert len(said) == 1


def test_threads_change_no_bit():
    members = [clone(each).set_params(n_jobs=jobs) for each, jobs in zip(classifiers(), (1, 2, 3), strict=True)]
    ensemble = EnsembleClassifier(members, weights=WEIGHTS).fit(FRAME, LABELS)
    assert np.array_equal(ensemble.predict_proba(FRAME), EnsembleClassifier.of(FITTED, WEIGHTS).predict_proba(FRAME))


# ---- Rows held out ---------------------------------------------------------------------------------------------------


def test_fit_fits_copies_and_judges_their_mean():
    given = classifiers()
    ensemble = EnsembleClassifier(given, weights=WEIGHTS).fit(FRAME.assign(passed=LABELS), "passed")
    assert not any(hasattr(each, "models_") for each in given)
    assert np.array_equal(ensemble.predict_proba(FRAME), EnsembleClassifier.of(FITTED, WEIGHTS).predict_proba(FRAME))
    stacked = np.stack([each.oof_prediction_.reshape(ROWS, -1)[:, :1] for each in FITTED])[..., 0]
    share = np.isfinite(stacked).T @ np.array(WEIGHTS, float)
    with np.errstate(invalid="ignore"):
        expected = np.nansum(np.array(WEIGHTS)[:, np.newaxis] * stacked, axis=0) / share
    np.testing.assert_allclose(ensemble.oof_prediction_[:, 0], expected, rtol=1e-12)
    rows = np.isfinite(expected)
    assert 0 < rows.sum() < ROWS
    assert ensemble.scores_["log_loss"] == pytest.approx(log_loss(LABELS[rows], ensemble.oof_prediction_[rows]))
    assert ensemble._target_names == ("passed",)


def test_scores_of_what_a_search_gives():
    random = np.random.default_rng(0)
    oof = random.dirichlet([1, 1], ROWS)
    oof[:10] = np.nan
    weight = random.uniform(size=ROWS)
    weight[10:20] = 0
    ensemble = EnsembleClassifier.of(FITTED, WEIGHTS, oof=oof, y=LABELS, sample_weight=weight)
    expected = log_loss(LABELS[20:], oof[20:], sample_weight=weight[20:])
    assert ensemble.scores_["log_loss"] == pytest.approx(expected)
    assert through(ensemble).scores_ == ensemble.scores_
    assert EnsembleClassifier.of(FITTED).scores_ == {}
    assert EnsembleClassifier.of(FITTED, oof=oof * np.nan, y=LABELS).scores_ == {}


def test_intervals_hold_what_they_promise():
    """Of the rows that they were made from, exactly the share that the formula says; of new ones, about that."""
    random = np.random.default_rng(3)
    x = random.uniform(-1, 1, (900, 1))
    y = 3 * x[:, 0] + random.normal(size=900)
    train, new = np.arange(600), np.arange(600, 900)
    settings = {"preset": "single", "epochs": 20, "random_state": 0}
    first = [Regressor((units,), **settings).fit(x[train[:300]], y[train[:300]]) for units in (4, 8)]
    other = [Regressor((units,), **settings).fit(x[train[300:]], y[train[300:]]) for units in (4, 8)]
    oof = np.concatenate(
        [sum(each.predict(x[rows]) for each in pair) / 2 for pair, rows in ((other, train[:300]), (first, train[300:]))]
    )
    members = [Regressor((units,), **settings).fit(x[train], y[train]) for units in (4, 8)]
    ensemble = EnsembleRegressor.of(members, oof=oof, y=y[train])
    ends = through(ensemble).predict_interval(x[new], 0.8)
    assert np.array_equal(ends, ensemble.predict_interval(x[new], 0.8))
    inside = (ends[:, 0] <= y[new]) & (y[new] <= ends[:, 1])
    assert 0.73 < inside.mean() < 0.87
    np.testing.assert_allclose(ends.mean(axis=1), ensemble.predict(x[new]), atol=1e-9)
    with pytest.raises(ArgumentError, match=r"must be 0\.9983 at most"):
        ensemble.predict_interval(x[new], 0.9999)


def test_intervals_of_amounts_are_not_below_zero():
    amounts = np.exp(VALUES)
    members = [
        Regressor((4,), loss=loss, **SETTINGS).fit(FRAME, amounts) for loss in ("poisson", "gamma_deviance", "mse")
    ]
    wrong = {"oof": amounts + 50 * RNG.normal(size=ROWS), "y": amounts}
    assert EnsembleRegressor.of(members[:2], **wrong).predict_interval(FRAME).min() == 0
    assert EnsembleRegressor.of(members, **wrong).predict_interval(FRAME).min() < 0


def test_without_rows_held_out_there_are_no_intervals():
    ensemble = EnsembleRegressor.of(VALUED)
    with pytest.raises(ArgumentError, match=r"needs predictions of rows that were held out.*Give 'of' the out-of-fold"):
        ensemble.predict_interval(FRAME)
    fitted = EnsembleRegressor([Regressor((3,), early_stopping=False, **SETTINGS)]).fit(FRAME, VALUES)
    assert fitted.scores_ == {}
    assert np.isnan(fitted.oof_prediction_).all()


# ---- scikit-learn ----------------------------------------------------------------------------------------------------


def test_scikit_learn_knows_what_they_are():
    classes, numbers = EnsembleClassifier(classifiers()), EnsembleRegressor(regressors())
    assert is_classifier(classes)
    assert is_regressor(numbers)
    assert classes.__sklearn_tags__().input_tags.allow_nan
    assert numbers.__sklearn_tags__().target_tags.multi_output
    quantile = EnsembleRegressor([Regressor(loss=Quantile((0.1, 0.9))), Regressor()])
    assert not quantile.__sklearn_tags__().target_tags.multi_output
    scores = cross_val_score(classes.set_params(weights=WEIGHTS), FRAME, LABELS, cv=3)
    assert (scores > 0.5).all()


def test_clones_are_as_new():
    ensemble = EnsembleClassifier.of(FITTED, [1, 0, 3])
    copied = clone(ensemble)
    assert not hasattr(copied, "members_")
    assert copied.weights == [0.25, 0.75]
    assert [each.hidden_layer_sizes for each in copied.estimators] == [(8,), (3,)]
    assert not any(hasattr(each, "models_") for each in copied.estimators)
    again = copied.fit(FRAME, LABELS)
    assert np.array_equal(again.predict_proba(FRAME), ensemble.predict_proba(FRAME))
    with pytest.raises(NotFittedError):
        clone(ensemble).predict(FRAME)
    with pytest.raises(AttributeError, match="not fitted yet"):
        clone(ensemble).classes_  # noqa: B018


def test_names_of_columns_are_those_of_the_members():
    ensemble = EnsembleClassifier.of(FITTED)
    assert ensemble.n_features_in_ == 4
    assert ensemble.feature_names_in_.tolist() == list(FRAME.columns)
    with pytest.raises(DataError, match="seen at fit time, yet now missing:\n- hours\n"):
        ensemble.predict(FRAME.drop(columns="hours"))
    plain = EnsembleClassifier([Classifier((3,), **SETTINGS)]).fit(FRAME[["hours"]].to_numpy(), LABELS)
    assert not hasattr(plain, "feature_names_in_")
    with pytest.raises(DataError, match="X has 2 features, but EnsembleClassifier is expecting 1 features"):
        plain.predict(np.zeros((3, 2)))


def test_a_column_that_one_member_uses_is_used():
    told = Classifier((3,), kinds={"hours": "categorical"}, **SETTINGS).fit(FRAME, LABELS)
    dropped = Classifier((3,), kinds={"hours": "identifier"}, **SETTINGS).fit(FRAME, LABELS)
    schema = EnsembleClassifier.of([dropped, told]).table_schema_
    assert schema["hours"].used
    assert schema["hours"].kind == "categorical"
    assert not schema["always"].used


# ---- What is refused -------------------------------------------------------------------------------------------------


def fewer(**settings):
    return Classifier((3,), **SETTINGS | settings)


REFUSED = {
    "none": (lambda: EnsembleClassifier.of([]), ArgumentTypeError, r"list of 1 to 1,000. Got \[\]"),
    "one alone": (lambda: EnsembleClassifier(Classifier()).fit(FRAME, LABELS), ArgumentTypeError, "must be a list"),
    "too many": (lambda: EnsembleClassifier.of([FITTED[0]] * 1001), ArgumentTypeError, "Got 1,001"),
    "numbers among classes": (
        lambda: EnsembleClassifier.of([FITTED[0], VALUED[0]]),
        ArgumentTypeError,
        "'members' of EnsembleClassifier must each be a Classifier. Got Regressor",
    ),
    "not fitted": (lambda: EnsembleClassifier.of([Classifier()]), NotFittedError, "not fitted yet"),
    "weights below zero": (lambda: EnsembleClassifier.of(FITTED, [1, -1, 1]), ArgumentError, "must be at least 0"),
    "weights of others": (lambda: EnsembleClassifier.of(FITTED, [1, 1]), ArgumentError, "a number for each of 3"),
    "weights of zero": (lambda: EnsembleClassifier.of(FITTED, [0, 0, 0]), ArgumentError, "one of them above 0"),
    "other columns": (
        lambda: EnsembleClassifier.of([FITTED[0], fewer().fit(FRAME[["hours"]], LABELS)]),
        DataError,
        "differ in columns: .* in number 2",
    ),
    "other classes": (
        lambda: EnsembleClassifier.of([FITTED[0], fewer().fit(FRAME, FRAME["subject"])]),
        DataError,
        "differ in classes",
    ),
    "another target": (
        lambda: EnsembleClassifier.of([FITTED[0], fewer().fit(FRAME.assign(label=LABELS), "label")]),
        DataError,
        "differ in the target's name",
    ),
    "predictions alone": (
        lambda: EnsembleClassifier.of(FITTED, oof=LABELS == "yes"),
        ArgumentError,
        "'oof' and 'y' to",
    ),
    "predictions of other rows": (
        lambda: EnsembleRegressor.of(VALUED, oof=VALUES[:9], y=VALUES),
        DataError,
        "'oof' of EnsembleRegressor must have a row for each of 150 of y. Got 9",
    ),
    "predictions of other classes": (
        lambda: EnsembleClassifier.of(FITTED, oof=np.ones((ROWS, 3)) / 3, y=LABELS),
        DataError,
        "'oof' of EnsembleClassifier must have 2 columns. Got 3",
    ),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_joined_is_refused(form):
    join, error, message = REFUSED[form]
    with pytest.raises(error, match=message):
        join()


# ---- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_one_file_holds_all(kind, tmp_path):
    if kind == "classes":
        first = EnsembleClassifier.of(FITTED, WEIGHTS)
    else:
        first = EnsembleRegressor.of(VALUED, WEIGHTS, oof=VALUES + 0.1, y=VALUES)
    first.save(tmp_path / "m.tabgrad")
    loaded = tabgrad.load(tmp_path / "m.tabgrad")
    outputs = type(first).predict_proba if kind == "classes" else type(first).predict_interval
    for again in (loaded, pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):  # noqa: S301
        assert type(again) is type(first)
        assert np.array_equal(again.predict(FRAME), first.predict(FRAME))
        assert np.array_equal(outputs(again, FRAME), outputs(first, FRAME))
        assert (again.weights_.tolist(), again.scores_) == (first.weights_.tolist(), first.scores_)
        assert repr(again.get_params()) == repr(first.get_params())
        assert again.feature_names_in_.tolist() == first.feature_names_in_.tolist()
        assert again.notes_ == first.notes_
        assert again.table_schema_ == first.table_schema_
    assert store.to_bytes(loaded._to_content()) == (tmp_path / "m.tabgrad").read_bytes()
    with pytest.raises(ArgumentError, match="there already"):
        first.save(tmp_path / "m.tabgrad", overwrite=False)


def test_what_members_share_is_in_the_file_once():
    content = EnsembleClassifier.of(FITTED, WEIGHTS)._to_content()
    assert [len(each) for each in content.header["shared"].values()] == [2, 2, 1]
    assert [each["estimator"]["encoder"] for each in content.header["members"]] == [0, 1, 0]
    loaded = through(EnsembleClassifier.of(FITTED, WEIGHTS))
    assert loaded.members_[0].encoder_ is loaded.members_[2].encoder_


def test_what_no_file_holds_is_said_or_refused(tmp_path):
    heard = Classifier((3,), callbacks=[EarlyStopping("loss")], **SETTINGS).fit(FRAME, LABELS)
    with pytest.warns(UserWarning, match="does not hold 'callbacks' of members of EnsembleClassifier"):
        EnsembleClassifier.of([FITTED[0], heard]).save(tmp_path / "m.tabgrad")
    with pytest.raises(NotFittedError):
        EnsembleClassifier(classifiers()).save(tmp_path / "m.tabgrad")
    wrong = copy.deepcopy(FITTED[0])
    with pytest.raises(ParameterError, match="'epochs' parameter of Classifier"):
        EnsembleClassifier.of([wrong.set_params(epochs=-1)]).save(tmp_path / "m.tabgrad")


CONTENT = EnsembleClassifier.of(FITTED, WEIGHTS)._to_content()
HEADER = compact(CONTENT.header)
OTHER = json.loads(compact(EnsembleRegressor.of(VALUED, oof=VALUES, y=VALUES)._to_content().header))
NO_ENSEMBLES = {
    "no members": (("members",), [], "must be a list of 1 to 1,000"),
    "too many": (("members",), [{}] * 1001, "must be a list of 1 to 1,000"),
    "nothing shared": (("shared",), {}, "must hold ensemble, shared and members"),
    "a place that is none": (
        ("members", 1, "estimator", "encoder"),
        2,
        "one of 2 that are shared. Got 2",
    ),
    "a place below zero": (("members", 1, "estimator", "encoder"), -1, "must point to one of 2"),
    "a place that is true": (("members", 1, "estimator", "encoder"), True, "must point to one of 2"),
    "an encoder in place": (("members", 1, "estimator", "encoder"), {}, "must point to one of 2"),
    "weights of more": (("ensemble", "weights"), [0.25] * 4, "a weight of each of 3 members, which sum to 1"),
    "weights of two": (("ensemble", "weights"), [0.5, 0.5, 1.0], "which sum to 1"),
    "weights of zero": (
        ("ensemble", "weights"),
        [0.0, 0.5, 0.5],
        "'weights' of the file must be above 0",
    ),
    "more": (("ensemble", "more"), 1, "must hold weights, scores and residuals"),
    "residuals of classes": (
        ("ensemble", "residuals"),
        OTHER["ensemble"]["residuals"],
        "residuals in the file must be Nonconformity",
    ),
    "another network": (("members", 0, "model"), OTHER["members"][2]["model"], "must be float32 of the shape"),
    "other classes": (("shared", "target", 0, "classes"), ["a", "b", "c"], "is not one for the target"),
    "an encoder that is none": (("shared", "encoder", 0), {"class": "layers.Flatten"}, "must hold a Encoder"),
    "a class of another's": (("shared", "encoder", 0), {"class": "os.system"}, "Unknown class"),
}


@pytest.mark.parametrize("name", NO_ENSEMBLES)
def test_ensembles_made_by_intention(name):
    path, value, message = NO_ENSEMBLES[name]
    header = json.loads(HEADER)
    at(header, path[:-1])[path[-1]] = value
    data = made("ensemble_classifier", header, dict(CONTENT.arrays), "{}")
    with pytest.raises(ModelFileError, match=message):
        model_of(store.from_bytes(data))


@pytest.mark.parametrize("name", ["9/dense/kernel", "dense/kernel", "00/dense/kernel", "0/more", "/dense/kernel"])
def test_arrays_that_belong_to_nobody(name):
    arrays = {**CONTENT.arrays, name: np.zeros(2, np.float32)}
    with pytest.raises(ModelFileError, match="belongs to no"):
        model_of(store.from_bytes(made("ensemble_classifier", json.loads(HEADER), arrays, "{}")))


def test_members_of_other_columns_are_refused_in_files_too():
    header = json.loads(HEADER)
    header["members"][1]["estimator"]["named"] = False
    with pytest.raises(ModelFileError, match="differ in names of columns"):
        model_of(store.from_bytes(made("ensemble_classifier", header, dict(CONTENT.arrays), "{}")))
    with pytest.raises(ModelFileError):
        model_of(store.from_bytes(made("ensemble_regressor", json.loads(HEADER), dict(CONTENT.arrays), "{}")))


def test_sets_of_an_ensemble_of_one_are_those_of_the_one():
    """Calibrated, too: what it says of new rows and what was said of rows held out have the same temperature."""
    random = np.random.default_rng(0)
    X = random.normal(size=(240, 3))
    y = (X[:, 0] + random.normal(size=240) > 0).astype(int)
    settings = {"preset": "single", "hidden_layer_sizes": (32,), "epochs": 60, "early_stopping": True, "patience": 60}
    one = Classifier(**settings, use_ema=False, calibrate=True, random_state=0).fit(X, y)
    joined = EnsembleClassifier([Classifier(**one.get_params())]).fit(X, y)
    assert abs(one.temperature_ - 1) > 0.05
    np.testing.assert_array_equal(joined.predict_proba(X), one.predict_proba(X))
    np.testing.assert_array_equal(joined.predict_set(X, 0.9), one.predict_set(X, 0.9))
