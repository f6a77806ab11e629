"""`Report`: all that is known of a model, as sections of text, tables and figures, and as one page."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._files import path_of, write_whole
from tabgrad._wording import amount
from tabgrad.errors import ArgumentError, DataError, DataWarning
from tabgrad.report import rivals
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.findings import Finding, findings
from tabgrad.report.judging import Rows, Scores, each_of, estimators_of, is_classifier, judged, rows_of, scores_of
from tabgrad.report.of_classes import class_section
from tabgrad.report.of_effects import effects_section
from tabgrad.report.of_origin import origin_section
from tabgrad.report.of_search import at_edges, board_of, search_section
from tabgrad.report.of_table import table_section
from tabgrad.report.of_training import training_section
from tabgrad.report.of_values import value_section
from tabgrad.report.sections import Drawing, Listing, Section
from tabgrad.report.sheets import Sheet
from tabgrad.search.leaderboard import Leaderboard
from tabgrad.table.schema import Schema, infer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Report"]

MOST_KNOWN = 5000  # rows of the training that the model is judged by, to hold the scores against
COVERAGE = 0.9  # of intervals, whose share of rows is measured
UP, DOWN = "↑", "↓"  # more is better, less is better
SAME, LINEAR = "always the same", "linear model"


@dataclass(frozen=True, eq=False)
class Report:
    """How good a model is, and how it came about.

    `of` makes one.

    Parameters
    ----------
    model : fitted estimator
    title : str
    judged_by : str
        What the scores are of.
    scores : ClassScores, tuple of ValueScores, or None
        None: there are no rows that the model had not seen.
    others : dict of str to Scores
        Of saying always the same, and of a linear model, on the same rows.
    findings : tuple of Finding
        What deserves a look, the most serious first.
    parts : dict of str to Rows
        "training" and "held out", as far as they were given.
    seconds : float or None
        That the training took.
    command : str
        With which to get it again.
    search : Leaderboard or None
        Of the search that the model came out of.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.report import Report
    >>> x = np.random.default_rng(0).uniform(size=(300, 2))
    >>> y = x[:, 0] * x[:, 1]
    >>> regressor = Regressor(preset="fast", random_state=0).fit(x[:200], y[:200])
    >>> report = Report.of(regressor, x[200:], y[200:], train=(x[:200], y[:200]), title="Areas")
    >>> report.summary().frame().columns.tolist()
    ['the model', '95 % from', 'to', 'always the same', 'linear model']
    >>> report.findings
    ()
    >>> report.html()[:15]
    '<!DOCTYPE html>'
    """

    model: Any
    title: str
    judged_by: str
    scores: Scores | None
    others: Mapping[str, Scores]
    findings: tuple[Finding, ...]
    parts: Mapping[str, Rows] = field(repr=False)
    seconds: float | None = None
    command: str = ""
    search: Leaderboard | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        X: Any = None,
        y: Any = None,
        *,
        train: tuple[Any, Any] | None = None,
        sample_weight: Any = None,
        train_weight: Any = None,
        title: str = "",
        seconds: float | None = None,
        command: str = "",
        search: Any = None,
    ) -> Report:
        """Judge a model, hold it against others, look for what is suspicious.

        Parameters
        ----------
        model : fitted estimator
            `Classifier`, `Regressor`, or any of scikit-learn.
        X : frame, dict of columns, array or Table, optional
            Rows that it was not trained on. None: what a fit of tabgrad said of rows that it held out
            (`oof_prediction_`), which needs `train`; where there is none, the report has no scores.
        y : array or series of shape (rows,) or (rows, targets), str or list of str, optional
            What is true of them, or the names of the columns of X that hold it.
        train : (X, y), optional
            The rows of the training, for the linear model and for what is suspicious in them.
        sample_weight, train_weight : array of shape (rows,), optional
        title : str
            Of the page. "": from the model and what it predicts.
        seconds : float, optional
            That the training took.
        command : str
            With which to get the model again.
        search : fitted search, or Leaderboard, optional
            That the model came out of.

        Raises
        ------
        DataError
            Rows without what is true of them, and whatever the model refuses.
        """
        names = list(getattr(model, "_target_names", ()))
        parts: dict[str, Rows] = {}
        if train is not None:
            parts["training"] = rows_of(*train, sample_weight=train_weight, targets=names)
        if X is not None:
            if y is None:
                raise DataError("A report of rows X needs y, what is true of them. Give both, or neither.")
            parts["held out"] = rows_of(X, y, sample_weight=sample_weight, targets=names)
        known, held = parts.get("training"), parts.get("held out")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # what the model warns of was said when it was fitted
            return cls._made(model, known, held, search, title, seconds, command)

    @classmethod
    def _made(
        cls,
        model: Any,
        train: Rows | None,
        test: Rows | None,
        search: Any,
        title: str,
        seconds: float | None,
        command: str,
    ) -> Report:
        scores, judge, judged_by = _scores(model, train, test)
        others: dict[str, Scores] = {}
        known = None
        if scores is not None and judge is not None:
            others[SAME] = rivals.constant(scores, train)
            if train is not None and test is not None:
                found = rivals.linear(scores, train, test, _schema(model, train))
                others |= {} if found is None else {LINEAR: found}
                if not any(getattr(each, "rows_kept_", 0) for each in estimators_of(model)):  # each is near itself
                    known = judged(model, train.part(np.arange(0, len(train), -(-len(train) // MOST_KNOWN))))
        parts = {name: rows for name, rows in (("training", train), ("held out", test)) if rows is not None}
        targets = next(iter(parts.values())).targets if parts else getattr(model, "_target_names", ())
        target = ", ".join(targets)
        said = title or f"{type(model).__name__}{f' of {target}' if target else ''}"
        seen = (*findings(scores, others, known, train, test), *at_edges(search))
        return cls(model, said, judged_by, scores, others, seen, parts, seconds, command, board_of(search))

    # ---- What there is -----------------------------------------------------------------------------------------------

    def summary(self, place: int = 0) -> Sheet:
        """Each score with its interval, beside those of always the same and of a linear model.

        Parameters
        ----------
        place : int
            Of the target, where there are several.
        """
        if self.scores is None:
            raise ArgumentError("This report has no scores: give Report.of rows that the model was not trained on.")
        own = each_of(self.scores)[place]
        others = {name: each_of(each)[place] for name, each in self.others.items()}
        columns: dict[str, list[Any]] = {
            "score": [f"{name} {UP if own.higher[name] else DOWN}" for name in own.estimates]
        }
        columns["the model"] = [each.value for each in own.estimates.values()]
        columns["95 % from"] = [each.low for each in own.estimates.values()]
        columns["to"] = [each.high for each in own.estimates.values()]
        for name, other in others.items():
            columns[name] = [
                other.estimates[score].value if score in other.estimates else None for score in own.estimates
            ]
        return Sheet(columns, "score")

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """All that the page holds under its answer."""
        model, made = self.model, list[Section | None]()
        if isinstance(self.scores, ClassScores):
            made.append(class_section(self.scores, next(iter(self._coverage()), None)))
        elif self.scores:
            made.append(value_section(self.scores, self._coverage()))
        judges = self.parts.get("held out")
        if self.scores is not None and judges is not None:
            made.append(effects_section(model, self.scores, judges))
        made.append(training_section(model, self.seconds))
        first = next(iter(self.parts.values()), None)
        if hasattr(model, "table_schema_") or first is not None:
            schema = model.table_schema_ if first is None else _schema(model, first)
            classes = is_classifier(model)
            made.append(table_section(schema, self.parts, getattr(model, "notes_", ()), classes=classes))
        made.append(search_section(self.search))
        made.append(origin_section(model, self.parts, self.command))
        return tuple(section for section in made if section is not None)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table as a pandas frame, by name."""
        blocks = [block for section in self.sections for block in section.blocks if isinstance(block, Listing)]
        own = {} if self.scores is None else {"summary": self.summary().frame()}
        return own | {block.name: block.sheet.frame() for block in blocks}

    def figures(self) -> dict[str, Figure]:
        """Every figure, by name."""
        blocks = [block for section in self.sections for block in section.blocks if isinstance(block, Drawing)]
        return {block.name: block.draw() for block in blocks}

    def html(self) -> str:
        """The page: one file that fetches nothing, runs nothing, and can be read and printed as it is.

        Raises
        ------
        ImportError
            Matplotlib or Jinja2 is not installed.
        """
        from tabgrad.report.pages import rendered

        return rendered(self)

    def save(self, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the page; the file is there as a whole or not at all.

        Parameters
        ----------
        filepath : str or path
        overwrite : bool, default True
            False: a file that is there already is an error.

        Raises
        ------
        ArgumentError
            The file is there, and `overwrite` is False.
        ImportError
            Matplotlib or Jinja2 is not installed.
        OSError
            The disk is full, the folder is missing or may not be written to.
        """
        if not overwrite and os.path.exists(filepath):
            raise ArgumentError(f"'{os.fspath(filepath)}' is there already. Use overwrite=True, or another name.")
        write_whole(path_of(filepath, "filepath", "save"), [self.html().encode()])

    def _coverage(self) -> list[Sheet]:
        """Of each target how often its intervals, or sets of classes, held that are to hold 90 % of the rows."""
        test, model, scores = self.parts.get("held out"), self.model, self.scores
        asked = getattr(model, "predict_set" if isinstance(scores, ClassScores) else "predict_interval", None)
        if test is None or asked is None or not scores:
            return []
        try:
            said = np.asarray(asked(test.given, coverage=COVERAGE))
        except ArgumentError:  # no rows were held out in the fit, or too few
            return []
        if isinstance(scores, ClassScores):
            return [scores.coverage(said, COVERAGE)]
        each = said.reshape(len(test), len(scores), 2)
        return [one.coverage(each[:, place], COVERAGE) for place, one in enumerate(scores)]

    def __repr__(self) -> str:
        """The answer, and what deserves a look."""
        lines = [f"Report: {self.title}, {self.judged_by}"]
        if self.scores is not None:
            lines += repr(self.summary()).splitlines()
        return "\n".join([*lines, *(f"! {each.text} {each.fix}" for each in self.findings)])


def _schema(model: Any, rows: Rows) -> Schema:
    """What the columns are: as the model knows them, or as they look."""
    known: Schema | None = getattr(model, "table_schema_", None)
    names = set(rows.features.names)
    if known is None or not {column.name for column in known.used} <= names:
        return infer(rows.features)
    return known


def _scores(model: Any, train: Rows | None, test: Rows | None) -> tuple[Scores | None, Rows | None, str]:
    """The scores, the rows that they are of, and what these are."""
    if test is not None:
        return judged(model, test), test, f"judged by {amount(len(test), 'row')}"
    out = getattr(model, "oof_prediction_", None)
    if train is None or out is None or len(out) != len(train):
        return None, None, "not judged: there were no rows that it was not trained on"
    said = np.asarray(out, np.float64).reshape(len(train), -1)
    rows = np.flatnonzero(~np.isnan(said[:, 0]))
    if not len(rows):
        return None, None, "not judged: no row was held out in the fit"
    part = train.part(rows)
    scores = scores_of(model, part, said[rows])
    words = f"judged by {amount(len(rows), 'row')} of the training, each by networks that had not seen it"
    return scores, part, words
