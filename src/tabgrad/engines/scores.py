"""What an engine sums over rows, and the values that are made of the sums: the formulas of loss and metrics.

The sums of a plan are one array: the number of rows, the loss of each row together, then the terms of each metric in
the order of `Plan.scores`. They add up over batches, so the values of an epoch are those of all its rows. Which terms
a metric has, its `tally` says; ``w`` is the weight of a row, 1 where the metric is not weighted:

================  ====================================================================================================
``mean``          ``sum w m`` of the rows' values ``m``, ``sum w``
``thresholds``    of positive, then of negative targets: ``w`` of the outputs above none, one, two ... of the cuts;
                  those of one output after the other where they are counted apart
``overlap``       of each output: ``sum w y [positive]``; then ``sum w [positive]``; then ``sum w y``
``agreement``     of each class: ``w`` of its rows; then of the rows taken for it; then ``sum w |i - j|^power``
``moments``       rows, ``sum w``; of each output ``sum w y``; then ``sum w y^2``; then ``sum w (y - p)^2``
``function``      ``sum w m`` and ``sum w``, of batches in place of rows where a function has one number for a batch
================  ====================================================================================================

A quotient whose denominator is 0 is 0: a class that is absent gives no NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tabgrad import metrics
from tabgrad._refusals import shown
from tabgrad.errors import DataError
from tabgrad.metrics import Metric
from tabgrad.plan import Plan

EPSILON = 1e-7  # Keras's, under the F-scores

HEAD = 2  # rows, loss


class Scores:
    """Turns the sums of a plan into its values: loss, then metrics."""

    def __init__(self, plan: Plan) -> None:
        outputs, at = plan.network.outputs, HEAD
        self._places: list[tuple[Callable[..., float], Metric, slice]] = []
        for metric, _ in plan.scores:
            here = slice(at, at := at + metric.terms(outputs))
            self._places.append((VALUES.get(metric.kind, _mean), metric, here))
        self.width = at

    def values(self, sums: Sequence[float] | np.ndarray) -> list[float]:
        """Loss and metrics."""
        sums = np.asarray(sums)
        loss = float(sums[1]) / float(sums[0])
        return [loss, *(value(metric, sums[here]) for value, metric, here in self._places)]

    def table(self, sums: np.ndarray) -> np.ndarray:
        """Loss and metrics of each epoch, from sums of shape (epochs, width)."""
        values = np.empty((len(sums), 1 + len(self._places)))
        np.divide(sums[:, 1], sums[:, 0], out=values[:, 0])
        for column, (value, metric, here) in enumerate(self._places, 1):
            if value is _mean:
                values[:, column] = ratio(*sums[:, here].T)
            else:
                values[:, column] = [value(metric, terms) for terms in sums[:, here]]
        return values


def ratio(above: Any, below: Any) -> Any:
    """``above / below``, 0 where that is a division by 0."""
    return np.divide(above, below, out=np.zeros(np.broadcast(above, below).shape), where=np.asarray(below) != 0)


def _mean(_: Metric, terms: np.ndarray) -> float:
    total, weight = terms.tolist()
    return total / weight if weight else 0.0


def _root_mean(metric: metrics.RootMeanSquaredError, terms: np.ndarray) -> float:
    return float(np.sqrt(_mean(metric, terms)))


# ---- Counts at thresholds --------------------------------------------------------------------------------------------


def _positives(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """``TP`` and ``FP`` at each threshold, and how many are positive and negative at all."""
    of_positive, of_negative = terms.reshape(2, -1)
    above = [counts[::-1].cumsum()[::-1] for counts in (of_positive, of_negative)]
    return above[0][1:], above[1][1:], float(above[0][0]), float(above[1][0])


def _precision(_: metrics.Precision, terms: np.ndarray) -> float:
    tp, fp, _positive, _negative = _positives(terms)
    return float(ratio(tp, tp + fp)[0])


def _recall(_: metrics.Recall, terms: np.ndarray) -> float:
    tp, _fp, positive, _negative = _positives(terms)
    return float(ratio(tp, positive)[0])


def _true_positives(_: metrics.TruePositives, terms: np.ndarray) -> float:
    return float(_positives(terms)[0][0])


def _false_positives(_: metrics.FalsePositives, terms: np.ndarray) -> float:
    return float(_positives(terms)[1][0])


def _true_negatives(_: metrics.TrueNegatives, terms: np.ndarray) -> float:
    return float(terms[2])


def _false_negatives(_: metrics.FalseNegatives, terms: np.ndarray) -> float:
    return float(terms[0])


def _rates(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, which is sensitivity, specificity and precision at each threshold."""
    tp, fp, positive, negative = _positives(terms)
    return ratio(tp, positive), ratio(negative - fp, negative), ratio(tp, tp + fp)


