"""What layers, losses, optimizers, ... have in common: they are frozen records that check themselves."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass
from functools import cache, wraps
from types import MappingProxyType
from typing import Any, ClassVar, Self

from tabgrad._checks import ELSEWHERE, arguments_of, check_record, known_name, unknown_arguments
from tabgrad.errors import ArgumentError, ArgumentTypeError, ReadOnlyError


def _explained(refuse: Callable[..., None]) -> Callable[..., None]:
    """A function that refuses to change a record, with what to do instead."""

    @wraps(refuse)
    def change(record: Record, name: str, *value: Any) -> None:
        try:
            refuse(record, name, *value)
        except FrozenInstanceError:
            raise ReadOnlyError(_instead(record, name, *value)) from None

    return change


def _instead(record: Record, name: str, value: Any = ...) -> str:
    """What to do instead of changing a record."""
    kind, known = type(record).__name__, [field.name for field in fields(record) if field.init]
    meant = ELSEWHERE.get(name, name)
    said = f"{kind} cannot be changed: it is a record, which other models may have too."
    if meant not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        return f"{said} It has no '{name}'." + (f" Did you mean '{close[0]}'?" if close else "")
    new = "..." if value is ... else repr(value)
    another = f"dataclasses.replace({record.kind}, {meant}={new})"
    if meant in record.in_a_model:
        return f"{said} Set it in the model, {record.in_a_model[meant]} = {new}, or make another one, {another}."
    return f"{said} Make another one: {another}."


class RecordType(type):
    """Names what a record does not take, and the nearest that it does, where Python would only refuse it."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        """Construct a record."""
        constructor = cls.__init__  # type: ignore[misc]
        if constructor.__code__.co_flags & inspect.CO_VARKEYWORDS:  # a user's own, which takes them all
            return super().__call__(*args, **options)
        if (error := unknown_arguments(cls.__name__, options, arguments_of(constructor))) is not None:
            raise error
        return super().__call__(*args, **options)

    def __setattr__(cls, name: str, value: Any) -> None:
        """Let what `dataclass` puts into a class to refuse changes say what to do instead."""
        super().__setattr__(name, _explained(value) if name in ("__setattr__", "__delattr__") else value)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What the constructor takes, for `help` and editors."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


@dataclass(frozen=True)
class Record(metaclass=RecordType):
    """A specification: immutable, hashable, comparable, with no state and no execution.

    `kind` is the name under which both engines know the record: its class name in snake case, unless it says otherwise.
    """

    kind: ClassVar[str] = "record"
    in_a_model: ClassVar[Mapping[str, str]] = MappingProxyType({})  # where a field is set there

    def __init_subclass__(cls) -> None:
        """Give each subclass its kind, and the package's own a name in data."""
        super().__init_subclass__()
        known_in_data(cls)
        if "kind" not in cls.__dict__:
            cls.kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        """Check every field against its annotation."""
        check_record(self)

    def numbers(self) -> tuple[float, ...]:
        """The fields in order as numbers, which is how a compiled engine receives a record.

        None is NaN, and a record infinite; a tuple is its length: what it holds is `listed`. A name is no number.
        """
        return tuple(_as_number(getattr(self, field.name)) for field in fields(self) if field.name != "name")

    def listed(self) -> tuple[float, ...]:
        """What the fields hold that are tuples of numbers, one for each output."""
        tuples = (value for field in fields(self) if isinstance(value := getattr(self, field.name), tuple))
        return tuple(number for each in tuples for number in each)

    def get_config(self) -> dict[str, Any]:
        """The fields as plain data: numbers, strings, lists, and dicts for records; `from_config` takes them."""
        return {field.name: to_data(getattr(self, field.name)) for field in fields(self) if field.init}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The record that `get_config` gave.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> Dense.from_config(Dense(3, activation="relu").get_config()) == Dense(3, activation="relu")
        True
        """
        if not isinstance(config, Mapping):
            raise ArgumentTypeError(f"'config' of {cls.__name__} must be what get_config gave, a dict. Got {config!r}.")
        return cls(**{name: from_data(value) for name, value in config.items()})

    @classmethod
    def get(cls, identifier: Any, catalogue: Mapping[str, type[Self]], what: str) -> Self:
        """The record that a user means by an instance, a class or a name of the catalogue."""
        if isinstance(identifier, cls):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, cls):
            return identifier()
        if isinstance(identifier, str):
            return catalogue[known_name(identifier, what, catalogue)]()
        article, example = "an" if cls.__name__[0] in "AEIO" else "a", next(iter(catalogue))
        expected = f"a name, for instance '{example}', or {article} {cls.__name__} record"
        raise ArgumentTypeError(f"{article.capitalize()} {what} must be {expected}. Got {identifier!r}.")


def _as_number(value: Any) -> float:
    if value is None or isinstance(value, Record):
        return math.nan if value is None else math.inf
    return float(len(value) if isinstance(value, tuple) else value)


# ---- Records as plain data -------------------------------------------------------------------------------------------

_KNOWN: dict[str, type] = {}  # the package's own classes that data may name; nothing is ever imported by name


def known_in_data(cls: type) -> None:
    """Let data name a class of this package as ``module.Class`` (an activation and a layer may share a name)."""
    package, _, module = cls.__module__.partition(".")
    if package == __name__.partition(".")[0] and not cls.__name__.startswith("_"):
        _KNOWN[f"{module.partition('.')[0]}.{cls.__name__}"] = cls


def to_data(value: Any) -> Any:
    """What JSON can hold: ``{"class": "layers.Dense", field: value, ...}`` for a record, a list for a tuple.

    Raises
    ------
    ArgumentError
        For functions, and classes of a user's own: code is no data. For infinity and NaN.
    """
    if is_dataclass(value) and not isinstance(value, type):
        name = next((name for name, known in _KNOWN.items() if known is type(value)), None)
        if name is None:
            raise _no_data(type(value).__name__)
        given = [field.name for field in fields(value) if field.init]
        return {"class": name, **{field: to_data(getattr(value, field)) for field in given}}
    if isinstance(value, (list, tuple)):
        if set(map(type, value)) == {float} and all(map(math.isfinite, value)):
            return list(value)  # thousands of knots are worth a short way
        return [to_data(item) for item in value]
    if callable(value):
        raise _no_data(getattr(value, "__name__", repr(value)))
    if isinstance(value, float) and not math.isfinite(value):
        raise ArgumentError(f"JSON holds finite numbers only. Got {value!r}.")
    return value


def from_data(data: Any) -> Any:
    """What `to_data` made data of; class names are looked up in a fixed table."""
    if isinstance(data, Mapping):
        name = data.get("class")
        if not isinstance(name, str) or name not in _KNOWN:
            raise ArgumentError(f"Unknown class {name!r} in the JSON of a plan or model.{_nearest(name)}")
        values = {key: from_data(value) for key, value in data.items() if key != "class"}
        if (wrong := unknown_arguments(name.rpartition(".")[2], values, _accepted(_KNOWN[name]))) is not None:
            raise wrong
        if lacking := [field for field in _required(_KNOWN[name]) if field not in values]:
            raise ArgumentError(f"{name} in the JSON of a plan or model lacks {', '.join(map(repr, lacking))}.")
        return _KNOWN[name](**values)
    if isinstance(data, (list, tuple)):
        if set(map(type, data)) == {float}:
            return tuple(data)
        return tuple(from_data(item) for item in data)
    return data


@cache
def _accepted(cls: type) -> tuple[str, ...]:
    """What a class may be given."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return tuple(each.name for each in inspect.signature(cls).parameters.values() if each.kind in kinds)


@cache
def _required(cls: type) -> tuple[str, ...]:
    """What a class must be given."""
    parameters = inspect.signature(cls).parameters
    return tuple(name for name in _accepted(cls) if parameters[name].default is inspect.Parameter.empty)


def _nearest(name: Any) -> str:
    close = difflib.get_close_matches(str(name), _KNOWN, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def _no_data(name: str) -> ArgumentError:
    return ArgumentError(
        f"'{name}' is a function or class of your own, which cannot be written as JSON: code is no data. Keep the "
        "weights (save_weights), and compile with it again."
    )
