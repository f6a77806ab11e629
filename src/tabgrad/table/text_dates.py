"""Dates in text: as ISO 8601 writes them, and in other forms where the user says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabgrad._refusals import shown
from tabgrad.table.strings import MOSTLY, Strings, Verdict

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_dates", "dates", "in_form"]

# Forms besides ISO's, as strptime writes them; many texts fit more than one.
FORMS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d")
FORMS_OF_TWO_DIGITS = ("%m/%d/%y", "%d/%m/%y", "%d.%m.%y")

ISO = (
    r"^\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
    r" ?(?P<zone>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
LIKE_ISO = r"^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}"
LIKE_A_DATE = r"^\s*[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}"
EXPECTED = "dates (2024-02-29 or 2024-02-29 13:30:00)"


def dates(text: Strings) -> Verdict | None:
    """A column as moments, if its values say so; kept as text, with what to say, if they are dates in another form."""
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
    if not text.mostly(LIKE_A_DATE) or not (forms := _fitting(text)):
        return None
    say = text.as_kind("date") if len(forms) == 1 else " or ".join(_as_form(text, form) for form in forms)
    return text.kept(
        f"{text.called} holds dates in another form than 2024-02-29, as {text.first()}: kept as text. For dates "
        f"say {say}."
    )


def as_dates(text: Strings) -> Verdict:
    """A column as moments because the user says so: in ISO's form, or in the one other form that fits every value."""
    found = _moments(text.values)
    wrong = text.values.is_not_null() & found.values.is_null()
    if not wrong.any():
        return _verdict(text, found)
    forms = _fitting(text)
    if len(forms) == 1:
        note = f"{text.called}: dates are read in the form {forms[0]!r}, as {text.first()}."
        return Verdict(_in_form(text.values, forms[0]).to_numpy(), (note,))
    if forms:
        say = " or ".join(_as_form(text, form) for form in forms)
        return text.wrong(f"{text.called} holds dates that can be read in several ways, as {text.first()}. Say {say}.")
    return _no_dates(text, wrong, EXPECTED)


def in_form(text: Strings, form: str) -> Verdict:
    """A column as moments in the form that the user gives."""
    moments = _in_form(text.values, form)
    wrong = text.values.is_not_null() & moments.is_null()
    return _no_dates(text, wrong, f"dates in the form {form!r}") if wrong.any() else Verdict(moments.to_numpy())


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


def _no_dates(text: Strings, wrong: pl.Series, expected: str) -> Verdict:
    return text.wrong(
        f"{text.called} must hold {expected}. Got {text.listed(wrong)}. If that means missing, say "
        f"{text.if_missing(wrong)}."
    )


def _as_form(text: Strings, form: str) -> str:
    return f"dates={{{shown(text.name)}: {form!r}}}"


def _fitting(text: Strings) -> list[str]:
    """The forms that every value has; of years with two digits only where no other does."""
    for forms in (FORMS, FORMS_OF_TWO_DIGITS):
        fitting = [
            form for form in forms if not (_in_form(text.values, form).is_null() & text.values.is_not_null()).any()
        ]
        if fitting:
            return fitting
    return []


def _in_form(values: pl.Series, form: str) -> pl.Series:
    import polars as pl

    bare = values.str.strip_chars()
    if any(sign in form for sign in ("%H", "%I", "%T", "%R", "%s")):
        return bare.str.to_datetime(form, strict=False, time_unit="us")
    return bare.str.to_date(form, strict=False).cast(pl.Datetime("us"))


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
    return _Moments(moments.set(~right, None), parts["zone"])
