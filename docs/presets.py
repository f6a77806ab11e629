"""The table of the presets' figures on the page of the defaults, taken from their records.

``python docs/presets.py`` says whether it lags, ``python docs/presets.py --write`` renews it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tabgrad.estimators._presets import DEFAULT, PRESETS, ByRows, Preset

PAGE = Path(__file__).resolve().parent / "why_these_defaults.md"
BEGIN, END = "<!-- presets -->", "<!-- /presets -->"
MOST_ROWS = 10**18  # what stands for "as many as there are" in a record


def by_rows(pairs: ByRows, noun: str = "") -> str:
    """Figures that hold from so many rows on, in words."""
    (_, first), *others = pairs
    return ", ".join([f"{first:,}{noun}", *(f"{figure:,} from {rows:,} rows" for rows, figure in others)])


def vectors(preset: Preset) -> str:
    """What stands for a number beside itself."""
    if preset.numeric_embedding == "none":
        return "none"
    parts = []
    if preset.numeric_embedding in ("piecewise", "both"):
        parts.append(f"{preset.piecewise_width} piecewise linear, of at most {preset.knots} pieces")
    if preset.numeric_embedding in ("periodic", "both"):
        parts.append(f"{preset.periodic_width} periodic, of {preset.frequencies} frequencies")
    return " + ".join(parts)


def decay(preset: Preset) -> str:
    """The weight decay and how it goes on."""
    turns = " in turn" if len(preset.weight_decays) > 1 else ""
    falls = "the second half falling, of the kernels of dense layers alone" if preset.decay_falls else "of all weights"
    return f"{' and '.join(f'{one:g}' for one in preset.weight_decays)}{turns}, {falls}"


def factors(preset: Preset) -> str:
    """The factors of the learning rate."""
    parts = [] if preset.numeric_embedding == "none" else [f"vectors of numbers {preset.embedding_rate:g}"]
    if preset.category_rate != 1:
        parts.append(f"vectors of categories {preset.category_rate:g}")
    if preset.scale_rate:
        parts.append(f"scale of inputs {preset.scale_rate:g}")
    return ", ".join(parts) or "none; no scale of inputs"


def epochs(preset: Preset) -> str:
    """The passes over the rows."""
    small = f"{preset.epochs} at most, more where that is under {preset.fewest_steps:,} steps (to {preset.most_epochs})"
    if preset.most_visits >= MOST_ROWS:
        return small
    return f"{small}, fewer where that is over {preset.most_visits:,} rows (to {preset.fewest_epochs})"


ROWS = {
    "networks": lambda preset: by_rows(preset.members),
    "parts of the rows, of which a network leaves one out": lambda preset: str(preset.folds),
    "hidden layers": lambda preset: "-".join(map(str, preset.hidden_layer_sizes)) + f", {preset.activation}",
    "dropout": lambda preset: f"{preset.dropout:g}",
    "scaling of numbers": lambda preset: preset.numeric,
    "vectors beside a number": vectors,
    "learning rate": lambda preset: f"{preset.learning_rate:g}",
    "factors of it": factors,
    "weight decay": decay,
    "rows of a step": lambda preset: by_rows(preset.batches),
    "passes over the rows": epochs,
    "stops after so many passes without gain": lambda preset: (
        f"{preset.patience}, or {preset.patience_share:.0%} of its passes where that is more"
    ),
    "rows of the fit near a new one that are asked, where it pays": lambda preset: str(preset.n_neighbors or "none"),
    "rows from which on those left out say when to stop": lambda preset: (
        f"{preset.judged_classes or 'any'} for classes, {preset.judged_numbers} for numbers"
    ),
}


def table() -> str:
    """The figures of every preset, the default first."""
    names = sorted(PRESETS, key=lambda name: name != DEFAULT)
    lines = [["", *(f'"{name}"' + (", the default" if name == DEFAULT else "") for name in names)]]
    lines.append(["---"] * (len(names) + 1))
    lines += [[what, *(told(PRESETS[name]) for name in names)] for what, told in ROWS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def renewed(page: str) -> str:
    """A page with the figures of today between its markers."""
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = renewed(old)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        raise SystemExit(f"The figures of {PAGE.name} lag behind the code: make readme")
