"""Models in files: what comes back is the same and trains on bit for bit; what no file can be is refused at once."""

import ast
import copy
import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from contracts import parts as table
from mutants import DAMAGE, VALUES, at, compact, made, packed, parts, places

import tabgrad
from tabgrad import losses, metrics, store
from tabgrad._loading import model_of
from tabgrad.callbacks import LambdaCallback, ModelCheckpoint
from tabgrad.errors import ArgumentError, ArgumentTypeError, ModelFileError, NotReadyError
from tabgrad.layers import Dense, Dropout, Input, Residual
from tabgrad.models import Sequential, load_model, save_model
from tabgrad.optimizers import LBFGS, SGD, Adam
from tabgrad.optimizers.schedules import CosineDecay, Function
from tabgrad.table import Table

HERE = Path(__file__).parent
GOLDEN = sorted((HERE / "golden").glob("*.tabgrad"))
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(40, 3)).astype(np.float32)
Y = X @ [1.0, -2.0, 0.5]


def golden(kind):
    return pytest.mark.parametrize("path", [path for path in GOLDEN if path.stem.startswith(kind)], ids=str)


def facts(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def model(optimizer="adam", loss="mse", fitted=2, **options):
    built = Sequential([Dense(4, "tanh", input_dim=3), Dropout(0.3), Dense(1)], seed=1, **options)
    built.compile(optimizer, loss, metrics=["mae"])
    if fitted:
        built.fit(X, Y, batch_size=16, epochs=fitted, verbose=0)
    return built


def through(one):
    """A model by way of its bytes."""
    return model_of(store.from_bytes(store.to_bytes(one._to_content())))


def sorted_told(history):
    return [(epoch, sorted(names)) for epoch, names in history._told]


def same(one, other):
    """Whether two models are the same, down to what the optimizer carries."""
    a, b = one._saved(), other._saved()
    assert (a.name, a.layers, a.network, a.seed, a.epochs_done) == (b.name, b.layers, b.network, b.seed, b.epochs_done)
    assert a.compiled == b.compiled
    assert (a.state is None) == (b.state is None)
    if a.state is not None:
        assert (a.state.step, a.state.learning_rate) == (b.state.step, b.state.learning_rate)
        assert len(a.state.slots) == len(b.state.slots)
        pairs = [*zip(a.state.weights, b.state.weights, strict=True)]
        for mine, theirs in zip(a.state.slots, b.state.slots, strict=True):
            pairs += zip(mine, theirs, strict=True)
        assert all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in pairs)
    assert (a.history is None) == (b.history is None)
    if a.history is not None:
        kept = ("history", "epoch", "params", "status")
        assert [repr(getattr(a.history, name)) for name in kept] == [repr(getattr(b.history, name)) for name in kept]
        assert sorted_told(a.history) == sorted_told(b.history)
        assert b.history.model is other
    return True


# ---- What comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [tabgrad.load, load_model])
@pytest.mark.parametrize("save", [Sequential.save, save_model])
def test_a_model_comes_back_and_trains_on(save, load, tmp_path):
    trained = model(name="the one")
    save(trained, tmp_path / "m.tabgrad")
    loaded = load(str(tmp_path / "m.tabgrad"))
    assert same(trained, loaded)
    assert np.array_equal(trained.predict(X), loaded.predict(X))
    assert repr(loaded) == repr(trained)
    assert loaded.metrics_names == ["loss", "mae"]
    for one in (trained, loaded):
        one.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    assert same(trained, loaded)
    assert [file.name for file in tmp_path.iterdir()] == ["m.tabgrad"]


