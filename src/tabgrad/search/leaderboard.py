"""`Leaderboard`: what a search tried, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import COUNT, check, known_name
from tabgrad._refusals import shown
from tabgrad._wording import printable
from tabgrad.errors import ArgumentTypeError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Leaderboard", "Place"]

MOST_SHOWN = 15  # candidates that a screen or a figure lists
MOST_SLICES = 6  # parameters of which a figure shows which values were good
NUMBERS = 4  # columns of a text that hold numbers: rank, mean, spread, seconds
LONGEST = 32  # characters of a parameter's value
MEAN, SHARE = "mean_test_", "epochs_share"  # columns of results


@dataclass(frozen=True, eq=False)
class Place:
    """A candidate's place.

    Parameters
    ----------
    rank : int
        From 1; equally good candidates have the same.
    candidate : int
        Its index in `cv_results_`; of a halving search that of its last round.
    mean, std : float
        Of its scores over the folds; NaN where it has none.
    folds : tuple of float
        Its score of each fold.
    seconds : float
        That a fit took, the mean over folds.
    parameters : dict
        Those that differ between candidates; without those that this one does not have.
    status : str
        "done"; "failed" where a fold gave no score; "stopped" where it fell behind the median; "left" where a halving
        search went on without it.
    scores : dict of float
        The means of all scores by their names, where there are several.
    round, resources : int or None
        The last round that a halving search gave it, and what that had of its resource.
    share : float
        Of its epochs, after which it was stopped.
    """

    rank: int
    candidate: int
    mean: float
    std: float
    folds: tuple[float, ...]
    seconds: float
    parameters: Mapping[str, Any]
    status: str
    scores: Mapping[str, float]
    round: int | None = None
    resources: int | None = None
    share: float = 1.0


class Leaderboard:
    """What a search tried, best first: the mean of its scores, their spread over folds, seconds, parameters.

    Candidates stand in the order of their mean test scores, as scikit-learn's ``rank_test_...``; those without a score
    last. Who was stopped stands behind the others. Of a halving search each candidate stands once, by its last round,
    and later rounds stand before earlier ones.

    Parameters
    ----------
    cv_results : dict
        `cv_results_` of a search, of this package or of scikit-learn.
    metric : str, optional
        Of several scores the one that candidates stand in the order of. None: the only one, or the first.

    Attributes
    ----------
    places : tuple of Place
        Best first.
    metric : str
        "score", where there is one.
    metrics : tuple of str
    varied : tuple of str
        The parameters that differ between candidates; all of them where there is one candidate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.model_selection import GridSearchCV
    >>> from tabgrad.search import Leaderboard
    >>> search = GridSearchCV(RidgeClassifier(), {"alpha": [0.01, 1.0, 1e4]}, cv=3)
    >>> board = Leaderboard(search.fit(*load_iris(return_X_y=True)).cv_results_)
    >>> [place.parameters["alpha"] for place in board.places]
    [1.0, 0.01, 10000.0]
    >>> round(board.places[0].mean, 2)
    0.81
    """

    def __init__(self, cv_results: Mapping[str, Any], *, metric: str | None = None) -> None:
        given: Any = cv_results  # whatever came
        if not isinstance(given, Mapping) or "params" not in given or not _metrics(given):
            got = shown(list(given)[:5]) if isinstance(given, Mapping) else shown(given)
            raise ArgumentTypeError(f"'cv_results' of Leaderboard must be the cv_results_ of a search. Got {got}.")
        self.metrics = _metrics(cv_results)
        self.metric = self.metrics[0] if metric is None else known_name(metric, "metric of the search", self.metrics)
        self.varied = _varied(cv_results["params"], _resource(cv_results))
        self.places = _places(cv_results, self.metric, self.metrics, self.varied)

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self.places)

    def frame(self) -> pd.DataFrame:
        """A pandas frame, a row a candidate, best first.

        Returns
        -------
        DataFrame
            ``rank``, ``candidate``, ``mean``, ``std``, ``fold_0``, ..., ``seconds``, ``status``, the parameters that
            differ under their own names, None where a candidate does not have one; with several scores their means
            (``mean_...``), of a halving search ``round`` and ``resources``.
        """
        import pandas as pd

        return pd.DataFrame([self._row(place) for place in self.places])

    def _row(self, place: Place) -> dict[str, Any]:
        row: dict[str, Any] = {name: getattr(place, name) for name in ("rank", "candidate", "mean", "std")}
        row |= {f"fold_{fold}": score for fold, score in enumerate(place.folds)}
        row |= {"seconds": place.seconds, "status": place.status}
        row |= {f"mean_{name}": score for name, score in place.scores.items()}
        if place.round is not None:
            row |= {"round": place.round, "resources": place.resources}
        return row | {name: place.parameters.get(name) for name in self.varied}

    # ---- Text ------------------------------------------------------------------------------------------------------

    def cells(self, most: int = MOST_SHOWN) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The titles and the rows of a table of the best candidates, as texts.

        Parameters
        ----------
        most : int, default 15
            Rows.

        Returns
        -------
        (titles, rows)
            Rank, mean, spread, seconds and the parameters that differ; then the resources that a halving search gave,
            and how it ended, where not all are done.
        """
        places = self.places[: check(most, "most", "cells", (int,), COUNT)]
        statuses = any(place.status != "done" for place in self.places)
        rounds = any(place.resources is not None for place in self.places)
        ends = [*(["resources"] if rounds else []), *(["status"] if statuses else [])]
        titles = ("rank", self.metric, "±", "seconds", *self.varied, *ends)
        rows = [
            (
                *(str(place.rank), _figure(place.mean), _figure(place.std), _figure(place.seconds)),
                *(_value(place.parameters[name]) if name in place.parameters else "" for name in self.varied),
                *([str(place.resources)] if rounds else []),
                *([_how(place)] if statuses else []),
            )
            for place in places
        ]
        return titles, rows

    def __repr__(self) -> str:
        """The best candidates, a line each."""
        titles, rows = self.cells()
        lines = [titles, *rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
        text = [f"{len(self)} candidate{'' if len(self) == 1 else 's'}"]
        for line in lines:
            cells = [
                cell.rjust(width) if place < NUMBERS else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            text.append(f"  {'  '.join(cells)}".rstrip())
        if len(rows) < len(self):
            text.append(f"  ... and {len(self) - len(rows)} more")
        return "\n".join(text)

    # ---- Figure ----------------------------------------------------------------------------------------------------

    def plot(self) -> Figure:
        """A matplotlib figure: the best candidates with their folds, and which values of each parameter were good.

        Returns
        -------
        matplotlib.figure.Figure
            Left the candidates, best on top: a ring for each fold, a point for the mean, a bar for the spread. Right of
            it, for each of up to six parameters that differ, the mean of every candidate over its value. The figure
            belongs to no window: ``figure.savefig("search.png")``, or the last line of a notebook's cell.

        Raises
        ------
        ImportError
            Matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure as Drawn
        except ImportError as error:
            raise ImportError(
                "Figures need matplotlib, which is not installed: pip install 'tabgrad[plot]'."
            ) from error
        from tabgrad.search._leaderboard_figure import draw

        figure = Drawn(layout="constrained")
        draw(figure, self, self.places[:MOST_SHOWN], self.varied[:MOST_SLICES])
        return figure


# ---- From scikit-learn's columns -------------------------------------------------------------------------------------


def _metrics(results: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(name).removeprefix(MEAN) for name in results if str(name).startswith(MEAN))


def _resource(results: Mapping[str, Any]) -> str | None:
    """The parameter that a halving search gives more of in each round, if it is one."""
    params, given = results["params"], [str(each) for each in results.get("n_resources", ())]
    names = params[0] if given else ()
    return next((name for name in names if [str(each.get(name)) for each in params] == given), None)


def _varied(params: Sequence[Mapping[str, Any]], resource: str | None) -> tuple[str, ...]:
    """The parameters that differ, in the order in which they first come."""
    names = dict.fromkeys(name for each in params for name in each if name != resource)
    absent = object()
    return tuple(
        name for name in names if len(params) == 1 or len({_key(each.get(name, absent)) for each in params}) > 1
    )


def _key(value: Any) -> Any:
    """What tells values apart: equal ones of a type that can be hashed, else what they are written as."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return type(value), value


def _places(
    results: Mapping[str, Any], metric: str, metrics: tuple[str, ...], varied: tuple[str, ...]
) -> tuple[Place, ...]:
    params = results["params"]
    means = np.asarray(results[f"{MEAN}{metric}"], np.float64)
    rounds = np.asarray(results["iter"]) if "iter" in results else None
    last = list(_last_rounds(params, rounds, _resource(results)))
    shares = np.asarray(results.get(SHARE, np.ones(len(means))))
    scores = np.where(np.isnan(means), -np.inf, means)
    stages = np.where(shares < 1, 1, 0 if rounds is None else -rounds)  # later rounds first, who was stopped last
    order = sorted(last, key=lambda place: (stages[place], -scores[place], place))
    folds = [results[name] for name in _fold_names(results, metric)]
    places, rank = list[Place](), 1
    for number, place in enumerate(order, 1):
        before = order[number - 2] if number > 1 else place
        if (stages[place], scores[place]) != (stages[before], scores[before]):
            rank = number
        several = {name: float(results[f"{MEAN}{name}"][place]) for name in metrics} if len(metrics) > 1 else {}
        places.append(
            Place(
                *(rank, place, float(means[place]), float(results[f"std_test_{metric}"][place])),
                folds=tuple(float(scores[place]) for scores in folds),
                seconds=float(results["mean_fit_time"][place]),
                parameters={name: params[place][name] for name in varied if name in params[place]},
                status=_status(place, means, rounds, shares),
                scores=several,
                round=None if rounds is None else int(rounds[place]),
                resources=None if rounds is None else int(results["n_resources"][place]),
                share=float(shares[place]),
            )
        )
    return tuple(places)


def _last_rounds(params: Sequence[Mapping[str, Any]], rounds: np.ndarray | None, resource: str | None) -> Sequence[int]:
    """The places of candidates; of those that several rounds had, that of the last round."""
    if rounds is None:
        return range(len(params))
    names = [sorted(name for name in each if name != resource) for each in params]
    last = {tuple((name, _key(params[place][name])) for name in own): place for place, own in enumerate(names)}
    return list(last.values())


def _fold_names(results: Mapping[str, Any], metric: str) -> list[str]:
    names = list[str]()
    while (name := f"split{len(names)}_test_{metric}") in results:
        names.append(name)
    return names


def _status(place: int, means: np.ndarray, rounds: np.ndarray | None, shares: np.ndarray) -> str:
    if math.isnan(means[place]):
        return "failed"
    if shares[place] < 1:
        return "stopped"
    return "done" if rounds is None or rounds[place] == rounds.max() else "left"


# ---- As texts --------------------------------------------------------------------------------------------------------


def _figure(value: float) -> str:
    """Four digits after the point of what is a score or a few seconds, so that columns can be read downwards."""
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.6g}"


def _value(value: Any) -> str:
    """A parameter's value in one short line."""
    return printable(f"{value:.4g}" if isinstance(value, (float, np.floating)) else value, LONGEST)


def _how(place: Place) -> str:
    if place.status == "stopped":
        return f"stopped after {place.share:g} of its epochs"
    return place.status if place.status != "left" else f"left after round {place.round}"
