"""`Sequential`: building, training, scoring, weights, threads, interruption."""

import copy
import multiprocessing
import os
import pickle
import pickletools
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import tabgrad
from tabgrad import metrics, optimizers
from tabgrad.callbacks import Callback, LambdaCallback
from tabgrad.errors import DataError, DivergenceWarning, NotReadyError
from tabgrad.layers import Activation, Dense, Dropout, Input
from tabgrad.losses import CategoricalCrossentropy, MeanSquaredError
from tabgrad.models import Sequential

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(96, 5)).astype(np.float32)
Y = (X @ RANDOM.normal(size=(5, 1)) + 0.1 * RANDOM.normal(size=(96, 1))).astype(np.float32)
LABELS = X[:, :3].argmax(axis=1)


def regression(seed=0, optimizer="adam", **options):
    model = Sequential([Dense(8, "tanh", input_dim=5), Dropout(0.2), Dense(1)], seed=seed)
    model.compile(optimizer, "mse", **options)
    return model


def classification(loss="sparse_categorical_crossentropy", **options):
    model = Sequential([Input((5,)), Dense(8, "relu"), Dense(3, "softmax")], seed=0)
    model.compile("adam", loss, **options)
    return model


def same(one, other):
    """Whether two lists of arrays are the same bits."""
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# ---- Building --------------------------------------------------------------------------------------------------------


def test_the_width_may_be_said_in_many_ways():
    hidden = {"units": 8, "activation": "relu"}
    said = [
        Sequential([Input((5,)), Dense(**hidden), Dense(2)], seed=1),
        Sequential([Dense(**hidden, input_dim=5), Dense(2)], seed=1),
        Sequential([Dense(**hidden, input_shape=(5,)), Dense(2)], seed=1),
        Sequential([Dense(**hidden), Dense(2)], seed=1),
        Sequential([Dense(**hidden), Dense(2)], seed=1),
        Sequential(seed=1),
    ]
    said[3].build((None, 5))
    assert not said[4].built
    assert (said[4].input_shape, said[4].output_shape, said[4].get_weights()) == (None, None, [])
    with pytest.raises(NotReadyError, match="predict needs the width of a row"):
        said[4].predict(X)
    said[4].compile("adam", "mse")
    said[4].fit(X, np.tile(Y, 2), epochs=0, verbose=0)
    for layer in (Input((5,)), Dense(**hidden), Dense(2)):
        said[5].add(layer)
    expected = said[0].get_weights()
    assert [array.shape for array in expected] == [(5, 8), (8,), (8, 2), (2,)]
    for model in said:
        assert model.built
        assert (model.input_shape, model.output_shape, model.count_params()) == ((None, 5), (None, 2), 66)
        assert same(model.get_weights(), expected)


def test_layers_come_and_go_and_weights_stay():
    model = Sequential([Dense(4, input_dim=5)], seed=0)
    first = model.get_weights()
    model.compile("adam", "mse")
    model.fit(X, np.tile(Y, 4), verbose=0)
    trained = model.get_weights()
    assert not same(trained, first)
    model.add(Dense(1))
    assert same(model.get_weights()[:2], trained)
    assert same(model.get_weights()[2:], Sequential([Dense(4, input_dim=5), Dense(1)], seed=0).get_weights()[2:])
    model.fit(X, Y, verbose=0)
    last = model.layers[-1]
    assert last == model.pop()
    assert model.output_shape == (None, 4)
    model.add(Activation("relu"))
    model.fit(X, np.tile(Y, 4), verbose=0)
    assert [layer.__class__ for layer in model.layers] == [Dense, Activation]


def test_weights_follow_from_the_seed_alone():
    assert same(regression(7).get_weights(), regression(7).get_weights())
    assert not same(regression(7).get_weights(), regression(8).get_weights())
    tabgrad.set_random_seed(5)
    first, second = regression(None), regression(None)
    tabgrad.set_random_seed(5)
    assert same(regression(None).get_weights(), first.get_weights())
    assert not same(first.get_weights(), second.get_weights())
    assert regression(None).seed != regression(None).seed


