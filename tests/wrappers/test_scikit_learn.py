"""The wrappers as scikit-learn's users meet them."""

import pickle
import time
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_regression
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, get_scorer, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.class_weight import compute_sample_weight

import tabgrad
from tabgrad import _seeds, losses, optimizers
from tabgrad.callbacks import Callback, EarlyStopping, LambdaCallback
from tabgrad.errors import ArgumentError, DataError, UnknownNameError
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.wrappers.scikit_learn import KerasClassifier, KerasRegressor

from .networks import NAMES, NUMBERS, ONE_HOT, X, compiled, fixed, uncompiled

QUICK = {"verbose": 0, "optimizer": "adam", "optimizer__learning_rate": 0.01}


def classifier(model=uncompiled, **parameters):
    return KerasClassifier(model, **{"epochs": 30, "random_state": 0, **QUICK, **parameters})


def regressor(model=uncompiled, **parameters):
    return KerasRegressor(model, **{"epochs": 30, "random_state": 0, **QUICK, **parameters})


def by_hand(fitted, y, loss, *, x=X, sample_weight=None, epochs=30):
    """The weights that the model of a fitted wrapper gets from Sequential alone."""
    model = Sequential(fitted.model_.layers, seed=fitted.model_.seed)
    model.compile(optimizers.Adam(0.01), loss)
    model.fit(x, y, sample_weight=sample_weight, epochs=epochs, verbose=0)
    return model.get_weights()


def log(probabilities):
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


# ---- scikit-learn's own checks ---------------------------------------------------------------------------------------

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "A row of weight 2 takes part in one step, a repeated row in several; Adam's epsilon and float32 see the "
        "difference even where all rows make one batch."
    )
}
CHECKED = [
    classifier(epochs=40),
    classifier(epochs=40, loss="categorical_crossentropy", batch_size=16, hidden=24),
    regressor(epochs=40),
]


CHECKS = [
    check
    for estimator in CHECKED
    for check in estimator_checks.estimator_checks_generator(
        estimator, expected_failed_checks=EXPECTED_FAILURES, mark="xfail"
    )
]


@pytest.mark.parametrize("estimator, check", CHECKS, ids=lambda one: getattr(one, "func", type(one)).__name__)
def test_estimator_checks(estimator, check):
    if check.func.__name__.startswith("check_classifiers_multilabel") and estimator.loss == "categorical_crossentropy":
        pytest.skip("rows of several labels need another loss")
    check(estimator)


@pytest.mark.parametrize("estimator", [classifier(), regressor()], ids=["classifier", "regressor"])
def test_checks_that_scikit_learn_has_but_does_not_run(estimator):
    name = type(estimator).__name__
    estimator_checks.check_dataframe_column_names_consistency(name, estimator)
    if is_classifier(estimator):
        estimator_checks.check_classifier_multioutput(name, estimator)


def test_tags():
    assert is_classifier(classifier())
    assert is_regressor(regressor())
    assert is_classifier(make_pipeline(StandardScaler(), classifier()))
    assert get_tags(classifier()).classifier_tags.multi_label
    assert get_tags(regressor()).target_tags.multi_output


# ---- Training is Sequential's ----------------------------------------------------------------------------------------

HEADS = [
    ("softmax", "sparse_categorical_crossentropy", NUMBERS),
    ("softmax", "categorical_crossentropy", ONE_HOT),
    ("sigmoid", "binary_crossentropy", ONE_HOT),
    ("softmax", "mse", ONE_HOT),
]


@pytest.mark.parametrize(("activation", "loss", "target"), HEADS)
@pytest.mark.parametrize("y", [NAMES, NUMBERS, ONE_HOT], ids=["names", "numbers", "one-hot"])
def test_labels_become_what_the_loss_reads(activation, loss, target, y):
    fitted = classifier(compiled, activation=activation, loss=loss).fit(X, y)
    assert_same(fitted.model_.get_weights(), by_hand(fitted, target, loss))


def test_two_classes_on_one_sigmoid_are_0_and_1():
    fitted = classifier(compiled, units=1, activation="sigmoid", loss="binary_crossentropy").fit(X, NAMES == "setosa")
    assert_same(fitted.model_.get_weights(), by_hand(fitted, (NUMBERS == 0).astype(float), "binary_crossentropy"))


@pytest.mark.parametrize(
    ("last", "y", "loss"),
    [
        (Dense(3, activation="softmax"), NAMES, losses.SparseCategoricalCrossentropy()),
        (Dense(3, activation="softmax"), ONE_HOT, losses.SparseCategoricalCrossentropy()),
        (Dense(3), NAMES, losses.SparseCategoricalCrossentropy(from_logits=True)),
        (Dense(1, activation="sigmoid"), NUMBERS > 0, losses.BinaryCrossentropy()),
        (Dense(1), NUMBERS > 0, losses.BinaryCrossentropy(from_logits=True)),
        (Dense(3, activation="sigmoid"), 1 - ONE_HOT, losses.BinaryCrossentropy()),
    ],
)
def test_uncompiled_model_is_given_the_loss_that_fits(last, y, loss):
    fitted = classifier(Sequential([last])).fit(X, y)
    assert fitted.model_.loss == loss
    assert fitted.model_.optimizer == optimizers.Adam(0.01)
    assert fitted.score(X, y) > 0.6


def test_no_loss_is_guessed_for_other_activations():
    with pytest.raises(ArgumentError, match="last activation is Tanh: give 'loss'"):
        classifier(Sequential([Dense(3, activation="tanh")])).fit(X, NAMES)


def test_regressor_is_least_squares_where_the_network_is_linear():
    table, y = make_regression(200, 4, n_targets=2, noise=5.0, random_state=0)
    exact = LinearRegression().fit(table, y / 100).predict(table)
    fitted = regressor(Sequential([Dense(2)]), epochs=300, batch_size=-1, optimizer__learning_rate=0.03)
    np.testing.assert_allclose(fitted.fit(table, y / 100).predict(table), exact, atol=0.01)
    assert fitted.score(table, y / 100) == r2_score(y / 100, fitted.predict(table))


