"""The table that a command is about: read, its target and weights taken out, its rows checked by their line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.cli.exits import UsageError
from tabgrad.cli.screen import Screen
from tabgrad.cli.settings import Source
from tabgrad.errors import DataError
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.table import Table

__all__ = ["labelled", "labels", "named", "numbers", "read_table", "reading", "refuse_infinity", "weights_of"]


def reading(settings: Source) -> dict[str, Any]:
    """The arguments of `tabgrad.table.read.read` that were given."""
    given = {
        "query": settings.query,
        "format": settings.format,
        "delimiter": settings.delimiter,
        "encoding": settings.encoding,
        "decimal": settings.decimal,
        "header": False if settings.no_header else None,
        "missing": settings.missing,
        "on_short_row": settings.on_short_row,
    }
    return {name: value for name, value in given.items() if value is not None}


def read_table(path: str, settings: Source, screen: Screen, kinds: Mapping[str, Any] | None = None) -> Table:
    """The table of a path, "-" or URL; what was guessed or changed on the way in is noted."""
    from tabgrad.table.read import read

    table = read(path, kinds=kinds, **reading(settings))
    for note in table.notes:
        screen.note(note)
    return table


def named(asked: Sequence[str], table: Table) -> list[str]:
    """The columns that were asked for; ``a,b`` stands for two where no column is called so."""
    names: list[str] = []
    for name in asked:
        parts = [part.strip() for part in name.split(",")]
        several = name not in table.columns and len(parts) > 1 and all(part in table.columns for part in parts)
        names += parts if several else [name]
    table.select(names)  # refuses those that are not there
    if len(set(names)) < len(names):
        raise UsageError(f"A column was named twice: {', '.join(map(shown, names))}.")
    return names


def labelled(table: Table, targets: Sequence[str], screen: Screen, *, drop: bool) -> Table:
    """The rows that have a target.

    Raises
    ------
    DataError
        There are rows without one and nobody said to drop them, or none with one; with their numbers.
    """
    gone = np.zeros(len(table), bool)
    for name in targets:
        gone |= missing(table[name])
    if not gone.any():
        return table
    listed = " or ".join(shown(name) for name in targets)
    if gone.all():
        raise DataError(f"{table.name} has no value of {listed} in any of its {len(table):,} rows.")
    if not drop:
        raise DataError(
            f"The target {listed} of {table.name} is missing in {table.rows(gone)}. Fill it in, or leave these "
            "rows out with --drop-unlabelled."
        )
    screen.note(f"Left out for want of {listed}: {table.rows(gone)}.")
    return table.part(~gone)


def weights_of(table: Table, name: str | None) -> np.ndarray | None:
    """The weights of the rows.

    Raises
    ------
    DataError
        Text, missing, infinite or negative numbers, with their rows; zero in every row.
    """
    if name is None:
        return None
    values = table[name]
    if isinstance(values, Words) or values.dtype.kind not in "biuf":
        raise DataError(f"The weights {shown(name)} of {table.name} must be numbers.")
    weights = values.astype(np.float64)
    for wrong, what in (
        (np.isnan(weights), "missing"),
        (np.isinf(weights), "infinite"),
        (weights < 0, "negative"),
    ):
        if wrong.any():
            raise DataError(
                f"The weights {shown(name)} of {table.name} must be finite and not negative. They are {what} in "
                f"{table.rows(wrong)}. Use 0 to leave a row out."
            )
    if not weights.any():
        raise DataError(f"The weights {shown(name)} of {table.name} are zero in every row: nothing would be learned.")
    return weights


def refuse_infinity(table: Table) -> None:
    """Say where numbers are infinite, while rows still have the numbers that the file gives them.

    Raises
    ------
    DataError
        With all such columns and the first rows of each.
    """
    found = []
    for name, values in table.columns.items():
        if not isinstance(values, Words) and values.dtype.kind == "f" and (wrong := np.isinf(values)).any():
            found.append(f"{shown(name)} in {table.rows(wrong)}")
    if found:
        raise DataError(f"{table.name} holds infinite numbers: {'; '.join(found)}. Mend or empty these fields.")


def labels(values: Values) -> np.ndarray:
    """A target of classes as an array of its labels."""
    return values.objects() if isinstance(values, Words) else values


def numbers(table: Table, targets: Sequence[str]) -> np.ndarray:
    """Targets of numbers as an array of shape (rows, targets).

    Raises
    ------
    DataError
        A target is text.
    """
    for name in targets:
        values = table[name]
        if isinstance(values, Words) or values.dtype.kind not in "biuf":
            example = shown(values.used()[0]) if isinstance(values, Words) else "a date"
            raise DataError(f"The target {shown(name)} of {table.name} must hold numbers. Got {example}.")
    return np.column_stack([np.asarray(table[name], np.float64) for name in targets])
