"""Layers in a model: what they need of it, what they refuse, and what only shows in use."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgrad import layers
from tabgrad.engines.base import Job, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers import (
    Activation,
    AlphaDropout,
    BatchNormalization,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNormalization,
    Normalization,
    Rescaling,
    Residual,
)
from tabgrad.losses import MeanSquaredError
from tabgrad.matrix import Matrix
from tabgrad.models import Sequential
from tabgrad.optimizers import Adam
from tabgrad.plan import Network, Plan

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 4)).astype(np.float32)
Y = (X[:, :1] - X[:, 1:2]).astype(np.float32)


def model_of(*row: layers.Layer, seed: int = 0) -> Sequential:
    model = Sequential(list(row), seed=seed)
    model.compile("sgd", "mse")
    return model


# ---- Batch normalisation ---------------------------------------------------------------------------------------------


def test_moving_averages_forget_by_the_momentum() -> None:
    norm = BatchNormalization(momentum=0.9, input_shape=(4,))
    model = model_of(norm, Dense(1))
    model.fit(X, Y, epochs=3, batch_size=64, verbose=0)
    _, _, mean, variance, *_ = model.get_weights()
    kept = 0.9**3
    np.testing.assert_allclose(mean, (1 - kept) * X.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, kept + (1 - kept) * X.var(axis=0), rtol=1e-5)


def test_a_prediction_uses_the_moving_averages() -> None:
    model = model_of(BatchNormalization(epsilon=1e-6, input_shape=(4,)))
    gamma, beta, mean, variance = [2.0] * 4, [1.0] * 4, [0.5] * 4, [4.0] * 4
    model.set_weights([gamma, beta, mean, variance])
    np.testing.assert_allclose(model.predict(X), 2 * (X - 0.5) / 2 + 1, rtol=1e-5, atol=1e-6)


def test_a_frozen_normalisation_stays_what_it_is() -> None:
    model = model_of(BatchNormalization(trainable=False, input_shape=(4,)), Dense(1))
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    for old, new in zip(before[:4], model.get_weights()[:4], strict=True):
        np.testing.assert_array_equal(old, new)


def test_rows_that_meet_give_the_same_bits_on_any_number_of_threads() -> None:
    row = (
        Dense(256, "relu"),
        Residual([BatchNormalization(), Dense(256, "relu"), Dropout(0.2), Dense(256)]),
        Residual([LayerNormalization(), Dense(256, "gelu"), BatchNormalization(), Dense(256)]),
        Dense(1),
    )
    plan = Plan(Network(4, row), MeanSquaredError(), Adam(), batch_size=256, seed=1)
    rows = Matrix(np.tile(X, (8, 1)), np.tile(Y, (8, 1)))
    one, *others = (get_engine().fit(Job(plan, initial_state(plan), rows, epochs=2), threads=n) for n in (1, 2, 3))
    for other in others:
        assert [w.tobytes() for w in other.state.weights] == [w.tobytes() for w in one.state.weights]


def test_a_batch_of_one_row_has_no_variance() -> None:
    model = model_of(Dense(3, input_dim=4), Residual([BatchNormalization()]), Dense(1))
    message = r"one row has no variance. Got 64 rows in batches of 1. Use a larger batch, or LayerNormalization."
    with pytest.raises(ArgumentError, match=message):
        model.fit(X, Y, batch_size=1, verbose=0)
    with pytest.raises(ArgumentError, match="Got 1 row in batches of 1"):
        model.train_on_batch(X[:1], Y[:1])
    with pytest.warns(UserWarning, match=r"last of the batches of 21 out of 64 rows is a single row.*batch_size.*: 22"):
        model.fit(X, Y, batch_size=21, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, batch_size=32, verbose=0)
        model_of(Dense(1, input_dim=4), LayerNormalization()).fit(X, Y, batch_size=1, verbose=0)


# ---- Noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [GaussianNoise(0.5), AlphaDropout(0.3), layers.GaussianDropout(0.3), Dropout(0.3)])
def test_noise_is_for_training_alone(noise: layers.Layer) -> None:
    noisy, plain = model_of(Dense(6, input_dim=4), noise, Dense(1)), model_of(Dense(6, input_dim=4), Dense(1))
    np.testing.assert_array_equal(noisy.predict(X), plain.predict(X))
    assert noisy.fit(X, Y, verbose=0).history["loss"] != plain.fit(X, Y, verbose=0).history["loss"]


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    """Of selu's fixed point: the loss against a target of zero is the second moment of what passes, here 1."""
    rows = RANDOM.normal(size=(20_000, 8)).astype(np.float32)
    model = model_of(AlphaDropout(0.4, input_shape=(8,)))
    loss = model.fit(rows, np.zeros_like(rows), batch_size=20_000, verbose=0).history["loss"][0]
    assert loss == pytest.approx(1, abs=0.03)


