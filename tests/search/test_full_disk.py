"""A search whose journal cannot be written any more: it says so, and ends with its result all the same."""

import resource
import time

import numpy as np
import pytest

from tabgrad import Classifier
from tabgrad.errors import SearchWarning
from tabgrad.search import GridSearchCV
from tabgrad.search.journal import LONGEST_PAUSE

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = X[:, 0] > X[:, 1]
GRID = {"learning_rate": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]}


def searched(path, progress=None):
    network = Classifier(preset="single", hidden_layer_sizes=(4,), epochs=3, random_state=0)
    return GridSearchCV(network, GRID, cv=3, journal=path, progress=progress).fit(X, Y)


def test_a_full_disk_costs_what_it_cannot_hold_and_no_result(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress):
        if progress.done == 3:
            time.sleep(3 * LONGEST_PAUSE)  # what was written before is on the disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # no byte of a file behind these
        time.sleep(0.05)

    try:
        with pytest.warns(SearchWarning) as told:
            search = searched(tmp_path / "full", fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = [str(each.message) for each in told]
    assert len(said) == 2
    assert "full' cannot be" in said[0]
    assert "The search goes on, and what it finds waits in memory until it can be written." in said[0]
    assert "The results are complete all the same; a later search trains again what the file lacks." in said[1]
    whole = searched(tmp_path / "whole")
    again = searched(tmp_path / "full")
    for other in (whole, again):
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"])
        assert search.best_params_ == other.best_params_
    np.testing.assert_array_equal(search.predict_proba(X), whole.predict_proba(X))
    # the first fits came out of the journal, times and all
    assert search.cv_results_["mean_fit_time"][0] == again.cv_results_["mean_fit_time"][0]
    assert search.cv_results_["mean_fit_time"][-1] != again.cv_results_["mean_fit_time"][-1]
