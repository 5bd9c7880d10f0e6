"""Claim 3: the boundary x* = (b2 - b1)/(w1 - w2) decides the margin; its denominator is ln t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime, Rigour
from latephase.core.arrays import Bools, Floats
from latephase.experiments.bench.base import PAPER_DATA, STEP_SIZE, Bench, Claim, Evidence
from latephase.experiments.bench.finding import (
    Figure,
    Finding,
    Number,
    Panel,
    Series,
    Table,
    Verdict,
)
from latephase.experiments.bench.one_by_one import LOG_RISE, Stepped, rise, stepped
from latephase.experiments.bench.paper_runs import COMMON, TIMES, Trained, common_runs, settings
from latephase.experiments.bench.statistics import power_above, quantiles
from latephase.problem import GradientDescent, ShallowReLU

OPTIMAL = PAPER_DATA.optimal_margin
IDENTITY = 1e-12  # largest relative error of margin = optimal - |x* - midpoint|
FROM = "1e20"  # step from which on the denominator is compared with its prediction
DENOMINATOR = 1e-9  # largest relative error of the denominator from then on
FINAL_RATIO = 0.02  # and of its ratio to ln t itself at 1e1000
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
    right, crosses, alone = runs.margin > 0, ~np.isnan(runs.boundary), _specialised(runs)
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


def _specialised(runs: Trained) -> Bools:
    """Samples (K, S) in which each neuron is active on its own point alone."""
    at_first, at_second = runs.biases + runs.weights, runs.biases - runs.weights  # x = 1, x = -1
    first = (at_first[..., 0] > 0) & (at_second[..., 0] <= 0)
    return np.asarray(first & (at_second[..., 1] > 0) & (at_first[..., 1] <= 0))


def step_by_step(runs: Stepped) -> tuple[Floats, Floats]:
    """Of stepped runs: relative errors of the margin formula (K, S), of the denominator's growth
    over ln t (K,)."""
    formula = OPTIMAL - np.abs(runs.boundary)
    return np.abs(formula / runs.margin - 1), np.abs(rise(runs.denominator) / LOG_RISE - 1)


def decide(checks: Sequence[BoundaryCheck], single: Stepped | None = None) -> Verdict:
    """SUPPORTED iff the formula gives the margin and the denominator grows as predicted."""
    if any(c.defined == 0 for c in checks):
        return Verdict.UNDECIDED
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
    return Verdict.SUPPORTED if held else Verdict.NOT_SUPPORTED


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    checks = [check(r) for r in common_runs(bench)]
    identity = max(c.identity for c in checks)
    ratio = np.concatenate([c.ratio for c in checks])
    samples, alone = sum(c.defined for c in checks), sum(c.specialised for c in checks)
    astray = sum(c.astray for c in checks)
    single = stepped(bench)
    errors, growth = step_by_step(single)
    return Finding(
        decide(checks, single),
        f"The margin is {OPTIMAL:g} - |x*| to better than {power_above(identity)} in {samples:,} "
        f"samples; (w1 - w2)/ln t ends at 1e1000 between {_least(ratio):.5f} and "
        f"{_most(ratio):.5f}. In {growth.size} runs made step by step to {single.until} the margin "
        f"is so, too, and w1 - w2 grows like ln t to better than {power_above(_most(growth))}.",
        f"{bench.trials:,} runs of gradient descent for each of {len(COMMON)} initializers; "
        f"{samples:,} samples of trained, specialised networks with both neurons active at x*; the "
        f"run of median |C| of each initializer also step by step to {single.until}, by a loop of "
        "its own.",
        [
            Number("largest relative error of the margin formula", identity, Rigour.measured),
            Number("samples of specialised networks, both points right", alone, Rigour.measured),
            Number(
                "of these, x* undefined: N = 0 on an interval", alone - samples, Rigour.measured
            ),
            Number(
                "samples before that in which x* is not the nearest zero", astray, Rigour.measured
            ),
            Number("smallest (w1 - w2)/ln t at 1e1000", _least(ratio), Rigour.measured),
            Number("largest (w1 - w2)/ln t at 1e1000", _most(ratio), Rigour.measured),
            Number(
                f"largest relative distance of w1 - w2 from ln t + beta, from step {FROM} on",
                max(float(c.denominator.max(initial=0.0)) for c in checks),
                Rigour.measured,
            ),
            Number("step by step: error of the margin formula", _most(errors), Rigour.measured),
            Number("step by step: growth of w1 - w2 / ln t - 1", _most(growth), Rigour.measured),
        ],
        settings(bench, COMMON, at=TIMES),
        (_table(checks),),
        (_figure(),),
        _deviations(alone - samples, astray),
    )


def _least(values: Floats) -> float:
    return float(values.min(initial=np.inf))


def _most(values: Floats) -> float:
    return float(values.max(initial=-np.inf))


def _table(checks: Sequence[BoundaryCheck]) -> Table:
    ratios = [c.ratio for c in checks]
    return Table(
        "boundary_formula",
        "The margin from x*, and the denominator of x* against ln t, over trained runs.",
        {
            "initializer": [c.initializer for c in checks],
            "trained runs": [c.ratio.size for c in checks],
            "samples": [c.defined for c in checks],
            "largest error of the margin formula (relative)": [c.identity for c in checks],
            "(w1 - w2)/ln t at 1e1000, median": [quantiles(r, 0.5)[0] for r in ratios],
            "(w1 - w2)/(ln t + beta), largest error from 1e20 on": [
                _most(c.denominator) for c in checks
            ],
            "b2 - b1 against C at 1e1000, median error (relative)": [
                quantiles(c.numerator, 0.5)[0] for c in checks
            ],
        },
    )


def _deviations(undefined: int, astray: int) -> list[str]:
    if undefined == astray == 0:
        return []
    return [
        f"The formula does not hold from the start: in {undefined:,} samples of specialised "
        "networks the kinks leave an interval between them on which N = 0, so that x* does not "
        f"exist and the margin ends at a kink; in {astray:,} samples before specialisation x* "
        "exists but another zero of N is nearer. All of these are early; the claim is judged where "
        "x* is the boundary."
    ]


def _figure() -> Figure:
    x, outputs, boundaries = _snapshots()
    names = ("at the start", *(f"after {t} steps" for t in SHOWN_TIMES[1:]))
    series = [
        Series("line", x, y, name, colour=k)
        for k, (y, name) in enumerate(zip(outputs, names, strict=True))
    ]
    series += [Series("points", [b], [0.0], colour=k) for k, b in enumerate(boundaries)]
    series += [Series("points", [1.0, -1.0], [0.0, 0.0], "the inputs", role="reference")]
    labels = "x", "N(x) / largest |N| at the inputs"
    places = ", ".join(f"{b:.2g}" for b in boundaries)
    return Figure(
        "network_function",
        "One network, scaled by its value at the data: the boundary (dots on the axis) is thrown "
        f"off the midpoint and creeps back, x* = {places} at the four times, while the function is "
        "as good as converged. (a) is all of it, (b) the neighbourhood of the midpoint.",
        [
            Panel(series, *labels, "the network"),
            Panel(series, *labels, "at the boundary", x_limits=(-0.1, 0.4), y_limits=(-0.25, 0.4)),
        ],
    )


def _snapshots() -> tuple[Floats, list[Floats], Floats]:
    """Abscissae, scaled outputs at SHOWN_TIMES and boundaries (NaN where undefined)."""
    from latephase.runs import simulate

    network = ShallowReLU(*SHOWN)
    run = simulate(
        network, PAPER_DATA, GradientDescent(STEP_SIZE), until=SHOWN_TIMES[-1], at=SHOWN_TIMES
    )
    x = np.linspace(-1.5, 1.5, 601)
    outputs = []
    for k in range(len(SHOWN_TIMES)):
        snapshot = run.trajectory.isel(time=k)
        trained = ShallowReLU(snapshot.weights.values, snapshot.biases.values)
        outputs.append(trained(x) / np.abs(trained(PAPER_DATA.inputs)).max())
    return x, outputs, np.asarray(run.trajectory.boundary.values, float)


CLAIM = Claim(
    number=3,
    key="boundary",
    title="The boundary formula decides the margin",
    statement=(
        "The margin is decided by where the two neurons meet, x*(t) = (b2 - b1)/(w1 - w2), whose "
        "denominator grows like ln t while its numerator need not vanish."
    ),
    criterion=(
        f"In every run whose loss tends to 0, of {len(COMMON)} initializers: once specialised, "
        "wherever both neurons are active at x*, margin = optimal - |x* - midpoint| to "
        f"{IDENTITY:g} (relative); from step {FROM} on x* is defined and w1 - w2 is within "
        f"{DENOMINATOR:g} (relative) of ln t + beta; at 1e1000 it is within {FINAL_RATIO:g} of ln "
        "t (consistency). In a run of each initializer made step by step to 10^8 the margin "
        "formula holds as well at every decade from 10^4 on, and w1 - w2 grows from 10^7 to 10^8 "
        "by ln(10) to 0.001 (independent)."
    ),
    source="[smorodinsky2026], as read from the abstract; docs/theory.md, sections 1 and 3",
    examine=examine,
    evidence=Evidence.both,
)
