"""Methods side by side where both layers are trained: the same networks, and what each method did.

Gradient descent's own curve, its gap over ln(1/L) from each start, is known from the exact pieces
to any loss; what a method has at the same loss is held against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime, Regime
from latephase.core.arrays import Bools, Floats
from latephase.late.engine import Goal
from latephase.late.engines.layered_pieces import follow_layered_trials
from latephase.problem import Dataset, GradientDescent, TwoPointGeometry

from ..bench.base import STEP_SIZE
from ..bench.drawn import draw
from ..bench.statistics import share
from .compared import KEPT, middle
from .runs import INITIALIZER
from .shown import points_of

MOST = 48  # networks of a data set that are followed, of those that gradient descent fits
HORIZON = 10**4  # updates
_FEW = 10**0.25  # from one sample to the next: four a decade
_LOG_TIMES = np.geomspace(2.0, 3e6, 48)  # ln t of gradient descent's own curve


@dataclass(frozen=True)
class Starts:
    """Networks of one data set that gradient descent fits, and its curve from each of them.

    w, b, v (T, 2);  log_inverse, log_gap (T, K): ln of ln(1/L), rising, and of |x* - x_inf|.
    """

    data: Dataset
    w: Floats
    b: Floats
    v: Floats
    log_inverse: Floats
    log_gap: Floats

    def curve(self, log_inverse_loss: Floats) -> Floats:
        """Gradient descent's gap (T,) where its ln(1/L) is this (T,); NaN beyond what is known."""
        wanted = zip(np.log(log_inverse_loss), self.log_inverse, self.log_gap, strict=True)
        read = [np.interp(at, x, y, left=np.nan, right=np.nan) for at, x, y in wanted]
        return np.exp(np.array(read))


@dataclass(frozen=True)
class Path:
    """What a method did at times (S,): gap, log_inverse_loss (S, T), null parts (S, T, 2); fitted
    (T,): both points on their side at the end."""

    times: Floats
    gap: Floats
    log_inverse_loss: Floats
    null: Floats
    fitted: Bools


def starts(data: Dataset, trials: int, seed: int) -> Starts:
    """At most MOST networks of the initializer, output weights drawn like the weights, apart."""
    geometry, method = TwoPointGeometry.of(data), GradientDescent(STEP_SIZE)
    w, b = draw(INITIALIZER, trials, seed)
    v = draw(INITIALIZER, trials, seed + 1)[0]
    end = [LogTime.parse(HORIZON)]
    first = follow_layered_trials(geometry, w, b, v, method, end, Goal(end[-1]))
    specialised = np.array([one is Regime.specialised for one in first.journey.regime])
    chosen = np.flatnonzero(specialised & (first.laws.constant != 0))[:MOST]
    w, b, v = w[chosen], b[chosen], v[chosen]
    times = [LogTime.from_log(log) for log in _LOG_TIMES]
    seen = follow_layered_trials(geometry, w, b, v, method, times, Goal(times[-1])).seen.observed
    with np.errstate(all="ignore"):
        log_inverse = np.log(np.maximum(-seen["log_loss"], 1e-3))
        log_gap = np.log(np.abs(seen["boundary"] - geometry.x_inf))
    return Starts(data, w, b, v, np.maximum.accumulate(log_inverse, axis=1), log_gap)


def follow(start: Starts, method: str, times: Sequence[int], step_size: float = STEP_SIZE) -> Path:
    """Step the networks by a method.  Rigour: measured."""
    from latephase.training.loops.follow import follow as steps
    from latephase.training.methods.table import named, stepped

    geometry, y = TwoPointGeometry.of(start.data), start.data.labels
    found = steps(
        start.w[..., None],
        start.b,
        times,
        inputs=start.data.inputs,
        labels=y,
        output_weights=start.v,
        method=stepped(named(method, step_size)),
    )
    w, b, v = found.weights[..., 0], found.biases, found.output_weights
    with np.errstate(all="ignore"):
        a = w[..., None] * start.data.inputs.ravel() + b[..., None]  # (S, T, neuron, point)
        q = y * (v[..., None] * np.maximum(a, 0)).sum(axis=-2)
        boundary = -(v * b).sum(axis=-1) / (v * w).sum(axis=-1)
        own = np.where(v > 0, geometry.x1, geometry.x2)  # the input that a neuron serves
        null = np.abs(w - own * b) / np.sqrt(1 + own**2)
        inverse = -np.logaddexp(-q[..., 0], -q[..., 1])
        gap = np.abs(boundary - geometry.x_inf)
    return Path(np.array(times, float), gap, inverse, null, (q[-1] > 0).all(axis=-1))


@dataclass(frozen=True)
class Row:
    """One method on one data set: medians over the networks that it fits.

    gap: at the end;  plain: gradient descent's at HORIZON;  growth: g, of e^Q / Q ~ t^g over the
    last decade, Q = ln(1/L): for gradient descent that is its flow time;  power: -d ln gap / d ln t
    over the last decade, or half of it;  ratio: gap over gradient descent's from the same start at
    the same loss;  null: null parts at the end over gradient descent's;  kept: share of networks
    whose null parts stay the same to KEPT over the time of `power`;  quarter: the gap with a
    quarter of the step size, over gap.
    """

    inputs: str
    method: str
    trials: int
    gap: float
    plain: float
    growth: float
    power: float
    ratio: float
    null: float
    kept: float
    quarter: float


def grid(top: float) -> list[int]:
    """Times from 10 to `top`, four a decade."""
    return [round(10 * _FEW**k) for k in range(round(np.log(top / 10) / np.log(_FEW)) + 1)]


@np.errstate(all="ignore")
def measured(
    start: Starts, method: str, yardstick: Path, top: float = HORIZON, stalling: bool = False
) -> tuple[Row, Path]:
    """One method, held against gradient descent from the same starts.

    stalling: powers over half a decade, and once more with a quarter of the step size.
    """
    run = follow(start, method, grid(top))
    ok, back = run.fitted, -3 if stalling else -5
    flow = np.exp(run.log_inverse_loss) / run.log_inverse_loss
    grown = np.log((flow[-1] - flow[-3]) / (flow[-3] - flow[-5])) / np.log(_FEW**2)
    passed = np.log(run.times[-1] / run.times[back])
    same = np.abs(run.null[-1] / run.null[back] - 1).max(axis=-1) <= KEPT
    finer = follow(start, method, grid(top), STEP_SIZE / 4).gap[-1] if stalling else run.gap[-1]
    row = Row(
        points_of(start.data),
        method,
        int(ok.sum()),
        gap=middle(run.gap[-1][ok]),
        plain=middle(yardstick.gap[-1]),
        growth=middle(grown[ok]),
        power=middle(np.log(run.gap[back] / run.gap[-1])[ok] / passed),
        ratio=middle((run.gap[-1] / start.curve(run.log_inverse_loss[-1]))[ok]),
        null=middle(run.null[-1][ok]) / middle(yardstick.null[-1]),
        kept=share(same[ok]),
        quarter=middle(finer[ok]) / middle(run.gap[-1][ok]) if stalling else np.nan,
    )
    return row, run
