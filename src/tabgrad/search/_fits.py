"""One fit of a search: a candidate, trained on the rows of a fold and scored on the others."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from tabgrad._once import Once, keeping
from tabgrad.engines.select import get_engine, using
from tabgrad.engines.sharing import OutOfTime, SharedRuns, SharingEngine
from tabgrad.table import Table

Scores = float | dict[str, float]

SEED, VERBOSE = "random_state", "verbose"


@dataclass(frozen=True)
class Question:
    """What is the same for every fit of a search.

    Parameters
    ----------
    estimator : estimator
        Not fitted; each fit has a clone of it.
    X, y
        All rows, as they were given.
    scorers : callable
        As scikit-learn's search makes them of `scoring`.
    fit_params, score_params : dict
        Arguments of the estimator's fit and of the scorers.
    return_train_score : bool
    error_score : float or "raise"
        The score of a fit that fails.
    seed : int
        For every `random_state` that is None.
    keeps : str or None
        The method whose predictions of the rows of test are kept: "predict_proba" or "predict".
    classes : array or None
        All classes that there are, of which kept predictions have a column each.
    """

    estimator: Any
    X: Any
    y: Any
    scorers: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]
    return_train_score: bool
    error_score: float | str
    seed: int
    keeps: str | None = None
    classes: np.ndarray | None = None


@dataclass(frozen=True)
class Candidate:
    """Settings to try.

    Parameters
    ----------
    place : int
        Its row of `cv_results_`.
    params : dict
        As `cv_results_` has them.
    settings : dict
        What the estimator is set to: these, but for a resource that is planned for longer than it runs.
    most_epochs : int, float or None
        After how many epochs, or what share of them, its fits end, as if they had been stopped; None: as planned.
    """

    place: int
    params: Mapping[str, Any]
    settings: Mapping[str, Any]
    most_epochs: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What a fit gave.

    Parameters
    ----------
    test_scores, train_scores : float or dict of float
        None for `train_scores`: not asked for.
    n_test_samples : int
    fit_time, score_time : float
        Seconds.
    fit_error : str or None
        What went wrong, as Python tells it.
    predictions : array or None
        Of the rows of test, if the question keeps them and the fit went well.
    """

    test_scores: Scores
    train_scores: Scores | None
    n_test_samples: int
    fit_time: float
    score_time: float
    fit_error: str | None = None
    predictions: np.ndarray | None = None

    def as_scikit_learn(self) -> dict[str, Any]:
        """As `BaseSearchCV._format_results` reads it."""
        named = {name: getattr(self, name) for name in ("test_scores", "n_test_samples", "fit_time", "score_time")}
        train = {} if self.train_scores is None else {"train_scores": self.train_scores}
        return {**named, **train, "fit_error": self.fit_error}


class Fold:
    """The rows of one fold, cut out once, and what fits of them share."""

    def __init__(self, question: Question, train: np.ndarray, test: np.ndarray) -> None:
        estimator, X, y = question.estimator, question.X, question.y
        self.X_train, self.y_train = _split(estimator, X, y, train, None)
        self.X_test, self.y_test = _split(estimator, X, y, test, train)
        self.fit_params = _check_method_params(X, params=question.fit_params, indices=train)
        self.score_params = _check_method_params(X, params=question.score_params, indices=test)
        self.score_params_train = _check_method_params(X, params=question.score_params, indices=train)
        self.test_rows = len(test)
        self.once = Once()


def _split(estimator: Any, X: Any, y: Any, places: np.ndarray, train: np.ndarray | None) -> tuple[Any, Any]:
    """Rows of X and y; of a precomputed kernel its columns, too."""
    if isinstance(X, Table):
        return X.part(places), None if y is None else _safe_indexing(y, places)
    return _safe_split(estimator, X, y, places, train)  # type: ignore[no-any-return]


def prepared(question: Question, settings: Mapping[str, Any], *, silent: bool) -> Any:
    """The estimator with these settings and a seed wherever it has none.

    Settings are cloned, as they may be estimators themselves.
    """
    asked = {name: clone(value, safe=False) for name, value in settings.items()}
    made = clone(question.estimator)
    parts = any(hasattr(value, "get_params") for value in asked.values())
    if parts:  # which have seeds of their own
        made.set_params(**asked)
        asked = {}
    known = {**made.get_params(), **asked}
    asked |= {name: question.seed for name, each in known.items() if _is(name, SEED) and each is None}
    if silent:  # many at a time would write over each other
        asked |= {name: False if isinstance(each, bool) else 0 for name, each in known.items() if _is(name, VERBOSE)}
    return made.set_params(**asked) if asked else made


