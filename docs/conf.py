"""Sphinx: pages made from docstrings, with every broken cross-reference an error (`make docs`)."""

from __future__ import annotations

import re
from typing import Any

from tabgrad import __version__ as release  # noqa: F401  (Sphinx reads it)

project, author = "tabgrad", "the tabgrad authors"
html_title = "tabgrad"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_parser",
]
html_theme = "furo"  # its fonts and scripts come with it: nothing is fetched
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["_build"]

nitpicky = True
default_role = "py:obj"  # `Dense` in a docstring is a link
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say them in words
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3


def add_overview(app: Any, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    """Put below a module's text what it holds, and the names that stand for its records."""
    if what != "module":
        return
    # ready-made instances have no entry of their own: they stand with their classes
    listed = [each for each in getattr(member, "__all__", []) if callable(getattr(member, each))]
    lines += ["", ".. autosummary::", "   :nosignatures:", "", *(f"   {each}" for each in listed), ""]
    if catalogue := getattr(member, "CATALOGUE", None):
        lines += ["By name, each with its defaults:", ""]
        for record in dict.fromkeys(catalogue.values()):
            spelled = ", ".join(f'``"{key}"``' for key, value in catalogue.items() if value is record)
            lines.append(f"- {spelled}: `{record.__name__}`")
        lines.append("")


def keep(app: Any, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    """Set a property's text aside: napoleon takes what stands before a colon for its type."""
    if what == "property":
        PROPERTIES[name] = list(lines)


def mend(app: Any, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    """Have what napoleon and reStructuredText would take for something else."""
    lines[:] = PROPERTIES.get(name, lines)
    for place in reversed(range(len(lines))):
        lines[place] = re.sub(r"^(\s*[A-Z])\. ", r"\1\\. ", lines[place])  # an author's initial is no numbering
        described = lines[place].removeprefix(".. attribute:: ")
        if described != lines[place] and hasattr(member, described):  # a property, with an entry of its own
            lines.insert(place + 1, "   :no-index:")


PROPERTIES: dict[str, list[str]] = {}


def link_or_literal(app: Any, environment: Any, node: Any, content: Any) -> Any:
    """Resolve what a docstring names: an object of the package, else a parameter or a field, shown as code.

    A name with a capital letter or a dot that nothing bears is left to Sphinx, which refuses it.
    """
    target = node["reftarget"]
    for full in _full_names(target):
        domain = environment.get_domain("py")
        if full in domain.objects:
            return domain.resolve_xref(environment, node["refdoc"], app.builder, "obj", full, node, content)
    return content if re.fullmatch(r"[a-z_][a-z_0-9*]*", target) or target in FOREIGN else None


FOREIGN = {"numpy.random.RandomState", "NotFittedError"}


def _full_names(target: str) -> list[str]:
    """Where an object that is named shortly may live."""
    return [f"tabgrad.{target}", *(f"tabgrad.{module}.{target}" for module in MODULES)]


MODULES = ["models", "layers", "losses", "optimizers", "metrics", "callbacks", "activations", "initializers"]
MODULES += ["optimizers.schedules", "regularizers", "plan", "errors", "wrappers.scikit_learn", "table", "table.parts"]
MODULES += ["estimators", "explain"]
MODULES += ["estimators", "inspection"]


def setup(app: Any) -> None:
    """Connect them."""
    app.connect("autodoc-process-docstring", add_overview)
    app.connect("autodoc-process-docstring", keep, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", mend, priority=900)  # after napoleon
    app.connect("missing-reference", link_or_literal)
