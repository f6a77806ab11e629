"""``tabgrad predict``, ``evaluate``, ``inspect`` and ``doctor``."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import tabgrad
from tabgrad.cli import predict as predicting
from tabgrad.table.read import read
from tests.cli.conftest import flowers, write

MESSY = """id;length;width;colour;garden;"my, note";zip
1;0,10;-0,20;"red";north;"said ""hi"";
twice";01234
2;8.1e0;-7.9;;north;=1+1;007

3;4.0;-4.1;white;north;NA;1e3
"""


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


# ---- Predicting ------------------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were(run, here, shelf):
    ran = run("predict", shelf / "flowers.tabgrad", shelf / "more.csv")
    lines, before = ran.out.splitlines(), (shelf / "more.csv").read_text().splitlines()
    assert [line.rsplit(",", 1)[0] for line in lines] == before
    assert lines[0].rsplit(",", 1)[1] == "prediction"
    model = tabgrad.load(shelf / "flowers.tabgrad")
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == model.predict(read(shelf / "more.csv")).tolist()


def test_the_text_of_a_column_is_never_changed(run, here, shelf):
    """Quotation marks, decimal signs, leading zeros, line ends within fields, words such as NA: byte by byte."""
    text = MESSY.replace("0,10", "0.10").replace("-0,20", "-0.20")
    (here / "messy.csv").write_text(text, encoding="utf-8")
    ran = run("predict", shelf / "flowers.tabgrad", "messy.csv", "--out", "out.csv", "--quiet")
    assert ran.out == ""
    expected = text.replace("\n\n", "\n")  # a blank line is no row
    for row, end in enumerate(["zip\n", ";01234\n", ";007\n", ";1e3\n"]):
        label = ["prediction", "iris", "rose", "lily"][row]
        assert expected.count(end) == 1
        expected = expected.replace(end, f"{end[:-1]};{label}\n")
    assert (here / "out.csv").read_text(encoding="utf-8") == expected


def test_parts_give_what_the_whole_gives(run, here, shelf, monkeypatch):
    whole = run("predict", shelf / "flowers.tabgrad", shelf / "more.csv", "--proba").out
    monkeypatch.setattr(predicting, "ROWS", 7)
    assert run("predict", shelf / "flowers.tabgrad", shelf / "more.csv", "--proba").out == whole


def test_probabilities_are_the_models(run, here, shelf):
    out = rows_of(run("predict", shelf / "flowers.tabgrad", shelf / "more.csv", "--proba").out)
    assert out[0][-4:] == ["prediction", "probability_iris", "probability_lily", "probability_rose"]
    found = np.array([row[-3:] for row in out[1:]], np.float32)
    model = tabgrad.load(shelf / "flowers.tabgrad")
    np.testing.assert_array_equal(found, model.predict_proba(read(shelf / "more.csv")).astype(np.float32))


def test_numbers_and_several_targets(run, here, shelf):
    one = rows_of(run("predict", shelf / "houses.tabgrad", shelf / "houses.csv.gz").out)
    two = rows_of(run("predict", shelf / "both.tabgrad", shelf / "houses.csv.gz").out)
    assert one[0] == ["area", "rooms", "price", "rent", "prediction"]
    assert two[0] == ["area", "rooms", "price", "rent", "prediction_price", "prediction_rent"]
    for name, out, width in (("houses", one, 1), ("both", two, 2)):
        table = read(shelf / "houses.csv.gz").select(["area", "rooms"])
        values = tabgrad.load(shelf / f"{name}.tabgrad").predict(table).reshape(-1, width)
        np.testing.assert_array_equal(np.array([row[-width:] for row in out[1:]], np.float64), values)


def test_intervals_are_the_models(run, here, shelf):
    for name, targets in (("houses", [""]), ("both", ["_price", "_rent"])):
        words = ("predict", shelf / f"{name}.tabgrad", shelf / "houses.csv.gz", "--interval", "0.8")
        out = rows_of(run(*words).out)
        added = [f"prediction{target}" for target in targets]
        added += [f"prediction{target}_{end}" for target in targets for end in ("low", "high")]
        assert out[0][4:] == added
        table = read(shelf / "houses.csv.gz").select(["area", "rooms"])
        ends = tabgrad.load(shelf / f"{name}.tabgrad").predict_interval(table, 0.8).reshape(len(table), -1)
        found = np.array([row[-2 * len(targets) :] for row in out[1:]], np.float64)
        np.testing.assert_array_equal(found, ends)


def test_sets_are_the_models(run, here, shelf):
    out = rows_of(run("predict", shelf / "flowers.tabgrad", shelf / "more.csv", "--sets", "0.8").out)
    assert out[0][-4:] == ["prediction", "in_set_iris", "in_set_lily", "in_set_rose"]
    sets = tabgrad.load(shelf / "flowers.tabgrad").predict_set(read(shelf / "more.csv"), 0.8)
    assert [[value == "True" for value in row[-3:]] for row in out[1:]] == sets.tolist()
    assert {value for row in out[1:] for value in row[-3:]} <= {"True", "False"}


@pytest.mark.parametrize(
    "model, share, said",
    [
        ("flowers", "90", r"--sets must be in \(0, 1\)\. Got 90\.0\. Did you mean 0\.9\?"),
        ("houses", "0.9", "--sets is for classes, and this model predicts numbers. For those see --interval"),
    ],
)
def test_sets_that_cannot_be(run, here, shelf, model, share, said):
    table = shelf / ("more.csv" if model == "flowers" else "houses.csv.gz")
    ran = run("predict", shelf / f"{model}.tabgrad", table, "--sets", share, "--out", "out.csv", code=2)
    assert re.search(said, ran.err)
    assert not (here / "out.csv").exists()


@pytest.mark.parametrize(
    "model, share, said",
    [
        ("houses", "90", r"--interval must be in \(0, 1\)\. Got 90\.0\. Did you mean 0\.9\?"),
        (
            "houses",
            "0.9999",
            r"--interval must be 0\.\d+ at most, which is what \d+ rows held out in the fit can vouch for",
        ),
        ("flowers", "0.9", "--interval is for numbers, and this model predicts classes. For those see --proba"),
    ],
)
def test_intervals_that_cannot_be(run, here, shelf, model, share, said):
    table = shelf / ("more.csv" if model == "flowers" else "houses.csv.gz")
    ran = run("predict", shelf / f"{model}.tabgrad", table, "--interval", share, "--out", "out.csv", code=2)
    assert re.search(said, ran.err)
    assert not (here / "out.csv").exists()


def test_a_model_without_rows_held_out_has_no_intervals(run, here, shelf):
    run("fit", shelf / "houses.csv.gz", "--target", "price", "--members", "1", "--no-early-stopping", "--epochs", "2",
        "--out", "m.tabgrad", "--quiet")  # fmt: skip
    ran = run("predict", "m.tabgrad", shelf / "houses.csv.gz", "--interval", "0.9", code=2)
    assert (
        "--interval needs rows that were held out in the fit, and there were none. Fit again with members=2" in ran.err
    )


def test_scores_of_rows_held_out_are_told_in_words(run, here, shelf):
    for model, names in (("flowers", ("accuracy", "calibration error")), ("houses", ("R2", "mean absolute error"))):
        scores = tabgrad.load(shelf / f"{model}.tabgrad").scores_
        out = run("inspect", shelf / f"{model}.tabgrad").out
        assert "each predicted by a network that had not seen it" in out
        assert all(name in out for name in names)
        assert len(re.findall(": 0 is best|: 1 all|target's unit|told right|by chance", out)) == len(scores)
        assert run("inspect", shelf / f"{model}.tabgrad", "--json").data["held_out_scores"] == pytest.approx(scores)
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", "--epochs", "2", "--json")
    assert ran.data["held_out_scores"].keys() == tabgrad.load(shelf / "flowers.tabgrad").scores_.keys()
    assert "area under ROC" in ran.err


def test_columns_in_another_order_and_more_of_them(run, here, shelf):
    ran = run("predict", shelf / "flowers.tabgrad", shelf / "more.csv")
    table = [line.split(",") for line in (shelf / "more.csv").read_text().splitlines()]
    write(
        here / "other.csv", [",".join([*reversed(row), "new" if not place else "x"]) for place, row in enumerate(table)]
    )
    other = run("predict", shelf / "flowers.tabgrad", "other.csv")
    assert [row[-1] for row in rows_of(other.out)] == [row[-1] for row in rows_of(ran.out)]
    assert "'new'" in other.err


def test_a_column_that_is_missing_is_named_with_the_nearest(run, here, shelf):
    lines = (shelf / "more.csv").read_text().splitlines()
    write(here / "t.csv", [lines[0].replace("length", "lenght").replace("colour", "shade"), *lines[1:]])
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv", "--out", "out.csv", code=3)
    for name in ("length", "lenght", "colour"):
        assert f"{name}" in ran.err
    assert os.listdir() == ["t.csv"]


def test_a_column_that_is_not_used_need_not_be_there(run, here, shelf):
    table = [line.split(",") for line in (shelf / "more.csv").read_text().splitlines()]
    write(here / "t.csv", [",".join(row[1:4] + row[5:]) for row in table])  # without id and garden
    expected = run("predict", shelf / "flowers.tabgrad", shelf / "more.csv").out
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv")
    assert [row[-1] for row in rows_of(ran.out)] == [row[-1] for row in rows_of(expected)]
    before = run("evaluate", shelf / "flowers.tabgrad", shelf / "more.csv", "--json").data["scores"]
    assert run("evaluate", shelf / "flowers.tabgrad", "t.csv", "--json").data["scores"] == before


def test_text_in_a_number_is_placed(run, here, shelf):
    lines = (shelf / "more.csv").read_text().splitlines()
    lines[7] = re.sub(r"^(\d+),[^,]*,", r"\1,about 3,", lines[7])
    write(here / "t.csv", lines)
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv", code=3)
    assert "'about 3'" in ran.err
    assert "line 8" in ran.err
    assert "'length'" in ran.err


def test_levels_that_training_had_not_are_counted(run, here, shelf):
    lines = (shelf / "more.csv").read_text().replace("white", "violet").splitlines()
    write(here / "t.csv", lines)
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv")
    count = sum("violet" in line for line in lines)
    assert re.search(rf"! .*\b{count} .*'colour'.*'violet'", ran.err)
    assert ran.err.count("'violet'") == 1


def test_a_long_table_is_noted_once(run, here, shelf, monkeypatch):
    write(here / "t.csv", (shelf / "more.csv").read_text().replace(",red,", ",violet,").splitlines())
    monkeypatch.setattr(predicting, "ROWS", 20)
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv")
    assert ran.err.count("'violet'") == 1
    assert "! The same goes for rows after the first 20, in 2 of 2 parts.\n" in ran.err


def test_names_that_clash_are_refused(run, here, shelf):
    lines = (shelf / "more.csv").read_text().splitlines()
    write(here / "t.csv", [f"{lines[0]},prediction", *(f"{line},mine" for line in lines[1:])])
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv", code=2)
    assert "has a column 'prediction' already" in ran.err
    assert "--prefix" in ran.err
    out = rows_of(run("predict", shelf / "flowers.tabgrad", "t.csv", "--prefix", "new_").out)
    assert out[0][-2:] == ["prediction", "new_prediction"]
    assert out[1][-2] == "mine"


def test_no_rows_give_no_rows(run, here, shelf):
    write(here / "t.csv", (shelf / "more.csv").read_text().splitlines()[:1])
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv")
    assert ran.out == "id,length,width,colour,garden,kind,prediction\n"


def test_json_says_what_was_done(run, here, shelf):
    words = ("predict", shelf / "flowers.tabgrad", shelf / "more.csv", "--json")
    assert run(*words, "--out", "o.csv").data == {"out": "o.csv", "rows": 60, "columns": ["prediction"]}
    assert "Give them --out FILE" in run(*words, code=2).err


def test_probabilities_are_for_classes(run, here, shelf):
    ran = run("predict", shelf / "houses.tabgrad", shelf / "houses.csv.gz", "--proba", code=2)
    assert "--proba is for classes" in ran.err


READING = {
    "csv": pl.read_csv,
    "csv.gz": pl.read_csv,
    "parquet": pl.read_parquet,
    "arrow": pl.read_ipc,
    "jsonl": pl.read_ndjson,
}


@pytest.mark.parametrize("ending", READING)
def test_each_format_comes_back_as_it_was(run, here, shelf, ending):
    frame = pl.read_csv(shelf / "more.csv")
    expected = [row[-1] for row in rows_of(run("predict", shelf / "flowers.tabgrad", shelf / "more.csv").out)[1:]]
    source = here / f"source.{ending}"
    if ending.startswith("csv"):
        write(source, (shelf / "more.csv").read_text().splitlines())
    else:
        {"parquet": frame.write_parquet, "arrow": frame.write_ipc, "jsonl": frame.write_ndjson}[ending](source)
    run("predict", shelf / "flowers.tabgrad", source, "--out", f"out.{ending}", "--quiet")
    found = READING[ending](here / f"out.{ending}")
    assert found["prediction"].to_list() == expected
    assert found.drop("prediction").equals(READING[ending](source))


@pytest.mark.parametrize("ending", ["parquet", "arrow", "jsonl", "csv"])
def test_typed_columns_mean_the_same_row_by_row(run, here, monkeypatch, ending):
    """What is read in parts, each column as the model knows it, is predicted as the whole table is."""
    rows = 60
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "number": random.normal(size=rows),
            "gaps": [None if row % 5 == 0 else row % 7 for row in range(rows)],
            "truth": [row % 2 == 0 for row in range(rows)],
            "zero_one": [row % 3 % 2 for row in range(rows)],
            "word": [["yes", "no", None][row % 3] for row in range(rows)],
            "code": [f"0{row % 4}" for row in range(rows)],
            "day": [date(2024, 1, 1) + timedelta(days=row) for row in range(rows)],
            "moment": [datetime(2024, 1, 1, row % 24) for row in range(rows)],
            "y": [["a", "b"][row % 2] for row in range(rows)],
        }
    )
    writes = {
        "parquet": frame.write_parquet,
        "arrow": frame.write_ipc,
        "jsonl": frame.write_ndjson,
        "csv": frame.write_csv,
    }
    writes[ending](here / f"t.{ending}")
    run("fit", f"t.{ending}", "--target", "y", "--epochs", 5, "--quiet")
    model, table = tabgrad.load("t.tabgrad"), read(f"t.{ending}")
    monkeypatch.setattr(predicting, "ROWS", 7)
    run("predict", "t.tabgrad", f"t.{ending}", "--proba", "--out", f"o.{ending}", "--quiet")
    found = {**READING, "csv": pl.read_csv}[ending](here / f"o.{ending}")
    np.testing.assert_allclose(found["probability_a"].to_numpy(), model.predict_proba(table)[:, 0], rtol=1e-6)


def test_classes_like_formulas_are_made_harmless(run, here):
    lines = flowers(60)
    changed = [line.replace(",iris", ",=1+1").replace(",lily", ",-").replace(",rose", ",@risk") for line in lines]
    write(here / "t.csv", changed)
    run("fit", "t.csv", "--target", "kind", "--epochs", 30, "--quiet")
    ran = run("predict", "t.tabgrad", "t.csv")
    assert {row[-1] for row in rows_of(ran.out)[1:]} == {"'=1+1", "'-", "'@risk"}
    assert (
        "! 3 classes would be formulas to a spreadsheet, and are written with a ' before them, as '-. --raw" in ran.err
    )
    assert {row[-1] for row in rows_of(run("predict", "t.tabgrad", "t.csv", "--raw").out)[1:]} == {"=1+1", "-", "@risk"}


def test_standard_input_and_output(run, here, shelf, monkeypatch):
    expected = run("predict", shelf / "flowers.tabgrad", shelf / "more.csv").out
    with open(shelf / "more.csv", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("predict", shelf / "flowers.tabgrad", "-").out == expected


def test_who_stops_reading_ends_it(here, shelf):
    lines = (shelf / "more.csv").read_text().splitlines()
    write(here / "long.csv", [lines[0], *lines[1:] * 4000])
    words = [sys.executable, "-m", "tabgrad", "predict", str(shelf / "flowers.tabgrad"), "long.csv", "--quiet"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=30) == 141
    assert err == b""


def test_who_stops_reading_a_report_ends_it(shelf):
    for command in (("inspect", "more.csv"), ("inspect", "flowers.tabgrad")):
        words = [sys.executable, "-m", "tabgrad", command[0], str(shelf / command[1])]
        read, written = os.pipe()
        os.close(read)
        ran = subprocess.run(words, stdout=written, stderr=subprocess.PIPE, check=False, timeout=30)
        os.close(written)
        assert ran.returncode == 141
        assert b"fault" not in ran.stderr


def test_kill_leaves_no_half_a_file(here, shelf):
    lines = (shelf / "more.csv").read_text().splitlines()
    write(here / "long.csv", [lines[0], *lines[1:] * 20000])
    words = [sys.executable, "-m", "tabgrad", "predict", str(shelf / "flowers.tabgrad"), "long.csv", "--out", "out.csv"]
    process = subprocess.Popen([*words, "--quiet"])
    began = time.monotonic()
    while len(os.listdir()) == 1 and process.poll() is None and time.monotonic() - began < 20:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not os.path.exists("out.csv")


def test_the_table_is_not_written_over(run, here, shelf):
    write(here / "t.csv", (shelf / "more.csv").read_text().splitlines())
    before = (here / "t.csv").read_bytes()
    ran = run("predict", shelf / "flowers.tabgrad", "t.csv", "--out", "t.csv", "--overwrite", code=2)
    assert "is read by this command and is not overwritten" in ran.err
    assert (here / "t.csv").read_bytes() == before


def test_a_database_is_a_table(run, here, shelf):
    pytest.importorskip("adbc_driver_sqlite")
    frame = pl.read_csv(shelf / "flowers.csv")
    with closing(sqlite3.connect("garden.db")) as database:
        database.execute(f"create table flowers ({', '.join(frame.columns)})")
        database.executemany(f"insert into flowers values ({', '.join('?' * frame.width)})", frame.rows())
        database.commit()
    query = ("sqlite:///garden.db", "--query", "select * from flowers")
    run("fit", *query, "--target", "kind", "--epochs", 30, "--quiet", "--drop", "id")
    out = rows_of(run("predict", "model.tabgrad", *query).out)
    assert out[0] == [*frame.columns, "prediction"]
    assert [row[-2] for row in out[1:]] == frame["kind"].to_list()
    assert sum(row[-1] == row[-2] for row in out[1:]) > 220
    assert (
        "Error: --query must say what to read from garden.db"
        in run("fit", "sqlite:///garden.db", "--target", "kind", "--overwrite", code=2).err
    )


# ---- Model files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_model_files_that_are_none(run, here, shelf, command):
    good = (shelf / "flowers.tabgrad").read_bytes()
    (here / "bent.tabgrad").write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    (here / "cut.tabgrad").write_bytes(good[:-1])
    (here / "empty.tabgrad").write_bytes(b"")
    (here / "folder.tabgrad").mkdir()
    tabgrad.Sequential([tabgrad.layers.Dense(1, input_dim=2)]).save("bare.tabgrad")
    for name, words in {
        "none": "'none.tabgrad' cannot be read: No such file or directory.",
        "folder": "cannot be read: Is a directory.",
        "bent": "'bent.tabgrad' is damaged",
        "cut": "'cut.tabgrad' is damaged",
        "empty": "'empty.tabgrad' is empty.",
        "bare": "'bare.tabgrad' holds a network alone",
    }.items():
        ran = run(command, f"{name}.tabgrad", shelf / "more.csv", code=4)
        assert words in ran.err
        assert ran.out == ""
    assert "is not a model file" in run(command, shelf / "more.csv", shelf / "more.csv", code=4).err


# ---- Evaluating ------------------------------------------------------------------------------------------------------


def test_a_model_is_judged_on_other_rows(run, here, shelf):
    ran = run("evaluate", shelf / "flowers.tabgrad", shelf / "more.csv")
    assert "flowers.tabgrad on more.csv, 60 rows\n" in ran.out
    model, table = tabgrad.load(shelf / "flowers.tabgrad"), read(shelf / "more.csv")
    data = run("evaluate", shelf / "flowers.tabgrad", shelf / "more.csv", "--json", "--quiet").data
    assert data["scores"]["accuracy"] == pytest.approx((model.predict(table) == table["kind"].objects()).mean())
    assert data["targets"] == ["kind"]


def test_a_regression_is_held_against_the_mean_of_its_training(run, here, shelf):
    data = run("evaluate", shelf / "houses.tabgrad", shelf / "houses.csv.gz", "--json").data["targets"]["price"]
    table = read(shelf / "houses.csv.gz")
    (mean,) = tabgrad.load(shelf / "houses.tabgrad").target_.mean
    expected = np.sqrt(((table["price"] - mean) ** 2).mean())
    assert data["baseline"]["root mean squared error"] == pytest.approx(expected)


def test_a_target_that_is_not_there(run, here, shelf):
    write(here / "t.csv", [line.rsplit(",", 1)[0] for line in (shelf / "more.csv").read_text().splitlines()])
    ran = run("evaluate", shelf / "flowers.tabgrad", "t.csv", code=3)
    assert "t.csv has no column 'kind'" in ran.err


def test_a_class_that_the_model_does_not_know_counts_as_wrong(run, here, shelf):
    write(here / "t.csv", (shelf / "more.csv").read_text().replace(",rose", ",tulip").splitlines())
    ran = run("evaluate", shelf / "flowers.tabgrad", "t.csv")
    assert "20 rows of the class 'tulip', which the model does not know: wrong" in ran.out


# ---- Inspecting ------------------------------------------------------------------------------------------------------


def test_a_table_is_shown_column_by_column(run, here, shelf):
    ran = run("inspect", shelf / "flowers.csv")
    assert ran.out.startswith("flowers.csv: 240 rows, 6 columns\n")
    assert re.search(r"garden +constant +1 +not used: always 'north'\n", ran.out)
    assert re.search(r"kind +categorical +3 +iris \(80\), lily \(80\), rose \(80\)\n", ran.out)
    assert re.search(r"length +numeric +\d+ +-\d\.\d+ to \d+\.\d+, median \d\.\d+\n", ran.out)
    data = run("inspect", shelf / "flowers.csv", "--json", "--kind", "id=numeric").data
    assert data["rows"] == 240
    assert data["columns"][0]["kind"] == "numeric"


def test_a_model_is_shown_without_running_anything(run, here, shelf):
    ran = run("inspect", shelf / "flowers.tabgrad")
    assert re.search(r"kind +Classifier\n", ran.out)
    assert re.search(r"predicts +kind\n", ran.out)
    assert re.search(r"classes +iris, lily, rose\n", ran.out)
    assert re.search(r"length +numeric", ran.out)
    data = run("inspect", shelf / "both.tabgrad", "--json").data
    assert data["predicts"] == ["price", "rent"]
    assert data["parameters"] > 0
    run("inspect", "none.tabgrad", code=4)


# ---- Doctor ----------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_nothing_wrong(run, here):
    data = run("doctor", "--json").data
    assert [check["passed"] for check in data["checks"]] == [True] * 3
    assert data["versions"]["tabgrad"] == tabgrad.__version__
    assert data["machine"]["instruction set"].split()[0] in ("avx512", "avx2", "baseline")
    assert re.search(r"ok +a fit with a known solution", run("doctor").out)


def test_the_doctor_finds_what_is_wrong(run, here, monkeypatch):
    def solution(*_, **__):
        raise ArithmeticError("broken")

    monkeypatch.setattr(np.linalg, "lstsq", solution)
    ran = run("doctor", code=1)
    assert re.search(r"FAILED +a fit with a known solution +ArithmeticError: broken", ran.out)
