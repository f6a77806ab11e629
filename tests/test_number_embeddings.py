"""Numbers as vectors: what the layers compute in closed forms, what they can learn, what they refuse."""

from typing import Any

import numpy as np
import pytest

from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers import Dense, Input, PeriodicEmbedding, PiecewiseLinearEmbedding, Scale
from tabgrad.models import Sequential

KNOTS = [[-1.0, 0.0, 0.5, 2.0], [0.0, 4.0]]
X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32) * 2


def embedded(layer: Any, *weights: np.ndarray) -> np.ndarray:
    """What a layer with these weights makes of X."""
    model = Sequential([Input((3,)), layer], seed=0)
    if weights:
        model.set_weights(weights)
    return model.predict(X, verbose=0)


def test_a_column_is_a_line_at_first() -> None:
    model = Sequential([Input((3,)), PiecewiseLinearEmbedding(KNOTS, 2)], seed=0)
    a, c, v = model.get_weights()
    assert [a.shape, c.shape, v.shape] == [(2, 2), (2, 2), (4, 2)]
    assert not v.any()
    y = model.predict(X, verbose=0)
    np.testing.assert_array_equal(y[:, :3], X)
    np.testing.assert_allclose(y[:, 3:5], X[:, :1] * a[0] + c[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[:, 5:], X[:, 1:2] * a[1] + c[1], rtol=1e-5, atol=1e-6)


def test_pieces_are_an_interpolation_between_knots() -> None:
    """NumPy's, with two more knots: half a piece before the first and behind the last."""
    v = np.array([[1.0], [-2.0], [3.0], [0.5]], np.float32)
    flat = np.zeros((2, 1), np.float32)
    y = embedded(PiecewiseLinearEmbedding(KNOTS, 1), flat, flat, v)
    first = np.interp(X[:, 0], [-1.5, -1, 0, 0.5, 2, 2.75], [-0.5, 0, 1, -1, 2, 3.5])
    second = np.interp(X[:, 1], [-2, 0, 4, 6], [-0.25, 0, 0.5, 0.75])
    np.testing.assert_allclose(y[:, 3], first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[:, 4], second, rtol=1e-5, atol=1e-6)


def test_values_on_a_knot_and_far_beyond() -> None:
    flat, v = np.zeros((1, 1), np.float32), np.ones((3, 1), np.float32)
    model = Sequential([Input((1,)), PiecewiseLinearEmbedding(KNOTS[:1], 1)])
    model.set_weights([flat, flat, v])
    values = np.array([[-1e30], [-1.0], [0.0], [0.5], [2.0], [1e30]], np.float32)
    assert model.predict(values, verbose=0)[:, 1].tolist() == [-0.5, 0.0, 1.0, 2.0, 3.0, 3.5]


def test_waves_are_cosines_cut_at_zero() -> None:
    random = np.random.default_rng(1)
    w, p, W, c = (random.normal(size=shape).astype(np.float32) for shape in ((2, 5), (2, 5), (2, 15), (2, 3)))
    y = embedded(PeriodicEmbedding(2, 3, 5), w, p, W, c)
    np.testing.assert_array_equal(y[:, :3], X)
    for j in range(2):
        h = np.cos(2 * np.pi * X[:, j : j + 1] * w[j] + p[j])
        e = np.maximum(h @ W[j].reshape(5, 3) + c[j], 0)
        np.testing.assert_allclose(y[:, 3 + 3 * j : 6 + 3 * j], e, rtol=0, atol=2e-5)


def test_the_first_weights_of_waves() -> None:
    w, p, W, c = Sequential([Input((40,)), PeriodicEmbedding(40, 8, 64, scale=0.5)], seed=0).get_weights()
    assert w.std() == pytest.approx(0.5, rel=0.05)
    assert abs(p).max() == pytest.approx(np.pi, rel=0.01)
    assert abs(W).max() == pytest.approx(1 / 8, rel=0.01)
    assert abs(c).max() <= 1 / 8


@pytest.mark.parametrize("layer", [PiecewiseLinearEmbedding([np.linspace(-2, 2, 17)]), PeriodicEmbedding(1)])
def test_a_linear_model_behind_it_bends(layer: Any) -> None:
    x = np.linspace(-2, 2, 500)[:, np.newaxis]
    y = np.abs(np.abs(x) - 1)  # three corners
    losses = []
    for row in ([Dense(1)], [layer, Dense(1)]):
        model = Sequential([Input((1,)), *row], seed=0)
        model.compile("adam", "mse")
        losses.append(model.fit(x, y, epochs=150, batch_size=16, verbose=0).history["loss"][-1])
    assert losses[0] > 0.05
    assert losses[1] < 0.004


def test_a_scale_is_a_diagonal() -> None:
    gamma = np.array([2.0, -1.0, 0.0], np.float32)
    np.testing.assert_array_equal(embedded(Scale()), X)
    np.testing.assert_array_equal(embedded(Scale(), gamma), X * gamma)


@pytest.mark.parametrize(
    "knots, error, message",
    [
        ([], ArgumentError, "must have a list for at least one column. Got none"),
        ([[0.0]], ArgumentError, r"at least two finite numbers a column, .* Got \[0.0\] in column 0"),
        ([[0, 1], [1, 1]], ArgumentError, r"each above the one before in float32. Got \[1.0, 1.0\] in column 1"),
        ([[1, 1 + 1e-12]], ArgumentError, "in float32"),
        ([[0, float("inf")]], ArgumentError, "finite"),
        ([[0, float("nan")]], ArgumentError, "finite"),
        ([["a", "b"]], ArgumentTypeError, "must be a list of numbers for each column. Got"),
        (3, ArgumentTypeError, "must be a list of numbers for each column. Got 3"),
    ],
)
def test_knots_that_are_none(knots: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PiecewiseLinearEmbedding(knots)


@pytest.mark.parametrize("layer", [PiecewiseLinearEmbedding([[0, 1]] * 4), PeriodicEmbedding(4)])
def test_more_columns_than_come_in(layer: Any) -> None:
    with pytest.raises(
        ArgumentError, match=r"takes the first 4 columns, as '(knots|columns)' (has|says)\. Its input has 3"
    ):
        Sequential([Input((3,)), layer])


def test_a_model_of_them_is_data() -> None:
    row = [Input((3,)), PiecewiseLinearEmbedding(KNOTS), PeriodicEmbedding(3), Scale(), Dense(1)]
    model = Sequential(row, seed=0)
    again = Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert again.count_params() == model.count_params() == 3 * 4 * 2 - 8 + 16 + 2 * 48 + 3 * 128 + 24 + 35 + 36
