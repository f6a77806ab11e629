"""The journal: entries come back bit for bit, whatever ends the process, and no other search may go on with them."""

import math
import os
import random
import resource
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgrad.errors import ArgumentTypeError, JournalError
from tabgrad.search.journal import APPLICATION, LONGEST_PAUSE, PAUSE, Entry, Journal, _pause

QUESTION = {"version": "0.1.0", "data": {"rows": 13611, "fingerprint": "a3f0"}, "space": {"units": [16, 32]}}


def bits(value):
    """What tells two floats apart that compare as equal, and finds NaN equal to itself."""
    return struct.pack("<d", value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "beans.journal"


def test_entries_come_back_at_once_and_from_the_file(path):
    entry = Entry(
        {"score": 0.1 + 0.2, "error": "ümläut \ud800 \n", "status": "done", "folds": [1, None, True]}, b"\0\1\2"
    )
    with Journal(path, QUESTION) as journal:
        assert journal.find("fit") is None
        journal.write("fit", entry)
        assert journal.find("fit") == entry
        journal.flush()
        assert journal.find("fit") == entry
        assert len(journal) == 1
    with Journal(path, QUESTION) as journal:
        assert journal.find("fit") == entry
        assert journal.find("other") is None
        assert len(journal) == 1
    assert os.listdir(path.parent) == ["beans.journal"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(), min_size=1), st.binary())
def test_every_float_comes_back_bit_for_bit(tmp_path_factory, numbers, blob):
    path = tmp_path_factory.mktemp("floats") / "j"
    numbers = [*numbers, -0.0, math.inf, -math.inf, math.nan, 5e-324, 2**-1074 * 3, 1.7976931348623157e308]
    with Journal(path, {}) as journal:
        journal.write("fit", Entry({"numbers": numbers}, blob))
    with Journal(path, {}) as journal:
        found = journal.find("fit")
    # NaN's payload is the one thing that JSON has no word for
    assert [bits(value if value == value else math.nan) for value in numbers] == [
        bits(value) for value in found.values["numbers"]
    ]
    assert found.blob == blob


def test_numbers_of_numpy_come_back_as_pythons(path):
    values = {"a": np.float64(0.1), "b": np.float32(0.1), "c": np.int64(2**62), "d": np.bool_(True)}
    with Journal(path, {"seed": np.uint64(2**64 - 1)}) as journal:
        journal.write("fit", Entry(values))
        found = journal.find("fit").values
    assert found == {"a": 0.1, "b": float(np.float32(0.1)), "c": 2**62, "d": True}
    assert {type(value) for value in found.values()} == {float, int, bool}
    Journal(path, {"seed": 2**64 - 1}).close()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (np.zeros(2), r"Got, for 'fit', array\(\[0., 0.\]\) of type ndarray\."),
        ({1, 2}, "of type set"),
        (b"bytes", "of type bytes"),
        ({(1, 2): 3}, "keys must be str"),
        (np.longdouble(1), "of type longdouble"),
    ],
)
def test_values_that_json_has_not_are_refused_where_they_are_given(path, value, named):
    with Journal(path, {}) as journal:
        with pytest.raises(ArgumentTypeError, match=named):
            journal.write("fit", Entry({"value": value}))
        assert journal.find("fit") is None
        assert len(journal) == 0
    with pytest.raises(ArgumentTypeError, match="numbers, text, True, False, None"):
        Journal(path.with_name("other"), {"value": value})
    assert not path.with_name("other").exists()


def test_what_is_handed_over_is_made_by_the_writer(path):
    makers = []

    def make():
        makers.append(threading.current_thread().name)
        return Entry({"score": 0.5}, b"blob")

    with Journal(path, QUESTION) as journal:
        journal.write_made("fit", make)
        assert len(journal) == 1
        assert journal.find("fit") == Entry({"score": 0.5}, b"blob")
        journal.write("other", Entry({"score": 1.0}))
        journal.write_made("other", make)  # in the place of that
        deadline = time.monotonic() + 10
        while "tabgrad-journal" not in makers and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "tabgrad-journal" in makers
    with Journal(path, QUESTION) as journal:
        assert [journal.find(key) for key in ("fit", "other")] == [Entry({"score": 0.5}, b"blob")] * 2
    with pytest.raises(JournalError, match="is closed"):
        journal.write_made("late", make)


def test_commits_are_rarer_where_they_take_long_but_never_rare():
    assert _pause(0.0) == _pause(0.0003) == PAUSE
    assert PAUSE < _pause(0.001) < LONGEST_PAUSE
    assert _pause(0.001) == pytest.approx(0.25)
    assert _pause(5.0) == LONGEST_PAUSE < 0.5


