"""A callback that writes the weights to files while a run is on."""

from __future__ import annotations

import os
from string import Formatter
from typing import Any, Never

from tabgrad._checks import COUNT, Interval, check, refuse_unknown
from tabgrad._weight_files import weights_path
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.callbacks.watching import Watch
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.progress import say
from tabgrad.store import model_path


class ModelCheckpoint(Callback):
    """Writes the model, or its weights alone, to a file after each epoch, or after the best ones only.

    A file is there as a whole or not at all: a crash leaves the one that was there before. `tabgrad.load` reads a
    model, whose training goes on bit for bit from the end of that epoch; `Sequential.load_weights` reads weights.

    Parameters
    ----------
    filepath : str or path
        Ends in ``.tabgrad``, or for weights in ``.weights.safetensors`` or ``.safetensors``. Names in braces are
        filled: ``{epoch:02d}``, counted from 1 as on the screen, ``{batch}`` where `save_freq` is a number, and the
        keys of the logs, ``{val_loss:.2f}``. Folders that are missing are made.
    monitor : str, default "val_loss"
        A key of the logs, for `save_best_only`.
    verbose : 0 or 1, default 0
        1: say what it did.
    save_best_only : bool, default False
        Write only where `monitor` is better than it ever was, also in an earlier run with this callback.
    save_weights_only : bool, default False
        True: the weights alone, and nothing of the optimizer.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher is better; "auto": losses and errors lower, accuracies higher.
    save_freq : "epoch" or int, default "epoch"
        A number: write after so many batches, counted on from epoch to epoch.
    initial_value_threshold : float or None, default None
        The value that the first best one must beat.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Another ending, a name in braces that the logs do not have; a model that cannot be saved as a whole since it is
        compiled with a function of your own.

    Warns
    -----
    UserWarning
        The logs lack `monitor`; the file is written all the same.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from tabgrad.callbacks import ModelCheckpoint
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(1, input_dim=1)])
    >>> model.compile("sgd", "mse")
    >>> with TemporaryDirectory() as folder:
    ...     keep = ModelCheckpoint(Path(folder) / "{epoch:02d}.tabgrad")
    ...     _ = model.fit([[0.0], [1.0]], [0.0, 1.0], epochs=2, verbose=0, callbacks=[keep])
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['01.tabgrad', '02.tabgrad']
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        save_weights_only: bool = False,  # noqa: FBT001, FBT002
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        **unknown: Never,
    ) -> None:
        refuse_unknown(ModelCheckpoint.__init__, unknown)
        owner = "ModelCheckpoint"
        self.save_weights_only: bool = check(save_weights_only, "save_weights_only", owner, (bool,))
        path_of = weights_path if self.save_weights_only else model_path
        self.filepath = path_of(filepath, "filepath", owner)
        _check_braces(self.filepath)
        self._watch = Watch(self, monitor, mode)
        self.monitor, self.mode = self._watch.monitor, self._watch.mode
        self.verbose = verbose
        self.save_best_only: bool = check(save_best_only, "save_best_only", owner, (bool,))
        self.save_freq = checked_frequency(save_freq, owner)
        threshold = (float, type(None))
        self.best: float | None = check(
            initial_value_threshold, "initial_value_threshold", owner, threshold, Interval()
        )
        self._epoch = self._batches = 0
        if self.save_freq != "epoch":  # else nobody listens to batches, which then are not told
            vars(self)["on_train_batch_end"] = self._count_batch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Refuse a model that no file holds before anything is trained."""
        if not self.save_weights_only:
            self.model._to_content()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch for the names of files."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write what the epoch gave."""
        if self.save_freq == "epoch":
            self._save(epoch, {"epoch": epoch + 1, **(logs or {})}, logs)

    def _count_batch(self, batch: int, logs: Logs | None = None) -> None:
        """Write after every so many batches."""
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._save(self._epoch, {"epoch": self._epoch + 1, "batch": batch + 1, **(logs or {})}, logs)

    def _save(self, epoch: int, names: dict[str, Any], logs: Logs | None) -> None:
        path = _filled(self.filepath, names)
        before = f"Epoch {epoch + 1}: "
        if self.save_best_only and (current := self._watch.value(logs)) is not None:
            best = "None" if self.best is None else f"{self.best:.5f}"
            if not self._watch.improves(current, self.best):
                self._say(f"{before}{self.monitor} did not improve from {best}")
                return
            self.best = current
            before += f"{self.monitor} improved from {best} to {current:.5f}, "
        self._say(f"{before}saving model to {path}")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        (self.model.save_weights if self.save_weights_only else self.model.save)(path)

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            say(f"\n{text}")


def checked_frequency(save_freq: Any, owner: str) -> str | int:
    """How often to save: "epoch", or a number of batches."""
    if isinstance(save_freq, str):
        if save_freq != "epoch":
            raise ArgumentError(f"'save_freq' of {owner} must be 'epoch' or a number of batches. Got {save_freq!r}.")
        return save_freq
    number: int = check(save_freq, "save_freq", owner, (int,), COUNT)
    return number


def _check_braces(filepath: str) -> None:
    """Refuse names in braces that cannot be filled whatever the logs are."""
    try:
        names = [name for _, name, _, _ in Formatter().parse(filepath) if name is not None]
    except ValueError as error:
        raise ArgumentError(f"'filepath' of ModelCheckpoint has braces that do not match: {filepath!r}.") from error
    if not all(name.isidentifier() for name in names):
        raise ArgumentError(
            "Braces in 'filepath' of ModelCheckpoint must hold a name, as in {epoch:02d} or {val_loss:.2f}. Got "
            f"{filepath!r}."
        )


def _filled(filepath: str, names: dict[str, Any]) -> str:
    """A path with its names in braces filled."""
    try:
        return filepath.format(**names)
    except KeyError as error:
        raise ArgumentError(
            f"'filepath' of ModelCheckpoint names {{{error.args[0]}}}, which this run does not have. It has: "
            f"{', '.join(names)}. Got {filepath!r}."
        ) from error
    except ValueError as error:
        raise ArgumentTypeError(
            f"'filepath' of ModelCheckpoint cannot be filled: {error}. Got {filepath!r}."
        ) from error
