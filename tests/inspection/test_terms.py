"""Columns in other orders by their own terms alone: what the whole network says of the rows, to the last bits."""

from functools import cache

import numpy as np
import pytest

from tabgrad import Classifier, Regressor
from tabgrad.estimators._outputs import networks_of
from tabgrad.inspection import _terms, importance, permutation_importance
from tabgrad.inspection._terms import Parted, Terms
from tabgrad.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Input,
    LayerNormalization,
    Normalization,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    PReLU,
    ReLU,
    Residual,
    Scale,
    Softmax,
)
from tabgrad.models import Sequential
from tabgrad.plan import Network
from tests.inspection.tables import classifier, frame, label, price, regressor

ROWS = frame(90, seed=1)  # numbers, categories, one by an embedding, dates; some values are missing
ORDERS = np.array([np.random.default_rng(seed).permutation(len(ROWS)) for seed in range(4)])


def apart(features, cardinalities, outputs):
    """A network of the user's own in which columns stay apart for long."""
    before = [Normalization(mean=0.2, variance=2.0), BatchNormalization(), PReLU(), Dropout(0.2), Activation("tanh")]
    behind = [Scale(), Dense(9, use_bias=False), BatchNormalization(), ReLU(), Dense(outputs, "softmax")]
    codes = Embedding(list(cardinalities), 3)
    return Sequential([Input([(features,), (len(cardinalities),)]), *before, codes, *behind], seed=0)


def meeting(features, cardinalities, outputs):
    """One in which they meet at once."""
    behind = [Embedding(list(cardinalities), 3), Dense(9, "relu"), Dense(outputs, "softmax")]
    return Sequential([Input([(features,), (len(cardinalities),)]), LayerNormalization(), *behind], seed=0)


@cache
def fitted(name):
    table, options = frame(), {"epochs": 6, "random_state": 0}
    if name == "classifier":
        return classifier()
    if name == "regressor":
        return regressor()
    if name == "several outputs":
        return Regressor(8, preset="single", **options).fit(
            table, np.column_stack([price(table), 5 * table["rooms"] + 7 * table["new"]])
        )
    if name == "two classes":
        return Classifier(8, preset="fast", members=2, **options).fit(table, price(table) > 140)
    if name in ("best", "single"):
        return Classifier((24, 16), preset=name, members={"best": 3, "single": 1}[name], **options).fit(
            table, label(table)
        )
    return Classifier(model={"apart": apart, "meeting": meeting}[name], members=2, **options).fit(table, label(table))


KINDS = ("classifier", "regressor", "several outputs", "two classes", "best", "single", "apart")


def permuted(estimator):
    """What its networks say with each column in each order, by the names of the columns."""
    table, encoded = estimator._encoded(ROWS)
    return {
        table.names[each.column]: each.outputs for each in importance._permuted(estimator, table.names, encoded, ORDERS)
    }


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("name", KINDS)
def test_terms_give_what_whole_networks_give(name, engine, monkeypatch):
    monkeypatch.setenv("TABGRAD_ENGINE", engine)
    estimator = fitted(name)
    assert Terms.of(*networks_of(estimator.models_), estimator._encoded(ROWS)[1]) is not None
    by_terms = permuted(estimator)
    monkeypatch.setattr(importance.Terms, "of", lambda *_: None)
    whole = permuted(estimator)
    assert list(by_terms) == list(whole) == ["size", "rooms", "town", "street", "sold", "new"]  # a country is dropped
    unchanged = estimator._by_each(estimator._encoded(ROWS)[1])[:, :, np.newaxis]
    for column, outputs in whole.items():
        assert np.abs(outputs - unchanged).max() > 1e-3  # the column counts
        np.testing.assert_allclose(by_terms[column], outputs, rtol=1e-4, atol=1e-5)


def test_rows_that_stay_where_they_are_are_what_they_were():
    """Bit for bit, in every column."""
    estimator = fitted("best")
    _, encoded = estimator._encoded(ROWS)
    terms = Terms.of(*networks_of(estimator.models_), encoded)
    outputs = terms.of_columns([0, 1]).permuted(np.arange(len(ROWS))[np.newaxis])
    assert outputs[:, :, 0].tobytes() == estimator._by_each(encoded).tobytes()


