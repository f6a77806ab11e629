"""What rows count for, as scikit-learn's users say it: weights of their own, and of their classes by labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tabgrad._checks import NOT_NEGATIVE, check, known_name
from tabgrad._refusals import SHOWN, shown
from tabgrad.errors import ArgumentError, DataError, UnknownNameError

__all__ = ["class_factors", "row_weights"]


def row_weights(sample_weight: Any, rows: int) -> np.ndarray | None:
    """The weights of rows, float64 of shape (rows,).

    Raises
    ------
    DataError
        Another shape, weights that are missing, infinite or negative, with the rows; zero in every row.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"sample_weight must hold numbers. {error}.") from error
    if weight.ndim != 1:
        raise DataError(f"sample_weight must have the shape (rows,). Got {weight.shape}.")
    if len(weight) != rows:
        raise DataError(
            f"Found input variables with inconsistent numbers of samples: {[rows, len(weight)]}. sample_weight must "
            "have a number for each row."
        )
    for wrong, what in ((~np.isfinite(weight), "be finite numbers"), (weight < 0, "not be negative")):
        if wrong.any():
            found = ", ".join(f"{weight[row]:g} in row {row}" for row in np.flatnonzero(wrong)[:SHOWN].tolist())
            more = f" and {wrong.sum() - SHOWN} more" if wrong.sum() > SHOWN else ""
            raise DataError(f"sample_weight must {what}. Got {found}{more}. Use 0 to leave a row out.")
    if not weight.any():
        raise DataError("sample_weight must not be zero in every row: nothing would be learned.")
    return weight


def class_factors(
    class_weight: Any, classes: np.ndarray, index: np.ndarray, weight: np.ndarray, owner: str
) -> np.ndarray:
    """What each class's rows count for, float64 of shape (classes,).

    "balanced": ``W / (classes * W_c)``, ``W`` being the weight of all rows and ``W_c`` that of the rows of the class,
    so that all classes weigh the same; without weights of rows that is scikit-learn's formula.

    Raises
    ------
    DataError
        Classes that the target does not have, with the nearest that it has; zero for every class.
    """
    if isinstance(class_weight, str):
        totals = np.bincount(index, weight, minlength=len(classes))
        balanced: np.ndarray = np.zeros(len(classes))
        np.divide(weight.sum(), len(classes) * totals, out=balanced, where=totals > 0)
        return balanced
    factors, labels = np.ones(len(classes)), classes.tolist()
    assert isinstance(class_weight, Mapping)
    if strange := [label for label in class_weight if label not in labels]:
        raise DataError(f"'class_weight' names classes that y does not have: {_strange(strange, labels)}")
    for label, value in class_weight.items():
        name = f"class_weight[{shown(label)}]"
        factors[labels.index(label)] = check(value, name, owner, (float,), NOT_NEGATIVE)
    if not factors.any():
        raise ArgumentError("'class_weight' must not be 0 for every class: nothing would be learned.")
    return factors


def _strange(strange: list[Any], labels: list[Any]) -> str:
    near = ""
    if isinstance(strange[0], str):
        try:
            known_name(strange[0], "class", [label for label in labels if isinstance(label, str)])
        except UnknownNameError as error:
            near = f" {error}"
    listed = f"The classes are {', '.join(map(shown, labels[:8]))}{', ...' if len(labels) > 8 else ''}."
    return f"{', '.join(map(shown, strange[:5]))}.{near or f' {listed}'}"
