"""Every record: frozen, hashable, checked, with Keras's defaults, and whole again after its plan's JSON.

The records come from the contracts' table of parts; the values that they must refuse, from their own declarations.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from contracts.parts import (
    OWN_OPTIONS,
    OWN_SCHEDULES,
    PARTS,
    Part,
    catalogued,
    defaults_of,
    label,
    records_of,
    squared_error,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgrad import _checks, activations, initializers, layers, losses, metrics, optimizers, regularizers
from tabgrad._checks import Interval
from tabgrad._record import Record, from_data, to_data
from tabgrad.errors import ArgumentError, ArgumentTypeError, ReadOnlyError, TabgradError, UnknownNameError
from tabgrad.plan import Network, Plan

MODULES = {
    "activation": activations,
    "initializer": initializers,
    "loss": losses,
    "metric": metrics,
    "optimizer": optimizers,
    "regularizer": regularizers,
}
NAMES = [(what, name) for what, module in MODULES.items() for name in module.CATALOGUE]


def _order(record: Record) -> tuple[str, str]:
    """The same in every process, also where a loss and a metric bear one name."""
    return type(record).__module__, repr(record)


RECORDS = sorted({record for part in PARTS for record in (part.record, *records_of(part.plan))}, key=_order)
CLASSES = sorted(catalogued(), key=str)
# A value for each field that has no default.
REQUIRED: dict[str, Any] = {
    "initial": 0.5,
    "initial_learning_rate": 0.5,
    "max_learning_rate": 0.5,
    "decay_steps": 10,
    "first_decay_steps": 10,
    "total_steps": 10,
    "decay_rate": 0.5,
    "boundaries": [1],
    "values": [0.1, 0.01],
    "units": 3,
    "rate": 0.5,
    "shape": (4,),
    "activation": "tanh",
    "stddev": 0.5,
    "scale": 0.5,
    "layers": (layers.Dense(3),),
    "function": squared_error,
    "fn": squared_error,
    "specificity": 0.5,
    "sensitivity": 0.5,
    "recall": 0.5,
    "precision": 0.5,
    "input_dim": 3,
    "output_dim": 2,
    "knots": [[0.0, 1.0]],
    "columns": 1,
}
A_PLAN = PARTS[0].plan


def class_id(value: Any) -> str:
    return f"{value.__module__.rpartition('.')[2]}.{value.__name__}" if isinstance(value, type) else str(value)


def made(record: type[Record], **options: Any) -> Record:
    """A record of a class, with what it must be given."""
    needed = {field.name for field in fields(record)} - set(defaults_of(record))
    return record(**{**{name: REQUIRED[name] for name in needed}, **options})


# ---- What all records are --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS, ids=label)
def test_a_record_is_frozen_and_equal_to_its_like(record: Record) -> None:
    options = {field.name: getattr(record, field.name) for field in fields(record)}
    name = next(iter(options), "anything")
    with pytest.raises(FrozenInstanceError) as refused:
        setattr(record, name, 1)
    assert isinstance(refused.value, ReadOnlyError)
    assert f"{type(record).__name__} cannot be changed: it is a record" in str(refused.value)
    with pytest.raises(ReadOnlyError, match="cannot be changed"):
        delattr(record, name)
    if isinstance(record, layers.Input):
        options.pop("input_shape")
    again = replace(record) if isinstance(record, layers.Input) else type(record)(**options)
    assert again == record
    assert again is not record
    assert hash(again) == hash(record)


def test_records_of_other_classes_or_options_differ() -> None:
    assert len(set(RECORDS)) == len({(type(record), repr(record)) for record in RECORDS})
    assert losses.MeanSquaredError() != metrics.MeanSquaredError()
    assert activations.Silu() != activations.Mish()
    assert optimizers.Adam(0.01) != optimizers.Adam(0.02)
    assert optimizers.Adam(weight_decay=0.004) != optimizers.AdamW()


@pytest.mark.parametrize("record", CLASSES, ids=class_id)
def test_kinds_are_what_engines_dispatch_on(record: type[Record]) -> None:
    shared = {"adam": {optimizers.Adam, optimizers.AdamW}, "activation": {layers.Activation}}
    # A loss and a metric may bear one name; within a module each kind is one formula.
    same = {other for other in CLASSES if other.kind == record.kind and other.__module__ == record.__module__}
    assert same == shared.get(record.kind, {record})
    assert re.fullmatch(r"[a-z][a-z0-9_]*", record.kind)


def test_the_names_of_kinds() -> None:
    kinds = {record.__name__: record.kind for record in CLASSES}
    assert [kinds[name] for name in ("LeakyRelu", "RMSprop", "SGD", "L1L2", "MeanSquaredError")] == [
        "leaky_relu",
        "rmsprop",
        "sgd",
        "l1_l2",
        "mean_squared_error",
    ]


def test_a_record_as_numbers() -> None:
    assert activations.Relu(0.1, threshold=2).numbers()[::2] == (0.1, 2.0)
    assert math.isnan(activations.Relu().numbers()[1])
    assert losses.BinaryCrossentropy(from_logits=True).numbers() == (1.0, 0.0)


def test_a_record_has_the_signature_of_its_constructor() -> None:
    assert list(inspect.signature(layers.Dropout).parameters) == ["rate", "input_shape", "name", "trainable", "seed"]
    assert next(iter(inspect.signature(layers.Dense).parameters)) == "units"


def test_numpy_numbers_become_python_numbers() -> None:
    record = optimizers.SGD(np.float32(0.5), momentum=np.float64(0.25), nesterov=np.bool_(True))
    assert [type(value) for value in (record.learning_rate, record.momentum, record.nesterov)] == [float, float, bool]
    assert record == optimizers.SGD(0.5, momentum=0.25, nesterov=True)
    assert type(layers.Dense(np.int64(3)).units) is int
    assert type(optimizers.SGD(1).learning_rate) is float


# ---- What they refuse ------------------------------------------------------------------------------------------------


DECLARED = [
    (record, *constraint)
    for record in (*CLASSES, Network, Plan)
    for constraint in _checks._constraints(record)  # the declarations themselves
]
WITH_INTERVAL = [(record, name, kinds, interval) for record, name, kinds, interval in DECLARED if interval is not None]


def built(record: type, **options: Any) -> Any:
    """Any declared record, a network or a plan among them."""
    if record is Network:
        embedded = {"layers": (layers.Embedding(3, 2),), "codes": 1}
        without = {"layers": (), "codes": 0}
        needed = embedded if options.get("inputs") == 0 or options.get("codes") == 1 else without
        return Network(**{"inputs": 2, **needed, **options})
    return replace(A_PLAN, **options) if record is Plan else made(record, **options)


def outside(interval: Interval, kinds: tuple[type, ...]) -> list[float]:
    """Values just and far outside of an interval, and what is no number; integers where nothing else is taken."""
    whole = float not in kinds
    step = 1 if whole else 1e-9
    low, high = ((int(edge) if whole and math.isfinite(edge) else edge) for edge in (interval.low, interval.high))
    values: list[float] = []
    if math.isfinite(low):
        values += [low - step, low - 1000, *([low] if interval.closed[0] == "(" else [])]
    if math.isfinite(high):
        values += [high + step, 2 * high + 1000, *([high] if interval.closed[1] == ")" else [])]
    return values if whole else [*values, math.nan, math.inf, -math.inf]


def inside(interval: Interval, kinds: tuple[type, ...]) -> list[float]:
    """The limits that belong to an interval, and a value between."""
    edges = [interval.low] * (interval.closed[0] == "[") + [interval.high] * (interval.closed[1] == "]")
    values = [edge for edge in edges if math.isfinite(edge)]
    low = interval.low if math.isfinite(interval.low) else -1e300
    if float not in kinds:
        return [*values, low + 1]
    return [*values, *(value for value in (min(low + 0.5, interval.high), 0.5) if interval.holds(value))]


def test_declarations_are_found() -> None:
    found = {(record.__name__, name) for record, name, _, _ in WITH_INTERVAL}
    assert {("Adam", "beta_1"), ("AdamW", "weight_decay"), ("Dense", "units"), ("Plan", "batch_size")} <= found
    assert {("Dropout", "rate"), ("Relu", "max_value"), ("Network", "inputs"), ("BinaryAccuracy", "threshold")} <= found
    assert len(found) >= 50


@pytest.mark.parametrize(("record", "name", "kinds", "interval"), WITH_INTERVAL, ids=class_id)
def test_a_value_outside_its_interval(record: type, name: str, kinds: tuple[type, ...], interval: Interval) -> None:
    for value in outside(interval, kinds):
        unbounded = interval.high == math.inf and not math.isfinite(value) and str(interval) != "finite"
        words = f"finite and {interval}" if unbounded else interval
        expected = f"'{name}' of {record.__name__} must be {words}. Got {value!r}."
        with pytest.raises(ArgumentError, match=re.escape(expected)) as caught:
            built(record, **{name: value})
        assert not isinstance(caught.value, ArgumentTypeError)
        assert isinstance(caught.value, (ValueError, TabgradError))


@pytest.mark.parametrize(("record", "name", "kinds", "interval"), WITH_INTERVAL, ids=class_id)
def test_a_value_inside_its_interval(record: type, name: str, kinds: tuple[type, ...], interval: Interval) -> None:
    values = inside(interval, kinds)
    assert values
    for value in values:
        assert getattr(built(record, **{name: value}), name) == value


WRONG: dict[type, tuple[Any, ...]] = {
    float: ("0.5", True, [0.5], np.zeros(2)),
    int: ("3", 3.0, True, [3]),
    bool: (1, 0.0, "yes", None),
}
WORDS = {int: "an integer", float: "a number", bool: "True or False", str: "a string"}
TYPED = [
    (record, name, kind, kinds) for record, name, kinds, _ in DECLARED for kind in (float, int, bool) if kind in kinds
]


@pytest.mark.parametrize(("record", "name", "kind", "kinds"), TYPED, ids=class_id)
def test_a_value_of_another_type(record: type, name: str, kind: type, kinds: tuple[type, ...]) -> None:
    optional = type(None) in kinds
    none = () if optional or kind is bool else (None,)
    schedule = " or LearningRateSchedule" if optimizers.schedules.LearningRateSchedule in kinds else ""
    words = WORDS[kind] + schedule + (" or None" if optional else "")
    for value in (*WRONG[kind], *none):
        given = "" if kind is bool else f" ({type(value).__name__})"
        expected = f"'{name}' of {record.__name__} must be {words}. Got {value!r}{given}."
        with pytest.raises(ArgumentTypeError, match=f"^{re.escape(expected)}$"):
            built(record, **{name: value})
    with pytest.raises(TypeError):  # the builtin that a user expects
        built(record, **{name: WRONG[kind][0]})


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(), "finite"),
        (Interval(0), "at least 0"),
        (Interval(0, closed="(]"), "above 0"),
        (Interval(0, 1, "[)"), "in [0, 1)"),
        (Interval(-0.5, 2, "(]"), "in (-0.5, 2]"),
    ],
)
def test_an_interval_in_words(interval: Interval, words: str) -> None:
    assert str(interval) == words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dropout(50), "'rate' of Dropout must be in [0, 1). Got 50. Did you mean 0.5?"),
        (lambda: layers.Dropout(1.0), "'rate' of Dropout must be in [0, 1). Got 1.0."),
        (lambda: layers.Dense(0), "'units' of Dense must be at least 1. Got 0."),
        (lambda: layers.Dense(2.5), "'units' of Dense must be an integer. Got 2.5 (float)."),
        (lambda: layers.Dense(1, input_dim=0), "'input_dim' of Dense must be at least 1. Got 0."),
        (
            lambda: layers.Dense(1, input_dim=3, input_shape=(3,)),
            "Dense takes 'input_dim' or 'input_shape', not both.",
        ),
        (
            lambda: layers.Dense(1, input_shape=(2, 3)),
            "'input_shape' of Dense must be (features,): rows of a table have one axis. Got (2, 3).",
        ),
        (lambda: layers.Input((0,)), "'shape' of Input must be at least 1. Got 0."),
        (lambda: layers.Input(()), "'shape' of Input must be (features,): rows of a table have one axis. Got ()."),
        (lambda: layers.Dense(1, name=3), "'name' of Dense must be a string or None. Got 3."),
        (lambda: optimizers.Adam(-1), "'learning_rate' of Adam must be at least 0. Got -1."),
        (lambda: activations.Elu(math.inf), "'alpha' of Elu must be finite. Got inf."),
        (lambda: optimizers.SGD(clipnorm=0), "'clipnorm' of SGD must be above 0. Got 0."),
        (lambda: optimizers.Muon(ns_steps=101), "'ns_steps' of Muon must be in [0, 100]. Got 101."),
        (
            lambda: optimizers.Muon(exclude_layers="output"),
            "'exclude_layers' of Muon must be a list of strings, for instance ['output']. Got 'output'.",
        ),
        (
            lambda: optimizers.Muon(exclude_layers=[3]),
            "'exclude_layers' of Muon must be a list of strings, for instance ['output']. Got [3].",
        ),
        (
            lambda: optimizers.Muon(exclude_layers=["a", "(b"]),
            "'exclude_layers' of Muon must hold regular expressions. Got '(b': missing ), unterminated subpattern at "
            "position 0.",
        ),
        (
            lambda: replace(A_PLAN, loss="mse"),
            "'loss' of Plan must be Loss. Got 'mse'.",
        ),
    ],
)
def test_messages(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize("optimizer", [each for each in optimizers.CATALOGUE.values() if not each.whole])
@pytest.mark.parametrize("pair", [*combinations(("clipnorm", "clipvalue", "global_clipnorm"), 2)])
def test_at_most_one_way_of_clipping(optimizer: type[optimizers.Optimizer], pair: tuple[str, str]) -> None:
    message = (
        f"{optimizer.__name__} takes at most one of 'clipnorm', 'clipvalue' and 'global_clipnorm'. "
        f"Got '{pair[0]}' and '{pair[1]}'. Leave out all but one."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        optimizer(**dict.fromkeys(pair, 1.0))


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "name"), NAMES)
def test_a_name_an_instance_and_a_class_mean_the_same(what: str, name: str) -> None:
    module = MODULES[what]
    record = module.CATALOGUE[name]
    assert module.get(name) == module.get(name.upper()) == module.get(record) == record()
    instance = record()
    assert module.get(instance) is instance


@pytest.mark.parametrize(("what", "name"), NAMES)
def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(what: str, name: str) -> None:
    place = 3 if name[3:4] != "_" else 2  # a missing underscore is no slip
    slip = name[:place] + name[place + 1 :] if len(name) > 4 else name + "xx"
    with pytest.raises(UnknownNameError) as caught:
        MODULES[what].get(slip)
    # MSE is mse to the reader, and is accepted, but not told again.
    catalogue = MODULES[what].CATALOGUE
    known = ", ".join(sorted(other for other in catalogue if other.islower()))
    message = str(caught.value)
    assert message.startswith(f"Unknown {what} '{slip}'. ")
    if len(known) <= _checks.LONGEST_LIST:
        assert message.endswith(f"Known: {known}.")
    else:
        assert len(message) < 400
    if len(name) > 4:
        suggested = re.search(r"Did you mean '(\w+)'\?", message)
        assert suggested
        assert MODULES[what].get(suggested[1]) == MODULES[what].get(name)


@pytest.mark.parametrize("what", MODULES)
def test_a_name_far_from_all_others_has_no_suggestion(what: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"^Unknown {what} 'zzzzzz'\. Known: .*\.$"):
        MODULES[what].get("zzzzzz")


@pytest.mark.parametrize("what", MODULES)
def test_what_is_neither_name_nor_record(what: str) -> None:
    article = "an" if what[0] in "aeio" else "a"
    record = rf"'\w+', or {article} {what.capitalize()} record"
    message = rf"^{article.capitalize()} {what} must be a name, for instance {record}\. Got 3\.$"
    with pytest.raises(ArgumentTypeError, match=message):
        MODULES[what].get(3)


def test_none_where_it_means_something() -> None:
    assert activations.get(None) == activations.Linear()
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    ("loss", "outputs", "metric"),
    [
        (losses.SparseCategoricalCrossentropy(), 3, metrics.SparseCategoricalAccuracy()),
        (losses.CategoricalCrossentropy(), 3, metrics.CategoricalAccuracy()),
        (losses.BinaryCrossentropy(), 1, metrics.BinaryAccuracy()),
        (losses.BinaryCrossentropy(), 3, metrics.CategoricalAccuracy()),  # as Keras
        (losses.MeanSquaredError(), 1, metrics.BinaryAccuracy()),
        (losses.MeanSquaredError(), 3, metrics.CategoricalAccuracy()),
    ],
)
def test_the_accuracy_that_a_loss_means(loss: losses.Loss, outputs: int, metric: metrics.Metric) -> None:
    assert metrics.accuracy_for(loss, outputs) == metric


# ---- Plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [part for part in PARTS if not (part.plan.has_functions or isinstance(part.record, losses.Function))],
    ids=str,
)
def test_a_plan_is_whole_again_after_its_json(part: Part) -> None:
    text = part.plan.to_json()
    again = Plan.from_json(text)
    assert again == part.plan
    assert hash(again) == hash(part.plan)
    assert again.to_json() == text
    assert json.loads(text)["class"] == "plan.Plan"


NUMBERS = {
    "learning_rate": st.floats(0, 10),
    "beta_1": st.floats(0, 1, exclude_max=True),
    "weight_decay": st.none() | st.floats(0, 10),
    "clipnorm": st.none() | st.floats(0, 10, exclude_min=True),
}


@settings(max_examples=50, deadline=None)
@given(
    optimizer=st.builds(optimizers.Adam, **NUMBERS),
    rate=st.floats(0, 1, exclude_max=True),
    alpha=st.floats(-1e300, 1e300),
    batch_size=st.integers(1, 2**70),
    seed=st.integers(0, 2**63 - 1),
    shuffle=st.booleans(),
    name=st.none() | st.text(),
)
def test_any_number_and_any_name_survive_json(
    optimizer: optimizers.Adam,
    rate: float,
    alpha: float,
    batch_size: int,
    seed: int,
    shuffle: bool,
    name: str | None,
) -> None:
    network = Network(3, (layers.Dropout(rate, name=name), layers.Dense(2, activations.Elu(alpha))))
    plan = replace(A_PLAN, network=network, optimizer=optimizer, batch_size=batch_size, seed=seed, shuffle=shuffle)
    assert Plan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"class": "os.system"}', "Unknown class 'os.system' in the JSON of a plan or model."),
        ("{}", "Unknown class None in the JSON of a plan or model."),
        ('{"class": "activations.Tanh"}', "The JSON describes a Tanh, not a Plan."),
        ("[]", "The JSON describes a tuple, not a Plan."),
    ],
)
def test_json_that_is_no_plan(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        Plan.from_json(text)


def test_a_network_knows_its_widths() -> None:
    network = Network(4, (layers.Input((4,)), layers.Dense(3), layers.Dropout(0.5), layers.Dense(2, use_bias=False)))
    assert [type(layer) for layer in network.layers] == [layers.Dense, layers.Dropout, layers.Dense]
    assert [(inputs, outputs) for _, inputs, outputs in network.widths()] == [(4, 3), (3, 3), (3, 2)]
    assert [(weight.name, weight.shape) for weight in network.weights] == [
        ("kernel", (4, 3)),
        ("bias", (3,)),
        ("kernel", (3, 2)),
    ]
    assert (network.outputs, Network(4, ()).outputs) == (2, 4)


def test_initial_weights_follow_from_seed_and_place() -> None:
    network = Network(4, (layers.Dense(4, use_bias=False), layers.Dense(4, use_bias=False)))
    first, again, other = (network.initial_weights(seed) for seed in (1, 1, 2))
    assert [w.tolist() for w in first] == [w.tolist() for w in again]
    assert first[0].tolist() != first[1].tolist()
    assert first[0].tolist() != other[0].tolist()
    # An array's draw does not depend on what else there is.
    assert Network(4, network.layers[:1]).initial_weights(1)[0].tolist() == first[0].tolist()


def test_a_plan_is_linked_where_loss_and_activation_cancel() -> None:
    def linked(loss: losses.Loss, *last: layers.Layer) -> bool:
        return replace(A_PLAN, network=Network(3, (layers.Dense(2), *last)), loss=loss).linked

    softmax, sigmoid = layers.Activation("softmax"), layers.Dense(1, "sigmoid")
    assert linked(losses.CategoricalCrossentropy(), softmax)
    assert linked(losses.SparseCategoricalCrossentropy(), softmax)
    assert linked(losses.BinaryCrossentropy(), sigmoid)
    assert not linked(losses.BinaryCrossentropy(), softmax)
    assert not linked(losses.BinaryCrossentropy(from_logits=True), sigmoid)
    assert not linked(losses.MeanSquaredError(), sigmoid)
    assert not linked(losses.MeanSquaredError())
    assert not linked(losses.CategoricalCrossentropy(), softmax, layers.Dropout(0.5))


# ---- Keras -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras() -> Any:
    """Keras on JAX, where it is installed."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


