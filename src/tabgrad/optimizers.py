r"""Optimizers: how a gradient becomes a step.

Symbols: ``w`` the weights, ``g`` the gradient of the loss with its regularisation term, ``lr`` the learning rate, ``t``
the number of the step from 1. Before each step, in this order: ``g`` is clipped, then ``w`` decays by
``w <- w (1 - lr * weight_decay)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar

from tabgrad._checks import FRACTION, NOT_NEGATIVE, POSITIVE
from tabgrad._record import Record
from tabgrad.errors import ArgumentError

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]


@dataclass(frozen=True)
class Optimizer(Record):
    """Base of the optimizers.

    Parameters
    ----------
    learning_rate : float, default 0.001
        At least 0.
    weight_decay : float or None, default None
        Decoupled decay of all weights, per step and in units of the learning rate.
    clipnorm : float or None, default None
        Scale each array's gradient down to this Euclidean norm where it is larger.
    global_clipnorm : float or None, default None
        Scale all gradients by one factor so that their joint norm is at most this.
    """

    learning_rate: Annotated[float, NOT_NEGATIVE] = 0.001
    weight_decay: Annotated[float | None, NOT_NEGATIVE] = field(default=None, kw_only=True)
    clipnorm: Annotated[float | None, POSITIVE] = field(default=None, kw_only=True)
    global_clipnorm: Annotated[float | None, POSITIVE] = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the fields, and that at most one way of clipping is chosen."""
        super().__post_init__()
        if self.clipnorm is not None and self.global_clipnorm is not None:
            raise ArgumentError(f"{type(self).__name__} takes 'clipnorm' or 'global_clipnorm', not both.")

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays that the optimizer carries for each weight, all zero before the first step."""
        return ()


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: ``w <- w - lr g``.

    With momentum ``m <- momentum m - lr g`` and ``w <- w + m``, or, Nesterov's form, ``w <- w + momentum m - lr g``.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, default 0
        In [0, 1).
    nesterov : bool, default False
    weight_decay, clipnorm, global_clipnorm : float or None, default None
        See `Optimizer`.

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    """

    learning_rate: Annotated[float, NOT_NEGATIVE] = 0.01
    momentum: Annotated[float, FRACTION] = 0.0
    nesterov: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``m``, if there is momentum."""
        return ("momentum",) if self.momentum > 0 else ()


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Divides the gradient by its running root mean square.

    ``v <- rho v + (1 - rho) g^2``, ``w <- w - lr g / sqrt(v + epsilon)``.

    Centered, with ``a <- rho a + (1 - rho) g``, the denominator is ``sqrt(max(v - a^2, 0) + epsilon)``. With momentum
    the step ``s`` is gathered, ``m <- momentum m + s``, and ``w <- w - m``.

    Parameters
    ----------
    learning_rate : float, default 0.001
    rho : float, default 0.9
        In [0, 1).
    momentum : float, default 0
        In [0, 1).
    epsilon : float, default 1e-7
    centered : bool, default False
    weight_decay, clipnorm, global_clipnorm : float or None, default None
        See `Optimizer`.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5 - RMSProp", 2012.
    """

    learning_rate: Annotated[float, NOT_NEGATIVE] = 0.001
    rho: Annotated[float, FRACTION] = 0.9
    momentum: Annotated[float, FRACTION] = 0.0
    epsilon: Annotated[float, POSITIVE] = 1e-7
    centered: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``v``, and ``m`` and ``a`` where they are used."""
        return ("velocity", *(["momentum"] if self.momentum > 0 else []), *(["average"] if self.centered else []))


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps by the mean gradient over its root mean square, both running and corrected for starting at zero.

    ``m <- beta_1 m + (1 - beta_1) g``, ``v <- beta_2 v + (1 - beta_2) g^2``,
    ``w <- w - lr (sqrt(1 - beta_2^t) / (1 - beta_1^t)) m / (sqrt(v) + epsilon)``.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta_1 : float, default 0.9
        In [0, 1).
    beta_2 : float, default 0.999
        In [0, 1).
    epsilon : float, default 1e-7
        Keras's; the authors' "epsilon hat".
    weight_decay, clipnorm, global_clipnorm : float or None, default None
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015.

    Examples
    --------
    >>> from tabgrad import optimizers
    >>> optimizers.Adam(learning_rate=0.01).beta_1
    0.9
    """

    learning_rate: Annotated[float, NOT_NEGATIVE] = 0.001
    beta_1: Annotated[float, FRACTION] = 0.9
    beta_2: Annotated[float, FRACTION] = 0.999
    epsilon: Annotated[float, POSITIVE] = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``m`` and ``v``."""
        return ("momentum", "velocity")


@dataclass(frozen=True, init=False)
class AdamW(Adam):
    """Adam with decoupled weight decay; its arguments in Keras's order.

    Parameters
    ----------
    learning_rate : float, default 0.001
    weight_decay : float or None, default 0.004
    beta_1, beta_2, epsilon
        See `Adam`.
    clipnorm, global_clipnorm : float or None, default None
        See `Optimizer`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    kind: ClassVar[str] = "adam"
    weight_decay: Annotated[float | None, NOT_NEGATIVE] = field(default=0.004, kw_only=True)

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        clipnorm: float | None = None,
        global_clipnorm: float | None = None,
    ) -> None:
        """Check the numbers."""
        given = (learning_rate, weight_decay, clipnorm, global_clipnorm, beta_1, beta_2, epsilon)
        for field_of, value in zip(fields(self), given, strict=True):
            object.__setattr__(self, field_of.name, value)
        self.__post_init__()


CATALOGUE: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def get(identifier: str | Optimizer) -> Optimizer:
    """The optimizer that a name or an instance stands for.

    Examples
    --------
    >>> from tabgrad import optimizers
    >>> optimizers.get("sgd").learning_rate
    0.01
    """
    return Optimizer.get(identifier, CATALOGUE, "optimizer")
