"""Presets: every figure of how a table is learned, one record a preset, and how they follow from rows and columns.

A network learns by steps, not by passes over the rows: a small table needs many passes, a large one few, and its batch
grows with it. Members each cost what one network costs; beyond some hundred thousand rows two are as good as eight.
The figures come from `docs/log.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT", "EMBEDDINGS", "PRESETS", "Preset"]

EMBEDDINGS = ("none", "piecewise", "periodic", "both")
"""What may stand for a number beside itself."""

ByRows = tuple[tuple[int, int], ...]
"""Pairs (rows, figure): from so many rows on the figure holds."""


@dataclass(frozen=True)
class Preset:
    """A way to learn a table; where an argument of the estimators bears a field's name, a given one stands for it.

    Parameters
    ----------
    members : pairs of int
        From how many rows on how many networks are trained.
    folds : int
        Parts of the rows; each member holds one out.
    hidden_layer_sizes : tuple of int
    activation : str
    dropout : float
    learning_rate, beta_2 : float
        Of Adam and its kin, where their names are given.
    weight_decays : tuple of float
        Likewise; the members take one after the other. Some tables want a strong decay, others hardly any, and networks
        that differ make a better mean.
    decay_falls : bool
        Whether the weight decay falls along a flat-then-cosine schedule, and only kernels decay; False: all weights do,
        as long as the run lasts.
    average_rises : bool
        Whether the memory of the running average begins short.
    batches : pairs of int
        From how many rows of training on how many make a step.
    epochs : int
    fewest_steps : int
        For which small tables get more epochs,
    most_epochs : int
        but not more than these.
    most_visits : int
        Rows of all epochs, from which on large tables get fewer epochs,
    fewest_epochs : int
        but not fewer than these.
    patience : int
        Epochs without a better score after which a member stops, or
    patience_share : float
        so much of its epochs, where that is more.
    judged_classes, judged_numbers : int
        Rows from which on those held out say when to stop, where classes are learned and where numbers are. A network
        that has learned a few rows of classes by heart is sure of everything; one of numbers is not much worse.
    numeric : str
        How numbers are scaled.
    numeric_embedding : str
        What stands for a number beside itself: one of `EMBEDDINGS`.
    piecewise_width, periodic_width : int
        Numbers for one.
    most_embedded : int
        Such numbers of all columns; tables of very many columns get fewer for each.
    frequencies : int
        Cosines of a column, and
    frequency_scale : float
        the standard deviation of the first ones.
    knots : int
        The largest number of pieces of a column.
    embedding_rate, category_rate, scale_rate : float
        Factors of the learning rate of embeddings of numbers and of categories, and of the scale of each input; without
        a factor there is no scale.
    n_neighbors : int
        Rows of the fit near a new one that are asked beside the networks, where that pays; 0: none are.
    """

    members: ByRows
    folds: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    dropout: float
    learning_rate: float
    beta_2: float
    weight_decays: tuple[float, ...]
    decay_falls: bool
    average_rises: bool
    batches: ByRows
    epochs: int
    fewest_steps: int
    most_epochs: int
    most_visits: int
    fewest_epochs: int
    patience: int
    patience_share: float
    judged_classes: int
    judged_numbers: int
    numeric: str
    numeric_embedding: str
    piecewise_width: int
    periodic_width: int
    most_embedded: int
    frequencies: int
    frequency_scale: float
    knots: int
    embedding_rate: float
    category_rate: float
    scale_rate: float
    n_neighbors: int

    def members_for(self, rows: int) -> int:
        """How many networks are trained on so many rows."""
        return _by_rows(self.members, rows)

    def decay_for(self, member: int) -> float:
        """The weight decay of a member, counted from 0."""
        return self.weight_decays[member % len(self.weight_decays)]

    def batch_for(self, rows: int) -> int:
        """How many of so many rows of training make a step."""
        return _by_rows(self.batches, rows)

    def epochs_for(self, rows: int, steps: int) -> int:
        """The passes over so many rows of training, in so many steps each.

        Examples
        --------
        >>> from tabgrad.estimators._presets import PRESETS
        >>> [PRESETS["single"].epochs_for(rows, rows // 64) for rows in (64, 6400, 640_000)]
        [200, 30, 20]
        """
        epochs = min(max(self.epochs, round(self.fewest_steps / steps)), self.most_epochs)
        return min(epochs, max(self.most_visits // rows, self.fewest_epochs))

    def patience_for(self, epochs: int) -> int:
        """The epochs without a better score after which a run of so many stops."""
        return max(self.patience, int(self.patience_share * epochs))

    def widths_for(self, columns: int) -> tuple[int, int]:
        """The numbers that stand for each of so many columns, of the piecewise linear and of the periodic embedding.

        Examples
        --------
        >>> from tabgrad.estimators._presets import PRESETS
        >>> [PRESETS["fast"].widths_for(columns) for columns in (10, 500, 2000, 10_000)]
        [(4, 4), (2, 2), (1, 0), (0, 0)]
        """
        kind = self.numeric_embedding
        piecewise = self.piecewise_width if kind in ("piecewise", "both") else 0
        periodic = self.periodic_width if kind in ("periodic", "both") else 0
        each = min(self.most_embedded // max(columns, 1), piecewise + periodic)
        if not each:
            return 0, 0
        bent = -(-each * piecewise // (piecewise + periodic))
        return bent, each - bent


def _by_rows(pairs: ByRows, rows: int) -> int:
    return [figure for beginning, figure in pairs if rows >= beginning][-1]


DEFAULT = "best"

PRESETS = {
    "fast": Preset(
        members=((0, 4), (250_000, 2)),
        folds=8,
        hidden_layer_sizes=(64, 64),
        activation="relu",
        dropout=0.0,
        learning_rate=0.012,
        weight_decays=(0.5, 0.1),
        beta_2=0.95,
        decay_falls=True,
        average_rises=True,
        batches=((0, 64), (2_000, 128), (20_000, 256), (80_000, 512), (300_000, 1024)),
        epochs=30,
        fewest_steps=1_300,
        most_epochs=400,
        most_visits=10_000_000,
        fewest_epochs=4,
        patience=6,
        patience_share=0.15,
        judged_classes=0,
        judged_numbers=200,
        numeric="quantile",
        numeric_embedding="both",
        piecewise_width=4,
        periodic_width=4,
        most_embedded=2_000,
        frequencies=8,
        frequency_scale=0.3,
        knots=32,
        embedding_rate=3.0,
        category_rate=1.0,
        scale_rate=6.0,
        n_neighbors=0,
    ),
    "best": Preset(
        members=((0, 8), (1_000_000, 4)),
        folds=8,
        hidden_layer_sizes=(128, 128),
        activation="relu",
        dropout=0.1,
        learning_rate=0.006,
        weight_decays=(1.0, 0.2),
        beta_2=0.95,
        decay_falls=True,
        average_rises=True,
        batches=((0, 64), (2_000, 128), (50_000, 256), (200_000, 512), (1_000_000, 1024)),
        epochs=40,
        fewest_steps=2_000,
        most_epochs=400,
        most_visits=20_000_000,
        fewest_epochs=6,
        patience=12,
        patience_share=0.3,
        judged_classes=0,
        judged_numbers=200,
        numeric="quantile",
        numeric_embedding="both",
        piecewise_width=4,
        periodic_width=8,
        most_embedded=4_000,
        frequencies=16,
        frequency_scale=0.3,
        knots=32,
        embedding_rate=3.0,
        category_rate=1.0,
        scale_rate=6.0,
        n_neighbors=32,
    ),
    # One network without embeddings of numbers. Its batch is the power of two next to a 64th of the rows.
    "single": Preset(
        members=((0, 1),),
        folds=8,
        hidden_layer_sizes=(128, 128),
        activation="relu",
        dropout=0.1,
        learning_rate=0.006,
        weight_decays=(0.3,),
        beta_2=0.999,
        decay_falls=False,
        average_rises=False,
        batches=((0, 32), (2_897, 64), (5_793, 128), (11_586, 256)),
        epochs=20,
        fewest_steps=3_000,
        most_epochs=200,
        most_visits=10**18,
        fewest_epochs=20,
        patience=10,
        patience_share=0.2,
        judged_classes=30,
        judged_numbers=200,
        numeric="robust",
        numeric_embedding="none",
        piecewise_width=4,
        periodic_width=8,
        most_embedded=4_000,
        frequencies=16,
        frequency_scale=0.3,
        knots=32,
        embedding_rate=1.0,
        category_rate=1.0,
        scale_rate=0.0,
        n_neighbors=0,
    ),
}
"""Each preset by its name."""
