"""A callback by which a run that was killed goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Never

from tabgrad._backup_files import Backup, read_backup, write_backup
from tabgrad._checks import check, refuse_unknown
from tabgrad._files import path_of
from tabgrad.callbacks.averages import SwapEMAWeights
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.callbacks.saving import checked_frequency
from tabgrad.engines.base import State
from tabgrad.errors import ArgumentError, WeightsFileError
from tabgrad.optimizers import LBFGS

BACKUP, BEFORE = "backup.safetensors", "backup.before.safetensors"


class BackupAndRestore(Callback):
    """Goes on with a run that was killed, bit for bit as if it had not been.

    After an epoch, once all other callbacks have heard of it, the weights, what the optimizer carries, the learning
    rate in force, the model's seed and the counts of steps and epochs are written to a file, which is there as a whole
    or not at all. When the same script is started again, `fit` takes them from there and begins with the next epoch.
    What other callbacks have counted (the patience of `EarlyStopping`) begins anew, and so do generators of rows.

    Parameters
    ----------
    backup_dir : str or path
        A folder for this call of `fit` alone; made if it is missing.
    save_freq : "epoch" or int, default "epoch"
        A number: back up after the first epoch that ends so many batches, or more, after the last backup. (Keras then
        writes in the middle of an epoch, which it begins again when it goes on.)
    double_checkpoint : bool, default False
        Keep the backup before the last one, too, and use it where the last one is damaged.
    delete_checkpoint : bool, default True
        Delete the files, and the folder if nothing else is in it, once the run has ended.

    Raises
    ------
    WeightsFileError
        When the run begins: the file is damaged, or of another network or optimizer.
    ArgumentError
        With `LBFGS`, whose curvature cannot be written down.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from tabgrad.callbacks import BackupAndRestore, LambdaCallback
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(1, input_dim=1)])
    >>> model.compile("adam", "mse")
    >>> with TemporaryDirectory() as folder:
    ...     backup = BackupAndRestore(folder, delete_checkpoint=False)
    ...     _ = model.fit([[0.0], [1.0]], [0.0, 1.0], epochs=2, verbose=0, callbacks=[backup])
    ...     model.fit([[0.0], [1.0]], [0.0, 1.0], epochs=5, verbose=0, callbacks=[backup]).epoch
    [2, 3, 4]
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        delete_checkpoint: bool = True,  # noqa: FBT001, FBT002
        **unknown: Never,
    ) -> None:
        refuse_unknown(BackupAndRestore.__init__, unknown)
        owner = "BackupAndRestore"
        self.backup_dir = path_of(backup_dir, "backup_dir", owner)
        self.save_freq = checked_frequency(save_freq, owner)
        self.double_checkpoint: bool = check(double_checkpoint, "double_checkpoint", owner, (bool,))
        self.delete_checkpoint: bool = check(delete_checkpoint, "delete_checkpoint", owner, (bool,))
        self._path, self._path_before = (os.path.join(self.backup_dir, name) for name in (BACKUP, BEFORE))
        self._began = self._done = self._saved_step = 0
        self._swaps: list[SwapEMAWeights] = []

    def stand_beside(self, others: Sequence[Callback]) -> None:
        """Receive the callbacks of the run: what they put in the place of the weights is not backed up."""
        self._swaps = [one for one in others if isinstance(one, SwapEMAWeights)]

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go on from the backup, if there is one."""
        if isinstance(self.model.optimizer, LBFGS):
            raise ArgumentError(
                "BackupAndRestore cannot go on with LBFGS: what it knows of the curvature lies in SciPy. Leave the "
                "callback out, or take another optimizer."
            )
        os.makedirs(self.backup_dir, exist_ok=True)
        backup = self._found()
        if backup is None:
            self._began = self._done = self.model.epochs_done
        else:
            self.model._go_on(backup)
            self._began, self._done = backup.began, backup.epochs_done
        self._saved_step = self.model.state.step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Back up."""
        self._done += 1
        plan, state = self.model.plan(), self._state()
        if self.save_freq != "epoch" and state.step - self._saved_step < int(self.save_freq):
            return
        self._saved_step = state.step
        if self.double_checkpoint and os.path.exists(self._path):
            os.replace(self._path, self._path_before)
        backup = Backup(state, self.model.seed, epoch + 1, self._done, self._began)
        write_backup(self._path, backup, plan.network, plan.optimizer)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Delete the backup."""
        if not self.delete_checkpoint:
            return
        for path in (self._path, self._path_before):
            with suppress(FileNotFoundError):
                os.unlink(path)
        with suppress(OSError):  # something else is in it
            os.rmdir(self.backup_dir)

    def _state(self) -> State:
        """All that the run carries, with the weights that are trained, also while averages stand in their place."""
        state = self.model.state
        apart = [swap.weights_apart for swap in self._swaps if swap.weights_apart is not None]
        return replace(state, weights=tuple(apart[0])) if apart else state

    def _found(self) -> Backup | None:
        """The last backup that is whole; None where there is none."""
        plan, damage = self.model.plan(), None
        for path in (self._path, self._path_before):
            try:
                return read_backup(path, plan.network, plan.optimizer)
            except FileNotFoundError:
                continue
            except WeightsFileError as error:
                damage = damage or error
        if damage is not None:
            raise damage
        return None
