"""Figures of classes: confusion, curves of each class, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._wording import figure as digits
from tabgrad.errors import DataError
from tabgrad.report.drawing import COLOURS, GREY, drawn, label
from tabgrad.report.sheets import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration", "confusion", "precision_recall", "roc", "thresholds"]

MOST_NAMED = 25  # classes that the axes of a matrix name
LIGHT, DARK = "#e9f1fa", "#1d5a99"  # of the cells of a matrix, whose figures have the other one
Curve = tuple[np.ndarray, np.ndarray, float]


def confusion(matrix: np.ndarray, classes: Sequence[str], *, shares: bool = False) -> Figure:
    """The confusion matrix.

    Parameters
    ----------
    matrix : array of shape (classes, classes)
        Weight of the rows of each true class (rows) that were taken for each class (columns).
    classes : sequence of str
    shares : bool
        Whether cells show the share of the true class instead of rows.
    """
    count, named = len(classes), len(classes) <= MOST_NAMED
    size = float(np.clip(2.2 + 0.36 * count, 3.2, 7.5)) if named else 5.5
    totals = matrix.sum(axis=1, keepdims=True)
    part = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    with drawn(width=size + 0.6, height=size) as (made, axes):
        from matplotlib.colors import LinearSegmentedColormap
        from sklearn.metrics import ConfusionMatrixDisplay

        colours = LinearSegmentedColormap.from_list("blues", [LIGHT, DARK])
        names = [label(name, 14) for name in classes] if named else None
        whole = (matrix == np.round(matrix)).all()
        display = ConfusionMatrixDisplay(part if shares else matrix, display_labels=names)
        display.plot(
            ax=axes,
            include_values=named,
            cmap=colours,
            colorbar=not named,
            values_format=".2f" if shares else ",.0f" if whole else ",.1f",
            im_kw={"vmin": 0, "vmax": 1 if shares else max(matrix.max(), 1)},
            text_kw={"fontsize": 8 if count <= 10 else 6},
        )
        axes.grid(visible=False)
        axes.set(xlabel="predicted", ylabel="true", title="share of the true class" if shares else "rows")
        if not named:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set(xlabel=f"predicted ({count} classes)", ylabel=f"true ({count} classes)")
        elif count > 3:
            axes.tick_params(axis="x", labelrotation=90)
    return made


def roc(curves: Mapping[str, Curve]) -> Figure:
    """The share of a class that is found against the share of the others that is taken for it.

    Parameters
    ----------
    curves : dict of str to (array, array, float)
        By class the false positive rate, the true positive rate and the area.
    """
    _refuse_none(curves)
    with drawn(width=4.6, height=_height(curves)) as (made, axes):
        from sklearn.metrics import RocCurveDisplay

        for colour, (name, (x, y, area)) in zip(_colours(len(curves)), curves.items(), strict=True):
            RocCurveDisplay(fpr=x, tpr=y, roc_auc=area).plot(ax=axes)
            _named(axes.lines[-1], colour, f"{label(name)}  area {digits(area)}")
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
        axes.set(xlabel="false positive rate", ylabel="true positive rate (recall)", title="ROC")
        _legend(made, axes, len(curves))
    return made


def precision_recall(curves: Mapping[str, Curve]) -> Figure:
    """How many that are taken for a class are of it, against how many of it are found.

    Parameters
    ----------
    curves : dict of str to (array, array, float)
        By class precision, recall and average precision.
    """
    _refuse_none(curves)
    with drawn(width=4.6, height=_height(curves)) as (made, axes):
        from sklearn.metrics import PrecisionRecallDisplay

        for colour, (name, (precision, recall, mean)) in zip(_colours(len(curves)), curves.items(), strict=True):
            PrecisionRecallDisplay(precision=precision, recall=recall, average_precision=mean).plot(ax=axes)
            _named(axes.lines[-1], colour, f"{label(name)}  average {digits(mean)}")
        axes.set(xlabel="recall", ylabel="precision", title="Precision and recall")
        _legend(made, axes, len(curves))
    return made


def calibration(bins: Sheet, p: np.ndarray, weight: np.ndarray, of: str) -> Figure:
    """Reliability diagram, over the distribution of the probabilities.

    Parameters
    ----------
    bins : Sheet
        "said" and "came true".
    p, weight : array of shape (rows,)
    of : str
        What the probabilities are of.
    """
    with drawn(2, 1, width=4.6, height=4.2, sharex=True, height_ratios=(3, 1)) as (made, (axes, below)):
        from sklearn.calibration import CalibrationDisplay

        said, true = (np.asarray(bins[name], np.float64) for name in ("said", "came true"))
        CalibrationDisplay(true, said, p).plot(ax=axes, color=COLOURS[0], markersize=4)
        axes.get_legend().remove()
        axes.lines[0].set(color=GREY, linewidth=1)
        axes.set(xlabel="", ylabel="share that came true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), title="Calibration")
        below.hist(p, bins=20, range=(0, 1), weights=weight, color=COLOURS[0], alpha=0.8)
        below.set(xlabel=f"probability {label(of, 30)}", ylabel="rows")
    return made


def thresholds(sheet: Sheet, positive: str) -> Figure:
    """Precision, recall and f1-score against the threshold from which on a class is predicted."""
    with drawn(width=4.6, height=4.2) as (made, axes):
        for colour, name, words in zip(
            COLOURS, ("precision", "recall", "f1_score"), ("precision", "recall", "f1-score"), strict=False
        ):
            axes.plot(sheet["threshold"], sheet[name], color=colour, label=words, marker="o", markersize=3)
        axes.set(xlabel=f"threshold of {label(positive)}", ylabel="score", title="Thresholds", xlim=(0, 1))
        axes.set_ylim(-0.02, 1.02)
        axes.legend()
    return made


def _refuse_none(curves: Mapping[str, Any]) -> None:
    if not curves:
        raise DataError("A curve needs rows of a class and rows of others. There are none of one or the other.")


def _colours(count: int) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def _named(line: Any, colour: str, words: str) -> None:
    line.set(color=colour, label=words)


def _height(curves: Mapping[str, Any]) -> float:
    """Inches, with room for a line of the legend for each curve."""
    return 4.2 + 0.17 * len(curves)


def _legend(figure: Figure, axes: Any, count: int) -> None:
    """Below the axes, where it hides no curve."""
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    lines = axes.lines[:count]
    figure.legend(lines, [line.get_label() for line in lines], loc="outside lower center")
