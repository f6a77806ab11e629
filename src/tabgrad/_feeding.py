"""Batches that come one by one: parts of arrays, generators, datasets; each checked as arrays are.

What Keras calls a Sequence or PyDataset is any object with ``__len__`` and ``__getitem__`` that is no table: batch
`i` is ``dataset[i]``. An epoch of so many steps goes on where the one before it ended; the last epoch of a pass over
the rows is shorter where they do not suffice, and the next one begins a new pass, as in Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice, starmap
from typing import Any, Protocol, TypeVar

import numpy as np

from tabgrad import _seeds
from tabgrad._checks import COUNT, check
from tabgrad._inputs import Inputs
from tabgrad._refusals import shown
from tabgrad._warning import warn
from tabgrad.errors import ArgumentError, DataError
from tabgrad.matrix import Matrix
from tabgrad.optimizers import LBFGS, Optimizer

Parts = tuple[Any, Any, Any]
Convert = Callable[[Parts, str], Matrix]
"""From (x, y, sample_weight) and the name of the batch in messages to rows."""
Given = tuple[Parts, str]


Rows = TypeVar("Rows", Matrix, Inputs)


class Source(Protocol):
    """Passes over rows, batch by batch."""

    @property
    def count(self) -> int | None:
        """Batches of a pass; None: nobody knows."""

    def batches(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Matrix]:
        """Batches [start, stop) of a pass."""


class Feed:
    """The batches of each epoch.

    Parameters
    ----------
    source : Source
    steps : int or None
        Of an epoch; None: a pass.
    seed : int
        Of the orders.
    began : int
        The epoch with which the first pass begins.
    """

    def __init__(self, source: Source, steps: int | None, *, seed: int, began: int) -> None:
        self._source, self._steps, self.seed, self.began = source, steps, seed, began
        self.taken = 0  # in the epoch on its way
        self.ended = False  # nothing is left for another epoch

    @property
    def steps(self) -> int | None:
        """Steps of an epoch, if they are known."""
        return self._source.count if self._steps is None else self._steps

    def __call__(self, epoch: int) -> Iterator[Matrix]:
        """The batches of an epoch."""
        self.taken = 0
        for batch in self._batches(epoch):
            self.taken += 1
            yield batch
        self.ended = self._source.count is None and self.taken != self._steps

    def _batches(self, epoch: int) -> Iterator[Matrix]:
        count, steps = self._source.count, self._steps
        if count is None or steps is None:
            return self._source.batches(self.seed, epoch, 0, steps)
        number, part = divmod(epoch - self.began, math.ceil(count / steps))
        return self._source.batches(self.seed, self.began + number, part * steps, min(count, (part + 1) * steps))

    def warn_of_the_end(self, epoch: int, epochs: int) -> None:
        """Say that a generator had too few batches."""
        if self.ended and (self._steps is not None or epoch < epochs):
            asked = f"{epochs} epochs" + ("" if self._steps is None else f" of {self._steps} steps")
            warn(
                f"The generator ended after {epoch} of {asked}, the last of them with {self.taken} steps, and the run "
                "with it. Give a generator that goes on, fewer epochs, or a dataset (__len__ and __getitem__).",
            )

    def warn_of_short_epochs(self, epochs: int) -> None:
        """Say where epochs will be shorter than they were asked to be."""
        count, steps = self._source.count, self._steps
        if count is None or steps is None or count % steps == 0 or epochs * steps < count:
            return
        which = "every epoch" if steps > count else f"each {_ordinal(math.ceil(count / steps))} epoch"
        warn(
            f"The rows are {count} batches: with steps_per_epoch={steps}, {which} has only {count % steps} "
            f"step{'s' if count % steps > 1 else ''}. A new pass over the rows begins after it.",
        )


class Arrays:
    """Rows in memory, in a new order each pass."""

    def __init__(self, rows: Matrix, batch_size: int, *, shuffle: bool) -> None:
        self._rows, self._size, self._shuffle = rows, batch_size, shuffle
        self.count: int | None = math.ceil(len(rows) / batch_size)

    def batches(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Matrix]:
        """Batches of a pass."""
        rows = len(self._rows)
        order = _seeds.permutation(seed, number, rows) if self._shuffle else np.arange(rows)
        for place in range(self.count or 0)[start:stop]:
            yield self._rows.part(order[place * self._size : (place + 1) * self._size])


class Generator:
    """An iterator of batches; what it has given is gone."""

    first_name = "batch 0 of the generator"

    def __init__(self, batches: Iterator[Any]) -> None:
        self.convert: Convert = _not_yet
        self._given = 0
        first = list(islice(batches, 1))
        if not first:
            raise DataError("The generator must yield at least one batch, (x, y) or (x, y, sample_weight). Got none.")
        self.first = parts_of(first[0], self.first_name)
        self._batches = chain(first, batches)
        self.count: int | None = None

    def given(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Given]:
        """The next batches as they came, and their names."""
        for batch in self._batches if stop is None else islice(self._batches, stop):
            name = f"batch {self._given} of the generator"
            self._given += 1
            yield parts_of(batch, name), name

    def batches(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Matrix]:
        """The next batches."""
        return starmap(self.convert, self.given(seed, number, start, stop))


class Dataset:
    """An object that has its batches by number; in a new order each pass."""

    first_name = "batch 0 of the dataset"

    def __init__(self, dataset: Any, *, shuffle: bool) -> None:
        self.convert: Convert = _not_yet
        self._dataset, self._shuffle = dataset, shuffle
        if not self.count:
            raise DataError(f"The dataset must have at least one batch. Got {type(dataset).__name__} of length 0.")
        self.first = parts_of(dataset[0], self.first_name)

    @property
    def count(self) -> int | None:
        """Batches of a pass, as the dataset says now."""
        return len(self._dataset)

    def given(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Given]:
        """Batches of a pass as they came, and their names, with the dataset's own hooks around them."""
        count = self.count or 0
        order = _seeds.permutation(seed, number, count).tolist() if self._shuffle else list(range(count))
        self._hook("on_epoch_begin")
        for place in order[start:stop]:
            name = f"batch {place} of the dataset"
            yield parts_of(self._dataset[place], name), name
        self._hook("on_epoch_end")

    def batches(self, seed: int, number: int, start: int, stop: int | None) -> Iterator[Matrix]:
        """Batches of a pass."""
        return starmap(self.convert, self.given(seed, number, start, stop))

    def _hook(self, name: str) -> None:
        if callable(hook := getattr(self._dataset, name, None)):
            hook()


