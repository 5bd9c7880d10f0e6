"""Methods side by side: what each did to the same networks, as rows, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats
from latephase.experiments.bench.decay import Decay, decay
from latephase.experiments.bench.finding import Figure, Panel, Series, Table
from latephase.problem import Dataset, TwoPointGeometry

if TYPE_CHECKING:
    import xarray as xr


ALL = (
    "gd",
    "sgd",
    "sgd:replacement=0",
    "power_step:exponent=1",
    "heavy_ball",
    "nesterov",
    "sam",
    "loss_scaled:decay=0.5",
    "loss_scaled",
    "normalized_gd",
    "polyak_step",
    "loss_based",
    "dual_acceleration",
    "adam",
    "adam:eps=0",
    "sign_descent",
    "sam:radius=1",
    "prgd",
    "weight_decay",
    "weight_decay:strength=1:fading=1",
    "fixed_radius",
    "span_projection",
    "span_projection:at=50:method=prgd/period=10",
)
"""All methods with the parameters that are compared by default; the first is the yardstick."""

KEPT = 1e-3  # relative change of C over the second half of ln t that counts as none
NEAR = 0.05  # relative distance from the law that counts as on it
LIKE = 0.15  # the same of a label: heavy ball is still levelling its margins at t = 10^4
SAME = 0.2  # of gradient descent's |C|: a change of C that leaves it "the same"
STUCK = -3.0  # ln L above which a run that fits both points has not been trained
SHARE = 0.9
DECADES = 4  # powers of ten whose gaps are shown: the last ones of a run


@dataclass(frozen=True)
class Row:
    """One method: medians over the trials that it fits.

    spans: whether its updates stay in the span of active points;  fitted: share of trials with both
    points on their side;  stuck: share of these whose loss stays;  gaps: |x* - x_inf| at the last
    powers of ten that were run;  decay: its fit;  kept: share of specialised trials whose C no
    longer changes;  ratio: gap (ln s + offset) / |C| at the end, s the flow time;  constant: |C| at
    the end;  shift: |C - C of the yardstick| from the same start, over the yardstick's |C|;
    log_inverse_loss, norm, log_flow_time, evaluations, normalised_gap, deficit: at the end.
    """

    method: str
    spans: bool
    fitted: float
    stuck: float
    gaps: dict[int, float]
    decay: Decay
    kept: float
    ratio: float
    constant: float
    shift: float
    log_inverse_loss: float
    norm: float
    log_flow_time: float
    evaluations: float
    normalised_gap: float
    deficit: float


def rows(found: xr.Dataset) -> list[Row]:
    """A row for every method of `ensembles.compare`'s result; the first is the yardstick."""
    with np.errstate(all="ignore"):
        shifts = _shifts(found.law_constant.values[..., -1], found.fitted.values)
        return [_row(found.isel(algorithm=i), shift) for i, shift in enumerate(shifts)]


def _shifts(constants: Floats, fitted: Bools) -> list[float]:
    """Median |C - C of the first method| / median |C of the first method| of (method, trial).

    The same start, so that no spread over starts hides a change: heavy ball has the same law as
    gradient descent on +-1, and six times its C. Trials that both methods fit and specialise.
    """
    known = np.isfinite(constants) & fitted
    return [
        _median(np.abs(c - constants[0])[both]) / _median(np.abs(constants[0])[both])
        for c, both in zip(constants, known & known[0], strict=True)
    ]


def _row(one: xr.Dataset, shift: float) -> Row:
    fitted = one.fitted.values
    chosen = one.isel(trial=np.flatnonzero(fitted))
    gaps, constants = chosen.limit_gap.values, np.abs(chosen.law_constant.values)
    last = {name: _median(chosen[name].values[:, -1]) for name in _LAST}
    law = constants[:, -1] / (chosen.log_flow_time.values[:, -1] + chosen.law_offset.values[:, -1])
    times = 10.0**one.log10_t.values
    usable = gaps[np.isfinite(gaps).all(axis=1)]
    gone = decay(times, usable) if len(usable) else Decay("none", np.nan, np.nan, np.nan, np.nan)
    return Row(
        str(one.algorithm.values),
        bool(one.spans),
        float(fitted.mean()),
        float((chosen.log_loss.values[:, -1] > STUCK).mean()) if fitted.any() else np.nan,
        {k: _median(_at(times, gaps, 10.0**k)) for k in _decades(times[-1])},
        gone,
        _kept(one.log10_t.values, constants),
        _median(gaps[:, -1] / law),
        _median(constants[:, -1]),
        shift,
        -last["log_loss"],
        last["norm"],
        last["log_flow_time"],
        float(one.gradient_evaluations.values[-1]),
        last["normalised_margin_gap"],
        last["margin_deficit"],
    )


