"""Runs that were killed and go on: the same bits as a run that was not."""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from tabgrad.callbacks import BackupAndRestore, LambdaCallback, SwapEMAWeights
from tabgrad.errors import ArgumentError, WeightsFileError
from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.optimizers import Adam

pytest.importorskip("safetensors")

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(20, 3)).astype(np.float32)
Y = RANDOM.normal(size=(20, 1)).astype(np.float32)

# Trains in a folder, kills itself at the moment that is named, and leaves its weights if it comes to the end.
SCRIPT = """
import os, signal, sys
import numpy as np
from tabgrad.callbacks import BackupAndRestore, Callback, LambdaCallback, LearningRateScheduler
from tabgrad.layers import BatchNormalization, Dense, Dropout
from tabgrad.models import Sequential

folder, seed, moment, epoch_of_death = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
x = np.random.default_rng(7).normal(size=(20, 3)).astype(np.float32)
epoch_now = 0

def die(*_, **__):
    if epoch_now == epoch_of_death:
        os.kill(os.getpid(), signal.SIGKILL)

class Death(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        global epoch_now
        epoch_now = epoch

if moment == "replace":
    replace = os.replace
    os.replace = lambda *paths: (die(), replace(*paths))
else:
    setattr(Death, moment, die)

model = Sequential([Dense(4, "relu", input_dim=3), BatchNormalization(), Dropout(0.3), Dense(1)], seed=seed)
model.compile("adam", "mse")
model.fit(x, x[:, :1], batch_size=6, epochs=2, verbose=0)  # a run before it
slower = LearningRateScheduler(lambda epoch, rate: rate * 0.9)
halve = LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "learning_rate", model.learning_rate / 2))
backup = BackupAndRestore(os.path.join(folder, "backup"))
history = model.fit(x, x[:, :1], batch_size=6, epochs=8, verbose=0, callbacks=[backup, halve, slower, Death()])
history.losses = history.history["loss"]
np.savez(os.path.join(folder, "end.npz"), *model.get_weights(), rate=model.learning_rate, losses=history.losses)
"""


