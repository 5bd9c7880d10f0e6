"""Claim 4: the slow rate is that of almost every initialisation, whatever the initializer."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from latephase.core import Regime, Rigour
from latephase.core.arrays import Bools, Floats
from latephase.problem import GradientDescent, initializers

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.one_by_one import SteppedRuns, stepped
from ..bench.paper_runs import TIMES, Trained, settings, trained
from ..bench.statistics import (
    Interval,
    family_level,
    largest,
    mean_and_error,
    median,
    share,
    two_sided,
    wilson,
)

LEVEL = 0.99  # of a whole family of intervals
FRACTIONS = {Regime.specialised: 0.25, Regime.one_dead: 0.5, Regime.both_dead: 0.25}
TOLERANCE = 1e-6  # largest relative difference of a measured and a predicted constant
SMALLEST = 1e-6  # |C| from which on float64 resolves the slope, in units of the initial scale
DIFFERENT = 0.999  # least share of all trained runs whose measured |C| is so large
EXTREME = "large_normal"  # shown, not judged by that share: no initializer in use
LARGEST_OFFSET = 300.0  # an overshoot that leaves a larger |beta| is not overtaken by ln t = 737
CLEAN, ENOUGH = 0.99, 6  # least share of resolved runs, and of initializers that must have it
SLOPE_FROM = TIMES.index("1e320") - len(TIMES)  # the slope is taken between this time and 1e1000
SMALL_STEP = 1e-9  # at which the overshoot of neurons that start active on both points is no matter

CONSTANTS = f"""Constants C of trained runs: measured against predicted, and mean size against its
    expectation (with biases: at step size {SMALL_STEP:g}, for which the closed form holds)."""
COLUMNS: Columns[Initialised] = {
    "initializer": "initializer",
    "trained runs": lambda i: i.predicted.size,
    "C other than 0 (share)": "different",
    "resolved share": lambda i: share(i.resolved),
    "equal share of resolved": lambda i: share(i.difference <= TOLERANCE),
    "largest difference (relative)": lambda i: largest(i.difference),
    "median |C|": lambda i: median(np.abs(i.predicted)),
    "mean |C|": "mean",
    "standard error": "error",
    "expected mean |C|": "expected",
}

# E|C| / scale, by closed form: C = (|w1| - |w2|) / 2 without biases; with biases, for small steps,
# C = (min(p, 0) - min(q, 0)) / 2 with p, q the pre-activations at the other neuron's point.
EXPECTED = {
    **dict.fromkeys(("he_normal", "xavier_normal", "lecun_normal"), (sqrt(2) - 1) * sqrt(2 / pi)),
    **dict.fromkeys(("he_uniform", "xavier_uniform"), 1 / 6),
    **dict.fromkeys(("pytorch_default", "uniform"), 7 / 30),
    **dict.fromkeys(("standard_normal", "small_normal"), 1 / sqrt(2 * pi)),
}


@dataclass(frozen=True)
class Initialised:
    """What became of one initializer's trials.

    counts: trials by regime, in the order of FRACTIONS;  measured, predicted, offset (K,): constant
    C of trained trials, from the slope of 1/(x* - x_inf) between two late times and from the law;
    mean, error: mean |C| with its standard error, at a step size of SMALL_STEP where there are
    biases;  expected: the mean by closed form, NaN if there is none.
    """

    initializer: str
    trials: int
    counts: tuple[int, ...]
    measured: Floats
    predicted: Floats
    offset: Floats
    mean: float
    error: float
    expected: float

    @property
    def scale(self) -> float:
        """Of the initial weights."""
        return float(initializers.get(self.initializer).scale(1, 2))

    @property
    def different(self) -> float:
        """Share of all trained trials whose constant is measurably not 0."""
        return share(np.abs(self.measured) >= SMALLEST * self.scale)

    @property
    def resolved(self) -> Bools:
        """Trained trials (K,) whose slope float64 can resolve."""
        big = np.abs(self.predicted) >= SMALLEST * self.scale
        return np.asarray(big & (np.abs(self.offset) <= LARGEST_OFFSET))

    @property
    def difference(self) -> Floats:
        """Relative differences of measured and predicted constants, resolved trials only."""
        kept = self.resolved
        return np.abs(self.measured[kept] / self.predicted[kept] - 1)


def measured_constant(runs: Trained) -> Floats:
    """C (K,): ln t over 1/(x* - x_inf), both as differences between two late times."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / (runs.boundary[:, [SLOPE_FROM, -1]] - runs.limit[:, None])
        rise = runs.log_t[-1] - runs.log_t[SLOPE_FROM]
        return np.asarray(rise / (inverse[:, 1] - inverse[:, 0]))