def own_functions(plan):
    return [
        value
        for value in (plan.loss, *plan.metrics, *plan.weighted_metrics)
        if isinstance(value, losses.Function | metrics.MeanMetricWrapper)
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("part", table.PARTS, ids=str)
def test_every_part_comes_back_and_trains_on(part):
    plan, rows = part.plan, part.rows(24)
    trained = Sequential(plan.network.layers, seed=3)
    columns = [width for width in (plan.network.inputs, plan.network.codes) if width]
    trained.build([(width,) for width in columns] if len(columns) > 1 else columns)
    trained.compile(plan.optimizer, plan.loss, metrics=plan.metrics, weighted_metrics=plan.weighted_metrics)
    x = [array for array in (rows.x, rows.codes) if array is not None and array.shape[1]]
    x = x if len(x) > 1 else x[0]
    y = rows.y[:, :1] if isinstance(plan.loss, losses.Quantile) else rows.y
    trained.fit(x, y, sample_weight=rows.weight, batch_size=8, epochs=1, verbose=0)
    if own_functions(plan):
        with pytest.raises(ArgumentError, match="is a function or class of your own"):
            trained._to_content()
        return
    loaded = through(trained)
    assert same(trained, loaded)
    assert loaded.plan() == trained.plan()
    for one in (trained, loaded):
        one.fit(x, y, sample_weight=rows.weight, batch_size=8, epochs=1, verbose=0)
    assert same(trained, loaded)


def unbuilt():
    return Sequential([Dense(2, "relu"), Dense(1)], seed=4, name="no width")


def unbuilt_and_compiled():
    made = unbuilt()
    made.compile(Adam(CosineDecay(0.1, 10)), losses.Huber(0.5), metrics=["accuracy", metrics.AUC(name="area")])
    return made


def not_compiled():
    return Sequential([Input((3,)), Dense(1, name="first"), Dropout(0.2)], seed=4)


def half_the_rate():
    made = model()
    made.learning_rate /= 2
    return made


def rate_of_a_callback():
    made = model(fitted=0)
    halve = LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(made, "learning_rate", made.learning_rate / 2))
    made.fit(X, Y, epochs=3, verbose=0, callbacks=[halve])
    return made


def frozen():
    made = model()
    made.layers[0].trainable = False
    return made


def of_batches():
    made = model(fitted=0)
    made.train_on_batch(X, Y)
    return made


FORMS = {
    "empty": lambda: Sequential(seed=4),
    "unbuilt": unbuilt,
    "unbuilt and compiled": unbuilt_and_compiled,
    "not compiled": not_compiled,
    "not trained": lambda: model(fitted=0),
    "no slots": lambda: model(SGD()),
    "half the rate": half_the_rate,
    "the rate of a callback": rate_of_a_callback,
    "frozen": frozen,
    "of batches": of_batches,
    "L-BFGS": lambda: Sequential([Dense(1, input_dim=3)], seed=0),
    "averages": lambda: model(Adam(use_ema=True)),
}


@pytest.mark.parametrize("form", FORMS)
def test_models_in_every_state_come_back(form):
    first = FORMS[form]()
    if form == "L-BFGS":
        first.compile(LBFGS(), "mse")
        first.fit(X, Y, epochs=2, verbose=0)
    loaded = through(first)
    assert same(first, loaded)
    assert (loaded.built, loaded.compiled, loaded.input_shape) == (first.built, first.compiled, first.input_shape)
    if first.compiled:
        assert loaded.get_compile_config() == first.get_compile_config()
    if form != "empty":
        for one in (first, loaded):
            if not one.compiled:
                one.compile("adam", "mse")
            one.fit(X, np.abs(Y) if form == "unbuilt and compiled" else Y, epochs=2, verbose=0)
        assert same(first, loaded)


def test_the_seed_goes_on_where_no_weights_are_drawn():
    first = unbuilt()
    again = through(first)
    first.build((3,))
    again.build((3,))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))


def test_a_history_comes_back_with_what_is_no_number_and_numpy_scalars():
    first = model()
    first.history.history |= {"odd": [float("nan"), float("inf"), -float("inf"), 1, True], "numpy": [np.float32(0.5)]}
    history = through(first).history
    assert repr(history.history["odd"]) == "[nan, inf, -inf, 1, True]"
    assert history.history["numpy"] == [0.5]
    assert history.status == "finished"
    assert repr(history) == repr(first.history)


def test_a_history_with_gaps_comes_back():
    first = model(fitted=0)
    first.fit(X, Y, epochs=5, verbose=0, validation_data=(X, Y), validation_freq=2)
    frame, again = first.history.frame(), through(first).history.frame()
    assert frame["val_loss"].isna().tolist() == [True, False, True, False, True]
    assert frame.equals(again)


