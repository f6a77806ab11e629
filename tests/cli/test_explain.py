"""``tabgrad explain step``."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import tabgrad
from tabgrad.table.read import read


def test_a_step_is_the_one_that_the_model_shows(run, here, shelf):
    ran = run("explain", "step", shelf / "flowers.tabgrad", shelf / "flowers.csv", "--rows", "3", "--quiet")
    model, table = tabgrad.load(shelf / "flowers.tabgrad"), read(shelf / "flowers.csv")
    step = model.explain_step(table.part(np.arange(3)), "kind")
    assert ran.out == step.text() + "\n"
    assert "on 3 rows: the loss is " in ran.out
    assert "! this is network 1 of" in ran.out


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        (("--format", "latex"), "\\documentclass"),
        (("--format", "html"), "<!DOCTYPE html>"),
        (("--format", "csv"), "layer,name,symbol"),
        ((), "One step of "),
    ],
)
def test_formats(run, here, shelf, words, begins):
    ran = run("explain", "step", shelf / "flowers.tabgrad", shelf / "flowers.csv", *words)
    assert ran.out.startswith(begins)
    assert ran.out.endswith("\n")


@pytest.mark.parametrize(
    ("name", "begins"), [("a.html", "<!DOCTYPE"), ("a.tex", "\\doc"), ("a.csv", "layer"), ("a", "One")]
)
def test_the_ending_of_the_file_says_the_format(run, here, shelf, name, begins):
    ran = run("explain", "step", shelf / "flowers.tabgrad", shelf / "flowers.csv", "--out", name)
    assert (ran.out, ran.err) == ("", f"One step on 4 rows in {name}\n")
    assert (here / name).read_text(encoding="utf-8").startswith(begins)


def test_a_file_that_is_there_is_written_over_on_request_alone(run, here, shelf):
    words = ("explain", "step", shelf / "flowers.tabgrad", shelf / "flowers.csv", "--out", "a.html")
    (here / "a.html").write_text("from before")
    assert "is there already" in run(*words, code=2).err
    assert (here / "a.html").read_text() == "from before"
    run(*words, "--overwrite")
    assert (here / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE")


def test_a_table_of_numbers_says_the_weights(run, here, shelf):
    ran = run("explain", "step", shelf / "houses.tabgrad", shelf / "houses.csv.gz", "--network", "2", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    model = tabgrad.load(shelf / "houses.tabgrad")
    assert len(rows) == model.models_[1].count_params()
    checked = [row for row in rows if row["finite_difference"]]
    assert checked
    for row in checked:
        assert float(row["gradient"]) == pytest.approx(float(row["finite_difference"]), rel=1e-5, abs=1e-9)


def test_names_that_a_spreadsheet_would_run_are_written_as_text(run, here, shelf):
    from tabgrad.cli.explain import _cell

    assert [_cell(each) for each in ("=1+1", "@x", "W1", 2.5, float("nan"))] == ["'=1+1", "'@x", "W1", 2.5, ""]


def test_what_makes_no_sense_is_refused(run, here, shelf):
    model, table = shelf / "flowers.tabgrad", shelf / "flowers.csv"
    for words, code, says in [
        ((model, table, "--rows", "0"), 2, "--rows must be from 1 to 10,000"),
        ((model, table, "--network", "0"), 2, "--network must be from 1 to"),
        ((model, table, "--format", "htm"), 2, "Unknown --format of tabgrad explain step: 'htm'. Did you mean 'html'"),
        ((model, table, "--out", str(here)), 2, "is a folder"),
        ((model, table, "--out", table, "--overwrite"), 2, "is read by this command"),
        ((model, shelf / "houses.csv.gz"), 3, "has no column 'kind'"),
        ((table, table), 4, "Error: "),
        ((model, "nowhere.csv"), 3, "nowhere.csv"),
    ]:
        ran = run("explain", "step", *words, code=code)
        assert says in ran.err
        assert ran.out == ""
    assert "step  One step of training" in run("explain", code=2).err
