"""Rows of the fit beside the networks: what they say, when they are kept, and what a model with them is."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn import inspection
from sklearn.metrics import log_loss

import tabgrad
from tabgrad import Classifier, Regressor
from tabgrad.encode.encoder import Encoded
from tabgrad.errors import DataWarning, ModelFileError
from tabgrad.estimators._neighbors import MOST_LEVELS, Asked, Neighbors, Space, chosen, relevance
from tabgrad.estimators.ensemble import EnsembleClassifier
from tabgrad.inspection import permutation_importance
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.report import Report

SMALL = {"members": 4, "hidden_layer_sizes": (16,), "epochs": 20, "random_state": 0, "numeric_embedding": "none"}


def repeated(rows=900, seed=0, classes=3):
    """Rows that nearly repeat others, whose answers follow no smooth function."""
    random = np.random.default_rng(seed)
    corners = np.random.default_rng(7).normal(size=(60, 4))
    answers = np.random.default_rng(8).integers(0, classes, 60)
    which = random.integers(0, 60, rows)
    return (corners[which] + 0.001 * random.normal(size=(rows, 4))).astype(np.float32), answers[which]


def smooth(rows=900, seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4)).astype(np.float32)
    return X, (X[:, 0] + 0.5 * X[:, 1] + 0.7 * random.normal(size=rows) > 0).astype(int)


@pytest.fixture(scope="module")
def kept():
    X, y = repeated()
    return Classifier(**SMALL).fit(X, y)


# ---- The formula -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [True, False])
def test_near_rows_count_as_the_formula_says(classes):
    random = np.random.default_rng(0)
    x, new = random.normal(size=(50, 3)).astype(np.float32), random.normal(size=(20, 3)).astype(np.float32)
    codes, of_new = random.integers(0, 4, (50, 1), np.int32), random.integers(0, 4, (20, 1), np.int32)
    factors, weight = np.array([1.0, 0.0, 2.0]), random.uniform(0.5, 2, 50).astype(np.float32)
    space = Space(factors, np.array([0.3]), (4,))
    answers = random.integers(0, 3, 50).astype(np.int32) if classes else random.normal(size=(50, 2)).astype(np.float32)
    near = Neighbors(space, space.places(Encoded(x, codes)), answers, weight, 0.5, 0.4, 50)
    said = random.dirichlet(np.ones(3), 20) if classes else random.normal(size=(20, 2))

    apart = cdist(new * factors, x * factors) ** 2 + 2 * 0.3**2 * (of_new != codes.T)
    counts = weight * np.exp(-np.sqrt(apart) / 0.4)
    values = np.eye(3)[answers] if classes else answers
    expected = (0.5 * said + counts @ values) / (0.5 + counts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(near.joined(said, Encoded(new, of_new)), expected, rtol=1e-5, atol=1e-6)
    few = Neighbors(space, near.places, answers, weight, 0.5, 0.4, 5)
    assert (few.joined(said, Encoded(new, of_new)) != near.joined(said, Encoded(new, of_new))).any()


def test_where_no_row_is_near_networks_say_what_they_said():
    space = Space(np.ones(1), np.zeros(0), ())
    near = Neighbors(space, np.zeros((3, 1), np.float32), np.ones(3, np.int32), np.ones(3, np.float32), 1.0, 0.1, 3)
    said = np.array([[0.3, 0.7]])
    np.testing.assert_array_equal(near.joined(said, Encoded(np.full((1, 1), 1e6, np.float32))), said)
    np.testing.assert_allclose(near.joined(said, Encoded(np.zeros((1, 1), np.float32))), [[0.075, 0.925]])
    assert near.joined(said[:0], Encoded(np.zeros((0, 1), np.float32))).shape == (0, 2)


def test_probabilities_stay_probabilities(kept):
    new = np.vstack([repeated(2000, seed=3)[0], smooth(2000)[0]])
    p = kept.predict_proba(new)
    assert (p >= 0).all()
    assert (p <= 1).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    kept.predict_set(new, 0.9)


# ---- Where rows are --------------------------------------------------------------------------------------------------


def test_columns_count_for_what_they_matter():
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 3)).astype(np.float32) * np.array([1, 10, 1], np.float32)
    columns = [([0], []), ([1], []), ([2], []), ([], [])]
    found = relevance(lambda rows: rows.x[:, :1] + 0.05 * rows.x[:, 1:2], Encoded(x), columns, 0, classes=False)
    np.testing.assert_allclose(found, [1, 0.5, 0, 0], atol=0.03)
    space = Space.of(Encoded(x), (), columns, found)
    np.testing.assert_allclose(space.factors, [1, 0.05, 0], atol=0.01)
    assert space.width == space.places(Encoded(x)).shape[1] == 2


def test_codes_of_few_levels_count_and_of_many_do_not():
    codes = np.stack([np.arange(400) % 5, np.arange(400) % (MOST_LEVELS + 1)], axis=1).astype(np.int32)
    rows = Encoded(np.zeros((400, 0), np.float32), codes)
    space = Space.of(rows, (5, MOST_LEVELS + 1), [([], [0]), ([], [1])], np.ones(2))
    assert space.code_factors[0] == pytest.approx(1 / np.sqrt(0.8))
    assert space.code_factors[1] == 0
    assert space.places(rows).shape == (400, 5)


def test_siblings_are_not_near():
    """Rows of a fold, in which groups are together, do not answer for each other."""
    places, fold = np.repeat(np.arange(10.0, dtype=np.float32), 2)[:, np.newaxis], np.repeat(np.arange(10), 2)
    asked = Asked(np.full((20, 2), 0.5), np.zeros(20, np.int32), np.ones(20), fold)
    near = asked.near(places, np.arange(20), 3)
    assert (fold[near.rows] != fold[:, np.newaxis]).all()
    np.testing.assert_allclose(near.distance[:, 0], 1)
    assert np.isinf(asked.near(places, np.arange(20), 20).distance[:, 18:]).all()


# ---- When they are kept ----------------------------------------------------------------------------------------------


def test_rows_are_kept_where_they_pay(kept):
    X, y = repeated(3000, seed=1)
    networks = Classifier(**SMALL, n_neighbors=0).fit(*repeated())
    assert log_loss(y, kept.predict_proba(X)) < 0.5 * log_loss(y, networks.predict_proba(X))
    assert kept.scores_["log_loss"] < 0.5 * networks.scores_["log_loss"]
    assert kept.rows_kept_ == len(kept._neighbors) == 900
    (note,) = (note for note in kept.notes_ if "asked beside the networks" in note)
    assert "holds these 900 rows" in note
    assert networks.rows_kept_ == 0


def test_rows_are_not_kept_where_they_do_not_pay():
    X, y = smooth()
    asked, networks = (Classifier(**SMALL | {"n_neighbors": n}).fit(X, y) for n in (32, 0))
    assert asked._neighbors is None
    np.testing.assert_array_equal(asked.predict_proba(X), networks.predict_proba(X))
    np.testing.assert_array_equal(asked.oof_prediction_, networks.oof_prediction_)
    noise = np.random.default_rng(1).integers(0, 2, len(X))
    assert Classifier(**SMALL).fit(X, noise)._neighbors is None


def test_what_chance_gives_is_no_gain():
    """Of answers that follow nothing, no settings are better than the shares."""
    random = np.random.default_rng(0)
    space = Space(np.ones(2), np.zeros(0), ())
    for rows in (100, *[400] * 10, 1000):
        encoded = Encoded(random.normal(size=(rows, 2)).astype(np.float32))
        said, answers, fold = np.full((rows, 2), 0.5), random.integers(0, 2, rows, np.int32), np.arange(rows) % 8
        for weight in (np.ones(rows), random.lognormal(0, 2.5, rows)):
            assert chosen(Asked(said, answers, weight / weight.mean(), fold), space, encoded, 32, seed=0) is None


def test_rows_that_repeat_others_exactly_are_near():
    random = np.random.default_rng(0)
    X, y = np.repeat(random.normal(size=(50, 2)), 20, axis=0), np.repeat(random.integers(0, 2, 50), 20)
    with pytest.warns(DataWarning, match="repeat others"):
        kept = Classifier(**SMALL).fit(X, y)
    assert kept.rows_kept_ == 1000
    assert kept.score(X, y) == 1


def test_few_rows_have_few_neighbours():
    X, y = repeated(200)
    assert Classifier(**SMALL | {"n_neighbors": 256}).fit(X, y)._neighbors.most == 199 - 100
    assert Classifier(**SMALL | {"n_neighbors": 256}).fit(X[:2], [0, 1])._neighbors is None


def test_a_regressor_keeps_rows_too():
    X, which = repeated(classes=60)
    y = np.stack([which, -2.0 * which], axis=1)
    new, truth = repeated(500, seed=5, classes=60)
    kept, networks = (Regressor(**SMALL | {"n_neighbors": n}).fit(X, y) for n in ("auto", 0))
    assert kept._neighbors is not None
    errors = [np.abs(each.predict(new)[:, 0] - truth).mean() for each in (kept, networks)]
    assert errors[0] < 0.5 * errors[1]
    inside = kept.predict_interval(new, 0.9)
    assert ((inside[:, 0, 0] <= truth) & (truth <= inside[:, 0, 1])).mean() > 0.85
    assert Regressor(**SMALL, loss="mae").fit(X, y)._neighbors is None


def test_what_is_said_of_rows_held_out_is_said_without_them():
    """The answer of a row changes nothing that is said of it, nor, where groups are, of its siblings."""
    X, y = repeated()
    groups = np.arange(len(X)) // 3
    one = Classifier(**SMALL | {"members": 8}).fit(X, y, groups=groups)
    assert one._neighbors is not None
    assert np.isfinite(one.oof_prediction_).all()
    # Every answer of a lonely row is a surprise: nobody but itself knows it.
    X, y = np.vstack([X, np.full((3, 4), 9.0, np.float32)]), np.append(y, [0, 0, 0])
    lonely = Classifier(**SMALL | {"members": 8}).fit(X, y, groups=np.append(groups, [999] * 3))
    assert lonely.predict_proba(X[-1:])[0, 0] > 0.9
    assert lonely.oof_prediction_[-1, 0] < 0.9


@pytest.mark.parametrize("weight", [None, "class_weight", "sample_weight"])
def test_weights_count(weight):
    """A row of weight 0 is no neighbour, and one of weight 2 is two."""
    X, y = repeated()
    wrong = np.vstack([X, X]), np.append(y, (y + 1) % 3)
    counts = np.append(np.ones(len(X)), np.zeros(len(X)))
    options = {"class_weight": {0: 1.0, 1: 1.0, 2: 1.0}} if weight == "class_weight" else {}
    if weight is None:
        found = Classifier(**SMALL).fit(*wrong)
        assert found.score(X, y) < 0.8
    else:
        found = Classifier(**SMALL, **options).fit(*wrong, sample_weight=counts)
        assert len(found._neighbors) == len(X)
        assert found.score(X, y) > 0.95


def test_large_tables_and_single_steps_keep_none(monkeypatch):
    X, y = repeated()
    monkeypatch.setattr("tabgrad.estimators._asking.MOST_ROWS", len(X) - 1)
    assert Classifier(**SMALL).fit(X, y)._neighbors is None
    monkeypatch.undo()
    monkeypatch.setattr("tabgrad.estimators._neighbors.MOST_NUMBERS", 4 * len(X) - 1)
    assert Classifier(**SMALL).fit(X, y)._neighbors is None
    monkeypatch.undo()
    assert Classifier(**SMALL).partial_fit(X, y)._neighbors is None


def test_their_memory_is_counted():
    X, y = repeated()
    without, few, many = (Classifier(**SMALL | {"n_neighbors": n}).memory_needed(X, y) for n in (0, 1, 256))
    assert many - few == 255 * len(X) * 24
    assert few - without == len(X) * (4 * 12 + 24)
    assert Classifier(**SMALL, loss="mse").memory_needed(X, y) == without


def test_a_fit_that_goes_on_keeps_the_rows_of_the_first():
    X, y = repeated()
    warm = Classifier(**SMALL, warm_start=True).fit(X, y)
    first = warm._neighbors
    assert warm.fit(X[:100], y[:100])._neighbors is first
    assert warm.partial_fit(X[:100], y[:100])._neighbors is first
    assert any("asked beside the networks" in note for note in warm.notes_)
    assert warm.set_params(n_neighbors=0).fit(X, y)._neighbors is None


def test_the_clock_is_looked_at():
    """A search among many columns that count alike takes long."""
    random = np.random.default_rng(0)
    encoded = Encoded(random.normal(size=(2000, 200)).astype(np.float32))
    asked = Asked(np.full((2000, 2), 0.5), random.integers(0, 2, 2000, np.int32), np.ones(2000), np.arange(2000) % 8)
    looked = []
    assert chosen(asked, Space(np.ones(200), np.zeros(0), ()), encoded, 32, 0, lambda: looked.append(1) or True) is None
    assert 1 <= len(looked) <= 8


def network(features, outputs):
    return Sequential([Dense(outputs, input_dim=features)])


@pytest.mark.parametrize(
    "options, why",
    [
        ({"loss": "mae"}, "with loss=None"),
        ({"model": network}, "one of your own"),
        ({"members": 1}, "several networks"),
    ],
)
def test_who_asks_for_them_is_told_why_there_are_none(options, why):
    X, y = repeated(100)
    asked = Regressor(**SMALL | {"n_neighbors": 8} | options).fit(X, y)
    assert any(note.startswith("n_neighbors=8 changes nothing") and why in note for note in asked.notes_)
    assert not any("n_neighbors" in note for note in Regressor(**SMALL | options).fit(X, y).notes_)


# ---- What a model with them is ---------------------------------------------------------------------------------------


def test_a_row_alone_is_predicted_as_among_others(kept):
    X, _ = repeated(300, seed=2)
    together = kept.predict_proba(X)
    np.testing.assert_array_equal(together, np.vstack([kept.predict_proba(row[np.newaxis]) for row in X]))
    np.testing.assert_array_equal(together, Classifier(**SMALL, n_jobs=1).fit(*repeated()).predict_proba(X))


def test_a_file_holds_them(kept, tmp_path):
    kept.save(tmp_path / "kept.tabgrad")
    back = tabgrad.load(tmp_path / "kept.tabgrad")
    X, _ = repeated(300, seed=2)
    np.testing.assert_array_equal(back.predict_proba(X), kept.predict_proba(X))
    words = pd.DataFrame({"a": X[:, 0], "b": np.where(X[:, 1] > 0, "left", "right")})
    mixed = Classifier(**SMALL).fit(words, repeated(300, seed=2)[1])
    joined = EnsembleClassifier([mixed, mixed]).fit(words, repeated(300, seed=2)[1])
    joined.save(tmp_path / "joined.tabgrad")
    np.testing.assert_array_equal(
        tabgrad.load(tmp_path / "joined.tabgrad").predict_proba(words), joined.predict_proba(words)
    )


@pytest.mark.parametrize(
    "name, change, said",
    [
        ("answers", lambda a: a + 3, "indices of 3 classes"),
        ("answers", lambda a: a.astype(np.float32), "classes int32"),
        ("places", lambda a: a[:, 1:], "'places' of Neighbors must be finite, of shape"),
        ("places", lambda a: a * np.nan, "must be finite"),
        ("weight", lambda a: -a, "at least 0"),
        ("factors", lambda a: a[1:], "no huge one, for each encoded column"),
        ("factors", lambda a: -a, "a factor of at least 0"),
        ("concentration", lambda c: 0.0, "above 0"),
        ("factors", lambda a: a * 1e30, "no huge one"),
        ("most", lambda most: 0, "between 1 and 900"),
        ("most", lambda most: 10**9, "between 1 and 900"),
        ("reach", None, "Neighbors must hold"),
    ],
)
def test_nonsense_in_a_file_is_refused(kept, name, change, said):
    content = kept._to_content()
    header, arrays = dict(content.header), dict(content.arrays)
    header["estimator"] = {**header["estimator"], "neighbors": dict(header["estimator"]["neighbors"])}
    if change is None:
        del header["estimator"]["neighbors"][name]
    elif name in header["estimator"]["neighbors"]:
        header["estimator"]["neighbors"][name] = change(header["estimator"]["neighbors"][name])
    else:
        arrays[f"neighbors/{name}"] = change(arrays[f"neighbors/{name}"])
    with pytest.raises(ModelFileError, match=said):
        Classifier._from_content(type(content)("classifier", header, arrays))


def test_importance_counts_what_near_rows_say(kept):
    X, y = repeated(200, seed=4)
    found = permutation_importance(kept, X, y, n_repeats=2, random_state=0)
    theirs = inspection.permutation_importance(kept, X, y, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(found.importances, theirs.importances)
    assert (found.importances_mean > 0.1).all()


def test_the_report_says_so_and_does_not_call_it_overfitting(kept):
    """Each row of the training is near itself, so that what is said of these is no comparison."""
    report = Report.of(kept, *repeated(300, seed=6), train=repeated())
    assert "900 rows of the training are asked beside the networks" in report.html()
    assert "overfitting" not in {finding.kind for finding in report.findings}


def test_numbers_beyond_all_others_are_far_away():
    space = Space(np.array([1e18, 1.0]), np.zeros(0), ())
    rows = Encoded(np.array([[1e-18, 0], [1e30, -1e30], [3e38, 3e38]], np.float32))
    answers, weight = np.arange(3, dtype=np.int32), np.ones(3, np.float32)
    near = Neighbors(space, space.places(rows), answers, weight, 1.0, 0.1, 3)
    said = np.full((3, 3), 1 / 3)
    np.testing.assert_allclose(near.joined(said, rows), np.eye(3) / 2 + 1 / 6, atol=1e-6)


def test_a_copy_holds_no_tree(kept):
    kept.predict(repeated(10)[0])
    assert "_tree" in vars(kept._neighbors)
    copied = deepcopy(kept._neighbors)
    assert "_tree" not in vars(copied)
    np.testing.assert_array_equal(copied.places, kept._neighbors.places)
