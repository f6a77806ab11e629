"""The yardstick: two networks in a page of C++, each for one shape, compiled for this very processor."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

COMMAND = ["c++", "-O3", "-march=native", "-ffast-math", "-std=c++20"]


def compile_into(folder: Path) -> str:
    """Compile yardstick.cpp and return the program's path."""
    source, program = Path(__file__).parent.parent / "yardstick.cpp", folder / "yardstick"
    subprocess.run([*COMMAND, "-w", str(source), "-o", str(program)], check=True, capture_output=True, text=True)
    return str(program)


def regression(*, binary: str) -> dict[str, Any]:
    """Run it and read the regression's line: Dense(1), 10 features, batch 1; the score is on its own data."""
    seconds, score = _figure(binary, r"regression_ns_per_step ([\d.]+).*: ([\d.]+)\)")
    return {"seconds_per_step": [seconds * 1e-9], "score": score}


def classifier(*, binary: str) -> dict[str, Any]:
    """Run it and read the classifier's line: 54-64-64-7, batch 16; the score is the last epoch's with dropout on."""
    seconds, score = _figure(binary, r"classifier_us_per_step ([\d.]+).*: ([\d.]+)\)")
    return {"seconds_per_step": [seconds * 1e-6], "score": score}


def product(*, binary: str) -> dict[str, Any]:
    """Run it and read the product's line: floating-point operations a second in a product of 256 x 256 x 256."""
    printed = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    return {"flops": float(re.search(r"product_gflops ([\d.]+)", printed)[1]) * 1e9}


def _figure(binary: str, line: str) -> tuple[float, float]:
    printed = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    time, score = re.search(line, printed).groups()
    return float(time), float(score)
