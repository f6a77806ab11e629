"""The engines that the suites run on."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tabgrad.engines.base import Engine
from tabgrad.engines.select import ENGINES, get_engine

HAS_NATIVE = find_spec("tabgrad._native") is not None


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    if request.param == "native" and not HAS_NATIVE:
        pytest.skip("tabgrad._native is not built")
    return get_engine(request.param)


@pytest.fixture
def native() -> Engine:
    """The compiled engine, for the suites that compare it with the reference."""
    if not HAS_NATIVE:
        pytest.skip("tabgrad._native is not built")
    return get_engine("native")
