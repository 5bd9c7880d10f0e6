"""Claim 1: gradient flow converges in direction to the KKT point, which has the largest margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latephase.core import LogTime, Rigour
from latephase.core.arrays import Floats
from latephase.margin import kkt_residual, margin_on_line, normalised_margin
from latephase.problem import GradientFlow, TwoPointGeometry

from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.paper_runs import Trained, settings, trained
from ..bench.statistics import quantile

INITIALIZERS = ("he_normal", "xavier_uniform", "pytorch_default", "standard_normal")
TIMES = ("1e3", "1e6", "1e10", "1e20", "1e50", "1e100", "1e300", "1e1000", "1e10000", "1e1000000")
CHECKED = TIMES.index("1e1000")  # where distances are judged; the last time is 1,000 times its ln t
CLOSE = 1e-2  # largest distance of any kind at 1e1000
FALL = 500.0  # least factor by which they shrink while ln t grows by 1,000
SLOW = 2000.0  # largest factor by which the deficit of a flow with C != 0 does
FAST = TIMES[TIMES.index("1e20") : CHECKED + 1]  # times at which flows with C = 0 are judged
SPREAD = 1.1  # largest ratio of their deficit * t ln t between two of these times
KKT_TRIALS = 60  # trials per initializer whose KKT residual is solved for
EXACT = 1e-12
KINK = 1e-12  # flow lands on kinks exactly, which weights and biases show only up to rounding
OUTPUT_WEIGHTS = (1.0, -1.0)
CAPTION = "Distance of gradient flow from the KKT point: largest over trained runs."
COLUMNS: Columns[tuple[Distances, int]] = {
    "initializer": lambda row: row[0].initializer,
    "t": lambda row: TIMES[row[1]],
    "distance in direction": lambda row: float(row[0].angle[row[1]]),
    "KKT residual": lambda row: float(row[0].residual[row[1]]),
    "gap of the normalised margin (relative)": lambda row: float(row[0].gap[row[1]]),
    "margin deficit (relative)": lambda row: float(row[0].deficit[row[1]]),
}


@dataclass(frozen=True)
class Distances:
    """How far one initializer's trained trials are from the KKT point at TIMES, at most.

    angle (S,): |theta / |theta| - theta* / |theta*||;  gap (S,): relative gap of the normalised
    margin to 1 / |theta*|;  deficit (S,): of the robustness margin, relative to the optimum;
    residual (S,): of the KKT conditions, over at most KKT_TRIALS trials;  median_* (S,): medians.
    fall (K,): deficit at 1e1000 over the one at the end, of the K trials with C != 0;
    spread (F,): largest ratio of deficit * t ln t over FAST, of the F trials with C = 0.
    """

    initializer: str
    trials: int
    angle: Floats
    gap: Floats
    deficit: Floats
    residual: Floats
    median_angle: Floats
    median_gap: Floats
    median_deficit: Floats
    fall: Floats
    spread: Floats


@dataclass(frozen=True)
class Target:
    """The KKT point theta*: its parameters (2 neurons, [w, b]) and what the claim says of it."""

    parameters: Floats
    residual: float
    margin_error: float  # relative, of the normalised margin against 1 / |theta*|
    robustness_error: float  # relative, of the robustness margin against the optimum


def limit() -> Target:
    """Check the KKT point of theory: residual, normalised margin and robustness margin."""
    g = TwoPointGeometry.of(PAPER_DATA)
    # For k12 <= 0: each neuron in the span of its own point, as (2 neurons, [w, b]).
    theta = np.stack([np.array([g.x1, 1.0]) / g.k11, np.array([g.x2, 1.0]) / g.k22])
    arguments = theta[:, :1], theta[:, 1], OUTPUT_WEIGHTS, PAPER_DATA.inputs, PAPER_DATA.labels
    norm = np.sqrt(1 / g.k11 + 1 / g.k22)
    return Target(
        theta,
        float(kkt_residual(*arguments)),
        abs(float(normalised_margin(*arguments)) * norm - 1),
        abs(float(margin_on_line(*arguments)) / PAPER_DATA.optimal_margin - 1),
    )


def direction(runs: Trained, theta: Floats) -> Distances:
    """Distances of trained trials from the direction of theta, at every time."""
    parameters = np.stack([runs.weights, runs.biases], axis=-1)  # (K, S, neuron, [w, b])
    length = np.sqrt((parameters**2).sum(axis=(-2, -1), keepdims=True))
    angle = np.sqrt(((parameters / length - theta / np.linalg.norm(theta)) ** 2).sum(axis=(-2, -1)))
    points = (OUTPUT_WEIGHTS, PAPER_DATA.inputs, PAPER_DATA.labels)
    normalised = normalised_margin(runs.weights[..., None], runs.biases, *points)
    gap = np.abs(1 - normalised * np.linalg.norm(theta))
    few = runs.weights[:KKT_TRIALS, :, :, None], runs.biases[:KKT_TRIALS]
    deficit = runs.deficit / PAPER_DATA.optimal_margin
    residual = kkt_residual(*few, *points, KINK)
    # Pace: how the deficits fall, of the trials with C != 0 and of those with C = 0.
    slow = runs.constant != 0
    log_fall = runs.log_deficit[slow, CHECKED] - runs.log_deficit[slow, -1]
    judged = [TIMES.index(t) for t in FAST]
    log_t = runs.log_t[judged]
    scaled = runs.log_deficit[~slow][:, judged] + log_t + np.log(log_t)
    most = [np.asarray(v.max(axis=0, initial=0.0)) for v in (angle, gap, deficit, residual)]
    medians = [np.array([quantile(c, 0.5) for c in v.T]) for v in (angle, gap, deficit)]
    pace = np.exp(log_fall), np.exp(np.ptp(scaled, axis=1))
    return Distances(runs.initializer, runs.count, *(*most, *medians, *pace))


def converges(distance: Floats) -> bool:
    """Whether a distance (S,) is small at 1e1000 and shrinks with ln t beyond."""
    final = max(float(distance[-1]), EXACT)  # what float64 can still tell from 0
    shrinks = final == EXACT or distance[CHECKED] >= FALL * final
    return bool(distance[CHECKED] <= CLOSE and shrinks)


def decide(found: list[Distances], target: Target) -> Support:
    """SUPPORTED iff theta* is what the claim says and every trained run converges to it."""
    if any(d.trials == 0 for d in found):
        return Support.UNDECIDED
    best = max(target.residual, target.margin_error, target.robustness_error) <= EXACT
    reached = all(converges(x) for d in found for x in (d.angle, d.deficit, d.residual, d.gap))
    paced = all((d.fall <= SLOW).all() and (d.spread <= SPREAD).all() for d in found)
    return Support.of(best and reached and paced)


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    target = limit()
    how: dict[str, Any] = {"method": GradientFlow(), "until": TIMES[-1], "at": TIMES}
    runs = [trained(bench.ensemble(name, **how), name) for name in INITIALIZERS]
    found = [direction(one, target.parameters) for one in runs]
    angle, deficit, residual, gap = (
        max(float(getattr(d, name)[CHECKED]) for d in found)
        for name in ("angle", "deficit", "residual", "gap")
    )
    trials, fast = sum(d.trials for d in found), sum(d.spread.size for d in found)
    changes = max(float(d.spread.max(initial=1.0)) for d in found)
    span = "from 1e20 to 1e1000"
    rows = [(d, k) for d in found for k in range(len(TIMES))]
    last = max(float(max(d.angle[-1], d.deficit[-1], d.residual[-1])) for d in found)
    return Finding(
        decide(found, target),
        f"""At t = 1e1000 all {trials:,} trained flows are within {angle:.1e} of the KKT direction
            (residual {residual:.1e}), and the margin within {deficit:.1e} of the optimum. The
            deficit of {trials - fast:,} shrinks like 1/ln t, that of the other {fast:,}, which have
            C = 0, like 1/(t ln t).""",
        f"""{bench.trials:,} runs of gradient flow (closed form) for each of {len(INITIALIZERS)}
            initializers, to t = {TIMES[-1]}; KKT residuals of {KKT_TRIALS} trained runs of
            each.""",
        [
            Number("trained runs", trials),
            Number("of these, C = 0", fast, Rigour.exact),
            Number(f"these: largest change of deficit * t ln t {span}", changes, unit="times"),
            Number("KKT residual of the limit point", target.residual),
            Number("its normalised margin against 1/|theta*|", target.margin_error),
            Number("its robustness margin against the optimum", target.robustness_error),
            Number("largest distance in direction at 1e1000", angle),
            Number("largest KKT residual at 1e1000", residual),
            Number("largest gap of the normalised margin at 1e1000", gap),
            Number("largest relative margin deficit at 1e1000", deficit),
            Number(f"largest of these distances at {TIMES[-1]}", last),
        ],
        settings(bench, INITIALIZERS, method="gradient flow", until=TIMES[-1], at=TIMES),
        [Table.of("flow_direction", CAPTION, rows, COLUMNS)],
        [_figure(found)],
    )


def _figure(found: list[Distances]) -> Figure:
    log_t = np.array([LogTime.parse(t, flow=True).log for t in TIMES])

    def curves(name: str) -> list[Series]:
        drawn = [(getattr(d, name), d.initializer) for d in found]
        return [Series("line", log_t, *one, colour=k) for k, one in enumerate(drawn)]

    return Figure(
        "flow_direction",
        """Gradient flow against the KKT point, medians of trained runs: the direction and the
            margin come closer like 1/ln t (a, b), the normalised margin like 1/(ln t)^2 (c),
            because the direction has its largest margin at the limit.""",
        [
            Panel(curves(name), "ln t", label, title, x_scale="log", y_scale="log")
            for name, label, title in (
                ("median_angle", "distance in direction", "direction"),
                ("median_deficit", "margin deficit / optimum", "robustness margin"),
                ("median_gap", "gap to 1/|theta*|, relative", "normalised margin"),
            )
        ],
    )


CLAIM = Claim(
    number=1,
    key="flow_direction",
    title="Gradient flow: direction of the maximum margin",
    statement="""Gradient flow converges in direction to the KKT point of the maximum-margin
        problem, and in this setting that point has the largest possible robustness margin.""",
    criterion=f"""The KKT point has residual 0, normalised margin 1/|theta*| and the optimal
        robustness margin, to {EXACT:g}; in every run whose loss tends to 0 the distance in
        direction, the KKT residual, the gap of the normalised margin and the relative margin
        deficit are below {CLOSE:g} at t = 1e1000 and shrink by {FALL:g} or more until ln t is 1,000
        times larger. The deficit shrinks by {SLOW:g} at most where C != 0; where C = 0, deficit * t
        ln t changes by a factor of {SPREAD:g} at most from 1e20 to 1e1000.""",
    source="""[smorodinsky2026], as read from the abstract; [lyuli2020] and [jitelgarsky2020] for
        homogeneous networks""",
    examine=examine,
    evidence=Evidence.independent,
)
