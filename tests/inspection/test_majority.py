"""Classes by no more networks than decide them: those of all networks together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgrad import Classifier
from tabgrad.inspection import _majority, _terms, importance, permutation_importance
from tabgrad.inspection._majority import BLOCK, by_majority, fewest
from tests.inspection.tables import frame, label, price

TABLE, ROWS = frame(), frame(90, seed=1)


def alike(outputs):
    return outputs


@given(
    networks=st.integers(1, 9),
    classes=st.integers(2, 5),
    sure=st.sampled_from([0.05, 0.5, 5.0]),
    rows=st.sampled_from([0, 1, 40, BLOCK + 1]),
    seed=st.integers(0, 99),
)
def test_the_classes_are_those_of_the_sum_and_the_decided_are_not_asked_for(networks, classes, sure, rows, seed):
    random = np.random.default_rng(seed)
    said = random.dirichlet(np.full(classes, 1 / sure), (networks, rows))
    first = fewest(networks)
    asked = []

    def ask(network, places):
        so_far = said[:network, places].sum(axis=0)
        assert (so_far.max(axis=1) <= networks / 2 + 1e-12).all()
        asked.append((network, len(places)))
        return said[network, places]

    taken = by_majority(said[:first], networks, alike, ask)
    assert taken.tolist() == said.sum(axis=0).argmax(axis=1).tolist()
    assert [network for network, _ in asked] == list(range(first, first + len(asked)))
    assert all(count for _, count in asked)


def test_it_takes_more_than_half_of_all():
    """Four of eight, and as much of another class to come."""
    said = np.array([[[1.0, 0.0]]] * 4 + [[[0.1, 0.9]]] + [[[0.0, 1.0]]] * 3)
    count = []
    taken = by_majority(said[:4], 8, alike, lambda network, places: count.append(network) or said[network, places])
    assert (taken.tolist(), count) == ([0], [4])
    assert [fewest(networks) for networks in range(1, 9)] == [1, 2, 2, 3, 3, 4, 4, 5]


def two_classes(table):
    return price(table) > 140


@pytest.mark.parametrize(("members", "classes"), [(1, label), (2, label), (5, label), (5, two_classes)])
def test_importances_of_accuracy_are_those_of_all_networks(members, classes, monkeypatch):
    options = {"members": members, "epochs": 30, "n_neighbors": 0, "random_state": 0}
    fitted = Classifier((8,), preset="best", **options).fit(TABLE, classes(TABLE))
    weight = np.linspace(0.5, 2, len(ROWS))
    asked = []
    exchanged = importance.Exchangeable.exchanged

    def ask(self, network, rows, others):
        assert 0 < len(rows) <= 4 * len(ROWS)
        asked.append(network)
        return exchanged(self, network, rows, others)

    monkeypatch.setattr(importance.Exchangeable, "exchanged", ask)
    options = {"n_repeats": 4, "random_state": 0, "sample_weight": weight}
    monkeypatch.setattr(_majority, "MOST_UNDECIDED", 1.0)
    monkeypatch.setattr(_terms, "ASKED", 50)
    by_few = permutation_importance(fitted, ROWS, classes(ROWS), **options).importances
    assert set(asked) == set(range(fewest(members), members))
    asked.clear()
    monkeypatch.setattr(_majority, "MOST_UNDECIDED", -1.0)  # as where the fewest leave many rows open
    at_once = permutation_importance(fitted, ROWS, classes(ROWS), **options).importances
    assert not asked
    monkeypatch.setattr(importance.Judge, "asks_for_classes", False)
    by_all = permutation_importance(fitted, ROWS, classes(ROWS), **options).importances
    np.testing.assert_array_equal(by_few, by_all)
    np.testing.assert_array_equal(at_once, by_all)
    assert np.abs(by_all).max() > 0.01


def test_where_rows_of_the_fit_are_asked_all_networks_are(monkeypatch):
    fitted = Classifier((8,), preset="best", members=5, epochs=4, random_state=0).fit(TABLE, label(TABLE))
    assert fitted.rows_kept_
    monkeypatch.setattr(importance, "by_majority", lambda *_: pytest.fail("not all that is said"))
    permutation_importance(fitted, ROWS, label(ROWS), n_repeats=2, random_state=0)
