"""One column of a table and its encoding: which one it gets, and how a later table's column is read as the same."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np

from tabgrad._refusals import shown
from tabgrad.encode import categorical, dates, numeric
from tabgrad.encode.categorical import MOST_LEVELS, Binary, Embedded, OneHot, Ordinal, Worded
from tabgrad.encode.dates import DateParts
from tabgrad.encode.numeric import Numeric, Plain, Quantile, Robust, Standard, TwoValues
from tabgrad.errors import DataError
from tabgrad.table.columns import MOMENTS, Values, Words, missing
from tabgrad.table.convert import convert, number
from tabgrad.table.schema import Column, Kind
from tabgrad.table.table import Table

__all__ = ["FAMILIES", "Choices", "Encoding", "checked", "family_of", "fit", "read", "shared", "unseen"]

Encoding = Robust | Standard | Quantile | Plain | TwoValues | Binary | OneHot | Embedded | Ordinal | DateParts
"""What a column can become."""

FAMILIES = ("numbers", "truth values", "text", "dates")
TRUTH = {"false": 0.0, "true": 1.0, "0": 0.0, "1": 1.0}
NAMED = 3  # levels that a note names before it only counts


@dataclass(frozen=True)
class Choices:
    """How columns are to be encoded; see `tabgrad.encode.Encoder.fit`."""

    numeric: str
    max_one_hot: int
    min_rows: int
    indicators: str
    embed: bool = True
    most_levels: int = MOST_LEVELS

    def indicated(self, values: Values) -> bool:
        """Whether a column says where these values are missing.

        A weight is learned from the rows that miss the value against those that have it, so there must be enough of
        both.
        """
        gone = int(missing(values).sum())
        if self.indicators == "auto":
            return min(gone, len(values) - gone) >= self.min_rows
        return gone > 0 and self.indicators == "always"


def fit(column: Column, table: Table, choices: Choices) -> Encoding:
    """The encoding of one column of the training rows.

    Raises
    ------
    DataError
        The column holds what its kind cannot.
    """
    name, kind, values = column.name, column.kind, table.columns[column.name]
    if kind == Kind.BOOLEAN and not isinstance(values, Words):
        kind = Kind.NUMERIC  # truth values, or 0 and 1, which are the same
    values = checked(convert(values, kind, name, table, column.order), name, table)
    indicator = choices.indicated(values)
    if isinstance(values, Words):
        if kind == Kind.ORDINAL:
            return categorical.fit_ordinal(name, values, column.levels, indicator=indicator)
        return categorical.fit(
            name,
            values,
            max_one_hot=choices.max_one_hot if choices.embed else sys.maxsize,
            most_levels=choices.most_levels,
            min_rows=choices.min_rows,
            indicator=indicator,
            order=column.levels,
        )
    if kind == Kind.DATE:
        return dates.fit(name, values, indicator=indicator, order=column.order)
    return numeric.fit(name, values, choices.numeric, indicator=indicator)


def read(encoding: Encoding, table: Table, family: str) -> Values:
    """The column of a later table as its encoding takes it: numbers, words or moments.

    Parameters
    ----------
    encoding : record
    table : Table
        That has a column of this name.
    family : str
        What the training's column held, one of `FAMILIES`.

    Raises
    ------
    DataError
        It holds something else, with the rows.
    """
    name, values = encoding.name, table.columns[encoding.name]
    if isinstance(encoding, Numeric):
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            return values
        if isinstance(values, Words) and family == "truth values":
            return _truth(values, name, table)
        return np.full(len(table), np.nan) if _empty(values) else convert(values, Kind.NUMERIC, name, table)
    if isinstance(encoding, DateParts):
        if _empty(values):
            return np.full(len(table), np.datetime64("NaT", "us"), MOMENTS)
        return convert(values, Kind.DATE, name, table, encoding.order)
    if isinstance(values, np.ndarray) and values.dtype.kind == "M" and family != "dates" and not _empty(values):
        raise DataError(f"Column {shown(name)} of {table.name} must hold {family}, as in training. Got dates.")
    if isinstance(values, Words) and family == "numbers":
        return replace(values, levels=_as_numbers(values.levels))
    return convert(values, Kind.CATEGORICAL, name, table)


def checked(values: Values, name: str, table: Table) -> Values:
    """Values that are finite, and stay what they are as float64, if they are numbers.

    Raises
    ------
    DataError
        With the rows.
    """
    if isinstance(values, Words) or values.dtype.kind not in "fiu":
        return values
    if values.dtype.kind == "f":
        infinite = np.isinf(values)
        if infinite.any():
            raise DataError(
                f"Column {shown(name)} of {table.name} must hold finite numbers. Got inf in {table.rows(infinite)}. "
                "Make them missing, or drop these rows."
            )
    elif (inexact := numeric.inexact(values)).any():
        first = int(values[np.flatnonzero(inexact)[0]])
        raise DataError(
            f"Column {shown(name)} of {table.name} must hold integers that float64 holds, as all up to 2^53. Got "
            f"{first} in {table.rows(inexact)}. If they name something, tell its kind: categorical or identifier."
        )
    return values


def family_of(values: Values) -> str:
    """What a column holds, one of `FAMILIES`."""
    if isinstance(values, Words):
        return "text"
    return {"b": "truth values", "M": "dates"}.get(values.dtype.kind, "numbers")


def shared(encoding: Encoding, table: Table) -> str | None:
    """How many levels of the training have no place of their own: ``2 of 7 levels of 'zone'``; None: all have one."""
    if not isinstance(encoding, Worded):
        return None
    words = convert(table.columns[encoding.name], Kind.CATEGORICAL, encoding.name, table)
    assert isinstance(words, Words)
    levels = len(words.used())
    kept = len(set(words.used()) & set(encoding.levels))
    return f"{levels - kept} of {levels} levels of {shown(encoding.name)}" if kept < levels else None


def unseen(encoding: Worded, words: Words, table: Table) -> str | None:
    """A sentence on the rows whose levels training had not; None where there are none."""
    rows, levels, found = encoding.unseen(words, NAMED)
    if not rows:
        return None
    listed = ", ".join(f"{shown(level)} ({count})" for level, count in found.items())
    more = f" and {levels - NAMED} more" if levels > NAMED else ""
    plural, verb = ("s", "") if rows > 1 else ("", "s")
    where = f"{rows} row{plural} of {shown(encoding.name)} in {table.name}"
    return f"{where} hold{verb} what training had not: {listed}{more}."


def _as_numbers(levels: tuple[str, ...]) -> tuple[str, ...]:
    """Levels as numbers that are categories are written: 1 for ``1.0``."""
    read = [number(level) for level in levels]
    words = convert(np.array([np.nan if value is None else value for value in read]), Kind.CATEGORICAL, "", Table({}))
    assert isinstance(words, Words)
    return tuple(level if text is None else text for level, text in zip(levels, words.objects(), strict=True))


def _empty(values: Values) -> bool:
    return bool(missing(values).all())


def _truth(values: Words, name: str, table: Table) -> np.ndarray:
    """Truth values that came as text, as they do where one is missing."""
    read = [TRUTH.get(level.strip().lower()) for level in values.levels]
    wrong = np.array([*(value is None for value in read), False])[values.codes]
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"Column {shown(name)} of {table.name} must hold truth values, as in training. Got "
            f"{shown(values.levels[values.codes[first]])} in {table.rows(wrong)}."
        )
    array: np.ndarray = np.array([np.nan if value is None else value for value in (*read, None)])[values.codes]
    return array
