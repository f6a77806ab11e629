"""`Sequential`: layers in a row, with the methods that Keras's users know."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from types import NoneType
from typing import TYPE_CHECKING, Any, Never, Self, cast

import numpy as np

from tabgrad import _configs, _seeds, _summary, losses, metrics, optimizers, store
from tabgrad._backup_files import Backup
from tabgrad._checks import COUNT, FRACTION, NOT_NEGATIVE, SEED, Interval, check, refuse_unknown, unknown_arguments
from tabgrad._compiling import Compiled, listed, resolved
from tabgrad._feeding import (
    Arrays,
    Convert,
    Dataset,
    Feed,
    Generator,
    Parts,
    first_steps,
    is_fed,
    joined,
    refuse_beside,
    refuse_lbfgs,
    source_of,
    validated_epochs,
)
from tabgrad._inputs import first_columns, inputs, is_pair
from tabgrad._layer_views import LayerView, frozen
from tabgrad._layer_views import found as layer_found
from tabgrad._model_files import KIND, Saved, content_of, saved_of
from tabgrad._optimizer_view import OptimizerView
from tabgrad._record_views import record_of
from tabgrad._runs import (
    Names,
    Training,
    divergence,
    evaluated,
    evaluated_in_batches,
    predicted,
    predicted_in_batches,
    warn_of_constant_scores,
    warn_of_one_softmax,
)
from tabgrad._stack import (
    NO_VARIANCE,
    Columns,
    built_shape,
    check_batches,
    check_layer,
    columns_of,
    declared,
    embedding_of,
    network_of,
    takes_statistics,
    working,
)
from tabgrad._targets import class_weighted, matrix
from tabgrad._warning import warn
from tabgrad._weight_files import read_weights, weights_path, write_weights
from tabgrad._weights import checked_weights
from tabgrad.callbacks.history import History
from tabgrad.callbacks.listening import CallbackList
from tabgrad.engines import stepping
from tabgrad.engines.base import Job, Result, Session, State, averages, finalized, initial_state
from tabgrad.engines.select import get_engine
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DivergenceWarning, ModelFileError, NotReadyError
from tabgrad.layers import Layer, Weight
from tabgrad.matrix import Matrix, read, split
from tabgrad.plan import Network, Plan
from tabgrad.progress import Progress, say, verbosity
from tabgrad.store import Content

if TYPE_CHECKING:
    from tabgrad.explain.step import Step
    from tabgrad.explain.trace import Named

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

Metrics = Sequence[str | metrics.Metric | Callable[..., Any]] | str | metrics.Metric | Callable[..., Any] | None

BATCH_SIZE = 32  # Keras's default
EPOCHS = Interval(0, 10**9)


class Sequential:
    """Layers in a row: built, trained, scored and used as in Keras.

    Predictions may be taken in many threads at once, also while another one trains: weights are replaced, never changed
    in place, so a thread sees those of before the run or those of after it.

    Parameters
    ----------
    layers : list of Layer, optional
    name : str, default "sequential"
    seed : int or None, default None
        From which weights, dropout masks and the orders of rows follow. None: from `set_random_seed`, else at random.

    Attributes
    ----------
    history : History or None
        Of the last `fit`, also of one that was interrupted.
    stop_training : bool
        Set to True by a callback to end the run: after the batch on its way, or the first one of the epoch. That epoch
        is validated and told to callbacks as any other; its values are those of the rows that it saw.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential
    >>> x = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = Sequential([Dense(1, input_dim=1)], seed=0)
    >>> model.compile(optimizer="adam", loss="mse")
    >>> history = model.fit(x, 2 * x + 1, epochs=500, verbose=0)
    >>> [array.round(2).tolist() for array in model.get_weights()]
    [[[2.0]], [1.0]]
    """

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        *,
        name: str | None = None,
        seed: int | None = None,
        **unknown: Never,
    ) -> None:
        refuse_unknown(Sequential.__init__, unknown)
        self.name: str = check(name, "name", "Sequential", (str, NoneType)) or "sequential"
        given = check(seed, "seed", "Sequential", (int, NoneType), SEED)
        self._seed = _seeds.fresh_seed() if given is None else given
        self._layers: tuple[Layer, ...] = ()
        self._network: Network | None = None
        self._compiled: Compiled | None = None
        self._state: State | None = None
        self._epochs_done = 0
        self.history: History | None = None
        self.stop_training = False
        self._begin_idle()
        for layer in listed(layers):
            self.add(layer)

    def _begin_idle(self) -> None:
        """No run is on: nobody holds the lock, and no session is met."""
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._met: Session | None = None
        self._epochs_met = 0
        self._backup: Backup | None = None

    # ---- Layers and shapes -----------------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Put a layer at the end; weights that are there already stay.

        Parameters
        ----------
        layer : Layer
            The same layer may be added again: it stands for a new one with weights of its own.
        """
        self._refuse_while_fitting("add")
        layer = record_of(layer)
        check_layer(layer, self._layers)
        layers = (*self._layers, layer)
        self._set_layers(layers, declared(layers) if self._network is None else self._columns)

    def pop(self) -> Layer:
        """Take the last layer away and return it."""
        self._refuse_while_fitting("pop")
        if not self._layers:
            raise NotReadyError("pop finds no layer: the model is empty.")
        *rest, last = self._layers
        self._set_layers(tuple(rest), self._columns if rest else None)
        return last

    @property
    def _columns(self) -> Columns | None:
        """Columns of a row, if they are known."""
        if self._network is not None:
            return Columns(self._network.inputs, self._network.codes)
        return declared(self._layers)

    def _set_layers(self, layers: tuple[Layer, ...], columns: Columns | None) -> None:
        """New layers over rows of some columns: weights that both have are kept, the optimizer begins anew."""
        waits = columns is None or not working(layers) or (columns.codes > 0 and embedding_of(layers) is None)
        network = None if columns is None or waits else network_of(columns, layers, "add")
        if self._state is not None and network is not None:
            count = len(network.weights)
            kept = self._state.weights[:count]
            self._state = State((*kept, *network.initial_weights(self._seed)[len(kept) :]), ())
        elif network is None:
            self._state = None
        self._layers, self._network = layers, network

    def build(self, input_shape: Any = None) -> None:
        """Fix the width of a row, where no layer says it.

        Parameters
        ----------
        input_shape : tuple, or a pair of tuples
            ``(None, features)`` or ``(features,)``; ``[(None, features), (None, columns)]`` for numeric columns and
            codes.
        """
        if input_shape is None:
            self._ready_network("build")
            return
        self._build(input_shape, "build")

    def _build(self, input_shape: Any, caller: str) -> None:
        """Fix the width of a row for one who says it."""
        columns = columns_of(built_shape(input_shape, caller), self._layers)
        if self._columns is not None and columns != self._columns:
            raise ArgumentError(f"{caller} was given {columns}, but the model takes {self._columns}.")
        self._network = self._network_for(columns, caller)

    def _network_for(self, columns: Columns, caller: str) -> Network:
        """The network over rows of these columns."""
        return network_of(columns, self._layers, caller) if self._network is None else self._network

    def _ready_network(self, caller: str) -> Network:
        if self._network is None:
            raise NotReadyError(
                f"{caller} needs the width of a row. Give the first layer input_dim, or put Input((features,)) before "
                "it, or call build((None, features)), or fit the model."
            )
        return self._network

    def _ready_state(self, network: Network) -> State:
        """The weights, drawn at the first need."""
        state = self._state
        if state is None:
            state = self._state = State(network.initial_weights(self._seed), ())
        return state

    @property
    def layers(self) -> list[LayerView]:
        """The layers without `Input`, each with its name and weights; ``model.layers[0].trainable = False`` freezes."""
        return [LayerView(self, place) for place in range(len(working(self._layers)))]

    def get_layer(self, name: str | None = None, index: int | None = None) -> LayerView:
        """The layer of a name, or at a place; see `layers`.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(8, input_dim=4), Dense(1, name="last")])
        >>> model.get_layer("dense").trainable = False
        >>> [(layer.name, layer.trainable) for layer in model.layers]
        [('dense', False), ('last', True)]
        """
        return layer_found(self, name, index)

    @property
    def trainable(self) -> bool:
        """Whether training moves any layer; setting it freezes or frees them all, and the optimizer begins anew."""
        return any(layer.trainable for layer in working(self._layers)) or not self._layers

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = check(value, "trainable", "Sequential", (bool,))
        self._freeze(dict.fromkeys(range(len(working(self._layers))), value))

    def _freeze(self, changes: dict[int, bool]) -> None:
        """Freeze or free layers by their places; called by their views."""
        self._refuse_while_fitting("trainable")
        layers = frozen(self._layers, changes)
        if layers == self._layers:
            return
        self._layers = layers
        if self._network is not None:
            self._network = Network(self._network.inputs, layers, self._network.codes)
        if self._state is not None:
            self._state = State(self._state.weights, ())

    @property
    def built(self) -> bool:
        """Whether the width of a row is known, and so the shapes of the weights."""
        return self._network is not None

    @property
    def input_shape(self) -> tuple[None, int] | list[tuple[None, int]] | None:
        """``(None, features)``, a list of two for numeric columns and codes; None while they are not known."""
        return None if self._network is None or self._columns is None else self._columns.shape

    @property
    def output_shape(self) -> tuple[None, int] | None:
        """``(None, outputs)``; None while the width of a row is not known."""
        return None if self._network is None else (None, self._network.outputs)

    @property
    def seed(self) -> int:
        """The seed from which everything random follows."""
        return self._seed

    # ---- Compiling -------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss | Callable[[Any, Any], Any] | None = None,
        *,
        metrics: Metrics = None,
        weighted_metrics: Metrics = None,
        **unknown: Any,
    ) -> None:
        """Choose how the model is trained and scored; weights stay, the optimizer begins anew.

        Parameters
        ----------
        optimizer : str or Optimizer, default "rmsprop"
        loss : str, Loss or callable
            A function (y_true, y_pred) that returns losses and their gradient is a `losses.Function`.
        metrics : list of str, Metric or function, optional
            "accuracy" and "acc" become the form that fits the loss and the output. A function of ``y_true`` and
            ``y_pred`` becomes a `tabgrad.metrics.MeanMetricWrapper`. The weights of rows do not enter.
        weighted_metrics : list of str, Metric or function, optional
            Into these they do: `sample_weight` times `class_weight`.

        Raises
        ------
        UnknownNameError, ArgumentError, ArgumentTypeError
            Names that nothing bears, a metric that does not fit the loss's targets, other arguments.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(3, activation="softmax")])
        >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> model.metrics_names
        ['loss', 'accuracy']
        """
        self._refuse_while_fitting("compile")
        self._compiled = resolved(record_of(optimizer), loss, metrics, weighted_metrics, unknown)
        if self._state is not None:
            self._state = State(self._state.weights, ())
        self.stop_training = False

    def _ready_compiled(self, caller: str) -> Compiled:
        if self._compiled is None:
            raise NotReadyError(f"{caller} needs a compiled model. Call compile(optimizer=..., loss=...) first.")
        return self._compiled

    @property
    def epochs_done(self) -> int:
        """Epochs of all runs so far, the one on its way apart: orders of rows are counted by them."""
        return self._epochs_done

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """What `compile` was given, as a record; None before.

        Its learning rate is the model's, `learning_rate`, and may be set here as well, as scripts for Keras do.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.optimizer.learning_rate = 0.5
        >>> model.learning_rate
        0.5
        """
        return None if self._compiled is None else cast("optimizers.Optimizer", OptimizerView(self))

    @property
    def loss(self) -> losses.Loss | None:
        """What `compile` was given, as a record; None before."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        return Names(self._compiled.names).values if self._compiled else []

    @property
    def higher_is_better(self) -> dict[str, bool]:
        """For each metric's name whether a higher value is a better one; functions of one's own are not in it."""
        return {} if self._compiled is None else self._compiled.rising

    @property
    def learning_rate(self) -> float:
        """The learning rate in force; may be set, also by a callback, where no schedule rules it."""
        compiled = self._ready_compiled("learning_rate")
        if (session := self._session) is not None:
            return session.learning_rate
        state = self._state
        if state is not None and state.learning_rate is not None:
            return state.learning_rate
        return compiled.optimizer.rate_of(0 if state is None else state.step)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        compiled = self._ready_compiled("learning_rate")
        if (schedule := compiled.optimizer.schedule) is not None:
            raise ArgumentError(
                f"The learning rate follows a schedule, {schedule!r}, and cannot be set. Compile with a number as "
                "learning_rate to change it yourself or by a callback."
            )
        if compiled.optimizer.whole:
            raise ArgumentError(
                f"{type(compiled.optimizer).__name__} has no learning rate: a line search finds the length of each "
                "step. Leave out what changes it, or take another optimizer."
            )
        rate = check(rate, "learning_rate", "Sequential", (float,), NOT_NEGATIVE)
        if (session := self._session) is not None:
            session.learning_rate = rate
            return
        self._refuse_other_thread("learning_rate")
        self._compiled = replace(compiled, optimizer=replace(compiled.optimizer, learning_rate=rate))
        if self._state is not None:
            self._state = replace(self._state, learning_rate=None)

    def plan(self, *, batch_size: int = BATCH_SIZE, shuffle: bool = True) -> Plan:
        """The record of a training run of this model, as engines take it."""
        compiled, network = self._ready_compiled("plan"), self._ready_network("plan")
        return self._plan(compiled, network, batch_size, shuffle=shuffle)

    def _plan(self, compiled: Compiled, network: Network, batch_size: int, *, shuffle: bool = True) -> Plan:
        chosen, weighted = compiled.metrics_for(network.outputs)
        return Plan(network, compiled.loss, compiled.optimizer, chosen, batch_size, shuffle, self._seed, weighted)

    @property
    def state(self) -> State:
        """Weights, the optimizer's arrays and the count of steps, as engines take them."""
        network = self._ready_network("state")
        if (session := self._session) is not None:
            return session.state()
        state = self._ready_state(network)
        if self._compiled is None or len(state.slots) == len(state.weights):
            return state
        fresh = initial_state(self._plan(self._compiled, network, BATCH_SIZE), state.weights)
        return replace(fresh, learning_rate=state.learning_rate)

    # ---- Training --------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        *,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        **unknown: Never,
    ) -> History:
        """Train; a second call goes on where the first one ended.

        Parameters
        ----------
        x : array, list or frame of shape (rows, columns), or a pair
            For a model with an `Embedding` the codes, or ``[numeric, codes]``. Or what gives batches, (x, y) or
            (x, y, sample_weight): a generator, or an object with ``__len__`` and ``__getitem__`` (Keras's PyDataset),
            whose ``on_epoch_begin`` and ``on_epoch_end`` are called if it has them. Then `batch_size` says nothing.
        y : array, list, frame or series
            Shape (rows, outputs), (rows,) for one output, or labels (rows,) for a loss that takes them.
        batch_size : int, default 32
        epochs : int, default 1
            The number of the last epoch; as many are run if `initial_epoch` is 0.
        verbose : {"auto", 0, 1, 2}, default "auto"
            0: silent. 1, "auto": a line that lives. 2: a line an epoch.
        callbacks : list of Callback, optional
        validation_split : float, default 0
            Share of the last rows, before they are shuffled, that are scored after each epoch, not trained on.
        validation_data : tuple (x, y) or (x, y, sample_weight), or what gives batches, optional
            Rows to score after each epoch, instead.
        shuffle : bool, default True
            Take the rows in a new order each epoch.
        class_weight : dict of label and weight, optional
            Multiplies the weights of training rows; a class that is not named has 1.
        sample_weight : array of shape (rows,), optional
        initial_epoch : int, default 0
            The number of the first epoch, for callbacks, logs and the screen.
        steps_per_epoch : int, optional
            Batches of an epoch. The next epoch goes on where it ended; the last one of a pass over the rows is shorter
            where they do not suffice, and a new pass begins. None: a pass, or all that a generator has.
        validation_steps : int, optional
            Score the first so many batches of the validation rows; of a generator they are taken once, before training.
        validation_freq : int or list of int, default 1
            Validate every so many epochs, or those of these numbers, counted from 1.
        validation_batch_size : int, optional
            None: `batch_size`.

        Returns
        -------
        History
            With ``history``, a dict of lists by name; also kept as ``model.history``.

        Raises
        ------
        DataError, ArgumentError, NotReadyError
            Before anything is trained.

        Warns
        -----
        DivergenceWarning
            The loss stopped being finite; weights and history are those of the last epoch that was finished.

        Notes
        -----
        Ctrl-C, or an exception of a callback, leaves the weights and the history of the last finished epoch.
        """
        refuse_unknown(Sequential.fit, unknown)
        compiled = self._ready_compiled("fit")
        level = verbosity(verbose, "fit")
        asked = check(batch_size, "batch_size", "fit", (int, NoneType), COUNT)
        scored = check(validation_batch_size, "validation_batch_size", "fit", (int, NoneType), COUNT)
        per_epoch = check(steps_per_epoch, "steps_per_epoch", "fit", (int, NoneType), COUNT)
        scored_steps = check(validation_steps, "validation_steps", "fit", (int, NoneType), COUNT)
        due = validated_epochs(validation_freq)
        epochs = check(epochs, "epochs", "fit", (int,), EPOCHS)
        initial_epoch = check(initial_epoch, "initial_epoch", "fit", (int,), NOT_NEGATIVE)
        check(validation_split, "validation_split", "fit", (float,), FRACTION)
        check(shuffle, "shuffle", "fit", (bool,))
        if initial_epoch > epochs:
            raise ArgumentError(
                f"'initial_epoch' of fit must be at most 'epochs', the number of the last epoch, not how many to add. "
                f"Got initial_epoch={initial_epoch} and epochs={epochs}."
            )
        with self._fitting("fit"):
            feed, validation = None, None
            if is_fed(x):
                refuse_beside("fit", x, y=y, sample_weight=sample_weight, validation_split=validation_split or None)
                source = source_of(x, shuffle=shuffle)
                network, rows = self._first_rows("fit", compiled, source, class_weight)
                feed = Feed(source, per_epoch, seed=self._seed, began=self._epochs_done)
                check_batches(network, len(rows), len(rows))
            else:
                network, rows = self._rows("fit", compiled, x, y, sample_weight)
            batch = asked or BATCH_SIZE
            if validation_data is not None:
                validation = self._validation_rows(compiled, network, validation_data, scored_steps, scored or batch)
            elif validation_split:
                rows, validation = split(rows, validation_split)
                validation = first_steps(validation, scored_steps, scored or batch, "validation_steps")
            if feed is None:
                rows = class_weighted(rows, class_weight, compiled.loss, network.outputs)
                batch = compiled.batch_size(asked, len(rows), BATCH_SIZE)
                check_batches(network, len(rows), batch)
                if per_epoch not in (None, math.ceil(len(rows) / batch)):
                    feed = Feed(
                        Arrays(rows, batch, shuffle=shuffle), per_epoch, seed=self._seed, began=self._epochs_done
                    )
            warn_of_one_softmax(network)
            self._network = network
            plan = self._plan(compiled, network, batch, shuffle=shuffle)
            warn_of_constant_scores(plan)
            if feed is not None:
                refuse_lbfgs(plan.optimizer)
                feed.warn_of_short_epochs(epochs - initial_epoch)
            steps = math.ceil(len(rows) / batch) if feed is None else feed.steps
            params = {"verbose": level, "epochs": epochs, "steps": steps}
            heard = CallbackList(callbacks, self, params, history=True)
            training = Training(
                *(self, get_engine(), plan, Names(compiled.names), heard, Progress(level, epochs, steps)),
                first=initial_epoch,
                shift=self._epochs_done - initial_epoch,
                validation=validation,
                validation_batch_size=scored,
                due=due,
                feed=feed,
            )
            return self._run(training, plan, rows, heard, epochs)

    def _run(self, training: Training, plan: Plan, rows: Matrix, heard: CallbackList, epochs: int) -> History:
        """Train, keep what came of it, then say how it ended."""
        self.stop_training = False
        self.history = training.history
        self._epochs_met = self._epochs_done
        try:
            heard.tell("on_train_begin", {})
            if self._backup is not None:
                plan = replace(plan, seed=self._seed)
                training.go_on(self._backup)
            left = max(epochs - training.first, 0)
            last = self._epochs_done + left
            job = Job(
                *(plan, self.state, rows, last, self._epochs_done, training.validation),
                validation_batch_size=training.validation_batch_size,
                listener=training.listener(),
            )
            feed = training.feed
            if feed is None:
                result = training.engine.fit(job)
            else:
                begun = training.engine.begin(plan, job.state)
                result = stepping.run(training.engine, begun, job, feed, lambda: feed.ended)
        except BaseException:
            training.abandon()
            raise
        finally:
            self._met = self._backup = None
        self._state = finalized(plan, result.state) if len(result.training) else result.state
        self._epochs_done += len(result.training)
        logs = training.finish(result)
        if result.failure is not None:
            raise result.failure
        message = divergence(result, training.first + len(result.training), job, feed)
        if message:
            heard.tell("on_divergence", result.failed_step, message)
        heard.tell("on_train_end", logs)
        if message:
            warn(message, DivergenceWarning)
        elif feed is not None:
            feed.warn_of_the_end(training.first + len(result.training), epochs)
        return training.history

    def _job(self, rows: Matrix, batch_size: int, epochs: int, *, shuffle: bool, **how: Any) -> Job:
        """A run over rows that others share; an engine has it, and `_take` keeps what comes of it."""
        network, done = self._ready_network("fit"), self._epochs_done
        check_batches(network, len(rows) if how.get("places") is None else len(how["places"]), batch_size)
        plan = self._plan(self._ready_compiled("fit"), network, batch_size, shuffle=shuffle)
        return Job(plan, self.state, rows, done + epochs, done, **how)

    def _take(self, job: Job, result: Result) -> None:
        """Be what a run has made: its best weights, if rows were held out, else those of its end."""
        epochs = len(result.training)
        state = finalized(job.plan, result.state) if epochs else result.state
        self._state = state if result.best is None else replace(state, weights=result.best)
        self._epochs_done += epochs
        names = Names(self._ready_compiled("fit").names)
        self.history = History()
        self.history.set_model(self)
        self.history.add(range(epochs), names.columns(result.training, result.validation) if epochs else {})
        self.history.status = result.status

    def _rows(
        self, caller: str, compiled: Compiled, x: Any, y: Any, sample_weight: Any, part: str = ""
    ) -> tuple[Network, Matrix]:
        """The network for these rows, and the rows as an engine reads them."""
        if y is None:
            raise DataError(f"{caller} needs targets: y is None.")
        columns = self._columns
        if columns is None:
            columns, x = first_columns(x, self._layers)
        network = self._network_for(columns, caller)
        return network, self._matrix(compiled, network, x, y, sample_weight, part)

    def _first_rows(
        self, caller: str, compiled: Compiled, source: Generator | Dataset, class_weight: Any = None
    ) -> tuple[Network, Matrix]:
        """The network for batches, and the first one as an engine reads it."""
        network, rows = self._rows(caller, compiled, *source.first, f" of {source.first_name}")
        source.convert = self._converting(compiled, network, class_weight)
        return network, rows

    def _converting(self, compiled: Compiled, network: Network, class_weight: Any = None) -> Convert:
        """What makes rows of a batch."""

        def convert(parts: Parts, name: str) -> Matrix:
            if parts[1] is None:
                raise DataError(f"{name.capitalize()} must hold targets, (x, y). Got x alone.")
            rows = self._matrix(compiled, network, *parts, f" of {name}")
            if len(rows) == 1 and takes_statistics(network):
                warn(f"{name.capitalize()} is a single row, {NO_VARIANCE}")
            return class_weighted(rows, class_weight, compiled.loss, network.outputs)

        return convert

    def _validation_rows(
        self, compiled: Compiled, network: Network, data: Any, steps: int | None, batch: int
    ) -> Matrix:
        if is_fed(data):
            source = source_of(data)
            source.convert = self._converting(compiled, network)
            return joined(source.batches(0, 0, 0, steps))
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise ArgumentError(
                f"'validation_data' of fit must be (x, y) or (x, y, sample_weight). Got {type(data).__name__}"
                + (f" of {len(data)}." if isinstance(data, (tuple, list)) else ".")
            )
        x, y, weight = (*data, None)[:3]
        rows = self._matrix(compiled, network, x, y, weight, " of validation_data")
        return first_steps(rows, steps, batch, "validation_steps")

    @staticmethod
    def _matrix(compiled: Compiled, network: Network, x: Any, y: Any, weight: Any, part: str) -> Matrix:
        """Rows for a network and what it is compiled with."""
        measured = bool(compiled.metrics or compiled.weighted)
        return matrix(x, y, weight, loss=compiled.loss, network=network, part=part, measured=measured)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> float | list[float] | dict[str, float]:
        """Take one step on these rows.

        Parameters
        ----------
        x, y, sample_weight, class_weight
            As for `fit`.
        return_dict : bool, default False

        Returns
        -------
        float, list or dict
            Loss and metrics of the batch before the step, as `evaluate` returns them.
        """
        refuse_unknown(Sequential.train_on_batch, unknown)
        compiled = self._ready_compiled("train_on_batch")
        with self._fitting("train_on_batch"):
            network, rows = self._rows("train_on_batch", compiled, x, y, sample_weight)
            rows = class_weighted(rows, class_weight, compiled.loss, network.outputs)
            check_batches(network, len(rows), len(rows))
            self._network = network
            plan = self._plan(compiled, network, len(rows), shuffle=False)
            job = Job(plan, self.state, rows, 1)
            result = get_engine().fit(job)
            self._state = result.state
        if result.failure is not None:
            raise result.failure
        if message := divergence(result, None, job):
            warn(message, DivergenceWarning)
            return Names(compiled.names).returned([math.nan] * (1 + len(plan.scores)), as_dict=return_dict)
        return Names(compiled.names).returned(result.training[0].tolist(), as_dict=return_dict)

    # ---- Looking at a step -----------------------------------------------------------------------------------------

    def explain_step(self, X: Any, y: Any, sample_weight: Any = None, *, entries: int | None = None) -> Step:
        """One batch through the network in formulas and numbers: forward, the loss, each gradient, the step.

        The model stays as it is. The batch is all rows, in float64; noise such as dropout is that of the model's next
        step. Each gradient stands beside central finite differences of the loss.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        entries : int or None, default None
            How many numbers of each array of weights are held against finite differences, drawn from the model's seed.
            None: all, if the network has at most 300, else 2 to 12 of each array, fewer for large networks and many
            rows. 0: none.

        Returns
        -------
        Step
            With ``text()``, ``frame()``, ``latex()``, ``html()`` and ``save_html(path)``.

        Raises
        ------
        NotReadyError
            The model is not compiled.
        DataError
            What `fit` would refuse; a loss that is not finite.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=1, kernel_initializer="ones")])
        >>> model.compile("sgd", "mse")
        >>> step = model.explain_step([[2.0]], [[1.0]])
        >>> for weight in step.weights:
        ...     print(weight.formula, weight.gradient.tolist(), weight.check.relative < 1e-6)
        dL/dW1 = X^T d1 [[4.0]] True
        dL/db1 = sum_rows d1 [2.0] True
        """
        from tabgrad.explain.trace import Named

        numeric = X[0] if is_pair(X) else X
        names = None if self._network is not None and not self._network.inputs else read(numeric, "X").columns
        return self._explained(X, y, sample_weight, Named(self.name, names or ()), entries)

    def _explained(self, X: Any, y: Any, sample_weight: Any, named: Named, entries: int | None) -> Step:
        """One batch there and back, with its columns and outputs named by whoever knows them."""
        from tabgrad.explain.trace import explained

        compiled = self._ready_compiled("explain_step")
        check(entries, "entries", "explain_step", (int, NoneType), NOT_NEGATIVE)
        network, rows = self._rows("explain_step", compiled, X, y, sample_weight)
        plan = self._plan(compiled, network, len(rows), shuffle=False)
        state = initial_state(plan) if self._network is None else self.state
        return explained(plan, state, rows, named, entries=entries)

    # ---- Scoring and predicting ------------------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> float | list[float] | dict[str, float]:
        """Loss, regularisation included, and metrics on rows, dropout off.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        batch_size : int, default 32
            For callbacks that listen to batches; the values do not depend on it.
        verbose : {"auto", 0, 1, 2}, default "auto"
        return_dict : bool, default False
        callbacks : list of Callback, optional

        Returns
        -------
        float, list or dict
            The loss, or if there are metrics a list of loss and metrics in the order of `metrics_names`, or a dict.

        Examples
        --------
        >>> from tabgrad.layers import Activation
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Activation("linear")])
        >>> model.compile(loss="mse", metrics=["mae"])
        >>> model.evaluate([[1.0], [4.0]], [1.0, 2.0], verbose=0)
        [2.0, 1.0]
        """
        refuse_unknown(Sequential.evaluate, unknown)
        compiled = self._ready_compiled("evaluate")
        batch = check(batch_size, "batch_size", "evaluate", (int, NoneType), COUNT) or BATCH_SIZE
        level = verbosity(verbose, "evaluate")
        limit = check(steps, "steps", "evaluate", (int, NoneType), COUNT)
        source = None
        if is_fed(x):
            refuse_beside("evaluate", x, y=y, sample_weight=sample_weight)
            source = source_of(x)
            network, rows = self._first_rows("evaluate", compiled, source)
            expected = limit or source.count
        else:
            network, rows = self._rows("evaluate", compiled, x, y, sample_weight)
            rows = first_steps(rows, limit, batch, "steps")
            expected = math.ceil(len(rows) / batch)
        self._network = network
        names = Names(compiled.names)
        plan = self._plan(compiled, network, batch)
        with self._shown(level, callbacks, expected) as (progress, heard):
            heard.tell("on_test_begin", {})
            engine, weights = get_engine(), self._weights(network)
            if source is None:
                values = evaluated(engine, plan, weights, rows, batch, names, heard)
            else:
                batches = source.batches(0, 0, 0, limit)
                values, expected = evaluated_in_batches(engine, plan, weights, batches, names, heard)
            logs = names.logs(values)
            heard.tell("on_test_end", logs)
            progress.epoch_end(logs, expected)
        return names.returned(values, as_dict=return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **unknown: Never,
    ) -> np.ndarray:
        """The network's outputs on rows, dropout off.

        Parameters
        ----------
        x : array, list or frame of shape (rows, columns), or a pair, as for `fit`
        batch_size : int, default 32
            For callbacks that listen to batches; the outputs do not depend on it.
        verbose : {"auto", 0, 1, 2}, default "auto"
            "auto" is silent here: a prediction is over before a line could be read.
        callbacks : list of Callback, optional

        Returns
        -------
        array of shape (rows, outputs)
            float32.

        Examples
        --------
        >>> from tabgrad.layers import Activation, Input
        >>> from tabgrad.models import Sequential
        >>> Sequential([Input((1,)), Activation("sigmoid")]).predict([[0], [0]])
        array([[0.5],
               [0.5]], dtype=float32)
        """
        refuse_unknown(Sequential.predict, unknown)
        batch = BATCH_SIZE if batch_size is None else check(batch_size, "batch_size", "predict", (int,), COUNT)
        level = verbosity(verbose, "predict", auto=0)
        columns = self._columns
        if self._layers and columns is None:
            self._ready_network("predict")
        network = self._network_for(columns or Columns(1), "predict")
        limit = check(steps, "steps", "predict", (int, NoneType), COUNT)
        if is_fed(x):
            return self._predict_batches(x, network, limit, level, callbacks)
        rows = first_steps(inputs(x, network), limit, batch, "steps")
        if not level and callbacks is None:
            return predicted(get_engine(), network, self._weights(network), rows, batch, None)
        with self._shown(level, callbacks, math.ceil(len(rows) / batch)) as (progress, heard):
            heard.tell("on_predict_begin", {})
            outputs = predicted(get_engine(), network, self._weights(network), rows, batch, heard)
            heard.tell("on_predict_end", {})
            progress.epoch_end({})
        return outputs

    def _predict_batches(self, x: Any, network: Network, steps: int | None, level: int, callbacks: Any) -> np.ndarray:
        """The outputs on batches that come one by one."""
        source = source_of(x)
        rows = (inputs(parts[0], network, part=f" of {name}") for parts, name in source.given(0, 0, 0, steps))
        with self._shown(level, callbacks, steps or source.count) as (progress, heard):
            heard.tell("on_predict_begin", {})
            outputs, count = predicted_in_batches(get_engine(), network, self._weights(network), rows, heard)
            heard.tell("on_predict_end", {})
            progress.epoch_end({}, count)
        return outputs

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002  (Keras's order)
        **unknown: Never,
    ) -> float | list[float] | dict[str, float]:
        """Loss and metrics on these rows, as `evaluate` gives them, without a word and without callbacks."""
        refuse_unknown(Sequential.test_on_batch, unknown)
        compiled = self._ready_compiled("test_on_batch")
        self._network, rows = self._rows("test_on_batch", compiled, x, y, sample_weight)
        names, plan = Names(compiled.names), self._plan(compiled, self._network, BATCH_SIZE)
        values = evaluated(get_engine(), plan, self._weights(self._network), rows, len(rows), names, None)
        return names.returned(values, as_dict=return_dict)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """The network's outputs on these rows, as `predict` gives them."""
        return self.predict(x, verbose=0)

    @contextmanager
    def _shown(self, level: int, callbacks: Any, steps: int | None) -> Iterator[tuple[Progress, CallbackList]]:
        """The progress and the callbacks of a pass over rows."""
        heard = CallbackList(callbacks, self, {"verbose": level, "epochs": 1, "steps": steps})
        progress = Progress(level, 1, steps)
        progress.epoch_begin(0)
        try:
            yield progress, heard
        except BaseException:
            heard.give_up()
            raise
        finally:
            progress.close()

    # ---- Weights ---------------------------------------------------------------------------------------------------

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, layer by layer, kernel before bias; none before the width of a row is known."""
        if self._network is None:
            return []
        return [array.copy() for array in self._weights(self._network)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the weights; the optimizer keeps what it carries.

        Parameters
        ----------
        weights : list of arrays
            Numbers and shapes as `get_weights` gives them.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=2)])
        >>> model.set_weights([[[1], [2]], [3]])
        >>> model.predict([[10, 100]])
        array([[213.]], dtype=float32)
        """
        network = self._ready_network("set_weights")
        arrays = checked_weights(weights, network)
        if (session := self._session) is not None:
            session.set_weights(arrays)
            return
        self._refuse_other_thread("set_weights")
        self._state = replace(self._ready_state(network), weights=arrays)

    def get_averages(self) -> list[np.ndarray]:
        """Copies of the weights' running averages, in the order of `get_weights`, for an optimizer with `use_ema`.

        Before the first step they are the weights, and so they are once more after `fit`, which ends with them; between
        steps (in callbacks, after `train_on_batch`) they differ. What does not train is its own average.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> from tabgrad.optimizers import SGD
        >>> model = Sequential([Dense(1, use_bias=False, kernel_initializer="zeros", input_dim=1)])
        >>> model.compile(SGD(0.25, use_ema=True, ema_momentum=0.5), "mse")
        >>> for step in range(2):  # w = 0.5, then 0.75
        ...     loss = model.train_on_batch([[1]], [[1]])
        >>> model.get_weights()[0].item(), model.get_averages()[0].item()
        (0.75, 0.625)
        """
        if self.optimizer is None or not self.optimizer.use_ema:
            raise NotReadyError(
                "get_averages needs an optimizer that keeps averages of the weights, for instance Adam(use_ema=True). "
                f"The model {'is not compiled' if self.optimizer is None else f'has {self.optimizer!r}'}."
            )
        session = self._session
        return [array.copy() for array in averages(self.state if session is None else session.state())]

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
    ) -> None:
        """Write the weights, and nothing of the optimizer, to a safetensors file.

        The file is there as a whole or not at all: a crash leaves the one that was there before.

        Parameters
        ----------
        filepath : str or path
            Ends in ``.weights.safetensors`` or ``.safetensors``.
        overwrite : bool, default True
            False: a file that is there already is an error.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=1)])
        >>> model.set_weights([[[2]], [1]])
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "line.weights.safetensors"
        ...     model.save_weights(path)
        ...     other = Sequential([Dense(1, input_dim=1)])
        ...     other.load_weights(path)
        >>> other.predict([[3]])
        array([[7.]], dtype=float32)
        """
        path = weights_path(filepath, "filepath", "save_weights")
        network = self._ready_network("save_weights")
        if not check(overwrite, "overwrite", "save_weights", (bool,)) and os.path.exists(path):
            raise ArgumentError(f"save_weights finds '{path}' there already. Give another name, or overwrite=True.")
        write_weights(path, self._weights(network), network)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Replace the weights by those of a file of `save_weights`; the optimizer keeps what it carries.

        Parameters
        ----------
        filepath : str or path

        Raises
        ------
        WeightsFileError
            The file is damaged, foreign, or its layers have other names or shapes; the model is as it was before.
        """
        path = weights_path(filepath, "filepath", "load_weights")
        self.set_weights(read_weights(path, self._ready_network("load_weights")))

    # ---- Keras -----------------------------------------------------------------------------------------------------

    @classmethod
    def from_keras(cls, model: Any, *, seed: int | None = None) -> Sequential:
        """The same model as one of Keras: layers, weights, what it is compiled with, and its optimizer's progress.

        Needs Keras 3 with any backend: ``pip install "tabgrad[keras]"``. Predictions are those of Keras to rounding,
        and `fit` goes on where Keras stopped.

        Parameters
        ----------
        model : keras.Sequential, a functional model that is a plain row of layers, or the path of a .keras file
        seed : int or None, default None
            As for `Sequential`: Keras does not say from which seed its own numbers came.

        Raises
        ------
        ArgumentError
            A part that cannot be carried over, such as a Lambda layer or a loss of one's own; the message names it.
        ImportError
            Keras is not installed.

        Examples
        --------
        >>> import keras  # doctest: +SKIP
        >>> theirs = keras.models.load_model("model.keras")  # doctest: +SKIP
        >>> model = Sequential.from_keras(theirs)  # doctest: +SKIP
        >>> history = model.fit(x, y, epochs=10)  # doctest: +SKIP
        >>> model.to_keras().save("model.keras")  # doctest: +SKIP
        """
        from tabgrad import _keras_models

        read = _keras_models.read(model)
        made = cls(read.layers, name=read.name, seed=seed)
        if read.compiling is not None:
            made.compile(**read.compiling)
        made._state = read.state
        return made

    def to_keras(self) -> Any:
        """The same model for Keras: layers, weights, what it is compiled with, and its optimizer's progress.

        Needs Keras 3 with any backend: ``pip install "tabgrad[keras]"``.

        Returns
        -------
        keras.Sequential
            Or a functional model, where there is a `Residual`, or an `Embedding` beside numeric columns or with a table
            for each column; its inputs are those of this model.

        Raises
        ------
        ArgumentError
            A part that Keras lacks, such as `tabgrad.losses.Quantile`; the message names it.
        NotReadyError
            The width of a row is not known, or the model is being fitted.
        ImportError
            Keras is not installed.
        """
        self._refuse_while_fitting("to_keras")
        network, compiled = self._ready_network("to_keras"), self._compiled
        rate = None if compiled is None or compiled.optimizer.schedule is not None else self.learning_rate
        from tabgrad import _keras_models

        return _keras_models.written(self.name, network, self._ready_state(network), compiled, rate)

    def count_params(self) -> int:
        """How many numbers the weights are."""
        return _summary.parameters(self._ready_network("count_params"))

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the layers, the shapes of their outputs and the numbers of their parameters.

        Parameters
        ----------
        print_fn : callable, optional
            Receives the text instead.
        """
        state = self._state
        slots = None if state is None or not state.step else sum(a.size for slots in state.slots for a in slots)
        (print_fn or say)(_summary.summary(self.name, self._layers, self._network, slots))

    @property
    def weights(self) -> list[np.ndarray]:
        """Copies of all arrays, as `get_weights` gives them."""
        return self.get_weights()

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Copies of the arrays that training moves."""
        return [array for array, weight in self._named_weights() if weight.trainable]

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """Copies of the other arrays: of frozen layers, and what moves with the batch."""
        return [array for array, weight in self._named_weights() if not weight.trainable]

    def _named_weights(self) -> list[tuple[np.ndarray, Weight]]:
        return [] if self._network is None else list(zip(self.get_weights(), self._network.weights, strict=True))

    # ---- As data ---------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Name, layers and columns as plain data, without weights and without a seed; `from_config` takes it."""
        return _configs.config_of(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A new model, not compiled, with first weights of its own.

        Examples
        --------
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(2, activation="relu", input_dim=3), Dense(1)], name="small")
        >>> Sequential.from_config(model.get_config())
        Sequential 'small': 3 columns -> Dense(2, relu) -> Dense(1, linear)
        11 parameters; not compiled
        """
        name, layers, input_shape = _configs.configured(config)
        model = cls(layers, name=name)
        if input_shape is not None:
            model._build(input_shape, "from_config")
        return model

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given, as plain data; None for a model that is not compiled."""
        return None if self._compiled is None else _configs.compile_config_of(self._compiled)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as `get_compile_config` says."""
        self.compile(**_configs.compile_arguments(config))

    def to_json(self, **options: Any) -> str:
        """Layers, and what the model is compiled with, as JSON; `model_from_json` makes a model of it.

        Parameters
        ----------
        **options
            Of ``json.dumps``, for instance ``indent=2``.
        """
        return _configs.json_of(self, options)

    def __repr__(self) -> str:
        """Layers, size, and what it is compiled with."""
        how = self._compiled
        return _summary.described(self.name, self._layers, self._network, (how.optimizer, how.loss) if how else ())

    def _weights(self, network: Network) -> Sequence[np.ndarray]:
        """The weights as they are now: those of the session inside a callback, else those of the state."""
        session = self._session
        return self._ready_state(network).weights if session is None else session.get_weights()

    # ---- Runs and threads ------------------------------------------------------------------------------------------

    def _go_on(self, backup: Backup) -> None:
        """Be as a backup says; called by a callback before the first epoch of a run."""
        self._state, self._seed, self._epochs_done, self._backup = backup.state, backup.seed, backup.epochs_done, backup

    def _join(self, session: Session, epochs_done: int | None) -> None:
        """From now on a run's session speaks for the weights, in the thread that runs it; called by `_runs`.

        Between epochs it is also said how many are done, this run's among them.
        """
        self._met = session
        self._epochs_met = self._epochs_met if epochs_done is None else epochs_done

    @property
    def _session(self) -> Session | None:
        """The session of the run on its way, for the thread that runs it: inside a callback."""
        return self._met if self._met is not None and self._owner == threading.get_ident() else None

    @contextmanager
    def _fitting(self, caller: str) -> Iterator[None]:
        """One run at a time."""
        if not self._lock.acquire(blocking=False):
            raise NotReadyError(_BUSY.format(caller))
        self._owner = threading.get_ident()
        try:
            yield
        finally:
            self._owner = None
            self._lock.release()

    def _refuse_while_fitting(self, caller: str) -> None:
        if self._owner is not None:
            raise NotReadyError(_BUSY.format(caller))

    def _refuse_other_thread(self, caller: str) -> None:
        if self._owner not in (None, threading.get_ident()):
            raise NotReadyError(_BUSY.format(caller))

    # ---- Files and copies ------------------------------------------------------------------------------------------

    def _saved(self) -> Saved:
        """All that the model is; inside a callback as it is at that moment."""
        among, network = self._session is not None, self._network
        return Saved(
            *(self.name, self._layers, network, self._compiled),
            state=None if network is None else self.state if among else self._ready_state(network),
            seed=self._seed,
            epochs_done=self._epochs_met if among else self._epochs_done,
            history=self.history,
        )

    def _become(self, saved: Saved) -> None:
        """Be what was saved."""
        self.name, self._layers, self._network, self._compiled = saved.name, saved.layers, saved.network, saved.compiled
        self._state, self._seed, self._epochs_done, self.history = saved.state, saved.seed, saved.epochs_done, None
        self.stop_training = False
        self._begin_idle()
        if saved.history is not None:
            self.history = saved.history.copy()
            self.history.set_model(self)

    def _to_content(self) -> Content:
        """What a model file holds of the model."""
        return content_of(self._saved())

    @classmethod
    def _from_content(cls, content: Content, *, compile: bool = True) -> Self:
        """The model in a model file."""
        saved = saved_of(content)
        made = cls.__new__(cls)
        made._become(saved if compile else saved.untrained())
        return made

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
        *,
        include_optimizer: bool = True,
        **unknown: Never,
    ) -> None:
        """Write the whole model to one file, from which `tabgrad.load` makes the same one again.

        Layers, weights, what the model is compiled with, what the optimizer carries, the seed, the epochs done and the
        history: training goes on bit for bit as if it had never stopped. The file is there as a whole or not at all: a
        crash leaves the one that was there before. See :doc:`/model_file`.

        Parameters
        ----------
        filepath : str or path
            Ends in ``.tabgrad``.
        overwrite : bool, default True
            False: a file that is there already is an error.
        include_optimizer : bool, default True
            False: layers and weights alone. The loaded model is not compiled.

        Raises
        ------
        ArgumentError
            The model is compiled with a function of your own, which no file holds; another ending.
        OSError
            The disk is full, the folder is missing or may not be written to.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import tabgrad
        >>> from tabgrad.layers import Dense
        >>> from tabgrad.models import Sequential
        >>> model = Sequential([Dense(1, input_dim=1)])
        >>> model.compile("adam", "mse")
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "line.tabgrad"
        ...     model.save(path)
        ...     again = tabgrad.load(path)
        >>> bool((again.predict([[3]]) == model.predict([[3]])).all())
        True
        """
        refuse_unknown(Sequential.save, unknown)
        self._refuse_other_thread("save")
        saved = self._saved()
        if not check(include_optimizer, "include_optimizer", "save", (bool,)):
            saved = saved.untrained()
        store.write(filepath, content_of(saved), overwrite=check(overwrite, "overwrite", "save", (bool,)))

    def __getstate__(self) -> dict[str, Any]:
        """The bytes of a model file; functions of the user's own, which it does not hold, beside it."""
        saved = self._saved()
        try:
            return {"file": store.to_bytes(content_of(saved))}
        except ArgumentError:
            bare = store.to_bytes(content_of(saved.untrained()))
            return {"file": bare, "own": (saved.compiled, saved.state, saved.epochs_done, saved.history)}

    def __setstate__(self, data: dict[str, Any]) -> None:
        """As `__getstate__` gave it."""
        saved = saved_of(store.from_bytes(data["file"], "The pickle of a Sequential"))
        if "own" in data:
            compiled, state, epochs_done, history = data["own"]
            saved = replace(saved, compiled=compiled, state=state, epochs_done=epochs_done, history=history)
        self._become(saved)

    def __copy__(self) -> Self:
        """A model of its own: records and arrays are never changed in place, so both may have the same ones."""
        made = type(self).__new__(type(self))
        made._become(self._saved())
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """As `copy.copy`."""
        made = memo[id(self)] = copy(self)
        return made


