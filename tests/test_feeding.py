"""The ways a run is fed: epochs of so many steps, generators, datasets; Keras as oracle."""

import os
import warnings

import numpy as np
import pytest

from tabgrad.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from tabgrad.errors import ArgumentError, DataError, DivergenceWarning
from tabgrad.layers import BatchNormalization, Dense, Dropout
from tabgrad.models import Sequential

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(10, 2)).astype(np.float32)
Y = (X[:, :1] - X[:, 1:]).astype(np.float32)
WEIGHTS = RANDOM.random((10, 1)).astype(np.float32)
CUTS = (slice(0, 3), slice(3, 4), slice(4, 10))  # batches of 3, 1 and 6 rows


def model(optimizer="adam", seed=0):
    built = Sequential([Dense(4, "tanh", input_dim=2), Dropout(0.2), Dense(1)], seed=seed)
    built.compile(optimizer, "mse", metrics=["mae"])
    return built


def batches(count=None, size=2, weight=False):
    """Rows of X in a circle."""
    number = 0
    while count is None or number < count:
        places = np.arange(number * size, (number + 1) * size) % len(X)
        yield (X[places], Y[places], WEIGHTS[places, 0])[: 3 if weight else 2]
        number += 1


class Dataset:
    """What Keras's users derive from Sequence or PyDataset."""

    def __init__(self, count=3):
        self.count, self.calls = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, place):
        self.calls.append(place)
        return X[2 * place : 2 * place + 2], Y[2 * place : 2 * place + 2]

    def on_epoch_end(self):
        self.calls.append("end")


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# ---- Against Keras ---------------------------------------------------------------------------------------------------


def linear(keras=None):
    weights = [np.array([[0.5], [-0.25]], np.float32), np.zeros(1, np.float32)]
    if keras is None:
        built = Sequential([Dense(1, input_dim=2)], seed=0)
    else:
        built = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    built.set_weights(weights)
    built.compile("sgd", "mse", metrics=["mae"])
    return built


def noting(base):
    class Notes(base):
        def __init__(self):
            super().__init__()
            self.calls = []

    for name in ("train_begin", "train_end", "epoch_begin", "epoch_end", "train_batch_begin", "train_batch_end"):

        def called(self, *values, logs=None, name=name):
            self.calls.append((name, *(value for value in values if isinstance(value, int))))

        setattr(Notes, f"on_{name}", called)
    return Notes()


CASES = {
    "a pass over several epochs": ((X, Y, 3, 5), {"steps_per_epoch": 3, "shuffle": False}),
    "more steps than batches": ((X, Y, 3, 2), {"steps_per_epoch": 6, "shuffle": False}),
    "as many steps as batches": ((X, Y, 3, 2), {"steps_per_epoch": 4, "shuffle": False}),
    "validation of two batches": ((X, Y), {"epochs": 3, "validation_data": (X, Y), "validation_steps": 1}),
    "validation every second epoch": ((X, Y), {"epochs": 5, "validation_data": (X, Y), "validation_freq": 2}),
    "validation of two epochs": ((X, Y), {"epochs": 5, "validation_data": (X, Y), "validation_freq": [1, 4]}),
    "an endless generator": ((batches,), {"epochs": 2, "steps_per_epoch": 3}),
    "a generator with weights": ((lambda: batches(weight=True),), {"epochs": 2, "steps_per_epoch": 4}),
}


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_histories_and_calls_are_keras_ones(case):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    (first, *rest), options = CASES[case]
    histories, calls = [], []
    for built, base in ((linear(keras), keras.callbacks.Callback), (linear(), Callback)):
        notes = noting(base)
        x = first() if callable(first) else first
        options = {"validation_batch_size": 5, **options} if "validation_data" in options else options
        histories.append(built.fit(x, *rest, verbose=0, callbacks=[notes], **options).history)
        calls.append(notes.calls)
    assert calls[0] == calls[1]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_scores_and_outputs_are_keras_ones():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs, ours = linear(keras), linear()
    for arguments, options in (((X, Y, 3), {"steps": 2}), ((batches(3),), {}), ((batches(),), {"steps": 4})):
        again = batches(3 if not options else None) if len(arguments) == 1 else arguments[0]
        expected = theirs.evaluate(*arguments, verbose=0, **options)
        np.testing.assert_allclose(ours.evaluate(again, *arguments[1:], verbose=0, **options), expected, rtol=1e-5)
    expected = theirs.predict(batches(3), verbose=0)
    np.testing.assert_allclose(ours.predict(batches(3)), expected, rtol=1e-5)
    assert ours.predict(batches(), steps=2).shape == (4, 1)


