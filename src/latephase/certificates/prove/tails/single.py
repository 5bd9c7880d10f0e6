"""The single slide for all later times, from the constants of its hold.

In the order of the hold, with lean = ln(alpha1/alpha2), exactly

    x* - midpoint = (x1 - x2)/2 (lean + y + (1 + rho) r)
                    / (2 ln s + 2 offset + (2 omega - 1) y + (rho - 1) r).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from latephase.certificates.prove.walk.hold import (
    Hold,
    Level,
    Shape,
    implied,
    level,
    level_at,
    sides,
)
from latephase.certificates.prove.walk.step import Balls, WalkState
from latephase.core.balls import arb, exact


@dataclass(frozen=True)
class LateHold:
    """The tail of a single slide; see `rate`.  start: of the hold;  slack: of its level."""

    shape: Shape
    constants: Hold
    start: Level
    slack: tuple[arb, arb]

    @staticmethod
    def of(shape: Shape, state: WalkState, constants: Hold) -> LateHold:
        """The tail of a run whose hold starts in this state."""
        return LateHold(shape, constants, level(shape, state.a), implied(shape, constants).slack)

    @property
    def since(self) -> int:
        return self.constants.since

    @cached_property
    def lean(self) -> arb | None:
        first, second = self.shape.alphas
        return (first / second).log()

    @cached_property
    def pace(self) -> arb:
        return 4 / exact(self.shape.system.x1 - self.shape.system.x2)

    @cached_property
    def offset(self) -> arb:
        """ln(step) - ln(alpha1 alpha2)/2."""
        first, second = self.shape.alphas
        return self.shape.step.log() - (first * second).log() / 2

    @cached_property
    def _widest(self) -> tuple[arb, arb]:
        """N |r| and N |y| are at most these."""
        c = self.constants
        return exact(max(c.up, c.low)), exact(max(c.up_y, c.low_y))

    def _clock(self, t: arb) -> tuple[arb, arb]:
        """N = sigma + n, and a bound of the harmonic sum H(n)."""
        sigma = exact(self.constants.sigma)
        n = sigma + (t - self.since)
        return n, 1 / sigma + (n / sigma).log()

    def lean_error(self, t: arb) -> arb:
        """|y + (1 + rho) r|, within multiples of 1/N."""
        c, more = self.constants, 1 + self.shape.rho
        above, below = (exact(y) + more * exact(r) for y, r in ((c.up_y, c.up), (c.low_y, c.low)))
        return above.max(below) / self._clock(t)[0]

    def offset_error(self, t: arb) -> arb:
        """e = ln(s/t) + parts of y, r."""
        n, harmonic = self._clock(t)
        # Then H >= ln 4 > 1.3 >= t/N, so that (|s - since| + slack H)/t falls.
        if not (t - self.since > exact(self.constants.sigma) * 3 and t < 1.3 * n):
            return arb("inf")
        s, slack = self.start.log_s.exp(), self.slack[0].max(self.slack[1])
        drift = -(-((abs(s - self.since) + slack * harmonic) / t).abs_upper()).log1p()
        r, y = self._widest
        parts = (2 * self.shape.omega - 1) * y + (self.shape.rho - 1) * r
        return drift + parts / (2 * n)

    def vanishing(self, t: arb, log_t: arb) -> tuple[str, arb, arb]:
        """Never: the constant is not zero."""
        raise AssertionError("the constant of a single slide is not zero")

    def boundary_decides(self, t: arb) -> bool:
        """x* is defined wherever the hold holds; what neuron 1 leaves free is in `deficit`."""
        return True

    def _at(self, t: arb) -> Level:
        """The level, y, r and a12 at t."""
        return level_at(self.shape, self.start, self.constants, t - self.since)

    def at(self, t: arb) -> Balls:
        """a_ji at t, in canonical order."""
        return sides(self.shape, self._at(t))

    def _off(self, now: Level) -> arb:
        shape, lean = self.shape, self.lean
        assert lean is not None
        top = lean + now.y + (1 + shape.rho) * now.r
        span = (2 * shape.omega - 1) * now.y + (shape.rho - 1) * now.r
        return 2 * top / self.pace / (2 * (now.log_s + self.offset) + span)

    def gap(self, t: arb) -> arb:
        """x* - midpoint at t."""
        return self._off(self._at(t))

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint|, or more where neuron 1 turns off nearer to x1 than x* is."""
        now = self._at(t)
        right = self.shape.step.log() + now.log_s - self.shape.alphas[0].log()
        right, off = right - (1 - self.shape.omega) * now.y, abs(self._off(now))
        near = right - (now.a12 - right) / 2  # > 0: the free ray begins beyond the optimal margin
        if near > 0:
            return off
        ray = abs(exact(self.shape.system.half_gap)) * -2 * near / (now.a12 - right)
        return off.max(ray) if now.a12 > right else arb("inf")
