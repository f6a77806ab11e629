"""``tabgrad explain step``: a few rows through a model's network in formulas and numbers, there and back."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import known_name
from tabgrad._files import write_whole
from tabgrad.cli.exits import UsageError
from tabgrad.cli.models import completed, is_classifier, load_estimator, targets_of
from tabgrad.cli.places import refuse_place
from tabgrad.cli.screen import Screen, amount
from tabgrad.cli.settings import Explain
from tabgrad.cli.tables import labelled, labels, numbers, read_table, refuse_infinity
from tabgrad.errors import DataError
from tabgrad.table.cells import unformulated

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["explain"]

ROWS = 4  # that make the batch where nobody says
MOST_ROWS = 10_000
FORMATS = ("text", "latex", "html", "csv")
ENDINGS = {".html": "html", ".htm": "html", ".tex": "latex", ".csv": "csv"}


def explain(settings: Explain, screen: Screen) -> None:
    """Do what `tabgrad explain step` is asked for."""
    form = _form(settings)
    rows = ROWS if settings.rows is None else settings.rows
    if not 1 <= rows <= MOST_ROWS:
        raise UsageError(f"--rows must be from 1 to {MOST_ROWS:,}: a step shows every number. Got {rows:,}.")
    target = None if settings.out is None else os.path.expanduser(settings.out)
    if target is not None:
        refuse_place(target, [settings.table, settings.model], overwrite=settings.overwrite)
    step = _step(settings, rows, screen)
    content = _content(step, form)
    if target is None:
        screen.document(content)
        return
    write_whole(target, [content.encode("utf-8", "replace")])
    screen.say(f"One step on {amount(len(step.x), 'row')} in {settings.out}")


def _form(settings: Explain) -> str:
    """How the step is written: as asked for, by the ending of the file, or as text."""
    if settings.form is not None:
        return known_name(settings.form, "--format of tabgrad explain step:", FORMATS)
    return ENDINGS.get(os.path.splitext(settings.out or "")[1].lower(), "text")


def _step(settings: Explain, rows: int, screen: Screen) -> Step:
    model = load_estimator(settings.model)
    if hasattr(model, "members_"):
        raise UsageError(
            "tabgrad explain step shows a network of one estimator, and this file joins several. In Python, save one "
            "of them: tabgrad.load(file).members_[0].save('one.tabgrad')."
        )
    networks = len(model.models_)
    member = 1 if settings.network is None else settings.network
    if not 1 <= member <= networks:
        raise UsageError(f"--network must be from 1 to {networks}, the networks of the model. Got {member}.")
    targets = targets_of(model)
    table = read_table(settings.table, settings, screen)
    if not len(table):
        raise DataError(f"{table.name} has no rows to show a step on.")
    table.select(targets)
    table = labelled(table, targets, screen, drop=True)
    table = table.part(np.arange(min(rows, len(table))))
    refuse_infinity(table)
    features = completed(model, table.without(targets))
    y: Any = labels(table[targets[0]]) if is_classifier(model) else numbers(table, targets)
    if not is_classifier(model) and len(targets) == 1:
        y = y[:, 0]
    return model.explain_step(features, y, member=member - 1)


def _content(step: Step, form: str) -> str:
    if form == "csv":
        return _csv(step)
    text = {"text": step.text, "latex": step.latex, "html": step.html}[form]()
    return text if text.endswith("\n") else f"{text}\n"


def _csv(step: Step) -> str:
    """The numbers of all weights; a name that a spreadsheet would run as a formula has a ' before it."""
    records, file = step.records(), io.StringIO()
    writer = csv.DictWriter(file, list(records[0]) if records else [])
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value) for name, value in record.items()})
    return file.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return unformulated(value)
    return "" if isinstance(value, float) and np.isnan(value) else value
