"""The checker's own kinks: which pre-activations slide, what is across them, what holds them.

Source: docs/certificates-general.md, "limit" and "absorbed", 7.
"""

from __future__ import annotations

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Two
from latephase.certificates.check.settled.path import GeneralPath, Rationals
from latephase.core.balls import Rational, RationalMatrix, arb

Exact = list[Rational]
MOST = 16  # kinks


class Kinks:
    """pairs: neuron and point of each;  c;  pulls (m, n): y v gamma, 0 at kinks;  b (n, |A|): B;
    eps (n, |A|), exact.  Wrong where K is singular or a kink pushes itself away."""

    def __init__(self, path: GeneralPath, pattern: list[str]) -> None:
        p = self.problem = path.problem
        marks = [(j, i) for j, row in enumerate(pattern) for i, s in enumerate(row) if s == "s"]
        need(len(marks) <= MOST, "too many kinks")
        self.pairs = marks
        self.c = [p.y[i] * p.v[j] for j, i in marks]
        need(all(c < 0 for c in self.c), "a kink that pushes itself away")
        self.pulls = [
            [p.y[i] * p.v[j] * p.gain(path.s[j][i]) for i in range(p.n)] for j in range(p.m)
        ]
        for j, i in marks:
            self.pulls[j][i] = Rational(0)
        self.b = [[self.pulls[j][i] * p.gram[i][k] for j, k in marks] for i in range(p.n)]
        self.inverses = {j: self._inverted(self.of(j)) for j in {j for j, _ in marks}}
        self.eps = [self.along(row) for row in self.b]
        # Where they stand at base.
        self.here = [path.a[j][i] for j, i in marks]

    def of(self, neuron: int) -> list[int]:
        """Which kinks are of a neuron."""
        return [a for a, (j, _) in enumerate(self.pairs) if j == neuron]

    def own(self, a: int, b: int) -> Rational:
        """K_ab."""
        (j, i), (other, k) = self.pairs[a], self.pairs[b]
        return self.problem.gram[i][k] if j == other else Rational(0)

    def _inverted(self, kinks: list[int]) -> Rationals:
        need(len(kinks) <= len(self.problem.z[0]), "kinks that are linearly dependent")
        block = RationalMatrix([[self.own(a, b) for b in kinks] for a in kinks])
        need(block.det() != 0, "kinks that are linearly dependent")
        found: Rationals = block.inv().tolist()
        return found

    def along(self, beside: Exact) -> Exact:
        """K^-1 times the products with all q_a."""
        found = [Rational(0)] * len(self.pairs)
        for j, rows in self.inverses.items():
            mine = self.of(j)
            for a, row in zip(mine, rows, strict=True):
                found[a] = sum((x * beside[b] for x, b in zip(row, mine, strict=True)), Rational(0))
        return found

    def across(self, products: Exact, beside: Exact) -> Exact:
        """Products with what is across of each gradient."""
        return [
            x - sum((e * q for e, q in zip(row, beside, strict=True)), Rational(0))
            for x, row in zip(products, self.eps, strict=True)
        ]

    def beside(self, neuron: int, z: Exact) -> Exact:
        """The products with all q_a of the vector whose part of one neuron has these products with
        all points."""
        return [z[i] if j == neuron else Rational(0) for j, i in self.pairs]


