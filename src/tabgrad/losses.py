r"""Losses: what training makes small.

A batch of ``B`` rows with weights ``w`` has the loss ``L = (1/B) sum_i w_i l(y_i, p_i)``, to which the network's
regularisers are added. ``l`` is what each record here defines, most of them from the theory of maximum likelihood:
squared error is the negative log-likelihood of a normal distribution around the prediction, absolute error that of a
Laplace distribution, cross-entropy that of the observed classes, the deviances those of counts and of amounts.

Rows: ``y`` is the target, ``p`` the network's output, ``outputs`` its width, ``e`` = 1e-7. At a kink the derivative
is the one that Keras takes: of ``max(x, 0)`` at 0 it is 1/2, of ``|y - p|`` at ``p = y`` the one below, -1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from tabgrad import activations
from tabgrad._checks import NOT_NEGATIVE, POSITIVE, Interval, check_numbers
from tabgrad._loss_functions import check_gradient, check_takes_two, name_of
from tabgrad._record import Record

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "Function",
    "GammaDeviance",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "Quantile",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "TweedieDeviance",
    "check_gradient",
    "get",
]

Target = Literal["values", "not_negative", "positive", "signs", "probabilities", "one_hot", "labels", "columns"]
"""What a target may hold: any finite numbers; those from 0 on; those above 0; classes -1 and 1, or 0 and 1; numbers in
[0, 1]; rows that sum to 1; integers in [0, outputs); any finite numbers in as many columns as a function wants."""


@dataclass(frozen=True)
class Loss(Record):
    """Base of the losses.

    `target` says what the target may hold. `link` is the activation whose derivative cancels against the loss's own:
    with it as the last activation, the error term of the network's last weighted sums is ``w (p - y) / B``, and both
    engines compute it so. `shared_target` is set where all outputs predict one column, each something else of it.

    Parameters
    ----------
    name : str or None, default None
        Means nothing to the training: records that differ in it are equal.
    """

    target: ClassVar[Target]
    link: ClassVar[type[activations.Activation] | None] = None
    from_logits = False  # without annotation: a field only where a loss makes it one, and in the order of its own
    shared_target: ClassVar[bool] = False
    name: str | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """``l = (1/outputs) sum_j (y_j - p_j)^2``, ``dl/dp_j = 2 (p_j - y_j) / outputs``.

    Least squares: the maximum likelihood estimate under normal errors of equal variance.

    Examples
    --------
    >>> from tabgrad import losses
    >>> losses.get("mse")
    MeanSquaredError()
    """

    target = "values"


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """``l = (1/outputs) sum_j |y_j - p_j|``, ``dl/dp_j = s_j / outputs``, ``s_j`` 1 above ``y_j``, else -1.

    The maximum likelihood estimate under errors of a Laplace distribution: ``p`` tends to the median.
    """

    target = "values"


@dataclass(frozen=True)
class MeanAbsolutePercentageError(Loss):
    """``l = (100/outputs) sum_j |y_j - p_j| / max(|y_j|, e)``.

    ``dl/dp_j = 100 s_j / max(|y_j|, e) / outputs``, ``s_j`` being 1 above ``y_j``, else -1. A target
    of 0 is taken as 1e-7, so that its rows weigh more than all others together: leave them out, or take another loss.
    """

    target = "values"


@dataclass(frozen=True)
class MeanSquaredLogarithmicError(Loss):
    """``l = (1/outputs) sum_j (u_j - v_j)^2``, ``u = log(1 + max(p, e))``, ``v = log(1 + max(y, e))``.

    ``dl/dp_j = 2 (u_j - v_j) / (1 + p_j) / outputs`` where ``p_j > e``, else 0. As in Keras nothing is refused:
    whatever is below 1e-7, targets and predictions at and below -1 among them, counts as 1e-7. A network whose outputs
    are all below it does not move: end it with a softplus.
    """

    target = "values"


@dataclass(frozen=True)
class Huber(Loss):
    """``l = (1/outputs) sum_j h(p_j - y_j)``: quadratic near 0, linear beyond, so that outliers do not rule.

    ``h(d) = d^2 / 2`` where ``|d| <= delta``, else ``delta |d| - delta^2 / 2``; ``dh/dd`` is ``d`` cut to
    ``[-delta, delta]``.

    Parameters
    ----------
    delta : float, default 1
        Above 0: where the line begins.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", 1964.
    """

    target = "values"
    delta: Annotated[float, POSITIVE] = 1.0


@dataclass(frozen=True)
class LogCosh(Loss):
    """``l = (1/outputs) sum_j log cosh(p_j - y_j)``, ``dl/dp_j = tanh(p_j - y_j) / outputs``.

    Near 0 about ``d^2 / 2``, far from it ``|d| - log 2``: a smooth Huber loss.
    """

    target = "values"


@dataclass(frozen=True)
class Quantile(Loss):
    """``l = (1/outputs) sum_j max(q_j (y - p_j), (q_j - 1) (y - p_j))``: output ``j`` tends to the quantile ``q_j``.

    ``dl/dp_j = (1 - q_j) / outputs`` above ``y``, ``-q_j / outputs`` below, ``(1/2 - q_j) / outputs`` at it. Also
    called pinball loss; for ``q = 1/2`` half the absolute error. Keras has no such loss.

    Parameters
    ----------
    quantiles : tuple of float, or float, default (0.5,)
        Each in (0, 1), one an output of the network. The target is one column, whatever their number.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", 1978.

    Examples
    --------
    The middle and an interval that should hold four in five rows, all from one network:

    >>> from tabgrad.layers import Dense
    >>> from tabgrad.losses import Quantile
    >>> from tabgrad.models import Sequential
    >>> model = Sequential([Dense(8, "relu"), Dense(3)])
    >>> model.compile("adam", Quantile((0.1, 0.5, 0.9)))
    """

    target = "values"
    shared_target = True
    quantiles: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        """Take one number or several, each in (0, 1)."""
        super().__post_init__()
        checked = check_numbers(self.quantiles, "quantiles", "Quantile", Interval(0, 1, "()"))
        object.__setattr__(self, "quantiles", checked)


@dataclass(frozen=True)
class Poisson(Loss):
    """``l = (1/outputs) sum_j (p_j - y_j log(p_j + e))``, ``dl/dp_j = (1 - y_j / (p_j + e)) / outputs``.

    The negative log-likelihood of counts ``y`` of a Poisson distribution with mean ``p``, without what does not depend
    on ``p``. ``p`` must be positive: end the network with a softplus. Targets must not be negative.
    """

    target = "not_negative"


@dataclass(frozen=True)
class GammaDeviance(Loss):
    """``l = (2/outputs) sum_j (log(p_j / y_j) + y_j / p_j - 1)``, ``dl/dp_j = 2 (p_j - y_j) / p_j^2 / outputs``.

    Twice what the log-likelihood of a gamma distribution with mean ``p`` lacks to its maximum: for amounts whose
    deviation grows with them. ``p`` must be positive: end the network with a softplus. Targets must be above 0. Keras
    has no such loss.

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized linear models", 1989, section 2.3.

    Examples
    --------
    >>> from tabgrad import losses
    >>> losses.get("gamma_deviance")
    GammaDeviance()
    """

    target = "positive"


@dataclass(frozen=True)
class TweedieDeviance(Loss):
    """``l = (2/outputs) sum_j (y_j^(2-r) / ((1-r)(2-r)) - y_j p_j^(1-r) / (1-r) + p_j^(2-r) / (2-r))``.

    ``dl/dp_j = 2 (p_j - y_j) p_j^-r / outputs``, ``r`` being the power. The variance of a row is proportional to
    ``p^r``: a Poisson number of gamma distributed amounts, so that exact zeros have their place among amounts (claims
    of insurance, rain). ``p`` must be positive: end the network with a softplus. Targets must not be negative. Keras
    has no such loss.

    Parameters
    ----------
    power : float, default 1.5
        In (1, 2): towards 1 a Poisson, towards 2 a gamma deviance.

    References
    ----------
    B. Jorgensen, "Exponential dispersion models", 1987.

    Examples
    --------
    >>> from tabgrad.losses import TweedieDeviance
    >>> TweedieDeviance(1.8)
    TweedieDeviance(power=1.8)
    """

    target = "not_negative"
    power: Annotated[float, Interval(1, 2, "()")] = 1.5


@dataclass(frozen=True)
class Hinge(Loss):
    """``l = (1/outputs) sum_j max(1 - y_j p_j, 0)`` for classes ``y`` of -1 and 1.

    ``dl/dp_j = -y_j [1 - y_j p_j > 0] / outputs``. Classes 0 and 1 are taken as -1 and 1. The prediction's sign is the
    class, its size no probability.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-vector networks", 1995.
    """

    target = "signs"


@dataclass(frozen=True)
class SquaredHinge(Loss):
    """``l = (1/outputs) sum_j m_j^2``, ``m_j = max(1 - y_j p_j, 0)``, ``dl/dp_j = -2 y_j m_j / outputs``.

    For classes -1 and 1; 0 and 1 are taken as them.
    """

    target = "signs"


@dataclass(frozen=True)
class CategoricalHinge(Loss):
    """``l = max(1 + n - s, 0)``, ``s = sum_j y_j p_j``, ``n = max_j (1 - y_j) p_j``, for one-hot targets.

    ``dl/dp_j = [1 + n - s > 0] ((1 - y_j) t_j - y_j)``, ``t_j`` being 1 where the maximum is, and where several share
    it, one part for each.

    References
    ----------
    K. Crammer and Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines", 2001.
    """

    target = "one_hot"


@dataclass(frozen=True)
class KLDivergence(Loss):
    """``l = sum_j v_j log(v_j / u_j)``, ``v`` and ``u`` being ``y`` and ``p`` kept within [e, 1].

    ``dl/dp_j = -v_j / p_j`` inside of the interval, 0 outside. How far the distribution ``p`` is from ``y``: rows of
    the target sum to 1. Cross-entropy without what ``y`` alone costs.

    References
    ----------
    S. Kullback and R. A. Leibler, "On information and sufficiency", 1951.
    """

    kind = "kl_divergence"
    target = "one_hot"


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """``l = -(1/outputs) sum_j (y_j log p_j + (1 - y_j) log(1 - p_j))``.

    ``dl/dp_j = (p_j - y_j) / (p_j (1 - p_j)) / outputs``; on a sigmoid, or from logits ``z``, simply
    ``dl/dz_j = (p_j - y_j) / outputs``. Without either, ``p`` is kept within [1e-7, 1 - 1e-7].

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = 1 / (1 + e^-z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / 2``.
    """

    target = "probabilities"
    link = activations.Sigmoid
    from_logits: bool = False
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """``l = -sum_j y_j log p_j`` for one-hot (or soft) targets ``y``.

    ``dl/dp_j = -y_j / p_j``; on a softmax, or from logits ``z``, simply ``dl/dz_j = p_j sum(y) - y_j``. Without either,
    ``p`` is first divided by its sum and kept within [1e-7, 1 - 1e-7].

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = softmax(z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / outputs``.

    References
    ----------
    Label smoothing: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.
    """

    target = "one_hot"
    link = activations.Softmax
    from_logits: bool = False
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(Loss):
    """``l = -log p_c`` for a target that is the class's index ``c``: categorical cross-entropy without the one-hot.

    Parameters
    ----------
    from_logits : bool, default False
        The network's output is ``z`` and ``p = softmax(z)``.
    """

    target = "labels"
    link = activations.Softmax
    from_logits: bool = False


@dataclass(frozen=True)
class BinaryFocalCrossentropy(Loss):
    """``l = (1/outputs) sum_j a_j m_j^gamma c_j``: cross-entropy ``c`` where what is easy counts for less.

    ``c_j = -(y_j log p_j + (1 - y_j) log(1 - p_j))``, ``m_j = |y_j (1 - p_j) + (1 - y_j) p_j|``, and ``a_j`` is 1, or
    with class balancing ``y_j alpha + (1 - y_j) (1 - alpha)``::

        dl/dp_j = a_j (m_j^gamma dc_j/dp_j + gamma m_j^(gamma-1) (1 - 2 y_j) c_j) / outputs

    In ``c``, ``p`` is kept within [e, 1 - e]; on a sigmoid, or from logits, nothing is cut and ``dl/dz_j`` is the above
    times ``p_j (1 - p_j)``.

    Parameters
    ----------
    apply_class_balancing : bool, default False
    alpha : float, default 0.25
        In [0, 1]: the weight of class 1.
    gamma : float, default 2
        At least 0: how much less; 0 is cross-entropy.
    from_logits : bool, default False
        The network's output is ``z`` and ``p = 1 / (1 + e^-z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / 2``.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", 2017.
    """

    target = "probabilities"
    link = activations.Sigmoid
    apply_class_balancing: bool = False
    alpha: Annotated[float, Interval(0, 1)] = 0.25
    gamma: Annotated[float, NOT_NEGATIVE] = 2.0
    from_logits: bool = False
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0


@dataclass(frozen=True)
class CategoricalFocalCrossentropy(Loss):
    """``l = -sum_j alpha_j (1 - p_j)^gamma y_j log p_j`` for one-hot (or soft) targets ``y``.

    ``dl/dp_j = g_j = alpha_j y_j (gamma (1 - p_j)^(gamma-1) log p_j - (1 - p_j)^gamma / p_j)``; on a softmax, or from
    logits, ``dl/dz_j = p_j (g_j - sum_k p_k g_k)``. Without either, ``p`` is first divided by its sum and kept within
    [e, 1 - e].

    Parameters
    ----------
    alpha : float or tuple of float, default 0.25
        At least 0: the weight of all classes, or of each.
    gamma : float, default 2
        At least 0: how much less an easy row counts; 0 is cross-entropy.
    from_logits : bool, default False
        The network's output is ``z`` and ``p = softmax(z)``.
    label_smoothing : float, default 0
        In [0, 1]: ``y`` becomes ``y (1 - s) + s / outputs``.

    References
    ----------
    T.-Y. Lin et al., "Focal loss for dense object detection", 2017.

    Examples
    --------
    >>> from tabgrad.losses import CategoricalFocalCrossentropy
    >>> CategoricalFocalCrossentropy(alpha=(0.2, 0.3, 0.5)).alpha
    (0.2, 0.3, 0.5)
    """

    target = "one_hot"
    link = activations.Softmax
    alpha: float | tuple[float, ...] = 0.25
    gamma: Annotated[float, NOT_NEGATIVE] = 2.0
    from_logits: bool = False
    label_smoothing: Annotated[float, Interval(0, 1)] = 0.0

    def __post_init__(self) -> None:
        """Take one weight for all classes or one for each."""
        super().__post_init__()
        checked = check_numbers(self.alpha, "alpha", "CategoricalFocalCrossentropy", NOT_NEGATIVE)
        object.__setattr__(self, "alpha", checked if isinstance(self.alpha, (list, tuple)) else checked[0])


@dataclass(frozen=True, repr=False)
class Function(Loss):
    """``l_i`` and ``dl_i/dp_ij`` as a function of yours gives them, in NumPy; `compile` makes one of any function.

    The function is called once a batch as ``function(y_true, y_pred)`` and returns ``(loss, gradient)``:

    - `y_true`: the target, float32 of shape (rows, columns); its columns need not be as many as the outputs, unless
      there are metrics. With `labels`, int64 of shape (rows,).
    - `y_pred`: the network's output, float32 of shape (rows, outputs). Neither may be written to.
    - `loss`: ``l_i``, the loss of each row, shape (rows,). It must follow from that row alone, for rows come in batches
      of other sizes when they are scored.
    - `gradient`: ``dl_i/dp_ij``, its derivative by each output, in the shape of `y_pred`. Neither is averaged over the
      rows or weighted: sample weights and the mean over the batch are applied to both afterwards.

    Nothing is differentiated for you: `check_gradient` holds what you return against differences. Every batch waits for
    Python, some 20 microseconds and what the function takes itself; the losses above do not. What the function raises
    ends `fit` as an exception of a callback does, with a note that names it: the weights are those of the last finished
    epoch. A plan with such a loss is no JSON, and it is pickled only where the function can be: defined in a module, no
    lambda.

    Parameters
    ----------
    function : callable
    name : str or None, default None
        For messages; None: the function's own.
    labels : bool, default False
        The targets are the numbers of classes, as for `SparseCategoricalCrossentropy`.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        The function cannot take two arguments; or, while the model is trained or scored, it returned something else.

    Examples
    --------
    Errors above cost twice of those below:

    >>> import numpy as np
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.losses import check_gradient
    >>> from tabgrad.models import Sequential
    >>> def lopsided(y_true, y_pred):
    ...     error = y_pred - y_true
    ...     cost = np.where(error > 0, 2, 1)
    ...     return (cost * error**2).mean(axis=1), 2 * cost * error / error.shape[1]
    >>> check_gradient(lopsided, [0.0, 1.0], [0.5, 0.5])
    >>> model = Sequential([Dense(1, input_dim=1)])
    >>> model.compile("adam", lopsided)
    >>> model.loss
    Function(lopsided)
    """

    function: Callable[[Any, Any], Any]
    labels: bool = field(default=False, kw_only=True)
    name: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Check that it can be called with two arguments, and name it."""
        super().__post_init__()
        check_takes_two(self.function)
        object.__setattr__(self, "name", self.name or name_of(self.function))

    @property
    def target(self) -> Target:  # type: ignore[override]  # of each record here, not of the class
        """Labels, or whatever columns the function wants."""
        return "labels" if self.labels else "columns"

    def numbers(self) -> tuple[float, ...]:
        """None: engines call the function itself."""
        return ()

    def __repr__(self) -> str:
        """By its name."""
        return f"Function({self.name}{', labels=True' if self.labels else ''})"


CATALOGUE: dict[str, type[Loss]] = {
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "quantile": Quantile,
    "poisson": Poisson,
    "gamma_deviance": GammaDeviance,
    "tweedie_deviance": TweedieDeviance,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "kl_divergence": KLDivergence,
    "kld": KLDivergence,
    "KLD": KLDivergence,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
}


def get(identifier: str | Loss | Callable[[Any, Any], Any]) -> Loss:
    """The loss that a name, an instance or a function stands for.

    Examples
    --------
    >>> from tabgrad import losses
    >>> losses.get("binary_crossentropy")
    BinaryCrossentropy(from_logits=False, label_smoothing=0.0)
    """
    if callable(identifier) and not isinstance(identifier, (Loss, type)):
        return Function(identifier)
    return Loss.get(identifier, CATALOGUE, "loss")
