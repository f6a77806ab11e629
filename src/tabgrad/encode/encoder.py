"""A whole table as numbers: an encoding for each column, fitted on the training rows, one record, plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, get_args

import numpy as np

from tabgrad._checks import COUNT, check, known_name
from tabgrad._record import Record
from tabgrad._refusals import shown
from tabgrad.encode import column as one
from tabgrad.encode import room
from tabgrad.encode.categorical import MAX_ONE_HOT, Embedded, OneHot, Worded
from tabgrad.encode.column import FAMILIES, Choices, Encoding
from tabgrad.encode.numeric import SCALINGS, Numeric, NumericColumns, neighbours
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.table.columns import Values
from tabgrad.table.schema import Column, Schema
from tabgrad.table.table import Table, absent

__all__ = ["Encoded", "Encoder"]

INDICATORS = ("auto", "always", "never")
NAMED = 5  # columns that a message names before it only counts
MIN_ROWS = 3  # that a level stands in, or a value is missing in; scikit-learn's word for such levels is infrequent


@dataclass(frozen=True, eq=False)
class Encoded:
    """A table as an engine takes it.

    Parameters
    ----------
    x : array of shape (rows, features)
        float32, C order, finite.
    codes : array of shape (rows, columns) or None
        int32, C order; None where no column is embedded.
    notes : tuple of str
        What was ignored, mended, or new to the encoder, a sentence each.
    """

    x: np.ndarray
    codes: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    def part(self, rows: np.ndarray) -> Encoded:
        """Some of the rows."""
        return Encoded(self.x[rows], None if self.codes is None else self.codes[rows])


@dataclass(frozen=True)
class Encoder(Record):
    """What each column of a table becomes, fitted on the training rows alone.

    Columns are known by their names, not by their order. Numbers are scaled (`tabgrad.encode.numeric`), words become
    zeros and ones or codes (`tabgrad.encode.categorical`), dates their parts (`tabgrad.encode.dates`). Missing values
    have their place in each; identifiers and constants are dropped.

    Parameters
    ----------
    columns : tuple
        The encoding of each column that is used, in their order.
    names : tuple of str
        All columns of the table that it was fitted to.
    families : tuple of str
        What each of them held: "numbers", "truth values", "text" or "dates".
    dropped : tuple of Column
        Those that are not used, and why.
    notes : tuple of str
        What was left out at fitting, a sentence each.
    numbers_first : bool, default False
        Whether the features that are numbers of more than two values come first, those of all columns, so that a layer
        which takes the first columns can embed them (see `embeddable`); else a column's features stay together.

    Examples
    --------
    >>> from tabgrad.encode import Encoder
    >>> from tabgrad.table import Table, infer
    >>> table = Table.of({"area": [1.0, 2.0, 3.0, None], "colour": ["red", "blue", "red", "blue"], "farm": ["A"] * 4})
    >>> encoder = Encoder.fit(table, infer(table))
    >>> encoder.features, [column.name for column in encoder.dropped]
    (('area', 'colour'), ['farm'])
    >>> encoder.encode(table).x.round(2)
    array([[-0.95,  1.  ],
           [ 0.  , -1.  ],
           [ 0.95,  1.  ],
           [ 0.  , -1.  ]], dtype=float32)
    """

    columns: tuple[Encoding, ...]
    names: tuple[str, ...]
    families: tuple[str, ...]
    dropped: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    numbers_first: bool = False

    def __post_init__(self) -> None:
        """Check that all of it fits together: it may come out of a file."""
        super().__post_init__()
        encodings, text = (get_args(Encoding), "encodings of columns"), ((str,), "strings")
        fields = {
            "columns": encodings,
            "names": text,
            "families": text,
            "dropped": ((Column,), "Columns"),
            "notes": text,
        }
        for field, (types, words) in fields.items():
            values = getattr(self, field)
            if not isinstance(values, (tuple, list)) or not all(isinstance(value, types) for value in values):
                raise ArgumentTypeError(f"'{field}' of Encoder must be a list of {words}. Got {shown(values)}.")
            object.__setattr__(self, field, tuple(values))
        if len(set(self.names)) < len(self.names):
            raise ArgumentError(f"'names' of Encoder must be different. Got {shown(self.names)}.")
        if len(self.families) != len(self.names) or not set(self.families) <= set(FAMILIES):
            raise ArgumentError(
                f"'families' of Encoder must be one of {', '.join(FAMILIES)} for each of 'names'. Got "
                f"{shown(self.families)}."
            )
        gone = {column.name for column in self.dropped}
        if [column.name for column in self.columns] != [name for name in self.names if name not in gone] or (
            len(gone) != len(self.dropped) or not gone <= set(self.names)
        ):
            raise ArgumentError("'names' of Encoder must be those of 'columns', in their order, and of 'dropped'.")

    # ---- Fitting -----------------------------------------------------------------------------------------------------

    @classmethod
    def fit(
        cls,
        table: Table,
        schema: Schema,
        *,
        numeric: str = "robust",
        max_one_hot: int = MAX_ONE_HOT,
        max_width: int | None = None,
        embed: bool = True,
        min_rows: int = MIN_ROWS,
        indicators: str = "auto",
    ) -> Encoder:
        """An encoder for tables like this one, with `numbers_first`.

        Parameters
        ----------
        table : Table
            The training rows, and no others: what is held out must not be looked at.
        schema : Schema
            What each column is, of this table or of the whole that it is a part of.
        numeric : str, default "robust"
            How numbers are scaled: "robust" (median and interquartile range, smoothly clipped), "standard" (mean and
            standard deviation), "quantile" (normal scores) or "none". Two different numbers become -1 and 1.
        max_one_hot : int, default 8
            Columns of words with more levels get learned tables.
        max_width : int, default None
            Features that one-hot columns may have together; where they have more, those with the most levels get
            learned tables instead. None: as many as half a gibibyte holds for these rows, at least 128 and at most
            2,048.
        embed : bool, default True
            Whether there can be learned tables. False: every column of words is one-hot, and of those with the most
            levels the most frequent ones have a place, so that the width is kept.
        min_rows : int, default 3
            What stands in fewer rows has no place of its own.
        indicators : str, default "auto"
            Which columns with missing values get a column that says where: "auto" those with at least `min_rows` rows
            that miss the value and as many that have it, so that its weight can be learned; "always", "never".

        Returns
        -------
        Encoder

        Raises
        ------
        DataError
            Infinite numbers, integers beyond 2^53 that float64 would change, no rows, no column that can be used; all
            columns in one message.
        UnknownNameError
            There is no such scaling; the nearest is suggested.
        """
        choices = Choices(
            known_name(numeric, "scaling of numbers", SCALINGS),
            check(max_one_hot, "max_one_hot", "Encoder", (int,), COUNT),
            check(min_rows, "min_rows", "Encoder", (int,), COUNT),
            known_name(indicators, "way with indicators", INDICATORS),
            embed=check(embed, "embed", "Encoder", (bool,)),
        )
        width = check(max_width, "max_width", "Encoder", (int, NoneType), COUNT)
        if len(table) == 0:
            raise DataError(f"{table.name} must have at least one row. Got none.")
        known = [column for column in schema if column.name in table.columns]
        if not any(column.used for column in known):
            listed = ", ".join(f"{shown(column.name)} ({column.kind}: {column.why})" for column in known[:8])
            raise DataError(f"{table.name} must have a column to learn from. Got {listed or 'no columns'}.")
        columns = room.bounded(_fitted(known, table, choices), known, table, choices, width)
        few = [note for column in columns if (note := one.shared(column, table))]
        return cls(
            tuple(columns),
            tuple(column.name for column in known),
            tuple(one.family_of(table.columns[column.name]) for column in known),
            tuple(column for column in known if not column.used),
            (f"Levels that are too rare for a place of their own: {_several(few)}.",) if few else (),
            numbers_first=True,
        )

    # ---- What comes out ----------------------------------------------------------------------------------------------

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the columns of x: ``age``, ``sold (days)``, ``age (missing)``, ``colour=red``."""
        names = [column.features for column in self.columns]
        return tuple(names[column][feature] for column, feature in self._order)

    @property
    def embeddable(self) -> int:
        """How many of the first features are numbers of more than two values; 0 without `numbers_first`.

        Those are numeric columns, the places of levels in an order, and of a date the days, the year and the sines and
        cosines of its cycles. They are what `tabgrad.layers.PiecewiseLinearEmbedding` and
        `tabgrad.layers.PeriodicEmbedding` take: from a number that is -1 or 1, or 0 or 1, a vector tells no more than a
        weight.
        """
        return sum(len(column.embeddable) for column in self.columns) if self.numbers_first else 0

    @property
    def embedded(self) -> tuple[str, ...]:
        """The names of the columns of codes."""
        return tuple(column.name for column in self._coded)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """For each column of codes how many there are."""
        return tuple(column.cardinality for column in self._coded)

    @property
    def widths(self) -> tuple[int, ...]:
        """For each column of codes how many numbers are to stand for one."""
        return tuple(column.width for column in self._coded)

    def nbytes(self, rows: int) -> int:
        """The bytes that so many rows take once they are encoded: 4 for each number and each code.

        Examples
        --------
        >>> from tabgrad.encode import Encoder
        >>> from tabgrad.table import Table, infer
        >>> table = Table.of({"area": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue", "red", "blue"]})
        >>> Encoder.fit(table, infer(table)).nbytes(1_000_000)
        8000000
        """
        return 4 * rows * (len(self.features) + len(self._coded))

    # ---- Encoding ----------------------------------------------------------------------------------------------------

    def encode(self, table: Table, *, strict: bool = False) -> Encoded:
        """The rows of a table as numbers.

        Parameters
        ----------
        table : Table
            With the columns that are used, in any order. Others are ignored, and noted.
        strict : bool, default False
            Whether other columns are refused.

        Returns
        -------
        Encoded
            No row of it depends on any other.

        Raises
        ------
        DataError
            Whatever `check` finds.
        """
        out = np.empty((len(table), len(self.features)), np.float32)
        if table.block is not None and table.names == self.names and self._numbers_only:
            self._encode_numbers(table.block, out, table, strict=strict)
            return Encoded(out)
        notes = self._noted(table, strict=strict)
        columns = self._read(table, strict=strict)
        self._encode_numbers([columns[name] for name in self._numeric_names], out, table, strict=strict)
        codes = np.empty((len(table), len(self._coded)), np.int32)
        for column, places in self._others:
            values: Any = columns[column.name]
            if isinstance(column, Worded) and (note := one.unseen(column, values, table)):
                notes.append(note)
            if isinstance(column, OneHot):
                column.fill(values, out[:, places])  # a view: they are neighbours
            else:
                (codes if isinstance(column, Embedded) else out)[:, places] = column.encode(values)
        return Encoded(out, codes if self._coded else None, tuple(notes))

    def places(self, name: str) -> tuple[list[int], list[int]]:
        """Which columns of x, and which of codes, come of a column of the table; none of one that is dropped.

        Examples
        --------
        >>> from tabgrad.encode import Encoder
        >>> from tabgrad.table import Table, infer
        >>> table = Table.of({"area": [1.0, 2.0, 3.0, None], "colour": ["red", "blue", "red", "blue"]})
        >>> Encoder.fit(table, infer(table)).places("colour")
        ([1], [])
        """
        return self._places.get(name, []), [place for place, each in enumerate(self.embedded) if each == name]

    def read(self, table: Table, name: str) -> Values:
        """A column of a table as its encoding takes it: numbers, moments or words; as it is where it is dropped.

        Raises
        ------
        DataError
            The column holds something else than in training.
        """
        for column in self.columns:
            if column.name == name:
                return one.read(column, table, self._family[name])
        return table[name]

    def check(self, table: Table, *, strict: bool = False) -> None:
        """Hold a table against what the encoder was fitted to.

        Raises
        ------
        DataError
            With all that is wrong: columns that are missing, with the nearest that are there; text where numbers were,
            infinite numbers, integers that float64 would change, with their rows; with `strict`, columns that are new.
        """
        problems = []
        there = [column for column in self.columns if column.name in table.columns]
        if len(there) < len(self.columns):
            lacking = [column.name for column in self.columns if column.name not in table.columns]
            problems.append(absent(lacking, table.names, table.name))
        if strict and (extra := self._extra(table)):
            problems.append(f"{table.name} must have no other columns than in training. Got {_named(extra)}.")
        for column in there:
            try:
                one.checked(one.read(column, table, self._family[column.name]), column.name, table)
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError(_listed(problems, table))

    def _noted(self, table: Table, *, strict: bool) -> list[str]:
        """What is to be said of the columns' names; whatever is missing is refused."""
        if table.names == self.names:
            return []
        extra = self._extra(table)
        if (extra and strict) or any(column.name not in table.columns for column in self.columns):
            self.check(table, strict=strict)
        return [f"Not used, since training had not: {_named(extra)} of {table.name}."] if extra else []

    def _read(self, table: Table, *, strict: bool) -> dict[str, Values]:
        """The used columns as their encodings take them."""
        try:
            return {column.name: one.read(column, table, self._family[column.name]) for column in self.columns}
        except DataError:
            self.check(table, strict=strict)
            raise

    def _encode_numbers(self, columns: Any, out: np.ndarray, table: Table, *, strict: bool) -> None:
        try:
            self._numeric.encode(columns, out)
        except DataError:
            self.check(table, strict=strict)
            raise

    def _extra(self, table: Table) -> list[str]:
        return [name for name in table.names if name not in self._family]

    # ---- What encoding needs at hand ---------------------------------------------------------------------------------

    @cached_property
    def _family(self) -> Mapping[str, str]:
        return dict(zip(self.names, self.families, strict=True))

    @cached_property
    def _coded(self) -> tuple[Embedded, ...]:
        return tuple(column for column in self.columns if isinstance(column, Embedded))

    @cached_property
    def _order(self) -> list[tuple[int, int]]:
        """Of each column of x the place of its column, and its place among the features of that."""
        order = [
            (place, feature) for place, column in enumerate(self.columns) for feature in range(len(column.features))
        ]
        if self.numbers_first:
            numbers = [set(column.embeddable) for column in self.columns]
            order.sort(key=lambda each: each[1] not in numbers[each[0]])
        return order

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Of each column where its features are in x, in their order."""
        places = {column.name: [0] * len(column.features) for column in self.columns}
        for place, (column, feature) in enumerate(self._order):
            places[self.columns[column].name][feature] = place
        return places

    @cached_property
    def _others(self) -> tuple[tuple[Any, slice | list[int] | int], ...]:
        """The columns that are not numeric, and where they are in x, or among the codes."""
        codes = {name: place for place, name in enumerate(self.embedded)}
        return tuple(
            (column, codes[column.name] if isinstance(column, Embedded) else neighbours(self._places[column.name]))
            for column in self.columns
            if not isinstance(column, Numeric)
        )

    @cached_property
    def _numeric_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if isinstance(column, Numeric))

    @cached_property
    def _numbers_only(self) -> bool:
        return len(self._numeric_names) == len(self.columns)

    @cached_property
    def _numeric(self) -> NumericColumns:
        records = [column for column in self.columns if isinstance(column, Numeric)]
        sources = {name: place for place, name in enumerate(self.names)}
        return NumericColumns(
            records, [self._places[record.name] for record in records], [sources[record.name] for record in records]
        )


def _fitted(known: list[Column], table: Table, choices: Choices) -> list[Encoding]:
    """The encodings of the columns that are used; what is wrong with any of them in one message."""
    problems, encodings = [], []
    for column in known:
        if column.used:
            try:
                encodings.append(one.fit(column, table, choices))
            except DataError as error:
                problems.append(str(error))
    if problems:
        raise DataError(_listed(problems, table))
    return encodings


def _listed(problems: list[str], table: Table) -> str:
    """One problem in a sentence, several in a line each."""
    if len(problems) == 1:
        return problems[0]
    return "\n".join([f"{table.name} cannot be encoded:", *(f"- {problem}" for problem in problems)])


def _named(names: list[str]) -> str:
    """Names in a message, not more than a screen holds."""
    return _several([shown(name) for name in names])


def _several(told: list[str]) -> str:
    listed = ", ".join(told[:NAMED])
    return f"{listed} and {len(told) - NAMED} more" if len(told) > NAMED else listed
