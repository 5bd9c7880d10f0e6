"""What all of the checker computes with: enclosures, and what is wrong with one that is claimed.

Source: docs/certificates.md. It shares no code with what writes the files, so that both would have
to make the same mistake.
"""

from __future__ import annotations

from latephase.certificates.check.claims import WIDE, ClaimsCheck, need
from latephase.certificates.check.form import Body, Number, whole
from latephase.core.balls import arb, bits, point

Two = tuple[arb, arb]
Four = tuple[arb, arb, arb, arb]  # a11, a12, a21, a22
Signs = tuple[bool, ...]  # s11, s12, s21, s22

EXACT = 1 << 14  # bits that hold every sum of products of a few doubles
ZERO, ONE = arb(0), arb(1)


def enclosed(claimed: Body, low: arb, high: arb, file_bits: int, cost: arb = ZERO) -> None:
    """What is re-derived lies in the interval, which is not much wider than it must be.

    cost: what the file's own method may add.
    """
    # What a sum of terms of size 1 costs: tiny results of a cancellation are not known better.
    rounding = point(1, -file_bits)
    fine = (low.abs_upper() + high.abs_upper()) * point(1, -80) + rounding
    spare = point(1, bits() - file_bits)  # what the precision of the file may cost
    within(claimed, low, high, ((high - low).abs_upper() * spare + cost + fine) * (1 << 20))


def within(claimed: Body, low: arb, high: arb, width: arb) -> None:
    """What is re-derived lies in the interval, which is not wider than that."""
    lower, upper = value(claimed["lower"]), value(claimed["upper"])
    need(lower <= low and high <= upper, "the re-derived value is not in the interval")
    need(not upper - lower > width, WIDE)


def value(x: Number) -> arb:
    """The number, exactly."""
    return point(whole(x["mantissa"]), int(x["exponent"]))


def signs(a: Four) -> Signs:
    """Which pre-activations are positive. Raises Wrong where that is not decided."""
    need(all(x > 0 or x <= 0 for x in a), "a sign is not decided")
    return tuple(bool(x > 0) for x in a)


class BallClaims(ClaimsCheck):
    """Claims that are derived again in balls."""

    def _inside(self, claimed: Body, low: arb, high: arb, cost: arb = ZERO) -> None:
        """What is re-derived lies in the interval, which is not much wider than it must be."""
        enclosed(claimed, low, high, self.body["bits"], cost)
