"""How long the extension takes to build from a clean copy of what git tracks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from processes import CORES, HERE, Bench, say
from verdict import Row, failed, judged

BAR = "< 3 minutes"
TWO_CORES = 2


def build(bench: Bench) -> Iterator[Row]:
    """Build a wheel on two cores; the build's own requirements are those installed here, where they are."""
    say("pip wheel from a clean copy")
    what = f"building the wheel from a clean copy, {min(CORES, TWO_CORES)} cores"
    clean, wheels = bench.scratch / "clean", bench.scratch / "wheels"
    _copy_tracked_files(HERE.parent, clean)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-cache-dir", "-w", str(wheels)]
    if find_spec("scikit_build_core") and find_spec("nanobind"):
        command.append("--no-build-isolation")
    start = time.perf_counter()
    finished = subprocess.run(
        command,
        cwd=clean,
        env=os.environ | {"CMAKE_BUILD_PARALLEL_LEVEL": str(TWO_CORES)},
        preexec_fn=_keep_two_cores,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if finished.returncode:
        lines = [line for line in finished.stderr.splitlines() if line.strip()] or ["pip said nothing"]
        yield failed("build", what, BAR, lines[-1].strip())
        return
    megabytes = sum(wheel.stat().st_size for wheel in wheels.glob("*.whl")) / 1e6
    yield Row(
        "build",
        what,
        ours=f"{seconds:.0f} s",
        measured=f"{seconds / 60:.2f} minutes",
        bar=BAR,
        verdict=judged(seconds < 180),
        quality=f"wheel of {megabytes:.2f} MB",
        samples={"seconds": seconds, "megabytes": megabytes},
    )


def _copy_tracked_files(source: Path, destination: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, check=True, capture_output=True, text=True).stdout
    destination.mkdir()
    for name in filter(None, listed.split("\0")):
        if (source / name).is_file():
            (destination / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, destination / name)


def _keep_two_cores() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:TWO_CORES])
