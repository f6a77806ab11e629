"""From a wrapper's parameters to a compiled model.

A parameter belongs to the wrapper itself (``epochs``), to the building function (``hidden``, if it has an argument of
that name), or, with a prefix, to one receiver alone: ``model__hidden``, ``fit__batch_size``, ``predict__batch_size``,
``compile__metrics``, ``optimizer__learning_rate``, ``loss__label_smoothing``, ``callbacks__patience``.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from tabgrad import _seeds, losses, optimizers
from tabgrad._checks import ELSEWHERE
from tabgrad._record_views import record_of
from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from tabgrad.models import Sequential
from tabgrad.plan import Network

Parameters = Mapping[str, Any]
"""What `get_params(deep=False)` of a wrapper returns."""

PROVIDED = {"self", "x", "y", "sample_weight", "class_weight"}  # arguments of Sequential's that the wrapper fills in
CATALOGUES = {"optimizer": optimizers, "loss": losses}
FIT = ("batch_size", "epochs", "verbose", "validation_split", "shuffle", "validation_batch_size")


@dataclass(frozen=True)
class Builder:
    """A building function and what it takes.

    Parameters
    ----------
    function : callable
        Returns a `Sequential`.
    name : str
        For messages.
    arguments : mapping
        Its arguments' names and defaults, `inspect.Parameter.empty` where there is none.
    takes_any : bool
        Whether it has ``**kwargs``.
    copies : bool
        Whether it copies a model that has a seed already.
    """

    function: Callable[..., Any]
    name: str = "the model"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    takes_any: bool = False
    copies: bool = False

    @classmethod
    def of(cls, model: Any) -> Builder:
        """For a function, or for an instance, which is copied; for anything else, one that takes no arguments."""
        if isinstance(model, Sequential) or not callable(model):
            return cls(lambda: deepcopy(model), copies=True)
        name = f"{getattr(model, '__name__', type(model).__name__)}()"
        try:
            signature = inspect.signature(model).parameters.values()
        except ValueError:  # a built-in function may have none
            return cls(model, name)
        named = {p.name: p.default for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        return cls(model, name, named, any(p.kind is p.VAR_KEYWORD for p in signature))


def check_names(names: Iterable[str], own: Iterable[str], builder: Builder, owner: str) -> None:
    """Raise for names that nobody takes, with the nearest that somebody does.

    Raises
    ------
    UnknownNameError
        ``Unknown parameter 'hiden' of KerasClassifier. Did you mean 'hidden'? ...``
    """
    prefixes = ("fit", "predict", "compile", *CATALOGUES)
    known = [*own, *builder.arguments, *(f"model__{name}" for name in builder.arguments)]
    known += [f"{prefix}__{name}" for prefix in prefixes for name in receivers(prefix)]
    wrong = []
    for name in names:
        prefix, routed, option = name.partition("__")
        free = prefix == "callbacks" or (builder.takes_any and (prefix == "model" or not routed))
        if name not in known and not free:
            elsewhere = f"{prefix}__{ELSEWHERE.get(option)}"
            close = [elsewhere] if elsewhere in known else difflib.get_close_matches(name, known, n=1)
            wrong.append(f"Unknown parameter '{name}' of {owner}.{f' Did you mean {close[0]!r}?' if close else ''}")
    if wrong:
        raise UnknownNameError(
            f"{' '.join(wrong)} Known: its own ({', '.join(own)}); the arguments of {builder.name} "
            f"({', '.join(builder.arguments) or 'none'}); and an option of theirs behind fit__, predict__, compile__, "
            "optimizer__, loss__, callbacks__, model__."
        )


def check_options(names: Iterable[str], method: str, owner: str) -> None:
    """Raise for options of a call that `Sequential`'s method does not take, or that the wrapper fills in itself."""
    known = receivers(method)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UnknownNameError(f"Unknown option '{name}' of {owner}.{method}.{hint} Known: {', '.join(known)}.")


@cache
def receivers(prefix: str) -> tuple[str, ...]:
    """The names that may follow a prefix: arguments of `Sequential`'s method, or fields of any optimizer or loss."""
    if prefix in CATALOGUES:
        return tuple({entry.name: None for record in CATALOGUES[prefix].CATALOGUE.values() for entry in fields(record)})
    arguments = inspect.signature(getattr(Sequential, prefix)).parameters.values()
    return tuple(a.name for a in arguments if a.name not in PROVIDED and a.kind is not a.VAR_KEYWORD)


def options(parameters: Parameters, prefix: str) -> dict[str, Any]:
    """The parameters with a prefix, without it."""
    start = f"{prefix}__"
    return {name.removeprefix(start): value for name, value in parameters.items() if name.startswith(start)}


def chosen(parameters: Parameters, what: str, default: Any = None) -> Any:
    """The optimizer or loss that is asked for: as it was given, or a record where ``what__...`` says more about it."""
    value = default if parameters[what] is None else parameters[what]
    asked = options(parameters, what)
    if not asked or value is None:
        return value
    record = CATALOGUES[what].get(value)
    names = [entry.name for entry in fields(record)]
    for name in asked:
        if name not in names:
            raise UnknownNameError(f"'{what}__{name}' is given, but {type(record).__name__} has: {', '.join(names)}.")
    return replace(record, **asked)


