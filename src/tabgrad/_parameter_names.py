"""The names of an estimator's parameters, read off its constructor once."""

from __future__ import annotations

from functools import cache
from typing import Any

from sklearn.base import BaseEstimator

__all__ = ["parameter_names"]


def parameter_names(of: type) -> list[str]:
    """What `BaseEstimator._get_param_names` gives of a class, which takes the constructor apart at every call.

    A search asks it five times for each of its fits, which takes as long as training a small network on a few rows.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from tabgrad._parameter_names import parameter_names
    >>> parameter_names(Ridge)[:3]
    ['alpha', 'copy_X', 'fit_intercept']
    """
    return list(_names(of))


@cache
def _names(of: Any) -> tuple[str, ...]:
    return tuple(BaseEstimator._get_param_names.__func__(of))
