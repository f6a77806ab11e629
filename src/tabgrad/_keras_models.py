"""Models to and from Keras: the same parts under the same names, so most of the way is one rule.

A record's class, and its fields, bear Keras's names, so the module of a record says where Keras has its counterpart
(`tabgrad.layers` and `keras.layers`), and a new part needs nothing here. The tables below are the exceptions. Only
Keras's public interface is used, whatever its backend; Keras is loaded when one of the two functions is called.
"""

from __future__ import annotations

import inspect
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from tabgrad import activations, initializers, layers, losses, metrics, optimizers, regularizers
from tabgrad._compiling import Compiled
from tabgrad._record import Record
from tabgrad._stack import columns_of, layer_names, network_of
from tabgrad.engines.base import State
from tabgrad.errors import ArgumentError, ArgumentTypeError
from tabgrad.layers import Embedding, Flatten, Input, Layer, Normalization, Residual
from tabgrad.optimizers import Muon, Nadam, Optimizer
from tabgrad.plan import Network

MODULES = {
    "initializers": initializers,
    "layers": layers,
    "losses": losses,
    "metrics": metrics,
    "optimizers": optimizers,
    "optimizers.schedules": optimizers.schedules,
    "regularizers": regularizers,
}
"""Where both libraries have what."""

FIXES = {
    "initializers": "Give another one: the weights stay as they are, for instance layer.kernel_initializer = "
    "keras.initializers.GlorotUniform() in Keras.",
    "layers": "Build the model without it.",
    "losses": "Compile the model with a loss that both libraries have.",
    "metrics": "Compile the model without it.",
    "optimizers": "Compile the model with an optimizer that both libraries have.",
    "optimizers.schedules": "Compile the model with a number as learning_rate, or a schedule that both libraries have.",
    "regularizers": "Use L1, L2 or L1L2.",
}
"""What to do about a part that one of them lacks."""

IGNORED = {"data_format", "ema_momentum", "renorm_momentum", "sparse"}
"""Arguments of Keras that change nothing where `PLAIN` holds."""

PLAIN: dict[str, tuple[Any, ...]] = {
    "axis": (-1, 1),
    "dtype": ("float32", "int32"),
    "gradient_accumulation_steps": (1,),
    "reduction": ("sum_over_batch_size",),
}
"""What an argument that our record does not have may be, beside None and False."""

OURS = {
    "learning_rate_factor": 1.0,
    "weight_decay_factor": 1.0,
    "bias_learning_rate_factor": None,
    "bias_weight_decay_factor": None,
    "ema_warm_up": False,
}
"""Fields that Keras has not, and what they are where they change nothing."""

SLOTS = {"average": "average_gradient", "ema": "average"}
"""Arrays of an optimizer that Keras calls otherwise."""

ACTIVATION_LAYERS = {activations.Relu: "ReLU", activations.LeakyRelu: "LeakyReLU", activations.Elu: "ELU"}
"""Activations whose options Keras writes into a model only where they are layers."""

FUNCTIONS = (losses.Function, metrics.MeanMetricWrapper)
"""Records that call what the user wrote, which works on NumPy's arrays here and on the backend's there."""


@dataclass
class Read:
    """What `from_keras` took from a model: the arguments of `Sequential`, of `compile`, and a state, where known."""

    name: str
    layers: list[Layer]
    compiling: dict[str, Any] | None = None
    state: State | None = None


def loaded() -> Any:
    """Keras.

    Raises
    ------
    ImportError
        It is not installed, or its backend is not.
    """
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            f"from_keras and to_keras need the package 'keras' and a backend of it: pip install 'tabgrad[keras]'. "
            f"({error})"
        ) from error
    return keras


@contextmanager
def _carrying(what: str, caller: str) -> Iterator[None]:
    """Errors say which part cannot be carried over."""
    try:
        yield
    except (ArgumentError, TypeError, ValueError) as error:
        raise ArgumentError(f"{caller} cannot carry over {what}: {error}") from error


