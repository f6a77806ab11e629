"""What a network does, in numbers and formulas: one step of training on a user's own rows."""

from tabgrad.explain.records import Check, LayerStep, LossStep, Penalty, Update, Value, WeightStep
from tabgrad.explain.step import Step

__all__ = ["Check", "LayerStep", "LossStep", "Penalty", "Step", "Update", "Value", "WeightStep"]
