"""Files of models damaged at random and changed by intention: each is refused in one way, or is a whole model.

The suite takes a few thousand; a hundred thousand take some minutes::

    python tests/mutants.py --count 100000 --seed 1

Half of them are damaged bytes: flipped bits, changed bytes, cuts, pieces moved or taken from another file. None may be
loaded. The others are made by somebody who knows the format: values, names and shapes are changed, and all digests are
right. Such a file is refused with `ModelFileError`, or it is a model, which then predicts and can be saved. Memory is
limited, so that a shape out of a file cannot take what it likes.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["TABGRAD_NUM_THREADS"] = "1"  # their stacks count as memory

import numpy as np

from tabgrad import Classifier, Regressor, store
from tabgrad._loading import model_of
from tabgrad.errors import ModelFileError, TabgradError
from tabgrad.estimators import EnsembleClassifier, EnsembleRegressor

GOLDEN = Path(__file__).parent / "golden"
SECONDS = 2.0  # for a file

# ---- Files as their parts, and back with right digests ---------------------------------------------------------------


def compact(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def parts(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Metadata, rows and the arrays' bytes of a file."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return header.pop("__metadata__"), header, data[start:-32]


def sealed(text: bytes, body: bytes) -> bytes:
    """A file whose header has its right length and digest, whatever stands in it."""
    text += b" " * (-len(text) % 8)
    head = len(text).to_bytes(8, "little") + text
    return head + body + hashlib.sha256(head).digest()


def packed(metadata: dict[str, Any], rows: dict[str, Any], body: bytes) -> bytes:
    """A file of some parts."""
    return sealed(compact({"__metadata__": metadata, **rows}).encode(), body)


def made(kind: str, header: Any, arrays: dict[str, np.ndarray], versions: str) -> bytes:
    """A file of some content, with the digests of its arrays, as `tabgrad.store` lays them out."""
    ordered = sorted(arrays.items(), key=lambda pair: -pair[1].itemsize)
    codes = {dtype: name for name, dtype in store.DTYPES.items()}
    rows, body = {}, b""
    for name, array in ordered:
        piece = array.tobytes()
        offsets = [len(body), len(body) + len(piece)]
        rows[name] = {"dtype": codes[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        body += piece
    rows["header.sha256"] = {"dtype": "U8", "shape": [32], "data_offsets": [len(body), len(body) + 32]}
    digests = compact({name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in ordered})
    texts = {"header": compact(header), "versions": versions, "sha256": digests}
    return packed({"format": "tabgrad.model", "version": "1", "kind": kind, **texts}, rows, body)


# ---- Damage ----------------------------------------------------------------------------------------------------------


def flipped(chance: random.Random, data: bytes, other: bytes) -> bytes:
    turned = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8, 64))):
        place = chance.randrange(len(turned))
        turned[place] ^= 1 << chance.randrange(8)
    return bytes(turned)


def overwritten(chance: random.Random, data: bytes, other: bytes) -> bytes:
    turned = bytearray(data)
    begin = chance.randrange(len(turned))
    length = chance.choice((1, 2, 4, 16, 512))
    piece = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length)))
    turned[begin : begin + length] = piece[: len(turned) - begin]
    return bytes(turned)


def cut(chance: random.Random, data: bytes, other: bytes) -> bytes:
    begin, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return chance.choice((data[:begin], data[:begin] + data[end:], data[begin:], data + chance.randbytes(begin % 99)))


def spliced(chance: random.Random, data: bytes, other: bytes) -> bytes:
    begin, end, place = (chance.randrange(len(data) + 1) for _ in range(3))
    source = chance.choice((data, other))
    return (
        data[:place] + source[min(begin, end) : max(begin, end)] + data[place + chance.choice((0, abs(end - begin))) :]
    )


DAMAGE: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (flipped, overwritten, cut, spliced)

# ---- Intention -------------------------------------------------------------------------------------------------------

WORDS = (
    "",
    "a" * 300,
    "nan",
    "../../etc/passwd",
    "os.system",
    "layers.Dense",
    "models.Sequential",
    "\x1b[31m",
    "\ud800",
)
NUMBERS = (0, 1, -1, 2, 3, 255, 2**31, 2**63, 10**12, 10**30, -(10**18), 0.5, -0.5, 1e-300, 1e308, -1e308)
MARK = "what is put in here"
VALUES: tuple[Any, ...] = (*WORDS, *NUMBERS, None, True, False, [], {}, [[]], [1, 2, 3], {"a": 1}, [None] * 50)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in JSON data."""
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield (*path, key)
            yield from places(data[key], (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def edited(chance: random.Random, data: Any, strange: Any = None) -> None:
    """Change some JSON data at one place."""
    found = list(places(data))
    path = chance.choice(found)
    within, key = at(data, path[:-1]), path[-1]
    way = 1 if strange else chance.randrange(8)
    if way == 0:
        del within[key]
    elif way == 1:
        within[key] = strange or []
    elif way == 2:
        within[key] = json.loads(compact(at(data, chance.choice(found))))
    elif way == 3 and isinstance(within[key], int | float):
        within[key] = chance.choice((within[key] + 1, -within[key], within[key] * 10**9, float(within[key])))
    elif way == 4 and isinstance(within[key], str):
        within[key] = chance.choice((within[key] + "x", within[key][:-1], within[key].upper(), within[key][::-1]))
    elif way == 5 and isinstance(within, dict):
        within[chance.choice((str(key) + "_", "class", "name", "units"))] = within.pop(key)
    elif way == 6 and isinstance(within, list):
        within.append(within[key])
    else:
        within[key] = json.loads(compact(chance.choice(VALUES)))


def header_edited(chance: random.Random, data: bytes, other: bytes) -> bytes:
    metadata, rows, body = parts(data)
    header = json.loads(metadata["header"])
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        edited(chance, header)
    return packed({**metadata, "header": compact(header)}, rows, body)


def deepened(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """Lists or layers in each other, deeper than anybody reads them."""
    metadata, rows, body = parts(data)
    header = json.loads(metadata["header"])
    edited(chance, header, MARK)
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}"), ('{"class":"layers.Residual","layers":[', "]}")))
    depth = chance.choice((10, 100, 300, 900, 1000, 5000, 100_000))
    text = compact(header).replace(f'"{MARK}"', opening * depth + '{"class":"layers.Flatten"}' + closing * depth, 1)
    return packed({**metadata, "header": text}, rows, body)