# ---- From Keras ----------------------------------------------------------------------------------------------------


def read(model: Any) -> Read:
    """The parts of a model of Keras, or of the file of one."""
    keras = loaded()
    if isinstance(model, (str, os.PathLike)):
        model = _opened(keras, model)
    row = _row(keras, model)
    records = []
    for layer in row:
        with _carrying(f"the layer '{layer.name}'", "from_keras"):
            records.append(_layer(keras, layer))
    found = Read(model.name, records)
    if getattr(model, "compiled", False):
        found.compiling = _compiling(keras, model)
    if model.built:
        shape = _row_shape(model)
        found.layers = [Input(shape), *records]
        network = network_of(columns_of(shape, records), tuple(records), "from_keras")
        found.state = _state(keras, model, row, network, found.compiling)
    return found


def _opened(keras: Any, path: str | os.PathLike[str]) -> Any:
    """The model in a file; Keras runs no code out of it."""
    try:
        return keras.models.load_model(path)
    except (OSError, TypeError, ValueError) as error:
        raise ArgumentError(f"from_keras cannot read '{os.fspath(path)}': Keras says: {error}") from error


def _row(keras: Any, model: Any) -> list[Any]:
    """The layers of a model that is a plain row of them, without its input."""
    if not isinstance(model, keras.Model):
        raise ArgumentTypeError(
            f"from_keras takes a model of Keras, or the path of a .keras file. Got {type(model).__name__}."
        )
    if isinstance(model, keras.Sequential):
        return [each for layer in model.layers for each in (_row(keras, layer) if _nested(keras, layer) else [layer])]
    made = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if not _is_row(model, made):
        raise ArgumentError(
            f"from_keras takes a Sequential of Keras, or a functional model that is a plain row of layers. "
            f"'{model.name}' is neither. Write what branches with tabgrad's Residual or Embedding, and give it the "
            "weights (set_weights)."
        )
    return made


def _nested(keras: Any, layer: Any) -> bool:
    return isinstance(layer, keras.Sequential)


def _is_row(model: Any, made: Sequence[Any]) -> bool:
    """Whether each layer takes what the one before it gives, and nothing else."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs or len(inputs) > 1 or len(outputs) > 1:
        return False
    tensor = inputs[0]
    for layer in made:
        try:
            follows = layer.input is tensor
        except AttributeError:  # it stands in several places
            return False
        if not follows:
            return False
        tensor = layer.output
    return tensor is outputs[0]


def _layer(keras: Any, layer: Any) -> Layer:
    """The record of a layer."""
    kind = _counterpart(keras, "layers", type(layer))
    if issubclass(kind, Layer) and kind not in (Input, Layer, Residual):
        _check_activation(keras, getattr(layer, "activation", None))
        config = _config(layer)
        if kind is Normalization and config["mean"] is None:
            config |= {array.name: _array(keras, array) for array in layer.weights if array.name != "count"}
        if "activation" in config:
            config["activation"] = _activation(config["activation"])
        record = _record(kind, config)
        assert isinstance(record, Layer)
        return record
    raise ArgumentError(f"tabgrad has no layer {type(layer).__name__}. {FIXES['layers']}")


def _counterpart(keras: Any, where: str, kind: type) -> Any:
    """The record class that stands for a class of Keras."""
    theirs: Any = keras
    for name in where.split("."):
        theirs = getattr(theirs, name)
    if getattr(theirs, kind.__name__, None) is not kind:
        raise ArgumentError(f"{kind.__name__} is a class of your own, not one of keras.{where}. {FIXES[where]}")
    return _named(where, kind.__name__)


def _named(where: str, name: str) -> type[Record]:
    """The record class of a name in a module."""
    record = getattr(MODULES[where], name, None)
    if not (isinstance(record, type) and issubclass(record, Record)):
        raise ArgumentError(f"tabgrad.{where} has no {name}. {FIXES[where]}")
    return record


def _config(theirs: Any) -> dict[str, Any]:
    """A part's arguments; of a lambda among them Keras warns, and it is refused afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(theirs.get_config())


