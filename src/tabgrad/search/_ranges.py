"""Values of one parameter: ranges, and what is there only with others.

Ranges have SciPy's method ``rvs``, so that scikit-learn's own searches take them as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from tabgrad._checks import check_record
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, ArgumentTypeError

__all__ = ["Choice", "Conditional", "Integer", "Real", "equal", "is_distribution", "is_number", "when", "wrong_list"]

_MAY_BE = "a list of values, a range (Real, Integer, Choice), a distribution of SciPy, or one of them with when(...)"


# ---- Ranges ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Real:
    """Numbers between two limits.

    ``x = low + u (high - low)``, or with `log` ``x = low^(1 - u) high^u``, where ``u`` is uniform in [0, 1).

    Parameters
    ----------
    low, high : float
        Finite, low < high; with `log` above 0.
    log : bool, default False
        Whether factors count, not differences: for what may be 0.001 as well as 0.1, such as a learning rate.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For limits that are no such numbers.

    Examples
    --------
    >>> from tabgrad.search import Real
    >>> [round(Real(0.001, 0.1, log=True).at(u), 4) for u in (0, 0.5, 1)]
    [0.001, 0.01, 0.1]
    >>> Real(0, 0.5).rvs(random_state=0)
    0.274...
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check the limits."""
        _check_limits(self)

    def __repr__(self) -> str:
        """As it is written."""
        return _written(self)

    def at(self, share: float) -> float:
        """The number that lies at a share of the range, in [0, 1]."""
        if self.log:
            value = math.pow(self.low, 1 - share) * math.pow(self.high, share)
        else:  # no difference of the limits, which could exceed all floats
            value = self.low * (1 - share) + self.high * share
        return min(max(value, self.low), self.high)

    def share(self, value: float) -> float:
        """Where a number lies in the range: the inverse of `at`."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def rvs(self, size: int | None = None, random_state: Any = None) -> Any:
        """One number, or an array of `size`, as of SciPy's distributions."""
        return _drawn(self.at, size, random_state)


@dataclass(frozen=True, repr=False)
class Integer:
    """Whole numbers between two limits, both of which are among them.

    All are equally likely; with `log` a number ``k`` is in proportion to ``ln((k + 1/2) / (k - 1/2))``.

    Parameters
    ----------
    low, high : int
        low < high; with `log` above 0.
    log : bool, default False
        Whether factors count, not differences: for what may be 16 as well as 512, such as units.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For limits that are no such numbers.

    Examples
    --------
    >>> from tabgrad.search import Integer
    >>> [Integer(1, 3).at(u) for u in (0, 0.3, 0.5, 0.7, 1)]
    [1, 1, 2, 3, 3]
    >>> Integer(16, 512, log=True).at(0.5)
    89
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check the limits."""
        _check_limits(self)

    def __repr__(self) -> str:
        """As it is written."""
        return _written(self)

    def at(self, share: float) -> int:
        """The number that lies at a share of the range, in [0, 1]."""
        if self.log:
            value = int((self.low - 0.5) * ((self.high + 0.5) / (self.low - 0.5)) ** share + 0.5)
        else:
            value = self.low + math.floor(share * (self.high - self.low + 1))
        return min(max(value, self.low), self.high)

    def share(self, value: int) -> float:
        """Where a number lies in the range."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def rvs(self, size: int | None = None, random_state: Any = None) -> Any:
        """One number, or an array of `size`, as of SciPy's distributions."""
        return _drawn(self.at, size, random_state)


