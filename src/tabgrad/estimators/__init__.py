"""`Classifier` and `Regressor`: a table in, a trained network out, to scikit-learn's letter; and several as one."""

from __future__ import annotations

from tabgrad.estimators.classifier import Classifier
from tabgrad.estimators.ensemble import EnsembleClassifier, EnsembleRegressor
from tabgrad.estimators.regressor import Regressor

__all__ = ["Classifier", "EnsembleClassifier", "EnsembleRegressor", "Regressor"]
