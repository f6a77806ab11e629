"""The record of a run: the machine, the commit and the versions beside the rows, as JSON and as a table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from processes import CORES, HERE
from verdict import Row

SYSTEMS = ["tabgrad", "numpy", "keras", "jax", "torch", "scikit-learn", "scikeras"]
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
HEADINGS = ["measurement", "tabgrad", "peer", "measured", "bar", "", "quality: tabgrad / peer"]


def describe(repeats: int, sources: Iterable[str]) -> dict[str, Any]:
    """Say where, when and with what a run was made."""
    return {
        **whereabouts(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "compiler": _first_line(["c++", "--version"]),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": {name: _version(name) for name in SYSTEMS},
        "repeats": repeats,
        "tables": sorted(sources),
    }


def whereabouts() -> dict[str, str]:
    """Say when, from which commit and on what machine something is measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _first_line(["git", "describe", "--always", "--dirty", "--exclude=*"]),
        "machine": f"{_processor()}, {CORES} cores, {_gigabytes()}",
    }


def save(about: dict[str, Any], rows: list[Row]) -> Path:
    """Write one run under results/, named by its date."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{about['date'][:19].replace(':', '-')}.json"
    path.write_text(json.dumps({"about": about, "rows": [row.as_json() for row in rows]}, indent=1) + "\n")
    return path


def read(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """Read what `save` wrote."""
    stored = json.loads(path.read_text())
    return stored["about"], [Row(**row) for row in stored["rows"]]


def markdown(about: dict[str, Any], rows: list[Row]) -> str:
    """Render the table, readable as Markdown and on a terminal, with how it was measured below it."""
    cells = [[row.what, row.ours, row.theirs, row.measured, row.bar, row.verdict, row.quality] for row in rows]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    below = [
        f"Measured {about['date'][:10]} at commit {about['commit']} on {about['machine']} ({about['system']}); load "
        f"when it began {about['load'][0]}. {versions}.",
        f"Every system in fresh processes and in turns, repeats: {about['repeats']}; shown are the median and, in "
        "brackets, the least and the greatest; each process warms up first and gives the best of its timed fits. One "
        "thread each unless a row says otherwise; the grid search has every core, its imports excluded.",
        f"Tables: {'; '.join(about['tables']) or 'none'}.",
    ]
    return "\n".join([aligned(HEADINGS, cells), "", *below])


def aligned(headings: list[str], rows: list[list[str]]) -> str:
    """Render a table of Markdown whose columns stand under each other on a terminal, too."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    table = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    table = [f"| {line} |" for line in table]
    table.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(table)


def write_between(path: Path, begin: str, end: str, text: str) -> None:
    """Put text between two marking lines of a page."""
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in page or end not in page:
        raise SystemExit(f"{path.name} must hold the lines {begin} and {end} for the table to go between.")
    before, rest = page.split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def write_readme(text: str) -> None:
    """Put the table between the markers of README.md."""
    write_between(HERE.parent / "README.md", BEGIN, END, text)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _first_line(command: list[str]) -> str:
    try:
        finished = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return next(iter(finished.stdout.splitlines()), "unknown")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gigabytes() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