def trained(folder, seed=1, moment="on_train_end", epoch=99):
    """How a process of the script ended."""
    command = [sys.executable, "-c", SCRIPT, str(folder), str(seed), moment, str(epoch)]
    return subprocess.run(command, check=False, timeout=120).returncode


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run that was not killed leaves."""
    folder = tmp_path_factory.mktemp("whole")
    assert trained(folder) == 0
    assert sorted(os.listdir(folder)) == ["end.npz"]
    return dict(np.load(folder / "end.npz"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_epoch_end", "replace"])
def test_a_run_that_is_killed_goes_on_bit_for_bit(moment, whole, tmp_path):
    assert trained(tmp_path, 1, moment, 0) == -signal.SIGKILL
    assert trained(tmp_path, 1, moment, 2) == -signal.SIGKILL
    assert trained(tmp_path, 9, moment, 5) == -signal.SIGKILL  # the seed of the first process holds
    assert trained(tmp_path, 9) == 0
    end = dict(np.load(tmp_path / "end.npz"))
    first = 8 - len(end["losses"])
    assert first == 5
    assert np.array_equal(end.pop("losses"), whole["losses"][first:])
    for name, array in end.items():
        assert np.array_equal(array, whole[name]), name


def model(units=3, optimizer="adam", seed=0):
    built = Sequential([Dense(units, "tanh", input_dim=3), Dropout(0.2), Dense(1)], seed=seed)
    built.compile(optimizer, "mse")
    return built


def fit(fitted, backup, epochs=4, **options):
    return fitted.fit(X, Y, batch_size=5, epochs=epochs, verbose=0, callbacks=backup, **options)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "adadelta", Adam(0.01, use_ema=True)])
def test_everything_that_the_loop_carries_comes_back(optimizer, tmp_path):
    plain, first, second = (model(optimizer=optimizer) for _ in range(3))
    fit(plain, None, 7)
    keep = BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    fit(first, keep, 3)
    history = fit(second, BackupAndRestore(tmp_path / "b"), 7)
    assert history.epoch == [3, 4, 5, 6]
    assert same(plain, second)
    assert second.state.step == plain.state.step == 28
    assert not (tmp_path / "b").exists()
    fit(plain, None, 2)
    fit(second, None, 2)
    assert same(plain, second)


@pytest.mark.parametrize("swap_first", [True, False])
def test_averages_in_the_place_of_the_weights_are_not_backed_up(swap_first, tmp_path):
    """A run whose epochs end with the averages goes on from the weights that it trains."""

    def given(backup):
        both = [SwapEMAWeights(swap_on_epoch=True), *([] if backup is None else [backup])]
        return both if swap_first else both[::-1]

    options = {"optimizer": Adam(0.05, use_ema=True, ema_momentum=0.7)}
    plain, first, second = (model(**options) for _ in range(3))
    expected = fit(plain, given(None), 7, validation_data=(X, Y)).history
    keep = BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    fit(first, given(keep), 3, validation_data=(X, Y))
    history = fit(second, given(BackupAndRestore(tmp_path / "b")), 7, validation_data=(X, Y))
    assert history.epoch == [3, 4, 5, 6]
    assert same(plain, second)
    assert history.history == {name: values[3:] for name, values in expected.items()}


def test_a_schedule_of_ones_own_goes_on(tmp_path):
    from tabgrad.optimizers import SGD

    def trained(epochs, backup):
        built = model(optimizer=SGD(lambda step: 0.1 / (1 + step)))  # a function of its own each time
        fit(built, backup, epochs)
        return built

    keep = BackupAndRestore(tmp_path, delete_checkpoint=False)
    trained(3, keep)
    assert same(trained(6, keep), trained(6, None))


def test_after_the_last_epoch_nothing_is_left_to_do(tmp_path):
    keep = BackupAndRestore(tmp_path, delete_checkpoint=False)
    done, again = model(), model(seed=1)
    fit(done, keep, 3)
    assert fit(again, keep, 3).epoch == []
    assert same(done, again)


def test_a_number_of_batches_is_rounded_up_to_epochs(tmp_path):
    times = []

    class Note(LambdaCallback):
        pass

    keep = BackupAndRestore(tmp_path, save_freq=6, delete_checkpoint=False)  # an epoch has 4
    path = tmp_path / "backup.safetensors"
    look = Note(on_epoch_begin=lambda epoch, logs: times.append(path.stat().st_mtime_ns if path.exists() else 0))
    fit(model(), [keep, look], 5)
    assert [before != after for before, after in pairwise(times)] == [False, True, False, True]


def test_backup_is_written_after_all_other_callbacks(tmp_path):
    fitted = model()
    change = LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(fitted, "learning_rate", 0.125))
    fit(fitted, [BackupAndRestore(tmp_path, delete_checkpoint=False), change], 1)
    other = model()
    rates = []
    look = LambdaCallback(on_epoch_begin=lambda epoch, logs: rates.append(other.learning_rate))
    fit(other, [look, BackupAndRestore(tmp_path)], 2)
    assert rates == [0.125]


def test_a_callback_that_fails_leaves_the_backup(tmp_path):
    def fail(epoch, logs):
        if epoch == 2:
            raise KeyError("mine")

    plain, failed, again = model(), model(), model()
    fit(plain, None, 5)
    with pytest.raises(KeyError, match="mine"):
        fit(failed, [BackupAndRestore(tmp_path / "b"), LambdaCallback(on_epoch_begin=fail)], 5)
    assert fit(again, BackupAndRestore(tmp_path / "b"), 5).epoch == [2, 3, 4]
    assert same(plain, again)


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fit(model(), BackupAndRestore(tmp_path, double_checkpoint=True), 3)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


# ---- What is refused -------------------------------------------------------------------------------------------------


@pytest.fixture
def backup(tmp_path):
    fit(model(), BackupAndRestore(tmp_path, delete_checkpoint=False, double_checkpoint=True), 3)
    (tmp_path / "backup.before.safetensors").rename(tmp_path / "kept")
    return tmp_path / "backup.safetensors"


def refused(backup, message, built=None):
    built = built or model(seed=5)
    before, state = built.get_weights(), built.state
    with pytest.raises(WeightsFileError, match=message) as error:
        fit(built, BackupAndRestore(backup.parent))
    assert f"To train from the beginning, delete the folder '{backup.parent}'" in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(built.get_weights(), before, strict=True))
    assert (built.state.step, built.seed) == (state.step, 5)


def test_another_network_or_optimizer_is_refused(backup):
    refused(backup, r"backup of a run with another network: .*units=3.* This model has .*units=4", model(4, seed=5))
    refused(backup, r"with another optimizer: Adam.* This model has .*SGD", model(optimizer="sgd", seed=5))

    refused(backup, r"with another optimizer: .*0\.001.* has .*0\.25", model(optimizer=Adam(0.25), seed=5))


def test_every_changed_byte_and_every_cut_is_noticed(backup):
    content = backup.read_bytes()
    length = int.from_bytes(content[:8], "little")
    places = [*range(0, 8 + length, 7), *range(8 + length, len(content), 11)]
    for damaged in (
        *(content[:place] for place in places),
        *(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] for place in places),
    ):
        backup.write_bytes(damaged)
        with pytest.raises(WeightsFileError):
            fit(model(), BackupAndRestore(backup.parent))
    backup.write_bytes(content[:-4])
    refused(backup, "not a whole safetensors file")


def test_a_foreign_file_is_refused(backup):
    built = model()
    built.save_weights(backup)
    refused(backup, "is not a backup that this version of tabgrad reads: its header says 'tabgrad.weights', version")


def test_the_backup_before_is_used_where_the_last_one_is_damaged(backup):
    (backup.parent / "kept").rename(backup.parent / "backup.before.safetensors")
    backup.write_bytes(b"\0" * 100)
    again, plain = model(seed=5), model()
    assert fit(again, BackupAndRestore(backup.parent)).epoch == [2, 3]
    fit(plain, None)
    assert same(again, plain)


def test_a_backup_says_what_it_is(backup):
    content = backup.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    run = json.loads(header["__metadata__"]["run"])
    assert {name: run[name] for name in ("seed", "epoch", "epochs_done", "began", "step", "learning_rate")} == {
        "seed": 0,
        "epoch": 3,
        "epochs_done": 3,
        "began": 0,
        "step": 12,
        "learning_rate": None,
    }
    assert header["dense/kernel/momentum"]["shape"] == [3, 3]


def test_lbfgs_is_refused(tmp_path):
    built = Sequential([Dense(1, input_dim=3)])
    built.compile("lbfgs", "mse")
    with pytest.raises(ArgumentError, match="BackupAndRestore cannot go on with LBFGS"):
        built.fit(X, Y, verbose=0, callbacks=BackupAndRestore(tmp_path))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"backup_dir": ""}, "'backup_dir' of BackupAndRestore must be a path"),
        ({"backup_dir": None}, "'backup_dir' of BackupAndRestore must be a path"),
        ({"save_freq": -1}, "'save_freq' of BackupAndRestore must be at least 1"),
        ({"save_freq": "step"}, "'save_freq' of BackupAndRestore must be 'epoch' or a number of batches"),
        ({"delete_checkpoint": "no"}, "'delete_checkpoint' of BackupAndRestore must be True or False"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError, match=message):
        BackupAndRestore(**{"backup_dir": "x", **options})
