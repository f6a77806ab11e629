"""Searches: scikit-learn's results, whatever is shared; ends that lose nothing."""

from __future__ import annotations

import _thread
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import loguniform
from sklearn import model_selection as theirs
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tabgrad import Classifier, Regressor, Sequential, search
from tabgrad.engines import native
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, JournalError, SearchWarning
from tabgrad.layers import Dense
from tabgrad.regularizers import L2
from tabgrad.search import _pool, _run
from tabgrad.table import Table
from tabgrad.wrappers.scikit_learn import KerasClassifier, KerasRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4)).astype(np.float32)
Y = np.array(["low", "middle", "high"])[np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1])]
NUMBERS = X[:, 0] - X[:, 1] ** 2
SMALL: dict[str, Any] = {"preset": "single", "hidden_layer_sizes": (8,), "epochs": 6, "random_state": 0}


def network(units: int = 8, optimizer: str = "adam") -> Sequential:
    model = Sequential([Dense(units, "relu", input_dim=4), Dense(3, "softmax")])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def same(one: Any, other: Any) -> None:
    """The results of two searches are equal but for the seconds."""
    ours, others = one.cv_results_, other.cv_results_
    assert list(ours) == list(others)
    for name in ours:
        if "time" in name:
            assert len(ours[name]) == len(others[name])
        elif name == "params":
            assert ours[name] == others[name]
        else:
            np.testing.assert_array_equal(ours[name], others[name], name)
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_", "multimetric_"):
        assert hasattr(one, name) == hasattr(other, name)
        if hasattr(one, name):
            assert getattr(one, name) == getattr(other, name)


# ---- Scikit-learn's results ------------------------------------------------------------------------------------------

CASES = {
    "epochs and more": (Classifier(**SMALL), {"epochs": [2, 5, 9], "learning_rate": [0.01, 0.1]}, {}),
    "early stopping": (Classifier(**SMALL, early_stopping=True), {"epochs": [3, 9], "patience": [2, 4]}, {}),
    "members": (
        Classifier(preset="fast", members=2, epochs=4, random_state=1, early_stopping=True),
        {"epochs": [3, 6], "patience": [1, 5]},
        {"return_train_score": True},
    ),
    "regressor": (
        Regressor(**SMALL),
        {"epochs": [2, 6]},
        {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"},
    ),
    "several without refit": (Classifier(**SMALL), {"epochs": [2, 6]}, {"scoring": ["accuracy"], "refit": False}),
    "callable of several": (
        Classifier(**SMALL),
        {"epochs": [2, 6]},
        {"scoring": lambda e, X, y: {"a": e.score(X, y), "b": 1.0}, "refit": "a"},
    ),
    "callable refit": (Classifier(**SMALL), {"epochs": [2, 6]}, {"refit": lambda results: 1}),
    "scorer": (Classifier(**SMALL), {"epochs": [2, 6]}, {"scoring": make_scorer(accuracy_score)}),
    "wrapper": (
        KerasClassifier(network, random_state=0, verbose=0),
        {"epochs": [1, 4], "optimizer": ["adam", "sgd"], "batch_size": [16], "units": [4]},
        {},
    ),
    "pipeline": (
        make_pipeline(StandardScaler(), Classifier(**SMALL)),
        {"classifier__epochs": [2, 6], "standardscaler__with_mean": [True, False]},
        {"cv": theirs.ShuffleSplit(3, random_state=0)},
    ),
}


@pytest.mark.parametrize("estimator, grid, options", CASES.values(), ids=CASES)
def test_a_grid_gives_what_scikit_learn_gives(estimator: Any, grid: dict[str, Any], options: dict[str, Any]) -> None:
    y = NUMBERS if isinstance(estimator, Regressor) else Y
    ours = search.GridSearchCV(estimator, grid, **{"cv": 3, **options}).fit(X, y)
    their = theirs.GridSearchCV(estimator, grid, **{"cv": 3, **options}).fit(X, y)
    same(ours, their)
    if options.get("refit") is not False:
        np.testing.assert_array_equal(ours.predict(X), their.predict(X))
        assert str(ours.best_estimator_) == str(their.best_estimator_)


def test_random_candidates_are_those_of_scikit_learn() -> None:
    space = {"learning_rate": loguniform(1e-3, 1e-1), "epochs": [2, 4]}
    found = [
        module.RandomizedSearchCV(Classifier(**SMALL), space, n_iter=4, cv=3, random_state=5).fit(X, Y)
        for module in (search, theirs)
    ]
    same(*found)


@pytest.mark.parametrize("kind", ["HalvingGridSearchCV", "HalvingRandomSearchCV"])
def test_halving_by_rows_is_that_of_scikit_learn(kind: str) -> None:
    space = {"learning_rate": [1e-3, 1e-2, 1e-1], "dropout": [0, 0.1]}
    found = [
        getattr(module, kind)(Classifier(**SMALL), space, cv=3, random_state=0, max_resources=90).fit(X, Y)
        for module in (search, theirs)
    ]
    same(*found)
    assert found[0].n_resources_ == found[1].n_resources_


def test_halving_that_eliminates_aggressively_is_that_of_scikit_learn() -> None:
    network = Classifier(**{**SMALL, "schedule": "constant", "use_ema": False})
    how: dict[str, Any] = {"resource": "epochs", "min_resources": 2, "max_resources": 4, "factor": 2, "cv": 3}
    space = {"learning_rate": [1e-3, 1e-2, 1e-1, 1e-4, 0.03, 0.05]}
    found = [
        module.HalvingGridSearchCV(network, space, aggressive_elimination=True, random_state=0, **how).fit(X, Y)
        for module in (search, theirs)
    ]
    same(*found)
    assert found[0].best_estimator_.n_iter_ == found[1].best_estimator_.n_iter_ == 4


def test_halving_takes_a_dict_of_columns() -> None:
    columns = dict(zip("abcd", X.T, strict=True))
    search.HalvingGridSearchCV(Classifier(**SMALL), {"dropout": [0, 0.1]}, cv=3, max_resources=60).fit(columns, Y)


def test_weights_and_groups_go_where_they_belong() -> None:
    weight, groups = RNG.uniform(0.5, 2, len(X)), np.arange(len(X)) // 10
    found = [
        module.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=theirs.GroupKFold(3)).fit(
            X, Y, sample_weight=weight, groups=groups
        )
        for module in (search, theirs)
    ]
    same(*found)
    with pytest.raises(ValueError, match="groups"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [2]}, cv=theirs.GroupKFold(3)).fit(X, Y)


