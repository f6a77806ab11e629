"""A fit of the contest: any system on any table."""

from contest.fitting import fit

__all__ = ["fit"]