def test_summary_is_keras_table(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    model = Sequential([Dense(64, "relu", input_dim=16), Dropout(0.5), Dense(7, trainable=False, name="answer")])
    model.summary()
    assert capsys.readouterr().out == (
        'Model: "sequential"\n'
        "┏━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓\n"
        "┃ Layer (type)           ┃ Output Shape     ┃   Param # ┃\n"
        "┡━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩\n"
        "│ dense (Dense)          │ (None, 64)       │     1,088 │\n"
        "├────────────────────────┼──────────────────┼───────────┤\n"
        "│ dropout (Dropout)      │ (None, 64)       │         0 │\n"
        "├────────────────────────┼──────────────────┼───────────┤\n"
        "│ answer (Dense)         │ (None, 7)        │       455 │\n"
        "└────────────────────────┴──────────────────┴───────────┘\n"
        " Total params: 1,543 (6.03 KB)\n"
        " Trainable params: 1,088 (4.25 KB)\n"
        " Non-trainable params: 455 (1.78 KB)\n"
    )


def test_summary_of_a_model_that_is_not_built_or_is_trained():
    texts = []
    Sequential([Dense(3), Dense(2)], name="net").summary(print_fn=texts.append)
    model = regression()
    model.fit(X, Y, verbose=0)
    model.summary(print_fn=texts.append)
    assert 'Model: "net"' in texts[0]
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in texts[0].splitlines() if "(Dense)" in line]
    assert rows == [["dense (Dense)", "?", "0 (unbuilt)"], ["dense_1 (Dense)", "?", "0 (unbuilt)"]]
    assert " Optimizer params: 114 (456.00 B)" in texts[1]  # two arrays of Adam's for each of 57


def test_repr_is_one_screen():
    model = Sequential([Dense(64, "relu", input_dim=16), Dropout(0.5), Dense(7, "softmax")], name="beans")
    assert repr(model) == (
        "Sequential 'beans': 16 columns -> Dense(64, relu) -> Dropout(0.5) -> Dense(7, softmax)\n"
        "1,543 parameters; not compiled"
    )
    model.compile(optimizers.Adam(0.01), "categorical_crossentropy")
    assert repr(model).endswith("compiled with Adam(learning_rate=0.01), CategoricalCrossentropy()")
    assert len(repr(Sequential([Dense(1)] * 100)).splitlines()) == 2


def test_what_was_compiled_can_be_read():
    model = classification("categorical_crossentropy", metrics=["accuracy", "mae"])
    assert (model.compiled, model.loss, model.optimizer) == (True, CategoricalCrossentropy(), optimizers.Adam())
    assert model.metrics_names == ["loss", "accuracy", "mae"]
    assert model.higher_is_better == {"accuracy": True, "mae": False}
    twice = regression(metrics=["mae", "mse", "mae", "mae"])
    assert twice.metrics_names == ["loss", "mae", "mse", "mae_1", "mae_2"]
    assert model.plan(batch_size=8).metrics == (metrics.CategoricalAccuracy(), metrics.MeanAbsoluteError())


# ---- Training --------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits():
    one, other = regression(), regression()
    assert one.fit(X, Y, epochs=5, verbose=0).history == other.fit(X, Y, epochs=5, verbose=0).history
    assert same(one.get_weights(), other.get_weights())
    third = regression(1)
    third.set_weights(regression().get_weights())
    third.fit(X, Y, epochs=5, verbose=0)
    assert not same(one.get_weights(), third.get_weights())  # other orders, other masks


def test_a_second_fit_goes_on():
    """Orders of rows, dropout masks and the optimizer's arrays: nothing begins anew."""
    whole, parts, numbered = regression(), regression(), regression()
    history = whole.fit(X, Y, epochs=6, verbose=0).history["loss"]
    first = parts.fit(X, Y, epochs=2, verbose=0).history["loss"]
    second = parts.fit(X, Y, epochs=4, verbose=0)
    assert second.epoch == [0, 1, 2, 3]
    assert first + second.history["loss"] == history
    assert same(whole.get_weights(), parts.get_weights())
    numbered.fit(X, Y, epochs=2, verbose=0)
    assert numbered.fit(X, Y, epochs=6, initial_epoch=2, verbose=0).epoch == [2, 3, 4, 5]
    assert same(whole.get_weights(), numbered.get_weights())


