"""The commands, their options and their help; what they do stands in a file each, loaded when one runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tabgrad import __version__
from tabgrad.cli.running import run


class Command(TyperCommand):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then the options under the headings that they bear."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                argument = parameter.param_type_name == "argument"
                panel = "Arguments" if argument else getattr(parameter, "rich_help_panel", None) or "Options"
                sections.setdefault(panel, []).append(record)
        for title in sorted(sections, key=lambda title: title == "Options"):
            with formatter.section(title):
                formatter.write_dl(sections[title])


def _option(name: str, text: str, *, panel: str | None = None, metavar: str | None = None) -> Any:
    return typer.Option(name, help=text, rich_help_panel=panel, metavar=metavar, show_default=False)


def _flag(name: str, text: str, *, panel: str | None = None) -> Any:
    return typer.Option(name, help=text, rich_help_panel=panel, show_default=False)


def _argument(text: str, metavar: str) -> Any:
    return typer.Argument(help=text, metavar=metavar, show_default=False)


TABLE = (
    "A file (CSV, plain or as .gz or .zst; Parquet; Arrow IPC; JSON lines), - for the standard input, or the URL of a "
)
TABLE += "database, with --query."

# ---- Options that several commands have ------------------------------------------------------------------------------

ROWS = "The table"
TableName = Annotated[str, _argument(TABLE, "TABLE")]
ModelName = Annotated[str, _argument("A model file that fit wrote.", "MODEL")]
Query = Annotated[str | None, _option("--query", "What to ask a database for.", panel=ROWS, metavar="SQL")]
Format = Annotated[
    str | None, _option("--format", "csv, parquet, arrow or jsonl.  [found out]", panel=ROWS, metavar="NAME")
]
Delimiter = Annotated[
    str | None, _option("--delimiter", "What stands between fields.  [found out]", panel=ROWS, metavar="CHARACTER")
]
Encoding = Annotated[str | None, _option("--encoding", "Of the text.  [found out]", panel=ROWS, metavar="NAME")]
Decimal = Annotated[
    str | None, _option("--decimal", "The decimal sign, . or a comma.  [found out]", panel=ROWS, metavar="CHARACTER")
]
NoHeader = Annotated[bool, _flag("--no-header", "The first line is a row: columns are called x0, x1, ...", panel=ROWS)]
Missing = Annotated[
    list[str] | None,
    _option(
        "--missing", "A text that stands for a missing value; may be repeated.  [empty]", panel=ROWS, metavar="TEXT"
    ),
]
ShortRow = Annotated[
    str | None,
    _option(
        "--on-short-row",
        "error, or fill: rows with too few fields have missing values at their end.  [error]",
        panel=ROWS,
        metavar="WHAT",
    ),
]
Kind = Annotated[
    list[str] | None,
    _option(
        "--kind",
        "COLUMN=numeric, boolean, categorical, date (dmy, mdy, ymd), identifier, constant, or the levels of an ordinal "
        "column in their order, COLUMN=LEVEL<LEVEL<LEVEL; may be repeated.  [found out]",
        panel=ROWS,
        metavar="COLUMN=KIND",
    ),
]
Weights = Annotated[str | None, _option("--weights", "The column of the rows' weights.", panel=ROWS, metavar="COLUMN")]
Unlabelled = Annotated[
    bool, _flag("--drop-unlabelled", "Leave out rows without a target.  [they are an error]", panel=ROWS)
]
Json = Annotated[bool, _flag("--json", "Write the result as JSON.")]
Quiet = Annotated[bool, _flag("--quiet", "Say nothing but the result and errors.")]
Debug = Annotated[bool, _flag("--debug", "Show the traceback of an error.")]
Overwrite = Annotated[bool, _flag("--overwrite", "Replace the file if it is there.")]

# ---- The commands ----------------------------------------------------------------------------------------------------

ABOUT = """Neural networks for tables: a table in, a trained and judged model out.

\b
  tabgrad fit beans.csv --target Class           learn to predict a column
  tabgrad predict beans.tabgrad new.csv          predict it for other rows
  tabgrad evaluate beans.tabgrad labelled.csv    judge the model on other rows
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
  tabgrad fit beans.csv --config fit.toml --epochs 50

