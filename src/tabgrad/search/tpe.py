"""`TPESearchCV`: candidates that follow from the scores of those before, by Optuna's sampler."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._split import _yields_constant_splits
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError
from tabgrad.search._ranges import Choice, Conditional, Integer, Real, is_distribution, is_number
from tabgrad.search._run import Progress
from tabgrad.search.search import Searching
from tabgrad.search.space import Space, check_space, drawn

__all__ = ["Proposals", "TPESearchCV"]

STARTUP = 10  # candidates at random, before there is anything to follow: Optuna's own figure


class Proposals:
    """Candidates of a space, asked for in batches; the scores of each batch decide the next.

    The tree-structured Parzen estimator keeps two densities of the parameters, ``l(x)`` of the best candidates so far
    and ``g(x)`` of the others, and proposes, of some points drawn from ``l``, the one of the largest ``l(x) / g(x)``,
    which is where the expected improvement is greatest. Candidates of a batch that have no score yet count among the
    others, so that one batch does not propose the same thing several times.

    Parameters
    ----------
    space : dict or list of dict
        Lists, ranges, conditions, and SciPy's ``uniform``, ``loguniform`` and ``randint``, which are ranges under
        another name. In a list of increasing numbers neighbours are alike; the values of other lists are not.
    seed : int

    Raises
    ------
    ImportError
        Optuna is not installed.
    ArgumentError
        For a space that is none, and for distributions of other kinds.

    References
    ----------
    J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", 2011. Optuna: T. Akiba,
    S. Sano, T. Yanase, T. Ohta, M. Koyama, "Optuna: a next-generation hyperparameter optimization framework", 2019.

    Examples
    --------
    >>> from tabgrad.search import Real
    >>> from tabgrad.search.tpe import Proposals
    >>> proposals = Proposals({"x": Real(0, 1)}, seed=0)
    >>> for _ in range(10):
    ...     batch = [candidate["x"] for candidate in proposals.ask(4)]
    ...     proposals.tell(-((x - 0.25) ** 2) for x in batch)
    >>> min(abs(x - 0.25) for x in batch) < 0.05
    True
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._parts = [{name: _known(name, values) for name, values in part.items()} for part in check_space(space)]
        self._optuna = _optuna()
        with _silent(self._optuna):
            sampler = self._optuna.samplers.TPESampler(
                seed=seed,
                n_startup_trials=STARTUP,
                multivariate=True,  # parameters of one candidate together
                group=True,  # of those that are there under the same conditions
                constant_liar=True,
                warn_independent_sampling=False,
            )
            self._study = self._optuna.create_study(sampler=sampler, direction="maximize")
        self._asked: list[Any] = []

    def ask(self, candidates: int) -> list[dict[str, Any]]:
        """So many candidates, whose scores are to be told before the next are asked for."""
        with _silent(self._optuna):
            self._asked = [self._study.ask() for _ in range(candidates)]
            return [self._candidate(trial) for trial in self._asked]

    def tell(self, scores: Iterable[float]) -> None:
        """The scores of the candidates that were asked for last, in their order; larger is better.

        One that is not finite counts as worse than all others: what fails is to be kept away from.
        """
        with _silent(self._optuna):
            for trial, score in zip(self._asked, scores, strict=True):
                self._study.tell(trial, float(score) if math.isfinite(score) else -math.inf)
        self._asked = []

    def _candidate(self, trial: Any) -> dict[str, Any]:
        place = trial.suggest_categorical("space", list(range(len(self._parts)))) if len(self._parts) > 1 else 0
        return drawn(self._parts[place], lambda name, values: _suggested(trial, f"{place}.{name}", values))