# Activations are functions there; Input is the constructor of a tensor, and a residual block is made of two layers.
FUNCTIONS = [record for record in CLASSES if issubclass(record, activations.Activation)]
OBJECTS = [record for record in CLASSES if record not in (*FUNCTIONS, layers.Input, layers.Residual)]
# What Keras does not have, and names that it cannot make anything of.
NOT_IN_KERAS = {
    optimizers.LBFGS,
    *OWN_SCHEDULES,
    losses.Function,
    losses.GammaDeviance,
    losses.Quantile,
    losses.TweedieDeviance,
    metrics.CohenKappa,
    metrics.MatthewsCorrelationCoefficient,
    layers.PeriodicEmbedding,
    layers.PiecewiseLinearEmbedding,
    layers.Scale,
}
OURS_ALONE = {
    ("initializer", "constant"),
    ("regularizer", "l1_l2"),
    *(("metric", name) for name in ("rmse", "RMSE", "r2", "f1", "fbeta_score", "logcosh")),
    *((what, name) for what, name in NAMES if MODULES[what].CATALOGUE[name] in NOT_IN_KERAS),
}


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("record", OBJECTS, ids=class_id)
def test_defaults_are_those_of_keras(keras: Any, record: type[Record]) -> None:
    module, name = getattr(keras, record.__module__.split(".")[1]), record.__name__
    module = module.schedules if issubclass(record, optimizers.schedules.LearningRateSchedule) else module
    if record in NOT_IN_KERAS:
        assert not hasattr(module, name)
        return
    given = [REQUIRED[field.name] for field in fields(record) if field.name not in defaults_of(record)]
    peer = getattr(module, name)
    config = {each.name: each.default for each in inspect.signature(peer).parameters.values()}
    config |= peer(*given).get_config()
    for field, ours in defaults_of(record).items():
        ours_alone = ("input_shape", *OWN_OPTIONS)
        if field in (*ours_alone, "name", "input_length"):  # none, drawn, of Keras 2
            continue
        theirs = _scalar(config[field])
        if isinstance(ours, Record):  # an initialiser or activation, by its name in Keras's configuration
            theirs = MODULES["activation" if field == "activation" else "initializer"].get(_plain_name(theirs))
        assert theirs == (pytest.approx(ours, rel=1e-6) if isinstance(ours, float) else ours), field


