"""Words: which encoding a column of them gets, and what becomes of each level."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tabgrad.encode import categorical
from tabgrad.encode.categorical import Binary, Embedded, OneHot, Ordinal, fit, fit_ordinal, width
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.table.columns import Words, words

RNG = np.random.default_rng(0)


def column(*counts):
    """A column in which "a" stands in the first number of rows, "b" in the second, and so on; shuffled."""
    values = [chr(ord("a") + place) for place, count in enumerate(counts) for _ in range(count)]
    return words(RNG.permutation(values).tolist())


def test_one_hot_is_scikit_learns():
    train, new = column(5, 4, 3, 9), column(2, 3, 1, 1, 2)  # the last level is new
    peer = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train.objects()[:, None])
    np.testing.assert_array_equal(fit("x", train).encode(new), peer.transform(new.objects()[:, None]))


def test_one_hot_with_infrequent_levels_is_scikit_learns():
    train, new = column(5, 1, 3, 9, 2, 2), column(2, 3, 1, 1, 2, 1, 1)
    peer = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3, sparse_output=False)
    peer.fit(train.objects()[:, None])
    record = fit("x", train)
    assert record == OneHot("x", ("a", "c", "d"), True, False, rare=("b", "e", "f"))
    assert record.features == ("x=a", "x=c", "x=d", "x (other)")
    np.testing.assert_array_equal(record.encode(new), peer.transform(new.objects()[:, None]))


@pytest.mark.parametrize(
    ("train", "record"),
    [
        (column(5, 4), Binary("x", ("a", "b"), False)),
        (column(5, 4, 2), Binary("x", ("a", "b"), False, rare=("c",))),  # two rows of "c": too few for a place
        (column(5, 4, 2, 1), OneHot("x", ("a", "b"), True, False, rare=("c", "d"))),  # three rows of others: enough
        (column(5, 4, 3), OneHot("x", ("a", "b", "c"), False, False)),
        (column(*[3] * 8), OneHot("x", tuple("abcdefgh"), False, False)),
        (column(*[3] * 9), Embedded("x", tuple("abcdefghi"), 8)),
        (column(100, 2), Binary("x", ("a", "b"), False)),  # fewer than two levels would be left
        (column(1, 2, 1), OneHot("x", ("a", "b", "c"), False, False)),
        (column(*[1] * 20), OneHot("x", tuple("abcdefgh"), True, False, rare=tuple("ijklmnopqrst"))),
    ],
)
def test_which_encoding_a_column_gets(train, record):
    assert fit("x", train) == record


def test_the_order_of_rows_and_levels_does_not_matter():
    train = column(5, 4, 3, 1)
    swapped = Words(3 - train.codes, train.levels[::-1])
    assert fit("x", train) == fit("x", swapped) == fit("x", train[RNG.permutation(len(train))])


def test_levels_without_rows_do_not_count():
    assert fit("x", Words(np.array([0, 2] * 5, np.int32), ("a", "b", "c"))).levels == ("a", "c")


def test_a_given_order_comes_first():
    assert fit("x", column(5, 5), order=("b", "a")) == Binary("x", ("b", "a"), False)


def test_binary_has_places_for_all_else():
    record = Binary("x", ("a", "b"), True)
    assert record.encode(words(["a", "b", None, "c"])).tolist() == [[-1, 0], [1, 0], [0, 1], [0, 0]]
    assert record.features == ("x", "x (missing)")


def test_one_hot_has_places_for_all_else():
    new = words(["b", None, "?"])
    assert OneHot("x", ("a", "b"), True, True).encode(new).tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert OneHot("x", ("a", "b"), False, True).encode(new).tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert OneHot("x", ("a", "b"), True, False).encode(new).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert OneHot("x", ("a", "b"), False, False).encode(new).tolist() == [[0, 1], [0, 0], [0, 0]]


def test_codes_of_rare_missing_and_known_levels():
    record = Embedded("x", ("a", "b", "c"), 2)
    assert record.cardinality == 5
    assert record.encode(words(["c", None, "?", "a"])).tolist() == [4, 1, 0, 2]


def test_ordinal_is_scikit_learns_scaled():
    levels = ("low", "middle", "high", "top")
    new = words(RNG.choice(levels, 30).tolist())
    peer = OrdinalEncoder(categories=[levels]).fit_transform(new.objects()[:, None])
    np.testing.assert_allclose(Ordinal("x", levels, 0, False).encode(new), 2 * peer / 3 - 1, rtol=1e-6)


def test_ordinal_puts_what_has_no_place_at_the_median():
    train = words(["low"] + ["high"] * 3 + ["middle"] * 3)
    record = fit_ordinal("x", train, ("low", "middle", "high"), indicator=True)
    assert record.median == 1
    assert record.encode(words(["high", None, "?"])).tolist() == [[1, 0], [0, 1], [0, 1]]
    assert record.features == ("x", "x (missing)")


def test_ordinal_of_one_level():
    assert fit_ordinal("x", words([None, None]), ("only",)).encode(words(["only", None])).tolist() == [[-1], [-1]]


def test_widths():
    assert [width(levels) for levels in (1, 3, 8, 9, 10**6)] == [1, 3, 8, 8, 8]


def test_a_million_levels_are_capped(monkeypatch):
    monkeypatch.setattr(categorical, "MOST_LEVELS", 50)
    counts = np.concatenate([np.full(60, 3), np.full(40, 4)])
    train = Words(np.repeat(np.arange(100), counts).astype(np.int32), tuple(f"{i:03}" for i in range(100)))
    record = fit("x", train, most_levels=50)
    assert record.cardinality == 52
    assert len(record.rare) == 50
    assert record.levels == tuple(f"{i:03}" for i in (*range(10), *range(60, 100)))  # the most frequent; the first


def test_the_unseen_are_counted():
    record = OneHot("x", ("a", "b"), False, False)
    new = Words(np.array([0, 1, 2, 2, -1, 3, 3, 3], np.int32), ("a", "?", "!", "new", "without rows"))
    assert record.unseen(new, 5) == (6, 3, {"new": 3, "!": 2, "?": 1})
    assert record.unseen(new, 1) == (6, 3, {"new": 3})
    assert record.unseen(words(["a", None]), 5) == (0, 0, {})
    assert OneHot("x", ("a", "b"), False, False, rare=("new",)).unseen(new, 5) == (3, 2, {"!": 2, "?": 1})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: OneHot("x", ("a", "a"), False, False),
            ArgumentError,
            "'levels' and 'rare' of OneHot must be different",
        ),
        (lambda: OneHot("x", ("a",), False, False, rare=("a",)), ArgumentError, "'levels' and 'rare' of OneHot must"),
        (lambda: OneHot("x", ("a",), False, False, rare=[3]), ArgumentTypeError, "'rare' of OneHot must be strings"),
        (lambda: OneHot("x", ("a", 3), False, False), ArgumentTypeError, "'levels' of OneHot must be strings"),
        (lambda: OneHot("x", "ab", False, False), ArgumentTypeError, "'levels' of OneHot must be strings"),
        (lambda: OneHot("x", ("a",), 1, False), ArgumentTypeError, "'other' of OneHot must be True or False"),
        (lambda: Binary("x", ("a",), False), ArgumentError, "'levels' of Binary must be two. Got 1"),
        (lambda: Embedded("x", ("a",), 0), ArgumentError, "'width' of Embedded must be in .1, 4096."),
        (lambda: Ordinal("x", ("a", "b"), 2, False), ArgumentError, "'median' of Ordinal must be below .* 2. Got 2"),
        (lambda: Ordinal("x", ("a", "b"), -1, False), ArgumentError, "'median' of Ordinal must be at least 0"),
    ],
)
def test_a_record_refuses_what_it_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()
