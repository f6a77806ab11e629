"""One quantity of the logs that a callback watches: its value, and whether that is better than another."""

from __future__ import annotations

from typing import Any

from tabgrad._checks import Interval, check, known_name
from tabgrad._warning import warn
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.errors import ArgumentError


class Watch:
    """A quantity that a callback watches.

    Parameters
    ----------
    owner : Callback
        Whose arguments these are; messages name its class.
    monitor : str
        A key of `History.history`.
    mode : {"auto", "min", "max"}
        Whether lower or higher is better; "auto": as the model's metric says.
    min_delta : float
        An improvement is a change by more than this.
    """

    def __init__(self, owner: Callback, monitor: Any, mode: Any, min_delta: Any = 0) -> None:
        self._owner, name = owner, type(owner).__name__
        self.monitor: str = check(monitor, "monitor", name, (str,))
        self.mode: str = known_name(check(mode, "mode", name, (str,)), "mode", ("auto", "min", "max"))
        self.min_delta: float = abs(check(min_delta, "min_delta", name, (float,), Interval()))

    def value(self, logs: Logs | None) -> float | None:
        """The quantity's value; None, with a warning, where the run does not have it.

        Raises
        ------
        ArgumentError
            Nobody knows whether the quantity should rise or fall.
        """
        self._higher_is_better()
        value = (logs or {}).get(self.monitor)
        if value is None:
            warn(
                f"{type(self._owner).__name__} watches '{self.monitor}', which this run does not have: it has "
                f"{', '.join(logs or {})}. Give validation rows, or another 'monitor'.",
            )
        return value

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another one, by more than `min_delta`."""
        higher = self._higher_is_better()
        if reference is None:
            return True
        return value - self.min_delta > reference if higher else value + self.min_delta < reference

    def _higher_is_better(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        known: dict[str, bool] = {"loss": False, **self._owner.model.higher_is_better}
        if name not in known:
            raise ArgumentError(
                f"{type(self._owner).__name__} cannot tell whether '{self.monitor}' should rise or fall: the model "
                f"knows {', '.join(known)}. Compile the model with this metric, or say mode='min' or mode='max'."
            )
        return known[name]