class HeldKinks:
    """Their strip: -low <= N r <= up; of those that are kicked -low <= r <= up / N."""

    def __init__(self, kinks: Kinks, kicked: list[int], up: list[arb], low: list[arb]) -> None:
        self.kinks, self.kicked, self.up, self.low = kinks, kicked, up, low
        need(len(up) == len(low) == len(kinks.pairs), "as many bands as kinks")
        need(all(x >= 0 for x in [*up, *low]), "a band below 0")
        self.slope = arb(kinks.problem.slope)
        self.w = [self._width(i) for i in range(kinks.problem.n)]  # (-W-, W+) of each point

    def spread(self, kappa: Exact, late: arb) -> Two:
        """V(e, N): the ends of the sum of kappa r, where 1 / N is `late`."""
        held, kicked = self._sum(kappa, late, kicked=False), self._sum(kappa, late, kicked=True)
        return held[0] * late + kicked[0], held[1] * late + kicked[1]

    def thrown(self, i: int, late: arb) -> Two:
        """What kicked kinks may be of a margin."""
        return self._sum(self.kinks.eps[i], late, kicked=True)

    def off(self, i: int, late: arb) -> Two:
        """The ends of e_i."""
        (below, above), (less, more) = self.w[i], self.thrown(i, late)
        return below * late + less, above * late + more

    def _sum(self, kappa: Exact, late: arb, *, kicked: bool) -> Two:
        """Of kappa r of kicked kinks, of kappa N r of the others."""
        below, above = ZERO, ZERO
        for a, (k, up, low) in enumerate(zip(kappa, self.up, self.low, strict=True)):
            if (a in self.kicked) != kicked:
                continue
            x, most = arb(k), up * late if kicked else up
            below, above = (
                (below - x * low, above + x * most)
                if k > 0
                else (below + x * most, above - x * low)
            )
        return below, above

    def _width(self, i: int) -> Two:
        below, above = self._sum(self.kinks.eps[i], ONE, kicked=False)
        for a, (_, point) in enumerate(self.kinks.pairs):
            if point == i:
                c = arb(self.kinks.c[a])
                below, above = below + c * self.up[a], above - c * self.slope * self.low[a]
        return below, above

    def farthest(self, i: int) -> arb:
        """W_i."""
        below, above = self.w[i]
        return (-below).max(above)

    def check(self, sigma: arb, pulls: list[Two]) -> None:
        """7. and 9., where pulls are the ends of H_i."""
        kinks, once = self.kinks, ONE + 1 / sigma
        for a, (_, point) in enumerate(kinks.pairs):
            if a in self.kicked:
                self._kicked(a, sigma, pulls)
                continue
            least, most = self._drift(a, pulls)
            kick = -arb(kinks.c[a] * kinks.own(a, a))
            soft, hard = (kick * h for h in pulls[point])
            fall, fall_most = soft - most, hard - least
            rise, rise_most = least - self.slope * hard, most - self.slope * soft
            up, low, r = self.up[a], self.low[a], kinks.here[a]
            need(-low <= sigma * r and sigma * r <= up, "7. does not hold: a kink is too far")
            need(fall > 0 and rise > 0, "7. does not hold: a kink is not held")
            far = up >= once * rise_most and low >= once * fall_most
            need(far, "7. does not hold: a kink may jump too far")
            back = (sigma + 1) * fall >= up and (sigma + 1) * rise >= low
            need(back, "7. does not hold: a kink is too slow")

    def _kicked(self, a: int, sigma: arb, pulls: list[Two]) -> None:
        """9. of one kink."""
        kinks, p, (_, point) = self.kinks, self.kinks.problem, self.kinks.pairs[a]
        least, most = self._drift(a, pulls)
        at = [b for b, (_, i) in enumerate(kinks.pairs) if i == point]
        deep = sum((abs(arb(kinks.c[b])) * self.up[b] for b in at), ZERO) / sigma
        kick = -arb(kinks.c[a] * kinks.own(a, a) * p.eta)
        soft, hard = kick / (1 + p.plus), kick / ((-deep).exp() + p.plus)
        up, low, r = self.up[a], self.low[a], kinks.here[a]
        need(least > 0, "9. does not hold: nothing pulls a kink that is kicked")
        need(-low <= r and sigma * r <= up, "9. does not hold: a kink is too far")
        far = up >= (ONE + 1 / sigma) * most and low >= hard
        need(far, "9. does not hold: a kink may jump too far")
        need(sigma * soft >= up + most, "9. does not hold: a kick is too short")

    def _drift(self, a: int, pulls: list[Two]) -> Two:
        """D of a kink."""
        kinks, least, most = self.kinks, ZERO, ZERO
        terms = [(row[a], *h) for row, h in zip(kinks.b, pulls, strict=True)]
        for b in kinks.of(kinks.pairs[a][0]):
            if b != a:
                low, high = pulls[kinks.pairs[b][1]]
                terms.append((kinks.c[b] * kinks.own(a, b), self.slope * low, high))
        for x, low, high in terms:
            ends = (low, high) if x > 0 else (high, low)
            least, most = least + arb(x) * ends[0], most + arb(x) * ends[1]
        return least, most
