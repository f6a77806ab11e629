r"""Schedules: learning rates, weight decays and dropout rates as functions of the steps taken so far.

``schedule(t)`` is the value of the step that comes after ``t`` others: the first step of a training has
``schedule(0)``, and a second `fit` goes on where the first one ended. A step is a batch, so an epoch has
``ceil(rows / batch_size)``.
The names of most are Keras's, which has them for learning rates alone. Here any of them may stand for an optimizer's
`learning_rate` and `weight_decay`, and for the `rate` of a `layers.Dropout`: a run that begins steep and noisy, to
explore, and ends flat and still, to settle.

Examples
--------
>>> import numpy as np
>>> from tabgrad.layers import Dense, Dropout
>>> from tabgrad.models import Sequential
>>> from tabgrad.optimizers import AdamW
>>> from tabgrad.optimizers.schedules import CosineDecay, FlatCosine
>>> x = np.random.default_rng(0).normal(size=(640, 8))
>>> steps = 20 * 10  # epochs of ten batches
>>> rate = CosineDecay(0.0, decay_steps=steps - 20, warmup_target=0.01, warmup_steps=20)
>>> optimizer = AdamW(rate, weight_decay=FlatCosine(0.3, steps), use_ema=True, ema_warm_up=True)
>>> drop = Dropout(FlatCosine(0.1, steps))
>>> model = Sequential([Dense(32, "relu"), drop, Dense(32, "relu"), drop, Dense(1)], seed=0)
>>> model.compile(optimizer, "mse")
>>> history = model.fit(x, np.abs(x[:, 0]), epochs=20, batch_size=64, verbose=0)
>>> model.learning_rate, optimizer.weight_decay(steps), drop.rate_of(steps)
(0.0, 0.0, 0.0)
>>> model.evaluate(x, np.abs(x[:, 0]), verbose=0) < 0.02
True
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from tabgrad._checks import COUNT, FRACTION, NOT_NEGATIVE, POSITIVE, Interval, check, check_numbers, known_name
from tabgrad._record import Record
from tabgrad.errors import ArgumentError, ArgumentTypeError

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "FlatCosine",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]

AHEAD = 1024  # values that a run is given at a time


class Ruled(NamedTuple):
    """A number that a schedule may rule: what messages call it, and what it may be."""

    name: str
    interval: Interval


LEARNING_RATE = Ruled("learning rate", NOT_NEGATIVE)
WEIGHT_DECAY = Ruled("weight decay", NOT_NEGATIVE)
DROPOUT_RATE = Ruled("dropout rate", FRACTION)


@dataclass(frozen=True, eq=False)
class LearningRateSchedule(Record):
    """Base of the schedules, and of a user's own: define ``__call__(self, step)``, which returns the value.

    An own schedule is Python code that is called before every step, which costs about a microsecond; the ones below are
    computed a thousand steps at a time.

    Examples
    --------
    >>> from tabgrad.optimizers import SGD
    >>> from tabgrad.optimizers.schedules import LearningRateSchedule
    >>> class Halving(LearningRateSchedule):
    ...     def __init__(self, start):
    ...         self.start = start
    ...
    ...     def __call__(self, step):
    ...         return self.start / 2**step
    >>> [SGD(Halving(0.8)).rate_of(steps) for steps in range(3)]
    [0.8, 0.4, 0.2]
    """

    ahead: ClassVar[int] = 1  # steps whose values are known at a time

    __eq__ = object.__eq__  # of a user's own nobody knows the fields
    __hash__ = object.__hash__

    def __call__(self, step: Any) -> Any:
        """The value of the step that comes after `step` others."""
        raise NotImplementedError(f"{type(self).__name__} needs a method __call__(self, step) that returns the rate.")

    def rates(self, step: int, of: Ruled = LEARNING_RATE, most: int = AHEAD) -> np.ndarray:
        """What a number is in the coming steps, float64: in as many as are known ahead, at most `most`, at least one.

        Raises
        ------
        ArgumentError
            A value that the number must not have.
        """
        try:
            rate = np.asarray(self(step))  # a tensor of another library, or a number
        except Exception as error:
            error.add_note(f"in the schedule {self._described()} of the {of.name}, for step {step}")
            raise
        if rate.size != 1 or rate.dtype.kind not in "iuf" or not of.interval.holds(float(rate.reshape(())[()])):
            raise self._refused(of, rate.tolist(), step)
        return rate.astype(np.float64).reshape(1)

    def _refused(self, of: Ruled, value: Any, step: int) -> ArgumentError:
        return ArgumentError(
            f"A {of.name} must be a number, finite and {of.interval}. The schedule {self._described()} gave {value!r} "
            f"for step {step}."
        )

    def _described(self) -> str:
        return type(self).__name__


class Scheduled(NamedTuple):
    """A number of a plan that a schedule rules."""

    schedule: LearningRateSchedule
    of: Ruled


@dataclass(frozen=True)
class Function(LearningRateSchedule):
    """A function of the step, or of nothing, that returns the value.

    Parameters
    ----------
    function : callable (step) or ()
    """

    function: Callable[..., Any]

    def __call__(self, step: Any) -> Any:
        """What the function returns."""
        return self.function(step) if _takes(self.function, 0) else self.function()

    def _described(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def as_schedule(value: Any, field: str, of: Ruled) -> Any:
    """What a user gives for a number that a schedule may rule: a function becomes a schedule, all else stays.

    Raises
    ------
    ArgumentTypeError
        For the class of a schedule, and for functions of more than the step.
    """
    if isinstance(value, LearningRateSchedule) or not callable(value):
        return value
    if isinstance(value, type):
        raise ArgumentTypeError(f"'{field}' takes a schedule, not its class: write {value.__name__}(...).")
    schedule = Function(value)
    if not _takes(value, 0) and not _takes(value):
        raise ArgumentTypeError(
            f"A function as {of.name} must take the step, or nothing. '{schedule._described()}' takes "
            f"{inspect.signature(value)}."
        )
    return schedule


def _takes(function: Callable[..., Any], *values: int) -> bool:
    try:
        inspect.signature(function).bind(*values)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


@dataclass(frozen=True)
class _Formula(LearningRateSchedule):
    """A schedule that is a formula over arrays of steps."""

    ahead: ClassVar[int] = AHEAD

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps, float64."""
        raise NotImplementedError

    def __call__(self, step: Any) -> Any:
        """The value of the step that comes after `step` others: a float, or an array for an array."""
        rates = self.at(np.atleast_1d(np.asarray(step, np.float64)))
        return float(rates[0]) if np.ndim(step) == 0 else rates

    def rates(self, step: int, of: Ruled = LEARNING_RATE, most: int = AHEAD) -> np.ndarray:
        """What a number is in the coming steps."""
        values = self.at(np.arange(step, step + most, dtype=np.float64))
        if of.interval.holds(float(values.min())) and of.interval.holds(float(values.max())):  # NaN would be both
            return values
        known = next(place for place, value in enumerate(values.tolist()) if not of.interval.holds(value))
        if known == 0:
            raise self._refused(of, float(values[0]), step)
        return values[:known]


