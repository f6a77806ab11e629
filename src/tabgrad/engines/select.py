"""Which engine runs: the native one, unless the environment variable TABGRAD_ENGINE says "reference"."""

from __future__ import annotations

import os
from functools import cache

from tabgrad._checks import known_name
from tabgrad.engines.base import Engine

ENGINES = ("native", "reference")


def get_engine(name: str | None = None) -> Engine:
    """The engine of a name; None: TABGRAD_ENGINE if it is set, else the native one."""
    return _engine(known_name(name or os.environ.get("TABGRAD_ENGINE") or "native", "engine", ENGINES))


@cache
def _engine(name: str) -> Engine:
    if name == "reference":
        from tabgrad.engines.reference import ReferenceEngine

        return ReferenceEngine()
    from tabgrad.engines.native import NativeEngine

    return NativeEngine()
