"""Claim 7: which activation patterns a run passes, and which of them keeps it waiting.

Patterns are read as s11 s12 s21 s22: neuron 1 on x1, on x2, neuron 2 on x1, on x2; 1 is active.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from latephase.core import LogTime, Regime, Rigour, log_spaced
from latephase.core.arrays import Floats, Ints
from latephase.problem import GradientDescent, TwoPointGeometry

from ..bench.base import PAPER_DATA, STEP_SIZE, Bench, Claim, Evidence
from ..bench.drawn import draw, ends_in, follow, settled
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.statistics import wilson

INITIALIZER = "standard_normal"  # biases at random: every pattern occurs at the start
DEFICITS = (0.1, 0.01, 0.001)
DEFICIT = 0.01  # the one that decides
MOST = 0.5
LEVEL = 0.99
LONGEST_TABLE = 16
ROWS, COLUMNS = 40, 48  # of the map of patterns: runs and times
SHOWN = ("standard_normal", "uniform", "pytorch_default", "large_normal")
DENSE, UNTIL, SAMPLES = 24, 10**6, 60
SPECIALISED = int("1001", 2)
_BITS = np.array([8, 4, 2, 1])
_GROUPS = (
    ("both active on both (1111)", ("1111",)),
    ("one still active on the wrong point (1101, 1011)", ("1101", "1011")),
    ("specialised (1001)", ("1001",)),
    ("one dead (1000, 0001)", ("1000", "0001")),
    ("both dead (0000)", ("0000",)),
)
GROUP_NAMES = (*(name for name, _ in _GROUPS), "a neuron on its way to death (others)")


def sample_times() -> list[LogTime]:
    """Every step up to DENSE, then log-spaced: a pattern between two samples goes unseen."""
    early = [LogTime.parse(n) for n in range(DENSE)]
    return sorted({*early, *log_spaced(LogTime.parse(UNTIL), SAMPLES)})


def codes_of(preactivations: Floats) -> Ints:
    """Pattern codes 0..15 of pre-activations (..., 2, 2)."""
    active = (preactivations > 0).reshape(*preactivations.shape[:-2], 4)
    return active @ _BITS


def path(codes: Ints) -> tuple[str, ...]:
    """The distinct patterns of one trial (S,) in order of appearance in time."""
    return tuple(f"{code:04b}" for code, _ in groupby(codes.tolist()))


def leavers(codes: Ints) -> int:
    """Trials (T, S) with another pattern after the specialised one."""
    return int(((codes[:, :-1] == SPECIALISED) & (codes[:, 1:] != SPECIALISED)).any(axis=1).sum())


def group_of(codes: Ints) -> Ints:
    """Index of the group of each code."""
    lookup = np.full(16, len(_GROUPS))
    for index, (_, members) in enumerate(_GROUPS):
        lookup[[int(m, 2) for m in members]] = index
    return lookup[codes]


@dataclass(frozen=True)
class Waits:
    """Time to specialise and time spent specialised of one initializer's specialised trials.

    log_entry (K,): ln of the step of entry, -inf for 0;  constants, offsets (K,): of their laws.
    """

    log_entry: Floats
    constants: Floats
    offsets: Floats

    @property
    def specialised(self) -> int:
        return self.log_entry.size

    def log_reach(self, deficit: float) -> Floats:
        """ln of the step from which the deficit stays below the one given, by the law, (K,)."""
        return np.abs(self.constants) / deficit - self.offsets

    def dominated(self, deficit: float = DEFICIT) -> int:
        """Trials that wait longer in the specialised pattern than in all earlier ones together."""
        return int((self.log_reach(deficit) > self.log_entry + np.log(2.0)).sum())


def decide(left: int, ended_elsewhere: int, waits: dict[str, Waits]) -> Support:
    """left: trials seen to leave the specialised pattern;  ended_elsewhere: trials with L -> 0 that
    do not end in it.  The share of trials whose wait is specialised must exceed MOST everywhere."""
    if left or ended_elsewhere:
        return Support.NOT_SUPPORTED
    hits = [w.dominated() for w in waits.values()]
    share = wilson(hits, [w.specialised for w in waits.values()], 1 - (1 - LEVEL) / len(waits))
    if (share.lower > MOST).all():
        return Support.SUPPORTED
    return Support.NOT_SUPPORTED if (share.upper <= MOST).any() else Support.UNDECIDED


def waits_of_all(bench: Bench) -> dict[str, Waits]:
    """Entry and reach of every initializer; those without a specialised trial are left out."""
    waits = {}
    for name, found in settled(bench.trials, bench.seed).items():
        kept, laws = ends_in(found, Regime.specialised), found.laws
        if kept.any():
            entry = found.journey.log_entry[kept]
            waits[name] = Waits(entry, laws.constant[kept], laws.offset[kept])
    return waits


def examine(bench: Bench) -> Finding:
    """Sample patterns on one initializer, times of entry and of arrival on all."""
    times = sample_times()
    networks = draw(INITIALIZER, bench.trials, bench.seed)
    found = follow(networks, PAPER_DATA, GradientDescent(STEP_SIZE), times)
    sampled = np.moveaxis(found.record.parameters, (0, 1), (-1, 0))
    codes = codes_of(TwoPointGeometry.of(PAPER_DATA).preactivations(*sampled))
    trained = ends_in(found, Regime.specialised)
    elsewhere = int((codes[np.isfinite(found.laws.constant), -1] != SPECIALISED).sum())
    left, paths = leavers(codes), Counter(path(row) for row in codes)
    waits = waits_of_all(bench)
    shares = {name: w.dominated() / w.specialised for name, w in waits.items()}
    lowest = min(shares, key=lambda name: shares[name])
    latest = max(waits, key=lambda name: waits[name].log_entry.max())
    share, log10_latest = shares[lowest], float(waits[latest].log_entry.max()) / np.log(10)
    common = paths.most_common(LONGEST_TABLE)
    caption = f"""The most frequent of {len(paths)} pattern paths, {INITIALIZER}, up to step
        {UNTIL:,}."""
    shown: dict[str, list[Any]] = {
        "path (s11 s12 s21 s22)": [" > ".join(p) for p, _ in common],
        "trials": [count for _, count in common],
        "share": [count / bench.trials for _, count in common],
    }
    return Finding(
        verdict=decide(left, elsewhere, waits),
        summary=f"""{len(paths)} pattern paths occur; {left} runs leave the specialised pattern. The
            wait for a deficit of {DEFICIT:g} is spent there rather than before in at least
            {share:.1%} of specialised runs (lowest: {lowest}).""",
        run=f"""{bench.trials} {INITIALIZER} networks on x = +-1 sampled at every step up to
            {DENSE - 1} and at {len(times) - DENSE} log-spaced steps up to {UNTIL:,}, patterns read
            off the pre-activations; times of entry of {bench.trials} networks for each of
            {len(waits)} initializers, computed exactly.""",
        numbers=[
            Number("pattern paths that occur", len(paths)),
            Number("patterns on the longest path", max(len(p) for p in paths)),
            Number("runs seen to leave the specialised pattern", left),
            Number("runs with L -> 0 that do not end specialised", elsewhere),
            Number("lowest share of runs that wait mostly specialised", share, Rigour.estimated),
            Number("log10 of the latest step of specialisation", log10_latest, Rigour.exact),
        ],
        settings=bench.settings(inputs=[1.0, -1.0], step_size=STEP_SIZE, deficits=list(DEFICITS)),
        tables=[
            Table("pattern_paths", caption, shown),
            _slowest_table(codes[trained], times),
            _wait_table(waits),
        ],
        figures=[_figure(codes, times, waits)],
        deviations=[
            f"""Patterns before the specialised one are not always short: {latest} has a run that
                specialises only at step 10^{log10_latest:.1f}, held by a metastable pattern.""",
            f"""In {1 - share:.1%} of the specialised runs of {lowest} the deficit is below
                {DEFICIT:g} sooner after specialising than specialising took: their constant C is
                small.""",
        ],
    )


def _slowest_table(codes: Ints, times: list[LogTime]) -> Table:
    """Which pattern holds specialised runs longest before they specialise."""
    lengths = np.diff([t.as_float for t in times])
    spent = np.stack([((codes[:, :-1] == c) * lengths).sum(axis=1) for c in range(16)])
    spent[SPECIALISED] = 0.0
    slowest = np.where(spent.max(axis=0, initial=0.0) > 0, spent.argmax(axis=0), SPECIALISED)
    names, counts = np.unique(slowest, return_counts=True)
    columns: dict[str, list[Any]] = {
        "slowest earlier pattern": [f"{c:04b}" if c != SPECIALISED else "none" for c in names],
        "trials": counts.tolist(),
        "steps there, median": [float(np.median(spent[c][slowest == c])) for c in names],
        "steps there, largest": [float(spent[c][slowest == c].max()) for c in names],
    }
    caption = "The pattern in which specialised runs spend most steps beforehand, at sampled steps."
    return Table("slowest_patterns", caption, columns)


def _wait_table(waits: dict[str, Waits]) -> Table:
    sizes = [w.specialised for w in waits.values()]
    columns: dict[str, list[Any]] = {
        "initializer": list(waits),
        "specialised": [w.specialised for w in waits.values()],
    }
    for label, q in (("median", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("largest", 1.0)):
        entries = [np.quantile(w.log_entry, q, method="higher") for w in waits.values()]
        columns[f"step of entry, {label}"] = [float(np.exp(e)) for e in entries]  # steps that occur
    for deficit in DEFICITS:
        share = wilson([w.dominated(deficit) for w in waits.values()], sizes, LEVEL)
        columns[f"share that waits for {deficit:g} mostly specialised"] = share.estimate.tolist()
        columns[f"lower end (99 %), {deficit:g}"] = share.lower.tolist()
    caption = "Time to specialise, and the share of runs that wait for a deficit after it."
    return Table("time_to_specialise", caption, columns)


def _figure(codes: Ints, times: list[LogTime], waits: dict[str, Waits]) -> Figure:
    caption = f"""(a) {ROWS} runs, one per row, coloured by their activation pattern: within a few
        hundred steps most have reached the pattern in which they stay. (b) Share of specialised
        runs that have specialised by a step (solid) and that have a deficit below {DEFICIT:g}
        (dashed): the distance between the curves is the wait inside the specialised pattern."""
    log10_t = np.array([t.log10 for t in times[1:]])
    grid = np.linspace(0.0, np.log10(UNTIL), COLUMNS)
    groups = group_of(codes[:ROWS, np.searchsorted(log10_t, grid, side="right")])
    rows = np.arange(1, len(groups) + 1)
    ordered = groups[np.lexsort(groups.T)]
    picture = Series("map", grid, rows, z=ordered, categories=GROUP_NAMES)

    arrivals: list[Series] = []
    x = np.linspace(0.0, 12.0, 241)
    for colour, name in enumerate(n for n in SHOWN if n in waits):
        w = waits[name]
        arrived = np.maximum(w.log_entry, w.log_reach(DEFICIT))
        entered, reached = (
            np.searchsorted(np.sort(log_t), x * np.log(10.0), side="right") / log_t.size
            for log_t in (w.log_entry, arrived)
        )
        arrivals += [
            Series("line", x, entered, f"{name}, specialised", colour=colour),
            Series("line", x, reached, f"{name}, deficit", colour=colour, role="prediction"),
        ]
    step = "log10 step t"
    panels = [
        Panel([picture], step, "run", "activation pattern", colour_label="pattern"),
        Panel(arrivals, step, "share of specialised runs", "time to specialise"),
    ]
    return Figure("patterns", caption, panels)


CLAIM = Claim(
    number=7,
    key="patterns",
    title="Activation patterns and specialisation",
    statement="""A run crosses a few activation patterns until each neuron is active on its own
        point only; it stays there, and this specialised pattern is the bottleneck: in most runs the
        wait for a good margin is spent in it, not before it.""",
    criterion=f"""(Consistency: pieces and law are our own; claims 10 and 11 test them.) No sampled
        run leaves the specialised pattern; every run with L -> 0 ends in it; for every initializer
        the share of specialised runs that spend more steps in it than before it until their deficit
        is {DEFICIT:g} exceeds {MOST:.0%} (Wilson intervals at {LEVEL:.0%} over the family: all
        above SUPPORTED, one below NOT SUPPORTED, else UNDECIDED).""",
    source='[smorodinsky2026], as read from the abstract; docs/theory.md, "Activation patterns"',
    examine=examine,
    evidence=Evidence.consistency,
)
