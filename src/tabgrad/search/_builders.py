"""What a search trains where it is given no estimator, but a network or a function that builds one."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.estimators._base import TableEstimator
from tabgrad.models import Sequential
from tabgrad.wrappers._building import Builder
from tabgrad.wrappers._estimator import KerasWrapper
from tabgrad.wrappers.scikit_learn import KerasClassifier, KerasRegressor

OF_CLASSES = ("labels", "one_hot", "probabilities", "signs")  # targets of losses that tell classes apart


def as_estimator(model: Any) -> Any:
    """An estimator as it is; a compiled `Sequential`, or a function that returns one, in the wrapper of its loss.

    Raises
    ------
    ArgumentError
        A function that cannot be called without arguments, or whose model is not compiled.
    ArgumentTypeError
        Neither.
    """
    if isinstance(model, type):
        raise ArgumentTypeError(f"'estimator' must be an instance, not a class: write {model.__name__}(...).")
    if hasattr(model, "fit") and hasattr(model, "get_params"):
        return model
    if not isinstance(model, Sequential) and not callable(model):
        raise ArgumentTypeError(
            f"'estimator' must be an estimator, a Sequential or a function that returns one. Got {model!r}."
        )
    network = model
    if not isinstance(model, Sequential):
        builder = Builder.of(model)
        try:
            network = builder.function()
        except TypeError as error:
            raise ArgumentError(
                f"{builder.name} must be callable without arguments, so that the search sees what it builds: {error}. "
                "Give the arguments defaults, or wrap it yourself: KerasClassifier(function) or KerasRegressor."
            ) from error
    if not isinstance(network, Sequential) or not network.compiled:
        raise ArgumentError(
            f"A function that builds a network must return a compiled Sequential. Got {network!r}. Call "
            "model.compile(optimizer, loss) in it, or wrap it: KerasClassifier(function, loss=...)."
        )
    of_classes = network._ready_compiled("fit").loss.target in OF_CLASSES
    return (KerasClassifier if of_classes else KerasRegressor)(model)


def trains_here(estimator: Any, name: str) -> bool:
    """Whether a parameter, by its name with prefixes, is of an estimator whose networks the engine here trains."""
    owner = estimator
    for part in name.split("__")[:-1]:
        if isinstance(owner, KerasWrapper):  # fit__epochs
            break
        owner = owner.get_params(deep=False).get(part) if not isinstance(owner, Pipeline) else owner.named_steps[part]
    return isinstance(owner, (TableEstimator, KerasWrapper))
