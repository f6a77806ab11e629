"""A column brought to the kind that it is to be: numbers, words or moments, whatever it came as."""

from __future__ import annotations

import re

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import DataError
from tabgrad.table.columns import MOMENTS, Values, Words, missing, words
from tabgrad.table.table import Table

__all__ = ["convert", "moment", "number"]

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?")
_DECORATED = re.compile(r"^[\s$€£¥]*([-+]?[\d,]*\.?\d+(?:[eE][-+]?\d+)?)\s*%?\s*$")


def convert(values: Values, kind: str, column: str, table: Table) -> Values:
    """A column as its kind is read.

    Parameters
    ----------
    values : array or Words
    kind : str
        "numeric" gives numbers, "date" moments, "boolean", "categorical" and "ordinal" words; anything else leaves the
        column as it is.
    column : str
        Its name, for messages.
    table : Table
        Whose column it is, for messages.

    Raises
    ------
    DataError
        Names the values that cannot be read so, and their rows.
    """
    if kind == "numeric":
        return _numbers(values, column, table)
    if kind == "date":
        return _moments(values, column, table)
    if kind in ("boolean", "categorical", "ordinal"):
        return _words(values)
    return values


def number(text: str) -> float | None:
    """The number that a text is, with or without a sign of currency, a percent sign and commas between thousands."""
    try:
        return float(text)
    except ValueError:
        found = _DECORATED.match(text)
        if found is None or not _grouped(found[1]):
            return None
        value = float(found[1].replace(",", ""))
        return value / 100 if text.rstrip().endswith("%") else value


def moment(text: str) -> np.datetime64 | None:
    """The moment that a text is in ISO 8601: ``2024-02-29`` or ``2024-02-29 13:30:00``."""
    if not ISO.fullmatch(text):
        return None
    try:
        return np.datetime64(text.replace(" ", "T")).astype(MOMENTS)
    except ValueError:
        return None


def _grouped(digits: str) -> bool:
    """Whether commas stand between thousands only."""
    return "," not in digits or re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", digits) is not None


def _numbers(values: Values, column: str, table: Table) -> np.ndarray:
    if not isinstance(values, Words):
        if values.dtype.kind == "M":
            raise DataError(f"Column {shown(column)} of {table.name} must hold numbers. Got dates.")
        return values
    read = [number(level) for level in values.levels]
    _refuse(values, [value is None for value in read], "numbers", column, table)
    levels = np.array([np.nan if value is None else value for value in (*read, None)], np.float64)
    array: np.ndarray = levels[values.codes]
    return array


def _moments(values: Values, column: str, table: Table) -> np.ndarray:
    if not isinstance(values, Words):
        if values.dtype.kind == "M":
            return values
        raise DataError(
            f"Column {shown(column)} of {table.name} must hold dates. Got numbers: write them as text, 2024-02-29, or "
            "as dates."
        )
    read = [moment(level) for level in values.levels]
    _refuse(values, [value is None for value in read], "dates (2024-02-29 or 2024-02-29 13:30:00)", column, table)
    nothing = np.datetime64("NaT", "us")
    array: np.ndarray = np.array([nothing if value is None else value for value in (*read, None)], MOMENTS)[
        values.codes
    ]
    return array


def _refuse(values: Words, wrong: list[bool], expected: str, column: str, table: Table) -> None:
    """An error for levels that are wrong and have rows."""
    bad = np.array([*wrong, False])[values.codes]
    if not bad.any():
        return
    rows = np.flatnonzero(bad)
    listed = ", ".join(f"{shown(values.levels[values.codes[row]])} in row {table.row(row)}" for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more rows" if len(rows) > SHOWN else ""
    raise DataError(f"Column {shown(column)} of {table.name} must hold {expected}. Got {listed}{more}.")


def _words(values: Values) -> Words:
    """Numbers, truth values and moments as their shortest text, so that 1, 1.0 and "1" are one level."""
    if isinstance(values, Words):
        return values
    gone = missing(values)
    if values.dtype.kind == "b":
        return Words(values.astype(np.int32), ("False", "True"))
    distinct, codes = np.unique(values[~gone], return_inverse=True)
    texts = [f"{value:.17g}" if isinstance(value, float) else str(value) for value in map(_plain, distinct.tolist())]
    found = np.full(len(values), -1, np.int32)
    found[~gone] = codes
    return (
        Words(found, tuple(texts))
        if len(set(texts)) == len(texts)
        else words([None if c < 0 else texts[c] for c in found])
    )


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value
