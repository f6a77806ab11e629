"""Callbacks that write epochs down: the files are Keras's files."""

import csv
import os
import sys

import numpy as np
import pytest

from tabgrad.callbacks import CSVLogger, LambdaCallback, ProgbarLogger, TensorBoard
from tabgrad.errors import ArgumentError
from tabgrad.layers import Dense
from tabgrad.models import Sequential

X = np.linspace(-1, 1, 12).reshape(-1, 1)


def model(**options):
    built = Sequential([Dense(1, input_dim=1)], seed=0)
    built.compile("sgd", "mse", **options)
    return built


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("append", [False, True])
def test_a_csv_file_is_keras_one_byte_for_byte(append, tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    files = []
    for name, kind in (("theirs", keras.callbacks.CSVLogger), ("ours", CSVLogger)):
        logger = kind(tmp_path / name, separator=";", append=append)
        for _ in range(2):  # a second fit begins anew, or goes on
            logger.on_train_begin()
            logger.on_epoch_end(0, {"loss": 0.5, "acc": 1 / 3})
            logger.on_epoch_end(1, {"loss": 0.25})
            logger.on_train_end()
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    assert files[1].count(b"epoch") == 1
    assert files[1].count(b"\n") == (5 if append else 3)


def test_a_csv_file_has_what_the_history_has(tmp_path):
    file = tmp_path / "log.csv"
    history = model(metrics=["mae"]).fit(X, X, epochs=3, verbose=0, validation_data=(X, X), callbacks=CSVLogger(file))
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    for name, values in history.history.items():
        assert [float(row[name]) for row in rows] == values


def test_rows_are_there_when_their_epoch_is_over(tmp_path):
    file, lengths = tmp_path / "log.csv", []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: lengths.append(len(file.read_text().splitlines())))
    model().fit(X, X, epochs=2, verbose=0, callbacks=[CSVLogger(file), look])
    assert lengths == [2, 3]


def test_other_columns_are_not_appended(tmp_path):
    file = tmp_path / "log.csv"
    model().fit(X, X, verbose=0, callbacks=CSVLogger(file))
    before = file.read_bytes()
    message = "whose columns are epoch, loss, val_loss, but this run has epoch, loss, mae, val_loss, val_mae"
    with pytest.raises(ArgumentError, match=message):
        model(metrics=["mae"]).fit(X, X, verbose=0, callbacks=CSVLogger(file, append=True))
    assert file.read_bytes() == before


def test_a_folder_that_is_missing_is_noticed_before_training(tmp_path):
    fitted = model()
    before = fitted.get_weights()
    with pytest.raises(FileNotFoundError):
        fitted.fit(X, X, verbose=0, callbacks=CSVLogger(tmp_path / "missing" / "log.csv"))
    assert all(np.array_equal(a, b) for a, b in zip(before, fitted.get_weights(), strict=True))


def test_tensorboard_reads_the_epochs(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    fitted = model(metrics=["mae"])
    history = fitted.fit(X, X, epochs=3, verbose=0, validation_data=(X, 2 * X), callbacks=TensorBoard(tmp_path))
    found = {}
    for part in ("train", "validation"):
        (file,) = (tmp_path / part).iterdir()
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.HasField("tensor") else value.simple_value
                found.setdefault((part, value.tag), []).append((event.step, number))
    expected = {("train", "epoch_learning_rate"): [0.01] * 3}
    for name, values in history.history.items():
        part = "validation" if name.startswith("val_") else "train"
        expected[part, f"epoch_{name.removeprefix('val_')}"] = values
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert [step for step, _ in found[key]] == [0, 1, 2]
        np.testing.assert_allclose([number for _, number in found[key]], values, rtol=1e-6)


def test_without_tensorboard_nothing_is_trained(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    fitted = model()
    with pytest.raises(ImportError, match=r"needs the package 'tensorboard': pip install 'tabgrad\[tensorboard\]'"):
        fitted.fit(X, X, verbose=0, callbacks=TensorBoard(tmp_path))
    assert fitted.state.step == 0


def test_a_progress_bar_of_its_own_changes_nothing(capsys):
    model().fit(X, X, epochs=2, verbose=0, callbacks=ProgbarLogger())
    assert capsys.readouterr().out == ""
    model().fit(X, X, epochs=2, verbose=2, callbacks=ProgbarLogger())
    assert capsys.readouterr().out.count("loss:") == 2
