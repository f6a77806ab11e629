"""What the estimators do: tables in, networks out."""

import pickle
import threading

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris, make_classification, make_regression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight

import tabgrad
from tabgrad.callbacks import LambdaCallback
from tabgrad.errors import DataWarning
from tabgrad.estimators import Classifier, Regressor
from tabgrad.estimators._presets import PRESETS
from tabgrad.estimators._settings import batch_of, epochs_of, optimizer_of, patience_of, stops_early
from tabgrad.layers import Dense, Embedding
from tabgrad.losses import Quantile
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, Adam
from tabgrad.table import Table

SMALL = {"preset": "single", "hidden_layer_sizes": (16,), "epochs": 30, "random_state": 0}
RNG = np.random.default_rng(0)
ROWS = 240
MIXED = {
    "hours": RNG.normal(size=ROWS).round(3).tolist(),
    "subject": RNG.choice(["maths", "art", "music"], ROWS).tolist(),
    "street": RNG.choice([f"street {n}" for n in range(30)], ROWS).tolist(),
    "old": RNG.choice([True, False], ROWS).tolist(),
}
MIXED["hours"][3] = None
MIXED["subject"][5] = None
LABELS = np.where(
    [(h or 0) + (s == "art") > 0.3 for h, s in zip(MIXED["hours"], MIXED["subject"], strict=True)], "yes", "no"
)


def frame():
    return pd.DataFrame(MIXED)


def classifier(**settings):
    return Classifier(**SMALL | settings)


def regressor(**settings):
    return Regressor(**SMALL | settings)


# ---- What goes in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [frame, lambda: pl.DataFrame(MIXED), lambda: pa.table(MIXED), lambda: dict(MIXED), lambda: Table.of(MIXED)],
    ids=["pandas", "polars", "arrow", "dict", "Table"],
)
def test_every_form_of_a_table_gives_the_same_bits(make):
    fitted = classifier().fit(make(), LABELS)
    expected = classifier().fit(frame(), LABELS)
    np.testing.assert_array_equal(fitted.predict_proba(make()), expected.predict_proba(frame()))
    assert fitted.feature_names_in_.tolist() == list(MIXED)
    assert fitted.score(make(), LABELS) > 0.8
    assert fitted.encoder_.embedded == ("street",)


def test_arrays_lists_and_frames_of_numbers_give_the_same_bits():
    X, y = load_iris(return_X_y=True)
    expected = classifier().fit(X, y).predict_proba(X)
    for other in (X.tolist(), np.asfortranarray(X), X.astype(">f8"), np.array(X, object), np.ma.array(X)):
        np.testing.assert_array_equal(classifier().fit(other, y).predict_proba(other), expected)


@pytest.mark.parametrize("target", ["passed", "score"])
def test_y_may_be_a_column_of_the_table(target):
    whole = frame().assign(passed=LABELS, score=np.arange(ROWS) % 7 + 0.5)
    other = whole.drop(columns=["passed", "score"]).assign(**{target: whole[target]})
    kind = classifier if target == "passed" else regressor
    by_name = kind().fit(other, target)
    by_hand = kind().fit(other.drop(columns=target), other[target])
    np.testing.assert_array_equal(by_name.predict(other), by_hand.predict(other.drop(columns=target)))
    assert target not in by_name.feature_names_in_
    assert by_name.score(other, target) == by_hand.score(other.drop(columns=target), other[target])


def test_several_columns_of_the_table_may_be_y():
    whole = frame().assign(one=np.arange(ROWS) / ROWS, two=-np.arange(ROWS) / ROWS)
    predicted = regressor().fit(whole, ["one", "two"]).predict(whole)
    assert predicted.shape == (ROWS, 2)