def is_fed(x: Any) -> bool:
    """Whether `x` gives batches and is no table itself."""
    if isinstance(x, (list, tuple, range, str, bytes, Mapping)):
        return False
    if any(hasattr(x, name) for name in ("shape", "__array__", "columns", "__dataframe__")):
        return False
    return hasattr(x, "__next__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def source_of(x: Any, *, shuffle: bool = False) -> Generator | Dataset:
    """The batches that `x` gives; what makes rows of them is set once the network is known."""
    return Generator(x) if hasattr(x, "__next__") else Dataset(x, shuffle=shuffle)


def _not_yet(parts: Parts, name: str) -> Any:
    raise AssertionError(name)


def refuse_beside(caller: str, x: Any, **given: Any) -> None:
    """Refuse what has its place in the batches."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise ArgumentError(
                f"'{name}' of {caller} must not be given beside batches (x is a {type(x).__name__}). "
                f"{_BESIDE.get(name, 'Let each batch be (x, y) or (x, y, sample_weight).')}"
            )


_BESIDE = {"validation_split": "Give 'validation_data': rows, or batches of their own."}


def refuse_lbfgs(optimizer: Optimizer) -> None:
    """Refuse an optimizer that needs all rows at once."""
    if isinstance(optimizer, LBFGS):
        raise ArgumentError(
            "LBFGS takes all rows at once, not batches that come one by one. Give x and y as arrays without "
            "steps_per_epoch, or take another optimizer."
        )


def parts_of(batch: Any, name: str) -> Parts:
    """x, y and the weights of rows, None where there are none."""
    if hasattr(batch, "shape"):
        return (batch, None, None)
    if not isinstance(batch, (tuple, list)) or not 1 <= len(batch) <= 3:
        of = f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise DataError(
            f"{name.capitalize()} must be (x, y) or (x, y, sample_weight). Got {type(batch).__name__}{of}: "
            f"{shown(batch)}."
        )
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


def first_steps(rows: Rows, steps: int | None, batch_size: int, name: str) -> Rows:
    """The rows of the first batches, with a warning where there are fewer batches."""
    count = math.ceil(len(rows) / batch_size)
    if steps is None or steps == count:
        return rows
    if steps > count:
        warn(
            f"'{name}' asks for {steps} batches of {batch_size}, but the {len(rows)} rows make {count}: all are taken.",
        )
    return rows.part(slice(steps * batch_size))


def joined(batches: Iterator[Matrix]) -> Matrix:
    """Batches as one table."""
    parts = list(batches)
    weights = None
    if any(part.weight is not None for part in parts):
        weights = np.concatenate([np.ones(len(p), np.float32) if p.weight is None else p.weight for p in parts])
    codes = None if parts[0].codes is None else np.concatenate([p.codes for p in parts if p.codes is not None])
    return Matrix(np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts]), weights, codes)


def validated_epochs(validation_freq: Any) -> Callable[[int], bool] | None:
    """Whether an epoch, by its number from 1, is validated; None where each is."""
    if isinstance(validation_freq, (list, tuple, set, frozenset, range)):
        numbers = {check(each, "validation_freq", "fit", (int,), COUNT) for each in validation_freq}
        return numbers.__contains__
    every: int = check(validation_freq, "validation_freq", "fit", (int,), COUNT)
    return None if every == 1 else lambda epoch: epoch % every == 0


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
