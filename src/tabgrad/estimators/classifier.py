"""`Classifier`: which of several classes a row belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tabgrad import activations, losses
from tabgrad._accuracy import accuracy
from tabgrad._row_weights import class_factors
from tabgrad.activations import Activation
from tabgrad.encode.target import ClassTarget
from tabgrad.errors import ArgumentError, DataError
from tabgrad.estimators._base import TableEstimator
from tabgrad.estimators._calibration import fitted_temperature, gain_of_temperature, softening, tempered
from tabgrad.estimators._conformal import Nonconformity
from tabgrad.estimators._network import Head, class_head
from tabgrad.estimators._outputs import Seen
from tabgrad.estimators._parameters import COMMON, OF_CLASSES
from tabgrad.estimators._presets import DEFAULT
from tabgrad.estimators._sample import Sample
from tabgrad.estimators._scoring import Held, class_scores
from tabgrad.estimators._targets import part_of, read_labels
from tabgrad.losses import Loss
from tabgrad.models import Sequential
from tabgrad.optimizers import Optimizer
from tabgrad.optimizers.schedules import LearningRateSchedule

__all__ = ["Classifier"]


class Classifier(ClassifierMixin, TableEstimator):
    """Dense networks that learn classes from a table, as a scikit-learn classifier.

    Numbers are scaled and stand beside vectors that are learned for them, categories become one-hot columns or learned
    embeddings, missing values have a place of their own. Several networks, the members, are trained side by side, each
    without the rows of one fold, which say when it is best; what they say together is better than what any of them
    says. A network ends in one sigmoid unit for two classes, in a softmax for more, and minimises the cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes : int, sequence of int or "auto", default "auto"
        Units of each hidden layer; ``()`` is logistic regression. "auto": the preset's, two layers of 64 in "fast", of
        128 in "best" and "single".
    preset : {"fast", "best", "single"}, default "best"
        Figures for all arguments that are "auto" or None, adapted to the number of rows and columns. "best": 8 members,
        one on each of 8 folds. "fast": 4 smaller ones that learn faster, on 4 of 8 folds, an eighth of the work.
        "single": one network without vectors for numbers, a tenth of the rows held out.
    members : int or "auto", default "auto"
        Networks. "auto": the preset's; fewer from some hundred thousand rows on, one for a `model` of your own. 1:
        `validation_fraction` of the rows is held out instead of a fold.
    time_limit : float or None, default None
        Seconds for the whole fit, kept within one epoch: as many members are trained as there is time for, each with
        its share of what is left, and the best weights so far are taken. One member always has one epoch.
    activation : str, Activation or "auto", default "auto"
        Of the hidden layers. "auto": "relu".
    dropout : float or "auto", default "auto"
        Share of a hidden layer's units that a step leaves out, in [0, 1). "auto": 0.1, in "fast" 0.
    model : Sequential, callable or None, default None
        A network of your own in place of `hidden_layer_sizes`, `activation`, `dropout`, `numeric_embedding`, `l1` and
        `l2`, trained as "single" is: each member trains a copy. Of a function the result, called with those of
        ``features`` (encoded columns), ``outputs`` (units that the last layer needs), ``cardinalities`` (levels of the
        columns that come as codes for an `Embedding`; without this argument all categories are one-hot) and
        ``random_state`` that it has arguments for. A network that is compiled keeps its optimizer, loss and metrics.
    optimizer : str or Optimizer, default "adam"
    learning_rate : float, LearningRateSchedule or None, default None
        None: the preset's for Adam and its kin under the cosine schedule (0.012 in "fast", 0.006 in the others), else
        the optimizer's own. In "fast" and "best" vectors for numbers learn 3 times as fast, the scales of inputs 6
        times, under Adam and its kin.
    schedule : {"cosine", "constant"}, default "cosine"
        "cosine": the rate rises over the first 50 steps and falls to zero along half a cosine until the last epoch.
    batch_size : int or "auto", default "auto"
        Rows a step. "auto": 64 or 128 in "fast" and "best", up to 1,024 for large tables; in "single" the power of two
        next to a 64th of the rows, between 32 and 256. -1: all rows; then equal rows are one row with the sum of their
        weights, so that a weight of k is k repetitions to the last bit.
    epochs : int or "auto", default "auto"
        Passes over the rows. "auto": 30 in "fast", 40 in "best", for small tables as many as make 1,300 or 2,000
        steps, for very large ones fewer; in "single" as many as make 3,000 steps, between 20 and 200.
    early_stopping : bool or "auto", default "auto"
        Score the rows held out after each epoch, stop when the loss on them no longer falls, and go back to the weights
        with which it was least. "auto": where classes are learned (in "single" from 30 rows on), since a network that
        knows few rows by heart is sure of everything; of numbers from 200 rows on. False: all epochs; members hold
        their folds out all the same.
    validation_fraction : float, default 0.1
        Share of the rows that a single network holds out; every class gives its share.
    patience : int or "auto", default "auto"
        Epochs without a lower loss after which to stop. "auto": 6 in "fast" or, if more, 0.15 `epochs`; 12 or
        0.3 `epochs` in "best"; 10 or 0.2 `epochs` in "single".
    l1, l2 : float, default 0
        Penalties on the kernels: ``l1 sum |w| + l2 sum w^2``.
    weight_decay : float or None, default None
        Decoupled decay per step, in units of the learning rate, of the kernels of dense layers; in "single" of all
        weights. None: for Adam and its kin where `optimizer` is a name 1 and 0.2 in turn in "best", 0.5 and 0.1 in
        "fast", 0.3 in "single"; else the optimizer's own.
    use_ema : bool, default True
        Train a running average of the weights along, whose memory is the last 100 steps, fewer at the beginning, and
        take it for the network. It is better than the weights themselves, which still swing.
    label_smoothing : float, default 0
        In [0, 1): a label's own class gets ``1 - s + s / classes``, each other one ``s / classes``.
    class_weight : dict of label and weight, "balanced" or None, default None
        Multiplies the weights of rows; a class that is not named has 1. "balanced": all classes weigh the same.
    calibrate : bool or "auto", default False
        Temperature scaling: the logarithms of probabilities are divided by one number, `temperature_`, with which the
        classes of the rows held out are most likely. Classes that are predicted stay, areas under curves hardly move.
        True: always. "auto": only where it lowers the log-loss of rows that it was not fitted to, by more than the
        standard error, and of several networks only as far as is sure: their mean is less sure than each of them, while
        rows held out are judged by one, so what they say is the upper end of what the mean needs, and that over how
        much softer the mean is on the rows of training is the lower one. True takes their geometric mean. Networks that
        stop early need none, which is why nothing is done where nobody says.
    loss : str, Loss, callable or None, default None
        None: cross-entropy. Or "categorical_focal_crossentropy", "hinge", ....
    metrics : list of str, Metric or function, optional
        Noted in `history_` after each epoch; for instance ``["accuracy"]``.
    callbacks : list of Callback, optional
        Of one network: with several members they are refused.
    shuffle : bool, default True
        Take the rows in a new order each epoch.
    numeric : {"auto", "robust", "standard", "quantile", "none"}, default "auto"
        How numbers are scaled: by median and interquartile range with smooth clipping ("auto" in "single"), by mean and
        deviation, to a normal distribution by their ranks ("auto" in the others), or not at all.
    numeric_embedding : {"auto", "none", "piecewise", "periodic", "both"}, default "auto"
        Which vectors stand for a number of more than two values beside itself: `layers.PiecewiseLinearEmbedding`,
        `layers.PeriodicEmbedding`, or both ("auto" in "fast" and "best"), with fewer components where columns are very
        many. "auto" in "single": none.
    n_neighbors : int or "auto", default "auto"
        Rows of the fit that are asked beside the networks: the nearest ones to a row that is predicted, in columns that
        count for what they matter to the networks. Each is evidence, the more the nearer it is; where none is near, the
        networks say what they said. Rows held out decide how much they count for, and whether they are asked at all:
        only where the loss of these falls by 2 %. On many tables it does not, and the model holds no row; where it
        does, `notes_` says so, and **the model, and a file of it, hold the rows of the fit** as numbers; of these rows
        it knows the answers, so that only others tell how good it is. Where rows come in groups, or are copied to
        make a class larger, give `groups`: those of one are not asked about each other. Of several networks, tables of
        at most 20,000 rows and 256 columns, with ``loss=None``; a fit that goes on keeps the rows of the first. At most
        256; "auto": 32 in "best", else none. 0: none.
    kinds : dict, optional
        What columns are, where it is not what their values suggest: ``{"zip": "categorical", "size": ["S", "M",
        "L"]}``; a list is the levels of an ordinal column in their order.
    random_state : int, numpy.random.RandomState or None, default None
        From which everything random follows; the same int gives the same bits.
    n_jobs : int or None, default None
        Threads; -1: all cores. None: all cores, or what TABGRAD_NUM_THREADS says. Never changes a result.
    verbose : bool or {0, 1, 2}, default 0
        1: a live line, of all members together. 2: a line an epoch.
    warm_start : bool, default False
        Whether fit goes on training the networks of the last fit, on the columns and classes of that one.

    Attributes
    ----------
    classes_ : array of shape (classes,)
        Sorted labels.
    n_features_in_ : int
        Columns of X, without the target.
    feature_names_in_ : array of str
        Their names, if X had names.
    table_schema_ : Schema
        What each column is, and why.
    encoder_ : Encoder
        What makes numbers of a table.
    target_ : ClassTarget
    models_ : tuple of Sequential
        The trained networks.
    model_ : Sequential
        The trained network, where it is the only one.
    oof_prediction_ : array of shape (rows, classes)
        For each row of fit the probabilities that members say which were not trained on it, their mean where they are
        several: what honest scores can be computed from without other rows. NaN where no member has held the row out
        (in "fast" half of them) or its weight is 0. When to stop was chosen by the same rows, so scores of few rows are
        a little too good. Not in files.
    history_ : dict of lists of float
        ``loss``, ``val_loss`` and metrics of each epoch, the mean over the members that ran it.
    histories_ : tuple of dict
        The same of each member.
    n_iter_ : int
        Epochs that were run, by the member that ran most.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_
        As of scikit-learn's MLPClassifier, except that the validation score is minus the loss.
    n_layers_, n_outputs_, out_activation_
        Of a network, as of scikit-learn's MLPClassifier.
    coefs_, intercepts_
        Likewise, of the only one.
    temperature_ : float
        See `calibrate`. `oof_prediction_` and `scores_` are without it.
    rows_kept_ : int
        How many rows of the fit the model holds; see `n_neighbors`.
    notes_ : tuple of str
        What was guessed, changed or found suspicious in the rows of the fit.
    scores_ : dict of float
        Scores of `oof_prediction_`: ``log_loss``, ``accuracy``, ``expected_calibration_error`` (see
        `tabgrad.metrics.expected_calibration_error`) and ``roc_auc``, of more than two classes the mean over classes,
        each against all others. They are of single members; what these say together is mostly somewhat better. Weighted
        by `sample_weight`, not by `class_weight`. Empty where no row was held out. `save` keeps them.

    Notes
    -----
    scikit-learn's check of weights (a weight of k is k repetitions) holds with ``batch_size=-1`` and
    ``early_stopping=False``, to the last bit. In batches it cannot: a row of weight 2 takes part in one step, a
    repeated one in two.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabgrad import Classifier
    >>> hours = [hour / 10 for hour in range(60)]
    >>> passed = ["yes" if hour > 3 else "no" for hour in hours]
    >>> frame = pd.DataFrame({"hours": hours, "subject": ["maths", "art"] * 30, "passed": passed})
    >>> classifier = Classifier(epochs=50, random_state=0).fit(frame, "passed")
    >>> classifier.predict(frame.iloc[[0, 20, 40, 59]]).tolist()
    ['no', 'no', 'yes', 'yes']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**COMMON, **OF_CLASSES}
    _kind = "classifier"
    _several = False

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
        label_smoothing: float = 0.0,
        class_weight: Mapping[Any, float] | str | None = None,
        calibrate: bool | str = False,
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
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.calibrate = calibrate
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

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one more epoch on these rows, at a constant learning rate.

        The first call fits the encoding and the classes, which later ones keep. Nothing is held out.

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
        go_on = hasattr(self, "models_")
        return self._fit(X, y, sample_weight, go_on=go_on, classes=classes, one_epoch=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row.

        Parameters
        ----------
        X : as for fit, with the columns of the fit
            The target's column may be there and is not looked at; columns that the fit had not are left out with a
            warning. The columns of a dict or a `Table` are found by name; those of a frame must stand in the order of
            the fit, as scikit-learn wants it.

        Returns
        -------
        array of shape (rows,)
            In the type of y.
        """
        p = self._outputs(X)
        decoded: np.ndarray = self.target_.decode(p.argmax(axis=1))
        return decoded

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X
            As for predict.

        Returns
        -------
        array of shape (rows, classes)
            float64; each row sums to 1.
        """
        return self._outputs(X)

    def predict_set(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """For each row a set of classes that holds the true one with a given probability.

        The most probable class is always in it; others are where their probability is above a threshold, which is known
        from the rows of the fit that were held out: how probable their true classes looked to networks that had not
        seen them (conformal prediction). Of new rows like those of the fit, a share `coverage` has its class in its
        set, whatever the data; where the most probable class alone is right more often than that, all sets are of one
        class and the share is the accuracy. Of rows of another kind, or of one class by itself, there is no such
        promise.

        Parameters
        ----------
        X : as for predict
        coverage : float, default 0.9
            In (0, 1). Of n rows held out at most ``n / (n + 1)``.

        Returns
        -------
        array of bool of shape (rows, classes)
            In the order of `classes_`. `labels_in` names them.

        Raises
        ------
        ArgumentError
            No rows were held out in the fit, or too few for this coverage.

        Notes
        -----
        Rows held out are judged by single networks, and new rows by their mean, which is right more often: sets of
        several networks hold a little more than was asked for, 0.90 to 0.92 of the rows where 0.9 was (docs/log.md). A
        correction as that of `Regressor.predict_interval` is not needed for so little. The sources: M. Sadinle, J. Lei,
        L. Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", 2019; V. Vovk,
        "Cross-conformal predictors", 2015.

        Examples
        --------
        >>> import numpy as np
        >>> from tabgrad import Classifier
        >>> random = np.random.default_rng(0)
        >>> x = random.uniform(-1, 1, size=(600, 1))
        >>> y = np.where(x.ravel() + random.normal(0, 0.3, 600) > 0, "up", "down")
        >>> classifier = Classifier(preset="fast", random_state=0).fit(x, y)
        >>> classifier.labels_in(classifier.predict_set([[-0.9], [0.0], [0.9]]))
        [['down'], ['down', 'up'], ['up']]
        """
        check_is_fitted(self)
        sets_around(self._residuals, np.empty((0, len(self.target_))), coverage)  # refuses before there is work
        return sets_around(self._residuals, self._outputs(X), coverage)

    def labels_in(self, sets: Any) -> list[list[Any]]:
        """The labels in each of the sets that `predict_set` gives, in the order of `classes_`.

        Parameters
        ----------
        sets : array of bool of shape (rows, classes)

        Returns
        -------
        list of lists

        Raises
        ------
        ArgumentError
            Something else is given.
        """
        return labels_in(sets, self.classes_, type(self).__name__)

    @property
    def temperature_(self) -> float:
        """By what the logarithms of probabilities are divided: 1 where `calibrate` leaves them as they are."""
        check_is_fitted(self)
        return self._temperature

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: np.ndarray = np.log(self.predict_proba(X))
        return logarithms

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on these rows, as scikit-learn's.

        Parameters
        ----------
        X, y, sample_weight
            As for fit; y may be the name of a column of X.
        """
        X, y = self._scored(X, y)
        return accuracy(y, self.predict(X), sample_weight)

    @property
    def classes_(self) -> np.ndarray:
        """Sorted labels, in the type of y."""
        try:
            target = self.target_
        except AttributeError:
            raise AttributeError(f"This {type(self).__name__} has no classes_ before it is fitted.") from None
        decoded: np.ndarray = target.decode(np.arange(len(target.classes)))
        return decoded

    # ---- What a classifier does differently ------------------------------------------------------------------------

    def _outputs_named(self) -> tuple[tuple[str, ...], list[str]]:
        classes = [str(label) for label in self.classes_.tolist()]
        notes = []
        if self.class_weight is not None:
            notes.append("what classes weigh is taken from these rows, not from those of the fit")
        if self.n_outputs_ > 1:
            return tuple(classes), notes
        return (classes[1],), [f"y is 1 for {classes[1]!r} and 0 for {classes[0]!r}", *notes]

    def _read(self, y: Any) -> Any:
        return read_labels(y, type(self).__name__)

    def _answers(
        self, y: Any, kept: np.ndarray | None, classes: Any, target: ClassTarget | None
    ) -> tuple[ClassTarget, np.ndarray]:
        counted = y if kept is None else part_of(y, kept)
        if target is None:
            target = ClassTarget.fit(y)  # of all rows: a message names a row by its place among them
            if kept is not None:
                target = ClassTarget.fit(counted)
            if classes is not None:
                target = ClassTarget.fit(np.asarray(classes))
            if len(target.classes) < 2:
                raise DataError(
                    f"A classifier needs at least 2 classes. y has 1 class, {target.classes[0]!r}, in all rows of a "
                    "weight above 0. Is it a fold or a first batch that lacks the others? Stratify the folds, or give "
                    "partial_fit all 'classes'."
                )
        return target, target.encode(counted)

    def _weighted(self, sample: Sample, target: ClassTarget) -> Sample:
        if self.class_weight is None:
            return sample
        rows = np.ones(len(sample.y)) if sample.weight is None else sample.weight
        classes = target.decode(np.arange(len(target.classes)))
        weight = rows * class_factors(self.class_weight, classes, sample.y, rows, type(self).__name__)[sample.y]
        sample = replace(sample, weight=weight)
        return sample if weight.all() else sample.part(np.flatnonzero(weight))

    def _fitted(self, target: ClassTarget, sample: Sample) -> ClassTarget:
        return target

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return y

    def _head(self, target: ClassTarget) -> Head:
        return class_head(len(target.classes), self.loss, self.label_smoothing)

    def _start(self, head: Head, target: ClassTarget, sample: Sample) -> np.ndarray:
        """The logarithms of the classes' shares, each class counted once more than it is there."""
        p = self._shares(sample, head)
        if head.units == 1:
            return np.array([np.log(p[1] / p[0]) if head.loss.target == "probabilities" else 0.0], np.float32)
        if isinstance(head.loss, (losses.Hinge, losses.SquaredHinge, losses.CategoricalHinge)):
            return np.zeros(head.units, np.float32)
        odds = np.log(p / (1 - p)) if head.loss.target == "probabilities" else np.log(p) - np.log(p).mean()
        return np.asarray(odds, np.float32)

    def _shares(self, sample: Sample, head: Head) -> np.ndarray:
        classes = max(head.units, 2)
        weight = np.ones(len(sample.y)) if sample.weight is None else sample.weight
        counts = np.bincount(sample.y, weight * (len(weight) / weight.sum()), minlength=classes) + 1
        return np.asarray(counts / counts.sum())

    def _learned(self, y: np.ndarray, target: ClassTarget, model: Sequential) -> np.ndarray:
        plan = model.plan()
        units = plan.network.outputs
        alone = units == 1 and len(target.classes) == 2 and plan.loss.target not in ("labels", "one_hot")
        if units != len(target.classes) and not alone:
            raise DataError(
                f"The target has {len(target.classes)} classes, and the network {units} output"
                f"{'s' if units > 1 else ''} under {type(plan.loss).__name__}. Give its last layer "
                f"{len(target.classes)} units; a function 'model' that has an argument 'outputs' is told how many."
            )
        if plan.loss.target == "labels":
            return y
        return np.eye(units, dtype=np.float32)[y] if units > 1 else y.astype(np.float32)[:, np.newaxis]

    def _read_out(self, model: Sequential, outputs: np.ndarray) -> np.ndarray:
        return probabilities(outputs, model._ready_compiled("predict").loss)

    def _decoded(self, mean: np.ndarray, target: ClassTarget) -> np.ndarray:
        return mean

    def _scores_of(self, held: Held) -> dict[str, float]:
        return class_scores(held)

    def _temperature_of(self, held: Held, seen: Seen | None) -> float:
        """The one that makes the classes of rows held out most likely; of several networks see `calibrate`."""
        if self.calibrate is False:
            return 1.0
        p, y, weight = held.prediction, held.y, held.weight
        if self.calibrate == "auto":
            gain, error = gain_of_temperature(p, y, weight)
            if gain <= error:
                return 1.0
        one = fitted_temperature(p, y, weight)
        if seen is None or len(seen.models) == 1:
            return one
        outputs = seen.outputs()
        said = np.stack([self._read_out(seen.models[0], each) for each in outputs])
        least = one / softening(said)
        if self.calibrate == "auto":  # what is true of either end
            return float(min(max(1.0, least), one))
        return float(np.sqrt(least * one))

    def _tempered(self, mean: np.ndarray) -> np.ndarray:
        return tempered(mean, self._temperature)

    def _residuals_of(
        self, held: Held, target: ClassTarget, seen: Seen | None, temperature: float
    ) -> tuple[Nonconformity, ...]:
        return (Nonconformity.of(held.y, tempered(held.prediction, temperature), held.weight),)


def probabilities(outputs: np.ndarray, loss: Loss) -> np.ndarray:
    """A network's outputs as float64 of shape (rows, classes), whose rows sum to 1.

    ``p``, or what it is computed from: ``1 / (1 + e^-z)`` or ``softmax(z)`` where the loss reads logits ``z``,
    ``(1 - p, p)`` for one output, ``p_j / sum(p)`` for several, each kept in [0, 1]. Under a hinge loss an output is a
    margin ``m``, whose sign tells: ``p = (1 + m) / 2``.
    """
    p: np.ndarray = outputs.astype(np.float64)
    if isinstance(loss, (losses.Hinge, losses.SquaredHinge)):
        p = (1 + p) / 2
    if loss.from_logits and loss.link is activations.Sigmoid:
        small: np.ndarray = np.exp(-np.abs(p))
        p = np.where(p >= 0, 1, small) / (1 + small)
    elif loss.from_logits or isinstance(loss, losses.CategoricalHinge):
        p = np.exp(p - p.max(axis=1, keepdims=True, initial=-np.inf))
    np.clip(p, 0, 1, out=p)
    if p.shape[1] == 1:
        return np.hstack([1 - p, p])
    total = np.einsum("ij->i", p)[:, np.newaxis]  # of few classes in half the time of p.sum(axis=1)
    if np.all(total > 0):
        p /= total
        return p
    return np.asarray(np.where(total > 0, p / np.where(total > 0, total, 1), 1 / p.shape[1]))


def sets_around(scores: Sequence[Nonconformity], p: np.ndarray, coverage: float) -> np.ndarray:
    """Which classes are in the set of each row of probabilities: bool of shape (rows, classes).

    Raises
    ------
    ArgumentError
        No rows were held out; a coverage that is none, or too much for so few.
    """
    if not scores:
        raise ArgumentError(
            "predict_set needs rows that were held out in the fit, and there were none. Fit again with members=2 or "
            "more, or with early_stopping=True, and not under warm_start, whose networks may know them. (Files of "
            "versions before predict_set hold nothing of them.)"
        )
    return scores[0].sets(p, coverage)


def labels_in(sets: Any, classes: np.ndarray, owner: str) -> list[list[Any]]:
    """The labels in each set; see `Classifier.labels_in`."""
    labels, inside = classes.tolist(), np.asarray(sets)
    if inside.dtype != bool or inside.ndim != 2 or inside.shape[1] != len(labels):
        raise ArgumentError(
            f"labels_in of {owner} needs what predict_set gives, truth values of shape (rows, {len(labels)}). Got "
            f"{inside.dtype} of shape {inside.shape}."
        )
    return [[label for label, held in zip(labels, row, strict=True) if held] for row in inside.tolist()]
