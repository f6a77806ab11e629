"""Callbacks: who is called when, with what, and what a callback can do; Keras as oracle where it has the same."""

import copy
import os
import pickle
import warnings
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from tabgrad.callbacks import Callback, EarlyStopping, History, LambdaCallback
from tabgrad.callbacks.base import HOOKS
from tabgrad.engines.base import Listener
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, DataError, ReadOnlyError
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, Adam
from tabgrad.optimizers.schedules import ExponentialDecay
from tabgrad.plan import Plan

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
Y = RANDOM.normal(size=(12, 1)).astype(np.float32)


def regression(**options):
    model = Sequential([Dense(3, "tanh", input_dim=2), Dense(1)], seed=0)
    model.compile("adam", "mse", **options)
    return model


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def recorder(base):
    """A callback of a library's base class that writes down every call: hook, number, names of the logs."""

    class Recorder(base):
        def __init__(self):
            super().__init__()
            self.calls = []

    def hook(name):
        def called(self, *values, logs=None):
            *number, logs = values if logs is None else (*values, logs)
            self.calls.append((name, *number, list(logs)))

        return called

    for name in HOOKS:
        setattr(Recorder, name, hook(name))
    return Recorder()


# ---- The order of calls ----------------------------------------------------------------------------------------------

BATCHES = [("on_train_batch_begin", 0, []), ("on_train_batch_end", 0, ["loss", "mae"])]
TESTS = [
    ("on_test_begin", []),
    *(
        (f"on_test_batch_{what}", batch, logs)
        for batch in (0, 1)
        for what, logs in (("begin", []), ("end", ["loss", "mae"]))
    ),
    ("on_test_end", ["loss", "mae"]),
]


def test_calls_come_in_order():
    told = recorder(Callback)
    model = regression(metrics=["mae"])
    model.fit(X, Y, batch_size=12, epochs=3, initial_epoch=2, verbose=0, callbacks=[told], validation_data=(X, Y, None))
    assert [call[0] for call in told.calls].count("on_test_batch_end") == 1
    told.calls.clear()
    data = (X[:4], Y[:4])
    model.fit(X, Y, 12, 3, 0, told, initial_epoch=2, validation_data=data, validation_batch_size=2)
    logs = ["loss", "mae", "val_loss", "val_mae"]
    assert told.calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 2, []),
        *BATCHES,
        *TESTS,
        ("on_epoch_end", 2, logs),
        ("on_train_end", logs),
    ]
    told.calls.clear()
    model.evaluate(*data, batch_size=2, verbose=0, callbacks=[told])
    assert told.calls == TESTS
    told.calls.clear()
    model.predict(X[:3], batch_size=2, callbacks=told)
    outputs = [("on_predict_batch_begin", []), ("on_predict_batch_end", ["outputs"])]
    assert told.calls == [
        ("on_predict_begin", []),
        *((name, batch, logs) for batch in (0, 1) for name, logs in outputs),
        ("on_predict_end", []),
    ]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_calls_are_keras_calls():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    theirs.compile("sgd", "mse", metrics=["mae"])
    ours = Sequential([Dense(1, input_dim=2)])
    ours.compile("sgd", "mse", metrics=["mae"])
    calls = []
    for model, base in ((theirs, keras.callbacks.Callback), (ours, Callback)):
        told = recorder(base)
        model.fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_split=0.5, callbacks=[told])
        model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[told])
        model.predict(X, batch_size=8, verbose=0, callbacks=[told])
        calls.append(told.calls)
    assert calls[0] == calls[1]


def test_batches_apart_give_the_values_of_the_whole():
    """Validation and scores in batches, for callbacks that listen to them, are those of one pass."""
    listens = LambdaCallback(on_test_batch_end=lambda batch, logs: running.append(logs["loss"]))
    running, weights = [], np.linspace(0, 2, 12)
    plain, apart = regression(metrics=["mae"]), regression(metrics=["mae"])
    settings = {"epochs": 3, "verbose": 0, "validation_data": (X, Y, weights), "validation_batch_size": 5}
    expected = plain.fit(X, Y, **settings).history
    history = apart.fit(X, Y, callbacks=listens, **settings).history
    assert same(plain.get_weights(), apart.get_weights())
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    assert len(running) == 9
    np.testing.assert_allclose(running[2::3], expected["val_loss"], rtol=1e-5)
    outputs = []
    whole = plain.predict(X)
    parts = plain.predict(X, 5, callbacks=LambdaCallback(on_predict_batch_end=lambda _, logs: outputs.append(logs)))
    assert np.array_equal(parts, whole)
    assert np.array_equal(np.vstack([one["outputs"] for one in outputs]), whole)


