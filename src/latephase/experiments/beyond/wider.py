"""Study: m neurons on n random points of the line and the plane: where do runs end?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import InputError, Rigour
from latephase.problem import Dataset, GradientFlow, ShallowReLU

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import median

WIDTHS, POINTS, FEATURES = (2, 4, 8, 16, 32), (2, 5, 10, 20), (1, 2)
UNTIL = "1e1000"
RESTARTS = 1  # on each data set; the one with SPREAD (points, features) has MORE
MORE = 2
SPREAD = (5, 2)
AT_LIMIT = 1e-2  # distance of directions at 10^1000 that counts as arrived
SLOW = 1e-9  # of the constant of the margin, below which it counts as 0
CAPTION = """Runs by dimension d, points n and width m: fitted and settled, at their limit, and the
    normalised margins of the limits over restarts on the same data."""
COLUMNS: Columns[list[Ended]] = {
    "d": lambda group: group[0].features,
    "n": lambda group: group[0].points,
    "m": lambda group: group[0].neurons,
    "runs": len,
    "settled": lambda group: sum(f.fitted for f in group),
    "at the limit": lambda group: sum(f.arrived for f in group),
    "smallest normalised margin": lambda group: min(_margins(group), default=""),
    "largest normalised margin": lambda group: max(_margins(group), default=""),
}


@dataclass(frozen=True)
class Ended:
    """One run: outcome by name, whether it is settled at the limit of its pattern, the distance to
    it at the end, normalised margin, rate exponent and constant of the margin (NaN if unknown)."""

    neurons: int
    points: int
    features: int
    outcome: str
    settled: bool = False
    distance: float = np.nan
    normalised_margin: float = np.nan
    rate: float = np.nan
    constant: float = np.nan

    @property
    def fitted(self) -> bool:
        """Settled with every point fitted."""
        return self.outcome == "settled"

    @property
    def arrived(self) -> bool:
        """At the limit of its pattern."""
        return self.settled and self.distance < AT_LIMIT


def problem(m: int, n: int, d: int, seed: int, restart: int) -> tuple[ShallowReLU, Dataset]:
    """Gaussian points with random labels (both present), and a small Gaussian network."""
    rng = np.random.default_rng([seed, n, d])
    inputs = rng.normal(size=(n, d))
    labels = np.where(rng.permutation(n) < max(1, n // 2), 1, -1)
    start = np.random.default_rng([seed, n, d, m, restart])
    outer = np.where(np.arange(m) % 2 == 0, 1.0, -1.0)
    weights, biases = start.normal(size=(m, d)), start.normal(size=m)
    return ShallowReLU(weights / np.sqrt(m), biases / np.sqrt(m), outer), Dataset(inputs, labels)


def run_one(m: int, n: int, d: int, seed: int, restart: int) -> Ended:
    """One run of gradient flow to 10^1000, and its limit."""
    from latephase.runs import Limit, limit, simulate

    net, data = problem(m, n, d, seed, restart)
    run = simulate(net, data, GradientFlow(), until=UNTIL, at=[UNTIL])
    name = run.outcome.name
    if name == "settled" and run.law is None:  # which there is iff the loss tends to 0
        name = "unfitted"
    try:
        end = limit(run)
    except InputError:
        return Ended(m, n, d, name)
    assert isinstance(end, Limit)  # of fixed output weights
    constant = float(end.margin_constant) if end.settled and d == 1 else np.nan
    found = (end.settled, end.distance, end.normalised_margin, end.rate, constant)
    return Ended(m, n, d, name, *found)


def _margins(group: list[Ended]) -> list[Any]:
    return [f.normalised_margin for f in group if np.isfinite(f.normalised_margin)]


def decide(found: list[Ended]) -> Support:
    """As the criterion says."""
    fitted = [f for f in found if f.fitted]
    if len(fitted) < 20:
        return Support.UNDECIDED
    return Support.of(np.mean([f.arrived for f in fitted]) >= 0.9)


def examine(bench: Bench) -> Finding:
    """All widths, numbers of points and dimensions."""
    found = [
        run_one(m, n, d, bench.seed, k)
        for d in FEATURES
        for n in POINTS
        for m in WIDTHS
        for k in range(MORE if (n, d) == SPREAD else RESTARTS)
    ]
    rows = [(d, n, m) for d in FEATURES for n in POINTS for m in WIDTHS]
    groups = [[f for f in found if (f.features, f.points, f.neurons) == row] for row in rows]
    fitted = [f for f in found if f.fitted]
    arrived = sum(f.arrived for f in fitted)
    known = [f for f in fitted if np.isfinite(f.constant)]
    slow = sum(abs(f.constant) > SLOW for f in known)
    counts = sorted(Counter(f.outcome for f in found).items())
    rate = median([f.rate for f in fitted if np.isfinite(f.rate)])
    return Finding(
        verdict=decide(found),
        summary=f"""Of {len(found)} runs {len(fitted)} settled with every point fitted, and
            {arrived} of these stand at the max-margin direction of their pattern; {slow} of
            {len(known)} known margins approach their limit like 1/ln t.""",
        run=f"""Gradient flow to t = 10^1000 of m = {WIDTHS[0]}..{WIDTHS[-1]} neurons on n =
            {POINTS[0]}..{POINTS[-1]} Gaussian points with random labels in R^1 and R^2, one initial
            network each, and two on 5 points of the plane; the limits by quadratic programs.""",
        numbers=[
            *(Number(f"runs that ended as {k}", n, Rigour.estimated) for k, n in counts),
            Number("settled runs at the limit of their pattern", arrived, Rigour.estimated),
            Number("margins with a constant other than 0", slow, Rigour.estimated),
            Number("constants known", len(known), Rigour.estimated),
            Number("median rate of what the asymptote leaves out", rate, Rigour.exact),
        ],
        settings={"seed": bench.seed, "restarts": RESTARTS, "more": MORE, "until": UNTIL},
        tables=[Table.of("wider", CAPTION, groups, COLUMNS)],
        figures=[_figure(found)],
    )


def _figure(found: list[Ended]) -> Figure:
    caption = """(a) Share of runs that settle with every point fitted. (b) Normalised margin of the
        limit by width, a dot for each run on 5 points of the plane: different starts end at
        different KKT points. (c) Constants of 1/ln t in the robustness margin, by width."""
    shares = []
    for k, d in enumerate(FEATURES):
        fitted = [[f.fitted for f in found if (f.neurons, f.features) == (m, d)] for m in WIDTHS]
        shares.append(Series("line", WIDTHS, [np.mean(f) for f in fitted], f"R^{d}", colour=k))
    some = [f for f in found if (f.points, f.features) == SPREAD and f.normalised_margin > 0]
    dots = Series("points", [f.neurons for f in some], [f.normalised_margin for f in some])
    known = [f for f in found if np.isfinite(f.constant)]
    seen = [max(abs(f.constant), 1e-12) for f in known]
    sizes = Series("points", [f.neurons for f in known], seen)
    width = "width m (neurons)"
    panels = [
        Panel(shares, width, "share of runs", "settled runs", x_scale="log", y_limits=(0, 1.05)),
        Panel([dots], width, "normalised margin", "margins", x_scale="log"),
        Panel([sizes], width, "|C| (input units)", "constants", x_scale="log", y_scale="log"),
    ]
    return Figure("wider", caption, panels)


CLAIM = Claim(
    number=13,
    key="wider",
    title="Wider networks on random points",
    statement="""Gradient flow of wider networks that fits the data converges to the max-margin
        direction of the pattern it settles in, which depends on the start.""",
    criterion=f"""At least 90 % of the runs that settle with every point fitted stand, at t =
        10^1000, within {AT_LIMIT:g} of the direction that the quadratic program of their pattern
        finds.""",
    source="docs/theory.md, Limits; [soudry2018], [lyuli2020]",
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
