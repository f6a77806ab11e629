"""The options that commands share, with their help."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand


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


def valued(name: str, text: str, *, panel: str | None = None, metavar: str | None = None) -> Any:
    """An option with a value."""
    return typer.Option(name, help=text, rich_help_panel=panel, metavar=metavar, show_default=False)


def flag(name: str, text: str, *, panel: str | None = None) -> Any:
    """An option without one."""
    return typer.Option(name, help=text, rich_help_panel=panel, show_default=False)


def argument(text: str, metavar: str) -> Any:
    """What stands without a name."""
    return typer.Argument(help=text, metavar=metavar, show_default=False)


TABLE = (
    "A file (CSV, plain or as .gz or .zst; Parquet; Arrow IPC; JSON lines), - for the standard input, or the URL of a "
)
TABLE += "database, with --query."

# ---- Options that several commands have ------------------------------------------------------------------------------

ROWS = "The table"
TableName = Annotated[str, argument(TABLE, "TABLE")]
ModelName = Annotated[str, argument("A model file that fit wrote.", "MODEL")]
Query = Annotated[str | None, valued("--query", "What to ask a database for.", panel=ROWS, metavar="SQL")]
Format = Annotated[
    str | None, valued("--format", "csv, parquet, arrow or jsonl.  [found out]", panel=ROWS, metavar="NAME")
]
Delimiter = Annotated[
    str | None, valued("--delimiter", "What stands between fields.  [found out]", panel=ROWS, metavar="CHARACTER")
]
Encoding = Annotated[str | None, valued("--encoding", "Of the text.  [found out]", panel=ROWS, metavar="NAME")]
Decimal = Annotated[
    str | None, valued("--decimal", "The decimal sign, . or a comma.  [found out]", panel=ROWS, metavar="CHARACTER")
]
NoHeader = Annotated[bool, flag("--no-header", "The first line is a row: columns are called x0, x1, ...", panel=ROWS)]
Missing = Annotated[
    list[str] | None,
    valued(
        "--missing", "A text that stands for a missing value; may be repeated.  [empty]", panel=ROWS, metavar="TEXT"
    ),
]
ShortRow = Annotated[
    str | None,
    valued(
        "--on-short-row",
        "error, or fill: rows with too few fields have missing values at their end.  [error]",
        panel=ROWS,
        metavar="WHAT",
    ),
]
Kind = Annotated[
    list[str] | None,
    valued(
        "--kind",
        "COLUMN=numeric, boolean, categorical, date (dmy, mdy, ymd), identifier, constant, or the levels of an ordinal "
        "column in their order, COLUMN=LEVEL<LEVEL<LEVEL; may be repeated.  [found out]",
        panel=ROWS,
        metavar="COLUMN=KIND",
    ),
]
Weights = Annotated[str | None, valued("--weights", "The column of the rows' weights.", panel=ROWS, metavar="COLUMN")]
Unlabelled = Annotated[
    bool, flag("--drop-unlabelled", "Leave out rows without a target.  [they are an error]", panel=ROWS)
]
Json = Annotated[bool, flag("--json", "Write the result as JSON.")]
Quiet = Annotated[bool, flag("--quiet", "Say nothing but the result and errors.")]
Debug = Annotated[bool, flag("--debug", "Show the traceback of an error.")]
Page = Annotated[
    str | None,
    valued("--report", "Write a page that says how good the model is, and all that is known of it.", metavar="PAGE"),
]
Overwrite = Annotated[bool, flag("--overwrite", "Replace the file if it is there.")]

# ---- Options of the commands that learn ------------------------------------------------------------------------------

NETWORK, TRAINING, JUDGING = "The network", "The training", "The rows to judge by"
SEARCH = "The search"

Target = Annotated[
    list[str] | None,
    valued(
        "--target",
        "The column to predict; repeated, several columns of numbers.  [required]",
        panel=ROWS,
        metavar="COLUMN",
    ),
]
Drop = Annotated[
    list[str] | None, valued("--drop", "A column to leave out; may be repeated.", panel=ROWS, metavar="COLUMN")
]
Task = Annotated[
    str | None,
    valued(
        "--task",
        "regression, classification, binary, multiclass or multioutput.  [from the target]",
        panel=ROWS,
        metavar="NAME",
    ),
]
Test = Annotated[
    str | None, valued("--test", "A table of its own, instead of a part of TABLE.", panel=JUDGING, metavar="TABLE")
]
TestSize = Annotated[
    float | None,
    valued(
        "--test-size",
        "The share of TABLE that is held out; 0: none, and no report.  [0.2]",
        panel=JUDGING,
        metavar="SHARE",
    ),
]
Seed = Annotated[
    int | None,
    valued(
        "--seed",
        "Which rows are held out, and all that is random in the training.  [0]",
        panel=JUDGING,
        metavar="NUMBER",
    ),
]
Preset = Annotated[
    str | None,
    valued(
        "--preset",
        "How much is spent: best, fast (an eighth of the work), single (one network).  [best]",
        panel=TRAINING,
        metavar="NAME",
    ),
]
Members = Annotated[
    int | None,
    valued("--members", "Networks, whose mean is taken.  [the preset's]", panel=TRAINING, metavar="NUMBER"),
]
TimeLimit = Annotated[
    float | None,
    valued("--time-limit", "Seconds, after which the best so far is taken.  [none]", panel=TRAINING, metavar="SECONDS"),
]
SearchLimit = Annotated[
    float | None,
    valued(
        "--time-limit",
        "Seconds, after which the search ends and the best so far is taken.  [none]",
        panel=SEARCH,
        metavar="SECONDS",
    ),
]
CandidatePreset = Annotated[
    str | None,
    valued(
        "--preset", "How much is spent on a candidate: best, fast or single.  [fast]", panel=TRAINING, metavar="NAME"
    ),
]
Search = Annotated[
    str | None,
    valued(
        "--search",
        "random; halving, which drops the worse after few epochs; tpe, which learns from scores (needs Optuna); grid, "
        "every combination of lists.  [random]",
        panel=SEARCH,
        metavar="NAME",
    ),
]
NIter = Annotated[
    int | None,
    valued("--n-iter", "Candidates.  [20; as many as --time-limit allows]", panel=SEARCH, metavar="NUMBER"),
]
Cv = Annotated[
    int | None,
    valued("--cv", "Folds, each held out once to score a candidate.  [5]", panel=SEARCH, metavar="NUMBER"),
]
Scoring = Annotated[
    str | None,
    valued(
        "--scoring",
        "What is made large, by scikit-learn's name: neg_log_loss, roc_auc, r2, ...  [accuracy; r2 for numbers]",
        panel=SEARCH,
        metavar="NAME",
    ),
]
Space = Annotated[
    str | None,
    valued(
        "--space",
        "A TOML file of what is tried, for instance dropout = { low = 0, high = 0.5 }.  [the library's own]",
        panel=SEARCH,
        metavar="FILE",
    ),
]
Ensemble = Annotated[
    bool,
    flag("--ensemble", "Join the best candidates, as weighted on rows held out.  [the best one alone]", panel=SEARCH),
]
Journal = Annotated[
    str | None,
    valued(
        "--journal",
        "The file that keeps every fit as soon as it is done.  [MODEL's name with .journal]",
        panel=SEARCH,
        metavar="FILE",
    ),
]
Resume = Annotated[bool, flag("--resume", "Go on with the search of the journal, if there is one.", panel=SEARCH)]
SaveSearch = Annotated[
    bool,
    flag("--save-interrupted", "Ctrl-C saves the best model so far.  [only the journal is kept]", panel=SEARCH),
]
Hidden = Annotated[
    str | None,
    valued("--hidden", "Widths of the hidden layers, as 128,128.  [the preset's]", panel=NETWORK, metavar="SIZES"),
]
Activation = Annotated[
    str | None,
    valued("--activation", "relu, gelu, silu, tanh, ...  [the preset's]", panel=NETWORK, metavar="NAME"),
]
Dropout = Annotated[
    float | None,
    valued("--dropout", "Share of units dropped in each step.  [the preset's]", panel=NETWORK, metavar="SHARE"),
]
Numeric = Annotated[
    str | None,
    valued(
        "--numeric",
        "Scaling of numbers: robust, standard, quantile or none.  [the preset's]",
        panel=NETWORK,
        metavar="NAME",
    ),
]
NumericEmbedding = Annotated[
    str | None,
    valued(
        "--numeric-embedding",
        "Vectors for numbers: none, piecewise, periodic or both.  [the preset's]",
        panel=NETWORK,
        metavar="NAME",
    ),
]
Neighbors = Annotated[
    int | None,
    valued(
        "--n-neighbors",
        "Rows of the fit near a new one that are asked too, where that pays; the model then holds the rows. 0: never.  "
        "[the preset's]",
        panel=TRAINING,
        metavar="NUMBER",
    ),
]
Loss = Annotated[str | None, valued("--loss", "What is made small.  [from the task]", panel=TRAINING, metavar="NAME")]
Optimizer = Annotated[
    str | None, valued("--optimizer", "adam, sgd, rmsprop, lbfgs, ...  [adam]", panel=TRAINING, metavar="NAME")
]
LearningRate = Annotated[
    float | None,
    valued("--learning-rate", "At its height, under the schedule.  [the preset's]", panel=TRAINING, metavar="NUMBER"),
]
Schedule = Annotated[
    str | None,
    valued("--schedule", "Of the learning rate: cosine or constant.  [cosine]", panel=TRAINING, metavar="NAME"),
]
BatchSize = Annotated[
    int | None, valued("--batch-size", "Rows of a step.  [from the rows]", panel=TRAINING, metavar="NUMBER")
]
Epochs = Annotated[
    int | None,
    valued("--epochs", "Passes over the rows, at most.  [from the rows]", panel=TRAINING, metavar="NUMBER"),
]
EarlyStopping = Annotated[
    bool | None,
    flag(
        "--early-stopping/--no-early-stopping",
        "End when rows set aside are predicted no better.  [yes; for numbers from 200 rows]",
        panel=TRAINING,
    ),
]
Patience = Annotated[
    int | None,
    valued(
        "--patience",
        "Epochs without a better score before that.  [from the epochs]",
        panel=TRAINING,
        metavar="NUMBER",
    ),
]
ValidationFraction = Annotated[
    float | None,
    valued("--validation-fraction", "The share of rows set aside for that.  [0.1]", panel=TRAINING, metavar="SHARE"),
]
L1 = Annotated[float | None, valued("--l1", "Penalty on absolute weights.  [0]", panel=TRAINING, metavar="NUMBER")]
L2 = Annotated[float | None, valued("--l2", "Penalty on squared weights.  [0]", panel=TRAINING, metavar="NUMBER")]
WeightDecay = Annotated[
    float | None, valued("--weight-decay", "Of the optimizer.  [its own kind's]", panel=TRAINING, metavar="NUMBER")
]
UseEma = Annotated[
    bool | None,
    flag("--use-ema/--no-use-ema", "Keep a running average of the weights.  [--use-ema]", panel=TRAINING),
]
LabelSmoothing = Annotated[
    float | None, valued("--label-smoothing", "Of classes.  [0]", panel=TRAINING, metavar="SHARE")
]
ClassWeight = Annotated[
    str | None,
    valued("--class-weight", "balanced: rare classes count as much as frequent ones.", panel=TRAINING, metavar="NAME"),
]
Threads = Annotated[int | None, valued("--threads", "At most so many.  [every core]", panel=TRAINING, metavar="NUMBER")]
SaveInterrupted = Annotated[
    bool,
    flag(
        "--save-interrupted",
        "Ctrl-C ends the training after the epoch and saves the best model so far.  [nothing is saved]",
        panel=TRAINING,
    ),
]
Out = Annotated[str | None, valued("--out", "The model file.  [TABLE's name with .tabgrad, here]", metavar="MODEL")]
Config = Annotated[
    str | None,
    valued("--config", "A TOML file with these options, for instance batch-size = 64; flags win.", metavar="FILE"),
]
