"""The formulas of a step, in the notation of the docstrings: those of layers here, the others taken from docstrings.

In a layer's formulas ``{k}`` is its number, ``{x}`` what comes in, ``{y}`` what goes out. The numbers beside them come
from the reference engine, whose functions have these formulas in their docstrings; see `engines._reference_layers`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tabgrad import layers, losses, optimizers
from tabgrad.activations import Activation, Linear, Relu, Tanh

__all__ = ["LAYERS", "Line", "Lines", "activation_formulas", "loss_formulas", "optimizer_formulas"]


@dataclass(frozen=True)
class Line:
    """A formula: what the engine calls its value, the symbol on its left, and its right side."""

    value: str
    symbol: str
    right: str


@dataclass(frozen=True)
class Lines:
    """The formulas of a kind of layer.

    Parameters
    ----------
    forward, backward : tuple of Line
        In the order in which they are computed.
    weights : dict
        For each array by its name the symbol, and the right side of its gradient.
    where : tuple of str
        What symbols stand for.
    """

    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    weights: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    where: tuple[str, ...] = ()


SAME = Lines((Line("y", "{y}", "{x}"),), (Line("dx", "dL/d{x}", "dL/d{y}"),))
"""A layer that passes on what comes, such as dropout at the rate 0."""

POINTWISE = Lines((Line("y", "{y}", "{f}({x})"),), (Line("dx", "dL/d{x}", "dL/d{y} * {f}'({x})"),))

_LEARNED = {
    "gamma": ("gamma{k}", "sum_rows dL/d{y} * n{k}"),
    "beta": ("beta{k}", "sum_rows dL/d{y}"),
    "moving_mean": ("M{k}", ""),
    "moving_variance": ("V{k}", ""),
}


def _normalized(rows: str, *where: str) -> Lines:
    """Both normalisations: over the rows of each unit, or over the units of each row."""
    g = "dL/d{y} * gamma{k}"
    mean = f"mean_{rows}"
    back = f"({g} - {mean}({g}) - n{{k}} * {mean}({g} * n{{k}})) / sqrt(v{{k}} + epsilon)"
    return Lines(
        (
            Line("m", "m{k}", f"{mean}({{x}})"),
            Line("v", "v{k}", f"{mean}(({{x}} - m{{k}})^2)"),
            Line("n", "n{k}", "({x} - m{k}) / sqrt(v{k} + epsilon)"),
            Line("y", "{y}", "gamma{k} * n{k} + beta{k}"),
        ),
        (Line("dx", "dL/d{x}", back),),
        _LEARNED,
        ("gamma{k} is 1 where the layer learns no scale, beta{k} 0 where it learns no shift", *where),
    )


LAYERS: dict[type[layers.Layer], Lines] = {
    layers.Dense: Lines(
        (Line("z", "z{k}", "{x} W{k} + b{k}"), Line("y", "{y}", "{f}(z{k})")),
        (Line("d", "d{k}", "dL/d{y} * {f}'(z{k})"), Line("dx", "dL/d{x}", "d{k} W{k}^T")),
        {"kernel": ("W{k}", "{x}^T d{k}"), "bias": ("b{k}", "sum_rows d{k}")},
        ("d{k} = dL/dz{k}, the error term of the layer",),
    ),
    layers.Embedding: Lines(
        (Line("y", "{y}", "[{x}, E_1(c_1), E_2(c_2), ...]"),),
        (Line("dx", "dL/d{x}", "dL/d{y}, its first columns"),),
        {"embeddings": ("E", "sum of dL/d{y} over the rows that hold the code")},
        ("c_j are the codes of column j, E_j(c) the row of its table for the code c",),
    ),
    layers.Flatten: SAME,
    **dict.fromkeys(layers.POINTWISE, POINTWISE),
    layers.PReLU: Lines(
        (Line("y", "{y}", "{x} where {x} > 0, else alpha{k} * {x}"),),
        (Line("dx", "dL/d{x}", "dL/d{y} where {x} > 0, else alpha{k} * dL/d{y}"),),
        {"alpha": ("alpha{k}", "sum_rows dL/d{y} * min({x}, 0)")},
    ),
    layers.Scale: Lines(
        (Line("y", "{y}", "gamma{k} * {x}"),),
        (Line("dx", "dL/d{x}", "gamma{k} * dL/d{y}"),),
        {"gamma": ("gamma{k}", "sum_rows {x} * dL/d{y}")},
    ),
    layers.PiecewiseLinearEmbedding: Lines(
        (Line("y", "{y}", "[{x}, e_1, e_2, ...], e_j = x_j A_j + C_j + S_j V_j"),),
        (Line("dx", "dL/d{x}", "dL/d{y} + g_j (A_j + S_j' V_j)"),),
        {
            "linear": ("A{k}", "sum_rows x_j g_j"),
            "bias": ("C{k}", "sum_rows g_j"),
            "kernel": ("V{k}", "S_j^T g_j"),
        },
        ("S_j is how far x_j has come through each piece between two knots", "g_j = dL/de_j"),
    ),
    layers.PeriodicEmbedding: Lines(
        (
            Line("z", "z{k}", "cos(2 pi F_j x_j + P_j) W_j + C_j"),
            Line("y", "{y}", "[{x}, e_1, e_2, ...], e_j = max(z_j, 0)"),
        ),
        (Line("dx", "dL/d{x}", "dL/d{y} + 2 pi F_j u_j"),),
        {
            "frequency": ("F{k}", "sum_rows 2 pi x_j u_j"),
            "phase": ("P{k}", "sum_rows u_j"),
            "kernel": ("W{k}", "cos(2 pi F_j x_j + P_j)^T g_j"),
            "bias": ("C{k}", "sum_rows g_j"),
        },
        ("g_j = dL/de_j where z_j > 0, else 0", "u_j = -sin(2 pi F_j x_j + P_j) (g_j W_j^T)"),
    ),
    **dict.fromkeys(
        (layers.Rescaling, layers.Normalization),
        Lines(
            (Line("y", "{y}", "({x} - c{k}) * s{k} + t{k}"),),
            (Line("dx", "dL/d{x}", "dL/d{y} * s{k}"),),
            where=("c{k}, s{k} and t{k} are fixed numbers of each column",),
        ),
    ),
    layers.ActivityRegularization: Lines(
        (Line("y", "{y}", "{x}"),),
        (Line("dx", "dL/d{x}", "dL/d{y} + (l1 sign({x}) + 2 l2 {x}) / B"),),
        where=("the loss of each row grows by sum l1 |{x}| + l2 {x}^2",),
    ),
    layers.Dropout: Lines(
        (Line("factor", "f{k}", "kept / (1 - rate)"), Line("y", "{y}", "{x} * f{k}")),
        (Line("dx", "dL/d{x}", "dL/d{y} * f{k}"),),
        where=("kept is 1 or, with the probability of the rate, 0: the mask of this step, drawn from the seed",),
    ),
    layers.AlphaDropout: Lines(
        (Line("kept", "f{k}", "1 where kept, else 0"), Line("y", "{y}", "a ({x} where kept, else m) + b")),
        (Line("dx", "dL/d{x}", "a f{k} * dL/d{y}"),),
        where=("the mask of this step, drawn from the seed; a, b and m keep mean and variance",),
    ),
    layers.GaussianNoise: Lines(
        (Line("n", "n{k}", "normal numbers of this step"), Line("y", "{y}", "{x} + stddev n{k}")),
        (Line("dx", "dL/d{x}", "dL/d{y}"),),
    ),
    layers.GaussianDropout: Lines(
        (Line("factor", "f{k}", "1 + stddev n, n normal numbers of this step"), Line("y", "{y}", "{x} * f{k}")),
        (Line("dx", "dL/d{x}", "dL/d{y} * f{k}"),),
    ),
    layers.BatchNormalization: _normalized("rows", "M{k} and V{k}, averages over batches, are for predictions"),
    layers.LayerNormalization: _normalized("units"),
    layers.Residual: Lines(
        (Line("y", "{y}", "{x} + {inner}"),),
        (Line("dx", "dL/d{x}", "dL/d{y} + what comes back through the layers inside"),),
    ),
}
"""Every kind of layer; `tests/explain` holds it to those that there are."""

STANDING = Lines(
    (
        Line("n", "n{k}", "({x} - M{k}) / sqrt(V{k} + epsilon)"),
        Line("y", "{y}", "gamma{k} * n{k} + beta{k}"),
    ),
    (Line("dx", "dL/d{x}", "dL/d{y} * gamma{k} / sqrt(V{k} + epsilon)"),),
    _LEARNED,
    ("M{k} and V{k} are the averages of earlier batches: the layer is frozen",),
)
"""Batch normalisation that does not train: the batch does not enter its statistics."""

NOISE = (layers.Dropout, layers.AlphaDropout, layers.GaussianNoise, layers.GaussianDropout)


def lines_of(layer: layers.Layer, values: Mapping[str, Any]) -> Lines:
    """The formulas of a layer as it computed these values."""
    if isinstance(layer, NOISE) and not {"factor", "kept", "n"} & set(values):
        return SAME
    if isinstance(layer, layers.BatchNormalization) and not layer.trainable:
        return STANDING
    lines = LAYERS[type(layer)]
    if isinstance(layer, layers.Dense) and not layer.use_bias:
        return Lines((Line("z", "z{k}", "{x} W{k}"), *lines.forward[1:]), lines.backward, lines.weights, lines.where)
    return lines


# ---- What the docstrings of other records say ------------------------------------------------------------------------


def _formulas(record: type) -> list[str]:
    """The formulas of a docstring before its parameters."""
    text = (inspect.getdoc(record) or "").split("\nParameters\n")[0].split("\nReferences\n")[0]
    return [" ".join(found.split()) for found in re.findall(r"``(.*?)``", text, re.DOTALL)]


def activation_formulas(activation: Activation) -> list[str]:
    """What an activation is, and its slope where the docstring gives it in one formula.

    Examples
    --------
    >>> from tabgrad import activations
    >>> from tabgrad.explain.formulas import activation_formulas
    >>> activation_formulas(activations.tanh)
    ["tanh'(z) = 1 - tanh(z)^2"]
    """
    if isinstance(activation, Linear):
        return []
    if isinstance(activation, Relu):
        return _relu_formulas(activation)
    name = activation.kind
    text = inspect.getdoc(type(activation)) or ""
    above = re.search(r"``f\(z\)(_i)? = (.*?)``(?: where ``(.*?)``, else ``(.*?)``)?", text, re.DOTALL)
    slope = re.search(r"``f'\(z\) = (.*?)``(?: or ``(.*?)``)?", text, re.DOTALL)
    assert above is not None
    index, value, where, otherwise = above.groups()
    branches = f" where {where}, else {otherwise}" if where else ""
    found = [] if isinstance(activation, Tanh) else [f"{name}(z){index or ''} = {value}{branches}"]
    if slope is not None:
        found.append(f"{name}'(z) = {slope[1]}" + (f" where {where}, else {slope[2]}" if slope[2] else ""))
    return [each.replace("f(z)", f"{name}(z)") for each in found]


def _relu_formulas(relu: Relu) -> list[str]:
    """Those of a rectifier with its numbers; its docstring has the branches in words."""
    if relu == Relu():
        return ["relu(z) = max(z, 0)", "relu'(z) = 1 where z > 0, else 0"]
    low, most, slope = relu.threshold, relu.max_value, relu.negative_slope
    below = f"{slope:g} (z - {low:g})" if low else f"{slope:g} z"
    between = f"z where z > {low:g}" if most is None else f"{most:g} where z >= {most:g}, z where z > {low:g}"
    flat = "" if most is None else f"0 where z >= {most:g}, "
    return [f"relu(z) = {between}, else {below}", f"relu'(z) = {flat}1 where z > {low:g}, else {slope:g}"]


def loss_formulas(loss: losses.Loss, *, logits: bool) -> tuple[list[str], str]:
    """What a row loses, and its derivative by the output: by ``z`` where the loss begins there.

    Examples
    --------
    >>> from tabgrad.explain.formulas import loss_formulas
    >>> from tabgrad.losses import MeanSquaredError
    >>> loss_formulas(MeanSquaredError(), logits=False)
    (['l = (1/outputs) sum_j (y_j - p_j)^2'], 'dl/dp_j = 2 (p_j - y_j) / outputs')
    """
    found = _formulas(type(loss))
    value = [each for each in found if re.match(r"\w+(\(d\))? = ", each) and each != "q = 1/2"]
    by = "dl/dz_j = " if logits else "dl/dp_j = "
    slope = next((each for each in found if each.startswith(by)), "")
    return value, slope or OTHER_SLOPES.get((type(loss), logits), f"{by[:-3]}, as the docstring of the loss says")


OTHER_SLOPES: dict[tuple[type[losses.Loss], bool], str] = {
    (losses.Huber, False): "dl/dp_j = dh/dd / outputs at d = p_j - y_j",
    (losses.SparseCategoricalCrossentropy, True): "dl/dz_j = p_j - [j = c]",
    (losses.SparseCategoricalCrossentropy, False): "dl/dp_j = -[j = c] / p_j",
    (losses.BinaryFocalCrossentropy, False): (
        "dl/dp_j = a_j (m_j^gamma dc_j/dp_j + gamma m_j^(gamma-1) (1 - 2 y_j) c_j) / outputs"
    ),
    (losses.BinaryFocalCrossentropy, True): "dl/dz_j = p_j (1 - p_j) dl/dp_j",
    (losses.Function, False): "dl/dp_j, as the function returns it",
}
"""Where a docstring has no such formula in one piece."""


def optimizer_formulas(optimizer: optimizers.Optimizer) -> list[str]:
    """How weights move, in the order in which it is computed: clipping, decay, the optimizer's own formulas.

    Examples
    --------
    >>> from tabgrad.explain.formulas import optimizer_formulas
    >>> from tabgrad.optimizers import SGD
    >>> optimizer_formulas(SGD()), optimizer_formulas(SGD(momentum=0.9))
    (['w <- w - lr g'], ['m <- momentum m - lr g', 'w <- w + m'])
    """
    kinds = [kind for kind in type(optimizer).__mro__ if issubclass(kind, optimizers.Optimizer)][:-1]
    found = [each for kind in kinds for each in _formulas(kind) if re.match(r"\w+ (<-|=) ", each)]
    own = _chosen(optimizer, found)
    before = [formula for name, formula in CLIPPED.items() if getattr(optimizer, name) is not None]
    if optimizer.weight_decay is not None:
        before.append("w <- w (1 - lr weight_decay)")
    after = ["a <- ema_momentum a + (1 - ema_momentum) w"] if optimizer.use_ema else []
    return [*before, *own, *after]


CLIPPED = {
    "clipnorm": "g <- g clipnorm / max(|g|, clipnorm)",
    "clipvalue": "g <- min(max(g, -clipvalue), clipvalue)",
    "global_clipnorm": "g <- g global_clipnorm / max(|all g|, global_clipnorm)",
}


def _chosen(optimizer: optimizers.Optimizer, found: list[str]) -> list[str]:
    """Those of a docstring's formulas that an optimizer with these settings goes by."""
    if isinstance(optimizer, optimizers.SGD):
        plain, gathered, moved, nesterov = found[:4]
        return [gathered, nesterov if optimizer.nesterov else moved] if optimizer.momentum else [plain]
    if isinstance(optimizer, optimizers.RMSprop):
        v, w, a, m, by_m = found[:5]
        step = w.replace("v + epsilon", "max(v - a^2, 0) + epsilon") if optimizer.centered else w
        centre = [a] if optimizer.centered else []
        if optimizer.momentum > 0:
            return [v, *centre, step.replace("w <- w - ", "s = "), m, by_m]
        return [v, *centre, step]
    if isinstance(optimizer, optimizers.Adam):
        m, v, w, h = found[:4]
        return [m, v, h, w.replace("sqrt(v)", "sqrt(h)")] if optimizer.amsgrad else [m, v, w]
    if isinstance(optimizer, optimizers.LBFGS):
        return []
    return found
