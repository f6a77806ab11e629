"""What a search is made of as plain data, by which a journal knows it again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np

from tabgrad.models import Sequential
from tabgrad.search._ranges import Choice, Conditional, Integer, Real

_within: ContextVar[frozenset[int]] = ContextVar("functions", default=frozenset())


def as_plain(space: Any) -> Any:
    """A space as plain data that JSON can hold and that says all that decides what is drawn from it.

    Ranges are dicts with the name of their class; a distribution of SciPy is its name with its arguments; records,
    estimators and other objects are their class with its parameters; functions their code, with their
    defaults and what they hold of the scope around them; networks their layers and weights.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from tabgrad.search import Real
    >>> from tabgrad.search._plain import as_plain
    >>> as_plain({"dropout": Real(0, 0.5), "l2": loguniform(1e-6, 1)})
    {'dropout': {'Real': {'low': 0.0, 'high': 0.5, 'log': False}},
     'l2': {'loguniform': {'args': [1e-06, 1], 'kwds': {}}}}
    """
    if isinstance(space, (Real, Integer)):
        return {type(space).__name__: {"low": space.low, "high": space.high, "log": space.log}}
    if isinstance(space, Choice):
        return {"Choice": as_plain(space.values)}
    if isinstance(space, Conditional):
        return {"values": as_plain(space.values), "when": as_plain(dict(space.conditions))}
    if isinstance(space, (np.generic, np.ndarray)):
        return as_plain(space.tolist())
    if space is None or isinstance(space, (bool, int, float, str)):
        return space
    if isinstance(space, Mapping):
        return {str(name): as_plain(value) for name, value in space.items()}
    if isinstance(space, (list, tuple, range)):
        return [as_plain(value) for value in space]
    return _object(space)


def _object(value: Any) -> Any:
    """Anything else: its name and what it was made of; never an address, which is another one in each process."""
    distribution = getattr(value, "dist", None)
    if distribution is not None and hasattr(value, "args") and hasattr(value, "kwds"):
        return {distribution.name: {"args": as_plain(list(value.args)), "kwds": as_plain(value.kwds)}}
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, (type, partial)) or (callable(value) and hasattr(value, "__qualname__")):
        return _callable(value)
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return {name: as_plain(_state_of(value))}
    if isinstance(value, Sequential):
        return {name: _of_network(value)}
    if hasattr(value, "get_params"):
        return {name: as_plain(value.get_params(deep=False))}
    if is_dataclass(value):
        return {name: {each.name: as_plain(getattr(value, each.name)) for each in fields(value)}}
    written = repr(value)
    if " at 0x" in written and hasattr(value, "__dict__"):
        return {name: as_plain(vars(value))}
    return {name: re.sub(r" at 0x[0-9a-fA-F]+", "", written)}


def _callable(value: Any) -> Any:
    """A class or a function of a library by its name; one of Python's own code with what it does."""
    if isinstance(value, partial):
        return {"partial": [as_plain(value.func), as_plain(value.args), as_plain(value.keywords)]}
    name = f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, FunctionType):
        return {name: _of_function(value)}
    if isinstance(value, MethodType):
        return {name: [as_plain(value.__self__), as_plain(value.__func__)]}
    return name


def _of_function(function: FunctionType) -> list[Any]:
    """What a function does, as far as it can be told: its code, its defaults, what it holds of the scope around it."""
    if id(function) in _within.get():  # one that calls itself
        return []
    token = _within.set(_within.get() | {id(function)})
    try:
        held = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
        return [_of_code(function.__code__), as_plain([function.__defaults__, function.__kwdefaults__, held])]
    finally:
        _within.reset(token)


def _of_code(code: CodeType) -> str:
    """A digest of compiled code, of functions inside it too; comments and lines do not count."""
    constants = [_of_constant(each) for each in code.co_consts]
    return hashlib.sha256(repr((code.co_code, constants, code.co_names, code.co_varnames)).encode()).hexdigest()


def _of_constant(value: Any) -> str:
    if isinstance(value, CodeType):
        return _of_code(value)
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _is_filled(cell: Any) -> bool:
    """Whether a variable of the scope around has a value yet."""
    try:
        cell.cell_contents  # noqa: B018  (looked at)
    except ValueError:
        return False
    return True


def _state_of(generator: Any) -> Any:
    """Where a generator stands."""
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def _of_network(network: Sequential) -> dict[str, Any]:
    """Layers with all that they are made of, what they are compiled with, weights where there are some."""
    digest = hashlib.sha256()
    for array in network.get_weights() if network.built else []:
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "layers": [as_plain(layer.record) for layer in network.layers],
        "compiled": as_plain(network._ready_compiled("fit")) if network.compiled else None,
        "weights": digest.hexdigest(),
    }
