"""Fits in other processes: the same results as in the threads of this one, whoever is killed meanwhile."""

import os
import signal
import time
import warnings

import joblib
import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring

from tabgrad import Classifier
from tabgrad.errors import SearchWarning
from tabgrad.search import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, Real, _spreading
from tabgrad.search._fits import Candidate, Question
from tabgrad.search._pool import Task
from tabgrad.search._spreading import Elsewhere, _groups

distributed = pytest.importorskip("distributed")

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 4))
y = X[:, 0] * X[:, 1] > 0
SPACE = {"learning_rate": Real(1e-4, 1e-1, log=True), "epochs": [2, 4]}


def network(**settings):
    return Classifier(preset="single", hidden_layer_sizes=(8,), random_state=0, epochs=3, **settings)


def scores(estimator, X, y):
    return {"accuracy": estimator.score(X, y), "process": float(os.getpid())}


def searched(**options):
    settings = {"n_iter": 8, "cv": 3, "random_state": 0, "scoring": scores, "refit": "accuracy"} | options
    return RandomizedSearchCV(network(), SPACE, **settings).fit(X, y)


def same(one, other):
    assert one.cv_results_.keys() == other.cv_results_.keys()
    for name in one.cv_results_:
        if "time" not in name and "process" not in name:
            assert np.array_equal(one.cv_results_[name], other.cv_results_[name]), name
    assert one.best_params_ == other.best_params_
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))


def processes(search):
    return {pid for name, pids in search.cv_results_.items() if "split" in name and "process" in name for pid in pids}


HALVES = np.split(np.arange(240), 2)


def question():
    return Question(network(), X, y, check_scoring(network()), {}, {}, False, np.nan, 0)


def tasks(candidates):
    return [Task((Candidate(place, {}, {}),), fold) for place in range(candidates) for fold in range(2)]


@pytest.fixture(scope="module")
def local():
    return searched()


@pytest.fixture(scope="module")
def client():
    """Two processes of Dask, one core each; without the pages that it would serve."""
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


# ---- Dask ------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")
class TestDask:
    def test_the_result_is_that_of_this_process(self, client, local):
        with joblib.parallel_config("dask"):
            spread = searched()
        same(spread, local)
        assert processes(local) == {os.getpid()}
        assert processes(spread) <= set(client.run(os.getpid).values())

    def test_candidates_that_go_on_do_so_where_they_stand(self, client):
        def halved():
            grid = {"learning_rate": [0.1, 0.01, 0.001, 0.0001]}
            search = HalvingGridSearchCV(network(), grid, resource="epochs", max_resources=8, factor=2, cv=2)
            return search.fit(X, y)

        here = halved()
        with joblib.parallel_config("dask"):
            same(halved(), here)

    def test_a_fit_that_fails_is_a_row_or_an_error_as_asked(self, client):
        def refuse(estimator, X, y):
            raise ZeroDivisionError("no score")

        with joblib.parallel_config("dask"):
            with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
                failed = GridSearchCV(network(), {"dropout": [0.1, 2.0]}, cv=2).fit(X, y)
            assert failed.best_params_ == {"dropout": 0.1}
            with pytest.raises(ZeroDivisionError, match="no score"):
                GridSearchCV(network(), {"epochs": [1]}, cv=2, scoring=refuse, error_score="raise").fit(X, y)

    def test_the_time_limit_holds(self, client):
        heard = []

        def deadline():
            return time.monotonic() + (1000 if len(heard) < 6 else -1)

        with joblib.parallel_config("dask"):
            workers = Elsewhere.now(None)
            end = workers.run(question(), tasks(60), [HALVES, HALVES], lambda *fit: heard.append(fit), deadline)
            workers.close()
        assert end == "time_limit"
        assert 6 <= len(heard) < 120

    def test_a_journal_of_one_way_goes_on_in_the_other(self, client, local, tmp_path):
        class EnoughError(Exception):
            pass

        def stop(progress):
            if progress.done == 7:
                raise EnoughError

        with joblib.parallel_config("dask"), pytest.raises(EnoughError):
            searched(journal=tmp_path / "journal", progress=stop)
        done = []
        resumed = searched(journal=tmp_path / "journal", progress=done.append)
        same(resumed, local)
        assert len(processes(resumed)) > 1  # some of them were trained there

    def test_a_worker_that_is_killed_costs_nothing(self, client, local):
        killed = []

        def kill(progress):
            if progress.done >= 3 and not killed:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        with joblib.parallel_config("dask"), warnings.catch_warnings():
            warnings.simplefilter("error", SearchWarning)  # Dask gives it to the other, which has the table as well
            spread = searched(progress=kill)
        same(spread, local)
        assert killed
        assert len(processes(spread) - set(killed)) >= 1

    def test_what_was_sent_is_forgotten(self, client):
        def kept():
            from tabgrad.search import _spreading

            return len(_spreading._benches)

        with joblib.parallel_config("dask"):
            searched(n_iter=1)
        assert set(client.run(kept).values()) == {0}


