"""A small network as circles and lines, for a page: the numbers of the first row in its units, weights as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.explain.records import LayerStep

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["Drawing", "Line", "Unit", "drawing", "drawn"]

MOST_UNITS, MOST_LAYERS = 10, 8  # that are still told apart
ACROSS, DOWN, RADIUS, MARGIN = 150.0, 68.0, 21.0, 46.0  # of the drawing, in its own units
THINNEST, THICKEST = 0.8, 6.0
LETTERS = 12  # of a name under a unit

Point = tuple[float, float]


@dataclass(frozen=True)
class Unit:
    """A circle, with a number in it or none, and a name below or none."""

    x: float
    y: float
    number: str
    name: str
    side: str  # "positive" or "negative"
    dim: bool


@dataclass(frozen=True)
class Line:
    """Between two units; its width is the size of the weight."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    side: str
    dim: bool
    title: str


@dataclass(frozen=True)
class Drawing:
    """All of it, and what its columns are called."""

    width: float
    height: float
    units: tuple[Unit, ...]
    lines: tuple[Line, ...]
    columns: tuple[tuple[float, str], ...]
    caption: str


def drawn(step: Step) -> bool:
    """Whether a network is small enough, and its layers stand in one row."""
    widths = [step.layers[0].inputs, *(layer.outputs for layer in step.layers)]
    in_a_row = all(layer.depth == 0 and (layer.wired or layer.inputs == layer.outputs) for layer in step.layers)
    alone = not any(layer.title.startswith("Residual") for layer in step.layers)
    return in_a_row and alone and min(widths) > 0 and max(widths) <= MOST_UNITS and len(step.layers) <= MOST_LAYERS


def drawing(step: Step, layer: int | None, *, back: bool = False) -> Drawing:
    """The network at one stage.

    Parameters
    ----------
    step : Step
    layer : int or None
        Which one is being looked at, from 0; None: all of them.
    back : bool
        Forward, units hold their outputs so far and lines are weights. Back, units hold the slopes of the loss so far,
        and lines are gradients.
    """
    columns = [step.layers[0].inputs, *(each.outputs for each in step.layers)]
    height = MARGIN * 2 + DOWN * (max(columns) - 1)
    places = [
        [(MARGIN + ACROSS * column, height / 2 + DOWN * (row - (count - 1) / 2)) for row in range(count)]
        for column, count in enumerate(columns)
    ]
    lines = [
        line
        for number, each in enumerate(step.layers)
        for line in _lines(each, places[number], places[number + 1], dim=layer not in (None, number), back=back)
    ]
    units = [unit for column in range(len(columns)) for unit in _units(step, column, places[column], layer, back=back)]
    symbols = ["X", *(_output(each) for each in step.layers)]
    names = tuple((MARGIN + ACROSS * column, symbol) for column, symbol in enumerate(symbols))
    what = "slopes of the loss, of the first row" if back else "outputs for the first row"
    caption = f"In the circles {what}; lines are {'gradients of the weights' if back else 'weights'}."
    return Drawing(MARGIN * 2 + ACROSS * (len(columns) - 1), height, tuple(units), tuple(lines), names, caption)


def _output(layer: LayerStep) -> str:
    return layer.forward[-1].symbol.split(" = ")[0]


def _lines(
    layer: LayerStep,
    left: Sequence[tuple[float, float]],
    right: Sequence[tuple[float, float]],
    *,
    dim: bool,
    back: bool,
) -> list[Line]:
    if not layer.wired:
        return [
            Line(x1 + RADIUS, y1, x2 - RADIUS, y2, THINNEST, "none", dim, layer.title)
            for (x1, y1), (x2, y2) in zip(left, right, strict=True)
        ]
    kernel = layer.weights[0]
    numbers = kernel.gradient if back else kernel.before
    largest = float(np.abs(numbers).max()) or 1.0
    symbol = f"dL/d{kernel.symbol}" if back else kernel.symbol
    return [
        Line(
            *(x1 + RADIUS, y1, x2 - RADIUS, y2),
            round(THINNEST + (THICKEST - THINNEST) * abs(float(numbers[i, j])) / largest, 2),
            "negative" if numbers[i, j] < 0 else "positive",
            dim,
            f"{symbol}[{i}, {j}] = {numbers[i, j]:.5g}",
        )
        for i, (x1, y1) in enumerate(left)
        for j, (x2, y2) in enumerate(right)
    ]


def _units(step: Step, column: int, places: Sequence[Point], layer: int | None, *, back: bool) -> list[Unit]:
    numbers = _numbers(step, column, layer, back=back)
    last = column == len(step.layers)
    names = step.features if column == 0 else step.outputs if last else ()
    dim = layer is not None and column not in (layer, layer + 1)
    return [
        Unit(
            *(x, y),
            "" if numbers is None else _short(float(numbers[place])),
            _cut(names[place]) if place < len(names) else "",
            "negative" if numbers is not None and numbers[place] < 0 else "positive",
            dim,
        )
        for place, (x, y) in enumerate(places)
    ]


def _numbers(step: Step, column: int, layer: int | None, *, back: bool) -> np.ndarray | None:
    """What stands in the units of a column at this stage: nothing that is not computed yet."""
    if not back:
        known = layer is None or column <= layer + 1
        values = step.x if column == 0 else step.layers[column - 1].forward[-1].array
        return values[0] if known else None
    if layer is not None and column < layer:
        return None
    # Under an output the error term of its layer; under X the slope that has come back so far.
    values = step.layers[0].backward[-1].array if column == 0 else step.layers[column - 1].backward[0].array
    reached = layer is None or column >= layer + 1 or (column == 0 and layer == 0)
    return values[0] if reached else None


def _short(number: float) -> str:
    shown = f"{number:.2f}" if 0.005 <= abs(number) < 100 else f"{number + 0.0:.1g}"  # no -0
    return shown.replace("e-0", "e-").replace("e+0", "e")


def _cut(name: str) -> str:
    safe = "".join(each if each.isprintable() else "?" for each in name)
    return safe if len(safe) <= LETTERS else f"{safe[: LETTERS - 1]}…"
