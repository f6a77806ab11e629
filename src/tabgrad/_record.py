"""What layers, losses, optimizers, ... have in common: they are frozen records that check themselves."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from tabgrad._checks import check_record, known_name, unknown_arguments
from tabgrad.errors import ArgumentTypeError


class RecordType(type):
    """Names what a record does not take, and the nearest that it does, where Python would only refuse it."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        """Construct a record."""
        code = cls.__init__.__code__  # type: ignore[misc]
        known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        if code.co_flags & inspect.CO_VARKEYWORDS:  # a user's own, which takes them all
            return super().__call__(*args, **options)
        if (error := unknown_arguments(cls.__name__, options, known)) is not None:
            raise error
        return super().__call__(*args, **options)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What the constructor takes, for `help` and editors."""
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


@dataclass(frozen=True)
class Record(metaclass=RecordType):
    """A specification: immutable, hashable, comparable, with no state and no execution.

    `kind` is the name under which both engines know the record: its class name in snake case, unless it says otherwise.
    """

    kind: ClassVar[str] = "record"

    def __init_subclass__(cls) -> None:
        """Give each subclass its kind."""
        super().__init_subclass__()
        if "kind" not in cls.__dict__:
            cls.kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        """Check every field against its annotation."""
        check_record(self)

    def numbers(self) -> tuple[float, ...]:
        """The fields in order as numbers, which is how a compiled engine receives a record.

        None is NaN, and so is a record; a tuple is its length: what it holds is `listed`. A name is no number.
        """
        return tuple(_as_number(getattr(self, field.name)) for field in fields(self) if field.name != "name")

    def listed(self) -> tuple[float, ...]:
        """What the fields hold that are tuples of numbers, one for each output."""
        tuples = (value for field in fields(self) if isinstance(value := getattr(self, field.name), tuple))
        return tuple(number for each in tuples for number in each)

    @classmethod
    def get(cls, identifier: Any, catalogue: Mapping[str, type[Self]], what: str) -> Self:
        """The record that a user means by an instance, a class or a name of the catalogue."""
        if isinstance(identifier, cls):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, cls):
            return identifier()
        if isinstance(identifier, str):
            return catalogue[known_name(identifier, what, catalogue)]()
        article, example = "an" if cls.__name__[0] in "AEIO" else "a", next(iter(catalogue))
        expected = f"a name, for instance '{example}', or {article} {cls.__name__} record"
        raise ArgumentTypeError(f"{article.capitalize()} {what} must be {expected}. Got {identifier!r}.")


def _as_number(value: Any) -> float:
    if value is None or isinstance(value, Record):
        return math.nan
    return float(len(value) if isinstance(value, tuple) else value)
