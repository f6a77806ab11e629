"""Greedy selection: what it promises of its own rows, and that it is what its formula says."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, r2_score

from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError
from tabgrad.search.ensemble import greedy_selection


def probabilities(random, candidates, rows, classes, skill=1.0):
    """Candidates that know something of the classes, each something else."""
    y = random.integers(0, classes, rows)
    logits = random.normal(size=(candidates, rows, classes))
    logits[:, np.arange(rows), y] += skill * random.uniform(size=(candidates, 1))
    p = np.exp(logits)
    return p / p.sum(axis=2, keepdims=True), y


def mean(weights, predictions):
    return np.tensordot(weights, predictions, 1)


cases = st.tuples(st.integers(1, 6), st.integers(1, 40), st.integers(2, 4), st.integers(0, 10**6), st.booleans())


@settings(max_examples=80, deadline=None)
@given(cases)
def test_never_worse_than_the_best_alone(case):
    candidates, rows, classes, seed, weighted = case
    random = np.random.default_rng(seed)
    p, y = probabilities(random, candidates, rows, classes)
    weight = random.uniform(0, 2, rows) + (np.arange(rows) == 0) if weighted else None
    labels = np.arange(classes)
    chosen = greedy_selection(p, y, "log_loss", weight)
    assert chosen.shape == (candidates,)
    assert (chosen >= 0).all()
    assert chosen.sum() == pytest.approx(1, abs=1e-12)
    losses = [log_loss(y, each, labels=labels, sample_weight=weight) for each in p]
    together = mean(chosen, p)
    together /= together.sum(axis=1, keepdims=True)
    assert log_loss(y, together, labels=labels, sample_weight=weight) <= min(losses) + 1e-9

    values = random.normal(size=(rows, 2)) * [1, 1000]
    q = values + random.normal(size=(candidates, rows, 2)) * [1, 1000]
    chosen = greedy_selection(q, values, "squared_error", weight)
    assert chosen.sum() == pytest.approx(1, abs=1e-12)
    if rows > 1:
        alone = [r2_score(values, each, sample_weight=weight) for each in q]
        assert r2_score(values, mean(chosen, q), sample_weight=weight) >= max(alone) - 1e-9


def test_it_is_the_formula():
    """The steps written out over whole predictions, without any of the shortcuts."""
    random = np.random.default_rng(3)
    p, y = probabilities(random, 7, 60, 3)

    def loss(count):
        return log_loss(y, mean(count / count.sum(), p))

    order = sorted(range(7), key=lambda place: loss(np.eye(7)[place]))
    starts = [np.eye(7)[order[:size]].sum(axis=0) for size in range(1, 4)]
    count = min(starts, key=loss)
    best = count
    for _ in range(9):
        count = min((count + np.eye(7)[place] for place in range(7)), key=loss)
        best = min(best, count, key=loss)
    assert greedy_selection(p, y, "log_loss", rounds=9, initial=3) == pytest.approx(best / best.sum())
    by_function = greedy_selection(p, y, lambda y, mean, _: log_loss(y, mean), rounds=9, initial=3)
    assert by_function == pytest.approx(best / best.sum())


def test_one_that_corrects_another_is_found():
    y = np.arange(10.0)
    random = np.random.default_rng(0)
    error = random.normal(size=10)
    chosen = greedy_selection([y + 3 * error, y - error, y + 9], y, "squared_error", rounds=100)
    assert chosen == pytest.approx([0.25, 0.75, 0])


def test_weights_approach_the_best_ones_that_there_are():
    """For two candidates the best weight of squared errors is known in closed form."""
    random = np.random.default_rng(1)
    y = random.normal(size=500)
    a, b = random.normal(size=500), 1.4 * random.normal(size=500)
    best = (b @ b - a @ b) / ((a - b) @ (a - b))
    chosen = greedy_selection([y + a, y + b], y, "squared_error", rounds=200)
    assert chosen[0] == pytest.approx(best, abs=0.01)


def test_of_equal_candidates_the_first_is_taken():
    p, y = probabilities(np.random.default_rng(0), 1, 50, 3)
    assert greedy_selection(np.repeat(p, 4, axis=0), y, "log_loss").tolist() == [1, 0, 0, 0]
    random = np.random.default_rng(2)
    p, y = probabilities(random, 3, 50, 3)
    twice = greedy_selection(np.concatenate([p, p]), y, "log_loss", initial=1)
    assert twice[3:].tolist() == [0, 0, 0]
    assert twice[:3] == pytest.approx(greedy_selection(p, y, "log_loss", initial=1))
    assert greedy_selection(p[:1], y, "log_loss").tolist() == [1]


def test_weights_of_rows_are_repetitions():
    random = np.random.default_rng(5)
    p, y = probabilities(random, 5, 40, 3)
    times = random.integers(0, 4, 40)
    rows = np.repeat(np.arange(40), times)
    one = greedy_selection(p, y, "log_loss", times)
    assert one == pytest.approx(greedy_selection(p[:, rows], y[rows], "log_loss"))
    assert one == pytest.approx(greedy_selection(p, y, "log_loss", 7.5 * times))


def test_rows_that_nobody_has_are_left_out_and_candidates_that_failed_are_not_taken():
    random = np.random.default_rng(6)
    p, y = probabilities(random, 4, 60, 3)
    alone = greedy_selection(np.delete(p, 2, axis=0)[:, 10:], y[10:], "log_loss")
    p[:, :10] = np.nan
    p[2, 30:40] = np.nan
    chosen = greedy_selection(p, y, "log_loss")
    assert chosen[2] == 0
    assert np.delete(chosen, 2) == pytest.approx(alone)
    weight = np.ones(60)
    weight[30:40] = 0  # what counts for nothing may be missing
    p[2, np.r_[10:30, 40:60]] = np.eye(3)[y[np.r_[10:30, 40:60]]]
    assert greedy_selection(p, y, "log_loss", weight).tolist() == [0, 0, 1, 0]
    p[:, 5] = p[:, 20] = np.inf
    assert greedy_selection(p, y, "log_loss", weight).tolist() == [0, 0, 1, 0]


def test_a_function_may_be_any_measure():
    random = np.random.default_rng(7)
    p, y = probabilities(random, 8, 200, 3)

    def wrong(y, mean, weight):
        return 1 - accuracy_score(y, mean.argmax(axis=1), sample_weight=weight)

    chosen = greedy_selection(p, y, wrong)
    best = max(accuracy_score(y, each.argmax(axis=1)) for each in p)
    assert accuracy_score(y, mean(chosen, p).argmax(axis=1)) > best
    nothing = greedy_selection(p, y, lambda y, mean, weight: np.nan)
    assert nothing.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    negative = greedy_selection(p, y, lambda y, mean, weight: wrong(y, mean, weight) - 1)
    assert negative == pytest.approx(chosen)


def test_probabilities_of_zero_are_no_end():
    y = np.array([0, 1, 0, 1])
    sure = np.eye(2)[[1, 1, 0, 1]]  # wrong once, with certainty
    even = np.full((4, 2), 0.5)
    chosen = greedy_selection([sure, even], y, "log_loss")
    assert 0 < chosen[0] < 1


@pytest.mark.parametrize("form", [np.float32, np.float16, list])
def test_predictions_of_any_type(form):
    p, y = probabilities(np.random.default_rng(8), 3, 30, 2)
    given = p.tolist() if form is list else p.astype(form)
    assert greedy_selection(given, y.tolist(), "log_loss") == pytest.approx(greedy_selection(p, y, "log_loss"))


P, Y = probabilities(np.random.default_rng(9), 2, 4, 3)
REFUSED = {
    "no candidates": (([], Y, "log_loss"), DataError, "of one shape and of one row at least. Got none"),
    "two shapes": (([P[0], P[1][:2]], Y, "log_loss"), DataError, r"one shape.*Got \(2, 3\), \(4, 3\)"),
    "other rows": ((P, Y[:3], "log_loss"), DataError, r"the rows of 'y'. Got the shape \(4, 3\) .* and \(3,\)"),
    "other outputs": ((P, np.ones((4, 2)), "squared_error"), DataError, "the rows of 'y'"),
    "no row": ((P[:, :0], Y[:0], "log_loss"), DataError, "one row at least"),
    "labels": ((P, np.array(list("abca")), "log_loss"), DataError, "places of classes under 'log_loss'"),
    "more classes": ((P, Y + 3, "log_loss"), DataError, "places of classes"),
    "numbers": ((P[:, :, 0], Y, "log_loss"), DataError, "a column of probabilities for each"),
    "nothing finite": ((P * np.nan, Y, "log_loss"), DataError, "None of 2 has them: did their fits fail"),
    "a name": ((P, Y, "log_los"), UnknownNameError, "Did you mean 'log_loss'"),
    "no name": ((P, Y, 3), ArgumentTypeError, "'log_loss', 'squared_error', or a function"),
    "weights": ((P, Y, "log_loss", [1, 1, -1, 1]), DataError, "must not be negative. Got -1 in row 2"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_selected_is_refused(form):
    arguments, error, message = REFUSED[form]
    with pytest.raises(error, match=message):
        greedy_selection(*arguments)


@pytest.mark.parametrize(("name", "value"), list(itertools.product(["rounds", "initial"], [0, 1.5, "many"])))
def test_rounds_are_counts(name, value):
    with pytest.raises(ArgumentError, match=f"'{name}' of greedy_selection must be"):
        greedy_selection(P, Y, "log_loss", **{name: value})
