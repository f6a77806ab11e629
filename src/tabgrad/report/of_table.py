"""The section of the table: what its columns are, what is missing, what was dropped and why, the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tabgrad._wording import amount, printable
from tabgrad.report import table_figures
from tabgrad.report.judging import Rows, numbers
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.schema import Schema

__all__ = ["table_section"]

MOST_COLUMNS = 300  # that are listed
MOST_NOTES = 20


def table_section(schema: Schema, parts: Mapping[str, Rows], notes: Sequence[str], *, classes: bool) -> Section:
    """What the model was given.

    Parameters
    ----------
    schema : Schema
    parts : dict of str to Rows
        "training" and "held out", as far as there are rows to look at.
    notes : sequence of str
        What was guessed, changed or found suspicious in the fit.
    classes : bool
        Whether the targets are classes.
    """
    return Section("table", "The table", list(_blocks(schema, parts, notes, classes=classes)))


def _blocks(schema: Schema, parts: Mapping[str, Rows], notes: Sequence[str], *, classes: bool) -> Iterator[Block]:
    kinds = Counter(column.kind for column in schema)
    listed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    rows = "; ".join(f"{amount(len(part), 'row')} {_of(name)}" for name, part in parts.items())
    yield Text(f"{amount(len(schema.columns), 'column')} ({listed}){f'; {rows}' if rows else ''}.")
    if schema.dropped:
        columns = schema.dropped[:MOST_COLUMNS]
        sheet = Sheet(
            {
                "column": [column.name for column in columns],
                "kind": [column.kind for column in columns],
                "why": [column.why for column in columns],
            },
            "column",
        )
        yield Listing("dropped", "Columns that are not used", sheet)
    yield Listing("columns", "Columns", _columns(schema))
    if len(schema.columns) > MOST_COLUMNS:
        yield Text(f"{len(schema.columns) - MOST_COLUMNS:,} more columns are not listed.")
    yield from _gaps(parts)
    yield from _targets(parts, classes=classes)
    for note in notes[:MOST_NOTES]:
        yield Text(f"Noted in the fit: {printable(note, 400)}")


def _of(name: str) -> str:
    return "of the training" if name == "training" else name


def _columns(schema: Schema) -> Sheet:
    columns = schema.columns[:MOST_COLUMNS]
    return Sheet(
        {
            "column": [column.name for column in columns],
            "kind": [column.kind for column in columns],
            "different values": [column.distinct for column in columns],
            "missing": [column.missing for column in columns],
            "used": [column.used for column in columns],
            "known by": [column.why for column in columns],
        },
        "column",
    )


def _gaps(parts: Mapping[str, Rows]) -> Iterator[Block]:
    """The shares of missing values of all rows, where there are some."""
    total = sum(len(part) for part in parts.values())
    gone: Counter[str] = Counter()
    for part in parts.values():
        gone.update({name: int(missing(values).sum()) for name, values in part.features.columns.items()})
    shares = {name: count / total for name, count in gone.items() if count}
    if shares:
        yield Drawing("missing", "Columns that lack most values.", lambda: table_figures.missing(shares))


def _targets(parts: Mapping[str, Rows], *, classes: bool) -> Iterator[Block]:
    """How each target is distributed, in each part."""
    first = next(iter(parts.values()), None)
    for place, target in enumerate(first.targets if first is not None else ()):
        columns = {name: part.targets[target] for name, part in parts.items()}
        end = f"_{place}" if place else ""
        if place == 3:
            break
        words = f"How {printable(target)} is distributed."
        if classes:
            counts = {name: _counts(values) for name, values in columns.items()}
            yield Drawing(f"target{end}", words, lambda counts=counts, of=target: table_figures.classes(counts, of))  # type: ignore[misc]
        else:
            known = {name: numbers(values, target) for name, values in columns.items()}
            yield Drawing(f"target{end}", words, lambda known=known, of=target: table_figures.distribution(known, of))  # type: ignore[misc]


def _counts(values: Values) -> dict[str, float]:
    labels = values.objects() if isinstance(values, Words) else values
    names, counts = np.unique(labels.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.astype(float).tolist(), strict=True))