def test_compiling_again_forgets_the_optimizer_and_keeps_the_weights():
    def model():
        made = Sequential([Dense(4, "tanh", input_dim=5), Dense(1)], seed=0)
        made.compile("adam", "mse")
        return made

    straight, again, fresh = model(), model(), model()
    for one in (straight, again):
        one.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    again.compile("adam", "mse")
    assert same(again.get_weights(), straight.get_weights())
    fresh.set_weights(straight.get_weights())
    for one in (straight, again, fresh):
        one.fit(X, Y, epochs=3, shuffle=False, verbose=0)
    assert same(again.get_weights(), fresh.get_weights())
    assert not same(again.get_weights(), straight.get_weights())


def test_validation_split_is_the_last_rows_before_shuffling():
    split, given = regression(metrics=["mae"]), regression(metrics=["mae"])
    one = split.fit(X, Y, epochs=3, validation_split=0.25, verbose=0)
    other = given.fit(X[:72], Y[:72], epochs=3, validation_data=(X[72:], Y[72:]), verbose=0)
    assert one.history == other.history
    assert list(one.history) == ["loss", "mae", "val_loss", "val_mae"]
    last = [one.history["val_loss"][-1], one.history["val_mae"][-1]]
    np.testing.assert_allclose(split.evaluate(X[72:], Y[72:], verbose=0), last, rtol=1e-6)


def test_validation_data_win_over_a_split_and_may_be_weighted():
    model, weights = regression(), np.linspace(0, 2, 96)
    history = model.fit(X, Y, validation_split=0.5, validation_data=(X, Y, weights), verbose=0)
    assert history.params["steps"] == 3
    expected = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    assert history.history["val_loss"] == pytest.approx([expected], rel=1e-6)


def test_class_weights_and_sample_weights_multiply():
    row = np.linspace(0.5, 2, 96).astype(np.float32)
    by_class = {0: 3.0, 2: 0.5}
    product = row * np.float32([3.0, 1.0, 0.5])[LABELS]
    one, other, unweighted = classification(), classification(), classification()
    settings = {"epochs": 2, "verbose": 0, "validation_split": 0.25}
    first = one.fit(X, LABELS, sample_weight=row, class_weight=by_class, **settings)
    second = other.fit(X, LABELS, sample_weight=product, **settings)
    assert same(one.get_weights(), other.get_weights())
    assert first.history["loss"] == second.history["loss"]
    expected = one.evaluate(X[72:], LABELS[72:], sample_weight=row[72:], verbose=0)  # without the classes' weights
    assert first.history["val_loss"][-1] == pytest.approx(expected, rel=1e-6)
    unweighted.fit(X, LABELS, **settings)
    assert not same(one.get_weights(), unweighted.get_weights())


def test_train_on_batch_is_one_step():
    one, other = regression(metrics=["mae"]), regression(metrics=["mae"])
    weights = np.linspace(0.5, 2, 96)
    for _ in range(3):
        values = one.train_on_batch(X, Y, sample_weight=weights)
        history = other.fit(X, Y, batch_size=96, shuffle=False, sample_weight=weights, verbose=0).history
        assert values == [history["loss"][0], history["mae"][0]]
    assert same(one.get_weights(), other.get_weights())
    assert list(one.train_on_batch(X, Y, return_dict=True)) == ["loss", "mae"]
    assert one.history is None
    labelled, weighted = classification(), classification()
    labelled.train_on_batch(X, LABELS, class_weight={1: 4.0})
    weighted.train_on_batch(X, LABELS, sample_weight=np.where(LABELS == 1, 4.0, 1.0))
    assert same(labelled.get_weights(), weighted.get_weights())


