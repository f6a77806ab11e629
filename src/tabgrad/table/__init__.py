"""Tables: columns of any kind out of files, frames and arrays, and what is understood of them."""

from __future__ import annotations

from tabgrad.table.columns import Words
from tabgrad.table.read import read
from tabgrad.table.schema import Column, Kind, Schema, infer
from tabgrad.table.table import Table
from tabgrad.table.task import Task, infer_task

__all__ = ["Column", "Kind", "Schema", "Table", "Task", "Words", "infer", "infer_task", "read"]