def _scalar(value: Any) -> Any:
    """Keras keeps some numbers as arrays, and no tuples."""
    if isinstance(value, list):
        return tuple(value)
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _plain_name(identifier: Any) -> str:
    """Snake case of what Keras calls a class; a function's name is its name."""
    name = identifier["class_name"] if isinstance(identifier, dict) else identifier
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("record", FUNCTIONS, ids=class_id)
def test_defaults_of_functions_are_those_of_keras(keras: Any, record: type[Record]) -> None:
    parameters = inspect.signature(getattr(keras.activations, record.kind)).parameters
    for name, ours in defaults_of(record).items():
        assert parameters[name].default == ours


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("what", "name"), NAMES)
def test_keras_knows_every_name(keras: Any, what: str, name: str) -> None:
    """As the same thing: the class that Keras makes of it has the name of ours."""
    module = getattr(keras, {"loss": "losses"}.get(what, f"{what}s"))
    if (what, name) in OURS_ALONE:
        with pytest.raises((KeyError, ValueError)):
            module.get(name)
        return
    found = module.get(name)
    theirs = found.__name__ if hasattr(found, "__name__") else type(found).__name__
    squeezed = {MODULES[what].CATALOGUE[name].__name__.lower(), MODULES[what].CATALOGUE[name].kind.replace("_", "")}
    assert theirs.replace("_", "").lower() in squeezed


