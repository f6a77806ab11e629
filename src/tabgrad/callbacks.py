"""Callbacks: code of the user's that a training run calls, with Keras's hooks, arguments and order.

Python is entered only for hooks that somebody overrides: a run whose callbacks have no batch hooks takes its batches
without a word, and one without callbacks its epochs too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from tabgrad._checks import NOT_NEGATIVE, Interval, check, known_name
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.progress import say

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tabgrad.models import Sequential

__all__ = ["Callback", "EarlyStopping", "History", "LambdaCallback"]

Logs = dict[str, float]

HOOKS = (
    *("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"),
    *("on_predict_begin", "on_predict_end", "on_predict_batch_begin", "on_predict_batch_end"),
)
# A hook that, unless it is overridden itself, calls another one.
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Base of the callbacks: override the hooks that you need.

    Attributes
    ----------
    params : dict
        ``verbose``, ``epochs`` and ``steps`` of the run.
    model : Sequential
        The model at work. Inside a hook its `get_weights`, `set_weights`, `predict` and `evaluate` work on the weights
        as they are at that moment, `learning_rate` may be set, and ``stop_training = True`` ends the run after this
        epoch.

    Examples
    --------
    >>> from tabgrad.callbacks import Callback
    >>> class Halve(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.learning_rate /= 2
    """

    params: dict[str, Any] | None = None
    _model: Sequential | None = None

    @property
    def model(self) -> Sequential:
        """The model at work."""
        if self._model is None:
            raise AttributeError(f"{type(self).__name__} has no model yet: it is given one by fit.")
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive the run's parameters."""
        self.params = params

    def set_model(self, model: Sequential) -> None:
        """Receive the model."""
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch of `fit`, with its logs; not after an exception."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation: loss and metrics by name, those of validation as ``val_...``."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step of training, counted from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step of training: the epoch's mean values so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation, by `evaluate` or on validation rows."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After an evaluation, with its values."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of an evaluation: the mean values so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, np.ndarray] | None = None) -> None:
        """After a batch of a prediction: ``{"outputs": array}``."""


class History(Callback):
    """What `fit` returns: the values of each epoch.

    Attributes
    ----------
    history : dict of lists of float
        Loss and metrics by name, those of validation as ``val_...``; a value for each epoch that was finished.
    epoch : list of int
        The epochs, counted from 0.
    params : dict
        ``verbose``, ``epochs`` and ``steps`` of the run.
    status : str
        How the run ended: "finished", "stopped" by a callback, "interrupted" by an exception, or "diverged".

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(1)])
    >>> model.compile(loss="mse")
    >>> x = np.linspace(0, 1, 64).reshape(-1, 1)
    >>> history = model.fit(x, 2 * x, epochs=3, verbose=0)
    >>> len(history.history["loss"]), history.epoch, history.status
    (3, [0, 1, 2], 'finished')
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.status: Literal["running", "finished", "stopped", "interrupted", "diverged"] = "running"

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """A run begins: its epochs are counted anew, values of an earlier run stay."""
        self.epoch = []
        self.status = "running"

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the values of an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def frame(self) -> pd.DataFrame:
        """The values as a pandas frame, a row an epoch."""
        import pandas as pd

        return pd.DataFrame(self.history, index=pd.Index(self.epoch, name="epoch"))

    def __repr__(self) -> str:
        """Each quantity at the first, best and last epoch."""
        epochs = len(self.epoch)
        head = f"History: {epochs} epoch{'' if epochs == 1 else 's'}, {self.status}"
        filled = {name: values for name, values in self.history.items() if values}
        if not filled:
            return head
        width = max(len(name) for name in filled)
        lines = [head, f"{'':{width}}  {'first':>10} {'last':>10} {'lowest':>10} {'highest':>10}"]
        for name, values in filled.items():
            numbers = (values[0], values[-1], min(values), max(values))
            lines.append(f"{name:{width}}  " + " ".join(f"{number:>10.4g}" for number in numbers))
        return "\n".join(lines)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the model, which keeps its history, not the other way round."""
        return {name: value for name, value in self.__dict__.items() if name != "_model"}


