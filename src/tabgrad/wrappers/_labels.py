"""Between a target as its owner writes it and as a loss reads it.

A classifier's, by its form and the loss::

    y               form        sparse categorical   one output   several outputs   predicted
    (rows,)         labels      0, 1, 2, ...         0 or 1       one-hot           labels
    (rows, classes) one_hot     0, 1, 2, ...         0 or 1       one-hot           one-hot
    (rows, labels)  indicator   -                    -            as it is          0 or 1 in each column

A regressor's is numbers, (rows,) or (rows, outputs), and predictions are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from tabgrad import activations, losses
from tabgrad._accuracy import zeros_and_ones
from tabgrad.errors import ArgumentError, DataError
from tabgrad.matrix import shown
from tabgrad.plan import Network, Plan

Form = Literal["labels", "one_hot", "indicator"]

SHOWN = 5  # classes or rows that a message names before it says "..."


@dataclass(frozen=True, eq=False)
class ClassTarget:
    """How a classifier's target is written.

    Parameters
    ----------
    classes : array of shape (classes,)
        Sorted labels; for targets of two axes the numbers of their columns.
    form : {"labels", "one_hot", "indicator"}
        One label a row; one 1 a row; any number of 1s a row.
    dtype : numpy.dtype
        Of the target, and so of predictions.
    """

    classes: np.ndarray
    form: Form
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, y: np.ndarray, classes: Any = None) -> Self:
        """Read the form off a target that scikit-learn calls binary, multiclass or multilabel-indicator.

        Parameters
        ----------
        y : array of shape (rows,) or (rows, columns)
        classes : array or None
            All labels that there can be, where `y` need not show each.
        """
        if y.ndim == 2:
            _check_indicator(y)
            form: Form = "one_hot" if (_ones(y) == 1).all() else "indicator"
            return cls(np.arange(y.shape[1]), form, y.dtype)
        target = cls(np.unique(y if classes is None else np.asarray(classes)), "labels", y.dtype)
        if len(target.classes) < 2:
            raise DataError(
                f"A classifier needs at least 2 classes. y has 1 class, {list_of(target.classes)}, in {len(y)} rows "
                "of a weight above 0. Is it a fold or a first batch that lacks the others? Stratify the folds, or give "
                "partial_fit all 'classes'."
            )
        return target

    @property
    def meta(self) -> dict[str, Any]:
        """What a building function may know of it, by SciKeras's names."""
        kinds = {"labels": "binary" if len(self.classes) == 2 else "multiclass"}
        return {
            "classes_": self.classes,
            "n_classes_": len(self.classes),
            "n_outputs_": 1,
            "target_type_": kinds.get(self.form, "multilabel-indicator"),
        }

    def indices(self, y: np.ndarray) -> np.ndarray:
        """The number of each row's class, int64 of shape (rows,)."""
        self._check_form(y)
        return self._indices(y)

    def _indices(self, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2:
            return np.asarray(y.argmax(axis=1))
        numbers = {label: number for number, label in enumerate(self.classes.tolist())}
        found, places = np.unique(y, return_inverse=True)
        index = np.array([numbers.get(label, -1) for label in found.tolist()], dtype=np.int64)[places]
        if (strange := np.flatnonzero(index < 0)).size:
            first = ", ".join(f"{shown(y[row])} in row {row}" for row in strange[:SHOWN])
            raise DataError(f"y has labels that are none of the classes ({list_of(self.classes)}): {first}.")
        return index

    def fitting_loss(self, network: Network) -> losses.Loss:
        """The loss for the network's last activation: binary for sigmoids, sparse categorical for a softmax.

        For a last layer without activation the same on logits, binary for one unit or an indicator.
        """
        last = type(network.last_activation)
        logits = last is activations.Linear
        if last is activations.Sigmoid or (logits and (network.outputs == 1 or self.form == "indicator")):
            return losses.BinaryCrossentropy(from_logits=logits)
        if last is activations.Softmax or logits:
            return losses.SparseCategoricalCrossentropy(from_logits=logits)
        raise ArgumentError(
            f"No loss goes without saying for a classifier whose last activation is {last.__name__}: give 'loss', "
            "or end with a softmax, or with one sigmoid unit for two classes."
        )

    def encode(self, y: np.ndarray, plan: Plan) -> np.ndarray:
        """What a plan's loss reads: int64 labels, or float32 of shape (rows, outputs).

        Raises
        ------
        DataError
            If the network's width does not fit the classes, or the loss not the form.
        """
        loss, outputs = plan.loss, plan.network.outputs
        self._check_form(y)
        self._check_outputs(loss, outputs)
        if self.form == "indicator" or (self.form == "one_hot" and loss.target != "labels" and outputs > 1):
            return np.asarray(y, np.float32)
        index = self._indices(y)
        if loss.target == "labels":
            return index
        return np.asarray(np.eye(outputs, dtype=np.float32)[index] if outputs > 1 else index[:, None], np.float32)

    def probabilities(self, outputs: np.ndarray, loss: losses.Loss) -> np.ndarray:
        """A network's outputs as float64 of shape (rows, classes); rows sum to 1 unless the form is "indicator".

        ``p``, or what it is computed from: ``1 / (1 + e^-z)`` or ``softmax(z)`` where the loss reads logits ``z``,
        ``(1 - p, p)`` for one output, ``p_j / sum(p)`` for several, each kept in [0, 1]. Under a hinge loss an output
        is a margin ``m``, whose sign tells: ``p = (1 + m) / 2``.
        """
        p: np.ndarray = outputs.astype(np.float64)
        if isinstance(loss, (losses.Hinge, losses.SquaredHinge)):
            p = (1 + p) / 2
        if loss.from_logits:
            p = _sigmoid(p) if loss.link is activations.Sigmoid else _softmax(p)
        p = np.clip(p, 0, 1)
        if self.form == "indicator":
            return p
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        total = p.sum(axis=1, keepdims=True)
        return np.where(total > 0, p / np.where(total > 0, total, 1), 1 / p.shape[1])

    def decode(self, outputs: np.ndarray, loss: losses.Loss) -> np.ndarray:
        """Predictions in the form of the target: the class of the largest probability, each label above one half."""
        if self.form == "indicator":
            return (self.probabilities(outputs, loss) > 0.5).astype(self.dtype)
        index = np.argmax(self.probabilities(outputs, loss) if outputs.shape[1] == 1 else outputs, axis=1)
        names = self.classes if self.form == "labels" else np.eye(len(self.classes), dtype=self.dtype)
        return np.asarray(names[index])

    def _check_form(self, y: np.ndarray) -> None:
        expected = "(rows,)" if self.form == "labels" else f"(rows, {len(self.classes)})"
        if (y.ndim == 2) != (self.form != "labels") or (y.ndim == 2 and y.shape[1] != len(self.classes)):
            raise DataError(f"y must have the shape {expected} of the first fit. Got {y.shape}.")
        if y.ndim == 2:
            _check_indicator(y)
        if self.form == "one_hot" and (wrong := np.flatnonzero(_ones(y) != 1)).size:
            raise DataError(f"y must have one 1 in each row, as in the first fit. Not so in row {list_of(wrong)}.")

    def _check_outputs(self, loss: losses.Loss, outputs: int) -> None:
        classes = len(self.classes)
        if self.form == "indicator" and loss.target in ("labels", "one_hot"):
            raise DataError(
                f"{type(loss).__name__} takes rows of one class. y has rows with none or several of its {classes} "
                f"labels: use the loss 'binary_crossentropy' and {classes} sigmoid units."
            )
        if outputs == 1 and classes == 2 and self.form != "indicator" and loss.target not in ("labels", "one_hot"):
            return
        if outputs != classes:
            raise DataError(
                f"The target has {classes} classes ({list_of(self.classes)}), the model {outputs} "
                f"output{'s' if outputs > 1 else ''} under {type(loss).__name__}. {_fix_outputs(outputs, classes)}"
            )


@dataclass(frozen=True)
class ValueTarget:
    """How a regressor's target is written.

    Parameters
    ----------
    columns : int or None
        None: y has the shape (rows,), and so have predictions.
    kind : str
        scikit-learn's word for it.
    """

    columns: int | None
    kind: str

    @property
    def meta(self) -> dict[str, Any]:
        """What a building function may know of it, by SciKeras's names."""
        return {"n_outputs_": self.columns or 1, "target_type_": self.kind}

    def fitting_loss(self, network: Network) -> losses.Loss:
        """The squared error."""
        return losses.MeanSquaredError()

    def encode(self, y: np.ndarray, plan: Plan) -> np.ndarray:
        """``y`` as (rows, outputs).

        Raises
        ------
        DataError
            If the network's width does not fit the target's.
        """
        columns = None if y.ndim == 1 else y.shape[1]
        if columns != self.columns:
            expected = "(rows,)" if self.columns is None else f"(rows, {self.columns})"
            raise DataError(f"y must have the shape {expected} of the first fit. Got {y.shape}.")
        wanted, outputs = self.columns or 1, plan.network.outputs
        if outputs != wanted:
            raise DataError(
                f"The target has {wanted} column{'s' if wanted > 1 else ''}, the model {outputs} output"
                f"{'s' if outputs > 1 else ''}. Give the last layer {wanted} unit{'s' if wanted > 1 else ''}; "
                "a building function that takes 'meta' reads meta['n_outputs_']."
            )
        return y.reshape(len(y), -1)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions in the shape of y, float64."""
        predictions: np.ndarray = outputs.astype(np.float64)
        return predictions.ravel() if self.columns is None else predictions


Target = ClassTarget | ValueTarget


def _fix_outputs(outputs: int, classes: int) -> str:
    if outputs > classes:
        return (
            "Is a class missing from these rows, a fold of a cross-validation or a first batch? Stratify the folds, "
            "train on one-hot rows, or give partial_fit all 'classes'."
        )
    if outputs == 1 and classes == 2:
        return "One unit needs a sigmoid and the loss 'binary_crossentropy'; a softmax needs 2 units."
    return f"Give the last layer {classes} units; a building function that takes 'meta' reads meta['n_classes_']."


def _ones(y: np.ndarray) -> np.ndarray:
    """How many ones each row of an indicator has; NumPy's own sums over few columns take four times as long."""
    return np.asarray(np.einsum("ij->i", y, dtype=np.result_type(y, np.float32)))


def _check_indicator(y: np.ndarray) -> None:
    if not zeros_and_ones(y):
        found = list_of(np.unique(y))
        raise DataError(f"y of shape {y.shape} must hold 0 and 1, in a column for each class or label. Got {found}.")


def check_labels(y: Any) -> None:
    """Refuse labels that are missing, or strings among others, before NumPy makes strings of both.

    Raises
    ------
    DataError
        With the first rows where it is so.
    """
    labels = np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind != "O":
        return
    values = labels.tolist()
    if missing := [row for row, label in enumerate(values) if _is_missing(label)]:
        raise DataError(f"y must have a label in every row. It contains NaN or None in row {list_of(missing)}.")
    strings = [isinstance(label, str) for label in values]
    if any(strings) and not all(strings):
        first, other = strings.index(True), strings.index(False)
        found = f"{shown(values[first])} in row {first} and {shown(values[other])} in row {other}"
        raise DataError(f"y must have labels of one type. Got {found}.")


def _is_missing(label: Any) -> bool:
    return label is None or type(label).__name__ == "NAType" or (isinstance(label, float) and math.isnan(label))


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + e^-z)``, without overflow for large ``-z``."""
    small: np.ndarray = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, small) / (1 + small))


def _softmax(z: np.ndarray) -> np.ndarray:
    """``e^(z_j - max z) / sum_k e^(z_k - max z)``."""
    powers: np.ndarray = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def list_of(values: Sequence[Any] | np.ndarray) -> str:
    """The first few values, as Python writes them."""
    first = ", ".join(shown(value) for value in values[:SHOWN])
    return f"{first}, ..." if len(values) > SHOWN else first
