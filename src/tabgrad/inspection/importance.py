"""How much worse an estimator gets where a column says nothing: its values in another order."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from tabgrad._checks import COUNT, check
from tabgrad._refusals import shown
from tabgrad._row_weights import row_weights
from tabgrad.encode.encoder import Encoded
from tabgrad.engines.native import limited
from tabgrad.errors import ArgumentError, DataError, DataWarning
from tabgrad.estimators._base import TableEstimator, estimator_that_said
from tabgrad.estimators._outputs import networks_of
from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.regressor import Regressor
from tabgrad.inspection._majority import are_mostly_clear, by_majority, fewest
from tabgrad.inspection._tables import Given, rows_drawn
from tabgrad.inspection._terms import Exchangeable, Terms
from tabgrad.table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PermutationImportance", "permutation_importance"]

MOST_NUMBERS = 2**25  # in what one call of the kernels takes and gives
LISTED = 20  # columns on a screen, or in a figure

Scores = tuple[tuple[str, ...], np.ndarray, np.ndarray]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class PermutationImportance:
    """What `permutation_importance` gives for one metric.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns of X, in their order.
    importances : array
        A row a column, a number a repeat: how much the score falls, for each column and each order of its values.
    score : float
        Of the rows as they are.
    scoring : str
        The name of the metric.

    Attributes
    ----------
    importances_mean, importances_std : array
        Over the repeats, a number a column.
    """

    columns: tuple[str, ...]
    importances: np.ndarray
    score: float
    scoring: str

    @property
    def importances_mean(self) -> np.ndarray:
        """The mean over the repeats, of each column."""
        return np.asarray(self.importances.mean(axis=1))

    @property
    def importances_std(self) -> np.ndarray:
        """The standard deviation over the repeats, of each column."""
        return np.asarray(self.importances.std(axis=1))

    @property
    def order(self) -> np.ndarray:
        """The places of the columns, the most important first."""
        return np.argsort(-self.importances_mean, kind="stable")

    def frame(self) -> pd.DataFrame:
        """A pandas frame: ``column``, ``importance`` and ``std``, a row a column, the most important first."""
        import pandas as pd

        order = self.order
        columns = {"importance": self.importances_mean[order], "std": self.importances_std[order]}
        return pd.DataFrame({"column": [self.columns[place] for place in order], **columns})

    def plot(self, *, most: int = LISTED, ax: Axes | None = None) -> Figure:
        """A bar for each column, the most important on top, with the standard deviation over the repeats.

        Parameters
        ----------
        most : int, default 20
            Columns that are shown.
        ax : matplotlib Axes, optional
            Where to draw; None: a figure of its own.

        Returns
        -------
        matplotlib Figure
        """
        from tabgrad.inspection._figures import bars

        return bars(self, check(most, "most", "plot", (int,), COUNT), ax)

    def __repr__(self) -> str:
        """The most important columns, a line each."""
        order = self.order[:LISTED].tolist()
        mean, std = self.importances_mean, self.importances_std
        names = [shown(self.columns[place]) for place in order]
        width = max(map(len, names), default=0)
        lines = [f"{name:{width}}  {mean[at]:9.4f} ± {std[at]:.4f}" for name, at in zip(names, order, strict=True)]
        more = len(self.columns) - len(order)
        head = f"{self.scoring} {self.score:.4f}; it falls, where a column is in another order, by"
        return "\n".join([head, *lines, *([f"and {more} more columns"] if more else [])])


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    n_repeats: int = 10,
    sample_weight: Any = None,
    max_samples: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> PermutationImportance | dict[str, PermutationImportance]:
    """How much worse an estimator gets where the values of a column are in another order.

    ::

        importance of column j in repeat r  =  score(X, y)  -  score(X with column j in order r, y)

    A column is permuted as it was given, with all that is made of it inside. Give rows that the estimator was not
    trained on: on its own it may rely on columns that help nowhere else. Of columns that tell the same, each alone may
    look needless, as the others are still there.

    A `Classifier` or `Regressor` encodes X once and predicts many permutations in one call of the kernels. Up to their
    first weighted sums its networks are asked once for all of them, as there only the permuted column's own term
    changes; so scores are those of `predict` but for the rounding of float32. Where classes alone count, as for
    accuracy, and most rows are clear, no more members are asked for a row than decide it. Any other estimator predicts
    one permutation after the other.

    Parameters
    ----------
    estimator : fitted estimator
    X : frame, dict of columns, array, list of rows or Table, of shape (rows, columns)
        As its `predict` takes it.
    y : array of shape (rows,) or (rows, outputs), or str
        The truth; a string is the name of the column of X that holds it.
    scoring : str, callable, or list, tuple or dict of these, default None
        Names of scikit-learn's scorers, or functions of ``(estimator, X, y)`` whose values are the better the higher.
        None: what the estimator's `score` gives, accuracy or R2.
    n_repeats : int, default 10
        Orders that are tried.
    sample_weight : array of shape (rows,), optional
    max_samples : int or float, default 1.0
        How many of the rows, or which share of them, are looked at, drawn at random.
    random_state : int, numpy.random.RandomState or None, default None
        From which the orders follow, as in scikit-learn: the same int gives the numbers that its
        `permutation_importance` gives, to that rounding. (With fewer rows by `max_samples`, its baseline is still that
        of all rows; here both are of the same rows.)

    Returns
    -------
    PermutationImportance, or dict of them
        For each name of `scoring` where there are several.

    Raises
    ------
    DataError
        X and y are of different lengths, or X is not what `predict` takes.
    ArgumentError
        An argument is not what it may be.

    References
    ----------
    L. Breiman, "Random Forests", 2001; A. Fisher, C. Rudin, F. Dominici, "All Models are Wrong, but Many are Useful",
    2019.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.inspection import permutation_importance
    >>> x = np.random.default_rng(0).normal(size=(600, 3))
    >>> regressor = Regressor(preset="single", random_state=0).fit(x[:400], 2 * x[:400, 0] + x[:400, 1])
    >>> found = permutation_importance(regressor, x[400:], 2 * x[400:, 0] + x[400:, 1], random_state=0)
    >>> found.frame()["column"].tolist()
    ['x0', 'x1', 'x2']
    >>> bool(1 < found.importances_mean[0] / found.importances_mean[1] < 5)
    True
    """
    owner = "permutation_importance"
    check(n_repeats, "n_repeats", owner, (int,), COUNT)
    metrics = _metrics(estimator, scoring)
    X, y = _separated(estimator, X, y, owner)
    given = Given.of(X, owner)
    if len(given) != len(y):
        raise DataError(f"X and y of {owner} must have the same rows. Got {len(given)} and {len(y)}.")
    weight = row_weights(sample_weight, len(given))
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max + 1)  # one for all columns
    random = np.random.RandomState(seed)
    rows = rows_drawn(len(given), max_samples, random, owner)
    orders = _orders(len(given) if rows is None else len(rows), n_repeats, random)
    sample = Sample(given, y, weight)
    sample = sample if rows is None else sample.part(rows)
    fast = type(estimator) in (Classifier, Regressor) and all(metric.of_predictions for metric in metrics)
    names, baseline, scores = (_fast if fast else _slow)(estimator, metrics, sample, orders)
    found = {
        metric.name: PermutationImportance(names, before - after, float(before), metric.name)
        for metric, before, after in zip(metrics, baseline, scores, strict=True)
    }
    several = isinstance(scoring, (list, tuple, set, Mapping))
    return found if several else next(iter(found.values()))


@dataclass(frozen=True)
class Metric:
    """A metric, and scikit-learn's way to take it.

    Parameters
    ----------
    name : str
    given : str, callable or None
        As the user named it.
    scorer : callable
        A function of ``(estimator, X, y)``.
    """

    name: str
    given: Any
    scorer: Callable[..., float]

    @property
    def of_predictions(self) -> bool:
        """Whether it looks at predictions alone, not at X."""
        return self.given is None or isinstance(self.given, str) or hasattr(self.given, "_score_func")

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the share of right classes, and no more."""
        return self.name == "accuracy" and self.given in (None, "accuracy")

    def value(self, estimator: Any, X: Any, y: np.ndarray, weight: np.ndarray | None) -> float:
        """The score."""
        return self.scorer(estimator, X, y, **({} if weight is None else {"sample_weight": weight}))


