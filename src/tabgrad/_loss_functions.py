"""Losses that are functions of the user: called, what they return checked, their gradient held against differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tabgrad._checks import POSITIVE, check
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError

LossFunction = Callable[[np.ndarray, np.ndarray], Any]

NUDGE = 1e-5  # of an output near 1: half of float64's digits are left to a difference of losses
SMALL = 1e-3  # a gradient this far below the largest counts as nothing
PLACES = 3  # that a message names

_EXAMPLE = "return ((p - y) ** 2).mean(axis=1), 2 * (p - y) / p.shape[1]"


def name_of(function: LossFunction) -> str:
    """What a function is called in messages."""
    return str(getattr(function, "__name__", type(function).__name__))


def check_takes_two(function: Any) -> None:
    """Refuse what cannot be called with a target and a prediction."""
    if not callable(function):
        raise ArgumentTypeError(f"'function' of Function must be a function (y_true, y_pred). Got {function!r}.")
    check_signature(function, "loss")


def check_signature(function: Callable[..., Any], what: str) -> None:
    """Refuse a function that does not take two arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # compiled code need not say what it takes
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise ArgumentTypeError(
            f"The {what} function '{name_of(function)}' must take two arguments (y_true, y_pred). It takes {signature}."
        ) from error


def returned(function: LossFunction, name: str, y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each row, shape (rows,), and its derivative by each output, the shape and type of `p`.

    The function sees `y` and `p` read-only: they may be the rows that are trained on.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        It returned something else; what it raises itself goes through, with a note that says where.
    """
    try:
        values = function(_read_only(y), _read_only(p))
    except Exception as error:
        error.add_note(f"in the loss function '{name}', on a batch of {len(p)} rows")
        raise
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ArgumentTypeError(
            f"The loss function '{name}' must return two arrays: the loss of each row, shape {(len(p),)}, and its "
            f"derivative by each output, shape {p.shape}. Got {_described(values)}. Nothing is differentiated for you: "
            f"return the derivative too, for squared error {_EXAMPLE}, and try it with losses.check_gradient."
        )
    loss, gradient = (_numbers(value, name, what) for value, what in zip(values, ("loss", "gradient"), strict=True))
    if loss.shape not in ((len(p),), (len(p), 1)):
        mean = " Return the loss of each row, .mean(axis=1): the mean over the rows is taken here."
        raise ArgumentError(
            f"The loss of the loss function '{name}' must have the shape {(len(p),)}, one number a row. Got shape "
            f"{loss.shape}.{mean if loss.ndim != 1 else ''}"
        )
    if gradient.shape != p.shape and not (gradient.shape == (len(p),) and p.shape[1] == 1):
        raise ArgumentError(
            f"The gradient of the loss function '{name}' must have the shape of y_pred, {p.shape}. Got shape "
            f"{gradient.shape}."
        )
    return loss.reshape(len(p)).astype(p.dtype), np.ascontiguousarray(gradient.reshape(p.shape), p.dtype)


def check_gradient(function: Any, y_true: Any, y_pred: Any, *, tolerance: float = 1e-4) -> None:
    """Hold the gradient of a loss function against central differences of its loss, in float64.

    ``dl_i/dp_ij = (l_i(p_ij + h) - l_i(p_ij - h)) / 2h``, for each row ``i`` and output ``j``. Also that the loss of
    the first row is the same where the row is alone.

    Parameters
    ----------
    function : callable or Function
        Takes (y_true, y_pred), returns (loss, gradient); see `Function`. It is to compute in the type that it is given.
    y_true : array of shape (rows,) or (rows, columns)
    y_pred : array of shape (rows,) or (rows, outputs)
        Not where the loss has a kink: there a difference takes the mean of both sides.
    tolerance : float, default 1e-4
        How far both may differ, as a share of the derivative.

    Raises
    ------
    ArgumentError
        They differ; the message names rows and outputs. Or the function returned something else than it should.
    DataError
        Loss or gradient are not finite, or targets and predictions are no arrays of numbers of the same length.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.losses import check_gradient
    >>> def squared_error(y_true, y_pred):
    ...     return ((y_pred - y_true) ** 2).mean(axis=1), y_pred - y_true
    >>> check_gradient(squared_error, [0.0, 1.0], [0.5, 0.5])
    Traceback (most recent call last):
    ...
    tabgrad.errors.ArgumentError: The gradient of the loss function 'squared_error' differs from its loss's differences:
    row 0, output 0: 0.5, but the differences give 1; row 1, output 0: -0.5, but the differences give -1.
    """
    name = getattr(function, "name", None) or name_of(function)
    function, labels = getattr(function, "function", function), getattr(function, "labels", False)
    check_takes_two(function)
    tolerance = check(tolerance, "tolerance", "check_gradient", (float,), POSITIVE)
    p = _columns(_array(y_pred, "y_pred", np.float64))
    y = _array(y_true, "y_true", np.int64) if labels else _columns(_array(y_true, "y_true", np.float64))
    if not 0 < len(y) == len(p):
        raise DataError(f"y_true and y_pred must have the same number of rows. Got {len(y)} and {len(p)}.")
    loss, gradient = returned(function, name, y, p)
    for what, values in (("loss", loss), ("gradient", gradient)):
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise DataError(
                f"The {what} of the loss function '{name}' is not finite in row {row}, where y_true is "
                f"{y[row].tolist()} and y_pred {p[row].tolist()}."
            )
    alone = returned(function, name, y[:1], p[:1])[0][0]
    if abs(alone - loss[0]) > tolerance * max(abs(loss[0]), SMALL * np.abs(loss).max()):
        raise ArgumentError(
            f"The loss of row 0 in the loss function '{name}' must follow from that row. It is {loss[0]:.6g} among "
            f"{len(p)} rows and {alone:.6g} alone."
        )
    slopes = np.stack([_slope(function, name, y, p, column) for column in range(p.shape[1])], axis=1)
    wrong = np.abs(gradient - slopes) > tolerance * (np.abs(slopes) + SMALL * np.abs(slopes).max())
    if wrong.any():
        found = [
            f"row {row}, output {column}: {gradient[row, column]:.6g}, but the differences give "
            f"{slopes[row, column]:.6g}"
            for row, column in np.argwhere(wrong)
        ]
        more = f"; and {len(found) - PLACES} more" if len(found) > PLACES else ""
        raise ArgumentError(
            f"The gradient of the loss function '{name}' differs from its loss's differences: "
            f"{'; '.join(found[:PLACES])}{more}."
        )


def _slope(function: LossFunction, name: str, y: np.ndarray, p: np.ndarray, column: int) -> np.ndarray:
    """How each row's loss grows with one output."""
    nudge = np.zeros_like(p)
    nudge[:, column] = NUDGE * np.maximum(np.abs(p[:, column]), 1)
    above, below = (returned(function, name, y, p + side * nudge)[0] for side in (1, -1))
    return np.asarray((above - below) / (2 * nudge[:, column]))


def _array(values: Any, name: str, kind: type) -> np.ndarray:
    """A copy of these numbers."""
    try:
        return np.array(values, kind)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} of check_gradient must be an array of numbers. {error}.") from error


def _columns(array: np.ndarray) -> np.ndarray:
    """(rows, columns), as a model hands targets and predictions to its loss."""
    return array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _numbers(value: Any, name: str, what: str) -> np.ndarray:
    """Real numbers in an array, of whatever type."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(
            f"The {what} of the loss function '{name}' must hold real numbers. Got {_described(value)}."
        )
    return array


def _described(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {tuple(value.shape)} and type {value.dtype}"
    if isinstance(value, (tuple, list)):
        return f"{len(value)} values"
    return "None" if value is None else f"{type(value).__name__} {value!r}"
