"""Tables part by part, and files with columns added: what was there stays as it is."""

import csv
import errno
import gzip
import io
import json
import os
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabgrad.errors import ArgumentError, DataError
from tabgrad.table import encodings
from tabgrad.table.columns import words
from tabgrad.table.parts import add_columns, parts
from tabgrad.table.read import read

from .test_read_csv import plain, written

MESSY = (
    'zip,"a ""quoted"" name", x ,text\r\n01234,"1,5",1.50,"line\nand line"\r\n"98765",,  2,=1+1\r\n\r\n'
    '7,y,03,"é\r\n"\r\n'
)


def numbered(table):
    """A number a row, by its column of text."""
    return {"new": np.arange(len(table), dtype=float)}


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_parts_are_the_whole(tmp_path, rows, end, last):
    lines = [f'{row},"text, of\n{row}",{row / 4}' if row % 3 else f"{row},plain,{row / 4}" for row in range(50)]
    content = end.join(["a,b,c", *lines]) + (end if last else "")
    path = written(tmp_path, content)
    whole = read(path)
    with parts(path, rows=rows, kinds={"a": "numeric", "c": "numeric"}) as found:
        taken = list(found)
    assert found.names == ("a", "b", "c")
    assert {len(table) for table, _ in taken[:-1]} <= {rows}
    for name in whole.names:
        assert [value for table, _ in taken for value in plain(table[name])] == plain(whole[name])
    assert [record.decode() for _, records in taken for record in records] == lines


def test_a_file_of_many_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("tabgrad.table.files.BLOCK", 1000)
    monkeypatch.setattr("tabgrad.table.csv_parts.SAMPLE", 100)
    path = written(tmp_path, "a,b\n" + "".join(f"{row},{'x' * (row % 50)}é\n" for row in range(3000)))
    with parts(path, rows=700, kinds={"a": "numeric"}) as found:
        tables = [table for table, _ in found]
    assert [len(table) for table in tables] == [700, 700, 700, 700, 200]
    assert [table.first_row for table in tables] == [2, 702, 1402, 2102, 2802]
    np.testing.assert_array_equal(np.concatenate([table["a"] for table in tables]), np.arange(3000))


def test_problems_of_later_parts_have_their_lines(tmp_path):
    path = written(tmp_path, "a,b\n" + "1,x\n" * 50 + "oops,x\n")
    with parts(path, rows=20, kinds={"a": "numeric"}) as found, pytest.raises(DataError, match="Got 'oops' in line 52"):
        list(found)
    path = written(tmp_path, "a,b\n" + "1,x\n" * 50 + "1\n")
    with parts(path, rows=20) as found, pytest.raises(DataError, match=r"must have 2 fields.* Got 1 in line 52"):
        list(found)
    path = written(tmp_path, "a,b\n" + "1,x\n" * 50 + '1,"x\n' + "1,x\n" * 50)
    with parts(path, rows=20) as found, pytest.raises(DataError, match=r"Line 52 .* never closed"):
        list(found)


def test_a_row_that_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr("tabgrad.table.csv_parts.LONGEST", 100_000)
    monkeypatch.setattr("tabgrad.table.files.BLOCK", 10_000)
    path = written(tmp_path, 'a,b\n1,"x\n' + "1,x\n" * 100_000)
    with (
        parts(path, rows=20) as found,
        pytest.raises(DataError, match=r"Line 2 of t\.csv begins a row that does not"),
    ):
        list(found)


def test_columns_that_nobody_tells_of_are_text_whatever_they_hold(tmp_path):
    path = written(tmp_path, "a,b\n" + "1,5\n" * 50 + "2,oops\n")
    with parts(path, kinds={"a": "numeric"}) as found:
        ((table, _),) = found
    assert table["b"].levels == ("5", "oops")


def test_columns_that_are_missing_are_all_named(tmp_path):
    path = written(tmp_path, b"area,colour\n1,red\n")
    with (
        pytest.raises(DataError, match=r"t\.csv has no columns 'aria' \(did you mean 'area'\?\), 'farm'\."),
        parts(path, kinds={"aria": "numeric", "farm": "categorical"}),
    ):
        pass


