"""A model's optimizer as its user meets it: a record whose learning rate is the model's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tabgrad._record_views import RecordView
from tabgrad.optimizers import Optimizer

if TYPE_CHECKING:
    from tabgrad.models import Sequential


class OptimizerView(RecordView):
    """What a model is compiled with, its learning rate the one in force; setting that sets the model's.

    Parameters
    ----------
    model : Sequential
        A compiled one.
    """

    __slots__ = ("_model",)
    _model: Sequential

    def __init__(self, model: Sequential) -> None:
        object.__setattr__(self, "_model", model)

    @property
    def record(self) -> Optimizer:
        """The optimizer itself, as it is now."""
        optimizer, rate = self._model._ready_compiled("optimizer").optimizer, self._model.learning_rate
        ruled = optimizer.schedule is not None or rate == optimizer.learning_rate
        return optimizer if ruled else replace(optimizer, learning_rate=rate)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            self._model.learning_rate = value
        else:
            setattr(self.record, name, value)  # refused there, in its words