def test_labels_come_back_in_the_type_that_they_had():
    X = load_iris().data[:100]
    for labels in (
        [0, 1],
        [True, False],
        ["a", "bb"],
        [2.0, 3.0],
        np.array(["x", "y"], object),
        np.array([5, 7], np.uint8),
    ):
        y = np.repeat(np.asarray(labels), 50)
        fitted = classifier().fit(X, y)
        assert fitted.predict(X).dtype == fitted.classes_.dtype == y.dtype
        assert (fitted.predict(X) == y).mean() > 0.95
        assert fitted.classes_.tolist() == sorted(set(y.tolist()))


def test_series_of_every_kind_are_labels():
    for y in (
        pd.Series(LABELS),
        pl.Series(LABELS),
        pd.Series(LABELS, dtype="category"),
        LABELS.tolist(),
        pa.array(LABELS),
    ):
        assert classifier(epochs=5).fit(frame(), y).predict(frame()).tolist()[:3]


def test_predicting_no_rows_gives_none():
    fitted = classifier(epochs=2).fit(frame(), LABELS)
    assert fitted.predict(frame().head(0)).shape == (0,)
    assert fitted.predict_proba(frame().head(0)).shape == (0, 2)
    assert regressor(epochs=2).fit([[1.0], [2.0], [3.0]], [1, 2, 3]).predict(np.empty((0, 1))).shape == (0,)


def test_columns_of_a_dict_are_found_by_name_and_others_left_out():
    fitted = classifier(epochs=3).fit(MIXED, LABELS)
    turned = dict(reversed(MIXED.items()))
    np.testing.assert_array_equal(fitted.predict_proba(turned), fitted.predict_proba(MIXED))
    with pytest.warns(DataWarning, match="not there in fit, and are left out: 'extra'"):
        fitted.predict({**MIXED, "extra": MIXED["hours"]})


def test_kinds_may_be_told():
    table = pd.DataFrame({"size": ["S", "M", "L"] * 20, "zip": [10115, 20095, 80331] * 20, "x": np.arange(60.0)})
    fitted = classifier(epochs=2, kinds={"size": ["S", "M", "L"], "zip": "categorical"}).fit(table, [0, 1, 1, 1] * 15)
    assert [column.kind for column in fitted.table_schema_] == ["ordinal", "categorical", "numeric"]


# ---- What is learned -------------------------------------------------------------------------------------------------


def test_a_linear_network_is_logistic_regression():
    X, y = load_iris(return_X_y=True)
    X, y = StandardScaler().fit_transform(X[50:]), y[50:]
    settings = {
        "preset": "single",
        "hidden_layer_sizes": (),
        "numeric": "none",
        "batch_size": -1,
        "epochs": 3000,
        "use_ema": False,
    }
    ours = Classifier(**settings, learning_rate=0.1, weight_decay=0, early_stopping=False, random_state=0).fit(X, y)
    theirs = LogisticRegression(C=1e12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=0.02)


def test_a_linear_network_is_least_squares():
    X, y = make_regression(100, 3, noise=5, random_state=0)
    settings = {
        "preset": "single",
        "hidden_layer_sizes": (),
        "numeric": "none",
        "batch_size": -1,
        "epochs": 2000,
        "use_ema": False,
    }
    ours = Regressor(**settings, learning_rate=0.05, weight_decay=0, early_stopping=False, random_state=0).fit(X, y)
    theirs = LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X).clip(y.min(), y.max()), atol=0.1)


def test_the_defaults_learn():
    for load, kind in ((load_iris, Classifier), (load_diabetes, Regressor)):
        X, y = load(return_X_y=True)
        assert cross_val_score(kind(random_state=0), X, y, cv=3).mean() > (0.93 if kind is Classifier else 0.3)


def test_the_first_prediction_is_what_the_classes_shares_say():
    X, y = make_classification(600, weights=[0.8], random_state=0)
    fitted = classifier(learning_rate=1e-12, early_stopping=False, epochs=1).fit(X, y)
    shares = (np.bincount(y) + 1) / (len(y) + 2)
    np.testing.assert_allclose(fitted.predict_proba(X[:2]), [shares, shares], atol=1e-3)


