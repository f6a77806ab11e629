"""``tabgrad inspect``: what a table or a model file holds."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from tabgrad.cli.judging import held_out_scores
from tabgrad.cli.models import is_classifier, load_estimator, targets_of
from tabgrad.cli.screen import Screen, amount, figure, grid, printable
from tabgrad.cli.settings import Inspect
from tabgrad.cli.tables import read_table
from tabgrad.table.columns import Values, Words, missing, words
from tabgrad.table.schema import Kind, Schema, infer

if TYPE_CHECKING:
    from tabgrad.cli.models import Model
    from tabgrad.estimators import Classifier, Regressor

__all__ = ["inspect"]

MOST_LEVELS = 3
LONGEST_REMARK = 70


def inspect(settings: Inspect, screen: Screen) -> None:
    """Do what `tabgrad inspect` is asked for."""
    if _is_model(settings.path):
        _inspect_model(settings, screen)
    else:
        _inspect_table(settings, screen)


def _is_model(path: str) -> bool:
    """Whether a file is a model: by its ending, else by its first bytes, the length of a JSON header and its brace."""
    from tabgrad.cli.places import ENDING

    path = os.path.expanduser(path)
    if path.endswith(ENDING):
        return True
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError:  # reading the table says why
        return False
    return len(head) == 9 and head[8:] == b"{" and head[4:8] == b"\0\0\0\0"


# ---- A table ---------------------------------------------------------------------------------------------------------


def _inspect_table(settings: Inspect, screen: Screen) -> None:
    table = read_table(settings.path, settings, screen, dict(settings.kind) if settings.kind else None)
    schema = infer(table, dict(settings.kind) if settings.kind else None)
    if settings.json:
        columns = [_column_data(column) for column in schema]
        screen.data({"table": table.name, "rows": len(table), "columns": columns, "notes": list(table.notes)})
        return
    screen.result(
        f"{printable(table.name)}: {amount(len(table), 'row')}, {amount(len(table.names), 'column')}", style="bold"
    )
    _show_columns(schema, {column.name: _summary(table[column.name], column.kind) for column in schema}, screen)
    screen.say()
    name = shlex.quote(settings.path)
    last = shlex.quote(table.names[-1]) if table.names and table.names[-1].isprintable() else "COLUMN"
    screen.say(f"Next: tabgrad fit {name} --target {last}    (or another column)")


def _show_columns(schema: Schema, summaries: Mapping[str, str], screen: Screen) -> None:
    lines = []
    for column in schema:
        kind = Text(column.kind, style="" if column.used else "dim")
        why = printable(column.why, LONGEST_REMARK)
        remark = summaries.get(column.name, why) if column.used else f"not used: {why}"
        gaps = f"{column.missing:,}" if column.missing else ""
        lines.append((printable(column.name), kind, f"{column.distinct:,}", gaps, remark))
    screen.result(grid(lines, ("column", "kind", "different", "missing", ""), right=(2, 3)))


def _summary(values: Values, kind: str) -> str:
    """The range and the median of numbers and dates; the most frequent values of the others, with their rows."""
    if kind != Kind.BOOLEAN and not isinstance(values, Words):
        present = values[~missing(values)]
        if present.size and present.dtype.kind in "iuf":
            low, middle, high = (figure(float(value)) for value in (present.min(), np.median(present), present.max()))
            return f"{low} to {high}, median {middle}"
        if present.size and present.dtype.kind == "M":
            return f"{present.min().astype('datetime64[s]')} to {present.max().astype('datetime64[s]')}"
    if not isinstance(values, Words):
        values = words([str(value) for value in values[~missing(values)].tolist()])
    counts = values.counts()
    most = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
    listed = ", ".join(f"{printable(values.levels[place], 20)} ({counts[place]:,})" for place in most if counts[place])
    return listed + (", ..." if (counts > 0).sum() > MOST_LEVELS else "")


def _column_data(column: Any) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "used": column.used,
        "missing": column.missing,
        "distinct": column.distinct,
        "levels": list(column.levels),
        "why": column.why,
    }


# ---- A model ---------------------------------------------------------------------------------------------------------


def _inspect_model(settings: Inspect, screen: Screen) -> None:
    from tabgrad import store

    model = load_estimator(settings.path)
    path = os.path.expanduser(settings.path)
    content = store.read(path)
    facts = _facts(model, content.versions, os.path.getsize(path))
    if settings.json:
        columns = [_column_data(column) for column in model.table_schema_]
        scores: dict[str, Any] = {"held_out_scores": model.scores_, "columns": columns}
        screen.data({"model": settings.path, **facts, **scores, **_made_of(model)})
        return
    screen.result(printable(os.path.basename(path)), style="bold")
    screen.result(grid([(name, _shown(value)) for name, value in facts.items()]))
    if joined := _made_of(model).get("members"):
        screen.result()
        screen.result("What it joins, and what each counts for", "bold")
        lines = [(f"{each['weight']:.3f}", each["network"], f"{each['networks']}") for each in joined]
        screen.result(grid(lines, ("weight", "network", "networks"), right=(0, 2)))
    if model.scores_:
        screen.result()
        screen.result("How good it was on rows of its table, each predicted by a network that had not seen it", "bold")
        screen.result(held_out_scores(model.scores_))
    screen.result()
    screen.result("What it expects", style="bold")
    _show_columns(model.table_schema_, {}, screen)
    screen.say()
    screen.say(f"Next: tabgrad predict {shlex.quote(settings.path)} new.csv --out predicted.csv")


def _facts(model: Model, versions: Mapping[str, str], size: int) -> dict[str, Any]:
    """What there is to know of a model in one value each."""
    facts: dict[str, Any] = {"kind": type(model).__name__, "predicts": targets_of(model) or "a column without a name"}
    if is_classifier(model):
        facts["classes"] = model.classes_.tolist()
    if hasattr(model, "members_"):
        each = [_facts_of_networks(member) for member in model.members_]
        facts["joins"] = amount(len(each), "estimator")
        facts |= {name: sum(one[name] for one in each) for name in ("networks", "parameters")}
    else:
        facts |= _facts_of_networks(model)
    return facts | {
        "size in bytes": size,
        "written by": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def _facts_of_networks(model: Classifier | Regressor) -> dict[str, Any]:
    network = model.models_[0]
    widths = " - ".join(str(layer.units) for layer in network._layers if hasattr(layer, "units"))
    facts: dict[str, Any] = {
        "network": f"{len(model.encoder_.features)} numbers"
        + (f" and {amount(len(model.encoder_.embedded), 'embedded column')}" if model.encoder_.embedded else "")
        + f" - {widths}",
        "networks": len(model.models_),
        "parameters": sum(one.count_params() for one in model.models_),
        "epochs": len(model.history_.get("loss", ())),
    }
    if model.rows_kept_:
        facts["rows it holds"] = model.rows_kept_
    for name in ("loss", "val_loss"):
        if values := model.history_.get(name):
            facts[f"least {name}"] = figure(min(values))
    return facts


def _made_of(model: Model) -> dict[str, Any]:
    """The history of an estimator; of an ensemble its members, each with its weight and its history."""
    if not hasattr(model, "members_"):
        return {"history": model.history_}
    pairs = zip(model.weights_.tolist(), model.members_, strict=True)
    members = [{"weight": weight, **_facts_of_networks(one), "history": one.history_} for weight, one in pairs]
    return {"members": members}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        more = f", ... ({len(value)} in all)" if len(value) > 12 else ""
        return ", ".join(printable(each) for each in value[:12]) + more
    return f"{value:,}" if isinstance(value, int) else str(value)
