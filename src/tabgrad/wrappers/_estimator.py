"""What `KerasClassifier` and `KerasRegressor` share: scikit-learn's contract about parameters, and training."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from tabgrad._inputs import is_pair
from tabgrad._parameter_names import parameter_names
from tabgrad._row_weights import row_weights
from tabgrad.callbacks.history import History
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError
from tabgrad.matrix import Numbers, read, single
from tabgrad.models import Sequential
from tabgrad.plan import Plan
from tabgrad.wrappers import _building
from tabgrad.wrappers._labels import Target


class KerasWrapper(BaseEstimator):
    """What both wrappers share: parameters, building, training."""

    model_: Sequential
    history_: dict[str, list[float]]
    target_encoder_: Any  # a ClassTarget or a ValueTarget
    _arguments: Mapping[str, Any] = MappingProxyType({})  # all that the constructor's **kwargs held

    def __getattr__(self, name: str) -> Any:
        """An argument of the building function, as if it were the wrapper's own parameter."""
        if name in self._arguments:
            return self._arguments[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an argument of the building function where there is one of this name."""
        if name in self._arguments:
            self._arguments = {**self._arguments, name: value}
        else:
            super().__setattr__(name, value)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a model."""
        return hasattr(self, "model_")

    # ---- Parameters ------------------------------------------------------------------------------------------------

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """The names of the constructor's arguments."""
        return parameter_names(cls)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  (scikit-learn's signature)
        """The wrapper's own parameters and all others that it was given."""
        return {**super().get_params(deep=deep), **self._arguments}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the wrapper, of the building function or, with a prefix, of what the prefix names.

        Raises
        ------
        UnknownNameError
            For names that nobody takes; then nothing is set.
        """
        own = self._get_param_names()
        given = {"model": self.model, "build_fn": self.build_fn} | params
        builder = _building.Builder.of(given["build_fn"] if given["model"] is None else given["model"])
        new = [name for name in params if name not in self._arguments]
        _building.check_names(new, own, builder, type(self).__name__)
        for name in own:
            if name in params:
                setattr(self, name, params[name])
        self._arguments = {**self._arguments, **{name: params[name] for name in params if name not in own}}
        return self

    def _builder(self) -> _building.Builder:
        """The building function under either of its names; no parameter without somebody who takes it."""
        owner, given = type(self).__name__, [model for model in (self.model, self.build_fn) if model is not None]
        if len(given) != 1:
            got = "both 'model' and 'build_fn'" if given else "none"
            raise ArgumentError(
                f"{owner} needs one function that builds a Sequential: {owner}(create_model). Got {got}."
            )
        if not callable(given[0]) and not isinstance(given[0], Sequential):
            raise ArgumentTypeError(f"'model' of {owner} must be a function or a Sequential. Got {given[0]!r}.")
        builder = _building.Builder.of(given[0])
        _building.check_names(self._arguments, self._get_param_names(), builder, owner)
        return builder

    # ---- Training --------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **options: Any) -> Self:
        """Build a model and train it; with `warm_start`, go on training the one that there is.

        Parameters
        ----------
        X : array, list or frame of shape (rows, columns)
        y : array, list, frame or series
        sample_weight : array of shape (rows,), optional
            Not negative; rows of weight 0 are left out.
        **options
            Of `Sequential.fit`, for this call: callbacks, validation_data, ....

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, options, go_on=self.warm_start and hasattr(self, "model_"))

    def _one_more(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        """Train one more epoch."""
        go_on = hasattr(self, "model_")
        past = self.history_ if go_on else {}
        epoch = len(past.get("loss", ()))
        options = {"initial_epoch": epoch, "epochs": epoch + 1}
        self._fit(X, y, sample_weight, options, go_on=go_on, classes=classes)
        self.history_ = {name: past.get(name, []) + values for name, values in self.history_.items()}
        return self

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, options: Mapping[str, Any], *, go_on: bool, classes: Any = None
    ) -> Self:
        parameters, builder = self.get_params(deep=False), self._builder()
        _building.check_options(options, "fit", type(self).__name__)
        X, y = self._checked(X, y, reset=not go_on)
        X, y, weight = weighted_rows(X, y, sample_weight)
        meta: dict[str, Any] = {}
        if go_on:
            model, target = self.model_, self.target_encoder_
        else:
            target = self._target(y, classes)
            meta = described(X, y, target)
            model = _building.build(builder, parameters, self._get_param_names(), meta, self._seed())
            _building.complete(model, builder, parameters, X.shape[1], target.fitting_loss)
        settings = _building.fit_arguments(parameters, options, len(X))
        if settings.get("validation_data") is not None:
            settings["validation_data"] = self._validation(settings["validation_data"], model.plan(), target)
        weight = self._class_weighted(weight, y, target)
        encoded = target.encode(y, model.plan())
        try:
            history = model.fit(X, encoded, sample_weight=weight, **settings)
        except KeyboardInterrupt:
            if model.history is not None and model.history.epoch:
                self._keep(model, target, model.history, meta)
            raise
        self._keep(model, target, history, meta)
        return self

    def _keep(self, model: Sequential, target: Target, history: History, meta: Mapping[str, Any]) -> None:
        """What a run gave, once it has given something: a fit that fails leaves what was there."""
        self.model_, self.target_encoder_, self.history_ = model, target, dict(history.history)
        for name, value in meta.items():
            setattr(self, name, value)

    def _seed(self) -> int | None:
        """A seed drawn from `random_state`."""
        return None if self.random_state is None else int(check_random_state(self.random_state).randint(2**31 - 1))

    def _validation(self, data: Any, plan: Plan, target: Target) -> tuple[Any, ...]:
        """``(X, y)`` or ``(X, y, sample_weight)`` as the model's fit takes it."""
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ArgumentError(
                f"'validation_data' must be (X, y) or (X, y, sample_weight). Got a {type(data).__name__}."
            )
        X, y, *weight = data
        try:
            X, y = self._checked(X, y, reset=False)
            return X, target.encode(y, plan), *weight
        except ValueError as error:
            raise DataError(f"In validation_data: {error}") from error

    def _outputs(self, X: Any, options: Mapping[str, Any]) -> np.ndarray:
        """The network's outputs on rows."""
        check_is_fitted(self)
        _building.check_options(options, "predict", type(self).__name__)
        X, _ = self._finite(X, reset=False)
        settings = {"verbose": 0} | _building.options(self.get_params(deep=False), "predict") | dict(options)
        return self.model_.predict(X, **settings)

    def _finite(self, X: Any, **options: Any) -> tuple[np.ndarray, Any]:
        """X as float32 and y, if it is among the options, as scikit-learn's `validate_data` makes them.

        Raises
        ------
        DataError
            With row and column where a number is missing, infinite or beyond float32.
        """
        if is_pair(X):
            raise DataError(
                f"X of {type(self).__name__} must be one table. Got a pair of tables: for numeric columns and codes "
                "use Sequential itself; codes alone are one table."
            )
        target = np.asarray(options.get("y", 0.0))
        if target.dtype.kind == "f":
            single(Numbers(target, "y"))
        if self._takes(X, options.get("y", X), reset=options["reset"]):
            self.n_features_in_ = X.shape[1]
            return single(Numbers(X, "X")), options.get("y")
        try:
            checked = validate_data(self, X, dtype="numeric", ensure_all_finite=False, **options)
            rows, y = checked if isinstance(checked, tuple) else (checked, None)
            names = getattr(self, "feature_names_in_", None)
            return single(Numbers(rows, "X", None if names is None else tuple(names))), y
        except ValueError as error:
            if "string" in str(error) and not isinstance(error, DataError):
                read(X, "X")  # says in which row and column
            raise

    def _takes(self, X: Any, y: Any, *, reset: bool) -> bool:
        """Whether X and y are what `validate_data` hands back as it is: arrays of as many numbers as there must be.

        For a small network its questions take about as long as an epoch.
        """
        if not is_plain(X) or X.ndim != 2 or not is_plain(y) or y.ndim not in (1, 2) or len(X) != len(y):
            return False
        return not hasattr(self, "feature_names_in_") and (reset or getattr(self, "n_features_in_", -1) == X.shape[1])

    # ---- What the two do differently -------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """X as float32 of shape (rows, columns), y as an array, both held against the first fit unless `reset`."""
        raise NotImplementedError

    def _target(self, y: np.ndarray, classes: Any) -> Target:
        """What kind of target y is."""
        raise NotImplementedError

    def _class_weighted(self, weight: np.ndarray | None, y: np.ndarray, target: Any) -> np.ndarray | None:
        """The rows' weights times those of their classes."""
        raise NotImplementedError


def is_plain(array: Any) -> bool:
    """Whether this is an array of NumPy's own class that holds numbers, and not none of them."""
    return type(array) is np.ndarray and array.dtype.kind in "fiub" and array.size > 0


def described(X: np.ndarray, y: np.ndarray, target: Target) -> dict[str, Any]:
    """What the data is: attributes of the wrapper, and `meta` to a building function that asks for it."""
    rows = {"n_features_in_": X.shape[1], "X_shape_": X.shape, "X_dtype_": X.dtype, "y_dtype_": y.dtype}
    return {**rows, "n_outputs_expected_": 1, **target.meta}


def weighted_rows(X: np.ndarray, y: np.ndarray, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The rows that have a weight, with it."""
    weight = row_weights(sample_weight, len(X))
    if weight is None or weight.all():
        return X, y, weight
    kept = weight > 0
    return X[kept], y[kept], weight[kept]
