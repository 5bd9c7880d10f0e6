"""`latephase run`: one network, from initialisation to any horizon."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latephase.cli import flags, hints, printing
from latephase.cli.problem import Problem, stated
from latephase.cli.progress import progress
from latephase.core import InputError, Words

if TYPE_CHECKING:
    import xarray as xr

    from latephase.problem import ShallowReLU
    from latephase.runs import Run

NAME = "run"
HELP = "Train one network to any horizon, 10^1000 say, and print what it does on the way."
EXAMPLES = r"""Examples

latephase run --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --until 1e1000 --at 0,1,1e3,1e1000

latephase run --network net.npz --data points.csv --label class \
  --step-size 0.01 --until 1e5

With --json a program can read it; --method gf is gradient flow and takes no
--step-size.
"""
_ROUNDING = 8 * 2.0**-52  # of the size of the inputs: what a difference of margins leaves over
_EXACT = 1e-12  # up to here a sample is called exact, and its error needs no words
_ROWS = 20  # that a terminal shows when the times were not asked for one by one
_SCALARS = (
    "boundary",
    "robustness_margin",
    "margin_deficit",
    "log_margin_deficit",
    "log_loss",
    "error",
    "margin_error",
)
_HEADINGS = {
    "log10_t": "log10 t",
    "log_loss": "ln loss",
    "boundary": "boundary",
    "robustness_margin": "robustness margin",
    "log_margin_deficit": "ln deficit",
    "error": "error",
}


@stated
def command(
    asked: Problem,
    until: flags.Until,
    loss: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="exponential or logistic.",
            rich_help_panel=flags.PROBLEM,
        ),
    ] = "exponential",
    at: flags.At = None,
    samples: flags.Samples = "200",
    max_steps: flags.MaxSteps = "1e6",
    save: Annotated[
        str | None,
        typer.Option(metavar="FILE.npz", help="Write the network of the latest sample reached."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Simulate and print."""
    with progress("training", "", lines=False) as shown:
        problem = asked.read()
        if save is not None:
            from latephase.problem.npz_file import writable

            writable(save)  # before the work, not after it
        from latephase.runs import simulate

        run = simulate(
            *problem,
            until=until,
            at=None if at is None else flags.words(at),
            samples=flags.whole(samples, "--samples"),
            loss=loss,
            max_steps=flags.whole(max_steps, "--max-steps"),
            processes=os.cpu_count() or 1,
            progress=shown,
        )
    if save is not None:
        latest(run).save(save)
    if json:
        printing.print_json(record(run))
        return
    _print(run, at is None)
    if save is not None:
        printing.line("saved", f"the network at t = {_latest_sample(run).time.values}: {save}")
    printing.line("next", _next(run, asked.again()))


def record(run: Run) -> dict[str, Any]:
    """The run as a JSON object, as the contract of `run --json` states it."""
    shown = held(run)
    return {
        "outcome": run.outcome.name,
        "regime": run.regime.name if run.regime else None,
        "law": printing.law_record(run.law),
        "samples": [_sample(shown.isel(time=i)) for i in range(shown.time.size)],
    }


def held(run: Run) -> xr.Dataset:
    """The trajectory, with 0 for numbers of which no digit holds.

    On points of the size 1, a boundary of -5e-17 and a deficit of 1.6e-15 are what is left of a
    difference of numbers near 1, and another machine has others.  Runs with a late phase of their
    own know both apart from the margin, to their digits.
    """
    found = run.trajectory
    if run.problem.has_closed_form:
        return found
    least = _ROUNDING * float(abs(run.data.inputs).max())
    deficit = found.margin_deficit
    return found.assign(
        boundary=found.boundary.where(~(abs(found.boundary) < least), 0.0),
        margin_deficit=deficit.where(~(abs(deficit) < least), 0.0),
        log_margin_deficit=found.log_margin_deficit.where(~(deficit < least), -math.inf),
    )


def latest(run: Run) -> ShallowReLU:
    """The network of the latest sample that was reached.  Raises InputError if none was."""
    from latephase.problem import ShallowReLU

    at = _latest_sample(run)
    return ShallowReLU(at.weights.values, at.biases.values, run.network.output_weights)


