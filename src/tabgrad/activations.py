r"""Activations: the function that a layer applies to its weighted sums.

Every activation is a frozen record; the lower-case names are ready-made instances with Keras's defaults::

    Dense(64, activation="relu")
    Dense(64, activation=activations.relu)
    Dense(64, activation=activations.LeakyRelu(negative_slope=0.1))

Backpropagation needs the derivative beside the value; each docstring gives both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import NOT_NEGATIVE, Interval
from tabgrad._record import Record

__all__ = [
    "Activation",
    "Elu",
    "Gelu",
    "LeakyRelu",
    "Linear",
    "Mish",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Tanh",
    "elu",
    "gelu",
    "get",
    "leaky_relu",
    "linear",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "swish",
    "tanh",
]


@dataclass(frozen=True)
class Activation(Record):
    """Base of the activations. Each maps the weighted sums ``z`` of a layer, shape (batch, units), to its outputs."""


@dataclass(frozen=True)
class Linear(Activation):
    """``f(z) = z``, ``f'(z) = 1``: no activation at all."""


@dataclass(frozen=True)
class Relu(Activation):
    """Rectified linear unit, ``f(z) = max(z, 0)``.

    In full, with ``f'`` in brackets: ``max_value`` (0) where ``z >= max_value``; ``z`` (1) where ``z > threshold``;
    ``negative_slope * (z - threshold)`` (``negative_slope``) elsewhere.

    Parameters
    ----------
    negative_slope : float, default 0
    max_value : float or None, default None
        None: no limit.
    threshold : float, default 0

    References
    ----------
    V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    negative_slope: Annotated[float, NOT_NEGATIVE] = 0.0
    max_value: Annotated[float | None, NOT_NEGATIVE] = None
    threshold: Annotated[float, NOT_NEGATIVE] = 0.0


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """``f(z) = z`` where ``z > 0``, else ``negative_slope * z``; ``f'(z) = 1`` or ``negative_slope``.

    Parameters
    ----------
    negative_slope : float, default 0.2
        Keras's default.

    References
    ----------
    A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.
    """

    negative_slope: Annotated[float, NOT_NEGATIVE] = 0.2


@dataclass(frozen=True)
class Elu(Activation):
    """Exponential linear unit, ``f(z) = z`` where ``z > 0``, else ``alpha (e^z - 1)``; ``f'(z) = 1`` or ``alpha e^z``.

    Parameters
    ----------
    alpha : float, default 1

    References
    ----------
    D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by ELUs", 2016.
    """

    alpha: Annotated[float, Interval()] = 1.0


@dataclass(frozen=True)
class Selu(Activation):
    """Scaled ELU, ``f(z) = s z`` where ``z > 0``, else ``s a (e^z - 1)``, with ``a = 1.67326324``, ``s = 1.05070098``.

    References
    ----------
    G. Klambauer et al., "Self-normalizing neural networks", 2017.
    """


@dataclass(frozen=True)
class Gelu(Activation):
    """Gaussian error linear unit, ``f(z) = z P(z)``, P the normal distribution function; ``f'(z) = P(z) + z p(z)``.

    Parameters
    ----------
    approximate : bool, default False
        Replace ``P(z)`` by ``(1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2``.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016.
    """

    approximate: bool = False


@dataclass(frozen=True)
class Silu(Activation):
    """``f(z) = z s(z)``, s the sigmoid; ``f'(z) = s(z) (1 + z (1 - s(z)))``. Also called swish.

    References
    ----------
    P. Ramachandran, B. Zoph, Q. Le, "Searching for activation functions", 2017.
    """


@dataclass(frozen=True)
class Mish(Activation):
    """``f(z) = z tanh(softplus(z))``; with ``t`` that tanh and ``s`` the sigmoid, ``f'(z) = t + z (1 - t^2) s(z)``.

    References
    ----------
    D. Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """


@dataclass(frozen=True)
class Tanh(Activation):
    """``f(z) = tanh(z)``; ``f'(z) = 1 - f(z)^2``."""


@dataclass(frozen=True)
class Sigmoid(Activation):
    """``f(z) = 1 / (1 + e^-z)``; ``f'(z) = f(z) (1 - f(z))``: the probability of a class under a log-odds of ``z``."""


@dataclass(frozen=True)
class Softplus(Activation):
    """``f(z) = log(1 + e^z)``; ``f'(z)`` is the sigmoid."""


@dataclass(frozen=True)
class Softmax(Activation):
    """``f(z)_i = e^(z_i) / sum_j e^(z_j)``: the probabilities of the classes, over the units of a row.

    Its Jacobian is ``diag(f) - f f^T``; an error ``d`` of the outputs becomes ``f * (d - sum(f * d))`` of the sums.
    """


linear = Linear()
relu = Relu()
leaky_relu = LeakyRelu()
elu = Elu()
selu = Selu()
gelu = Gelu()
silu = swish = Silu()
mish = Mish()
tanh = Tanh()
sigmoid = Sigmoid()
softplus = Softplus()
softmax = Softmax()

CATALOGUE: dict[str, type[Activation]] = {
    "linear": Linear,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "selu": Selu,
    "gelu": Gelu,
    "silu": Silu,
    "swish": Silu,
    "mish": Mish,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "softplus": Softplus,
    "softmax": Softmax,
}


def get(identifier: str | Activation | None) -> Activation:
    """The activation that a name, an instance or None (linear) stands for.

    Examples
    --------
    >>> from tabgrad import activations
    >>> activations.get("elu")
    Elu(alpha=1.0)
    """
    return linear if identifier is None else Activation.get(identifier, CATALOGUE, "activation")
