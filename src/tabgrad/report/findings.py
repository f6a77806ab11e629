"""What deserves a look before anyone trusts a model: a sentence each, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tabgrad._wording import amount, figure, printable
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.judging import Rows, Scores, each_of, numbers
from tabgrad.report.resampling import Estimate
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.overlap import repeated

__all__ = ["Finding", "findings"]

GAP = 0.1  # of accuracy or R2 between rows of the training and others, from which on a model knows rows by heart
IMBALANCE = 0.8  # the share of one class, from which on accuracy says little
FEW_ROWS = 20  # of a class to learn from
FEW_JUDGED = 10  # of a class to judge by, or in all three times as many
REPEATED = 0.01  # of the rows held out that stand among those of the training, too
TELLING = 0.98  # of what there is to know that one column alone tells
BINS, ROWS_A_BIN = 40, 8  # of numbers, that the target is told by
MOST_LEVELS = 1000
LISTED = 5


@dataclass(frozen=True)
class Finding:
    """Something that deserves a look.

    Parameters
    ----------
    name : str
        Of its kind: "overfitting", "leak", ....
    text : str
        What was found.
    fix : str
        What to do about it.
    serious : bool, default True
        Whether it calls the scores, or the model, into question.
    """

    name: str
    text: str
    fix: str
    serious: bool = True


def findings(
    scores: Scores | None,
    rivals: Mapping[str, Scores],
    known: Scores | None,
    train: Rows | None,
    test: Rows | None,
) -> list[Finding]:
    """All that is found, what is most serious first.

    Parameters
    ----------
    scores : Scores or None
        Of rows held out.
    rivals : dict of str to Scores
        Of other models on the same rows: "always the same" and "linear model".
    known : Scores or None
        Of the model on rows that it was trained on; None: unknown, or no comparison, as where it asks these rows.
    train, test : Rows or None
    """
    found: list[Finding] = []
    if scores is not None:
        found += _beside_rivals(scores, rivals)
        if known is not None:
            found += _by_heart(scores, known)
        found += _few_judged(scores)
    if train is not None:
        found += _telling(train)
        found += _classes_of_training(train, scores)
        if test is not None:
            found += _on_both_sides(train, test)
    return sorted(found, key=lambda each: not each.serious)


def _pairs(scores: Scores, others: Scores) -> Iterator[tuple[str, str, Estimate, Estimate]]:
    """Of each target its name, its main score, and that of both."""
    if isinstance(scores, ClassScores) and isinstance(others, ClassScores):
        yield "", "accuracy", scores.estimates["accuracy"], others.estimates["accuracy"]
    elif not isinstance(scores, ClassScores) and not isinstance(others, ClassScores):
        for first, second in zip(scores, others, strict=True):
            of = f" of {printable(first.target)}" if len(scores) > 1 else ""
            yield of, "R2", first.estimates["R2"], second.estimates["R2"]


def _beside_rivals(scores: Scores, rivals: Mapping[str, Scores]) -> Iterator[Finding]:
    for rival, others in rivals.items():
        name = "log-loss" if isinstance(scores, ClassScores) else "root mean squared error"
        ours = each_of(scores)
        for first, second in zip(ours, each_of(others), strict=True):
            low, high = first.estimates[name].less(second.estimates[name])
            if not np.isfinite(low) or high < 0:
                continue
            of = f" of {printable(first.target)}" if len(ours) > 1 else ""
            values = f"{figure(first.estimates[name].value)} against {figure(second.estimates[name].value)}"
            if rival == "linear model":
                if low > 0:
                    text = f"A linear model is better: {name}{of} {values}."
                    yield Finding("underfitting", text, "Train longer, with more or wider layers, or take it.")
            else:
                worse = "worse than" if low > 0 else "no better, as far as these rows can tell, than"
                text = f"The model is {worse} {rival}: {name}{of} {values}."
                fix = "Look whether the columns have to do with the target at all; get more rows; train longer."
                yield Finding("underfitting", text, fix)


def _by_heart(scores: Scores, known: Scores) -> Iterator[Finding]:
    for of, name, held, learned in _pairs(scores, known):
        if learned.value - held.value > GAP and not learned.value <= held.high:
            text = f"{name}{of} is {figure(learned.value)} on rows of the training and {figure(held.value)} on others."
            fix = "The model knows rows by heart: more rows, more dropout or weight decay, fewer units, fewer epochs."
            yield Finding("overfitting", text.capitalize() if name == "accuracy" else text, fix)


def _few_judged(scores: Scores) -> Iterator[Finding]:
    rows = len(scores) if isinstance(scores, ClassScores) else len(scores[0])
    if rows < 3 * FEW_JUDGED:
        text = f"Only {amount(rows, 'row')} to judge by: the scores may be far off."
        yield Finding("few rows", text, "Judge by more rows, or look at the scores of the rows held out in the fit.")
    if not isinstance(scores, ClassScores):
        return
    support = np.bincount(scores.truth, minlength=len(scores.classes))[: len(scores.classes)]
    absent = [scores.classes[place] for place in np.flatnonzero(support == 0)]
    few = [scores.classes[place] for place in np.flatnonzero((support > 0) & (support < FEW_JUDGED))]
    if absent:
        text = f"{_listed(absent)} {_are(absent)} not among the rows that are judged: nothing is known of how well "
        yield Finding("absent class", f"{text}{_them(absent)} found.", "Judge by rows of every class.", serious=False)
    if few and rows >= 3 * FEW_JUDGED:
        text = f"{_listed(few)} {_have(few)} fewer than {FEW_JUDGED} rows to judge by: its scores are rough."
        yield Finding("few rows in a class", text, "Judge by more rows of it.", serious=False)
    if scores.unknown:
        strange = list(scores.unknown)
        text = (
            f"{_listed(strange)} {_are(strange)} unknown to the model: {amount(sum(scores.unknown.values()), 'row')}."
        )
        yield Finding("unknown class", text, "Train on rows of every class.")


def _classes_of_training(train: Rows, scores: Scores | None) -> Iterator[Finding]:
    if scores is not None and not isinstance(scores, ClassScores):
        return
    values = next(iter(train.targets.values()))
    if scores is None and not (isinstance(values, Words) or values.dtype.kind == "b"):
        return
    labels = values.objects() if isinstance(values, Words) else values
    names, counts = np.unique(labels.astype(str), return_counts=True)
    most = int(counts.argmax())
    if counts[most] > IMBALANCE * len(train):
        text = (
            f"{printable(names[most])} is the class of {counts[most] / len(train):.0%} of the rows: who always says it "
            "is right as often."
        )
        fix = "Look at recall and precision of the others rather than at accuracy; class_weight='balanced' may help."
        yield Finding("imbalance", text, fix, serious=False)
    few = [str(each) for each in names[counts < FEW_ROWS]]
    if few:
        text = f"{_listed(few)} {_have(few)} fewer than {FEW_ROWS} rows to learn from."
        yield Finding("few rows in a class", text, "Get more rows of it, or put rare classes together.", serious=False)


def _on_both_sides(train: Rows, test: Rows) -> Iterator[Finding]:
    count = repeated(train.whole, test.whole)
    if count >= max(REPEATED * len(test), 1):
        text = (
            f"{amount(count, 'row')} of the {len(test):,} held out {'stands' if count == 1 else 'stand'} among those "
            "of the training as well, target included: scores on them are too good."
        )
        yield Finding("duplicate rows", text, "Drop repeated rows before the split, or keep them together by groups.")


def _telling(train: Rows) -> Iterator[Finding]:
    """Columns that tell the target by themselves, which only columns do that are known after it."""
    for target, values in train.targets.items():
        y = _codes(values) if isinstance(values, Words) or values.dtype.kind in "b" else numbers(values, target)
        classes = y.dtype.kind == "i"
        if not classes and (y == np.round(y)).all() and len(np.unique(y)) <= 20:
            y, classes = np.unique(y, return_inverse=True)[1], True
        told = [name for name, column in train.features.columns.items() if _tells(column, y, classes=classes)]
        if told:
            of = f" {printable(target)}" if len(train.targets) > 1 else ""
            text = f"{_listed(told)} {'tells' if len(told) == 1 else 'tell'} the target{of} nearly alone."
            fix = "Is it the target in other words, or known only after it? Then leave it out."
            yield Finding("leaking column", text, fix)


def _tells(column: Values, y: np.ndarray, *, classes: bool) -> bool:
    """Whether the value of a column alone gives the target, on rows that it was not learned from."""
    half = len(y) // 2
    if half < 25:
        return False
    place = _binned(column, min(BINS, half // ROWS_A_BIN))
    if place is None:
        return False
    first, second = slice(0, None, 2), slice(1, None, 2)
    bins = int(place.max()) + 1
    if classes:
        kinds = int(y.max()) + 1
        if kinds * bins > 10**7:
            return False
        counts = np.bincount(place[first] * kinds + y[first], minlength=bins * kinds).reshape(bins, kinds)
        error = float((counts.argmax(axis=1)[place[second]] != y[second]).mean())
        blind = 1 - np.bincount(y[second], minlength=kinds).max() / len(y[second])
    else:
        totals = np.maximum(np.bincount(place[first], minlength=bins), 1)
        y = _ranks(y)
        means = np.bincount(place[first], y[first], minlength=bins) / totals
        error = float(np.mean((y[second] - means[place[second]]) ** 2))
        blind = float(np.var(y[second]))
    return bool(blind > 0 and error <= (1 - TELLING) * blind)


def _binned(column: Values, bins: int) -> np.ndarray | None:
    """The values of a column as a few places; None where they are too many to learn from."""
    if isinstance(column, Words):
        return column.codes + 1 if len(column.levels) <= MOST_LEVELS else None
    gone, values = missing(column), column.astype(np.float64) if column.dtype.kind != "M" else column.view(np.int64)
    there = values[~gone].astype(np.float64)
    if not len(there):
        return None
    edges = np.unique(np.quantile(there, np.linspace(0, 1, bins + 1)[1:-1]))
    place: np.ndarray = np.searchsorted(edges, np.where(gone, 0, values), side="right") + 1
    place[gone] = 0
    return place


def _ranks(y: np.ndarray) -> np.ndarray:
    """The rank of each number, of equal ones their mean: far ones count no more than others."""
    _, which, counts = np.unique(y, return_inverse=True, return_counts=True)
    middle: np.ndarray = np.cumsum(counts) - (counts + 1) / 2
    return middle[which.ravel()]


def _codes(values: Values) -> np.ndarray:
    codes = values.codes if isinstance(values, Words) else values
    return np.unique(codes, return_inverse=True)[1].ravel().astype(np.int64)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:LISTED])
    return f"{shown} and {len(names) - LISTED} more" if len(names) > LISTED else shown


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _them(names: Sequence[str]) -> str:
    return "it is" if len(names) == 1 else "they are"
