"""An ensemble as the content of one model file, and the way back, which trusts nothing that the file says.

The header holds ``members``, the headers of the estimators that are joined (see `_saving`), ``shared``, the different
schemas, encoders and targets that they have, each once, to which the members point by places, and ``ensemble``: their
weights, scores and residuals. The arrays of member 0 are named ``0/...``, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tabgrad._checks import POSITIVE, check_numbers
from tabgrad._record import from_data, to_data
from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError
from tabgrad.estimators._saving import _number, _read_number, _residuals, content_of
from tabgrad.store import Content

if TYPE_CHECKING:
    from tabgrad.estimators._base import TableEstimator

__all__ = ["MOST_MEMBERS", "facts_of", "joined", "parted"]

MOST_MEMBERS = 1000  # so that a short file cannot ask for more work than it has bytes
ROUNDING = 1e-9  # of a sum
SHARED = {"schema": "table_schema_", "encoder": "encoder_", "target": "target_"}
"""What members may have in common: its name in a file, and that of the attribute."""


def joined(
    kind: str,
    members: Sequence[TableEstimator],
    weights: np.ndarray,
    scores: Mapping[str, float],
    residuals: Sequence[Any],
) -> tuple[Content, list[str]]:
    """What a file holds of an ensemble, and the names of the members' arguments that it does not hold."""
    shared: dict[str, list[Any]] = {name: [] for name in SHARED}
    headers, arrays, left_out = list[Any](), dict[str, np.ndarray](), set[str]()
    for place, member in enumerate(members):
        content, without = content_of(member, member._kind)
        own = dict(content.header["estimator"])
        for name, attribute in SHARED.items():
            own[name] = _place(getattr(member, attribute), shared[name])
        headers.append({**content.header, "estimator": own})
        arrays |= {f"{place}/{name}": array for name, array in content.arrays.items()}
        left_out |= set(without)
    ensemble: dict[str, Any] = {
        "weights": weights.tolist(),
        "scores": {name: _number(value) for name, value in scores.items()},
        "residuals": [to_data(each) for each in residuals],
    }
    data = {name: [to_data(each) for each in different] for name, different in shared.items()}
    return Content(kind, {"ensemble": ensemble, "shared": data, "members": headers}, arrays), sorted(left_out)


def _place(value: Any, different: list[Any]) -> int:
    """Where a value stands among those that are different, to which it is added if it is new."""
    if value not in different:
        different.append(value)
    return different.index(value)


def parted(content: Content, kind: str) -> Iterator[Content]:
    """The contents of the members; what they share is read once, into the same records."""
    header = content.header
    if header.keys() != {"ensemble", "shared", "members"} or header["shared"].keys() != SHARED.keys():
        raise ArgumentError("The header must hold ensemble, shared and members.")
    members = header["members"]
    if not isinstance(members, list) or not 0 < len(members) <= MOST_MEMBERS:
        raise ArgumentError(f"The members must be a list of 1 to {MOST_MEMBERS:,}.")
    shared = {name: [from_data(each) for each in header["shared"][name]] for name in SHARED}
    arrays = _arrays(content.arrays, len(members))
    for data, own in zip(members, arrays, strict=True):
        estimator = {**data["estimator"]}
        for name, values in shared.items():
            estimator[name] = values[_index(estimator[name], len(values))]
        yield Content(kind, {**data, "estimator": estimator}, own, content.versions, content.name)


def _index(place: Any, most: int) -> int:
    if type(place) is not int or not 0 <= place < most:
        raise ArgumentError(f"A member must point to one of {most} that are shared. Got {shown(place)}.")
    return place


def _arrays(arrays: Mapping[str, np.ndarray], members: int) -> list[dict[str, np.ndarray]]:
    """The arrays of each member, by its own names."""
    own: list[dict[str, np.ndarray]] = [{} for _ in range(members)]
    places = {str(place): place for place in range(members)}
    for name, array in arrays.items():
        place, _, rest = name.partition("/")
        if place not in places:
            raise ArgumentError(f"The array {shown(name)} belongs to no member.")
        own[places[place]][rest] = array
    return own


def facts_of(content: Content, members: int, target: Any) -> tuple[np.ndarray, dict[str, float], tuple[Any, ...]]:
    """The weights of the members, which must sum to 1, and what rows held out said: scores, residuals."""
    ensemble = content.header["ensemble"]
    if ensemble.keys() != {"weights", "scores", "residuals"}:
        raise ArgumentError(f"The ensemble must hold weights, scores and residuals. Got {shown(list(ensemble))}.")
    weights = np.array(check_numbers(ensemble["weights"], "weights", "the file", POSITIVE))
    if len(weights) != members or abs(weights.sum() - 1) > ROUNDING:
        raise ArgumentError(f"The file must hold a weight of each of {members} members, which sum to 1.")
    scores = {name: _read_number(value) for name, value in ensemble["scores"].items()}
    return weights, scores, _residuals(ensemble["residuals"], target)
