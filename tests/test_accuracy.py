"""The accuracy is scikit-learn's, whichever way it is counted; so are the names of parameters."""

import re
import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tabgrad import Classifier
from tabgrad._accuracy import accuracy, is_indicator
from tabgrad._parameter_names import parameter_names
from tabgrad.wrappers.scikit_learn import KerasClassifier, KerasRegressor

rng = np.random.default_rng(0)


def labels(kinds, rows=301):
    return np.asarray(kinds)[rng.integers(0, len(kinds), rows)]


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (labels([0, 1]), labels([0, 1])),
        (labels([0, 1, 2]), labels([0, 1])),
        (labels([0, 5, -3], 7).astype(np.int8), labels([0, 5, -3], 7)),
        (labels([True, False]), labels([True, False])),
        (labels([True, False]), labels([0, 1])),
        (labels(["a", "b", "long"]), labels(["a", "c"])),
        (labels([0.0, 1.0]), labels([0.0, 1.0])),
        (labels(["a", "b"]).astype(object), labels(["a", "b"]).astype(object)),
        (labels([0, 1]).tolist(), labels([0, 1])),
        (np.eye(3)[labels([0, 1, 2])], np.eye(3, dtype=np.float32)[labels([0, 1, 2])]),
        (rng.integers(0, 2, (301, 4)), rng.integers(0, 2, (301, 4))),
        (rng.integers(0, 2, (301, 2)) == 1, rng.integers(0, 2, (301, 2))),
    ],
)
def test_it_is_that_of_scikit_learn(y, predicted):
    assert accuracy(y, predicted) == accuracy_score(y, predicted)
    assert type(accuracy(y, predicted)) is float
    weight = rng.uniform(size=len(predicted))
    assert accuracy(y, predicted, weight) == accuracy_score(y, predicted, sample_weight=weight)


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (labels([0, 1], 5), labels([0, 1], 6)),
        (labels([0.5, 1.5]), labels([0, 1])),
        (labels(["a", "b"]), labels([0, 1])),
        (rng.integers(0, 3, (301, 2)), rng.integers(0, 2, (301, 2))),
        (rng.integers(0, 2, (301, 2)), labels([0, 1])),
        (np.empty(0, int), np.empty(0, int)),
    ],
)
def test_what_is_refused_is_refused_by_scikit_learn(y, predicted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"\w") as theirs:
            accuracy_score(y, predicted)
        with pytest.raises(ValueError, match=f"^{re.escape(str(theirs.value))}$"):
            accuracy(y, predicted)


@pytest.mark.parametrize("y", [np.eye(3), np.eye(3, dtype=bool), np.zeros((2, 2), int), np.array([[-0.0, 1.0]])])
def test_zeros_and_ones_in_several_columns_are_an_indicator(y):
    assert is_indicator(y)


@pytest.mark.parametrize(
    "y", [np.ones(3), np.ones((3, 1)), 2 * np.eye(3), np.array([[0, np.nan]]), np.array([["0", "1"]])]
)
def test_what_is_none(y):
    assert not is_indicator(y)


@pytest.mark.parametrize("estimator", [Classifier, KerasClassifier, KerasRegressor])
def test_the_names_of_parameters_are_those_of_the_class_itself(estimator):
    class Narrower(estimator):
        def __init__(self, epochs=1, wider=2):
            super().__init__(epochs=epochs)
            self.wider = wider

    assert estimator._get_param_names() == sorted(super(estimator, estimator)._get_param_names())
    assert Narrower._get_param_names() == parameter_names(Narrower) == ["epochs", "wider"]
    parameter_names(Narrower).append("mine")
    assert Narrower().get_params(deep=False).keys() == {"epochs", "wider"}
