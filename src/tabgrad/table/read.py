"""Reading tables: files, standard input, and what is in memory already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from tabgrad.errors import DataError
from tabgrad.table import files
from tabgrad.table.csv import Layout, read_csv
from tabgrad.table.strings import Rules
from tabgrad.table.table import Table

__all__ = ["read"]


def read(
    source: Any,
    *,
    kinds: Mapping[str, str | Sequence[str]] | None = None,
    missing: Sequence[str] = ("",),
    delimiter: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    dates: Mapping[str, str] | None = None,
    header: bool = True,
    on_short_row: str = "error",
    format: str | None = None,
) -> Table:
    r"""Read a table: every row looked at, nothing changed in silence.

    What is guessed or changed on the way is in the table's `notes`, a sentence each. What cannot be read as it stands
    is refused with its lines and what to say or to mend.

    Parameters
    ----------
    source : path, "-", or what `Table.of` takes
        A file, with ``~`` for the home folder; "-" is standard input. CSV may be packed by gzip or Zstandard.
    kinds : dict, optional
        What columns are. "numeric" also reads amounts and numbers with leading zeros as numbers, "date" dates in
        another form than ISO's if one alone fits; of every other kind the exact text is kept.
    missing : sequence of str, default ("",)
        The texts that stand for no value. "NA" is text unless it is named here.
    delimiter : str, optional
        What separates the fields; else found out.
    encoding : str, optional
        One of Python's names, for instance "cp1252"; else UTF-8, or what a byte order mark says.
    decimal : str, optional
        "." or ","; else a comma in columns where every value says so.
    dates : dict, optional
        The form of the dates of columns, ``{"day": "%d/%m/%Y"}``, as `datetime.datetime.strptime` has them.
    header : bool, default True
        Whether the first line holds the names; else columns are called ``x0``, ``x1``, ....
    on_short_row : str, default "error"
        "fill" takes what a row lacks at its end as missing.
    format : str, optional
        "csv"; else by the file's content and name.

    Returns
    -------
    Table

    Raises
    ------
    TableFileError
        There is no such file, it must not be read, or it is cut off or damaged.
    DataError
        It holds no table, rows of unequal length, names twice, values that do not fit their columns; or more than
        memory.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from tabgrad.table.read import read
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
    if not isinstance(source, (str, os.PathLike)):
        return Table.of(source)
    layout = Layout(delimiter, encoding, header, on_short_row, Rules(kinds or {}, missing, decimal, dates or {}))
    with files.look(source) as file:
        blocks = files.unpacked(file)
        first = next(blocks, b"")
        form, _ = files.format_of(file, first, format)
        if form != "csv":
            raise DataError(f"{file.name} holds {form}; give the frame that its own library reads.")
        return read_csv(chain([first], blocks), file.name, layout, None if file.packing else file.size)
