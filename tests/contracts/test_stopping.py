"""Runs on some rows of a table, validated on others: when they end, and which of their weights are kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabgrad import losses, metrics, optimizers
from tabgrad.engines import stepping
from tabgrad.engines.base import Engine, Job, Listener, Result, Session, Stopping, initial_state
from tabgrad.layers import BatchNormalization, Dense, Dropout, Embedding
from tabgrad.matrix import Matrix
from tabgrad.plan import Network, Plan

from .parts import PARTS, Part, rows_for

PLAN = Plan(
    Network(5, (Dense(8, "relu"), Dropout(0.2), Dense(3, "softmax"))),
    losses.CategoricalCrossentropy(),
    optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8),
    (metrics.CategoricalAccuracy(),),
    batch_size=8,
)
ROWS = rows_for(PLAN, 60, weighted=True)
SOME, OTHERS = np.arange(60)[1::2][::-1].copy(), np.arange(60)[::3].copy()


def by(optimizer: optimizers.Optimizer) -> Plan:
    """The plan with another optimizer, without dropout if that takes all rows."""
    layers = [layer for layer in PLAN.network.layers if isinstance(layer, Dense) or not optimizer.whole]
    return replace(PLAN, network=Network(5, tuple(layers)), optimizer=optimizer)


def job_of(plan: Plan = PLAN, rows: Matrix = ROWS, epochs: int = 12, **options: Any) -> Job:
    """A run from the plan's own beginning, trained on some of the rows and scored on others."""
    return Job(plan, initial_state(plan), rows, epochs, **{"places": SOME, "held": OTHERS, **options})


def bits(result: Result) -> list[bytes]:
    """All that a run gives."""
    assert result.validation is not None
    slots = [slot for of_weight in result.state.slots for slot in of_weight]
    arrays = [*result.state.weights, *slots, result.training, result.validation, *(result.best or ())]
    return [array.tobytes() for array in arrays]


# ---- Some of the rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.uint32, np.int16])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("optimizer", [PLAN.optimizer, optimizers.LBFGS()], ids=["steps", "whole"])
def test_a_run_on_places_is_that_on_a_table_of_these_rows(
    engine: Engine, optimizer: optimizers.Optimizer, shuffle: bool, dtype: type
) -> None:
    plan = replace(by(optimizer), shuffle=shuffle)
    places = np.concatenate([SOME, SOME[:3]])  # some rows twice
    job = job_of(plan, epochs=4, places=places.astype(dtype), held=OTHERS.astype(dtype), stopping=Stopping())
    apart = replace(job, rows=ROWS.part(places), places=None, held=None, validation=ROWS.part(OTHERS))
    result, expected = engine.fit(job), engine.fit(apart)
    assert result.validation is not None
    assert (result.best_epoch, len(result.validation)) == (expected.best_epoch, 4)
    assert bits(result) == bits(expected)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_every_part_runs_on_places(engine: Engine, part: Part) -> None:
    """Whatever is read of a row (codes, labels, weights, a function's targets) is read at its place."""
    places = np.arange(31)[::-2].copy()
    job = Job(part.plan, initial_state(part.plan), part.rows(33), 2, places=places, held=places[:5])
    if isinstance(part.plan.loss, losses.Function):  # tells the engine's rows by their number
        job = replace(job, held=None)
    apart = replace(job.apart(), stopping=None)
    result, expected = engine.fit(job), engine.fit(apart)
    assert result.training.tobytes() == expected.training.tobytes()
    for w, v in zip(result.state.weights, expected.state.weights, strict=True):
        assert w.tobytes() == v.tobytes()


def test_codes_and_batches_that_meet_are_read_at_their_places(engine: Engine) -> None:
    layers = (Embedding((4, 7), 3), Dense(6, "relu"), BatchNormalization(), Dense(3, "softmax"))
    plan = replace(PLAN, network=Network(2, layers, codes=2))
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, 4, 60), rng.integers(0, 7, 60)], axis=1).astype(np.int32)
    rows = Matrix(ROWS.x[:, :2].copy(), ROWS.y, ROWS.weight, codes)
    job = job_of(plan, rows, epochs=3, stopping=Stopping())
    assert bits(engine.fit(job)) == bits(engine.fit(job.apart()))


