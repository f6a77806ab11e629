"""``tabgrad evaluate``: judge a model on a table that holds its target."""

from __future__ import annotations

import os

from tabgrad.cli.models import judged, load_estimator, targets_of
from tabgrad.cli.pages import again, check_page, written
from tabgrad.cli.screen import Screen, amount, printable
from tabgrad.cli.settings import Evaluate
from tabgrad.cli.tables import labelled, read_table, refuse_infinity, weights_of
from tabgrad.errors import DataError

__all__ = ["evaluate"]


def evaluate(settings: Evaluate, screen: Screen) -> None:
    """Do what `tabgrad evaluate` is asked for."""
    model = load_estimator(settings.model)
    targets = targets_of(model)
    page = None
    if settings.report is not None:
        page = check_page(settings.report, (settings.model, settings.table), overwrite=settings.overwrite)
    table = read_table(settings.table, settings, screen)
    if not len(table):
        raise DataError(f"{table.name} has no rows to judge by.")
    table.select(targets)
    table = labelled(table, targets, screen, drop=settings.drop_unlabelled)
    weights = weights_of(table, settings.weights)
    if settings.weights is not None:
        table = table.without([settings.weights])
    refuse_infinity(table)
    report = judged(model, table, targets, weights)
    if page is not None:
        written(page, model, (table, weights), None, screen, command=again("evaluate", settings))
    if settings.json:
        screen.data({"model": settings.model, "targets": targets, **report.data()})
        return
    screen.result(
        f"{printable(os.path.basename(settings.model))} on {printable(table.name)}, {amount(report.rows, 'row')}",
        style="bold",
    )
    report.show(screen)
