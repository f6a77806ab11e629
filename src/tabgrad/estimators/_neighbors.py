"""Rows of the fit that are near a new one, as evidence beside what the networks say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import POSITIVE, check
from tabgrad._seeds import generator
from tabgrad.encode.encoder import Encoded
from tabgrad.engines.native import threads_here
from tabgrad.errors import ArgumentError

if TYPE_CHECKING:
    from scipy.spatial import KDTree

__all__ = ["Asked", "Neighbors", "Space", "bytes_of_near", "chosen", "relevance"]

MOST_ROWS = 20_000  # of a table whose rows are looked for: above, networks have seen enough, and a search takes long
MOST_COLUMNS = 256  # of such a table: in more, no row is near
MOST_NUMBERS = 2**21  # of all places: where many columns count alike, a search looks at nearly all of them
MOST_LOOKED_AT = 2**31  # numbers, by all rows that are judged
MOST_LEVELS = 64  # of a column of codes that counts for nearness
MOST_SHUFFLED, ROWS_SHUFFLED = 10_000, 512  # rows, of all columns and of one, that show what a column matters
LEAST_RELEVANCE = 0.01  # of a column that counts, where the most relevant one has 1
ROWS_JUDGED = 4_000  # held out, by which it is decided
LEAST_GAIN = 0.02  # of the loss, for which a model keeps rows
SURE = 3.0  # standard errors of the gain, which it is larger than: of many settings the best was taken
SURER = 3.0  # times as much as one network, by which it is decided, is the mean of several trusted
CONCENTRATIONS = np.geomspace(0.01, 10, 7)
REACHES = np.geomspace(0.02, 2, 9)  # in units of the distance at which a row has its nearest one elsewhere
LARGEST = 1e18  # number of a place, and factor: its square is finite
FARTHEST = 20.0  # reaches, beyond which a row counts for nothing
LEAST_PROBABILITY = 1e-7
BLOCK = 4_096  # rows that are looked up at a time
SLICE = 256  # between which somebody may look at the clock


# ---- Where rows are --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Space:
    """A place for each encoded row, in which columns count for what they matter to the networks.

    ::

        d(x, x')^2 = sum_j (s_j (x_j - x'_j))^2

    over encoded numbers, and over the corners that stand for a column's codes, ``sqrt(2) s_j`` apart.

    Parameters
    ----------
    factors : array of shape (features,)
        s of each encoded number; 0: it does not count.
    code_factors : array of shape (columns,)
        s of each column of codes.
    cardinalities : tuple of int
        Levels of these.
    """

    factors: np.ndarray
    code_factors: np.ndarray
    cardinalities: tuple[int, ...]

    @classmethod
    def of(
        cls,
        encoded: Encoded,
        cardinalities: Sequence[int],
        columns: Sequence[tuple[Sequence[int], Sequence[int]]],
        relevant: np.ndarray,
    ) -> Space:
        """The space in which two rows at random are as far apart along a column as it is relevant.

        `columns` are the places of each column of the table, among encoded numbers and among codes.
        """
        factors, code_factors = np.zeros(encoded.x.shape[1]), np.zeros(len(cardinalities))
        variance = encoded.x.var(axis=0, dtype=np.float64)
        for (features, codes), weight in zip(columns, relevant, strict=True):
            spread = variance[list(features)].sum()
            for code in codes:
                if cardinalities[code] <= MOST_LEVELS and encoded.codes is not None:
                    spread += 1 - ((np.bincount(encoded.codes[:, code]) / len(encoded)) ** 2).sum()
            if weight < LEAST_RELEVANCE or spread <= 0:
                continue
            factor = min(weight / np.sqrt(spread), LARGEST)
            factors[list(features)] = factor
            code_factors[[code for code in codes if cardinalities[code] <= MOST_LEVELS]] = factor
        return cls(factors, code_factors, tuple(cardinalities))

    @property
    def width(self) -> int:
        """The numbers of a place."""
        levels = np.array(self.cardinalities, np.int64)
        return int(np.count_nonzero(self.factors) + levels[self.code_factors > 0].sum())

    def places(self, encoded: Encoded) -> np.ndarray:
        """Where rows are: float32 of shape (rows, width)."""
        kept = np.flatnonzero(self.factors)
        parts = [np.clip(encoded.x[:, kept] * self.factors[kept], -LARGEST, LARGEST).astype(np.float32)]
        for column in np.flatnonzero(self.code_factors).tolist():
            assert encoded.codes is not None
            corners = np.eye(self.cardinalities[column], dtype=np.float32) * np.float32(self.code_factors[column])
            parts.append(corners[encoded.codes[:, column]])
        return np.ascontiguousarray(np.hstack(parts))


def relevance(
    say: Callable[[Encoded], np.ndarray],
    encoded: Encoded,
    columns: Sequence[tuple[Sequence[int], Sequence[int]]],
    seed: int,
    *,
    classes: bool,
) -> np.ndarray:
    """How much what is said of rows changes where a column's values are in another order; of the largest 1.

    Parameters
    ----------
    say : callable
        From encoded rows to what is said of them, of shape (rows, outputs).
    encoded : Encoded
        Rows, of which some are looked at.
    columns : sequence of pairs
        The places of a column of the table among the encoded numbers, and among the codes.
    seed : int
    classes : bool
        Whether probabilities are said, whose distance is Hellinger's; else numbers, in units of their deviation.
    """
    rows = max(min(ROWS_SHUFFLED, MOST_SHUFFLED // len(columns)), 2)
    some = encoded.part(np.arange(0, len(encoded), -(-len(encoded) // rows)))
    other = some.part(generator(seed, "neighbors").permutation(len(some)))
    before = say(some)
    spread = before.std(axis=0)
    found = np.zeros(len(columns))
    for place, (features, codes) in enumerate(columns):
        if not features and not codes:
            continue
        x, of_codes = some.x.copy(), None if some.codes is None else some.codes.copy()
        x[:, list(features)] = other.x[:, list(features)]
        if of_codes is not None and other.codes is not None:
            of_codes[:, list(codes)] = other.codes[:, list(codes)]
        after = say(Encoded(x, of_codes))
        if classes:
            change = np.sqrt(np.clip(after, 0, 1)) - np.sqrt(np.clip(before, 0, 1))
        else:
            change = (after - before) / np.where(spread > 0, spread, 1)
        found[place] = np.sqrt((change**2).sum(axis=1).mean())
    largest = found.max(initial=0)
    return found / largest if largest > 0 else found


# ---- What near rows say ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Rows of the fit, and how much they say of a row that is near.

    ::

        p' = (c p + sum_i w_i k_i y_i) / (c + sum_i w_i k_i),     k_i = exp(-d_i / h)

    over the nearest rows i, with ``p`` what the networks say, ``y_i`` the answer of row i (of classes 1 for its own,
    else 0), ``w_i`` its weight and ``d_i`` its distance (see `Space`). As of counts of classes, p is what is believed
    before, and worth c rows; each row near by is one more, as far as it is near. Where none is, p stays.

    Networks are smooth: of rows that nearly repeat others they say what is true on the average of a region. Which is
    right where answers are noisy, so that c and h, and whether any rows are kept at all, are chosen by rows held out.

    Parameters
    ----------
    space : Space
    places : array of float32 of shape (rows, width)
    answers : array of shape (rows,) of int32, or of shape (rows, outputs) of float32
        Indices of classes; numbers as the networks learn them.
    weight : array of float32 of shape (rows,)
        Of mean 1.
    concentration, reach : float
        c and h.
    most : int
        How many rows near by are looked at.

    References
    ----------
    T. Cover, P. Hart, "Nearest neighbor pattern classification", 1967; E. Nadaraya, G. Watson, 1964 (the mean weighted
    by a kernel); Y. Gorishniy et al., "TabR: Tabular Deep Learning Meets Nearest Neighbors", 2024, and H.-J. Ye et al.,
    "Revisiting Nearest Neighbor for Tabular Data", 2025 (near rows make networks on tables better).

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.encode.encoder import Encoded
    >>> from tabgrad.estimators._neighbors import Neighbors, Space
    >>> space = Space(np.ones(1), np.zeros(0), ())
    >>> places, answers = np.array([[0.0], [5.0]], np.float32), np.array([0, 1], np.int32)
    >>> near = Neighbors(space, places, answers, np.ones(2, np.float32), 1.0, 0.1, 2)
    >>> near.joined(np.full((2, 2), 0.5), Encoded(np.array([[0.0], [2.5]], np.float32))).round(2)
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """

    space: Space
    places: np.ndarray
    answers: np.ndarray
    weight: np.ndarray
    concentration: float
    reach: float
    most: int

    def __post_init__(self) -> None:
        """Look at what a file may have held."""
        for name in ("concentration", "reach"):
            check(getattr(self, name), name, "Neighbors", (float,), POSITIVE)
        rows = len(self.places)
        shapes = {"places": (rows, self.space.width), "answers": (rows, *self.answers.shape[1:]), "weight": (rows,)}
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or not np.isfinite(array).all():
                raise ArgumentError(f"'{name}' of Neighbors must be finite, of shape {shape}. Got {array.shape}.")
        if not 1 <= self.most <= rows or not self.space.width:
            raise ArgumentError(f"Neighbors must be between 1 and {rows} of at least one column. Got {self.most}.")

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.places)

    @property
    def note(self) -> str:
        """What its user should know."""
        return (
            f"The nearest of the {len(self):,} rows of the fit are asked beside the networks, which makes predictions "
            f"of rows held out better: the model, and a file of it, holds these {len(self):,} rows as numbers. "
            "n_neighbors=0 leaves them out."
        )

    def __getstate__(self) -> dict[str, Any]:
        """All but the tree, which follows from the places."""
        return {name: value for name, value in vars(self).items() if name != "_tree"}

    @cached_property
    def _tree(self) -> KDTree:
        return _tree(self.places)

    def joined(self, said: np.ndarray, encoded: Encoded) -> np.ndarray:
        """What networks and near rows say together: float64 of shape (rows, outputs)."""
        blocks = []
        for first in range(0, max(len(said), 1), BLOCK):
            rows = slice(first, first + BLOCK)
            part = Encoded(encoded.x[rows], None if encoded.codes is None else encoded.codes[rows])
            threads = threads_here() if len(part) >= SLICE else 1  # a row alone need not wait for them
            near = Near.of(self._tree, self.space.places(part), self.most, FARTHEST * self.reach, threads)
            evidence = near.evidence(self.answers, self.weight, self.reach, said.shape[1])
            blocks.append(_joined(said[rows], *evidence, self.concentration, classes=self.answers.ndim == 1))
        return np.concatenate(blocks)


