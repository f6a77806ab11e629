"""Files of weights: what is saved comes back, what is not whole is refused, and the model stays as it was."""

import json
import os

import numpy as np
import pytest

from tabgrad.callbacks import LambdaCallback
from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError, WeightsFileError
from tabgrad.layers import BatchNormalization, Dense, Dropout, Residual
from tabgrad.models import Sequential

safetensors = pytest.importorskip("safetensors.numpy")


def model(seed=0, units=2, name=None):
    return Sequential([Dense(units, input_dim=3), Dropout(0.5), Dense(1, use_bias=False, name=name)], seed=seed)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def refused(path, message, built=None):
    built = built or model(seed=9)
    before = built.get_weights()
    with pytest.raises(WeightsFileError, match=message):
        built.load_weights(path)
    assert same(built.get_weights(), before)


@pytest.mark.parametrize("name", ["a.weights.safetensors", "b.safetensors"])
def test_weights_come_back(name, tmp_path):
    saved, loaded = model(), model(seed=1)
    saved.save_weights(tmp_path / name)
    assert not same(saved.get_weights(), loaded.get_weights())
    loaded.load_weights(str(tmp_path / name))
    assert same(saved.get_weights(), loaded.get_weights())
    tensors = safetensors.load_file(tmp_path / name)
    assert {label: array.shape for label, array in tensors.items()} == {
        "dense/kernel": (3, 2),
        "dense/bias": (2,),
        "dense_1/kernel": (2, 1),
    }
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_every_changed_bit_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "x.safetensors"
    built = Sequential([Dense(1, input_dim=1)], seed=0)
    built.save_weights(path)
    content, before = path.read_bytes(), built.get_weights()
    damaged = [content[:length] for length in range(len(content))] + [content + b"\0"]
    for place in range(len(content)):
        for bit in range(8):
            damaged.append(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
    accepted = []
    for number, other in enumerate(damaged):
        path.write_bytes(other)
        try:
            built.load_weights(path)
            accepted.append(number)
        except WeightsFileError:
            pass
    assert accepted == []
    assert same(built.get_weights(), before)


def test_files_of_others_and_of_other_networks(tmp_path):
    path = tmp_path / "x.safetensors"
    safetensors.save_file({"dense/kernel": np.zeros((3, 2), np.float32)}, path)
    refused(path, "is not a file of weights that save_weights wrote")
    path.write_bytes(b"PK\3\4 something else")
    refused(path, r"is not a whole safetensors file \(19 bytes\)")
    model(units=4).save_weights(path)
    refused(
        path,
        r"another network: dense \(3, 4\) \(4,\), dense_1 \(4, 1\)\. This model has dense \(3, 2\) \(2,\), dense_1",
    )
    model(name="answer").save_weights(path)
    refused(path, r"answer \(2, 1\)\. This model has .*dense_1 \(2, 1\)\. Build the model as it was saved")


def test_another_format_number_and_numbers_that_are_not_finite(tmp_path):
    path = tmp_path / "x.safetensors"
    built = model()
    built.save_weights(path)
    content = path.read_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    safetensors.save_file(safetensors.load(content), path, {**metadata, "version": "2"})
    refused(path, "has the format number '2', and this version of tabgrad reads 1. Use a newer tabgrad")
    from tabgrad._weight_files import write_weights

    write_weights(str(path), [array * np.nan for array in built.get_weights()], built._network)
    refused(path, "'dense/kernel' holds numbers that are not finite")


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    model().save_weights(path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        model(seed=1).save_weights(path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]
    assert path.read_bytes() == before


def test_a_callback_saves_the_weights_of_the_moment(tmp_path):
    built, kept = model(), []
    built.compile("sgd", "mse")

    def save(epoch, logs):
        built.save_weights(tmp_path / f"{epoch}.safetensors")
        kept.append(built.get_weights())

    built.fit(np.eye(3), [1.0, 2.0, 3.0], epochs=2, verbose=0, callbacks=LambdaCallback(on_epoch_end=save))
    loaded = model(seed=5)
    for epoch in (0, 1):
        loaded.load_weights(tmp_path / f"{epoch}.safetensors")
        assert same(loaded.get_weights(), kept[epoch])
    assert not same(kept[0], kept[1])


def test_arguments_are_refused(tmp_path):
    built = model()
    with pytest.raises(ArgumentError, match=r"must end in '\.weights\.safetensors' or '\.safetensors'\. Got 'x\.h5'"):
        built.save_weights("x.h5")
    with pytest.raises(ArgumentTypeError, match=r"'filepath' of load_weights must be a path\. Got 3\."):
        built.load_weights(3)
    with pytest.raises(NotReadyError, match="save_weights needs the width of a row"):
        Sequential([Dense(1)]).save_weights(tmp_path / "x.safetensors")
    built.save_weights(tmp_path / "x.safetensors", overwrite=False)
    with pytest.raises(ArgumentError, match=r"there already\. Give another name, or overwrite=True"):
        built.save_weights(tmp_path / "x.safetensors", overwrite=False)
    with pytest.raises(FileNotFoundError):
        built.load_weights(tmp_path / "y.safetensors")


def test_layers_inside_a_block_keep_their_arrays_apart(tmp_path):
    def built(seed):
        block = Residual([Dense(4, "relu"), BatchNormalization(), Residual([Dense(4)]), Dense(3)])
        model = Sequential([Dense(3, input_dim=2), block, Dense(1)], seed=seed)
        model.set_weights([array + 0.1 * place for place, array in enumerate(model.get_weights())])
        return model

    saved, loaded = built(1), built(2)
    saved.save_weights(tmp_path / "blocks.safetensors")
    loaded.load_weights(tmp_path / "blocks.safetensors")
    for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
