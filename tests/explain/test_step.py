"""One step of training in formulas and numbers: against hand calculation, finite differences, and the native engine."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from contracts.parts import PARTS, Part, label, started

from tabgrad import activations, layers, losses, optimizers, regularizers
from tabgrad.engines.reference import ReferenceEngine
from tabgrad.errors import ArgumentError, DataError, NotReadyError
from tabgrad.explain.formulas import LAYERS, activation_formulas, loss_formulas, optimizer_formulas
from tabgrad.explain.trace import explained
from tabgrad.layers import ActivityRegularization, BatchNormalization, Dense, Dropout, Residual
from tabgrad.models import Sequential
from tabgrad.regularizers import L1, L2

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(6, 2)).astype(np.float32)
Y = RANDOM.normal(size=(6, 1)).astype(np.float32)


def small(*, loss="mse", optimizer="adam", last=None, **options):
    model = Sequential([Dense(3, "tanh", input_dim=2, **options), Dense(1, last)], seed=0)
    model.compile(optimizer, loss)
    return model


# ---- The numbers -----------------------------------------------------------------------------------------------------


def test_a_network_of_2_3_1_is_what_a_calculation_by_hand_gives():
    model = small(optimizer=optimizers.SGD(0.5))
    step = model.explain_step(X, Y)
    x, y = X.astype(float), Y.astype(float)
    W1, b1, W2, b2 = (np.asarray(w, float) for w in model.get_weights())
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    p = a1 @ W2 + b2
    d2 = 2 * (p - y) / len(x)
    d1 = d2 @ W2.T * (1 - a1**2)
    first, second = step.layers
    found = [first.forward[0], first.forward[1], second.forward[0], second.backward[0], first.backward[0]]
    assert [each.symbol for each in found] == ["z1", "a1", "p = z2", "d2", "d1"]
    for value, expected in zip(found, [z1, a1, p, d2, d1], strict=True):
        np.testing.assert_allclose(value.array, expected, rtol=1e-13, atol=1e-15)
    gradients = {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum(axis=0)}
    weights = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    for weight in step.weights:
        np.testing.assert_allclose(weight.gradient, gradients[weight.symbol], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(weight.after, weights[weight.symbol] - 0.5 * gradients[weight.symbol], rtol=1e-12)
    assert step.loss.total == pytest.approx(float(np.mean((p - y) ** 2)), rel=1e-13)


def test_a_classifier_begins_back_with_probability_minus_target():
    model = Sequential([Dense(4, "relu", input_dim=2), Dense(3, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    y = np.array([0, 1, 2, 2, 1, 0])
    step = model.explain_step(X, y, np.array([1, 2, 1, 1, 0, 1], np.float32))
    p = model.predict(X, verbose=0)
    np.testing.assert_allclose(step.prediction.array, p, rtol=1e-5)
    weighted = (step.prediction.array - np.eye(3)[y]) * np.array([1, 2, 1, 1, 0, 1])[:, None] / 6
    np.testing.assert_allclose(step.loss.error.array, weighted, rtol=1e-12, atol=1e-15)
    assert step.loss.error.symbol == "d2"
    assert step.layers[-1].forward[-1].formula == "p = softmax(z2)"


@pytest.mark.parametrize("kind", [Dense(1, "sigmoid"), None], ids=["in the layer", "behind it"])
def test_an_activation_that_belongs_to_the_loss_is_shown_where_it_stands(kind):
    end = [kind] if kind else [Dense(1), layers.Activation("sigmoid")]
    model = Sequential([Dense(3, "tanh", input_dim=2), *end], seed=0)
    model.compile("sgd", "binary_crossentropy")
    y = np.array([0, 1, 1, 0, 1, 0])
    step = model.explain_step(X, y)
    assert len(step.layers) == (2 if kind else 3)
    p = step.prediction
    assert p.formula == ("p = sigmoid(z2)" if kind else "p = sigmoid(a2)")
    np.testing.assert_allclose(p.array, model.predict(X, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(step.layers[1].backward[0].array, (p.array - y[:, None]) / 6, rtol=1e-12)
    assert step.agrees


def test_the_terms_of_the_loss_are_apart_and_sum_to_what_the_native_engine_says():
    model = Sequential(
        [
            Dense(4, "tanh", input_dim=2, kernel_regularizer=L2(0.1), bias_regularizer=L1(0.2)),
            ActivityRegularization(0.01, 0.02),
            Dense(3, kernel_regularizer=L2(1.0), trainable=False),
            Dense(1),
        ],
        seed=0,
    )
    model.compile("sgd", "mse")
    model.set_weights([w + 0.1 for w in model.get_weights()])
    step = model.explain_step(X, Y)
    assert step.loss.total == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    W1, b1 = model.get_weights()[:2]
    assert [(each.symbol, each.right) for each in step.loss.penalties] == [
        ("W1", "0.1 sum W1^2"),
        ("b1", "0.2 sum |b1|"),
    ]
    assert [each.value for each in step.loss.penalties] == pytest.approx([0.1 * (W1**2).sum(), 0.2 * abs(b1).sum()])
    a1 = step.layers[0].forward[-1].array
    assert step.loss.activity == pytest.approx((0.01 * abs(a1) + 0.02 * a1**2).sum() / len(X))
    first = step.weights[0]
    np.testing.assert_allclose(first.penalty, 0.2 * W1, rtol=1e-6)
    np.testing.assert_allclose(first.gradient, first.data + first.penalty)
    frozen = step.layers[2].weights[0]
    assert (frozen.moves, frozen.check) == ("no", None)
    assert not frozen.gradient.any()


@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "rmsprop", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta", "lion", "muon",
     optimizers.SGD(0.1, momentum=0.9, nesterov=True), optimizers.Adam(global_clipnorm=0.1, weight_decay=0.1)],
    ids=str,
)  # fmt: skip
def test_the_step_is_the_one_that_the_native_engine_takes(optimizer):
    model = Sequential([Dense(4, "tanh", input_dim=2), Dropout(0.3), BatchNormalization(), Dense(1)], seed=3)
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)  # so that the optimizer carries something
    step, other = model.explain_step(X, Y), copy(model)
    other.train_on_batch(X, Y)
    assert step.update.number == 2
    for weight, after in zip(step.weights, other.get_weights(), strict=True):
        np.testing.assert_allclose(weight.after, after, rtol=2e-3, atol=2e-5, err_msg=weight.name)
    moving = [weight.moves for weight in step.layers[2].weights]
    assert moving == ["optimizer", "optimizer", "batch", "batch"]
    assert step.update.formulas == tuple(optimizer_formulas(model.optimizer.record))


def test_a_residual_block_adds_what_came_before_it():
    inside = [Dense(3, "tanh"), Dense(2)]
    model = Sequential([Dense(2, input_dim=2), Residual(inside), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    step = model.explain_step(X, Y)
    assert [(layer.number, layer.depth, layer.name) for layer in step.layers] == [
        (1, 0, "dense"),
        (2, 1, "residual/0_dense"),
        (3, 1, "residual/1_dense"),
        (4, 0, "residual"),
        (5, 0, "dense_1"),
    ]
    added = step.layers[3].forward[0]
    assert added.formula == "a4 = a1 + a3"
    np.testing.assert_allclose(
        added.array, step.layers[0].forward[-1].array + step.layers[2].forward[-1].array, rtol=1e-13
    )
    assert step.agrees


# ---- Gradients beside differences ------------------------------------------------------------------------------------

OF_NETWORKS = (layers.Layer, losses.Loss, activations.Activation, regularizers.Regularizer)
SOME = [part for part in PARTS if isinstance(part.record, OF_NETWORKS)]


@pytest.mark.parametrize("part", SOME, ids=str)
def test_gradients_of_every_part_agree_with_differences(part: Part):
    state, rows = replace(started(part.plan), step=3), part.rows(9)
    step = explained(part.plan, state, rows, entries=2)
    _, expected = ReferenceEngine(np.float64).gradients(part.plan, state, rows)
    assert len(step.weights) == len(expected)
    for weight, gradient in zip(step.weights, expected, strict=True):
        np.testing.assert_array_equal(weight.gradient, gradient, err_msg=weight.name)
        if weight.check is None:
            assert weight.moves != "optimizer"
        else:
            assert weight.check.agrees
            assert weight.check.relative < 1e-6 or not gradient.any()
            assert len(weight.check.places) == min(2, gradient.size)


def test_every_kind_of_layer_has_formulas_for_all_its_weights():
    kinds = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, layers.Layer)}
    assert set(LAYERS) == kinds - {layers.Layer, layers.Input}
    for part in PARTS:
        if type(part.record) in LAYERS and not isinstance(part.record, (Residual, layers.Embedding)):
            own = {weight.name for weight in part.record.weights(5)}
            assert own <= set(LAYERS[type(part.record)].weights), part


def test_every_other_part_has_formulas():
    for part in PARTS:
        check_formulas(part.record, part.plan)


def check_formulas(record, plan):
    if isinstance(record, activations.Activation):
        assert bool(activation_formulas(record)) == (record != activations.linear)
    if isinstance(record, losses.Loss) and not isinstance(record, losses.Function):
        logits = plan.linked or record.from_logits
        formulas, slope = loss_formulas(record, logits=logits)
        assert formulas[0].startswith("l = ")
        assert slope.startswith("dl/dz_j = " if logits else "dl/dp_j = "), slope
        assert "docstring" not in slope
    if isinstance(record, optimizers.Optimizer):
        assert any(each.startswith("w <- w") for each in optimizer_formulas(record)), label(record)


def test_a_wrong_gradient_does_not_agree():
    step = small().explain_step(X, Y)
    check = step.weights[0].check
    assert check.agrees
    assert check.relative < 1e-9
    wrong = replace(check, gradient=check.gradient * (1 + 1e-5))
    assert not wrong.agrees
    assert wrong.relative == pytest.approx(1e-5, rel=0.01)
    one = replace(check, gradient=check.gradient + np.eye(6)[2] * 1e-4)
    assert not one.agrees
    assert not replace(check, gradient=0 * check.gradient).agrees


@pytest.mark.parametrize(
    ("network", "loss", "y", "kinked"),
    [
        ([Dense(2, "relu", input_dim=2), Dense(1)], "mse", Y, ["b1"]),  # a row of zeros: z = 0
        ([Dense(1, input_dim=2, kernel_initializer="zeros", kernel_regularizer=L1(0.5))], "mse", Y, ["W1"]),
        ([Dense(1, input_dim=2, kernel_initializer="zeros")], "mae", 0 * Y, ["W1", "b1"]),
    ],
    ids=["relu", "l1", "absolute error"],
)
def test_kinks_are_told_and_not_compared(network, loss, y, kinked):
    model = Sequential(network, seed=1)
    model.compile("sgd", loss)
    x = X.copy()
    x[0] = 0
    step = model.explain_step(x, y)
    found = {weight.symbol: weight.check for weight in step.weights}
    for symbol, check in found.items():
        assert check.kinks.any() == (symbol in kinked), symbol
    check = found[kinked[0]]
    assert (check.below[check.kinks] != check.above[check.kinks]).all()
    assert step.agrees
    assert "a kink: " in step.text()
    outside = replace(check, gradient=check.gradient + 100 * check.kinks)
    assert not outside.agrees


def test_a_gradient_that_is_zero_in_theory_is_told_so():
    model = Sequential([Dense(3, input_dim=2), BatchNormalization(), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    step = model.explain_step(X, Y)
    bias = step.layers[0].weights[1]
    assert bias.check.drowned
    assert bias.check.agrees
    assert "0 to rounding" in repr(step)


def test_large_networks_have_some_of_their_numbers_checked():
    model = Sequential([Dense(64, "tanh", input_dim=2), Dense(64, "tanh"), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    step = model.explain_step(X, Y)
    assert [len(weight.check.places) for weight in step.weights] == [12, 12, 12, 12, 12, 1]
    assert [weight.check.of for weight in step.weights] == [128, 64, 4096, 64, 64, 1]
    assert step.agrees
    assert "12 of 4,096 numbers held against" in step.text()
    again = model.explain_step(X, Y)
    assert (again.weights[2].check.places == step.weights[2].check.places).all()
    assert len(model.explain_step(X, Y, entries=1).weights[2].check.places) == 1
    none = model.explain_step(X, Y, entries=0)
    assert [weight.check for weight in none.weights] == [None] * 6
    assert none.frame()["finite_difference"].isna().all()


# ---- The model, and what is refused ----------------------------------------------------------------------------------


def test_the_model_stays_as_it_is():
    model = Sequential([Dense(4, "relu", input_dim=2), Dropout(0.5), BatchNormalization(), Dense(1)], seed=0)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0)
    before, history = model.state, model.history
    x, y = X.copy(), Y.copy()
    model.explain_step(x, y, np.ones(6))
    after = model.state
    assert (after.step, model.epochs_done, model.history) == (before.step, 2, history)
    for one, two in zip(
        (*before.weights, *sum(before.slots, ())), (*after.weights, *sum(after.slots, ())), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    twin = Sequential([Dense(1)], seed=0)
    twin.compile("sgd", "mse")
    step = twin.explain_step(X, Y)
    assert not twin.built
    twin.build((None, 2))
    np.testing.assert_array_equal(step.weights[0].before.astype(np.float32), twin.get_weights()[0])


def test_names_of_columns_are_kept():
    pd = pytest.importorskip("pandas")
    step = small().explain_step(pd.DataFrame(X, columns=["age", "rent"]), Y)
    assert step.features == ("age", "rent")
    assert "age" in step.text()
    assert small().explain_step(X, Y).features == ("x0", "x1")


def test_codes_of_an_embedding_are_shown():
    model = Sequential([layers.Embedding([3, 4], [1, 2]), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    codes = np.array([[0, 1], [2, 3]])
    step = model.explain_step([X[:2], codes], Y[:2])
    np.testing.assert_array_equal(step.codes, codes)
    assert [weight.symbol for weight in step.weights] == ["E_1", "E_2", "W2", "b2"]
    assert (step.weights[1].gradient[[0, 2]] == 0).all()
    assert step.agrees


def test_lbfgs_takes_no_step_of_a_batch():
    model = small(optimizer="lbfgs")
    step = model.explain_step(X, Y)
    assert step.agrees
    assert all(weight.after is None for weight in step.weights)
    assert "LBFGS takes no step of one batch" in step.text()
    assert step.frame()["after"].isna().all()


def test_a_rate_of_zero_is_told():
    model = small(optimizer=optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 1)))
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    step = model.explain_step(X, Y)
    assert step.update.learning_rate == 0
    assert "the learning rate of this step is 0" in step.text()


def test_what_cannot_be_explained_is_refused():
    with pytest.raises(NotReadyError, match="explain_step"):
        Sequential([Dense(1, input_dim=2)]).explain_step(X, Y)
    with pytest.raises(DataError, match="X must have 2 columns"):
        small().explain_step(X[:, :1], Y)
    with pytest.raises(DataError, match="explain_step needs targets: y is None"):
        small().explain_step(X, None)
    with pytest.raises(ArgumentError, match=r"'entries' of explain_step must be .*Got -1"):
        small().explain_step(X, Y, entries=-1)
    with pytest.raises(ArgumentError, match="'entries' of explain_step must be"):
        small().explain_step(X, Y, entries="all")
    model = small()
    model.set_weights([w * 1e30 for w in model.get_weights()])
    model.compile("sgd", losses.Function(lambda y, p: (np.full(len(y), np.inf), p)))
    with pytest.raises(DataError, match="The loss of these rows is not finite"):
        model.explain_step(X, Y)
