"""What is to be learned: a number, one of two classes, one of several, or several numbers at once."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from tabgrad._checks import known_name
from tabgrad._refusals import shown
from tabgrad.errors import DataError
from tabgrad.table.columns import Values, Words, missing
from tabgrad.table.table import Table

__all__ = ["Task", "infer_task"]

MOST_CLASSES = 20  # of whole numbers: beyond, they are more likely quantities than names of classes
SHARE_OF_ROWS = 0.1  # that different whole numbers may make up and still be classes


class Task(StrEnum):
    """What a network is to learn."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTIOUTPUT = "multioutput"

    @property
    def classes(self) -> bool:
        """Whether it is a matter of classes."""
        return self in (Task.BINARY, Task.MULTICLASS)


def infer_task(target: Table | Values, task: str | None = None, name: str = "y") -> tuple[Task, str]:
    """What a target asks for, and the reason in a sentence.

    Text and truth values are classes. Whole numbers are classes where there are two of them, or at most 20 and at most
    a tenth as many as rows; all other numbers are a regression. Several columns are a regression with several outputs.

    Parameters
    ----------
    target : array, Words, or Table of several columns
    task : str, optional
        "regression", "classification" or a name of `Task`: what it is to be, whatever it looks like.
    name : str
        The target's, for messages.

    Raises
    ------
    DataError
        The target cannot be what it is told to be; dates; no value at all.
    UnknownNameError
        There is no such task.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.table import infer_task
    >>> infer_task(np.array([0.5, 1.5, 2.25]))
    (<Task.REGRESSION: 'regression'>, 'numbers')
    """
    told = None if task is None else known_name(task, "task", ["classification", *Task])
    if isinstance(target, Table) and len(target.names) > 1:
        return _several(target, told)
    values = target if not isinstance(target, Table) else next(iter(target.columns.values()))
    name = name if not isinstance(target, Table) else target.names[0]
    levels = _levels(values, name)
    if told in (None, "classification"):
        guessed, why = _guessed(values, levels)
        if told is None:
            return guessed, why
        if not isinstance(values, Words) and values.dtype.kind == "f":
            _refuse_continuous(target, values, name)
        return (Task.BINARY if levels == 2 else Task.MULTICLASS), "as told"
    chosen = Task(told)
    if chosen is Task.BINARY and levels > 2:
        raise DataError(f"The target {shown(name)} must have two values for a binary task. Got {levels}.")
    if not chosen.classes and isinstance(values, Words):
        raise DataError(
            f"The target {shown(name)} must hold numbers for a regression. Got text, for instance "
            f"{shown(values.used()[0])}. Use a classification."
        )
    return chosen, "as told"


def _refuse_continuous(target: Table | Values, values: np.ndarray, name: str) -> None:
    """Say where numbers are not whole, and thus no classes."""
    odd = ~missing(values) & (values != np.round(values))
    if odd.any():
        at = f"in {target.rows(odd)}" if isinstance(target, Table) else f"in {int(odd.sum())} rows"
        raise DataError(
            f"The target {shown(name)} must hold text, whole numbers or truth values for classes. Got "
            f"{shown(float(values[odd][0]))} and the like {at}. Use a regression."
        )


def _several(target: Table, told: str | None) -> tuple[Task, str]:
    text = [name for name, values in target.columns.items() if isinstance(values, Words) or values.dtype.kind == "M"]
    if text or told not in (None, Task.REGRESSION, Task.MULTIOUTPUT):
        listed = ", ".join(shown(name) for name in text[:5])
        got = f"no numbers in {listed}" if text else f"the task {told}"
        raise DataError(f"Several targets must all be numbers, for a regression. Got {got}. Choose one target.")
    return Task.MULTIOUTPUT, f"{len(target.names)} columns of numbers"


def _levels(values: Values, name: str) -> int:
    """How many different values there are."""
    if isinstance(values, Words):
        count = len(values.used())
    else:
        if values.dtype.kind == "M":
            raise DataError(f"The target {shown(name)} must hold numbers or classes. Got dates.")
        count = len(np.unique(values[~missing(values)]))
    if not count:
        raise DataError(f"The target {shown(name)} has no value: every row is missing.")
    return count


def _guessed(values: Values, levels: int) -> tuple[Task, str]:
    classes = Task.BINARY if levels <= 2 else Task.MULTICLASS
    if isinstance(values, Words):
        return classes, f"text with {levels} different value{'' if levels == 1 else 's'}"
    if values.dtype.kind == "b":
        return classes, "truth values"
    present = values[~missing(values)]
    if not (np.isfinite(present).all() and (present == np.round(present)).all()):
        return Task.REGRESSION, "numbers"
    if levels == 2 or 1 < levels <= min(MOST_CLASSES, SHARE_OF_ROWS * len(present)):
        return classes, f"whole numbers with {levels} different values"
    return Task.REGRESSION, f"whole numbers with {levels} different value{'' if levels == 1 else 's'}"