def test_without_the_optimizer(tmp_path):
    path = tmp_path / "m.tabgrad"
    trained = model()
    trained.save(path, include_optimizer=False)
    assert not tabgrad.load(path).compiled
    whole = tmp_path / "whole.tabgrad"
    save_model(trained, whole)
    bare = load_model(whole, compile=False)
    for loaded in (tabgrad.load(path), bare):
        assert (loaded.compiled, loaded.history, loaded.state.step, loaded.epochs_done) == (False, None, 0, 2)
        assert np.array_equal(loaded.predict(X), trained.predict(X))
    assert path.stat().st_size < whole.stat().st_size


def test_the_same_run_gives_the_same_file(tmp_path):
    for name in ("a.tabgrad", "b.tabgrad"):
        model().save(tmp_path / name)
        time.sleep(0.01)
    assert (tmp_path / "a.tabgrad").read_bytes() == (tmp_path / "b.tabgrad").read_bytes()
    again = tabgrad.load(tmp_path / "a.tabgrad")
    again.save(tmp_path / "b.tabgrad")
    assert (tmp_path / "a.tabgrad").read_bytes() == (tmp_path / "b.tabgrad").read_bytes()


def test_a_file_of_a_callback_is_of_that_moment():
    seen = []
    first = model(fitted=0)
    first.fit(
        X, Y, epochs=2, verbose=0, callbacks=[LambdaCallback(on_epoch_end=lambda *_: seen.append(through(first)))]
    )
    assert [one.epochs_done for one in seen] == [1, 2]
    assert same_weights(seen[1], first)
    assert seen[1].state.step == first.state.step


def same_weights(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


# ---- Copies ----------------------------------------------------------------------------------------------------------


def squared(y, p):
    return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301
@pytest.mark.parametrize("loss", ["mse", squared])
def test_copies_train_on_by_themselves(copied, loss):
    first = model(loss=loss)
    second = copied(first)
    assert same(first, second)
    before = first.get_weights()
    second.fit(X, Y, epochs=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, first.get_weights(), strict=True))
    assert len(first.history.history["loss"]) == 2
    first.fit(X, Y, epochs=1, verbose=0)
    assert same(first, second)


def test_a_pickle_is_a_model_file():
    first = model()
    state = first.__getstate__()
    assert state == {"file": store.to_bytes(first._to_content())}
    broken = bytearray(state["file"])
    broken[-40] ^= 1
    with pytest.raises(ModelFileError, match=r"^The pickle of a Sequential is damaged"):
        Sequential().__setstate__({"file": bytes(broken)})


# ---- Refused at saving -----------------------------------------------------------------------------------------------


def test_functions_of_ones_own_are_refused_with_a_way_out(tmp_path):
    path = tmp_path / "m.tabgrad"
    for own in (
        model(loss=squared),
        model(optimizer=SGD(Function(lambda step: 0.01))),
        compiled_with(lambda y, p: np.abs(y - p)),
    ):
        with pytest.raises(ArgumentError, match=r"include_optimizer=False\), and compile after loading"):
            own.save(path)
        assert not path.exists()
        own.save(path, include_optimizer=False)
        assert same_weights(tabgrad.load(path), own)
        path.unlink()


def compiled_with(metric):
    made = Sequential([Dense(1, input_dim=3)])
    made.compile("adam", "mse", metrics=[metric])
    return made


def test_a_checkpoint_refuses_them_before_training(tmp_path):
    own = model(loss=squared, fitted=0)
    with pytest.raises(ArgumentError, match="include_optimizer=False"):
        own.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m.tabgrad")])
    assert own.epochs_done == 0


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "m.tabgrad"
    odd = model()
    odd.history.history["matrix"] = [np.eye(2)]
    with pytest.raises(ArgumentError, match=r"'matrix' must hold numbers. Got ndarray.*del model\.history"):
        odd.save(path)
    del odd.history.history["matrix"]
    odd.save(path)
    with pytest.raises(ArgumentError, match="there already"):
        odd.save(path, overwrite=False)
    with pytest.raises(ArgumentError, match=r"must end in '\.tabgrad'\. Got 'm\.keras'"):
        odd.save("m.keras")
    with pytest.raises(ArgumentTypeError, match=r"'model' of save_model must be a Sequential\. Got 3"):
        save_model(3, path)
    with pytest.raises(ArgumentTypeError, match=r"no argument 'optimizer' \(did you mean 'include_optimizer'"):
        odd.save(path, optimizer=False)
    with pytest.raises(ArgumentTypeError, match="'include_optimizer' of save must be True or False"):
        odd.save(path, include_optimizer="no")
    names = Sequential([Dense(1, input_dim=3, name="a/kernel")])
    assert same(names, through(names))
    twins = Sequential([Residual([Dense(3)], input_shape=(3,), name="a"), Dense(3, name="a/0_dense")])
    with pytest.raises(ArgumentError, match="Two arrays of the model are called 'a/0_dense/kernel'"):
        twins.save(path)


