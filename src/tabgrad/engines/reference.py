r"""The reference engine: training written out in NumPy, the specification that every other engine is held to.

A network of two layers, to fix the symbols. Rows ``X`` (batch, features), targets ``y``, row weights ``w``::

    forward          z1 = X W1 + b1     a1 = f1(z1)
                     z2 = a1 W2 + b2    p  = f2(z2)
    loss             L  = (1/batch) sum_i w_i l(y_i, p_i) + R(W1) + R(W2)
    error terms      d2 = dL/dz2 = (w/batch) dl/dp * f2'(z2)       (batch, outputs)
                     d1 = dL/dz1 = d2 W2^T * f1'(z1)               (batch, units)
    gradients        dL/dW2 = a1^T d2 + R'(W2)     dL/db2 = sum of d2 over the batch
                     dL/dW1 = X^T d1  + R'(W1)     dL/db1 = sum of d1 over the batch
    step             W <- W - learning rate * gradient, or what the optimizer makes of it

The functions below stand in that order. The layers themselves are in `_reference_layers`, each with its backward pass
inside its forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tabgrad import _seeds, activations, layers
from tabgrad.engines import stepping
from tabgrad.engines._reference_activations import activated
from tabgrad.engines._reference_layers import Backward, Pass, forward
from tabgrad.engines._reference_losses import loss_and_error
from tabgrad.engines._reference_metrics import terms_of
from tabgrad.engines._reference_optimizers import Step, averaged, clipped, moved
from tabgrad.engines.base import Job, Result, State, Steps, check_shapes, orthogonalized
from tabgrad.engines.scores import Scores
from tabgrad.matrix import Matrix
from tabgrad.optimizers import LBFGS
from tabgrad.plan import Network, Plan

__all__ = ["ReferenceEngine"]

quiet = np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
"""A run whose numbers leave float32 says so by its status, not by NumPy's warnings."""

PREDICTED_AT_ONCE = 256  # rows of every product of a prediction, so that a row never meets another rounding


# ---- Loss, error terms, gradients ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """A batch on its way: all that went through the layers, and what its loss says of the output.

    Parameters
    ----------
    on : Pass
        With the crossings of the layers.
    output : array of shape (batch, outputs)
        What the loss reads: ``p``, or ``z`` where it begins at weighted sums.
    row_loss : array of shape (batch,)
        ``l`` of each row, before its weight.
    error : array of shape (batch, outputs)
        ``dL/dp``, or ``dL/dz``: ``(w/batch) dl/dp``.
    backward : callable
        From there back through the layers.
    """

    on: Pass
    output: np.ndarray
    row_loss: np.ndarray
    error: np.ndarray
    backward: Backward

    def gradients(self) -> list[np.ndarray]:
        """The gradient of the loss of the rows by each weight, without the penalties'."""
        return self.backward(self.error)[1]


@quiet
def traced(plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, step: int) -> Trace:
    """Send a batch through the network, as in a step of training, up to the error term of its output."""
    network, logits = with_logits(plan)
    on = Pass(training=True, seed=plan.seed, step=step, codes=rows.codes)
    output, backward = forward(network.layers, weights, rows.x, on)
    row_loss, error = loss_and_error(plan.loss, rows.y, output, logits=logits)
    error = error * (weight_of(rows) / len(rows))[:, np.newaxis]  # (batch, outputs)
    return Trace(on, output, row_loss, error, backward)


@quiet
def backpropagation(
    plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, step: int
) -> tuple[np.ndarray, list[np.ndarray], dict[int, np.ndarray]]:
    """A batch's sums of loss and metrics, the loss's gradient by each weight, the weights that move with the batch."""
    trace = traced(plan, weights, rows, step)
    slopes = penalty_slopes(plan.network, weights)
    gradients = [g + slope for g, slope in zip(trace.gradients(), slopes, strict=True)]
    sums = loss_and_metrics(plan, weights, rows, trace.output, trace.row_loss, trace.on.activity)
    return sums, gradients, trace.on.moved


def with_logits(plan: Plan) -> tuple[Network, bool]:
    """The network up to where the loss begins, and whether the loss begins at weighted sums (logits).

    Where the last activation is the loss's link, it belongs to the loss: softmax and cross-entropy, each with a steep
    derivative, together have the error term ``p - y``.
    """
    if not plan.linked:
        return plan.network, plan.loss.from_logits
    *before, last = plan.network.layers
    end = (replace(last, activation=activations.linear),) if isinstance(last, layers.Dense) else ()
    return replace(plan.network, layers=(*before, *end)), True


