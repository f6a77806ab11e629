"""What a user waits for before anything is trained: the import, and the first fit."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator

from processes import Bench, Job, MeasurementError, run_quietly, say
from verdict import Row, failed, judged, spread

IMPORTS = 20
PROCESSES = 9
HEAVY = ("sklearn", "pandas", "polars", "scipy", "matplotlib")
PROGRAM = "from tabgrad.layers import Dense, Dropout; from tabgrad.models import Sequential"


def importing(bench: Bench) -> Iterator[Row]:
    """Time `import tabgrad` in fresh interpreters, less an interpreter that imports nothing, in turns."""
    what = f"import tabgrad, interpreter start excluded, {IMPORTS} times"
    say(f"import tabgrad, {IMPORTS} times")
    scripts = {"nothing": "pass", "numpy": "import numpy", "tabgrad": "import tabgrad", "program": PROGRAM}
    seconds: dict[str, list[float]] = {name: [] for name in scripts}
    try:
        for script in scripts.values():  # the first import writes the compiled files
            _interpret(bench, script)
        for _ in range(IMPORTS):
            for name, script in scripts.items():
                seconds[name].append(_interpret(bench, script)[0])
        listed = _interpret(bench, "import sys, json, tabgrad; print(json.dumps(sorted(sys.modules)))")[1]
    except MeasurementError as error:
        yield failed("import", what, "< 0.15 s", str(error))
        return
    nothing = statistics.median(seconds["nothing"])
    over = {name: [value - nothing for value in seconds[name]] for name in scripts}
    loaded = [name for name in HEAVY if name in json.loads(listed)]
    numpy = f"numpy alone {spread(over['numpy'])}"
    median, best = statistics.median(over["tabgrad"]), min(over["tabgrad"])
    yield Row(
        "import",
        what,
        ours=spread(over["tabgrad"]),
        theirs=numpy,
        measured=f"{median:.3f} s, best {best:.3f} s",
        bar="< 0.15 s",
        verdict=judged(median < 0.15),
        samples=seconds,
    )
    yield Row("import", "the article's imports of tabgrad", ours=spread(over["program"]), theirs=numpy)
    yield Row(
        "import",
        f"import tabgrad loads none of {', '.join(HEAVY)}",
        measured=f"loaded: {', '.join(loaded) or 'none'}",
        bar="none",
        verdict=judged(not loaded),
    )


def command_line(bench: Bench) -> Iterator[Row]:
    """Time `tabgrad --help` from start to end, the interpreter's start among it."""
    what = f"tabgrad --help, interpreter start included, {IMPORTS} times"
    say(f"tabgrad --help, {IMPORTS} times")
    scripts = {"nothing": "pass", "typer": "import typer", "help": "from tabgrad.cli import main; main(['--help'])"}
    seconds: dict[str, list[float]] = {name: [] for name in scripts}
    try:
        for script in scripts.values():
            _interpret(bench, script)
        for _ in range(IMPORTS):
            for name, script in scripts.items():
                seconds[name].append(_interpret(bench, script)[0])
    except MeasurementError as error:
        yield failed("command_line", what, "< 0.15 s", str(error))
        return
    median, best = statistics.median(seconds["help"]), min(seconds["help"])
    yield Row(
        "command_line",
        what,
        ours=spread(seconds["help"]),
        theirs=f"import typer alone {spread(seconds['typer'])}, python alone {spread(seconds['nothing'])}",
        measured=f"{median:.3f} s, best {best:.3f} s",
        bar="< 0.15 s",
        verdict=judged(median < 0.15),
        samples=seconds,
    )


def first_fit(bench: Bench) -> Iterator[Row]:
    """Build and fit a small network twice in each of several processes."""
    what = f"first fit of a process over the second, {PROCESSES} processes"
    try:
        pairs = [bench.run(Job("tabgrad", "two_fits", {}))["seconds"] for _ in range(PROCESSES)]
    except MeasurementError as error:
        yield failed("first_fit", what, "< 10 ms", str(error))
        return
    more = statistics.median(first - second for first, second in pairs)
    firsts, seconds = zip(*pairs, strict=True)
    yield Row(
        "first_fit",
        what,
        ours=f"first {spread(firsts)}, second {spread(seconds)}",
        measured=f"{more * 1e3:.2f} ms more",
        bar="< 10 ms",
        verdict=judged(more < 0.010),
        samples={"pairs": pairs},
    )


def _interpret(bench: Bench, script: str) -> tuple[float, str]:
    """Run a script in a fresh interpreter; return its wall time and what it printed."""
    import sys

    start = time.perf_counter()
    finished = run_quietly([sys.executable, "-c", script], cwd=bench.scratch, threads=1, timeout=60)
    seconds = time.perf_counter() - start
    if finished.returncode:
        raise MeasurementError(finished.stderr.strip().splitlines()[-1])
    return seconds, finished.stdout
