"""The commands, their options and their help; what they do stands in a file each, loaded when one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from tabgrad import __version__
from tabgrad.cli import options
from tabgrad.cli.options import Command, argument, flag, valued
from tabgrad.cli.running import run

ABOUT = """Neural networks for tables: a table in, a trained and judged model out.

\b
  tabgrad fit beans.csv --target Class           learn to predict a column
  tabgrad tune beans.csv --target Class          search for good settings first
  tabgrad predict beans.tabgrad new.csv          predict it for other rows
  tabgrad evaluate beans.tabgrad labelled.csv    judge the model on other rows
  tabgrad explain step beans.tabgrad beans.csv   one step of training, in formulas and numbers
  tabgrad report beans.tabgrad labelled.csv      all that is known of it, on one page
  tabgrad inspect beans.csv                      what a table holds, or a model
  tabgrad doctor                                 does everything work here?
"""

app = typer.Typer(
    name="tabgrad",
    help=ABOUT,
    rich_markup_mode=None,  # Rich's help would take twice the time that the whole help may take
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:  # noqa: FBT001  (Typer's callback)
    if asked:
        typer.echo(f"tabgrad {__version__}")
        raise typer.Exit


@app.callback()
def tabgrad(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The options that stand before a command."""


FIT = """Learn to predict a column of a table, judge it on rows held out, and save the model.

\b
  tabgrad fit beans.csv --target Class
  tabgrad fit houses.parquet --target price --out houses.tabgrad --test new.parquet
  tabgrad fit visits.csv --target cnt --drop casual --drop registered --kind season=categorical
  tabgrad fit "sqlite:///shop.db" --query "select * from orders" --target returned
  tabgrad fit beans.csv --target Class --report beans.html
  tabgrad fit beans.csv --config fit.toml --epochs 50

The report of the rows held out goes to the standard output, all else to the standard error.
"""


