r"""The optimizers: how a gradient becomes a step.

Symbols: ``w`` the weights, ``g`` the gradient of the loss with its regularisation term, ``lr`` the learning rate, ``t``
the number of the step from 1. Before each step, in this order: ``g`` is clipped, then ``w`` decays by
``w <- w (1 - lr * weight_decay)``. Where a layer says so by its factors (`layers.Weight.rate_factor`), ``lr`` is the
learning rate times the array's own factor, in the step and in the decay alike. After each step the average of the
weights moves, if there is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from tabgrad._checks import COUNT, FRACTION, NOT_NEGATIVE, POSITIVE, SHARE, Interval
from tabgrad._record import Record
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.optimizers.schedules import (
    LEARNING_RATE,
    WEIGHT_DECAY,
    LearningRateSchedule,
    Ruled,
    Scheduled,
    as_schedule,
)

CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
FREQUENCY = Interval(1, 2**31 - 1)


@dataclass(frozen=True)
class Optimizer(Record):
    """Base of the optimizers.

    `whole` says whether a step takes all rows, whatever the batch.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
        At least 0. A callable is given the number of steps so far, or nothing where it takes nothing.
    weight_decay : float, LearningRateSchedule, callable or None, default None
        Decoupled decay of all weights, per step and in units of the learning rate; as a schedule, of the step's own.
        Keras takes numbers alone.
    clipnorm : float or None, default None
        Scale each array's gradient down to this Euclidean norm where it is larger.
    clipvalue : float or None, default None
        Cut each number of a gradient to [-clipvalue, clipvalue].
    global_clipnorm : float or None, default None
        Scale all gradients by one factor so that their joint norm is at most this. At most one of the three clips.
    use_ema : bool, default False
        Keep a running average of the weights: ``a <- w`` after the first step, then
        ``a <- ema_momentum a + (1 - ema_momentum) w``. `Sequential.fit` ends with the averages as weights; its
        validation scores ``w``, unless `callbacks.SwapEMAWeights` changes them.
    ema_momentum : float, default 0.99
        In [0, 1].
    ema_overwrite_frequency : int or None, default None
        Every so many steps ``w <- a``.
    ema_warm_up : bool, default False
        Begin with a short memory, so that the averages of a young run do not lag behind: step ``t``, the first one
        included, has the momentum ``min(ema_momentum, t / (t + 9))``, which is 0.1 at first and 0.99 from step 891 on.
        The form is that of TensorFlow's ``ExponentialMovingAverage`` with ``num_updates``; Keras has none.
    name : str or None, default None
        Means nothing to the training: records that differ in it are equal.
    """

    whole: ClassVar[bool] = False
    in_a_model: ClassVar[Mapping[str, str]] = MappingProxyType({"learning_rate": "model.learning_rate"})
    ruled: ClassVar[Mapping[str, Ruled]] = MappingProxyType(
        {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}
    )
    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    weight_decay: Annotated[float | LearningRateSchedule | None, NOT_NEGATIVE] = field(default=None, kw_only=True)
    clipnorm: Annotated[float | None, POSITIVE] = field(default=None, kw_only=True)
    clipvalue: Annotated[float | None, POSITIVE] = field(default=None, kw_only=True)
    global_clipnorm: Annotated[float | None, POSITIVE] = field(default=None, kw_only=True)
    use_ema: bool = field(default=False, kw_only=True)
    ema_momentum: Annotated[float, Interval(0, 1)] = field(default=0.99, kw_only=True)
    ema_overwrite_frequency: Annotated[int | None, FREQUENCY] = field(default=None, kw_only=True)
    ema_warm_up: bool = field(default=False, kw_only=True)
    name: str | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check the fields, and that at most one way of clipping is chosen."""
        for name, of in self.ruled.items():
            object.__setattr__(self, name, as_schedule(getattr(self, name), name, of))
        super().__post_init__()
        given = [f"'{name}'" for name in CLIPPING if getattr(self, name) is not None]
        if len(given) > 1:
            raise ArgumentError(
                f"{type(self).__name__} takes at most one of 'clipnorm', 'clipvalue' and 'global_clipnorm'. "
                f"Got {' and '.join(given)}. Leave out all but one."
            )

    @property
    def schedule(self) -> LearningRateSchedule | None:
        """What rules the learning rate, unless it is a number."""
        return self.learning_rate if isinstance(self.learning_rate, LearningRateSchedule) else None

    def rate_of(self, steps: int) -> float:
        """The learning rate of the step that comes after this many others."""
        rate = self.learning_rate
        return float(rate.rates(steps)[0]) if isinstance(rate, LearningRateSchedule) else rate

    @property
    def scheduled(self) -> tuple[Scheduled, ...]:
        """What schedules rule, in the order of `numbers`, in which it is infinite."""
        given = ((getattr(self, name), of) for name, of in self.ruled.items())
        return tuple(Scheduled(value, of) for value, of in given if isinstance(value, LearningRateSchedule))

    def decaying_in(self, steps: int) -> Self:
        """The optimizer with the decays of the step that comes after this many others in the place of schedules."""
        given = {name: getattr(self, name) for name, of in self.ruled.items() if of is WEIGHT_DECAY}
        decays: dict[str, Any] = {
            name: float(value.rates(steps, WEIGHT_DECAY)[0])
            for name, value in given.items()
            if isinstance(value, LearningRateSchedule)
        }
        return replace(self, **decays) if decays else self

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays that the formula carries for each weight."""
        return ()

    @property
    def carried(self) -> tuple[str, ...]:
        """The slots, and behind them the average of the weights, if there is one."""
        return (*self.slots, *(["ema"] if self.use_ema else []))

    def ema_momentum_of(self, steps: int) -> float:
        """The share that the average keeps at the step that comes after this many others."""
        if self.ema_warm_up:
            return min(self.ema_momentum, (1 + steps) / (10 + steps))
        return self.ema_momentum if steps else 0.0

    @property
    def slot_start(self) -> float:
        """What all numbers in the slots are before the first step."""
        return 0.0


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: ``w <- w - lr g``.

    With momentum ``m <- momentum m - lr g`` and ``w <- w + m``, or, Nesterov's form, ``w <- w + momentum m - lr g``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.01
    momentum : float, default 0
        In [0, 1).
    nesterov : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.01
    momentum: Annotated[float, FRACTION] = 0.0
    nesterov: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``m``, if there is momentum."""
        return ("momentum",) if self.momentum > 0 else ()


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Divides the gradient by its running root mean square.

    ``v <- rho v + (1 - rho) g^2``, ``w <- w - lr g / sqrt(v + epsilon)``.

    Centered, with ``a <- rho a + (1 - rho) g``, the denominator is ``sqrt(max(v - a^2, 0) + epsilon)``. With momentum
    the step ``s`` is gathered, ``m <- momentum m + s``, and ``w <- w - m``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    rho : float, default 0.9
        In [0, 1).
    momentum : float, default 0
        In [0, 1).
    epsilon : float, default 1e-7
    centered : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5 - RMSProp", 2012.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    rho: Annotated[float, FRACTION] = 0.9
    momentum: Annotated[float, FRACTION] = 0.0
    epsilon: Annotated[float, POSITIVE] = 1e-7
    centered: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``v``, and ``m`` and ``a`` where they are used."""
        return ("velocity", *(["momentum"] if self.momentum > 0 else []), *(["average"] if self.centered else []))


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps by the mean gradient over its root mean square, both running and corrected for starting at zero.

    ``m <- beta_1 m + (1 - beta_1) g``, ``v <- beta_2 v + (1 - beta_2) g^2``,
    ``w <- w - lr (sqrt(1 - beta_2^t) / (1 - beta_1^t)) m / (sqrt(v) + epsilon)``.

    With `amsgrad` the largest ``v`` so far stands under the root: ``h <- max(h, v)``, ``sqrt(h)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float, default 0.9
        In [0, 1).
    beta_2 : float, default 0.999
        In [0, 1).
    epsilon : float, default 1e-7
        Keras's; the authors' "epsilon hat".
    amsgrad : bool, default False
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015. S. Reddi, S. Kale, S. Kumar, "On the
    convergence of Adam and beyond", 2018.

    Examples
    --------
    >>> from tabgrad import optimizers
    >>> optimizers.Adam(learning_rate=0.01).beta_1
    0.9
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    beta_1: Annotated[float, FRACTION] = 0.9
    beta_2: Annotated[float, FRACTION] = 0.999
    epsilon: Annotated[float, POSITIVE] = 1e-7
    amsgrad: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """``m``, ``v``, and ``h`` where it is used."""
        return ("momentum", "velocity", *(["velocity_hat"] if self.amsgrad else []))


@dataclass(frozen=True, init=False)
class AdamW(Adam):
    """Adam with decoupled weight decay; its arguments in Keras's order.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    weight_decay : float, LearningRateSchedule or None, default 0.004
    beta_1, beta_2, epsilon, amsgrad
        See `Adam`.
    clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up, name
        See `Optimizer`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    kind: ClassVar[str] = "adam"
    weight_decay: Annotated[float | LearningRateSchedule | None, NOT_NEGATIVE] = field(default=0.004, kw_only=True)

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        weight_decay: float | LearningRateSchedule | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        ema_warm_up: bool = False,
        name: str | None = None,
    ) -> None:
        """Check the numbers."""
        given = locals()
        for each in fields(self):
            object.__setattr__(self, each.name, given[each.name])
        self.__post_init__()


