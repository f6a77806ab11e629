"""From settings to the estimator that they ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tabgrad.cli.exits import UsageError
from tabgrad.cli.rows import Understood, seed
from tabgrad.cli.settings import Learning, option

if TYPE_CHECKING:
    from tabgrad.estimators import Classifier, Regressor

__all__ = ["asked_for", "by_options", "estimator_for"]

OF_CLASSES = ("label_smoothing", "class_weight")

# Settings that are arguments of the estimators, and what they are called there where that differs.
ARGUMENTS = (
    *("preset", "members", "time_limit", "activation", "dropout", "numeric", "numeric_embedding"),
    "n_neighbors",
    *("loss", "optimizer", "learning_rate", "schedule", "batch_size", "epochs"),
    *("early_stopping", "patience", "validation_fraction", "l1", "l2", "weight_decay", "use_ema", *OF_CLASSES),
)
RENAMED = {"hidden": "hidden_layer_sizes", "threads": "n_jobs"}


def estimator_for(settings: Learning, known: Understood) -> Classifier | Regressor:
    """The estimator of a table with the arguments that were given.

    Raises
    ------
    UsageError
        Arguments that it does not take, in the words of options.
    """
    from tabgrad.estimators import Classifier, Regressor
    from tabgrad.estimators._parameters import ParameterError, check_parameters

    given = {name: getattr(settings, name) for name in (*ARGUMENTS, *RENAMED)}
    arguments = {RENAMED.get(name, name): value for name, value in given.items() if value is not None}
    if not known.task.classes and (wrong := [option(name) for name in OF_CLASSES if given[name] is not None]):
        raise UsageError(f"{', '.join(wrong)} is for classes, and this is a regression. Leave it out, or see --task.")
    kinds = {name: kind for name, kind in (settings.kind or {}).items() if name in known.train.table.columns}
    arguments |= {"kinds": kinds or None, "random_state": seed(settings), "verbose": 0}
    estimator = Classifier(**arguments) if known.task.classes else Regressor(**arguments)
    try:
        check_parameters(estimator)
    except ParameterError as error:
        raise UsageError(by_options(str(error))) from error
    return estimator


def asked_for(settings: Learning) -> dict[str, str]:
    """The arguments of the estimator that options gave, and these options."""
    return {
        RENAMED.get(name, name): option(name) for name in (*ARGUMENTS, *RENAMED) if getattr(settings, name) is not None
    }


def by_options(message: str) -> str:
    """What is wrong with arguments, told of the options that they come from."""
    names = {argument: setting for setting, argument in RENAMED.items()}
    return re.sub(
        r"The '(\w+)' parameter of \w+ must be",
        lambda found: f"{option(names.get(found[1], found[1]))} must be",
        message,
    )
