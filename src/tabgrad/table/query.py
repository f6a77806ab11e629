"""What a database answers: SQLite and PostgreSQL through ADBC, as Arrow; opened for reading alone."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, DataError, TableFileError
from tabgrad.table import memory
from tabgrad.table.columns import Values, unique, words
from tabgrad.table.files import look
from tabgrad.table.strings import Rules, Strings, Verdict
from tabgrad.table.table import Table
from tabgrad.table.text_numbers import mistakes, numbers

__all__ = ["Database", "answer", "database_of"]

SCHEMES = {"sqlite": "sqlite", "postgresql": "postgresql", "postgres": "postgresql"}
FIELD = 32  # bytes of memory for a field of SQLite's: in Arrow, and in the table
LONGEST = 300  # characters of a driver's message


@dataclass(frozen=True)
class Database:
    """A database by its URL.

    Parameters
    ----------
    driver : str
        "sqlite" or "postgresql".
    address : str
        SQLite's path, or PostgreSQL's URL, which may hold a password: no message shows it.
    name : str
        What messages call it.
    """

    driver: str
    address: str = field(repr=False)
    name: str

    @property
    def secrets(self) -> list[str]:
        """The password in all forms in which a message could hold it, the longest first."""
        split = urllib.parse.urlsplit(self.address)
        told = [*urllib.parse.parse_qs(split.query).get("password", []), split.password or ""]
        forms = {form for each in told if each for form in (each, urllib.parse.unquote(each), urllib.parse.quote(each))}
        return sorted(forms, key=len, reverse=True)


def database_of(source: Any) -> Database | None:
    """The database that a URL names; None for what is no URL.

    Raises
    ------
    ArgumentError
        The URL of something that no driver reads.
    """
    if not isinstance(source, str) or "://" not in source:
        return None
    scheme, _, rest = source.partition("://")
    driver = SCHEMES.get(scheme.lower())
    if driver is None:
        raise ArgumentError(
            "'source' of read must be a file, or a database's URL: sqlite:///PATH or postgresql://HOST/DATABASE. Got a "
            f"URL that begins with {shown(scheme + '://')}."
        )
    if driver == "sqlite":
        path = os.path.expanduser(rest.removeprefix("/"))
        return Database(driver, path, os.path.basename(path))
    split = urllib.parse.urlsplit(source)
    if rest.count("@") > split.netloc.count("@") or split.netloc.count("@") > 1 or len(source.split()) > 1:
        raise ArgumentError(  # which part is the password is not certain: nothing of it is shown
            "'source' of read must be a URL: write @, /, ?, # and spaces in a user's name or password as %40, %2F, "
            "%3F, %23 and %20."
        )
    return Database(driver, source, f"{split.hostname or 'PostgreSQL'}{split.path}")


def answer(database: Database, query: str | None) -> Table:
    """The rows of a query. The database itself refuses a query that would change it.

    Raises
    ------
    ImportError
        The driver is not installed; how to install it.
    DataError
        There is no such database, or it refuses the query; no message holds the password.
    """
    if query is None or not query.strip().rstrip(";"):
        raise ArgumentError(f"'query' of read must say what to read from {database.name}: query='SELECT ...'.")
    dbapi = _driver(database.driver)
    ask = _sqlite if database.driver == "sqlite" else _postgresql
    with _told(database), _connected(database, dbapi) as connection:
        arrow = ask(connection, query.strip().rstrip(";"), database)
    return _table(arrow, database)


# ---- Asking ----------------------------------------------------------------------------------------------------------


def _sqlite(connection: Any, query: str, database: Database) -> Any:
    """All rows in one batch: only all values of a column say what it holds there."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({query}\n)")
        rows = cursor.fetchone()[0]
    with connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": max(rows, 1)}) as cursor:
        cursor.execute(query)
        memory.demand(rows * len(cursor.description) * FIELD, f"The answer of {database.name}, of {rows} rows,")
        return cursor.fetch_arrow_table()


def _postgresql(connection: Any, query: str, database: Database) -> Any:
    """Batch by batch, as long as there is memory."""
    import pyarrow as pa

    free, held, batches = memory.available(), 0, []
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(query)
        reader = cursor.fetch_record_batch()
        for batch in reader:
            batches.append(batch)
            held += batch.nbytes
            if free is not None and 2 * held > free:
                raise DataError(
                    f"The answer of {database.name} needs more memory than the {memory.size(free)} that are free. Ask "
                    "for fewer rows or columns."
                )
        return pa.Table.from_batches(batches, reader.schema)


@contextmanager
def _connected(database: Database, dbapi: Any) -> Iterator[Any]:
    address = database.address
    if database.driver == "sqlite":
        with look(address) as file:
            if file.head and not file.head.startswith(b"SQLite format 3\0"):
                raise TableFileError(f"{database.name} is no SQLite database.")
        address = f"file:{urllib.parse.quote(os.path.abspath(address))}?mode=ro"
    with dbapi.connect(address) as connection:
        yield connection


@contextmanager
def _told(database: Database) -> Iterator[None]:
    """A driver's errors as ours: in one line, without the password."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # of whatever kind the driver takes
        text = " ".join(str(error).split())
        for secret in database.secrets:
            text = text.replace(secret, "***")
        text = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        raise DataError(f"{database.name} does not answer: {text}") from None


def _driver(name: str) -> Any:
    try:
        import_module("pyarrow")  # what both drivers answer in
        return import_module(f"adbc_driver_{name}.dbapi")
    except ImportError as error:
        raise ImportError(f'Reading from {name} needs a driver: pip install "tabgrad[{name}]". ({error})') from error


# ---- What it answers -------------------------------------------------------------------------------------------------


def _table(arrow: Any, database: Database) -> Table:
    name = database.name
    unique(arrow.column_names, f"the answer of {name}")
    if not arrow.num_rows:
        raise DataError(f"The query has no answer: {name} finds no row for it.")
    columns: dict[str, Values] = {}
    notes: list[str] = []
    problems: list[str] = []
    for told, values in zip(arrow.schema, arrow.columns, strict=True):
        try:
            verdict = _column(told, values, name)
        except DataError as error:
            problems.append(str(error))
            continue
        columns[told.name] = verdict.values
        notes += verdict.notes
        problems += verdict.problems
    if problems:
        raise DataError(" ".join(problems))
    return Table(columns, tuple(notes), name)


def _column(told: Any, values: Any, name: str) -> Verdict:
    """A column of Arrow; PostgreSQL's own types as numbers or text."""
    import polars as pl
    import pyarrow as pa

    from tabgrad.table.frames import columns_of  # imports narwhals

    called = f"Column {shown(told.name)} of the answer of {name}"
    kind = (told.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if kind == "money":
        raise DataError(f"{called} is of the type money: ask for it as a number, ::numeric.")
    if pa.types.is_interval(values.type):
        raise DataError(f"{called} holds intervals: ask for seconds, EXTRACT(EPOCH FROM ...).")
    if kind == "uuid":
        return Verdict(words([None if each is None else str(each) for each in values.to_pylist()]))
    if isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    series = pl.Series(told.name, pl.from_arrow(values))
    if series.dtype != pl.String:
        columns, notes = columns_of(series.to_frame(), f"the answer of {name}") or ({}, ())
        return Verdict(columns[told.name], notes)
    text = Strings(series, told.name, Rules(), lambda row: f"row {row}")
    if kind == "numeric":
        return numbers(text) or text.kept()
    return (None if kind else mistakes(text)) or text.kept()