def _record(kind: type[Record], config: Mapping[str, Any]) -> Record:
    """A record from the arguments of its counterpart."""
    known, values = inspect.signature(kind).parameters, {}
    for name, given in config.items():
        value = given["config"]["name"] if name == "dtype" and isinstance(given, Mapping) else given
        if name in known:
            plain = _value(value)
            values[name] = plain[0] if name == "axis" and isinstance(plain, (list, tuple)) else plain
        elif not _changes_nothing(name, value):
            shown = value.get("class_name", value) if isinstance(value, Mapping) else repr(value)
            raise ArgumentError(
                f"tabgrad's {kind.__name__} takes no '{name}', which is {shown} here. Leave it out in Keras."
            )
    return kind(**values)


def _changes_nothing(name: str, value: Any) -> bool:
    """Whether an argument that we do not have is as if it were not there."""
    if name in IGNORED or name == "name" or value is None or value is False:
        return True
    return value in PLAIN.get(name, ())


def _value(value: Any) -> Any:
    """An argument as our records take it: parts as records, numbers as they were typed."""
    if isinstance(value, Mapping):
        where, config = str(value.get("module")).removeprefix("keras."), value.get("config")
        kind = value.get("class_name")
        if kind in ("__tensor__", "__numpy__") and isinstance(config, Mapping):
            return [_value(number) for number in config["value"]]
        if where not in MODULES or value.get("registered_name") or not isinstance(config, Mapping):
            name = config if isinstance(config, str) else "A lambda" if kind == "__lambda__" else kind
            raise ArgumentError(f"{name} is not a part of Keras's own. Leave it out in Keras.")
        return _record(_named(where, str(kind)), config)
    if isinstance(value, float) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))  # 0.001 and not 0.0010000000474974513, which float32 makes of it
    return value


def _check_activation(keras: Any, function: Any) -> None:
    """Refuse an activation that is neither a function of `keras.activations` nor a layer."""
    if function is None or isinstance(function, keras.layers.Layer):
        return
    name = getattr(function, "__name__", type(function).__name__)
    if (namesake := getattr(keras.activations, name, None)) is function:
        return
    meant = f"Write activation='{name}'" if callable(namesake) else "Use one that both libraries have"
    raise ArgumentError(
        f"its activation is the function '{name}' of {function.__module__}, not one of keras.activations. {meant}."
    )


def _activation(config: Any) -> activations.Activation:
    """The record of a layer's activation: a function of Keras's own, or a layer that is one."""
    if isinstance(config, str):
        return activations.get(config)
    record = _value(config)
    if not isinstance(inner := getattr(record, "activation", None), activations.Activation):
        raise ArgumentError("its activation is none of tabgrad's. Use one that both libraries have.")
    return inner


def _array(keras: Any, variable: Any) -> np.ndarray:
    """A variable's numbers, on any backend and device."""
    return np.array(keras.ops.convert_to_numpy(variable))


def _compiling(keras: Any, model: Any) -> dict[str, Any]:
    """The arguments of `compile`."""
    config = model.get_compile_config()
    if config.get("loss_weights") is not None:
        raise ArgumentError("from_keras cannot carry over loss_weights: a model here has one loss. Leave them out.")
    with _carrying("the loss", "from_keras"):
        loss = _loss(keras, None if config.get("loss") is None else _only(model.loss))
    with _carrying(f"the optimizer {type(model.optimizer).__name__}", "from_keras"):
        optimizer = _record(_counterpart(keras, "optimizers", type(model.optimizer)), _config(model.optimizer))
    chosen = {name: [_metric(each) for each in _all(config.get(name))] for name in ("metrics", "weighted_metrics")}
    return {"optimizer": optimizer, "loss": loss, **chosen}


