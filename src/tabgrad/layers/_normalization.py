"""Normalisation of what passes: over the rows of a batch, or over the units of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from tabgrad import initializers, regularizers
from tabgrad._checks import NOT_NEGATIVE, POSITIVE, Interval
from tabgrad.layers._base import Layer, Weight, check_axis


@dataclass(frozen=True, init=False)
class BatchNormalization(Layer):
    r"""Brings each unit to mean 0 and variance 1 over the batch, then to a mean and a scale that it learns.

    In training, each unit for itself, ``m`` and ``v`` its mean and (biased) variance over the batch's ``B`` rows::

        n = (x - m) / sqrt(v + epsilon),   y = gamma n + beta

    Backward, with ``d = dL/dy`` and the bar for the mean over the batch::

        dL/dgamma = sum of d n,   dL/dbeta = sum of d
        dL/dx = gamma / sqrt(v + epsilon) (d - mean of d - n (mean of d n))

    After each step ``moving <- momentum moving + (1 - momentum) m`` (or ``v``); at prediction, and everywhere if the
    layer is not trainable, these moving averages take the place of ``m`` and ``v``. Weights of rows do not enter the
    statistics, as in Keras.

    Parameters
    ----------
    axis : int, default -1
        Nothing else: rows of a table have one axis.
    momentum : float, default 0.99
        In [0, 1].
    epsilon : float, default 1e-3
    center : bool, default True
        Whether there is ``beta``.
    scale : bool, default True
        Whether there is ``gamma``.
    beta_initializer, moving_mean_initializer : str or Initializer, default "zeros"
    gamma_initializer, moving_variance_initializer : str or Initializer, default "ones"
    beta_regularizer, gamma_regularizer : str, Regularizer or None, default None
    name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015.

    Examples
    --------
    >>> from tabgrad.layers import BatchNormalization
    >>> [weight.name for weight in BatchNormalization().weights(8)]
    ['gamma', 'beta', 'moving_mean', 'moving_variance']
    """

    momentum: Annotated[float, Interval(0, 1)]
    epsilon: Annotated[float, POSITIVE]
    center: bool
    scale: bool
    beta_initializer: initializers.Initializer
    gamma_initializer: initializers.Initializer
    moving_mean_initializer: initializers.Initializer
    moving_variance_initializer: initializers.Initializer
    beta_regularizer: regularizers.Regularizer | None
    gamma_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        scale: bool = True,  # noqa: FBT001, FBT002
        beta_initializer: str | initializers.Initializer = "zeros",
        gamma_initializer: str | initializers.Initializer = "ones",
        moving_mean_initializer: str | initializers.Initializer = "zeros",
        moving_variance_initializer: str | initializers.Initializer = "ones",
        beta_regularizer: str | regularizers.Regularizer | None = None,
        gamma_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records and check the rest."""
        check_axis(axis, "BatchNormalization")
        values = {
            "momentum": momentum,
            "epsilon": epsilon,
            "center": center,
            "scale": scale,
            "beta_initializer": initializers.get(beta_initializer),
            "gamma_initializer": initializers.get(gamma_initializer),
            "moving_mean_initializer": initializers.get(moving_mean_initializer),
            "moving_variance_initializer": initializers.get(moving_variance_initializer),
            "beta_regularizer": regularizers.get(beta_regularizer),
            "gamma_regularizer": regularizers.get(gamma_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """``gamma`` and ``beta`` where there are any, then the moving mean and variance; all (units,)."""
        shape, how = (inputs,), (self.trainable, self.learning_rate_factor, self.weight_decay_factor)
        learned = {
            "gamma": (self.scale, self.gamma_initializer, self.gamma_regularizer),
            "beta": (self.center, self.beta_initializer, self.beta_regularizer),
        }
        return (
            *(Weight(name, shape, first, penalty, *how) for name, (there, first, penalty) in learned.items() if there),
            Weight("moving_mean", shape, self.moving_mean_initializer, None, trainable=False),
            Weight("moving_variance", shape, self.moving_variance_initializer, None, trainable=False),
        )


@dataclass(frozen=True, init=False)
class LayerNormalization(Layer):
    r"""Brings each row to mean 0 and variance 1 over its units, then each unit to a mean and a scale that it learns.

    With ``m`` and ``v`` the mean and (biased) variance of a row's units::

        n = (x - m) / sqrt(v + epsilon),   y = gamma n + beta

    Backward, with ``d = dL/dy`` and ``g = d gamma``, means over the units of the row::

        dL/dgamma = sum over the batch of d n,   dL/dbeta = sum over the batch of d
        dL/dx = (g - mean of g - n (mean of g n)) / sqrt(v + epsilon)

    Parameters
    ----------
    axis : int, default -1
        Nothing else: rows of a table have one axis.
    epsilon : float, default 1e-3
    center : bool, default True
        Whether there is ``beta``.
    scale : bool, default True
        Whether there is ``gamma``.
    beta_initializer : str or Initializer, default "zeros"
    gamma_initializer : str or Initializer, default "ones"
    beta_regularizer, gamma_regularizer : str, Regularizer or None, default None
    name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's arrays. 0 holds them where they are.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. Hinton, "Layer normalization", 2016.
    """

    epsilon: Annotated[float, POSITIVE]
    center: bool
    scale: bool
    beta_initializer: initializers.Initializer
    gamma_initializer: initializers.Initializer
    beta_regularizer: regularizers.Regularizer | None
    gamma_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        scale: bool = True,  # noqa: FBT001, FBT002
        beta_initializer: str | initializers.Initializer = "zeros",
        gamma_initializer: str | initializers.Initializer = "ones",
        beta_regularizer: str | regularizers.Regularizer | None = None,
        gamma_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records and check the rest."""
        check_axis(axis, "LayerNormalization")
        values = {
            "epsilon": epsilon,
            "center": center,
            "scale": scale,
            "beta_initializer": initializers.get(beta_initializer),
            "gamma_initializer": initializers.get(gamma_initializer),
            "beta_regularizer": regularizers.get(beta_regularizer),
            "gamma_regularizer": regularizers.get(gamma_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """``gamma`` and ``beta`` where there are any, (units,)."""
        learned = {
            "gamma": (self.scale, self.gamma_initializer, self.gamma_regularizer),
            "beta": (self.center, self.beta_initializer, self.beta_regularizer),
        }
        return tuple(
            Weight(name, (inputs,), first, penalty, self.trainable, self.learning_rate_factor, self.weight_decay_factor)
            for name, (there, first, penalty) in learned.items()
            if there
        )
