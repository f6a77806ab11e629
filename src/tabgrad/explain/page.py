"""A step as a page to go through: a stage a layer, forward and back, by radio buttons and style alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._page import environment, page
from tabgrad._wording import amount
from tabgrad.explain.drawing import Drawing, drawing, drawn
from tabgrad.explain.notation import html as formula
from tabgrad.explain.numbers import brief, cut, figure, places_of, relative, size, verdict
from tabgrad.explain.records import LayerStep, WeightStep

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["framed", "html"]

MOST = 12  # numbers of an array whose gradients are listed
LONGEST = 40  # characters of a name


@dataclass(frozen=True)
class Shown:
    """An array on the page.

    Parameters
    ----------
    formula : str
        HTML of `notation.html`.
    size : str
    head : tuple of str
        Above the columns; may be empty.
    rows : tuple of (str, tuple of (str, str))
        A label, and each number with the class of its sign.
    wider, longer : bool
        Whether there is more of it.
    """

    formula: str
    size: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    wider: bool
    longer: bool


@dataclass(frozen=True)
class Gradient:
    """A gradient beside its differences."""

    parts: tuple[Shown, ...]
    heading: tuple[str, str]  # of the table: its gradient as a formula, the words of its verdict
    rows: tuple[tuple[str, ...], ...]
    more: str
    agrees: bool


@dataclass(frozen=True)
class Stage:
    """One stop on the way."""

    short: str
    title: str
    prose: tuple[str, ...]
    where: tuple[str, ...]
    arrays: tuple[Shown, ...]
    gradients: tuple[Gradient, ...]
    terms: tuple[tuple[str, str, str], ...]
    picture: Drawing | None
    at: int | None  # which layer of the chain is marked where there is no picture


def html(step: Step) -> str:
    """The page; see `Step.html`."""
    stages = list(_stages(step))
    template = environment("tabgrad.explain").get_template("step.html")
    body = template.render(
        title=f"One step of {_name(step.model)}",
        about=f"{amount(len(step.x), 'row')}, {step.update.title}, step {step.update.number:,}.",
        loss=figure(step.loss.total),
        agrees=step.agrees,
        notes=[_printable(note) for note in step.notes],
        stages=stages,
        chain=_chain(step),
        summary=_summary(step),
    )
    return page(f"One step of {_name(step.model)}", body, style=STYLE + _switches(len(stages)))


def framed(step: Step) -> str:
    """The page in a frame, for a notebook."""
    inside = escape(html(step), quote=True)
    return f'<iframe sandbox width="100%" height="720" srcdoc="{inside}" title="One step of training"></iframe>'


# ---- The stages ------------------------------------------------------------------------------------------------------


def _stages(step: Step) -> Iterator[Stage]:
    small = drawn(step)

    def picture(layer: int | None, *, back: bool = False) -> Drawing | None:
        return drawing(step, layer, back=back) if small else None

    codes = () if step.codes is None else (_shown("c", step.codes),)
    yield Stage(
        "Batch",
        "The batch",
        ("The rows that make this step, and the network before it.",),
        (),
        (_shown("X", step.x, step.features), *codes, _shown("y", step.y, step.outputs)),
        (),
        (),
        picture(None),
        None,
    )
    for place, layer in enumerate(step.layers):
        yield Stage(
            f"→ {layer.number}",
            f"Forward through layer {layer.number}: {_name(layer.name)}",
            (_about(layer),),
            tuple(formula(each) for each in layer.where if "dL/d" not in each),
            (
                *(_shown(each.symbol, each.before) for each in layer.weights),
                *(_shown(each.formula, each.array) for each in layer.forward),
            ),
            (),
            (),
            picture(place),
            place,
        )
    yield _loss(step)
    for place in reversed(range(len(step.layers))):
        layer = step.layers[place]
        yield Stage(
            f"← {layer.number}",
            f"Back through layer {layer.number}: {_name(layer.name)}",
            (_about_back(layer),),
            tuple(formula(each) for each in layer.where),
            tuple(_shown(each.formula, each.array) for each in layer.backward),
            tuple(gradient for each in layer.weights for gradient in _gradients(each)),
            (),
            picture(place, back=True),
            place,
        )
    yield _update(step)


def _loss(step: Step) -> Stage:
    loss = step.loss
    terms = [("Data", formula("(1/B) sum_i w_i l_i"), figure(loss.data))]
    if loss.activity:
        terms.append(("Regularisation", "of activities", figure(loss.activity)))
    terms += [("Regularisation", formula(each.right), figure(each.value)) for each in loss.penalties]
    terms.append(("Together", "L", figure(loss.total)))
    weighted = (_shown("w_i, what the rows count for", loss.row_weight),) if (loss.row_weight != 1).any() else ()
    return Stage(
        "Loss",
        f"The loss: {loss.title}",
        ("What the outputs are off, one number; and its slope by the outputs, with which going back begins.",),
        tuple(formula(each) for each in (*loss.formulas, loss.slope)),
        (
            _shown("y", step.y, step.outputs),
            _shown(step.prediction.symbol, step.prediction.array, step.outputs),
            _shown("l_i, the loss of each row", loss.row_loss),
            *weighted,
            _shown(loss.error.formula, loss.error.array, step.outputs),
        ),
        (),
        tuple(terms),
        None,
        None,
    )


def _update(step: Step) -> Stage:
    update = step.update
    arrays = []
    for each in step.weights:
        if each.after is not None:
            arrays += [_shown(f"{each.symbol} before", each.before), _shown(f"{each.symbol} after", each.after)]
    return Stage(
        "Step",
        f"The step: {update.title}",
        (f"Step {update.number:,}, learning rate {figure(update.learning_rate)}.", *map(_sentence, update.notes)),
        tuple(formula(each) for each in update.formulas),
        tuple(arrays),
        (),
        (),
        drawing(step, None, back=True) if drawn(step) else None,
        None,
    )


def _about(layer: LayerStep) -> str:
    inside = f", inside {amount(layer.depth, 'residual block')}" if layer.depth else ""
    return f"{layer.title}: {amount(layer.inputs, 'number')} of each row in, {layer.outputs:,} out{inside}."


def _about_back(layer: LayerStep) -> str:
    if not layer.weights:
        return f"{layer.title} has no weights: it passes the slope of the loss on to the layer before."
    return f"{layer.title}: from the slope at its output to the gradients of its weights, and to the layer before."


def _gradients(weight: WeightStep) -> Iterator[Gradient]:
    if weight.moves != "optimizer":
        why = "moves with the statistics of the batch" if weight.moves == "batch" else "is frozen"
        yield Gradient((), (formula(weight.symbol), f"{why}: it has no gradient here"), (), "", agrees=True)
        return
    parts = [_shown(weight.formula, weight.gradient)]
    if weight.penalised:
        parts = [_shown(weight.right, weight.data), _shown(f"dR/d{weight.symbol}", weight.penalty), *parts]
    check = weight.check
    if check is None:
        yield Gradient(tuple(parts), (formula(f"dL/d{weight.symbol}"), "not checked"), (), "", agrees=True)
        return
    shown, more = places_of(check, MOST)
    rows = []
    for place in shown:
        g, difference = float(check.gradient[place]), float(check.difference[place])
        largest = max(abs(g), abs(difference))
        off = f"{abs(g - difference) / largest:.1e}" if largest else "0"
        if check.kinks[place]:
            off = f"a kink: {figure(float(check.below[place]))} and {figure(float(check.above[place]))} beside it"
        rows.append((", ".join(map(str, check.places[place].tolist())), f"{g:.9g}", f"{difference:.9g}", off))
    rest = f"{amount(more, 'more place')} with smaller gradients" if more else ""
    said = _sentence(verdict(check))[:-1].replace("e-", "e\N{NON-BREAKING HYPHEN}")
    heading = (formula(f"dL/d{weight.symbol}"), said)
    yield Gradient(tuple(parts), heading, tuple(rows), rest, agrees=check.agrees)


def _shown(name: str, array: np.ndarray, titles: Sequence[str] = ()) -> Shown:
    shown = cut(array)
    columns = tuple(_name(titles[place]) for place in shown.columns if place < len(titles)) if array.ndim > 1 else ()
    rows = tuple(
        (label, tuple((cell, "negative" if number < 0 else "") for cell, number in zip(cells, numbers, strict=True)))
        for (label, cells), numbers in zip(shown.rows, shown.values, strict=True)
    )
    head = columns if len(columns) == len(shown.columns) else ()
    return Shown(formula(name), size(array), head, rows, shown.wider, shown.longer)


def _chain(step: Step) -> list[tuple[str, str]]:
    """The layers in a row, for networks too large to be drawn."""
    return [(brief(layer.title), f"{layer.inputs:,} → {layer.outputs:,}") for layer in step.layers]


def _summary(step: Step) -> list[tuple[str, str, str, str, bool]]:
    return [
        (
            formula(f"dL/d{each.symbol}"),
            figure(float(np.abs(each.gradient).max())),
            relative(each.check),
            f"{len(each.check.places):,} of {each.check.of:,}",
            each.check.agrees,
        )
        for each in step.weights
        if each.check is not None
    ]


def _name(text: Any) -> str:
    safe = _printable(str(text)[: 4 * LONGEST])
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 1]}…"


def _printable(text: str) -> str:
    """Control characters, and those that turn the direction of writing, as escapes."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