# ---- Columns added ---------------------------------------------------------------------------------------------------


def added(tmp_path, content, columns=numbered, name="t.csv", target="out.csv", **options):
    count = add_columns(written(tmp_path, content, name), tmp_path / target, columns, **options)
    return count, (tmp_path / target).read_bytes()


def test_the_users_own_bytes_stay(tmp_path):
    count, content = added(tmp_path, MESSY, rows=2)
    assert count == 3
    assert content.decode() == (
        'zip,"a ""quoted"" name", x ,text,new\r\n01234,"1,5",1.50,"line\nand line",0.0\r\n"98765",,  2,=1+1,1.0\r\n'
        '7,y,03,"é\r\n",0.0\r\n'
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_the_encoding_stays(tmp_path, encoding):
    told = {"encoding": encoding} if encoding in ("latin-1", "cp1252") else {}
    _, content = added(tmp_path, "a;b\né;1\n".encode(encoding), **told)
    assert content == "a;b;new\né;1;0.0\n".encode(encoding)


def test_text_that_the_encoding_does_not_have(tmp_path):
    with pytest.raises(DataError, match=r"'→' cannot be written in the encoding of t\.csv, iso8859-1\. Save"):
        added(tmp_path, "a\né\n".encode("latin-1"), lambda table: {"new": words(["→"])}, encoding="latin-1")
    assert not (tmp_path / "out.csv").exists()


def test_the_first_line_that_excel_writes(tmp_path):
    assert added(tmp_path, b"sep=;\r\na;b\r\n1;2\r\n")[1] == b"sep=;\r\na;b;new\r\n1;2;0.0\r\n"


def test_carriage_returns_alone(tmp_path):
    assert added(tmp_path, b"a,b\r1,2\r3,4\r")[1] == b"a,b,new\r1,2,0.0\r3,4,1.0\r"


def test_no_header_and_short_rows(tmp_path):
    assert added(tmp_path, b"5,a\n6,b\n", header=False)[1] == b"5,a,0.0\n6,b,1.0\n"
    assert added(tmp_path, b"a,b\n5\n6,b\n", on_short_row="fill")[1] == b"a,b,new\n5,,0.0\n6,b,1.0\n"


VALUES = {
    "whole": np.array([1, -2]),
    "single": np.array([0.1, np.nan], np.float32),
    "double": np.array([0.1, 1e300]),
    "truth": np.array([True, False]),
    "day": np.array(["2024-02-29", "NaT"], "M8[us]"),
    "moment": np.array(["2024-02-29T13:30", "2024-01-01"], "M8[us]"),
    "word": words(['a,"b"\n', None]),
    "formula": words(["=1+1", "-x"]),
}


def test_cells_of_every_kind(tmp_path):
    _, content = added(tmp_path, b"a\n1\n2\n", lambda _: VALUES)
    assert content.decode() == (
        "a,whole,single,double,truth,day,moment,word,formula\n"
        '1,1,0.1,0.1,True,2024-02-29,2024-02-29T13:30:00.000000,"a,""b""\n",=1+1\n'
        "2,-2,,1e+300,False,,2024-01-01T00:00:00.000000,,-x\n"
    )


def test_our_own_formulas_are_escaped_and_nothing_else(tmp_path):
    columns = {"@new": words(["=1+1", "b"]), "n": np.array([-1, 2])}
    _, content = added(tmp_path, b"=a\n=2\n-3\n", lambda _: columns, escape=True)
    assert content == b"=a,'@new,n\n=2,'=1+1,-1\n-3,b,2\n"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.arrow"])
def test_a_column_that_is_there(tmp_path, name):
    frame = pl.DataFrame({"a": [1], "new": [2]})
    writers = {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}
    writers.get(name.partition(".")[2], frame.write_ipc)(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name} has a column 'new' already\. Give the new one another name\."):
        add_columns(tmp_path / name, tmp_path / f"out.{name}", numbered, kinds={"a": "numeric"})
    assert os.listdir(tmp_path) == [name]


def test_json_lines(tmp_path):
    content = b'{"a": 1.50, "b": {"deep": [1]}}\r\n\r\n  {"a":2}  \r\n{}\r\n'
    _, out = added(tmp_path, content, lambda _: {k: _three(v) for k, v in VALUES.items()}, "t.jsonl", "o.jsonl",
                   kinds={"a": "numeric"})  # fmt: skip
    first, second, third = out.decode().splitlines()
    assert first.startswith(
        '{"a": 1.50, "b": {"deep": [1]}, "whole": 1, "single": 0.1, "double": 0.1, "truth": true, "day": '
    )
    assert second.startswith('  {"a":2, "whole": -2, "single": null')
    assert out.count(b"}\r\n") == 3
    assert third.startswith('{"whole": 1')
    assert json.loads(first)["word"] == 'a,"b"\n'
    assert json.loads(second)["day"] is None


def _three(values):
    return values[np.array([0, 1, 0])]


def test_json_lines_of_which_a_part_lacks_a_member(tmp_path):
    content = b'{"a": 1, "b": "x"}\n{"a": 2}\n{"a": 3}\n'
    sums = []
    added(tmp_path, content, lambda table: sums.append(plain(table["b"])) or numbered(table), "t.jsonl", "o.jsonl",
          rows=1, kinds={"a": "numeric", "b": "categorical"})  # fmt: skip
    assert sums == [["x"], [None], [None]]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_columnar_files(tmp_path, form):
    frame = pl.DataFrame({"a": range(10), "list": [[1]] * 10, "c": pl.Series(["x"] * 10, dtype=pl.Categorical)})
    (frame.write_parquet if form == "parquet" else frame.write_ipc)(tmp_path / f"t.{form}")
    seen = []
    count = add_columns(
        tmp_path / f"t.{form}",
        tmp_path / f"out.{form}",
        lambda table: seen.append(table.first_row) or {"new": table["a"] * 2, "word": words(["y"] * len(table))},
        rows=4,
        kinds={"a": "numeric"},
    )
    out = (pl.read_parquet if form == "parquet" else pl.read_ipc)(tmp_path / f"out.{form}")
    assert (count, seen) == (10, [0, 4, 8])
    assert out.drop("new", "word").equals(frame)
    assert out["new"].to_list() == [2 * value for value in range(10)]
    assert sorted(os.listdir(tmp_path)) == sorted([f"t.{form}", f"out.{form}"])


def test_packed_targets(tmp_path):
    _, content = added(tmp_path, gzip.compress(b"a\n1\n"), name="t.csv.gz", target="out.csv.gz")
    assert gzip.decompress(content) == b"a,new\n1,0.0\n"
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    _, content = added(tmp_path, zstd.compress(b"a\n1\n"), name="t.csv.zst", target="out.csv.zst")
    assert zstd.decompress(content) == b"a,new\n1,0.0\n"


def test_standard_input_to_standard_output(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n1\n2\n")))
    monkeypatch.setattr("sys.stdout", out)
    assert add_columns("-", "-", numbered, rows=1) == 2
    assert out.buffer.getvalue() == b"a,new\n1,0.0\n2,0.0\n"


def test_answers_of_databases_are_written_as_csv(tmp_path):
    sqlite3 = pytest.importorskip("sqlite3")
    pytest.importorskip("adbc_driver_sqlite")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("CREATE TABLE t (a INT, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x,y"), (2, None)])
    connection.close()
    url = f"sqlite:///{tmp_path}/t.db"
    assert add_columns(url, tmp_path / "out.csv", numbered, query="SELECT a, b FROM t", rows=1) == 2
    assert (tmp_path / "out.csv").read_text() == 'a,b,new\n1,"x,y",0.0\n2,,0.0\n'


