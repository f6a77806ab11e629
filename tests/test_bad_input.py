"""Every message about what cannot be used: raised before anything is trained, saying what, where and what to do."""

import datetime
import re
import warnings

import numpy as np
import pytest

from tabgrad import callbacks, losses
from tabgrad._targets import class_weighted, matrix
from tabgrad.callbacks import EarlyStopping, LambdaCallback
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, NotReadyError, UnknownNameError
from tabgrad.layers import Activation, Dense, Dropout, Input
from tabgrad.matrix import features
from tabgrad.models import Sequential
from tabgrad.plan import Network

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")
sparse = pytest.importorskip("scipy.sparse")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3))
NUMBERS = RANDOM.normal(size=20)
BINARY = np.arange(20) % 2
LABELS = np.arange(20) % 3
ONE_HOT = np.eye(3)[LABELS]
FRAME = pd.DataFrame(X, columns=["area", "depth", "width"])

SPARSE = {"loss": "sparse_categorical_crossentropy", "units": 3, "activation": "softmax"}
CATEGORICAL = {"loss": "categorical_crossentropy", "units": 3, "activation": "softmax"}
SIGMOID = {"loss": "binary_crossentropy", "activation": "sigmoid"}


def model(loss="mse", units=1, activation=None, columns=3, **options):
    built = Sequential([Dense(4, "relu", input_dim=columns), Dense(units, activation)], seed=0)
    built.compile("adam", loss, **options)
    return built


def changed(array, place, value):
    array = np.array(array, float)
    array[place] = value
    return array


