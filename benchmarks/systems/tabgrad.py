"""tabgrad: the article's programs, and what only it is asked for."""

from __future__ import annotations

import gc
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from programs import PROGRAMS, Program, load

import tabgrad
from systems import keras_like
from tabgrad.encode import Encoder
from tabgrad.engines.native import limited
from tabgrad.layers import Activation, BatchNormalization, Dense, Dropout, Embedding, Residual
from tabgrad.models import Sequential
from tabgrad.table import Table, infer

SMALL = Program("", (8,), 1, 0.0, 16, "mean_squared_error")


def _names() -> keras_like.Names:
    blocks = (BatchNormalization, Activation, Residual, Embedding)
    return keras_like.Names(Sequential, Dense, Dropout, None, tabgrad.set_random_seed, *blocks)


def step_times(**settings: Any) -> dict[str, Any]:
    """Time the steps of a program."""
    return keras_like.step_times(_names(), **settings)


def train(**settings: Any) -> dict[str, Any]:
    """Train a program from a seed."""
    return keras_like.train(_names(), **settings)


def optimizer_steps(*, program: str, table: str, seed: int, rows: int, rounds: int) -> dict[str, Any]:
    """Time an epoch under each optimizer, and under Adam with each addition, in turns; return the seconds a step.

    On so few rows that an epoch is over before another process interrupts it. L-BFGS, which takes no batches, is out.
    """
    from tabgrad.optimizers import CATALOGUE, Adam, schedules

    chosen, data = PROGRAMS[program], load(table)
    X, y = data["X_train"][:rows], data["y_train"][:rows]
    compared = {name: form() for name, form in CATALOGUE.items() if not form.whole} | {
        "Adam with amsgrad": Adam(amsgrad=True),
        "Adam with a schedule": Adam(schedules.CosineDecay(0.001, 10_000)),
        "Adam with schedules of rate and decay": Adam(
            schedules.CosineDecay(0.001, 10_000), weight_decay=schedules.FlatCosine(0.3, 10_000)
        ),
        "Adam with clipnorm": Adam(clipnorm=1.0),
        "Adam with global_clipnorm": Adam(global_clipnorm=1.0),
        "Adam with use_ema": Adam(use_ema=True),
        "Adam with use_ema and ema_warm_up": Adam(use_ema=True, ema_warm_up=True),
        "Adam with use_ema and overwriting": Adam(use_ema=True, ema_overwrite_frequency=10),
    }
    models = {}
    for name, optimizer in compared.items():
        tabgrad.set_random_seed(seed)
        models[name] = keras_like.build(_names(), chosen, X.shape[1], optimizer)
    tabgrad.set_random_seed(seed)
    models["Adam with factors"] = _with_factors(chosen, X.shape[1])
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(X, y, batch_size=chosen.batch_size, verbose=0)
            seconds[name].append((time.perf_counter() - start) / chosen.steps(len(X)))
    return {"seconds": seconds}


def _with_factors(program: Program, features: int) -> Sequential:
    """The program's network with other learning rates for its biases."""
    widths = (*program.hidden, program.outputs)
    ends = [*("relu" for _ in program.hidden), "softmax"]
    row = [Dense(units, end, bias_learning_rate_factor=0.1) for units, end in zip(widths, ends, strict=True)]
    model = Sequential(row)
    model.build((None, features))
    model.compile("adam", program.loss, metrics=["accuracy"])
    return model


def grid_search(*, own: bool, **settings: Any) -> dict[str, Any]:
    """Run the article's search through the wrapper: with the search of tabgrad's own, or scikit-learn's."""
    from tabgrad.search import GridSearchCV
    from tabgrad.wrappers.scikit_learn import KerasClassifier

    names = keras_like.Names(Sequential, Dense, Dropout, KerasClassifier, tabgrad.set_random_seed)
    return keras_like.grid_search(names, search=GridSearchCV if own else None, **settings)


def random_search(*, table: str, candidates: int) -> dict[str, Any]:
    """Search at random over networks of two hidden layers of 64, with every core, and do the same fits one at a time.

    Returns the seconds of both, and the processor's seconds of the first.
    """
    from tabgrad.search import RandomizedSearchCV, Real

    data = load(table)
    X, y = data["X_train"], data["y_train"].argmax(axis=1)
    network = tabgrad.Classifier((64, 64), preset="single", epochs=20, early_stopping=False, random_state=0)
    space = {"learning_rate": Real(1e-4, 1e-2, log=True), "dropout": Real(0, 0.5)}
    RandomizedSearchCV(network, space, n_iter=1, cv=2, refit=False).fit(X[:500], y[:500])  # imports, and the pools
    seconds, used = [], []
    for threads in (None, 1):
        search = RandomizedSearchCV(network, space, n_iter=candidates, random_state=0, refit=False, n_jobs=threads)
        start, busy = time.perf_counter(), time.process_time()
        search.fit(X, y)
        seconds.append(time.perf_counter() - start)
        used.append(time.process_time() - busy)
    fits = search.cv_results_["mean_fit_time"] + search.cv_results_["mean_score_time"]
    return {"together": seconds[0], "busy": used[0], "one_by_one": seconds[1], "fits": float(fits.sum() * 5)}


