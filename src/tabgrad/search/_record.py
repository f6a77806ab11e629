"""Outcomes in a journal, and out of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tabgrad._warning import warn
from tabgrad.errors import JournalError, SearchWarning
from tabgrad.search._fits import Candidate, Outcome, Scores
from tabgrad.search._identity import Split, keys_of, split_key
from tabgrad.search.journal import Entry, Journal


class Journaled:
    """A journal of outcomes; without a file it remembers nothing.

    Parameters
    ----------
    journal : Journal or None
    """

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._troubled = False

    def remembered(self, name: str, make: Callable[[], Any]) -> Any:
        """What was drawn under this name when the search began, or is drawn now."""
        return make() if self._journal is None else self._journal.remembered(name, make())

    def keys(self, candidates: Sequence[Candidate], splits: Sequence[Split]) -> dict[int, list[str]]:
        """The names of fits, by a candidate's place and then by fold; without a file none."""
        if self._journal is None:
            return {}
        rows = [split_key([split]) for split in splits]
        return {candidate.place: keys_of(candidate, rows) for candidate in candidates}

    def find(self, key: str) -> Outcome | None:
        """A fit that was done before."""
        if self._journal is None or not len(self._journal):
            return None
        entry = self._journal.find(key)
        return None if entry is None else _outcome(entry)

    def write(self, key: str, outcome: Outcome) -> None:
        """Keep a fit.

        Warns
        -----
        SearchWarning
            Once, when the disk does not take what was written before: it waits in memory, and the search goes on.
        """
        if self._journal is None:
            return
        self._journal.write_made(key, partial(_entry, _values(outcome), outcome.predictions))
        if self._journal.trouble is not None and not self._troubled:
            self._troubled = True
            warn(
                f"{self._journal.trouble} The search goes on, and what it finds waits in memory until it can be "
                "written.",
                SearchWarning,
            )

    def close(self) -> None:
        """See that all is on the disk; the results are there without it.

        Warns
        -----
        SearchWarning
            It could not be written.
        """
        try:
            if self._journal is not None:
                self._journal.close()
        except JournalError as error:
            warn(
                f"{error} The results are complete all the same; a later search trains again what the file lacks.",
                SearchWarning,
            )


def _values(outcome: Outcome) -> dict[str, Any]:
    """What is kept of a fit but its predictions; who gave a score that is no number hears of it, not the writer."""
    return {
        "test_scores": _plain(outcome.test_scores),
        "train_scores": None if outcome.train_scores is None else _plain(outcome.train_scores),
        "n_test_samples": outcome.n_test_samples,
        "fit_time": outcome.fit_time,
        "score_time": outcome.score_time,
        "fit_error": outcome.fit_error,
    }


def _entry(values: dict[str, Any], predictions: np.ndarray | None) -> Entry:
    if predictions is None:
        return Entry(values)
    buffer = io.BytesIO()
    np.save(buffer, predictions, allow_pickle=False)
    return Entry(values, buffer.getvalue())


def _outcome(entry: Entry) -> Outcome:
    predictions = None if entry.blob is None else np.load(io.BytesIO(entry.blob), allow_pickle=False)
    return Outcome(**entry.values, predictions=predictions)


def _plain(scores: Scores) -> Scores:
    if isinstance(scores, dict):
        return {name: float(value) for name, value in scores.items()}
    return float(scores)
