"""`Classifier` and `Regressor`: a table in, a trained network out, to scikit-learn's letter."""

from __future__ import annotations

from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
