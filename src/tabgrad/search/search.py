"""Scikit-learn's searches, over fits that share rows, threads and what they have trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor, log
from numbers import Integral
from os import PathLike
from typing import Any, Self

from sklearn import model_selection as theirs
from sklearn.base import _fit_context, is_classifier, is_regressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  (without it, the halving ones are not there)
from sklearn.metrics import get_scorer_names
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from tabgrad._checks import POSITIVE, check, known_name
from tabgrad.engines.native import default_threads
from tabgrad.engines.sharing import SharedRuns
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.search._builders import as_estimator, trains_here
from tabgrad.search._fits import Candidate
from tabgrad.search._given import as_given, as_table
from tabgrad.search._run import Progress, Run
from tabgrad.search.leaderboard import Leaderboard
from tabgrad.search.space import check_names, is_conditional, sample

__all__ = ["GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV", "Searching"]


class Searching(BaseSearchCV):
    """What all searches of this module share: scikit-learn's `fit`, with fits that run here."""

    journal: str | PathLike[str] | None
    time_limit: float | None
    progress: Callable[[Progress], None] | None
    prune: str | None = None
    stopped_: str

    def _begin(
        self,
        estimator: Any,
        journal: str | PathLike[str] | None,
        time_limit: float | None,
        progress: Callable[[Progress], None] | None,
        prune: str | None = None,
    ) -> None:
        """What scikit-learn's constructor does not know."""
        self.estimator = as_estimator(estimator)
        self.journal, self.time_limit, self.progress, self.prune = journal, time_limit, progress, prune

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Try the candidates, each on every fold, and train the best one on all rows.

        Parameters
        ----------
        X : array, frame, dict of columns or Table, of shape (rows, columns)
        y : array of shape (rows,) or (rows, outputs), str, or list of str
            A string is the name of the column of X that holds it; a list names several.
        **params
            Of the estimator's `fit`, of the scorer and of the splitter: ``sample_weight``, ``groups``. Arrays as long
            as X are cut into folds with it.

        Returns
        -------
        self

        Raises
        ------
        UnknownNameError
            A parameter that the estimator does not have, with the nearest one.
        JournalError
            The journal is that of another search, with what differs.
        ArgumentError
            An argument of the constructor is not what it may be; no candidate was done in the time.

        Warns
        -----
        FitFailedWarning
            Of candidates whose fit failed: they have `error_score`.
        SearchWarning
            The search ended early: `stopped_` says why.
        """
        if y is None and (is_classifier(self.estimator) or is_regressor(self.estimator)):
            raise DataError(f"fit of {type(self).__name__} needs what is to be learned: y is None.")
        Run(self).go(X, y, params)
        return self

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a network, or a function that builds one, is wrapped as in the constructor."""
        if "estimator" in params:
            params["estimator"] = as_estimator(params["estimator"])
        super().set_params(**params)
        return self

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """The score of the best estimator on rows; y may be the name of the column of X that holds it."""
        X, y = as_given(X, y)
        score: float = super().score(X, y, **params)
        return score

    def _validate_params(self) -> None:
        """Look at every argument of the constructor before anything is trained."""
        owner = type(self).__name__
        check(self.time_limit, "time_limit", owner, (float, int, type(None)), POSITIVE)
        if self.progress is not None and not callable(self.progress):
            raise ArgumentTypeError(f"'progress' must be a function of a Progress. Got {self.progress!r}.")
        if self.prune is not None:
            _check_pruning(self.prune, self.estimator, self.scoring, self.refit)
        if isinstance(self.scoring, str):
            known_name(self.scoring, "scoring", get_scorer_names())
        several = self.scoring is not None and not isinstance(self.scoring, str)
        if isinstance(self.refit, str) and not several and self.refit not in ("ensemble", "score", self.scoring):
            raise ArgumentError(
                f"'refit' of {owner} must be True, False, 'ensemble', a function, or the name of one of several "
                f"scores. Got {self.refit!r}."
            )
        check_names(self.estimator, self._space())
        super()._validate_params()

    # ---- What the kinds of search do differently -------------------------------------------------------------------

    def _space(self) -> Any:
        """What is searched."""
        return self.param_grid if hasattr(self, "param_grid") else self.param_distributions

    def _candidate(self, place: int, params: Mapping[str, Any], candidates: int) -> Candidate:
        """A candidate, one of so many that are asked for together, as it is trained."""
        return Candidate(place, params, params)

    def _shared_runs(self) -> SharedRuns | None:
        """What was trained and is gone on with at a later call; None: nothing is."""
        return None

    # ---- How it is done --------------------------------------------------------------------------------------------

    def _threads(self) -> int:
        """Fits at a time: all cores unless `n_jobs` says otherwise, as joblib counts it."""
        if self.n_jobs is None:
            return default_threads()
        if self.n_jobs == 0:
            raise ArgumentError(f"'n_jobs' of {type(self).__name__} must not be 0. Use 1, or -1 for all cores.")
        return int(self.n_jobs) if self.n_jobs > 0 else max(default_threads() + 1 + int(self.n_jobs), 1)

    @property
    def leaderboard_(self) -> Leaderboard:
        """The candidates, best first."""
        check_is_fitted(self, "cv_results_")
        decides = self.multimetric_ and isinstance(self.refit, str)
        return Leaderboard(self.cv_results_, metric=self.refit if decides else None)


