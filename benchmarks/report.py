"""How long a report takes after a fit, and how large its page is.

``python benchmarks/report.py adult.csv.gz income`` fits the fast preset to four fifths of a table, judges it by the
others and prints a row: seconds of `Report.of`, of the whole page, and its kilobytes. The bar, for adult's 48,842 rows:
10 s, 2 MB.
"""

from __future__ import annotations

import argparse
import time
import warnings

import pandas as pd
from sklearn.model_selection import train_test_split

from tabgrad import Classifier, Regressor
from tabgrad.report import Report
from tabgrad.table import Table, infer_task

MOST_SECONDS, MOST_BYTES = 10.0, 2_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", help="a CSV file")
    parser.add_argument("target", help="the column to predict")
    options = parser.parse_args()
    frame = pd.read_csv(options.table)
    train, test = train_test_split(frame, test_size=0.2, random_state=0)
    task, _ = infer_task(Table.of(frame[[options.target]]), None, options.target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = (Classifier if task.classes else Regressor)(preset="fast", random_state=0).fit(train, options.target)
        began = time.perf_counter()
        report = Report.of(model, test, options.target, train=(train, options.target))
        judged = time.perf_counter() - began
        size = len(report.html().encode())
        seconds = time.perf_counter() - began
    verdict = "holds" if seconds < MOST_SECONDS and size < MOST_BYTES else "MISSED"
    print("| rows | judged, s | page, s | kB | bar |\n|---|---|---|---|---|")
    print(f"| {len(frame):,} | {judged:.1f} | {seconds:.1f} | {size / 1000:,.0f} | {verdict} |")


if __name__ == "__main__":
    main()
