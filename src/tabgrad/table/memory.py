"""What fits into memory: how much there is, and the refusal of what would not fit before it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tabgrad.errors import DataError

FIX = "Take part of its rows or columns, or a machine with more memory."
FIELD = 32  # bytes that a field takes beside its text, measured: a view of 16 in Polars, numbers of 8 in turn


def available() -> int | None:
    """Bytes that a process may still take: of the machine's, or of its control group's where that is less.

    Where the system says neither (Windows), None: nothing is refused there before it is tried.
    """
    limits = [limit for limit in (_machine(), _control_group()) if limit is not None]
    return min(limits, default=None)


def demand(need: int, what: str) -> None:
    """Refuse what needs more than there is.

    Raises
    ------
    DataError
        ``beans.csv needs about 120 GB of memory, and 16 GB are free. ...``
    """
    free = available()
    if free is not None and need > free:
        raise DataError(f"{what} needs about {size(need)} of memory, and {size(free)} are free. {FIX}")


def joined(blocks: Iterator[bytes], name: str, each: float = 2) -> bytes:
    """Blocks in one, as long as there is memory: what is packed does not tell how large it is.

    Parameters
    ----------
    blocks : iterator of bytes
    name : str
        What messages call it.
    each : float
        Bytes of memory that come of a byte.

    Raises
    ------
    DataError
        There is not enough.
    """
    free, held = available(), 0
    parts: list[bytes] = []
    for block in blocks:
        parts.append(block)
        held += len(block)
        if free is not None and held * each > free:
            raise DataError(
                f"{name} holds more than {size(held)} once it is unpacked, and needs more memory than the {size(free)} "
                f"that are free. {FIX}"
            )
    return b"".join(parts)


def size(count: int) -> str:
    """A number of bytes in words: ``1.5 GB``."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.3g} {unit}"
    return f"{count} bytes"


def _machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:  # no Linux
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _control_group(root: str = "/sys/fs/cgroup") -> int | None:
    """What a container may still take: its limit less what it holds, pages of files that can be dropped left out."""
    for limit, used, stat in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        try:
            most, taken, parts = (Path(root, name).read_text(encoding="ascii") for name in (limit, used, stat))
        except OSError:
            continue
        if most.strip().isdigit():  # else "max"
            cached = dict(line.split() for line in parts.splitlines())
            dropped = int(cached.get("file", cached.get("total_cache", 0)))
            return max(int(most) - int(taken) + dropped, 0)
    return None
