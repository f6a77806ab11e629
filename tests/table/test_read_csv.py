"""CSV files as they come: what is read, what is said of it, what is refused, and with which words."""

import gzip
import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgrad.errors import ArgumentError, DataError, TableFileError
from tabgrad.table import infer
from tabgrad.table.columns import Words
from tabgrad.table.read import read


def written(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def plain(values):
    """A column as Python values, None where one is missing."""
    if isinstance(values, Words):
        return list(values.objects())
    gone = np.isnat(values) if values.dtype.kind == "M" else values != values
    return [None if missing else value for missing, value in zip(gone, values.tolist(), strict=True)]


RANDOM = random.Random(0)
PACKED = gzip.compress("".join(["a,b\n", *(f"{RANDOM.randrange(10**6)},{row}\n" for row in range(5000))]).encode())
MANY = 200_000

# What no reader can know: refused, and how.
REFUSED = {
    "empty": (b"", r"^t\.csv is empty: it must hold a line of names, and below it the rows\.$"),
    "only blank lines": (b"\n  \n\n", r"t\.csv is empty"),
    "only names": (b"a,b,y\n", r"t\.csv holds names, \['a', 'b', 'y'\], but no row below them\.$"),
    "a name twice": (
        b"a,b,a\n1,2,0\n",
        r"must have different names\. Got twice or more: 'a' \(columns 1, 3\)\. Rename",
    ),
    "a name twice but for spaces": (b"a, a,y\n1,2,0\n", r"different names\. Got twice or more: 'a' \(columns 1, 2\)"),
    "a short row": (
        b"a,b,y\n1,2,0\n3,4\n5,6,1\n",
        r"^Each row of t\.csv must have 3 fields, like its first line\. Got 2 in line 3\. .*on_short_row='fill'\.$",
    ),
    "a long row": (
        b"a,b,y\n1,2,0\n3,4,5,6\n5,6,1\n",
        r"must have 3 fields.* Got 4 in line 3\. Put a field that holds ','",
    ),
    "a row of each": (b"a,b,y\n1,2,0\n3,4\n5,6,1,7\n", r"Got 2 in line 3, 4 in line 4\. Put"),
    "every row too long": (
        b"a,b,y\n0,1,2,0\n1,4,5,1\n",
        r"^Every row of t\.csv has 4 fields, and its first line 3 names\. The first line may lack a name",
    ),
    "every row ends with the delimiter": (b"a,b,y\n1,2,0,\n4,5,1,\n", r"Every row ends with ',': take it off"),
    "Latin-1": (
        "name,y\nAnna,0\nMüller,1\n".encode("latin-1"),
        r"not UTF-8: line 3 holds the byte 0xfc, which in Latin-1 .* would read 'Müller'\. .* encoding='latin-1'",
    ),
    "Windows-1252": ("name,y\n“x”,1\n".encode("cp1252"), r"line 2 .* 0x93, which in Windows-1252 would read '“x”'"),
    "no encoding that is known": (b"name,y\n\x81\x8d\x9d,1\n", r"line 2 holds the byte 0x81 .* say its encoding"),
    "a NUL byte": (b"a,b\n1,2\n3,\x004\n", r"t\.csv holds a NUL byte in line 3"),
    "a quotation mark that is never closed": (
        b'a,b\n1,"x\n2,y\n3,z\n',
        r"Line 2 of t\.csv has a quotation mark that is never",
    ),
    "a quotation mark that another closes": (
        b'a,b\n1,"x\n2,"y"\n3,z\n',
        r"Line 3 of t\.csv goes on after the quotation mark that ends a field, which begins in line 2\.",
    ),
    "text behind a quotation mark": (b'a,b\n1,"x" y\n', r"Line 2 of t\.csv goes on after the quotation mark"),
    "a quotation mark in a field": (b'a,b\n1,x"y\n2,"z"\n', r"Line 2 of t\.csv has a quotation mark inside a field"),
    "text after many integers": (
        b"a,b\n" + b"\n".join(b"%d,1" % row for row in range(MANY)) + b"\noops,2\n",
        rf"Column 'a' holds numbers, but in 1 of {MANY + 1} rows a value is no number: 'oops' in line {MANY + 2}\. If "
        r"that means missing, say missing=\['', 'oops'\]; if the column is no quantity, kinds=\{'a': 'categorical'\}\.",
    ),
    "infinity": (
        b"a,y\n1,1\ninf,2\n1e400,3\nnan,4\n",
        r"3 of 4 rows a value is no finite number: 'inf' in line 3, '1e400' in line 4, 'nan' in line 5\.",
    ),
    "numbers and NA": (
        b"a,y\n1,1\nNA,2\nNA,3\n",
        r"Column 'a' holds numbers.* 'NA' in line 3, 'NA' in line 4\. .*'NA'\]",
    ),
    "dates and none": (
        b"a\n" + b"2024-02-29\n" * 30 + b"2024-02-30\n",
        r"Column 'a' holds dates, but in 1 of 31 rows a value is none: '2024-02-30' in line 32\.",
    ),
    "a row where the names should be": (b"5.1,3.5,setosa\n4.9,3.0,virginica\n", r"looks like a row.*header=False"),
    "numbers where the names should be": (b"47,100,8\n0,89,2\n", r"looks like a row, .*: '47', '100', '8'\."),
    "spaces between fields": (b"a b c\n1 2 3\n4 5 6\n", r"has one field a line, and 3 if spaces separate them\."),
    "another sign between fields": (
        b"a:b\n1:2\n3:4\n",
        r"and 2 if ':' separate them\. If they do, say delimiter=':'\.",
    ),
    "commas in the one column": (
        b"text\nhello, world\nfoo, bar\n",
        r"must have 1 field.* Got 2 in line 2, 2 in line 3\.",
    ),
    "lines that end in two ways": (b"a,b\n1,2\r3,4\n", r"Line 2 of t\.csv holds a carriage return that ends no line\."),
    "random bytes": (random.Random(1).randbytes(5000), r"t\.csv is no text: \d+ of its first 5000 bytes are control"),
    "a workbook": (b"PK\x03\x04\x14\x00", r"t\.csv is a zip archive, as Excel's workbooks are.* Save the sheet as CSV"),
    "an array of JSON": (b'[{"a": 1}]', r"t\.csv is a JSON document, not JSON lines"),
    "half a character": ("a\nü".encode()[:-1], r"ends within a character of UTF-8, in line 2"),
    "a gzip stream cut off": (PACKED[:-4000], r"t\.csv is cut off: its gzip stream ends too early, after \d+ bytes\."),
    "a gzip stream and something else": (gzip.compress(b"a\n1\n") + b"more", r"t\.csv is damaged: gzip finds an error"),
    "a gzip stream damaged": (
        PACKED[:3000] + b"\0" * 50 + PACKED[3050:],
        r"t\.csv is damaged: gzip finds an error after",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    content, message = REFUSED[case]
    with pytest.raises(DataError, match=message) as caught:
        read(written(tmp_path, content))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


# What is read: the columns, and what is said of them.
READ = {
    "plain": (b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}, []),
    "no line end at the end": (b"a,b\n1,x\n2,y", {"a": [1, 2], "b": ["x", "y"]}, []),
    "carriage returns and line feeds": (b'a,b\r\n1,"x"\r\n2,y\r\n', {"a": [1, 2], "b": ["x", "y"]}, []),
    "carriage returns": (b"a,b\r1,x\r2,y\r", {"a": [1, 2], "b": ["x", "y"]}, [r"end with carriage returns alone"]),
    "semicolons": (b"a;b\n1;2\n", {"a": [1], "b": [2]}, [r"^The fields of t\.csv are separated by semicolons\.$"]),
    "tabs": (b"a\tb\n1,5\t2\n", {"a": [1.5], "b": [2]}, [r"separated by tabs", "decimal commas are read as points"]),
    "bars": (b"a|b\n1|2\n", {"a": [1], "b": [2]}, [r"separated by vertical bars"]),
    "Excel's own first line": (b"sep=;\r\na;b\r\n1;2\r\n", {"a": [1], "b": [2]}, [r"'sep=;', says what separates"]),
    "one column": (b"a\n1\n\n3\n\n\n", {"a": [1, None, 3]}, [r"Blank lines of t\.csv are passed over: lines 5, 6\."]),
    "UTF-8 with its mark": (
        b"\xef\xbb\xbfa,b\n1,x\n",
        {"a": [1], "b": ["x"]},
        [r"encoded in UTF-8, as its byte order"],
    ),
    "UTF-16": (
        "a,b\n1,ü\n".encode("utf-16"),
        {"a": [1], "b": ["ü"]},
        [r"encoded in UTF-16-LE, as its byte order mark"],
    ),
    "UTF-16, big end first": (
        b"\xfe\xff" + "a,b\n1,ü\n".encode("utf-16-be"),
        {"a": [1], "b": ["ü"]},
        [r"encoded in UTF-16-BE"],
    ),
    "UTF-16 without a mark": (
        "name,b\nMeyer,1\n".encode("utf-16-le"),
        {"name": ["Meyer"], "b": [1]},
        [r"encoded in UTF-16-LE, by the zeros between its letters"],
    ),
    "UTF-32": ("a\nü\n".encode("utf-32"), {"a": ["ü"]}, [r"encoded in UTF-32-LE"]),
    "trailing blank lines": (b"a,b\n1,2\n3,4\n\n\n", {"a": [1, 3], "b": [2, 4]}, [r"passed over: lines 4, 5\."]),
    "a blank line within": (
        b"a,b\n1,2\n  \n3,4\n",
        {"a": [1, 3], "b": [2, 4]},
        [r"passed over: line 3\.", "take several"],
    ),
    "blank lines before": (
        b"\n\na,b\n1,2\n",
        {"a": [1], "b": [2]},
        [r"at the beginning of t\.csv are passed over: 2\."],
    ),
    "delimiters and lines within quotes": (
        b'a,b\n1,"x,\n""y"""\n2,z\n',
        {"a": [1, 2], "b": ['x,\n"y"', "z"]},
        [r"take several lines: messages number the rows, from 1"],
    ),
    "inches": (
        b'a,b\n1,5" pipe\n2,7"\n',
        {"a": [1, 2], "b": ['5" pipe', '7"']},
        [r"begins with a quotation mark: those"],
    ),
    "marks of byte order within": ("a,b\n\ufeff,\ufeff\n".encode(), {"a": ["\ufeff"], "b": ["\ufeff"]}, []),
    "returns within quotes": (b'a,b\n"x\r","\r"\n', {"a": ["x\r"], "b": ["\r"]}, []),
    "empty is missing": (b'a,b\n1,\n,x\n3,""\n', {"a": [1, None, 3], "b": [None, "x", None]}, []),
    "nothing at all": (b"a,b\n1,\n2,\n", {"a": [1, 2], "b": [None, None]}, []),
    "integers": (b"a\n-3\n+5\n0\n", {"a": [-3, 5, 0]}, []),
    "floats": (b"a\n1\n.5\n5.\n1e-3\n-1E2\n", {"a": [1, 0.5, 5.0, 0.001, -100]}, []),
    "spaces around numbers": (b"a, b\n1, 2\n3, 4\n", {"a": [1, 3], "b": [2, 4]}, ["names of 1 columns", "taken off"]),
    "spaces around words": (b"a,b\n x ,1\ny,2\n", {"a": [" x ", "y"], "b": [1, 2]}, []),
    "words that differ in spaces": (
        b"a,b\nx ,1\nx,2\n",
        {"a": ["x ", "x"], "b": [1, 2]},
        [r"'x ' and 'x', which differ"],
    ),
    "leading zeros": (
        b"zip,y\n98765,1\n01234,2\n",
        {"zip": ["98765", "01234"], "y": [1, 2]},
        [r"'zip' holds numbers with leading zeros, as '01234' in line 3: kept as text\. .* kinds=\{'zip': 'numeric'\}"],
    ),
    "NA is Namibia": (
        b"country,y\nNA,1\nDE,2\n",
        {"country": ["NA", "DE"], "y": [1, 2]},
        [r"'country' holds 'NA' \(once\), taken for text\. .* missing=\['', 'NA'\]"],
    ),
    "integers of 64 bits": (b"a\n9223372036854775807\n-5\n", {"a": [2**63 - 1, -5]}, []),
    "unsigned integers": (b"a\n18446744073709551615\n5\n", {"a": [2**64 - 1, 5]}, []),
    "integers beyond": (
        b"a\n10000000000000000000001\n1\n",
        {"a": ["10000000000000000000001", "1"]},
        [r"whole numbers that 64 bits do not hold exactly, as '10000000000000000000001' in line 2: kept as text"],
    ),
    "large integers and a gap": (
        b"a,b\n9007199254740993,1\n,2\n",
        {"a": ["9007199254740993", None], "b": [1, 2]},
        [r"do not hold exactly, as '9007199254740993' in line 2: kept as text"],
    ),
    "large integers among floats": (
        b"a\n0.5\n9007199254740993\n",
        {"a": [0.5, 9007199254740992.0]},
        [r"whole numbers beyond 2\^53 are rounded, as '9007199254740993' in line 3"],
    ),
    "decimal commas": (
        b"a;b\n1,5;2\n1.003,25;4\n",
        {"a": [1.5, 1003.25], "b": [2, 4]},
        ["semicolons", r"'a': decimal commas are read as points, as '1,5' in line 2"],
    ),
    "a comma that may stand between thousands": (
        b"a;b\n1,500;2\n3,250;4\n",
        {"a": ["1,500", "3,250"], "b": [2, 4]},
        [
            "semicolons",
            r"'a' holds amounts, as '1,500' in line 2: kept as text\. .* or decimal=',' if commas are decimal",
        ],
    ),
    "a point that may stand between thousands": (
        b"a;b\n1,5;2.000\n3,25;4.500\n",
        {"a": [1.5, 3.25], "b": ["2.000", "4.500"]},
        ["semicolons", "decimal commas", r"'b' holds '2\.000' in line 2, where the point may stand between thousands"],
    ),
    "money and percentages": (
        b'a,b\n"$1,200",12%\n$3,7.5 %\n',
        {"a": ["$1,200", "$3"], "b": ["12%", "7.5 %"]},
        [
            r"'a' holds amounts, as '\$1,200' in line 2: kept as text\. For numbers say kinds=\{'a': 'numeric'\}",
            "'b' holds",
        ],
    ),
    "dates": (
        b"a,b\n2024-02-29,2024-02-29T13:30:05.25\n,2024-01-01 00:00\n",
        {"a": ["2024-02-29", None], "b": ["2024-02-29T13:30:05.25", "2024-01-01"]},
        [],
    ),
    "dates with zones": (
        b"a\n2024-02-29T23:30:00-01:30\n2024-02-29 10:00Z\n",
        {"a": ["2024-03-01T01:00", "2024-02-29T10:00"]},
        [r"'a': times with a zone are read in UTC, as '2024-02-29T23:30:00-01:30' in line 2"],
    ),
    "zones here and there": (
        b"a\n2024-02-29T23:30:00Z\n2024-02-29T23:30:00\n",
        {"a": ["2024-02-29T23:30:00Z", "2024-02-29T23:30:00"]},
        [r"times with a zone and without: kept as text"],
    ),
    "dates in another order": (
        b"a\n1/31/2024\n2/1/2024\n",
        {"a": ["1/31/2024", "2/1/2024"]},
        [r"'a' holds dates, as '1/31/2024' in line 2: in the order month, day, year\.$"],
    ),
    "dates in one of two orders": (
        b"a\n1/2/2024\n3/4/2024\n",
        {"a": ["1/2/2024", "3/4/2024"]},
        [r"read in two ways, as '1/2/2024' in line 2.* Say kinds=\{'a': 'mdy'\} \(month, day, year\) or kinds="],
    ),
    "days that are not there": (
        b"a\n2024-02-29\n2024-02-30\n2024-02-28\n",
        {"a": ["2024-02-29", "2024-02-30", "2024-02-28"]},
        [r"'a' is read as text: in 1 of 3 rows a value is no date, as '2024-02-30' in line 3"],
    ),
    "truth values are words": (b"a\ntrue\nFalse\n", {"a": ["true", "False"]}, []),
    "numbers and words": (
        b"a\n1\n2\nthree\n",
        {"a": ["1", "2", "three"]},
        [r"'a' is read as text: 2 of its 3 values are numbers, others are not, as 'three' in line 4"],
    ),
    "years as names": (b"country,2019,2020\nDE,1,2\n", {"country": ["DE"], "2019": [1], "2020": [2]}, []),
    "columns that are counted": (b"0,1,2\n5,6,7\n", {"0": [5], "1": [6], "2": [7]}, []),
    "a column without a name": (
        b",a\n0,5\n1,6\n",
        {"Unnamed: 0": [0, 1], "a": [5, 6]},
        [r"1 column of t\.csv without a name: called 'Unnamed: 0' \(the 1st\)"],
    ),
    "a gzip stream that zeros fill up": (gzip.compress(b"a,b\n1,2\n") + bytes(2**21), {"a": [1], "b": [2]}, []),
    "several gzip streams": (gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), {"a": [1, 3], "b": [2, 4]}, []),
}


@pytest.mark.parametrize("case", READ)
def test_read(tmp_path, case):
    content, columns, notes = READ[case]
    table = read(written(tmp_path, content))
    found = {name: plain(values) for name, values in table.columns.items()}
    for name, expected in columns.items():
        if getattr(table[name], "dtype", None) == np.dtype("M8[us]"):
            columns = {**columns, name: [each and np.datetime64(each, "us").item() for each in expected]}
    assert found == columns
    assert len(table.notes) == len(notes), table.notes
    for note, pattern in zip(table.notes, notes, strict=True):
        assert re.search(pattern, note), note
    assert table.name == "t.csv"


def test_the_gallery_is_whole():
    assert len(REFUSED) >= 25


@pytest.mark.parametrize(
    "options, content, columns",
    [
        ({"missing": ["", "NA"]}, b"a,b\n1,NA\nNA,x\n", {"a": [1, None], "b": [None, "x"]}),
        ({"missing": ["-"]}, b"a,b\n1,x\n-,\n", {"a": [1, None], "b": ["x", ""]}),
        ({"kinds": {"a": "numeric"}}, b'a,b\n"$1,200",1\n12%,2\n007,3\n', {"a": [1200, 0.12, 7], "b": [1, 2, 3]}),
        ({"kinds": {"a": "categorical"}}, b"a\n1\n02\n", {"a": ["1", "02"]}),
        ({"kinds": {"a": ["2", "1"]}}, b"a\n1\n2\n", {"a": ["1", "2"]}),
        ({"decimal": ","}, b"a;b\n1,500;2.000\n3,250;4\n", {"a": [1.5, 3.25], "b": [2000, 4]}),
        ({"decimal": ",", "kinds": {"a": "numeric"}}, b"a;b\n1.500,5;2\n3;4\n", {"a": [1500.5, 3], "b": [2, 4]}),
        ({"delimiter": ":"}, b"a:b\n1:2\n", {"a": [1], "b": [2]}),
        ({"delimiter": ","}, b"a;b,c\n1,2\n", {"a;b": [1], "c": [2]}),
        ({"header": False}, b"5,a\n6,b\n", {"x0": [5, 6], "x1": ["a", "b"]}),
        (
            {"on_short_row": "fill"},
            b"a,b,c\n1,x\n2\n3,y,z\n",
            {"a": [1, 2, 3], "b": ["x", None, "y"], "c": [None, None, "z"]},
        ),
        ({"encoding": "latin-1"}, "a\nMüller\n".encode("latin-1"), {"a": ["Müller"]}),
        ({"encoding": "utf-8-sig"}, b"\xef\xbb\xbfa\nx\n", {"a": ["x"]}),
        ({"encoding": "utf-16"}, "a\nx\n".encode("utf-16"), {"a": ["x"]}),
    ],
)
def test_what_the_user_says(tmp_path, options, content, columns):
    table = read(written(tmp_path, content), **options)
    assert {name: plain(values) for name, values in table.columns.items()} == columns


def test_dates_that_the_user_says(tmp_path):
    path = written(tmp_path, b"a,b\n2024-02-29,31.12.2023\n,1.1.2024\n")
    table = read(path, kinds={"a": "date", "b": "date"})
    np.testing.assert_array_equal(table["a"], np.array(["2024-02-29", "NaT"], "M8[us]"))
    assert table["b"].levels == ("31.12.2023", "1.1.2024")
    assert [column.order for column in infer(table)] == ["ymd", "dmy"]


@pytest.mark.parametrize(
    "options, content, error, message",
    [
        ({"kinds": {"a": "numeric"}}, b"a\n1\nx\n", DataError, r"Column 'a' must hold numbers\. Got 'x' in line 3\."),
        (
            {"kinds": {"colour": "numeric"}},
            b"color\n1\n",
            DataError,
            r"t\.csv has no column 'colour' \(did you mean 'color'",
        ),
        ({"on_short_row": "fill"}, b"a,b\n1\n1,2,3\n", DataError, r"Got 1 in line 2, 3 in line 3"),
        ({"encoding": "latin9000"}, b"a\n1\n", ArgumentError, "'encoding' of read must be an encoding of Python"),
        ({"encoding": "utf-16"}, b"a\0\n\0", DataError, "t.csv is not UTF-16: UTF-16 stream does not start with BOM"),
        ({"encoding": "ascii"}, "a\nü\n".encode(), DataError, r"t\.csv is not ASCII: line 2 holds the byte 0xc3"),
        ({"delimiter": ";;"}, b"a\n1\n", ArgumentError, "'delimiter' of read must be one ASCII character"),
        ({"decimal": "x"}, b"a\n1\n", ArgumentError, r"'decimal' of read must be '\.' or ','\. Got 'x'\."),
        (
            {"on_short_row": "pad"},
            b"a\n1\n",
            ArgumentError,
            r"'on_short_row' of read must be 'error' or 'fill'\. Got 'pad'",
        ),
        ({"missing": "NA"}, b"a\n1\n", ArgumentError, r"'missing' of read must be a list of strings.* Got 'NA'\."),
        ({"format": "cvs"}, b"a\n1\n", ArgumentError, r"Unknown format 'cvs'\. Did you mean 'csv'\?"),
    ],
)
def test_what_the_user_cannot_say(tmp_path, options, content, error, message):
    with pytest.raises(error, match=message):
        read(written(tmp_path, content), **options)


def test_all_problems_of_the_values_come_in_one_message(tmp_path):
    rows = b"".join(b"%d,%d,%d\n" % (row, row, row) for row in range(40))
    with pytest.raises(DataError, match=r"Column 'a' .*'x' in line 42.* Column 'c' .*'y' in line 42"):
        read(written(tmp_path, b"a,b,c\n" + rows + b"x,1,y\n"))


def test_names_are_kept_whatever_they_are(tmp_path):
    names = ["<script>alert(1)</script>", "a\nb", "\x1b[31m", "=1+1", "ünï", "n" * 1000, 'q"q', "a,b"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    table = read(written(tmp_path, f"{header}\n{','.join('1' * len(names))}\n"))
    assert table.names == tuple(names)


def test_hostile_text_does_not_reach_the_screen(tmp_path):
    rows = "1\n" * 40
    with pytest.raises(DataError) as caught:
        read(written(tmp_path, f"\x1b[31m\n{rows}\x1b]0;x\x07{'y' * 1000}\n"))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_tables_that_the_field_knows(tmp_path, ending):
    """The shapes of a few real tables, made up."""
    rows = "".join(f'{row},{row % 3},"Braund, Mr. {row}",{"" if row % 5 else 22.0},S\n' for row in range(100))
    content = ("PassengerId,Pclass,Name,Age,Embarked\n" + rows).encode()
    table = read(written(tmp_path, gzip.compress(content) if ending else content, "titanic.csv" + ending))
    kinds = ["words" if isinstance(values, Words) else values.dtype.kind for values in table.columns.values()]
    assert kinds == ["i", "i", "words", "f", "words"]
    assert table.notes == ()
    assert table.first_row == 2


@pytest.mark.parametrize("name", ["dry_bean", "concrete"])
def test_the_tables_that_come_with_the_project(name):
    path = Path(__file__).parents[2] / "examples" / "data" / f"{name}.csv.gz"
    table, frame = read(path), pd.read_csv(path)
    assert table.notes == ()
    assert table.names == tuple(frame.columns)
    for column in frame:
        values = table[column]
        if isinstance(values, Words):
            assert list(values.objects()) == frame[column].tolist()
        else:
            assert values.dtype == frame[column].dtype
            np.testing.assert_array_max_ulp(values, frame[column].to_numpy(), 1) if values.dtype.kind == "f" else (
                np.testing.assert_array_equal(values, frame[column])
            )


def test_lines_are_right_behind_rows_of_several_lines(tmp_path):
    rows = '1,"x\ny"\n' * 40
    with pytest.raises(DataError, match=r"'oops' in line 82"):
        read(written(tmp_path, f"a,b\n{rows}oops,z\n"))


# ---- Paths -----------------------------------------------------------------------------------------------------------


def test_paths_of_all_kinds(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, b"a\n1\n", "mit Umläuten und  Leerzeichen.csv")
    for path in ("~/mit Umläuten und  Leerzeichen.csv", tmp_path / "mit Umläuten und  Leerzeichen.csv"):
        assert len(read(path)) == 1
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "mit Umläuten und  Leerzeichen.csv")
    assert read(link).name == "link.csv"


@pytest.mark.parametrize(
    "path, message",
    [
        ("bean.csv", r"There is no file '.*bean\.csv'\. Did you mean '.*beans\.csv'\?$"),
        ("none/beans.csv", r"There is no file '.*none/beans\.csv': there is no folder '.*none'\.$"),
        (".", r"is a folder\. Name a file in it, for instance '.*beans\.csv'\.$"),
        ("loop.csv", r"'.*loop\.csv' cannot be opened: Too many levels of symbolic links\.$"),
        ("x" * 300, r"cannot be opened: File name too long\.$"),
    ],
)
def test_paths_that_cannot_be_read(tmp_path, path, message):
    written(tmp_path, b"a\n1\n", "beans.csv")
    Path(tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(TableFileError, match=message) as caught:
        read(tmp_path / path)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_a_file_that_must_not_be_read(tmp_path, monkeypatch):
    path = written(tmp_path, b"a\n1\n")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(TableFileError, match=r"^'.*t\.csv' must not be read: permission denied\.$"):
        read(path)
