"""The robustness margin along direction + offset / ln t: its limit, its slope, its passages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from latephase.core import InputError, Law
from latephase.core.arrays import Floats
from latephase.margin import robustness_margin, zeros_on_line
from latephase.problem import Dataset, ShallowReLU

_HALVINGS = 6
_ROUNDING = 2.0**-50
_NEAREST = 1e-2  # ln t below which a run has no late phase
_FARTHEST = 1e12  # ln t beyond which no passage is looked for


@dataclass(frozen=True)
class Curve:
    """The networks direction + offset * e, both (m, d + 1), for e = 1 / ln t >= 0."""

    direction: Floats
    offset: Floats
    output_weights: Floats
    data: Dataset

    def margin(self, e: float) -> float:
        """Robustness margin at e = 1 / ln t; NaN if it cannot be measured exactly."""
        theta = self.direction + self.offset * e
        return margin_or_nan(
            ShallowReLU(theta[:, :-1], theta[:, -1], self.output_weights), self.data
        )

    @cached_property
    def scale(self) -> float:
        """The e at which offset * e is as long as the direction."""
        return float(np.linalg.norm(self.direction)) / max(
            float(np.linalg.norm(self.offset)), 1e-300
        )

    @cached_property
    def start(self) -> float:
        """The limit e -> 0 of the margin: margin(0), unless the zero set jumps there."""
        limit, e = self.margin(0.0), 1e-7 * self.scale
        near = 2 * self.margin(e) - self.margin(2 * e)
        return near if abs(near - limit) > 1e-6 * abs(limit) else limit

    @cached_property
    def slope(self) -> tuple[float, float]:
        """One-sided derivative of the margin by e at 0, and its estimated error.

        Extrapolated from halved differences; the widest ones may straddle a kink of the margin, so
        the start with the smallest spread is taken.
        """
        if not math.isfinite(self.start):
            return math.nan, math.nan
        return min((self._extrapolated(10.0**-k * self.scale) for k in range(1, 6)), key=_second)

    def _extrapolated(self, e: float) -> tuple[float, float]:
        table = [(self.margin(e / 2**k) - self.start) / (e / 2**k) for k in range(_HALVINGS)]
        for order in range(1, _HALVINGS):
            ahead = 2.0**order - 1
            last = table[-1]
            table = [b + (b - a) / ahead for a, b in pairwise(table)]
        # Rounding of the margins, a few tens of ulp, is magnified by the smallest difference.
        rounding = 1e-14 * self.start / (e / 2 ** (_HALVINGS - 1))
        return table[0], abs(table[0] - last) + rounding

    def within(self, eps: float) -> float | None:
        """The smallest ln t from which on the margin stays within eps of its limit, at least 0.01.

        None if the margin cannot be measured; C / eps where that is beyond 1e12.
        """
        if math.isnan(self.slope[0]):
            return None
        high = max(1.0, 2 * abs(self.slope[0]) / eps)
        while high < _FARTHEST and not self._near(high, eps):
            high *= 2
        if high >= _FARTHEST:
            return abs(self.slope[0]) / eps
        taus = np.geomspace(high, min(_NEAREST, high / 2), 200)
        outside = next((float(tau) for tau in taus if not self._near(float(tau), eps)), None)
        if outside is None:
            return float(taus[-1])
        low, high = outside, min(float(tau) for tau in taus if tau > outside)
        while high - low > 1e-12 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._near(middle, eps) else (middle, high)
        return high

    def _near(self, tau: float, eps: float) -> bool:
        return abs(self.margin(1 / tau) - self.start) <= eps


def margin_or_nan(network: ShallowReLU, data: Dataset) -> float:
    """The robustness margin; NaN where inputs or networks are too wide for the exact one."""
    try:
        return float(robustness_margin(network, data))
    except InputError:
        return math.nan


def _second(pair: tuple[float, float]) -> float:
    return pair[1]


def boundary_law(
    direction: Floats, offset: Floats, output_weights: Floats, log_t: float, size: float
) -> Law | None:
    """x*(t) - x_inf = C / (ln t + beta) for networks on the line with a single zero, else None.

    log_t: ln of the time at which the offset was read off: what is conserved is then a difference
    of parameters of the size direction * log_t.  A constant below their rounding is 0; None if that
    rounding is not small, neither against the constant nor against `size`, in input units.
    Exact for direction * ln t + offset once no neuron has its kink between x*(t) and x_inf: both
    neighbours of the zero are then on one line A + B x with A, B affine in 1 / ln t.
    """
    if direction.shape[1] != 2:
        return None
    zeros = zeros_on_line(direction[:, 0], direction[:, 1], output_weights)
    if len(zeros) != 1:
        return None
    point = np.array([zeros[0], 1.0])
    height = direction @ point
    active = np.where((direction == 0).all(axis=1), offset @ point, height) > 0
    slope, _ = (output_weights * active) @ direction
    turn, lift = (output_weights * active) @ offset
    at_kink = (np.abs(height) <= 1e-12 * np.linalg.norm(direction, axis=1)) & direction.any(axis=1)
    if slope == 0 or at_kink.any():
        return None
    sizes = np.abs(direction) * max(log_t, 1.0) + np.abs(offset)
    rounding = _ROUNDING * float(np.abs(output_weights * active) @ sizes @ np.abs(point))
    constant = -float(lift + turn * zeros[0]) / slope
    doubt = rounding / abs(slope)
    if doubt > max(1e-9 * size, 1e-6 * abs(constant)):
        return None
    if abs(constant) <= doubt:
        constant = 0.0
    return Law(float(zeros[0]), float(constant) + 0.0, float(turn / slope))
