"""The expected calibration error: by hand, against its definition, and what it refuses."""

import numpy as np
import pytest

from tabgrad.errors import DataError, UnknownNameError
from tabgrad.metrics import expected_calibration_error

RANDOM = np.random.default_rng(0)


def test_by_hand():
    p = np.array([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.4, 0.6]])
    assert expected_calibration_error([0, 1, 1, 1], p, n_bins=2) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4)
    assert expected_calibration_error([0, 1, 1, 1], p, n_bins=1) == pytest.approx(0.75 - 0.7)
    weighted = expected_calibration_error([0, 1, 1, 1], p, n_bins=2, sample_weight=[3, 1, 1, 0])
    assert weighted == pytest.approx((4 * abs(0.75 - 0.8) + 0.4) / 5)
    assert expected_calibration_error([0, 1], np.eye(2)) == 0


def test_bins_of_equal_width_are_those_of_the_source():
    p = RANDOM.dirichlet(np.ones(3), 500)
    y = RANDOM.integers(0, 3, 500)
    c, right = p.max(axis=1), p.argmax(axis=1) == y
    gaps = []
    for place in range(10):
        rows = (c >= place / 10) & (c < (place + 1) / 10)
        gaps.append(rows.mean() * abs(right[rows].mean() - c[rows].mean()) if rows.any() else 0)
    assert expected_calibration_error(y, p, n_bins=10, strategy="uniform") == pytest.approx(sum(gaps))


def test_bins_of_equal_weight_hold_as_many_rows():
    p = RANDOM.uniform(0.5, 1, 600)
    y = (RANDOM.uniform(size=600) < 0.75).astype(int)
    order = np.argsort(p)
    gaps = [abs(y[part].mean() - p[part].mean()) / 15 for part in np.split(order, 15)]
    assert expected_calibration_error(y, p) == pytest.approx(sum(gaps))


def test_the_order_of_rows_and_of_classes_does_not_matter():
    p, y = RANDOM.dirichlet(np.ones(3), 200).round(1), np.array(["a", "b", "c"])[RANDOM.integers(0, 3, 200)]
    p /= p.sum(axis=1, keepdims=True)
    p += [1e-9, 2e-9, -4e-9]  # no row has two likeliest classes
    p = np.clip(p, 0, 1)
    found, order = expected_calibration_error(y, p), RANDOM.permutation(200)
    assert expected_calibration_error(y[order], p[order]) == pytest.approx(found)
    assert expected_calibration_error(y, p[:, [2, 0, 1]], labels=["c", "a", "b"]) == pytest.approx(found)
    twice = expected_calibration_error(np.r_[y, y], np.r_[p, p])
    assert twice == pytest.approx(found) == expected_calibration_error(y, p, sample_weight=np.full(200, 2.0))


def test_what_is_sure_and_right_as_often_as_it_says_has_none():
    p = RANDOM.uniform(size=200_000)
    assert expected_calibration_error((RANDOM.uniform(size=200_000) < p).astype(int), p) < 0.01
    unsure = 0.5 + (p - 0.5) / 2  # off by a quarter at the ends, an eighth on average
    error = expected_calibration_error((RANDOM.uniform(size=200_000) < unsure).astype(int), p)
    assert error == pytest.approx(0.125, abs=0.005)


@pytest.mark.parametrize(
    "y, p, options, said",
    [
        ([0, 1], [[0.5, 0.5]], {}, r"a label for each row of probabilities\. Got shapes \(2,\) and \(1, 2\)"),
        ([0, 1], [0.5, 1.5], {}, r"must be in \[0, 1\]\. Got \[-0\.5, 1\.5\] in row 1"),
        ([0, 1], [0.5, np.nan], {}, "in row 1"),
        ([0, 0], [0.5, 0.5], {}, "a column for each of 1 classes. Got 2. Say with 'labels'"),
        ([0, 7], [0.5, 0.5], {"labels": [0, 1]}, "the classes in 'labels'. Got 7 in row 1"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [1]}, "a number for each of 2 rows"),
        ([0, 1], [0.5, 0.5], {"sample_weight": [0, 0]}, "not 0 in every row"),
    ],
)
def test_bad_input(y, p, options, said):
    with pytest.raises(DataError, match=said):
        expected_calibration_error(y, p, **options)


def test_unknown_strategies():
    with pytest.raises(UnknownNameError, match="quantile"):
        expected_calibration_error([0, 1], [0.5, 0.5], strategy="quantiles")