@dataclass(frozen=True)
class Near:
    """The rows that are near some others: which, and at what distance, each of shape (rows, most)."""

    rows: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, tree: KDTree, places: np.ndarray, most: int, farthest: float = np.inf, threads: int = 1) -> Near:
        """Those in a tree; where there are fewer, the others are at an infinite distance."""
        distance, rows = tree.query(places, np.arange(1, most + 1), distance_upper_bound=farthest, workers=threads)
        return cls(np.where(np.isfinite(distance), rows, 0), distance)

    def evidence(
        self, answers: np.ndarray, weight: np.ndarray, reach: float, outputs: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """``sum_i w_i k_i y_i`` of shape (rows, outputs), and ``sum_i w_i k_i`` of shape (rows, 1)."""
        counts = weight[self.rows] * np.exp(-self.distance / reach)
        total = counts.sum(axis=1, keepdims=True)
        if answers.ndim > 1:
            return np.einsum("rk,rko->ro", counts, answers[self.rows]), total
        found = np.zeros((len(counts), outputs))
        np.add.at(found, (np.arange(len(counts))[:, np.newaxis], answers[self.rows]), counts)
        return found, total


def bytes_of_near(rows: int, features: int, most: int) -> int:
    """The bytes that looking for near rows takes, at most.

    ::

        places      min(features n, 2^21) (4 + 8)     here, and in the tree
        near rows   most n 3 8                        which, at what distance, what they count for

    Examples
    --------
    >>> from tabgrad.estimators._neighbors import bytes_of_near
    >>> bytes_of_near(1000, 10, 32)
    888000
    """
    return min(features * rows, MOST_NUMBERS) * 12 + most * rows * 24


def _tree(places: np.ndarray) -> KDTree:
    from scipy.spatial import KDTree  # 20 ms that models without neighbors need not wait for

    return KDTree(places)


def _joined(
    said: np.ndarray, found: np.ndarray, total: np.ndarray, concentration: float, *, classes: bool
) -> np.ndarray:
    """``p' = (c p + found) / (c + total)``; rounding leads no probability beyond 1."""
    joined: np.ndarray = (concentration * said + found) / (concentration + total)
    return np.minimum(joined, 1.0) if classes else joined


# ---- Whether they are asked ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The rows of a fit, by which it is decided whether near rows are worth keeping.

    Parameters
    ----------
    said : array of shape (rows, outputs)
        What a network that has held a row out says of it; NaN where none has.
    answers : array
        As of `Neighbors`.
    weight : array of shape (rows,)
        Of mean 1.
    fold : array of int of shape (rows,)
        Rows of a fold are not near each other: with groups, they are siblings. Below 0: in none.
    """

    said: np.ndarray
    answers: np.ndarray
    weight: np.ndarray
    fold: np.ndarray

    @property
    def classes(self) -> bool:
        """Whether answers are indices of classes."""
        return self.answers.ndim == 1

    def near(
        self,
        places: np.ndarray,
        rows: np.ndarray,
        most: int,
        farthest: float = np.inf,
        late: Callable[[], bool] = lambda: False,
    ) -> Near | None:
        """The rows of other folds that are near some of them; None where it gets late."""
        found, distance = np.zeros((len(rows), most), np.int64), np.full((len(rows), most), np.inf)

        def fold_in_time(fold: int) -> bool:
            here, others = np.flatnonzero(self.fold[rows] == fold), np.flatnonzero(self.fold != fold)
            tree = _tree(places[others])
            for first in range(0, len(here), SLICE):
                if late():
                    return False
                some = here[first : first + SLICE]
                near = Near.of(tree, places[rows[some]], most, farthest)
                found[some], distance[some] = others[near.rows], near.distance
            return True

        with ThreadPoolExecutor(threads_here()) as pool:
            in_time = all(pool.map(fold_in_time, np.unique(self.fold[rows]).tolist()))
        return Near(found, distance) if in_time else None

    def losses(self, rows: np.ndarray, joined: np.ndarray) -> np.ndarray:
        """``-log p`` of the true class, or the squared error, of each of some rows."""
        if self.classes:
            lost = -np.log(np.maximum(joined[np.arange(len(rows)), self.answers[rows]], LEAST_PROBABILITY))
        else:
            lost = ((joined - self.answers[rows]) ** 2).sum(axis=1)
        return np.asarray(lost)

    def joined(self, rows: np.ndarray, near: Near, concentration: float, reach: float) -> np.ndarray:
        """What is said of some rows together with those near them."""
        return _joined(self.said[rows], *self.evidence(near, reach), concentration, classes=self.classes)

    def evidence(self, near: Near, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """See `Near.evidence`."""
        return near.evidence(self.answers, self.weight, reach, self.said.shape[1])

    def best(self, rows: np.ndarray, near: Near, unit: float) -> tuple[float, float]:
        """The concentration and the reach with which the loss on some rows is least."""
        least, best = np.inf, (1.0, unit)
        for reach in (REACHES * unit).tolist():
            evidence = self.evidence(near, reach)
            for concentration in CONCENTRATIONS.tolist():
                joined = _joined(self.said[rows], *evidence, concentration, classes=self.classes)
                losses = self.losses(rows, joined)
                if (loss := np.average(losses, weights=self.weight[rows])) < least:
                    least, best = loss, (concentration, reach)
        return best


def chosen(
    asked: Asked, space: Space, encoded: Encoded, most: int, seed: int, late: Callable[[], bool] = lambda: False
) -> tuple[Neighbors, np.ndarray] | None:
    """The rows with the concentration and the reach that are best for rows held out, and what is said of all of these.

    None where the loss falls by less than `LEAST_GAIN`, or by no more than chance may, three standard errors; where
    places would take too long to search; where it gets late.
    """
    judged = np.flatnonzero(~np.isnan(asked.said[:, 0]) & (asked.fold >= 0))
    most, numbers = min(most, len(judged) - 1), len(encoded) * space.width
    if most < 1 or not 0 < numbers <= MOST_NUMBERS:
        return None
    places = space.places(encoded)
    few = generator(seed, "neighbors", 1).permutation(judged)[: min(ROWS_JUDGED, MOST_LOOKED_AT // numbers)]
    some = np.sort(few)
    near = asked.near(places, some, most, late=late)
    if near is None:
        return None
    elsewhere = np.where(near.distance > 0, near.distance, np.inf).min(axis=1)
    apart = elsewhere[np.isfinite(elsewhere)]
    weight, before = asked.weight[some], asked.losses(some, asked.said[some])
    concentration, reach = asked.best(some, near, float(np.median(apart)) if len(apart) else 1.0)
    concentration *= SURER
    gain = before - asked.losses(some, asked.joined(some, near, concentration, reach))
    share = weight / weight.sum()
    mean, loss = share @ gain, share @ before
    error = np.sqrt(share**2 @ (gain - mean) ** 2)
    if not mean > max(LEAST_GAIN * loss, SURE * error):
        return None
    whole = asked.near(places, judged, most, FARTHEST * reach, late)
    if whole is None:
        return None
    said = asked.said.copy()
    said[judged] = asked.joined(judged, whole, concentration, reach)
    weights = asked.weight.astype(np.float32)
    return Neighbors(space, places, asked.answers, weights, concentration, reach, most), said
