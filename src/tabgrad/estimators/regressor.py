"""`Regressor`: one number for each row, or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tabgrad import losses
from tabgrad._refusals import SHOWN, shown
from tabgrad.activations import Activation
from tabgrad.encode.target import ValueTarget
from tabgrad.errors import ArgumentError, DataError, TabgradError
from tabgrad.estimators._base import TableEstimator
from tabgrad.estimators._conformal import Residuals, intervals, share_of_mean, spread
from tabgrad.estimators._network import Head, positive, value_head
from tabgrad.estimators._outputs import Seen
from tabgrad.estimators._parameters import COMMON
from tabgrad.estimators._presets import DEFAULT
from tabgrad.estimators._sample import Sample
from tabgrad.estimators._scoring import Held, value_scores
from tabgrad.estimators._targets import read_values
from tabgrad.losses import Loss
from tabgrad.models import Sequential
from tabgrad.optimizers import Optimizer
from tabgrad.optimizers.schedules import LearningRateSchedule

__all__ = ["Regressor"]

LARGEST_TARGET = 1e150  # beyond, its square is infinite


class Regressor(RegressorMixin, TableEstimator):
    """Dense networks that learn numbers from a table, as a scikit-learn regressor of one output or several.

    X is encoded as by `Classifier`, and members are trained as there. The target is standardised for training, each
    output for itself, and predictions are in its own unit again, within the range that the rows of training had.
    Several members that learn means (`loss` None or "mse", no `model` of your own) are stretched: regularised networks
    say numbers that lie too near their mean m, and become ``p' = m + b (p - m)`` with the b that fits rows held out by
    other members (J. B. Copas, "Regression, Prediction and Shrinkage", 1983).

    Parameters
    ----------
    hidden_layer_sizes, preset, members, time_limit, activation, dropout, model, optimizer, learning_rate, schedule
        As for `Classifier`; so are `batch_size`, `epochs`, `early_stopping`, `validation_fraction` (rows held out at
        random), `patience`, `l1`, `l2`, `weight_decay`, `use_ema`, `callbacks`, `shuffle`, `numeric`,
        `numeric_embedding`, `n_neighbors` (with `loss` None or "mse"), `kinds`, `random_state`, `n_jobs`, `verbose` and
        `warm_start`.
    loss : str, Loss, callable or None, default None
        None: the squared error. "mae", "huber", "log_cosh": outliers count less; ``losses.Quantile(0.9)``, or several
        quantiles, each a column of the prediction; "poisson" for counts, "gamma_deviance" and "tweedie_deviance" for
        amounts: the network then ends in a softplus, and the target is divided by its mean. The parameter of `Huber`
        is in units of the target's standard deviation, and so are losses in `history_`.
    metrics : list of str, Metric or function, optional
        Noted in `history_` after each epoch, of the target as it is trained on: "mae" is in standard deviations.

    Attributes
    ----------
    n_features_in_, feature_names_in_, table_schema_, encoder_, models_, model_, history_, histories_, n_iter_
        As of `Classifier`; so are `notes_`, `rows_kept_`, `loss_`, `loss_curve_`, `best_loss_`, `validation_scores_`,
        `best_validation_score_`, `coefs_`, `intercepts_`, `n_layers_`, `n_outputs_` and `out_activation_`.
    oof_prediction_ : array
        For each row of fit the mean prediction of members that were not trained on it, in the shape of predictions;
        see `Classifier`.
    scores_ : dict of float
        ``r2``, ``rmse`` and ``mae`` of `oof_prediction_`, the latter in the target's unit; of several outputs the means
        over them. Empty where no row was held out, or under a loss of several quantiles. See `Classifier`.
    target_ : ValueTarget
        What standardises the target.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> x = np.linspace(0, 10, 300).reshape(-1, 1)
    >>> regressor = Regressor(random_state=0).fit(x, np.sin(x.ravel()))
    >>> regressor.predict([[np.pi / 2]]).round(1)
    array([1.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = COMMON
    _kind = "regressor"
    _several = True

    def __init__(  # noqa: PLR0913  (every setting of network and training)
        self,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        *,
        preset: str = DEFAULT,
        members: int | str = "auto",
        time_limit: float | None = None,
        activation: str | Activation = "auto",
        dropout: float | str = "auto",
        model: Sequential | Callable[..., Sequential] | None = None,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | LearningRateSchedule | None = None,
        schedule: str = "cosine",
        batch_size: int | str = "auto",
        epochs: int | str = "auto",
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        patience: int | str = "auto",
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float | None = None,
        use_ema: bool = True,
        loss: str | Loss | Callable[[Any, Any], Any] | None = None,
        metrics: Any = None,
        callbacks: Any = None,
        shuffle: bool = True,
        numeric: str = "auto",
        numeric_embedding: str = "auto",
        n_neighbors: int | str = "auto",
        kinds: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.preset = preset
        self.members = members
        self.time_limit = time_limit
        self.activation = activation
        self.dropout = dropout
        self.model = model
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.use_ema = use_ema
        self.loss = loss
        self.metrics = metrics
        self.callbacks = callbacks
        self.shuffle = shuffle
        self.numeric = numeric
        self.numeric_embedding = numeric_embedding
        self.n_neighbors = n_neighbors
        self.kinds = kinds
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.warm_start = warm_start

    def __sklearn_tags__(self) -> Tags:
        """Several outputs are possible, except where each predicts the one target; some losses need it above zero."""
        tags = super().__sklearn_tags__()
        try:
            loss = losses.get(self.loss or "mse")
        except (TabgradError, TypeError, ValueError):  # any rubbish may stand there until fit
            loss = losses.get("mse")
        tags.target_tags.multi_output = not loss.shared_target
        tags.target_tags.positive_only = positive(loss)
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one more epoch on these rows, at a constant learning rate.

        The first call fits the encoding and the target's scale, which later ones keep. Nothing is held out.

        Parameters
        ----------
        X, y, sample_weight
            As for fit.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, go_on=hasattr(self, "models_"), one_epoch=True)

    def predict(self, X: Any) -> np.ndarray:
        """The predicted number of each row, in the target's unit.

        Parameters
        ----------
        X : as for fit, with the columns of the fit
            See `Classifier.predict`.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
            float64, shaped as y was; a column for each quantile of a `losses.Quantile` of several.
        """
        mean = self._outputs(X)
        values: np.ndarray = self.target_.decode(mean)
        return values if values.shape[1] > 1 or self._wide else values[:, 0]

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """An interval for each row that holds its number with a given probability.

        It lies around what `predict` gives. How wide it must be is known from the rows of the fit that were held out:
        how far the predictions of networks that had not seen them were off (conformal prediction). Of new rows like
        those of the fit, a share `coverage` has its number in the interval, whatever the data; of rows of another
        kind, or of a later time, there is no such promise. Where predictions of that size are less sure, intervals are
        wider. Of several targets each has intervals of its own.

        Parameters
        ----------
        X : as for predict
        coverage : float, default 0.9
            In (0, 1). Of n rows held out at most ``n / (n + 1)``.

        Returns
        -------
        array of shape (rows, 2) or (rows, outputs, 2)
            Lower and upper end, in the target's unit; the shape of `predict`'s result and an axis more. Lower ends are
            not below 0 where the loss is of numbers that never are.

        Raises
        ------
        ArgumentError
            No rows were held out in the fit; too few for this coverage; a loss of several quantiles, which are
            intervals by themselves.

        Notes
        -----
        The formula is ``p +- c s(p) q``: q is the ``ceil((n + 1) coverage)``-th smallest of the n residuals
        ``|y - p| / s(p)`` of held-out rows, s the typical residual of predictions like p, and c, the share of a
        network's error that is left in the mean of several, comes from the ambiguity decomposition. It has been
        measured on five tables (docs/log.md). The sources: J. Lei et al., "Distribution-Free Predictive Inference for
        Regression", 2018; V. Vovk, "Cross-conformal predictors", 2015; H. Papadopoulos et al., "Regression Conformal
        Prediction with Nearest Neighbours", 2011; A. Krogh, J. Vedelsby, "Neural Network Ensembles, Cross Validation,
        and Active Learning", 1995.

        Examples
        --------
        >>> import numpy as np
        >>> from tabgrad import Regressor
        >>> random = np.random.default_rng(0)
        >>> x, noise = random.uniform(size=(600, 1)), random.uniform(-1, 1, 600)
        >>> regressor = Regressor(random_state=0).fit(x, 5 * x.ravel() + noise)
        >>> regressor.predict_interval([[0.5]], coverage=0.9).round(0)
        array([[2., 3.]])
        """
        check_is_fitted(self)
        self._intervals(np.empty((0, len(self._residuals))), coverage)  # refuses before there is work
        ends = self._intervals(self.target_.decode(self._outputs(X)), coverage)
        return ends if ends.shape[1] > 1 or self._wide else ends[:, 0]

    def _intervals(self, values: np.ndarray, coverage: float) -> np.ndarray:
        """The intervals around predictions of shape (rows, outputs): (rows, outputs, 2)."""
        if not self._residuals:
            raise ArgumentError(self._why_no_interval())
        ends = intervals(self._residuals, values, coverage)
        return np.maximum(ends, 0) if positive(losses.get(self.loss or "mse")) else ends

    def _why_no_interval(self) -> str:
        if self.models_[0].plan().network.outputs != self.target_.outputs:
            return "This Regressor learned several quantiles: what predict gives is an interval, if they are its ends."
        return (
            "predict_interval needs rows that were held out in the fit, and there were none. Fit again with members=2 "
            "or more, or with early_stopping=True, and not under warm_start, whose networks may know them. (Files of "
            "versions before predict_interval hold nothing of them.)"
        )

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, the coefficient of determination, on these rows, as scikit-learn's.

        Parameters
        ----------
        X, y, sample_weight
            As for fit; y may be the name of a column of X.
        """
        X, y = self._scored(X, y)
        return float(super().score(X, y, sample_weight))

    # ---- What a regressor does differently -------------------------------------------------------------------------

    def _outputs_named(self) -> tuple[tuple[str, ...], list[str]]:
        target, outputs = self.target_, self.n_outputs_
        names = self._target_names or tuple(f"y{place}" if outputs > 1 else "y" for place in range(outputs))
        scaled = [
            f"{name} is learned as ({name} - {mean:.6g}) / {scale:.6g}"
            for name, mean, scale in zip(names, target.mean, target.scale, strict=False)
        ]
        return names if len(names) == outputs else (), scaled

    def _read(self, y: Any) -> Any:
        return read_values(y, type(self).__name__, several=self.__sklearn_tags__().target_tags.multi_output)

    def _answers(
        self, y: Any, kept: np.ndarray | None, classes: Any, target: ValueTarget | None
    ) -> tuple[ValueTarget | None, np.ndarray]:
        loss = value_head(1, self.loss).loss
        ValueTarget.fit(y)  # refuses what is no number, and names the rows
        values = np.asarray(y, np.float64)
        _check_sign(values, loss)
        values = values.reshape(len(values), -1)
        _check_size(values)
        return target, values if kept is None else values[kept]

    def _weighted(self, sample: Sample, target: ValueTarget) -> Sample:
        return sample

    def _fitted(self, target: ValueTarget | None, sample: Sample) -> ValueTarget:
        """Mean and deviation, each row with its weight; where the loss is of proportions, the mean size alone."""
        if target is not None:
            return target
        y, loss, fitted = sample.y, losses.get(self.loss or "mse"), ValueTarget.fit(sample.y)
        if isinstance(loss, losses.MeanSquaredLogarithmicError):
            mean, scale = np.zeros(y.shape[1]), np.ones(y.shape[1])
        elif positive(loss) or isinstance(loss, losses.MeanAbsolutePercentageError):
            mean, scale = np.zeros(y.shape[1]), np.average(np.abs(y), axis=0, weights=sample.weight)
        elif sample.weight is None:
            return fitted
        else:
            mean = np.average(y, axis=0, weights=sample.weight)
            scale = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample.weight))
        scale = np.where(scale > 0, scale, 1.0)
        return replace(fitted, mean=tuple(mean.tolist()), scale=tuple(scale.tolist()))

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def _head(self, target: ValueTarget) -> Head:
        return value_head(target.outputs, self.loss)

    def _start(self, head: Head, target: ValueTarget, sample: Sample) -> np.ndarray:
        """The mean of the target, as the last activation makes it."""
        mean = np.average(target.encode(sample.y), axis=0, weights=sample.weight)
        if head.activation == "softplus":
            mean = np.log(np.expm1(np.clip(mean, 1e-3, 80)))
        return np.broadcast_to(mean, head.units).astype(np.float32)

    def _learned(self, y: np.ndarray, target: ValueTarget, model: Sequential) -> np.ndarray:
        return target.encode(y)

    def _read_out(self, model: Sequential, outputs: np.ndarray) -> np.ndarray:
        return outputs.astype(np.float64)

    def _decoded(self, mean: np.ndarray, target: ValueTarget) -> np.ndarray:
        values: np.ndarray = target.decode(mean)
        return values if values.shape[1] > 1 else values[:, 0]

    def _scores_of(self, held: Held) -> dict[str, float]:
        return value_scores(held) if held.prediction.shape == held.y.shape else {}

    def _temperature_of(self, held: Held, seen: Seen | None) -> float:
        return 1.0

    def _tempered(self, mean: np.ndarray) -> np.ndarray:
        return mean

    def _residuals_of(
        self, held: Held, target: ValueTarget, seen: Seen | None, temperature: float
    ) -> tuple[Residuals, ...]:
        if held.prediction.shape != held.y.shape:
            return ()
        said = None if seen is None else target.decode(seen.outputs())
        residuals = []
        for place, (y, prediction) in enumerate(zip(held.y.T, held.prediction.T, strict=True)):
            factor = 1.0
            if seen is not None and said is not None:
                error = float(np.average((y - prediction) ** 2, weights=held.weight))
                between = spread(said[:, :, place], seen.trained, seen.weight)
                factor = share_of_mean(error, between, len(seen.models))
            residuals.append(Residuals.of(y, prediction, held.weight, factor))
        return tuple(residuals)


def _check_size(values: np.ndarray) -> None:
    """Refuse numbers whose squares are none."""
    rows = np.flatnonzero((np.abs(values) > LARGEST_TARGET).any(axis=1))
    if len(rows):
        raise DataError(
            f"y must be at most {LARGEST_TARGET:g} in size, or its squared errors are no numbers. Got "
            f"{np.abs(values).max():g} (row {rows[0]}). Divide it by its unit."
        )


def _check_sign(y: np.ndarray, loss: Loss) -> None:
    """Refuse targets on the wrong side of zero, with their rows."""
    wrong = y <= 0 if loss.target == "positive" else y < 0
    if loss.target not in ("not_negative", "positive") or not wrong.any():
        return
    rows = np.unique(np.nonzero(wrong)[0])
    listed = ", ".join(map(str, rows[:SHOWN].tolist())) + (", ..." if len(rows) > SHOWN else "")
    rule = "be above 0" if loss.target == "positive" else "not be negative"
    raise DataError(
        f"y must {rule} for {loss.kind}. Got {shown(y[wrong][0])}; so in {len(rows)} rows ({listed}). Leave such rows "
        "out, or use loss='mse'."
    )
