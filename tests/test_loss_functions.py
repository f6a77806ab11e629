"""Losses that are functions of the user: runs equal those of a built-in loss, and what goes wrong is said."""

import copy
import os
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from contracts.parts import rows_for, squared_error, started
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from tabgrad import layers, losses, metrics, optimizers
from tabgrad.engines.base import Job
from tabgrad.engines.select import ENGINES, get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DivergenceWarning
from tabgrad.layers import Dense, Dropout
from tabgrad.losses import check_gradient
from tabgrad.models import Sequential
from tabgrad.plan import Network, Plan
from tabgrad.regularizers import L1L2
from tabgrad.wrappers.scikit_learn import KerasRegressor

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(40, 3)).astype(np.float32)
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype(np.float32)


@pytest.fixture(params=ENGINES)
def engine(request):
    return get_engine(request.param)


def model_of(loss, **options):
    model = Sequential([Dense(4, "tanh", input_dim=3), Dense(1)], seed=0)
    model.compile(optimizers.SGD(0.1), loss, **options)
    return model


# ---- Runs ------------------------------------------------------------------------------------------------------------

EVERYTHING = (
    layers.BatchNormalization(),
    Dense(8, "tanh", kernel_regularizer=L1L2(1e-3, 1e-2)),
    Dropout(0.3),
    layers.ActivityRegularization(l2=0.01),
    Dense(2, "sigmoid"),
)


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.1, global_clipnorm=0.1), optimizers.SGD(0.1, momentum=0.9)])
@pytest.mark.parametrize("network", [EVERYTHING, EVERYTHING[1:3] + EVERYTHING[4:], (Dense(1),)])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_run_is_that_of_the_loss_which_the_function_computes(engine, optimizer, network, weighted):
    built_in = Plan(Network(3, network), losses.MeanSquaredError(), optimizer, (metrics.MeanAbsoluteError(),), 16)
    own = replace(built_in, loss=losses.Function(squared_error))
    rows, others = rows_for(own, 41, weighted=weighted), rows_for(own, 300, seed=1)
    job = Job(built_in, started(built_in), rows, epochs=5, validation=others)
    expected, got = engine.fit(job), engine.fit(replace(job, plan=own))
    assert got.status == "finished"
    np.testing.assert_allclose(got.training, expected.training, rtol=1e-6)
    np.testing.assert_allclose(got.validation, expected.validation, rtol=1e-6)
    for w, v in zip(got.state.weights, expected.state.weights, strict=True):
        np.testing.assert_allclose(w, v, rtol=0, atol=1e-6 * np.abs(v).max())
    score = engine.evaluate(own, got.state.weights, others, batch_size=16)
    np.testing.assert_allclose(score, got.validation[-1], rtol=1e-6)
    expected_loss, expected_gradients = engine.gradients(built_in, started(own), rows)
    loss, gradients = engine.gradients(own, started(own), rows)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for g, h in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(g, h, rtol=0, atol=1e-6 * max(np.abs(h).max(), 1e-3))


def test_many_runs_on_many_threads_are_each_what_they_are_alone():
    native = get_engine("native")
    plan = Plan(Network(3, EVERYTHING), losses.Function(squared_error), optimizers.Adam(), batch_size=8)
    jobs = [Job(p := replace(plan, seed=seed), started(p), rows_for(p, 64), epochs=20) for seed in range(6)]
    for job, result in zip(jobs, native.fit_many(jobs, threads=3), strict=True):
        alone = native.fit(job)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(result.state.weights, alone.state.weights, strict=True))


def test_threads_inside_a_step_change_no_bit():
    native = get_engine("native")
    network = Network(64, (Dense(128, "relu"), Dropout(0.2), Dense(128, "relu"), Dense(4)))
    plan = Plan(network, losses.Function(squared_error), optimizers.Adam(), batch_size=512)
    job = Job(plan, started(plan), rows_for(plan, 1024), epochs=2)
    one, three = native.fit(job, threads=1), native.fit(job, threads=3)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one.state.weights, three.state.weights, strict=True))


def test_the_whole_model():
    """fit, evaluate and the single batches, each beside the loss that the function computes."""
    own, built_in = model_of(squared_error, metrics=["mae"]), model_of("mse", metrics=["mae"])
    weight = np.linspace(0, 2, 40)
    for model in (own, built_in):
        model.fit(X, Y, 16, 3, 0, validation_split=0.25, sample_weight=weight)
    for name, values in built_in.history.history.items():
        np.testing.assert_allclose(own.history.history[name], values, rtol=1e-5, err_msg=name)
    for call in ("evaluate", "test_on_batch", "train_on_batch"):
        options = {"verbose": 0} if call == "evaluate" else {}
        expected = getattr(built_in, call)(X, Y, sample_weight=weight, **options)
        np.testing.assert_allclose(getattr(own, call)(X, Y, sample_weight=weight, **options), expected, rtol=1e-5)


