"""A command from its flags to its exit code: errors become one line, signals end it cleanly, warnings are notes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tabgrad.cli.screen import Screen
    from tabgrad.cli.settings import Settings


def run(name: str, kind: type[Settings], given: Mapping[str, Any]) -> None:
    """Run a command.

    Parameters
    ----------
    name : str
        "fit", "tune", "predict", "evaluate", "report", "inspect" or "doctor".
    kind : class
        Its settings.
    given : dict
        The flags.

    Raises
    ------
    typer.Exit
        With one of `tabgrad.cli.exits.Exit`, where that is not 0.
    """
    from tabgrad.cli.exits import Exit, exit_code, told
    from tabgrad.cli.screen import Screen
    from tabgrad.cli.settings import settings
    from tabgrad.errors import TabgradError

    screen = Screen(quiet=given["quiet"])
    try:
        with _signals(), _warnings_are_notes(screen):
            _command(name)(settings(kind, given), screen)
            sys.stdout.flush()
    except BaseException as error:  # what is raised ends here, whatever it is
        if isinstance(error, typer.Exit):
            raise
        code = exit_code(error)
        if given["debug"]:
            traceback.print_exception(error)
        elif code is Exit.INTERNAL and not isinstance(error, TabgradError):
            screen.error(f"{_fault(error)} This is a fault of tabgrad; --debug shows where.")
        elif code is Exit.PIPE:
            _silence(sys.stdout)
        elif code in (Exit.INTERRUPTED, Exit.TERMINATED):
            screen.error(str(error) or ("Interrupted." if code is Exit.INTERRUPTED else "Told to end."))
        else:
            screen.error(told(error))
        raise typer.Exit(int(code)) from None


def _command(name: str) -> Any:
    """The function that does what a command is for."""
    if name == "fit":
        from tabgrad.cli.fit import fit

        return fit
    if name == "tune":
        from tabgrad.cli.tune import tune

        return tune
    if name == "predict":
        from tabgrad.cli.predict import predict

        return predict
    if name == "evaluate":
        from tabgrad.cli.evaluate import evaluate

        return evaluate
    if name == "explain":
        from tabgrad.cli.explain import explain

        return explain
    if name == "report":
        from tabgrad.cli.report import report

        return report
    if name == "inspect":
        from tabgrad.cli.inspect import inspect

        return inspect
    from tabgrad.cli.doctor import doctor

    return doctor


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does."""
    from tabgrad.cli.exits import Terminated

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


FOR_PROGRAMMERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning, ResourceWarning)


@contextmanager
def _warnings_are_notes(screen: Screen) -> Iterator[None]:
    """A warning is a line, without the place in the code that it came from, and said once."""
    said: set[str] = set()

    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        text = str(message)
        if text not in said:
            said.add(text)
            screen.note(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for kind in FOR_PROGRAMMERS:
            warnings.simplefilter("ignore", kind)
        warnings.showwarning = note
        yield


def _fault(error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}." if said else f"{type(error).__name__}."


def _silence(stream: Any) -> None:
    """What is still to be written to a pipe that nobody reads goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
