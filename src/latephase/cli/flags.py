"""Every flag, declared once: its help, and the function that reads its text.

An alias such as `Trials` is the type of a command's parameter.  What stands behind the flag is read
while the command line is parsed, so a command is called with values, or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from latephase.core import InputError, LogTime

_LARGEST = 2**64 - 1  # the largest seed; no other whole number comes near


def number(text: str, flag: str) -> float:
    """A float64; "nan" and "inf" are passed on, to be refused by what they are meant for."""
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"numbers as {flag}", text, "write for example 0.5 or -1,1e-3") from None
    if abs(value) == float("inf") and "inf" not in text.lower():
        raise InputError(f"{flag} within float64 (below 1.8e308)", text, "take a smaller number")
    return value


def numbers(text: str, flag: str) -> list[float]:
    """Numbers separated by commas; none in an empty text."""
    return [number(word, flag) for word in words(text, flag)]


def matrix(text: str, flag: str) -> list[float] | list[list[float]]:
    """Numbers separated by commas, rows of them by semicolons."""
    if ";" not in text:
        return numbers(text, flag)
    return [numbers(row, flag) for row in text.split(";")]


def whole(text: str, flag: str) -> int:
    """A whole number, also written 1e6 or 10^6."""
    try:
        value = LogTime.parse(text).value
    except InputError:
        value = None
    if isinstance(value, int) and value <= _LARGEST:
        return value
    raise InputError(
        f"{flag} to be a whole number from 0 to 2^64 - 1", text, "give for example 100"
    )


def words(text: str, flag: str) -> list[str]:
    """The parts between commas; none of an empty text."""
    return [word.strip() for word in text.split(",")] if text.strip() else []


def path(text: str, flag: str) -> str:
    """A path; behind = shells leave ~ as it is."""
    return os.path.expanduser(text)


def picture(text: str, flag: str) -> str:
    """The path of a picture, which says by its ending what it is to be."""
    from latephase.draw.files import kind_of

    kind_of(named := path(text, flag))
    return named


def _option(
    metavar: str, text: str, read: Callable[[str, str], Any] | None = None, **more: Any
) -> Any:
    """An option with the help `text`, whose value is read(what was typed, the name of the flag).

    Typer's own `parser` does not know the flag that a message has to name, and turns every
    ValueError into words of its own; a callback has the one and does not do the other.
    """

    def convert(parameter: typer.CallbackParam, given: Any) -> Any:
        return given if given is None or read is None else read(given, parameter.opts[0])

    # `parser` so that an alias may name the type of the value, which is not the text.
    return typer.Option(parser=str, callback=convert, metavar=metavar, help=text, **more)


_problem = partial(_option, rich_help_panel="The problem")


def _switch(flag: str, text: str) -> Any:
    return typer.Option(flag, help=text)


def typed(value: Any) -> str:
    """A value of a flag as it is typed: what `number`, `numbers` and `matrix` read as the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value).removesuffix(".0")
    return (";" if any(isinstance(row, list) for row in value) else ",").join(map(typed, value))


