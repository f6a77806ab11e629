"""The training of a fit: one network that callbacks hear, or members side by side, judged by rows held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._once import made_once
from tabgrad._targets import matrix
from tabgrad.callbacks.history import History
from tabgrad.encode.encoder import Encoded, Encoder
from tabgrad.engines.native import limited
from tabgrad.errors import DivergenceError
from tabgrad.estimators._asking import near_rows
from tabgrad.estimators._folds import folds_of
from tabgrad.estimators._judging import Deadline, Judge, Told
from tabgrad.estimators._members import Schedule, shown, train, train_judged, watching
from tabgrad.estimators._outputs import Apart, Seen, inputs, predicted
from tabgrad.estimators._sample import Sample
from tabgrad.estimators._scoring import Held
from tabgrad.estimators._settings import optimizer_of, patience_of
from tabgrad.estimators._stages import Fitted, Ready, Way
from tabgrad.estimators._stretching import stretch
from tabgrad.models import Sequential

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

__all__ = ["train_many", "train_one"]


def train_one(estimator: TableEstimator, record: Fitted, ready: Ready, encoded: Encoded) -> None:
    """Run the epochs of one network, heard by callbacks, and keep what comes of them."""
    (model,), rows = record.models, len(ready.sample)
    way, sample, whole, held = ready.way, ready.sample, ready.whole, ready.held
    batch, epochs = estimator._extent(rows, way)
    _compile(estimator, model, ready, -(-rows // batch) * epochs)
    callbacks: list[Any] = []
    seen: Encoded | None = None
    judged, patience = None, 0
    if held is not None:
        aside, seen = made_once("aside", (whole, held, record.encoder), lambda: _set_aside(whole, held, record.encoder))
        judged = (inputs(seen), estimator._learned(aside.y, record.target, model), aside.relative_weight)
        patience = patience_of(estimator.patience, epochs, way.preset)
        callbacks.append(Judge(*judged, patience))
    if way.deadline is not None:
        callbacks.append(Deadline(way.deadline))
    if (watch := watching()) is not None:
        watch.begin([0 if held is None else len(held)], len(whole), epochs)
        callbacks.append(Told(watch))
    options: dict[str, Any] = {
        "batch_size": None if model.optimizer is not None and model.optimizer.whole else batch,
        "epochs": epochs,
        "verbose": int(estimator.verbose),
        "callbacks": [*callbacks, *_listed(estimator.callbacks)],  # the user's hear of the validation's values, too
        "shuffle": bool(estimator.shuffle),
        "sample_weight": sample.relative_weight,
    }

    def keep(history: History) -> None:
        parts = [] if held is None or seen is None or way.go_on else [(model, seen, held)]
        held_out = _spread(estimator, _held_out(estimator, parts, len(whole)), record.target, whole)
        _judge(estimator, record, Held.of(whole, held_out, record.weight))
        estimator._keep(record, [0], [history.history], held_out, way)

    try:
        learned = (inputs(encoded), estimator._learned(sample.y, record.target, model))
        with limited(estimator._threads()):
            if judged is not None and len(options["callbacks"]) == 1 and _may_run_apart(model, options):
                train_judged(model, (*learned, options["sample_weight"]), judged, options, patience)
            else:
                model.fit(*learned, **options)
            history = model.history
    except KeyboardInterrupt:
        if model.history is not None and model.history.epoch:
            keep(model.history)
        raise
    assert history is not None
    _refuse_nothing_learned(estimator, bool(history.epoch))
    keep(history)


def train_many(estimator: TableEstimator, record: Fitted, ready: Ready, encoded: Encoded) -> None:
    """Train the members side by side over the same rows, and keep what comes of them."""
    models, way, sample, rows = record.models, ready.way, ready.sample, len(ready.sample)
    held = _folds(estimator, sample, way)
    fewest = rows - min(map(len, held))
    batch, epochs = estimator._extent(fewest, way)
    for member, model in enumerate(models):
        _compile(estimator, model, ready, -(-fewest // batch) * epochs, member)
    plan = models[0].plan()
    answers = estimator._learned(sample.y, record.target, models[0])
    table = matrix(inputs(encoded), answers, sample.relative_weight, loss=plan.loss, network=plan.network)
    stops = not way.one_epoch and estimator._stops(rows, way)
    patience = patience_of(estimator.patience, epochs, way.preset) if stops else None
    schedule = Schedule(batch, epochs, bool(estimator.shuffle), patience, way.deadline, estimator._threads())
    with shown(int(estimator.verbose)):
        done = train(models, table, held, schedule)
    _refuse_nothing_learned(estimator, bool(done))
    if lost := [model for member, model in enumerate(models) if member not in done]:
        record.notes.append(f"{len(lost)} of {len(models)} members finished no epoch, {_why(lost)}, and are left out.")
    with limited(estimator._threads()):
        # Who goes on may have been trained on what it holds out now, and would know it.
        judges = [] if way.go_on else done
        parts = [(models[member], encoded.part(held[member]), held[member]) for member in judges]
        if parts and estimator.model is None and ready.head.least_squares:
            stretch(parts, record.target.encode(sample.y).astype(np.float64), sample.weight)
        said = _held_out(estimator, parts, rows)
        seen = Seen.of(parts, encoded, sample) if parts else None
        if (near := near_rows(estimator, record, ready, parts, said, encoded)) is not None:
            # What members say of one another's rows tells no more how far they are off together.
            (record.neighbors, said), seen = near, None
            record.notes.append(record.neighbors.note)
        held_out = _spread(estimator, said, record.target, sample)
        _judge(estimator, record, Held.of(sample, held_out, record.weight), seen)
    histories = [history.history for member in done if (history := models[member].history) is not None]
    record.models = tuple(models[member] for member in done)
    estimator._keep(record, done, histories, held_out, way)


# ---- Before ----------------------------------------------------------------------------------------------------------


def _compile(estimator: TableEstimator, model: Sequential, ready: Ready, steps: int, member: int = 0) -> None:
    """Compile the model, unless it is the user's own and was; for one more epoch only where something changed."""
    way = ready.way
    if estimator.model is not None and model.compiled:
        return
    falls = not way.one_epoch
    optimizer = optimizer_of(
        *(estimator.optimizer, estimator.learning_rate, way.preset),
        weight_decay=estimator.weight_decay,
        use_ema=estimator.use_ema and falls,
        schedule=estimator.schedule if falls else "constant",
        steps=steps,
        member=member,
    )
    if way.one_epoch and way.go_on and model.compiled and model.optimizer == optimizer:
        return
    model.compile(optimizer, ready.head.loss, metrics=estimator.metrics)


