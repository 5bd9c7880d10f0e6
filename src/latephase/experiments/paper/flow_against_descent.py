"""Claim 6: gradient flow lands on the kinks, gradient descent jumps past them.

On x = +-1 a wrong-side pre-activation that starts positive falls to zero.  Gradient flow stops it
exactly there, gradient descent at a depth of one step; the depths make the constant C of the law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime, Regime, Rigour, log_spaced
from latephase.core.arrays import Bools, Floats
from latephase.late.engines.exact_pieces import LatePhase
from latephase.problem import GradientDescent, GradientFlow, Method, TwoPointGeometry

from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.drawn import draw, ends_in, follow
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import largest

INITIALIZER = "standard_normal"
LADDER = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
FLOW_TIMES = ("1e9", "1e100", "1e1000")
FLOW_TOLERANCE = 1e-5  # the prediction leaves out O(A / t), at t = 1e9
LAW_TOLERANCE = 1e-6
SLOPE_TOLERANCE = 0.05
SMALL = 0.01  # a steeper start may jump far past the kink in one larger step
LARGEST_RATIO = 1.1  # |C| / step size: the overshoots are below 2 eta l, with l <= 1 + O(eta)
ENOUGH = 30


@dataclass(frozen=True)
class Measured:
    """What decides the claim.

    both, one: numbers of trials with both, with one wrong side positive at the start that
    specialise;  flow_error: largest relative error of GF's deficit;  law_error: largest relative
    error of GD's deficit at the horizon against |C| / (ln t + beta);  moving: share of GD trials
    with C != 0;  slopes: log-log slopes of median |C| and median |C_GD - C_GF| over step sizes;
    ratio: largest |C| / step size over trials and step sizes up to SMALL.
    """

    both: int
    one: int
    flow_error: float
    law_error: float
    moving: float
    slope_both: float
    slope_one: float
    ratio: float


def decide(m: Measured) -> Support:
    """The criterion of the claim."""
    if min(m.both, m.one) < ENOUGH:
        return Support.UNDECIDED
    fast_flow = m.flow_error <= FLOW_TOLERANCE
    slow_descent = m.moving >= 0.99 and m.law_error <= LAW_TOLERANCE
    linear = all(abs(slope - 1) <= SLOPE_TOLERANCE for slope in (m.slope_both, m.slope_one))
    return Support.of(fast_flow and slow_descent and linear and m.ratio <= LARGEST_RATIO)


def log_flow_deficit(a: Floats, log_t: Floats) -> Floats:
    """ln |A2 - A1| / (4 t ln 2t), (T, S): GF's predicted deficit from pre-activations a (T, 2, 2)
    at the start, both wrong sides positive; A_i = exp(right side) cosh(wrong side)."""
    log_1 = a[:, 0, 0] + np.log(np.cosh(a[:, 1, 0]))
    log_2 = a[:, 1, 1] + np.log(np.cosh(a[:, 0, 1]))
    larger = np.maximum(log_1, log_2)
    log_gap = larger + np.log(-np.expm1(-np.abs(log_1 - log_2)))
    return log_gap[:, None] - np.log(4.0) - log_t - np.log(np.log(2.0) + log_t)


def log_log_slope(step_sizes: Floats, values: Floats) -> float:
    """Least-squares slope of ln(median over trials of values (steps, T)) over ln step size."""
    medians = np.median(values, axis=1)
    return float(np.polyfit(np.log(step_sizes), np.log(medians), 1)[0])


@dataclass(frozen=True)
class Runs:
    """GF and GD from the same networks; both, one: masks (T,) of trials that specialise in all
    runs, with both wrong sides positive at the start, with one.

    constants (step sizes, trials of `both`): |C| of GD;  apart (step sizes, trials of `one`):
    |C_GD - C_GF|.
    """

    networks: tuple[Floats, Floats]
    flow: LatePhase
    descents: list[LatePhase]
    both: Bools
    one: Bools
    constants: Floats
    apart: Floats

    @property
    def ratios(self) -> Floats:
        """|C| / step size of GD, (step sizes, trials with both wrong sides positive)."""
        return np.asarray(self.constants / np.array(LADDER)[:, None])


def run(bench: Bench) -> Runs:
    """GF and GD over the ladder of step sizes from the same starts."""
    networks = draw(INITIALIZER, bench.trials, bench.seed)
    flow = follow(networks, PAPER_DATA, GradientFlow(), FLOW_TIMES)
    descents = [follow(networks, PAPER_DATA, GradientDescent(s), FLOW_TIMES) for s in LADDER]
    a = TwoPointGeometry.of(PAPER_DATA).preactivations(*networks)
    wrong = (a[:, 0, 1] > 0).astype(int) + (a[:, 1, 0] > 0)
    trained = ends_in(flow, Regime.specialised)
    for descent in descents:
        trained &= ends_in(descent, Regime.specialised)
    both, one = trained & (wrong == 2), trained & (wrong == 1)
    constants = np.abs([d.laws.constant[both] for d in descents])
    apart = np.abs([d.laws.constant[one] - flow.laws.constant[one] for d in descents])
    return Runs(networks, flow, descents, both, one, constants, apart)


def measure(runs: Runs) -> Measured:
    """What decides the claim, read off the runs."""
    both, ladder = runs.both, np.array(LADDER)
    log_t = np.array([LogTime.parse(t).log for t in FLOW_TIMES])
    seen = runs.flow.record.observed["log_margin_deficit"][both]
    a = TwoPointGeometry.of(PAPER_DATA).preactivations(*runs.networks)[both]
    errors = []
    for descent in runs.descents:
        constant, offset = descent.laws.constant[both], descent.laws.offset[both]
        log_law = np.log(np.abs(constant)) - np.log(log_t[-1] + offset)
        late = descent.record.observed["log_margin_deficit"][both, -1]
        errors.append(largest(np.abs(np.expm1(late - log_law))))
    enough = min(both.sum(), runs.one.sum()) > 0
    return Measured(
        int(both.sum()),
        int(runs.one.sum()),
        largest(np.abs(np.expm1(seen - log_flow_deficit(a, log_t)))),
        max(errors),
        float(np.mean(runs.constants != 0)) if enough else 0.0,
        log_log_slope(ladder, runs.constants) if enough else np.nan,
        log_log_slope(ladder, runs.apart) if enough else np.nan,
        largest(runs.ratios[ladder <= SMALL]),
    )


def examine(bench: Bench) -> Finding:
    """Run GF and GD over the ladder of step sizes from the same starts."""
    runs = run(bench)
    m, exact, steep = measure(runs), Rigour.exact, largest(runs.ratios[-1])
    return Finding(
        verdict=decide(m),
        summary=f"""With both wrong sides positive ({m.both} trials) GF meets (A2 - A1)/(4 t ln 2t)
            to {m.flow_error:.1e} up to t = 10^1000, while GD keeps C != 0 in {m.moving:.1%} of
            runs, with |C| ~ step size^{m.slope_both:.3f}; with one positive ({m.one} trials) |C_GD
            - C_GF| ~ step size^{m.slope_one:.3f}.""",
        run=f"""{bench.trials} {INITIALIZER} networks on x = +-1, each trained by GF and by GD at
            {len(LADDER)} step sizes to t = 10^1000; compared where all runs specialise.""",
        numbers=[
            Number("trials with both wrong sides positive that specialise", m.both),
            Number("trials with one wrong side positive that specialise", m.one),
            Number("largest relative error of GF's predicted deficit", m.flow_error, exact),
            Number("largest relative error of GD's law at t = 10^1000", m.law_error, exact),
            Number("share of GD runs with C != 0 (both positive)", m.moving, exact),
            Number("slope of ln median |C| over ln step size (both positive)", m.slope_both),
            Number("slope of ln median |C_GD - C_GF| (one positive)", m.slope_one),
            Number(f"largest |C| / step size, step sizes up to {SMALL:g}", m.ratio),
        ],
        settings=bench.settings(
            initializer=INITIALIZER, inputs=[1.0, -1.0], step_sizes=LADDER, times=FLOW_TIMES
        ),
        tables=[_table(runs)],
        figures=[_figure(runs)] if runs.both.any() and runs.one.any() else [],
        deviations=[
            f"""|C| = O(step size) is a statement on small steps: at {LADDER[-1]:g} the largest |C|
                / step size is {steep:.3g}, from steep starts that jump far past a kink in their
                first step."""
        ],
    )


def _table(runs: Runs) -> Table:
    columns: dict[str, list[float]] = {"step size": list(LADDER)}
    shown = (("|C|, both positive", runs.constants), ("|C_GD - C_GF|, one positive", runs.apart))
    for name, values in shown:
        for label, q in (("5 %", 0.05), ("median", 0.5), ("95 %", 0.95)):
            columns[f"{name}: {label}"] = _quantile(values, q)
    caption = "Constant of the law over step sizes; the same starts at every step size."
    return Table("flow_against_descent", caption, columns)


def _quantile(values: Floats, q: float) -> list[float]:
    if not values.shape[1]:
        return [float("nan")] * len(values)
    return [float(v) for v in np.quantile(values, q, axis=1)]


def _figure(runs: Runs) -> Figure:
    caption = """(a) With both wrong sides positive at the start the constant of gradient descent is
        proportional to the step size, and so is its distance from gradient flow's with one positive
        (medians; band: 5 to 95 % of trials). (b) One start in the same training time; gradient flow
        converges like 1/(t ln t), gradient descent bends off into 1/ln t, the later the smaller its
        step."""
    both, one = ([_quantile(v, q) for q in (0.05, 0.5, 0.95)] for v in (runs.constants, runs.apart))
    ladder = [
        Series("band", LADDER, both[0], y2=both[2], colour=0),
        Series("line", LADDER, both[1], "|C| of GD, both wrong sides positive", colour=0),
        Series("line", LADDER, one[1], "|C of GD - C of GF|, one positive", colour=1),
        Series("line", LADDER, LADDER, "step size", role="reference"),
    ]
    labels = "step size", "constant C (input units)", "the constant"
    constants = Panel(ladder, *labels, x_scale="log", y_scale="log")
    return Figure("flow_against_descent", caption, [constants, _courses(runs)])


def _courses(runs: Runs) -> Panel:
    """The trial of median |C| at the largest step size, over flow time."""
    constants = np.where(runs.both, np.abs(runs.descents[-1].laws.constant), np.nan)
    middle = int(np.nanargmin(np.abs(constants - np.nanmedian(constants))))
    weights, biases = runs.networks
    start = (weights[[middle]], biases[[middle]])
    methods: dict[str, Method] = {"gradient flow": GradientFlow()} | {
        f"gradient descent, step size {s:g}": GradientDescent(s) for s in (1e-1, 1e-3, 1e-5)
    }
    series = []
    for colour, (label, method) in enumerate(methods.items()):
        flow = not method.discrete
        times = [t for t in log_spaced(LogTime.parse("1e18", flow=flow), 120, flow) if t.log >= 0]
        found = follow(start, PAPER_DATA, method, times)
        x = np.array([t.log10 for t in times]) + np.log10(method.flow_step)
        y = found.record.observed["log_margin_deficit"][0] / np.log(10.0)
        kept = (x >= 0) & (x <= 12)
        series.append(Series("line", x[kept], y[kept], label, colour=colour))
    x_label = "log10 training time (GD: step size x t)"
    return Panel(series, x_label, "log10 margin deficit (input units)", "one start")


CLAIM = Claim(
    number=6,
    key="flow_against_descent",
    title="Gradient flow against gradient descent",
    statement="""From a start in which both neurons are active on the wrong point, gradient flow
        reaches a deficit of 1/(t ln t) where gradient descent is left with 1/ln t; the constant of
        gradient descent is of the order of its step size. With one wrong side inactive at the start
        both share the constant up to the order of the step size.""",
    criterion=f"""GF's deficit within {FLOW_TOLERANCE:g} (relative) of (A2 - A1)/(4 t ln 2t) at t =
        1e9, 1e100, 1e1000 in every trial; GD's within {LAW_TOLERANCE:g} of |C|/(ln t + beta) at
        1e1000, C != 0 in 99 % of runs; log-log slopes of median |C| and median |C_GD - C_GF| over
        step sizes within {SLOPE_TOLERANCE:g} of 1; |C| <= {LARGEST_RATIO:g} step sizes in every run
        with a step size up to {SMALL:g}. The first two parts: consistency; the constants:
        independent. Undecided with fewer than {ENOUGH} trials of either kind.""",
    source=(
        '[smorodinsky2026], as read from the abstract; docs/theory.md, "The law of the late phase"'
    ),
    examine=examine,
    evidence=Evidence.both,
)