def test_frames_and_names_of_targets() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 2] > 0, "x", "y"))
    plain = search.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(frame, Y)
    same(plain, theirs.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(frame, Y))
    whole = frame.assign(target=Y)
    named = search.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(whole, "target")
    columns = search.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(dict(whole), "target")
    same(named, plain)
    assert named.score(whole, "target") == plain.score(frame, Y)
    same(columns, plain)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    space = {"learning_rate": [0.01, 0.1], "epochs": [2, 5]}
    one = search.GridSearchCV(Classifier(**SMALL), space, cv=3, n_jobs=threads).fit(X, Y)
    same(one, search.GridSearchCV(Classifier(**SMALL), space, cv=3).fit(X, Y))


# ---- Nothing twice ---------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs of the runs that the engine is asked for."""
    epochs, run = list[int](), native._run

    def counted(job: Any, program: Any) -> Any:
        epochs.append(job.epochs - job.initial_epoch)
        return run(job, program)

    monkeypatch.setattr(native, "_run", counted)
    return epochs


def test_candidates_that_differ_in_epochs_are_one_run(trained: list[int]) -> None:
    constant = Classifier(**SMALL, schedule="constant", use_ema=False)
    found = search.GridSearchCV(constant, {"epochs": [2, 4, 7]}, cv=3).fit(X, Y)
    assert sum(trained) == (3 + 1) * 7  # the folds, and all rows
    trained.clear()
    falling = Classifier(**SMALL, schedule="cosine")
    best = search.GridSearchCV(falling, {"epochs": [2, 4, 7]}, cv=3).fit(X, Y).best_params_["epochs"]
    # A schedule knows its end; on all rows that is seen once two were trained.
    assert sum(trained) == 3 * (2 + 4 + 7) + (2 + 4) + (7 if best == 7 else 0)
    assert found.best_estimator_.n_iter_ == found.best_params_["epochs"]


