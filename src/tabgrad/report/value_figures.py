"""Figures of numbers: predicted against true, what is left, errors by size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._wording import figure as digits
from tabgrad.report.drawing import COLOURS, GREY, drawn, label
from tabgrad.report.sheets import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["predictions", "quantiles", "residuals"]

MOST_POINTS = 1500  # of a scatter; of more rows some are drawn, evenly out of all, and the most extreme ones
POINTS = {"s": 9, "color": COLOURS[0], "alpha": 0.5, "linewidths": 0}
LINE = {"color": GREY, "linestyle": "--", "linewidth": 1}


def predictions(truth: np.ndarray, predicted: np.ndarray, target: str) -> Figure:
    """Predicted against true: on the line where both are the same."""
    some = _some(truth - predicted)
    with drawn(width=4.6, height=4.2) as (made, axes):
        from sklearn.metrics import PredictionErrorDisplay

        PredictionErrorDisplay(y_true=truth[some], y_pred=predicted[some]).plot(
            ax=axes, kind="actual_vs_predicted", scatter_kwargs=POINTS, line_kwargs=LINE
        )
        name = label(target, 30)
        axes.set(xlabel=f"predicted {name}", ylabel=f"true {name}", title=f"Predicted and true{_told(truth, some)}")
        _few_ticks(axes, 5)
    return made


def residuals(truth: np.ndarray, predicted: np.ndarray, target: str) -> Figure:
    """What is left, true less predicted, against predicted, with its distribution at the side."""
    some = _some(truth - predicted)
    with drawn(1, 2, width=5.6, height=4.2, sharey=True, width_ratios=(3, 1)) as (made, (axes, side)):
        from sklearn.metrics import PredictionErrorDisplay

        PredictionErrorDisplay(y_true=truth[some], y_pred=predicted[some]).plot(
            ax=axes, kind="residual_vs_predicted", scatter_kwargs=POINTS, line_kwargs=LINE
        )
        name = label(target, 24)
        axes.set(xlabel=f"predicted {name}", ylabel=f"true less predicted {name}")
        axes.set_title(f"What is left{_told(truth, some)}")
        side.hist(truth - predicted, bins=30, orientation="horizontal", color=COLOURS[0], alpha=0.8)
        side.set(xlabel="rows")
        _few_ticks(axes, 5)
        _few_ticks(side, 2)
    return made


def quantiles(sheet: Sheet, target: str) -> Figure:
    """Errors of rows in groups by the size of the true number: their mean, and their mean size."""
    with drawn(width=5.2, height=3.8) as (made, axes):
        places = np.arange(len(sheet))
        axes.bar(places, sheet["absolute error"], width=0.7, color=COLOURS[0], alpha=0.8, label="mean size of errors")
        axes.plot(places, sheet["error"], color=COLOURS[1], marker="o", markersize=4, label="mean of predicted - true")
        axes.axhline(0, color=GREY, linewidth=0.8)
        names = [f"{digits(low)} to {digits(high)}" for low, high in zip(sheet["from"], sheet["to"], strict=True)]
        axes.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set(xlabel=f"true {label(target, 30)}", ylabel="error", title="Errors by size")
        axes.grid(visible=False, axis="x")
        axes.set_ylim(top=1.3 * max(*sheet["absolute error"], 1e-300))
        axes.legend(loc="upper left", ncols=2)
    return made


def _some(error: np.ndarray) -> np.ndarray:
    """Rows that are drawn: all, or some evenly out of all, and those of the largest errors."""
    if len(error) <= MOST_POINTS:
        return np.arange(len(error))
    even = np.linspace(0, len(error) - 1, MOST_POINTS - 50).round().astype(np.int64)
    return np.union1d(even, np.argsort(-np.abs(error), kind="stable")[:50])


def _told(truth: np.ndarray, some: np.ndarray) -> str:
    return "" if len(some) == len(truth) else f" ({len(some):,} of {len(truth):,} rows)"


def _few_ticks(axes: Any, most: int) -> None:
    """Round numbers at few places, so that long ones do not meet."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(most))
    axes.yaxis.set_major_locator(MaxNLocator(6))
