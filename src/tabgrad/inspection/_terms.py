"""Rows with one column in another order, without the work on the other columns.

Up to its first weighted sums a network takes each column by itself: vectors for numbers and codes, scales. So these
sums are sums over the columns. With ``e_i`` what row i is when it comes to the first dense layer, ``U_j`` the units
that come of column j, and the kernel ``W``::

    z_i = b + sum over the columns of t_ij        t_ij = e_i[U_j] W[U_j]

With column j in another order only its own term changes, and the rest of the network goes on from::

    z_i + (t_(order i)j - t_ij)

which is ``z_i`` itself where the column says the same as before. The orders of a row, side by side, are nearly the same
row: what a rectifier cuts off is zero in all of them, and the engine need not multiply by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tabgrad import activations, layers
from tabgrad.encode.encoder import Encoded
from tabgrad.engines.select import get_engine
from tabgrad.plan import Network

__all__ = ["Terms"]

MOST_NUMBERS = 2**27  # that are kept of rows: half a gibibyte
ASKED = 8_192  # rows whose sums are made one by one, at a time
ROWS = 256  # at a time, of a prediction; its result does not depend on it

SAME_UNITS = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.BatchNormalization,
    layers.Dropout,
    layers.Flatten,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Normalization,
    layers.PReLU,
    layers.Rescaling,
    layers.Scale,
)
"""Layers whose every unit is, in a prediction, a function of the same unit before; beside plain functions."""


@dataclass(frozen=True)
class Parted:
    """A network in two: to its first weighted sums, and from there on.

    Parameters
    ----------
    front : Network
        The layers before the first dense one.
    sums : Network
        The same, with the sums behind.
    rest : Network
        From the sums to the outputs.
    columns : array of shape (units of the front,)
        The column that each unit comes of: numeric ones first, then those of codes.
    """

    front: Network
    sums: Network
    rest: Network
    columns: np.ndarray

    @classmethod
    def of(cls, network: Network) -> Self | None:
        """The parts; None of a network in which columns meet before its first weighted sums, or without such."""
        columns = list(range(network.inputs))
        for place, layer in enumerate(network.layers):
            if isinstance(layer, layers.Dense):
                if network.codes and len(columns) == network.inputs:  # that come to it later
                    return None
                before, after = network.layers[:place], network.layers[place + 1 :]
                plain = replace(layer, activation=activations.linear)
                return cls(
                    Network(network.inputs, before, network.codes),
                    Network(network.inputs, (*before, plain), network.codes),
                    Network(layer.units, (layers.Activation(layer.activation), *after)),
                    np.array(columns),
                )
            if isinstance(layer, layers.Embedding):
                for code, (_, width) in enumerate(layer.looked_up()):
                    columns += [network.inputs + code] * width
            elif isinstance(layer, (layers.PiecewiseLinearEmbedding, layers.PeriodicEmbedding)):
                columns += [column for column in columns[: layer.columns] for _ in range(layer.output_dim)]
            elif not (isinstance(layer, SAME_UNITS) or _pointwise(layer)):
                return None
        return None


def _pointwise(layer: layers.Layer) -> bool:
    return isinstance(layer, layers.POINTWISE) and not isinstance(layer.activation, activations.Softmax)


@dataclass(frozen=True)
class Terms:
    """Rows as they come to the first weighted sums of networks that differ in their weights alone, and these sums.

    Parameters
    ----------
    parted : Parted
    rest : list of tuples of arrays
        The weights of each network's rest.
    kernels : list of arrays of shape (units of the front, units)
        Each network's ``W``.
    units : array of shape (networks, rows, units of the front)
        ``e``
    sums : array of shape (networks, rows, units)
        ``z``
    """

    parted: Parted
    rest: list[tuple[np.ndarray, ...]]
    kernels: list[np.ndarray]
    units: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, network: Network, weights: Sequence[Sequence[np.ndarray]], encoded: Encoded) -> Self | None:
        """Of some rows; None where the network has no such parts, or too much would have to be kept."""
        parted = Parted.of(network)
        if parted is None:
            return None
        numbers = len(parted.columns) + 2 * parted.rest.inputs
        if len(weights) * len(encoded) * numbers > MOST_NUMBERS:
            return None
        before, behind = len(parted.front.weights), len(parted.sums.weights)

        def predicted(part: Network, end: int) -> np.ndarray:
            some = [tuple(each[:end]) for each in weights]
            return get_engine().predict_many(part, some, encoded.x, codes=encoded.codes, batch_size=ROWS)

        return cls(
            parted,
            [tuple(each[behind:]) for each in weights],
            [each[before] for each in weights],
            predicted(parted.front, before),
            predicted(parted.sums, behind),
        )

    def of_columns(self, columns: Sequence[int]) -> Exchangeable:
        """The terms of some columns, as `Parted.columns` counts them, together."""
        engine, units = get_engine(), np.flatnonzero(np.isin(self.parted.columns, columns))
        product = Network(len(units), (layers.Dense(self.parted.rest.inputs, use_bias=False),))
        terms = np.empty_like(self.sums)
        for place, (e, kernel) in enumerate(zip(self.units, self.kernels, strict=True)):  # rows that never meet
            terms[place] = engine.predict(product, (kernel[units],), e.take(units, axis=1), batch_size=ROWS)
        return Exchangeable(self, terms)


@dataclass(frozen=True)
class Exchangeable:
    """The terms of some columns, which rows may exchange.

    Parameters
    ----------
    of : Terms
    terms : array of shape (networks, rows, units)
        ``t_ij`` of these columns.
    """

    of: Terms
    terms: np.ndarray

    def permuted(self, orders: np.ndarray, networks: int | None = None) -> np.ndarray:
        """The outputs with these columns in other orders: float32 of shape (networks, rows, orders, outputs).

        Parameters
        ----------
        orders : array of int of shape (orders, rows)
        networks : int, optional
            Only of so many, the first; None: of all.
        """
        rest, sums, terms = self.of.rest[:networks], self.of.sums[:networks], self.terms[:networks]
        return get_engine().predict_exchanged(self.of.parted.rest, rest, sums, terms, orders)

    def exchanged(self, network: int, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The outputs of a network, of some rows with the terms of others: float32 of shape (rows, outputs)."""
        sums, terms = self.of.sums[network], self.terms[network]
        outputs = np.empty((len(rows), self.of.parted.rest.outputs), np.float32)
        for first in range(0, len(rows), ASKED):
            block = slice(first, first + ASKED)
            x = terms[others[block]]
            x -= terms[rows[block]]
            x += sums[rows[block]]
            outputs[block] = get_engine().predict(self.of.parted.rest, self.of.rest[network], x, batch_size=ROWS)
        return outputs
