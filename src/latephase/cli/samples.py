"""Samples of a run as they are printed: which of them, in what columns, as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from latephase.cli import printing
from latephase.core.shown import time_up

if TYPE_CHECKING:
    import xarray as xr

    from latephase.core.arrays import Floats
    from latephase.runs import Run

_ROWS = 16  # that are read at a glance
_DENSE = 6.0  # log10 of the time up to which decades are shown in any case
_TURNS = 3  # of the margin, that are shown beside them
_STILL = 1e-9  # a margin that changes by less, in input units, turns nowhere
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


def rounded(run: Run) -> xr.Dataset:
    """The trajectory, with 0 for numbers of which no digit is known.

    On points of the size 1, a boundary of -5e-17 and a deficit of 1.6e-15 are what is left of a
    difference of numbers near 1, and another machine has others.  Runs with a late phase of their
    own know both apart from the margin, to their digits.
    """
    found = run.trajectory
    if run.problem.has_closed_form:
        return found
    least = printing.ROUNDING * float(abs(run.data.inputs).max())
    deficit = found.margin_deficit
    return found.assign(
        boundary=found.boundary.where(~(abs(found.boundary) < least), 0.0),
        margin_deficit=deficit.where(~(abs(deficit) < least), 0.0),
        log_margin_deficit=found.log_margin_deficit.where(~(deficit < least), -math.inf),
    )


def records(run: Run) -> list[dict[str, Any]]:
    """The samples as JSON objects, as the contract of `run --json` states them."""
    shown = rounded(run)
    weights = shown.weights.values
    layers = ("biases", "output_weights", "output_bias")
    numbers = ("log10_t", *layers, *_SCALARS)  # a list for each, for xarray takes its time
    columns = {name: shown[name].values.tolist() for name in numbers if name in shown}
    columns["weights"] = (weights[..., 0] if weights.shape[-1] == 1 else weights).tolist()
    columns["t"] = list(map(str, shown.time.values))
    columns["rigour"] = [one or None for one in shown.rigour.values.tolist()]
    order = ("t", "log10_t", "weights", *layers, *_SCALARS, "rigour")
    present = [name for name in order if name in columns]
    rows = zip(*(columns[name] for name in present), strict=True)
    return [dict(zip(present, row, strict=True)) for row in rows]


def readable(trajectory: xr.Dataset) -> list[int]:
    """Which of many samples a terminal shows: sixteen or so, first and last among them.

    The start; the decades up to 10^14, or parts of decades where the end comes sooner, or those up
    to 10^6 and times even in ln ln t where it comes later; and where the margin turns: it may fall
    from 1 to 0.88 and rise again, all of it between t = 10 and 100.
    """
    import numpy as np

    log10_t, margins = trajectory.log10_t.values, trajectory.robustness_margin.values
    if len(log10_t) <= _ROWS:
        return list(range(len(log10_t)))
    marks = [int(np.argmin(np.abs(log10_t - one))) for one in _marks(log10_t)]
    with np.errstate(invalid="ignore"):  # without a zero a margin is infinite, or undefined
        steps = np.nan_to_num(np.diff(margins))
    moving = np.flatnonzero(np.abs(steps) > _STILL)
    turning = moving[1:][np.diff(np.sign(steps[moving])) != 0]
    return sorted({0, *marks, *turning[:_TURNS].tolist(), len(log10_t) - 1})


def _marks(log10_t: Floats) -> Floats:
    """log10 of the times to show, from the first after 0, or 1, to the last."""
    import numpy as np

    first, end = min(0.0, np.floor(log10_t[np.isfinite(log10_t)].min())), log10_t.max()
    if end - first <= _ROWS - 2:
        parts = max(1, int((_ROWS - 2) / max(end - first, 0.1)))
        return np.append(np.arange(first, end, 1 / parts), end)
    return np.append(np.arange(first, _DENSE), np.geomspace(_DENSE, end, int(_ROWS - 1 - _DENSE)))


def table(trajectory: xr.Dataset) -> Any:
    """The samples as rows.

    Of two neurons on a line all columns but the loss, which says less; of other networks the loss,
    and what is defined somewhere: in the plane there is no x*.
    """
    if is_simplest(trajectory):
        names = [name for name in _HEADINGS if name != "log_loss"]
    else:
        sure = ("log10_t", "log_loss", "error")
        names = [n for n in _HEADINGS if n in sure or trajectory[n].notnull().any()]
    shown = printing.table("t", *(f">{_HEADINGS[name]}" for name in names))
    columns = [trajectory[name].values.tolist() for name in names]
    for t, *values, error in zip(trajectory.time.values, *columns, strict=True):
        cells = map(printing.show, values)
        shown.add_row(time_up(str(t)), *cells, printing.show(error, 2))
    return shown


def is_simplest(trajectory: xr.Dataset) -> bool:
    """Two neurons on a line."""
    return (trajectory.sizes["neuron"], trajectory.sizes["feature"]) == (2, 1)
