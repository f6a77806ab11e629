"""A model's layers as its user meets them: records that know the model they stand in.

A layer is a record without weights, and the same record may stand in many models. What a user takes out of
`Sequential.layers` or `Sequential.get_layer` is a view of it: it reads like the record, has the name and the weights
that the layer has in the model, and can be frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import check, known_name
from tabgrad._record_views import RecordView
from tabgrad._stack import layer_names, working
from tabgrad.errors import ArgumentError, DataError, NotReadyError
from tabgrad.layers import Input, Layer

if TYPE_CHECKING:
    from tabgrad.models import Sequential


class LayerView(RecordView):
    """A layer of a model.

    Parameters
    ----------
    model : Sequential
    place : int
        Among the layers without `Input`.
    """

    __slots__ = ("_layer", "_model", "_place")
    _model: Sequential
    _place: int
    _layer: Layer  # as it was when the view was made

    def __init__(self, model: Sequential, place: int) -> None:
        for name, value in (("_model", model), ("_place", place), ("_layer", working(model._layers)[place])):
            object.__setattr__(self, name, value)

    # ---- Like its record ---------------------------------------------------------------------------------------------

    @property
    def record(self) -> Layer:
        """The layer itself: as it is now, or, once it is no longer in the model, as it was."""
        now = working(self._model._layers)[self._place : self._place + 1]
        stays = bool(now) and replace(now[0], trainable=self._layer.trainable) == self._layer
        return now[0] if stays else self._layer

    def _in_model(self) -> Sequential:
        if all(self.record is not layer for layer in working(self._model._layers)):
            raise NotReadyError("This layer is no longer in its model. Ask the model for its layers again.")
        return self._model

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "trainable":
            known = [field.name for field in fields(self.record)]
            raise ArgumentError(
                f"Only 'trainable' of a model's layer can be set, not '{name}'."
                + (" Layers are built once: make the model with another one." if name in known else "")
            )
        self._in_model()._freeze({self._place: check(value, "trainable", type(self.record).__name__, (bool,))})

    # ---- In its model ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its own, or the one that the model gave it: dense, dense_1."""
        return layer_names(working(self._in_model()._layers))[self._place]

    @property
    def trainable(self) -> bool:
        """Whether training moves its weights; may be set, which takes effect at once: the optimizer begins anew."""
        return self.record.trainable

    @property
    def weights(self) -> list[np.ndarray]:
        """Copies of its arrays, as `get_weights` gives them."""
        return self.get_weights()

    def get_weights(self) -> list[np.ndarray]:
        """Copies of its arrays; none before the width of a row is known."""
        return self._in_model().get_weights()[self._arrays()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace its arrays: as many, and of the shapes, that `get_weights` gives."""
        every, own = self._in_model().get_weights(), self._arrays()
        if not isinstance(weights, (list, tuple)):
            raise DataError(
                f"set_weights takes a list of arrays, as get_weights gives it. Got {type(weights).__name__}."
            )
        given = list(weights)
        if not self._model.built or len(given) != own.stop - own.start:
            count = own.stop - own.start
            raise DataError(
                f"The layer '{self.name}' has {count} array{'s' * (count != 1)}. set_weights was given {len(given)}."
                + ("" if self._model.built else " Build the model first: its shapes are not known.")
            )
        every[own] = given
        self._model.set_weights(every)

    def count_params(self) -> int:
        """How many numbers its weights are."""
        return sum(array.size for array in self.get_weights())

    @property
    def output_shape(self) -> tuple[None, int] | None:
        """``(None, units)``; None while the width of a row is not known."""
        network = self._in_model()._network
        return None if network is None else (None, [outputs for _, _, outputs in network.widths()][self._place])

    def get_config(self) -> dict[str, Any]:
        """The record's fields as plain data, the name among them."""
        return {**self.record.get_config(), "name": self.name}

    def _arrays(self) -> slice:
        """The places of its arrays among the model's."""
        if (network := self._model._network) is None:
            return slice(0, 0)
        counts = [len(layer.weights(inputs)) for layer, inputs, _ in network.widths()]
        start = sum(counts[: self._place])
        return slice(start, start + counts[self._place])


def found(model: Sequential, name: str | None, index: int | None) -> LayerView:
    """The layer of a name or a place.

    Raises
    ------
    ArgumentError, UnknownNameError
        Neither or both given, a name that no layer bears, a place where there is none.
    """
    views: list[LayerView] = model.layers
    if (name is None) == (index is None):
        raise ArgumentError("get_layer takes a 'name' or an 'index'. Got " + ("both." if name else "neither."))
    if name is not None:
        names = [view.name for view in views]
        known = known_name(check(name, "name", "get_layer", (str,)), "layer", names)
        return views[names.index(known)]
    place: int = check(index, "index", "get_layer", (int,))
    if not -len(views) <= place < len(views):
        raise ArgumentError(f"'index' of get_layer must be below {len(views)}, the number of layers. Got {index!r}.")
    return views[place]


def frozen(layers: Sequence[Layer], changes: dict[int, bool]) -> tuple[Layer, ...]:
    """The layers, `Input` among them, with those that stand at some places without it frozen or freed."""
    made: list[Layer] = []
    place = 0
    for layer in layers:
        if isinstance(layer, Input):
            made.append(layer)
            continue
        trainable = changes.get(place, layer.trainable)
        made.append(layer if trainable == layer.trainable else replace(layer, trainable=trainable))
        place += 1
    return tuple(made)
