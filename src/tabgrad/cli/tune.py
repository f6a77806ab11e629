"""``tabgrad tune``: `fit` with a search for good settings inside, which survives what ends it and goes on."""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import Interval, check, known_name
from tabgrad._refusals import shown
from tabgrad.cli.asked import asked_for, estimator_for
from tabgrad.cli.exits import UsageError
from tabgrad.cli.live import Interrupt, Searched, hearing_interrupt, plain, plain_settings
from tabgrad.cli.pages import again, check_page
from tabgrad.cli.places import journal_place, model_place, refuse_place
from tabgrad.cli.rows import Understood, classes_of, seed, tell_repeated, understand
from tabgrad.cli.screen import Screen, amount, grid, printable
from tabgrad.cli.settings import Tune, option
from tabgrad.cli.standings import MOST, standings, standings_data
from tabgrad.cli.tables import labels, numbers
from tabgrad.cli.telling import data_of, judged, rows_told, show_next, show_report, show_understood, write_page
from tabgrad.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from tabgrad.estimators import Classifier, Regressor
    from tabgrad.search.leaderboard import Leaderboard

__all__ = ["tune"]

PRESET = "fast"  # of candidates: see tabgrad.search.default_space
METHODS = ("random", "halving", "tpe", "grid")
CANDIDATES = 20  # where neither they nor the seconds are limited
MANY = 1000  # where the seconds are
FOLDS = 5


def tune(settings: Tune, screen: Screen) -> None:
    """Do what `tabgrad tune` is asked for."""
    settings = replace(settings, preset=settings.preset or PRESET)
    path = model_place(settings.out, settings.table)
    inputs = (settings.table, settings.test)
    refuse_place(path, inputs, overwrite=settings.overwrite)
    page = None if settings.report is None else check_page(settings.report, inputs, overwrite=settings.overwrite)
    journal = journal_place(settings.journal, path, resume=settings.resume)
    known = understand(settings, screen)
    estimator = estimator_for(replace(settings, time_limit=None), known)  # the limit is that of the search
    space = _space(estimator, settings)
    folds = _folds(settings, known, screen)
    settings = _scored(settings, known)
    show_understood(settings, known, screen)
    tell_repeated(known, screen)
    search = _search(estimator, space, folds, journal, settings, len(known.train.table))
    _show_plan(search, space, known, settings, screen)
    interrupt, seconds = _run(search, known, settings, screen)
    board = search.leaderboard_
    found = _found(search, board, settings, seconds)
    _show_board(board, space, found, settings, screen)
    more = f"The same command with --resume{{}} goes on; what is done is in {printable(journal, 200)}."
    if interrupt.kind is not None and not settings.save_interrupted:
        if settings.json:
            screen.data({"search": found})
        raise interrupt.kind(f"Interrupted; no model was saved. {more.format('')}")
    for note in _edges(space, search):
        screen.note(note)
    model = search.best_estimator_
    report = judged(model, known)
    model.save(path)
    show_report(report, known, settings, screen)
    write_page(page, model, known, screen, command=again("tune", settings), seconds=seconds, search=search)
    show_next(path, screen)
    if settings.json:
        scores = None if report is None else report.data()
        screen.data({**data_of(path, model, known), "search": found, "report": scores})
    if interrupt.kind is not None:
        raise interrupt.kind(f"Interrupted; {path} is the best model so far. {more.format(' --overwrite')}")
    if search.stopped_ != "finished":
        screen.say(f"  {more.format(' --overwrite and a larger --time-limit')}")


# ---- What is searched ------------------------------------------------------------------------------------------------


def _space(estimator: Classifier | Regressor, settings: Tune) -> dict[str, Any]:
    """The space of the file, or the estimator's own."""
    from tabgrad.search import default_space, read_space
    from tabgrad.search.space import check_names

    method = _method(settings)
    space = default_space(estimator, preset=settings.preset) if settings.space is None else read_space(settings.space)
    check_names(estimator, space)
    if both := sorted(space.keys() & asked_for(settings).keys() - {"preset"}):
        raise UsageError(
            f"{', '.join(asked_for(settings)[name] for name in both)} says what is in the space as well. Leave the "
            "option out, or the parameter out of the space."
        )
    if method == "grid" and (wide := [name for name, values in space.items() if not isinstance(values, list)]):
        raise UsageError(
            f"--search grid tries every combination of lists, and {', '.join(wide)} is a range. Give lists in a file "
            "with --space, or take --search random."
        )
    if method == "halving" and "epochs" in space:
        raise UsageError("--search halving gives candidates their epochs. Leave epochs out of the space.")
    return space


def _method(settings: Tune) -> str:
    return METHODS[0] if settings.search is None else known_name(settings.search, "search", METHODS)


