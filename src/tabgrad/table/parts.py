"""Tables part by part, and files with columns added to them, in which what was there stays as it is."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from tabgrad._checks import COUNT, check
from tabgrad._files import write_whole
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError
from tabgrad.table import files, memory
from tabgrad.table.answer_parts import AnswerParts
from tabgrad.table.columnar_parts import ColumnarParts
from tabgrad.table.columns import Values
from tabgrad.table.csv import Layout
from tabgrad.table.csv_parts import CsvParts
from tabgrad.table.json_parts import JsonParts
from tabgrad.table.part import Adding, Part, Parts
from tabgrad.table.query import answer, database_of
from tabgrad.table.strings import Rules
from tabgrad.table.table import Table

__all__ = ["Part", "Parts", "add_columns", "parts"]

ROWS = 100_000


@contextmanager
def parts(
    source: Any,
    *,
    rows: int = ROWS,
    query: str | None = None,
    kinds: Mapping[str, str | Sequence[str]] | None = None,
    missing: Sequence[str] = ("",),
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    header: bool = True,
    on_short_row: str = "error",
    format: str | None = None,
) -> Iterator[Parts]:
    r"""Open a table that is read part by part: of a file of any size so many rows at a time.

    What a column holds cannot be seen in a part of it, so nothing is guessed: a column that `kinds` does not name is
    text. From files that say what they hold, only the columns that `kinds` names are read.

    Parameters
    ----------
    source, query, kinds, missing, delimiter, encoding, decimal, header, on_short_row, format
        As in `read`.
    rows : int, default 100000
        How many make a part.

    Yields
    ------
    Parts
        With its `name`, the `names` of its columns and `notes`. It is iterated once, over `table` and `records`: of CSV
        files and JSON lines each row as it stands in the file, else None.

    Raises
    ------
    TableFileError, DataError
        As in `read`; columns that `kinds` names and the table has not, all of them; what is wrong in a later part when
        that is read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tabgrad.table.parts import parts
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "farms.csv"
    >>> _ = path.write_text("zip,area\n01234,1.50\n98765,2\n01234,7\n")
    >>> with parts(path, rows=2, kinds={"area": "numeric"}) as farms:
    ...     for table, records in farms:
    ...         print(table["area"], records)
    [1.5 2. ] [b'01234,1.50', b'98765,2']
    [7] [b'01234,7']
    """
    check(rows, "rows", "parts", (int,), COUNT)
    rules = Rules(kinds or {}, missing, decimal, guess=False)
    layout = Layout(delimiter, encoding, header, on_short_row, rules)
    if (database := database_of(source)) is not None:
        yield AnswerParts(answer(database, query), rules, rows)
        return
    with files.look(source) as file:
        blocks = files.unpacked(file)
        first = next(blocks, b"")
        form, _ = files.format_of(file, first, format)
        blocks = chain([first], blocks)
        if form == "csv":
            yield CsvParts(blocks, file.name, layout, rows)
        elif form == "jsonl":
            yield JsonParts(blocks, file.name, rules, rows, encoding)
        else:
            whole = file.path if file.size is not None and file.packing is None else memory.joined(blocks, file.name)
            yield ColumnarParts(whole, form, file.name, rules, rows)


def add_columns(
    source: Any,
    target: Any,
    columns: Callable[[Table], Mapping[str, Values]],
    *,
    rows: int = ROWS,
    escape: bool = False,
    **options: Any,
) -> int:
    r"""Write a file that holds the rows of another, in their order, and columns that are made of them.

    What was there stays as it is: of CSV files and JSON lines byte by byte, with the encoding and the line ends. The
    target appears as a whole or not at all.

    Parameters
    ----------
    source : path, "-" or URL of a database
    target : path or "-"
        In the source's format; "-" is standard output. An ending of ``.gz`` or ``.zst`` packs it. Answers of databases
        are written as CSV.
    columns : function of a Table
        Gives the new columns of some rows, by name; of each part in turn.
    rows : int, default 100000
        How many make a part.
    escape : bool, default False
        Whether new text that a spreadsheet would take for a formula, since it begins with ``=``, ``+``, ``-`` or ``@``,
        gets a ``'`` before it in CSV files.
    **options
        As in `parts`.

    Returns
    -------
    int
        How many rows there are.

    Raises
    ------
    OSError
        The target cannot be written: no such folder, no permission, no space.
    ArgumentError
        The target's ending names another format.
    DataError
        What `parts` raises; a new column that is called as one that is there.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tabgrad.table.parts import add_columns
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "farms.csv").write_text("zip;area\n01234;1,50\n98765;2\n")
    >>> double = lambda table: {"twice": 2 * table["area"]}
    >>> add_columns(folder / "farms.csv", folder / "more.csv", double, kinds={"area": "numeric"}, decimal=",")
    2
    >>> print((folder / "more.csv").read_text())
    zip;area;twice
    01234;1,50;3.0
    98765;2;4.0
    """
    path = os.path.expanduser(os.fsdecode(target))
    folder = os.path.dirname(os.path.abspath(path)) if path != "-" else os.curdir
    done = 0

    def counted(table: Table) -> Mapping[str, Values]:
        nonlocal done
        done += len(table)
        added = columns(table)
        if wrong := [name for name, values in added.items() if len(values) != len(table)]:
            raise ArgumentError(f"'columns' of add_columns must give a value a row. Got others of {shown(wrong[0])}.")
        return added

    with parts(source, rows=rows, **options) as found:
        _refuse_ending(path, found)
        content = _packed(path, found.with_columns(Adding(counted, escape, folder)))
        if path == "-":
            sys.stdout.buffer.writelines(content)
            sys.stdout.buffer.flush()
        else:
            write_whole(path, content)
    return done


def _refuse_ending(path: str, found: Parts) -> None:
    ending = files.ending_of(path)
    form = next((form for form, endings in files.FORMATS.items() if ending in endings), found.form)
    if path != "-" and form != found.form:
        raise ArgumentError(
            f"The target keeps the format of {found.name}: its name must end in {files.FORMATS[found.form][0]}. Got "
            f"{shown(os.path.basename(path))}."
        )


def _packed(path: str, content: Iterator[bytes]) -> Iterator[bytes]:
    packing = files.PACKED.get(os.path.splitext(path.lower())[1])
    if packing is None:
        yield from content
        return
    packer = zlib.compressobj(wbits=31) if packing == "gzip" else files.zstandard(path).ZstdCompressor()
    for block in content:
        yield packer.compress(block)
    yield packer.flush()
