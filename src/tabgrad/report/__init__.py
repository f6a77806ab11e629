"""How good a model is: scores with intervals, tables and figures of each, and one page that holds all of it.

`evaluate` judges a model on rows that hold their target. What it gives has tables (each a `Sheet`, which is a frame by
``frame()``) and figures of matplotlib (``plot_...``); `ClassScores.of` and `ValueScores.of` take predictions of any
model. `Report` puts all of it, and what the training and the table have to say, on one page of HTML.
"""

from __future__ import annotations

from tabgrad.report.class_scores import ClassScores
from tabgrad.report.findings import Finding
from tabgrad.report.judging import evaluate
from tabgrad.report.resampling import Estimate
from tabgrad.report.sheets import Sheet
from tabgrad.report.value_scores import ValueScores
from tabgrad.report.whole import Report

__all__ = ["ClassScores", "Estimate", "Finding", "Report", "Sheet", "ValueScores", "evaluate"]
