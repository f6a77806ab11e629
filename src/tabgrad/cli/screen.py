"""What the user sees: results on the standard output, all else on the standard error.

Names and values come from files: control characters are shown as escapes and never sent to a terminal, and nothing is
taken for Rich's markup. Without a terminal, with ``NO_COLOR`` or ``TERM=dumb``, the text is plain.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tabgrad._wording import amount, figure, printable
from tabgrad.cli.wording import as_options

__all__ = ["Grid", "LiveLine", "Screen", "amount", "figure", "grid", "message", "printable"]

WIDTH_OF_FILES = 110  # columns of text that goes to a file or a pipe
INDENT = 2
REDRAWS = 15  # a second, of the live line
RENEWALS = 4  # a second, of one that makes its text by itself
SECONDS_BETWEEN_LINES = 5.0  # where no terminal can draw a line again


def message(text: str) -> str:
    """A message as it may go to a terminal: its lines stay, other control characters are escaped."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


@dataclass(frozen=True)
class Grid:
    """Cells in columns, without lines around them.

    Parameters
    ----------
    rows : tuple of tuple of str or Text
    right : tuple of int
        The places of the columns of numbers.
    titled : bool
        Whether the first row is that of the titles.
    """

    rows: tuple[tuple[Text, ...], ...]
    right: tuple[int, ...] = ()
    titled: bool = False

    @property
    def widths(self) -> list[int]:
        """Of the columns."""
        return [max(cell.cell_len for cell in column) for column in zip(*self.rows, strict=True)]

    @property
    def width(self) -> int:
        """Of the lines of a result, where the screen has so much."""
        return INDENT + sum(self.widths) + len(GAP) * (len(self.widths) - 1)

    def lines(self, width: int, indent: int = 0) -> Iterator[Text]:
        """The lines for a screen of some width; where it is too narrow, the last column goes on below itself."""
        widths = self.widths
        begin = indent + sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
        room = max(width - begin - 1, NARROWEST)
        for place, row in enumerate(self.rows):
            parts = _wrapped(row[-1], room) if len(row) - 1 not in self.right else [row[-1]]
            line = Text(" " * indent)
            for column, cell in enumerate((*row[:-1], parts[0])):
                space = " " * (widths[column] - cell.cell_len)
                before, after = (space, "") if column in self.right else ("", space)
                line = Text.assemble(line, GAP if column else "", before, cell, after)
            for text in (line, *(Text.assemble(" " * begin, part) for part in parts[1:])):
                text.rstrip()
                if self.titled and not place:
                    text.stylize("dim")
                yield text


GAP = "  "
NARROWEST = 24  # columns that the last column of a grid has at least


def grid(rows: Iterable[Sequence[Any]], header: Sequence[str] | None = None, right: Sequence[int] = ()) -> Grid:
    """Cells in columns; control characters in them are escaped."""
    lines = [*([header] if header else []), *rows]
    cells = (tuple(cell if isinstance(cell, Text) else Text(printable(cell, 400)) for cell in row) for row in lines)
    return Grid(tuple(cells), tuple(right), titled=bool(header))


def _wrapped(cell: Text, room: int) -> list[Text]:
    if cell.cell_len <= room:
        return [cell]
    return [Text(line, style=cell.style) for line in textwrap.wrap(cell.plain, room)]