class GridSearchCV(theirs.GridSearchCV, Searching):
    """Every combination of the given values, judged by cross-validation.

    What scikit-learn's class of this name does, with the same arguments, attributes and, for the same seeds, scores:
    replacing the import is all. The fits run side by side in threads, each with a core of its own; rows are cut and
    encoded once for a fold; candidates that differ in ``epochs`` or ``patience`` alone are one run read at several
    points, bit for bit what they are alone.

    Parameters
    ----------
    estimator : estimator, Sequential, or function that returns one
        A network, or a function that builds one, is wrapped in `KerasClassifier` or `KerasRegressor`, whichever its
        loss is for.
    param_grid : dict of lists, or list of such dicts
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in scikit-learn, but that `n_jobs` counts threads, and None means all cores. ``refit="ensemble"`` joins the
        best candidates instead of training the best one.
    journal : str or path, optional
        A file that keeps every finished fit, on the disk as soon as it is done: after a crash, or a kill at any
        moment, the same call goes on from there, with the same result.
    time_limit : float, optional
        Seconds after which the search ends, with the candidates that are done; training the best on all rows is
        reckoned in. Honoured within one epoch.
    progress : callable, optional
        Called with a `Progress` whenever a fit is done.
    prune : "median", optional
        Stops a candidate after a quarter or half of its epochs where its score is below the median of those before it;
        who is not stopped goes on from where it stands. ``cv_results_["epochs_share"]`` says who was, and the best is
        one who was not.

    Attributes
    ----------
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        As in scikit-learn; candidates that the time did not suffice for are left out.
    stopped_ : str
        "finished", "time_limit" or "interrupted".
    leaderboard_ : Leaderboard
        The candidates, best first, as text, frame and figure.
    joined_ : tuple of int
        With ``refit="ensemble"`` the rows of `cv_results_` whose candidates are the members of `best_estimator_`.

    Notes
    -----
    Where the estimator has no ``random_state``, the search draws one seed for all fits (and a journal keeps it), so
    candidates differ in what they are, not in their luck; the parameter is None again in the end.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Classifier
    >>> from tabgrad.search import GridSearchCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> network = Classifier(preset="single", hidden_layer_sizes=(16,), learning_rate=0.01, random_state=0)
    >>> search = GridSearchCV(network, {"epochs": [2, 60]}, cv=3).fit(X, y)
    >>> search.best_params_, search.score(X, y) > 0.9
    ({'epochs': 60}, True)
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = float("nan"),
        return_train_score: bool = False,
        journal: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        prune: str | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self._begin(estimator, journal, time_limit, progress, prune)


class RandomizedSearchCV(theirs.RandomizedSearchCV, Searching):
    """Settings drawn at random from a space, judged by cross-validation.

    What scikit-learn's class of this name does, in the way of `GridSearchCV` of this module, which see for what they
    share.

    Parameters
    ----------
    estimator : estimator, Sequential, or function that returns one
    param_distributions : dict of lists, distributions of SciPy, `Real`, `Integer`, `Choice` and `when`
        Or a list of such dicts. See :doc:`/searching`. Without a `when`, the candidates are those that scikit-learn
        draws for the same `random_state`.
    n_iter : int, default 10
        How many are drawn.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, random_state, error_score, return_train_score
        As in scikit-learn; `n_jobs` and `refit` as for `GridSearchCV`.
    journal, time_limit, progress, prune
        As for `GridSearchCV`.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.search import RandomizedSearchCV, Real
    >>> x = np.linspace(-1, 1, 120)[:, np.newaxis]
    >>> network = Regressor(preset="single", hidden_layer_sizes=(8,), epochs=30, random_state=0)
    >>> space = {"learning_rate": Real(1e-4, 1e-1, log=True)}
    >>> search = RandomizedSearchCV(network, space, n_iter=4, cv=3, random_state=0).fit(x, x[:, 0] ** 2)
    >>> len(search.cv_results_["params"])
    4
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = float("nan"),
        return_train_score: bool = False,
        journal: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        prune: str | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self._begin(estimator, journal, time_limit, progress, prune)

    def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
        """Scikit-learn's draws, or those of `sample` where what is drawn depends on other draws."""
        if is_conditional(self.param_distributions):
            evaluate_candidates(sample(self.param_distributions, self.n_iter, _as_seed(self.random_state)))
        else:
            super()._run_search(evaluate_candidates, **({} if callback_ctx is None else {"callback_ctx": callback_ctx}))