def test_the_last_entry_of_a_key_counts(path):
    with Journal(path, {}) as journal:
        for number in range(300):
            journal.write("fit", Entry({"number": number}))
            assert journal.find("fit").values == {"number": number}
            if number % 7 == 0:
                journal.flush()
        assert len(journal) == 1
    with Journal(path, {}) as journal:
        assert journal.find("fit").values == {"number": 299}


def test_what_was_drawn_once_is_remembered(path):
    with Journal(path, {}) as journal:
        assert journal.remembered("seed", 12) == 12
        assert journal.remembered("seed", 13) == 12
        assert journal.remembered("order", (3, 1)) == [3, 1]
    with Journal(path, {}) as journal:
        assert journal.remembered("seed", 14) == 12
        assert journal.remembered("order", None) == [3, 1]
        assert journal.find("seed") is None
        assert len(journal) == 0


def test_many_threads_write_and_find(path):
    def work(worker):
        generator = random.Random(worker)
        for number in range(100):
            key = f"{worker}/{number}"
            journal.write(key, Entry({"score": generator.random()}, bytes([worker]) * number))
            assert journal.find(key).blob == bytes([worker]) * number
            journal.remembered("first", worker)
            if number % 40 == 0:
                journal.flush()

    with Journal(path, {}) as journal, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
        first = journal.remembered("first", None)
    with Journal(path, {}) as journal:
        assert len(journal) == 800
        assert journal.remembered("first", None) == first
        for worker in range(8):
            generator = random.Random(worker)
            for number in range(100):
                assert journal.find(f"{worker}/{number}").values == {"score": generator.random()}


def test_entries_reach_the_disk_without_a_flush(path):
    with Journal(path, {}) as journal:
        for number in range(3):
            journal.write(f"{number}", Entry({}))
            waited = time.monotonic() + 30
            while (journal._waiting or journal._committing) and time.monotonic() < waited:
                time.sleep(0.01)
            assert not journal._waiting


# --- another search, and files that are none --------------------------------------------------------------------------


def refused(path, question=QUESTION):
    with pytest.raises(JournalError) as caught:
        Journal(path, question)
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    assert str(path) in message
    return message


def test_every_difference_of_a_question_is_named(path):
    Journal(path, QUESTION).close()
    now = {
        "version": "0.2.0",
        "data": {"rows": 13610, "fingerprint": "a3f0"},
        "space": {"units": [16, 32, 64], "dropout": [0.1]},
    }
    message = refused(path, now)
    assert message == (
        f"'{path}' is the journal of another search. version: '0.1.0' in the journal, '0.2.0' now; "
        "data.rows: 13,611 in the journal, 13,610 now; space.units: [16, 32] in the journal, [16, 32, 64] now; "
        "space.dropout: nothing in the journal, [0.1] now. To begin anew, delete it or give another file."
    )
    Journal(path, QUESTION).close()  # and the file is as it was


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ({"a": [1, 2]}, {"a": [1, 3]}, "a[1]: 2 in the journal, 3 now"),
        ({"a": [{"b": 1}]}, {"a": [{"b": None}]}, "a[0].b: 1 in the journal, None now"),
        ({"a": 1}, {"a": 1.0}, "a: 1 in the journal, 1.0 now"),
        ({"a": True}, {"a": 1}, "a: True in the journal, 1 now"),
        ({"a": 0.1}, {"a": 0.1 + 2e-17}, "a: 0.1 in the journal, 0.10000000000000002 now"),
        ({"a": 1}, {}, "a: 1 in the journal, nothing now"),
        ({"a": "x" * 300 + "y"}, {"a": "x" * 300 + "z"}, "xxxy' in the journal, ..." + "x" * 40 + "z' now"),
        ({"a": "\x1b[31m"}, {"a": ""}, r"a: '\x1b[31m' in the journal, '' now"),
    ],
)
def test_differences_are_readable(path, before, now, named):
    Journal(path, before).close()
    assert named in refused(path, now)


@pytest.mark.parametrize("question", [{"a": math.nan, "b": [math.inf]}, {"b": {"y": 1, "x": (2, 3)}, "a": {}}])
def test_the_same_question_is_the_same(path, question):
    Journal(path, question).close()
    Journal(path, dict(reversed(question.items()))).close()


def test_many_differences_are_counted(path):
    Journal(path, {str(number): number for number in range(40)}).close()
    message = refused(path, {str(number): -1 for number in range(40)})
    assert "11: 11 in the journal, -1 now; and 28 more. To" in message


