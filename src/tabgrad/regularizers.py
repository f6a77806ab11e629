"""Regularisers: a term that is added to the loss for the size of the weights.

``R(W) = l1 * sum |w| + l2 * sum w^2``, and so ``dR/dW = l1 * sign(W) + 2 * l2 * W`` joins the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tabgrad._checks import NOT_NEGATIVE
from tabgrad._record import Record

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get"]


@dataclass(frozen=True)
class Regularizer(Record):
    """Base of the regularisers; each is its two factors."""

    @property
    def factors(self) -> tuple[float, float]:
        """The pair (l1, l2)."""
        return (getattr(self, "l1", 0.0), getattr(self, "l2", 0.0))


@dataclass(frozen=True)
class L1(Regularizer):
    """``l1 * sum |w|``: draws weights to exactly zero.

    Parameters
    ----------
    l1 : float, default 0.01

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    l1: Annotated[float, NOT_NEGATIVE] = 0.01


@dataclass(frozen=True)
class L2(Regularizer):
    """``l2 * sum w^2``: draws weights towards zero; on one linear layer with squared error this is ridge regression.

    Parameters
    ----------
    l2 : float, default 0.01

    References
    ----------
    A. Hoerl, R. Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.
    """

    l2: Annotated[float, NOT_NEGATIVE] = 0.01


@dataclass(frozen=True)
class L1L2(Regularizer):
    """``l1 * sum |w| + l2 * sum w^2``.

    Parameters
    ----------
    l1, l2 : float, default 0

    References
    ----------
    H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    l1: Annotated[float, NOT_NEGATIVE] = 0.0
    l2: Annotated[float, NOT_NEGATIVE] = 0.0


l1, l2, l1_l2 = L1, L2, L1L2  # Keras's other names

CATALOGUE: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2, "L1": L1, "L2": L2, "L1L2": L1L2}


def get(identifier: str | Regularizer | None) -> Regularizer | None:
    """The regulariser that a name or an instance stands for; None stays None.

    Examples
    --------
    >>> from tabgrad import regularizers
    >>> regularizers.get("l2")
    L2(l2=0.01)
    """
    return None if identifier is None else Regularizer.get(identifier, CATALOGUE, "regularizer")
