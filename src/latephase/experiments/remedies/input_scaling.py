"""A remedy that changes no update: smaller inputs, larger weights, the same function at the start.

The bias is an input of size 1 that is not scaled along. Inputs times s with weights over s leave
every pre-activation as it was, but turn k12 = 1 + x1 x2 into 1 + s^2 x1 x2: below |x1 x2| = 1/s^2
the neurons slide, and on symmetric points C is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core import Regime
from latephase.core.arrays import Floats
from latephase.experiments.bench.base import PAPER_DATA, STEP_SIZE
from latephase.experiments.bench.drawn import draw, ends_in, follow
from latephase.experiments.bench.finding import Table
from latephase.problem import Dataset, GradientDescent, ShallowReLU

FACTOR = 0.5  # of the inputs
TIMES = ("1e4", "1e6", "1e12", "1e100")
JUDGED = TIMES.index("1e6")
NETWORK = ((0.7, -0.4), (0.1, 0.2))  # weights and biases of the run that is made step by step
FITTED = (Regime.specialised, Regime.double_slide, Regime.single_slide)


@dataclass(frozen=True)
class Scaled:
    """One data set: medians over the networks that are fitted both ways, at TIMES.

    plain, scaled (S,): margin deficits over the largest possible margin.
    """

    name: str
    networks: int
    plain: Floats
    scaled: Floats

    @property
    def gain(self) -> float:
        """By which the deficit at 10^6 is smaller."""
        return float(self.plain[JUDGED] / self.scaled[JUDGED])


def smaller(data: Dataset) -> Dataset:
    """The data with their inputs scaled."""
    return Dataset(FACTOR * data.inputs, data.labels)


def measure(data: Dataset, initializer: str, trials: int, seed: int) -> Scaled:
    """Gradient descent on the data and on the scaled data, from the same functions."""
    weights, biases = draw(initializer, trials, seed)
    runs = [(weights, data), (weights / FACTOR, smaller(data))]
    found = [follow((w, biases), d, GradientDescent(STEP_SIZE), TIMES) for w, d in runs]
    both = ends_in(found[0], *FITTED) & ends_in(found[1], *FITTED)
    deficits = [
        np.exp(f.record.observed["log_margin_deficit"][both]) / d.optimal_margin
        for f, (_, d) in zip(found, runs, strict=True)
    ]
    middles = [np.median(values, axis=0) for values in deficits]
    name = ", ".join(f"{x:g}" for x in data.inputs.ravel())
    return Scaled(name, int(both.sum()), *middles)


def step_by_step() -> tuple[float, float]:
    """Relative deficits on +-1 after 10^6 single steps of one network: as it is, and scaled.

    Rigour: measured.
    """
    from latephase.training.by_definition import descend  # imports JAX

    (w, b), left = (np.array(part) for part in NETWORK), []
    for weights, data in ((w, PAPER_DATA), (w / FACTOR, smaller(PAPER_DATA))):
        weights_late, biases_late = descend(ShallowReLU(weights, b), data, STEP_SIZE, [10**6])
        boundary = -np.diff(biases_late[0]) / np.diff(weights_late[0])
        left.append(abs(float(boundary[0])) / data.optimal_margin)
    return left[0], left[1]


def table(found: list[Scaled]) -> Table:
    """What scaling the inputs does."""
    columns: dict[str, list[object]] = {
        "inputs": [one.name for one in found],
        "networks": [one.networks for one in found],
    }
    for k, t in enumerate(TIMES):
        columns[f"gd, deficit / optimum at {t}"] = [float(one.plain[k]) for one in found]
        columns[f"scaled, deficit / optimum at {t}"] = [float(one.scaled[k]) for one in found]
    caption = (
        f"Inputs times {FACTOR:g} and initial weights times {1 / FACTOR:g}, the same function at "
        "the start: median margin deficits over the largest possible margin, of networks that are "
        "fitted both ways. Scaled, every data set here has k12 > 0, whose limit is the midpoint."
    )
    return Table("input_scaling", caption, columns, opened=True)
