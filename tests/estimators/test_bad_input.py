"""What cannot be used is refused, with the place and what to do; what can is used, whatever it looks like."""

import re
import warnings
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from tabgrad.errors import ArgumentError, DataError, DataWarning, DivergenceError, DivergenceWarning
from tabgrad.estimators import Classifier, Regressor
from tabgrad.estimators._suspicions import leaks, repeats
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.table import Table

ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3))
Y = np.arange(ROWS) % 2
NUMBERS = X[:, 0] + RNG.normal(size=ROWS)
FRAME = pd.DataFrame(X, columns=["area", "rooms", "year"])


def classifier(**settings):
    return Classifier(**{"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0} | settings)


def regressor(**settings):
    return Regressor(**{"hidden_layer_sizes": (4,), "epochs": 2, "random_state": 0} | settings)


def changed(array, value, *places):
    array = np.array(array, dtype=object if value is None or isinstance(value, str) else np.float64)
    for place in places:
        array[place] = value
    return array


def refused(message, fit, kind=ValueError):
    with pytest.raises(kind, match=re.escape(message)):
        fit()


# ---- X ---------------------------------------------------------------------------------------------------------------


def test_missing_numbers_are_learned_from():
    gaps = changed(X, np.nan, (3, 0), (5, 0), (7, 0), (9, 2))
    fitted = classifier().fit(gaps, Y)
    assert fitted.encoder_.features == (*(f"x{column}" for column in range(X.shape[1])), "x0 (missing)")
    assert np.isfinite(fitted.predict_proba(gaps)).all()


@pytest.mark.parametrize("make", [Classifier, Regressor])
def test_infinity_is_refused_with_its_rows(make):
    bad = changed(X, np.inf, (4, 1), (11, 1))
    for call in (lambda: make(epochs=1).fit(bad, Y), lambda: make(epochs=1).fit(X, Y).predict(bad)):
        with pytest.raises(ValueError, match=r"inf.*4.*11|4.*11.*inf"):
            call()


def test_numbers_beyond_float32_are_bounded():
    large = changed(X, 1e300, (4, 1))
    fitted = classifier().fit(large, Y)
    assert np.isfinite(fitted.predict_proba(large)).all()


def test_columns_that_are_missing_are_named_with_the_nearest():
    fitted = classifier().fit(FRAME, Y)
    renamed = FRAME.rename(columns={"rooms": "room"})
    refused("yet now missing:\n- rooms\nDo you mean 'rooms' for 'room'?", lambda: fitted.predict(renamed))
    refused(
        "The feature names should match those that were passed during fit.", lambda: fitted.predict(FRAME[["area"]])
    )


def test_columns_in_another_order():
    fitted = classifier().fit(FRAME, Y)
    turned = FRAME[["year", "rooms", "area"]]
    refused("Feature names must be in the same order as they were in fit.", lambda: fitted.predict(turned))
    np.testing.assert_array_equal(fitted.predict(turned[fitted.feature_names_in_]), fitted.predict(FRAME))
    np.testing.assert_array_equal(fitted.predict({name: turned[name] for name in turned}), fitted.predict(FRAME))


def test_other_columns_are_left_out_with_a_warning():
    fitted = classifier().fit(FRAME, Y)
    with pytest.warns(DataWarning, match="are left out: 'more'"):
        fitted.predict(FRAME.assign(more=1))


def test_names_in_one_call_alone_are_warned_of():
    with pytest.warns(UserWarning, match="does not have valid feature names, but Classifier was fitted with"):
        classifier().fit(FRAME, Y).predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but Classifier was fitted without"):
        classifier().fit(X, Y).predict(FRAME)


def test_text_where_numbers_were_is_refused_with_its_rows():
    fitted = classifier().fit(FRAME, Y)
    wrong = FRAME.astype({"rooms": object})
    wrong["rooms"] = [str(value) for value in wrong["rooms"]]
    wrong.loc[7, "rooms"] = "many"
    with pytest.raises(ValueError, match=r"'rooms'.*'many'.*7"):
        fitted.predict(wrong)


def test_levels_that_training_had_not_are_counted():
    frame = FRAME.assign(town=["Bonn", "Ulm", "Trier"] * 20)
    frame.loc[[0, 1], "town"] = "Hof"  # too few rows for a place of its own
    fitted = classifier().fit(frame, Y)
    other = frame.assign(town="Ulm")
    other.loc[[2, 3], "town"] = "Hof"
    fitted.predict(other)
    other.loc[[4, 5, 6], "town"] = "Kiel"
    with pytest.warns(DataWarning, match=re.escape("3 rows of 'town' in X hold what training had not: 'Kiel' (3).")):
        fitted.predict(other)


def test_constants_identifiers_and_empty_columns_are_dropped_and_said():
    frame = FRAME.assign(country="DE", empty=None, key=[f"row {n}" for n in range(ROWS)])
    fitted = classifier().fit(frame, Y)
    assert {column.name: column.kind for column in fitted.table_schema_.dropped} == {
        "country": "constant",
        "empty": "constant",
        "key": "identifier",
    }
    assert fitted.encoder_.features == ("area", "rooms", "year")
    refused("no column that tells rows apart", lambda: classifier().fit(frame[["country", "empty"]], Y))


def test_a_column_of_row_numbers_is_a_number_in_an_array():
    assert regressor().fit(np.arange(ROWS).reshape(-1, 1), NUMBERS).table_schema_.columns[0].kind == "numeric"


def test_hundred_thousand_levels_are_bounded():
    levels = [f"level {n}" for n in RNG.integers(0, 100_000, 120_000)]
    fitted = classifier(epochs=1).fit({"x": np.arange(120_000.0) % 7, "level": levels}, np.arange(120_000) % 2)
    assert all(cardinality <= 10_002 for cardinality in fitted.encoder_.cardinalities)


@pytest.mark.parametrize(
    "make",
    [sparse.csr_matrix, sparse.coo_array, sparse.dok_matrix, sparse.lil_array, sparse.dia_matrix],
    ids=lambda make: make.__name__,
)
def test_sparse_tables_are_refused(make):
    refused("Sparse data was passed", lambda: classifier().fit(make(X), Y), TypeError)
    refused("Sparse data was passed", lambda: classifier().fit(X, Y).predict(make(X)), TypeError)


def test_what_is_no_table_is_refused():
    refused("Reshape your data", lambda: classifier().fit(X[:, 0], Y))
    refused("Complex data not supported", lambda: classifier().fit(X + 1j, Y))
    refused("must be equally long", lambda: classifier().fit({"a": [1, 2], "b": [1]}, [0, 1]))
    refused("Found array with dim 3", lambda: classifier().fit(X[:, :, np.newaxis], Y))
    refused("one kind only", lambda: classifier().fit(changed(X, "text", (3, 1)), Y))
    with pytest.raises(ValueError, match="different names"):
        classifier().fit(pd.DataFrame(X, columns=["a", "a", "b"]), Y)


def test_other_forms_of_arrays_are_read():
    expected = classifier().fit(X, Y).predict_proba(X)
    readonly = X.copy()
    readonly.flags.writeable = False
    masked = np.ma.masked_array(X, np.zeros(X.shape, bool))
    for other in (readonly, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.astype(">f8"), masked):
        np.testing.assert_array_equal(classifier().fit(other, Y).predict_proba(other), expected)
    nullable = FRAME.convert_dtypes()
    np.testing.assert_array_equal(classifier().fit(nullable, Y).predict_proba(nullable), expected)
    arrow = FRAME.convert_dtypes(dtype_backend="pyarrow")
    np.testing.assert_array_equal(classifier().fit(arrow, Y).predict_proba(arrow), expected)


def test_too_few_rows_and_columns():
    refused("0 feature(s) (shape=(60, 0)) while a minimum of 1 is required", lambda: classifier().fit(X[:, :0], Y))
    refused("0 sample(s)", lambda: classifier().fit(X[:0], Y[:0]))
    refused("1 sample", lambda: classifier().fit(X[:1], Y[:1]))
    refused("1 sample", lambda: regressor().fit(X[:1], NUMBERS[:1]))
    refused("inconsistent numbers of samples: [60, 59]", lambda: classifier().fit(X, Y[1:]))
    refused("X has 2 features, but Regressor is expecting 3", lambda: regressor().fit(X, NUMBERS).predict(X[:, :2]))


@pytest.mark.parametrize(
    "names",
    [
        ["<script>alert(1)</script>", "a\nb", "\x1b[31mred"],
        ["=cmd|' /C calc'!A0", "x" * 1000, "ünïcode ☃"],
        ["a b", " a", "{0}"],
    ],
)
def test_hostile_names_are_names(names):
    frame = FRAME.set_axis(names, axis=1)
    fitted = classifier().fit(frame, Y)
    assert fitted.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="now missing") as caught:
        fitted.predict(frame[names[:2]])
    assert "\x1b" not in str(caught.value)


# ---- y ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, None], ids=str)
@pytest.mark.parametrize("make", [classifier, regressor])
def test_gaps_in_the_target_are_refused_with_their_rows(make, value):
    with pytest.raises(DataError, match=r"3 rows \(4, 7, 9\)"):
        make().fit(X, changed(Y, value, 4, 7, 9))
    with pytest.raises(DataError, match=r"2 rows \(4, 7\)"):
        make().fit(FRAME.assign(y=changed(NUMBERS if make is regressor else Y, np.nan, 4, 7)), "y")


def test_infinity_in_the_target_is_refused_with_its_row():
    with pytest.raises(DataError, match="inf in row 8"):
        regressor().fit(X, changed(NUMBERS, np.inf, 8))
    with pytest.raises(DataError, match="inf in row 8"):
        classifier().fit(X, changed(Y, np.inf, 8))


def test_fractions_are_no_classes():
    with pytest.raises(DataError, match=r"continuous.*row 0.*regress"):
        classifier().fit(X, NUMBERS)


def test_labels_of_several_types_are_refused():
    for labels in (["a", 1] * 30, [None, "a"] * 30, [True, 2] * 30, [0, True] * 30):
        with pytest.raises(DataError, match=r"row 0|rows \(0"):
            classifier().fit(X, labels)


def test_one_class_is_refused():
    refused("needs at least 2 classes. y has 1 class, 'a'", lambda: classifier().fit(X, ["a"] * ROWS))
    weight = (np.arange(ROWS) % 2).astype(float)
    refused("y has 1 class, 1,", lambda: classifier().fit(X, Y, sample_weight=weight))


def test_text_is_no_number():
    with pytest.raises(DataError, match=r"numbers in row 0.*text in row 3 \('many'\)"):
        regressor().fit(X, changed(NUMBERS, "many", 3))
    with pytest.raises(DataError, match=r"numbers for a regression.*'a' in row 0"):
        regressor().fit(FRAME.assign(town=["a", "b"] * 30), "town")


def test_a_target_of_several_columns_is_no_label():
    refused("The rows are one-hot: give y.argmax(axis=1).", lambda: classifier().fit(X, np.eye(2)[Y]))
    refused("Train a Classifier for each column.", lambda: classifier().fit(X, X > 0))
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        classifier().fit(X, Y.reshape(-1, 1))
    refused("must have the shape (rows,) or (rows, outputs). Got (60, 3, 1)", lambda: regressor().fit(X, X[:, :, None]))


def test_a_target_that_is_not_there():
    refused("requires y to be passed, but the target y is None", lambda: classifier().fit(X, None))
    with pytest.raises(DataError, match=r"no column 'roms' \(did you mean 'rooms'\?\)"):
        regressor().fit(FRAME, "roms")
    refused("y is a column's name, 'rooms', and X has no names", lambda: regressor().fit(X, "rooms"))
    refused("with a value for each row of X. Got 3", lambda: regressor().fit(X, 3))


def test_labels_that_no_fit_has_seen():
    fitted = classifier().partial_fit(X, Y)
    with pytest.raises(DataError, match=r"classes of training: 0, 1\. Got 2\.0 in row 5"):
        fitted.partial_fit(X, changed(Y, 2, 5))


def test_targets_on_the_wrong_side_of_zero():
    counts = changed(Y, -1, 5, 6)
    refused(
        "y must not be negative for poisson. Got -1.0; so in 2 rows (5, 6)",
        lambda: regressor(loss="poisson").fit(X, counts),
    )
    refused("y must be above 0 for gamma_deviance", lambda: regressor(loss="gamma_deviance").fit(X, Y))


# ---- Weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "weight, message",
    [
        (changed(np.ones(ROWS), -1, 3, 4), "must not be negative. Got -1 in row 3, -1 in row 4"),
        (changed(np.ones(ROWS), np.nan, 3), "must be finite numbers. Got nan in row 3"),
        (changed(np.ones(ROWS), np.inf, 3), "must be finite numbers. Got inf in row 3"),
        (np.zeros(ROWS), "must not be zero in every row"),
        (np.ones(5), "inconsistent numbers of samples: [60, 5]"),
        (np.ones((ROWS, 2)), "must have the shape (rows,). Got (60, 2)"),
        (["a"] * ROWS, "sample_weight must hold numbers"),
    ],
)
def test_weights_that_are_none(weight, message):
    for make in (classifier, regressor):
        refused(message, lambda make=make: make().fit(X, Y, sample_weight=weight))


