r"""A step as a LaTeX document, with amsmath and geometry. Names from tables are escaped and never run as commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._wording import amount
from tabgrad.explain.notation import latex as formula
from tabgrad.explain.numbers import cut, figure, relative, size, verdict
from tabgrad.explain.records import LayerStep, Value, WeightStep

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["escaped", "latex"]

LONGEST = 60  # characters of a name
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
}
HEAD = r"""\documentclass[landscape,fleqn]{article}
\usepackage[T1]{fontenc}
\usepackage{amsmath}
\usepackage[margin=15mm]{geometry}
\begin{document}"""


def latex(step: Step) -> str:
    """The document; see `Step.latex`."""
    return "\n".join([HEAD, *_body(step), r"\end{document}", ""])


def escaped(text: str) -> str:
    r"""Text as LaTeX sets it, whatever it holds.

    Examples
    --------
    >>> from tabgrad.explain.tex import escaped
    >>> print(escaped(r"\input{a}_50%"))
    \textbackslash{}input\{a\}\_50\%
    """
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    return "".join(SPECIAL.get(each, each if each.isprintable() else "?") for each in short)


def _body(step: Step) -> Iterator[str]:
    yield rf"\section*{{One step of {escaped(step.model)}}}"
    yield f"{escaped(step.update.title)}, step {step.update.number}, on {amount(len(step.x), 'row')}."
    for note in step.notes:
        yield escaped(note) + r"\par"
    yield r"\section{Forward}"
    yield from _array("X", step.x)
    for layer in step.layers:
        yield _title(layer)
        for where in layer.where:
            if "dL/d" not in where:
                yield rf"\[ {formula(where)} \]"
        for weight in layer.weights:
            yield from _array(weight.symbol, weight.before)
        for value in layer.forward:
            yield from _value(value)
    yield r"\section{The loss}"
    yield from _array("y", step.y)
    yield from _loss(step)
    yield r"\section{Back}"
    yield rf"\[ {formula(step.loss.slope)} \]"
    yield from _value(step.loss.error)
    for layer in reversed(step.layers):
        yield _title(layer)
        for where in layer.where:
            if "dL/d" in where:
                yield rf"\[ {formula(where)} \]"
        for value in layer.backward:
            if value.array is not step.loss.error.array:
                yield from _value(value)
        for weight in layer.weights:
            yield from _gradient(weight)
    yield r"\section{The step}"
    yield from _update(step)


def _title(layer: LayerStep) -> str:
    return rf"\subsection*{{Layer {layer.number}: {escaped(layer.name)}, {escaped(layer.title)}}}"


def _value(value: Value) -> Iterator[str]:
    yield from _array(value.formula, value.array)


def _array(name: str, array: np.ndarray) -> Iterator[str]:
    yield rf"\[ {formula(name)} = {_matrix(array)} \quad ({size(array).replace('x', chr(92) + 'times')}) \]"


def _matrix(array: np.ndarray) -> str:
    shown = cut(array)
    lines = [
        " & ".join([*(_number(cell) for cell in cells), *([r"\dots"] if shown.wider else [])])
        for _, cells in shown.rows
    ]
    if shown.longer:
        lines.append(" & ".join([r"\vdots"] * (len(shown.columns) + shown.wider)))
    return rf"\begin{{pmatrix}} {(chr(92) * 2 + ' ').join(lines)} \end{{pmatrix}}"


def _number(shown: str) -> str:
    digits, _, power = shown.partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power.lstrip("+-").isdigit() else shown


def _loss(step: Step) -> Iterator[str]:
    loss = step.loss
    for each in loss.formulas:
        yield rf"\[ {formula(each)} \]"
    yield from _array("l", loss.row_loss)
    if (loss.row_weight != 1).any():
        yield from _array("w", loss.row_weight)
    terms = [("(1/B) sum_i w_i l_i", loss.data), *((each.right, each.value) for each in loss.penalties)]
    sides = [rf"\underbrace{{{formula(right)}}}_{{{_number(figure(value))}}}" for right, value in terms]
    if loss.activity:
        sides.append(_number(figure(loss.activity)))
    yield rf"\[ L = {' + '.join(sides)} = {_number(figure(loss.total))} \]"


def _gradient(weight: WeightStep) -> Iterator[str]:
    if weight.moves != "optimizer":
        why = "moves with the statistics of the batch" if weight.moves == "batch" else "is frozen"
        yield rf"${formula(weight.symbol)}$ {why}.\par"
        return
    yield from _array(weight.formula, weight.gradient)
    if (check := weight.check) is not None:
        yield rf"{escaped(verdict(check))[: 4 * LONGEST]}.\par" if relative(check) == "-" else _checked(weight)


def _checked(weight: WeightStep) -> str:
    check = weight.check
    assert check is not None
    count = f"{len(check.places):,} of {check.of:,}"
    return rf"Finite differences at {count} places: relative difference {escaped(relative(check))}.\par"


def _update(step: Step) -> Iterator[str]:
    yield rf"\[ t = {step.update.number}, \quad \mathrm{{lr}} = {_number(figure(step.update.learning_rate))} \]"
    for each in step.update.formulas:
        yield rf"\[ {formula(each)} \]"
    for note in step.update.notes:
        yield escaped(note) + r".\par"
    for weight in step.weights:
        if weight.after is not None:
            yield rf"\[ {formula(weight.symbol)}: \quad {_matrix(weight.before)} \]"
            yield rf"\[ \to \quad {_matrix(weight.after)} \]"
