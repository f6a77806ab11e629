"""Numeric columns as learned vectors that are piecewise linear in the number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np

from tabgrad import initializers, regularizers
from tabgrad._checks import COUNT, NOT_NEGATIVE
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers._base import Layer, Weight

BEYOND = 0.5  # how far the first and the last piece go on beyond their knots, in their own length


@dataclass(frozen=True, init=False)
class PiecewiseLinearEmbedding(Layer):
    """Puts beside its input a vector for each of its first columns, piecewise linear in the column's number.

    For a column ``x`` with knots ``b_0 < b_1 < ... < b_T``::

        s_t = (x - b_(t-1)) / (b_t - b_(t-1)), cut to [0, 1]           how far x has come through piece t
        e   = x a + c + s_1 v_1 + ... + s_T v_T                        (output_dim,)
        y   = [x_1, ..., x_n, e_1, e_2, ..., e_k]                      (n + k output_dim,)

    where the first piece begins half its length early, ``s_1 >= -1/2``, and the last ends as much later,
    ``s_T <= 3/2``. The sum is a look-up: before its own piece every ``s`` is one, behind it zero.

    Backward, with ``g = dL/de``: ``da = sum x g``, ``dc = sum g``, ``dv_t = sum s_t g`` over the batch, and
    ``dL/dx = dL/dy + g . (a + v_t / (b_t - b_(t-1)))`` in the piece ``t`` where ``x`` lies.

    Parameters
    ----------
    knots : list of lists of float
        For each of the first columns its knots, at least two, ascending; the other columns pass.
    output_dim : int, default 4
        How many numbers stand for a column.
    linear_initializer, bias_initializer, kernel_initializer : str or Initializer
        Of ``a`` and ``c``, (columns, output_dim), from the standard normal distribution and from [-1, 1], and of the
        ``v`` of all columns, (pieces, output_dim), zeros: a column is linear at first, and bends as it learns.
    kernel_regularizer : str, Regularizer or None, default None
        Of ``v``.
    input_shape, name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        No column, fewer than two knots, knots that do not ascend; with the column.

    References
    ----------
    Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep learning", 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense, PiecewiseLinearEmbedding
    >>> from tabgrad.models import Sequential
    >>> x = np.linspace(-1, 1, 400).reshape(-1, 1)
    >>> model = Sequential([PiecewiseLinearEmbedding([[-1, -0.5, 0, 0.5, 1]]), Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> history = model.fit(x, np.abs(x), epochs=80, batch_size=16, verbose=0)
    >>> bool(history.history["loss"][-1] < 0.01), model.output_shape
    (True, (None, 1))
    """

    knots: tuple[tuple[float, ...], ...]
    output_dim: Annotated[int, COUNT]
    linear_initializer: initializers.Initializer
    bias_initializer: initializers.Initializer
    kernel_initializer: initializers.Initializer
    kernel_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        knots: Sequence[Sequence[float]],
        output_dim: int = 4,
        linear_initializer: str | initializers.Initializer = initializers.RandomNormal(stddev=1.0),  # noqa: B008  (a record)
        bias_initializer: str | initializers.Initializer = initializers.RandomUniform(-1.0, 1.0),  # noqa: B008
        kernel_initializer: str | initializers.Initializer = "zeros",
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Any = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records, and hold the knots to what they must be."""
        values = {
            "knots": _ascending(knots),
            "output_dim": output_dim,
            "linear_initializer": initializers.get(linear_initializer),
            "bias_initializer": initializers.get(bias_initializer),
            "kernel_initializer": initializers.get(kernel_initializer),
            "kernel_regularizer": regularizers.get(kernel_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    @property
    def columns(self) -> int:
        """How many columns have a vector."""
        return len(self.knots)

    @property
    def pieces(self) -> tuple[int, ...]:
        """How many pieces each of them has."""
        return tuple(len(row) - 1 for row in self.knots)

    def units_out(self, inputs: int) -> int:
        """What came in, and a vector for each of the first columns."""
        check_columns(self.columns, inputs, type(self).__name__, "'knots' has")
        return inputs + self.columns * self.output_dim

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """``a`` and ``c`` (columns, output_dim), ``v`` (pieces of all columns, output_dim)."""
        row = (self.columns, self.output_dim)
        how = (self.trainable, self.learning_rate_factor, self.weight_decay_factor)
        kernel = (sum(self.pieces), self.output_dim)
        return (
            Weight("linear", row, self.linear_initializer, None, *how),
            Weight("bias", row, self.bias_initializer, None, *how),
            Weight("kernel", kernel, self.kernel_initializer, self.kernel_regularizer, *how),
        )


def check_columns(columns: int, inputs: int, owner: str, said: str) -> None:
    """Refuse more columns than come in."""
    if columns > inputs:
        raise ArgumentError(f"{owner} takes the first {columns} columns, as {said}. Its input has {inputs}.")


def _ascending(knots: Any) -> tuple[tuple[float, ...], ...]:
    """The knots as tuples of numbers that ascend as float32, too."""
    try:
        rows = tuple(tuple(float(knot) for knot in row) for row in knots)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"'knots' of PiecewiseLinearEmbedding must be a list of numbers for each column. Got {knots!r:.60}."
        ) from None
    if not rows:
        raise ArgumentError("'knots' of PiecewiseLinearEmbedding must have a list for at least one column. Got none.")
    for column, row in enumerate(rows):
        single = np.asarray(row, np.float32)
        if len(row) < 2 or not all(map(math.isfinite, row)) or (np.diff(single) <= 0).any():
            raise ArgumentError(
                "'knots' of PiecewiseLinearEmbedding must be at least two finite numbers a column, each above the one "
                f"before in float32. Got {list(row)!r:.60} in column {column}."
            )
    return rows
