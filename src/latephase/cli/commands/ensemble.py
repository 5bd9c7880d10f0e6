"""`latephase ensemble`: many networks drawn from an initializer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latephase.cli import flags, interrupt, kept, printing
from latephase.cli.cluster import cluster
from latephase.cli.problem import Task, stated
from latephase.cli.progress import progress
from latephase.core.pictures import drawing

if TYPE_CHECKING:
    import xarray as xr

NAME = "ensemble"
HELP = "Draw many networks from an initializer, train each to any horizon, and count how they end."
EXAMPLES = r"""Examples

latephase ensemble --init he_normal --trials 10000 --inputs 1,-1 \
  --labels 1,-1 --step-size 0.1 --until 1e1000 --seed 0 --out runs.zarr

The same with --resume goes on after an interruption; without --out there is
only the table.  Wider networks, more points, more features:

latephase ensemble --init he_normal --width 4 --output-weights alternating \
  --inputs "1,0;0,1;-1,-1" --labels 1,1,-1 --step-size 0.1 --trials 50
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
    tolerance: flags.Tolerance = None,
    slide_tolerance: flags.SlideTolerance = None,
    plot: flags.Plot = None,
    dask: flags.Dask = None,
) -> None:
    """Run the ensemble and print how its trials end."""
    kept.needs_out(out, resume or force, "name the store: --out runs.zarr")
    data, trained = asked.dataset(), asked.trained()
    interrupt.on_interruption(kept.trials_in(out, trials))
    with kept.picture(plot) as draw:
        told = progress(f"ensemble {init}", "trials")
        with kept.warnings_told(), cluster(dask) as client, told as shown:
            from latephase.runs import ensemble

            found = ensemble(
                init,
                data,
                trained,
                **asked.shape(),
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
                tolerance=tolerance,
                slide_tolerance=slide_tolerance,
                progress=shown,
                client=client,
            )
        _print(found, out, data.optimal_margin)
        draw(lambda: drawing("ensemble.plot_ensemble")(found))
    if plot is not None:
        printing.line("picture", plot)


def _print(found: xr.Dataset, out: str | None, optimal: float) -> None:
    from collections import Counter

    from latephase.core import Outcome

    printing.print_table(_table(found))
    if (found.regime.values == "").any():
        low, middle, high = _quantiles(found.limit_margin.values, 0.1, 0.5, 0.9)
        spread = f"limit {middle} (median), {low} to {high} (10 % to 90 %)"
        printing.line("margin", f"{spread}; largest possible {printing.show(optimal)}")
    meanings = {one.name: one.value for one in Outcome} | {"failed": "an error, see the warnings"}
    outcomes = Counter(found.outcome.values.tolist())
    for name, count in outcomes.most_common():
        printing.line("outcome", f"{count:,} {name}: {meanings[name]}")
    if out is None:
        printing.line("next", "keep the trajectories: add --out runs.zarr")
        return
    printing.store(out)


def _table(found: xr.Dataset) -> Any:
    """How trials end, with their counts, shares, and the size of the law's constant.

    By regime, and the boundary's law, where each that has settled has one; else by outcome and
    regime, and the margin's law.
    """
    import numpy as np

    from latephase.experiments.bench.statistics import wilson

    ends, heading, constants = found.regime.values, "regime", (">median |C|", found.law_constant)
    if (ends == "").any():
        pairs = zip(found.outcome.values, ends, strict=True)
        ends = np.array([f"{outcome}, {regime}".rstrip(", ") for outcome, regime in pairs])
        heading, constants = "end", (">median |C| of the margin", found.margin_constant)
    names, counts = np.unique(ends, return_counts=True)
    share = wilson(counts, ends.size, _LEVEL)
    interval = f">{_LEVEL:.0%} interval (Wilson)"
    table = printing.table(heading, ">trials", ">share", interval, constants[0])
    for i in np.argsort(-counts):
        between = f"{share.lower[i]:.4f} to {share.upper[i]:.4f}"
        (median,) = _quantiles(np.abs(constants[1].values[ends == names[i]]), 0.5)
        table.add_row(names[i], f"{counts[i]:,}", f"{share.estimate[i]:.4f}", between, median)
    return table


def _quantiles(values: Any, *shares: float) -> list[str]:
    """Quantiles of the numbers among the values, as they are shown."""
    import numpy as np

    from latephase.experiments.bench.statistics import quantiles

    return [printing.show(q, 4) for q in quantiles(values[~np.isnan(values)], *shares)]
