"""The parts of the command line that need no model: settings, screen, places, exit codes, reports, help."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics

from tabgrad.cli import exits, screen
from tabgrad.cli.exits import Exit, UsageError, exit_code, told
from tabgrad.cli.judging import class_report, value_report
from tabgrad.cli.live import Training
from tabgrad.cli.places import model_place, refuse_place
from tabgrad.cli.settings import Doctor, Fit, settings
from tabgrad.errors import (
    ArgumentError,
    ArgumentTypeError,
    DataError,
    DivergenceError,
    EngineError,
    ModelFileError,
    NotReadyError,
    UnknownNameError,
)
from tabgrad.table import Table
from tabgrad.table.overlap import repeated

ROOT = Path(__file__).resolve().parents[2]


# ---- Starting --------------------------------------------------------------------------------------------------------


def test_help_loads_nothing_heavy():
    program = "import sys, tabgrad.cli\ntry: tabgrad.cli.main(['fit', '--help'])\nexcept SystemExit: pass\n"
    program += "print(sorted({'numpy', 'polars', 'rich', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_the_pages_say_what_the_program_says():
    spec = importlib.util.spec_from_file_location("command_line", ROOT / "docs" / "command_line.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for path, page in module.pages().items():
        lags = f"{path.name} lags behind the code: make readme"
        assert module.alike(path.read_text(encoding="utf-8")) == module.alike(page), lags


# ---- Settings --------------------------------------------------------------------------------------------------------


def toml(tmp_path, text):
    path = tmp_path / "fit.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_flags_win_over_the_file(tmp_path):
    path = toml(
        tmp_path,
        'target = "y"\nepochs = 5\nhidden = [8, 4]\ndrop = ["a", "b"]\ntest-size = 0.5\nl2 = 1\nearly_stopping = true\n'
        '[kind]\nzip = "categorical"\nsize = ["s", "m", "l"]\n',
    )
    given = {"table": "t.csv", "config": path, "epochs": 7, "drop": ["c"], "seed": 0, "early_stopping": False}
    read = settings(Fit, {**given, "quiet": False, "kind": [], "target": None})
    assert read == Fit(
        table="t.csv",
        target=("y",),
        epochs=7,
        hidden=(8, 4),
        drop=("c",),
        test_size=0.5,
        seed=0,
        l2=1.0,
        early_stopping=False,
        kind={"zip": "categorical", "size": ["s", "m", "l"]},
    )


def test_zero_is_a_value_that_was_given():
    read = settings(Fit, {"table": "t", "seed": 0, "test_size": 0.0, "dropout": 0.0})
    assert (read.seed, read.test_size, read.dropout) == (0, 0.0, 0.0)


def test_kinds_and_sizes_of_flags():
    read = settings(
        Fit, {"table": "t", "hidden": "64,32", "kind": ["zip=categorical", "a=b=numeric", "cut=low<mid<high"]}
    )
    assert read.hidden == (64, 32)
    assert read.kind == {"zip": "categorical", "a=b": "numeric", "cut": ["low", "mid", "high"]}


WRONG_FILES = {
    "an unknown name": ("epoch = 3", UnknownNameError, "Unknown setting in fit.toml: 'epoch'. Did you mean 'epochs'?"),
    "another type": ('epochs = "many"', ArgumentTypeError, "'--epochs' of fit.toml must be an integer. Got 'many'"),
    "a truth value": ("epochs = true", ArgumentTypeError, "'--epochs' of fit.toml must be an integer. Got True"),
    "a number for a name": (
        "target = 3",
        ArgumentTypeError,
        "'--target' of fit.toml must be a name or a list of names",
    ),
    "sizes": ("hidden = [64, 0]", ArgumentTypeError, "'--hidden' of fit.toml must be the widths of the layers, for"),
    "kinds": ("kind = {a = 3}", ArgumentTypeError, "[kind] of fit.toml must give a kind or a list of levels for each"),
    "no TOML": ("epochs = = 3", UsageError, "is no TOML: "),
    "json": ("json = true", UnknownNameError, "Unknown setting in fit.toml: 'json'."),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_what_a_file_must_not_say(tmp_path, name):
    text, kind, words = WRONG_FILES[name]
    with pytest.raises(kind) as caught:
        settings(Fit, {"table": "t.csv", "config": toml(tmp_path, text)})
    assert words in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: No such file or directory"):
        settings(Fit, {"table": "t.csv", "config": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("flag", ["zip", "=numeric", "zip="])
def test_a_kind_without_its_column(flag):
    with pytest.raises(ArgumentTypeError, match="must be COLUMN=KIND"):
        settings(Fit, {"table": "t", "kind": [flag]})


def test_commands_without_a_file_take_their_flags():
    assert settings(Doctor, {"json": True, "quiet": False, "debug": True}) == Doctor(json=True)


# ---- Exit codes ------------------------------------------------------------------------------------------------------

CODES = {
    KeyError("x"): Exit.INTERNAL,
    NotReadyError("x"): Exit.INTERNAL,
    UsageError("x"): Exit.USAGE,
    ArgumentError("x"): Exit.USAGE,
    DataError("x"): Exit.DATA,
    ModelFileError("is", "x", "y"): Exit.MODEL,
    DivergenceError("x"): Exit.USAGE,
    EngineError("x"): Exit.LIMIT,
    ImportError("x"): Exit.LIMIT,
    ModuleNotFoundError("x"): Exit.INTERNAL,
    MemoryError(): Exit.LIMIT,
    OSError(28, "No space left on device", "x"): Exit.LIMIT,
    BrokenPipeError(32, "x"): Exit.PIPE,
    KeyboardInterrupt(): Exit.INTERRUPTED,
    exits.Terminated(): Exit.TERMINATED,
}


@pytest.mark.parametrize("error", CODES, ids=lambda error: type(error).__name__)
def test_exit_codes(error):
    assert exit_code(error) is CODES[error]


def test_every_exit_code_has_a_meaning():
    assert set(exits.MEANINGS) == set(Exit)


def test_errors_of_the_system_say_what_to_do():
    full = OSError(28, "No space left on device", "m.tabgrad")
    assert told(full) == "No space left on device: 'm.tabgrad'. Make room, or choose another disk with --out."
    assert "memory does not suffice" in told(MemoryError())


# ---- Places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "model"),
    [("a/b.parquet", "b.tabgrad"), ("b.v2.csv.zst", "b.v2.tabgrad"), ("sqlite:///x.db", "model.tabgrad")],
)
def test_the_model_is_called_as_the_table(table, model):
    assert model_place(None, table) == model


def test_a_model_file_has_its_ending():
    with pytest.raises(
        UsageError, match=r"must end in \.tabgrad\. Got --out 'm\.bin'\. Did you mean 'm\.bin\.tabgrad'\?"
    ):
        model_place("m.bin", "t.csv")


def test_what_is_not_written_over(tmp_path):
    there, link = tmp_path / "there.tabgrad", tmp_path / "link"
    there.write_text("x", encoding="utf-8")
    link.symlink_to(there)
    refuse_place(str(there), ["-"], overwrite=True)
    for wrong, inputs, overwrite, words in (
        (there, [], False, "is there already. Replace it with --overwrite"),
        (there, [str(there)], True, "is read by this command and is not overwritten"),
        (link, [str(there)], True, "is read by this command"),
        (tmp_path / "no" / "m.tabgrad", [], False, "There is no folder"),
        (tmp_path, [], True, "is a folder"),
    ):
        with pytest.raises(UsageError, match=words):
            refuse_place(str(wrong), inputs, overwrite=overwrite)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        refuse_place(str(tmp_path / "m.tabgrad"), [], overwrite=False)


# ---- Screen ----------------------------------------------------------------------------------------------------------

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\u202eevil\r\n[bold]markup[/bold] :smile:\x9b2J\u2028"


def test_nothing_in_a_name_reaches_the_terminal(monkeypatch):
    stream = io.StringIO()
    shown = screen.Screen()
    for name in ("_out", "_err"):
        console = Console(file=stream, force_terminal=True, width=200, markup=False, emoji=False, highlight=False)
        monkeypatch.setattr(shown, name, console)
    shown.result(screen.grid([(HOSTILE, 1)], (HOSTILE[:3], "rows")))
    shown.result(HOSTILE)
    shown.error(HOSTILE)
    shown.note(HOSTILE)
    shown.heading(HOSTILE)
    with shown.line() as line:
        line.draw(HOSTILE)
    text = stream.getvalue()
    assert "\\x1b]0;owned\\x07" in text
    assert "[bold]markup[/bold] :smile:" in text
    for control in ("\x1b]", "\x1b[31mred", "\u202e", "\x07", "\x9b", "\u2028"):
        assert control not in text


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "lives", "coloured"),
    [({"TERM": "xterm-256color"}, True, True), ({"TERM": "dumb"}, False, False), ({"NO_COLOR": "1"}, True, False)],
)
def test_what_a_terminal_gets(monkeypatch, environment, lives, coloured):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    shown = screen.Screen()
    assert shown.live is lives
    shown.error("wrong")
    with shown.line() as line:
        assert line.due() is lives
        if lives:
            line.draw("epoch 1")
            assert not line.due()
    assert ("\x1b[1;31m" in stream.getvalue()) is coloured
    assert ("\x1b" in stream.getvalue()) is lives
    assert ("epoch 1" in stream.getvalue()) is lives


class Line:
    def __init__(self):
        self.drawn = []

    def due(self):
        return True

    def draw(self, text):
        self.drawn.append(text)


def test_members_are_told_of_together():
    """Two of three that have begun: epochs are added up, and the least losses so far have a mean."""
    line = Line()
    training = Training(line)
    training.begin([10, 12, 90], 81, 200)
    for member, epoch, loss in [(0, 0, 0.5), (1, 0, 0.3), (1, 1, 0.4)]:
        assert not training.epoch_end(member, epoch, {"loss": 0.1, "val_loss": loss})
    assert line.drawn[0].startswith("epoch 1 of at most 600 in 3 networks   val_loss 0.5000 at its least   ")
    assert line.drawn[-1].startswith("epoch 3 of at most 600 in 3 networks   val_loss 0.4000 at its least   ")
    assert training.epochs == 2
    told = dict(training.told("fast"))
    assert told["networks"] == "2 (preset fast); the model predicts the mean of what they predict"
    assert told["rows"].startswith("each network trains on about 70; on the other 11, different ones for each, ")
    assert told["epochs"].startswith("1 to 2 passes over its rows, in ")
    assert told["loss"].startswith("0.4000 on rows that it did not train on, ")
    assert told["loss"].endswith(" (less is better, mean of the networks)")


def test_rows_that_no_pass_is_scored_on_are_not_said_to_be():
    training = Training(Line())
    training.begin([10, 10], 80, 5)
    training.epoch_end(0, 0, {"loss": 0.1})
    told = dict(training.told("best"))
    assert told["rows"] == "it trains on 70; on the other 10, it is judged at the end"
    assert told["loss"].startswith("0.1000 on the rows that it trains on, ")


def test_a_pipe_gets_plain_lines(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(screen, "SECONDS_BETWEEN_LINES", 0.0)
    shown = screen.Screen()
    with shown.line() as line:
        for epoch in (1, 2):
            assert line.due()
            line.draw(f"epoch {epoch}")
    assert stream.getvalue() == "  epoch 1\n  epoch 2\n"
    assert not screen.Screen(quiet=True).line().due()


def test_long_names_are_cut():
    assert screen.printable("x" * 1000) == "x" * 37 + "..."
    assert len(screen.printable("\x1b" * 1000)) == 40


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (-3.14159, "-3.142"),
        (12345.6, "12346"),
        (1e-5, "1e-05"),
        (0.0, "0"),
        (1.0, "1"),
        (np.inf, "inf"),
    ],
)
def test_figures(value, text):
    assert screen.figure(value) == text


def test_the_last_column_goes_on_below_itself():
    lines = [line.plain for line in screen.grid([("a", "one two three four five six seven eight")]).lines(30, 2)]
    assert lines == ["  a  one two three four five", "     six seven eight"]


# ---- Reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_scores_of_classes_are_scikit_learns(classes, weighted):
    random = np.random.default_rng(0)
    count = len(classes)
    truth = np.array(classes, object)[random.integers(0, count, 200)]
    probabilities = random.dirichlet(np.ones(count), 200)
    weights = random.uniform(0.5, 2, 200) if weighted else None
    report = class_report(classes, truth, probabilities, truth, weights)
    taken = np.array(classes, object)[probabilities.argmax(axis=1)]
    options = {"sample_weight": weights}
    assert report.scores["accuracy"] == pytest.approx(metrics.accuracy_score(truth, taken, **options))
    expected = metrics.balanced_accuracy_score(truth, taken, **options)
    assert report.scores["balanced accuracy"] == pytest.approx(expected)
    assert report.scores["log-loss"] == pytest.approx(metrics.log_loss(truth, probabilities, labels=classes, **options))
    if count == 2:
        area = metrics.roc_auc_score(truth == "yes", probabilities[:, 1], **options)
        assert report.scores["area under ROC"] == pytest.approx(area)
        assert report.baseline["area under ROC"] == pytest.approx(0.5)
    full = metrics.classification_report(truth, taken, output_dict=True, **options)
    for label, row in zip(classes, report.each, strict=True):
        assert row == pytest.approx([full[label][name] for name in ("precision", "recall", "f1-score", "support")])
    np.testing.assert_allclose(report.confusion, metrics.confusion_matrix(truth, taken, labels=classes, **options))
    shares = np.bincount([classes.index(label) for label in truth]) / 200
    dummy = metrics.log_loss(truth, np.tile(shares, (200, 1)), labels=classes, **options)
    assert report.baseline["log-loss"] == pytest.approx(dummy)
    assert report.constant == classes[int(shares.argmax())]


def test_classes_that_the_model_does_not_know_count_as_wrong():
    truth = np.array(["a", "b", "new", "new"], object)
    report = class_report(["a", "b"], truth, np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]), truth[:2])
    assert report.scores["accuracy"] == 0.5
    assert report.unknown == {"new": 2}
    assert report.scores["log-loss"] == pytest.approx(-np.log([0.9, 0.8]).mean())
    assert report.each[:, 0].tolist() == [0.5, 0.5]  # each class was predicted for one of the new rows
    assert report.data()["unknown_classes"] == {"new": 2}


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_numbers_are_scikit_learns(weighted):
    random = np.random.default_rng(0)
    truth, predicted = random.normal(size=(50, 2)), random.normal(size=(50, 2))
    weights = random.uniform(0.5, 2, 50) if weighted else None
    report = value_report(["a", "b"], truth, predicted, [0.1, 0.2], weights)
    for place, (name, mean) in enumerate({"a": 0.1, "b": 0.2}.items()):
        for scores, values in ((report.scores[name], predicted[:, place]), (report.baseline[name], np.full(50, mean))):
            true = truth[:, place]
            expected = metrics.root_mean_squared_error(true, values, sample_weight=weights)
            assert scores["root mean squared error"] == pytest.approx(expected)
            expected = metrics.mean_absolute_error(true, values, sample_weight=weights)
            assert scores["mean absolute error"] == pytest.approx(expected)
            assert scores["R2"] == pytest.approx(metrics.r2_score(true, values, sample_weight=weights))


def test_a_constant_truth_has_no_r2():
    report = value_report(["a"], np.ones((3, 1)), np.zeros((3, 1)), [1.0], None)
    assert np.isnan(report.scores["a"]["R2"])


# ---- Overlap ---------------------------------------------------------------------------------------------------------


def test_rows_on_both_sides_are_counted():
    random = np.random.default_rng(1)
    rows = [(int(a), str(b), float(c)) for a, b, c in random.integers(0, 6, (300, 3))]
    rows = [(a, None if b == "0" else b, np.nan if c == 0 else c) for a, b, c in rows]
    train, held = rows[:60], rows[60:]

    def table(part):
        a, b, c = zip(*part, strict=True)
        return Table.of({"a": list(a), "b": list(b), "c": np.array(c)})

    def same(row):
        return tuple("gap" if value is None or value != value else value for value in row)

    seen = {same(row) for row in train}
    assert repeated(table(train), table(held)) == sum(same(row) in seen for row in held) > 0


def test_columns_of_another_kind_never_agree():
    assert repeated(Table.of({"a": [1, 2]}), Table.of({"a": ["1", "2"]})) == 0