def says(error, message, call, *values, **named):
    """The call raises exactly this class, and the message holds this text; no warning on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=re.escape(message)) as caught:
            call(*values, **named)
    assert type(caught.value) is error
    assert len(str(caught.value)) < 600  # the names of all losses are the longest list


# ---- X ---------------------------------------------------------------------------------------------------------------

NOT_FINITE = {
    "NaN": (changed(X, (2, 1), np.nan), "X must hold finite numbers. Got NaN in 1 place (row 2, column 1). Fill"),
    "many": (
        changed(X, (slice(2, 9), 1), np.nan),
        "Got NaN in 7 places (row 2, column 1; row 3, column 1; row 4, column 1; ...)",
    ),
    "infinity": (changed(X, (0, 2), -np.inf), "Got infinity in 1 place (row 0, column 2). Look for a division by zero"),
    "both": (
        changed(changed(X, (2, 1), np.inf), (3, 0), np.nan),
        "Got NaN in 1 place (row 3, column 0) and infinity in 1 place (row 2, column 1)",
    ),
    "float32": (changed(X, (0, 0), np.nan).astype("f"), "Got NaN in 1 place (row 0, column 0)"),
    "overflow": (
        changed(X, (5, 1), 1e300),
        "Got 1e+300, beyond float32's 3.4e+38, in 1 place (row 5, column 1). Scale the column",
    ),
    "pandas": (FRAME.assign(depth=changed(X[:, 1], 7, np.nan)), "Got NaN in 1 place (row 7, column 'depth')"),
    "polars": (pl.DataFrame({"a": [1.0, None], "b": [1, 2]}), "Got NaN in 1 place (row 1, column 'a')"),
    "arrow": (pa.table({"a": [1, 2], "b": [True, None]}), "Got NaN in 1 place (row 1, column 'b')"),
    "nullable": (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), "Got NaN in 1 place (row 1, column 'a')"),
    "arrow-backed": (
        pd.DataFrame({"a": pd.array([None, 1], dtype="int64[pyarrow]")}),
        "Got NaN in 1 place (row 0, column 'a')",
    ),
    "all missing": (pl.DataFrame({"a": [None, None]}), "Got NaN in 2 places (row 0, column 'a'; row 1, column 'a')"),
    "list": ([[1.0, 2.0], [1.0, float("nan")]], "Got NaN in 1 place (row 1, column 1)"),
}

NOT_NUMBERS = {
    "text frame": (
        FRAME.assign(depth="deep"),
        "X must hold numbers. Got text in column 'depth' ('deep' in row 0). Encode",
    ),
    "category": (
        FRAME.assign(depth=pd.Categorical(["u"] * 20)),
        "Got categories in column 'depth' ('u' in row 0). Encode",
    ),
    "date": (FRAME.assign(depth=pd.Timestamp("2020-01-01")), "Got dates in column 'depth'"),
    "duration": (FRAME.assign(depth=pd.Timedelta("1D")), "Got durations in column 'depth'"),
    "objects": (FRAME.astype(object), "Got Python objects in column 'area'"),
    "complex": (FRAME.assign(depth=1j), "Got complex numbers in column 'depth'"),
    "number as name": (pd.DataFrame({7: ["x"]}), "Got text in column '7'"),
    "several": (
        pl.DataFrame({"a": [1.0], "s": ["u"], "d": [datetime.date(2020, 1, 1)], "q": ["z"], "r": ["z"]}),
        "Got text in column 's' ('u' in row 0), dates in column 'd' (datetime.date(2020, 1, 1) in row 0), text in "
        "column 'q' ('z' in row 0) and in 1 more column.",
    ),
    "nested": (pl.DataFrame({"a": [[1, 2]]}), "Got nested values in column 'a' ([1, 2] in row 0). Give each nested"),
    "text array": (np.array([["1", "2"]]), "Got text in row 0, column 0 ('1')"),
    "bytes": (np.array([["a"]], dtype="S"), "Got text in row 0, column 0 (b'a')"),
    "text in a list": ([[1.0, 2.0], [3.0, "x"]], "Got text in row 1, column 1 ('x')"),
    "None": (np.array([[1.0, None]], dtype=object), "Got None in row 0, column 1. Fill what is missing"),
    "object array": (X.astype(object), "Got Python objects in an array of dtype object. If they are numbers, convert"),
    "dates array": (np.array([["2020-01-01"]], dtype="M8[D]"), "Got dates in row 0, column 0"),
    "complex array": (X * 1j, "Got complex numbers in row 0, column 0"),
    "records": (np.zeros(2, dtype=[("a", "f4")]), "Got records in row 0"),
    "lists in lists": ([[1, 2], [3, [4]]], "Got lists within its rows"),
}

NOT_A_TABLE = {
    "one axis": (
        X[:, 0],
        "X must be a table of shape (rows, columns). Got shape (20,). Use X.reshape(1, -1) for one row",
    ),
    "series": (FRAME["area"], "Got a series of 20 values. Use X.to_frame()"),
    "three axes": (X[:, :, None], "Got shape (20, 3, 1). Flatten each row: X.reshape(len(X), -1)."),
    "no rows": (X[:0], "X must have at least one row. Got shape (0, 3)."),
    "no columns": (X[:, :0], "X must have at least one column. Got shape (20, 0)."),
    "empty list": ([], "X must have at least one row."),
    "number": (3.0, "X must be an array, a list or a frame. Got 3.0 (float)."),
    "None": (None, "X must be an array, a list or a frame. Got None."),
    "dict": ({"a": [1]}, "X must be an array, a list or a frame. Got {'a': [1]} (dict)."),
    "ragged": ([[1, 2, 3], [1, 2]], "The rows of X must be equally long. Row 0 has 3 values, row 1 has 2."),
    "sparse": (sparse.csr_array(X), "X must be dense. Got a sparse matrix; convert it: .toarray()."),
    "masked": (np.ma.masked_array(X), "X must not be a masked array. Fill its gaps first: .filled(value)."),
    "lazy": (pl.DataFrame(X).lazy(), "X must be in memory. Got a LazyFrame: call .collect() first."),
    "same names": (FRAME[["area", "area"]], "The columns of X must have different names. Got 'area' 2 times."),
    "same names in arrow": (pa.table([[1.0], [2.0]], names=["a", "a"]), "Got 'a' 2 times."),
}


@pytest.mark.parametrize(
    "x, message",
    [*NOT_FINITE.values(), *NOT_NUMBERS.values(), *NOT_A_TABLE.values()],
    ids=[*NOT_FINITE, *NOT_NUMBERS, *NOT_A_TABLE],
)
def test_features_are_refused(x, message):
    says(DataError, message, features, x)


def test_every_method_looks_at_its_rows():
    bad = changed(X, (2, 1), np.nan)
    fitted = model()
    says(DataError, "row 2, column 1", fitted.fit, bad, NUMBERS)
    says(DataError, "row 2, column 1", fitted.evaluate, bad, NUMBERS)
    says(DataError, "row 2, column 1", fitted.predict, bad)
    says(DataError, "row 2, column 1", fitted.train_on_batch, bad, NUMBERS)
    says(DataError, "X of validation_data must hold finite", fitted.fit, X, NUMBERS, validation_data=(bad, NUMBERS))


def test_width_is_held_against_the_network():
    message = "X must have 3 columns, as the network was built for. Got 2 (shape (20, 2)). Choose these columns"
    says(DataError, message, model().predict, X[:, :2])
    says(DataError, message, model().fit, X[:, :2], NUMBERS)
    grown = Sequential([Dense(1)], seed=0)
    grown.compile("sgd", "mse")
    grown.fit(X, NUMBERS, verbose=0)
    says(DataError, message, grown.predict, X[:, :2])
    of_validation = "X of validation_data must have 3 columns"
    says(DataError, of_validation, grown.fit, X, NUMBERS, validation_data=(X[:, :2], NUMBERS))


def test_a_refused_call_leaves_no_trace():
    fresh = Sequential([Dense(1)], seed=0)
    fresh.compile("sgd", "mse")
    says(DataError, "y must hold finite", fresh.fit, X, changed(NUMBERS, 3, np.nan))
    assert not fresh.built
    assert fresh.history is None
    fresh.fit(X[:, :2], NUMBERS, verbose=0)
    assert fresh.input_shape == (None, 2)


# ---- y, sample_weight, class_weight ----------------------------------------------------------------------------------

TARGETS = {
    "NaN": ({}, changed(NUMBERS, 3, np.nan), "y must hold finite numbers. Got NaN in 1 place (row 3). Drop the rows"),
    "NaN in a frame": (
        {},
        pd.DataFrame({"price": changed(NUMBERS, 3, np.nan)}),
        "Got NaN in 1 place (row 3, column 'price')",
    ),
    "infinity": ({}, changed(NUMBERS, 3, np.inf), "y must hold finite numbers. Got infinity in 1 place (row 3)"),
    "overflow": ({}, changed(NUMBERS, 0, 1e39), "y must hold finite numbers. Got 1e+39, beyond float32's"),
    "length": ({}, NUMBERS[:19], "X and y must have the same number of rows. Got 20 rows of X and 19 of y."),
    "width": ({}, X, "y must have 1 column, one for each output of the network. Got 3 (shape (20, 3)). Give the last"),
    "columns in a list": (
        {"units": 2},
        [NUMBERS, NUMBERS],
        "y must be one array with 2 columns, one for each output of the network. Got shape (2, 20): if these are the "
        "columns, give np.column_stack(y).",
    ),
    "columns in a dict": ({"units": 2}, {"a": NUMBERS}, "Give its columns as one array or frame: pd.DataFrame(...)."),
    "missing": ({}, None, "fit needs targets: y is None."),
    "axes": ({}, np.zeros((20, 1, 1)), "y must have the shape (rows,) or (rows, 1). Got shape (20, 1, 1)."),
    "text": ({}, np.array(["u"] * 20), "y must hold numbers. Got text in row 0 ('u'). Number the classes 0, 1, 2"),
    "text series": ({}, pd.Series(["u"] * 20), "y must hold numbers. Got text in the series ('u' in row 0). Number"),
    "text and None": ({}, np.array(["u", None] * 10, object), "Got text in row 0 ('u'). Number the classes"),
    "labels from 1": (
        SPARSE,
        LABELS + 1,
        "y must hold labels from 0 to 2, as the network has 3 outputs. Got 3 in 6 places (row 2; row 5; row 8; ...). "
        "Number the classes from 0: y - 1.",
    ),
    "labels too high": (
        SPARSE,
        LABELS * 4,
        "Got 8 in 13 places (row 1; row 2; row 4; ...). Give the last layer 9 units",
    ),
    "labels negative": (
        SPARSE,
        LABELS - 1,
        "Got -1 in 7 places (row 0; row 3; row 6; ...). Number the classes 0, 1, 2",
    ),
    "labels fractional": (
        SPARSE,
        changed(LABELS, 4, 0.5),
        "y must hold whole labels. Got fractions in 1 place (row 4)",
    ),
    "labels NaN": (SPARSE, changed(LABELS, 4, np.nan), "y must hold finite numbers. Got NaN in 1 place (row 4)"),
    "one-hot for labels": (
        SPARSE,
        ONE_HOT,
        "y must hold labels, shape (rows,). Got shape (20, 3). The rows are one-hot: use "
        "loss='categorical_crossentropy', or y.argmax(axis=1).",
    ),
    "table for labels": (SPARSE, X, "y must hold labels, shape (rows,). Got shape (20, 3). Give one column of labels."),
    "labels for one-hot": (
        CATEGORICAL,
        LABELS,
        "y must have 3 one-hot columns for categorical_crossentropy. Got one column. If it holds labels 0 to 2, use "
        "loss='sparse_categorical_crossentropy', or np.eye(3)[y].",
    ),
    "sum": (
        CATEGORICAL,
        changed(ONE_HOT, 3, 0.5),
        "y must hold one-hot rows that sum to 1 for categorical_crossentropy. Got a sum of 1.5 in 1 place (row 3).",
    ),
    "negative share": (
        CATEGORICAL,
        changed(ONE_HOT, 3, (-1, 1, 1)),
        "y must hold one-hot rows with entries in [0, 1] for categorical_crossentropy. Got -1.0 in 1 place (row 3, "
        "column 0).",
    ),
    "width of one-hot": ({**CATEGORICAL, "units": 4}, ONE_HOT, "y must have 4 columns, one for each output"),
    "binary out of range": (
        SIGMOID,
        LABELS,
        "y must lie in [0, 1] for binary_crossentropy. Got 2 in 6 places (row 2; row 5; row 8; ...). For more",
    ),
    "binary from -1": (
        SIGMOID,
        BINARY * 2 - 1,
        "Got -1 in 10 places (row 0; row 2; row 4; ...). For classes -1 and 1",
    ),
    "binary from 1": (SIGMOID, BINARY + 1, "Number the two classes 0 and 1."),
    "binary one-hot": (SIGMOID, np.eye(2)[BINARY], "Got 2 one-hot columns. Use 2 softmax units with"),
    "one softmax": (
        {"loss": "categorical_crossentropy", "activation": "softmax"},
        BINARY,
        "Got a sum of 0.0 in 10 places (row 0; row 2; row 4; ...). For two classes in one column use a sigmoid",
    ),
    "binary focal": ({"loss": "binary_focal_crossentropy"}, LABELS, "y must lie in [0, 1] for binary_focal_"),
    "sum of shares": (
        {"loss": "kld", "units": 3},
        changed(ONE_HOT, 3, 0.5),
        "y must hold one-hot rows that sum to 1 for kl_divergence. Got a sum of 1.5 in 1 place (row 3).",
    ),
    "hinge of numbers": (
        {"loss": "hinge"},
        LABELS,
        "y must hold the classes -1 and 1, or 0 and 1, for hinge. Got 2 in 6 places (row 2; row 5; row 8; ...). For "
        "more than two classes use one-hot rows with loss='categorical_hinge'.",
    ),
    "hinge of both": (
        {"loss": "squared_hinge"},
        changed(BINARY, 4, -1),
        "for squared_hinge. Got 0.0 in 9 places (row 0; row 2; row 6; ...). If 0 is the other class: np.where(y > 0, ",
    ),
    "negative count": (
        {"loss": "poisson"},
        changed(BINARY, 7, -2),
        "y must not be negative for poisson. Got -2.0 in 1 place (row 7). Leave such rows out, or use "
        "loss='mean_squared_error'.",
    ),
    "negative amount": (
        {"loss": "tweedie_deviance"},
        changed(BINARY, 7, -2),
        "y must not be negative for tweedie_deviance. Got -2.0 in 1 place (row 7). Leave such rows out",
    ),
    "amount of zero": (
        {"loss": "gamma_deviance"},
        changed(np.ones(20), 7, 0),
        "y must be above 0 for gamma_deviance. Got 0.0 in 1 place (row 7). Leave such rows out, or use "
        "loss='tweedie_deviance'.",
    ),
    "columns of quantiles": (
        {"loss": losses.Quantile((0.1, 0.9)), "units": 2},
        X[:, :2],
        "y must have one column for quantile: its 2 outputs predict the same column. Got 2 (shape (20, 2)).",
    ),
}


@pytest.mark.parametrize("settings, y, message", TARGETS.values(), ids=TARGETS)
def test_targets_are_refused(settings, y, message):
    says(DataError, message, model(**settings).fit, X, y, verbose=0)


@pytest.mark.parametrize("loss", ["poisson", "tweedie_deviance", "msle", "mae"])
def test_targets_at_the_edge_are_taken(loss):
    model(loss, activation="softplus").fit(X, BINARY, verbose=0)


@pytest.mark.parametrize("y", [BINARY, 2 * BINARY - 1])
def test_class_weights_of_a_hinge_in_either_spelling(y):
    rows = class_weighted(
        matrix(X, y, None, loss=losses.Hinge(), network=Network(3, (Dense(1),))), {0: 2, 1: 5}, losses.Hinge(), 1
    )
    np.testing.assert_array_equal(rows.weight, np.where(y > 0, 5, 2))


def test_a_target_of_quantiles_is_one_column():
    target = matrix(X, NUMBERS, None, loss=losses.Quantile((0.1, 0.9)), network=Network(3, (Dense(2),))).y
    np.testing.assert_allclose(target, np.column_stack([NUMBERS, NUMBERS]), rtol=1e-6)


def test_a_loss_has_a_number_for_each_output():
    message = (
        "Quantile(quantiles=(0.1, 0.9)) has 2 numbers, one for each output. The network has 3 outputs: give its last "
        "layer 2 units, or the loss 3 numbers."
    )
    says(ArgumentError, message, model(losses.Quantile((0.1, 0.9)), units=3).fit, X, NUMBERS, verbose=0)
    message = "has 2 numbers, one for each output. The network has 3 outputs"
    weighted = losses.CategoricalFocalCrossentropy(alpha=[1, 2])
    says(ArgumentError, message, model(weighted, units=3).fit, X, ONE_HOT, verbose=0)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.Quantile(90), ArgumentError, "'quantiles' of Quantile must be in (0, 1). Got 90."),
        (lambda: losses.Quantile((0.1, 1.0)), ArgumentError, "'quantiles' of Quantile must be in (0, 1). Got 1.0."),
        (lambda: losses.Quantile(()), ArgumentError, "'quantiles' of Quantile must hold at least one number. Got ()."),
        (lambda: losses.Quantile("0.5"), ArgumentTypeError, "'quantiles' of Quantile must be a number. Got '0.5'"),
        (
            lambda: losses.CategoricalFocalCrossentropy([0.1, -1]),
            ArgumentError,
            "'alpha' of CategoricalFocalCrossentropy must be at least 0. Got -1.",
        ),
    ],
)
def test_numbers_for_each_output_are_checked(make, error, message):
    says(error, message, make)


def test_targets_of_validation_are_held_against_the_loss_too():
    bad = (X, LABELS + 1)
    says(DataError, "y of validation_data must hold labels", model(**SPARSE).fit, X, LABELS, validation_data=bad)


def test_softmax_over_one_output_warns():
    alone = model("categorical_crossentropy", activation="softmax")
    with pytest.warns(UserWarning, match=r"A softmax over one output is always 1.*sigmoid") as caught:
        alone.fit(X, np.ones(20), verbose=0)
    assert caught[0].filename == __file__


WEIGHTS = {
    "length": (np.ones(3), "X and sample_weight must have the same number of rows. Got 20 rows of X and 3"),
    "negative": (changed(np.ones(20), 4, -1), "sample_weight must not be negative. Got -1.0 in 1 place (row 4). Use 0"),
    "NaN": (changed(np.ones(20), 4, np.nan), "sample_weight must hold finite numbers. Got NaN in 1 place (row 4)"),
    "two axes": (np.ones((20, 2)), "sample_weight must have the shape (rows,). Got shape (20, 2)."),
    "all zero": (np.zeros(20), "sample_weight must not be 0 for every row: nothing would be learned."),
    "text": (["u"] * 20, "sample_weight must hold numbers. Got text in row 0 ('u')"),
}


@pytest.mark.parametrize("weight, message", WEIGHTS.values(), ids=WEIGHTS)
def test_sample_weights_are_refused(weight, message):
    says(DataError, message, model().fit, X, NUMBERS, sample_weight=weight, verbose=0)


CLASS_WEIGHTS = {
    "unknown": (
        SIGMOID,
        BINARY,
        {0: 1, 2: 3, "a": 1},
        ArgumentError,
        "classes that the target cannot have: 2, 'a'. The",
    ),
    "of labels": (SPARSE, LABELS, {3: 1.0}, ArgumentError, "cannot have: 3. The classes are 0 to 2."),
    "negative": (SIGMOID, BINARY, {0: -1}, ArgumentError, "must hold finite numbers, at least 0. Got -1 for class 0."),
    "NaN": (SIGMOID, BINARY, {0: float("nan")}, ArgumentError, "Got nan for class 0."),
    "word": (SIGMOID, BINARY, "balanced", ArgumentTypeError, "must be a dict of labels and weights, for instance {0"),
    "numbers": ({}, NUMBERS, {0: 2}, ArgumentError, "needs a target of classes: labels, one-hot rows or one binary"),
    "many binary": ({**SIGMOID, "units": 3}, ONE_HOT, {0: 2}, ArgumentError, "needs a target of classes"),
}


@pytest.mark.parametrize("settings, y, weight, error, message", CLASS_WEIGHTS.values(), ids=CLASS_WEIGHTS)
def test_class_weights_are_refused(settings, y, weight, error, message):
    says(error, message, model(**settings).fit, X, y, class_weight=weight, verbose=0)


# ---- Arguments -------------------------------------------------------------------------------------------------------

ARGUMENTS = {
    "batch_size": ({"batch_size": 0}, ArgumentError, "'batch_size' of fit must be at least 1. Got 0."),
    "batch_size type": (
        {"batch_size": 1.5},
        ArgumentTypeError,
        "'batch_size' of fit must be an integer or None. Got 1.5",
    ),
    "epochs": ({"epochs": -1}, ArgumentError, "'epochs' of fit must be in [0, 1000000000]. Got -1."),
    "many epochs": ({"epochs": 10**12}, ArgumentError, "must be in [0, 1000000000]. Got 1000000000000."),
    "epochs type": ({"epochs": "3"}, ArgumentTypeError, "'epochs' of fit must be an integer. Got '3'"),
    "split": (
        {"validation_split": 20},
        ArgumentError,
        "'validation_split' of fit must be in [0, 1). Got 20. Did you mean",
    ),
    "whole split": ({"validation_split": 1.0}, ArgumentError, "'validation_split' of fit must be in [0, 1). Got 1.0."),
    "no row left": (
        {"validation_split": 0.99},
        DataError,
        "0.99 of 20 rows, leaves no row to train on. Change the share",
    ),
    "no row taken": ({"validation_split": 1e-20}, DataError, "1e-20 of 20 rows, leaves no row to validate on."),
    "initial_epoch": ({"epochs": 2, "initial_epoch": 3}, ArgumentError, "Got initial_epoch=3 and epochs=2."),
    "negative initial_epoch": (
        {"initial_epoch": -1},
        ArgumentError,
        "'initial_epoch' of fit must be at least 0. Got -1.",
    ),
    "verbose": (
        {"verbose": 3},
        ArgumentError,
        "'verbose' of fit must be 0 (silent), 1 (a live line), 2 (a line an epoch)",
    ),
    "verbose type": ({"verbose": [1]}, ArgumentError, "or 'auto'. Got [1]."),
    "shuffle": ({"shuffle": "batch"}, ArgumentTypeError, "'shuffle' of fit must be True or False. Got 'batch'."),
    "validation_data": ({"validation_data": X}, ArgumentError, "must be (x, y) or (x, y, sample_weight). Got ndarray."),
    "validation tuple": ({"validation_data": (X,)}, ArgumentError, "(x, y, sample_weight). Got tuple of 1."),
    "validation_batch_size": ({"validation_batch_size": 0}, ArgumentError, "'validation_batch_size' of fit must be at"),
    "callback class": ({"callbacks": [EarlyStopping]}, ArgumentTypeError, "not classes: write EarlyStopping(...)."),
    "no callback": (
        {"callbacks": [callbacks.Callback(), 3]},
        ArgumentTypeError,
        "subclasses of its Callback. Got 3 at pl",
    ),
    "monitor": (
        {"callbacks": EarlyStopping("val_f1")},
        ArgumentError,
        "cannot tell whether 'val_f1' should rise or fall",
    ),
}


@pytest.mark.parametrize("arguments, error, message", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_of_fit_are_refused(arguments, error, message):
    says(error, message, model().fit, X, NUMBERS, **{"verbose": 0, **arguments})


COMPILE = {
    "optimizer": (
        {"optimizer": "adem", "loss": "mse"},
        UnknownNameError,
        "Unknown optimizer 'adem'. Did you mean 'adam'?",
    ),
    "loss": ({"loss": "binary_crossentrop"}, UnknownNameError, "Did you mean 'binary_crossentropy'?"),
    "metric": ({"loss": "mse", "metrics": ["acuracy"]}, UnknownNameError, "Unknown metric 'acuracy'. Did you mean"),
    "no loss": ({}, ArgumentError, "compile needs a loss, for instance loss='mean_squared_error' for numbers"),
    "loss function": ({"loss": lambda y: y}, ArgumentTypeError, "must take two arguments (y_true, y_pred). It takes"),
    "loss class": ({"loss": dict}, ArgumentTypeError, "A loss must be a name, for instance 'mean_squared"),
    "metric of labels": (
        {"loss": "mse", "metrics": ["sparse_categorical_accuracy"]},
        ArgumentError,
        "The metric 'sparse_categorical_accuracy' does not fit MeanSquaredError, whose targets are one column for each",
    ),
    "metric for labels": (
        {"loss": "sparse_categorical_crossentropy", "metrics": ["mse"]},
        ArgumentError,
        "The metric 'mse' does not fit SparseCategoricalCrossentropy, whose targets are labels: use 'accuracy'.",
    ),
    "argument": ({"optimiser": "adam", "loss": "mse"}, ArgumentTypeError, "'optimiser'. Did you mean 'optimizer'?"),
    "argument of Keras": (
        {"run_eagerly": True},
        ArgumentTypeError,
        "compile has no argument 'run_eagerly': there is no",
    ),
    "weights of losses": (
        {"loss_weights": [1]},
        ArgumentTypeError,
        "compile has no argument 'loss_weights': a model has one loss.",
    ),
    "more than the native engine takes": (
        {"loss": "mse", "metrics": ["mae"] * 40, "weighted_metrics": ["mae"] * 25},
        ArgumentError,
        "compile takes at most 64 metrics. Got 65.",
    ),
    "almost an argument": (
        {"weightedmetrics": ["mae"]},
        ArgumentTypeError,
        "Write 'weighted_metrics' for the argument 'weightedmetrics' of compile.",
    ),
}


@pytest.mark.parametrize("arguments, error, message", COMPILE.values(), ids=COMPILE)
def test_arguments_of_compile_are_refused(arguments, error, message):
    says(error, message, Sequential([Dense(1)]).compile, **arguments)


def test_calls_that_come_too_early():
    needs_width = "needs the width of a row. Give the first layer input_dim, or put Input((features,)) before it"
    bare = Sequential([Dense(1)])
    says(NotReadyError, "fit needs a compiled model. Call compile(", bare.fit, X, NUMBERS)
    says(NotReadyError, "evaluate needs a compiled model", bare.evaluate, X, NUMBERS)
    says(NotReadyError, "train_on_batch needs a compiled model", bare.train_on_batch, X, NUMBERS)
    says(NotReadyError, "learning_rate needs a compiled model", lambda: bare.learning_rate)
    says(NotReadyError, f"count_params {needs_width}", bare.count_params)
    says(NotReadyError, f"set_weights {needs_width}", bare.set_weights, [])
    says(NotReadyError, f"build {needs_width}", bare.build)
    empty = Sequential()
    empty.compile("sgd", "mse")
    says(NotReadyError, "fit needs a model with layers: model.add(Dense(1))", empty.fit, X, NUMBERS)
    says(NotReadyError, "predict needs a model with layers", empty.predict, X)
    says(NotReadyError, "pop finds no layer", empty.pop)


def test_layers_that_cannot_be_added():
    says(ArgumentTypeError, "A Sequential takes layers of tabgrad.layers. Got 3 (builtins.int).", Sequential().add, 3)
    says(ArgumentTypeError, "A Sequential takes layers, not classes: write Dense(...).", Sequential, [Dense])
    says(ArgumentError, "Input must be the first layer", Sequential, [Dense(1), Input((3,))])
    says(ArgumentError, "Input must be the first layer", Sequential, [Input((3,)), Input((3,))])
    says(ArgumentError, "'a' is there already", Sequential, [Dense(1, name="a"), Dropout(0.1, name="a")])
    says(ArgumentError, "'dense' is there already", Sequential, [Dense(1), Dense(1, name="dense")])
    declared = "A Dense declares 5 columns, but receives 4 columns. Only the first layer needs input_dim"
    says(ArgumentError, declared, Sequential, [Dense(4, input_dim=3), Activation("relu"), Dense(1, input_dim=5)])
    says(ArgumentError, "build was given 7 columns, but the model takes 3 columns.", model().build, (None, 7))
    says(ArgumentError, "'input_shape' of build must be (None, features).", Sequential([Dense(1)]).build, (1, 2, 3))
    says(ArgumentError, "'seed' of Sequential must be", Sequential, seed=-1)


def test_weights_that_do_not_fit():
    fitted = model()
    weights = fitted.get_weights()
    expected = (
        "set_weights takes 4 arrays: kernel of dense (3, 4), bias of dense (4,), kernel of dense_1 (4, 1), bias of"
    )
    says(DataError, expected, fitted.set_weights, weights[:1])
    shape = "Array 0 of set_weights (kernel of dense) must have the shape (3, 4). Got (4, 3). Transpose it."
    says(DataError, shape, fitted.set_weights, [weights[0].T, *weights[1:]])
    missing = "Array 3 of set_weights (bias of dense_1) must hold finite numbers. Got NaN in 1 place (row 0)"
    says(DataError, missing, fitted.set_weights, [*weights[:3], [np.nan]])
    says(DataError, "Array 3 of set_weights", fitted.set_weights, [*weights[:3], ["x"]])
    for before, after in zip(weights, fitted.get_weights(), strict=True):
        assert np.array_equal(before, after)


METHODS = {
    "fit": ("epoch", "epochs"),
    "evaluate": ("sample_weights", "sample_weight"),
    "predict": ("batchsize", "batch_size"),
    "train_on_batch": ("class_weights", "class_weight"),
    "test_on_batch": ("return_dictionary", "return_dict"),
}


@pytest.mark.parametrize("method", METHODS)
def test_misspelt_arguments_are_answered_with_the_nearest(method):
    misspelt, meant = METHODS[method]
    fitted, rows = model(), (X,) if method == "predict" else (X, NUMBERS)
    before = fitted.get_weights()
    takes = f"{method} takes no argument '{misspelt}' (did you mean '{meant}'?). It takes: x, "
    says(ArgumentTypeError, takes, getattr(fitted, method), *rows, **{misspelt: 1})
    two = f"{method} takes no argument '{misspelt}' (did you mean '{meant}'?), 'qqq'. It takes: x, "
    says(ArgumentTypeError, two, getattr(fitted, method), *rows, **{misspelt: 1, "qqq": 2})
    with pytest.raises(TypeError, match=meant):  # what Python itself raises for a keyword that nobody takes
        getattr(fitted, method)(*rows, **{misspelt: 1})
    assert all(np.array_equal(a, b) for a, b in zip(fitted.get_weights(), before, strict=True))


def test_arguments_of_older_keras_are_answered():
    says(ArgumentTypeError, "'nb_epoch' (did you mean 'epochs'?)", model().fit, X, NUMBERS, nb_epoch=3)
    threads = "fit takes no argument 'workers': batches are taken where they are trained on, one after the other. Leave"
    says(ArgumentTypeError, threads, model().fit, X, NUMBERS, workers=4)
    says(ArgumentTypeError, "'epsilon' (did you mean 'min_delta'?)", callbacks.ReduceLROnPlateau, epsilon=1e-3)
    says(ArgumentTypeError, "'period' (did you mean 'save_freq'?)", callbacks.ModelCheckpoint, "x", period=2)
    says(ArgumentTypeError, "Sequential takes no argument 'sed' (did you mean 'seed'?)", Sequential, sed=1)


CONSTRUCTORS = {  # what it needs, a misspelt argument, the one that was meant
    "BackupAndRestore": (["x"], "dubble_checkpoint", "double_checkpoint"),
    "CSVLogger": (["x"], "seperator", "separator"),
    "EarlyStopping": ([], "patiance", "patience"),
    "LearningRateScheduler": ([abs], "verbos", "verbose"),
    "ModelCheckpoint": (["x"], "save_best", "save_best_only"),
    "ReduceLROnPlateau": ([], "factr", "factor"),
    "SwapEMAWeights": ([], "swap_on_epochs", "swap_on_epoch"),
    "TensorBoard": ([], "logdir", "log_dir"),
    "TerminateOnNaN": ([], "raise_errors", "raise_error"),
}
TAKE_NOTHING = {"Callback", "History", "LambdaCallback", "ProgbarLogger"}  # or hooks by their names


@pytest.mark.parametrize("name", sorted({*callbacks.__all__} - TAKE_NOTHING))
def test_misspelt_arguments_of_callbacks_are_answered_with_the_nearest(name):
    needed, misspelt, meant = CONSTRUCTORS[name]
    answer = f"{name} takes no argument '{misspelt}' (did you mean '{meant}'?). It takes: "
    says(ArgumentTypeError, answer, getattr(callbacks, name), *needed, **{misspelt: 1})


def test_callbacks_that_cannot_be_made():
    says(UnknownNameError, "Unknown mode 'mni'. Did you mean 'min'?", EarlyStopping, mode="mni")
    says(ArgumentError, "'patience' of EarlyStopping must be at least 0. Got -1.", EarlyStopping, patience=-1)
    says(
        UnknownNameError,
        "Unknown hook 'on_epoch_ends'. Did you mean 'on_epoch_end'?",
        LambdaCallback,
        on_epoch_ends=max,
    )
    says(ArgumentTypeError, "'on_epoch_end' of LambdaCallback must be callable. Got 3.", LambdaCallback, on_epoch_end=3)
    plateau = callbacks.ReduceLROnPlateau
    says(ArgumentError, "'factor' of ReduceLROnPlateau must be in [0, 1). Got 1.0.", plateau, factor=1.0)
    says(ArgumentError, "'patience' of ReduceLROnPlateau must be at least 0. Got -1.", plateau, patience=-1)
    says(ArgumentError, "'cooldown' of ReduceLROnPlateau must be at least 0. Got -1.", plateau, cooldown=-1)
    says(ArgumentError, "'min_lr' of ReduceLROnPlateau must be at least 0. Got -1.", plateau, min_lr=-1)
    says(ArgumentError, "'min_delta' of ReduceLROnPlateau must be finite. Got nan.", plateau, min_delta=float("nan"))
    says(UnknownNameError, "Unknown mode 'mix'. Did you mean 'min'?", plateau, mode="mix")
    scheduler = "'schedule' of LearningRateScheduler must be a function of the epoch and the learning rate. Got 0.1."
    says(ArgumentTypeError, scheduler, callbacks.LearningRateScheduler, 0.1)
    says(ArgumentTypeError, "'raise_error' of TerminateOnNaN must be True or False.", callbacks.TerminateOnNaN, 1)
    says(ArgumentTypeError, "'filename' of CSVLogger must be a path. Got 3.", callbacks.CSVLogger, 3)
    says(ArgumentTypeError, "'filename' of CSVLogger must be a path. Got ''.", callbacks.CSVLogger, "")
    says(ArgumentError, "'separator' of CSVLogger must be one character", callbacks.CSVLogger, "log.csv", ", ")
    says(ArgumentTypeError, "'append' of CSVLogger must be True or False.", callbacks.CSVLogger, "log.csv", append=1)
    board = "'histogram_freq'. It takes: log_dir, update_freq. It writes the values of epochs and nothing else."
    says(ArgumentTypeError, "TensorBoard takes no argument " + board, callbacks.TensorBoard, histogram_freq=1)
    says(ArgumentError, "'update_freq' of TensorBoard must be 'epoch'", callbacks.TensorBoard, update_freq="batch")
    says(ArgumentTypeError, "'log_dir' of TensorBoard must be a path. Got None.", callbacks.TensorBoard, None)


def test_learning_rates_are_refused():
    says(
        ArgumentError,
        "'learning_rate' of Sequential must be at least 0. Got -1.",
        setattr,
        model(),
        "learning_rate",
        -1,
    )


def test_names_are_resolved_as_users_write_them():
    assert model("MSE").loss == losses.MeanSquaredError()
