"""One seed, split by name, so that every use of randomness can be reproduced from its own few numbers.

Randomness is counted, not carried: a shuffle is a function of (seed, epoch), a dropout mask of (seed, step, layer,
position). `native/random.hpp` holds the same functions; the contract suite holds them to each other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tabgrad._checks import SEED, check

STREAMS = {
    "weights": 1,
    "shuffle": 2,
    "dropout": 3,
    "split": 4,
    "batch": 5,
    "noise": 6,
    "folds": 7,
    "member": 8,
    "space": 9,
    "explain": 10,
    "neighbors": 11,
}

_MASK = (1 << 64) - 1
_session: np.random.Generator | None = None
_sessions = threading.RLock()


def mix(z: int) -> int:
    """SplitMix64's output function (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)."""
    z = (z + 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def key(seed: int, stream: str, *counters: int) -> int:
    """64 bits that belong to a seed, a named stream and counters: ``mix(... mix(mix(seed) ^ stream) ^ counter)``."""
    bits = mix(mix(seed & _MASK) ^ STREAMS[stream])
    for counter in counters:
        bits = mix(bits ^ counter)
    return bits


def generator(seed: int, stream: str, *counters: int) -> np.random.Generator:
    """NumPy's generator for a named stream: initial weights, splits."""
    return np.random.Generator(np.random.Philox(key(seed, stream, *counters)))


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """The order of the rows in an epoch: Fisher and Yates's shuffle with counted draws.

    Draw ``i`` swaps place ``i`` with place ``floor(u * (i + 1) / 2^32)``, u the upper half of ``mix(key ^ i)``.
    """
    places = np.arange(rows, dtype=np.uint64)
    upper = _mix_array(places ^ np.uint64(key(seed, "shuffle", epoch))) >> np.uint64(32)
    partners = (upper * (places + np.uint64(1))) >> np.uint64(32)
    order = list(range(rows))
    for place in range(rows - 1, 0, -1):
        partner = int(partners[place])
        order[place], order[partner] = order[partner], order[place]
    return np.array(order, dtype=np.int64)


def kept_units(seed: int, step: int, layer: int, shape: tuple[int, int], rate: float) -> np.ndarray:
    """The mask of a dropout layer: True where a unit is kept, with probability ``1 - rate``.

    The bits of position ``p = row * units + unit`` under the key's halves ``(low, high)`` are one round of a 32-bit
    integer hash (constants: Wellons, "Prospecting for hash functions", 2018) with the upper half added between its
    multiplications; a unit is dropped where they lie below ``rate * 2^32``.
    """
    kept: np.ndarray = _hashed(key(seed, "dropout", step, layer), shape) >= drop_threshold(rate)
    return kept


def normals(seed: int, step: int, layer: int, shape: tuple[int, int]) -> np.ndarray:
    """Numbers from the standard normal distribution for a noise layer, float64, none beyond 5.8.

    ``sqrt(-2 log u) cos(2 pi t)`` (G. Box, M. Muller, "A note on the generation of random normal deviates", 1958) with
    ``u = (floor(h / 2^9) + 1/2) / 2^23`` and ``t = floor(g / 2^8) / 2^24`` of the bits ``h`` and, as a signed number,
    ``g`` of a position under the key and under ``mix(key)``.
    """
    bits = key(seed, "noise", step, layer)
    u = ((_hashed(bits, shape) >> np.uint32(9)) + 0.5) / 2**23
    t = (_hashed(mix(bits), shape).view(np.int32) >> np.int32(8)) / 2**24
    drawn: np.ndarray = np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * t)
    return drawn


def _hashed(bits: int, shape: tuple[int, int]) -> np.ndarray:
    """32 bits of each position ``row * units + unit``, under a key of 64."""
    low, high = np.uint32(bits & 0xFFFFFFFF), np.uint32(bits >> 32)
    x = np.arange(shape[0] * shape[1], dtype=np.uint32) ^ low
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x21F0AAAD)
    x ^= x >> np.uint32(15)
    x += high
    x *= np.uint32(0xD35A2D97)
    x ^= x >> np.uint32(15)
    return x.reshape(shape)


def drop_threshold(rate: float) -> np.uint32:
    """The 32-bit number below which a unit's bits mean that it is dropped."""
    return np.uint32(min(round(rate * 2**32), 2**32 - 1))


def set_random_seed(seed: int) -> None:
    """Make everything that is drawn from here on reproducible, as Keras's function of this name does.

    Models that are built without a seed of their own take theirs from here, one after the other.

    Parameters
    ----------
    seed : int
        At least 0.

    Examples
    --------
    >>> import tabgrad
    >>> tabgrad.set_random_seed(0)
    """
    global _session  # noqa: PLW0603  (one a process, as in Keras)
    _session = np.random.default_rng(check(seed, "seed", "set_random_seed", (int,), SEED))


def fresh_seed() -> int:
    """A seed for a model that was given none: the next of the session's, or the operating system's if it has none."""
    if _session is not None:
        return int(_session.integers(2**63 - 1))
    return int.from_bytes(os.urandom(8), "little") >> 1


def drawn_seed() -> int:
    """A seed below 2^31 for what was given none: the session's next, or of NumPy's global generator if it has none."""
    if _session is not None:
        return int(_session.integers(2**31 - 1))
    return int(np.random.randint(2**31 - 1))  # noqa: NPY002  (scikit-learn's convention)


@contextmanager
def session(seed: int | None) -> Iterator[None]:
    """Within the block, models that are built without a seed take theirs from this one; one thread at a time."""
    global _session  # noqa: PLW0603
    if seed is None:
        yield
        return
    with _sessions:
        before, _session = _session, np.random.default_rng(seed)
        try:
            yield
        finally:
            _session = before


def _mix_array(z: np.ndarray) -> np.ndarray:
    """`mix` of each number."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed
