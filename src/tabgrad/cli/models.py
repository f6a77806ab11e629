"""A model file as the commands use it: the estimator in it, what it predicts, how good it is on a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._refusals import shown
from tabgrad.cli.judging import Report, class_report, value_report
from tabgrad.cli.tables import labels, numbers
from tabgrad.errors import DataError, ModelFileError
from tabgrad.table.table import Table

if TYPE_CHECKING:
    from tabgrad.estimators import Classifier, EnsembleClassifier, EnsembleRegressor, Regressor

    Model = Classifier | Regressor | EnsembleClassifier | EnsembleRegressor

MOST_NAMES = 5  # that a message holds

__all__ = ["Model", "completed", "is_classifier", "judged", "load_estimator", "targets_of"]


def load_estimator(path: str) -> Model:
    """The estimator in a model file.

    Raises
    ------
    ModelFileError
        The file is not there, cannot be read, is damaged, or holds a network alone.
    """
    from tabgrad._loading import load
    from tabgrad.models import Sequential

    try:
        model = load(os.path.expanduser(path))
    except OSError as error:
        hint = "tabgrad fit writes such files; give the path of one."
        raise ModelFileError(f"cannot be read: {error.strerror or error}.", f"'{path}'", hint) from error
    if isinstance(model, Sequential):
        hint = "Use it in Python: tabgrad.load(path)."
        raise ModelFileError("holds a network alone, which does not know the columns of a table.", f"'{path}'", hint)
    estimator: Model = model
    return estimator


def is_classifier(model: Model) -> bool:
    """Whether a model predicts classes."""
    return hasattr(model, "classes_")


def targets_of(model: Model) -> list[str]:
    """The columns that a model was made to predict, by their names in its table."""
    return list(model._target_names)


def completed(model: Model, table: Table) -> Table:
    """A table with the columns that the model was shown and does not use, as far as they are not there."""
    absent = [column.name for column in model.table_schema_.dropped if column.name not in table.columns]
    empty = np.full(len(table), np.nan)
    return replace(table, columns={**table.columns, **dict.fromkeys(absent, empty)}, block=None) if absent else table


def judged(
    model: Model,
    table: Table,
    targets: Sequence[str],
    weights: np.ndarray | None,
    seen: np.ndarray | None = None,
) -> Report:
    """How good a model is on a table that holds its targets.

    `seen`: the labels of the rows that it was trained on, which a classifier is held against; None: those of the table.
    """
    features = table.without(list(targets))
    if not features.names:
        raise DataError(
            f"{table.name} has no column beside the target. The model needs "
            f"{_few([column.name for column in model.table_schema_.used])}."
        )
    features = completed(model, features)
    if is_classifier(model):
        _refuse_strange(model, labels(table[targets[0]]), targets[0], table.name)
        truth, probabilities = labels(table[targets[0]]), np.asarray(model.predict_proba(features))
        return class_report(model.classes_.tolist(), truth, probabilities, truth if seen is None else seen, weights)
    truth = numbers(table, targets)
    predicted = np.asarray(model.predict(features)).reshape(len(table), -1)
    return value_report(targets, truth, predicted, list(model.target_.mean), weights)


def _refuse_strange(model: Classifier | EnsembleClassifier, truth: np.ndarray, target: str, table: str) -> None:
    """An error where no row has a class of the model: then it is another target, and there is nothing to score."""
    classes = model.classes_.tolist()
    if not set(classes) & set(truth.tolist()):
        raise DataError(
            f"No row of {table} has a class that the model knows. {shown(target)} holds {shown(truth.tolist()[0])}, "
            f"the model knows {_few(classes)}. Is it the same target?"
        )


def _few(names: Sequence[object]) -> str:
    """As many as a message holds."""
    return ", ".join(map(shown, names[:MOST_NAMES])) + (" and more" if len(names) > MOST_NAMES else "")
