"""Spaces: what a search may try. A dict from a parameter's name to its values, or a list of such dicts.

Values are a list, a range declared here (`Real`, `Integer`, `Choice`), a distribution of SciPy, or one of them that is
there only `when` another parameter has given values. Ranges have SciPy's method ``rvs``, so that scikit-learn's own
searches take them as well.
"""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from tabgrad._checks import unknown_arguments
from tabgrad._refusals import shown
from tabgrad._seeds import key
from tabgrad.errors import ArgumentError, ArgumentTypeError, TabgradError
from tabgrad.search._ranges import Choice, Conditional, Integer, Real, equal, is_distribution, wrong_list

__all__ = ["Space", "check_names", "check_space", "drawn", "is_conditional", "sample"]

Space = Mapping[str, Any] | Sequence[Mapping[str, Any]]


# ---- Checks ----------------------------------------------------------------------------------------------------------


def check_space(space: Space) -> tuple[dict[str, Any], ...]:
    """The dicts of a space, each checked.

    Parameters
    ----------
    space : dict or list of dict

    Returns
    -------
    tuple of dict

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an empty space, values that are none, conditions on what is not there, that cannot hold, or that wait for
        each other; with all that is wrong, a line each.

    Examples
    --------
    >>> from tabgrad.search.space import check_space
    >>> check_space({"activation": "relu"})
    Traceback (most recent call last):
        ...
    tabgrad.errors.ArgumentTypeError: 'activation' of the space must be a list of values, a range (Real, Integer,
    Choice), a distribution of SciPy, or one of them with when(...). Got 'relu'. Did you mean ['relu']?
    """
    several = isinstance(space, Sequence) and not isinstance(space, (str, bytes))
    parts: list[Any] = list(space) if several else [space]
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        wrong = next((part for part in parts if not isinstance(part, Mapping)), space)
        raise ArgumentTypeError(
            f"A space must be a dict from names of parameters to their values, or a list of such dicts. Got "
            f"{shown(wrong)}."
        )
    if not all(parts):
        raise ArgumentError("A space must hold at least one parameter, for instance {'dropout': [0, 0.1]}. Got {}.")
    problems = [problem for part in parts for problem in _problems(part)]
    if problems:
        kind = next((kind for kind, _ in problems if kind is ArgumentError), ArgumentTypeError)
        raise kind("\n".join(message for _, message in problems))
    return tuple(dict(part) for part in parts)


def check_names(estimator: Any, space: Space) -> None:
    """Hold a space against the estimator whose parameters it names.

    Names of parts (``step__parameter``) are those of scikit-learn; where the space holds the part itself, its
    parameters depend on the candidate and are not looked at. A name is asked of a copy of the estimator before it is
    refused, since an estimator may take more than `get_params` tells.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As of `check_space`; for names that the estimator does not take, with the nearest that it does.

    Examples
    --------
    >>> from tabgrad import Classifier
    >>> from tabgrad.search.space import check_names
    >>> check_names(Classifier(), {"dropot": [0, 0.1]})
    Traceback (most recent call last):
        ...
    tabgrad.errors.ArgumentTypeError: Classifier takes no argument 'dropot' (did you mean 'dropout'?). It takes: ...
    """
    names = list(dict.fromkeys(name for part in check_space(space) for name in part))
    known = estimator.get_params(deep=True)
    unknown = []
    for name in names:
        parts = name.split("__")
        exchanged = any("__".join(parts[:depth]) in names for depth in range(1, len(parts)))
        if name not in known and not exchanged and not _takes(estimator, name):
            unknown.append(name)
    if (error := unknown_arguments(type(estimator).__name__, unknown, known)) is not None:
        raise error


def _takes(estimator: Any, name: str) -> bool:
    try:
        clone(estimator).set_params(**{name: None})
    except TabgradError:
        raise  # it says better which names there are
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _problems(part: Mapping[Any, Any]) -> list[tuple[type[ArgumentError], str]]:
    found: list[tuple[type[ArgumentError], str]] = []
    for name, values in part.items():
        if not isinstance(name, str):
            found.append((ArgumentTypeError, f"A name in a space must be a string. Got {shown(name)}."))
            continue
        inner = values.values if isinstance(values, Conditional) else values
        if not is_distribution(inner) and (problem := wrong_list(inner)) is not None:
            kind, what = problem
            found.append((kind, f"'{name}' of the space {what}"))
        if isinstance(values, Conditional):
            found += [(ArgumentError, message) for message in _wrong_conditions(name, values, part)]
    return found


