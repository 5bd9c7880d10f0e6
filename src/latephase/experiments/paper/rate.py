"""Claim 2: gradient descent reaches the optimal margin, and the deficit is Theta(1 / ln t)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats

from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.one_by_one import LOG_RISE, SteppedRuns, rise, stepped
from ..bench.paper_runs import COMMON, TIMES, Trained, common_runs, settings, trained
from ..bench.statistics import largest, power_above, quantile, share

FROM = "1e20"  # the step from which on the constants and the line are judged
FACTOR = 4.0  # largest upper over lower constant of one trial
TOLERANCE = 1e-6  # largest relative residual of the predicted line
OUTSIDE = "large_normal"  # shown with the others, not judged: its first steps can be e^30 long
LOG_FROM = LogTime.parse(FROM).log
CAPTION = f"""Constants of deficit * ln t from step {FROM} to 1e1000, per trained run ({OUTSIDE} is
    not judged)."""
COLUMNS: Columns[DeficitRate] = {
    "initializer": "initializer",
    "trained runs": lambda r: r.lower.size,
    "lower, 5 % of runs": lambda r: quantile(r.lower, 0.05),
    "lower, median": lambda r: quantile(r.lower, 0.5),
    "upper, median": lambda r: quantile(r.upper, 0.5),
    "upper, 95 % of runs": lambda r: quantile(r.upper, 0.95),
    "onset, median (log10 of the step)": lambda r: quantile(r.onset / np.log(10), 0.5),
    "onset, latest (log10 of the step)": lambda r: quantile(r.onset / np.log(10), 1.0),
    "median |C|": lambda r: quantile(r.constant, 0.5),
    "largest slope error (relative)": lambda r: quantile(r.slope_error, 1.0),
    "largest residual (relative)": lambda r: quantile(r.residual, 1.0),
}


@dataclass(frozen=True)
class DeficitRate:
    """How fast the deficits of one initializer's trained trials fall; arrays over trials (K,).

    lower, upper: range of deficit * ln t from step FROM on;  onset: ln of the first sampled step
    from which on the deficit falls and upper <= FACTOR * lower, inf if there is none;
    slope_error: relative error of the least-squares slope of 1/deficit against ln t;  residual:
    largest relative distance of 1/deficit from the predicted line (ln t + beta) / |C|.
    """

    initializer: str
    constant: Floats
    lower: Floats
    upper: Floats
    onset: Floats
    slope_error: Floats
    residual: Floats


def rate(runs: Trained) -> DeficitRate:
    """Measure the rate of every trained trial."""
    late, size = runs.since(LOG_FROM), np.abs(runs.constant)
    log_t = runs.log_t[late]
    scaled = runs.deficit[:, late] * log_t
    with np.errstate(all="ignore"):
        inverse, centred = np.exp(-runs.log_deficit[:, late]), log_t - log_t.mean()
        slopes = inverse @ centred / (centred @ centred)  # of 1/deficit, by least squares
        residual = np.abs(inverse / runs.line(late) - 1).max(axis=1)
        slope_error = np.abs(slopes * size - 1)
    ends = scaled.min(axis=1), scaled.max(axis=1)
    return DeficitRate(runs.initializer, size, *ends, _onset(runs), slope_error, residual)


def _onset(runs: Trained) -> Floats:
    """ln t (K,) of the first sample from which on the deficit falls, bounded over ln t."""
    later = runs.log_t > 0
    log_t, log_deficit = runs.log_t[later], runs.log_deficit[:, later]
    scaled = (log_deficit + np.log(log_t))[:, ::-1]
    with np.errstate(invalid="ignore"):
        spread = np.maximum.accumulate(scaled, 1) - np.minimum.accumulate(scaled, 1)
        falls = np.diff(log_deficit, axis=1, append=-np.inf)[:, ::-1] < 0
        holds = (spread <= np.log(FACTOR)) & np.logical_and.accumulate(falls, axis=1)
    # One sample alone is within any bounds: two at least must be.
    count = holds.sum(axis=1)
    first = log_t[::-1][np.maximum(count - 1, 0)]
    return np.where(count > 1, first, np.inf)


def bounded(r: DeficitRate) -> Bools:
    """Which trials (K,) have, from FROM on, a falling deficit between two constants over ln t."""
    return (r.onset <= LOG_FROM) & (r.lower > 0)


def affine(r: DeficitRate) -> Bools:
    """Which trials (K,) follow the predicted line, slope and intercept."""
    return (r.residual <= TOLERANCE) & (r.slope_error <= TOLERANCE)


def slow_step_by_step(runs: SteppedRuns) -> Bools:
    """Which stepped runs (K,) have a falling deficit, bounded over 1/ln t, and the slope 1/|C|."""
    deficit = PAPER_DATA.optimal_margin - runs.margin
    scaled = deficit * np.log(runs.times)
    bounded_ = scaled.max(axis=1) <= FACTOR * scaled.min(axis=1)
    falls = (np.diff(deficit, axis=1) < 0).all(axis=1)
    slope = rise(1 / deficit) / LOG_RISE * np.abs(runs.constant)
    return np.asarray(falls & bounded_ & (np.abs(slope - 1) <= runs.allowed))


def decide(rates: list[DeficitRate], single: SteppedRuns | None = None) -> Support:
    """SUPPORTED iff every trained trial is bounded and affine, and so are the stepped ones.

    UNDECIDED without trained trials.
    """
    if any(r.lower.size == 0 for r in rates):
        return Support.UNDECIDED
    held = all((bounded(r) & affine(r)).all() for r in rates)
    return Support.of(held and (single is None or slow_step_by_step(single).all()))


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    runs = common_runs(bench)
    rates = [rate(r) for r in runs]
    single = stepped(bench)
    slopes, error = single.constant_error, largest(single.constant_error)
    outside = rate(trained(bench.ensemble(OUTSIDE, at=TIMES), OUTSIDE))
    inside = share(bounded(outside))
    worst, slope = (max(largest(getattr(r, n)) for r in rates) for n in ("residual", "slope_error"))
    spread = max(largest(r.upper / r.lower) for r in rates)
    onset = max(largest(r.onset) for r in rates) / np.log(10)
    held = np.concatenate([bounded(r) & affine(r) for r in rates])
    late = f"""{OUTSIDE}: {1 - inside:.1%} of the trained runs are outside these bounds up to
        1e1000: a point that starts misclassified by a margin of q makes the first step as long as
        e^q, which puts beta beyond ln t, or two large wrong sides land on 0 so gently that C is too
        small to see; Theta(1/ln t) then sets in only later than any horizon of practice."""
    return Finding(
        decide(rates, single),
        f"""{held.sum():,} of {held.size:,} trained runs keep deficit * ln t between two constants
            from step {FROM} to 1e1000, and 1/deficit on the predicted line to better than
            {power_above(worst)}. {slow_step_by_step(single).sum()} of {slopes.size} runs made step
            by step to {single.until} do so, too, with the slope 1/|C| to better than
            {power_above(error)}.""",
        f"""{bench.trials:,} runs of gradient descent for each of {len(COMMON)} initializers; the
            one of median |C| of each also step by step to {single.until}, by a loop of its own.""",
        [
            Number("trained runs", held.size),
            Number(f"largest upper / lower constant from step {FROM} on", spread),
            Number("latest onset of the bounds, log10 of the step", onset),
            Number("largest relative error of the slope 1/|C|", slope),
            Number("largest relative residual of the line", worst),
            Number(f"share of {OUTSIDE} within the same bounds", inside),
            Number(f"runs made step by step to {single.until}", slopes.size),
            Number("their slope over the last decade against 1/|C|, largest relative error", error),
        ],
        settings(bench, COMMON, at=TIMES),
        [Table.of("rate_constants", CAPTION, [*rates, outside], COLUMNS)],
        [_figure(runs[0])],
        [late] if inside < 1 else [],
    )


def _figure(runs: Trained) -> Figure:
    sizes = np.argsort(np.abs(runs.constant))
    chosen = [sizes[int(q * (sizes.size - 1))] for q in (0.2, 0.4, 0.6, 0.8)] if sizes.size else []
    late = runs.since(np.log(1e3))
    log_t = runs.log_t[late]
    series: list[Series] = []
    for colour, k in enumerate(chosen):
        size, measured = abs(runs.constant[k]), 1 / np.abs(runs.boundary[k, late])
        law = (log_t + runs.offset[k]) / size
        series += [
            Series("points", log_t, measured, f"|C| = {size:.3f}", colour=colour),
            Series("line", log_t, law, role="prediction", colour=colour),
        ]
    labels, end = ("ln t", "1 / |x*|"), float(20 * np.log(10))
    tops = [np.interp(end, s.x, s.y) for s in series]  # type: ignore[arg-type]
    heights = (0.0, 1.05 * float(max(tops))) if tops else None
    return Figure(
        "rate",
        """1/|x*| against ln t for four He networks, from step 10^3 to 10^1000: the measured points
            lie on the predicted lines (dashed) of slope 1/|C|, so the boundary comes no faster than
            |C| / ln t. (a) is the whole run, (b) its first stretch, up to step 10^20.""",
        [
            Panel(series, *labels, "the whole run"),
            Panel(series, *labels, "up to step 10^20", x_limits=(0.0, end), y_limits=heights),
        ],
    )


CLAIM = Claim(
    number=2,
    key="rate",
    title="Gradient descent: optimal margin, at the rate 1/ln t",
    statement="""Gradient descent converges to the same, optimal robustness margin as gradient flow,
        and its margin deficit is Theta(1/ln t): no better than a constant over ln t, for ever.""",
    criterion=f"""In every run whose loss tends to 0, of {len(COMMON)} initializers, from step
        {FROM} to 1e1000: the deficit falls, deficit * ln t stays within a factor of {FACTOR:g}, and
        1/deficit is within {TOLERANCE:g} (relative) of the line (ln t + beta)/|C|, whose slope
        1/|C| is also met by least squares (consistency). In a run of each initializer made step by
        step to 10^8 the deficit falls over every decade from 10^4 on, deficit * ln t stays within
        the same factor, and 1/deficit rises from 10^7 to 10^8 by ln(10)/|C| to 0.001
        (independent).""",
    source="[smorodinsky2026], as read from the abstract; docs/theory.md, section 3",
    examine=examine,
    evidence=Evidence.both,
)
