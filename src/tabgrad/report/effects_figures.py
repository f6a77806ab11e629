"""Figures of what columns do: how much a model needs each, and what it says as one of them changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.report.drawing import COLOURS, GREY, INK, drawn, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tabgrad.inspection import PartialDependence

__all__ = ["dependence", "importance"]

MOST_BARS = 20
BAR = 0.24  # inches
MOST_OUTPUTS, MOST_LEVELS = 10, 30  # that partial dependence draws


def importance(columns: Sequence[str], falls: np.ndarray, score: str) -> Figure:
    """How much worse a model gets where a column is shuffled: the mean, and each of the repeats.

    Parameters
    ----------
    columns : sequence of str
    falls : array of shape (columns, repeats)
        As ``importances`` of a `tabgrad.inspection.PermutationImportance`.
    score : str
        What it is of: "log-loss rises by", "R2 falls by".
    """
    order = np.argsort(-falls.mean(axis=1), kind="stable")[:MOST_BARS]
    with drawn(height=1.1 + BAR * max(len(order), 3)) as (made, axes):
        axes.barh(range(len(order)), falls[order].mean(axis=1), height=0.7, color=COLOURS[0], alpha=0.8)
        for place, column in enumerate(order):
            dots = {"marker": "|", "linestyle": "none", "color": INK, "markersize": 5, "markeredgewidth": 0.8}
            axes.plot(falls[column], [place] * falls.shape[1], **dots)
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(order)), [label(columns[place]) for place in order])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set(xlabel=score, title="Permutation importance")
    return made


def dependence(found: PartialDependence) -> Figure:
    """What a model says on average when a column has one value in all rows, for each of its values."""
    categories = found.kinds[0] == "categories"
    lines, levels = min(len(found.outputs), MOST_OUTPUTS), min(len(found.grid_values[0]), MOST_LEVELS)
    height = 1.0 + BAR * max(levels, 4) if categories else 3.0
    with drawn(width=4.8, height=height + (BAR * -(-lines // 2) if lines > 1 else 0)) as (made, axes):
        found.plot(ax=axes)
        if categories:
            ticks = [text.get_text() for text in axes.get_yticklabels()]
            axes.set_yticks(axes.get_yticks(), [label(text.replace(r"\$", "$")) for text in ticks])
        elif found.kinds[0] == "numbers":
            from matplotlib.ticker import MaxNLocator

            axes.xaxis.set_major_locator(MaxNLocator(5))
        if (legend := axes.get_legend()) is not None:
            legend.remove()
            handles = axes.get_legend_handles_labels()[0]
            names = [label(name) for name in found.outputs[: len(handles)]]
            made.legend(handles, names, loc="outside lower center", ncols=2)
    return made
