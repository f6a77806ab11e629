"""Near rows in a fit: whether they are asked beside its networks, as rows that members have held out decide it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tabgrad.encode.encoder import Encoded
from tabgrad.estimators._neighbors import (
    MOST_COLUMNS,
    MOST_ROWS,
    Asked,
    Neighbors,
    Space,
    bytes_of_near,
    chosen,
    relevance,
)
from tabgrad.estimators._outputs import Apart, predicted
from tabgrad.estimators._stages import Fitted, Ready

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

__all__ = ["begin", "bytes_of_asking", "near_rows"]


def bytes_of_asking(estimator: TableEstimator, ready: Ready) -> int:
    """The bytes that it takes to find out whether near rows are asked."""
    most = ready.way.preset.n_neighbors
    if not most or _why_nobody_is_asked(estimator, ready):
        return 0
    return bytes_of_near(len(ready.whole), len(ready.encoder.features), most)


def begin(estimator: TableEstimator, record: Fitted, ready: Ready) -> None:
    """Note where nobody is asked though the user wants it; a fit that goes on keeps the rows of the one before."""
    most = ready.way.preset.n_neighbors
    asked_for = not isinstance(estimator.n_neighbors, str) and most
    if asked_for and (why := _why_nobody_is_asked(estimator, ready)):
        record.notes.append(f"n_neighbors={estimator.n_neighbors} changes nothing: {why}.")
    if ready.way.go_on and most and estimator._neighbors is not None:
        record.neighbors = estimator._neighbors  # the same columns, as the same numbers
        record.notes.append(estimator._neighbors.note)


def near_rows(
    estimator: TableEstimator, record: Fitted, ready: Ready, parts: Sequence[Apart], said: np.ndarray, encoded: Encoded
) -> tuple[Neighbors, np.ndarray] | None:
    """Rows that are kept to be asked beside the networks, and what is said with them of rows held out.

    None where they do not pay, or nobody could tell whether they do. `said` is what networks say of the rows that they
    have held out, `parts` are these networks and rows.
    """
    way, sample, encoder, most = ready.way, ready.sample, ready.encoder, ready.way.preset.n_neighbors
    if not most or not parts or _why_nobody_is_asked(estimator, ready):
        return None
    classes, models = estimator._kind == "classifier", tuple(model for model, _, _ in parts)
    fold = np.full(len(sample), -1)
    for place, (_, _, rows) in enumerate(parts):
        fold[rows[fold[rows] < 0]] = place
    answers = sample.y.astype(np.int32) if classes else record.target.encode(sample.y).astype(np.float32)
    counts = sample.relative_weight
    weight = np.ones(len(sample)) if counts is None else counts
    columns = [encoder.places(name) for name in record.names]
    relevant = relevance(
        lambda rows: estimator._mean(predicted(models, rows), models[0]), encoded, columns, way.seed, classes=classes
    )
    space = Space.of(encoded, encoder.cardinalities, columns, relevant)

    def late() -> bool:
        return way.deadline is not None and time.monotonic() >= way.deadline

    return None if late() else chosen(Asked(said, answers, weight, fold), space, encoded, most, way.seed, late)


def _why_nobody_is_asked(estimator: TableEstimator, ready: Ready) -> str:
    """Why near rows are not even looked for; nothing where they are."""
    if ready.way.members == 1:
        return "near rows are asked beside several networks, each of which holds rows out"
    if estimator.model is not None:
        return "the network is one of your own"
    if not (ready.head.least_squares or (estimator._kind == "classifier" and estimator.loss is None)):
        return "near rows are asked where means or probabilities are learned, with loss=None"
    if len(ready.whole) > MOST_ROWS:
        return f"near rows are asked in tables of at most {MOST_ROWS:,} rows"
    if len(ready.rows.table.names) > MOST_COLUMNS:
        return f"near rows are asked in tables of at most {MOST_COLUMNS} columns"
    return ""
