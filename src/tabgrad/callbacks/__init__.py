"""Callbacks: code that a training run calls, with Keras's names, hooks, arguments and order.

Python is entered only for hooks that somebody overrides: a run whose callbacks have no batch hooks takes its batches
without a word, and one without callbacks its epochs too.
"""

from tabgrad.callbacks.averages import SwapEMAWeights
from tabgrad.callbacks.base import Callback
from tabgrad.callbacks.functions import LambdaCallback
from tabgrad.callbacks.history import History
from tabgrad.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from tabgrad.callbacks.logs import CSVLogger, ProgbarLogger, TensorBoard
from tabgrad.callbacks.resuming import BackupAndRestore
from tabgrad.callbacks.saving import ModelCheckpoint
from tabgrad.callbacks.stopping import EarlyStopping, TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
