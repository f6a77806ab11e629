"""Spaces as TOML files: a key a parameter."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from typing import Any

from tabgrad._checks import WORDS, known_name
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.search._ranges import Integer, Real, when
from tabgrad.search.space import check_space

__all__ = ["read_space"]

KINDS: dict[str, type[Real] | type[Integer]] = {"real": Real, "integer": Integer}
KEYS = ("low", "high", "log", "kind", "values", "when")


def read_space(path: str | os.PathLike[str]) -> dict[str, Any]:
    r"""The space that a TOML file describes.

    ::

        preset = "fast"                                         # one value
        hidden_layer_sizes = [[64], [64, 64]]                   # one of several; lists within are tuples
        learning_rate = { low = 0.001, high = 0.1, log = true } # a range
        batch_size = { low = 32, high = 512, log = true }       # of whole numbers, as both limits are
        l2 = { low = 0, high = 1, kind = "real" }               # not of whole numbers

        [weight_decay]                                          # only where the optimizer is one of these
        low = 0.01
        high = 1.0
        when = { optimizer = ["adam", "nadam"] }

    A list that has a condition is ``{ values = [...], when = {...} }``.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    dict
        Name and values: a list, `Real`, `Integer`, or one of them under conditions.

    Raises
    ------
    ArgumentError
        The file cannot be read, is no TOML, or says what no space can be; with the file and the key, a line each.

    Examples
    --------
    >>> import os, tempfile
    >>> from tabgrad.search import read_space
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "space.toml")
    ...     with open(path, "w") as file:
    ...         _ = file.write('activation = ["relu", "mish"]\ndropout = { low = 0.0, high = 0.5 }')
    ...     read_space(path)
    {'activation': ['relu', 'mish'], 'dropout': Real(0.0, 0.5)}
    """
    name = os.path.basename(path)
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ArgumentError(f"The space's file '{os.fspath(path)}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"The space's file '{os.fspath(path)}' is no TOML: {error}.") from error
    if not content:
        raise ArgumentError(f"{name} holds no parameter. A line of it may be: dropout = {{ low = 0.0, high = 0.5 }}")
    space, problems = {}, []
    for key, value in content.items():
        try:
            space[key] = _values(key, value)
        except ArgumentError as error:
            problems.append(f"{name}, {error}")
    if problems:
        raise ArgumentError("\n".join(problems))
    try:
        check_space(space)
    except ArgumentError as error:
        raise ArgumentError("\n".join(f"{name}: {line}" for line in str(error).splitlines())) from error
    return space


def _values(key: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return [_plain(key, each) for each in value] if isinstance(value, list) else [_plain(key, value)]
    for each in value:
        if each not in KEYS:
            try:
                known_name(each, "key", KEYS)
            except ArgumentError as error:
                raise ArgumentError(f"key '{key}.{each}': {error}") from None
            raise ArgumentError(f"key '{key}.{each}': keys are written as here: {', '.join(KEYS)}.")
    values = _listed(key, value) if "values" in value else _range(key, value)
    if "when" not in value:
        return values
    conditions = value["when"]
    if not isinstance(conditions, Mapping) or not conditions:
        raise ArgumentError(
            f"key '{key}.when' must be a table of other parameters and their values, for instance "
            f'{{ optimizer = "adam" }}. Got {shown(conditions)}.'
        )
    plain = {
        other: [_plain(f"{key}.when.{other}", each) for each in given]
        if isinstance(given, list)
        else _plain(f"{key}.when.{other}", given)
        for other, given in conditions.items()
    }
    try:
        return when(values, **plain)
    except ArgumentError as error:
        raise ArgumentError(f"key '{key}.when': {error}") from None


def _listed(key: str, value: Mapping[str, Any]) -> list[Any]:
    if others := sorted(value.keys() - {"values", "when"}):
        raise ArgumentError(f"key '{key}' has 'values' and, of a range, '{others[0]}': it is one or the other.")
    if not isinstance(value["values"], list):
        raise ArgumentError(f"key '{key}.values' must be a list. Got {shown(value['values'])}.")
    return [_plain(f"{key}.values", each) for each in value["values"]]


def _range(key: str, value: Mapping[str, Any]) -> Real | Integer:
    if lacking := [limit for limit in ("low", "high") if limit not in value]:
        raise ArgumentError(
            f"key '{key}' lacks '{lacking[0]}': a range is {{ low = ..., high = ... }}, a list {{ values = [...] }}."
        )
    for limit in ("low", "high"):
        if type(value[limit]) not in (int, float):
            raise ArgumentTypeError(f"key '{key}.{limit}' must be a number. Got {shown(value[limit])}.")
    if not isinstance(value.get("log", False), bool):
        raise ArgumentTypeError(f"key '{key}.log' must be true or false. Got {shown(value['log'])}.")
    whole = all(isinstance(value[limit], int) for limit in ("low", "high"))
    kind = value.get("kind", "integer" if whole else "real")
    if kind not in list(KINDS):  # it may be anything
        raise ArgumentError(f'key \'{key}.kind\' must be "real" or "integer". Got {shown(kind)}.')
    try:
        limits = KINDS[kind](value["low"], value["high"], log=value.get("log", False))
    except ArgumentError as error:
        raise ArgumentError(f"key '{key}': {error}") from None
    return limits


def _plain(key: str, value: Any) -> Any:
    """A value of a list; a list within is a tuple, as sizes of layers are given."""
    if isinstance(value, list):
        return tuple(_plain(key, each) for each in value)
    if not isinstance(value, tuple(kind for kind in WORDS if kind is not type(None))):
        raise ArgumentTypeError(f"key '{key}' must hold numbers, words, true or false. Got {shown(value)}.")
    return value
