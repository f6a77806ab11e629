"""Parquet and Arrow files: their columns say what they hold, so nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tabgrad.errors import DataError, TableFileError
from tabgrad.table import memory
from tabgrad.table.table import Table

if TYPE_CHECKING:
    import polars as pl

__all__ = ["damage", "opened", "read_columnar"]

FIELD = 16  # bytes of memory for a field: a number of eight in Polars, and again in the table


def read_columnar(source: Any, form: str, name: str) -> Table:
    """A table out of a Parquet or an Arrow file.

    Parameters
    ----------
    source : str or bytes
        Its path, or all of it.
    form : str
        "parquet" or "arrow".
    name : str
        What messages call it.

    Raises
    ------
    TableFileError
        It is cut off or damaged.
    DataError
        It has no row; it needs more memory than there is.
    """
    with damage(name, form):
        frame = opened(source, form)
        columns = len(frame.collect_schema())
        rows = frame.select(_length()).collect().item() if columns else 0
    if not rows or not columns:
        raise DataError(f"{name} holds {rows} rows of {columns} columns: it must hold some of both.")
    memory.demand(rows * columns * FIELD, f"{name}, {rows} rows of {columns} columns,")
    with damage(name, form):
        held = frame.collect()
    return Table.of(held, name)


def opened(source: Any, form: str) -> pl.LazyFrame:
    """The file as a frame that is yet to be read."""
    import io

    import polars as pl

    source = io.BytesIO(source) if isinstance(source, bytes) else source
    return pl.scan_parquet(source, glob=False) if form == "parquet" else pl.scan_ipc(source, glob=False)


def _length() -> Any:
    import polars as pl

    return pl.len()


@contextmanager
def damage(name: str, form: str) -> Iterator[None]:
    """Whatever Polars raises over a file's bytes, as one error."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TableFileError(f"{name} is no whole {form.capitalize()} file, but cut off or damaged: {reason}") from None
