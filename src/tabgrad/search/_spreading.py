"""Fits in other processes and on other machines: wherever the joblib backend that is set has workers.

Groups of fits go there, and their outcomes come back. The table goes once: scattered to all of Dask's workers, kept in
Ray's store, or laid in a file that local processes map into their memory. A process keeps what it was sent, with the
folds it has cut and encoded, and trains each group on one core, since it gets as many groups at a time as it has cores.
A group that is lost with its worker is sent again: a fit gives the same bits wherever, and whenever, it is trained.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol
from uuid import uuid4

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from tabgrad._warning import warn
from tabgrad.engines.sharing import SharedRuns
from tabgrad.errors import SearchWarning
from tabgrad.search._fits import Candidate, Outcome, Question
from tabgrad.search._identity import Split
from tabgrad.search._pool import End, Folds, Task, run

__all__ = ["Elsewhere"]

GROUPS = 8  # for each core, at least: the last ones to end leave the others idle for an eighth of the time at most
MOST_TASKS = 16  # of a group: what is lost with a worker
AHEAD = 2  # groups that wait for each core, so that it need not wait for the next
ATTEMPTS = 3  # after so many that gave nothing at all it is not chance
GRACE = 10.0  # seconds beyond the time limit that workers have to say that it is over
PATIENCE = 30.0  # seconds for Dask to have a worker, where it has none
GROWTH = 1.0  # seconds between looks at how many workers there are
PAUSE = 0.01  # seconds between looks at what has ended


# ---- What is sent ----------------------------------------------------------------------------------------------------


class Sent(Protocol):
    """Something that a worker makes a `Cargo` of."""

    name: str

    def open(self) -> Cargo:
        """What was sent."""


@dataclass(frozen=True, eq=False)
class Cargo:
    """What all fits of a call share.

    Parameters
    ----------
    question : Question
    splits : list of pairs of array
    config : dict
        Scikit-learn's settings.
    name : str
        Under which a worker keeps it.
    """

    question: Question
    splits: Sequence[Split]
    config: Mapping[str, Any]
    name: str = field(default_factory=lambda: uuid4().hex)

    def open(self) -> Cargo:
        """Itself."""
        return self


@dataclass(frozen=True, eq=False)
class InFile:
    """A cargo whose arrays lie in a file, which processes of this machine map into their memory."""

    bare: Cargo
    path: str
    name: str

    @classmethod
    def of(cls, cargo: Cargo, folder: str) -> InFile:
        """Lay the arrays there; the rest, which may be functions of a notebook, goes with each group."""
        path, question = os.path.join(folder, cargo.name), cargo.question
        joblib.dump((question.X, question.y, question.fit_params, question.score_params, cargo.splits), path)
        bare = replace(question, X=None, y=None, fit_params={}, score_params={})
        return cls(replace(cargo, question=bare, splits=()), path, cargo.name)

    def open(self) -> Cargo:
        """With the arrays as they are in the file."""
        X, y, fit_params, score_params, splits = joblib.load(self.path, mmap_mode="r")
        question = replace(self.bare.question, X=X, y=y, fit_params=fit_params, score_params=score_params)
        return replace(self.bare, question=question, splits=splits)


@dataclass(frozen=True, eq=False)
class InRay:
    """A cargo in Ray's store, which each machine of a cluster fetches once."""

    reference: Any
    name: str

    @classmethod
    def of(cls, cargo: Cargo) -> InRay:
        """Put it there."""
        import ray

        return cls(ray.put(cargo), cargo.name)

    def open(self) -> Cargo:
        """Out of the store."""
        import ray

        cargo: Cargo = ray.get(self.reference)
        return cargo


@dataclass(frozen=True)
class Group:
    """Tasks that one worker does one after the other.

    Parameters
    ----------
    place : int
    tasks : tuple of Task
        Without what was trained before: that lies where it was trained.
    goes_on : bool
        Whether later calls go on where these stand.
    deadline : float or None
        `time.time` at which it must be over.
    """

    place: int
    tasks: tuple[Task, ...]
    goes_on: bool
    deadline: float | None = None


@dataclass(frozen=True)
class Report:
    """What came of a group.

    Parameters
    ----------
    place : int
        The group's.
    outcomes : list of (candidate's place, fold, Outcome)
    end : End
    error : Exception or None
        What a fit raised, where `error_score` says so.
    """

    place: int
    outcomes: list[tuple[int, int, Outcome]]
    end: End
    error: Exception | None = None


# ---- There -----------------------------------------------------------------------------------------------------------


class _Bench:
    """What a process keeps of the search that it works for."""

    def __init__(self, cargo: Cargo) -> None:
        self.cargo = cargo
        self.folds = Folds(cargo.question, cargo.splits)
        self.runs = SharedRuns()


_benches: dict[str, _Bench] = {}
_lock = threading.Lock()


