"""A leaderboard as a figure: the best candidates with their folds, and every candidate over each parameter's values."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._wording import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tabgrad.search.leaderboard import Leaderboard, Place

__all__ = ["draw"]

BLUE, GREY = "#3f83c8", "#808a94"
MOST_CATEGORIES = 12  # values that an axis names
LOGARITHMIC = 10  # times that the largest value is the smallest, from which on an axis is logarithmic
MOST_TICKS = 4  # that do not run into each other
SLICES_A_COLUMN = 2
LONGEST = 24  # characters of a value
LONGEST_LINE = 58
NARROW_SPACE = "\N{NO-BREAK SPACE}"


def draw(figure: Figure, board: Leaderboard, best: Sequence[Place], names: Sequence[str]) -> None:
    """Draw into an empty figure the best candidates, and a slice for each of some parameters."""
    columns = math.ceil(len(names) / SLICES_A_COLUMN)
    rows = min(len(names), SLICES_A_COLUMN) or 1
    figure.set_size_inches(4.6 + 2.8 * columns, max(0.9 + 0.3 * len(best), 2.4 * rows))
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[4.6, *([2.8] * columns)])
    _ranking(figure.add_subplot(grid[:, 0]), board, best)
    for number, name in enumerate(names):
        column, row = divmod(number, SLICES_A_COLUMN)
        _slice(figure.add_subplot(grid[row, column + 1]), board, name, first=not number)


def _ranking(axes: Axes, board: Leaderboard, best: Sequence[Place]) -> None:
    """The candidates from above, by what is varied."""
    for at, place in enumerate(best):
        if math.isnan(place.mean):
            continue
        axes.plot(place.folds, [at] * len(place.folds), "o", mfc="none", mec=GREY, ms=4, mew=0.8, zorder=2)
        axes.errorbar(place.mean, at, xerr=place.std, fmt="o", color=BLUE, ms=5, lw=1.5, zorder=3)
    axes.set_yticks(range(len(best)), [_named(place) for place in best], fontsize=7)
    axes.set_ylim(len(best) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=MOST_TICKS)
    axes.set_xlabel(board.metric, fontsize=8)
    more = f" of {len(board)}" if len(best) < len(board) else ""
    axes.set_title(f"The best {len(best)}{more}: mean, spread, folds", fontsize=9, loc="left")
    _plain(axes)


def _slice(axes: Axes, board: Leaderboard, name: str, *, first: bool) -> None:
    """The mean of every candidate over its value of one parameter; the best one filled."""
    places = [place for place in board.places if name in place.parameters and math.isfinite(place.mean)]
    values = [place.parameters[name] for place in places]
    at = _numbers(values)
    if at is None:
        known = list(dict.fromkeys(_text(value) for value in _sorted(values)))
        at = np.array([known.index(_text(value)) for value in values], np.float64)
        if len(known) <= MOST_CATEGORIES:
            axes.set_xticks(range(len(known)), known, rotation=30 if max(map(len, known), default=0) > 5 else 0)
        axes.set_xlim(-0.5, len(known) - 0.5)
    elif len(at) and at.min() > 0 and at.max() / at.min() > LOGARITHMIC:
        _logarithmic(axes, at.max() / at.min())
    else:
        axes.locator_params(axis="x", nbins=MOST_TICKS)
    axes.locator_params(axis="y", nbins=MOST_TICKS)
    means = [place.mean for place in places]
    axes.plot(at, means, "o", mfc="none", mec=BLUE, ms=4, mew=0.9)
    axes.plot(at[:1], means[:1], "o", color=BLUE, ms=6)
    axes.set_xlabel(_safe(name), fontsize=8)
    if first:
        axes.set_title("Every candidate, by each parameter", fontsize=9, loc="left")
    _plain(axes)


def _logarithmic(axes: Axes, ratio: float) -> None:
    """Powers of ten as plain numbers, with some between them where there are few."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    between = (1, 2, 5) if ratio < 20 else (1, 3) if ratio < 300 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=between, numticks=MOST_TICKS + 1))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Values as numbers, if all are."""
    if not values or not all(
        isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in values
    ):
        return None
    numbers = np.array(values, np.float64)
    return numbers if np.isfinite(numbers).all() else None


def _sorted(values: Sequence[Any]) -> Sequence[Any]:
    """Values in their order, if they have one."""
    try:
        return sorted(values)
    except TypeError:
        return values


def _named(place: Place) -> str:
    """The rank and the parameters of a candidate, in two lines at most; values are not broken."""
    each = [f"{name}={_text(value)}".replace(" ", NARROW_SPACE) for name, value in place.parameters.items()]
    lines = textwrap.wrap(f"{place.rank}.  {', '.join(each)}", LONGEST_LINE, max_lines=2, placeholder=" ...")
    return _safe("\n".join(lines))


def _text(value: Any) -> str:
    return printable(f"{value:.3g}" if isinstance(value, (float, np.floating)) else value, LONGEST)


def _safe(text: str) -> str:
    """A text that matplotlib takes for no formula."""
    return text.replace("$", r"\$")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.3, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7)
