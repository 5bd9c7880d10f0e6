"""Methods side by side: what each did to the same networks, as rows, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.problem import Dataset, TwoPointGeometry

from ..bench.decay import Decay, decay
from ..bench.statistics import median, share

if TYPE_CHECKING:
    import xarray as xr

ALL = (
    *("gd", "sgd", "sgd:replacement=0", "power_step:exponent=1", "heavy_ball", "nesterov", "sam"),
    *("loss_scaled:decay=0.5", "loss_scaled", "normalized_gd", "polyak_step", "loss_based"),
    *("dual_acceleration", "adam", "adam:eps=0", "sign_descent", "sam:radius=1", "prgd"),
    *("weight_decay", "weight_decay:strength=1:fading=1", "fixed_radius", "span_projection"),
    "span_projection:at=50:method=prgd/period=10",
)
"""All methods with the parameters that are compared by default; the first is the yardstick."""

KEPT = 1e-3  # relative change of C over the second half of ln t that counts as none
NEAR = 0.05  # relative distance from the law that counts as on it
LIKE = 0.15  # the same of a label: heavy ball is still levelling its margins at t = 10^4
SAME = 0.2  # of gradient descent's |C|: a change of C that leaves it "the same"
STUCK = -3.0  # ln L above which a run that fits both points has not been trained
SHARE = 0.9
OWN_CLOCK, NULL_REMOVED = "own clock", "removes the null part"  # effects, or how they begin
DECADES = 4  # powers of ten whose gaps are shown: the last ones of a run


@dataclass(frozen=True)
class MethodRow:
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

    @property
    def stops(self) -> bool:
        """Whether most of the trials that it fits are not trained, so that no law speaks of them:
        sharpness-aware steps of radius 1 leave losses above e^-3 for ever."""
        return self.stuck > 0.5

    @property
    def lawful(self) -> bool:
        """Whether the law claims it: its updates span no more than the active points, and train."""
        return self.spans and not self.stops


def rows(found: xr.Dataset) -> list[MethodRow]:
    """A row for every method of `runs.compare`'s result; the first is the yardstick."""
    with np.errstate(all="ignore"):
        shifts = _shifts(found.current_law_constant.values[..., -1], found.fitted.values)
        return [_row(found.isel(algorithm=i), shift) for i, shift in enumerate(shifts)]


def _shifts(constants: Floats, fitted: Bools) -> list[float]:
    """Median |C - C of the first method| / median |C of the first method| of (method, trial).

    The same start, so that no spread over starts hides a change: heavy ball has the same law as
    gradient descent on +-1, and six times its C. Trials that both methods fit and specialise.
    """
    known = np.isfinite(constants) & fitted
    return [
        middle(np.abs(c - constants[0])[both]) / middle(np.abs(constants[0])[both])
        for c, both in zip(constants, known & known[0], strict=True)
    ]


def _row(one: xr.Dataset, shift: float) -> MethodRow:
    fitted = one.fitted.values
    chosen = one.isel(trial=np.flatnonzero(fitted))
    gaps, constants = chosen.limit_gap.values, np.abs(chosen.current_law_constant.values)
    log10_t, end = one.log10_t.values, chosen.isel(time=-1)
    # The gap at the last powers of ten that were run, and how it decays.
    times = 10.0**log10_t
    top = int(np.floor(np.log10(max(times[-1], 1.0)) + 1e-6))
    decades = range(max(0, top - DECADES + 1), top + 1)
    nearest = {k: np.abs(np.log(np.maximum(times, 0.5) / 10.0**k)).argmin() for k in decades}
    usable = gaps[np.isfinite(gaps).all(axis=1)]
    gone = decay(times, usable) if len(usable) else Decay("none", np.nan, np.nan, np.nan, np.nan)
    # Whether C at the end is that of the middle of ln t, and the gap that of its law.
    before = constants[:, np.abs(log10_t - log10_t[-1] / 2).argmin()]
    after = constants[:, -1]
    settled = np.isfinite(before) & np.isfinite(after)
    same = np.abs(after - before) <= KEPT * np.maximum(before, 1e-12)
    law = after / (end.log_flow_time.values + end.current_law_offset.values)
    return MethodRow(
        method=str(one.algorithm.values),
        spans=bool(one.spans),
        fitted=float(fitted.mean()),
        stuck=share(end.log_loss.values > STUCK),
        gaps={k: middle(gaps[:, i]) for k, i in nearest.items()},
        decay=gone,
        kept=share(same[settled]),
        ratio=middle(gaps[:, -1] / law),
        constant=middle(after),
        shift=shift,
        log_inverse_loss=-middle(end.log_loss.values),
        norm=middle(end.norm.values),
        log_flow_time=middle(end.log_flow_time.values),
        evaluations=float(one.gradient_evaluations.values[-1]),
        normalised_gap=middle(end.normalised_margin_gap.values),
        deficit=middle(end.margin_deficit.values),
    )


def middle(values: Floats) -> float:
    """Median of the finite ones; NaN of none."""
    return median(values[np.isfinite(values)])


def null_free_constant(data: Dataset) -> float:
    """|C| of a network without null components: what is left of C when only they are removed."""
    g = TwoPointGeometry.of(data)
    scale = g.k11 * g.k22 / (abs(g.x1 - g.x2) * (1 - g.x1 * g.x2) ** 2)
    return float(abs(scale * np.log(g.k22 / g.k11)))


def effect(row: MethodRow, yardstick: MethodRow, data: Dataset) -> str:
    """What a method does to the slow rate, in a few words, from the numbers of its row.

    Where k12 > 0 there is no constant to speak of, and the decay is all there is to say.
    """
    if row.stops and not yardstick.stops:  # else it is too early to say
        return "breaks: training stops"
    if TwoPointGeometry.of(data).gram_sign > 0:
        return row.decay.text
    if row.method == yardstick.method:
        return "the slow rate"
    if row.spans and abs(row.ratio - 1) <= LIKE:  # and gradient descent's C of the same starts?
        kept = "same C" if row.shift <= SAME else "another C"
        return f"{OWN_CLOCK}, {kept if row.kept >= SHARE else 'C drifts'}"
    rest, found = null_free_constant(data), []
    if abs(row.constant - rest) <= 0.02 * max(yardstick.constant, rest):
        found.append(NULL_REMOVED)
    if row.decay.model == "stalled":
        found.append("stalls")
    return ", ".join(found) or "another law"