def _best(rate: np.ndarray, other: np.ndarray, at_least: float) -> float:
    """The largest of a rate where another is large enough, 0 where it never is."""
    return float(np.max(rate[other >= at_least], initial=0))


def _sensitivity_at_specificity(metric: metrics.SensitivityAtSpecificity, terms: np.ndarray) -> float:
    sensitivity, specificity, _precision = _rates(terms)
    return _best(sensitivity, specificity, metric.specificity)


def _specificity_at_sensitivity(metric: metrics.SpecificityAtSensitivity, terms: np.ndarray) -> float:
    sensitivity, specificity, _precision = _rates(terms)
    return _best(specificity, sensitivity, metric.sensitivity)


def _precision_at_recall(metric: metrics.PrecisionAtRecall, terms: np.ndarray) -> float:
    recall, _specificity, precision = _rates(terms)
    return _best(precision, recall, metric.recall)


def _recall_at_precision(metric: metrics.RecallAtPrecision, terms: np.ndarray) -> float:
    recall, _specificity, precision = _rates(terms)
    return _best(recall, precision, metric.precision)


def _auc(metric: metrics.AUC, terms: np.ndarray) -> float:
    if not metric.multi_label:
        return _area(metric, terms)
    areas = [_area(metric, each) for each in terms.reshape(-1, 2 * (len(metric.cuts) + 1))]
    weights = np.ones(len(areas)) if metric.label_weights is None else np.array(metric.label_weights)
    return float(ratio(weights @ areas, weights.sum()))


def _area(metric: metrics.AUC, terms: np.ndarray) -> float:
    """The area under ``y`` over ``x``, which fall as the threshold rises."""
    tp, fp, positive, negative = _positives(terms)
    if metric.curve == "PR" and metric.summation_method == "interpolation":
        return _interpolated_precision(tp, fp, positive)
    if metric.curve == "ROC":
        x, y = ratio(fp, negative), ratio(tp, positive)
    elif metric.curve == "PR":
        x, y = ratio(tp, positive), ratio(tp, tp + fp)
    else:
        odds = ratio(positive, negative)
        x = np.where(tp == 0, 0, np.maximum(1 - odds * ratio(positive - tp, tp), 0))
        y = np.where(tp == 0, 1, 1 - odds * ratio(fp, tp))
    low, high = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
    height = {"interpolation": (low + high) / 2, "minoring": low, "majoring": high}
    return float(np.sum((x[:-1] - x[1:]) * height[metric.summation_method]))


def _interpolated_precision(tp: np.ndarray, fp: np.ndarray, positive: float) -> float:
    """The area under precision over recall, where between thresholds ``TP`` is linear in ``P = TP + FP``.

    ``TP = s P + c`` from ``P_B`` to ``P_A``, so the integral of ``TP / P`` over ``TP`` is
    ``s (TP_A - TP_B + c log(P_A / P_B))``, and ``s (TP_A - TP_B)`` where ``P_B`` is 0.
    """
    p = tp + fp
    rise = tp[:-1] - tp[1:]
    s = ratio(rise, p[:-1] - p[1:])
    c = tp[1:] - s * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    logarithm = np.log(np.where(both, p[:-1], 1) / np.where(both, p[1:], 1))
    return float(np.sum(ratio(s * (rise + c * logarithm), positive)))


# ---- Scores of outputs and classes -----------------------------------------------------------------------------------


def _f_score(metric: metrics.FBetaScore | metrics.F1Score, terms: np.ndarray) -> float:
    tp, taken, true = terms.reshape(3, -1)
    if metric.average == "micro":
        tp, taken, true = (counts.sum(keepdims=True) for counts in (tp, taken, true))
    precision, recall = tp / (taken + EPSILON), tp / (true + EPSILON)
    square = metric.weight_of_recall**2
    score = (1 + square) * precision * recall / (square * precision + recall + EPSILON)
    if metric.average == "weighted":
        return float(np.sum(score * true) / (true.sum() + EPSILON))
    return float(score.mean())


