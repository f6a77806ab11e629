"""Tables out of real databases: a file of SQLite's, and a server of PostgreSQL's that the test starts."""

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from tabgrad.errors import ArgumentError, DataError, TableFileError
from tabgrad.table import memory
from tabgrad.table.query import database_of
from tabgrad.table.read import read

from .test_read_csv import plain

pytest.importorskip("adbc_driver_sqlite")
postgresql = pytest.importorskip("adbc_driver_postgresql.dbapi")

ROWS = 3000  # more than ADBC looks at to tell what a column of SQLite's holds


@pytest.fixture(scope="module")
def farms(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "mit Leer%zeichen?.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE farms (n INT, name TEXT, area REAL, void BLOB, mess NUMERIC, late NUMERIC)")
        connection.executemany(
            "INSERT INTO farms VALUES (?, ?, ?, NULL, ?, ?)",
            [
                (
                    row,
                    f"0{row % 3}",
                    row / 2 if row % 5 else None,
                    row if row % 100 else "n/a",
                    1 if row < 2000 else 0.5,
                )
                for row in range(ROWS)
            ],
        )
    connection.close()
    return path


def test_sqlite(farms):
    table = read(f"sqlite:///{farms}", query="SELECT n, name, area, void, late FROM farms ORDER BY n;")
    assert (table.name, len(table), table.first_row) == (farms.name, ROWS, 0)
    np.testing.assert_array_equal(table["n"], np.arange(ROWS))
    assert table["name"].levels == ("00", "01", "02")
    assert plain(table["area"])[:3] == [None, 0.5, 1.0]
    assert np.isnan(table["void"]).all()
    assert table["late"][-1] == 0.5


def test_a_column_of_sqlite_that_holds_text_among_numbers_is_refused(farms):
    message = (
        r"Column 'mess' holds numbers, but in 30 of 3000 rows a value is no number: 'n/a' in row 0, 'n/a' in row 100"
    )
    with pytest.raises(DataError, match=message):
        read(f"sqlite:///{farms}", query="SELECT mess FROM farms ORDER BY n")


def test_relative_paths_and_home(farms, monkeypatch):
    monkeypatch.chdir(farms.parent)
    monkeypatch.setenv("HOME", str(farms.parent))
    for url in (f"sqlite:///{farms.name}", f"sqlite:///~/{farms.name}"):
        assert len(read(url, query="SELECT n FROM farms LIMIT 5")) == 5


@pytest.mark.parametrize(
    "query, message",
    [
        ("SELECT nosuch FROM farms", r"does not answer: .*no such column: nosuch"),
        ("DROP TABLE farms", r"does not answer: .*syntax error"),
        ("SELECT n FROM farms WHERE n < 0", r"^The query has no answer: .* finds no row for it\.$"),
        ("SELECT n, n FROM farms", r"must have different names\. Got 'n' 2 times"),
    ],
)
def test_queries_that_are_refused(farms, query, message):
    with pytest.raises(DataError, match=message) as caught:
        read(f"sqlite:///{farms}", query=query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source, query, error, message",
    [
        ("sqlite:///{}", None, ArgumentError, r"'query' of read must say what to read from .*: query='SELECT \.\.\.'"),
        ("sqlite:///{}", " ; ", ArgumentError, r"'query' of read must say what to read"),
        ("sqlite:///{}.none", "SELECT 1", TableFileError, r"There is no file '.*\.db\.none'\. Did you mean"),
        (
            "mysql://host/farms",
            "SELECT 1",
            ArgumentError,
            r"sqlite:///PATH or postgresql://HOST/DATABASE\. Got .*'mysql://'",
        ),
        ("farms.csv", "SELECT 1", ArgumentError, r"'query' of read goes with a database's URL.* Got 'farms\.csv'"),
        ("{}", None, TableFileError, r"is an SQLite database, not a table .*read\('sqlite:///PATH', query='SELECT"),
    ],
)
def test_sources_that_are_refused(farms, source, query, error, message):
    with pytest.raises(error, match=message):
        read(source.format(farms), query=query)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "t.db").write_text("a,b\n")
    with pytest.raises(TableFileError, match=r"^t\.db is no SQLite database\.$"):
        read(f"sqlite:///{tmp_path / 't.db'}", query="SELECT 1")


def test_an_answer_that_memory_does_not_hold(farms, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10_000)
    with pytest.raises(
        DataError, match=r"The answer of .*, of 3000 rows, needs about 192 kB of memory, and 10 kB are free"
    ):
        read(f"sqlite:///{farms}", query="SELECT n, name FROM farms")


