"""Claim: three methods attack the constant itself; smaller inputs leave its regime altogether.

The fourth changes no update: smaller inputs, larger weights, the same function at the start.  The
bias is an input of size 1 that is not scaled along.  Inputs times s with weights over s leave every
pre-activation as it was, but turn k12 = 1 + x1 x2 into 1 + s^2 x1 x2: below |x1 x2| = 1/s^2 the
neurons slide, and on symmetric points C is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import Regime, Rigour
from latephase.core.arrays import Floats
from latephase.problem import Dataset, GradientDescent, ShallowReLU

from ..bench.base import PAPER_DATA, STEP_SIZE, Bench, Claim, Evidence
from ..bench.decay import FLOOR
from ..bench.drawn import draw, ends_in, follow
from ..bench.finding import Columns, Finding, Number, Support, Table
from .compared import null_free_constant
from .runs import FEWEST, INITIALIZER, MethodRuns, compared, settings, words
from .shown import points_of

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
FLOORS = {"gap at the end": FLOOR}
GAIN = 100.0  # least factor by which scaled inputs lower the deficit on +-1 at 10^6
FACTOR = 0.5  # of the inputs
TIMES = ("1e4", "1e6", "1e12", "1e100")
JUDGED = TIMES.index("1e6")
NETWORK = ((0.7, -0.4), (0.1, 0.2))  # weights and biases of the run that is made step by step
FITTED = (Regime.specialised, Regime.double_slide, Regime.single_slide)


@dataclass(frozen=True)
class ScaledInputs:
    """One data set: medians over the networks that are fitted both ways, at TIMES.

    plain, scaled (S,): margin deficits over the largest possible margin.
    """

    name: str
    networks: int
    plain: Floats
    scaled: Floats

    @property
    def gain(self) -> float:
        """By which the deficit at 10^6 is smaller."""
        return float(self.plain[JUDGED] / self.scaled[JUDGED])


def smaller(data: Dataset) -> Dataset:
    """The data with their inputs scaled."""
    return Dataset(FACTOR * data.inputs, data.labels)


def measure(data: Dataset, initializer: str, trials: int, seed: int) -> ScaledInputs:
    """Gradient descent on the data and on the scaled data, from the same functions."""
    weights, biases = draw(initializer, trials, seed)
    runs = [(weights, data), (weights / FACTOR, smaller(data))]
    found = [follow((w, biases), d, GradientDescent(STEP_SIZE), TIMES) for w, d in runs]
    both = ends_in(found[0], *FITTED) & ends_in(found[1], *FITTED)
    deficits = [
        np.exp(f.record.observed["log_margin_deficit"][both]) / d.optimal_margin
        for f, (_, d) in zip(found, runs, strict=True)
    ]
    middles = [np.median(values, axis=0) for values in deficits]
    return ScaledInputs(points_of(data), int(both.sum()), *middles)


def step_by_step() -> tuple[float, float]:
    """Relative deficits on +-1 after 10^6 single steps of one network: as it is, and scaled.

    Rigour: measured.
    """
    from latephase.training.by_definition import descend  # imports JAX

    (w, b), deficits = (np.array(part) for part in NETWORK), []
    for weights, data in ((w, PAPER_DATA), (w / FACTOR, smaller(PAPER_DATA))):
        weights_late, biases_late = descend(ShallowReLU(weights, b), data, STEP_SIZE, [10**6])
        boundary = -np.diff(biases_late[0]) / np.diff(weights_late[0])
        deficits.append(abs(float(boundary[0])) / data.optimal_margin)
    return deficits[0], deficits[1]


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
    worst, gain = max(left(*pair) for pair in pairs), "deficit at 10^6, plain / scaled"
    rests = {one.name: null_free_constant(one.data) for one in found}
    return Finding(
        verdict=decide(found, paper.found.sizes["trial"], scaled, steps),
        summary=f"""On x = 1, -1, where nothing else is left, the gap at t = 10^4 falls from
            {paper.row("gd").gaps[4]:.1e} to {paper.row("weight_decay").gaps[4]:.1e} (weight decay),
            {paper.row("fixed_radius").gaps[4]:.1e} (fixed radius) and
            {paper.row("span_projection").gaps[4]:.1e} (span projection); on x = {wide.name} all
            three end at the rest |C| = {rests[wide.name]:.3f}. Inputs halved and
            weights doubled, the same function at the start, lower the relative deficit on x = 1, -1
            at t = 10^6 from {steps[0]:.1e} to {steps[1]:.1e} (one run, step by step; median:
            {scaled[0].plain[JUDGED]:.1e} to {scaled[0].scaled[JUDGED]:.1e}).""",
        run=words(bench),
        numbers=[
            Number("largest distance from the rest, of gd's |C|", worst),
            Number("x = 1, -1, step by step: relative deficit at 10^6", steps[0]),
            Number("the same with scaled inputs", steps[1]),
            *(Number(f"x = {s.name}: {gain}", s.gain, Rigour.estimated) for s in scaled),
            *(Number(f"x = {name}: rest of |C|", c, Rigour.exact) for name, c in rests.items()),
        ],
        settings=settings(bench),
        tables=[
            Table.of("remedies_constant", CAPTION, pairs, COLUMNS, floors=FLOORS),
            _scaling_table(scaled),
        ],
    )


def _scaling_table(found: list[ScaledInputs]) -> Table:
    """What scaling the inputs does."""
    columns: dict[str, list[object]] = {
        "inputs": [one.name for one in found],
        "networks": [one.networks for one in found],
    }
    for k, t in enumerate(TIMES):
        columns[f"gd, deficit / optimum at {t}"] = [float(one.plain[k]) for one in found]
        columns[f"scaled, deficit / optimum at {t}"] = [float(one.scaled[k]) for one in found]
    caption = f"""Inputs times {FACTOR:g} and initial weights times {1 / FACTOR:g}, the same
        function at the start: median margin deficits over the largest possible margin, of networks
        that are fitted both ways. Scaled, every data set here has k12 > 0, whose limit is the
        midpoint."""
    return Table("input_scaling", caption, columns, opened=True)


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