def test_another_thread_waits():
    import threading

    first, said = model(fitted=0), []

    def save(*_):
        thread = threading.Thread(target=lambda: said.append(caught(first)))
        thread.start()
        thread.join()

    def caught(one):
        with pytest.raises(NotReadyError, match="save cannot be called while the model is being fitted") as error:
            one.save("m.tabgrad")
        return error

    first.fit(X, Y, verbose=0, callbacks=[LambdaCallback(on_epoch_end=save)])
    assert len(said) == 1


# ---- Refused at loading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, message",
    [
        ("custom_objects", "a model file names no code"),
        ("safe_mode", "there is no other mode"),
        ("compiled", r"load_model takes no argument 'compiled' \(did you mean 'compile'\?\)"),
    ],
)
def test_arguments_of_keras(name, message):
    with pytest.raises(ArgumentTypeError, match=message):
        load_model("m.tabgrad", **{name: True})


def test_weights_and_models_of_other_kinds(tmp_path):
    trained = model()
    trained.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ModelFileError, match=r"w\.safetensors' is not a model .*load_weights\."):
        tabgrad.load(tmp_path / "w.safetensors")
    content = trained._to_content()
    other = store.Content("regressor", content.header, content.arrays)
    store.write(tmp_path / "m.tabgrad", other)
    with pytest.raises(ModelFileError, match=r"holds a regressor, not a Sequential. Use tabgrad\.load"):
        load_model(tmp_path / "m.tabgrad")


def changed(path, value, fitted=2):
    """The file of a model whose header says something else at one place, with right digests."""
    content = model(fitted=fitted)._to_content()
    header = json.loads(compact(content.header))
    at(header, path[:-1])[path[-1]] = value
    return made("sequential", header, dict(content.arrays), compact(tabgrad_versions()))


def tabgrad_versions():
    return dict(store.from_bytes(store.to_bytes(model(fitted=0)._to_content())).versions)


def residual_tower(height):
    layer = {"class": "layers.Flatten"}
    for _ in range(height):
        layer = {"class": "layers.Residual", "layers": [layer]}
    return layer


