"""Members: networks on folds of their own, side by side, and what is known from the rows that they hold out."""

import copy
import pickle
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.metrics import log_loss, r2_score

from tabgrad import store
from tabgrad._loading import model_of
from tabgrad.callbacks import LambdaCallback
from tabgrad.engines.select import get_engine, using
from tabgrad.engines.sharing import SharingEngine
from tabgrad.errors import ArgumentError, DataError, DivergenceError, DivergenceWarning, ModelFileError
from tabgrad.estimators import Classifier, Regressor
from tabgrad.estimators._folds import dealt, held_out
from tabgrad.estimators._presets import DEFAULT, PRESETS
from tabgrad.estimators._settings import preset_of
from tabgrad.layers import Dense, PeriodicEmbedding, PiecewiseLinearEmbedding, Scale
from tabgrad.models import Sequential

SMALL = {"members": 3, "hidden_layer_sizes": (8,), "epochs": 6, "random_state": 0, "n_neighbors": 0}
X, Y = make_classification(300, 6, n_informative=4, n_classes=3, random_state=0)
VALUES = X[:, 0] - X[:, 1] ** 2


def classifier(**settings):
    return Classifier(**SMALL | settings)


def regressor(**settings):
    return Regressor(**SMALL | settings)


def shares(estimator, rows=X):
    """What each member says, taken one by one."""
    encoded = estimator.encoder_.encode(tabgrad_table(rows))
    return [model.predict(encoded.x) for model in estimator.models_]


def tabgrad_table(rows):
    from tabgrad.table import Table

    return Table.of(rows)


# ---- Folds -----------------------------------------------------------------------------------------------------------


