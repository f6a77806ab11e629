"""What tables that come part by part have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tabgrad._refusals import shown
from tabgrad.errors import DataError
from tabgrad.table.columns import Values
from tabgrad.table.table import Table

__all__ = ["Adding", "Part", "Parts", "refuse_doubled"]


class Part(NamedTuple):
    """Some rows: as a table, and of text files each as it stands there, without its line's end."""

    table: Table
    records: list[bytes] | None


@dataclass(frozen=True)
class Adding:
    """What is to be added to the rows of a file.

    Parameters
    ----------
    columns : function of a Table
        Gives of some rows the new columns, by name.
    escape : bool
        Whether a new text that a spreadsheet would take for a formula gets a ``'`` before it.
    folder : str
        Where there is room for a file in between.
    """

    columns: Callable[[Table], Mapping[str, Values]]
    escape: bool
    folder: str


class Parts(Protocol):
    """A table that comes part by part, once."""

    form: str
    name: str
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Part]:
        """The parts in their order."""

    def with_columns(self, adding: Adding) -> Iterator[bytes]:
        """The bytes of a file that holds the rows as they were, and more columns."""


def refuse_doubled(added: Iterable[str], names: Iterable[str], table: str) -> None:
    """An error where a new column is called as one that is there."""
    if clash := sorted({*added} & {*names}):
        raise DataError(f"{table} has a column {shown(clash[0])} already. Give the new one another name.")