def expected_size(initializer: str) -> float:
    """E|C| of trained networks at x = +-1, in the limit of small steps; NaN if not known."""
    scale = initializers.get(initializer).scale(1, 2)
    return EXPECTED.get(initializer, float("nan")) * scale


def initialised(bench: Bench, name: str) -> Initialised:
    """Run one initializer."""
    runs = bench.ensemble(name, at=TIMES)
    regimes = runs["regime"].values
    kept = trained(runs, name)
    sizes = np.abs(kept.constant)
    if name in EXPECTED and not initializers.get(name).zero_bias:
        method = GradientDescent(SMALL_STEP)
        sizes = np.abs(trained(bench.ensemble(name, method=method, at=TIMES[-1:])).constant)
    return Initialised(
        name,
        regimes.size,
        tuple(int((regimes == r.name).sum()) for r in FRACTIONS),
        measured_constant(kept),
        kept.constant,
        kept.offset,
        *mean_and_error(sizes),
        expected_size(name),
    )


def fractions(found: list[Initialised]) -> Interval:
    """Wilson intervals (initializer, regime) that hold together at LEVEL."""
    counts = np.array([i.counts for i in found])
    trials = np.array([[i.trials] for i in found])
    return wilson(counts, trials, family_level(LEVEL, counts.size))


def decide(found: list[Initialised], single: SteppedRuns | None = None) -> Support:
    """As the criterion says: fractions, constants and mean sizes; UNDECIDED if too few resolved."""
    if any(i.predicted.size == 0 for i in found):
        return Support.UNDECIDED
    known = [i for i in found if np.isfinite(i.expected)]
    reach = two_sided(family_level(LEVEL, max(1, len(known))))
    held = (
        bool(fractions(found).contains(list(FRACTIONS.values())).all())
        and all((i.difference <= TOLERANCE).all() for i in found)
        and all(abs(i.mean - i.expected) <= reach * i.error for i in known)
        and all(i.different >= DIFFERENT for i in found if i.initializer != EXTREME)
        and (single is None or bool((single.constant_error <= single.allowed).all()))
    )
    if not held:
        return Support.NOT_SUPPORTED
    clean = sum(i.resolved.mean() >= CLEAN for i in found)
    return Support.SUPPORTED if clean >= ENOUGH else Support.UNDECIDED


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    found = [initialised(bench, name) for name in initializers.names()]
    single = stepped(bench)
    differences = np.concatenate([i.difference for i in found])
    equal, resolved = int((differences <= TOLERANCE).sum()), differences.size
    total = sum(i.predicted.size for i in found)
    part = total / sum(i.trials for i in found)
    judged = [i for i in found if i.initializer != EXTREME]
    other = sum(i.different * i.predicted.size for i in judged)
    lost = {i.initializer: int((~i.resolved).sum()) for i in found}
    left_out = ", ".join(f"{count:,} runs of {name}" for name, count in lost.items() if count)
    inside = fractions(found).contains(list(FRACTIONS.values()))
    holding = f"{int(inside.sum())} of {inside.size}"
    slopes = single.constant_error
    ends, end_figure = _fractions(found)
    return Finding(
        decide(found, single),
        f"""{part:.2%} of all networks train both points (exact: 25 %). C is measurably other than 0
            in {other:,.0f} of {sum(i.predicted.size for i in judged):,} trained runs of the
            initializers but {EXTREME}; it is the predicted one in {equal:,} of {resolved:,} runs
            whose slope float64 resolves, and in {(slopes <= single.allowed).sum()} of {slopes.size}
            made step by step to {single.until}. Left out: {left_out or "none"}.""",
        f"""{bench.trials:,} runs of gradient descent for each of {len(found)} initializers; the one
            of median |C| of each common initializer also step by step to {single.until}.""",
        [
            Number("initializers", len(found), Rigour.exact),
            Number("trained share of all runs", part),
            Number("trained runs", total),
            *(Number(f"{i.initializer}: share with C other than 0", i.different) for i in found),
            Number("of these, constant resolved in float64", resolved),
            Number("of these, measured equals predicted constant", equal),
            Number("largest relative difference", largest(differences)),
            Number(f"step by step to {single.until}: largest relative error of C", largest(slopes)),
            Number("fraction intervals that hold the exact value", holding),
        ],
        settings(bench, initializers.names(), at=TIMES, small_step_size=SMALL_STEP),
        [ends, Table.of("constants", CONSTANTS, found, COLUMNS)],
        [end_figure, _constant_figure(found)],
        [
            f"""{i.initializer}: {1 - share(i.resolved):.1%} of the trained runs have |C| below
                {SMALLEST:g} of the initial scale or |beta| above {LARGEST_OFFSET:g}, so that no
                slope can be read up to 1e1000: large weights overshoot by e^|margin|, or land too
                gently to leave a visible C."""
            for i in found
            if i.predicted.size and i.resolved.mean() < CLEAN
        ],
    )


