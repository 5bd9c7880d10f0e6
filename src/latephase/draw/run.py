"""A run over time: its margin and how much of it is missing, with the law beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Law
from latephase.core.arrays import Bools, Floats
from latephase.draw.panels import times
from latephase.draw.panels.canvas import picture
from latephase.draw.resolved import ascending, resolved
from latephase.experiments.bench.finding import Panel, Series
from latephase.margin import normalised_margin

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from latephase.runs import Prediction, Run

_MARKED = 30  # samples up to which each gets a dot
_SAME = 1e-12  # of the optimum: a limit that is the optimum up to rounding
_BEYOND = 0.1  # of what the run covers: how far outside of it a law is shown
_DIGITS = 14.0  # of the optimum: what is left of a difference below is rounding
_SMALLEST = -290.0  # log10 of the smallest number on an axis of numbers
_LOG_FROM = 1.0  # decades from which on differences of a deficit show on a logarithmic axis alone
_LAST = 1000.0  # log10 t up to which a law is shown by itself
_MARGIN, _DEFICIT, _GAP = "Robustness margin", "Margin deficit", "|limit - margin|"
_UNIT = "margin (input units)"
_ROUNDED = 1e-9  # of ln t
_LN10 = math.log(10)


def plot(run: Run, ax: Any = None) -> Figure:
    """The picture of `Run.plot`."""
    return picture(panels(run, resolved(run), run.law), ax)


def panels(run: Run, samples: xr.Dataset, law: Law | None) -> list[Panel]:
    """Margin and deficit of the run at these samples, and what the law says of both."""
    seen = ascending(samples)
    x, across = times.across(seen.log10_t.values, _unit(run.flow))
    own = np.isin(seen.log10_t.values, run.trajectory.log10_t.values)
    marked = own if own.sum() <= _MARKED else np.zeros_like(own)
    entry = -math.inf if run.entry is None else run.entry.log
    view = View(x, _LN10 * seen.log10_t.values, marked, run.data.optimal_margin, law, entry)
    reached = np.isfinite(seen.log_loss.values).any()
    title = _MARGIN if reached else f"No sample was reached: {run.outcome.name}"
    if reached and run.data.d > 2:
        return _of_wide_inputs(run, seen, view, across)
    margins = _margins(seen.robustness_margin.values, view)
    return [
        Panel(margins, y_label=_UNIT, title=title, **across),
        _deficits(seen, view, across),
    ]


def _of_wide_inputs(run: Run, seen: xr.Dataset, view: View, across: dict[str, Any]) -> list[Panel]:
    """Normalised margin and loss, where the robustness margin takes too long for every sample."""
    loss = view.curve(seen.log_loss.values / _LN10, "loss", 1)
    panels = [Panel(loss, y_label="log10 of the loss", title="Loss", **across)]
    if run.network.train_output:  # N is not homogeneous of degree 1 then
        return panels
    biases = seen["biases"].values if "biases" in seen else None
    parts = (seen["weights"].values, biases, run.network.output_weights)
    points = (run.data.inputs, run.data.labels)
    gamma = view.curve(normalised_margin(*parts, *points, run.network.negative_slope), "margin", 0)
    name = "normalised margin"
    return [Panel(gamma, y_label=name, title=name.capitalize(), **across), *panels]


def law_panel(found: Prediction) -> Panel:
    """The margin by the law of a prediction, from the entry into the regime on."""
    entry = 0.0 if found.entry is None else max(found.entry.log10, 0.0)
    x = np.sinh(np.linspace(np.arcsinh(entry), np.arcsinh(max(_LAST, 2 * entry)), 200))
    best = found.data.optimal_margin
    view = View(x, _LN10 * x, np.zeros(len(x), bool), best, found.law, _LN10 * entry)
    margin = view.margin_of_law()
    series = [*view.levels(), *view.curve(np.where(margin < 0, np.nan, margin), "law", 0)]
    _, across = times.across(x, _unit(not found.method.discrete))
    return Panel(series, y_label=_UNIT, title=f"{_MARGIN} by the law", **across)


def _unit(flow: bool) -> str:
    return "units of flow time" if flow else "updates"


@dataclass(frozen=True)
class View:
    """Where samples (T,) stand, on the axis and in ln t, and which get a dot; what is known of the
    margin: its largest possible value, and its law, which holds from ln t = log_entry on."""

    x: Floats
    log_t: Floats
    marked: Bools
    best: float
    law: Law | None
    log_entry: float

    @property
    def limit(self) -> float:
        """The limit of the margin, NaN where it is not known."""
        known = None if self.law is None else self.law.limit_margin
        return math.nan if known is None else known

    @property
    def another(self) -> bool:
        """Whether the limit is known and is not the largest possible margin."""
        return abs(self.best - self.limit) > _SAME * self.best

    def margin_of_law(self) -> Floats:
        """What the law says of the margin."""
        return self.limit - self.law_term()

    def law_term(self) -> Floats:
        """What the law says is missing to the limit; NaN before the entry."""
        term = law_term(self.law, self.log_t)
        return np.where(self.log_t >= self.log_entry - _ROUNDED * abs(self.log_entry), term, np.nan)

    def curve(self, values: Floats, label: str, colour: int) -> list[Series]:
        """A quantity over time, with dots."""
        line = Series("line", self.x, values, label, colour=colour)
        dots = Series("points", self.x[self.marked], values[self.marked], colour=colour)
        return [line, dots] if self.marked.any() else [line]

    def levels(self) -> list[Series]:
        """The margins that are the same for all times."""
        ends = self.x[[0, -1]] if len(self.x) else np.array([0.0, 1.0])
        best = Series("line", ends, np.full(2, self.best), "largest possible", role="reference")
        limit = Series("line", ends, np.full(2, self.limit), "limit", role="reference", colour=2)
        return [best, limit] if self.another else [best]

    def shown(self, law: Floats, name: str = "law") -> list[Series]:
        """What a law says, if it says anything here."""
        line = Series("line", self.x, law, name, role="prediction")
        return [line] if np.isfinite(law).any() else []


def law_term(law: Law | None, log_t: Floats) -> Floats:
    """limit_margin - margin by the law at ln t (...); NaN where the law has no such term."""
    constant = None if law is None else law.margin_constant
    if law is None or constant is None or not abs(constant) > 0:
        return np.full(np.shape(log_t), np.nan)
    clock = log_t + (0.0 if math.isnan(law.offset) else law.offset)
    clock = np.where(clock > 0, clock, np.nan)
    term = constant / clock**law.exponent
    if law.remainder_constant and law.remainder_exponent and law.constant:
        share = law.remainder_constant / law.constant  # of boundary and margin alike
        term = term + constant * share / clock**law.remainder_exponent
    return np.asarray(term)


def _margins(margin: Floats, view: View) -> list[Series]:
    law, best = view.margin_of_law(), view.best
    lowest = np.min(margin, initial=best, where=np.isfinite(margin))
    law[(law < lowest - _BEYOND * (best - lowest)) | (law > (1 + _BEYOND) * best)] = np.nan
    return [*view.levels(), *view.curve(margin, "margin", 0), *view.shown(law)]


def _deficits(seen: xr.Dataset, view: View, across: dict[str, Any]) -> Panel:
    """The deficit; and the distance from the limit, where that is another thing.

    In decimal logarithms first, which do not underflow: they are shown where deficits would.
    """
    log10 = seen.log_margin_deficit.values / _LN10
    log10[np.isneginf(log10)] = np.nan  # a deficit of 0 has no place on a logarithmic axis
    series = view.curve(log10, "deficit", 0)
    with np.errstate(all="ignore"):
        if view.another:
            gap = np.log10(np.abs(view.limit - seen.robustness_margin.values))
            gap[gap < math.log10(view.best) - _DIGITS] = np.nan
            series += view.curve(gap, _GAP, 2)
        law = np.log10(np.abs(view.law_term()))
    law[law > np.max(log10, initial=-np.inf, where=np.isfinite(log10)) + _BEYOND] = np.nan
    series += view.shown(law, "its law" if view.another else "law")
    what = f"deficit, {_GAP}" if view.another else "deficit"
    every = np.concatenate([np.asarray(one.y, float) for one in series])
    finite = every[np.isfinite(every)]
    if len(finite) and not _SMALLEST < finite.min() <= finite.max() < -_SMALLEST:
        label = "log10 of " + ("both" if view.another else "the deficit") + " (input units)"
        return Panel(series, y_label=label, title=_DEFICIT, **across)
    values = [replace(one, y=10.0 ** np.asarray(one.y, float)) for one in series]
    wide = len(finite) > 0 and np.ptp(finite) > _LOG_FROM
    up: dict[str, Any] = {"y_label": f"{what} (input units)", "title": _DEFICIT}
    return Panel(values, y_scale="log" if wide else "linear", **up, **across)
