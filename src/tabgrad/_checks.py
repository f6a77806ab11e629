"""Declared constraints, and the only wording of argument errors.

A record declares what a field may be in its annotation; constructing the record checks it::

    rate: Annotated[float, Interval(0, 1, "[)")]

The same declarations generate the invalid values that the tests feed to every record.
"""

from __future__ import annotations

import difflib
import math
import operator
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any

from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError


@dataclass(frozen=True)
class Interval:
    """A number between two limits; `closed` draws them as in mathematics, for instance ``"[)"``."""

    low: float = -math.inf
    high: float = math.inf
    closed: str = "[]"

    def holds(self, value: float) -> bool:
        """Whether `value` lies inside (NaN and infinity never do)."""
        above = self.low <= value if self.closed[0] == "[" else self.low < value
        below = value <= self.high if self.closed[1] == "]" else value < self.high
        return above and below and abs(value) != math.inf

    def __str__(self) -> str:
        """The interval in words that a message can use."""
        if self.high == math.inf:
            least = "at least" if self.closed[0] == "[" else "above"
            return "finite" if self.low == -math.inf else f"{least} {self.low:g}"
        low, high = (f"{int(limit)}" if limit == int(limit) else f"{limit:g}" for limit in (self.low, self.high))
        return f"in {self.closed[0]}{low}, {high}{self.closed[1]}"


POSITIVE = Interval(0, math.inf, "()")
NOT_NEGATIVE = Interval(0, math.inf, "[)")
FRACTION = Interval(0, 1, "[)")
SHARE = Interval(0, 1, "(]")
COUNT = Interval(1)
SEED = Interval(0, 2**63 - 1)


WORDS = {int: "an integer", float: "a number", bool: "True or False", str: "a string", NoneType: "None"}


def check_record(record: Any) -> None:
    """Check every annotated field of a frozen record, turning NumPy scalars into Python's own numbers."""
    kind: Any = type(record)
    for name, kinds, interval in _constraints(kind):
        value = getattr(record, name)
        checked = check(value, name, kind.__name__, kinds, interval)
        if checked is not value:
            object.__setattr__(record, name, checked)


def check(value: Any, name: str, owner: str, kinds: tuple[type, ...], interval: Interval | None = None) -> Any:
    """One value against the types and the interval that it may have; returns it as a Python number.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        ``'rate' of Dropout must be in [0, 1). Got 50. Did you mean 0.5?``
    """
    if value is None and NoneType in kinds:
        return None
    as_it_is = type(value) in kinds and not (type(value) is int and float in kinds)
    if as_it_is and (interval is None or interval.holds(value)):  # nearly always
        return value
    given = value
    if any(isinstance(value, kind) for kind in kinds if kind not in WORDS):  # a record where a number may stand too
        return value
    if float in kinds or int in kinds:
        value = _number(value, name, owner, kinds)
    elif bool in kinds:
        value = _boolean(value, name, owner)
    elif not isinstance(value, kinds):
        raise ArgumentTypeError(f"'{name}' of {owner} must be {_types(kinds)}. Got {value!r}.")
    if interval is not None and not interval.holds(value):
        unbounded = interval.high == math.inf and not math.isfinite(value) and str(interval) != "finite"
        expected = f"finite and {interval}" if unbounded else str(interval)
        raise ArgumentError(f"'{name}' of {owner} must be {expected}. Got {given!r}.{_percent(value, interval)}")
    return value


def check_numbers(value: Any, name: str, owner: str, interval: Interval) -> tuple[float, ...]:
    """One number or several in a list, tuple or array, each against the interval; returns a tuple of Python numbers.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        ``'quantiles' of Quantile must be in (0, 1). Got 90.``
    """
    several = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(several, (list, tuple)):
        several = [value]
    if not several:
        raise ArgumentError(f"'{name}' of {owner} must hold at least one number. Got {value!r}.")
    if all(type(each) is float and interval.holds(each) for each in several):  # thousands, out of a file
        return tuple(several)
    return tuple(check(each, name, owner, (float,), interval) for each in several)


LONGEST_LIST = 480  # characters of names that a message lists; of more, only the nearest


def known_name(name: str, what: str, catalogue: Iterable[str]) -> str:
    """`name` as it is spelled in the catalogue; an error that suggests the nearest where there is none."""
    names = sorted(set(catalogue))
    if name in names:
        return name
    if instead := INSTEAD.get(_folded(name)):
        raise UnknownNameError(f"Unknown {what} '{name}'. {instead}")
    # Of two spellings of one name the lower-case one counts: it comes last.
    if (folded := _folded(name)) in (plain := {_folded(known): known for known in names}):
        return plain[folded]
    close = difflib.get_close_matches(folded, plain, n=1, cutoff=0.5)
    hint = f" Did you mean '{plain[close[0]]}'?" if close else ""
    listed = ", ".join(sorted(plain.values(), key=str.lower))
    if len(listed) > LONGEST_LIST:
        near = difflib.get_close_matches(folded, plain, n=8, cutoff=0)
        listed = f"{', '.join(plain[each] for each in near)} and {len(plain) - len(near)} more"
    raise UnknownNameError(f"Unknown {what} '{name}'.{hint} Known: {listed}.")


