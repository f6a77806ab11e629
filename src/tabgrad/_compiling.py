"""What `compile` was given, resolved: names become records, and what does not fit together is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabgrad import losses, metrics, optimizers
from tabgrad._checks import known_name
from tabgrad.errors import ArgumentError, ArgumentTypeError, UnknownNameError
from tabgrad.metrics import Metric

ARGUMENTS = ("optimizer", "loss", "metrics", "weighted_metrics")
MOST_METRICS = 64  # in one pass of the native engine
KERAS_ONLY = ("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss")


@dataclass(frozen=True)
class Compiled:
    """What `compile` was given, as records; None among the metrics stands for accuracy, whose form the width decides.

    `names` are those of the metrics in logs, of the weighted ones last; `given` are both lists as compile takes them.
    """

    optimizer: optimizers.Optimizer
    loss: losses.Loss
    metrics: tuple[Metric | None, ...]
    weighted: tuple[Metric | None, ...]
    names: tuple[str, ...]
    given: tuple[tuple[str | Metric, ...], tuple[str | Metric, ...]]

    def metrics_for(self, outputs: int) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
        """The metrics for an output of this width, without and with weights."""
        accuracy = metrics.accuracy_for(self.loss, outputs)
        plain, weighted = (tuple(one or accuracy for one in each) for each in (self.metrics, self.weighted))
        return plain, weighted

    def batch_size(self, given: int | None, rows: int, usual: int) -> int:
        """The rows of a batch: as many as asked, or all where the optimizer takes them all."""
        if not self.optimizer.whole:
            return given or usual
        if given is not None and given < rows:
            raise ArgumentError(
                f"{type(self.optimizer).__name__} takes all rows at once: leave 'batch_size' of fit out. Got {given} "
                f"for {rows} rows."
            )
        return rows

    @property
    def rising(self) -> dict[str, bool]:
        """For each metric's name whether a higher value is a better one; without those of which nobody knows."""
        ways = [True if one is None else one.rising for one in (*self.metrics, *self.weighted)]
        return {name: way for name, way in zip(self.names, ways, strict=True) if way is not None}


def resolved(optimizer: Any, loss: Any, chosen: Any, weighted: Any, unknown: Mapping[str, Any]) -> Compiled:
    """The arguments of `compile` as records.

    Raises
    ------
    ArgumentError, ArgumentTypeError, UnknownNameError
        No loss, a metric that does not fit the loss's targets or whose name is taken, an argument or a name that does
        not exist.
    """
    for name in unknown:
        raise ArgumentTypeError(_unknown_argument(name))
    if loss is None:
        raise ArgumentError(
            "compile needs a loss, for instance loss='mean_squared_error' for numbers, 'binary_crossentropy' for two "
            "classes, 'categorical_crossentropy' for one-hot columns."
        )
    loss_record = losses.get(loss)
    plain, with_weights = ([_metric(one, loss_record) for one in listed(each)] for each in (chosen, weighted))
    if (count := len(plain) + len(with_weights)) > MOST_METRICS:
        raise ArgumentError(f"compile takes at most {MOST_METRICS} metrics. Got {count}. Leave some out.")
    names = unique([name for name, _ in plain], [name for name, _ in with_weights])
    _refuse_names_for_two(names)
    return Compiled(
        optimizers.get(optimizer),
        loss_record,
        tuple(one for _, one in plain),
        tuple(one for _, one in with_weights),
        names,
        (_given(chosen, plain), _given(weighted, with_weights)),
    )


def _given(identifiers: Any, found: Sequence[tuple[str, Metric | None]]) -> tuple[str | Metric, ...]:
    """Names as they were given, records for the rest."""
    pairs = zip(listed(identifiers), found, strict=True)
    return tuple(identifier if isinstance(identifier, str) or one is None else one for identifier, (_, one) in pairs)


def unique(plain: Sequence[str], weighted: Sequence[str]) -> tuple[str, ...]:
    """Names in logs as Keras makes them: one that comes again is numbered, first "weighted_" if it has weights."""
    counted: dict[str, int] = {}

    def numbered(name: str) -> str:
        again = counted.get(name, 0)
        counted[name] = again + 1
        return f"{name}_{again}" if again else name

    names = [numbered(name) for name in plain]
    names += [numbered(f"weighted_{name}" if name in counted else name) for name in weighted]
    return tuple(names)


def _refuse_names_for_two(names: Sequence[str]) -> None:
    """Refuse a metric's name that stands in logs for something else too: one of the two would not be seen."""
    shown = [*names, "loss", "learning_rate"]
    shown += [f"val_{name}" for name in ("loss", *names)]
    for name in names:
        if shown.count(name) > 1:
            raise ArgumentError(
                f"A metric cannot be called '{name}': in the history that is something else. Give it another 'name', "
                f"for instance metrics.MeanMetricWrapper(f, name='error') for a function f."
            )


def listed(values: Any) -> list[Any]:
    """A list for a list, a tuple, one value or None."""
    if values is None:
        return []
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _metric(identifier: Any, loss: losses.Loss) -> tuple[str, Metric | None]:
    """A metric's name in logs and its record, None for accuracy; refused where it does not fit the loss's targets."""
    if isinstance(identifier, str) and identifier.lower() in (name.lower() for name in metrics.ACCURACY):
        return identifier, None
    if isinstance(identifier, str):
        known_name(identifier, "metric", (*metrics.CATALOGUE, *metrics.ACCURACY))
        name, record = identifier, metrics.get(identifier)
    else:
        record = metrics.get(identifier)
        name = record.title
    if record.labels not in (None, loss.target == "labels"):
        fitting = "labels: use 'accuracy'" if loss.target == "labels" else "one column for each output: use 'accuracy'"
        raise ArgumentError(f"The metric '{name}' does not fit {type(loss).__name__}, whose targets are {fitting}.")
    return name, record


def _unknown_argument(name: str) -> str:
    if name in KERAS_ONLY:
        return f"compile has no argument '{name}': there is nothing to compile here. Leave it out."
    if name == "loss_weights":
        return "compile has no argument 'loss_weights': a model has one loss. Leave it out, or weight the rows in fit."
    try:
        known = known_name(name, "argument of compile", ARGUMENTS)
    except UnknownNameError as error:
        return str(error)
    return f"Write '{known}' for the argument '{name}' of compile."
