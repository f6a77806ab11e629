"""One call of a search's `fit`: scikit-learn's order of things, with fits that run side by side here."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from operator import attrgetter
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._validation import _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from tabgrad._once import Once, keeping
from tabgrad._seeds import drawn_seed
from tabgrad._warning import warn
from tabgrad.engines.select import get_engine, using
from tabgrad.engines.sharing import SharedRuns, SharingEngine
from tabgrad.errors import ArgumentError, SearchWarning
from tabgrad.estimators._base import TableEstimator
from tabgrad.progress import say
from tabgrad.search._fits import Candidate, Outcome, Question, Scores, families, prepared, told, unseeded
from tabgrad.search._given import as_given, is_named
from tabgrad.search._identity import Split, question_of
from tabgrad.search._joining import EXPECTED, Joining
from tabgrad.search._pool import End, Folds, Task, run, side_by_side
from tabgrad.search._pruning import BATCH, SHARES, MedianRule
from tabgrad.search._record import Journaled
from tabgrad.search._spreading import Elsewhere
from tabgrad.search.journal import Journal

SHARE = "epochs_share"  # the column that says which share of its epochs a candidate was trained for
MOST_RESERVED = 0.5  # of the time limit, for training the best again on all rows


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Parameters
    ----------
    done : int
        Fits that are done, those out of a journal included.
    planned : int
        All that are known of so far: a halving search learns of later ones as it goes.
    best_score : float or None
        The best mean over the folds so far; of several metrics none.
    best_params : dict or None
        The settings that reached it.
    seconds : float
        Since the search began.
    seconds_left : float or None
        Until the time limit; None: there is none.
    """

    done: int
    planned: int
    best_score: float | None
    best_params: Mapping[str, Any] | None
    seconds: float
    seconds_left: float | None


class Over(Exception):  # noqa: N818  (no error)
    """No further candidates: the time is over, or Ctrl-C came."""


