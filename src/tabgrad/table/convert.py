"""A column brought to the kind that it is to be: numbers, words or moments, whatever it came as."""

from __future__ import annotations

import re

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import DataError
from tabgrad.table.columns import MOMENTS, Values, Words, missing, words
from tabgrad.table.dates import moment
from tabgrad.table.table import Table

__all__ = ["convert", "number"]

_PLAIN = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
_DECORATED = re.compile(r"[\s$€£¥]*([-+]?[\d,]*\.?\d+)\s*%?\s*", re.ASCII)
_EXAMPLES = {"ymd": "2024-02-29 or 2024-02-29 13:30", "mdy": "2/29/2024", "dmy": "29.2.2024 or 29/2/2024"}
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


def convert(values: Values, kind: str, column: str, table: Table, order: str = "ymd") -> Values:
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
    order : str, default "ymd"
        Of year, month and day where dates are text.

    Raises
    ------
    DataError
        Names the values that cannot be read so, and their rows.
    """
    if kind == "numeric":
        return _numbers(values, column, table)
    if kind == "date":
        return _moments(values, column, table, order)
    if kind in ("boolean", "categorical", "ordinal"):
        return _words(values)
    return values


def number(text: str) -> float | None:
    """The number that a text is, with or without a sign of currency, a percent sign and commas between thousands."""
    if _PLAIN.fullmatch(text):
        return float(text)
    found = _DECORATED.fullmatch(text)
    if found is None or ("," in found[1] and not _GROUPED.fullmatch(found[1])):
        return None
    value = float(found[1].replace(",", ""))
    return value / 100 if text.rstrip().endswith("%") else value


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


def _moments(values: Values, column: str, table: Table, order: str) -> np.ndarray:
    if not isinstance(values, Words):
        if values.dtype.kind == "M":
            return values
        raise DataError(
            f"Column {shown(column)} of {table.name} must hold dates. Got numbers: write them as text, 2024-02-29, or "
            "as dates."
        )
    read = [moment(level, order) for level in values.levels]
    _refuse(values, [value is None for value in read], f"dates, {_EXAMPLES[order]}", column, table)
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