@pytest.mark.parametrize("name", KINDS)
def test_a_column_that_says_the_same_of_all_rows_has_no_importance(name):
    """Not even in the last bit; nor has one whose values change places with equal ones."""
    estimator, table = fitted(name), ROWS.assign(size=70.5, town="Bern")
    truth = {"regressor": price(ROWS), "several outputs": np.column_stack([price(ROWS)] * 2)}
    y = truth.get(name, label(ROWS) if name != "two classes" else price(ROWS) > 140)
    scoring = "neg_mean_absolute_error" if name in truth else "neg_log_loss"
    found = permutation_importance(estimator, table, y, n_repeats=3, random_state=0, scoring=scoring)
    constant = [name in ("size", "town", "country") for name in found.columns]
    assert (found.importances == 0).all(axis=1).tolist() == constant


@pytest.mark.parametrize("name", ["best", "meeting"])
def test_importances_do_not_depend_on_the_way(name, monkeypatch):
    options = {"n_repeats": 3, "random_state": 0, "scoring": "neg_log_loss"}
    one = permutation_importance(fitted(name), ROWS, label(ROWS), **options).importances
    with monkeypatch.context() as patch:
        patch.setattr(importance.Terms, "of", lambda *_: None)
        other = permutation_importance(fitted(name), ROWS, label(ROWS), **options).importances
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert (one == other).all() == (name == "meeting")  # whose way is the same


def test_rows_that_are_too_many_are_taken_the_other_way(monkeypatch):
    estimator = fitted("single")
    network, weights = networks_of(estimator.models_)
    _, encoded = estimator._encoded(ROWS)
    parted = Parted.of(network)
    numbers = len(ROWS) * (len(parted.columns) + 2 * parted.rest.inputs)
    monkeypatch.setattr(_terms, "MOST_NUMBERS", numbers)
    assert Terms.of(network, weights, encoded) is not None
    monkeypatch.setattr(_terms, "MOST_NUMBERS", numbers - 1)
    assert Terms.of(network, weights, encoded) is None


KNOTS = [[0.0, 1.0], [0.0, 0.5, 1.0]]


@pytest.mark.parametrize(
    ("network", "columns"),
    [
        (Network(2, (Dense(3, "relu"), Dense(1))), [0, 1]),
        (Network(2, (Scale(), Activation("relu"), Dense(1, "sigmoid"))), [0, 1]),
        (Network(3, (PiecewiseLinearEmbedding(KNOTS, 2), Dense(1))), [0, 1, 2, 0, 0, 1, 1]),
        (
            Network(2, (PiecewiseLinearEmbedding(KNOTS, 1), PeriodicEmbedding(2, 2), Scale(), Dense(1))),
            [0, 1, 0, 1, 0, 0, 1, 1],
        ),
        (Network(1, (Embedding([4, 5], [1, 2]), Dense(1)), 2), [0, 1, 2, 2]),
        (Network(0, (Embedding(4, 2), Dense(1)), 2), [0, 0, 1, 1]),
    ],
    ids=str,
)
def test_a_network_is_parted_at_its_first_sums(network, columns):
    parted = Parted.of(network)
    assert parted.columns.tolist() == columns
    assert len(parted.front.weights) < len(parted.sums.weights) <= len(network.weights)
    assert [w.shape for w in (*parted.sums.weights, *parted.rest.weights)] == [w.shape for w in network.weights]
    assert parted.sums.last_activation.kind == "linear"
    assert parted.rest.last_activation == network.last_activation


@pytest.mark.parametrize(
    "network",
    [
        Network(2, (LayerNormalization(), Dense(3))),
        Network(2, (Residual([Dense(2)]), Dense(3))),
        Network(2, (Softmax(), Dense(3))),
        Network(2, (Activation("softmax"), Dense(3))),
        Network(2, (Dense(3), Embedding(4, 2), Dense(3)), 1),
        Network(2, (Scale(),)),
    ],
    ids=str,
)
def test_a_network_is_not_parted_where_columns_meet_before(network):
    assert Parted.of(network) is None