def damaged(path, change):
    """A journal whose bytes were changed."""
    path.unlink(missing_ok=True)
    with Journal(path, QUESTION) as journal:
        for number in range(500):
            journal.write(f"fit {number}", Entry({"score": number / 7}, b"predictions" * 30))
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: b"Class,Area\nSeker,1\n" * 50, "is not the journal of a search, but a file of another kind"),
        (lambda content: b"x", "is not the journal of a search, but a file of another kind"),
        (lambda content: content[:20000], "is damaged"),
        (lambda content: content[: len(content) // 2], "is damaged"),
        (lambda content: content[:16384] + bytes(len(content) - 16384), "is damaged"),
    ],
)
def test_files_that_are_none_or_cut_off_are_refused_and_left_alone(path, change, named):
    damaged(path, change)
    before = path.read_bytes()
    assert named in refused(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_bit_that_has_turned_is_noticed(path):
    damaged(path, lambda content: content.replace(b"0.42857142857142855", b"0.42857142857142854"))
    with Journal(path, QUESTION) as journal:
        assert journal.find("fit 2").values == {"score": 2 / 7}
        with pytest.raises(JournalError, match="is damaged: it does not hold what was written"):
            journal.find("fit 3")
    damaged(path, lambda content: content.replace(b"predictions", b"predictiohs", 1))
    found = []
    with Journal(path, QUESTION) as journal:
        for number in range(500):
            with suppress(JournalError):
                found.append(journal.find(f"fit {number}"))
    assert len(found) == 499


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["CREATE TABLE shop (article TEXT)"], "is not the journal of a search, but another database"),
        (["PRAGMA application_id = 7"], "is not the journal of a search, but another database"),
        ([f"PRAGMA application_id = {APPLICATION}", "PRAGMA user_version = 2"], "is a journal of version 2; this"),
        ([f"PRAGMA application_id = {APPLICATION}", "PRAGMA user_version = 1", "CREATE TABLE x (y)"], "is damaged"),
    ],
)
def test_other_databases_are_refused_and_left_alone(path, statements, named):
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
    before = path.read_bytes()
    assert named in refused(path)
    assert path.read_bytes() == before


def test_a_file_with_a_trigger_runs_nothing(path):
    Journal(path, QUESTION).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END")
    assert "is damaged" in refused(path)


@pytest.mark.parametrize("content", [b"", "begun"])
def test_a_file_whose_making_was_cut_short_is_begun_anew(path, content):
    if content == "begun":  # the mode is set before the table is made
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode = WAL")
    else:
        path.write_bytes(content)
    with Journal(path, QUESTION) as journal:
        journal.write("fit", Entry({}))
    with Journal(path, QUESTION) as journal:
        assert len(journal) == 1


def test_places_where_no_file_can_be(tmp_path):
    assert f"There is no folder '{tmp_path}/missing'" in refused(tmp_path / "missing" / "j")
    assert "is a folder. Give the name of a file." in refused(tmp_path)
    with pytest.raises(ArgumentTypeError, match=r"'path' of Journal must be a path\. Got None"):
        Journal(None, {})


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder where nobody may make files")
def test_a_folder_where_nothing_can_be_made():
    assert "cannot be opened, or not be made: its folder may be read-only" in refused("/proc/self/beans.journal")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_read_only(path, what):
    Journal(path, QUESTION).close()
    place, mode = (path, 0o400) if what == "file" else (path.parent, 0o500)
    place.chmod(mode)
    try:
        assert "read-only" in refused(path)
    finally:
        place.chmod(0o700)


def test_names_that_sqlite_takes_for_something_else_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory"):
        Journal(name, {}).close()
    assert sorted(os.listdir(tmp_path)) == [":memory:", "file:x?mode=memory"]


# --- one at a time, closed, and errors on the way ---------------------------------------------------------------------


def test_a_second_journal_of_the_same_file_is_refused(path):
    message = "is in use by another search. Wait until that has ended, or give another file."
    with Journal(path, QUESTION) as journal:
        assert message in refused(path)
        program = f"from tabgrad.search.journal import Journal; Journal({str(path)!r}, {{}})"
        other = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
        assert message in other.stderr
        journal.write("fit", Entry({}))
    with Journal(path, QUESTION) as journal:
        assert len(journal) == 1


def test_of_many_that_make_a_file_at_once_one_has_it(path, monkeypatch):
    monkeypatch.setattr("tabgrad.search.journal.PATIENCE", 0.5)
    begun = threading.Barrier(4)
    journals = []

    def work(_):
        begun.wait()
        try:
            journals.append(Journal(path, {}))
        except JournalError as error:
            return str(error)
        return "made"

    with ThreadPoolExecutor(4) as pool:
        ended = sorted(pool.map(work, range(4)), key=len)
    (journal,) = journals
    journal.close()
    assert ended[0] == "made"
    assert all("is in use by another search" in message for message in ended[1:])


