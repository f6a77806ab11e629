"""How wide an encoded table becomes: many columns of words, many levels, and codes that no float32 holds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgrad._record import from_data, to_data
from tabgrad.encode import Encoder, room
from tabgrad.encode.categorical import Binary, Embedded, OneHot
from tabgrad.encode.room import fair_share
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.table import Table, infer
from tabgrad.table.columns import Words, words

ROWS = 600


def of_levels(**levels):
    """A table with a column of words for each number of levels, all as frequent, and one of numbers."""
    columns = {
        name: Words(
            np.random.default_rng(count).permutation(ROWS).astype(np.int32) % count,
            tuple(f"{level:04}" for level in range(count)),
        )
        for name, count in levels.items()
    }
    return Table.of({**columns, "number": np.random.default_rng(0).normal(size=ROWS)})


def fitted(table, kinds=None, **options):
    return Encoder.fit(table, infer(table, dict.fromkeys(table.names[:-1], "categorical")), **options)


def kinds_of(encoder):
    return {column.name: type(column) for column in encoder.columns}


def test_the_widest_columns_get_codes_where_all_are_too_wide():
    table = of_levels(a=5, b=40, c=2, d=8, e=40, f=3)
    encoder = fitted(table, max_one_hot=100, max_width=60)
    kinds = kinds_of(encoder)
    assert [kinds[name] for name in "abcdef"] == [OneHot, OneHot, Binary, OneHot, Embedded, OneHot]
    assert encoder.cardinalities == (42,)
    assert len(encoder.features) == 5 + 40 + 1 + 8 + 3 + 1
    assert fitted(table, max_one_hot=100).cardinalities == ()
    assert fitted(table, max_one_hot=100, max_width=96).cardinalities == ()
    assert fitted(table, max_one_hot=100, max_width=95).embedded == ("e",)
    assert fitted(table, max_one_hot=100, max_width=1).embedded == ("a", "b", "d", "e", "f")


def test_a_column_has_the_same_levels_as_codes():
    table = of_levels(a=40)
    one_hot, coded = fitted(table, max_one_hot=40), fitted(table, max_one_hot=40, max_width=39)
    hot = one_hot.encode(table).x[:, 1:]
    np.testing.assert_array_equal(coded.encode(table).codes[:, 0], hot.argmax(axis=1) + 2)
    assert coded.columns[0] == fitted(table, max_one_hot=8).columns[0]


@pytest.mark.parametrize(("rows", "width"), [(1, 2048), (65_536, 2048), (200_000, 671), (1_000_000, 134), (10**8, 128)])
def test_the_width_is_what_half_a_gibibyte_holds(rows, width):
    assert room.most_features(rows) == width
    assert rows * width * 4 <= 2**29 or width == 128


def test_the_width_depends_on_the_rows(monkeypatch):
    table = of_levels(a=40, b=30)
    monkeypatch.setattr(room, "FEWEST_FEATURES", 1)
    monkeypatch.setattr(room, "NUMBERS", 70 * ROWS)
    assert fitted(table, max_one_hot=100).cardinalities == ()
    monkeypatch.setattr(room, "NUMBERS", 70 * ROWS - 1)
    assert fitted(table, max_one_hot=100).embedded == ("a",)


def test_without_tables_the_most_frequent_levels_have_a_place():
    often = ["x"] * 100 + ["y"] * 90 + ["z"] * 3 + [f"{i:03}" for i in range(100)] * 4 + ["only"] * 7
    table = Table.of({"a": words(often), "b": words(["p", "q", "r"] * 200), "number": np.arange(ROWS) / 7})
    encoder = fitted(table, embed=False, max_width=6)
    assert encoder.cardinalities == ()
    assert encoder.columns[0].levels == ("only", "x", "y")
    assert encoder.columns[0].other
    assert encoder.columns[1].levels == ("p", "q", "r")
    assert encoder.notes == ("Levels that are too rare for a place of their own: 101 of 104 levels of 'a'.",)
    place = encoder.features.index("a (other)")
    assert encoder.encode(table).x[:, place].sum() == 403
    new = Table.of({"a": words(["z", "new", None]), "b": words(["p"] * 3), "number": np.zeros(3)})
    assert encoder.encode(new).x[:, place].tolist() == [1, 1, 0]
    assert fitted(table, embed=False).columns[0].levels[-3:] == ("x", "y", "z")


def test_tables_have_their_share_of_levels(monkeypatch):
    monkeypatch.setattr(room, "MOST_CODES", 50)
    table = of_levels(a=100, b=30, c=10, d=3)
    encoder = fitted(table)
    assert encoder.cardinalities == (22, 22, 12)
    assert kinds_of(encoder)["d"] is OneHot
    # A column that got codes since all are too wide keeps them, however few its levels.
    assert fitted(table, max_one_hot=100, max_width=1).cardinalities == (20, 20, 12, 5)
    monkeypatch.setattr(room, "MOST_CODES", 20)
    assert fitted(table, max_one_hot=100, max_width=1).cardinalities == (7, 7, 7, 5)


def test_thousands_of_levels_come_back_from_a_file():
    levels = tuple(f"{level:05}" for level in range(9000))
    codes = np.repeat(np.arange(9000, dtype=np.int32), 3)
    table = Table.of({"a": Words(codes, levels), "number": np.random.default_rng(0).normal(size=27_000)})
    encoder = from_data(json.loads(json.dumps(to_data(fitted(table)))))
    assert encoder.cardinalities == (9002,)
    np.testing.assert_array_equal(encoder.encode(table).codes[:, 0], codes + 2)


@pytest.mark.parametrize("options", [{}, {"max_one_hot": 100}, {"embed": False, "max_width": 20}])
def test_what_encoded_rows_take_is_known_before(options):
    table = of_levels(a=40, b=30, c=2)
    encoder = fitted(table, **options)
    encoded = encoder.encode(table)
    codes = 0 if encoded.codes is None else encoded.codes.nbytes
    assert encoder.nbytes(ROWS) == encoded.x.nbytes + codes
    assert encoder.nbytes(10**9) == 10**9 // ROWS * encoder.nbytes(ROWS) + encoder.nbytes(10**9 % ROWS)


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(1, 200))
def test_a_share_is_the_largest_for_which_there_is_room(wanted, total):
    share = fair_share(wanted, total)
    taken = sum(min(want, share) for want in wanted)
    assert taken <= total or share == 1
    if wanted and share < max(wanted):
        assert sum(min(want, share + 1) for want in wanted) > total


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_width": 0}, ArgumentError, "'max_width' of Encoder must be at least 1. Got 0"),
        ({"max_width": 1.5}, ArgumentTypeError, "'max_width' of Encoder must be an integer or None. Got 1.5"),
        ({"embed": "yes"}, ArgumentTypeError, "'embed' of Encoder must be True or False. Got 'yes'"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        fitted(of_levels(a=3), **options)


# ---- Numbers that name something -------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [2**24, 2**31, 2**53 - 30])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_codes_that_no_float32_holds_stay_apart(first, dtype):
    named = (first + np.arange(20) % 10).astype(dtype)
    table = Table.of({"a": named, "b": named, "number": np.arange(20) / 7})
    encoder = Encoder.fit(table, infer(table, {"a": "categorical"}), numeric="quantile", min_rows=1)
    encoded = encoder.encode(table)
    assert encoder.cardinalities == (12,)
    assert sorted(set(encoded.codes[:, 0].tolist())) == list(range(2, 12))
    as_numbers = encoded.x[:, encoder.features.index("b")]
    assert len(np.unique(as_numbers)) == 10
    assert (np.diff(as_numbers[:10]) > 0).all()
