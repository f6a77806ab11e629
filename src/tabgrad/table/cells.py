"""Values as the text of a cell: in CSV, and in JSON."""

from __future__ import annotations

import json

import numpy as np

from tabgrad.table.columns import Values, Words, missing

__all__ = ["csv_cells", "csv_field", "json_cells", "unformulated"]

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a text that begins so is a formula to a spreadsheet


def csv_cells(values: Values, delimiter: str, *, escape: bool = False) -> list[str]:
    """A column as fields of a CSV file, empty where a value is missing.

    Parameters
    ----------
    values : array or Words
    delimiter : str
    escape : bool
        Whether a text that a spreadsheet would take for a formula gets a ``'`` before it.
    """
    if not isinstance(values, Words):
        return [csv_field(text, delimiter) for text in _texts(values, "")]
    levels = [unformulated(level) for level in values.levels] if escape else values.levels
    fields = [*(csv_field(level, delimiter) for level in levels), ""]
    return [fields[code] for code in values.codes.tolist()]


def unformulated(text: str) -> str:
    """A text, with a ``'`` before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_field(text: str, delimiter: str) -> str:
    """A text as a field: in quotation marks where it needs them."""
    if text.strip() == text and not any(sign in text for sign in (delimiter, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'


def json_cells(values: Values) -> list[str]:
    """A column as values of JSON, null where one is missing."""
    if isinstance(values, Words):
        words = [*(json.dumps(level, ensure_ascii=False) for level in values.levels), "null"]
        return [words[code] for code in values.codes.tolist()]
    if values.dtype.kind == "b":
        return ["true" if value else "false" for value in values.tolist()]
    texts = _texts(values, "null")
    return [text if text == "null" else f'"{text}"' for text in texts] if values.dtype.kind == "M" else texts


def _texts(values: np.ndarray, nothing: str) -> list[str]:
    """Numbers by their shortest text, moments as ISO 8601 writes them."""
    gone = missing(values)
    if values.dtype.kind == "M":
        days = (values == values.astype("M8[D]")) | gone
        texts = (values.astype("M8[D]") if days.all() else values).astype(str).tolist()
    elif values.dtype == np.float32:
        texts = [str(value) for value in values]  # of a float32, not of the float64 that it also is
    else:
        texts = [str(value) for value in values.tolist()]
    return [nothing if each else text for each, text in zip(gone.tolist(), texts, strict=True)] if gone.any() else texts
