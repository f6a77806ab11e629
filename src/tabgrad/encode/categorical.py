"""Columns of words: one-hot where there are few levels, codes for a learned table where there are many.

Every column has a place for what training had not: levels that are new, and those with fewer than `min_rows` rows, of
which nothing could be learned but by heart, share one; missing values have their own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np

from tabgrad._checks import NOT_NEGATIVE, Interval
from tabgrad._record import Record
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.table.columns import Words

__all__ = ["MAX_ONE_HOT", "MOST_LEVELS", "Binary", "Embedded", "OneHot", "Ordinal", "Worded", "fit", "fit_ordinal"]

MAX_ONE_HOT = 8  # levels; RealMLP's choice, tuned on 118 tables
WIDEST = 8  # numbers that stand for a level; also RealMLP's
WIDEST_EVER = 4096  # that a file may ask for: a table of them is memory
# An optimizer steps on a whole table at a time: with this many rows of 8 that takes as long as a network's own weights.
MOST_LEVELS = 10_000

NOWHERE = -1  # a row that has a value in none of its column's places


@dataclass(frozen=True)
class Worded(Record):
    """What all columns of words have in common: a name, and levels.

    Parameters
    ----------
    name : str
        The column.
    levels : tuple of str
        Those with a place of their own.
    rare : tuple of str
        Those that training had in too few rows for a place of their own, so that they are not taken for new; the 10,000
        most frequent at most.
    """

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...] = field(default=(), kw_only=True)

    features: ClassVar[tuple[str, ...]] = ()
    embeddable: ClassVar[tuple[int, ...]] = ()
    """Which of `features` are numbers of more than two values, counted from 0."""

    def __post_init__(self) -> None:
        """Check the fields; the levels must be different strings."""
        super().__post_init__()
        for name in ("levels", "rare"):
            levels: Any = getattr(self, name)
            if not isinstance(levels, (tuple, list)) or not all(isinstance(level, str) for level in levels):
                raise ArgumentTypeError(f"'{name}' of {type(self).__name__} must be strings. Got {shown(levels)}.")
            object.__setattr__(self, name, tuple(levels))
        if len({*self.levels, *self.rare}) < len(self.levels) + len(self.rare):
            both = shown(self.levels + self.rare)
            raise ArgumentError(f"'levels' and 'rare' of {type(self).__name__} must be different. Got {both}.")

    @cached_property
    def _places(self) -> dict[str, int]:
        return {level: place for place, level in enumerate(self.levels)}

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset((*self.levels, *self.rare))

    def places(self, words: Words, *, other: int = NOWHERE, missing: int = NOWHERE, first: int = 0) -> np.ndarray:
        """Of each row the place of its level: `first` + its index in `levels`, `other` for any else, or `missing`."""
        index = self._places
        known = [index.get(level, NOWHERE) for level in words.levels]
        lookup = np.array([*(other if place == NOWHERE else first + place for place in known), missing], np.int32)
        places: np.ndarray = lookup[words.codes]  # the code of a missing value, -1, is the last
        return places

    def unseen(self, words: Words, most: int) -> tuple[int, int, dict[str, int]]:
        """How many rows have levels that training had not, how many levels, and the rows of the `most` frequent."""
        counts = words.counts()
        new = [place for place, level in enumerate(words.levels) if level not in self._known and counts[place]]
        often = heapq.nsmallest(most, new, key=lambda place: (-counts[place], words.levels[place]))
        return int(counts[new].sum()), len(new), {words.levels[place]: int(counts[place]) for place in often}


@dataclass(frozen=True)
class Binary(Worded):
    """Two levels: the first is -1, the second 1, anything else 0.

    Parameters
    ----------
    name, levels
        See `Worded`.
    indicator : bool
        Whether a column of zeros and ones says where the value is missing.

    Examples
    --------
    >>> from tabgrad.encode.categorical import Binary
    >>> from tabgrad.table.columns import words
    >>> Binary("smokes", ("no", "yes"), True).encode(words(["yes", "no", None, "pipe"]))
    array([[ 1.,  0.],
           [-1.,  0.],
           [ 0.,  1.],
           [ 0.,  0.]], dtype=float32)
    """

    indicator: bool

    def __post_init__(self) -> None:
        """Check that there are two levels."""
        super().__post_init__()
        if len(self.levels) != 2:
            raise ArgumentError(f"'levels' of Binary must be two. Got {len(self.levels)}.")

    @property
    def features(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the encoded columns."""
        return (self.name, f"{self.name} (missing)") if self.indicator else (self.name,)

    def encode(self, words: Words) -> np.ndarray:
        """The encoded columns: float32 of shape (rows, features)."""
        sign = np.array([-1, 1, 0], np.float32)[self.places(words, other=2, missing=2)]
        columns = [sign, words.codes < 0] if self.indicator else [sign]
        return np.column_stack(columns).astype(np.float32, copy=False)


