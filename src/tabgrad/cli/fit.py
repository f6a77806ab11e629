"""``tabgrad fit``: read a table, say what is understood, train, judge on rows held out, save."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.cli.exits import UsageError
from tabgrad.cli.judging import ClassReport, ValueReport, held_out_scores
from tabgrad.cli.live import Training, stopped_by_interrupt
from tabgrad.cli.models import judged
from tabgrad.cli.places import model_place, refuse_place
from tabgrad.cli.screen import Screen, amount, grid, printable
from tabgrad.cli.settings import Fit, option
from tabgrad.cli.tables import labelled, labels, named, read_table, refuse_infinity, weights_of
from tabgrad.errors import DataError
from tabgrad.table.columns import Words, missing
from tabgrad.table.overlap import repeated
from tabgrad.table.schema import Schema, infer
from tabgrad.table.split import holdout
from tabgrad.table.table import Table
from tabgrad.table.task import Task, infer_task

if TYPE_CHECKING:
    from tabgrad.estimators import Classifier, Regressor

TEST_SIZE, SEED = 0.2, 0
FEWEST_ROWS = 3  # two to train on, one to judge by
REPEATED = 0.01  # of the rows held out, from which on repetitions are worth a line
OF_CLASSES = ("label_smoothing", "class_weight")

# Settings that are arguments of the estimators, and what they are called there where that differs.
ARGUMENTS = (
    *("preset", "members", "time_limit", "activation", "dropout", "numeric", "numeric_embedding"),
    *("loss", "optimizer", "learning_rate", "schedule", "batch_size", "epochs"),
    *("early_stopping", "patience", "validation_fraction", "l1", "l2", "weight_decay", "use_ema", *OF_CLASSES),
)
RENAMED = {"hidden": "hidden_layer_sizes", "threads": "n_jobs"}


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a table, with what they are to be predicted as and what they count for."""

    table: Table  # the features and the targets
    weights: np.ndarray | None

    def part(self, places: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows(self.table.part(places), None if self.weights is None else self.weights[places])


def fit(settings: Fit, screen: Screen) -> None:
    """Do what `tabgrad fit` is asked for."""
    if not settings.target:
        raise UsageError("Which column is to be predicted? Say it with --target COLUMN.")
    path = model_place(settings.out, settings.table)
    refuse_place(path, [settings.table, settings.test], overwrite=settings.overwrite)
    table = read_table(settings.table, settings, screen, _kinds(settings))
    targets = named(settings.target, table)
    rows = _rows(table, targets, settings, screen)
    task, why = infer_task(rows.table.select(targets), settings.task, targets[0])
    _refuse_one_class(rows.table, targets[0], task)
    train, held = _split(rows, targets, task, settings, screen)
    estimator = _estimator(task, settings, train)
    _show_understood(table, rows, train, targets, task, why, settings, screen)
    if held is not None:
        _tell_repeated(train, held, screen)
    training = _train(estimator, train, targets, held, settings, screen)
    seen = labels(train.table[targets[0]])
    report = None if held is None else judged(estimator, held.table, targets, held.weights, seen)
    estimator.save(path)
    _show_result(report, held, settings, screen)
    _show_next(path, screen)
    if settings.json:
        screen.data(_data(path, estimator, task, targets, (train, held), training, report))
    if training.asked_to_stop:
        raise KeyboardInterrupt(f"Interrupted in epoch {training.epochs}; {path} is the best model so far.")


# ---- Rows ------------------------------------------------------------------------------------------------------------


def _kinds(settings: Fit) -> Mapping[str, Any] | None:
    return dict(settings.kind) if settings.kind else None


def _rows(table: Table, targets: Sequence[str], settings: Fit, screen: Screen) -> Rows:
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


def _split(rows: Rows, targets: Sequence[str], task: Task, settings: Fit, screen: Screen) -> tuple[Rows, Rows | None]:
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
    train, held_places = holdout(len(rows.table), share, _seed(settings), classes)
    return rows.part(train), rows.part(held_places)


def _without_absent(settings: Fit, table: Table) -> Fit:
    """The settings for a test table, which may lack columns that are left out anyway."""
    from dataclasses import replace

    return replace(settings, drop=tuple(name for name in settings.drop or () if name in table.columns))


def _codes(table: Table, target: str) -> np.ndarray:
    values = table[target]
    return values.codes if isinstance(values, Words) else np.unique(values, return_inverse=True)[1].ravel()


def _seed(settings: Fit) -> int:
    return SEED if settings.seed is None else settings.seed


def _tell_repeated(train: Rows, held: Rows, screen: Screen) -> None:
    count, rows = repeated(train.table, held.table), len(held.table)
    if count >= max(REPEATED * rows, 1):
        screen.note(
            f"{count:,} of the {amount(rows, 'row')} held out stand among the training rows as well, target included: "
            "scores on them are too good."
        )


# ---- Training --------------------------------------------------------------------------------------------------------


def _estimator(task: Task, settings: Fit, train: Rows) -> Classifier | Regressor:
    from tabgrad.estimators import Classifier, Regressor
    from tabgrad.estimators._parameters import ParameterError, check_parameters

    given = {name: getattr(settings, name) for name in (*ARGUMENTS, *RENAMED)}
    arguments = {RENAMED.get(name, name): value for name, value in given.items() if value is not None}
    if not task.classes and (wrong := [option(name) for name in OF_CLASSES if given[name] is not None]):
        raise UsageError(f"{', '.join(wrong)} is for classes, and this is a regression. Leave it out, or see --task.")
    kinds = {name: kind for name, kind in (settings.kind or {}).items() if name in train.table.columns}
    arguments |= {"kinds": kinds or None, "random_state": _seed(settings), "verbose": 0}
    estimator = Classifier(**arguments) if task.classes else Regressor(**arguments)
    try:
        check_parameters(estimator)
    except ParameterError as error:
        raise UsageError(_by_options(str(error))) from error
    return estimator


def _by_options(message: str) -> str:
    """What is wrong with arguments, told of the options that they come from."""
    names = {argument: setting for setting, argument in RENAMED.items()}
    return re.sub(
        r"The '(\w+)' parameter of \w+ must be",
        lambda found: f"{option(names.get(found[1], found[1]))} must be",
        message,
    )


def _train(
    estimator: Classifier | Regressor,
    train: Rows,
    targets: Sequence[str],
    held: Rows | None,
    settings: Fit,
    screen: Screen,
) -> Training:
    from tabgrad.estimators._members import watched

    beside = "" if held is None else f"; {amount(len(held.table), 'row')} to judge by"
    screen.heading(f"Training on {amount(len(train.table), 'row')}{beside}")
    with screen.line() as line:
        training = Training(line)
        stopping = stopped_by_interrupt(training) if settings.save_interrupted else nullcontext()
        y = targets[0] if len(targets) == 1 else list(targets)
        try:
            with stopping, watched(training):
                estimator.fit(train.table, y, sample_weight=train.weights)
        except KeyboardInterrupt as interrupt:
            done = f"in epoch {training.epochs + 1}" if training.epochs else "before the end of the first epoch"
            way = "" if settings.save_interrupted else " With --save-interrupted, Ctrl-C keeps the best model so far."
            raise type(interrupt)(f"Interrupted {done}; nothing was saved.{way}") from None
    screen.show(grid(training.told(estimator.preset)))
    if estimator.scores_:
        screen.heading("On rows of the training, each predicted by a network that had not seen it")
        screen.show(held_out_scores(estimator.scores_))
    return training


# ---- What is shown ---------------------------------------------------------------------------------------------------


def _show_understood(
    table: Table, rows: Rows, train: Rows, targets: Sequence[str], task: Task, why: str, settings: Fit, screen: Screen
) -> None:
    """The rows, the target, and the columns by their kind."""
    screen.heading(f"{printable(table.name)}: {amount(len(table), 'row')}, {amount(len(table.names), 'column')}")
    schema = infer(train.table.without(list(targets)), _known(settings, train.table, targets))
    lines = [("target", "", f"{', '.join(printable(name) for name in targets)}: {task.value} ({why})")]
    if settings.weights:
        lines.append(("weights", "", printable(settings.weights)))
    lines += list(_kind_lines(schema))
    if settings.drop:
        lines.append(("left out", str(len(settings.drop)), ", ".join(map(printable, settings.drop))))
    if gaps := _gaps(rows.table.without(list(targets))):
        lines.append(("missing", "", gaps))
    screen.show(grid(lines, right=(1,)))


def _known(settings: Fit, table: Table, targets: Sequence[str]) -> dict[str, Any]:
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


MOST_LINES = 8
MOST_NAMES = 12


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


def _show_result(report: ClassReport | ValueReport | None, held: Rows | None, settings: Fit, screen: Screen) -> None:
    if report is None or held is None:
        screen.note("No rows were held out: how good the model is, is not known. tabgrad evaluate judges it.")
    elif not settings.json:
        where = f"{printable(held.table.name)}, " if settings.test else ""
        screen.say()
        screen.result(f"On {where}{amount(report.rows, 'row')} held out, seen by no network", style="bold")
        report.show(screen)


def _show_next(path: str, screen: Screen) -> None:
    screen.heading(f"Saved {path} ({os.path.getsize(path) / 1024:,.0f} kB). Next:")
    name = shlex.quote(path)
    for command in ("predict {} new.csv --out predicted.csv", "evaluate {} labelled.csv", "inspect {}"):
        screen.say(f"  tabgrad {command.format(name)}")


def _data(
    path: str,
    estimator: Classifier | Regressor,
    task: Task,
    targets: Sequence[str],
    parts: tuple[Rows, Rows | None],
    training: Training,
    report: ClassReport | ValueReport | None,
) -> dict[str, Any]:
    """All that `fit` found out, as plain data."""
    train, held = parts
    schema = estimator.table_schema_
    return {
        "model": path,
        "task": task.value,
        "targets": list(targets),
        "rows": {"training": len(train.table), "held_out": 0 if held is None else len(held.table)},
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "used": column.used,
                "missing": column.missing,
                "why": column.why,
            }
            for column in schema
        ],
        "networks": len(estimator.models_),
        "epochs": training.epochs,
        "seconds": round(training.seconds, 3),
        "history": estimator.history_,
        "held_out_scores": estimator.scores_,
        "report": None if report is None else report.data(),
    }
