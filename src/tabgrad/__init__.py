"""tabgrad: neural networks for tables.

Public names are loaded when they are first used: ``import tabgrad`` loads NumPy and nothing heavier.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tabgrad import (
        activations,
        callbacks,
        encode,
        estimators,
        initializers,
        inspection,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        regularizers,
        report,
        search,
        table,
    )
    from tabgrad._loading import load
    from tabgrad._seeds import set_random_seed
    from tabgrad.estimators.classifier import Classifier
    from tabgrad.estimators.regressor import Regressor
    from tabgrad.layers import Input
    from tabgrad.models import Sequential

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "Input",
    "Regressor",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "encode",
    "estimators",
    "initializers",
    "inspection",
    "layers",
    "load",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "report",
    "search",
    "set_random_seed",
    "table",
]

# Where a name that is no submodule lives.
_HOMES = {
    "Classifier": "estimators.classifier",
    "Input": "layers",
    "Regressor": "estimators.regressor",
    "Sequential": "models",
    "load": "_loading",
    "set_random_seed": "_seeds",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name in _HOMES:
        value: Any = getattr(import_module(f"tabgrad.{_HOMES[name]}"), name)
    elif name in __all__:
        value = import_module(f"tabgrad.{name}")
    else:
        raise AttributeError(f"module 'tabgrad' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
