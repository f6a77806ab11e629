"""Scaling of numbers, held against scikit-learn's scalers and against the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from tabgrad.encode import numeric
from tabgrad.encode.numeric import (
    BLOCK,
    SCALINGS,
    Plain,
    Quantile,
    Robust,
    Standard,
    TwoValues,
    encoded,
    fit,
    inexact,
)
from tabgrad.errors import ArgumentError, DataError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
RNG = np.random.default_rng(0)
HEAVY = np.exp(2 * RNG.normal(size=2000))
OTHERS = np.exp(2 * RNG.normal(size=500))


def smooth(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def through(record, x):
    return encoded([record], [x])


def test_robust_is_scikit_learns_then_clipped_smoothly():
    scaled = RobustScaler().fit(HEAVY[:, None]).transform(OTHERS[:, None])
    np.testing.assert_allclose(through(Robust.of("x", HEAVY), OTHERS), smooth(scaled), rtol=1e-6, atol=1e-7)


def test_standard_is_scikit_learns():
    scaled = StandardScaler().fit(HEAVY[:, None]).transform(OTHERS[:, None])
    np.testing.assert_allclose(through(Standard.of("x", HEAVY), OTHERS), scaled, rtol=1e-6, atol=1e-7)


def quantile_transformer(x, count, seed=None):
    peer = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=None, random_state=seed)
    return peer.fit(x[:, None])


def some_quantiles(rows):
    return min(max(rows // 30, 10), 1000, rows)


@pytest.mark.parametrize("rows", [7, 50, 2000, 40_000])
@pytest.mark.parametrize("tied", [False, True])
def test_quantile_at_equal_steps_is_scikit_learns_within_4(rows, tied):
    x = np.exp(np.random.default_rng(rows).normal(size=rows))
    x = np.round(x, 1) if tied else x
    count = some_quantiles(rows)
    inside = x[(x > x.min()) & (x < x.max())][:100]  # of a smallest number that rows share see below
    new = np.concatenate([OTHERS, inside, [-5.0, 1e9]])
    expected = quantile_transformer(x, count).transform(new[:, None]).clip(-4, 4)
    equal = Quantile("x", 0.0, False, tuple(np.percentile(x, np.linspace(0, 100, count)).tolist()))
    np.testing.assert_allclose(through(equal, new), expected, rtol=1e-5, atol=1e-6)
    if not tied:
        assert Quantile.of("x", x).places == ()
        np.testing.assert_allclose(through(Quantile.of("x", x), new), expected, rtol=1e-5, atol=1e-6)


def shares(rows):
    """Columns whose numbers many rows share: few numbers, heavy zeros, both, one number in nearly all rows."""
    rng = np.random.default_rng(rows)
    wide = np.exp(rng.normal(size=rows))
    few = rng.choice([1, 2, 3, 5, 8, 13, 21], rows, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.09, 0.01])
    return {
        "few": few,
        "zeros": np.where(rng.random(rows) < 0.6, 0, wide),
        "rounded": np.where(rng.random(rows) < 0.3, -1, wide.round(2)),
        "within": np.where(rng.random(rows) < 0.1, 1, wide),
        "one": np.where(rng.random(rows) < 0.98, 3, wide),
    }


@pytest.mark.parametrize("rows", [40, 250, 3000, 20_000])
@pytest.mark.parametrize("kind", ["few", "zeros", "rounded", "within", "one"])
def test_quantile_knows_the_ranks_of_numbers_that_rows_share(rows, kind):
    x = shares(rows)[kind].astype(float)
    count = some_quantiles(rows)
    ranks = (rankdata(x) - 1) / (rows - 1)  # the middle of equal ones
    record = Quantile.of("x", x)
    assert len(record.quantiles) <= 1.5 * count + 2  # of which a file has to hold many
    scores = through(record, x)[:, 0]
    np.testing.assert_allclose(norm.cdf(scores), ranks, atol=1 / (count - 1) + 1e-4)
    _, number, times = np.unique(x, return_inverse=True, return_counts=True)
    often = (times > 2 * (rows - 1) / (count - 1))[number] | (len(times) <= count)
    assert often.any() or rows < 3000
    np.testing.assert_allclose(scores[often], norm.ppf(ranks[often]).clip(-4, 4), rtol=1e-6, atol=1e-6)
    every = quantile_transformer(x, rows).transform(x[:, None])[:, 0].clip(-4, 4)
    inside = often & (x > x.min()) & (x < x.max())
    np.testing.assert_allclose(norm.cdf(scores[inside]), norm.cdf(every[inside]), atol=1 / (rows - 1) + 1e-6)


@pytest.mark.parametrize("kind", ["few", "zeros", "one"])
def test_quantile_is_the_noisy_one_without_the_noise(kind):
    x = shares(20_000)[kind].astype(float)
    rng = np.random.default_rng(0)
    noisy = [
        quantile_transformer(x + 1e-5 * x.std() * rng.normal(size=len(x)), 666).transform(x[:, None]).clip(-4, 4)
        for _ in range(5)
    ]
    apart = through(Quantile.of("x", x), x) - np.mean(noisy, axis=0)
    assert np.abs(apart).mean() < 0.015


def test_quantile_is_within_4_beyond_the_rows():
    for x in shares(3000).values():
        out = through(Quantile.of("x", x), np.array([x.min() - 1, x.max() + 1]))
        np.testing.assert_array_equal(out[:, 0], [-4, 4])


@pytest.mark.parametrize("numbers", [[7.0], [7.0, 7.0, 7.0]])
def test_quantile_of_one_number_is_the_middle(numbers):
    out = through(Quantile.of("x", np.array(numbers)), np.array([6.0, 7.0, 8.0]))
    np.testing.assert_array_equal(out[:, 0], [-4, 0, 4])


def test_a_few_rows_are_looked_up_as_many_are():
    x = [*shares(2000).values(), HEAVY, np.round(HEAVY, 1)]
    records = [Quantile.of("x", column) for column in x]
    new = [np.concatenate([column[:300], OTHERS[:300], [-1e300, 1e300, np.nan]]) for column in x]
    whole = encoded(records, new)
    for rows in (1, 20):
        parts = [encoded(records, [column[at : at + rows] for column in new]) for at in range(0, 603, rows)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_none_changes_nothing():
    np.testing.assert_array_equal(through(Plain.of("x", HEAVY), OTHERS)[:, 0], OTHERS.astype(np.float32))


@pytest.mark.parametrize("scaling", ["robust", "standard", "quantile"])
@pytest.mark.parametrize("pair", [(0, 1), (-7.5, 1e20), (0.1, 0.3), (1e-300, 2e-300)])
def test_two_values_are_minus_one_and_one(scaling, pair):
    x = np.array(pair)[[0, 0, 1, 0, 1]]
    record = fit("x", x, scaling)
    assert isinstance(record, TwoValues)
    np.testing.assert_array_equal(through(record, x)[:, 0], np.where(x == pair[0], -1, 1))
    assert abs(through(record, np.array([-1e300, 1e300]))).max() == 1


def test_two_values_stay_where_none_is_asked_for():
    assert fit("x", np.array([3.0, 5.0]), "none") == Plain("x", 4.0, False)


def test_quartiles_that_are_one_number_fall_back_to_the_deviation():
    x = np.array([5.0] * 97 + [1, 2, 9])
    assert Robust.of("x", x).scale == pytest.approx(x.std(), rel=1e-12)
    assert Robust.of("x", np.full(3, 5.0)).scale == 1
    assert Standard.of("x", np.full(7, 0.1)).scale == 1


def test_missing_numbers_are_the_median_of_the_training_and_marked():
    x = np.array([1, np.nan, 2, 10, np.nan])
    for scaling in SCALINGS:
        record = fit("x", x, scaling, indicator=True)
        assert record.median == 2
        assert record.features == ("x", "x (missing)")
        out = through(record, np.array([2.0, np.nan]))
        assert out[0, 0] == out[1, 0]
        assert out[:, 1].tolist() == [0, 1]


def test_a_column_without_a_number_among_the_training_rows():
    record = fit("x", np.full(4, np.nan), "robust")
    assert np.isfinite(through(record, np.array([np.nan, 0, 1e9]))).all()


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 30), elements=FINITE), arrays(np.float64, 5, elements=FINITE))
@pytest.mark.parametrize("scaling", SCALINGS)
def test_finite_whatever_the_numbers(scaling, train, new):
    record = fit("x", train, scaling)
    assert np.isfinite(through(record, np.concatenate([train, new, [np.nan, 1.7e308, -1.7e308]]))).all()


@settings(deadline=None)
@given(arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e6, 1e6)))
@pytest.mark.parametrize("scaling", SCALINGS)
def test_keeps_the_order_of_numbers(scaling, train):
    record = fit("x", train, scaling)
    assert (np.diff(through(record, np.sort(train))[:, 0]) >= 0).all()


@pytest.mark.parametrize("train", [[0, 1] + [5.753887971727657e16] * 10, [-1, -2.22507386e-313, 0, 0], [5e-324, 0]])
def test_ranks_stay_ranks_between_quantiles_that_nearly_touch(train):
    assert np.isfinite(through(Quantile.of("x", np.array(train)), np.array(train))).all()


def test_small_numbers_beside_a_large_offset_survive():
    x = 1e9 + np.arange(5) / 1024
    np.testing.assert_allclose(through(Robust.of("x", x), x)[:, 0], smooth(np.arange(-2, 3) / 2), rtol=1e-6)


def test_columns_of_all_kinds_together_equal_each_alone():
    rows = BLOCK // 3  # several blocks, the last one not full
    x = [RNG.normal(size=rows), RNG.integers(0, 2, rows), np.exp(RNG.normal(size=rows)), RNG.normal(size=rows)]
    x += [np.where(RNG.random(rows) < 0.1, np.nan, column) for column in x]
    ways = ["quantile", "robust", "standard", "none"] * 2
    records = [fit(str(i), x[i], way, indicator=i > 5) for i, way in enumerate(ways)]
    alone = np.hstack([through(record, column) for record, column in zip(records, x, strict=True)])
    np.testing.assert_array_equal(encoded(records, x), alone)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused(value):
    with pytest.raises(DataError, match="infinite"):
        through(Robust.of("x", HEAVY), np.array([1.0, value]))


def test_integers_that_float64_would_round():
    x = np.array([0, 2**53, 2**53 + 1, 2**60, -(2**53) - 1, -(2**63)])
    np.testing.assert_array_equal(inexact(x), [False, False, True, False, True, False])
    np.testing.assert_array_equal(inexact(np.array([2**64 - 1, 2**63], np.uint64)), [True, False])
    assert not inexact(x.astype(np.float64)).any()
    with pytest.raises(DataError, match="too large"):
        through(Plain("x", 0.0, False), x)
    through(Plain("x", 0.0, False), np.array([2**60]))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32])
def test_takes_numbers_of_any_type(dtype):
    x = np.array([0, 1, 1], dtype)
    np.testing.assert_array_equal(through(Plain("x", 0.0, False), x)[:, 0], [0, 1, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Robust("x", 0.0, False, 0.0), "'scale' of Robust must be above 0"),
        (lambda: Robust("x", 0.0, False, -1.0), "'scale' of Robust must be above 0"),
        (lambda: Robust("x", float("nan"), False, 1.0), "'median' of Robust must be finite"),
        (lambda: Robust(3, 0.0, False, 1.0), "'name' of Robust must be a string"),
        (lambda: Robust("x", 0.0, "yes", 1.0), "'indicator' of Robust must be True or False"),
        (lambda: Standard("x", 0.0, False, "0", 1.0), "'mean' of Standard must be a number"),
        (lambda: TwoValues("x", 0.0, False, 1.0, 1.0), "'low' of TwoValues must be below 'high'"),
        (lambda: Quantile("x", 0.0, False, (2.0, 1.0)), "'quantiles' of Quantile must be in order"),
        (lambda: Quantile("x", 0.0, False, (2.0,)), "'quantiles' of Quantile must be at least two"),
        (lambda: Quantile("x", 0.0, False, (1.0, float("inf"))), r"'quantiles' of Quantile must be in \[-1"),
        (lambda: Quantile("x", 0.0, False, (1.0, 2.0), (0.0,)), "'places' of Quantile must ascend from 0, one for"),
        (lambda: Quantile("x", 0.0, False, (1.0, 2.0), (0.0, 0.0)), "'places' of Quantile must ascend from 0"),
        (lambda: Quantile("x", 0.0, False, (1.0, 2.0), (1.0, 2.0)), "'places' of Quantile must ascend from 0"),
        (lambda: Quantile("x", 0.0, False, (1.0, 2.0), (0.0, -1.0)), "'places' of Quantile must be at least 0"),
    ],
)
def test_a_record_refuses_what_it_cannot_be(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_the_smooth_clipping_has_reached_its_bound_where_it_is_cut_off():
    record = Robust("x", 0.0, False, 1.0)
    far = through(record, np.array([numeric.SATURATED / 10, numeric.SATURATED, 1e300]))
    assert (far == np.float32(3)).all()
