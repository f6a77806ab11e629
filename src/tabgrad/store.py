"""The model file: one flat file without code in it, that says what it holds and notices every bit that has turned.

It is a safetensors file, which any reader of that format opens: eight bytes with the length of the header, the header
(JSON), the arrays one behind the other. The header's ``__metadata__`` hold, as strings,

``format``, ``version``
    "tabgrad.model" and "1".
``kind``
    "sequential", "classifier", "regressor", "ensemble_classifier" or "ensemble_regressor".
``header``
    JSON: what the kind of model writes down.
``versions``
    JSON: of tabgrad, NumPy and Python, when the file was written.
``sha256``
    JSON: the SHA-256 of each array.

The last array, ``header.sha256``, is the SHA-256 of all bytes before the arrays. So every byte stands under a digest,
and nothing is read before the digest around it is right. Digests find accidents; in a file that somebody made by
intention they are right, so all that it says is held against what it can be (see `interpreted`).

Nothing in a file is run, imported or unpickled, and nothing but the file is opened. The same content gives the same
bytes. The container is written and read here, since safetensors' own reader copies every array, and knows no digests.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from tabgrad._files import path_of, write_whole
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, ModelFileError

__all__ = ["ENDING", "Content", "from_bytes", "interpreted", "model_path", "read", "to_bytes", "write"]

ENDING, KERAS_ENDINGS = ".tabgrad", (".keras", ".h5", ".hdf5")
FORMAT, VERSION = "tabgrad.model", "1"
KINDS = ("sequential", "classifier", "regressor", "ensemble_classifier", "ensemble_regressor")
HEADER_DIGEST = "header.sha256"
DIGEST_SIZE = 32
LARGEST_HEADER = 100_000_000  # bytes, as in safetensors
MOST_VALUES = 5_000_000  # in a header: each takes some hundred bytes of memory

DTYPES = {
    name: np.dtype(code)
    for name, code in (
        *(("F64", "<f8"), ("I64", "<i8"), ("U64", "<u8"), ("F32", "<f4"), ("I32", "<i4"), ("U32", "<u4")),
        *(("F16", "<f2"), ("I16", "<i2"), ("U16", "<u2"), ("I8", "|i1"), ("U8", "|u1"), ("BOOL", "|b1")),
    )
}
"""What safetensors calls NumPy's types."""

Row = tuple[str, str, Sequence[int]]
"""Of an array its name, type and shape."""

_BEGINNING = re.compile(rb'\{"__metadata__":\{"format":"tabgrad\.model","version":"([0-9]{1,9})"')
_LOOK = 80  # bytes of a header that hold its beginning

COPY = "Load a copy of it, or save the model again."
WEIGHTS = f"{COPY} Weights alone are read by Sequential.load_weights."
OTHERS = {
    b"PK\x03\x04": "A model of Keras comes over by Sequential.from_keras.",
    b"\x89HDF": "A model of Keras comes over by Sequential.from_keras.",
    b"\x80": "A pickle is not opened here: it may run code. Save the model with its method save.",
}
"""What files of other kinds begin with, and what to do with them."""


@dataclass(frozen=True, eq=False)
class Content:
    """What a model file holds.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    header : mapping
        Plain JSON data: mappings with strings as keys, lists, strings, finite numbers, booleans, None.
    arrays : mapping of arrays
        Of numbers or booleans, by name. Those of a file are views of its bytes and cannot be written to.
    versions : mapping
        Of tabgrad, NumPy and Python, when the file was written; `to_bytes` puts today's in.
    name : str
        What messages call the file.
    """

    kind: str
    header: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    versions: Mapping[str, str] = field(default_factory=dict)
    name: str = "The model file"


# ---- Writing ---------------------------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], content: Content, *, overwrite: bool = True) -> None:
    """Write a file that is there as a whole or not at all; till then the one from before stays.

    Parameters
    ----------
    path : str or path
        Ends in ``.tabgrad``.
    content : Content
    overwrite : bool, default True
        False: a file that is there already is an error.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Another ending, no path, a file that is there already.
    OSError
        The disk is full, the folder is missing or may not be written to.
    """
    text = model_path(path, "filepath", "save")
    if not overwrite and os.path.exists(text):
        raise ArgumentError(f"save finds '{text}' there already. Give another name, or overwrite=True.")
    write_whole(text, _parts(content))


def model_path(path: Any, name: str, owner: str) -> str:
    """A path that a model file may have."""
    text = path_of(path, name, owner)
    if not text.endswith(ENDING):
        keras = " Keras's own files are written by model.to_keras().save." if text.endswith(KERAS_ENDINGS) else ""
        raise ArgumentError(f"'{name}' of {owner} must end in '{ENDING}'. Got {shown(text)}.{keras}")
    return text


