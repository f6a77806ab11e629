"""Parquet, Arrow, JSON lines, Zstandard, standard input, pipes, and what does not fit into memory."""

import contextlib
import gzip
import io
import os
import sys
import threading
import tracemalloc
import zlib

import numpy as np
import polars as pl
import pytest

from tabgrad.errors import ArgumentTypeError, DataError, TableFileError
from tabgrad.table import Table, memory
from tabgrad.table.files import look
from tabgrad.table.read import read

from .test_read_csv import plain, written

FRAME = pl.DataFrame(
    {
        "n": [1, 2, None],
        "x": [1.5, None, 2.0],
        "word": ["01", "", "NA"],
        "truth": [True, False, None],
        "day": pl.Series(["2024-02-29", None, "2024-03-01"]).str.to_date(),
    }
)
COLUMNS = {
    "n": [1, 2, None],
    "x": [1.5, None, 2],
    "word": ["01", None, "NA"],
    "truth": ["True", "False", None],
}
WRITERS = {
    "t.parquet": FRAME.write_parquet,
    "t.pq": FRAME.write_parquet,
    "t.arrow": FRAME.write_ipc,
    "t.feather": lambda path: FRAME.write_ipc(path, compression="zstd"),
    "t.ipc": lambda path: FRAME.write_ipc(path, compression="lz4"),
    "t.jsonl": FRAME.write_ndjson,
    "t.ndjson": FRAME.write_ndjson,
    "t.txt": FRAME.write_ndjson,
    "no ending": FRAME.write_parquet,
}


def same(table):
    assert {name: plain(values) for name, values in table.columns.items() if name != "day"} == COLUMNS
    np.testing.assert_array_equal(table["day"], np.array(["2024-02-29", "NaT", "2024-03-01"], "M8[us]"))


@pytest.mark.parametrize("name", WRITERS)
def test_files_that_say_what_they_hold(tmp_path, name):
    WRITERS[name](tmp_path / name)
    same(read(tmp_path / name))


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.jsonl"])
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_packed_files(tmp_path, name, packing):
    WRITERS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    same(read(written(tmp_path, packed(content, packing), name + packing)))


def packed(content, packing):
    if packing == ".gz":
        return gzip.compress(content)
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return zstd.compress(content)


def test_zstandard(tmp_path):
    content = b"a,b\n" + os.urandom(3000).hex(",").encode().replace(b",", b",1\n") + b",1\n"
    whole = packed(content, ".zst")
    assert len(read(written(tmp_path, whole, "t.csv.zst"))) == 3000
    assert len(read(written(tmp_path, packed(b"a,b\n1,2\n", ".zst") + packed(b"3,4\n", ".zst"), "t.csv.zst"))) == 2
    with pytest.raises(TableFileError, match=r"t\.csv\.zst is cut off: its Zstandard stream ends too early"):
        read(written(tmp_path, whole[:-100], "t.csv.zst"))
    with pytest.raises(TableFileError, match=r"t\.csv\.zst is damaged: Zstandard finds an error after"):
        read(written(tmp_path, whole[:500] + bytes(100) + whole[600:], "t.csv.zst"))


def test_a_name_that_says_otherwise_is_noted(tmp_path):
    FRAME.write_parquet(tmp_path / "t.csv")
    assert read(tmp_path / "t.csv").notes[0] == "t.csv holds parquet, whatever it is called."
    assert read(written(tmp_path, b"a,b\n1,2\n", "t.jsonl"), format="csv").names == ("a", "b")


def test_empty_text_of_files_that_know_null_is_said_to_be_missing(tmp_path):
    FRAME.write_parquet(tmp_path / "t.parquet")
    table = read(tmp_path / "t.parquet")
    assert table.notes == ("Column 'word': '' is taken as missing, in row 1.",)
    assert plain(read(tmp_path / "t.parquet", missing=["NA"])["word"]) == ["01", "", None]


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
@pytest.mark.parametrize("kept", [0, 3, 20, -1, -9])
def test_columnar_files_that_are_cut_off(tmp_path, name, kept):
    WRITERS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    with pytest.raises((TableFileError, DataError), match=r"^t\.(parquet|arrow) is (no whole|no text|empty)"):
        read(written(tmp_path, content[:kept], name))


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_columnar_files_that_are_damaged_raise_nothing_else(tmp_path, name):
    WRITERS[name](tmp_path / name)
    content = (tmp_path / name).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 3):
            damaged[place] = random.integers(0, 256)
        with contextlib.suppress(DataError):
            read(written(tmp_path, bytes(damaged), name))