def test_batch_logs_are_running_means():
    losses, ends = [], []
    model, told = (
        regression(),
        LambdaCallback(
            on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]),
            on_epoch_end=lambda epoch, logs: ends.append(logs["loss"]),
        ),
    )
    single, values = regression(), []
    model.fit(X, Y, batch_size=5, shuffle=False, verbose=0, callbacks=told)
    for start in (0, 5, 10):
        values.append(single.train_on_batch(X[start : start + 5], Y[start : start + 5]))
    expected = [values[0], (values[0] + values[1]) / 2, (5 * values[0] + 5 * values[1] + 2 * values[2]) / 12]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert ends == losses[-1:]


def test_older_names_of_hooks_are_called():
    calls = []

    class Old(Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch, *logs))

    regression().fit(X, Y, batch_size=6, verbose=0, callbacks=Old())
    assert calls == [("begin", 0), ("end", 0, "loss"), ("begin", 1), ("end", 1, "loss")]


@pytest.mark.parametrize(
    "callbacks, verbose, heard",
    [
        (None, 0, set()),
        (None, 2, {"epoch_begin", "epoch_end"}),
        ([History(), LambdaCallback(on_train_begin=lambda logs: None)], 0, set()),
        (LambdaCallback(on_test_batch_end=lambda batch, logs: None), 0, set()),  # nothing is validated
        (EarlyStopping("loss"), 0, {"epoch_end"}),
        (LambdaCallback(on_epoch_begin=lambda epoch, logs: None), 0, {"epoch_begin", "epoch_end"}),
        (LambdaCallback(on_train_batch_end=lambda batch, logs: None), 0, {"batch_end", "epoch_end"}),
        (LambdaCallback(on_batch_begin=lambda batch, logs: None), 0, {"batch_begin", "epoch_end"}),
    ],
)
def test_python_is_entered_only_for_those_who_listen(callbacks, verbose, heard, monkeypatch):
    engine, jobs = get_engine(), []

    class Spy:
        def fit(self, job):
            jobs.append(job)
            return engine.fit(job)

    monkeypatch.setattr("tabgrad.models.get_engine", Spy)
    regression().fit(X, Y, verbose=verbose, callbacks=callbacks)
    listener = jobs[0].listener
    assert {name for name in Listener.__dataclass_fields__ if getattr(listener, name) is not None} == heard


# ---- What a callback can do ------------------------------------------------------------------------------------------


def test_a_callback_sees_and_changes_the_weights_of_the_moment():
    model, seen = regression(), []
    first = model.get_weights()

    class Look(Callback):
        def on_train_begin(self, logs=None):
            assert same(self.model.get_weights(), first)

        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights())

        def on_epoch_end(self, epoch, logs=None):
            assert same(self.model.get_weights(), seen[-1])
            score = self.model.evaluate(X, Y, verbose=0)
            assert score == pytest.approx(((self.model.predict(X) - Y) ** 2).mean(), rel=1e-5)
            assert score == pytest.approx(logs["val_loss"], rel=1e-5)
            copied = pickle.loads(pickle.dumps(self.model))  # noqa: S301
            assert same(copied.get_weights(), seen[-1])
            if epoch == 1:
                self.model.set_weights(first)

    model.fit(X, Y, batch_size=6, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[Look()])
    assert len(seen) == 4
    assert not any(same(one, other) for one, other in pairwise(seen))
    assert same(model.get_weights(), first)
    assert model.state.step == 4


def test_a_callback_sets_the_learning_rate():
    rates = []

    def schedule(epoch, logs):
        rates.append(model.learning_rate)
        model.learning_rate = 0.1 / (epoch + 1)

    model = regression()
    model.fit(X, Y, epochs=3, verbose=0, callbacks=LambdaCallback(on_epoch_begin=schedule))
    assert rates == pytest.approx([0.001, 0.1, 0.05])
    assert model.learning_rate == pytest.approx(0.1 / 3)
    frozen = regression()
    before = frozen.get_weights()
    frozen.fit(X, Y, verbose=0, callbacks=LambdaCallback(on_epoch_begin=lambda *_: setattr(frozen, "learning_rate", 0)))
    assert same(frozen.get_weights(), before)


