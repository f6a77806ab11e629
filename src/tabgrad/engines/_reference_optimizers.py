"""From gradients to a step: clipping, decay and each optimizer's formula, as the reference engine takes them.

``w`` weights, ``g`` their gradient; a step is ``(lr, t)``, the learning rate and the step's number from 1; `slots` are
the arrays that the optimizer carries for ``w``, in the order of `Optimizer.slots`. Functions return new arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tabgrad import optimizers

Slots = tuple[np.ndarray, ...]
Step = tuple[float, int]


def clipped(optimizer: optimizers.Optimizer, gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Gradients within a limit: each one's norm, each of their numbers, or, by one factor for all, their joint norm."""
    if (limit := optimizer.clipnorm) is not None:
        return [g * (limit / max(_norm([g]), limit)) for g in gradients]
    if (limit := optimizer.clipvalue) is not None:
        return [np.clip(g, -limit, limit) for g in gradients]
    if (limit := optimizer.global_clipnorm) is not None:
        factor = limit / max(_norm(gradients), limit)
        return [g * factor for g in gradients]
    return list(gradients)


def moved(
    optimizer: optimizers.Optimizer, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots
) -> tuple[np.ndarray, Slots]:
    """Weights and slots after a step: the weights decay, then the optimizer's formula applies."""
    lr, _ = step
    if optimizer.weight_decay is not None:
        w = w * (1 - lr * optimizer.weight_decay)
    return MOVED[optimizer.kind](optimizer, step, w, g, slots)


def _norm(gradients: Sequence[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))


def _sgd(o: optimizers.SGD, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, _ = step
    if not slots:
        return w - lr * g, ()
    m = o.momentum * slots[0] - lr * g
    return (w + o.momentum * m - lr * g if o.nesterov else w + m), (m,)


def _rmsprop(o: optimizers.RMSprop, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, _ = step
    carried = dict(zip(o.slots, slots, strict=True))
    v = carried["velocity"] = o.rho * carried["velocity"] + (1 - o.rho) * g**2
    variance = v
    if o.centered:
        a = carried["average"] = o.rho * carried["average"] + (1 - o.rho) * g
        variance = np.maximum(v - a**2, 0)  # whatever rounding says
    s = lr * g / np.sqrt(variance + o.epsilon)
    if o.momentum > 0:
        s = carried["momentum"] = o.momentum * carried["momentum"] + s
    return w - s, tuple(carried.values())


def _adam(o: optimizers.Adam, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, t = step
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    v = o.beta_2 * slots[1] + (1 - o.beta_2) * g**2
    rate = lr * math.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
    if not o.amsgrad:
        return w - rate * m / (np.sqrt(v) + o.epsilon), (m, v)
    h = np.maximum(v, slots[2])
    return w - rate * m / (np.sqrt(h) + o.epsilon), (m, v, h)


def _adamax(o: optimizers.Adamax, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, t = step
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    u = np.maximum(o.beta_2 * slots[1], np.abs(g))
    return w - lr / (1 - o.beta_1**t) * m / (u + o.epsilon), (m, u)


def _nadam(o: optimizers.Nadam, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, t = step
    u, next_u = (o.beta_1 * (1 - 0.96**i / 2) for i in (t, t + 1))
    product = o.beta_1**t * math.prod(1 - 0.96**i / 2 for i in range(1, min(t, 1000) + 1))  # of u; from 1,000 on, 1
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    v = o.beta_2 * slots[1] + (1 - o.beta_2) * g**2
    n = next_u / (1 - product * next_u) * m + (1 - u) / (1 - product) * g
    return w - lr * n / (np.sqrt(v / (1 - o.beta_2**t)) + o.epsilon), (m, v)


def _adagrad(o: optimizers.Adagrad, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, _ = step
    a = slots[0] + g**2
    return w - lr * g / np.sqrt(a + o.epsilon), (a,)


def _adadelta(
    o: optimizers.Adadelta, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots
) -> tuple[np.ndarray, Slots]:
    lr, _ = step
    a = o.rho * slots[0] + (1 - o.rho) * g**2
    s = g * np.sqrt(slots[1] + o.epsilon) / np.sqrt(a + o.epsilon)
    d = o.rho * slots[1] + (1 - o.rho) * s**2
    return w - lr * s, (a, d)


def _lion(o: optimizers.Lion, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, _ = step
    m = slots[0]
    return w - lr * np.sign(o.beta_1 * m + (1 - o.beta_1) * g), (o.beta_2 * m + (1 - o.beta_2) * g,)


MOVED: dict[str, Callable[..., tuple[np.ndarray, Slots]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "lion": _lion,
}
