"""Columns of text, and what they hold: numbers, dates, or words. Decided by every value of a column, not by the first.

Nothing is changed in silence. What is read as something else than it looks like is said; a value that does not fit the
others of its column is an error with the two ways out.
"""

from __future__ import annotations

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.table.strings import Strings, Verdict, words_of
from tabgrad.table.text_dates import as_dates, dates
from tabgrad.table.text_numbers import amounts, as_numbers, numbers

__all__ = ["dates_or_words", "judge"]

# Words that a table often has for "no value": said, where a column of text holds them.
OFTEN_MISSING = frozenset(("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A", "?"))


def judge(text: Strings) -> Verdict:
    """A column of text as what it holds, or as what the user says that it holds."""
    told = text.rules.kinds.get(text.name)
    if told == "numeric":
        return as_numbers(text)
    if told in ("date", "ymd"):
        return as_dates(text)
    if told is not None or not text.rules.guess:
        return text.kept()
    if not text.present:
        return Verdict(np.full(len(text.values), np.nan))
    return numbers(text) or dates(text) or amounts(text) or _words(text)


def dates_or_words(text: Strings) -> Verdict:
    """A column that is known to be text: dates, if all of it is, or words."""
    return (text.present and dates(text)) or _words(text)


def _words(text: Strings) -> Verdict:
    """Words, and what may be wrong with them."""
    values = words_of(text.values)
    counts = dict(zip(values.levels, values.counts().tolist(), strict=True))
    notes = []
    often = [level for level in values.levels if level in OFTEN_MISSING]
    if often:
        listed = ", ".join(f"{shown(level)} ({_times(counts[level])})" for level in often[:SHOWN])
        missing = [*text.rules.missing, *often[:SHOWN]]
        notes.append(f"{text.called} holds {listed}, taken for text. If that means missing, say missing={missing!r}.")
    if pair := _differ_in_spaces(values.levels):
        notes.append(
            f"{text.called} holds {shown(pair[0])} and {shown(pair[1])}, which differ in spaces alone: kept apart."
        )
    return Verdict(values, tuple(notes))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _differ_in_spaces(levels: tuple[str, ...]) -> tuple[str, str] | None:
    bare: dict[str, str] = {}
    for level in levels:
        other = bare.setdefault(level.strip(), level)
        if other != level:
            return other, level
    return None
