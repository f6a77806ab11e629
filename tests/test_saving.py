"""Models and weights written while a run is on: which files, when, what is in them; Keras as oracle for the choice."""

import os

import numpy as np
import pytest

from tabgrad import load
from tabgrad.callbacks import LambdaCallback, ModelCheckpoint
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD

pytest.importorskip("safetensors")

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
Y = RANDOM.normal(size=(12, 1)).astype(np.float32)


def model():
    built = Sequential([Dense(1, input_dim=2)], seed=0)
    built.compile("sgd", "mse", metrics=["mae"])
    return built


def files(folder):
    return sorted(file.name for file in folder.iterdir())


def checkpoint(path, **options):
    return ModelCheckpoint(path, save_weights_only=True, **options)


def test_files_hold_the_weights_of_their_epoch(tmp_path):
    fitted, weights = model(), []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(fitted.get_weights()))
    keep = checkpoint(tmp_path / "deep" / "{epoch:02d}-{val_loss:.3f}.weights.safetensors")
    history = fitted.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[look, keep]).history
    names = [f"{epoch + 1:02d}-{loss:.3f}.weights.safetensors" for epoch, loss in enumerate(history["val_loss"])]
    assert files(tmp_path / "deep") == names
    for name, expected in zip(names, weights, strict=True):
        loaded = model()
        loaded.load_weights(tmp_path / "deep" / name)
        assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), expected, strict=True))