def _folds(estimator: TableEstimator, sample: Sample, way: Way) -> list[np.ndarray]:
    """The places of the rows that each member holds out."""
    if way.one_epoch:
        return [np.empty(0, np.uint32)] * way.members
    classes = estimator._strata(sample.y)
    return folds_of(sample, way.members, way.preset.folds, way.seed, classes, type(estimator).__name__)


def _set_aside(whole: Sample, held: np.ndarray, encoder: Encoder) -> tuple[Sample, Encoded]:
    """The rows held out, and as numbers."""
    aside = whole.part(held)
    return aside, encoder.encode(aside.table)


def _may_run_apart(model: Sequential, options: Mapping[str, Any]) -> bool:
    """Whether nobody has to be told of epochs while they run, so that the engine can stop by itself."""
    return not options["verbose"] and options["batch_size"] is not None and not model.plan().has_functions


def _listed(callbacks: Any) -> list[Any]:
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]


# ---- After -----------------------------------------------------------------------------------------------------------


def _refuse_nothing_learned(estimator: TableEstimator, learned: bool) -> None:  # noqa: FBT001
    """An error where no network finished an epoch."""
    if not learned:
        raise DivergenceError(
            f"The loss stopped being finite in the first epoch of {type(estimator).__name__}, so nothing was learned. "
            f"Give a smaller learning_rate than {estimator.learning_rate or 'the default'}, or numeric='robust'."
        )


def _why(lost: Sequence[Sequential]) -> str:
    """What kept members from their first epoch."""
    diverged = sum(model.history is not None and model.history.status == "diverged" for model in lost)
    if diverged == len(lost):
        return "their loss stopped being finite"
    if diverged:
        return f"{diverged} since their loss stopped being finite, the others for lack of time"
    return "for lack of time"


def _held_out(estimator: TableEstimator, parts: Sequence[Apart], rows: int) -> np.ndarray:
    """What the networks say of the rows that they have held out: (rows, outputs), (rows, 0) where none has.

    Where several have held out the same row it is their mean, where none has it is NaN.
    """
    total, count = np.zeros((rows, 0)), np.zeros(rows)
    for model, seen, places in parts:
        read = estimator._read_out(model, predicted([model], seen)[0])
        if not total.size:
            total = np.zeros((rows, read.shape[1]))
        total[places] += read
        count[places] += 1
    total[count == 0] = np.nan
    return total / np.maximum(count, 1)[:, np.newaxis]


def _spread(estimator: TableEstimator, said: np.ndarray, target: Any, sample: Sample) -> np.ndarray:
    """What was said of the rows held out, for the rows as they were given."""
    return sample.spread(estimator._decoded(said, target)) if said.size else np.full(len(sample.origin), np.nan)


def _judge(estimator: TableEstimator, record: Fitted, held: Held, seen: Seen | None = None) -> None:
    """Keep what the rows held out say of the networks: scores, and what intervals are made of."""
    if len(held):
        record.scores = estimator._scores_of(held)
        record.temperature = estimator._temperature_of(held, seen)
        record.residuals = estimator._residuals_of(held, record.target, seen, record.temperature)
