"""What `latephase compare` reports: the methods of one comparison, and whether the law holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from latephase.core import Rigour
from latephase.experiments.bench.base import Bench, Claim, Evidence
from latephase.experiments.bench.finding import Finding, Number, Verdict
from latephase.problem import Dataset, TwoPointGeometry

from .clocks import FEWEST
from .compared import LIKE, Row, clock_table, figures, overview, rows, table

if TYPE_CHECKING:
    import xarray as xr


def decide(data: Dataset, found: Sequence[Row], trials: int) -> Verdict:
    """As the criterion says."""
    spanning = [row for row in found if row.spans]
    few = min(row.fitted for row in found) * trials < FEWEST
    if few or not spanning or TwoPointGeometry.of(data).gram_sign > 0:
        return Verdict.UNDECIDED
    good = all(abs(row.ratio - 1) <= LIKE for row in spanning)
    return Verdict.SUPPORTED if good else Verdict.NOT_SUPPORTED


def comparison(data: Dataset, found: xr.Dataset) -> tuple[Claim, Finding, list[Row]]:
    """The claim, what was found, and the rows of the table, of `ensembles.compare`'s result."""
    measured = rows(found)
    trials = found.sizes["trial"]
    verdict = decide(data, measured, trials)
    best = min(measured, key=lambda row: row.gaps[max(row.gaps)])
    settings = {key: found.attrs[key] for key in _SETTINGS}
    finding = Finding(
        verdict=verdict,
        summary=f"{len(measured)} methods; the smallest gap at the end is left by {best.method}.",
        run=(
            f"{trials} networks ({settings['initializer']}), the same for every method, for "
            f"{settings['until']} updates made one by one."
        ),
        numbers=[
            Number(f"{row.method}: gap / law", row.ratio, Rigour.measured)
            for row in measured
            if row.spans
        ],
        settings=settings,
        tables=[
            overview("compare", [(data, measured)]),
            table("compare_gaps", data, measured),
            clock_table("compare_clocks", data, measured),
        ],
        figures=figures("compare", data, found, measured),
    )
    return CLAIM, finding, measured


def _not_a_bench(_: Bench) -> Finding:
    raise NotImplementedError("a comparison is made by `latephase compare`")


_SETTINGS = ("initializer", "trials", "seed", "inputs", "labels", "loss", "step_size", "until")

CLAIM = Claim(
    number=1,
    key="compare",
    title="Methods compared",
    statement=(
        "Methods whose updates stay in the span of the active points follow gradient descent's law "
        "x* - x_inf ~ C / (m(t) + offset), each on its own clock m."
    ),
    criterion=(
        f"For every such method the median of gap (ln s + offset) / |C| is within {100 * LIKE:.0f} "
        f"% of 1 at the end, s the flow time. UNDECIDED with fewer than {FEWEST} fitted trials, "
        "without such methods, and where k12 > 0."
    ),
    source='docs/theory.md, "Remedies"',
    examine=_not_a_bench,
    evidence=Evidence.independent,
)
