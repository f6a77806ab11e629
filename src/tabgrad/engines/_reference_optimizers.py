"""From gradients to a step: clipping, decay and each optimizer's formula, as the reference engine takes them.

``w`` weights, ``g`` their gradient; a step is ``(lr, t)``, the learning rate and the step's number from 1; `slots` are
the arrays that the optimizer carries for ``w``, in the order of `Optimizer.slots`. Functions return new arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tabgrad import optimizers
from tabgrad.optimizers.schedules import LearningRateSchedule

Slots = tuple[np.ndarray, ...]


class Step(NamedTuple):
    """An array's learning rate, the number of the step, counted from 1, and what the array's weight decay is times."""

    rate: float
    number: int
    decay_factor: float = 1.0


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
    optimizer: optimizers.Optimizer, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots, *, orthogonal: bool
) -> tuple[np.ndarray, Slots]:
    """Weights and slots after a step: the weights decay, then the optimizer's formula applies; Muon has two of each."""
    if isinstance(optimizer, optimizers.Muon) and not orthogonal:
        return _adam_of_muon(optimizer, step, w, g, slots)
    return MOVED[optimizer.kind](optimizer, step, _decayed(w, step, optimizer.weight_decay), g, slots)


def _decayed(w: np.ndarray, step: Step, weight_decay: float | LearningRateSchedule | None) -> np.ndarray:
    if weight_decay is None:
        return w
    assert not isinstance(weight_decay, LearningRateSchedule)  # but its number in this step
    return w * (1 - step.rate * step.decay_factor * weight_decay)


def averaged(
    optimizer: optimizers.Optimizer, t: int, w: np.ndarray, slots: Slots, average: Slots
) -> tuple[np.ndarray, Slots]:
    """Weights and slots once the average has moved, the slots with the average behind them, if there is one."""
    if not optimizer.use_ema:
        return w, slots
    momentum = optimizer.ema_momentum_of(t - 1)
    a = momentum * average[0] + (1 - momentum) * w
    frequency = optimizer.ema_overwrite_frequency
    return (w if frequency is None or t % frequency else a), (*slots, a)


def _norm(gradients: Sequence[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in gradients))


def _sgd(o: optimizers.SGD, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr = step.rate
    if not slots:
        return w - lr * g, ()
    m = o.momentum * slots[0] - lr * g
    return (w + o.momentum * m - lr * g if o.nesterov else w + m), (m,)


def _rmsprop(o: optimizers.RMSprop, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr = step.rate
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
    lr, t = step.rate, step.number
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    v = o.beta_2 * slots[1] + (1 - o.beta_2) * g**2
    rate = lr * math.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
    if not o.amsgrad:
        return w - rate * m / (np.sqrt(v) + o.epsilon), (m, v)
    h = np.maximum(v, slots[2])
    return w - rate * m / (np.sqrt(h) + o.epsilon), (m, v, h)


def _adamax(o: optimizers.Adamax, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, t = step.rate, step.number
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    u = np.maximum(o.beta_2 * slots[1], np.abs(g))
    return w - lr / (1 - o.beta_1**t) * m / (u + o.epsilon), (m, u)


def _nadam(o: optimizers.Nadam, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr, t = step.rate, step.number
    u, next_u = (o.beta_1 * (1 - 0.96**i / 2) for i in (t, t + 1))
    product = o.beta_1**t * math.prod(1 - 0.96**i / 2 for i in range(1, min(t, 1000) + 1))  # of u; from 1,000 on, 1
    m = o.beta_1 * slots[0] + (1 - o.beta_1) * g
    v = o.beta_2 * slots[1] + (1 - o.beta_2) * g**2
    n = next_u / (1 - product * next_u) * m + (1 - u) / (1 - product) * g
    return w - lr * n / (np.sqrt(v / (1 - o.beta_2**t)) + o.epsilon), (m, v)


def _adagrad(o: optimizers.Adagrad, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr = step.rate
    a = slots[0] + g**2
    return w - lr * g / np.sqrt(a + o.epsilon), (a,)


def _adadelta(
    o: optimizers.Adadelta, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots
) -> tuple[np.ndarray, Slots]:
    lr = step.rate
    a = o.rho * slots[0] + (1 - o.rho) * g**2
    s = g * np.sqrt(slots[1] + o.epsilon) / np.sqrt(a + o.epsilon)
    d = o.rho * slots[1] + (1 - o.rho) * s**2
    return w - lr * s, (a, d)


def _lion(o: optimizers.Lion, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr = step.rate
    m = slots[0]
    return w - lr * np.sign(o.beta_1 * m + (1 - o.beta_1) * g), (o.beta_2 * m + (1 - o.beta_2) * g,)


def _muon(o: optimizers.Muon, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots) -> tuple[np.ndarray, Slots]:
    lr = step.rate
    m = o.momentum * slots[0] + g
    x = _orthogonal(o, g + o.momentum * m if o.nesterov else m)
    size = 1 if o.rms_rate is None else o.rms_rate * math.sqrt(max(w.shape))
    return w - lr * size * x, (m, slots[1])


def _orthogonal(o: optimizers.Muon, u: np.ndarray) -> np.ndarray:
    tall = u.shape[0] > u.shape[1]
    x = (u.T if tall else u) / (np.linalg.norm(u) + 1e-7)
    for _ in range(o.ns_steps):
        a = x @ x.T
        x = o.muon_a * x + (o.muon_b * a + o.muon_c * a @ a) @ x
    return np.asarray(x.T if tall else x)


def _adam_of_muon(
    o: optimizers.Muon, step: Step, w: np.ndarray, g: np.ndarray, slots: Slots
) -> tuple[np.ndarray, Slots]:
    lr, t = step.rate, step.number
    adam = optimizers.Adam(lr, o.adam_beta_1, o.adam_beta_2, o.epsilon)
    return _adam(adam, Step(lr * o.adam_lr_ratio, t), _decayed(w, step, o.adam_weight_decay), g, slots)


MOVED: dict[str, Callable[..., tuple[np.ndarray, Slots]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "lion": _lion,
    "muon": _muon,
}