# The problem.  Types with brackets are sequences, because Typer takes a `list` for a flag that may
# be repeated.
Inputs = Annotated[
    Sequence[Any] | None,
    _problem("X1,X2", "Inputs; in more dimensions one point per semicolon: '1,0;0,1'.", matrix),
]
Labels = Annotated[Sequence[float] | None, _problem("Y1,Y2", "Labels, -1 or 1 each.", numbers)]
Data = Annotated[
    str | None,
    _problem(
        "FILE.csv", "Instead of inputs and labels: a CSV file with a header, one point per line."
    ),
]
Label = Annotated[
    str | None,
    _problem(
        "COLUMN", "With --data: the column of labels; all others are inputs. \\[default: label]"
    ),
]
Positive = Annotated[
    str | None,
    _problem("VALUE", "With --data: the label that counts as 1; the one other label is -1."),
]
Weights = Annotated[
    Sequence[Any] | None,
    _problem("W1,W2", "Initial weights; in more dimensions one neuron per semicolon.", matrix),
]
Biases = Annotated[Sequence[float] | None, _problem("B1,B2", "Initial biases.", numbers)]
NoBiases = Annotated[
    bool,
    typer.Option(
        "--no-biases",
        help="In place of --biases: a network without any.",
        rich_help_panel="The problem",
    ),
]
TrainOutput = Annotated[
    bool,
    typer.Option(
        "--train-output", help="Train the output weights, too.", rich_help_panel="The problem"
    ),
]
OutputWeightsOfAll = Annotated[
    Any,
    _problem(
        "V1,V2,...|NAME",
        "Output weights; alternating is 1,-1,1,...; with --train-output also balanced, or the name "
        "of an initializer. \\[default: 1,-1 for two]",
        lambda text, flag: text if text[:1].isalpha() else numbers(text, flag),
    ),
]
WithoutBiases = Annotated[
    bool,
    typer.Option("--no-biases", help="Networks without any.", rich_help_panel="The problem"),
]
Width = Annotated[int, _problem("M", "Neurons of each network.", whole)]
NegativeSlope = Annotated[
    float | None,
    _problem(
        "S", "Slope of inactive neurons: 0 is ReLU, 1 the linear model. \\[default: 0]", number
    ),
]
Network = Annotated[
    str | None,
    _problem("FILE.npz", "Instead of weights and biases: a file of lp.ShallowReLU.save."),
]
Method = Annotated[
    str,
    _problem(
        "NAME",
        "gd or gf, gradient descent or flow; `run` also takes the other methods of `compare`, "
        "adam:beta1=0.5.",
    ),
]
StepSize = Annotated[
    float | None,
    _problem("ETA", "Step size of gradient descent on the loss summed over points.", number),
]
SharedStepSize = Annotated[
    float,
    _problem("ETA", "Step size of every method that has one and is given none of its own.", number),
]
Loss = Annotated[str, _problem("NAME", "exponential or logistic.")]
Init = Annotated[
    str,
    _problem(
        "NAME",
        "Initializer: he_normal, he_uniform, xavier_normal, xavier_uniform, lecun_normal, "
        "pytorch_default, standard_normal, uniform, small_normal, large_normal.",
    ),
]
InitOfOne = Annotated[
    str | None,
    _problem("NAME", "Instead of weights and biases: draw the network from this initializer."),
]
WidthOfOne = Annotated[int | None, _problem("M", "With --init: neurons. \\[default: 2]", whole)]
SeedOfOne = Annotated[int | None, _problem("N", "With --init: its seed. \\[default: 0]", whole)]
InitInstead = Annotated[
    str | None,
    _problem(
        "NAME", "Instead of weights and biases: draw --trials networks from this initializer."
    ),
]

# How far, how many, and which times.  Those of runs stay texts: whether a time may be a real number
# depends on the method, so it is read where that is known.
Until = Annotated[
    str, _option("T", "The horizon: 1000, 1e1000, 10^1000; in updates, of gf in flow time.")
]
UntilStepped = Annotated[str, _option("T", "Updates to make, one by one: at most 1e8.")]
At = Annotated[
    Sequence[str] | None, _option("T,T,...", "Times to record, instead of --samples.", words)
]
TableTimes = Annotated[Sequence[str], _option("T,T,...", "Times of the table.", words)]
Samples = Annotated[
    int, _option("N", "How many times to record: dense to 1e6, then even in ln ln t.", whole)
]
MaxSteps = Annotated[
    int,
    _option("N", "Steps that may be taken one by one. \\[default: 1e6]", whole, show_default=False),
]
Tolerance = Annotated[
    float | None,
    _option(
        "EPS", "Of other networks than pairs: relative error to aim at. \\[default: 1e-10]", number
    ),
]
SlideTolerance = Annotated[
    float | None,
    _option("EPS", "Chatter below which a slide is followed. \\[default: 1e-4]", number),
]
Dtype = Annotated[
    str | None,
    _option("NAME", "Arithmetic, not mathematics: float64, float32, float16 or bfloat16."),
]
Seed = Annotated[int, _option("N", "Seed of the random initialisations.", whole)]
Trials = Annotated[int, _option("N", "How many networks to draw.", whole)]
Batch = Annotated[
    int | None,
    _option(
        "N",
        "Trials (50 of others than pairs) between two writes to --out. \\[default: 10000]",
        whole,
    ),
]

