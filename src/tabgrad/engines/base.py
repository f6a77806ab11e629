"""The contract that every engine meets.

An engine is functions over immutable records: a plan and a state go in, a result comes out. Nothing of a run stays in
the engine, so a model is its plan and its state, and any engine can go on where another stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from tabgrad._stack import layer_names
from tabgrad.errors import DataError
from tabgrad.matrix import Matrix
from tabgrad.optimizers import Muon
from tabgrad.plan import Network, Plan

Status = Literal["finished", "stopped", "interrupted", "diverged"]
"""How a run ended: all epochs done; a listener asked; an exception came (Ctrl-C, or a listener's); loss not finite."""


@dataclass(frozen=True)
class State:
    """What the training loop carries from step to step.

    Parameters
    ----------
    weights : tuple of arrays
        In the order of `Network.weights`.
    slots : tuple of tuples of arrays
        For each weight the optimizer's arrays of the same shape, in the order of `Optimizer.carried`; for a frozen
        weight none.
    step : int
        Steps done so far; counts Adam's bias correction and the dropout masks.
    learning_rate : float or None
        The rate in force where a listener has changed it; None: the optimizer's own, or that of its schedule.
    """

    weights: tuple[np.ndarray, ...]
    slots: tuple[tuple[np.ndarray, ...], ...]
    step: int = 0
    learning_rate: float | None = None


def initial_state(plan: Plan, weights: Sequence[np.ndarray] | None = None) -> State:
    """The state before the first step: given or drawn weights, the average at these, slots as the optimizer says."""
    arrays, optimizer = plan.network.initial_weights(plan.seed) if weights is None else tuple(weights), plan.optimizer
    slots = tuple(
        (
            *(np.full(weight.shape, optimizer.slot_start, np.float32) for _ in optimizer.slots),
            *([np.array(w, np.float32)] if optimizer.use_ema else []),
        )
        if weight.trainable
        else ()
        for weight, w in zip(plan.network.weights, arrays, strict=True)
    )
    return State(arrays, slots)


def orthogonalized(plan: Plan) -> tuple[bool, ...]:
    """For each weight whether it steps as a matrix, by `Muon`."""
    network, optimizer = plan.network, plan.optimizer
    if not isinstance(optimizer, Muon):
        return (False,) * len(network.weights)
    names = layer_names(network.layers)
    return tuple(
        optimizer.orthogonalizes(f"{name}/{weight.name}", weight.shape)
        for name, (layer, inputs, _) in zip(names, network.widths(), strict=True)
        for weight in layer.weights(inputs)
    )


def averages(state: State) -> tuple[np.ndarray, ...]:
    """The running averages of the weights under an optimizer with `use_ema`; what is frozen is its own average."""
    return tuple(slots[-1] if slots else w for w, slots in zip(state.weights, state.slots, strict=True))


def finalized(plan: Plan, state: State) -> State:
    """The state at the end of `Sequential.fit`: the averages are the weights, if the optimizer keeps them."""
    return replace(state, weights=averages(state)) if plan.optimizer.use_ema else state


def check_shapes(weights: Sequence[np.ndarray], network: Network) -> None:
    """Refuse weights that are not a network's."""
    expected, got = [weight.shape for weight in network.weights], [np.shape(array) for array in weights]
    if expected != got:
        raise DataError(f"The weights must have the shapes {expected} of the network's arrays. Got {got}.")


class Session(Protocol):
    """What a listener may see and change between two steps of a run."""

    learning_rate: float  # of the coming step; to be set only where no schedule rules it

    def get_weights(self) -> tuple[np.ndarray, ...]:
        """Copies of the weights as they are now."""

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Replace the weights; shapes as in `Network.weights`."""

    def state(self) -> State:
        """Copies of all that the run carries: from there it can be gone on with, bit for bit."""

    def stop(self) -> None:
        """End the epoch after this batch, or after its first one, and the run with it, as a finished epoch."""


class Steps(Session, Protocol):
    """A run whose batches come one by one: see `tabgrad.engines.stepping`."""

    stopping: bool

    def step(self, rows: Matrix) -> np.ndarray | None:
        """Take a step on a batch: its sums (see `scores`); None where they or the weights are not finite."""


Values = Sequence[float]
"""Loss, then the plan's metrics in the order of `Plan.scores`."""


@dataclass(frozen=True)
class Listener:
    """Whoever wants to hear of a run; where a field is None, Python is not entered for it.

    Parameters
    ----------
    epoch_begin : callable (session, epoch)
    epoch_end : callable (session, epoch, values, validation values or None)
    batch_begin : callable (session, step of the epoch)
    batch_end : callable (session, step of the epoch, running values of the epoch)
    progress : callable (step of the epoch, running values of the epoch)
        Called about twenty times a second at most, once there are values.
    """

    epoch_begin: Callable[[Session, int], None] | None = None
    epoch_end: Callable[[Session, int, Values, Values | None], None] | None = None
    batch_begin: Callable[[Session, int], None] | None = None
    batch_end: Callable[[Session, int, Values], None] | None = None
    progress: Callable[[int, Values], None] | None = None


@dataclass(frozen=True)
class Result:
    """What a run gave.

    Parameters
    ----------
    state : State
        After the last epoch that was finished.
    training : array of shape (epochs done, 1 + metrics)
        Loss and metrics of each epoch on the training rows, as the steps saw them.
    validation : array of the same shape, or None
    status : Status
    failure : BaseException or None
        What interrupted the run; the caller raises it once it has kept the state.
    failed_step : int
        For a run that diverged, the step within the epoch (from 0) whose loss was not finite.
    """

    state: State
    training: np.ndarray
    validation: np.ndarray | None = None
    status: Status = "finished"
    failure: BaseException | None = None
    failed_step: int = -1


@dataclass(frozen=True)
class Job:
    """One run among many: the arguments of `Engine.fit`."""

    plan: Plan
    state: State
    rows: Matrix
    epochs: int
    initial_epoch: int = 0
    validation: Matrix | None = None
    validation_batch_size: int | None = None
    listener: Listener = field(default_factory=Listener)


class Engine(Protocol):
    """Training, scoring and prediction; every engine passes `tests/contracts`.

    Contract: a step equals the reference's to float32 rounding; the same seed gives the same bits for any number of
    threads; a frozen layer does not move; what goes in is never written to.
    """

    name: str

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        """Train from epoch `initial_epoch` to `epochs`.

        Each epoch: order the rows (`_seeds.permutation(seed, epoch, rows)` if the plan shuffles), cut them into
        batches, the last one possibly smaller, take a step on each, then score the validation rows.
        """

    def begin(self, plan: Plan, state: State, *, threads: int | None = None) -> Steps:
        """A run that waits for its batches; each step is what `fit` takes on these rows, bit for bit."""

    def fit_many(self, jobs: Sequence[Job], *, threads: int | None = None) -> list[Result]:
        """Many runs side by side over shared rows; each result is what `fit` gives alone, bit for bit."""

    def gradients(self, plan: Plan, state: State, rows: Matrix) -> tuple[float, tuple[np.ndarray, ...]]:
        """Loss and gradients of one batch (all rows, dropout as in the state's next step), regularisation included."""

    def evaluate(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> list[float]:
        """Loss (with regularisation) and metrics on rows, dropout off."""

    def sums(
        self, plan: Plan, weights: Sequence[np.ndarray], rows: Matrix, *, batch_size: int, threads: int | None = None
    ) -> np.ndarray:
        """The sums over the rows that `tabgrad.engines.scores` makes the values of: those of two parts add up."""

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
        """The network's outputs, float32 of shape (rows, outputs), dropout off; the same bits for any batch size.

        `x` and `codes` are as in `Matrix`.
        """
