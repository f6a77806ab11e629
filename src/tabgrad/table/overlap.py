"""Rows that stand on both sides of a split: scores on them are too good."""

from __future__ import annotations

import numpy as np

from tabgrad.table.columns import Values, Words
from tabgrad.table.table import Table

__all__ = ["repeated"]


def repeated(train: Table, held: Table) -> int:
    """How many rows of `held` stand in `train` as well, in all columns that both have.

    Rows are compared by sums of 64-bit random numbers, one for each different value of each column, so that two
    different rows are taken for equal once in some 1e19 pairs.

    Examples
    --------
    >>> from tabgrad.table.overlap import repeated
    >>> from tabgrad.table import Table
    >>> repeated(Table.of({"a": [1, 2], "b": ["x", "y"]}), Table.of({"a": [2, 2], "b": ["x", "y"]}))
    1
    """
    draw = np.random.default_rng(0)
    keys = np.zeros(len(train) + len(held), np.uint64)
    for name in train.names:
        if name in held.columns:
            codes, count = _together(train[name], held[name])
            keys += draw.integers(0, 2**64, size=count, dtype=np.uint64)[codes]  # wraps around
    return int(np.isin(keys[len(train) :], keys[: len(train)]).sum())


def _together(first: Values, second: Values) -> tuple[np.ndarray, int]:
    """The values of both columns as codes that are equal where the values are, and how many there are."""
    if isinstance(first, Words) and isinstance(second, Words):
        places = {level: place for place, level in enumerate(first.levels)}
        renumbered = np.array([*(places.setdefault(level, len(places)) for level in second.levels), -1], np.int64)
        return np.concatenate([first.codes, renumbered[second.codes]]) + 1, len(places) + 1
    if isinstance(first, Words) or isinstance(second, Words):
        return np.repeat([0, 1], [len(first), len(second)]), 2
    values, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    return codes.ravel(), len(values)
