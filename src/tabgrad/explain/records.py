"""What a step is made of: values with their formulas, layers, gradients beside differences, the terms of the loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabgrad.explain.differences import AGREES

__all__ = ["Check", "LayerStep", "LossStep", "Penalty", "Update", "Value", "WeightStep"]

SURE = 4.0  # times the uncertainty of a difference: what a gradient may be off without being wrong


@dataclass(frozen=True)
class Value:
    """A quantity: the symbol, the formula that gives it, and its numbers in float64."""

    symbol: str
    right: str
    array: np.ndarray

    @property
    def formula(self) -> str:
        """Both sides."""
        return f"{self.symbol} = {self.right}" if self.right else self.symbol


@dataclass(frozen=True)
class Check:
    """A gradient beside central differences of the loss; see ``tabgrad.explain.differences``.

    Parameters
    ----------
    places : array of shape (checked, axes)
        Which numbers of the array were looked at.
    gradient, difference, uncertainty : array of shape (checked,)
        What backpropagation says, what differences say, and how far rounding lets these be off.
    below, above : array of shape (checked,)
        The slopes on both sides. Where they differ, the loss has a kink there and no slope, and a gradient is any
        number between; such places are not compared.
    of : int
        How many numbers the array has.
    """

    places: np.ndarray
    gradient: np.ndarray
    difference: np.ndarray
    uncertainty: np.ndarray
    below: np.ndarray
    above: np.ndarray
    of: int

    @property
    def kinks(self) -> np.ndarray:
        """Where the loss has a kink: bool of shape (checked,)."""
        return np.asarray(self.below != self.above)

    @property
    def relative(self) -> float:
        """``|g - D| / max(|g|, |D|)`` in Euclidean norms over the places without a kink; 0 where both are 0.

        NaN where nothing is left to compare.
        """
        smooth = ~self.kinks
        if not smooth.any():
            return np.nan
        largest = self._largest
        off = float(np.linalg.norm(self.gradient[smooth] - self.difference[smooth]))
        return off / largest if largest else 0.0

    @property
    def drowned(self) -> bool:
        """Whether the gradient is so small that rounding alone may make a relative difference of 1e-6."""
        return self._largest * AGREES <= self._uncertain

    @property
    def agrees(self) -> bool:
        """Whether the relative difference is below 1e-6, beside what rounding does; at kinks, whether it lies between.

        NumPy's rounding decides where a gradient is 0 in theory, as that of a bias before a batch normalisation.
        """
        smooth, kinks = ~self.kinks, self.kinks
        off = float(np.linalg.norm(self.gradient[smooth] - self.difference[smooth]))
        low, high = np.minimum(self.below, self.above), np.maximum(self.below, self.above)
        room = 1e-3 * (high - low)  # the slopes on both sides are those at a distance
        between = (self.gradient >= low - room) & (self.gradient <= high + room)
        return off <= AGREES * self._largest + SURE * self._uncertain and bool(between[kinks].all())

    @property
    def _largest(self) -> float:
        smooth = ~self.kinks
        return max(float(np.linalg.norm(each[smooth])) for each in (self.gradient, self.difference))

    @property
    def _uncertain(self) -> float:
        return float(np.linalg.norm(self.uncertainty[~self.kinks]))


@dataclass(frozen=True)
class WeightStep:
    """One array of a layer in this step.

    Parameters
    ----------
    symbol, name : str
        ``W2`` and ``dense_1/kernel``.
    right : str
        The formula of its gradient.
    moves : str
        "optimizer", "batch" (averages of batch normalisation) or "no" (frozen).
    before : array
    data, penalty : array
        The gradient of the loss of the rows, and that of the array's own regularisation.
    penalised : bool
        Whether the array has a regularisation.
    after : array or None
        None where the optimizer makes no step of one batch.
    check : Check or None
        None for an array that has no gradient.
    """

    symbol: str
    name: str
    right: str
    moves: str
    before: np.ndarray
    data: np.ndarray
    penalty: np.ndarray
    penalised: bool
    after: np.ndarray | None
    check: Check | None

    @property
    def gradient(self) -> np.ndarray:
        """Both together."""
        return np.asarray(self.data + self.penalty)

    @property
    def formula(self) -> str:
        """``dL/dW2 = a1^T d2 + dR/dW2``."""
        return f"dL/d{self.symbol} = {self.right}" + (f" + dR/d{self.symbol}" if self.penalised else "")


@dataclass(frozen=True)
class LayerStep:
    """A layer there and back.

    Parameters
    ----------
    number : int
        From 1; it stands behind the layer's symbols.
    name, title : str
        ``dense_1`` and ``Dense(1)``.
    depth : int
        In how many residual blocks it stands.
    inputs, outputs : int
    forward, backward : tuple of Value
        In the order in which they are computed.
    weights : tuple of WeightStep
    where : tuple of str
        What the symbols stand for, and what the activation is.
    wired : bool
        Whether every output depends on every input.
    """

    number: int
    name: str
    title: str
    depth: int
    inputs: int
    outputs: int
    forward: tuple[Value, ...]
    backward: tuple[Value, ...]
    weights: tuple[WeightStep, ...]
    where: tuple[str, ...]
    wired: bool


@dataclass(frozen=True)
class Penalty:
    """What an array's regularisation adds to the loss."""

    symbol: str
    right: str
    value: float


@dataclass(frozen=True)
class LossStep:
    """The loss and its terms.

    Parameters
    ----------
    title : str
    formulas : tuple of str
        Of a row's loss.
    row_loss, row_weight : array of shape (rows,)
        ``l_i`` and ``w_i``.
    data, activity : float
        ``(1/B) sum_i w_i l_i``, and what activity regularisation adds.
    penalties : tuple of Penalty
    error : Value
        The error term of the output: where going back begins.
    slope : str
        The loss's derivative that is in it.
    """

    title: str
    formulas: tuple[str, ...]
    row_loss: np.ndarray
    row_weight: np.ndarray
    data: float
    activity: float
    penalties: tuple[Penalty, ...]
    error: Value
    slope: str

    @property
    def regularisation(self) -> float:
        """What is not the loss of the rows."""
        return self.activity + sum(each.value for each in self.penalties)

    @property
    def total(self) -> float:
        """``L``."""
        return self.data + self.regularisation


@dataclass(frozen=True)
class Update:
    """The optimizer's step.

    Parameters
    ----------
    title : str
    formulas : tuple of str
    number : int
        ``t``, from 1.
    learning_rate : float
    notes : tuple of str
        What is particular to this step.
    """

    title: str
    formulas: tuple[str, ...]
    number: int
    learning_rate: float
    notes: tuple[str, ...] = ()
