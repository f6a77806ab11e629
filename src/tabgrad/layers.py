"""Layers: the parts of a `Sequential`, as frozen records with Keras's names, arguments and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from tabgrad import activations, initializers, regularizers
from tabgrad._checks import COUNT, FRACTION, SEED, check
from tabgrad._record import Record
from tabgrad.errors import ArgumentError

__all__ = ["Activation", "Dense", "Dropout", "Input", "Layer"]


@dataclass(frozen=True)
class Weight:
    """One array of a layer: its name, shape, first values, penalty, and whether training moves it."""

    name: str
    shape: tuple[int, ...]
    initializer: initializers.Initializer
    regularizer: regularizers.Regularizer | None
    trainable: bool


@dataclass(frozen=True)
class Layer(Record):
    """Base of the layers: what goes in and out, and which weights there are between.

    Parameters
    ----------
    input_shape : tuple of one int or None
        ``(features,)``, for the first layer of a model without an `Input`.
    name : str or None
    trainable : bool, default True
        False: training leaves the layer's weights as they are.
    """

    input_shape: tuple[int, ...] | None = field(default=None, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    trainable: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Check the fields and bring the shape into its form."""
        super().__post_init__()
        if self.input_shape is not None:
            object.__setattr__(self, "input_shape", _row_shape(self.input_shape, "input_shape", type(self).__name__))

    def units_out(self, inputs: int) -> int:
        """The width of the output for an input of this width."""
        return inputs

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The layer's arrays, in the order of `get_weights`."""
        return ()


@dataclass(frozen=True)
class Input(Layer):
    """Declares the width of a row.

    Parameters
    ----------
    shape : tuple of one int
        ``(features,)``, without the batch.
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Dense, Input
    >>> from tabgrad.models import Sequential
    >>> Sequential([Input((8,)), Dense(1)]).output_shape
    (None, 1)
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """The declared shape is the shape of the input."""
        object.__setattr__(self, "shape", _row_shape(self.shape, "shape", "Input"))
        object.__setattr__(self, "input_shape", self.shape)
        super().__post_init__()


@dataclass(frozen=True, init=False)
class Dense(Layer):
    r"""A fully connected layer: every unit sees every input.

    Forward, with ``X`` of shape (batch, inputs), kernel ``W`` (inputs, units), bias ``b`` (units,)::

        z = X W + b,   output = activation(z)

    Backward, with the error term ``d = dL/dz`` of shape (batch, units)::

        dL/dW = X^T d + dR/dW,   dL/db = sum of d over the batch,   dL/dX = d W^T

    Parameters
    ----------
    units : int
        At least 1.
    activation : str, Activation or None, default None
        None: linear.
    use_bias : bool, default True
    kernel_initializer : str or Initializer, default "glorot_uniform"
    bias_initializer : str or Initializer, default "zeros"
    kernel_regularizer, bias_regularizer : str, Regularizer or None, default None
        ``R`` above, added to the loss.
    input_dim : int or None
        Width of a row, for the first layer; as ``input_shape=(input_dim,)``.
    input_shape : tuple of one int or None
    name, trainable
        See `Layer`.

    Examples
    --------
    >>> from tabgrad.layers import Dense
    >>> Dense(64, activation="relu", input_dim=16).weights(16)[0].shape
    (16, 64)
    """

    units: Annotated[int, COUNT]
    activation: activations.Activation
    use_bias: bool
    kernel_initializer: initializers.Initializer
    bias_initializer: initializers.Initializer
    kernel_regularizer: regularizers.Regularizer | None
    bias_regularizer: regularizers.Regularizer | None

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        kernel_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        bias_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_dim: int | None = None,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        """Resolve names to records and check the rest."""
        if input_dim is not None:
            if input_shape is not None:
                raise ArgumentError("Dense takes 'input_dim' or 'input_shape', not both.")
            input_shape = (check(input_dim, "input_dim", "Dense", (int,), COUNT),)
        fields = {
            "units": units,
            "activation": activations.get(activation),
            "use_bias": use_bias,
            "kernel_initializer": initializers.get(kernel_initializer),
            "bias_initializer": initializers.get(bias_initializer),
            "kernel_regularizer": regularizers.get(kernel_regularizer),
            "bias_regularizer": regularizers.get(bias_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
        }
        for field_name, value in fields.items():
            object.__setattr__(self, field_name, value)
        self.__post_init__()

    def units_out(self, inputs: int) -> int:
        """The number of units."""
        return self.units

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The kernel (inputs, units) and, unless `use_bias` is False, the bias (units,)."""
        kernel = Weight(
            "kernel", (inputs, self.units), self.kernel_initializer, self.kernel_regularizer, self.trainable
        )
        bias = Weight("bias", (self.units,), self.bias_initializer, self.bias_regularizer, self.trainable)
        return (kernel, bias) if self.use_bias else (kernel,)


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, sets each input to 0 with probability `rate` and scales the others by ``1 / (1 - rate)``.

    Forward ``y = x * mask / (1 - rate)``, backward ``dL/dx = dL/dy * mask / (1 - rate)``; nothing at prediction. The
    mask of a step follows from (seed, step, layer, position) alone.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed : int or None, default None
        None: the model's seed.
    name : str or None

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    Examples
    --------
    >>> from tabgrad.layers import Dropout
    >>> Dropout(0.5)
    Dropout(input_shape=None, name=None, trainable=True, rate=0.5, seed=None)
    """

    rate: Annotated[float, FRACTION]
    seed: Annotated[int | None, SEED] = field(default=None, kw_only=True)


@dataclass(frozen=True, init=False)
class Activation(Layer):
    """Applies an activation to what comes in.

    Parameters
    ----------
    activation : str or Activation
        A name or a record of `tabgrad.activations`.
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Activation
    >>> Activation("tanh").activation
    Tanh()
    """

    activation: activations.Activation

    def __init__(
        self,
        activation: str | activations.Activation,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        """Resolve the name."""
        fields = {
            "activation": activations.get(activation),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
        }
        for field_name, value in fields.items():
            object.__setattr__(self, field_name, value)
        self.__post_init__()


def _row_shape(shape: Sequence[int], name: str, owner: str) -> tuple[int, ...]:
    """`(features,)` from a tuple, a list or one number."""
    values = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if len(values) != 1:
        raise ArgumentError(f"'{name}' of {owner} must be (features,): rows of a table have one axis. Got {shape!r}.")
    return (check(values[0], name, owner, (int,), COUNT),)
