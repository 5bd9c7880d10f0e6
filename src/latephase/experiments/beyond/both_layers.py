"""Both layers trained: the rate 1/sqrt(ln t) of two neurons, their regimes, and their start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import LogTime, Regime, Rigour
from latephase.core.arrays import Bools, Floats
from latephase.late.engine import Goal
from latephase.late.engines.layered_pieces import follow_layered_trials
from latephase.problem import Dataset, TwoPointGeometry

from ..bench.base import PAPER_DATA, PAPER_METHOD, Bench, Claim, Evidence
from ..bench.drawn import draw, follow
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import median, wilson

INITIALIZERS = (
    "he_normal",
    "he_uniform",
    "xavier_normal",
    "xavier_uniform",
    "pytorch_default",
    "standard_normal",
)
TRIALS = 500
SEED = 4000  # added to the bench's: networks that no earlier study has seen
TIMES = ("1e500", "1e1000")
RATES, SLACK = {"both": 0.5, "hidden": 1.0}, 0.05  # of an exponent; of a constant, relative
KEPT = 0.95  # share of the runs that must be within it
UNCOUPLED = Dataset([3.0, -1.0], [1, -1])
Start = tuple[Floats, Floats, Floats]
SCALES: dict[str, Callable[[Floats, Floats, Floats], Start]] = {
    "as drawn": lambda w, b, v: (w, b, v),
    "balanced": lambda w, b, v: (w, b, np.sign(v) * np.hypot(w, b)),
    "output layer ten times": lambda w, b, v: (w, b, 10 * v),
    "hidden layer ten times": lambda w, b, v: (10 * w, 10 * b, v),
    "all a tenth": lambda w, b, v: (w / 10, b / 10, v / 10),
    "all a hundredth": lambda w, b, v: (w / 100, b / 100, v / 100),
}
SCALED = "standard_normal"
CAPTION = """Runs of networks whose output weights are drawn like their weights. Exponents are those
    of |x*| in ln t between 10^500 and 10^1000, medians, of the runs that fit both points; constants
    measured over predicted, from the slope of 1/|x*| in sqrt(ln t), 5 to 95 %."""
COLUMNS: Columns[Seen] = {
    "initializer": "name",
    "fitted": lambda s: int(s.constant.size),
    "exponent, both layers": lambda s: median(s.exponent),
    "exponent, hidden layer": lambda s: median(s.fixed),
    "constant over predicted, 5 %": lambda s: float(np.quantile(s.ratio, 0.05)),
    "constant over predicted, 95 %": lambda s: float(np.quantile(s.ratio, 0.95)),
    "median |C|": lambda s: median(np.abs(s.constant)),
}


@dataclass(frozen=True)
class Gaps:
    """Of some networks: how each ends (T,), constants (T,), |x* - limit| at TIMES (T, 2)."""

    end: NDArray[np.str_]
    constant: Floats
    gap: Floats

    @property
    def fitted(self) -> Bools:
        """Which fit both points, (T,)."""
        return np.asarray(self.end == Regime.specialised.name)


@dataclass(frozen=True)
class Seen:
    """Fitted runs of one initializer: constants (R,), predicted and, over that, measured, exponents
    (R,), and those of fixed output weights (R',)."""

    name: str
    constant: Floats
    ratio: Floats
    exponent: Floats
    fixed: Floats


def networks(initializer: str, trials: int, seed: int) -> Start:
    """Weights, biases and output weights (trials, 2); the last drawn like the weights, apart."""
    weights, biases = draw(initializer, trials, seed)
    return weights, biases, draw(initializer, trials, seed + 1)[0]


def follow_all(starts: Sequence[Start], data: Dataset = PAPER_DATA) -> list[Gaps]:
    """Train both layers of all networks to 10^1000, at once: many cost little more than a few."""
    times = [LogTime.parse(t) for t in TIMES]
    w, b, v = (np.concatenate(part) for part in zip(*starts, strict=True))
    geometry = TwoPointGeometry.of(data)
    found = follow_layered_trials(geometry, w, b, v, PAPER_METHOD, times, Goal(times[-1]))
    ends = [
        regime.name if regime else outcome.name
        for regime, outcome in zip(found.journey.regime, found.journey.outcome, strict=True)
    ]
    gaps = np.abs(found.seen.observed["boundary"] - geometry.x_inf)
    cut = np.cumsum([len(start[0]) for start in starts])[:-1]
    parts = (np.split(values, cut) for values in (np.array(ends), found.laws.constant, gaps))
    return [Gaps(*part) for part in zip(*parts, strict=True)]


def seen(initializer: str, gaps: Gaps, trials: int, seed: int) -> Seen:
    """One initializer: both layers trained, and the hidden one with output weights +1 and -1."""
    kept = gaps.fitted & (gaps.constant != 0)
    constant, gap = gaps.constant[kept], gaps.gap[kept]
    roots = np.sqrt([LogTime.parse(t).log for t in TIMES])
    slope = (roots[1] - roots[0]) / (1 / gap[:, 1] - 1 / gap[:, 0])
    fixed = follow(draw(initializer, trials, seed), PAPER_DATA, PAPER_METHOD, TIMES)
    apart = np.abs(fixed.record.observed["boundary"])
    apart = apart[np.isfinite(fixed.laws.constant) & (fixed.laws.constant != 0)]
    return Seen(initializer, constant, slope / np.abs(constant), _slope(gap), _slope(apart))


def _slope(gaps: Floats) -> Floats:
    """-d ln gap / d ln ln t (R,) between the two times, of gaps (R, 2)."""
    logs = [LogTime.parse(t).log for t in TIMES]
    return np.asarray(-np.log(gaps[:, 1] / gaps[:, 0]) / np.log(logs[1] / logs[0]))


def decide(found: list[Seen]) -> Support:
    """As the criterion says."""
    if min(s.constant.size for s in found) < 20:
        return Support.UNDECIDED
    rates = all(
        abs(median(s.exponent) - RATES["both"]) <= SLACK
        and abs(median(s.fixed) - RATES["hidden"]) <= SLACK
        for s in found
    )
    constants = all(np.mean(np.abs(s.ratio - 1) <= SLACK) >= KEPT for s in found)
    return Support.of(rates and constants)


def examine(bench: Bench) -> Finding:
    """Six initializers; then the regimes on two data sets, and the scale of the start."""
    trials, seed = min(bench.trials, TRIALS), bench.seed + SEED
    start = networks(SCALED, trials, seed)
    drawn = [networks(name, trials, seed) for name in INITIALIZERS]
    gaps = follow_all([*drawn, *(scale(*start) for scale in SCALES.values())])
    found = [seen(n, g, trials, seed) for n, g in zip(INITIALIZERS, gaps, strict=False)]
    scaled = dict(zip(SCALES, gaps[len(INITIALIZERS) :], strict=True))
    ends = {"±1": scaled["as drawn"], "3, -1": follow_all([start], UNCOUPLED)[0]}
    sizes = {name: np.abs(one.constant[one.fitted]) for name, one in scaled.items()}
    exponent = [median(s.exponent) for s in found]
    near = [np.mean(np.abs(s.ratio - 1) <= SLACK) for s in found]
    return Finding(
        verdict=decide(found),
        summary=f"""With both layers trained |x*| falls like ln t to the power of
            -{min(exponent):.3f} to -{max(exponent):.3f} (medians of six initializers), with the
            hidden layer alone of -{median([median(s.fixed) for s in found]):.3f}; the constant is
            the predicted one to {SLACK:.0%} in at least {min(near):.1%} of the runs that fit.
            Started at a hundredth of its size, the median |C| is
            {median(sizes["all a hundredth"]) / median(sizes["as drawn"]):.2g} of what it was.""",
        run=f"""Gradient descent, step size {PAPER_METHOD.step_size:g}, {trials} networks of each
            initializer on ±1, output weights drawn like the weights, to t = 10^1000; the same with
            output weights +1 and -1 that are not trained; networks of {SCALED} at other scales.""",
        numbers=[
            Number("smallest median exponent, both layers", min(exponent)),
            Number("largest median exponent, both layers", max(exponent)),
            Number("smallest share of runs that meet the constant", float(min(near))),
            *(
                Number(f"median |C|, {name}", median(values), Rigour.exact, "input unit")
                for name, values in sizes.items()
            ),
        ],
        settings={"trials": trials, "seed": seed, "initializers": list(INITIALIZERS)},
        tables=[Table.of("both_layers", CAPTION, found, COLUMNS), _regimes(ends, trials)],
        figures=[_figure(found, sizes)],
    )


def _regimes(ends: dict[str, Gaps], trials: int) -> Table:
    """How networks of standard_normal end, with Wilson's intervals."""
    rows: list[tuple[Any, ...]] = []
    for data, gaps in ends.items():
        for name, count in zip(*np.unique(gaps.end, return_counts=True), strict=True):
            share = wilson(count, trials, 0.95)
            rows.append((data, str(name), int(count), float(share.lower), float(share.upper)))
    named: Columns[tuple[Any, ...]] = {
        "inputs": lambda row: row[0],
        "end": lambda row: row[1],
        "trials": lambda row: row[2],
        "share, lower": lambda row: row[3],
        "share, upper": lambda row: row[4],
    }
    caption = f"""How networks of {SCALED} end when both layers are trained; 95 % intervals. Those
        that are unfitted have both neurons on one point."""
    return Table.of("both_layers_regimes", caption, rows, named)


def _figure(found: list[Seen], sizes: dict[str, Floats]) -> Figure:
    caption = """(a) Exponent of |x*| in ln t between 10^500 and 10^1000, medians: a half with both
        layers trained, one with the hidden layer alone. (b) Median |C| of the same networks,
        started at other scales."""
    names = [s.name for s in found]
    both = Series("points", names, [median(s.exponent) for s in found], "both layers")
    hidden = Series("points", names, [median(s.fixed) for s in found], "hidden layer")
    bars = Series("bars", list(sizes), [median(values) for values in sizes.values()])
    panels = [
        Panel([both, hidden], "initializer", "exponent", "exponent of 1/ln t", y_limits=(0, 1.1)),
        Panel([bars], "start", "median |C| (input units)", "scale of the start", y_scale="log"),
    ]
    return Figure("both_layers", caption, panels)


CLAIM = Claim(
    number=24,
    key="both_layers",
    title="Both layers trained",
    statement="""Training the output weights, too, makes the slow rate slower: on ±1 the boundary
        comes to its limit like C/sqrt(ln t) instead of C/ln t, with C = (a21 - a12)/2^(5/4).""",
    criterion=f"""For each of six initializers the median exponent of |x*| in ln t between 10^500
        and 10^1000 is within {SLACK:g} of 1/2, that of fixed output weights within {SLACK:g} of 1,
        and the slope of 1/|x*| in sqrt(ln t) gives the predicted constant to {SLACK:.0%} in at
        least {KEPT:.0%} of the runs that fit both points.""",
    source="docs/theory.md, Every layer trained",
    examine=examine,
    apart=True,
    evidence=Evidence.consistency,
)