def _only(value: Any) -> Any:
    """The one of a list or dict of one, as Keras takes them for models of several outputs."""
    several = list(value.values()) if isinstance(value, Mapping) else value
    return several[0] if isinstance(several, (list, tuple)) and len(several) == 1 else value


def _all(value: Any) -> list[Any]:
    """Metrics as a list, whatever form Keras was given them in."""
    if value is None:
        return []
    if isinstance(value, str) or (isinstance(value, Mapping) and "class_name" in value):
        return [value]
    if isinstance(value, Mapping) or (len(value) == 1 and isinstance(value[0], (list, tuple))):
        return _all(_only(value))
    return list(value)


def _loss(keras: Any, loss: Any) -> losses.Loss:
    """The record of a loss given as a name, a function of Keras's, or an instance."""
    if isinstance(loss, str):
        return losses.get(loss)
    if not isinstance(loss, keras.losses.Loss):
        name = getattr(loss, "__name__", repr(loss))
        if loss is None or getattr(keras.losses, name, None) is not loss:
            raise ArgumentError(f"{name} is no loss of Keras's own. {FIXES['losses']}")
        return losses.get(name)
    kind, config = _counterpart(keras, "losses", type(loss)), _config(loss)
    if kind is losses.Huber:
        config.setdefault("delta", _huber_delta(loss))
    record = _record(kind, config)
    assert isinstance(record, losses.Loss)
    return record


def _huber_delta(loss: Any) -> float:
    """The slope far out: Keras does not say it where it writes down the loss."""
    near, far = (float(loss(np.zeros((1, 1), np.float32), np.full((1, 1), p, np.float32))) for p in (1e3, 2e3))
    return float(f"{(far - near) / 1e3:.6g}")


def _metric(value: Any) -> str | metrics.Metric:
    """A name, which Keras and we know alike, or a record, under the name that it has in logs."""
    if isinstance(value, str):
        return value
    function = not isinstance(value.get("config"), Mapping)
    with _carrying(f"the metric {value.get('config') if function else value['class_name']}", "from_keras"):
        record = _value(value)
        if not isinstance(record, metrics.Metric):
            raise ArgumentError(FIXES["metrics"])
        own = getattr(record, "name", None)
        return type(record)(**{**_options(record), "name": None if own == record.kind else own})


def _row_shape(model: Any) -> tuple[int]:
    """`(features,)`, as an `Input` takes it."""
    for shape, what in ((model.input_shape, "takes"), (model.output_shape, "gives")):
        if not (isinstance(shape, tuple) and len(shape) == 2 and shape[1] is not None):
            raise ArgumentError(
                f"from_keras takes models of tables, (rows, columns) in and out. '{model.name}' {what} {shape}."
            )
    return (int(model.input_shape[1]),)


def _state(keras: Any, model: Any, row: Sequence[Any], network: Network, compiling: Mapping[str, Any] | None) -> State:
    """Weights, and if the optimizer has begun, its arrays and its count of steps."""
    variables = _variables(network, row)
    if compiling is not None:
        _check_matrices(compiling["optimizer"], network, variables)
    weights = tuple(_array(keras, variable) for variable in variables)
    if compiling is None or not model.optimizer.built:
        return State(weights, ())
    slots = _slots(model, compiling["optimizer"], variables)
    arrays = tuple(
        tuple(np.zeros_like(weight) if variable is None else _array(keras, variable) for variable in of_weight)
        for weight, of_weight in zip(weights, slots, strict=True)
    )
    return State(weights, arrays, int(_array(keras, model.optimizer.iterations)))


def _variables(network: Network, made: Sequence[Any]) -> list[Any]:
    """Keras's variable for each weight of the network, from its layers in the network's order."""
    adapted = "Normalization"  # whose numbers are no weights here
    variables = [variable for layer in made if type(layer).__name__ != adapted for variable in layer.weights]
    ours, theirs = [weight.shape for weight in network.weights], [tuple(variable.shape) for variable in variables]
    if ours != theirs:
        raise ArgumentError(f"The weights in Keras have the shapes {theirs}, those of the same layers here {ours}.")
    return variables


