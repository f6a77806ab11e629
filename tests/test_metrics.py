"""Metrics through a model: scikit-learn and Keras as oracles, names, weights, functions of one's own, bad input."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from tabgrad import metrics
from tabgrad.callbacks import Callback, EarlyStopping, LambdaCallback
from tabgrad.engines.base import Job, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError
from tabgrad.layers import Activation, Dense, Dropout
from tabgrad.losses import BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy
from tabgrad.matrix import Matrix
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD
from tabgrad.plan import Network, Plan
from tabgrad.wrappers.scikit_learn import KerasClassifier

RANDOM = np.random.default_rng(3)
ROWS = 300
X = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
WEIGHT = RANDOM.uniform(0, 2, ROWS).astype(np.float32)
PROBABILITIES = RANDOM.dirichlet(np.ones(4), ROWS).astype(np.float32)
LABELS = np.where(RANDOM.uniform(size=ROWS) < 0.5, PROBABILITIES.argmax(axis=1), RANDOM.integers(0, 4, ROWS))
ONE_HOT = np.eye(4, dtype=np.float32)[LABELS]
CHANCE = RANDOM.uniform(size=(ROWS, 1)).astype(np.float32)
BINARY = (RANDOM.uniform(size=(ROWS, 1)) < CHANCE).astype(np.float32)
NUMBERS = RANDOM.normal(5, 2, (ROWS, 3)).astype(np.float32)
PREDICTED = NUMBERS + RANDOM.normal(size=(ROWS, 3)).astype(np.float32)

PASSES_ON = Activation("linear")


def scored(metric: Any, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None, **options: Any) -> float:
    """What `evaluate` gives for predictions `p`, without and, if there are any, with weights."""
    losses = {1: "sparse_categorical_crossentropy"}
    model = Sequential([PASSES_ON])
    kind = {"weighted_metrics" if weight is not None else "metrics": [metric]}
    model.compile("sgd", losses.get(np.ndim(y), "mse"), **kind)
    return float(model.evaluate(p, y, sample_weight=weight, verbose=0, **options)[1])


SCIKIT_LEARN = {
    "rmse": ("rmse", NUMBERS, PREDICTED, lambda y, p, **w: np.sqrt(sklearn_metrics.mean_squared_error(y, p, **w))),
    "r2": ("r2", NUMBERS, PREDICTED, sklearn_metrics.r2_score),
    "r2, weighted by variance": (
        metrics.R2Score("variance_weighted_average"),
        *(NUMBERS, PREDICTED),
        lambda y, p, **w: sklearn_metrics.r2_score(y, p, multioutput="variance_weighted", **w),
    ),
    "precision": ("precision", BINARY, CHANCE, lambda y, p, **w: sklearn_metrics.precision_score(y, p > 0.5, **w)),
    "recall": (metrics.Recall(0.3), BINARY, CHANCE, lambda y, p, **w: sklearn_metrics.recall_score(y, p > 0.3, **w)),
    "recall of labels": (
        metrics.Recall(0.3, class_id=2),
        *(LABELS, PROBABILITIES),
        lambda y, p, **w: sklearn_metrics.recall_score(y == 2, p[:, 2] > 0.3, **w),
    ),
    "f1": (
        metrics.F1Score(threshold=0.5),
        *(BINARY, CHANCE),
        lambda y, p, **w: sklearn_metrics.f1_score(y, p > 0.5, **w),
    ),
    **{
        f"f1, {average}": (
            metrics.F1Score(average),
            *(ONE_HOT, PROBABILITIES),
            lambda y, p, average=average, **w: sklearn_metrics.f1_score(
                y.argmax(axis=1), p.argmax(axis=1), average=average, **w
            ),
        )
        for average in ("micro", "macro", "weighted")
    },
    "f2 of labels": (
        metrics.FBetaScore("macro", beta=2.0),
        *(LABELS, PROBABILITIES),
        lambda y, p, **w: sklearn_metrics.fbeta_score(y, p.argmax(axis=1), beta=2, average="macro", **w),
    ),
    **{
        f"kappa, {weights}": (
            metrics.CohenKappa(weights),
            *(LABELS, PROBABILITIES),
            lambda y, p, weights=weights, **w: sklearn_metrics.cohen_kappa_score(
                y, p.argmax(axis=1), weights=weights, **w
            ),
        )
        for weights in (None, "linear", "quadratic")
    },
    "kappa, one-hot": (
        *("cohen_kappa", ONE_HOT, PROBABILITIES),
        lambda y, p, **w: sklearn_metrics.cohen_kappa_score(y.argmax(axis=1), p.argmax(axis=1), **w),
    ),
    "kappa, binary": (
        metrics.CohenKappa(threshold=0.6),
        *(BINARY, CHANCE),
        lambda y, p, **w: sklearn_metrics.cohen_kappa_score(y[:, 0], p[:, 0] > 0.6, **w),
    ),
    "mcc": (
        *("mcc", LABELS, PROBABILITIES),
        lambda y, p, **w: sklearn_metrics.matthews_corrcoef(y, p.argmax(axis=1), **w),
    ),
    "mcc, binary": (
        metrics.MatthewsCorrelationCoefficient(threshold=0.4),
        *(BINARY, CHANCE),
        lambda y, p, **w: sklearn_metrics.matthews_corrcoef(y[:, 0], p[:, 0] > 0.4, **w),
    ),
}


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", SCIKIT_LEARN)
def test_scikit_learn_has_the_same_value(name: str, weight: Any, engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    metric, y, p, theirs = SCIKIT_LEARN[name]
    expected = theirs(y, p) if weight is None else theirs(y, p, sample_weight=weight)
    assert scored(metric, y, p, weight) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
def test_an_area_over_many_thresholds_is_that_of_scikit_learn(weight: Any) -> None:
    areas = {"ROC": sklearn_metrics.roc_auc_score, "PR": sklearn_metrics.average_precision_score}
    for curve, theirs in areas.items():
        expected = theirs(BINARY, CHANCE, sample_weight=weight)
        close = 1e-5 if curve == "ROC" else 5e-3  # which has no interpolation between precisions
        assert scored(metrics.AUC(100_000, curve), BINARY, CHANCE, weight) == pytest.approx(expected, abs=close)
        # 200 thresholds on 300 rows: some rows share a bin.
        assert scored(metrics.AUC(curve=curve), BINARY, CHANCE, weight) == pytest.approx(expected, abs=2e-2)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_an_area_by_hand(engine: str, monkeypatch: Any) -> None:
    """At the thresholds 0, 1/2, 1 TP = 2, 1, 0 and FP = 2, 0, 0: an output at a threshold is not above it."""
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    y, p = np.array([[0], [0], [1], [1]]), np.array([[0], [0.5], [0.3], [0.9]])
    assert scored(metrics.AUC(3), y, p) == pytest.approx(0.75)
    assert scored(metrics.AUC(3), y, p, np.array([1, 0, 0, 1])) == pytest.approx(1)
    assert scored(metrics.AUC(3, summation_method="minoring"), y, p) == pytest.approx(0.5)
    assert scored(metrics.AUC(3, summation_method="majoring"), y, p) == pytest.approx(1)
    assert scored(metrics.AUC(from_logits=True), y, np.log(p + 1e-9)) == pytest.approx(scored(metrics.AUC(), y, p))


def test_adjusted_r2() -> None:
    r2, n, k = sklearn_metrics.r2_score(NUMBERS, PREDICTED), NUMBERS.size, 5
    adjusted = 1 - (1 - r2) * (n - 1) / (n - k - 1)
    assert scored(metrics.R2Score(num_regressors=k), NUMBERS, PREDICTED) == pytest.approx(adjusted, rel=1e-6)
    assert scored(metrics.R2Score(num_regressors=n - 1), NUMBERS, PREDICTED) == pytest.approx(r2, rel=1e-6)


def test_r2_of_a_target_far_from_zero_is_exact() -> None:
    y, p = NUMBERS + 4096, PREDICTED + 4096
    expected = sklearn_metrics.r2_score(y.astype(np.float64), p.astype(np.float64))
    assert scored("r2_score", y, p) == pytest.approx(expected, rel=1e-7)


def test_a_target_of_minus_one_is_the_negative_class() -> None:
    for metric in ("auc", "recall", "precision", "mcc"):
        assert scored(metric, 2 * BINARY - 1, CHANCE) == scored(metric, BINARY, CHANCE)


# A cross-entropy of classes divides by the sum of the outputs, which may be 0 here.
ALL_METRICS = [
    form
    for form in dict.fromkeys(metrics.CATALOGUE.values())
    if form.labels is not True and form is not metrics.CategoricalCrossentropy
]


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("form", ALL_METRICS, ids=lambda form: form.__name__)
def test_absent_classes_constant_targets_and_no_weight_are_numbers(
    form: type[metrics.Metric], engine: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    zeros, ones, nothing = np.zeros((5, 1)), np.ones((5, 1)), np.zeros(5)
    for y in (zeros, ones):
        for p in (zeros, ones, np.full((5, 1), 0.5)):
            assert np.isfinite(scored(form(), y, p))
            assert scored(form(), y, p, nothing) == 0


def test_an_absent_class_counts_nothing() -> None:
    zeros, ones = np.zeros((5, 1)), np.ones((5, 1))
    for metric in ("precision", "recall", "auc", "cohen_kappa", "mcc", metrics.F1Score(threshold=0.5)):
        assert scored(metric, zeros, ones) == pytest.approx(0)
    assert scored("r2", ones, zeros) == 0
    assert scored("mcc", ones, ones) == 0  # scikit-learn's value
    assert scored("cohen_kappa", ones, ones) == 0  # where scikit-learn has NaN


# ---- The same everywhere ---------------------------------------------------------------------------------------------


def bias(y: np.ndarray, p: np.ndarray) -> Any:
    return p - y


EVERY = ["auc", "precision", "recall", metrics.F1Score(threshold=0.5), "rmse", "r2", "mcc", "cohen_kappa", bias]


def network(*last: Any, dropout: float = 0.2, seed: int = 0) -> Sequential:
    return Sequential([Dense(8, "tanh", input_dim=4), Dropout(dropout), *last], seed=seed)


def binary(metrics: Any = None, weighted_metrics: Any = None, **options: Any) -> Sequential:
    model = network(Dense(1, "sigmoid"), **options)
    model.compile("adam", "binary_crossentropy", metrics=metrics, weighted_metrics=weighted_metrics)
    return model


class Hears(Callback):
    """Every log, of batches too."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[dict[str, float]] = []
        self.epochs: list[dict[str, float]] = []
        self.tests: list[dict[str, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches.append(dict(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append(dict(logs))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tests.append(dict(logs))


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_history_logs_and_evaluate_agree(engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    quiet, heard = binary(EVERY, EVERY), binary(EVERY, EVERY)
    options = {"epochs": 3, "batch_size": 32, "sample_weight": WEIGHT, "verbose": 0}
    validation = (X[:70], BINARY[:70], WEIGHT[:70])
    history = quiet.fit(X, BINARY, validation_data=validation, **options).history
    hears = Hears()
    again = heard.fit(X, BINARY, validation_data=validation, callbacks=hears, **options).history
    assert list(history) == list(again)
    for name, values in again.items():  # the same sums, for validation in batches, so another order of additions
        np.testing.assert_allclose(history[name], values, rtol=1e-6, atol=1e-9, err_msg=name)
    assert hears.epochs == [{name: values[epoch] for name, values in again.items()} for epoch in range(3)]
    last_of_epoch = hears.batches[9::10]
    for epoch, logs in enumerate(last_of_epoch):
        assert logs == {name: again[name][epoch] for name in logs}
    after = heard.evaluate(*validation[:2], sample_weight=validation[2], batch_size=32, verbose=0, return_dict=True)
    assert {f"val_{name}": value for name, value in after.items()} == pytest.approx(
        {name: values[-1] for name, values in again.items() if name.startswith("val_")}
    )
    assert hears.tests[-1] == pytest.approx(after)
    on_batch = heard.test_on_batch(*validation[:2], sample_weight=validation[2], return_dict=True)
    assert on_batch == pytest.approx(after, rel=1e-5)
    assert set(heard.train_on_batch(*validation[:2], return_dict=True)) == set(after)


def test_training_sees_what_the_steps_saw() -> None:
    """With one batch an epoch and no dropout, the metrics are those of the weights before the step."""
    model = binary(EVERY, dropout=0.0)
    before = model.evaluate(X, BINARY, verbose=0, return_dict=True)
    history = model.fit(X, BINARY, batch_size=ROWS, verbose=0).history
    assert {name: values[0] for name, values in history.items()} == pytest.approx(before, rel=1e-5)


def test_threads_do_not_change_bits() -> None:
    plan = Plan(
        Network(4, (Dense(256, "tanh"), Dense(256, "tanh"), Dense(1, "sigmoid"))),
        BinaryCrossentropy(),
        SGD(0.1),
        tuple(metrics.get(one) for one in ("auc", "precision", "mcc", "r2", metrics.F1Score(threshold=0.5))),
        batch_size=150,
    )
    engine, state = get_engine("native"), initial_state(plan)
    job = Job(plan, state, Matrix(X, BINARY), 4, validation=Matrix(X[:50], BINARY[:50]))
    one, two = (engine.fit(job, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.training, two.training)
    np.testing.assert_array_equal(one.validation, two.validation)


def test_many_metrics() -> None:
    model = binary([metrics.AUC(name=f"auc_of_{number}") for number in range(40)])
    values = model.evaluate(X, BINARY, verbose=0, return_dict=True)
    assert len(values) == 41
    assert len(set(values.values())) == 2


# ---- Weights ---------------------------------------------------------------------------------------------------------


def test_weights_of_rows_and_classes_enter_weighted_metrics_alone() -> None:
    y, p, factors = BINARY, CHANCE, {0: 0.5, 1: 3.0}
    model = Sequential([Dense(1, input_dim=1, trainable=False)])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae", "recall"])
    model.set_weights([[[1]], [0]])
    values = model.evaluate(p, y, sample_weight=WEIGHT, verbose=0, return_dict=True)
    error = np.abs(y - p)[:, 0]
    assert values["mae"] == pytest.approx(error.mean(), rel=1e-5)
    assert values["weighted_mae"] == pytest.approx(np.average(error, weights=WEIGHT), rel=1e-5)
    assert model.evaluate(p, y, verbose=0, return_dict=True)["weighted_mae"] == pytest.approx(values["mae"])
    model.compile("sgd", "binary_crossentropy", metrics=["mae"], weighted_metrics=["mae", "recall"])
    history = model.fit(p, y, sample_weight=WEIGHT, class_weight=factors, verbose=0).history
    together = WEIGHT * np.where(y[:, 0] == 1, 3.0, 0.5)
    assert history["mae"][0] == pytest.approx(error.mean(), rel=1e-5)
    assert history["weighted_mae"][0] == pytest.approx(np.average(error, weights=together), rel=1e-5)
    expected = sklearn_metrics.recall_score(y[:, 0], p[:, 0] > 0.5, sample_weight=together)
    assert history["recall"][0] == pytest.approx(expected, rel=1e-5)


def test_weighted_accuracy() -> None:
    model = network(Dense(4, "softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics="accuracy")
    values = model.evaluate(X, LABELS, sample_weight=WEIGHT, verbose=0)
    right = model.predict(X).argmax(axis=1) == LABELS
    assert values[1] == pytest.approx(np.average(right, weights=WEIGHT), rel=1e-5)


# ---- Names -----------------------------------------------------------------------------------------------------------


def test_names() -> None:
    named = metrics.AUC(name="area")
    model = binary(["auc", "AUC", named, named, metrics.AUC(), bias, lambda y, p: 0.0], ["auc", "mae", "auc", bias])
    expected = ["auc", "AUC", "area", "area_1", "auc_1", "bias", "lambda"]
    weighted = ["weighted_auc", "mae", "weighted_auc_1", "weighted_bias"]
    assert model.metrics_names == ["loss", *expected, *weighted]
    assert set(model.fit(X, BINARY, verbose=0).history) == {"loss", *expected, *weighted}


@pytest.mark.parametrize("names", [["loss"], ["val_loss"], ["val_mae", "mae"], ["mae", "mae", "mae_1"]])
def test_a_name_stands_for_one_quantity(names: list[str]) -> None:
    chosen = [metrics.MeanAbsoluteError(name=name) for name in names]
    with pytest.raises(ArgumentError, match=r"^A metric cannot be called '\w+': in the history that is something else"):
        Sequential([Dense(1)]).compile("sgd", "mse", metrics=chosen)


def test_of_many_names_the_nearest_are_listed() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'precision'\? Known: precision, .* and \d+ more\.$"):
        metrics.get("precison")


@pytest.mark.parametrize("name", sorted(metrics.CATALOGUE))
def test_every_name_stands_for_a_metric(name: str) -> None:
    metric = metrics.get(name)
    assert type(metric) is metrics.CATALOGUE[name]
    assert metric.title == metric.kind
    assert type(metric)(name="other").title == "other"
    assert metrics.get(type(metric)) == metric


def test_the_name_of_a_metric_changes_nothing_but_the_name() -> None:
    plain, named = binary(["mae", "auc"]), binary([metrics.MeanAbsoluteError(name="error"), metrics.AUC(name="area")])
    one, other = (model.fit(X, BINARY, verbose=0).history for model in (plain, named))
    assert other == {"area": one["auc"], "error": one["mae"], "loss": one["loss"]}


def test_which_way_is_better() -> None:
    model = binary(["auc", "rmse", "false_positives", bias], ["auc"])
    assert model.higher_is_better == {"auc": True, "rmse": False, "false_positives": False, "weighted_auc": True}
    stops = EarlyStopping(monitor="weighted_auc", patience=0, min_delta=1.0)
    assert len(model.fit(X, BINARY, epochs=9, callbacks=stops, verbose=0).history["loss"]) == 2
    with pytest.raises(ArgumentError, match="cannot tell whether 'bias' should rise or fall"):
        model.fit(X, BINARY, callbacks=EarlyStopping(monitor="bias"), verbose=0)
    model.fit(X, BINARY, callbacks=EarlyStopping(monitor="bias", mode="min"), verbose=0)


def test_progress_shows_them(capsys: Any) -> None:
    binary(["auc", bias]).fit(X, BINARY, verbose=2)
    line = capsys.readouterr().out
    assert "auc: " in line
    assert "bias: " in line


# ---- Functions of one's own ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_function_sees_each_row_once_an_epoch(engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def keeps(y: np.ndarray, p: np.ndarray) -> Any:
        seen.append((y, p))
        return np.abs(y - p)

    model = binary([keeps, "mae"])
    history = model.fit(X, BINARY, batch_size=64, verbose=0, validation_data=(X[:100], BINARY[:100])).history
    assert [len(y) for y, _ in seen] == [64, 64, 64, 64, 44, 64, 36]
    assert all(y.shape == p.shape and p.dtype == np.float32 for y, p in seen)
    assert np.concatenate([y for y, _ in seen[:5]]).sum() == BINARY.sum()
    assert history["keeps"] == pytest.approx(history["mae"], rel=1e-5)
    assert history["val_keeps"] == pytest.approx(history["val_mae"], rel=1e-5)


def test_a_function_of_labels() -> None:
    def right(y: np.ndarray, p: np.ndarray) -> Any:
        assert y.dtype == np.int64
        return p.argmax(axis=1) == y

    model = network(Dense(4, "softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", right])
    history = model.fit(X, LABELS, verbose=0).history
    assert history["right"] == pytest.approx(history["accuracy"])


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_one_number_for_a_batch_is_averaged_over_batches(engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    model = binary([lambda y, p: len(p)], [lambda y, p: np.array([[float(len(p))]])])
    sizes = [64, 64, 64, 64, 44]
    history = model.fit(X, BINARY, batch_size=64, verbose=0, sample_weight=WEIGHT).history
    assert history["lambda"] == history["weighted_lambda"] == [np.mean(sizes)]
    assert model.evaluate(X, BINARY, batch_size=250, verbose=0)[1] == 150
    assert model.test_on_batch(X, BINARY)[1] == ROWS


def test_both_engines_see_the_same() -> None:
    def peak(y: np.ndarray, p: np.ndarray) -> float:
        return float((y * p).max())

    plan = Plan(
        Network(4, (Dense(3, "softmax"), Dropout(0.3))),
        CategoricalCrossentropy(),
        SGD(0.1),
        (metrics.get(peak), metrics.get(bias)),
        batch_size=40,
        weighted_metrics=(metrics.get(bias),),
    )
    rows = Matrix(X, ONE_HOT[:, :3] + (ONE_HOT[:, 3:] > 0) * np.float32(1 / 3), WEIGHT)
    job = Job(plan, initial_state(plan), rows, 3, validation=rows.part(slice(100)), validation_batch_size=30)
    native, reference = (get_engine(name).fit(job) for name in ("native", "reference"))
    np.testing.assert_allclose(native.training, reference.training, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(native.validation, reference.validation, rtol=1e-5, atol=1e-6)


WRONG: dict[str, tuple[Any, str]] = {
    "too few": (lambda y, p: (p - y)[:-1, 0], r"for each of the batch's 30 rows, or one number. Got shape \(29,\)"),
    "pairs": (lambda y, p: np.subtract.outer(y[:, 0], p[:-1, 0]).T, r"Got shape \(29, 30\)"),
    "nothing": (lambda y, p: None, "Got None."),
    "text": (lambda y, p: "high", r"Got 'high' \(str\)"),
    "empty": (lambda y, p: [], r"Got shape \(0,\)"),
}


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("name", WRONG)
def test_what_a_function_may_not_return(name: str, engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    function, message = WRONG[name]
    model = binary([metrics.MeanMetricWrapper(function, name="mine")])
    weights = model.get_weights()
    for run in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        options = {} if "on_batch" in run.__name__ else {"verbose": 0, "batch_size": 30}
        rows = 30 if "on_batch" in run.__name__ else ROWS
        with pytest.raises(DataError, match=message) as caught:
            run(X[:rows], BINARY[:rows], **options)
        assert "The metric 'mine' must return" in str(caught.value)
    for one, other in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("listened", [False, True])
def test_a_function_may_say_that_nothing_can_be_said(engine: str, listened: bool, monkeypatch: Any) -> None:
    """What is not finite is a value as any other, of training and of validation rows."""
    monkeypatch.setenv("TABGRAD_ENGINE", engine)

    def ratio(y: np.ndarray, p: np.ndarray) -> np.ndarray:  # infinite on the validation rows, whose y are all 0
        return np.where(y.sum() > 0, 1.0, np.inf) * np.ones(len(p))

    def both(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(p)) % 2, np.inf, -np.inf)

    def nothing(y: np.ndarray, p: np.ndarray) -> float:
        return np.nan

    hears = LambdaCallback(on_test_batch_end=lambda batch, logs: None)
    model, plain = binary([ratio, both, nothing], weighted_metrics=[ratio]), binary()
    rows = {"validation_data": (X, np.zeros(ROWS), np.arange(ROWS)), "batch_size": 100, "epochs": 2, "verbose": 0}
    history = model.fit(X, BINARY, callbacks=[hears] if listened else None, **rows).history
    plain.fit(X, BINARY, **rows)
    assert (history["ratio"], history["weighted_ratio"]) == ([1.0, 1.0], [1.0, 1.0])
    assert history["val_ratio"] == [np.inf, np.inf]
    assert np.isnan([history[name] for name in ("both", "val_both", "nothing", "val_nothing")]).all()
    assert np.isnan(history["val_weighted_ratio"]).all()  # a weight of 0 times infinity
    assert model.evaluate(X, np.zeros(ROWS), verbose=0, return_dict=True)["ratio"] == np.inf
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_an_exception_of_a_function_ends_the_run_after_the_last_whole_epoch(engine: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    calls = []

    def breaks(y: np.ndarray, p: np.ndarray) -> float:
        calls.append(len(p))
        if len(calls) == 8:
            raise KeyError("mine")
        return 0.0

    model, plain = binary([breaks]), binary()
    with pytest.raises(KeyError, match="mine") as caught:
        model.fit(X, BINARY, epochs=5, batch_size=100, verbose=0)
    assert caught.value.__notes__ == ["in the metric 'breaks', on a batch of 100 rows"]
    assert len(model.history.history["loss"]) == 2  # of three batches each
    plain.fit(X, BINARY, epochs=2, batch_size=100, verbose=0)
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_with_a_function_is_pickled() -> None:
    model = binary([bias])
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301  (what was just written)
    assert copy.evaluate(X, BINARY, verbose=0) == model.evaluate(X, BINARY, verbose=0)
    with pytest.raises(ArgumentError, match="is a function or class of your own, which cannot be written as JSON"):
        model.plan().to_json()


# ---- Bad input -------------------------------------------------------------------------------------------------------


class Foreign:
    """As a metric of Keras looks."""

    def update_state(self, y: Any, p: Any) -> None: ...
    def __call__(self, y: Any, p: Any) -> float:
        return 0.0


CONSTRUCTED = {
    "auc's curve": (lambda: metrics.AUC(curve="ROCK"), UnknownNameError, "Unknown curve 'ROCK'. Did you mean 'ROC'"),
    "auc's method": (lambda: metrics.AUC(summation_method="minor"), UnknownNameError, "Did you mean 'minoring'"),
    "auc's thresholds": (lambda: metrics.AUC(1), ArgumentError, r"'num_thresholds' of AUC must be in \[2, "),
    "auc's list": (
        lambda: metrics.AUC(thresholds=[0.5, 50]),
        ArgumentError,
        r"'thresholds' of AUC must be in \[0, ",
    ),
    "auc's weights": (
        lambda: metrics.AUC(label_weights=[-1]),
        ArgumentError,
        "'label_weights' of AUC must be at",
    ),
    "percent": (lambda: metrics.Precision(50), ArgumentError, "Did you mean 0.5?"),
    "several": (lambda: metrics.Recall([0.2, 0.8]), ArgumentError, "Recall with 2 thresholds has as many values"),
    "top_k": (lambda: metrics.Precision(top_k=0), ArgumentError, "'top_k' of Precision must be at least 1. Got 0."),
    "class_id": (
        lambda: metrics.Recall(class_id=-1),
        ArgumentError,
        "'class_id' of Recall must be at least 0.",
    ),
    "average": (lambda: metrics.F1Score("marco"), UnknownNameError, "Unknown average 'marco'. Did you mean 'macro'?"),
    "beta": (lambda: metrics.FBetaScore(beta=0), ArgumentError, "'beta' of FBetaScore must be above 0. Got 0."),
    "threshold": (lambda: metrics.F1Score(threshold=0), ArgumentError, r"'threshold' of F1Score must be in \(0, 1\]"),
    "weights": (lambda: metrics.CohenKappa("cubic"), UnknownNameError, "Unknown weights 'cubic'"),
    "aggregation": (lambda: metrics.R2Score("uniform"), UnknownNameError, "Did you mean 'uniform_average'?"),
    "regressors": (lambda: metrics.R2Score(num_regressors=-1), ArgumentError, "'num_regressors' of R2Score must be at"),
    "name": (
        lambda: metrics.BinaryAccuracy(0.7),
        ArgumentTypeError,
        "'name' of BinaryAccuracy must be a string",
    ),
    "dtype": (lambda: metrics.AUC(dtype="float32"), ArgumentTypeError, "AUC takes no argument 'dtype'"),
    "one argument": (
        lambda: metrics.MeanMetricWrapper(lambda y: y),
        ArgumentTypeError,
        r"The metric function '<lambda>' must take two arguments \(y_true, y_pred\). It takes \(y\).",
    ),
    "no function": (lambda: metrics.MeanMetricWrapper(3), ArgumentTypeError, "'fn' of MeanMetricWrapper must be a"),
}


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_metrics_that_cannot_be(name: str) -> None:
    make, error, message = CONSTRUCTED[name]
    with pytest.raises(error, match=message):
        make()


FITTING = {
    "f1 of several": (metrics.F1Score(), "F1Score without 'average' has a value for each of the network's 4 outputs"),
    "r2 of several": (metrics.R2Score(None), "R2Score with class_aggregation=None has a value for each"),
    "class_id": (
        metrics.Precision(class_id=4),
        "'class_id' of Precision must be below the network's number of outputs",
    ),
    "top_k": (metrics.Recall(top_k=5), "'top_k' of Recall must be at most the network's number of outputs, 4. Got 5."),
    "num_labels": (
        metrics.AUC(num_labels=3),
        "The num_labels of AUC must be as many as the network's outputs, 4.",
    ),
    "label_weights": (metrics.AUC(label_weights=[1, 2]), "The numbers in label_weights of AUC must be as many as"),
}


@pytest.mark.parametrize("name", FITTING)
def test_metrics_that_do_not_fit_the_outputs(name: str) -> None:
    metric, message = FITTING[name]
    model = network(Dense(4, "softmax"))
    model.compile("sgd", "categorical_crossentropy", metrics=[metric])
    for run in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ArgumentError, match=message):
            run(X, ONE_HOT)


@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_what_compile_refuses(argument: str) -> None:
    for wrong, error, message in (
        ("precison", UnknownNameError, "Unknown metric 'precison'. Did you mean 'precision'?"),
        (3, ArgumentTypeError, "A metric must be a name, for instance 'binary_accuracy', or a Metric record. Got 3."),
        (Foreign(), ArgumentTypeError, "Got Foreign, a class of another library"),
        (Foreign, ArgumentTypeError, "Got Foreign, a class of another library"),
    ):
        with pytest.raises(error, match=message):
            network(Dense(1)).compile("sgd", "mse", **{argument: [wrong]})
    with pytest.raises(ArgumentError, match="The metric 'r2' does not fit SparseCategoricalCrossentropy"):
        network(Dense(4)).compile("sgd", SparseCategoricalCrossentropy(), **{argument: ["r2"]})
    network(Dense(4)).compile("sgd", MeanSquaredError(), **{argument: ["auc", metrics.F1Score("macro")]})


def test_an_f_score_without_a_threshold_on_one_output_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"F1Score without 'threshold' .* of one output that is every row"):
        history = binary(["f1"]).fit(X, BINARY, verbose=0).history
    assert history["f1"][0] == pytest.approx(sklearn_metrics.f1_score(BINARY, np.ones(ROWS)), rel=1e-6)


@pytest.mark.parametrize("jobs", [None, 2])
def test_a_wrapper_takes_them(jobs: int | None) -> None:
    chosen = {"metrics": ["auc", bias, metrics.F1Score(threshold=0.5)], "compile__weighted_metrics": ["mcc"]}
    classifier = KerasClassifier(
        lambda: network(Dense(1, "sigmoid")), loss="binary_crossentropy", epochs=2, verbose=0, **chosen
    )
    fitted = clone(classifier).fit(X, BINARY[:, 0].astype(int), sample_weight=WEIGHT)
    assert set(fitted.history_) == {"loss", "auc", "bias", "f1_score", "mcc"}
    grid = GridSearchCV(classifier, {"metrics": [["auc"], [bias]]}, cv=2, n_jobs=jobs)
    assert grid.fit(X, BINARY[:, 0].astype(int)).best_params_ in ({"metrics": ["auc"]}, {"metrics": [bias]})


# ---- Keras -----------------------------------------------------------------------------------------------------------


@pytest.mark.peers
def test_names_and_values_are_those_of_keras() -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    ours = Sequential([Dense(1, "sigmoid", input_dim=4)])
    ours.set_weights(theirs.get_weights())

    def gap(y: Any, p: Any) -> Any:
        return abs(y - p)

    def batch(y: Any, p: Any) -> Any:
        return p.sum()

    for model, library in ((theirs, keras.metrics), (ours, metrics)):
        model.compile(
            "sgd",
            "binary_crossentropy",
            metrics=["auc", "mae", library.Precision(name="right"), gap, batch, "mae", "acc"],
            weighted_metrics=["mae", library.Recall(name="right"), gap, "auc", "acc"],
        )
    options = {"sample_weight": WEIGHT, "batch_size": 64, "epochs": 3, "shuffle": False, "verbose": 0}
    expected = theirs.fit(X, BINARY, validation_data=(X[:99], BINARY[:99], WEIGHT[:99]), **options).history
    history = ours.fit(X, BINARY, validation_data=(X[:99], BINARY[:99], WEIGHT[:99]), **options).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    scores = theirs.evaluate(X, BINARY, sample_weight=WEIGHT, batch_size=64, verbose=0, return_dict=True)
    for name, value in ours.evaluate(
        X, BINARY, sample_weight=WEIGHT, batch_size=64, verbose=0, return_dict=True
    ).items():
        assert value == pytest.approx(scores[name], rel=1e-4), name
