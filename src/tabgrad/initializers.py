"""Initialisers: what the weights are before the first step.

The scale of a random matrix is chosen so that signals neither grow nor fade from layer to layer; ``fan_in`` and
``fan_out`` are its numbers of rows (inputs) and columns (units). A uniform form draws from ``[-sqrt(3 v), sqrt(3 v)]``,
a normal form from a normal distribution cut off at two of its standard deviations and stretched so that its variance is
``v`` again; both have variance ``v``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from tabgrad._checks import NOT_NEGATIVE, SEED, Interval
from tabgrad._record import Record

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "VarianceScaling",
    "Zeros",
    "get",
]

# The standard deviation of a standard normal variable cut off at two: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
CUT_NORMAL_DEVIATION = 0.87962566103423978


@dataclass(frozen=True)
class Initializer(Record):
    """Base of the initialisers."""

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        raise NotImplementedError


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every weight 0."""

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        return np.zeros(shape, np.float32)


@dataclass(frozen=True)
class Ones(Initializer):
    """Every weight 1."""

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        return np.ones(shape, np.float32)


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight the same.

    Parameters
    ----------
    value : float, default 0
        Or an array of one, as Keras's users have it from a logarithm of frequencies.
    """

    value: Annotated[float, Interval()] = 0.0

    def __post_init__(self) -> None:
        """Take the number out of an array of one."""
        given: Any = self.value
        if isinstance(given, np.ndarray) and given.size == 1:
            object.__setattr__(self, "value", given.item())
        super().__post_init__()

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        return np.full(shape, self.value, np.float32)


@dataclass(frozen=True)
class RandomUniform(Initializer):
    """Uniform from ``[minval, maxval]``, whatever the shape: the default of an embedding, as "uniform".

    Parameters
    ----------
    minval, maxval : float, default -0.05 and 0.05
    seed : int or None, default None
        None: the model's seed. With a seed of its own, an initialiser draws the same for every model.
    """

    minval: Annotated[float, Interval()] = -0.05
    maxval: Annotated[float, Interval()] = 0.05
    seed: Annotated[int | None, SEED] = None

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        if self.seed is not None:
            random = np.random.default_rng(self.seed)
        return (self.minval + (self.maxval - self.minval) * random.random(shape)).astype(np.float32)


@dataclass(frozen=True)
class RandomNormal(Initializer):
    """From the normal distribution, whatever the shape.

    Parameters
    ----------
    mean, stddev : float, default 0 and 0.05
    seed : int or None, default None
        None: the model's seed. With a seed of its own, an initialiser draws the same for every model.
    """

    mean: Annotated[float, Interval()] = 0.0
    stddev: Annotated[float, NOT_NEGATIVE] = 0.05
    seed: Annotated[int | None, SEED] = None

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape, float32."""
        if self.seed is not None:
            random = np.random.default_rng(self.seed)
        return (self.mean + self.stddev * random.standard_normal(shape)).astype(np.float32)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Random weights of variance ``v = scale / fan``; base of the six forms below.

    Parameters
    ----------
    seed : int or None, default None
        None: the model's seed. With a seed of its own, an initialiser draws the same for every model.
    """

    scale: ClassVar[float]
    fan: ClassVar[str]
    normal: ClassVar[bool]
    seed: Annotated[int | None, SEED] = None

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Weights of a shape (fan_in, fan_out), float32."""
        if self.seed is not None:
            random = np.random.default_rng(self.seed)
        fan_in, fan_out = shape[0], shape[-1]
        fan = fan_in if self.fan == "in" else (fan_in + fan_out) / 2
        deviation = np.sqrt(self.scale / max(fan, 1))
        if not self.normal:
            limit = np.sqrt(3) * deviation
            return random.uniform(-limit, limit, shape).astype(np.float32)
        normal: np.ndarray = _cut_normal(shape, random) * (deviation / CUT_NORMAL_DEVIATION)
        return normal.astype(np.float32)


@dataclass(frozen=True)
class GlorotUniform(VarianceScaling):
    """Uniform, ``v = 2 / (fan_in + fan_out)``: the default of a dense layer.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    scale, fan, normal = 1.0, "average", False


@dataclass(frozen=True)
class GlorotNormal(VarianceScaling):
    """Normal, ``v = 2 / (fan_in + fan_out)``.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """

    scale, fan, normal = 1.0, "average", True


@dataclass(frozen=True)
class HeUniform(VarianceScaling):
    """Uniform, ``v = 2 / fan_in``, made for ReLU.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", 2015.
    """

    scale, fan, normal = 2.0, "in", False


@dataclass(frozen=True)
class HeNormal(VarianceScaling):
    """Normal, ``v = 2 / fan_in``, made for ReLU.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", 2015.
    """

    scale, fan, normal = 2.0, "in", True


@dataclass(frozen=True)
class LecunUniform(VarianceScaling):
    """Uniform, ``v = 1 / fan_in``, made for SELU.

    References
    ----------
    Y. LeCun et al., "Efficient backprop", 1998.
    """

    scale, fan, normal = 1.0, "in", False


@dataclass(frozen=True)
class LecunNormal(VarianceScaling):
    """Normal, ``v = 1 / fan_in``, made for SELU.

    References
    ----------
    Y. LeCun et al., "Efficient backprop", 1998.
    """

    scale, fan, normal = 1.0, "in", True


CATALOGUE: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
}


def get(identifier: str | Initializer | None) -> Initializer:
    """The initialiser that a name or an instance stands for; None is `GlorotUniform`, as for an array of Keras's.

    Examples
    --------
    >>> from tabgrad import initializers
    >>> initializers.get("he_normal")
    HeNormal(seed=None)
    """
    return GlorotUniform() if identifier is None else Initializer.get(identifier, CATALOGUE, "initializer")


def _cut_normal(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Standard normal numbers, those beyond two drawn again."""
    values = random.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = random.standard_normal(int(outside.sum()))
    return values
