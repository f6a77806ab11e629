"""Columns of dates: how far along, and where in the year, the week and the day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tabgrad._checks import known_name
from tabgrad._record import Record
from tabgrad.encode.numeric import Robust, encoded
from tabgrad.table.dates import ORDERS

__all__ = ["DateParts", "fit"]

DAY = 86_400_000_000  # microseconds
DECIMALS = 12  # of sines and cosines: sin(pi), which is 1e-16, is the 0 that sin(0) is
CYCLES = ("month", "weekday", "hour")


@dataclass(frozen=True)
class DateParts(Record):
    """A date as its parts.

    ::

        days     since 1970 (with the time of day as a fraction), scaled by `Robust`
        year     scaled by `Robust`
        month    sin and cos of 2 pi m / 12,  m = 0, ..., 11
        weekday  sin and cos of 2 pi d / 7,   d = 0 (Monday), ..., 6
        hour     sin and cos of 2 pi t,       t the time of day as a fraction of the day

    The year and the cycles are there where they vary among the training rows. A missing date is the training's median
    for `days` and `year`, and the middle of the circle, 0 and 0, for the cycles.

    Parameters
    ----------
    name : str
        The column.
    days : Robust
        With the indicator of missing dates, if there is one.
    year : Robust or None
    month, weekday, hour : bool
    order : str, default "ymd"
        Of year, month and day, where dates come as text.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.encode.dates import fit
    >>> dates = np.array(["2024-01-01", "2024-02-01", "2024-04-01", "NaT"], "datetime64[us]")
    >>> column = fit("sold", dates)
    >>> column.features
    ('sold (days)', 'sold (month sin)', 'sold (month cos)', 'sold (weekday sin)', 'sold (weekday cos)')
    >>> column.encode(dates)[:, :3].round(2)
    array([[-0.66,  0.  ,  1.  ],
           [ 0.  ,  0.5 ,  0.87],
           [ 1.21,  1.  ,  0.  ],
           [ 0.  ,  0.  ,  0.  ]], dtype=float32)
    """

    name: str
    days: Robust
    year: Robust | None
    month: bool
    weekday: bool
    hour: bool
    order: str = "ymd"

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        known_name(self.order, "order of a date", ORDERS)

    @property
    def indicator(self) -> bool:
        """Whether a column says where the date is missing."""
        return self.days.indicator

    @property
    def cycles(self) -> tuple[str, ...]:
        """The cycles that are there."""
        return tuple(cycle for cycle in CYCLES if getattr(self, cycle))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the encoded columns."""
        marks = [f"{self.name} (missing)"] * self.indicator + [f"{self.name} (year)"] * (self.year is not None)
        waves = (f"{self.name} ({cycle} {wave})" for cycle in self.cycles for wave in ("sin", "cos"))
        return (f"{self.name} (days)", *marks, *waves)

    @property
    def embeddable(self) -> tuple[int, ...]:
        """Which of `features` are numbers of more than two values: all but the indicator."""
        return tuple(place for place in range(len(self.features)) if place != 1 or not self.indicator)

    def encode(self, dates: np.ndarray) -> np.ndarray:
        """The encoded columns: float32 of shape (rows, features)."""
        scaled = [self.days, *([self.year] if self.year else [])]
        columns = [_days(dates), *([_years(dates)] if self.year else [])]
        out = np.empty((len(dates), len(self.features)), np.float32)
        width = sum(len(record.features) for record in scaled)
        out[:, :width] = encoded(scaled, columns)
        for place, wave in enumerate(self._waves(dates), width):
            out[:, place] = wave
        return out

    def _waves(self, dates: np.ndarray) -> Iterator[np.ndarray]:
        gone = np.isnat(dates)
        for cycle in self.cycles:
            angle = 2 * np.pi * np.where(gone, 0, _PHASES[cycle](dates))
            for wave in (np.sin(angle), np.cos(angle)):
                yield np.where(gone, 0, np.round(wave, DECIMALS))


def fit(name: str, dates: np.ndarray, *, indicator: bool = False, order: str = "ymd") -> DateParts:
    """A column of dates of the training rows, datetime64[us]; NaT where one is missing."""
    present = dates[~np.isnat(dates)]
    if len(present) == 0:  # of the training rows, though not of the table
        present = np.zeros(1, dates.dtype)
    years = _years(present)
    days = Robust.of(f"{name} (days)", _days(present), indicator=False)
    varying = {cycle: len(np.unique(_PHASES[cycle](present))) > 1 for cycle in CYCLES}
    return DateParts(
        name,
        days=Robust(days.name, days.median, indicator, days.scale),
        year=Robust.of(f"{name} (year)", years) if len(np.unique(years)) > 1 else None,
        **varying,
        order=order,
    )


# ---- Parts of dates, float64; of a missing one anything --------------------------------------------------------------


def _days(dates: np.ndarray) -> np.ndarray:
    """Days since 1970; NaN where one is missing."""
    return np.where(np.isnat(dates), np.nan, dates.astype(np.int64) / DAY)


def _years(dates: np.ndarray) -> np.ndarray:
    """The year; NaN where one is missing."""
    return np.where(np.isnat(dates), np.nan, 1970.0 + dates.astype("datetime64[Y]").astype(np.int64))


def _months(dates: np.ndarray) -> np.ndarray:
    return dates.astype("datetime64[M]").astype(np.int64) % 12 / 12


def _weekdays(dates: np.ndarray) -> np.ndarray:
    return (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7 / 7  # 1970 began on a Thursday


def _hours(dates: np.ndarray) -> np.ndarray:
    return dates.astype(np.int64) % DAY / DAY


_PHASES = {"month": _months, "weekday": _weekdays, "hour": _hours}