def _latest_sample(run: Run) -> xr.Dataset:
    """Samples come in the order asked for, and those that were not reached are NaN."""
    reached = run.trajectory.weights.notnull().all(("neuron", "feature")).values
    if not reached.any():
        got = Words(f"none: {run.outcome.value}")
        raise InputError(
            "a sample that was reached, to save", got, "see --max-steps, --step-size and --at"
        )
    found = run.trajectory.isel(time=reached)
    return found.isel(time=found.log10_t.values.argmax())


def _sample(at: xr.Dataset) -> dict[str, Any]:
    weights = at.weights.values
    flat = weights[:, 0] if weights.shape[1] == 1 else weights
    return {
        "t": str(at.time.values),
        "log10_t": float(at.log10_t),
        "weights": flat.tolist(),
        "biases": at.biases.values.tolist(),
        **{name: float(at[name]) for name in _SCALARS},
    }


def _print(run: Run, thin: bool) -> None:
    shown = _rows(run.trajectory.time.size, thin)
    printing.console().print(_table(held(run).isel(time=shown)))
    printing.blank()
    if len(shown) < run.trajectory.time.size:
        total = run.trajectory.time.size
        printing.line("samples", f"{len(shown)} of {total} shown; --json has all, --at chooses")
    if not _is_simplest(run.trajectory):
        sizes = f"{run.network.m} neurons, {run.data.n} points in dimension {run.data.d}"
        printing.line("problem", sizes)
    printing.line("outcome", f"{run.outcome.name}: {run.outcome.value}")
    if run.regime:
        printing.line("regime", f"{run.regime.name}: {run.regime.value}")
    if run.law:
        printing.line("law", printing.law_text(run.law))
    printing.line("rigour", f"{run.rigour.name}: {run.rigour.value}")
    worst = float(run.trajectory.margin_error.isel(time=shown).max())
    if worst > _EXACT:
        off = f"y N(x) is off by at most {printing.show(worst, 2)} (1 + |y N(x)|)"
        printing.line("error", f"of a neuron's parameters, relative to them; {off}")


def _rows(samples: int, thin: bool) -> list[int]:
    """Which samples a terminal shows: all, or evenly chosen ones with the first and the last."""
    if not thin or samples <= _ROWS:
        return list(range(samples))
    return sorted({round(i * (samples - 1) / (_ROWS - 1)) for i in range(_ROWS)})


def _table(trajectory: xr.Dataset) -> Any:
    shown = _columns(trajectory)
    table = printing.table(("t", "left"), *((heading, "right") for heading in shown.values()))
    rows = zip(*(trajectory[name].values for name in shown), strict=True)
    for t, row in zip(trajectory.time.values, rows, strict=True):
        *values, error = row
        cells = (printing.show(float(value)) for value in values)
        table.add_row(printing.short(str(t)), *cells, printing.show(float(error), 2))
    return table


def _columns(trajectory: xr.Dataset) -> dict[str, str]:
    """Variables and their headings; of two neurons on a line all but the loss, which says less.

    Of other networks the loss, and what is defined somewhere: in the plane there is no x*.
    """
    if _is_simplest(trajectory):
        return {name: text for name, text in _HEADINGS.items() if name != "log_loss"}
    always = ("log10_t", "log_loss", "error")
    return {
        name: text
        for name, text in _HEADINGS.items()
        if name in always or trajectory[name].notnull().any()
    }


def _is_simplest(trajectory: xr.Dataset) -> bool:
    """Two neurons on a line."""
    return (trajectory.sizes["neuron"], trajectory.sizes["feature"]) == (2, 1)


def _next(run: Run, problem_flags: str) -> str:
    """What to do with what was found."""
    from latephase.core import Outcome

    discrete = hasattr(run.method, "step_size")
    blocked = hints.if_never_fitted(run.outcome, run.regime)
    blocked = blocked or hints.if_not_followed(run.outcome, discrete)
    if blocked:
        return blocked
    predict = f"latephase predict {problem_flags}"
    known = run.problem.has_closed_form
    if run.outcome is Outcome.transient:
        return "a later --until" + (f", or: {predict}" if known else "")
    if known:
        return f"steps to any distance from the limit: {predict}"
    return "what it converges to, in Python: latephase.limit(run)"
