"""What tabgrad raises.

::

    TabgradError
    ├── ArgumentError (ValueError)          a parameter is not what it may be
    │   ├── ArgumentTypeError (TypeError)   ... because it is of the wrong type
    │   └── UnknownNameError                ... because nothing bears that name
    ├── ReadOnlyError (FrozenInstanceError) a record was to be changed: there is another way
    ├── DataError (ValueError)              X, y, weights or a frame cannot be used as they are
    │   └── TableFileError (OSError)        ... because its file is not there, must not be read, or is damaged
    ├── WeightsFileError (ValueError)       a file of weights is damaged, foreign, or another network's
    ├── ModelFileError (ValueError)         a file of a model is damaged, foreign, or says what no model can be
    ├── JournalError (ValueError)           the journal of a search is another's, in use, damaged, or cannot be written
    ├── NotReadyError (RuntimeError)        a call came before the one that it needs
    ├── EngineError (RuntimeError)          the engine cannot run here: an instruction set, a failed allocation
    └── DivergenceError (RuntimeError)      a loss stopped being finite, and TerminateOnNaN was asked to raise
    DivergenceWarning (RuntimeWarning)      a run ended because its loss stopped being finite
    DataWarning (UserWarning)               data can be used, but something in them deserves a look
    SearchWarning (UserWarning)             a search ended before all of its candidates were tried
"""

from dataclasses import FrozenInstanceError


class TabgradError(Exception):
    """Base of every error that tabgrad raises on purpose."""


class ArgumentError(TabgradError, ValueError):
    """A parameter lies outside what it may be; the message names it, its range and what came."""


class ArgumentTypeError(ArgumentError, TypeError):
    """A parameter has the wrong type; the message names it, the type and what came."""


class UnknownNameError(ArgumentError):
    """No layer, loss, optimizer, ... bears this name; the message suggests the nearest."""


class ReadOnlyError(TabgradError, FrozenInstanceError):
    """A record cannot be changed, only replaced; the message says how."""


class DataError(TabgradError, ValueError):
    """An array or frame cannot be used as it is; the message says where and why."""


class TableFileError(DataError, OSError):
    """A file of a table cannot be opened, or is cut off or damaged; the message says why."""


class WeightsFileError(TabgradError, ValueError):
    """A file of weights cannot be used; the message says why."""


class ModelFileError(TabgradError, ValueError):
    """A file of a model cannot be used.

    Parameters
    ----------
    what : str
        What is wrong with it: ``is damaged: ...``.
    where : str
        The file.
    hint : str
        What to do.
    """

    def __init__(self, what: str, where: str, hint: str) -> None:
        super().__init__(what, where, hint)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        """One line."""
        return f"{self.where} {self.what} {self.hint}"


class JournalError(TabgradError, ValueError):
    """The journal of a search cannot be used; the message says why, and where it holds another search, what differs."""


class NotReadyError(TabgradError, RuntimeError):
    """A call came too early: fit before compile, predict before the input's width is known."""


class EngineError(TabgradError, RuntimeError):
    """The engine cannot do this on this machine."""


class DivergenceError(TabgradError, RuntimeError):
    """A loss stopped being finite, and the user asked for an error; the weights are the last finite ones."""


class DivergenceWarning(RuntimeWarning):
    """A run ended early because its loss stopped being finite; the weights are the last finite ones."""


class DataWarning(UserWarning):
    """Something in the data deserves a look: a column that gives the target away, rows that repeat, levels unseen."""


class SearchWarning(UserWarning):
    """A search ended early, by its time limit or by Ctrl-C; what it has is valid."""
