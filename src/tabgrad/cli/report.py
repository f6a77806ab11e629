"""``tabgrad report``: how good a model is, what is suspicious, and all that is known of it, on one page."""

from __future__ import annotations

import os
from dataclasses import asdict

from tabgrad.cli.models import load_estimator, targets_of
from tabgrad.cli.pages import Part, again, check_page, written
from tabgrad.cli.screen import Screen, grid
from tabgrad.cli.settings import Report
from tabgrad.cli.tables import labelled, read_table, refuse_infinity, weights_of
from tabgrad.errors import DataError

__all__ = ["report"]


def report(settings: Report, screen: Screen) -> None:
    """Do what `tabgrad report` is asked for."""
    path = settings.out or f"{os.path.splitext(os.path.basename(settings.model))[0]}.html"
    inputs = (settings.model, settings.table, settings.train)
    path = check_page(path, inputs, overwrite=settings.overwrite)
    model = load_estimator(settings.model)
    targets = targets_of(model)
    held = _rows(settings.table, settings, targets, screen)
    train = None if settings.train is None else _rows(settings.train, settings, targets, screen)
    made = written(path, model, held, train, screen, command=again("report", settings))
    if settings.json:
        summary = made.summary().frame().to_dict()
        screen.data({"page": path, "summary": summary, "findings": [asdict(each) for each in made.findings]})
        return
    summary = made.summary()
    screen.result(f"{made.title}, {made.judged_by}", style="bold")
    screen.result(grid(summary.cells, tuple(summary.columns), right=range(1, len(summary.columns))))
    for finding in made.findings:
        screen.note(f"{finding.text} {finding.fix}")


def _rows(path: str, settings: Report, targets: list[str], screen: Screen) -> Part:
    """The rows of a table that hold what is to be predicted."""
    table = read_table(path, settings, screen)
    if not len(table):
        raise DataError(f"{table.name} has no rows to judge by.")
    table.select(targets)
    table = labelled(table, targets, screen, drop=settings.drop_unlabelled)
    weights = weights_of(table, settings.weights)
    refuse_infinity(table)
    return table, weights
