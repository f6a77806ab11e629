"""What networks that differ in their weights alone say of rows that are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgrad.encode.encoder import Encoded
from tabgrad.engines.select import get_engine
from tabgrad.estimators._sample import Sample
from tabgrad.models import Sequential
from tabgrad.plan import Network

__all__ = ["Apart", "Seen", "inputs", "networks_of", "predicted"]

ROWS = 256  # at a time, of a prediction; its result does not depend on it
MOST_ROWS_SEEN = 20_000  # by members, of which their spread is the mean

Apart = tuple[Sequential, Encoded, np.ndarray]
"""A network, the rows that it has held out, and their places among those of the fit."""


def inputs(encoded: Encoded) -> Any:
    """Encoded rows as `Sequential` takes them."""
    if encoded.codes is None:
        return encoded.x
    return (encoded.x, encoded.codes) if encoded.x.shape[1] else encoded.codes


def networks_of(models: Sequence[Sequential]) -> tuple[Network, list[Sequence[np.ndarray]]]:
    """The network of models that differ in their weights alone, and the weights of each."""
    network = models[0]._ready_network("predict")
    return network, [model._weights(network) for model in models]


def predicted(models: Sequence[Sequential], encoded: Encoded) -> np.ndarray:
    """The outputs of networks that differ in their weights alone: float32 of shape (models, rows, outputs)."""
    network, weights = networks_of(models)
    return get_engine().predict_many(network, weights, encoded.x, codes=encoded.codes, batch_size=ROWS)


@dataclass(frozen=True)
class Seen:
    """Rows that members were trained on, at most so many that what members say of them is known well.

    Parameters
    ----------
    models : tuple of Sequential
    encoded : Encoded
    trained : array of bool of shape (members, rows)
        Which member was trained on which row.
    weight : array of shape (rows,) or None
    """

    models: tuple[Sequential, ...]
    encoded: Encoded
    trained: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def of(cls, parts: Sequence[Apart], encoded: Encoded, sample: Sample) -> Seen:
        """Rows evenly out of all; `parts` are the networks with what they have held out."""
        places = np.arange(0, len(sample), -(-len(sample) // MOST_ROWS_SEEN))
        trained = np.stack([~np.isin(places, held) for _, _, held in parts])
        weight = None if sample.weight is None else sample.weight[places]
        return cls(tuple(model for model, _, _ in parts), encoded.part(places), trained, weight)

    def outputs(self) -> np.ndarray:
        """What each of the networks says of the rows: float32 of shape (members, rows, outputs)."""
        return predicted(self.models, self.encoded)