def test_a_target_of_another_format(tmp_path):
    with pytest.raises(ArgumentError, match=r"keeps the format of t\.csv: its name must end in \.csv\. Got 'out"):
        added(tmp_path, b"a\n1\n", target="out.parquet")


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_of_no_row_the_answer_is_nothing_too(tmp_path, form):
    frame = pl.DataFrame({"a": [1], "b": ["x"]}).clear()
    {"csv": frame.write_csv, "parquet": frame.write_parquet}.get(form, frame.write_ipc)(tmp_path / f"t.{form}")
    kinds = {"a": "numeric", "b": "categorical"}
    assert add_columns(tmp_path / f"t.{form}", tmp_path / f"out.{form}", numbered, kinds=kinds) == 0
    readers = {"csv": pl.read_csv, "parquet": pl.read_parquet, "arrow": pl.read_ipc}
    out = readers[form](tmp_path / f"out.{form}")
    assert (out.columns, out.height) == (["a", "b", "new"], 0)


@pytest.mark.parametrize("target, message", [("no/out.csv", "No such file"), (".", "[Dd]irectory")])
def test_targets_that_cannot_be_written(tmp_path, target, message):
    with pytest.raises(OSError, match=message):
        added(tmp_path, b"a\n1\n", target=target)


def test_what_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "out.csv").write_text("before")

    def fail(table):
        if table.first_row > 2:
            raise RuntimeError("in the middle")
        return numbered(table)

    with pytest.raises(RuntimeError, match="in the middle"):
        added(tmp_path, b"a\n1\n2\n3\n", fail, rows=1)
    assert (tmp_path / "out.csv").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "t.csv"]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_is_full_or_must_not_be_written(tmp_path, monkeypatch, reason):
    def refuse(_):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=rf"{os.strerror(reason)}: '.*out\.csv'$"):
        added(tmp_path, b"a\n1\n")
    assert os.listdir(tmp_path) == ["t.csv"]


