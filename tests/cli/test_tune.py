"""``tabgrad tune``: what it tries, shows and saves, how it is ended and goes on."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import tabgrad
from tabgrad.cli.live import Searched
from tabgrad.search import Progress
from tabgrad.search.journal import Journal
from tabgrad.table.read import read
from tests.cli.conftest import flowers, houses, write

SMALL = ("--preset", "single", "--epochs", 4, "--cv", 3)
"""What makes a fit of a small table take hundredths of a second."""


def without_time(found):
    """A search's result without what depends on the clock."""
    board = [{name: value for name, value in each.items() if name != "seconds"} for each in found["leaderboard"]]
    return {**found, "seconds": 0, "leaderboard": board}


# ---- What it does ----------------------------------------------------------------------------------------------------


def test_a_table_becomes_the_best_of_several_models(run, here, shelf):
    ran = run("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 5)
    assert "flowers.csv: 240 rows, 6 columns" in ran.err
    assert "Searching on 192 rows; 48 rows to judge by" in ran.err
    assert re.search(r"search +random, 5 candidates, each on 3 folds\n", ran.err)
    assert re.search(r"score +accuracy, mean of the folds\n", ran.err)
    assert re.search(r"learning_rate +\S+ to \S+, logarithmic\n", ran.err)
    assert re.search(r"activation +relu, mish\n", ran.err)
    assert re.match(r"Leaderboard: 5 candidates in \d+\.\d s\n", ran.out)
    ranks, means = zip(
        *re.findall(r"^ +(\d) +(\d\.\d{4}) +± \d\.\d{4} +\d+\.\d\d  ", ran.out, re.MULTILINE), strict=True
    )
    assert list(map(int, ranks)) == sorted(map(int, ranks))
    assert len(means) == 5
    assert list(means) == sorted(means, reverse=True)
    assert "On 48 rows held out, seen by no network\n" in ran.out
    assert re.search(r"accuracy +\d\.\d+ +0\.3333\n", ran.out)
    assert "Saved flowers.tabgrad (" in ran.err
    assert "\x1b" not in ran.err + ran.out
    assert sorted(os.listdir(here)) == ["flowers.journal", "flowers.tabgrad"]
    again = run("evaluate", "flowers.tabgrad", shelf / "flowers.csv")  # it knows what its target is called
    assert "on flowers.csv, 240 rows" in again.out


def test_json_is_all_that_was_found_out_and_true(run, here, shelf):
    """The model is the one that its settings make, and its scores are those of the folds."""
    ran = run(
        "tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 3, "--json", "--quiet", "--seed", 3
    )
    assert ran.err == ""
    data, found = ran.data, ran.data["search"]
    assert data["targets"] == ["kind"]
    assert data["rows"] == {"training": 192, "held_out": 48}
    assert found["method"] == "random"
    assert found["ended"] == "finished"
    assert len(found["leaderboard"]) == 3
    for place in found["leaderboard"]:
        assert place["mean"] == pytest.approx(np.mean(place["folds"]))
        assert place["std"] == pytest.approx(np.std(place["folds"]))
        assert len(place["folds"]) == 3
    model = tabgrad.load("flowers.tabgrad")
    for name, value in found["best"].items():
        assert np.all(np.array(getattr(model, name)) == np.array(value))
    assert model.epochs == 4
    assert model.preset == "single"
    best = {name: tuple(value) if isinstance(value, list) else value for name, value in found["best"].items()}
    fresh = tabgrad.Classifier(preset="single", epochs=4, random_state=3, verbose=0).set_params(**best)
    table = read(shelf / "flowers.csv")
    report = data["report"]["scores"]["accuracy"]
    from tabgrad.table.split import holdout

    train, held = holdout(240, 0.2, 3, np.unique(table["kind"].objects(), return_inverse=True)[1])
    fresh.fit(table.part(train), "kind")
    judged = table.part(held)
    np.testing.assert_array_equal(fresh.predict_proba(judged), model.predict_proba(judged))
    assert (fresh.predict(judged) == judged["kind"].objects()).mean() == pytest.approx(report)


def test_numbers_and_several_targets(run, here, shelf):
    words = ("tune", shelf / "houses.csv.gz", *SMALL, "--n-iter", 2, "--json", "--quiet")
    one = run(*words, "--target", "price", "--drop", "rent", "--scoring", "neg_mean_absolute_error").data
    assert one["search"]["score"] == "neg_mean_absolute_error"
    assert all(place["mean"] < 0 for place in one["search"]["leaderboard"])
    both = run(*words, "--target", "price,rent", "--out", "both.tabgrad").data
    assert both["targets"] == ["price", "rent"] == list(both["report"]["targets"])
    assert list(run("evaluate", "both.tabgrad", shelf / "houses.csv.gz", "--json").data["targets"]) == ["price", "rent"]


def test_a_table_in_the_order_of_its_target_is_shuffled_into_folds(run, here):
    first, *rows = houses()
    write(here / "sorted.csv", [first, *sorted(rows, key=lambda row: float(row.split(",")[2]))])
    words = ("--target", "price", "--drop", "rent", "--preset", "single", "--epochs", 30, "--cv", 3, "--n-iter", 3)
    found = run("tune", "sorted.csv", *words, "--json", "--quiet").data["search"]
    assert min(found["leaderboard"][0]["folds"]) > 0.5  # beyond the prices of the training there is no way to be right


def test_a_space_of_ones_own(run, here, shelf):
    (here / "space.toml").write_text('activation = ["relu", "tanh"]\nhidden_layer_sizes = [[4], [8, 8]]\nl2 = 0.001\n')
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--space", "space.toml", "--search", "grid")
    ran = run(*words)
    assert re.search(r"search +grid, 4 candidates, each on 3 folds\n", ran.err)
    assert re.search(r"hidden_layer_sizes +4, 8x8\n", ran.err)
    assert len(re.findall(r"^ +\d +\d\.\d{4} .* (?:relu|tanh) +(?:4|8x8)$", ran.out, re.MULTILINE)) == 4
    model = tabgrad.load("flowers.tabgrad")
    assert model.l2 == 0.001
    assert model.activation in ("relu", "tanh")


def test_halving(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", "--preset", "single", "--epochs", 9, "--cv", 2)
    ran = run(*words, "--search", "halving", "--n-iter", 9)
    assert re.match(r"Leaderboard: 9 candidates in", ran.out)
    assert len(re.findall(r"^ +\d .* after 1 ", ran.out, re.MULTILINE)) == 6
    assert len(re.findall(r"^ +\d .* after 9 ", ran.out, re.MULTILINE)) == 1
    assert tabgrad.load("flowers.tabgrad").epochs == 9


def test_learning_from_scores(run, here, shelf):
    pytest.importorskip("optuna")
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--search", "tpe", "--json")
    first = run(*words, "--n-iter", 12)
    again = run(*words, "--n-iter", 14, "--resume", "--overwrite")
    assert "36 fits came out of the journal" in again.err
    tried = [[each["parameters"] for each in ran.data["search"]["leaderboard"]] for ran in (first, again)]
    assert all(each in tried[1] for each in tried[0])


def test_an_ensemble(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 5, "--ensemble")
    words += ("--scoring", "neg_log_loss")
    ran = run(*words)
    assert re.search(r"What the ensemble joins\n +weight +settings\n +[01]\.\d\d +learning_rate ", ran.out)
    data = run(*words, "--resume", "--overwrite", "--json", "--quiet").data
    joined = data["search"]["joined"]
    assert sum(each["weight"] for each in joined) == pytest.approx(1)
    model = tabgrad.load("flowers.tabgrad")
    assert model.weights_.tolist() == [each["weight"] for each in joined]
    for member, each in zip(model.members_, joined, strict=True):
        assert member.learning_rate == each["parameters"]["learning_rate"]
    judged = run("evaluate", "flowers.tabgrad", shelf / "flowers.csv", "--json").data
    assert judged["scores"]["accuracy"] > 0.5


def test_its_page_shows_the_search(run, here, shelf):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 2, "--report", "flowers.html")
    ran = run(*words)
    assert "Wrote flowers.html (" in ran.err
    page = (here / "flowers.html").read_text(encoding="utf-8")
    assert "tabgrad tune " in page
    assert "learning_rate" in page


def test_a_time_limit_ends_it(run, here, shelf):
    began = time.monotonic()
    ran = run("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--time-limit", 4)
    assert re.search(r"search +random, 4 seconds, each on 3 folds\n", ran.err)
    assert re.match(r"Leaderboard: \d+ candidates? in \d\.\d s; the time was over\n", ran.out)
    assert "with --resume --overwrite and a larger --time-limit goes on" in re.sub(r"\s+", " ", ran.err)
    assert time.monotonic() - began < 60
    count = int(re.match(r"Leaderboard: (\d+)", ran.out)[1])
    assert count >= 1
    again = run(
        *("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", count + 1),
        *("--resume", "--overwrite", "--json"),
    )
    assert len(again.data["search"]["leaderboard"]) == count + 1
    assert re.search(rf"{3 * count}|{3 * count + 1}|{3 * count + 2} fits came out of the journal", again.err)


def test_seeds_and_given_options_decide(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 2, "--json", "--quiet", "--out")
    a, b, c = (
        run(*words, f"{name}.tabgrad", "--seed", seed).data["search"]
        for name, seed in zip("abc", (1, 1, 2), strict=True)
    )
    assert without_time(a) == without_time(b)
    assert [each["parameters"] for each in a["leaderboard"]] != [each["parameters"] for each in c["leaderboard"]]
    d = run(*words, "d.tabgrad", "--dropout", 0.125).data["search"]
    assert "dropout" not in d["best"]
    assert tabgrad.load("d.tabgrad").dropout == 0.125


def test_the_lines_that_live():
    """What is known of a search at a moment: candidates, the time, the best."""
    told = Searched("accuracy", 5, None, 20)
    assert re.fullmatch(r"0 of 20 candidates, 0 fits   0 s", told.text())
    hear = threading.Thread(
        target=told, args=(Progress(12, 100, 0.9271, {"dropout": 0.05, "units": (4, 8)}, 9.0, None),)
    )
    hear.start()
    hear.join()
    told._began -= 12
    assert told.text() == (
        "2 of 20 candidates, 12 fits   12 s   about 88 s left\nbest accuracy 0.9271: dropout 0.05, units 4x8"
    )
    told(Progress(100, 100, None, None, 9.0, None))  # of the journal: in the main thread
    assert told.known == 1
    assert told.text() == "20 of 20 candidates, 100 fits   12 s   training the best on all rows"
    limited = Searched("R2", 5, 60.0, None)
    limited._began -= 20
    assert limited.text() == "0 candidates, 0 fits   20 s   at most 40 s left"
    limited._began -= 45
    assert limited.text() == "0 candidates, 0 fits   65 s   training the best on all rows"


def test_a_terminal_shows_lines_that_live_and_takes_them_away(here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 30)
    main, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "CI")}
    command = [sys.executable, "-m", "tabgrad", *map(str, words)]
    streams = {"stdin": other, "stdout": subprocess.PIPE, "stderr": other}
    with subprocess.Popen(command, cwd=here, env={**environment, "TERM": "xterm"}, **streams) as process:
        os.close(other)
        shown = b""
        with suppress(OSError):  # which is how the end of a terminal is told
            while part := os.read(main, 65536):
                shown += part
        process.stdout.read()
    os.close(main)
    text = shown.decode()
    lines = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text)) if line]
    assert process.returncode == 0, text
    counts = [
        int(found[1]) for line in lines if (found := re.match(r"  (\d+) of 30 candidates, \d+ fits?   \d+ s", line))
    ]
    assert len(counts) > 1
    assert counts == sorted(counts)
    assert any(re.match(r"  best accuracy \d\.\d+: activation (relu|mish), ", line) for line in lines)
    assert all(len(line) < 80 for line in lines)
    assert "\x1b[2K" in text  # drawn over


