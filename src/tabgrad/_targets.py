"""Targets and row weights held against a loss: what a target may hold, said before the engine sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tabgrad._inputs import Inputs, inputs
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.losses import Loss
from tabgrad.matrix import Matrix, Numbers, read, shown, single
from tabgrad.plan import Network

# How far the sum of a one-hot row may be from 1: soft targets are float32.
SUM_TOLERANCE = 1e-3


def matrix(
    x: Any, y: Any, sample_weight: Any, *, loss: Loss, network: Network, part: str = "", measured: bool = True
) -> Matrix:
    """Rows, targets and weights that belong together, as an engine reads them.

    Parameters
    ----------
    x, y, sample_weight : array, list, frame, series
        `x` may be a pair, see `tabgrad._inputs`; `sample_weight` may be None.
    loss : Loss
        Says what `y` may hold.
    network : Network
        Says what `x` may be, and how wide `y` is.
    part : str
        What messages add to "X", "y", "sample_weight", for instance " of validation_data".
    measured : bool, default True
        Whether metrics compare `y` with the output, so that it needs the output's width whatever the loss wants.

    Raises
    ------
    DataError
        With the row, the column and what to do.
    """
    rows = inputs(x, network, part=part)
    y = target(y, loss, network.outputs, name=f"y{part}", measured=measured)
    _same_length(rows, y, f"y{part}", part)
    if sample_weight is None:
        return Matrix(rows.x, y, codes=rows.codes)
    weight = row_weights(sample_weight, name=f"sample_weight{part}")
    _same_length(rows, weight, f"sample_weight{part}", part)
    return Matrix(rows.x, y, weight, rows.codes)


def target(y: Any, loss: Loss, outputs: int, *, name: str = "y", measured: bool = True) -> np.ndarray:
    """A target as the loss takes it: int64 labels of shape (rows,), or float32 of shape (rows, outputs).

    Raises
    ------
    DataError
        Where an entry is not what `loss.target` allows, or the width does not fit; with the loss that it would fit.

    Examples
    --------
    >>> from tabgrad._targets import target
    >>> from tabgrad.losses import SparseCategoricalCrossentropy
    >>> target([0, 2, 1], SparseCategoricalCrossentropy(), 3)
    array([0, 2, 1])
    """
    entries = read(y, name)
    array = entries.array
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.size == 0:
        raise DataError(f"{name} must have the shape (rows,) or (rows, {outputs}). Got shape {entries.array.shape}.")
    if loss.target == "labels":
        return _labels(entries, array, outputs)
    any_width = loss.target == "columns" and not measured
    if array.shape[1] != (1 if loss.shared_target else outputs) and not any_width:
        raise DataError(_wrong_width(entries, array, loss, outputs))
    y32 = single(entries).reshape(array.shape)
    if loss.target == "probabilities":
        _within_unit_interval(entries, y32, loss)
    elif loss.target == "one_hot":
        _one_hot(entries, y32, loss)
    elif loss.target == "signs":
        _signs(entries, y32, loss)
    elif loss.target == "not_negative":
        _above(entries, y32, y32 >= 0, loss, "not be negative", "mean_squared_error")
    elif loss.target == "positive":
        _above(entries, y32, y32 > 0, loss, "be above 0", "tweedie_deviance")
    return np.repeat(y32, outputs, axis=1) if loss.shared_target else y32


def row_weights(weight: Any, *, name: str = "sample_weight") -> np.ndarray:
    """The weights of rows, float32 of shape (rows,): finite and not negative."""
    entries = read(weight, name)
    if entries.array.ndim == 2 and entries.array.shape[1] == 1:
        entries = entries._replace(array=entries.array[:, 0])
    if entries.array.ndim != 1:
        raise DataError(f"{name} must have the shape (rows,). Got shape {entries.array.shape}.")
    array = single(entries)
    if (array < 0).any():
        where = entries.places(array < 0)
        raise DataError(f"{name} must not be negative. Got {shown(array.min())} in {where}. Use 0 to leave a row out.")
    return array


def class_weighted(rows: Matrix, class_weight: Any, loss: Loss, outputs: int) -> Matrix:
    """Rows whose weights are multiplied by the weight of their class; a class that is not named has weight 1.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        Not a dict, a class that the target cannot have, a negative weight, or a target without classes.
    DataError
        No row is left with a weight.
    """
    if class_weight is not None:
        rows = _times_classes(rows, class_weight, loss, outputs)
    if rows.weight is not None and not rows.weight.any():
        name = "sample_weight" if class_weight is None else "The product of sample_weight and class_weight"
        raise DataError(f"{name} must not be 0 for every row: nothing would be learned.")
    return rows


def _times_classes(rows: Matrix, class_weight: Any, loss: Loss, outputs: int) -> Matrix:
    two_sided = loss.target in ("probabilities", "signs")
    classes = 2 if outputs == 1 and two_sided else outputs
    if loss.target not in ("labels", "one_hot") and not (two_sided and outputs == 1):
        raise ArgumentError(
            "'class_weight' of fit needs a target of classes: labels, one-hot rows or one binary column. "
            f"{type(loss).__name__} has none here: use 'sample_weight'."
        )
    factors = np.ones(classes, np.float32)
    for label, weight in _checked_class_weights(class_weight, classes):
        factors[label] = weight
    weights = factors[_class_of(np.maximum(rows.y, 0))]  # the class -1 is the first
    return replace(rows, weight=weights if rows.weight is None else weights * rows.weight)


def _class_of(y: np.ndarray) -> np.ndarray:
    """The class of each row, as Keras takes it: the label, the largest entry, or the rounded probability."""
    if y.ndim == 1:
        return y
    labels: np.ndarray = y.argmax(axis=1) if y.shape[1] > 1 else np.rint(y[:, 0]).astype(np.int64)
    return labels


def _checked_class_weights(class_weight: Any, classes: int) -> list[tuple[int, float]]:
    if not isinstance(class_weight, Mapping):
        raise ArgumentTypeError(
            f"'class_weight' of fit must be a dict of labels and weights, for instance {{0: 1.0, 1: 5.0}}. Got "
            f"{shown(class_weight)}."
        )
    unknown = [label for label in class_weight if not _is_label(label, classes)]
    if unknown:
        raise ArgumentError(
            f"'class_weight' of fit names classes that the target cannot have: {', '.join(map(shown, unknown[:5]))}. "
            f"The classes are 0 to {classes - 1}."
        )
    for label, weight in class_weight.items():
        number = isinstance(weight, (int, float, np.integer, np.floating)) and not isinstance(weight, bool)
        if not (number and math.isfinite(weight) and weight >= 0):
            raise ArgumentError(
                f"'class_weight' of fit must hold finite numbers, at least 0. Got {shown(weight)} for class {label}."
            )
    return [(int(label), float(weight)) for label, weight in class_weight.items()]


def _is_label(label: Any, classes: int) -> bool:
    return isinstance(label, (int, float, np.integer, np.floating)) and label in range(classes)


def _same_length(x: Inputs, other: np.ndarray, name: str, part: str) -> None:
    if len(x) != len(other):
        raise DataError(
            f"X{part} and {name} must have the same number of rows. Got {len(x)} rows of X and {len(other)} of "
            f"{name.removesuffix(part)}."
        )


# ---- What each kind of target allows ---------------------------------------------------------------------------------


def _labels(entries: Numbers, array: np.ndarray, outputs: int) -> np.ndarray:
    """Integers in [0, outputs)."""
    if array.shape[1] != 1:
        fix = (
            f"The rows are one-hot: use loss='categorical_crossentropy', or {entries.called}.argmax(axis=1)."
            if _looks_one_hot(array)
            else "Give one column of labels."
        )
        raise DataError(f"{entries.name} must hold labels, shape (rows,). Got shape {entries.array.shape}. {fix}")
    column = array[:, 0]
    if column.dtype.kind == "f":
        single(entries)  # missing and infinite numbers have a message of their own
    low, high = column.min(), column.max()
    if column.dtype.kind == "f" and (column != np.rint(column)).any():
        raise DataError(
            f"{entries.name} must hold whole labels. Got fractions in {_where(entries, column != np.rint(column))}. "
            "For numbers rather than classes, use loss='mean_squared_error'."
        )
    if low < 0 or high >= outputs:
        more = f"Give the last layer {float(high) + 1:g} units, or number the classes from 0 without gaps."
        fix = "Number the classes from 0: y - 1." if (low, high) == (1, outputs) else more
        raise DataError(
            f"{entries.name} must hold labels from 0 to {outputs - 1}, as the network has {outputs} outputs. Got "
            f"{shown(high if low >= 0 else low)} in {_where(entries, (column < 0) | (column >= outputs))}. "
            f"{fix if low >= 0 else _RELABEL}"
        )
    return np.ascontiguousarray(column, np.int64)


_RELABEL = "Number the classes 0, 1, 2, ...: classes, y = np.unique(y, return_inverse=True)."


def _within_unit_interval(entries: Numbers, y: np.ndarray, loss: Loss) -> None:
    """Probabilities, or classes 0 and 1."""
    if y.min() >= 0 and y.max() <= 1:
        return
    fix = "Number the two classes 0 and 1."
    values = np.unique(y)
    if values.tolist() == [-1, 1]:
        fix = f"For classes -1 and 1: ({entries.called} + 1) / 2."
    elif len(values) > 2 and (values == np.rint(values)).all():
        fix = "For more than two classes use a softmax with loss='sparse_categorical_crossentropy'."
    outside = (y < 0) | (y > 1)
    first = shown(entries.array.reshape(y.shape)[outside][0])
    raise DataError(
        f"{entries.name} must lie in [0, 1] for {loss.kind}. Got {first} in {_where(entries, outside)}. {fix}"
    )


def _signs(entries: Numbers, y: np.ndarray, loss: Loss) -> None:
    """Two classes: -1 and 1, or 0 and 1."""
    if np.isin(y, (-1, 1)).all() or np.isin(y, (0, 1)).all():
        return
    wrong = ~np.isin(y, (-1, 0, 1))
    fix = "For more than two classes use one-hot rows with loss='categorical_hinge'."
    if not wrong.any():  # -1 and 0 both
        wrong, fix = y == 0, f"If 0 is the other class: np.where({entries.called} > 0, 1, -1)."
    first = shown(entries.array.reshape(y.shape)[wrong][0])
    raise DataError(
        f"{entries.name} must hold the classes -1 and 1, or 0 and 1, for {loss.kind}. Got {first} in "
        f"{_where(entries, wrong)}. {fix}"
    )


def _above(entries: Numbers, y: np.ndarray, right: np.ndarray, loss: Loss, rule: str, other: str) -> None:
    """Numbers on one side of zero."""
    if right.all():
        return
    first = shown(entries.array.reshape(y.shape)[~right][0])
    raise DataError(
        f"{entries.name} must {rule} for {loss.kind}. Got {first} in {_where(entries, ~right)}. Leave such rows out, "
        f"or use loss='{other}'."
    )


def _one_hot(entries: Numbers, y: np.ndarray, loss: Loss) -> None:
    """Rows of shares that sum to 1."""
    sums = y.sum(axis=1)
    if y.min() >= 0 and abs(sums.max() - 1) <= SUM_TOLERANCE and abs(sums.min() - 1) <= SUM_TOLERANCE:
        return
    outside = (y < 0) | (y > 1)
    if outside.any():
        first = shown(entries.array.reshape(y.shape)[outside][0])
        raise DataError(
            f"{entries.name} must hold one-hot rows with entries in [0, 1] for {loss.kind}. Got "
            f"{first} in {_where(entries, outside)}."
        )
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    fix = "For two classes in one column use a sigmoid with loss='binary_crossentropy'."
    raise DataError(
        f"{entries.name} must hold one-hot rows that sum to 1 for {loss.kind}. Got a sum of "
        f"{shown(round(float(sums[wrong][0]), 4))} in {_where(entries, wrong)}. "
        f"{fix if y.shape[1] == 1 else _MULTI_LABEL}"
    )


_MULTI_LABEL = "If a row may belong to several classes, use a sigmoid with loss='binary_crossentropy'."


def _wrong_width(entries: Numbers, array: np.ndarray, loss: Loss, outputs: int) -> str:
    """A target of another width than the output, and the loss or the layer that would fit it."""
    name, called, width = entries.name, entries.called, array.shape[1]
    if loss.shared_target:
        return (
            f"{name} must have one column for {loss.kind}: its {outputs} output{'s' if outputs > 1 else ''} predict "
            f"the same column. Got {width} (shape {entries.array.shape}). Give one column, or train a network for each."
        )
    if loss.target == "one_hot" and width == 1:
        return (
            f"{name} must have {outputs} one-hot columns for {loss.kind}. Got one column. If it holds "
            f"labels 0 to {outputs - 1}, use loss='sparse_categorical_crossentropy', or np.eye({outputs})[{called}]."
        )
    if loss.target == "probabilities" and outputs == 1 and _looks_one_hot(array):
        return (
            f"{name} must have one column for {loss.kind} on one output. Got {width} one-hot columns. Use "
            f"{width} softmax units with loss='categorical_crossentropy'"
            + (f", or {called}[:, 1]." if width == 2 else ".")
        )
    if len(array) == outputs < width:
        return (
            f"{name} must be one array with {outputs} columns, one for each output of the network. Got shape "
            f"{entries.array.shape}: if these are the columns, give np.column_stack({called})."
        )
    if loss.target == "columns":
        return (
            f"{name} must have {outputs} column{'s' if outputs > 1 else ''} where there are metrics, which compare it "
            f"with the network's output. Got {width} (shape {entries.array.shape}). Leave the metrics out, or fit the "
            "width."
        )
    return (
        f"{name} must have {outputs} column{'s' if outputs > 1 else ''}, one for each output of the network. Got "
        f"{width} (shape {entries.array.shape}). Give the last layer {width} unit{'s' if width > 1 else ''}, or other "
        "targets."
    )


def _looks_one_hot(array: np.ndarray) -> bool:
    return array.shape[1] > 1 and bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())


def _where(entries: Numbers, where: np.ndarray) -> str:
    """The places of a mask, in the rows and columns that the user gave."""
    if where.ndim > 1 and where.shape[1] == 1:
        where = where[:, 0]
    return entries.places(where)
