"""The tables of the contest: what is predicted, how a table is read, which rows are to train on or to judge by."""

from __future__ import annotations

import ast
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder

CLASSIFICATION, REGRESSION = "classification", "regression"


@dataclass(frozen=True)
class Table:
    """What a table is asked: the column to predict, whether it holds classes or numbers, and columns to leave out."""

    name: str
    target: str
    task: str
    drop: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the table as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Table:
        """Return the table that `as_json` made plain values of."""
        return cls(**values | {"drop": tuple(values["drop"])})


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows to judge by; classes are 0, 1, ... in the order of their labels as text."""

    X: pd.DataFrame
    y: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series


PUBLIC = (
    Table("covertype_42k", "Cover_Type", CLASSIFICATION),
    Table("dry_bean", "Class", CLASSIFICATION),
    Table("wine_quality", "quality", CLASSIFICATION),
    Table("steel_plates", "Fault", CLASSIFICATION),
    Table("adult", "income", CLASSIFICATION),
    Table("churn", "churn", CLASSIFICATION),
    Table("pendigits", "class", CLASSIFICATION),
    Table("california_housing", "MedHouseVal", REGRESSION),
    Table("diamonds", "price", REGRESSION),
    Table("bike_sharing_hour", "cnt", REGRESSION, ("instant", "dteday", "casual", "registered")),
    Table("concrete", "compressive_strength", REGRESSION),
    Table("ames_housing", "price", REGRESSION),
)
MILLION = Table("a million rows", "y", CLASSIFICATION)


def suite(name: str) -> tuple[Table, ...]:
    """Return "public", the tables above, or those of a file of Python whose dictionaries ``FILE:NAME`` points to.

    Of such a file, only literals are read: ``NAME = {table: (target, task, [columns to drop])}``.
    """
    if name == "public":
        return PUBLIC
    path, _, wanted = name.partition(":")
    found = {}
    for statement in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            variable = statement.targets[0]
            if isinstance(variable, ast.Name) and wanted in ("", variable.id):
                found |= ast.literal_eval(statement.value)
    if not found:
        raise ValueError(
            f"{path} must hold {wanted or 'NAME'} = {{table: (target, task, [columns to drop])}}. It does not."
        )
    return tuple(Table(each, target, task, tuple(drop)) for each, (target, task, drop) in found.items())


def find(table: Table, folders: list[Path]) -> Path | None:
    """Return the file of a table: the first of the folders that has it."""
    names = (f"{table.name}.csv.gz", f"{table.name}.csv")
    return next((path for folder in folders for name in names if (path := folder / name).is_file()), None)


def split(table: Table, path: Path, *, seed: int, most: int) -> Split:
    """Read a table; four fifths are for training, each class giving its share, at most `most` rows of either part.

    A class of fewer than four rows leaves the split to chance. An empty field is a missing value; no word is one.
    """
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame = frame.drop(columns=[name for name in table.drop if name in frame]).dropna(subset=[table.target])
    y = frame.pop(table.target)
    shares = None
    if table.task == CLASSIFICATION:
        y = pd.Series(LabelEncoder().fit_transform(y.astype(str)), index=y.index)
        shares = y if y.value_counts().min() >= 4 else None
    else:
        y = y.astype(float)
    X, X_test, y, y_test = train_test_split(frame, y, test_size=0.2, random_state=seed, stratify=shares)
    return Split(X.iloc[:most], y.iloc[:most], X_test.iloc[:most], y_test.iloc[:most])


def words(X: pd.DataFrame) -> list[str]:
    """Name the columns that hold no numbers."""
    return [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def million(*, rows: int = 1_000_000, test: int = 20_000) -> Split:
    """Draw 16 numbers and 4 words a row; the class is the largest of three scores, bent in numbers and by words."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows + test, 16)).astype(np.float32)
    levels = random.integers(0, [3, 10, 30, 100], (rows + test, 4))
    scores = numbers @ random.normal(size=(16, 3)) + 2 * np.sin(2 * numbers[:, :3])
    for column in range(4):
        scores += random.normal(size=(100, 3))[levels[:, column]]
    X = pd.DataFrame(numbers, columns=[f"number_{place}" for place in range(16)])
    for column in range(4):
        names = np.array([f"level {code}" for code in range(100)], dtype=object)
        X[f"word_{column}"] = names[levels[:, column]]
    y = pd.Series(np.argmax(scores + random.gumbel(size=scores.shape), axis=1))
    return Split(X.iloc[:rows], y.iloc[:rows], X.iloc[rows:], y.iloc[rows:])
