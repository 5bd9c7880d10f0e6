"""Claim: which methods follow the slow law on a clock of their own, and with which constant."""

from __future__ import annotations

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Finding, Number, Support
from .compared import NEAR, SAME, SHARE, MethodRow
from .runs import FEWEST, MethodRuns, compared, settings, words
from .shown import clock_table, figures, gap_table, overview

MEMORY = ("heavy_ball", "nesterov", "dual_acceleration")  # remember gradients of former patterns
LONG = "polyak_step"  # its first steps are as long as the way to L = 0: no C is predicted
WIDE = "sam:radius=1"  # another gradient, taken far away: claim 19


def judged(one: MethodRuns) -> list[MethodRow]:
    """The methods whose updates stay in the span of the active points."""
    return [row for row in one.rows if row.spans and row.method != WIDE]


def decide(found: list[MethodRuns], trials: int) -> Support:
    """As the criterion says."""
    if min(row.fitted for one in found for row in one.rows) * trials < FEWEST:
        return Support.UNDECIDED
    rows = [row for one in found for row in judged(one)]
    plain = [row for row in rows if row.method not in (*MEMORY, LONG)]
    lawful = all(abs(row.ratio - 1) <= NEAR for row in rows)  # C / (m + offset) on its own clock
    same = all(row.shift <= SAME and row.kept >= SHARE for row in plain)  # gd's C, and it stays
    moved = all(any(one.row(method).shift > SAME for one in found) for method in MEMORY)
    return Support.of(lawful and same and moved)


def examine(bench: Bench) -> Finding:
    """The rows of all methods on all data sets."""
    everywhere = compared(bench)
    found = [one for one in everywhere if one.specialises]
    paper = everywhere[0]
    worst = max((abs(row.ratio - 1), row.method) for one in found for row in judged(one))
    fastest = min(judged(paper), key=lambda row: row.gaps[4])
    drift = "; ".join(
        f"{row.kept:.0%} under {row.method} on {one.name}"
        for one in found
        for row in one.rows
        if row.method in MEMORY and row.kept < SHARE
    )
    momentum = f"""Momentum remembers gradients of points that a neuron has left: C is the same to
        0.1 % over the second half of ln t in only {drift} of the runs. With t/(t+1), as in dual
        acceleration, the memory adds to C for ever; the gap still follows the current C."""
    return Finding(
        verdict=decide(found, paper.found.sizes["trial"]),
        summary=f"""{len(judged(paper))} methods follow C / (m + offset), each on its own clock m,
            within {100 * worst[0]:.1f} % (worst: {worst[1]}), but not all with gradient descent's
            C: heavy ball's differs by {paper.row("heavy_ball").shift:.1f} times its size. On x = 1,
            -1 at t = 10^4 gradient descent leaves {paper.row("gd").gaps[4]:.1e}, loss-scaled steps
            {paper.row("loss_scaled").gaps[4]:.1e}, {fastest.method.replace("_", " ")}
            {fastest.gaps[4]:.1e}.""",
        run=words(bench),
        numbers=[
            Number("largest median |gap / law - 1|", worst[0], unit=worst[1]),
            *(number for one in found for number in _numbers(one)),
        ],
        settings=settings(bench),
        tables=[
            overview("remedies", [(one.data, one.rows) for one in everywhere]),
            *(
                make(f"remedies{kind}_{i + 1}", one.data, one.rows)
                for i, one in enumerate(everywhere)
                for kind, make in (("_gaps", gap_table), ("_clocks", clock_table))
            ),
        ],
        figures=figures("remedies", paper.data, paper.found, paper.rows),
        deviations=[momentum] if drift else [],
    )


def _numbers(one: MethodRuns) -> list[Number]:
    x, apart = f"x = {one.name}", (*MEMORY, LONG)
    plain = [row for row in judged(one) if row.method not in apart]
    least, most = min(row.kept for row in plain), max(row.shift for row in plain)
    where = f"{x}, without memory and long steps"
    return [
        Number(f"{where}: least share of trials that keep C", least),
        Number(f"{where}: largest median change of C against gd's", most),
        *(Number(f"{x}, {m}: median change of C", one.row(m).shift) for m in apart),
    ]


CLAIM = Claim(
    number=15,
    key="remedies",
    title="Which remedies work",
    statement="""Every method whose updates stay in the span of the active points follows gradient
        descent's law on its own clock, x* - x_inf ~ C / (m(t) + offset). Without memory and without
        long first steps C is gradient descent's up to the step size; momentum ends with another
        C.""",
    criterion=f"""On each data set with k12 <= 0, for every such method (sharpness-aware
        minimisation with the radius 0.1): the median of gap (ln s + offset) / |C| is within
        {NEAR:.0%} of 1 at t = 10^4 (heavy ball: 10^5), s the flow time. Without memory, Polyak's
        steps apart: the median |C - C of gradient descent| from the same start is at most
        {SAME:.0%} of the median |C|, and {SHARE:.0%} of the trials keep C within 0.1 % over the
        second half of ln t. With memory it is more than that on one data set or more.""",
    source="""docs/theory.md, "Remedies"; [soudry2018], [nacson2019], [jitelgarsky2019],
        [jisrebrotelgarsky2021]""",
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