def test_halving_by_epochs_goes_on_with_the_survivors(trained: list[int]) -> None:
    space = {"learning_rate": [1e-4, 1e-3, 1e-2, 1e-1]}
    options: dict[str, Any] = {"resource": "epochs", "max_resources": 8, "factor": 2, "cv": 3}
    halved = search.HalvingGridSearchCV(Classifier(**SMALL), space, refit=False, **options).fit(X, Y)
    assert halved.n_resources_ == [2, 4, 8]
    assert sum(trained) == 3 * (4 * 2 + 2 * 2 + 1 * 4)
    last = halved.cv_results_["iter"] == 2
    (place,) = np.flatnonzero(last)
    params = halved.cv_results_["params"][place]
    alone = search.GridSearchCV(Classifier(**SMALL), {name: [value] for name, value in params.items()}, cv=3).fit(X, Y)
    assert params["epochs"] == 8
    assert alone.best_score_ == halved.cv_results_["mean_test_score"][place]


def test_rows_are_encoded_once_for_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    from tabgrad.encode.encoder import Encoder
    from tabgrad.estimators import _reading

    count, encode = list[int](), Encoder.encode
    read, read_rows = list[int](), _reading.read_rows
    monkeypatch.setattr(Encoder, "encode", lambda self, table: count.append(1) or encode(self, table))
    monkeypatch.setattr(_reading, "read_rows", lambda *given, **named: read.append(1) or read_rows(*given, **named))
    search.GridSearchCV(Classifier(**SMALL), {"learning_rate": [0.1, 0.2, 0.3, 0.4]}, cv=3, refit=False).fit(X, Y)
    assert len(read) == 3 * 2  # the rows of training, and those of test
    assert len(count) == 3 * 3  # the rows of training, those held out of them, and those of test


# ---- Seeds -----------------------------------------------------------------------------------------------------------


def test_without_a_seed_all_candidates_have_the_same() -> None:
    settings = {name: value for name, value in SMALL.items() if name != "random_state"}
    found = search.GridSearchCV(Classifier(**settings), {"activation": ["relu", "relu"]}, cv=3).fit(X, Y)
    first, second = found.cv_results_["mean_test_score"]
    assert first == second
    assert found.best_estimator_.random_state is None
    pipeline = make_pipeline(StandardScaler(), Classifier(**settings))
    found = search.GridSearchCV(pipeline, {"classifier__epochs": [3, 4]}, cv=3).fit(X, Y)
    assert found.best_estimator_.get_params()["classifier__random_state"] is None


# ---- What a search is made of ----------------------------------------------------------------------------------------


def test_a_function_that_builds_a_network_is_enough() -> None:
    found = search.GridSearchCV(network, {"units": [2, 8], "epochs": [2, 20]}, cv=3).fit(X, Y)
    assert isinstance(found.best_estimator_, KerasClassifier)
    assert clone(found).param_grid == found.param_grid
    model = Sequential([Dense(1, input_dim=4)])
    model.compile("sgd", "mse")
    found = search.GridSearchCV(model, {"epochs": [2, 5]}, cv=3).fit(X, NUMBERS)
    assert isinstance(found.best_estimator_, KerasRegressor)


def test_fits_print_nothing_among_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    search.GridSearchCV(KerasClassifier(network), {"epochs": [1, 2], "verbose": [2]}, cv=3, refit=False).fit(X, Y)
    assert not capsys.readouterr().out


def test_a_large_table_is_not_cut_for_all_folds_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pool, "ROOM", 0)
    ours = search.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(X, Y)
    same(ours, theirs.GridSearchCV(Classifier(**SMALL), {"epochs": [2, 4]}, cv=3).fit(X, Y))


def test_the_size_of_any_table_is_seen() -> None:
    polars, pandas = pytest.importorskip("polars"), pytest.importorskip("pandas")
    numbers = np.ones((1000, 10))
    columns = {f"c{place}": numbers[:, place] for place in range(10)}
    tables = [numbers, pandas.DataFrame(columns), polars.DataFrame(columns), Table.of(columns), csr_array(numbers)]
    for table in [*tables, numbers.tolist()]:
        assert 80_000 <= _pool._bytes(table) <= 130_000, type(table)


# ---- Bad input and failures ------------------------------------------------------------------------------------------


