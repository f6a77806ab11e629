"""A table as numbers that a network learns from, fitted on the training rows alone."""

from __future__ import annotations

from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.encode.target import ClassTarget, ValueTarget

__all__ = ["ClassTarget", "Encoded", "Encoder", "ValueTarget"]