def test_every_fold_has_its_share_of_every_class():
    classes = np.repeat([0, 1, 2], [37, 101, 5])
    fold = dealt(143, 8, 3, classes=classes)
    sizes = np.bincount(fold, minlength=8)
    assert sizes.max() - sizes.min() <= 1
    counts = np.array([np.bincount(fold[classes == c], minlength=8) for c in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert (dealt(143, 8, 4, classes=classes) != fold).any()
    np.testing.assert_array_equal(dealt(143, 8, 3, classes=classes), fold)


def test_the_only_row_of_a_class_is_never_held_out():
    classes = np.array([0] * 10 + [1] + [2] * 2)
    fold = dealt(13, 4, 0, classes=classes)
    assert fold[10] == -1
    assert len(set(fold[11:])) == 2
    assert [len(held) for held in held_out(2, 2, 3, 0, np.array([0, 1, 2]))] == [0, 0]


def test_more_members_than_folds_hold_out_another_deal():
    held = held_out(6, 3, 30, 0)
    assert [len(one) for one in held] == [10] * 6
    for half in (held[:3], held[3:]):
        assert sorted(np.concatenate(half).tolist()) == list(range(30))
    assert sorted(held[0].tolist()) not in [sorted(one.tolist()) for one in held[3:]]


def test_groups_stay_whole_and_folds_even():
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 600)
    classes = (groups % 4 == 0).astype(np.int64)
    fold = dealt(600, 5, 0, classes=classes, groups=groups)
    assert all(len(set(fold[groups == group])) == 1 for group in range(40))
    counts = np.array([np.bincount(fold[classes == c], minlength=5) for c in (0, 1)])
    assert (counts.max(axis=1) < 1.7 * counts.min(axis=1)).all()


# ---- What is trained -------------------------------------------------------------------------------------------------


def test_the_prediction_is_the_mean_of_the_members():
    fitted = classifier().fit(X, Y)
    assert len(fitted.models_) == 3
    np.testing.assert_allclose(fitted.predict_proba(X), np.mean(shares(fitted), axis=0), atol=1e-6)
    assert (shares(fitted)[0] != shares(fitted)[1]).any()
    line = regressor().fit(X, VALUES)
    mean = line.target_.decode(np.mean(shares(line), axis=0))[:, 0]
    np.testing.assert_allclose(line.predict(X), mean, atol=1e-5)
    assert (line.predict(100 * X) <= VALUES.max()).all()


def test_what_is_held_out_was_not_trained_on():
    """A row that is another one changes every member but the one that holds it out, up to its last layer.

    That is stretched as rows that the others hold out ask for, and they have seen the row; see `_stretching`.
    """
    settings = {"early_stopping": False, "numeric_embedding": "none", "numeric": "none"}
    held = held_out(3, 8, len(X), regressor()._seed())
    changed = X.copy()
    changed[held[0][0]] *= 2
    one, two = (regressor(**settings).fit(rows, VALUES).models_ for rows in (X, changed))
    same = [
        all((a == b).all() for a, b in zip(first.get_weights()[:-2], second.get_weights()[:-2], strict=True))
        for first, second in zip(one, two, strict=True)
    ]
    assert same == [True, False, False]


def test_predictions_of_rows_held_out_are_those_of_the_member_that_held_them_out():
    fitted = classifier().fit(X, Y)
    held = held_out(3, 8, len(X), fitted._seed(), Y)
    for one, places in zip(shares(fitted), held, strict=True):
        np.testing.assert_allclose(fitted.oof_prediction_[places], one[places], atol=1e-6)
    nobody = np.setdiff1d(np.arange(len(X)), np.concatenate(held))
    assert np.isnan(fitted.oof_prediction_[nobody]).all()
    assert fitted.oof_prediction_.shape == (len(X), 3)


def test_scores_of_rows_held_out_are_honest():
    noise = np.random.default_rng(0).integers(0, 2, len(X))
    fitted = Classifier(members=8, random_state=0, epochs=60, early_stopping=False, n_neighbors=0).fit(X, noise)
    assert log_loss(noise, fitted.predict_proba(X)) < 0.5 < log_loss(noise, fitted.oof_prediction_)
    rows, y = load_diabetes(return_X_y=True)
    line = Regressor(members=8, random_state=0).fit(rows, y)
    assert line.oof_prediction_.shape == y.shape
    assert 0.3 < r2_score(y, line.oof_prediction_) < r2_score(y, line.predict(rows))


def test_rows_without_weight_and_repeated_rows_find_their_predictions():
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    fitted = classifier(members=8).fit(X, Y, sample_weight=weight)
    assert (np.isnan(fitted.oof_prediction_[:, 0]) == (weight == 0)).all()
    twice = np.vstack([X[:100], X[:100]])
    whole = regressor(members=8, batch_size=-1, early_stopping=False).fit(twice, np.tile(VALUES[:100], 2))
    np.testing.assert_array_equal(whole.oof_prediction_[:100], whole.oof_prediction_[100:])
    assert len(set(whole.oof_prediction_.tolist())) > 50


def test_one_network_holds_out_a_share():
    fitted = classifier(members=1).fit(X, Y)
    assert (~np.isnan(fitted.oof_prediction_[:, 0])).sum() == 30
    assert fitted.model_ is fitted.models_[0]
    assert len(fitted.coefs_) == 2


def test_the_network_of_several_is_none():
    fitted = classifier().fit(X, Y)
    with pytest.raises(AttributeError, match=r"has 3 networks: see models_\. With members=1 it has one"):
        fitted.model_  # noqa: B018
    assert not hasattr(fitted, "coefs_")
    assert (fitted.n_layers_, fitted.n_outputs_, fitted.out_activation_) == (3, 3, "softmax")


def test_members_stop_by_themselves_and_keep_their_best_weights():
    rows, y = make_classification(600, 20, n_informative=4, flip_y=0.3, random_state=0)
    settings = {"patience": 2, "epochs": 40, "learning_rate": 0.003, "n_neighbors": 0}
    fitted = Classifier(members=4, random_state=0, **settings).fit(rows, y)
    epochs = [len(history["loss"]) for history in fitted.histories_]
    assert fitted.n_iter_ == max(epochs) > min(epochs)
    for history in fitted.histories_:
        assert len(history["loss"]) == int(np.argmin(history["val_loss"])) + 1 + 2
    first = [np.mean([history["loss"][0] for history in fitted.histories_])]
    assert fitted.history_["loss"][:1] == pytest.approx(first)
    held = held_out(4, 8, len(rows), fitted._seed(), y)
    for history, places in zip(fitted.histories_, held, strict=True):
        assert log_loss(y[places], fitted.oof_prediction_[places]) == pytest.approx(min(history["val_loss"]), abs=1e-5)


def test_the_same_seed_gives_the_same_bits_whatever_the_threads():
    one, two, other = (classifier(n_jobs=n, random_state=seed).fit(X, Y) for n, seed in ((1, 0), (2, 0), (1, 1)))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    np.testing.assert_array_equal(one.oof_prediction_, two.oof_prediction_)
    assert (one.predict_proba(X) != other.predict_proba(X)).any()


def test_metrics_are_noted_of_all():
    fitted = classifier(metrics=["accuracy"]).fit(X, Y)
    assert sorted(fitted.history_) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(sorted(history) == sorted(fitted.history_) for history in fitted.histories_)


def test_callbacks_listen_to_one_network():
    with pytest.raises(ArgumentError, match=r"'callbacks' of Classifier listen to one network, and 3 are .* members=1"):
        classifier(callbacks=[LambdaCallback()]).fit(X, Y)
    assert not hasattr(classifier(), "models_")


def test_networks_of_ones_own_may_be_members():
    own = Sequential([Dense(6, "tanh"), Dense(3, "softmax")])
    assert len(Classifier(model=own, epochs=2).fit(X, Y).models_) == 1
    several = Classifier(model=own, members=2, epochs=2, random_state=0).fit(X, Y)
    assert len(several.models_) == 2
    assert several.n_layers_ == 3


def test_training_goes_on_in_every_member():
    fitted = classifier(warm_start=True, epochs=3).fit(X, Y)
    before = [model.get_weights() for model in fitted.models_]
    first = fitted.loss_
    for _ in range(4):
        fitted.fit(X, Y)
    assert fitted.loss_ < first
    for weights, model in zip(before, fitted.models_, strict=True):
        assert any((a != b).any() for a, b in zip(weights, model.get_weights(), strict=True))
    fitted.set_params(members=2)
    with pytest.raises(ArgumentError, match="goes on training the 3 networks that there are, and 'members' is 2"):
        fitted.fit(X, Y)


def test_partial_fit_goes_on_in_every_member():
    rows, y = load_iris(return_X_y=True)
    fitted = Classifier(members=2, learning_rate=0.01, random_state=0)
    for _ in range(30):
        fitted.partial_fit(rows, y, classes=[0, 1, 2])
    assert (fitted.n_iter_, [len(history["loss"]) for history in fitted.histories_]) == (30, [30, 30])
    assert fitted.score(rows, y) > 0.9
    assert np.isnan(fitted.oof_prediction_).all()


# ---- Presets ---------------------------------------------------------------------------------------------------------


def test_a_preset_is_figures_and_arguments_stand_above_it():
    assert preset_of(Classifier()) == PRESETS[DEFAULT]
    asked = preset_of(Classifier(preset="best", dropout=0.3, hidden_layer_sizes=5, members=2, numeric="robust"))
    assert (asked.dropout, asked.hidden_layer_sizes, asked.members_for(10**7), asked.numeric) == (
        0.3,
        (5,),
        2,
        "robust",
    )
    assert asked.learning_rate == PRESETS["best"].learning_rate
    own = preset_of(Classifier(preset="best", model=Sequential([Dense(3)])))
    assert own == PRESETS["single"]


def test_a_preset_follows_rows_and_columns():
    fast = PRESETS["fast"]
    assert [fast.batch_for(rows) for rows in (100, 1999, 2000, 10**6)] == [64, 64, 128, 1024]
    steps = [
        rows // fast.batch_for(rows) * fast.epochs_for(rows, -(-rows // fast.batch_for(rows))) for rows in (700, 9000)
    ]
    assert min(steps) > 1_000
    assert fast.epochs_for(10**6, 1000) < fast.epochs
    assert fast.members_for(10**6) < fast.members_for(1000)


def test_the_networks_of_the_presets():
    fitted = Classifier(preset="fast", epochs=1, random_state=0).fit(X, Y)
    kinds = [type(layer.record) for layer in fitted.models_[0].layers]
    assert kinds[:3] == [PiecewiseLinearEmbedding, PeriodicEmbedding, Scale]
    assert [layer.record.units for layer in fitted.models_[0].layers if isinstance(layer.record, Dense)] == [64, 64, 3]
    one = Classifier(preset="single", epochs=1, random_state=0).fit(X, Y)
    assert [type(layer.record).__name__ for layer in one.model_.layers] == ["Dense", "Dropout"] * 2 + ["Dense"]
    for kind, expected in (("piecewise", [PiecewiseLinearEmbedding]), ("periodic", [PeriodicEmbedding]), ("none", [])):
        made = classifier(numeric_embedding=kind, epochs=1).fit(X, Y).models_[0]
        found = [type(layer.record) for layer in made.layers if "Embedding" in type(layer.record).__name__]
        assert found == expected


def test_only_kernels_decay_and_embeddings_learn_faster():
    weights = {
        (type(layer.record).__name__, weight.name): (weight.rate_factor, weight.decay_factor)
        for layer in classifier(epochs=1).fit(X, Y).models_[0].layers
        for weight in layer.record.weights(60)
    }
    assert weights["Dense", "kernel"] == (1, 1)
    assert weights["Dense", "bias"] == (1, 0)
    assert weights["PiecewiseLinearEmbedding", "kernel"] == weights["PeriodicEmbedding", "bias"] == (3, 0)
    assert weights["Scale", "gamma"] == (6, 0)


# ---- Files -----------------------------------------------------------------------------------------------------------


def test_members_come_back_from_one_file(tmp_path):
    for fitted in (classifier().fit(X, Y), regressor().fit(X, VALUES)):
        fitted.save(tmp_path / "m.tabgrad")
        pickled = pickle.loads(pickle.dumps(fitted))  # noqa: S301
        for again in (model_of(store.read(tmp_path / "m.tabgrad")), pickled, copy.copy(fitted)):
            np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
            assert again.histories_ == fitted.histories_
            assert again.history_ == fitted.history_
            assert [model.seed for model in again.models_] == [model.seed for model in fitted.models_]
        np.testing.assert_array_equal(pickled.oof_prediction_, fitted.oof_prediction_)


def test_training_goes_on_after_loading():
    first = classifier().fit(X, Y)
    again = model_of(store.from_bytes(store.to_bytes(first._to_content())))
    for each in (first, again):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda header, arrays: header.update(members=header["members"][:1]), "must share network and training"),
        (lambda header, arrays: header.update(members=3), "must share network and training"),
        (lambda header, arrays: header["members"].pop(), "must be one on another of 2 networks"),
        (lambda header, arrays: header["members"][0].pop("state"), "must have its own state and history"),
        (lambda header, arrays: header["estimator"]["histories"].pop(), "must hold a history of each of 3"),
        (lambda header, arrays: header["estimator"].pop("histories"), "The estimator must hold"),
        (lambda header, arrays: arrays.update({"dense/kernel": arrays["dense/kernel"][:, :2]}), "of the shape"),
    ],
)
def test_members_made_by_intention(change, message):
    content = copy.deepcopy(classifier(epochs=1).fit(X, Y)._to_content())
    header, arrays = dict(content.header), dict(content.arrays)
    change(header, arrays)
    data = store.to_bytes(store.Content("classifier", header, arrays))
    with pytest.raises(ModelFileError, match=message):
        model_of(store.from_bytes(data))


