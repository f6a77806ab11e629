"""Arrays, lists and frames as what an engine reads."""

import subprocess
import sys

import numpy as np
import pytest

from tabgrad._targets import class_weighted, matrix, row_weights, target
from tabgrad.layers import Dense
from tabgrad.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from tabgrad.matrix import Matrix, features, split
from tabgrad.plan import Network

TABLE = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5], [0.0, 1.0, 0.0]])


def frame_libraries():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    columns = {"a": [1, 4, 7, 0], "b": [2.0, 5.0, 8.0, 1.0], "c": [3.0, 6.0, 9.5, 0.0]}
    narrow = pd.DataFrame(columns).astype({"a": "int8", "b": "float16", "c": "float32"})
    return {
        "pandas": pd.DataFrame(columns),
        "pandas, other index": pd.DataFrame(columns, index=[9, 8, 7, 6]),
        "pandas, narrow": narrow,
        "pandas, nullable": pd.DataFrame(columns).convert_dtypes(),
        "pandas on Arrow": pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
        "pandas, sparse": pd.DataFrame({name: pd.arrays.SparseArray(values) for name, values in columns.items()}),
        "polars": pl.DataFrame(columns),
        "polars, wide": pl.DataFrame(columns, schema={"a": pl.Int128, "b": pl.Decimal(10, 2), "c": pl.Float64}),
        "arrow": pa.table(columns),
        "arrow batch": pa.record_batch(columns),
    }


def test_arrays_of_every_numeric_kind():
    whole = TABLE.round()
    for kind in ("?", "i1", "u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">f4", ">i8", ">f8"):
        given = whole.astype(kind)
        read = features(given)
        assert read.dtype == np.float32, kind
        assert read.dtype.isnative
        np.testing.assert_array_equal(read, given.astype(np.float64), err_msg=kind)


def test_arrays_of_every_layout(tmp_path):
    single = TABLE.astype(np.float32)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=single.shape)
    mapped[:] = single
    frozen = single.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"0" + single.tobytes(), np.float32, offset=1).reshape(single.shape)
    wide = np.repeat(np.repeat(single, 2, axis=0), 3, axis=1)
    layouts = [
        np.asfortranarray(single),
        wide[::2, ::3],
        np.repeat(single, 1, axis=0)[::-1][::-1],
        mapped,
        frozen,
        unaligned,
        single.view(np.matrix),
        single.tolist(),
        tuple(map(tuple, single.tolist())),
        list(single),
    ]
    for given in layouts:
        read = features(given)
        assert type(read) is np.ndarray
        assert read.flags.c_contiguous
        assert read.flags.aligned
        np.testing.assert_array_equal(read, single)


def test_what_is_ready_is_not_copied(tmp_path):
    single = TABLE.astype(np.float32)
    frozen = single.copy()
    frozen.flags.writeable = False
    np.save(tmp_path / "x.npy", single)
    for ready in (single, frozen, np.load(tmp_path / "x.npy", mmap_mode="r")):
        assert np.shares_memory(features(ready), ready)


def test_what_is_given_is_not_changed():
    given = TABLE.copy()
    matrix(given, TABLE[:, :1], [1, 2, 3, 4], loss=MeanSquaredError(), network=Network(3, (Dense(1),)))
    np.testing.assert_array_equal(given, TABLE)


