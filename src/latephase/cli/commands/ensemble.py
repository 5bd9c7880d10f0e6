"""`latephase ensemble`: many networks drawn from an initializer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latephase.cli import flags, interrupt, kept, printing
from latephase.cli.problem import Task, stated
from latephase.cli.progress import progress

if TYPE_CHECKING:
    import xarray as xr

NAME = "ensemble"
HELP = "Draw many networks from an initializer, train each to any horizon, and count how they end."
EXAMPLES = r"""Examples

latephase ensemble --init he_normal --trials 10000 --inputs 1,-1 \
  --labels 1,-1 --step-size 0.1 --until 1e1000 --seed 0 --out runs.zarr

The same with --resume goes on after an interruption; without --out there is
only the table.
"""
_LEVEL = 0.95


@stated
def command(
    asked: Task,
    init: flags.Init,
    until: flags.Until = "1e1000",
    trials: flags.Trials = 10_000,
    seed: flags.Seed = 0,
    at: flags.At = None,
    samples: flags.Samples = 200,
    out: flags.RunStore = None,
    resume: flags.Resume = False,
    force: flags.Force = False,
    batch: flags.Batch = None,
    max_steps: flags.MaxSteps = 1_000_000,
) -> None:
    """Run the ensemble and print how its trials end."""
    kept.needs_out(out, resume or force, "name the store: --out runs.zarr")
    data, trained = asked.dataset(), asked.trained()
    interrupt.on_interruption(kept.trials_in(out, trials))
    with kept.warnings_told(), progress(f"ensemble {init}", "trials") as shown:
        from latephase.runs import ensemble

        found = ensemble(
            init,
            data,
            trained,
            trials=trials,
            seed=seed,
            until=until,
            at=at,
            samples=samples,
            out=out,
            resume=resume,
            force=force,
            batch=batch,
            max_steps=max_steps,
            progress=shown,
        )
    _print(found, out)


def _print(found: xr.Dataset, out: str | None) -> None:
    from collections import Counter

    from latephase.core import Outcome

    printing.print_table(_table(found))
    outcomes = Counter(found.outcome.values.tolist())
    for name, count in outcomes.most_common():
        printing.line("outcome", f"{count:,} {name}: {Outcome[name].value}")
    if out is None:
        printing.line("next", "keep the trajectories: add --out runs.zarr")
        return
    place = Path(out)
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    printing.line("store", f"{place} ({size / 1e6:,.1f} MB)")
    printing.line("next", f"in Python: xarray.open_zarr({str(place)!r}, consolidated=False)")


def _table(found: xr.Dataset) -> Any:
    """Regimes with their counts, shares, and the size of the law's constant."""
    import numpy as np

    from latephase.experiments.bench.statistics import quantiles, wilson

    regimes = found.regime.values
    constants = np.abs(found.law_constant.values)
    names, counts = np.unique(regimes, return_counts=True)
    share = wilson(counts, regimes.size, _LEVEL)
    interval = f">{_LEVEL:.0%} interval (Wilson)"
    table = printing.table("regime", ">trials", ">share", interval, ">median |C|")
    for i in np.argsort(-counts):
        ends = f"{share.lower[i]:.4f} to {share.upper[i]:.4f}"
        median = printing.show(quantiles(constants[regimes == names[i]], 0.5)[0], 4)
        table.add_row(names[i], f"{counts[i]:,}", f"{share.estimate[i]:.4f}", ends, median)
    return table