def test_classifier_is_logistic_regression_where_the_network_is_linear():
    network = Sequential([Dense(3, activation="softmax", kernel_regularizer="l2")])
    fitted = classifier(network, epochs=500, batch_size=-1, optimizer__learning_rate=0.05).fit(X, NAMES)
    # mean loss + 0.01 |W|^2, times rows: C = 1 / (2 * 0.01 * 150)
    exact = LogisticRegression(C=1 / 3, solver="newton-cg", tol=1e-6).fit(X, NAMES)
    np.testing.assert_allclose(fitted.predict_proba(X), exact.predict_proba(X), atol=1e-3)


# ---- Targets and predictions -----------------------------------------------------------------------------------------

LABELS = {
    "strings": NAMES,
    "objects": NAMES.astype(object),
    "list": NAMES.tolist(),
    "integers": NUMBERS * 10 - 7,
    "floats": NUMBERS.astype(float),
    "booleans": NUMBERS > 0,
    "pandas": pd.Series(NAMES),
    "categories": pd.Series(NAMES).astype("category"),
    "polars": pl.Series(NAMES),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS.keys())
@pytest.mark.parametrize("single", [False, True], ids=["softmax", "sigmoid"])
def test_predictions_are_labels(y, single):
    labels = np.asarray(y)
    if single:
        kept = np.isin(labels, np.unique(labels)[:2])
        table, labels = X[kept], labels[kept]
        y = labels.tolist() if isinstance(y, list) else labels
        fitted = classifier(compiled, units=1, activation="sigmoid", loss="binary_crossentropy").fit(table, y)
    else:
        table = X
        fitted = classifier().fit(table, y)
    predicted, probabilities = fitted.predict(table), fitted.predict_proba(table)
    np.testing.assert_array_equal(fitted.classes_, np.unique(labels))
    assert fitted.n_classes_ == len(fitted.classes_) == probabilities.shape[1]
    assert predicted.dtype == labels.dtype
    assert fitted.score(table, y) == accuracy_score(labels, predicted) > 0.85
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], predicted)
    np.testing.assert_array_equal(fitted.predict_log_proba(table), log(probabilities))
    assert not hasattr(fitted, "decision_function")


def test_probability_of_a_sigmoid_is_that_of_the_second_class():
    fitted = classifier(compiled, units=1, activation="sigmoid", loss="binary_crossentropy").fit(X, NUMBERS > 0)
    outputs = fitted.model_.predict(X).astype(float)
    np.testing.assert_array_equal(fitted.predict_proba(X), np.hstack([1 - outputs, outputs]))


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_the_sign_of_a_margin_tells(loss):
    fitted = classifier(compiled, units=1, activation="linear", loss=loss, epochs=20).fit(X, NUMBERS > 0)
    margins = fitted.model_.predict(X).astype(float)
    np.testing.assert_array_equal(fitted.predict(X), margins[:, 0] > 0)
    shares = np.clip((1 + margins) / 2, 0, 1)
    np.testing.assert_allclose(fitted.predict_proba(X), np.hstack([1 - shares, shares]))
    fitted.model_.set_weights([np.zeros((4, 16)), np.zeros(16), np.zeros((16, 1)), [0.2]])
    assert fitted.predict(X).all()


