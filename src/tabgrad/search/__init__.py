"""Searches for good settings: scikit-learn's, over fits that share their rows, their threads and what they trained."""

from __future__ import annotations

from tabgrad.search.ensemble import greedy_selection

__all__ = ["greedy_selection"]
