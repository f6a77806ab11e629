"""``tabgrad fit``: read a table, say what is understood, train, judge on rows held out, save."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from tabgrad.cli.asked import estimator_for
from tabgrad.cli.judging import Report, held_out_scores
from tabgrad.cli.live import Training, stopped_by_interrupt
from tabgrad.cli.pages import again, check_page
from tabgrad.cli.places import model_place, refuse_place
from tabgrad.cli.rows import Understood, tell_repeated, understand
from tabgrad.cli.screen import Screen, grid
from tabgrad.cli.settings import Fit
from tabgrad.cli.telling import data_of, judged, rows_told, show_next, show_report, show_understood, write_page

if TYPE_CHECKING:
    from tabgrad.estimators import Classifier, Regressor

__all__ = ["fit"]


def fit(settings: Fit, screen: Screen) -> None:
    """Do what `tabgrad fit` is asked for."""
    path = model_place(settings.out, settings.table)
    inputs = (settings.table, settings.test)
    refuse_place(path, inputs, overwrite=settings.overwrite)
    page = None if settings.report is None else check_page(settings.report, inputs, overwrite=settings.overwrite)
    known = understand(settings, screen)
    estimator = estimator_for(settings, known)
    show_understood(settings, known, screen)
    tell_repeated(known, screen)
    training = _train(estimator, known, settings, screen)
    seconds, report = training.seconds, judged(estimator, known)
    estimator.save(path)
    show_report(report, known, settings, screen)
    write_page(page, estimator, known, screen, command=again("fit", settings), seconds=seconds)
    show_next(path, screen)
    if settings.json:
        screen.data(_data(path, estimator, known, training, report))
    if training.asked_to_stop:
        raise KeyboardInterrupt(f"Interrupted in epoch {training.epochs}; {path} is the best model so far.")


def _train(estimator: Classifier | Regressor, known: Understood, settings: Fit, screen: Screen) -> Training:
    from tabgrad.estimators._members import watched

    screen.heading(f"Training on {rows_told(known)}")
    with screen.line() as line:
        training = Training(line)
        stopping = stopped_by_interrupt(training) if settings.save_interrupted else nullcontext()
        try:
            with stopping, watched(training):
                estimator.fit(known.train.table, known.y, sample_weight=known.train.weights)
        except KeyboardInterrupt as interrupt:
            done = f"in epoch {training.epochs + 1}" if training.epochs else "before the end of the first epoch"
            way = "" if settings.save_interrupted else " With --save-interrupted, Ctrl-C keeps the best model so far."
            raise type(interrupt)(f"Interrupted {done}; nothing was saved.{way}") from None
    told = training.told(estimator.preset)
    if estimator.rows_kept_:
        asked = (
            f"the nearest of {estimator.rows_kept_:,} rows are asked beside the networks, which pays here; the model"
        )
        told.append(("near rows", f"{asked} holds these rows (--n-neighbors 0: it holds none)"))
    screen.show(grid(told))
    if estimator.scores_:
        screen.heading("On rows of the training, each predicted by a network that had not seen it")
        screen.show(held_out_scores(estimator.scores_))
    return training


def _data(
    path: str, estimator: Classifier | Regressor, known: Understood, training: Training, report: Report | None
) -> dict[str, Any]:
    """All that `fit` found out, as plain data."""
    return {
        **data_of(path, estimator, known),
        "networks": len(estimator.models_),
        "rows_kept": estimator.rows_kept_,
        "epochs": training.epochs,
        "seconds": round(training.seconds, 3),
        "history": estimator.history_,
        "held_out_scores": estimator.scores_,
        "report": None if report is None else report.data(),
    }