def _slots(model: Any, optimizer: Optimizer, variables: Sequence[Any]) -> list[tuple[Any, ...]]:
    """For each weight the variables of Keras's optimizer, in the order of ours; for a frozen one none.

    None stands for an array that Keras does without: Muon's velocity of a matrix.
    """
    groups = []
    for slot in optimizer.carried:
        ending = f"_{SLOTS.get(slot, slot)}"
        found = [variable for variable in model.optimizer.variables if variable.name.endswith(ending)]
        carrying = [v for v in model.trainable_variables if not _without(optimizer, slot, v)]
        if [tuple(each.shape) for each in found] != [tuple(each.shape) for each in carrying]:
            raise ArgumentError(
                f"The optimizer of the model of Keras carries '{slot}' for other weights than those that are trainable "
                "now. Compile that model again, and its optimizer begins anew."
            )
        groups.append({id(v): variable for v, variable in zip(carrying, found, strict=True)})
    trainable = {id(variable) for variable in model.trainable_variables}
    return [tuple(group.get(id(v)) for group in groups) if id(v) in trainable else () for v in variables]


def _without(optimizer: Optimizer, slot: str, variable: Any) -> bool:
    """Whether Keras's optimizer has no such array for a weight."""
    return isinstance(optimizer, Muon) and slot == "velocity" and _is_matrix(optimizer, variable.path, variable)


def _is_matrix(optimizer: Muon, path: str, variable: Any) -> bool:
    return optimizer.orthogonalizes(path, tuple(variable.shape))


def _check_matrices(optimizer: Optimizer, network: Network, variables: Sequence[Any]) -> None:
    """Muon tells arrays apart by their paths, which in Keras may begin with the model's name."""
    if not isinstance(optimizer, Muon):
        return
    for path, variable in zip(_paths(network), variables, strict=True):
        if _is_matrix(optimizer, path, variable) != _is_matrix(optimizer, variable.path, variable):
            raise ArgumentError(
                f"Muon's 'exclude_layers' {list(optimizer.exclude_layers)} or its rule for embeddings means '{path}' "
                f"in one library only: in Keras its path is '{variable.path}'. Give names on which both agree."
            )


def _paths(network: Network) -> list[str]:
    """The layer's name and the array's of each weight."""
    named = zip(layer_names(network.layers), network.widths(), strict=True)
    return [f"{name}/{weight.name}" for name, (layer, inputs, _) in named for weight in layer.weights(inputs)]


# ---- To Keras ------------------------------------------------------------------------------------------------------


@dataclass
class Building:
    """Keras's layers as they are made, in the order of our network's."""

    keras: Any
    made: list[Any] = field(default_factory=list)

    def layer(self, record: Layer, name: str) -> Any:
        """One more."""
        with _carrying(f"the layer '{name}'", "to_keras"):
            self.made.append(_made(self.keras, record, name=name))
        return self.made[-1]

    def row(self, records: Sequence[Layer], names: Sequence[str], x: Any, codes: Any = None) -> Any:
        """The output of layers in a row; a residual block and an embedding beside numeric columns branch."""
        for record, name in zip(records, names, strict=True):
            if isinstance(record, Residual):
                inside = record.inside()
                inner = [layer.name or f"{name}_{own}" for layer, own in zip(inside, layer_names(inside), strict=True)]
                x = self.keras.layers.Add(name=name)([x, self.row(inside, inner, x)])
            elif isinstance(record, Embedding):
                x = self._joined([*([] if x is None else [x]), *self._embedded(record, name, codes)], name)
            else:
                x = self.layer(record, name)(x)
        return x

    def _joined(self, tensors: Sequence[Any], name: str) -> Any:
        return self.keras.layers.Concatenate(name=f"{name}_joined")(tensors) if len(tensors) > 1 else tensors[0]

    def _embedded(self, record: Embedding, name: str, codes: Any) -> list[Any]:
        """What stands for the codes: one layer for all columns, or one for each."""
        found = []
        for column, shape in enumerate(record.tables()):
            own = name if record.shared else f"{name}_{column}"
            theirs = self.embedding(record, shape, own)
            looked_up = theirs(codes if record.shared else codes[:, column : column + 1])
            found.append(self.keras.layers.Flatten(name=f"{own}_flat")(looked_up))
        return found

    def embedding(self, record: Embedding, shape: tuple[int, int], name: str) -> Any:
        """The layer of one table."""
        options = {"embeddings_initializer", "embeddings_regularizer", "trainable"}
        given = {key: _argument(self.keras, getattr(record, key)) for key in options}
        self.made.append(self.keras.layers.Embedding(*shape, name=name, **given))
        return self.made[-1]