def test_class_weights_that_are_none():
    names = np.where(Y, "yes", "no")
    refused(
        "classes that y does not have: 'yess'. Unknown class 'yess'. Did you mean 'yes'?",
        lambda: classifier(class_weight={"yess": 1}).fit(X, names),
    )
    refused(
        "classes that y does not have: 3, 4. The classes are 0, 1.",
        lambda: classifier(class_weight={3: 1, 4: 1}).fit(X, Y),
    )
    refused("must be at least 0. Got -1", lambda: classifier(class_weight={0: -1}).fit(X, Y))
    refused("must not be 0 for every class", lambda: classifier(class_weight={0: 0, 1: 0}).fit(X, Y))


# ---- What deserves a look --------------------------------------------------------------------------------------------


def test_a_column_that_tells_the_target_is_warned_of():
    with pytest.warns(DataWarning, match="'price' of X tells the target by itself"):
        fitted = regressor(numeric="standard").fit(FRAME.assign(price=NUMBERS * 3 + 1), NUMBERS)
    assert any("'price'" in note for note in fitted.notes_)
    with pytest.warns(DataWarning, match="tell"):
        classifier().fit(FRAME.assign(passed=np.where(Y, "yes", "no")), Y)
    third = np.arange(ROWS) % 3
    with pytest.warns(DataWarning, match="'answer=c'"):
        classifier().fit(FRAME.assign(answer=np.array(["a", "b", "c"])[third]), third)


