"""One function that opens every model file."""

from __future__ import annotations

import os
from typing import Any

from tabgrad import store
from tabgrad.store import Content


def load(filepath: str | os.PathLike[str]) -> Any:
    """The model in a file: what `save` of a `Sequential`, an estimator or an ensemble of such wrote.

    Nothing in the file is run, and every bit that has turned is noticed. See :doc:`/model_file`.

    Parameters
    ----------
    filepath : str or path

    Returns
    -------
    Sequential, Classifier, Regressor, EnsembleClassifier or EnsembleRegressor

    Raises
    ------
    ModelFileError
        The file is damaged, foreign, or describes no model.
    OSError
        It is not there, or may not be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import tabgrad
    >>> from tabgrad.layers import Dense
    >>> with TemporaryDirectory() as folder:
    ...     tabgrad.Sequential([Dense(1, input_dim=3)], name="small").save(f"{folder}/small.tabgrad")
    ...     tabgrad.load(f"{folder}/small.tabgrad")
    Sequential 'small': 3 columns -> Dense(1, linear)
    4 parameters; not compiled
    """
    return model_of(store.read(filepath))


def model_of(content: Content) -> Any:
    """The model that a content is of: a fixed table, in which a file's kind is looked up."""
    if content.kind == "classifier":
        from tabgrad.estimators.classifier import Classifier

        return Classifier._from_content(content)
    if content.kind == "regressor":
        from tabgrad.estimators.regressor import Regressor

        return Regressor._from_content(content)
    if content.kind in ("ensemble_classifier", "ensemble_regressor"):
        from tabgrad.estimators.ensemble import EnsembleClassifier, EnsembleRegressor

        ensemble = EnsembleClassifier if content.kind == "ensemble_classifier" else EnsembleRegressor
        return ensemble._from_content(content)
    from tabgrad.models import Sequential

    return Sequential._from_content(content)