@pytest.mark.parametrize(
    "y",
    [
        ONE_HOT,
        ONE_HOT.astype(bool),
        ONE_HOT.astype(int),
        ONE_HOT.tolist(),
        pd.get_dummies(pd.Series(NAMES)),
        pl.DataFrame(ONE_HOT),
    ],
    ids=["float32", "bool", "int", "list", "pandas", "polars"],
)
def test_one_hot_rows_give_one_hot_predictions(y):
    fitted, rows = classifier(compiled, loss="categorical_crossentropy").fit(X, y), np.asarray(y)
    predicted = fitted.predict(X)
    assert predicted.shape == rows.shape
    assert predicted.dtype == rows.dtype
    assert (predicted.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(predicted.argmax(axis=1), fitted.model_.predict(X).argmax(axis=1))
    share = np.mean(predicted.argmax(axis=1) == NUMBERS)
    assert fitted.score(X, y) == accuracy_score(rows, predicted) == share > 0.85
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.target_type_ == "multilabel-indicator"


def test_rows_of_several_labels():
    y = np.stack([NUMBERS > 0, NUMBERS == 1, NUMBERS < 2], axis=1).astype(int)
    fitted = classifier(epochs=60).fit(X, y)
    outputs = fitted.model_.predict(X)
    np.testing.assert_array_equal(fitted.predict(X), outputs > 0.5)
    np.testing.assert_array_equal(fitted.predict_proba(X), outputs)
    assert fitted.score(X, y) == (fitted.predict(X) == y).all(axis=1).mean() > 0.8
    with pytest.raises(
        DataError, match=r"SparseCategoricalCrossentropy takes rows of one class. y has rows with none or"
    ):
        classifier(compiled).fit(X, y)


def test_column_of_labels_is_flattened_with_scikit_learn_s_warning():
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        fitted = classifier(epochs=2).fit(X, NAMES[:, None])
    assert fitted.predict(X).shape == (150,)


@pytest.mark.parametrize(("units", "last"), [(1, "sigmoid"), (3, "softmax"), (3, "sigmoid")])
def test_logits_become_the_probabilities_of_the_activation(units, last):
    """A model on logits and one with the activation are the same function of the same weights."""
    y = NUMBERS > 0 if units == 1 else NAMES
    kind = losses.BinaryCrossentropy if last == "sigmoid" else losses.CategoricalCrossentropy
    fitted = classifier(compiled, units=units, activation=last, loss=kind(), epochs=3).fit(X, y)
    logits = classifier(compiled, units=units, activation=None, loss=kind(from_logits=True), epochs=3).fit(X, y)
    logits.model_.set_weights(fitted.model_.get_weights())
    np.testing.assert_allclose(logits.predict_proba(X), fitted.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(logits.predict(X), fitted.predict(X))


def test_outputs_that_are_no_probabilities_become_some():
    fitted = KerasClassifier(Sequential([Dense(3)]), loss="mse", verbose=0).fit(X, NAMES)
    table = np.array([[1.2, 1.5, 0], [-1, -2, -3], [0.25, 0.5, 0.5], [0.25, -1, 0.75]])
    fitted.model_.set_weights([np.eye(4, 3), np.zeros(3)])
    rows = np.hstack([table, np.zeros((4, 1))])
    assert fitted.predict(rows).tolist() == ["versicolor", "setosa", "versicolor", "virginica"]
    expected = [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.4, 0.4], [0.25, 0, 0.75]]
    np.testing.assert_allclose(fitted.predict_proba(rows), expected)


@pytest.mark.parametrize("columns", [None, 1, 2])
def test_regressor_predicts_in_the_shape_of_y(columns):
    y = X[:, 0] if columns is None else X[:, :columns]
    fitted = regressor(epochs=2).fit(X, y)
    assert fitted.predict(X).shape == y.shape
    assert fitted.predict(X).dtype == np.float64
    assert fitted.n_outputs_ == (columns or 1)


BAD_TARGETS = [
    (["a"] * 150, r"at least 2 classes\. y has 1 class, 'a', in 150 rows"),
    ([None, *NAMES[1:]], "must have a label in every row. It contains NaN or None in row 0"),
    ([np.nan, *NAMES[1:]], "must have a label in every row. It contains NaN or None in row 0"),
    (
        pd.Series([*NAMES[:-1], None], dtype="string"),
        "must have a label in every row. It contains NaN or None in row 149",
    ),
    (pd.DataFrame({"y": [None, *NAMES[1:]]}), "must have a label in every row. It contains NaN or None in row 0"),
    ([1, *NAMES[1:]], "labels of one type. Got 'setosa' in row 1 and 1 in row 0"),
    (X[:, 0], "Unknown label type: continuous"),
    (np.stack([NUMBERS, NUMBERS], axis=1), r"y of shape \(150, 2\) must hold 0 and 1, .* Got 0, 1, 2"),
    (2 * ONE_HOT - 1, r"y of shape \(150, 3\) must hold 0 and 1, .* Got -1.0, 1.0"),
]


@pytest.mark.parametrize(("y", "message"), BAD_TARGETS)
def test_targets_that_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


@pytest.mark.parametrize(
    ("units", "activation", "y", "message"),
    [
        (3, "softmax", NUMBERS % 2, "2 classes .0, 1., the model 3 outputs .* Is a class missing from these rows"),
        (
            2,
            "softmax",
            NAMES,
            "3 classes .'setosa', 'versicolor', 'virginica'., the model 2 outputs .* last layer 3 units",
        ),
        (1, "sigmoid", NAMES, "3 classes .*, the model 1 output under BinaryCrossentropy. Give the last layer 3 units"),
        (1, "softmax", NAMES == "setosa", "2 classes .*, the model 1 output .* One unit needs a sigmoid"),
        (2, "softmax", ONE_HOT, "3 classes .0, 1, 2., the model 2 outputs"),
    ],
)
def test_outputs_that_do_not_fit_the_classes(units, activation, y, message):
    with pytest.raises(DataError, match=message):
        classifier(Sequential([Dense(units, activation=activation)])).fit(X, y)
    with pytest.raises(DataError, match=r"The target has 1 column, the model 2 outputs. Give the last layer 1 unit;"):
        regressor(Sequential([Dense(2)])).fit(X, X[:, 0])


def test_class_that_a_fold_lacks():
    """Sorted labels in plain folds: each training part lacks a third of one class at least, the last fold all of it."""
    with pytest.raises(ValueError, match="Is a class missing from these rows, a fold of a cross-validation"):
        cross_val_score(classifier(compiled), X, NAMES, cv=KFold(3), error_score="raise")
    assert cross_val_score(classifier(compiled), X, ONE_HOT, cv=KFold(3)).tolist() == [0, 0, 0]


# ---- Weights ---------------------------------------------------------------------------------------------------------

WEIGHTS = np.random.default_rng(0).integers(0, 4, 150).astype(float)


@pytest.mark.parametrize("container", [np.asarray, pd.Series, list])
def test_rows_count_by_their_weight_and_not_at_all_without(container):
    fitted = classifier().fit(X, NAMES, sample_weight=container(WEIGHTS))
    kept = WEIGHTS > 0
    loss = "sparse_categorical_crossentropy"
    expected = by_hand(fitted, NUMBERS[kept], loss, x=X[kept], sample_weight=WEIGHTS[kept])
    assert_same(fitted.model_.get_weights(), expected)
    assert fitted.score(X, NAMES, WEIGHTS) == np.average(fitted.predict(X) == NAMES, weights=WEIGHTS)


def test_regressor_s_weights():
    fitted = regressor().fit(X, X[:, 0], sample_weight=WEIGHTS + 1)
    assert_same(fitted.model_.get_weights(), by_hand(fitted, X[:, 0], "mse", sample_weight=WEIGHTS + 1))
    assert fitted.score(X, X[:, 0], WEIGHTS) == r2_score(X[:, 0], fitted.predict(X), sample_weight=WEIGHTS)


@pytest.mark.parametrize(
    "class_weight", ["balanced", {"setosa": 5.0}, {"setosa": 0.5, "virginica": 3, "versicolor": 2}]
)
def test_classes_count_by_their_weight(class_weight):
    rows = np.r_[0:50, 50:70, 100:105]
    fitted = classifier(class_weight=class_weight).fit(X[rows], NAMES[rows], sample_weight=WEIGHTS[rows] + 1)
    each = compute_sample_weight(class_weight, NAMES[rows])
    loss = "sparse_categorical_crossentropy"
    expected = by_hand(fitted, NUMBERS[rows], loss, x=X[rows], sample_weight=(WEIGHTS[rows] + 1) * each)
    assert_same(fitted.model_.get_weights(), expected)


def test_arrays_are_held_against_the_first_fit_as_frames_are():
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = classifier(epochs=1).fit(frame, NUMBERS)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fitted.predict(X)
    fitted.fit(X, NUMBERS)
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 3 features, but KerasClassifier is expecting 4"):
        fitted.predict(X[:, :3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.fit(X, NUMBERS[:-1])
    with pytest.raises(ValueError, match="Expected 2D array"):
        fitted.predict(X[0])
    with pytest.raises(ValueError, match="0 sample"):
        fitted.predict(X[:0])
    assert fitted.fit(X[:, :3], NUMBERS).n_features_in_ == 3


def test_one_hot_rows_reach_the_loss_as_they_are():
    fitted = classifier(compiled, epochs=1, loss="categorical_crossentropy").fit(X, ONE_HOT)
    target, plan, rows = fitted.target_encoder_, fitted.model_.plan(), ONE_HOT
    assert target.encode(rows, plan) is rows
    for dtype in (np.float64, np.int64, bool, np.uint8):
        encoded = target.encode(ONE_HOT.astype(dtype), plan)
        assert encoded.dtype == np.float32
        assert np.array_equal(encoded, rows)
    with pytest.raises(DataError, match="one 1 in each row"):
        target.encode(np.zeros_like(rows), plan)


def test_columns_of_one_hot_rows_count_by_their_number():
    named = classifier(class_weight={"setosa": 5.0}, loss="categorical_crossentropy").fit(X, NAMES)
    # uncompiled gives one-hot rows sigmoids: build the softmax by hand
    network = Sequential(named.model_.layers)
    numbered = classifier(network, class_weight={0: 5.0}, loss="categorical_crossentropy").fit(X, ONE_HOT)
    assert_same(
        named.model_.get_weights(),
        by_hand(named, NUMBERS, "sparse_categorical_crossentropy", sample_weight=1 + 4 * (NUMBERS == 0)),
    )
    assert_same(
        numbered.model_.get_weights(),
        by_hand(numbered, NUMBERS, "sparse_categorical_crossentropy", sample_weight=1 + 4 * (NUMBERS == 0)),
    )


@pytest.mark.parametrize(
    ("parameters", "sample_weight", "message"),
    [
        ({}, -WEIGHTS, r"sample_weight must not be negative. Got -3 in row \d+"),
        ({}, 0 * WEIGHTS, "sample_weight must not be zero in every row"),
        ({}, WEIGHTS[:, None], r"sample_weight must have the shape \(rows,\). Got \(150, 1\)"),
        ({}, WEIGHTS[:-1], r"inconsistent numbers of samples: \[150, 149\]"),
        (
            {"class_weight": {"setosa": 2, "iris": 3}},
            None,
            "'class_weight' names classes that y does not have: 'iris'.* Known: setosa, ver",
        ),
        ({"class_weight": "even"}, None, "'class_weight' must be a dict, 'balanced' or None. Got 'even'"),
    ],
)
def test_weights_that_are_refused(parameters, sample_weight, message):
    with pytest.raises(ValueError, match=message):
        classifier(**parameters).fit(X, NAMES, sample_weight=sample_weight)


def test_weights_of_one_class_only():
    with pytest.raises(DataError, match="y has 1 class, 'setosa', in 50 rows of a weight above 0"):
        classifier().fit(X, NAMES, sample_weight=NUMBERS == 0)


# ---- Parameters ------------------------------------------------------------------------------------------------------


def test_every_parameter_survives_clone_also_after_fit():
    callback = EarlyStopping(monitor="loss")
    given = {
        "hidden": 8,
        "class_weight": {"setosa": 2.0},
        "callbacks": [callback],
        "fit__batch_size": 16,
        "warm_start": True,
    }
    original = classifier(compiled, optimizer=None, optimizer__learning_rate=0.02, **given)
    for estimator in (original, original.fit(X, NAMES)):
        copy = clone(estimator)
        assert not hasattr(copy, "model_")
        assert copy.get_params().keys() == estimator.get_params().keys()
        for name, value in estimator.get_params().items():
            if name != "callbacks":
                assert copy.get_params()[name] == value, name
    assert original.get_params()["callbacks"][0] is callback
    assert (original.hidden, original.get_params()["hidden"]) == (8, 8)


def test_parameters_can_be_set_and_assigned():
    estimator = classifier(compiled, hidden=8)
    assert estimator.set_params(hidden=4, model__units=3, epochs=1, optimizer__learning_rate=0.5) is estimator
    assert estimator.fit(X, NAMES).model_.layers[0].units == 4
    assert estimator.model_.optimizer == optimizers.Adam(0.5)
    estimator.hidden = 5
    assert estimator.get_params()["hidden"] == 5
    assert estimator.fit(X, NAMES).model_.layers[0].units == 5
    with pytest.raises(AttributeError, match="'KerasClassifier' object has no attribute 'units'"):
        _ = estimator.units


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hiden": 3}, "Unknown parameter 'hiden' of KerasClassifier. Did you mean 'hidden'?"),
        ({"epoch": 3}, "Unknown parameter 'epoch' of KerasClassifier. Did you mean 'epochs'?"),
        (
            {"fit__batchsize": 3},
            "Unknown parameter 'fit__batchsize' of KerasClassifier. Did you mean 'fit__batch_size'?",
        ),
        ({"optimizer__learn_rate": 3}, "Did you mean 'optimizer__learning_rate'?"),
        ({"model__hiden": 3}, "Did you mean 'model__hidden'?"),
        ({"fit__sample_weight": 3}, "Unknown parameter 'fit__sample_weight'"),
        ({"zzz": 1, "epocs": 2}, "parameter 'zzz' of KerasClassifier. Unknown parameter 'epocs' of .* mean 'epochs'?"),
    ],
)
def test_unknown_parameters_are_named_with_the_nearest(parameters, message):
    with pytest.raises(UnknownNameError, match=message):
        KerasClassifier(compiled, **parameters).fit(X, NAMES)  # not before fit
    estimator = KerasClassifier(compiled)
    with pytest.raises(UnknownNameError, match=message):
        estimator.set_params(verbose=0, **parameters)
    assert estimator.get_params() == KerasClassifier(compiled).get_params()


def test_options_of_a_call():
    fitted = classifier(compiled).fit(X, NAMES, epochs=2, verbose=0)
    assert len(fitted.history_["loss"]) == 2
    np.testing.assert_array_equal(fitted.predict(X, batch_size=7), fitted.predict(X))
    with pytest.raises(
        UnknownNameError, match=r"Unknown option 'epoch' of KerasClassifier.fit. Did you mean 'epochs'?"
    ):
        fitted.fit(X, NAMES, epoch=2)
    with pytest.raises(
        UnknownNameError, match=r"Unknown option 'batch' of KerasClassifier.predict. Did you mean 'batch_si"
    ):
        fitted.predict(X, batch=2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            None,
            r"KerasClassifier needs one function that builds a Sequential: KerasClassifier\(create_model\). Got none",
        ),
        ("mlp", "'model' of KerasClassifier must be a function or a Sequential. Got 'mlp'"),
        (dict, r"dict\(\) must return a tabgrad.models.Sequential. Got a builtins.dict"),
        (lambda depth: depth, r"<lambda>\(\) has no default for depth: give depth=... to the wrapper"),
    ],
)
def test_what_cannot_build_a_model(model, message):
    with pytest.raises(ArgumentError, match=message):
        KerasClassifier(model).fit(X, NAMES)
    with pytest.raises(ArgumentError, match="Got both 'model' and 'build_fn'"):
        KerasClassifier(compiled, build_fn=compiled).fit(X, NAMES)


