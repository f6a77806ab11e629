"""The networks with which a fit begins: new ones, or those of the fit before."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._once import made_once
from tabgrad._seeds import key
from tabgrad.encode.encoder import Encoded
from tabgrad.encode.knots import mass_knots
from tabgrad.errors import ArgumentError
from tabgrad.estimators._network import Shape, built, embedded, knots_of
from tabgrad.estimators._stages import Ready, Way
from tabgrad.models import Sequential

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

__all__ = ["new_models", "same_models"]

MOST_ROWS_OF_KNOTS = 100_000  # evenly out of all: where values lie is known well by then


def new_models(estimator: TableEstimator, ready: Ready, encoded: Encoded) -> tuple[Sequential, ...]:
    """Networks for what the encoder gives; those that are not the user's own say the same of every row."""
    preset, encoder = ready.way.preset, ready.encoder
    some = encoded.x[:: -(-len(encoded) // MOST_ROWS_OF_KNOTS)]
    columns = embedded(preset, encoder)
    knots = made_once(
        "knots",
        (encoded, columns, preset.knots),
        lambda: tuple(mass_knots(some[:, column], preset.knots) for column in range(columns)),
    )
    models = tuple(_new_model(estimator, ready, knots, seed) for seed in _member_seeds(ready.way))
    if estimator.model is None:
        start = estimator._start(ready.head, ready.target, ready.sample)
        for model in models:
            _begin_at(model, start)
    return models


def same_models(estimator: TableEstimator, ready: Ready) -> tuple[Sequential, ...]:
    """The networks of the fit before, if they are still those that the parameters ask for."""
    models = estimator.models_
    if estimator.model is None:
        asked = _new_model(estimator, ready, knots_of(models[0]), ready.way.seed)
        if [layer.record for layer in asked.layers] != [layer.record for layer in models[0].layers]:
            raise ArgumentError(
                f"{type(estimator).__name__} goes on training the network that there is, and its layers have changed: "
                f"{asked!r} instead of {models[0]!r}. Use warm_start=False."
            )
    return deepcopy(models)


def _new_model(estimator: TableEstimator, ready: Ready, knots: tuple[tuple[float, ...], ...], seed: int) -> Sequential:
    shape = Shape.of(ready.encoder, ready.head, knots)
    made = built(estimator, ready.way.preset, shape, ready.head, seed)
    if not made.built:
        made.build(shape.row)
    return made


def _member_seeds(way: Way) -> list[int]:
    """A seed for each network; that of one is the fit's."""
    if way.members == 1:
        return [way.seed]
    return [key(way.seed, "member", member) >> 1 for member in range(way.members)]


def _begin_at(model: Sequential, bias: np.ndarray) -> None:
    """A last layer that says, before the first step, the same of every row."""
    *others, kernel, _ = model.get_weights()
    model.set_weights([*others, np.zeros_like(kernel), bias])