@dataclass(frozen=True)
class ExponentialDecay(_Formula):
    """``lr(t) = initial_learning_rate decay_rate^(t / decay_steps)``; as a staircase with ``floor(t / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Steps over which the rate is multiplied by `decay_rate` once.
    decay_rate : float
        Above 0.
    staircase : bool, default False
    name : str, default "ExponentialDecay"

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import ExponentialDecay
    >>> halved = ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5)
    >>> halved(0), halved(100), halved(200)
    (0.1, 0.05, 0.025)
    """

    initial_learning_rate: Annotated[float, NOT_NEGATIVE]
    decay_steps: Annotated[int, COUNT]
    decay_rate: Annotated[float, POSITIVE]
    staircase: bool = False
    name: str = "ExponentialDecay"

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        return np.asarray(self.initial_learning_rate * self.decay_rate ** _periods(t, self.decay_steps, self.staircase))


@dataclass(frozen=True)
class InverseTimeDecay(_Formula):
    """``lr(t) = initial_learning_rate / (1 + decay_rate t / decay_steps)``; as a staircase with the floor of the ratio.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        How often the decay is applied, in steps.
    decay_rate : float
        At least 0.
    staircase : bool, default False
    name : str, default "InverseTimeDecay"

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import InverseTimeDecay
    >>> schedule = InverseTimeDecay(0.1, decay_steps=10, decay_rate=1)
    >>> schedule(0), schedule(10), schedule(30)
    (0.1, 0.05, 0.025)
    """

    initial_learning_rate: Annotated[float, NOT_NEGATIVE]
    decay_steps: Annotated[int, COUNT]
    decay_rate: Annotated[float, NOT_NEGATIVE]
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        periods = _periods(t, self.decay_steps, self.staircase)
        return np.asarray(self.initial_learning_rate / (1 + self.decay_rate * periods))


