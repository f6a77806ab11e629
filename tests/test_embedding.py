"""Models with an `Embedding`: what they are given, what they refuse, and that codes are one-hot columns in short."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from contracts.conftest import HAS_NATIVE
from contracts.parts import EMBEDDINGS, rows_for
from contracts.test_reproducible import bits_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from tabgrad import losses, optimizers
from tabgrad._inputs import checked_codes
from tabgrad.callbacks import LambdaCallback
from tabgrad.engines.base import Job, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, NotReadyError
from tabgrad.layers import BatchNormalization, Dense, Dropout, Embedding, Flatten, Input, Layer, Normalization, Residual
from tabgrad.models import Sequential
from tabgrad.plan import Network, Plan
from tabgrad.wrappers.scikit_learn import KerasClassifier, KerasRegressor

RANDOM = np.random.default_rng(0)
ROWS = 60
LEVELS = (3, 100)
NUMERIC = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
CODES = RANDOM.integers(0, LEVELS, (ROWS, 2))
Y = RANDOM.normal(size=(ROWS, 1)).astype(np.float32)
PAIR = [NUMERIC, CODES]


def model_of(*layers: Layer, optimizer: Any = "adam", loss: Any = "mse") -> Sequential:
    model = Sequential(layers, seed=0)
    model.compile(optimizer, loss)
    return model


def mixed() -> Sequential:
    return model_of(Embedding(LEVELS, [2, 8]), Dense(6, "tanh"), Dense(1))


def says(error: type[Exception], message: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with pytest.raises(error, match=re.escape(message)):
        function(*arguments, **options)


# ---- What a row is ---------------------------------------------------------------------------------------------------


def test_the_first_rows_say_what_a_row_is() -> None:
    model = mixed()
    assert (model.built, model.input_shape) == (False, None)
    model.fit(PAIR, Y, verbose=0)
    assert (model.input_shape, model.output_shape) == ([(None, 4), (None, 2)], (None, 1))
    alone = mixed()
    alone.fit(CODES, Y, verbose=0)
    assert alone.input_shape == (None, 2)
    assert [array.shape for array in alone.get_weights()] == [(3, 2), (100, 8), (10, 6), (6,), (6, 1), (1,)]
    assert [array.shape for array in model.get_weights()] == [(3, 2), (100, 8), (14, 6), (6,), (6, 1), (1,)]


@pytest.mark.parametrize(
    "declared",
    [
        lambda: Sequential([Input([(4,), (2,)]), Embedding(LEVELS, 3), Dense(1)]),
        lambda: Sequential([Embedding(LEVELS, 3, input_shape=((4,), [2])), Dense(1)]),
        lambda: Sequential([Input([(4,), (2,)]), Normalization(mean=0, variance=1), Embedding(LEVELS, 3), Dense(1)]),
        lambda: Sequential([Input([(4,), (2,)]), Embedding(100, 3), Dense(1)]),
    ],
)
def test_a_row_declared(declared: Callable[[], Sequential]) -> None:
    model = declared()
    assert (model.built, model.input_shape) == (True, [(None, 4), (None, 2)])
    assert model.predict(PAIR).shape == (ROWS, 1)
    assert model.predict(tuple(PAIR)).shape == (ROWS, 1)
    assert model.get_weights()[-2].shape == (10, 1)


def test_a_row_built() -> None:
    for shape in ([(None, 4), (None, 2)], ((4,), (2,))):
        model = mixed()
        model.build(shape)
        assert model.input_shape == [(None, 4), (None, 2)]
    model = Sequential([Embedding(10, 3), Flatten()])
    model.build((None, 5))
    assert (model.input_shape, model.output_shape) == ((None, 5), (None, 15))
    says(ArgumentError, "build was given 4 columns and 2 of codes, but the model takes 5 columns of codes.",
         model.build, [(None, 4), (None, 2)])  # fmt: skip


def test_keras_own_form_is_one_table_for_all_columns() -> None:
    model = model_of(Input((2,)), Embedding(100, 8), Flatten(), Dense(1))
    assert (model.input_shape, model.count_params()) == ((None, 2), 817)
    table, kernel, bias = model.get_weights()
    expected = np.hstack([table[CODES[:, 0]], table[CODES[:, 1]]]) @ kernel + bias
    np.testing.assert_allclose(model.predict(CODES), expected, rtol=1e-5, atol=1e-6)
    model.fit(CODES, Y, verbose=0)
    assert not np.array_equal(table, model.get_weights()[0])


def test_layers_are_added_and_taken_away() -> None:
    model = Sequential(seed=0)
    for layer in (Input([(4,), (2,)]), Dense(4, "tanh"), Embedding(LEVELS, 3), Dense(1)):
        model.add(layer)
        assert model.built == any(isinstance(each, Embedding) for each in model.layers)
    before = model.get_weights()
    model.pop()
    model.add(Dense(2))
    for array, old in zip(model.get_weights()[:4], before[:4], strict=True):
        np.testing.assert_array_equal(array, old)
    model.pop(), model.pop(), model.pop()
    assert not model.built
    alone = Sequential([Input((2,))], seed=0)
    assert not alone.built
    alone.add(Embedding(LEVELS, 3))
    assert alone.input_shape == (None, 2)


def test_summary_and_repr() -> None:
    model = mixed()
    model.fit(PAIR, Y, verbose=0)
    said: list[str] = []
    model.summary(print_fn=said.append)
    assert re.search(r"embedding \(Embedding\) +\S +\(None, 14\) +\S +806 ", said[0])
    assert repr(model).splitlines()[0] == (
        "Sequential 'sequential': 4 columns and 2 of codes -> Embedding((2, 8)) -> Dense(6, tanh) -> Dense(1, linear)"
    )


# ---- Codes are one-hot columns in short ------------------------------------------------------------------------------


def one_hot(codes: np.ndarray) -> np.ndarray:
    return np.eye(7, dtype=np.float32)[codes[:, 0]]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", optimizers.RMSprop(momentum=0.9), optimizers.AdamW(clipnorm=0.1)])
@pytest.mark.parametrize(
    "options",
    [
        {"validation_split": 0.25},
        {"validation_data": True, "shuffle": False, "batch_size": 7},
        {"class_weight": {0: 1, 1: 4, 2: 0.5}, "validation_split": 0.2},
        {"sample_weight": RANDOM.uniform(size=ROWS), "validation_data": True},
    ],
    ids=" ".join,
)
def test_an_embedding_is_a_dense_layer_on_one_hot_columns(options: dict[str, Any], optimizer: Any) -> None:
    codes, labels = RANDOM.integers(0, 7, (ROWS, 1)), RANDOM.integers(0, 3, ROWS)
    table = Embedding([7], 5, "he_normal", "l2")
    dense = Dense(5, use_bias=False, kernel_initializer="he_normal", kernel_regularizer="l2")
    heard: dict[int, list[float]] = {}
    results = []
    for first, x in ((table, codes), (dense, one_hot(codes))):
        losses: list[float] = []
        given = {**options, "validation_data": (x[:9], labels[:9])} if options.get("validation_data") else options
        model = model_of(first, Dense(3, "softmax"), optimizer=optimizer, loss="sparse_categorical_crossentropy")
        listener = LambdaCallback(on_train_batch_end=lambda step, logs, losses=losses: losses.append(logs["loss"]))
        for callbacks in (None, [listener]):
            history = model.fit(x, labels, epochs=4, verbose=0, callbacks=callbacks, **given).history
        heard[len(heard)] = losses
        results.append((model.get_weights(), history, model.predict(x), model.evaluate(x, labels, verbose=0)))
    for ours, theirs in zip(*(result[0] for result in results), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    for name, values in results[0][1].items():
        np.testing.assert_allclose(values, results[1][1][name], rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(results[0][3], results[1][3], rtol=1e-4)
    np.testing.assert_allclose(heard[0], heard[1], rtol=1e-4)
    assert len(heard[0]) > 0


def test_single_batches_and_callbacks_of_batches() -> None:
    model, other = mixed(), mixed()
    losses = [model.train_on_batch(PAIR, Y) for _ in range(3)]
    history = other.fit(PAIR, Y, batch_size=ROWS, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(losses, history["loss"], rtol=1e-6)
    assert model.test_on_batch(PAIR, Y) == pytest.approx(model.evaluate(PAIR, Y, verbose=0), rel=1e-6)
    whole = model.predict(PAIR)
    assert model.predict_on_batch(PAIR).tobytes() == whole.tobytes()
    steps: list[int] = []
    listener = LambdaCallback(
        on_predict_batch_end=lambda step, logs: steps.append(len(logs["outputs"])),
        on_test_batch_end=lambda step, logs: steps.append(step),
    )
    assert model.predict(PAIR, batch_size=25, callbacks=[listener]).tobytes() == whole.tobytes()
    assert steps == [25, 25, 10]
    scores = model.evaluate(PAIR, Y, batch_size=25, verbose=0, callbacks=[listener])
    assert scores == pytest.approx(model.evaluate(PAIR, Y, verbose=0), rel=1e-6)


@pytest.mark.skipif(not HAS_NATIVE, reason="tabgrad._native is not built")
@pytest.mark.parametrize("clipnorm", [None, 0.1])
def test_threads_never_change_a_result(clipnorm: float | None) -> None:
    """Of tables that several threads step, on a network wide enough that they share a step."""
    embedding = Embedding([10, 50, 100, 500, 1000], [8, 3, 16, 17, 1])
    network = Network(3, (embedding, Dense(512, "relu"), Dropout(0.2), Dense(512, "relu"), Dense(1)), codes=5)
    plan = Plan(network, losses.MeanSquaredError(), optimizers.Adam(clipnorm=clipnorm), batch_size=256)
    job, engine = Job(plan, initial_state(plan), rows_for(plan, 600), 2, validation=rows_for(plan, 99)), get_engine()
    first, *others = [bits_of(engine.fit(job, threads=threads)) for threads in (1, 2, 5)]
    assert all(other == first for other in others)
    assert [bits_of(result) for result in engine.fit_many([job, job], threads=2)] == [first, first]


def test_the_optimizer_steps_on_the_whole_table() -> None:
    """As Keras's: with momentum, rows of codes that came earlier go on moving, and those that never came stay."""
    model = model_of(Embedding([5], 2), Dense(1), optimizer=optimizers.Adam(0.1))
    model.train_on_batch([[0], [1]], [1, 2])
    before = model.get_weights()[0]
    model.train_on_batch([[1], [1]], [1, 2])
    moved = (model.get_weights()[0] != before).any(axis=1)
    assert moved.tolist() == [True, True, False, False, False]


