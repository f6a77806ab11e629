"""The rows of `Neighbors` as part of a model file, and the way back, which trusts nothing that the file says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tabgrad._checks import check
from tabgrad.encode.encoder import Encoder
from tabgrad.encode.target import ClassTarget, ValueTarget
from tabgrad.errors import ArgumentError
from tabgrad.estimators._neighbors import LARGEST, Neighbors, Space

__all__ = ["NEIGHBORS", "neighbors_of", "neighbors_to_content"]

NEIGHBORS = "neighbors/"
NUMBERS = ("concentration", "reach", "most")
OF_ROWS, OF_COLUMNS = ("places", "answers", "weight"), ("factors", "code_factors")


def neighbors_to_content(near: Neighbors) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the header holds of them, and the arrays."""
    arrays = {NEIGHBORS + name: getattr(near, name) for name in OF_ROWS}
    arrays |= {NEIGHBORS + name: getattr(near.space, name) for name in OF_COLUMNS}
    return {name: getattr(near, name) for name in NUMBERS}, arrays


def neighbors_of(
    data: Any, arrays: Mapping[str, np.ndarray], encoder: Encoder, target: ClassTarget | ValueTarget
) -> Neighbors | None:
    """The rows in a file; None where it has none, as those of before they were kept."""
    if data is None and not arrays:
        return None
    names = {NEIGHBORS + name for name in (*OF_ROWS, *OF_COLUMNS)}
    if data is None or data.keys() != set(NUMBERS) or arrays.keys() != names:
        raise ArgumentError(f"Neighbors must hold {', '.join(NUMBERS)} and the arrays {', '.join(sorted(names))}.")
    places, answers, weight = (arrays[NEIGHBORS + name] for name in OF_ROWS)
    classes = isinstance(target, ClassTarget)
    kinds = (np.float32, np.int32 if classes else np.float32, np.float32)
    if any(array.dtype != kind for array, kind in zip((places, answers, weight), kinds, strict=True)):
        raise ArgumentError("Places, numbers and weights of neighbors must be float32, classes int32.")
    if answers.shape[1:] != (() if isinstance(target, ClassTarget) else (target.outputs,)):
        raise ArgumentError(f"Neighbors must have an answer of the target {target!r}. Got {answers.shape}.")
    if isinstance(target, ClassTarget) and not ((answers >= 0) & (answers < len(target.classes))).all():
        raise ArgumentError(f"The answers of neighbors must be indices of {len(target.classes)} classes.")
    factors, code_factors = (arrays[NEIGHBORS + name] for name in OF_COLUMNS)
    space = Space(factors, code_factors, tuple(encoder.cardinalities))
    for array, columns in ((space.factors, encoder.features), (space.code_factors, encoder.cardinalities)):
        if array.shape != (len(columns),) or not ((array >= 0) & (array <= LARGEST)).all():
            raise ArgumentError("Neighbors must have a factor of at least 0, and no huge one, for each encoded column.")
    if (weight < 0).any():
        raise ArgumentError("The weights of neighbors must be at least 0.")
    most = check(data["most"], "most", "neighbors", (int,))
    return Neighbors(space, places, answers, weight, data["concentration"], data["reach"], most)
