"""The native engine's border: what it is given that it cannot use is refused, and nothing runs on unseen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import losses, optimizers
from tabgrad.engines.base import Job, Listener, Session, initial_state
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import Dense, Dropout
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

_native = pytest.importorskip("tabgrad._native")
from tabgrad.engines.native import NativeEngine  # noqa: E402

ENGINES = [NativeEngine(), ReferenceEngine()]
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((40, 3)).astype(np.float32)
PLAN = Plan(Network(3, (Dense(4, "tanh"), Dense(2))), losses.MeanSquaredError(), optimizers.SGD(0.1), batch_size=8)
Y = RANDOM.standard_normal((40, 2)).astype(np.float32)


def job(plan: Plan = PLAN, y: np.ndarray = Y, epochs: int = 2, **options: object) -> Job:
    return Job(plan, initial_state(plan), Matrix(X, y), epochs, **options)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
@pytest.mark.parametrize("last", ["linear", "sigmoid", "tanh", "softmax", "relu"])
@pytest.mark.parametrize(
    "loss",
    [
        losses.MeanSquaredError(),
        losses.BinaryCrossentropy(),
        losses.BinaryCrossentropy(from_logits=True),
        losses.CategoricalCrossentropy(),
        losses.CategoricalCrossentropy(from_logits=True),
        losses.SparseCategoricalCrossentropy(),
        losses.SparseCategoricalCrossentropy(from_logits=True),
    ],
    ids=repr,
)
def test_a_weight_that_is_no_number_is_noticed(engine, last, loss) -> None:
    plan = replace(PLAN, network=Network(3, (Dense(4, "tanh"), Dense(2, last))), loss=loss)
    target = np.arange(40) % 2
    y = target if loss.target == "labels" else np.eye(2, dtype=np.float32)[target]
    state = initial_state(plan)
    spoilt = state.weights[2].copy()
    spoilt[0, 1] = np.nan
    result = engine.fit(
        replace(job(plan, y), state=replace(state, weights=(*state.weights[:2], spoilt, state.weights[3])))
    )
    assert (result.status, result.failed_step, len(result.training)) == ("diverged", 0, 0)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_weights_that_leave_float32_in_the_last_step_are_noticed(engine) -> None:
    plan = replace(PLAN, optimizer=optimizers.SGD(1e38), batch_size=40)
    result = engine.fit(job(plan, Y * 1e4, epochs=1))
    assert (result.status, result.failed_step) == ("diverged", 0)
    np.testing.assert_array_equal(result.state.weights[0], initial_state(plan).weights[0])


@pytest.mark.parametrize("option", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_gradients_whose_squares_leave_float32_are_clipped(option) -> None:
    optimizer = optimizers.SGD(0.1, **{option: 1.0})
    plan = replace(PLAN, network=Network(3, (Dense(2),)), optimizer=optimizer, batch_size=40)
    rows = Matrix(X, Y * 1e15, np.full(40, 1e6, np.float32))  # a loss of 1e36, gradients of 1e21
    native, reference = (engine.fit(replace(job(plan, epochs=1), rows=rows)) for engine in ENGINES)
    assert native.status == reference.status == "finished"
    for w, expected, start in zip(
        native.state.weights, reference.state.weights, initial_state(plan).weights, strict=True
    ):
        np.testing.assert_allclose(w, expected, rtol=1e-5, atol=1e-7)
        assert np.abs(w - start).max() > 1e-3


def test_a_run_that_tries_its_threads_keeps_its_bits() -> None:
    layers = (Dense(64, "relu"), Dropout(0.5), Dense(64, "relu"), Dropout(0.5), Dense(2))
    plan = replace(PLAN, network=Network(3, layers), optimizer=optimizers.RMSprop(), batch_size=128)
    rows = Matrix(np.tile(X, (16, 1)), np.tile(Y, (16, 1)))
    one, two = (NativeEngine().fit(replace(job(plan, epochs=60), rows=rows), threads=threads) for threads in (1, 2))
    assert one.state.step == 300  # two trials and more, each of some steps alone and some shared
    assert one.training.tobytes() == two.training.tobytes()
    for alone, shared in zip(one.state.weights, two.state.weights, strict=True):
        assert alone.tobytes() == shared.tobytes()


@pytest.mark.parametrize("wrong", [Y.astype(np.float64), np.asfortranarray(Y), np.repeat(Y, 2, axis=0)[::2]])
def test_a_target_that_would_have_to_be_copied_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="y must be float32"):
        NativeEngine().fit(job(y=wrong))


def test_shapes_and_counts_are_checked_at_the_border() -> None:
    engine = NativeEngine()
    with pytest.raises(ValueError, match="y has the wrong shape"):
        engine.fit(job(y=Y[:, :1].copy()))
    with pytest.raises(ValueError, match="x has the wrong shape"):
        engine.fit(replace(job(), rows=Matrix(X[:, :2].copy(), Y)))
    with pytest.raises(ValueError, match="out of range"):
        engine.fit(job(epochs=2**62))
    labels = replace(PLAN, loss=losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="label is out of range"):
        engine.fit(job(labels, y=np.full(40, 2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": np.array([5], np.uint32)}, "places must be rows of the table"),
        ({"held": np.array([0, 5], np.uint32)}, "held must be rows of the table"),
        ({"places": np.array([], np.uint32)}, "places must be some rows"),
        ({"places": np.array([0])}, "places uint32"),
        ({"places": np.zeros((1, 1), np.uint32)}, "places uint32"),
        ({"stopping": (1, 1.0, np.inf, 0)}, "patience or seconds out of range"),
        ({"stopping": (-1, 1.0, np.inf, 0), "held": np.array([0], np.uint32)}, "patience or seconds out of range"),
        ({"stopping": (0, np.nan, np.inf, 0)}, "patience or seconds out of range"),
        ({"stopping": (0, 1.0, np.nan, 0)}, "least or waited out of range"),
        ({"stopping": (0, 1.0, 0.5, -1)}, "least or waited out of range"),
        ({"stopping": (0,)}, "must be patience, seconds, least and waited"),
        ({"held": np.array([0], np.uint32), "validation": (X[:5], None, X[:5], None)}, "given twice"),
    ],
)
def test_a_program_checks_which_rows_are_meant(options: dict[str, Any], message: str) -> None:
    sgd, mse = ("sgd", (0.1, *[np.nan] * 4, 0.0, 0.9, np.nan), ()), ("mean_squared_error", (), ())
    program = _native.Program(_native.instruction_sets()[0], 3, [], mse, False, False, [], sgd, 8, 1)

    def fit(**options: Any) -> tuple[Any, ...]:
        rows = (X[:5], None, X[:5], None, options.pop("validation", None), 1, 0, 8, False, 0, *[None] * 5)
        return program.fit(*rows, loss=None, score=None, scoring_rows=8, ahead=None, **options)

    with pytest.raises(ValueError, match=message):
        fit(**options)
    assert fit(places=np.array([4, 0], np.uint32), held=np.array([1], np.uint32))[-1] == -1
    assert program.take_best() is None
    assert fit(held=np.array([1], np.uint32), stopping=(0, 1.0, np.inf, 0))[-1] == 0
    assert program.take_best() == []  # a program without arrays, once
    assert program.take_best() is None


def test_a_program_says_what_it_was_not_made_for() -> None:
    program = _native.Program(_native.instruction_sets()[0], 3, [], None, False, False, [], None, 8, 1)
    with pytest.raises(ValueError, match="only predicts"):
        program.evaluate(X, None, Y, None, loss=None, score=None, scoring_rows=8)
    with pytest.raises(ValueError, match="no gradients were taken"):
        program.gradient(0)
    refused = {
        "a layer must be 8 values": ("relu", 3),
        "the wrong number of constants": ("affine", 3, 0, 0, True, (), (1.0, 2.0), ()),
        "wrong number of constants": ("affine", 3, 0, 0, True, (), (), ()),
        "does not know 'join'": ("join", 3, 0, 0, True, (), (), ()),
        "does not know 'swoosh'": ("swoosh", 4, 0, 0, True, (), (), ()),
    }
    for message, layer in refused.items():
        with pytest.raises(ValueError, match=message):
            _native.Program(_native.instruction_sets()[0], 3, [layer], None, False, False, [], None, 8, 1)


def test_a_program_refuses_a_metric_whose_terms_it_counts_otherwise() -> None:
    sgd, mse = ("sgd", (0.1, np.nan, np.nan, np.nan, np.nan, 0.9, 0.0), ()), ("mean_squared_error", (), ())

    def program(*metric: object) -> _native.Program:
        return _native.Program(_native.instruction_sets()[0], 3, [], mse, False, False, [metric], sgd, 8, 1)

    all_outputs, weights = (-1.0, 0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    fits = program("thresholds", all_outputs, weights, (0.2, 0.5), False, 6)
    zeros = np.zeros((5, 3), np.float32)
    for scoring_rows in (0, 9):
        with pytest.raises(ValueError, match="scoring_rows must be within the program's rows"):
            fits.evaluate(zeros, None, zeros, None, loss=None, score=None, scoring_rows=scoring_rows)
    for metric in (
        ("thresholds", all_outputs, weights, (0.2, 0.5), False, 5),
        ("thresholds", all_outputs, (), (0.2, 0.5), False, 6),
        ("thresholds", (3.0, 0.0, 0.0, 0.0, 0.0), weights, (0.2, 0.5), False, 6),
        ("overlap", (0.5,), (), (), False, 6),
        ("agreement", (0.5, 0.0), (), (), False, 6),
        ("mean_squared_error", (), (), (), False, 1),
        ("function", (), (), (), False, 3),
        ("swoosh", (), (), (), False, 2),
    ):
        with pytest.raises(ValueError, match="does not know"):
            program(*metric)
    with pytest.raises(ValueError, match="a metric must be a part, cuts, weighted and terms"):
        program("overlap", (0.5,), (), False, 9)
    with pytest.raises(ValueError, match="another number of numbers than there are outputs"):
        program("thresholds", all_outputs, (1.0,), (0.2, 0.5), False, 6)


def embedding(units: int, sizes: tuple[int, ...], shared: float = 0.0) -> tuple[Any, ...]:
    """The layer as a program takes it: each table's codes, then their widths."""
    return ("embedding", units, 0, 0, True, (shared, 0.0, 0.0), (), sizes)


