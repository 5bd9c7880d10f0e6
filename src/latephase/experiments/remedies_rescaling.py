"""Claim: progressive rescaling stalls on ReLU networks, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import Rigour
from latephase.problem import TwoPointGeometry

from .base import Bench, Claim
from .finding import Finding, Number, Verdict
from .remedies import FEWEST
from .remedy_runs import Compared, compared, settings, words

METHOD = "prgd"
STILL, TOGETHER, SHARE = 0.9, 0.1, 0.9


@dataclass(frozen=True)
class Stall:
    """Medians and shares over fitted trials.

    gap: at the end;  left: of the gap at t = 10^3, at the end;  together: share whose ln of the
    null part has grown by as much as that of the radius since the warm-up, within TOGETHER;
    growth: of the radius.
    """

    name: str
    trials: int
    gap: float
    left: float
    together: float
    growth: float


def stall(one: Compared) -> Stall:
    """What progressive rescaling did on one data set."""
    run = one.found.sel(algorithm=METHOD)
    run = run.isel(trial=np.flatnonzero(run.fitted.values))
    log10_t = run.log10_t.values
    early, thousand = (int(np.argmin(np.abs(log10_t - at))) for at in (np.log10(60), 3))
    gap, norm = run.limit_gap.values, np.log(run.norm.values)
    null = np.log(_null(one, run))
    grown, null_grown = norm[:, -1] - norm[:, early], null[:, -1] - null[:, early]
    left = np.median(gap[:, -1] / gap[:, thousand])
    together = np.abs(null_grown / grown - 1) < TOGETHER
    shares = (float(left), float(together.mean()), float(np.exp(np.median(grown))))
    return Stall(one.name, len(gap), float(np.median(gap[:, -1])), *shares)


def _null(one: Compared, run: Any) -> NDArray[np.float64]:
    """Length of what no gradient of a neuron's own point can change, (T, S)."""
    g = TwoPointGeometry.of(one.data)
    off = run.weights.values[..., 0] - np.array([g.x1, g.x2]) * run.biases.values
    return np.asarray(np.sqrt((off**2 / np.array([g.k11, g.k22])).sum(axis=-1)))


def decide(found: list[Stall]) -> Verdict:
    """As the criterion says."""
    if min(one.trials for one in found) < FEWEST:
        return Verdict.UNDECIDED
    good = all(s.gap > 1e-3 and s.left >= STILL and s.together >= SHARE for s in found)
    return Verdict.SUPPORTED if good else Verdict.NOT_SUPPORTED


def examine(bench: Bench) -> Finding:
    """Where it stalls, and what grows with the radius."""
    found = [stall(one) for one in compared(bench) if one.specialises]
    gaps = ", ".join(f"{s.gap:.1e} on x = {s.name}" for s in found)
    numbers = []
    for s in found:
        numbers += [
            Number(f"x = {s.name}: median gap at t = 10^4", s.gap, Rigour.measured, "input unit"),
            Number(f"x = {s.name}: gap at 10^4 / gap at 10^3", s.left, Rigour.measured),
            Number(f"x = {s.name}: trials whose null part grew along", s.together, Rigour.measured),
            Number(f"x = {s.name}: growth of the radius", s.growth, Rigour.measured, "times"),
        ]
    return Finding(
        verdict=decide(found),
        summary=(
            f"Progressive rescaling stands still at a median gap of {gaps}: from the end of its "
            f"warm-up the radius grows {found[0].growth:.0e} times, and the null part of the "
            "parameters, which no gradient touches, grows along."
        ),
        run=words(bench),
        numbers=numbers,
        settings=settings(bench),
    )


CLAIM = Claim(
    number=17,
    key="remedies_rescaling",
    title="Progressive rescaling stalls",
    statement=(
        "Rescaling the parameters, exponentially fast on linear models, stalls at a positive "
        "gap: it "
        "multiplies the null components too, and with them C."
    ),
    criterion=(
        "On each data set with k12 <= 0 the median gap at t = 10^4 exceeds 0.001 and is, in the "
        "median, at least 0.9 of the one at t = 10^3; and in 90 % of the fitted trials the "
        "null part "
        "grows with the radius from the warm-up to the end (its ln by as much, within 10 %)."
    ),
    source='[wangminwu2024]; docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
)
