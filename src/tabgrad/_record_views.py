"""What a user meets in the place of a record that stands in a model: it reads like the record, and knows the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field
from typing import Any

from tabgrad._record import Record


class RecordView:
    """Reads like its record: ``view.units``, ``isinstance(view, Dense)``, ``view == Dense(3)``, ``replace(view)``."""

    __slots__ = ()

    @property
    def record(self) -> Record:
        """The record itself."""
        raise NotImplementedError

    @property  # type: ignore[misc]
    def __class__(self) -> type[Record]:  # type: ignore[override]  # so that isinstance answers as for the record
        return type(self.record)

    @property
    def __dataclass_fields__(self) -> Mapping[str, Field[Any]]:  # for dataclasses.replace and fields
        return type(self.record).__dataclass_fields__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python itself looks for, as copy and pickle do
            raise AttributeError(name)
        return getattr(self.record, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.record == record_of(other))

    def __hash__(self) -> int:
        return hash(self.record)

    def __repr__(self) -> str:
        return repr(self.record)

    def __reduce__(self) -> tuple[Any, ...]:
        return record_of, (self.record,)  # a copy, or a pickle, is the record alone

    def __dir__(self) -> list[str]:
        own = [name for name in dir(type(self)) if not name.startswith("_")]
        return [*own, *dir(self.record)]


def record_of(part: Any) -> Any:
    """The record of a view; anything else as it is."""
    return part.record if issubclass(type(part), RecordView) else part