# ---- Arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: optimizers.Adam(lr=0.1), "Adam takes no argument 'lr' (did you mean 'learning_rate'?). It takes: "),
        (
            lambda: layers.Dense(3, activatoin="relu"),
            "Dense takes no argument 'activatoin' (did you mean 'activation'?).",
        ),
        (lambda: losses.MeanSquaredError(delta=1), "MeanSquaredError takes no argument 'delta'. It takes: name."),
        (
            lambda: losses.Hinge(reduction="sum"),
            "Hinge takes no argument 'reduction': the loss of a batch is the mean over its rows. Leave it",
        ),
        (lambda: losses.Huber(dtype="float32"), "Huber takes no argument 'dtype': numbers are float32,"),
        (
            lambda: losses.KLDivergence(axis=1),
            "KLDivergence takes no argument 'axis': rows of a table have one axis. Leave it out.",
        ),
    ],
)
def test_arguments_that_are_not_known_are_named(construct: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentTypeError, match="^" + re.escape(message)):
        construct()


@pytest.mark.parametrize("name", ["GlorotUniform", "glorotuniform", "GLOROT_UNIFORM"])
def test_names_are_known_without_case_and_underscores(name: str) -> None:
    assert initializers.get(name) == initializers.GlorotUniform()


def test_adamw_takes_its_arguments_in_the_order_of_keras() -> None:
    assert optimizers.AdamW(0.1, 0.2, 0.3, 0.4, 0.5) == optimizers.AdamW(
        learning_rate=0.1, weight_decay=0.2, beta_1=0.3, beta_2=0.4, epsilon=0.5
    )