def test_columns_of_lists_are_refused_by_name(tmp_path):
    pl.DataFrame({"a": [[1]], "b": [{"x": 1}], "c": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"Column 'a' of t\.parquet .*List.* Column 'b' of t\.parquet .*Struct"):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize("rows, columns", [(0, 5), (3, 0)])
def test_a_file_without_rows_or_columns(tmp_path, rows, columns):
    FRAME.head(rows).select(FRAME.columns[:columns]).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet holds 0 rows of \d columns: it must hold some of both"):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "content, message",
    [
        (b'{"a": 1}\n{"a": "x"}\n', r"Column 'a' must hold values of one kind\. Got 1 in line 1, 'x' in line 2\."),
        (b'{"a": 1}\n\n{"a": true}\n', r"Got 1 in line 1, True in line 3\."),
        (b'{"a": [1]}\n', r"Column 'a' must hold numbers, text or truth values\. Got \[1\] in line 1\."),
        (b'{"a": NaN}\n', r"Line 1 of t\.jsonl is no JSON object: NaN is no number of JSON's; a missing one is null\."),
        (b'{"a": 1e400}\n', r"Column 'a' must hold finite numbers\. Got one beyond float64 in line 1\."),
        (b'{"a": 1, "a": 2}\n', r"Line 1 of t\.jsonl is no JSON object: the member 'a' stands there twice\."),
        (b'{"a": 1}\n{"a":\n', r"Line 2 of t\.jsonl is no JSON object: Expecting value"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", r"Line 1 of t\.jsonl is no JSON object: Exceeds the limit"),
        (b"[1, 2]\n", r"Line 1 of t\.jsonl must hold an object, .* Got \[1, 2\]\."),
        (b'{"a": ' + b"[" * 100_000 + b"\n", r"Line 1 of t\.jsonl is nested too deeply\."),
        (b"", r"t\.jsonl is empty: it must hold an object a line\."),
    ],
)
def test_json_lines_that_are_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read(written(tmp_path, content, "t.jsonl"))


def test_json_lines(tmp_path):
    content = b'{"a": 1, "d": "2024-02-29"}\n\n{"b": "01", "a": 2.5}\n{"a": null, "b": "x"}'
    table = read(written(tmp_path, content, "t.jsonl"))
    assert plain(table["a"]) == [1, 2.5, None]
    assert plain(table["b"]) == [None, "01", "x"]
    assert table["d"].dtype == np.dtype("M8[us]")
    large = read(written(tmp_path, b'{"a": 9007199254740993}\n{"a": null}\n', "t.jsonl"))
    assert plain(large["a"]) == ["9007199254740993", None]
    assert "whole numbers beyond float64, as 9007199254740993 in line 1: kept as text" in large.notes[0]
    told = read(written(tmp_path, b'{"a": "$1,200"}\n{"a": "3"}\n', "t.jsonl"), kinds={"a": "numeric"})
    assert plain(told["a"]) == [1200, 3]


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"a,b\n1,2\n"))))
    table = read("-")
    assert (table.names, table.name) == (("a", "b"), "standard input")
    assert not sys.stdin.buffer.closed
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DataError, match=r"^standard input is empty"):
        read("-")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_are_read_to_their_end(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = b"a,b\n" + b"1,2\n" * 500_000
    threading.Thread(target=pipe.write_bytes, args=(content,)).start()
    assert len(read(pipe)) == 500_000


def test_devices_and_other_things_are_no_files():
    with pytest.raises(TableFileError, match=r"^'/dev/zero' is a device, not a file\.$"):
        read("/dev/zero")


def test_what_is_in_memory_is_a_table_as_it_is():
    assert read({"a": [1, 2]}).names == ("a",)
    assert read(FRAME).names == tuple(FRAME.columns)
    table = Table.of({"a": [1]})
    assert read(table) is table
    with pytest.raises(DataError, match="must be a frame"):
        read(5)


# ---- Memory ----------------------------------------------------------------------------------------------------------


def test_files_larger_than_memory_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = written(tmp_path, b"a,b\n" + b"1,2\n" * 1000)
    monkeypatch.setattr(memory, "available", lambda: 50_000)
    message = r"^t\.csv, 4 kB of text, needs about \d+(\.\d)? kB of memory, and 50 kB are free\. Take part of its rows"
    monkeypatch.setattr("tabgrad.table.csv.scan", None)  # it does not come so far
    with pytest.raises(DataError, match=message):
        read(path)
    FRAME.write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(memory, "available", lambda: 100)
    with pytest.raises(DataError, match=r"t\.parquet, 3 rows of 5 columns, needs about 240 bytes of memory, and 100"):
        read(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.jsonl needs more memory than the 100 bytes that are free"):
        read(written(tmp_path, b'{"a": 1}\n' * 10, "t.jsonl"))


def test_a_bomb_of_zeros_takes_no_memory(tmp_path, monkeypatch):
    packing = zlib.compressobj(9, wbits=31)
    bomb = packing.compress(b"a,b\n") + b"".join(packing.compress(b"1,2\n" * 250_000) for _ in range(100))
    path = written(tmp_path, bomb + packing.flush(), "t.csv.gz")
    assert path.stat().st_size < 500_000
    limit = 60_000_000
    monkeypatch.setattr(memory, "available", lambda: limit)
    tracemalloc.start()
    try:
        with pytest.raises(
            DataError, match=r"t\.csv\.gz holds more than \d+(\.\d+)? MB once it is unpacked, and needs more"
        ):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def test_what_memory_there_is():
    free = memory.available()
    assert free is None or free > 10**6
    assert [memory.size(count) for count in (5, 1500, 2_340_000, 10**10)] == ["5 bytes", "1.5 kB", "2.34 MB", "10 GB"]


def test_the_memory_of_a_container(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 400\nfile 300\n")
    assert memory._control_group(str(tmp_path)) == 600  # pages of files can be dropped
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._control_group(str(tmp_path)) is None
    assert memory._control_group(str(tmp_path / "none")) is None


def test_paths_must_be_paths():
    with pytest.raises(ArgumentTypeError, match=r"'source' of read must be a path, .* Got 5\."):
        look(5)
