"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from tabgrad import activations, initializers, regularizers
from tabgrad._checks import COUNT, NOT_NEGATIVE, check
from tabgrad.errors import ArgumentError
from tabgrad.layers._base import Layer, Weight


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
    kernel_initializer : str, Initializer or None, default "glorot_uniform"
    bias_initializer : str, Initializer or None, default "zeros"
        None: "glorot_uniform", as in Keras.
    kernel_regularizer, bias_regularizer : str, Regularizer or None, default None
        ``R`` above, added to the loss.
    input_dim : int or None
        Width of a row, for the first layer; as ``input_shape=(input_dim,)``.
    input_shape : tuple of one int or None
    name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.
    bias_learning_rate_factor, bias_weight_decay_factor : float or None, default None
        The same for the bias alone; None: as for the layer.

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
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    bias_learning_rate_factor: Annotated[float | None, NOT_NEGATIVE] = field(default=None, kw_only=True)
    bias_weight_decay_factor: Annotated[float | None, NOT_NEGATIVE] = field(default=None, kw_only=True)

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        kernel_initializer: str | initializers.Initializer | None = "glorot_uniform",
        bias_initializer: str | initializers.Initializer | None = "zeros",
        kernel_regularizer: str | regularizers.Regularizer | None = None,
        bias_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_dim: int | None = None,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
        bias_learning_rate_factor: float | None = None,
        bias_weight_decay_factor: float | None = None,
    ) -> None:
        """Resolve names to records and check the rest."""
        if input_dim is not None:
            if input_shape is not None:
                raise ArgumentError("Dense takes 'input_dim' or 'input_shape', not both.")
            input_shape = (check(input_dim, "input_dim", "Dense", (int,), COUNT),)
        values = {
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
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
            "bias_learning_rate_factor": bias_learning_rate_factor,
            "bias_weight_decay_factor": bias_weight_decay_factor,
        }
        self._fill(values)

    def units_out(self, inputs: int) -> int:
        """The number of units."""
        return self.units

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The kernel (inputs, units) and, unless `use_bias` is False, the bias (units,)."""
        rate, decay = self.learning_rate_factor, self.weight_decay_factor
        bias_rate, bias_decay = self.bias_learning_rate_factor, self.bias_weight_decay_factor
        kernel = Weight(
            *("kernel", (inputs, self.units), self.kernel_initializer, self.kernel_regularizer, self.trainable),
            rate_factor=rate,
            decay_factor=decay,
        )
        bias = Weight(
            *("bias", (self.units,), self.bias_initializer, self.bias_regularizer, self.trainable),
            rate_factor=rate if bias_rate is None else bias_rate,
            decay_factor=decay if bias_decay is None else bias_decay,
        )
        return (kernel, bias) if self.use_bias else (kernel,)
