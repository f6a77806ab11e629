"""What columns are, and what a target asks for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgrad._record import from_data, to_data
from tabgrad.errors import ArgumentTypeError, DataError, UnknownNameError
from tabgrad.table import Column, Kind, Schema, Table, Task, infer, infer_task
from tabgrad.table.columns import words
from tabgrad.table.convert import convert

N = 40


def kind_of(values, name="c", **told):
    return infer(Table.of({name: values}), told.get("kinds"))[name]


@pytest.mark.parametrize(
    "name, values, kind",
    [
        ("c", np.linspace(0, 1, N), Kind.NUMERIC),
        ("c", np.arange(N) * 3, Kind.NUMERIC),
        ("c", np.arange(1950, 1950 + N), Kind.NUMERIC),
        ("c", np.arange(N), Kind.IDENTIFIER),
        ("c", 1 + np.arange(N), Kind.IDENTIFIER),
        ("PassengerId", 100 + 7 * np.arange(N), Kind.IDENTIFIER),
        ("row id", 100 + 7 * np.arange(N), Kind.IDENTIFIER),
        ("humid", 100 + 7 * np.arange(N), Kind.NUMERIC),
        ("c", [0, 1] * 20, Kind.BOOLEAN),
        ("c", [0.0, 1.0, np.nan, 1.0] * 10, Kind.BOOLEAN),
        ("c", [1, 2] * 20, Kind.NUMERIC),
        ("c", [True, False] * 20, Kind.BOOLEAN),
        ("c", ["Yes", "No"] * 20, Kind.BOOLEAN),
        ("c", ["red", "green"] * 20, Kind.CATEGORICAL),
        ("c", ["01234", "56789"] * 20, Kind.CATEGORICAL),
        ("c", [f"name {i}" for i in range(N)], Kind.IDENTIFIER),
        ("c", [f"name {i}" for i in range(10)], Kind.CATEGORICAL),
        ("c", ["2024-02-29", "2024-03-01 12:00"] * 20, Kind.DATE),
        ("c", ["1/13/2011", "2/1/2011"] * 20, Kind.DATE),
        ("c", ["31.1.2011", "1.2.2011 08:30"] * 20, Kind.DATE),
        ("c", ["3/4/2011", "2/1/2011"] * 20, Kind.CATEGORICAL),
        ("c", np.array(["2024-02-29", "NaT"] * 20, "M8[D]"), Kind.DATE),
        ("c", [5.0] * N, Kind.CONSTANT),
        ("c", ["x"] * N, Kind.CONSTANT),
        ("c", [None] * N, Kind.CONSTANT),
        ("c", ["x", None] * 20, Kind.CATEGORICAL),
        ("c", [5.0, None] * 20, Kind.NUMERIC),
    ],
)
def test_kinds(name, values, kind):
    column = kind_of(values, name)
    assert column.kind == kind, column.why
    assert column.used == (kind not in (Kind.IDENTIFIER, Kind.CONSTANT))


def test_the_level_that_means_no_comes_first():
    assert kind_of(["TRUE", "false"]).levels == ("false", "TRUE")
    assert kind_of([1, 0]).levels == ("0", "1")


def test_ordered_categories_are_ordinal():
    sizes = pd.Categorical(["S", "L"], categories=["S", "M", "L"], ordered=True)
    column = infer(Table.of(pd.DataFrame({"size": sizes})))["size"]
    assert (column.kind, column.levels) == (Kind.ORDINAL, ("S", "M", "L"))


def test_the_order_of_a_date_is_found_out_or_told():
    assert kind_of(["1/13/2011", "2/1/2011"]).order == "mdy"
    assert kind_of(["13.1.2011", "1.2.2011"]).order == "dmy"
    assert kind_of(["3/4/2011"] * 2 + ["5/6/2011"], kinds={"c": "dmy"}).order == "dmy"
    assert "unclear" in kind_of(["3/4/2011", "5/6/2011"]).why


@pytest.mark.parametrize("text, value", [("$1,200", 1200), ("12%", 0.12), ("-1.5e3", -1500), ("€ 3", 3), (" 7 ", 7)])
def test_numbers_as_people_write_them(text, value):
    assert convert(words([text]), "numeric", "c", Table({}))[0] == pytest.approx(value)


def test_words_of_numbers_do_not_depend_on_their_type():
    whole, real = (convert(np.array([2, 1, 2], kind), "categorical", "c", Table({})) for kind in (int, float))
    assert whole.levels == real.levels == ("1", "2")
    assert convert(np.array([1.5, np.nan]), "categorical", "c", Table({})).objects().tolist() == ["1.5", None]


def test_what_the_user_tells_counts():
    told = {"zip": "categorical", "cut": ["Fair", "Good"], "price": "numeric"}
    table = Table.of({"zip": [1, 2, 3], "cut": ["Good", "Fair", "Good"], "price": ["$1,200", "3.5", "12%"]})
    schema = infer(table, told)
    assert [column.kind for column in schema] == ["categorical", "ordinal", "numeric"]
    assert schema["cut"].levels == ("Fair", "Good")
    assert all(column.given for column in schema)


@pytest.mark.parametrize(
    "values, kind, error, message",
    [
        (["1", "two", "3"], "numeric", DataError, r"Column 'c' of X must hold numbers. Got 'two' in row 1."),
        (["1,2", "3"], "numeric", DataError, "Got '1,2' in row 0"),
        (["2024-02-30"], "date", DataError, "must hold dates, .* Got '2024-02-30' in row 0"),
        ([1, 2], "date", DataError, "must hold dates. Got numbers"),
        (["3/4/2011"], "date", DataError, "can be read as month/day or as day/month, .* Tell which it is: mdy or dmy"),
        (["13/4/2011"], "mdy", DataError, r"must hold dates, 2/29/2024. Got '13/4/2011' in row 0"),
        (["nan", "1"], "numeric", DataError, "must hold numbers. Got 'nan' in row 0"),
        (["1_000"], "numeric", DataError, "must hold numbers. Got '1_000' in row 0"),
        (["a", "b", "c"], "boolean", DataError, "must have two values. Got 3: 'a', 'b', 'c'"),
        (["a", "b"], "ordinal", DataError, "give its levels in their order"),
        (["a", "b"], ["a"], DataError, "holds 'b', which its levels do not name: 'a'. Add them in their place."),
        (["a", "b"], "numerical", UnknownNameError, "Unknown kind of column 'numerical'. Did you mean 'numeric'?"),
    ],
)
def test_what_a_column_cannot_be(values, kind, error, message):
    with pytest.raises(error, match=message):
        infer(Table.of({"c": values}), {"c": kind})


def test_kinds_of_columns_that_are_not_there():
    with pytest.raises(DataError, match=r"X has no column 'clor' \(did you mean 'color'\?\)"):
        infer(Table.of({"color": ["r"]}), {"clor": "categorical"})


def test_a_schema_is_data():
    schema = infer(Table.of({"a": [1, 0], "b": ["x", None], "c": [None, None]}))
    assert from_data(to_data(schema)) == schema
    assert list(schema.frame()["kind"]) == ["boolean", "categorical", "constant"]


@pytest.mark.parametrize("levels", [None, 3, "ab", ["a", "a"], ["a", 1], {"a"}])
def test_levels_that_are_none(levels):
    with pytest.raises(ArgumentTypeError, match="'levels' of Column must be a list of different strings"):
        Column("c", "ordinal", 0, 2, "told", levels)


def test_a_schema_of_other_things():
    column = Column("c", "numeric", 0, 2, "told")
    for columns in (None, 3, [column, column], ["c"]):
        with pytest.raises(ArgumentTypeError, match="'columns' of Schema must be a list of Columns"):
            Schema(columns)


def test_control_characters_of_names_do_not_reach_the_screen():
    shown = repr(infer(Table.of({"\x1b[31mred\n": [1, 0], "n" * 1000: ["\x1b", "b"]})))
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) < 120


@given(st.lists(st.integers(-5, 40), min_size=1, max_size=60), st.randoms())
def test_the_order_of_the_rows_does_not_matter(values, random):
    mixed = values[:]
    random.shuffle(mixed)
    before, after = kind_of(values), kind_of(mixed)
    if Kind.IDENTIFIER not in (before.kind, after.kind):
        assert before == after


@pytest.mark.parametrize(
    "values, task",
    [
        (["a", "b"] * 5, Task.BINARY),
        (["a", "b", "c"] * 5, Task.MULTICLASS),
        ([True, False], Task.BINARY),
        ([0.0, 1.0], Task.BINARY),
        (np.arange(100) % 7, Task.MULTICLASS),
        (np.arange(100) % 11, Task.REGRESSION),
        (np.arange(1000) % 20, Task.MULTICLASS),
        (np.arange(1000) % 21, Task.REGRESSION),
        ([0.5, 1.5], Task.REGRESSION),
        ([3, 3, 3], Task.REGRESSION),
    ],
)
def test_tasks(values, task):
    assert infer_task(Table.of({"y": values}))[0] == task


def test_tasks_as_told():
    numbers = Table.of({"y": np.arange(50.0)})
    assert infer_task(numbers, "classification")[0] == Task.MULTICLASS
    assert infer_task(Table.of({"y": [0, 1]}), "regression")[0] == Task.REGRESSION
    assert infer_task(Table.of({"a": [0.5], "b": [1]}))[0] == Task.MULTIOUTPUT


@pytest.mark.parametrize(
    "data, task, error, message",
    [
        ({"y": ["a", "b"]}, "regression", DataError, "The target 'y' must hold numbers for a regression. Got text"),
        ({"y": [1, 2, 3]}, "binary", DataError, "must have two values for a binary task. Got 3"),
        ({"y": [None, None]}, None, DataError, "has no value: every row is missing"),
        ({"y": np.array(["2024-01-01"], "M8[D]")}, None, DataError, "Got dates"),
        ({"a": ["x"], "b": [1]}, None, DataError, "Several targets must all be numbers, .* no numbers in 'a'"),
        ({"y": [1]}, "regresion", UnknownNameError, "Did you mean 'regression'"),
    ],
)
def test_what_a_target_cannot_be(data, task, error, message):
    with pytest.raises(error, match=message):
        infer_task(Table.of(data), task)
