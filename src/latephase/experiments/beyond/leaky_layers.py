"""Study: with both layers trained, the slope of a leaky ReLU sets the power of ln t."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from latephase.core import Rigour
from latephase.problem import GradientFlow, ShallowReLU

from ..bench.base import PAPER_DATA, Bench, Claim, Evidence
from ..bench.finding import Columns, Figure, Finding, Number, Panel, Series, Support, Table

SLOPES = (0.1, 0.2, 0.3, 0.4, 0.5)
NETWORKS = 4  # for each slope
SPECIALISED = "each neuron active on its own point"
TIMES = ("1e30000", "1e434000")
NEAR = 0.02  # of the exponent predicted
FEWEST = 10  # runs that specialise, for a verdict
CAPTION = "Exponents of the boundary's decay, predicted and measured, by slope and network."
COLUMNS: Columns[Decay] = {
    "slope": "slope",
    "network": "network",
    "end": "end",
    "predicted": "predicted",
    "measured": "measured",
}
PICTURE = """The power of 1/ln t by which the boundary comes to its limit: dashed as predicted,
    points as measured between two late times. ReLU, at slope 0, has 1/2."""


@dataclass(frozen=True)
class Decay:
    """One run: its slope and network, how it ended, and the exponent measured."""

    slope: float
    network: int
    end: str
    measured: float

    @property
    def predicted(self) -> float:
        """The exponent by the closed form."""
        return exponent(self.slope)


def exponent(slope: float) -> float:
    """(1 - mu) / 2 for two leaky neurons on x = 1, -1, each active on its own point."""
    mu = 4 * slope**2 / (4 * slope**2 + 2 * (1 - slope**2) ** 2)
    return (1 - mu) / 2


def followed(slope: float, network: int, seed: int) -> Decay:
    """Gradient flow of one network of Gaussian weights, seen at two late times."""
    from latephase.runs import simulate

    rng = np.random.default_rng((17, seed, network))
    w, b, v = rng.normal(size=(3, 2))
    outer = np.abs(v) * [1, -1]
    net = ShallowReLU(w, b, outer, train_output=True, negative_slope=slope)
    run = simulate(net, PAPER_DATA, GradientFlow(), until=TIMES[-1], at=TIMES)
    x, log_t = np.abs(run.trajectory.boundary.values), run.trajectory.log10_t.values
    measured = math.log(x[0] / x[1]) / math.log(log_t[1] / log_t[0]) if (x > 0).all() else math.nan
    end = run.outcome.name
    if end == "settled" and run.pattern is not None:
        own = np.array_equal(run.pattern, np.eye(2))
        end = SPECIALISED if own else "one role for both neurons"
    return Decay(slope, network, end, measured)


def decide(found: list[Decay]) -> Support:
    """As the criterion says."""
    kept = specialised(found)
    if len(kept) < FEWEST:
        return Support.UNDECIDED
    return Support.of(max(off(one) for one in kept) <= NEAR)


def specialised(found: list[Decay]) -> list[Decay]:
    """The runs whose neurons are active on their own points only."""
    return [one for one in found if one.end == SPECIALISED]


def off(one: Decay) -> float:
    """How far an exponent is from the one predicted, relative."""
    return abs(one.measured / one.predicted - 1)


def examine(bench: Bench) -> Finding:
    """Follow a few networks for each slope."""
    few = min(bench.trials, NETWORKS)
    found = [followed(slope, k, bench.seed) for slope in SLOPES for k in range(few)]
    kept = specialised(found)
    worst = max((off(one) for one in kept), default=math.nan)
    fine, (first, last) = np.linspace(0.0, 0.6, 61), (exponent(s) for s in (SLOPES[0], SLOPES[-1]))
    panel = Panel(
        [
            Series("line", fine, [exponent(s) for s in fine], "predicted", role="prediction"),
            Series("points", [o.slope for o in kept], [o.measured for o in kept], "measured"),
        ],
        "negative slope",
        "exponent",
        "exponent of 1/ln t",
    )
    return Finding(
        verdict=decide(found),
        summary=f"""The boundary of {len(kept)} of {len(found)} runs, those that specialise,
            falls by the power of ln t predicted, to {worst:.1e} of it: from {first:.3f} at slope
            {SLOPES[0]:g} to {last:.3f} at slope {SLOPES[-1]:g}, where ReLU has 0.5.""",
        run=f"""{few} networks of Gaussian weights for each of {len(SLOPES)} slopes on x = 1, -1,
            both layers trained by gradient flow to t = 10^434000, ln t = 10^6.""",
        numbers=[
            Number("largest error of an exponent, relative", worst),
            *(Number(f"exponent at slope {s:g}", exponent(s), Rigour.exact) for s in SLOPES),
        ],
        settings=bench.settings(trials=few, slopes=SLOPES),
        tables=[Table.of("leaky-layers", CAPTION, found, COLUMNS)],
        figures=[Figure("leaky-layers", PICTURE, [panel])],
        deviations=[
            """Where both output weights come to one sign, both neurons take one role, active on
                one point, and the boundary tends to another place: these runs are listed only."""
        ],
    )


CLAIM = Claim(
    number=25,
    key="leaky-layers",
    title="Leaky slopes: another power of ln t where both layers are trained",
    statement="""With both layers trained, leaky ReLU on two points is slower than ReLU: where each
        neuron is active on its own point, the boundary falls like (ln t)^-(1 - mu)/2,
        mu = 4 s^2/(4 s^2 + 2 (1 - s^2)^2) for the slope s.""",
    criterion=f"""At least {FEWEST} runs specialise, and in each of them the exponent measured
        between t = 10^30000 and 10^434000 is within {NEAR:.0%} of the one predicted.""",
    source='docs/theory.md, "Every layer trained"',
    examine=examine,
    evidence=Evidence.independent,
)
