"""Spaces: what is drawn, what is refused, what a file says, and what scikit-learn makes of them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tabgrad import Classifier, Regressor, Sequential
from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from tabgrad.estimators._presets import PRESETS
from tabgrad.layers import Dense
from tabgrad.optimizers import SGD, Adam
from tabgrad.search import Choice, Integer, Real, default_space, edges, read_space, sample, when
from tabgrad.search._plain import as_plain
from tabgrad.search.space import check_names, check_space, is_conditional
from tabgrad.wrappers.scikit_learn import KerasClassifier

RANGES = [
    Real(-1, 2),
    Real(0.001, 10, log=True),
    Integer(-3, 5),
    Integer(1, 300, log=True),
    Choice(["a", None, (1, 2)]),
]

# ---- Ranges ----------------------------------------------------------------------------------------------------------


def frequencies(values, bins):
    counts, _ = np.histogram(values, bins)
    return counts / len(values)


def test_a_range_of_numbers_is_uniform():
    drawn = Real(-2, 6).rvs(20_000, random_state=0)
    assert stats.kstest(drawn, stats.uniform(-2, 8).cdf).pvalue > 0.01


def test_a_logarithmic_range_is_scipys_loguniform():
    drawn = Real(1e-4, 10, log=True).rvs(20_000, random_state=0)
    assert stats.kstest(drawn, stats.loguniform(1e-4, 10).cdf).pvalue > 0.01


def test_whole_numbers_are_equally_likely_and_both_limits_are_among_them():
    drawn = Integer(3, 7).rvs(20_000, random_state=1)
    assert set(drawn) == {3, 4, 5, 6, 7}
    assert stats.chisquare(np.bincount(drawn)[3:]).pvalue > 0.01


def test_logarithmic_whole_numbers_are_as_likely_as_their_formula_says():
    drawn = Integer(1, 6, log=True).rvs(50_000, random_state=2)
    weights = np.array([math.log((k + 0.5) / (k - 0.5)) for k in range(1, 7)])
    expected = weights / weights.sum() * len(drawn)
    assert stats.chisquare(np.bincount(drawn)[1:], expected).pvalue > 0.01


def test_choices_are_equally_likely():
    drawn = Choice(["a", "b", "c"]).rvs(9_000, random_state=3)
    assert stats.chisquare([drawn.count(value) for value in "abc"]).pvalue > 0.01


@given(
    low=st.floats(-1e308, 1e308),
    high=st.floats(-1e308, 1e308),
    share=st.floats(0, 1),
    log=st.booleans(),
)
def test_no_number_leaves_its_range(low, high, share, log):
    low, high = sorted((abs(low), abs(high)) if log else (low, high))
    if low == high or (log and low == 0):
        return
    assert low <= Real(low, high, log=log).at(share) <= high
    whole_low, whole_high = math.floor(low) + 1, math.floor(high) + 2
    if abs(whole_high) < 2**50:
        value = Integer(whole_low, whole_high, log=log).at(share)
        assert type(value) is int
        assert whole_low <= value <= whole_high


@pytest.mark.parametrize("values", [Real(-1, 2), Real(0.001, 10, log=True)])
def test_shares_and_numbers_are_each_others_inverse(values):
    assert values.at(0) == values.low
    assert values.at(1) == values.high
    for share in np.linspace(0, 1, 11):
        assert values.share(values.at(share)) == pytest.approx(share)


@pytest.mark.parametrize("values", RANGES, ids=repr)
def test_ranges_draw_the_same_from_the_same_state(values):
    assert values.rvs(random_state=5) == values.rvs(random_state=5)
    assert list(values.rvs(7, random_state=5)) == list(values.rvs(7, random_state=np.random.RandomState(5)))
    assert len(values.rvs(4, random_state=np.random.default_rng(1))) == 4


@pytest.mark.parametrize("values", RANGES, ids=repr)
def test_ranges_read_as_they_are_written(values):
    assert eval(repr(values)) == values  # noqa: S307


def test_numbers_are_pythons_own():
    assert type(Real(np.float32(0.5), np.int64(1)).low) is float
    assert type(Integer(np.int64(2), np.int16(4)).rvs(random_state=0)) is int
    assert type(Real(0, 1).rvs(random_state=0)) is float


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: Real(1, 1), r"'low' of Real must be less than 'high'. Got 1.0 and 1.0. One value alone is a list of"),
        (
            lambda: Integer(9, 3),
            r"'low' of Integer must be less than 'high'. Got 9 and 3. Did you mean Integer\(3, 9\)",
        ),
        (
            lambda: Real(0, 1, log=True),
            "'low' of Real must be above 0 where log=True, since 0 has no logarithm. Got 0.",
        ),
        (lambda: Integer(-4, 1, log=True), "'low' of Integer must be above 0 where log=True"),
        (lambda: Real(math.nan, 1), "'low' of Real must be finite. Got nan"),
        (lambda: Real(0, math.inf), "'high' of Real must be finite. Got inf"),
        (lambda: Real("0", 1), "'low' of Real must be a number. Got '0'"),
        (lambda: Integer(0.5, 3), r"'low' of Integer must be an integer. Got 0.5 \(float\)"),
        (lambda: Integer(1, 3, log=1), "'log' of Integer must be True or False. Got 1"),
        (lambda: Choice([]), r"'values' of Choice must hold at least one value. Got \[\]"),
        (lambda: Choice("relu"), r"'values' of Choice must be a list .* Got 'relu'. Did you mean \['relu'\]\?"),
        (lambda: Choice({"a", "b"}), "which has no order: make it a list"),
        (lambda: when([1, 2]), "when needs a condition"),
        (lambda: when([1, 2], optimizer=[]), "The condition 'optimizer' of when must hold at least one value"),
    ],
)
def test_what_is_no_range_is_refused(build, message):
    with pytest.raises(ArgumentError, match=message):
        build()


# ---- Spaces ----------------------------------------------------------------------------------------------------------

NESTED = {
    "momentum": when(Real(0, 0.99), optimizer="sgd"),
    "nesterov": when([True, False], momentum_used=[1, 2]),
    "optimizer": ["adam", "sgd", "lbfgs"],
    "momentum_used": when(Integer(1, 3), optimizer=["sgd", "adam"]),
}


def test_a_parameter_is_there_only_with_the_values_of_its_conditions():
    candidates = sample(NESTED, 300, seed=0)
    for candidate in candidates:
        assert ("momentum" in candidate) == (candidate["optimizer"] == "sgd")
        assert ("momentum_used" in candidate) == (candidate["optimizer"] != "lbfgs")
        assert ("nesterov" in candidate) == (candidate.get("momentum_used") in (1, 2))
        assert list(candidate) == [name for name in NESTED if name in candidate]
    assert {candidate["optimizer"] for candidate in candidates} == {"adam", "sgd", "lbfgs"}
    assert any("nesterov" in candidate for candidate in candidates)
    assert is_conditional(NESTED)


def test_of_several_conditions_all_must_hold():
    space = {"a": [1, 2], "b": [1, 2], "c": when(Real(0, 1), a=1, b=[2])}
    candidates = sample(space, 100, seed=0)
    assert all(("c" in each) == (each["a"] == 1 and each["b"] == 2) for each in candidates)
    assert 10 < sum("c" in each for each in candidates) < 50


def test_a_candidate_depends_on_its_number_alone():
    space = {"units": Integer(8, 64), "l2": stats.loguniform(1e-6, 1), "activation": ["relu", "mish"]}
    assert sample(space, 20, seed=3)[:5] == sample(space, 5, seed=3)
    assert sample(space, 20, seed=3) != sample(space, 20, seed=4)
    more = sample({"dropout": Real(0, 1), **space}, 20, seed=3)
    assert [{name: each[name] for name in space} for each in more] == sample(space, 20, seed=3)
    assert len({each["units"] for each in more}) > 10


def test_parameters_of_one_range_are_independent():
    drawn = np.array([[each["a"], each["b"]] for each in sample({"a": Real(0, 1), "b": Real(0, 1)}, 4000, seed=0)])
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05
    assert stats.kstest(drawn[:, 0], stats.uniform.cdf).pvalue > 0.01


def test_of_several_spaces_each_candidate_has_one():
    candidates = sample([{"l1": [0.1]}, {"l2": Real(0, 1)}], 200, seed=0)
    assert all(len(candidate) == 1 for candidate in candidates)
    assert 60 < sum("l1" in candidate for candidate in candidates) < 140


@pytest.mark.parametrize(
    "space, kind, message",
    [
        ({}, ArgumentError, "A space must hold at least one parameter"),
        ([], ArgumentTypeError, r"must be a dict from names .* Got \[\]"),
        ([{"a": [1]}, {}], ArgumentError, "at least one parameter"),
        (None, ArgumentTypeError, "must be a dict from names of parameters to their values.* Got None"),
        ("dropout", ArgumentTypeError, "Got 'dropout'"),
        ([["a", 1]], ArgumentTypeError, r"Got \['a', 1\]"),
        ({"activation": "relu"}, ArgumentTypeError, r"'activation' of the space .* Did you mean \['relu'\]"),
        ({"dropout": 0.1}, ArgumentTypeError, r"'dropout' of the space .* Did you mean \[0.1\]"),
        ({"dropout": []}, ArgumentError, "'dropout' of the space must hold at least one value"),
        ({"dropout": np.zeros(0)}, ArgumentError, "'dropout' of the space must hold at least one value"),
        ({"dropout": np.zeros((2, 2))}, ArgumentTypeError, r"array of one axis. Got one of shape \(2, 2\)"),
        ({"dropout": {0.1, 0.2}}, ArgumentTypeError, "which has no order: make it a list"),
        ({"dropout": (each for each in [1])}, ArgumentTypeError, "Got generator: make it a list"),
        ({"dropout": Real}, ArgumentTypeError, "Got the class Real: give it its limits"),
        ({"dropout": {"low": 0}}, ArgumentTypeError, "Got {'low': 0}"),
        ({3: [1]}, ArgumentTypeError, "A name in a space must be a string. Got 3"),
        (
            {"a": when([1], b=2), "bb": [2]},
            ArgumentError,
            "condition on 'b', which the space does not hold. Did you.*'bb'",
        ),
        ({"a": when([1], b=3), "b": [2]}, ArgumentError, r"'a' .* waits for b=3, which can never be: b is \[2\]"),
        ({"a": when([1], b=True), "b": [1]}, ArgumentError, "waits for b=True, which can never be"),
        ({"a": when([1], b=9), "b": Integer(1, 4)}, ArgumentError, r"never be: b is Integer\(1, 4\)"),
        ({"a": when([1], b=0.5), "b": Real(0, 1)}, ArgumentError, r"never be: b is Real\(0.0, 1.0\)"),
        ({"a": when([1], b=2), "b": when([2], a=1)}, ArgumentError, "'a' .* waits for itself: .* go round in a ring"),
    ],
)
def test_what_is_no_space_is_refused(space, kind, message):
    with pytest.raises(kind, match=message) as caught:
        check_space(space)
    assert type(caught.value) is kind


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ArgumentError, match="'a' of the space") as caught:
        check_space({"a": "x", "b": [], "c": Real(0, 1)})
    assert [line[:3] for line in str(caught.value).splitlines()] == ["'a'", "'b'"]


# ---- Names -----------------------------------------------------------------------------------------------------------


def build(units=4):
    return Sequential([Dense(units)])


def test_names_that_the_estimator_takes_pass():
    check_names(Classifier(), {"dropout": [0.1], "learning_rate": Real(0.1, 1)})
    pipeline = Pipeline([("scale", StandardScaler()), ("net", Classifier())])
    check_names(pipeline, {"net__dropout": [0.1], "scale": ["passthrough"]})
    check_names(pipeline, {"net": [LogisticRegression()], "net__C": [1.0]})
    check_names(KerasClassifier(build), {"units": [3], "epochs": [2]})


@pytest.mark.parametrize(
    "estimator, name, kind, message",
    [
        (Classifier(), "lr", ArgumentTypeError, "Classifier takes no argument 'lr' .did you mean 'learning_rate'"),
        (Regressor(), "label_smoothing", ArgumentTypeError, "Regressor takes no argument 'label_smoothing'"),
        (Classifier(), "dropout__rate", ArgumentTypeError, "Classifier takes no argument 'dropout__rate'"),
        (Pipeline([("net", Classifier())]), "net__dropot", ArgumentTypeError, "did you mean 'net__dropout'"),
        (Pipeline([("net", Classifier())]), "nett__dropout", ArgumentTypeError, "did you mean 'net__dropout'"),
        (KerasClassifier(build), "unit", UnknownNameError, "'unit'.*'units'"),
    ],
)
def test_names_that_nobody_takes_are_refused_with_the_nearest(estimator, name, kind, message):
    before = repr(estimator)
    with pytest.raises(kind, match=message):
        check_names(estimator, {name: [1]})
    assert repr(estimator) == before


# ---- scikit-learn's searches -----------------------------------------------------------------------------------------


def test_scikit_learns_sampler_draws_from_ranges():
    space = {"C": Real(0.1, 10, log=True), "max_iter": Integer(50, 60), "fit_intercept": Choice([True, False])}
    drawn = list(ParameterSampler(space, 30, random_state=0))
    assert drawn == list(ParameterSampler(space, 30, random_state=0))
    assert all(0.1 <= each["C"] <= 10 and 50 <= each["max_iter"] <= 60 for each in drawn)
    assert {each["fit_intercept"] for each in drawn} == {True, False}


def test_scikit_learns_randomized_search_runs_over_ranges():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    search = RandomizedSearchCV(LogisticRegression(), {"C": Real(0.01, 100, log=True)}, n_iter=4, random_state=0)
    assert 0.01 <= search.fit(X, y).best_params_["C"] <= 100


def test_what_scikit_learn_cannot_draw_it_refuses():
    with pytest.raises(TypeError):
        list(ParameterSampler(NESTED, 3, random_state=0))
    with pytest.raises(TypeError):
        GridSearchCV(LogisticRegression(), {"C": Real(0, 1)}).fit(np.eye(10), [0, 1] * 5)
    assert len(ParameterGrid({"C": [0.1, 1]})) == 2


# ---- Edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, value, end",
    [
        (Real(1, 2), 1.01, "lower"),
        (Real(1, 2), 1.99, "upper"),
        (Real(1, 2), 1.5, None),
        (Real(0, 0.5), 0.0, None),  # nothing lies below 0
        (Real(0, 0.5), 0.499, "upper"),
        (Real(0.001, 1, log=True), 0.002, None),
        (Real(0.001, 1, log=True), 0.0011, "lower"),
        (Integer(1, 8), 1, None),  # nor below 1 of a count
        (Integer(2, 8), 2, "lower"),
        (Integer(2, 8), 8, "upper"),
        ([16, 32, 64], 64, "upper"),
        ([16, 32, 64], 32, None),
        (Choice([16, 32, 64]), 16, "lower"),
        ([16, 32], 16, None),
        (["a", "b", "c"], "a", None),
        ([True, False, True], True, None),
        (stats.uniform(0, 1), 0.999, None),
        (when(Real(1, 2), other=1), 1.99, "upper"),
    ],
)
def test_values_at_an_end_of_their_range_are_told(values, value, end):
    found = edges({"x": values, "other": [1]}, {"x": value})
    assert [edge.end for edge in found] == ([] if end is None else [end])
    assert all(edge.end in str(edge) and "x = " in str(edge) for edge in found)


def test_edges_are_those_of_the_space_that_the_candidate_is_of():
    spaces = [{"a": Real(1, 2)}, {"a": Real(1, 20), "b": [1]}]
    assert edges(spaces, {"a": 1.99, "b": 1}) == edges(spaces[1], {"a": 1.99, "b": 1})
    assert len(edges(spaces, {"a": 1.99})) == 1


# ---- Plain data ------------------------------------------------------------------------------------------------------


def test_spaces_as_plain_data_are_json_and_tell_all_that_differs():
    spaces = [
        {"x": Real(0, 1)},
        {"x": Real(0.5, 1, log=True)},
        {"x": Real(0.5, 1)},
        {"x": Integer(0, 1)},
        {"x": [0, 1]},
        {"x": [0.5, 1]},
        {"x": Choice([0, 1])},
        {"x": when([0, 1], y=2), "y": [2, 3]},
        {"x": when([0, 1], y=3), "y": [2, 3]},
        {"x": stats.uniform(0, 1)},
        {"x": stats.uniform(0, scale=2)},
        {"x": stats.loguniform(1, 2)},
        {"x": np.array([7.0])},
        {"x": [np.float64(8)]},
        {"x": [SGD(0.1)]},
        {"x": [SGD(0.2)]},
        {"x": [Adam(0.1)]},
        {"x": [Classifier()]},
        {"x": [Classifier(dropout=0.2)]},
        {"x": [np.mean]},
        {"x": [build]},
        {"x": [object()]},
        {"x": [float]},
        {"x": [None]},
        {"x": ["None"]},
        {"x": [{"a": 1}]},
        [{"x": [0, 1]}],
    ]
    texts = [json.dumps(as_plain(space), sort_keys=True) for space in spaces]
    assert len(set(texts)) == len(texts)
    assert as_plain({"x": [object()]}) == as_plain({"x": [object()]})  # no address
    assert as_plain({"x": np.array([1, 2])}) == as_plain({"x": [1, 2]})


# ---- The default space -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "estimator", [Classifier(), Regressor(), Classifier(preset="single"), Regressor(preset="fast")]
)
def test_the_default_space_is_of_the_estimators_parameters(estimator):
    space = default_space(estimator)
    check_names(estimator, space)
    figures = PRESETS["fast" if estimator.preset == "best" else estimator.preset]
    assert ("preset" in space) == (estimator.preset == "best")
    assert space["learning_rate"].low < figures.learning_rate < space["learning_rate"].high
    assert space["dropout"].low <= figures.dropout < space["dropout"].high
    assert all(space["weight_decay"].low < decay < space["weight_decay"].high for decay in figures.weight_decays)
    assert figures.hidden_layer_sizes in space["hidden_layer_sizes"].values
    assert figures.activation in space["activation"].values
    assert ("numeric_embedding" in space) == (figures.numeric_embedding != "none")


def test_candidates_of_the_default_space_train():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    for estimator, y in ((Classifier(epochs=2), X[:, 0] > 0), (Regressor(epochs=2), X.sum(axis=1))):
        for candidate in sample(default_space(estimator), 6, seed=1):
            fitted = type(estimator)(epochs=2, random_state=0, **candidate).fit(X, y)
            assert len(fitted.models_) == 4  # as the preset "fast" has


def test_what_an_estimator_was_given_is_not_searched():
    space = default_space(Classifier(dropout=0.3, hidden_layer_sizes=8, learning_rate=0.1))
    assert not space.keys() & {"dropout", "hidden_layer_sizes", "learning_rate"}
    assert {"activation", "weight_decay"} <= space.keys()


def test_rates_are_searched_where_they_are_the_presets():
    assert not default_space(Classifier(optimizer="sgd")).keys() & {"learning_rate", "weight_decay"}
    assert not default_space(Classifier(optimizer=Adam(0.1))).keys() & {"learning_rate", "weight_decay"}
    assert "dropout" not in default_space(Regressor(optimizer="lbfgs"))
    assert set(default_space(Classifier(model=build))) == {"learning_rate", "weight_decay", "numeric"}


def test_another_preset_may_be_asked_for():
    assert "preset" not in default_space(Classifier(), preset="best")
    assert default_space(Classifier(preset="fast"), preset="single")["preset"] == ["single"]
    with pytest.raises(UnknownNameError, match=r"Unknown preset 'fastest'. Did you mean 'fast'"):
        default_space(Classifier(), preset="fastest")
    with pytest.raises(
        ArgumentTypeError, match=r"for Classifier and Regressor alone\. Got LogisticRegression: give a dict"
    ):
        default_space(LogisticRegression())


# ---- Files -----------------------------------------------------------------------------------------------------------


def written(folder, text):
    path = folder / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_holds_what_it_says(tmp_path):
    path = written(
        tmp_path,
        """
        preset = "fast"
        hidden_layer_sizes = [[64], [64, 64]]
        learning_rate = { low = 0.001, high = 0.1, log = true }
        batch_size = { low = 32, high = 512, log = true }
        l2 = { low = 0, high = 1, kind = "real" }
        optimizer = ["adam", "sgd"]
        use_ema = { values = [true, false], when = { optimizer = ["adam", "sgd"] } }

        [weight_decay]
        low = 0.01
        high = 1
        when = { optimizer = "adam" }
        """,
    )
    assert read_space(path) == read_space(str(path))
    assert read_space(path) == {
        "preset": ["fast"],
        "hidden_layer_sizes": [(64,), (64, 64)],
        "learning_rate": Real(0.001, 0.1, log=True),
        "batch_size": Integer(32, 512, log=True),
        "l2": Real(0, 1),
        "optimizer": ["adam", "sgd"],
        "use_ema": when([True, False], optimizer=["adam", "sgd"]),
        "weight_decay": when(Real(0.01, 1), optimizer="adam"),
    }
    check_names(Classifier(), read_space(path))


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "space.toml holds no parameter"),
        ("a = ", "space.toml' is no TOML: Invalid value"),
        ("a = { low = 1 }", "space.toml, key 'a' lacks 'high': a range is { low = ..., high = ... }"),
        ("a = { lov = 1, high = 2 }", "space.toml, key 'a.lov': Unknown key 'lov'. Did you mean 'low'"),
        ("a = { Low = 1, high = 2 }", "key 'a.Low': keys are written as here: low, high"),
        ("a = { low = 2, high = 1 }", r"key 'a': 'low' of Integer must be less than 'high'. Got 2 and 1"),
        ("a = { low = 0.0, high = 1.0, log = true }", "key 'a': 'low' of Real must be above 0 where log=True"),
        ("a = { low = 1, high = 2, log = 1 }", "key 'a.log' must be true or false. Got 1"),
        ("a = { low = '1', high = 2 }", "key 'a.low' must be a number. Got '1'"),
        ("a = { low = true, high = 2 }", "key 'a.low' must be a number. Got True"),
        ("a = { low = nan, high = 2.0 }", "key 'a': 'low' of Real must be finite"),
        ("a = { low = 1.5, high = 2, kind = 'integer' }", "key 'a': 'low' of Integer must be an integer. Got 1.5"),
        ("a = { low = 1, high = 2, kind = 'float' }", "key 'a.kind' must be \"real\" or \"integer\". Got 'float'"),
        ("a = { low = 1, high = 2, kind = [1] }", "key 'a.kind' must be"),
        ("a = { values = [1], low = 2 }", "key 'a' has 'values' and, of a range, 'low': it is one or the other"),
        ("a = { values = 1 }", "key 'a.values' must be a list. Got 1"),
        ("a = []", "space.toml: 'a' of the space must hold at least one value"),
        ("a = [1979-05-27]", r"key 'a' must hold numbers, words, true or false. Got datetime.date"),
        ("a = [{ b = 1 }]", "key 'a' must hold numbers, words, true or false. Got {'b': 1}"),
        ("a = { values = [1], when = 'b' }", "key 'a.when' must be a table of other parameters.* Got 'b'"),
        ("a = { values = [1], when = {} }", "key 'a.when' must be a table"),
        ("a = { values = [1], when = { b = [] } }", "key 'a.when': The condition 'b' of when must hold at least one"),
        ("a = { values = [1], when = { b = 2 } }", "space.toml: 'a' of the space has a condition on 'b'"),
        ("a = { values = [1], when = { values = 2 } }\nvalues = [3]", "waits for values=2, which can never be"),
        ("a = { b = { low = 1, high = 2 } }", "space.toml, key 'a.b': Unknown key 'b'"),
    ],
)
def test_a_file_that_holds_no_space_is_refused_with_its_key(tmp_path, text, message):
    with pytest.raises(ArgumentError, match=message):
        read_space(written(tmp_path, text))


def test_all_wrong_keys_of_a_file_are_told_at_once(tmp_path):
    with pytest.raises(ArgumentError, match=r"key 'a'") as caught:
        read_space(written(tmp_path, "a = { low = 1 }\nb = [1]\nc = { values = 2 }"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"nothing.toml' cannot be read: No such file"):
        read_space(tmp_path / "nothing.toml")
    with pytest.raises(ArgumentError, match="cannot be read: Is a directory"):
        read_space(tmp_path)
    (tmp_path / "space.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="is no TOML"):
        read_space(tmp_path / "space.toml")
