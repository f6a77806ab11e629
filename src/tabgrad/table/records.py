"""The records of a CSV text: where each begins and ends, how many fields it has, how its quotation marks stand.

A record ends with a line, unless the line's end stands between quotation marks. A field that begins with a quotation
mark ends with one; two in a row within it are one (RFC 4180).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["NEWLINE", "QUOTE", "RETURN", "Records", "blank", "scan"]

STEP = 1 << 22  # bytes looked at together: they and what is marked in them fit the cache
NEWLINE, RETURN, QUOTE = b'\n\r"'
SPACES = (9, 13, 32)


@dataclass(frozen=True, eq=False)
class Records:
    """What a text consists of.

    Parameters
    ----------
    starts, ends : arrays of shape (records,)
        Of each record the place of its first byte, and the one behind its last, the line's end left out.
    fields : array of shape (records,)
        How many it has; a blank line has one.
    lines : array of shape (records,)
        The line it begins in, counted from 0.
    proper : bool
        Whether any field begins with a quotation mark.
    stray : tuple of int, int, bool or None
        The first quotation mark that stands where none may: its place, the one that opened the field, whether it
        closes it.
    unclosed : int or None
        The place of the quotation mark that is never closed.
    """

    starts: np.ndarray
    ends: np.ndarray
    fields: np.ndarray
    lines: np.ndarray
    proper: bool = False
    stray: tuple[int, int, bool] | None = None
    unclosed: int | None = None


def scan(text: bytes, delimiter: str, *, quoting: bool = True) -> Records:
    """Find the records of a text.

    Parameters
    ----------
    text : bytes
        In UTF-8, its lines ended by a line feed, with or without a carriage return before it.
    delimiter : str
        One ASCII character.
    quoting : bool
        Whether quotation marks mean anything.
    """
    array = np.frombuffer(text, np.uint8)
    quoting = quoting and b'"' in text
    breaks: list[np.ndarray] = []
    before: list[np.ndarray] = []
    lines: list[np.ndarray] = []
    delimiters = newlines = 0
    quotes = _Quotes(array, ord(delimiter))
    for begin in range(0, len(array), STEP):
        chunk = array[begin : begin + STEP]
        separator, newline = chunk == ord(delimiter), chunk == NEWLINE
        ended = newline
        if quoting:
            inside = quotes.inside(chunk, begin)
            if inside is not None:
                separator, ended = separator & ~inside, newline & ~inside
        places, at = np.flatnonzero(ended), np.flatnonzero(separator)
        breaks.append(places + begin)
        before.append(np.searchsorted(at, places) + delimiters)
        delimiters += len(at)
        if ended is newline:
            lines.append(np.arange(newlines + 1, newlines + 1 + len(places)))
            newlines += len(places)
        else:
            every = np.flatnonzero(newline)
            lines.append(np.searchsorted(every, places) + newlines + 1)
            newlines += len(every)
    ends = np.concatenate([*breaks, np.array([], np.int64)])
    counts = np.concatenate([*before, np.array([], np.int64)])
    follows = np.concatenate([*lines, np.array([], np.int64)])
    starts = np.concatenate([[0], ends + 1])
    first = np.concatenate([[0], follows])
    if starts[-1] < len(array):  # the last line has no end
        ends, counts = np.append(ends, len(array)), np.append(counts, delimiters)
    else:
        starts, first = starts[:-1], first[:-1]
    fields = np.diff(counts, prepend=0) + 1
    returned = (ends > starts) & (array[np.maximum(ends - 1, 0)] == RETURN) if len(array) else ends > starts
    return Records(
        starts, ends - returned, fields, first, quotes.proper, quotes.stray, quotes.opened if quotes.open else None
    )


def blank(text: bytes, records: Records) -> np.ndarray:
    """The records that are blank lines: nothing but spaces."""
    lengths = records.ends - records.starts
    empty: np.ndarray = lengths == 0
    for place in np.flatnonzero((records.fields == 1) & (lengths > 0) & (lengths < 200)):
        if text[records.starts[place]] in SPACES:
            empty[place] = not text[records.starts[place] : records.ends[place]].strip()
    return empty


class _Quotes:
    """What is between quotation marks, chunk after chunk, and which of them stand where none may."""

    def __init__(self, array: np.ndarray, delimiter: int) -> None:
        self.array = array
        self.delimiter = delimiter
        self.open = False
        self.opened = 0
        self.proper = False
        self.stray: tuple[int, int, bool] | None = None

    def inside(self, chunk: np.ndarray, begin: int) -> np.ndarray | None:
        """A mask of the bytes between quotation marks; None where there are none."""
        marks = chunk == QUOTE
        places = np.flatnonzero(marks)
        if not len(places):
            return np.ones(len(chunk), bool) if self.open else None
        mask = np.bitwise_xor.accumulate(marks.view(np.uint8)).view(bool)
        if self.open:
            np.logical_not(mask, out=mask)
        self._check(places + begin)
        return mask

    def _check(self, places: np.ndarray) -> None:
        """Hold the marks against what stands beside them."""
        rest = int(self.open)
        opening, closing = places[rest::2], places[1 - rest :: 2]
        last = len(self.array) - 1
        previous = self._before(opening)
        following = np.where(closing < last, self.array[np.minimum(closing + 1, last)], NEWLINE)
        begins = self._begin(previous)
        self.proper = self.proper or bool(begins.any() or self._begin(self._before(closing)).any())
        if self.stray is None:
            late = opening[~begins & (previous != QUOTE)]
            allowed = [self.delimiter, NEWLINE, RETURN, QUOTE]
            early = closing[~np.isin(following, allowed)]
            self.stray = self._first(late[:1], early[:1], opening)
        if len(opening):
            self.opened = int(opening[-1])
        self.open = bool((len(places) + rest) % 2)

    def _before(self, places: np.ndarray) -> np.ndarray:
        """What stands before each mark; at the beginning of the text the end of a line."""
        return np.where(places > 0, self.array[np.maximum(places - 1, 0)], NEWLINE)

    def _begin(self, before: np.ndarray) -> np.ndarray:
        """Which marks begin a field, by what stands before them."""
        begins: np.ndarray = (before == self.delimiter) | (before == NEWLINE)
        return begins

    def _first(self, late: np.ndarray, early: np.ndarray, opening: np.ndarray) -> tuple[int, int, bool] | None:
        found = sorted([*((int(place), False) for place in late), *((int(place), True) for place in early)])
        if not found:
            return None
        place, closes = found[0]
        earlier = opening[opening < place]
        return place, int(earlier[-1]) if len(earlier) else self.opened, closes
