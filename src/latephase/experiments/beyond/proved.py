"""Beyond the paper: how much of what the other claims measure is proved, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latephase.core import Rigour
from latephase.core.arrays import Floats
from latephase.experiments.bench.base import (
    HORIZON,
    PAPER_DATA,
    PAPER_METHOD,
    STEP_SIZE,
    Bench,
    Claim,
    Evidence,
)
from latephase.experiments.bench.finding import (
    Figure,
    Finding,
    Number,
    Panel,
    Series,
    Table,
    Verdict,
)
from latephase.problem import initializers

if TYPE_CHECKING:
    from latephase.certificates.many import Row
    from latephase.certificates.odds.probability import CertifiedDistribution

TRIALS = 6000  # of each initializer: certificates are a third of `reproduce --all`
SHARE = 0.99  # of trials that must be proved
WIDTH = 1e-12  # relative, of the enclosure of a constant
UNDECIDED, COUPLED = 1e-3, 1e-2  # probability mass; with uniform biases the neurons' sides couple
LEVEL = 0.99  # that all empirical distributions lie in their bands
# |C| in units of the initializer's scale; finer where landings put much mass near 0
GRID = np.concatenate([[0.0, 0.01, 0.02, 0.05], np.linspace(0.1, 2.4, 24)])
UNIFORM_BIASES = ("pytorch_default", "uniform")
SHOWN = ("he_normal", "standard_normal", "pytorch_default")
PROBABILITIES = {"trained": 0.25, "one dead": 0.5, "both dead": 0.25}


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
    from latephase.certificates.many import certify_ensemble
    from latephase.certificates.odds.probability import certified_distribution

    rows = certify_ensemble(
        name,
        PAPER_DATA,
        PAPER_METHOD,
        trials=min(bench.trials, TRIALS),
        seed=bench.seed,
        processes=bench.processes,
    )
    simulated = bench.ensemble(name, at=(HORIZON,))["regime"].values[:TRIALS]
    scale = float(initializers.get(name).scale(1, 2))
    grid = tuple(float(c) for c in scale * GRID)
    wanted = allowed(name)
    certified = certified_distribution(name, PAPER_DATA, PAPER_METHOD, grid, undecided=wanted)
    return _collected(name, rows, simulated, certified, scale)


def _collected(
    name: str,
    rows: Sequence[Row],
    simulated: NDArray[Any],
    certified: CertifiedDistribution,
    scale: float,
) -> Proven:
    proved = [row for row in rows if row.verdict == "PROVED"]
    differ = sum(
        row.verdict == "PROVED" and row.regime != other
        for row, other in zip(rows, simulated, strict=True)
    )
    trained = [row for row in proved if np.isfinite(row.constant)]
    width = max((row.constant_width for row in trained), default=0.0)
    sizes = np.abs(np.array([row.constant for row in trained], float))
    return Proven(name, len(rows), len(proved), differ, sizes, width, certified, scale)


def decide(found: Sequence[Proven]) -> Verdict:
    """As the criterion says."""
    if not found or any(f.trials < 100 for f in found):
        return Verdict.UNDECIDED
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
    return Verdict.SUPPORTED if right else Verdict.NOT_SUPPORTED


def examine(bench: Bench) -> Finding:
    """Certificates and certified distributions of all initializers."""
    found = [proven(bench, name) for name in initializers.names()]
    return Finding(
        verdict=decide(found),
        summary=_summary(found),
        run=(
            f"Certificates of {min(bench.trials, TRIALS)} networks for each of {len(found)} "
            f"initializers on x = +-1 at step size {STEP_SIZE:g}: gradient descent in balls with "
            "every sign decided, and an argument for all later steps. Probabilities by closed "
            "forms in balls without biases, else by cutting the space of initial networks into "
            "cells and following each cell at once."
        ),
        numbers=_numbers(found),
        settings={
            "trials": min(bench.trials, TRIALS),
            "seed": bench.seed,
            "inputs": [1.0, -1.0],
            "step_size": STEP_SIZE,
            "grid_in_units_of_the_scale": GRID.round(4).tolist(),
        },
        tables=[_table(found)],
        figures=[_figure(found), _zoom(found)],
    )


def _summary(found: Sequence[Proven]) -> str:
    trials, proved = sum(f.trials for f in found), sum(f.proved for f in found)
    sharp = max(f.certified.undecided for f in found if f.initializer not in UNIFORM_BIASES)
    return (
        f"{proved:,} of {trials:,} runs are proved to end as they do, and the simulator agrees "
        f"with all but {sum(f.disagreements for f in found)}; the constants are known to "
        f"{max(f.width for f in found):.1e} (relative). P(trained) is proved to be "
        f"{_between([f.certified.trained for f in found])}, and the distribution of |C| is proved "
        f"to {sharp:.1e} (uniform biases: {max(f.certified.undecided for f in found):.1e})."
    )


def _between(bounds: Sequence[tuple[float, float]]) -> str:
    lower, upper = min(low for low, _ in bounds), max(high for _, high in bounds)
    return f"{lower:g}" if lower == upper else f"between {lower:.12g} and {upper:.12g}"


def _numbers(found: Sequence[Proven]) -> list[Number]:
    trained = np.array([f.certified.trained for f in found])
    return [
        Number("runs certified", sum(f.proved for f in found), Rigour.proved),
        Number("runs tried", sum(f.trials for f in found), Rigour.measured),
        Number(
            "regimes on which proof and simulator differ",
            sum(f.disagreements for f in found),
            Rigour.proved,
        ),
        Number("widest enclosure of a constant", max(f.width for f in found), Rigour.proved),
        Number("P(trained), at least", float(trained[:, 0].min()), Rigour.proved),
        Number("P(trained), at most", float(trained[:, 1].max()), Rigour.proved),
        Number(
            "largest undecided mass of a distribution of |C|",
            max(f.certified.undecided for f in found),
            Rigour.proved,
        ),
        Number(
            "how far an empirical distribution leaves its band",
            max(f.outside for f in found),
            Rigour.measured,
        ),
    ]


def _table(found: Sequence[Proven]) -> Table:
    columns: dict[str, list[Any]] = {
        "initializer": [f.initializer for f in found],
        "trials": [f.trials for f in found],
        "proved": [f.proved for f in found],
        "widest constant (relative)": [f.width for f in found],
    }
    for name in ("trained", "one_dead", "both_dead"):
        for end, side in ((0, "at least"), (1, "at most")):
            label = f"P({name.replace('_', ' ')}) {side}"
            columns[label] = [getattr(f.certified, name)[end] for f in found]
    columns["undecided mass"] = [f.certified.undecided for f in found]
    columns["empirical outside band"] = [f.outside for f in found]
    caption = "What is proved of each initializer; every column but the last is a proved bound."
    return Table("proved", caption, columns)


def _shown(found: Sequence[Proven]) -> list[Proven]:
    return [f for f in found if f.initializer in SHOWN]


def _figure(found: Sequence[Proven]) -> Figure:
    caption = (
        "Distribution of |C| over initial networks: the certified band (so narrow that it looks "
        "like a line) and the cumulated histogram of the trials. "
        + _letters(found)
        + " All curves end at P(trained) = 1/4."
    )
    return Figure("proved_distribution", caption, [_panel(f) for f in _shown(found)])


def _letters(found: Sequence[Proven]) -> str:
    names = [f.initializer for f in _shown(found)]
    return " ".join(f"({letter}) {name}." for letter, name in zip("abc", names, strict=False))


def _panel(f: Proven) -> Panel:
    c, lower, upper = (np.array(part) for part in _band(f))
    series = [
        Series("band", c, lower, y2=upper, colour=0),
        Series("line", c, (lower + upper) / 2, "proved to lie here", colour=0),
        Series("points", c, f.empirical, f"{f.trials:,} trials", colour=1),
    ]
    return Panel(series, "c (input units)", "P(trained and |C| <= c)", f.initializer)


def _band(f: Proven) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    return f.certified.constants, f.certified.lower, f.certified.upper


def _zoom(found: Sequence[Proven]) -> Figure:
    caption = (
        "The same, less the middle of the band: now the band shows its width. The trials leave it "
        f"by no more than chance allows (thin lines: {LEVEL:.0%} for all initializers together). "
        + _letters(found)
    )
    return Figure("proved_zoom", caption, [_zoomed(f, len(found)) for f in _shown(found)])


def _zoomed(f: Proven, family: int) -> Panel:
    c, lower, upper = (np.array(part) for part in _band(f))
    middle, far = (lower + upper) / 2, reach(f.trials, family)
    series = [
        Series("band", c, lower - middle, "proved to lie here", y2=upper - middle, colour=0),
        Series("points", c, f.empirical - middle, f"{f.trials:,} trials", colour=1),
        Series("line", c, upper - middle + far, "chance", role="reference"),
        Series("line", c, lower - middle - far, role="reference"),
    ]
    return Panel(series, "c (input units)", "difference of probability", f.initializer)


CLAIM = Claim(
    number=11,
    key="proved",
    title="What is proved",
    statement=(
        "Almost every run of the other sections is not only simulated but proved: its regime, the "
        "constant of its rate, and its deficit at every later step; and so are the probabilities "
        "over the initialisation."
    ),
    criterion=(
        f"For each initializer at least {SHARE:.0%} of the trials are PROVED, no proved regime "
        "differs from the simulated one, every constant is enclosed to a relative width of "
        f"{WIDTH:g}; the certified bounds hold 1/4, 1/2, 1/4; at most {UNDECIDED:g} of the mass is "
        f"undecided ({COUPLED:g} for uniform biases); the trials' distribution of |C| leaves the "
        f"certified band by no more than chance at {LEVEL:.0%} over all initializers."
    ),
    source="docs/certificates.md",
    examine=examine,
    evidence=Evidence.independent,
)
