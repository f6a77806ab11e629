"""What messages of the library advise, in the words of the command line."""

from __future__ import annotations

import re
import shlex

__all__ = ["as_options"]

_TEXT = r"'((?:[^'\\]|\\.)*)'"
_NAMED = re.compile(r"'(\w+)' of read\b")
_KIND = re.compile(rf"\bkinds=\{{{_TEXT}: {_TEXT}\}}")
_MISSING = re.compile(rf"\bmissing=\[({_TEXT}(?:, {_TEXT})*)\]")
_ONE = re.compile(rf"\b(on_short_row|decimal|delimiter|encoding|format|query)={_TEXT}")


def as_options(text: str) -> str:
    """A message with arguments of `tabgrad.table.read.read` written as options.

    Examples
    --------
    >>> from tabgrad.cli.wording import as_options
    >>> as_options("Say kinds={'zip': 'numeric'}, decimal=',' or missing=['', 'n/a'].")
    "Say --kind zip=numeric, --decimal , or --missing '' --missing n/a."
    """
    text = _NAMED.sub(lambda found: f"--{found[1].replace('_', '-')}", text)
    text = _KIND.sub(lambda found: f"--kind {_quoted(f'{found[1]}={found[2]}')}", text)
    text = _MISSING.sub(
        lambda found: " ".join(f"--missing {_quoted(each)}" for each in re.findall(_TEXT, found[1])), text
    )
    text = _ONE.sub(lambda found: f"--{found[1].replace('_', '-')} {_quoted(found[2])}", text)
    return text.replace("header=False", "--no-header")


def _quoted(value: str) -> str:
    """A value as a shell takes it."""
    return value if value in (",", ".") else shlex.quote(value)