@dataclass(frozen=True)
class Adamax(Optimizer):
    """Adam with a running maximum of the gradient's size in the place of its root mean square.

    ``m <- beta_1 m + (1 - beta_1) g``, ``u <- max(beta_2 u, |g|)``,
    ``w <- w - (lr / (1 - beta_1^t)) m / (u + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float, default 0.9
        In [0, 1).
    beta_2 : float, default 0.999
        In [0, 1).
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    beta_1: Annotated[float, FRACTION] = 0.9
    beta_2: Annotated[float, FRACTION] = 0.999
    epsilon: Annotated[float, POSITIVE] = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``m`` and ``u``."""
        return ("momentum", "norm")


@dataclass(frozen=True)
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose share ``u_t = beta_1 (1 - 0.96^t / 2)`` grows over the first steps.

    ``m <- beta_1 m + (1 - beta_1) g``, ``v <- beta_2 v + (1 - beta_2) g^2``; with ``U_t = u_1 u_2 ... u_t``

    ``n = u_(t+1) m / (1 - U_(t+1)) + (1 - u_t) g / (1 - U_t)``,
    ``w <- w - lr n / (sqrt(v / (1 - beta_2^t)) + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float, default 0.9
        In [0, 1).
    beta_2 : float, default 0.999
        In [0, 1).
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    beta_1: Annotated[float, FRACTION] = 0.9
    beta_2: Annotated[float, FRACTION] = 0.999
    epsilon: Annotated[float, POSITIVE] = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``m`` and ``v``."""
        return ("momentum", "velocity")


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of its squares so far.

    ``a <- a + g^2``, ``w <- w - lr g / sqrt(a + epsilon)``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    initial_accumulator_value : float, default 0.1
        ``a`` before the first step, at least 0.
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    initial_accumulator_value: Annotated[float, NOT_NEGATIVE] = 0.1
    epsilon: Annotated[float, POSITIVE] = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``a``."""
        return ("accumulator",)

    @property
    def slot_start(self) -> float:
        """``a`` before the first step."""
        return self.initial_accumulator_value


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps in the size of the steps so far, so that they need no rate of their own (leave it at 1 for the paper's).

    ``a <- rho a + (1 - rho) g^2``, ``s = g sqrt(d + epsilon) / sqrt(a + epsilon)``, ``d <- rho d + (1 - rho) s^2``,
    ``w <- w - lr s``.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
        Keras's; the paper's is 1.
    rho : float, default 0.95
        In [0, 1).
    epsilon : float, default 1e-7
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    rho: Annotated[float, FRACTION] = 0.95
    epsilon: Annotated[float, POSITIVE] = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """``a`` and ``d``."""
        return ("accumulated_grad", "accumulated_delta_var")


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one size: the sign of a running mean of the gradient.

    ``w <- w - lr sign(beta_1 m + (1 - beta_1) g)``, then ``m <- beta_2 m + (1 - beta_2) g``.

    Its rate is to be a third to a tenth of Adam's, its weight decay so many times larger.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    beta_1 : float, default 0.9
        In (0, 1].
    beta_2 : float, default 0.99
        In [0, 1).
    weight_decay, clipnorm, clipvalue, global_clipnorm, name
        See `Optimizer`.
    use_ema, ema_momentum, ema_overwrite_frequency, ema_warm_up
        See `Optimizer`.

    References
    ----------
    X. Chen et al., "Symbolic discovery of optimization algorithms", 2023.
    """

    learning_rate: Annotated[float | LearningRateSchedule, NOT_NEGATIVE] = 0.001
    beta_1: Annotated[float, SHARE] = 0.9
    beta_2: Annotated[float, FRACTION] = 0.99

    @property
    def slots(self) -> tuple[str, ...]:
        """``m``."""
        return ("momentum",)


@dataclass(frozen=True, init=False)
class Muon(Optimizer):
    """Steps of matrices by their gathered gradient made orthogonal, so that all its directions count alike.

    ``m <- momentum m + g``, ``u = g + momentum m`` in Nesterov's form, else ``m``; then Newton and Schulz's iteration
    brings the singular values near 1, ``X = u / (|u| + 1e-7)``, `ns_steps` times

    ``A = X X^T``, ``X <- a X + (b A + c A A) X``,

    on the transposed matrix where it is taller than wide, and ``w <- w - lr rms_rate sqrt(max(rows, columns)) X``.

    What is no matrix, and what is excluded, steps as AdamW does, with the rate ``lr adam_lr_ratio``. Muon's authors
    exclude the last layer: ``exclude_layers=["output"]`` after naming it so. The products of five iterations on a
    square matrix of `n` rows take as long as ``5 n`` rows of a batch in that layer.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule, default 0.001
    adam_beta_1 : float, default 0.9
        In [0, 1), as the next two for AdamW's steps; see `Adam`.
    adam_beta_2 : float, default 0.999
    adam_weight_decay : float, LearningRateSchedule or None, default 0.004
        Of what steps as AdamW does.
    epsilon : float, default 1e-7
    weight_decay : float, LearningRateSchedule or None, default 0.004
        Of the matrices.
    clipnorm, clipvalue, global_clipnorm : float or None, default None
        See `Optimizer`.
    exclude_layers : list of str or None, default None
        Regular expressions, searched for in "layer/array": a layer's name, as `summary` shows it, and its array's.
    exclude_embeddings : bool, default True
        The same for "embedding", in letters of either case.
    muon_a, muon_b, muon_c : float, default 3.4445, -4.775, 2.0315
        ``a``, ``b`` and ``c``: chosen so that small singular values grow fast, at the price of ending between 0.7 and
        1.2.
    adam_lr_ratio : float, default 1
    momentum : float, default 0.95
        In [0, 1).
    ns_steps : int, default 5
    nesterov : bool, default True
    rms_rate : float or None, default 0.2
        With 0.2 a step is about as large as one of Adam, whose rate and decay then fit. None: ``w <- w - lr X``.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. J. Liu et al., "Muon is scalable
    for LLM training", 2025.

    Examples
    --------
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> from tabgrad.optimizers import Muon
    >>> model = Sequential([Dense(64, "relu", input_dim=54), Dense(64, "relu"), Dense(7, name="output")])
    >>> model.compile(Muon(exclude_layers=["output"]), "sparse_categorical_crossentropy")
    """

    ruled: ClassVar[Mapping[str, Ruled]] = MappingProxyType({**Optimizer.ruled, "adam_weight_decay": WEIGHT_DECAY})
    weight_decay: Annotated[float | LearningRateSchedule | None, NOT_NEGATIVE] = field(default=0.004, kw_only=True)
    adam_beta_1: Annotated[float, FRACTION] = 0.9
    adam_beta_2: Annotated[float, FRACTION] = 0.999
    adam_weight_decay: Annotated[float | LearningRateSchedule | None, NOT_NEGATIVE] = 0.004
    epsilon: Annotated[float, POSITIVE] = 1e-7
    exclude_layers: tuple[str, ...] = ()
    exclude_embeddings: bool = True
    muon_a: Annotated[float, Interval()] = 3.4445
    muon_b: Annotated[float, Interval()] = -4.775
    muon_c: Annotated[float, Interval()] = 2.0315
    adam_lr_ratio: Annotated[float, NOT_NEGATIVE] = 1.0
    momentum: Annotated[float, FRACTION] = 0.95
    ns_steps: Annotated[int, Interval(0, 100)] = 5
    nesterov: bool = True
    rms_rate: Annotated[float | None, POSITIVE] = 0.2

    def __init__(  # noqa: PLR0913  (as many as Keras has)
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | LearningRateSchedule | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | LearningRateSchedule | None = 0.004,
        *,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        ema_warm_up: bool = False,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1.0,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ) -> None:
        """Check the numbers and the expressions."""
        given = locals()
        for each in fields(self):
            object.__setattr__(self, each.name, given[each.name])
        object.__setattr__(self, "exclude_layers", _expressions(exclude_layers))
        self.__post_init__()

    @property
    def slots(self) -> tuple[str, ...]:
        """``m``, and ``v`` of what steps as AdamW does: nothing in a matrix."""
        return ("momentum", "velocity")

    def orthogonalizes(self, path: str, shape: Sequence[int]) -> bool:
        """Whether an array, "layer/array", steps as a matrix."""
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return len(shape) == 2 and not embedding and not any(re.search(each, path) for each in self.exclude_layers)

    def numbers(self) -> tuple[float, ...]:
        """What the formulas need; which arrays are matrices is told apart."""
        excluding = ("exclude_layers", "exclude_embeddings")
        names = [each.name for each in fields(self) if each.name != "name"]
        return tuple(number for name, number in zip(names, super().numbers(), strict=True) if name not in excluding)

    def listed(self) -> tuple[float, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Minimises the loss of all rows at once, with what its last gradients say of its curvature.

    An epoch is one iteration: a step along ``-H g``, ``H`` being the inverse of the Hessian as the last `maxcor` steps
    and the changes of the gradient over them tell it, as long as a line search finds it best. For small tables and
    networks: a linear or logistic regression, which has one best solution, is solved to five digits in some ten epochs.
    It is SciPy's ``minimize(method="L-BFGS-B")``, whose names and defaults the arguments have; SciPy is there wherever
    scikit-learn is. Keras has no such optimizer.

    `fit` takes all rows at once, whatever the batch, and ends before its last epoch where `ftol` or `gtol` say so, or
    where float32 holds no better weights; the history's status is then "finished". A second `fit` begins without the
    curvature. There is no learning rate to change, no weight decay and no clipping; penalties of layers (`L1`, `L2`)
    are part of the loss. Layers that draw (`Dropout`, noise) and batch normalisation are refused: their loss is another
    at each evaluation.

    Parameters
    ----------
    maxcor : int, default 10
        Steps that are remembered.
    ftol : float, default 2.220446049250313e-09
        At least 0. The end where an iteration lowers the loss by less than this share of it.
    gtol : float, default 1e-5
        At least 0. The end where no number of the gradient is larger.
    maxls : int, default 20
        Evaluations of one line search at most.

    References
    ----------
    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A limited memory algorithm for bound constrained optimization", 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = Sequential([Dense(1, input_dim=1)], seed=0)
    >>> model.compile(optimizer="lbfgs", loss="mse")
    >>> history = model.fit(x, 2 * x + 1, epochs=100, verbose=0)
    >>> len(history.epoch) < 10
    True
    >>> [array.round(4).tolist() for array in model.get_weights()]
    [[[2.0]], [1.0]]
    """

    whole: ClassVar[bool] = True
    # What belongs to the steps of the others.
    learning_rate: float = field(default=1.0, init=False, repr=False)
    weight_decay: float | None = field(default=None, init=False, repr=False)
    clipnorm: float | None = field(default=None, init=False, repr=False)
    clipvalue: float | None = field(default=None, init=False, repr=False)
    global_clipnorm: float | None = field(default=None, init=False, repr=False)
    use_ema: bool = field(default=False, init=False, repr=False)
    ema_momentum: float = field(default=0.99, init=False, repr=False)
    ema_overwrite_frequency: int | None = field(default=None, init=False, repr=False)
    ema_warm_up: bool = field(default=False, init=False, repr=False)
    maxcor: Annotated[int, COUNT] = 10
    ftol: Annotated[float, NOT_NEGATIVE] = 2.220446049250313e-09
    gtol: Annotated[float, NOT_NEGATIVE] = 1e-5
    maxls: Annotated[int, COUNT] = 20


def _expressions(given: Sequence[str] | None) -> tuple[str, ...]:
    """Regular expressions that can be searched for."""
    if given is None:
        return ()
    if isinstance(given, str) or not all(isinstance(each, str) for each in given):
        raise ArgumentTypeError(
            f"'exclude_layers' of Muon must be a list of strings, for instance ['output']. Got {given!r}."
        )
    for each in given:
        try:
            re.compile(each)
        except re.error as error:
            raise ArgumentError(
                f"'exclude_layers' of Muon must hold regular expressions. Got {each!r}: {error}."
            ) from error
    return tuple(given)


CATALOGUE: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
    "adamax": Adamax,
    "nadam": Nadam,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "lion": Lion,
    "muon": Muon,
    "lbfgs": LBFGS,
}


def get(identifier: str | Optimizer) -> Optimizer:
    """The optimizer that a name or an instance stands for.

    Examples
    --------
    >>> from tabgrad import optimizers
    >>> optimizers.get("sgd").learning_rate
    0.01
    """
    return Optimizer.get(identifier, CATALOGUE, "optimizer")
