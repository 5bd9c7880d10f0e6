"""Beyond the paper: how much of what the other claims measure is proved, run by run."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from latephase.core import Rigour
from latephase.core.arrays import Floats
from latephase.problem import initializers

from ..bench.base import HORIZON, PAPER_DATA, PAPER_METHOD, STEP_SIZE, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table

if TYPE_CHECKING:
    from latephase.certificates.odds.probability import CertifiedDistribution

TRIALS = 2000  # of each initializer: a tenth of `reproduce --all`, where 6,000 were a third
SHARE = 0.99  # of trials that must be proved
WIDTH = 1e-12  # relative, of the enclosure of a constant
UNDECIDED, COUPLED = 1e-3, 1e-2  # probability mass; with uniform biases the neurons' sides couple
LEVEL = 0.99  # that all empirical distributions lie in their bands
# |C| in units of the initializer's scale; finer where landings put much mass near 0
GRID = np.concatenate([[0.0, 0.01, 0.02, 0.05], np.linspace(0.1, 2.4, 24)])
UNIFORM_BIASES = ("pytorch_default", "uniform")
SHOWN = ("he_normal", "standard_normal", "pytorch_default")
PROBABILITIES = {"trained": 0.25, "one dead": 0.5, "both dead": 0.25}
CAPTION = "What is proved of each initializer; every column but the last is a proved bound."
COLUMNS: Columns[Proven] = {
    "initializer": "initializer",
    "trials": "trials",
    "proved": "proved",
    "widest constant (relative)": "width",
    "P(trained) at least": lambda f: f.certified.trained[0],
    "P(trained) at most": lambda f: f.certified.trained[1],
    "P(one dead) at least": lambda f: f.certified.one_dead[0],
    "P(one dead) at most": lambda f: f.certified.one_dead[1],
    "P(both dead) at least": lambda f: f.certified.both_dead[0],
    "P(both dead) at most": lambda f: f.certified.both_dead[1],
    "undecided mass": lambda f: f.certified.undecided,
    "empirical outside band": "outside",
}


@dataclass(frozen=True)
class Proven:
    """One initializer: its certificates and its certified distribution.

    proved: trials with a proved regime;  trials;  disagreements: proved regimes that the simulator
    contradicts;  sizes: |C| of trained trials;  width: the widest relative enclosure of a C;
    certified: the bands of the distribution;  scale: of the initializer.
    """

    initializer: str
    trials: int
    proved: int
    disagreements: int
    sizes: Floats
    width: float
    certified: CertifiedDistribution
    scale: float

    @property
    def empirical(self) -> Floats:
        """Share of all trials that train with |C| <= c, on the grid."""
        counts = np.searchsorted(np.sort(self.sizes), np.array(self.certified.constants), "right")
        return np.asarray(counts / self.trials)

    @property
    def outside(self) -> float:
        """How far the empirical distribution leaves the band."""
        lower, upper = np.array(self.certified.lower), np.array(self.certified.upper)
        apart = np.maximum(lower - self.empirical, self.empirical - upper)
        return float(np.maximum(apart, 0.0).max())

    @property
    def holds_exact(self) -> bool:
        """Whether 1/4, 1/2, 1/4 lie in the certified bounds."""
        c = self.certified
        bounds = zip((c.trained, c.one_dead, c.both_dead), PROBABILITIES.values(), strict=True)
        return all(lower <= p <= upper for (lower, upper), p in bounds)


def allowed(initializer: str) -> float:
    """Undecided mass that the claim allows; uniform biases couple the sides of a neuron."""
    return COUPLED if initializer in UNIFORM_BIASES else UNDECIDED


def reach(trials: int, family: int) -> float:
    """How far empirical distributions may leave their band at LEVEL, all `family` of them.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant [massart1990].
    """
    return sqrt(log(2 * family / (1 - LEVEL)) / (2 * trials))


def proven(bench: Bench, name: str) -> Proven:
    """Certify the trials of one initializer, and its distribution."""
    from latephase.certificates.ensemble import certify_ensemble

    problem = (name, PAPER_DATA, PAPER_METHOD)
    trials, cores = min(bench.trials, TRIALS), bench.processes
    rows = certify_ensemble(*problem, trials=trials, seed=bench.seed, processes=cores)
    simulated = bench.ensemble(name, at=(HORIZON,))["regime"].values[:TRIALS]
    certified, scale = certified_bands(bench, name)
    pairs = zip(rows, simulated, strict=True)
    proved = [(row, other) for row, other in pairs if row.verdict == "PROVED"]
    differ = sum(row.regime != other for row, other in proved)
    trained = [row for row, _ in proved if np.isfinite(row.constant)]
    width = max((row.constant_width for row in trained), default=0.0)
    sizes = np.abs(np.array([row.constant for row in trained], float))
    return Proven(name, len(rows), len(proved), differ, sizes, width, certified, scale)


def certified_bands(bench: Bench, name: str) -> tuple[CertifiedDistribution, float]:
    """The certified distribution and the scale; computed once where two initializers draw alike."""
    from latephase.certificates.odds.probability import certified_distribution

    drawn = initializers.get(name)
    scale = float(drawn.scale(1, 2))
    grid = tuple((scale * GRID).tolist())

    def made() -> CertifiedDistribution:
        return certified_distribution(name, PAPER_DATA, PAPER_METHOD, grid, undecided=allowed(name))

    alike = ("certified bands", drawn.law, drawn.zero_bias, scale, allowed(name))
    return bench.once(alike, made), scale


def decide(found: list[Proven]) -> Support:
    """As the criterion says."""
    if not found or any(f.trials < 100 for f in found):
        return Support.UNDECIDED
    chance = reach(found[0].trials, len(found))
    right = all(
        f.disagreements == 0
        and f.proved >= SHARE * f.trials
        and f.width <= WIDTH
        and f.holds_exact
        and f.certified.undecided <= allowed(f.initializer)
        and f.outside <= chance
        for f in found
    )
    return Support.of(right)


def examine(bench: Bench) -> Finding:
    """Certificates and certified distributions of all initializers."""
    found = [proven(bench, name) for name in initializers.names()]
    tried, proved = sum(f.trials for f in found), sum(f.proved for f in found)
    differ, width = sum(f.disagreements for f in found), max(f.width for f in found)
    trained = np.array([f.certified.trained for f in found])
    least, most = float(trained[:, 0].min()), float(trained[:, 1].max())
    known = f"{least:g}" if least == most else f"between {least:.12g} and {most:.12g}"
    outside, coupled = (max(f.outside for f in found), max(f.certified.undecided for f in found))
    sharp = max(f.certified.undecided for f in found if f.initializer not in UNIFORM_BIASES)
    return Finding(
        verdict=decide(found),
        summary=f"""{proved:,} of {tried:,} runs are proved to end as they do, and the simulator
            agrees with all but {differ}; the constants are known to {width:.1e} (relative).
            P(trained) is proved to be {known}, and the distribution of |C| is proved to {sharp:.1e}
            (uniform biases: {coupled:.1e}).""",
        run=f"""Certificates of {min(bench.trials, TRIALS)} networks for each of {len(found)}
            initializers on x = +-1 at step size {STEP_SIZE:g}: gradient descent in balls with every
            sign decided, and an argument for all later steps. Probabilities by closed forms in
            balls without biases, else by cutting the space of initial networks into cells and
            following each cell at once.""",
        numbers=[
            Number("runs certified", proved, Rigour.proved),
            Number("runs tried", tried),
            Number("regimes on which proof and simulator differ", differ, Rigour.proved),
            Number("widest enclosure of a constant", width, Rigour.proved),
            Number("P(trained), at least", least, Rigour.proved),
            Number("P(trained), at most", most, Rigour.proved),
            Number("largest undecided mass of a distribution of |C|", coupled, Rigour.proved),
            Number("how far an empirical distribution leaves its band", outside),
        ],
        settings=bench.settings(
            trials=min(bench.trials, TRIALS), inputs=[1.0, -1.0], step_size=STEP_SIZE
        )
        | {"grid_in_units_of_the_scale": GRID.round(4).tolist()},
        tables=[Table.of("proved", CAPTION, found, COLUMNS)],
        figures=_figures(found),
    )


def _figures(found: list[Proven]) -> list[Figure]:
    """The certified distributions with the trials, and both less the middle of the band."""
    shown = [f for f in found if f.initializer in SHOWN]
    letters = " ".join(f"({k}) {f.initializer}." for k, f in zip("abc", shown, strict=False))
    whole, zoomed = [], []
    for f in shown:
        parts = (f.certified.constants, f.certified.lower, f.certified.upper)
        c, lower, upper = map(np.array, parts)
        middle, far = (lower + upper) / 2, reach(f.trials, len(found))
        trials = f"{f.trials:,} trials"
        band = [
            Series("band", c, lower, y2=upper, colour=0),
            Series("line", c, middle, "proved to lie here", colour=0),
            Series("points", c, f.empirical, trials, colour=1),
        ]
        apart = [
            Series("band", c, lower - middle, "proved to lie here", y2=upper - middle, colour=0),
            Series("points", c, f.empirical - middle, trials, colour=1),
            Series("line", c, upper - middle + far, "chance", role="reference"),
            Series("line", c, lower - middle - far, role="reference"),
        ]
        x = "c (input units)"
        whole.append(Panel(band, x, "P(trained and |C| <= c)", f.initializer))
        zoomed.append(Panel(apart, x, "difference of probability", f.initializer))
    caption = f"""Distribution of |C| over initial networks: the certified band (so narrow that it
        looks like a line) and the cumulated histogram of the trials. {letters} All curves end at
        P(trained) = 1/4."""
    zoom = f"""The same, less the middle of the band: now the band shows its width. The trials leave
        it by no more than chance allows (thin lines: {LEVEL:.0%} for all initializers together).
        {letters}"""
    return [Figure("proved_distribution", caption, whole), Figure("proved_zoom", zoom, zoomed)]


CLAIM = Claim(
    number=11,
    key="proved",
    title="What is proved",
    statement="""Almost every run of the other sections is not only simulated but proved: its
        regime, the constant of its rate, and its deficit at every later step; and so are the
        probabilities over the initialisation.""",
    criterion=f"""For each initializer at least {SHARE:.0%} of the trials are PROVED, no proved
        regime differs from the simulated one, every constant is enclosed to a relative width of
        {WIDTH:g}; the certified bounds hold 1/4, 1/2, 1/4; at most {UNDECIDED:g} of the mass is
        undecided ({COUPLED:g} for uniform biases); the trials' distribution of |C| leaves the
        certified band by no more than chance at {LEVEL:.0%} over all initializers.""",
    source="docs/certificates.md",
    examine=examine,
    evidence=Evidence.independent,
)