# ---- Weights and files -----------------------------------------------------------------------------------------------


def test_weights_pass_from_model_to_model(tmp_path: Path) -> None:
    model = mixed()
    model.fit(PAIR, Y, epochs=2, verbose=0)
    expected = model.predict(PAIR).tobytes()
    path = tmp_path / "mixed.weights.safetensors"
    model.save_weights(path)
    other = mixed()
    other.build([(None, 4), (None, 2)])
    other.load_weights(path)
    assert other.predict(PAIR).tobytes() == expected
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):  # noqa: S301
        assert twin.predict(PAIR).tobytes() == expected
        twin.fit(PAIR, Y, epochs=3, initial_epoch=2, verbose=0)
    model.fit(PAIR, Y, epochs=3, initial_epoch=2, verbose=0)
    assert twin.predict(PAIR).tobytes() == model.predict(PAIR).tobytes()
    pretrained = np.arange(6, dtype=np.float64).reshape(3, 2)
    other.set_weights([pretrained, *model.get_weights()[1:]])
    np.testing.assert_array_equal(other.get_weights()[0], pretrained)
    message = (
        "Array 1 of set_weights (embeddings_1 of embedding) must have the shape (100, 8). Got (8, 100). Transpose it."
    )
    says(DataError, message, other.set_weights, [pretrained, np.zeros((8, 100)), *model.get_weights()[2:]])