# ---- The same bits as arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam"])
def test_steps_of_a_generator_are_steps_of_arrays(optimizer):
    """Batches of any size, dropout and what the optimizer carries included."""
    single, fed = model(optimizer), model(optimizer)
    values = [single.train_on_batch(X[cut], Y[cut], WEIGHTS[cut]) for cut in CUTS * 2]
    seen = []
    note = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    given = ((X[cut], Y[cut], WEIGHTS[cut]) for cut in CUTS * 2)
    history = fed.fit(given, epochs=2, steps_per_epoch=3, verbose=0, callbacks=note)
    assert same(single, fed)
    assert single.state.step == fed.state.step == 6
    sizes, losses = [3, 1, 6], [value[0] for value in values]
    running = [np.average(part[:n], weights=sizes[:n]) for part in (losses[:3], losses[3:]) for n in (1, 2, 3)]
    np.testing.assert_allclose(seen, running, rtol=1e-6)
    assert history.history["loss"] == [seen[2], seen[5]]


def test_an_epoch_of_as_many_steps_as_batches_is_an_epoch():
    one, other = model(), model()
    history = one.fit(X, Y, 3, 3, 0, steps_per_epoch=4)
    assert history.history == other.fit(X, Y, 3, 3, 0).history
    assert same(one, other)


def test_a_pass_goes_on_from_epoch_to_epoch():
    """Two epochs of half a pass are an epoch: the same rows in the same order."""
    halves, whole = model(), model()
    halves.fit(X, Y, 3, 4, 0, steps_per_epoch=2)
    assert halves.state.step == 8
    whole.fit(X, Y, 3, 2, 0)
    assert same(halves, whole)


def test_a_dataset_is_taken_in_a_new_order_each_epoch():
    plain, shuffled = Dataset(5), Dataset(5)
    model().fit(plain, epochs=2, verbose=0, shuffle=False)
    assert plain.calls[1:] == [0, 1, 2, 3, 4, "end"] * 2  # the first one was looked at before
    model().fit(shuffled, epochs=2, verbose=0)
    orders = shuffled.calls[1:6], shuffled.calls[7:12]
    assert orders[0] != orders[1]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)


def test_a_dataset_by_steps():
    data = Dataset()
    with pytest.warns(UserWarning, match=r"are 3 batches: with steps_per_epoch=2, each 2nd epoch has only 1 step\. A"):
        model().fit(data, epochs=3, steps_per_epoch=2, verbose=0, shuffle=False)
    assert data.calls[1:] == [0, 1, "end", 2, "end", 0, 1, "end"]


@pytest.mark.parametrize("given", [lambda: batches(3), Dataset])
def test_validation_by_batches_is_validation_on_their_rows(given):
    one, other = model(), model()
    expected = one.fit(X, Y, epochs=3, verbose=0, validation_data=(X[:6], Y[:6])).history
    assert other.fit(X, Y, epochs=3, verbose=0, validation_data=given()).history == expected
    assert model().fit(X, Y, epochs=3, verbose=0, validation_data=batches(), validation_steps=3).history == expected
    ours = other.evaluate(given(), verbose=0)
    np.testing.assert_allclose(ours, other.evaluate(X[:6], Y[:6], verbose=0), rtol=1e-6)
    assert np.array_equal(other.predict(given()), other.predict(X[:6]))


def test_validation_of_some_epochs_changes_nothing_else():
    one, other = model(), model()
    expected = one.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y)).history
    history = other.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2).history
    assert same(one, other)
    assert history["loss"] == expected["loss"]
    assert history["val_loss"] == expected["val_loss"][1::2]


def test_callbacks_and_progress_are_as_with_arrays(capsys):
    fed, rates = model(), []

    class Look(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.learning_rate = 0.5
            rates.append(self.params["steps"])

        def on_train_batch_end(self, batch, logs=None):
            self.model.set_weights([np.zeros_like(array) for array in self.model.get_weights()])

    history = fed.fit(batches(3), verbose=2, callbacks=Look())
    assert not any(array.any() for array in fed.get_weights())
    assert (fed.learning_rate, rates, history.params["steps"]) == (0.5, [None], None)
    assert capsys.readouterr().out.startswith("3/3 - 0s - ")
    stop = EarlyStopping("loss", patience=0, min_delta=100)
    assert fed.fit(batches(), epochs=9, steps_per_epoch=2, verbose=0, callbacks=stop).status == "stopped"


def test_a_backup_goes_on_in_the_middle_of_a_pass(tmp_path):
    pytest.importorskip("safetensors")
    plain, first, second = model(), model(), model(seed=3)
    for fitted, epochs, callbacks in (
        (plain, 6, None),
        (first, 3, BackupAndRestore(tmp_path, delete_checkpoint=False)),
        (second, 6, BackupAndRestore(tmp_path)),
    ):
        fitted.fit(X, Y, 2, epochs, 0, callbacks, steps_per_epoch=1)
    assert same(plain, second)


# ---- Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count, epochs, steps, done, message",
    [
        (5, 3, 3, 2, r"ended after 2 of 3 epochs of 3 steps, the last of them with 2 steps"),
        (6, 3, 3, 2, r"ended after 2 of 3 epochs of 3 steps"),
        (3, 3, None, 1, r"ended after 1 of 3 epochs, the last"),
        (2, 1, 3, 1, r"ended after 1 of 1 epochs of 3 steps, the last of them with 2 steps"),
    ],
)
def test_a_generator_that_ends_early_ends_the_run(count, epochs, steps, done, message):
    fitted = model()
    with pytest.warns(UserWarning, match=message):
        history = fitted.fit(batches(count), epochs=epochs, steps_per_epoch=steps, verbose=0)
    assert history.epoch == list(range(done))
    assert fitted.state.step == count


