"""How wide columns of words may become together: which are one-hot, which are codes, how many levels have a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tabgrad.encode.categorical import Embedded, OneHot
from tabgrad.encode.column import Choices, Encoding, fit
from tabgrad.table.schema import Column
from tabgrad.table.table import Table

__all__ = ["MOST_CODES", "bounded", "fair_share", "most_features"]

NUMBERS = 2**27  # that zeros and ones may be, in all rows: 512 MiB as float32
FEWEST_FEATURES, MOST_FEATURES = 128, 2048  # beyond, a product with the first layer takes longer than all others
# Of all learned tables together. An optimizer steps on all of them at every batch: on so many rows of 8 for longer
# than two layers of 128 units take for a batch of 128 (430 us a step, 180 without).
MOST_CODES = 50_000


def most_features(rows: int) -> int:
    """How many zeros and ones a row may have: as many as half a gibibyte holds, but at least 128 and at most 2,048.

    Examples
    --------
    >>> from tabgrad.encode.room import most_features
    >>> most_features(10_000), most_features(250_000), most_features(10_000_000)
    (2048, 536, 128)
    """
    return min(max(NUMBERS // rows, FEWEST_FEATURES), MOST_FEATURES)


def bounded(
    encodings: Sequence[Encoding], columns: Iterable[Column], table: Table, choices: Choices, most: int | None = None
) -> list[Encoding]:
    """The encodings of columns, such that the one-hot ones have at most `most` features together, and tables end.

    With learned tables the widest columns get codes, and all tables together `MOST_CODES` levels at most; without,
    columns have at most `most` levels together. The most frequent ones have a place, and every column its fair share.
    """
    most = most_features(len(table)) if most is None else most
    if choices.embed:
        encodings = _with_codes(encodings, most)
    kind, places = (Embedded, MOST_CODES) if choices.embed else (OneHot, most)
    levels = {encoding.name: len(encoding.levels) for encoding in encodings if isinstance(encoding, kind)}
    share = fair_share(levels.values(), places)
    narrower = replace(choices, most_levels=share, max_one_hot=1)  # what has codes keeps them
    told = {column.name: column for column in columns}
    return [
        fit(told[encoding.name], table, narrower) if levels.get(encoding.name, 0) > share else encoding
        for encoding in encodings
    ]


def _with_codes(encodings: Sequence[Encoding], most: int) -> list[Encoding]:
    """Codes for the widest columns, until the others have at most `most` features; of equal ones for the last."""
    widths = [len(encoding.features) if isinstance(encoding, OneHot) else 0 for encoding in encodings]
    chosen, left = list(encodings), most
    for place in sorted(range(len(widths)), key=widths.__getitem__):
        left -= widths[place]
        encoding = encodings[place]
        if left < 0 and isinstance(encoding, OneHot):
            chosen[place] = Embedded.of(encoding)
    return chosen


def fair_share(wanted: Iterable[int], total: int) -> int:
    """The share, 1 at least, up to which all who want no more get what they want, the others as much as is left each.

    Examples
    --------
    >>> from tabgrad.encode.room import fair_share
    >>> fair_share([2, 3, 100, 1000], 105), fair_share([2, 3], 105)
    (50, 3)
    """
    share, left, ascending = 1, total, sorted(wanted)
    for place, want in enumerate(ascending):
        share = left // (len(ascending) - place)
        if want > share:
            break
        share, left = want, left - want
    return max(share, 1)
