"""What `Classifier` and `Regressor` share: a table in, a trained network out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from tabgrad import store
from tabgrad._checks import Interval, check
from tabgrad._once import made_once
from tabgrad._parameter_names import parameter_names
from tabgrad._row_weights import row_weights
from tabgrad._warning import warn
from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.engines.native import default_threads, limited
from tabgrad.errors import ArgumentError, DataWarning
from tabgrad.estimators import _asking
from tabgrad.estimators._beginning import new_models, same_models
from tabgrad.estimators._folds import divided
from tabgrad.estimators._members import mean_history
from tabgrad.estimators._memory import Work, bytes_needed
from tabgrad.estimators._neighbors import Neighbors
from tabgrad.estimators._network import Head, Shape, embedded, planned
from tabgrad.estimators._outputs import Seen, inputs, predicted
from tabgrad.estimators._parameters import check_parameters
from tabgrad.estimators._reading import counted, given, like_the_fit, separated, understood
from tabgrad.estimators._sample import Sample
from tabgrad.estimators._saving import FITTED, arguments_of, content_of, restore
from tabgrad.estimators._scoring import Held
from tabgrad.estimators._settings import batch_of, epochs_of, preset_of, stops_early
from tabgrad.estimators._stages import Fitted, Ready, Way
from tabgrad.estimators._suspicions import looked_at
from tabgrad.estimators._training import train_many, train_one
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.store import Content
from tabgrad.table import Schema, Table, Words
from tabgrad.table.memory import demand

if TYPE_CHECKING:
    from tabgrad.explain.step import Step

BLOCK = 1_024  # rows of all members that are made probabilities at a time: they stay in the cache


class TableEstimator(BaseEstimator):
    """The common part of both estimators; the abstract methods at its end are where they differ."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]]
    model: Any
    batch_size: int | str
    epochs: int | str
    members: int | str
    warm_start: bool

    models_: tuple[Sequential, ...]
    encoder_: Encoder
    table_schema_: Schema
    target_: Any
    oof_prediction_: np.ndarray
    history_: dict[str, list[float]]
    histories_: tuple[dict[str, list[float]], ...]
    notes_: tuple[str, ...]
    scores_: dict[str, float]
    _residuals: tuple[Any, ...]
    _temperature: float
    _neighbors: Neighbors | None
    n_features_in_: int
    n_iter_: int

    # ---- scikit-learn's contract -----------------------------------------------------------------------------------

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """The names of the constructor's arguments."""
        return parameter_names(cls)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are networks."""
        return hasattr(self, "models_")

    def __sklearn_tags__(self) -> Tags:
        """Missing values, text and categories are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    # ---- Training --------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Read the table, encode it and train the networks on it.

        Parameters
        ----------
        X : frame, dict of columns, array, list of rows or Table, of shape (rows, columns)
            Numbers, text, categories, truth values and dates; values may be missing. Frames of pandas, Polars and
            PyArrow.
        y : array, list, series or frame of shape (rows,) or (rows, outputs), or str
            What is to be learned. A string is the name of the column of X that holds it; for several outputs of a
            `Regressor` a list of such names.
        sample_weight : array of shape (rows,), optional
            What each row counts for: not negative, and not 0 in every row. Rows of weight 0 are left out. Only their
            proportions count.
        groups : array of shape (rows,), optional
            Rows of one group (a patient, a day) are held out together, so that no network is judged by rows whose
            siblings it was trained on.

        Returns
        -------
        self

        Raises
        ------
        DataError
            With the column, the row and what to do: what no table can be, a target with gaps, weights below zero.
        ArgumentError
            With every argument of the constructor that is not what it may be.

        Warns
        -----
        DataWarning
            A column that tells the target by itself; many rows that repeat others.
        """
        return self._fit(X, y, sample_weight, groups, go_on=self.warm_start is True and hasattr(self, "models_"))

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any = None,
        *,
        go_on: bool,
        classes: Any = None,
        one_epoch: bool = False,
    ) -> Self:
        ready = self._ready(X, y, sample_weight, groups, go_on=go_on, classes=classes, one_epoch=one_epoch)
        target, sample, encoder, table = ready.target, ready.sample, ready.encoder, ready.rows.table
        demand(self._bytes(ready), f"Training {type(self).__name__} on {len(sample):,} rows")
        notes = list(table.notes)
        encoded = made_once("encoded", (encoder, sample.table), lambda: encoder.encode(sample.table))
        if go_on:
            models = same_models(self, ready)
        else:
            looked = (sample.table, encoded, sample.y, encoder)
            notes += made_once("looked at", looked, lambda: looked_at(*looked))
            models = new_models(self, ready, encoded)
        fingerprint = made_once("fingerprint", (table,), table.fingerprint)
        facts = (table.names, ready.rows.named, ready.target_names, ready.wide, fingerprint, notes)
        record = Fitted(models, encoder, ready.schema, target, *facts, row_weights(sample_weight, len(table)))
        _asking.begin(self, record, ready)
        train = train_one if ready.way.members == 1 else train_many
        train(self, record, ready, encoded)
        return self

    def _ready(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        *,
        go_on: bool,
        classes: Any = None,
        one_epoch: bool = False,
    ) -> Ready:
        """All that is decided before anything large is made, and every refusal."""
        check_parameters(self)
        deadline = None if self.time_limit is None else time.monotonic() + self.time_limit
        rows, answers, target_names = given(self, X, y, go_on=go_on)
        known = self.target_ if go_on else None
        target, sample = counted(self, rows.table, answers, sample_weight, groups, classes=classes, known=known)
        whole = sample.distinct() if self.batch_size == -1 else sample  # equal rows as one where a step takes all
        way = self._way(len(whole), go_on=go_on, one_epoch=one_epoch, deadline=deadline)
        sample, held = self._divided(whole, way)
        target = self._fitted(target, sample)
        if go_on:
            schema, encoder = self.table_schema_, self.encoder_
        else:
            schema, encoder = understood(self, sample.table, rows, way.preset)
        wide = isinstance(answers, np.ndarray) and answers.ndim == 2
        return Ready(*(rows, target_names, wide, way, whole, sample, held, target, schema, encoder, self._head(target)))

    def memory_needed(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> int:
        """The bytes that `fit` will take beside the table itself, estimated without training.

        `fit` refuses what needs more than the machine, or the container, has left.

        Parameters
        ----------
        X, y, sample_weight, groups
            As for fit.

        Returns
        -------
        int

        Raises
        ------
        DataError, ArgumentError
            What fit would refuse.

        Examples
        --------
        >>> import numpy as np
        >>> from tabgrad import Regressor
        >>> x = np.random.default_rng(0).normal(size=(1000, 10))
        >>> Regressor(preset="fast").memory_needed(x, x[:, 0]) < 10_000_000
        True
        """
        return self._bytes(self._ready(X, y, sample_weight, groups, go_on=False))

    def _bytes(self, ready: Ready) -> int:
        """The bytes that the training will take."""
        encoder, way, rows = ready.encoder, ready.way, len(ready.whole)
        work = Work(
            *(rows, way.members, min(way.members, self._threads() or default_threads())),
            batch=self._extent(rows, way)[0],
            outputs=ready.head.units,
        )
        most = tuple(map(float, range(way.preset.knots + 1)))  # a column may have fewer
        shape = Shape.of(encoder, ready.head, (most,) * embedded(way.preset, encoder))
        layers = planned(self, way.preset, shape, ready.head)
        need = bytes_needed(work, len(encoder.features), len(encoder.cardinalities), layers)
        return need + _asking.bytes_of_asking(self, ready)

    def _way(self, rows: int, *, go_on: bool, one_epoch: bool, deadline: float | None) -> Way:
        """How many networks are trained on so many rows, and how."""
        preset, owner = preset_of(self), type(self).__name__
        members = preset.members_for(rows)
        if go_on:
            if not isinstance(self.members, str) and members != len(self.models_):
                raise ArgumentError(
                    f"{owner} goes on training the {len(self.models_)} networks that there are, and 'members' is "
                    f"{members} now. Use warm_start=False."
                )
            members = len(self.models_)
        if members > 1 and self.callbacks:
            raise ArgumentError(
                f"'callbacks' of {owner} listen to one network, and {members} are trained side by side. Use members=1, "
                "or leave them out: metrics, history_ and histories_ are there for all."
            )
        return Way(preset, self._seed(), members, go_on, one_epoch, deadline)

    def _divided(self, sample: Sample, way: Way) -> tuple[Sample, np.ndarray | None]:
        """The rows to train on, and the places of those that one network holds out; several hold out folds of all."""
        if way.members > 1 or way.one_epoch or not self._stops(len(sample), way):
            return sample, None
        share, owner = self.validation_fraction, type(self).__name__
        return made_once(
            "divided",
            (sample, way.seed, share),
            lambda: divided(sample, share, way.seed, self._strata(sample.y), owner),
        )

    def _stops(self, rows: int, way: Way) -> bool:
        """Whether rows held out say when to stop."""
        preset, classes = way.preset, self._kind == "classifier"
        return stops_early(self.early_stopping, rows, preset.judged_classes if classes else preset.judged_numbers)

    def _extent(self, rows: int, way: Way) -> tuple[int, int]:
        """The rows of a step and the passes over so many rows."""
        batch = min(batch_of(self.batch_size, rows, way.preset), rows)
        return batch, 1 if way.one_epoch else epochs_of(self.epochs, rows, batch, way.preset)

    def _keep(
        self,
        record: Fitted,
        done: Sequence[int],
        histories: Sequence[Mapping[str, list[float]]],
        held_out: np.ndarray,
        way: Way,
    ) -> None:
        """What a fit gave, once it has given something: a fit that fails leaves what was there.

        `done` are the members that gave something, of which `histories` are.
        """
        if way.one_epoch and way.go_on:
            before = [self.histories_[member] for member in done]
            histories = [
                {name: [*earlier.get(name, []), *values] for name, values in history.items()}
                for earlier, history in zip(before, histories, strict=True)
            ]
        self.models_, self.encoder_, self.table_schema_ = record.models, record.encoder, record.schema
        self.target_, self.notes_, self.scores_ = record.target, tuple(record.notes), record.scores
        self._residuals, self._temperature = record.residuals, record.temperature
        self._neighbors = record.neighbors
        self.histories_ = tuple({name: list(values) for name, values in history.items()} for history in histories)
        self.history_ = mean_history(self.histories_)
        self.oof_prediction_ = held_out
        self.n_iter_ = len(self.history_["loss"])
        self.n_features_in_ = len(record.names)
        self._names, self._named, self._target_names = record.names, record.named, record.target_names
        self._wide, self._fingerprint = record.wide, record.fingerprint
        if record.named:
            self.feature_names_in_ = np.array(record.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _seed(self) -> int:
        """A seed drawn from `random_state`."""
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _threads(self) -> int | None:
        """What `n_jobs` asks for, as joblib counts it: -1 all cores, -2 all but one."""
        if self.n_jobs is None:
            return None
        if self.n_jobs == 0:
            raise ArgumentError(f"'n_jobs' of {type(self).__name__} must not be 0. Use 1, or -1 for all cores.")
        return int(self.n_jobs) if self.n_jobs > 0 else max(default_threads() + 1 + int(self.n_jobs), 1)

    # ---- Predicting ------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The mean of what the networks' outputs say of rows, float64 of shape (rows, outputs): see `_read_out`."""
        return self._said(self._encoded(X)[1])

    def _encoded(self, X: Any) -> tuple[Table, Encoded]:
        """X with the columns of the fit, as a table and as numbers."""
        check_is_fitted(self)
        names = (*self._names, *self._target_names, str(self._named))
        table, encoded = made_once("seen", (X, self.encoder_, *names), partial(like_the_fit, self, X))
        for note in encoded.notes:
            warn(note, DataWarning)
        return table, encoded

    def _said(self, encoded: Encoded) -> np.ndarray:
        """What `_outputs` gives, of rows that are numbers already."""
        return self._together(self._by_each(encoded), encoded)

    def _by_each(self, encoded: Encoded) -> np.ndarray:
        """The outputs of each network: float32 of shape (members, rows, outputs)."""
        with limited(self._threads()):
            return predicted(self.models_, encoded)

    def _together(self, outputs: np.ndarray, encoded: Encoded) -> np.ndarray:
        """What networks that have these outputs say together, and with the rows of the fit that are near."""
        blocks = [outputs[:, first : first + BLOCK] for first in range(0, max(outputs.shape[1], 1), BLOCK)]
        said = np.concatenate([self._mean(block, self.models_[0]) for block in blocks])
        if self._neighbors is not None:
            with limited(self._threads()):
                said = self._neighbors.joined(said, encoded)
        return self._tempered(said)

    def _mean(self, outputs: np.ndarray, model: Sequential) -> np.ndarray:
        """The mean over members, whose order of adding depends on nothing, of what they say of some rows."""
        members, rows, units = outputs.shape
        read = self._read_out(model, outputs.reshape(members * rows, units))
        total: np.ndarray = read[:rows].copy()
        for first in range(rows, members * rows, max(rows, 1)):
            total += read[first : first + rows]
        mean: np.ndarray = total / members
        return mean

    def _scored(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn's score takes them, where y is the name of a column of X."""
        check_is_fitted(self)
        if not isinstance(y, str) and not (self._several and isinstance(y, (list, tuple))):
            return X, y  # no name, for which X would be read
        rows, target, names = separated(X, y, type(self).__name__, several=self._several)
        if not names:
            return X, y
        values = self._read(target)
        return rows.table, values.objects() if isinstance(values, Words) else values

    # ---- Looking at a step -----------------------------------------------------------------------------------------

    def explain_step(
        self, X: Any, y: Any, sample_weight: Any = None, *, member: int = 0, entries: int | None = None
    ) -> Step:
        """One batch through a network in formulas and numbers: forward, the loss, each gradient, the step.

        The rows are encoded as in the fit and make one batch of the network's next step; nothing of the estimator
        changes. See `Sequential.explain_step`.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`; a few rows are enough.
        member : int, default 0
            Which of the networks.
        entries : int or None, default None
            How many numbers of each array of weights are held against finite differences; None: all of a small
            network, some of a large one.

        Returns
        -------
        Step
            With ``text()``, ``frame()``, ``latex()``, ``html()`` and ``save_html(path)``.

        Raises
        ------
        DataError
            What `fit` would refuse; other columns than those of the fit; a class that it did not know.

        Examples
        --------
        >>> import numpy as np
        >>> from tabgrad import Regressor
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> y = (x**2).sum(axis=1)
        >>> regressor = Regressor((4,), preset="single", epochs=5, random_state=0).fit(x, y)
        >>> step = regressor.explain_step(x[:4], y[:4])
        >>> len(step.x), step.agrees
        (4, True)
        """
        from tabgrad.explain.trace import Named

        check_is_fitted(self)
        owner, networks = type(self).__name__, len(self.models_)
        place: int = check(member, "member", "explain_step", (int,), Interval(0, networks - 1))
        rows, answers, _ = given(self, X, y, go_on=True)
        _, sample = counted(self, rows.table, answers, sample_weight, known=self.target_)
        model, encoded = self.models_[place], self.encoder_.encode(sample.table)
        outputs, notes = self._outputs_named()
        if networks > 1:
            also = ", and asks near rows of the fit" if self.rows_kept_ else ""
            notes.append(f"this is network {place + 1} of {networks}; {owner} predicts the mean of all{also}")
        named = Named(owner, self.encoder_.features, outputs, (*notes, *encoded.notes))
        y = self._learned(sample.y, self.target_, model)
        return model._explained(inputs(encoded), y, sample.relative_weight, named, entries)

    # ---- Files -----------------------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write all that a fit gave to one file, from which `tabgrad.load` makes the same estimator again.

        Arguments, what the columns are, how they are encoded, the network with what its training carries, history. The
        file is there as a whole or not at all: a crash leaves the one that was there before. See :doc:`/model_file`.

        Parameters
        ----------
        filepath : str or path
            Ends in ``.tabgrad``.
        overwrite : bool, default True
            False: a file that is there already is an error.

        Raises
        ------
        NotFittedError
            There is nothing to save yet.
        ArgumentError
            An argument was set to what it may not be.
        ArgumentError
            The network is compiled with a function of your own, which no file holds; another ending.
        OSError
            The disk is full, the folder is missing or may not be written to.

        Warns
        -----
        UserWarning
            Arguments that are no plain data, such as callbacks, are not in the file.
        """
        check_is_fitted(self)
        check_parameters(self)
        content, left_out = content_of(self, self._kind)
        if left_out:
            warn(
                f"The file does not hold {', '.join(map(repr, left_out))} of {type(self).__name__}, which a file of "
                "plain data cannot hold. A loaded one predicts the same, and has the default in its place.",
            )
        store.write(filepath, content, overwrite=check(overwrite, "overwrite", "save", (bool,)))

    def _to_content(self) -> Content:
        """What a model file holds of the estimator."""
        return content_of(self, self._kind)[0]

    @classmethod
    def _from_content(cls, content: Content) -> Self:
        """The estimator in a model file."""
        with store.interpreted(content):
            made = cls(**arguments_of(content, cls().get_params(deep=False)))
            check_parameters(made)
            restore(made, content)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """The bytes of a model file, and beside them what a user gave: arguments, requests of metadata."""
        state: dict[str, Any] = super().__getstate__()
        if not hasattr(self, "models_"):
            return state
        try:
            data = store.to_bytes(self._to_content())
        except ArgumentError:  # a loss of the user's own: the pickle may hold what a file does not
            return state
        return {**{name: value for name, value in state.items() if name not in FITTED}, "_file": data}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As `__getstate__` gave it."""
        super().__setstate__({name: value for name, value in state.items() if name != "_file"})
        if "_file" in state:
            content = store.from_bytes(state["_file"], f"The pickle of a {type(self).__name__}")
            with store.interpreted(content):
                restore(self, content)

    # ---- What there is to look at ----------------------------------------------------------------------------------

    @property
    def model_(self) -> Sequential:
        """The trained network, where it is the only one."""
        if len(self.models_) > 1:
            raise AttributeError(
                f"This {type(self).__name__} has {len(self.models_)} networks: see models_. With members=1 it has one."
            )
        return self.models_[0]

    @property
    def rows_kept_(self) -> int:
        """How many rows of the fit the model holds, to ask those near a new one beside the networks; 0: none."""
        check_is_fitted(self)
        return 0 if self._neighbors is None else len(self._neighbors)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The kernels of the dense layers, in their order."""
        return [weights[0] for _, weights in self._dense()]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of the dense layers."""
        return [weights[1] for _, weights in self._dense() if len(weights) > 1]

    @property
    def n_layers_(self) -> int:
        """Dense layers, and the input."""
        check_is_fitted(self)
        return sum(isinstance(layer.record, Dense) for layer in self.models_[0].layers) + 1

    @property
    def n_outputs_(self) -> int:
        """Units of the last layer."""
        check_is_fitted(self)
        return self.models_[0].plan().network.outputs

    @property
    def out_activation_(self) -> str:
        """The activation of the last layer."""
        check_is_fitted(self)
        return self.models_[0].plan().network.last_activation.kind

    @property
    def loss_curve_(self) -> list[float]:
        """The training loss of each epoch."""
        check_is_fitted(self)
        return self.history_["loss"]

    @property
    def loss_(self) -> float:
        """The training loss of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def best_loss_(self) -> float | None:
        """The least training loss of an epoch; None under early stopping, as in scikit-learn."""
        return None if self.validation_scores_ is not None else min(self.loss_curve_)

    @property
    def validation_scores_(self) -> list[float] | None:
        """Minus the loss on the rows held out, of each epoch: what early stopping looks at. None without it."""
        check_is_fitted(self)
        held = self.history_.get("val_loss")
        return None if held is None else [-loss for loss in held]

    @property
    def best_validation_score_(self) -> float | None:
        """The largest of `validation_scores_`."""
        return None if self.validation_scores_ is None else max(self.validation_scores_)

    def _dense(self) -> list[tuple[Dense, list[np.ndarray]]]:
        check_is_fitted(self)
        return [(layer.record, layer.get_weights()) for layer in self.model_.layers if isinstance(layer.record, Dense)]

    # ---- What the two do differently -------------------------------------------------------------------------------

    _kind: ClassVar[str]  # what a file of its is called
    _several: bool  # whether y may be several columns

    def _outputs_named(self) -> tuple[tuple[str, ...], list[str]]:
        """What the network's outputs stand for, and how the target was made numbers."""
        raise NotImplementedError

    def _read(self, y: Any) -> Any:
        """Y as the target takes it."""
        raise NotImplementedError

    def _answers(self, y: Any, kept: np.ndarray | None, classes: Any, target: Any) -> tuple[Any, np.ndarray]:
        """Y looked at, of the rows that are kept (None: all), as integers or float64; and the target, if it is known.

        `target` is that of the fit before, where this one goes on with it.
        """
        raise NotImplementedError

    def _weighted(self, sample: Sample, target: Any) -> Sample:
        """The rows, with what their classes count for."""
        raise NotImplementedError

    def _fitted(self, target: Any, sample: Sample) -> Any:
        """The target, fitted to the rows of training."""
        raise NotImplementedError

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """The classes that a split gives their shares, if there are classes."""
        raise NotImplementedError

    def _head(self, target: Any) -> Head:
        """The end of the network."""
        raise NotImplementedError

    def _start(self, head: Head, target: Any, sample: Sample) -> np.ndarray:
        """The last biases before the first step: what the network says of a row that it knows nothing of."""
        raise NotImplementedError

    def _learned(self, y: np.ndarray, target: Any, model: Sequential) -> np.ndarray:
        """The answers as the model's loss reads them."""
        raise NotImplementedError

    def _read_out(self, model: Sequential, outputs: np.ndarray) -> np.ndarray:
        """What the mean over networks is taken of: float64 of shape (rows, classes or outputs)."""
        raise NotImplementedError

    def _decoded(self, mean: np.ndarray, target: Any) -> np.ndarray:
        """That mean as `oof_prediction_` holds it."""
        raise NotImplementedError

    def _scores_of(self, held: Held) -> dict[str, float]:
        """How good predictions of rows held out are."""
        raise NotImplementedError

    def _temperature_of(self, held: Held, seen: Seen | None) -> float:
        """By what the logarithms of probabilities are divided, from rows held out; 1: by nothing."""
        raise NotImplementedError

    def _tempered(self, mean: np.ndarray) -> np.ndarray:
        """What the networks say together, at the temperature of the fit."""
        raise NotImplementedError

    def _residuals_of(self, held: Held, target: Any, seen: Seen | None, temperature: float) -> tuple[Any, ...]:
        """How far predictions of rows held out are off, for each output; none where that has no meaning."""
        raise NotImplementedError


def estimator_that_said(estimator: TableEstimator, said: np.ndarray) -> TableEstimator:
    """A fitted estimator that answers all it is asked from what its networks said of the rows, whatever X it is given.

    Parameters
    ----------
    estimator : TableEstimator
    said : array of shape (rows, outputs)
        What `_outputs` gave.
    """
    known: Any = object.__new__(type(estimator))
    known.__dict__ |= {**vars(estimator), "_outputs": lambda X: said}
    answering: TableEstimator = known
    return answering