@pytest.mark.parametrize(
    ("message", "inputs", "layers"),
    [
        ("needs a table", 3, [embedding(3, ())]),
        ("needs a table", 3, [embedding(5, (4, 2, 2))]),
        ("empty or too large", 3, [embedding(3, (0, 1))]),
        ("empty or too large", 3, [embedding(3, (-4, 2))]),
        ("empty or too large", 3, [embedding(3, (4, 0))]),
        ("empty or too large", 3, [embedding(2**20 + 3, (2**20, 2**20))]),
        ("as wide as its tables", 3, [embedding(4, (4, 2))]),
        ("as wide as its tables", 3, [embedding(6, (4, 2))]),
        ("a shared table has one size", 0, [embedding(5, (4, 4, 2, 3), 1.0)]),
        ("one embedding", 3, [embedding(5, (4, 2)), embedding(7, (4, 2))]),
        ("a layer has no inputs", 0, [("relu", 3, 0, 0, True, (), (), ())]),
    ],
)
def test_an_embedding_that_a_program_refuses(message: str, inputs: int, layers: list[Any]) -> None:
    with pytest.raises(ValueError, match=message):
        _native.Program(_native.instruction_sets()[0], inputs, [*layers], None, False, False, [], None, 8, 1)


def test_programs_that_predict_together_are_of_one_shape_and_each_its_own() -> None:
    def program(inputs: int = 3, *layers: Any) -> _native.Program:
        return _native.Program(_native.instruction_sets()[0], inputs, [*layers], None, False, False, [], None, 8, 1)

    together, one, other = _native.Program.predict_many, program(), program()
    assert together([one, other], 1, X, None, 2).tobytes() == X.tobytes()
    codes = np.zeros((40, 1), np.int32)
    for programs, networks, x, threads, message in (
        ([], 1, X, 1, "out of range"),
        ([one, other], 0, X, 1, "out of range"),
        ([one, other, program()], 2, X, 1, "out of range"),
        ([one], 1, X, 0, "out of range"),
        ([one, one], 2, X, 2, "given twice"),
        ([one, program(2)], 2, X, 1, "differ in shape"),
        ([one, program(3, embedding(5, (4, 2)))], 2, X, 1, "differ in shape"),
        ([one], 1, X[:, :2].copy(), 1, "wrong width"),
    ):
        with pytest.raises(ValueError, match=message):
            together(programs, networks, x, None, threads)
    with pytest.raises(ValueError, match="codes belong to an embedding"):
        together([one], 1, X, codes, 1)
    with pytest.raises(ValueError, match="a code is out of range"):
        together([program(3, embedding(5, (4, 2)))], 1, X, codes + 4, 1)
    other.take()
    with pytest.raises(ValueError, match="arrays were taken"):
        together([one, other], 2, X, None, 1)


