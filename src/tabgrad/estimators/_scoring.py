"""Scores on rows that were held out in a fit, each row by networks that were not trained on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabgrad.estimators._sample import Sample
from tabgrad.metrics import expected_calibration_error

__all__ = ["Held", "class_scores", "value_scores"]

MOST_RANKED = 10**7  # probabilities that are put in order for areas under curves


@dataclass(frozen=True)
class Held:
    """The rows of a fit, as they were given, that at least one network has held out.

    Parameters
    ----------
    y : array of shape (rows,) or (rows, outputs)
        Indices of classes, or numbers in their own unit.
    prediction : array of shape (rows, classes or outputs)
        As `oof_prediction_`.
    weight : array of shape (rows,) or None
        That the user gave; without those of classes, which say what to learn and not what there is.
    """

    y: np.ndarray
    prediction: np.ndarray
    weight: np.ndarray | None

    @classmethod
    def of(cls, sample: Sample, prediction: np.ndarray, weight: np.ndarray | None) -> Held:
        """Those of a fit's rows; `prediction` and `weight` are of the rows as they were given."""
        prediction = prediction.reshape(len(prediction), -1)
        rows = np.flatnonzero((sample.origin >= 0) & ~np.isnan(prediction[:, 0]))
        return cls(sample.y[sample.origin[rows]], prediction[rows], None if weight is None else weight[rows])

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.y)


def class_scores(held: Held) -> dict[str, float]:
    """The mean of ``-log p`` of the true class, the share of right classes, calibration, the area under the ROC curve.

    The area is that of two classes, or the mean over classes, each against all others; it is left out where a class is
    not there, and of very many rows and classes.
    """
    from sklearn.metrics import roc_auc_score

    p, y = held.prediction, held.y
    classes = np.arange(p.shape[1])
    least = np.finfo(np.float64).eps
    of_truth = np.clip(p[np.arange(len(y)), y], least, 1)
    scores = {
        "log_loss": float(np.average(-np.log(of_truth), weights=held.weight)),
        "accuracy": float(np.average(p.argmax(axis=1) == y, weights=held.weight)),
        "expected_calibration_error": expected_calibration_error(y, p, labels=classes, sample_weight=held.weight),
    }
    if p.size <= MOST_RANKED and len(np.unique(y)) == len(classes):
        ranked = p[:, 1] if len(classes) == 2 else p
        scores["roc_auc"] = float(roc_auc_score(y, ranked, sample_weight=held.weight, multi_class="ovr"))
    return scores


def value_scores(held: Held) -> dict[str, float]:
    """R2, the root of the mean squared error and the mean absolute error; of several outputs the means over them.

    R2 is left out where an output is the same in all rows.
    """
    error = held.prediction - held.y
    squared = np.average(error**2, axis=0, weights=held.weight)
    around = held.y - np.average(held.y, axis=0, weights=held.weight)
    spread = np.average(around**2, axis=0, weights=held.weight)
    scores = {"r2": float((1 - squared / spread).mean())} if (spread > 0).all() else {}
    return scores | {
        "rmse": float(np.sqrt(squared).mean()),
        "mae": float(np.average(np.abs(error), axis=0, weights=held.weight).mean()),
    }