def test_quantiles_are_columns_of_the_prediction():
    x = np.linspace(0, 1, 600).reshape(-1, 1)
    y = x.ravel() + np.random.default_rng(0).normal(size=600)
    predicted = regressor(loss=Quantile((0.1, 0.9)), epochs=100).fit(x, y).predict(x)
    assert predicted.shape == (600, 2)
    share = (y < predicted.T).mean(axis=1)
    np.testing.assert_allclose(share, [0.1, 0.9], atol=0.05)


def test_counts_are_learned_by_poisson():
    x = np.random.default_rng(0).uniform(0, 2, (500, 1))
    y = np.random.default_rng(1).poisson(np.exp(x.ravel()))
    fitted = regressor(loss="poisson", epochs=80).fit(x, y)
    assert (fitted.predict(x) >= 0).all()
    np.testing.assert_allclose(fitted.predict([[0.5], [1.5]]), np.exp([0.5, 1.5]), rtol=0.25)
    assert get_tags(fitted).target_tags.positive_only


def test_a_constant_target_is_predicted_exactly():
    X = load_iris().data
    assert set(regressor(epochs=3).fit(X, np.full(150, 7.3)).predict(X + 1)) == {7.3}
    y = np.column_stack([np.full(150, -2.5), X[:, 0] ** 2])
    predicted = regressor(epochs=3).fit(X, y).predict(X)
    assert set(predicted[:, 0]) == {-2.5}
    assert len(set(predicted[:, 1])) > 50


def test_a_class_with_one_member_is_learned():
    X, y = load_iris(return_X_y=True)
    y = np.append(y[:100], 2)
    fitted = classifier(early_stopping=True).fit(X[:101], y)
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert fitted.predict_proba(X).shape == (150, 3)


# ---- Weights ---------------------------------------------------------------------------------------------------------


def test_in_whole_batches_a_weight_of_k_is_k_repetitions_to_the_bit():
    weight = np.arange(ROWS) % 4
    settings = {"batch_size": -1, "early_stopping": False, "epochs": 20}
    places = np.repeat(np.arange(ROWS), weight)
    shuffled = np.random.default_rng(1).permutation(places)
    for kind, y in ((classifier, LABELS), (regressor, np.arange(ROWS) % 7)):
        weighted = kind(**settings).fit(frame(), y, sample_weight=weight)
        repeated = kind(**settings).fit(frame().iloc[shuffled].reset_index(drop=True), y[shuffled])
        np.testing.assert_array_equal(weighted.predict(frame()), repeated.predict(frame()))
        assert weighted.history_ == repeated.history_
        once = kind(**settings).fit(frame().iloc[np.unique(places)].reset_index(drop=True), y[np.unique(places)])
        assert once.history_ != weighted.history_