def test_the_target_may_have_other_columns_than_the_output(engine):
    """Times of which some are only known to be longer: the second column says which."""

    def exponential(y, log_rate):
        time, ended = y[:, :1], y[:, 1:]
        rate = np.exp(log_rate)
        return (rate * time - ended * log_rate).mean(axis=1), rate * time - ended

    times = np.random.default_rng(0).exponential(2.0, 400)
    y = np.stack([np.minimum(times, 3), times < 3], axis=1).astype(np.float32)
    check_gradient(exponential, y[:20], np.zeros((20, 1)))
    model = Sequential([Dense(1, input_dim=1)], seed=0)
    model.compile(optimizers.SGD(0.2), exponential)
    model.fit(np.zeros((400, 1)), y, 400, 200, 0, validation_data=(np.zeros((400, 1)), y))
    assert np.exp(model.predict([[0]])[0, 0]) == pytest.approx(y[:, 1].sum() / y[:, 0].sum(), rel=1e-4)
    assert model.history.history["val_loss"][-1] == pytest.approx(model.evaluate(np.zeros((400, 1)), y, verbose=0))
    model.compile("sgd", exponential, metrics=["mae"])
    with pytest.raises(DataError, match=r"y must have 1 column where there are metrics, .* Got 2 \(shape \(400, 2\)\)"):
        model.fit(np.zeros((400, 1)), y)


def test_what_the_function_is_given():
    seen = []

    def look(y, p):
        seen.append((y.copy(), p.copy(), y.dtype, p.dtype))
        return squared_error(y, p)

    model = model_of(look)
    model.fit(X, Y, 32, 1, 0, shuffle=False)
    assert [(y.shape, p.shape) for y, p, *_ in seen] == [((32, 1), (32, 1)), ((8, 1), (8, 1))]
    assert {dtype for call in seen for dtype in call[2:]} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(np.concatenate([y for y, *_ in seen]), Y)
    seen.clear()
    before = model.predict(X)
    model.fit(X, Y, 40, 1, 0)  # in another order, but targets and outputs in the same
    np.testing.assert_array_equal(np.sort(seen[0][0], axis=0), np.sort(Y, axis=0))
    place = {float(y): row for row, y in enumerate(Y[:, 0])}
    assert any(place[float(y)] != row for row, y in enumerate(seen[0][0][:, 0]))
    np.testing.assert_allclose(seen[0][1][:, 0], before[[place[float(y)] for y in seen[0][0][:, 0]], 0], rtol=1e-5)


def test_other_types_and_shapes_of_the_same_numbers():
    expected = model_of(squared_error)
    expected.fit(X, Y, 16, 2, 0)
    for form in (
        lambda y, p: [list(values) for values in squared_error(y.astype(np.float64), p.astype(np.float64))],
        lambda y, p: (squared_error(y, p)[0][:, np.newaxis], squared_error(y, p)[1][:, 0]),
        lambda y, p: tuple(
            np.asfortranarray(np.tile(value, 2))[..., : value.shape[-1]] for value in squared_error(y, p)
        ),
    ):
        model = model_of(form)
        model.fit(X, Y, 16, 2, 0)
        for w, v in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-5, atol=1e-6)


# ---- What goes wrong -------------------------------------------------------------------------------------------------


class BoomError(RuntimeError):
    pass


