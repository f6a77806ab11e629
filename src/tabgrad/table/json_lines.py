"""JSON lines: an object a line, its members the columns. Python's own parser, since it tells what each value is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import DataError
from tabgrad.table import memory
from tabgrad.table.columns import LOSSLESS, Values, column_of, words
from tabgrad.table.encodings import encoding_of, utf8
from tabgrad.table.strings import Rules, Strings, Verdict
from tabgrad.table.table import Table, absent
from tabgrad.table.text_columns import dates_or_words, judge

__all__ = ["read_json_lines"]

INFINITE = (math.inf, -math.inf)
LONGEST = 1 << 26  # bytes of a line
FIELD = 120  # bytes of memory for a member: an object of Python's in a dict


def read_json_lines(blocks: Iterator[bytes], name: str, rules: Rules, encoding: str | None = None) -> Table:
    """A table out of the blocks of a file of JSON lines.

    A member that a line lacks, and null, is missing. Text stays text, but for dates as ISO 8601 writes them.

    Raises
    ------
    DataError
        Lines that are no objects, members twice, values of several kinds in a column, each with its line.
    """
    first = next(blocks, b"")
    encoding, mark, note = encoding_of(first, name, encoding)
    objects, lines = _objects(utf8(chain([first], blocks), encoding, mark, name), name)
    if not objects:
        raise DataError(f"{name} is empty: it must hold an object a line.")
    names = list(dict.fromkeys(member for each in objects for member in each))
    if lacking := [each for each in rules.kinds if each not in names]:
        raise DataError(absent(lacking, names, name))
    columns: dict[str, Values] = {}
    notes, problems = [note] if note else [], []
    for member in names:
        try:
            verdict = _column([each.get(member) for each in objects], member, rules, lines)
        except DataError as error:
            problems.append(str(error))
            continue
        columns[member] = verdict.values
        notes += verdict.notes
        problems += verdict.problems
    if problems:
        more = f" And {len(problems) - SHOWN} more columns like these." if len(problems) > SHOWN else ""
        raise DataError(f"{name} cannot be read as it is. {' '.join(problems[:SHOWN])}{more}")
    return Table(columns, tuple(notes), name, lines[0] if lines[-1] - lines[0] == len(lines) - 1 else 1)


def _objects(blocks: Iterator[bytes], name: str) -> tuple[list[dict[str, Any]], list[int]]:
    """The objects of all lines, and the line of each."""
    free, held = memory.available(), 0
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(_lines(blocks), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_members, parse_constant=_constant)
        except RecursionError:
            raise DataError(f"Line {number} of {name} is nested too deeply.") from None
        except ValueError as error:
            raise DataError(f"Line {number} of {name} is no JSON object: {error}.") from None
        if not isinstance(value, dict):
            raise DataError(f'Line {number} of {name} must hold an object, {{"area": 1.5}}. Got {shown(value)}.')
        objects.append(value)
        lines.append(number)
        held += len(line) + FIELD * len(value)
        if free is not None and held > free:
            raise DataError(
                f"{name} needs more memory than the {memory.size(free)} that are free. Take part of its rows."
            )
    return objects, lines


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            raise DataError(f"A line is longer than {memory.size(LONGEST)}: these are no JSON lines.")
    if rest:
        yield rest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {shown(doubled)} stands there twice")
    return members


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON's; a missing one is null")


def _column(values: list[Any], name: str, rules: Rules, lines: list[int]) -> Verdict:
    """A member of all objects as a column."""
    import polars as pl

    def place(row: int) -> str:
        return f"line {lines[row]}"

    called = f"Column {shown(name)}"
    first: dict[type, int] = {}
    for row, value in enumerate(values):
        if value is not None:
            first.setdefault(float if type(value) is int else type(value), row)
    if len(first) > 1 or first.keys() & {list, dict}:
        found = ", ".join(f"{shown(values[row])} in {place(row)}" for row in first.values())
        expected = "values of one kind" if len(first) > 1 else "numbers, text or truth values"
        raise DataError(f"{called} must hold {expected}. Got {found}.")
    if str in first:
        series = pl.Series(values, dtype=pl.String)
        text = Strings(series.set(series.is_in(list(rules.missing)), None), name, rules, place)
        return judge(text) if name in rules.kinds else dates_or_words(text)
    if float not in first:
        return Verdict(column_of(values, called, 1))
    infinite = next((row for row, value in enumerate(values) if value in INFINITE), None)
    if infinite is not None:
        raise DataError(f"{called} must hold finite numbers. Got one beyond float64 in {place(infinite)}.")
    changed = _changed(values)
    if changed is None:
        return Verdict(column_of(values, called, 1))
    note = f"{called} holds whole numbers beyond float64, as {values[changed]} in {place(changed)}: kept as text."
    return Verdict(words([None if value is None else str(value) for value in values]), (note,))


def _changed(values: list[Any]) -> int | None:
    """The first row whose whole number a column of floats, or of integers if all are such, would change."""
    whole = all(isinstance(value, int) for value in values)
    for row, value in enumerate(values):
        if isinstance(value, int) and abs(value) > LOSSLESS and not (whole and -(2**63) <= value < 2**63):
            return row
    return None
