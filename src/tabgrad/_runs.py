"""Runs of a model with somebody listening: what an engine tells, passed on to callbacks, history and progress.

An engine knows epochs and values; callbacks know Keras's epoch numbers and logs by name. A `Training` stands between
them for one call of `fit`; `evaluated` and `predicted` do the same for a pass without steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tabgrad._backup_files import Backup
from tabgrad._feeding import Feed
from tabgrad._inputs import Inputs
from tabgrad._warning import warn
from tabgrad.activations import Softmax
from tabgrad.callbacks.base import Logs
from tabgrad.callbacks.history import History
from tabgrad.callbacks.listening import CallbackList
from tabgrad.engines.base import Engine, Job, Listener, Result, Session, Values
from tabgrad.engines.scores import Scores
from tabgrad.losses import Function
from tabgrad.matrix import Matrix
from tabgrad.metrics._overlap import FScore
from tabgrad.plan import Network, Plan
from tabgrad.progress import Progress

if TYPE_CHECKING:
    from tabgrad.models import Sequential

DURING_TRAINING = ("on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end")
DURING_TEST = ("on_test_begin", "on_test_end")
TEST_BATCHES = ("on_test_batch_begin", "on_test_batch_end")


class Names:
    """The names of an engine's values: loss, then metrics; in logs they stand in alphabetical order, as in Keras."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self.values = ["loss", *metrics]
        self._alone = sorted((name, place) for place, name in enumerate(self.values))
        both = [*self.values, *(f"val_{name}" for name in self.values)]
        self._both = sorted((name, place) for place, name in enumerate(both))

    def logs(self, values: Values, validation: Values | None = None) -> Logs:
        """Values by name."""
        if validation is None:
            return {name: float(values[place]) for name, place in self._alone}
        both = [*values, *validation]
        return {name: float(both[place]) for name, place in self._both}

    def returned(self, values: list[float], *, as_dict: bool) -> float | list[float] | dict[str, float]:
        """Values as `evaluate` gives them: alone, as a list in their order, or by name."""
        if as_dict:
            return self.logs(values)
        return values[0] if len(values) == 1 else values

    def columns(self, training: np.ndarray, validation: np.ndarray | None) -> dict[str, list[float]]:
        """The epochs' values by name, from arrays of shape (epochs, values)."""
        if validation is None:
            return {name: training[:, place].tolist() for name, place in self._alone}
        both = np.hstack([training, validation])
        return {name: both[:, place].tolist() for name, place in self._both}


