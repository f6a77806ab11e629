"""The section of a classifier: report, confusion, curves, calibration, thresholds, errors."""

from __future__ import annotations

from collections.abc import Iterator

from tabgrad._wording import figure
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet

__all__ = ["class_section"]

MOST_CLASSES = 25  # whose confusion matrix can be read; of more the most frequent confusions are listed


def class_section(scores: ClassScores, coverage: Sheet | None) -> Section:
    """How well classes are told, and where not; how often sets of classes held, where there are such sets."""
    return Section("classes", "Class by class", list(_blocks(scores, coverage)))


def _blocks(scores: ClassScores, coverage: Sheet | None) -> Iterator[Block]:
    yield Listing("by_class", "Scores of each class", scores.by_class())
    yield Drawing("confusion", "How many rows of each class were taken for which.", scores.plot_confusion)
    yield Drawing("confusion_shares", "The same as shares of each class.", lambda: scores.plot_confusion(shares=True))
    if len(scores.classes) > 3 and len(scores.confusions()):
        yield Listing("confusions", "The most frequent confusions", scores.confusions())
    if scores.has_curves():
        yield Drawing("roc", "How many rows of a class are found, for how many others taken for it.", scores.plot_roc)
        words = "How many that are taken for a class are of it, for how many of it are found."
        yield Drawing("precision_recall", words, scores.plot_precision_recall)
    else:
        yield Text("The rows are all of one class: there are no curves.")
    error = scores.calibration_error
    yield Text(
        f"Expected calibration error {figure(error)}: so far are probabilities from what comes true, in the mean over "
        "groups of rows with similar ones. 0 is perfect; few rows make it too large."
    )
    words = "On the dotted line what was said came true as often. Below: how often it was said."
    yield Drawing("calibration", words, scores.plot_calibration)
    if len(scores.classes) == 2 and scores.has_curves():
        words = f"What follows where {scores.positive[:60]} is predicted from a probability on."
        yield Drawing("thresholds", words, scores.plot_thresholds)
        yield Listing("thresholds", f"Predicting {scores.positive[:60]} from a probability on", scores.thresholds())
    if coverage is not None:
        yield Listing("coverage", "Sets of predict_set: what they say, and how often they held", coverage)
    errors = scores.errors()
    if len(errors):
        yield Listing("errors", "The most confident errors, with their rows", errors)
    else:
        yield Text("No row is told wrong.")
