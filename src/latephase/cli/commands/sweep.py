"""`latephase sweep`: a grid of ensembles, as a TOML file states it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latephase.cli import flags, interrupt, kept, printing
from latephase.cli.cluster import cluster
from latephase.cli.progress import progress
from latephase.core import InputError, Words

if TYPE_CHECKING:
    import xarray as xr

NAME = "sweep"
HELP = "Run an ensemble at every point of a grid that a TOML file states."
EXAMPLES = r"""Examples

latephase sweep steps.toml --out steps.zarr

latephase sweep steps.toml --out steps.zarr --resume --dask local:2

with steps.toml:

  initializer = "he_normal"
  inputs = [1, -1]
  labels = [1, -1]
  trials = 1000
  seed = 0
  until = "1e1000"

  [grid]
  step_size = [0.01, 0.1, 1]
  negative_slope = [0, 0.1]

Swept over are step_size, method ("gd", "gf"), initializer, seed, loss, width,
output_weights, bias, train_output, negative_slope, and data: a table
[grid.data.NAME] with inputs and labels for each.
"""
_MOST_ROWS = 40


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What is swept over.")],
    out: flags.RunStore = None,
    resume: flags.Resume = False,
    force: flags.Force = False,
    batch: flags.Batch = None,
    dask: flags.Dask = None,
) -> None:
    """Run the sweep and print how the trials of each point end."""
    kept.needs_out(out, resume or force, "name the store: --out sweep.zarr")
    grid, fixed = _read(file)
    interrupt.on_interruption(kept.trials_in(out, fixed["trials"]))
    told = progress(f"sweep {file.name}", "trials")
    with kept.warnings_told(), cluster(dask) as client, told as shown:
        from latephase.runs import sweep

        stored: dict[str, Any] = {"out": out, "resume": resume, "force": force, "batch": batch}
        found = sweep(grid, **fixed, **stored, progress=shown, client=client)
    _print(found, list(grid))
    if out is None:
        printing.line("next", "keep the trajectories: add --out sweep.zarr")
        return
    printing.store(out)


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The grid of a file, and what is the same at every point.  Raises InputError."""
    stated = _stated(file)
    grid = stated.pop("grid")
    points = {name: stated.pop(name) for name in ("inputs", "labels") if name in stated}
    if points:
        stated["data"] = _data(points)
    if isinstance(grid.get("data"), dict):
        grid["data"] = {name: _data(one) for name, one in grid["data"].items()}
    step = stated.get("step_size")
    if "method" in stated:
        stated["method"] = _method(stated["method"], step)
        stated.pop("step_size", None)
    if isinstance(grid.get("method"), list):
        grid["method"] = {str(one): _method(one, step) for one in grid["method"]}
        stated.pop("step_size", None)
    return grid, stated


def _stated(file: Path) -> dict[str, Any]:
    """What a file says, with a grid and a number of trials.  Raises InputError."""
    try:
        stated = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "no text in UTF-8"
        raise InputError("a TOML file", Words(f"{file} ({said})"), "see --help for one") from None
    except tomllib.TOMLDecodeError as error:
        got = Words(f"{file}: {error}")
        raise InputError("a TOML file", got, "mend that line; see --help for an example") from None
    grid, trials = stated.get("grid"), stated.get("trials")
    if not isinstance(grid, dict) or not grid:
        raise InputError(f"a table [grid] in {file}", grid, "see --help for an example")
    if not isinstance(trials, int):
        raise InputError(f"trials in {file}", trials, "write for example trials = 100")
    return stated


def _data(given: Any) -> Any:
    from latephase.problem import Dataset

    if not isinstance(given, dict) or given.keys() != {"inputs", "labels"}:
        raise InputError("inputs and labels of each data set", given, "give both and nothing else")
    return Dataset(given["inputs"], given["labels"])


def _method(name: Any, step_size: Any) -> Any:
    from latephase.problem import GradientDescent, GradientFlow

    if name == "gf":
        return GradientFlow()
    if name == "gd" and step_size is not None:
        return GradientDescent(step_size)
    raise InputError('method "gf", or "gd" with a step_size', name, "write one of these")


def _print(found: xr.Dataset, dims: list[str]) -> None:
    """A table of the points: how many trials fit the data in the end, and the margins of these."""
    import numpy as np

    def median(values: Any) -> str:
        known = values[~np.isnan(values)]
        return printing.show(float(np.median(known)), 4) if known.size else ""

    points = list(np.ndindex(*(found.sizes[dim] for dim in dims)))
    heads = (">trials", ">fit the data", ">median limit margin", ">median |C| of the margin")
    table = printing.table(*dims, *heads)
    for index in points[:_MOST_ROWS]:
        place = dict(zip(dims, index, strict=True))
        one = found.isel(place)
        at = [str(found[dim].values[k]) for dim, k in place.items()]
        fitted = int(one.limit_margin.notnull().sum())
        ends = median(one.limit_margin.values), median(np.abs(one.margin_constant.values))
        table.add_row(*at, f"{one.sizes['trial']:,}", f"{fitted:,}", *ends)
    printing.print_table(table)
    if len(points) > _MOST_ROWS:
        printing.line("more", f"{len(points) - _MOST_ROWS:,} points are not shown")
