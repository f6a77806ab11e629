"""Counted randomness: known answers, each formula written again, the statistics that dropout and shuffles need."""

from __future__ import annotations

import re
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from tabgrad import _seeds
from tabgrad.errors import ArgumentError, ArgumentTypeError

MASK64, MASK32 = 2**64 - 1, 2**32 - 1


def test_mix_is_splitmix64() -> None:
    """The first outputs of the published generator, seeds 0 and 1234567 (its state grows by the golden ratio)."""
    golden = 0x9E3779B97F4A7C15
    zero = [_seeds.mix(golden * n & MASK64) for n in range(3)]
    assert zero == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    seeded = [_seeds.mix(1234567 + golden * n & MASK64) for n in range(3)]
    assert seeded == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_key_follows_its_formula_and_differs_in_every_part() -> None:
    mix = _seeds.mix
    assert _seeds.key(5, "dropout", 7, 2) == mix(mix(mix(mix(5) ^ 3) ^ 7) ^ 2)
    calls: list[tuple[Any, ...]] = [(seed, stream) for seed in (0, 1, 2**63 - 1) for stream in _seeds.STREAMS]
    calls += [(0, "dropout", step, layer) for step in range(20) for layer in range(20)]
    assert len({_seeds.key(*call) for call in calls}) == len(calls)


def test_streams_have_numbers_of_their_own() -> None:
    assert len(set(_seeds.STREAMS.values())) == len(_seeds.STREAMS)


def test_a_generator_is_reproducible_and_its_streams_are_not_alike() -> None:
    def draws(*call: Any) -> list[float]:
        return list(_seeds.generator(*call).normal(size=2000))

    assert draws(3, "weights", 0) == draws(3, "weights", 0)
    streams = [draws(3, "weights", 0), draws(3, "weights", 1), draws(3, "split", 0), draws(4, "weights", 0)]
    for a, b in combinations(streams, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(2000)


# ---- Shuffles --------------------------------------------------------------------------------------------------------


def shuffled(seed: int, epoch: int, rows: int) -> list[int]:
    """The permutation once more, in Python's integers, as the docstring says it."""
    key, order = _seeds.key(seed, "shuffle", epoch), list(range(rows))
    for i in range(rows - 1, 0, -1):
        upper = _seeds.mix(key ^ i) >> 32
        j = upper * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return order


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 100, 1001])
def test_a_permutation_is_its_formula_and_holds_each_row_once(rows: int) -> None:
    for seed, epoch in ((0, 0), (2**63 - 1, 5), (17, 10**6)):
        order = _seeds.permutation(seed, epoch, rows)
        assert order.dtype == np.int64
        assert order.tolist() == shuffled(seed, epoch, rows)
        assert sorted(order.tolist()) == list(range(rows))


def test_every_row_comes_to_every_place_alike() -> None:
    """Chi-square of (row, place) over 6,000 epochs, 81 degrees of freedom: above 135 in 1 of 10,000 fair tries."""
    rows, epochs = 10, 6000
    counts = np.zeros((rows, rows))
    for epoch in range(epochs):
        counts[np.arange(rows), _seeds.permutation(1, epoch, rows)] += 1
    expected = epochs / rows
    assert ((counts - expected) ** 2 / expected).sum() < 135


def test_orders_of_epochs_and_seeds_are_unrelated() -> None:
    rows = 2000
    orders = [_seeds.permutation(seed, epoch, rows) for seed in (0, 1) for epoch in range(6)]
    for a, b in combinations(orders, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(rows)
        assert (a == b).sum() < 12  # places that agree: Poisson of mean 1


# ---- Dropout ---------------------------------------------------------------------------------------------------------


def kept(seed: int, step: int, layer: int, position: int, rate: float) -> bool:
    """One position of a mask once more, in Python's integers, as the docstring says it."""
    key = _seeds.key(seed, "dropout", step, layer)
    x = position ^ (key & MASK32)
    x ^= x >> 16
    x = x * 0x21F0AAAD & MASK32
    x ^= x >> 15
    x = x + (key >> 32) & MASK32
    x = x * 0xD35A2D97 & MASK32
    x ^= x >> 15
    return x >= rate * 2**32


def test_a_mask_is_its_formula() -> None:
    for seed, step, layer, rate in ((0, 0, 0, 0.5), (2**63 - 1, 2**40, 7, 0.125), (12, 3, 1, 0.9)):
        mask = _seeds.kept_units(seed, step, layer, (9, 11), rate)
        expected = [[kept(seed, step, layer, row * 11 + unit, rate) for unit in range(11)] for row in range(9)]
        assert mask.tolist() == expected


@pytest.mark.parametrize(("rate", "threshold"), [(0.0, 0), (0.5, 2**31), (0.25, 2**30), (1 - 2**-40, 2**32 - 1)])
def test_the_threshold_of_a_rate(rate: float, threshold: int) -> None:
    assert int(_seeds.drop_threshold(rate)) == threshold


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.1, 0.3, 0.5, 0.9, 0.99])
def test_the_share_of_dropped_units_is_the_rate(rate: float) -> None:
    """Over a million positions, and in its scatter from step to step: that of a binomial distribution."""
    shape, steps = (64, 64), 250
    dropped = np.array([(~_seeds.kept_units(2, step, 1, shape, rate)).sum() for step in range(steps)])
    count = shape[0] * shape[1]
    deviation = np.sqrt(rate * (1 - rate) * count)
    assert abs(dropped.mean() - rate * count) <= 4.5 * deviation / np.sqrt(steps)
    if rate == 0:
        assert not dropped.any()
    else:  # a variance over 250 steps is within 5 of its own deviations, sqrt(2 / 250)
        assert dropped.var() / deviation**2 == pytest.approx(1, abs=5 * np.sqrt(2 / steps) + 1 / deviation**2)