class Training:
    """One call of `fit`: its callbacks, its history, its progress.

    Parameters
    ----------
    model : Sequential
    engine : Engine
    plan : Plan
    names : Names
    callbacks : CallbackList
    progress : Progress
    first : int
        Keras's number of the first epoch.
    shift : int
        What an engine's epoch number, which counts on from fit to fit, is ahead of it.
    validation : Matrix or None
    validation_batch_size : int or None
    due : callable or None
        Whether an epoch, by its number from 1, is validated; None: each is.
    feed : Feed or None
        Where batches come from; None: the rows of the run.
    """

    def __init__(
        self,
        model: Sequential,
        engine: Engine,
        plan: Plan,
        names: Names,
        callbacks: CallbackList,
        progress: Progress,
        *,
        first: int,
        shift: int,
        validation: Matrix | None,
        validation_batch_size: int | None,
        due: Callable[[int], bool] | None = None,
        feed: Feed | None = None,
    ) -> None:
        assert callbacks.history is not None
        self.history: History = callbacks.history
        self.engine, self.first, self.validation_batch_size = engine, first, validation_batch_size
        self._model, self._plan, self._names = model, plan, names
        self._callbacks, self._progress, self._shift = callbacks, progress, shift
        self._due, self.feed = due, feed
        # Validation runs here for hooks of its batches, which come one by one, for what may change its weights, and
        # where not every epoch is validated.
        listened = callbacks.listens("on_test_begin", *TEST_BATCHES)
        apart = validation is not None and (due is not None or listened)
        self._apart = validation if apart else None
        self.validation = None if apart else validation
        self._tests = validation is not None and (apart or callbacks.listens(*DURING_TEST))
        self._live = callbacks.listens(*DURING_TRAINING) or self._tests or progress.verbose > 0
        self._cut: int | None = None  # the steps of an epoch that is cut short
        self._last: Logs = {}

    def go_on(self, backup: Backup) -> None:
        """Begin where a backup was made."""
        self.first, self._shift = backup.epoch, backup.epochs_done - backup.epoch
        if self.feed is not None:
            self.feed.seed, self.feed.began = backup.seed, backup.began

    def listener(self) -> Listener:
        """The functions that the engine calls; None where nobody listens."""
        hears = self._callbacks.listens
        begins = hears("on_epoch_begin") or self._progress.verbose > 0 or self._model.stop_training
        return Listener(
            epoch_begin=self._epoch_begin if begins else None,
            epoch_end=self._epoch_end if self._live else None,
            batch_begin=self._batch_begin if hears("on_train_batch_begin") else None,
            batch_end=self._batch_end if hears("on_train_batch_end") else None,
            progress=self._show_step if self._progress.live else None,
        )

    def finish(self, result: Result) -> Logs:
        """Close the progress, complete the history from the result, and give the last epoch's logs."""
        self._progress.close()
        known, done = len(self.history.epoch), len(result.training)
        if self._live:
            for epoch in range(known, done):  # finished, but a hook failed before the history heard of them
                scores = None if result.validation is None else result.validation[epoch]
                self.history.on_epoch_end(self.first + epoch, self._names.logs(result.training[epoch], scores))
        elif done:
            values = self._names.columns(result.training, result.validation)
            self.history.add(range(self.first, self.first + done), values)
            self._last = {name: values[-1] for name, values in self.history.history.items()}
        self.history.status = result.status
        return self._last

    def abandon(self) -> None:
        """The engine itself failed: end the line on the screen."""
        self._progress.close()
        self.history.status = "interrupted"

    # ---- What the engine calls -------------------------------------------------------------------------------------

    def _epoch_begin(self, session: Session, epoch: int) -> None:
        self._meet(session, epoch)
        self._callbacks.tell("on_epoch_begin", epoch - self._shift, {})
        self._progress.epoch_begin(epoch - self._shift)
        self._stop_if_asked(session, 1)

    def _epoch_end(self, session: Session, epoch: int, values: Values, validation: Values | None) -> None:
        self._meet(session, epoch + 1)
        if self._tests and (self._due is None or self._due(epoch - self._shift + 1)):
            validation = self._tell_of_validation(session, validation)
        logs = self._names.logs(values, validation)
        self._callbacks.tell("on_epoch_end", epoch - self._shift, logs)
        self._progress.epoch_end(logs, self._cut if self.feed is None else self.feed.taken)
        self._last = logs
        self._stop_if_asked(session)

    def _tell_of_validation(self, session: Session, validation: Values | None) -> Values:
        """The validation's hooks, and, if they need it here, the validation."""
        self._callbacks.tell("on_test_begin", {})
        if self._apart is not None:
            weights, batch_size = session.get_weights(), self.validation_batch_size or self._plan.batch_size
            validation = evaluated(
                self.engine, self._plan, weights, self._apart, batch_size, self._names, self._callbacks
            )
        assert validation is not None
        self._callbacks.tell("on_test_end", self._names.logs(validation))
        return validation

    def _batch_begin(self, session: Session, step: int) -> None:
        self._meet(session)
        self._callbacks.tell("on_train_batch_begin", step, logs={})
        self._stop_if_asked(session, step + 1)

    def _batch_end(self, session: Session, step: int, values: Values) -> None:
        self._meet(session)
        self._callbacks.tell("on_train_batch_end", step, logs=self._names.logs(values))
        self._stop_if_asked(session, step + 1)

    def _show_step(self, step: int, values: Values) -> None:
        self._progress.step(step, self._names.logs(values))

    def _meet(self, session: Session, epochs_done: int | None = None) -> None:
        """From here on the model speaks of the session's weights; between epochs somebody may print."""
        self._model._join(session, epochs_done)
        if epochs_done is not None and self._callbacks.foreign:
            self._progress.make_room()

    def _stop_if_asked(self, session: Session, steps: int | None = None) -> None:
        """End the run if a callback said so, the epoch with so many steps."""
        if self._model.stop_training:
            session.stop()
            self._cut = self._cut or steps


def evaluated(
    engine: Engine,
    plan: Plan,
    weights: Sequence[np.ndarray],
    rows: Matrix,
    batch_size: int,
    names: Names,
    callbacks: CallbackList | None,
) -> list[float]:
    """Loss and metrics on rows; in batches of this size where a callback listens to batches, else at one go."""
    if callbacks is None or not callbacks.listens(*TEST_BATCHES):
        return engine.evaluate(plan, weights, rows, batch_size=batch_size)
    batches = (rows.part(slice(start, start + batch_size)) for start in range(0, len(rows), batch_size))
    return evaluated_in_batches(engine, plan, weights, batches, names, callbacks)[0]


