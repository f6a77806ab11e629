"""Who holds out which rows: a share of them, or folds that members hold out in turn."""

from __future__ import annotations

import numpy as np

from tabgrad._seeds import generator
from tabgrad.errors import DataError
from tabgrad.estimators._sample import Sample
from tabgrad.table.split import holdout

__all__ = ["dealt", "divided", "folds_of", "held_out"]

MOST_COUNTS = 10**7  # of classes in groups that are looked at together


def divided(
    sample: Sample, share: float, seed: int, classes: np.ndarray | None, owner: str
) -> tuple[Sample, np.ndarray]:
    """The rows to train on, and the places of those that one network holds out: a share of each class, whole groups.

    Raises
    ------
    DataError
        One class is left to be learned; `owner` is named.
    """
    if sample.groups is None:
        train, held = holdout(len(sample), share, seed, classes)
    else:
        folds = max(round(1 / share), 2)
        fold = dealt(len(sample), folds, seed, 0, classes, sample.groups)
        train, held = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
        _refuse_one_class(None if classes is None else classes[train], owner)
    return sample.part(train), held


def folds_of(
    sample: Sample, members: int, folds: int, seed: int, classes: np.ndarray | None, owner: str
) -> list[np.ndarray]:
    """The places of the rows that each member holds out, of so many folds if there are rows, or groups, for them.

    Raises
    ------
    DataError
        As of `divided`.
    """
    rows, groups = len(sample), sample.groups
    folds = min(folds, rows if groups is None else len(np.unique(groups)))
    held = held_out(members, folds, rows, seed, classes, groups)
    for places in held:
        _refuse_one_class(None if classes is None else np.delete(classes, places), owner)
    return held


def _refuse_one_class(classes: np.ndarray | None, owner: str) -> None:
    """An error where whole groups that are held out leave one class to be learned."""
    if classes is not None and (classes == classes[0]).all():
        raise DataError(
            f"'groups' of {owner} must leave at least two classes to learn when one of them is held "
            "out. Got classes that stand in a single group each. Leave 'groups' out, or give finer ones."
        )


def held_out(
    members: int,
    folds: int,
    rows: int,
    seed: int,
    classes: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The places of the rows that each member holds out, ascending.

    Members beyond the number of folds hold out those of another deal. A row that is the only one of its class is in no
    fold; where no rows are left, a member holds out none.

    Parameters
    ----------
    members, folds, rows : int
    seed : int
    classes : array of shape (rows,), optional
        Integers; each fold gets its share of every class.
    groups : array of shape (rows,), optional
        Integers; rows of one are in one fold.

    Returns
    -------
    list of arrays of uint32

    Examples
    --------
    >>> from tabgrad.estimators._folds import held_out
    >>> [len(places) for places in held_out(3, 4, 10, seed=0)]
    [3, 3, 2]
    """
    deals = [dealt(rows, folds, seed, deal, classes, groups) for deal in range(-(-members // folds))]
    return [np.flatnonzero(deals[member // folds] == member % folds).astype(np.uint32) for member in range(members)]


def dealt(
    rows: int,
    folds: int,
    seed: int,
    deal: int = 0,
    classes: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """The fold of each row, int64; -1: in none, as the only row of its class.

    Round robin through the rows in a random order, class after class: the sizes of folds, and those of each class in
    them, differ by one at most.
    """
    draw = generator(seed, "folds", deal)
    if groups is not None:
        return _dealt_groups(groups, folds, draw, classes)
    order, fold = draw.permutation(rows), np.full(rows, -1)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
        order = order[np.bincount(classes)[classes[order]] > 1]
    fold[order] = np.arange(len(order)) % folds
    return fold


def _dealt_groups(groups: np.ndarray, folds: int, draw: np.random.Generator, classes: np.ndarray | None) -> np.ndarray:
    """The fold of each row, rows of a group in one: large groups first, each where its classes are rarest so far.

    A group that has ``n_c`` rows of class ``c`` goes to the fold ``f`` with the least ``sum_c n_c L_fc / T_c^2``, which
    holds ``L_fc`` of the ``T_c`` rows: there the sum over folds and classes of ``(L_fc / T_c)^2`` stays least. Of equal
    ones it goes to the fold of fewest rows, so that none stays empty.
    """
    count = int(groups.max()) + 1
    kinds = 1 if classes is None else int(classes.max()) + 1
    if classes is None or count * kinds > MOST_COUNTS:
        classes, kinds = np.zeros(len(groups), np.int64), 1
    counts = np.bincount(groups * kinds + classes, minlength=count * kinds).reshape(count, kinds).astype(np.float64)
    shares = counts / np.maximum(counts.sum(axis=0), 1) ** 2
    order = draw.permutation(count)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    load, fold = np.zeros((folds, kinds)), np.empty(count, np.int64)
    for group in order.tolist():
        fold[group] = place = int(np.lexsort((load.sum(axis=1), load @ shares[group]))[0])
        load[place] += counts[group]
    dealt: np.ndarray = fold[groups]
    return dealt
