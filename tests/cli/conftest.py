"""Tables and models for the commands, and how a test runs one: in this process, with its streams and exit code."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

import numpy as np
import pytest

from tabgrad.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def data(self):
        return json.loads(self.out)


@pytest.fixture
def run(capfd):
    """Run a command; a failure shows what it said."""

    def ran(*words, code=0):
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        result = Ran(int(caught.value.code or 0), out, err)
        if code is not None:
            assert result.code == code, result.err + result.out
        return result

    return ran


def flowers(rows=240, seed=0):
    """Lines of a table that is easy to learn: two numbers, a colour with gaps, a number of the row, and the class."""
    random = np.random.default_rng(seed)
    kinds = np.array(["iris", "lily", "rose"])[np.arange(rows) % 3]
    lines = ["id,length,width,colour,garden,kind"]
    for row, kind in enumerate(kinds):
        centre = {"iris": 0.0, "lily": 4.0, "rose": 8.0}[kind]
        length, width = centre + random.normal(), -centre + random.normal()
        colour = random.choice(["red", "blue", "white", ""])
        lines.append(f"{row + 1000},{length:.3f},{width:.3f},{colour},north,{kind}")
    return lines


def houses(rows=240, seed=0):
    """Lines of a table of numbers with two columns to predict."""
    random = np.random.default_rng(seed)
    lines = ["area,rooms,price,rent"]
    for area, rooms in zip(random.uniform(30, 200, rows), random.integers(1, 7, rows), strict=True):
        price = 1000 * area + 5000 * rooms + 2000 * random.normal()
        lines.append(f"{area:.2f},{rooms},{price:.0f},{price / 250:.2f}")
    return lines


def write(path, lines):
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder with tables and models that tests read and never change."""
    folder = tmp_path_factory.mktemp("shelf")
    write(folder / "flowers.csv", flowers())
    write(folder / "more.csv", flowers(60, seed=1))
    write(folder / "houses.csv.gz", houses())
    for table, targets in (
        ("flowers.csv", ["kind"]),
        ("houses.csv.gz", ["price"]),
        ("houses.csv.gz", ["price", "rent"]),
    ):
        name = {"flowers.csv": "flowers"}.get(table, "houses" if len(targets) == 1 else "both")
        named = [word for target in targets for word in ("--target", target)]
        left = ["--drop", "rent"] if targets == ["price"] else []
        out = folder / f"{name}.tabgrad"
        words = ["fit", folder / table, *named, *left, "--epochs", "30", "--out", out, "--quiet"]
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        assert not caught.value.code
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