@pytest.mark.parametrize("kind", [BoomError, KeyboardInterrupt])
def test_what_the_function_raises_ends_the_run_as_a_callback_does(engine, kind):
    failure, calls = kind("mine"), 0

    def late(y, p):
        nonlocal calls
        calls += 1
        if calls == 8:  # in the third epoch of three batches
            raise failure
        return squared_error(y, p)

    plan = Plan(Network(3, (Dense(2),)), losses.Function(late), optimizers.SGD(0.1), batch_size=16)
    job = Job(plan, started(plan), rows_for(plan, 48), epochs=5)
    result = engine.fit(job)
    assert result.status == "interrupted"
    assert result.failure is failure
    assert len(result.training) == 2
    two = engine.fit(replace(job, plan=replace(plan, loss=losses.Function(squared_error)), epochs=2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(result.state.weights, two.state.weights, strict=True))


def test_what_the_function_raises_comes_out_of_every_call(engine):
    def boom(y, p):
        raise BoomError("mine")

    model = model_of(boom)
    rows_of = {"fit": 32, "train_on_batch": len(X), "evaluate": len(X), "test_on_batch": len(X)}
    for call in (model.fit, model.train_on_batch, model.evaluate, model.test_on_batch):
        with pytest.raises(BoomError) as raised:
            call(X, Y)
        assert raised.value.args == ("mine",)
        assert raised.value.__notes__ == [f"in the loss function 'boom', on a batch of {rows_of[call.__name__]} rows"]
    plan = model.plan()
    with pytest.raises(BoomError, match=r"^mine\nin the loss function 'boom', on a batch of 4 rows$"):
        engine.gradients(plan, model.state, rows_for(plan, 4))
    model.compile("sgd", "mse")  # and nothing is stuck
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (
            lambda y, p: ((p - y) ** 2).mean(axis=1),
            "must return two arrays.* Got an array of shape (40,) and type float32",
        ),
        (lambda y, p: float(((p - y) ** 2).mean()), "must return two arrays.* Got float .* the derivative too"),
        (lambda y, p: None, "must return two arrays: the loss of each row, shape (40,), and .* (40, 1). Got None"),
        (lambda y, p: (1, 2, 3), "must return two arrays.* Got 3 values"),
        (
            lambda y, p: (((p - y) ** 2).mean(), p - y),
            "shape (40,), one number a row. Got shape (). Return the loss of",
        ),
        (
            lambda y, p: ((p - y[:, 0]).sum(axis=1)[1:], p),
            "must have the shape (40,), one number a row. Got shape (39,)",
        ),
        (lambda y, p: ((p - y[:, 0]), p), "must have the shape (40,), one number a row. Got shape (40, 40). Return"),
        (
            lambda y, p: (p[:, 0], p - y[:, 0]),
            "The gradient .* must have the shape of y_pred, (40, 1). Got shape (40, 40)",
        ),
        (
            lambda y, p: (p[:, 0], p.astype(str)),
            "The gradient of .* must hold real numbers. Got an array of shape .*<U32",
        ),
        (lambda y, p: (p[:, 0] * 1j, p), "The loss of .* must hold real numbers. Got .* complex64"),
        (lambda y, p: (p[:, 0], None), "The gradient of .* must hold real numbers. Got None"),
    ],
)
def test_what_the_function_returns_is_checked(wrong, message):
    model = model_of(losses.Function(wrong, name="mine"))
    before = model.get_weights()
    expected = ".*".join(re.escape(part) for part in message.split(".*"))
    for call in (model.train_on_batch, model.evaluate):
        with pytest.raises(ArgumentError, match=f"'mine' .*{expected}|{expected}") as error:
            call(X, Y)
        assert "'mine'" in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("place", [0, 1])
def test_nothing_that_the_function_is_given_can_be_written_to(engine, place):
    def spoils(*given):
        given[place][:] = 0

    plan = Plan(Network(3, (Dense(1),)), losses.Function(spoils), optimizers.SGD(), shuffle=False)
    rows = rows_for(plan, 8)
    with pytest.raises(ValueError, match="read-only"):
        engine.evaluate(plan, started(plan).weights, rows, batch_size=8)