def test_the_optimizer_of_a_model_is_a_record_whose_rate_is_the_models():
    model, seen = regression(), []

    def slower(epoch, logs):
        seen.append(model.optimizer.learning_rate)
        model.optimizer.learning_rate /= 2

    model.fit(X, Y, epochs=2, verbose=0, callbacks=LambdaCallback(on_epoch_begin=slower))
    assert seen == [0.001, 0.0005]
    optimizer = model.optimizer
    assert optimizer.learning_rate == model.learning_rate == 0.00025
    assert optimizer == Adam(0.00025)
    assert Adam(0.00025) == optimizer
    assert (hash(optimizer), repr(optimizer)) == (hash(Adam(0.00025)), repr(Adam(0.00025)))
    assert isinstance(optimizer, Adam)
    assert replace(optimizer, beta_1=0.5) == Adam(0.00025, 0.5)
    assert fields(optimizer) == fields(Adam)
    assert replace(model.layers[0], units=7).units == 7
    optimizer.learning_rate = 0.5
    assert (model.learning_rate, model.optimizer) == (0.5, Adam(0.5))
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):  # noqa: S301
        assert type(copied) is Adam
        assert copied == Adam(0.5)
    other = regression()
    other.compile(optimizer, "mse")
    model.learning_rate = 0.25
    assert other.learning_rate == 0.5
    assert Plan.from_json(other.plan().to_json()).optimizer == Adam(0.5)
    with pytest.raises(ReadOnlyError, match=r"Adam cannot be changed.*dataclasses\.replace\(adam, beta_1=0\.5\)"):
        optimizer.beta_1 = 0.5
    with pytest.raises(ArgumentError, match="'learning_rate' of Sequential must be at least 0"):
        optimizer.learning_rate = -1
    assert {"learning_rate", "beta_1", "get_config"} <= set(dir(optimizer))
    decays = ExponentialDecay(0.1, 10, 0.5)
    model.compile(SGD(decays), "mse")
    assert model.optimizer.learning_rate == decays
    with pytest.raises(ArgumentError, match="follows a schedule"):
        model.optimizer.learning_rate = 0.1


def stopping(base, moment):
    """A callback of a library's base class that ends the run at a hook: (its name, an epoch, a batch or None)."""
    hook, at_epoch, at_batch = moment

    class Stop(base):
        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    def called(self, number=None, logs=None):
        if "epoch" in hook:
            self.epoch = number
        if self.epoch == at_epoch and ("batch" not in hook or number == at_batch):
            self.model.stop_training = True

    setattr(Stop, hook, called)
    return Stop()


# With batches of 3 of the 12 rows: when the run is stopped, and the steps that it then has.
STOPS = [
    (("on_train_begin", 0, None), 1),
    (("on_epoch_begin", 1, None), 4 + 1),
    (("on_train_batch_begin", 1, 2), 4 + 3),
    (("on_train_batch_end", 0, 0), 1),
    (("on_train_batch_end", 1, 3), 8),
    (("on_test_begin", 1, None), 8),
    (("on_test_batch_end", 0, 1), 4),
    (("on_epoch_end", 1, None), 8),
]


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("moment, steps", STOPS)
def test_stop_training_ends_after_the_batch(moment, steps, fed):
    model, seen = regression(), []
    note = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    rows = ((X[3 * (i % 4) :][:3], Y[3 * (i % 4) :][:3]) for i in range(99)) if fed else X
    settings = {"steps_per_epoch": 4} if fed else {"y": Y, "batch_size": 3}
    settings |= {"epochs": 9, "verbose": 0, "validation_data": (X, Y), "validation_batch_size": 5}
    history = model.fit(rows, callbacks=[stopping(Callback, moment), note], **settings)
    assert (history.epoch, history.status, model.state.step) == ([0, 1][: moment[1] + 1], "stopped", steps)
    assert history.history["loss"][-1] == seen[-1]  # the mean over the rows that were seen
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("moment, steps", STOPS)
def test_stop_training_ends_where_keras_ends(moment, steps):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ours, calls = Sequential([Dense(1, input_dim=2)]), []
    for model, base in ((theirs, keras.callbacks.Callback), (ours, Callback)):
        model.compile("sgd", "mse")
        told = recorder(base)
        options = {"batch_size": 3, "epochs": 9, "verbose": 0, "validation_data": (X, Y), "validation_batch_size": 5}
        model.fit(X, Y, callbacks=[told, stopping(base, moment)], **options)
        calls.append(told.calls)
    assert calls[0] == calls[1]
    assert sum(call[0] == "on_train_batch_end" for call in calls[1]) == steps


