"""Figures of a training: losses and metrics by epoch, where the best weights were, the learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.errors import DataError
from tabgrad.report.drawing import COLOURS, GREY, drawn, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["epochs", "learning_rate"]


def epochs(histories: Sequence[Mapping[str, Sequence[float]]], name: str = "loss") -> Figure:
    """A value by epoch: the mean over the networks, each of them, and where the best weights of each were kept.

    Parameters
    ----------
    histories : sequence of dict of lists of float
        Of each network, as `Classifier.histories_`.
    name : str
        "loss" or a metric; its values on rows held out are those of ``val_`` and it.

    Raises
    ------
    DataError
        No history has such values.
    """
    from tabgrad.estimators._members import mean_history

    names = [each for each in (name, f"val_{name}") if any(history.get(each) for history in histories)]
    if not names:
        raise DataError(f"The history has no values of {name!r:.40}. It has: {', '.join(histories[0])[:200]}.")
    mean = mean_history(histories)
    words = {name: "rows of the training", f"val_{name}": "rows held out"}
    with drawn() as (made, axes):
        for colour, each in zip(COLOURS, names, strict=False):
            if len(histories) > 1:
                for history in histories:
                    _line(axes, history.get(each, ()), color=colour, alpha=0.25, linewidth=0.8)
            _line(axes, mean[each], color=colour, label=words[each])
        best = [int(np.nanargmin(history["val_loss"])) for history in histories if history.get("val_loss")]
        if best:
            at = [history[names[-1]][place] for history, place in zip(histories, best, strict=False)]
            dots = {"color": COLOURS[1], "marker": "o", "linestyle": "none", "markersize": 4, "markeredgewidth": 0}
            axes.plot([place + 1 for place in best], at, label="best weights", **dots)
        several = f", {len(histories)} networks and their mean" if len(histories) > 1 else ""
        axes.set(xlabel="epoch", ylabel=label(name), title=label(f"{name}{several}", 60))
        _whole_numbers(axes)
        axes.legend()
    return made


def learning_rate(rates: Sequence[float], steps: float) -> Figure:
    """The learning rate by epoch.

    Parameters
    ----------
    rates : sequence of float
        Of steps, evenly out of all.
    steps : float
        How many of them make an epoch.
    """
    with drawn(height=2.6) as (made, axes):
        axes.plot(1 + np.arange(len(rates)) / max(steps, 1e-9), rates, color=COLOURS[0])
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.set(xlabel="epoch", ylabel="learning rate", title="Learning rate")
        _whole_numbers(axes)
    return made


def _line(axes: Any, values: Sequence[float], **style: Any) -> None:
    axes.plot(np.arange(1, len(values) + 1), values, marker="o" if len(values) == 1 else "", **style)


def _whole_numbers(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
