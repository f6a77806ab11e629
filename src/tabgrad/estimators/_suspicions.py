"""What in the rows of a fit deserves a look: a column that gives the target away, rows that repeat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad._warning import warn
from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.encode.numeric import Quantile, Robust, encoded
from tabgrad.errors import DataWarning
from tabgrad.table import Table, Words

__all__ = ["leaks", "looked_at", "repeats"]

LEAK = 0.9999  # |r|, beyond which a column is the target in other units
FEWEST_ROWS = 20  # in fewer, a column may follow the target by chance
MOST_ROWS = 100_000  # of which the correlations are taken, evenly out of all
MOST_CLASSES = 100  # that columns are held against one by one
MANY_REPEATS = 0.1  # of the rows, from which on a score on held-out rows is too good
NEARLY = 0.9  # of the different rows, which a part of the columns tells apart by itself where they are copies


def looked_at(table: Table, numbers: Encoded, y: np.ndarray, encoder: Encoder) -> list[str]:
    """What deserves a look, warned of and noted."""
    found = [*leaks(numbers.x, y, encoder.features), *repeats(table, y)]
    for note in found:
        warn(note, DataWarning)
    return [*found, *encoder.notes]


def leaks(x: np.ndarray, y: np.ndarray, features: Sequence[str]) -> Iterator[str]:
    """A sentence for each encoded column whose correlation with the target is 1 or -1 to four places.

    Parameters
    ----------
    x : array of shape (rows, features)
    y : array of shape (rows,) or (rows, outputs)
        Numbers; of classes their places, to be held against each of them, too.
    features : sequence of str
        The names of x's columns.
    """
    if len(x) < FEWEST_ROWS:
        return
    some = slice(None, None, -(-len(x) // MOST_ROWS))
    x, y = x[some], y[some]
    targets = y.reshape(len(y), -1)
    if y.dtype.kind == "i" and (classes := int(y.max(initial=0)) + 1) <= MOST_CLASSES:
        targets = np.column_stack([targets, *(y == place for place in range(classes))])
    elif y.dtype.kind == "f":  # scaled as a column may be: of the target in other units the same comes then
        columns = list((targets / max(np.abs(targets).max(initial=0), 1e-300)).T)
        for way in (Robust, Quantile):
            targets = np.column_stack([targets, encoded([way.of("y", column) for column in columns], columns)])
    r = _correlations(x, targets)
    found = np.flatnonzero((np.abs(r) >= LEAK).any(axis=1))
    if found.size:
        listed = ", ".join(shown(features[place]) for place in found[:SHOWN].tolist())
        more = f" and {found.size - SHOWN} more" if found.size > SHOWN else ""
        yield (
            f"{listed}{more} of X {'tells' if found.size == 1 else 'tell'} the target by "
            f"{'itself' if found.size == 1 else 'themselves'} (|r| > {LEAK}): is it the target in other words, or "
            "known only after it? Then leave it out."
        )


def _correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r of each column with each target; 0 where one of both does not vary."""
    left, right = (_centred(values.astype(np.float64)) for values in (x, y))
    sizes = np.sqrt((left**2).sum(axis=0))[:, None] * np.sqrt((right**2).sum(axis=0))
    r: np.ndarray = np.divide(left.T @ right, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
    return r


def _centred(values: np.ndarray) -> np.ndarray:
    """The distances from the mean, of columns at most 1 in size, so that no square overflows."""
    largest = np.abs(values).max(axis=0)
    values = values / np.where(largest > 0, largest, 1)
    centred: np.ndarray = values - values.mean(axis=0)
    return centred


def repeats(table: Table, y: np.ndarray) -> Iterator[str]:
    """A sentence where many rows are repetitions of others, features and target alike, and copies rather than alike.

    Rows of a few columns of few levels repeat one another anyway. What is copied is told by this: every other feature,
    or the target by itself, tells nearly as many rows apart as all columns do.

    Equal rows have equal sums of hashes of their values; that different ones have, too, is as likely as that two draws
    of 64 bits are the same.
    """
    rows = len(table)
    if rows < FEWEST_ROWS:
        return
    parts = np.zeros((3, rows), np.uint64)  # the even features, the odd ones, the target
    for place, column in enumerate(table.columns.values()):
        parts[place % 2] += _hashed(column.codes if isinstance(column, Words) else column, place)
    for place, output in enumerate(y.reshape(rows, -1).T, len(table.columns)):
        parts[2] += _hashed(output, place)
    apart = _different(parts.sum(axis=0))
    repeated = rows - apart
    if repeated >= MANY_REPEATS * rows and max(map(_different, parts)) >= NEARLY * apart:
        yield (
            f"{repeated:,} of {rows:,} rows ({repeated / rows:.0%}) repeat others, target included. Scores on rows "
            "held out are too good where repetitions fall on both sides: drop them, or count them by sample_weight."
        )


def _different(values: np.ndarray) -> int:
    return len(np.unique(values))


def _hashed(values: np.ndarray, salt: int) -> np.ndarray:
    """64 bits for each value, the same for equal ones (G. L. Steele, D. Lea, C. H. Flood, "SplitMix", 2014)."""
    if values.dtype.kind == "M":
        bits = values.view(np.uint64)
    else:
        numbers = values.astype(np.float64)
        bits = np.where(np.isnan(numbers), np.nan, numbers + 0.0).view(np.uint64)  # one NaN, and one zero
    bits = bits + np.uint64(((salt + 1) * 0x9E3779B97F4A7C15) & (2**64 - 1))
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