@pytest.mark.parametrize("name", frame_libraries())
def test_frames(name):
    read = features(frame_libraries()[name])
    assert (read.dtype, read.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(read, TABLE)


def test_booleans_of_frames_are_0_and_1():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    columns = {"a": [True, False], "b": [1.5, 2.5]}
    for frame in (
        pd.DataFrame(columns),
        pd.DataFrame(columns).convert_dtypes(),
        pl.DataFrame(columns),
        pa.table(columns),
    ):
        np.testing.assert_array_equal(features(frame), [[1, 1.5], [0, 2.5]])


def test_series_are_targets():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    numbers, labels = [0.5, 1.5, 2.5], [0, 2, 1]
    for series in (pd.Series, pl.Series, pa.array, pa.chunked_array, pd.Index, np.array, list):
        wrap = (lambda values: pa.chunked_array([values])) if series is pa.chunked_array else series
        assert target(wrap(numbers), MeanSquaredError(), 1).tolist() == [[0.5], [1.5], [2.5]]
        assert target(wrap(labels), SparseCategoricalCrossentropy(), 3).tolist() == labels


def test_numbers_at_the_edge_of_float32_pass():
    largest = float(np.finfo(np.float32).max)
    read = features(np.full((1000, 2), largest))  # whose sum is beyond float32
    assert (read == largest).all()
    assert features([[largest, -largest]]).tolist() == [[largest, -largest]]
    assert features([[1e-300]]).tolist() == [[0.0]]


def test_targets_take_the_form_that_the_loss_reads():
    one_hot = np.eye(3)[[0, 2, 1]]
    y = target(one_hot.astype(bool), CategoricalCrossentropy(), 3)
    assert (y.dtype, y.tolist()) == (np.float32, one_hot.tolist())
    soft = [[0.25, 0.75], [1.0, 0.0]]
    np.testing.assert_array_equal(target(soft, CategoricalCrossentropy(), 2), np.float32(soft))
    for labels in ([0, 2, 1], [[0], [2], [1]], np.array([0.0, 2.0, 1.0]), np.array([0, 2, 1], np.uint8)):
        y = target(labels, SparseCategoricalCrossentropy(), 3)
        assert (y.dtype, y.shape, y.tolist()) == (np.int64, (3,), [0, 2, 1])
    assert target([True, False], BinaryCrossentropy(), 1).tolist() == [[1.0], [0.0]]
    assert target([0.25, 1.0], BinaryCrossentropy(), 1).tolist() == [[0.25], [1.0]]
    assert target([3, -4], MeanSquaredError(), 1).tolist() == [[3.0], [-4.0]]


def test_row_weights_may_be_a_column():
    for weight in ([1, 2], [[1], [2]], np.array([1.0, 2.0])):
        assert row_weights(weight).tolist() == [1.0, 2.0]


def test_class_weights_multiply_row_weights():
    x = np.zeros((4, 1), np.float32)
    labels = Matrix(x, np.array([0, 1, 2, 1]), np.array([1, 2, 3, 4], np.float32))
    weighted = class_weighted(labels, {1: 10, np.int64(2): 0.5}, SparseCategoricalCrossentropy(), 3)
    assert weighted.weight.tolist() == [1, 20, 1.5, 40]
    one_hot = Matrix(x, np.eye(3, dtype=np.float32)[[0, 1, 2, 1]])
    assert class_weighted(one_hot, {0.0: 3}, CategoricalCrossentropy(), 3).weight.tolist() == [3, 1, 1, 1]
    binary = Matrix(x, np.float32([[0], [1], [0.6], [0.5]]))  # rounded, a half to the even 0, as in Keras
    assert class_weighted(binary, {0: 2, 1: 5}, BinaryCrossentropy(), 1).weight.tolist() == [2, 5, 5, 2]
    assert binary.weight is None


def test_split_takes_the_last_rows():
    rows = Matrix(np.arange(10, dtype=np.float32).reshape(10, 1), np.arange(10), np.ones(10, np.float32))
    first, last = split(rows, 0.25)
    assert (first.x.ravel().tolist(), last.y.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    assert (len(first.weight), len(last.weight)) == (7, 3)
    assert np.shares_memory(first.x, rows.x)


def test_narwhals_is_imported_only_for_frames():
    program = (
        "import sys, numpy as np; from tabgrad.matrix import features; features(np.ones((2, 2))); features([[1, 2]]);"
        "print('narwhals' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"
