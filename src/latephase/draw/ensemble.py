"""An ensemble: margins as quantile bands, how trials end, and constants against their law."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Outcome, Regime
from latephase.core.arrays import Bools, Floats
from latephase.core.calls import public
from latephase.draw.checks import dataset_with
from latephase.draw.panels import times
from latephase.draw.panels.canvas import picture
from latephase.draw.resolved import ascending
from latephase.experiments.bench.bands import quantile_band
from latephase.experiments.bench.finding import Panel, Series
from latephase.experiments.bench.statistics import wilson

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

_LN10 = math.log(10)
_LEVEL = 0.95
_BESIDE = 1.5  # a factor: how far an axis of constants goes beyond them
_PATHS = 5  # single trials in a band
_PAIRS = [Regime.specialised.name, Regime.one_dead.name, Regime.both_dead.name]
_OTHERS = [Outcome.settled.name, Outcome.unfitted.name]
_SAME = 1e-12  # of the optimum: a limit that is the optimum up to rounding


@public
def plot_ensemble(found: xr.Dataset, ax: Any = None) -> Figure:
    """An ensemble: margins and deficits as quantile bands, how trials end, constants and law.

    Parameters
    ----------
    found : xarray.Dataset
        What `ensemble` returned, or its store.
    ax : matplotlib Axes or list of up to four, optional
        Where to draw; one gets the margins alone.  Default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
        Of the trials whose loss tends to 0 the median margin and deficit over log10 t (input
        units), the band of 5 to 95 % and some single trials; the share of each regime, or outcome
        where networks have no regime, with its 95 % interval (Wilson); and the constant that the
        last sample shows, (limit - margin) (ln t + offset)^exponent, against the law's own.  Of
        inputs of more than two features, whose margins are not measured, losses and ends alone.

    Raises
    ------
    InputError
        If this is no ensemble, or ax is something else.

    Notes
    -----
    Rigour: that of the trials, and measured for the intervals [wilson1927].

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> gd = lp.GradientDescent(0.1)
    >>> runs = lp.ensemble("he_normal", data, gd, trials=100, seed=0, samples=20)
    >>> figure = lp.plot_ensemble(runs)
    >>> len(figure.axes)
    4
    """
    dataset_with(found, ("trial", "time"), "what lp.ensemble returned")
    seen = ascending(found)
    fitted = np.isfinite(seen.limit_margin.values)
    rows = fitted if fitted.any() else np.ones_like(fitted)
    panels, ends = _over_time(seen, rows), _ends(seen)
    return picture([*panels, ends, *([_constants(seen, rows)] if len(panels) > 1 else [])], ax)


def _over_time(seen: xr.Dataset, rows: Bools) -> list[Panel]:
    """Margins and deficits of some trials; their losses alone where margins are not measured."""
    flow = str(seen.attrs.get("method", "")).startswith("GradientFlow")
    x, across = times.across(seen.log10_t.values, "units of flow time" if flow else "updates")
    who = f"{rows.sum():,} of {len(rows):,} trials"
    margin = seen.robustness_margin.values[rows]
    if not np.isfinite(margin).any():
        loss = quantile_band(x, seen.log_loss.values[rows] / _LN10, _PATHS)
        return [Panel(loss, y_label="log10 of the loss", title=f"Loss, {who}", **across)]
    deficit = np.exp(seen.log_margin_deficit.values[rows])
    levels = [*quantile_band(x, margin, _PATHS), *_optimum(seen, x)]
    left = quantile_band(x, np.where(deficit > 0, deficit, np.nan), _PATHS)
    up: dict[str, Any] = {"y_label": "deficit (input units)", "y_scale": "log"}
    return [
        Panel(levels, y_label="margin (input units)", title=f"Margin, {who}", **across),
        Panel(left, title="Margin deficit", **up, **across),
    ]


def _optimum(seen: xr.Dataset, x: Floats) -> list[Series]:
    """The largest possible margin, which margin and deficit make together."""
    total = (seen.robustness_margin + seen.margin_deficit).values
    finite = total[np.isfinite(total)]
    if not len(finite):
        return []
    return [Series("line", x[[0, -1]], np.full(2, finite[0]), "largest possible", role="reference")]


def _ends(seen: xr.Dataset) -> Panel:
    """The shares of regimes, or of outcomes where what has settled has no name."""
    of_pairs = bool((seen.regime.values != "").any())
    ends = np.where(seen.regime.values == "", seen.outcome.values, seen.regime.values)
    found, counts = np.unique(ends, return_counts=True)
    none = np.setdiff1d(_PAIRS if of_pairs else _OTHERS, found)  # shown, too, as it may be chance
    names, counts = np.append(found, none), np.append(counts, np.zeros(len(none), int))
    order = np.argsort(-counts, kind="stable")
    share = wilson(counts[order], len(ends), _LEVEL)
    bars = Series(
        "bars",
        [str(name).replace("_", " ") for name in names[order]],
        share.estimate,
        y2=np.array([share.lower, share.upper]),
        colour=0,
    )
    return Panel([bars], "", "share of trials", "How trials end (95 % interval)")


def _constants(seen: xr.Dataset, rows: Bools) -> Panel:
    """The constant of the margin's law in the last sample against the predicted one."""
    last = seen.isel(time=-1, trial=np.flatnonzero(rows))
    law, shown = np.abs(last.margin_constant.values), np.abs(shown_constants(last))
    kept = np.isfinite(law) & np.isfinite(shown) & (law > 0) & (shown > 0)
    points = Series("points", law[kept], shown[kept], "trials", colour=0)
    every = np.concatenate([law[kept], shown[kept]])
    # The same ends on both axes: equal constants would else show their rounding.
    ends = (every.min() / _BESIDE, every.max() * _BESIDE) if kept.any() else (0.1, 1.0)
    line = Series("line", ends, ends, "equal", role="prediction")
    scales: dict[str, Any] = {
        "x_scale": "log",
        "y_scale": "log",
        "x_limits": ends,
        "y_limits": ends,
    }
    labels = ("|C| predicted (input units)", f"|C| at t = {_time(last)} (input units)")
    return Panel([points, line], *labels, "Constant of the law", **scales)


def _time(last: xr.Dataset) -> str:
    log10 = float(last.log10_t)
    return "0" if math.isinf(log10) else f"10^{log10:.4g}"


def shown_constants(last: xr.Dataset) -> Floats:
    """(limit_margin - margin) (ln t + offset)^exponent (trial,) of one sample of an ensemble."""
    margin, deficit = last.robustness_margin.values, last.margin_deficit.values
    limit, best = last.limit_margin.values, margin + deficit
    exact = np.exp(last.log_margin_deficit.values)  # the digits of a difference of equal numbers
    gap = np.where(np.abs(limit - best) <= _SAME * best, exact, limit - margin)
    offset = np.nan_to_num(last.law_offset.values)
    clock = _LN10 * last.log10_t.values + offset
    with np.errstate(all="ignore"):
        return np.asarray(gap * np.where(clock > 0, clock, np.nan) ** last.law_exponent.values)