def spread_search(*, table: str, candidates: int, rounds: int) -> dict[str, Any]:
    """Search with one worker of Dask and with two, processes of one thread each, in turns; return the seconds of each.

    A first search in each cluster, which is not timed, has the workers import what they need.
    """
    import joblib
    from distributed import Client, LocalCluster

    from tabgrad.search import RandomizedSearchCV, Real

    data = load(table)
    X, y = data["X_train"], data["y_train"].argmax(axis=1)
    network = tabgrad.Classifier((64, 64), preset="single", epochs=10, early_stopping=False, random_state=0)
    space = {"learning_rate": Real(1e-4, 1e-2, log=True), "dropout": Real(0, 0.5)}
    seconds: dict[int, list[float]] = {1: [], 2: []}
    found, fit = {}, 0.0
    for _ in range(rounds):
        for workers, spent in seconds.items():
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
                ) as cluster,
                Client(cluster),
                joblib.parallel_config("dask"),
            ):
                settings = {"random_state": 0, "refit": False}
                RandomizedSearchCV(network, space, n_iter=4 * workers, cv=2, **settings).fit(X[:500], y[:500])
                search = RandomizedSearchCV(network, space, n_iter=candidates, cv=5, **settings)
                start = time.perf_counter()
                search.fit(X, y)
                spent.append(time.perf_counter() - start)
            found[workers] = search.cv_results_["mean_test_score"]
            fit = float(search.cv_results_["mean_fit_time"].mean()) if workers == 1 else fit
    assert np.array_equal(found[1], found[2])
    return {"one": seconds[1], "two": seconds[2], "fit": fit}


