"""``tabgrad fit``: what it shows, what it saves, how it is stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tabgrad
from tabgrad import store
from tests.cli.conftest import flowers, write

FAST = ("--epochs", "8")


# ---- What it does ----------------------------------------------------------------------------------------------------


def test_a_table_becomes_a_judged_model(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", "--epochs", 40)
    assert "flowers.csv: 240 rows, 6 columns" in ran.err
    assert re.search(r"target +kind: multiclass \(text with 3 different values\)", ran.err)
    assert re.search(r"numeric +2 +length, width\n", ran.err)
    assert re.search(r"categorical +1 +colour\n", ran.err)
    assert re.search(r"not used +2 +id: identifier, ", ran.err)
    assert re.search(r"garden: constant, always 'north'\n", ran.err)
    assert re.search(r"missing +\d+ values in 1 column \(colour \d+\)", ran.err)
    assert "Training on 192 rows; 48 rows to judge by" in ran.err
    assert re.search(r"networks +8 \(preset best\); the model predicts the mean of what they predict\n", ran.err)
    assert re.search(r"rows +each network trains on 168; on the other 24, different ones for each, it is", ran.err)
    assert re.search(r"epochs +\d+ to \d+ passes over its rows, in \d+\.\d s\n", ran.err)
    assert "Saved flowers.tabgrad (" in ran.err
    for command in ("predict flowers.tabgrad new.csv --out predicted.csv", "evaluate flowers.tabgrad labelled.csv"):
        assert f"  tabgrad {command}\n" in ran.err
    assert "On 48 rows held out, seen by no network\n" in ran.out
    assert re.search(r"iris +[01]\.\d{3} +[01]\.\d{3} +[01]\.\d{3} +16\n", ran.out)
    assert re.search(r"accuracy +\d\.\d+ +0\.3333\n", ran.out)
    assert re.search(r"log-loss +\d\.\d+ +1\.0986\n", ran.out)
    assert re.search(r"true / predicted +iris +lily +rose\n", ran.out)
    assert "\x1b" not in ran.err + ran.out
    model = tabgrad.load("flowers.tabgrad")
    assert model.classes_.tolist() == ["iris", "lily", "rose"]


def test_numbers_stand_beside_their_mean(run, here, shelf):
    ran = run("fit", shelf / "houses.csv.gz", "--target", "price", "--drop", "rent", "--out", "h.tabgrad")
    assert re.search(r"target +price: regression", ran.err)
    assert re.search(r"left out +1 +rent", ran.err)
    assert re.search(r"the model +always the mean", ran.out)
    (r2,) = re.findall(r"R2 +(\S+)", ran.out)
    assert float(r2) > 0.9


def test_the_report_is_that_of_the_rows_held_out(run, here, shelf):
    """Judged again with the library on rows that were never trained on, the figures are the same."""
    write(here / "train.csv", flowers(200))
    write(here / "test.csv", flowers(50, seed=5))
    words = ("fit", "train.csv", "--target", "kind", *FAST, "--json", "--quiet")
    report = run(*words, "--test", "test.csv").data["report"]
    model = tabgrad.load("train.tabgrad")
    from tabgrad.table.read import read

    table = read("test.csv")
    right = (model.predict(table) == table["kind"].objects()).mean()
    assert report["scores"]["accuracy"] == pytest.approx(right)
    assert report["rows"] == 50
    run("fit", "train.csv", "--target", "kind", *FAST, "--test-size", 0, "--out", "same.tabgrad", "--quiet")
    assert store.read("same.tabgrad").arrays.keys() == store.read("train.tabgrad").arrays.keys()
    for name, array in store.read("same.tabgrad").arrays.items():
        np.testing.assert_array_equal(array, store.read("train.tabgrad").arrays[name])


def test_several_targets(run, here, shelf):
    words = ("fit", shelf / "houses.csv.gz", "--json", "--quiet", *FAST)
    data = run(*words, "--target", "price", "--target", "rent").data
    assert data["task"] == "multioutput"
    assert list(data["report"]["targets"]) == ["price", "rent"] == data["targets"]
    again = run(*words, "--target", "price,rent", "--overwrite").data
    assert again["report"] == data["report"]


def test_json_is_all_that_was_found_out(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--json", "--quiet")
    data = ran.data
    assert ran.err == ""
    assert data["model"] == "flowers.tabgrad"
    assert data["rows"] == {"training": 192, "held_out": 48}
    assert [column["kind"] for column in data["columns"]] == [
        "identifier",
        "numeric",
        "numeric",
        "categorical",
        "constant",
    ]
    assert len(data["history"]["loss"]) == data["epochs"] == 8
    assert sum(map(sum, data["report"]["confusion_matrix"]["true_by_predicted"])) == 48
    assert data["report"]["baseline"]["accuracy"] == pytest.approx(1 / 3)


def test_one_network_is_told_of_as_one(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", "--epochs", 1, "--preset", "single", "--early-stopping")
    assert "networks  1 (preset single)\n" in ran.err
    assert "rows      it trains on 173; on the other 19, it is judged after every pass\n" in ran.err
    assert re.search(r"epochs    1 pass over its rows, in \d", ran.err)
    assert re.search(r"loss +\S+ on rows that it did not train on, after its best pass \(less is better\)\n", ran.err)
    words = ("--epochs", 1, "--preset", "single", "--overwrite", "--no-early-stopping")
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *words)
    assert "rows      it trains on 192\n" in ran.err
    assert re.search(r"loss +\S+ on the rows that it trains on, after its best pass \(less is better\)\n", ran.err)


def test_quiet_says_nothing_but_the_report(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--quiet")
    assert ran.err == ""
    assert ran.out.startswith("On 48 rows held out, seen by no network\n")


def test_one_seed_one_model(run, here, shelf):
    words = ("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--quiet", "--out")
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(*words, f"{name}.tabgrad", "--seed", seed)
    for name, seed in (("d", 3), ("e", 4)):
        run(*words, f"{name}.tabgrad", "--seed", seed, "--test-size", 0)  # the same rows
    a, b, c, d, e = ((here / f"{name}.tabgrad").read_bytes() for name in "abcde")
    assert a == b != c
    assert d != e


def test_settings_reach_the_estimator(run, here, shelf):
    (here / "fit.toml").write_text(
        'hidden = [5]\nepochs = 99\ntarget = "kind"\n[kind]\ncolour = ["red", "white", "blue"]\n'
    )
    words = ("--config", "fit.toml", "--epochs", 2, "--dropout", "0.25", "--learning-rate", "0.01", "--batch-size", 16)
    words += (
        "--l2",
        "0.001",
        "--activation",
        "tanh",
        "--optimizer",
        "sgd",
        "--no-early-stopping",
        "--numeric",
        "standard",
    )
    words += ("--label-smoothing", "0.1", "--class-weight", "balanced", "--threads", 1, "--schedule", "constant")
    data = run("fit", shelf / "flowers.csv", *words, "--json", "--quiet").data
    assert data["epochs"] == 2
    kinds = {column["name"]: column["kind"] for column in data["columns"]}
    assert kinds["colour"] == "ordinal"
    model = tabgrad.load("flowers.tabgrad")
    given = {name: value for name, value in model.get_params().items() if value is not None}
    assert given["hidden_layer_sizes"] in ((5,), [5])
    expected = {"dropout": 0.25, "learning_rate": 0.01, "batch_size": 16, "l2": 0.001, "activation": "tanh"}
    expected |= {"optimizer": "sgd", "early_stopping": False, "numeric": "standard", "label_smoothing": 0.1}
    expected |= {"class_weight": "balanced", "n_jobs": 1, "schedule": "constant", "random_state": 0}
    assert {name: given.get(name) for name in expected} == expected


def test_every_setting_is_an_argument_and_every_default_that_help_shows_is_true(run):
    from tabgrad.cli.asked import ARGUMENTS, RENAMED
    from tabgrad.cli.settings import option
    from tabgrad.estimators import Classifier

    own = {name: RENAMED.get(name, name) for name in (*ARGUMENTS, *RENAMED)}
    defaults = Classifier().get_params()
    text = re.sub(r"\s+", " ", run("fit", "--help").out)
    for name, argument in own.items():
        *_, shown = ["", *re.findall(rf" {option(name)}[ /][^\[]*\[([^\]]*)\]", text)]
        if re.fullmatch(r"[\d.,]+", shown):
            found = tuple(map(float, shown.split(",")))
            assert found == tuple(np.atleast_1d(np.array(defaults[argument], float))), name
        elif defaults[argument] in ("relu", "adam", "cosine", "robust"):
            assert shown == defaults[argument]
    mine = {"calibrate", "model", "metrics", "callbacks", "shuffle", "kinds", "random_state", "verbose", "warm_start"}
    assert set(defaults) - set(own.values()) == mine


def test_weights_of_rows_count(run, here):
    lines = flowers(120)
    doubled = [lines[0], *lines[1:], *(line for line in lines[1:] if line.endswith("rose"))]
    weighted = [f"{lines[0]},w", *(f"{line},{2 if line.endswith('rose') else 1}" for line in lines[1:])]
    write(here / "doubled.csv", doubled)
    write(here / "weighted.csv", weighted)
    words = (
        "--target",
        "kind",
        "--epochs",
        1,
        "--quiet",
        "--json",
        "--out",
        "m.tabgrad",
        "--overwrite",
        "--drop",
        "id",
    )
    one = run("fit", "doubled.csv", *words, "--test", "doubled.csv").data["report"]
    other = run("fit", "weighted.csv", *words, "--test", "weighted.csv", "--weights", "w").data["report"]
    supports = [[row["support"] for row in report["classes"].values()] for report in (one, other)]
    assert supports[0] == supports[1] == [40, 40, 80]
    bare = run("fit", "weighted.csv", *words, "--drop", "w").data["history"]
    assert run("fit", "weighted.csv", *words, "--weights", "w").data["history"] != bare
    assert "w" not in [c["name"] for c in run("fit", "weighted.csv", *words, "--weights", "w").data["columns"]]


def test_standard_input(run, here, shelf, monkeypatch):
    with open(shelf / "flowers.csv", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert "Saved model.tabgrad" in run("fit", "-", "--target", "kind", *FAST).err


def test_rows_without_a_target_are_left_out_on_request(run, here):
    lines = [line.rsplit(",", 1)[0] + "," if place in (3, 9) else line for place, line in enumerate(flowers(60))]
    write(here / "t.csv", lines)
    ran = run("fit", "t.csv", "--target", "kind", code=3)
    assert "Error: The target 'kind' of t.csv is missing in 2 rows (4, 10). Fill it in, or leave these" in ran.err
    assert not os.path.exists("t.tabgrad")
    ran = run("fit", "t.csv", "--target", "kind", *FAST, "--drop-unlabelled", "--json")
    assert "! Left out for want of 'kind': 2 rows (4, 10)." in ran.err
    assert sum(ran.data["rows"].values()) == 58


def test_repeated_rows_are_told(run, here):
    write(here / "t.csv", [*flowers(60), *flowers(60)[1:]])
    ran = run("fit", "t.csv", "--target", "kind", *FAST, "--drop", "id")
    assert run("fit", "t.csv", "--target", "kind", *FAST, "--drop", "id", "--quiet", "--out", "q.tabgrad").err == ""
    assert re.search(r"! \d+ of the 24 rows held out stand among the training rows as well", ran.err)


# ---- What it refuses -------------------------------------------------------------------------------------------------

WRONG = {
    "no target": ([], 2, "Which column is to be predicted? Say it with --target COLUMN."),
    "an unknown target": (["--target", "knd"], 3, "flowers.csv has no column 'knd' (did you mean 'kind'?)"),
    "an unknown column to drop": (["--target", "kind", "--drop", "widht"], 3, "'widht' (did you mean 'width'?)"),
    "the target dropped": (["--target", "kind", "--drop", "kind"], 2, "'kind' cannot be the target and left out"),
    "nothing left": (
        ["--target", "kind", "--drop", "id,length,width,colour,garden"],
        3,
        "flowers.csv has no column to learn from beside the target.",
    ),
    "a test share": (["--target", "kind", "--test-size", "1"], 2, "'--test-size' must be in [0, 1). Got 1."),
    "text as a regression": (["--target", "kind", "--task", "regression"], 3, "must hold numbers for a regression"),
    "an unknown task": (["--target", "kind", "--task", "clasification"], 2, "Did you mean 'classification'?"),
    "an unknown kind": (["--target", "kind", "--kind", "id=numberic"], 2, "Did you mean 'numeric'?"),
    "a kind of no column": (["--target", "kind", "--kind", "idd=numeric"], 3, "'idd' (did you mean 'id'?)"),
    "sizes": (["--target", "kind", "--hidden", "64;64"], 2, "must be the widths of the layers, for instance 64,64"),
    "a negative rate": (["--target", "kind", "--learning-rate", "-1"], 2, "--learning-rate must be"),
    "an unknown optimizer": (["--target", "kind", "--optimizer", "adm"], 2, "Did you mean 'adam'?"),
    "an unknown activation": (["--target", "kind", "--activation", "rellu"], 2, "Did you mean 'relu'?"),
    "weights of text": (["--target", "kind", "--weights", "colour"], 3, "The weights 'colour' of flowers.csv must be"),
    "negative weights": (["--target", "kind", "--weights", "width"], 3, "They are negative in"),
    "classes of a regression": (
        ["--target", "length", "--class-weight", "balanced"],
        2,
        "--class-weight is for classes",
    ),
    "an unknown option": (["--target", "kind", "--epoch", "3"], 2, "--epochs"),
    "no number": (["--target", "kind", "--epochs", "x"], 2, "'--epochs'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_said_in_a_line(run, here, shelf, name):
    words, code, text = WRONG[name]
    ran = run("fit", shelf / "flowers.csv", *words, code=code)
    assert text in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert os.listdir() == []


def test_debug_shows_the_traceback(run, here, shelf):
    ran = run("fit", shelf / "flowers.csv", "--target", "knd", "--debug", code=3)
    assert "Traceback (most recent call last)" in ran.err
    assert "DataError: flowers.csv has no column 'knd'" in ran.err


def test_a_fault_of_tabgrad_is_one_line_too(run, here, shelf, monkeypatch):
    def broken(*_):
        raise KeyError("lost")

    monkeypatch.setattr("tabgrad.cli.rows.infer_task", broken)
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", code=1)
    assert "Error: KeyError: 'lost'. This is a fault of tabgrad; --debug shows where." in ran.err
    assert "Traceback" not in ran.err


def test_a_model_is_replaced_on_request_alone(run, here, shelf):
    words = ("fit", shelf / "flowers.csv", "--target", "kind", *FAST, "--quiet")
    run(*words)
    before = (here / "flowers.tabgrad").read_bytes()
    ran = run(*words, "--seed", 1, code=2)
    assert (
        ran.err == "Error: 'flowers.tabgrad' is there already. Replace it with --overwrite, or choose another --out.\n"
    )
    assert (here / "flowers.tabgrad").read_bytes() == before
    run(*words, "--seed", 1, "--overwrite")
    assert (here / "flowers.tabgrad").read_bytes() != before


def test_an_input_is_never_written_over(run, here):
    write(here / "odd.tabgrad", flowers(60))
    (here / "link.tabgrad").symlink_to("odd.tabgrad")
    for out in ("odd.tabgrad", "./odd.tabgrad", "link.tabgrad"):
        ran = run("fit", "odd.tabgrad", "--format", "csv", "--target", "kind", "--out", out, "--overwrite", code=2)
        assert "is read by this command and is not overwritten" in ran.err


def test_a_full_disk_leaves_what_was_there(run, here, shelf):
    """A limit on the size of files stands for the full disk."""
    resource = pytest.importorskip("resource")
    before = (shelf / "flowers.tabgrad").read_bytes()
    (here / "flowers.tabgrad").write_bytes(before)
    words = ("fit", shelf / "flowers.csv", "--target", "kind", "--epochs", 2, "--overwrite", "--quiet")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        ran = run(*words, code=5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "Error: File too large: 'flowers.tabgrad'." in ran.err
    assert (here / "flowers.tabgrad").read_bytes() == before
    assert os.listdir() == ["flowers.tabgrad"]


# ---- How it is stopped -----------------------------------------------------------------------------------------------


def started(*words):
    """A long training in a process of its own, once it trains."""
    command = [sys.executable, "-m", "tabgrad", "fit", *map(str, words)]
    long = ["--target", "kind", "--epochs", "1000000", "--no-early-stopping", "--batch-size", "8"]
    process = subprocess.Popen([*command, *long], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("Training on"):
            break
    time.sleep(1.0)  # the line is said just before the training
    return process


def test_ctrl_c_saves_nothing(here, shelf):
    process = started(shelf / "flowers.csv")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.search(r"Error: Interrupted in epoch \d+; nothing was saved\. With --save-interrupted, Ctrl-C keeps", err)
    assert "Traceback" not in err
    assert out == ""
    assert os.listdir() == []


def test_ctrl_c_saves_the_best_on_request(here, shelf):
    process = started(shelf / "flowers.csv", "--save-interrupted")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.search(r"Error: Interrupted in epoch \d+; flowers\.tabgrad is the best model so far\.", err)
    assert "On 48 rows held out" in out
    assert tabgrad.load("flowers.tabgrad").n_iter_ > 1


def test_sigterm_ends_it(here, shelf):
    process = started(shelf / "flowers.csv")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "nothing was saved" in err
    assert "Traceback" not in err


def test_kill_leaves_the_model_from_before(here, shelf):
    before = (shelf / "flowers.tabgrad").read_bytes()
    (here / "flowers.tabgrad").write_bytes(before)
    process = started(shelf / "flowers.csv", "--overwrite")
    process.kill()
    process.communicate()
    assert (here / "flowers.tabgrad").read_bytes() == before


SAVED_AND_KILLED = """
import os, random, signal, sys, time, tabgrad
model, before = tabgrad.load(sys.argv[1]), open(sys.argv[1], "rb").read()
model.save("m.tabgrad")  # on a busy machine the first child may be killed before it wrote anything
for _ in range(20):
    child = os.fork()
    while not child:
        model.save("m.tabgrad")
    time.sleep(random.Random(_).uniform(0.02, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if open("m.tabgrad", "rb").read() != before:
        sys.exit("half a file")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_during_saving_leaves_a_whole_model(here, shelf):
    subprocess.run([sys.executable, "-c", SAVED_AND_KILLED, shelf / "flowers.tabgrad"], check=True)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--epochs", -3], "--epochs must be .* Got -3"),
        (["--dropout", 2], r"--dropout must be .* a float in the range \[0.0, 1.0\). Got 2.0"),
        (["--batch-size", -7], "--batch-size must be .* Got -7"),
    ],
)
def test_settings_that_are_none_are_told_before_anything_is_trained(run, here, shelf, words, message):
    ran = run("fit", shelf / "flowers.csv", "--target", "kind", *words, code=2)
    assert re.search(message, ran.err)
    assert "Training on" not in ran.err
    assert ran.out == ""
