"""What a run shows of itself: the text, letter by letter, and how often it is written."""

import io
import re

import numpy as np
import pytest

from tabgrad.callbacks import LambdaCallback
from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.progress import Progress, verbosity

LOGS = {"accuracy": 0.81234, "loss": 0.00051}


class Screen(io.StringIO):
    """A stream that counts its writes; a terminal if asked."""

    def __init__(self, *, terminal=False, encoding="utf-8"):
        super().__init__()
        self.terminal, self.named, self.writes = terminal, encoding, 0

    @property
    def encoding(self):
        return self.named

    def isatty(self):
        return self.terminal

    def write(self, text):
        text.encode(self.named)
        self.writes += 1
        return super().write(text)


class Clock:
    """Seconds that pass when told to."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def shown(monkeypatch):
    """Make a progress on a screen of its own."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def make(verbose=1, epochs=2, steps=50, **screen):
        clock, stream = Clock(), Screen(**screen)
        return Progress(verbose, epochs, steps, stream=stream, clock=clock), stream, clock

    return make


def drawn(text):
    """What a terminal shows of a text: colours taken off, each line as it is after the last carriage return."""
    lines = re.sub(r"\x1b\[\d+m", "", text).split("\n")
    rows = []
    for line in lines:
        row = ""
        for part in line.split("\r"):
            row = part + row[len(part) :]
        rows.append(row.rstrip())
    return rows


def test_lines_outside_a_terminal_are_plain(shown):
    progress, stream, clock = shown()
    progress.epoch_begin(0)
    progress.step(10, LOGS)
    clock.now += 1.5e-3
    progress.epoch_end(LOGS)
    progress.epoch_begin(1)
    clock.now += 2
    progress.epoch_end({"loss": 1.0})
    progress.close()
    assert stream.getvalue() == (
        "Epoch 1/2\n"
        "50/50 ━━━━━━━━━━━━━━━━━━━━ 0s 30us/step - accuracy: 0.8123 - loss: 5.1000e-04\n"
        "Epoch 2/2\n"
        "50/50 ━━━━━━━━━━━━━━━━━━━━ 2s 40ms/step - loss: 1.0000\n"
    )


def test_verbose_2_is_a_line_an_epoch(shown):
    for terminal in (False, True):
        progress, stream, clock = shown(2, terminal=terminal)
        progress.epoch_begin(0)
        clock.now += 1.5e-3
        progress.epoch_end(LOGS)
        progress.close()
        assert stream.getvalue() == "Epoch 1/2\n50/50 - 0s - 30us/step - accuracy: 0.8123 - loss: 5.1000e-04\n"


def test_verbose_0_writes_nothing(shown):
    progress, stream, _ = shown(0, terminal=True)
    progress.epoch_begin(0)
    progress.step(1, LOGS)
    progress.epoch_end(LOGS)
    progress.close()
    assert stream.writes == 0


def test_one_epoch_has_no_title(shown):
    progress, stream, _ = shown(1, 1)
    progress.epoch_begin(0)
    progress.epoch_end({})
    progress.close()
    assert stream.getvalue() == "50/50 ━━━━━━━━━━━━━━━━━━━━ 0s 0ns/step\n"