@pytest.mark.parametrize("hook, steps", [("on_train_begin", 1), ("on_epoch_begin", 1), ("on_train_batch_end", 2)])
def test_the_line_of_an_epoch_that_was_cut_short_has_the_steps_that_it_took(hook, steps, capsys):
    moment = (hook, 0, steps - 1)
    regression().fit(X, Y, batch_size=3, epochs=9, verbose=2, callbacks=stopping(Callback, moment))
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{steps}/{steps} ")


def test_callbacks_share_their_logs():
    """What one adds, the next ones and the history receive."""
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(rate=0.5))
    assert regression().fit(X, Y, epochs=2, verbose=0, callbacks=add).history["rate"] == [0.5, 0.5]


# ---- History ---------------------------------------------------------------------------------------------------------


def test_history_is_the_same_whether_somebody_listens_or_not():
    quiet, live = regression(metrics=["mae"]), regression(metrics=["mae"])
    settings = {"epochs": 4, "initial_epoch": 1, "batch_size": 5, "verbose": 0, "validation_split": 0.25}
    one = quiet.fit(X, Y, **settings)
    other = live.fit(X, Y, callbacks=LambdaCallback(on_epoch_end=lambda *_: None), **settings)
    assert one.history == other.history
    assert list(one.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert all(type(value) is float for values in one.history.values() for value in values)
    assert one.epoch == other.epoch == [1, 2, 3]
    assert one.params == {"verbose": 0, "epochs": 4, "steps": 2}
    assert (one.model, quiet.history, one.status) == (quiet, one, "finished")


def test_a_history_of_the_users_own_goes_on():
    model, mine = regression(), History()
    assert model.fit(X, Y, epochs=2, verbose=0, callbacks=[mine]) is mine
    assert model.fit(X, Y, epochs=3, verbose=0, callbacks=[mine]) is mine
    assert len(mine.history["loss"]) == 5
    assert mine.epoch == [0, 1, 2]
    assert model.fit(X, Y, verbose=0) is not mine


def test_history_during_a_run_is_that_of_the_epochs_before():
    model, lengths = regression(), []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: lengths.append(len(model.history.epoch)))
    model.fit(X, Y, epochs=3, verbose=0, callbacks=note)
    assert lengths == [0, 1, 2]


def test_history_as_frame_and_text():
    pytest.importorskip("pandas")
    history = regression(metrics=["mae"]).fit(X, Y, epochs=3, initial_epoch=1, verbose=0)
    frame = history.frame()
    assert (list(frame.columns), list(frame.index), frame.index.name) == (["loss", "mae"], [1, 2], "epoch")
    assert frame["loss"].tolist() == history.history["loss"]
    assert History().frame().empty
    history.history = {"loss": [2.0, 0.5, 1.0]}
    history.epoch = [0, 1, 2]
    assert repr(history).splitlines() == [
        "History: 3 epochs, finished",
        "           first       last     lowest    highest",
        "loss           2          1        0.5          2",
    ]
    assert repr(History()) == "History: 0 epochs, running"


@pytest.mark.parametrize("verbose", [0, 2])
def test_a_frame_has_nothing_where_an_epoch_was_not_validated(verbose):
    pytest.importorskip("pandas")
    mine = History()
    late = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(late=epoch) if epoch == 3 else None)
    options = {"validation_data": (X, Y), "verbose": verbose, "callbacks": [late, mine]}
    regression().fit(X, Y, epochs=4, validation_freq=2, **options)
    nothing = np.nan
    frame = mine.frame()
    first, second = mine.history["val_loss"]
    np.testing.assert_array_equal(frame["val_loss"], [nothing, first, nothing, second])
    np.testing.assert_array_equal(frame["late"], [nothing, nothing, nothing, 3])
    assert frame["loss"].tolist() == mine.history["loss"]
    regression().fit(X, Y, epochs=5, initial_epoch=3, validation_freq=[4], **options)
    frame = mine.frame()
    assert frame.index.tolist() == [0, 1, 2, 3, 3, 4]
    np.testing.assert_array_equal(frame["val_loss"].isna(), [True, False, True, False, False, True])
    regression().fit(X, Y, verbose=0, callbacks=mine)  # nobody listens
    assert mine.frame().index.tolist() == [0, 1, 2, 3, 3, 4, 0]
    assert mine.frame()["loss"].notna().all()
    assert pickle.loads(pickle.dumps(mine)).frame().equals(mine.frame())  # noqa: S301
    mine.history["mine"] = [1.0, 2.0]
    with pytest.raises(DataError, match=r"values of 'mine' belong: 0 of 7 epochs had one, and there are 2\. Put what"):
        mine.frame()


