"""Claim 8: how many steps a margin takes, and how many years that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import LogTime, Rigour
from latephase.core.arrays import Floats
from latephase.late.engines.exact_pieces import LatePhase
from latephase.problem import GradientDescent

from ..bench.base import PAPER_DATA, STEP_SIZE, Bench, Claim, Evidence
from ..bench.drawn import draw, follow, settled
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import largest, power_above, quantile

DEFICITS = (0.1, 0.01, 0.001)
STEPS_PER_SECOND = 1e9
SECONDS_PER_YEAR = 365.25 * 86400
AGE_OF_UNIVERSE = 1.38e10  # years
CHECKED = 24  # trials of each initializer whose boundary is simulated at the predicted step
LATE = 50.0  # ln t past the entry from which the remainder O(ln t / t) is below rounding
TOLERANCE = 1e-6
# Initializers of customary scale; a thousandth and ten times it are shown beside them.
CUSTOMARY = (
    *("he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "lecun_normal"),
    *("pytorch_default", "standard_normal", "uniform"),
)
_LOG10 = np.log(10.0)


@dataclass(frozen=True)
class Slowness:
    """What decides the claim.

    years: log10 of the median years to a deficit of 0.001 at 1e9 steps per second, by initializer;
    error: largest relative error of the simulated deficit at the step the law predicts;
    checked: number of such comparisons.
    """

    years: dict[str, float]
    error: float
    checked: int


def decide(slowness: Slowness) -> Support:
    """Years beyond the age of the universe, and a law that simulation confirms."""
    years = np.array([slowness.years.get(name, np.nan) for name in CUSTOMARY])
    if slowness.checked == 0 or np.isnan(years).any():
        return Support.UNDECIDED
    prohibitive = (years > np.log10(AGE_OF_UNIVERSE)).all()
    return Support.of(prohibitive and slowness.error <= TOLERANCE)


def log_steps(found: LatePhase, deficit: float) -> Floats:
    """ln of the step from which the deficit stays below the one given, of trained trials (K,).

    ln t = |C| / deficit - beta, and not before the entry into the regime.  Rigour: exact up to
    O(ln t / t).
    """
    kept = np.isfinite(found.laws.constant)
    steps = np.abs(found.laws.constant[kept]) / deficit - found.laws.offset[kept]
    return np.maximum(np.maximum(steps, found.journey.log_entry[kept]), 0.0)


def log10_years(log10_steps: float) -> float:
    """log10 of the years that 10^log10_steps steps take."""
    return log10_steps - float(np.log10(STEPS_PER_SECOND * SECONDS_PER_YEAR))


def check(bench: Bench, name: str, found: LatePhase, deficit: float) -> Floats:
    """Relative errors of simulated deficits at the predicted steps of a few late trials."""
    trained = np.flatnonzero(np.isfinite(found.laws.constant))
    log_t = log_steps(found, deficit)
    entered = np.maximum(found.journey.log_entry[trained], 0.0)
    late = np.flatnonzero(log_t > LATE + entered)[:CHECKED]
    if not late.size:
        return np.empty(0)
    weights, biases = draw(name, bench.trials, bench.seed)
    networks = (weights[trained[late]], biases[trained[late]])
    order = np.argsort(log_t[late])
    times = [LogTime.from_log(float(log_t[late][i])) for i in order]
    seen = follow(networks, PAPER_DATA, GradientDescent(STEP_SIZE), times)
    diagonal = seen.record.observed["log_margin_deficit"][order, np.arange(order.size)]
    return np.abs(np.expm1(diagonal - np.log(deficit)))


def log10_steps(found: LatePhase, deficit: float, share: float) -> float:
    """log10 of the steps after which that share of trained trials has reached the deficit."""
    return quantile(log_steps(found, deficit) / _LOG10, share)


def examine(bench: Bench) -> Finding:
    """Constants of all initializers, turned into steps and years."""
    runs = settled(bench.trials, bench.seed)
    errors = np.concatenate([check(bench, n, f, d) for n, f in runs.items() for d in DEFICITS])
    every = {n: log10_years(log10_steps(found, DEFICITS[-1], 0.5)) for n, found in runs.items()}
    slowness = Slowness(every, largest(errors), errors.size)
    name = min((n for n in every if n in CUSTOMARY), key=lambda n: every[n])
    years, least = every[name], "least median time to a deficit of 0.001"
    fast = {n: y for n, y in every.items() if n not in CUSTOMARY and y <= np.log10(AGE_OF_UNIVERSE)}
    return Finding(
        verdict=decide(slowness),
        summary=f"""A deficit of {DEFICITS[-1]:g} takes the median trained run of every customary
            initializer at least 10^{years:.1f} years at 10^9 steps per second (least: {name});
            simulation at the predicted step meets the deficit to better than
            {power_above(slowness.error)}.""",
        run=f"""{bench.trials} networks for each of {len(runs)} initializers on x = +-1 at step size
            {STEP_SIZE:g}, followed into their regime; steps to a deficit from their laws;
            {slowness.checked} of the predictions checked by simulating the boundary at that
            step.""",
        numbers=[
            Number(f"{least} ({name})", years, Rigour.estimated, "log10 years"),
            Number("predictions checked by simulation", slowness.checked),
            Number("largest relative error of the simulated deficit", slowness.error, Rigour.exact),
        ],
        settings=bench.settings(inputs=[1.0, -1.0], step_size=STEP_SIZE, deficits=DEFICITS)
        | {"steps_per_second": STEPS_PER_SECOND, "age_of_the_universe_in_years": AGE_OF_UNIVERSE},
        tables=[_table(runs)],
        figures=[_figure(runs)],
        deviations=[
            f"""{name} is not prohibitively slow: its median trained run has a deficit of 0.001
                after 10^{years:.1f} years."""
            for name, years in fast.items()
        ],
    )


def _table(runs: dict[str, LatePhase]) -> Table:
    columns: dict[str, list[Any]] = {
        "initializer": list(runs),
        "trained runs": [int(np.isfinite(f.laws.constant).sum()) for f in runs.values()],
    }
    for deficit in DEFICITS:
        for label, share in (("median", 0.5), ("90 %", 0.9)):
            steps = [log10_steps(f, deficit, share) for f in runs.values()]
            columns[f"deficit {deficit:g}, {label} (log10 steps)"] = steps
            columns[f"deficit {deficit:g}, {label} (log10 years)"] = [log10_years(s) for s in steps]
    caption = """Steps until the deficit stays below a value, and years at 10^9 steps per second, as
        decimal logarithms: the median trained run, and the step by which 90 % have arrived."""
    return Table("how_slow", caption, columns)


def _figure(runs: dict[str, LatePhase]) -> Figure:
    caption = """Steps to a deficit: the median of trained runs (dots) and the range from 10 to 90 %
        of them (lines). What is plotted is the exponent, on an axis that is logarithmic itself: at
        10^2 it takes 10^100 steps. Each further digit of the margin multiplies the exponent by
        about ten, except after a very small start. The upright line is what 10^9 steps per second
        do in the age of the universe."""
    names, series = list(runs), []
    for deficit in DEFICITS:
        middle, *ends = (
            [log10_steps(f, deficit, q) for f in runs.values()] for q in (0.5, 0.1, 0.9)
        )
        series.append(Series("ranges", names, middle, f"deficit {deficit:g}", y2=np.array(ends)))
    universe = float(np.log10(AGE_OF_UNIVERSE * SECONDS_PER_YEAR * STEPS_PER_SECOND))
    limit = Series("line", names, [universe] * len(names), "age of the universe", role="reference")
    panel = Panel(
        [*series, limit], "initializer", "log10 steps", "steps to a deficit", y_scale="log"
    )
    return Figure("how_slow", caption, [panel])


CLAIM = Claim(
    number=8,
    key="how_slow",
    title="How slow",
    statement="""The rate is prohibitive in practice: a margin close to the optimum takes more steps
        than could ever be made, under every customary initializer.""",
    criterion=f"""For each of the eight initializers of customary scale the median trained run needs
        longer than the age of the universe ({AGE_OF_UNIVERSE:.3g} years at 10^9 steps per second)
        for a deficit of {DEFICITS[-1]:g}; at predicted steps beyond e^{LATE:g} times that of entry
        the simulated deficit is the one asked for within {TOLERANCE:g} (relative) in every checked
        run. The years are the law's, which claim 2 tests.""",
    source=(
        '[smorodinsky2026], as read from the abstract; docs/theory.md, "The law of the late phase"'
    ),
    examine=examine,
    evidence=Evidence.consistency,
)