The report of the rows held out goes to the standard output, all else to the standard error.
"""

NETWORK, TRAINING, JUDGING = "The network", "The training", "The rows to judge by"


@app.command(cls=Command, help=FIT, short_help="Learn to predict a column of a table.")
def fit(
    context: typer.Context,
    table: TableName,
    *,
    target: Annotated[
        list[str] | None,
        _option(
            "--target",
            "The column to predict; repeated, several columns of numbers.  [required]",
            panel=ROWS,
            metavar="COLUMN",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, _option("--drop", "A column to leave out; may be repeated.", panel=ROWS, metavar="COLUMN")
    ] = None,
    kind: Kind = None,
    task: Annotated[
        str | None,
        _option(
            "--task",
            "regression, classification, binary, multiclass or multioutput.  [from the target]",
            panel=ROWS,
            metavar="NAME",
        ),
    ] = None,
    weights: Weights = None,
    drop_unlabelled: Unlabelled = False,
    missing: Missing = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    on_short_row: ShortRow = None,
    format: Format = None,
    query: Query = None,
    test: Annotated[
        str | None, _option("--test", "A table of its own, instead of a part of TABLE.", panel=JUDGING, metavar="TABLE")
    ] = None,
    test_size: Annotated[
        float | None,
        _option(
            "--test-size",
            "The share of TABLE that is held out; 0: none, and no report.  [0.2]",
            panel=JUDGING,
            metavar="SHARE",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        _option(
            "--seed",
            "Which rows are held out, and all that is random in the training.  [0]",
            panel=JUDGING,
            metavar="NUMBER",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        _option(
            "--preset",
            "How much is spent: best, fast (a sixth of the work), single (one network).  [best]",
            panel=TRAINING,
            metavar="NAME",
        ),
    ] = None,
    members: Annotated[
        int | None,
        _option("--members", "Networks, whose mean is taken.  [the preset's]", panel=TRAINING, metavar="NUMBER"),
    ] = None,
    time_limit: Annotated[
        float | None,
        _option(
            "--time-limit", "Seconds, after which the best so far is taken.  [none]", panel=TRAINING, metavar="SECONDS"
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        _option("--hidden", "Widths of the hidden layers, as 128,128.  [the preset's]", panel=NETWORK, metavar="SIZES"),
    ] = None,
    activation: Annotated[
        str | None,
        _option("--activation", "relu, gelu, silu, tanh, ...  [the preset's]", panel=NETWORK, metavar="NAME"),
    ] = None,
    dropout: Annotated[
        float | None,
        _option("--dropout", "Share of units dropped in each step.  [the preset's]", panel=NETWORK, metavar="SHARE"),
    ] = None,
    numeric: Annotated[
        str | None,
        _option(
            "--numeric",
            "Scaling of numbers: robust, standard, quantile or none.  [the preset's]",
            panel=NETWORK,
            metavar="NAME",
        ),
    ] = None,
    numeric_embedding: Annotated[
        str | None,
        _option(
            "--numeric-embedding",
            "Vectors for numbers: none, piecewise, periodic or both.  [the preset's]",
            panel=NETWORK,
            metavar="NAME",
        ),
    ] = None,
    loss: Annotated[
        str | None, _option("--loss", "What is made small.  [from the task]", panel=TRAINING, metavar="NAME")
    ] = None,
    optimizer: Annotated[
        str | None, _option("--optimizer", "adam, sgd, rmsprop, lbfgs, ...  [adam]", panel=TRAINING, metavar="NAME")
    ] = None,
    learning_rate: Annotated[
        float | None,
        _option(
            "--learning-rate", "At its height, under the schedule.  [the preset's]", panel=TRAINING, metavar="NUMBER"
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        _option("--schedule", "Of the learning rate: cosine or constant.  [cosine]", panel=TRAINING, metavar="NAME"),
    ] = None,
    batch_size: Annotated[
        int | None, _option("--batch-size", "Rows of a step.  [from the rows]", panel=TRAINING, metavar="NUMBER")
    ] = None,
    epochs: Annotated[
        int | None,
        _option("--epochs", "Passes over the rows, at most.  [from the rows]", panel=TRAINING, metavar="NUMBER"),
    ] = None,
    early_stopping: Annotated[
        bool | None,
        _flag(
            "--early-stopping/--no-early-stopping",
            "End when rows set aside are predicted no better.  [yes; for numbers from 200 rows]",
            panel=TRAINING,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        _option(
            "--patience",
            "Epochs without a better score before that.  [from the epochs]",
            panel=TRAINING,
            metavar="NUMBER",
        ),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        _option(
            "--validation-fraction", "The share of rows set aside for that.  [0.1]", panel=TRAINING, metavar="SHARE"
        ),
    ] = None,
    l1: Annotated[
        float | None, _option("--l1", "Penalty on absolute weights.  [0]", panel=TRAINING, metavar="NUMBER")
    ] = None,
    l2: Annotated[
        float | None, _option("--l2", "Penalty on squared weights.  [0]", panel=TRAINING, metavar="NUMBER")
    ] = None,
    weight_decay: Annotated[
        float | None, _option("--weight-decay", "Of the optimizer.  [its own kind's]", panel=TRAINING, metavar="NUMBER")
    ] = None,
    use_ema: Annotated[
        bool | None,
        _flag("--use-ema/--no-use-ema", "Keep a running average of the weights.  [--use-ema]", panel=TRAINING),
    ] = None,
    label_smoothing: Annotated[
        float | None, _option("--label-smoothing", "Of classes.  [0]", panel=TRAINING, metavar="SHARE")
    ] = None,
    class_weight: Annotated[
        str | None,
        _option(
            "--class-weight", "balanced: rare classes count as much as frequent ones.", panel=TRAINING, metavar="NAME"
        ),
    ] = None,
    threads: Annotated[
        int | None, _option("--threads", "At most so many.  [every core]", panel=TRAINING, metavar="NUMBER")
    ] = None,
    save_interrupted: Annotated[
        bool,
        _flag(
            "--save-interrupted",
            "Ctrl-C ends the training after the epoch and saves the best model so far.  [nothing is saved]",
            panel=TRAINING,
        ),
    ] = False,
    out: Annotated[
        str | None, _option("--out", "The model file.  [TABLE's name with .tabgrad, here]", metavar="MODEL")
    ] = None,
    overwrite: Overwrite = False,
    config: Annotated[
        str | None,
        _option("--config", "A TOML file with these options, for instance batch-size = 64; flags win.", metavar="FILE"),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model."""
    from tabgrad.cli.settings import Fit

    run("fit", Fit, context.params)