_LAST = ("log_loss", "norm", "log_flow_time", "normalised_margin_gap", "margin_deficit")


def _median(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else np.nan


def _at(times: Floats, gaps: Floats, t: float) -> Floats:
    column: Floats = gaps[:, int(np.argmin(np.abs(np.log(np.maximum(times, 0.5) / t))))]
    return column


def _decades(last: float) -> list[int]:
    """The exponents of the last powers of ten up to `last`."""
    top = int(np.floor(np.log10(max(last, 1.0)) + 1e-6))
    return list(range(max(0, top - DECADES + 1), top + 1))


def _kept(log10_t: Floats, constants: Floats) -> float:
    """Share of trials whose C at the end is that of the middle of ln t."""
    middle = int(np.argmin(np.abs(log10_t - log10_t[-1] / 2)))
    before, after = constants[:, middle], constants[:, -1]
    settled = np.isfinite(before) & np.isfinite(after)
    same = np.abs(after - before) <= KEPT * np.maximum(before, 1e-12)
    return float(same[settled].mean()) if settled.any() else np.nan


def null_free_constant(data: Dataset) -> float:
    """|C| of a network without null components: what is left of C when only they are removed."""
    g = TwoPointGeometry.of(data)
    scale = g.k11 * g.k22 / (abs(g.x1 - g.x2) * (1 - g.x1 * g.x2) ** 2)
    return float(abs(scale * np.log(g.k22 / g.k11)))


def effect(row: Row, yardstick: Row, data: Dataset) -> str:
    """What a method does to the slow rate, in a few words, from the numbers of its row.

    Where k12 > 0 there is no constant to speak of, and the decay is all there is to say.
    """
    if row.stuck > 0.5 >= yardstick.stuck:  # else it is too early to say
        return "breaks: training stops"
    if TwoPointGeometry.of(data).gram_sign > 0:
        return row.decay.text
    rest = null_free_constant(data)
    if row.method == yardstick.method:
        return "the slow rate"
    if row.spans and abs(row.ratio - 1) <= LIKE:
        return f"own clock, {_fate(row)}"
    found = []
    if abs(row.constant - rest) <= 0.02 * max(yardstick.constant, rest):
        found.append("removes the null part")
    if row.decay.model == "stalled":
        found.append("stalls")
    return ", ".join(found) or "neither"


def _fate(row: Row) -> str:
    """What became of gradient descent's C of the same starts."""
    if row.kept < SHARE:
        return "C drifts"
    return "same C" if row.shift <= SAME else "another C"


def table(key: str, data: Dataset, found: Sequence[Row]) -> Table:
    """What each method did to the gap."""
    decades = list(found[0].gaps)
    columns: dict[str, list[Any]] = {
        "method": [row.method for row in found],
        "effect": [effect(row, found[0], data) for row in found],
        "fitted (share of trials)": [round(row.fitted, 3) for row in found],
        **{f"gap at t = 10^{k} (input units)": [row.gaps[k] for row in found] for k in decades},
        "decay of the gap": [row.decay.text for row in found],
        "value, low": [row.decay.low for row in found],
        "value, high": [row.decay.high for row in found],
        "Akaike weight": [round(row.decay.weight, 3) for row in found],
        "C kept (share)": [row.kept for row in found],
        "gap / law": [row.ratio for row in found],
        "|C| at the end (input units)": [row.constant for row in found],
        "shift of C (share of gd's)": [row.shift for row in found],
    }
    caption = (
        f"x = {_points(data)}: the gap |x* - x_inf| (medians of fitted trials) and how it decays: "
        "the model with the smallest corrected Akaike criterion over the last decade and a half, "
        "its value with a 95 % interval over trials, and its weight. gap / law is gap (ln s + "
        "offset) / |C| at the end, s the flow time: 1 where gradient descent's law holds on this "
        "clock. Shift of C: median |C - C of gd| from the same start, over gd's median |C|."
    )
    return Table(key, caption, columns)


def overview(key: str, compared: Sequence[tuple[Dataset, Sequence[Row]]]) -> Table:
    """What each method does, and the gap it leaves on each data set: the table to read first."""
    first = compared[0][1]
    last = max(first[0].gaps)
    columns: dict[str, list[Any]] = {
        "method": [row.method for row in first],
        "effect": [_everywhere(i, compared) for i in range(len(first))],
    }
    for data, found in compared:
        columns[f"gap, x = {_points(data)}"] = [row.gaps[last] for row in found]
    caption = (
        "What each method does to the slow rate of gradient descent, and the median gap |x* - "
        f"x_inf| (input units) that it leaves after 10^{last} updates. Own clock: the law C / (m + "
        f"offset) holds, with m the method's ln of flow time. Same C: within {SAME:.0%} of "
        "gradient descent's of the same start (median); another C: farther; C drifts: its memory "
        "goes on changing C. Where data sets differ, their effects are separated by a stroke."
    )
    return Table(key, caption, columns, opened=True)


def _everywhere(method: int, compared: Sequence[tuple[Dataset, Sequence[Row]]]) -> str:
    """The effects of a method on the data sets that have a constant, each once; else on all."""
    shown = [one for one in compared if TwoPointGeometry.of(one[0]).gram_sign <= 0] or compared
    return " / ".join(dict.fromkeys(effect(rows[method], rows[0], data) for data, rows in shown))


def clock_table(key: str, data: Dataset, found: Sequence[Row]) -> Table:
    """Every clock at the end of the runs."""
    columns: dict[str, list[Any]] = {
        "method": [row.method for row in found],
        "gradient evaluations": [row.evaluations for row in found],
        "flow time (log10)": [_log10(row.log_flow_time) for row in found],
        "ln(1/L)": [row.log_inverse_loss for row in found],
        "|theta|": [row.norm for row in found],
        "margin deficit (input units)": [row.deficit for row in found],
        "normalised-margin gap": [row.normalised_gap for row in found],
    }
    caption = (
        f"x = {_points(data)}: the clocks at the end, and what is left (medians of fitted trials). "
        "Flow time is the sum of effective step sizes |update| / |grad L|."
    )
    return Table(key, caption, columns)


def _log10(log_time: float) -> float:
    """The decimal logarithm of a flow time; NaN where no trial was fitted."""
    known = not np.isnan(log_time)
    return LogTime.from_log(log_time, flow=True).log10 if known else np.nan


def _points(data: Dataset) -> str:
    return ", ".join(f"{x:g}" for x in data.inputs.ravel())


CLOCKS: tuple[tuple[str, str, str], ...] = (
    ("steps", "updates", "log10 updates"),
    ("evaluations", "gradient evaluations", "log10 gradient evaluations"),
    ("flow_time", "flow time", "log10 of ln(flow time)"),
    ("loss", "ln(1/L)", "log10 of ln(1/L)"),
    ("norm", "|theta|", "log10 of |theta|"),
)
"""Key, name and axis label of each clock."""
_EARLIEST = -0.5  # of each clock: before it, no method has moved
_MOST = 9  # curves that can be told apart
_ALIKE = ("sgd:replacement=0", "power_step", "normalized_gd", "polyak_step", "sam:radius=1", "sam")


def figures(prefix: str, data: Dataset, found: xr.Dataset, measured: Sequence[Row]) -> list[Figure]:
    """One figure per clock: the median gap of each method over it."""
    groups = (
        ("updates in the span of active points", [r.method for r in measured if r.spans]),
        ("updates that leave it", [r.method for r in measured if not r.spans]),
    )
    return [
        Figure(
            f"{prefix}_{key}",
            f"x = {_points(data)}: the gap |x* - x_inf| over {name} (medians of fitted trials).",
            [_panel(found, methods, key, label, title) for title, methods in groups if methods],
        )
        for key, name, label in CLOCKS
    ]


def _panel(found: xr.Dataset, methods: list[str], key: str, label: str, title: str) -> Panel:
    series = []
    if len(methods) > _MOST:
        methods = [method for method in methods if method not in _ALIKE]
    with np.errstate(all="ignore"):
        for method in methods:
            one = found.sel(algorithm=method)
            chosen = one.isel(trial=np.flatnonzero(one.fitted.values))
            gap = _medians(chosen.limit_gap.values)
            x = np.log10(_clock(chosen, key))
            shown = np.isfinite(x) & (gap > 1e-13) & (x >= _EARLIEST)
            series.append(Series("line", x[shown], gap[shown], method))
    return Panel(series, label, "gap (input units)", title, y_scale="log")


def _clock(one: xr.Dataset, key: str) -> Floats:
    """The clock over time (S,)."""
    if key == "steps":
        return np.asarray(10.0**one.log10_t.values)
    if key == "evaluations":
        return np.asarray(one.gradient_evaluations.values)
    name, sign = {"flow_time": ("log_flow_time", 1), "loss": ("log_loss", -1), "norm": ("norm", 1)}[
        key
    ]
    return _medians(sign * one[name].values)


def _medians(values: Floats) -> Floats:
    """Median over trials (S,), NaN where none is finite."""
    return np.array([_median(column) for column in values.T])
