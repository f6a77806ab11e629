"""The rows of a fit before they are numbers, and which rows as they were given they are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tabgrad._refusals import SHOWN
from tabgrad.errors import DataError
from tabgrad.estimators._repetitions import distinct
from tabgrad.table import Table, Words
from tabgrad.table.columns import missing
from tabgrad.table.table import values_of

__all__ = ["Sample", "read_groups"]


@dataclass(frozen=True)
class Sample:
    """A table, what is to be learned of it, what each row counts for.

    Parameters
    ----------
    table : Table
    y : array of shape (rows,) or (rows, outputs)
    weight : array of shape (rows,) or None
    groups : array of int64 of shape (rows,) or None
        Rows of one are judged together, or trained on together.
    origin : array of int64 of shape (given rows,)
        For each row as it was given which of these it is; -1: none of them.
    """

    table: Table
    y: np.ndarray
    weight: np.ndarray | None
    groups: np.ndarray | None
    origin: np.ndarray

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.table)

    @property
    def relative_weight(self) -> np.ndarray | None:
        """Weights whose mean is 1, so that the learning rate means the same whatever their size."""
        return None if self.weight is None else self.weight * (len(self.weight) / self.weight.sum())

    def part(self, rows: np.ndarray) -> Sample:
        """Some of the rows."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        weight = None if self.weight is None else self.weight[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Sample(self.table.part(rows), self.y[rows], weight, groups, self._moved(place))

    def distinct(self) -> Sample:
        """Equal rows as one, with the sum of their weights."""
        places, weights, which = distinct(self.table, self.y, self.weight, self.groups)
        return replace(self.part(places), weight=weights, origin=self._moved(which))

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the rows, given to the rows as they came; NaN for those that are not here."""
        spread: np.ndarray = values[self.origin]
        spread[self.origin < 0] = np.nan
        return spread

    def _moved(self, place: np.ndarray) -> np.ndarray:
        moved: np.ndarray = np.where(self.origin >= 0, place[self.origin], -1)
        return moved


def read_groups(groups: object, rows: int) -> np.ndarray | None:
    """The groups as integers from 0.

    Raises
    ------
    DataError
        Another number of them than there are rows, a group that is missing, one group alone.
    """
    if groups is None:
        return None
    values = values_of(groups, "groups")
    if len(values) != rows:
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: {[rows, len(values)]}. groups must have a "
            "value for each row."
        )
    gone = missing(values)
    if gone.any():
        listed = ", ".join(map(str, np.flatnonzero(gone)[:SHOWN].tolist()))
        raise DataError(f"groups must have a value for each row. Missing in {gone.sum()} rows ({listed}, ...).")
    return several(values.codes if isinstance(values, Words) else values)


def several(groups: np.ndarray) -> np.ndarray:
    """Groups of rows that count, numbered from 0 without a gap.

    Raises
    ------
    DataError
        There is one alone.
    """
    codes: np.ndarray = np.unique(groups, return_inverse=True)[1].ravel()
    if codes.max(initial=0) == 0:
        raise DataError(
            "groups must be at least two, so that one can be held out. All rows that count for something have the same."
        )
    return codes
