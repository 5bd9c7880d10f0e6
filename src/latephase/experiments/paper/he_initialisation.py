"""Claim 5: from He's initialisation the margin starts optimal, drops, and recovers like 1/ln t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import LogTime
from latephase.core.arrays import Bools, Floats

from ..bench.bands import quantile_band
from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.paper_runs import Trained, settings, trained
from ..bench.statistics import largest, quantile, quantiles, share, wilson

INITIALIZER = "he_normal"
OPTIMAL = PAPER_DATA.optimal_margin
FEW = tuple(str(t) for t in (*range(21), 23, 26, 30, 35, 40, 50, 60, 70, 80, 100))
MANY = ("150", "200", "300", "500", "1000", "2000", "5000", "1e4", "3e4", "1e5", "1e6", "1e7")
LATE = ("1e8", "1e10", "1e12", "1e15", "1e20", "1e30", "1e50", "1e75", "1e100", "1e150", "1e200")
LAST = ("1e300", "1e400", "1e500", "1e600", "1e700", "1e800", "1e900", "1e1000")
TIMES = FEW + MANY + LATE + LAST
FROM = "1e20"  # the step from which on 1/deficit is compared with the predicted line
TOLERANCE = 1e-6  # largest relative distance from that line
DROP = 1e-12  # a relative loss of margin that is no rounding
SLOW = 10.0  # least median ratio of the step of half recovery to the step of the minimum
PATHS = 8
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
CAPTION = "Quantiles over trained runs of the drop of the margin and of its recovery."


@dataclass(frozen=True)
class Recovery:
    """The margin of trained trials; arrays (K,).

    starts, drops: whether the margin is optimal at step 0, and less later;  depth: largest loss of
    margin relative to the optimum, at the sampled steps;  bottom: the step of it;  half: ln of the
    step by which half of that loss is recovered, inf if not by the end;  residual: largest relative
    distance of 1/deficit from the predicted line from FROM on.
    """

    starts: Bools
    drops: Bools
    depth: Floats
    bottom: Floats
    half: Floats
    residual: Floats


def recovery(runs: Trained) -> Recovery:
    """Follow the loss of margin of every trained trial."""
    loss = runs.deficit / OPTIMAL
    depth = loss.max(axis=1, initial=0.0)
    late = runs.since(LogTime.parse(FROM).log)
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = np.abs(1 / runs.deficit[:, late] / runs.line(late) - 1).max(axis=1)
    return Recovery(
        np.abs(runs.margin[:, 0] / OPTIMAL - 1) <= DROP,
        depth > DROP,
        depth,
        np.rint(np.exp(runs.log_t[loss.argmax(axis=1)])),
        _half_recovered(runs, loss),
        residual,
    )


def _half_recovered(runs: Trained, loss: Floats) -> Floats:
    """ln t (K,) at which the loss has fallen to half of its maximum, inf if it never does.

    Between samples 1/loss is interpolated along ln t, in which it is affine late in training.
    """
    rows, bottom = np.arange(len(loss)), loss.argmax(axis=1)
    goal = loss[rows, bottom] / 2
    after = np.arange(loss.shape[1]) > bottom[:, None]
    reached = after & (loss <= goal[:, None])
    k = np.maximum(reached.argmax(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        before, here = 1 / loss[rows, k - 1], 1 / loss[rows, k]
        share = (1 / goal - before) / (here - before)
    start = np.maximum(runs.log_t[k - 1], 0.0)
    return np.where(reached.any(axis=1), start + share * (runs.log_t[k] - start), np.inf)


def decide(found: Recovery) -> Support:
    """SUPPORTED iff every trained trial starts optimal, drops and recovers slowly, as predicted."""
    if found.depth.size == 0:
        return Support.UNDECIDED
    slow = quantile(found.half - np.log(np.maximum(found.bottom, 1)), 0.5) >= np.log(SLOW)
    lawful = np.isfinite(found.half) & (found.residual <= TOLERANCE)
    return Support.of(slow and (found.starts & found.drops & lawful).all())


def examine(bench: Bench) -> Finding:
    """Run the claim's experiment."""
    everything = bench.ensemble(INITIALIZER, at=TIMES)
    runs = trained(everything, INITIALIZER)
    found = recovery(runs)
    starts = float(np.mean(everything["robustness_margin"].values[:, 0] >= OPTIMAL * (1 - DROP)))
    drop = wilson(found.drops.sum(), found.drops.size, 0.99)
    depth, half = quantile(found.depth, 0.5), quantile(found.half, 0.5)
    quantiled = {
        "quantile": list(SHARES),
        "depth (relative to the optimum)": quantiles(found.depth, *SHARES),
        "step of the minimum": quantiles(found.bottom, *SHARES),
        "step of half recovery, log10": quantiles(found.half / np.log(10), *SHARES),
    }
    others = f"""Only {starts:.1%} of all He networks start at the optimal margin, those that have
        each neuron active on its own point, and they are the ones that learn both; the others start
        with a point on or across the boundary, that is with margin 0, and never learn both."""
    return Finding(
        decide(found),
        f"""All {int(found.starts.sum()):,} of {runs.count:,} trained runs start at the optimal
            margin; {float(drop.estimate):.1%} drop, by {depth:.1%} in the median at step
            {quantile(found.bottom, 0.5):.0f}; half of that is back by step {np.exp(half):.2g}.""",
        f"{bench.trials:,} runs of gradient descent from He's normal initialisation.",
        [
            Number("trained runs", runs.count),
            Number("of all runs, start at the optimal margin", starts),
            Number("of trained runs, start there", share(found.starts)),
            Number("of trained runs, drop", float(drop.estimate)),
            Number("lower end of that share (Wilson, 99 %)", float(drop.lower)),
            Number("median depth of the drop (relative to the optimum)", depth),
            Number("median step of half recovery, log10", half / np.log(10)),
            Number("largest residual of the 1/ln t line", largest(found.residual)),
        ],
        settings(bench, (INITIALIZER,), at=TIMES),
        [Table("he_drop", CAPTION, quantiled)],
        [_figure(runs)],
        [others] if starts < 1 else [],
    )


