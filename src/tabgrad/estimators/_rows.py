"""X as a table, held against the columns of the fit, in scikit-learn's words where it has some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from tabgrad._refusals import SHOWN, shown
from tabgrad._warning import warn
from tabgrad.errors import DataError, DataWarning
from tabgrad.table import Table

__all__ = ["Rows", "check_columns", "read_rows"]

MOST_NAMES = 5  # that a message lists, as scikit-learn does
LONGEST = 100  # characters of a name that a message holds as they are
HEADING = "The feature names should match those that were passed during fit.\n"


@dataclass(frozen=True)
class Rows:
    """X as it was given.

    Parameters
    ----------
    table : Table
    named : bool
        Whether its columns have names of their own: a frame, a dict or a `Table`; not an array or a list.
    ordered : bool
        Whether the order of its columns means something: scikit-learn refuses frames whose columns are in another
        order than in fit, while of a dict or a `Table` the names alone count.
    """

    table: Table
    named: bool
    ordered: bool

    def without(self, names: Sequence[str]) -> Rows:
        """The rows without these columns, as far as they are there."""
        present = [name for name in names if name in self.table.columns]
        return Rows(self.table.without(present), self.named, self.ordered) if present and self.named else self


def read_rows(X: Any, owner: str, *, fewest: int = 1) -> Rows:
    """X as a table.

    Parameters
    ----------
    X : array, list, frame, dict of columns or Table
    owner : str
        The estimator's name, for messages.
    fewest : int
        Rows that there must be.

    Raises
    ------
    ValueError
        What is no table, is sparse or complex, holds infinity, has too few rows or no column.
    """
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "fiu" and len(X) >= fewest and X.shape[1]:
        return Rows(Table.of(X), named=False, ordered=True)  # scikit-learn's look would take longer than the rest
    if isinstance(X, Table):
        rows = Rows(X, named=True, ordered=False)
    elif isinstance(X, Mapping) and not issparse(X):  # SciPy's dok_matrix is a dict
        rows = Rows(Table.of(dict(X)), named=True, ordered=False)
    elif is_frame(X):
        table = Table.of(X)
        names = getattr(X, "column_names", X.columns)  # PyArrow's columns are not their names
        rows = Rows(table, named=all(isinstance(name, str) for name in names), ordered=True)
    else:
        if isinstance(X, (list, tuple)) and _mixed(X):
            X = np.array(X, dtype=object)  # else NumPy would make text of the numbers
        array = check_array(X, dtype=None, ensure_all_finite=False, ensure_min_samples=fewest, estimator=owner)
        rows = Rows(Table.of(array), named=False, ordered=True)
    _refuse_small(rows.table, fewest, owner)
    return rows


def _mixed(X: Sequence[Any]) -> bool:
    """Whether a list is of equally long rows, with text beside other values."""
    if not X or not all(isinstance(row, (list, tuple)) and len(row) == len(X[0]) for row in X):
        return False
    return len({isinstance(value, str) for row in X for value in row}) > 1


def is_frame(X: Any) -> bool:
    """Whether X has columns of its own: a frame of pandas, Polars, PyArrow, ...."""
    return hasattr(type(X), "columns") and not isinstance(X, np.ndarray)


def check_columns(rows: Rows, seen: Sequence[str], *, named: bool, ignored: Sequence[str], owner: str) -> Table:
    """The columns of the fit, in their order.

    Parameters
    ----------
    rows : Rows
    seen : sequence of str
        The columns of the fit.
    named : bool
        Whether they had names of their own.
    ignored : sequence of str
        Columns that may be there and are not looked at: the target.
    owner : str
        The estimator's name, for messages.

    Raises
    ------
    DataError
        Columns that are missing, each with the nearest that is there; another number or order of them.

    Warns
    -----
    DataWarning
        Columns that were not there in fit, and are left out.
    """
    if not (named and rows.named):
        _tell_of_names(rows.named, named, owner)
        if len(rows.table.names) != len(seen):
            raise DataError(
                f"X has {len(rows.table.names)} features, but {owner} is expecting {len(seen)} features as input."
            )
        return replace(rows.table, columns=dict(zip(seen, rows.table.columns.values(), strict=True)))
    table = rows.table
    if table.names == tuple(seen):
        return table
    missing = [name for name in seen if name not in table.columns]
    unseen = [name for name in table.names if name not in set(seen) and name not in ignored]
    if missing:
        raise DataError(HEADING + _unlike(missing, unseen))
    if unseen:
        warn(
            f"{table.name} has columns that were not there in fit, and are left out: "
            f"{', '.join(map(shown, unseen[:MOST_NAMES]))}{' and more' if len(unseen) > MOST_NAMES else ''}.",
            DataWarning,
        )
    table = table.select([name for name in table.names if name in set(seen)])
    if rows.ordered and table.names != tuple(seen):
        raise DataError(
            HEADING + "Feature names must be in the same order as they were in fit.\n"
            "Give X[estimator.feature_names_in_]."
        )
    return table.select(seen)


def _unlike(missing: Sequence[str], unseen: Sequence[str]) -> str:
    """The names on either side, in scikit-learn's form, and for each that is missing the nearest that is there."""
    text = ""
    if unseen:
        text += "Feature names unseen at fit time:\n" + _listed(unseen)
    text += "Feature names seen at fit time, yet now missing:\n" + _listed(missing)
    near = {name: get_close_matches(name, unseen, n=1, cutoff=0.6) for name in missing}
    meant = [f"{shown(name)} for {shown(close[0])}" for name, close in near.items() if close]
    return text + (f"Do you mean {', '.join(meant[:SHOWN])}?\n" if meant else "")


def _listed(names: Sequence[str]) -> str:
    lines = [
        f"- {name if name.isprintable() and len(name) <= LONGEST else shown(name)}\n"
        for name in sorted(names)[:MOST_NAMES]
    ]
    return "".join(lines) + ("- ...\n" if len(names) > MOST_NAMES else "")


def _tell_of_names(has: bool, had: bool, owner: str) -> None:  # noqa: FBT001
    """Warn, as scikit-learn does, where only one of fit and this call had names."""
    if has and not had:
        warn(f"X has feature names, but {owner} was fitted without feature names")
    if had and not has:
        warn(f"X does not have valid feature names, but {owner} was fitted with feature names")


def _refuse_small(table: Table, fewest: int, owner: str) -> None:
    """The errors of scikit-learn for a table of too few rows or without a column."""
    shape = (len(table), len(table.names))
    if not table.names:
        raise DataError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required by {owner}.")
    if len(table) < fewest:
        raise DataError(
            f"Found array with {len(table)} sample(s) (shape={shape}) while a minimum of {fewest} is required by "
            f"{owner}."
        )
