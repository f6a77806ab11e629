"""Models as plain data: what `get_config`, `get_compile_config` and `to_json` write, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabgrad._compiling import Compiled
from tabgrad._record import from_data, to_data
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers import Layer

if TYPE_CHECKING:
    from tabgrad.models import Sequential

CLASS = "models.Sequential"
COMPILED = ("optimizer", "loss", "metrics", "weighted_metrics")


def config_of(model: Sequential) -> dict[str, Any]:
    """A model's name, layers and columns."""
    shape = model.input_shape
    return {
        "name": model.name,
        "layers": [to_data(layer) for layer in model._layers],
        "input_shape": list(map(list, shape)) if isinstance(shape, list) else shape and list(shape),
    }


def configured(config: Any) -> tuple[str, list[Layer], Any]:
    """Name, layers and columns of a configuration.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        It is no dict, lacks the layers, or holds something else in their place.
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("layers"), (list, tuple)):
        raise ArgumentTypeError(f"The configuration of a model must be what get_config gave, a dict. Got {config!r}.")
    layers = [from_data(layer) for layer in config["layers"]]
    for place, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise ArgumentError(f"'layers' of a model's configuration must hold layers. Number {place} is {layer!r}.")
    return config.get("name", "sequential"), layers, config.get("input_shape")


def compile_config_of(compiled: Compiled) -> dict[str, Any]:
    """What a model was compiled with; metrics that were given by name keep it."""
    metrics, weighted = compiled.given
    return {
        "optimizer": to_data(compiled.optimizer),
        "loss": to_data(compiled.loss),
        "metrics": to_data(metrics),
        "weighted_metrics": to_data(weighted),
    }


def compile_arguments(config: Any) -> dict[str, Any]:
    """The arguments of `compile` in a configuration."""
    if not isinstance(config, Mapping) or not {"optimizer", "loss"} <= config.keys():
        raise ArgumentTypeError(
            f"What a model is compiled with must be what get_compile_config gave, a dict. Got {config!r}."
        )
    return {name: from_data(config[name]) for name in COMPILED if name in config}


def json_of(model: Sequential, options: Mapping[str, Any]) -> str:
    """A model as JSON."""
    compiled = model.get_compile_config()
    data = {"class": CLASS, "config": model.get_config(), "compile_config": compiled}
    return json.dumps(data, **{"allow_nan": False, **options})


def of_json(text: Any) -> tuple[Any, Any]:
    """The configuration in a model's JSON, and that of `compile` or None."""
    if not isinstance(text, (str, bytes)):
        raise ArgumentTypeError(f"'json_string' of model_from_json must be a string. Got {text!r}.")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"'json_string' of model_from_json is no JSON: {error}.") from error
    if not isinstance(data, dict) or data.get("class") != CLASS:
        raise ArgumentError(
            f"The JSON is not a model's, whose 'class' is '{CLASS}'. Give what Sequential.to_json wrote; a model of "
            "Keras comes over by Sequential.from_keras."
        )
    return data.get("config"), data.get("compile_config")
