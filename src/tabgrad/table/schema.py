"""What each column of a table is, and why: inferred from its values, or told by the user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from tabgrad._checks import NOT_NEGATIVE, check_record, known_name
from tabgrad._record import known_in_data
from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import ArgumentTypeError, DataError
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.convert import convert, number
from tabgrad.table.dates import ORDERS, orders
from tabgrad.table.table import Table, absent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Kind", "Schema", "infer"]

MOST_DIFFERENT = 0.9  # of a text column's values: beyond, they name rows rather than groups of rows
FEWEST_ROWS = 20  # below, a column that differs in every row may still be anything
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"))
_CALLED_ID = re.compile(r"(^|[\s_.-])(id|ids|uuid|guid|index|idx|key|rownum|row|rowid)$|^unnamed: 0$|^$", re.IGNORECASE)
_ENDS_IN_ID = re.compile(r"[a-z](Id|ID)$")


class Kind(StrEnum):
    """What a column can be."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    ORDINAL = "ordinal"
    DATE = "date"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Column:
    """What is known of one column.

    Parameters
    ----------
    name : str
    kind : str
        One of `Kind`. Of an identifier or a constant nothing can be learned: it is not used.
    missing : int
        Rows without a value.
    distinct : int
        Different values.
    why : str
        What speaks for this kind.
    levels : tuple of str
        Of an ordinal column all, in order; of a boolean one the two, the one that means no first.
    order : str
        Of a date that is text: how year, month and day stand, "ymd", "mdy" or "dmy".
    given : bool
        Whether the user said so.
    """

    name: str
    kind: str
    missing: Annotated[int, NOT_NEGATIVE]
    distinct: Annotated[int, NOT_NEGATIVE]
    why: str
    levels: tuple[str, ...] = ()
    order: str = "ymd"
    given: bool = False

    def __post_init__(self) -> None:
        """Check the fields, the kind's name among them."""
        check_record(self)
        object.__setattr__(self, "kind", str(Kind(known_name(self.kind, "kind of column", list(Kind)))))
        known_name(self.order, "order of a date", ORDERS)
        levels: Any = self.levels
        texts = isinstance(levels, (list, tuple)) and all(isinstance(level, str) for level in levels)
        if not texts or len(set(levels)) < len(levels):
            raise ArgumentTypeError(f"'levels' of Column must be a list of different strings. Got {shown(levels)}.")
        object.__setattr__(self, "levels", tuple(levels))

    @property
    def used(self) -> bool:
        """Whether a network can learn from it."""
        return self.kind not in (Kind.IDENTIFIER, Kind.CONSTANT)