@dataclass(frozen=True)
class Sample:
    """Rows that are scored."""

    given: Given
    y: np.ndarray
    weight: np.ndarray | None

    def part(self, rows: np.ndarray) -> Sample:
        """Some of them."""
        given = Given(self.given.part(rows), self.given.owner)
        return Sample(given, self.y[rows], None if self.weight is None else self.weight[rows])


def _metrics(estimator: Any, scoring: Any) -> list[Metric]:
    """What `scoring` names."""
    if isinstance(scoring, Mapping):
        listed = dict(scoring)
    elif isinstance(scoring, (list, tuple, set)):
        listed = {_name(each): each for each in scoring}
    elif scoring is None:
        listed = {"accuracy" if is_classifier(estimator) else "r2" if is_regressor(estimator) else "score": None}
    else:
        listed = {_name(scoring): scoring}
    if not listed:
        raise ArgumentError("'scoring' of permutation_importance must name at least one metric. Got none.")
    return [Metric(name, each, check_scoring(estimator, scoring=each)) for name, each in listed.items()]


def _name(scoring: Any) -> str:
    if isinstance(scoring, str):
        return scoring
    return str(getattr(getattr(scoring, "_score_func", scoring), "__name__", type(scoring).__name__))


def _separated(estimator: Any, X: Any, y: Any, owner: str) -> tuple[Any, np.ndarray]:
    """X without the column that y names, and y as an array."""
    if isinstance(estimator, TableEstimator):
        X, y = estimator._scored(X, y)
    elif isinstance(y, str):
        given = Given.of(X, owner)
        table = given.table
        y, X = table.columns[given.named(y)], _without(X, y)
    return X, y.objects() if hasattr(y, "objects") else np.asarray(y)


