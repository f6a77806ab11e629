"""Tables that are a trouble, by the commands: what is said in one line, with which exit code, and what simply works."""

from __future__ import annotations

import gzip
import json
import os
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.conftest import flowers, write

ROWS = 60


def table(**changes):
    """The lines of a table of numbers and a class; changes: column: values by row, or for all rows."""
    random = np.random.default_rng(2)
    kinds = np.arange(ROWS) % 2
    columns = {
        "a": [f"{value:.2f}" for value in 3 * kinds + random.normal(size=ROWS)],
        "b": [f"{value:.2f}" for value in random.normal(size=ROWS)],
        "c": [["red", "blue"][place] for place in random.integers(0, 2, ROWS)],
    }
    target = ["no" if not kind else "yes" for kind in kinds]
    for name, change in changes.items():
        values = columns.get(name, [""] * ROWS) if name != "y" else target
        if isinstance(change, dict):
            values = [change.get(row, value) for row, value in enumerate(values)]
        else:
            values = [change(row) for row in range(ROWS)] if callable(change) else [str(change)] * ROWS
        if name == "y":
            target = values
        else:
            columns[name] = values
    columns["y"] = target
    return [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]


def test_a_file_without_a_name_is_refused(run, here):
    assert "must be the name of a file" in run("fit", "", "--target", "y", code=2).err


def test_numbers_that_are_no_classes_are_told_by_their_lines(run, here):
    lines = table(y=lambda row: f"{row + (0.5 if row == 3 else 0)}")
    assert "3.5 and the like in row 5" in fits(run, lines, "--task", "classification", code=3).err


def test_decimal_commas_are_read_by_predict_as_by_fit(run, here):
    lines = [line.replace(",", ";").replace(".", ",") for line in table()]
    fits(run, lines)
    assert len(run("predict", "t.tabgrad", "t.csv").out.splitlines()) == ROWS + 1


def test_a_table_of_another_target_is_not_judged(run, here):
    fits(run, table())
    write(Path("other.csv"), table(y="maybe"))
    assert "'y' holds 'maybe', the model knows 'no', 'yes'" in run("evaluate", "t.tabgrad", "other.csv", code=3).err
    write(Path("bare.csv"), ["y", "no", "yes"])
    assert "The model needs 'a', 'b', 'c'" in run("evaluate", "t.tabgrad", "bare.csv", code=3).err


def fits(run, lines, *words, code=0):
    """Train on these lines for a moment."""
    path = "t.csv"
    if isinstance(lines, bytes):
        with open(path, "wb") as file:
            file.write(lines)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    ran = run("fit", path, "--target", "y", "--epochs", 3, "--overwrite", *words, code=code)
    assert "Traceback" not in ran.err
    if code:
        assert ran.out == ""
        assert ran.err.rstrip("\n").count("\n") <= 8 + ran.err.count("\n! ")
        assert not os.path.exists("t.tabgrad")
    return ran


# ---- Values ----------------------------------------------------------------------------------------------------------


def test_gaps_in_numbers_are_filled_and_said(run, here):
    ran = fits(run, table(a={3: "", 9: ""}, c={4: ""}))
    assert re.search(r"missing +\d values? in \d columns? \(", ran.err)
    run("predict", "t.tabgrad", "t.csv")


@pytest.mark.parametrize("value", ["inf", "-inf", "1e400"])
def test_infinity_is_refused_with_its_line(run, here, value):
    ran = fits(run, table(a={3: value}), code=3)
    assert "'a'" in ran.err
    assert re.search(r"\b5\b", ran.err)  # the header is line 1


def test_infinity_of_a_parquet_file_is_refused_with_its_row(run, here):
    a = [float(row) if row != 3 else float("inf") for row in range(40)]
    pl.DataFrame({"a": a, "y": [0, 1] * 20}).write_parquet("t.parquet")
    ran = run("fit", "t.parquet", "--target", "y", code=3)
    assert "t.parquet holds infinite numbers: 'a' in row 3." in ran.err