class HalvingSearch(Searching):
    """What both halving searches share: with epochs as the resource, survivors go on from where they stand."""

    resource: str
    factor: float
    aggressive_elimination: bool
    min_resources_: int
    max_resources_: int

    def _goes_on(self) -> bool:
        return self.resource.rpartition("__")[2] == "epochs" and trains_here(self.estimator, self.resource)

    def _shared_runs(self) -> SharedRuns | None:
        return SharedRuns() if self._goes_on() else None

    def _candidate(self, place: int, params: Mapping[str, Any], candidates: int) -> Candidate:
        """Planned for the epochs of the last round, and stopped after those of this one."""
        if not self._goes_on():
            return Candidate(place, params, params)
        if place == 0:  # of the first round, which alone knows how many there are
            rounds = 1 + floor(log(candidates, self.factor))
            possible = 1 + floor(log(self.max_resources_ // self.min_resources_, self.factor))
            least = possible if self.aggressive_elimination else min(rounds, possible)
            last = int(self.factor ** (least - 1) * self.min_resources_)
            self._last_epochs = min(last, self.max_resources_)
        return Candidate(place, params, {**params, self.resource: self._last_epochs}, params[self.resource])


class HalvingGridSearchCV(theirs.HalvingGridSearchCV, HalvingSearch):
    """Every combination with few resources, then the best of them with more, and so on.

    What scikit-learn's class of this name does, in the way of `GridSearchCV` of this module, which see for what they
    share. With ``resource="epochs"`` a candidate is planned for the epochs of the last round, learning rate and all,
    and stopped after those of each round: who survives goes on from where it stands, nothing is trained twice.

    Parameters
    ----------
    estimator : estimator, Sequential, or function that returns one
    param_grid : dict of lists, or list of such dicts
    factor, resource, max_resources, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, random_state, n_jobs, verbose
        As in scikit-learn; `n_jobs` and `refit` as for `GridSearchCV`.
    journal, time_limit, progress
        As for `GridSearchCV`.

    References
    ----------
    K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.search import HalvingGridSearchCV
    >>> x = np.linspace(-1, 1, 120)[:, np.newaxis]
    >>> network = Regressor(preset="single", hidden_layer_sizes=(8,), random_state=0)
    >>> grid = {"learning_rate": [0.001, 0.01, 0.1]}
    >>> search = HalvingGridSearchCV(network, grid, resource="epochs", max_resources=27, cv=3)
    >>> search.fit(x, x[:, 0] ** 2).n_resources_
    [9, 27]
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        factor: float = 3,
        resource: str = "n_samples",
        max_resources: Any = "auto",
        min_resources: Any = "exhaust",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = float("nan"),
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        journal: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            factor=factor,
            resource=resource,
            max_resources=max_resources,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self._begin(estimator, journal, time_limit, progress)

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """As ``fit`` of `GridSearchCV`."""
        super().fit(as_table(X), y, **params)
        return self


class HalvingRandomSearchCV(theirs.HalvingRandomSearchCV, HalvingSearch):
    """Settings drawn at random, tried with few resources, then the best of them with more, and so on.

    As `HalvingGridSearchCV`, of candidates as `RandomizedSearchCV` draws them.

    Parameters
    ----------
    estimator : estimator, Sequential, or function that returns one
    param_distributions : dict of lists, distributions of SciPy, `Real`, `Integer`, `Choice` and `when`
    n_candidates : int or "exhaust", default "exhaust"
        How many are drawn; "exhaust": so many that the last round uses all resources.
    factor, resource, max_resources, min_resources, aggressive_elimination, cv, scoring, refit, error_score, \
return_train_score, random_state, n_jobs, verbose
        As in scikit-learn; `n_jobs` and `refit` as for `GridSearchCV`.
    journal, time_limit, progress
        As for `GridSearchCV`.
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_candidates: Any = "exhaust",
        factor: float = 3,
        resource: str = "n_samples",
        max_resources: Any = "auto",
        min_resources: Any = "smallest",
        aggressive_elimination: bool = False,
        cv: Any = 5,
        scoring: Any = None,
        refit: Any = True,
        error_score: Any = float("nan"),
        return_train_score: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        journal: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_candidates=n_candidates,
            factor=factor,
            resource=resource,
            max_resources=max_resources,
            min_resources=min_resources,
            aggressive_elimination=aggressive_elimination,
            cv=cv,
            scoring=scoring,
            refit=refit,
            error_score=error_score,
            return_train_score=return_train_score,
            random_state=random_state,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        self._begin(estimator, journal, time_limit, progress)

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """As ``fit`` of `GridSearchCV`."""
        super().fit(as_table(X), y, **params)
        return self

    def _generate_candidate_params(self) -> Any:
        """Scikit-learn's draws, or those of `sample` where what is drawn depends on other draws."""
        if not is_conditional(self.param_distributions):
            return super()._generate_candidate_params()
        first = self.n_candidates
        if first == "exhaust":
            first = self.max_resources_ // self.min_resources_
        return sample(self.param_distributions, first, _as_seed(self.random_state))


def _as_seed(random_state: Any) -> int:
    """A seed for `sample`."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _check_pruning(prune: Any, estimator: Any, scoring: Any, refit: Any) -> None:
    """Refuse what is no rule, estimators whose epochs are not counted here, and scores of which none decides."""
    if prune != "median":
        raise ArgumentError(f"'prune' must be None or 'median'. Got {prune!r}.")
    last = f"{estimator.steps[-1][0]}__epochs" if isinstance(estimator, Pipeline) else "epochs"
    if not trains_here(estimator, last):
        raise ArgumentError(
            f"prune='median' stops networks of tabgrad after a share of their epochs. {type(estimator).__name__} is "
            "none: leave 'prune' out."
        )
    if callable(refit):
        raise ArgumentError("'refit' is a function, and prune='median' needs a score to compare by: leave one out.")
    if isinstance(scoring, (list, tuple, set, dict)) and not isinstance(refit, str):
        raise ArgumentError(
            "prune='median' compares candidates by one score. Of several, say by its name in 'refit' which one counts."
        )
