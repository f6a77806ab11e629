"""Rows held out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgrad.errors import DataError
from tabgrad.table.split import holdout


@settings(deadline=None)  # the first call loads scikit-learn
@given(st.integers(2, 200), st.floats(0.01, 0.99), st.integers(0, 2**63 - 1))
def test_every_row_is_in_one_part(rows, share, seed):
    train, held = holdout(rows, share, seed)
    assert sorted([*train, *held]) == list(range(rows))
    assert len(held) == min(max(1, round(share * rows)), rows - 1)
    again = holdout(rows, share, seed)
    assert (train == again[0]).all()
    assert (np.diff(held) > 0).all()


def test_every_class_gives_its_share():
    classes = np.repeat([0, 1, 2], [100, 40, 10])
    _, held = holdout(150, 0.2, 0, classes)
    assert np.bincount(classes[held]).tolist() == [20, 8, 2]


def test_a_class_of_one_row_is_trained_on():
    classes = np.array([0] * 50 + [1] * 49 + [2])
    for seed in range(5):
        _, held = holdout(100, 0.3, seed, classes)
        assert 99 not in held
        assert len(held) == 30


def test_fewer_rows_than_classes():
    _, held = holdout(20, 0.1, 0, np.arange(20) % 10)
    assert len(held) == 2


def test_one_row_cannot_be_split():
    with pytest.raises(DataError, match=r"At least 2 rows are needed to hold some out. Got 1\."):
        holdout(1, 0.2, 0)
