"""The section of how to do it again: command, plan, seeds, versions, fingerprints of the data."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tabgrad._wording import printable
from tabgrad.report.judging import Rows, estimators_of
from tabgrad.report.sections import Block, Listing, Pre, Section, Text
from tabgrad.report.sheets import Sheet

__all__ = ["origin_section"]

PACKAGES = ("tabgrad", "numpy", "scikit-learn", "scipy", "polars")
LONGEST_PLAN = 20_000  # characters of a plan that are shown


def origin_section(model: Any, parts: Mapping[str, Rows], command: str) -> Section:
    """How to get the same model and the same page again."""
    return Section("again", "How to get it again", list(_blocks(model, parts, command)))


def _blocks(model: Any, parts: Mapping[str, Rows], command: str) -> Iterator[Block]:
    if command:
        yield Pre(printable(command, 2000))
    if hasattr(model, "get_params"):
        yield Listing("arguments", "Arguments that are not the default", _arguments(model))
    facts = {"Python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    facts |= {name: found for name in PACKAGES if (found := _version(name))}
    yield Listing("versions", "Versions", Sheet({"what": list(facts), "is": list(facts.values())}, "what"))
    prints = {_of(name): rows.whole.fingerprint() for name, rows in parts.items()}
    if known := getattr(model, "_fingerprint", None):
        prints = {"rows of the fit, without the target": known, **prints}
    if prints:
        sheet = Sheet({"rows": list(prints), "SHA-256 of names, kinds and values": list(prints.values())}, "rows")
        yield Listing("fingerprints", "Fingerprints of the data", sheet)
    first = estimators_of(model)[0]
    if getattr(first, "models_", ()):
        plan = json.dumps(json.loads(first.models_[0].plan().to_json()), indent=1)
        cut = "\n..." if len(plan) > LONGEST_PLAN else ""
        yield Pre(plan[:LONGEST_PLAN] + cut, "The plan of the first network, as JSON")
    else:
        yield Text("The model is not one of tabgrad's: its plan is not known.")


def _of(name: str) -> str:
    return "rows of the training" if name == "training" else f"rows {name}"


def _arguments(model: Any) -> Sheet:
    """The arguments of an estimator that differ from what they are where nobody says anything."""
    given = model.get_params(deep=False)
    try:
        plain = type(model)().get_params(deep=False)
    except TypeError:
        plain = {}
    changed = {name: value for name, value in given.items() if name not in plain or repr(plain[name]) != repr(value)}
    return Sheet(
        {"argument": list(changed), "is": [printable(repr(value), 200) for value in changed.values()]}, "argument"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