class Promise:
    """A future of the cluster below."""

    def __init__(self, status, value=None):
        self.status, self._value = status, value

    def result(self):
        self.heard(self)
        return self._value

    exception = result


class Cluster:
    """A client of Dask whose workers are this process, and whose faults come in a given order."""

    def __init__(self, faults):
        self._faults, self.scattered, self.looked = iter(faults), 0, 0
        self.under_way, self.most, self.joined = set(), 0, {"one": 1, "another": 3}

    def scatter(self, cargo, **_):
        self.scattered += 1
        return cargo

    def submit(self, function, *arguments, pure):
        assert not pure  # a group that is sent again is not the one before
        status = next(self._faults, "finished")
        promise = Promise(status, function(*arguments) if status == "finished" else MemoryError("killed"))
        self.under_way.add(promise)
        promise.heard = self.under_way.discard
        self.most = max(self.most, len(self.under_way))
        return promise

    def cancel(self, promises):
        pass

    def ncores(self):
        self.looked += 1
        return self.joined

    def run(self, function, *arguments, on_error):
        function(*arguments)


def backend(*statuses):
    class Backend:
        client = Cluster(statuses)

    return Backend


def test_groups_that_are_lost_with_their_data_are_sent_again_with_them():
    heard, cluster = [], backend("finished", "cancelled", "finished", "error", "finished", "lost")

    def hear(candidate, fold, outcome):
        heard.append((candidate.place, fold))

    with pytest.warns(SearchWarning, match=r"Workers were lost") as caught:
        end = Elsewhere(cluster, None).run(question(), tasks(6), [HALVES, HALVES[::-1]], hear, lambda: None)
    assert end == "finished"
    assert sorted(heard) == [(candidate, fold) for candidate in range(6) for fold in range(2)]  # each once
    assert len(caught) == cluster.client.scattered - 1 >= 1


def test_the_table_goes_once_for_all_calls_of_a_search():
    cluster, asked = backend(), question()
    workers = Elsewhere(cluster, None)
    for _ in range(3):
        workers.run(asked, tasks(1), [np.split(np.arange(240), 2)] * 2, lambda *_: None, lambda: None)
    assert cluster.client.scattered == 1
    workers.run(asked, tasks(1), [np.split(np.arange(240)[::-1], 2)] * 2, lambda *_: None, lambda: None)
    assert cluster.client.scattered == 2
    assert len(_spreading._benches) == 1
    workers.close()
    assert not _spreading._benches


def test_workers_that_join_get_their_share(monkeypatch):
    monkeypatch.setattr(_spreading, "GROWTH", 0.0)
    monkeypatch.setattr(_spreading, "MOST_TASKS", 1)
    cluster = backend()
    Elsewhere(cluster, None).run(question(), tasks(8), [HALVES, HALVES], lambda *_: None, lambda: None)
    assert cluster.client.looked > 0
    assert cluster.client.most == 4 * _spreading.AHEAD  # it was one core, and is four


