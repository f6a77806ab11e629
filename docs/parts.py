"""The README's list of parts, taken from the code.

``python docs/parts.py`` says whether it lags, ``python docs/parts.py --write`` renews it.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- parts -->", "<!-- /parts -->"

# Module: what its names are. A test holds this to the modules that the package shows.
MODULES = {
    "estimators": "a table in, a trained network out, to scikit-learn's letter; several of these as one",
    "report": "`evaluate` judges a model: scores with intervals, tables, figures; `Report` is all of it on one page",
    "table": "`read` takes files, frames and databases for tables; `infer` says what their columns are",
    "encode": "tables and targets as numbers, fitted on the training rows alone, and back",
    "models": "add, compile, fit, evaluate, predict, get_layer, get_weights, save, load_model, to_json, as in Keras",
    "layers": "with Keras's arguments, and residual blocks",
    "activations": "by name, or as records with arguments (`activations.LeakyRelu(0.1)`)",
    "losses": "from logits, label smoothing and weights of rows where Keras has them; or a function of your own",
    "optimizers": "all but `LBFGS` with weight decay and clipping by norm, value and global norm",
    "optimizers.schedules": "rates, weight decays and dropout as functions of the step; or a function of your own",
    "metrics": "taken over the rows of an epoch, with or without their weights; or a function of your own",
    "callbacks": "end early, change the rate, write down, save",
    "initializers": "what the weights are before the first step",
    "regularizers": "penalties on the size of weights",
    "explain": "what `explain_step` gives: one batch there and back, in formulas and numbers",
    "search": "good settings, by scikit-learn's classes over fits that share threads, rows and runs; the best joined",
    "inspection": "`permutation_importance` and `partial_dependence`, of any estimator, on columns as they were given",
    "wrappers.scikit_learn": "pipelines, grid search, cross-validation",
}


def names(module: ModuleType) -> list[str]:
    """What a user picks from a module: the names of activations, else classes."""
    if module.__name__ == "tabgrad.activations":
        return [name for name in module.__all__ if name in module.CATALOGUE]
    members = [(name, getattr(module, name)) for name in module.__all__]
    return [name for name, member in members if inspect.isclass(member) and not _inner(name, member)]


def _inner(name: str, member: type) -> bool:
    """Whether a class is the base of its module's records, or what they are made of."""
    return name == "Weight" or (name != "Callback" and (member.__doc__ or "").startswith("Base of the"))


def table() -> str:
    """The list as a Markdown table."""
    lines = ["| module | holds |", "|---|---|"]
    for name, says in MODULES.items():
        listed = ", ".join(f"`{part}`" for part in names(import_module(f"tabgrad.{name}")))
        lines.append(f"| `tabgrad.{name}` | {listed}: {says} |")
    return "\n".join(lines)


def renewed(page: str) -> str:
    """A page with the list of today between its markers."""
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = renewed(old)
    if "--write" in sys.argv[1:]:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        raise SystemExit("README.md's list of parts lags behind the code: make readme")