def test_a_batch_may_be_larger_than_the_places(engine: Engine) -> None:
    results = [engine.fit(job_of(replace(PLAN, batch_size=size), epochs=2)) for size in (50, len(SOME))]
    assert results[0].state.step == 2
    assert bits(results[0]) == bits(results[1])


def test_without_stopping_validation_is_of_the_weights(engine: Engine) -> None:
    result = engine.fit(job_of(epochs=3))
    scores = engine.evaluate(PLAN, result.state.weights, ROWS.part(OTHERS), batch_size=32)
    assert result.validation is not None
    np.testing.assert_allclose(result.validation[-1], scores, rtol=1e-6)
    assert (result.best, result.best_epoch) == (None, -1)


# ---- The best epoch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("averaged", [True, False])
def test_the_best_weights_are_those_of_the_least_validation_loss(engine: Engine, averaged: bool) -> None:
    plan = replace(PLAN, optimizer=replace(PLAN.optimizer, use_ema=averaged))
    seen = []

    def keep(session: Session, *_: object) -> None:
        state = session.state()
        seen.append([slots[-1] for slots in state.slots] if averaged else state.weights)

    result = engine.fit(job_of(plan, stopping=Stopping(), listener=Listener(epoch_end=keep)))
    assert (result.status, len(seen)) == ("finished", 12)
    assert result.validation is not None
    assert result.best is not None
    assert result.best_epoch == result.validation[:, 0].argmin()
    assert 0 < result.best_epoch < 11  # it learns, then fits the few rows by heart: neither end would show much
    for w, expected in zip(result.best, seen[result.best_epoch], strict=True):
        np.testing.assert_array_equal(w, expected)
    for weights, scores in zip(seen, result.validation, strict=True):
        np.testing.assert_allclose(scores, engine.evaluate(plan, weights, ROWS.part(OTHERS), batch_size=9), rtol=1e-5)
    # Looking on changes nothing, nor does being kept.
    alone = engine.fit(job_of(plan, stopping=Stopping()))
    assert bits(alone) == bits(result)
    without = engine.fit(job_of(plan))
    assert [w.tobytes() for w in without.state.weights] == [w.tobytes() for w in result.state.weights]
    assert without.training.tobytes() == result.training.tobytes()


def test_the_best_weights_stand_apart_from_the_state(engine: Engine) -> None:
    plan = replace(PLAN, network=Network(5, (Dense(8, "relu", trainable=False), Dense(3, "softmax"))))
    job = job_of(plan, epochs=1, stopping=Stopping())
    result = engine.fit(job)
    assert result.best is not None
    assert [w.shape for w in result.best] == [weight.shape for weight in plan.network.weights]
    for w, last, first in zip(result.best, result.state.weights, job.state.weights, strict=True):
        assert w.flags.writeable
        assert not np.shares_memory(w, last)
        assert not np.shares_memory(w, first)
    np.testing.assert_array_equal(result.best[0], job.state.weights[0])  # frozen: its own average
    assert not np.array_equal(result.best[2], job.state.weights[2])


def test_a_loss_that_is_no_number_is_never_the_best(engine: Engine) -> None:
    y = ROWS.y.copy()
    y[OTHERS] = 1e30
    plan = replace(PLAN, loss=losses.MeanSquaredError())
    rows = Matrix(ROWS.x, np.where(np.isin(np.arange(60), SOME)[:, np.newaxis], ROWS.y, y).astype(np.float32))
    held = np.setdiff1d(OTHERS, SOME)
    result = engine.fit(job_of(plan, rows, held=held, epochs=9, stopping=Stopping(patience=3)))
    assert (result.best, result.best_epoch, result.status, len(result.training)) == (None, -1, "stopped", 3)