@dataclass(frozen=True, repr=False)
class Choice:
    """One of several values of any kind, all equally likely.

    A list says the same, except where a space holds lists alone: then scikit-learn's searches try no candidate twice.

    Parameters
    ----------
    values : sequence
        At least one.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For none, or for what is no sequence.

    Examples
    --------
    >>> from tabgrad.search import Choice
    >>> Choice([(64,), (64, 64)]).at(0.5)
    (64, 64)
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        """Keep a tuple of the values."""
        if (problem := wrong_list(self.values)) is not None:
            kind, what = problem
            raise kind(f"'values' of Choice {what}")
        object.__setattr__(self, "values", tuple(self.values))

    def __repr__(self) -> str:
        """As it is written."""
        return f"Choice({list(self.values)!r})"

    def at(self, share: float) -> Any:
        """The value at a share of the list, in [0, 1]."""
        return self.values[min(math.floor(share * len(self.values)), len(self.values) - 1)]

    def rvs(self, size: int | None = None, random_state: Any = None) -> Any:
        """One value, or a list of `size`."""
        if size is None:
            return self.at(_uniform(None, random_state))
        return [self.at(share) for share in _uniform(size, random_state)]


def _check_limits(limits: Real | Integer) -> None:
    check_record(limits)
    owner = type(limits).__name__
    for name, limit in (("low", limits.low), ("high", limits.high)):
        if not math.isfinite(limit):
            raise ArgumentError(f"'{name}' of {owner} must be finite. Got {limit!r}.")
    if limits.low >= limits.high:
        swapped = f" Did you mean {owner}({limits.high!r}, {limits.low!r})?" if limits.low > limits.high else ""
        alone = f" One value alone is a list of one: [{limits.low!r}]." if limits.low == limits.high else ""
        raise ArgumentError(
            f"'low' of {owner} must be less than 'high'. Got {limits.low!r} and {limits.high!r}.{swapped}{alone}"
        )
    if limits.log and limits.low <= 0:
        raise ArgumentError(
            f"'low' of {owner} must be above 0 where log=True, since 0 has no logarithm. Got {limits.low!r}."
        )


def _written(limits: Real | Integer) -> str:
    log = ", log=True" if limits.log else ""
    return f"{type(limits).__name__}({limits.low!r}, {limits.high!r}{log})"


def _uniform(size: int | None, random_state: Any) -> Any:
    if isinstance(random_state, np.random.Generator):
        return random_state.random(size)
    return check_random_state(random_state).random_sample(size)


def _drawn(at: Callable[[float], float], size: int | None, random_state: Any) -> Any:
    shares = _uniform(size, random_state)
    return at(float(shares)) if size is None else np.array([at(float(share)) for share in shares])


# ---- Parameters that are there only with others ----------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Conditional:
    """Values of a parameter that is there only where others have given values; `when` makes one.

    Parameters
    ----------
    values
        A list, a range or a distribution.
    conditions : dict of str and tuple
        For each other parameter the values with which this one is there; all must hold.
    """

    values: Any
    conditions: Mapping[str, tuple[Any, ...]]

    def __repr__(self) -> str:
        """As it is written."""
        conditions = (
            f"{name}={list(values) if len(values) > 1 else values[0]!r}" for name, values in self.conditions.items()
        )
        return f"when({self.values!r}, {', '.join(conditions)})"

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether the others have the given values; one that is absent has none."""
        return all(
            name in params and any(equal(params[name], value) for value in values)
            for name, values in self.conditions.items()
        )


def when(values: Any, /, **conditions: Any) -> Conditional:
    """Values of a parameter that is there only where others have given values.

    Where it is absent, a candidate leaves the parameter of the estimator as it is.

    Parameters
    ----------
    values
        A list, a range or a distribution.
    **conditions
        ``name=value``, or ``name=[value, value]`` for any of several. Of several names all must hold.

    Returns
    -------
    Conditional

    Raises
    ------
    ArgumentError
        Without a condition, or with one of no values.

    Examples
    --------
    >>> from tabgrad.search import Real, sample, when
    >>> space = {"optimizer": ["adam", "lbfgs"], "learning_rate": when(Real(0.001, 0.1, log=True), optimizer="adam")}
    >>> for candidate in sample(space, 3, seed=0):
    ...     print(sorted(candidate))
    ['optimizer']
    ['learning_rate', 'optimizer']
    ['learning_rate', 'optimizer']
    """
    if not conditions:
        raise ArgumentError("when needs a condition: when(Real(0, 1), optimizer='sgd').")
    for name, given in conditions.items():
        if isinstance(given, list) and not given:
            raise ArgumentError(f"The condition '{name}' of when must hold at least one value. Got [].")
    return Conditional(
        values, {name: tuple(given) if isinstance(given, list) else (given,) for name, given in conditions.items()}
    )


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same; True is not 1."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one is other or (is_number(one) == is_number(other) and bool(one == other))


def is_number(value: Any) -> bool:
    """Whether a value is a number; True is none."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


# ---- What values may be ----------------------------------------------------------------------------------------------


def is_distribution(values: Any) -> bool:
    """Whether values are drawn by ``rvs``: ranges, and distributions of SciPy."""
    return callable(getattr(values, "rvs", None)) and not isinstance(values, type)


def wrong_list(values: Any) -> tuple[type[ArgumentError], str] | None:
    """What is wrong with values that ought to be a list, to go on behind their name; None: nothing."""
    if isinstance(values, np.ndarray) and values.ndim != 1:
        return ArgumentTypeError, f"must be an array of one axis. Got one of shape {values.shape}."
    if isinstance(values, np.ndarray) or (isinstance(values, Sequence) and not isinstance(values, (str, bytes))):
        return None if len(values) else (ArgumentError, f"must hold at least one value. Got {shown(values)}.")
    if isinstance(values, type):
        return ArgumentTypeError, f"must be {_MAY_BE}. Got the class {values.__name__}: give it its limits."
    if isinstance(values, Mapping):
        return ArgumentTypeError, f"must be {_MAY_BE}. Got {shown(values)}."
    if isinstance(values, (set, frozenset)):
        return ArgumentTypeError, f"must be {_MAY_BE}. Got {shown(values)}, which has no order: make it a list."
    if isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        return ArgumentTypeError, f"must be {_MAY_BE}. Got {type(values).__name__}: make it a list."
    return ArgumentTypeError, f"must be {_MAY_BE}. Got {shown(values)}. Did you mean [{shown(values)}]?"
