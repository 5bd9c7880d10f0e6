"""Claim 9, beyond the paper: over all pairs of inputs, where the boundary ends and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from latephase.core import Rigour
from latephase.core.arrays import Floats
from latephase.margin import margins
from latephase.problem import Dataset, GradientDescent, TwoPointGeometry

from ..bench.base import STEP_SIZE, Bench, Claim, Evidence
from ..bench.drawn import draw, follow
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.one_by_one import in_parallel, step_to
from ..bench.statistics import largest, median

INITIALIZER = "standard_normal"
POINTS = (
    *((2.0, -1.0), (3.0, -1.0), (1.0, -3.0), (2.0, -3.0), (-2.0, 1.5), (4.0, -0.5), (-3.0, 3.0)),
    *((1.25, -1.5), (1.0, -1.0), (2.0, -0.5), (-0.5, 2.0), (-4.0, 0.25)),
    *((0.5, -1.0), (1.0, -0.25), (0.75, -0.5), (2.0, 0.5), (0.5, 2.0), (1.0, 3.0), (3.0, 1.0)),
    *((-1.0, -2.0), (0.5, -1.5), (-0.25, 0.75), (0.5, -0.5), (-0.75, 0.75)),
)
NETWORKS, CANDIDATES = 12, 400
SCREEN, CONFIDENT = 1000, 0.2  # a network counts as trained with both margins above 0.2 by then
TIMES = (1_000, 10_000, 100_000)
HORIZON = "1e100000"
EXTRAPOLATED = 0.05  # median distance of the extrapolated from the mapped limit, in half gaps
SIMULATED = 1e-3  # largest distance of the margin at HORIZON from the map, relative to the optimum
SHRINKS = 0.3  # per decade of t: 1/ln t shrinks the distance by about 0.8, 1/t by 0.1
ENOUGH = 4
RATE_NAMES = (
    "k12 < 0: 1/ln t, constant set by the start",
    "k12 = 0: 1/ln t, constant set by the start",
    "k12 > 0: 1/ln t, constant set by the data",
    "k12 > 0, x2 = -x1: faster than 1/ln t",
)
CAPTION = """Pairs of inputs at which gradient descent was stepped one by one: the limit
    extrapolated from t = 1e3, 1e4, 1e5 through x + C/(ln t + beta), and the pace of the last
    decade."""
COLUMNS: Columns[Spot] = {
    "x1 (label +1)": "x1",
    "x2 (label -1)": "x2",
    "rate class": lambda s: RATE_NAMES[s.rate],
    "limiting margin / optimum (map)": "relative_limit",
    "networks stepped": "trained",
    "extrapolated limit off the map (half gaps, median)": "extrapolated",
    "distance at 1e5 / at 1e4 (median)": "shrink",
    "networks settled": "settled",
    f"margin / optimum at {HORIZON} off the map (largest)": "simulated",
}
REACH, CELLS = 4, 41


class RateClass(IntEnum):
    """How fast the boundary converges when the loss tends to 0."""

    start = 0  # k12 < 0: 1/ln t, the constant set by the start; margin not optimal
    border = 1  # k12 = 0: 1/ln t, likewise; margin optimal
    data = 2  # k12 > 0, |x1| != |x2|: 1/ln t, the constant set by the data alone; margin optimal
    fast = 3  # k12 > 0, x2 = -x1: the constant is 0, faster than 1/ln t; margin optimal


def rate(geometry: TwoPointGeometry) -> RateClass:
    """The rate class, by the exact sign of k12.  Source: docs/theory.md, "Laws"."""
    if geometry.gram_sign < 0:
        return RateClass.start
    if geometry.gram_sign == 0:
        return RateClass.border
    return RateClass.fast if geometry.x1 == -geometry.x2 else RateClass.data


def relative_limit(geometry: TwoPointGeometry) -> float:
    """Limiting margin / optimal margin: 1 for k12 >= 0, else 2 M (1 + m^2) / ((M + m)(1 + M m)),
    M and m the larger and smaller |x_i|.  Rigour: exact."""
    if geometry.gram_sign >= 0:
        return 1.0
    small, large = sorted((abs(geometry.x1), abs(geometry.x2)))
    return 2 * large * (1 + small**2) / ((large + small) * (1 + large * small))


def grid() -> tuple[Floats, Floats, Floats]:
    """Inputs (CELLS,) along a side, relative limits and rate classes (x2, x1); NaN at x1 = x2."""
    half = CELLS // 2
    side = np.arange(-half, half + 1) * REACH / half
    limits, rates = np.full((2, CELLS, CELLS), np.nan)
    for i, j in np.argwhere(~np.eye(CELLS, dtype=bool)):
        g = TwoPointGeometry.of(Dataset([side[j], side[i]], [1, -1]))
        limits[i, j], rates[i, j] = relative_limit(g), rate(g)
    return side, limits, rates


def extrapolate(y: Floats) -> Floats:
    """The limit x (T,) of y = x + C / (ln t + beta) at three times in geometric progression (3, T).

    With d1 = y0 - y1 and d2 = y1 - y2: x = y2 - d2 (d1 + d2) / (d1 - d2), which knows neither C,
    beta nor the times.
    """
    d1, d2 = y[0] - y[1], y[1] - y[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = y[2] - d2 * (d1 + d2) / (d1 - d2)
    return np.where(d1 == d2, y[2], limit)


@dataclass(frozen=True)
class Spot:
    """What was seen at one pair of inputs.

    trained: networks;  extrapolated: median distance of the limit, extrapolated from the steps
    alone, from the mapped one, in half gaps;  shrink: median factor by which the distance to the
    mapped limit shrinks from t = 1e4 to 1e5;  settled: networks whose late phase is known;
    simulated: largest distance of their relative margin at HORIZON from the map.
    """

    x1: float
    x2: float
    rate: RateClass
    relative_limit: float
    trained: int
    extrapolated: float
    shrink: float
    settled: int
    simulated: float

    @property
    def limit_agrees(self) -> bool:
        return self.extrapolated <= EXTRAPOLATED and self.simulated <= SIMULATED

    @property
    def rate_agrees(self) -> bool:
        return (self.shrink < SHRINKS) == (self.rate is RateClass.fast)

    @property
    def agrees(self) -> bool:
        return self.limit_agrees and self.rate_agrees

    @property
    def judged(self) -> bool:
        return min(self.trained, self.settled) >= ENOUGH


def decide(spots: list[Spot]) -> Support:
    """Every spot with enough networks must agree, and every rate class must have one."""
    seen = [s for s in spots if s.judged]
    if not all(s.agrees for s in seen):
        return Support.NOT_SUPPORTED
    complete = {s.rate for s in seen} == set(RateClass) and len(seen) == len(spots)
    return Support.SUPPORTED if complete else Support.UNDECIDED


def _spot(bench: Bench, x1: float, x2: float) -> Spot:
    data = Dataset([x1, x2], [1, -1])
    g = TwoPointGeometry.of(data)
    # The first NETWORKS of the networks that classify both points with confidence by SCREEN.
    networks = draw(INITIALIZER, CANDIDATES, bench.seed)
    (w,), (b,) = step_to(networks, data, STEP_SIZE, [SCREEN])
    reached = margins(w[..., None], b, np.array([1.0, -1.0]), data.inputs, data.labels)
    kept = np.flatnonzero((reached > CONFIDENT).all(axis=-1))[:NETWORKS]
    weights, biases = step_to((networks[0][kept], networks[1][kept]), data, STEP_SIZE, TIMES)
    y = (biases[..., 1] - biases[..., 0]) / (weights[..., 0] - weights[..., 1])
    far = np.abs(y - g.x_inf)
    found = follow((weights[-1], biases[-1]), data, GradientDescent(STEP_SIZE), [HORIZON])
    known = np.isfinite(found.laws.constant)
    margin = found.record.observed["robustness_margin"][known, -1]
    apart = np.abs(margin / abs(g.half_gap) - relative_limit(g))
    return Spot(
        x1,
        x2,
        rate(g),
        relative_limit(g),
        y.shape[1],
        median(np.abs(extrapolate(y) - g.x_inf) / abs(g.half_gap)),
        median(far[2] / far[1]),
        int(known.sum()),
        largest(apart),
    )


def examine(bench: Bench) -> Finding:
    """Map the plane by theory; step and fast-forward networks at a grid of points."""
    side, limits, rates = grid()
    spots = in_parallel(lambda point: _spot(bench, *point), POINTS)
    least, optimal = float(np.nanmin(limits)), float(np.nanmean(limits == 1))
    agree = sum(s.agrees for s in spots)
    extrapolated, simulated = (max(s.extrapolated for s in spots), max(s.simulated for s in spots))
    apart, margin = "distance of the extrapolated limit", f"the relative margin at {HORIZON}"
    slow = [s.shrink for s in spots if s.rate is not RateClass.fast]
    fast = [s.shrink for s in spots if s.rate is RateClass.fast]
    return Finding(
        verdict=decide(spots),
        summary=f"""Where x1 x2 < -1 the limiting margin falls to {least:.1%} of the optimum on
            [-{REACH}, {REACH}]^2; on symmetric |x| < 1 the boundary is faster than 1/ln t. Stepping
            agrees with the map, limit and rate, at {agree} of {len(spots)} pairs of inputs.""",
        run=f"""The map: closed forms at {CELLS} x {CELLS} pairs of inputs. Its check: at
            {len(POINTS)} pairs up to {NETWORKS} {INITIALIZER} networks that train, stepped one by
            one to t = {TIMES[-1]:,} at step size {STEP_SIZE:g}, then fast-forwarded to
            {HORIZON}.""",
        numbers=[
            Number("smallest limiting margin / optimum on the map", least, Rigour.exact),
            Number("share of the map with an optimal limit", optimal, Rigour.exact),
            Number("networks stepped", sum(s.trained for s in spots)),
            Number(f"largest median {apart} from the map", extrapolated, unit="half gaps"),
            Number(f"largest distance of {margin}", simulated, Rigour.estimated),
            Number("shrinking per decade where 1/ln t is predicted, smallest", min(slow)),
            Number("shrinking per decade where faster is predicted, largest", max(fast)),
        ],
        settings={"seed": bench.seed, "initializer": INITIALIZER, "candidates": CANDIDATES}
        | {"step_size": STEP_SIZE, "points": POINTS, "times": TIMES, "horizon": HORIZON},
        tables=[Table.of("data_plane", CAPTION, spots, COLUMNS)],
        figures=[_figure(side, limits, rates, spots)],
        deviations=[
            f"({s.x1:g}, {s.x2:g}) disagrees with the map: {s}."
            if s.judged
            else f"({s.x1:g}, {s.x2:g}): only {s.trained} trained, {s.settled} settled networks."
            for s in spots
            if not (s.judged and s.agrees)
        ],
    )


def _figure(side: Floats, limits: Floats, rates: Floats, spots: list[Spot]) -> Figure:
    caption = f"""(a) The margin that gradient descent tends to, relative to the best possible:
        optimal between the two hyperbolas x1 x2 = -1 and on the diagonal x2 = -x1, as low as
        {np.nanmin(limits):.0%} elsewhere. (b) The rate; only on the diagonal between the hyperbolas
        is it faster than 1/ln t. Dots: pairs at which runs stepped one by one agree with the map;
        in another colour, if any, where they do not."""
    agree, differ = [s for s in spots if s.agrees], [s for s in spots if not s.agrees]
    dots = [
        Series("points", [s.x1 for s in part], [s.x2 for s in part], label, colour=colour)
        for label, part, colour in (("stepped: agrees", agree, 0), ("stepped: differs", differ, 1))
        if part
    ]
    maps = (
        (Series("map", side, side, z=limits), "limiting margin / optimum"),
        (Series("map", side, side, z=rates, categories=RATE_NAMES), "rate"),
    )
    x = np.geomspace(1 / REACH, REACH, 60)
    hyperbola = [
        Series("line", x, -1 / x, "x1 x2 = -1", role="reference"),
        Series("line", -x, 1 / x, role="reference"),
    ]
    axes, square = ("x1 (label +1)", "x2 (label -1)"), (-float(REACH), float(REACH))
    looks: dict[str, Any] = {"x_limits": square, "y_limits": square}
    panels = [
        Panel([values, *hyperbola, *dots], *axes, label, colour_label=label, **looks)
        for values, label in maps
    ]
    return Figure("data_plane", caption, panels)


CLAIM = Claim(
    number=9,
    key="data_plane",
    title="Where it stops being true",
    statement="""Beyond the paper's data: for x1 x2 < -1 the limiting margin is in general not
        optimal; for x1 x2 > -1 it is optimal, with a constant set by the data alone; and on
        symmetric data |x| < 1 gradient descent is not 1/ln t slow.""",
    criterion=f"""At each of {len(POINTS)} pairs of inputs: median distance of the limit
        extrapolated from single steps at most {EXTRAPOLATED:g} half gaps from the map; relative
        margin at {HORIZON} within {SIMULATED:g} of it in every settled run; median distance shrinks
        over the decade to t = 1e5 by a factor below {SHRINKS:g} exactly where faster than 1/ln t is
        predicted. Undecided where fewer than {ENOUGH} networks train or settle.""",
    source='docs/theory.md, "Activation patterns" and "The law of the late phase"',
    examine=examine,
    evidence=Evidence.independent,
)
