"""The classes that networks give rows together, of no more networks than decide them.

Together ``K`` networks give a row the class with the greatest sum of probabilities. Those of a network sum to 1, so a
class that has more than half of all ``K`` stays ahead, whatever the networks that were not asked yet would say. With
``P_M`` the sum over the first M::

    P_M(c) > K / 2    =>    P_K(c') <= K - P_K(c) < K / 2 < P_K(c)    for every other class c'
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["are_mostly_clear", "by_majority", "fewest"]

MOST_UNDECIDED = 0.25  # of the rows; an undecided one costs about three times as much as others
BLOCK = 4_096  # rows whose probabilities are summed at a time: they stay in the cache


def fewest(networks: int) -> int:
    """How many of them may decide a row.

    Examples
    --------
    >>> from tabgrad.inspection._majority import fewest
    >>> [fewest(networks) for networks in (1, 2, 3, 8)]
    [1, 2, 2, 5]
    """
    return networks // 2 + 1


def are_mostly_clear(outputs: np.ndarray, probabilities: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether the fewest decide most rows: networks that are asked later, of some rows, cost more for each of these.

    Parameters
    ----------
    outputs : array of shape (networks, rows, outputs)
        Of all of them.
    probabilities : callable
        As for `by_majority`.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.inspection._majority import are_mostly_clear
    >>> said = np.array([[[p, 1 - p]] * 10 for p in (0.9, 0.7, 0.6)])
    >>> are_mostly_clear(said, lambda outputs: outputs), are_mostly_clear(1 - said[::-1], lambda outputs: outputs)
    (True, False)
    """
    networks = len(outputs)
    total = np.sum([probabilities(each) for each in outputs[: fewest(networks)]], axis=0)
    _, undecided = _greatest(total, networks)
    return len(undecided) <= MOST_UNDECIDED * len(total)


def by_majority(
    outputs: np.ndarray,
    networks: int,
    probabilities: Callable[[np.ndarray], np.ndarray],
    ask: Callable[[int, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The classes of rows: int of shape (rows,).

    Parameters
    ----------
    outputs : array of shape (networks asked, rows, outputs)
        Of the first of the networks.
    networks : int
        ``K``
    probabilities : callable
        What outputs, of shape (rows, outputs), say of the classes.
    ask : callable
        The outputs of a network of rows: ``ask(network, rows)``.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.inspection._majority import by_majority
    >>> said = np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.8, 0.2], [0.7, 0.3]], [[0.1, 0.9], [0.1, 0.9]]])
    >>> by_majority(said[:2], 3, lambda outputs: outputs, lambda network, rows: print(rows) or said[network, rows])
    [1]
    array([0, 1])
    """
    asked, rows, _ = outputs.shape
    taken, open_rows, sums = np.empty(rows, np.int64), [], []
    for first in range(0, max(rows, 1), BLOCK):
        block = slice(first, first + BLOCK)
        total = probabilities(outputs[0, block])
        for each in outputs[1:, block]:
            total = total + probabilities(each)
        taken[block], undecided = _greatest(total, networks)
        open_rows.append(first + undecided)
        sums.append(total[undecided])
    left, total = np.concatenate(open_rows), np.concatenate(sums)
    for network in range(asked, networks):
        if not len(left):
            break
        total = total + probabilities(ask(network, left))
        taken[left], undecided = _greatest(total, networks)
        left, total = left[undecided], total[undecided]
    return taken


def _greatest(total: np.ndarray, networks: int) -> tuple[np.ndarray, np.ndarray]:
    """The greatest class of each row, and the rows in which it has not more than half of all."""
    classes = total.argmax(axis=1)
    return classes, np.flatnonzero(total[np.arange(len(total)), classes] <= networks / 2)
