"""Figures of a table: how its target is distributed, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.report.drawing import COLOURS, drawn, label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["classes", "distribution", "missing"]

MOST_BARS = 25
BAR = 0.24  # inches


def classes(parts: Mapping[str, Mapping[str, float]], target: str) -> Figure:
    """The share of each class, of the most frequent ones, in each part of the rows.

    Parameters
    ----------
    parts : dict of str to dict of str to float
        By the name of the part the weight of each class.
    target : str
    """
    total: dict[str, float] = {}
    for counts in parts.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    names = sorted(total, key=lambda name: -total[name])[:MOST_BARS]
    with drawn(height=1.2 + BAR * len(names) * max(len(parts), 1.5)) as (made, axes):
        width = 0.8 / len(parts)
        for place, (part, counts) in enumerate(parts.items()):
            whole = max(sum(counts.values()), 1e-300)
            at = np.arange(len(names)) + (place - (len(parts) - 1) / 2) * width
            shares = [counts.get(name, 0) / whole for name in names]
            axes.barh(at, shares, height=0.92 * width, color=COLOURS[place], label=part)
        _names(axes, names)
        more = f" ({len(total) - len(names)} rarer classes are not shown)" if len(total) > len(names) else ""
        axes.set(xlabel="share of the rows", title=label(f"Classes of {target}", 40) + more)
        if len(parts) > 1:
            made.legend(loc="outside lower right", ncols=2)
    return made


def distribution(parts: Mapping[str, np.ndarray], target: str) -> Figure:
    """The distribution of numbers in each part of the rows.

    Parameters
    ----------
    parts : dict of str to array of shape (rows,)
    target : str
    """
    values = np.concatenate([part[np.isfinite(part)] for part in parts.values()])
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, 41)
    with drawn(height=2.8) as (made, axes):
        for place, (part, numbers) in enumerate(parts.items()):
            counts, _ = np.histogram(numbers, edges)
            axes.stairs(counts / max(counts.sum(), 1), edges, fill=place == 0, alpha=0.55 if place == 0 else 1)
            axes.patches[-1].set(color=COLOURS[place], label=part)
        axes.set(xlabel=label(target, 40), ylabel="share of the rows", title="Distribution of the target")
        if len(parts) > 1:
            made.legend(loc="outside lower right", ncols=2)
    return made


def missing(shares: Mapping[str, float]) -> Figure:
    """The share of rows in which values are missing, of the columns that lack most."""
    names = sorted(shares, key=lambda name: -shares[name])[:MOST_BARS]
    with drawn(height=1.1 + BAR * max(len(names), 2)) as (made, axes):
        axes.barh(range(len(names)), [shares[name] for name in names], height=0.7, color=COLOURS[0])
        _names(axes, names)
        axes.set(xlabel="share of the rows", title="Missing values", xlim=(0, 1))
    return made


def _names(axes: Any, names: list[str]) -> None:
    """Names at the left of bars, the first at the top."""
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
