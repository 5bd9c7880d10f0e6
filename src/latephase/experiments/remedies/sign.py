"""Claim: sign descent goes to another limit, the one of the l_inf geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from latephase.problem import Dataset, TwoPointGeometry

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Finding, Number, Support, Table
from .runs import FEWEST, compared, settings, words

METHOD = "sign_descent"
CAPTION = "Limits of the boundary under sign descent."
COLUMNS: Columns[Ends] = {
    "inputs": "name",
    "predicted (input units)": "predicted",
    "measured (input units)": "measured",
    "limit of gradient descent (input units)": "ordinary",
}
TOLERANCE = 0.02  # in units of half the distance of the points


@dataclass(frozen=True)
class Ends:
    """Limits of the boundary: predicted, measured (median at t = 10^4), of gradient descent."""

    name: str
    trials: int
    predicted: float
    measured: float
    ordinary: float
    half_gap: float

    @property
    def off(self) -> float:
        """|measured - predicted| over half the distance of the points."""
        return abs(self.measured - self.predicted) / self.half_gap


def predicted_limit(data: Dataset) -> float:
    """Where two neurons meet that each grow as fast as |w|, |b| <= 1 allows at their own point,
    inactive at the other's: two linear programs.  Rigour: exact up to the solver's 1e-9."""
    g = TwoPointGeometry.of(data)
    # (w, b) that maximises w own + b subject to w other + b <= 0 and |w|, |b| <= 1.
    (w1, b1), (w2, b2) = (
        linprog([-own, -1.0], A_ub=[[other, 1.0]], b_ub=[0.0], bounds=[(-1, 1)] * 2).x
        for own, other in ((g.x1, g.x2), (g.x2, g.x1))
    )
    return float(-(b1 - b2) / (w1 - w2))


def decide(found: list[Ends]) -> Support:
    """As the criterion says."""
    if min(one.trials for one in found) < FEWEST:
        return Support.UNDECIDED
    elsewhere = [e for e in found if abs(e.predicted - e.ordinary) > 0.1 * e.half_gap]
    return Support.of(all(e.off <= TOLERANCE for e in found) and elsewhere)


def examine(bench: Bench) -> Finding:
    """Predicted and measured limits."""
    found = []
    for one in compared(bench):
        run = one.found.sel(algorithm=METHOD)
        end, g = run.boundary.values[run.fitted.values, -1], TwoPointGeometry.of(one.data)
        middle = float(np.nanmedian(end)) if len(end) else np.nan
        limits = (predicted_limit(one.data), middle, g.x_inf)
        found.append(Ends(one.name, len(end), *limits, abs(g.half_gap)))
    worst = max(one.off for one in found)
    ends = ", ".join(f"{e.measured:.4f} on x = {e.name} (not {e.ordinary:g})" for e in found[1:3])
    return Finding(
        verdict=decide(found),
        summary=f"Sign descent ends at x* = {ends}, as two linear programs predict.",
        run=words(bench),
        numbers=[Number("largest distance from the prediction", worst, unit="half gaps")],
        settings=settings(bench),
        tables=[Table.of("remedies_sign", CAPTION, found, COLUMNS)],
    )


CLAIM = Claim(
    number=20,
    key="remedies_sign",
    title="Sign descent goes elsewhere",
    statement="""Sign descent converges to the boundary of the l_inf geometry, which is another one
        than gradient descent's unless the points lie symmetrically.""",
    criterion="""On every data set the median x* at t = 10^4 is within 2 % of half the distance of
        the points from the prediction of two linear programs, and on at least one the prediction is
        more than 10 % away from gradient descent's limit.""",
    source='[gunasekar2018]; docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
