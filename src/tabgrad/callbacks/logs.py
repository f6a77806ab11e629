"""Callbacks that write the values of epochs down elsewhere."""

from __future__ import annotations

import csv
import os
import time
from typing import Any, Never

from tabgrad._checks import check, refuse_unknown
from tabgrad._files import path_of
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.errors import ArgumentError


class CSVLogger(Callback):
    """Writes a row an epoch to a CSV file: ``epoch``, counted from 0, then the logs in alphabetical order.

    Every row is on its way to the disk when its epoch is over, and no file is held open in between.

    Parameters
    ----------
    filename : str or path
    separator : str, default ","
        One character.
    append : bool, default False
        Go on with a file that exists, whose columns must be those of this run; False: begin a new one.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from tabgrad.callbacks import CSVLogger
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(1, input_dim=1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "log.csv"
    ...     _ = model.fit([[1.0]], [1.0], epochs=2, verbose=0, callbacks=[CSVLogger(path)])
    ...     print(path.read_text())
    epoch,loss,val_loss
    0,0.0,NA
    1,0.0,NA
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> None:
        refuse_unknown(CSVLogger.__init__, unknown)
        self.filename = path_of(filename, "filename", "CSVLogger")
        self.sep: str = check(separator, "separator", "CSVLogger", (str,))
        if len(self.sep) != 1 or self.sep in '\r\n"':
            raise ArgumentError(
                f"'separator' of CSVLogger must be one character, not a quote or the end of a line. Got {separator!r}."
            )
        self.append: bool = check(append, "append", "CSVLogger", (bool,))
        self.keys: list[str] | None = None
        self._columns: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the file, or look at what it has."""
        self.keys = self._columns = None
        with open(self.filename, "a+" if self.append else "w", newline="", encoding="utf-8") as file:
            if self.append:
                file.seek(0)
                self._columns = next(csv.reader(file, delimiter=self.sep), None)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's row."""
        logs = logs or {}
        rows: list[list[Any]] = []
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            columns = ["epoch", *self.keys]
            if self._columns is None:
                rows.append(columns)
            elif self._columns != columns:
                raise ArgumentError(
                    f"CSVLogger is to append to '{self.filename}', whose columns are {', '.join(self._columns)}, but "
                    f"this run has {', '.join(columns)}. Give another file, or append=False to begin anew."
                )
        rows.append([epoch, *(logs.get(key, "NA") for key in self.keys)])
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.sep).writerows(rows)


class TensorBoard(Callback):
    """Writes the values of epochs for TensorBoard: folders ``train`` and ``validation``, names ``epoch_loss``, ...

    Needs the package `tensorboard`, which is loaded when a run begins: ``pip install "tabgrad[tensorboard]"``. Look at
    the curves with ``tensorboard --logdir logs``.

    Parameters
    ----------
    log_dir : str or path, default "logs"
    update_freq : "epoch", default "epoch"
        Keras's other choices, and its other arguments (histograms, graphs, images, profiles), are not here.

    Examples
    --------
    >>> from tabgrad.callbacks import TensorBoard
    >>> board = TensorBoard("logs/first")
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] = "logs", *, update_freq: str = "epoch", **unknown: Never
    ) -> None:
        refuse_unknown(TensorBoard.__init__, unknown, "It writes the values of epochs and nothing else.")
        if update_freq != "epoch":
            raise ArgumentError(
                f"'update_freq' of TensorBoard must be 'epoch': only the values of epochs are written. Got "
                f"{update_freq!r}."
            )
        self.log_dir = path_of(log_dir, "log_dir", "TensorBoard")
        self.update_freq = update_freq
        self._writers: dict[str, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Look for the package before anything is trained."""
        _event_types()
        self._close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's values."""
        training = {name: value for name, value in (logs or {}).items() if not name.startswith("val_")}
        validation = {name[4:]: value for name, value in (logs or {}).items() if name.startswith("val_")}
        training.setdefault("learning_rate", self.model.learning_rate)
        self._write("train", epoch, training)
        if validation:
            self._write("validation", epoch, validation)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        self._close()

    def _write(self, part: str, epoch: int, values: Logs) -> None:
        writer_type, event_type, summary_type = _event_types()
        if part not in self._writers:
            self._writers[part] = writer_type(os.path.join(self.log_dir, part))
        summary = summary_type()
        for name, value in values.items():
            summary.value.add(tag=f"epoch_{name}", simple_value=float(value))
        self._writers[part].add_event(event_type(wall_time=time.time(), step=epoch, summary=summary))
        self._writers[part].flush()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the files on their way."""
        return {**self.__dict__, "_writers": {}}


class ProgbarLogger(Callback):
    """For scripts that name it: `fit`, `evaluate` and `predict` show their progress themselves, as `verbose` says."""


def _event_types() -> tuple[Any, Any, Any]:
    """The classes that write TensorBoard's files."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ImportError(
            f"The callback TensorBoard needs the package 'tensorboard': pip install 'tabgrad[tensorboard]'. ({error})"
        ) from error
    return EventFileWriter, Event, Summary
