"""PyTorch with the training loop written by hand: no DataLoader, batches gathered by index from one tensor."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch
from programs import EMBEDDED, PROGRAMS, Program, load
from torch import nn


def step_times(
    *, program: str, table: str, seed: int, warm_up: int, epochs: int, fits: int, fused: bool = False
) -> dict[str, Any]:
    """Train `warm_up` epochs, then time `fits` loops of `epochs` each; `fused` asks for Adam's fused kernel."""
    chosen, data = PROGRAMS[program], load(table)
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    X, y = _given(data, "train"), torch.from_numpy(data["y_train"]).argmax(dim=1)
    network = _network(chosen, data["X_train"].shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=fused or None)
    _epochs(network, optimizer, X, y, chosen.batch_size, warm_up)
    seconds = []
    for _ in range(fits):
        start = time.perf_counter()
        _epochs(network, optimizer, X, y, chosen.batch_size, epochs)
        seconds.append((time.perf_counter() - start) / (epochs * chosen.steps(len(y))))
    network.eval()
    with torch.no_grad():
        predicted = network(_given(data, "test")).numpy()
    return {"seconds_per_step": seconds, "score": chosen.score(predicted, data["y_test"])}


def _given(data: dict[str, np.ndarray], part: str) -> torch.Tensor:
    """The features; codes are columns of them behind, which is one gather for both: 1,000 is exact in a float."""
    matrices = [data[name] for name in (f"X_{part}", f"codes_{part}") if name in data]
    return torch.from_numpy(np.hstack(matrices, dtype=np.float32))


class _Embedding(nn.Module):
    """The features, and for each of the columns behind them a row of its table."""

    def __init__(self, codes: tuple[int, ...]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(levels, EMBEDDED) for levels in codes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Cut, look up, join."""
        x, codes = x[:, : -len(self.tables)], x[:, -len(self.tables) :].long()
        return torch.cat([x, *(table(codes[:, place]) for place, table in enumerate(self.tables))], dim=1)


class _Residual(nn.Module):
    """The input, and what layers make of it, added."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add both."""
        return x + self.inner(x)


def _network(program: Program, features: int) -> nn.Sequential:
    layers: list[nn.Module] = [_Embedding(program.codes)] if program.codes else []
    features += EMBEDDED * len(program.codes)
    for place, units in enumerate(program.hidden):
        layers += _hidden(program, features, units, first=place == 0)
        features = units
    return nn.Sequential(*layers, nn.Linear(features, program.outputs))


def _hidden(program: Program, features: int, units: int, *, first: bool) -> list[nn.Module]:
    def normalisation() -> nn.Module:
        return nn.BatchNorm1d(units, eps=1e-3, momentum=0.01)  # Keras's defaults

    if program.blocks == "batch_normalization":
        return [nn.Linear(features, units), normalisation(), nn.ReLU()]
    if program.blocks == "residual":
        inner = [normalisation(), nn.Linear(units, units), nn.ReLU(), nn.Linear(units, units)]
        return [nn.Linear(features, units) if first else _Residual(*inner)]
    dropout = [nn.Dropout(program.dropout)] if program.dropout else []
    return [nn.Linear(features, units), nn.ReLU(), *dropout]


def _epochs(
    network: nn.Sequential, optimizer: torch.optim.Adam, X: torch.Tensor, y: torch.Tensor, batch_size: int, epochs: int
) -> None:
    loss = nn.CrossEntropyLoss()
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad()
            loss(network(X[rows]), y[rows]).backward()
            optimizer.step()
