"""A column of a file as it stands there: strings, looked at as a whole, and what the user says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.table.columns import Values, Words

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MOSTLY", "Rules", "Strings", "Verdict", "words_of"]

MOSTLY = 0.95  # of the values: where so many are of one kind, the others are more likely mistakes than words
GLANCE = 100  # values that are looked at before a rule is tried on all of them


@dataclass(frozen=True)
class Rules:
    """What the user says of the columns of a file.

    Parameters
    ----------
    kinds : mapping of str to str or sequence of str
        "numeric" is read so or refused, "date" read where it is as ISO 8601 writes it; of all others the text is kept.
    missing : sequence of str
        The texts that stand for no value.
    decimal : str or None
        The decimal sign, "." or ","; None: a comma where every value of a column says so.
    guess : bool
        Whether a column of which the user says nothing is read as what it looks like; else it is text.
    """

    kinds: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    missing: Sequence[str] = ("",)
    decimal: str | None = None
    guess: bool = True

    def __post_init__(self) -> None:
        """Check what is not a column's name."""
        if self.decimal not in (None, ".", ","):
            raise ArgumentError(f"'decimal' of read must be '.' or ','. Got {self.decimal!r}.")
        if isinstance(self.missing, str) or not all(isinstance(each, str) for each in self.missing):
            raise ArgumentTypeError(
                f"'missing' of read must be a list of strings, for instance ['', 'NA']. Got {self.missing!r}."
            )
        object.__setattr__(self, "missing", tuple(self.missing))


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a column holds.

    Parameters
    ----------
    values : array or Words
    notes, problems : tuple of str
        What was guessed or changed; what does not fit.
    commas : bool
        Whether commas were read as decimal points.
    """

    values: Values
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    commas: bool = False


@dataclass(frozen=True, eq=False)
class Strings:
    """A column of strings.

    Parameters
    ----------
    values : Series of strings
        Null where one is missing.
    name : str
    rules : Rules
    place : function of an int
        Where a row is, for messages: "line 3".
    """

    values: pl.Series
    name: str
    rules: Rules
    place: Callable[[int], str]

    @property
    def present(self) -> int:
        """How many values there are."""
        return len(self.values) - self.values.null_count()

    @property
    def called(self) -> str:
        """How messages begin."""
        return f"Column {shown(self.name)}"

    # ---- Looking at all of them --------------------------------------------------------------------------------------

    def any(self, pattern: str) -> bool:
        """Whether a value matches."""
        return bool(self.values.str.contains(pattern).any())

    def all(self, pattern: str) -> bool:
        """Whether every value matches."""
        first = self.values.drop_nulls().head(GLANCE)
        return bool(first.str.contains(pattern).all()) and bool(self.values.str.contains(pattern).all())

    def all_with(self, sign: str, pattern: str) -> bool:
        """Whether some values hold a sign, and all of those match."""
        holding = self.values.filter(self.values.str.contains(sign, literal=True))
        return len(holding) > 0 and bool(holding.str.contains(pattern).all())

    def mostly(self, pattern: str) -> bool:
        """Whether more than half of the first values match."""
        first = self.values.drop_nulls().head(GLANCE)
        return 2 * int(first.str.contains(pattern).sum()) > len(first)

    # ---- Saying where ------------------------------------------------------------------------------------------------

    def at(self, row: int) -> str:
        """A value with its place: ``'n/a' in line 7``."""
        return f"{shown(self.values[row])} in {self.place(row)}"

    def first(self, pattern: str = "") -> str:
        """The first value that matches, with its place."""
        found = self.values.str.contains(pattern) if pattern else self.values.is_not_null()
        return self.at(int(found.arg_true()[0]))

    def listed(self, mask: pl.Series) -> str:
        """The first values in which a mask holds, with their places, and how many more."""
        rows = mask.arg_true()
        told = ", ".join(self.at(row) for row in rows.head(SHOWN).to_list())
        return f"{told} and {len(rows) - SHOWN} more" if len(rows) > SHOWN else told

    def if_missing(self, mask: pl.Series) -> str:
        """What to say if the values in which a mask holds stand for nothing: ``missing=['', 'n/a']``."""
        words = self.values.filter(mask).unique(maintain_order=True).head(SHOWN).to_list()
        return f"missing=[{', '.join(shown(word) for word in (*self.rules.missing, *words))}]"

    def as_kind(self, kind: str) -> str:
        """What to say if the column is of a kind: ``kinds={'zip': 'categorical'}``."""
        return f"kinds={{{shown(self.name)}: {kind!r}}}"

    # ---- What comes of it --------------------------------------------------------------------------------------------

    def kept(self, *notes: str) -> Verdict:
        """The text as it is, and why."""
        return Verdict(words_of(self.values), notes)

    def wrong(self, problem: str) -> Verdict:
        """A problem."""
        return Verdict(Words(np.zeros(0, np.int32), ()), problems=(problem,))


def words_of(values: pl.Series) -> Words:
    """Strings as words, their levels in the order in which they appear."""
    import polars as pl

    levels = values.drop_nulls().unique(maintain_order=True)
    codes = values.cast(pl.Enum(levels)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    return Words(np.ascontiguousarray(codes), tuple(levels.to_list()))