# ---- Few rows, groups, going on --------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["best", "fast", "single"])
def test_few_rows_of_classes_are_not_learned_by_heart(preset):
    rows = np.random.default_rng(3).normal(size=(2_060, 5))
    classes = (rows[:, 0] + np.sin(3 * rows[:, 1]) + 0.3 * rows[:, 2] > 0).astype(int)
    fitted = Classifier(preset=preset, random_state=0).fit(rows[:60], classes[:60])
    assert "val_loss" in fitted.history_
    assert log_loss(classes[60:], fitted.predict_proba(rows[60:])) < 0.69  # what the shares of the classes alone give
    assert (
        "val_loss" not in Regressor(preset=preset, random_state=0).fit(rows[:60], rows[:60, 0] * rows[:60, 1]).history_
    )


def test_groups_that_weights_leave_alone_are_refused():
    rows, group = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    with pytest.raises(DataError, match="at least two, so that one can be held out"):
        Regressor().fit(rows, rows[:, 0], sample_weight=group, groups=group)


@pytest.mark.parametrize("members", [1, "auto"])
def test_classes_of_one_group_each_are_refused(members):
    rows, group = np.random.default_rng(0).normal(size=(400, 2)), np.arange(400) % 2
    with pytest.raises(DataError, match="'groups' of Classifier must leave at least two classes"):
        Classifier(members=members).fit(rows, group, groups=group)


