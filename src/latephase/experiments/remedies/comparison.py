"""What `latephase compare` reports: the methods of one comparison, and whether the law holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latephase.problem import Dataset, TwoPointGeometry

from ..bench.base import Evidence, Statement
from ..bench.decay import FLOOR
from ..bench.finding import Finding, Number, Support
from .compared import LIKE, NULL_REMOVED, OWN_CLOCK, STUCK, MethodRow, effect, rows
from .runs import FEWEST
from .shown import clock_table, figures, gap_table, overview, points_of

if TYPE_CHECKING:
    import xarray as xr

_SETTINGS = ("initializer", "trials", "seed", "inputs", "labels", "loss", "step_size", "until")


def comparison(data: Dataset, found: xr.Dataset) -> tuple[Statement, Finding, list[MethodRow]]:
    """The report of `compare`'s result: what is held against the law, what was found, and a row
    for every method."""
    measured = rows(found)
    settings = {key: found.attrs[key] for key in _SETTINGS}
    finding = Finding(
        verdict=decide(data, measured, found.sizes["trial"]),
        summary=_summary(data, measured),
        run=f"""{len(measured)} methods train the same {found.sizes["trial"]} networks
            ({settings["initializer"]}) on x = {points_of(data)}, for {settings["until"]} updates
            made one by one.""",
        numbers=[Number(f"{row.method}: gap / law", row.ratio) for row in measured if row.lawful],
        settings=settings,
        tables=[
            overview("compare", [(data, measured)]),
            gap_table("compare_gaps", data, measured),
            clock_table("compare_clocks", data, measured),
        ],
        figures=figures("compare", data, found, measured),
        deviations=_too_few(measured, found.sizes["trial"])
        + [
            f"""{row.method} is beside the verdict: it has not trained {row.stuck:.0%} of the trials
                that it fits, and the law is of runs whose loss tends to 0."""
            for row in measured
            if row.spans and row.stops
        ]
        + [
            f"{row.method} ends off the law: gap / law is {row.ratio:.3g}."
            for row in measured
            if row.lawful and abs(row.ratio - 1) > LIKE
        ],
    )
    return STATEMENT, finding, measured


def _summary(data: Dataset, measured: list[MethodRow]) -> str:
    """How many methods only have a clock of their own, and which leaves the smallest gap."""
    last = max(measured[0].gaps)
    known = [row for row in measured if np.isfinite(row.gaps[last])]
    if not known:
        return "No method fits both points of a network so soon."
    effects = [effect(row, measured[0], data) for row in measured[1:]]
    clocks = sum(said.startswith(OWN_CLOCK) for said in effects)
    nulls = sum(said.startswith(NULL_REMOVED) for said in effects)
    kinds = f"""Of {len(effects)} other methods {clocks} follow the slow law of gradient descent,
        each on a clock of its own, and {nulls or "none"} get rid of what makes it slow."""
    if len(effects) == 1:
        kinds = f"""What {measured[1].method} does to the slow rate of gradient descent:
            {effects[0]}."""
    best = min(known, key=lambda row: row.gaps[last])
    left = f"{best.gaps[last]:.2g}" if best.gaps[last] >= FLOOR else f"less than {FLOOR:g}"
    first = measured[0]
    against = f", against {first.gaps[last]:.2g} of {first.method}" if best is not first else ""
    end = f"After 10^{last} updates {best.method} leaves the smallest gap, {left}{against}."
    lawful = TwoPointGeometry.of(data).gram_sign <= 0 and effects
    return f"{kinds} {end}" if lawful else end


def _too_few(found: list[MethodRow], trials: int) -> list[str]:
    """What is said where too few trials are fitted for a verdict."""
    few = min(round(row.fitted * trials) for row in found)
    if few >= FEWEST:
        return []
    said = f"Only {few} of {trials} trials are fitted, and a verdict takes {FEWEST}"
    return [f"{said}: raise --trials."]


def decide(data: Dataset, found: list[MethodRow], trials: int) -> Support:
    """As the criterion says."""
    lawful = [row for row in found if row.lawful]
    few = min(row.fitted for row in found) * trials < FEWEST
    if few or not lawful or TwoPointGeometry.of(data).gram_sign > 0:
        return Support.UNDECIDED
    return Support.of(all(abs(row.ratio - 1) <= LIKE for row in lawful))


STATEMENT = Statement(
    number=1,
    key="compare",
    title="Methods compared",
    statement="""Methods that train, by updates in the span of the active points, follow gradient
        descent's law x* - x_inf ~ C / (m(t) + offset), each on its own clock m.""",
    criterion=f"""For every such method the median of gap (ln s + offset) / |C| is within
        {100 * LIKE:.0f} % of 1 at the end, s the flow time. Methods that leave the loss of most
        fitted trials above e^{STUCK:.0f} are beside it. UNDECIDED with fewer than {FEWEST} fitted
        trials, without such methods, and where k12 > 0.""",
    source='docs/theory.md, "Remedies"',
    evidence=Evidence.independent,
)
