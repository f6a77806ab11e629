"""The contract that every engine meets.

An engine is functions over immutable records: a plan and a state go in, a result comes out. Nothing of a run stays in
the engine, so a model is its plan and its state, and any engine can go on where another stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np

from tabgrad._checks import COUNT, Interval, check
from tabgrad._refusals import shown
from tabgrad._stack import layer_names
from tabgrad.errors import ArgumentError, DataError
from tabgrad.matrix import Matrix
from tabgrad.optimizers import Muon
from tabgrad.plan import Network, Plan

Status = Literal["finished", "stopped", "interrupted", "diverged"]
"""How a run ended: all epochs done; a listener or `Stopping` asked; an exception came (Ctrl-C, or a listener's); loss
not finite."""


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
    best : tuple of arrays, or None
        Of a run with `Stopping`, the weights (their averages, where the optimizer keeps some) of the epoch whose
        validation loss was the least; however the run ended. None without such an epoch.
    best_epoch : int
        The number of that epoch; -1: none.
    """

    state: State
    training: np.ndarray
    validation: np.ndarray | None = None
    status: Status = "finished"
    failure: BaseException | None = None
    failed_step: int = -1
    best: tuple[np.ndarray, ...] | None = None
    best_epoch: int = -1


@dataclass(frozen=True)
class Stopping:
    """When a run ends before its last epoch; with it, the weights of the best epoch are kept.

    The validation rows are scored on the averages of the weights where the optimizer keeps some (`use_ema`), else on
    the weights.

    Parameters
    ----------
    patience : int or None, default None
        How many epochs may pass without a validation loss below the least so far: after so many the run ends. None:
        any number.
    deadline : float or None, default None
        The time, as `time.monotonic` tells it, from which on no epoch begins, the first one included. None: never.
    least : float, default infinity
        Of a run that goes on where another ended, the least validation loss there.
    waited : int, default 0
        And the epochs since.

    Raises
    ------
    ArgumentError
        Patience is less than 1, a deadline no finite number, `least` not a number, `waited` below 0.

    Examples
    --------
    >>> from tabgrad.engines.base import Stopping
    >>> Stopping(patience=12)
    Stopping(patience=12, deadline=None, least=inf, waited=0)
    """

    patience: int | None = None
    deadline: float | None = None
    least: float = math.inf
    waited: int = 0

    def __post_init__(self) -> None:
        """Check them."""
        check(self.patience, "patience", "Stopping", (int, type(None)), COUNT)
        check(self.deadline, "deadline", "Stopping", (float, type(None)), Interval())
        check(self.waited, "waited", "Stopping", (int,), Interval(0))
        if math.isnan(self.least):
            raise ArgumentError("'least' of Stopping must be a loss, or infinity where there was none. Got nan.")


@dataclass(frozen=True)
class Job:
    """One run among many: the arguments of `Engine.fit`.

    Parameters
    ----------
    plan, state, rows, epochs, initial_epoch, validation, validation_batch_size, listener
        As `Engine.fit` says.
    places : array of shape (training rows,) or None
        The rows of `rows` to train on, integers that count from 0, in any order and as often as one likes: the run is
        that on a `Matrix` of exactly these rows, bit for bit. None: all of them.
    held : array of shape (validation rows,) or None
        Likewise the rows of `rows` to validate on, in place of `validation`.
    stopping : Stopping or None
        When the run ends before its last epoch; with it the weights of the best epoch are kept.

    Raises
    ------
    DataError
        Places are no integers, or no rows of the table.
    ArgumentError
        There are validation rows twice, or none to be patient about.
    """

    plan: Plan
    state: State
    rows: Matrix
    epochs: int
    initial_epoch: int = 0
    validation: Matrix | None = None
    validation_batch_size: int | None = None
    listener: Listener = field(default_factory=Listener)
    places: np.ndarray | None = None
    held: np.ndarray | None = None
    stopping: Stopping | None = None

    def __post_init__(self) -> None:
        """Check what was not looked at before: which rows are meant."""
        found = [
            refusal
            for name, places in (("places", self.places), ("held", self.held))
            if (refusal := _refused(name, places, len(self.rows)))
        ]
        if found:
            raise DataError("\n".join(found))
        if self.held is not None and self.validation is not None:
            raise ArgumentError("A Job has its validation rows in 'validation' or in 'held'. Got both: leave one out.")
        if self.stopping is not None and self.stopping.patience is not None and not self.validates:
            raise ArgumentError(
                "'patience' of Stopping needs validation rows to be patient about. Give the Job 'held' or 'validation'."
            )

    @property
    def validates(self) -> bool:
        """Whether there are validation rows."""
        return self.validation is not None or self.held is not None

    @property
    def validation_rows(self) -> int:
        """How many rows are validated on."""
        rows = self.validation if self.held is None else self.held
        return 0 if rows is None else len(rows)

    @property
    def training_rows(self) -> int:
        """How many rows an epoch has."""
        return len(self.rows) if self.places is None else len(self.places)

    def apart(self) -> Job:
        """The same run with its rows copied apart: what `places` and `held` mean."""
        rows, held = self.rows, self.held
        return replace(
            self,
            rows=rows if self.places is None else rows.part(self.places),
            validation=self.validation if held is None else rows.part(held),
            places=None,
            held=None,
        )


def _refused(name: str, places: object, rows: int) -> str | None:
    """What is wrong with places of rows."""
    if places is None:
        return None
    expected = f"'{name}' of a Job must be an array of integers from 0 to {rows - 1}, places of its {rows} rows"
    if not isinstance(places, np.ndarray) or places.dtype.kind not in "iu":
        kind = places.dtype if isinstance(places, np.ndarray) else type(places).__name__
        return f"{expected}. Got {kind}; np.flatnonzero makes places of a mask."
    if places.ndim != 1 or not places.size:
        return f"{expected}, of shape (count,) with at least one. Got shape {places.shape}."
    beyond = np.flatnonzero((places < 0) | (places >= rows))
    return f"{expected}. Got {shown(places[beyond[0]])} at {beyond[0]}." if beyond.size else None


class Engine(Protocol):
    """Training, scoring and prediction; every engine passes `tests/contracts`.

    Contract: a step equals the reference's to float32 rounding; the same seed gives the same bits for any number of
    threads; a frozen layer does not move; what goes in is never written to.
    """

    name: str

    def fit(self, job: Job, *, threads: int | None = None) -> Result:
        """Train from epoch `initial_epoch` to `epochs`.

        Each epoch: order the rows (`_seeds.permutation(seed, epoch, rows)` if the plan shuffles), cut them into
        batches, the last one possibly smaller, take a step on each, then score the validation rows. What `places`,
        `held` and `stopping` change of that, `Job` says; the deadline is looked at before an epoch begins, patience
        once it has ended.
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
        """The outputs of one network with several sets of weights, float32 of shape (sets, rows, outputs).

        Each is what `predict` gives, bit for bit, for any number of threads, which share sets and rows.
        """

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
        """The outputs where one term of each row is another row's: float32 of shape (sets, rows, orders, outputs).

        ::

            output[s, i, r] = network_s(x[s, i] + (terms[s, orders[r, i]] - terms[s, i]))

        `x` and `terms` are float32 of shape (sets, rows, inputs), `orders` are places of rows, (orders, rows). The
        network takes no codes. Each output is what `predict` gives of these sums in float32, bit for bit, for any
        number of threads.
        """
