"""Dates in text: as ISO 8601 writes them they are read; those in another order are found, and left to the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabgrad.table.dates import orders
from tabgrad.table.strings import MOSTLY, Strings, Verdict, words_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_dates", "dates"]

ISO = (
    r"^\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
    r" ?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
LIKE_ISO = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"
LIKE_A_DATE = r"^\s*[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}"
IN_WORDS = {"ymd": "year, month, day", "mdy": "month, day, year", "dmy": "day, month, year"}


def dates(text: Strings) -> Verdict | None:
    """A column as moments, if its values say so; kept as text if their parts stand in another order."""
    if text.mostly(LIKE_ISO):
        found = _moments(text.values)
        wrong = text.values.is_not_null() & found.values.is_null()
        if not wrong.any():
            return _verdict(text, found)
        share = f"{int(wrong.sum())} of {text.present} rows"
        if int(wrong.sum()) <= (1 - MOSTLY) * text.present:
            return text.wrong(
                f"{text.called} holds dates, but in {share} a value is none: {text.listed(wrong)}. If that means "
                f"missing, say {text.if_missing(wrong)}; if the column is no date, {text.as_kind('categorical')}."
            )
        return text.kept(f"{text.called} is read as text: in {share} a value is no date, as {text.listed(wrong)}.")
    return _another_form(text) if text.mostly(LIKE_A_DATE) else None


def as_dates(text: Strings) -> Verdict:
    """A column as moments because the user says so; in another form than ISO's it stays text, which a schema reads."""
    found = _moments(text.values)
    wrong = text.values.is_not_null() & found.values.is_null()
    return text.kept() if wrong.any() else _verdict(text, found)


def _another_form(text: Strings) -> Verdict | None:
    """Dates whose parts stand in another order: kept as text, and in which order, if there is one alone."""
    values = words_of(text.values)
    fitting = orders(values.levels)
    if not fitting:
        return None
    if len(fitting) == 1:
        note = f"{text.called} holds dates, as {text.first()}: in the order {IN_WORDS[fitting[0]]}."
    else:
        say = " or ".join(f"{text.as_kind(order)} ({IN_WORDS[order]})" for order in fitting)
        note = f"{text.called} holds dates that can be read in two ways, as {text.first()}: taken for text. Say {say}."
    return Verdict(values, (note,))


@dataclass(frozen=True, eq=False)
class _Moments:
    """Moments in UTC where a zone is given; null where a text is none."""

    values: pl.Series
    zones: pl.Series  # what each says of its zone


def _verdict(text: Strings, found: _Moments) -> Verdict:
    zoned = text.present - int((found.zones.is_null() & text.values.is_not_null()).sum())
    if 0 < zoned < text.present:
        return text.kept(
            f"{text.called} holds times with a zone and without: kept as text. Write all of them with one, or none."
        )
    note = f"{text.called}: times with a zone are read in UTC, as {text.first()}."
    return Verdict(found.values.to_numpy(), (note,) if zoned else ())


def _moments(values: pl.Series) -> _Moments:
    """What of a column ISO 8601 knows: ``2024-02-29``, ``2024-02-29T13:30:00.5+02:00``."""
    import polars as pl

    parts = values.str.extract_groups(ISO).struct.unnest()
    day = parts["date"].str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    hour, minute, second = (parts[each].cast(pl.Int64).fill_null(0) for each in ("hour", "minute", "second"))
    part = parts["part"].fill_null("0").str.pad_end(6, "0").str.head(6).cast(pl.Int64)
    behind = parts["zone"].str.starts_with("-").fill_null(value=False)
    digits = parts["zone"].str.replace_all(":", "", literal=True)
    hours, rest = (digits.str.slice(place, 2).cast(pl.Int64, strict=False).fill_null(0) for place in (1, 3))
    offset = (hours * 60 + rest) * (1 - 2 * behind.cast(pl.Int64))
    right = (hour < 24) & (minute < 60) & (second < 60) & (hours < 24) & (rest < 60)
    moments = day + (((hour * 60 + minute - offset) * 60 + second) * 1_000_000 + part).cast(pl.Duration("us"))
    return _Moments(pl.select(pl.when(right).then(moments)).to_series(), parts["zone"])
