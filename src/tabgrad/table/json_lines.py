"""JSON lines: an object a line, its members the columns. Python's own parser, since it tells what each value is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

import numpy as np

from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import DataError
from tabgrad.table import memory
from tabgrad.table.columns import LOSSLESS, Values, column_of, words
from tabgrad.table.encodings import text_of
from tabgrad.table.strings import Rules, Strings, Verdict
from tabgrad.table.table import Table, absent
from tabgrad.table.text_columns import dates_or_words, judge

__all__ = ["Line", "lines_of", "read_json_lines", "table_of"]

FAMILIES = ({int, float}, {str}, {bool})
LONGEST = 1 << 26  # bytes of a line
FIELD = 120  # bytes of memory for a member: an object of Python's in a dict


@dataclass(frozen=True)
class Line:
    """A line: its number, counted from 1, as it stands there, and what it holds."""

    number: int
    raw: bytes
    members: dict[str, Any]


def read_json_lines(blocks: Iterator[bytes], name: str, rules: Rules, encoding: str | None = None) -> Table:
    """A table out of the blocks of a file of JSON lines.

    A member that a line lacks, and null, is missing. Text stays text, but for dates as ISO 8601 writes them.

    Raises
    ------
    DataError
        Lines that are no objects, members twice, values of several kinds in a column, each with its line.
    """
    text = text_of(blocks, name, encoding)
    free, held = memory.available(), 0
    lines: list[Line] = []
    for line in lines_of(text.blocks, name):
        lines.append(line)
        held += len(line.raw) + FIELD * len(line.members)
        if free is not None and held > free:
            raise DataError(f"{name} needs more memory than the {memory.size(free)} that are free. {memory.FIX}")
    if not lines:
        raise DataError(f"{name} is empty: it must hold an object a line.")
    table = table_of(lines, name, rules)
    return replace(table, notes=(*text.notes, *table.notes))


def table_of(lines: Sequence[Line], name: str, rules: Rules) -> Table:
    """The members of some lines as columns.

    Raises
    ------
    DataError
        What the user tells of is in no line; all values that do not fit their columns.
    """
    seen = dict.fromkeys(member for line in lines for member in line.members)
    names = list(seen) if rules.guess else [name for name in seen if name in rules.kinds]
    if lacking := [each for each in rules.kinds if each not in seen]:
        raise DataError(absent(lacking, list(seen), name))
    columns: dict[str, Values] = {}
    notes: list[str] = []
    problems: list[str] = []
    for member in names:
        try:
            verdict = _column([line.members.get(member) for line in lines], member, rules, lines)
        except DataError as error:
            problems.append(str(error))
            continue
        columns[member] = verdict.values
        notes += verdict.notes
        problems += verdict.problems
    if problems:
        more = f" And {len(problems) - SHOWN} more columns like these." if len(problems) > SHOWN else ""
        raise DataError(f"{name} cannot be read as it is. {' '.join(problems[:SHOWN])}{more}")
    first = lines[0].number
    in_step = lines[-1].number - first == len(lines) - 1
    return Table(columns, tuple(notes), name, first if in_step else 1)


def lines_of(blocks: Iterator[bytes], name: str) -> Iterator[Line]:
    """The objects of a text, line by line; blank ones are passed over.

    Raises
    ------
    DataError
        A line that is no object, with its number.
    """
    for number, raw in enumerate(_lines(blocks), 1):
        if not raw.strip():
            continue
        try:
            members = _decoded(raw.decode("utf-8", "surrogatepass"))
        except RecursionError:
            raise DataError(f"Line {number} of {name} is nested too deeply.") from None
        except ValueError as error:
            raise DataError(f"Line {number} of {name} is no JSON object: {error}.") from None
        if not isinstance(members, dict):
            raise DataError(f'Line {number} of {name} must hold an object, {{"area": 1.5}}. Got {shown(members)}.')
        yield Line(number, raw, members)


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            raise DataError(f"A line is longer than {memory.size(LONGEST)}: these are no JSON lines.")
    if rest:
        yield rest


def _decoded(text: str) -> Any:
    """What a line holds. Each pair has a colon outside of text: where there are as many as members, none came twice."""
    value = PLAIN.decode(text)
    return value if isinstance(value, dict) and text.count(":") == len(value) else STRICT.decode(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {shown(doubled)} stands there twice")
    return members


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON's; a missing one is null")


PLAIN = json.JSONDecoder(parse_constant=_constant)
STRICT = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_members)


def _column(values: list[Any], name: str, rules: Rules, lines: Sequence[Line]) -> Verdict:
    """A member of all objects as a column."""
    import polars as pl

    def place(row: int) -> str:
        return f"line {lines[row].number}"

    called = f"Column {shown(name)}"
    types = {*map(type, values)} - {NoneType}
    if not any(types <= family for family in FAMILIES):
        first = {kind: next(row for row, value in enumerate(values) if type(value) is kind) for kind in types}
        found = ", ".join(f"{shown(values[row])} in {place(row)}" for row in sorted(first.values())[:SHOWN])
        expected = "numbers, text or truth values" if types & {list, dict} else "values of one kind"
        raise DataError(f"{called} must hold {expected}. Got {found}.")
    if str in types:
        series = pl.Series(values, dtype=pl.String)
        text = Strings(series.set(series.is_in(list(rules.missing)), None), name, rules, place)
        return judge(text) if name in rules.kinds else dates_or_words(text)
    if types & {int, float}:
        return _numbers(values, types, called, place)
    return Verdict(column_of(values, called))


def _numbers(values: list[Any], types: set[type], called: str, place: Callable[[int], str]) -> Verdict:
    """Integers if all are such, else floats, unless these would change an integer."""
    if types == {int} and None not in values:
        for kind in (np.int64, np.uint64):
            with suppress(OverflowError):
                return Verdict(np.array(values, kind))
    try:
        floats = np.array(values, np.float64)
    except OverflowError:  # an integer beyond
        floats = np.array([value if value is None else _float(value) for value in values], np.float64)
    large = np.flatnonzero(np.abs(floats) >= LOSSLESS).tolist()
    infinite = next((row for row in large if math.isinf(floats[row])), None)
    if infinite is not None:
        raise DataError(f"{called} must hold finite numbers. Got one beyond float64 in {place(infinite)}.")
    changed = next((row for row in large if isinstance(values[row], int) and values[row] != int(floats[row])), None)
    if changed is None:
        return Verdict(floats)
    note = f"{called} holds whole numbers beyond float64, as {values[changed]} in {place(changed)}: kept as text."
    return Verdict(words([None if value is None else str(value) for value in values]), (note,))


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
