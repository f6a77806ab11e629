"""A model as text: the table of `Sequential.summary`, and its repr."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from math import prod

from tabgrad._record import Record
from tabgrad._stack import Columns, layer_names, working
from tabgrad.layers import Layer
from tabgrad.plan import Network
from tabgrad.progress import terminal_columns, writable

# Keras's table: at most so wide, its columns ending at these shares of the width.
WIDTH, ENDS = 88, (0.45, 0.80, 1.0)
HEAD = ("Layer (type)", "Output Shape", "Param #")
BYTES = 4  # of a float32
# Corners and lines: above the head, the head, below it, a row, between rows, the end.
BOX = ("┏━┳┓", "┃", "┡━╇┩", "│", "├─┼┤", "└─┴┘")
ASCII_BOX = ("+-++", "|", "+=++", "|", "+-++", "+-++")


def summary(name: str, layers: Sequence[Layer], network: Network | None, optimizer_size: int | None) -> str:
    """Keras's table of a model: layers, shapes, numbers of parameters, and their sums."""
    shown = working(layers)
    box = BOX if writable("".join(BOX), "") else ASCII_BOX
    width = min(WIDTH, terminal_columns()) - 4
    ends = [int(end * width) for end in ENDS]
    widths = [max(end - start - 3, 4) for start, end in zip([0, *ends], ends, strict=False)]
    lines = [f'Model: "{name}"', _rule(box[0], widths), _row(box[1], HEAD, widths), _rule(box[2], widths)]
    for place, cells in enumerate(_cells(shown, network)):
        lines += [_rule(box[4], widths)] if place else []
        lines.append(_row(box[3], cells, widths))
    lines.append(_rule(box[5], widths))
    return "\n".join([*lines, *_totals(network, optimizer_size)])


def described(name: str, layers: Sequence[Layer], network: Network | None, compiled: Sequence[Record]) -> str:
    """A model on a few lines: its layers, the number of its parameters, what it was compiled with."""
    parts = [_brief(layer) for layer in working(layers)]
    if len(parts) > 9:
        parts = [*parts[:4], f"... {len(parts) - 8} more ...", *parts[-4:]]
    width = "? columns" if network is None else str(Columns(network.inputs, network.codes))
    size = "not built" if network is None else f"{parameters(network):,} parameters"
    how = " with " + ", ".join(_chosen(record) for record in compiled) if compiled else ""
    return "\n".join(
        [
            f"Sequential '{name}': {' -> '.join([width, *parts])}",
            f"{size}; {'compiled' if compiled else 'not compiled'}{how}",
        ]
    )


def parameters(network: Network, *, trainable: bool | None = None) -> int:
    """How many numbers a network's weights are; only the trainable or the other ones if asked."""
    return sum(prod(w.shape) for w in network.weights if trainable is None or w.trainable == trainable)


def _cells(layers: Sequence[Layer], network: Network | None) -> list[tuple[str, str, str]]:
    titles = [f"{name} ({type(layer).__name__})" for name, layer in zip(layer_names(layers), layers, strict=True)]
    if network is None:
        return [(title, "?", "0 (unbuilt)") for title in titles]
    rows = []
    for title, (layer, inputs, outputs) in zip(titles, network.widths(), strict=True):
        count = sum(prod(weight.shape) for weight in layer.weights(inputs))
        rows.append((title, f"(None, {outputs})", f"{count:,}"))
    return rows


def _totals(network: Network | None, optimizer_size: int | None) -> list[str]:
    counts = {
        "Total": 0 if network is None else parameters(network),
        "Trainable": 0 if network is None else parameters(network, trainable=True),
        "Non-trainable": 0 if network is None else parameters(network, trainable=False),
    }
    if optimizer_size is not None:
        counts["Optimizer"] = optimizer_size
    return [f" {name} params: {count:,} ({_bytes(count * BYTES)})" for name, count in counts.items()]


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _rule(corners: str, widths: Sequence[int]) -> str:
    left, line, middle, right = tuple(corners)
    return left + middle.join(line * (width + 2) for width in widths) + right


def _row(bar: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    layer, shape, count = (
        cell if len(cell) <= width else f"{cell[: width - 3]}..." for cell, width in zip(cells, widths, strict=True)
    )
    return f"{bar} {layer:{widths[0]}} {bar} {shape:{widths[1]}} {bar} {count:>{widths[2]}} {bar}"


def _chosen(record: Record) -> str:
    """A record with those of its fields that are not as they are by default."""
    values = ((field.name, getattr(record, field.name), field.default) for field in fields(record))
    changed = ", ".join(f"{name}={value!r}" for name, value, usual in values if value != usual)
    return f"{type(record).__name__}({changed})"


def _brief(layer: Layer) -> str:
    values = (getattr(layer, name, None) for name in ("units", "output_dim", "rate", "activation"))
    words = [value.kind if isinstance(value, Record) else str(value) for value in values if value is not None]
    return f"{type(layer).__name__}({', '.join(words)})"