def test_no_fold_of_groups_is_empty():
    group = np.arange(24) % 3
    assert set(dealt(24, 3, seed=0, classes=group, groups=group)) == {0, 1, 2}


def test_who_goes_on_says_nothing_of_rows_that_it_may_know():
    rows, y = np.random.default_rng(0).normal(size=(300, 5)), np.random.default_rng(1).normal(size=300)
    going_on = Regressor(preset="fast", epochs=3, warm_start=True).fit(rows, y)
    assert going_on.scores_
    going_on.fit(rows[::-1], y[::-1])
    assert (going_on.scores_, np.isnan(going_on.oof_prediction_).all()) == ({}, True)
    with pytest.raises(ArgumentError, match="not under warm_start"):
        going_on.predict_interval(rows)


@pytest.mark.parametrize("preset", ["best", "single"])
def test_targets_whose_squares_are_no_numbers_are_refused(preset):
    with pytest.raises(DataError, match=r"at most 1e\+150 in size.* \(row 1\)"):
        Regressor(preset=preset).fit(X[:20], np.r_[0.0, 1e200, np.ones(18)])


def test_members_that_diverge_are_not_said_to_lack_time():
    rows = np.c_[np.random.default_rng(0).normal(size=(200, 3)), np.r_[1e30, np.zeros(199)]]
    with pytest.warns(DivergenceWarning, match=r"a learning rate below 0\.\d+"):
        fitted = Regressor(preset="fast", numeric="none", random_state=0).fit(rows, rows[:, 0] * rows[:, 1])
    assert any("finished no epoch, their loss stopped being finite" in note for note in fitted.notes_)


