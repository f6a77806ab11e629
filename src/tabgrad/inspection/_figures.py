"""Importances and effects as matplotlib figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tabgrad.inspection.dependence import PartialDependence
    from tabgrad.inspection.importance import PermutationImportance

__all__ = ["bars", "curves", "surface"]

MOST_LINES, MOST_CURVES, MOST_CATEGORIES, LONGEST = 10, 50, 30, 28
FEW_POINTS = 12  # that a line of shows as points, too


def bars(found: PermutationImportance, most: int, ax: Axes | None) -> Figure:
    """A bar for each of the most important columns."""
    places = found.order[:most]
    axes = _axes(ax, (6.4, 1.3 + 0.26 * len(places)))
    at = np.arange(len(places))
    mean, std = found.importances_mean[places], found.importances_std[places]
    axes.barh(at, mean, xerr=std, height=0.7, color="C0", ecolor="0.3", capsize=2, error_kw={"linewidth": 1})
    axes.set_yticks(at, [_short(found.columns[place]) for place in places])
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set_xlabel(f"fall of {found.scoring} (from {found.score:.4g}) when the column is permuted")
    return _figure(axes)


def curves(found: PartialDependence, outputs: Sequence[int], ax: Axes | None) -> Figure:
    """What is said for each value of one column: lines of numbers and dates, a row of points for each category."""
    outputs = list(outputs)[:MOST_LINES]
    draw = _categories if found.kinds[0] == "categories" else _lines
    axes = draw(found, outputs, ax)
    if len(outputs) > 1:
        axes.legend(fontsize="small", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return _figure(axes)


def _lines(found: PartialDependence, outputs: Sequence[int], ax: Axes | None) -> Axes:
    (grid,), (deciles,) = found.grid_values, found.deciles
    known = ~(np.isnat(grid) if grid.dtype.kind == "M" else np.isnan(grid.astype(np.float64)))
    at, lacking, few = grid[known], not known.all(), known.sum() <= FEW_POINTS
    beyond = _beyond(at)
    axes = _axes(ax, (6.4, 4.0))
    for values, style in _styled(found, outputs):
        axes.plot(at, values[known], "o-" if few else "-", **style)
        if lacking:
            axes.plot(beyond, values[~known], "D", **{**style, "label": None})
    if lacking:
        axes.annotate(
            "missing", (beyond[0], 1), xycoords=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize="small"
        )
    if len(deciles):
        axes.plot(
            deciles, np.zeros(len(deciles)), "|", color="0.3", transform=axes.get_xaxis_transform(), clip_on=False
        )
    if grid.dtype.kind == "M":
        from matplotlib import dates

        short: Any = dates  # its functions are not annotated
        locator = short.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(short.ConciseDateFormatter(locator))
    elif few and grid.dtype.kind in "iu":
        axes.set_xticks(at)
    axes.set_xlabel(_short(found.columns[0]))
    axes.set_ylabel(_said_of(found, outputs))
    return axes


def _beyond(at: np.ndarray) -> np.ndarray:
    """Where, right of the others, the point of missing values stands: of shape (1,)."""
    if not len(at):
        return np.zeros(1)
    step = (at[-1] - at[0]) / 12 if len(at) > 1 else np.ones(1, at.dtype)[0] - np.zeros(1, at.dtype)[0]
    return np.array([at[-1] + step])


def _categories(found: PartialDependence, outputs: Sequence[int], ax: Axes | None) -> Axes:
    (grid,) = found.grid_values
    at = np.arange(min(len(grid), MOST_CATEGORIES))
    axes = _axes(ax, (6.4, 1.3 + 0.28 * len(at)))
    for values, style in _styled(found, outputs):
        axes.plot(values[at], at, "o", **style)
    axes.set_yticks(at, [_label(grid[place]) for place in at])
    axes.set_ylim(len(at) - 0.5, -0.5)
    axes.grid(visible=True, axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.set_ylabel(_short(found.columns[0]))
    axes.set_xlabel(_said_of(found, outputs))
    return axes


def _styled(found: PartialDependence, outputs: Sequence[int]) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """What is drawn, and how: rows finely below, the mean strongly above."""
    for place, output in enumerate(outputs):
        if found.individual is not None:
            rows = found.individual[output]
            for row in rows[:: -(-len(rows) // MOST_CURVES)]:
                yield row, {"color": "0.6", "alpha": 0.5, "linewidth": 0.7, "markersize": 2}
        if found.average is not None:
            label = _short(found.outputs[output])
            yield found.average[output], {"color": f"C{place}", "linewidth": 2, "markersize": 5, "label": label}


def surface(found: PartialDependence, output: int, ax: Axes | None) -> Figure:
    """The mean for each pair of values of two columns."""
    if found.average is None:
        raise ArgumentError("plot shows two columns by their mean. Use kind='average' or 'both'.")
    axes, mean = _axes(ax, (6.4, 4.6)), found.average[output]
    down, across = (np.arange(len(grid)) for grid in found.grid_values)
    mesh = axes.pcolormesh(across, down, mean, shading="nearest")
    axes.figure.colorbar(mesh, ax=axes, label=_said_of(found, [output]))
    for axis, grid, name in zip((axes.yaxis, axes.xaxis), found.grid_values, found.columns, strict=True):
        some = np.unique(np.linspace(0, len(grid) - 1, min(len(grid), 8)).astype(int))
        axis.set_ticks(some, [_label(grid[place]) for place in some])
        axis.set_label_text(_short(name))
    return _figure(axes)


def _said_of(found: PartialDependence, outputs: Sequence[int]) -> str:
    """The label of an axis of values."""
    of_classes = found.response == "probability"
    if len(outputs) > 1:
        return found.response
    return f"probability of {_short(found.outputs[outputs[0]])}" if of_classes else _short(found.outputs[outputs[0]])


def _label(value: Any) -> str:
    if value is None or (isinstance(value, np.datetime64) and np.isnat(value)):
        return "missing"
    if isinstance(value, (float, np.floating)):
        return "missing" if np.isnan(value) else f"{value:.4g}"
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    return _short(str(value))


def _short(text: str) -> str:
    """A name that a figure can show, without what matplotlib would read as a formula."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in text).replace("$", r"\$")
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plot needs matplotlib. Install it: pip install 'tabgrad[plot]'.") from None
    return Figure(figsize=size, layout="constrained").add_subplot()


def _figure(axes: Axes) -> Figure:
    figure: Any = axes.figure
    while not hasattr(figure, "savefig"):  # a figure within a figure
        figure = figure.figure
    whole: Figure = figure
    return whole