def _folds(settings: Tune, known: Understood, screen: Screen) -> Any:
    """The splitter, of no more folds than rows, or than rows of the smallest class."""
    from sklearn.model_selection import KFold, StratifiedKFold

    check(settings.cv, option("cv"), "tabgrad tune", (int, type(None)), Interval(2))
    classes = classes_of(known)
    name, most = ("", len(known.train.table)) if classes is None else min(classes.items(), key=lambda each: each[1])
    what = "rows" if classes is None else f"rows of each class, and {shown(name)} has"
    if most < (settings.cv or 2):
        way = f"Take --cv {most}" if most > 1 else "Leave that class out" if classes else "Add rows"
        raise DataError(
            f"Folds must hold out every row once: {option('cv')} {settings.cv or 2} needs as many {what} {most} to "
            f"train on. {way}, or hold fewer out with --test-size."
        )
    folds = min(settings.cv or FOLDS, most)
    if settings.cv is None and folds < FOLDS:
        screen.note(
            f"{folds} folds instead of {FOLDS}: the smallest class, {shown(name)}, has {most} rows to train on."
        )
    return (KFold if classes is None else StratifiedKFold)(folds, shuffle=True, random_state=seed(settings))


def _scored(settings: Tune, known: Understood) -> Tune:
    """The settings with the score spelled as scikit-learn does, which has been seen to fit the target."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.metrics import get_scorer, get_scorer_names

    if settings.scoring is None:
        return settings
    name = known_name(settings.scoring, "score", get_scorer_names())
    table, classes = known.train.table, known.task.classes
    y = labels(table[known.targets[0]]) if classes else numbers(table, known.targets)
    x, dummy = np.zeros((len(y), 1)), DummyClassifier() if classes else DummyRegressor()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            get_scorer(name)(dummy.fit(x, y), x, y)
    except Exception as error:
        raise UsageError(
            f"--scoring {name} cannot score {known.task.value}: {' '.join(str(error).split())} Take another score, "
            f"for instance {'neg_log_loss' if classes else 'neg_root_mean_squared_error'}."
        ) from error
    return replace(settings, scoring=name)


def _search(
    estimator: Classifier | Regressor, space: dict[str, Any], folds: Any, journal: str, settings: Tune, rows: int
) -> Any:
    """The search that was asked for."""
    from tabgrad import search as searches

    check(settings.n_iter, option("n_iter"), "tabgrad tune", (int, type(None)), Interval(1))
    check(settings.time_limit, option("time_limit"), "tabgrad tune", (float, type(None)), Interval(0, closed="(]"))
    method, draws = _method(settings), {"random_state": seed(settings)}
    shared: dict[str, Any] = {
        "scoring": settings.scoring,
        "n_jobs": settings.threads,
        "cv": folds,
        "refit": "ensemble" if settings.ensemble else True,
        "journal": journal,
        "time_limit": settings.time_limit,
    }
    if method == "grid":
        return searches.GridSearchCV(estimator, space, **shared)
    if method == "halving":
        return searches.HalvingRandomSearchCV(
            *(estimator, space),
            **(shared | draws),
            n_candidates=settings.n_iter or CANDIDATES,
            resource="epochs",
            max_resources=_most_epochs(estimator, rows),
            min_resources="exhaust",
        )
    candidates = settings.n_iter or (CANDIDATES if settings.time_limit is None else MANY)
    kind = searches.TPESearchCV if method == "tpe" else searches.RandomizedSearchCV
    return kind(estimator, space, n_iter=candidates, **(shared | draws))


def _most_epochs(estimator: Classifier | Regressor, rows: int) -> int:
    """The epochs that the estimator would give so many rows."""
    from tabgrad.estimators._settings import batch_of, epochs_of, preset_of

    preset = preset_of(estimator)
    return epochs_of(estimator.epochs, rows, batch_of(estimator.batch_size, rows, preset), preset)


def _edges(space: Mapping[str, Any], search: Any) -> list[str]:
    """Where the best lies at an end of what was searched."""
    from tabgrad.search import edges

    return [] if search.refit == "ensemble" else [str(edge) for edge in edges(space, search.best_params_)]


# ---- The search ------------------------------------------------------------------------------------------------------


def _run(search: Any, known: Understood, settings: Tune, screen: Screen) -> tuple[Interrupt, float]:
    """Search; how it was interrupted, and the seconds that it took."""
    candidates = None if _method(settings) == "halving" else _candidates(search, settings)  # which has rounds
    watch = Searched(_score_name(known, settings), search.cv.get_n_splits(), settings.time_limit, candidates)

    def stop() -> None:
        if not settings.save_interrupted:
            search.refit = False  # there is no use in training the best so far

    began = time.monotonic()
    weights = {} if known.train.weights is None else {"sample_weight": known.train.weights}
    with screen.line(watch.text) as line, hearing_interrupt(stop) as interrupt, _failures() as failures:
        watch.line, search.progress = line, watch
        try:
            search.fit(known.train.table, known.y, **weights)
        except KeyboardInterrupt:
            raise (interrupt.kind or KeyboardInterrupt)(NOTHING) from None
        except ArgumentError as error:
            if interrupt.kind is not None:
                raise interrupt.kind(NOTHING) from None
            raise UsageError(str(error).replace("time_limit", option("time_limit"))) from error
        except ValueError as error:
            if failures or "fits failed" in str(error):
                raise UsageError(f"Every fit of the search failed: {_last_line(str(error))}") from error
            raise
    if failures and not np.isfinite(search.cv_results_["mean_test_score"]).any():
        raise UsageError(f"No candidate has a score: {failures[0]}")
    if failures:
        lost = int(np.sum(~np.isfinite(search.cv_results_["mean_test_score"])))
        screen.note(f"{amount(lost, 'candidate')} failed in a fold. The first said: {failures[0]}")
    if watch.known:
        screen.say(f"  {amount(watch.known, 'fit')} came out of the journal")
    return interrupt, time.monotonic() - began


NOTHING = (
    "Interrupted before a candidate was done on all of its folds; nothing was saved. "
    "The same command with --resume goes on."
)


SEEN = ("The total space of parameters", "scores are non-finite", "The search was ended by")
"""Warnings of what the plan, the leaderboard or the last line says."""


@contextmanager
def _failures() -> Iterator[list[str]]:
    """What failed fits and scores said, instead of a warning with a traceback for each."""
    from sklearn.exceptions import FitFailedWarning

    told: list[str] = []
    note = warnings.showwarning

    def hear(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, FitFailedWarning) or str(message).startswith("Scoring failed"):
            told.append(_last_line(str(message)))
        elif not any(known in str(message) for known in SEEN):
            note(message, category, *place, **more)

    warnings.showwarning = hear
    try:
        yield told
    finally:
        warnings.showwarning = note


def _last_line(text: str) -> str:
    """What a traceback within a text ends with."""
    raised = [line for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception|Warning)\b", line)]
    return re.sub(r"^[\w.]+: ", "", raised[-1] if raised else " ".join(text.split()))


# ---- What is shown ---------------------------------------------------------------------------------------------------


def _score_name(known: Understood, settings: Tune) -> str:
    return settings.scoring or ("accuracy" if known.task.classes else "R2")


def _show_plan(search: Any, space: Mapping[str, Any], known: Understood, settings: Tune, screen: Screen) -> None:
    """What is going to be tried."""
    screen.heading(f"Searching on {rows_told(known)}")
    candidates = _candidates(search, settings)
    ends = [] if candidates is None else [amount(candidates, "candidate")]
    if settings.time_limit is not None:
        ends.append(f"{settings.time_limit:g} seconds")
    lines = [
        ("search", f"{_method(settings)}, {' or '.join(ends)}, each on {search.cv.get_n_splits()} folds"),
        ("score", f"{_score_name(known, settings)}, mean of the folds"),
        *((name, _told_values(values)) for name, values in space.items()),
    ]
    screen.show(grid(lines))


def _candidates(search: Any, settings: Tune) -> int | None:
    """How many there will be, if not the time alone ends the search."""
    if _method(settings) == "grid":
        return math.prod(len(values) for values in search.param_grid.values())
    if settings.time_limit is not None and settings.n_iter is None and _method(settings) != "halving":
        return None
    return int(search.n_candidates if _method(settings) == "halving" else search.n_iter)


def _told_values(values: Any) -> str:
    """What a parameter may be."""
    from tabgrad.search import Choice, Integer, Real

    if isinstance(values, (Real, Integer)):
        return f"{plain(values.low)} to {plain(values.high)}{', logarithmic' if values.log else ''}"
    if isinstance(values, (Choice, list)):
        return ", ".join(map(plain, values.values if isinstance(values, Choice) else values))
    return printable(repr(values), 200)


def _found(search: Any, board: Leaderboard, settings: Tune, seconds: float) -> dict[str, Any]:
    """What the search found, as plain data."""
    return {
        "method": _method(settings),
        "score": settings.scoring,
        "folds": search.n_splits_,
        "ended": search.stopped_,
        "seconds": round(seconds, 3),
        "best": dict(search.best_params_),
        "leaderboard": standings_data(board),
        **({"joined": _joined(search)} if search.refit == "ensemble" else {}),
    }


def _joined(search: Any) -> list[dict[str, Any]]:
    """The candidates of an ensemble, and what each counts for."""
    pairs = zip(search.best_estimator_.weights_.tolist(), search.joined_, strict=True)
    return [{"weight": weight, "parameters": dict(search.cv_results_["params"][place])} for weight, place in pairs]


def _show_board(
    board: Leaderboard, space: Mapping[str, Any], found: Mapping[str, Any], settings: Tune, screen: Screen
) -> None:
    if settings.json:
        return
    ended = {"time_limit": "; the time was over", "interrupted": "; interrupted"}.get(found["ended"], "")
    screen.say()
    screen.result(f"Leaderboard: {amount(len(board), 'candidate')} in {found['seconds']:.1f} s{ended}", "bold")
    names = [name for name in dict.fromkeys([*space, *board.varied]) if name in board.varied]
    screen.result(standings(board, names, screen.width))
    if len(board) > MOST:
        screen.result(f"  ({len(board) - MOST} more are not listed; --json has all)")
    if "joined" in found:
        screen.result()
        screen.result("What the ensemble joins", "bold")
        lines = [(f"{each['weight']:.2f}", plain_settings(each["parameters"], names)) for each in found["joined"]]
        screen.result(grid(lines, ("weight", "settings"), right=(0,)))
