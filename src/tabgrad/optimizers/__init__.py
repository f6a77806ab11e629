"""Optimizers: how a gradient becomes a step; and schedules of their learning rates."""

from tabgrad.optimizers import schedules
from tabgrad.optimizers._optimizers import CATALOGUE as CATALOGUE
from tabgrad.optimizers._optimizers import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    Nadam,
    Optimizer,
    RMSprop,
    get,
)

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]
