"""`latephase compare`: many methods on the same networks, on one set of clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.cli import flags, interrupt, kept, printing, surroundings
from latephase.cli.cluster import cluster
from latephase.cli.failures import told_warnings
from latephase.cli.problem import ComparedTask, Points, names_of, stated
from latephase.cli.progress import progress
from latephase.core import InputError, Words
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

latephase compare --inputs "1,0;0,1;-1,-1" --labels 1,1,-1 --width 4 \
  --output-weights alternating --methods gd,adam --trials 100 --out runs.zarr

latephase compare --methods gd,heavy_ball:momentum=0.5,adam:eps=0 \
  --inputs 3,-1 --labels 1,-1 --step-size 0.5

Methods: gd, power_step, heavy_ball, nesterov, loss_scaled, normalized_gd,
polyak_step, loss_based, dual_acceleration, prgd, adam, sign_descent, sam,
weight_decay, fixed_radius, span_projection, sgd; parameters stand behind
colons, and an unknown one is answered with those that a method has.

Of two neurons on two points --out is a folder with a page; of other networks,
or if it ends in .zarr, a store of the runs.  --resume goes on with a store;
of a folder with a page it keeps the runs and writes the page anew.
"""
# The paper's data, where the flags state none.
_STORE = ".zarr"
_PAPER = Points(inputs=[1.0, -1.0], labels=[1.0, -1.0])


@stated
def command(
    asked: ComparedTask,
    methods: flags.Methods = "all",
    init: flags.Init = "standard_normal",
    step_size: flags.SharedStepSize = 0.1,
    until: flags.UntilStepped = "1e4",
    trials: flags.Trials = 200,
    seed: flags.Seed = 0,
    at: flags.At = None,
    samples: flags.Samples = 60,
    out: flags.ComparisonFolder = None,
    resume: flags.Resume = False,
    force: flags.Force = False,
    batch: flags.Batch = None,
    plot: flags.Plot = None,
    dask: flags.Dask = None,
) -> None:
    """Compare the methods and print the table."""
    kept.needs_out(out, resume or force, "name the folder: --out comparison")
    data = (asked if asked.given(*names_of(Points)) else _PAPER).dataset()
    with told_warnings():
        from latephase.experiments.remedies.compared import ALL
        from latephase.training.methods.table import named

        asked_for = ALL if methods == ["all"] else methods
        chosen = _labelled(asked_for, [named(one, step_size) for one in asked_for])
    drawn = {"trials": trials, "seed": seed, "until": until, "at": at, "samples": samples}
    more = {"batch": batch, "dask": dask, **drawn, **asked.shape()}
    compared = partial(_compared, init, data, chosen, **more)
    in_store = out is not None and (out.endswith(_STORE) or not asked.is_pair(data))
    if out is not None and not in_store and batch is not None:
        got = Words(f"--out {out}, a folder with a page")
        raise InputError(f"--out NAME{_STORE} with --batch", got, "leave out --batch")
    with kept.picture(plot) as draw:
        if in_store:
            interrupt.on_interruption(kept.trials_in(str(out), trials))
            with kept.warnings_told():
                found = compared(out=out, resume=resume, force=force)
            _print(data, found)
            printing.line("store", str(out))
            printing.line("next", f"in Python: xarray.open_zarr({out!r}, consolidated=False)")
        else:
            request = {"init": init, "methods": [*asked_for], "step_size": step_size, **drawn}
            request |= {"inputs": data.inputs.tolist(), "labels": data.labels.tolist()}
            found = _with_page(data, compared, out, force, request | asked.shape(), resume)
        draw(lambda: drawing("comparison.plot_comparison")(found))
    if plot is not None:
        printing.line("picture", plot)