class EarlyStopping(Callback):
    """Ends a run when a quantity has stopped improving.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A key of `History.history`.
    min_delta : float, default 0
        An improvement is a change by more than this.
    patience : int, default 0
        Epochs without improvement after which the run ends.
    verbose : 0 or 1, default 0
        1: say what it did.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher is better; "auto": losses and errors lower, accuracies higher.
    baseline : float or None, default None
        A value that must be reached within `patience` epochs.
    restore_best_weights : bool, default False
        When the run ends, whether it was stopped or not, go back to the weights of the best epoch.
    start_from_epoch : int, default 0
        Epochs at the beginning that are not looked at.

    Examples
    --------
    >>> from tabgrad.callbacks import EarlyStopping
    >>> stop = EarlyStopping(patience=5, restore_best_weights=True)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        start_from_epoch: int = 0,
    ) -> None:
        owner = "EarlyStopping"
        self.monitor: str = check(monitor, "monitor", owner, (str,))
        self.min_delta: float = abs(check(min_delta, "min_delta", owner, (float,), Interval()))
        self.patience: int = check(patience, "patience", owner, (int,), NOT_NEGATIVE)
        self.verbose = verbose
        self.mode = known_name(check(mode, "mode", owner, (str,)), "mode", ("auto", "min", "max"))
        self.baseline: float | None = check(baseline, "baseline", owner, (float, type(None)))
        self.restore_best_weights: bool = check(restore_best_weights, "restore_best_weights", owner, (bool,))
        self.start_from_epoch: int = check(start_from_epoch, "start_from_epoch", owner, (int,), NOT_NEGATIVE)
        self._forget()

    def _forget(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch's value with the best one."""
        higher = self._higher_is_better()
        current = (logs or {}).get(self.monitor)
        if current is None:
            warnings.warn(
                f"EarlyStopping watches '{self.monitor}', which this run does not have: it has "
                f"{', '.join(logs or {})}. Give validation rows, or another 'monitor'.",
                UserWarning,
                stacklevel=2,
            )
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._improves(current, self.best, higher=higher):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._improves(current, self.baseline, higher=higher):
                self.wait = 0
        elif self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Say what happened, and restore the best weights."""
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def _improves(self, value: float, reference: float | None, *, higher: bool) -> bool:
        if reference is None:
            return True
        return value - self.min_delta > reference if higher else value + self.min_delta < reference

    def _higher_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        known: dict[str, bool] = {"loss": False, **self.model.higher_is_better}
        if name not in known:
            raise ArgumentError(
                f"EarlyStopping cannot tell whether '{self.monitor}' should rise or fall: the model knows "
                f"{', '.join(known)}. Compile the model with this metric, or say mode='min' or mode='max'."
            )
        return known[name]


class LambdaCallback(Callback):
    """A callback of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable (epoch, logs)
    on_train_begin, on_train_end : callable (logs)
    on_train_batch_begin, on_train_batch_end : callable (batch, logs)
    **hooks : callable
        Any other hook of `Callback`.

    Examples
    --------
    >>> from tabgrad.callbacks import LambdaCallback
    >>> losses = []
    >>> note = LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> None:
        hooks.update(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
            on_train_begin=on_train_begin,
            on_train_end=on_train_end,
            on_train_batch_begin=on_train_batch_begin,
            on_train_batch_end=on_train_batch_end,
        )
        for name, function in hooks.items():
            known_name(name, "hook", (*HOOKS, *ALIASES.values()))
            if function is not None:
                if not callable(function):
                    raise ArgumentTypeError(f"'{name}' of LambdaCallback must be callable. Got {function!r}.")
                setattr(self, name, function)


class CallbackList:
    """The callbacks of one run: who hears what."""

    def __init__(self, callbacks: Any, model: Sequential, params: dict[str, Any], *, history: bool = False) -> None:
        given = _checked(callbacks)
        self.history = next((one for one in given if isinstance(one, History)), None)
        if history and self.history is None:
            self.history = History()
            given.append(self.history)
        for one in given:
            one.set_params(params)
            one.set_model(model)
        self._given = given
        # A plain History can be filled once the run is over.
        self._waiting = [one for one in given if type(one) is not History]
        self._heard: dict[str, list[Callable[..., Any]]] = {}
        self.foreign = any(type(one) not in (History, EarlyStopping) for one in given)

    def listens(self, *hooks: str) -> bool:
        """Whether anybody must hear one of these hooks when it happens."""
        return any(overrides(one, hook) for one in self._waiting for hook in hooks)

    def tell(self, hook: str, *values: Any, **named: Any) -> None:
        """Call a hook of everybody who has it."""
        if hook not in self._heard:
            self._heard[hook] = [getattr(one, hook) for one in self._given if overrides(one, hook)]
        for function in self._heard[hook]:
            function(*values, **named)


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback has a hook of its own, by its class or set on the instance."""
    own = hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
    return own or (hook in ALIASES and overrides(callback, ALIASES[hook]))


def _checked(callbacks: Any) -> list[Callback]:
    """One callback or a list of them, as a list."""
    if callbacks is None:
        return []
    given = list(callbacks) if isinstance(callbacks, Iterable) and not isinstance(callbacks, Mapping) else [callbacks]
    for place, one in enumerate(given):
        if isinstance(one, Callback):
            continue
        if isinstance(one, type) and issubclass(one, Callback):
            raise ArgumentTypeError(f"'callbacks' must hold callbacks, not classes: write {one.__name__}(...).")
        raise ArgumentTypeError(
            f"'callbacks' must be callbacks of tabgrad.callbacks or subclasses of its Callback. Got {one!r} at place "
            f"{place}."
        )
    return given
