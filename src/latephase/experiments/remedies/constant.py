"""Claim: three methods attack the constant itself; smaller inputs leave its regime altogether."""

from __future__ import annotations

from collections.abc import Sequence

from latephase.core import Rigour

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Finding, Number, Support, Table
from .compared import null_free_constant
from .input_scaling import JUDGED, ScaledInputs, measure, step_by_step, table
from .runs import FEWEST, INITIALIZER, MethodRuns, compared, settings, words

METHODS = ("weight_decay", "fixed_radius", "span_projection")
TOLERANCE = 0.02  # of gradient descent's C
CAPTION = "What is left of the constant."
COLUMNS: Columns[tuple[MethodRuns, str]] = {
    "inputs": lambda pair: pair[0].name,
    "method": lambda pair: pair[1],
    "|C| of gd (input units)": lambda pair: pair[0].row("gd").constant,
    "|C| at the end": lambda pair: pair[0].row(pair[1]).constant,
    "|C| without null components": lambda pair: null_free_constant(pair[0].data),
    "gap at the end": lambda pair: pair[0].row(pair[1]).gaps[4],
    "decay": lambda pair: pair[0].row(pair[1]).decay.text,
}
GAIN = 100.0  # least factor by which scaled inputs lower the deficit on +-1 at 10^6


def left(one: MethodRuns, method: str) -> float:
    """||C| - |C without null components|| over gradient descent's |C|."""
    rest = null_free_constant(one.data)
    return abs(one.row(method).constant - rest) / max(one.row("gd").constant, rest)


def decide(
    found: list[MethodRuns],
    trials: int,
    scaled: Sequence[ScaledInputs] = (),
    steps: tuple[float, float] = (1.0, 0.0),
) -> Support:
    """As the criterion says."""
    if min(one.row(m).fitted for one in found for m in METHODS) * trials < FEWEST:
        return Support.UNDECIDED
    good = all(left(one, m) <= TOLERANCE for one in found for m in METHODS)
    good = good and all(one.gain >= GAIN for one in scaled[:1]) and steps[0] >= GAIN * steps[1]
    return Support.of(good)


def examine(bench: Bench) -> Finding:
    """|C| at the end against what is left without null components."""
    found = [one for one in compared(bench) if one.specialises]
    paper, wide = found[0], found[1]
    pairs = [(one, method) for one in found for method in METHODS]
    drawn = [(one.found.attrs["trials"], one.found.attrs["seed"]) for one in found]
    scaled = [measure(one.data, INITIALIZER, *d) for one, d in zip(found, drawn, strict=True)]
    steps = step_by_step()
    worst = max(left(*pair) for pair in pairs)
    return Finding(
        verdict=decide(found, paper.found.sizes["trial"], scaled, steps),
        summary=f"""On x = 1, -1, where nothing else is left, the gap at t = 10^4 falls from
            {paper.row("gd").gaps[4]:.1e} to {paper.row("weight_decay").gaps[4]:.1e} (weight decay),
            {paper.row("fixed_radius").gaps[4]:.1e} (fixed radius) and
            {paper.row("span_projection").gaps[4]:.1e} (span projection); on x = {wide.name} all
            three end at the rest |C| = {null_free_constant(wide.data):.3f}. Inputs halved and
            weights doubled, the same function at the start, lower the relative deficit on x = 1, -1
            at t = 10^6 from {steps[0]:.1e} to {steps[1]:.1e} (one run, step by step; median:
            {scaled[0].plain[JUDGED]:.1e} to {scaled[0].scaled[JUDGED]:.1e}).""",
        run=words(bench),
        numbers=[
            Number("largest distance from the rest, of gd's |C|", worst),
            Number("x = 1, -1, step by step: relative deficit at 10^6", steps[0]),
            Number("the same with scaled inputs", steps[1]),
            *(
                Number(f"x = {s.name}: deficit at 10^6, plain / scaled", s.gain, Rigour.estimated)
                for s in scaled
            ),
            *(
                Number(f"x = {one.name}: rest of |C|", null_free_constant(one.data), Rigour.exact)
                for one in found
            ),
        ],
        settings=settings(bench),
        tables=[Table.of("remedies_constant", CAPTION, pairs, COLUMNS), table(scaled)],
    )


CLAIM = Claim(
    number=16,
    key="remedies_constant",
    title="Remedies that attack the constant",
    statement="""Weight decay, a fixed radius and span projection remove the null components that
        the initialisation has left, and nothing else: C goes to 0 where k11 = k22, and elsewhere to
        what ln(k22 / k11) leaves. Smaller inputs with larger weights, the same function at the
        start, leave the regime that has such a constant: on x = 1, -1 the rate is fast.""",
    criterion=f"""On each data set with k12 <= 0 the median |C| at t = 10^4 is within 2 % of
        gradient descent's from the |C| of a network without null components, for all three methods.
        With inputs halved and weights doubled the relative deficit on x = 1, -1 at t = 10^6 is
        smaller by a factor of {GAIN:g} or more, in the median of the networks that are fitted both
        ways, and in one network made step by step.""",
    source='docs/theory.md, "Remedies"',
    examine=examine,
    apart=True,
    evidence=Evidence.independent,
)