class Screen:
    """Both streams of a command.

    Parameters
    ----------
    quiet : bool
        Say nothing on the standard error but errors.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure") and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")  # a terminal without the characters of a name
        self._out, self._err = _console(sys.stdout), _console(sys.stderr)
        self._begun = False

    @property
    def live(self) -> bool:
        """Whether a line on the standard error can be drawn again."""
        return self._err.is_terminal and not self._err.is_dumb_terminal and not self.quiet

    @property
    def width(self) -> int:
        """Of the lines of a result."""
        return self._out.width

    def error(self, text: str) -> None:
        """What went wrong; the one thing that is always said."""
        self._print(Text.assemble(("Error: ", "bold red"), message(as_options(text))))

    def note(self, text: str) -> None:
        """Something that the user should know."""
        if not self.quiet:
            self._print(Text.assemble(("! ", "bold yellow"), message(as_options(text))))

    def say(self, text: str = "", style: str = "") -> None:
        """A line of text."""
        if not self.quiet:
            self._print(Text(message(text), style=style))

    def heading(self, text: str) -> None:
        """The title of what follows."""
        if not self.quiet:
            before = "\n" if self._begun else ""
            self._print(Text(f"{before}{message(text)}", style="bold"))

    def show(self, content: Grid) -> None:
        """A grid on the standard error."""
        if not self.quiet:
            for line in content.lines(self._err.width, INDENT):
                self._err.print(line, soft_wrap=True)

    def result(self, content: Grid | str = "", style: str = "") -> None:
        """What was asked for, on the standard output."""
        lines = [Text(message(content), style)] if isinstance(content, str) else content.lines(self._out.width, INDENT)
        for line in lines:
            self._out.print(line, soft_wrap=True)

    def document(self, content: str) -> None:
        """What was asked for, as it stands, on the standard output."""
        sys.stdout.write(content)
        sys.stdout.flush()

    def data(self, content: Any) -> None:
        """What was asked for as one JSON document on the standard output; NaN is null."""
        sys.stdout.write(json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")
        sys.stdout.flush()

    def line(self, make: Callable[[], str] | None = None) -> LiveLine:
        """A line that lives while something takes its time.

        With `make` it makes its text by itself, some times a second, and may have several lines.
        """
        return LiveLine(self._err, make, shown=not self.quiet, live=self.live)

    def _print(self, text: Text) -> None:
        self._begun = True
        self._err.print(text, soft_wrap=not self._err.is_terminal)


class LiveLine:
    """A line that is drawn again and again; without a terminal, a line of its own now and then."""

    def __init__(self, console: Console, make: Callable[[], str] | None, *, shown: bool, live: bool) -> None:
        self._console, self._make, self._shown = console, make, shown
        self._live: Live | None = None
        if live and make is None:
            self._live = Live(console=console, transient=True, auto_refresh=False)
        elif live:
            self._live = Live(console=console, transient=True, refresh_per_second=RENEWALS, get_renderable=self._made)
        self._drawn = time.monotonic() if self._live is None else -math.inf

    def __enter__(self) -> Self:
        """Begin."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        """Take it away."""
        if self._live is not None:
            self._live.stop()

    def due(self) -> bool:
        """Whether the line may be drawn again: making its text costs time as well."""
        between = 1 / REDRAWS if self._live is not None else SECONDS_BETWEEN_LINES
        return self._shown and time.monotonic() - self._drawn >= between

    def renew(self) -> None:
        """There is something new to say; a terminal hears of it by itself."""
        if self._live is None and self._make is not None and self.due():
            self.draw(self._make().replace("\n", "   "))

    def _made(self) -> Text:
        """The text of this moment, as wide as the terminal."""
        made = "" if self._make is None else self._make()
        lines = [part for line in message(made).splitlines() for part in textwrap.wrap(line, self._console.width - 4)]
        return Text("\n".join(f"  {line}" for line in lines), no_wrap=True, overflow="ellipsis")

    def draw(self, text: str) -> None:
        """Show a text in it."""
        self._drawn = time.monotonic()
        line = Text(f"  {message(text)}", no_wrap=True, overflow="ellipsis")
        if self._live is not None:
            self._live.update(line, refresh=True)
        else:
            self._console.print(line, soft_wrap=True)


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() else WIDTH_OF_FILES
    return _Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


class _Console(Console):
    """One that tells when nobody reads any more, instead of ending the process."""

    def on_broken_pipe(self) -> None:
        """Let the command end as others whose reader went away."""
        raise BrokenPipeError


def _finite(content: Any) -> Any:
    """Plain data that JSON can hold."""
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "tolist"):  # NumPy's numbers and arrays
        return _finite(content.tolist())
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
