"""What an installed wheel must do, and hold: run against it in an empty environment by `make smoke`, and here."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import tabgrad
from tabgrad.engines.select import get_engine
from tabgrad.layers import BatchNormalization, Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.wrappers.scikit_learn import KerasClassifier

pytestmark = pytest.mark.smoke

MOST_BYTES = 5_000_000


def blobs():
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    return np.eye(3)[labels] * 3 + random.normal(size=(600, 3)), labels


def network(units=16):
    layers = [Dense(units, activation="relu"), BatchNormalization(), Dropout(0.1), Dense(3, activation="softmax")]
    model = Sequential(layers, seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_the_native_engine_trains_and_its_file_of_weights_comes_back(tmp_path):
    assert type(get_engine()).__name__ == "NativeEngine"
    x, labels = blobs()
    model = network()
    model.fit(x, labels, epochs=20, verbose=0)
    assert model.evaluate(x, labels, verbose=0)[1] > 0.93
    model.save_weights(tmp_path / "model.weights.safetensors")
    other = network()
    other.build((None, 3))
    other.load_weights(tmp_path / "model.weights.safetensors")
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_a_grid_search_runs():
    x, labels = blobs()
    search = GridSearchCV(KerasClassifier(network, epochs=5, verbose=0, random_state=0), {"units": [2, 16]}, cv=2)
    assert search.fit(x, labels).best_score_ > 0.8


def editable(distribution):
    url = distribution.read_text("direct_url.json")
    return url is not None and json.loads(url).get("dir_info", {}).get("editable", False)


def test_the_wheel_holds_the_package_and_nothing_else():
    distribution = importlib.metadata.distribution("tabgrad")
    if editable(distribution):
        pytest.skip("an editable install is no wheel")
    files = [path for path in distribution.files if "__pycache__" not in path.parts]
    assert {path.parts[0] for path in files} == {"tabgrad", f"tabgrad-{tabgrad.__version__}.dist-info"}
    names = {path.as_posix() for path in files}
    assert {"tabgrad/py.typed", "tabgrad/_native.pyi", "tabgrad/__init__.py"} <= names
    assert any(name.endswith("/LICENSE") for name in names)
    compiled = [path for path in files if path.name.startswith("_native.") and path.suffix in (".so", ".pyd")]
    assert len(compiled) == 1
    allowed = {".py", ".pyi", ".typed", ""} | {compiled[0].suffix}
    assert {Path(path.name).suffix for path in files if path.parts[0] == "tabgrad"} <= allowed
    assert sum(path.locate().stat().st_size for path in files) < MOST_BYTES
