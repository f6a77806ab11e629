"""The wording of messages about data that hold no numbers: what was found, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Places that a message names before it only counts.
SHOWN = 3

# What NumPy's kinds of data are called in a message, and what to do about each.
KINDS = {
    "U": "text",
    "S": "text",
    "T": "text",
    "O": "Python objects",
    "M": "dates",
    "m": "durations",
    "c": "complex numbers",
    "V": "records",
}
FIXES = {
    "text": "Encode text as numbers, for instance with scikit-learn's OneHotEncoder, or leave it out.",
    "categories": "Encode categories as numbers, for instance with scikit-learn's OneHotEncoder, or leave them out.",
    "dates": "Turn dates into numbers, for instance into days since the first.",
    "durations": "Turn durations into numbers, for instance into seconds.",
    "complex numbers": "Take their real part, their imaginary part or their absolute value.",
    "records": "Give each field a column of its own.",
    "nested values": "Give each nested value a column of its own.",
    "None": "Fill what is missing, or drop these rows.",
    "Python objects": "If they are numbers, convert them with .astype('float32').",
}
CODES_FIX = "Number the levels of each column 0, 1, 2, ..., for instance with scikit-learn's OrdinalEncoder."
CLASSES_FIX = "Number the classes 0, 1, 2, ...: classes, y = np.unique(y, return_inverse=True)."


def refusal(name: str, found: Sequence[tuple[str, str]], more: int = 0) -> str:
    """The message for what is not a number: pairs of a kind and the place with its value, and what to do."""
    listed = ", ".join(f"{kind} in {place}" for kind, place in found)
    rest = f" and in {more} more column{'s' if more > 1 else ''}" if more else ""
    kinds = dict.fromkeys(kind for kind, _ in found)
    numbered = {"y": CLASSES_FIX, "X[1]": CODES_FIX}.get(name.split(maxsplit=1)[0])  # X[1]: codes of a pair
    named = kinds.keys() & {"text", "categories", "Python objects"}
    fixes = [numbered] if numbered and named else [FIXES[kind] for kind in kinds]
    return f"{name} must hold numbers. Got {listed}{rest}. {' '.join(fixes)}"


def shown(value: Any) -> str:
    """A value of the user's, short enough for a message."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def around(text: str, other: str) -> str:
    """Where a text begins to differ from another one."""
    first = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    start, end = max(0, first - 40), first + 60
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