def test_programs_that_exchange_terms_do_only_that_and_within_their_rows() -> None:
    exchange = ("exchange", 3, 0, 0, True, (), (), ())

    def program(*layers: Any, loss: Any = None) -> _native.Program:
        optimizer = None if loss is None else ("sgd", (0.1,), ())
        return _native.Program(_native.instruction_sets()[0], 3, [*layers], loss, False, False, [], optimizer, 8, 1)

    together, one = _native.Program.predict_exchanged, program(exchange)
    x = X[np.newaxis]
    order = np.arange(len(X), dtype=np.uint32)[np.newaxis, ::-1].copy()
    assert together([one], 1, x, x, order, 1).tobytes() == (X + (X[::-1] - X)).tobytes()
    for programs, networks, rows, terms, orders, message in (
        ([one, program(exchange)], 2, x, x, order, "do not fit"),
        ([one], 1, x, x[:, 1:].copy(), order, "do not fit"),
        ([one], 1, x[:, :, :2].copy(), x, order, "do not fit"),
        ([one], 1, x, x, order[:0], "do not fit"),
        ([one], 1, x, x, order[:, 1:].copy(), "do not fit"),
        ([one], 1, x, x, order + np.uint32(1), "beyond the rows"),
        ([program()], 1, x, x, order, "another kind of rows"),
    ):
        with pytest.raises(ValueError, match=message):
            together(programs, networks, rows, terms, orders, 1)
    with pytest.raises(ValueError, match="another kind of rows"):
        one.predict(X, None)
    with pytest.raises(ValueError, match="another kind of rows"):
        _native.Program.predict_many([one], 1, X, None, 1)
    with pytest.raises(ValueError, match="first layer of a prediction"):
        program(("relu", 3, 0, 0, True, (), (), ()), exchange)
    with pytest.raises(ValueError, match="first layer of a prediction"):
        program(exchange, loss=("mean_squared_error", (), ()))


