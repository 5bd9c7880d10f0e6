"""The flags that several commands share, and how their text is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latephase.core import InputError, LogTime

if TYPE_CHECKING:
    from latephase.problem import GradientDescent, GradientFlow

_LARGEST = 2**64 - 1  # the largest seed; no other whole number comes near
PROBLEM = "The problem"

Inputs = Annotated[
    str | None,
    typer.Option(
        metavar="X1,X2",
        help="Inputs; in more dimensions one point per semicolon: '1,0;0,1'.",
        rich_help_panel=PROBLEM,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="Y1,Y2", help="Labels, -1 or 1 each.", rich_help_panel=PROBLEM),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.csv",
        help="Instead of inputs and labels: a CSV file with a header, one point per line.",
        rich_help_panel=PROBLEM,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="With --data: the column of labels; all others are inputs. \\[default: label]",
        rich_help_panel=PROBLEM,
    ),
]
Positive = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE",
        help="With --data: the label that counts as 1; the one other label is -1.",
        rich_help_panel=PROBLEM,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="W1,W2",
        help="Initial weights; in more dimensions one neuron per semicolon.",
        rich_help_panel=PROBLEM,
    ),
]
Biases = Annotated[
    str | None, typer.Option(metavar="B1,B2", help="Initial biases.", rich_help_panel=PROBLEM)
]
OutputWeights = Annotated[
    str | None,
    typer.Option(
        metavar="V1,V2",
        help="Output weights, fixed in training; 1,-1 for two neurons.",
        rich_help_panel=PROBLEM,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.npz",
        help="Instead of weights and biases: a file of lp.ShallowReLU.save.",
        rich_help_panel=PROBLEM,
    ),
]
Method = Annotated[
    str,
    typer.Option(
        metavar="gd|gf", help="Gradient descent or gradient flow.", rich_help_panel=PROBLEM
    ),
]
StepSize = Annotated[
    str | None,
    typer.Option(
        metavar="ETA",
        help="Step size of gradient descent on the loss summed over points.",
        rich_help_panel=PROBLEM,
    ),
]
Init = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Initializer: he_normal, xavier_uniform, pytorch_default, ...",
        rich_help_panel=PROBLEM,
    ),
]
MaxSteps = Annotated[str, typer.Option(metavar="N", help="Steps that may be taken one by one.")]
Until = Annotated[
    str, typer.Option(metavar="T", help="The horizon, in updates: 1000, 1e1000, 10**6.")
]
At = Annotated[
    str | None, typer.Option(metavar="T,T,...", help="Times to record, instead of --samples.")
]
Samples = Annotated[str, typer.Option(metavar="N", help="How many log-spaced times to record.")]
Seed = Annotated[str, typer.Option(metavar="N", help="Seed of the random initialisations.")]
Trials = Annotated[str, typer.Option(metavar="N", help="How many networks to draw.")]


def method_of(method: str, step_size: str | None) -> GradientDescent | GradientFlow:
    """The method of `--method` and `--step-size`.  Raises InputError."""
    from latephase.problem import GradientDescent, GradientFlow

    if method not in ("gd", "gf"):
        raise InputError("--method gd or gf", method, "choose one; `latephase compare` has more")
    if method == "gd" and step_size is None:
        raise InputError("--step-size with --method gd", None, "add for example --step-size 0.1")
    if step_size is None:
        return GradientFlow()
    if method == "gf":
        raise InputError("no --step-size with --method gf", step_size, "leave it out")
    return GradientDescent(number(step_size, "--step-size"))


def matrix(text: str, flag: str) -> list[float] | list[list[float]]:
    """Numbers separated by commas, rows of them by semicolons.  Raises InputError."""
    if ";" not in text:
        return numbers(text, flag)
    return [numbers(row, flag) for row in text.split(";")]


def numbers(text: str, flag: str) -> list[float]:
    """Numbers separated by commas; none in an empty text.  Raises InputError."""
    return [number(word, flag) for word in words(text)]


def number(text: str, flag: str) -> float:
    """A float64; "nan" and "inf" are passed on, to be refused by what they are meant for."""
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"numbers as {flag}", text, "write for example 0.5 or -1,1e-3") from None
    if abs(value) == float("inf") and "inf" not in text.lower():
        raise InputError(f"{flag} within float64 (below 1.8e308)", text, "take a smaller number")
    return value


def whole(text: str, flag: str) -> int:
    """A whole number, also written 1e6 or 10**6.  Raises InputError."""
    try:
        value = LogTime.parse(text).value
    except InputError:
        value = None
    if isinstance(value, int) and value <= _LARGEST:
        return value
    raise InputError(
        f"{flag} to be a whole number from 0 to 2^64 - 1", text, "give for example 100"
    )


def words(text: str) -> list[str]:
    """The parts between commas; none of an empty text."""
    return [word.strip() for word in text.split(",")] if text.strip() else []
