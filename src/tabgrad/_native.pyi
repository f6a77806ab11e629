from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# (target, first, places, output) -> (losses, gradient)
LossFunction = Callable[[np.ndarray, int, np.ndarray | None, np.ndarray], tuple[np.ndarray, np.ndarray]]
# (whether rows are those of validation, first, places, output) -> terms
ScoreFunction = Callable[[bool, int, np.ndarray | None, np.ndarray], list[float]]
# step -> values of the coming steps, a row for each number that a schedule rules
AheadFunction = Callable[[int], np.ndarray]

def instruction_sets() -> list[str]: ...

class Program:
    learning_rate: float
    step: int
    def __init__(
        self,
        isa: str,
        inputs: int,
        layers: Sequence[tuple[str, int, int, int, bool, tuple[float, ...], Sequence[float], Sequence[int]]],
        loss: tuple[str, tuple[float, ...], tuple[float, ...]] | None,
        linked: bool,
        labels: bool,
        metrics: Sequence[tuple[str, tuple[float, ...], tuple[float, ...], tuple[float, ...], bool, int]],
        optimizer: tuple[str, tuple[float, ...], tuple[float, ...]] | None,
        most_rows: int,
        threads: int,
    ) -> None: ...
    def write(self, array: int, slot: int, values: np.ndarray, /) -> None: ...
    def scale_rates(self, array: int, rate_factor: float, decay_factor: float, /) -> None: ...
    def read(self, array: int, slot: int) -> np.ndarray: ...
    def take(self) -> list[list[np.ndarray]]: ...
    def take_best(self) -> list[list[np.ndarray]] | None: ...
    def gradient(self, array: int, /) -> np.ndarray: ...
    def orthogonalize(self, array: int, rows: int, columns: int, /) -> None: ...
    def fit(
        self,
        x: np.ndarray,
        codes: np.ndarray | None,
        target: np.ndarray,
        weight: np.ndarray | None,
        validation: tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray | None] | None,
        epochs: int,
        first_epoch: int,
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch_begin: Callable[[int], None] | None,
        epoch_end: Callable[[int, list[float], list[float] | None], None] | None,
        batch_begin: Callable[[int], None] | None,
        batch_end: Callable[[int, list[float]], None] | None,
        progress: Callable[[int, list[float]], None] | None,
        *,
        loss: LossFunction | None,
        score: ScoreFunction | None,
        scoring_rows: int,
        ahead: AheadFunction | None,
        places: np.ndarray | None = None,
        held: np.ndarray | None = None,
        stopping: tuple[int, float, float, int] | None = None,
    ) -> tuple[Any, int, np.ndarray, np.ndarray | None, BaseException | None, int]: ...
    def evaluate(
        self,
        x: np.ndarray,
        codes: np.ndarray | None,
        target: np.ndarray,
        weight: np.ndarray | None,
        *,
        loss: LossFunction | None,
        score: ScoreFunction | None,
        scoring_rows: int,
    ) -> list[float]: ...
    def predict(self, x: np.ndarray, codes: np.ndarray | None) -> np.ndarray: ...
    @staticmethod
    def predict_many(
        programs: Sequence[Program], networks: int, x: np.ndarray, codes: np.ndarray | None, threads: int
    ) -> np.ndarray: ...
    @staticmethod
    def predict_exchanged(
        programs: Sequence[Program], networks: int, x: np.ndarray, terms: np.ndarray, order: np.ndarray, threads: int
    ) -> np.ndarray: ...
    def gradients(
        self,
        x: np.ndarray,
        codes: np.ndarray | None,
        target: np.ndarray,
        weight: np.ndarray | None,
        loss: LossFunction | None = None,
        ahead: AheadFunction | None = None,
    ) -> float: ...
    def stop(self) -> None: ...
    def cancel(self) -> None: ...