def journaled_search(*, fits: int, rounds: int) -> dict[str, Any]:
    """Search over small fits with a journal; return the processor's seconds of the searches and of their journals.

    The clocks of the threads run around every function that only a journal needs. Searches with and without one differ
    by chance by more than it costs.
    """
    import tempfile

    from tabgrad.search import GridSearchCV, _record, _run, journal

    random = np.random.default_rng(0)
    X, y = random.normal(size=(400, 8)), random.integers(0, 2, 400)
    network = tabgrad.Classifier((8,), preset="single", epochs=3, early_stopping=False, random_state=0)
    grid = {"learning_rate": np.geomspace(1e-4, 1e-1, fits // 5).tolist()}
    GridSearchCV(network, grid, refit=False).fit(X, y)
    kept = [(_record.Journaled, name) for name in ("remembered", "keys", "find", "write", "close")]
    clock = _Clock([(_run.Run, "_journal"), *kept, (journal.Journal, "_write_groups")])
    whole, own = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            start, before = time.process_time(), clock.seconds
            search = GridSearchCV(network, grid, refit=False, journal=f"{folder}/search.journal").fit(X, y)
            whole.append(time.process_time() - start)
            own.append(clock.seconds - before)
    return {"whole": whole, "own": own, "fit": float(search.cv_results_["mean_fit_time"].mean())}


class _Clock:
    """Adds up the processor's seconds that some methods take in their threads; none of them calls another."""

    def __init__(self, methods: list[tuple[type, str]]) -> None:
        self._taken: list[float] = []
        for owner, name in methods:
            setattr(owner, name, self._clocked(getattr(owner, name)))

    @property
    def seconds(self) -> float:
        """All of them so far."""
        return sum(self._taken)

    def _clocked(self, method: Any) -> Any:
        def clocked(*arguments: Any) -> Any:
            start = time.thread_time()
            try:
                return method(*arguments)
            finally:
                self._taken.append(time.thread_time() - start)

        return clocked


def search_memory(*, table: str, candidates: int) -> dict[str, Any]:
    """The most that a search of so many candidates takes beside what the process had before."""
    from tabgrad.search import RandomizedSearchCV, Real

    data = load(table)
    X, y = data["X_train"], data["y_train"].argmax(axis=1)
    network = tabgrad.Classifier((16,), preset="single", epochs=1, early_stopping=False, batch_size=256, random_state=0)
    space = {"learning_rate": Real(1e-4, 1e-2, log=True)}
    RandomizedSearchCV(network, space, n_iter=1, cv=2, refit=False).fit(X[:500], y[:500])
    before = _resident_bytes()
    RandomizedSearchCV(network, space, n_iter=candidates, random_state=0).fit(X, y)
    return {"before": before, "most": _most_resident_bytes(), "table": X.nbytes + y.nbytes}


def classifier_fit(*, table: str, seed: int) -> dict[str, Any]:
    """Fit the classifier with its defaults a few times; the time of each, and the test's log-loss."""
    from sklearn.metrics import log_loss

    data = load(table)
    labels, truth = (data[f"y_{part}"].argmax(axis=1) for part in ("train", "test"))
    tabgrad.Classifier(epochs=1).fit(data["X_train"][:500], labels[:500])
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        fitted = tabgrad.Classifier(random_state=seed).fit(data["X_train"], labels)
        seconds.append(time.perf_counter() - start)
    return {"seconds_per_step": seconds, "score": float(log_loss(truth, fitted.predict_proba(data["X_test"])))}


def classifier_predict() -> dict[str, Any]:
    """Predict, warm, with networks of the default size: a row as an array and as frames, a million rows."""
    import pandas as pd

    random = np.random.default_rng(0)
    X, y = random.normal(size=(2000, 16)), random.integers(0, 7, 2000)
    frame = pd.DataFrame(X, columns=[f"c{place}" for place in range(16)])
    mixed = frame.assign(town=random.choice(["a", "b", "c"], 2000), street=random.integers(0, 40, 2000).astype(str))
    many = random.normal(size=(1_000_000, 16))
    cases = {
        "one row of 16 numbers, an array": (X, X[:1], 500),
        "one row of 16 numbers, a frame of pandas": (frame, frame.head(1), 100),
        "one row of 16 numbers and 2 words, a frame of pandas": (mixed, mixed.head(1), 100),
        "a million rows of 16 numbers": (X, many, 1),
    }
    seconds: dict[str, list[float]] = {}
    for name, (table, rows, count) in cases.items():
        fitted = tabgrad.Classifier(epochs=1, random_state=0).fit(table, y)
        fitted.predict(rows)
        seconds[name] = []
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(count):
                fitted.predict(rows)
            seconds[name].append((time.perf_counter() - start) / count)
    return {"seconds": seconds}


def importance(*, table: str, preset: str) -> dict[str, Any]:
    """Permutation importance of a fifth of the rows by both ways: the times of each, and whether the numbers agree.

    To one row's share, as rounding may turn a row whose two first classes are equally likely.
    """
    from sklearn import inspection

    from tabgrad.inspection import permutation_importance

    data = load(table)
    labels, truth = (data[f"y_{part}"].argmax(axis=1) for part in ("train", "test"))
    fitted = tabgrad.Classifier(preset=preset, random_state=0).fit(data["X_train"], labels)
    seconds: dict[str, list[float]] = {"tabgrad": [], "scikit-learn": []}
    given, found = (fitted, data["X_test"], truth), {}
    for name, function in {
        "tabgrad": permutation_importance,
        "scikit-learn": inspection.permutation_importance,
    }.items():
        for _ in range(3):
            start = time.perf_counter()
            found[name] = function(*given, n_repeats=10, random_state=0).importances
            seconds[name].append(time.perf_counter() - start)
    assert np.allclose(*found.values(), rtol=0, atol=1.5 / len(truth))
    return {"seconds": seconds, "shape": [*data["X_test"].shape]}


def member_speed(*, rows: int, columns: int, classes: int, batch: int, epochs: int, threads: int) -> dict[str, Any]:
    """Train members of preset "best", one a thread: each thread's seconds an epoch, and an epoch's arithmetic.

    Multiplications and additions are counted as if a look-up were a product: six for each weight of a matrix and row,
    as the way forward, the way back and the gradient take two each; also of the first layer, which sends nothing back.
    Epochs after another thread's last are left out: the machine was not shared any more.
    """
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, columns))
    labels = (X[:, :classes] + random.normal(size=(rows, classes))).argmax(axis=1)
    settings = {"members": threads, "epochs": 1, "early_stopping": False, "schedule": "constant", "n_neighbors": 0}
    fitted = tabgrad.Classifier(preset="best", random_state=0, **settings).fit(X, labels)
    x = X.astype(np.float32)  # which the encoder, of such columns, leaves nearly as they are
    place = {"dense": 0, "piecewise_linear_embedding": 2, "periodic_embedding": 2}  # of the matrix in a layer's weights
    matrices = [layer.get_weights()[place[layer.kind]] for layer in fitted.models_[0].layers if layer.kind in place]

    def train(model: Sequential) -> list[tuple[float, float]]:
        spans = []
        with limited(1):
            for _ in range(epochs):
                start = time.perf_counter()
                model.fit(x, labels, epochs=1, batch_size=batch, verbose=0)
                spans.append((start, time.perf_counter()))
        return spans

    with ThreadPoolExecutor(threads) as pool:
        of_each = list(pool.map(train, fitted.models_))
    last = min(spans[-1][1] for spans in of_each)
    seconds = [[end - start for start, end in spans if end <= last] for spans in of_each]
    return {"seconds": seconds, "arithmetic": 6 * rows * sum(matrix.size for matrix in matrices)}