def save_model(
    model: Sequential,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,  # noqa: FBT001, FBT002  (Keras's order)
    *,
    include_optimizer: bool = True,
) -> None:
    """Write a whole model to one file: `Sequential.save` as a function, as Keras has it."""
    if not isinstance(model, Sequential):
        raise ArgumentTypeError(f"'model' of save_model must be a Sequential. Got {model!r}.")
    model.save(filepath, overwrite, include_optimizer=include_optimizer)


def load_model(filepath: str | os.PathLike[str], *, compile: bool = True, **unknown: Never) -> Sequential:
    """The model that `Sequential.save` wrote; `tabgrad.load` does the same for every kind of model.

    Parameters
    ----------
    filepath : str or path
    compile : bool, default True
        False: layers and weights alone; the model is not compiled.

    Raises
    ------
    ModelFileError
        The file is damaged, foreign, or describes no model.
    OSError
        It is not there, or may not be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential, load_model
    >>> with TemporaryDirectory() as folder:
    ...     Sequential([Dense(1, input_dim=3)], name="small").save(f"{folder}/small.tabgrad")
    ...     load_model(f"{folder}/small.tabgrad")
    Sequential 'small': 3 columns -> Dense(1, linear)
    4 parameters; not compiled
    """
    for name in unknown:
        raise ArgumentTypeError(_KERAS_LOADING.get(name) or str(unknown_arguments("load_model", [name], ["compile"])))
    content = store.read(filepath)
    if content.kind != KIND:
        raise ModelFileError(f"holds a {content.kind}, not a Sequential.", content.name, "Use tabgrad.load.")
    return Sequential._from_content(content, compile=check(compile, "compile", "load_model", (bool,)))


