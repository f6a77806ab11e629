"""Rows that repeat: each different one once, with what all of its repetitions count for."""

from __future__ import annotations

import numpy as np

from tabgrad.table import Table, Words

__all__ = ["distinct"]


def distinct(
    table: Table, y: np.ndarray, weight: np.ndarray | None, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different rows, in an order that depends on their values alone, and the sum of the weights of each.

    Returns
    -------
    places : array of int64
        Where each different row stands first, in the order of the columns' values.
    weights : array of float64
    which : array of int64
        For each row which of the different ones it is.
    """
    columns = [
        *(_ranks(values) for values in table.columns.values()),
        *(_ranks(column) for column in y.reshape(len(y), -1).T),
        *([] if groups is None else [groups]),
    ]
    _, places, which = np.unique(np.column_stack(columns), axis=0, return_index=True, return_inverse=True)
    which = which.ravel()
    return places, np.bincount(which, weight, minlength=len(places)).astype(np.float64), which


def _ranks(values: np.ndarray | Words) -> np.ndarray:
    """Integers in the order of the values, equal where the values are; what is missing is one value."""
    ranks: np.ndarray
    if isinstance(values, Words):
        order = np.argsort(np.argsort(np.array(values.levels, dtype=object))) if values.levels else np.empty(0, int)
        ranks = np.append(order, -1)[values.codes]
        return ranks
    ranks = np.unique(values, return_inverse=True)[1].ravel()
    return ranks