def callbacks_of(parameters: Parameters) -> list[Any]:
    """The callbacks, those given as classes made with ``callbacks__option``, or ``callbacks__0__option`` for one."""
    value = parameters["callbacks"]
    given = list(value.values()) if isinstance(value, Mapping) else value
    given = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    asked = options(parameters, "callbacks")
    if asked and not any(isinstance(callback, type) for callback in given):
        raise ArgumentError(f"'callbacks__{next(iter(asked))}' needs 'callbacks' to hold a class. Got {value!r}.")
    shared = {name: option for name, option in asked.items() if "__" not in name}
    return [
        callback(**shared, **options(asked, str(place))) if isinstance(callback, type) else callback
        for place, callback in enumerate(given)
    ]


def build(
    builder: Builder, parameters: Parameters, own: Iterable[str], meta: Parameters, seed: int | None
) -> Sequential:
    """The model that the building function returns for these parameters; compiled or not.

    The function is given those of the wrapper's own parameters that it has arguments for and that are not None, those
    of `meta`, `compile_kwargs` and `params` that it has arguments for, and all parameters that are not the wrapper's.
    """
    arguments = function_arguments(builder, parameters, own)
    offers = {"meta": meta, "compile_kwargs": compile_arguments(parameters), "params": parameters}
    arguments = {name: value for name, value in offers.items() if name in builder.arguments} | arguments
    required = (name for name, default in builder.arguments.items() if default is inspect.Parameter.empty)
    if missing := [name for name in required if name not in arguments]:
        raise ArgumentError(
            f"{builder.name} has no default for {', '.join(missing)}: give {missing[0]}=... to the wrapper."
        )
    with _seeds.session(seed):
        model = builder.function(**arguments)
    if not isinstance(model, Sequential):
        got = f"{type(model).__module__}.{type(model).__name__}"
        raise ArgumentTypeError(f"{builder.name} must return a tabgrad.models.Sequential. Got a {got}.")
    if builder.copies and seed is not None:
        model._seed = seed
    return model


def function_arguments(builder: Builder, parameters: Parameters, own: Iterable[str]) -> dict[str, Any]:
    """What the parameters say to the building function; its argument `optimizer` is never left without a value."""
    named = {name: parameters[name] for name in own if name in builder.arguments and name not in ("model", "build_fn")}
    arguments = {name: value for name, value in named.items() if value is not None}
    for what, otherwise in (("optimizer", "rmsprop"), ("loss", None)):
        default = builder.arguments.get(what)
        default = otherwise if default in (None, inspect.Parameter.empty) else default
        if what in builder.arguments and (value := chosen(parameters, what, default)) is not None:
            arguments[what] = value
    others = {name: value for name, value in parameters.items() if name not in own}
    arguments |= {name: value for name, value in others.items() if "__" not in name or name in builder.arguments}
    return arguments | options(parameters, "model")


def compile_arguments(parameters: Parameters) -> dict[str, Any]:
    """What the parameters say about compiling: the optimizer as a record, the loss too or None."""
    optimizer, loss = chosen(parameters, "optimizer", "rmsprop"), chosen(parameters, "loss")
    records = {"optimizer": optimizers.get(optimizer), "loss": loss and losses.get(loss)}
    return {**records, "metrics": parameters["metrics"], **options(parameters, "compile")}


def complete(
    model: Sequential,
    builder: Builder,
    parameters: Parameters,
    columns: int,
    loss_for: Callable[[Network], losses.Loss],
) -> None:
    """Build the model for so many columns and compile it, where the function has not.

    Raises
    ------
    ArgumentError
        If the function has compiled it with another optimizer or loss than the parameters ask for, or without asking
        for their metrics and what else they say of compiling.
    """
    if not model.built:
        model.build((None, columns))
    if not model.compiled:
        arguments = compile_arguments(parameters)
        if arguments["loss"] is None:
            arguments["loss"] = chosen(
                parameters, "loss", loss_for(Network(columns, tuple(layer.record for layer in model.layers)))
            )
        model.compile(**arguments)
        return
    if "compile_kwargs" in builder.arguments:
        return
    for name, value in parameters.items():
        compiles = name.startswith("compile__") or (name == "metrics" and value is not None)
        if compiles and name not in builder.arguments:
            raise ArgumentError(
                f"The parameters ask for {name}={value!r}, but {builder.name} compiles the model itself and has no "
                f"argument '{name}'. Give it one, or return the model uncompiled."
            )
    for what, catalogue in CATALOGUES.items():
        present = record_of(getattr(model, what))
        asked = chosen(parameters, what, present)
        if what not in builder.arguments and catalogue.get(asked) != present:
            raise ArgumentError(
                f"The parameters ask for the {what} {asked!r}, but {builder.name} compiles the model with {present!r} "
                f"and has no argument '{what}'. Give it one, or return the model uncompiled."
            )


def fit_arguments(parameters: Parameters, given: Parameters, rows: int) -> dict[str, Any]:
    """The arguments of `Sequential.fit`: the wrapper's own, those with the prefix, those of the call, last wins."""
    own = {name: parameters[name] for name in FIT}
    arguments = own | {"callbacks": callbacks_of(parameters)} | options(parameters, "fit") | dict(given)
    for name in ("batch_size", "validation_batch_size"):
        if arguments.get(name) == -1:
            arguments[name] = rows
    return arguments
