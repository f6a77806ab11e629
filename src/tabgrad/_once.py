"""What fits of the same rows have in common, done once: while a search runs, and nowhere else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Made = TypeVar("Made")

MOST = 8  # things of one name that are kept: for other arguments they are made again


class Once:
    """Keeps what was made of the same objects, which it keeps as well; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, OrderedDict[tuple[Any, ...], _Thing]] = {}

    def get(self, name: str, of: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """What `make` gives, or gave for the same objects."""
        key = tuple(_key(each) for each in of)
        with self._lock:
            things = self._made.setdefault(name, OrderedDict())
            thing = things.setdefault(key, _Thing(of))
            things.move_to_end(key)
            while len(things) > MOST:
                things.popitem(last=False)
        with thing.lock:  # who comes second waits for it
            if not thing.there:
                thing.value, thing.there = make(), True
        made: Made = thing.value
        return made


class _Thing:
    """Something made, and what of: as long as that lives, nothing else has its identity."""

    def __init__(self, of: tuple[Any, ...]) -> None:
        self.lock, self.of = threading.Lock(), of
        self.there = False
        self.value: Any = None


def _key(each: Any) -> Any:
    """Plain values by value, all else by identity."""
    if each is None or isinstance(each, (bool, int, float, str)):
        return each
    return (id(each),)


_keeping: ContextVar[Once | None] = ContextVar("once", default=None)


@contextmanager
def keeping(once: Once | None) -> Iterator[None]:
    """Within the block, `made_once` asks this; None: it makes everything anew."""
    token = _keeping.set(once)
    try:
        yield
    finally:
        _keeping.reset(token)


def made_once(name: str, of: tuple[Any, ...], make: Callable[[], Made]) -> Made:
    """What `make` gives; within `keeping`, what it gave before for the same objects.

    Whatever is made so is never changed by anybody, and depends on nothing but the objects.

    Examples
    --------
    >>> from tabgrad._once import Once, keeping, made_once
    >>> rows = [3, 1, 2]
    >>> with keeping(Once()):
    ...     first, second = (made_once("sorted", (rows,), lambda: sorted(rows)) for _ in range(2))
    >>> first is second
    True
    """
    once = _keeping.get()
    return make() if once is None else once.get(name, of, make)
