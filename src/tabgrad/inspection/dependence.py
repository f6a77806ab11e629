"""What an estimator says as one column changes, or two: partial dependence, and the curve of each row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from tabgrad._checks import Interval, check, known_name
from tabgrad._refusals import shown
from tabgrad._row_weights import row_weights
from tabgrad.encode.encoder import Encoded
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DataWarning
from tabgrad.estimators._base import TableEstimator
from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.regressor import Regressor
from tabgrad.inspection._grids import Grid
from tabgrad.inspection._tables import Given, rows_drawn, taken
from tabgrad.table.columns import Values, Words, missing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PartialDependence", "partial_dependence"]

KINDS = ("average", "individual", "both")
MOST_NUMBERS = 2**23  # in what one call of the kernels takes and gives
RESOLUTION, UNIT = Interval(2, 10_000), Interval(0, 1)


@dataclass(frozen=True, eq=False)
class PartialDependence:
    """What `partial_dependence` gives.

    Parameters
    ----------
    columns : tuple of str
        The column that varies, or the two.
    grid_values : tuple of array
        For each its values; NaN, NaT or None last, where rows miss the value.
    kinds : tuple of str
        For each "numbers", "dates" or "categories".
    outputs : tuple of str
        Names of the classes that the values are of, or of the predicted numbers.
    response : str
        What the values are: "probability", "decision" or "prediction".
    average : array of shape (outputs, values) or (outputs, values, values), or None
        The mean over the rows.
    individual : array of shape (outputs, rows, values) or (outputs, rows, values, values), or None
        Of each row: individual conditional expectation.
    deciles : tuple of array
        Of each column of numbers or dates the nine deciles of its values; of others nothing.
    """

    columns: tuple[str, ...]
    grid_values: tuple[np.ndarray, ...]
    kinds: tuple[str, ...]
    outputs: tuple[str, ...]
    response: str
    average: np.ndarray | None
    individual: np.ndarray | None
    deciles: tuple[np.ndarray, ...]

    def frame(self, *, individual: bool = False) -> pd.DataFrame:
        """The curves as a pandas frame.

        Parameters
        ----------
        individual : bool, default False
            True: a row for each point of each row's curve, with ``row`` and ``value``. False: for each point of the
            mean, ``average``.

        Returns
        -------
        pandas DataFrame
            The column, or the two, ``output`` where there are several, and the value.

        Raises
        ------
        ArgumentError
            It was not asked for, as `kind`.
        """
        import pandas as pd

        values = self.individual if check(individual, "individual", "frame", (bool,)) else self.average
        if values is None:
            wanted = "individual" if individual else "average"
            raise ArgumentError(f"There is nothing {wanted} to show. Use partial_dependence(..., kind='both').")
        axes = [*(np.asarray(grid) for grid in self.grid_values)]
        if individual:
            axes = [np.arange(values.shape[1]), *axes]
        places = np.indices(values.shape).reshape(values.ndim, -1)
        columns: dict[str, Any] = {}
        if len(self.outputs) > 1:
            columns["output"] = np.array(self.outputs, dtype=object)[places[0]]
        names = [*(["row"] if individual else []), *self.columns]
        columns |= {name: axis[place] for name, axis, place in zip(names, axes, places[1:], strict=True)}
        return pd.DataFrame({**columns, "value" if individual else "average": values.ravel()})

    def plot(self, output: Any = None, *, ax: Axes | None = None) -> Figure:
        """Lines of numbers and dates, points of categories, a map of two columns.

        The mean is drawn strongly, curves of rows (at most 50, evenly out of all) finely; where the value is missing is
        a point on the right. Marks below are the deciles of the column: between far marks there is little to learn
        from.

        Parameters
        ----------
        output : str, optional
            Of several outputs the one that is shown, as `outputs` calls it. None: all, at most ten; of two columns, or
            of rows' curves, the first.
        ax : matplotlib Axes, optional
            Where to draw; None: a figure of its own.

        Returns
        -------
        matplotlib Figure
        """
        from tabgrad.inspection._figures import curves, surface

        outputs = range(len(self.outputs)) if output is None else [self._place(output)]
        if len(self.columns) == 2:
            return surface(self, outputs[0], ax)
        return curves(self, list(outputs)[:1] if self.individual is not None else list(outputs), ax)

    def _place(self, output: Any) -> int:
        if str(output) not in self.outputs:
            raise ArgumentError(
                f"'output' of plot must be one of {', '.join(map(shown, self.outputs[:8]))}. Got {shown(output)}."
            )
        return self.outputs.index(str(output))

    def __repr__(self) -> str:
        """Where the mean is lowest and highest."""
        head = f"PartialDependence of {' and '.join(map(shown, self.columns))}"
        values = self.average
        if values is None:
            return f"{head}: {self.individual.shape[1] if self.individual is not None else 0} curves"
        lines = []
        for name, mean in zip(self.outputs, values, strict=True):
            ends = [np.unravel_index(place, mean.shape) for place in (mean.argmin(), mean.argmax())]
            low, high = (
                f"{mean[at]:.4g} at {', '.join(_said(grid[i]) for grid, i in zip(self.grid_values, at, strict=True))}"
                for at in ends
            )
            lines.append(f"  {shown(name)}: from {low} to {high}")
        more = len(lines) - 10
        return "\n".join([head, *lines[:10], *([f"  and {more} more outputs"] if more > 0 else [])])


def partial_dependence(
    estimator: Any,
    X: Any,
    columns: str | int | Sequence[str | int],
    *,
    kind: str = "average",
    grid_resolution: int = 50,
    percentiles: tuple[float, float] = (0.05, 0.95),
    sample_weight: Any = None,
    max_samples: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> PartialDependence:
    """What an estimator says on average when a column has one value in all rows, for each of its values.

    ::

        average(v)  =  1/n  sum over the rows i of  f(x_i with column j = v)

    Each term of the sum, as a function of v, is the row's own curve (individual conditional expectation); where they go
    different ways, the mean hides it. The other columns stay what they are, so that rows may come about which there
    cannot be: of columns that belong together, read it with care. It tells what the estimator does, not what would
    happen to somebody whose value changed.

    Columns are varied as they were given: numbers and dates over what most rows have, categories over their levels. The
    value that is missing is a value, too, where X has it.

    Parameters
    ----------
    estimator : fitted estimator
        A classifier's probabilities are looked at (of two classes the second one's), or its decision function where
        there are none; a regressor's predictions.
    X : frame, dict of columns, array, list of rows or Table, of shape (rows, columns)
        As its `predict` takes it. A `Classifier` or `Regressor` encodes it once.
    columns : str, int, or two of them
        Names or places of columns of X.
    kind : {"average", "individual", "both"}, default "average"
        The mean, the curve of each row, or both.
    grid_resolution : int, default 50
        Values of a column at most, beside the missing one. Of columns of words those that most rows have.
    percentiles : tuple of two float, default (0.05, 0.95)
        Between which quantiles a column of more different numbers varies.
    sample_weight : array of shape (rows,), optional
        What each row counts for in the mean.
    max_samples : int or float, default 1.0
        How many of the rows, or which share of them, are looked at, drawn at random. Values and quantiles are those of
        all.
    random_state : int, numpy.random.RandomState or None, default None
        From which the rows follow that are drawn.

    Returns
    -------
    PartialDependence

    Raises
    ------
    ArgumentError
        There is no such column; an argument is not what it may be.
    DataError
        X is not what `predict` takes, or has no rows.

    References
    ----------
    J. H. Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", 2001; A. Goldstein, A. Kapelner, J.
    Bleich, E. Pitkin, "Peeking Inside the Black Box: Visualizing Statistical Learning with Plots of Individual
    Conditional Expectation", 2015.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabgrad import Regressor
    >>> from tabgrad.inspection import partial_dependence
    >>> frame = pd.DataFrame({"size": range(30, 150), "town": ["Bern", "Basel", "Chur"] * 40})
    >>> price = 5 * frame["size"] + 400 * (frame["town"] == "Basel")
    >>> regressor = Regressor(preset="single", random_state=0).fit(frame, price)
    >>> found = partial_dependence(regressor, frame, "town")
    >>> found.grid_values[0].tolist(), found.average.round(-2)
    (['Bern', 'Basel', 'Chur'], array([[400., 800., 400.]]))
    """
    owner = "partial_dependence"
    known_name(kind, "kind of partial_dependence", KINDS)
    check(grid_resolution, "grid_resolution", owner, (int,), RESOLUTION)
    low, high = _percentiles(percentiles)
    given = Given.of(X, owner)
    view = (Encodings if type(estimator) in (Classifier, Regressor) else Predictions)(estimator, given)
    names = _names(view.given, columns)
    of_all = [view.values(name) for name in names]
    grids = [Grid.of(values, grid_resolution, (low, high)) for values in of_all]
    rows = rows_drawn(len(given), max_samples, check_random_state(random_state), owner)
    weight = _weight(sample_weight, len(given), rows)
    means, lines = [], []
    for predicted in view.predicted(dict(zip(names, grids, strict=True)), rows):  # of shape (rows, outputs)
        if kind != "individual":
            means.append(np.average(predicted, axis=0, weights=weight))
        if kind != "average":
            lines.append(predicted)
    shape, outputs = tuple(map(len, grids)), view.outputs()
    return PartialDependence(
        names,
        tuple(grid.values for grid in grids),
        tuple(grid.kind for grid in grids),
        outputs,
        view.response,
        np.stack(means, axis=-1).reshape(-1, *shape) if means else None,
        np.stack(lines, axis=-1).swapaxes(0, 1).reshape(len(outputs), -1, *shape) if lines else None,
        tuple(_deciles(values, grid) for values, grid in zip(of_all, grids, strict=True)),
    )


# ---- Any estimator ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Predictions:
    """An estimator that is asked again for each value."""

    estimator: Any
    given: Given

    def values(self, name: str) -> Values:
        """A column of X."""
        return self.given.table.columns[name]

    @property
    def response(self) -> str:
        """What the values are."""
        if not is_classifier(self.estimator):
            return "prediction"
        return "probability" if hasattr(self.estimator, "predict_proba") else "decision"

    def predicted(self, grids: Mapping[str, Grid], rows: np.ndarray | None) -> Iterator[np.ndarray]:
        """For each value, or pair of values, what the estimator says of the rows: of shape (rows, outputs)."""
        some = self.given if rows is None else Given(self.given.part(rows), self.given.owner)
        for places in product(*(range(len(grid)) for grid in grids.values())):
            changed = some
            for (name, grid), place in zip(grids.items(), places, strict=True):
                changed = Given(changed.put(name, self._constant(name, grid, place, len(some))), some.owner)
            yield self._said(changed.X)

    def _constant(self, name: str, grid: Grid, place: int, rows: int) -> Any:
        if grid.rows is None:
            return np.full(rows, grid.values[place])
        return taken(self.given.raw(name), np.full(rows, grid.rows[place]))

    def _said(self, X: Any) -> np.ndarray:
        ask = {"prediction": "predict", "probability": "predict_proba", "decision": "decision_function"}[self.response]
        with warnings.catch_warnings():  # a value that no training had was put there on purpose
            warnings.simplefilter("ignore", DataWarning)
            said = np.asarray(getattr(self.estimator, ask)(X))
        if self.response == "probability" and said.shape[1] == 2:
            return said[:, 1:]
        return said.reshape(len(said), -1)

    def outputs(self) -> tuple[str, ...]:
        """What the values are of."""
        if is_classifier(self.estimator):
            return _classes(self.estimator.classes_)
        one = self._said(Given(self.given.part(np.zeros(1, np.int64)), self.given.owner).X).shape[1]
        return _numbers(one, ())


# ---- Classifier and Regressor ----------------------------------------------------------------------------------------


class Encodings:
    """Networks that are given rows in which only the features of a column change."""

    def __init__(self, estimator: TableEstimator, given: Given) -> None:
        self._estimator = estimator
        self._table, self._encoded = estimator._encoded(given.X)
        self.given = Given(self._table, given.owner)  # with the names of the fit

    @property
    def response(self) -> str:
        """What the values are."""
        return "probability" if isinstance(self._estimator, Classifier) else "prediction"

    def values(self, name: str) -> Values:
        """A column of X as its encoding takes it: text that holds dates as dates."""
        return self._estimator.encoder_.read(self._table, name)

    def predicted(self, grids: Mapping[str, Grid], rows: np.ndarray | None) -> Iterator[np.ndarray]:
        """For each value, or pair of values, what the networks say of the rows: of shape (rows, outputs)."""
        base = self._encoded if rows is None else self._encoded.part(rows)
        encoder = self._estimator.encoder_
        columns = [(encoder.places(name), self._points(name, grid)) for name, grid in grids.items()]
        combined = list(product(*(range(len(grid)) for grid in grids.values())))
        width = base.x.shape[1] + (0 if base.codes is None else base.codes.shape[1])
        members = len(self._estimator.models_) * self._estimator.n_outputs_
        at_once = max(MOST_NUMBERS // (len(base) * (width + members)), 1)
        for first in range(0, len(combined), at_once):
            these = np.array(combined[first : first + at_once])
            x = np.tile(base.x, (len(these), 1, 1))
            codes = None if base.codes is None else np.tile(base.codes, (len(these), 1, 1))
            for ((features, of_codes), points), place in zip(columns, these.T, strict=True):
                x[:, :, features] = points.x[place][:, np.newaxis, features]
                if codes is not None and points.codes is not None:
                    codes[:, :, of_codes] = points.codes[place][:, np.newaxis, of_codes]
            flat = Encoded(_flat(x), None if codes is None else _flat(codes))
            yield from self._answers(self._estimator._said(flat)).reshape(len(these), len(base), -1)

    def _points(self, name: str, grid: Grid) -> Encoded:
        """A row for each value of a grid, encoded; other columns are those of the first row."""
        values: Values = grid.values if grid.rows is None else self.values(name)[grid.rows]
        table = self._table.part(np.zeros(len(grid), np.int64))
        return self._estimator.encoder_.encode(replace(table, columns={**table.columns, name: values}, block=None))

    def _answers(self, said: np.ndarray) -> np.ndarray:
        if isinstance(self._estimator, Regressor):
            return np.asarray(self._estimator.target_.decode(said))
        return said[:, 1:] if said.shape[1] == 2 else said

    def outputs(self) -> tuple[str, ...]:
        """What the values are of."""
        if isinstance(self._estimator, Classifier):
            return _classes(self._estimator.classes_)
        return _numbers(self._estimator.n_outputs_, self._estimator._target_names)


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])


# ---- Arguments and names ---------------------------------------------------------------------------------------------


def _names(given: Given, columns: Any) -> tuple[str, ...]:
    listed = columns if isinstance(columns, (list, tuple)) else (columns,)
    names = tuple(given.named(column) for column in listed)
    if len(names) not in (1, 2) or len(set(names)) < len(names):
        raise ArgumentError(
            f"'columns' of partial_dependence must be one column, or two different ones. Got {shown(columns)}. Call it "
            "for each column by itself."
        )
    return names


def _percentiles(given: Any) -> tuple[float, float]:
    if not isinstance(given, (list, tuple, np.ndarray)) or len(given) != 2:
        raise ArgumentTypeError(f"'percentiles' of partial_dependence must be two numbers. Got {shown(given)}.")
    low, high = (check(each, "percentiles", "partial_dependence", (float,), UNIT) for each in given)
    if low >= high:
        raise ArgumentError(f"'percentiles' of partial_dependence must ascend. Got {low:g} and {high:g}.")
    return low, high


def _weight(given: Any, rows: int, kept: np.ndarray | None) -> np.ndarray | None:
    weight = row_weights(given, rows)
    weight = None if weight is None else weight if kept is None else weight[kept]
    if weight is not None and not weight.sum() > 0:
        raise DataError("'sample_weight' of partial_dependence must not be 0 in all rows that are looked at.")
    return weight


def _deciles(values: Values, grid: Grid) -> np.ndarray:
    if isinstance(values, Words) or grid.kind == "categories" or missing(values).all():
        return np.empty(0)
    there = values[~missing(values)]
    return np.asarray(np.sort(there)[np.linspace(0, len(there) - 1, 11).astype(int)[1:-1]])


def _classes(classes: np.ndarray) -> tuple[str, ...]:
    names = tuple(map(str, classes.tolist()))
    return names[1:] if len(names) == 2 else names


def _numbers(count: int, names: Sequence[str]) -> tuple[str, ...]:
    if len(names) == count:
        return tuple(names)
    return ("prediction",) if count == 1 else tuple(f"prediction {place}" for place in range(count))


def _said(value: Any) -> str:
    """A value of a grid on a screen."""
    if isinstance(value, (float, np.floating)):
        return "a missing value" if np.isnan(value) else f"{value:.4g}"
    if value is None or (isinstance(value, np.datetime64) and np.isnat(value)):
        return "a missing value"
    return str(value.astype("datetime64[s]")) if isinstance(value, np.datetime64) else shown(value)