def written(name: str, network: Network, state: State, compiled: Compiled | None, rate: float | None) -> Any:
    """A model of Keras with these layers, weights, optimizer and all; `rate` is the learning rate in force."""
    keras = loaded()
    building = Building(keras)
    by_path = compiled is not None and isinstance(compiled.optimizer, Muon)  # paths in a Sequential have its name
    model = _model(building, name, network, branching=by_path or _branches(network))
    variables = _variables(network, building.made)
    for variable, array in zip(variables, state.weights, strict=True):
        variable.assign(array)
    if compiled is not None:
        _check_matrices(compiled.optimizer, network, variables)
        _compile(keras, model, network, compiled, rate)
        _begin(model, compiled.optimizer, state, variables)
    return model


def _model(building: Building, name: str, network: Network, *, branching: bool) -> Any:
    """A `Sequential` where that can be, else a functional model."""
    keras, names = building.keras, layer_names(network.layers)
    if branching:
        return _branching(building, name, network, names)
    given = keras.Input((network.inputs,)) if network.inputs else keras.Input((network.codes,), dtype="int32")
    for layer, own in zip(network.layers, names, strict=True):
        if isinstance(layer, Embedding):
            building.embedding(layer, layer.tables()[0], own)
        else:
            building.layer(layer, own)
    return keras.Sequential([given, *building.made], name=name)


def _branches(network: Network) -> bool:
    """Whether Keras has no row of layers for it: its own embedding is one table and a `Flatten` for all columns."""
    if any(isinstance(layer, Residual) for layer in network.layers):
        return True
    embedding, then = network.embedding, network.layers[1:2]
    alone = embedding is not None and embedding.shared and not network.inputs
    return embedding is not None and not (alone and then and isinstance(then[0], Flatten))


def _branching(building: Building, name: str, network: Network, names: Sequence[str]) -> Any:
    """A functional model."""
    keras = building.keras
    numeric = keras.Input((network.inputs,), name="numeric") if network.inputs else None
    codes = keras.Input((network.codes,), dtype="int32", name="codes") if network.codes else None
    output = building.row(network.layers, names, numeric, codes)
    given = [tensor for tensor in (numeric, codes) if tensor is not None]
    return keras.Model(given if len(given) > 1 else given[0], output, name=name)


def _compile(keras: Any, model: Any, network: Network, compiled: Compiled, rate: float | None) -> None:
    """As ours is compiled."""
    with _carrying(f"the optimizer {type(compiled.optimizer).__name__}", "to_keras"):
        optimizer = _made(keras, compiled.optimizer, **({} if rate is None else {"learning_rate": rate}))
    with _carrying(f"the loss {type(compiled.loss).__name__}", "to_keras"):
        loss = _made(keras, compiled.loss)
    plain, weighted = compiled.metrics_for(network.outputs)
    made = []
    for metric, name in zip((*plain, *weighted), compiled.names, strict=True):
        with _carrying(f"the metric '{name}'", "to_keras"):
            if metric.labels is None and compiled.loss.target == "labels":
                raise ArgumentError("Keras takes no labels for it, but a column for each class. Compile without it.")
            made.append(_made(keras, metric, name=name))
    model.compile(optimizer, loss, metrics=made[: len(plain)], weighted_metrics=made[len(plain) :])


