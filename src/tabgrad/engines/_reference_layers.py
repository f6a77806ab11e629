"""Layers of the reference engine: forward, and inside it backward, where the values it needs still have their names.

``x`` is what comes in and ``y`` what goes out, both (batch, units); ``dx`` and ``dy`` are the loss's slopes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from tabgrad import _seeds, layers
from tabgrad.engines._reference_activations import activated
from tabgrad.layers._piecewise import BEYOND

Backward = Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray]]]
"""From the error of an output, dL/dy, to that of the input, dL/dx, and to the gradients of the weights between."""
Forward = tuple[np.ndarray, Backward]
Arrays = Sequence[np.ndarray]


@dataclass(frozen=True)
class Crossing:
    """What went through a layer, there and back.

    Parameters
    ----------
    layer : Layer
    weights : tuple of int
        The places of its arrays among the network's; none for a residual block, whose layers have their own.
    depth : int
        In how many residual blocks it stands. A block's own crossing follows those of its layers.
    values : dict
        Arrays by their names in the layer's formulas: `x`, `y`, what the layer notes, and on the way back `dy`, `dx`.
    """

    layer: layers.Layer
    weights: tuple[int, ...]
    depth: int
    values: dict[str, np.ndarray]


@dataclass
class Pass:
    """One pass through the layers: what they may know of it, and what they leave.

    Parameters
    ----------
    training : bool
        Whether noise is added and statistics are those of the batch.
    seed, step : int
        From which the noise follows.
    activity : list of arrays
        What the layers add to the loss of each row.
    codes : array of shape (batch, columns) or None
        The integers that an embedding looks up.
    moved : dict
        The new values of weights that move with the batch, not by the optimizer, by their place.
    crossings : list of Crossing
        What went through each layer, in their order.
    """

    training: bool = False
    seed: int = 0
    step: int = 0
    codes: np.ndarray | None = None
    activity: list[np.ndarray] = field(default_factory=list)
    moved: dict[int, np.ndarray] = field(default_factory=dict)
    crossings: list[Crossing] = field(default_factory=list)


@dataclass(frozen=True)
class Spot:
    """Where a layer stands: its place among the layers, those of its weights, and the pass that goes through."""

    place: int
    weights: tuple[int, ...]
    on: Pass
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def note(self, **values: np.ndarray) -> None:
        """Leave arrays by their names in the layer's formulas, for those who look at a pass."""
        self.values.update(values)

    def seed_of(self, layer: Any) -> int:
        """The layer's own seed, or the plan's."""
        return self.on.seed if layer.seed is None else int(layer.seed)


def forward(in_a_row: Sequence[layers.Layer], weights: Arrays, x: np.ndarray, on: Pass, *, place: int = 0) -> Forward:
    """Through layers in a row, the first of which has a place in the network; back, from the last to the first."""
    return _through(in_a_row, x, iter(enumerate(weights)), count(place), on)


