"""A model and rows that hold what it predicts: its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentTypeError, DataError
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.value_scores import ValueScores
from tabgrad.table.columns import Values, Words
from tabgrad.table.table import Table, values_of

__all__ = [
    "Rows",
    "Scores",
    "each_of",
    "estimators_of",
    "evaluate",
    "is_classifier",
    "judged",
    "numbers",
    "rows_of",
    "scores_of",
]

Scores = ClassScores | tuple[ValueScores, ...]
"""Of a classifier, or of each target of a regressor."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with what is to be predicted of them.

    Parameters
    ----------
    features : Table
        What is learned from.
    targets : dict of str to Values
        By name.
    given : frame, array or Table
        The features as the model takes them.
    weight : array of shape (rows,) or None
    """

    features: Table
    targets: Mapping[str, Values]
    given: Any
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.features)

    def part(self, places: np.ndarray) -> Rows:
        """Some of the rows, as a table."""
        features = self.features.part(places)
        weight = None if self.weight is None else self.weight[places]
        named = isinstance(self.given, Table)
        given = features if named else self.given.iloc[places] if hasattr(self.given, "iloc") else features
        if isinstance(self.given, np.ndarray):
            given = self.given[places]
        return Rows(features, {name: values[places] for name, values in self.targets.items()}, given, weight)

    @property
    def whole(self) -> Table:
        """Features and targets."""
        return Table({**self.features.columns, **self.targets}, name=self.features.name)


def is_classifier(model: Any) -> bool:
    """Whether a model predicts classes."""
    return hasattr(model, "predict_proba") and hasattr(model, "classes_")


def estimators_of(model: Any) -> list[Any]:
    """The estimators that an ensemble joins, or the model itself."""
    return list(getattr(model, "members_", [model]))


def rows_of(X: Any, y: Any, *, sample_weight: Any = None, targets: Sequence[str] = ()) -> Rows:
    """Rows as they are judged.

    Parameters
    ----------
    X : frame, dict of columns, array or Table
    y : array, series or frame of shape (rows,) or (rows, targets), str or list of str
        What is to be predicted, or the names of the columns of X that hold it.
    sample_weight : array of shape (rows,), optional
    targets : sequence of str
        What the targets are called where y does not say it.

    Raises
    ------
    DataError
        Other numbers of rows; a column that is not there.
    """
    table = Table.of(X)
    names = [y] if isinstance(y, str) else list(y) if isinstance(y, (list, tuple)) else []
    columns = bool(names) and all(isinstance(name, str) and name in table.columns for name in names)
    if isinstance(y, str) or (columns and (len(names) != len(table) or names == list(targets))):
        found: Mapping[str, Values] = table.select(names).columns
        features: Any = table.without(names)
        given = features
    else:
        found, features, given = _answers(y, targets), table, X
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    lengths = {len(features), *(len(values) for values in found.values()), *([] if weight is None else [len(weight)])}
    if len(lengths) > 1:
        raise DataError(f"X, y and sample_weight must have the same rows. Got {', '.join(map(str, sorted(lengths)))}.")
    return Rows(features, found, given, weight)


def _answers(y: Any, targets: Sequence[str]) -> dict[str, Values]:
    """What is to be predicted, by name."""
    shape = np.shape(y)
    if len(shape) == 2 and shape[1] > 1:
        table = Table.of(y, "y")
        names = list(targets) if len(targets) == shape[1] else list(table.names)
        return dict(zip(names, table.columns.values(), strict=True))
    name = targets[0] if len(targets) == 1 else getattr(y, "name", None)
    return {str(name) if name else "y": values_of(y, "y")}


def evaluate(model: Any, X: Any, y: Any, sample_weight: Any = None) -> ClassScores | ValueScores:
    """Judge a model on rows that hold what it predicts.

    Parameters
    ----------
    model : fitted estimator
        `Classifier`, `Regressor`, or any of scikit-learn that has ``predict_proba`` and ``classes_`` or ``predict``.
    X : frame, dict of columns, array or Table, of shape (rows, columns)
    y : array or series of shape (rows,), or str
        A string is the name of the column of X that holds it.
    sample_weight : array of shape (rows,), optional

    Returns
    -------
    ClassScores or ValueScores

    Raises
    ------
    DataError
        No rows; other numbers of rows; several targets, which are judged one by one (`Report` shows all).

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.report import evaluate
    >>> x = np.random.default_rng(0).uniform(size=(400, 2))
    >>> regressor = Regressor(preset="fast", random_state=0).fit(x[:300], x[:300].sum(axis=1))
    >>> evaluate(regressor, x[300:], x[300:].sum(axis=1)).estimates["R2"].value > 0.95
    True
    """
    rows = rows_of(X, y, sample_weight=sample_weight)
    if len(rows.targets) != 1:
        raise DataError(
            f"evaluate judges one target. Got {len(rows.targets)}: {', '.join(map(shown, list(rows.targets)[:5]))}."
        )
    scores = judged(model, rows)
    return scores if isinstance(scores, ClassScores) else scores[0]


def judged(model: Any, rows: Rows) -> Scores:
    """The scores of a model, of each of its targets."""
    if not hasattr(model, "predict"):
        raise ArgumentTypeError(f"'model' must be a fitted estimator. Got {shown(model)} ({type(model).__name__}).")
    said = model.predict_proba(rows.given) if is_classifier(model) else model.predict(rows.given)
    return scores_of(model, rows, said)


def each_of(scores: Scores) -> list[ClassScores | ValueScores]:
    """The scores of each target; of a classifier the only ones."""
    return [scores] if isinstance(scores, ClassScores) else list(scores)


def scores_of(model: Any, rows: Rows, said: Any) -> Scores:
    """The scores of what a model said of rows: probabilities of its classes, or numbers of shape (rows, targets)."""
    if is_classifier(model):
        ((name, values),) = rows.targets.items()
        classes = np.asarray(model.classes_).tolist()
        return ClassScores.of(classes, values, said, sample_weight=rows.weight, target=name, rows=rows.features)
    columns = np.asarray(said, np.float64).reshape(len(rows), -1)
    if columns.shape[1] != len(rows.targets):
        raise DataError(
            f"The model predicts {columns.shape[1]} numbers of a row, and y has {len(rows.targets)} targets."
        )
    return tuple(
        ValueScores.of(numbers(values, name), column, sample_weight=rows.weight, target=name, rows=rows.features)
        for (name, values), column in zip(rows.targets.items(), columns.T, strict=True)
    )


def numbers(values: Values, name: str) -> np.ndarray:
    """A target of numbers.

    Raises
    ------
    DataError
        It is text or dates.
    """
    if isinstance(values, Words) or values.dtype.kind not in "biuf":
        raise DataError(
            f"The target {shown(name)} must hold numbers. Got {'text' if isinstance(values, Words) else 'dates'}."
        )
    return values.astype(np.float64)
