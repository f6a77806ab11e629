"""What a model is held against: saying always the same, and a linear model of the same columns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.errors import DataError
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.judging import Rows, Scores, numbers
from tabgrad.report.value_scores import ValueScores
from tabgrad.table.columns import Words
from tabgrad.table.schema import Schema

__all__ = ["constant", "linear"]

MOST_NUMBERS = 5 * 10**7  # rows x columns x outputs that a linear model is fitted to; of more rows some, evenly
MOST_WIDTH = 2000  # encoded columns
FEWEST_ROWS = 10
ITERATIONS = 100


def constant(scores: Scores, train: Rows | None) -> Scores:
    """The shares of the classes for every row, and so always the most frequent one; or the mean.

    Those of the rows of training, or, where there are none to look at, of the rows that are judged.
    """
    if isinstance(scores, ClassScores):
        return _constant_classes(scores, train)
    return tuple(_constant_values(each, train) for each in scores)


def _constant_classes(scores: ClassScores, train: Rows | None) -> ClassScores:
    support = scores.support if train is None else _index_of(scores, train)[1]
    shares = support + 1e-12
    p = np.tile(shares / shares.sum(), (len(scores), 1))
    return ClassScores(scores.classes, scores.truth, p, scores.weight, scores.target)


def _index_of(scores: ClassScores, train: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The place of the class of each row of training, -1 for none that is known, and the weight of each class."""
    (values,) = train.targets.values()
    labels = values.objects() if isinstance(values, Words) else values
    places = {name: place for place, name in enumerate(scores.classes)}
    index = np.array([places.get(str(label), -1) for label in labels.tolist()], np.int64)
    weight = np.ones(len(index)) if train.weight is None else train.weight
    return index, np.bincount(index[index >= 0], weight[index >= 0], minlength=len(scores.classes))


def _constant_values(scores: ValueScores, train: Rows | None) -> ValueScores:
    if train is None:
        mean = float(np.average(scores.truth, weights=scores.weight))
    else:
        mean = float(np.average(numbers(train.targets[scores.target], scores.target), weights=train.weight))
    said = np.full(len(scores), mean)
    return ValueScores(scores.truth, said, scores.weight, scores.target)


def linear(scores: Scores, train: Rows, test: Rows, schema: Schema) -> Scores | None:
    """Logistic regression, or ridge regression, of scikit-learn on the standardised columns; categories one-hot.

    None where there is hardly anything to learn from.
    """
    if len(train) < FEWEST_ROWS:
        return None
    names = [column.name for column in schema.used]
    some = train.part(np.arange(0, len(train), _step(len(train), scores, names)))
    try:
        encoder = Encoder.fit(some.features, schema, numeric="standard", embed=False, max_width=MOST_WIDTH)
    except DataError:
        return None
    some = some.part(np.arange(0, len(some), _step(len(some), scores, encoder.features)))
    known, asked = encoder.encode(some.features), encoder.encode(test.features)
    if isinstance(scores, ClassScores):
        return _linear_classes(scores, some, known, asked)
    return tuple(_linear_values(each, some, known, asked) for each in scores)


def _step(rows: int, scores: Scores, columns: Any) -> int:
    outputs = len(scores.classes) if isinstance(scores, ClassScores) and len(scores.classes) > 2 else 1
    return -(-rows * len(columns) * outputs // MOST_NUMBERS)


def _linear_classes(scores: ClassScores, train: Rows, known: Encoded, asked: Encoded) -> ClassScores | None:
    from sklearn.linear_model import LogisticRegression

    index, _ = _index_of(scores, train)
    there = index >= 0
    if len(np.unique(index[there])) < 2:
        return None
    weight = None if train.weight is None else train.weight[there]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so many steps do as a yardstick
        model = LogisticRegression(max_iter=ITERATIONS).fit(known.x[there], index[there], sample_weight=weight)
    p = np.zeros((len(scores), len(scores.classes)))
    p[:, model.classes_] = model.predict_proba(asked.x)
    return ClassScores(scores.classes, scores.truth, p, scores.weight, scores.target)


def _linear_values(scores: ValueScores, train: Rows, known: Encoded, asked: Encoded) -> ValueScores:
    from sklearn.linear_model import Ridge

    y = numbers(train.targets[scores.target], scores.target)
    model = Ridge(alpha=1.0).fit(known.x.astype(np.float64), y, sample_weight=train.weight)
    said = model.predict(asked.x.astype(np.float64))
    return ValueScores(scores.truth, said, scores.weight, scores.target)