def test_a_frozen_embedding_stays_and_lets_errors_through() -> None:
    layers = (Dense(4, "tanh"), Embedding(LEVELS, 3, trainable=False), Dense(1))
    model = model_of(*layers)
    model.fit(PAIR, Y, verbose=0)
    fresh = model_of(*layers)
    fresh.build([(None, 4), (None, 2)])
    for place, (array, first) in enumerate(zip(model.get_weights(), fresh.get_weights(), strict=True)):
        assert np.array_equal(array, first) == (place in (2, 3))


@pytest.mark.parametrize("part", EMBEDDINGS, ids=str)
def test_a_plan_survives_its_json(part: Any) -> None:
    assert Plan.from_json(part.plan.to_json()) == part.plan
    assert hash(replace(part.plan)) == hash(part.plan)


# ---- What is given ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        [NUMERIC.tolist(), CODES.tolist()],
        (pd.DataFrame(NUMERIC), pd.DataFrame(CODES, columns=["colour", "town"])),
        [pl.DataFrame(NUMERIC), pl.DataFrame(CODES.astype(np.uint8))],
        [NUMERIC.astype(np.float64), CODES.astype(np.int16)],
        [NUMERIC, np.asfortranarray(CODES.astype(np.float32))],
        [pd.DataFrame(NUMERIC), pd.DataFrame(CODES).astype("Int64").to_numpy(dtype=np.uint64)],
    ],
    ids=["lists", "pandas", "polars", "other types", "floats", "nullable"],
)
def test_a_pair_of_any_kind(given: Any) -> None:
    model, expected = mixed(), mixed()
    history, wanted = (each.fit(x, Y, verbose=0).history for each, x in ((model, given), (expected, PAIR)))
    assert history == wanted
    assert model.predict(given).tobytes() == expected.predict(PAIR).tobytes()


