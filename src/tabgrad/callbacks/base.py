"""The base of the callbacks: the methods that a run calls, with Keras's names, arguments and order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from tabgrad.models import Sequential

Logs = dict[str, float]

HOOKS = (
    *("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"),
    *("on_predict_begin", "on_predict_end", "on_predict_batch_begin", "on_predict_batch_end"),
)
# A hook that, unless it is overridden itself, calls another one.
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class Callback:
    """Base of the callbacks: override the methods that you need.

    Attributes
    ----------
    params : dict
        ``verbose``, ``epochs`` and ``steps`` of the run.
    model : Sequential
        The model at work. Inside a hook its `get_weights`, `set_weights`, `predict` and `evaluate` work on the weights
        as they are at that moment, `learning_rate` may be set, and ``stop_training = True`` ends the run: after this
        batch, or the first one of the epoch, which then is validated and ends as any other.

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

    def on_divergence(self, batch: int, message: str) -> None:
        """After a step whose loss was not finite, which ends the run; not one of Keras's hooks."""

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


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback has a hook of its own, by its class or set on the instance."""
    own = hook in vars(callback) or getattr(type(callback), hook) is not getattr(Callback, hook)
    return own or (hook in ALIASES and overrides(callback, ALIASES[hook]))