def test_the_target_in_other_units_is_found_however_far_its_tail_reaches():
    tail = np.exp(np.random.default_rng(0).normal(0, 3, ROWS))
    with pytest.warns(DataWarning, match="'price' of X tells the target by itself"):
        regressor().fit(FRAME.assign(price=tail * 3 + 1), tail)


def test_looking_at_targets_near_the_largest_number_overflows_nowhere():
    assert list(leaks(X, NUMBERS * 1e300, ("a", "b", "c")[: X.shape[1]])) == []


def test_columns_that_only_go_with_the_target_are_not():
    x = np.column_stack([NUMBERS + 0.1 * X[:, 1], np.zeros(ROWS)])
    assert list(leaks(x, NUMBERS, ("near", "zero"))) == []
    assert list(leaks(NUMBERS[:19, None], NUMBERS[:19], ("few rows",))) == []


def test_rows_that_repeat_are_warned_of():
    twice = np.vstack([X[:30], X[:30]])
    with pytest.warns(DataWarning, match=r"30 of 60 rows \(50%\) repeat others"):
        classifier().fit(twice, np.tile(Y[:30], 2))
    assert list(repeats(Table.of(twice), np.arange(60))) == []
    mixed = {
        "word": ["a", "b", None] * 20,
        "when": np.repeat(np.arange(30).astype("M8[D]"), 2),
        "gap": [None, 1.0] * 30,
    }
    assert len(list(repeats(Table.of(mixed), np.zeros(60)))) == 0
    assert len(list(repeats(Table.of({**mixed, "word": ["a"] * 60, "gap": [None] * 60}), np.zeros(60)))) == 1