def test_muon_takes_its_arguments_in_the_order_of_keras() -> None:
    assert optimizers.Muon(0.1, 0.2, 0.3, 0.4, 0.5, 0.6) == optimizers.Muon(
        learning_rate=0.1, adam_beta_1=0.2, adam_beta_2=0.3, adam_weight_decay=0.4, epsilon=0.5, weight_decay=0.6
    )


def test_the_seed_of_dropout_has_a_name() -> None:
    with pytest.raises(TypeError):
        layers.Dropout(0.2, 3)  # in Keras the second is noise_shape


@pytest.mark.parametrize("kind", sorted({*losses.CATALOGUE.values(), losses.Function}, key=lambda kind: kind.__name__))
def test_the_name_of_a_loss_means_nothing(kind):
    given = {"function": squared_error} if kind is losses.Function else {}
    named, plain = kind(**given, name="mine"), kind(**given)
    assert named.name == "mine"
    if kind is not losses.Function:  # whose messages bear its name
        assert named.get_config()["name"] == "mine"
        assert (named, hash(named), repr(named)) == (plain, hash(plain), repr(plain))
        assert from_data(to_data(named)).name == "mine"
    assert (named.numbers(), named.listed()) == (plain.numbers(), plain.listed())
    with pytest.raises(ArgumentTypeError, match=f"'name' of {kind.__name__} must be a string or None. Got 3"):
        kind(**given, name=3)


