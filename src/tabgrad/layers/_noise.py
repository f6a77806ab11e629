"""Noise that regularises: layers that change what passes in training and nothing at prediction.

What is drawn in a step follows from (seed, step, layer, position) alone (see `tabgrad._seeds`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from tabgrad._checks import FRACTION, NOT_NEGATIVE, SEED
from tabgrad.layers._base import Layer
from tabgrad.optimizers.schedules import DROPOUT_RATE, LearningRateSchedule, as_schedule


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, sets each input to 0 with probability `rate` and scales the others by ``1 / (1 - rate)``.

    Forward ``y = x * mask / (1 - rate)``, backward ``dL/dx = dL/dy * mask / (1 - rate)``; nothing at prediction. The
    mask of a step follows from (seed, step, layer, position) alone.

    Parameters
    ----------
    rate : float, LearningRateSchedule or callable
        In [0, 1). A schedule (`optimizers.schedules`) gives each step its own; a callable is given the number of steps
        so far, or nothing where it takes nothing. Keras takes numbers alone.
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
    >>> from tabgrad.optimizers.schedules import FlatCosine
    >>> fading = Dropout(FlatCosine(0.2, decay_steps=1000))
    >>> [round(fading.rate_of(step), 3) for step in (0, 500, 750, 1000)]
    [0.2, 0.2, 0.1, 0.0]
    """

    rate: Annotated[float | LearningRateSchedule, FRACTION]
    seed: Annotated[int | None, SEED] = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check the rate, of a formula the first."""
        object.__setattr__(self, "rate", as_schedule(self.rate, "rate", DROPOUT_RATE))
        super().__post_init__()
        if isinstance(self.rate, LearningRateSchedule) and self.rate.ahead > 1:
            self.rate_of(0)

    def rate_of(self, steps: int) -> float:
        """The rate of the step that comes after this many others."""
        rate = self.rate
        return float(rate.rates(steps, DROPOUT_RATE)[0]) if isinstance(rate, LearningRateSchedule) else rate


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """In training, ``y = x + e`` with ``e`` from a normal distribution around 0; backward ``dL/dx = dL/dy``.

    Parameters
    ----------
    stddev : float
        Standard deviation of ``e``, at least 0.
    seed : int or None, default None
        None: the model's seed.
    name : str or None

    References
    ----------
    C. Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
    """

    stddev: Annotated[float, NOT_NEGATIVE]
    seed: Annotated[int | None, SEED] = field(default=None, kw_only=True)


@dataclass(frozen=True)
class GaussianDropout(Layer):
    """In training, ``y = x e`` with ``e`` from a normal distribution around 1; backward ``dL/dx = dL/dy e``.

    Parameters
    ----------
    rate : float
        In [0, 1): ``e`` has the variance ``rate / (1 - rate)``, that of `Dropout` at this rate.
    seed : int or None, default None
        None: the model's seed.
    name : str or None

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    rate: Annotated[float, FRACTION]
    seed: Annotated[int | None, SEED] = field(default=None, kw_only=True)

    @property
    def stddev(self) -> float:
        """Standard deviation of the factor."""
        return math.sqrt(self.rate / (1 - self.rate))


@dataclass(frozen=True)
class AlphaDropout(Layer):
    """Dropout for `selu`: dropped units go to selu's negative limit, and mean and variance stay as they are.

    In training, with ``m = -1.7580993`` and a mask that keeps a unit with probability ``1 - rate``,
    ``y = a (x where kept, else m) + b``, ``a = ((1 - rate) (1 + rate m^2))^(-1/2)``, ``b = -a m rate``; backward
    ``dL/dx = a dL/dy`` where kept, else 0.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed : int or None, default None
        None: the model's seed.
    name : str or None

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", 2017.
    """

    LIMIT: ClassVar[float] = -1.6732632423543772 * 1.0507009873554805  # of selu, for x towards minus infinity

    rate: Annotated[float, FRACTION]
    seed: Annotated[int | None, SEED] = field(default=None, kw_only=True)

    @property
    def scale(self) -> float:
        """``a``."""
        return float(((1 - self.rate) * (1 + self.rate * self.LIMIT**2)) ** -0.5)

    @property
    def shift(self) -> float:
        """``b``."""
        return -self.scale * self.LIMIT * self.rate


@dataclass(frozen=True)
class ActivityRegularization(Layer):
    """Lets everything pass and adds ``(1/batch) sum_ij (l1 |x_ij| + l2 x_ij^2)`` to the loss.

    Backward ``dL/dx = dL/dy + (l1 sign(x) + 2 l2 x) / batch``. As in Keras, weights of rows do not enter.

    Parameters
    ----------
    l1, l2 : float, default 0
        At least 0.
    name : str or None
    """

    l1: Annotated[float, NOT_NEGATIVE] = 0.0
    l2: Annotated[float, NOT_NEGATIVE] = 0.0
