"""Which engine runs: the native one, unless TABGRAD_ENGINE says "reference" or somebody stands in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from tabgrad._checks import known_name
from tabgrad.engines.base import Engine

ENGINES = ("native", "reference")


_between: ContextVar[Engine | None] = ContextVar("engine", default=None)


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Within the block, this engine runs where no name is given: one that stands before another, and calls it."""
    token = _between.set(engine)
    try:
        yield
    finally:
        _between.reset(token)


def get_engine(name: str | None = None) -> Engine:
    """The engine of a name; None: that of `using`, else TABGRAD_ENGINE if it is set, else the native one."""
    if name is None and (between := _between.get()) is not None:
        return between
    return _engine(known_name(name or os.environ.get("TABGRAD_ENGINE") or "native", "engine", ENGINES))


@cache
def _engine(name: str) -> Engine:
    if name == "reference":
        from tabgrad.engines.reference import ReferenceEngine

        return ReferenceEngine()
    from tabgrad.engines.native import NativeEngine

    return NativeEngine()
