"""`latephase compare`: many methods on the same networks, on one set of clocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latephase.cli import flags, interrupt, kept, printing, surroundings
from latephase.cli.failures import told_warnings
from latephase.cli.problem import Points, names_of, stated
from latephase.cli.progress import progress
from latephase.core import InputError
from latephase.core.pictures import drawing

if TYPE_CHECKING:
    import xarray as xr

    from latephase.experiments.bench.base import Statement
    from latephase.experiments.bench.finding import Finding
    from latephase.experiments.remedies.compared import MethodRow
    from latephase.problem import Dataset
    from latephase.store.output import Output

NAME = "compare"
HELP = "Train the same networks by many methods and compare them: same rate, other clock, or worse."
EXAMPLES = r"""Examples

latephase compare

latephase compare --methods gd,loss_scaled,nesterov --init he_normal \
  --trials 1000 --until 1e5 --out comparison

latephase compare --methods gd,heavy_ball:momentum=0.5,adam:eps=0 \
  --inputs 3,-1 --labels 1,-1 --step-size 0.5

Methods: gd, power_step, heavy_ball, nesterov, loss_scaled, normalized_gd,
polyak_step, loss_based, dual_acceleration, prgd, adam, sign_descent, sam,
weight_decay, fixed_radius, span_projection, sgd; parameters stand behind
colons, and an unknown one is answered with those that a method has.
"""
# The paper's data, where the flags state none.
_PAPER = Points(inputs=[1.0, -1.0], labels=[1.0, -1.0])


@stated
def command(
    asked: Points,
    methods: flags.Methods = "all",
    init: flags.Init = "standard_normal",
    step_size: flags.SharedStepSize = 0.1,
    until: flags.UntilStepped = "1e4",
    trials: flags.Trials = 200,
    seed: flags.Seed = 0,
    samples: flags.Samples = 60,
    out: flags.ComparisonFolder = None,
    force: flags.Force = False,
    plot: flags.Plot = None,
) -> None:
    """Compare the methods and print the table."""
    if out is None and force:
        raise InputError("--out with --force", None, "name the folder: --out comparison")
    data = (asked if asked.given(*names_of(Points)) else _PAPER).dataset()
    with told_warnings():
        from latephase.experiments.remedies.compared import ALL
        from latephase.training.methods.table import named

        chosen = [named(one, step_size) for one in (ALL if methods == ["all"] else methods)]
    with kept.picture(plot) as draw, kept.reserved(out, force, "comparison") as place:
        with progress("compare", "updates") as shown:
            from latephase.experiments.remedies.comparison import comparison
            from latephase.runs.compare import compare

            found = compare(
                init,
                data,
                chosen,
                trials=trials,
                seed=seed,
                until=until,
                samples=samples,
                progress=shown,
            )
            statement, finding, rows = comparison(data, found)
        _print(data, rows)  # before the report: a full disk must not take what was computed
        draw(lambda: drawing("comparison.plot_comparison")(found))
        if plot is not None:
            printing.line("picture", plot)
        if place is None:
            printing.line("next", "keep table, figures and runs: add --out comparison")
            return
        page = _reported(statement, finding, found, place)
    interrupt.on_interruption(lambda: f"the comparison is complete: {page}")
    printing.line("page", str(page))
    runs = str(page.parent / "data/runs.zarr")
    printing.line("runs", f"in Python: xarray.open_zarr({runs!r}, consolidated=False)")


def _reported(statement: Statement, finding: Finding, found: xr.Dataset, place: Output) -> Path:
    """Write the report; its page."""
    surroundings.prepare_drawing()
    from latephase.report import write_report
    from latephase.store.provenance import provenance

    made = {**provenance(), "command": kept.command_line()}
    return write_report([(statement, finding)], place, made, lead=finding.summary, runs=found)


def _print(data: Dataset, rows: list[MethodRow]) -> None:
    from latephase.experiments.bench.decay import FLOOR
    from latephase.experiments.remedies.compared import effect

    last = max(rows[0].gaps)
    heads = ("method", ">fitted", f">gap at 1e{last}", "decay of the gap", "effect")
    table = printing.table(*heads)
    for row in rows:
        gap = row.gaps[last]
        # Below the floor its digits differ between machines.
        shown = f"< {FLOOR:g}" if gap < FLOOR else printing.show(gap, 3)
        fitted = printing.show(row.fitted, 3)
        table.add_row(row.method, fitted, shown, row.decay.text, effect(row, rows[0], data))
    printing.print_table(table)
    printing.line("gap", "|x* - x_inf|, medians of fitted trials, in input units")
