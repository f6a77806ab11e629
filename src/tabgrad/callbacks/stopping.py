"""Callbacks that end a run before its last epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

from tabgrad._checks import NOT_NEGATIVE, check, refuse_unknown
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.callbacks.watching import Watch
from tabgrad.errors import DivergenceError
from tabgrad.progress import say

if TYPE_CHECKING:
    import numpy as np


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
        **unknown: Never,
    ) -> None:
        refuse_unknown(EarlyStopping.__init__, unknown)
        owner = "EarlyStopping"
        self._watch = Watch(self, monitor, mode, min_delta)
        self.monitor, self.mode, self.min_delta = self._watch.monitor, self._watch.mode, self._watch.min_delta
        self.patience: int = check(patience, "patience", owner, (int,), NOT_NEGATIVE)
        self.verbose = verbose
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
        current = self._watch.value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._watch.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._watch.improves(current, self.baseline):
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


class TerminateOnNaN(Callback):
    """Says where a loss stopped being finite, or raises an error there.

    A run ends at such a step by itself, with or without this callback: the weights go back to those of the last
    finished epoch, whose values are the last ones of the history, and a `DivergenceWarning` says what to try.

    Parameters
    ----------
    raise_error : bool, default False
        Raise a `DivergenceError` instead of printing a line; then no callback hears `on_train_end`.

    Examples
    --------
    >>> from tabgrad.callbacks import TerminateOnNaN
    >>> stop = TerminateOnNaN(raise_error=True)
    """

    def __init__(
        self,
        raise_error: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> None:
        refuse_unknown(TerminateOnNaN.__init__, unknown)
        self.raise_error: bool = check(raise_error, "raise_error", "TerminateOnNaN", (bool,))

    def on_divergence(self, batch: int, message: str) -> None:
        """The loss of this batch was not finite."""
        if self.raise_error:
            raise DivergenceError(message)
        say(f"Batch {batch}: Invalid loss, terminating training")