# ---- EarlyStopping ---------------------------------------------------------------------------------------------------

STOPPING = [
    {},
    {"patience": 2},
    {"patience": 2, "min_delta": 0.3},
    {"patience": 1, "min_delta": -0.3},
    {"patience": 2, "baseline": 0.4},
    {"patience": 2, "start_from_epoch": 3},
    {"patience": 3, "restore_best_weights": True},
    {"patience": 1, "baseline": 0.2, "restore_best_weights": True, "start_from_epoch": 1},
]


class Played:
    """Stands for a model whose weights are the number of its epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = None
        self.higher_is_better = {}

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def played(stopping, values):
    """Epochs that a callback lets pass when the monitored quantity takes these values, and the weights at the end."""
    model = Played()
    stopping.set_model(model)
    stopping.on_train_begin({})
    for epoch, value in enumerate(values):
        model.weights = epoch
        stopping.on_epoch_end(epoch, {"val_loss": value})
        if model.stop_training:
            break
    stopping.on_train_end({})
    return epoch, model.weights, stopping.best, stopping.best_epoch, stopping.stopped_epoch, stopping.wait


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["min", "max", "auto"])
def test_early_stopping_is_keras_one(mode):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    random = np.random.default_rng(0)
    ends = set()
    for settings in STOPPING:
        theirs = keras.callbacks.EarlyStopping(mode=mode, **settings)
        ours = EarlyStopping(mode=mode, **settings)
        for _ in range(6):  # the same callback is used again, as from fit to fit
            values = random.random(10).round(1).tolist()
            expected = played(theirs, values)
            assert played(ours, values) == expected, (settings, values)
            ends.add(expected[0])
    assert len(ends) > 4  # the cases tell something


@pytest.mark.parametrize("epochs", [40, 4])
def test_early_stopping_restores_the_best_weights_also_when_it_did_not_stop(epochs, capsys):
    model, kept = regression(), []
    stop = EarlyStopping("val_loss", patience=2, restore_best_weights=True, verbose=1)
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()))
    model.learning_rate = 0.5
    history = model.fit(X, Y, epochs=epochs, verbose=0, validation_data=(X, -Y), callbacks=[keep, stop])
    best = int(np.argmin(history.history["val_loss"]))
    assert best < len(kept) - 1
    assert same(model.get_weights(), kept[best])
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"Restoring model weights from the end of the best epoch: {best + 1}."
    if epochs == 40:
        assert (history.status, len(kept)) == ("stopped", best + 3)
        assert told[0] == f"Epoch {best + 3}: early stopping"


def test_early_stopping_knows_where_better_is():
    model = Sequential([Dense(1, "sigmoid", input_dim=2)])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mae"])
    values = {"val_accuracy": [0.5, 0.6, 0.6], "val_mae": [0.5, 0.4, 0.4], "loss": [2.0, 1.0, 1.0]}
    for monitor, course in values.items():
        stop = EarlyStopping(monitor)
        stop.set_model(model)
        stop.on_train_begin()
        model.stop_training = False
        for epoch, value in enumerate(course):
            assert not model.stop_training
            stop.on_epoch_end(epoch, {monitor: value})
        assert (model.stop_training, stop.best) == (True, course[1])
    unknown = EarlyStopping("val_auc")
    unknown.set_model(model)
    with pytest.raises(ArgumentError, match=r"'val_auc' should rise or fall: the model knows loss, accuracy, mae"):
        unknown.on_epoch_end(0, {"val_auc": 1.0})


def test_early_stopping_warns_of_what_it_cannot_see():
    with pytest.warns(UserWarning, match=r"watches 'val_loss', which this run does not have: it has loss, mae"):
        history = regression(metrics=["mae"]).fit(X, Y, epochs=3, verbose=0, callbacks=EarlyStopping())
    assert len(history.epoch) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regression().fit(X, Y, epochs=3, verbose=0, callbacks=EarlyStopping("loss"))


def test_a_callback_without_a_model_says_so():
    with pytest.raises(AttributeError, match="Callback has no model yet: it is given one by fit"):
        _ = Callback().model
