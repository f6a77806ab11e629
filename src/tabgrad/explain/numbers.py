"""Numbers as a reader can take them in: some digits, and of a long array its first rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.explain.differences import AGREES
from tabgrad.explain.records import Check

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["Cut", "brief", "cut", "figure", "places_of", "relative", "size", "verdict", "way"]

ROWS, COLUMNS = 8, 8  # of an array that are shown
MOST_OF_TITLE = 24  # characters of a title among others


def figure(value: float) -> str:
    """A number in five significant digits.

    Examples
    --------
    >>> from tabgrad.explain.numbers import figure
    >>> figure(0.0), figure(1.0), figure(-0.123456), figure(12345.678), figure(1.5e-7), figure(float("nan"))
    ('0', '1', '-0.12346', '12346', '1.5e-07', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value + 0.0:.5g}"  # no -0


def relative(check: Check) -> str:
    """A relative difference in two digits, or why there is none."""
    if np.isnan(check.relative):
        return "-"
    if check.drowned:
        return "0 to rounding"
    return f"{check.relative:.1e}"


def verdict(check: Check) -> str:
    """What a check says, in words."""
    checked, kinks = len(check.places), int(check.kinks.sum())
    how_many = f"{checked:,} of {check.of:,} numbers"
    if checked == check.of:
        how_many = f"all {check.of:,} numbers" if check.of > 1 else "its one number"
    said = f"{how_many} held against finite differences"
    if kinks == checked:
        return f"{said}: the loss has a kink at each"
    if check.drowned:
        smooth = f"both are 0 up to what rounding makes of differences, {check.uncertainty.max():.0e}"
    else:
        smooth = f"relative difference {check.relative:.1e}, {'below' if check.relative < AGREES else 'not below'} 1e-6"
    at_kinks = f"; at {kinks} the loss has a kink and no slope" if kinks else ""
    return f"{said}: {smooth}{at_kinks}" + ("" if check.agrees else ". They do not agree")


def size(array: np.ndarray) -> str:
    """A shape: ``4 x 3``."""
    return " x ".join(f"{length:,}" for length in array.shape) or "1"


@dataclass(frozen=True)
class Cut:
    """What is shown of an array: its first rows and columns, as text.

    Parameters
    ----------
    columns : tuple of int
        The places of the columns that are shown.
    rows : tuple of (str, tuple of str)
        What stands before a row, and its numbers.
    wider, longer : bool
        Whether there are more of either.
    values : array of shape (rows shown, columns shown)
    """

    columns: tuple[int, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    wider: bool
    longer: bool
    values: np.ndarray


def cut(array: np.ndarray, rows: int = ROWS, columns: int = COLUMNS) -> Cut:
    """The first rows and columns of an array of one or two axes; one axis is a row."""
    table = array.reshape(1, -1) if array.ndim < 2 else array
    shown = table[:rows, :columns]
    labels = [""] if array.ndim < 2 else [str(place) for place in range(len(shown))]
    lines = tuple((label, tuple(map(figure, map(float, line)))) for label, line in zip(labels, shown, strict=True))
    return Cut(tuple(range(shown.shape[1])), lines, table.shape[1] > columns, len(table) > rows, shown)


def places_of(check: Check, most: int) -> tuple[list[int], int]:
    """Which of the numbers that were looked at are shown, those of the largest gradients; and how many are not."""
    order = np.argsort(-np.abs(check.gradient), kind="stable")[:most]
    return sorted(order.tolist()), len(check.places) - min(most, len(check.places))


def brief(title: str) -> str:
    """The title of a layer, or its kind alone where that is long."""
    return title if len(title) <= MOST_OF_TITLE else title.split("(", maxsplit=1)[0]


def way(step: Step) -> str:
    """The network in a line: ``2 -> Dense(3, tanh) -> Dense(1) -> MeanSquaredError``."""
    titles = [brief(layer.title) for layer in step.layers]
    if len(titles) > 9:
        titles = [*titles[:4], f"{len(titles) - 8} more", *titles[-4:]]
    return " -> ".join([f"{step.layers[0].inputs:,}", *titles, step.loss.title])
