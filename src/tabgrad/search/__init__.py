"""Searches for good settings: scikit-learn's, over fits that share their rows, their threads and what they trained."""

from __future__ import annotations

from tabgrad.search._default_spaces import default_space
from tabgrad.search._edges import edges
from tabgrad.search._ranges import Choice, Integer, Real, when
from tabgrad.search._run import Progress
from tabgrad.search._space_files import read_space
from tabgrad.search.ensemble import greedy_selection
from tabgrad.search.leaderboard import Leaderboard, Place
from tabgrad.search.search import GridSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV
from tabgrad.search.space import sample
from tabgrad.search.tpe import TPESearchCV

__all__ = [
    "Choice",
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "Integer",
    "Leaderboard",
    "Place",
    "Progress",
    "RandomizedSearchCV",
    "Real",
    "TPESearchCV",
    "default_space",
    "edges",
    "greedy_selection",
    "read_space",
    "sample",
    "when",
]
