"""Callbacks that change the learning rate from epoch to epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Never

from tabgrad._checks import NOT_NEGATIVE, Interval, check, refuse_unknown
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.callbacks.watching import Watch
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.progress import say


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch; the logs then have it as ``learning_rate``.

    Parameters
    ----------
    schedule : callable (epoch, learning_rate) or (epoch)
        From the number of the epoch, counted from 0, and the rate in force to the rate of the epoch.
    verbose : 0 or 1, default 0
        1: say what it did.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.callbacks import LearningRateScheduler
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(1, input_dim=1)])
    >>> model.compile("sgd", "mse")
    >>> halved = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else 0.1)
    >>> model.fit([[0.0], [1.0]], [0.0, 1.0], epochs=3, verbose=0, callbacks=[halved]).history["learning_rate"]
    [0.1, 0.05, 0.025]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0, **unknown: Never) -> None:
        refuse_unknown(LearningRateScheduler.__init__, unknown)
        if not callable(schedule):
            raise ArgumentTypeError(
                "'schedule' of LearningRateScheduler must be a function of the epoch and the learning rate. Got "
                f"{schedule!r}."
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the epoch's rate."""
        given = (epoch, self.model.learning_rate) if self._takes_rate else (epoch,)
        try:
            rate = self.schedule(*given)
        except Exception as error:
            error.add_note(f"in the schedule of LearningRateScheduler, for epoch {epoch}, counted from 0")
            raise
        try:
            rate = check(rate, "learning rate", "the schedule", (float,), NOT_NEGATIVE)
        except ArgumentError as error:
            raise type(error)(
                f"The schedule of LearningRateScheduler must return a learning rate, at least 0. Got {rate!r} for "
                f"epoch {epoch}."
            ) from None
        self.model.learning_rate = rate
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = self.model.learning_rate


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a quantity has stopped improving; the logs then have it as ``learning_rate``.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A key of `History.history`.
    factor : float, default 0.1
        ``learning_rate <- max(learning_rate * factor, min_lr)``; below 1.
    patience : int, default 10
        Epochs without improvement after which the rate is lowered.
    verbose : 0 or 1, default 0
        1: say what it did.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher is better; "auto": losses and errors lower, accuracies higher.
    min_delta : float, default 1e-4
        An improvement is a change by more than this.
    cooldown : int, default 0
        Epochs after a reduction in which none is counted.
    min_lr : float, default 0
        The rate is not lowered below this.

    Examples
    --------
    >>> from tabgrad.callbacks import ReduceLROnPlateau
    >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=3)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **unknown: Never,
    ) -> None:
        refuse_unknown(ReduceLROnPlateau.__init__, unknown)
        owner = "ReduceLROnPlateau"
        self._watch = Watch(self, monitor, mode, min_delta)
        self.monitor, self.mode, self.min_delta = self._watch.monitor, self._watch.mode, self._watch.min_delta
        self.factor: float = check(factor, "factor", owner, (float,), Interval(0, 1, "[)"))
        self.patience: int = check(patience, "patience", owner, (int,), NOT_NEGATIVE)
        self.verbose = verbose
        self.cooldown: int = check(cooldown, "cooldown", owner, (int,), NOT_NEGATIVE)
        self.min_lr: float = check(min_lr, "min_lr", owner, (float,), NOT_NEGATIVE)
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.cooldown_counter = 0
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a reduction is so recent that epochs are not counted."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier run."""
        self.model.learning_rate = self.model.learning_rate  # refused here, where a schedule rules it, not epochs later
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the epoch's value with the best one."""
        current = self._watch.value(logs)
        if logs is not None:
            logs["learning_rate"] = self.model.learning_rate
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._watch.improves(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self.model.learning_rate > self.min_lr:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = max(self.model.learning_rate * self.factor, self.min_lr)
        self.model.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")


def _takes_two(schedule: Callable[..., float]) -> bool:
    """Whether a schedule takes the rate as well as the epoch."""
    try:
        signature = inspect.signature(schedule)
        signature.bind(0, 0.0)
    except ValueError:  # a function without a signature that Python can read
        return True
    except TypeError:
        return False
    return True
