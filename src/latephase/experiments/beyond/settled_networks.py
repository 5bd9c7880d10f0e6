"""Beyond the paper: which networks settle, on how many kinks, and how many are proved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import Outcome, Rigour
from latephase.margin.sharpness import max_stable_step
from latephase.problem import Dataset, GradientDescent, ShallowReLU

from ..bench.base import Bench, Claim, Evidence
from ..bench.finding import Columns, Finding, Number, Support, Table

if TYPE_CHECKING:
    from latephase.certificates import GeneralCertificate
    from latephase.runs import Run

NETWORKS = {  # m, n, d: how many of them, fewer of those that take long
    (2, 2, 2): 24,
    (4, 2, 1): 24,
    (8, 2, 2): 16,
    (4, 3, 2): 12,
    (8, 6, 2): 4,
    (16, 12, 2): 2,
}
HORIZON, BUDGET = "1e100", 20_000  # of the runs; steps of each, and of each proof
LARGEST_STEP = 0.1  # and at most half of what is stable at the start
SHARE, ENOUGH = 0.9, 8  # of the runs without slides that must be proved; how many there must be
CLOSE = 1e-6  # of the constants, relative, beside what the enclosure leaves open
CAPTION = "Gaussian networks on Gaussian points by their size, and what becomes of them."
COLUMNS: Columns[Tried] = {
    "neurons": lambda f: f.shape[0],
    "points": lambda f: f.shape[1],
    "features": lambda f: f.shape[2],
    "networks": lambda f: len(f.ends),
    "with slides": lambda f: f.ends.count("slides"),
    "not settled": lambda f: f.ends.count("open"),
    "without slides": lambda f: f.ends.count("still"),
    "of these, proved": "proved",
    "proved to fit all points": "trained",
    "why not the others": lambda f: _listed(f.reasons),
    "with one kink": lambda f: f.single.count,
    "one, proved": lambda f: f.single.proved,
    "with several kinks": lambda f: f.several.count,
    "several, proved": lambda f: f.several.proved,
    "why not the other slides": lambda f: _listed(f.single.reasons + f.several.reasons),
}


@dataclass
class Slides:
    """Networks that slide on so many kinks: how many; proved; why not the others; contradicted."""

    count: int = 0
    proved: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    differ: int = 0

    def add(self, found: GeneralCertificate, run: Run) -> None:
        self.count += 1
        if found.proof is None:
            self.reasons[found.reason.rpartition("; ")[2]] += 1
            return
        self.proved += 1
        self.differ += _differs(found, run)


@dataclass(frozen=True)
class Tried:
    """The networks of one shape.

    ends: of each, "slides", "open" (not settled) or "still" (settled in a single pattern), by the
    simulator;  proved, trained: how many of the last are proved, and of these to fit all points;
    reasons: of the others;  differ: proofs that the simulator contradicts;  single, several: those
    with slides, on one kink and on more.
    """

    shape: tuple[int, int, int]
    ends: list[str]
    proved: int
    trained: int
    reasons: Counter[str]
    differ: int
    single: Slides = field(default_factory=Slides)
    several: Slides = field(default_factory=Slides)


def network(shape: tuple[int, int, int], seed: int, number: int) -> tuple[ShallowReLU, Dataset]:
    """A network of Gaussian weights (variance 2/d) without initial biases, output weights +1 and -1
    by turns, on Gaussian points of labels +1 and -1 by turns."""
    m, n, d = shape
    rng = np.random.default_rng([seed, *shape, number])
    inputs, weights = rng.normal(size=(n, d)), rng.normal(size=(m, d)) * np.sqrt(2 / d)
    outer, labels = (1 - 2 * (np.arange(count) % 2) for count in (m, n))
    return ShallowReLU(weights, np.zeros(m), outer.astype(float)), Dataset(inputs, labels)


def tried(bench: Bench, shape: tuple[int, int, int]) -> Tried:
    """Follow the networks of one shape, and prove those that settle without slides."""
    from latephase.certificates import GeneralCertificate, certify
    from latephase.late.pattern import SLIDING
    from latephase.runs import simulate

    ends, proved, trained, differ, reasons = [], 0, 0, 0, Counter[str]()
    single, several = Slides(), Slides()
    for number in range(NETWORKS[shape]):
        net, data = network(shape, bench.seed, number)
        largest = min(LARGEST_STEP, max_stable_step(net, data) / 2)
        method = GradientDescent(2.0 ** np.floor(np.log2(largest)))
        run = simulate(net, data, method, until=HORIZON, at=[HORIZON], max_steps=BUDGET)
        if run.outcome not in (Outcome.settled, Outcome.unfitted):
            ends.append("open")
            continue
        kinks = int((np.asarray(run.pattern) == SLIDING).sum())
        ends.append("slides" if kinks else "still")
        found = certify(net, data, method, max_steps=BUDGET)
        assert isinstance(found, GeneralCertificate)
        if kinks:
            (single if kinks == 1 else several).add(found, run)
            continue
        if found.proof is None:
            reasons[found.reason.rpartition("; ")[2]] += 1
            continue
        proved += 1
        trained += bool(found.trained)
        differ += _differs(found, run)
    return Tried(shape, ends, proved, trained, reasons, differ, single, several)


def _differs(found: GeneralCertificate, run: Run) -> bool:
    """Whether the run has another pattern or law than is proved."""
    assert found.proof is not None
    if not np.array_equal(np.asarray(run.pattern), found.proof.settled.pattern):
        return True
    law, ends = run.law, found.margin_constant
    if law is None or not found.trained or ends is None:
        return (law is not None) != found.trained
    lower, upper = (float(x) for x in ends)
    spare = CLOSE * max(abs(lower), abs(upper))
    assert law.margin_constant is not None
    return not lower - spare <= law.margin_constant <= upper + spare


def _listed(reasons: Counter[str]) -> str:
    return "; ".join(f"{k}: {n}" for k, n in reasons.items()) or "-"


def decide(found: list[Tried]) -> Support:
    """As the criterion says."""
    still = sum(f.ends.count("still") for f in found)
    if still < ENOUGH:
        return Support.UNDECIDED
    proved, differ = sum(f.proved for f in found), sum(f.differ for f in found)
    return Support.of(proved >= SHARE * still and differ == 0)


def examine(bench: Bench) -> Finding:
    """How many settle without slides, and how many of these are proved."""
    found = [tried(bench, shape) for shape in NETWORKS]
    total = sum(len(f.ends) for f in found)
    counts = Counter(end for f in found for end in f.ends)
    proved, trained = sum(f.proved for f in found), sum(f.trained for f in found)
    differ = sum(f.differ for f in found)
    large = [f for f in found if f.shape[1] >= 6]
    none = sum(f.ends.count("still") for f in large), sum(len(f.ends) for f in large)
    one, more = (
        (sum(s.count for s in slid), sum(s.proved for s in slid), sum(s.differ for s in slid))
        for slid in ([f.single for f in found], [f.several for f in found])
    )
    return Finding(
        verdict=decide(found),
        summary=f"""Of {total} networks {counts["still"]} settle without slides, {counts["slides"]}
            with slides, {counts["open"]} not within the horizon. {proved} of the
            {counts["still"]} are proved, {trained} of them to fit all points; the simulator
            contradicts {differ}. On six points or more {none[0]} of {none[1]} settle without
            slides: there slides are the rule. Of those that slide {one[0]} do so on one kink,
            {one[1]} of them proved, and {more[0]} on several, {more[1]} of them proved; the
            simulator contradicts {one[2] + more[2]} of these.""",
        run=f"""{total} Gaussian networks of {len(NETWORKS)} sizes, followed by the simulator to
            t = {HORIZON}; those that settle are certified, with at most {BUDGET:,} steps in
            balls, and counted by how many kinks slide in their last pattern. Step sizes: a power
            of 2, at most {LARGEST_STEP:g} and at most half of what is stable at the start.""",
        numbers=[
            Number("networks", total),
            Number("settled without slides", counts["still"]),
            Number("settled with slides", counts["slides"]),
            Number("not settled", counts["open"]),
            Number("proved, of those without slides", proved, Rigour.proved),
            Number("proved to fit all points", trained, Rigour.proved),
            Number("proofs that the simulator contradicts", differ),
            Number("settled with one kink that slides", one[0]),
            Number("proved, of those with one", one[1], Rigour.proved),
            Number("settled with several kinks that slide", more[0]),
            Number("proved, of those with several", more[1], Rigour.proved),
            Number("proofs of slides that the simulator contradicts", one[2] + more[2]),
        ],
        settings=bench.settings(trials=total, steps=BUDGET) | {"shapes": list(NETWORKS)},
        tables=[Table.of("settled_networks", CAPTION, found, COLUMNS)],
    )


CLAIM = Claim(
    number=27,
    key="settled-networks",
    title="Proofs about any network",
    statement="""A network of any size that settles without a sliding kink can be proved to stay so,
        with its limit and the constant of its margin's law; on many points few do.""",
    criterion=f"""Of the networks that the simulator has settle without slides, at least {ENOUGH},
        at least {SHARE:.0%} are PROVED within {BUDGET:,} steps, and no proved pattern, and no
        constant to {CLOSE:g}, differs from the simulator's.""",
    source="docs/certificates-general.md",
    examine=examine,
    evidence=Evidence.independent,
)
