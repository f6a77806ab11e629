"""Warnings that name the line of the user's program, however deep in the library they come from."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

__all__ = ["warn"]

BETWEEN = frozenset({"tabgrad", "sklearn", "joblib", "concurrent", "contextlib", "functools", "threading"})
"""Packages whose frames may lie between the user's line and a warning: this one, and what calls it for somebody."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the innermost line that is neither the library's nor of what calls it; in a thread, of the library's own.

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
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=2 if frame is None else level)