def to_bytes(content: Content) -> bytes:
    """The bytes of a model file."""
    return b"".join(_parts(content))


def _parts(content: Content) -> list[bytes | memoryview]:
    """The bytes of a model file: all before the arrays, each array, the digest of the first part."""
    assert content.kind in KINDS, content.kind
    arrays = [(name, _stored(name, array)) for name, array in content.arrays.items()]
    arrays.sort(key=lambda pair: -pair[1].itemsize)  # so that each begins at a multiple of its numbers' size
    buffers = [array.reshape(-1).view(np.uint8).data for _, array in arrays]
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "kind": content.kind,
        "header": _json(content.header),
        "versions": _json(_versions()),
        "sha256": _json(_digests([name for name, _ in arrays], buffers)),
    }
    rows = [(name, _name_of(array.dtype), array.shape) for name, array in arrays]
    head = _head(metadata, rows)
    if len(head) > LARGEST_HEADER:
        raise ArgumentError(
            f"The model cannot be saved: what is not an array takes {len(head):,} bytes, of {LARGEST_HEADER:,} that a "
            "file may have. Are there columns whose texts are all different? Drop them."
        )
    return [head, *buffers, hashlib.sha256(head).digest()]


def _stored(name: str, array: np.ndarray) -> np.ndarray:
    """An array as it lies in the file: in C's order, little end first."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    if little.dtype not in DTYPES.values() or not name or name == HEADER_DIGEST:
        raise ArgumentError(f"'{name}' of type {array.dtype} cannot be an array of a model file.")
    return little


def _name_of(dtype: np.dtype) -> str:
    return next(name for name, known in DTYPES.items() if known == dtype)


def _versions() -> dict[str, str]:
    from tabgrad import __version__

    return {"tabgrad": __version__, "numpy": np.__version__, "python": sys.version.split()[0]}


def _json(data: Any) -> str:
    """The one text that stands for some data."""
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def _digests(names: Sequence[str], buffers: Sequence[memoryview]) -> dict[str, str]:
    return {name: hashlib.sha256(buffer).hexdigest() for name, buffer in zip(names, buffers, strict=True)}


def _head(metadata: Mapping[str, str], rows: Sequence[Row]) -> bytes:
    """All bytes before the arrays: their length, and the header filled up with spaces to a multiple of 8."""
    header: dict[str, Any] = {"__metadata__": metadata}
    begin = 0
    for name, dtype, shape in (*rows, (HEADER_DIGEST, "U8", (DIGEST_SIZE,))):
        end = begin + prod(shape) * DTYPES[dtype].itemsize
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = _json(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


# ---- Reading ---------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> Content:
    """What a model file holds.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    ModelFileError
        The file is damaged, foreign, or of a newer format.
    OSError
        It is not there, or may not be read.
    """
    text = path_of(path, "filepath", "load")
    name, mode = f"'{_one_line(text)}'", os.stat(text).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe would wait, a device never end
        raise ModelFileError("is not a file but a device or a pipe.", name, "Save what it gives to a file first.")
    with open(text, "rb", buffering=0) as file, _noticed(name):
        _check_beginning(file.read(8 + _LOOK), name)  # before all is read of what is something else
        file.seek(0)
        return from_bytes(file.readall(), name)


def from_bytes(data: bytes, name: str = "The model file") -> Content:
    """What the bytes of a model file hold; the arrays are views of them.

    Raises
    ------
    ModelFileError
        They are damaged, foreign, or of a newer format.
    """
    with _noticed(name):
        return _content(memoryview(data).cast("B"), name)


def _content(data: memoryview, name: str) -> Content:
    """What the bytes hold, from the outside to the inside: nothing is read before what stands around it is right."""
    head, body = _halves(data, name)
    metadata, rows = _table(head, name)
    if metadata.keys() != {"format", "version", "kind", "header", "versions", "sha256"}:
        raise _damaged(name, "its metadata are not those of a model")
    header, versions, digests = (_plain(metadata[key], name) for key in ("header", "versions", "sha256"))
    arrays = _arrays(rows, body, digests, name)
    if metadata["kind"] not in KINDS:
        raise ModelFileError(f"holds an unknown kind of model, {shown(metadata['kind'])}.", name, COPY)
    return Content(metadata["kind"], header, arrays, versions, name)


def _halves(data: memoryview, name: str) -> tuple[memoryview, memoryview]:
    """All bytes before the arrays, whose digest is right, and the arrays' without that digest."""
    _check_beginning(bytes(data[: 8 + _LOOK]), name)
    start, end = 8 + int.from_bytes(data[:8], "little"), len(data) - DIGEST_SIZE
    if not _LOOK < start <= min(end, 8 + LARGEST_HEADER):
        raise _damaged(name, f"it has {len(data):,} bytes, too few for what its beginning says")
    if hashlib.sha256(data[:start]).digest() != data[end:]:
        raise _damaged(name, "its header is not the one that was saved, or its end is missing")
    return data[:start], data[start:end]