def test_the_line_lives_and_is_replaced(shown):
    progress, stream, clock = shown(terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(9, {"loss": 123.0})  # ten of fifty
    assert drawn(stream.getvalue()) == ["Epoch 1/2", "10/50 ━━━━━━━━━━━━━━━━━━━━ 4s 100ms/step - loss: 123.0000"]
    assert "\x1b[32m━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━━\x1b[0m" in stream.getvalue()
    clock.now += 1
    progress.step(19, {"loss": 1.0})
    assert drawn(stream.getvalue())[-1] == "20/50 ━━━━━━━━━━━━━━━━━━━━ 3s 100ms/step - loss: 1.0000"
    clock.now += 3
    progress.epoch_end({"loss": 0.5})
    progress.close()
    assert drawn(stream.getvalue()) == ["Epoch 1/2", "50/50 ━━━━━━━━━━━━━━━━━━━━ 5s 100ms/step - loss: 0.5000", ""]


@pytest.mark.parametrize("steps, left", [(100, "5s"), (10_000, "9:59"), (100_000, "1:39:59")])
def test_time_left(shown, steps, left):
    progress, stream, clock = shown(1, 1, steps, terminal=True)
    progress.epoch_begin(0)
    clock.now += 0.06
    progress.step(0, {})
    assert f" {left} 60ms/step" in drawn(stream.getvalue())[-1]


def test_without_colours(shown, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    progress, stream, clock = shown(1, 1, terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(24, {})
    assert stream.getvalue() == "25/50 ━━━━━━━━━━.......... 1s 40ms/step"


def test_dumb_terminals_get_plain_lines(shown, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    progress, stream, clock = shown(1, 1, terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(24, {})
    progress.epoch_end({})
    assert stream.getvalue() == "50/50 ━━━━━━━━━━━━━━━━━━━━ 1s 20ms/step\n"


def test_ascii_where_the_encoding_has_no_bar(shown):
    progress, stream, _ = shown(1, 1, encoding="ascii")
    progress.epoch_begin(0)
    progress.epoch_end({})
    progress.close()
    assert stream.getvalue() == "50/50 ==================== 0s 0ns/step\n"


@pytest.mark.parametrize("columns", [100, 60, 40, 20])
def test_the_live_line_fits_into_narrow_terminals(shown, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    progress, stream, clock = shown(1, 1, terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(24, LOGS)
    live = drawn(stream.getvalue())[-1]
    assert len(live) < columns
    assert live.startswith("25/50 ")
    assert stream.getvalue().endswith(("\x1b[0m", "e-04"))  # no colour is left open
    progress.epoch_end(LOGS)
    progress.close()
    assert drawn(stream.getvalue())[-2].endswith(" - loss: 5.1000e-04")  # the line that stays is whole


def test_fast_epochs_are_written_together_and_none_is_lost(shown):
    for terminal in (False, True):
        progress, stream, clock = shown(1, 1000, terminal=terminal)
        for epoch in range(1000):
            progress.epoch_begin(epoch)
            progress.step(3, {"loss": float(epoch)})
            clock.now += 1e-3
            progress.epoch_end({"loss": float(epoch)})
        progress.close()
        assert stream.writes <= 21  # in one second
        lines = drawn(stream.getvalue())
        assert [line for line in lines if line.startswith("Epoch")] == [f"Epoch {e + 1}/1000" for e in range(1000)]
        losses = [line.split()[-1] for line in lines if line.startswith("50/50")]
        assert losses[1:] == [f"{epoch}.0000" for epoch in range(1, 1000)]


def test_an_interrupted_line_is_ended(shown):
    progress, stream, clock = shown(1, 1, terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(24, {"loss": 1.0})
    progress.close()
    assert stream.getvalue().endswith("\n")


def test_others_may_print_between(shown):
    progress, stream, clock = shown(1, 1, terminal=True)
    progress.epoch_begin(0)
    clock.now += 1
    progress.step(24, {"loss": 1.0})
    progress.make_room()
    stream.write("mine\n")
    progress.epoch_end({"loss": 0.5})
    progress.close()
    assert [line[:9] for line in drawn(stream.getvalue())] == ["mine", "50/50 ━━━", ""]


def test_verbosity():
    given = [0, 1, 2, "0", "1", "2", "auto", True, np.int64(2)]
    assert [verbosity(level, "fit") for level in given] == [0, 1, 2, 0, 1, 2, 1, 1, 2]
    assert verbosity("auto", "predict", auto=0) == 0


# ---- Through a model -------------------------------------------------------------------------------------------------

X = np.linspace(-1, 1, 64).reshape(-1, 1)


@pytest.fixture
def model():
    made = Sequential([Dense(1, input_dim=1)], seed=0)
    made.compile("sgd", "mse", metrics=["mae"])
    return made


BAR = "━" * 20
TIMES = r"\d+s \d+(?:ns|us|ms|s)/step"
VALUES = r"loss: [\d.e-]+ - mae: [\d.e-]+"


def test_fit_prints_what_keras_prints(model, capsys):
    model.fit(X, X, epochs=2, validation_split=0.5)
    validated = r"val_loss: [\d.e-]+ - val_mae: [\d.e-]+"
    line = f"1/1 {BAR} {TIMES} - {VALUES} - {validated}\n"
    assert re.fullmatch(f"Epoch 1/2\n{line}Epoch 2/2\n{line}", capsys.readouterr().out)


def test_fit_with_a_word_for_verbose(model, capsys):
    model.fit(X, X, epochs=2, verbose="2", batch_size=16)
    line = rf"4/4 - \d+s - \d+(?:ns|us|ms|s)/step - {VALUES}\n"
    assert re.fullmatch(f"Epoch 1/2\n{line}Epoch 2/2\n{line}", capsys.readouterr().out)
    model.fit(X, X, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""


def test_evaluate_prints_a_line_and_predict_only_if_asked(model, capsys):
    model.evaluate(X, X)
    assert re.fullmatch(f"2/2 {BAR} {TIMES} - {VALUES}\n", capsys.readouterr().out)
    model.evaluate(X, X, verbose=2, batch_size=64)
    assert re.fullmatch(rf"1/1 - \d+s - \d+(?:ns|us|ms|s)/step - {VALUES}\n", capsys.readouterr().out)
    model.predict(X)
    assert capsys.readouterr().out == ""
    model.predict(X, verbose=1)
    assert re.fullmatch(f"2/2 {BAR} {TIMES}\n", capsys.readouterr().out)


def test_what_callbacks_print_stands_in_its_place(model, capsys):
    told = LambdaCallback(on_epoch_end=lambda epoch, logs: print(f"mine {epoch}"))  # noqa: T201
    model.fit(X, X, epochs=3, verbose=2, callbacks=[told])
    words = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert words == ["Epoch", "mine", "2/2"] * 3


def test_a_process_without_standard_output_trains(model, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert len(model.fit(X, X, epochs=2).epoch) == 2
    model.evaluate(X, X)