def test_not_fitted():
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError, match="This KerasClassifier instance is not fitted yet"):
            getattr(classifier(), method)(X)


# ---- What the data was -----------------------------------------------------------------------------------------------


def frame_of(kind, columns):
    return kind(X, **{"columns" if kind is pd.DataFrame else "schema": list(columns)})


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_columns_are_those_of_fit(kind):
    fitted = classifier(epochs=2).fit(frame_of(kind, "abcd"), NAMES)
    assert fitted.n_features_in_ == 4
    np.testing.assert_array_equal(fitted.predict(frame_of(kind, "abcd")), classifier(epochs=2).fit(X, NAMES).predict(X))
    if kind is pl.DataFrame and not hasattr(StandardScaler().fit(frame_of(kind, "abcd")), "feature_names_in_"):
        pytest.skip("this scikit-learn does not know the names of this Polars")
    assert fitted.feature_names_in_.tolist() == list("abcd")
    for call in (fitted.predict, fitted.predict_proba, lambda table: fitted.partial_fit(table, NAMES)):
        with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
            call(frame_of(kind, "abdc"))


def test_widths_are_those_of_fit():
    fitted = classifier(epochs=2).fit(X, NAMES)
    with pytest.raises(ValueError, match="X has 3 features, but KerasClassifier is expecting 4 features"):
        fitted.predict(X[:, :3])
    with pytest.raises(DataError, match=r"X must have 7 columns, as the network was built for. Got 4"):
        classifier(Sequential([Dense(3, activation="softmax", input_dim=7)])).fit(X, NAMES)