# ---- Residual blocks -------------------------------------------------------------------------------------------------


def test_a_residual_block_adds_its_input() -> None:
    model = model_of(Residual([Dense(4, kernel_initializer="zeros", bias_initializer="ones")], input_shape=(4,)))
    np.testing.assert_array_equal(model.predict(X), X + 1)


def test_blocks_are_shown_and_counted_as_one_layer() -> None:
    shown: list[str] = []
    model = model_of(Dense(8, input_dim=4), Residual([Dense(3), Dense(8)], name="block"), Dense(1))
    model.summary(print_fn=shown.append)
    assert "block (Residual)" in shown[0]
    assert "59" in shown[0]  # 8 x 3 + 3 + 3 x 8 + 8
    assert [array.shape for array in model.get_weights()][2:6] == [(8, 3), (3,), (3, 8), (8,)]


def test_residual_blocks_refuse_what_cannot_be_added() -> None:
    with pytest.raises(
        ArgumentError, match=r"8 come in, 3 come out. Let the last one be Dense\(8\), or put Dense\(3\)"
    ):
        Sequential([Dense(8, input_dim=4), Residual([Dense(3)])])
    with pytest.raises(ArgumentTypeError, match=r"'layers' of Residual must be a list of layers. Got Dense"):
        Residual(Dense(3))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"at least one layer, and no Input. Got none"):
        Residual([])
    with pytest.raises(ArgumentError, match=r"at least one layer, and no Input. Got an Input"):
        Residual([layers.Input((3,))])


# ---- Fixed scales ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, list])
def test_normalization_adapts_to_a_table(kind: Any) -> None:
    table = np.array([[1990.0, 0], [2010, 0], [2024, 0]])
    norm = Normalization()
    norm.adapt(kind(table))
    expected = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-7)
    np.testing.assert_allclose(_through(norm, table), expected)
    back = Normalization(mean=norm.mean, variance=norm.variance, invert=True)
    np.testing.assert_allclose(_through(back, expected), table, atol=1e-3)


def _through(layer: layers.Layer, table: np.ndarray) -> np.ndarray:
    model = Sequential([layer])
    model.build((None, table.shape[1]))
    return model.predict(table)


def test_scales_refuse_what_does_not_fit() -> None:
    with pytest.raises(NotReadyError, match=r"no mean and variance yet. Call its adapt\(table\) first"):
        _through(Normalization(), X)
    with pytest.raises(ArgumentError, match="'mean' and 'variance' together, or neither"):
        Normalization(mean=0.0)
    with pytest.raises(ArgumentError, match="'variance' of Normalization must be at least 0"):
        Normalization(mean=0.0, variance=-1.0)
    with pytest.raises(ArgumentError, match=r"Got nan in row 1, column 0"):
        Normalization().adapt([[1.0, 2.0], [np.nan, 0.0]])
    with pytest.raises(ArgumentTypeError, match="adapt of Normalization takes a table of numbers"):
        Normalization().adapt([["a", "b"]])
    with pytest.raises(ArgumentError, match=r"takes a table, \(rows, columns\). Got shape \(3,\)"):
        Normalization().adapt([1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match="'scale' of Rescaling has 2 numbers, but the layer receives 4 columns"):
        _through(Rescaling([1.0, 2.0]), X)
    with pytest.raises(ArgumentTypeError, match="'scale' of Rescaling must be a number or a list of numbers"):
        Rescaling("wide")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'offset' of Rescaling must be finite numbers"):
        Rescaling(1.0, offset=np.inf)
    for layer in (BatchNormalization, LayerNormalization, Normalization):
        with pytest.raises(ArgumentError, match=f"'axis' of {layer.__name__} must be -1"):
            layer(axis=0)


def test_an_activation_that_follows_a_branch_leaves_the_other_way_alone() -> None:
    """The block's input goes past the tanh that stands first inside it."""
    model = model_of(Dense(4, input_dim=4, kernel_initializer="ones"), Residual([Activation("tanh")]))
    dense = X.sum(axis=1, keepdims=True).repeat(4, axis=1)
    np.testing.assert_allclose(model.predict(X), dense + np.tanh(dense), rtol=1e-5, atol=1e-5)
