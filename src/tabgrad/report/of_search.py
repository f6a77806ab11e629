"""The section of a search: leaderboard, scores against each hyper-parameter, parallel coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from tabgrad._wording import amount, printable
from tabgrad.report import search_figures
from tabgrad.report.findings import Finding
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet
from tabgrad.search._edges import edges
from tabgrad.search.leaderboard import Leaderboard

__all__ = ["at_edges", "board_of", "search_section"]

MOST_LISTED = 100  # candidates


def board_of(search: Any) -> Leaderboard | None:
    """What a search tried: its leaderboard, or what is in its `cv_results_`."""
    if search is None or isinstance(search, Leaderboard):
        return search
    board = getattr(search, "leaderboard_", None)
    return board if isinstance(board, Leaderboard) else Leaderboard(search.cv_results_)


def at_edges(search: Any) -> Iterator[Finding]:
    """Best values that lie at an end of what was searched, where the space is known."""
    space = getattr(search, "param_distributions", getattr(search, "param_grid", None))
    best = getattr(search, "best_params_", None)
    if space is None or best is None:
        return
    for edge in edges(space, best):
        yield Finding("search at an edge", printable(str(edge), 300), "Search a wider range.", serious=False)


def search_section(board: Leaderboard | None) -> Section | None:
    """What was tried, and how good it was; None where nothing was searched."""
    return None if board is None or not len(board) else Section("search", "The search", list(_blocks(board)))


def _blocks(board: Leaderboard) -> Iterator[Block]:
    scored = sum(bool(np.isfinite(place.mean)) for place in board.places)
    failed = f", {amount(len(board) - scored, 'of them', 'of them')} without a score" if scored < len(board) else ""
    yield Text(f"{amount(len(board), 'candidate')}{failed}.")
    titles, rows = board.cells(MOST_LISTED)
    yield Listing("leaderboard", "Leaderboard", Sheet(dict(zip(titles, zip(*rows, strict=True), strict=True))))
    if scored:
        words = "The best candidates with their folds, and the scores of all over the values of each parameter."
        yield Drawing("candidates", words, partial(search_figures.candidates, board))
    if scored > 1 and board.varied:
        words = "Each line is a candidate: through its settings to its score at the right."
        yield Drawing("parallel", words, partial(search_figures.parallel, board))
