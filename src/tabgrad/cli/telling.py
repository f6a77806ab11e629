"""What a command that learns says of a table before it trains, and of the model after it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tabgrad.cli import models
from tabgrad.cli.judging import Report
from tabgrad.cli.pages import written
from tabgrad.cli.rows import Understood
from tabgrad.cli.screen import Screen, amount, grid, printable
from tabgrad.cli.settings import Learning
from tabgrad.cli.tables import labels
from tabgrad.table.columns import missing
from tabgrad.table.schema import Schema, infer
from tabgrad.table.table import Table

if TYPE_CHECKING:
    from tabgrad.cli.models import Model

__all__ = ["data_of", "judged", "rows_told", "show_next", "show_report", "show_understood", "write_page"]

MOST_LINES = 8
MOST_NAMES = 12


def show_understood(settings: Learning, known: Understood, screen: Screen) -> None:
    """The rows, the target, and the columns by their kind."""
    table, targets, train = known.table, known.targets, known.train.table
    screen.heading(f"{printable(table.name)}: {amount(len(table), 'row')}, {amount(len(table.names), 'column')}")
    schema = infer(train.without(targets), _known(settings, train, targets))
    lines = [("target", "", f"{', '.join(printable(name) for name in targets)}: {known.task.value} ({known.why})")]
    if settings.weights:
        lines.append(("weights", "", printable(settings.weights)))
    lines += list(_kind_lines(schema))
    if settings.drop:
        lines.append(("left out", str(len(settings.drop)), ", ".join(map(printable, settings.drop))))
    if gaps := _gaps(known.rows.table.without(targets)):
        lines.append(("missing", "", gaps))
    screen.show(grid(lines, right=(1,)))


def _known(settings: Learning, table: Table, targets: Sequence[str]) -> dict[str, Any]:
    kinds = settings.kind or {}
    return {name: kind for name, kind in kinds.items() if name in table.columns and name not in targets}


def _kind_lines(schema: Schema) -> list[tuple[str, str, str]]:
    """A line for each kind with its columns, and one for each column that is not used."""
    by_kind: dict[str, list[str]] = {}
    for column in schema.used:
        by_kind.setdefault(column.kind, []).append(printable(column.name))
    lines = [(kind, str(len(names)), _few(names)) for kind, names in by_kind.items()]
    dropped = [f"{printable(column.name)}: {column.kind}, {printable(column.why, 80)}" for column in schema.dropped]
    lines += [
        ("not used" if not place else "", str(len(dropped)) if not place else "", text)
        for place, text in enumerate(dropped[:MOST_LINES])
    ]
    if len(dropped) > MOST_LINES:
        lines.append(("", "", f"and {len(dropped) - MOST_LINES} more: tabgrad inspect shows all"))
    return lines


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _gaps(table: Table) -> str:
    """How many values are missing, and in which columns most."""
    counts = {name: int(missing(values).sum()) for name, values in table.columns.items()}
    gaps = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    if not gaps:
        return ""
    most = ", ".join(f"{printable(name)} {counts[name]:,}" for name in gaps[:4])
    more = ", ..." if len(gaps) > 4 else ""
    return f"{amount(sum(counts.values()), 'value')} in {amount(len(gaps), 'column')} ({most}{more})"


def rows_told(known: Understood) -> str:
    """``10,889 rows; 2,722 rows to judge by``."""
    beside = "" if known.held is None else f"; {amount(len(known.held.table), 'row')} to judge by"
    return f"{amount(len(known.train.table), 'row')}{beside}"


def judged(model: Model, known: Understood) -> Report | None:
    """How good a model is on the rows held out."""
    if known.held is None:
        return None
    seen = labels(known.train.table[known.targets[0]])
    return models.judged(model, known.held.table, known.targets, known.held.weights, seen)


def show_report(report: Report | None, known: Understood, settings: Learning, screen: Screen) -> None:
    """How good the model is on the rows held out."""
    if report is None or known.held is None:
        screen.note("No rows were held out: how good the model is, is not known. tabgrad evaluate judges it.")
    elif not settings.json:
        where = f"{printable(known.held.table.name)}, " if settings.test else ""
        screen.say()
        screen.result(f"On {where}{amount(report.rows, 'row')} held out, seen by no network", style="bold")
        report.show(screen)


def write_page(
    path: str | None,
    model: Model,
    known: Understood,
    screen: Screen,
    *,
    command: str,
    seconds: float,
    search: Any = None,
) -> None:
    """The page of a model, if one was asked for."""
    if path is None:
        return
    held = None if known.held is None else (known.held.table, known.held.weights)
    screen.say()
    train = (known.train.table, known.train.weights)
    written(path, model, held, train, screen, command=command, seconds=seconds, search=search)


def show_next(path: str, screen: Screen) -> None:
    """Where the model is, and what to do with it."""
    screen.heading(f"Saved {path} ({os.path.getsize(path) / 1024:,.0f} kB). Next:")
    name = shlex.quote(path)
    for command in ("predict {} new.csv --out predicted.csv", "evaluate {} labelled.csv", "inspect {}"):
        screen.say(f"  tabgrad {command.format(name)}")


def data_of(path: str, model: Model, known: Understood) -> dict[str, Any]:
    """What a command that learns knows, as plain data."""
    return {
        "model": path,
        "task": known.task.value,
        "targets": known.targets,
        "rows": {"training": len(known.train.table), "held_out": 0 if known.held is None else len(known.held.table)},
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "used": column.used,
                "missing": column.missing,
                "why": column.why,
            }
            for column in model.table_schema_
        ],
    }
