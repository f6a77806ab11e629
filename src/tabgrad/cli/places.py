"""Where a command writes: never over what it reads, over another file only if that is asked for, and as a whole."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tabgrad.cli.exits import UsageError

__all__ = ["ENDING", "journal_place", "model_place", "refuse_place"]

ENDING, JOURNAL = ".tabgrad", ".journal"
PACKED = (".gz", ".zst", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather", ".ipc", ".jsonl", ".ndjson")


def model_place(out: str | None, table: str) -> str:
    """The model file: as asked for, or in this folder under the table's name.

    Examples
    --------
    >>> from tabgrad.cli.places import model_place
    >>> model_place(None, "data/beans.csv.gz"), model_place(None, "-"), model_place("b.tabgrad", "beans.csv")
    ('beans.tabgrad', 'model.tabgrad', 'b.tabgrad')
    """
    if out is not None:
        path = os.path.expanduser(out)
        if not path.endswith(ENDING):
            raise UsageError(f"A model file must end in {ENDING}. Got --out '{out}'. Did you mean '{out}{ENDING}'?")
        return path
    name = "" if table == "-" or "://" in table else os.path.basename(table)
    while name.lower().endswith(PACKED):
        name = os.path.splitext(name)[0]
    return f"{name or 'model'}{ENDING}"


def journal_place(asked: str | None, model: str, *, resume: bool) -> str:
    """The journal of a search: as asked for, or beside the model under its name.

    Raises
    ------
    UsageError
        There is one already, and nobody said to go on with it.

    Examples
    --------
    >>> from tabgrad.cli.places import journal_place
    >>> journal_place(None, "models/beans.tabgrad", resume=False)
    'models/beans.journal'
    """
    path = f"{model.removesuffix(ENDING)}{JOURNAL}" if asked is None else os.path.expanduser(asked)
    if os.path.exists(path) and not resume:
        raise UsageError(
            f"There is the journal of an earlier search, '{path}'. Go on with that search with --resume; to begin "
            "anew, delete it or name another file with --journal."
        )
    return path


def refuse_place(path: str, inputs: Sequence[str | None], *, overwrite: bool) -> None:
    """Find out before the work what would go wrong after it.

    Raises
    ------
    UsageError
        The file is one that the command reads; it is there and nobody said to replace it; its folder is not there.
    """
    for source in inputs:
        if source is not None and _same(path, os.path.expanduser(source)):
            raise UsageError(f"'{path}' is read by this command and is not overwritten. Choose another --out.")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(
            f"There is no folder '{folder}' for '{os.path.basename(path)}'. Make it, or choose another --out."
        )
    if os.path.isdir(path):
        raise UsageError(f"'{path}' is a folder. Give the name of a file with --out.")
    if os.path.exists(path) and not overwrite:
        raise UsageError(f"'{path}' is there already. Replace it with --overwrite, or choose another --out.")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise PermissionError(13, "Permission denied", path)


def _same(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return os.path.realpath(first) == os.path.realpath(second)
