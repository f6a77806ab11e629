"""Dates written as text: in which order year, month and day stand, and the moment that is meant.

``2024-02-29`` is ISO 8601 and can be read in one way only. ``3/4/2024`` can be read in two: a column is read in the one
order in which every date of it is a date, and not at all where there are two such orders.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

import numpy as np

__all__ = ["ORDERS", "moment", "orders"]

ORDERS = ("ymd", "mdy", "dmy")
_CLOCK = r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?Z?)?"
_DATE = re.compile(rf"\s*(\d{{1,4}})([-/.])(\d{{1,2}})\2(\d{{1,4}}){_CLOCK}\s*", re.ASCII)


def moment(text: str, order: str = "ymd") -> np.datetime64 | None:
    """The moment that a text is, its year, month and day in this order; None where it is none.

    The year has four digits. A time may follow: hours and minutes, seconds, and a fraction of them.

    Examples
    --------
    >>> from tabgrad.table.dates import moment
    >>> moment("2024-02-29 13:30"), moment("29.2.2024", "dmy"), moment("2024-02-30")
    (np.datetime64('2024-02-29T13:30:00.000000'), np.datetime64('2024-02-29T00:00:00.000000'), None)
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    first, _, second, third, hour, minute, second_of, fraction = found.groups()
    part = dict(zip(order, (first, second, third), strict=True))
    if len(part["y"]) != 4:
        return None
    clock = (int(hour or 0), int(minute or 0), int(second_of or 0), int((fraction or "").ljust(6, "0")))
    try:
        return np.datetime64(datetime.datetime(int(part["y"]), int(part["m"]), int(part["d"]), *clock), "us")
    except ValueError:
        return None


def orders(texts: Iterable[str]) -> tuple[str, ...]:
    """The orders in which every text is a date."""
    fitting = list(ORDERS)
    for text in texts:
        fitting = [order for order in fitting if moment(text, order) is not None]
        if not fitting:
            break
    return tuple(fitting)