def test_numbers_beyond_float32_do_no_harm(run, here):
    ran = fits(run, table(a={3: "1e38", 4: "-1e300"}))
    (accuracy,) = re.findall(r"accuracy +(\S+)", ran.out)[:1]
    assert 0 <= float(accuracy) <= 1
    out = run("predict", "t.tabgrad", "t.csv", "--proba").out
    assert "nan" not in out.lower()


@pytest.mark.parametrize("gap", ["", "nan"])
def test_gaps_in_the_target_are_refused_with_their_lines(run, here, gap):
    lines = table(y=lambda row: gap if row in (3, 7) else f"{row * 1.5}")
    ran = fits(run, lines, code=3)
    assert "'y'" in ran.err
    assert re.search(r"5.*9", ran.err)


def test_an_infinite_target_is_refused(run, here):
    ran = fits(run, table(y=lambda row: "inf" if row == 3 else f"{row * 1.5}"), code=3)
    assert "'y'" in ran.err


def test_whole_numbers_and_numbers_are_one_column(run, here):
    fits(run, table(a=lambda row: str(row * 7 % 50)))
    whole = run("predict", "t.tabgrad", "t.csv").out
    write(here / "u.csv", table(a=lambda row: f"{row * 7 % 50}.0"))
    other = run("predict", "t.tabgrad", "u.csv").out
    assert [line[-3:] for line in whole.splitlines()] == [line[-3:] for line in other.splitlines()]


# ---- Columns ---------------------------------------------------------------------------------------------------------

