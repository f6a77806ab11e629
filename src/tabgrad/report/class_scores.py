"""How good a classifier is on some rows: scores with intervals, tables and figures of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.errors import ArgumentError, DataError
from tabgrad.metrics import expected_calibration_error
from tabgrad.report import class_figures
from tabgrad.report.resampling import Estimate, estimated
from tabgrad.report.sheets import Sheet
from tabgrad.table.columns import Words
from tabgrad.table.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ClassScores"]

MOST_CURVES = 8  # classes, the most frequent ones, of which curves are drawn
MOST_RANKED = 10  # classes whose areas under curves are taken, with intervals
MOST_POINTS = 300  # of a curve
BINS = 10  # of calibration
THRESHOLDS = tuple(step / 20 for step in range(1, 20))
LEAST = float(np.finfo(np.float32).eps)  # as scikit-learn cuts probabilities of float32
MOST_COLUMNS = 8  # of the rows that are shown


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Probabilities of classes beside the true ones, and all that follows from both.

    Parameters
    ----------
    classes : tuple of str
        As they are shown, in the order of the probabilities' columns.
    truth : array of shape (rows,)
        The place of each row's class; ``len(classes)`` for a class that the model does not know, which counts as wrong.
    probabilities : array of shape (rows, classes)
    weight : array of shape (rows,)
        What the rows count for.
    target : str
        What is predicted.
    rows : Table or None
        The rows themselves, of which the worst errors are shown.
    unknown : dict of str to int
        Classes that the model does not know, with their rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.report import ClassScores
    >>> scores = ClassScores.of(["no", "yes"], ["no", "yes", "yes"], np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    >>> scores.by_class()
    class  precision  recall  f1_score  rows
    no        0.5000  1.0000    0.6667     1
    yes       1.0000  0.5000    0.6667     2
    """

    classes: tuple[str, ...]
    truth: np.ndarray
    probabilities: np.ndarray
    weight: np.ndarray
    target: str = "y"
    rows: Table | None = None
    unknown: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        classes: Sequence[Any],
        y: Any,
        probabilities: Any,
        *,
        sample_weight: Any = None,
        target: str = "y",
        rows: Table | None = None,
    ) -> ClassScores:
        """Scores of predictions, whoever made them.

        Parameters
        ----------
        classes : sequence
            The labels, in the order of the columns of `probabilities`.
        y : array of shape (rows,)
            The true labels.
        probabilities : array of shape (rows, classes)
        sample_weight : array of shape (rows,), optional
        target : str
        rows : Table, optional

        Raises
        ------
        DataError
            Shapes that do not fit together; no rows.
        """
        p = np.asarray(probabilities, np.float64)
        labels = y.objects() if isinstance(y, Words) else np.asarray(y, dtype=object)
        if p.ndim != 2 or p.shape != (len(labels), len(classes)) or not len(labels):
            raise DataError(
                f"ClassScores needs probabilities of shape (rows, classes), here ({len(labels)}, {len(classes)}), and "
                f"at least one row. Got {p.shape}."
            )
        places = {label: place for place, label in enumerate(_plain(classes))}
        given = _plain(labels)
        truth = np.array([places.get(label, len(places)) for label in given], np.int64)
        strange = [str(label) for label in given if label not in places]
        weight = np.ones(len(p)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        names = tuple(str(label) for label in _plain(classes))
        unknown = {label: strange.count(label) for label in dict.fromkeys(strange)}
        return cls(names, truth, p, weight, target, rows, unknown)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.truth)

    @cached_property
    def predicted(self) -> np.ndarray:
        """The place of the most probable class of each row."""
        taken: np.ndarray = self.probabilities.argmax(axis=1)
        return taken

    @cached_property
    def right(self) -> np.ndarray:
        """Whether that is the true one."""
        same: np.ndarray = self.predicted == self.truth
        return same

    @cached_property
    def support(self) -> np.ndarray:
        """The weight of the rows of each class."""
        return np.bincount(self.truth, self.weight, minlength=len(self.classes))[: len(self.classes)]

    @property
    def positive(self) -> str:
        """The class that probabilities of two classes are of: the second one."""
        return self.classes[-1]

    # ---- Scores ------------------------------------------------------------------------------------------------------

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Accuracy, balanced accuracy (the mean of the classes' recalls), log-loss, area under ROC.

        The area is that of two classes, or the mean over up to ten classes, each against all others.
        """
        count = len(self.classes)
        ranked = [1] if count == 2 else list(range(count)) if count <= MOST_RANKED else []
        ranked = ranked if (self.support > 0).all() else []
        known = self.truth < count
        loss = np.zeros(len(self))
        loss[known] = -np.log(np.clip(self.probabilities[known, self.truth[known]], LEAST, 1 - LEAST))
        there, place = np.unique(self.truth, return_inverse=True)
        each = np.eye(len(there))[place]  # (rows, classes that are there)
        each = np.hstack([each, each * self.right[:, np.newaxis]])
        areas = [_Area(self.truth == place, self.probabilities[:, place]) for place in ranked]

        def scores(weight: np.ndarray) -> dict[str, np.ndarray]:
            totals, hits = np.split(weight @ each, 2, axis=1)
            some = totals > 0
            recalls = np.divide(hits, totals, out=np.zeros_like(hits), where=some).sum(axis=1) / some.sum(axis=1)
            values = {
                "accuracy": weight @ self.right / weight.sum(axis=1),
                "balanced accuracy": recalls,
                "log-loss": weight @ loss / (weight @ known),
            }
            if areas and len(there) > 1:
                values["area under ROC"] = np.mean([area(weight) for area in areas], axis=0)
            return values

        return estimated(scores, self.weight, work=1 + len(areas) + len(there) // 16)

    @property
    def higher(self) -> Mapping[str, bool]:
        """For each score whether more is better."""
        return {name: name != "log-loss" for name in self.estimates}

    def summary(self) -> Sheet:
        """Each score with its 95 % interval."""
        found = self.estimates
        return Sheet(
            {
                "score": list(found),
                "value": [each.value for each in found.values()],
                "low": [each.low for each in found.values()],
                "high": [each.high for each in found.values()],
            },
            "score",
        )

    def frame(self) -> pd.DataFrame:
        """`summary` as a pandas frame."""
        return self.summary().frame()

    # ---- Tables ------------------------------------------------------------------------------------------------------

    def by_class(self) -> Sheet:
        """Precision, recall, f1-score and weight of the rows of each class."""
        from sklearn.metrics import precision_recall_fscore_support

        labels = range(len(self.classes))
        each = precision_recall_fscore_support(
            self.truth, self.predicted, labels=labels, sample_weight=self.weight, zero_division=0.0
        )
        names = ("precision", "recall", "f1_score")
        columns = {name: values.tolist() for name, values in zip(names, each[:3], strict=True)}
        return Sheet({"class": list(self.classes), **columns, "rows": _whole(self.support)}, "class")

    @cached_property
    def matrix(self) -> np.ndarray:
        """Weight of the rows of each true class (rows) that were taken for each class (columns)."""
        count = len(self.classes)
        known = self.truth < count
        places = self.truth[known] * count + self.predicted[known]
        return np.bincount(places, self.weight[known], minlength=count * count).reshape(count, count)

    def confusion(self) -> Sheet:
        """`matrix`, a row a true class, a column a predicted one."""
        columns = {name: _whole(column) for name, column in zip(_different(self.classes), self.matrix.T, strict=True)}
        return Sheet({"true \\ predicted": list(self.classes), **columns}, "true \\ predicted")

    def confusions(self, most: int = 10) -> Sheet:
        """The most frequent confusions."""
        wrong = self.matrix - np.diag(np.diag(self.matrix))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), len(self.classes)) for place in order if wrong.flat[place] > 0]
        support = self.support
        return Sheet(
            {
                "true": [self.classes[true] for true, _ in pairs],
                "taken for": [self.classes[taken] for _, taken in pairs],
                "rows": _whole([wrong[pair] for pair in pairs]),
                "share of the class": [float(wrong[pair] / support[pair[0]]) for pair in pairs],
            }
        )

    def calibration(self, bins: int = BINS) -> Sheet:
        """What was said beside what came true: rows by their probability, in bins of equal width.

        Of two classes the probability of `positive`, of more that of the most probable class.
        """
        p, came = self._calibrated
        place = np.minimum((p * bins).astype(np.int64), bins - 1)
        weight = np.bincount(place, self.weight, minlength=bins)
        there = np.flatnonzero(weight)
        said = np.bincount(place, self.weight * p, minlength=bins)[there] / weight[there]
        true = np.bincount(place, self.weight * came, minlength=bins)[there] / weight[there]
        return Sheet({"said": said.tolist(), "came true": true.tolist(), "rows": _whole(weight[there])})

    @property
    def _calibrated(self) -> tuple[np.ndarray, np.ndarray]:
        if len(self.classes) == 2:
            return self.probabilities[:, 1], self.truth == 1
        return self.probabilities.max(axis=1), self.right

    @cached_property
    def calibration_error(self) -> float:
        """See `tabgrad.metrics.expected_calibration_error`; of the rows whose class is known."""
        known = self.truth < len(self.classes)
        if not (self.weight * known).any():
            return float("nan")
        labels = np.arange(len(self.classes))
        p = self.probabilities[known]
        return expected_calibration_error(self.truth[known], p, labels=labels, sample_weight=self.weight[known])

    def thresholds(self) -> Sheet:
        """What follows where `positive` is predicted from a probability on, of two classes.

        Raises
        ------
        ArgumentError
            There are more classes than two.
        """
        if len(self.classes) != 2:
            raise ArgumentError(f"thresholds are for two classes. There are {len(self.classes)}.")
        p, true = self.probabilities[:, 1], self.truth == 1
        rows = []
        for threshold in THRESHOLDS:
            yes = p >= threshold
            found, taken, there, gone = (
                float(self.weight @ each) for each in (yes & true, yes, true, ~yes & ~true & (self.truth == 0))
            )
            total = float(self.weight.sum())
            precision, recall = _ratio(found, taken), _ratio(found, there)
            specificity = _ratio(gone, float(self.weight @ (self.truth == 0)))
            f1 = _ratio(2 * found, taken + there)
            rows.append((threshold, taken / total, precision, recall, specificity, f1, (found + gone) / total))
        names = ("threshold", "share predicted", "precision", "recall", "specificity", "f1_score", "accuracy")
        return Sheet({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})

    def coverage(self, sets: Any, said: float) -> Sheet:
        """How many of the true classes lie in the sets that `Classifier.predict_set` gives, and how large these are.

        Parameters
        ----------
        sets : array of bool of shape (rows, classes)
        said : float
            The coverage that was asked for.
        """
        held = np.asarray(sets, bool)
        if held.shape != self.probabilities.shape:
            raise ArgumentError(f"'sets' of coverage must be of shape {self.probabilities.shape}. Got {held.shape}.")
        inside = np.column_stack([held, np.zeros(len(self), bool)])[np.arange(len(self)), self.truth]
        share = float(np.average(inside, weights=self.weight))
        return Sheet({"said": [said], "came true": [share], "classes in a set": [float(held.sum(axis=1).mean())]})

    def errors(self, most: int = 10, columns: Sequence[str] | None = None) -> Sheet:
        """The most confident errors, with the rows that they are of.

        Parameters
        ----------
        most : int
        columns : sequence of str, optional
            Of the rows; None: the first few.
        """
        said = self.probabilities[np.arange(len(self)), self.predicted]
        order = np.argsort(-said, kind="stable")
        places = order[~self.right[order] & (self.weight[order] > 0)][:most]
        names = [*self.classes, "?"]
        of_truth = [
            float(self.probabilities[place, self.truth[place]]) if self.truth[place] < len(self.classes) else None
            for place in places
        ]
        first = {
            "row": [self.rows.row(int(place)) if self.rows is not None else int(place) for place in places],
            "true": [names[self.truth[place]] for place in places],
            "predicted": [names[self.predicted[place]] for place in places],
            "probability": said[places].tolist(),
            "of the true class": of_truth,
        }
        return Sheet({**first, **shown_columns(self.rows, places, columns, first)})

    # ---- Figures -----------------------------------------------------------------------------------------------------

    def plot_confusion(self, *, shares: bool = False) -> Figure:
        """The confusion matrix: counts of rows, or their shares of each true class."""
        return class_figures.confusion(self.matrix, self.classes, shares=shares)

    def plot_roc(self) -> Figure:
        """Receiver operating characteristic: of two classes, or of the most frequent ones, each against all others."""
        from sklearn.metrics import roc_auc_score, roc_curve

        curves = {}
        for name, true, p in self._one_by_one():
            x, y, _ = roc_curve(true, p, sample_weight=self.weight)
            curves[name] = _thinned(x, y, float(roc_auc_score(true, p, sample_weight=self.weight)))
        return class_figures.roc(curves)

    def plot_precision_recall(self) -> Figure:
        """Precision against recall, of the same classes as `plot_roc`."""
        from sklearn.metrics import average_precision_score, precision_recall_curve

        curves = {}
        for name, true, p in self._one_by_one():
            precision, recall, _ = precision_recall_curve(true, p, sample_weight=self.weight)
            mean = float(average_precision_score(true, p, sample_weight=self.weight))
            curves[name] = _thinned(precision, recall, mean)
        return class_figures.precision_recall(curves)

    def plot_calibration(self) -> Figure:
        """Reliability: what was said against what came true, and how many rows it was said of."""
        two = len(self.classes) == 2
        of = f"of {self.positive}" if two else "of the most probable class"
        return class_figures.calibration(self.calibration(), self._calibrated[0], self.weight, of)

    def plot_thresholds(self) -> Figure:
        """Precision, recall and f1-score against the threshold, of two classes."""
        return class_figures.thresholds(self.thresholds(), self.positive)

    def has_curves(self) -> bool:
        """Whether there are rows of a class and of others, which curves are drawn of."""
        return bool(self._one_by_one())

    def _one_by_one(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Of each class that curves are drawn of its name, which rows are its, and their probabilities."""
        count, support = len(self.classes), self.support
        places = [1] if count == 2 else sorted(np.argsort(-support, kind="stable")[:MOST_CURVES].tolist())
        rest = float(self.weight.sum())
        return [
            (self.classes[place], self.truth == place, self.probabilities[:, place])
            for place in places
            if 0 < support[place] < rest
        ]


class _Area:
    """The area under a ROC curve, for many weights of the same rows.

    ``sum over groups g of equal p, ascending, of P_g (N_1 + ... + N_(g-1) + N_g / 2) / (P N)``, P and N the weights of
    the rows of the class and of the others.
    """

    def __init__(self, true: np.ndarray, p: np.ndarray) -> None:
        self._order = np.argsort(p, kind="stable")
        _, self._starts = np.unique(p[self._order], return_index=True)
        self._true = true[self._order]

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        weight = weight[:, self._order]
        positive = np.add.reduceat(weight * self._true, self._starts, axis=1)
        negative = np.add.reduceat(weight * ~self._true, self._starts, axis=1)
        below = np.cumsum(negative, axis=1) - negative / 2
        area: np.ndarray = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
        return area


def shown_columns(
    rows: Table | None, places: np.ndarray, columns: Sequence[str] | None, taken: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Some columns of some rows, by names that are not `taken`."""
    if rows is None:
        return {}
    part = rows.select(list(rows.names[:MOST_COLUMNS] if columns is None else columns)).part(places)
    shown: dict[str, list[Any]] = {}
    for name, values in part.columns.items():
        cells = values.objects() if isinstance(values, Words) else values
        known = name if name not in taken else f"{name} (column)"
        shown[known] = [str(cell) for cell in cells] if cells.dtype.kind == "M" else _plain(cells)
    return shown


def _plain(values: Any) -> list[Any]:
    """Values as Python's own."""
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def _whole(values: Any) -> list[Any]:
    """Weights as integers where they are counts."""
    numbers = np.asarray(values, np.float64)
    return list((numbers.astype(np.int64) if (numbers == np.round(numbers)).all() else numbers).tolist())


def _different(names: Sequence[str]) -> list[str]:
    """Names of which no two are the same: labels of several types may look alike."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _thinned(first: np.ndarray, second: np.ndarray, score: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Some points of a curve, both ends among them, and its score."""
    count = len(first)
    places = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.int64))
    return first[places], second[places], score
