"""Value and slope of each activation, side by side: the reference engine's formulas.

``f(z)`` and ``f'(z)`` of an array ``z`` of weighted sums, shape (batch, units); `tabgrad.activations` has the sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tabgrad import activations

Through = Callable[[np.ndarray], np.ndarray]
"""From the error of the outputs, dL/df, to the error of the sums, dL/dz; both of shape (batch, units)."""

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al., equation 14


def activated(activation: activations.Activation, z: np.ndarray) -> tuple[np.ndarray, Through]:
    """``f(z)``, and the way back through f: ``dL/dz = dL/df * f'(z)``, for softmax by its Jacobian."""
    if isinstance(activation, activations.Softmax):
        p = np.exp(log_softmax(z))
        return p, lambda d: p * (d - (p * d).sum(axis=1, keepdims=True))
    value, slope = VALUE_AND_SLOPE[activation.kind](activation, z)
    return value.astype(z.dtype), lambda d: d * slope.astype(z.dtype)


def log_softmax(z: np.ndarray) -> np.ndarray:
    """``z_i - log(sum_j e^(z_j))`` of each row, its largest sum taken out first so that no power overflows."""
    z = z - z.max(axis=1, keepdims=True)
    log_p: np.ndarray = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return log_p


def sigmoid_of(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + e^-z)``, with the power of a negative number on either side."""
    e: np.ndarray = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def softplus_of(z: np.ndarray) -> np.ndarray:
    """``log(1 + e^z)``, with the power of a negative number on either side."""
    e: np.ndarray = np.exp(-np.abs(z))
    value: np.ndarray = np.maximum(z, 0) + np.log1p(e)
    return value


ValueAndSlope = tuple[np.ndarray, np.ndarray]


def _linear(_: activations.Linear, z: np.ndarray) -> ValueAndSlope:
    return z, np.ones_like(z)


def _relu(a: activations.Relu, z: np.ndarray) -> ValueAndSlope:
    above = z > a.threshold
    value = np.where(above, z, a.negative_slope * (z - a.threshold))
    slope = np.where(above, 1, a.negative_slope)
    if a.max_value is not None:
        limited = z >= a.max_value
        value, slope = np.where(limited, a.max_value, value), np.where(limited, 0, slope)
    return value, slope


def _leaky_relu(a: activations.LeakyRelu, z: np.ndarray) -> ValueAndSlope:
    return np.where(z > 0, z, a.negative_slope * z), np.where(z > 0, 1, a.negative_slope)


def _elu(a: activations.Elu, z: np.ndarray) -> ValueAndSlope:
    below = np.minimum(z, 0)
    return np.where(z > 0, z, a.alpha * np.expm1(below)), np.where(z > 0, 1, a.alpha * np.exp(below))


def _selu(_: activations.Selu, z: np.ndarray) -> ValueAndSlope:
    value, slope = _elu(activations.Elu(SELU_ALPHA), z)
    return SELU_SCALE * value, SELU_SCALE * slope


def _gelu(a: activations.Gelu, z: np.ndarray) -> ValueAndSlope:
    if a.approximate:
        t = np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))
        inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z**2)
        return z * (1 + t) / 2, (1 + t) / 2 + z * (1 - t**2) * inner_slope / 2
    probability = _error_function(z / math.sqrt(2)) / 2 + 0.5
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return z * probability, probability + z * density


def _silu(_: activations.Silu, z: np.ndarray) -> ValueAndSlope:
    s = sigmoid_of(z)
    return z * s, s * (1 + z * (1 - s))


def _mish(_: activations.Mish, z: np.ndarray) -> ValueAndSlope:
    t, s = np.tanh(softplus_of(z)), sigmoid_of(z)
    return z * t, t + z * (1 - t**2) * s


def _tanh(_: activations.Tanh, z: np.ndarray) -> ValueAndSlope:
    f = np.tanh(z)
    return f, 1 - f**2


def _sigmoid(_: activations.Sigmoid, z: np.ndarray) -> ValueAndSlope:
    f = sigmoid_of(z)
    return f, f * (1 - f)


def _softplus(_: activations.Softplus, z: np.ndarray) -> ValueAndSlope:
    return softplus_of(z), sigmoid_of(z)


_error_function = np.vectorize(math.erf, otypes=[np.float64])

VALUE_AND_SLOPE: dict[str, Callable[..., ValueAndSlope]] = {
    "linear": _linear,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
}
