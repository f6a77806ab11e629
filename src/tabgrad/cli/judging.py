"""How good predictions are, beside what one gets without a model: as a report to read and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.text import Text

from tabgrad._refusals import shown
from tabgrad.cli.screen import Grid, Screen, amount, figure, grid, printable

__all__ = ["ClassReport", "Report", "ValueReport", "class_report", "held_out_scores", "score", "value_report"]

MOST_CLASSES = 12  # whose confusion matrix a screen holds; of more, the most frequent confusions are listed
MOST_LISTED = 40  # classes of a report
MOST_CONFUSIONS = 10
LONGEST_CLASS = 24
NARROW = 9  # characters of a class above a column of the confusion matrix


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Scores of a classifier.

    Parameters
    ----------
    classes : tuple of str
        As they are shown.
    rows : int
        That were judged.
    unknown : dict of str to int
        Classes that the model does not know, with their rows: they count as wrong, and the log-loss leaves them out.
    each : array of shape (classes, 4)
        Precision, recall, f1-score and weight of the rows of each class.
    confusion : array of shape (classes, classes)
        Weight of the rows of each true class (rows) that were taken for each class (columns).
    scores, baseline : dict of str to float
        Of the model, and of predicting always the shares that the classes have.
    constant : str
        The most frequent class, which the baseline always predicts.
    """

    classes: tuple[str, ...]
    rows: int
    unknown: Mapping[str, int]
    each: np.ndarray
    confusion: np.ndarray
    scores: Mapping[str, float]
    baseline: Mapping[str, float]
    constant: str

    def data(self) -> dict[str, Any]:
        """The report as plain data."""
        names = ("precision", "recall", "f1_score", "support")
        return {
            "rows": self.rows,
            "scores": dict(self.scores),
            "baseline": {"class": self.constant, **self.baseline},
            "classes": {
                label: dict(zip(names, row.tolist(), strict=True))
                for label, row in zip(self.classes, self.each, strict=True)
            },
            "unknown_classes": dict(self.unknown),
            "confusion_matrix": {"classes": list(self.classes), "true_by_predicted": self.confusion.tolist()},
        }

    def show(self, screen: Screen) -> None:
        """Print the report as the result."""
        names = [printable(label, LONGEST_CLASS) for label in self.classes]
        order = np.argsort(-self.each[:, 3], kind="stable")[:MOST_LISTED]
        listed = sorted(order.tolist()) if len(names) > MOST_LISTED else range(len(names))
        lines = [(names[place], *_shares(self.each[place, :3]), _count(self.each[place, 3])) for place in listed]
        support = self.each[:, 3]
        macro = self.each[support > 0, :3].mean(axis=0) if support.any() else np.zeros(3)
        weighted = support @ self.each[:, :3] / max(support.sum(), 1e-300)
        lines += [("",) * 5, ("macro average", *_shares(macro), _count(support.sum()))]
        lines += [("weighted average", *_shares(weighted), _count(support.sum()))]
        screen.result(grid(lines, ("", "precision", "recall", "f1-score", "rows"), right=(1, 2, 3, 4)))
        if len(names) > MOST_LISTED:
            screen.result(f"  ({len(names) - MOST_LISTED} rarer classes are not listed)")
        screen.result()
        titles = ("", "the model", "without one")
        screen.result(grid(_beside(self.scores, self.baseline), titles, right=(1, 2)))
        screen.result(f"  (without one: always {printable(self.constant)}, or the shares of the classes)")
        screen.result()
        if len(names) <= MOST_CLASSES:
            self._show_matrix(screen, names)
        else:
            self._show_confusions(screen, names)
        for label, rows in self.unknown.items():
            screen.result(f"  {amount(rows, 'row')} of the class {shown(label)}, which the model does not know: wrong")

    def _show_matrix(self, screen: Screen, names: Sequence[str]) -> None:
        short = [name if len(name) <= NARROW else f"{name[: NARROW - 1]}…" for name in names]
        lines = []
        for place, name in enumerate(names):
            counts = [Text(_count(count)) for count in self.confusion[place]]
            counts[place].stylize("bold")
            lines.append((name, *counts))
        screen.result(grid(lines, ("true / predicted", *short), right=range(1, len(names) + 1)))

    def _show_confusions(self, screen: Screen, names: Sequence[str]) -> None:
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        most = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
        pairs = [divmod(int(place), len(names)) for place in most if wrong.flat[place] > 0]
        lines = [(names[true], names[taken], _count(wrong[true, taken])) for true, taken in pairs]
        if lines:
            screen.result(grid(lines, ("true", "taken for", "rows"), right=(2,)))


@dataclass(frozen=True, eq=False)
class ValueReport:
    """Scores of a regressor.

    Parameters
    ----------
    rows : int
    scores, baseline : dict of str to dict
        By target, of the model and of always predicting the mean of the training rows.
    """

    rows: int
    scores: Mapping[str, Mapping[str, float]]
    baseline: Mapping[str, Mapping[str, float]]

    def data(self) -> dict[str, Any]:
        """The report as plain data."""
        targets = {
            name: {"scores": dict(self.scores[name]), "baseline": dict(self.baseline[name])} for name in self.scores
        }
        return {"rows": self.rows, "targets": targets}

    def show(self, screen: Screen) -> None:
        """Print the report as the result."""
        for name in self.scores:
            if len(self.scores) > 1:
                screen.result(f"  {shown(name)}", style="bold")
            lines = _beside(self.scores[name], self.baseline[name])
            screen.result(grid(lines, ("", "the model", "always the mean"), right=(1, 2)))


Report = ClassReport | ValueReport