def test_a_prediction_of_many_is_interrupted() -> None:
    network = Network(3, (Dense(256, "relu"), Dense(256, "relu"), Dense(2)))
    sets, x = tuple(network.initial_weights(seed) for seed in range(4)), np.tile(X, (20_000, 1))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            NativeEngine().predict_many(network, sets, x, batch_size=32, threads=2)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 2


def test_arrays_are_taken_without_a_copy_and_once() -> None:
    layers = [("dense", 5, 0, 0, True, (1.0, 0.0, 0.0, 0.0, 0.0), (), ())]
    sgd, mse = ("sgd", (0.1, np.nan, np.nan, np.nan, np.nan, 0.9, 0.0), ()), ("mean_squared_error", (), ())
    program = _native.Program(_native.instruction_sets()[0], 3, layers, mse, False, False, [], sgd, 8, 1)
    kernel = np.arange(30, dtype=np.float32).reshape(3, 10)[:, ::2]
    with pytest.raises(ValueError, match="wrong size or layout"):
        program.write(0, -1, kernel)
    program.write(0, -1, np.ascontiguousarray(kernel))
    program.write(0, 0, np.arange(24, dtype=np.float32).reshape(3, 8)[:, 3:])  # rows further apart than they are long
    (weights, momentum), (bias, _) = program.take()
    np.testing.assert_array_equal(weights, kernel)
    np.testing.assert_array_equal(momentum, np.arange(24).reshape(3, 8)[:, 3:])
    assert not weights.flags.owndata
    for method, arguments in {"take": (), "read": (0, -1), "predict": (X, None), "write": (0, -1, kernel)}.items():
        with pytest.raises(ValueError, match="arrays were taken"):
            getattr(program, method)(*arguments)
    del program, weights
    assert bias.shape == (1, 5)
    assert not bias.any()  # the memory lives as long as one of its arrays