# Names that other libraries, or older Keras, have for ours.
ELSEWHERE = {
    "lr": "learning_rate",
    "alpha": "learning_rate",
    "decay": "weight_decay",
    "nesterovs_momentum": "momentum",
    "nb_epoch": "epochs",
    "epsilon": "min_delta",
    "period": "save_freq",
}


# What Keras, or older Keras, takes and we do not, and why.
_SAME_THREAD = "batches are taken where they are trained on, one after the other"
NOT_NEEDED = {
    "workers": _SAME_THREAD,
    "use_multiprocessing": _SAME_THREAD,
    "max_queue_size": _SAME_THREAD,
    "loss_scale_factor": "gradients are float32, which needs no scale",
    "gradient_accumulation_steps": "a batch_size as many times larger takes the same steps",
    "reduction": "the loss of a batch is the mean over its rows",
    "dtype": "numbers are float32, and sums over rows float64",
    "axis": "rows of a table have one axis",
}


def unknown_arguments(owner: str, given: Iterable[str], known: Iterable[str]) -> ArgumentTypeError | None:
    """The error for keywords that nobody takes, with the nearest that are taken; None where all are known."""
    names = list(known)
    problems = []
    for name in given:
        if name in names:
            continue
        if name in NOT_NEEDED:
            return ArgumentTypeError(f"{owner} takes no argument '{name}': {NOT_NEEDED[name]}. Leave it out.")
        elsewhere = [ELSEWHERE[name]] if ELSEWHERE.get(name) in names else []
        close = elsewhere or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        problems.append(f"'{name}'" + (f" (did you mean '{close[0]}'?)" if close else ""))
    if not problems:
        return None
    return ArgumentTypeError(
        f"{owner} takes no argument {', '.join(problems)}. It takes: {', '.join(names) or 'none'}."
    )


def refuse_unknown(function: Callable[..., Any], unknown: Iterable[str], why: str = "") -> None:
    """Refuse the keywords of a call that a method does not take; messages name it, or the class of a constructor.

    What a method passes here are its ``**unknown: Never``, so that a checker of types finds them before a run does.

    Raises
    ------
    ArgumentTypeError
        ``fit takes no argument 'epoch' (did you mean 'epochs'?). It takes: x, y, batch_size, ...``
    """
    *_, owner, name = function.__qualname__.split(".")
    error = unknown_arguments(owner if name == "__init__" else name, unknown, arguments_of(function))
    if error is not None:
        raise ArgumentTypeError(f"{error} {why}") if why else error


def arguments_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names that a method takes."""
    code = function.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


# What Keras has under a name and we do not, and what there is instead; names without case and underscores.
_OVERLAP = (
    "There is no intersection over union (IoU) here: F1Score ranks models alike, since of each class IoU is "
    "F1 / (2 - F1). For IoU itself give a function of y_true and y_pred."
)
INSTEAD = dict.fromkeys(["iou", "binaryiou", "meaniou", "onehotiou", "onehotmeaniou"], _OVERLAP)


def _folded(name: str) -> str:
    """A name without case and underscores: ``GlorotUniform`` is ``glorot_uniform``."""
    return name.lower().replace("_", "")


def _number(value: Any, name: str, owner: str, kinds: tuple[type, ...]) -> int | float:
    if isinstance(value, (bool, str, bytes)) or value is None or type(value).__name__ in ("bool_", "bool"):
        raise _no_number(value, name, owner, kinds)
    try:
        return float(value) if float in kinds else operator.index(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_number(value, name, owner, kinds) from error


def _no_number(value: Any, name: str, owner: str, kinds: tuple[type, ...]) -> ArgumentTypeError:
    got = f"{value!r} ({type(value).__name__})"
    return ArgumentTypeError(f"'{name}' of {owner} must be {_types(kinds)}. Got {got}.")


def _boolean(value: Any, name: str, owner: str) -> bool:
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    raise ArgumentTypeError(f"'{name}' of {owner} must be True or False. Got {value!r}.")


def _types(kinds: tuple[type, ...]) -> str:
    return " or ".join(WORDS.get(kind, kind.__name__) for kind in kinds)


def _percent(value: Any, interval: Interval) -> str:
    percent = isinstance(value, (int, float)) and (interval.low, interval.high) == (0, 1) and 5 <= value < 100
    return f" Did you mean {value / 100:g}?" if percent else ""


@cache
def _constraints(record: type) -> tuple[tuple[str, tuple[type, ...], Interval | None], ...]:
    """Name, types and interval of each field whose annotation this module can check."""
    hints = typing.get_type_hints(record, include_extras=True)
    rows = []
    for field in fields(record):
        hint, interval = hints[field.name], None
        if typing.get_origin(hint) is typing.Annotated:
            hint, *marks = typing.get_args(hint)
            interval = next((mark for mark in marks if isinstance(mark, Interval)), None)
        union = isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union
        kinds = typing.get_args(hint) if union else (hint,)
        if all(isinstance(kind, type) for kind in kinds):
            rows.append((field.name, tuple(kinds), interval))
    return tuple(rows)
