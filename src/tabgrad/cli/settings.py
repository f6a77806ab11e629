"""What a command is asked for: flags, and for `fit` a TOML file behind them; flags win."""

from __future__ import annotations

import os
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any

from tabgrad._checks import check, known_name
from tabgrad._refusals import shown
from tabgrad.cli.exits import UsageError
from tabgrad.errors import ArgumentTypeError

Words = tuple[str, ...]
Kinds = Mapping[str, str | Sequence[str]]
Sizes = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Output:
    """What all commands have."""

    json: bool = False
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """How a table is read; None and empty: as `tabgrad.table.read` does by itself."""

    query: str | None = None
    format: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    no_header: bool = False
    missing: Words | None = None
    on_short_row: str | None = None
    kind: Kinds | None = None


@dataclass(frozen=True, kw_only=True)
class Learning(Output, Source):
    """What commands are asked for that learn; None: the default of the library."""

    table: str
    target: Words | None = None
    out: str | None = None
    report: str | None = None
    overwrite: bool = False
    test: str | None = None
    test_size: float | None = None
    seed: int | None = None
    weights: str | None = None
    drop: Words | None = None
    drop_unlabelled: bool = False
    task: str | None = None
    preset: str | None = None
    members: int | None = None
    time_limit: float | None = None
    hidden: Sizes | None = None
    activation: str | None = None
    dropout: float | None = None
    numeric: str | None = None
    numeric_embedding: str | None = None
    n_neighbors: int | None = None
    loss: str | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    batch_size: int | None = None
    epochs: int | None = None
    early_stopping: bool | None = None
    patience: int | None = None
    validation_fraction: float | None = None
    l1: float | None = None
    l2: float | None = None
    weight_decay: float | None = None
    use_ema: bool | None = None
    label_smoothing: float | None = None
    class_weight: str | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Fit(Learning):
    """What `fit` is asked for."""

    save_interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class Tune(Learning):
    """What `tune` is asked for."""

    save_interrupted: bool = False
    n_iter: int | None = None
    cv: int | None = None
    scoring: str | None = None
    space: str | None = None
    search: str | None = None
    ensemble: bool = False
    journal: str | None = None
    resume: bool = False


@dataclass(frozen=True, kw_only=True)
class Predict(Output, Source):
    """What `predict` is asked for."""

    model: str
    table: str
    out: str | None = None
    overwrite: bool = False
    proba: bool = False
    interval: float | None = None
    sets: float | None = None
    prefix: str = ""
    raw: bool = False


@dataclass(frozen=True, kw_only=True)
class Evaluate(Output, Source):
    """What `evaluate` is asked for."""

    model: str
    table: str
    weights: str | None = None
    drop_unlabelled: bool = False
    report: str | None = None
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Report(Output, Source):
    """What `report` is asked for."""

    model: str
    table: str
    train: str | None = None
    out: str | None = None
    overwrite: bool = False
    weights: str | None = None
    drop_unlabelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Explain(Output, Source):
    """What `explain step` is asked for; `form` is how it is written."""

    model: str
    table: str
    out: str | None = None
    overwrite: bool = False
    rows: int | None = None
    network: int | None = None
    form: str | None = None


