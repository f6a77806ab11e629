"""What a search's result depends on, as plain data: what a journal is held against."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import joblib
import numpy as np
from sklearn.utils.validation import _num_samples

import tabgrad
from tabgrad.errors import ArgumentError
from tabgrad.estimators._rows import is_frame, read_rows
from tabgrad.search._fits import Candidate, Question
from tabgrad.search._plain import as_plain
from tabgrad.table import Table

Split = tuple[np.ndarray, np.ndarray]


def question_of(question: Question, space: Any, scoring: Any, splits: Sequence[Split]) -> dict[str, Any]:
    """All that decides the results: rows, folds, estimator, space, what is measured, this version of tabgrad.

    Raises
    ------
    ArgumentError
        A `random_state` that is a generator: it has moved on when the search does.
    """
    moving = [
        name
        for name, value in question.estimator.get_params().items()
        if isinstance(value, (np.random.RandomState, np.random.Generator))
    ]
    if moving:
        raise ArgumentError(
            f"A journal needs seeds that are numbers, so that a search can go on as it began. '{moving[0]}' is a "
            "generator: give an int, or leave it out and the search draws one and remembers it."
        )
    return {
        "tabgrad": tabgrad.__version__,
        "data": {
            "rows": _num_samples(question.X),
            "X": _digest(question.X),
            "y": joblib.hash(question.y),
            "fit_params": {name: joblib.hash(value) for name, value in question.fit_params.items()},
            "score_params": {name: joblib.hash(value) for name, value in question.score_params.items()},
        },
        "split": {"folds": len(splits), "rows": split_key(splits)},
        "estimator": as_plain(question.estimator),
        "space": as_plain(space),
        "scoring": as_plain(scoring),
        "train scores": question.return_train_score,
        "predictions": question.keeps,
        "error_score": as_plain(question.error_score),
    }


def keys_of(candidate: Candidate, splits: Sequence[str]) -> list[str]:
    """The names of its fits in a journal: settings, fold and the `split_key` of its rows, where it ends."""
    settings, end = _to_json(as_plain(dict(candidate.settings))), candidate.most_epochs
    return [_hash(f"{settings}|{fold}|{split}|{end}".encode()).hexdigest() for fold, split in enumerate(splits)]


_to_json = json.JSONEncoder(sort_keys=True).encode
_hash = partial(hashlib.sha256, usedforsecurity=False)


def split_key(splits: Sequence[Split]) -> str:
    """A digest of the rows of folds."""
    digest = hashlib.sha256()
    for train, test in splits:
        for places in (train, test):
            array = np.ascontiguousarray(places)
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _digest(X: Any) -> str:
    """A digest of a table's content: the same in every process."""
    if isinstance(X, (Table, Mapping)) or is_frame(X):
        return read_rows(X, "search", fewest=0).table.fingerprint()
    return str(joblib.hash(X))
