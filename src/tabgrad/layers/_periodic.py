"""Numeric columns as learned vectors of cosines."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import pi, sqrt
from typing import Annotated, Any

from tabgrad import initializers, regularizers
from tabgrad._checks import COUNT, NOT_NEGATIVE, POSITIVE, check
from tabgrad.layers._base import Layer, Weight
from tabgrad.layers._piecewise import check_columns


@dataclass(frozen=True, init=False)
class PeriodicEmbedding(Layer):
    """Puts beside its input a vector for each of its first columns: cosines of the number, mixed, cut at zero.

    For a column ``x``, with frequencies ``w`` and phases ``p`` of its own::

        h = cos(2 pi w x + p)                 (frequencies,)
        z = h W + c, e = max(z, 0)            (output_dim,)
        y = [x_1, ..., x_n, e_1, ..., e_k]    (n + k output_dim,)

    Backward, with ``d = dL/de`` where ``z > 0``, else 0: ``dW = h^T d``, ``dc = sum d``, and with
    ``u = -sin(2 pi w x + p) (d W^T)``: ``dp = sum u``, ``dw = sum 2 pi x u``, ``dL/dx = dL/dy + 2 pi w . u``.

    Parameters
    ----------
    columns : int
        How many of the first columns have a vector; the others pass.
    output_dim : int, default 8
        How many numbers stand for a column.
    frequencies : int, default 16
        Cosines a column.
    scale : float, default 0.3
        Standard deviation of the first ``w``. A column in [-4, 4], as quantiles of the normal distribution are, then
        sees one or two waves of the fastest.
    kernel_regularizer : str, Regularizer or None, default None
        Of ``W``.
    input_shape, name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    Notes
    -----
    At first ``w`` is from the normal distribution, ``p`` from [-pi, pi], ``W`` and ``c`` from
    ``[-1, 1] / sqrt(frequencies)``.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022: PLR.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense, PeriodicEmbedding
    >>> from tabgrad.models import Sequential
    >>> x = np.linspace(-2, 2, 400).reshape(-1, 1)
    >>> model = Sequential([PeriodicEmbedding(1), Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> history = model.fit(x, np.sin(2 * x), epochs=100, batch_size=16, verbose=0)
    >>> bool(history.history["loss"][-1] < 0.02)
    True
    """

    columns: Annotated[int, COUNT]
    output_dim: Annotated[int, COUNT]
    frequencies: Annotated[int, COUNT]
    scale: Annotated[float, POSITIVE]
    kernel_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        columns: int,
        output_dim: int = 8,
        frequencies: int = 16,
        scale: float = 0.3,
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Any = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records."""
        values = {
            "columns": columns,
            "output_dim": output_dim,
            "frequencies": check(frequencies, "frequencies", "PeriodicEmbedding", (int,), COUNT),
            "scale": scale,
            "kernel_regularizer": regularizers.get(kernel_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    def units_out(self, inputs: int) -> int:
        """What came in, and a vector for each of the first columns."""
        check_columns(self.columns, inputs, type(self).__name__, "'columns' says")
        return inputs + self.columns * self.output_dim

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """``w`` and ``p`` (columns, frequencies), a row for the ``W`` of each column, ``c`` (columns, output_dim)."""
        waves, how = (
            (self.columns, self.frequencies),
            (self.trainable, self.learning_rate_factor, self.weight_decay_factor),
        )
        kernel = (self.columns, self.frequencies * self.output_dim)
        limit = 1 / sqrt(self.frequencies)
        small = initializers.RandomUniform(-limit, limit)
        return (
            Weight("frequency", waves, initializers.RandomNormal(stddev=self.scale), None, *how),
            Weight("phase", waves, initializers.RandomUniform(-pi, pi), None, *how),
            Weight("kernel", kernel, small, self.kernel_regularizer, *how),
            Weight("bias", (self.columns, self.output_dim), small, None, *how),
        )