class TPESearchCV(Searching):
    """A search whose candidates follow from the scores of those before, in the shape of scikit-learn's searches.

    The first ten candidates are drawn at random, the others by the tree-structured Parzen estimator: see ``Proposals``.
    Candidates are asked for in batches of a fixed size, and scores are told in the order of asking, so that the result
    depends on `batch` and `random_state` and not on how many fits run side by side, or which of them ends first.

    Needs Optuna: ``pip install "tabgrad[optuna]"``.

    Parameters
    ----------
    estimator
        As for `RandomizedSearchCV`.
    param_distributions : dict or list of dict
        A space: lists, ranges, conditions, and SciPy's ``uniform``, ``loguniform`` and ``randint``.
    n_iter : int, default 50
        Candidates. With no more than ten this is a random search.
    batch : int, default 4
        Candidates that are asked for together. Each candidate has as many fits as there are folds: a batch should fill
        the cores some times over. A smaller one learns more from the same number of candidates.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, random_state, error_score, return_train_score
        As for `RandomizedSearchCV`. Of several scores `refit` says by its name which one is to become better. The folds
        must be the same for all batches: a splitter that shuffles needs a ``random_state``.
    journal, time_limit, progress, prune
        As for `GridSearchCV`. A search that goes on from its journal asks for the same candidates, as the scores that
        it tells are the same.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from tabgrad.search import Real, TPESearchCV
    >>> X, y = np.arange(40.0)[:, np.newaxis], np.arange(40) >= 20
    >>> space = {"C": Real(1e-6, 10, log=True)}
    >>> TPESearchCV(LogisticRegression(), space, n_iter=6, cv=4, random_state=0).fit(X, y).best_score_
    np.float64(0.875)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "batch": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Space,
        *,
        n_iter: int = 50,
        batch: int = 4,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        journal: str | PathLike[str] | None = None,
        time_limit: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        prune: str | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.batch = batch
        self.random_state = random_state
        self._begin(estimator, journal, time_limit, progress, prune)

    def _check_input_parameters(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> None:
        """Refuse what would compare candidates of different batches on different rows."""
        if not _yields_constant_splits(self._checked_cv_orig):
            raise ArgumentError(
                "TPESearchCV compares candidates that it tries at different times, which needs the same folds for all. "
                f"{type(self._checked_cv_orig).__name__} gives other ones at each call: give it a random_state."
            )
        _check_one_score(self.scoring, self.refit)

    def _run_search(self, evaluate_candidates: Callable[[list[dict[str, Any]]], Mapping[str, Any]]) -> None:
        """Ask for candidates, batch by batch, and tell their scores."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        proposals = Proposals(self.param_distributions, seed)
        for begun in range(0, self.n_iter, self.batch):
            results = evaluate_candidates(proposals.ask(min(self.batch, self.n_iter - begun)))
            proposals.tell(_means(results, self.refit)[begun:])


# ---- Which score -----------------------------------------------------------------------------------------------------


def _check_one_score(scoring: Any, refit: Any) -> None:
    """Refuse, before the first fit, several scores of which none is said to be the one that counts."""
    if isinstance(scoring, (list, tuple, set, Mapping)) and (not isinstance(refit, str) or refit not in scoring):
        raise _which(scoring, refit)


def _means(results: Mapping[str, Any], refit: Any) -> np.ndarray:
    """The mean of each candidate's scores over the folds, of the score that counts."""
    name = "mean_test_score" if "mean_test_score" in results else f"mean_test_{refit}"
    if name not in results:
        raise _which([each[len("mean_test_") :] for each in results if each.startswith("mean_test_")], refit)
    return np.asarray(results[name], np.float64)


def _which(scores: Any, refit: Any) -> ArgumentError:
    listed = ", ".join(map(repr, scores))
    return ArgumentError(
        f"TPESearchCV makes one score better, and 'refit' must name it where there are several: {listed}. Got "
        f"refit={shown(refit)}."
    )


# ---- Optuna ----------------------------------------------------------------------------------------------------------


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(f"TPESearchCV needs Optuna: pip install 'tabgrad[optuna]'. ({error})") from error
    return optuna


@contextmanager
def _silent(optuna: Any) -> Iterator[None]:
    """Without Optuna's lines on the terminal, and its warnings that a part of it may change."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _known(name: str, values: Any) -> Any:
    """Values that the sampler knows: distributions of SciPy as ranges, where they are ranges, with their conditions."""
    if isinstance(values, Conditional):
        return replace(values, values=_known(name, values.values))
    if isinstance(values, (Real, Integer, Choice)) or not is_distribution(values):
        return values
    kind = getattr(getattr(values, "dist", None), "name", type(values).__name__)
    low, high = values.support() if kind in ("uniform", "loguniform", "reciprocal", "randint") else (0, 0)
    if kind == "randint":
        return Integer(int(low), int(high)) if low < high else [int(low)]
    if kind == "uniform":
        return Real(low, high)
    if kind in ("loguniform", "reciprocal") and not _shifted(values):
        return Real(low, high, log=True)
    raise ArgumentError(
        f"'{name}' of the space is a distribution that TPESearchCV cannot follow, {kind}: give it as Real, Integer or "
        "a list, or take RandomizedSearchCV, which draws from any."
    )


def _shifted(distribution: Any) -> bool:
    """Whether a logarithmic distribution lies beside its place, where it is no longer logarithmic."""
    shapes = distribution.dist.numargs
    return bool(distribution.kwds.get("loc", [*distribution.args, 0][min(shapes, len(distribution.args))]))


def _suggested(trial: Any, name: str, values: Any) -> Any:
    """A parameter's value; of lists the sampler sees places, since their values may be anything."""
    if isinstance(values, Real):
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    if isinstance(values, Integer):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    listed = values.values if isinstance(values, Choice) else values
    if len(listed) == 1:
        return listed[0]
    if _ordered(listed):
        return listed[trial.suggest_int(name, 0, len(listed) - 1)]
    return listed[trial.suggest_categorical(name, list(range(len(listed))))]


def _ordered(values: Sequence[Any]) -> bool:
    return all(map(is_number, values)) and all(one < other for one, other in pairwise(values))