def test_a_batch_is_scored_and_predicted_as_the_whole():
    model, weights = regression(metrics=["mae"]), np.linspace(0, 1, 96)
    with pytest.raises(DataError, match="test_on_batch needs targets"):
        model.test_on_batch(X)
    assert model.test_on_batch(X, Y, weights) == model.evaluate(X, Y, sample_weight=weights, verbose=0)
    scores = model.test_on_batch(X, Y, return_dict=True)
    assert scores == model.evaluate(X, Y, return_dict=True, verbose=0)
    assert np.array_equal(model.predict_on_batch(X[:7]), model.predict(X)[:7])
    assert model.state.step == 0


def test_scores_are_what_the_formulas_say():
    model = Sequential([Dense(2, input_dim=5, kernel_regularizer=tabgrad.regularizers.L2(0.1))], seed=0)
    model.compile("sgd", "mse", metrics=["mse", "mae"])
    kernel, bias = model.get_weights()
    targets, weights = np.hstack([Y, -Y]), np.linspace(0, 2, 96)
    output = X @ kernel + bias
    np.testing.assert_allclose(model.predict(X), output, atol=1e-6)
    squared, penalty = ((output - targets) ** 2).mean(axis=1), 0.1 * (kernel**2).sum()
    expected = [(weights * squared).mean() + penalty, squared.mean(), np.abs(output - targets).mean()]
    for batch_size in (None, 7, 1000):
        values = model.evaluate(X, targets, sample_weight=weights, batch_size=batch_size, verbose=0)
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    named = model.evaluate(X, targets, verbose=0, return_dict=True)
    assert list(named) == ["loss", "mae", "mse"]
    assert named["loss"] == pytest.approx(named["mse"] + penalty, rel=1e-6)
    model.compile("sgd", "mse")
    assert isinstance(model.evaluate(X, targets, verbose=0), float)


def test_accuracy_takes_the_form_of_the_loss():
    one_hot = np.eye(3)[LABELS]
    for loss, target in (("sparse_categorical_crossentropy", LABELS), ("categorical_crossentropy", one_hot)):
        model = classification(loss, metrics=["acc"])
        expected = (model.predict(X).argmax(axis=1) == LABELS).mean()
        assert model.evaluate(X, target, verbose=0, return_dict=True)["acc"] == pytest.approx(expected)
    binary = Sequential([Dense(1, "sigmoid", input_dim=5)], seed=0)
    binary.compile("sgd", "binary_crossentropy", metrics="accuracy")
    expected = ((binary.predict(X)[:, 0] > 0.5) == (LABELS == 1)).mean()
    assert binary.evaluate(X, LABELS == 1, verbose=0)[1] == pytest.approx(expected)


def test_predictions_do_not_depend_on_the_batch():
    model = regression()
    whole = model.predict(X)
    assert (whole.dtype, whole.shape) == (np.float32, (96, 1))
    assert np.array_equal(model.predict(X, batch_size=7), whole)
    assert np.array_equal(np.vstack([model.predict(row[np.newaxis]) for row in X]), whole)


def test_every_frame_library_trains_the_same():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    columns = {f"c{place}": X[:, place] for place in range(5)}
    expected = regression()
    expected.fit(X, Y, epochs=2, verbose=0)
    for frame, series in ((pd.DataFrame, pd.Series), (pl.DataFrame, pl.Series), (pa.table, pa.array)):
        model = regression()
        model.fit(frame(columns), series(Y[:, 0]), epochs=2, verbose=0)
        assert same(model.get_weights(), expected.get_weights())
        assert np.array_equal(model.predict(frame(columns)), expected.predict(X))


def test_zero_epochs_train_nothing():
    model = regression()
    before = model.get_weights()
    history = model.fit(X, Y, epochs=0, verbose=0)
    assert (history.history, history.epoch, history.status) == ({}, [], "finished")
    assert same(model.get_weights(), before)


