"""Figures of a search: every candidate as a line through its settings to its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._wording import figure as digits
from tabgrad.report.drawing import COLOURS, GREY, INK, drawn, label, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tabgrad.search.leaderboard import Leaderboard

__all__ = ["candidates", "parallel"]

MOST_AXES = 8  # parameters
MOST_LINES = 200  # candidates, the best ones
MOST_LEVELS = 12  # of a parameter that are named


def candidates(board: Leaderboard) -> Figure:
    """The best candidates with their folds, and the scores of all over the values of each parameter."""
    with styled():
        return board.plot()


def parallel(board: Leaderboard) -> Figure:
    """Parallel coordinates: an axis a parameter, at the right the score, a line a candidate, the best one strong."""
    places = [place for place in board.places if np.isfinite(place.mean)][:MOST_LINES]
    names = list(board.varied[:MOST_AXES])
    columns = [_placed([place.parameters.get(name) for place in places]) for name in names]
    scores = np.array([place.mean for place in places])
    columns.append(_numbers(scores, logarithmic=False))
    with drawn(width=1.6 + 1.25 * len(columns), height=3.6) as (made, axes):
        heights = np.array([heights for heights, _ in columns])
        across = np.arange(len(columns))
        for place in range(len(places))[::-1]:
            best = place == 0
            style = {
                "color": COLOURS[1] if best else COLOURS[0],
                "linewidth": 2 if best else 0.8,
                "alpha": 1 if best else 0.35,
            }
            axes.plot(across, heights[:, place], **style)
        for at, (_, ticks) in enumerate(columns):
            axes.axvline(at, color=GREY, linewidth=0.8)
            for height, text in ticks:
                axes.annotate(
                    text, (at, height), xytext=(3, 0), textcoords="offset points", fontsize=7, color=INK, va="center"
                )
        axes.set_xticks(across, [*(label(name, 16) for name in names), label(board.metric, 16)])
        axes.set(yticks=[], xlim=(-0.15, len(columns) - 0.45), title="Candidates, the best one strong")
        axes.grid(visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
    return made


Column = tuple[np.ndarray, list[tuple[float, str]]]
"""Heights in [0, 1], and the marks of an axis."""


def _placed(values: Sequence[Any]) -> Column:
    """Where the values of a parameter stand on its axis: numbers by their size, all else by their names."""
    if all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in values):
        numbers = np.array(values, np.float64)
        wide = 0 < 50 * numbers.min() <= numbers.max()
        return _numbers(numbers, logarithmic=bool(wide))
    names = sorted({str(value) for value in values})
    heights = {name: place / max(len(names) - 1, 1) for place, name in enumerate(names)}
    marks = [(heights[name], label(name, 14)) for name in names] if len(names) <= MOST_LEVELS else []
    return np.array([heights[str(value)] for value in values]), marks


def _numbers(values: np.ndarray, *, logarithmic: bool) -> Column:
    scaled = np.log(values) if logarithmic else values
    low, high = float(scaled.min()), float(scaled.max())
    heights = (scaled - low) / (high - low) if high > low else np.full(len(scaled), 0.5)
    ends = [(0.0, digits(float(values.min()))), (1.0, digits(float(values.max())))] if high > low else []
    return heights, ends or [(0.5, digits(float(values[0])))]
