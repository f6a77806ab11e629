"""The journal of a search: every finished fit in one file, which outlives whatever ends the search.

It is an SQLite database with one table of ``kind``, ``key``, ``content`` (JSON), ``blob`` (bytes, or nothing) and
``crc`` (CRC-32 of key, content and blob). The kinds are "question", one row: all that decides the result of a search;
"remembered": what the search has drawn once; "fit": a fit. Nothing in it is code. It is written ahead of itself
(SQLite's WAL) and down to the disk: whenever the process is killed or the machine stops, it holds all that was written
up to a moment shortly before.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

import numpy as np

from tabgrad._files import path_of
from tabgrad._refusals import around, shown
from tabgrad.errors import ArgumentTypeError, JournalError

__all__ = ["Entry", "Journal"]

APPLICATION, VERSION = 0x7461626A, 1  # "tabj"; SQLite keeps both numbers in a file's header
SCHEMA = (
    "CREATE TABLE entries (kind TEXT NOT NULL, key TEXT NOT NULL, content TEXT NOT NULL, blob BLOB, "
    "crc INTEGER NOT NULL, PRIMARY KEY (kind, key))"
)
WRITE = "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)"
READ = "SELECT * FROM entries WHERE kind = ? AND key = ?"
QUESTION, REMEMBERED, FIT = "question", "remembered", "fit"

PAUSE = 0.1  # seconds between two commits, at least
SHARE = 0.004  # of a processor's time for commits: the longer one takes, the later is the next
LONGEST_PAUSE = 0.4  # seconds between two commits, at most: what a killed process may lose
PATIENCE = 1.0  # seconds that another process has to let go of a file
PAGE = 16384  # bytes: predictions of 2,722 rows and 7 classes cost 0.24 ms of processor time; 0.33 in pages of 4096
SMALLEST = 512  # bytes that a database has
DIFFERENCES = 12  # that a message names before it only counts the others

ANEW = "To begin anew, delete it or give another file."

TROUBLES = {
    sqlite3.SQLITE_BUSY: "is in use by another search. Wait until that has ended, or give another file.",
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full. Make room: what it holds is kept.",
    sqlite3.SQLITE_READONLY: "cannot be written: it is read-only. Change its permissions, or give another file.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened, or not be made: its folder may be read-only. Give another file.",
    sqlite3.SQLITE_NOTADB: "is not the journal of a search, but a file of another kind. Give another file.",
    sqlite3.SQLITE_CORRUPT: f"is damaged: it does not hold what was written. {ANEW}",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. What it holds is kept.",
}
"""What SQLite's errors mean to a user."""

Row = tuple[str, str, str, bytes | None, int]
"""Of the table: kind, key, content, blob, CRC-32."""


@dataclass(frozen=True)
class Entry:
    """One finished fit.

    Parameters
    ----------
    values : dict
        What JSON can hold: scores, times, how the fit ended. Floats come back bit for bit, infinities and NaN, too;
        tuples come back as lists, NumPy's numbers as Python's.
    blob : bytes or None, default None
        What is better kept as bytes: predictions of the rows held out.
    """

    values: dict[str, Any]
    blob: bytes | None = None


Waiting = Row | Callable[[], Entry]
"""What waits to be written: a row, or what makes its entry."""


