"""Tables out of what is in memory: the same columns whatever library holds them."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgrad.errors import DataError
from tabgrad.table import Table, Words
from tabgrad.table.columns import missing
from tabgrad.table.table import values_of

NAN = float("nan")
DATA = {
    "whole": [3, 1, 2],
    "real": [1.5, None, -2.0],
    "text": ["b", None, "a"],
    "truth": [True, False, True],
    "doubt": [True, None, False],
    "day": [datetime.date(2024, 2, 29), None, datetime.date(1999, 1, 1)],
    "moment": [datetime.datetime(2024, 2, 29, 13, 30), datetime.datetime(1999, 1, 1), None],
}


def plain(values):
    """A column as a list, None where a value is missing."""
    listed = values.objects() if isinstance(values, Words) else values
    return [None if gone else value for gone, value in zip(missing(values), listed.tolist(), strict=True)]


@pytest.mark.parametrize(
    "make",
    [dict, pd.DataFrame, pl.DataFrame, pa.table, lambda data: pd.DataFrame(data).convert_dtypes()],
    ids=["dict", "pandas", "polars", "arrow", "pandas_nullable"],
)
def test_every_library_gives_the_same_columns(make):
    table = Table.of(make(DATA))
    assert table.names == tuple(DATA)
    assert len(table) == 3
    assert plain(table["whole"]) == [3, 1, 2]
    assert table["whole"].dtype.kind == "i"
    assert plain(table["real"]) == [1.5, None, -2.0]
    assert plain(table["text"]) == ["b", None, "a"]
    assert table["truth"].dtype == bool
    assert [None if value is None else str(value) for value in plain(table["doubt"])] == ["True", None, "False"]
    assert [None if value is None else value.year for value in plain(table["day"])] == [2024, None, 1999]
    assert plain(table["moment"])[0] == datetime.datetime(2024, 2, 29, 13, 30)


def test_every_library_gives_the_same_fingerprint():
    data = {name: DATA[name] for name in ("whole", "text", "truth")}
    prints = {Table.of(make(data)).fingerprint() for make in (dict, pd.DataFrame, pl.DataFrame, pa.table)}
    assert len(prints) == 1
    changed = Table.of({**data, "text": ["b", None, "A"]}).fingerprint()
    assert changed not in prints


def test_categories_keep_their_levels_and_their_order():
    ordered = pd.Categorical(["low", None, "high"], categories=["low", "mid", "high"], ordered=True)
    table = Table.of(pd.DataFrame({"size": ordered, "of": pd.Categorical([2, 1, 2])}))
    assert table["size"].levels == ("low", "mid", "high")
    assert table["size"].ordered
    assert plain(table["size"]) == ["low", None, "high"]
    assert plain(table["of"]) == ["2", "1", "2"]
    assert not table["of"].ordered
    assert Table.of(pl.DataFrame({"c": pl.Series(["x", None], dtype=pl.Categorical)}))["c"].levels == ("x",)


def test_a_time_zone_is_read_in_utc_and_said():
    moments = pd.to_datetime(["2024-06-01 12:00"]).tz_localize("Europe/Berlin")
    table = Table.of(pd.DataFrame({"at": moments}))
    assert table["at"][0] == np.datetime64("2024-06-01T10:00")
    assert "Europe/Berlin" in table.notes[0]


def test_an_array_is_not_copied():
    block = np.arange(6, dtype=np.float32).reshape(3, 2)
    table = Table.of(block)
    assert table.names == ("x0", "x1")
    assert np.shares_memory(table["x1"], block)
    assert table.block is block or np.shares_memory(table.block, block)
    assert table.part(slice(1, 3)).block.shape == (2, 2)
    assert table.select(["x1"]).block is None


@pytest.mark.parametrize("order", [">f8", ">i4", "<f2"])
def test_byte_orders_and_half_precision(order):
    values = Table.of(np.array([[1, 2], [3, 4]], order))["x1"]
    assert values.tolist() == [2, 4]
    assert values.dtype.isnative


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30))
def test_words_hold_every_text(texts):
    values = values_of(np.array([*texts, "end"], dtype=object), "y")
    assert plain(values) == [*texts, "end"]
    assert len(set(values.levels)) == len(values.levels)
    assert sum(values.counts()) == sum(text is not None for text in texts) + 1


def test_parts_keep_levels():
    table = Table.of({"c": ["a", "b", "c"], "n": [1, 2, 3]})
    part = table.part(np.array([2, 0]))
    assert plain(part["c"]) == ["c", "a"]
    assert part["c"].levels == ("a", "b", "c")
    assert part["c"].used() == ("a", "c")
    assert plain(table.part(np.array([False, True, False]))["n"]) == [2]


@pytest.mark.parametrize(
    "data, message",
    [
        ({"a": [1, 2], "b": [1]}, "The columns of X must be equally long. Got: 'a' 2, 'b' 1."),
        ({"a": [1, "x", None]}, r"Column 'a' of X .* one kind only. Got numbers in row 0 \(1\), text in row 1 \('x'\)"),
        ({"a": [True, 2]}, r"truth values in row 0 \(True\), numbers in row 1 \(2\)"),
        ({"a": [[1], [2]]}, "Column 'a' of X must hold numbers, text"),
        ({1: [1], "1": [2]}, "The columns of X must have different names. Got '1' 2 times."),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "must have different names. Got 'a' 2 times"),
        (pl.DataFrame({"a": [[1, 2]]}), r"Column 'a' of X .* Got nested values"),
        (pl.DataFrame({"a": [b"1"]}), "Got bytes"),
        (pl.DataFrame({"a": [1]}).lazy(), r"X must be in memory. Got a LazyFrame: call .collect\(\) first."),
        (pd.DataFrame({"a": pd.array([2**60, None], "Int64")}), "at most 2.53 .* 1152921504606846976 would change"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 2), complex), "Complex data not supported"),
        ([[1, 2], [3]], "Row 0 has 2 values, row 1 has 1."),
        (object(), "X must be a frame, an array, a dict of columns or a list of rows"),
    ],
)
def test_what_is_no_table(data, message):
    with pytest.raises(DataError, match=message):
        Table.of(data)


def test_a_missing_column_is_named_with_the_nearest():
    table = Table.of({"area": [1], "colour": ["r"]}, name="beans.csv")
    with pytest.raises(DataError, match=r"beans.csv has no columns 'aera' \(did you mean 'area'\?\), 'zzz'"):
        table.select(["aera", "zzz"])
    with pytest.raises(DataError, match="has no column 'aera'"):
        table["aera"]


def test_a_mask_leaves_gaps():
    values = values_of(np.ma.masked_array([1, 2, 3], [False, True, False]), "y")
    assert plain(values) == [1.0, None, 3.0]