NAMED = {"class": "layers.Dense", "units": 3, "name": "a"}
INPUT = {"class": "layers.Input", "shape": [4]}
NOT_MODELS = {
    "a trillion units": (("network", "layers", 0, "units"), 10**12, "'dense/kernel' must be float32 of the shape"),
    "more units than a machine counts": (("network", "layers", 0, "units"), 10**40, "'dense/kernel' must be float32"),
    "no units": (("network", "layers", 0, "units"), 0, "'units' of Dense must be at least 1"),
    "half a unit": (("network", "layers", 0, "units"), 1.5, "'units' of Dense must be an integer"),
    "other columns": (
        ("network", "columns"),
        [4, 0],
        "declares 3 columns, but receives 4",
    ),
    "columns of codes": (("network", "columns"), [3, 2], "has no Embedding"),
    "columns without number": (("network", "columns"), ["a", 0], "'columns' of the file must be an integer"),
    "no layers": (("network", "layers"), [], "a model with layers"),
    "a layer that is text": (("network", "layers", 0), "Dense", "takes layers"),
    "a layer that is a loss": (("network", "layers", 0), {"class": "losses.MeanSquaredError"}, "takes layers"),
    "a class of somebody else": (("network", "layers", 0, "class"), "os.system", "Unknown class 'os.system'"),
    "a class with a nearest": (("network", "layers", 0, "class"), "layers.Dens", "Did you mean 'layers.Dense'"),
    "the same name twice": (("network", "layers"), [NAMED, NAMED], "must have different names"),
    "the same name later": (("network", "layers"), [{"class": "layers.Flatten"}, NAMED, NAMED], "different names"),
    "Input in the middle": (
        ("network", "layers", 1),
        {"class": "layers.Input", "shape": [4]},
        "must be the first layer",
    ),
    "a tower": (("network", "layers", 1), residual_tower(300), "describes no model"),
    "a name that is none": (("network", "name"), 3, "'name' of the file must be a string"),
    "an unknown loss": (("training", "loss", "class"), "losses.Own", "Unknown class 'losses.Own'"),
    "an optimizer that is a layer": (
        ("training", "optimizer"),
        {"class": "layers.Dropout", "rate": 0.5},
        "An optimizer",
    ),
    "another optimizer": (
        ("training", "optimizer", "class"),
        "optimizers.Lion",
        "takes no argument|belongs to nothing",
    ),
    "a metric that is none": (("training", "metrics"), ["mea"], "Unknown metric 'mea'"),
    "more arguments": (("training", "run_eagerly"), True, "must hold optimizer, loss, metrics, weighted_metrics"),
    "a step that is none": (("state", "step"), -1, "'step' of the file must be"),
    "a step of text": (("state", "step"), "1", "'step' of the file must be an integer"),
    "a seed beyond": (("state", "seed"), 2**63, "'seed' of the file must be"),
    "no seed": (("state", "seed"), None, "'seed' of the file must be an integer"),
    "a rate below zero": (("state", "learning_rate"), -1.0, "'learning_rate' of the file must be"),
    "slots left out": (("state", "optimizer"), False, "'dense/bias/momentum' belongs to nothing"),
    "slots without an optimizer": (("training",), None, "no network or no optimizer"),
    "something more": (("more",), 1, "The header must hold network, training, state, history"),
    "a history of text": (("history", "history", "loss"), ["a"], "describes no model"),
    "a history of lists": (("history", "history", "loss"), [[1]], "must hold numbers"),
    "epochs of text": (("history", "epoch"), ["a"], "'epoch' of the history must be an integer"),
    "epochs that are none": (("history", "told"), 3, "describes no model"),
    "an unknown end": (("history", "status"), "crashed", "Unknown status of a history: 'crashed'"),
    "a history that is a list": (("history",), [1], "The history must hold"),
}


@pytest.mark.parametrize("name", NOT_MODELS)
def test_headers_made_by_intention(name):
    path, value, message = NOT_MODELS[name]
    with pytest.raises(ModelFileError, match=message) as error:
        model_of(store.from_bytes(changed(path, value), "'m.tabgrad'"))
    assert str(error.value).startswith("'m.tabgrad' describes no model that can be made: ")
    assert str(error.value).endswith("Load a copy of it, or save the model again.")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda arrays: arrays | {"dense/kernel": np.full((3, 4), np.nan, np.float32)}, "'dense/kernel' holds numbers"),
        (lambda arrays: arrays | {"dense/bias": np.full(4, np.inf, np.float32)}, "'dense/bias' holds numbers"),
        (lambda arrays: arrays | {"dense/bias": np.zeros(4)}, "must be float32 of the shape"),
        (lambda arrays: arrays | {"dense/bias": np.zeros((4, 1), np.float32)}, "must be float32 of the shape"),
        (lambda arrays: arrays | {"more": np.zeros(1, np.float32)}, "'more' belongs to nothing"),
        (lambda arrays: {name: arrays[name] for name in arrays if name != "dense/bias"}, "'dense/bias' is missing"),
    ],
)
def test_arrays_made_by_intention(change, message):
    content = model()._to_content()
    data = made("sequential", content.header, change(dict(content.arrays)), "{}")
    with pytest.raises(ModelFileError, match=message) as error:
        model_of(store.from_bytes(data))
    assert "It is from tabgrad None, and this is" in str(error.value)


@golden("sequential")
def test_every_value_of_a_header_may_be_anything(path):
    metadata, rows, body = parts(path.read_bytes())
    header = json.loads(metadata["header"])
    refused, values = 0, VALUES[:: 2 if "small" in path.stem else 7]
    for place in list(places(header)):
        within, key = at(header, place[:-1]), place[-1]
        sound = within[key]
        for value in values:
            within[key] = value
            data = packed({**metadata, "header": compact(header)}, rows, body)
            try:
                loaded = model_of(store.from_bytes(data))
            except ModelFileError:
                refused += 1
            else:
                loaded._to_content()
        within[key] = sound
    assert refused > 300