def test_fields_without_quotation_marks_stay_without(tmp_path):
    content = b'a,b\n1,5" pipe\n'
    assert added(tmp_path, content)[1] == b'a,b,new\n1,5" pipe,0.0\n'
    with pytest.raises(DataError, match=r"t\.csv has no quotation marks around fields, and new ones would need them\."):
        added(tmp_path, content, lambda _: {"new": words(["x,y"])})


def test_a_file_may_be_its_own_target(tmp_path):
    assert added(tmp_path, b"a\n1\n2\n", target="t.csv", rows=1)[1] == b"a,new\n1,0.0\n2,0.0\n"


def test_columns_of_another_length(tmp_path):
    with pytest.raises(ArgumentError, match=r"'columns' of add_columns must give a value a row\. Got others of 'new'"):
        added(tmp_path, b"a\n1\n2\n", lambda _: {"new": np.zeros(3)})


# ---- There and back --------------------------------------------------------------------------------------------------

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CELLS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30),
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1, max_size=30
    ),
)


# Python's own writer leaves a carriage return without quotation marks where no line ends with one.
STYLES = [("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]


@given(CELLS, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(STYLES))
@example(["\x1f\x08"] * 10, ",", STYLES[0])
def test_what_is_written_is_read(tmp_path_factory, values, delimiter, style):
    """A column of one kind, beside one that shows where rows begin."""
    end, quoting = style
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
        writer.writerows([["a name", "row"], *([value, f"r{row}"] for row, value in enumerate(values))])
    kind = {"a name": "categorical"} if isinstance(values[0], str) else None
    data = path.read_bytes()
    control = len(data) - len(data.translate(None, encodings.CONTROL))
    if control > max(encodings.MOST_CONTROL * len(data), 16):  # which is no text to anyone
        with pytest.raises(DataError, match=f"is no text: {control} of its first {len(data)} bytes"):
            read(path, kinds=kind)
        return
    table = read(path, kinds=kind)
    found = plain(table["a name"])
    assert found == values if not isinstance(values[0], float) else [float(each) for each in found] == values
    assert plain(table["row"]) == [f"r{row}" for row in range(len(values))]
