"""The gradients of a pattern, across the kinks that slide in it; exact rationals.

Symbols as in docs/certificates-general.md, "limit".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from latephase.certificates.verdict import Unprovable
from latephase.core.balls import Rational, RationalMatrix

from .system import MOST_KINKS, GeneralSystem, Kinks, Row, Signs

_MOST_BITS = 1 << 20  # of the fractions of `gram`, which a checker takes


@dataclass(frozen=True)
class Gradients:
    """pulls (m, n): y_i v_j gamma_ji, 0 at kinks;  charges (|A|,): c_a;  own (|A|, |A|): K;
    inverse: its;  along (n, |A|): B;  shares (n, |A|): epsilon;  gram (n, n): of what is across;
    kicked: which kinks are at idle points."""

    kinks: Kinks
    pulls: list[Row]
    charges: Row
    own: list[Row]
    inverse: list[Row]
    along: list[Row]
    shares: list[Row]
    gram: list[Row]
    idle: list[int]
    kicked: list[int]

    @classmethod
    def of(cls, system: GeneralSystem, signs: Signs, kinks: Kinks = ()) -> Gradients:
        """Raises Unprovable where a kink cannot be held."""
        if len(kinks) > MOST_KINKS:
            raise Unprovable(f"more than {MOST_KINKS} kinks slide")
        charges = [system.labels[p] * system.outputs[j] for j, p in kinks]
        if any(c >= 0 for c in charges):
            raise Unprovable("a kink slides at a point that its neuron is meant to serve")
        pulls, near, points = system.pulls(signs, kinks), system.gram, range(system.n)
        own = [[near[p][q] if j == i else Rational(0) for i, q in kinks] for j, p in kinks]
        along = [[pulls[j][i] * near[i][p] for j, p in kinks] for i in points]
        try:
            inverse = RationalMatrix(own).inv().tolist() if kinks else []
        except ZeroDivisionError:
            raise Unprovable("kinks of one neuron slide at linearly dependent points") from None
        shares = [[_dot(row, column) for column in inverse] for row in along]
        matrix = RationalMatrix(pulls)
        squares = (matrix.transpose() * matrix).tolist()
        gram = [
            [squares[i][k] * near[i][k] - _dot(shares[i], along[k]) for k in points] for i in points
        ]
        if sum(x.p.bit_length() + x.q.bit_length() for row in gram for x in row) > _MOST_BITS:
            raise Unprovable("numbers so far apart that exact fractions are too long")
        idle = [i for i in points if squares[i][i] * near[i][i] == 0]
        if any(gram[i][i] == 0 for i in points if i not in idle):
            raise Unprovable("a point is served along sliding kinks alone")
        if kinks and len(idle) == system.n:
            raise Unprovable("kinks slide where no point is served")
        kicked = [a for a, (_, p) in enumerate(kinks) if p in idle]
        slid = [j for j, _ in kinks]
        if kicked and (system.slope or any(slid.count(slid[a]) > 1 for a in kicked)):
            raise Unprovable("a neuron that is kicked for ever slides on another kink, or leaks")
        return cls(kinks, pulls, charges, own, inverse, along, shares, gram, idle, kicked)

    def across(self, products: list[Row], beside: list[Row]) -> tuple[list[Row], list[Row]]:
        """Of vectors e with these products with all g_i (r, n) and all q_a (r, |A|): those with
        what is across of g_i, and kappa (r, |A|)."""
        kappas = [[_dot(row, column) for column in self.inverse] for row in beside]
        rows = [
            [c - _dot(near, share) for c, share in zip(row, self.shares, strict=True)]
            for row, near in zip(products, beside, strict=True)
        ]
        return rows, kappas


def _dot(x: Iterable[Rational], y: Iterable[Rational]) -> Rational:
    return sum((a * b for a, b in zip(x, y, strict=True)), Rational(0))