def _with_page(
    data: Dataset,
    compared: Callable[[], xr.Dataset],
    out: str | None,
    force: bool,
    request: dict[str, Any],
    resume: bool,
) -> xr.Dataset:
    """The comparison, its table printed and with `out` its page written.

    request: all that decides the runs;  resume: take them from the page's folder if it is there.
    """
    with kept.reserved(out, force, "comparison") as place:
        found = _kept_runs(Path(str(out)), request) if resume else None
        if found is not None:
            printing.line("resumed", f"the runs of {out} are kept, only the page is written anew")
        found = compared() if found is None else found
        finding = _print(data, found)  # before the report: a full disk must not take what was done
        if place is None:
            what = "table, figures and runs" if finding else "the runs"
            end = "comparison" if finding else f"runs{_STORE}"
            printing.line("next", f"keep {what}: add --out {end}")
            return found
        assert finding is not None
        page = _reported(*finding, found, place, request)
    interrupt.on_interruption(lambda: f"the comparison is complete: {page}")
    printing.line("page", str(page))
    runs = str(page.parent / "data/runs.zarr")
    printing.line("runs", f"in Python: xarray.open_zarr({runs!r}, consolidated=False)")
    return found


def _compared(
    init: str, data: Dataset, methods: Any, *, dask: str | None, **more: Any
) -> xr.Dataset:
    with cluster(dask) as client, progress("compare", "updates") as shown:
        from latephase.runs.compare import compare

        return compare(init, data, methods, **more, progress=shown, client=client)


def _labelled(texts: Sequence[str], methods: list[Any]) -> list[Any] | dict[str, Any]:
    """The methods by what the user calls them; as they are where that is what they are called."""
    from latephase.training.methods.table import stepped, texts_of

    once = len(set(texts)) == len(texts)
    alike = texts_of([stepped(one) for one in methods])[0] == list(texts)
    return dict(zip(texts, methods, strict=True)) if once and not alike else methods


def _kept_runs(folder: Path, request: dict[str, Any]) -> xr.Dataset | None:
    """The runs of the page that stands there; None without one.  Raises InputError on another."""
    import xarray as xr

    from latephase.report.write import RUNS
    from latephase.store.marker import is_ours, read_marker
    from latephase.store.work import refuse_other

    marker = read_marker(folder)
    if marker is None or not marker.complete or not is_ours(folder):
        return None
    refuse_other(marker.settings, request, "comparison")
    with xr.open_zarr(folder / RUNS, consolidated=False) as runs:
        return runs.load()


def _reported(
    statement: Statement,
    finding: Finding,
    found: xr.Dataset,
    place: Output,
    request: dict[str, Any],
) -> Path:
    """Write the page and what belongs to it; the page."""
    surroundings.prepare_drawing()
    from latephase.report import write_comparison
    from latephase.store.provenance import provenance

    made = {**provenance(), "command": kept.command_line()}
    return write_comparison(statement, finding, found, place, made, settings=request)


def _print(data: Dataset, found: xr.Dataset) -> tuple[Statement, Finding] | None:
    """The table, and for two neurons on two points what a report says of it."""
    if "limit_gap" not in found:
        _print_any(found)
        return None
    from latephase.experiments.remedies.comparison import comparison

    statement, finding, rows = comparison(data, found)
    _print_pairs(data, rows)
    return statement, finding


def _print_any(found: xr.Dataset) -> None:
    """Medians over the trials that a method fits, at the end."""
    import numpy as np

    from latephase.experiments.bench.statistics import quantiles

    columns = ("robustness_margin", "margin_deficit", "normalised_margin", "log_loss", "norm")
    table = printing.table("method", ">fitted", *(f">{name.replace('_', ' ')}" for name in columns))
    end = found.isel(time=int(found.log10_t.values.argmax()))
    for k, name in enumerate(found.algorithm.values):
        fitted = found.fitted.values[k]
        cells = []
        for column in columns:
            values = end[column].values[k][fitted]
            (middle,) = quantiles(values[np.isfinite(values)], 0.5)
            cells.append(printing.show(middle, 4))
        table.add_row(str(name), printing.show(float(fitted.mean()), 3), *cells)
    printing.print_table(table)
    printing.line("medians", f"of fitted trials, at t = {end.time.values}")


def _print_pairs(data: Dataset, rows: list[MethodRow]) -> None:
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