def test_unknown_parameters_are_refused_before_anything_is_trained(trained: list[int]) -> None:
    with pytest.raises(ArgumentError, match="did you mean 'learning_rate'"):
        search.GridSearchCV(Classifier(**SMALL), {"learningrate": [1]}).fit(X, Y)
    with pytest.raises(ArgumentError):
        search.GridSearchCV(Classifier(**SMALL), {}).fit(X, Y)
    with pytest.raises(ArgumentError, match="time_limit"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}, time_limit=-1).fit(X, Y)
    with pytest.raises(ArgumentError, match="progress"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}, progress=3).fit(X, Y)
    with pytest.raises(ArgumentError, match="n_jobs"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}, n_jobs=0).fit(X, Y)
    with pytest.raises(ArgumentError, match="Did you mean 'accuracy'"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}, scoring="acuracy").fit(X, Y)
    with pytest.raises(ArgumentError, match=r"name of one of several scores\. Got 'ensembel'"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}, refit="ensembel").fit(X, Y)
    with pytest.raises(DataError, match="y is None"):
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1]}).fit(X)
    with pytest.raises(ArgumentTypeError, match=r"write Classifier\(...\)"):
        search.GridSearchCV(Classifier, {"epochs": [1]})
    with pytest.raises(ArgumentTypeError, match="must be an estimator"):
        search.GridSearchCV(3, {"epochs": [1]})
    for builder, message in ((lambda units: None, "without arguments"), (lambda: None, "compiled Sequential")):
        with pytest.raises(ArgumentError, match=message):
            search.GridSearchCV(builder, {"epochs": [1]})
    assert not trained


def test_scores_that_are_no_numbers_are_told_of() -> None:
    rare = np.where(np.arange(len(Y)) < 2, "rare", Y)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        search.GridSearchCV(Classifier(**SMALL), {"epochs": [1, 2]}, scoring="neg_log_loss", cv=5).fit(X, rare)
    (said,) = [str(each.message) for each in told if each.category is SearchWarning]
    assert "No candidate has a score" in said
    assert "Class 'rare' has 2 rows" in said


def test_a_candidate_that_fails_is_a_row() -> None:
    grid = {"learning_rate": [0.01, -1.0]}
    with pytest.warns((FitFailedWarning, UserWarning), match="learning_rate|non-finite"):
        found = search.GridSearchCV(Classifier(**SMALL), grid, cv=3).fit(X, Y)
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert found.best_index_ == 0
    with pytest.raises(ValueError, match="learning_rate"):
        search.GridSearchCV(Classifier(**SMALL), grid, cv=3, error_score="raise").fit(X, Y)
    failing = search.GridSearchCV(Classifier(**SMALL), {"learning_rate": [-1.0]}, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="All the 3 fits failed"):
            failing.fit(X, Y)


# ---- What is trained beside the folds --------------------------------------------------------------------------------


def test_a_candidate_that_fails_beside_the_folds_is_a_row() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = search.GridSearchCV(Classifier(**SMALL), {"epochs": [-1, 3]}, cv=3).fit(X, Y)
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [True, False]
    assert found.best_estimator_.n_iter_ == 3


def test_what_ctrl_c_ended_in_the_midst_is_not_the_best_estimator() -> None:
    constant = Classifier(
        **{**SMALL, "hidden_layer_sizes": (64,)}, schedule="constant", use_ema=False, batch_size=4, early_stopping=False
    )
    folds = [(np.arange(16), np.arange(20, 60))] * 2

    def interrupt(progress: search.Progress) -> None:
        if progress.best_score is not None:
            _thread.interrupt_main()

    grid = {"epochs": [700, 30000]}
    with pytest.warns(SearchWarning, match="Ctrl-C"):
        found = search.GridSearchCV(constant, grid, cv=folds, n_jobs=4, progress=interrupt).fit(X, Y)
    assert found.best_params_ == {"epochs": 700}
    assert found.best_estimator_.n_iter_ == 700


# ---- Ends ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def over_after_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over once seven fits are done, whatever the clock says."""
    monkeypatch.setattr(_run.Run, "_deadline", lambda run: 0.0 if run._done >= 7 else None)


