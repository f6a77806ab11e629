"""``refit="ensemble"``: the out-of-fold predictions of the best candidates, and which of them are joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tabgrad._refusals import shown
from tabgrad.encode.target import ClassTarget, ValueTarget
from tabgrad.errors import ArgumentError
from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.ensemble import EnsembleClassifier, EnsembleRegressor
from tabgrad.estimators.regressor import Regressor
from tabgrad.search._fits import Candidate
from tabgrad.search.ensemble import greedy_selection

__all__ = ["EXPECTED", "Joining"]

MOST_KEPT, FEWEST_KEPT = 50, 8  # candidates whose predictions are in memory
MOST_BYTES = 64 << 20  # that they take, unless the fewest take more
EXPECTED = 8  # members, for which time is reckoned
ABSOLUTE = ("neg_mean_absolute_error", "neg_median_absolute_error", "neg_mean_absolute_percentage_error")
"""What measures errors by their size: members then are joined by it, too."""


class Joining:
    """Keeps what the best candidates predict of rows that they were not trained on, and chooses who is joined.

    The best by the search's own score are kept: 50, of large tables fewer, as memory is bounded. Which of them are
    joined, and with which weights, decides `greedy_selection` by the log-loss of classes, whatever the score is: where
    one counts which rows are told right, or ranks them, single rows decide, and the choice learns them by heart. For
    numbers it is the squared error, or the absolute one where the score is of absolute errors.

    Parameters
    ----------
    estimator : Classifier or Regressor
    y : array, series or list of shape (rows,) or (rows, outputs)
    weight : array of shape (rows,) or None
    scoring
        As the search has it.

    Raises
    ------
    ArgumentError
        Another estimator; several scores.
    """

    def __init__(self, estimator: Any, y: Any, weight: Any, scoring: Any) -> None:
        if not isinstance(estimator, (Classifier, Regressor)):
            raise ArgumentError(
                f"refit='ensemble' joins the candidates of a Classifier or Regressor. Got {shown(estimator)}. Use "
                "refit=True."
            )
        if isinstance(scoring, (list, tuple, set, dict)):
            raise ArgumentError(f"refit='ensemble' takes the best by one score. Got {shown(scoring)} as 'scoring'.")
        self._y, self._weight = y, weight
        self._kept: dict[int, tuple[float, Candidate, np.ndarray]] = {}  # by place
        self.classes: np.ndarray | None = None
        values = estimator._read(y)
        if isinstance(estimator, Classifier):
            target = ClassTarget.fit(values)
            self.classes = target.decode(np.arange(len(target.classes)))
            self._truth, self._shape = target.encode(values), (len(target.classes),)
            self._loss: Any = "log_loss"
        else:
            ValueTarget.fit(values)  # refuses what is no number
            self._truth = np.asarray(values, np.float64)
            self._shape = self._truth.shape[1:]
            self._loss = _absolute if isinstance(scoring, str) and scoring in ABSOLUTE else "squared_error"

        size = 4 * len(self._truth) * math.prod(self._shape)
        self._most = min(MOST_KEPT, max(FEWEST_KEPT, MOST_BYTES // max(size, 1)))

    @property
    def method(self) -> str:
        """Whose predictions are kept."""
        return "predict" if self.classes is None else "predict_proba"

    def begin(self) -> None:
        """Forget the candidates so far: a halving search that gives rows to its rounds has other ones now."""
        self._kept = {}

    def offer(
        self, candidate: Candidate, mean: float, predictions: Sequence[np.ndarray | None], tests: Sequence[np.ndarray]
    ) -> None:
        """Keep what a candidate predicted of the rows of test of each fold, if it is one of the best.

        Parameters
        ----------
        candidate : Candidate
        mean : float
            Its score.
        predictions : list of arrays, or None where the fit failed
        tests : list of arrays
            The places of each fold's rows.
        """
        whole = [each for each in predictions if each is not None and each.shape[1:] == self._shape]
        if math.isnan(mean) or len(whole) < len(tests):
            return
        if len(self._kept) == self._most:
            worst = min(self._kept, key=lambda place: (self._kept[place][0], -place))
            if (mean, -candidate.place) < (self._kept[worst][0], -worst):
                return
            del self._kept[worst]
        self._kept[candidate.place] = (mean, candidate, self._out_of_fold(whole, tests))

    def _out_of_fold(self, predictions: Sequence[np.ndarray], tests: Sequence[np.ndarray]) -> np.ndarray:
        """The prediction of each row, the mean where several folds tested it, NaN where none has: float32."""
        total = np.zeros((len(self._truth), *self._shape))
        count = np.zeros(len(self._truth), np.int64)
        for prediction, rows in zip(predictions, tests, strict=True):
            total[rows] += prediction
            count[rows] += 1
        with np.errstate(invalid="ignore"):
            mean: np.ndarray = total / count.reshape(-1, *[1] * len(self._shape))
        return mean.astype(np.float32)

    def chosen(self) -> tuple[list[Candidate], np.ndarray, np.ndarray]:
        """Who is joined, with which weights, and the weighted mean of their out-of-fold predictions.

        Raises
        ------
        ArgumentError
            No candidate has predictions of every row that was tested.
        """
        if not self._kept:
            raise ArgumentError(
                "refit='ensemble' found no candidate with a score and a prediction of every row of test, of shape "
                f"(rows{''.join(f', {size}' for size in self._shape)}). Use refit=True, or see cv_results_ with "
                "refit=False."
            )
        kept = [self._kept[place] for place in sorted(self._kept)]
        weights = greedy_selection([each for _, _, each in kept], self._truth, self._loss, self._weight)
        taken = np.flatnonzero(weights).tolist()
        mean = np.zeros(kept[0][2].shape)
        for place in taken:
            mean += weights[place] * kept[place][2]
        return [kept[place][1] for place in taken], weights[taken], mean

    def joined(self, members: Sequence[Any], weights: np.ndarray, oof: np.ndarray) -> Any:
        """The ensemble of members that were trained on all rows."""
        ensemble = EnsembleRegressor if self.classes is None else EnsembleClassifier
        return ensemble.of(members, weights, oof=oof, y=self._y, sample_weight=self._weight)


def _absolute(y: np.ndarray, mean: np.ndarray, weight: np.ndarray | None) -> float:
    """The mean absolute error; of several outputs each in its own mean deviation's unit."""
    deviation = np.abs(y - np.average(y, axis=0, weights=weight)).mean(axis=0)
    error = np.average(np.abs(mean - y), axis=0, weights=weight)
    return float((error / np.where(deviation > 0, deviation, 1)).mean())