# ---- Time ------------------------------------------------------------------------------------------------------------


def test_a_limit_ends_the_training_and_leaves_something():
    rows, y = make_classification(4000, 20, random_state=0)
    start = time.monotonic()
    fitted = Classifier(preset="best", time_limit=1.0, epochs=100_000, early_stopping=False, random_state=0).fit(
        rows, y
    )
    assert time.monotonic() - start < 3
    assert fitted.score(rows, y) > 0.8
    none = Classifier(time_limit=1e-6, n_jobs=1, random_state=0).fit(rows, y)
    assert (len(none.models_), none.n_iter_) == (1, 1)
    assert any("7 of 8 members finished no epoch" in note for note in none.notes_)
    one = Classifier(preset="single", time_limit=1e-6, random_state=0).fit(rows, y)
    assert one.n_iter_ == 1


def test_members_that_had_no_time_in_a_search_are_not_said_to_have_diverged():
    rows, y = make_classification(400, 6, random_state=0)
    with using(SharingEngine(get_engine(), deadline=0.0, strict=False)):
        fitted = Classifier(preset="fast", epochs=50, random_state=0).fit(rows, y)
    assert len(fitted.models_) == 1
    assert any("3 of 4 members finished no epoch, for lack of time" in note for note in fitted.notes_)


def test_members_stand_on_the_screen(capfd):
    classifier(verbose=2, epochs=2).fit(X, Y)
    lines = capfd.readouterr().out.splitlines()
    assert sorted(line.split(" - loss")[0] for line in lines) == [
        f"Member {member}/3 - Epoch {epoch}/2" for member in (1, 2, 3) for epoch in (1, 2)
    ]
    classifier(verbose=1, epochs=2).fit(X, Y)
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith("6/6 ")
    assert " - val_loss: " in line
    classifier(epochs=2).fit(X, Y)
    assert capfd.readouterr().out == ""


# ---- Memory ----------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_before_anything_is_trained(monkeypatch):
    need = classifier().memory_needed(X, Y)
    assert X.astype(np.float32).nbytes < need < 10**8
    assert classifier(members=6, n_jobs=1).memory_needed(X, Y) > classifier(members=3, n_jobs=1).memory_needed(X, Y)
    twice = np.vstack([X, X])
    assert need < classifier().memory_needed(twice, np.tile(Y, 2)) < 2 * need
    monkeypatch.setattr("tabgrad.table.memory.available", lambda: need - 1)
    with pytest.raises(DataError, match=r"^Training Classifier on 300 rows needs about .* of memory, and .* are free"):
        classifier().fit(X, Y)
    monkeypatch.setattr("tabgrad.table.memory.available", lambda: need)
    classifier().fit(X, Y)
    own = Sequential([Dense(3, "softmax")])
    assert 0 < Classifier(model=own).memory_needed(X, Y) < need


