"""The leaderboard: scikit-learn's ranks in its order, whatever the search; texts and figures that hold any value."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.tree import DecisionTreeClassifier

from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from tabgrad.search.leaderboard import Leaderboard

X, Y = load_iris(return_X_y=True)
GRID = {"max_depth": [1, 2, 3, 8], "criterion": ["gini", "entropy"], "splitter": ["best"]}


def tree(**options):
    return GridSearchCV(DecisionTreeClassifier(random_state=0), GRID, cv=4, **options).fit(X, Y).cv_results_


RESULTS = tree()


def results(means, params, **columns):
    """Columns of a search of two folds."""
    means = np.asarray(means, float)
    return {
        "params": params,
        "mean_test_score": means,
        "std_test_score": np.zeros(len(means)),
        "split0_test_score": means - 0.1,
        "split1_test_score": means + 0.1,
        "mean_fit_time": np.arange(len(means)) + 0.5,
        **columns,
    }


def test_ranks_are_those_of_scikit_learn():
    board = Leaderboard(RESULTS)
    assert len(board) == 8
    assert sorted(place.candidate for place in board.places) == list(range(8))
    for place in board.places:
        assert place.rank == RESULTS["rank_test_score"][place.candidate]
        assert place.mean == RESULTS["mean_test_score"][place.candidate]
        assert place.std == RESULTS["std_test_score"][place.candidate]
        assert place.folds == tuple(RESULTS[f"split{fold}_test_score"][place.candidate] for fold in range(4))
        assert place.seconds == RESULTS["mean_fit_time"][place.candidate]
    assert [place.rank for place in board.places] == sorted(RESULTS["rank_test_score"])
    assert len(set(RESULTS["rank_test_score"])) < 8  # some are equal
    assert board.varied == ("criterion", "max_depth")
    assert board.places[0].parameters == {
        name: RESULTS["params"][board.places[0].candidate][name] for name in board.varied
    }


def test_candidates_without_a_score_come_last():
    board = Leaderboard(results([0.2, np.nan, 0.9, np.nan], [{"a": value} for value in "wxyz"]))
    assert [(place.candidate, place.rank, place.status) for place in board.places] == [
        (2, 1, "done"),
        (0, 2, "done"),
        (1, 3, "failed"),
        (3, 3, "failed"),
    ]
    titles, rows = board.cells()
    assert titles == ("rank", "score", "±", "seconds", "a", "status")
    assert rows[2] == ("3", "-", "0.0000", "1.5000", "x", "failed")
    assert Leaderboard(results([-np.inf, 1.0], [{"a": 1}, {"a": 2}])).places[1].mean == -np.inf


def test_several_scores():
    columns = tree(scoring=["accuracy", "neg_log_loss"], refit=False)
    board = Leaderboard(columns, metric="neg_log_loss")
    assert board.metrics == ("accuracy", "neg_log_loss")
    assert [place.rank for place in board.places] == sorted(columns["rank_test_neg_log_loss"])
    best = board.places[0]
    assert best.scores["accuracy"] == columns["mean_test_accuracy"][best.candidate]
    assert board.frame()["mean_accuracy"][0] == best.scores["accuracy"]
    assert Leaderboard(columns).metric == "accuracy"
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy'"):
        Leaderboard(columns, metric="acuracy")


def test_of_a_halving_search_each_candidate_stands_once():
    search = HalvingGridSearchCV(DecisionTreeClassifier(random_state=0), GRID, cv=3, factor=2, random_state=0).fit(X, Y)
    columns = search.cv_results_
    board = Leaderboard(columns)
    assert len(board) == 8 < len(columns["params"])
    assert board.places[0].candidate == search.best_index_
    rounds = [place.round for place in board.places]
    assert rounds == sorted(rounds, reverse=True)
    assert rounds[0] == columns["iter"].max()
    assert {place.status for place in board.places if place.round < rounds[0]} == {"left"}
    assert [place.resources for place in board.places] == [columns["n_resources"][p.candidate] for p in board.places]
    assert board.frame()["resources"].tolist() == [place.resources for place in board.places]
    titles, rows = board.cells()
    assert titles[-1] == "status"
    assert rows[-1][-1] == "left after round 0"


def test_a_resource_that_is_a_parameter_tells_no_candidates_apart():
    options = {"resource": "max_depth", "max_resources": 4, "min_resources": 1, "factor": 2, "cv": 3}
    grid = {"criterion": ["gini", "entropy"], "min_samples_leaf": [1, 5]}
    search = HalvingGridSearchCV(DecisionTreeClassifier(random_state=0), grid, **options).fit(X, Y)
    board = Leaderboard(search.cv_results_)
    assert len(board) == 4 < len(search.cv_results_["params"])
    assert board.varied == ("criterion", "min_samples_leaf")
    assert board.places[0].candidate == search.best_index_
    assert board.cells()[0][-2:] == ("resources", "status")
    assert board.cells()[1][0][-2:] == (str(search.best_params_["max_depth"]), "done")


def test_who_was_stopped_stands_behind():
    shares = np.array([1.0, 0.25, 1.0, 0.5])
    board = Leaderboard(results([0.2, 0.9, 0.3, 0.8], [{"a": value} for value in "wxyz"], epochs_share=shares))
    assert [(place.candidate, place.rank, place.status) for place in board.places] == [
        (2, 1, "done"),
        (0, 2, "done"),
        (1, 3, "stopped"),
        (3, 4, "stopped"),
    ]
    assert board.cells()[1][2][-1] == "stopped after 0.25 of its epochs"


def test_parameters_that_only_some_have():
    params = [{"kind": "a", "rate": 0.1}, {"kind": "b"}, {"kind": "b", "rate": [1, 2]}, {"kind": "a", "rate": 1}]
    board = Leaderboard(results([4, 3, 2, 1], params))
    assert board.varied == ("kind", "rate")
    assert board.places[1].parameters == {"kind": "b"}
    frame = board.frame()
    assert frame["rate"].tolist() == [0.1, None, [1, 2], 1]
    assert list(frame) == ["rank", "candidate", "mean", "std", "fold_0", "fold_1", "seconds", "status", "kind", "rate"]
    assert board.cells()[1][1][-1] == ""
    assert Leaderboard(results([1], [{"a": 3, "b": None}])).varied == ("a", "b")
    same = Leaderboard(results([1, 1], [{"a": True}, {"a": 1}]))  # equal, and not the same
    assert same.varied == ("a",)


def test_the_text_is_a_screen():
    params = [{"name": f"a\x1b[31m\n{number}", "long": "x" * 500 + str(number)} for number in range(40)]
    text = repr(Leaderboard(results(np.linspace(0, 1, 40), params)))
    lines = text.splitlines()
    assert len(lines) == 18
    assert lines[0] == "40 candidates"
    assert lines[-1] == "  ... and 25 more"
    assert all(line.isprintable() and len(line) < 120 for line in lines)
    assert r"a\x1b[31m\n39" in lines[2]
    assert len(Leaderboard(RESULTS).cells(2)[1]) == 2
    with pytest.raises(ArgumentError, match="'most' of cells must be at least 1"):
        Leaderboard(RESULTS).cells(0)
    assert repr(Leaderboard(results([12345.678], [{"a": 1}]))).splitlines()[2].split() == [
        "1",
        "12345.7",
        "0.0000",
        "0.5000",
        "1",
    ]


@pytest.mark.parametrize("given", [None, {}, {"params": []}, {"mean_test_score": [1.0]}])
def test_what_is_no_result_is_refused(given):
    with pytest.raises(ArgumentTypeError, match=r"must be the cv_results_ of a search\. Got"):
        Leaderboard(given)


# ---- Figures ---------------------------------------------------------------------------------------------------------


def pixels(board):
    image = io.BytesIO()
    board.plot().savefig(image, format="png", dpi=60)
    image.seek(0)
    return imread(image)


def test_a_figure_shows_the_best_and_each_parameter():
    board = Leaderboard(RESULTS)
    figure = board.plot()
    ranking, *slices = figure.axes
    assert [axes.get_xlabel() for axes in slices] == ["criterion", "max\N{LOW LINE}depth"]
    assert ranking.get_xlabel() == "score"
    labels = [label.get_text().replace("\N{NO-BREAK SPACE}", " ") for label in ranking.get_yticklabels()]
    assert labels[0].startswith(f"1.  criterion={board.places[0].parameters['criterion']}, max_depth=")
    every, best = slices[1].lines
    assert sorted(every.get_ydata()) == sorted(RESULTS["mean_test_score"])
    assert best.get_ydata().tolist() == [board.places[0].mean]
    assert best.get_xdata().tolist() == [board.places[0].parameters["max_depth"]]
    assert pixels(board).std() > 0.05


def test_figures_of_anything():
    wide = Leaderboard(results([3, 1, 2], [{"C": value} for value in (1e-4, 1e-2, 1.0)]))
    assert wide.plot().axes[1].get_xscale() == "log"
    strange = [
        {"a$b": "$x^", "c": None, "d": np.inf, "e": True, "f": [1], "g": {}, "h": f"{number}"} for number in range(30)
    ]
    strange[3] = {"a$b": "\x00", "c": 1, "d": 2.0, "e": False, "f": "f", "g": 0, "i": 1}
    means = np.linspace(0, 1, 30)
    means[[2, 3]] = np.nan
    figure = Leaderboard(results(means, strange)).plot()
    assert len(figure.axes) == 7  # of eight parameters six
    assert pixels(Leaderboard(results(means, strange))).std() > 0.05
    assert pixels(Leaderboard(results([np.nan], [{}]))).ndim == 3


def test_without_matplotlib_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'tabgrad\[plot\]'"):
        Leaderboard(RESULTS).plot()


def test_it_loads_no_plotting_before_it_plots():
    program = "import sys, tabgrad.search.leaderboard; print({'matplotlib'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "set()"


def test_resources_are_told_from_parameters_that_are_tuples_or_arrays():
    results = {
        "params": [
            {"epochs": epochs, "hidden_layer_sizes": (2 * place, 3), "weights": np.ones(2)}
            for place, epochs in enumerate((3, 3, 9))
        ],
        "n_resources": np.array([3, 3, 9]),
        "iter": np.array([0, 0, 1]),
        **{name: np.array([0.5, 0.6, 0.7]) for name in ("mean_test_score", "std_test_score", "split0_test_score")},
        "mean_fit_time": np.ones(3),
    }
    board = Leaderboard(results)
    assert board.varied == ("hidden_layer_sizes",)
    assert [place.resources for place in board.places] == [9, 3, 3]