class Run:
    """What a search is doing.

    Parameters
    ----------
    search : Searching
    """

    def __init__(self, search: Any) -> None:
        self._search, self._began = search, time.monotonic()
        limit = search.time_limit
        self._limit: float | None = None if limit is None else self._began + limit
        self._lock = threading.Lock()
        self._end: End = "finished"
        self._tried: list[Candidate] = []  # that have an outcome in every fold, as `cv_results_` has them
        self._outcomes: list[Outcome] = []  # candidate by candidate, fold by fold
        self._more: dict[str, list[Any]] = defaultdict(list)
        self._waiting: dict[int, dict[int, Outcome]] = {}  # by candidate and fold
        self._fitted: dict[int, tuple[Any, float]] = {}  # on all rows, while the folds were running; and its seconds
        self._done = self._planned = 0
        self._best: tuple[float, Candidate] | None = None
        self._fit_time = 0.0  # of the best, in a fold
        self._results: dict[str, Any] = {}
        self._rule = None if search.prune is None else MedianRule()
        self._stopped_at: dict[int, float] = {}  # by candidate: after which share of its epochs
        self._runs: SharedRuns | None = search._shared_runs() if self._rule is None else SharedRuns()
        self._elsewhere = Elsewhere.now(search.n_jobs)
        self._named: tuple[Any, Any] | None = None  # X and the names of its columns that are learned
        self._joining: Joining | None = None
        self._tests: list[np.ndarray] = []  # rows of the folds that are being done

    def go(self, X: Any, y: Any, params: dict[str, Any]) -> None:
        """All of it."""
        search = self._search
        if is_named(y) and isinstance(search.estimator, TableEstimator):
            self._named = (X, y)
        X, y = as_given(X, y)
        if search.refit == "ensemble":
            self._joining = Joining(search.estimator, y, params.get("sample_weight"), search.scoring)
        scorers, refit_metric = search._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = search._get_routed_params_for_fit(params)
        self._split_params = routed.splitter.split
        search._checked_cv_orig = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
        if hasattr(search, "_check_input_parameters"):  # before scikit-learn 1.7 of halving searches alone
            search._check_input_parameters(X=X, y=y, split_params=self._split_params)
        search.n_splits_ = search._checked_cv_orig.get_n_splits(X, y, **self._split_params)
        question = Question(
            *(clone(search.estimator), X, y, scorers, routed.estimator.fit, routed.scorer.score),
            *(search.return_train_score, search.error_score, 0),
            keeps=None if self._joining is None else self._joining.method,
            classes=None if self._joining is None else self._joining.classes,
        )
        with self._journal(question) as journal:
            self._journaled = Journaled(journal)
            self._question = replace(question, seed=self._journaled.remembered("seed", drawn_seed))
            try:
                self._ask(self._journaled.remembered("candidates", drawn_seed))
            except Over:
                pass
            finally:
                if self._elsewhere is not None:
                    self._elsewhere.close()
                self._journaled.close()
        self._choose(scorers, refit_metric)
        search.stopped_ = self._end
        if search.refit:
            try:
                self._refit()
            except KeyboardInterrupt:
                search.stopped_ = "interrupted"
                raise
        if self._end != "finished":
            why = f"time_limit={search.time_limit:g}" if self._end == "time_limit" else "Ctrl-C"
            warn(
                f"The search was ended by {why} after {len(self._tried)} candidates: what it has is valid, and with "
                "a journal the same call goes on from here.",
                SearchWarning,
            )

    # ---- Candidates ------------------------------------------------------------------------------------------------

    def _journal(self, question: Question) -> AbstractContextManager[Journal | None]:
        search = self._search
        if search.journal is None:
            return nullcontext()
        splits = self._splits(search._checked_cv_orig, question)
        return Journal(search.journal, question_of(question, search._space(), search.scoring, splits))

    def _splits(self, cv: Any, question: Question) -> list[Split]:
        splits = list(cv.split(question.X, question.y, **self._split_params))
        if len(splits) != self._search.n_splits_:
            raise ValueError(
                f"cv.split and cv.get_n_splits return inconsistent results. Expected {self._search.n_splits_} splits, "
                f"got {len(splits)}"
            )
        return splits

    def _ask(self, seed: int) -> None:
        """The search's own way of asking, as scikit-learn calls it; `seed` where it has none."""
        search = self._search
        given = getattr(search, "random_state", 0)
        if given is None:
            search.random_state = seed
        try:
            context: dict[str, Any] = {}
            # From scikit-learn 1.9 on a search may have callbacks of its own, and its ways of asking are told of them.
            if hasattr(search, "_init_callback_context") and "callback_ctx" in signature(search._run_search).parameters:
                root = search._init_callback_context(max_subtasks=1 + (search.refit is not False))
                root.call_on_fit_task_begin(estimator=search, X=self._question.X, y=self._question.y, metadata=None)
                context["callback_ctx"] = root
            search._run_search(self._evaluate, **context)
        finally:
            if given is None:
                search.random_state = None

    def _evaluate(
        self,
        candidate_params: Iterable[Mapping[str, Any]],
        cv: Any = None,
        more_results: Mapping[str, Sequence[Any]] | None = None,
        callback_ctx: Any = None,
    ) -> dict[str, Any]:
        """Scikit-learn's `evaluate_candidates`: try these, and give the results of all so far."""
        search, question = self._search, self._question
        params, first = list(candidate_params), len(self._tried)
        splits = self._splits(cv or search._checked_cv_orig, question)
        candidates = [search._candidate(first + place, each, len(params)) for place, each in enumerate(params)]
        if search.verbose > 0:
            say(
                f"Fitting {len(splits)} folds for each of {len(params)} candidates, "
                f"totalling {len(params) * len(splits)} fits"
            )
        self._planned += len(candidates) * len(splits)
        self._tests = [test for _, test in splits]
        if self._joining is not None and getattr(search, "resource", None) == "n_samples":
            self._joining.begin()
        self._waiting = {candidate.place: {} for candidate in candidates}
        end = (self._train if self._rule is None else self._train_in_parts)(candidates, splits)
        folds = range(len(splits))
        tried = [place for place, each in enumerate(candidates) if len(self._waiting[each.place]) == len(splits)]
        out = [self._waiting[candidates[place].place][fold] for place in tried for fold in folds]
        if out:
            self._keep([candidates[place] for place in tried], out)
            for name, values in (more_results or {}).items():
                self._more[name].extend(list(values)[place] for place in tried)
            if self._rule is not None:
                self._more[SHARE].extend(self._stopped_at.get(candidates[place].place, 1.0) for place in tried)
            self._results = search._format_results(
                *([candidate.params for candidate in self._tried], len(splits)),
                *([outcome.as_scikit_learn() for outcome in self._outcomes], self._more),
            )
        elif end == "finished":
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        if end != "finished":
            self._end = end
            raise Over
        return self._results

    def _keep(self, candidates: Sequence[Candidate], out: list[Outcome]) -> None:
        """Take outcomes among the results."""
        search = self._search
        rows = [outcome.as_scikit_learn() for outcome in out]
        if callable(search.scoring):  # whose names of metrics are known only now
            _insert_error_scores(rows, search.error_score)
            out = [
                replace(outcome, test_scores=row["test_scores"], train_scores=row.get("train_scores"))
                for outcome, row in zip(out, rows, strict=True)
            ]
        self._tried += candidates
        self._outcomes += [replace(outcome, predictions=None) for outcome in out]

    # ---- Fits ------------------------------------------------------------------------------------------------------

    def _train(self, candidates: Sequence[Candidate], splits: Sequence[Split]) -> End:
        """Every candidate on every fold, but for those that the journal knows."""
        groups = families(candidates)
        keys = self._journaled.keys(candidates, splits)
        tasks = []
        for family in groups:
            for fold in range(len(splits)):
                left = []
                for candidate in family:
                    known = self._journaled.find(keys[candidate.place][fold]) if keys else None
                    if known is None:
                        left.append(candidate)
                    else:
                        self._hear(candidate, fold, known)
                if left:
                    tasks.append(Task(tuple(left), fold, self._runs))
        if self._limit is not None:  # the short ones on every fold first: they may be all that there is time for
            tasks = [each for task in tasks for each in task.apart()]
            tasks.sort(key=attrgetter("place"))

        def heard(candidate: Candidate, fold: int, outcome: Outcome) -> None:
            if keys and outcome.fit_error is None:  # what failed may do so no more: it is tried again
                self._journaled.write(keys[candidate.place][fold], outcome)
            self._hear(candidate, fold, outcome)

        if self._elsewhere is not None:
            return self._elsewhere.run(self._question, tasks, splits, heard, self._deadline)
        beside = partial(self._refit_beside, groups[0]) if tasks and self._can_refit_beside(groups) else None
        end = run(
            *(self._question, tasks, Folds(self._question, splits), heard),
            threads=self._search._threads(),
            deadline=self._deadline,
            beside=beside,
        )
        if end != "finished":
            self._fitted.clear()  # what was ended in the midst of an epoch is none of them
        return end

    def _train_in_parts(self, candidates: Sequence[Candidate], splits: Sequence[Split]) -> End:
        """Every candidate on every fold, but for those that fall behind: they have what they had when it was seen."""
        assert self._rule is not None
        for first in range(0, len(candidates), BATCH):
            left = list(candidates[first : first + BATCH])
            for share in SHARES:
                self._planned += len(left) * len(splits)
                end = self._train([replace(candidate, most_epochs=share) for candidate in left], splits)
                so_far = [self._waiting[candidate.place] for candidate in left]
                if end == "finished":
                    behind = self._rule.behind(share, [_mean(each.values(), self._search.refit) for each in so_far])
                    self._planned -= sum(behind) * len(splits)
                    self._stopped_at |= {each.place: share for each, late in zip(left, behind, strict=True) if late}
                    left = [candidate for candidate in left if candidate.place not in self._stopped_at]
                for candidate in left:
                    self._waiting[candidate.place] = {}
                if end != "finished":
                    return end
            if left and (end := self._train(left, splits)) != "finished":
                return end
        return "finished"

    def _hear(self, candidate: Candidate, fold: int, outcome: Outcome) -> None:
        """A fit is done."""
        search = self._search
        with self._lock:
            waiting = self._waiting[candidate.place]
            waiting[fold] = outcome
            self._done += 1
            if len(waiting) == search.n_splits_ and not isinstance(candidate.most_epochs, float):
                self._whole(candidate, waiting)
            if search.progress is not None:
                score, best = (None, None) if self._best is None else self._best
                now = time.monotonic()
                left = None if self._limit is None else max(self._limit - now, 0.0)
                settings = None if best is None else best.params
                search.progress(Progress(self._done, self._planned, score, settings, now - self._began, left))

    def _whole(self, candidate: Candidate, outcomes: dict[int, Outcome]) -> None:
        """A candidate has all its folds."""
        search = self._search
        numbers = [_number(outcome.test_scores, search.refit) for outcome in outcomes.values()]
        mean = float(np.mean(numbers))
        if self._joining is not None:
            folds = range(len(outcomes))
            self._joining.offer(candidate, mean, [outcomes[fold].predictions for fold in folds], self._tests)
            outcomes.update({fold: replace(outcomes[fold], predictions=None) for fold in folds})
        if not math.isnan(mean) and (self._best is None or mean > self._best[0]):
            self._best = (mean, candidate)
            self._fit_time = float(np.mean([outcome.fit_time for outcome in outcomes.values()]))
        if search.verbose > 1:
            spread = float(np.std(numbers))
            settings = ", ".join(f"{each}={candidate.params[each]}" for each in sorted(candidate.params))
            seconds = sum(outcome.fit_time + outcome.score_time for outcome in outcomes.values())
            say(f"Candidate {candidate.place + 1}: {mean:.4f} ± {spread:.4f}, {seconds:.1f} s: {settings}")

    # ---- The best ones ---------------------------------------------------------------------------------------------

    def _deadline(self) -> float | None:
        """When the fits of the folds must be over, so that the best can be trained on all rows in time."""
        if self._limit is None:
            return None
        return self._limit - min(self._reserve(), MOST_RESERVED * (self._limit - self._began))

    def _reserve(self) -> float:
        """The seconds that training the best on all rows will take, going by its fits in the folds."""
        search = self._search
        if not search.refit:
            return 0.0
        folds = max(search.n_splits_, 2)
        return float(self._fit_time * folds / (folds - 1) * self._refits_per_thread())

    def _refits_per_thread(self) -> float:
        """How many estimators one thread trains on all rows at the end, as far as is known before."""
        return 1.0 if self._joining is None else max(EXPECTED / self._search._threads(), 1.0)

    def _refits_one(self) -> bool:
        """Whether the best one, whichever it is, is trained on all rows with nothing else to decide."""
        refit = self._search.refit
        return refit is True or (isinstance(refit, str) and refit != "ensemble")

    def _can_refit_beside(self, groups: Sequence[Sequence[Candidate]]) -> bool:
        """Whether the best one can be trained with the folds: it is one of a single run, which says nothing."""
        if len(groups) != 1 or len(groups[0]) == 1 or self._rule is not None or not self._refits_one():
            return False
        if self._limit is not None:
            return False
        return not any(told(self._question, candidate.settings) for candidate in groups[0])

    def _refit_beside(self, family: Sequence[Candidate]) -> None:
        """Train on all rows what can be the best, as long as that is one run read at several points.

        One that fails is no error here: in the folds it has failed as well.
        """
        runs = SharedRuns()
        for place, candidate in enumerate(family):
            began = time.perf_counter()
            try:
                fitted = self._fit_all(candidate, runs)
            except Exception:
                continue
            self._fitted[candidate.place] = (fitted, time.perf_counter() - began)
            if place and not runs.found:
                return

    def _fit_all(
        self, candidate: Candidate, runs: SharedRuns | None, *, silent: bool = True, once: Once | None = None
    ) -> Any:
        """A candidate trained on all rows."""
        question = self._question
        estimator = prepared(question, candidate.settings, silent=silent)
        limit = None if self._limit is None else max(self._limit, time.monotonic() + self._reserve())
        engine = SharingEngine(get_engine(), runs, candidate.most_epochs, limit, strict=False)
        with using(engine), keeping(once or Once()):
            answers = () if question.y is None else (question.y,)
            estimator.fit(*(self._named or (question.X, *answers)), **question.fit_params)
        if engine.was_cut:
            warn(
                "Training the best candidate on all rows was ended by time_limit before its last epoch.",
                SearchWarning,
            )
        return estimator

    def _choose(self, scorers: Any, refit_metric: str) -> None:
        """The best candidate, as scikit-learn chooses it."""
        search, results = self._search, self._results
        if not self._tried:
            raise ArgumentError(
                f"No candidate had all of its {search.n_splits_} folds when the search ended "
                f"({self._done} fits were done). Give a larger time_limit, fewer folds or a cheaper space"
                + ("." if search.journal is None else "; the journal goes on from here.")
            )
        _warn_or_raise_about_fit_failures([each.as_scikit_learn() for each in self._outcomes], search.error_score)
        first = self._outcomes[0].test_scores
        search.multimetric_ = isinstance(first, dict)
        if callable(search.scoring) and search.multimetric_:
            search._check_refit_for_multimetric(first)
            refit_metric = search.refit
        if search.refit or not search.multimetric_:
            whole = results if self._rule is None else _of_whole(results, refit_metric)
            search.best_index_ = search._select_best_index(search.refit, refit_metric, whole)
            if not callable(search.refit):
                search.best_score_ = results[f"mean_test_{refit_metric}"][search.best_index_]
            search.best_params_ = results["params"][search.best_index_]
            if search.refit and not callable(search.refit) and np.isnan(results[f"mean_test_{refit_metric}"]).all():
                warn(
                    f"No candidate has a score: best_params_ is only the first of them. {self._why_no_score()}",
                    SearchWarning,
                )
        search.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        search.cv_results_ = results

    def _why_no_score(self) -> str:
        """What is known of it."""
        if is_classifier(self._search.estimator):
            classes, counts = np.unique(np.asarray(self._question.y).astype(str), return_counts=True)
            if counts.min() < self._search.n_splits_:
                return (
                    f"Class {str(classes[counts.argmin()])!r} has {counts.min()} rows, so it is missing from some of "
                    f"the {self._search.n_splits_} folds, and not every scoring can do without. Give fewer folds, or "
                    "join it with another class."
                )
        return "The warnings above say what went wrong; error_score='raise' stops at the first."

    def _refit(self) -> None:
        """Train the best on all rows."""
        search = self._search
        if self._joining is not None:
            self._join(self._joining)
            return
        best = self._tried[search.best_index_]
        settings = dict(best.settings)
        began = time.perf_counter()
        fitted, seconds = self._fitted.get(best.place) or (self._fit_all(best, None, silent=False), None)
        search.refit_time_ = time.perf_counter() - began if seconds is None else seconds
        search.best_estimator_ = unseeded(self._question, settings, fitted)
        if hasattr(fitted, "feature_names_in_"):
            search.feature_names_in_ = fitted.feature_names_in_

    def _join(self, joining: Joining) -> None:
        """Train on all rows who is joined, side by side, and join them."""
        search, began = self._search, time.perf_counter()
        candidates, weights, oof = joining.chosen()
        once, fitted = Once(), dict[int, Any]()

        def refit(candidate: Candidate) -> None:
            fitted[candidate.place] = self._fit_all(candidate, None, once=once)

        side_by_side([partial(refit, candidate) for candidate in candidates], threads=search._threads())
        members = [unseeded(self._question, each.settings, fitted[each.place]) for each in candidates]
        search.best_estimator_ = joining.joined(members, weights, oof)
        search.joined_ = tuple(each.place for each in candidates)
        search.refit_time_ = time.perf_counter() - began
        if hasattr(search.best_estimator_, "feature_names_in_"):
            search.feature_names_in_ = search.best_estimator_.feature_names_in_


def _of_whole(results: dict[str, Any], metric: str) -> dict[str, Any]:
    """The results with those last in rank who were stopped."""
    rank = results[f"rank_test_{metric}"]
    return {**results, f"rank_test_{metric}": np.where(results[SHARE] < 1, len(rank) + rank, rank)}


def _mean(outcomes: Iterable[Outcome], refit: Any) -> float:
    """The mean over the folds of the score that decides."""
    return float(np.mean([_number(outcome.test_scores, refit) for outcome in outcomes]))


def _number(scores: Scores, refit: Any) -> float:
    """The score that decides; NaN where there are several and none does."""
    if isinstance(scores, dict):
        return scores.get(refit, math.nan) if isinstance(refit, str) else math.nan
    return scores
