"""Estimators in files and pickles: what comes back predicts, trains on and looks the same; nonsense is refused."""

import copy
import json
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from mutants import at, compact, made, places
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import tabgrad
from tabgrad import Classifier, Regressor, store
from tabgrad._loading import model_of
from tabgrad.callbacks import EarlyStopping
from tabgrad.errors import ArgumentError, DataError, ModelFileError
from tabgrad.estimators._parameters import ParameterError
from tabgrad.layers import Dense
from tabgrad.losses import Huber, Quantile
from tabgrad.models import Sequential, load_model
from tabgrad.optimizers import SGD
from tabgrad.optimizers.schedules import CosineDecay

RNG = np.random.default_rng(1)
ROWS = 120
FRAME = pd.DataFrame(
    {
        "hours": RNG.normal(size=ROWS).round(3),
        "subject": RNG.choice(["maths", "<script>", "mu\nsic"], ROWS),
        "street": RNG.choice([f"street {number}" for number in range(12)], ROWS),
        "born": pd.Timestamp("2001-01-01") + pd.to_timedelta(RNG.integers(0, 9999, ROWS), "D"),
        "always": "the same",
    }
)
FRAME.loc[[3, 7, 8, 30], "hours"] = None
VALUES = FRAME["hours"].fillna(0) + (FRAME["subject"] == "maths")
LABELS = np.where(VALUES > 0.5, "yes", "no")
SETTINGS = {"preset": "single", "hidden_layer_sizes": (8,), "epochs": 4, "random_state": 0}


def classifier(**settings):
    return Classifier(**SETTINGS | settings).fit(FRAME, LABELS)


def regressor(**settings):
    return Regressor(**SETTINGS | settings).fit(FRAME, VALUES)


FITTED = {
    "classes of text": classifier,
    "three classes": lambda: Classifier(**SETTINGS).fit(FRAME, FRAME["subject"].to_numpy()),
    "whole numbers": lambda: Classifier(**SETTINGS).fit(FRAME, np.where(VALUES > 0.5, 7, -2).astype(np.int16)),
    "truth values": lambda: Classifier(**SETTINGS).fit(FRAME, VALUES > 0.5),
    "an array": lambda: Classifier(**SETTINGS).fit(FRAME[["hours"]].to_numpy(), LABELS),
    "a column's name": lambda: Classifier(**SETTINGS).fit(FRAME.assign(label=LABELS), "label"),
    "settings": lambda: classifier(
        hidden_layer_sizes=np.array([8, 4]),
        optimizer=SGD(CosineDecay(0.1, 100), momentum=0.9),
        class_weight={"yes": 2.0, "no": 1},
        metrics=["accuracy"],
        kinds={"street": "categorical", "subject": ["mu\nsic", "maths", "<script>"]},
        label_smoothing=np.float64(0.1),
        early_stopping=True,
        numeric="quantile",
    ),
    "numbers": regressor,
    "two targets": lambda: Regressor(**SETTINGS).fit(FRAME, np.column_stack([VALUES, -VALUES])),
    "a constant": lambda: Regressor(**SETTINGS).fit(FRAME, np.full(ROWS, 3.0)),
    "quantiles": lambda: regressor(loss=Quantile((0.1, 0.5, 0.9))),
    "another loss": lambda: regressor(loss=Huber(0.5), n_jobs=1),
}
pytestmark = pytest.mark.filterwarnings("ignore::tabgrad.errors.DataWarning")


def rows_of(estimator):
    return FRAME if hasattr(estimator, "feature_names_in_") else FRAME[["hours"]].to_numpy()


def same(one, other):
    """Whether two estimators are the same to those who use them."""
    rows = rows_of(one)
    assert np.array_equal(one.predict(rows), other.predict(rows))
    assert one.predict(rows).dtype == other.predict(rows).dtype
    if isinstance(one, Classifier):
        assert np.array_equal(one.predict_proba(rows), other.predict_proba(rows))
        assert (one.classes_.dtype, one.classes_.tolist()) == (other.classes_.dtype, other.classes_.tolist())
    for name in ("encoder_", "table_schema_", "target_", "notes_", "scores_", "history_", "n_iter_"):
        assert repr(getattr(one, name)) == repr(getattr(other, name)), name
    names = [getattr(each, "feature_names_in_", np.array([])).tolist() for each in (one, other)]
    assert names[0] == names[1]
    assert one.model_.plan() == other.model_.plan()
    assert one._fingerprint == other._fingerprint
    assert vars(one).keys() - {"oof_prediction_"} == vars(other).keys() - {"oof_prediction_"}
    return True


def through(estimator):
    return model_of(store.from_bytes(store.to_bytes(estimator._to_content())))


@pytest.mark.parametrize("form", FITTED)
def test_estimators_come_back(form, tmp_path):
    first = FITTED[form]()
    first.save(tmp_path / "m.tabgrad")
    loaded = tabgrad.load(tmp_path / "m.tabgrad")
    assert type(loaded) is type(first)
    assert same(first, loaded)
    if form != "settings":  # whose NumPy numbers and array are Python's own afterwards
        assert repr(loaded) == repr(first)
        assert repr(loaded.get_params()) == repr(first.get_params())
    assert same(first, pickle.loads(pickle.dumps(first)))  # noqa: S301
    assert same(first, copy.deepcopy(first))
    assert store.to_bytes(loaded._to_content()) == store.to_bytes(first._to_content())


