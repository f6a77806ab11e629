"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from tabgrad import activations, initializers, regularizers
from tabgrad._checks import NOT_NEGATIVE, Interval
from tabgrad.layers._base import Layer, Weight


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
        values = {
            "activation": activations.get(activation),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
        }
        self._fill(values)


@dataclass(frozen=True)
class ReLU(Layer):
    """``y = max(x, 0)`` as a layer; in full see `tabgrad.activations.Relu`.

    Parameters
    ----------
    max_value : float or None, default None
        None: no limit.
    negative_slope : float, default 0
    threshold : float, default 0
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import ReLU
    >>> ReLU(max_value=6).activation.max_value
    6.0
    """

    max_value: Annotated[float | None, NOT_NEGATIVE] = None
    negative_slope: Annotated[float, NOT_NEGATIVE] = 0.0
    threshold: Annotated[float, NOT_NEGATIVE] = 0.0

    @property
    def activation(self) -> activations.Activation:
        """The function."""
        return activations.Relu(self.negative_slope, self.max_value, self.threshold)


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """``y = x`` where ``x > 0``, else ``negative_slope * x``, as a layer.

    Parameters
    ----------
    negative_slope : float, default 0.3
        Keras's default for the layer; that of the activation is 0.2.
    name : str or None
    """

    negative_slope: Annotated[float, NOT_NEGATIVE] = 0.3

    @property
    def activation(self) -> activations.Activation:
        """The function."""
        return activations.LeakyRelu(self.negative_slope)


@dataclass(frozen=True)
class ELU(Layer):
    """``y = x`` where ``x > 0``, else ``alpha (e^x - 1)``, as a layer.

    Parameters
    ----------
    alpha : float, default 1
    name : str or None
    """

    alpha: Annotated[float, Interval()] = 1.0

    @property
    def activation(self) -> activations.Activation:
        """The function."""
        return activations.Elu(self.alpha)


@dataclass(frozen=True)
class Softmax(Layer):
    """``y_j = e^(x_j) / sum_k e^(x_k)`` over the units of a row, as a layer.

    Parameters
    ----------
    name : str or None
    """

    @property
    def activation(self) -> activations.Activation:
        """The function."""
        return activations.softmax


POINTWISE = (Activation, ReLU, LeakyReLU, ELU, Softmax)
"""The layers that are nothing but their `activation`."""


@dataclass(frozen=True, init=False)
class PReLU(Layer):
    """``y = x`` where ``x > 0``, else ``a x`` with a slope ``a`` that each unit learns.

    Backward ``dL/dx = dL/dy`` where ``x > 0``, else ``a dL/dy``; ``dL/da = sum over the batch of dL/dy min(x, 0)``.

    Parameters
    ----------
    alpha_initializer : str or Initializer, default "zeros"
        Of ``a``, shape (units,).
    alpha_regularizer : str, Regularizer or None, default None
    name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    References
    ----------
    K. He et al., "Delving deep into rectifiers: surpassing human-level performance on ImageNet classification", 2015.
    """

    kind: ClassVar[str] = "p_re_lu"
    alpha_initializer: initializers.Initializer
    alpha_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        alpha_initializer: str | initializers.Initializer = "zeros",
        alpha_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records."""
        values = {
            "alpha_initializer": initializers.get(alpha_initializer),
            "alpha_regularizer": regularizers.get(alpha_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The slopes (units,)."""
        how = (
            self.alpha_initializer,
            self.alpha_regularizer,
            self.trainable,
            self.learning_rate_factor,
            self.weight_decay_factor,
        )
        return (Weight("alpha", (inputs,), *how),)