KINDS = st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float32, np.float64])


@settings(deadline=None)
@given(st.data())
def test_codes_are_taken_as_they_are_or_refused(data: st.DataObject) -> None:
    """Whole numbers within their tables come through unchanged; for anything else the first place is named."""
    levels = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=4))
    dtype, rows = np.dtype(data.draw(KINDS)), data.draw(st.integers(1, 6))
    near = (
        st.integers(0, 99) if dtype.kind != "f" else st.one_of(st.integers(0, 99), st.sampled_from([0.5, -1.5, 1e30]))
    )
    odd = st.sampled_from([-1, 300, 2**20] if dtype.itemsize > 2 and dtype.kind == "i" else [0])
    elements = st.one_of(near, odd).map(dtype.type)
    table = data.draw(nps.arrays(dtype, (rows, len(levels)), elements=elements))
    good = np.array(
        [[0 <= v < levels[k] and float(v).is_integer() for k, v in enumerate(row)] for row in table.tolist()]
    )
    if good.all():
        codes = checked_codes(table, levels)
        assert codes.dtype == np.int32
        np.testing.assert_array_equal(codes, table)
    else:
        row, column = np.argwhere(~good)[0].tolist()
        place = f"in row {row}, column {column}, where they are 0 to {levels[column] - 1}"
        says(DataError, place, checked_codes, table, levels)


# ---- What is refused -------------------------------------------------------------------------------------------------


