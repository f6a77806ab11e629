"""Integer codes as rows of learned tables, and the layer that Keras puts behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Annotated, Any

from tabgrad import initializers, regularizers
from tabgrad._checks import COUNT, NOT_NEGATIVE, check
from tabgrad.errors import ArgumentError
from tabgrad.layers._base import Layer, Weight

MOST_NUMBERS = 2**28  # of a table: a gibibyte


@dataclass(frozen=True, init=False)
class Embedding(Layer):
    """Turns integer codes into rows of a table that is learned, and puts them beside the numeric columns.

    Forward, with numeric columns ``x`` (batch, inputs) and codes ``c`` (batch, columns), a table ``E_k`` for each
    column of codes::

        y = [x, E_1[c_1], E_2[c_2], ...]

    Backward, with ``dy = [dy_0, dy_1, dy_2, ...]`` cut alike: ``dL/dx = dy_0``, and the row of ``E_k`` for code ``r``
    has the gradient ``sum of dy_k over the rows of the batch with c_k = r``. The optimizer steps on the whole table, as
    in Keras: with momentum, also the rows of codes that are not in the batch move.

    **The input is then two matrices**, numeric columns and codes, given as a pair: ``fit([numeric, codes], y)``. Where
    there are no numeric columns it is the codes alone: ``fit(codes, y)``. Their widths are taken from the first rows,
    or declared: ``Input([(6,), (2,)])`` for six numeric columns and two of codes, ``Input((2,))`` before an `Embedding`
    for codes alone. Layers before the `Embedding` work on the numeric columns.

    Parameters
    ----------
    input_dim : int or list of int
        How many codes there are: a column may hold 0 to ``input_dim - 1``. A list has a number for each column, and
        each column has a table of its own. One number is Keras's layer: all columns share one table, and without
        numeric columns `Flatten` comes next.
    output_dim : int or list of int
        How many numbers stand for a code; a list, beside a list as `input_dim`, has a number for each column.
    embeddings_initializer : str or Initializer, default "uniform"
        Of the tables, (input_dim, output_dim) each; "uniform" draws from [-0.05, 0.05].
    embeddings_regularizer : str, Regularizer or None, default None
    mask_zero : bool, default False
        Nothing else: rows of a table have no steps to be masked.
    input_length : int or None, default None
        The number of columns that share a table, as in Keras 2; None: as many as come.
    input_shape, name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Numbers below 1, lists of different length, ``mask_zero=True``.

    References
    ----------
    C. Guo, F. Berkhahn, "Entity embeddings of categorical variables", 2016.

    Examples
    --------
    Two categories of 3 and 100 levels beside one numeric column:

    >>> import numpy as np
    >>> from tabgrad.layers import Dense, Embedding
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Embedding([3, 100], [2, 8]), Dense(16, "relu"), Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> numeric, codes = np.random.rand(50, 1), np.random.randint(0, [3, 100], (50, 2))
    >>> history = model.fit([numeric, codes], numeric + codes[:, :1], verbose=0)
    >>> [array.shape for array in model.get_weights()[:2]], model.input_shape
    ([(3, 2), (100, 8)], [(None, 1), (None, 2)])

    Keras's own form, one table for all columns:

    >>> from tabgrad.layers import Flatten
    >>> Sequential([Embedding(100, 8, input_shape=(5,)), Flatten(), Dense(1)]).count_params()
    841
    """

    input_dim: int | tuple[int, ...]
    output_dim: int | tuple[int, ...]
    embeddings_initializer: initializers.Initializer
    embeddings_regularizer: regularizers.Regularizer | None
    input_length: Annotated[int | None, COUNT]
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        input_dim: int | Sequence[int],
        output_dim: int | Sequence[int],
        embeddings_initializer: str | initializers.Initializer = "uniform",
        embeddings_regularizer: str | regularizers.Regularizer | None = None,
        *,
        mask_zero: bool = False,
        input_length: int | None = None,
        input_shape: Any = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records, and hold the numbers against each other."""
        if check(mask_zero, "mask_zero", "Embedding", (bool,)):
            raise ArgumentError(
                "'mask_zero' of Embedding must be False: rows of a table have no steps to be masked. Give what is "
                "missing a code of its own."
            )
        values = {
            "input_dim": _counts(input_dim, "input_dim"),
            "output_dim": _counts(output_dim, "output_dim"),
            "embeddings_initializer": initializers.get(embeddings_initializer),
            "embeddings_regularizer": regularizers.get(embeddings_regularizer),
            "input_length": input_length,
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)
        self._check_lengths()
        for shape in self.tables():
            if prod(shape) > MOST_NUMBERS:
                raise ArgumentError(
                    f"A table of Embedding must have at most 2^28 numbers. Got {shape[0]} codes of {shape[1]}."
                )

    def _check_lengths(self) -> None:
        if isinstance(self.output_dim, tuple) and not (
            isinstance(self.input_dim, tuple) and len(self.output_dim) == len(self.input_dim)
        ):
            columns = f"{len(self.input_dim)} columns" if isinstance(self.input_dim, tuple) else "one table"
            raise ArgumentError(
                f"'output_dim' of Embedding must be one number, or as many as 'input_dim' has. Got "
                f"{len(self.output_dim)} for {columns}."
            )
        if isinstance(self.input_dim, tuple) and self.input_length not in (None, len(self.input_dim)):
            raise ArgumentError(
                f"'input_length' of Embedding is the number of columns, and 'input_dim' lists {len(self.input_dim)}. "
                f"Got {self.input_length}. Leave it out."
            )

    @property
    def shared(self) -> bool:
        """Whether all columns share one table."""
        return isinstance(self.input_dim, int)

    @property
    def columns(self) -> int | None:
        """The columns of codes; None where nobody has said it yet."""
        return len(self.input_dim) if isinstance(self.input_dim, tuple) else self.input_length

    def over(self, columns: int) -> Embedding:
        """The layer over so many columns of codes, where it does not say itself how many."""
        return replace(self, input_length=columns) if self.columns is None and columns else self

    def tables(self) -> list[tuple[int, int]]:
        """The shape of each table."""
        rows = self.input_dim if isinstance(self.input_dim, tuple) else (self.input_dim,)
        widths = self.output_dim if isinstance(self.output_dim, tuple) else (self.output_dim,) * len(rows)
        return list(zip(rows, widths, strict=True))

    def looked_up(self) -> list[tuple[int, int]]:
        """For each column of codes the shape of the table that it looks into."""
        return self.tables() * (self.input_length or 1) if self.shared else self.tables()

    def units_out(self, inputs: int) -> int:
        """The numeric columns, and what stands for the codes."""
        return inputs + sum(width for _, width in self.looked_up())

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The tables, (input_dim, output_dim) each."""
        return tuple(
            Weight(
                "embeddings" if self.shared else f"embeddings_{place}",
                shape,
                self.embeddings_initializer,
                self.embeddings_regularizer,
                self.trainable,
                self.learning_rate_factor,
                self.weight_decay_factor,
            )
            for place, shape in enumerate(self.tables())
        )


@dataclass(frozen=True)
class Flatten(Layer):
    """Lays out what an `Embedding` gives for each column side by side, which it is already: changes nothing.

    For scripts from Keras, where an `Embedding` gives (rows, columns, output_dim) and this layer makes
    (rows, columns * output_dim) of it.

    Parameters
    ----------
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Embedding, Flatten
    >>> from tabgrad.models import Sequential
    >>> Sequential([Embedding(100, 8, input_shape=(5,)), Flatten()]).output_shape
    (None, 40)
    """


def _counts(values: Any, name: str) -> int | tuple[int, ...]:
    """A number of at least 1, or several as a tuple."""
    several = values.tolist() if hasattr(values, "tolist") else values
    if not isinstance(several, (list, tuple)):
        number: int = check(several, name, "Embedding", (int,), COUNT)
        return number
    if not several:
        raise ArgumentError(f"'{name}' of Embedding must be a number, or a number for each column. Got {values!r}.")
    return tuple(check(each, name, "Embedding", (int,), COUNT) for each in several)
