"""Where a pattern leads: the checker's own limit, in exact rationals.

Source: docs/certificates-general.md, "limit".
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.settled.kinks import Kinks
from latephase.certificates.check.settled.path import Rationals
from latephase.core.balls import Rational, RationalMatrix

_MOST_BITS = 1 << 20  # of G, numerators and denominators together


class GeneralLimit:
    """What a support S gives: exact multipliers, margins; the rest R, the idle points, and which
    kinks are kicked at those."""

    def __init__(self, kinks: Kinks, support: list[int]) -> None:
        p, n, self.kinks = kinks.problem, range(kinks.problem.n), kinks
        both = [[sum((row[i] * row[k] for row in kinks.pulls), Rational(0)) for k in n] for i in n]
        whole = [[both[i][k] * p.gram[i][k] for k in n] for i in n]
        self.gram = [kinks.across(row, beside) for row, beside in zip(whole, kinks.b, strict=True)]
        length = sum(x.p.bit_length() + x.q.bit_length() for row in self.gram for x in row)
        need(length <= _MOST_BITS, "numbers so far apart that exact fractions are too long")
        self.idle = [i for i in n if whole[i][i] == 0]
        self.kicked = [a for a, (_, i) in enumerate(kinks.pairs) if i in self.idle]
        need(not (self.kicked and p.slope), "a kink of a leaky neuron at an idle point")
        alone = all(len(kinks.of(kinks.pairs[a][0])) == 1 for a in self.kicked)
        need(alone, "a neuron that is kicked and slides on another kink")
        served = (self.gram[i][i] > 0 for i in n if i not in self.idle)
        need(all(served), "a point that only sliding neurons serve")
        self.support = support
        need(support == sorted(set(support)) and set(support) <= set(n), "no support")
        need(not set(support) & set(self.idle), "an idle point in the support")
        self.rest = [i for i in n if i not in support and i not in self.idle]
        self.weights = [Rational(0)] * p.n
        self.margins = [Rational(0)] * p.n
        self.inverse: Rationals = []
        if not support:
            need(not self.rest, "no support, and yet points that are not idle")
            need(not kinks.pairs, "no support, and yet kinks")
            return
        self.inverse = self._inverted()
        for i, row in zip(support, self.inverse, strict=True):
            self.weights[i] = sum(row, Rational(0))
            need(self.weights[i] > 0, "a multiplier that is not positive")
        for k in n:
            pairs = ((self.gram[k][i], self.weights[i]) for i in support)
            self.margins[k] = sum((x * y for x, y in pairs), Rational(0))
        need(all(self.margins[k] > 1 for k in self.rest), "a margin of the rest is not above 1")

    def _inverted(self) -> Rationals:
        block = [[self.gram[i][k] for k in self.support] for i in self.support]
        for size in range(1, len(block) + 1):
            minor = RationalMatrix([row[:size] for row in block[:size]]).det()
            need(minor > 0, "support vectors that are linearly dependent")
        found: Rationals = RationalMatrix(block).inv().tolist()
        return found

    @property
    def square(self) -> Rational:
        """|w|^2."""
        return sum(self.weights, Rational(0))
