"""A step as text, LaTeX, frame and page; pages with hostile names in a real browser."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from tabgrad import _page
from tabgrad.errors import ArgumentError
from tabgrad.explain import drawing
from tabgrad.explain.notation import html, latex
from tabgrad.layers import Activation, BatchNormalization, Dense, Dropout, Residual
from tabgrad.models import Sequential
from tabgrad.regularizers import L2

pd = pytest.importorskip("pandas")
pytest.importorskip("jinja2")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 2)).astype(np.float32)
Y = RANDOM.normal(size=(20, 1)).astype(np.float32)
HOSTILE = (
    "<script>document.title='broken'</script>",
    "</style><style>*{display:none}</style>",
    "</title><img src=http://127.0.0.1:9/x onerror=\"document.title='broken'\">",
    "\" onmouseover=\"document.title='broken'",
    "{{ 7 * 7 }}{% raw %}",
    "a\u202eb\u2067c\x1b[31m\x00",
    "x" * 10_000,
    r"\input{/etc/passwd} 50% & more_",
)


def small(names=("x0", "x1"), units=3, **options):
    model = Sequential([Dense(units, "tanh", input_dim=2, kernel_regularizer=L2(0.01)), Dense(1)], seed=0, **options)
    model.compile("adam", "mse")
    return model.explain_step(pd.DataFrame(X[:4], columns=list(names)), Y[:4])


def hostile():
    model = Sequential(
        [Dense(3, "tanh", input_dim=len(HOSTILE), name=HOSTILE[0]), Dense(2, name=HOSTILE[1]), Dense(1)],
        seed=0,
        name=HOSTILE[2],
    )
    model.compile("adam", "mse")
    x = pd.DataFrame(RANDOM.normal(size=(3, len(HOSTILE))), columns=list(HOSTILE))
    return model.explain_step(x, Y[:3])


# ---- Formulas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "in_latex", "in_html"),
    [
        ("dL/dW2 = a1^T d2", r"\frac{\partial L}{\partial W_{2}}", "∂L/∂W<sub>2</sub> = a<sub>1</sub><sup>T</sup>"),
        ("l = -sum_j y_j log p_j", r"\sum_{j}\ y_{j}\ \log p_{j}", "Σ<sub>j</sub> y<sub>j</sub> log p<sub>j</sub>"),
        ("sqrt(v + epsilon)", r"\sqrt{v + \epsilon}", "√(v + &epsilon;)"),
        ("m_j^(gamma-1)", r"m_{j}^{\gamma-1}", "m<sub>j</sub><sup>&gamma;&minus;1</sup>"),
        ("w <- w - lr g", r"w \leftarrow  w - \mathrm{lr}\ g", "w ← w &minus; lr g"),
        ("1 / (1 + e^-z)", "1 / (1 + e^{-z})", "1 / (1 + e<sup>&minus;z</sup>)"),
        ("m1 = mean_rows(X)", r"m_{1} = \mathrm{mean}_{\mathrm{rows}}(X)", "m<sub>1</sub> = mean<sub>rows</sub>(X)"),
        ("u_(t+1)", "u_{t+1}", "u<sub>t+1</sub>"),
        ("d2 < 1", r"\delta_{2} < 1", "&delta;<sub>2</sub> &lt; 1"),
        ("weight_decay", r"\mathrm{weight\_decay}", "weight_decay"),
    ],
)
def test_formulas_are_set(formula, in_latex, in_html):
    assert in_latex in latex(formula)
    assert in_html in html(formula)


def formulas_of(step):
    yield from (value.formula for layer in step.layers for value in (*layer.forward, *layer.backward))
    yield from (weight.formula for weight in step.weights)
    yield from (*step.loss.formulas, step.loss.slope, *step.update.formulas)


def test_every_brace_of_a_formula_is_closed():
    for each in formulas_of(small()):
        assert latex(each).count("{") == latex(each).count("}")


# ---- Text, frame, LaTeX ----------------------------------------------------------------------------------------------


def test_the_text_has_every_formula_beside_its_numbers():
    step = small(name="twice")
    text = step.text()
    for each in formulas_of(step):
        assert each in text
    assert text.startswith("One step of 'twice' on 4 rows: the loss is ")
    assert str(step) == text
    order = [text.index(each) for each in ("z1 = ", "p = z2", "together", "dL/dW2 = ", "dL/dW1 = ", "W1, after")]
    assert order == sorted(order)  # forward, the loss, W2 and then W1, the step
    gradient = step.weights[0]
    assert f"{gradient.check.gradient[0]:.9g}" in text
    assert f"{gradient.check.difference[0]:.9g}" in text
    assert text.count("below 1e-6") == 4


def test_long_arrays_are_cut_and_said_to_be():
    model = Sequential([Dense(30, "relu", input_dim=2), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    step = model.explain_step(X, Y)
    text = step.text()
    assert "(20 x 30)" in text
    assert max(map(len, text.splitlines())) < 140
    assert "more places with smaller gradients" in text
    assert len(repr(step).splitlines()) < 25
    assert len(step.html()) < 200_000


def test_the_frame_has_every_number():
    step = small()
    frame = step.frame()
    assert frame["gradient"].tolist() == [g for weight in step.weights for g in weight.gradient.ravel()]
    assert (frame["relative_difference"] < 1e-6).all()
    np.testing.assert_allclose(frame["gradient_of_rows"] + frame["gradient_of_penalty"], frame["gradient"])
    assert frame["place"].tolist()[:4] == ["0, 0", "0, 1", "0, 2", "1, 0"]
    values = step.frame("values")
    assert values[values["symbol"] == "a1"]["value"].tolist() == step.layers[0].forward[1].array.ravel().tolist()
    assert values["part"].drop_duplicates().tolist() == ["forward", "loss", "backward"]
    with pytest.raises(ArgumentError, match=r"Unknown table of a Step: 'value'. Did you mean 'values'"):
        step.frame("value")


def test_latex_is_whole_and_escapes_names():
    for step in (small(), hostile()):
        document = step.latex()
        begun = re.findall(r"\\begin\{(\w+)\}", document)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", document))
        assert document.replace(r"\{", "").count("{") == document.replace(r"\}", "").count("}")
        assert "\\input" not in document
    assert r"\textless{}script" in document


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path):
    (tmp_path / "step.tex").write_text(hostile().latex(), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "step.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]


# ---- The page --------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Every tag with its attributes, and whatever is left open."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.style = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data


@pytest.mark.parametrize("made", [small, hostile], ids=["names", "hostile names"])
def test_a_page_holds_what_its_template_has_and_nothing_else(made):
    tags = Tags(made().html())
    assert tags.open == []
    kinds = {tag for tag, _ in tags.tags}
    assert not kinds & {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    assert sum(tag == "style" for tag, _ in tags.tags) == 1
    names = {name for _, attributes in tags.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | ({"style", "src", "href"} & names)
    policy = next(each["content"] for tag, each in tags.tags if each.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(tags.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_one_stage_a_layer_there_and_back():
    page = small().html()
    titles = re.findall(r'<section class="stage" id="p\d+" aria-label="(.*?)">', page)
    assert titles == [
        "The batch",
        "Forward through layer 1: dense",
        "Forward through layer 2: dense_1",
        "The loss: MeanSquaredError",
        "Back through layer 2: dense_1",
        "Back through layer 1: dense",
        "The step: Adam",
    ]
    assert page.count("<svg") == 6


def test_only_small_networks_in_a_row_are_drawn():
    assert drawing.drawn(small())
    assert not drawing.drawn(small(units=11))

    def of(*layers):
        model = Sequential([Dense(3, input_dim=2), *layers, Dense(1)], seed=0)
        model.compile("sgd", "mse")
        return model.explain_step(X[:4], Y[:4])

    assert drawing.drawn(of(Dropout(0.5), BatchNormalization(), Activation("relu")))
    assert not drawing.drawn(of(Residual([Dense(3)])))
    assert not drawing.drawn(of(*(Dense(2) for _ in range(8))))
    assert '<li class="here">' in of(Residual([Dense(3)])).html()


def test_lines_are_as_thick_as_weights_are_large():
    step = small()
    lines = drawing.drawing(step, 0).lines
    kernel = step.weights[0].before
    assert len(lines) == 2 * 3 + 3
    of_kernel = lines[:6]
    assert [line.side == "negative" for line in of_kernel] == [bool(w < 0) for w in kernel.ravel()]
    order = np.argsort([line.width for line in of_kernel])
    assert order.tolist() == np.argsort(abs(kernel).ravel()).tolist()
    assert [line.dim for line in lines] == [False] * 6 + [True] * 3
    back = drawing.drawing(step, 1, back=True).lines[6:]
    assert [line.side == "negative" for line in back] == [bool(g < 0) for g in step.weights[2].gradient.ravel()]


def test_pages_are_written_and_shown_in_notebooks(tmp_path):
    step = small()
    step.save_html(tmp_path / "step.html")
    assert (tmp_path / "step.html").read_text(encoding="utf-8") == step.html()
    framed = step._repr_html_()
    assert framed.startswith("<iframe sandbox ")
    assert "<html" not in framed


def test_pages_without_jinja_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'Pages need the package Jinja2: pip install "tabgrad\[report\]"'):
        _page.environment()
    step = small()
    with pytest.raises(ImportError, match="tabgrad"):
        step.html()
    monkeypatch.setattr("tabgrad.explain.step.find_spec", lambda name: None)
    assert step._repr_html_() is None


# ---- In a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


def opened(browser, step, folder, *, width=1200, **options):
    """A page of the browser with the step's page in it, and what it has done beside showing it."""
    step.save_html(folder / "step.html")
    page, happened = browser.new_page(viewport={"width": width, "height": 900}, **options), []
    page.on("console", lambda message: happened.append(message.text))
    page.on("pageerror", lambda error: happened.append(str(error)))
    page.on("dialog", lambda dialog: happened.append(dialog.message))
    page.on("request", lambda request: happened.append(request.url))
    page.goto((folder / "step.html").as_uri())
    return page, happened