# ---- What is no good -------------------------------------------------------------------------------------------------


def test_groups_that_are_none():
    for groups, message in (
        (np.zeros(len(X)), "groups must be at least two"),
        (np.zeros(5), r"inconsistent numbers of samples: \[300, 5\]"),
        ([None, *["a"] * 299], "groups must have a value for each row. Missing in 1 row"),
    ):
        with pytest.raises(DataError, match=message):
            classifier().fit(X, Y, groups=groups)


def test_groups_are_held_out_together():
    groups = np.repeat([f"patient {n}" for n in range(60)], 5)
    for settings in ({"members": 8}, {"members": 1}):
        fitted = regressor(**settings).fit(X, VALUES, groups=groups)
        held = ~np.isnan(fitted.oof_prediction_)
        assert held.any()
        assert all(len(set(held[groups == group])) == 1 for group in set(groups))


def test_members_that_diverge_are_told_of_and_all_of_them_are_an_error():
    bad = regressor(learning_rate=1e30, schedule="constant", optimizer="sgd", batch_size=16)
    with (
        pytest.warns(DivergenceWarning, match=r"Member 1 of 3: The loss stopped being finite.* So did 2 more\."),
        pytest.raises(DivergenceError, match="nothing was learned"),
    ):
        bad.fit(X, VALUES)


@pytest.mark.filterwarnings("ignore:.*repeat others:tabgrad.errors.DataWarning")
def test_tables_that_are_hard_to_divide():
    random = np.random.default_rng(0)
    table = {
        "constant but once": [1.0, *[0.0] * 59],
        "near constant": 5 + 1e-13 * random.normal(size=60),
        "huge": np.where(np.arange(60) == 7, 1e30, random.normal(size=60)),
        "large codes": 2**24 + np.arange(60) % 7,
        "two": np.arange(60) % 2,
        "text": [["a", "b", "c"][n % 3] for n in range(60)],
    }
    rare = [0] * 55 + [1, 2, 2, 3, 3]
    for rows in (table, {"text": table["text"]}, {"two": table["two"]}, {"huge": table["huge"]}):
        fitted = Classifier(epochs=2, members=8, random_state=0, early_stopping=True).fit(rows, rare)
        assert np.isfinite(fitted.predict_proba(rows)).all()
        assert np.isnan(fitted.oof_prediction_[55]).all()  # the only one of its class
        values = regressor().fit(rows, random.normal(size=60))
        assert np.isfinite(values.predict(rows)).all()


@pytest.mark.filterwarnings("ignore:.*repeat others:tabgrad.errors.DataWarning")
def test_large_codes_are_told_apart():
    codes = 2.0**24 + np.arange(200) % 2 + np.where(np.arange(200) % 4 < 2, 0, 10)
    fitted = Regressor(random_state=0).fit(codes.reshape(-1, 1), codes % 2)
    assert fitted.score(codes.reshape(-1, 1), codes % 2) > 0.9


def test_two_rows_are_enough():
    assert Regressor(random_state=0).fit([[0.0], [1.0]], [0, 1]).predict([[0.0], [1.0]]).shape == (2,)
    assert Classifier(random_state=0).fit([[0.0], [1.0]], ["a", "b"]).predict([[0.0]]).shape == (1,)


def test_a_table_of_many_columns():
    rows = np.random.default_rng(0).normal(size=(60, 700))
    fitted = Classifier(preset="fast", epochs=1, random_state=0).fit(rows, np.arange(60) % 2)
    assert fitted.models_[0].plan().network.layers[0].output_dim == 1
    assert fitted.predict_proba(rows).shape == (60, 2)


def test_frames_of_all_kinds_of_columns():
    frame = pd.DataFrame(
        {"x": X[:, 0], "street": [f"street {n % 30}" for n in range(300)], "gap": [None, 1.5, 2.5] * 100}
    )
    fitted = classifier().fit(frame, Y)
    assert fitted.encoder_.embedded == ("street",)
    assert fitted.predict_proba(frame).shape == (300, 3)