class Journal:
    """What a search has done so far; safe from many threads.

    Entries are written by a thread of its own in groups: the first at once, those of the next 0.1 to 0.4
    seconds together, the longer the more a commit costs. A file belongs to one journal at a time, by a
    lock of the system that falls with its process. While entries cannot be written, since the disk is full, they wait
    in memory and are tried again until there is room.

    Parameters
    ----------
    path : str or path
        A file that is there, or a new one.
    question : Mapping
        All that decides the result of a search, in what JSON can hold. A new file keeps it; one that is there must hold
        the same.

    Attributes
    ----------
    path : str
    trouble : JournalError or None
        Why entries wait in memory at the moment.

    Raises
    ------
    JournalError
        The file holds another question (every difference is named), is of another kind, damaged, in use, or cannot be
        opened or written.

    Examples
    --------
    >>> import tempfile
    >>> from tabgrad.search.journal import Entry, Journal
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = f"{folder.name}/beans.journal"
    >>> with Journal(path, {"data": {"rows": 13611}}) as journal:
    ...     journal.write("first fit", Entry({"score": 0.93}))
    >>> with Journal(path, {"data": {"rows": 13611}}) as journal:
    ...     journal.find("first fit").values, journal.find("second fit")
    ({'score': 0.93}, None)
    >>> Journal(path, {"data": {"rows": 13610}})
    Traceback (most recent call last):
      ...
    tabgrad.errors.JournalError: '...beans.journal' is the journal of another search. data.rows: 13,611 in the journal,
    13,610 now. To begin anew, delete it or give another file.
    >>> folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], question: Mapping[str, Any]) -> None:
        self.path = os.path.abspath(path_of(path, "path", "Journal"))
        self.trouble: JournalError | None = None
        asked = json.loads(_as_row(QUESTION, "", Entry(dict(question)))[2])
        self._database_lock = Lock()
        self._waiting_lock = Lock()  # held for a moment alone, never while a disk is waited for
        self._written, self._closing = Event(), Event()
        self._waiting: dict[str, Waiting] = {}
        self._committing: dict[str, Waiting] = {}
        with _told(self.path):
            self._database = _opened(self.path)
            try:
                self._answer(asked)
                self._keys = {
                    key for (key,) in self._database.execute("SELECT key FROM entries WHERE kind = ?", (FIT,))
                }
            except BaseException:
                self._database.close()
                raise
        self._writer = Thread(target=self._write_groups, name="tabgrad-journal", daemon=True)
        self._writer.start()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it; an error that is on its way is not covered by what closing meets."""
        try:
            self.close()
        except JournalError:
            if error is None:
                raise

    def __len__(self) -> int:
        """How many entries it has."""
        return len(self._keys)

    def remembered(self, name: str, value: Any) -> Any:
        """What was given under this name when it was first asked for, in this process or an earlier one.

        Parameters
        ----------
        name : str
        value : Any
            What JSON can hold; kept, and on the disk on return, if there is none of this name yet.
        """
        with self._reached():
            return self._kept(REMEMBERED, name, value)

    def find(self, key: str) -> Entry | None:
        """The entry that was written last under a key; None if there is none."""
        with self._waiting_lock:
            if key not in self._keys:
                return None
            waiting = self._waiting.get(key) or self._committing.get(key)
        if waiting is not None:
            return self._entry(_made(key, waiting))
        with self._reached():
            row = self._row(FIT, key)
        return self._entry(row)

    def write(self, key: str, entry: Entry) -> None:
        """Hand an entry over to be written, in the place of one with the same key; returns at once.

        Raises
        ------
        ArgumentTypeError
            The values are not what JSON can hold.
        JournalError
            The journal is closed.
        """
        self._wait(key, _as_row(FIT, key, entry))

    def write_made(self, key: str, make: Callable[[], Entry]) -> None:
        """As `write`, of an entry that the writer's thread asks for: whoever hands it over does not wait for it.

        Parameters
        ----------
        key : str
        make : callable
            Gives an entry that JSON can hold; asked again should the disk be full, or the entry be looked for.

        Raises
        ------
        JournalError
            The journal is closed.
        """
        self._wait(key, make)

    def _wait(self, key: str, entry: Waiting) -> None:
        with self._waiting_lock:
            self._refuse_closed()
            self._waiting[key] = entry
            self._keys.add(key)
        if not self._written.is_set():  # without a lock, and nearly always so
            self._written.set()

    def flush(self) -> None:
        """See to it that all that was written is on the disk.

        Raises
        ------
        JournalError
            It could not be written; it still waits, and the next call tries again.
        """
        with self._reached() as database:
            self._commit(database)

    def close(self) -> None:
        """Write what waits, and let go of the file; a second call does nothing.

        Raises
        ------
        JournalError
            As by `flush`; what waited is lost.
        """
        with self._waiting_lock:
            if self._closing.is_set():
                return
            self._closing.set()
        self._written.set()
        self._writer.join()
        try:
            with self._database_lock, _told(self.path):
                self._commit(self._database)
        finally:
            self._database.close()

    def _write_groups(self) -> None:
        """What the writer's thread does."""
        while not self._closing.is_set():
            self._written.wait()
            began = time.thread_time()
            with suppress(JournalError):  # remembered as the journal's trouble; close sees to what is left
                self.flush()
            taken = time.thread_time() - began
            self._closing.wait(_pause(taken))

    def _commit(self, database: sqlite3.Connection) -> None:
        """Write what waits as a whole or not at all, in the order in which it came."""
        try:
            self._written.clear()
            with self._waiting_lock:
                self._committing, self._waiting = self._waiting, {}
            if self._committing:
                rows = [_made(key, entry) for key, entry in self._committing.items()]
                database.execute("BEGIN")
                database.executemany(WRITE, rows)
                database.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                database.rollback()
            with self._waiting_lock:
                self._committing, self._waiting = {}, {**self._committing, **self._waiting}
            self._written.set()
            if isinstance(error, sqlite3.Error):
                self.trouble = _trouble(self.path, error)
            raise
        self._committing, self.trouble = {}, None

    def _answer(self, asked: dict[str, Any]) -> None:
        """Keep the question in a new file; refuse a file with another one, with all that differs."""
        found = _differences(self._kept(QUESTION, "", asked), asked)
        named = list(islice(found, DIFFERENCES))
        if named:
            more = sum(1 for _ in found)
            others = f"; and {more} more" if more else ""
            raise JournalError(f"'{self.path}' is the journal of another search. {'; '.join(named)}{others}. {ANEW}")

    def _kept(self, kind: str, key: str, value: Any) -> Any:
        """What the file has, or has from now on."""
        row = self._row(kind, key)
        if row is None:
            row = _as_row(kind, key, Entry(value))
            self._database.execute(WRITE, row)
        return self._entry(row).values

    def _row(self, kind: str, key: str) -> Row | None:
        """What the file has under a key."""
        row: Row | None = self._database.execute(READ, (kind, key)).fetchone()
        return row

    def _entry(self, row: Row | None) -> Entry:
        """What a row says, if it is as it was written."""
        if row is not None:
            with suppress(TypeError, ValueError, AttributeError, RecursionError):
                _, key, content, blob, crc = row
                if crc == _crc(key, content, blob):
                    return Entry(json.loads(content), blob)
        raise JournalError(f"'{self.path}' {TROUBLES[sqlite3.SQLITE_CORRUPT]}")

    @contextmanager
    def _reached(self) -> Iterator[sqlite3.Connection]:
        """The database, for one thread at a time."""
        with self._database_lock, _told(self.path):
            self._refuse_closed()
            yield self._database

    def _refuse_closed(self) -> None:
        if self._closing.is_set():
            raise JournalError(f"'{self.path}' is closed. Open it again with Journal(path, question).")


