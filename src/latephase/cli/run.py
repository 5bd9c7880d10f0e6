"""`latephase run`: one network, from initialisation to any horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from latephase.cli import flags, printing
from latephase.cli.progress import spinner

if TYPE_CHECKING:
    import xarray as xr

    from latephase.late import Run

NAME = "run"
HELP = "Train one network to any horizon, 10^1000 say, and print what it does on the way."
EXAMPLES = r"""Examples

latephase run --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --until 1e1000 --at 0,1,1e3,1e1000

With --json a program can read it; --method gf is gradient flow and takes no
--step-size.
"""
_ROWS = 20  # that a terminal shows when the times were not asked for one by one
_SCALARS = (
    "boundary",
    "robustness_margin",
    "margin_deficit",
    "log_margin_deficit",
    "log_loss",
    "error",
)


def command(
    inputs: flags.Inputs,
    labels: flags.Labels,
    weights: flags.Weights,
    biases: flags.Biases,
    until: flags.Until,
    output_weights: flags.OutputWeights = None,
    method: flags.Method = "gd",
    step_size: flags.StepSize = None,
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
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Simulate and print."""
    with spinner("training"):
        asked = flags.problem(inputs, labels, weights, biases, output_weights, method, step_size)
        from latephase.late import simulate

        run = simulate(
            asked.network,
            asked.data,
            asked.method,
            until=until,
            at=None if at is None else flags.words(at),
            samples=flags.whole(samples, "--samples"),
            loss=loss,
            max_steps=flags.whole(max_steps, "--max-steps"),
        )
    if json:
        printing.print_json(record(run))
    else:
        _print(run, at is None, asked.flags)


def record(run: Run) -> dict[str, Any]:
    """The run as a JSON object, as the contract of `run --json` states it."""
    return {
        "outcome": run.outcome.name,
        "regime": run.regime.name if run.regime else None,
        "law": printing.law_record(run.law),
        "samples": [_sample(run.trajectory.isel(time=i)) for i in range(run.trajectory.time.size)],
    }


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


def _print(run: Run, thin: bool, problem_flags: str) -> None:
    shown = _rows(run.trajectory.time.size, thin)
    printing.console().print(_table(run.trajectory.isel(time=shown)))
    printing.blank()
    if len(shown) < run.trajectory.time.size:
        total = run.trajectory.time.size
        printing.line("samples", f"{len(shown)} of {total} shown; --json has all, --at chooses")
    printing.line("outcome", f"{run.outcome.name}: {run.outcome.value}")
    if run.regime:
        printing.line("regime", f"{run.regime.name}: {run.regime.value}")
    if run.law:
        printing.line("law", printing.law_text(run.law))
    printing.line("rigour", f"{run.rigour.name}: {run.rigour.value}")
    printing.line("next", _next(run, problem_flags))


def _rows(samples: int, thin: bool) -> list[int]:
    """Which samples a terminal shows: all, or evenly chosen ones with the first and the last."""
    if not thin or samples <= _ROWS:
        return list(range(samples))
    return sorted({round(i * (samples - 1) / (_ROWS - 1)) for i in range(_ROWS)})


def _table(trajectory: xr.Dataset) -> Any:
    columns = ("log10 t", "boundary", "robustness margin", "ln deficit", "error")
    table = printing.table(("t", "left"), *((name, "right") for name in columns))
    names = ("log10_t", "boundary", "robustness_margin", "log_margin_deficit", "error")
    rows = zip(*(trajectory[name].values for name in names), strict=True)
    for t, row in zip(trajectory.time.values, rows, strict=True):
        *values, error = row
        cells = (printing.show(float(value)) for value in values)
        table.add_row(printing.short(str(t)), *cells, printing.show(float(error), 2))
    return table


def _next(run: Run, problem_flags: str) -> str:
    """What to do with what was found."""
    from latephase.core import Outcome

    if run.outcome is Outcome.settled and run.law:
        return f"steps to any distance from the limit: latephase predict {problem_flags}"
    advice = {
        Outcome.settled: "nothing moves any more; try other --weights or --biases",
        Outcome.transient: f"a later --until, or: latephase predict {problem_flags}",
        Outcome.budget_exhausted: "raise --max-steps",
        Outcome.overflowed: "lower --step-size",
        Outcome.unfitted: "another start, or more neurons; nothing is fitted any more",
    }
    return advice[run.outcome]
