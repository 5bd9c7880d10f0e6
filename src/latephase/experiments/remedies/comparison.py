"""What `latephase compare` reports: the methods of one comparison, and whether the law holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latephase.problem import Dataset, TwoPointGeometry

from ..bench.base import Evidence, Statement
from ..bench.finding import Finding, Number, Support
from .compared import LIKE, MethodRow, rows
from .runs import FEWEST
from .shown import clock_table, figures, gap_table, overview

if TYPE_CHECKING:
    import xarray as xr

_SETTINGS = ("initializer", "trials", "seed", "inputs", "labels", "loss", "step_size", "until")


def comparison(data: Dataset, found: xr.Dataset) -> tuple[Statement, Finding, list[MethodRow]]:
    """The report of `compare`'s result: what is held against the law, what was found, and a row
    for every method."""
    measured = rows(found)
    best = min(measured, key=lambda row: row.gaps[max(row.gaps)])
    settings = {key: found.attrs[key] for key in _SETTINGS}
    finding = Finding(
        verdict=decide(data, measured, found.sizes["trial"]),
        summary=f"{len(measured)} methods; the smallest gap at the end is left by {best.method}.",
        run=f"""{found.sizes["trial"]} networks ({settings["initializer"]}), the same for every
            method, for {settings["until"]} updates made one by one.""",
        numbers=[Number(f"{row.method}: gap / law", row.ratio) for row in measured if row.spans],
        settings=settings,
        tables=[
            overview("compare", [(data, measured)]),
            gap_table("compare_gaps", data, measured),
            clock_table("compare_clocks", data, measured),
        ],
        figures=figures("compare", data, found, measured),
    )
    return STATEMENT, finding, measured


def decide(data: Dataset, found: list[MethodRow], trials: int) -> Support:
    """As the criterion says."""
    spanning = [row for row in found if row.spans]
    few = min(row.fitted for row in found) * trials < FEWEST
    if few or not spanning or TwoPointGeometry.of(data).gram_sign > 0:
        return Support.UNDECIDED
    return Support.of(all(abs(row.ratio - 1) <= LIKE for row in spanning))


STATEMENT = Statement(
    number=1,
    key="compare",
    title="Methods compared",
    statement="""Methods whose updates stay in the span of the active points follow gradient
        descent's law x* - x_inf ~ C / (m(t) + offset), each on its own clock m.""",
    criterion=f"""For every such method the median of gap (ln s + offset) / |C| is within
        {100 * LIKE:.0f} % of 1 at the end, s the flow time. UNDECIDED with fewer than {FEWEST}
        fitted trials, without such methods, and where k12 > 0.""",
    source='docs/theory.md, "Remedies"',
    evidence=Evidence.independent,
)
