"""From a plan, its weights and a batch to a `Step`: the reference engine runs, and what went through it is read off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from inspect import signature
from typing import Any

import numpy as np

from tabgrad import _seeds, layers
from tabgrad._record import Record
from tabgrad._stack import layer_names
from tabgrad.activations import Activation, Linear
from tabgrad.engines._reference_activations import activated
from tabgrad.engines._reference_layers import Crossing, Pass, forward
from tabgrad.engines._reference_losses import loss_and_error
from tabgrad.engines.base import State
from tabgrad.engines.reference import (
    ReferenceEngine,
    Trace,
    loss_and_metrics,
    penalty_of,
    penalty_slopes,
    quiet,
    traced,
    weight_of,
    with_logits,
)
from tabgrad.errors import DataError
from tabgrad.explain.differences import Difference, slope_at
from tabgrad.explain.formulas import Lines, activation_formulas, lines_of, loss_formulas, optimizer_formulas
from tabgrad.explain.records import Check, LayerStep, LossStep, Penalty, Update, Value, WeightStep
from tabgrad.explain.step import Step
from tabgrad.matrix import Matrix
from tabgrad.optimizers import LBFGS
from tabgrad.plan import Network, Plan

__all__ = ["FEW", "SOME", "Named", "explained"]

FEW = 300  # numbers of all weights together: so many are all held against differences
SOME, FEWEST = 12, 2  # of each array, where there are more
WORK = 2_500_000  # numbers times rows times entries: about a second
GENERAL = ("input_shape", "name", "trainable")  # fields of a layer that say nothing of what it computes


@dataclass(frozen=True)
class Named:
    """What a step's owner calls things.

    Parameters
    ----------
    model : str
    features, outputs : tuple of str
        Of the columns of X and of the network's outputs; empty: they have no names.
    notes : tuple of str
        What a reader of the numbers should know first.
    """

    model: str = "sequential"
    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@quiet
def explained(plan: Plan, state: State, rows: Matrix, named: Named = Named(), *, entries: int | None = None) -> Step:
    """One batch there and back, and the step that follows, in float64; nothing that goes in is written to.

    Parameters
    ----------
    plan : Plan
    state : State
    rows : Matrix
        The batch: all of them.
    named : Named
    entries : int or None
        How many numbers of each array are held against finite differences: half of them those of the largest gradients,
        the others drawn from the plan's seed. None: all of
        them, if the network has at most 300, else 2 to 12 of each array, fewer for large networks and many rows.

    Raises
    ------
    DataError
        The loss of these rows is not finite.
    """
    exact = _Exact(plan, state, rows)
    trace = traced(plan, exact.weights, exact.rows, state.step)
    data = trace.gradients()
    if not np.isfinite(exact.whole):
        raise DataError(
            "The loss of these rows is not finite, so there is no gradient to show. Look at their largest numbers, and "
            "at the weights of the model."
        )
    after = None if isinstance(plan.optimizer, LBFGS) else exact.after()
    some = _entries_for(sum(array.size for array in exact.weights), len(rows)) if entries is None else entries
    penalties = penalty_slopes(plan.network, exact.weights)
    slopes = [np.zeros_like(w) + slope for w, slope in zip(exact.weights, penalties, strict=True)]
    builder = _Builder(plan, exact, trace, data, slopes, after, some)
    steps = tuple(builder.steps())
    return Step(
        named.model,
        named.features or tuple(f"x{place}" for place in range(plan.network.inputs)),
        named.outputs,
        exact.rows.x,
        rows.codes,
        exact.rows.y,
        steps,
        builder.loss(),
        _update(plan, state, after is not None),
        named.notes,
    )


def _entries_for(numbers: int, rows: int) -> int:
    """How many numbers of each array are held against differences where nobody says."""
    return numbers if numbers <= FEW else min(SOME, max(WORK // (numbers * rows), FEWEST))


@dataclass(frozen=True)
class Beginning:
    """Where in a network a pass begins: the layer, its first array, its place among the leaves, and what reaches it."""

    layer: int = 0
    weight: int = 0
    place: int = 0
    x: np.ndarray | None = None
    activity: tuple[np.ndarray, ...] = ()


class _Exact:
    """The reference engine's float64 on one batch."""

    def __init__(self, plan: Plan, state: State, rows: Matrix) -> None:
        self.plan = replace(plan, metrics=(), weighted_metrics=(), batch_size=len(rows), shuffle=False)
        self.state, self._given = state, rows
        self.weights = tuple(np.array(w, np.float64) for w in state.weights)
        y = rows.y if rows.y.ndim == 1 else np.asarray(rows.y, np.float64)
        weight = None if rows.weight is None else np.asarray(rows.weight, np.float64)
        self.rows = Matrix(np.asarray(rows.x, np.float64), y, weight, rows.codes)
        self.whole = self.loss(self.weights)

    def loss(self, weights: Sequence[np.ndarray], begin: Beginning | None = None) -> float:
        """``L`` with the noise of this step; from a layer on, if the weights before it are as they were."""
        network, logits = with_logits(self.plan)
        begin = Beginning() if begin is None else begin
        on = Pass(training=True, seed=self.plan.seed, step=self.state.step, codes=self.rows.codes)
        x = self.rows.x if begin.x is None else begin.x
        output, _ = forward(network.layers[begin.layer :], weights[begin.weight :], x, on, place=begin.place)
        row_loss, _ = loss_and_error(self.plan.loss, self.rows.y, output, logits=logits)
        sums = loss_and_metrics(self.plan, weights, self.rows, output, row_loss, [*begin.activity, *on.activity])
        return float(sums[1] / sums[0])

    @cached_property
    def beginnings(self) -> list[Beginning]:
        """For each array of the network, from where on the loss depends on it."""
        network, _ = with_logits(self.plan)
        on = Pass(training=True, seed=self.plan.seed, step=self.state.step, codes=self.rows.codes)
        found, x, weight, place = list[Beginning](), self.rows.x, 0, 0
        for number, layer in enumerate(network.layers):
            own = len(layer.weights(x.shape[1]))
            found += [Beginning(number, weight, place, x, tuple(on.activity))] * own
            x, _ = forward([layer], self.weights[weight:], x, on, place=place)
            weight, place = weight + own, sum(not isinstance(each.layer, layers.Residual) for each in on.crossings)
        return found

    def after(self) -> tuple[np.ndarray, ...]:
        """The weights after the step."""
        steps = ReferenceEngine(np.float64).begin(self.plan, self.state)
        steps.step(self._given)
        return steps.get_weights()

    def difference(self, place: int, at: tuple[int, ...], begin: Beginning) -> Difference:
        """How the loss grows as one number of one array moves."""
        moved = self.weights[place].copy()
        weights = (*self.weights[:place], moved, *self.weights[place + 1 :])
        here = float(moved[at])

        def loss(by: float) -> float:
            moved[at] = here + by
            return self.loss(weights, begin)

        return slope_at(loss, here, self.whole)