Dask = Annotated[
    str | None,
    _option(
        "WHERE",
        "Work on a Dask cluster: tcp://HOST:PORT, a scheduler's FILE.json, or local:N processes "
        "(extra `cluster`).",
    ),
]

# What is asked of one command.
Methods = Annotated[
    Sequence[str], _option("NAME,NAME:PARAMETER=VALUE,...", "Methods to compare, or 'all'.", words)
]
Claim = Annotated[
    str,
    _option(
        "NAME", "What to prove or refute: settled, trained, optimal_margin, slow, or a regime."
    ),
]
Eps = Annotated[
    list[float] | None,
    _option(
        "EPS,...",
        "Distances of the margin from its limit; may be repeated. \\[default: 0.1,0.01,0.001]",
        lambda texts, flag: numbers(",".join(texts), flag),
    ),
]
Deficits = Annotated[
    list[float] | None,
    _option(
        "EPS,...",
        "Also from when on the margin deficit stays within these; may be repeated.",
        lambda texts, flag: numbers(",".join(texts), flag),
    ),
]
StallsIn = Annotated[
    str | None,
    _option("NAME", "Also when it stops in this arithmetic: float32, bfloat16, ..."),
]
All = Annotated[
    bool,
    _switch(
        "--all", "Also what goes beyond the paper: certificates, studies, remedies, arithmetic."
    ),
]
Certificates = Annotated[
    str,
    typer.Argument(
        metavar="PATH", help="A file, or a folder of them.", callback=os.path.expanduser
    ),
]

Arithmetic = Annotated[
    str,
    _option(
        "NAME",
        "balls (Arb's), or rational: Python's integers and fractions, slower, for two neurons "
        "on two points with x1 x2 <= -1.",
    ),
]

# Where the page is.
Port = Annotated[int, _option("N", "Port of the page; 0 takes any free one.", whole)]
NoBrowser = Annotated[
    bool, _switch("--no-browser", "Open no browser: the address is printed all the same.")
]
Address = Annotated[str, _option("IP", "Address to serve at, one of this machine alone.")]
LetOthersIn = Annotated[
    bool,
    _switch("--let-others-in", "Serve at another --address, too: whoever reaches it gets in."),
]

# Where results go.
Save = Annotated[
    str | None, _option("FILE.npz", "Write the network of the latest sample reached.", path)
]
Plot = Annotated[
    str | None, _option("FILE", "Draw it, too: FILE.svg, FILE.png or FILE.pdf.", picture)
]
ReportFolder = Annotated[
    str, _option("DIR", "Folder of the report; an earlier one is replaced.", path)
]
ComparisonFolder = Annotated[
    str | None,
    _option("DIR", "Folder for page, tables, figures and runs, or Zarr store of the runs.", path),
]
RunStore = Annotated[
    str | None,
    _option("DIR", "Zarr store to write; renamed when complete. Or a URL, s3://BUCKET/NAME.", path),
]
CertificatePath = Annotated[
    str | None, _option("PATH", "File to write, or folder of files with --init.", path)
]
Resume = Annotated[bool, _switch("--resume", "Go on with an interrupted --out.")]
Force = Annotated[bool, _switch("--force", "Replace --out even if latephase did not write it.")]
Json = Annotated[bool, _switch("--json", "Print one JSON object.")]
