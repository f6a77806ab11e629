"""Writes the golden files of a version: models, rows and what they predict. Those of a version are written once.

python tests/golden/make.py 0.1 [names of models, else all]
"""

import json
import sys
from pathlib import Path

import numpy as np

from tabgrad import Classifier, Regressor
from tabgrad.estimators import EnsembleClassifier, EnsembleRegressor
from tabgrad.layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Input,
    LayerNormalization,
    Residual,
)
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, AdamW
from tabgrad.optimizers.schedules import CosineDecay
from tabgrad.table import Table

HERE = Path(__file__).parent


def small():
    """Two numbers, compiled and trained with momentum."""
    random = np.random.default_rng(0)
    x = random.normal(size=(20, 2)).round(3)
    model = Sequential([Dense(2, "tanh", input_dim=2), Dense(1)], seed=7, name="small")
    model.compile(SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
    model.fit(x, x.sum(axis=1), epochs=3, batch_size=8, verbose=0)
    return model, x[:4].tolist()


def rich():
    """Numbers and codes, layers of many kinds, a schedule and averages of the weights."""
    random = np.random.default_rng(1)
    numeric, codes = random.normal(size=(40, 3)).round(3), random.integers(0, [3, 5], (40, 2))
    layers = [
        Input([(3,), (2,)]),
        Embedding([3, 5], [2, 2]),
        Dense(4, "relu", kernel_regularizer="l2"),
        BatchNormalization(),
        Residual([Dense(4, "gelu"), Dropout(0.25), LayerNormalization()]),
        Dense(2, trainable=False, name="frozen"),
        Activation("softmax"),
    ]
    model = Sequential(layers, seed=3, name="rich")
    optimizer = AdamW(CosineDecay(0.01, 100), weight_decay=0.01, use_ema=True, clipnorm=1.0)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], weighted_metrics=["sparse_categorical_crossentropy"])
    model.fit([numeric, codes], codes[:, 0] % 2, epochs=2, batch_size=16, validation_split=0.2, verbose=0)
    return model, [numeric[:4].tolist(), codes[:4].tolist()]


def table():
    """Numbers with gaps, words, dates and truth values."""
    random = np.random.default_rng(2)
    columns = {
        "hours": random.normal(size=60).round(3).tolist(),
        "subject": random.choice(["maths", "art", "<music>"], 60).tolist(),
        "street": random.choice([f"street {number}" for number in range(10)], 60).tolist(),
        "old": random.choice([True, False], 60).tolist(),
        "born": (np.datetime64("2001-01-01", "D") + random.integers(0, 9999, 60)).astype(str).tolist(),
    }
    for place in (3, 8, 20, 31):
        columns["hours"][place] = columns["subject"][place + 1] = None
    return columns


def taught(estimator, target):
    """An estimator fitted to the table, and its first rows."""
    columns = table()
    estimator.fit(columns, target(columns))
    return estimator, {name: values[:6] for name, values in columns.items()}


def classifier():
    """Three classes, settings that are records."""
    settings = {
        "optimizer": SGD(momentum=0.9),
        "class_weight": {"art": 2.0},
        "random_state": 5,
        "epochs": 3,
        "preset": "single",
    }
    return taught(Classifier((4,), **settings), lambda columns: ["art", "maths", "music"] * 20)


def regressor():
    """Two targets."""
    values = np.random.default_rng(3).normal(size=(60, 2)).round(3)
    return taught(Regressor((3,), random_state=5, epochs=2, preset="single"), lambda columns: values)


def ensemble_classifier():
    """Estimators of one network and of two, two of which encode the table alike."""
    single = {"random_state": 5, "epochs": 2, "preset": "single"}
    several = {"random_state": 6, "epochs": 2, "preset": "fast", "members": 2, "numeric_embedding": "none"}
    members = [Classifier((3,), **single), Classifier((2,), **several), Classifier((4,), numeric="robust", **single)]
    ensemble = EnsembleClassifier(members, weights=[1, 2, 1])
    return taught(ensemble, lambda columns: ["art", "maths", "music"] * 20)


def ensemble_regressor():
    """Two losses over two targets, and rows that were held out."""
    values = np.random.default_rng(3).normal(size=(60, 2)).round(3)
    several = {"epochs": 2, "preset": "fast", "members": 2, "numeric_embedding": "none"}
    members = [Regressor((3,), random_state=5, **several), Regressor((2,), random_state=6, loss="mae", **several)]
    return taught(EnsembleRegressor(members, weights=[1, 3]), lambda columns: values)


def facts_of_ensemble(model, rows):
    """What a loaded ensemble must say again."""
    classes = isinstance(model, EnsembleClassifier)
    return {
        "predictions": model.predict(rows).tolist(),
        "outputs": (model.predict_proba if classes else model.predict_interval)(rows).tolist(),
        "weights": model.weights_.tolist(),
        "scores": model.scores_,
        "members": [repr(member) for member in model.members_],
    }


def facts_of(model, rows):
    """What a loaded model must say again."""
    if hasattr(model, "members_"):
        return facts_of_ensemble(model, rows)
    if isinstance(model, Sequential):
        given = [np.array(each) for each in rows] if isinstance(rows[0][0], list) else rows
        return {
            "predictions": model.predict(given).tolist(),
            "step": model.state.step,
            "epochs_done": model.epochs_done,
            "seed": model.seed,
            "learning_rate": model.learning_rate,
            "loss": model.history.history["loss"],
            "optimizer": repr(model.optimizer),
        }
    encoded = model.encoder_.encode(Table.of(rows))
    return {
        "predictions": model.predict(rows).tolist(),
        "outputs": model.model_.predict((encoded.x, encoded.codes)).tolist(),
        "features": model.encoder_.features,
        "loss": model.loss_curve_,
        "schema": repr(model.table_schema_),
        "parameters": repr(model),
    }


def main():
    version, *names = sys.argv[1:]
    forms = {
        "sequential-small": small,
        "sequential-rich": rich,
        "classifier": classifier,
        "regressor": regressor,
        "ensemble_classifier": ensemble_classifier,
        "ensemble_regressor": ensemble_regressor,
    }
    for name in names or forms:
        model, rows = forms[name]()
        path = HERE / f"{name}-{version}.tabgrad"
        if path.exists():
            sys.exit(f"{path} is there already, and must load for ever")
        model.save(path)
        facts = {"rows": rows, **facts_of(model, rows)}
        path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