def evaluated_in_batches(
    engine: Engine,
    plan: Plan,
    weights: Sequence[np.ndarray],
    batches: Iterable[Matrix],
    names: Names,
    callbacks: CallbackList,
) -> tuple[list[float], int]:
    """Loss and metrics on batches that come one by one, and how many came."""
    scores, step = Scores(plan), -1
    total = np.zeros(scores.width)
    for step, batch in enumerate(batches):
        callbacks.tell("on_test_batch_begin", step, logs={})
        total += engine.sums(plan, weights, batch, batch_size=len(batch))
        callbacks.tell("on_test_batch_end", step, logs=names.logs(scores.values(total)))
    return scores.values(total), step + 1


def predicted(
    engine: Engine,
    network: Network,
    weights: Sequence[np.ndarray],
    rows: Inputs,
    batch_size: int,
    callbacks: CallbackList | None,
) -> np.ndarray:
    """The network's outputs; in batches of this size where a callback listens to batches, else at one go."""
    if callbacks is None or not callbacks.listens("on_predict_batch_begin", "on_predict_batch_end"):
        return engine.predict(network, weights, rows.x, codes=rows.codes, batch_size=batch_size)
    batches = (rows.part(slice(start, start + batch_size)) for start in range(0, len(rows), batch_size))
    return predicted_in_batches(engine, network, weights, batches, callbacks)[0]


def predicted_in_batches(
    engine: Engine,
    network: Network,
    weights: Sequence[np.ndarray],
    batches: Iterable[Inputs],
    callbacks: CallbackList,
) -> tuple[np.ndarray, int]:
    """The network's outputs on batches that come one by one, and how many came."""
    outputs: list[np.ndarray] = []
    for step, part in enumerate(batches):
        callbacks.tell("on_predict_batch_begin", step, logs={})
        outputs.append(engine.predict(network, weights, part.x, codes=part.codes, batch_size=len(part)))
        callbacks.tell("on_predict_batch_end", step, logs={"outputs": outputs[-1]})
    return np.concatenate(outputs), len(outputs)


def warn_of_constant_scores(plan: Plan) -> None:
    """Say that an F-score without a threshold knows only one answer of a single output."""
    for metric, _ in plan.scores:
        if isinstance(metric, FScore) and metric.cut is None and plan.network.outputs == 1:
            name = type(metric).__name__
            warn(
                f"{name} without 'threshold' takes the largest output of a row for positive, and of one output that is "
                f"every row. Give metrics.{name}(threshold=0.5).",
            )


def warn_of_one_softmax(network: Network) -> None:
    """Say that a softmax over one output cannot learn."""
    if network.outputs == 1 and isinstance(network.last_activation, Softmax):
        warn(
            "A softmax over one output is always 1, so nothing can be learned. For two classes use "
            "Dense(1, activation='sigmoid') with loss='binary_crossentropy'.",
        )


def divergence(result: Result, epoch: int | None, job: Job, feed: Feed | None = None) -> str:
    """Where a loss stopped being finite, what the weights are now, what to try; nothing where it stayed finite."""
    if result.status != "diverged":
        return ""
    steps = math.ceil(len(job.rows) / job.plan.batch_size)
    of = f" of {steps}" if feed is None else ""
    where = "" if epoch is None else f" in epoch {epoch + 1}, step {result.failed_step + 1}{of}"
    largest = float(np.abs(job.rows.x).max(initial=0))
    kept = "those of the last finished epoch" if len(result.training) else "those of before this call"
    loss = job.plan.loss
    own = f" See what losses.check_gradient says of '{loss.name}'." if isinstance(loss, Function) else ""
    scaled = f"inputs and targets scaled to about 1 in size (the largest input is {largest:.3g})"
    return f"The loss stopped being finite{where}; the weights are {kept}.{own} Try {_slower(result, job, scaled)}."


def _slower(result: Result, job: Job, scaled: str) -> str:
    """What to try, the scale of the rows among it: L-BFGS has neither a learning rate nor clipping."""
    optimizer, rate = job.plan.optimizer, result.state.learning_rate
    if optimizer.whole:
        return scaled
    if rate is None:  # under a schedule the largest: of the first steps' it may be 0
        schedule = optimizer.schedule
        rate = optimizer.rate_of(result.state.step) if schedule is None else float(max(schedule.rates(0)))
    return f"a learning rate below {rate:g}, {scaled}, or clipnorm=1 of the optimizer"
