"""The rows that a command learns from, and those that it judges by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.cli.exits import UsageError
from tabgrad.cli.screen import Screen, amount
from tabgrad.cli.settings import Learning
from tabgrad.cli.tables import labelled, labels, named, read_table, refuse_infinity, weights_of
from tabgrad.errors import DataError
from tabgrad.table.columns import Words
from tabgrad.table.overlap import repeated
from tabgrad.table.split import holdout
from tabgrad.table.table import Table
from tabgrad.table.task import Task, infer_task

__all__ = ["Rows", "Understood", "classes_of", "seed", "tell_repeated", "understand"]

TEST_SIZE, SEED = 0.2, 0
FEWEST_ROWS = 3  # two to train on, one to judge by
REPEATED = 0.01  # of the rows held out, from which on repetitions are worth a line


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a table, with what they are to be predicted as and what they count for."""

    table: Table  # the features and the targets
    weights: np.ndarray | None

    def part(self, places: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows(self.table.part(places), None if self.weights is None else self.weights[places])


@dataclass(frozen=True, eq=False)
class Understood:
    """A table as a command that learns takes it.

    Parameters
    ----------
    table : Table
        As it was read.
    rows, train : Rows
        All that can be used, and those to train on.
    held : Rows or None
        Those to judge by.
    targets : list of str
    task : Task
    why : str
        What the task was told by.
    """

    table: Table
    rows: Rows
    train: Rows
    held: Rows | None
    targets: list[str]
    task: Task
    why: str

    @property
    def y(self) -> str | list[str]:
        """The targets as estimators take them: a name, or several."""
        return self.targets[0] if len(self.targets) == 1 else self.targets


def understand(settings: Learning, screen: Screen) -> Understood:
    """Read the table, find the target, the task and the rows, and hold some of them out."""
    if not settings.target:
        raise UsageError("Which column is to be predicted? Say it with --target COLUMN.")
    table = read_table(settings.table, settings, screen, _kinds(settings))
    targets = named(settings.target, table)
    rows = _rows(table, targets, settings, screen)
    task, why = infer_task(rows.table.select(targets), settings.task, targets[0])
    _refuse_one_class(rows.table, targets[0], task)
    train, held = _split(rows, targets, task, settings, screen)
    return Understood(table, rows, train, held, targets, task, why)


def _kinds(settings: Learning) -> Mapping[str, Any] | None:
    return dict(settings.kind) if settings.kind else None


def _rows(table: Table, targets: Sequence[str], settings: Learning, screen: Screen) -> Rows:
    """The rows of a table that can be used, without what is not to be learned from."""
    table = labelled(table, targets, screen, drop=settings.drop_unlabelled)
    weights = weights_of(table, settings.weights)
    left_out = named(settings.drop or (), table) + ([settings.weights] if settings.weights else [])
    if both := [name for name in targets if name in left_out]:
        raise UsageError(f"{shown(both[0])} cannot be the target and left out at the same time.")
    table = table.without(list(dict.fromkeys(left_out)))
    if len(table.names) == len(targets):
        raise DataError(f"{table.name} has no column to learn from beside the target. Got: {shown(list(table.names))}.")
    refuse_infinity(table)
    return Rows(table, weights)


def _refuse_one_class(table: Table, target: str, task: Task) -> None:
    """An error for classes of which there is but one."""
    if task.classes and len(set(_codes(table, target).tolist())) < 2:
        only = labels(table[target])[0]
        raise DataError(
            f"The target {shown(target)} of {table.name} holds {shown(only)} in all of its {len(table)} rows: there is "
            "nothing to tell apart. Add rows of another class, or choose another --target."
        )


def _split(
    rows: Rows, targets: Sequence[str], task: Task, settings: Learning, screen: Screen
) -> tuple[Rows, Rows | None]:
    """The rows to train on and those to judge by."""
    if settings.test is not None:
        table = read_table(settings.test, settings, screen, _kinds(settings))
        held = _rows(table, named(targets, table), _without_absent(settings, table), screen)
        return rows, held
    share = TEST_SIZE if settings.test_size is None else settings.test_size
    if not 0 <= share < 1:
        raise UsageError(f"'--test-size' must be in [0, 1). Got {share:g}.")
    if share == 0:
        return rows, None
    if len(rows.table) < FEWEST_ROWS:
        raise DataError(
            f"{rows.table.name} has {amount(len(rows.table), 'row')} to learn from and to judge by. At least "
            f"{FEWEST_ROWS} are needed."
        )
    classes = _codes(rows.table, targets[0]) if task.classes else None
    train, held_places = holdout(len(rows.table), share, seed(settings), classes)
    return rows.part(train), rows.part(held_places)


def _without_absent(settings: Learning, table: Table) -> Learning:
    """The settings for a test table, which may lack columns that are left out anyway."""
    return replace(settings, drop=tuple(name for name in settings.drop or () if name in table.columns))


def _codes(table: Table, target: str) -> np.ndarray:
    values = table[target]
    return values.codes if isinstance(values, Words) else np.unique(values, return_inverse=True)[1].ravel()


def seed(settings: Learning) -> int:
    """What all that is random comes from."""
    return SEED if settings.seed is None else settings.seed


def classes_of(known: Understood) -> dict[Any, int] | None:
    """The classes and their rows to train on; None where numbers are predicted."""
    return dict(Counter(labels(known.train.table[known.targets[0]]).tolist())) if known.task.classes else None


def tell_repeated(known: Understood, screen: Screen) -> None:
    """Say how many of the rows to judge by are known from the training."""
    if known.held is None:
        return
    count, rows = repeated(known.train.table, known.held.table), len(known.held.table)
    if count >= max(REPEATED * rows, 1):
        screen.note(
            f"{count:,} of the {amount(rows, 'row')} held out stand among the training rows as well, target included: "
            "scores on them are too good."
        )
