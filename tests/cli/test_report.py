"""``tabgrad report`` and the option --report: a page beside what is said, refused before the work where it must be."""

from __future__ import annotations

import json
import sys

import pytest

from tabgrad.cli.pages import again
from tabgrad.cli.settings import Evaluate, Fit, Report
from tests.cli.conftest import flowers, write

FAST = ("--preset", "single", "--epochs", "4")


@pytest.mark.parametrize("table", ["flowers.csv", "houses.csv.gz"])
def test_a_page_of_a_model_and_a_table(run, here, shelf, table):
    model = shelf / table.replace(".csv.gz", ".tabgrad").replace(".csv", ".tabgrad")
    ran = run("report", model, shelf / table, "--train", shelf / table)
    page = (here / f"{model.stem}.html").read_text(encoding="utf-8")
    assert f"Wrote {model.stem}.html (" in ran.err
    assert "! 240 rows of the 240 held out stand among those of the training as well" in ran.err
    assert "always the same  linear model" in ran.out
    assert "Content-Security-Policy" in page
    assert f"tabgrad report {model}" in page
    assert "240 rows of the 240 held out" in page


def test_fit_writes_a_page_of_the_rows_that_it_holds_out(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--report", "page.html")
    assert "Wrote page.html (" in ran.err
    assert "On 48 rows held out" in ran.out
    page = (here / "page.html").read_text(encoding="utf-8")
    assert "Judged by 48 rows." in page
    assert "192 rows of the training" in page
    assert f"tabgrad fit {shelf}/flowers.csv --target kind --report page.html --preset single --epochs 4" in page
    assert "1 network; 4 epochs in " in page


def test_fit_without_rows_held_out_judges_by_those_of_its_folds(run, here, shelf):
    run("fit", shelf / "houses.csv.gz", "--target", "price", *FAST, "--test-size", 0, "--report", "page.html")
    page = (here / "page.html").read_text(encoding="utf-8")
    assert "Judged by 24 rows of the training, each by networks that had not seen it." in page


def test_evaluate_writes_a_page_and_says_what_it_says_without(run, here, shelf):
    plain = run("evaluate", shelf / "both.tabgrad", shelf / "houses.csv.gz")
    ran = run("evaluate", shelf / "both.tabgrad", shelf / "houses.csv.gz", "--report", "page.html", "--quiet")
    assert ran.out == plain.out
    assert ran.err == ""
    page = (here / "page.html").read_text(encoding="utf-8")
    assert "R2 of price" in page
    assert "R2 of rent" in page


def test_columns_that_the_model_does_not_use_may_be_absent_or_more(run, here, shelf):
    lines = [",".join(line.split(",")[1:4] + line.split(",")[5:]) + ",9" for line in flowers(60, seed=2)]
    lines[0] = lines[0].removesuffix(",9") + ",new"
    write(here / "part.csv", lines)
    run("report", shelf / "flowers.tabgrad", "part.csv")
    assert (here / "flowers.html").exists()


def test_scores_and_findings_as_json(run, here, shelf):
    ran = run("report", shelf / "flowers.tabgrad", shelf / "more.csv", "--json", "--quiet")
    data = json.loads(ran.out)
    assert data["page"] == "flowers.html"
    assert data["summary"]["the model"]["accuracy ↑"] > 0.9
    assert isinstance(data["findings"], list)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "page.txt"), "A page must end in .html. Got 'page.txt'. Did you mean 'page.txt.html'?"),
        (("--out", "nowhere/page.html"), "There is no folder 'nowhere'"),
        (("--out", "there.html"), "'there.html' is there already. Replace it with --overwrite"),
    ],
)
def test_a_place_where_no_page_can_be_is_refused_before_the_work(run, here, shelf, words, message):
    (here / "there.html").write_text("mine")
    ran = run("report", shelf / "flowers.tabgrad", "no such table.csv", *words, code=2)
    assert message in ran.err
    assert (here / "there.html").read_text() == "mine"


def test_without_what_pages_are_made_with_nothing_is_begun(run, here, shelf, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--report", "page.html", code=5)
    assert "A page needs matplotlib, which is not installed: pip install 'tabgrad[report]'." in ran.err
    assert not (here / "flowers.tabgrad").exists()


def test_the_command_is_one_that_does_the_same():
    assert again("evaluate", Evaluate(model="m.tabgrad", table="a b.csv")) == "tabgrad evaluate m.tabgrad 'a b.csv'"
    fit = Fit(table="t.csv", target=("a", "b"), hidden=(64, 32), early_stopping=False, kind={"cut": ["S", "M"]})
    assert again("fit", fit) == (
        "tabgrad fit t.csv --kind 'cut=S<M' --target a --target b --hidden 64,32 --no-early-stopping"
    )
    url = Report(model="m.tabgrad", table="postgresql://me:secret@host/db", query="select 1", overwrite=True)
    assert again("report", url) == "tabgrad report m.tabgrad 'postgresql://***@host/db' --query 'select 1' --overwrite"


def test_hostile_names_reach_neither_the_page_nor_the_screen_as_code(run, here):
    name = "<script>alert(1)</script>"
    lines = [line.replace("colour", name).replace("lily", "\x1b[31m</style>") for line in flowers(90)]
    write(here / "t.csv", lines)
    ran = run("fit", "t.csv", "--target", "kind", *FAST, "--report", "page.html")
    page = (here / "page.html").read_text(encoding="utf-8")
    assert name not in page
    assert page.count("</style>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in ran.out + ran.err + page
