"""How a run is trained where nobody says: sizes of batches, epochs and rates from the number of rows.

A network learns by steps, not by passes over the rows: a small table needs many passes, a large one few. So the number
of epochs is what makes some 3,000 steps of them, within limits, and the batch grows with the table.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tabgrad import optimizers
from tabgrad.optimizers import Adam, Adamax, Nadam, Optimizer, RMSprop
from tabgrad.optimizers.schedules import CosineDecay, LearningRateSchedule

__all__ = ["FROM_ROWS", "batch_of", "epochs_of", "optimizer_of", "patience_of", "stops_early"]

STEPS = 3_000  # after which a network of some ten thousand weights has learned what a table of ordinary size holds
FEWEST_EPOCHS, MOST_EPOCHS = 20, 200
STEPS_AN_EPOCH = 64  # at which the batch size aims: fewer make little of the rows, more take longer for nothing
SMALLEST_BATCH, LARGEST_BATCH = 32, 256
FROM_ROWS = 200  # of early_stopping="auto": a tenth of fewer says too little of when to stop
WARM_UP = 50  # steps in which the rate rises: the running means of Adam's kind hold little before
# What Adam and its kin take where nobody says: their own rate, 0.001, is made to stay, and one that falls to zero may
# begin higher; the decay does for a long run what stopping early does for a short one. Measured: docs/log.md.
ADAPTIVE_RATE, ADAPTIVE_DECAY = 0.006, 0.3
ADAPTIVE = (Adam, Adamax, Nadam, RMSprop)
LONGEST_MEMORY = 0.99  # of the running average of the weights: some 100 steps
SHARE_OF_RUN = 10  # of which that memory is one part at most


def batch_of(batch_size: int | str, rows: int) -> int:
    """The rows of a step: as asked; -1: all; "auto": the power of two next to a 64th of the rows, from 32 to 256."""
    if isinstance(batch_size, str):
        power = round(math.log2(max(rows / STEPS_AN_EPOCH, 1)))
        return int(min(max(2**power, SMALLEST_BATCH), LARGEST_BATCH))
    return rows if batch_size == -1 else int(batch_size)


def epochs_of(epochs: int | str, steps: int) -> int:
    """The passes over the rows, of so many steps each: as asked; "auto": some 3,000 steps, 20 to 200 passes."""
    if isinstance(epochs, str):
        return min(max(round(STEPS / steps), FEWEST_EPOCHS), MOST_EPOCHS)
    return int(epochs)


def patience_of(patience: int | str, epochs: int) -> int:
    """The epochs without a better score after which a run ends: as asked; "auto": a fifth of all, at least 10."""
    return max(10, epochs // 5) if isinstance(patience, str) else int(patience)


def stops_early(early_stopping: bool | str, rows: int) -> bool:  # noqa: FBT001  (the parameter itself)
    """Whether rows are held out to say when to stop: as asked; "auto": from 200 rows on."""
    return rows >= FROM_ROWS if isinstance(early_stopping, str) else bool(early_stopping)


def optimizer_of(
    given: str | Optimizer,
    learning_rate: float | LearningRateSchedule | None,
    *,
    weight_decay: float | None = None,
    schedule: str = "constant",
    use_ema: bool = False,
    steps: int = 1,
) -> Optimizer:
    """The optimizer of a run of so many steps.

    Under the schedule "cosine" its rate rises in a line over the first steps, then falls to zero along half a cosine. A
    rate that is a schedule already stays as it is. What the optimizer's name leaves open is 0.006 and a decay of 0.3
    for Adam and its kin, else the optimizer's own; a record says it all itself.

    Examples
    --------
    >>> from tabgrad.estimators._settings import optimizer_of
    >>> optimizer_of("adam", 0.01).learning_rate
    0.01
    >>> falling = optimizer_of("adam", None, schedule="cosine", steps=1000)
    >>> [round(falling.rate_of(step), 4) for step in (0, 50, 525, 1000)]
    [0.0, 0.006, 0.003, 0.0]
    """
    record = optimizers.get(given)
    if record.whole:
        return record
    open_to = isinstance(given, str) and isinstance(record, ADAPTIVE)
    changes: dict[str, Any] = {}
    if weight_decay is not None or open_to:
        changes["weight_decay"] = (ADAPTIVE_DECAY if weight_decay is None else weight_decay) or None
    momentum = min(LONGEST_MEMORY, 1 - SHARE_OF_RUN / steps)
    if use_ema and not record.use_ema and momentum > 0:
        changes |= {"use_ema": True, "ema_momentum": momentum}
    rate = record.learning_rate if learning_rate is None else learning_rate
    if not isinstance(rate, LearningRateSchedule) and schedule == "cosine":
        rate = ADAPTIVE_RATE if open_to and learning_rate is None else rate
        rising = min(WARM_UP, steps // 10)
        rate = CosineDecay(0.0, max(steps - rising, 1), warmup_target=rate, warmup_steps=rising)
    return replace(record, learning_rate=rate, **changes)