@pytest.mark.parametrize("name", ["IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"])
def test_what_is_not_here_says_what_is(name):
    for ask in (metrics.get, lambda name: getattr(metrics, name), lambda name: metrics.get(_snake(name))):
        with pytest.raises((UnknownNameError, AttributeError), match=re.escape("F1Score ranks models alike")):
            ask(name)
    assert not hasattr(metrics, "MeanSquaredErorr")


def _snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


READ_ONLY = {
    "a rate": (
        optimizers.Adam(),
        {"learning_rate": 0.1},
        "Set it in the model, model.learning_rate = 0.1, or make another one, dataclasses.replace(adam, "
        "learning_rate=0.1).",
    ),
    "an older name": (optimizers.SGD(), {"lr": 0.1}, "Set it in the model, model.learning_rate = 0.1, or"),
    "a layer": (layers.Dense(3), {"units": 4}, "Make another one: dataclasses.replace(dense, units=4)."),
    "a frozen layer": (
        layers.Dense(3),
        {"trainable": False},
        "model.get_layer(...).trainable = False, or make another",
    ),
    "misspelt": (optimizers.Adam(), {"beta1": 0.5}, "It has no 'beta1'. Did you mean 'beta_1'?"),
    "nothing like it": (losses.MeanSquaredError(), {"zzzzz": 1}, "which other models may have too. It has no 'zzzzz'."),
}


@pytest.mark.parametrize("record, change, message", READ_ONLY.values(), ids=READ_ONLY)
def test_what_cannot_be_changed_says_how_to_get_another(record, change, message):
    ((name, value),) = change.items()
    before = repr(record)
    with pytest.raises(ReadOnlyError, match=re.escape(message)):
        setattr(record, name, value)
    assert repr(record) == before
    if f"dataclasses.replace({record.kind}, {name}={value!r})" in message:
        assert getattr(replace(record, **change), name) == value


def test_a_record_of_ones_own_may_hold_what_it_needs():
    class Halving(optimizers.schedules.LearningRateSchedule):
        def __init__(self, start):
            self.start = start

    halving = Halving(0.5)
    halving.start = 0.25
    assert halving.start == 0.25
