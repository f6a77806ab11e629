"""Warnings name the line of the user that led to them, whoever stands between."""

import contextlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgrad import Classifier, Regressor, Sequential, layers, search
from tabgrad.errors import DivergenceError

pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(120, 3))
Y = X @ [1.0, -2.0, 0.5]
LABELS = (Y > 0).astype(int)
FRAME = pd.DataFrame(X, columns=list("abc"))
QUICK = {"preset": "single", "hidden_layer_sizes": (4,), "epochs": 2, "early_stopping": False, "random_state": 0}
MEMBERS = {**QUICK, "preset": "fast"}


def quick(**others):
    return Classifier(**{**QUICK, **others})


def network(*, loss="mse", metrics=()):
    model = Sequential([layers.Dense(2, input_dim=3), layers.BatchNormalization(), layers.Dense(1)], seed=0)
    model.compile("adam", loss, metrics=list(metrics))
    return model


def diverging(**others):
    return Regressor(**{**QUICK, "optimizer": "sgd", "learning_rate": 1e30, "epochs": 5, **others})


def searched(**others):
    return search.GridSearchCV(quick(), {"epochs": [1, 2]}, cv=2, **others)


CAUSES = {
    "diverged": lambda: diverging().fit(X, Y),
    "diverged early stopping": lambda: diverging(early_stopping=True).fit(X, Y),
    "diverged members": lambda: diverging(preset="fast").fit(X, Y),
    "one column of y": lambda: quick().fit(X, LABELS[:, None]),
    "names that fit had not": lambda: quick().fit(X, LABELS).predict(FRAME),
    "no names": lambda: quick().fit(FRAME, LABELS).predict_proba(X),
    "no names, members": lambda: Classifier(**MEMBERS).fit(FRAME, LABELS).score(X, LABELS),
    "a column more": lambda: quick().fit(FRAME, LABELS).predict(FRAME.assign(d=1.0)),
    "a leak": lambda: Regressor(**QUICK).fit(FRAME.assign(d=Y), Y),
    "levels never seen": lambda: quick().fit(FRAME.assign(d=["u", "v"] * 60), LABELS).predict(FRAME.assign(d="w")),
    "a pipeline": lambda: make_pipeline(StandardScaler(), quick()).fit(X, LABELS[:, None]),
    "a cross-validation": lambda: cross_val_predict(quick(), X, LABELS[:, None], cv=2),
    "fits of a search": lambda: searched().fit(X, LABELS[:, None]),
    "a search without scores": lambda: searched(scoring=lambda *_: np.nan).fit(X, LABELS),
    "a batch of one row": lambda: network().fit(X[:33], Y[:33], batch_size=32, verbose=0),
    "a network that diverged": lambda: network().fit(X, Y * 1e30, verbose=0),
    "a generator that ends": lambda: network().fit(iter([(X, Y)]), steps_per_epoch=1, epochs=2, verbose=0),
    "a metric of one output": lambda: network(metrics=["f1_score"]).fit(X, Y[:, None], verbose=0),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_warning_names_the_line_that_led_to_it(cause):
    with warnings.catch_warnings(record=True) as caught, contextlib.suppress(DivergenceError):
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "One or more of the test scores")  # scikit-learn's own, of its own line
        CAUSES[cause]()
    assert caught
    line = CAUSES[cause].__code__.co_firstlineno
    assert {(each.filename, each.lineno) for each in caught} == {(__file__, line)}


@pytest.mark.parametrize("name", [None, 5, "", "__main__", "tabgrad_tools"])
def test_a_program_may_have_any_name(name):
    program = compile("make().fit(X, y)", "program.py", "exec")
    with pytest.warns(DataConversionWarning) as caught:
        exec(program, {"__name__": name, "make": quick, "X": X, "y": LABELS[:, None]})
    assert [each.filename for each in caught] == ["program.py"]


def test_a_thread_without_the_users_lines_names_the_librarys():
    with ThreadPoolExecutor(1) as pool, pytest.warns(DataConversionWarning) as caught:
        pool.submit(quick().fit, X, LABELS[:, None]).result()
    assert Path(caught[0].filename).parent.name == "estimators"
