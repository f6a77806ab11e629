"""Results as columns with names: a frame for those who compute on, a text or a page for those who read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._wording import figure, printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Sheet", "told"]

MOST_LINES = 30  # of a repr
LEAST = 5e-4  # of numbers that four digits after the point show
LONGEST = 80  # characters of a cell


@dataclass(frozen=True, eq=False)
class Sheet:
    """Columns of equal length, by name.

    Parameters
    ----------
    columns : mapping of str to sequence
        Text, numbers and truth values; NaN or None where there is none.
    index : str or None, default None
        The column that tells rows apart: the index of the frame.

    Examples
    --------
    >>> from tabgrad.report import Sheet
    >>> Sheet({"class": ["a", "b"], "rows": [1200, 3], "recall": [0.91234, float("nan")]})
    class   rows  recall
    a      1,200  0.9123
    b          3       -
    """

    columns: Mapping[str, Sequence[Any]]
    index: str | None = None

    def __len__(self) -> int:
        """The number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Sequence[Any]:
        """A column."""
        return self.columns[name]

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The values row by row."""
        return list(zip(*self.columns.values(), strict=True))

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Of each column whether it holds numbers, which stand at the right of theirs."""
        return tuple(all(_is_number(value) or value is None for value in column) for column in self.columns.values())

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The values as one reads them, row by row: those of a column with the same digits after the point."""
        return list(zip(*(_column(values) for values in self.columns.values()), strict=True))

    def frame(self) -> pd.DataFrame:
        """The columns as a pandas frame."""
        import pandas as pd

        frame = pd.DataFrame({name: list(column) for name, column in self.columns.items()})
        return frame if self.index is None else frame.set_index(self.index)

    def __repr__(self) -> str:
        """A line a row, as far as a screen goes."""
        lines = [[told(name) for name in self.columns], *map(list, self.cells[:MOST_LINES])]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.columns))]
        made = []
        for line in lines:
            cells = zip(line, widths, self.numeric, strict=True)
            made.append("  ".join(f"{cell:>{width}}" if right else f"{cell:{width}}" for cell, width, right in cells))
        more = [f"... and {len(self) - MOST_LINES} more"] if len(self) > MOST_LINES else []
        return "\n".join([*(line.rstrip() for line in made), *more])


def told(value: Any, most: int = LONGEST) -> str:
    """A cell as one reads it: four significant digits, thousands apart, control characters escaped.

    Examples
    --------
    >>> from tabgrad.report.sheets import told
    >>> told(48842), told(0.123456), told(None), told(True), told(-0.00001)
    ('48,842', '0.1235', '-', 'yes', '-1e-05')
    """
    if value is None:
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return f"{number:,.0f}" if math.isfinite(number) and 1000 <= abs(number) < 1e7 else figure(number)
    return printable(value, most)


def _column(values: Sequence[Any]) -> list[str]:
    """The cells of a column; shares and scores, numbers below 10 of which some are not whole, all have four digits."""
    numbers = [
        abs(float(value)) for value in values if isinstance(value, (float, np.floating)) and math.isfinite(value)
    ]
    small = any(number != round(number) for number in numbers) and max(numbers) < 10
    return [
        f"{value:.4f}" if small and _is_number(value) and (not value or abs(value) >= LEAST) else told(value)
        for value in values
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
