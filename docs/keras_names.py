"""The tables of "Coming from Keras", taken from the signatures of both libraries.

``python docs/keras_names.py`` says whether they lag, ``python docs/keras_names.py --write`` renews them; needs Keras.
"""

from __future__ import annotations

import inspect
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import parts

os.environ.setdefault("KERAS_BACKEND", "jax")

PAGE = Path(__file__).resolve().parent / "coming_from_keras.md"
BEGIN, END = "<!-- names -->", "<!-- /names -->"
MODULES = ["layers", "activations", "losses", "optimizers", "optimizers.schedules", "metrics", "callbacks"]
MODULES += ["initializers", "regularizers"]
NONE = inspect.Parameter.empty
ANY_LAYER = ("input_dim", "input_shape", "name", "trainable")  # Keras's layers take them as keyword arguments


def arguments(function: Any) -> dict[str, Any]:
    """The names that a function or class takes and their defaults; nothing of what stands for any others."""
    function = function.__init__ if inspect.isclass(function) else function
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in found if each.name != "self" and each.kind not in kinds}


class Row(NamedTuple):
    """A name, and how its arguments differ."""

    name: str
    missing: list[str]
    more: list[str]
    changed: list[str]


def row(name: str, theirs: Any, ours: Any) -> Row:
    """A name with the arguments of Keras that are not here, those of ours that Keras lacks, and other defaults."""
    keras, here = arguments(theirs), arguments(ours)
    missing = [each for each in keras if each not in here]
    more = [
        each for each in here if each not in keras and each not in ("input_dim", "input_shape", "name", "trainable")
    ]
    both = [each for each in keras if each in here and NONE not in (keras[each], here[each]) and each != "name"]
    changed = [f"`{each}={here[each]!r}`, Keras's {keras[each]!r}" for each in both if _differ(keras[each], here[each])]
    return Row(name, missing, more, changed)


def _differ(theirs: Any, ours: Any) -> bool:
    return str(theirs).lower() != str(ours).lower()


def code(names: list[str]) -> str:
    """Names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def table(heading: str, rows: list[Row]) -> list[str]:
    """The rows that differ as a table; what all of them lack, and those that do not differ, are said once."""
    common = [each for each in rows[0].missing if all(each in one.missing for one in rows)]
    rows = [Row(one.name, [each for each in one.missing if each not in common], *one[2:]) for one in rows]
    same = [one.name for one in rows if not any(one[1:])]
    lines = [f"None of them takes {code(common)}.", ""] if common else []
    if same:
        lines += [f"{'Otherwise as' if common else 'As'} in Keras: {code(same)}.", ""]
    if len(same) < len(rows):
        lines += [f"| {heading} | not here | only here | other defaults |", "|---|---|---|---|"]
        for name, missing, more, changed in (one for one in rows if any(one[1:])):
            lines.append(f"| `{name}` | {code(missing)} | {code(more)} | {'; '.join(changed)} |")
        lines.append("")
    return lines


def module_section(name: str) -> list[str]:
    """What a module of Keras holds: names that are here with their arguments, then those that are not."""
    theirs = import_module(f"keras.{name}")
    try:
        ours = import_module(f"tabgrad.{name}")
    except ModuleNotFoundError:
        return []
    known = {*getattr(ours, "__all__", []), *getattr(ours, "CATALOGUE", {})}
    public = [each for each in dir(theirs) if each[0] != "_" and each not in ("serialize", "deserialize", "get")]
    public = [each for each in public if not inspect.ismodule(getattr(theirs, each))]
    bases = ("Activation", "Layer", "Loss", "Optimizer", "LearningRateSchedule", "Metric", "Initializer", "Regularizer")
    classes = [each for each in public if hasattr(ours, each) and inspect.isclass(getattr(theirs, each))]
    rows = [
        row(each, getattr(theirs, each), getattr(ours, each))
        for each in classes
        if each not in bases or (name, each) == ("layers", "Activation")
    ]
    words = [each for each in public if each in known and each not in classes and each != "Input"]
    only = [each for each in parts.names(ours) if not hasattr(theirs, each)]
    lines = [f"### `tabgrad.{name}`", ""]
    lines += table("name", rows) if rows else []
    lines += [f"By name, as strings: {code(words)}.", ""] if words else []
    lines += [f"Only here: {code(only)}.", ""] if only else []
    missing = [each for each in public if each not in known and not (each.islower() and _class_of(each, theirs, known))]
    return [*lines, f"Not here: {code(missing)}.", ""] if missing else lines


def _class_of(function: str, module: Any, known: set[str]) -> bool:
    """Whether a function is the lower-case form of a class that is here."""
    plain = function.replace("_", "")
    return any(each.lower() == plain for each in dir(module) if each in known)


def methods() -> list[str]:
    """The methods of `Sequential`."""
    import keras

    from tabgrad.models import Sequential

    public = [each for each in dir(keras.Sequential) if each[0] != "_"]
    here = [each for each in public if hasattr(Sequential, each)]
    called = [each for each in here if inspect.isfunction(getattr(keras.Sequential, each))]
    both = [each for each in called if inspect.isfunction(getattr(Sequential, each))]
    rows = [row("Sequential", keras.Sequential, Sequential)]
    rows += [row(each, getattr(keras.Sequential, each), getattr(Sequential, each)) for each in both]
    missing = [each for each in public if each not in here]
    return [
        "### `tabgrad.models.Sequential`",
        "",
        *table("method", rows),
        f"Attributes that are here too: {code([each for each in here if each not in both])}.",
        "",
        f"Not here: {code(missing)}.",
        "",
    ]


def tables() -> str:
    """All tables, and the release of Keras that they are about."""
    import keras

    lines = [f"Made from the signatures of Keras {keras.__version__} and of this release.", "", *methods()]
    return "\n".join([*lines, *(line for name in MODULES for line in module_section(name))]).strip()


def renewed(page: str) -> str:
    """A page with the tables of today between its markers."""
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = renewed(old)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        raise SystemExit("The tables of docs/coming_from_keras.md lag behind the code: make readme")
