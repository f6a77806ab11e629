"""Figures: names are never formulas, nothing in them acts, the same data give the same bytes."""

from __future__ import annotations

import subprocess
import sys
import warnings
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from tabgrad.errors import DataError
from tabgrad.report import ClassScores, ValueScores, table_figures, training_figures
from tabgrad.report.drawing import INK, drawn, label
from tabgrad.report.svg import ATTRIBUTES, ELEMENTS, svg

HOSTILE = [
    "<script>alert(1)</script>",
    "</text></svg><img src=x onerror=alert(1)>",
    r"$\frac{1}{$",
    "$x$",
    "_hidden",
    "a" * 10_000,
    "\u202egnp.exe",
    "שלום",
    "\x00\x1b[31m\n",
    "\" onload='alert(1)'",
    "]]>--><!--",
    "日本語",
]


def every_figure():
    """One of each, whose names are hostile."""
    random = np.random.default_rng(0)
    y = np.tile(np.arange(len(HOSTILE)), 20)
    p = random.dirichlet(np.ones(len(HOSTILE)), len(y)) + np.eye(len(HOSTILE))[y] / 3
    p /= p.sum(axis=1, keepdims=True)
    many = ClassScores.of(HOSTILE, np.array(HOSTILE, object)[y], p)
    two = ClassScores.of(HOSTILE[:2], np.array(HOSTILE, object)[y % 2], p[:, :2] / p[:, :2].sum(axis=1, keepdims=True))
    values = ValueScores.of(random.normal(size=90), random.normal(size=90), target=HOSTILE[2])
    history = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.0, 1.0, 2.0]}
    yield from (many.plot_confusion(), many.plot_confusion(shares=True), many.plot_roc(), many.plot_precision_recall())
    yield from (many.plot_calibration(), two.plot_calibration(), two.plot_thresholds(), two.plot_roc())
    yield from (values.plot_predictions(), values.plot_residuals(), values.plot_quantiles())
    yield training_figures.epochs([history, {"loss": [4.0], "val_loss": [2.0]}])
    yield training_figures.learning_rate([0.1, 0.2], 1)
    yield table_figures.classes({"training": dict.fromkeys(HOSTILE, 3), HOSTILE[0]: {HOSTILE[1]: 2}}, HOSTILE[2])
    yield table_figures.distribution({"training": random.normal(size=9), "held out": np.array([1.0])}, HOSTILE[3])
    yield table_figures.missing({name: 1 / (1 + place) for place, name in enumerate(HOSTILE)})


@pytest.fixture(scope="module")
def texts():
    """All of them as elements of a page; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return [svg(figure, f"f{place}", HOSTILE[0]) for place, figure in enumerate(every_figure())]


def test_no_name_does_anything(texts):
    for text in texts:
        root = ElementTree.fromstring(text)
        for element in root.iter():
            assert element.tag in ELEMENTS
            assert set(element.attrib) <= ATTRIBUTES | {"href", "role", "aria-label"}
            assert element.get("href", "#").startswith(("#", "data:image/png;base64,"))
        shown = "".join(root.itertext())
        assert not set(shown) & {"\x00", "\x1b", "\u202e"}
        assert len(shown) < 3000
    assert any(r"$\frac{1}{$" in "".join(ElementTree.fromstring(text).itertext()) for text in texts)


def test_names_of_the_parts_of_figures_are_their_own(texts):
    elements = [element for text in texts for element in ElementTree.fromstring(text).iter()]
    names = [element.get("id") for element in elements if element.get("id")]
    assert names
    assert len(set(names)) == len(names)
    for text in texts:
        root = ElementTree.fromstring(text)
        own = {element.get("id") for element in root.iter()}
        assert {element.get("href")[1:] for element in root.iter("use")} <= own
        clips = {element.get("clip-path") for element in root.iter() if element.get("clip-path")}
        assert {clip[5:-1] for clip in clips} <= own


def test_the_same_data_give_the_same_bytes():
    scores = ValueScores.of(np.arange(9.0), np.arange(9.0) ** 1.1)
    first, second = (svg(scores.plot_residuals(), "f", "") for _ in range(2))
    assert first == second


def test_ink_is_the_colour_of_the_page():
    with drawn() as (figure, axes):
        axes.plot([1, 2], [1, 2])
        axes.set(xlabel=INK)
    text = svg(figure, "f", "")
    assert 'fill="currentColor"' in text
    assert text.count(INK) == 1  # what a name says stays


@pytest.mark.parametrize("name", ["$x$ and \\$", "_a", "\\", "a$b", "$"])
def test_a_label_is_shown_as_it_is(name):
    with drawn() as (figure, axes):
        axes.plot([1, 2], [1, 2], label=label(name))
        axes.legend()
    shown = [text.strip() for text in ElementTree.fromstring(svg(figure, "f", "")).itertext()]
    assert name in shown


def test_nothing_of_the_users_matplotlib_changes():
    with mpl.rc_context({"font.size": 50, "text.usetex": True, "axes.facecolor": "red"}):
        before = dict(mpl.rcParams)
        figure = ValueScores.of([1.0, 2.0], [1.0, 3.0]).plot_predictions()
        text = svg(figure, "f", "")
        assert dict(mpl.rcParams) == before
    assert "50px" not in text
    assert "#ff0000" not in text


def test_no_window_is_opened(texts):
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


def test_without_matplotlib_the_error_says_how_to_get_it():
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from tabgrad.report import ValueScores\n"
        "scores = ValueScores.of([1.0, 2.0], [1.0, 3.0]); print(scores)\n"
        "scores.plot_predictions()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert "ImportError: Figures need matplotlib, which is not installed: pip install 'tabgrad[plot]'." in ran.stderr


def test_a_history_without_a_metric_says_which_it_has():
    with pytest.raises(DataError, match=r"no values of 'auc'\. It has: loss"):
        training_figures.epochs([{"loss": [1.0]}], "auc")


def test_many_rows_are_few_points():
    random = np.random.default_rng(0)
    y = random.normal(size=50_000)
    said = y + random.normal(size=50_000)
    said[17] = 1000
    text = svg(ValueScores.of(y, said).plot_predictions(), "f", "")
    assert len(text) < 250_000
    assert text.count("<use") < 1600
    assert "of 50,000 rows" in text