def test_workers_that_leave_take_none(monkeypatch):
    monkeypatch.setattr(_spreading, "GROWTH", 0.0)
    monkeypatch.setattr(joblib, "effective_n_jobs", lambda _: 4)
    cluster = backend()
    cluster.client.joined = {"one of four": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        end = Elsewhere(cluster, None).run(question(), tasks(8), [HALVES, HALVES], lambda *_: None, lambda: None)
    assert end == "finished"
    assert cluster.client.most == 4 * _spreading.AHEAD


def test_workers_that_say_nothing_do_not_outlast_the_time_limit(monkeypatch):
    monkeypatch.setattr(_spreading, "GRACE", 0.0)
    end = Elsewhere(backend(*["pending"] * 9), None).run(
        question(), tasks(2), [HALVES, HALVES], lambda *_: None, time.monotonic
    )
    assert end == "time_limit"


# ---- Processes of this machine ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("default")
def test_processes_of_this_machine_give_the_same(local):
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        spread = searched()
    same(spread, local)
    assert os.getpid() not in processes(spread)


@pytest.mark.filterwarnings("default")
def test_what_has_fallen_behind_is_stopped_there_as_here():
    def pruned():
        return searched(prune="median", n_iter=12, scoring=None, refit=True)

    here = pruned()
    with joblib.parallel_config("multiprocessing", n_jobs=2):
        same(pruned(), here)


def die_once(folder):
    """A score that ends its process the first time that it is asked for."""

    def score(estimator, X, y):
        try:
            (folder / "died").touch(exist_ok=False)
        except FileExistsError:
            return estimator.score(X, y)
        os.kill(os.getpid(), signal.SIGKILL)

    return score


@pytest.mark.filterwarnings("default")
def test_groups_that_are_lost_with_their_process_are_sent_again(tmp_path):
    expected = searched(scoring=None, refit=True)
    with joblib.parallel_config("loky", n_jobs=2), pytest.warns(SearchWarning, match="Workers were lost .*sent again"):
        spread = searched(scoring=die_once(tmp_path), refit=True)
    same(spread, expected)


def test_a_backend_that_always_fails_is_an_error(monkeypatch):
    def fail(*_):
        raise ConnectionResetError("nobody there")
        yield

    monkeypatch.setattr(_spreading, "_by_joblib", fail)
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.warns(SearchWarning, match=r"Workers were lost \(ConnectionResetError: nobody there\)") as caught,
        pytest.raises(ConnectionResetError, match="nobody there"),
    ):
        searched()
    assert len(caught) == 2


def test_an_interrupted_search_keeps_what_is_done():
    def stop(progress):
        if progress.done == 6:  # two candidates
            raise KeyboardInterrupt

    with joblib.parallel_config("multiprocessing", n_jobs=2), pytest.warns(SearchWarning, match="ended by Ctrl-C"):
        search = searched(progress=stop)
    assert search.stopped_ == "interrupted"
    assert 1 <= len(search.cv_results_["params"]) <= 2


def test_what_fails_here_is_no_loss_of_workers(tmp_path):
    def stop(progress):
        raise ConnectionResetError("of this process")

    with joblib.parallel_config("multiprocessing", n_jobs=2), pytest.raises(ConnectionResetError, match="of this proc"):
        searched(progress=stop)


@pytest.mark.parametrize(
    "backend, spreads", [("loky", True), ("multiprocessing", True), ("threading", False), ("sequential", False)]
)
def test_threads_are_this_processs_own(backend, spreads):
    assert Elsewhere.now(None) is None
    with joblib.parallel_config(backend, n_jobs=2):
        assert (Elsewhere.now(None) is not None) == spreads
    with joblib.parallel_config(backend):  # of one process
        assert Elsewhere.now(None) is None
        assert (Elsewhere.now(2) is not None) == spreads
    with joblib.parallel_config(n_jobs=2):
        assert Elsewhere.now(None) is None


@pytest.mark.parametrize("tasks, cores, sizes", [(3, 2, [1, 1, 1]), (64, 2, [4] * 16), (1000, 2, [16] * 62 + [8])])
def test_groups_are_small_enough_that_none_keeps_the_others_waiting(tasks, cores, sizes):
    candidates = [Candidate(place, {}, {}) for place in range(tasks)]
    groups = _groups([Task((candidate,), 0) for candidate in candidates], cores)
    assert [len(group.tasks) for group in groups] == sizes
    assert [task.family[0].place for group in groups for task in group.tasks] == list(range(tasks))