def test_rows_of_weight_zero_are_not_there():
    weight = np.arange(ROWS) % 3
    kept = weight > 0
    X, y = frame(), np.where(kept, LABELS, "unknown")
    left_out = classifier(early_stopping=False).fit(X, y, sample_weight=weight)
    dropped = classifier(early_stopping=False).fit(X[kept].reset_index(drop=True), y[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(left_out.predict_proba(X), dropped.predict_proba(X))
    assert left_out.classes_.tolist() == ["no", "yes"]


def test_only_the_proportions_of_weights_count():
    weight = np.arange(ROWS) % 3 + 1.0
    one, other = (classifier().fit(frame(), LABELS, sample_weight=weight * factor) for factor in (1, 1024))
    np.testing.assert_array_equal(one.predict_proba(frame()), other.predict_proba(frame()))


@pytest.mark.parametrize("weights", ["balanced", {"yes": 5.0}])
def test_class_weights_multiply_those_of_rows(weights):
    y = np.where(np.arange(ROWS) % 5 == 0, "yes", "no")
    by_class = classifier(class_weight=weights).fit(frame(), y)
    by_row = classifier().fit(frame(), y, sample_weight=compute_sample_weight(weights, y))
    np.testing.assert_allclose(by_class.predict_proba(frame()), by_row.predict_proba(frame()), atol=1e-4)


# ---- Training --------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    X, y = make_classification(3000, 40, random_state=0)
    settings = {"hidden_layer_sizes": (256, 256), "epochs": 2, "batch_size": 256}
    outputs = [classifier(**settings, n_jobs=n).fit(X, y).predict_proba(X) for n in (1, 2, None, -1)]
    for other in outputs[1:]:
        np.testing.assert_array_equal(outputs[0], other)
    assert (classifier(**settings | {"random_state": 1}).fit(X, y).predict_proba(X) != outputs[0]).any()


def test_a_random_state_is_drawn_from():
    X, y = load_iris(return_X_y=True)
    one, two = (np.random.RandomState(3) for _ in range(2))
    np.testing.assert_array_equal(
        classifier(random_state=one).fit(X, y).predict_proba(X), classifier(random_state=two).fit(X, y).predict_proba(X)
    )


def test_early_stopping_keeps_the_best_weights():
    X, y = make_classification(800, 20, n_informative=4, flip_y=0.3, random_state=0)
    fitted = Classifier(preset="single", early_stopping=True, patience=4, learning_rate=0.01, random_state=0).fit(X, y)
    held = fitted.history_["val_loss"]
    assert fitted.n_iter_ == len(held) == int(np.argmin(held)) + 1 + 4
    assert fitted.validation_scores_ == [-loss for loss in held]
    assert fitted.best_validation_score_ == -min(held)
    assert fitted.best_loss_ is None


def test_callbacks_hear_of_the_held_out_rows():
    heard = []
    listen = LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(sorted(logs)))
    classifier(early_stopping=True, epochs=2, metrics=["accuracy"], callbacks=[listen]).fit(frame(), LABELS)
    assert heard == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 2


def test_warm_start_goes_on():
    X, y = load_iris(return_X_y=True)
    first = classifier(epochs=5).fit(X, y)
    second = classifier(epochs=5, warm_start=True).fit(X, y)
    before = second.model_.get_weights()
    losses = [second.fit(X, y).history_["loss"][-1] for _ in range(6)]
    assert losses[-1] < losses[0] < first.loss_
    assert any((a != b).any() for a, b in zip(before, second.model_.get_weights(), strict=True))
    second.set_params(hidden_layer_sizes=(3,))
    with pytest.raises(ValueError, match="its layers have changed"):
        second.fit(X, y)


def test_partial_fit_takes_the_table_in_parts():
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    fitted = classifier(learning_rate=0.02)
    for _ in range(40):
        for part in np.array_split(order, 3):
            fitted.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert fitted.score(X, y) > 0.93
    assert fitted.n_iter_ == 120
    line = regressor(learning_rate=0.02)
    for _ in range(40):
        line.partial_fit(X[:, :3], X[:, 3])
    assert line.score(X[:, :3], X[:, 3]) > 0.8


def test_a_failed_fit_leaves_what_was_there():
    fitted = classifier().fit(frame(), LABELS)
    before = fitted.predict_proba(frame())
    with pytest.raises(ValueError, match="at least 2 classes"):
        fitted.fit(frame(), np.full(ROWS, "same"))
    np.testing.assert_array_equal(fitted.predict_proba(frame()), before)


def test_an_interrupted_fit_keeps_the_epochs_that_were_finished():
    def stop(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    interrupted = classifier(callbacks=[LambdaCallback(on_epoch_end=stop)])
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(frame(), LABELS)
    assert interrupted.n_iter_ == 3
    assert interrupted.history_["loss"] == classifier().fit(frame(), LABELS).history_["loss"][:3]
    assert np.isfinite(interrupted.predict_proba(frame())).all()


def test_an_own_network_is_trained():
    X, y = load_iris(return_X_y=True)
    own = Sequential([Dense(12, "tanh"), Dense(3, "softmax")])
    fitted = Classifier(model=own, learning_rate=0.02, random_state=0).fit(X, y)
    assert fitted.score(X, y) > 0.95
    assert not own.built
    assert fitted.coefs_[0].shape == (4, 12)
    compiled = Sequential([Dense(3, "softmax", input_dim=4)])
    compiled.compile(SGD(0.05), "categorical_crossentropy", metrics=["accuracy"])
    fitted = Classifier(model=compiled, epochs=20, random_state=0).fit(X, y)
    assert fitted.model_.optimizer == SGD(0.05)
    assert "accuracy" in fitted.history_


def test_a_function_builds_the_network_of_what_it_asks_for():
    def build(features, cardinalities, outputs):
        seen.append((features, cardinalities, outputs))
        return Sequential([Embedding(list(cardinalities), 3), Dense(8, "relu"), Dense(outputs, "sigmoid")])

    seen = []
    classifier(model=build).fit(frame(), LABELS)
    fitted = classifier().fit(frame(), LABELS)
    assert seen == [(len(fitted.encoder_.features), fitted.encoder_.cardinalities, 1)]
    plain = classifier(model=lambda outputs: Sequential([Dense(outputs, "sigmoid")])).fit(frame(), LABELS)
    assert plain.encoder_.embedded == ()


# ---- scikit-learn ----------------------------------------------------------------------------------------------------


def test_tags():
    for kind in (Classifier, Regressor):
        tags = get_tags(kind()).input_tags
        assert (tags.allow_nan, tags.string, tags.categorical, tags.sparse) == (True, True, True, False)
    assert is_classifier(Classifier())
    assert is_regressor(Regressor())
    assert get_tags(Regressor()).target_tags.multi_output
    assert not get_tags(Regressor(loss=Quantile(0.5))).target_tags.multi_output


def test_pipelines_and_searches():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier(epochs=100, early_stopping=False)),
        {"classifier__hidden_layer_sizes": [(4,), (16,)]},
        cv=2,
    )
    assert search.fit(X, y).best_score_ > 0.9
    plain = classifier(epochs=3, early_stopping=False)
    pair = GridSearchCV(plain, {"dropout": [0.0, 0.2]}, cv=2, n_jobs=2).fit(frame(), LABELS)
    assert set(pair.best_params_) == {"dropout"}


