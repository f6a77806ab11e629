"""Metrics of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tabgrad._loss_functions import check_signature
from tabgrad.errors import ArgumentTypeError
from tabgrad.metrics._base import Metric


@dataclass(frozen=True)
class MeanMetricWrapper(Metric):
    """The mean of what a function of one's own says of each row; `compile` makes one of a bare function.

    Python is entered for it once a batch, so a run is slower with it.

    Parameters
    ----------
    fn : callable (y_true, y_pred)
        Gets a batch of NumPy arrays: ``y_pred`` float32 of shape (batch, outputs), ``y_true`` of the same shape, or
        int64 labels of shape (batch,) for a loss that takes them. Returns a number for each row, shape (batch,), or
        more of each, which are averaged; or one number for the batch: then batches are averaged, each counting once
        and without weights. Training rows are seen as their step predicted them. Infinity and NaN are values as any
        other; what the function raises ends the run, with a note that names it.
    name : str, optional
        None: the function's own.

    Raises
    ------
    ArgumentTypeError
        `fn` cannot be called with two arguments, or is a metric of Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import metrics
    >>> def within(y_true, y_pred):
    ...     return np.abs(y_true - y_pred) < 0.1
    >>> metrics.MeanMetricWrapper(within).title
    'within'
    """

    labels = None
    rising = None
    tally = "function"
    fn: Callable[..., Any]
    name: str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        super().__post_init__()
        if hasattr(self.fn, "update_state") or isinstance(self.fn, type):
            what = self.fn.__name__ if isinstance(self.fn, type) else type(self.fn).__name__
            raise ArgumentTypeError(
                f"A metric must be a name, a record of tabgrad.metrics or a function. Got {what}, a class of another "
                f"library: if there is a tabgrad.metrics.{what}, use it, else give a function of y_true and y_pred."
            )
        if not callable(self.fn):
            raise ArgumentTypeError(f"'fn' of MeanMetricWrapper must be a function. Got {self.fn!r}.")
        check_signature(self.fn, "metric")

    @property
    def title(self) -> str:
        """The name in logs: as in Keras the function's, in snake case."""
        plain = re.sub(r"\W+", "", getattr(self.fn, "__name__", type(self.fn).__name__))
        return self.name or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", plain).lower()
