"""Targets: classes and numbers to what an engine learns, and back; what cannot be one is refused with its rows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import LabelEncoder, StandardScaler

from tabgrad._record import from_data, to_data
from tabgrad.encode import ClassTarget, ValueTarget
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, TabgradError
from tabgrad.table import Table
from tabgrad.table.columns import Words, words

LABELS = [
    ["no", "yes", "no", "maybe"],
    np.array(["no", "yes", "no", "maybe"]),
    np.array(["no", "yes", "no", "maybe"], object),
    [3, 1, 2, 3],
    np.array([3, 1, 2, 3], np.int8),
    np.array([2**63, 1, 2], np.uint64),
    np.array([1.0, 0.0, -1.0, 0.0]),
    np.array([1.0, 0.0], np.float32),
    [True, False, True],
    np.array([False, False]),
    ["only"],
]


def again(record):
    return from_data(json.loads(json.dumps(to_data(record), allow_nan=False)))


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_classes_are_scikit_learns(labels):
    peer = LabelEncoder().fit(labels)
    target = ClassTarget.fit(labels)
    assert list(target.classes) == peer.classes_.tolist()
    indices = target.encode(labels)
    np.testing.assert_array_equal(indices, peer.transform(labels))
    assert indices.dtype == np.int64
    decoded = target.decode(indices)
    np.testing.assert_array_equal(decoded, np.asarray(labels))
    if isinstance(labels, np.ndarray):
        assert decoded.dtype == labels.dtype
    assert len(target) == len(peer.classes_)


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_classes_are_the_same_after_their_json(labels):
    target = ClassTarget.fit(labels)
    copied = again(target)
    assert copied == target
    assert [type(label) for label in copied.classes] == [type(label) for label in target.classes]
    assert copied.decode([0]).dtype == target.decode([0]).dtype


def test_series_and_words_are_labels():
    values = ["b", "a", "b"]
    for labels in (pd.Series(values), pd.Series(values, dtype="category"), words(values)):
        assert ClassTarget.fit(labels).encode(labels).tolist() == [1, 0, 1]
    assert ClassTarget.fit(Words(np.array([0, 1, 0], np.int32), ("b", "a", "without rows"))).classes == ("a", "b")


def test_labels_are_known_whatever_a_file_made_of_them():
    assert ClassTarget.fit(["1", "2", "x"]).encode([2, 1]).tolist() == [1, 0]
    assert ClassTarget.fit([1, 2, 3]).encode(["2", "1"]).tolist() == [1, 0]
    assert ClassTarget.fit([1, 2, 3]).encode([2.0, 1.0]).tolist() == [1, 0]
    assert ClassTarget.fit([True, False]).encode(["True"]).tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", None, "b", None], r"y must have a value in every row. Missing \(NaN\) in 2 rows \(1, 3\)\. Drop"),
        ([0, 1, np.nan], r"y must have a value in every row. Missing \(NaN\) in row 2\."),
        ([0, 1, np.inf], r"y must hold finite numbers. Got inf in row 2\."),
        (["a", 1, "b"], r"y must hold .* one kind only. Got text in row 0 \('a'\), numbers in row 1 \(1\)"),
        ([True, 1, 0], r"y must hold .* one kind only. Got truth values in row 0 \(True\), numbers in row 1 \(1\)"),
        (
            [0.5, 1.0, 2.5, 3.5, 4.5],
            "Unknown label type: continuous: got 0.5 in row 0, 2.5 in row 2, 3.5 in row 3 and 1",
        ),
        (np.array(["2024-01-01"], "datetime64[D]"), "y must hold classes. Got dates"),
        ([], "y must hold at least one value"),
        (np.zeros((2, 2)), "y must be one column"),
    ],
)
def test_what_cannot_be_classes_is_refused(labels, message):
    with pytest.raises(DataError, match=message):
        ClassTarget.fit(labels)


def test_the_way_out_of_numbers_for_classes_is_named():
    with pytest.raises(DataError, match=r"use a regressor \(task='regression'\)"):
        ClassTarget.fit([0.1, 0.2])


def test_listed_values_bear_the_files_lines():
    with pytest.raises(DataError, match=r"got 0\.5 in row 3"):
        ClassTarget.fit([1, 0.5], first_row=2)


def test_messages_bear_the_targets_name_and_the_files_lines():
    with pytest.raises(DataError, match=r"The target 'Class' must have a value .* in row 3\."):
        ClassTarget.fit(["a", None], name="The target 'Class'", first_row=2)
    with pytest.raises(DataError, match=r"price must hold finite numbers. Got inf in row 3\."):
        ValueTarget.fit([1, np.inf], name="price", first_row=2)


@pytest.mark.parametrize(
    ("train", "new", "message"),
    [
        (
            ["a", "b"],
            ["a", "c", "c"],
            r"y must hold the classes of training: 'a', 'b'. Got 'c' in row 1, 'c' in row 2\.",
        ),
        ([1, 2], [1, 3], "y must hold the classes of training: 1, 2. Got 3 in row 1"),
        ([1, 2], [1, -3], "Got -3 in row 1"),
        (["a", "b"], [1, 2], "Got '1' in row 0, '2' in row 1"),
        (list(range(12)), [12], "0, 1, 2, 3, 4, 5, 6, 7 and 4 more. Got 12"),
    ],
)
def test_unknown_classes_are_refused(train, new, message):
    with pytest.raises(DataError, match=message):
        ClassTarget.fit(train).encode(new)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ClassTarget(()), ArgumentTypeError, "'classes' of ClassTarget must be strings, whole numbers"),
        (lambda: ClassTarget("ab"), ArgumentTypeError, "'classes' of ClassTarget must be strings, whole numbers"),
        (lambda: ClassTarget((1, "a")), ArgumentTypeError, "one type only"),
        (lambda: ClassTarget((1, True)), ArgumentTypeError, "one type only"),
        (lambda: ClassTarget(("b", "a")), ArgumentError, "must be sorted and different"),
        (lambda: ClassTarget(("a", "a")), ArgumentError, "must be sorted and different"),
        (lambda: ClassTarget((float("nan"),), "float64"), ArgumentError, "must be finite"),
        (lambda: ClassTarget((1, 2), "float64"), ArgumentError, "'dtype' of ClassTarget must be one that holds"),
        (lambda: ClassTarget((1, 2), "os.system"), ArgumentError, "'dtype' of ClassTarget must be one that holds"),
        (lambda: ClassTarget(("a",), "U99999999"), ArgumentError, "'dtype' of ClassTarget must be one that holds"),
        (lambda: ClassTarget(("a",), "(9,)i8"), ArgumentError, "'dtype' of ClassTarget must be one that holds"),
        (lambda: ClassTarget((1, 300), "int8"), ArgumentError, "'dtype' of ClassTarget, int8, does not hold"),
        (lambda: ClassTarget(("abc",), "U2"), ArgumentError, "'dtype' of ClassTarget, U2, does not hold"),
        (lambda: ClassTarget(("a",), 3), ArgumentTypeError, "'dtype' of ClassTarget must be a string"),
    ],
)
def test_a_record_of_classes_refuses_what_it_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- Numbers ---------------------------------------------------------------------------------------------------------

PRICES = np.exp(np.random.default_rng(0).normal(size=(300, 2)))


def test_numbers_are_standardised_as_scikit_learns():
    target = ValueTarget.fit(PRICES)
    np.testing.assert_allclose(target.encode(PRICES), StandardScaler().fit_transform(PRICES), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(target.decode(target.encode(PRICES)), PRICES, rtol=1e-5)
    assert (target.outputs, target.constant) == (2, False)
    assert target.encode(PRICES).dtype == np.float32
    assert target.decode(target.encode(PRICES)).dtype == np.float64


def test_what_is_decoded_stays_within_the_training():
    target = ValueTarget.fit(PRICES)
    far = [[-1e9, 1e9]]
    assert target.decode(far).tolist() == [[PRICES[:, 0].min(), PRICES[:, 1].max()]]
    np.testing.assert_allclose(target.decode(far, bounded=False), far * PRICES.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, 7, -1e300])
def test_a_constant_is_decoded_exactly(value):
    target = ValueTarget.fit([value] * 7)
    assert target.constant
    assert target.scale == (1.0,)
    assert (target.encode([value]) == 0).all()
    assert target.decode([[0.3]]).tolist() == [[value]]


@pytest.mark.parametrize(
    "values",
    [
        PRICES[:, 0],
        PRICES[:, 0].tolist(),
        pd.Series(PRICES[:, 0]),
        PRICES[:, :1].astype(object),
        np.asfortranarray(PRICES[:, :1]),
        Table.of({"price": PRICES[:, 0]}),
    ],
    ids=lambda values: type(values).__name__,
)
def test_one_target_in_every_form(values):
    np.testing.assert_array_equal(
        ValueTarget.fit(values).encode(values), ValueTarget.fit(PRICES[:, :1]).encode(PRICES[:, :1])
    )


@pytest.mark.parametrize(
    "values",
    [PRICES.tolist(), pd.DataFrame(PRICES), Table.of(PRICES), PRICES.astype(object)],
    ids=lambda v: type(v).__name__,
)
def test_several_targets_in_every_form(values):
    assert ValueTarget.fit(values) == ValueTarget.fit(PRICES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, None], r"y must have a value in every row. Missing \(NaN\) in 2 rows \(1, 2\)"),
        ([1.0, -np.inf], r"y must hold finite numbers. Got inf in row 1\."),
        ([[1.0, 2.0], [3.0, np.nan]], r"Missing \(NaN\) in row 1\."),
        ([None, None], r"Missing \(NaN\) in 2 rows"),
        (
            ["a", "b"],
            "y must hold numbers for a regression. Got 'a' in row 0, 'b' in row 1. For classes use a classifier",
        ),
        (np.array(["2024-01-01"], "datetime64[D]"), "y must hold numbers for a regression. Got dates"),
        ([], "y must hold at least one number"),
    ],
)
def test_what_cannot_be_numbers_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        ValueTarget.fit(values)


def test_another_width_is_refused():
    with pytest.raises(DataError, match=r"y must have 2 columns, as in training. Got 1"):
        ValueTarget.fit(PRICES).encode(PRICES[:, :1])


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 20), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_finite_whatever_the_numbers(values):
    target = ValueTarget.fit(values)
    assert again(target) == target
    assert np.isfinite(target.encode(values)).all()
    decoded = target.decode(target.encode(values))[:, 0]
    size = np.abs(values).max()
    np.testing.assert_allclose(decoded / max(size, 1), values / max(size, 1), atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scale": (0.0,)}, "'scale' of ValueTarget must be above 0"),
        ({"scale": (1.0, 1.0)}, "must be equally long"),
        ({"mean": (float("inf"),)}, "'mean' of ValueTarget must be finite"),
        ({"mean": ("a",)}, "'mean' of ValueTarget must be a number"),
        ({"low": (2.0,)}, "'low' of ValueTarget must not be above 'high'"),
        ({"high": ()}, "'high' of ValueTarget must hold at least one number"),
    ],
)
def test_a_record_of_numbers_refuses_what_it_cannot_be(fields, message):
    sound = {"mean": (0.0,), "scale": (1.0,), "low": (-1.0,), "high": (1.0,)}
    with pytest.raises(TabgradError, match=message):
        ValueTarget(**{**sound, **fields})
