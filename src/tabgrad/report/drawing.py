"""How figures look, and what of matplotlib they use: figures without windows, whose text is only ever text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tabgrad._wording import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "INK", "Panel", "drawn", "label", "styled"]

INK, GREY = "#1f2328", "#808a94"
"""Of text and axes, which a page gives the colour of its own text; of grids and what is only compared with."""

COLOURS = ("#3f83c8", "#d6702c", "#2e9d68", "#8a70cf", "#c8506a", "#a98517", "#3a9ea5", "#b05bb0", "#7d8f2f", "#96705b")
"""Of lines and points; each is told from a white and from a nearly black ground."""

LONGEST = 22  # characters of a name in a figure

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": "cycler('color', " + repr(list(COLOURS)) + ")",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: read aloud, searched, in whatever script the reader has
    "svg.hashsalt": "tabgrad",
}

Panel = tuple["Figure", Any]
"""A figure and its axes: one, or an array of them."""


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib as figures want it, whatever its user has set; all is as before at the end.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError("Figures need matplotlib, which is not installed: pip install 'tabgrad[plot]'.") from error
    settings: dict[Any, Any] = {
        name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith(("backend", "_"))
    }
    with mpl.rc_context(settings | STYLE):
        yield


@contextmanager
def drawn(
    rows: int = 1, columns: int = 1, *, width: float = 5.2, height: float = 3.5, **options: Any
) -> Iterator[Panel]:
    """An empty figure to draw in, in inches; `options` are those of `matplotlib.figure.Figure.subplots`."""
    with styled():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, **options)


def label(text: Any, most: int = LONGEST) -> str:
    r"""A name as a figure takes it: never a formula, never left out of a legend, not longer than it may be.

    Examples
    --------
    >>> from tabgrad.report.drawing import label
    >>> print(label("_price in $ and $"))
     _price in \$ and \$
    """
    safe = printable(text, most).replace("$", r"\$")
    return f" {safe}" if safe.startswith("_") else safe
