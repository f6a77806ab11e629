"""Rows held out: which are trained on and which are judged on."""

from __future__ import annotations

import numpy as np

from tabgrad._seeds import key
from tabgrad.errors import DataError


def holdout(rows: int, share: float, seed: int, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows to train on and of those to hold out, each in ascending order.

    With classes every class gives its share (scikit-learn's stratified split); one that has a single row is trained
    on. Where fewer rows are held out than there are classes, the classes are not looked at.

    Parameters
    ----------
    rows : int
    share : float
        Of the rows to hold out, in (0, 1); at least one row, and at least one stays.
    seed : int
    classes : array of shape (rows,), optional
        Integers.

    Returns
    -------
    train, held : array of int64

    Raises
    ------
    DataError
        There are fewer than two rows.

    Examples
    --------
    >>> from tabgrad.table.split import holdout
    >>> train, held = holdout(10, 0.2, seed=0)
    >>> len(train), len(held)
    (8, 2)
    """
    from sklearn.model_selection import train_test_split

    if rows < 2:
        raise DataError(f"At least 2 rows are needed to hold some out. Got {rows}.")
    wanted = min(max(1, round(share * rows)), rows - 1)
    places, strata = np.arange(rows), None
    if classes is not None:
        _, index, counts = np.unique(classes, return_inverse=True, return_counts=True)
        shared = counts[index] > 1
        several = int((counts > 1).sum())
        if several > 1 and wanted >= several and shared.sum() - wanted >= several:
            places, strata = places[shared], index[shared]
    state = key(seed, "split") % 2**32
    _, held = train_test_split(places, test_size=wanted, random_state=state, stratify=strata)
    return np.setdiff1d(np.arange(rows), held), np.sort(held)