def test_a_closed_journal_says_so(path):
    journal = Journal(path, QUESTION)
    journal.close()
    journal.close()
    for call in (lambda: journal.write("a", Entry({})), journal.flush, lambda: journal.remembered("a", 1)):
        with pytest.raises(JournalError, match=r"is closed. Open it again with Journal\(path, question\)"):
            call()


def test_closing_does_not_cover_the_error_of_the_search(path):
    with suppress(KeyboardInterrupt), Journal(path, {}) as journal:
        journal.write("fit", Entry({"score": 1.0}))
        raise KeyboardInterrupt
    with Journal(path, {}) as journal:
        assert journal.find("fit").values == {"score": 1.0}


@contextmanager
def small_disk(limit):
    """No file of this process may be longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_entries_wait_until_there_is_room(path):
    with Journal(path, QUESTION) as journal:
        journal.write("first", Entry({"number": 1}))
        journal.flush()
        with small_disk(200_000):
            for number in range(20):
                journal.write(f"{number}", Entry({"number": number}, bytes(100_000)))
            with pytest.raises(JournalError, match=r"beans.journal' cannot be (read or )?written: the disk"):
                journal.flush()
            assert "what it holds is kept." in str(journal.trouble).lower()
            assert journal.find("first").values == {"number": 1}
            assert journal.find("19") == Entry({"number": 19}, bytes(100_000))
        journal.flush()
        assert journal.trouble is None
    with Journal(path, QUESTION) as journal:
        assert len(journal) == 21
        assert [journal.find(f"{number}").values["number"] for number in range(20)] == list(range(20))


def test_a_full_disk_to_the_end_is_told_and_what_was_there_is_kept(path):
    with Journal(path, QUESTION) as journal:
        journal.write("first", Entry({"number": 1}))
    with small_disk(200_000):
        journal = Journal(path, QUESTION)
        journal.write("second", Entry({}, bytes(1_000_000)))
        with pytest.raises(JournalError, match="the disk"):
            journal.close()
        with suppress(ZeroDivisionError), Journal(path, QUESTION) as journal:
            journal.write("second", Entry({}, bytes(1_000_000)))
            raise ZeroDivisionError
    with Journal(path, QUESTION) as journal:
        assert journal.find("first").values == {"number": 1}
        assert journal.find("second") is None


# --- killed -----------------------------------------------------------------------------------------------------------

KILLING = """
import os, random, signal, sys, time
from tabgrad.search.journal import Entry, Journal

path, generator = sys.argv[1], random.Random(5)


def entry(number):
    score = random.Random(f"0/{number}").random()
    return Entry({"score": score, "other": 1 / (number + 3)}, str(score).encode() * 50)


def write(attempt, told):
    journal = Journal(path, {"rows": 3})
    journal.remembered("seed", attempt)
    os.write(told, b"begun\\n")
    for number in range(len(journal), 10**9):
        journal.write(f"fit {number}", entry(number))
        time.sleep(0.0003)
        if number % 150 == 0:
            journal.flush()
            os.write(told, f"{number + 1}\\n".encode())


before, first = 0, None
for attempt in range(20):
    read, told = os.pipe()
    child = os.fork()
    if not child:
        write(attempt, told)
    os.close(told)
    with open(read) as lines:
        if attempt % 4:  # else it may be killed while it opens the file
            lines.readline()
        time.sleep(generator.uniform(0, 0.15 if attempt % 4 else 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told = [int(line) for line in lines if line != "begun\\n"]
    with Journal(path, {"rows": 3}) as journal:
        count = len(journal)
        assert count >= max([before, *told]), (count, before, told)
        seed = journal.remembered("seed", attempt)
        assert seed == first or first is None, (seed, first)
        first = seed
        for number in range(before if attempt % 5 else 0, count):
            assert journal.find(f"fit {number}") == entry(number), number
        assert journal.find(f"fit {count}") is None
    before = count
    print(count)
"""


def test_killed_at_any_moment_it_holds_all_entries_up_to_one(path):
    """Twenty writers, one after the other, of a process that may fork, since it has no threads."""
    killing = subprocess.run([sys.executable, "-c", KILLING, path], check=False, capture_output=True, text=True)
    assert killing.returncode == 0, killing.stderr
    counts = [int(line) for line in killing.stdout.split()]
    assert len(counts) == 20
    assert len(set(counts)) > 10
    assert any(count % 150 != 1 for count in counts)  # kills met more than what a flush had just written
