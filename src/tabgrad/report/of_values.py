"""The sections of a regressor: predicted and true, what is left, errors by size, intervals, errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabgrad._wording import printable
from tabgrad.report.sections import Block, Drawing, Listing, Section, Text
from tabgrad.report.sheets import Sheet
from tabgrad.report.value_scores import ValueScores

__all__ = ["value_section"]

MOST_TARGETS = 8  # of a model of several that are shown one by one


def value_section(scores: Sequence[ValueScores], coverage: Sequence[Sheet]) -> Section:
    """How far off predictions are, and where.

    Parameters
    ----------
    scores : sequence of ValueScores
        Of each target.
    coverage : sequence of Sheet
        Of each target how often its intervals held, where there are intervals.
    """
    return Section("values", "Predicted and true", list(_blocks(scores, coverage)))


def _blocks(scores: Sequence[ValueScores], coverage: Sequence[Sheet]) -> Iterator[Block]:
    for place, each in enumerate(scores[:MOST_TARGETS]):
        end = f"_{place}" if len(scores) > 1 else ""
        of = f" of {printable(each.target)}" if len(scores) > 1 else ""
        if len(each) > 1:
            yield Drawing(f"predictions{end}", f"Predicted and true values{of}.", each.plot_predictions)
            yield Drawing(f"residuals{end}", "What is left, and how it is distributed.", each.plot_residuals)
            yield Drawing(f"quantiles{end}", "Errors by how large the true value is.", each.plot_quantiles)
            yield Listing(f"by_quantile{end}", f"Errors{of} by size", each.by_quantile())
        if coverage:
            words = f"Intervals of predict_interval{of}: what they say, and how often they held"
            yield Listing(f"coverage{end}", words, coverage[place])
        yield Listing(f"errors{end}", f"The largest errors{of}, with their rows", each.errors())
    if len(scores) > MOST_TARGETS:
        yield Text(f"{len(scores) - MOST_TARGETS} more targets are not shown one by one.")
