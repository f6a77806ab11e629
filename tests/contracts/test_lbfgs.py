"""L-BFGS: it finds what scikit-learn finds, tells its listeners as any run does, and refuses what it cannot do."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from tabgrad import layers, losses, metrics, optimizers
from tabgrad.callbacks import EarlyStopping, LambdaCallback, ReduceLROnPlateau
from tabgrad.engines import _lbfgs
from tabgrad.engines.base import Engine, Job, Listener, Session, initial_state
from tabgrad.errors import ArgumentError, ArgumentTypeError, DivergenceWarning
from tabgrad.layers import Dense
from tabgrad.matrix import Matrix
from tabgrad.models import Sequential
from tabgrad.optimizers import LBFGS
from tabgrad.plan import Network, Plan
from tabgrad.regularizers import L1L2, L2
from tabgrad.wrappers.scikit_learn import KerasClassifier

from .parts import rows_for, started
from .test_solutions import CONVERGED, FEATURES, ROWS, table

EXACT = LBFGS(ftol=0, gtol=1e-7)


def plan_of(*row: layers.Layer, optimizer: optimizers.Optimizer = EXACT, **options: Any) -> Plan:
    return Plan(Network(FEATURES, row), losses.MeanSquaredError(), optimizer, **options)


def job_of(plan: Plan, epochs: int = 200, **options: Any) -> Job:
    return Job(plan, started(plan), rows_for(plan, 80), epochs, **options)


NET = plan_of(Dense(6, "tanh", kernel_regularizer=L1L2(1e-4, 1e-3)), Dense(2))


# ---- What it finds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_least_squares_and_ridge(engine: Engine, outputs: int, l2: float) -> None:
    rows = table(losses.MeanSquaredError(), outputs)
    plan = plan_of(Dense(outputs, kernel_regularizer=L2(l2)))
    result = engine.fit(Job(plan, initial_state(plan), rows, epochs=200))
    solution = Ridge(alpha=ROWS * outputs * l2) if l2 else LinearRegression()
    solution.fit(rows.x.astype(float), rows.y.astype(float))
    assert result.status == "finished"
    assert len(result.training) < 40
    np.testing.assert_allclose(result.state.weights[0], np.reshape(solution.coef_, (outputs, -1)).T, atol=CONVERGED)
    np.testing.assert_allclose(result.state.weights[1], np.reshape(solution.intercept_, outputs), atol=CONVERGED)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_logistic_regression(engine: Engine, classes: int, l2: float) -> None:
    binary = classes == 2
    loss: losses.Loss = losses.BinaryCrossentropy() if binary else losses.SparseCategoricalCrossentropy()
    rows = table(loss, 1 if binary else classes)
    last = Dense(1, "sigmoid", kernel_regularizer=L2(l2)) if binary else Dense(3, "softmax", kernel_regularizer=L2(l2))
    plan = replace(plan_of(last), loss=loss)
    kernel, bias = engine.fit(Job(plan, initial_state(plan), rows, epochs=200)).state.weights
    solution = LogisticRegression(C=1 / (2 * ROWS * l2) if l2 else np.inf, tol=1e-8, max_iter=10_000)
    solution.fit(rows.x.astype(float), rows.y.ravel().astype(int))
    if not binary:  # the same for any vector added to all units
        kernel, bias = (array - array.mean(axis=-1, keepdims=True) for array in (kernel, bias))
    np.testing.assert_allclose(kernel, solution.coef_.T, atol=CONVERGED)
    np.testing.assert_allclose(bias, solution.intercept_, atol=CONVERGED)


def test_each_epoch_is_an_iteration_that_lowers_the_loss(engine: Engine) -> None:
    job = job_of(NET, epochs=12)
    result = engine.fit(job)
    assert result.training.shape == (12, 1)
    assert (np.diff(result.training[:, 0]) < 0).all()
    assert result.state.step == 12
    weights = result.state.weights
    score = engine.evaluate(NET, weights, job.rows, batch_size=32)
    np.testing.assert_allclose(result.training[-1], score, rtol=1e-6)  # of the weights that the epoch reached
    first = engine.fit(replace(job, epochs=5))
    np.testing.assert_array_equal(first.training, result.training[:5])


def test_the_engines_go_the_same_way(native: Engine) -> None:
    from tabgrad.engines.reference import ReferenceEngine

    job = job_of(NET, epochs=8, validation=rows_for(NET, 30, seed=1))
    got, expected = native.fit(job), ReferenceEngine().fit(job)
    np.testing.assert_allclose(got.training, expected.training, rtol=1e-4)
    assert got.validation is not None
    np.testing.assert_allclose(got.validation, expected.validation, rtol=1e-4)


def test_weights_of_rows_and_parts_of_the_rows(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_for(NET, 80, weighted=True)
    job = Job(NET, started(NET), rows, 6)
    whole = engine.fit(job)
    monkeypatch.setattr(_lbfgs, "ROWS_TOGETHER", 7)
    np.testing.assert_allclose(engine.fit(job).training, whole.training, rtol=1e-4)
    loss, _ = engine.gradients(NET, whole.state, rows)
    assert whole.training[-1, 0] == pytest.approx(loss, rel=1e-5)


def test_a_frozen_layer_does_not_move(engine: Engine) -> None:
    frozen = (Dense(6, "tanh", trainable=False), layers.BatchNormalization(trainable=False))
    job = job_of(plan_of(Dense(5, "tanh"), *frozen, Dense(2)), epochs=5)
    result = engine.fit(job)
    stays = [np.array_equal(w, v) for w, v in zip(job.state.weights, result.state.weights, strict=True)]
    assert stays == [not weight.trainable for weight in job.plan.network.weights]


@pytest.mark.parametrize("trainable", [True, False])
def test_where_nothing_can_be_gained_there_is_one_epoch(engine: Engine, trainable: bool) -> None:
    plan = plan_of(Dense(1, trainable=trainable), optimizer=LBFGS())
    state = initial_state(plan, (np.ones((FEATURES, 1), np.float32), np.zeros(1, np.float32)))
    x = rows_for(plan, 20).x
    result = engine.fit(Job(plan, state, Matrix(x, x.sum(axis=1, keepdims=True)), epochs=9))
    assert (result.status, len(result.training)) == ("finished", 1)
    np.testing.assert_array_equal(result.state.weights[0], state.weights[0])
    assert engine.fit(Job(plan, state, Matrix(x, x[:, :1]), epochs=0)).training.shape == (0, 1)


def test_the_options_are_those_of_scipy(engine: Engine) -> None:
    def epochs(**options: Any) -> int:
        return len(engine.fit(job_of(replace(NET, optimizer=LBFGS(**options)), epochs=100)).training)

    assert epochs(gtol=1.0) < epochs(gtol=1e-2) < epochs(gtol=1e-3)
    assert epochs(ftol=0.1, gtol=0) < epochs(ftol=1e-3, gtol=0)
    one, ten = (
        engine.fit(job_of(replace(NET, optimizer=LBFGS(maxcor=size)), epochs=10)).training[-1, 0] for size in (1, 10)
    )
    assert one != ten
    steep = replace(NET, optimizer=LBFGS(maxls=1))
    assert len(engine.fit(job_of(steep, epochs=100)).training) < 100


def test_many_runs_side_by_side(engine: Engine) -> None:
    jobs = [job_of(replace(NET, seed=seed), epochs=5) for seed in range(4)]
    jobs.append(job_of(replace(NET, optimizer=optimizers.Adam()), epochs=5))
    for job, result in zip(jobs, engine.fit_many(jobs, threads=2), strict=True):
        np.testing.assert_array_equal(result.training, engine.fit(job).training)


# ---- Listeners -------------------------------------------------------------------------------------------------------


def test_what_a_listener_hears(engine: Engine) -> None:
    heard: list[tuple[Any, ...]] = []
    plan = replace(NET, metrics=(metrics.MeanAbsoluteError(),))
    listener = Listener(
        epoch_begin=lambda session, epoch: heard.append(("begin", epoch)),
        epoch_end=lambda session, epoch, values, scores: heard.append(("end", epoch, len(values), scores is not None)),
        batch_begin=lambda session, step: heard.append(("batch", step)),
        batch_end=lambda session, step, values: heard.append(("batch end", step, len(values))),
    )
    job = job_of(plan, epochs=5, initial_epoch=3, listener=listener, validation=rows_for(plan, 10))
    result = engine.fit(job)
    one = [("begin", 3), ("batch", 0), ("batch end", 0, 2), ("end", 3, 2, True)]
    assert heard == [*one, ("begin", 4), *one[1:3], ("end", 4, 2, True)]
    assert result.training.shape == (2, 2)


def test_a_listener_that_stops_or_raises(engine: Engine) -> None:
    def stops(session: Session, epoch: int, *_: Any) -> None:
        if epoch == 2:
            session.stop()

    def raises(session: Session, epoch: int, *_: Any) -> None:
        if epoch == 2:
            raise KeyError("mine")

    three = engine.fit(job_of(NET, epochs=3))
    stopped = engine.fit(job_of(NET, listener=Listener(epoch_end=stops)))
    assert stopped.status == "stopped"
    at_end = engine.fit(job_of(NET, listener=Listener(epoch_end=raises)))
    at_begin = engine.fit(job_of(NET, listener=Listener(epoch_begin=raises)))
    assert at_end.status == at_begin.status == "interrupted"
    assert isinstance(at_end.failure, KeyError)
    assert [len(result.training) for result in (stopped, at_end, at_begin)] == [3, 3, 2]
    for result in (stopped, at_end):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(result.state.weights, three.state.weights, strict=True))


def test_weights_that_a_listener_sets_are_where_it_goes_on(engine: Engine) -> None:
    seen: list[float] = []
    start = started(NET).weights

    def back(session: Session, epoch: int, values: Any, _: Any) -> None:
        seen.append(values[0])
        if epoch == 3:
            session.set_weights(start)
        if epoch == 4:
            assert not np.array_equal(session.get_weights()[0], start[0])

    engine.fit(job_of(NET, epochs=8, listener=Listener(epoch_end=back)))
    assert seen[4:8] == seen[:4]


def test_a_loss_that_is_not_finite_ends_the_run(engine: Engine) -> None:
    plan = plan_of(Dense(1))
    state = initial_state(plan, (np.full((FEATURES, 1), 1e30, np.float32), np.zeros(1, np.float32)))
    result = engine.fit(Job(plan, state, rows_for(plan, 10), epochs=5))
    assert (result.status, result.failed_step, len(result.training)) == ("diverged", 0, 0)
    assert result.state.weights[0].tobytes() == state.weights[0].tobytes()


# ---- In a model ------------------------------------------------------------------------------------------------------

X = np.random.default_rng(2).normal(size=(60, 3)).astype(np.float32)
Y = np.tanh(X @ [1.0, -1.0, 0.5]) + 0.1 * X[:, 0]


def model_of(*row: layers.Layer, optimizer: Any = "lbfgs") -> Sequential:
    model = Sequential([*(row or (Dense(4, "tanh"), Dense(1)))], seed=0)
    model.compile(optimizer, "mse")
    return model


def test_a_whole_model() -> None:
    model = model_of()
    stopping = EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True)
    history = model.fit(X, Y, epochs=500, verbose=0, validation_split=0.3, callbacks=[stopping])
    assert history.status in ("stopped", "finished")
    assert history.history["loss"][-1] < 0.02
    best = min(history.history["val_loss"])
    assert model.evaluate(X[42:], Y[42:], verbose=0) == pytest.approx(best, rel=1e-5)
    steps: list[int] = []
    hears = LambdaCallback(on_train_batch_end=lambda step, logs: steps.append(step))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[hears])
    assert steps == [0, 0]
    before = model.evaluate(X, Y, verbose=0)
    assert isinstance(before, float)
    assert model.train_on_batch(X, Y) < before
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)


def test_what_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"LBFGS takes all rows at once: leave 'batch_size' of fit out\. Got 16 for 60"
    ):
        model_of().fit(X, Y, batch_size=16)
    model_of().fit(X, Y, batch_size=64, verbose=0)
    draws = (layers.Dropout(0.1), layers.GaussianNoise(0.1), layers.GaussianDropout(0.1), layers.AlphaDropout(0.1))
    for layer in draws:
        with pytest.raises(ArgumentError, match=rf"LBFGS minimises one fixed loss, and a {type(layer).__name__} draws"):
            model_of(layer, Dense(1)).fit(X, Y)
    model_of(layers.Dropout(0.0), Dense(1)).fit(X, Y, verbose=0)
    with pytest.raises(ArgumentError, match="LBFGS takes no batches, whose means and variances BatchNormalization"):
        model_of(layers.Residual((layers.BatchNormalization(),)), Dense(1)).fit(X, Y)
    with pytest.raises(ArgumentError, match=r"LBFGS has no learning rate that a layer's learning_rate_factor could"):
        model_of(Dense(1, learning_rate_factor=0.5)).fit(X, Y)
    with pytest.raises(ArgumentError, match=r"LBFGS has no learning rate: a line search finds the length of each step"):
        model_of(Dense(1)).fit(
            X, Y, verbose=0, epochs=9, callbacks=[ReduceLROnPlateau("loss", patience=1, min_delta=9)]
        )
    with pytest.raises(
        ArgumentTypeError, match=r"LBFGS takes no argument 'weight_decay'\. It takes: maxcor, ftol, gtol"
    ):
        LBFGS(weight_decay=0.1)  # type: ignore[call-arg]  # what the test is about
    for options, message in (({"maxcor": 0}, "at least 1. Got 0"), ({"gtol": -1}, "at least 0. Got -1")):
        with pytest.raises(ArgumentError, match=message):
            LBFGS(**options)


def test_a_diverging_model_warns() -> None:
    model = model_of(Dense(1, input_dim=3))
    model.set_weights([np.full((3, 1), 1e30), [0]])
    with pytest.warns(DivergenceWarning, match="The loss stopped being finite in epoch 1") as caught:
        model.fit(X, Y, epochs=3, verbose=0)
    advice = str(caught[0].message)  # of what this optimizer has
    assert "Try inputs and targets scaled" in advice
    assert "learning rate" not in advice
    assert "clipnorm" not in advice


def test_as_a_record() -> None:
    assert list(inspect.signature(LBFGS).parameters) == ["maxcor", "ftol", "gtol", "maxls", "name"]
    assert repr(LBFGS(5)) == "LBFGS(maxcor=5, ftol=2.220446049250313e-09, gtol=1e-05, maxls=20)"
    plan = replace(NET, optimizer=replace(LBFGS(5), gtol=1e-3))
    assert plan.optimizer == LBFGS(5, gtol=1e-3)
    assert Plan.from_json(plan.to_json()) == plan
    assert pickle.loads(pickle.dumps(plan)) == copy.deepcopy(plan) == plan  # noqa: S301


def test_the_wrapper() -> None:
    def logistic(optimizer: str = "sgd") -> Sequential:
        model = Sequential([Dense(1, "sigmoid", input_dim=3, kernel_regularizer=L2(0.01))], seed=0)
        model.compile(optimizer, "binary_crossentropy")
        return model

    labels = (Y > 0).astype(int)
    classifier = KerasClassifier(logistic, optimizer=EXACT, epochs=200, verbose=0).fit(X, labels)
    peer = LogisticRegression(C=1 / (2 * len(X) * 0.01), tol=1e-8).fit(X, labels)
    np.testing.assert_allclose(classifier.predict_proba(X), peer.predict_proba(X), atol=CONVERGED)
