"""Study: two neurons of output weights +-1 on c and -c: everything changes at x1 x2 = -1, c = 1.

Other networks are slow on +-1/2, too, so the slow rate is no property of the data alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import InputError, LogTime, Rigour, log_times
from latephase.core.arrays import Floats
from latephase.margin import margin_on_line
from latephase.problem import Dataset, GradientDescent, GradientFlow, ShallowReLU

from ..bench.base import HORIZON, STEP_SIZE, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import median

INITIALIZER = "standard_normal"
HALF_GAPS = (0.5, 0.7, 0.9, 0.99, 1.0, 1.01, 1.1, 1.4, 2.0)
SHOWN = (0.5, 1.0, 2.0)
TRIALS, FLOW_TRIALS = 200, 20
NEAR = 1e-3  # the deficit whose time is asked for, in units of c
LATE = 12.0  # log10 t that the table and the summary show
TIMES = sorted({*log_times(HORIZON, 60), LogTime.parse(f"1e{LATE:g}")})
VANISHED = 1e-6
SHARE = 0.99
CAPTION = "Runs that fit both points, by c. Time: from the law, where it decides."
COLUMNS: Columns[SymmetricRuns] = {
    "c": "c",
    "x1 x2": lambda s: -(s.c**2),
    "runs": "trained",
    "regimes": lambda s: ", ".join(sorted(s.regimes)),
    "median |C| / c": "size",
    f"median deficit / c at 10^{LATE:g}": "late",
    f"log10 steps to {NEAR:g} c (median)": lambda s: median(s.log10_steps),
}
STEPPED = 1e-2  # largest relative error of a constant by single steps to 10^6
# +-1/2, fast for two neurons of output weights +-1, under networks that are slow there.
HALF = Dataset([0.5, -0.5], [1, -1])
NAMED = {
    "output weights 2, -1": ShallowReLU([0.7, -0.4], [0.1, 0.2], [2.0, -1.0]),
    "output weights 1, 1, -1": ShallowReLU([0.7, 0.5, -0.4], [0.1, 0.2, 0.2], [1.0, 1.0, -1.0]),
}
SLOPE_STEPS = (10**4, 10**6)  # between which the slope of single steps is taken
FOUR = 18  # random networks of four neurons
SLOW_DEFICIT, OTHER_LATE = 1e-6, "1e100"  # a deficit, and when it is asked for
OTHER_CAPTION = """Other networks on +-1/2, where two neurons with output weights 1 and -1 have
    C = 0."""
OTHERS: Columns[Other] = {
    "network": "name",
    "|C| by its limit (input units)": "constant",
    "|C| by single steps, 10^4 to 10^6": "stepped",
    f"deficit / optimum at {OTHER_LATE}": "deficit",
}


@dataclass(frozen=True)
class SymmetricRuns:
    """The runs at one c that fit both points.

    regimes: their names;  constants: C / c;  log10_steps: of the time to a deficit of NEAR * c;
    log10_t (S,) and deficits (S,): medians, in units of c;  flow: deficits of gradient flow.
    """

    c: float
    trained: int
    regimes: frozenset[str]
    constants: Floats
    log10_steps: Floats
    log10_t: Floats
    deficits: Floats
    flow: Floats | None

    @property
    def late(self) -> float:
        """The median deficit at 10^LATE."""
        return float(self.deficits[np.abs(self.log10_t - LATE).argmin()])

    @property
    def size(self) -> float:
        """Median |C| / c."""
        return median(np.abs(self.constants))

    @property
    def fast(self) -> bool:
        """Every constant is 0 and the median deficit has vanished at the horizon."""
        return bool((self.constants == 0).all() and self.deficits[-1] < VANISHED)

    @property
    def slow(self) -> bool:
        """Nearly every run is specialised with a constant that is not 0."""
        return self.regimes == {"specialised"} and (self.constants != 0).mean() >= SHARE


def spot(bench: Bench, c: float) -> SymmetricRuns:
    """Run the ensemble on c and -c, and gradient flow where it is shown."""
    data = Dataset([c, -c], [1, -1])
    times = tuple(t.text for t in TIMES)
    found = bench.ensemble(INITIALIZER, data=data, at=times, trials=min(bench.trials, TRIALS))
    trained = np.isfinite(found["law_constant"].values)
    constants, offsets, deficits = (
        found[name].values[trained] for name in ("law_constant", "law_offset", "margin_deficit")
    )
    log10 = (np.abs(constants) / (NEAR * c) - offsets) / np.log(10)
    flow = None
    if c in SHOWN:
        few, gf = min(bench.trials, FLOW_TRIALS), GradientFlow()
        flows = bench.ensemble(INITIALIZER, data=data, method=gf, trials=few)
        fitted = flows["margin_deficit"].values[np.isfinite(flows["law_constant"].values)]
        flow = np.stack([flows["log10_t"].values, np.median(fitted / c, axis=0)])
    return SymmetricRuns(
        c,
        int(trained.sum()),
        frozenset(found["regime"].values[trained].tolist()),
        constants / c,
        np.maximum(log10, 0.0),
        found["log10_t"].values,
        np.median(deficits / c, axis=0),
        flow,
    )


@dataclass(frozen=True)
class Other:
    """One network: |C| of its margin by `limit`, by the slope of single steps, and the relative
    deficit at OTHER_LATE."""

    name: str
    constant: float
    stepped: float
    deficit: float


def other_networks() -> list[Other]:
    """The named networks, followed and stepped."""
    from latephase.training.by_definition import descend  # imports JAX

    found = []
    for name, net in NAMED.items():
        w, b = descend(net, HALF, STEP_SIZE, SLOPE_STEPS)
        points = (net.output_weights, HALF.inputs, HALF.labels)
        margin = np.asarray(margin_on_line(w[..., None], b, *points))
        inverse = 1 / (HALF.optimal_margin - margin)
        slope = np.log(SLOPE_STEPS[1] / SLOPE_STEPS[0]) / (inverse[1] - inverse[0])
        deficit, constant = _followed(net)
        found.append(Other(name, constant, float(slope), deficit))
    return found


def _followed(net: ShallowReLU) -> tuple[float, float]:
    """The relative deficit at OTHER_LATE and |C|, NaN where the run has no limit."""
    from latephase.runs import limit, simulate

    run = simulate(net, HALF, GradientDescent(STEP_SIZE), until="1e1000", at=[OTHER_LATE])
    deficit = float(run.trajectory.margin_deficit[-1]) / HALF.optimal_margin
    try:
        return deficit, abs(float(limit(run).margin_constant))
    except InputError:
        return deficit, np.nan


def four_neurons(seed: int) -> tuple[int, int]:
    """Of FOUR random networks (output weights 1, -1, 1, -1): how many fit both points, and how many
    of these have a relative deficit above SLOW_DEFICIT at OTHER_LATE."""
    found = []
    for trial in range(FOUR):
        rng = np.random.default_rng([seed, trial])
        net = ShallowReLU(rng.normal(size=4), rng.normal(size=4), [1.0, -1.0, 1.0, -1.0])
        found.append(_followed(net)[0])
    fitted = [deficit for deficit in found if deficit < 1]
    return len(fitted), sum(deficit > SLOW_DEFICIT for deficit in fitted)


def slow_elsewhere(others: Sequence[Other]) -> bool:
    """Every other network is slow on +-1/2, by its limit and by single steps."""
    return all(
        one.constant > VANISHED and abs(one.stepped / one.constant - 1) <= STEPPED for one in others
    )


def decide(found: Sequence[SymmetricRuns], others: Sequence[Other] = ()) -> Support:
    """As the criterion says."""
    if min(s.trained for s in found) < 10:
        return Support.UNDECIDED
    right = all(s.fast if s.c < 1 else s.slow for s in found)
    return Support.of(right and slow_elsewhere(others))


def examine(bench: Bench) -> Finding:
    """Run all spots."""
    found = [spot(bench, c) for c in HALF_GAPS]
    half, one = (found[HALF_GAPS.index(c)] for c in (0.5, 1.0))
    others = other_networks()
    fitted, slow = four_neurons(bench.seed)
    other = Table.of("other_networks", OTHER_CAPTION, others, OTHERS, opened=True)
    near, middle = Rigour.estimated, f"median deficit at 10^{LATE:g}"
    return Finding(
        verdict=decide(found, others),
        summary=f"""On c = 0.5 all {half.trained} runs that fit the data slide, with C = 0, and
            their median deficit is {half.late:.1e} c at 10^{LATE:g}; on c = 1 it is still
            {one.late:.3g} c, and {NEAR:g} c takes 10^{np.median(one.log10_steps):.0f} steps
            (median). Other networks are slow on c = 0.5, too: |C| = {others[0].constant:.4f} with
            {others[0].name}, {others[1].constant:.4f} with {others[1].name}, and {slow} of {fitted}
            networks of four neurons are above 1e-6 at 10^100.""",
        run=f"""The same {min(bench.trials, TRIALS)} networks ({INITIALIZER}) on x = +-c for
            {len(found)} values of c, gradient descent at step size {STEP_SIZE:g} and, for three of
            them, gradient flow, to t = 10^1000; on c = 0.5 also networks with other output
            weights.""",
        numbers=[
            *(Number(f"{middle}, c = {s.c:g}", s.late, near, "c") for s in found if s.c in SHOWN),
            *(Number(f"c = 0.5, {o.name}: |C|", o.constant, near) for o in others),
            *(Number(f"c = 0.5, {o.name}: |C| by steps", o.stepped) for o in others),
            Number("c = 0.5, four neurons: fitted networks", fitted, near),
            Number("of these, above 1e-6 at 10^100", slow, near),
        ],
        settings=bench.settings(trials=min(bench.trials, TRIALS), c=list(HALF_GAPS)),
        tables=[Table.of("transition", CAPTION, found, COLUMNS), other],
        figures=[_figure(found)],
    )


def _figure(found: Sequence[SymmetricRuns]) -> Figure:
    caption = """Two neurons on the points c and -c. (a) Median margin deficit over time: below c =
        1 it falls like 1/t up to logarithms once the slides have begun, which takes longer the
        nearer c is to 1; from c = 1 on it falls like 1/ln t. Dashed: gradient flow (time in flow
        units). (b) The constant of the law: 0 on one side, of the order of the initial weights on
        the other."""
    series = []
    for k, s in enumerate(s for s in found if s.c in SHOWN):
        shown = np.isfinite(s.log10_t) & (s.deficits > 1e-17)
        label = f"c = {s.c:g}"
        series.append(Series("line", s.log10_t[shown], s.deficits[shown], label, colour=k))
        if s.flow is not None:
            log10, deficit = s.flow[:, (s.flow[1] > 1e-17) & (s.flow[0] >= 0)]
            series.append(Series("line", log10, deficit, role="prediction", colour=k))
    axes = "log10 t", "margin deficit / c", "deficit over time"
    over_time = Panel(series, *axes, y_scale="log", x_limits=(0, 60))
    sizes = Series("points", HALF_GAPS, [s.size for s in found])
    over_c = Panel([sizes], "c (input units)", "median |C| / c", "size of the constant")
    return Figure("transition", caption, [over_time, over_c])


CLAIM = Claim(
    number=12,
    key="transition",
    title="Two neurons: the transition at x1 x2 = -1",
    statement="""The slow rate is a property of data and network together. With a bias input of 1,
        two neurons of output weights 1 and -1 that fit the points c and -c close the margin deficit
        fast for c < 1 and like 1/ln t for c >= 1: x1 x2 is compared with the square of the bias
        input. With other output weights or more neurons c < 1 can be slow, too.""",
    criterion=f"""For every c < 1 all constants are 0 and the median deficit at 10^1000 is below
        {VANISHED:g} c; for every c >= 1 all runs are specialised and at least {SHARE:.0%} of the
        constants differ from 0 (consistency). On c = 0.5 the networks with output weights 2, -1 and
        1, 1, -1 have |C| > {VANISHED:g}, which the slope of single steps from 10^4 to 10^6 meets to
        {STEPPED:g} (independent).""",
    source="docs/theory.md, Activation patterns and The law of the late phase",
    examine=examine,
    apart=True,
    evidence=Evidence.both,
)