def test_scores_of_rows_held_out_are_kept():
    first = classifier(early_stopping=False)
    assert first.scores_ == {}
    first.scores_ = {"accuracy": np.float64(0.75), "log loss": float("inf")}
    assert through(first).scores_ == first.scores_
    assert first.fit(FRAME, LABELS).scores_ == {}


def test_training_goes_on():
    first = classifier()
    again = through(first)
    for each in (first, again):
        each.partial_fit(FRAME, LABELS)
    assert same(first, again)
    for each in (first, again):
        each.set_params(warm_start=True).fit(FRAME, LABELS)
    assert same(first, again)


def test_the_same_run_gives_the_same_bytes():
    assert store.to_bytes(classifier()._to_content()) == store.to_bytes(classifier()._to_content())


def test_the_fingerprint_is_that_of_the_table():
    first, content = classifier(), classifier()._to_content()
    assert content.header["estimator"]["fingerprint"] == tabgrad.table.Table.of(FRAME).fingerprint()
    other = Classifier(**SETTINGS).fit(FRAME.assign(hours=1.5 * FRAME["hours"]), LABELS)
    assert other._fingerprint != first._fingerprint


def test_levels_too_seldom_for_a_place_are_no_strangers_after_loading():
    rare = FRAME.assign(subject=["once", *FRAME["subject"][1:]])
    first = Classifier(**SETTINGS).fit(rare, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        through(first).predict(rare)


def test_what_is_no_plain_data_is_left_out_and_said(tmp_path):
    first = classifier(callbacks=[EarlyStopping("loss")], random_state=np.random.RandomState(0))
    with pytest.warns(UserWarning, match="does not hold 'callbacks', 'random_state' of Classifier.*predicts the same"):
        first.save(tmp_path / "m.tabgrad")
    loaded = tabgrad.load(tmp_path / "m.tabgrad")
    assert (loaded.callbacks, loaded.random_state) == (None, None)
    assert np.array_equal(loaded.predict_proba(FRAME), first.predict_proba(FRAME))
    again = pickle.loads(pickle.dumps(first))  # noqa: S301
    assert isinstance(again.callbacks[0], EarlyStopping)
    assert isinstance(again.random_state, np.random.RandomState)


def test_networks_of_ones_own(tmp_path):
    numbers = FRAME[["hours"]].fillna(0).to_numpy()
    network = Sequential([Dense(3, "relu"), Dense(1, "sigmoid")], seed=0)
    first = Classifier(model=network, epochs=2, random_state=0).fit(numbers, LABELS)
    with pytest.warns(UserWarning, match="does not hold 'model' of Classifier"):
        first.save(tmp_path / "m.tabgrad")
    assert np.array_equal(tabgrad.load(tmp_path / "m.tabgrad").predict_proba(numbers), first.predict_proba(numbers))


def squared(y, p):
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]


def test_losses_of_ones_own_are_refused_and_pickled(tmp_path):
    first = regressor(loss=squared)
    with pytest.raises(ArgumentError, match=r"^The Regressor cannot be saved with .*'squared' is .* or pickle it\."):
        first.save(tmp_path / "m.tabgrad")
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(pickle.loads(pickle.dumps(first)).predict(FRAME), first.predict(FRAME))  # noqa: S301


def test_what_is_not_fitted(tmp_path):
    with pytest.raises(NotFittedError):
        Classifier().save(tmp_path / "m.tabgrad")
    again = pickle.loads(pickle.dumps(Classifier(epochs=3)))  # noqa: S301
    assert (again.epochs, hasattr(again, "model_")) == (3, False)
    assert clone(classifier()).get_params() == Classifier(**SETTINGS).get_params()


def test_arguments_that_are_none_are_refused(tmp_path):
    first = classifier().set_params(epochs=-3)
    with pytest.raises(ParameterError, match="'epochs' parameter of Classifier must be"):
        first.save(tmp_path / "m.tabgrad")
    assert pickle.loads(pickle.dumps(first)).epochs == -3  # noqa: S301


def test_overwriting(tmp_path):
    first = classifier()
    first.save(tmp_path / "m.tabgrad")
    with pytest.raises(ArgumentError, match="there already"):
        first.save(tmp_path / "m.tabgrad", overwrite=False)
    with pytest.raises(ArgumentError, match=r"must end in '\.tabgrad'"):
        first.save(tmp_path / "m.pkl")


def test_load_model_names_the_other_function(tmp_path):
    classifier().save(tmp_path / "m.tabgrad")
    with pytest.raises(ModelFileError, match=r"holds a classifier, not a Sequential\. Use tabgrad\.load"):
        load_model(tmp_path / "m.tabgrad")


