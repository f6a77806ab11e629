"""The model file: what is saved comes back, and what is not whole, not ours or not possible is refused in one way."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from mutants import compact, packed, parts, sealed

from tabgrad import store
from tabgrad.errors import ArgumentError, ArgumentTypeError, ModelFileError
from tabgrad.store import Content, from_bytes, to_bytes

HEADER = {"text": "ü\ud800\n\x1b[31m", "list": [1, -2.5, 1e-300, None, True, [], {}], "deep": {"a": {"b": 2**70}}}
ARRAYS = {
    "truth": np.array([True, False, True]),
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "none": np.zeros((0, 4)),
    "number": np.array(3.5),
    "big end": np.arange(3, dtype=">i8"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(12, dtype=np.int32)[::3],
    "not finite": np.array([np.nan, np.inf, -0.0]),
    **{kind: np.array([1, 2, 3], kind) for kind in ("i1", "u1", "i2", "u2", "u4", "u8", "f2")},
}


def content(kind="classifier"):
    return Content(kind, HEADER, ARRAYS)


def refused(data, message=" "):
    with pytest.raises(ModelFileError, match=message) as error:
        from_bytes(bytes(data))
    assert "\n" not in str(error.value)
    return error.value


def test_content_comes_back():
    data = to_bytes(content())
    read = from_bytes(data)
    assert (read.kind, read.header) == ("classifier", HEADER)
    assert set(read.versions) == {"tabgrad", "numpy", "python"}
    assert read.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(read.arrays[name], array, equal_nan=array.dtype.kind == "f"), name
        assert read.arrays[name].dtype == array.dtype.newbyteorder("="), name
        assert read.arrays[name].shape == array.shape
        assert read.arrays[name].flags.aligned, name
    assert np.signbit(read.arrays["not finite"][2])


def test_the_same_content_gives_the_same_bytes():
    data = to_bytes(content())
    assert data == to_bytes(content()) == to_bytes(from_bytes(data))


def test_any_reader_of_safetensors_opens_it():
    tensors = safetensors.numpy.load(to_bytes(content()))
    assert tensors.keys() == ARRAYS.keys() | {"header.sha256"}
    assert all(
        np.array_equal(tensors[name], array, equal_nan=array.dtype.kind == "f") for name, array in ARRAYS.items()
    )


def test_every_turned_bit_and_every_cut_is_noticed():
    data = to_bytes(content())
    for bit in range(8 * len(data)):
        turned = bytearray(data)
        turned[bit // 8] ^= 1 << bit % 8
        refused(turned)
    for length in range(len(data)):
        refused(data[:length])
    refused(data + b"\0")


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "The model file is empty. Load a copy"),
        (b"a,b\n1,2\n", "is not a model file of tabgrad, or its beginning is damaged"),
        (b"PK\x03\x04" + bytes(99), "comes over by Sequential.from_keras"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "comes over by Sequential.from_keras"),
        (b"\x80\x04\x95" + bytes(99), "A pickle is not opened here: it may run code"),
    ],
)
def test_files_of_other_kinds(data, message):
    refused(data, message)


def test_a_newer_format():
    data = to_bytes(content())
    refused(
        data.replace(b'"version":"1"', b'"version":"2"'), "has the format number 2, and this .* reads 1. Use a newer"
    )


MADE = to_bytes(Content("sequential", {"a": [1, 2]}, {"w": np.zeros(2, np.float32), "t": np.zeros(1, bool)}))


def changed_row(**changes):
    def change(metadata, rows, body):
        rows["w"] |= changes
        return packed(metadata, rows, body)

    return change


def changed_metadata(**changes):
    def change(metadata, rows, body):
        metadata |= changes
        return packed({key: value for key, value in metadata.items() if value is not None}, rows, body)

    return change


def sound_digest(array):
    return hashlib.sha256(array).hexdigest()


HOSTILE = {
    "a shape of another size": (changed_row(shape=[3]), "its header is not written as it should be"),
    "a huge shape": (changed_row(shape=[10**12]), "its header is not written as it should be"),
    "a huge shape and offsets": (
        changed_row(shape=[10**12], data_offsets=[0, 4 * 10**12]),
        "its header is not written as it should be",
    ),
    "shapes that meet zero": (changed_row(shape=[0, 10**30], data_offsets=[0, 0]), "not written"),
    "a negative shape": (changed_row(shape=[-2, -1]), "the shapes in its header are none"),
    "a shape of truth values": (changed_row(shape=[True, 2]), "the shapes in its header are none"),
    "a shape of text": (changed_row(shape="2"), "the shapes in its header are none"),
    "no shape": (changed_row(shape=None), "its header cannot be read"),
    "an unknown type": (changed_row(dtype="F8_E4M3"), "its header cannot be read"),
    "a type that is none": (changed_row(dtype=["F32"]), "its header cannot be read"),
    "a hole": (changed_row(data_offsets=[4, 12]), "its header is not written as it should be"),
    "another field": (changed_row(more=1), "its header is not written as it should be"),
    "an unknown kind": (changed_metadata(kind="os.system"), "holds an unknown kind of model, 'os.system'"),
    "a kind that is none": (changed_metadata(kind=["sequential"]), "an unknown kind of model"),
    "no header": (changed_metadata(header=None), "its metadata are not those of a model"),
    "more metadata": (changed_metadata(more="x"), "its metadata are not those of a model"),
    "metadata that are no text": (changed_metadata(header={"a": 1}), "its header cannot be read"),
    "a header that is a list": (changed_metadata(header="[]"), "not written as they should be"),
    "a name twice": (changed_metadata(header='{"a":1,"a":2}'), "not written as they should be"),
    "spaces": (changed_metadata(header='{"a": 1}'), "not written as they should be"),
    "NaN": (changed_metadata(header='{"a":NaN}'), "its header cannot be read"),
    "1e999": (changed_metadata(header='{"a":1e999}'), "its header cannot be read"),
    "a number of a million digits": (changed_metadata(header='{"a":' + "9" * 10**6 + "}"), "its header cannot be read"),
    "deep nesting": (changed_metadata(header='{"a":' + "[" * 10**5 + "]" * 10**5 + "}"), "its header cannot be read"),
    "no JSON": (changed_metadata(header="os.system('true')"), "its header cannot be read"),
    "other digests": (changed_metadata(sha256='{"w":"00"}'), "the numbers in it are not those that were saved"),
    "digests that are none": (changed_metadata(sha256="[]"), "not written as they should be"),
    "versions that are none": (changed_metadata(versions="3"), "not written as they should be"),
    "bytes between": (lambda metadata, rows, body: packed(metadata, rows, body + b"\0"), "its arrays have 10 bytes"),
    "bytes missing": (lambda metadata, rows, body: packed(metadata, rows, body[:-1]), "its arrays have 8 bytes"),
    "other bytes": (lambda metadata, rows, body: packed(metadata, rows, b"\1" * 9), "the numbers in it are not those"),
    "a digest in the middle": (
        lambda metadata, rows, body: packed(metadata, dict(reversed(rows.items())), body),
        "its header is not written as it should be",
    ),
    "neither true nor false": (
        lambda metadata, rows, body: packed(
            metadata | {"sha256": compact({"w": sound_digest(body[:8]), "t": sound_digest(b"\2")})},
            rows,
            body[:8] + b"\2",
        ),
        "'t' holds bytes that are neither true nor false",
    ),
    "metadata twice": (
        lambda metadata, rows, body: resealed(
            packed(metadata, rows, body), b'"w":{', b'"__metadata__":{"a":"b"},"w":{'
        ),
        "cannot be read|not written",
    ),
    "a row twice": (
        lambda metadata, rows, body: resealed(
            packed(metadata, rows, body), b'"w":{', b'"w":{"dtype":"F64","shape":[9],"data_offsets":[0,72]},"w":{'
        ),
        "its header is not written as it should be",
    ),
}


def resealed(data, old, new):
    """A file whose header's text is changed, with the length and the digest that belong to it."""
    start = 8 + int.from_bytes(data[:8], "little")
    return sealed(data[8:start].replace(old, new, 1), data[start:-32])


