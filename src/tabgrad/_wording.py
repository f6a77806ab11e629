"""Names, values and figures as a person reads them, on a screen and on a page."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["amount", "figure", "printable"]

LONGEST = 40  # characters of a name


def printable(text: Any, most: int = LONGEST) -> str:
    r"""A name or value as a line can hold it: control characters escaped, those that turn text round too; cut if long.

    Examples
    --------
    >>> from tabgrad._wording import printable
    >>> print(printable("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    safe = "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(text)[: 4 * most])
    return safe if len(safe) <= most else f"{safe[: most - 3]}..."


def figure(value: float) -> str:
    """A score in four significant digits.

    Examples
    --------
    >>> from tabgrad._wording import figure
    >>> figure(0.92341), figure(51234.6), figure(0.0000123), figure(7.0), figure(float("nan"))
    ('0.9234', '51235', '1.23e-05', '7', '-')
    """
    if not math.isfinite(value):
        return "-" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        digits = max(0, 3 - math.floor(math.log10(abs(value)))) if abs(value) >= 1 else 4
        return f"{value:.{digits}f}"
    return f"{value:.3g}"


def amount(count: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``13,611 rows``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
