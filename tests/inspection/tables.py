"""Small fitted estimators over a table of all kinds of columns."""

from functools import cache

import numpy as np
import pandas as pd

from tabgrad import Classifier, Regressor


def frame(rows=160, seed=0):
    random = np.random.default_rng(seed)
    sold = pd.to_datetime("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), unit="D")
    made = pd.DataFrame(
        {
            "size": random.normal(50, 20, rows),
            "rooms": random.integers(1, 6, rows),
            "town": random.choice(["Bern", "Basel", "Chur"], rows),
            "street": random.choice([f"street {number}" for number in range(14)], rows),  # an embedding
            "sold": sold,
            "new": random.random(rows) > 0.5,
            "country": ["CH"] * rows,  # dropped
        }
    )
    for column, share in (("size", 0.2), ("town", 0.1), ("sold", 0.1)):
        made.loc[random.random(rows) < share, column] = None
    return made


def price(table):
    size, town = table["size"].fillna(20), 30 * (table["town"] == "Bern")
    return size * 2 + town + table["rooms"] * 8 + 20 * table["new"] + table["street"].str[7:].astype(int)


def label(table):
    return np.array(["low", "mid", "high"])[np.searchsorted([120, 160], price(table))]


@cache
def regressor():
    table = frame()
    return Regressor(8, preset="fast", members=2, epochs=8, random_state=0).fit(table, price(table))


@cache
def classifier():
    table = frame()
    return Classifier(8, preset="fast", members=2, epochs=8, random_state=0).fit(table, label(table))