# ---- Ended, and gone on with -----------------------------------------------------------------------------------------


def test_a_finished_search_is_told_again_without_a_fit(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 3, "--json")
    first = run(*words, "--quiet")
    model = (here / "flowers.tabgrad").read_bytes()
    again = run(*words, "--resume", "--overwrite")
    assert "9 fits came out of the journal" in again.err
    assert again.data["search"]["leaderboard"] == first.data["search"]["leaderboard"]  # the times, too
    assert (here / "flowers.tabgrad").read_bytes() == model


def started(here, shelf, *more):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", "--preset", "single", "--epochs", 60, "--cv", 3)
    command = [sys.executable, "-m", "tabgrad", *map(str, (*words, *more))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=here)


def wait_for_fits(path, process, size=500_000):
    """Until the journal has grown: some fits are on the disk."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal") > size:
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate())


def test_killed_it_goes_on_to_the_same_result(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", "--preset", "single", "--epochs", 60, "--cv", 3)
    words += ("--n-iter", 12, "--json", "--out")
    whole = run(*words, "whole.tabgrad", "--quiet").data["search"]
    killed = started(here, shelf, "--n-iter", 12, "--out", "killed.tabgrad")
    wait_for_fits("killed.journal", killed, 150_000)
    killed.kill()
    killed.communicate()
    assert not os.path.exists("killed.tabgrad")
    ran = run(*words, "killed.tabgrad", "--resume")
    known = int(re.search(r"(\d+) fits? came out of the journal", ran.err)[1])
    assert 1 <= known < 36
    assert without_time(ran.data["search"]) == without_time(whole)
    assert (here / "killed.tabgrad").read_bytes() == (here / "whole.tabgrad").read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_shows_what_there_is_and_how_to_go_on(here, shelf, number, code):
    process = started(here, shelf, "--n-iter", 400)
    wait_for_fits("flowers.journal", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert re.match(r"Leaderboard: \d+ candidates in \d+\.\d s; interrupted\n", out)
    assert "held out, seen by" not in out
    assert "Error: Interrupted; no model was saved. The same command with --resume goes on; what is done is in" in err
    assert os.listdir(here) == ["flowers.journal"]
    assert "Traceback" not in err


def test_ctrl_c_saves_the_best_so_far_if_asked_to(here, shelf):
    process = started(here, shelf, "--n-iter", 400, "--save-interrupted")
    wait_for_fits("flowers.journal", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "On 48 rows held out, seen by no network\n" in out
    assert "Error: Interrupted; flowers.tabgrad is the best model so far. The same command with --resume" in err
    assert tabgrad.load("flowers.tabgrad").classes_.tolist() == ["iris", "lily", "rose"]


def test_ctrl_c_before_the_first_candidate(here, shelf):
    process = started(here, shelf, "--epochs", 100_000, "--no-early-stopping")
    while not os.path.exists("flowers.journal") and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert "Interrupted before a candidate was done on all of its folds; nothing was saved." in err


# ---- What is refused -------------------------------------------------------------------------------------------------


def test_a_journal_that_is_there_is_not_gone_on_with_unasked(run, here, shelf):
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--n-iter", 1, "--quiet", "--out")
    run(*words, "a.tabgrad")
    os.unlink("a.tabgrad")
    before = (here / "a.journal").read_bytes()
    ran = run(*words, "a.tabgrad", code=2)
    assert "There is the journal of an earlier search, 'a.journal'. Go on with that search with --resume" in ran.err
    assert (here / "a.journal").read_bytes() == before
    run(*words, "b.tabgrad", "--journal", "a.journal", "--resume")


def test_the_journal_of_another_table_or_space_is_refused(run, here, shelf):
    words = ("--target", "kind", *SMALL, "--n-iter", 1, "--quiet", "--journal", "j")
    run("tune", shelf / "flowers.csv", *words)
    write(here / "flowers.csv", flowers()[:-7])
    ran = run("tune", "flowers.csv", *words, "--resume", "--overwrite", code=4)
    assert "is the journal of another search. data.rows: 192 in the journal, 186 now" in ran.err
    ran = run("tune", shelf / "flowers.csv", *words, "--resume", "--overwrite", "--l2", "0.5", code=4)
    assert "l2: 0.0 in the journal, 0.5 now" in ran.err
    assert "To begin anew, delete it or give another file." in ran.err
    with Journal(here / "k", {}):
        ran = run("tune", shelf / "flowers.csv", *words[:-1], "k", "--resume", "--overwrite", code=4)
    assert "is in use by another search" in ran.err
    (here / "text").write_text("no journal")
    ran = run("tune", shelf / "flowers.csv", *words[:-1], "text", "--resume", "--overwrite", code=4)
    assert "is not the journal of a search, but a file of another kind" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--scoring", "acuracy"), 2, r"Unknown score 'acuracy'. Did you mean 'accuracy'\?"),
        (("--scoring", "r2"), 2, "--scoring r2 cannot score multiclass: "),
        (("--scoring", "roc_auc"), 2, "--scoring roc_auc cannot score multiclass: .* for instance neg_log_loss"),
        (("--search", "randm"), 2, r"Unknown search 'randm'. Did you mean 'random'\?"),
        (("--search", "grid"), 2, "--search grid tries every combination of lists, and learning_rate, .* is a range"),
        (("--n-iter", "0"), 2, r"'--n-iter' of tabgrad tune must be at least 1. Got 0."),
        (("--cv", "1"), 2, r"'--cv' of tabgrad tune must be at least 2. Got 1."),
        (("--cv", "65"), 3, r"--cv 65 needs as many rows of each class, and '\w+' has 64 to train on. Take --cv 64"),
        (("--time-limit", "0"), 2, r"'--time-limit' of tabgrad tune must be above 0"),
        (("--space", "missing.toml"), 2, "The space's file 'missing.toml' cannot be read: No such file"),
        (("--space", "empty.toml"), 2, "empty.toml holds no parameter. A line of it may be: dropout"),
        (("--space", "typo.toml"), 2, r"takes no argument 'dropot' \(did you mean 'dropout'\?\)"),
        (("--space", "good.toml", "--dropout", "0.1"), 2, "--dropout says what is in the space as well"),
        (("--space", "epochs.toml", "--search", "halving"), 2, "Leave epochs out of the space"),
        (("--out", "missing/m.tabgrad"), 2, "There is no folder 'missing'"),
        (("--journal", "missing/j"), 4, "There is no folder '.*missing' for"),
        (("--out", "/proc/m.tabgrad"), None, "(Permission denied|cannot be opened, or not be made)"),
    ],
)
def test_bad_input(run, here, shelf, words, code, said):
    for name, text in (
        *(("empty.toml", ""), ("typo.toml", "dropot = [0.0, 0.1]"), ("good.toml", "dropout = [0.0, 0.1]")),
        ("epochs.toml", "epochs = [5, 10]"),
    ):
        (here / name).write_text(text)
    ran = run("tune", shelf / "flowers.csv", "--target", "kind", "--preset", "single", *words, code=code)
    assert ran.code not in (0, 1)
    assert re.search(said, re.sub(r"\s+", " ", ran.err)), ran.err
    assert ran.out == ""
    assert not [name for name in os.listdir(here) if not name.endswith(".toml")]


def test_classes_of_few_rows_have_fewer_folds(run, here):
    lines = flowers(90)
    rare = [line.replace("rose", "lily") for line in lines[:-4]] + [f"{line[:-4]}moss" for line in lines[-4:]]
    write(here / "rare.csv", rare)
    words = ("tune", "rare.csv", "--target", "kind", "--preset", "single", "--epochs", 2, "--n-iter", 1)
    ran = run(*words)
    assert "! 3 folds instead of 5: the smallest class, 'moss', has 3 rows to train on." in ran.err
    ran = run(*words, "--cv", 4, "--out", "x.tabgrad", code=3)
    assert "'moss' has 3 to train on. Take --cv 3" in ran.err


def test_a_failing_candidate_is_a_row(run, here, shelf):
    (here / "space.toml").write_text('optimizer = ["adam", "no_such"]\n')
    words = ("tune", shelf / "flowers.csv", "--target", "kind", *SMALL, "--space", "space.toml", "--search", "grid")
    ran = run(*words)
    assert re.search(r"! 1 candidate failed in a fold. The first said: .*no_such", ran.err)
    assert re.search(r"^ +2 +- .*failed", ran.out, re.MULTILINE)
    assert "Traceback" not in ran.err
    assert ran.err.count("! ") == 1
    (here / "space.toml").write_text('optimizer = ["no_such", "nor_this"]\n')
    ran = run(*words, "--out", "x.tabgrad", code=2)
    assert re.search(r"Every fit of the search failed: Unknown optimizer '(no_such|nor_this)'", ran.err)
    assert not os.path.exists("x.tabgrad")


def test_every_setting_of_fit_is_one_of_tune():
    from dataclasses import fields

    from tabgrad.cli.settings import Fit, Tune

    assert {field.name for field in fields(Fit)} <= {field.name for field in fields(Tune)}
