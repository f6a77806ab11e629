"""What a fit will take of the memory, estimated before anything large is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tabgrad.layers import Layer
from tabgrad.plan import Network

__all__ = ["Work", "bytes_needed"]

NUMBER, WIDE = 4, 8  # bytes of a float32 or a code, of a float64 or a label
COPIES_OF_ROWS = 2  # of the encoded table: itself, and what encoding holds of it in passing
COPIES_OF_WEIGHTS = 8  # first, current, averages, two moments, best, and both of a result on its way
COPIES_OF_SIGNALS = 3  # value, slope and error of each unit
SCORED = 256  # rows that are scored at a time


@dataclass(frozen=True)
class Work:
    """How much there is to do.

    Parameters
    ----------
    rows : int
    members : int
    at_once : int
        Members that are trained at a time.
    batch : int
        Rows of a step.
    outputs : int
    """

    rows: int
    members: int
    at_once: int
    batch: int
    outputs: int


def bytes_needed(work: Work, features: int, codes: int, layers: Sequence[Layer] | None) -> int:
    """The bytes that a fit takes beside the table that it is given.

    ::

        encoded rows    2 (features + codes) 4        n rows of it, and per row
        targets         outputs 8 + 4
        folds           members 4                     where each member finds its rows, and
                        at_once 8                     their order
        predictions     outputs 3 8                   of the rows held out
        weights         8 copies of 4 bytes           for each member
        signals         3 units 4                     for each row of a step, and each member at work

    Parameters
    ----------
    work : Work
    features, codes : int
        Columns of an encoded row.
    layers : sequence of Layer or None
        Of a member; None: of the user's own, not known yet.
    """
    row = COPIES_OF_ROWS * (features + codes) * NUMBER + work.outputs * WIDE + NUMBER
    row += work.members * NUMBER + work.at_once * WIDE + 3 * work.outputs * WIDE
    need = work.rows * row
    if layers is None:
        return need
    network = Network(features, tuple(layers), codes)
    weights = sum(prod(weight.shape) for weight in network.weights)
    units = features + sum(outputs for _, _, outputs in network.widths())
    need += work.members * COPIES_OF_WEIGHTS * weights * NUMBER
    return need + work.at_once * (work.batch + SCORED) * COPIES_OF_SIGNALS * units * NUMBER