@dataclass(frozen=True)
class Schema:
    """What is known of all columns, in their order.

    Examples
    --------
    >>> from tabgrad.table import Table, infer
    >>> infer(Table.of({"area": [1.5, None, 2.0, 7.1], "ripe": ["no", "yes", "no", "no"], "farm": ["A"] * 4}))
    3 columns
      area  numeric   3 different values  1 missing
      ripe  boolean   no, yes
      farm  constant  always 'A'          not used
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        """Check that there are columns, of different names."""
        columns: Any = self.columns
        listed = isinstance(columns, (list, tuple)) and all(isinstance(column, Column) for column in columns)
        if not listed or len({column.name for column in columns}) < len(columns):
            raise ArgumentTypeError(
                f"'columns' of Schema must be a list of Columns of different names. Got {shown(columns)}."
            )
        object.__setattr__(self, "columns", tuple(columns))

    def __iter__(self) -> Iterator[Column]:
        """The columns in their order."""
        return iter(self.columns)

    def __getitem__(self, name: str) -> Column:
        """What is known of one column."""
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError(absent([name], [column.name for column in self.columns], "The schema"))

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that a network can learn from."""
        return tuple(column for column in self.columns if column.used)

    @property
    def dropped(self) -> tuple[Column, ...]:
        """The others."""
        return tuple(column for column in self.columns if not column.used)

    def frame(self) -> pd.DataFrame:
        """A pandas frame, a row a column of the table."""
        import pandas as pd

        rows = [(c.name, c.kind, c.missing, c.distinct, c.used, c.why) for c in self.columns]
        return pd.DataFrame(rows, columns=["column", "kind", "missing", "distinct", "used", "why"])

    def __repr__(self) -> str:
        """A line a column, as far as a screen goes."""
        shown_columns = self.columns if len(self.columns) <= 24 else self.columns[:20]
        rows = [(_plain(c.name), c.kind, _brief(c), _remark(c)) for c in shown_columns]
        widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
        lines = [f"{len(self.columns)} column{'' if len(self.columns) == 1 else 's'}"]
        lines += [f"  {a:{widths[0]}}  {b:{widths[1]}}  {c:{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]
        if len(shown_columns) < len(self.columns):
            lines.append(f"  ... and {len(self.columns) - len(shown_columns)} more")
        return "\n".join(lines)


known_in_data(Column)
known_in_data(Schema)


def infer(table: Table, kinds: Mapping[str, str | Sequence[str]] | None = None) -> Schema:
    """What each column of a table is.

    Parameters
    ----------
    table : Table
    kinds : dict, optional
        What the user knows better: a kind's name for a column; a list of levels in their order for an ordinal one; for
        dates that are text the order of year, month and day, "ymd", "mdy" or "dmy":
        ``{"zip": "categorical", "cut": ["Fair", "Good", "Ideal"], "sold": "dmy"}``.

    Returns
    -------
    Schema

    Raises
    ------
    DataError
        A column that `kinds` names and the table does not have, or that cannot be of the kind that it is told to be.
    UnknownNameError
        There is no such kind; the nearest is suggested.
    """
    told = dict(kinds or {})
    lacking = [name for name in told if name not in table.columns]
    if lacking:
        raise DataError(absent(lacking, table.names, table.name))
    return Schema(
        tuple(
            _told(name, values, told[name], table) if name in told else _column(name, values)
            for name, values in table.columns.items()
        )
    )


# ---- Told ------------------------------------------------------------------------------------------------------------


def _told(name: str, values: Values, kind: str | Sequence[str], table: Table) -> Column:
    """A column as the user says that it is."""
    absent_rows = int(missing(values).sum())
    if not isinstance(kind, str):
        levels = tuple(str(level) for level in kind)
        read = convert(values, Kind.ORDINAL, name, table)
        assert isinstance(read, Words)
        _refuse_levels(name, read, levels, table)
        return Column(name, Kind.ORDINAL, absent_rows, len(read.used()), "as told", levels, given=True)
    named = known_name(kind, "kind of column", [*Kind, *ORDERS])
    order = named if named in ORDERS else _one_order(name, values, table) if named == Kind.DATE else ORDERS[0]
    chosen = Kind.DATE if named in ORDERS else Kind(named)
    read = convert(values, chosen, name, table, order)
    distinct = _distinct(read)
    levels = ()
    if chosen is Kind.ORDINAL:
        if not (isinstance(read, Words) and read.ordered):
            raise DataError(
                f"Column {shown(name)} of {table.name} is told to be ordinal: give its levels in their order, "
                f"{{{name!r}: [first, ..., last]}}."
            )
        levels = read.levels
    elif chosen is Kind.BOOLEAN:
        assert isinstance(read, Words)
        levels = _truth(read.used()) or tuple(sorted(read.used()))
        if len(levels) != 2:
            listed = ", ".join(shown(level) for level in levels[:5])
            raise DataError(
                f"Column {shown(name)} of {table.name} is told to be boolean and must have two values. Got "
                f"{len(levels)}: {listed}."
            )
    return Column(name, chosen, absent_rows, distinct, "as told", levels, order, given=True)


def _one_order(name: str, values: Values, table: Table) -> str:
    """The order of year, month and day in a column that is told to be of dates."""
    fitting = orders(values.used()) if isinstance(values, Words) else ORDERS[:1]
    if len(fitting) > 1:
        raise DataError(
            f"Column {shown(name)} of {table.name} can be read as month/day or as day/month, for instance "
            f"{shown(values.used()[0])}. Tell which it is: {' or '.join(fitting)} instead of 'date'."  # type: ignore[union-attr]
        )
    return fitting[0] if fitting else ORDERS[0]


def _refuse_levels(name: str, values: Words, levels: tuple[str, ...], table: Table) -> None:
    other = [level for level in values.used() if level not in levels]
    if other:
        listed = ", ".join(shown(level) for level in other[:SHOWN])
        more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
        raise DataError(
            f"Column {shown(name)} of {table.name} holds {listed}{more}, which its levels do not name: "
            f"{', '.join(shown(level) for level in levels[:8])}. Add them in their place."
        )


# ---- Inferred --------------------------------------------------------------------------------------------------------


def _column(name: str, values: Values) -> Column:
    """A column as its values speak for it."""
    gone, distinct = int(missing(values).sum()), _distinct(values)
    if distinct == 0:
        return Column(name, Kind.CONSTANT, gone, 0, "every value is missing")
    if distinct == 1 and not gone:
        return Column(name, Kind.CONSTANT, 0, 1, f"always {_only(values)}")
    if isinstance(values, Words):
        return _text(name, values, gone, distinct)
    if values.dtype.kind == "M":
        return Column(name, Kind.DATE, gone, distinct, "dates")
    if values.dtype.kind == "b":
        return Column(name, Kind.BOOLEAN, gone, distinct, "truth values", ("False", "True"))
    return _number(name, values, gone, distinct)


def _number(name: str, values: np.ndarray, gone: int, distinct: int) -> Column:
    if distinct == 2 and set(np.unique(values[~missing(values)]).tolist()) == {0, 1}:
        return Column(name, Kind.BOOLEAN, gone, distinct, "0 and 1", ("0", "1"))
    whole = not gone and values.dtype.kind in "iu"
    if whole and distinct == len(values) >= FEWEST_ROWS:
        if _CALLED_ID.search(name) or _ENDS_IN_ID.search(name):
            return Column(name, Kind.IDENTIFIER, gone, distinct, "another whole number in every row, and named so")
        if values[0] in (0, 1) and (np.diff(values.astype(np.int64)) == 1).all():
            return Column(name, Kind.IDENTIFIER, gone, distinct, "the number of the row")
    return Column(name, Kind.NUMERIC, gone, distinct, "whole numbers" if whole else "numbers")


def _text(name: str, values: Words, gone: int, distinct: int) -> Column:
    used = values.used()
    if values.ordered:
        return Column(name, Kind.ORDINAL, gone, distinct, "categories in order", values.levels)
    pair = _truth(used)
    if pair:
        return Column(name, Kind.BOOLEAN, gone, distinct, f"{pair[0]} and {pair[1]}", pair)
    fitting = orders(used)
    if len(fitting) == 1:
        how = {"ymd": "year, month, day", "mdy": "month, day, year", "dmy": "day, month, year"}[fitting[0]]
        return Column(name, Kind.DATE, gone, distinct, f"dates as text: {how}", order=fitting[0])
    present = len(values) - gone
    if present >= FEWEST_ROWS and distinct > MOST_DIFFERENT * present:
        each = "another text in every row" if distinct == present else f"{distinct} different texts in {present} rows"
        return Column(name, Kind.IDENTIFIER, gone, distinct, each)
    return Column(name, Kind.CATEGORICAL, gone, distinct, _numbers_as_text(used) or _unclear_dates(fitting) or "text")


def _numbers_as_text(levels: tuple[str, ...]) -> str:
    """What to say of text that is nothing but numbers."""
    if all(number(level) is not None for level in levels):
        example = shown(levels[0])
        return f"numbers as text, for instance {example}: tell its kind if it is to be numeric"
    return ""


def _unclear_dates(fitting: tuple[str, ...]) -> str:
    """What to say of dates that can be read in two ways."""
    return f"dates of which it is unclear what is day and what is month: tell {' or '.join(fitting)}" if fitting else ""


def _truth(levels: Sequence[str]) -> tuple[str, ...]:
    """The two levels, the one that means no first, if they are words of yes and no; else nothing."""
    folded = {level.strip().lower(): level for level in levels}
    for no, yes in TRUTH:
        if len(levels) == 2 and set(folded) == {no, yes}:
            return folded[no], folded[yes]
    return ()


def _distinct(values: Values) -> int:
    if isinstance(values, Words):
        return int((values.counts() > 0).sum())
    if values.dtype.kind == "b":
        return len(values) and int(values.any()) + int(not values.all())
    return len(np.unique(values[~missing(values)]))


def _only(values: Values) -> str:
    return shown(values.used()[0]) if isinstance(values, Words) else str(values[0])


def _plain(name: str) -> str:
    """A name that a line of a screen can hold."""
    text = name if name.isprintable() else repr(name)[1:-1]
    return text if len(text) <= 40 else f"{text[:37]}..."


def _brief(column: Column) -> str:
    if column.levels and len(column.levels) <= 5:
        return ", ".join(_plain(level) for level in column.levels)
    if not column.used:
        return column.why
    return f"{column.distinct} different value{'' if column.distinct == 1 else 's'}"


def _remark(column: Column) -> str:
    told = [f"{column.missing} missing"] if column.missing and column.distinct else []
    return ", ".join([*told, *([] if column.used else ["not used"])])
