"""`KerasClassifier` and `KerasRegressor`: a function that builds a `Sequential`, as a scikit-learn estimator.

Names and conventions are those of Keras's former wrapper and of SciKeras::

    def create_model(hidden=64, optimizer="adam"):
        model = Sequential([Dense(hidden, activation="relu"), Dense(7, activation="softmax")])
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


    classifier = KerasClassifier(create_model, epochs=20, verbose=0, random_state=0)
    GridSearchCV(classifier, {"hidden": [32, 64], "batch_size": [16, 128], "optimizer": ["adam", "sgd"]})

For labels scikit-learn stratifies the folds. A one-hot target it takes for rows of several labels, and cuts plain folds
without a word: give labels, or ``cv=StratifiedKFold(...).split(X, y.argmax(axis=1))``. The score is the share of rows
that are right either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from tabgrad._accuracy import accuracy, is_indicator
from tabgrad._row_weights import class_factors
from tabgrad.errors import ArgumentError, DataError
from tabgrad.models import Sequential
from tabgrad.wrappers._estimator import KerasWrapper
from tabgrad.wrappers._labels import ClassTarget, Target, ValueTarget, check_labels

__all__ = ["KerasClassifier", "KerasRegressor"]


class KerasClassifier(ClassifierMixin, KerasWrapper):
    """A `Sequential` as a scikit-learn classifier.

    Parameters
    ----------
    model : callable or Sequential
        A function that returns a `Sequential`, compiled or not, and takes its parameters as arguments: those that are
        given here by name (``hidden=64``), this constructor's own of the same name (``optimizer``) if not None, and,
        where it asks for them, `meta` (a dict of what the data is: ``n_features_in_``, ``n_classes_``,
        ``target_type_``, ``X_shape_``, ...), `compile_kwargs` (a dict of optimizer, loss and metrics) and `params` (all
        parameters). Of a `Sequential` each fit trains a copy.
    build_fn : callable or Sequential
        An older name of `model`.
    warm_start : bool, default False
        Whether fit goes on training the model of the last fit.
    random_state : int, numpy.random.RandomState or None, default None
        The seed of models that the function builds without one, and of a copied `Sequential`. An int gives the same
        results at every fit, in every process. None: tabgrad's own seed (`tabgrad.set_random_seed`).
    optimizer : str, Optimizer or None, default None
        For the building function if it has an argument of this name, else for compiling. None: the function's own
        default; "rmsprop" for a model that comes back uncompiled.
    loss : str, Loss or None, default None
        Likewise. None, for a model that comes back uncompiled: binary cross-entropy after a sigmoid, sparse categorical
        cross-entropy after a softmax. Labels are encoded as the loss needs them.
    metrics : list of str, Metric or function, optional
        Likewise; for instance ``["accuracy"]``.
    batch_size : int or None, default None
        Rows a step; None: 32; -1: all rows.
    validation_batch_size : int or None, default None
    verbose : {0, 1, 2, "auto"}, default 1
        What fit shows of its progress. Predictions are silent unless ``predict__verbose`` says otherwise.
    callbacks : list of Callback, optional
        Or of classes, which each fit makes instances of: ``callbacks=[EarlyStopping], callbacks__patience=5``.
    validation_split : float, default 0
        Share of the last rows that are scored after each epoch, not trained on.
    shuffle : bool, default True
    epochs : int, default 1
    class_weight : dict of label and weight, "balanced" or None, default None
        By the labels as they stand in y, by the column's number for one-hot rows; a class that is not named has 1.
        "balanced": ``rows / (classes * rows of the class)``. Multiplies `sample_weight`.
    **kwargs
        Arguments of the building function, and any option of what stands before the two underscores:
        ``model__hidden``, ``fit__validation_data``, ``predict__batch_size``, ``optimizer__learning_rate``,
        ``loss__label_smoothing``, ``callbacks__patience``, ``compile__metrics``.

    Attributes
    ----------
    model_ : Sequential
        The trained model.
    history_ : dict of lists of float
        Loss and metrics of each epoch of the last fit, and of each partial_fit since.
    classes_ : array of shape (classes,)
        Sorted labels; the columns' numbers for one-hot rows.
    n_classes_, n_features_in_, n_outputs_ : int
    feature_names_in_ : array of str
        If X was a frame whose columns' names are strings.
    target_type_ : str
        scikit-learn's word: "binary", "multiclass" or, also for one-hot rows, "multilabel-indicator".
    X_shape_, X_dtype_, y_dtype_
        Of the rows of the first fit.

    Notes
    -----
    y may be labels of any type; one-hot rows, and predictions are one-hot rows; or rows with any number of ones for a
    model with a sigmoid unit for each label. Rows that all have exactly one 1 are one-hot.

    scikit-learn stratifies folds by labels only: for one-hot rows, whose type it calls "multilabel-indicator",
    ``cv=5`` means plain folds.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> from tabgrad.wrappers.scikit_learn import KerasClassifier
    >>> def create_model(meta, hidden=16):
    ...     return Sequential([Dense(hidden, activation="relu"), Dense(meta["n_classes_"], activation="softmax")])
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = KerasClassifier(create_model, hidden=8, epochs=100, verbose=0, random_state=0)
    >>> classifier.set_params(optimizer="adam", optimizer__learning_rate=0.01).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        model: Callable[..., Any] | Sequential | None = None,
        *,
        build_fn: Callable[..., Any] | Sequential | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        validation_batch_size: int | None = None,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        epochs: int = 1,
        class_weight: Mapping[Any, float] | str | None = None,
        **kwargs: Any,
    ) -> None:
        self.model = model
        self.build_fn = build_fn
        self.warm_start = warm_start
        self.random_state = random_state
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.validation_batch_size = validation_batch_size
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.shuffle = shuffle
        self.epochs = epochs
        self.class_weight = class_weight
        self._arguments = kwargs

    def __sklearn_tags__(self) -> Tags:
        """Rows of several labels are possible."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one more epoch, on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for fit.
        classes : array of shape (classes,), optional
            All labels that there can be, for the first call; None: those in y.

        Returns
        -------
        self
        """
        return self._one_more(X, y, sample_weight, classes)

    def predict(self, X: Any, **options: Any) -> np.ndarray:
        """The most probable class of each row, in the form that y had in fit.

        Parameters
        ----------
        X : array, list or frame of shape (rows, columns)
        **options
            Of `Sequential.predict`, for this call.

        Returns
        -------
        array of shape (rows,) or (rows, classes)
        """
        outputs = self._outputs(X, options)
        predictions: np.ndarray = self.target_encoder_.decode(outputs, self.model_.plan().loss)
        return predictions

    def predict_proba(self, X: Any, **options: Any) -> np.ndarray:
        """The probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X, **options
            As for predict.

        Returns
        -------
        array of shape (rows, classes)
            float64; each row sums to 1, unless rows may have several labels.
        """
        outputs = self._outputs(X, options)
        probabilities: np.ndarray = self.target_encoder_.probabilities(outputs, self.model_.plan().loss)
        return probabilities

    def predict_log_proba(self, X: Any, **options: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: np.ndarray = np.log(self.predict_proba(X, **options))
        return logarithms

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows that are right, as scikit-learn's `accuracy_score` counts it.

        Parameters
        ----------
        X : array, list or frame of shape (rows, columns)
        y : array, list, frame or series
            In the form that it had in fit; a row of several labels is right if all of them are.
        sample_weight : array of shape (rows,), optional

        Returns
        -------
        float
        """
        return accuracy(y, self.predict(X), sample_weight)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        check_labels(y)
        X, y = self._finite(X, y=y, reset=reset, multi_output=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not is_indicator(y):
            check_classification_targets(y)
        return X, y

    def _target(self, y: np.ndarray, classes: Any) -> Target:
        return ClassTarget.of(y, classes)

    def _class_weighted(self, weight: np.ndarray | None, y: np.ndarray, target: Any) -> np.ndarray | None:
        if self.class_weight is None:
            return weight
        if target.form == "indicator":
            raise DataError("'class_weight' needs rows of one class each. y has rows with none or several labels.")
        if not isinstance(self.class_weight, Mapping) and self.class_weight != "balanced":
            raise ArgumentError(f"'class_weight' must be a dict, 'balanced' or None. Got {self.class_weight!r}.")
        index = target.indices(y)
        owner, alike = type(self).__name__, np.ones(len(index))
        each: np.ndarray = class_factors(self.class_weight, target.classes, index, alike, owner)[index]
        return each if weight is None else weight * each


class KerasRegressor(RegressorMixin, KerasWrapper):
    """A `Sequential` as a scikit-learn regressor, of one output or several.

    Parameters
    ----------
    model, build_fn, warm_start, random_state, optimizer, metrics, batch_size, validation_batch_size, verbose, callbacks
        As for `KerasClassifier`; so are `validation_split`, `shuffle`, `epochs` and ``**kwargs``.
    loss : str, Loss or None, default None
        None, for a model that comes back uncompiled: the mean squared error.

    Attributes
    ----------
    model_, history_, n_features_in_, feature_names_in_, target_type_, X_shape_, X_dtype_, y_dtype_
        As for `KerasClassifier`.
    n_outputs_ : int
        Columns of y.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> from tabgrad.wrappers.scikit_learn import KerasRegressor
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> regressor = KerasRegressor(Sequential([Dense(1)]), epochs=200, verbose=0, optimizer__learning_rate=0.01)
    >>> regressor.fit(X, 2 * X.ravel() + 1).predict([[0.5]]).round(1).tolist()
    [2.0]
    """

    def __init__(
        self,
        model: Callable[..., Any] | Sequential | None = None,
        *,
        build_fn: Callable[..., Any] | Sequential | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        validation_batch_size: int | None = None,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        epochs: int = 1,
        **kwargs: Any,
    ) -> None:
        self.model = model
        self.build_fn = build_fn
        self.warm_start = warm_start
        self.random_state = random_state
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.validation_batch_size = validation_batch_size
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.shuffle = shuffle
        self.epochs = epochs
        self._arguments = kwargs

    def __sklearn_tags__(self) -> Tags:
        """Several outputs are possible."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch, on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for fit.

        Returns
        -------
        self
        """
        return self._one_more(X, y, sample_weight)

    def predict(self, X: Any, **options: Any) -> np.ndarray:
        """The network's outputs, float64 in the shape that y had in fit.

        Parameters
        ----------
        X : array, list or frame of shape (rows, columns)
        **options
            Of `Sequential.predict`, for this call.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
        """
        outputs = self._outputs(X, options)
        predictions: np.ndarray = self.target_encoder_.decode(outputs)
        return predictions

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        return self._finite(X, y=y, reset=reset, multi_output=True, y_numeric=True)

    def _target(self, y: np.ndarray, classes: Any) -> Target:
        return ValueTarget(None if y.ndim == 1 else y.shape[1], type_of_target(y))

    def _class_weighted(self, weight: np.ndarray | None, y: np.ndarray, target: Any) -> np.ndarray | None:
        return weight