@dataclass
class _Builder:
    """Reads a trace off, layer by layer."""

    plan: Plan
    exact: _Exact
    trace: Trace
    data: list[np.ndarray]
    slopes: list[np.ndarray]
    after: tuple[np.ndarray, ...] | None
    some: int
    symbols: list[str] = field(default_factory=list)  # of the arrays with a penalty, as layers come by
    error_symbol: str = ""

    def steps(self) -> Iterator[LayerStep]:
        """The layers in their order, a residual block after those inside."""
        crossings, originals = self._crossings()
        names = list(_names(self.plan.network))
        current, starts = "X", dict[int, str]()
        before = 0
        for number, (crossing, layer, name) in enumerate(zip(crossings, originals, names, strict=True), 1):
            for depth in range(before + 1, crossing.depth + 1):
                starts[depth] = current
            before = crossing.depth
            last = number == len(crossings)
            y = self._output_symbol(number) if last else f"a{number}"
            residual = isinstance(layer, layers.Residual)
            words = {"k": str(number), "x": starts[crossing.depth + 1] if residual else current, "y": y}
            yield self._layer(crossing, layer, name, words | {"inner": current}, linked=last and self.plan.linked)
            current = y

    def loss(self) -> LossStep:
        """The terms of the loss; after `steps`, which name the arrays."""
        plan, rows, weights = self.plan, self.exact.rows, self.exact.weights
        weight = weight_of(rows)
        logits = plan.linked or plan.loss.from_logits
        formulas, slope = loss_formulas(plan.loss, logits=logits)
        activity = sum(self.trace.on.activity, np.zeros(len(rows)))
        penalties = tuple(
            Penalty(symbol, _penalty_formula(symbol, *array.regularizer.factors), penalty_of(array, w))
            for symbol, array, w in zip(self.symbols, plan.network.weights, weights, strict=True)
            if array.regularizer is not None and array.trainable
        )
        return LossStep(
            _brief(plan.loss),
            tuple(formulas),
            self.trace.row_loss,
            weight,
            float((weight * self.trace.row_loss).sum() / len(rows)),
            float(activity.sum() / len(rows)),
            penalties,
            Value(self.error_symbol, f"(w_i/B) {'dl/dz' if logits else 'dl/dp'}", self.trace.error),
            slope,
        )

    def _crossings(self) -> tuple[list[Crossing], list[layers.Layer]]:
        """What went through the layers, with the layers as the network has them.

        Where the last activation belongs to the loss, the engine's last layer ends before it: here it is put back.
        """
        crossings = list(self.trace.on.crossings)
        originals = [crossing.layer for crossing in crossings]
        if not self.plan.linked:
            return crossings, originals
        last = self.plan.network.layers[-1]
        p = activated(self.plan.network.last_activation, self.trace.output)[0]
        if isinstance(last, layers.Dense):
            end = crossings[-1]
            crossings[-1] = replace(end, values=end.values | {"y": p, "d": self.trace.error})
            return crossings, [*originals[:-1], last]
        values = {"x": self.trace.output, "y": p, "dx": self.trace.error}
        return [*crossings, Crossing(last, (), 0, values)], [*originals, last]

    def _output_symbol(self, number: int) -> str:
        return f"z{number}" if self.plan.loss.from_logits else "p"

    def _layer(
        self, crossing: Crossing, layer: layers.Layer, name: str, words: Mapping[str, str], *, linked: bool
    ) -> LayerStep:
        activation = getattr(layer, "activation", None)
        words = {**words, "f": activation.kind if isinstance(activation, Activation) else ""}
        lines = _shortened(lines_of(layer, crossing.values), layer, words, linked=linked)
        values = crossing.values
        if words["y"] == "p" or words["y"].startswith("z"):
            self.error_symbol = _error_symbol(layer, words, linked=linked)
        where = tuple(each.format(**words) for each in lines.where)
        if isinstance(activation, Activation):
            where += tuple(activation_formulas(activation))
        return LayerStep(
            int(words["k"]),
            name,
            _brief(layer),
            crossing.depth,
            values["x"].shape[1],
            values["y"].shape[1],
            tuple(_valued(line, words, values) for line in lines.forward),
            tuple(_valued(line, words, values) for line in lines.backward),
            tuple(
                self._weight(layer, place, order, name, lines, words) for order, place in enumerate(crossing.weights)
            ),
            where,
            isinstance(layer, layers.Dense),
        )

    def _weight(
        self, layer: layers.Layer, place: int, order: int, name: str, lines: Lines, words: Mapping[str, str]
    ) -> WeightStep:
        array, w = self.plan.network.weights[place], self.exact.weights[place]
        own = array.name.rpartition("/")[2]
        symbol, right = lines.weights.get(own, ("E", lines.weights.get("embeddings", ("", ""))[1]))
        symbol = symbol.format(**words)
        if isinstance(layer, layers.Embedding):
            symbol = f"E_{order + 1}"
        self.symbols.append(symbol)
        moved_by_batch = place in self.trace.on.moved
        moves = "optimizer" if array.trainable else "batch" if moved_by_batch else "no"
        check = self._check(place) if array.trainable else None
        return WeightStep(
            symbol,
            f"{name}/{own}",
            right.format(**words),
            moves,
            w,
            self.data[place] if array.trainable else np.zeros_like(w),
            self.slopes[place] if array.trainable else np.zeros_like(w),
            array.regularizer is not None and array.trainable,
            None if self.after is None else self.after[place],
            check,
        )

    def _drawn(self, place: int, size: np.ndarray, count: int) -> np.ndarray:
        """Which numbers of a large array are looked at: half of them the largest gradients, the others by chance."""
        order = np.argsort(-size, kind="stable")
        largest, others = np.split(order, [-(-count // 2)])
        chance = _seeds.generator(self.plan.seed, "explain", place)
        return np.sort(np.concatenate([largest, chance.choice(others, count - len(largest), replace=False)]))

    def _check(self, place: int) -> Check | None:
        w, gradient = self.exact.weights[place], self.data[place] + self.slopes[place]
        count = min(self.some, w.size)
        if count < 1:
            return None
        drawn = np.arange(w.size)
        if count < w.size:
            drawn = self._drawn(place, np.abs(gradient).ravel(), count)
        places = np.stack(np.unravel_index(drawn, w.shape), axis=1)
        begin = self.exact.beginnings[place]
        found = [self.exact.difference(place, tuple(at), begin) for at in places.tolist()]
        columns = {each.name: np.array([getattr(one, each.name) for one in found]) for each in fields(Difference)}
        return Check(
            places,
            gradient.ravel()[drawn],
            columns["slope"],
            columns["uncertainty"],
            columns["below"],
            columns["above"],
            w.size,
        )


def _shortened(lines: Lines, layer: layers.Layer, words: dict[str, str], *, linked: bool) -> Lines:
    """The formulas of a layer where its activation is none, or belongs to the loss."""
    if isinstance(layer, layers.Dense):
        z = lines.forward[0]
        d, dx = lines.backward
        if linked:
            return replace(lines, backward=(replace(d, right="(w_i/B) dl/dz"), dx))
        if isinstance(layer.activation, Linear):
            both = z.symbol if words["y"].startswith("z") else f"{words['y']} = {z.symbol}"
            return replace(lines, forward=(replace(z, symbol=both),), backward=(replace(d, right="dL/d{y}"), dx))
    elif linked:
        return replace(lines, backward=(replace(lines.backward[0], right="(w_i/B) dl/dz"),))
    return lines


def _error_symbol(layer: layers.Layer, words: Mapping[str, str], *, linked: bool) -> str:
    """What the error of the output is called: where the loss begins at weighted sums, it is the last layer's."""
    if linked:
        return f"d{words['k']}" if isinstance(layer, layers.Dense) else f"dL/d{words['x']}"
    return f"dL/d{words['y']}"


def _valued(line: Any, words: Mapping[str, str], values: Mapping[str, np.ndarray]) -> Value:
    return Value(line.symbol.format(**words), line.right.format(**words), values[line.value])


def _penalty_formula(symbol: str, l1: float, l2: float) -> str:
    terms = [f"{l1:g} sum |{symbol}|"] if l1 else []
    terms += [f"{l2:g} sum {symbol}^2"] if l2 else []
    return " + ".join(terms) or "0"


def _names(network: Network) -> Iterator[str]:
    """The names of the layers in the order of their crossings."""

    def inside(names: Sequence[str], row: Sequence[layers.Layer]) -> Iterator[str]:
        for name, layer in zip(names, row, strict=True):
            if isinstance(layer, layers.Residual):
                block = layer.inside()
                yield from inside([f"{name}/{place}_{each.kind}" for place, each in enumerate(block)], block)
            yield name

    return inside(layer_names(network.layers), network.layers)


def _brief(record: Record) -> str:
    """A record with what it does: ``Dense(3, tanh)``."""
    if isinstance(record, layers.Dense):
        activation = "" if isinstance(record.activation, Linear) else f", {_brief_value(record.activation)}"
        return f"Dense({record.units}{activation})"
    if isinstance(record, layers.Residual):
        return f"Residual of {len(record.layers)} layer{'s' if len(record.layers) > 1 else ''}"
    changed = []
    usual = {name: parameter.default for name, parameter in signature(type(record)).parameters.items()}
    for each in fields(record):
        value = getattr(record, each.name)
        plain = value is not None and not isinstance(value, (tuple, Record))
        if each.name not in GENERAL and value != usual.get(each.name) and plain:
            changed.append(f"{each.name}={_brief_value(value)}")
        elif each.name == "activation":
            changed.append(_brief_value(value))
    return f"{type(record).__name__}({', '.join(changed)})" if changed else type(record).__name__


def _brief_value(value: Any) -> str:
    return str(value.kind) if isinstance(value, Record) else f"{value:g}" if isinstance(value, float) else str(value)


def _update(plan: Plan, state: State, steps: bool) -> Update:  # noqa: FBT001
    optimizer = plan.optimizer
    if not steps:
        note = "LBFGS takes no step of one batch: it seeks the best point along a line, with the loss of all rows"
        return Update(_brief(optimizer), (), state.step + 1, 0.0, (note,))
    rate = optimizer.rate_of(state.step) if state.learning_rate is None else float(state.learning_rate)
    notes = []
    if rate == 0:
        notes.append("the learning rate of this step is 0: its schedule has come to its end, and no weight moves")
    if any(array.rate_factor != 1 for array in plan.network.weights):
        notes.append("lr is the learning rate times the factor of the array's layer")
    return Update(_brief(optimizer), tuple(optimizer_formulas(optimizer)), state.step + 1, rate, tuple(notes))
