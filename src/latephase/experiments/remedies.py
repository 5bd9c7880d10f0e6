"""Claim: which methods change the constant of the slow rate, and which only its clock."""

from __future__ import annotations

from collections.abc import Sequence

from latephase.core import Rigour

from .base import Bench, Claim
from .compared import NEAR, SHARE, Row, clock_table, figures, overview, table
from .finding import Finding, Number, Verdict
from .remedy_runs import Compared, compared, settings, words

FEWEST = 10  # fitted trials
MEMORY = ("heavy_ball", "nesterov", "dual_acceleration")  # remember gradients of former patterns
WIDE = "sam:radius=1"  # another gradient, taken far away: claim 19


def judged(one: Compared) -> list[Row]:
    """The methods whose updates stay in the span of the active points."""
    return [row for row in one.rows if row.spans and row.method != WIDE]


def decide(found: Sequence[Compared], trials: int) -> Verdict:
    """As the criterion says."""
    if min(row.fitted for one in found for row in one.rows) * trials < FEWEST:
        return Verdict.UNDECIDED
    good = all(follows(row) for one in found for row in judged(one))
    return Verdict.SUPPORTED if good else Verdict.NOT_SUPPORTED


def follows(row: Row) -> bool:
    """The gap is C / (m + offset) on the method's clock, and C is kept unless it has a memory."""
    return abs(row.ratio - 1) <= NEAR and (row.method in MEMORY or row.kept >= SHARE)


def examine(bench: Bench) -> Finding:
    """The rows of all methods on all data sets."""
    everywhere = compared(bench)
    found = [one for one in everywhere if one.specialises]
    paper = everywhere[0]
    worst = max((abs(row.ratio - 1), row.method) for one in found for row in judged(one))
    fastest = min(judged(paper), key=lambda row: row.gaps[4])
    return Finding(
        verdict=decide(found, paper.found.sizes["trial"]),
        summary=(
            f"{len(judged(paper))} methods follow C / (m + offset), each on its own clock m, "
            "within "
            f"{100 * worst[0]:.0f} % (worst: {worst[1]}): on x = 1, -1 at t = 10^4 gradient "
            "descent "
            f"leaves {paper.row('gd').gaps[4]:.1e}, loss-scaled steps "
            f"{paper.row('loss_scaled').gaps[4]:.1e}, {fastest.method.replace('_', ' ')} "
            f"{fastest.gaps[4]:.1e}."
        ),
        run=words(bench),
        numbers=_numbers(found, worst),
        settings=settings(bench),
        tables=[
            overview("remedies", [(one.data, one.rows) for one in everywhere]),
            *(
                make(f"remedies{kind}_{i + 1}", one.data, one.rows)
                for i, one in enumerate(everywhere)
                for kind, make in (("_gaps", table), ("_clocks", clock_table))
            ),
        ],
        figures=figures("remedies", paper.data, paper.found, paper.rows),
        deviations=_deviations(found),
    )


def _numbers(found: Sequence[Compared], worst: tuple[float, str]) -> list[Number]:
    numbers = [
        Number("largest median |gap / law - 1|", worst[0], Rigour.measured, worst[1]),
    ]
    for one in found:
        plain = [row for row in judged(one) if row.method not in MEMORY]
        least = min(row.kept for row in plain)
        label = f"x = {one.name}: least share of trials that keep C, methods without memory"
        numbers.append(Number(label, least, Rigour.measured))
    return numbers


def _deviations(found: Sequence[Compared]) -> list[str]:
    drift = "; ".join(
        f"{row.kept:.0%} under {row.method} on {one.name}"
        for one in found
        for row in one.rows
        if row.method in MEMORY and row.kept < SHARE
    )
    texts = []
    if drift:
        texts.append(
            "Momentum remembers gradients of points that a neuron has left: C is the same to 0.1 % "
            f"over the second half of ln t in only {drift} of the runs. With t/(t+1), as in dual "
            "acceleration, the memory adds to C for ever; the gap still follows the current C."
        )
    lagging = [
        f"{row.method} on {one.name} ({row.ratio:.2f})"
        for one in found
        for row in judged(one)
        if abs(row.ratio - 1) > 0.02
    ]
    if lagging:
        texts.append(
            "Not yet on the law at t = 10^4, for the two margins are still being levelled: "
            f"{', '.join(lagging)}."
        )
    return texts


CLAIM = Claim(
    number=15,
    key="remedies",
    title="Which remedies work",
    statement=(
        "Every method whose updates stay in the span of the active points keeps the constant C of "
        "gradient descent's law and changes only the clock: x* - x_inf ~ C / (m(t) + offset)."
    ),
    criterion=(
        "On each data set with k12 <= 0, for every such method (sharpness-aware minimisation with "
        f"the radius 0.1), the median of gap (ln s + offset) / |C| is within {100 * NEAR:.0f} "
        "% of 1 "
        "at t = 10^4, s the flow time; and for those without memory at least "
        f"{100 * SHARE:.0f} % of "
        "the trials keep C within 0.1 % over the second half of ln t."
    ),
    source=(
        'docs/theory.md, "Remedies"; [soudry2018], [nacson2019], [jitelgarsky2019], '
        "[jisrebrotelgarsky2021]"
    ),
    examine=examine,
    apart=True,
)