def test_a_loss_that_is_not_finite_ends_the_run():
    model = model_of(lambda y, p: (np.full(len(p), np.nan), p))
    with pytest.warns(
        DivergenceWarning, match=r"stopped being finite in epoch 1, step 1 .* losses.check_gradient says"
    ):
        model.fit(X, Y, verbose=0)
    model = model_of(lambda y, p: (p[:, 0], np.full(p.shape, np.inf)))
    with pytest.warns(DivergenceWarning, match="stopped being finite in epoch 1"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("wrong", [lambda y: y, lambda y, p, weight: y])
def test_a_function_of_other_arguments_is_refused(wrong):
    with pytest.raises(
        ArgumentTypeError, match=r"'<lambda>' must take two arguments \(y_true, y_pred\)\. It takes \(y"
    ):
        model_of(wrong)


def test_what_is_no_function_is_refused():
    with pytest.raises(ArgumentTypeError, match=r"must be a function \(y_true, y_pred\). Got 3"):
        losses.Function(3)
    with pytest.raises(ArgumentTypeError, match=r"^A loss must be a name"):
        losses.get(dict)
    with pytest.raises(ArgumentError, match=r"'categorical_accuracy' does not fit Function, whose targets are labels"):
        model_of(losses.Function(squared_error, labels=True), metrics=["categorical_accuracy"])
    assert losses.Function(np.hypot).name == "hypot"  # what does not say what it takes


# ---- check_gradient --------------------------------------------------------------------------------------------------


def test_a_right_gradient_passes():
    y, p = RANDOM.normal(size=(2, 20, 3))
    check_gradient(squared_error, y, p)
    check_gradient(losses.Function(squared_error), 1e4 * y, 1e4 * p)
    check_gradient(squared_error, 1e-3 * y, 1e-3 * p)
    labels = losses.Function(lambda y, p: (-np.log(p[range(len(p)), y]), -np.eye(3)[y] / p), labels=True)
    check_gradient(labels, RANDOM.integers(0, 3, 20), RANDOM.uniform(0.1, 1, (20, 3)))


def test_a_wrong_gradient_is_shown():
    y, p = np.zeros((4, 2)), np.array([[1, 2], [3, 4], [5, 6], [7, 8.0]])

    def wrong(y, p):
        loss, gradient = squared_error(y, p)
        gradient[2:] *= 1.001
        return loss, gradient

    with pytest.raises(ArgumentError) as error:
        check_gradient(wrong, y, p)
    assert str(error.value) == (
        "The gradient of the loss function 'wrong' differs from its loss's differences: row 2, output 0: 5.005, but "
        "the differences give 5; row 2, output 1: 6.006, but the differences give 6; row 3, output 0: 7.007, but the "
        "differences give 7; and 1 more."
    )
    check_gradient(wrong, y, p, tolerance=0.01)


def test_what_else_is_wrong_is_shown():
    def mean(y, p):
        return np.full(len(p), ((p - y) ** 2).mean()), 2 * (p - y)

    with pytest.raises(ArgumentError, match=r"of row 0 in the loss function 'mean' must follow from that row\. It is"):
        check_gradient(mean, [0, 0], [1, 2])
    with pytest.raises(
        DataError, match=r"The loss of .* is not finite in row 1, where y_true is \[nan\] and y_pred \[2"
    ):
        check_gradient(squared_error, [0, np.nan], [1, 2])
    with pytest.raises(DataError, match=r"same number of rows\. Got 1 and 2"):
        check_gradient(squared_error, [0], [1, 2])
    with pytest.raises(ArgumentTypeError, match="must return two arrays"):
        check_gradient(lambda y, p: y, [0], [1])
    with pytest.raises(ArgumentTypeError, match="must be a function"):
        check_gradient("mse", [0], [1])
    with pytest.raises(DataError, match=r"^y_true of check_gradient must be an array of numbers\. could not convert"):
        check_gradient(squared_error, ["a"], [1])
    with pytest.raises(DataError, match=r"^y_pred of check_gradient must be an array of numbers\. setting an array"):
        check_gradient(squared_error, [0, 1], [[1], [1, 2]])
    with pytest.raises(ArgumentError, match=r"^'tolerance' of check_gradient must be above 0\. Got -1\."):
        check_gradient(squared_error, [0], [1], tolerance=-1)


# ---- As a record -----------------------------------------------------------------------------------------------------


def test_copies_pickles_and_json():
    model = model_of(squared_error)
    model.fit(X, Y, epochs=1, verbose=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert again.loss == losses.Function(squared_error)
        assert again.fit(X, Y, epochs=1, verbose=0).history == copy.deepcopy(model).fit(X, Y, verbose=0).history
    with pytest.raises(
        ArgumentError, match=r"^'squared_error' is a function or class of your own, which cannot be written"
    ):
        model.plan().to_json()
    assert hash(model.plan()) == hash(model_of(squared_error).plan())
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(model_of(lambda y, p: (p[:, 0], p)))


def network(loss="mse"):
    return model_of(loss)


def test_the_wrapper():
    own = KerasRegressor(network, loss=squared_error, epochs=2, verbose=0, random_state=0)
    built_in = KerasRegressor(network, loss="mse", epochs=2, verbose=0, random_state=0)
    assert clone(own).loss is squared_error
    for estimator in (own, built_in):
        estimator.fit(X, Y[:, 0])
    np.testing.assert_allclose(own.predict(X), built_in.predict(X), rtol=1e-4, atol=1e-5)
    search = GridSearchCV(own, {"loss": [squared_error, "mse"]}, cv=2, n_jobs=2).fit(X, Y[:, 0])
    one, other = search.cv_results_["mean_test_score"]
    assert one == pytest.approx(other, rel=1e-4)


# ---- Keras -----------------------------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_custom_loss_of_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")

    def lopsided(y, p):
        error = p - y
        cost = np.where(error > 0, 2, 1)
        return (cost * error**2).mean(axis=1), 2 * cost * error / error.shape[1]

    def theirs(y, p):
        error = p - y
        return keras.ops.mean(keras.ops.where(error > 0, 2.0, 1.0) * error**2, axis=-1)

    peer = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    peer.compile(keras.optimizers.Adam(0.01), theirs)
    model = model_of(lopsided)
    model.compile(optimizers.Adam(0.01), lopsided)
    peer.set_weights(model.get_weights())
    weight = np.linspace(0, 2, 40)
    options = {"batch_size": 10, "epochs": 25, "verbose": 0, "shuffle": False, "sample_weight": weight}
    expected = peer.fit(X, Y, **options).history["loss"]
    np.testing.assert_allclose(model.fit(X, Y, **options).history["loss"], expected, rtol=1e-4)
    for w, v in zip(model.get_weights(), peer.get_weights(), strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-4 * np.abs(v).max())
