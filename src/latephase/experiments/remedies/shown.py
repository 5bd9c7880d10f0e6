"""Methods side by side: their rows as tables, and their gaps over every clock as figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Floats
from latephase.problem import Dataset, TwoPointGeometry

from ..bench.decay import FLOOR
from ..bench.finding import Columns, Figure, Panel, Series, Table
from .compared import SAME, MethodRow, effect, middle

if TYPE_CHECKING:
    import xarray as xr

CLOCKS: tuple[tuple[str, str, str], ...] = (
    ("steps", "updates", "log10 updates"),
    ("evaluations", "gradient evaluations", "log10 gradient evaluations"),
    ("flow_time", "flow time", "log10 of ln(flow time)"),
    ("loss", "ln(1/L)", "log10 of ln(1/L)"),
    ("norm", "|theta|", "log10 of |theta|"),
)
"""Key, name and axis label of each clock."""
_EARLIEST = -0.5  # of each clock: before it, no method has moved
_FEW = 6  # methods, each of which has an accent of a figure of its own
_MOST = 9  # curves that can be told apart
_ALIKE = ("sgd:replacement=0", "power_step", "normalized_gd", "polyak_step", "sam:radius=1", "sam")


def points_of(data: Dataset) -> str:
    """The inputs, as text."""
    return ", ".join(f"{x:g}" for x in data.inputs.ravel())


def gap_table(key: str, data: Dataset, found: Sequence[MethodRow]) -> Table:
    """What each method did to the gap."""

    def gap_at(k: int) -> Callable[[MethodRow], float]:
        return lambda row: row.gaps[k]

    named: Columns[MethodRow] = {
        "method": "method",
        "effect": lambda row: effect(row, found[0], data),
        "fitted (share of trials)": lambda row: round(row.fitted, 3),
        **{f"gap at t = 10^{k} (input units)": gap_at(k) for k in found[0].gaps},
        "decay of the gap": lambda row: row.decay.text,
        "value, low": lambda row: row.decay.low,
        "value, high": lambda row: row.decay.high,
        "Akaike weight": lambda row: round(row.decay.weight, 3),
        "C kept (share)": "kept",
        "gap / law": "ratio",
        "|C| at the end (input units)": "constant",
        "shift of C (share of gd's)": "shift",
    }
    caption = f"""x = {points_of(data)}: the gap |x* - x_inf| (medians of fitted trials) and how it
        decays: the model with the smallest corrected Akaike criterion over the last decade and a
        half, its value with a 95 % interval over trials, and its weight. gap / law is gap (ln s +
        offset) / |C| at the end, s the flow time: 1 where gradient descent's law holds on this
        clock. Shift of C: median |C - C of gd| from the same start, over gd's median |C|."""
    floors = {name: FLOOR for name in named if name.startswith("gap at")}
    return Table.of(key, caption, found, named, floors=floors)


def overview(key: str, compared: Sequence[tuple[Dataset, Sequence[MethodRow]]]) -> Table:
    """What each method does, and the gap it leaves on each data set: the table to read first."""
    first = compared[0][1]
    last = max(first[0].gaps)
    # On the data sets that have a constant, each effect once; else on all.
    lawful = [one for one in compared if TwoPointGeometry.of(one[0]).gram_sign <= 0] or compared
    effects = [
        " / ".join(dict.fromkeys(effect(rows[i], rows[0], data) for data, rows in lawful))
        for i in range(len(first))
    ]
    shown: dict[str, list[Any]] = {"method": [row.method for row in first], "effect": effects} | {
        f"gap, x = {points_of(data)}": [row.gaps[last] for row in found] for data, found in compared
    }
    caption = f"""What each method does to the slow rate of gradient descent, and the median gap |x*
        - x_inf| (input units) that it leaves after 10^{last} updates. Own clock: the law C / (m +
        offset) holds, with m the method's ln of flow time. Same C: within {SAME:.0%} of gradient
        descent's of the same start (median); another C: farther; C drifts: its memory goes on
        changing C. Another law: none of these. Where data sets differ, their effects are separated
        by a stroke."""
    floors = {name: FLOOR for name in shown if name.startswith("gap")}
    return Table(key, caption, shown, opened=True, floors=floors)


def clock_table(key: str, data: Dataset, found: Sequence[MethodRow]) -> Table:
    """Every clock at the end of the runs."""

    def log10(log_time: float) -> float:  # NaN where no trial was fitted
        return np.nan if np.isnan(log_time) else LogTime.from_log(log_time, flow=True).log10

    named: Columns[MethodRow] = {
        "method": "method",
        "gradient evaluations": "evaluations",
        "flow time (log10)": lambda row: log10(row.log_flow_time),
        "ln(1/L)": "log_inverse_loss",
        "|theta|": "norm",
        "margin deficit (input units)": "deficit",
        "normalised-margin gap": "normalised_gap",
    }
    caption = f"""x = {points_of(data)}: the clocks at the end, and what is left (medians of fitted
        trials). Flow time is the sum of effective step sizes |update| / |grad L|."""
    return Table.of(key, caption, found, named)


def figures(
    prefix: str, data: Dataset, found: xr.Dataset, measured: Sequence[MethodRow]
) -> list[Figure]:
    """One figure per clock: the median gap of each method over it."""
    groups = (
        ("updates in the span of active points", [r.method for r in measured if r.spans]),
        ("updates that leave it", [r.method for r in measured if not r.spans]),
    )
    return [
        Figure(
            f"{prefix}_{key}",
            f"x = {points_of(data)}: the gap |x* - x_inf| over {name} (medians of fitted trials).",
            [_panel(found, methods, key, label, title) for title, methods in groups if methods],
        )
        for key, name, label in CLOCKS
    ]


def _panel(found: xr.Dataset, methods: list[str], key: str, label: str, title: str) -> Panel:
    if len(methods) > _MOST:
        methods = [method for method in methods if method not in _ALIKE]
    series = over_clock(found, methods, key)
    return Panel(series, label, "gap (input units)", title, y_scale="log")


def over_clock(
    found: xr.Dataset, methods: Sequence[str], key: str, gap: str = "limit_gap"
) -> list[Series]:
    """A curve for each method: the median of the variable `gap` over that of a clock.

    Of few methods each keeps its colour, whichever others are beside it.
    """
    all_methods = found.algorithm.values.tolist()
    few = len(all_methods) <= _FEW

    def medians(values: Floats) -> Floats:  # over trials (S,), NaN where none is finite
        return np.array([middle(column) for column in values.T])

    series = []
    with np.errstate(all="ignore"):
        for method in methods:
            one = found.sel(algorithm=method)
            chosen = one.isel(trial=np.flatnonzero(one.fitted.values))
            left = medians(chosen[gap].values)
            clocks = {
                "steps": 10.0**chosen.log10_t.values,
                "evaluations": chosen.gradient_evaluations.values,
                "flow_time": medians(chosen.log_flow_time.values),
                "loss": medians(-chosen.log_loss.values),
                "norm": medians(chosen.norm.values),
            }
            x = np.log10(clocks[key])
            shown = np.isfinite(x) & (left > 1e-13) & (x >= _EARLIEST)
            colour = all_methods.index(method) if few else None
            series.append(Series("line", x[shown], left[shown], method, colour=colour))
    return series
