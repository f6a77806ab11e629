"""What `explain_step` gives: one batch's way through a network, its gradients and the step that they make."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.explain.records import LayerStep, LossStep, Update, Value, WeightStep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Step"]


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
        """The derivation with its numbers as a LaTeX document, with amsmath and geometry; long arrays are cut."""
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

    def _repr_html_(self) -> str | None:
        """In a notebook: the page in a frame of its own, so that its style stays inside; None without Jinja2."""
        if find_spec("jinja2") is None:
            return None
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