_KERAS_LOADING = {
    "custom_objects": "load_model has no argument 'custom_objects': a model file names no code. Save the model with "
    "include_optimizer=False, and compile with your function after loading.",
    "safe_mode": "load_model has no argument 'safe_mode': a model file holds no code, so there is no other mode.",
}


def model_from_json(json_string: str) -> Sequential:
    """A model of the JSON that `Sequential.to_json` wrote, compiled if that one was, with first weights of its own.

    Names of classes are looked up in a fixed table: nothing is imported or run by what a file says.

    Raises
    ------
    ArgumentError
        The text is no JSON, no model's, or names something that is not here.

    Examples
    --------
    >>> from tabgrad.layers import Dense
    >>> from tabgrad.models import Sequential, model_from_json
    >>> model = Sequential([Dense(1, input_dim=3)])
    >>> model.compile("adam", "mse")
    >>> model_from_json(model.to_json()).optimizer == model.optimizer
    True
    """
    config, compiled = _configs.of_json(json_string)
    model = Sequential.from_config(config)
    if compiled is not None:
        model.compile_from_config(compiled)
    return model


def clone_model(model: Sequential) -> Sequential:
    """A model of the same layers with first weights and a seed of its own, not compiled."""
    if not isinstance(model, Sequential):
        raise ArgumentTypeError(f"'model' of clone_model must be a Sequential. Got {model!r}.")
    return Sequential.from_config(model.get_config())


_BUSY = "{} cannot be called while the model is being fitted. Wait for fit, or use a copy: copy.deepcopy(model)."