def _bench(sent: Sent) -> _Bench:
    with _lock:
        if sent.name not in _benches:
            _benches.clear()  # the search before is over
            _benches[sent.name] = _Bench(sent.open())
        return _benches[sent.name]


def forget(name: str) -> None:
    """Let go of what a search has sent here."""
    with _lock:
        _benches.pop(name, None)


def train_group(sent: Sent, group: Group) -> Report:
    """Do a group of tasks on one core of the process that this is called in."""
    bench, outcomes = _bench(sent), []

    def heard(candidate: Candidate, fold: int, outcome: Outcome) -> None:
        outcomes.append((candidate.place, fold, outcome))

    def deadline() -> float | None:
        return None if group.deadline is None else time.monotonic() + group.deadline - time.time()

    tasks = [replace(task, runs=bench.runs) if group.goes_on else task for task in group.tasks]
    try:
        with config_context(**bench.cargo.config):
            end = run(bench.cargo.question, tasks, bench.folds, heard, threads=1, deadline=deadline)
    except Exception as error:
        return Report(group.place, outcomes, "finished", _portable(error))
    return Report(group.place, outcomes, end)


def _portable(error: Exception) -> Exception:
    """An error that comes through to another process."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (made on the line itself)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


# ---- Here ------------------------------------------------------------------------------------------------------------

Heard = Callable[[Candidate, int, Outcome], None]


class Elsewhere:
    """The workers of a joblib backend, for as long as a search runs.

    Parameters
    ----------
    backend : joblib backend
    n_jobs : int or None
        Groups at a time; None: as joblib's context says. Dask takes all that its workers can do.
    """

    def __init__(self, backend: Any, n_jobs: int | None) -> None:
        self._backend, self._n_jobs = backend, n_jobs
        self._sent: _Sending | None = None

    @classmethod
    def now(cls, n_jobs: int | None) -> Elsewhere | None:
        """Of the backend that is set, if its workers are other processes; None: the threads of this one.

        One process elsewhere, which is what most backends take for no number, would do no more than this one.
        """
        backend, _ = get_active_backend(prefer="threads")  # which it is where none is set
        if getattr(backend, "uses_threads", False):
            return None
        if not hasattr(backend, "client") and joblib.effective_n_jobs(n_jobs) == 1:
            return None
        return cls(backend, n_jobs)

    def close(self) -> None:
        """Have workers forget what they were sent."""
        if self._sent is not None:
            self._sent.close()
        self._sent = None

    def run(
        self,
        question: Question,
        tasks: Sequence[Task],
        splits: Sequence[Split],
        heard: Heard,
        deadline: Callable[[], float | None],
    ) -> End:
        """Do the tasks.

        Parameters
        ----------
        question, tasks, heard, deadline
            As for `tabgrad.search._pool.run`.
        splits : list of pairs of array
            The rows of each fold.

        Returns
        -------
        "finished", "time_limit" or "interrupted"

        Raises
        ------
        Exception
            What a fit failed with, where `error_score` is "raise"; what the backend failed with, several times in a
            row and without one fit done in between.
        """
        cores = joblib.effective_n_jobs(self._n_jobs)
        left = {group.place: group for group in _groups(tasks, cores)}
        candidates = {candidate.place: candidate for task in tasks for candidate in task.family}
        clock, end, failed = _Clock(deadline), None, 0
        while left and end is None:
            before = len(left)
            try:
                with closing(self._reports(question, splits, list(left.values()), clock, cores)) as reports:
                    for report in reports:
                        for place, fold, outcome in report.outcomes:
                            heard(candidates[place], fold, outcome)
                        if report.error is not None:
                            raise report.error
                        if report.end == "finished":
                            del left[report.place]
                        else:  # the others that are under way end as well, and each has something
                            end, clock.over = report.end, True
            except KeyboardInterrupt:
                return "interrupted"
            except _Late:
                return "time_limit"
            except _Lost as lost:
                failed = failed + 1 if len(left) == before else 0
                if failed == ATTEMPTS:
                    raise lost.error from None
                self.close()  # what was sent may be lost as well
                why = ": ".join([type(lost.error).__name__, *str(lost.error).splitlines()[:1]])
                warn(
                    f"Workers were lost ({why}); what they had not done is sent again.",
                    SearchWarning,
                )
        return end or "finished"

    def _reports(
        self, question: Question, splits: Sequence[Split], groups: Sequence[Group], clock: _Clock, cores: int
    ) -> Generator[Report, None, None]:
        """What comes of the groups; `_Lost` is what the backend fails with."""
        try:
            sent = self._sent_once(question, splits)
            if hasattr(self._backend, "client"):
                yield from _by_dask(sent, groups, clock, self._backend.client, cores)
            else:
                yield from _by_joblib(sent, groups, clock, self._backend, self._n_jobs, cores)
        except _Late:
            raise
        except Exception as error:
            raise _Lost(error) from error

    def _sent_once(self, question: Question, splits: Sequence[Split]) -> Any:
        if self._sent is not None and not self._sent.is_of(question, splits):
            self.close()
        if self._sent is None:
            self._sent = _Sending(Cargo(question, splits, get_config()), self._backend)
        return self._sent.reference


class _Lost(Exception):  # noqa: N818  (it carries one)
    """Workers, or the way to them, are gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class _Late(Exception):  # noqa: N818  (no error)
    """The time is over, and workers do not say so."""


