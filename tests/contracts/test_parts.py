"""The table of parts is complete, and so are the engines."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

import pytest

from tabgrad._record import Record
from tabgrad.engines.select import ENGINES, get_engine

from .parts import PARTS, catalogued, defaults_of, options_of, records_of

IN_TABLE = [record for part in PARTS for record in (part.record, *records_of(part.plan))]
OPTIONS = sorted(
    ((record, option) for record in catalogued() for option in options_of(record)),
    key=lambda row: (row[0].__module__, row[0].__name__, row[1]),
)


def test_a_part_that_the_table_misses_would_be_seen() -> None:
    # The search itself finds what the catalogues hold; 40 is their number when this was written.
    assert len(catalogued()) >= 40
    assert ("Adam", "global_clipnorm") in [(record.__name__, option) for record, option in OPTIONS]
    assert ("Dense", "use_bias") in [(record.__name__, option) for record, option in OPTIONS]


@pytest.mark.parametrize(
    "record", sorted(catalogued(), key=str), ids=lambda record: f"{record.__module__}.{record.__name__}"
)
def test_every_part_has_a_row(record: type[Record]) -> None:
    assert any(type(part.record) is record for part in PARTS), f"no row in parts.py is about {record.__name__}"


@pytest.mark.parametrize(("record", "option"), OPTIONS, ids=lambda value: getattr(value, "__name__", value))
def test_every_option_has_a_row(record: type[Record], option: str) -> None:
    values = [getattr(row, option) for row in IN_TABLE if type(row) is record]
    assert any(value != defaults_of(record)[option] for value in values), (
        f"no row in parts.py has a {record.__name__} whose '{option}' is not {defaults_of(record)[option]!r}"
    )


def test_an_installed_package_has_its_native_engine() -> None:
    try:
        distribution("tabgrad")
    except PackageNotFoundError:
        pytest.skip("tabgrad runs from its sources here, not installed")
    assert find_spec("tabgrad._native") is not None, "tabgrad is installed without its native engine"
    assert [get_engine(name).name for name in ENGINES] == ["native", "reference"]
