"""Predictions of one network with several sets of weights in one call: each is what `predict` gives alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabgrad.engines.base import Engine
from tabgrad.layers import Dense, Embedding
from tabgrad.plan import Network

from .parts import PARTS, Part, started

NETWORK = Network(3, (Embedding((5, 4), 2), Dense(8, "relu"), Dense(2, "softmax")), codes=2)


def sets_of(network: Network, count: int) -> tuple[tuple[np.ndarray, ...], ...]:
    """So many sets of weights."""
    return tuple(network.initial_weights(seed) for seed in range(count))


def rows_of(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and codes for `NETWORK`."""
    rng = np.random.default_rng(count)
    x, codes = rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 4, (count, 2)).astype(np.int32)
    return x, codes


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_each_set_gives_what_it_gives_alone(engine: Engine, part: Part) -> None:
    network, rows = part.plan.network, part.rows(70)
    sets = [started(replace(part.plan, seed=seed)).weights for seed in range(3)]
    outputs = engine.predict_many(network, sets, rows.x, codes=rows.codes, batch_size=32)
    assert (outputs.shape, outputs.dtype) == ((3, 70, network.outputs), np.float32)
    for place, weights in enumerate(sets):
        alone = engine.predict(network, weights, rows.x, codes=rows.codes, batch_size=32)
        assert outputs[place].tobytes() == alone.tobytes()


@pytest.mark.parametrize("rows", [1, 2, 255, 257, 5000])
def test_threads_change_nothing_whichever_way_they_share(engine: Engine, rows: int) -> None:
    """As many as sets, more, and numbers that share no factor with theirs."""
    sets, (x, codes) = sets_of(NETWORK, 3), rows_of(rows)
    alone = [engine.predict(NETWORK, weights, x, codes=codes, batch_size=32, threads=1).tobytes() for weights in sets]
    for threads in (1, 2, 3, 4):
        outputs = engine.predict_many(NETWORK, sets, x, codes=codes, batch_size=32, threads=threads)
        assert [output.tobytes() for output in outputs] == alone


def test_other_weights_rows_or_codes_are_never_those_of_the_call_before(engine: Engine) -> None:
    x, codes = rows_of(4)
    other_x, other_codes = x + 1, np.ascontiguousarray(3 - codes)
    first, second = sets_of(NETWORK, 4)[:2], sets_of(NETWORK, 4)[2:]
    renamed = replace(NETWORK, layers=(*NETWORK.layers[:1], Dense(8, "tanh"), *NETWORK.layers[2:]))
    for _ in range(2):
        for network, sets, numbers, words in (
            (NETWORK, first, x, codes),
            (NETWORK, second, x, codes),
            (NETWORK, (*second, *first), x, codes),
            (renamed, first, x, codes),
            (NETWORK, first, other_x, codes),
            (NETWORK, first, x, other_codes),
            (NETWORK, first, x[:2].copy(), codes[:2].copy()),
        ):
            outputs = engine.predict_many(network, sets, numbers, codes=words, batch_size=32)
            for output, weights in zip(outputs, sets, strict=True):
                expected = engine.predict(network, weights, numbers, codes=words, batch_size=32)
                assert output.tobytes() == expected.tobytes()


def test_sets_that_may_change_in_place_are_read_anew(engine: Engine) -> None:
    x, codes = rows_of(3)
    changing = [list(weights) for weights in sets_of(NETWORK, 2)]
    for sets in (changing, tuple(changing)):
        before = engine.predict_many(NETWORK, sets, x, codes=codes, batch_size=32)
        changing[1][-1] = changing[1][-1] + np.array([1, 0], np.float32)
        after = engine.predict_many(NETWORK, sets, x, codes=codes, batch_size=32)
        assert after[0].tobytes() == before[0].tobytes()
        assert (after[1][:, 0] > before[1][:, 0]).all()


def test_no_sets_and_no_rows(engine: Engine) -> None:
    x, codes = rows_of(3)
    assert engine.predict_many(NETWORK, (), x, codes=codes, batch_size=32).shape == (0, 3, 2)
    none = engine.predict_many(NETWORK, sets_of(NETWORK, 2), x[:0], codes=codes[:0], batch_size=32)
    assert none.shape == (2, 0, 2)


def test_a_set_of_a_wrong_shape_is_refused(engine: Engine) -> None:
    x, codes = rows_of(3)
    first, second = sets_of(NETWORK, 2)
    for wrong in (second[:-1], (*second[:-1], np.zeros(3, np.float32))):
        with pytest.raises(ValueError, match=r"weights must have the shapes"):
            engine.predict_many(NETWORK, (first, wrong), x, codes=codes, batch_size=32)