def _periods(t: np.ndarray, decay_steps: int, staircase: bool) -> np.ndarray:  # noqa: FBT001  (a field's value)
    return np.floor(t / decay_steps) if staircase else t / decay_steps


@dataclass(frozen=True)
class PolynomialDecay(_Formula):
    """``lr(t) = (initial_learning_rate - end_learning_rate) (1 - t / decay_steps)^power + end_learning_rate``.

    From `decay_steps` on the end's rate holds. With `cycle` the rate jumps up again instead: ``decay_steps`` becomes
    its smallest multiple that is not below ``t``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    end_learning_rate : float, default 0.0001
    power : float, default 1
        1 is linear. Above 0.
    cycle : bool, default False
    name : str, default "PolynomialDecay"

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import PolynomialDecay
    >>> linear = PolynomialDecay(0.1, decay_steps=100, end_learning_rate=0.0)
    >>> linear(0), linear(50), linear(100), linear(1000)
    (0.1, 0.05, 0.0, 0.0)
    """

    initial_learning_rate: Annotated[float, NOT_NEGATIVE]
    decay_steps: Annotated[int, COUNT]
    end_learning_rate: Annotated[float, NOT_NEGATIVE] = 0.0001
    power: Annotated[float, POSITIVE] = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        steps: Any = self.decay_steps
        if self.cycle:
            steps = steps * np.maximum(np.ceil(t / steps), 1)
        left = 1 - np.minimum(t, steps) / steps
        return np.asarray((self.initial_learning_rate - self.end_learning_rate) * left**self.power) + (
            self.end_learning_rate
        )


