"""What the constructors' arguments may be, as data; checked in fit alone, all at once."""

from __future__ import annotations

from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

from tabgrad.activations import Activation
from tabgrad.callbacks.base import Callback
from tabgrad.errors import ArgumentTypeError
from tabgrad.estimators._presets import EMBEDDINGS, PRESETS
from tabgrad.losses import Loss
from tabgrad.metrics import Metric
from tabgrad.models import Sequential
from tabgrad.optimizers import Optimizer
from tabgrad.optimizers.schedules import LearningRateSchedule

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["COMMON", "OF_CLASSES", "ParameterError", "check_parameters"]

_COUNT = Interval(Integral, 1, None, closed="left")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_AUTO = StrOptions({"auto"})
_SHARE = Interval(Real, 0, 1, closed="left")

COMMON: dict[str, list[Any]] = {
    "hidden_layer_sizes": [_AUTO, "array-like", _COUNT],
    "preset": [StrOptions(set(PRESETS))],
    "members": [_AUTO, _COUNT],
    "time_limit": [None, Interval(Real, 0, None, closed="neither")],
    "activation": [str, Activation],
    "dropout": [_AUTO, _SHARE],
    "model": [None, Sequential, callable],
    "optimizer": [str, Optimizer],
    "learning_rate": [None, Interval(Real, 0, None, closed="neither"), LearningRateSchedule],
    "schedule": [StrOptions({"cosine", "constant"})],
    "batch_size": [_AUTO, _COUNT, Options(Integral, {-1})],
    "epochs": [_AUTO, _COUNT],
    "early_stopping": [_AUTO, "boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "patience": [_AUTO, _COUNT],
    "l1": [_NOT_NEGATIVE],
    "l2": [_NOT_NEGATIVE],
    "weight_decay": [None, _NOT_NEGATIVE],
    "use_ema": ["boolean"],
    "loss": [None, str, Loss, callable],
    "metrics": [None, str, list, tuple, Metric, callable],
    "callbacks": [None, list, tuple, Callback],
    "shuffle": ["boolean"],
    "numeric": [StrOptions({"auto", "robust", "standard", "quantile", "none"})],
    "numeric_embedding": [StrOptions({"auto", *EMBEDDINGS})],
    "n_neighbors": [_AUTO, Interval(Integral, 0, 256, closed="both")],
    "kinds": [None, dict],
    "random_state": ["random_state"],
    "n_jobs": [None, Integral],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
}
OF_CLASSES: dict[str, list[Any]] = {
    "label_smoothing": [_SHARE],
    "calibrate": ["boolean", StrOptions({"auto"})],
    "class_weight": [None, dict, StrOptions({"balanced"})],
}


class ParameterError(ArgumentTypeError, InvalidParameterError):
    """An argument of an estimator's constructor is not what it may be: tabgrad's error and scikit-learn's at once."""


def check_parameters(estimator: BaseEstimator) -> None:
    """Hold every parameter against its constraints.

    Raises
    ------
    ParameterError
        With all that are wrong, in scikit-learn's words, and the nearest option to a misspelt one.
    """
    name, wrong = type(estimator).__name__, []
    for parameter, value in estimator.get_params(deep=False).items():
        constraints = {parameter: estimator._parameter_constraints[parameter]}
        try:
            validate_parameter_constraints(constraints, {parameter: value}, caller_name=name)
        except InvalidParameterError as error:
            wrong.append(f"{error}{_nearest(constraints[parameter], value)}")
    if wrong:
        raise ParameterError("\n".join(wrong))


def _nearest(constraints: list[Any], value: Any) -> str:
    """Of the texts that a parameter may be, the one that a misspelt one was to be."""
    options = sorted(text for each in constraints if isinstance(each, StrOptions) for text in each.options)
    close = get_close_matches(value.lower(), options, n=1, cutoff=0.5) if isinstance(value, str) else []
    return f" Did you mean '{close[0]}'?" if close else ""