def test_codes_out_of_range_are_named_before_anything_is_trained() -> None:
    model = mixed()
    model.build([(None, 4), (None, 2)])
    before = model.get_weights()
    begins = "X[1] must hold codes that the Embedding has rows for. Got "
    for place, code, where, fix in (
        ((7, 0), 3, "3 in row 7, column 0, where they are 0 to 2.", "Number the levels 0, 1, 2, ... without gaps"),
        ((0, 1), 100, "100 in row 0, column 1, where they are 0 to 99.", "give the Embedding a larger input_dim."),
        ((5, 1), -1, "-1 in row 5, column 1, where they are 0 to 99.", "Where -1 stands for what is missing, add 1"),
        ((5, 1), 2**40, "1099511627776 in row 5, column 1", "Number the levels"),
        ((2, 0), 0.5, "0.5 in row 2, column 0, where they are 0 to 2.", "Columns of fractions belong to the numeric"),
        ((2, 0), np.nan, "nan in row 2, column 0, where they are 0 to 2.", "Give what is missing a code of its own."),
        ((2, 0), np.inf, "inf in row 2, column 0, where they are 0 to 2.", "Number the levels"),
    ):
        codes = CODES.astype(np.float64 if isinstance(code, float) else np.int64)
        codes[place] = code
        for method in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
            says(DataError, begins + where, method, [NUMERIC, codes], Y)
            says(DataError, fix, method, [NUMERIC, codes], Y)
        says(DataError, begins + where, model.predict, [NUMERIC, codes])
        part = begins.replace("X[1]", "X[1] of validation_data") + where
        says(DataError, part, model.fit, PAIR, Y, validation_data=([NUMERIC, codes], Y))
    frame = pd.DataFrame(CODES + 1, columns=["colour", "town"])
    says(DataError, "column 'colour', where they are 0 to 2; ", model.predict, [NUMERIC, frame])
    for array, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_codes_that_a_float_would_have_rounded() -> None:
    message = (
        "X must hold integers where codes reach {}: {} cannot tell larger ones apart. Got {} in 1 place (row 1, col"
    )
    for dtype, most in ((np.float16, 2**11), (np.float32, 2**24)):
        code = dtype(most)
        says(
            DataError,
            message.format(most, np.dtype(dtype), float(code)),
            checked_codes,
            np.array([[0], [code]], dtype),
            [2**26],
        )
        assert checked_codes(np.array([[code - 1]], dtype), [2**26])[0, 0] == most - 1
    assert checked_codes([[2**26 - 1.0]], [2**26])[0, 0] == 2**26 - 1


def test_a_row_of_another_kind_than_the_models() -> None:
    model, alone, plain = mixed(), mixed(), model_of(Dense(1))
    model.build([(None, 4), (None, 2)])
    alone.build((None, 2))
    pair = "X must be a pair [numeric, codes]: the model takes numeric columns and, for its Embedding, codes. "
    says(DataError, pair + "Got one ndarray of shape (60, 4).", model.fit, NUMERIC, Y)
    says(DataError, pair + "Got one DataFrame of shape (60, 4).", model.predict, pd.DataFrame(NUMERIC))
    says(DataError, pair + "Got a list of 3.", model.predict, [NUMERIC, CODES, CODES])
    says(DataError, pair + "Got a dict of 2.", model.predict, {"numeric": NUMERIC, "codes": CODES})
    says(DataError, "X must be one table of codes, as the model was built for. Got a pair", alone.predict, PAIR)
    says(DataError, "X must be one table: the model has no Embedding that takes codes.", plain.fit, PAIR, Y)
    plain.build((None, 4))
    says(DataError, "X of validation_data must be one table", plain.fit, NUMERIC, Y, validation_data=(PAIR, Y))
    says(DataError, "X[0] must have 4 columns", model.predict, [NUMERIC[:, :2], CODES])
    says(DataError, "X[1] must have 2 columns of codes, as the Embedding was made for. Got 1", model.predict,
         [NUMERIC, CODES[:, :1]])  # fmt: skip
    says(DataError, "X[0] and X[1], numeric columns and codes, must have the same number of rows. Got 60 and 59.",
         model.predict, [NUMERIC, CODES[1:]])  # fmt: skip
    says(DataError, "X[1] must be a table of codes, shape (rows, columns). Got shape (60,). For one column use "
         "X[1].reshape(-1, 1).", model.predict, [NUMERIC, CODES[:, 0]])  # fmt: skip
    text = pd.DataFrame({"colour": ["red"] * ROWS, "town": CODES[:, 1]})
    for kind in ("str", "category"):
        with pytest.raises(DataError, match=r"X\[1\] must hold numbers. Got .* in column 'colour'.*OrdinalEncoder"):
            model.predict([NUMERIC, text.astype({"colour": kind})])
    missing = NUMERIC.copy()
    missing[3, 1] = np.nan
    says(DataError, "X[0] must hold finite numbers. Got NaN in 1 place (row 3, column 1). Fill what is missing",
         model.predict, [missing, CODES])  # fmt: skip
    says(NotReadyError, "predict needs", mixed().predict, PAIR)