PREDICT = """Predict a column for other rows, which are written as they came, with columns added.

\b
  tabgrad predict beans.tabgrad new.csv > predicted.csv
  tabgrad predict beans.tabgrad new.parquet --proba --out predicted.parquet
  tabgrad predict houses.tabgrad new.csv --interval 0.9 --out predicted.csv
  cat new.csv | tabgrad predict beans.tabgrad -

Added are prediction (prediction_TARGET where a model has several targets), with --proba probability_CLASS for each
class, and with --interval prediction_low and prediction_high. A name that the table has already is refused: --prefix
gives the new ones another.
"""


@app.command(cls=Command, help=PREDICT, short_help="Predict that column for other rows.")
def predict(
    context: typer.Context,
    model: ModelName,
    table: TableName,
    *,
    proba: Annotated[bool, _flag("--proba", "Add the probability of each class.")] = False,
    interval: Annotated[
        float | None,
        _option(
            "--interval",
            "Add the ends of an interval that holds the number in this share of rows, for instance 0.9.",
            metavar="SHARE",
        ),
    ] = None,
    prefix: Annotated[
        str, _option("--prefix", "Put before the names of the columns that are added.", metavar="TEXT")
    ] = "",
    out: Annotated[
        str | None,
        _option(
            "--out",
            "A file, in TABLE's own format; .gz or .zst packs it.  [the standard output]",
            metavar="FILE",
        ),
    ] = None,
    overwrite: Overwrite = False,
    raw: Annotated[
        bool,
        _flag("--raw", "Write classes that a spreadsheet would take for formulas as they are.  [with ' before them]"),
    ] = False,
    missing: Missing = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    on_short_row: ShortRow = None,
    format: Format = None,
    query: Query = None,
    json: Annotated[bool, _flag("--json", "Say what was done as JSON; with --out.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
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
    model: ModelName,
    table: TableName,
    *,
    weights: Weights = None,
    drop_unlabelled: Unlabelled = False,
    missing: Missing = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    on_short_row: ShortRow = None,
    format: Format = None,
    query: Query = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Judge a model."""
    from tabgrad.cli.settings import Evaluate

    run("evaluate", Evaluate, context.params)


INSPECT = """Show what a table or a model file holds. No code of a model file is run: there is none in it.

\b
  tabgrad inspect beans.csv
  tabgrad inspect beans.tabgrad
"""


@app.command(cls=Command, help=INSPECT, short_help="Show what a table or a model holds.")
def inspect(
    context: typer.Context,
    path: Annotated[str, _argument("A model file, or a table as fit takes it.", "TABLE|MODEL")],
    *,
    kind: Kind = None,
    missing: Missing = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    on_short_row: ShortRow = None,
    format: Format = None,
    query: Query = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
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
def doctor(context: typer.Context, *, json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Check the installation."""
    from tabgrad.cli.settings import Doctor

    run("doctor", Doctor, context.params)