LEFT_OUT = {
    "constant": ({"d": "7"}, r"d: constant, always 7"),
    "all missing": ({"d": ""}, r"d: constant, every value is missing"),
    "an identifier": ({"name": lambda row: f"person {row}"}, r"name: identifier, another text in every row"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_columns_that_tell_nothing_are_left_out_and_said(run, here, name):
    changes, words = LEFT_OUT[name]
    ran = fits(run, table(**changes))
    assert re.search(rf"not used +1 +{words}", ran.err)
    run("predict", "t.tabgrad", "t.csv")


def test_a_column_of_very_many_levels_is_bounded(run, here):
    random = np.random.default_rng(0)
    lines = ["code,a,y"]
    codes = random.integers(0, 20_000, 30_000)
    lines += [f"k{code},{row % 7 + (code % 2)},{'yes' if code % 2 else 'no'}" for row, code in enumerate(codes)]
    fits(run, lines)
    assert os.path.getsize("t.tabgrad") < 10_000_000


def test_a_column_that_is_the_target_in_other_words_is_told(run, here):
    ran = fits(run, table(d=lambda row: str(row % 2 * 5 + 1), y=lambda row: str(row % 2)))
    assert re.search(r"! .*'d'.*target", ran.err)


# ---- Targets ---------------------------------------------------------------------------------------------------------


def test_one_class_alone_is_refused(run, here):
    assert "class" in fits(run, table(y="yes"), code=3).err


def test_a_class_of_one_row_is_learned(run, here):
    ran = fits(run, table(y={5: "rare"}))
    assert re.search(r"rare +0\.000 +0\.000 +0\.000 +0\n", ran.out)


def test_a_constant_target_is_predicted_exactly(run, here):
    fits(run, table(y="2.5"), "--task", "regression")
    out = run("predict", "t.tabgrad", "t.csv").out
    assert {line.rsplit(",", 1)[1] for line in out.splitlines()[1:]} == {"2.5"}


def test_fractions_are_no_classes(run, here):
    ran = fits(run, table(y=lambda row: f"{row / 7:.3f}"), "--task", "classification", code=3)
    assert "regression" in ran.err.lower() or "Regressor" in ran.err


def test_labels_of_several_types_are_refused(run, here):
    with open("t.jsonl", "w", encoding="utf-8") as file:
        for row in range(40):
            file.write(json.dumps({"a": row % 7, "y": row % 2 if row != 5 else "one"}) + "\n")
    ran = run("fit", "t.jsonl", "--target", "y", code=3)
    assert "'y'" in ran.err
    assert "'one'" in ran.err


# ---- Sizes -----------------------------------------------------------------------------------------------------------

SMALL = {
    "empty": (b"", "empty"),
    "blank lines": (b"\n\n\n", "t.csv"),
    "a header alone": (b"a,b,y\n", "no row"),
    "one row": (b"a,b,y\n1,2,3\n", "t.csv has 1 row to learn from and to judge by. At least 3 are needed."),
    "two rows": (b"a,b,y\n1,2,3\n4,5,6\n", "t.csv has 2 rows to learn from"),
    "one column": (b"y\n1\n2\n3\n", "t.csv has no column to learn from beside the target."),
}


@pytest.mark.parametrize("name", SMALL)
def test_tables_that_are_too_small(run, here, name):
    text, words = SMALL[name]
    assert words in fits(run, text, code=3).err


def test_five_rows_are_a_table(run, here):
    fits(run, ["a,y", "1,2.5", "2,4", "3,6.5", "4,8", "5,10.5"])


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["a,a,y", "a, a,y"])
def test_names_that_stand_twice_are_refused(run, here, header):
    ran = fits(run, [header, *(f"{row},{row % 5},{row % 2}" for row in range(40))], code=3)
    assert "'a'" in ran.err


HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "x" * 1000,
    "é 漢字 \u202e",
    "a[bold red]b[/]",
    "\x1b[31m",
    "%s{0}",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_of_any_kind_do_no_harm(run, here, name):
    lines = [f"{name},b,y", *(f"{row % 7},{row * 3 % 11},{name} {row % 2}" for row in range(60))]
    ran = fits(run, lines)
    assert "\x1b" not in ran.out + ran.err
    assert "\u202e" not in ran.out + ran.err
    if len(name) < 20 and name.isprintable():
        assert name in ran.err
    out = run("predict", "t.tabgrad", "t.csv", "--raw").out
    assert [line.rsplit(",", 1)[0] for line in out.splitlines()] == lines
    assert {line.rsplit(",", 1)[1] for line in out.splitlines()[1:]} <= {f"{name} 0", f"{name} 1"}
    for command in ("inspect", "evaluate"):
        words = ["t.tabgrad", "t.csv"] if command == "evaluate" else ["t.csv"]
        assert "\x1b" not in run(command, *words).out


def test_control_characters_in_an_error_are_shown(run, here):
    ran = fits(run, table(a={3: "\x1b]0;owned\x07"}), "--kind", "a=numeric", code=3)
    assert "\\x1b]0;owned\\x07" in ran.err
    assert "\x1b" not in ran.err


# ---- Files -----------------------------------------------------------------------------------------------------------

TEXT = "\n".join(table(c=lambda row: "é" if row % 2 else "à")) + "\n"
BROKEN = {
    "latin-1": (TEXT.encode("latin-1"), 3, "encoding"),
    "a null byte": (TEXT.encode().replace(b"\n1", b"\n1\0", 1).replace(b",0", b",\0", 1), 3, ""),
    "a short row": (TEXT.encode().replace(b",yes\n", b"\n", 1), 3, "line 3"),
    "a long row": (TEXT.encode().replace(b",yes\n", b",yes,1\n", 1), 3, "line 3"),
    "an open quotation mark": (TEXT.encode().replace(b",yes\n", b',"yes\n', 1), 3, "line 3"),
    "random bytes": (np.random.default_rng(0).bytes(3000), 3, ""),
    "a cut gzip": (gzip.compress(TEXT.encode())[:-20], 3, ""),
    "a corrupt parquet": (b"PAR1" + bytes(200) + b"PAR1", 3, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_broken(run, here, name):
    text, code, words = BROKEN[name]
    ran = fits(run, text, code=code)
    assert words in ran.err.replace("Line", "line")
    assert "t.csv" in ran.err


SOUND = {
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "semicolons": TEXT.replace(",", ";").encode(),
    "decimal commas": TEXT.replace(",", ";").replace(".", ",").encode(),
    "tabs": TEXT.replace(",", "\t").encode(),
    "lines of Windows": TEXT.replace("\n", "\r\n").encode(),
    "gzip": gzip.compress(TEXT.encode()),
}


@pytest.mark.parametrize("name", SOUND)
def test_files_that_are_understood(run, here, name):
    plain = fits(run, TEXT.encode(), "--json").data
    other = fits(run, SOUND[name], "--json").data
    assert other["report"] == plain["report"]


@pytest.mark.parametrize("words", [["latin-1"], ["cp1252"]])
def test_an_encoding_can_be_told(run, here, words):
    fits(run, TEXT.encode("latin-1"), "--encoding", *words)


def test_short_rows_are_filled_on_request(run, here):
    lines = table()
    lines[0] += ",z"
    lines[1:] = [f"{line},1" if row % 3 else line for row, line in enumerate(lines[1:])]
    ran = fits(run, lines, "--on-short-row", "fill")
    assert re.search(r"! .*lack", ran.err)
    assert re.search(r"missing +20 values in 1 column", ran.err)


# ---- Kinds -----------------------------------------------------------------------------------------------------------


def test_what_columns_mean_is_guessed_and_shown(run, here):
    begin = date(2024, 1, 1)
    lines = table(
        day=lambda row: str(begin + timedelta(days=row * 3)),
        ripe=lambda row: ["no", "yes"][row % 3 % 2],
        zip=lambda row: f"0{row % 9}123",
        share=lambda row: f"{row % 13}%",
    )
    ran = fits(run, lines)
    assert re.search(r"date +1 +day\n", ran.err)
    assert re.search(r"boolean +1 +ripe\n", ran.err)
    assert re.search(r"categorical +\d +c, zip", ran.err)
    assert re.search(r"! .*'share'", ran.err)


def test_what_a_message_advises_is_an_option_that_helps(run, here):
    """The reader's advice about arguments is given, and taken, as options."""
    lines = table(zip=lambda row: f"0{row % 9}123", a={3: "?", 4: "?"})
    ran = fits(run, lines, code=3)
    short = [*lines[:5], lines[5].rsplit(",", 1)[0], *lines[6:]]
    assert "--on-short-row fill" in fits(run, short, code=3).err
    (advice,) = re.findall(r"say (--missing '' --missing '\?')", ran.err)
    ran = fits(run, lines, "--missing", "", "--missing", "?")
    assert advice == "--missing '' --missing '?'"
    (kind,) = re.findall(r"--kind (zip=numeric)", ran.err)
    assert re.search(r"numeric +3 +a, b, zip", fits(run, lines, "--missing", "?", "--kind", kind).err)


def test_nested_values_of_a_parquet_file_are_refused(run, here):
    pl.DataFrame({"a": [[1, 2], [3]] * 20, "y": [0, 1] * 20}).write_parquet("t.parquet")
    ran = run("fit", "t.parquet", "--target", "y", code=3)
    assert "'a'" in ran.err


# ---- Places ----------------------------------------------------------------------------------------------------------


def test_places_that_are_no_files(run, here):
    os.mkdir("folder")
    for path, words in (("none.csv", "none.csv"), ("folder", "folder")):
        ran = run("fit", path, "--target", "y", code=3)
        assert words in ran.err
        assert ran.err.count("\n") == 1
    ran = run("fit", "none.csv", "--target", "y", "--out", "no/m.tabgrad", code=2)
    assert "There is no folder 'no'" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(run, here):
    write(here / "t.csv", table()).chmod(0)
    assert "t.csv" in run("fit", "t.csv", "--target", "y", code=3).err


def test_names_of_files_of_any_kind(run, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    os.mkdir("a b")
    write(here / "a b" / "é 漢字.csv", flowers(60))
    os.symlink("a b/é 漢字.csv", "link.csv")
    for place, path in enumerate(("a b/é 漢字.csv", "~/a b/é 漢字.csv", "link.csv")):
        ran = run("fit", path, "--target", "kind", "--epochs", 2, "--out", f"~/m {place}.tabgrad")
        assert os.path.exists(f"m {place}.tabgrad")
        assert f"m {place}.tabgrad' new.csv" in ran.err


def test_a_target_of_one_class_is_told_before_anything_is_trained(run, here):
    write(here / "one.csv", ["a,y", *(f"{place},ripe" for place in range(20))])
    ran = run("fit", "one.csv", "--target", "y", code=3)
    assert "The target 'y' of one.csv holds 'ripe' in all of its 20 rows: there is nothing to tell apart." in ran.err
    assert "Training on" not in ran.err
