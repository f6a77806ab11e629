"""A factor for each unit, learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from tabgrad import initializers, regularizers
from tabgrad._checks import NOT_NEGATIVE
from tabgrad.layers._base import Layer, Weight


@dataclass(frozen=True, init=False)
class Scale(Layer):
    """``y = gamma x``, unit by unit: behind the input it learns how much each column counts.

    Backward ``dL/dx = gamma dL/dy``, ``dgamma = sum over the batch of x dL/dy``.

    Parameters
    ----------
    gamma_initializer : str or Initializer, default "ones"
        Of ``gamma``, (units,).
    gamma_regularizer : str, Regularizer or None, default None
    input_shape, name, trainable
        See `Layer`.
    learning_rate_factor : float, default 1
        Multiplies the optimizer's learning rate for the layer's array: a scale learns best several times faster than
        the weights behind it (6 in the source). 0 holds it where it is.
    weight_decay_factor : float, default 1
        Multiplies the optimizer's weight decay for the layer's arrays. 0: they do not decay.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data", 2024.

    Examples
    --------
    >>> from tabgrad.layers import Dense, Scale
    >>> from tabgrad.models import Sequential
    >>> Sequential([Scale(learning_rate_factor=6.0, input_shape=(8,)), Dense(1)]).count_params()
    17
    """

    gamma_initializer: initializers.Initializer
    gamma_regularizer: regularizers.Regularizer | None
    learning_rate_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)
    weight_decay_factor: Annotated[float, NOT_NEGATIVE] = field(default=1.0, kw_only=True)

    def __init__(
        self,
        gamma_initializer: str | initializers.Initializer = "ones",
        gamma_regularizer: str | regularizers.Regularizer | None = None,
        *,
        input_shape: Any = None,
        name: str | None = None,
        trainable: bool = True,
        learning_rate_factor: float = 1.0,
        weight_decay_factor: float = 1.0,
    ) -> None:
        """Resolve names to records."""
        values = {
            "gamma_initializer": initializers.get(gamma_initializer),
            "gamma_regularizer": regularizers.get(gamma_regularizer),
            "input_shape": input_shape,
            "name": name,
            "trainable": trainable,
            "learning_rate_factor": learning_rate_factor,
            "weight_decay_factor": weight_decay_factor,
        }
        self._fill(values)

    def weights(self, inputs: int) -> tuple[Weight, ...]:
        """The factors (units,)."""
        how = (
            self.gamma_initializer,
            self.gamma_regularizer,
            self.trainable,
            self.learning_rate_factor,
            self.weight_decay_factor,
        )
        return (Weight("gamma", (inputs,), *how),)