def _through(
    in_a_row: Sequence[layers.Layer],
    x: np.ndarray,
    arrays: Iterator[tuple[int, np.ndarray]],
    places: Iterator[int],
    on: Pass,
    depth: int = 0,
) -> Forward:
    ways_back: list[tuple[Crossing, Backward]] = []
    for layer in in_a_row:
        own: list[tuple[int, np.ndarray]] = []
        values = {"x": x}
        if isinstance(layer, layers.Residual):
            x, backward = residual(x, _through(layer.inside(), x, arrays, places, on, depth + 1))
        else:
            own = [next(arrays) for _ in layer.weights(x.shape[1])]
            spot = Spot(next(places), tuple(place for place, _ in own), on, values)
            x, backward = FORWARD[type(layer)](layer, x, [array for _, array in own], spot)
        values["y"] = x
        on.crossings.append(Crossing(layer, tuple(place for place, _ in own), depth, values))
        ways_back.append((on.crossings[-1], backward))

    def backward_through(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        gradients: list[np.ndarray] = []
        for crossing, backward in reversed(ways_back):  # dL/dW of the last layer first, then of the one before it
            dx, of_layer = backward(dy)
            crossing.values.update(dy=dy, dx=dx)
            dy, gradients = dx, of_layer + gradients
        return dy, gradients

    return x, backward_through


# ---- Layers of units -------------------------------------------------------------------------------------------------


def dense(layer: layers.Dense, x: np.ndarray, weights: Arrays, spot: Spot) -> Forward:
    """``z = x W + b``, ``y = f(z)``; back, ``d = dL/dz``: ``dL/dW = x^T d``, ``dL/db = sum d``, ``dL/dx = d W^T``."""
    kernel, *bias = weights
    z = x @ kernel  # (batch, units)
    if layer.use_bias:
        z = z + bias[0]
    y, through_activation = activated(layer.activation, z)
    spot.note(z=z)

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        d = through_activation(dy)  # (batch, units)
        spot.note(d=d)
        gradients = [x.T @ d, d.sum(axis=0)] if layer.use_bias else [x.T @ d]
        return d @ kernel.T, gradients

    return y, backward


def embedding(layer: layers.Embedding, x: np.ndarray, weights: Arrays, spot: Spot) -> Forward:
    """``y = [x, E_1[c_1], E_2[c_2], ...]``; back, cut alike, ``dx = dy_0``, ``dE_k[r] = sum of dy_k where c_k = r``."""
    codes = spot.on.codes
    assert codes is not None
    inputs, columns = x.shape[1], range(codes.shape[1])
    place_of = [0 if layer.shared else column for column in columns]  # of its table among the weights
    y = np.hstack([x, *(weights[place_of[column]][codes[:, column]] for column in columns)])

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        gradients = [np.zeros_like(table) for table in weights]
        cuts = np.cumsum([inputs, *(weights[place].shape[1] for place in place_of)])
        for column, (place, dy_k) in enumerate(zip(place_of, np.split(dy, cuts, axis=1)[1:-1], strict=True)):
            np.add.at(gradients[place], codes[:, column], dy_k)
        return dy[:, :inputs], gradients

    return y, backward


def piecewise_linear_embedding(
    layer: layers.PiecewiseLinearEmbedding, x: np.ndarray, weights: Arrays, _: Spot
) -> Forward:
    """``e_j = x_j a_j + c_j + S_j V_j``, ``y = [x, e_1, ...]``, ``S_j`` how far ``x_j`` has come through each piece.

    Back, with ``g_j = dL/de_j``: ``da_j = sum x_j g_j``, ``dc_j = sum g_j``, ``dV_j = S_j^T g_j``, and ``dx_j = dy_j +
    g_j . (a_j + S_j' V_j)``.
    """
    a, c, kernel = weights
    inputs, columns, width = x.shape[1], layer.columns, layer.output_dim
    v = np.split(kernel, np.cumsum(layer.pieces)[:-1])  # (pieces, width) of each column
    come, slopes = zip(*(_through_pieces(x[:, j], layer.knots[j]) for j in range(columns)), strict=True)
    e = [x[:, j : j + 1] * a[j] + c[j] + come[j] @ v[j] for j in range(columns)]

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        dx, g = dy[:, :inputs].copy(), dy[:, inputs:].reshape(len(dy), columns, width)
        for j in range(columns):
            dx[:, j] += (g[:, j] * (a[j] + slopes[j] @ v[j])).sum(axis=1)
        gradients = [np.einsum("mj,mji->ji", x[:, :columns], g), g.sum(axis=0)]
        return dx, [*gradients, np.vstack([come[j].T @ g[:, j] for j in range(columns)])]

    return np.hstack([x, *e]), backward


def _through_pieces(x: np.ndarray, knots: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """How far numbers have come through each piece between two knots, and how fast they go there: (rows, pieces)."""
    b = np.asarray(knots, np.float32).astype(x.dtype)
    length = np.diff(b)
    low, high = np.zeros(len(length)), np.ones(len(length))
    low[0], high[-1] = -BEYOND, 1 + BEYOND
    s = (x[:, None] - b[:-1]) / length
    return np.clip(s, low, high).astype(x.dtype), np.where((s >= low) & (s < high), 1 / length, 0).astype(x.dtype)


def periodic_embedding(layer: layers.PeriodicEmbedding, x: np.ndarray, weights: Arrays, spot: Spot) -> Forward:
    """``h = cos(2 pi w x + p)``, ``z = h W + c``, ``e = max(z, 0)``, ``y = [x, e_1, ...]``, for each column its own.

    Back, with ``d = dL/de`` where ``z > 0`` and ``u = -sin(2 pi w x + p) (d W^T)``: ``dW = h^T d``, ``dc = sum d``,
    ``dp = sum u``, ``dw = sum 2 pi x u``, ``dx = dy + 2 pi w . u``.
    """
    w, p, kernel, c = weights
    inputs, columns = x.shape[1], layer.columns
    W = kernel.reshape(columns, layer.frequencies, layer.output_dim)
    turn = 2 * np.pi * x[:, :columns, None] * w + p  # (batch, columns, frequencies)
    h = np.cos(turn).astype(x.dtype)
    z = np.einsum("mjf,jfi->mji", h, W) + c
    e = np.maximum(z, 0)
    spot.note(z=z.reshape(len(x), -1))

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        d = dy[:, inputs:].reshape(z.shape) * (z > 0)
        u = (-np.sin(turn) * np.einsum("mji,jfi->mjf", d, W)).astype(x.dtype)
        dx = dy[:, :inputs].copy()
        dx[:, :columns] += 2 * np.pi * (w * u).sum(axis=2)
        dW = np.einsum("mjf,mji->jfi", h, d).reshape(kernel.shape)
        return dx, [2 * np.pi * (x[:, :columns, None] * u).sum(axis=0), u.sum(axis=0), dW, d.sum(axis=0)]

    return np.hstack([x, e.reshape(len(x), -1)]), backward


def residual(x: np.ndarray, inner: Forward) -> Forward:
    """``y = x + f(x)``; back, ``dx = dy + dy f'(x)``."""
    y, through_inner = inner

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        dx, gradients = through_inner(dy)
        return dy + dx, gradients

    return x + y, backward


# ---- Functions of each unit ------------------------------------------------------------------------------------------


def activation(layer: Any, x: np.ndarray, _weights: Arrays, _: Spot) -> Forward:
    """``y = f(x)``; back, ``dx = dy f'(x)``."""
    y, through_activation = activated(layer.activation, x)
    return y, lambda dy: (through_activation(dy), [])


def prelu(_layer: layers.PReLU, x: np.ndarray, weights: Arrays, _: Spot) -> Forward:
    """``y = x`` where ``x > 0``, else ``a x``; back, ``dx = dy`` or ``a dy``, ``da = sum dy min(x, 0)``."""
    (a,) = weights
    slope = np.where(x > 0, 1, a).astype(x.dtype)
    return x * slope, lambda dy: (dy * slope, [(dy * np.minimum(x, 0)).sum(axis=0)])


def scale(_layer: layers.Scale, x: np.ndarray, weights: Arrays, _: Spot) -> Forward:
    """``y = gamma x``; back, ``dx = gamma dy``, ``dgamma = sum x dy``."""
    (gamma,) = weights
    return x * gamma, lambda dy: (dy * gamma, [(dy * x).sum(axis=0)])


def affine(layer: layers.Rescaling | layers.Normalization, x: np.ndarray, _weights: Arrays, _: Spot) -> Forward:
    """``y = (x - c) a + b``; back, ``dx = dy a``."""
    c, a, b = (numbers.astype(x.dtype) for numbers in layer.affine(x.shape[1]))
    return (x - c) * a + b, lambda dy: (dy * a, [])


def activity(layer: layers.ActivityRegularization, x: np.ndarray, _weights: Arrays, spot: Spot) -> Forward:
    """``y = x``, each row's loss grows by ``sum l1 |x| + l2 x^2``; back, ``dx = dy + (l1 sign x + 2 l2 x) / batch``."""
    spot.on.activity.append((layer.l1 * np.abs(x) + layer.l2 * x**2).sum(axis=1))
    return x, lambda dy: (dy + (layer.l1 * np.sign(x) + 2 * layer.l2 * x) / len(x), [])


# ---- Noise: nothing at prediction ------------------------------------------------------------------------------------


def dropout(layer: layers.Dropout, x: np.ndarray, _weights: Arrays, spot: Spot) -> Forward:
    """``y = x kept / (1 - rate)``; back, ``dx = dy kept / (1 - rate)``, at the rate of the step."""
    rate = layer.rate_of(spot.on.step) if spot.on.training else 0
    if rate == 0:
        return _passing(x)
    kept = _seeds.kept_units(spot.seed_of(layer), spot.on.step, spot.place, (len(x), x.shape[1]), rate)
    factor = kept.astype(x.dtype) / (1 - rate)
    spot.note(factor=factor)
    return x * factor, lambda dy: (dy * factor, [])


def alpha_dropout(layer: layers.AlphaDropout, x: np.ndarray, _weights: Arrays, spot: Spot) -> Forward:
    """``y = a (x where kept, else m) + b``; back, ``dx = a dy`` where kept."""
    if not spot.on.training or layer.rate == 0:
        return _passing(x)
    kept = _seeds.kept_units(spot.seed_of(layer), spot.on.step, spot.place, (len(x), x.shape[1]), layer.rate)
    y = (layer.scale * np.where(kept, x, layer.LIMIT) + layer.shift).astype(x.dtype)
    spot.note(kept=kept.astype(x.dtype))
    return y, lambda dy: (dy * kept * layer.scale, [])


def gaussian_noise(layer: layers.GaussianNoise, x: np.ndarray, _weights: Arrays, spot: Spot) -> Forward:
    """``y = x + stddev n``; back, ``dx = dy``."""
    if not spot.on.training or layer.stddev == 0:
        return _passing(x)
    n = _seeds.normals(spot.seed_of(layer), spot.on.step, spot.place, (len(x), x.shape[1])).astype(x.dtype)
    spot.note(n=n)
    return x + layer.stddev * n, lambda dy: (dy, [])


def gaussian_dropout(layer: layers.GaussianDropout, x: np.ndarray, _weights: Arrays, spot: Spot) -> Forward:
    """``y = x (1 + stddev n)``; back, ``dx = dy (1 + stddev n)``."""
    if not spot.on.training or layer.rate == 0:
        return _passing(x)
    n = _seeds.normals(spot.seed_of(layer), spot.on.step, spot.place, (len(x), x.shape[1])).astype(x.dtype)
    factor = 1 + layer.stddev * n
    spot.note(factor=factor)
    return x * factor, lambda dy: (dy * factor, [])


def _passing(x: np.ndarray) -> Forward:
    return x, lambda dy: (dy, [])


# ---- Normalisation ---------------------------------------------------------------------------------------------------


def batch_normalization(layer: layers.BatchNormalization, x: np.ndarray, weights: Arrays, spot: Spot) -> Forward:
    """``n = (x - m) / sqrt(v + e)``, ``y = gamma n + beta``, ``m`` and ``v`` over the batch or moving averages.

    Back, ``dx = gamma / sqrt(v + e) (dy - mean dy - n mean(dy n))`` over the batch; else the means are left out.
    """
    *learned, moving_mean, moving_variance = weights
    of_batch = spot.on.training and layer.trainable
    m, v = (x.mean(axis=0), x.var(axis=0)) if of_batch else (moving_mean, moving_variance)
    if of_batch:
        for place, moving, value in zip(spot.weights[-2:], (moving_mean, moving_variance), (m, v), strict=True):
            spot.on.moved[place] = layer.momentum * moving + (1 - layer.momentum) * value
    inverse = 1 / np.sqrt(v + layer.epsilon)
    n = (x - m) * inverse
    spot.note(m=m, v=v, n=n)
    y, gamma, gradients = _learned_scale(layer, learned, n)

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        d = dy - dy.mean(axis=0) - n * (dy * n).mean(axis=0) if of_batch else dy
        return gamma * inverse * d, [*gradients(dy), np.zeros_like(m), np.zeros_like(v)]

    return y, backward


def layer_normalization(layer: layers.LayerNormalization, x: np.ndarray, weights: Arrays, spot: Spot) -> Forward:
    """``n = (x - m) / sqrt(v + e)``, ``y = gamma n + beta``, ``m`` and ``v`` over the units of each row.

    Back, with ``g = dy gamma``: ``dx = (g - mean g - n mean(g n)) / sqrt(v + e)``.
    """
    m, v = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    inverse = 1 / np.sqrt(v + layer.epsilon)
    n = (x - m) * inverse
    spot.note(m=m, v=v, n=n)
    y, gamma, gradients = _learned_scale(layer, weights, n)

    def backward(dy: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        g = dy * gamma
        dx = inverse * (g - g.mean(axis=1, keepdims=True) - n * (g * n).mean(axis=1, keepdims=True))
        return dx, gradients(dy)

    return y, backward


def _learned_scale(
    layer: layers.BatchNormalization | layers.LayerNormalization, learned: Arrays, n: np.ndarray
) -> tuple[np.ndarray, Any, Callable[[np.ndarray], list[np.ndarray]]]:
    """``y = gamma n + beta``, ``gamma``, and from ``dy`` to ``dgamma = sum dy n`` and ``dbeta = sum dy``."""
    arrays = iter(learned)
    gamma = next(arrays) if layer.scale else 1
    y = gamma * n + next(arrays) if layer.center else gamma * n

    def gradients(dy: np.ndarray) -> list[np.ndarray]:
        return [*([(dy * n).sum(axis=0)] if layer.scale else []), *([dy.sum(axis=0)] if layer.center else [])]

    return y, gamma, gradients


FORWARD: dict[type[layers.Layer], Callable[..., Forward]] = {
    layers.Dense: dense,
    layers.Embedding: embedding,
    layers.Flatten: lambda _layer, x, _weights, _spot: _passing(x),
    **dict.fromkeys(layers.POINTWISE, activation),
    layers.PReLU: prelu,
    layers.Scale: scale,
    layers.PiecewiseLinearEmbedding: piecewise_linear_embedding,
    layers.PeriodicEmbedding: periodic_embedding,
    layers.Rescaling: affine,
    layers.Normalization: affine,
    layers.ActivityRegularization: activity,
    layers.Dropout: dropout,
    layers.AlphaDropout: alpha_dropout,
    layers.GaussianNoise: gaussian_noise,
    layers.GaussianDropout: gaussian_dropout,
    layers.BatchNormalization: batch_normalization,
    layers.LayerNormalization: layer_normalization,
}
