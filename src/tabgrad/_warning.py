"""Warnings that name the line of the user's program, however deep in the library they come from."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple

__all__ = ["from_here", "warn"]

BETWEEN = frozenset(
    {"tabgrad", "sklearn", "joblib", "concurrent", "contextlib", "functools", "multiprocessing", "runpy", "threading"}
)
"""Packages whose frames may lie between the user's line and a warning: this one, and what calls it for somebody."""


class Place(NamedTuple):
    """A line, as `warnings` takes it."""

    filename: str
    line: int
    module: str
    registry: dict[Any, Any]

    @classmethod
    def of(cls, frame: FrameType) -> Place:
        """The line that a frame is at."""
        registry = frame.f_globals.setdefault("__warningregistry__", {})
        return cls(frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__")), registry)


_caller: ContextVar[Place | None] = ContextVar("caller", default=None)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the innermost line that is neither the library's nor of what calls it.

    A callback, or a class derived from one of the library's, is the user's own: then it is the line there. In a thread
    where there is none it is the line that `from_here` has noted, else the library's.

    Examples
    --------
    >>> import warnings
    >>> from tabgrad._warning import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("There are fewer rows than columns.")
    >>> print(caught[0].category.__name__, caught[0].message, sep=": ")
    UserWarning: There are fewer rows than columns.
    """
    here = sys._getframe(1)
    warnings.warn_explicit(message, category, *(_users(here) or _caller.get() or Place.of(here)))


@contextmanager
def from_here() -> Iterator[None]:
    """Within the block, and in threads that run in copies of its context, warnings name the line that led here."""
    token = _caller.set(_users(sys._getframe(1)) or _caller.get())
    try:
        yield
    finally:
        _caller.reset(token)


def _users(frame: FrameType | None) -> Place | None:
    """The innermost line from a frame on outwards that is the user's."""
    while frame is not None and _package(frame) in BETWEEN:
        frame = frame.f_back
    return None if frame is None else Place.of(frame)


def _package(frame: FrameType) -> str:
    """The package of a frame's code; a module that Python was started with has its name in its specification."""
    names = frame.f_globals
    name = names.get("__name__")
    if name == "__main__":
        name = getattr(names.get("__spec__"), "name", name)
    return str(name).partition(".")[0]