MEANINGS = {
    "accuracy": ("accuracy", "share of rows whose class is told right"),
    "roc_auc": ("area under ROC", "how well classes are told apart: 0.5 by chance, 1 without error"),
    "log_loss": ("log-loss", "how sure of what is wrong: 0 is best"),
    "expected_calibration_error": ("calibration error", "how far probabilities are from what comes true: 0 is best"),
    "r2": ("R2", "how much of the target's ups and downs is explained: 1 all, 0 none"),
    "rmse": ("root mean squared error", "how far off, large errors counting more, in the target's unit"),
    "mae": ("mean absolute error", "how far off on average, in the target's unit"),
}


def held_out_scores(scores: Mapping[str, float]) -> Grid:
    """What an estimator's `scores_` say, a line each, in words."""
    named = [(*MEANINGS.get(name, (name, "")), value) for name, value in scores.items()]
    return grid([(name, score(value), meaning) for name, meaning, value in named], right=(1,))


def class_report(
    classes: Sequence[Any],
    truth: np.ndarray,
    probabilities: np.ndarray,
    seen: np.ndarray,
    weights: np.ndarray | None = None,
) -> ClassReport:
    """Judge a classifier.

    Parameters
    ----------
    classes : sequence
        The model's, in the order of the probabilities' columns.
    truth : array of shape (rows,)
        The true labels; others than the model's count as wrong.
    probabilities : array of shape (rows, classes)
    seen : array of shape (rows seen,)
        Labels whose shares the baseline predicts: those of the training.
    weights : array of shape (rows,), optional
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    count, places = len(classes), {label: place for place, label in enumerate(classes)}
    index = np.array([places.get(label, count) for label in truth.tolist()], np.int64)
    taken = probabilities.argmax(axis=1)
    labels = list(range(count))
    each = precision_recall_fscore_support(index, taken, labels=labels, sample_weight=weights, zero_division=0.0)
    known = index < count
    matrix = confusion_matrix(index[known], taken[known], labels=labels, sample_weight=_part(weights, known))
    strange = [str(label) for label, good in zip(truth.tolist(), known.tolist(), strict=True) if not good]
    shares = np.bincount([places[label] for label in seen.tolist() if label in places], minlength=count) + 1e-12
    constant = int(np.argmax(shares))
    return ClassReport(
        tuple(str(label) for label in classes),
        len(truth),
        {label: strange.count(label) for label in dict.fromkeys(strange)},
        np.column_stack([np.nan_to_num(column) for column in each]),
        matrix,
        _class_scores(index, probabilities, weights),
        _class_scores(index, np.tile(shares / shares.sum(), (len(index), 1)), weights),
        str(classes[constant]),
    )


def _class_scores(index: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
    """Accuracy, the mean of the classes' recalls, log-loss, and of two classes the area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    count, taken = probabilities.shape[1], probabilities.argmax(axis=1)
    weight = np.ones(len(index)) if weights is None else weights
    right, known = taken == index, index < count
    totals = np.bincount(index, weight, minlength=count + 1)
    hits = np.bincount(index, weight * right, minlength=count + 1)
    recalls = hits[totals > 0] / totals[totals > 0]
    least = np.finfo(np.float32).eps  # as scikit-learn cuts probabilities of float32
    of_truth = np.clip(probabilities[known, index[known]].astype(np.float64), least, 1 - least)
    scores = {
        "accuracy": _mean(right, weight),
        "balanced accuracy": float(recalls.mean()) if recalls.size else np.nan,
        "log-loss": _mean(-np.log(of_truth), weight[known]),
    }
    if count == 2 and len(set(index[known].tolist())) == 2:
        scores["area under ROC"] = float(
            roc_auc_score(index[known], probabilities[known, 1], sample_weight=weight[known])
        )
    return scores


def value_report(
    names: Sequence[str], truth: np.ndarray, predicted: np.ndarray, means: Sequence[float], weights: np.ndarray | None
) -> ValueReport:
    """Judge a regressor.

    Parameters
    ----------
    names : sequence of str
        The targets.
    truth, predicted : array of shape (rows, targets)
    means : sequence of float
        Of the targets in the training rows: what the baseline always predicts.
    weights : array of shape (rows,), optional
    """
    weight = np.ones(len(truth)) if weights is None else weights
    scores, baseline = {}, {}
    for place, name in enumerate(names):
        true = truth[:, place].astype(np.float64)
        scores[name] = _value_scores(true, predicted[:, place].astype(np.float64), weight)
        baseline[name] = _value_scores(true, np.full(len(true), means[place]), weight)
    return ValueReport(len(truth), scores, baseline)


def _value_scores(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    error = predicted - true
    squared, spread = _mean(error**2, weight), _mean((true - _mean(true, weight)) ** 2, weight)
    return {
        "root mean squared error": float(np.sqrt(squared)),
        "mean absolute error": _mean(np.abs(error), weight),
        "R2": 1 - squared / spread if spread > 0 else np.nan,
    }


def _mean(values: np.ndarray, weight: np.ndarray) -> float:
    total = float(weight.sum())
    return float((values * weight).sum() / total) if total > 0 else np.nan


def _part(weights: np.ndarray | None, where: np.ndarray) -> np.ndarray | None:
    return None if weights is None else weights[where]


def _beside(scores: Mapping[str, float], baseline: Mapping[str, float]) -> list[tuple[str, str, str]]:
    return [(name, score(value), score(baseline[name]) if name in baseline else "") for name, value in scores.items()]


def score(value: float) -> str:
    """A score in four decimals."""
    return f"{value:.4f}".replace("-0.0000", "0.0000") if abs(value) < 10 else figure(value)


def _shares(values: np.ndarray) -> list[str]:
    return [f"{value:.3f}" for value in values]


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