@pytest.mark.parametrize("optimizer", ["adam", SGD(0.1, 0.9, use_ema=True)])
@pytest.mark.parametrize("before", [0, 3])
def test_training_goes_on_from_a_model_of_the_middle(optimizer, before, tmp_path):
    def begun():
        built = Sequential([Dense(4, "tanh", input_dim=2), Dropout(0.5), Dense(1)], seed=0)
        built.compile(optimizer, "mse", metrics=["mae"])
        built.fit(X, Y, batch_size=5, epochs=before, verbose=0)
        return built

    whole = begun().fit(X, Y, batch_size=5, epochs=6, verbose=0)
    begun().fit(X, Y, batch_size=5, epochs=4, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{epoch}.tabgrad")])
    assert files(tmp_path) == [f"{epoch}.tabgrad" for epoch in (1, 2, 3, 4)]
    for epoch in (1, 2, 3, 4):
        loaded = load(tmp_path / f"{epoch}.tabgrad")
        assert loaded.epochs_done == before + epoch
        history = loaded.fit(X, Y, batch_size=5, epochs=6, initial_epoch=epoch, verbose=0)
        assert history.history["loss"] == whole.history["loss"][epoch:]
        for array, expected in zip(loaded.get_weights(), whole.model.get_weights(), strict=True):
            assert np.array_equal(array, expected)


def test_a_model_of_the_middle_of_an_epoch_has_the_steps_so_far(tmp_path):
    keep = ModelCheckpoint(tmp_path / "{epoch}-{batch}.tabgrad", save_freq=3)
    model().fit(X, Y, batch_size=3, epochs=2, verbose=0, callbacks=keep)
    found = {name: load(tmp_path / name) for name in files(tmp_path)}
    steps = {name: (one.state.step, one.epochs_done) for name, one in found.items()}
    assert steps == {"1-3.tabgrad": (3, 0), "2-2.tabgrad": (6, 1)}


def test_batches_are_counted_on_from_epoch_to_epoch(tmp_path):
    keep = checkpoint(tmp_path / "{epoch}-{batch}.safetensors", save_freq=3)
    model().fit(X, Y, batch_size=3, epochs=2, verbose=0, callbacks=keep)
    assert files(tmp_path) == ["1-3.safetensors", "2-2.safetensors"]


def test_batches_are_not_told_for_epochs(tmp_path):
    from tabgrad.callbacks.base import overrides

    assert not overrides(checkpoint(tmp_path / "a.safetensors"), "on_train_batch_end")
    assert overrides(checkpoint(tmp_path / "a.safetensors", save_freq=3), "on_train_batch_end")


CASES = [
    {},
    {"save_best_only": True},
    {"save_best_only": True, "initial_value_threshold": 0.5},
    {"save_best_only": True, "mode": "max"},
    {"save_best_only": True, "mode": "max", "monitor": "loss", "initial_value_threshold": 0.2},
]


class Played:
    """Stands for a model: notes the names under which it is saved."""

    def __init__(self):
        self.saved, self.higher_is_better = [], {}

    def save_weights(self, path, overwrite=True):
        self.saved.append(os.path.basename(path).split(".weights")[0])


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("settings", CASES)
def test_what_is_saved_is_what_keras_saves(settings, tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    random, saved = np.random.default_rng(1), []
    values = random.random((2, 10)).round(1).tolist()
    for kind, ending in ((keras.callbacks.ModelCheckpoint, "h5"), (ModelCheckpoint, "safetensors")):
        keep = kind(tmp_path / f"{{epoch:02d}}-{{val_loss:.2f}}.weights.{ending}", save_weights_only=True, **settings)
        stand_in = Played()
        keep.set_model(stand_in)
        for run in values:  # the best one stays the best one from fit to fit
            keep.on_train_begin({})
            for epoch, value in enumerate(run):
                keep.on_epoch_begin(epoch)
                keep.on_epoch_end(epoch, {"loss": 1 - value, "val_loss": value})
        saved.append((stand_in.saved, keep.best))
    assert saved[0] == saved[1]
    assert 0 < len(saved[1][0]) <= 20


def test_it_says_what_it_does(tmp_path, capsys):
    path = str(tmp_path / "best.safetensors")
    keep = checkpoint(path, save_best_only=True, verbose=1)
    keep.set_model(Played())
    for epoch, value in enumerate((0.5, 0.75)):
        keep.on_epoch_end(epoch, {"val_loss": value})
    said = f"\nEpoch 1: val_loss improved from None to 0.50000, saving model to {path}\n"
    assert capsys.readouterr().out == f"{said}\nEpoch 2: val_loss did not improve from 0.50000\n"


def test_without_the_quantity_it_warns_and_saves(tmp_path):
    keep = checkpoint(tmp_path / "a.safetensors", save_best_only=True)
    with pytest.warns(UserWarning, match="ModelCheckpoint watches 'val_loss', which this run does not have"):
        model().fit(X, Y, verbose=0, callbacks=keep)
    assert files(tmp_path) == ["a.safetensors"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"filepath": "a.keras"}, "'filepath' of ModelCheckpoint must end in '.weights.safetensors'"),
        ({"filepath": 3}, "'filepath' of ModelCheckpoint must be a path. Got 3"),
        ({"filepath": "{epoch.safetensors"}, "has braces that do not match"),
        ({"filepath": "{}.safetensors"}, "must hold a name, as in {epoch:02d}"),
        ({"filepath": "{0.real}.safetensors"}, "must hold a name"),
        ({"save_freq": "batch"}, "'save_freq' of ModelCheckpoint must be 'epoch' or a number of batches. Got 'batch'"),
        ({"save_freq": 0}, "'save_freq' of ModelCheckpoint must be at least 1. Got 0"),
        ({"save_freq": 2.5}, "'save_freq' of ModelCheckpoint must be an integer. Got 2.5"),
        ({"save_weights_only": False}, "'filepath' of ModelCheckpoint must end in '.tabgrad'. Got 'a.safetensors'."),
        ({"filepath": "a.tabgrad"}, "'filepath' of ModelCheckpoint must end in '.weights.safetensors'"),
        ({"mode": "lowest"}, "Unknown mode 'lowest'"),
        ({"initial_value_threshold": "low"}, "'initial_value_threshold' of ModelCheckpoint must be a number"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError) as error:
        ModelCheckpoint(**{"filepath": "a.safetensors", "save_weights_only": True, **options})
    assert message in str(error.value)


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("{val_loss}", ArgumentError, "names {val_loss}, which this run does not have. It has: epoch, loss, mae"),
        ("{batch}", ArgumentError, "names {batch}, which this run does not have"),
        ("{loss:d}", ArgumentTypeError, "cannot be filled: Unknown format code 'd'"),
    ],
)
def test_names_that_cannot_be_filled(name, kind, message, tmp_path):
    fitted = model()
    with pytest.raises(kind) as error:
        fitted.fit(X, Y, epochs=2, verbose=0, callbacks=checkpoint(tmp_path / f"{name}.safetensors"))
    assert message in str(error.value)
    assert fitted.history.epoch == [0]
    assert files(tmp_path) == []
