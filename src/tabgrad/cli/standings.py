"""The leaderboard of a search as a screen shows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tabgrad.cli.judging import score
from tabgrad.cli.live import plain, plain_settings
from tabgrad.cli.screen import Grid, grid, printable

if TYPE_CHECKING:
    from tabgrad.search.leaderboard import Leaderboard, Place

__all__ = ["MOST", "standings", "standings_data"]

MOST = 10  # candidates that a screen shows
FACTS = ("rank", "mean", "spread", "seconds")
NUMBERS = (0, 1, 3)  # the facts that are numbers


def standings(board: Leaderboard, names: Sequence[str], width: int) -> Grid:
    """The first candidates: a column for each setting where a screen has room for that, else one for all.

    Parameters
    ----------
    board : Leaderboard
    names : sequence of str
        The settings, in the order in which they are to stand.
    width : int
        Of the screen.
    """
    places = board.places[:MOST]
    ended = any(place.status != "done" for place in board.places)
    facts = [(str(place.rank), score(place.mean), _spread(place), f"{place.seconds:.2f}") for place in places]
    ends = [(_end(place),) if ended else () for place in places]
    values = [[plain(place.parameters[name]) if name in place.parameters else "" for name in names] for place in places]
    lines = [(*fact, *end, *value) for fact, end, value in zip(facts, ends, values, strict=True)]
    wide = grid([*_titles([*FACTS, *(["ended"] if ended else [])], names), *lines], right=NUMBERS)
    if wide.width <= width:
        return wide
    listed = [plain_settings(place.parameters, names) for place in places]
    lines = [(*fact, *end, each) for fact, end, each in zip(facts, ends, listed, strict=True)]
    return grid(lines, (*FACTS, *(["ended"] if ended else []), "settings"), right=NUMBERS)


def standings_data(board: Leaderboard) -> list[dict[str, Any]]:
    """All of it as plain data, the best first."""
    return [
        {
            "rank": place.rank,
            "mean": place.mean,
            "std": place.std,
            "folds": list(place.folds),
            "seconds": place.seconds,
            "status": place.status,
            "parameters": dict(place.parameters),
        }
        for place in board.places
    ]


def _spread(place: Place) -> str:
    return f"± {score(place.std)}" if place.std == place.std else ""


def _end(place: Place) -> str:
    """How a candidate ended, where not all did alike."""
    return place.status if place.resources is None else f"after {place.resources:,}"


def _titles(facts: Sequence[str], names: Sequence[str]) -> list[list[Text]]:
    """Titles of columns, the words of a setting's name below each other, so that its column is narrow."""
    words = [[fact] for fact in facts] + [name.split("_") for name in names]
    lines = zip_longest(*(reversed(parts) for parts in words), fillvalue="")
    return [[Text(printable(word), style="dim") for word in line] for line in reversed(list(lines))]