def test_both_engines_keep_the_same_weights(native: Engine) -> None:
    from tabgrad.engines.reference import ReferenceEngine

    job = job_of(epochs=5, stopping=Stopping())
    here, there = native.fit(job), ReferenceEngine().fit(job)
    assert here.best_epoch == there.best_epoch
    assert here.best is not None
    assert there.best is not None
    for w, v in zip(here.best, there.best, strict=True):
        np.testing.assert_allclose(w, v, rtol=1e-3, atol=1e-5)


# ---- Ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [optimizers.Adam(0.05), optimizers.LBFGS()], ids=["steps", "whole"])
def test_a_run_ends_when_patience_does(engine: Engine, optimizer: optimizers.Optimizer) -> None:
    plan = by(optimizer)
    whole = engine.fit(job_of(plan, epochs=40, stopping=Stopping()))
    assert whole.validation is not None
    losses_of_epochs = whole.validation[:, 0].tolist()

    def ends(patience: int) -> tuple[int, int]:
        least, best = np.inf, -1
        for epoch, loss in enumerate(losses_of_epochs):
            if loss < least:
                least, best = loss, epoch
            if epoch - best >= patience:
                return epoch + 1, best
        return len(losses_of_epochs), best

    for patience in (1, 2, 5):
        result = engine.fit(job_of(plan, epochs=40, stopping=Stopping(patience)))
        epochs, best = ends(patience)
        assert (len(result.training), result.best_epoch, result.status) == (epochs, best, "stopped")
        assert epochs < 40
        np.testing.assert_array_equal(result.training, whole.training[:epochs])
        # A run whose last epoch that is ends as any other.
        last = engine.fit(job_of(plan, epochs=epochs, stopping=Stopping(patience)))
        assert (last.status, len(last.training)) == ("finished", epochs)


def test_patience_starts_anew_with_each_gain_and_a_tie_is_none(engine: Engine) -> None:
    """A model that gives a listener's number for every row, whose square is the loss."""
    plan = Plan(Network(5, (Dense(1),)), losses.MeanSquaredError(), optimizers.SGD(0))
    rows, numbers = Matrix(ROWS.x, np.zeros((60, 1), np.float32)), [5, 4, 4, 3, 6, 5, 3, 1]

    def give(session: Session, epoch: int) -> None:
        session.set_weights([np.zeros((5, 1)), np.full(1, numbers[epoch])])

    job = job_of(plan, rows, epochs=8, stopping=Stopping(3), listener=Listener(epoch_begin=give))
    result = engine.fit(job)
    assert result.validation is not None
    assert result.best is not None
    assert result.validation[:, 0].tolist() == [25, 16, 16, 9, 36, 25, 9]
    assert (result.best_epoch, result.best[1].tolist()) == (3, [3])


def test_no_epoch_begins_after_the_deadline(engine: Engine) -> None:
    begun: list[float] = []

    def slow(_: Session, epoch: int) -> None:
        begun.append(time.monotonic())
        if epoch == 1:
            time.sleep(0.3)

    started = time.monotonic()
    stopping = Stopping(deadline=started + 0.25)
    listener = Listener(epoch_begin=slow)
    result = engine.fit(job_of(epochs=10, stopping=stopping, listener=listener))
    assert (result.status, len(result.training), len(begun)) == ("stopped", 2, 2)
    assert result.best is not None
    for optimizer in (PLAN.optimizer, optimizers.LBFGS()):
        late = engine.fit(job_of(by(optimizer), stopping=stopping))
        assert (late.status, len(late.training), late.best, late.best_epoch) == ("stopped", 0, None, -1)
        assert late.state.step == 0
        early = engine.fit(job_of(by(optimizer), epochs=2, stopping=Stopping(deadline=1e12)))
        assert (early.status, len(early.training)) == ("finished", 2)
    # Without validation rows a deadline is all there is.
    late = engine.fit(job_of(held=None, stopping=stopping))
    assert (late.status, len(late.training), late.validation) == ("stopped", 0, None)


