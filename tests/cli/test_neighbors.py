"""What the command line says of a model that holds rows of its fit."""

import re

import numpy as np
import pandas as pd


def test_who_keeps_rows_says_so(run, tmp_path):
    corners, which = np.random.default_rng(7).normal(size=(60, 4)), np.arange(900) % 60
    answers = np.random.default_rng(8).choice(["red", "green", "blue"], 60)
    rows = (corners[which] + 0.001 * np.random.default_rng(0).normal(size=(900, 4))).round(5)
    pd.DataFrame(rows, columns=list("abcd")).assign(y=answers[which]).to_csv(tmp_path / "rows.csv", index=False)
    fit = ["fit", tmp_path / "rows.csv", "--target", "y", "--hidden", 16, "--epochs", 20, "--members", 4]
    fit += ["--out", tmp_path / "rows.tabgrad", "--overwrite"]

    said = run(*fit)
    assert "near rows  the nearest of 720 rows are asked beside the networks" in said.out + said.err
    assert re.search(r"rows it holds +720", run("inspect", tmp_path / "rows.tabgrad").out)
    assert run(*fit, "--json").data["rows_kept"] == 720
    without = run(*fit, "--n-neighbors", 0)
    assert "near rows" not in without.out + without.err
    assert "rows it holds" not in run("inspect", tmp_path / "rows.tabgrad").out