@app.command(cls=Command, help=FIT, short_help="Learn to predict a column of a table.")
def fit(
    context: typer.Context,
    table: options.TableName,
    *,
    target: options.Target = None,
    drop: options.Drop = None,
    kind: options.Kind = None,
    task: options.Task = None,
    weights: options.Weights = None,
    drop_unlabelled: options.Unlabelled = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    test: options.Test = None,
    test_size: options.TestSize = None,
    seed: options.Seed = None,
    preset: options.Preset = None,
    members: options.Members = None,
    time_limit: options.TimeLimit = None,
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    dropout: options.Dropout = None,
    numeric: options.Numeric = None,
    numeric_embedding: options.NumericEmbedding = None,
    n_neighbors: options.Neighbors = None,
    loss: options.Loss = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    schedule: options.Schedule = None,
    batch_size: options.BatchSize = None,
    epochs: options.Epochs = None,
    early_stopping: options.EarlyStopping = None,
    patience: options.Patience = None,
    validation_fraction: options.ValidationFraction = None,
    l1: options.L1 = None,
    l2: options.L2 = None,
    weight_decay: options.WeightDecay = None,
    use_ema: options.UseEma = None,
    label_smoothing: options.LabelSmoothing = None,
    class_weight: options.ClassWeight = None,
    threads: options.Threads = None,
    save_interrupted: options.SaveInterrupted = False,
    out: options.Out = None,
    report: options.Page = None,
    overwrite: options.Overwrite = False,
    config: options.Config = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a model."""
    from tabgrad.cli.settings import Fit

    run("fit", Fit, context.params)


TUNE = """Search for settings that predict a column well, then do what fit does with the best of them.

\b
  tabgrad tune beans.csv --target Class --time-limit 60
  tabgrad tune beans.csv --target Class --n-iter 50 --scoring neg_log_loss --ensemble
  tabgrad tune beans.csv --target Class --space space.toml --search halving
  tabgrad tune beans.csv --target Class --time-limit 60 --resume

Candidates are compared by cross-validation on the rows to train on. Every fit is written to a journal as soon as it is
done: after Ctrl-C or a crash the same command with --resume goes on, to the same result. The leaderboard and the report
of the rows held out go to the standard output, all else to the standard error.
"""


@app.command(cls=Command, help=TUNE, short_help="Search for good settings first.")
def tune(
    context: typer.Context,
    table: options.TableName,
    *,
    target: options.Target = None,
    drop: options.Drop = None,
    kind: options.Kind = None,
    task: options.Task = None,
    weights: options.Weights = None,
    drop_unlabelled: options.Unlabelled = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    time_limit: options.SearchLimit = None,
    n_iter: options.NIter = None,
    search: options.Search = None,
    space: options.Space = None,
    cv: options.Cv = None,
    scoring: options.Scoring = None,
    ensemble: options.Ensemble = False,
    resume: options.Resume = False,
    journal: options.Journal = None,
    save_interrupted: options.SaveSearch = False,
    test: options.Test = None,
    test_size: options.TestSize = None,
    seed: options.Seed = None,
    preset: options.CandidatePreset = None,
    members: options.Members = None,
    hidden: options.Hidden = None,
    activation: options.Activation = None,
    dropout: options.Dropout = None,
    numeric: options.Numeric = None,
    numeric_embedding: options.NumericEmbedding = None,
    n_neighbors: options.Neighbors = None,
    loss: options.Loss = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    schedule: options.Schedule = None,
    batch_size: options.BatchSize = None,
    epochs: options.Epochs = None,
    early_stopping: options.EarlyStopping = None,
    patience: options.Patience = None,
    validation_fraction: options.ValidationFraction = None,
    l1: options.L1 = None,
    l2: options.L2 = None,
    weight_decay: options.WeightDecay = None,
    use_ema: options.UseEma = None,
    label_smoothing: options.LabelSmoothing = None,
    class_weight: options.ClassWeight = None,
    threads: options.Threads = None,
    out: options.Out = None,
    overwrite: options.Overwrite = False,
    report: options.Page = None,
    config: options.Config = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Search, and train the best."""
    from tabgrad.cli.settings import Tune

    run("tune", Tune, context.params)


PREDICT = """Predict a column for other rows, which are written as they came, with columns added.

\b
  tabgrad predict beans.tabgrad new.csv > predicted.csv
  tabgrad predict beans.tabgrad new.parquet --proba --out predicted.parquet
  tabgrad predict houses.tabgrad new.csv --interval 0.9 --out predicted.csv
  cat new.csv | tabgrad predict beans.tabgrad -

Added are prediction (prediction_TARGET where a model has several targets), with --proba probability_CLASS for each
class, with --interval prediction_low and prediction_high, and with --sets in_set_CLASS for each class. A name that the
table has already is refused: --prefix gives the new ones another.
"""


@app.command(cls=Command, help=PREDICT, short_help="Predict that column for other rows.")
def predict(
    context: typer.Context,
    model: options.ModelName,
    table: options.TableName,
    *,
    proba: Annotated[bool, flag("--proba", "Add the probability of each class.")] = False,
    interval: Annotated[
        float | None,
        valued(
            "--interval",
            "Add the ends of an interval that holds the number in this share of rows, for instance 0.9.",
            metavar="SHARE",
        ),
    ] = None,
    sets: Annotated[
        float | None,
        valued(
            "--sets",
            "Add whether each class is in the set that holds the true one in this share of rows, for instance 0.9.",
            metavar="SHARE",
        ),
    ] = None,
    prefix: Annotated[
        str, valued("--prefix", "Put before the names of the columns that are added.", metavar="TEXT")
    ] = "",
    out: Annotated[
        str | None,
        valued(
            "--out",
            "A file, in TABLE's own format; .gz or .zst packs it.  [the standard output]",
            metavar="FILE",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    raw: Annotated[
        bool,
        flag("--raw", "Write classes that a spreadsheet would take for formulas as they are.  [with ' before them]"),
    ] = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    json: Annotated[bool, flag("--json", "Say what was done as JSON; with --out.")] = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Predict with a model."""
    from tabgrad.cli.settings import Predict

    run("predict", Predict, context.params)


EVALUATE = """Judge a model on a table that holds its target.

\b
  tabgrad evaluate beans.tabgrad labelled.csv
  tabgrad evaluate beans.tabgrad labelled.csv --json > scores.json
"""


@app.command(cls=Command, help=EVALUATE, short_help="Judge a model on a table with its target.")
def evaluate(
    context: typer.Context,
    model: options.ModelName,
    table: options.TableName,
    *,
    weights: options.Weights = None,
    drop_unlabelled: options.Unlabelled = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    report: options.Page = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Judge a model."""
    from tabgrad.cli.settings import Evaluate

    run("evaluate", Evaluate, context.params)


REPORT = """Write one page about a model: how good it is on a table, beside a linear model and beside none, what is
suspicious, the training, the table, what matters, and how to get it again. It needs no network and no script.

\b
  tabgrad report beans.tabgrad labelled.csv --out beans.html
  tabgrad report beans.tabgrad labelled.csv --train beans.csv

Scores and warnings are said, too. With --train, the rows of the training, the page tells of overfitting, of rows on
both sides and of columns that give the target away.
"""


@app.command(cls=Command, help=REPORT, short_help="Write one page about a model.")
def report(
    context: typer.Context,
    model: options.ModelName,
    table: options.TableName,
    *,
    train: Annotated[
        str | None, valued("--train", "The table of the rows that the model was trained on.", metavar="TABLE")
    ] = None,
    weights: options.Weights = None,
    drop_unlabelled: options.Unlabelled = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    out: Annotated[str | None, valued("--out", "The page.  [MODEL's name with .html, here]", metavar="PAGE")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write a page."""
    from tabgrad.cli.settings import Report

    run("report", Report, context.params)


EXPLAIN = """Show what a network does, in formulas and numbers.

\b
  tabgrad explain step beans.tabgrad beans.csv      one step of training, there and back
"""

STEP = """Show one step of training: the first rows of a table through a model's network, the loss, every gradient
beside finite differences, and the optimizer's step, each formula beside its numbers.

\b
  tabgrad explain step beans.tabgrad beans.csv
  tabgrad explain step beans.tabgrad beans.csv --rows 2 --out step.html
  tabgrad explain step beans.tabgrad beans.csv --format latex > step.tex

The table holds the target, as for evaluate. The model does not change.
"""

explained = typer.Typer(
    help=EXPLAIN,
    short_help="Show what a network does, step by step.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(explained, name="explain")


@explained.callback()
def explain() -> None:
    """What comes before one of its commands: nothing."""


@explained.command(cls=Command, help=STEP, short_help="One step of training in formulas and numbers.")
def step(
    context: typer.Context,
    model: options.ModelName,
    table: options.TableName,
    *,
    rows: Annotated[
        int | None, valued("--rows", "How many of the first rows make the batch.  [4]", metavar="NUMBER")
    ] = None,
    network: Annotated[
        int | None, valued("--network", "Which of the model's networks, from 1.  [1]", metavar="NUMBER")
    ] = None,
    form: Annotated[
        str | None,
        valued(
            "--format",
            "text, latex, html (a page to step through) or csv (every weight).  [by the ending of --out, else text]",
            metavar="NAME",
        ),
    ] = None,
    out: Annotated[str | None, valued("--out", "A file.  [the standard output]", metavar="FILE")] = None,
    overwrite: options.Overwrite = False,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    query: options.Query = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Explain a step."""
    from tabgrad.cli.settings import Explain

    run("explain", Explain, context.params)


INSPECT = """Show what a table or a model file holds. No code of a model file is run: there is none in it.

\b
  tabgrad inspect beans.csv
  tabgrad inspect beans.tabgrad
"""


@app.command(cls=Command, help=INSPECT, short_help="Show what a table or a model holds.")
def inspect(
    context: typer.Context,
    path: Annotated[str, argument("A model file, or a table as fit takes it.", "TABLE|MODEL")],
    *,
    kind: options.Kind = None,
    missing: options.Missing = None,
    delimiter: options.Delimiter = None,
    encoding: options.Encoding = None,
    decimal: options.Decimal = None,
    no_header: options.NoHeader = False,
    on_short_row: options.ShortRow = None,
    format: options.Format = None,
    query: options.Query = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Look at a table or a model."""
    from tabgrad.cli.settings import Inspect

    run("inspect", Inspect, context.params)


DOCTOR = """Show versions, processor and instruction set, and check that training, saving and loading work here.

\b
  tabgrad doctor
  tabgrad doctor --json > environment.json
"""


@app.command(cls=Command, help=DOCTOR, short_help="Check that everything works here.")
def doctor(
    context: typer.Context, *, json: options.Json = False, quiet: options.Quiet = False, debug: options.Debug = False
) -> None:
    """Check the installation."""
    from tabgrad.cli.settings import Doctor

    run("doctor", Doctor, context.params)