def test_a_loss_that_leaves_the_numbers_ends_the_run():
    model = Sequential([Dense(1, input_dim=5)], seed=0)
    model.compile(optimizers.SGD(0.4), "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    good = model.get_weights()
    twin = copy.deepcopy(model)
    model.learning_rate = twin.learning_rate = 1e5
    message = (
        r"The loss stopped being finite in epoch \d+, step \d of 3; the weights are those of the last finished epoch. "
        r"Try a learning rate below 100000, inputs and targets scaled to about 1 in size \(the largest input is "
        r"\d\.\d+\), or clipnorm=1"
    )
    with pytest.warns(DivergenceWarning, match=message) as caught:
        history = model.fit(X, Y, epochs=50, verbose=0)
    assert caught[0].filename == __file__
    finished = len(history.history["loss"])
    assert history.status == "diverged"
    assert 0 < finished < 50
    assert f"in epoch {finished + 1}," in str(caught[0].message)
    assert model.history is history
    twin.fit(X, Y, epochs=finished, verbose=0)
    assert same(model.get_weights(), twin.get_weights())
    model.set_weights(good)
    with pytest.warns(DivergenceWarning, match="the weights are those of before this call"):
        model.fit(X * 1e30, Y, epochs=2, verbose=0)
    assert same(model.get_weights(), good)
    with pytest.warns(DivergenceWarning, match="The loss stopped being finite; the weights"):
        value = model.train_on_batch(X * 1e30, Y)
    assert np.isnan(value)


# ---- Weights, copies, rates ------------------------------------------------------------------------------------------


def test_weights_are_copies():
    model = regression()
    before = model.predict(X)
    taken = model.get_weights()
    for array in taken:
        array[...] = 1
    assert np.array_equal(model.predict(X), before)
    model.set_weights(taken)
    after = model.predict(X)
    for array in taken:
        array[...] = 2
    assert np.array_equal(model.predict(X), after)
    assert not np.array_equal(after, before)


def test_setting_weights_keeps_the_optimizer():
    model = regression()
    model.fit(X, Y, verbose=0)
    slots, step = model.state.slots, model.state.step
    model.set_weights([array.tolist() for array in regression(1).get_weights()])
    assert model.state.step == step > 0
    assert all(
        a is b for one, other in zip(slots, model.state.slots, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_the_learning_rate_can_be_set():
    model = regression(optimizer=optimizers.SGD(0.1))
    assert model.learning_rate == 0.1
    model.learning_rate = 0.0
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert same(model.get_weights(), before)
    assert model.optimizer == optimizers.SGD(0.0)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=LambdaCallback(on_epoch_end=lambda *_: half(model)))
    assert model.learning_rate == 1.0
    model.compile("sgd", "mse")
    assert model.learning_rate == 0.01


def half(model):
    model.learning_rate = 1.0


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_copies_are_whole(copied):
    model = regression(metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    other = copied(model)
    assert np.array_equal(other.predict(X), model.predict(X))
    assert other.history.history == model.history.history
    assert (model.history.model, other.history.model) == (model, other)
    assert repr(other) == repr(model)
    for one in (model, other):  # what it learns from here on is the same too
        one.fit(X, Y, epochs=2, verbose=0)
    assert same(other.get_weights(), model.get_weights())
    other.fit(X, Y, verbose=0)
    assert not same(other.get_weights(), model.get_weights())


def test_a_pickle_holds_no_code_but_records():
    model = classification(metrics=["accuracy", metrics.SparseCategoricalAccuracy()])
    model.fit(X, LABELS, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda *_: None)])
    words = [value for _, value, _ in pickletools.genops(pickle.dumps(model, protocol=5)) if isinstance(value, str)]
    named = {word for word in words if word.partition(".")[0] in ("tabgrad", "numpy", "builtins", "os", "copyreg")}
    assert {name.partition(".")[0] for name in named} <= {"tabgrad", "numpy", "copyreg"}
    assert {name for name in named if name.startswith("numpy")} <= {
        "numpy",
        "numpy._core.multiarray",
        "numpy._core.numeric",
    }


# ---- Threads, processes, interruption --------------------------------------------------------------------------------


def test_threads_predict_while_another_trains():
    model = regression()
    model.fit(X, Y, verbose=0)
    before = model.predict(X)
    started, over = threading.Event(), threading.Event()
    seen: list[list[np.ndarray]] = [[], []]

    def predict(mine):
        started.wait(20)
        while not over.is_set() or not mine:
            mine.append(model.predict(X))

    threads = [threading.Thread(target=predict, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    inside = []

    def look(epoch, logs):
        started.set()
        inside.append(model.predict(X))
        if epoch > 10 and all(len(mine) > 10 for mine in seen):
            model.stop_training = True

    model.fit(X, Y, epochs=20_000, verbose=0, callbacks=LambdaCallback(on_epoch_end=look))
    over.set()
    for thread in threads:
        thread.join()
    after = model.predict(X)
    assert len(model.history.epoch) < 20_000
    for mine in seen:  # a thread sees the weights of before or of after the run, never those in between
        assert all(np.array_equal(one, before) or np.array_equal(one, after) for one in mine)
    assert not any(np.array_equal(one, before) for one in inside)  # a callback sees those of this moment
    assert np.array_equal(inside[-1], after)


def test_one_run_at_a_time():
    model, refused = regression(), []

    def attempt(call, *values):
        try:
            call(*values)
        except NotReadyError as error:
            refused.append(str(error).split(" while")[0])

    def other_thread(epoch, logs):
        def tries():
            attempt(model.fit, X, Y)
            attempt(model.set_weights, weights)

        thread = threading.Thread(target=tries)
        thread.start()
        thread.join()

    def same_thread(epoch, logs):
        attempt(model.fit, X, Y)
        attempt(model.train_on_batch, X, Y)
        attempt(model.compile, "sgd", "mse")
        attempt(model.add, Dense(1))
        attempt(model.pop)

    weights = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=LambdaCallback(on_epoch_begin=other_thread, on_epoch_end=same_thread))
    calls = ("fit", "set_weights", "fit", "train_on_batch", "compile", "add", "pop")
    assert refused == [f"{call} cannot be called" for call in calls]
    model.fit(X, Y, verbose=0)


class Trip(Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, error):
        self.error = error
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (3, 1):
            raise self.error


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_exception_leaves_the_last_finished_epoch(kind):
    model, twin, error = regression(), regression(), kind("mine")
    with pytest.raises(kind) as caught:
        model.fit(X, Y, epochs=50, verbose=0, validation_split=0.5, callbacks=[Trip(error)])
    assert caught.value is error
    history = twin.fit(X, Y, epochs=3, verbose=0, validation_split=0.5)
    assert model.history.history == history.history
    assert (model.history.epoch, model.history.status) == ([0, 1, 2], "interrupted")
    assert same(model.get_weights(), twin.get_weights())
    for one in (model, twin):  # and it goes on from there
        one.fit(X, Y, epochs=2, verbose=0)
    assert same(model.get_weights(), twin.get_weights())


def test_an_exception_before_the_first_epoch():
    model = regression()
    before = model.get_weights()
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, verbose=0, callbacks=LambdaCallback(on_train_begin=lambda logs: 1 / 0))
    assert (model.history.history, model.history.status) == ({}, "interrupted")
    assert same(model.get_weights(), before)
    model.fit(X, Y, verbose=0)


@pytest.fixture
def python_hears_ctrl_c():
    """A shell's background job begins with the signal ignored, and so does the suite that runs in one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
@pytest.mark.usefixtures("python_hears_ctrl_c")
@pytest.mark.parametrize("verbose", [0, 1])
def test_ctrl_c(verbose, capsys):
    model, twin = regression(), regression()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**6, verbose=verbose)
    timer.join()
    finished = len(model.history.epoch)
    assert 0 < finished < 10**6
    assert model.history.status == "interrupted"
    assert len(model.history.history["loss"]) == finished
    assert twin.fit(X, Y, epochs=finished, verbose=0).history == model.history.history
    assert same(model.get_weights(), twin.get_weights())
    if verbose:
        printed = capsys.readouterr().out
        assert printed.endswith("\n")
        assert printed.count("3/3 ━") in (finished - 1, finished)  # Ctrl-C may come just before a line is written


FORK = """
import multiprocessing, warnings
import numpy as np
from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential

x = np.random.default_rng(0).normal(size=(96, 5))
model = Sequential([Dense(8, "tanh", input_dim=5), Dropout(0.2), Dense(1)], seed=0)
model.compile("adam", "mse")
model.fit(x, x[:, 0], verbose=0)

def go_on(_):
    before = model.predict(x)
    model.fit(x, x[:, 0], epochs=2, verbose=0)
    return before, model.get_weights()

warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:  # each from the parent's state
    results = pool.map_async(go_on, range(2), chunksize=1).get(timeout=60)
expected = go_on(0)
for before, weights in results:
    assert np.array_equal(before, expected[0])
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected[1], strict=True))
print("the same")
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_a_fork_goes_on():
    told = subprocess.run([sys.executable, "-c", FORK], check=False, capture_output=True, text=True, timeout=100)
    assert told.stdout == "the same\n", told.stderr


