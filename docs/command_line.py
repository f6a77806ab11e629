"""The page about the command line, taken from its help, and the README's example of it, taken from a run.

``python docs/command_line.py`` says whether they lag, ``python docs/command_line.py --write`` renews them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tabgrad.cli.exits import MEANINGS

DOCS = Path(__file__).resolve().parent
PAGE, README = DOCS / "command_line.md", DOCS.parent / "README.md"
EXAMPLE = DOCS.parent / "examples" / "data" / "dry_bean.csv.gz"
PROGRESS = r"(?m)^  epoch .*\n"  # what a slow training writes
COMMANDS = ("", "fit", "tune", "predict", "evaluate", "report", "explain step", "inspect", "doctor")


def said(*words: str, folder: str | None = None) -> str:
    """What ``tabgrad WORDS`` says on both of its streams, as in a terminal of 80 columns without colours."""
    environment = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"}
    program = [sys.executable, "-m", "tabgrad", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    shown = subprocess.run(program, check=True, env=environment, cwd=folder, encoding="utf-8", **streams).stdout
    return "\n".join(line.rstrip() for line in shown.strip().splitlines())


def reference() -> str:
    """The exit codes, and the help of every command."""
    lines = ["| exit code | |", "|---|---|"]
    lines += [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    for command in COMMANDS:
        lines += ["", f"## tabgrad {command}".rstrip(), "", "```text", said(*command.split(), "--help"), "```"]
    return "\n".join(lines)


def example() -> str:
    """A run of ``tabgrad fit`` on a table of the examples."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(EXAMPLE, folder)
        words = ("fit", EXAMPLE.name, "--target", "Class")
        shown = re.sub(PROGRESS, "", said(*words, folder=folder))
        return f"```text\n$ tabgrad {' '.join(words)}\n{shown}\n```"


def renewed(page: str, mark: str, content: str) -> str:
    """A page with a new content between its marks."""
    before, rest = page.split(f"<!-- {mark} -->", 1)
    return f"{before}<!-- {mark} -->\n\n{content}\n\n<!-- /{mark} -->{rest.split(f'<!-- /{mark} -->', 1)[1]}"


def alike(page: str) -> str:
    """A page without what differs from machine to machine: figures."""
    return re.sub(r" *[\d.,]+", " #", page)


def pages() -> dict[Path, str]:
    """Both pages as they should be."""
    found = {PAGE: renewed(PAGE.read_text(encoding="utf-8"), "help", reference())}
    return found | {README: renewed(README.read_text(encoding="utf-8"), "fit", example())}


if __name__ == "__main__":
    for path, page in pages().items():
        if "--write" in sys.argv[1:]:
            path.write_text(page, encoding="utf-8")
        elif alike(page) != alike(path.read_text(encoding="utf-8")):
            raise SystemExit(f"{path.name} lags behind the code: make readme")
