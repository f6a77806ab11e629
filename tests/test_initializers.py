"""Initialisers: their variance and limits in closed form, their seeds, and Keras's own draws as oracle."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tabgrad import initializers, layers
from tabgrad.initializers import Constant, GlorotUniform, Initializer, Ones, VarianceScaling, Zeros

SHAPES = [(400, 600), (600, 400), (1, 5000)]
# v = scale / fan, from the papers.
VARIANCES = {
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, _: 2 / fan_in,
    "lecun": lambda fan_in, _: 1 / fan_in,
}
FORMS = [f"{name}_{distribution}" for name in VARIANCES for distribution in ("uniform", "normal")]


def drawn(name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Weights of an initialiser by name."""
    return initializers.get(name).draw(shape, np.random.default_rng(seed))


def variance(name: str, shape: tuple[int, ...]) -> float:
    """What the variance of a form must be."""
    return float(VARIANCES[name.partition("_")[0]](shape[0], shape[-1]))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FORMS)
def test_mean_and_variance(name: str, shape: tuple[int, ...]) -> None:
    values, v = drawn(name, shape), variance(name, shape)
    assert (values.shape, values.dtype) == (shape, np.float32)
    # A mean is within 5 of its deviations; the variance's own deviation is at most v / sqrt(n) for these distributions.
    assert abs(values.mean()) < 5 * np.sqrt(v / values.size)
    assert values.var() == pytest.approx(v, rel=5 / np.sqrt(values.size))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in FORMS if name.endswith("uniform")])
def test_a_uniform_form_fills_its_interval(name: str, shape: tuple[int, ...]) -> None:
    values, limit = drawn(name, shape), np.sqrt(3 * variance(name, shape))
    assert limit * 0.99 < np.abs(values).max() <= limit * (1 + 1e-6)
    shares = np.histogram(values, bins=10, range=(-limit, limit))[0] / values.size
    np.testing.assert_allclose(shares, 0.1, atol=5 * 0.3 / np.sqrt(values.size))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [name for name in FORMS if name.endswith("normal")])
def test_a_normal_form_is_cut_at_two_deviations(name: str, shape: tuple[int, ...]) -> None:
    # A normal distribution cut off at two has 0.7737 of its variance left, so it begins with v / 0.7737.
    deviation = np.sqrt(variance(name, shape) / 0.7737413035)
    z = drawn(name, shape) / deviation
    assert 1.97 < np.abs(z).max() <= 2 * (1 + 1e-6)
    # Within one deviation lies (0.6827 / 0.9545) of what is left; beyond cutting, nothing was heaped up at the limits.
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.682689 / 0.954500, abs=5 * 0.46 / np.sqrt(z.size))
    assert np.mean(np.abs(z) > 1.9) == pytest.approx((0.9545 - 0.942569) / 0.9545, abs=5 * 0.12 / np.sqrt(z.size))


@pytest.mark.parametrize(("initializer", "value"), [(Zeros(), 0), (Ones(), 1), (Constant(), 0), (Constant(-0.3), -0.3)])
def test_constants(initializer: Initializer, value: float) -> None:
    values = initializer.draw((3, 4), np.random.default_rng(0))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.full((3, 4), value, np.float32))


@pytest.mark.parametrize("name", FORMS)
def test_a_bias_has_its_length_as_both_fans(name: str) -> None:
    values = drawn(name, (20_000,))
    assert values.shape == (20_000,)
    assert values.var() == pytest.approx(variance(name, (20_000, 20_000)), rel=0.05)


@pytest.mark.parametrize("form", VarianceScaling.__subclasses__(), ids=lambda form: form.__name__)
def test_seeds(form: type[VarianceScaling]) -> None:
    def values(seed: int | None, model: int) -> list[float]:
        return form(seed=seed).draw((7, 5), np.random.default_rng(model)).ravel().tolist()

    assert values(None, 1) == values(None, 1) != values(None, 2)
    assert values(4, 1) == values(4, 2) != values(5, 1)


def test_a_generator_is_drawn_from_and_not_restarted() -> None:
    random = np.random.default_rng(0)
    first, second = (initializers.get("he_normal").draw((5, 5), random) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", FORMS)
def test_keras_draws_from_the_same_distribution(name: str) -> None:
    """Quantiles of 40,000 draws each; their own deviation, sqrt(q (1 - q) / n) over the density, is below 0.015."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    shape = (100, 400)
    theirs = np.asarray(keras.initializers.get({"class_name": name, "config": {"seed": 1}})(shape))
    ours, quantiles = drawn(name, shape), np.linspace(0.02, 0.98, 25)
    scale = np.sqrt(variance(name, shape))
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(theirs, quantiles), atol=0.08 * scale)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)


def test_none_is_what_an_array_of_keras_begins_with() -> None:
    layer = layers.Dense(3, kernel_initializer=None, bias_initializer=None)
    assert layer.kernel_initializer == layer.bias_initializer == GlorotUniform()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_none_is_what_an_array_of_keras_begins_with_there() -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = keras.layers.Dense(1_000, bias_initializer=None, kernel_initializer=None)
    theirs.build((None, 500))
    for array, limit in zip(theirs.get_weights(), (np.sqrt(6 / 1500), np.sqrt(6 / 2000)), strict=True):
        assert 0.9 * limit < np.abs(array).max() <= limit
    ours = layers.Dense(1_000, bias_initializer=None, kernel_initializer=None).weights(500)
    for weight, limit in zip(ours, (np.sqrt(6 / 1500), np.sqrt(6 / 2000)), strict=True):
        drawn = weight.initializer.draw(weight.shape, np.random.default_rng(0))
        assert 0.9 * limit < np.abs(drawn).max() <= limit