def test_joblib_takes_a_model_along():
    joblib = pytest.importorskip("joblib")
    model = regression()
    model.fit(X, Y, verbose=0)
    rows = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(model.predict)(part) for part in np.split(X, 4))
    assert np.array_equal(np.vstack(rows), model.predict(X))


# ---- Keras as oracle -------------------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_names_values_and_returns_are_keras_ones():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    layers = keras.layers
    theirs = keras.Sequential([keras.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(3, "softmax")])
    ours = Sequential([Dense(4, "tanh", input_dim=5), Dense(3, "softmax")], seed=0)
    ours.set_weights(theirs.get_weights())
    one_hot = np.eye(3)[LABELS]
    theirs.compile(
        "sgd", "categorical_crossentropy", metrics=["accuracy", "mse", keras.metrics.MeanSquaredError(), "acc"]
    )
    ours.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mse", metrics.MeanSquaredError(), "acc"])
    settings = {"epochs": 3, "initial_epoch": 1, "batch_size": 10, "validation_split": 0.3, "shuffle": False}
    weight = np.linspace(0.5, 2, 96)
    expected = theirs.fit(X, one_hot, sample_weight=weight, verbose=0, **settings)
    history = ours.fit(X, one_hot, sample_weight=weight, verbose=0, **settings)
    assert list(history.history) == list(expected.history)
    assert (history.epoch, history.params) == (expected.epoch, expected.params)
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(ours.evaluate(X, one_hot, verbose=0), theirs.evaluate(X, one_hot, verbose=0), rtol=1e-4)
    named = theirs.evaluate(X, one_hot, verbose=0, return_dict=True)
    assert list(ours.evaluate(X, one_hot, verbose=0, return_dict=True)) == list(named)
    again = theirs.fit(X, one_hot, class_weight={0: 2.0, 2: 0.5}, batch_size=50, shuffle=False, verbose=0)
    weighted = ours.fit(X, one_hot, class_weight={0: 2.0, 2: 0.5}, batch_size=50, shuffle=False, verbose=0)
    np.testing.assert_allclose(weighted.history["loss"], again.history["loss"], rtol=1e-4)