def _fractions(found: list[Initialised]) -> tuple[Table, Figure]:
    interval, names = fractions(found), [i.initializer for i in found]
    shown: dict[str, list[object]] = {"initializer": list(names)}
    lines = [[exact] * len(names) for exact in sorted(set(FRACTIONS.values()))]
    series = [Series("line", names, line, role="reference") for line in lines]
    for k, (regime, exact) in enumerate(FRACTIONS.items()):
        middle, low, high = (v[:, k] for v in (interval.estimate, interval.lower, interval.upper))
        shown[f"{regime.name} (exact {exact:g})"] = list(middle)
        shown[f"{regime.name}, lower"] = list(low)
        shown[f"{regime.name}, upper"] = list(high)
        label, ends = regime.name.replace("_", " "), np.stack([low, high])
        series.append(Series("bars", names, middle, label, y2=ends, colour=k))
    shown["other or unsettled"] = [i.trials - sum(i.counts) for i in found]
    caption = f"""Fractions of regimes with Wilson intervals ({LEVEL:.0%} for the whole table
        together)."""
    figure = Figure(
        "regime_fractions",
        f"""How runs end, by initializer, with intervals that hold together at {LEVEL:.0%} against
            the exact fractions (lines): for every one of them a quarter of the networks train both
            points, half lose one neuron and a quarter lose both, as the symmetry of the
            distribution says.""",
        [Panel(series, "initializer", "share of runs", "how runs end", y_limits=(0.0, 0.65))],
    )
    return Table("regime_fractions", caption, shown), figure


def _constant_figure(found: list[Initialised]) -> Figure:
    shown = [i for i in found if i.initializer in ("he_normal", "standard_normal", "uniform")]
    clouds, histograms, edges = [], [], np.linspace(0.0, 2.0, 41)
    for colour, i in enumerate(shown):
        kept = np.flatnonzero(i.resolved)[:1000]
        pairs = i.predicted[kept], i.measured[kept]
        clouds.append(Series("points", *pairs, i.initializer, colour=colour))
        density = np.histogram(np.abs(i.predicted), edges)[0] / max(1, i.predicted.size)
        label = f"{i.initializer}, mean {np.abs(i.predicted).mean():.3f}" if density.any() else ""
        histograms.append(Series("steps", edges, density / 0.05, label, colour=colour))
    diagonal = Series("line", [-2.5, 2.5], [-2.5, 2.5], "equal", role="reference")
    labels, square = ("predicted C", "measured C", "slope against law"), (-2.5, 2.5)
    return Figure(
        "constants",
        """(a) The constant C read off the slope of 1/x* between steps 10^320 and 10^1000, against
            the one predicted from the weights after entry into the last regime; all points lie on
            the diagonal. (b) How |C| is distributed; the peak at 0 is of networks whose neurons
            both start active on both points, which overshoot by a step.""",
        [
            Panel([diagonal, *clouds], *labels, x_limits=square, y_limits=square),
            Panel(histograms, "|C|", "density", "distribution", x_limits=(0.0, 2.0)),
        ],
    )


CLAIM = Claim(
    number=4,
    key="initializers",
    title="Almost every initialisation, for common initializers",
    statement="""The slow rate is not an accident of the start: for almost every initialisation,
        with common initializers such as He's, the boundary of a network that learns both points
        comes like C / ln t with C different from 0.""",
    criterion=f"""For all initializers: Wilson intervals, {LEVEL:.0%} for the whole family, hold the
        exact fractions 1/4, 1/2, 1/4; every trained run whose constant float64 resolves has a
        measured constant within {TOLERANCE:g} (relative) of the predicted one (consistency), and in
        {DIFFERENT:.1%} of all trained runs ({EXTREME} apart) the measured |C| is at least
        {SMALLEST:g} of the initial scale. In a run of each common initializer made step by step to
        10^8 the slope of 1/x* from 10^7 on gives the predicted C to 0.001 (independent). Mean |C|
        is within its {LEVEL:.0%} intervals of the closed forms. UNDECIDED unless at least {ENOUGH}
        initializers have {CLEAN:.0%} of their constants resolved.""",
    source="""[smorodinsky2026], as read from the abstract; docs/theory.md, sections 2 and 3;
        intervals: [wilson1927]""",
    examine=examine,
    evidence=Evidence.both,
)
