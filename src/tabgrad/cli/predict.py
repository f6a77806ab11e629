"""``tabgrad predict``: every row as it came, in its order, with what the model says of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.cli.exits import UsageError
from tabgrad.cli.models import completed, is_classifier, load_estimator, targets_of
from tabgrad.cli.places import refuse_place
from tabgrad.cli.screen import LiveLine, Screen, amount, printable
from tabgrad.cli.settings import Predict
from tabgrad.cli.tables import reading
from tabgrad.errors import ArgumentError
from tabgrad.table.cells import FORMULA
from tabgrad.table.columns import Values, Words
from tabgrad.table.schema import Column, Kind, Schema
from tabgrad.table.table import Table

if TYPE_CHECKING:
    from tabgrad.cli.models import Model

__all__ = ["predict"]

ROWS = 100_000  # read, predicted and written together


def predict(settings: Predict, screen: Screen) -> None:
    """Do what `tabgrad predict` is asked for."""
    from tabgrad.table.parts import add_columns

    if settings.json and settings.out is None:
        raise UsageError("--json says what was done, and the rows go to the standard output. Give them --out FILE.")
    target = "-" if settings.out is None else os.path.expanduser(settings.out)
    if settings.out is not None:
        refuse_place(target, [settings.table, settings.model], overwrite=settings.overwrite)
    model = load_estimator(settings.model)
    with screen.line() as line:
        work = _Work(model, settings, line, screen)
        rows = add_columns(
            settings.table,
            target,
            work,
            rows=ROWS,
            escape=not settings.raw,
            kinds=kinds_of(model.table_schema_),
            **reading(settings),
        )
    work.tell_of_later_parts()
    if not settings.raw:
        _tell_of_formulas(model, screen)
    if settings.json:
        screen.data({"out": settings.out, "rows": rows, "columns": list(work.names)})
    elif settings.out is not None:
        screen.say(
            f"{amount(rows, 'row')} in {settings.out}, with {', '.join(map(shown, work.names[:4]))}"
            f"{', ...' if len(work.names) > 4 else ''} added"
        )


class _Work:
    """What is added to each part of the rows."""

    def __init__(self, model: Model, settings: Predict, line: LiveLine, screen: Screen) -> None:
        self._model, self._settings, self._line, self._screen = model, settings, line, screen
        self._done = self._parts = self._noted = 0
        self.names = added_names(model, settings)

    def __call__(self, table: Table) -> dict[str, Values]:
        """The new columns of some rows."""
        if clash := [name for name in self.names if name in table.columns]:
            raise UsageError(
                f"{table.name} has a column {shown(clash[0])} already, and your own are never changed. Give the new "
                "ones other names with --prefix, for instance --prefix new_."
            )
        with warnings.catch_warnings(record=True) as caught:
            columns = self._columns(completed(self._model, table))
        self._note([str(warning.message) for warning in caught])
        self._done += len(table)
        if self._line.due():
            self._line.draw(amount(self._done, "row"))
        return dict(zip(self.names, columns, strict=True))

    def _note(self, notes: Sequence[str]) -> None:
        """Say what was noticed in the first part, and count the others in which something was."""
        self._parts += 1
        if self._parts > 1:
            self._noted += bool(notes)
            return
        for note in notes:
            self._screen.note(note)

    def tell_of_later_parts(self) -> None:
        """One line for all parts after the first: a long file would fill the screen."""
        if self._noted:
            self._screen.note(
                f"The same goes for rows after the first {ROWS:,}, in {self._noted} of "
                f"{amount(self._parts - 1, 'part')}."
            )

    def _columns(self, table: Table) -> list[Values]:
        model = self._model
        if not is_classifier(model):
            values = np.asarray(model.predict(table), np.float64).reshape(len(table), -1)
            if self._settings.interval is None:
                return list(values.T)
            ends = model._intervals(values, self._settings.interval)
            return [*values.T, *ends.reshape(len(table), -1).T]
        probabilities = np.asarray(model.predict_proba(table))
        taken, classes = probabilities.argmax(axis=1), model.classes_
        text = classes.dtype.kind in "OUT"
        labels = Words(taken.astype(np.int32), tuple(classes.tolist())) if text else classes[taken]
        columns = [labels, *(probabilities.T if self._settings.proba else ())]
        if self._settings.sets is not None:
            from tabgrad.estimators.classifier import sets_around

            columns += list(sets_around(model._residuals, probabilities, self._settings.sets).T)
        return columns


def added_names(model: Model, settings: Predict) -> list[str]:
    """What the new columns are called."""
    if is_classifier(model):
        if settings.interval is not None:
            raise UsageError(
                "--interval is for numbers, and this model predicts classes. For those see --proba and --sets."
            )
        names, classes = ["prediction"], model.classes_.tolist()
        names += [f"probability_{label}" for label in classes] if settings.proba else []
        if settings.sets is not None:
            from tabgrad.estimators.classifier import sets_around

            with _refused_as("--sets", "predict_set"):
                sets_around(model._residuals, np.empty((0, len(classes))), settings.sets)  # before the table is read
            names += [f"in_set_{label}" for label in classes]
    elif settings.proba:
        raise UsageError("--proba is for classes, and this model predicts numbers. Leave it out.")
    elif settings.sets is not None:
        raise UsageError("--sets is for classes, and this model predicts numbers. For those see --interval.")
    else:
        targets = targets_of(model)
        several = [f"prediction_{name}" for name in targets or map(str, range(len(model.target_.mean)))]
        names = ["prediction"] if len(several) == 1 else several
        if settings.interval is not None:
            with _refused_as("--interval", "predict_interval"):
                model._intervals(np.empty((0, len(names))), settings.interval)  # before the table is read
            names = [*names, *(f"{name}_{end}" for name in names for end in ("low", "high"))]
    return [f"{settings.prefix}{name}" for name in names]


@contextmanager
def _refused_as(flag: str, method: str) -> Iterator[None]:
    """What a method refuses, in the words of its flag."""
    try:
        yield
    except ArgumentError as error:
        said = str(error).replace(f"'coverage' of {method}", flag)
        raise UsageError(said.replace(method, flag, 1)) from error


def kinds_of(schema: Schema) -> dict[str, str]:
    """How the columns that the model uses are read: as numbers, dates or exact texts."""
    return {column.name: _kind(column) for column in schema.used}


def _kind(column: Column) -> str:
    if column.kind == Kind.DATE:
        return column.order or "date"
    numbers = column.kind == Kind.NUMERIC or column.levels == ("0", "1")
    return "numeric" if numbers else "categorical"


def _tell_of_formulas(model: Any, screen: Screen) -> None:
    classes = model.classes_.tolist() if is_classifier(model) else []
    changed = [label for label in classes if isinstance(label, str) and label.startswith(FORMULA)]
    if changed:
        several = len(changed) > 1
        screen.note(
            f"{amount(len(changed), 'class', 'classes')} would be {'formulas' if several else 'a formula'} to a "
            f"spreadsheet, and {'are' if several else 'is'} written with a ' before {'them' if several else 'it'}, as "
            f"'{printable(changed[0])}. --raw leaves it away."
        )