# ---- Golden files ----------------------------------------------------------------------------------------------------


@golden("sequential")
def test_golden_networks_load_for_ever(path):
    loaded, saved = tabgrad.load(path), facts(path)
    rows = saved["rows"] if "small" in path.stem else [np.array(each) for each in saved["rows"]]
    np.testing.assert_allclose(loaded.predict(rows), saved["predictions"], rtol=2e-6, atol=1e-7)
    assert (loaded.state.step, loaded.epochs_done, loaded.seed) == (saved["step"], saved["epochs_done"], saved["seed"])
    assert loaded.history.history["loss"] == saved["loss"]
    assert loaded.learning_rate == saved["learning_rate"]
    assert as_then(loaded.optimizer) == as_then(saved["optimizer"])
    targets = np.arange(len(saved["predictions"])) % 2
    assert np.isfinite(loaded.fit(rows, targets, epochs=1, verbose=0).history["loss"]).all()


@golden("classifier")
def test_golden_classifiers_load_for_ever(path):
    loaded, saved = tabgrad.load(path), facts(path)
    assert loaded.predict(saved["rows"]).tolist() == saved["predictions"]
    assert_estimator(loaded, saved)


@golden("regressor")
def test_golden_regressors_load_for_ever(path):
    loaded, saved = tabgrad.load(path), facts(path)
    np.testing.assert_allclose(loaded.predict(saved["rows"]), saved["predictions"], rtol=2e-6, atol=1e-7)
    assert_estimator(loaded, saved)


