"""Puts deliberate faults into formulas and kernels, one at a time, and sees whether the suite catches each.

    python tests/faults.py              every fault, a line each; exit status 1 if one goes unnoticed
    python tests/faults.py adam batch   those whose names contain one of these words

A fault is a changed sign, factor or index, or a term left out. The project is copied to a scratch folder with an
environment of its own; a fault in the native core is compiled there, then the suite runs until its first failure. Where
a fault stands in both engines alike only a peer can tell, so those runs include the comparisons with Keras. A test that
fails on the sound copy would catch everything, so the sound copy is tested first.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


NOT_RUN = "no test ran:"


@dataclass(frozen=True)
class Fault:
    """What is broken: in each file a piece that occurs there once, and what stands in its place."""

    name: str
    edits: tuple[tuple[str, str, str], ...]

    @property
    def native(self) -> bool:
        """Whether the core must be compiled."""
        return any(file.startswith("native/") for file, _, _ in self.edits)

    @property
    def in_both_engines(self) -> bool:
        """Whether the engines agree on it, so that only a peer can tell."""
        return len(self.edits) > 1

    @property
    def placed(self) -> bool:
        """Whether it still fits the sources."""
        return all((ROOT / file).read_text().count(sound) == 1 for file, sound, _ in self.edits)


def listed() -> list[Fault]:
    """The faults of faults.toml."""
    faults = tomllib.loads((Path(__file__).parent / "faults.toml").read_text())["fault"]
    edits = [tuple((edit["file"], edit["sound"], edit["faulty"]) for edit in fault["edit"]) for fault in faults]
    return [Fault(fault["name"], edit) for fault, edit in zip(faults, edits, strict=True)]


class Copy:
    """The project in a scratch folder, with an environment that sees the packages of this one but not its tabgrad."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        kept_out = shutil.ignore_patterns(".*", "build", "__pycache__", "*.so")
        shutil.copytree(ROOT, self.root, ignore=kept_out)
        environment = folder / "environment"
        venv.create(environment, symlinks=True)
        self.python = environment / "bin" / "python"
        (packages,) = environment.glob("lib/python*/site-packages")
        own = next(path for path in sys.path if path.endswith("site-packages"))
        (packages / "of_the_project.pth").write_text(own + "\n")  # its .pth files, tabgrad's among them, are not read

    def build(self) -> str:
        """Install the copy; return what the compiler said if it failed."""
        command = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "-qq", "--no-deps"]
        command += ["--no-build-isolation", "--force-reinstall", "--editable", ".", "-C", "build-dir=build/faults"]
        command += ["-C", "cmake.define.TABGRAD_BASELINE=ON"]
        return self._failure(subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False))

    def test(self, *, peers: bool) -> str:
        """Run the suite until its first failure, what finds most first; return that failure's line, or nothing."""
        first = ["test_keras.py"] if peers else ["test_step.py", "test_gradients.py"]
        stages = [[f"tests/contracts/{name}" for name in first], ["tests/contracts"], ["tests"]]
        command = [self.python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += [] if peers else ["-m", "not peers"]
        for stage in stages:  # one after the other: given together, pytest puts them into an order of its own
            ran = subprocess.run([*command, *stage], cwd=self.root, capture_output=True, text=True, check=False)
            if failure := self._failure(ran):
                return failure
        return ""

    @staticmethod
    def _failure(ran: subprocess.CompletedProcess[str]) -> str:
        if ran.returncode == 0:
            return ""
        lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        failed = [line for line in lines if re.match(r"(FAILED|ERROR) ", line)]
        ended = [f"{NOT_RUN} {(lines or ['no word'])[0]}" if ran.returncode > 0 else f"signal {-ran.returncode}"]
        return (failed or ended)[0][:160]

    @contextmanager
    def broken_by(self, fault: Fault) -> Iterator[None]:
        """With the fault put into its files; afterwards they are what they were."""
        sound = {self.root / file: (self.root / file).read_text() for file, _, _ in fault.edits}
        for file, old, new in fault.edits:
            path = self.root / file
            path.write_text(path.read_text().replace(old, new))
        try:
            yield
        finally:
            for path, text in sound.items():
                path.write_text(text)


def main() -> int:
    """Try the chosen faults; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only faults whose names contain one of these")
    words = parser.parse_args().words
    faults = listed()
    chosen = [fault for fault in faults if not words or any(word in fault.name for word in words)]
    if misplaced := [fault.name for fault in faults if not fault.placed]:
        print("these do not fit the sources any more: " + "; ".join(misplaced), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tabgrad-faults-") as scratch:
        copy = Copy(Path(scratch))
        if broken := copy.build() or copy.test(peers=True):
            print(f"the sound copy fails: {broken}", file=sys.stderr)
            return 1
        in_order = sorted(chosen, key=lambda fault: fault.native)  # a compiled fault stays until the next is compiled
        unnoticed = [fault.name for fault in in_order if not _noticed(copy, fault)]
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} faults caught")
    return int(bool(unnoticed))


def _noticed(copy: Copy, fault: Fault) -> bool:
    """Put the fault in, test, take it out, say what came."""
    start = time.monotonic()
    with copy.broken_by(fault):
        refused = copy.build() if fault.native else ""
        failure = "" if refused else copy.test(peers=fault.in_both_engines)
    ran = failure and not failure.startswith(NOT_RUN)
    verdict = "caught" if ran else "DOES NOT COMPILE" if refused else "DOES NOT RUN" if failure else "UNNOTICED"
    print(f"{verdict}  {fault.name}  ({time.monotonic() - start:.0f} s)  {failure or refused}", flush=True)
    return bool(ran)


if __name__ == "__main__":
    raise SystemExit(main())