def test_numbers_that_float32_cannot_hold():
    with pytest.raises(
        DataError, match=r"^X must hold finite numbers. Got 1e\+300, beyond float32's 3.4e\+38, in 150 places"
    ):
        classifier().fit(np.where(np.arange(4) == 2, 1e300, X), NAMES)
    spoilt = pd.DataFrame(X, columns=list("abcd"))
    spoilt.loc[17, "c"] = np.nan
    with pytest.raises(DataError, match=r"^X must hold finite numbers. Got NaN in 1 place \(row 17, column 'c'\)"):
        regressor().fit(spoilt, X[:, 0])
    fitted = classifier(epochs=1).fit(X, NAMES)
    with pytest.raises(DataError, match=r"infinity in 1 place \(row 1, column 3\)"):
        fitted.predict([[0, 1, 2, 3], [0, 1, 2, np.inf]])
    with pytest.raises(DataError, match=r"^y must hold finite numbers. Got NaN in 1 place \(row 2\). Drop the rows"):
        regressor().fit(X, np.where(np.arange(len(X)) == 2, np.nan, X[:, 0]))
    with pytest.raises(DataError, match=r"^y must hold finite numbers. Got infinity in 1 place \(row 2\)"):
        classifier().fit(X, np.where(np.arange(len(X)) == 2, np.inf, np.arange(len(X)) % 3))


def test_building_function_is_offered_what_it_asks_for():
    seen = {}

    def build(meta, compile_kwargs, params, width, epochs):
        seen.update(meta=meta, compile_kwargs=compile_kwargs, params=params, epochs=epochs)
        model = Sequential([Dense(width, activation="relu"), Dense(meta["n_classes_"], activation="softmax")])
        model.compile(loss="categorical_crossentropy", optimizer=compile_kwargs["optimizer"])
        return model

    fitted = classifier(build, width=8, metrics=["accuracy"], epochs=2).fit(X, NAMES)
    assert fitted.model_.optimizer == optimizers.Adam(0.01)
    assert seen["compile_kwargs"] == {"optimizer": optimizers.Adam(0.01), "loss": None, "metrics": ["accuracy"]}
    assert seen["params"] == fitted.get_params()
    assert seen["epochs"] == 2
    meta = seen["meta"]
    assert meta.pop("classes_").tolist() == ["setosa", "versicolor", "virginica"]
    assert meta == {
        "n_features_in_": 4,
        "X_shape_": (150, 4),
        "X_dtype_": np.float32,
        "y_dtype_": NAMES.dtype,
        "n_classes_": 3,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
        "target_type_": "multiclass",
    }
    for name, value in meta.items():
        assert getattr(fitted, name) == value


def test_building_function_is_given_parameters_by_name_and_prefix():
    seen = []

    def build(optimizer, hidden=1, units=1, batch_size=99, verbose=99, **others):
        seen.append((hidden, units, batch_size, verbose, others))
        return compiled(optimizer=optimizer)

    estimator = KerasClassifier(build, hidden=4, model__units=5, rate=6, model__hidden=7, verbose=0)
    estimator.fit(X, NAMES)
    assert seen.pop() == (7, 5, 99, 0, {"rate": 6})  # the batch size is None: the function's own stays
    estimator.set_params(batch_size=50, momentum=8, model__rate=9).fit(X, NAMES)
    assert seen.pop() == (7, 5, 50, 0, {"rate": 9, "momentum": 8})
    with pytest.raises(UnknownNameError, match="Unknown parameter 'sgd__rate'"):
        estimator.set_params(sgd__rate=1)


def test_model_is_compiled_with_what_is_behind_the_prefix():
    fitted = KerasClassifier(uncompiled, verbose=0, compile__metrics=["accuracy"], compile__loss="mse").fit(X, NAMES)
    assert fitted.history_.keys() == {"loss", "accuracy"}
    assert fitted.model_.loss == losses.MeanSquaredError()


def test_who_takes_compile_kwargs_may_change_them():
    def build(compile_kwargs):
        return compiled(optimizer=replace(compile_kwargs["optimizer"], clipnorm=1.0))

    fitted = KerasClassifier(build, verbose=0, optimizer="adam").fit(X, NAMES)
    assert fitted.model_.optimizer == optimizers.Adam(clipnorm=1.0)


# ---- Going on --------------------------------------------------------------------------------------------------------