def _pause(taken: float) -> float:
    """The seconds until the next commit, when one has taken so many of the processor."""
    return min(max(PAUSE, taken / SHARE), LONGEST_PAUSE)


def _opened(path: str) -> sqlite3.Connection:
    """The database in a file, made where there is none, and locked."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise JournalError(f"There is no folder '{folder}' for '{path}'. Make it, or give another file.")
    if os.path.isdir(path):
        raise JournalError(f"'{path}' is a folder. Give the name of a file.")
    if os.path.exists(path) and 0 < os.path.getsize(path) < SMALLEST:  # which SQLite would write over
        raise JournalError(f"'{path}' {TROUBLES[sqlite3.SQLITE_NOTADB]}")
    deadline = time.monotonic() + PATIENCE
    while True:
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _begin(database, path)
        except sqlite3.OperationalError as error:
            database.close()
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.01, 0.05))  # two that make a file at once must not go on meeting
        except BaseException:
            database.close()
            raise
        else:
            return database


def _begin(database: sqlite3.Connection, path: str) -> None:
    """Lock a database, and see that it is a journal; an empty one becomes one."""
    database.execute(f"PRAGMA page_size = {PAGE}")
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA trusted_schema = OFF")
    (application,), (version,) = (
        database.execute(f"PRAGMA {number}").fetchone() for number in ("application_id", "user_version")
    )
    schema = [made for (made,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    empty = not (application or version or schema)
    if not empty and application != APPLICATION:
        raise JournalError(f"'{path}' is not the journal of a search, but another database. Give another file.")
    if not empty and version != VERSION:
        raise JournalError(
            f"'{path}' is a journal of version {version}; this version of tabgrad reads version {VERSION}. Go on with "
            f"the version of tabgrad that wrote it. {ANEW}"
        )
    if not empty and (schema != [SCHEMA] or database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)):
        raise JournalError(f"'{path}' {TROUBLES[sqlite3.SQLITE_CORRUPT]}")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")  # finds out what is read-only
    if empty:
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute(SCHEMA)
    database.execute("COMMIT")


ABSENT = object()


def _differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where two questions differ, and what they have there."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            inner = f"{place}.{name}" if place else name
            yield from _differences(before.get(name, ABSENT), now.get(name, ABSENT), inner)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (first, second) in enumerate(zip(before, now, strict=True)):
            yield from _differences(first, second, f"{place}[{i}]")
    elif repr(before) != repr(now):
        first, second = _written(before), _written(now)
        yield f"{place}: {around(first, second)} in the journal, {around(second, first)} now"


def _written(value: Any) -> str:
    """A part of a question as a message shows it."""
    if value is ABSENT:
        return "nothing"
    return f"{value:,}" if type(value) is int else repr(value)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic) and not isinstance(number := value.item(), np.generic):  # as long doubles stay
        return number
    raise TypeError(f"{shown(value)} of type {type(value).__name__}")


_to_json = json.JSONEncoder(default=_plain, separators=(",", ":")).encode


def _as_row(kind: str, key: str, entry: Entry) -> Row:
    """An entry as it is written: JSON in ASCII, whose floats are read back bit for bit."""
    try:
        content = _to_json(entry.values)
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentTypeError(
            f"A journal holds numbers, text, True, False, None, and lists and dicts of them. Got, for '{key or kind}', "
            f"{error}."
        ) from error
    return kind, key, content, entry.blob, _crc(key, content, entry.blob)


def _made(key: str, waiting: Waiting) -> Row:
    return _as_row(FIT, key, waiting()) if callable(waiting) else waiting


def _crc(key: str, content: str, blob: bytes | None) -> int:
    """What notices a bit that has turned on the disk."""
    return zlib.crc32(blob or b"", zlib.crc32(content.encode(), zlib.crc32(key.encode())))


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn SQLite's errors into ones that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _trouble(path, error) from error


def _trouble(path: str, error: sqlite3.Error) -> JournalError:
    return JournalError(f"'{path}' {TROUBLES.get(_code(error), f'cannot be used: {error}.')}")


def _code(error: sqlite3.Error) -> int:
    """SQLite's result code without its details."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