def _figure(runs: Trained) -> Figure:
    early = runs.log_t <= np.log(100.5)
    steps = np.where(early, np.rint(np.exp(np.where(early, runs.log_t, 0.0))), np.inf)
    log10_t = runs.log_t / np.log(10)
    moved = log10_t >= 0
    beginning = moved & (log10_t <= 20)
    label, lost = "robustness margin / optimum", "margin deficit / optimum"
    margin, loss = runs.margin / OPTIMAL, runs.deficit / OPTIMAL
    return Figure(
        "he_margin",
        """The margin of trained He networks: it starts at the optimum, drops within the first steps
            (a) and takes ever longer to recover (b, c). Band: 5 % to 95 % of runs; line: median;
            thin lines: single runs.""",
        [
            Panel(_paths(margin, steps, early), "step", label, "the first 100 steps"),
            Panel(_paths(margin, log10_t, beginning), "log10 t", label, "to step 10^20"),
            Panel(_paths(loss, log10_t, moved), "log10 t", lost, "to step 10^1000", y_scale="log"),
        ],
    )


def _paths(values: Floats, x: Floats, kept: Bools) -> list[Series]:
    return quantile_band(x[kept], values[:, kept], PATHS)


CLAIM = Claim(
    number=5,
    key="he_initialisation",
    title="He initialisation: optimal at first, then worse, then slowly back",
    statement="""From He's initialisation the robustness margin starts at its optimum, training
        first makes it worse, and it recovers only logarithmically.""",
    criterion=f"""Every run whose loss tends to 0 starts at the optimal margin, loses some of it,
        and has half of the loss back before 1e1000, in the median {SLOW:g} times later than the
        minimum or more; from step {FROM} on 1/deficit is within {TOLERANCE:g} (relative) of (ln t +
        beta)/|C| (the last part: consistency; the others: independent).""",
    source="[smorodinsky2026], as read from the abstract; [he2015]; docs/theory.md, section 3",
    examine=examine,
    evidence=Evidence.both,
)
