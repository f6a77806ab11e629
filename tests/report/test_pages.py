"""Reports: what they find, and pages on which nothing acts, whatever the table holds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import tabgrad
from tabgrad import Classifier, Regressor
from tabgrad.errors import ArgumentError, DataError
from tabgrad.report import ClassScores, Report

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(2)</script>",
    '" onmouseover="alert(3)',
    "' onerror='alert(4)",
    r"$\frac{1}{$",
    "a" * 10_000,
    "\u202egnp.exe",
    "שלום עולם",
    "\x00\x1b[31m\n",
    "{{ 7 * 7 }}{% raw %}",
    "]]>--><!--",
    "&lt;b&gt;&amp;",
    "</title></pre></svg><img src=https://example.org/x onerror=alert(5)>",
    "javascript:alert(6)",
]
RUNS = {
    "script",
    "iframe",
    "object",
    "embed",
    "link",
    "base",
    "form",
    "input",
    "img",
    "video",
    "audio",
    "foreignobject",
}


class Reader(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text, self.ids = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(autouse=True)
def _quiet():
    """Small tables are warned of, which is not the matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def numbers(rows=200, columns=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def hostile():
    """A report whose names, classes, values and title are all hostile."""
    random, rows = np.random.default_rng(0), 420
    y = random.integers(0, len(HOSTILE), rows)
    words = np.array(HOSTILE, dtype=object)
    frame = pd.DataFrame(
        {
            name: words[(y + random.integers(0, 3, rows)) % len(HOSTILE)]
            if place % 2
            else random.normal(size=rows) + 0.3 * y
            for place, name in enumerate(HOSTILE)
        }
    )
    target = "<img src=x onerror=alert(7)>"
    frame[target] = words[y]
    model = Classifier(preset="single", epochs=3, random_state=0).fit(frame[:300], target)
    return Report.of(
        *(model, frame[300:], target),
        train=(frame[:300], target),
        title=HOSTILE[1],
        command=f"tabgrad fit {HOSTILE[-2]}",
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page of each kind of report, by name, in files."""
    folder = tmp_path_factory.mktemp("pages")
    x = numbers()
    two = np.where(x[:, 0] + 0.5 * x[:, 1] > 0, "yes", "no").astype(object)
    three = np.array(["low", "mid", "high"], dtype=object)[np.digitize(x[:, 0], [-0.5, 0.5])]
    fast = {"preset": "single", "epochs": 3, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        binary, several = Classifier(**fast).fit(x[:150], two[:150]), Classifier(**fast).fit(x[:150], three[:150])
        values = pd.DataFrame(x, columns=list("abcd")).assign(price=1e5 * x[:, 0], rent=x[:, 1])
        regressor = Regressor(**fast).fit(values[:150], ["price", "rent"])
        wide = numbers(80, 2000)
        many = np.repeat([f"class number {place}" for place in range(200)], 3).astype(object)
        features = np.repeat(numbers(200, 3), 3, axis=0)
        with_many = Classifier(**fast).fit(features, many)
        seen = np.flatnonzero(three[150:] != "mid") + 150
        made = {
            "hostile": hostile(),
            "binary": Report.of(binary, x[150:], two[150:], train=(x[:150], two[:150])),
            "no test set": Report.of(binary, train=(x[:150], two[:150])),
            "nothing": Report.of(binary),
            "a class absent": Report.of(several, x[seen], three[seen], train=(x[:150], three[:150])),
            "one row": Report.of(several, x[:1], three[:1], train=(x[:150], three[:150])),
            "200 classes": Report.of(with_many, features, many),
            "2,000 columns": Report.of(Classifier(**fast).fit(wide[:60], two[:60]), wide[60:], two[60:80]),
            "regression": Report.of(
                regressor, values[150:], ["price", "rent"], train=(values[:150], ["price", "rent"])
            ),
        }
    paths = {}
    for name, report in made.items():
        paths[name] = folder / f"{name}.html"
        report.save(paths[name])
    return made, paths


# ---- What it finds ---------------------------------------------------------------------------------------------------


def kinds(report):
    return {finding.name for finding in report.findings}


def test_a_sound_model_is_not_suspected():
    x = numbers(600, 3)
    y = np.where(x.sum(axis=1) + np.random.default_rng(1).normal(size=600) > 0, "a", "b").astype(object)
    model = Classifier(preset="fast", random_state=0).fit(x[:400], y[:400])
    report = Report.of(model, x[400:], y[400:], train=(x[:400], y[:400]))
    assert kinds(report) <= {"underfitting"}  # a linear model is the right one here
    assert report.scores.estimates["accuracy"].value == np.mean(report.model.predict(x[400:]) == y[400:])
    frame = report.summary().frame()
    most = max("ab", key=(y[:400].tolist()).count)
    assert frame.loc["accuracy ↑", "always the same"] == np.mean(y[400:] == most)
    assert 0.7 < frame.loc["accuracy ↑", "linear model"] < 1


def test_a_column_that_gives_the_target_away_is_found():
    x = pd.DataFrame(numbers(300, 3), columns=["a", "b", "c"])
    y = np.round(np.exp(x["a"]), 2)
    x["in other words"] = np.where(y > 1, "above", "below")
    x["squared"] = y**2
    model = Regressor(preset="single", epochs=5, random_state=0).fit(x[:200], y[:200])
    report = Report.of(model, x[200:], y[200:], train=(x[:200], y[:200]))
    found = [each for each in report.findings if each.name == "leaking column"]
    assert len(found) == 1
    assert found[0].text == "a, squared tell the target nearly alone."


def test_rows_on_both_sides_rare_classes_and_imbalance_are_found():
    x = numbers(300, 3)
    y = np.where(np.arange(300) % 12 == 0, "rare", "common").astype(object)
    model = Classifier(preset="single", epochs=3, random_state=0).fit(x[:200], y[:200])
    report = Report.of(model, x[100:], y[100:], train=(x[:200], y[:200]))
    assert {"duplicate rows", "imbalance", "few rows in a class"} <= kinds(report)
    assert any(finding.text.startswith("100 rows of the 200 held out stand among") for finding in report.findings)
    serious = [finding.serious for finding in report.findings]
    assert serious == sorted(serious, reverse=True)


def test_a_model_that_knows_rows_by_heart_is_found():
    x, y = numbers(120, 10), np.random.default_rng(3).integers(0, 2, 120)
    model = Classifier((128,), preset="single", epochs=60, early_stopping=False, dropout=0.0, random_state=0)
    model.fit(x[:60], y[:60])
    assert {"overfitting", "underfitting"} <= kinds(Report.of(model, x[60:], y[60:], train=(x[:60], y[:60])))


def test_a_class_that_is_absent_or_unknown_is_found():
    x, y = numbers(90, 2), np.array(["a", "b", "c"], dtype=object)[np.arange(90) % 3]
    model = Classifier(preset="single", epochs=2, random_state=0).fit(x, y)
    truth = np.array(["a", "new"], dtype=object)[np.arange(40) % 2]
    assert {"absent class", "unknown class"} <= kinds(Report.of(model, x[:40], truth))


def test_without_rows_held_out_those_of_the_fit_judge():
    x = numbers(300, 3)
    model = Regressor(preset="fast", random_state=0, epochs=5).fit(x, x[:, 0])
    report = Report.of(model, train=(x, x[:, 0]))
    known = ~np.isnan(model.oof_prediction_)
    assert len(report.scores[0]) == known.sum()
    assert report.scores[0].estimates["root mean squared error"].value == pytest.approx(model.scores_["rmse"])
    words = f"judged by {known.sum()} rows of the training, each by networks that had not seen it"
    assert words in repr(report)


def test_a_loaded_model_is_judged_as_the_one_that_was_saved(tmp_path):
    x = pd.DataFrame(numbers(), columns=list("abcd"))
    y = pd.Series(np.where(x["a"] > 0, "up", "down"), name="way")
    model = Classifier(preset="single", epochs=3, random_state=0).fit(x[:150], y[:150])
    model.save(tmp_path / "m.tabgrad")
    first, second = (Report.of(each, x[150:], y[150:]).html() for each in (model, tabgrad.load(tmp_path / "m.tabgrad")))
    assert first == second


def test_any_model_of_scikit_learn_has_a_report(tmp_path):
    from sklearn.linear_model import LogisticRegression

    x, y = numbers(), (numbers()[:, 0] > 0).astype(int)
    page = Report.of(LogisticRegression().fit(x[:150], y[:150]), x[150:], y[150:], train=(x[:150], y[:150])).html()
    assert "LogisticRegression of y" in page


def test_frames_and_figures_are_those_of_the_page(pages):
    made, _ = pages
    report = made["binary"]
    frames = report.frames()
    assert {"summary", "by_class", "thresholds", "errors", "columns", "networks", "versions"} <= set(frames)
    assert frames["columns"].loc["x0", "kind"] == "numeric"
    assert isinstance(report.scores, ClassScores)
    assert {"confusion", "roc", "calibration", "loss", "target"} <= set(report.figures())


# ---- What is on the page ---------------------------------------------------------------------------------------------


def test_nothing_in_a_page_acts(pages):
    _, paths = pages
    for name, path in paths.items():
        page = path.read_text(encoding="utf-8")
        reader = Reader(page)
        assert not RUNS & set(reader.tags), name
        assert not [each for each in reader.attributes if each[1].startswith("on") or each[1] == "style"], name
        links = [value for _, key, value in reader.attributes if key in ("href", "src", "xlink:href")]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links), name
        assert len(set(reader.ids)) == len(reader.ids), name
        assert {link[1:] for link in links if link.startswith("#")} <= set(reader.ids), name
        assert reader.tags.count("style") == reader.tags.count("main") == reader.tags.count("h1") == 1, name
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
        assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
        assert len(page) < 2e6, name
        assert not set(page) & {"\x00", "\x1b", "\u202e"}, name


def test_hostile_names_are_shown_as_they_are(pages):
    _, paths = pages
    text = "".join(Reader(paths["hostile"].read_text(encoding="utf-8")).text)
    for name in HOSTILE[:4] + HOSTILE[7:8] + HOSTILE[9:11]:
        assert name in text
    assert r"\u202egnp.exe" in text
    assert r"\x00\x1b[31m\n" in text
    assert "a" * 200 not in text


def test_the_same_report_is_the_same_page(pages):
    made, paths = pages
    assert made["binary"].html() == paths["binary"].read_text(encoding="utf-8")


def test_a_table_of_many_rows_is_folded(pages):
    _, paths = pages
    page = paths["200 classes"].read_text(encoding="utf-8")
    assert "<summary>180 more rows</summary>" in page
    wide = paths["2,000 columns"].read_text(encoding="utf-8")
    assert "1,700 more columns are not listed." in wide


def browser():
    """The machine's Chromium, driven by Playwright; a reason to skip where either is not there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("needs Chromium on this machine (apt install chromium)")
    return playwright.sync_playwright(), found


def test_no_script_runs_and_no_request_leaves_in_a_browser(pages):
    _, paths = pages
    started, program = browser()
    said = []
    with started as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme, width in (("light", 794), ("dark", 390)):
            view = opened.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            view.on("console", lambda message: said.append(message.text))
            view.on("pageerror", lambda error: said.append(str(error)))
            view.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
            view.on("request", lambda request: request.url[:4] in ("file", "data") or said.append(request.url))
            for name, path in paths.items():
                view.goto(path.as_uri())
                view.mouse.move(200, 200)
                wide = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide == 0, f"{name} is wider than a screen of {width} pixels"
                view.emulate_media(media="print")
                paper = view.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert width < 600 or paper == 0, f"{name} is wider than a sheet of paper"
                view.emulate_media(media="screen")
                ground = view.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")
            view.close()
        opened.close()
    assert said == []


# ---- What is refused -------------------------------------------------------------------------------------------------


def test_what_cannot_be_reported_is_refused(tmp_path, pages):
    made, paths = pages
    report = made["nothing"]
    with pytest.raises(ArgumentError, match="This report has no scores"):
        report.summary()
    with pytest.raises(DataError, match="needs y, what is true of them"):
        Report.of(report.model, numbers())
    with pytest.raises(ArgumentError, match="is there already"):
        report.save(paths["nothing"], overwrite=False)
    with pytest.raises(OSError, match="No such file or directory"):
        report.save(tmp_path / "nowhere" / "page.html")


def test_without_jinja_the_error_says_how_to_get_it():
    program = (
        "import sys; sys.modules['jinja2'] = None\n"
        "import numpy as np\n"
        "from sklearn.linear_model import LinearRegression\n"
        "from tabgrad.report import Report\n"
        "x = np.arange(30.0).reshape(-1, 1)\n"
        "Report.of(LinearRegression().fit(x, x.ravel()), x, x.ravel()).html()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert 'pip install "tabgrad[report]"' in ran.stderr.splitlines()[-1]