def test_the_hostile_files_are_made_rightly():
    metadata, rows, body = parts(MADE)
    assert packed(metadata, rows, body) == MADE


@pytest.mark.parametrize("name", HOSTILE)
def test_files_made_by_intention(name):
    made, message = HOSTILE[name]
    refused(made(*parts(MADE)), message)


def test_a_header_of_too_many_values(monkeypatch):
    monkeypatch.setattr(store, "MOST_VALUES", 20)
    refused(MADE, "holds too many values")


def test_what_does_not_fit_into_the_memory(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(store, "_arrays", fail)
    refused(MADE, "does not fit into the memory. Load it on a larger machine")


def test_a_header_that_is_too_long(monkeypatch):
    monkeypatch.setattr(store, "LARGEST_HEADER", 500)
    refused(MADE, "too few for what its beginning says")
    with pytest.raises(ArgumentError, match=r"what is not an array takes [0-9,]+ bytes, of 500 that a"):
        to_bytes(content())


@pytest.mark.parametrize("name, array", [("a", np.array(["text"])), ("a", np.array([1j])), ("a", np.array([None]))])
def test_arrays_that_no_file_holds(name, array):
    with pytest.raises(ArgumentError, match=f"'{name}' of type .* cannot be an array of a model file"):
        to_bytes(Content("sequential", {}, {name: array}))


# ---- Files -----------------------------------------------------------------------------------------------------------


def test_a_file_comes_back(tmp_path):
    path = tmp_path / "a model ü.tabgrad"
    store.write(path, content())
    assert path.read_bytes() == to_bytes(content())
    read = store.read(str(path))
    assert (read.header, read.name) == (HEADER, f"'{path}'")
    assert os.listdir(tmp_path) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "b").touch() or (tmp_path / "b").stat().st_mode
    )


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    store.write("~/m.tabgrad", content())
    assert (tmp_path / "m.tabgrad").exists()
    assert store.read("~/m.tabgrad").header == HEADER


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "m.tabgrad", tmp_path / "link.tabgrad"
    path.write_bytes(b"old")
    path.chmod(0o600)
    link.symlink_to(path)
    store.write(link, content())
    assert link.is_symlink()
    assert path.read_bytes() == to_bytes(content())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_longest_name(tmp_path):
    path = tmp_path / ("ü" * 123 + ".tabgrad")  # 254 of 255 bytes
    store.write(path, content())
    assert store.read(path).header == HEADER