def _table(head: memoryview, name: str) -> tuple[dict[str, str], list[Row]]:
    """The metadata, and of each array its name, type and shape; the text must be the one that is written for them."""
    text = bytes(head[8:])
    if sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ModelFileError("cannot be used: its header holds too many values.", name, COPY)
    header = json.loads(text)
    metadata = header.pop("__metadata__")
    rows = [(label, row["dtype"], row["shape"]) for label, row in header.items()][:-1]
    if any(type(size) is not int or size < 0 for _, _, shape in rows for size in shape):
        raise _damaged(name, "the shapes in its header are none")
    if _head(metadata, rows) != head:
        raise _damaged(name, "its header is not written as it should be")
    return metadata, rows


def _plain(text: str, name: str) -> dict[str, Any]:
    """The mapping that JSON describes, if it is the one text for it: no name twice, no NaN, nothing of two meanings."""
    data = json.loads(text)
    if not isinstance(data, dict) or _json(data) != text:
        raise _damaged(name, "its metadata are not written as they should be")
    return data


def _arrays(rows: list[Row], body: memoryview, digests: Mapping[str, str], name: str) -> dict[str, np.ndarray]:
    """The arrays as views of the bytes, whose digests are right."""
    ends = list(accumulate((prod(shape) * DTYPES[dtype].itemsize for _, dtype, shape in rows), initial=0))
    if ends[-1] != len(body):
        raise _damaged(name, f"its arrays have {len(body):,} bytes instead of {ends[-1]:,}")
    buffers = [body[begin:end] for begin, end in pairwise(ends)]
    if _digests([label for label, _, _ in rows], buffers) != digests:
        raise _damaged(name, "the numbers in it are not those that were saved")
    arrays = {}
    for (label, dtype, shape), buffer in zip(rows, buffers, strict=True):
        array = np.ndarray(shape, DTYPES[dtype], buffer)
        if dtype == "BOOL" and (array.view(np.uint8) > 1).any():
            raise _damaged(name, f"{shown(label)} holds bytes that are neither true nor false")
        arrays[label] = array
    return arrays


def _check_beginning(data: bytes, name: str) -> None:
    """Whether a file begins as a model file of this format number does."""
    found = _BEGINNING.match(data, 8)
    if found is None:
        other = WEIGHTS if data[8:10] == b'{"' else COPY
        hint = next((hint for magic, hint in OTHERS.items() if data.startswith(magic)), other)
        what = "is empty." if not data else "is not a model file of tabgrad, or its beginning is damaged."
        raise ModelFileError(what, name, hint)
    if found[1] != VERSION.encode():
        number = found[1].decode()
        what = f"has the format number {number}, and this version of tabgrad reads {VERSION}."
        raise ModelFileError(what, name, "Use a newer tabgrad.")


def _damaged(name: str, how: str) -> ModelFileError:
    return ModelFileError(f"is damaged: {how}.", name, COPY)


@contextmanager
def _noticed(name: str) -> Iterator[None]:
    """Whatever a parser says of nonsense is said as one error."""
    try:
        yield
    except ModelFileError:
        raise
    except MemoryError as error:
        raise ModelFileError("does not fit into the memory.", name, "Load it on a larger machine.") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(name, f"its header cannot be read ({shown(str(error))})") from error


@contextmanager
def interpreted(content: Content) -> Iterator[None]:
    """What a model's own reader does with a header's data, so that nonsense in them is a `ModelFileError`.

    The digests of a file that somebody made by intention are right. So layers of a million units, arrays of other
    shapes or names that nothing bears come up here, where records check themselves, before anything is made of them.
    """
    try:
        yield
    except ModelFileError:
        raise
    except Exception as error:  # a constructor may say anything of nonsense
        said = _one_line(str(error)) or type(error).__name__
        said = said if len(said) <= 300 else f"{said[:297]}..."
        what = f"describes no model that can be made: {said.rstrip('.')}."
        raise ModelFileError(what, content.name, _other_version(content)) from error


def _one_line(text: str) -> str:
    """A text that no terminal takes for more than a line of text."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _other_version(content: Content) -> str:
    """What to do about a file that cannot be understood: another version may have written it."""
    theirs, ours = content.versions.get("tabgrad"), _versions()["tabgrad"]
    return COPY if theirs == ours else f"It is from tabgrad {shown(theirs)}, and this is {ours}: use that version."
