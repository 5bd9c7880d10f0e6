"""Gradient descent in floating point, format by format, until no parameter changes any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import Regime
from latephase.core.arrays import Floats
from latephase.margin import margins
from latephase.problem import Dataset, GradientDescent, ShallowReLU, TwoPointGeometry

if TYPE_CHECKING:
    from latephase.runs import Stall
    from latephase.training.arithmetic.descent import Descended

INITIALIZER, STEP_SIZE = "standard_normal", 1.0
HORIZON = 1e22  # updates after which even float64 has stalled
LATE = 1e13  # float64 is followed from here on: before, an update is dozens of units
MAX_LEAPS = 20_000
RUNS = 7  # of each data set: as many on both, so that nothing is compiled twice
STOCHASTIC_UNTIL = 10**4
OUTER = np.array([1.0, -1.0])


@dataclass(frozen=True)
class Stalled:
    """One format on one data set; arrays over trials that specialise (T,).

    stalled, predicted: updates;  gap, predicted_gap: |x* - x_inf|;  drift: how much |C| of what the
    network has become differs from the exact one, as a share of it;  perfect: gap 0 though C is
    not;  margin: the smaller one at the stall.
    """

    inputs: str
    dtype: str
    accumulate: bool
    stalled: Floats
    predicted: Floats
    gap: Floats
    predicted_gap: Floats
    drift: Floats
    perfect: Floats
    margin: Floats

    @property
    def name(self) -> str:
        """The arithmetic."""
        return self.dtype + (" (float32 gradients)" if self.accumulate else "")

    @property
    def step_ratio(self) -> float:
        """Median of measured over predicted stall."""
        return float(np.nanmedian(self.stalled / self.predicted))

    @property
    def gap_ratio(self) -> float:
        """Median of measured over predicted gap."""
        return float(np.nanmedian(self.gap / self.predicted_gap))


def starts(data: Dataset, trials: int, seed: int) -> Any:
    """Networks that specialise: at initialisation and at t = 10^13, with their laws."""
    from latephase.runs import ensemble

    at, gd = ["0", f"{LATE:.0e}"], GradientDescent(STEP_SIZE)
    found = ensemble(INITIALIZER, data, gd, trials=trials, seed=seed, until=at[-1], at=at)
    return found.isel(trial=np.flatnonzero(found.regime.values == "specialised")[:RUNS])


def predictions(data: Dataset, dtype: str, late: Any) -> list[Stall]:
    """The predicted stall of every network."""
    from latephase.runs import stall

    nets = zip(late.weights.values[:, 0], late.biases.values[:, 0], strict=True)
    return [stall(ShallowReLU(*net), data, GradientDescent(STEP_SIZE), dtype) for net in nets]


def stalled(
    data: Dataset, dtype: str, accumulate: bool, late: Any, expected: list[Stall]
) -> Stalled:
    """Run one format to its stall, beside the prediction for every trial."""
    from latephase.late.pair.law import laws

    start = LATE if dtype == "float64" else 0.0
    kind: dict[str, Any] = {"dtype": dtype, "accumulate": accumulate, "start": start}
    found = _descend(data, late, [HORIZON], **kind, max_leaps=MAX_LEAPS)
    weights, biases = found.weights[0], found.biases[0]
    g = TwoPointGeometry.of(data)
    gap = np.abs(_boundary(weights, biases) - g.x_inf)
    # C of exact gradient descent from where the run has stalled.
    a = np.moveaxis(g.preactivations(weights[..., 0], biases), 0, -1)
    with np.errstate(all="ignore"):
        constant = laws(g, np.full(a.shape[-1], Regime.specialised, object), a, 0.0).constant
    exact = np.abs(late.law_constant.values)
    return Stalled(
        ", ".join(f"{x:g}" for x in data.inputs.ravel()),
        dtype,
        accumulate,
        found.stalled,
        np.array([one.step.as_float for one in expected]),
        gap,
        np.array([abs(one.boundary - g.x_inf) for one in expected]),
        np.abs(np.abs(constant) / exact - 1),
        (gap == 0) & (exact > 1e-12),
        _least_margin(data, found),
    )


def stochastic(data: Dataset, late: Any, seed: int) -> tuple[Floats, Floats, Floats]:
    """(times (S,), gaps (S, T), least margins at the end (T,)) of stochastically rounded
    bfloat16."""
    times = np.unique(np.rint(np.geomspace(1, STOCHASTIC_UNTIL, 21)))
    kind: dict[str, Any] = {"dtype": "bfloat16", "rounding": "stochastic", "seed": seed}
    found = _descend(data, late, list(times), **kind)
    gaps = np.abs(_boundary(found.weights, found.biases) - TwoPointGeometry.of(data).x_inf)
    return times, gaps, _least_margin(data, found)


def _descend(data: Dataset, late: Any, times: list[float], **kind: Any) -> Descended:
    """Rounded runs of the networks, from initialisation or from `start` = LATE on."""
    from latephase.training.arithmetic.descent import descend

    position = 1 if kind.get("start") else 0
    weights, biases = late.weights.values[:, position], late.biases.values[:, position]
    points: dict[str, Any] = {"inputs": data.inputs, "labels": data.labels, "output_weights": OUTER}
    return descend(weights, biases, times, step_size=STEP_SIZE, **points, **kind)


def _boundary(weights: Floats, biases: Floats) -> Floats:
    """x* of networks (..., 2, 1), (..., 2), (...)."""
    w = weights[..., 0]
    with np.errstate(all="ignore"):
        return np.asarray(-(biases[..., 0] - biases[..., 1]) / (w[..., 0] - w[..., 1]))


def _least_margin(data: Dataset, found: Descended) -> Floats:
    """The smaller margin of the last sample, (T,)."""
    reached = margins(found.weights[-1], found.biases[-1], OUTER, data.inputs, data.labels)
    return np.asarray(reached.min(axis=-1))