@dataclass(frozen=True, init=False)
class PiecewiseConstantDecay(_Formula):
    """One rate up to a step, the next one after it: ``values[i]`` for ``boundaries[i - 1] < t <= boundaries[i]``.

    Parameters
    ----------
    boundaries : list of int
        Steps in rising order.
    values : list of float
        One more than there are boundaries.
    name : str, default "PiecewiseConstant"

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import PiecewiseConstantDecay
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(201)
    (0.1, 0.01, 0.001)
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]
    name: str

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        """Check that both lists fit."""
        owner = "PiecewiseConstantDecay"
        steps = check_numbers(boundaries, "boundaries", owner, NOT_NEGATIVE)
        rates = check_numbers(values, "values", owner, NOT_NEGATIVE)
        if any(step != int(step) for step in steps) or list(steps) != sorted(set(steps)):
            raise ArgumentError(f"'boundaries' of {owner} must be whole numbers in rising order. Got {boundaries!r}.")
        if len(rates) != len(steps) + 1:
            raise ArgumentError(
                f"'values' of {owner} must be one more than 'boundaries': the rates before, between and after them. "
                f"Got {len(rates)} values for {len(steps)} boundaries."
            )
        object.__setattr__(self, "boundaries", tuple(int(step) for step in steps))
        object.__setattr__(self, "values", rates)
        object.__setattr__(self, "name", check(name, "name", owner, (str,)))

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        return np.asarray(self.values)[np.searchsorted(self.boundaries, t, side="left")]


@dataclass(frozen=True)
class CosineDecay(_Formula):
    """``lr(t) = lr ((1 - alpha) (1 + cos(pi t / decay_steps)) / 2 + alpha)`` with ``lr`` the initial rate.

    From `decay_steps` on ``alpha lr`` holds. With a `warmup_target` the rate first rises to it in a line over
    `warmup_steps`, then falls from there over `decay_steps` more.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
    alpha : float, default 0
        The smallest rate as a share of that at which the fall begins; in [0, 1].
    name : str, default "CosineDecay"
    warmup_target : float or None, default None
        None: no warm-up.
    warmup_steps : int, default 0

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import CosineDecay
    >>> schedule = CosineDecay(0.0, decay_steps=100, warmup_target=0.1, warmup_steps=10)
    >>> [round(schedule(step), 6) for step in (0, 5, 10, 60, 110, 1000)]
    [0.0, 0.05, 0.1, 0.05, 0.0, 0.0]
    """

    initial_learning_rate: Annotated[float, NOT_NEGATIVE]
    decay_steps: Annotated[int, COUNT]
    alpha: Annotated[float, Interval(0, 1)] = 0.0
    name: str = "CosineDecay"
    warmup_target: Annotated[float | None, NOT_NEGATIVE] = None
    warmup_steps: Annotated[int, Interval(0)] = 0

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        start, before = self.initial_learning_rate, 0
        if self.warmup_target is not None:
            start, before = self.warmup_target, self.warmup_steps
        share = np.clip((t - before) / self.decay_steps, 0, 1)
        falling = start * ((1 - self.alpha) * _cosine(share) + self.alpha)
        rising = self.initial_learning_rate + (start - self.initial_learning_rate) * t / max(before, 1)
        return np.where(t < before, rising, falling)


def _cosine(share: np.ndarray) -> np.ndarray:
    """From 1 to 0 as the share goes from 0 to 1."""
    return np.asarray((1 + np.cos(np.pi * share)) / 2)


@dataclass(frozen=True)
class FlatCosine(_Formula):
    """Holds, then falls to 0 as half a cosine: ``initial (1 + cos(pi u)) / 2``.

    ``u = (t / decay_steps - flat) / (1 - flat)``, at least 0 and at most 1. Keras has no such schedule.

    Parameters
    ----------
    initial : float
    decay_steps : int
        Steps after which nothing is left.
    flat : float, default 0.5
        The share of them over which the initial value holds; in [0, 1).
    name : str, default "FlatCosine"

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data", 2024, where dropout and weight decay fall so.

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import FlatCosine
    >>> schedule = FlatCosine(0.1, decay_steps=100)
    >>> [round(schedule(step), 6) for step in (0, 50, 75, 100, 1000)]
    [0.1, 0.1, 0.05, 0.0, 0.0]
    """

    initial: Annotated[float, NOT_NEGATIVE]
    decay_steps: Annotated[int, COUNT]
    flat: Annotated[float, FRACTION] = 0.5
    name: str = "FlatCosine"

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        share = (t / self.decay_steps - self.flat) / (1 - self.flat)
        return self.initial * _cosine(np.clip(share, 0, 1))


@dataclass(frozen=True)
class CosineDecayRestarts(_Formula):
    """Falls like `CosineDecay`, then begins anew: fall ``i`` is ``first_decay_steps t_mul^i`` steps long.

    ``lr(t) = lr ((1 - alpha) m_mul^i (1 + cos(pi u)) / 2 + alpha)``, ``u`` the share of fall ``i`` that is over.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
    t_mul : float, default 2
        Above 0.
    m_mul : float, default 1
        Above 0.
    alpha : float, default 0
        In [0, 1].
    name : str, default "SGDRDecay"

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import CosineDecayRestarts
    >>> schedule = CosineDecayRestarts(0.1, first_decay_steps=10)
    >>> [round(schedule(step), 6) for step in (0, 5, 10, 20, 30)]
    [0.1, 0.05, 0.1, 0.05, 0.1]
    """

    initial_learning_rate: Annotated[float, NOT_NEGATIVE]
    first_decay_steps: Annotated[int, COUNT]
    t_mul: Annotated[float, Interval(1)] = 2.0
    m_mul: Annotated[float, POSITIVE] = 1.0
    alpha: Annotated[float, Interval(0, 1)] = 0.0
    name: str = "SGDRDecay"

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        falls = t / self.first_decay_steps  # as long as the first
        if self.t_mul == 1:
            i = np.floor(falls)
            share = falls - i
        else:  # (t_mul^i - 1) / (t_mul - 1) of them are over when fall i begins; rounding must not put that before
            i = np.floor(np.log(1 + falls * (self.t_mul - 1)) / np.log(self.t_mul) + 1e-12)
            share = np.maximum(falls - (self.t_mul**i - 1) / (self.t_mul - 1), 0) / self.t_mul**i
        return np.asarray(self.initial_learning_rate * ((1 - self.alpha) * self.m_mul**i * _cosine(share) + self.alpha))


@dataclass(frozen=True)
class OneCycle(_Formula):
    """Rises once and falls once: from ``max_learning_rate / div_factor`` to the maximum, then to almost nothing.

    Both ways are half a cosine: up over the first ``pct_start`` of the ``total_steps`` (the maximum is reached at step
    ``pct_start total_steps - 1``), then down to the first rate divided by ``final_div_factor``, which holds from the
    last step on. Keras has no such schedule; the numbers are those of PyTorch's ``OneCycleLR``, without its cycle of
    momentum.

    Parameters
    ----------
    max_learning_rate : float
    total_steps : int
        At least 2.
    pct_start : float, default 0.3
        In [0, 1].
    anneal_strategy : {"cos", "linear"}, default "cos"
    div_factor : float, default 25
        Above 0.
    final_div_factor : float, default 10000
        Above 0.
    name : str, default "OneCycle"

    References
    ----------
    L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.

    Examples
    --------
    >>> from tabgrad.optimizers.schedules import OneCycle
    >>> schedule = OneCycle(0.1, total_steps=100)
    >>> [round(schedule(step), 6) for step in (0, 29, 99)]
    [0.004, 0.1, 0.0]
    """

    max_learning_rate: Annotated[float, NOT_NEGATIVE]
    total_steps: Annotated[int, Interval(2)]
    pct_start: Annotated[float, Interval(0, 1)] = 0.3
    anneal_strategy: str = "cos"
    div_factor: Annotated[float, POSITIVE] = 25.0
    final_div_factor: Annotated[float, POSITIVE] = 1e4
    name: str = "OneCycle"

    STRATEGIES: ClassVar[tuple[str, ...]] = ("cos", "linear")

    def __post_init__(self) -> None:
        """Check the fields, and that the strategy is known."""
        super().__post_init__()
        known_name(self.anneal_strategy, "anneal_strategy of OneCycle", self.STRATEGIES)

    def at(self, t: np.ndarray) -> np.ndarray:
        """The values after `t` steps."""
        first, most = self.max_learning_rate / self.div_factor, self.max_learning_rate
        last, top, end = first / self.final_div_factor, self.pct_start * self.total_steps - 1, self.total_steps - 1.0
        left = _cosine if self.anneal_strategy == "cos" else lambda share: 1 - share
        rising = most + (first - most) * left(np.clip(t / top if top > 0 else np.ones_like(t), 0, 1))
        falling = last + (most - last) * left(np.clip((t - top) / (end - top) if end > top else np.ones_like(t), 0, 1))
        return np.where(t <= top, rising, falling)
