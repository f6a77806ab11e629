"""The article's three programs, as the examples have them: they learn what is exact, or as well as Keras does."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tabgrad import _seeds

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch):
    """The examples' folder to import from, and one seed for all models."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(_seeds, "_session", np.random.default_rng(0))
    yield
    sys.modules.pop("tables", None)


def run(program, replaced):
    """The names of an example after it ran with some of its words replaced."""
    source = (EXAMPLES / program).read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in source, f"{program} has no {old!r}"
        source = source.replace(old, new)
    names = {"__name__": "__main__"}
    exec(compile(source, program, "exec"), names)
    return names


def test_linear_regression_arrives_at_least_squares():
    names = run("01_linear_regression.py", {})
    x, y = names["X_train"].to_numpy(), names["y_train"].to_numpy()
    exact = LinearRegression().fit(x, y)
    kernel, bias = names["model"].get_weights()
    # Adam of rate 0.01 does not rest: its weights, of size 10, are 0.1 off
    np.testing.assert_allclose(kernel.ravel(), exact.coef_, atol=0.3)
    np.testing.assert_allclose(bias, exact.intercept_, atol=0.5)
    error, least = (np.mean((model.predict(x).ravel() - y) ** 2) for model in (names["model"], exact))
    assert 1 <= error / least < 1.002


FEW = {"epochs=20": "epochs=2"}


def accuracy(names):
    return np.mean(names["y_te"] == names["y_pr"])


def test_classification_tells_the_beans_apart_after_few_epochs(capsys):
    names = run("02_classification.py", FEW)
    assert accuracy(names) > 0.90  # over the seeds 0.914 to 0.923, and so with Keras
    assert f"accuracy                           {accuracy(names):.2f}      2723" in capsys.readouterr().out


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`", "ignore::DeprecationWarning")
def test_classification_is_the_same_program_with_the_word_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    theirs = accuracy(run("02_classification.py", {**FEW, "tabgrad": "keras"}))
    ours = np.mean([accuracy(run("02_classification.py", FEW)) for _ in range(4)])
    assert ours == pytest.approx(theirs, abs=0.012)  # over the seeds both have a deviation of 0.003


@pytest.mark.parametrize("searching", ["sklearn.model_selection", "tabgrad.search"])
def test_grid_search_runs_as_in_the_article(searching, capsys):
    grid = 'optimizer=["rmsprop", "adam"], epochs=[5, 10, 15], batch_size=[32, 128]'
    article = 'optimizer=["rmsprop"], epochs=[5, 10, 15], batch_size=[128], verbose=["2"]'
    names = run("03_grid_search.py", {grid: article, "tabgrad.search": searching})
    search, lines = names["grid"], capsys.readouterr().out.splitlines()
    assert type(search).__module__.startswith(searching)
    assert search.best_params_ == {"optimizer": "rmsprop", "epochs": 15, "batch_size": 128, "verbose": "2"}
    assert search.cv_results_["param_epochs"].tolist() == [5, 10, 15]
    scores = search.cv_results_["mean_test_score"]
    assert search.best_score_ == scores.max() > 0.91
    assert scores[0] < scores[2]
    assert search.score(names["X_test"].values, names["y_test"].values) > 0.91
    epochs = 15 + (5 * (5 + 10 + 15) if searching.startswith("sklearn") else 0)  # side by side they say nothing
    assert sum(line.startswith("Epoch ") for line in lines) == epochs  # verbose="2": a line for each
