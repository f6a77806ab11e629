"""Temperature scaling: probabilities that are as sure as they are right, by one number from rows held out."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

__all__ = ["fitted_temperature", "gain_of_temperature", "softening", "tempered"]

COOLEST, HOTTEST = 0.1, 20.0
FOLDS = 5  # on which a temperature that was fitted to the others is judged
LEAST = np.finfo(np.float64).eps  # that a probability counts as, in a logarithm


def tempered(p: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at another temperature.

    ::

        q_j = p_j^(1/T) / sum_k p_k^(1/T)

    which is the softmax of logits that are divided by T. Above 1 it makes them less sure, below 1 surer; their order
    stays.

    Parameters
    ----------
    p : array of shape (..., classes)
    temperature : float
        T.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.estimators._calibration import tempered
    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    if temperature == 1:
        return p
    q = (p / p.max(axis=-1, keepdims=True, initial=LEAST)) ** (1 / temperature)
    return np.asarray(q / q.sum(axis=-1, keepdims=True))


def fitted_temperature(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The temperature with which the classes of rows are most likely.

    It minimises the mean of ``-log q_i(y_i)``, convex in 1/T, over these rows and one more, whose class is drawn as the
    probabilities say: without that, few rows that are all right would make the network sure of everything.

    Parameters
    ----------
    p : array of shape (rows, classes)
    y : array of shape (rows,)
        Indices of classes.
    weight : array of shape (rows,), optional

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.estimators._calibration import fitted_temperature
    >>> p = np.tile([[0.99, 0.01]], (1000, 1))
    >>> y = np.repeat([0, 1], [800, 200])
    >>> bool(3 < fitted_temperature(p, y) < 3.5)
    True
    """
    logs = np.log(np.clip(p, LEAST, 1))
    weight = np.ones(len(y)) if weight is None else weight * (len(weight) / weight.sum())
    right = logs[np.arange(len(y)), y]

    def surprise(beta: float) -> float:
        z = beta * logs
        total = logsumexp(z, axis=1)
        own = (p * (total[:, np.newaxis] - z)).sum(axis=1)
        return float(np.dot(weight, total - beta * right) + np.dot(weight, own) / len(y))

    found = minimize_scalar(surprise, bounds=(1 / HOTTEST, 1 / COOLEST), method="bounded")
    return float(1 / found.x)


def gain_of_temperature(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """What a temperature takes off the mean of ``-log p(y)`` of rows that it was not fitted to, and the standard error.

    Each fifth of the rows is judged with the temperature of the others.
    """
    gains, places = np.zeros(len(y)), np.arange(len(y)) % FOLDS
    for fold in range(min(FOLDS, len(y))):
        held, rest = np.flatnonzero(places == fold), np.flatnonzero(places != fold)
        if not len(rest):
            continue
        temperature = fitted_temperature(p[rest], y[rest], None if weight is None else weight[rest])
        after = tempered(p[held], temperature)
        of_truth = (np.arange(len(held)), y[held])
        gains[held] = np.log(np.clip(after[of_truth], LEAST, 1)) - np.log(np.clip(p[held][of_truth], LEAST, 1))
    mean = float(np.average(gains, weights=weight))
    share = np.full(len(y), 1 / len(y)) if weight is None else weight / weight.sum()
    return mean, float(np.sqrt((share**2 * (gains - mean) ** 2).sum()))


def softening(p: np.ndarray) -> float:
    """The temperature at which what one network says comes nearest to what all say together, 1 at least.

    Of a mean less is sure than of each of its terms: this is by how much, in the mean over networks and rows.

    Parameters
    ----------
    p : array of shape (members, rows, classes)
    """
    logs = np.log(np.clip(p, LEAST, 1)).reshape(-1, p.shape[-1])
    mean = np.broadcast_to(p.mean(axis=0), p.shape).reshape(logs.shape)

    def distance(beta: float) -> float:
        z = beta * logs
        return float(logsumexp(z, axis=1).sum() - (mean * z).sum())

    return float(1 / minimize_scalar(distance, bounds=(1 / HOTTEST, 1.0), method="bounded").x)
