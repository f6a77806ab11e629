r"""Losses: what training makes small.

A batch of ``B`` rows with weights ``w`` has the loss ``L = (1/B) sum_i w_i l(y_i, p_i)``, to which the network's
regularisers are added. ``l`` is what each record here defines, from the theory of maximum likelihood: squared error is
the negative log-likelihood of a normal distribution around the prediction, cross-entropy that of the observed classes.

Rows: ``y`` is the target, ``p`` the network's output, ``outputs`` its width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from tabgrad import activations
from tabgrad._checks import Interval
from tabgrad._record import Record

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

Target = Literal["values", "probabilities", "one_hot", "labels"]
"""What a target may hold: any finite numbers; numbers in [0, 1]; rows that sum to 1; integers in [0, outputs)."""


@dataclass(frozen=True)
class Loss(Record):
    """Base of the losses.

    `target` says what the target may hold. `link` is the activation whose derivative cancels against the loss's own:
    with it as the last activation, the error term of the network's last weighted sums is ``w (p - y) / B``, and both
    engines compute it so.
    """

    target: ClassVar[Target]
    link: ClassVar[type[activations.Activation] | None] = None
    from_logits: ClassVar[bool] = False


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """``l = (1/outputs) sum_j (y_j - p_j)^2``, ``dl/dp_j = 2 (p_j - y_j) / outputs``.

    Least squares: the maximum likelihood estimate under normal errors of equal variance.

    Examples
    --------
    >>> from tabgrad import losses
    >>> losses.get("mse")
    MeanSquaredError()
    """

    target = "values"


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """``l = -(1/outputs) sum_j (y_j log p_j + (1 - y_j) log(1 - p_j))``.

    ``dl/dp_j = (p_j - y_j) / (p_j (1 - p_j)) / outputs``; on a sigmoid, or from logits ``z``, simply
    ``dl/dz_j = (p_j - y_j) / outputs``. Without either, ``p`` is kept within [1e-7, 1 - 1e-7].

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = 1 / (1 + e^-z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / 2``.
    """

    target = "probabilities"
    link = activations.Sigmoid
    from_logits: bool = False  # type: ignore[misc]
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """``l = -sum_j y_j log p_j`` for one-hot (or soft) targets ``y``.

    ``dl/dp_j = -y_j / p_j``; on a softmax, or from logits ``z``, simply ``dl/dz_j = p_j sum(y) - y_j``. Without either,
    ``p`` is first divided by its sum and kept within [1e-7, 1 - 1e-7].

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = softmax(z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / outputs``.

    References
    ----------
    Label smoothing: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.
    """

    target = "one_hot"
    link = activations.Softmax
    from_logits: bool = False  # type: ignore[misc]
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """``l = -log p_c`` for a target that is the class's index ``c``: categorical cross-entropy without the one-hot.

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = softmax(z)``.
    """

    target = "labels"
    link = activations.Softmax
    from_logits: bool = False  # type: ignore[misc]


CATALOGUE: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}


def get(identifier: str | Loss) -> Loss:
    """The loss that a name or an instance stands for.

    Examples
    --------
    >>> from tabgrad import losses
    >>> losses.get("binary_crossentropy")
    BinaryCrossentropy(from_logits=False, label_smoothing=0.0)
    """
    return Loss.get(identifier, CATALOGUE, "loss")