def test_progress_begins_with_the_first_values() -> None:
    told: list[tuple[int, list[float]]] = []

    def end_if_told(session: Session, *_: object) -> None:
        if len(told) > 2:
            session.stop()

    plan = replace(PLAN, network=Network(3, (Dense(256, "tanh"), Dense(256, "tanh"), Dense(2))), batch_size=1)
    heard = Listener(epoch_end=end_if_told, progress=lambda step, values: told.append((step, values)))
    validation = Matrix(np.tile(X, (50, 1)), np.tile(Y, (50, 1)))
    NativeEngine().fit(job(plan, epochs=10**8, listener=heard, validation=validation))
    assert told
    assert all(values[0] > 0 for _, values in told)


def test_a_pool_of_runs_ends_with_the_first_exception() -> None:
    def fails(*_: object) -> None:
        raise KeyError("mine")

    plan = replace(PLAN, network=Network(3, (Dense(64, "tanh"), Dense(2))))
    endless = [job(plan, epochs=10**8) for _ in range(3)]
    engine = NativeEngine()
    seen: list[BaseException] = []

    def run() -> None:
        try:
            engine.fit_many(endless, threads=2)
        except BaseException as error:
            seen.append(error)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        run()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert isinstance(seen[0], KeyboardInterrupt)
    result = engine.fit_many([job(epochs=3, listener=Listener(epoch_end=fails)), job()], threads=2)
    assert isinstance(result[0].failure, KeyError)
    assert result[1].status == "finished"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TABGRAD_ISA", "avx1024", "Unknown instruction set 'avx1024'"),
        ("TABGRAD_ENGINE", "natve", "Unknown engine 'natve'. Did you mean 'native'?"),
    ],
)
def test_an_unknown_choice_in_the_environment_is_named(variable, value, message) -> None:
    code = """
from tabgrad.engines.native import instruction_set
from tabgrad.engines.select import get_engine
get_engine(), instruction_set()
"""
    run = python(code, **{variable: value})
    assert message in run.stderr


@pytest.mark.parametrize("isa", _native.instruction_sets())
def test_every_instruction_set_takes_the_reference_step(isa) -> None:
    code = f"""
import numpy as np
from tabgrad import losses, optimizers
from tabgrad.engines.base import Job, initial_state
from tabgrad.engines.native import NativeEngine, instruction_set
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.layers import Dense, Dropout
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

assert instruction_set() == {isa!r}
x, y = np.random.default_rng(0).standard_normal((2, 40, 19)).astype(np.float32)
layers = (Dense(33, "gelu"), Dropout(0.2), Dense(17, "relu"), Dense(19, "tanh"))
plan = Plan(Network(19, layers), losses.MeanSquaredError(), optimizers.SGD(0.1, 0.9), batch_size=7)
job = Job(plan, initial_state(plan), Matrix(x, y), epochs=3)
for ours, theirs in zip(NativeEngine().fit(job).state.weights, ReferenceEngine().fit(job).state.weights):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
"""
    run = python(code, TABGRAD_ISA=isa)
    assert run.returncode == 0, run.stderr
