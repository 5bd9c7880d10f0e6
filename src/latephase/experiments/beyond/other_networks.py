"""The points +-1/2, fast for two neurons of output weights +-1, under networks that are slow there.

So the slow rate is no property of the data alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import InputError
from latephase.experiments.bench.base import STEP_SIZE
from latephase.experiments.bench.finding import Columns, Table, columns
from latephase.margin import margin_on_line
from latephase.problem import Dataset, GradientDescent, ShallowReLU

DATA = Dataset([0.5, -0.5], [1, -1])
NAMED = {
    "output weights 2, -1": ShallowReLU([0.7, -0.4], [0.1, 0.2], [2.0, -1.0]),
    "output weights 1, 1, -1": ShallowReLU([0.7, 0.5, -0.4], [0.1, 0.2, 0.2], [1.0, 1.0, -1.0]),
}
STEPS = (10**4, 10**6)  # between which the slope of single steps is taken
FOUR, SLOW, LATE = 18, 1e-6, "1e100"  # random networks of four neurons; a deficit, and when


@dataclass(frozen=True)
class Other:
    """One network: |C| of its margin by `limit`, by the slope of single steps, and the relative
    deficit at LATE."""

    name: str
    constant: float
    stepped: float
    deficit: float


def others() -> list[Other]:
    """The named networks, followed and stepped."""
    from latephase.training.by_definition import descend  # imports JAX

    found = []
    for name, net in NAMED.items():
        w, b = descend(net, DATA, STEP_SIZE, STEPS)
        points = (net.output_weights, DATA.inputs, DATA.labels)
        margin = np.asarray(margin_on_line(w[..., None], b, *points))
        inverse = 1 / (DATA.optimal_margin - margin)
        slope = np.log(STEPS[1] / STEPS[0]) / (inverse[1] - inverse[0])
        deficit, constant = _late(net)
        found.append(Other(name, constant, float(slope), deficit))
    return found


def _late(net: ShallowReLU) -> tuple[float, float]:
    """The relative deficit at LATE and |C|, NaN where the run has no limit."""
    from latephase.runs import limit, simulate

    run = simulate(net, DATA, GradientDescent(STEP_SIZE), until="1e1000", at=[LATE])
    deficit = float(run.trajectory.margin_deficit[-1]) / DATA.optimal_margin
    try:
        return deficit, abs(float(limit(run).margin_constant))
    except InputError:
        return deficit, np.nan


def four_neurons(seed: int) -> tuple[int, int]:
    """Of FOUR random networks (output weights 1, -1, 1, -1): how many fit both points, and how many
    of these have a relative deficit above SLOW at LATE."""
    found = []
    for trial in range(FOUR):
        rng = np.random.default_rng([seed, trial])
        net = ShallowReLU(rng.normal(size=4), rng.normal(size=4), [1.0, -1.0, 1.0, -1.0])
        found.append(_late(net)[0])
    fitted = [deficit for deficit in found if deficit < 1]
    return len(fitted), sum(deficit > SLOW for deficit in fitted)


def table(found: list[Other]) -> Table:
    """The counterexamples."""
    named: Columns[Other] = {
        "network": "name",
        "|C| by its limit (input units)": "constant",
        "|C| by single steps, 10^4 to 10^6": "stepped",
        f"deficit / optimum at {LATE}": "deficit",
    }
    caption = "Other networks on +-1/2, where two neurons with output weights 1 and -1 have C = 0."
    return Table("other_networks", caption, columns(found, named), opened=True)
