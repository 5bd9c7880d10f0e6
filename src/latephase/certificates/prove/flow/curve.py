"""The path of a mode as a curve with one parameter: the integrals S1, S2 of the two losses.

With a = alpha + gamma, b = beta + gamma and z = l2/l1 = z0 e^(a S1 - b S2),

    (e^(b S2) - 1)/b = z0 (e^(a S1) - 1)/a,    t - t0 = integral of e^u1 over S1.

The parameter r is S1, or S2 where b < 0; points are swapped then, so that b >= 0 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.core.balls import arb, exact

from .duration import by_powers, by_quadrature, by_series, simple
from .mode import Mode, State, Velocity

_EVEN = exact(2.0**-4)  # either direction of z will do so near to its limit


@dataclass(frozen=True)
class Curve:
    """A mode from a state on.

    swapped: whether the parameter is S2, and all that follows is of the points the other way round;
    first, second: their margins at the start.
    """

    swapped: bool
    alpha: Fraction
    beta: Fraction
    gamma: Fraction
    z: arb
    first: arb
    second: arb

    @staticmethod
    def of(mode: Mode, state: State, z: arb) -> Curve:
        first, second = mode.margins(state)
        if mode.beta + mode.gamma < 0:
            return Curve(True, mode.beta, mode.alpha, mode.gamma, 1 / z, second, first)
        return Curve(False, mode.alpha, mode.beta, mode.gamma, z, first, second)

    @cached_property
    def a(self) -> Fraction:
        return self.alpha + self.gamma

    @cached_property
    def b(self) -> Fraction:
        return self.beta + self.gamma

    def turned(self, velocity: Velocity) -> Velocity:
        """The multiples of the losses, that of the parameter's point first."""
        return velocity[::-1] if self.swapped else velocity

    @cached_property
    def end(self) -> Fraction | None:
        """The limit of z; None for infinity."""
        return None if self.b == 0 else max(self.a, Fraction(0)) / self.b

    @cached_property
    def _balls(self) -> tuple[arb, arb]:
        return exact(self.a), exact(self.b)

    def other(self, r: arb) -> arb:
        """The integral of the other loss."""
        a, b = self._balls
        grown = self.z * ((a * r).expm1() / a if self.a else r)
        return (b * grown).log1p() / b if self.b else grown

    def ratio(self, r: arb, other: arb) -> arb:
        """z at r."""
        a, b = self._balls
        return self.z * (a * r - b * other).exp()

    def both(self, r: arb) -> tuple[arb, arb]:
        """S1 and S2."""
        other = self.other(r)
        return (other, r) if self.swapped else (r, other)

    def meets(self, z: arb) -> arb:
        """The r at which the ratio is z, between its start and its limit."""
        a, b = self._balls
        if not self.a:
            return (1 / z - 1 / self.z) / b
        return (z / self.z * (a - b * self.z) / (a - b * z)).log() / a

    def duration(self, r: arb) -> arb:
        """The time from 0 to r."""
        other = self.other(r)
        if not self.gamma:
            # Of the point whose loss changes, if one does.
            if self.alpha or not self.beta:
                return simple(self.alpha, self.first, r)
            return simple(self.beta, self.second, other)
        turned = not exact(self.a) > exact(self.b) * self.z * (1 - _EVEN)
        here = self.alpha, self.gamma, self.a, self.b, self.z, self.first, r, other
        there = self.beta, self.gamma, self.b, self.a, 1 / self.z, self.second, other, r
        if self.gamma < 0:
            shape = there if turned and self.a > 0 else here
            found = by_powers(*shape[:-1]) if self.a and self.b else None
            return by_quadrature(*shape) if found is None else found
        if turned:
            return by_series(self.beta, self.alpha, self.gamma, 1 / self.z, self.second, other)
        return by_series(self.alpha, self.beta, self.gamma, self.z, self.first, r)

    def weight(self, r: arb) -> arb:
        """dt/dr."""
        return (self.first + exact(self.alpha) * r - exact(self.gamma) * self.other(r)).exp()