@dataclass(frozen=True)
class OneHot(Worded):
    """A column of zeros and ones for each level.

    Parameters
    ----------
    name, levels
        See `Worded`.
    other : bool
        Whether there is a column for rare and unseen levels; without, such a row is 0 everywhere.
    missing : bool
        Whether there is a column for missing values; without, such a row is 0 everywhere.

    Examples
    --------
    >>> from tabgrad.encode.categorical import OneHot
    >>> from tabgrad.table.columns import words
    >>> column = OneHot("colour", ("blue", "red"), False, True)
    >>> column.features
    ('colour=blue', 'colour=red', 'colour (missing)')
    >>> column.encode(words(["red", None, "green"]))
    array([[0., 1., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float32)
    """

    other: bool
    missing: bool

    @property
    def features(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the encoded columns."""
        more = [f"{self.name} (other)"] * self.other + [f"{self.name} (missing)"] * self.missing
        return (*(f"{self.name}={level}" for level in self.levels), *more)

    def encode(self, words: Words) -> np.ndarray:
        """The encoded columns: float32 of shape (rows, features)."""
        out = np.empty((len(words), len(self.features)), np.float32)
        self.fill(words, out)
        return out

    def fill(self, words: Words, out: np.ndarray) -> None:
        """The encoded columns, put where they belong: of many levels a second array of them would be large."""
        count = len(self.levels)
        other = count if self.other else NOWHERE
        missing = count + self.other if self.missing else NOWHERE
        places = self.places(words, other=other, missing=missing)
        rows = np.flatnonzero(places != NOWHERE)
        out[:] = 0
        out[rows, places[rows]] = 1


@dataclass(frozen=True)
class Embedded(Worded):
    """A code for each level, whose row of a table `tabgrad.layers.Embedding` learns.

    Code 0 is for rare and unseen levels, 1 for missing values, then come the levels. A code that no training row has
    keeps the row that its table began with, which is near 0, as an `Embedding` is initialised: neither this nor that.

    Parameters
    ----------
    name, levels
        See `Worded`.
    width : int
        The numbers that stand for a level.

    References
    ----------
    C. Guo, F. Berkhahn, "Entity embeddings of categorical variables", 2016.

    Examples
    --------
    >>> from tabgrad.encode.categorical import Embedded
    >>> from tabgrad.table.columns import words
    >>> Embedded("state", ("AK", "AL", "AR"), 2).encode(words(["AL", None, "??"]))
    array([3, 1, 0], dtype=int32)
    """

    width: Annotated[int, Interval(1, WIDEST_EVER)]

    @classmethod
    def of(cls, column: Worded) -> Embedded:
        """A code for each level of another column of words."""
        return cls(column.name, column.levels, width(len(column.levels)), rare=column.rare)

    @property
    def cardinality(self) -> int:
        """How many codes there are."""
        return len(self.levels) + 2

    def encode(self, words: Words) -> np.ndarray:
        """The codes: int32 of shape (rows,)."""
        return self.places(words, other=0, missing=1, first=2)


@dataclass(frozen=True)
class Ordinal(Worded):
    """The place of a level among all in their order, from -1 for the first to 1 for the last, at equal steps.

    A level that is not among them has no place in the order: like a missing one it is at the median of the training
    rows, and 1 in the indicator column.

    Parameters
    ----------
    name, levels
        See `Worded`; the levels in their order.
    median : int
        The place of the training rows' median, counted from 0.
    indicator : bool
        Whether a column of zeros and ones says where the place is not known.

    Examples
    --------
    >>> from tabgrad.encode.categorical import Ordinal
    >>> from tabgrad.table.columns import words
    >>> Ordinal("cut", ("Fair", "Good", "Ideal"), 2, False).encode(words(["Fair", "Good", None]))
    array([[-1.],
           [ 0.],
           [ 1.]], dtype=float32)
    """

    median: Annotated[int, NOT_NEGATIVE]
    indicator: bool

    def __post_init__(self) -> None:
        """Check that the median is the place of a level."""
        super().__post_init__()
        if self.median >= max(len(self.levels), 1):
            raise ArgumentError(
                f"'median' of Ordinal must be below the number of levels, {len(self.levels)}. Got {self.median}."
            )

    @property
    def embeddable(self) -> tuple[int, ...]:  # type: ignore[override]
        """The place, where there are more than two."""
        return (0,) if len(self.levels) > 2 else ()

    @property
    def features(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the encoded columns."""
        return (self.name, f"{self.name} (missing)") if self.indicator else (self.name,)

    def encode(self, words: Words) -> np.ndarray:
        """The encoded columns: float32 of shape (rows, features)."""
        places = self.places(words)
        unknown = places == NOWHERE
        filled = np.where(unknown, self.median, places)
        steps = max(len(self.levels) - 1, 1)
        position = (2 * filled - steps) / steps
        columns = [position, unknown] if self.indicator else [position]
        return np.column_stack(columns).astype(np.float32, copy=False)


# ---- Fitting ---------------------------------------------------------------------------------------------------------


def fit(
    name: str,
    words: Words,
    *,
    max_one_hot: int = MAX_ONE_HOT,
    most_levels: int = MOST_LEVELS,
    min_rows: int = 3,
    indicator: bool = False,
    order: Sequence[str] = (),
) -> Binary | OneHot | Embedded:
    """A column of words of the training rows.

    A level has a place of its own if it stands in at least `min_rows` rows; where that leaves fewer than two, as in a
    table of a few rows, each level has; of more than `most_levels` the most frequent. Two levels and no other become a
    `Binary`, at most `max_one_hot` a `OneHot`, more an `Embedded`.

    Parameters
    ----------
    name : str
        The column.
    words : Words
    max_one_hot, most_levels, min_rows : int
    indicator : bool
        Whether there is a column for missing values.
    order : sequence of str
        Levels that come first, in this order; the others are sorted.

    Examples
    --------
    >>> from tabgrad.encode.categorical import fit
    >>> from tabgrad.table.columns import words
    >>> fit("colour", words(["red"] * 5 + ["blue"] * 4 + ["green"] * 3 + ["mauve"]))
    OneHot(name='colour', levels=('blue', 'green', 'red'), rare=('mauve',), other=False, missing=False)
    """
    counts = {level: count for level, count in zip(words.levels, words.counts().tolist(), strict=True) if count}
    frequent = [level for level, count in counts.items() if count >= min_rows]
    kept = _most_frequent(frequent, counts, most_levels) if len(frequent) > 1 else set()
    kept = kept or _most_frequent(counts, counts, min(max_one_hot, most_levels))
    rank = {level: place for place, level in enumerate(order)}
    levels = tuple(sorted(kept, key=lambda level: (rank.get(level, len(rank)), level)))
    left = counts.keys() - kept
    others, rare = sum(counts[level] for level in left), tuple(sorted(_most_frequent(left, counts, MOST_LEVELS)))
    if len(levels) > max_one_hot:
        return Embedded.of(Worded(name, levels, rare=rare))
    if len(levels) == 2 and others < min_rows:
        return Binary(name, levels, indicator, rare=rare)
    return OneHot(name, levels, others >= min_rows, indicator, rare=rare)


def fit_ordinal(name: str, words: Words, levels: Sequence[str], *, indicator: bool = False) -> Ordinal:
    """A column whose levels stand in an order."""
    places = Worded(name, tuple(levels)).places(words)
    known = np.sort(places[places != NOWHERE])
    return Ordinal(name, tuple(levels), int(known[len(known) // 2]) if len(known) else 0, indicator)


def width(levels: int) -> int:
    """How many numbers stand for a level: 8, which RealMLP found on 118 tables; of fewer levels as many as there are.

    Examples
    --------
    >>> from tabgrad.encode.categorical import width
    >>> width(3), width(1000)
    (3, 8)
    """
    return min(levels, WIDEST)


def _most_frequent(levels: Iterable[str], counts: Mapping[str, int], most: int) -> set[str]:
    """The levels with the most rows; of two with equally many the one that sorts first."""
    return set(heapq.nsmallest(most, levels, key=lambda level: (-counts[level], level)))