def levels(count, columns, rows=200):
    """Columns of so many levels each."""
    drawn = np.random.default_rng(0).integers(0, count, (columns, rows))
    return {f"x{place}": column.astype(float) for place, column in enumerate(drawn)}


CITIES = np.random.default_rng(0).integers(0, 20, 200)
DUMMIES = {f"{name}{level}": x == level for name, x in levels(3, 2).items() for level in range(3)}


@pytest.mark.parametrize(
    "table, target",
    [
        (levels(3, 2), CITIES % 2),
        (levels(3, 4), sum(levels(3, 4).values())),
        (levels(2, 6), levels(2, 6)["x0"] != levels(2, 6)["x5"]),
        ({name: x.astype(float) for name, x in DUMMIES.items()}, CITIES % 2),
        ({"city": CITIES, "country": CITIES // 4, "currency": CITIES // 10}, np.arange(200) % 2),
    ],
    ids=["noise", "sum", "parity", "dummies", "cities"],
)
def test_rows_of_few_levels_are_alike_and_no_copies(table, target):
    assert list(repeats(Table.of(table), np.asarray(target, float))) == []


@pytest.mark.parametrize(
    "table, target",
    [
        ({"size": NUMBERS, **levels(2, 3, len(NUMBERS))}, np.zeros(len(NUMBERS))),
        (levels(50, 6), CITIES % 2),
        (levels(2, 2, len(NUMBERS)), NUMBERS),
    ],
    ids=["a number", "many levels", "a number as target"],
)
def test_copies_are_told_from_rows_that_are_alike(table, target):
    twice = Table.of({name: np.tile(column, 2) for name, column in table.items()})
    assert list(repeats(Table.of(table), np.asarray(target, float))) == []
    assert len(list(repeats(twice, np.tile(np.asarray(target, float), 2)))) == 1


# ---- Arguments -------------------------------------------------------------------------------------------------------


def test_all_wrong_arguments_are_named_at_once():
    wrong = Classifier(dropout=1.5, epochs=0, numeric="rubust")
    with pytest.raises(InvalidParameterError) as caught:
        wrong.fit(X, Y)
    assert isinstance(caught.value, ArgumentError)
    for name in ("dropout", "epochs", "numeric"):
        assert f"The '{name}' parameter of Classifier must be" in str(caught.value)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"preset": "Bset"}, "Got 'Bset' instead. Did you mean 'best'?"),
        ({"numeric": "quantiles"}, "Did you mean 'quantile'?"),
        ({"optimizer": "adan"}, "Did you mean 'adam'?"),
        ({"activation": "rellu"}, "Did you mean 'relu'?"),
        ({"loss": "mea"}, "Did you mean"),
        ({"metrics": ["acuracy"]}, "Did you mean 'accuracy'?"),
        ({"kinds": {"rooms": "numerik"}}, "Did you mean 'numeric'?"),
        ({"kinds": {"roms": "numeric"}}, "no column 'roms'"),
    ],
)
def test_names_that_nothing_bears(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier(**settings).fit(FRAME, Y)


def test_losses_of_the_other_kind():
    refused("is a loss for classes", lambda: regressor(loss="binary_crossentropy").fit(X, NUMBERS))
    refused("is no loss for classes", lambda: classifier(loss="gamma_deviance").fit(X, Y))
    refused("'label_smoothing' needs a cross-entropy", lambda: classifier(loss="hinge", label_smoothing=0.1).fit(X, Y))
    refused("'n_jobs' of Classifier must not be 0", lambda: classifier(n_jobs=0).fit(X, Y))


def test_networks_that_do_not_fit():
    refused("must return a tabgrad.Sequential. Got a builtins.int", lambda: classifier(model=lambda: 3).fit(X, Y))
    three = Sequential([Dense(3, "softmax")])
    refused("has 2 classes, and the network 3 outputs under Binary", lambda: classifier(model=three).fit(X, Y))
    refused("y must have 3 columns", lambda: regressor(model=Sequential([Dense(3)])).fit(X, NUMBERS))


def test_a_rate_that_is_far_too_large():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        with pytest.raises(DivergenceError, match="nothing was learned"):
            regressor(learning_rate=1e30, schedule="constant", optimizer="sgd", batch_size=16).fit(X, NUMBERS)


def test_predicting_before_fitting():
    for call in (classifier().predict, classifier().predict_proba, regressor().predict):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        classifier().score(X, Y)


def test_frames_that_are_not_in_memory():
    with pytest.raises(ValueError, match="collect"):
        classifier().fit(pl.DataFrame({"a": [1.0, 2.0]}).lazy(), [0, 1])


# ---- Values of Python's own ------------------------------------------------------------------------------------------


def test_numbers_beside_text_in_a_list_of_rows_stay_numbers():
    rows = [[age, "abc"[row % 3]] for row, age in enumerate(NUMBERS.tolist())]
    assert [column.kind for column in classifier().fit(rows, Y).table_schema_] == ["numeric", "categorical"]


def test_text_for_a_regressor_is_told_as_such():
    refused("must hold numbers for a regression", lambda: regressor().fit(FRAME, ["low", "high"] * (ROWS // 2)))


def test_an_empty_label_is_no_class():
    names = np.where(Y, "yes", "no").astype(object)
    names[[3, 7]] = ["", "  "]
    refused(r"must have a value in every row. Empty text in 2 rows (3, 7)", lambda: classifier().fit(FRAME, names))


def test_times_with_a_zone_and_without_are_not_mixed():
    times = [datetime(2020, 1, 1 + row % 28, tzinfo=UTC if row % 2 else None) for row in range(ROWS)]
    refused("one with a zone in row 1", lambda: classifier().fit(FRAME.assign(at=np.array(times, object)), Y))


def test_a_stream_may_bring_single_rows():
    model = classifier().partial_fit(FRAME, Y)
    assert model.partial_fit(FRAME.iloc[:1], Y[:1]).n_iter_ == 2


def test_a_name_without_end_is_cut_in_messages():
    model = classifier().fit(FRAME.assign(**{"x" * 1000: NUMBERS}), Y)
    with pytest.raises(ValueError, match="now missing") as error:
        model.predict(FRAME)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("sizes, got", [((-1,), "-1"), ((8, 0), "0"), ((2.5,), r"2\.5"), (("a",), "'a'")])
def test_widths_that_are_none(sizes, got):
    with pytest.raises(ArgumentError, match=rf"'hidden_layer_sizes' of Classifier must be .*Got {got}"):
        classifier(hidden_layer_sizes=sizes).fit(X, Y)


def test_dates_do_not_make_rows_look_alike():
    """Microseconds since 1970 are so large that in a plain sum with them other numbers would vanish."""
    days = np.array(["2020-01-01", "NaT"], "datetime64[us]")[np.arange(60) % 2]
    assert list(repeats(Table.of({"day": days, "size": np.arange(60.0)}), np.zeros(60))) == []
    assert len(list(repeats(Table.of({"day": days, "size": np.full(60, -0.0)}), np.zeros(60)))) == 1
