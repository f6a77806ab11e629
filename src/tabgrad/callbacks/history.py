"""What a run gave, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tabgrad.callbacks.base import Callback, Logs
from tabgrad.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["running", "finished", "stopped", "interrupted", "diverged"]


class History(Callback):
    """What `fit` returns: the values of each epoch.

    Attributes
    ----------
    history : dict of lists of float
        Loss and metrics by name, those of validation as ``val_...``; a value for each epoch that was finished, and
        validated where `validation_freq` leaves epochs out.
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
        self.status: Status = "running"
        self._told: list[tuple[int, tuple[str, ...]]] = []  # of all runs, each epoch and the names that it had

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """A run begins: its epochs are counted anew, values of an earlier run stay."""
        self.epoch = []
        self.status = "running"

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the values of an epoch."""
        self.add([epoch], {name: [value] for name, value in (logs or {}).items()})

    def add(self, epochs: Sequence[int], values: Mapping[str, Sequence[float]]) -> None:
        """Keep the values of several epochs, by name."""
        self.epoch += epochs
        self._told += [(epoch, tuple(values)) for epoch in epochs]
        for name, column in values.items():
            self.history.setdefault(name, []).extend(column)

    def frame(self) -> pd.DataFrame:
        """The values as a pandas frame, a row an epoch, NaN where an epoch has no value.

        A history that was given to `fit` again has the rows of one run under those of the other.
        """
        import pandas as pd

        columns = {name: self._column(name, values) for name, values in self.history.items()}
        return pd.DataFrame(columns, index=pd.Index([epoch for epoch, _ in self._told], name="epoch"))

    def _column(self, name: str, values: Sequence[float]) -> list[float]:
        """The values of a name beside the epochs that have them."""
        places = [place for place, (_, names) in enumerate(self._told) if name in names]
        if len(values) != len(places):
            raise DataError(
                f"frame cannot tell to which epochs the values of '{name}' belong: {len(places)} of "
                f"{len(self._told)} epochs had one, and there are {len(values)}. Put what a callback adds into the "
                "logs of on_epoch_end."
            )
        column = [math.nan] * len(self._told)
        for place, value in zip(places, values, strict=True):
            column[place] = value
        return column

    def copy(self) -> History:
        """The same values, and no model."""
        made = History()
        made.history = {name: list(values) for name, values in self.history.items()}
        made.epoch, made.params, made.status = list(self.epoch), self.params, self.status
        made._told = list(self._told)
        return made

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
