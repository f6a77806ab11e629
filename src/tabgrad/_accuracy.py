"""The share of rows whose label is right, as scikit-learn counts it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["accuracy", "is_indicator", "zeros_and_ones"]


def accuracy(y: Any, predicted: np.ndarray, sample_weight: Any = None) -> float:
    """Scikit-learn's `accuracy_score`, to the last bit.

    For arrays of the same kind and shape it is the mean of a comparison, where scikit-learn asks what both are, and
    makes sparse matrices of them: which takes as long as an epoch over few rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad._accuracy import accuracy
    >>> accuracy(np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    >>> accuracy(np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 1]]))
    0.5
    """
    if sample_weight is None and _alike(y, predicted):
        right = y == predicted
        return float((right if right.ndim == 1 else right.all(axis=1)).mean())
    from sklearn.metrics import accuracy_score  # 0.3 s that most need not wait for

    return float(accuracy_score(y, predicted, sample_weight=sample_weight))


def is_indicator(y: np.ndarray) -> bool:
    """Whether y holds 0 and 1 alone, in several columns: what scikit-learn calls a multilabel-indicator."""
    return y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "fiub" and zeros_and_ones(y)


def zeros_and_ones(y: np.ndarray) -> bool:
    """Whether y holds 0 and 1 alone."""
    return bool(((y == 0) | (y == 1)).all())


def _alike(y: Any, predicted: Any) -> bool:
    """Whether both are labels of one kind, whole numbers or text, or both indicators."""
    if type(y) is not np.ndarray or type(predicted) is not np.ndarray or y.shape != predicted.shape or not y.size:
        return False
    if y.ndim == 1:
        return any(y.dtype.kind in kinds and predicted.dtype.kind in kinds for kinds in ("iub", "U"))
    return is_indicator(y) and is_indicator(predicted)
