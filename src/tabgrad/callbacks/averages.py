"""The callback that lets the averages of the weights be judged in the place of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

from tabgrad._checks import check, refuse_unknown
from tabgrad.callbacks.base import Callback, Logs
from tabgrad.errors import NotReadyError

if TYPE_CHECKING:
    import numpy as np

    from tabgrad.models import Sequential


class SwapEMAWeights(Callback):
    """Puts the running averages in the place of the weights while the model is evaluated or predicts.

    For an optimizer with `use_ema`. The weights come back afterwards, also where the pass over the rows fails.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        The same from the end of an epoch to the beginning of the next one, for the callbacks that come after this one.

    Raises
    ------
    NotReadyError
        The optimizer keeps no averages.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.callbacks import SwapEMAWeights
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> from tabgrad.optimizers import Adam
    >>> model = Sequential([Dense(1, input_dim=1)], seed=0)
    >>> model.compile(Adam(0.1, use_ema=True), "mse")
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> history = model.fit(x, 2 * x + 1, validation_split=0.2, callbacks=[SwapEMAWeights()], verbose=0)
    >>> model.evaluate(x[160:], 2 * x[160:] + 1, verbose=0) == history.history["val_loss"][-1]
    True
    """

    def __init__(
        self,
        swap_on_epoch: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> None:
        refuse_unknown(SwapEMAWeights.__init__, unknown)
        self.swap_on_epoch: bool = check(swap_on_epoch, "swap_on_epoch", "SwapEMAWeights", (bool,))
        self.weights_apart: list[np.ndarray] | None = None  # the weights, while the averages stand in their place

    def set_model(self, model: Sequential) -> None:
        """Receive a model whose optimizer keeps averages."""
        super().set_model(model)
        self.weights_apart = None
        if (optimizer := model.optimizer) is None or not optimizer.use_ema:
            raise NotReadyError(
                "SwapEMAWeights needs an optimizer that keeps averages of the weights, for instance "
                f"Adam(use_ema=True). The model {'is not compiled' if optimizer is None else f'has {optimizer!r}'}."
            )

    def _swap(self) -> None:
        if self.weights_apart is None:
            averages, self.weights_apart = self.model.get_averages(), self.model.get_weights()
            self.model.set_weights(averages)

    def swap_back(self) -> None:
        """The weights come back, if the averages stand in their place."""
        if self.weights_apart is not None:
            self.model.set_weights(self.weights_apart)
            self.weights_apart = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """The weights come back."""
        self.swap_back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """The averages take their place, if they are to."""
        if self.swap_on_epoch:
            self._swap()

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """The averages take the place of the weights."""
        self._swap()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """The weights come back."""
        self.swap_back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """The averages take the place of the weights."""
        self._swap()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """The weights come back."""
        self.swap_back()
