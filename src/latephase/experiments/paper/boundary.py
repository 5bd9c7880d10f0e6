"""Claim 3: the boundary x* = (b2 - b1)/(w1 - w2) decides the margin; its denominator is ln t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Floats
from latephase.problem import ShallowReLU

from ..bench.base import PAPER_DATA, PAPER_METHOD, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.one_by_one import LOG_RISE, SteppedRuns, rise, stepped
from ..bench.paper_runs import COMMON, TIMES, Trained, common_runs, settings
from ..bench.statistics import largest, power_above, quantile

OPTIMAL = PAPER_DATA.optimal_margin
IDENTITY = 1e-12  # largest relative error of margin = optimal - |x* - midpoint|
FROM = "1e20"  # step from which on the denominator is compared with its prediction
DENOMINATOR = 1e-9  # largest relative error of the denominator from then on
FINAL_RATIO = 0.02  # and of its ratio to ln t itself at 1e1000
CAPTION = "The margin from x*, and the denominator of x* against ln t, over trained runs."
COLUMNS: Columns[BoundaryCheck] = {
    "initializer": "initializer",
    "trained runs": lambda c: c.ratio.size,
    "samples": "defined",
    "largest error of the margin formula (relative)": "identity",
    "(w1 - w2)/ln t at 1e1000, median": lambda c: quantile(c.ratio, 0.5),
    "(w1 - w2)/(ln t + beta), largest error from 1e20 on": lambda c: _most(c.denominator),
    "b2 - b1 against C at 1e1000, median error (relative)": lambda c: quantile(c.numerator, 0.5),
}
SHOWN = ((2.0, -0.5), (0.2, 0.3))  # weights and biases of the network of the figure
SHOWN_TIMES = ("0", "1e2", "1e6", "1e1000")


@dataclass(frozen=True)
class BoundaryCheck:
    """How well x* describes one initializer's trained trials.

    right: samples in which both points are classified right;  specialised: those among them in
    which each neuron is active on its own point alone;  defined: those in which both neurons are
    also active at x*, `identity` is the largest relative error of the margin formula there (from
    the parameters; the margin comes from the breakpoints);  astray: right samples before
    specialisation in which x* is defined but does not give the margin;  late_defined: whether x* is
    defined at every sample from FROM on;  denominator (K,): largest relative distance of w1 - w2
    from ln t + beta from FROM on;  ratio (K,): (w1 - w2)/ln t at the end;  numerator (K,): relative
    distance of b2 - b1 from C at the end.
    """

    initializer: str
    right: int
    specialised: int
    defined: int
    identity: float
    astray: int
    late_defined: bool
    denominator: Floats
    ratio: Floats
    numerator: Floats


def check(runs: Trained) -> BoundaryCheck:
    """Compare margins with the boundary, and the boundary's denominator with its prediction."""
    late = runs.since(LogTime.parse(FROM).log)
    numerator = runs.biases[..., 1] - runs.biases[..., 0]
    denominator = runs.weights[..., 0] - runs.weights[..., 1]
    predicted = runs.log_t[late] + runs.offset[:, None]
    at_first, at_second = runs.biases + runs.weights, runs.biases - runs.weights  # x = 1, x = -1
    alone = (at_first[..., 0] > 0) & (at_second[..., 0] <= 0)  # each on its own point
    alone &= (at_second[..., 1] > 0) & (at_first[..., 1] <= 0)
    right, crosses = runs.margin > 0, ~np.isnan(runs.boundary)
    defined = right & alone & crosses
    with np.errstate(divide="ignore", invalid="ignore"):
        formula = OPTIMAL - np.abs(numerator / denominator)  # the midpoint is 0
        errors = np.abs(formula / runs.margin - 1)
        return BoundaryCheck(
            runs.initializer,
            int(right.sum()),
            int((right & alone).sum()),
            int(defined.sum()),
            float(errors[defined].max(initial=0.0)),
            int((right & crosses & ~alone & (errors > IDENTITY)).sum()),
            bool(defined[:, late].all()),
            np.abs(denominator[:, late] / predicted - 1).max(axis=1, initial=0.0),
            denominator[:, -1] / runs.log_t[-1],
            np.abs(numerator[:, -1] / runs.constant - 1),
        )


def step_by_step(runs: SteppedRuns) -> tuple[Floats, Floats]:
    """Of stepped runs: relative errors of the margin formula (K, S), of the denominator's growth
    over ln t (K,)."""
    formula = OPTIMAL - np.abs(runs.boundary)
    return np.abs(formula / runs.margin - 1), np.abs(rise(runs.denominator) / LOG_RISE - 1)


