"""Numbers in text: which columns are numbers, and what of them would be lost or is not certain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.table.columns import LOSSLESS
from tabgrad.table.convert import number
from tabgrad.table.strings import GLANCE, MOSTLY, Strings, Verdict

if TYPE_CHECKING:
    import polars as pl

__all__ = ["amounts", "as_numbers", "doubtful_points", "mistakes", "numbers"]

# What often stands for "no value": taken for words, unless the user says that they are missing.
NO_VALUE = (
    *("NA", "N/A", "na", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", "null", "None", "none"),
    *("?", "-", "--", ".", "missing"),
)

PADDED = r"^\s|\s$"
LEADING_ZERO = r"^[+-]?0[0-9]"
WHOLE = r"^[+-]?[0-9]+$"
DECIMAL_COMMA = r"^[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?$"
COMMAS_BY_THREE = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"  # between thousands, or a decimal one
POINTS_BY_THREE = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+$"
AMOUNT = r"^[\s$€£¥+-]*[0-9][0-9.,\s]*[\s%$€£¥]*$"
SIGNED = r"[%$€£¥]"


def numbers(text: Strings) -> Verdict | None:
    """A column as numbers, if its values say so; None where it is something else.

    All values must be numbers. Where nearly all are, or where what else there is often stands for "no value", that is
    a problem, not a guess. Numbers with leading zeros are codes, and kept as text.
    """
    bare, notes = _bare(text)
    floats = _floats(bare.values)
    fits = _finite(floats)
    count = int(fits.sum())
    if count == bare.present and count:
        return _all_numbers(bare, floats, notes)
    if _has_commas(text):
        note = f"{text.called}: decimal commas are read as points, as {text.first(',')}."
        return Verdict(_filled(_floats(_with_points(text.values))), (note,), commas=True)
    return _some_numbers(bare, floats, fits, count) if count else None


def as_numbers(text: Strings) -> Verdict:
    """A column as numbers because the user says so: also with signs of currency, percent signs, leading zeros."""
    bare, notes = _bare(text)
    commas = text.rules.decimal == "," or (text.rules.decimal is None and text.any(",") and _has_commas(bare))
    plain = _with_points(bare.values) if commas else bare.values
    floats = _floats(plain)
    wrong = plain.is_not_null() & ~_finite(floats)
    if wrong.any():
        return _amounts_as_numbers(text, plain, floats, wrong, notes)
    if not plain.null_count() and (whole := _whole(plain)) is not None:
        return Verdict(whole.to_numpy(), notes, commas=commas)
    if (row := _rounded(plain, floats)) is not None:
        notes = (*notes, f"{text.called}: whole numbers beyond 2^53 are rounded, as {text.at(row)}.")
    return Verdict(_filled(floats), notes, commas=commas)


def mistakes(text: Strings) -> Verdict | None:
    """Values that are no numbers in a column of text that else holds numbers; None where all are, or few."""
    floats = _floats(text.values)
    fits = _finite(floats)
    count = int(fits.sum())
    return _some_numbers(text, floats, fits, count) if 0 < count < text.present else None


def amounts(text: Strings) -> Verdict | None:
    """Amounts of money and percentages, kept as text and reported; None where a column holds none."""
    if not text.all(AMOUNT) or not (text.any(SIGNED) or text.all_with(",", COMMAS_BY_THREE)):
        return None
    commas = ", or decimal=',' if commas are decimal" if text.any(",") else ""
    return text.kept(
        f"{text.called} holds amounts, as {text.first()}: kept as text. For numbers say "
        f"{text.as_kind('numeric')}{commas}."
    )


def doubtful_points(text: Strings) -> Verdict | None:
    """A column of a file whose commas are decimal, if its points may all stand between thousands: kept as text."""
    if not text.all_with(".", POINTS_BY_THREE):
        return None
    return text.kept(
        f"{text.called} holds {text.first('[.]')}, where the point may stand between thousands, since commas are "
        f"decimal in other columns: kept as text. Say decimal=',' if it does, {text.as_kind('numeric')} if it does not."
    )


def _all_numbers(text: Strings, floats: pl.Series, notes: tuple[str, ...]) -> Verdict:
    """Numbers, unless they are codes, or too large to be kept."""
    quantities = f"kept as text. If they are quantities, say {text.as_kind('numeric')}."
    if text.any(LEADING_ZERO):
        return text.kept(f"{text.called} holds numbers with leading zeros, as {text.first(LEADING_ZERO)}: {quantities}")
    if text.rules.decimal == "," and text.all_with(".", POINTS_BY_THREE):
        return Verdict(_filled(_floats(_with_points(text.values))), notes, commas=True)
    if not text.values.null_count() and (whole := _whole(text.values)) is not None:
        return Verdict(whole.to_numpy(), notes)
    if (row := _rounded(text.values, floats)) is not None:
        if text.all(WHOLE):
            return text.kept(
                f"{text.called} holds whole numbers that 64 bits do not hold exactly, as {text.at(row)}: {quantities}"
            )
        notes = (*notes, f"{text.called}: whole numbers beyond 2^53 are rounded, as {text.at(row)}.")
    return Verdict(_filled(floats), notes)


def _some_numbers(text: Strings, floats: pl.Series, fits: pl.Series, count: int) -> Verdict | None:
    """Numbers and something else."""
    others = text.values.is_not_null() & ~fits
    named = text.values.str.strip_chars().is_in(list(NO_VALUE)) | floats.is_not_null()
    if count >= MOSTLY * text.present or bool(named.filter(others).all()):
        infinite = floats.is_not_null().filter(others).all()
        what = "is no finite number" if infinite else "is no number"
        return text.wrong(
            f"{text.called} holds numbers, but in {int(others.sum())} of {text.present} rows a value {what}: "
            f"{text.listed(others)}. If that means missing, say {text.if_missing(others)}; if the column is no "
            f"quantity, {text.as_kind('categorical')}."
        )
    if 2 * count < text.present:
        return None
    return text.kept(
        f"{text.called} is read as text: {count} of its {text.present} values are numbers, others are not, as "
        f"{text.at(int(others.arg_true()[0]))}."
    )


def _amounts_as_numbers(
    text: Strings, plain: pl.Series, floats: pl.Series, wrong: pl.Series, notes: tuple[str, ...]
) -> Verdict:
    """What is a number once its signs are taken off."""
    read = {each: value for each in plain.filter(wrong).unique().to_list() if (value := number(each)) is not None}
    failed = wrong & ~plain.is_in([each for each, value in read.items() if np.isfinite(value)])
    if failed.any():
        got = f"{text.called} must hold numbers. Got {text.listed(failed)}."
        if failed.sum() == text.present:
            return text.wrong(f"{got} It is another column, or of another kind: {text.as_kind('categorical')}.")
        return text.wrong(f"{got} If that means missing, say {text.if_missing(failed)}.")
    array, rows = _filled(floats).copy(), wrong.arg_true().to_numpy()
    array[rows] = [read[each] for each in plain.gather(rows).to_list()]
    note = f"{text.called}: amounts are read as numbers, {text.at(int(rows[0]))} as {array[rows[0]]:g}."
    return Verdict(array, (*notes, note), commas=text.rules.decimal == ",")


def _has_commas(text: Strings) -> bool:
    """Whether commas are decimal: they stand in numbers, and not all of them between thousands."""
    return text.all(DECIMAL_COMMA) and (text.rules.decimal == "," or not text.all_with(",", COMMAS_BY_THREE))


def _bare(text: Strings) -> tuple[Strings, tuple[str, ...]]:
    """The column without spaces around its numbers, if it has such and nothing else has."""
    if _floats(text.values).null_count() == text.values.null_count() or not text.any(PADDED):
        return text, ()
    bare = text.values.str.strip_chars()
    bare = bare.set(bare.is_in(list(text.rules.missing)), None)
    if _floats(bare).null_count() > bare.null_count():
        return text, ()
    note = f"{text.called}: spaces around its numbers are taken off, as {text.first(PADDED)}."
    return replace(text, values=bare), (note,)


def _floats(values: pl.Series) -> pl.Series:
    import polars as pl

    return values.cast(pl.Float64, strict=False)


def _finite(floats: pl.Series) -> pl.Series:
    return floats.is_finite() & floats.is_not_null()


def _with_points(values: pl.Series) -> pl.Series:
    """Decimal commas as points, without the points between thousands."""
    return values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)


def _whole(values: pl.Series) -> pl.Series | None:
    """Integers of 64 bits, if all are."""
    import polars as pl

    for kind in (pl.Int64, pl.UInt64):
        if not values.head(GLANCE).cast(kind, strict=False).null_count():
            whole = values.cast(kind, strict=False)
            if not whole.null_count():
                return whole
    return None


def _rounded(values: pl.Series, floats: pl.Series) -> int | None:
    """The first row whose whole number a float64 does not hold."""
    large = (floats.abs() >= LOSSLESS) & floats.is_not_null()
    if not large.any():
        return None
    for row in (large & values.str.contains(WHOLE)).arg_true().to_list():
        if int(values[row]) != int(floats[row]):
            return int(row)
    return None


def _filled(floats: pl.Series) -> np.ndarray:
    """Floats with NaN where they are null."""
    array: np.ndarray = floats.fill_null(float("nan")).to_numpy()
    return array
