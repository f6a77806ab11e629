"""A fitted estimator as the content of a model file, and the way back, which trusts nothing that the file says.

The header holds ``estimator`` (its arguments, the schema of the table and its fingerprint, encoder, target, history)
and ``model``, the header of its network; the arrays are the network's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import check
from tabgrad._record import Record, from_data, to_data
from tabgrad._refusals import shown
from tabgrad.encode.encoder import Encoder
from tabgrad.encode.target import ClassTarget, ValueTarget
from tabgrad.errors import ArgumentError
from tabgrad.models import Sequential
from tabgrad.store import Content
from tabgrad.table.schema import Schema

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

TARGETS: dict[str, type] = {"classifier": ClassTarget, "regressor": ValueTarget}
"""What an estimator of a kind learns."""

FITTED = (
    *("model_", "encoder_", "table_schema_", "target_", "notes_", "scores_", "history_", "n_iter_", "n_features_in_"),
    *("_names", "_named", "_target_names", "_wide", "_fingerprint", "feature_names_in_"),
)
"""What a fit gives, and a file holds."""

PARTS = (
    *("parameters", "schema", "fingerprint", "encoder", "target", "history", "scores", "notes", "named"),
    *("target_names", "wide"),
)
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def content_of(estimator: TableEstimator, kind: str) -> tuple[Content, list[str]]:
    """What a file holds of an estimator, and the names of the arguments that it does not hold, since they are code.

    Raises
    ------
    ArgumentError
        The network is compiled with a function of the user's own.
    """
    network = _network(estimator)
    parameters, left_out = _arguments(estimator.get_params(deep=False))
    header = {
        "estimator": {
            "parameters": parameters,
            "schema": to_data(estimator.table_schema_),
            "fingerprint": estimator._fingerprint,
            "encoder": to_data(estimator.encoder_),
            "target": to_data(estimator.target_),
            "history": {name: [_number(value) for value in values] for name, values in estimator.history_.items()},
            "scores": {name: _number(value) for name, value in estimator.scores_.items()},
            "notes": list(estimator.notes_),
            "named": estimator._named,
            "target_names": list(estimator._target_names),
            "wide": estimator._wide,
        },
        "model": network.header,
    }
    return Content(kind, header, network.arrays), left_out


def _network(estimator: TableEstimator) -> Content:
    try:
        estimator.model_.get_compile_config()
    except ArgumentError as error:
        name = type(estimator).__name__
        raise ArgumentError(
            f"The {name} cannot be saved with what its network is compiled with: {error} Give {name} a loss, metrics "
            "and an optimizer that are names or records, or pickle it."
        ) from error
    return estimator.model_._to_content()


def restore(estimator: TableEstimator, content: Content) -> None:
    """Give an estimator what a fit gave; raises whatever nonsense raises (see `tabgrad.store.interpreted`)."""
    header = content.header
    if header.keys() != {"estimator", "model"}:
        raise ArgumentError("The header must hold estimator and model.")
    data, model = header["estimator"], _model(content)
    if data.keys() != set(PARTS):
        raise ArgumentError(f"The estimator must hold {', '.join(PARTS)}. Got {shown(list(data))}.")
    schema, encoder, target = (from_data(data[name]) for name in ("schema", "encoder", "target"))
    _check_kinds(schema, encoder, target, content.kind)
    _check_fit(model, encoder, target)
    estimator.model_, estimator.encoder_, estimator.table_schema_, estimator.target_ = model, encoder, schema, target
    estimator.notes_ = _texts(data["notes"])
    estimator.history_ = {name: [_read_number(value) for value in values] for name, values in data["history"].items()}
    estimator.scores_ = {name: _read_number(value) for name, value in data["scores"].items()}
    estimator.n_iter_ = len(estimator.history_["loss"])
    estimator.n_features_in_ = len(encoder.names)
    estimator._names, estimator._target_names = encoder.names, _texts(data["target_names"])
    estimator._named, estimator._wide = (check(data[name], name, "the file", (bool,)) for name in ("named", "wide"))
    estimator._fingerprint = check(data["fingerprint"], "fingerprint", "the file", (str,))
    if estimator._named:
        estimator.feature_names_in_ = np.array(encoder.names, dtype=object)


def _model(content: Content) -> Sequential:
    """The network, which must be able to predict."""
    part = Content("sequential", content.header["model"], content.arrays, content.versions, content.name)
    model = Sequential._from_content(part)
    if not model.built or not model.compiled:
        raise ArgumentError("The network of an estimator must be built and compiled.")
    return model


def _check_kinds(schema: Any, encoder: Any, target: Any, kind: str) -> None:
    for value, expected in ((schema, Schema), (encoder, Encoder), (target, TARGETS[kind])):
        if not isinstance(value, expected):
            raise ArgumentError(f"The file must hold a {expected.__name__}. Got {shown(value)}.")
    if tuple(column.name for column in schema.columns) != encoder.names:
        raise ArgumentError("The schema's columns must be the encoder's.")


def _check_fit(model: Sequential, encoder: Encoder, target: ClassTarget | ValueTarget) -> None:
    """Whether table, network and target belong together."""
    network = model.plan().network
    if (network.inputs, network.codes) != (len(encoder.features), len(encoder.cardinalities)):
        raise ArgumentError(
            f"The network takes {network.inputs} columns and {network.codes} of codes, the encoder gives "
            f"{len(encoder.features)} and {len(encoder.cardinalities)}."
        )
    if any(rows < needed for rows, needed in zip(network.cardinalities, encoder.cardinalities, strict=True)):
        raise ArgumentError("The tables of the network's Embedding must have a row for each of the encoder's codes.")
    if isinstance(target, ClassTarget):
        classes = len(target.classes)
        fits = classes > 1 and (network.outputs == classes or (classes, network.outputs) == (2, 1))
    else:
        fits = network.outputs == target.outputs or (target.outputs == 1 and model.plan().loss.shared_target)
    if not fits:
        raise ArgumentError(f"A network of {network.outputs} outputs is not one for the target {shown(target)}.")


# ---- Plain data ------------------------------------------------------------------------------------------------------


def _arguments(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A constructor's arguments as plain data, and the names of those that are code."""
    plain, left_out = {}, []
    for name, value in given.items():
        try:
            plain[name] = _plain(value)
        except ArgumentError:
            left_out.append(name)
    return plain, left_out


