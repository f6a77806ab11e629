"""The pages of docs/: their tables say what is so. (Their examples run as doctests.)"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, QuantileRegressor, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

import tabgrad
from tabgrad import losses
from tabgrad.engines.base import initial_state
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.estimators._presets import PRESETS
from tabgrad.layers import Dense
from tabgrad.matrix import Matrix
from tabgrad.optimizers import SGD
from tabgrad.plan import Network, Plan
from tabgrad.regularizers import L1, L1L2, L2

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def program(name):
    """One of the programs that write a table."""
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_code_run_as_doctests(page):
    for block in re.findall(r"^```(?:python|pycon)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
        assert block.startswith(">>> "), block
        assert block.endswith("\n\n"), f"no blank line before the closing fence:\n{block}"


def test_every_module_has_a_page_of_reference():
    shown = {name for name in tabgrad.__all__ if inspect.ismodule(getattr(tabgrad, name))}
    index = (DOCS / "reference" / "index.rst").read_text(encoding="utf-8")
    for name in {*shown, *program("parts").MODULES}:
        page = DOCS / "reference" / f"{name}.rst"
        assert f"automodule:: tabgrad.{name}\n" in page.read_text(encoding="utf-8")
        assert f"\n   {name}\n" in index


def test_the_figures_of_the_presets_are_those_of_today():
    page = (DOCS / "why_these_defaults.md").read_text(encoding="utf-8")
    assert program("presets").renewed(page) == page, "the table lags behind the code: make readme"


@pytest.mark.parametrize(
    ("preset", "told"),
    [
        ("fast", ["4, 2 from 9 rows", "64-64, relu", "4 piecewise linear, of at most 32 pieces + 4 periodic, of 8"]),
        ("single", ["4, 2 from 9 rows", "128-128, relu", "none", "0.3, of all weights", "none; no scale of inputs"]),
    ],
)
def test_figures_of_a_preset_in_words(preset, told):
    changed = replace(PRESETS[preset], members=((0, 4), (9, 2)))
    cells = [row(changed) for row in program("presets").ROWS.values()]
    for words in told:
        assert any(cell.startswith(words) for cell in cells), cells


@pytest.mark.peers
def test_the_names_of_keras_are_those_of_today():
    keras = pytest.importorskip("keras")
    page = (DOCS / "coming_from_keras.md").read_text(encoding="utf-8")
    if f"signatures of Keras {keras.__version__} " not in page:
        pytest.skip(f"the page is about another release than {keras.__version__}")
    assert program("keras_names").renewed(page) == page, "the tables lag behind the code: make readme"


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_every_argument_of_a_multilayer_perceptron_is_named(estimator):
    page = (DOCS / "coming_from_scikit_learn.md").read_text(encoding="utf-8")
    table = page.split("argument by argument\n")[1].split("\n| fitted")[0]
    named = set(re.findall(r"`(\w+)", "\n".join(line.split("|")[1] for line in table.splitlines() if "|" in line)))
    assert set(estimator().get_params()) <= named


ROWS, FEATURES = 120, 4


def gradients(loss, layers, weights, x, y):
    """Gradients of a network at weights, in float64."""
    plan = Plan(Network(FEATURES, tuple(layers)), loss, SGD(), batch_size=ROWS)
    arrays = [
        np.asarray(array, float).reshape(weight.shape)
        for array, weight in zip(weights, plan.network.weights, strict=True)
    ]
    state = initial_state(plan, arrays)
    target = y if loss.target == "labels" else y.reshape(-1, 1).astype(float)
    return ReferenceEngine(dtype=np.float64).gradients(plan, state, Matrix(x, target))[1]


def rows():
    random = np.random.default_rng(3)
    x = random.normal(size=(ROWS, FEATURES))
    return x, x @ [1.0, -2.0, 0.0, 0.5] + 0.3 + random.normal(size=ROWS)


LINEAR = {
    "Ridge": (Ridge(7.0), "mse", L2(7.0 / ROWS)),
    "Lasso": (Lasso(0.1, tol=1e-10), "mse", L1(2 * 0.1)),
    "ElasticNet": (ElasticNet(0.1, l1_ratio=0.3, tol=1e-10), "mse", L1L2(2 * 0.1 * 0.3, 0.1 * (1 - 0.3))),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_model_stands_where_the_layer_of_the_table_has_no_slope(name):
    estimator, loss, penalty = LINEAR[name]
    x, y = rows()
    estimator.fit(x, y)
    used = estimator.coef_ != 0
    assert used.sum() >= 3
    layer = Dense(1, kernel_regularizer=penalty)
    kernel, bias = gradients(losses.get(loss), [layer], [estimator.coef_, estimator.intercept_], x, y)
    np.testing.assert_allclose([*kernel.ravel()[used], *bias], 0, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_stands_where_the_layer_of_the_table_has_no_slope(classes):
    x, y = rows()
    labels = np.digitize(y, [0.0] if classes == 2 else [-1.0, 1.0])
    estimator = LogisticRegression(C=0.7, tol=1e-12, max_iter=10_000).fit(x, labels)
    penalty = L2(1 / (2 * 0.7 * ROWS))
    if classes == 2:
        layer, loss = Dense(1, "sigmoid", kernel_regularizer=penalty), losses.BinaryCrossentropy()
    else:
        layer, loss = Dense(3, "softmax", kernel_regularizer=penalty), losses.SparseCategoricalCrossentropy()
    kernel, bias = gradients(loss, [layer], [estimator.coef_.T, estimator.intercept_], x, labels)
    np.testing.assert_allclose([*kernel.ravel(), *bias], 0, atol=1e-5)


def test_quantile_regression_has_the_least_loss_of_the_table():
    x, y = rows()
    estimator = QuantileRegressor(quantile=0.8, alpha=0.05).fit(x, y)
    plan = Plan(Network(FEATURES, (Dense(1, kernel_regularizer=L1(0.05)),)), losses.Quantile([0.8]), SGD())
    random, matrix = np.random.default_rng(0), Matrix(x, y[:, None])

    def loss(kernel, bias):
        weights = (np.reshape(kernel, (FEATURES, 1)), np.reshape(bias, (1,)))
        return ReferenceEngine(dtype=np.float64).evaluate(plan, weights, matrix, batch_size=ROWS)[0]

    least = loss(estimator.coef_, estimator.intercept_)
    for _ in range(50):
        kernel, bias = random.normal(0, 0.01, FEATURES), random.normal(0, 0.01)
        assert loss(estimator.coef_ + kernel, estimator.intercept_ + bias) > least - 1e-9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_alpha_of_a_multilayer_perceptron_is_the_penalty_of_the_table(estimator):
    x, y = rows()
    alpha, settings = 0.5, {"hidden_layer_sizes": (5,), "activation": "tanh", "random_state": 0}
    if estimator is MLPClassifier:
        y, last, loss, penalty = (y > 0).astype(int), "sigmoid", losses.BinaryCrossentropy(), L2(alpha / (2 * ROWS))
    else:
        last, loss, penalty = None, losses.MeanSquaredError(), L2(alpha / ROWS)
    fitted = estimator(**settings, solver="lbfgs", alpha=alpha, tol=1e-13, max_iter=20_000, max_fun=10**6).fit(x, y)
    weights = [array for pair in zip(fitted.coefs_, fitted.intercepts_, strict=True) for array in pair]
    layers = [Dense(5, "tanh", kernel_regularizer=penalty), Dense(1, last, kernel_regularizer=penalty)]
    found = np.concatenate([each.ravel() for each in gradients(loss, layers, weights, x, y)])
    np.testing.assert_allclose(found, 0, atol=2e-4)