def encode() -> dict[str, Any]:
    """Fit an encoder to a mixed frame and encode it: the rows, columns and levels of Adult, drawn at random."""
    import pandas as pd

    random, rows = np.random.default_rng(0), 48_842
    numbers = {f"n{place}": random.normal(size=rows) for place in range(6)}
    levels = {"workclass": 8, "education": 16, "marital": 7, "occupation": 14, "relation": 6, "race": 5, "sex": 2}
    words = {name: random.integers(0, count, rows).astype(str) for name, count in (levels | {"country": 41}).items()}
    frame = pd.DataFrame(numbers | words)
    for name in ("workclass", "occupation", "country"):
        frame.loc[random.random(rows) < 0.05, name] = None
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        table = Table.of(frame)
        Encoder.fit(table, infer(table)).encode(table)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds}


def two_fits() -> dict[str, Any]:
    """Time building and fitting a small network twice: the first fit of this process and the second."""
    return {"seconds": [_small_fit(seed) for seed in range(2)]}


def many_fits(*, fits: int, settled: int) -> dict[str, Any]:
    """Build and fit small networks; return the resident memory after `settled` of them and after all."""
    start = time.perf_counter()
    for seed in range(settled):
        _small_fit(seed)
    before = _resident_bytes()
    for seed in range(settled, fits):
        _small_fit(seed)
    after = _resident_bytes()
    return {"before": before, "after": after, "seconds": time.perf_counter() - start}


def model_file(*, rounds: int) -> dict[str, Any]:
    """Save and load a network and a `Classifier` many times, as files; return the seconds of each, and the sizes."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(500, 54)), random.integers(0, 7, 500)
    network = keras_like.build(_names(), PROGRAMS["classifier"], features=54)
    network.fit(X, np.eye(7)[y], epochs=2, verbose=0)
    estimator = tabgrad.Classifier((64, 64), epochs=2, random_state=0).fit(X, y)
    return {"network": _files_of(network, X, rounds), "estimator": _files_of(estimator, X, rounds)}


def _files_of(model: Any, X: np.ndarray, rounds: int) -> dict[str, Any]:
    path = Path("model.tabgrad").absolute()
    seconds: dict[str, list[float]] = {"save": [], "load": []}
    for _ in range(1 + rounds):
        start = time.perf_counter()
        model.save(path)
        seconds["save"].append(time.perf_counter() - start)
        start = time.perf_counter()
        loaded = tabgrad.load(path)
        seconds["load"].append(time.perf_counter() - start)
    if not np.array_equal(loaded.predict(X), model.predict(X)):
        raise RuntimeError("the loaded model predicts something else")
    return {**seconds, "bytes": path.stat().st_size}


def weights_hash(*, program: str, table: str, seed: int, epochs: int) -> dict[str, Any]:
    """Train from a seed; return a hash of every weight's bits."""
    chosen, data = PROGRAMS[program], load(table)
    tabgrad.set_random_seed(seed)
    model = keras_like.build(_names(), chosen, data["X_train"].shape[1])
    model.fit(data["X_train"], data["y_train"], epochs=epochs, batch_size=chosen.batch_size, verbose=0)
    bits = b"".join(np.ascontiguousarray(weights).tobytes() for weights in model.get_weights())
    return {"hash": hashlib.sha256(bits).hexdigest()}


def _small_fit(seed: int) -> float:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(64, 4)).astype(np.float32), rng.normal(size=64).astype(np.float32)
    start = time.perf_counter()
    tabgrad.set_random_seed(seed)
    model = keras_like.build(_names(), SMALL, features=4)
    model.fit(X, y, epochs=2, batch_size=SMALL.batch_size, verbose=0)
    return time.perf_counter() - start


def _resident_bytes() -> int:
    gc.collect()
    return _bytes_of("VmRSS")


def _most_resident_bytes() -> int:
    """The most so far; `getrusage` would count what the parent held when it started this process."""
    return _bytes_of("VmHWM")


def _bytes_of(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
