"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tabgrad._checks import known_name
from tabgrad.callbacks.base import ALIASES, HOOKS, Callback
from tabgrad.errors import ArgumentTypeError


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