def test_networks_that_cannot_be() -> None:
    one = "A network has one Embedding at most"
    says(ArgumentError, one, Sequential, [Input((2,)), Embedding([3, 3], 2), Embedding([3, 3], 2)])
    says(ArgumentError, "An Embedding cannot stand in a Residual", Network, 5, (Residual([Embedding([1], 1)]),), 1)
    says(ArgumentError, "declares 2 columns of codes, but has no Embedding", Sequential([Dense(1)]).build, [(3,), (2,)])
    declared = model_of(Input([(3,), (2,)]), Dense(1))
    for method in (declared.predict, lambda x: declared.fit(x, Y)):
        says(ArgumentError, "declares 2 columns of codes, but has no Embedding that takes them.", method, PAIR)
    none = "An Embedding takes columns of codes, and the model has none: declare Input([(features,), (columns,)])"
    says(ArgumentError, none, Sequential, [Input((4,)), Dense(3), Embedding([3], 2)])
    says(DataError, "X must be a pair [numeric, codes]", model_of(Dense(3), Embedding([3], 2)).fit, NUMERIC, Y)
    says(ArgumentError, "The Embedding takes 2 columns of codes", Sequential, [Input((3,)), Embedding([3, 3], 2)])
    says(ArgumentError, "The Embedding takes 3 columns of codes", model_of(Embedding(9, 2, input_length=3)).build, (2,))
    flatten = "Flatten must come after an Embedding whose table all columns share, as in Keras. Got Dense."
    says(ArgumentError, flatten, Sequential, [Input((2,)), Embedding(9, 2), Dense(1)])
    says(ArgumentError, "without numeric columns begins with an Embedding", Network, 0, (Dense(1),))
    says(ArgumentError, "A network without numeric columns begins", Network, 0, (Dense(1), Embedding([1], 1)), 1)
    declares = "An Embedding declares 3 columns of codes, but receives 2 columns of codes. Only the first layer needs"
    says(ArgumentError, declares, Sequential, [Input((2,)), Embedding([3, 3], 2, input_shape=(3,))])
    declares = "A Dense declares 3 columns, but receives 5 columns. Only the first layer needs input_dim"
    says(ArgumentError, declares, Sequential, [Input([(3,), (1,)]), Embedding([3], 2), Dense(1, input_dim=3)])


