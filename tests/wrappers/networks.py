"""Building functions and a table for the wrappers' tests; in a module, so that a worker can load them."""

import numpy as np
from sklearn.datasets import load_iris

from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential

X, NUMBERS = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]
ONE_HOT = np.eye(3, dtype=np.float32)[NUMBERS]


def uncompiled(meta, hidden=16):
    """Outputs for whatever the data is."""
    if "n_classes_" not in meta:
        last = Dense(meta["n_outputs_"])
    elif meta["target_type_"] == "multilabel-indicator":
        last = Dense(meta["n_classes_"], activation="sigmoid")
    else:
        last = Dense(meta["n_classes_"], activation="softmax")
    return Sequential([Dense(hidden, activation="relu"), last])


def compiled(hidden=16, units=3, activation="softmax", optimizer="adam", loss="sparse_categorical_crossentropy"):
    """A network with dropout, ready to train."""
    model = Sequential([Dense(hidden, activation="relu"), Dropout(0.1), Dense(units, activation=activation)])
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def fixed():
    """Compiled, and nothing to choose."""
    return compiled()