@dataclass(frozen=True, kw_only=True)
class Inspect(Output, Source):
    """What `inspect` is asked for."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Doctor(Output):
    """What `doctor` is asked for."""


Settings = Fit | Tune | Predict | Evaluate | Report | Explain | Inspect | Doctor


def settings(kind: type[Settings], given: Mapping[str, Any]) -> Settings:
    """The settings of a command from its flags, and from the file that `config` names.

    Parameters
    ----------
    kind : class
        The command's settings.
    given : dict
        The flags as the command line gave them; None, False or empty where one was not given.

    Raises
    ------
    UsageError
        The file cannot be read, or is no TOML.
    ArgumentError
        A name that no option bears, with the nearest; a value of another type.
    """
    hints = typing.get_type_hints(kind)
    path = given.get("config")
    asked = {} if path is None else _of_file(path, kind, hints)
    for name, value in given.items():
        if name in hints and not _is_absent(value, hints[name]):
            asked[name] = _value(name, value, hints[name], f"tabgrad {kind.__name__.lower()}")
    for name in ("model", "table", "path"):
        if name in hints and name not in asked:
            raise UsageError(f"The {name} of tabgrad {kind.__name__.lower()} must be the name of a file. Got ''.")
    return kind(**asked)


def _is_absent(value: Any, hint: Any) -> bool:
    """Whether a flag was not given; False is a value where a flag has a counterpart, as ``--no-early-stopping``."""
    return value is None or (value is False and hint is bool) or (not value and isinstance(value, (tuple, list, str)))


def option(name: str) -> str:
    """How an option is written: ``--batch-size``."""
    return f"--{name.replace('_', '-')}"


# ---- The file --------------------------------------------------------------------------------------------------------

NOT_IN_FILES = {"table", "json", "quiet"}


def _of_file(path: str, kind: type[Settings], hints: Mapping[str, Any]) -> dict[str, Any]:
    name = os.path.basename(path)
    try:
        with open(os.path.expanduser(path), "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"The configuration file '{path}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The configuration file '{path}' is no TOML: {error}.") from error
    known = [option(field.name)[2:] for field in fields(kind) if field.name not in NOT_IN_FILES]
    asked = {}
    for key, value in content.items():
        place = known_name(key.replace("_", "-"), f"setting in {name}:", known).replace("-", "_")
        asked[place] = _value(place, value, hints[place], name)
    return asked


# ---- Values ----------------------------------------------------------------------------------------------------------


def _value(name: str, value: Any, hint: Any, owner: str) -> Any:
    """A value as its setting wants it."""
    kinds = typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if Words in kinds:
        return _words(name, value, owner)
    if Sizes in kinds:
        return _sizes(name, value, owner)
    if Kinds in kinds:
        return _kinds(value, owner)
    return check(value, option(name), owner, tuple(each for each in kinds if each is not NoneType))


def _words(name: str, value: Any, owner: str) -> Words:
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, str) for each in several):
        raise ArgumentTypeError(f"'{option(name)}' of {owner} must be a name or a list of names. Got {shown(value)}.")
    return tuple(several)


def _sizes(name: str, value: Any, owner: str) -> Sizes:
    """``64,64`` of a flag; a number or a list of a file."""
    several = value.replace("x", ",").split(",") if isinstance(value, str) else value
    several = list(several) if isinstance(several, (list, tuple)) else [several]
    try:
        sizes = tuple(int(each) if isinstance(each, str) else each for each in several)
    except ValueError:
        sizes = ()
    if not sizes or any(type(size) is not int or size < 1 for size in sizes):
        raise ArgumentTypeError(
            f"'{option(name)}' of {owner} must be the widths of the layers, for instance 64,64. Got {shown(value)}."
        )
    return sizes


def _kinds(value: Any, owner: str) -> Kinds:
    """``zip=categorical`` and ``cut=Fair<Good<Ideal`` of flags; a table of a file."""
    if isinstance(value, Mapping):
        for column, kind in value.items():
            if not (isinstance(kind, str) or (isinstance(kind, list) and all(isinstance(each, str) for each in kind))):
                raise ArgumentTypeError(
                    f"[kind] of {owner} must give a kind or a list of levels for each column. Got {shown(kind)} for "
                    f"{shown(column)}."
                )
        return dict(value)
    kinds: dict[str, str | Sequence[str]] = {}
    for each in value:
        column, equals, kind = each.rpartition("=")
        if not equals or not column or not kind:
            raise ArgumentTypeError(
                f"'--kind' of {owner} must be COLUMN=KIND, for instance zip=categorical, or COLUMN=LEVEL<LEVEL<LEVEL "
                f"for levels in their order. Got {shown(each)}."
            )
        kinds[column] = kind.split("<") if "<" in kind else kind
    return kinds
