"""What a best candidate says of the space that it was found in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgrad.search._ranges import Choice, Conditional, Integer, Real, is_distribution, is_number
from tabgrad.search.space import Space, check_space

__all__ = ["Edge", "edges"]

AT_THE_EDGE = 0.05  # of a range: so near to an end a best value says little of what lies beyond


@dataclass(frozen=True)
class Edge:
    """A value at an end of its range.

    Parameters
    ----------
    name : str
    value : float
    end : {"lower", "upper"}
    limit : float
        The end itself.
    """

    name: str
    value: float
    end: str
    limit: float

    def __str__(self) -> str:
        """One sentence."""
        further = "smaller" if self.end == "lower" else "larger"
        return (
            f"{self.name} = {self.value:.4g} lies at the {self.end} end of what was searched, {self.limit:.4g}: a "
            f"{further} one may be better."
        )


def edges(space: Space, params: Mapping[str, Any]) -> tuple[Edge, ...]:
    """Which values of a candidate lie at an end of their range, so that better ones may lie beyond.

    Within 5 % of the range, of its logarithm where it is logarithmic; of lists and choices of at least three different
    numbers the least and the greatest. At 0, or at 1 of whole numbers, nothing lies beyond for most parameters (a
    share, a penalty, a count): a lower end there is not told.

    Parameters
    ----------
    space : dict or list of dict
    params : dict
        The candidate's parameters, for instance ``search.best_params_``.

    Returns
    -------
    tuple of Edge

    Examples
    --------
    >>> from tabgrad.search import Real, edges
    >>> (edge,) = edges({"learning_rate": Real(0.001, 0.1, log=True)}, {"learning_rate": 0.098})
    >>> print(edge)
    learning_rate = 0.098 lies at the upper end of what was searched, 0.1: a larger one may be better.
    """
    parts = check_space(space)
    part = next((part for part in parts if params.keys() <= part.keys()), {})
    found = (_edge(name, value, part[name]) for name, value in params.items() if name in part)
    return tuple(edge for edge in found if edge is not None)


def _edge(name: str, value: Any, values: Any) -> Edge | None:
    values = values.values if isinstance(values, Conditional) else values
    if not is_number(value):
        return None
    if isinstance(values, (Real, Integer)):
        low, high, share = values.low, values.high, values.share(value)
    elif is_distribution(values) and not isinstance(values, Choice):
        return None
    else:
        listed = list(values.values if isinstance(values, Choice) else values)
        if not all(is_number(each) for each in listed) or len(set(listed)) < 3:
            return None
        low, high = min(listed), max(listed)
        share = {low: 0.0, high: 1.0}.get(value, 0.5)
    whole = isinstance(low, (int, np.integer))
    if share < AT_THE_EDGE and low != 0 and not (whole and low == 1):
        return Edge(name, value, "lower", low)
    return Edge(name, value, "upper", high) if share > 1 - AT_THE_EDGE else None