def unseeded(question: Question, settings: Mapping[str, Any], fitted: Any) -> Any:
    """A fitted estimator whose parameters are again as they were given."""
    asked = clone(question.estimator).set_params(**{name: clone(each, safe=False) for name, each in settings.items()})
    given = {name: value for name, value in asked.get_params().items() if _is(name, SEED) or _is(name, VERBOSE)}
    return fitted.set_params(**given)


def told(question: Question, settings: Mapping[str, Any]) -> bool:
    """Whether the estimator is to say something while it is trained on all rows."""
    known = {**question.estimator.get_params(), **settings}
    return any(_is(name, VERBOSE) and each not in (0, "0", None) for name, each in known.items())


def _is(name: str, parameter: str) -> bool:
    """Whether a name with prefixes is that of a parameter."""
    return name.rpartition("__")[2] == parameter


def fit_and_score(
    question: Question, candidate: Candidate, fold: Fold, runs: SharedRuns | None, deadline: float | None
) -> Outcome:
    """Train a candidate on a fold and score it.

    Raises
    ------
    OutOfTime
        The deadline came before it was trained as asked for.
    """
    estimator = prepared(question, candidate.settings, silent=True)
    scorers, error_score = question.scorers, question.error_score
    started = time.perf_counter()
    engine = SharingEngine(get_engine(), runs, candidate.most_epochs, deadline)
    with using(engine), keeping(fold.once):
        try:
            answers = () if fold.y_train is None else (fold.y_train,)
            estimator.fit(fold.X_train, *answers, **fold.fit_params)
        except OutOfTime:
            raise
        except Exception:
            fit_time = time.perf_counter() - started
            if isinstance(error_score, str):
                raise
            failed: Scores = error_score
            if isinstance(scorers, _MultimetricScorer):
                failed = dict.fromkeys(scorers._scorers, error_score)
            train = failed if question.return_train_score else None
            return Outcome(failed, train, fold.test_rows, fit_time, 0.0, format_exc())
        fit_time = time.perf_counter() - started
        test = _score(estimator, fold.X_test, fold.y_test, scorers, fold.score_params, error_score)
        score_time = time.perf_counter() - started - fit_time
        train = None
        if question.return_train_score:
            train = _score(estimator, fold.X_train, fold.y_train, scorers, fold.score_params_train, error_score)
        whole = question.keeps is not None and not isinstance(candidate.most_epochs, float)
        kept = _predictions(question, estimator, fold.X_test) if whole else None
    return Outcome(test, train, fold.test_rows, fit_time, score_time, None, kept)


def _predictions(question: Question, estimator: Any, X: Any) -> np.ndarray:
    """What an estimator says of rows, float32; of classes that its fold lacked nothing."""
    assert question.keeps is not None
    said = np.asarray(getattr(estimator, question.keeps)(X), np.float32)
    if question.classes is None:
        return said
    every = np.zeros((len(said), len(question.classes)), np.float32)
    every[:, np.searchsorted(question.classes, estimator.classes_)] = said
    return every


# ---- Candidates that are the beginning of each other -----------------------------------------------------------------

PREFIXES = ("epochs", "patience")  # parameters whose smaller value is the beginning of the run of the larger one


def families(candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    """Candidates that differ in epochs or patience alone, together, the shortest first.

    Whether their runs really are the same, `SharingEngine` finds out.

    Examples
    --------
    >>> from tabgrad.search._fits import Candidate, families
    >>> params = [{"epochs": epochs, "units": units} for epochs in (9, 3) for units in (8, 16)]
    >>> candidates = [Candidate(place, each, each) for place, each in enumerate(params)]
    >>> [[candidate.params["epochs"] for candidate in family] for family in families(candidates)]
    [[3, 9], [3, 9]]
    """
    found: list[tuple[dict[str, Any], list[Candidate]]] = []
    index: dict[str, list[int]] = {}
    for candidate in candidates:
        common = {name: value for name, value in candidate.settings.items() if not _is_length(name, value)}
        key = repr(sorted((name, repr(value)) for name, value in common.items()))
        found_at = index.setdefault(key, [])
        place = next((place for place in found_at if _equal(found[place][0], common)), None)
        if place is None:
            found_at.append(len(found))
            found.append((common, [candidate]))
        else:
            found[place][1].append(candidate)
    return [tuple(sorted(family, key=_length)) for _, family in found]


def _is_length(name: str, value: Any) -> bool:
    number = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return number and name.rpartition("__")[2] in PREFIXES


def _length(candidate: Candidate) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in candidate.settings.items() if _is_length(name, value))


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether settings are equal; of what cannot say so (arrays, estimators) whether they are the same objects."""
    return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    plain = (bool, int, float, str, tuple, np.generic)
    return type(one) is type(other) and isinstance(one, plain) and bool(one == other)