def test_warm_start_goes_on_and_partial_fit_counts_on():
    once = classifier(epochs=5).fit(X, NAMES)
    twice = classifier(epochs=2, warm_start=True).fit(X, NAMES)
    first = twice.model_
    twice.fit(X, NAMES)
    assert twice.model_ is first
    assert len(twice.history_["loss"]) == 2
    twice.partial_fit(X, NAMES)
    assert len(twice.history_["loss"]) == 3
    assert_same(twice.model_.get_weights(), once.model_.get_weights())
    assert once.history_["loss"][2:] == twice.history_["loss"]

    again = classifier(epochs=2).fit(X, NAMES)
    weights = again.model_.get_weights()
    assert_same(again.fit(X, NAMES).model_.get_weights(), weights)
    for _ in range(3):
        again.partial_fit(X, NAMES)
    assert_same(again.model_.get_weights(), once.model_.get_weights())
    assert again.history_ == once.history_


def test_partial_fit_alone_with_classes_that_come_later():
    fitted = classifier(compiled).partial_fit(X[:50], NAMES[:50], classes=np.unique(NAMES))
    for _ in range(20):
        fitted.partial_fit(X, NAMES)
    assert fitted.score(X, NAMES) > 0.85
    assert len(fitted.history_["accuracy"]) == 21
    with pytest.raises(DataError, match=r"none of the classes .'setosa', 'versicolor', 'virginica'.: 'iris' in row 0"):
        fitted.partial_fit(X[:1], ["iris"])
    with pytest.raises(DataError, match=r"y must have the shape \(rows,\) of the first fit. Got \(150, 3\)"):
        fitted.partial_fit(X, ONE_HOT)
    with pytest.raises(
        DataError, match=r"y must have one 1 in each row, as in the first fit. Not so in row 0, 1, 2, 3, 4, ..."
    ):
        classifier(compiled, loss="categorical_crossentropy").fit(X, ONE_HOT).partial_fit(X, 1 - ONE_HOT)
    with pytest.raises(DataError, match="Stratify the folds, or give partial_fit all 'classes'"):
        classifier(compiled).partial_fit(X[:50], NAMES[:50])
    assert regressor().partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0]).history_["loss"][1] > 0


def test_partial_fit_goes_on_counting():
    epochs = []
    count = LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    classifier(callbacks=[count], epochs=2).fit(X, NAMES).partial_fit(X, NAMES).partial_fit(X, NAMES)
    assert epochs == [0, 1, 2, 3]


def test_interrupted_fit_keeps_the_finished_epochs():
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    estimator = classifier(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, NAMES)
    done = len(estimator.history_["loss"])
    assert done in (2, 3)
    assert_same(estimator.model_.get_weights(), classifier(epochs=done).fit(X, NAMES).model_.get_weights())


def test_fit_that_fails_leaves_what_was_there():
    fitted = classifier(compiled).fit(X, NAMES)
    model, predicted = fitted.model_, fitted.predict_proba(X)
    with pytest.raises(DataError, match="7 classes"):
        fitted.fit(X, np.arange(150) % 7)
    assert fitted.model_ is model
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(fitted.predict_proba(X), predicted)


# ---- Seeds and workers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: 3, lambda: np.random.RandomState(3)], ids=["int", "RandomState"])
@pytest.mark.parametrize("model", [fixed, Sequential([Dense(3, activation="softmax")])], ids=["function", "instance"])
def test_random_state_decides_everything(make, model):
    left, right = (KerasClassifier(model, verbose=0, random_state=make()).fit(X, NAMES) for _ in range(2))
    assert_same(left.model_.get_weights(), right.model_.get_weights())
    other = KerasClassifier(model, verbose=0, random_state=4).fit(X, NAMES)
    assert not np.array_equal(left.model_.get_weights()[0], other.model_.get_weights()[0])


def test_random_state_is_drawn_from_as_scikit_learn_does():
    estimator = KerasClassifier(fixed, verbose=0, random_state=np.random.RandomState(3))
    first = estimator.fit(X, NAMES).model_.seed
    assert estimator.fit(X, NAMES).model_.seed != first
    assert KerasClassifier(fixed, verbose=0).fit(X, NAMES).model_.seed != first


def test_session_s_seed_decides_where_there_is_no_random_state():
    def weights():
        tabgrad.set_random_seed(5)
        seeded = KerasClassifier(fixed, verbose=0, random_state=0).fit(X, NAMES)  # takes nothing from the session
        return KerasClassifier(fixed, verbose=0).fit(X, NAMES).model_.seed, seeded.model_.seed

    try:
        (first, seeded), again = weights(), weights()
        assert (first, seeded) == again
        tabgrad.set_random_seed(5)
        assert KerasClassifier(fixed, verbose=0).fit(X, NAMES).model_.seed == first != seeded
    finally:
        _seeds._session = None


def test_seed_of_the_function_s_own_stays():
    estimator = classifier(lambda: Sequential([Dense(3, activation="softmax")], seed=7))
    assert estimator.fit(X, NAMES).model_.seed == 7