def penalty(network: Network, weights: Sequence[np.ndarray]) -> float:
    """``R = l1 * sum |w| + l2 * sum w^2`` over the weights that have a regulariser and move, as in Keras."""
    return sum((penalty_of(weight, w) for weight, w in zip(network.weights, weights, strict=True)), 0.0)


def penalty_of(weight: layers.Weight, w: np.ndarray) -> float:
    """What one array adds to ``R``."""
    if weight.regularizer is None or not weight.trainable:
        return 0.0
    l1, l2 = weight.regularizer.factors
    return l1 * float(np.abs(w).sum(dtype=np.float64)) + l2 * float(np.square(w).sum(dtype=np.float64))


def penalty_slopes(network: Network, weights: Sequence[np.ndarray]) -> Iterator[np.ndarray | float]:
    """``dR/dw = l1 * sign(w) + 2 * l2 * w`` of each weight."""
    for weight, w in zip(network.weights, weights, strict=True):
        if weight.regularizer is None:
            yield 0.0
        else:
            l1, l2 = weight.regularizer.factors
            yield l1 * np.sign(w) + 2 * l2 * w


def loss_and_metrics(
    plan: Plan,
    weights: Sequence[np.ndarray],
    rows: Matrix,
    output: np.ndarray,
    row_loss: np.ndarray,
    activity: Sequence[np.ndarray],
) -> np.ndarray:
    """The sums that `tabgrad.engines.scores` makes values of: ``L = (1/batch) sum_i (w_i l_i + activity_i) + R``.

    Rows, rows times ``L``, the terms of the metrics on the network's own output; float64.
    """
    of_rows = weight_of(rows) * row_loss + sum(activity)
    loss = np.sum(of_rows, dtype=np.float64) + len(rows) * penalty(plan.network, weights)
    p = activated(plan.network.last_activation, output)[0] if plan.linked else output
    terms = (terms_of(metric, rows.y, p, rows.weight if weighted else None) for metric, weighted in plan.scores)
    return np.concatenate([(len(rows), loss), *terms])


def weight_of(rows: Matrix) -> np.ndarray:
    """The weight of each row, 1 where none is given."""
    return np.ones(len(rows), rows.x.dtype) if rows.weight is None else rows.weight


# ---- The step --------------------------------------------------------------------------------------------------------


@quiet
def stepped(
    plan: Plan, state: State, gradients: Sequence[np.ndarray], moved_by_batch: Mapping[int, np.ndarray]
) -> State:
    """The state after a step: gradients are clipped, then each trainable weight moves by the optimizer's formula.

    Its learning rate and its decay are the optimizer's times the weight's own factors; then its average moves.
    """
    rate = plan.optimizer.rate_of(state.step) if state.learning_rate is None else float(state.learning_rate)
    optimizer = plan.optimizer.decaying_in(state.step)
    own, t = len(optimizer.slots), state.step + 1
    weights, slots = list(state.weights), list(state.slots)
    for place, array in moved_by_batch.items():
        weights[place] = array
    moving = [place for place, weight in enumerate(plan.network.weights) if weight.trainable]
    matrices = orthogonalized(plan)
    for place, g in zip(moving, clipped(optimizer, [gradients[place] for place in moving]), strict=True):
        weight = plan.network.weights[place]
        step = Step(rate * weight.rate_factor, t, weight.decay_factor)
        w, carried = moved(optimizer, step, weights[place], g, slots[place][:own], orthogonal=matrices[place])
        weights[place], slots[place] = averaged(optimizer, t, w, carried, slots[place][own:])
    return replace(state, weights=tuple(weights), slots=tuple(slots), step=t)


# ---- The engine ------------------------------------------------------------------------------------------------------