def _cohen_kappa(metric: metrics.CohenKappa, terms: np.ndarray) -> float:
    true, taken, disagreement = _classes(terms)
    place = np.arange(len(true))
    distance = np.abs(place[:, np.newaxis] - place)
    by_chance = true @ (distance**metric.power if metric.power else distance > 0) @ taken
    return float(1 - disagreement * true.sum() / by_chance) if by_chance > 0 else 0.0


def _matthews(_: metrics.MatthewsCorrelationCoefficient, terms: np.ndarray) -> float:
    true, taken, wrong = _classes(terms)
    rows = true.sum()
    spread = (rows**2 - taken @ taken) * (rows**2 - true @ true)
    return float(((rows - wrong) * rows - true @ taken) / np.sqrt(spread)) if spread > 0 else 0.0


def _classes(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of each class, rows taken for it, disagreement."""
    true, taken = terms[:-1].reshape(2, -1)
    return true, taken, float(terms[-1])


def _r2(metric: metrics.R2Score, terms: np.ndarray) -> float:
    (rows, weight), (y, y_squared, residual) = terms[:2], terms[2:].reshape(3, -1)
    total = y_squared - ratio(y**2, weight)
    score = np.where(total > 0, 1 - ratio(residual, total), 0)
    if metric.class_aggregation == "variance_weighted_average":
        r2 = float(ratio((total * score).sum(), total.sum()))
    else:
        r2 = float(score.mean())
    n, k = rows * len(y), metric.num_regressors
    return r2 if k == 0 or k >= n - 1 else float(1 - (1 - r2) * (n - 1) / (n - k - 1))


# What is not in it is a mean.
VALUES: dict[str, Callable[..., float]] = {
    "root_mean_squared_error": _root_mean,
    "precision": _precision,
    "recall": _recall,
    "true_positives": _true_positives,
    "false_positives": _false_positives,
    "true_negatives": _true_negatives,
    "false_negatives": _false_negatives,
    "auc": _auc,
    "sensitivity_at_specificity": _sensitivity_at_specificity,
    "specificity_at_sensitivity": _specificity_at_sensitivity,
    "precision_at_recall": _precision_at_recall,
    "recall_at_precision": _recall_at_precision,
    "f1_score": _f_score,
    "fbeta_score": _f_score,
    "cohen_kappa": _cohen_kappa,
    "matthews_correlation_coefficient": _matthews,
    "r2_score": _r2,
}


# ---- Functions of one's own ------------------------------------------------------------------------------------------


def own_metrics(plan: Plan) -> list[tuple[metrics.MeanMetricWrapper, bool]]:
    """The plan's metrics that are functions, and whether each is weighted."""
    return [(one, weighted) for one, weighted in plan.scores if isinstance(one, metrics.MeanMetricWrapper)]


def own_terms(
    metric: metrics.MeanMetricWrapper, y: np.ndarray, p: np.ndarray, weight: np.ndarray | None
) -> Iterator[float]:
    """The two terms of a function on a batch; a value that is not finite is one, and stands in the history.

    Raises
    ------
    DataError
        It returned no numbers, or another number of them than there are rows.
    """
    try:
        given = metric.fn(y, p)
    except Exception as error:
        error.add_note(f"in the metric '{metric.title}', on a batch of {len(p)} rows")
        raise
    rows = _checked(metric, given, len(p))
    if rows.ndim == 0:
        yield from (float(rows), 1.0)
        return
    w = np.ones(len(p)) if weight is None else weight.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        of_rows = rows.reshape(len(p), -1).mean(axis=1)
        yield from (float(w @ of_rows), float(w.sum()))


def _checked(metric: metrics.MeanMetricWrapper, given: Any, count: int) -> np.ndarray:
    """What a function returned, as numbers: one, or some of each row."""
    expected = f"The metric '{metric.title}' must return a number for each of the batch's {count} rows, or one number"
    try:
        rows = np.asarray(() if given is None else given, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{expected}. Got {shown(given)} ({type(given).__name__}).") from error
    if rows.size == 1 and (rows.ndim == 0 or count > 1):
        rows = rows.reshape(())
    if rows.ndim and rows.shape[0] != count:
        raise DataError(f"{expected}. Got {'None' if given is None else f'shape {rows.shape}'}.")
    return rows
