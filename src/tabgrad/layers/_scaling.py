"""Fixed scales of the columns, as part of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabgrad.errors import ArgumentError, ArgumentTypeError, NotReadyError
from tabgrad.layers._base import Layer, check_axis

Numbers = float | tuple[float, ...]
"""One number for all columns, or one for each."""

Affine = tuple[np.ndarray, np.ndarray, np.ndarray]
"""``c``, ``a``, ``b`` of ``y = (x - c) a + b``, float64 of shape (columns,): with ``c`` apart, nothing cancels."""

EPSILON = 1e-7  # Keras's: the least standard deviation that a column is divided by


def _numbers(values: Any, name: str, owner: str) -> Numbers:
    """A number or a sequence of numbers as a hashable value."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"'{name}' of {owner} must be a number or a list of numbers. Got {values!r}."
        ) from error
    if not np.isfinite(array).all() or array.size == 0:
        raise ArgumentError(f"'{name}' of {owner} must be finite numbers. Got {values!r}.")
    if array.ndim > 1 and array.size != array.shape[-1]:
        raise ArgumentError(f"'{name}' of {owner} must be one number a column. Got shape {array.shape}.")
    return float(array) if array.ndim == 0 else tuple(array.ravel().tolist())


def _each(values: Numbers, columns: int, name: str, owner: str) -> np.ndarray:
    """One number for each column, float64 of shape (columns,)."""
    if isinstance(values, tuple) and len(values) != columns:
        raise ArgumentError(f"'{name}' of {owner} has {len(values)} numbers, but the layer receives {columns} columns.")
    return np.full(columns, values) if isinstance(values, float) else np.array(values)


@dataclass(frozen=True, init=False)
class Rescaling(Layer):
    """``y = x scale + offset``; backward ``dL/dx = dL/dy scale``.

    Parameters
    ----------
    scale : float or list of float
        One number, or one for each column.
    offset : float or list of float, default 0
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Rescaling
    >>> from tabgrad.models import Sequential
    >>> Sequential([Rescaling(0.5, offset=1, input_shape=(1,))]).predict([[4]]).tolist()
    [[3.0]]
    """

    scale: Numbers
    offset: Numbers

    def __init__(
        self,
        scale: float | Sequence[float],
        offset: float | Sequence[float] = 0.0,
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        """Bring the numbers into their form."""
        values = {
            "scale": _numbers(scale, "scale", "Rescaling"),
            "offset": _numbers(offset, "offset", "Rescaling"),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
        }
        self._fill(values)

    def affine(self, columns: int) -> Affine:
        """``y = (x - 0) scale + offset``."""
        scale, offset = (
            _each(self.scale, columns, "scale", "Rescaling"),
            _each(self.offset, columns, "offset", "Rescaling"),
        )
        return np.zeros(columns), scale, offset


@dataclass(frozen=True, init=False)
class Normalization(Layer):
    """``y = (x - mean) / max(sqrt(variance), 1e-7)``, each column with its own mean and variance of a table.

    The mean and the variance are given, or taken from a table by `adapt`. They belong to the record: they are no
    weights, and training does not change them.

    Parameters
    ----------
    axis : int, default -1
        Nothing else: each column is scaled by itself.
    mean, variance : float, list of float or None, default None
        Both or neither.
    invert : bool, default False
        Go the other way: ``y = x max(sqrt(variance), 1e-7) + mean``.
    name : str or None

    Examples
    --------
    >>> from tabgrad.layers import Normalization
    >>> from tabgrad.models import Sequential
    >>> norm = Normalization()
    >>> norm.adapt([[0.0, 1.0], [2.0, 5.0]])
    >>> Sequential([norm]).build((None, 2))
    >>> norm.mean, norm.variance
    ((1.0, 3.0), (1.0, 4.0))
    """

    mean: Numbers | None
    variance: Numbers | None
    invert: bool

    def __init__(
        self,
        axis: int = -1,
        mean: float | Sequence[float] | None = None,
        variance: float | Sequence[float] | None = None,
        invert: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        *,
        input_shape: Sequence[int] | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        """Bring the numbers into their form."""
        check_axis(axis, "Normalization")
        if (mean is None) != (variance is None):
            raise ArgumentError(
                "Normalization takes 'mean' and 'variance' together, or neither: then call adapt(table)."
            )
        values = {
            "mean": None if mean is None else _numbers(mean, "mean", "Normalization"),
            "variance": None if variance is None else _numbers(variance, "variance", "Normalization"),
            "invert": invert,
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
        }
        self._fill(values)
        if self.variance is not None and min(np.atleast_1d(self.variance)) < 0:
            raise ArgumentError(f"'variance' of Normalization must be at least 0. Got {variance!r}.")

    def adapt(self, data: Any) -> None:
        """Take mean and variance of each column from a table, before the layer is added to a model.

        Parameters
        ----------
        data : array, list or frame of shape (rows, columns)
        """
        try:
            table = np.asarray(data, np.float64)
        except (TypeError, ValueError) as error:
            raise ArgumentTypeError(f"adapt of Normalization takes a table of numbers. {error}.") from error
        if table.ndim != 2 or table.size == 0:
            raise ArgumentError(f"adapt of Normalization takes a table, (rows, columns). Got shape {table.shape}.")
        if not (finite := np.isfinite(table)).all():
            row, column = np.argwhere(~finite)[0].tolist()
            raise ArgumentError(
                "adapt of Normalization takes finite numbers. Fill what is missing first. "
                f"Got {table[row, column]} in row {row}, column {column}."
            )
        object.__setattr__(self, "mean", tuple(table.mean(axis=0).tolist()))
        object.__setattr__(self, "variance", tuple(table.var(axis=0).tolist()))

    def affine(self, columns: int) -> Affine:
        """``y = (x - mean) (1 / deviation) + 0``, or inverted ``y = (x - 0) deviation + mean``."""
        if self.mean is None or self.variance is None:
            raise NotReadyError("Normalization has no mean and variance yet. Call its adapt(table) first.")
        mean, nothing = _each(self.mean, columns, "mean", "Normalization"), np.zeros(columns)
        deviation = np.maximum(np.sqrt(_each(self.variance, columns, "variance", "Normalization")), EPSILON)
        return (nothing, deviation, mean) if self.invert else (mean, 1 / deviation, nothing)
