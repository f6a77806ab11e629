"""What a network does, in numbers and formulas: one step of training on a user's own rows."""

from tabgrad.explain.step import Check, LayerStep, LossStep, Penalty, Step, Update, Value, WeightStep

__all__ = ["Check", "LayerStep", "LossStep", "Penalty", "Step", "Update", "Value", "WeightStep"]