@pytest.mark.usefixtures("over_after_seven")
def test_what_is_done_when_the_time_is_over_is_valid() -> None:
    space, before = {"learning_rate": [0.01, 0.02, 0.03, 0.04, 0.05]}, threading.active_count()
    with pytest.warns(SearchWarning, match="time_limit=1000 after 2 candidates"):
        found = search.GridSearchCV(Classifier(**SMALL), space, cv=3, n_jobs=1, time_limit=1000).fit(X, Y)
    assert threading.active_count() == before
    assert found.stopped_ == "time_limit"
    assert found.predict(X).shape == Y.shape
    same(found, theirs.GridSearchCV(Classifier(**SMALL), {"learning_rate": [0.01, 0.02]}, cv=3).fit(X, Y))


@pytest.mark.usefixtures("over_after_seven")
def test_a_halving_without_time_chooses_among_the_last_round_that_there_is() -> None:
    space = {"learning_rate": [1e-4, 1e-2, 1e-1]}
    with pytest.warns(SearchWarning):
        found = search.HalvingGridSearchCV(
            Classifier(**SMALL), space, cv=2, n_jobs=1, resource="epochs", max_resources=9, time_limit=1000
        ).fit(X, Y)
    assert found.cv_results_["iter"].tolist() == [0, 0, 0]
    assert found.best_params_["epochs"] == 3


def test_training_the_best_again_is_reckoned_in() -> None:
    asked: list[float] = []

    def hear(progress: search.Progress) -> None:
        asked.append(run._deadline() - run._began)

    found = search.GridSearchCV(Classifier(**SMALL), {"learning_rate": [0.01]}, cv=3, time_limit=1000, progress=hear)
    run = _run.Run(found)
    run.go(X, Y, {})
    assert asked[0] == pytest.approx(1000)
    assert asked[-1] == pytest.approx(1000 - 1.5 * found.cv_results_["mean_fit_time"][0])


def test_short_candidates_are_done_on_every_fold_before_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run.Run, "_deadline", lambda run: 0.0 if run._done >= 3 else None)
    with pytest.warns(SearchWarning, match="after 1 candidates"):
        found = search.GridSearchCV(
            Classifier(**SMALL), {"epochs": [5, 1, 3]}, cv=3, n_jobs=1, time_limit=1000, refit=False
        ).fit(X, Y)
    assert found.cv_results_["params"] == [{"epochs": 1}]


def test_too_little_time_for_one_candidate_is_said() -> None:
    with pytest.raises(ArgumentError, match="larger time_limit"):
        search.GridSearchCV(
            Classifier(
                **SMALL,
            ),
            {"learning_rate": [0.01]},
            cv=3,
            time_limit=1e-6,
        ).fit(X, Y)


def test_ctrl_c_gives_what_is_there(tmp_path: Any) -> None:
    space, path = {"learning_rate": [0.01, 0.02, 0.03, 0.04, 0.05]}, tmp_path / "search.journal"

    def interrupt(progress: search.Progress) -> None:
        if progress.done == 7:
            _thread.interrupt_main()
            time.sleep(0.3)

    def fit(**options: Any) -> Any:
        return search.GridSearchCV(Classifier(**SMALL), space, cv=3, n_jobs=1, journal=path, **options).fit(X, Y)

    with pytest.warns(SearchWarning, match="Ctrl-C"):
        found = fit(progress=interrupt)
    assert found.stopped_ == "interrupted"
    assert len(found.cv_results_["params"]) == 2
    assert found.predict(X).shape == Y.shape
    whole = fit()
    assert whole.stopped_ == "finished"
    same(whole, theirs.GridSearchCV(Classifier(**SMALL), space, cv=3).fit(X, Y))


def test_progress_is_told() -> None:
    heard: list[search.Progress] = []
    found = search.GridSearchCV(
        Classifier(**SMALL), {"learning_rate": [0.01, 0.1]}, cv=3, progress=heard.append, time_limit=100
    ).fit(X, Y)
    assert [each.done for each in heard] == [1, 2, 3, 4, 5, 6]
    assert {each.planned for each in heard} == {6}
    assert (heard[-1].best_score, heard[-1].best_params) == (found.best_score_, found.best_params_)
    assert all(0 < (each.seconds_left or 0) < 100 for each in heard)


# ---- The journal -----------------------------------------------------------------------------------------------------


