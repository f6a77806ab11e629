"""X and y as they are given: which columns are the target's, which rows count, what columns are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._once import made_once
from tabgrad._row_weights import row_weights
from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.errors import DataError
from tabgrad.estimators._network import takes_codes
from tabgrad.estimators._presets import Preset
from tabgrad.estimators._rows import Rows, check_columns, read_rows
from tabgrad.estimators._sample import Sample, read_groups, several
from tabgrad.table import Kind, Schema, Table, infer

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

__all__ = ["counted", "given", "like_the_fit", "separated", "understood"]

FEWEST_ROWS = 2  # of which something can be learned


# ---- What is given ---------------------------------------------------------------------------------------------------


def given(estimator: TableEstimator, X: Any, y: Any, *, go_on: bool) -> tuple[Rows, Any, tuple[str, ...]]:
    """X, its columns held against those of the fit before where this one goes on; y; its columns' names."""
    if not go_on:
        of = (X, y, type(estimator))
        return made_once("given", of, lambda: _looked_through(estimator, X, y, FEWEST_ROWS))
    rows, answers, target_names = _looked_through(estimator, X, y, 1)  # a stream may bring its rows one by one
    seen, named, ignored = estimator._names, estimator._named, estimator._target_names
    table = check_columns(rows, seen, named=named, ignored=ignored, owner=type(estimator).__name__)
    return replace(rows, table=table), answers, target_names


def _looked_through(estimator: TableEstimator, X: Any, y: Any, fewest: int) -> tuple[Rows, Any, tuple[str, ...]]:
    """X as a table, y as the target takes it, the names of its columns."""
    rows, y, target_names = separated(X, y, type(estimator).__name__, several=estimator._several, fewest=fewest)
    answers = estimator._read(y)
    if len(answers) != len(rows.table):
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: {[len(rows.table), len(answers)]}. X and "
            "y must have the same rows."
        )
    return rows, answers, target_names


def like_the_fit(estimator: TableEstimator, X: Any) -> tuple[Table, Encoded]:
    """Rows without y: as a table with the columns of the fit, and as numbers."""
    owner = type(estimator).__name__
    rows = read_rows(X, owner, fewest=0)
    seen, named, ignored = estimator._names, estimator._named, estimator._target_names
    table = check_columns(rows, seen, named=named, ignored=ignored, owner=owner)
    return table, estimator.encoder_.encode(table)


def separated(X: Any, y: Any, owner: str, *, several: bool, fewest: int = 1) -> tuple[Rows, Any, tuple[str, ...]]:
    """X without the target's columns, the target, and its columns' names if it came as these."""
    names = (y,) if isinstance(y, str) else ()
    if several and isinstance(y, (list, tuple)) and y and all(isinstance(name, str) for name in y):
        names = tuple(y)
    rows = read_rows(X, owner, fewest=fewest)
    if len(names) == len(rows.table) and not set(names) & set(rows.table.columns):
        return rows, y, ()  # text, a value for each row
    if not names:
        return rows, y, ()
    if not rows.named:
        raise DataError(f"y is a column's name, {y!r}, and X has no names of columns. Give a frame, or y's values.")
    target = rows.table.select(names)
    return rows.without(names), target, names


# ---- What of it counts -----------------------------------------------------------------------------------------------


def counted(
    estimator: TableEstimator,
    table: Table,
    answers: Any,
    sample_weight: Any = None,
    groups: Any = None,
    *,
    classes: Any = None,
    known: Any = None,
) -> tuple[Any, Sample]:
    """The rows that count for something, with what they count for; and the target, as far as it is known."""
    facts = (table, answers, sample_weight, groups, classes, known)
    weighs = (getattr(estimator, "class_weight", None), estimator.loss, type(estimator))
    return made_once("counted", (*facts, *weighs), lambda: _counted_anew(estimator, *facts))


def _counted_anew(
    estimator: TableEstimator,
    table: Table,
    answers: Any,
    sample_weight: Any,
    groups: Any,
    classes: Any,
    known: Any,
) -> tuple[Any, Sample]:
    weight, of = row_weights(sample_weight, len(table)), read_groups(groups, len(table))
    kept = None if weight is None or weight.all() else np.flatnonzero(weight)
    target, y = estimator._answers(answers, kept, classes, known)
    origin = np.arange(len(table))
    if weight is not None and kept is not None:
        table, weight, of = table.part(kept), weight[kept], None if of is None else several(of[kept])
        origin = np.full(len(origin), -1)
        origin[kept] = np.arange(len(kept))
    sample = estimator._weighted(Sample(table, y, weight, of, origin), target)
    fewest = FEWEST_ROWS if known is None else 1
    if len(sample) < fewest:
        raise DataError(
            f"Found array with {len(sample)} sample(s) (n_samples={len(sample)}) while a minimum of "
            f"{fewest} is required by {type(estimator).__name__}: nothing can be learned from 1 sample."
        )
    return target, sample


# ---- What its columns are --------------------------------------------------------------------------------------------


def understood(estimator: TableEstimator, table: Table, rows: Rows, preset: Preset) -> tuple[Schema, Encoder]:
    """What the columns of the rows of training are, and how they become numbers."""
    embed = takes_codes(estimator.model)

    def anew() -> tuple[Schema, Encoder]:
        schema = _schema(table, estimator.kinds, named=rows.named)
        return schema, Encoder.fit(table, schema, numeric=preset.numeric, embed=embed)

    return made_once("understood", (table, rows, estimator.kinds, preset.numeric, embed), anew)


def _schema(table: Table, kinds: Any, *, named: bool) -> Schema:
    """What the columns are; in an array no number of a row is an identifier."""
    schema = infer(table, kinds)
    if not named:
        plain = {
            column.name: Kind.NUMERIC.value
            for column in schema
            if column.kind == Kind.IDENTIFIER
            and not column.given
            and column.why != "text"
            and isinstance(table[column.name], np.ndarray)
        }
        if plain:
            schema = infer(table, {**plain, **(kinds or {})})
    if not schema.used:
        listed = ", ".join(f"{column.name} ({column.kind}: {column.why})" for column in schema.columns[:5])
        raise DataError(f"X has no column that tells rows apart, so nothing can be learned. It has: {listed}.")
    return schema