def test_instance_is_copied_with_its_weights():
    trained = KerasClassifier(fixed, verbose=0).fit(X, NAMES).model_
    weights = trained.get_weights()
    copied = KerasClassifier(trained, verbose=0, epochs=0, random_state=1).fit(X, NAMES)
    assert_same(copied.model_.get_weights(), weights)
    KerasClassifier(trained, verbose=0).fit(X, NAMES)
    assert_same(trained.get_weights(), weights)


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("state", [0, np.random.RandomState(0)], ids=["int", "RandomState"])
def test_workers_give_the_same_bits(backend, state):
    estimator = make_pipeline(StandardScaler(), classifier(compiled, epochs=5, random_state=state))
    grid = {"kerasclassifier__hidden": [4, 8], "kerasclassifier__batch_size": [16, 150]}
    alone = GridSearchCV(clone(estimator), grid).fit(X, NAMES)
    with joblib.parallel_config(backend, n_jobs=2):
        shared = GridSearchCV(clone(estimator), grid, n_jobs=2).fit(X, NAMES)
    np.testing.assert_array_equal(shared.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(shared.predict_proba(X), alone.predict_proba(X))


def test_threads_that_build_at_once_keep_their_seeds():
    def slow(meta):
        time.sleep(0.005)
        return uncompiled(meta)

    estimators = [KerasClassifier(slow, random_state=seed, verbose=0) for seed in range(8)]
    alone = [one.fit(X, NAMES).model_.seed for one in estimators]
    fitted = joblib.Parallel(4, backend="threading")(joblib.delayed(clone(one).fit)(X, NAMES) for one in estimators)
    assert [one.model_.seed for one in fitted] == alone


@pytest.mark.parametrize("estimator", [classifier(compiled, hidden=8), regressor(hidden=8)])
def test_pickles(estimator):
    y = NAMES if is_classifier(estimator) else X[:, :2]
    unfitted = pickle.loads(pickle.dumps(estimator))  # noqa: S301
    assert unfitted.get_params() == estimator.get_params()
    fitted = clone(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert_same(again.partial_fit(X, y).model_.get_weights(), fitted.partial_fit(X, y).model_.get_weights())


# ---- Searches --------------------------------------------------------------------------------------------------------


def test_grid_over_every_kind_of_parameter():
    grid = {
        "hidden": [4],
        "model__units": [3],
        "batch_size": [150],
        "fit__shuffle": [False],
        "epochs": [1, 40],
        "optimizer": ["adam", optimizers.SGD(0.5)],
        "optimizer__learning_rate": [0.05],
        "loss__label_smoothing": [0.1],
        "verbose": ["0"],
    }
    search = GridSearchCV(KerasClassifier(compiled, random_state=0, loss="categorical_crossentropy"), grid).fit(
        X, NAMES
    )
    best = search.best_estimator_.model_
    assert search.best_params_["epochs"] == 40
    assert search.best_score_ > 0.85
    assert best.layers[0].units == 4
    assert best.loss == losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert best.optimizer == type(optimizers.get(search.best_params_["optimizer"]))(0.05)
    assert len(search.cv_results_["params"]) == 4


def test_optimizer_is_the_function_s_own_unless_asked_for():
    assert classifier(compiled, optimizer=None).fit(X, NAMES).model_.optimizer == optimizers.Adam(0.01)
    assert KerasClassifier(compiled, verbose=0).fit(X, NAMES).model_.optimizer == optimizers.Adam()
    assert (
        KerasClassifier(compiled, verbose=0, optimizer="rmsprop").fit(X, NAMES).model_.optimizer == optimizers.RMSprop()
    )
    assert KerasClassifier(uncompiled, verbose=0).fit(X, NAMES).model_.optimizer == optimizers.RMSprop()
    assert (
        KerasClassifier(lambda optimizer: compiled(optimizer=optimizer), verbose=0).fit(X, NAMES).model_.optimizer
        == optimizers.RMSprop()
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"optimizer": "sgd"},
            r"The parameters ask for the optimizer 'sgd', but fixed\(\) compiles the model with Adam\(learn",
        ),
        (
            {"optimizer__learning_rate": 0.5},
            r"ask for the optimizer Adam\(learning_rate=0.5.* has no argument 'optimizer'",
        ),
        ({"loss": "mse"}, "ask for the loss 'mse', .* Give it one, or return the model uncompiled"),
        (
            {"metrics": ["auc"]},
            r"ask for metrics=\['auc'\], but fixed\(\) compiles the model itself and has no argument 'met",
        ),
        (
            {"compile__weighted_metrics": ["auc"]},
            r"ask for compile__weighted_metrics=\['auc'\], but fixed\(\) compiles",
        ),
        ({"optimizer__rho": 0.5}, "'optimizer__rho' is given, but Adam has: learning_rate, weight_decay"),
    ],
)
def test_what_is_asked_for_in_vain(parameters, message):
    with pytest.raises(ArgumentError, match=message):
        KerasClassifier(fixed, verbose=0, **parameters).fit(X, NAMES)
    assert KerasClassifier(fixed, verbose=0, optimizer="adam", optimizer__learning_rate=0.001).fit(X, NAMES)


def test_labels_are_stratified_and_one_hot_rows_are_not():
    assert isinstance(check_cv(5, NAMES, classifier=is_classifier(classifier())), StratifiedKFold)
    assert isinstance(check_cv(5, ONE_HOT, classifier=is_classifier(classifier())), KFold)
    assert cross_val_score(classifier(compiled), X, NAMES).min() > 0.7  # sorted: plain folds would lack a class
    folds = list(StratifiedKFold(5).split(X, ONE_HOT.argmax(axis=1)))
    stratified = cross_val_score(classifier(compiled, loss="categorical_crossentropy"), X, ONE_HOT, cv=folds)
    labels = cross_val_score(classifier(compiled, loss="categorical_crossentropy"), X, NAMES, cv=folds)
    np.testing.assert_array_equal(stratified, labels)


def test_out_of_fold_probabilities():
    folds = list(StratifiedKFold(3).split(X, NAMES))
    estimator = classifier()
    found = cross_val_predict(estimator, X, NAMES, cv=folds, method="predict_proba")
    for train, test in folds:
        np.testing.assert_array_equal(found[test], clone(estimator).fit(X[train], NAMES[train]).predict_proba(X[test]))


def test_halving_by_epochs_and_random_search():
    pipe = make_pipeline(StandardScaler(), classifier(uncompiled))
    pipe.set_params(kerasclassifier__optimizer__learning_rate=0.03)
    grid = {"kerasclassifier__hidden": [2, 32], "kerasclassifier__optimizer": ["adam", "sgd"]}
    halving = HalvingGridSearchCV(
        pipe, grid, resource="kerasclassifier__epochs", min_resources=5, max_resources=15, random_state=0
    )
    halving.fit(X, NAMES)
    assert halving.n_resources_ == [5, 15]
    assert halving.best_estimator_[-1].model_.layers[0].units == 32
    assert len(halving.best_estimator_[-1].history_["loss"]) == 15
    random = RandomizedSearchCV(
        pipe, {**grid, "kerasclassifier__fit__batch_size": np.array([8, 150])}, n_iter=3, random_state=0
    )
    assert random.fit(X, NAMES).best_score_ > 0.6


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("accuracy", lambda y, predicted, p: accuracy_score(y, predicted)),
        ("f1_macro", lambda y, predicted, p: f1_score(y, predicted, average="macro")),
        ("neg_log_loss", lambda y, predicted, p: np.log(p[np.arange(150), NUMBERS]).mean()),
        ("roc_auc_ovr", lambda y, predicted, p: np.mean([roc_auc_score(c == NUMBERS, p[:, c]) for c in range(3)])),
    ],
)
@pytest.mark.parametrize("target", ["labels", "one-hot"])
def test_scorers(scoring, metric, target):
    y = NAMES if target == "labels" else ONE_HOT
    fitted = classifier(compiled, loss="categorical_crossentropy").fit(X, y)
    expected = metric(y, fitted.predict(X), fitted.predict_proba(X))
    assert get_scorer(scoring)(fitted, X, y) == pytest.approx(expected, rel=1e-12)


