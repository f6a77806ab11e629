"""A step as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._wording import amount
from tabgrad.explain.numbers import cut, figure, places_of, relative, size, verdict, way
from tabgrad.explain.records import LayerStep, Value, WeightStep

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

__all__ = ["summary", "text"]

MOST = 12  # numbers of an array whose gradients are listed
LONGEST = 24  # characters of a name
WIDTH = 60  # columns before a shape


def text(step: Step) -> str:
    """Every formula with its numbers; see `Step.text`."""
    return "\n".join(_lines(step))


def summary(step: Step) -> str:
    """One screen: the loss, and for each array how its gradient agrees."""
    lines = [*_head(step), "", *_loss(step), ""]
    rows = [("", "gradient", "relative difference", "checked")]
    for weight in step.weights:
        if weight.check is not None:
            checked = f"{len(weight.check.places):,} of {weight.check.of:,}"
            largest = figure(float(abs(weight.gradient).max()))
            rows.append((f"dL/d{weight.symbol}", f"up to {largest}", relative(weight.check), checked))
    if len(rows) > 15:
        rows = [*rows[:13], (f"... {len(rows) - 14} more", "", "", ""), rows[-1]]
    return "\n".join([*lines, *_table(rows), "", "print(step) shows every number, step.save_html(path) a page."])


def _head(step: Step) -> Iterator[str]:
    yield f"One step of '{_name(step.model)}' on {amount(len(step.x), 'row')}: the loss is {figure(step.loss.total)}"
    yield f"{way(step)}, {step.update.title}, step {step.update.number:,}"
    for note in step.notes:
        yield f"! {_plain(note)}"


def _lines(step: Step) -> Iterator[str]:
    yield from _head(step)
    yield from ("", "Forward", "=======")
    yield from _array("X", step.x, titles=step.features)
    if step.codes is not None:
        yield from _array("c", step.codes)
    for layer in step.layers:
        yield ""
        yield _title(layer)
        for line in layer.where:
            if "dL/d" not in line:
                yield f"  {line}"
        for weight in layer.weights:
            yield from _array(weight.symbol, weight.before)
        for value in layer.forward:
            yield from _value(value)
    yield from ("", "The loss", "========")
    yield from _array("y", step.y, titles=step.outputs)
    yield from _loss(step)
    yield from ("", "Back", "====")
    yield f"  {step.loss.slope}"
    yield from _value(step.loss.error)
    for layer in reversed(step.layers):
        yield ""
        yield _title(layer)
        for line in layer.where:
            if "dL/d" in line:
                yield f"  {line}"
        for value in layer.backward:
            if value.array is not step.loss.error.array:
                yield from _value(value)
        for weight in layer.weights:
            yield from _gradient(weight)
    yield from ("", "The step", "========")
    yield from _update(step)


def _title(layer: LayerStep) -> str:
    inside = f", inside {amount(layer.depth, 'residual block')}" if layer.depth else ""
    title = f"Layer {layer.number}: {_name(layer.name)}, {layer.title}, {layer.inputs:,} -> {layer.outputs:,}{inside}"
    return f"{title}\n{'-' * len(title)}"


def _value(value: Value) -> Iterator[str]:
    yield from _array(value.formula, value.array)


def _array(formula: str, array: np.ndarray, titles: tuple[str, ...] = ()) -> Iterator[str]:
    shown = cut(array)
    yield f"  {formula:{WIDTH}} ({size(array)})"
    header = [_name(titles[place]) if place < len(titles) else "" for place in shown.columns] if titles else []
    rows = [("", *header)] if any(header) else []
    rows += [(label, *cells, *(["..."] if shown.wider else [])) for label, cells in shown.rows]
    if any(header) and shown.wider:
        rows[0] = (*rows[0], "")
    for line in _table(rows):
        yield f"    {line}"
    if shown.longer:
        yield "       ..."


def _loss(step: Step) -> Iterator[str]:
    loss = step.loss
    yield f"  {loss.title}: {'; '.join(loss.formulas)}"
    count = len(loss.row_loss)
    shown = list(zip(loss.row_loss[:8].tolist(), loss.row_weight[:8].tolist(), strict=True))
    weighted = bool((loss.row_weight != 1).any())
    each = [f"{figure(weight)} * {figure(lost)}" if weighted else figure(lost) for lost, weight in shown]
    more = ", ..." if count > len(shown) else ""
    yield f"  {'w_i l_i' if weighted else 'l_i'} of the rows: {', '.join(each)}{more}"
    rows = [("data", "(1/B) sum_i w_i l_i", figure(loss.data))]
    if loss.activity:
        rows.append(("regularisation", "of activities", figure(loss.activity)))
    for penalty in loss.penalties:
        rows.append(("regularisation", penalty.right, figure(penalty.value)))
    rows.append(("together", "L", figure(loss.total)))
    for line in _table(rows, left=2):
        yield f"  {line}"


def _gradient(weight: WeightStep) -> Iterator[str]:
    if weight.moves == "batch":
        yield f"  {weight.symbol} moves with the statistics of the batch, not by a gradient"
        return
    if weight.moves == "no":
        yield f"  {weight.symbol} is frozen"
        return
    if weight.penalised:
        yield from _array(weight.right, weight.data)
        yield from _array(f"dR/d{weight.symbol}", weight.penalty)
    yield from _array(weight.formula, weight.gradient)
    check = weight.check
    if check is None:
        return
    shown, more = places_of(check, MOST)
    rows = [("place", "gradient", "finite difference", "relative difference")]
    for place in shown:
        g, difference = float(check.gradient[place]), float(check.difference[place])
        where = ", ".join(map(str, check.places[place].tolist()))
        largest = max(abs(g), abs(difference))
        off = f"{abs(g - difference) / largest:.1e}" if largest else "0"
        if check.kinks[place]:
            off = f"a kink: {figure(float(check.below[place]))} and {figure(float(check.above[place]))} beside it"
        rows.append((where, f"{g:.9g}", f"{difference:.9g}", off))
    for line in _table(rows):
        yield f"      {line}"
    if more:
        yield f"      {amount(more, 'more place')} with smaller gradients"
    yield f"    {verdict(check)}"


def _update(step: Step) -> Iterator[str]:
    update = step.update
    yield f"  {update.title}, t = {update.number:,}, lr = {figure(update.learning_rate)}"
    for formula in update.formulas:
        yield f"  {formula}"
    for note in update.notes:
        yield f"  {note}"
    for weight in step.weights:
        if weight.after is None:
            continue
        yield ""
        yield from _array(f"{weight.symbol}, before", weight.before)
        if (weight.after == weight.before).all():
            yield "    after: the same"
        else:
            yield from _array(f"{weight.symbol}, after", weight.after)


def _table(rows: Sequence[tuple[str, ...]], left: int = 1) -> Iterator[str]:
    """Cells in columns, the first ones flush left."""
    widths = [max(len(row[place]) if place < len(row) else 0 for row in rows) for place in range(max(map(len, rows)))]
    for row in rows:
        cells = [
            f"{cell:<{width}}" if place < left else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join(cells).rstrip()


def _name(name: str) -> str:
    """A name as a line can hold it."""
    safe = _plain(name)
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 3]}..."


def _plain(said: str) -> str:
    """Control characters as escapes: names come from files."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in said)
