"""What a report holds, as plain data: sections of text, tables and figures, each figure drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabgrad.report.sheets import Sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Block", "Drawing", "Listing", "Pre", "Section", "Text"]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Pre:
    """Text whose lines stay: a command, a plan; folded away under a title, if it has one."""

    text: str
    title: str = ""


@dataclass(frozen=True, eq=False)
class Listing:
    """A table.

    Parameters
    ----------
    name : str
        By which a report gives its frame.
    caption : str
    sheet : Sheet
    """

    name: str
    caption: str
    sheet: Sheet


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure.

    Parameters
    ----------
    name : str
        By which a report gives it.
    caption : str
        What is seen.
    draw : callable
        Gives the figure.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


Block = Text | Pre | Listing | Drawing


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report under a title of its own.

    Parameters
    ----------
    name : str
        By which links find it.
    title : str
    blocks : tuple of Block
        Figures that follow each other stand side by side where there is room.
    """

    name: str
    title: str
    blocks: Sequence[Block]
