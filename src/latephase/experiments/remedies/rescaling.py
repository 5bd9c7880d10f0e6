"""Claim: progressive rescaling stalls on ReLU networks, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.problem import TwoPointGeometry

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Finding, Number, Support
from .runs import FEWEST, MethodRuns, compared, settings, words

METHOD = "prgd"
SPANNED = "span_projection:at=50:method=prgd/period=10"
STILL, TOGETHER, SHARE = 0.5, 0.1, 0.9
HUNDREDS = (100, 200, 300)  # updates; the samples nearest to them are taken
RATE, ALIKE, END = 0.01, 2.0, 1e-5  # per update; factor between two rates; gap at the end


@dataclass(frozen=True)
class Rescaled:
    """Medians and shares over fitted trials.

    gap: at the end;  left: share whose gap at the end is at least STILL of that at t = 10^3;
    together: share whose ln of the null part has grown by as much as that of the radius since the
    warm-up, within TOGETHER;  growth: of the radius.  After span projection, rates: -d ln(gap)/dt
    from t = 100 to 200 and to 300;  end: the gap at the end.
    """

    name: str
    trials: int
    gap: float
    left: float
    together: float
    growth: float
    rates: tuple[float, float]
    end: float

    @property
    def exponential(self) -> bool:
        """From the span the gap falls at one rate, to what the largest radius leaves."""
        alike = max(self.rates) <= ALIKE * min(self.rates)
        return min(self.rates) >= RATE and alike and self.end <= END


def stall(one: MethodRuns) -> Rescaled:
    """What progressive rescaling did on one data set, from the start and from the span."""
    run = one.found.sel(algorithm=METHOD)
    run = run.isel(trial=np.flatnonzero(run.fitted.values))
    log10_t = run.log10_t.values

    def nearest(t: float) -> int:
        return int(np.argmin(np.abs(log10_t - np.log10(t))))

    gap, norm = run.limit_gap.values, np.log(run.norm.values)
    left = gap[:, -1] >= STILL * gap[:, nearest(1000)]
    # The length of what no gradient of a neuron's own point can change grows with the radius.
    g = TwoPointGeometry.of(one.data)
    off = run.weights.values[..., 0] - np.array([g.x1, g.x2]) * run.biases.values
    null = np.log(np.sqrt((off**2 / np.array([g.k11, g.k22])).sum(axis=-1)))
    early = nearest(60)
    grown, null_grown = norm[:, -1] - norm[:, early], null[:, -1] - null[:, early]
    together = np.abs(null_grown / grown - 1) < TOGETHER
    # The runs that are projected on the span first.
    projected = one.found.sel(algorithm=SPANNED)
    spanned = np.median(projected.limit_gap.values[projected.fitted.values], axis=0)
    at = [nearest(t) for t in HUNDREDS]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = -np.diff(np.log(spanned[at])) / np.diff(10 ** log10_t[at])
    return Rescaled(
        one.name,
        len(gap),
        gap=float(np.median(gap[:, -1])),
        left=float(left.mean()),
        together=float(together.mean()),
        growth=float(np.exp(np.median(grown))),
        rates=(float(first), float(second)),
        end=float(spanned[-1]),
    )


def decide(found: list[Rescaled]) -> Support:
    """As the criterion says."""
    if min(one.trials for one in found) < FEWEST:
        return Support.UNDECIDED
    stalls = all(s.gap > 1e-3 and s.left >= SHARE and s.together >= SHARE for s in found)
    return Support.of(stalls and all(s.exponential for s in found))


def examine(bench: Bench) -> Finding:
    """Where it stalls, what grows with the radius, and what it does from the span."""
    found = [stall(one) for one in compared(bench) if one.specialises]
    gaps = ", ".join(f"{s.gap:.1e} on x = {s.name}" for s in found)
    rates = ", ".join(f"{s.rates[0]:.3f}" for s in found)
    numbers = []
    for s in found:
        numbers += [
            Number(f"x = {s.name}: median gap at t = 10^4", s.gap, unit="input unit"),
            Number(f"x = {s.name}: trials that keep half the gap", s.left),
            Number(f"x = {s.name}: trials whose null part grew along", s.together),
            Number(f"x = {s.name}: growth of the radius", s.growth, unit="times"),
            Number(f"x = {s.name}: from the span, rate of the gap", s.rates[0], unit="per update"),
            Number(f"x = {s.name}: from the span, gap at t = 10^4", s.end),
        ]
    return Finding(
        verdict=decide(found),
        summary=f"""From a random start progressive rescaling stands still at a median gap of
            {gaps}: the radius grows {found[0].growth:.0e} times, and the null part, which no
            gradient touches, grows along. From a start in the span of the data, that is after one
            span projection, the gap falls exponentially, at the rates {rates} per update, as its
            authors prove for linear models.""",
        run=words(bench),
        numbers=numbers,
        settings=settings(bench),
    )


CLAIM = Claim(
    number=17,
    key="remedies_rescaling",
    title="Progressive rescaling stalls, unless it starts in the span",
    statement="""Progressive rescaling, exponentially fast on linear models from a start in the span
        of the data, stalls at a positive gap from a random one: it multiplies the null components
        too, and with them C. After span projection it is exponentially fast here, too.""",
    criterion=f"""On each data set with k12 <= 0 the median gap at t = 10^4 exceeds 0.001; in
        {SHARE:.0%} of the fitted trials it is at least {STILL:.0%} of the one at t = 10^3, and in
        as many the null part grows with the radius from the warm-up to the end (its ln by as much,
        within {TOGETHER:.0%}). Projected on the span at t = 50, with 10 updates for a stretch, the
        ln of the median gap falls by {RATE:g} or more per update from t = 100 to 200 and to 300, at
        rates within a factor {ALIKE:g} of each other, to at most {END:g} at t = 10^4.""",
    source='[wangminwu2024]; docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