class ReferenceEngine:
    """NumPy, one thread of Python, every formula in sight.

    Parameters
    ----------
    dtype : dtype, default float32
        What it computes in; float64 for checks of gradients. Losses and metrics are summed in float64 either way.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.engines.base import Job, initial_state
    >>> from tabgrad.engines.reference import ReferenceEngine
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.losses import MeanSquaredError
    >>> from tabgrad.matrix import Matrix
    >>> from tabgrad.optimizers import SGD
    >>> from tabgrad.plan import Network, Plan
    >>> plan = Plan(Network(1, (Dense(1),)), MeanSquaredError(), SGD(0.1))
    >>> x = np.array([[-1], [0], [1]], np.float32)
    >>> result = ReferenceEngine().fit(Job(plan, initial_state(plan), Matrix(x, 2 * x + 1), epochs=100))
    >>> [array.round(3).tolist() for array in result.state.weights]
    [[[2.0]], [1.0]]
    """

    name = "reference"

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        """Train from epoch `initial_epoch` to `epochs`; see `Engine.fit`."""
        if isinstance(job.plan.optimizer, LBFGS):
            from tabgrad.engines import _lbfgs

            return _lbfgs.fit(self, job, job.plan.optimizer)
        job = job.apart()
        plan, rows = job.plan, _rows(job.rows, self.dtype)

        def batches(epoch: int) -> Iterator[Matrix]:
            order = _seeds.permutation(plan.seed, epoch, len(rows)) if plan.shuffle else np.arange(len(rows))
            for start in range(0, len(rows), plan.batch_size):
                yield rows.part(order[start : start + plan.batch_size])

        return stepping.run(self, _Steps(self, plan, job.state), job, batches)

    def begin(self, plan: Plan, state: State, *, threads: int | None = None) -> Steps:
        """A run that waits for its batches; see `Engine.begin`."""
        return _Steps(self, plan, state)

    def fit_many(self, jobs: Sequence[Job], *, threads: int | None = None) -> list[Result]:
        """Many runs, one after the other; see `Engine.fit_many`."""
        results = []
        for job in jobs:
            results.append(self.fit(job))
            if isinstance(results[-1].failure, KeyboardInterrupt):  # Ctrl-C is meant for all of them
                raise results[-1].failure
        return results

    def gradients(self, plan: Plan, state: State, rows: Matrix) -> tuple[float, tuple[np.ndarray, ...]]:
        """Loss and gradients of one batch, zeros for a frozen weight; see `Engine.gradients`."""
        weights = _arrays(state.weights, plan.network, self.dtype)
        sums, gradients, _ = backpropagation(plan, weights, _rows(rows, self.dtype), state.step)
        moving = [weight.trainable for weight in plan.network.weights]
        loss = float(sums[1] / sums[0])
        return loss, tuple(g if moves else 0 * g for g, moves in zip(gradients, moving, strict=True))

    def evaluate(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> list[float]:
        """Loss and metrics, dropout off; see `Engine.evaluate`."""
        return Scores(plan).values(self.sums(plan, weights, rows, batch_size=batch_size))

    @quiet
    def sums(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> np.ndarray:
        """What the values are made of, over batches that only a function of one's own can tell from one."""
        rows, weights = _rows(rows, self.dtype), _arrays(weights, plan.network, self.dtype)
        network, logits = with_logits(plan)
        output, activity = _predicted(network, weights, rows.x, rows.codes)
        row_loss, _ = loss_and_error(plan.loss, rows.y, output, logits=logits)
        size = batch_size if plan.has_functions else len(rows)
        batches = (slice(start, start + size) for start in range(0, len(rows), size))
        sums = [
            loss_and_metrics(plan, weights, rows.part(here), output[here], row_loss[here], [activity[here]])
            for here in batches
        ]
        total: np.ndarray = np.sum(sums, axis=0)
        return total

    @quiet
    def predict(
        self,
        network: Network,
        weights: Sequence[np.ndarray],
        x: np.ndarray,
        *,
        codes: np.ndarray | None = None,
        batch_size: int,
        threads: int | None = None,
    ) -> np.ndarray:
        """The network's outputs, dropout off; see `Engine.predict`."""
        return _predicted(network, _arrays(weights, network, self.dtype), np.asarray(x, self.dtype), codes)[0]

    def predict_many(
        self,
        network: Network,
        weights: Sequence[Sequence[np.ndarray]],
        x: np.ndarray,
        *,
        codes: np.ndarray | None = None,
        batch_size: int,
        threads: int | None = None,
    ) -> np.ndarray:
        """The outputs with several sets of weights, one after the other; see `Engine.predict_many`."""
        outputs = np.empty((len(weights), len(x), network.outputs), self.dtype)
        for place, each in enumerate(weights):
            outputs[place] = self.predict(network, each, x, codes=codes, batch_size=batch_size)
        return outputs

    def predict_exchanged(
        self,
        network: Network,
        weights: Sequence[Sequence[np.ndarray]],
        x: np.ndarray,
        terms: np.ndarray,
        orders: np.ndarray,
        *,
        threads: int | None = None,
    ) -> np.ndarray:
        """The outputs of ``x_i + (t_(order ri) - t_i)``, one set after the other; see `Engine.predict_exchanged`."""
        count, rows = orders.shape
        outputs = np.empty((len(weights), rows, count, network.outputs), self.dtype)
        for place, (each, x_s, t) in enumerate(zip(weights, x, terms, strict=True)):
            sums = x_s[:, np.newaxis] + (t[orders.T] - t[:, np.newaxis])  # (rows, orders, inputs)
            flat = sums.reshape(rows * count, network.inputs)
            outputs[place] = self.predict(network, each, flat, batch_size=PREDICTED_AT_ONCE).reshape(rows, count, -1)
        return outputs


class _Steps:
    """A run on its way, and the session that its listener sees."""

    def __init__(self, engine: ReferenceEngine, plan: Plan, state: State) -> None:
        self._engine, self._plan = engine, plan
        weights = _arrays(state.weights, plan.network, engine.dtype)
        slots = tuple(tuple(np.array(slot, engine.dtype) for slot in slots) for slots in state.slots)
        self._state = replace(state, weights=weights, slots=slots)
        self.stopping = False

    @property
    def learning_rate(self) -> float:
        """The rate of the coming steps."""
        changed = self._state.learning_rate
        return self._plan.optimizer.rate_of(self._state.step) if changed is None else changed

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        changed = None if rate == self._plan.optimizer.learning_rate else float(rate)
        self._state = replace(self._state, learning_rate=changed)

    def get_weights(self) -> tuple[np.ndarray, ...]:
        """Copies of the weights as they are now."""
        return tuple(w.copy() for w in self._state.weights)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Replace the weights; shapes as in `Network.weights`."""
        self._state = replace(self._state, weights=_arrays(weights, self._plan.network, self._engine.dtype))

    def state(self) -> State:
        """Copies of all that the run carries."""
        slots = tuple(tuple(slot.copy() for slot in slots) for slots in self._state.slots)
        return replace(self._state, weights=self.get_weights(), slots=slots)

    def stop(self) -> None:
        """End the run; see `Session.stop`."""
        self.stopping = True

    def step(self, rows: Matrix) -> np.ndarray | None:
        """A step on a batch; see `Steps`."""
        rows = _rows(rows, self._engine.dtype)
        sums, gradients, moved = backpropagation(self._plan, self._state.weights, rows, self._state.step)
        if not np.isfinite(sums[1]):
            return None
        self._state = stepped(self._plan, self._state, gradients, moved)
        return sums


def _predicted(
    network: Network, weights: Sequence[np.ndarray], x: np.ndarray, codes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The output of any number of rows in products of one size, the last one filled up with zeros; their activity."""
    output, activity = np.empty((len(x), network.outputs), x.dtype), np.zeros(len(x), x.dtype)
    block = np.zeros((PREDICTED_AT_ONCE, x.shape[1]), x.dtype)
    codes_block = None if codes is None else np.zeros((PREDICTED_AT_ONCE, codes.shape[1]), codes.dtype)
    for start in range(0, len(x), PREDICTED_AT_ONCE):
        rows, on = x[start : start + PREDICTED_AT_ONCE], Pass(codes=codes_block)
        here = slice(start, start + len(rows))
        block[: len(rows)] = rows
        if codes is not None and codes_block is not None:
            codes_block[: len(rows)] = codes[here]
        output[here] = forward(network.layers, weights, block, on)[0][: len(rows)]
        activity[here] = sum(on.activity, np.zeros(len(block), x.dtype))[: len(rows)]
    return output, activity


def _rows(rows: Matrix, dtype: np.dtype[Any]) -> Matrix:
    """The rows as the engine computes with them; labels and codes stay integers."""
    y = rows.y if rows.y.ndim == 1 else np.asarray(rows.y, dtype)
    weight = None if rows.weight is None else np.asarray(rows.weight, dtype)
    return Matrix(np.asarray(rows.x, dtype), y, weight, rows.codes)


def _arrays(weights: Sequence[np.ndarray], network: Network, dtype: np.dtype[Any]) -> tuple[np.ndarray, ...]:
    """Copies of a network's weights as the engine computes with them."""
    check_shapes(weights, network)
    return tuple(np.array(array, dtype) for array in weights)
