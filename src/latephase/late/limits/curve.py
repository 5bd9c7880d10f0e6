"""The robustness margin along direction + offset / ln t: its limit, its slope, its passages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile

import numpy as np

from latephase.core import InputError
from latephase.core.arrays import Bools, Floats
from latephase.late.modes.dynamics import lengths
from latephase.margin import has_exact_margins, robustness_margin, zeros_on_line
from latephase.problem import Dataset, ShallowReLU

from .smooth import SmoothZero, Surroundings, smooth_zeros

_HALVINGS = 6
_SHARP = 1e-9  # of a slope: an error that is small enough
_TOLD = 0.1  # of 1 + |offset|: an error of the offset up to which there is one
_ROUNDING = 2.0**-50
_SUMMED = 1e-13  # of the terms of a slope: their rounding
_NEAREST = 1e-2  # ln t below which a run has no late phase
_FARTHEST = 1e12  # ln t beyond which no passage is looked for


@dataclass(frozen=True)
class Curve:
    """The networks direction + offset * e, both (m, k), for e = 1 / ln t >= 0; `network` is one of
    their kind."""

    direction: Floats
    offset: Floats
    network: ShallowReLU
    data: Dataset

    def margin(self, e: float) -> float:
        """Robustness margin at e = 1 / ln t; NaN if it cannot be measured exactly."""
        theta = self.direction + self.offset * e
        return margin_or_nan(self.network.with_parameters(theta), self.data)

    @cached_property
    def _at_limit(self) -> float:
        return self.margin(0.0)

    @cached_property
    def scale(self) -> float:
        """The e at which offset * e is as long as the direction."""
        return self._scale(np.ones(len(self.direction), np.bool_))

    def _scale(self, neurons: Bools) -> float:
        """The same where the offset of some neurons (m,) alone counts."""
        moved = float(lengths(self.offset[neurons].ravel()))
        return float(lengths(self.direction.ravel())) / max(moved, 1e-300)

    @cached_property
    def start(self) -> float:
        """The limit e -> 0 of the margin: margin(0), unless the zero set jumps there."""
        limit, e = self._at_limit, 1e-7 * self.scale
        if self.smooth is not None:  # N keeps its sign nearer than that, and has zeros beyond
            return limit
        near = 2 * self.margin(e) - self.margin(2 * e)
        return near if abs(near - limit) > 1e-6 * abs(limit) else limit

    @property
    def slope(self) -> tuple[float, float]:
        """One-sided derivative of the margin by e at 0, and its estimated error."""
        return self._expansion[:2]

    @cached_property
    def smooth(self) -> SmoothZero | None:
        """The zero of the limit, off all kinks, that is the nearest for all small e; None without.

        Of several features only: on the line, and where kinks meet a zero, margins are measured.
        """
        return self.tied[0] if self.tied else None

    @cached_property
    def tied(self) -> list[SmoothZero]:
        """All zeros that are as near as `smooth` up to terms of order 1 in e, which comes first."""
        if self.data.d == 1:
            return []
        told = self.direction, self.offset, self.network, self.data
        near = smooth_zeros(*told, self._at_limit) or []
        terms = {k: one.series(self.offset).tolist() for k, one in enumerate(near)}
        doubt = 2 * _SUMMED * max((one.size(self.offset) for one in near), default=0.0)
        least = min((first for _, first, _ in terms.values()), default=0.0)
        tied = [k for k, (_, first, _) in terms.items() if first <= least + doubt]
        return [near[k] for k in sorted(tied, key=lambda k: terms[k][2])]

    def law_numbers(self) -> dict[str, float]:
        """What a `Law` says of the margin; a constant below its error is 0, NaN if not measured."""
        slope, error, offset = self._expansion
        if abs(slope) <= error:
            slope = offset = 0.0
        numbers = {"limit_margin": self.start, "margin_constant": 0.0 - slope, "constant": slope}
        return numbers | {"offset": offset}

    @cached_property
    def _expansion(self) -> tuple[float, float, float]:
        """slope, its estimated error and beta of margin(e) ~ start + slope e / (1 + beta e).

        Extrapolated from halved differences.  The widest ones may straddle a kink of the margin, so
        other starts are tried until one is sharp, or the one with the smallest spread is taken.
        Of neurons that stay where they are the kinks do, too, and what they have may be of any size
        and nothing to the margin: where it hides all, steps are measured on the others.
        beta, which magnifies that error, is NaN where its own is no longer small.
        """
        if self.smooth is not None:
            return self._closed_form(self.smooth)
        if not math.isfinite(self.start):
            return math.nan, math.nan, math.nan
        found = self._measured(self.scale)
        if found[1] <= _SHARP * abs(found[0]) or self.direction.any(axis=1).all():
            return found
        other = self._measured(self._scale(np.asarray(self.direction.any(axis=1))))
        same = abs(other[0] - found[0]) <= other[1] + found[1]
        return other if same and other[1] < found[1] else found

    def _measured(self, scale: float) -> tuple[float, float, float]:
        """What `_expansion` gives, of steps from shares of `scale` on."""
        found = []
        for k in (2, 3, 1, 4, 5):
            steps = [10.0**-k * scale / 2**i for i in range(_HALVINGS)]
            if not steps[-1] > 0:
                continue
            margins = list(takewhile(math.isfinite, map(self.margin, steps)))
            if len(margins) < len(steps):  # of wide networks of several inputs, after long searches
                continue
            quotients = [(m - self.start) / e for m, e in zip(margins, steps, strict=True)]
            slope, spread = _extrapolated(quotients)
            # Rounding of the margins, a few tens of ulp, is magnified by the smallest difference.
            error = spread + 1e-14 * self.start / steps[-1]
            # Not of slope / q - 1, whose series in e ends at 1 / beta.
            ends = zip(pairwise(quotients), pairwise(steps), strict=True)
            bend, wide = _extrapolated([(a - b) / (e - f) for (a, b), (e, f) in ends])
            wide += 2 * error / steps[-1]
            offset = -bend / slope if slope else math.nan
            told = wide + abs(offset) * error <= _TOLD * (1 + abs(offset)) * abs(slope)
            found.append((slope, error, offset if told else math.nan))
            if error <= _SHARP * abs(slope):
                break
        return min(found, key=lambda one: one[1], default=(math.nan, math.nan, math.nan))

    def _closed_form(self, nearest: SmoothZero) -> tuple[float, float, float]:
        """What `_expansion` gives, of a zero off all kinks."""
        _, slope, bend = nearest.series(self.offset).tolist()
        error = _SUMMED * nearest.size(self.offset)
        return slope, error, -bend / slope if abs(slope) > error / _TOLD else math.nan

    def within(self, eps: float) -> float | None:
        """The smallest ln t from which on the margin stays within eps of its limit, at least 0.01.

        None if the margin cannot be measured; C / eps where that is beyond 1e12.
        """
        if math.isnan(self.slope[0]):
            return None
        high = max(1.0, 2 * abs(self.slope[0]) / eps)
        while high < _FARTHEST and not self._near(high, eps):
            if math.isnan(self._late(high)) and not self.is_wide:
                return None
            high *= 2
        if high >= _FARTHEST:
            return abs(self.slope[0]) / eps
        taus = np.geomspace(high, min(_NEAREST, high / 2), 200)
        outside = next((float(tau) for tau in taus if not self._near(float(tau), eps)), None)
        if outside is None:
            return float(taus[-1])
        if math.isnan(self._late(outside)):
            return None
        low, high = outside, min(float(tau) for tau in taus if tau > outside)
        while high - low > 1e-12 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self._near(middle, eps) else (middle, high)
        return high

    def _near(self, tau: float, eps: float) -> bool:
        return abs(self._late(tau) - self.start) <= eps

    def _late(self, tau: float) -> float:
        theta = self.direction + self.offset / tau
        return self.margin_near(theta) if self.is_wide else self.margin(1 / tau)

    @property
    def is_wide(self) -> bool:
        """Whether margins at finite times are bounds, which take long searches."""
        return not has_exact_margins(self.network.m, self.data.d)

    def margin_near(self, theta: Floats) -> float:
        """The margin of a network near the limit, of any length, by the zeros that are the nearest
        there, in closed form; NaN of one that is not near enough."""
        around = self._surroundings
        return math.nan if around is None else around.margin_at(theta, self.network)

    @cached_property
    def _surroundings(self) -> Surroundings | None:
        if self.smooth is None:
            return None
        told = self.direction, self.offset, self.network, self.data
        return Surroundings.of(*told, self._at_limit)


def _extrapolated(values: list[float]) -> tuple[float, float]:
    """The limit of values at e, e/2, e/4, ... for e -> 0, and how far the last orders differ."""
    for order in range(1, len(values)):
        last = values[-1]
        values = [b + (b - a) / (2.0**order - 1) for a, b in pairwise(values)]
    return values[0], abs(values[0] - last)


def margin_or_nan(network: ShallowReLU, data: Dataset) -> float:
    """The robustness margin; NaN where inputs or networks are too wide for the exact one."""
    try:
        return float(robustness_margin(network, data))
    except InputError:
        return math.nan


def boundary_law(curve: Curve, log_t: float) -> tuple[float, float, float] | None:
    """limit, C, beta of x*(t) - limit = C / (ln t + beta) for networks with one zero on the line.

    log_t: ln of the time at which the offset was read off: what is conserved is then a difference
    of parameters of the size direction * log_t.  A constant below their rounding is 0, and C and
    beta are NaN if that rounding is large, both against the constant and against the inputs'
    distance.  None for other networks.
    Exact for direction * ln t + offset once no neuron has its kink between x*(t) and the limit:
    both neighbours of the zero are then on one line A + B x with A, B affine in 1 / ln t.
    """
    direction, offset, outer = curve.direction, curve.offset, curve.network.output_weights
    slope_below = curve.network.negative_slope
    if curve.data.d != 1 or curve.network.biases is None:  # without biases all kinks are at 0
        return None
    zeros = zeros_on_line(direction[:, 0], direction[:, 1], outer, slope_below)
    if len(zeros) != 1:
        return None
    zero = float(zeros[0])
    weighted, _, height = gains_at(curve, zero)
    slope, _ = weighted @ direction
    turn, lift = weighted @ offset
    at_kink = (np.abs(height) <= 1e-12 * lengths(direction)) & direction.any(axis=1)
    if slope == 0 or (at_kink.any() and slope_below < 1):
        return None
    doubt = rounding_on_line(curve, zero, log_t)
    constant = -float(lift + turn * zero) / slope
    if doubt > max(1e-9 * curve.data.optimal_margin, 1e-6 * abs(constant)):
        return zero, math.nan, math.nan
    return zero, 0.0 if abs(constant) <= doubt else float(constant), float(turn / slope)


def rounding_on_line(curve: Curve, zero: float, log_t: float) -> float:
    """What rounding at time t has left in the constant of a zero on the line."""
    weighted, point, _ = gains_at(curve, zero)
    sizes = np.abs(curve.direction) * max(log_t, 1.0) + np.abs(curve.offset)
    slope = float(weighted @ curve.direction[:, 0])
    return _ROUNDING * float(np.abs(weighted) @ sizes @ np.abs(point)) / abs(slope)


def gains_at(curve: Curve, zero: float) -> tuple[Floats, Floats, Floats]:
    """Of networks near their limit, output weights times gains (m,) at a point x of the line, the
    point (x, 1), and the pre-activations (m,) that the direction has there."""
    direction, point = curve.direction, np.array([zero, 1.0])
    height = direction @ point
    active = np.where((direction == 0).all(axis=1), curve.offset @ point, height) > 0
    gains = np.where(active, 1.0, curve.network.negative_slope)
    return curve.network.output_weights * gains, point, height