def test_a_journal_has_nothing_trained_again(tmp_path: Any, trained: list[int]) -> None:
    path = tmp_path / "search.journal"
    settings = {name: value for name, value in SMALL.items() if name != "random_state"}  # one that is drawn
    space = {"learning_rate": loguniform(1e-3, 1e-1)}

    def fit(iterations: int = 4) -> Any:
        return search.RandomizedSearchCV(
            Classifier(**settings), space, n_iter=iterations, cv=3, refit=False, journal=path
        ).fit(X, Y)

    first = fit()
    assert len(trained) == 12
    second = fit()
    assert len(trained) == 12
    same(second, first)
    np.testing.assert_array_equal(first.cv_results_["mean_fit_time"], second.cv_results_["mean_fit_time"])
    fit(6)
    assert len(trained) == 18


CHANGED: dict[str, Any] = {
    "data.y": {"y": np.roll(Y, 1)},
    "data.X": {"X": X + 1},
    "space.learning_rate": {"space": {"learning_rate": [0.01, 0.03]}},
    "scoring": {"scoring": "balanced_accuracy"},
    "split.folds": {"cv": 4},
    "estimator": {"estimator": Classifier(**{**SMALL, "epochs": 7})},
}


@pytest.mark.parametrize("where, change", CHANGED.items(), ids=CHANGED)
def test_a_journal_of_another_search_is_refused(tmp_path: Any, where: str, change: dict[str, Any]) -> None:
    def fit(X: Any = X, y: Any = Y, space: Any = None, estimator: Any = None, **options: Any) -> None:
        search.GridSearchCV(
            *(estimator or Classifier(**SMALL), space or {"learning_rate": [0.01, 0.02]}),
            **{"cv": 3, "refit": False, "journal": tmp_path / "search.journal", **options},
        ).fit(X, y)

    fit()
    with pytest.raises(JournalError, match=where):
        fit(**change)


def shifted(shift: float) -> Any:
    return lambda X: X + shift


@pytest.mark.parametrize("kind", ["functions", "networks"])
def test_a_journal_tells_apart_what_bears_the_same_name(tmp_path: Any, kind: str) -> None:
    how: dict[str, Any] = {"scoring": "neg_log_loss"}
    if kind == "functions":
        estimator: Any = make_pipeline(FunctionTransformer(), Classifier(**SMALL))
        grid: dict[str, Any] = {"functiontransformer__func": [shifted(0), shifted(50), lambda X: X * 9, lambda X: -X]}
    else:
        estimator = Classifier(**{name: value for name, value in SMALL.items() if name != "hidden_layer_sizes"})
        layers = [Dense(3, "softmax", kernel_regularizer=L2(rate), input_dim=4) for rate in (0.0, 10.0)]
        grid = {"model": [Sequential([layer]) for layer in layers]}
    results = [
        search.GridSearchCV(estimator, grid, cv=3, refit=False, journal=tmp_path / "journal", **how)
        .fit(X, Y)
        .cv_results_
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*(each["mean_test_score"] for each in results))
    assert len(set(results[0]["mean_test_score"])) > 1


def test_a_journal_tries_again_what_failed(tmp_path: Any) -> None:
    def fit() -> Any:
        return search.GridSearchCV(Failing(), {"epochs": [1, 2]}, cv=3, refit=False, journal=tmp_path / "j").fit(X, Y)

    Failing.left = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = fit()
    assert np.isnan(first.cv_results_["mean_test_score"]).sum() == 1
    assert not np.isnan(fit().cv_results_["mean_test_score"]).any()


class Failing(Classifier):
    """Fails so many times."""

    left = 0

    def __init__(self, epochs: int = 1) -> None:
        super().__init__(preset="single", hidden_layer_sizes=(4,), epochs=epochs, random_state=0)

    def fit(self, *given: Any, **named: Any) -> Any:
        if Failing.left:
            Failing.left -= 1
            raise MemoryError
        return super().fit(*given, **named)


def test_a_moving_seed_is_refused_with_a_journal(tmp_path: Any) -> None:
    moving = Classifier(**{**SMALL, "random_state": np.random.RandomState(0)})
    with pytest.raises(ArgumentError, match="random_state"):
        search.GridSearchCV(moving, {"epochs": [1]}, journal=tmp_path / "search.journal").fit(X, Y)