def test_whatever_ends_a_run_its_best_weights_are_there(engine: Engine) -> None:
    class RefusalError(Exception):
        pass

    def refuse(_session: Session, epoch: int, *_: object) -> None:
        if epoch == 3:
            raise RefusalError

    def stop(session: Session, epoch: int, *_: object) -> None:
        if epoch == 3:
            session.stop()

    whole = engine.fit(job_of(epochs=4, stopping=Stopping()))
    assert whole.best is not None
    for hear, status in ((refuse, "interrupted"), (stop, "stopped")):
        result = engine.fit(job_of(epochs=9, stopping=Stopping(), listener=Listener(epoch_end=hear)))
        assert (result.status, result.best_epoch) == (status, whole.best_epoch)
        assert bits(result) == bits(whole)
    wild = replace(
        PLAN, loss=losses.MeanSquaredError(), network=Network(5, (Dense(3),)), optimizer=optimizers.SGD(60.0)
    )
    diverged = engine.fit(job_of(wild, epochs=400, stopping=Stopping()))
    assert diverged.status == "diverged"
    assert diverged.best_epoch == 0
    assert diverged.best is not None


def test_runs_side_by_side_share_a_table(engine: Engine) -> None:
    order = np.random.default_rng(0).permutation(60)
    jobs = [
        job_of(replace(PLAN, seed=k), places=np.delete(order, slice(10 * k, 10 * k + 10)), held=order[10 * k :][:10])
        for k in range(4)
    ]
    jobs = [replace(job, stopping=Stopping(patience=2)) for job in jobs]
    alone = [bits(engine.fit(job)) for job in jobs]
    assert len(set(map(tuple, alone))) == 4
    for threads in (1, 3):
        assert [bits(result) for result in engine.fit_many(jobs, threads=threads)] == alone


def test_batches_that_come_one_by_one_are_stopped_alike(engine: Engine) -> None:
    job = job_of(places=None, epochs=20, stopping=Stopping(patience=2))

    def batches(_: int) -> Sequence[Matrix]:
        return [ROWS.part(slice(start, start + 8)) for start in range(0, 60, 8)]

    ordered = replace(job, plan=replace(PLAN, shuffle=False))
    whole = engine.fit(ordered)
    fed = stepping.run(engine, engine.begin(ordered.plan, ordered.state), ordered.apart(), batches)
    assert (fed.status, fed.best_epoch, len(fed.training)) == (whole.status, whole.best_epoch, len(whole.training))
    assert fed.best is not None
    assert whole.best is not None
    for w, v in zip(fed.best, whole.best, strict=True):
        np.testing.assert_array_equal(w, v)


# ---- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": np.array([3, 60])}, r"'places' of a Job must be .* from 0 to 59, .* 60 rows. Got 60 at 1"),
        ({"held": np.array([3, -1])}, r"'held' of a Job .* Got -1 at 1"),
        ({"places": np.array([], int)}, r"at least one. Got shape \(0,\)"),
        ({"places": np.zeros((2, 2), int)}, r"of shape \(count,\).* Got shape \(2, 2\)"),
        ({"places": np.ones(60, bool)}, r"Got bool; np.flatnonzero makes places of a mask"),
        ({"held": [1, 2]}, r"Got list; np.flatnonzero"),
        ({"held": np.array([1.0])}, r"Got float64"),
        ({"places": np.array([99]), "held": np.array([77])}, r"(?s)'places'.*Got 99.*'held'.*Got 77"),
        ({"validation": ROWS}, r"in 'validation' or in 'held'. Got both"),
        ({"held": None, "stopping": Stopping(patience=1)}, r"'patience' of Stopping needs validation rows"),
    ],
)
def test_places_that_are_no_rows_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        job_of(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "'patience' of Stopping must be at least 1. Got 0"),
        ({"patience": 1.5}, "'patience' of Stopping must be an integer"),
        ({"deadline": np.nan}, "'deadline' of Stopping must be finite"),
    ],
)
def test_stopping_that_is_none_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stopping(**options)