class _Clock:
    """Until when workers have time: a moment of this process's clock, as one of all clocks.

    `over` is set by who has heard that the time is over.
    """

    def __init__(self, deadline: Callable[[], float | None]) -> None:
        self._deadline, self.over = deadline, False

    def stamped(self, groups: Iterable[Group]) -> Iterator[Group]:
        """The groups, each with what is known when it is sent; no more of them once the time is over."""
        for group in groups:
            if self.over:
                return
            end = self._deadline()
            yield group if end is None else replace(group, deadline=time.time() + end - time.monotonic())

    def look(self) -> None:
        """Raise `_Late` if it is long over."""
        end = self._deadline()
        if end is not None and time.monotonic() >= end + GRACE:
            raise _Late


def _groups(tasks: Sequence[Task], cores: int) -> list[Group]:
    """Tasks in their order, several together where there are plenty."""
    size = max(1, min(len(tasks) // (GROUPS * cores), MOST_TASKS))
    parts = [tasks[first : first + size] for first in range(0, len(tasks), size)]
    return [
        Group(place, tuple(replace(task, runs=None) for task in part), part[0].runs is not None)
        for place, part in enumerate(parts)
    ]


class _Sending:
    """A cargo as a backend's workers find it, by its `reference`."""

    def __init__(self, cargo: Cargo, backend: Any) -> None:
        self._cargo, self._client = cargo, getattr(backend, "client", None)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if self._client is not None:  # to all, as one of them may be lost
            self.reference: Any = self._client.scatter(cargo, broadcast=True, hash=False, timeout=PATIENCE)
        elif type(backend).__module__.startswith("joblib."):
            self._folder = tempfile.TemporaryDirectory(prefix="tabgrad-", ignore_cleanup_errors=True)
            self.reference = InFile.of(cargo, self._folder.name)
        elif type(backend).__name__ == "RayBackend":
            self.reference = InRay.of(cargo)
        else:
            self.reference = cargo

    def is_of(self, question: Question, splits: Sequence[Split]) -> bool:
        """Whether these are what was sent."""
        sent = self._cargo
        return sent.question is question and all(
            np.array_equal(one, other)
            for mine, theirs in zip(sent.splits, splits, strict=True)
            for one, other in zip(mine, theirs, strict=True)
        )

    def close(self) -> None:
        """Let go of it, here and there."""
        if self._client is not None:
            with suppress(Exception):  # whom it cannot be told, or who has ended, holds nothing
                self._client.run(forget, self._cargo.name, on_error="ignore")
        if self._folder is not None:
            self._folder.cleanup()


def _by_joblib(
    sent: Any, groups: Sequence[Group], clock: _Clock, backend: Any, n_jobs: int | None, cores: int
) -> Iterator[Report]:
    """Reports as they come, or, of backends that cannot tell them so, whenever some for each core are done."""
    if backend.supports_return_generator:
        parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
        yield from parallel(joblib.delayed(train_group)(sent, group) for group in clock.stamped(groups))
        return
    with joblib.Parallel(n_jobs=n_jobs, batch_size=1) as parallel:
        for first in range(0, len(groups), AHEAD * cores):
            several = clock.stamped(groups[first : first + AHEAD * cores])
            yield from parallel(joblib.delayed(train_group)(sent, group) for group in several)


def _by_dask(sent: Any, groups: Sequence[Group], clock: _Clock, client: Any, cores: int) -> Iterator[Report]:
    """Reports as they come; what went wrong, once all that is under way has come back.

    Dask is asked itself: joblib's way to it waits for ever for what was lost together with a worker.
    """
    waiting, failure, looked = clock.stamped(groups), None, time.monotonic()
    under_way: set[Any] = set()
    try:
        while True:
            if failure is None:
                more = islice(waiting, max(AHEAD * cores - len(under_way), 0))
                under_way |= {client.submit(train_group, sent, group, pure=False) for group in more}
            if not under_way:
                break
            ended = {future for future in under_way if future.status != "pending"}
            if not ended:
                clock.look()
                time.sleep(PAUSE)
            under_way -= ended
            if ended and time.monotonic() - looked >= GROWTH:
                cores, looked = sum(client.ncores().values()) or cores, time.monotonic()
            for future in ended:
                if future.status == "finished":
                    yield future.result()
                else:
                    failure = future.exception() if future.status == "error" else ConnectionError(future.status)
    finally:
        client.cancel(list(under_way))
    if failure is not None:
        raise failure