def _wrong_conditions(name: str, values: Conditional, part: Mapping[Any, Any]) -> list[str]:
    found = []
    for other, wanted in values.conditions.items():
        others = [each for each in part if each != name and isinstance(each, str)]
        if other not in others:
            close = difflib.get_close_matches(other, others, n=1, cutoff=0.5)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            found.append(f"'{name}' of the space has a condition on '{other}', which the space does not hold.{hint}")
            continue
        possible = part[other].values if isinstance(part[other], Conditional) else part[other]
        found += [
            f"'{name}' of the space waits for {other}={shown(value)}, which can never be: {other} is {possible!r}."
            for value in wanted
            if not _can_be(value, possible)
        ]
    if not found and _waits_for(name, name, part):
        found.append(f"'{name}' of the space waits for itself: the conditions go round in a ring.")
    return found


def _can_be(value: Any, values: Any) -> bool:
    if isinstance(values, Real):
        return False  # one number of all is never drawn
    if isinstance(values, Integer):
        return isinstance(value, int) and values.low <= value <= values.high
    if isinstance(values, Choice) or not is_distribution(values):
        return any(equal(value, each) for each in (values.values if isinstance(values, Choice) else values))
    return True


def _waits_for(name: str, wanted: str, part: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    others = part[name].conditions if isinstance(part.get(name), Conditional) else ()
    return any(
        other == wanted or (other not in seen and _waits_for(other, wanted, part, seen | {other})) for other in others
    )


def is_conditional(space: Space) -> bool:
    """Whether some parameter of a space is there only with values of others.

    Examples
    --------
    >>> from tabgrad.search.space import is_conditional
    >>> is_conditional({"dropout": [0, 0.1]})
    False
    """
    return any(isinstance(values, Conditional) for part in check_space(space) for values in part.values())


# ---- Candidates ------------------------------------------------------------------------------------------------------


def sample(space: Space, candidates: int, seed: int) -> list[dict[str, Any]]:
    """Candidates of a space, drawn at random; each depends on the seed and its own number alone.

    Every parameter is drawn from 64 bits that belong to the seed, the candidate's number and the parameter's name: more
    candidates begin with the same ones, and another parameter leaves the values of the rest as they are.

    Parameters
    ----------
    space : dict or list of dict
        Of several, each candidate belongs to one; all are equally likely.
    candidates : int
    seed : int

    Returns
    -------
    list of dict
        Name and value, in the order of the space, without parameters whose condition does not hold.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As of `check_space`.

    Examples
    --------
    >>> from tabgrad.search import Integer, Real, sample
    >>> sample({"units": Integer(8, 64), "dropout": Real(0, 0.5)}, 2, seed=0) == sample(
    ...     {"dropout": Real(0, 0.5), "units": Integer(8, 64)}, 9, seed=0
    ... )[:2]
    True
    """
    parts = check_space(space)
    return [_candidate(parts[_bits(seed, place, "") % len(parts)], seed, place) for place in range(candidates)]


def _candidate(part: Mapping[str, Any], seed: int, place: int) -> dict[str, Any]:
    return drawn(part, lambda name, values: _value(values, _bits(seed, place, name)))


def drawn(part: Mapping[str, Any], draw: Callable[[str, Any], Any]) -> dict[str, Any]:
    """One candidate of one dict of a space, by a function that draws a parameter from its list or range.

    It is called with what others wait for before those, and not at all for a parameter whose condition does not hold.
    """
    found: dict[str, Any] = {}
    waiting = dict(part)
    while waiting:
        ready = [
            name
            for name, values in waiting.items()
            if not isinstance(values, Conditional) or not waiting.keys() & values.conditions.keys()
        ]
        for name in ready:
            values = waiting.pop(name)
            if not isinstance(values, Conditional):
                found[name] = draw(name, values)
            elif values.holds(found):
                found[name] = draw(name, values.values)
    return {name: found[name] for name in part if name in found}


def _value(values: Any, bits: int) -> Any:
    share = (bits >> 11) / 2**53
    if isinstance(values, (Real, Integer, Choice)):
        return values.at(share)
    if is_distribution(values):
        return values.rvs(random_state=np.random.RandomState(bits >> 32))
    return values[math.floor(share * len(values))]


def _bits(seed: int, place: int, name: str) -> int:
    return key(seed, "space", place, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