@golden("ensemble")
def test_golden_ensembles_load_for_ever(path):
    loaded, saved = tabgrad.load(path), facts(path)
    classes = "classifier" in path.stem
    predictions, outputs = loaded.predict(saved["rows"]), (loaded.predict_proba if classes else loaded.predict_interval)
    if classes:
        assert predictions.tolist() == saved["predictions"]
    else:
        np.testing.assert_allclose(predictions, saved["predictions"], rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(outputs(saved["rows"]), saved["outputs"], rtol=2e-6, atol=1e-6)
    assert loaded.weights_.tolist() == saved["weights"]
    assert loaded.scores_ == saved["scores"]
    assert [as_then(member) for member in loaded.members_] == [as_then(member) for member in saved["members"]]


def as_then(parts):
    """What a repr says, in one line, without the fields that parts have had since then."""
    text = parts if isinstance(parts, str) else repr(parts)
    return " ".join(text.split()).replace("ema_warm_up=False, ", "")


def assert_estimator(loaded, saved):
    encoded = loaded.encoder_.encode(Table.of(saved["rows"]))
    outputs = loaded.model_.predict((encoded.x, encoded.codes))
    np.testing.assert_allclose(outputs, saved["outputs"], rtol=2e-6, atol=1e-6)
    assert list(loaded.encoder_.features) == saved["features"]
    assert loaded.loss_curve_ == saved["loss"]
    assert repr(loaded.table_schema_) == saved["schema"]
    assert loaded.preset == "single"  # the networks of then
    loaded.set_params(preset=type(loaded)().preset, activation="auto", dropout="auto", numeric="auto")
    assert as_then(loaded) == as_then(saved["parameters"])


def test_there_are_golden_files_of_this_version():
    version = ".".join(tabgrad.__version__.split(".")[:2])
    kinds = {path.stem.removesuffix(f"-{version}") for path in GOLDEN if path.stem.endswith(f"-{version}")}
    estimators = {"classifier", "regressor", "ensemble_classifier", "ensemble_regressor"}
    assert {"sequential-small", "sequential-rich", *estimators} <= kinds


@pytest.mark.parametrize("name", ["sequential-small-0.1", "classifier-0.1"])
def test_every_turned_bit_and_every_cut_of_a_golden_file_is_noticed(name):
    data = bytearray((HERE / "golden" / f"{name}.tabgrad").read_bytes())
    model_of(store.from_bytes(bytes(data)))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        assert not_loaded(data), f"bit {bit} turned"
        data[bit // 8] ^= 1 << bit % 8
    for length in range(len(data)):
        assert not_loaded(data[:length]), f"{length} bytes"
    store.from_bytes(bytes(data))


def not_loaded(data):
    try:
        store.from_bytes(data)
    except ModelFileError:
        return True
    return False


# ---- Processes of their own ------------------------------------------------------------------------------------------


def run(program, *arguments, **options):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=100, **options).stdout


def test_mutants_in_a_memory_of_their_own():
    command = [sys.executable, HERE / "mutants.py", "--count", "2000", "--seed", "2"]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert said.returncode == 0, said.stderr
    counts = json.loads(said.stdout)
    assert counts["refused"] > 1500
    assert counts["another model"] > 30
    assert len(DAMAGE) == 4


WATCHED = """
import sys
import tabgrad
from tabgrad import _checks, _record
events = []
def load(path):
    events.clear()
    model = tabgrad.load(path)
    return type(model).__name__, [f"{event} {arguments[0] if arguments else ''}" for event, arguments in events]
for path in sys.argv[1:]:  # what is imported late is imported now
    load(path)
for record in _record._KNOWN.values():  # and annotations of ours that Python compiles when they are first asked for
    _checks._constraints(record)
sys.addaudithook(lambda event, arguments: events.append((event, arguments)))
for path in sys.argv[1:]:
    print(load(path))
"""
NEVER = ("os.", "subprocess.", "socket.", "exec", "compile", "import", "pickle.", "marshal.", "ctypes.")


def test_loading_opens_the_file_and_does_nothing_else(tmp_path):
    named = tmp_path / "m.tabgrad"
    model(name="os; __import__('socket')").save(named)
    paths = [named, *GOLDEN]
    for path, line in zip(paths, run(WATCHED, *paths).splitlines(), strict=True):
        kind, events = ast.literal_eval(line)
        assert kind.lower() == ("sequential" if path is named else path.stem.partition("-")[0].replace("_", ""))
        assert [event for event in events if event.startswith("open ")] == [f"open {path}"]
        assert [event for event in events if event.startswith(NEVER)] == []


FIRST = """
import sys
import tabgrad
before = set(sys.modules)
tabgrad.load(sys.argv[1])
print(*sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names))
"""


def test_loading_needs_no_part_of_training_that_is_optional():
    networks = next(path for path in GOLDEN if path.stem.startswith("sequential"))
    loaded = {name.partition(".")[0] for name in run(FIRST, networks).split()}
    assert loaded <= {"tabgrad", "numpy"}


MEMORY = """
import os, resource, sys
import numpy as np
import tabgrad
from tabgrad.layers import Dense
from tabgrad.models import Sequential
path = sys.argv[1]
if sys.argv[2] == "save":
    model = Sequential([Dense(2500, input_dim=2500), Dense(2500), Dense(1)], seed=0)
    model.compile("adam", "mse")
    model.save(path)
else:
    tabgrad.load(sys.argv[3])
    before = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
    tabgrad.load(path)
    print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loading_takes_little_more_than_the_file(tmp_path):
    path = tmp_path / "large.tabgrad"
    run(MEMORY, path, "save", GOLDEN[0])
    grown = 1024 * int(run(MEMORY, path, "load", GOLDEN[0]))
    size = path.stat().st_size
    assert size > 40 * 2**20
    assert grown < 1.2 * size + 64 * 2**20
    assert grown < 1.1 * size + 8 * 2**20  # what it is


SAVING = """
import sys
from tabgrad import load
path = sys.argv[1]
models = [load(each) for each in sys.argv[2:]]
print("ready", flush=True)
while True:
    for model in models:
        model.save(path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_while_saving_leaves_a_whole_file(tmp_path):
    chance = np.random.default_rng(0)
    path, sources = tmp_path / "m.tabgrad", []
    for units in (4, 400):
        sources.append(tmp_path / f"{units}.tabgrad")
        built = Sequential([Dense(units, input_dim=200), Dense(1)], seed=0)
        built.compile("adam", "mse")
        built.save(sources[-1])
    whole = {source.read_bytes() for source in sources}
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", SAVING, path, *sources], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0.01, 0.15))
            process.send_signal(signal.SIGKILL)
        assert path.read_bytes() in whole
        tabgrad.load(path)
        left = [file for file in tmp_path.iterdir() if file.name.startswith(".m.tabgrad.")]
        for file in left:
            file.unlink()
