"""Many fits side by side: a thread for each core, each with a kernel of its own, no process and no copy."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn import config_context, get_config

from tabgrad._warning import from_here
from tabgrad.engines.native import HEARING, Running, begun, cancellable, limited
from tabgrad.engines.sharing import OutOfTime, SharedRuns
from tabgrad.search._fits import Candidate, Fold, Outcome, Question, fit_and_score
from tabgrad.table import Table, Words

End = Literal["finished", "time_limit", "interrupted"]
"""How it ended: all is done; the time was over; Ctrl-C."""

ROOM = 64 << 20  # bytes of folds that are kept beside each other, unless the table itself is larger


@dataclass(frozen=True)
class Task:
    """Candidates that may be one run, in one fold.

    Parameters
    ----------
    family : tuple of Candidate
        The shortest first.
    fold : int
    runs : SharedRuns or None
        What was trained of them before; None: nothing is to be kept.
    place : int
        Of a family of which this is one: how many shorter ones there are.
    """

    family: tuple[Candidate, ...]
    fold: int
    runs: SharedRuns | None = None
    place: int = 0

    def apart(self) -> list[Task]:
        """The candidates one by one, which still go on where each other stood."""
        if len(self.family) == 1:
            return [self]
        runs = self.runs or SharedRuns()
        return [
            replace(self, family=(candidate,), runs=runs, place=place) for place, candidate in enumerate(self.family)
        ]


class Folds:
    """The folds, each cut out when it is first needed; of a large table only as many as take its own room again."""

    def __init__(self, question: Question, splits: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self._question, self._splits = question, splits
        self._most = _folds_kept(question.X, len(splits))
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Fold] = OrderedDict()

    def __getitem__(self, place: int) -> Fold:
        """One of them."""
        with self._lock:
            fold = self._kept.pop(place, None) or Fold(self._question, *self._splits[place])
            self._kept[place] = fold
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return fold


def _folds_kept(X: Any, folds: int) -> int:
    """How many of the folds there is room for; each takes about the table, and that again for its numbers."""
    return folds if 2 * _bytes(X) * folds <= ROOM else max(1, min(folds, 2))


def _bytes(X: Any) -> int:
    """About the bytes of a table: an array, a sparse one, a frame, a Table, a list."""
    if issparse(X):
        return int(X.nnz * (X.dtype.itemsize + 4))
    if isinstance(X, Table):
        return sum(values.codes.nbytes if isinstance(values, Words) else values.nbytes for values in X.columns.values())
    for name in ("nbytes", "estimated_size", "memory_usage"):
        size = getattr(X, name, None)
        if size is not None:
            return int(np.sum(size() if callable(size) else size))
    return 8 * int(sum(len(row) if hasattr(row, "__len__") else 1 for row in X))


def run(
    question: Question,
    tasks: Sequence[Task],
    folds: Folds,
    heard: Callable[[Candidate, int, Outcome], None],
    *,
    threads: int,
    deadline: Callable[[], float | None] = lambda: None,
    beside: Callable[[], None] | None = None,
) -> End:
    """Do the tasks, in their order, `threads` at a time.

    Parameters
    ----------
    question : Question
    tasks : list of Task
    folds : Folds
    heard : callable (candidate, fold, outcome)
        Called in the thread of the fit as soon as it is done.
    threads : int
    deadline : callable
        `time.monotonic` at which all must be over, as far as is known when a fit begins, or None: within one epoch,
        what is not done by then is left out.
    beside : callable or None
        Something else that takes a thread for about as long as a task; it is begun first.

    Returns
    -------
    "finished", "time_limit" or "interrupted"

    Raises
    ------
    Exception
        What a fit failed with, where `error_score` is "raise"; what `heard` failed with.
    """
    running = begun()
    late = threading.Event()

    def work(task: Task) -> None:
        runs = task.runs or (SharedRuns() if len(task.family) > 1 else None)
        for candidate in task.family:
            end = deadline()
            if running.cancelled or (end is not None and time.monotonic() >= end):
                late.set()
                return
            try:
                outcome = fit_and_score(question, candidate, folds[task.fold], runs, end)
            except OutOfTime:
                if end is None or time.monotonic() < end:  # it is that of a search around this one
                    raise
                late.set()
                return
            if not running.cancelled:  # else it was ended in the midst of an epoch
                heard(candidate, task.fold, outcome)

    jobs: list[Callable[[], None]] = [] if beside is None else [beside]
    jobs += [partial(work, task) for task in tasks]
    try:
        side_by_side(jobs, threads=threads, running=running)
    except KeyboardInterrupt:
        return "interrupted"
    return "time_limit" if late.is_set() else "finished"


def side_by_side(jobs: Sequence[Callable[[], None]], *, threads: int, running: Running | None = None) -> None:
    """Do jobs in their order, `threads` at a time; networks that they train share what threads are left over.

    Raises
    ------
    KeyboardInterrupt
        Ctrl-C; the jobs that were running have ended.
    Exception
        What a job failed with.
    """
    running, config = running or begun(), get_config()
    inner = max(1, threads // max(len(jobs), 1))
    left, lock = iter(jobs), threading.Lock()

    def worker() -> None:
        with config_context(**config), cancellable(running), limited(inner):
            while not running.cancelled:
                with lock:
                    job = next(left, None)
                if job is None:
                    return
                job()

    with from_here(), ThreadPoolExecutor(threads, thread_name_prefix="search") as pool:
        try:
            contexts = [contextvars.copy_context() for _ in range(min(threads, len(jobs)))]
            futures = [pool.submit(context.run, worker) for context in contexts]
            # Polars' handler of Ctrl-C has waiting go on, so it must end by itself for Python to hear of it.
            while (seen := wait(futures, HEARING, FIRST_EXCEPTION)).not_done:
                for future in seen.done:
                    future.result()  # which raises what it failed with
            for future in futures:
                future.result()
        except BaseException:
            running.cancel()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