@pytest.mark.parametrize("driver", ["sqlite", "postgresql"])
def test_a_driver_that_is_not_installed(monkeypatch, driver):
    def refuse(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr("tabgrad.table.query.import_module", refuse)
    with pytest.raises(ImportError, match=rf'Reading from {driver} needs a driver: pip install "tabgrad\[{driver}\]"'):
        read(f"{driver}:///x", query="SELECT 1")


# ---- PostgreSQL ------------------------------------------------------------------------------------------------------

PASSWORD = "p@ss w/rd%"
QUOTED = "p%40ss%20w%2Frd%25"


def _programs():
    """The folder of PostgreSQL's programs."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)


def _unprivileged():
    """Whom to run the server as: it refuses to run as root."""
    if os.getuid():
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def server():
    """A server that listens on a socket in a folder of its own, and asks for a password."""
    programs = _programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL server here (initdb, pg_ctl)")
    who = _unprivileged()
    folder = tempfile.mkdtemp(prefix="pg")
    try:
        (Path(folder) / "password").write_text(PASSWORD)
        for path in (folder, f"{folder}/password"):
            os.chown(path, who.get("user", os.getuid()), who.get("group", os.getgid()))

        def run(program, *arguments):
            subprocess.run(
                [programs / program, "-D", f"{folder}/data", *arguments],
                **who, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
            )  # fmt: skip

        secret = ["-A", "scram-sha-256", "-U", "tester", f"--pwfile={folder}/password"]
        run("initdb", *secret, "--no-sync", "-E", "UTF8", "--locale=C")
        run("pg_ctl", "-o", f"-k {folder} -c listen_addresses='' -c fsync=off", "-w", "-l", f"{folder}/log", "start")
        try:
            url = f"postgresql://tester:{QUOTED}@/postgres?host={folder}"
            with postgresql.connect(url) as connection, connection.cursor() as cursor:
                for statement in TABLE:
                    cursor.execute(statement)
                connection.commit()
            yield url
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


TABLE = [
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    """CREATE TABLE farms (small smallint, n int, large bigint, price numeric(10, 2), whole numeric(30), x real, area
       double precision, name text, code char(3), ripe boolean, day date, at timestamp, zoned timestamptz, mood mood,
       id uuid, data jsonb, paid money, kinds int[], took interval, raw bytea, clock time)""",
    """INSERT INTO farms VALUES (1, 2, 9007199254740993, 3.25, 12345678901234567890123, 1.5, 2.5, 'x', '01', true,
       '2024-02-29', '2024-02-29 10:00', '2024-02-29 10:00+02', 'ok', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{}',
       12.5, '{1}', '1 day', 'abc', '10:00')""",
    "INSERT INTO farms (small, price, whole, large) VALUES (2, 4, 5, 6)",
]


def test_postgresql(server):
    names = "small, n, large, price, whole, x, area, name, code, ripe, day, at, zoned, mood, id, data, clock"
    table = read(server, query=f"SELECT {names} FROM farms")
    assert table.name == "PostgreSQL/postgres"
    assert {name: plain(values) for name, values in table.columns.items() if name not in ("day", "at", "zoned")} == {
        "small": [1, 2],
        "n": [2, None],
        "large": [9007199254740993, 6],
        "price": [3.25, 4],
        "whole": ["12345678901234567890123", "5"],
        "x": [1.5, None],
        "area": [2.5, None],
        "name": ["x", None],
        "code": ["01 ", None],
        "ripe": ["True", None],
        "mood": ["ok", None],
        "id": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
        "data": ["{}", None],
        "clock": [36000, None],
    }
    np.testing.assert_array_equal(table["day"], np.array(["2024-02-29", "NaT"], "M8[us]"))
    np.testing.assert_array_equal(table["zoned"], np.array(["2024-02-29T08:00", "NaT"], "M8[us]"))
    assert any("'whole' holds whole numbers that 64 bits do not hold exactly" in note for note in table.notes)
    assert any("in the time zone UTC, is read in UTC" in note for note in table.notes)


@pytest.mark.parametrize(
    "query, message",
    [
        ("SELECT paid FROM farms", r"'paid' .* is of the type money: ask for it as a number, ::numeric"),
        ("SELECT kinds, raw FROM farms", r"'kinds' of .*nested values.* 'raw' of .*bytes"),
        ("SELECT took FROM farms", r"'took' .* holds intervals: ask for seconds, EXTRACT"),
        ("SELECT nosuch FROM farms", r'does not answer: .*column "nosuch" does not exist'),
        ("INSERT INTO farms (n) VALUES (1)", r"cannot execute INSERT in a read-only transaction"),
        ("DELETE FROM farms RETURNING n", r"cannot execute DELETE in a read-only transaction"),
        ("SELECT n FROM farms WHERE n < 0", r"has no answer"),
    ],
)
def test_queries_that_postgresql_refuses(server, query, message):
    with pytest.raises(DataError, match=message) as caught:
        read(server, query=query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "old, new, message",
    [
        (QUOTED, "wr0ng", "password authentication failed"),
        ("/postgres?", "/nosuch?", 'database "nosuch" does not exist'),
        ("?host=", "?host=/nosuch", "does not answer"),
        (QUOTED, "p:ss%", "does not answer"),
        ("?host=", f"?password={QUOTED}&hots=", "does not answer"),
    ],
)
def test_passwords_are_in_no_message(server, old, new, message):
    url = server.replace(old, new)
    with pytest.raises(DataError, match=message) as caught:
        read(url, query="SELECT 1")
    told = repr(caught.value) + str(caught.value.__cause__) + repr(database_of(url))
    for secret in ("wr0ng", PASSWORD, QUOTED, "w/rd", "w%2Frd", "p:ss"):
        assert secret not in told
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("password", [PASSWORD, "w/rd", "w?rd", "w#rd@x", "w rd"])
def test_passwords_that_are_not_percent_encoded(password):
    with pytest.raises(ArgumentError, match=r"write @, /, \?, # and spaces in .* as %40, %2F, %3F, %23 and %20\.$"):
        read(f"postgresql://tester:{password}@localhost/postgres", query="SELECT 1")


def test_postgresql_answers_as_long_as_there_is_memory(server, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1_000_000)
    with pytest.raises(DataError, match=r"needs more memory than the 1 MB that are free\. Ask for fewer rows"):
        read(server, query="SELECT i, i::text AS t FROM generate_series(1, 2000000) AS i")