def shown(page):
    """The titles of the stages that are seen."""
    return [each.get_attribute("aria-label") for each in page.locator("section.stage").all() if each.is_visible()]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts allowed", "no scripts"])
def test_a_reader_goes_forward_and_back(browser, tmp_path, scripts):
    page, happened = opened(browser, small(), tmp_path, java_script_enabled=scripts)
    assert shown(page) == ["The batch"]
    page.locator("section.stage:visible .turn .next").click()
    assert shown(page) == ["Forward through layer 1: dense"]
    page.locator("section.stage:visible .turn .next").click()
    page.locator("section.stage:visible .turn label").first.click()
    assert shown(page) == ["Forward through layer 1: dense"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["The loss: MeanSquaredError"]
    page.locator("nav label").last.click()
    assert shown(page) == ["The step: Adam"]
    assert happened == [page.url]
    page.emulate_media(media="print")
    assert len(shown(page)) == 7
    page.close()


@pytest.mark.parametrize("width", [1200, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_names_do_nothing_and_nothing_is_cut(browser, tmp_path, width, scheme):
    page, happened = opened(browser, hostile(), tmp_path, width=width, color_scheme=scheme)
    for stage in range(page.locator("nav label").count()):
        page.locator("nav label").nth(stage).click()
        assert len(shown(page)) == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title().startswith("One step of </title><img src=")
    assert "broken" not in page.title()[:12]
    assert happened == [page.url]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 29)")
    page.close()