def _without(X: Any, name: str) -> Any:
    if isinstance(X, Mapping):
        return {key: values for key, values in X.items() if key != name}
    if hasattr(X, "iloc"):
        return X.drop(columns=name)
    import narwhals.stable.v2 as nw

    return nw.from_native(X, eager_only=True).drop(name).to_native()


def _orders(rows: int, repeats: int, random: np.random.RandomState) -> np.ndarray:
    """Orders of the rows, of shape (repeats, rows): each is the one before, shuffled, on top of what was permuted."""
    orders, place, drawn = np.empty((repeats, rows), np.int64), np.arange(rows), np.arange(rows)
    for repeat in range(repeats):
        random.shuffle(drawn)
        place = place[drawn]
        orders[repeat] = place
    return orders


# ---- Any estimator ---------------------------------------------------------------------------------------------------


def _slow(estimator: Any, metrics: Sequence[Metric], sample: Sample, orders: np.ndarray) -> Scores:
    """The columns; the scores of X, and of every permutation: of shape (metrics,) and (metrics, columns, repeats)."""
    given, y, weight = sample.given, sample.y, sample.weight
    baseline = np.array([metric.value(estimator, given.X, y, weight) for metric in metrics])
    scores = np.empty((len(metrics), len(given.names), len(orders)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # what X deserves was said of X as it is
        for column, name in enumerate(given.names):
            for repeat, order in enumerate(orders):
                X = given.taken(name, order)
                for place, metric in enumerate(metrics):
                    scores[place, column, repeat] = metric.value(estimator, X, y, weight)
    return given.names, baseline, scores


# ---- Classifier and Regressor ----------------------------------------------------------------------------------------


def _fast(estimator: TableEstimator, metrics: Sequence[Metric], sample: Sample, orders: np.ndarray) -> Scores:
    """What `_slow` gives, from rows that are encoded once."""
    table, encoded = estimator._encoded(sample.given.X)
    judge = Judge.of(estimator, metrics, table, sample)
    outputs = estimator._by_each(encoded)
    baseline = judge.scores(estimator._together(outputs, encoded))
    scores = np.empty((len(metrics), len(table.names), len(orders)))
    scores[:] = baseline[:, np.newaxis, np.newaxis]  # of columns that the networks know nothing of
    networks = (
        fewest(len(outputs)) if judge.asks_for_classes and are_mostly_clear(outputs, judge.probabilities) else None
    )
    with limited(estimator._threads()):
        for permuted in _one_ahead(_permuted(estimator, table.names, encoded, orders, networks)):
            for place, each in enumerate(judge.scores_of(permuted), start=permuted.first):
                scores[:, permuted.column, place] = each
    return table.names, baseline, scores


@dataclass(frozen=True)
class Permuted:
    """What networks say of the rows with a column in some orders.

    Parameters
    ----------
    column, first : int
        Which column, and the first of the orders.
    orders : array of shape (orders, rows)
    outputs : array of shape (networks, rows, orders, outputs)
        Of all networks, or of the first, where the others can be asked for some rows.
    terms : Exchangeable or None
        By which these are asked.
    encoded : Encoded
        The rows as they were; where somebody needs to see them, as rows of the fit are asked or networks predict anew,
        with the column in these orders, those of a row side by side.
    """

    column: int
    first: int
    orders: np.ndarray
    outputs: np.ndarray
    terms: Exchangeable | None
    encoded: Encoded

    def ask(self, network: int, places: np.ndarray) -> np.ndarray:
        """The outputs of a network at some places of (rows, orders)."""
        assert self.terms is not None  # otherwise all networks were asked
        rows, order = np.divmod(places, len(self.orders))
        return self.terms.exchanged(network, rows, self.orders[order, rows])


def _permuted(
    estimator: TableEstimator,
    names: Sequence[str],
    encoded: Encoded,
    orders: np.ndarray,
    networks: int | None = None,
) -> Iterator[Permuted]:
    """Every column that networks know, in as many orders at a time as there is room for.

    Of `networks` only, where the others can be asked later; None: of all.
    """
    rows, inputs, units = len(encoded), encoded.x.shape[1], estimator.n_outputs_
    terms = Terms.of(*networks_of(estimator.models_), encoded)
    width = inputs + (0 if encoded.codes is None else encoded.codes.shape[1])
    anew = terms is None or estimator.rows_kept_ > 0
    numbers = rows * (units * len(estimator.models_) + (width if anew else 0))
    at_once = max(MOST_NUMBERS // numbers, 1)
    for column, name in enumerate(names):
        features, codes = estimator.encoder_.places(name)
        if not (features or codes):
            continue
        of_both = [*features, *(inputs + code for code in codes)]
        of_column = None if terms is None else terms.of_columns(of_both)
        for first in range(0, len(orders), at_once):
            these = orders[first : first + at_once]
            changed = _anew(encoded, features, codes, these) if anew else encoded
            if of_column is None:
                outputs = estimator._by_each(changed).reshape(-1, rows, len(these), units)
            else:
                outputs = of_column.permuted(these, networks)
            yield Permuted(column, first, these, outputs, of_column, changed)


def _anew(encoded: Encoded, features: list[int], codes: list[int], orders: np.ndarray) -> Encoded:
    """The rows with some columns in these orders, those of a row side by side."""
    from_rows, count = orders.T.ravel(), len(orders)
    x = np.repeat(encoded.x, count, axis=0)
    x[:, features] = encoded.x[from_rows][:, features]
    if encoded.codes is None:
        return Encoded(x)
    of_codes = np.repeat(encoded.codes, count, axis=0)
    of_codes[:, codes] = encoded.codes[from_rows][:, codes]
    return Encoded(x, of_codes)


def _one_ahead(made: Iterator[Made]) -> Iterator[Made]:
    """What an iterator makes, the next of it in another thread while the last is looked at."""
    context = copy_context()

    def made_next() -> Made | None:
        return next(made, None)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(context.run, made_next)
        while (one := coming.result()) is not None:
            coming = pool.submit(context.run, made_next)
            yield one


@dataclass(frozen=True)
class Judge:
    """Scores of what the networks say of rows, whatever was permuted.

    `codes` are the indices of the classes in `sample`; None where there are none, or one that training had not.
    """

    estimator: TableEstimator
    metrics: Sequence[Metric]
    table: Table
    sample: Sample
    codes: np.ndarray | None

    @classmethod
    def of(cls, estimator: TableEstimator, metrics: Sequence[Metric], table: Table, sample: Sample) -> Judge:
        """With the classes read once."""
        codes = None
        if isinstance(estimator, Classifier):
            try:
                codes = estimator.target_.encode(sample.y)
            except DataError:  # scikit-learn's scorers know what to make of other classes
                codes = None
        return cls(estimator, metrics, table, sample, codes)

    @property
    def asks_for_classes(self) -> bool:
        """Whether the class that the networks give a row is all that counts, and they alone give it."""
        of_classes = self.codes is not None and all(metric.is_accuracy for metric in self.metrics)
        return of_classes and self.estimator.rows_kept_ == 0

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """What the outputs of a network say of the classes."""
        return self.estimator._read_out(self.estimator.models_[0], outputs)

    def scores(self, said: np.ndarray) -> np.ndarray:
        """The metrics of the mean over networks."""
        known = estimator_that_said(self.estimator, said)
        return np.array([self._score(metric, known, said) for metric in self.metrics])

    def scores_of(self, permuted: Permuted) -> Iterator[np.ndarray]:
        """The metrics of each order."""
        networks, rows, orders, units = permuted.outputs.shape
        outputs = permuted.outputs.reshape(networks, rows * orders, units)
        if self.asks_for_classes:
            taken = by_majority(outputs, len(self.estimator.models_), self.probabilities, permuted.ask)
            for classes in taken.reshape(rows, orders).T:
                yield np.array([self._accuracy(classes)] * len(self.metrics))
        else:
            said = self.estimator._together(outputs, permuted.encoded)
            for of_rows in np.ascontiguousarray(said.reshape(rows, orders, -1).swapaxes(0, 1)):
                yield self.scores(of_rows)

    def _score(self, metric: Metric, known: TableEstimator, said: np.ndarray) -> float:
        if metric.is_accuracy and self.codes is not None:  # the same number, without putting labels in order each time
            return self._accuracy(said.argmax(axis=1))
        return metric.value(known, self.table, self.sample.y, self.sample.weight)

    def _accuracy(self, classes: np.ndarray) -> float:
        return float(np.average(classes == self.codes, weights=self.sample.weight))