def test_within_pipelines():
    pipeline = make_pipeline(Classifier(**SETTINGS)).fit(FRAME, LABELS)
    again = pickle.loads(pickle.dumps(pipeline))  # noqa: S301
    assert np.array_equal(again.predict_proba(FRAME), pipeline.predict_proba(FRAME))
    assert same(pipeline[0], copy.deepcopy(pipeline)[0])


def test_what_users_add_stays_in_a_pickle():
    first = classifier()
    first.note = OrderedDict(a=1)
    first.set_fit_request = None
    again = pickle.loads(pickle.dumps(first))  # noqa: S301
    assert again.note == OrderedDict(a=1)


# ---- Made by intention -----------------------------------------------------------------------------------------------

CONTENT = classifier()._to_content()
HEADER = compact(CONTENT.header)


def changed(path, value):
    header = json.loads(HEADER)
    if value is None:
        del at(header, path[:-1])[path[-1]]
    else:
        at(header, path[:-1])[path[-1]] = value
    return made("classifier", header, dict(CONTENT.arrays), compact(dict(CONTENT.versions)))


OTHER = json.loads(compact(regressor()._to_content().header))
NOT_ESTIMATORS = {
    "no model": (("model",), None, "must hold estimator and model"),
    "no schema": (("estimator", "schema"), None, "The estimator must hold parameters, schema"),
    "no encoder's columns": (("estimator", "encoder", "columns"), None, "describes no model"),
    "a target for numbers": (("estimator", "target"), OTHER["estimator"]["target"], "must hold a ClassTarget"),
    "an encoder that is a layer": (("estimator", "encoder"), {"class": "layers.Flatten"}, "must hold a Encoder"),
    "another schema": (
        ("estimator", "schema", "columns", 0, "name"),
        "other",
        "schema's columns must be the encoder's",
    ),
    "one class": (("estimator", "target", "classes"), ["no"], "is not one for the target"),
    "three classes": (("estimator", "target", "classes"), ["a", "b", "c"], "is not one for the target"),
    "a setting that is none": (("estimator", "parameters", "os"), "system", "takes no argument 'os'"),
    "a setting out of range": (("estimator", "parameters", "epochs"), -3, "'epochs' parameter of Classifier must be"),
    "a setting of code": (("estimator", "parameters", "loss"), {"eval": "1"}, "cannot be a 'eval'"),
    "an unknown record": (("estimator", "parameters", "loss"), {"record": {"class": "os.system"}}, "Unknown class"),
    "notes of numbers": (("estimator", "notes"), [1], "'a name' of the file must be a string"),
    "a fingerprint that is none": (("estimator", "fingerprint"), 3, "'fingerprint' of the file must be a string"),
    "an encoder of fewer columns": (("estimator", "encoder", "columns"), [], "describes no model"),
}


@pytest.mark.parametrize("name", NOT_ESTIMATORS)
def test_estimators_made_by_intention(name):
    path, value, message = NOT_ESTIMATORS[name]
    with pytest.raises(ModelFileError, match=message) as error:
        model_of(store.from_bytes(changed(path, value), "'m.tabgrad'"))
    assert str(error.value).startswith("'m.tabgrad' ")
    assert str(error.value).isprintable()


def test_a_network_of_other_columns_or_not_compiled():
    header = json.loads(HEADER)
    header["model"]["training"] = None
    header["model"]["state"] |= {"optimizer": False, "step": 0}
    weights = {name: array for name, array in CONTENT.arrays.items() if name.count("/") == 1}
    with pytest.raises(ModelFileError, match="must be built and compiled"):
        model_of(store.from_bytes(made("classifier", header, weights, "{}")))
    numbers = Classifier(**SETTINGS).fit(FRAME[["hours"]], LABELS)._to_content()
    fewer = json.loads(HEADER)
    fewer["model"]["network"]["layers"][0]["input_dim"] = [5]
    tables = {name: array[:5] if "embedding" in name else array for name, array in CONTENT.arrays.items()}
    with pytest.raises(ModelFileError, match="must have a row for each of the encoder's codes"):
        model_of(store.from_bytes(made("classifier", fewer, tables, "{}")))
    mixed = {**json.loads(HEADER), "model": numbers.header["model"]}
    with pytest.raises(ModelFileError, match=r"The network takes \d+ columns and 0 of codes, the encoder gives"):
        model_of(store.from_bytes(made("classifier", mixed, dict(numbers.arrays), "{}")))


def test_every_value_of_a_header_may_be_anything():
    header, refused, rows = json.loads(HEADER), 0, FRAME[:5]
    for number, path in enumerate(list(places(header))):
        within, key = at(header, path[:-1]), path[-1]
        sound = within[key]
        for value in (None, -1, 10**30, "os.system", [], {}, [[1]], 1e308)[number % 4 :: 4]:
            within[key] = value
            data = made("classifier", header, dict(CONTENT.arrays), compact(dict(CONTENT.versions)))
            try:
                loaded = model_of(store.from_bytes(data))
            except ModelFileError:
                refused += 1
                continue
            try:
                assert len(loaded.predict_proba(rows)) == 5
            except (ArgumentError, DataError):
                continue
        within[key] = sound
    assert refused > 200
