"""What `explain_step` gives: one batch's way through a network, its gradients and the step that they make."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.explain.differences import AGREES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Check", "LayerStep", "LossStep", "Penalty", "Step", "Update", "Value", "WeightStep"]

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
    """A gradient beside central differences of the loss; see `tabgrad.explain.differences`.

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


@dataclass(frozen=True)
class Step:
    """One batch through a network as the theory derives it: forward, the loss, back, and the optimizer's step.

    The numbers are those of the reference engine in float64, whose formulas stand beside them. `print` shows them all.

    Parameters
    ----------
    model : str
        Its name.
    features : tuple of str
        Of the columns of X.
    outputs : tuple of str
        Of the network's outputs: classes, targets; empty where nobody named them.
    x : array of shape (rows, features)
    codes : array of shape (rows, columns) or None
        Of an `Embedding`.
    y : array of shape (rows,) or (rows, outputs)
        As the loss reads it.
    layers : tuple of LayerStep
    loss : LossStep
    update : Update
    notes : tuple of str

    Examples
    --------
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(3, "tanh", input_dim=2), Dense(1)], seed=0)
    >>> model.compile("sgd", "mse")
    >>> step = model.explain_step([[1.0, 2.0], [0.5, -1.0]], [[1.0], [0.0]])
    >>> [layer.forward[0].formula for layer in step.layers]
    ['z1 = X W1 + b1', 'p = z2 = a1 W2 + b2']
    >>> step.agrees, max(weight.check.relative for layer in step.layers for weight in layer.weights) < 1e-6
    (True, True)
    """

    model: str
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    x: np.ndarray
    codes: np.ndarray | None
    y: np.ndarray
    layers: tuple[LayerStep, ...]
    loss: LossStep
    update: Update
    notes: tuple[str, ...] = ()

    @property
    def weights(self) -> tuple[WeightStep, ...]:
        """The arrays of all layers."""
        return tuple(weight for layer in self.layers for weight in layer.weights)

    @property
    def agrees(self) -> bool:
        """Whether every gradient agrees with its finite differences."""
        return all(weight.check.agrees for weight in self.weights if weight.check is not None)

    @property
    def prediction(self) -> Value:
        """What the network says of the rows."""
        return self.layers[-1].forward[-1]

    def text(self) -> str:
        """Every formula with its numbers, for a terminal; long arrays are cut.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=1, kernel_initializer="ones")], name="line")
        >>> model.compile("sgd", "mse")
        >>> print(model.explain_step([[2.0]], [[1.0]]).text().partition("Forward")[0].strip())
        One step of 'line' on 1 row: the loss is 1
        1 -> Dense(1) -> MeanSquaredError, SGD, step 1
        """
        from tabgrad.explain.text import text

        return text(self)

    def frame(self, what: str = "weights") -> pd.DataFrame:
        """All numbers as a pandas frame.

        Parameters
        ----------
        what : str, default "weights"
            "weights": a row for each number of each array, with its gradients, finite difference and step; a
            difference is NaN where none was taken. "values": a row for each number of the forward and backward pass.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=2)])
        >>> model.compile("sgd", "mse")
        >>> model.explain_step([[2.0, 1.0]], [[1.0]]).frame()["symbol"].tolist()
        ['W1', 'W1', 'b1']
        """
        import pandas as pd

        return pd.DataFrame(self.records(what))

    def records(self, what: str = "weights") -> list[dict[str, Any]]:
        """What `frame` has, as plain records.

        Parameters
        ----------
        what : str
            As for `frame`.
        """
        from tabgrad._checks import known_name

        if known_name(what, "table of a Step:", ("weights", "values")) == "weights":
            return [record for layer in self.layers for each in layer.weights for record in _numbers(layer, each)]
        parts = [*self._values("forward"), ("loss", "loss", self.loss.error), *self._values("backward")]
        return [record for part, name, value in parts for record in _entries(part, name, value)]

    def _values(self, way: str) -> Iterator[tuple[str, str, Value]]:
        layers: Sequence[LayerStep] = self.layers if way == "forward" else self.layers[::-1]
        for layer in layers:
            for value in layer.forward if way == "forward" else layer.backward:
                yield way, layer.name, value

    def latex(self) -> str:
        """The derivation with its numbers as a LaTeX document, which needs amsmath alone; long arrays are cut."""
        from tabgrad.explain.tex import latex

        return latex(self)

    def html(self) -> str:
        """A page to step through, layer by layer, forward and back: offline, without JavaScript."""
        from tabgrad.explain.page import html

        return html(self)

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write the page of `html`; the file is there as a whole or not at all.

        Parameters
        ----------
        path : str or path
        """
        from tabgrad._files import path_of, write_whole

        write_whole(path_of(path, "path", "save_html"), [self.html().encode("utf-8", "replace")])

    def __repr__(self) -> str:
        """One screen: `print` shows all."""
        from tabgrad.explain.text import summary

        return summary(self)

    def __str__(self) -> str:
        """As `text`."""
        return self.text()

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame of its own, so that its style stays inside."""
        from tabgrad.explain.page import framed

        return framed(self)


def _entries(part: str, name: str, value: Value) -> Iterator[dict[str, Any]]:
    for place, number in np.ndenumerate(value.array):
        row, *column = place
        yield {
            "part": part,
            "layer": name,
            "symbol": value.symbol,
            "formula": value.right,
            "row": row,
            "unit": column[0] if column else 0,
            "value": float(number),
        }


def _numbers(layer: LayerStep, weight: WeightStep) -> Iterator[dict[str, Any]]:
    check, gradient = weight.check, weight.gradient
    found = {} if check is None else {tuple(place): order for order, place in enumerate(check.places.tolist())}
    for place, before in np.ndenumerate(weight.before):
        order = found.get(place)
        difference = np.nan if order is None or check is None else float(check.difference[order])
        here = float(gradient[place])
        largest = max(abs(here), abs(difference))
        yield {
            "layer": layer.name,
            "name": weight.name,
            "symbol": weight.symbol,
            "place": ", ".join(map(str, place)),
            "before": float(before),
            "gradient_of_rows": float(weight.data[place]),
            "gradient_of_penalty": float(weight.penalty[place]),
            "gradient": here,
            "finite_difference": difference,
            "relative_difference": abs(here - difference) / largest if largest else 0.0 * difference,
            "kink": bool(order is not None and check is not None and check.kinks[order]),
            "after": np.nan if weight.after is None else float(weight.after[place]),
        }
