"""What is drawn of a network and its data: the parts, and the frame that they need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latephase.core.arrays import Bools, Floats
from latephase.experiments.bench.finding import Series
from latephase.margin import robustness_margin, zeros_on_line
from latephase.problem import Dataset, ShallowReLU

MOST_POINTS = 2000  # that are drawn of a data set: more make files of megabytes, and show no more
_PAD, _REACH = 0.2, 1.0  # of the span of the points: the frame around them, and how far it may go
_LABELS = ((1, "label 1", "o"), (-1, "label −1", "s"))


@dataclass(frozen=True)
class Scene:
    """A network, the points it is to separate, and the network of its limit; each may be missing.

    support: which points decide the limit;  measured: whether the margin is shown;  reach: how many
    times its frame a plane is drawn, for frames that are made longer one way.
    """

    network: ShallowReLU | None
    data: Dataset | None = None
    limit: ShallowReLU | None = None
    support: Bools | None = None
    measured: bool = True
    reach: float = 1.0

    @cached_property
    def margin(self) -> float:
        """The robustness margin, NaN where it is not measured exactly or there is none."""
        if self.network is None or self.data is None or not self.measured:
            return math.nan
        found = robustness_margin(self.network, self.data)
        return float(found.lower) if found.lower == found.upper else math.nan

    @property
    def inputs(self) -> Floats:
        """The points (n, d); none without data."""
        d = 1 if self.network is None else self.network.d
        return np.empty((0, d)) if self.data is None else self.data.inputs

    def points(self, at: Floats) -> list[Series]:
        """The points as series, at places (n, 2): by label, those that decide the limit ringed."""
        if self.data is None:
            return []
        kept = np.unique(np.linspace(0, self.data.n - 1, MOST_POINTS).astype(int))
        some = ", some" if len(kept) < self.data.n else ""
        drawn = []
        for colour, (label, name, marker) in enumerate(_LABELS):
            x, y = at[kept][self.data.labels[kept] == label].T
            drawn.append(Series("points", x, y, name + some, colour=colour, marker=marker))  # type: ignore[arg-type]
        if self.support is not None:
            x, y = at[self.support].T
            drawn.append(Series("points", x, y, "decide the limit", role="ring"))
        return drawn

    def missed(self, at: Floats) -> list[Series]:
        """Rings around the points at which N has not the sign of the label: they make the margin
        0."""
        if self.network is None or self.data is None:
            return []
        wrong = ~(self.data.labels * self.network(self.inputs) > 0)
        if not wrong.any():
            return []
        x, y = at[wrong][:MOST_POINTS].T
        name = f"margin 0: {wrong.sum():,} of {self.data.n:,} points misclassified"
        return [Series("points", x, y, name, role="ring", colour=3)]


def zeros_of(network: ShallowReLU | None) -> Floats:
    """Where a network on the line vanishes, ascending; none of none."""
    if network is None:
        return np.empty(0)
    parts = (network.weights[:, 0], network.biases_or_zeros, network.output_weights)
    return zeros_on_line(*parts, network.negative_slope)


def kinks_of(network: ShallowReLU | None) -> Floats:
    """Where a network on the line bends, ascending."""
    if network is None or network.negative_slope == 1:
        return np.empty(0)
    w, b = network.weights[:, 0], network.biases_or_zeros
    bends = (w != 0) & (network.output_weights != 0)
    with np.errstate(all="ignore"):
        kinks = np.unique(-b[bends] / w[bends]) + 0.0
    return kinks[np.isfinite(kinks)]


def frame(points: Floats, others: Floats) -> tuple[float, float]:
    """An interval around all points, and around others that are not far from them."""
    if not len(points):
        points = others if len(others) else np.array([-1.0, 1.0])
    low, high = float(points.min()), float(points.max())
    span = high - low or abs(high) or 1.0
    near = others[(others >= low - _REACH * span) & (others <= high + _REACH * span)]
    low, high = np.min(near, initial=low), np.max(near, initial=high)
    return float(low - _PAD * span), float(high + _PAD * span)
