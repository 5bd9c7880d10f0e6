"""A comparison: how far each method is from the limit, over one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError
from latephase.core.calls import public
from latephase.draw.checks import dataset_with
from latephase.draw.panels.canvas import picture
from latephase.experiments.bench.finding import Panel
from latephase.experiments.remedies.shown import CLOCKS, over_clock

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_GAPS = (
    ("limit_gap", "|x* - x_inf| (input units)"),
    ("margin_deficit", "margin deficit (input units)"),
    ("normalised_margin_gap", "gap of the normalised margin"),
)
"""What is left, by the first of these that is known, and its axis."""


@public
def plot_comparison(found: xr.Dataset, clock: str = "steps", ax: Any = None) -> Figure:
    """All methods of a comparison on one axis: what is left of the gap, over one clock.

    Parameters
    ----------
    found : xarray.Dataset
        What `compare` returned, or its store.
    clock : str
        "steps", "evaluations" (of the gradient), "flow_time", "loss" (ln(1/L)) or "norm" (the
        length of all parameters).
    ax : matplotlib Axes, optional
        Where to draw.  Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each method: the median, over the trials that it fits, of the distance of the
        boundary from its limit (input units; the margin deficit where there is no such limit).

    Raises
    ------
    InputError
        If this is no comparison, the clock has another name, or ax is something else.

    Notes
    -----
    Rigour: measured.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> methods = [lp.GradientDescent(0.1), lp.LossScaled(0.1)]
    >>> found = lp.compare("he_normal", data, methods, trials=20, seed=0, until=100)
    >>> figure = lp.plot_comparison(found, clock="flow_time")
    >>> figure.axes[0].get_xlabel()
    'log₁₀ of ln(flow time)'
    """
    dataset_with(found, ("algorithm", "trial", "time"), "what lp.compare returned")
    labels = {key: label for key, _, label in CLOCKS}
    if clock not in labels:
        raise InputError(f"a clock: {', '.join(labels)}", clock, "choose one of them")
    known = [(name, label) for name, label in _GAPS if _is_known(found, name)]
    gap, y_label = (known or _GAPS)[0]
    series = over_clock(found, found.algorithm.values.tolist(), clock, gap)
    trials = found.sizes["trial"]
    title = f"Median of {trials:,} trials" if trials > 1 else "One trial"
    return picture([Panel(series, labels[clock], y_label, title, y_scale="log")], ax)


def _is_known(found: xr.Dataset, name: str) -> bool:
    return name in found and bool(np.isfinite(found[name].isel(time=-1).values).any())
