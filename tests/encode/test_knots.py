"""Knots that follow the rows: what every column gets, and shares of rows counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tabgrad.encode.knots import mass_knots
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.layers import PiecewiseLinearEmbedding

RNG = np.random.default_rng(0)
ANY = (
    st.floats(-(2.0**100), 2.0**100, width=32)
    | st.integers(-3, 3).map(float)
    | st.sampled_from([2.0**100, 2.0**-149, -0.0])
)
COLUMNS = arrays(np.float32, st.integers(1, 80), elements=ANY)


def plain(values, counts, left):
    """The docstring's rule, row by row."""
    rows = np.repeat(values, counts)
    if len(values) <= left:
        return list(values)
    heavy = [value for value, count in zip(values, counts, strict=True) if count >= len(rows) / (left - 1)]
    if not heavy:
        return list(np.quantile(rows, np.linspace(0, 1, left)))
    light = np.array([value not in heavy for value in values])
    return heavy + plain(values[light], counts[light], left - len(heavy))


@settings(deadline=None, max_examples=60)
@given(COLUMNS, st.integers(1, 40))
def test_every_column_has_knots_that_ascend_from_its_least_to_its_largest(z, most):
    knots = np.array(mass_knots(z, most), np.float32)
    assert 2 <= len(knots) <= most + 1
    assert np.isfinite(knots).all()
    assert (knots.astype(float) == mass_knots(z, most)).all()
    with np.errstate(over="raise", divide="raise"):
        assert (np.diff(knots) > 0).all()
        assert np.isfinite(1 / np.diff(knots)).all()
    tiny = np.finfo(np.float32).tiny
    if z.max() - z.min() > 2 * tiny:
        assert knots[0] == z.min()
        assert z.max() - knots[-1] < tiny
    else:
        assert knots[0] < z.min() + tiny
        assert z.max() - tiny < knots[-1]
    PiecewiseLinearEmbedding([mass_knots(z, most)])


@settings(deadline=None, max_examples=60)
@given(arrays(np.float32, st.integers(2, 120), elements=st.integers(-40, 40).map(float)), st.integers(1, 12))
def test_knots_are_those_of_the_rule(z, most):
    values, counts = np.unique(z, return_counts=True)
    if len(values) > 1:
        np.testing.assert_allclose(mass_knots(z, most), np.unique(plain(values, counts, most + 1)), rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(COLUMNS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(z, random):
    shuffled = z.tolist()
    random.shuffle(shuffled)
    assert mass_knots(shuffled) == mass_knots(z)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 33), st.integers(1, 5))
def test_few_values_are_a_knot_each(count, times):
    z = np.repeat(RNG.permutation(count), times)
    if count > 1:
        assert mass_knots(z) == tuple(map(float, range(count)))


def test_no_value_of_many_rows_gives_quantiles():
    z = RNG.normal(size=5000).astype(np.float32)
    np.testing.assert_allclose(mass_knots(z), np.quantile(z.astype(float), np.linspace(0, 1, 33)), rtol=1e-6)
    assert len(mass_knots(z, 5)) == 6


def test_what_many_rows_share_takes_one_knot_and_the_others_theirs():
    others = RNG.normal(size=400)
    z = np.concatenate([np.full(9000, 0.5), others])
    expected = np.union1d(np.quantile(others, np.linspace(0, 1, 32)), [0.5])
    np.testing.assert_allclose(mass_knots(z), expected, rtol=1e-6)


def test_shares_are_of_the_rows_without_a_knot():
    # 3 holds 1/40 of all rows, too few, but a fifth of those that are not 0.
    z = np.concatenate([np.zeros(8750), np.full(250, 3.0), np.linspace(4, 8, 1000)])
    expected = [0, 3, *np.linspace(4, 8, 31)]
    np.testing.assert_allclose(mass_knots(z), expected, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, -0.0, 3.5, 1e-45, 1e30, -1e30, np.finfo(np.float32).max])
def test_one_value_lies_within_a_piece(value):
    low, high = mass_knots(np.full(7, value))
    assert low < value <= high < np.inf
    assert np.float32(low) < np.float32(value)


@pytest.mark.parametrize("value", [1.0, -4.0, 1e-20, 1e30])
def test_two_values_an_ulp_apart_are_two_knots(value):
    pair = np.array([value, np.nextafter(np.float32(value), np.float32(np.inf))], np.float32)
    assert mass_knots(np.repeat(pair, 50)) == tuple(pair.tolist())


def test_numbers_that_are_one_as_float32_are_one():
    low, high = mass_knots(np.array([1, 1 + 1e-12]))
    assert (low, high) == (0.5, 1.5)


def test_zeros_of_both_signs_are_one_value():
    assert str(mass_knots([-0.0, 0.0, 1.0])) == "(0.0, 1.0)"
    assert str(mass_knots([-1.0, -0.0])) == "(-1.0, 0.0)"


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        ([], DataError, "'z' of mass_knots must have at least one row. Got none"),
        ([1, np.nan, 2], DataError, "'z' of mass_knots must be finite as float32. Got nan in row 1"),
        ([1, 2, -np.inf], DataError, "must be finite as float32. Got -inf in row 2"),
        ([1, 2, 3, 1e39], DataError, r"must be finite as float32. Got 1e\+39 in row 3"),
        (["a"], DataError, "'z' of mass_knots must be an array of numbers. Got an array of <U1"),
        (None, DataError, "'z' of mass_knots must be an array of numbers. Got an array of object"),
    ],
)
def test_what_has_no_knots_is_refused(z, error, message):
    with pytest.raises(error, match=message):
        mass_knots(z)


def test_there_is_at_least_a_piece():
    with pytest.raises(ArgumentError, match=r"'most' of mass_knots must be at least 1\. Got 0"):
        mass_knots([1, 2], 0)
    with pytest.raises(ArgumentTypeError, match=r"'most' of mass_knots must be an integer\. Got 2.5"):
        mass_knots([1, 2], 2.5)
