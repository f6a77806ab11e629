"""Dates and their parts, held against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgrad.encode.dates import DateParts, fit
from tabgrad.encode.numeric import Robust
from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError

RNG = np.random.default_rng(0)
MOMENTS = (np.datetime64("1969-03-01T00:00:00", "us") + RNG.integers(0, 10**15, 300)).astype("datetime64[us]")


def smooth(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def test_the_parts_are_pandas():
    parts = pd.DatetimeIndex(MOMENTS)
    record = fit("t", MOMENTS)
    days = (parts - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    scale = np.subtract(*np.percentile(days, [75, 25]))
    years = parts.year.to_numpy()
    spread = np.subtract(*np.percentile(years, [75, 25]))
    hour = (parts - parts.normalize()) / pd.Timedelta(days=1)
    columns = [smooth((days - np.median(days)) / scale), smooth((years - np.median(years)) / spread)]
    for phase in ((parts.month - 1) / 12, parts.day_of_week / 7, hour):
        columns += [np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)]
    np.testing.assert_allclose(record.encode(MOMENTS), np.column_stack(columns), rtol=1e-5, atol=1e-6)
    assert len(record.features) == 8


def test_what_does_not_vary_is_left_out():
    days = np.array(["2024-03-04", "2024-03-11", "2024-03-18"], "datetime64[us]")  # Mondays in a March
    assert fit("t", days).features == ("t (days)",)
    assert fit("t", days + np.array([0, 1, 2], "timedelta64[h]")).features[1:] == ("t (hour sin)", "t (hour cos)")


def test_a_missing_date_is_the_median_and_the_middle_of_each_circle():
    moments = np.append(MOMENTS[:31], np.datetime64("NaT"))
    record = fit("t", moments, indicator=True)
    assert record.features[:3] == ("t (days)", "t (missing)", "t (year)")
    assert record.encode(moments)[-1].tolist() == [0, 1] + [0] * 7
    assert (record.encode(moments)[:-1, 1] == 0).all()


def test_no_date_at_all_among_the_training_rows():
    gone = np.full(3, np.datetime64("NaT"), "datetime64[us]")
    assert np.isfinite(fit("t", gone).encode(np.append(gone, MOMENTS))).all()


@pytest.mark.parametrize("far", ["-9999-01-01", "9999-12-31"])
def test_dates_far_away_are_bounded(far):
    assert np.abs(fit("t", MOMENTS).encode(np.array([far], "datetime64[us]"))).max() <= 3


def test_a_record_refuses_what_it_cannot_be():
    days = Robust("t (days)", 0.0, False, 1.0)
    with pytest.raises(ArgumentTypeError, match="'days' of DateParts must be Robust"):
        DateParts("t", None, None, False, False, False)
    with pytest.raises(ArgumentError, match="'month' of DateParts must be True or False"):
        DateParts("t", days, None, 3, False, False)
    with pytest.raises(UnknownNameError, match="order"):
        DateParts("t", days, None, True, False, False, "ydm")
