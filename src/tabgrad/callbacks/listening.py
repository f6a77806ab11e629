"""The callbacks of one run: who hears what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tabgrad.callbacks.averages import SwapEMAWeights
from tabgrad.callbacks.base import Callback, overrides
from tabgrad.callbacks.functions import LambdaCallback
from tabgrad.callbacks.history import History
from tabgrad.callbacks.resuming import BackupAndRestore
from tabgrad.callbacks.stopping import EarlyStopping
from tabgrad.errors import ArgumentTypeError

if TYPE_CHECKING:
    from tabgrad.models import Sequential


class CallbackList:
    """The callbacks of one run: who hears what."""

    def __init__(self, callbacks: Any, model: Sequential, params: dict[str, Any], *, history: bool = False) -> None:
        given = _checked(callbacks)
        self.history = next((one for one in given if isinstance(one, History)), None)
        if history and self.history is None:
            self.history = History()
            given.append(self.history)
        given.sort(key=lambda one: isinstance(one, BackupAndRestore))  # what it backs up, nobody changes afterwards
        for one in given:
            one.set_params(params)
            one.set_model(model)
            if isinstance(one, BackupAndRestore):
                one.stand_beside(given)
        self._given = given
        # A plain History can be filled once the run is over.
        self._waiting = [one for one in given if type(one) is not History]
        self._heard: dict[str, list[Callable[..., Any]]] = {}
        self.foreign = any(_may_print(one) for one in given)

    def listens(self, *hooks: str) -> bool:
        """Whether anybody must hear one of these hooks when it happens."""
        return any(overrides(one, hook) for one in self._waiting for hook in hooks)

    def tell(self, hook: str, *values: Any, **named: Any) -> None:
        """Call a hook of everybody who has it."""
        if hook not in self._heard:
            self._heard[hook] = [getattr(one, hook) for one in self._given if overrides(one, hook)]
        for function in self._heard[hook]:
            function(*values, **named)

    def give_up(self) -> None:
        """A pass without steps failed, and nobody hears of its end: weights that had to make room for it come back."""
        for one in self._given:
            if isinstance(one, SwapEMAWeights):
                one.swap_back()


def _may_print(callback: Callback) -> bool:
    """Whether a callback may print while a run is on: one of the user's own, or one that was asked to."""
    ours = type(callback).__module__.startswith("tabgrad.callbacks.") and not isinstance(callback, LambdaCallback)
    return not ours or (bool(getattr(callback, "verbose", 0)) and not isinstance(callback, EarlyStopping))


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
