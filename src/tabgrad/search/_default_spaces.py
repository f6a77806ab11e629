"""What is searched where nobody says: spaces around the figures of a preset, from what was measured."""

from __future__ import annotations

from typing import Any

from tabgrad import optimizers
from tabgrad._checks import known_name
from tabgrad.errors import ArgumentTypeError
from tabgrad.estimators._presets import DEFAULT, PRESETS
from tabgrad.estimators._settings import ADAPTIVE
from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.regressor import Regressor
from tabgrad.search._ranges import Choice, Real

__all__ = ["default_space"]

CHEAP = "fast"


def default_space(estimator: Classifier | Regressor, *, preset: str | None = None) -> dict[str, Any]:
    """What a good practitioner would search for a `Classifier` or `Regressor`, around the figures of a preset.

    A candidate is the whole preset "fast" with some of its figures changed. It takes an eighth of the work of "best":
    one fit of 10,000 rows some 2 seconds of one core instead of 12, so that a minute on two cores compares ten
    candidates on five folds and not two. It is not cheaper still ("single", or fewer members), because what is scored
    is what is delivered: the best candidate refitted has the four networks that its score was of. Wider and deeper
    networks than these cost several times as much, which one can ask for: ``{**default_space(estimator),
    "hidden_layer_sizes": [(256, 256)]}``.

    Each parameter is here because changing it alone was worth something on some tables (docs/why_these_defaults.md;
    loss over the preset's):

    ``learning_rate``
        From a quarter of the preset's to four times it, logarithmic: the parameter on which all others depend.
    ``hidden_layer_sizes``
        One to three layers of the preset's width, or two of twice it: -7 % to +2 %.
    ``dropout``
        0 to 0.25: without it -6 % to +3 %, with 0.2 up to +13 %.
    ``weight_decay``
        0.03 to 2, logarithmic: tables differ most in it.
    ``activation``
        "relu" or "mish": -5 % to +5 %.
    ``numeric``
        "quantile" or "robust": -4 % to +9 %.
    ``numeric_embedding``
        All kinds, where the preset has one: "none" -3 % to +32 %, at half the time.

    What the estimator was given is left as it is, and so are batches, epochs and patience, which presets adapt to the
    rows. Under an optimizer whose rate is not the preset's, rate and decay are left out; for a `model` of your own only
    they remain.

    Parameters
    ----------
    estimator : Classifier or Regressor
    preset : {"fast", "best", "single"}, optional
        None: "fast" for an estimator with the default preset, else the estimator's own.

    Returns
    -------
    dict
        Name and values; for candidates of another preset than the estimator's it sets ``preset``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For another estimator, which has no such figures, and an unknown preset.

    Examples
    --------
    >>> from tabgrad import Classifier
    >>> from tabgrad.search import default_space
    >>> space = default_space(Classifier(activation="tanh"))
    >>> space["preset"], space["learning_rate"], "activation" in space
    (['fast'], Real(0.003, 0.048, log=True), False)
    """
    if not isinstance(estimator, (Classifier, Regressor)):
        raise ArgumentTypeError(
            f"There is a default space for Classifier and Regressor alone. Got {type(estimator).__name__}: give a dict "
            "from names of its parameters to their values."
        )
    if preset is None:
        preset = CHEAP if estimator.preset == DEFAULT else estimator.preset
    preset = known_name(preset, "preset", PRESETS)
    own = estimator.model is not None
    figures = PRESETS["single" if own else preset]
    space: dict[str, Any] = {} if preset == estimator.preset or own else {"preset": [preset]}
    optimizer = optimizers.get(estimator.optimizer)
    if isinstance(estimator.optimizer, str) and isinstance(optimizer, ADAPTIVE):
        rate = figures.learning_rate
        space["learning_rate"] = Real(rate / 4, rate * 4, log=True)
        space["weight_decay"] = Real(0.03, 2, log=True)
    if not own:
        units = figures.hidden_layer_sizes[0]
        space["hidden_layer_sizes"] = Choice([(units,), (units, units), (units, units, units), (2 * units, 2 * units)])
        space["activation"] = Choice(["relu", "mish"])
        if not optimizer.whole:  # it minimises one fixed loss, without dropout
            space["dropout"] = Real(0, 0.25)
        if figures.numeric_embedding != "none":
            space["numeric_embedding"] = Choice(["both", "piecewise", "periodic", "none"])
    space["numeric"] = Choice(["quantile", "robust"])
    defaults = type(estimator)().get_params()
    unchanged = {name for name, value in estimator.get_params().items() if value is None or value == defaults[name]}
    return {name: values for name, values in space.items() if name == "preset" or name in unchanged}