@pytest.mark.parametrize(
    "path, kind, message",
    [
        (3, ArgumentTypeError, "'filepath' of save must be a path. Got 3."),
        ("", ArgumentTypeError, "'filepath' of save must be a path. Got ''."),
        (
            "model.keras",
            ArgumentError,
            "'filepath' of save must end in '.tabgrad'. Got 'model.keras'. Keras's own files are written by "
            "model.to_keras().save.",
        ),
    ],
)
def test_paths_that_cannot_be_written(path, kind, message):
    with pytest.raises(kind) as error:
        store.write(path, content())
    assert str(error.value) == message


def test_errors_of_the_system_name_the_path(tmp_path):
    missing = tmp_path / "missing" / "m.tabgrad"
    with pytest.raises(FileNotFoundError) as error:
        store.write(missing, content())
    assert str(missing) in str(error.value)
    with pytest.raises(FileNotFoundError, match=r"m\.tabgrad"):
        store.read(missing)
    folder = tmp_path / "folder.tabgrad"
    folder.mkdir()
    for call in (store.read, lambda path: store.write(path, content())):
        with pytest.raises(IsADirectoryError) as error:
            call(folder)
        assert str(folder) in str(error.value)
    assert os.listdir(tmp_path) == ["folder.tabgrad"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_neither_pipes_nor_devices_are_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelFileError, match="is not a file but a device or a pipe"):
            store.read(path)


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    path, calls = tmp_path / "m.tabgrad", []
    fsync, rename = os.fsync, os.replace

    def synced(handle):
        mode = os.fstat(handle).st_mode
        calls.append("folder" if stat.S_ISDIR(mode) else f"{os.fstat(handle).st_size} bytes")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", lambda *names: calls.append("renamed") or rename(*names))
    store.write(path, content())
    assert calls == [f"{path.stat().st_size} bytes", "renamed", "folder"]


DISK_FULL = """
import resource, signal, sys
from tabgrad import store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
content = store.read(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
store.write(sys.argv[1], content)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on files")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.tabgrad"
    store.write(path, content())
    before = path.read_bytes()
    run = subprocess.run([sys.executable, "-c", DISK_FULL, path], capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1] == f"OSError: [Errno 27] File too large: '{path}'"
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


REWRITE = """
import sys
from tabgrad import store
store.write(sys.argv[2], store.read(sys.argv[1]))
"""
CALLS = ("write:when=1", "write:when=2", "fsync:when=1", "chmod:when=1", "rename:when=1", "fsync:when=2")


def traced(injection, *arguments):
    """Run the program above with something done to one of its calls of the system."""
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={injection}"]
    return subprocess.run(
        [*command, sys.executable, "-c", REWRITE, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ["signal=KILL", "error=ENOSPC"])
def test_every_call_of_the_system_may_fail_or_be_the_last(call, what, tmp_path):
    source, path = tmp_path / "new.tabgrad", tmp_path / "m.tabgrad"
    store.write(source, Content("sequential", HEADER, {"w": np.zeros(50_000)}))  # more than one write
    store.write(path, content())
    before, after = path.read_bytes(), source.read_bytes()
    name, when = call.split(":")
    run = traced(f"{name}:{what}:{when}", source, path)
    if "ptrace" in run.stderr:
        pytest.skip(run.stderr)
    assert run.returncode != 0
    assert path.read_bytes() == (after if call == "fsync:when=2" else before)
    store.read(path)
    if what.startswith("error"):
        assert run.stderr.splitlines()[-1] == f"OSError: [Errno 28] No space left on device: '{path}'"
        assert sorted(os.listdir(tmp_path)) == ["m.tabgrad", "new.tabgrad"]


def test_an_error_can_be_pickled_and_read():
    import pickle

    error = refused(b"")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (again.what, again.where, again.hint) == ("is empty.", "The model file", store.COPY)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    "error", [KeyError("a"), ValueError("a\nb\x1b[31m"), RecursionError(), ZeroDivisionError("x" * 999)]
)
def test_what_a_model_makes_of_nonsense_is_one_error(error):
    with pytest.raises(ModelFileError) as raised, store.interpreted(content()):
        raise error
    assert str(raised.value).startswith("The model file describes no model that can be made: ")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 450


def test_an_error_of_the_file_stays_as_it_is():
    with pytest.raises(ModelFileError, match="is empty"), store.interpreted(content()):
        from_bytes(b"")
