"""What a run gave, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tabgrad.callbacks.base import Callback, Logs

if TYPE_CHECKING:
    import pandas as pd


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
