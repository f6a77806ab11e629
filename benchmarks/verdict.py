"""One row of the table: what was measured beside its bar, and whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from processes import Runs

HOLDS, MISSED, FAILED = "holds", "MISSED", "FAILED"


@dataclass(frozen=True)
class Row:
    """A measurement in words; `samples` keeps the numbers behind it, and a row without a bar has no verdict."""

    key: str
    what: str
    ours: str = ""
    theirs: str = ""
    measured: str = ""
    bar: str = ""
    verdict: str = ""
    quality: str = ""
    samples: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain values."""
        return asdict(self)


def judged(holds: bool) -> str:
    """Put a comparison with a bar into the table's word."""
    return HOLDS if holds else MISSED


def failed(key: str, what: str, bar: str, reason: str) -> Row:
    """Return the row of a measurement that did not come to an end."""
    return Row(key, what, ours=reason.replace("|", "/")[:80], bar=bar, verdict=FAILED)


def compared(key: str, what: str, ours: Runs, theirs: Runs, *, bar: float | None = None, scored: str = "") -> Row:
    """Compare two systems' times: the ratio of the medians against a bar, beside the scores if `scored` names them."""
    bar_text = f"<= {ratio_text(bar)}" if bar else ""
    broken = next((runs for runs in (ours, theirs) if runs.failure), None)
    if broken:
        row = failed(key, what, bar_text, f"{broken.label}: {broken.failure}")
        return replace(row, theirs=_labelled(theirs), samples=_samples(ours, theirs))
    ratio = statistics.median(ours.seconds) / statistics.median(theirs.seconds)
    return Row(
        key,
        what,
        ours=spread(ours.seconds),
        theirs=_labelled(theirs),
        measured=ratio_text(ratio),
        bar=bar_text,
        verdict=judged(ratio <= bar) if bar else "",
        quality=f"{scored}: {ours.score:.4f} / {theirs.score:.4f}" if scored else "",
        samples=_samples(ours, theirs) | {"ratio": ratio},
    )


def spread(seconds: Sequence[float]) -> str:
    """Show the median of some durations and the least and greatest, in the unit that fits."""
    middle = statistics.median(seconds)
    factor, unit = next(
        ((factor, unit) for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")) if abs(middle) * factor >= 1),
        (1e9, "ns"),
    )
    middle, low, high = (f"{value * factor:.3g}" for value in (middle, min(seconds), max(seconds)))
    return f"{middle} {unit}" if len(seconds) == 1 else f"{middle} {unit} ({low} to {high})"


def ratio_text(ratio: float) -> str:
    """Show a small ratio as one over a number."""
    return f"1/{1 / ratio:.4g}" if ratio < 0.5 else f"{ratio:.3g}x"


def _labelled(runs: Runs) -> str:
    return f"{runs.label} {spread(runs.seconds)}" if runs.results else runs.label


def _samples(*runs: Runs) -> dict[str, Any]:
    return {each.label: each.results or each.failure for each in runs}