def _begin(model: Any, optimizer: Optimizer, state: State, variables: Sequence[Any]) -> None:
    """Where ours has begun, Keras's optimizer goes on."""
    if any(state.slots):
        model.optimizer.build(model.trainable_variables)
        for theirs, ours in zip(_slots(model, optimizer, variables), state.slots, strict=True):
            for variable, array in zip(theirs, ours, strict=True):
                if variable is not None:
                    variable.assign(array)
        if isinstance(optimizer, Nadam):
            _begin_nadam(model.optimizer, optimizer, state.step)
    model.optimizer.iterations.assign(state.step)


def _begin_nadam(theirs: Any, optimizer: Nadam, steps: int) -> None:
    """Keras carries the product of the shares of momentum, which follows from the steps."""
    shares = math.prod(optimizer.beta_1 * (1 - 0.96**i / 2) for i in range(1, steps + 1))
    known = {id(theirs.iterations), *(id(v) for v in theirs.variables if v.name == "learning_rate")}
    for variable in theirs.variables:
        if not variable.shape and id(variable) not in known:
            variable.assign(shares)


def _made(keras: Any, record: Record, **changes: Any) -> Any:
    """The counterpart of a record, some of its fields changed."""
    package, _, path = type(record).__module__.partition(".")
    where = ".".join(name for name in path.split(".") if not name.startswith("_"))
    kind = type(record).__name__
    theirs: Any = keras
    for name in where.split(".") if package == "tabgrad" else ():
        theirs = getattr(theirs, name)
    if package != "tabgrad" or isinstance(record, FUNCTIONS):
        raise ArgumentError(f"{kind} calls a function of yours, and code is not carried over. {_fix(record)}")
    if not hasattr(theirs, kind):
        raise ArgumentError(f"Keras has no {kind}. {_fix(record)}")
    for name, value in _options(record).items():
        if name != "learning_rate" and isinstance(value, optimizers.schedules.LearningRateSchedule):
            raise ArgumentError(f"Keras's {kind} takes no schedule as '{name}'. Give it a number.")
    options = {name: _argument(keras, value) for name, value in _options(record).items()}
    for name, plain in OURS.items():
        if options.pop(name, plain) != plain:
            raise ArgumentError(f"Keras's {kind} takes no '{name}'. Leave it out.")
    options.pop("input_shape", None)
    return getattr(theirs, kind)(**{**options, **changes})


def _fix(record: Record) -> str:
    """What to do about a record that cannot be carried over."""
    bases: dict[type[Record], str] = {
        Layer: "layers",
        losses.Loss: "losses",
        metrics.Metric: "metrics",
        Optimizer: "optimizers",
        optimizers.schedules.LearningRateSchedule: "optimizers.schedules",
    }
    return next((FIXES[where] for base, where in bases.items() if isinstance(record, base)), "")


def _options(record: Record) -> dict[str, Any]:
    """A record's fields, which bear Keras's names."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _argument(keras: Any, value: Any) -> Any:
    """A field as Keras takes it."""
    if isinstance(value, activations.Activation):
        return _activation_for(keras, value)
    if isinstance(value, Record):
        return _made(keras, value)
    return list(value) if isinstance(value, tuple) else value


def _activation_for(keras: Any, activation: activations.Activation) -> Any:
    """A name, or where it has options, the layer that has them."""
    if activation == type(activation)():
        return activation.kind
    if (layer := ACTIVATION_LAYERS.get(type(activation))) is None:
        raise ArgumentError(f"Keras takes no options for '{activation.kind}'. Use it without: '{activation.kind}'.")
    return getattr(keras.layers, layer)(**_options(activation))
