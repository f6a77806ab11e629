"""A fitted estimator as the content of a model file, and the way back, which trusts nothing that the file says.

The header holds ``estimator`` (its arguments, the schema of the table and its fingerprint, encoder, target, history)
and ``model``, the header of its network; the arrays are the network's. Several networks differ in their numbers alone:
``model`` then holds what they share, ``members`` for each its state and its history, and the arrays of all of them lie
one on another, member by member along the first axis. Rows that are asked beside the networks (see `Neighbors`) are
arrays of their own, whose names begin with ``neighbors/``, and ``neighbors`` in the header says what they count for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import POSITIVE, check
from tabgrad._record import Record, from_data, to_data
from tabgrad._refusals import shown
from tabgrad.encode.encoder import Encoder
from tabgrad.encode.target import ClassTarget, ValueTarget
from tabgrad.errors import ArgumentError
from tabgrad.estimators._conformal import Nonconformity, Residuals
from tabgrad.estimators._neighbor_files import NEIGHBORS, neighbors_of, neighbors_to_content
from tabgrad.models import Sequential
from tabgrad.store import Content
from tabgrad.table.schema import Schema

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

TARGETS: dict[str, type] = {"classifier": ClassTarget, "regressor": ValueTarget}
"""What an estimator of a kind learns."""

FITTED = (
    *("models_", "encoder_", "table_schema_", "target_", "notes_", "scores_", "history_", "histories_", "n_iter_"),
    *("n_features_in_", "_residuals", "_temperature", "_neighbors"),
    *("_names", "_named", "_target_names", "_wide", "_fingerprint", "feature_names_in_"),
)
"""What a fit gives, and a file holds."""

PARTS = (
    *("parameters", "schema", "fingerprint", "encoder", "target", "history", "scores", "notes", "named"),
    *("target_names", "wide"),
)
SHARED, OWN = ("network", "training"), ("state", "history")
"""What several networks have together in a file, and what each has of its own."""

NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def content_of(estimator: TableEstimator, kind: str) -> tuple[Content, list[str]]:
    """What a file holds of an estimator, and the names of the arguments that it does not hold, since they are code.

    Raises
    ------
    ArgumentError
        The network is compiled with a function of the user's own.
    """
    networks = _networks(estimator)
    parameters, left_out = _arguments(estimator.get_params(deep=False))
    header = {
        "estimator": {
            "parameters": parameters,
            "schema": to_data(estimator.table_schema_),
            "fingerprint": estimator._fingerprint,
            "encoder": to_data(estimator.encoder_),
            "target": to_data(estimator.target_),
            "history": _numbers(estimator.history_),
            "scores": {name: _number(value) for name, value in estimator.scores_.items()},
            "notes": list(estimator.notes_),
            "named": estimator._named,
            "target_names": list(estimator._target_names),
            "wide": estimator._wide,
        },
        **_joined_headers(networks),
    }
    if estimator._temperature != 1:
        header["estimator"]["temperature"] = estimator._temperature
    if estimator._residuals:
        header["estimator"]["residuals"] = [to_data(each) for each in estimator._residuals]
    near, rows = estimator._neighbors, dict[str, np.ndarray]()
    if near is not None:
        header["estimator"]["neighbors"], rows = neighbors_to_content(near)
    if len(networks) == 1:
        return Content(kind, header, {**networks[0].arrays, **rows}), left_out
    header["estimator"]["histories"] = [_numbers(history) for history in estimator.histories_]
    names = networks[0].arrays
    stacked = {name: np.stack([one.arrays[name] for one in networks]) for name in names}
    return Content(kind, header, {**stacked, **rows}), left_out


def _joined_headers(networks: Sequence[Content]) -> dict[str, Any]:
    """The header of one network as it is; of several what they share, and what each has of its own."""
    first, *_ = headers = [network.header for network in networks]
    if len(headers) == 1:
        return {"model": first}
    return {
        "model": {name: first[name] for name in SHARED},
        "members": [{name: header[name] for name in OWN} for header in headers],
    }


def _networks(estimator: TableEstimator) -> list[Content]:
    try:
        estimator.models_[0].get_compile_config()
    except ArgumentError as error:
        name = type(estimator).__name__
        raise ArgumentError(
            f"The {name} cannot be saved with what its network is compiled with: {error} Give {name} a loss, metrics "
            "and an optimizer that are names or records, or pickle it."
        ) from error
    return [model._to_content() for model in estimator.models_]


def restore(estimator: TableEstimator, content: Content) -> None:
    """Give an estimator what a fit gave; raises whatever nonsense raises (see `tabgrad.store.interpreted`)."""
    header = content.header
    if header.keys() - {"members"} != {"estimator", "model"}:
        raise ArgumentError("The header must hold estimator and model.")
    rows = {name: array for name, array in content.arrays.items() if name.startswith(NEIGHBORS)}
    networks = {name: array for name, array in content.arrays.items() if name not in rows}
    data, models = header["estimator"], tuple(_models(replace(content, arrays=networks)))
    parts = PARTS if "members" not in header else (*PARTS, "histories")
    if data.keys() - {"residuals", "temperature", "neighbors"} != set(parts):
        raise ArgumentError(f"The estimator must hold {', '.join(parts)}. Got {shown(list(data))}.")
    schema, encoder, target = (from_data(data[name]) for name in ("schema", "encoder", "target"))
    _check_kinds(schema, encoder, target, content.kind)
    _check_fit(models[0], encoder, target)
    estimator.models_, estimator.encoder_, estimator.table_schema_, estimator.target_ = models, encoder, schema, target
    estimator.notes_ = _texts(data["notes"])
    estimator.history_ = _read_numbers(data["history"])
    estimator.histories_ = tuple(map(_read_numbers, data.get("histories", [data["history"]])))
    if len(estimator.histories_) != len(models):
        raise ArgumentError(f"The file must hold a history of each of {len(models)} networks.")
    estimator.scores_ = {name: _read_number(value) for name, value in data["scores"].items()}
    estimator._residuals = _residuals(data.get("residuals", []), target)
    estimator._temperature = _temperature(data.get("temperature", 1.0), target)
    estimator._neighbors = neighbors_of(data.get("neighbors"), rows, encoder, target)
    estimator.n_iter_ = len(estimator.history_["loss"])
    estimator.n_features_in_ = len(encoder.names)
    estimator._names, estimator._target_names = encoder.names, _texts(data["target_names"])
    estimator._named, estimator._wide = (check(data[name], name, "the file", (bool,)) for name in ("named", "wide"))
    estimator._fingerprint = check(data["fingerprint"], "fingerprint", "the file", (str,))
    if estimator._named:
        estimator.feature_names_in_ = np.array(encoder.names, dtype=object)


def _residuals(data: Any, target: ClassTarget | ValueTarget) -> tuple[Any, ...]:
    """What intervals or sets are made of; none where no row was held out, and in files from before they were kept."""
    residuals: tuple[Any, ...] = from_data(data)
    kind = Nonconformity if isinstance(target, ClassTarget) else Residuals
    if not all(isinstance(each, kind) for each in residuals):
        raise ArgumentError(f"The residuals in the file must be {kind.__name__}.")
    if residuals and len(residuals) != (1 if isinstance(target, ClassTarget) else target.outputs):
        raise ArgumentError("The file must hold residuals of each output of a regressor, one of a classifier, or none.")
    return residuals


def _temperature(data: Any, target: ClassTarget | ValueTarget) -> float:
    temperature = float(check(data, "temperature", "the file", (float,), POSITIVE))
    if temperature != 1 and not isinstance(target, ClassTarget):
        raise ArgumentError("Only a classifier has a temperature.")
    return temperature


def _models(content: Content) -> Iterator[Sequential]:
    """The networks, which must be able to predict."""
    header = content.header
    if "members" not in header:
        yield _model(content, header["model"], content.arrays)
        return
    members = header["members"]
    if not isinstance(members, list) or len(members) < 2 or header["model"].keys() != set(SHARED):
        raise ArgumentError(f"Several networks must share {' and '.join(SHARED)}, and be two at least.")
    for name, array in content.arrays.items():
        if array.ndim < 1 or len(array) != len(members):
            raise ArgumentError(f"The array {shown(name)} must be one on another of {len(members)} networks.")
    for place, own in enumerate(members):
        if own.keys() != set(OWN):
            raise ArgumentError(f"A network must have its own {' and '.join(OWN)}. Got {shown(list(own))}.")
        arrays = {name: np.ascontiguousarray(array[place]) for name, array in content.arrays.items()}
        yield _model(content, {**header["model"], **own}, arrays)


def _model(content: Content, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Sequential:
    part = Content("sequential", header, arrays, content.versions, content.name)
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
    if "preset" not in data:  # written when there was one network, and all its arguments were figures
        data = {**data, "preset": "single"}
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


def _numbers(history: Mapping[str, Sequence[float]]) -> dict[str, list[Any]]:
    return {name: [_number(value) for value in values] for name, values in history.items()}


def _read_numbers(history: Mapping[str, Sequence[Any]]) -> dict[str, list[float]]:
    return {name: [_read_number(value) for value in values] for name, values in history.items()}


def _number(value: Any) -> Any:
    plain = float(value)
    return plain if math.isfinite(plain) else str(plain)


def _read_number(value: Any) -> float:
    return NOT_FINITE[value] if isinstance(value, str) else float(value)
