"""Reading tables: files, standard input, databases, and what is in memory already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import ArgumentError
from tabgrad.table import files, memory
from tabgrad.table.columnar import read_columnar
from tabgrad.table.columns import Words
from tabgrad.table.csv import Layout, read_csv
from tabgrad.table.json_lines import read_json_lines
from tabgrad.table.query import answer, database_of
from tabgrad.table.strings import Rules
from tabgrad.table.table import Table

__all__ = ["read"]


def read(
    source: Any,
    *,
    query: str | None = None,
    kinds: Mapping[str, str | Sequence[str]] | None = None,
    missing: Sequence[str] = ("",),
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    header: bool = True,
    on_short_row: str = "error",
    format: str | None = None,
) -> Table:
    r"""Read a table: every row looked at, nothing changed in silence.

    What is guessed or changed on the way is in the table's `notes`, a sentence each. What cannot be read as it stands
    is refused with its lines and what to say or to mend.

    Parameters
    ----------
    source : path, "-", URL of a database, or what `Table.of` takes
        A file: CSV, Parquet, Arrow IPC (Feather) or JSON lines, by its content and its name; ``~`` is the home folder,
        "-" standard input. It may be packed by gzip or Zstandard. A database: ``sqlite:///PATH`` or
        ``postgresql://USER:PASSWORD@HOST/DATABASE``.
    query : str, optional
        What to ask the database, ``"SELECT ..."``. It is opened for reading alone.
    kinds : dict, optional
        What columns are, as in `infer`. "numeric" also reads amounts and numbers with leading zeros as numbers; of
        every other kind but "date" the exact text is kept.
    missing : sequence of str, default ("",)
        The texts that stand for no value. "NA" is text unless it is named here.
    delimiter : str, optional
        What separates the fields; else found out.
    encoding : str, optional
        One of Python's names, for instance "cp1252"; else UTF-8, or what a byte order mark says.
    decimal : str, optional
        "." or ","; else a comma in columns where every value says so.
    header : bool, default True
        Whether the first line holds the names; else columns are called ``x0``, ``x1``, ....
    on_short_row : str, default "error"
        "fill" takes what a row lacks at its end as missing.
    format : {"csv", "parquet", "arrow", "jsonl"}, optional
        What the file holds; else found out.

    Returns
    -------
    Table

    Raises
    ------
    TableFileError
        There is no such file, it must not be read, or it is cut off or damaged.
    ImportError
        The driver of a database is not installed: ``pip install "tabgrad[sqlite]"`` or ``"tabgrad[postgresql]"``.
    DataError
        It holds no table, rows of unequal length, names twice, values that do not fit their columns; or more than
        memory.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tabgrad.table import read
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "farms.csv"
    >>> _ = path.write_text("zip;area\n01234;1,5\n98765;\n")
    >>> table = read(path)
    >>> table["area"], table["zip"].levels
    (array([1.5, nan]), ('01234', '98765'))
    >>> for note in table.notes:
    ...     print(note)
    The fields of farms.csv are separated by semicolons.
    Column 'zip' holds numbers with leading zeros, as '01234' in line 2: kept as text. If they are quantities, say
    kinds={'zip': 'numeric'}.
    Column 'area': decimal commas are read as points, as '1,5' in line 2.
    """
    rules = Rules(kinds or {}, missing, decimal)
    layout = Layout(delimiter, encoding, header, on_short_row, rules)
    if (database := database_of(source)) is not None:
        return _empty_as_missing(answer(database, query), rules)
    if query is not None:
        raise ArgumentError(
            "'query' of read goes with a database's URL, sqlite:///PATH or postgresql://HOST/DATABASE. Got "
            f"{shown(source)}."
        )
    if not isinstance(source, (str, os.PathLike)):
        return Table.of(source)
    with files.look(source) as file:
        blocks = files.unpacked(file)
        first = next(blocks, b"")
        form, note = files.format_of(file, first, format)
        blocks = chain([first], blocks)
        if form == "csv":
            table = read_csv(blocks, file.name, layout, None if file.packing else file.size)
        elif form == "jsonl":
            table = read_json_lines(blocks, file.name, rules, encoding)
        else:
            whole = file.path if file.size is not None and file.packing is None else memory.joined(blocks, file.name)
            table = _empty_as_missing(read_columnar(whole, form, file.name), rules)
    return replace(table, notes=(note, *table.notes)) if note else table


def _empty_as_missing(table: Table, rules: Rules) -> Table:
    """The table, the texts that stand for no value missing in it, and said so."""
    columns, notes = dict(table.columns), list(table.notes)
    for name, values in table.columns.items():
        if not isinstance(values, Words) or values.ordered:
            continue
        gone = [place for place, level in enumerate(values.levels) if level in rules.missing]
        if gone and (rows := np.isin(values.codes, gone)).any():
            columns[name] = replace(values, codes=np.where(rows, np.int32(-1), values.codes))
            listed = " or ".join(shown(values.levels[place]) for place in gone[:SHOWN])
            notes.append(f"Column {shown(name)}: {listed} is taken as missing, in {table.rows(rows)}.")
    return replace(table, columns=columns, notes=tuple(notes))