def test_a_generator_that_suffices_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model().fit(batches(3), verbose=0)
        model().fit(batches(6), epochs=2, steps_per_epoch=3, verbose=0)


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_a_generator_that_raises_leaves_the_last_finished_epoch(kind):
    failure = kind("mine")  # not among the parameters, which live on, and with them what it was raised through

    def failing():
        yield from batches(5)
        raise failure

    failed, expected = model(), model()
    with pytest.raises(type(failure)) as raised:
        failed.fit(failing(), epochs=9, steps_per_epoch=3, verbose=0)
    assert raised.value is failure
    expected.fit(batches(3), verbose=0)
    assert same(failed, expected)
    assert (failed.history.epoch, failed.history.status, failed.state.step) == ([0], "interrupted", 3)


def test_a_loss_that_is_not_finite_ends_the_run():
    large = [(X[:2], Y[:2]), (X[2:4], Y[2:4]), (X[:2], 1e38 * np.ones((2, 1)))]
    failed = model()
    before = failed.get_weights()
    with pytest.warns(DivergenceWarning, match=r"in epoch 1, step 3; the weights are those of before this call"):
        history = failed.fit(iter(large), verbose=0)
    assert history.status == "diverged"
    assert all(np.array_equal(a, b) for a, b in zip(before, failed.get_weights(), strict=True))


# ---- What is refused -------------------------------------------------------------------------------------------------

BEFORE = (X[:2], Y[:2])
MISSING = np.array([[0, 1], [2, np.nan]])


@pytest.mark.parametrize(
    "given, message",
    [
        ([], "The generator must yield at least one batch"),
        (
            [BEFORE, (X[:2, :1], Y[:2])],
            "X of batch 1 of the generator must have 2 columns, as the network was built for",
        ),
        (
            [BEFORE, (MISSING, Y[:2])],
            "X of batch 1 of the generator must hold finite numbers. Got NaN in 1 place (row 1",
        ),
        ([BEFORE, (X[:2], Y[:3])], "must have the same number of rows"),
        ([BEFORE, (X[:2],)], "Batch 1 of the generator must hold targets, (x, y). Got x alone"),
        ([BEFORE, {"x": X}], "Batch 1 of the generator must be (x, y) or (x, y, sample_weight). Got dict"),
        ([BEFORE, (X, Y, Y, Y)], "(x, y, sample_weight). Got tuple of 4"),
        ([BEFORE, None], "(x, y, sample_weight). Got NoneType"),
        ([BEFORE, (X[:0], Y[:0])], "X of batch 1 of the generator must have at least one row"),
    ],
)
def test_batches_that_are_refused(given, message):
    fitted = model()
    before = fitted.get_weights()
    with pytest.raises(DataError) as error:
        fitted.fit(iter(given), verbose=0)
    assert message in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, fitted.get_weights(), strict=True))
    with pytest.raises(DataError):
        fitted.evaluate(iter(given), verbose=0)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"y": Y}, "'y' of fit must not be given beside batches (x is a generator)"),
        ({"sample_weight": Y}, "'sample_weight' of fit must not be given beside batches"),
        ({"validation_split": 0.5}, "'validation_split' of fit must not be given beside batches"),
        ({"steps_per_epoch": 0}, "'steps_per_epoch' of fit must be at least 1. Got 0"),
        ({"steps_per_epoch": 2.5}, "'steps_per_epoch' of fit must be an integer or None"),
        ({"validation_steps": -1}, "'validation_steps' of fit must be at least 1"),
        ({"validation_freq": 0}, "'validation_freq' of fit must be at least 1. Got 0"),
        ({"validation_freq": [1, "a"]}, "'validation_freq' of fit must be an integer. Got 'a'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ArgumentError) as error:
        model().fit(batches(3), verbose=0, **options)
    assert message in str(error.value)


def test_an_empty_dataset_is_refused():
    with pytest.raises(DataError, match=r"The dataset must have at least one batch\. Got Dataset of length 0"):
        model().fit(Dataset(0), verbose=0)


def test_a_single_row_has_no_variance():
    built = Sequential([Dense(2, input_dim=2), BatchNormalization(), Dense(1)], seed=0)
    built.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="one row has no variance"):
        built.fit(batches(3, size=1), verbose=0)
    with pytest.warns(UserWarning, match="Batch 1 of the generator is a single row, which has no variance"):
        built.fit(iter([BEFORE, (X[:1], Y[:1])]), verbose=0)


def test_more_steps_than_rows_for_scores_are_said():
    with pytest.warns(UserWarning, match=r"'steps' asks for 9 batches of 5, but the 10 rows make 2: all are taken"):
        assert model().predict(X, 5, steps=9).shape == (10, 1)