def _together(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two masks in its own standard deviations."""
    a, b = a.ravel().astype(float), b.ravel().astype(float)
    return abs(float(np.corrcoef(a, b)[0, 1])) * np.sqrt(a.size)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_masks_of_steps_layers_and_seeds_are_independent(rate: float) -> None:
    """All pairs of 60 masks, 1,770 correlations: none beyond 5.5 deviations, together as scattered as chance has it."""
    shape = (96, 96)
    counters = [(0, step, 0) for step in range(20)] + [(0, 5, layer) for layer in range(1, 21)]
    counters += [(seed, 5, 0) for seed in range(1, 11)] + [(0, 2**k, 0) for k in range(5, 15)]
    masks = [_seeds.kept_units(*counter, shape, rate) for counter in counters]
    together = np.array([_together(a, b) for a, b in combinations(masks, 2)])
    assert together.max() < 5.5
    assert np.mean(together**2) == pytest.approx(1, abs=5 * np.sqrt(2 / len(together)))


def test_units_and_rows_are_independent_within_a_mask() -> None:
    """Neighbours at every distance up to a few rows, over 40 steps: their joint frequency is the product."""
    rows, units, rate = 64, 48, 0.5
    masks = np.array([_seeds.kept_units(3, step, 0, (rows, units), rate).ravel() for step in range(40)])
    for distance in (1, 2, 3, 4, 8, 15, 16, 17, 32, 47, 48, 49, 96, 128, 256, 1024):
        assert _together(masks[:, :-distance], masks[:, distance:]) < 4.5, distance


def test_a_unit_is_dropped_as_often_in_every_place() -> None:
    """Chi-square over 256 places and 2,000 steps; 255 degrees of freedom, above 350 in 1 of 15,000 fair tries."""
    steps, rate = 2000, 0.3
    counts = sum((~_seeds.kept_units(8, step, 2, (16, 16), rate)).ravel().astype(float) for step in range(steps))
    assert ((counts - steps * rate) ** 2 / (steps * rate * (1 - rate))).sum() < 350


# ---- Noise -----------------------------------------------------------------------------------------------------------


def test_normal_numbers_are_normal() -> None:
    """Over a million: the first four moments, and the shares of a hundred equally likely cells (chi-square)."""
    z = np.concatenate([_seeds.normals(3, step, 1, (100, 100)).ravel() for step in range(100)])
    for power, (moment, variance) in {1: (0, 1), 2: (1, 2), 3: (0, 15), 4: (3, 96)}.items():
        assert abs((z**power).mean() - moment) < 4.5 * np.sqrt(variance / z.size), power
    edges = [NormalDist().inv_cdf(share / 100) for share in range(1, 100)]
    counts = np.bincount(np.searchsorted(edges, z), minlength=100)
    assert ((counts - z.size / 100) ** 2 / (z.size / 100)).sum() < 170  # 99 degrees of freedom: 1 in 80,000
    assert np.abs(z).max() < 5.8


def test_normal_numbers_follow_from_their_counters() -> None:
    counters = [(3, 5, 1), (3, 6, 1), (4, 5, 1), (3, 5, 2)]
    drawn = [_seeds.normals(*counter, (64, 64)) for counter in counters]
    np.testing.assert_array_equal(drawn[0], _seeds.normals(3, 5, 1, (64, 64)))
    assert max(_together(a, b) for a, b in combinations(drawn, 2)) < 4.5
    for distance in (1, 2, 16, 64, 65):
        flat = drawn[0].ravel()
        assert _together(flat[:-distance], flat[distance:]) < 4.5


# ---- The session's seed ----------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without a seed of the session, and leaves none."""
    monkeypatch.setattr(_seeds, "_session", None)


def test_fresh_seeds_differ_and_are_in_range() -> None:
    seeds = [_seeds.fresh_seed() for _ in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_session_seed_makes_fresh_seeds_reproducible() -> None:
    def drawn(seed: int) -> list[int]:
        _seeds.set_random_seed(seed)
        return [_seeds.fresh_seed() for _ in range(5)]

    assert drawn(0) == drawn(0)
    assert len({*drawn(0), *drawn(1)}) == 10
    assert all(0 <= seed < 2**63 for seed in drawn(2))


@pytest.mark.parametrize(
    ("seed", "kind", "message"),
    [
        (-1, ArgumentError, "'seed' of set_random_seed must be in [0, 9223372036854775807]. Got -1."),
        (2**63, ArgumentError, f"'seed' of set_random_seed must be in [0, 9223372036854775807]. Got {2**63}."),
        (0.5, ArgumentTypeError, "'seed' of set_random_seed must be an integer. Got 0.5 (float)."),
        (True, ArgumentTypeError, "'seed' of set_random_seed must be an integer. Got True (bool)."),
        (None, ArgumentTypeError, "'seed' of set_random_seed must be an integer. Got None (NoneType)."),
    ],
)
def test_a_seed_that_is_none(seed: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        _seeds.set_random_seed(seed)
