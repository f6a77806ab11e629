"""Writes the golden files of a version: models, rows and what they predict. Those of a version are written once.

python tests/golden/make.py 0.1
"""

import json
import sys
from pathlib import Path

import numpy as np

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


def main():
    (version,) = sys.argv[1:]
    for make in (small, rich):
        model, rows = make()
        path = HERE / f"sequential-{make.__name__}-{version}.tabgrad"
        if path.exists():
            sys.exit(f"{path} is there already, and must load for ever")
        model.save(path)
        state = model.state
        facts = {
            "rows": rows,
            "predictions": model.predict(rows if make is small else [np.array(each) for each in rows]).tolist(),
            "step": state.step,
            "epochs_done": model.epochs_done,
            "seed": model.seed,
            "learning_rate": model.learning_rate,
            "loss": model.history.history["loss"],
            "optimizer": repr(model.optimizer),
        }
        path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