def test_weights_are_routed():
    with config_context(enable_metadata_routing=True):
        asked = (
            classifier(epochs=3, early_stopping=False)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True)
        )
        scores = cross_val_score(asked, frame(), LABELS, cv=2, params={"sample_weight": np.ones(ROWS)})
    assert len(scores) == 2


def test_clones_are_equal_and_reprs_are_there():
    own = Classifier(optimizer=Adam(0.01), kinds={"a": "numeric"}, class_weight={"yes": 2})
    other = clone(own)
    assert {**other.get_params()} == {**own.get_params()}
    assert "class_weight" in repr(own)
    assert "<div" in own._repr_html_()


def test_pickles_predict_alike():
    fitted = classifier(epochs=3).fit(frame(), LABELS)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(frame()), fitted.predict_proba(frame()))
    assert again.history_ == fitted.history_


def test_fitted_attributes():
    X, y = load_iris(return_X_y=True)
    fitted = Classifier((8, 4), preset="single", epochs=7, early_stopping=False, random_state=0).fit(X, y)
    assert [kernel.shape for kernel in fitted.coefs_] == [(4, 8), (8, 4), (4, 3)]
    assert [bias.shape for bias in fitted.intercepts_] == [(8,), (4,), (3,)]
    assert (fitted.n_layers_, fitted.n_outputs_, fitted.out_activation_) == (4, 3, "softmax")
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 7
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    assert fitted.validation_scores_ is None
    assert not hasattr(fitted, "feature_names_in_")
    assert fitted.n_features_in_ == 4
    for name in ("classes_", "coefs_", "loss_", "n_outputs_"):
        assert not hasattr(Classifier(), name)


