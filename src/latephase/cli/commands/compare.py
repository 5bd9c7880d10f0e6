"""`latephase compare`: many methods on the same networks, on one set of clocks."""

from __future__ import annotations

import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latephase.cli import flags, interrupt, printing
from latephase.cli.failures import say
from latephase.cli.problem import Points, stated
from latephase.cli.progress import progress
from latephase.core import InputError

if TYPE_CHECKING:
    import xarray as xr

    from latephase.experiments.remedies.compared import Row
    from latephase.problem import Dataset

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
_PAPER = {"--inputs": "1,-1", "--labels": "1,-1"}


@stated
def command(
    asked: Points,
    methods: Annotated[
        str,
        typer.Option(
            metavar="NAME,NAME:PARAMETER=VALUE,...",
            help="Methods to compare, or 'all'. \\[default: all]",
            show_default=False,
        ),
    ] = "all",
    init: flags.Init = "standard_normal",
    step_size: Annotated[
        str,
        typer.Option(
            metavar="ETA",
            help="Step size of every method that has one and is given none of its own.",
            rich_help_panel=flags.PROBLEM,
        ),
    ] = "0.1",
    until: Annotated[
        str, typer.Option(metavar="T", help="Updates to make, one by one: at most 1e8.")
    ] = "1e4",
    trials: flags.Trials = "200",
    seed: flags.Seed = "0",
    samples: flags.Samples = "41",
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder for page, tables, figures and runs."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace --out even if latephase did not write it.")
    ] = False,
) -> None:
    """Compare the methods and print the table."""
    if out is None and force:
        raise InputError("--out with --force", None, "name the folder: --out comparison")
    data, size = _dataset(asked), flags.number(step_size, "--step-size")
    options: dict[str, Any] = {
        "trials": flags.whole(trials, "--trials"),
        "seed": flags.whole(seed, "--seed"),
        "until": until,
        "samples": flags.whole(samples, "--samples"),
    }
    with _said_aloud():
        chosen = _methods(methods, size)
    with _reserved(out, force), progress("compare", "updates") as shown:
        from latephase.runs.compare import compare

        found = compare(init, data, chosen, **options, progress=shown)
        page, rows = _reported(data, found, out, force)
    interrupt.on_interruption(lambda: f"the comparison is complete: {page}")
    _print(data, rows, page)


def _dataset(asked: Points) -> Dataset:
    """The data that the flags state; the paper's where they state none."""
    if all(text is None for text in asked.of(Points).values()):
        asked = Points(inputs=_PAPER["--inputs"], labels=_PAPER["--labels"])
    return asked.dataset()


def _methods(text: str, step_size: float) -> list[Any]:
    from latephase.experiments.remedies.compared import ALL
    from latephase.training.methods.table import named

    texts = list(ALL) if text.strip() == "all" else flags.words(text)
    return [named(one, step_size) for one in texts]


@contextmanager
def _said_aloud() -> Iterator[None]:
    """Warnings as lines on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for one in caught:
        say(f"warning: {one.message}")


@contextmanager
def _reserved(out: str | None, force: bool) -> Iterator[None]:
    """Refuse an output that cannot be written before the work, not after it."""
    from latephase.store.directory import claim_output

    if out is None:
        interrupt.on_interruption(lambda: "nothing was kept, for there is no --out")
        yield
        return
    partial = claim_output(out, force=force)

    def withdrawn() -> str:
        shutil.rmtree(partial, ignore_errors=True)
        return "nothing was written and nothing was kept; start again to make it"

    interrupt.on_interruption(withdrawn)
    try:
        yield
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # gone already if the report was put in place


def _reported(
    data: Dataset, found: xr.Dataset, out: str | None, force: bool
) -> tuple[Path | None, list[Row]]:
    """The page, if one is wanted, and the rows of the table."""
    from latephase.experiments.remedies.comparison import comparison

    claim, finding, rows = comparison(data, found)
    if out is None:
        return None, rows
    from latephase.report import write_report
    from latephase.store.provenance import provenance

    made = {**provenance(), "command": shlex.join(["latephase", *sys.argv[1:]])}
    page = write_report(
        [(claim, finding)], Path(out), made, lead=finding.summary, force=force, runs=found
    )
    return page, rows


def _print(data: Dataset, rows: list[Row], page: Path | None) -> None:
    from latephase.experiments.bench.decay import FLOOR
    from latephase.experiments.remedies.compared import effect

    last = max(rows[0].gaps)
    heads = ("fitted", f"gap at 1e{last}")
    table = printing.table(
        ("method", "left"),
        *((head, "right") for head in heads),
        ("decay of the gap", "left"),
        ("effect", "left"),
    )
    for row in rows:
        gap = row.gaps[last]
        rounding = gap < FLOOR  # its digits differ between machines
        shown = [
            printing.show(row.fitted, 3),
            f"< {FLOOR:g}" if rounding else printing.show(gap, 3),
        ]
        table.add_row(row.method, *shown, row.decay.text, effect(row, rows[0], data))
    printing.console().print(table)
    printing.blank()
    printing.line("gap", "|x* - x_inf|, medians of fitted trials, in input units")
    if page is None:
        printing.line("next", "keep table, figures and runs: add --out comparison")
        return
    printing.line("page", str(page))
    printing.line(
        "runs",
        f"in Python: xarray.open_zarr({str(page.parent / 'data/runs.zarr')!r}, consolidated=False)",
    )
