"""Measure tabgrad beside its peers and print one table, every figure with its bar.

Each measurement runs in a fresh process with its threads pinned, the systems take turns, and what is shown is the
median of the repeats. Results go to benchmarks/results/, one file a run. The exit status is 0 whatever the figures say,
1 with --check where a bar is missed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import record
from processes import HERE, Bench, say
from rows import build, estimators, files, grid, optimizers, quality, search, startup, steady, steps
from verdict import HOLDS, Row, failed

ROWS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "regression": steps.regression,
    "classifier": steps.classifier,
    "yardstick": steps.beside_yardstick,
    "wide": steps.wide,
    "layers": steps.layers,
    "embeddings": steps.embeddings,
    "members": steps.members,
    "optimizers": optimizers.optimizers,
    "quality": quality.quality,
    "grid": grid.grid,
    "search": search.search,
    "encode": estimators.encode,
    "estimators": estimators.estimators,
    "importance": estimators.importance,
    "import": startup.importing,
    "command_line": startup.command_line,
    "first_fit": startup.first_fit,
    "model_file": files.model_file,
    "memory": steady.memory,
    "bits": steady.bits,
    "build": build.build,
}


def main() -> int:
    """Measure, print, save; return the exit status."""
    options = _options()
    if options.table:
        about, rows = record.read(options.table)
    else:
        about, rows = _measure(options)
        print(f"saved to {record.save(about, rows)}\n")
    text = record.markdown(about, rows)
    print(text)
    if options.readme:
        record.write_readme(text)
    return int(options.check and any(row.bar and row.verdict != HOLDS for row in rows))


def _measure(options: argparse.Namespace) -> tuple[dict[str, object], list[Row]]:
    root = HERE.parent
    given = [options.data.resolve()] if options.data else []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tabgrad-benchmarks-") as scratch:
        folders = [*given, root / "examples" / "data"]
        bench = Bench(Path(scratch), folders, options.repeats, options.full)
        about = record.describe(options.repeats, [])
        for key in options.only:
            rows += _rows(key, bench)
        about["tables"] = sorted(bench.sources.values())
    return about, rows


def _rows(key: str, bench: Bench) -> list[Row]:
    """Measure the rows of one key; what goes wrong becomes a row, so that the others are still measured."""
    try:
        return list(ROWS[key](bench))
    except Exception as error:
        say(f"{key}: {error!r}")
        return [failed(key, key, "every row", f"{type(error).__name__}: {error}")]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="ROWS", help=f"measure only these, comma separated: {', '.join(ROWS)}")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where to look first for the tables")
    parser.add_argument("--repeats", type=int, default=3, help="processes a system and row (default 3)")
    parser.add_argument("--full", action="store_true", help="the article's 100 epochs in the quality of the regression")
    parser.add_argument("--no-build", action="store_true", help="leave out the building of the wheel")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--table", type=Path, metavar="RESULT", help="measure nothing, show a result file again")
    options = parser.parse_args()
    if options.readme and options.only:
        parser.error("--readme needs every row. Leave out --only.")
    options.only = options.only.split(",") if options.only else list(ROWS)
    if unknown := [key for key in options.only if key not in ROWS]:
        parser.error(f"--only knows {', '.join(ROWS)}. Got {', '.join(unknown)}.")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1. Got {options.repeats}.")
    if options.no_build:
        options.only = [key for key in options.only if key != "build"]
    return options


if __name__ == "__main__":
    raise SystemExit(main())
