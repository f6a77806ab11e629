"""How good a regressor is on some rows: scores with intervals, tables and figures of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.errors import ArgumentError, DataError
from tabgrad.report import value_figures
from tabgrad.report.class_scores import shown_columns
from tabgrad.report.resampling import Estimate, estimated
from tabgrad.report.sheets import Sheet
from tabgrad.table.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ValueScores"]

MOST_GROUPS = 10  # rows by the size of what is true, for their errors
HIGHER = {"R2": True, "root mean squared error": False, "mean absolute error": False}


@dataclass(frozen=True, eq=False)
class ValueScores:
    """Numbers that were predicted beside the true ones, of one target, and all that follows from both.

    Parameters
    ----------
    truth, predicted : array of shape (rows,)
        In the target's unit.
    weight : array of shape (rows,)
        What the rows count for.
    target : str
        What is predicted.
    rows : Table or None
        The rows themselves, of which the largest errors are shown.

    Examples
    --------
    >>> from tabgrad.report import ValueScores
    >>> scores = ValueScores.of([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0], target="price")
    >>> round(scores.estimates["R2"].value, 6)
    0.8
    >>> scores.errors(1)
    row  true  predicted  error
      3     4          5      1
    """

    truth: np.ndarray
    predicted: np.ndarray
    weight: np.ndarray
    target: str = "y"
    rows: Table | None = None

    @classmethod
    def of(
        cls, y: Any, predicted: Any, *, sample_weight: Any = None, target: str = "y", rows: Table | None = None
    ) -> ValueScores:
        """Scores of predictions, whoever made them.

        Parameters
        ----------
        y, predicted : array of shape (rows,)
        sample_weight : array of shape (rows,), optional
        target : str
        rows : Table, optional

        Raises
        ------
        DataError
            Shapes that do not fit together; no rows; numbers that are not finite, with the first row.
        """
        truth, said = np.asarray(y, np.float64), np.asarray(predicted, np.float64)
        if truth.ndim != 1 or said.shape != truth.shape or not len(truth):
            raise DataError(
                f"ValueScores needs a true and a predicted number for each row. Got shapes {truth.shape} and "
                f"{said.shape}."
            )
        wrong = ~np.isfinite(truth)
        if wrong.any():
            place = int(wrong.argmax())
            raise DataError(f"The target {target!r:.40} must hold finite numbers. Got {truth[place]} in row {place}.")
        weight = np.ones(len(truth)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        return cls(truth, said, weight, target, rows)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.truth)

    @property
    def error(self) -> np.ndarray:
        """Predicted less true."""
        less: np.ndarray = self.predicted - self.truth
        return less

    # ---- Scores ------------------------------------------------------------------------------------------------------

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """R2, the root of the mean squared error, the mean absolute error; R2 is NaN where the truth does not vary."""
        size = max(float(np.abs(self.truth).max()), float(np.abs(self.predicted).max()), 1e-300)  # no square overflows
        error, true = self.error / size, self.truth / size
        true = true - true.mean()  # R2 does not change, and loses no digits where numbers are far from zero
        parts = np.column_stack([error**2, np.abs(error), true, true**2, np.ones(len(true))])
        constant = not np.ptp(self.truth)

        def scores(weight: np.ndarray) -> dict[str, np.ndarray]:
            squared, absolute, first, second, total = (weight @ parts).T
            spread = second - first**2 / total
            r2 = 1 - np.divide(squared, spread, out=np.full(len(spread), np.nan), where=spread > 0)
            return {
                "R2": np.full(len(r2), np.nan) if constant else r2,
                "root mean squared error": size * np.sqrt(squared / total),
                "mean absolute error": size * absolute / total,
            }

        return estimated(scores, self.weight)

    @property
    def higher(self) -> Mapping[str, bool]:
        """For each score whether more is better."""
        return HIGHER

    def summary(self) -> Sheet:
        """Each score with its 95 % interval."""
        found = self.estimates
        columns: dict[str, Sequence[Any]] = {"score": list(found)}
        for name in ("value", "low", "high"):
            columns[name] = [getattr(each, name) for each in found.values()]
        return Sheet(columns, "score")

    def frame(self) -> pd.DataFrame:
        """`summary` as a pandas frame."""
        return self.summary().frame()

    # ---- Tables ------------------------------------------------------------------------------------------------------

    def by_quantile(self, groups: int = MOST_GROUPS) -> Sheet:
        """Errors by how large the true number is: rows in groups of about equal size, equal numbers together.

        "error" is the mean of predicted less true, so that above zero too much is predicted; "absolute error" is its
        mean size.
        """
        edges = np.unique(np.quantile(self.truth, np.linspace(0, 1, groups + 1)))
        place = np.clip(np.searchsorted(edges, self.truth, side="right") - 1, 0, max(len(edges) - 2, 0))
        weight = np.bincount(place, self.weight, minlength=1)
        there = np.flatnonzero(weight)
        sums = {
            name: np.bincount(place, self.weight * values, minlength=len(weight))[there] / weight[there]
            for name, values in (("error", self.error), ("absolute error", np.abs(self.error)))
        }
        return Sheet(
            {
                "from": edges[there].tolist(),
                "to": edges[np.minimum(there + 1, len(edges) - 1)].tolist(),
                "rows": np.bincount(place, minlength=len(weight))[there].tolist(),
                **{name: values.tolist() for name, values in sums.items()},
            }
        )

    def errors(self, most: int = 10, columns: Sequence[str] | None = None) -> Sheet:
        """The largest errors, with the rows that they are of.

        Parameters
        ----------
        most : int
        columns : sequence of str, optional
            Of the rows; None: the first few.
        """
        order = np.argsort(-np.abs(self.error), kind="stable")
        places = order[self.weight[order] > 0][:most]
        first = {
            "row": [self.rows.row(int(place)) if self.rows is not None else int(place) for place in places],
            "true": self.truth[places].tolist(),
            "predicted": self.predicted[places].tolist(),
            "error": self.error[places].tolist(),
        }
        return Sheet({**first, **shown_columns(self.rows, places, columns, first)})

    def coverage(self, intervals: Any, said: float) -> Sheet:
        """How many of the true numbers lie in the intervals that `Regressor.predict_interval` gives, and how wide.

        Parameters
        ----------
        intervals : array of shape (rows, 2)
        said : float
            The coverage that was asked for.
        """
        ends = np.asarray(intervals, np.float64)
        if ends.shape != (len(self), 2):
            raise ArgumentError(f"'intervals' of coverage must be of shape ({len(self)}, 2). Got {ends.shape}.")
        held = (ends[:, 0] <= self.truth) & (self.truth <= ends[:, 1])
        share = float(np.average(held, weights=self.weight))
        return Sheet({"said": [said], "came true": [share], "median width": [float(np.median(np.diff(ends)))]})

    # ---- Figures -----------------------------------------------------------------------------------------------------

    def plot_predictions(self) -> Figure:
        """Predicted against true."""
        return value_figures.predictions(self.truth, self.predicted, self.target)

    def plot_residuals(self) -> Figure:
        """What is left, true less predicted, against predicted, and its distribution."""
        return value_figures.residuals(self.truth, self.predicted, self.target)

    def plot_quantiles(self) -> Figure:
        """Errors by how large the true number is."""
        return value_figures.quantiles(self.by_quantile(), self.target)
