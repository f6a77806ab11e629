"""What layers have in common, and the declaration of what a row is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from tabgrad import initializers, regularizers
from tabgrad._checks import COUNT, check
from tabgrad._record import Record
from tabgrad.errors import ArgumentError

Shape = tuple[int] | tuple[tuple[int], tuple[int]]
"""``(features,)``, or for numeric columns beside codes ``((features,), (columns,))``."""


@dataclass(frozen=True)
class Weight:
    """One array of a layer: its name, shape, first values, penalty, and whether and how fast the optimizer moves it.

    Its learning rate, in the step and in the weight decay alike, is the optimizer's times `rate_factor`, its weight
    decay the optimizer's times `decay_factor`.
    """

    name: str
    shape: tuple[int, ...]
    initializer: initializers.Initializer
    regularizer: regularizers.Regularizer | None
    trainable: bool
    rate_factor: float = 1.0
    decay_factor: float = 1.0


@dataclass(frozen=True)
class Layer(Record):
    """Base of the layers: what goes in and out, and which weights there are between.

    Parameters
    ----------
    input_shape : tuple of one int, or a pair of such, or None
        For the first layer of a model without an `Input`: what `Input` takes as its shape.
    name : str or None
    trainable : bool, default True
        False: training leaves the layer's weights as they are.
    """

    in_a_model: ClassVar[Mapping[str, str]] = MappingProxyType({"trainable": "model.get_layer(...).trainable"})
    input_shape: Shape | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    trainable: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Check the fields and bring the shape into its form."""
        super().__post_init__()
        if self.input_shape is not None:
            object.__setattr__(self, "input_shape", row_shape(self.input_shape, "input_shape", type(self).__name__))

    def _fill(self, values: Mapping[str, Any]) -> None:
        """Set the fields of a record whose constructor resolves names, then check them."""
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def units_out(self, inputs: int) -> int:
        """The width of the output for an input of this width."""
        return inputs

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The layer's arrays, in the order of `get_weights`."""
        return ()


@dataclass(frozen=True)
class Input(Layer):
    """Declares what a row is.

    Parameters
    ----------
    shape : tuple of one int, or a pair of such
        ``(features,)``, without the batch. For a model with an `Embedding`: ``(columns,)`` of codes, if they are all
        that it takes, or ``[(features,), (columns,)]`` for numeric columns and codes.
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Dense, Input
    >>> from tabgrad.models import Sequential
    >>> Sequential([Input((8,)), Dense(1)]).output_shape
    (None, 1)
    """

    shape: Shape

    def __post_init__(self) -> None:
        """The declared shape is the shape of the input."""
        object.__setattr__(self, "shape", row_shape(self.shape, "shape", "Input"))
        object.__setattr__(self, "input_shape", self.shape)
        super().__post_init__()


def row_shape(shape: Any, name: str, owner: str) -> Shape:
    """`(features,)` from a tuple, a list or one number; from two tuples or lists a pair of such."""
    values = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if len(values) == 2 and all(isinstance(each, (tuple, list)) and len(each) == 1 for each in values):
        numeric, codes = (check(each[0], name, owner, (int,), COUNT) for each in values)
        return (numeric,), (codes,)
    if len(values) != 1:
        raise ArgumentError(f"'{name}' of {owner} must be (features,): rows of a table have one axis. Got {shape!r}.")
    return (check(values[0], name, owner, (int,), COUNT),)


def check_axis(axis: int, owner: str) -> None:
    """Refuse any axis but the one that a row of a table has."""
    if axis not in (-1, 1) or isinstance(axis, bool):
        raise ArgumentError(f"'axis' of {owner} must be -1: rows of a table have one axis. Got {axis!r}.")
