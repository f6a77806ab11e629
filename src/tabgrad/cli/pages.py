"""Pages that commands write beside what they say: where to, from which rows, and the command that gives them again."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad.cli.exits import UsageError
from tabgrad.cli.models import completed, targets_of
from tabgrad.cli.places import refuse_place
from tabgrad.cli.screen import Screen
from tabgrad.cli.settings import Settings, option
from tabgrad.table.table import Table

if TYPE_CHECKING:
    from tabgrad.cli.models import Model
    from tabgrad.report import Report

__all__ = ["again", "check_page", "written"]

NEEDED = ("matplotlib", "jinja2")
ENDINGS = (".html", ".htm")
WITHOUT = {"json", "quiet", "config", "debug"}  # options that change nothing of what comes out
SECRET = re.compile(r"://[^/@\s]*@")  # the user and the password in the URL of a database
PLAIN = {"model", "table", "path"}  # arguments, which stand without a name

Part = tuple[Table, np.ndarray | None]
"""Rows with their targets, and what they count for."""


def check_page(path: str, inputs: Sequence[str | None], *, overwrite: bool) -> str:
    """Find out before the work what would keep a page from being written; returns its path.

    Raises
    ------
    UsageError
        The name does not end in .html; the file is there and nobody said to replace it; its folder is not there.
    ImportError
        What pages are made with is not installed.
    """
    path = os.path.expanduser(path)
    if not path.lower().endswith(ENDINGS):
        raise UsageError(f"A page must end in .html. Got '{path}'. Did you mean '{path}.html'?")
    refuse_place(path, inputs, overwrite=overwrite)
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        verb = "is" if len(lacking) == 1 else "are"
        raise ImportError(
            f"A page needs {' and '.join(lacking)}, which {verb} not installed: pip install 'tabgrad[report]'."
        )
    return path


def written(
    path: str,
    model: Model,
    held: Part | None,
    train: Part | None,
    screen: Screen,
    *,
    command: str,
    seconds: float | None = None,
    search: Any = None,
) -> Report:
    """Judge a model on rows held out, beside those of the training if they are there, and write the page."""
    from tabgrad.report import Report

    targets = targets_of(model)
    y = targets[0] if len(targets) == 1 else targets
    options: dict[str, Any] = {"command": command, "seconds": seconds, "search": search}
    if train is not None:
        options |= {"train": (_whole(model, train[0], targets), y), "train_weight": train[1]}
    rows = () if held is None else (_whole(model, held[0], targets), y)
    made = Report.of(model, *rows, sample_weight=None if held is None else held[1], **options)
    made.save(path)
    screen.say(f"Wrote {path} ({os.path.getsize(path) / 1024:,.0f} kB): open it in a browser.")
    return made


def _whole(model: Model, table: Table, targets: Sequence[str]) -> Table:
    """The columns that the model was shown, and the targets."""
    known = [column.name for column in model.table_schema_]
    return completed(model, table).select([*known, *targets])


def again(name: str, settings: Settings) -> str:
    """The command that does the same again, without the passwords of databases.

    Examples
    --------
    >>> from tabgrad.cli.pages import again
    >>> from tabgrad.cli.settings import Fit
    >>> again("fit", Fit(table="my beans.csv", target=("Class",), epochs=5, kind={"zip": "categorical"}))
    "tabgrad fit 'my beans.csv' --kind zip=categorical --target Class --epochs 5"
    """
    words = [SECRET.sub("://***@", word) for word in (*_arguments(settings), *_options(settings))]
    return shlex.join(["tabgrad", name, *words])


def _arguments(settings: Settings) -> Iterator[str]:
    return (getattr(settings, name) for name in ("model", "table") if hasattr(settings, name))


def _options(settings: Settings) -> Iterator[str]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in WITHOUT | PLAIN or value == field.default or value is None:
            continue
        name = option(field.name)
        if isinstance(value, bool):
            yield name if value else name.replace("--", "--no-", 1)
        elif isinstance(value, Mapping):
            for column, kind in value.items():
                yield from (name, f"{column}={kind if isinstance(kind, str) else '<'.join(kind)}")
        elif isinstance(value, tuple) and all(isinstance(each, int) for each in value):
            yield from (name, ",".join(map(str, value)))
        elif isinstance(value, (tuple, list)):
            for each in value:
                yield from (name, str(each))
        else:
            yield from (name, str(value))