def arguments_of(content: Content, known: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments in a file."""
    data = content.header["estimator"]["parameters"]
    if unknown := data.keys() - known.keys():
        raise ArgumentError(f"The estimator takes no argument {shown(min(unknown))}.")
    return {name: _value(value) for name, value in data.items()}


def _plain(value: Any) -> Any:
    """An argument as JSON has it, from which it comes back as it was."""
    if isinstance(value, Record):
        return {"record": to_data(value)}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {"mapping": [[_plain(key), _plain(each)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, (list, np.ndarray)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ArgumentError(f"{shown(value)} is no plain data.")


def _value(data: Any) -> Any:
    """What `_plain` made data of."""
    if isinstance(data, list):
        return [_value(each) for each in data]
    if not isinstance(data, dict):
        return data
    ((form, inner),) = data.items()
    if form == "record":
        return from_data(inner)
    if form == "mapping":
        return {_value(key): _value(each) for key, each in inner}
    if form == "tuple":
        return tuple(_value(each) for each in inner)
    raise ArgumentError(f"An argument cannot be a {shown(form)}.")


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(check(value, "a name", "the file", (str,)) for value in values)


def _number(value: Any) -> Any:
    plain = float(value)
    return plain if math.isfinite(plain) else str(plain)


def _read_number(value: Any) -> float:
    return NOT_FINITE[value] if isinstance(value, str) else float(value)
