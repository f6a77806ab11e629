r"""Formulas as the docstrings write them, set in LaTeX or HTML.

One notation is the source of all: ``z2 = a1 W2 + b2``, ``dL/dW2 = a1^T d2``, ``l = (1/outputs) sum_j (y_j - p_j)^2``. A
number behind a name is its layer, ``d`` before a number is the error term of that layer, ``*`` the product of elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

__all__ = ["html", "latex"]

TOKEN = re.compile(
    r"d(?P<of>[A-Za-z]{1,2})/d(?P<by>[A-Za-z]+\d*(?:_\w+)?)"
    r"|d(?P<error>\d+)"
    r"|(?P<word>[A-Za-z]+)(?P<number>\d+)?(?P<prime>')?(?:_(?P<low>\(|[A-Za-z0-9]+))?"
    r"|\^(?P<power>\(|-?\w+)"
    r"|(?P<number_>\d+(?:\.\d+)?(?:e-?\d+)?)"
    r"|(?P<sign><-|<=|>=|->|\*|\.\.\.|.)"
)
LETTERS = {each: f"&{each};" for each in ("alpha", "beta", "delta", "epsilon", "gamma", "pi", "rho")}
FUNCTIONS = ("cos", "cosh", "exp", "log", "max", "min", "sin", "sum", "tanh")
SIGNS = {
    "<-": (r"\leftarrow ", "←"),
    "<=": (r"\le ", "≤"),
    ">=": (r"\ge ", "≥"),
    "->": (r"\to ", "→"),
    "*": (r"\odot ", "⊙"),
    "...": (r"\dots ", "…"),
    "-": ("-", "&minus;"),
    "%": (r"\%", "%"),
    "&": (r"\&", "&amp;"),
    "#": (r"\#", "#"),
    "_": (r"\_", "_"),
    "{": (r"\{", "{"),
    "}": (r"\}", "}"),
}


SPACE = re.compile(r"(?<=\}) (?=[\\A-Za-z])|(?<=[A-Za-z0-9]) (?=\\mathrm)")  # beside a word, where mathematics has none


@dataclass(frozen=True)
class Setting:
    """How the parts of a formula are set: each function takes what is set already."""

    word: Callable[[str], str]
    low: Callable[[str, str], str]
    power: Callable[[str], str]
    root: Callable[[str], str]
    slope: Callable[[str, str], str]
    sign: Callable[[str], str]
    error: str


def latex(formula: str) -> str:
    r"""A formula in LaTeX, for mathematics mode.

    Examples
    --------
    >>> from tabgrad.explain.notation import latex
    >>> print(latex("dL/dW2 = a1^T d2"))
    \frac{\partial L}{\partial W_{2}} = a_{1}^{T}\ \delta_{2}
    """
    return SPACE.sub(r"\\ ", _set(formula, LATEX))


def html(formula: str) -> str:
    """A formula in HTML, everything that is no letter or digit of the formula's own escaped.

    Examples
    --------
    >>> from tabgrad.explain.notation import html
    >>> html("z2 = a1 W2 + b2")
    'z<sub>2</sub> = a<sub>1</sub> W<sub>2</sub> + b<sub>2</sub>'
    """
    return _set(formula, HTML)


def _set(formula: str, how: Setting) -> str:
    parts: list[str] = []
    place = 0
    while place < len(formula):
        match = TOKEN.match(formula, place)
        assert match is not None  # any character is a sign
        place = match.end()
        part = match.groupdict()
        if part["by"]:
            parts.append(how.slope(part["of"], _set(part["by"], how)))
        elif part["error"]:
            parts.append(how.low(how.error, part["error"]))
        elif part["word"] == "sqrt" and formula[place : place + 1] == "(":
            inner, place = _bracketed(formula, place)
            parts.append(how.root(_set(inner, how)))
        elif part["word"]:
            text, place = _word(formula, place, part, how)
            parts.append(text)
        elif part["power"] == "(":
            inner, place = _bracketed(formula, place - 1)
            parts.append(how.power(_set(inner, how)))
        elif part["power"]:
            parts.append(how.power(_set(part["power"], how)))
        elif part["number_"]:
            parts.append(part["number_"])
        else:
            parts.append(how.sign(part["sign"]))
    return "".join(parts)


def _word(formula: str, place: int, part: dict[str, str], how: Setting) -> tuple[str, int]:
    """A name with what stands below it, and where the formula goes on."""
    word, low = part["word"], part["low"]
    name = how.word(word)
    if low == "(":
        inner, place = _bracketed(formula, place - 1)
        return how.low(name, _set(inner, how)), place
    if low and len(low) > 1 and not low.isdigit() and word not in ("mean", "sum"):
        return how.word(f"{word}_{low}"), place  # a name of several words
    below = part["number"] or low
    name = how.low(name, below if below.isdigit() or len(below) == 1 else how.word(below)) if below else name
    return name + ("'" if part["prime"] else ""), place


def _bracketed(formula: str, start: int) -> tuple[str, int]:
    """What stands between the bracket at a place and the one that closes it, and the place behind that."""
    depth = 0
    for place in range(start, len(formula)):
        depth += (formula[place] == "(") - (formula[place] == ")")
        if depth == 0:
            return formula[start + 1 : place], place + 1
    return formula[start + 1 :], len(formula)


def _latex_word(word: str) -> str:
    if word in FUNCTIONS:
        return f"\\{word}"
    if word in LETTERS:
        return f"\\{word}"
    escaped = word.replace("_", r"\_")
    return escaped if len(word) == 1 else rf"\mathrm{{{escaped}}}"


def _html_word(word: str) -> str:
    return "Σ" if word == "sum" else LETTERS.get(word, word)


LATEX = Setting(
    word=_latex_word,
    low=lambda name, low: f"{name}_{{{low}}}",
    power=lambda power: f"^{{{power}}}",
    root=lambda inner: rf"\sqrt{{{inner}}}",
    slope=lambda of, by: rf"\frac{{\partial {of}}}{{\partial {by}}}",
    sign=lambda sign: SIGNS[sign][0] if sign in SIGNS else sign,
    error=r"\delta",
)
HTML = Setting(
    word=_html_word,
    low=lambda name, low: f"{name}<sub>{low}</sub>",
    power=lambda power: f"<sup>{power}</sup>",
    root=lambda inner: f"√({inner})",
    slope=lambda of, by: f"∂{of}/∂{by}",
    sign=lambda sign: SIGNS[sign][1] if sign in SIGNS else escape(sign),
    error="&delta;",
)
