"""The section of what matters: permutation importance, partial dependence of the columns that matter most."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from tabgrad._wording import amount, printable
from tabgrad.errors import DataError
from tabgrad.report import effects_figures
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.judging import Rows, Scores, each_of, is_classifier
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet
from tabgrad.table.columns import Words

__all__ = ["effects_section"]

FEWEST_ROWS = 20
MOST_ROWS, MOST_REPEATS = 2000, 5
WORK = 4 * 10**8  # columns times predictions; of very many columns there are fewer rows and repeats
MOST_SCORED = 1000  # times that the log-loss is taken; accuracy, which tells less, is quicker
MOST_LISTED = 300
MOST_CURVES = 6  # columns whose effects are drawn
ROWS_OF_CURVES, POINTS = 500, 30


def effects_section(model: Any, scores: Scores, rows: Rows) -> Section | None:
    """How much the model needs each column, and what those do that it needs most; None of hardly any rows.

    Parameters
    ----------
    model : fitted estimator
    scores : Scores
        Of `rows`.
    rows : Rows
        That the model was not trained on.
    """
    if len(rows) < FEWEST_ROWS or not _varied(scores):
        return None
    return Section("effects", "What matters", list(_blocks(model, rows)))


def _varied(scores: Scores) -> bool:
    """Whether there is something to get worse at."""
    if isinstance(scores, ClassScores):
        return int((scores.support > 0).sum()) > 1
    return all(np.ptp(each.truth) > 0 for each in each_of(scores))


def _truth(rows: Rows) -> np.ndarray:
    """What is true of rows, as scikit-learn's scores take it."""
    columns = [values.objects() if isinstance(values, Words) else values for values in rows.targets.values()]
    return columns[0] if len(columns) == 1 else np.column_stack(columns)


def _scoring(model: Any, y: np.ndarray, times: int) -> tuple[str | None, str]:
    """The score by whose fall a column is judged, and what to call that fall; `times` it is taken."""
    if not is_classifier(model):
        return None, "R2 falls by"
    if times <= MOST_SCORED and set(y.tolist()) == set(np.asarray(model.classes_).tolist()):
        return "neg_log_loss", "log-loss rises by"
    return None, "accuracy falls by"


def _blocks(model: Any, rows: Rows) -> Iterator[Block]:
    from tabgrad.inspection import PermutationImportance, partial_dependence, permutation_importance

    columns = len(rows.features.names)
    predictions = WORK // columns
    repeats = int(np.clip(predictions // (columns * 200), 1, MOST_REPEATS))
    most = int(np.clip(predictions // (columns * repeats), 100, MOST_ROWS))
    some = rows if len(rows) <= most else rows.part(np.linspace(0, len(rows) - 1, most).round().astype(np.int64))
    y = _truth(some)
    scoring, words = _scoring(model, y, columns * repeats)
    found = permutation_importance(
        *(model, some.given, y), scoring=scoring, n_repeats=repeats, sample_weight=some.weight, random_state=0
    )
    assert isinstance(found, PermutationImportance)  # of one score
    order = found.order
    names, mean, std = found.columns, found.importances_mean, found.importances_std
    yield Text(
        f"How much worse {amount(len(some), 'row')} are predicted where the values of a column are shuffled among "
        f"them, in {amount(repeats, 'order')}. Columns that tell the same stand in for each other: each alone may look "
        "needless."
    )
    draw = partial(effects_figures.importance, names, found.importances, words)
    yield Drawing("importance", "Bars are means, strokes the single times.", draw)
    order = order[:MOST_LISTED]
    sheet = {"column": [names[place] for place in order], words: mean[order].tolist(), "±": std[order].tolist()}
    yield Listing("importances", "Columns, the most important first", Sheet(sheet, "column"))
    for rank, place in enumerate(order[:MOST_CURVES].tolist()):
        if mean[place] <= 0:
            break
        try:
            curve = partial_dependence(
                *(model, some.given, names[place]),
                grid_resolution=POINTS,
                max_samples=min(ROWS_OF_CURVES, len(some)),
                random_state=0,
            )
        except DataError:
            continue
        said = f"What is predicted on average as {printable(names[place])} changes and all else stays."
        yield Drawing(f"dependence_{rank}", said, partial(effects_figures.dependence, curve))