def table_edited(chance: random.Random, data: bytes, other: bytes) -> bytes:
    metadata, rows, body = parts(data)
    whole = {"__metadata__": metadata, **rows}
    edited(chance, whole)
    return sealed(compact(whole).encode(), body)


def text_edited(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """The header's text changed as bytes, under a right digest."""
    start = 8 + int.from_bytes(data[:8], "little")
    text = data[8:start].rstrip(b" ")
    return sealed(chance.choice(DAMAGE)(chance, text, other[8:2000]), data[start:-32])


def arrays_edited(chance: random.Random, data: bytes, other: bytes) -> bytes:
    content = store.from_bytes(data)
    arrays = dict(content.arrays)
    name = chance.choice(sorted(arrays))
    array = arrays.pop(name)
    way = chance.randrange(8)
    if way == 0:
        arrays[name + "x"] = array
    elif way == 1:
        arrays[name] = array.reshape(-1)[: array.size // 2]
    elif way == 2:
        arrays[name] = array.reshape(*array.shape, 1)
    elif way == 3:
        arrays[name] = array.astype(chance.choice(("f8", "f2", "i4", "u1", "?")))
    elif way == 4:
        arrays[name] = np.frombuffer(chance.randbytes(array.nbytes), array.dtype).reshape(array.shape)
    elif way == 5:
        arrays[name] = np.full_like(array, chance.choice((np.nan, np.inf, 1e38, -1)) if array.dtype.kind == "f" else 1)
    elif way == 6:
        arrays |= {name: array, "more": np.zeros(chance.randrange(3), np.float32)}
    versions = compact(dict(content.versions))
    return made(chance.choice((content.kind,) * 9 + store.KINDS), content.header, arrays, versions)


def mixed(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """The header of one model over the arrays of another."""
    mine, theirs = store.from_bytes(data), store.from_bytes(other)
    header = {**mine.header, **{key: theirs.header[key] for key in theirs.header if chance.random() < 0.3}}
    return made(mine.kind, header, chance.choice((mine, theirs)).arrays, compact(dict(mine.versions)))


INTENTION = (header_edited, header_edited, header_edited, deepened, table_edited, text_edited, arrays_edited, mixed)

# ---- What must hold --------------------------------------------------------------------------------------------------


def loaded(data: bytes) -> Any:
    """The model in a file, or the one error that there may be."""
    try:
        return model_of(store.from_bytes(data))
    except ModelFileError as error:
        return error


def check_whole(model: Any) -> None:
    """A model that a file describes can be saved, is then the same, and predicts or says why not."""
    data = store.to_bytes(model._to_content())
    again = model_of(store.from_bytes(data))
    assert store.to_bytes(again._to_content()) == data
    with contextlib.suppress(TabgradError):
        if isinstance(model, Classifier | Regressor):
            assert len(model.predict({name: [0.5, 1.5] for name in model.encoder_.names})) == 2
        elif isinstance(model, EnsembleClassifier | EnsembleRegressor):
            assert len(model.predict({column.name: [0.5, 1.5] for column in model.table_schema_})) == 2
        elif model.built:
            shape = model.input_shape
            rows = [np.zeros((2, width), np.float32) for _, width in (shape if isinstance(shape, list) else [shape])]
            assert model.predict(rows if len(rows) > 1 else rows[0]).shape == (2, model.output_shape[1])


def outcome(chance: random.Random, files: list[bytes]) -> str:
    """Make one mutant and load it."""
    data, other = chance.choice(files), chance.choice(files)
    by_intention = chance.random() < 0.5
    mutant = chance.choice(INTENTION if by_intention else DAMAGE)(chance, data, other)
    model = loaded(mutant)
    if isinstance(model, ModelFileError):
        assert str(model).isprintable(), "a message of more than one line"
        return "refused"
    if by_intention:
        check_whole(model)
        return "another model" if mutant not in files else "unchanged"
    assert mutant in files, "a damaged file was loaded"
    return "unchanged"


def limit_memory(mebibytes: int) -> None:
    """No more memory than this beyond what the process has now."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--count", type=int, default=100_000)
    reader.add_argument("--seed", type=int, default=0)
    reader.add_argument("--memory", type=int, default=256, help="MiB beyond what the process has at the start")
    options = reader.parse_args()
    files = [path.read_bytes() for path in sorted(GOLDEN.glob("*.tabgrad"))]
    for data in files:
        check_whole(loaded(data))
    if sys.platform == "linux":
        limit_memory(options.memory)
    counts: Counter[str] = Counter()
    slowest = 0.0
    for number in range(options.count):
        chance = random.Random(f"{options.seed} {number}")
        began = time.process_time()
        try:
            counts[outcome(chance, files)] += 1
        except BaseException:
            print(f"mutant {number} of seed {options.seed}", file=sys.stderr)
            raise
        slowest = max(slowest, time.process_time() - began)
        assert slowest < SECONDS, f"mutant {number} of seed {options.seed} took {slowest:.1f} s"
    print(json.dumps({"mutants": options.count, **counts, "slowest_ms": round(1000 * slowest, 1)}))


if __name__ == "__main__":
    main()
