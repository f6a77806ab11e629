"""The tables of the examples, split and scaled the same way every time; data/LICENSES.md says where they come from."""

from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

DATA = Path(__file__).resolve().parent / "data"


def concrete():
    """1,030 mixtures, 8 numbers each, and the strength in MPa: X_train, X_test, y_train, y_test."""
    table = pd.read_csv(DATA / "concrete.csv.gz")
    y = table.pop("compressive_strength")
    X_train, X_test, y_train, y_test = train_test_split(table, y, test_size=0.2, random_state=0)
    return *_scaled(X_train, X_test), y_train, y_test


def beans():
    """13,611 beans, 16 numbers each, and one of 7 varieties as one-hot columns: X_train, X_test, y_train, y_test."""
    table = pd.read_csv(DATA / "dry_bean.csv.gz")
    y = pd.get_dummies(table.pop("Class")).astype("float32")
    X_train, X_test, y_train, y_test = train_test_split(table, y, test_size=0.2, random_state=0, stratify=y)
    return *_scaled(X_train, X_test), y_train, y_test


def _scaled(train, test):
    """Both parts with mean 0 and deviation 1 in every column, as measured on the training part."""
    scaler = StandardScaler().set_output(transform="pandas").fit(train)
    return scaler.transform(train), scaler.transform(test)