def decide(checks: list[BoundaryCheck], single: SteppedRuns | None = None) -> Support:
    """SUPPORTED iff the formula gives the margin and the denominator grows as predicted."""
    if any(c.defined == 0 for c in checks):
        return Support.UNDECIDED
    held = all(
        c.identity <= IDENTITY
        and c.late_defined
        and (c.denominator <= DENOMINATOR).all()
        and (np.abs(c.ratio - 1) <= FINAL_RATIO).all()
        for c in checks
    )
    if single is not None:
        errors, growth = step_by_step(single)
        held = held and bool((errors <= IDENTITY).all() and (growth <= single.allowed).all())
    return Support.of(held)


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    checks = [check(r) for r in common_runs(bench)]
    identity = max(c.identity for c in checks)
    ratio = np.concatenate([c.ratio for c in checks])
    off, onward = max(largest(c.denominator) for c in checks), f"from step {FROM} on"
    samples, alone = sum(c.defined for c in checks), sum(c.specialised for c in checks)
    undefined, astray = alone - samples, sum(c.astray for c in checks)
    single = stepped(bench)
    errors, growth = step_by_step(single)
    least, most, growing = float(ratio.min(initial=np.inf)), _most(ratio), _most(growth)
    early = f"""The formula does not hold from the start: in {undefined:,} samples of specialised
        networks the kinks leave an interval between them on which N = 0, so that x* does not exist
        and the margin ends at a kink; in {astray:,} samples before specialisation x* exists but
        another zero of N is nearer. All of these are early; the claim is judged where x* is the
        boundary."""
    return Finding(
        decide(checks, single),
        f"""The margin is {OPTIMAL:g} - |x*| to better than {power_above(identity)} in {samples:,}
            samples; (w1 - w2)/ln t ends at 1e1000 between {least:.5f} and {most:.5f}. In
            {growth.size} runs made step by step to {single.until} the margin is so, too, and w1 -
            w2 grows like ln t to better than {power_above(growing)}.""",
        f"""{bench.trials:,} runs of gradient descent for each of {len(COMMON)} initializers;
            {samples:,} samples of trained, specialised networks with both neurons active at x*; the
            run of median |C| of each initializer also step by step to {single.until}, by a loop of
            its own.""",
        [
            Number("largest relative error of the margin formula", identity),
            Number("samples of specialised networks, both points right", alone),
            Number("of these, x* undefined: N = 0 on an interval", undefined),
            Number("samples before that in which x* is not the nearest zero", astray),
            Number("smallest (w1 - w2)/ln t at 1e1000", least),
            Number("largest (w1 - w2)/ln t at 1e1000", most),
            Number(f"largest relative distance of w1 - w2 from ln t + beta, {onward}", off),
            Number("step by step: error of the margin formula", _most(errors)),
            Number("step by step: growth of w1 - w2 / ln t - 1", growing),
        ],
        settings(bench, COMMON, at=TIMES),
        [Table.of("boundary_formula", CAPTION, checks, COLUMNS)],
        [_figure()],
        [early] if undefined or astray else [],
    )


def _most(values: Floats) -> float:
    return largest(values, -np.inf)


def _figure() -> Figure:
    """One network at SHOWN_TIMES: its scaled outputs, and its boundaries (NaN where undefined)."""
    from latephase.runs import simulate

    net = ShallowReLU(*SHOWN)
    run = simulate(net, PAPER_DATA, PAPER_METHOD, until=SHOWN_TIMES[-1], at=SHOWN_TIMES).trajectory
    nets = [ShallowReLU(*net) for net in zip(run.weights.values, run.biases.values, strict=True)]
    x, boundaries = np.linspace(-1.5, 1.5, 601), np.asarray(run.boundary.values, float)
    names = ("at the start", *(f"after {t} steps" for t in SHOWN_TIMES[1:]))
    series = [
        Series("line", x, net(x) / np.abs(net(PAPER_DATA.inputs)).max(), name, colour=k)
        for k, (net, name) in enumerate(zip(nets, names, strict=True))
    ]
    series += [Series("points", [b], [0.0], colour=k) for k, b in enumerate(boundaries)]
    series.append(Series("points", [1.0, -1.0], [0.0, 0.0], "the inputs", role="reference"))
    labels = "x", "N(x) / largest |N| at the inputs"
    places = ", ".join(f"{b:.2g}" for b in boundaries)
    return Figure(
        "network_function",
        f"""One network, scaled by its value at the data: the boundary (dots on the axis) is thrown
            off the midpoint and creeps back, x* = {places} at the four times, while the function is
            as good as converged. (a) is all of it, (b) the neighbourhood of the midpoint.""",
        [
            Panel(series, *labels, "the network"),
            Panel(series, *labels, "at the boundary", x_limits=(-0.1, 0.4), y_limits=(-0.25, 0.4)),
        ],
    )


CLAIM = Claim(
    number=3,
    key="boundary",
    title="The boundary formula decides the margin",
    statement="""The margin is decided by where the two neurons meet, x*(t) = (b2 - b1)/(w1 - w2),
        whose denominator grows like ln t while its numerator need not vanish.""",
    criterion=f"""In every run whose loss tends to 0, of {len(COMMON)} initializers: once
        specialised, wherever both neurons are active at x*, margin = optimal - |x* - midpoint| to
        {IDENTITY:g} (relative); from step {FROM} on x* is defined and w1 - w2 is within
        {DENOMINATOR:g} (relative) of ln t + beta; at 1e1000 it is within {FINAL_RATIO:g} of ln t
        (consistency). In a run of each initializer made step by step to 10^8 the margin formula
        holds as well at every decade from 10^4 on, and w1 - w2 grows from 10^7 to 10^8 by ln(10) to
        0.001 (independent).""",
    source="[smorodinsky2026], as read from the abstract; docs/theory.md, sections 1 and 3",
    examine=examine,
    evidence=Evidence.both,
)