def test_plain_regression_reaches_least_squares():
    model = Sequential([Dense(1, input_dim=5)], seed=0)
    model.compile(optimizers.SGD(0.1), MeanSquaredError())
    model.fit(X, Y, epochs=300, batch_size=96, verbose=0)
    exact, *_ = np.linalg.lstsq(np.hstack([X, np.ones((96, 1))]), Y, rcond=None)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(np.vstack([kernel, bias[np.newaxis]]), exact, atol=1e-4)


def test_weights_that_are_zero_everywhere():
    classes = np.arange(len(X)) % 2
    model = Sequential([Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    zeros = {0: 0.0, 1: 0.0}
    with pytest.raises(DataError, match=r"^The product of sample_weight and class_weight must not be 0 for every row"):
        model.fit(X, classes, class_weight=zeros, verbose=0)
    with pytest.raises(DataError, match=r"^The product of sample_weight and class_weight must not be 0 for every row"):
        model.train_on_batch(X, classes, sample_weight=classes, class_weight={1: 0.0})
    with pytest.raises(DataError, match=r"^sample_weight must not be 0 for every row: nothing would be learned"):
        model.train_on_batch(X, classes, sample_weight=np.zeros(len(X)))


def test_a_metric_is_logged_under_the_name_that_it_was_given():
    model = Sequential([Dense(2, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["CategoricalAccuracy", "categorical_accuracy"])
    assert model.metrics_names == ["loss", "CategoricalAccuracy", "categorical_accuracy"]