def test_metadata_routing():
    folds = list(StratifiedKFold(5).split(X, NAMES))
    train, test = folds[0]
    with config_context(enable_metadata_routing=True):
        estimator = classifier(epochs=3).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        weighted = cross_validate(
            estimator, X, NAMES, cv=folds, params={"sample_weight": WEIGHTS}, return_estimator=True
        )
    alone = classifier(epochs=3).fit(X[train], NAMES[train], sample_weight=WEIGHTS[train])
    assert_same(weighted["estimator"][0].model_.get_weights(), alone.model_.get_weights())
    assert weighted["test_score"][0] == alone.score(X[test], NAMES[test], WEIGHTS[test])


# ---- Callbacks, validation, batches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "callbacks",
    [
        {"callbacks": [EarlyStopping("loss", patience=2, min_delta=1e9)]},
        {
            "callbacks": EarlyStopping,
            "callbacks__monitor": "loss",
            "callbacks__patience": 2,
            "callbacks__min_delta": 1e9,
        },
        {
            "callbacks": [EarlyStopping],
            "callbacks__monitor": "loss",
            "callbacks__0__patience": 2,
            "callbacks__min_delta": 1e9,
        },
        {"callbacks": {"stop": EarlyStopping("loss", patience=2, min_delta=1e9)}},
        {"fit__callbacks": [EarlyStopping("loss", patience=2, min_delta=1e9)]},
    ],
)
def test_callbacks_as_instances_or_classes(callbacks):
    assert len(classifier(**callbacks).fit(X, NAMES).history_["loss"]) == 3


def test_options_for_callbacks_need_a_class():
    with pytest.raises(ArgumentError, match="'callbacks__patience' needs 'callbacks' to hold a class"):
        classifier(callbacks=[EarlyStopping("loss")], callbacks__patience=2).fit(X, NAMES)


def test_validation_rows_are_encoded_like_the_others():
    given = classifier(compiled, fit__validation_data=(X[:30], NAMES[:30], np.arange(30)), epochs=3).fit(X, NAMES)
    expected = given.model_.evaluate(X[:30], NUMBERS[:30], sample_weight=np.arange(30))
    assert (given.history_["val_loss"][-1], given.history_["val_accuracy"][-1]) == pytest.approx(expected)
    mixed = np.random.default_rng(0).permutation(150)
    split = classifier(compiled, validation_split=0.2, epochs=3).fit(X[mixed], NAMES[mixed])
    rows = mixed[120:]
    assert split.history_["val_loss"][-1] == pytest.approx(split.model_.evaluate(X[rows], NUMBERS[rows])[0])
    with pytest.raises(
        ArgumentError, match=r"'validation_data' must be \(X, y\) or \(X, y, sample_weight\). Got a ndarray"
    ):
        classifier(compiled).fit(X, NAMES, validation_data=X)
    with pytest.raises(DataError, match=r"none of the classes .*: 'iris' in row 0"):
        classifier(compiled).fit(X, NAMES, validation_data=(X[:1], ["iris"]))


def test_batch_of_all_rows_and_verbose_as_a_string(capsys):
    whole = classifier(batch_size=-1, verbose="0").fit(X, NAMES)
    assert_same(whole.model_.get_weights(), classifier(batch_size=150).fit(X, NAMES).model_.get_weights())
    whole.predict(X)
    assert capsys.readouterr().out == ""
    classifier(epochs=2, verbose="2").fit(X, NAMES).predict(X)
    assert capsys.readouterr().out.count("loss") == 2
    whole.set_params(predict__verbose=2).predict(X)
    assert capsys.readouterr().out != ""


# ---- What is wrong is called by the name that it was given under -----------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"red": -2.0}, r"'class_weight\['red'\]' of KerasClassifier must be at least 0. Got -2.0"),
        ({"red": np.nan}, r"'class_weight\['red'\]' of KerasClassifier must be finite and at least 0. Got nan"),
        ({"red": "a"}, r"'class_weight\['red'\]' of KerasClassifier must be a number. Got 'a'"),
        (dict.fromkeys(NAMES, 0), r"'class_weight' must not be 0 for every class"),
    ],
)
def test_weights_of_classes_that_cannot_be(weights, message):
    named = {NAMES[0] if label == "red" else label: value for label, value in weights.items()}
    with pytest.raises(ValueError, match=message.replace("red", str(NAMES[0]))):
        classifier(class_weight=named).fit(X, NAMES)


def test_validation_data_that_cannot_be():
    spoilt = np.where(np.arange(4) == 1, np.nan, X[:3])
    with pytest.raises(
        DataError, match=r"^In validation_data: X must hold finite numbers. Got NaN in 3 places \(row 0"
    ):
        classifier().fit(X, NAMES, validation_data=(spoilt, NAMES[:3]))
    with pytest.raises(DataError, match=r"^In validation_data: y has labels that are none of the classes"):
        classifier().fit(X, NAMES, validation_data=(X[:3], ["strange"] * 3))


def test_text_in_a_table_of_numbers():
    rows = X.astype(object)
    rows[5, 2] = "wide"
    with pytest.raises(DataError, match=r"text in row 5, column 2 \('wide'\). Encode text as numbers.*OneHotEncoder"):
        classifier().fit(rows, NAMES)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(c=["wide"] * len(X))
    with pytest.raises(DataError, match=r"text in column 'c' \('wide' in row 0\). Encode text as numbers"):
        classifier().fit(frame, NAMES)


def test_an_option_by_its_name_elsewhere():
    with pytest.raises(
        UnknownNameError, match=r"'optimizer__lr' of KerasClassifier. Did you mean 'optimizer__learning"
    ):
        classifier(optimizer__lr=0.1).fit(X, NAMES)