def test_what_an_embedding_refuses() -> None:
    says(ArgumentError, "'input_dim' of Embedding must be at least 1. Got 0.", Embedding, 0, 2)
    says(ArgumentError, "'input_dim' of Embedding must be at least 1. Got 0.", Embedding, [3, 0], 2)
    says(ArgumentTypeError, "'output_dim' of Embedding must be an integer. Got 2.5", Embedding, 3, 2.5)
    says(
        ArgumentError,
        "'input_dim' of Embedding must be a number, or a number for each column. Got [].",
        Embedding,
        [],
        2,
    )
    lengths = "'output_dim' of Embedding must be one number, or as many as 'input_dim' has. Got 2 for "
    says(ArgumentError, lengths + "3 columns.", Embedding, [3, 3, 3], [2, 2])
    says(ArgumentError, lengths + "one table.", Embedding, 3, [2, 2])
    says(ArgumentError, "'mask_zero' of Embedding must be False", Embedding, 3, 2, mask_zero=True)
    says(ArgumentError, "'input_length' of Embedding is the number of columns", Embedding, [3, 3], 2, input_length=3)
    says(ArgumentError, "A table of Embedding must have at most 2^28 numbers.", Embedding, 2**27, 4)
    unknown = "Embedding takes no argument 'embeding_initializer' (did you mean 'embeddings_initializer'?)"
    says(ArgumentTypeError, unknown, Embedding, 3, 2, embeding_initializer="zeros")
    assert Embedding(np.array([3, 4]), np.int64(2)) == Embedding([3, 4], 2)
    assert Embedding((3, 4), 2, mask_zero=False).columns == 2


@pytest.mark.skipif(not HAS_NATIVE, reason="tabgrad._native is not built")
def test_the_native_border_takes_no_code_out_of_range() -> None:
    plan = EMBEDDINGS[0].plan
    rows, state, engine = rows_for(plan, 20), initial_state(plan), get_engine("native")
    assert rows.codes is not None
    high, low = rows.codes.copy(), rows.codes.copy()
    high[19, 2], low[0, 0] = 1, -1
    for codes, message in (
        (high, "a code is out of range"),
        (low, "a code is out of range"),
        (rows.codes[:, :2].copy(), "codes have the wrong shape"),
        (rows.codes[1:].copy(), "codes have the wrong shape"),
        (rows.codes.astype(np.int64), "codes must be"),
        (np.asfortranarray(rows.codes), "codes must be"),
        (None, "codes belong to an embedding"),
    ):
        wrong = replace(rows, codes=codes)
        for run in (
            lambda wrong=wrong: engine.fit(Job(plan, state, wrong, 1)),
            lambda wrong=wrong: engine.fit(Job(plan, state, rows, 1, validation=wrong)),
            lambda wrong=wrong: engine.evaluate(plan, state.weights, wrong, batch_size=8),
            lambda wrong=wrong: engine.gradients(plan, state, wrong),
            lambda wrong=wrong: engine.predict(plan.network, state.weights, wrong.x, codes=wrong.codes, batch_size=8),
        ):
            says(ValueError, message, run)
    dense = Plan(Network(5, (Dense(3),)), plan.loss, plan.optimizer)
    says(ValueError, "codes belong to an embedding", engine.fit, Job(dense, initial_state(dense), rows, 1))


# ---- scikit-learn ----------------------------------------------------------------------------------------------------


def test_wrappers_take_codes_alone_and_refuse_pairs() -> None:
    def build() -> Sequential:
        return Sequential([Embedding(LEVELS, 3), Dense(4, "relu"), Dense(1)])

    wrapped = KerasRegressor(build, optimizer="adam", loss="mse", epochs=2, verbose=0)
    assert wrapped.fit(CODES, Y[:, 0]).predict(CODES).shape == (ROWS,)
    for estimator in (KerasClassifier(build, loss="mse", verbose=0), wrapped):
        says(DataError, f"X of {type(estimator).__name__} must be one table", estimator.fit, PAIR, Y[:, 0] > 0)
    says(DataError, "X of KerasRegressor must be one table", wrapped.predict, PAIR)


def test_batch_normalization_after_an_embedding() -> None:
    model = model_of(Embedding(LEVELS, 3), BatchNormalization(), Dense(1))
    model.fit(PAIR, Y, epochs=2, verbose=0)
    assert np.isfinite(model.predict(PAIR)).all()