# ---- The style -------------------------------------------------------------------------------------------------------


def _switches(stages: int) -> str:
    """The rules that show the chosen stage, mark its label, and hide the others."""
    rules = [".stage { display: none; }"]
    for stage in range(stages):
        rules += [
            f"#s{stage}:checked ~ .stages #p{stage} {{ display: block; }}",
            f"#s{stage}:checked ~ nav label[for=s{stage}] {{ background: var(--accent); color: var(--on-accent); }}",
            f"#s{stage}:focus-visible ~ nav label[for=s{stage}] {{ outline: 3px solid var(--text); }}",
        ]
    return "\n".join([*rules, "@media print { .stage { display: block; } nav, .turn { display: none; } }"])


STYLE = """
.choice { position: fixed; top: 0; left: 0; opacity: 0; pointer-events: none; }
nav { display: flex; flex-wrap: wrap; gap: 0.3rem; margin: 1rem 0; }
nav label, .turn label {
  padding: 0.25rem 0.7rem; border: 1px solid var(--line); border-radius: 0.4rem; background: var(--raised);
  cursor: pointer; white-space: nowrap;
}
.turn { display: flex; gap: 0.5rem; margin: 1rem 0 0; max-width: none; }
.turn .next { white-space: normal; }
.turn .back { flex: none; overflow-wrap: normal; }
.turn .next { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
.stage { border-top: 1px solid var(--line); padding-top: 1rem; break-inside: avoid-page; }
.formula { font-family: "Cambria Math", "STIX Two Math", "DejaVu Serif", Georgia, serif; }
.where { margin: 0.25rem 0; padding: 0; list-style: none; }
.where li { margin: 0.1rem 0; }
.arrays { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; margin: 0.75rem 0; }
.arrays > figure { margin: 0; max-width: 100%; }
figcaption { margin-bottom: 0.2rem; }
.array table { border-left: 2px solid var(--text); border-right: 2px solid var(--text); border-radius: 0.3rem; }
.array td, .array th { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; }
.negative { color: var(--negative); }
.checks table { margin: 0.25rem 0 0.75rem; }
.checks td:first-child, .checks th:first-child, .terms td:first-child, .terms td:nth-child(2) { text-align: left; }
.terms tr:last-child { border-top: 1px solid var(--text); font-weight: 600; }
.picture { margin: 0.5rem 0; }
.picture svg { max-width: 100%; height: auto; }
.picture line { stroke: var(--faint); }
.picture line.positive { stroke: var(--positive); }
.picture line.negative { stroke: var(--negative); stroke-dasharray: 7 3; }
.picture circle { fill: var(--raised); stroke: var(--text); stroke-width: 1.5; }
.picture text { fill: var(--text); font-size: 12px; text-anchor: middle; }
.picture text.negative { fill: var(--negative); }
.picture text.name { fill: var(--faint); font-size: 11px; paint-order: stroke; stroke: var(--page); stroke-width: 3; }
.picture .dim { opacity: 0.28; }
.chain { display: flex; flex-wrap: wrap; gap: 0.4rem; padding: 0; list-style: none; }
.chain li { border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.2rem 0.6rem; background: var(--raised); }
.chain li.here { border: 2px solid var(--accent); }
@media (max-width: 34rem) {
  .checks th { white-space: normal; overflow-wrap: normal; vertical-align: bottom; }
  .checks td, .checks th, .array td, .array th { padding: 0.15rem 0.35rem; font-size: 0.85rem; }
}
.notes { border-left: 4px solid var(--accent); padding-left: 0.75rem; }
"""