def test_predictions_may_be_taken_in_many_threads():
    X, y = load_iris(return_X_y=True)
    fitted, found = classifier().fit(X, y), []
    expected = fitted.predict_proba(X)
    threads = [threading.Thread(target=lambda: found.append(fitted.predict_proba(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((one == expected).all() for one in found)


def test_what_is_kept_between_predictions_belongs_to_one_network():
    X, y = load_iris(return_X_y=True)
    one, other = (classifier(random_state=seed).fit(X, y) for seed in (0, 1))
    whole = [fitted.predict_proba(X) for fitted in (one, other)]
    for row in (0, 70, 140):
        for fitted, expected in zip((one, other), whole, strict=True):
            np.testing.assert_array_equal(fitted.predict_proba(X[row : row + 1]), expected[row : row + 1])
    one.partial_fit(X, y)
    assert (one.predict_proba(X[:1]) != whole[0][:1]).any()
    np.testing.assert_array_equal(one.predict_proba(X[:1]), one.predict_proba(X)[:1])
    native = one.predict_proba(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TABGRAD_ENGINE", "reference")
        np.testing.assert_allclose(one.predict_proba(X), native, atol=1e-5)


def test_probabilities_are_sums_of_one():
    X, y = load_iris(return_X_y=True)
    for settings in ({}, {"loss": "hinge"}, {"loss": "categorical_hinge"}, {"loss": "binary_crossentropy"}):
        for labels in (y, y > 0):
            p = classifier(**settings).fit(X, labels).predict_proba(X)
            np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
            assert ((p >= 0) & (p <= 1)).all()
            fitted = classifier(**settings).fit(X, labels)
            assert fitted.score(X, labels) > 0.8
            np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), p)


def test_the_names_are_public():
    assert tabgrad.Classifier is Classifier
    assert tabgrad.Regressor is Regressor


# ---- Settings --------------------------------------------------------------------------------------------------------


def test_what_auto_means():
    single = PRESETS["single"]
    assert [batch_of("auto", rows, single) for rows in (10, 2048, 4096, 10_000, 10**6)] == [32, 32, 64, 128, 256]
    assert (batch_of(-1, 70, single), batch_of(50, 70, single)) == (70, 50)
    rows = [(epochs, 32 * epochs) for epochs in (1, 30, 100, 4000)]
    assert [epochs_of("auto", each, 32, single) for _, each in rows] == [200, 100, 30, 20]
    assert [patience_of("auto", epochs, single) for epochs in (20, 200)] == [10, 40]
    assert [stops_early("auto", rows, 200) for rows in (199, 200)] == [False, True]
    assert (stops_early(True, 3, 200), stops_early(False, 10**6, 200)) == (True, False)


def test_what_an_optimizer_is_trained_with():
    adam = optimizer_of("adam", None, schedule="cosine", use_ema=True, steps=5000)
    assert (adam.weight_decay, adam.use_ema, adam.ema_momentum) == (0.3, True, 0.99)
    assert adam.rate_of(50) == pytest.approx(0.006)
    assert adam.rate_of(5000) == 0
    assert optimizer_of("adam", None, use_ema=True, steps=20).ema_momentum == 0.5
    assert not optimizer_of("adam", None, use_ema=True, steps=10).use_ema
    assert optimizer_of("sgd", None) == SGD()
    assert optimizer_of(Adam(0.01), None) == Adam(0.01)
    assert optimizer_of(Adam(0.01), None, weight_decay=0.1).weight_decay == 0.1
    assert optimizer_of("adam", 0.02, weight_decay=0.0) == Adam(0.02)
