"""Whole tables: what comes out, what is refused, and that a record is the same after its JSON."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgrad._record import from_data, to_data
from tabgrad.encode import Encoder
from tabgrad.encode.column import Choices
from tabgrad.encode.encoder import INDICATORS
from tabgrad.encode.numeric import SCALINGS, Robust, TwoValues
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, TabgradError, UnknownNameError
from tabgrad.table import Table, infer
from tabgrad.table.columns import Words, words

RNG = np.random.default_rng(0)
STATES = [f"S{i:02}" for i in range(20)]


def mixed(rows=200, seed=0):
    """A table with a column of each kind, each with missing values where it can have them."""
    rng = np.random.default_rng(seed)
    gone = lambda values: [None if rng.random() < 0.1 else value for value in values]  # noqa: E731
    columns = {
        "age": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(50, 9, rows)),
        "rooms": rng.integers(1, 9, rows),
        "smokes": rng.integers(0, 2, rows),
        "insured": rng.random(rows) < 0.5,
        "ripe": words(gone(rng.choice(["no", "yes"], rows).tolist())),
        "colour": words(gone(rng.choice(["red", "green", "blue", "grey"], rows).tolist())),
        "state": words(gone(rng.choice(STATES, rows).tolist())),
        "sold": np.datetime64("2020-01-01", "us") + rng.integers(0, 10**14, rows).astype("timedelta64[us]"),
        "cut": Words(rng.integers(-1, 3, rows).astype(np.int32), ("Fair", "Good", "Ideal"), ordered=True),
        "farm": words(["A"] * rows),
        "id": np.arange(rows),
    }
    return Table.of(columns)


def fitted(table=None, **options):
    table = mixed() if table is None else table
    return Encoder.fit(table, infer(table), **options)


def again(encoder):
    return from_data(json.loads(json.dumps(to_data(encoder), allow_nan=False)))


def same(a, b):
    np.testing.assert_array_equal(a.x, b.x)
    assert (a.codes is None) == (b.codes is None)
    if a.codes is not None:
        np.testing.assert_array_equal(a.codes, b.codes)


def test_a_table_of_all_kinds():
    table = mixed()
    encoder = fitted(table)
    encoded = encoder.encode(table)
    assert [(column.name, column.kind) for column in encoder.dropped] == [("farm", "constant"), ("id", "identifier")]
    parts = ("days", "year", "month sin", "month cos", "weekday sin", "weekday cos", "hour sin", "hour cos")
    assert encoder.features[:11] == ("age", "rooms", *(f"sold ({part})" for part in parts), "cut")
    assert encoder.features[11:15] == ("age (missing)", "smokes", "insured", "ripe")
    assert encoder.features[-2:] == ("colour (missing)", "cut (missing)")
    assert (encoder.embedded, encoder.cardinalities, encoder.widths) == (("state",), (22,), (8,))
    assert encoded.x.shape == (200, len(encoder.features))
    assert encoded.codes.shape == (200, 1)
    assert (encoded.x.dtype, encoded.codes.dtype, encoded.notes) == (np.float32, np.int32, ())
    assert encoded.x.flags.c_contiguous
    assert encoded.codes.flags.c_contiguous
    place = {name: i for i, name in enumerate(encoder.features)}
    np.testing.assert_array_equal(encoded.x[:, place["insured"]], np.where(table["insured"], 1, -1))
    np.testing.assert_array_equal(encoded.x[:, place["age (missing)"]], np.isnan(table["age"]))
    np.testing.assert_array_equal(encoded.x[:, place["colour=red"]], table["colour"].objects() == "red")
    assert {STATES[code - 2] for code in encoded.codes[encoded.codes > 1]} == set(STATES)


def test_an_array_encodes_as_its_columns_do():
    x = RNG.normal(size=(5000, 6)).astype(np.float32)
    x[:, 2] = x[:, 2] > 0
    x[:, 4] = 7
    x[::9, 5] = np.nan
    table = Table.of(x)
    encoder = fitted(table)
    assert isinstance(encoder.columns[2], TwoValues)
    assert table.block is not None
    same(encoder.encode(table), encoder.encode(Table(dict(table.columns))))
    for ordered in (np.asfortranarray(x), x[:, ::-1][:, ::-1], np.repeat(x, 2, axis=0)[::2]):
        same(encoder.encode(Table.of(ordered)), encoder.encode(table))


def test_columns_are_known_by_name():
    table = mixed()
    encoder = fitted(table)
    same(encoder.encode(table.select(table.names[::-1])), encoder.encode(table))


def test_an_array_without_the_columns_is_refused():
    encoder = fitted(Table.of(RNG.normal(size=(9, 3))))
    with pytest.raises(DataError, match="X has no column 'x2'"):
        encoder.encode(Table.of(RNG.normal(size=(9, 2))))
    named = fitted(Table.of({"a": RNG.normal(size=9), "b": RNG.normal(size=9)}))
    with pytest.raises(DataError, match="X has no columns 'a', 'b'"):
        named.encode(Table.of(RNG.normal(size=(9, 2))))


def test_what_is_dropped_need_not_be_there():
    table = mixed()
    encoded = fitted(table).encode(table.without(["farm", "id"]))
    assert encoded.notes == ()
    same(encoded, fitted(table).encode(table))


def test_other_columns_are_noted_once_or_refused():
    table = mixed()
    wider = Table({**table.columns, "extra": np.ones(200), "<script>": np.ones(200)})
    encoder = fitted(table)
    encoded = encoder.encode(wider)
    assert encoded.notes == ("Not used, since training had not: 'extra', '<script>' of X.",)
    same(encoded, encoder.encode(table))
    with pytest.raises(DataError, match=r"X must have no other columns than in training. Got 'extra', '<script>'"):
        encoder.encode(wider, strict=True)


def test_what_is_unseen_is_noted_with_its_rows():
    table = mixed()
    encoder = fitted(table)
    colour = words(["red", "mauve", "mauve", "teal", None, "pink", "gold"])
    new = Table({**table.part(slice(7)).columns, "colour": colour}, name="new.csv")
    encoded = encoder.encode(new)
    assert encoded.notes == (
        "5 rows of 'colour' in new.csv hold what training had not: 'mauve' (2), 'gold' (1), 'pink' (1) and 1 more.",
    )
    places = [i for i, name in enumerate(encoder.features) if name.startswith("colour=")]
    assert encoded.x[:, places].sum(axis=1).tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_levels_without_a_place_are_noted_at_fitting():
    table = Table.of({"x": ["a"] * 5 + ["b"] * 5 + ["c", "d"], "y": np.arange(12.0)})
    assert fitted(table).notes == ("Levels that are too rare for a place of their own: 2 of 4 levels of 'x'.",)


def test_what_is_rare_in_the_training_is_not_new_to_it():
    table = Table.of({"x": ["a"] * 5 + ["b"] * 5 + ["c", "d"], "y": np.arange(12.0)})
    encoder = fitted(table)
    assert encoder.encode(table).notes == ()
    new = Table.of({"x": ["c", "e"], "y": np.zeros(2)})
    assert encoder.encode(new).notes == ("1 row of 'x' in X holds what training had not: 'e' (1).",)


def test_no_rows_give_no_rows():
    table = mixed()
    encoded = fitted(table).encode(table.part(slice(0)))
    assert (len(encoded), encoded.codes.shape) == (0, (0, 1))
    array = Table.of(RNG.normal(size=(9, 3)))
    assert fitted(array).encode(array.part(slice(0))).x.shape == (0, 3)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_fits_tables_of_a_few_rows(rows):
    table = mixed(rows)
    schema = infer(mixed())
    encoded = Encoder.fit(table, schema).encode(mixed())
    assert np.isfinite(encoded.x).all()


# ---- Numbers first ---------------------------------------------------------------------------------------------------


def test_numbers_of_more_than_two_values_come_first():
    table = mixed()
    encoder = fitted(table)
    encoded = encoder.encode(table)
    assert encoder.numbers_first
    assert encoder.embeddable == 11
    for place, feature in enumerate(encoded.x.T):
        assert (len(np.unique(feature)) > 3) == (place < encoder.embeddable) or encoder.features[place] == "cut"
    together = dataclasses.replace(encoder, numbers_first=False)
    assert together.embeddable == 0
    assert together.features[:6] == ("age", "age (missing)", "rooms", "smokes", "insured", "ripe")
    assert together.features[-3:] == ("sold (hour cos)", "cut", "cut (missing)")
    order = [together.features.index(name) for name in encoder.features]
    np.testing.assert_array_equal(encoded.x, together.encode(table).x[:, order])


def test_an_array_with_numbers_first_encodes_as_its_columns_do():
    x = RNG.normal(size=(300, 7))
    x[:, 1] = x[:, 1] > 0
    x[::9, 0] = x[::7, 4] = np.nan
    table = Table.of(x)
    encoder = fitted(table)
    assert encoder.features == ("x0", "x2", "x3", "x4", "x5", "x6", "x0 (missing)", "x1", "x4 (missing)")
    assert encoder.embeddable == 6
    encoded = encoder.encode(table)
    same(encoded, encoder.encode(Table(dict(table.columns))))
    np.testing.assert_array_equal(encoded.x[:, [6, 8]], np.isnan(x[:, [0, 4]]))
    np.testing.assert_array_equal(encoded.x[:, 7], np.where(x[:, 1], 1, -1))


def test_an_order_of_two_levels_is_not_embeddable():
    levels = {"cut": ["Fair", "Good"] * 4, "b": np.arange(8.0), "more": ["a", "b", "c", "a"] * 2}
    table = Table.of(levels)
    kinds = {"cut": ["Fair", "Good"], "more": ["a", "b", "c"]}
    encoder = Encoder.fit(table, infer(table, kinds))
    assert (encoder.features, encoder.embeddable) == (("b", "more", "cut"), 2)


def test_a_file_of_before_keeps_its_order():
    encoder = fitted()
    data = json.loads(json.dumps(to_data(encoder)))
    assert data.pop("numbers_first") is True
    assert from_data(data) == dataclasses.replace(encoder, numbers_first=False)


# ---- What is mended --------------------------------------------------------------------------------------------------


def one(values, new, name="new"):
    """What a column becomes that was fitted to `values`, and then comes as `new`."""
    table = Table.of({"a": values, "b": np.arange(len(values))})
    encoder = Encoder.fit(table, infer(table))
    first = next(place for place, feature in enumerate(encoder.features) if feature.startswith("a"))
    return encoder.encode(Table.of({"a": new, "b": np.zeros(len(new))}, name)).x[:, first].tolist()


@pytest.mark.parametrize(
    ("values", "new", "expected"),
    [
        ([1, 2, 3, 4, 5], ["3", "3.0", None], [0, 0, 0]),  # text that is a number
        ([1, 2, 3, 4, 5], [None, None], [0, 0]),
        ([1, 2, 3, 4, 5], np.array([True, False]), pytest.approx([-0.9487, -1.3416], abs=1e-3)),
        ([True, False, True], ["true", "False", None], [1, -1, 1]),
        ([True, False, True], [0, 1], [-1, 1]),
        (["yes", "no", "yes"], [np.nan, np.nan], [0, 0]),
        (["True", "False", "True", None], np.array([True, False]), [1, -1]),
        (["10", "20", "10", "20", "x"] * 3, [10, 20], [1, 0]),  # words that a file without the "x" reads as numbers
        (np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[us]"), ["2024-01-02", None], [0, 0]),
        (["2.1.2024", "1.1.2024", "31.1.2024"] * 2, ["2.1.2024"], [0]),
    ],
)
def test_another_type_that_means_the_same_is_taken(values, new, expected):
    assert one(values, new) == expected


def test_numbers_can_be_categories():
    table = Table.of({"zip": [1, 2, 3] * 4, "b": np.arange(12.0)})
    encoder = Encoder.fit(table, infer(table, {"zip": "categorical"}))
    assert encoder.features == ("b", "zip=1", "zip=2", "zip=3")
    new = Table.of({"zip": [2.0, np.nan, 1.0], "b": np.zeros(3)})
    assert encoder.encode(new).x[:, 1:].tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]
    text = Table.of({"zip": ["2.0", "x", "1"], "b": np.zeros(3)})
    assert encoder.encode(text).x[:, 1:].tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_dates_can_be_categories():
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"] * 4, "datetime64[us]")
    table = Table.of({"day": days, "b": np.arange(12.0)})
    encoder = Encoder.fit(table, infer(table, {"day": "categorical"}))
    assert encoder.encode(table).x[:3, 1:].tolist() == np.eye(3).tolist()


def test_no_is_minus_one_however_it_is_spelled():
    assert one(["Yes", "no", "Yes", "no"], ["no", "Yes"]) == [-1, 1]


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "new", "message"),
    [
        ([1, 2, 3], ["3", "abc", "def"], r"'a' of t.csv must hold numbers. Got 'abc' in row 3, 'def' in row 4\."),
        (
            [1, 2, 3],
            [1.0, np.inf, -np.inf],
            r"'a' of t.csv must hold finite numbers. Got inf in 2 rows \(3, 4\)\. Make",
        ),
        ([1.5, 2, 3], [1, 2**53 + 1], r"must hold integers that float64 holds, .* Got 9007199254740993 in row 3\."),
        ([1, 2, 3], np.array(["2024-01-01"], "datetime64[us]"), "'a' of t.csv must hold numbers. Got dates"),
        ([True, False], ["True", "yes"], "'a' of t.csv must hold truth values, as in training. Got 'yes' in row 3"),
        (["a", "b", "c"], np.array(["2024-01-01"], "datetime64[us]"), "must hold text, as in training. Got dates"),
        (np.array(["2024-01-01", "2024-01-02"], "datetime64[us]"), [1, 2], "'a' of t.csv must hold dates. Got numbers"),
        (["2024-01-01", "2024-01-02"], ["2024-01-01", "soon"], "must hold dates.* Got 'soon' in row 3"),
    ],
)
def test_another_type_is_refused_with_its_place(values, new, message):
    table = Table.of({"a": values, "b": np.arange(len(values))})
    encoder = Encoder.fit(table, infer(table))
    wrong = Table(Table.of({"a": new, "b": np.zeros(len(new))}).columns, name="t.csv", first_row=2)
    for refused in (encoder.encode, encoder.check):
        with pytest.raises(DataError, match=message):
            refused(wrong)


def test_all_problems_are_told_at_once():
    table = mixed()
    columns = dict(table.columns)
    del columns["rooms"]
    columns["Rooms "] = columns["age"]
    columns["age"] = np.where(np.arange(200) == 5, np.inf, 1.0)
    columns["smokes"] = words(["maybe"] * 200)
    with pytest.raises(DataError) as caught:
        fitted(table).encode(Table(columns, name="new"), strict=True)
    lines = str(caught.value).split("\n")
    assert lines[0] == "new cannot be encoded:"
    assert re.match(r"- new has no column 'rooms' \(did you mean 'Rooms '\?\)\.", lines[1])
    assert lines[2] == "- new must have no other columns than in training. Got 'Rooms '."
    assert lines[3].startswith("- Column 'age' of new must hold finite numbers. Got inf in row 5.")
    assert lines[4].startswith("- Column 'smokes' of new must hold numbers. Got 'maybe' in row 0, 'maybe' in row 1")
    assert len(lines) == 5


def test_infinity_in_an_array_is_refused_with_its_place():
    x = RNG.normal(size=(9000, 3))
    encoder = fitted(Table.of(x))
    x[8000, 1] = -np.inf
    with pytest.raises(DataError, match=r"Column 'x1' of X must hold finite numbers. Got inf in row 8000"):
        encoder.encode(Table.of(x))


def test_a_good_table_passes_the_check():
    fitted().check(mixed(50, seed=1))


def test_a_table_that_cannot_be_fitted_is_refused_whole():
    table = Table.of({"a": [1.0, np.inf, 2.0], "b": [1, 2**60 + 1, 3], "c": ["x", "y", "z"]})
    with pytest.raises(DataError) as caught:
        Encoder.fit(table, infer(table))
    lines = str(caught.value).split("\n")
    assert [line[:12] for line in lines] == ["X cannot be ", "- Column 'a'", "- Column 'b'"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table.of({"a": np.empty(0), "b": np.empty(0)}), "X must have at least one row. Got none"),
        (Table.of({"a": ["x", "x"]}), r"X must have a column to learn from. Got 'a' \(constant: always 'x'\)"),
        (Table({}), "X must have at least one row"),
    ],
)
def test_nothing_to_learn_from_is_refused(table, message):
    with pytest.raises(DataError, match=message):
        Encoder.fit(table, infer(table))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"numeric": "robst"}, UnknownNameError, "Unknown scaling of numbers 'robst'. Did you mean 'robust'"),
        ({"indicators": "on"}, UnknownNameError, "Known: always, auto, never"),
        ({"min_rows": 0}, ArgumentError, "'min_rows' of Encoder must be at least 1. Got 0"),
        ({"max_one_hot": 2.5}, ArgumentTypeError, "'max_one_hot' of Encoder must be an integer. Got 2.5"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        fitted(**options)


# ---- Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "indicators", "expected"),
    [
        (0, "auto", False),
        (2, "auto", False),
        (3, "auto", True),
        (7, "auto", True),
        (8, "auto", False),  # of ten rows two have a value
        (1, "always", True),
        (0, "always", False),
        (5, "never", False),
    ],
)
def test_which_columns_have_an_indicator(gone, indicators, expected):
    values = np.array([np.nan] * gone + [1.0] * (10 - gone))
    assert Choices("robust", 8, 3, indicators).indicated(values) is expected


@pytest.mark.parametrize("numeric", SCALINGS)
def test_numbers_are_scaled_as_told(numeric):
    table = mixed()
    kinds = {type(column).__name__.lower() for column in fitted(table, numeric=numeric).columns[:2]}
    assert kinds == {"plain" if numeric == "none" else numeric}


def test_the_limits_of_words_are_the_users():
    table = mixed()
    assert fitted(table, max_one_hot=20).cardinalities == ()
    assert fitted(table, max_one_hot=3).embedded == ("colour", "state")
    assert fitted(table, min_rows=200).notes != ()


# ---- A record --------------------------------------------------------------------------------------------------------


def test_equal_encoders_are_equal_and_hash_alike():
    encoder, other = fitted(), fitted()
    encoder.encode(mixed())  # what it keeps at hand is no part of it
    assert encoder == other
    assert hash(encoder) == hash(other)
    assert fitted(numeric="none") != other


def test_copies_encode_alike():
    encoder = fitted()
    expected = encoder.encode(mixed(seed=1))
    same(pickle.loads(pickle.dumps(encoder)).encode(mixed(seed=1)), expected)  # noqa: S301
    same(copy.deepcopy(encoder).encode(mixed(seed=1)), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(columns=[]), "'names' of Encoder must be those of 'columns'"),
        (lambda data: data["columns"].pop(), "'names' of Encoder must be those of 'columns'"),
        (lambda data: data["columns"].reverse(), "'names' of Encoder must be those of 'columns'"),
        (lambda data: data["dropped"].append(data["dropped"][0]), "'names' of Encoder must be those of 'columns'"),
        (lambda data: data["names"].append("more"), "'families' of Encoder must be one of"),
        (lambda data: data["families"].__setitem__(0, "pickle"), "'families' of Encoder must be one of"),
        (lambda data: data.update(names="age"), "'names' of Encoder must be a list of"),
        (lambda data: data.update(columns=3), "'columns' of Encoder must be a list of"),
        (lambda data: data["columns"].__setitem__(0, data["dropped"][0]), "'columns' of Encoder must be a list of"),
        (
            lambda data: data["columns"].__setitem__(0, {"class": "table.Schema", "columns": []}),
            "'columns' of Encoder must be",
        ),
        (lambda data: data["columns"].__setitem__(0, {"class": "os.system"}), "Unknown class 'os.system'"),
        (
            lambda data: data["columns"].__setitem__(0, {"class": "encode.Robust", "name": "age"}),
            "Robust .* lacks 'median', 'indicator', 'scale'",
        ),
        (lambda data: data["columns"][0].update(scale=-1.0), "'scale' of Robust must be above 0"),
        (lambda data: data["columns"][0].update(scale=[1.0]), "'scale' of Robust must be a number"),
        (lambda data: data["columns"][0].update(median=1e400), "'median' of Robust must be finite"),
        (lambda data: data["columns"][0].update(more=1), "Robust takes no argument 'more'"),
        (
            lambda data: data["columns"][5].update(levels=["red", "red"]),
            "'levels' and 'rare' of OneHot must be different",
        ),
        (lambda data: data["columns"][6].update(width=10**9), "'width' of Embedded must be"),
        (lambda data: data["columns"][7].update(days=3), "'days' of DateParts must be"),
        (lambda data: data["columns"][8].update(median=99), "'median' of Ordinal must be below"),
    ],
)
def test_hostile_data_are_refused(change, message):
    data = json.loads(json.dumps(to_data(fitted())))
    change(data)
    with pytest.raises(TabgradError, match=message):
        from_data(data)


def test_a_column_stands_there_once():
    column = Robust("a", 0.0, False, 1.0)
    with pytest.raises(ArgumentError, match="'names' of Encoder must be different"):
        Encoder((column, column), ("a", "a"), ("numbers", "numbers"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.data())
def test_data_with_anything_anywhere_give_an_encoder_or_an_error_of_ours(data):
    plain = json.loads(SOUND)
    place = plain
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
            place = place[key]
        else:
            place[key] = data.draw(ANYTHING)
            break
    try:
        encoder = from_data(plain)
    except TabgradError:
        return
    if isinstance(encoder, Encoder):
        try:
            encoded = encoder.encode(SMALL)
        except DataError:
            return
        assert np.isfinite(encoded.x).all()


SOUND = json.dumps(to_data(fitted()))
SMALL = mixed(20, seed=3)


# ---- Properties ------------------------------------------------------------------------------------------------------

NUMBER = st.floats(allow_nan=True, allow_infinity=False) | st.integers(-100, 100).map(float)
TEXT = st.text(max_size=3) | st.sampled_from(["a", "b", "<script>", "\x1b[31m", "a\nb", "=1+1"])


@st.composite
def tables(draw):
    count = draw(st.integers(1, 25))
    several = lambda elements: draw(st.lists(elements, min_size=count, max_size=count))  # noqa: E731
    columns = {}
    for name in draw(st.lists(TEXT, min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from("fitMbo"))
        if kind == "f":
            columns[name] = np.array(several(NUMBER))
        elif kind == "i":
            columns[name] = np.array(several(st.integers(-(2**53), 2**53)))
        elif kind == "t":
            columns[name] = words(several(st.none() | TEXT))
        elif kind == "M":
            micros = st.just(np.iinfo(np.int64).min) | st.integers(-(10**17), 10**17)
            columns[name] = np.array(several(micros), np.int64).view("datetime64[us]")
        elif kind == "b":
            columns[name] = np.array(several(st.booleans()))
        else:
            codes = np.array(several(st.integers(-1, 2)), np.int32)
            columns[name] = Words(codes, ("c", "b", "a"), ordered=True)
    return Table(columns)


@settings(deadline=None)
@given(tables(), st.sampled_from(sorted(SCALINGS)), st.sampled_from(INDICATORS), st.integers(1, 4), st.data())
def test_properties_of_every_table(table, numeric, indicators, most, data):
    schema = infer(table)
    try:
        encoder = Encoder.fit(table, schema, numeric=numeric, max_one_hot=most, indicators=indicators)
    except DataError as error:
        assert "a column to learn from" in str(error)  # noqa: PT017
        return
    encoded = encoder.encode(table)
    assert np.isfinite(encoded.x).all()
    assert encoded.x.shape == (len(table), len(encoder.features))
    assert len(set(encoder.features)) == len(encoder.features) or len(schema.used) > 1
    codes = np.empty((len(table), 0)) if encoded.codes is None else encoded.codes
    assert codes.shape[1] == len(encoder.cardinalities)
    assert (codes >= 0).all()
    assert (codes < np.array(encoder.cardinalities)).all()

    copied = again(encoder)
    assert copied == encoder
    same(copied.encode(table), encoded)

    rows = np.array(data.draw(st.lists(st.integers(0, len(table) - 1), max_size=10)), int)
    part = encoder.encode(table.part(rows))
    np.testing.assert_array_equal(part.x, encoded.x[rows])
    if encoded.codes is not None:
        np.testing.assert_array_equal(part.codes, codes[rows])

    order = np.array(data.draw(st.permutations(range(len(table)))), int)
    shuffled = Encoder.fit(table.part(order), schema, numeric=numeric, max_one_hot=most, indicators=indicators)
    if numeric != "standard":  # whose sums depend on the order
        assert shuffled == encoder


def test_a_scale_is_fitted_to_the_rows_that_it_is_given():
    table = mixed()
    train = table.part(slice(100))
    encoder = Encoder.fit(train, infer(table))
    assert encoder.columns[0] == Robust.of("age", train["age"][~np.isnan(train["age"])], indicator=True)
    changed = Table({**table.columns, "age": np.concatenate([table["age"][:100], np.full(100, 1e6)])})
    assert Encoder.fit(changed.part(slice(100)), infer(table)) == encoder
