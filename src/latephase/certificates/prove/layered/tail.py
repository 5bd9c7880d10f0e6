"""Both points served, both layers trained: all later times from the two growths.

With q_i the margin at point i, w_i = |v| and null_i = w - x_i b of the neuron that serves it, and
g = 1/(1 - x1 x2), exactly

    x* - x_inf = g (q_2 - q_1 + x1 null_2 w_2 - x2 null_1 w_1)
                 / (x1 q_1/k11 - x2 q_2/k22 + null_1 w_1/k11 - null_2 w_2/k22).

Source: docs/certificates.md, "Both layers".
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from latephase.certificates.prove.tails import margins
from latephase.certificates.prove.walk.step import BOTH, Balls
from latephase.certificates.verdict import Unprovable
from latephase.core.balls import arb, exact

from .growth import Growth
from .system import LayeredSystem
from .walk import LayeredArrival


@dataclass(frozen=True)
class Layers:
    """The state of the two neurons, each at its point, at some time: q, w and a_ii."""

    q: tuple[arb, arb]
    w: tuple[arb, arb]
    a: tuple[arb, arb]


@dataclass(frozen=True)
class LateLayers:
    """The tail of a run with both layers trained.

    serves: the neuron of each point;  nulls: balls around w - x_i b of it.
    """

    system: LayeredSystem
    growths: tuple[Growth, Growth]
    serves: tuple[int, int]
    nulls: tuple[arb, arb]

    @staticmethod
    def of(system: LayeredSystem, arrival: LayeredArrival) -> LateLayers:
        """Raises Unprovable where the constant of the law is exactly zero."""
        assert arrival.growths is not None
        state, k, gap = arrival.state, system.gram(), exact(system.x1 - system.x2)
        nulls: list[arb] = []
        known: list[Fraction | None] = []
        for i, j, sign in zip(BOTH, arrival.serves, (1, -1), strict=True):
            at_start = None if state.ever[j][1 - i] else system.null(j, i)
            own, other = state.a[j][i], state.a[j][1 - i]
            followed = sign * (k[0][1] * own - k[i][i] * other) / gap
            nulls.append(followed if at_start is None else exact(at_start))
            known.append(at_start)
        if _vanishes(system, known[0], known[1]) or _mirrored(system):
            raise Unprovable("the constant of the law is exactly zero: its next term is not proved")
        return LateLayers(system, arrival.growths, arrival.serves, (nulls[0], nulls[1]))

    @property
    def since(self) -> int:
        return self.growths[0].base

    @cached_property
    def parts(self) -> tuple[arb, arb]:
        """x1 null_2 and -x2 null_1: what w_2 and w_1 add to the numerator."""
        s = self.system
        return exact(s.x1) * self.nulls[1], -exact(s.x2) * self.nulls[0]

    @cached_property
    def lean(self) -> arb:
        """What the numerator tends to, over g sqrt(ln t); never exactly zero."""
        second, first = self.parts
        return second / self.growths[1].c.sqrt() + first / self.growths[0].c.sqrt()

    @cached_property
    def pace(self) -> arb:
        """What the denominator tends to, over g ln t: C = lean/pace."""
        s = self.system
        return exact((s.x1 - s.x2) * (1 - s.x1 * s.x2) ** 2 / (s.k11 * s.k22))

    def layers(self, t: arb) -> Layers:
        """The state at time t."""
        q, w, a = [], [], []
        for growth in self.growths:
            margin = growth.margin(t - growth.base)
            small, large = parted(margin, growth.spread(margin), growth.leans)
            q.append(margin)
            w.append((small / growth.c).sqrt())
            a.append((large * growth.c).sqrt())
        return Layers((q[0], q[1]), (w[0], w[1]), (a[0], a[1]))

    def sides(self, a: tuple[arb, arb]) -> Balls:
        """a_ip of the neurons of point 1 and of point 2, from their own ones."""
        s = self.system
        gap, k12 = exact(s.x1 - s.x2), exact(s.k12)
        a12 = (k12 * a[0] - gap * self.nulls[0]) / exact(s.k11)
        a21 = (k12 * a[1] + gap * self.nulls[1]) / exact(s.k22)
        return (a[0], a12), (a21, a[1])

    def at(self, t: arb) -> Balls:
        """a_ji at t, neurons in canonical order."""
        rows = self.sides(self.layers(t).a)
        return (rows[0], rows[1]) if self.serves == (0, 1) else (rows[1], rows[0])

    def output_weights(self, t: arb) -> tuple[arb, arb]:
        """v_j at t, neurons in canonical order."""
        w = self.layers(t).w
        return (w[0], -w[1]) if self.serves == (0, 1) else (-w[1], w[0])

    def gap(self, t: arb) -> arb:
        """x* - x_inf at t."""
        return self._gap(self.layers(t))

    def _gap(self, layers: Layers) -> arb:
        s, (q1, q2), (w1, w2) = self.system, layers.q, layers.w
        over = q2 - q1 + self.parts[0] * w2 + self.parts[1] * w1
        span = self.span(q1, q2, self.nulls[0] * w1, self.nulls[1] * w2)
        return over / exact(1 - s.x1 * s.x2) / span

    def span(self, q1: arb, q2: arb, first: arb, second: arb) -> arb:
        """The derivative of N where both are active; first, second: null_i w_i."""
        s = self.system
        k11, k22 = exact(s.k11), exact(s.k22)
        return (exact(s.x1) * q1 + first) / k11 - (exact(s.x2) * q2 + second) / k22

    def deficit(self, t: arb) -> arb:
        """|x* - midpoint| where x* is defined, else from where both neurons are inactive."""
        layers = self.layers(t)
        a = self.sides(layers.a)
        crosses = margins.crosses(a)
        if crosses is False:  # where both are inactive does not depend on w
            return margins.deficit(self.system, a)
        if crosses is None:
            (a11, a12), (a21, a22) = a
            (w1, w2) = layers.w
            return margins.deficit(self.system, ((w1 * a11, w1 * a12), (w2 * a21, w2 * a22)))
        off = exact(self.system.limit_boundary - self.system.midpoint)
        return abs(off + self._gap(layers))


def parted(q: arb, rho: arb, d: arb) -> tuple[arb, arb]:
    """rho - d and rho + d, whose product is q^2, without cancellation."""
    if d >= 0:
        return q * q / (rho + d), rho + d
    return rho - d, q * q / (rho - d)


def _vanishes(system: LayeredSystem, null_1: Fraction | None, null_2: Fraction | None) -> bool:
    """Whether x1 null_2 k22^(-1/4) = x2 null_1 k11^(-1/4), for nulls that are exact."""
    if null_1 is None or null_2 is None:
        return False
    first, second = system.x2 * null_1, system.x1 * null_2
    return first * second >= 0 and first**4 * system.k22 == second**4 * system.k11


def _mirrored(system: LayeredSystem) -> bool:
    """Whether swapping neurons and points maps the run to itself."""
    (a11, a12), (a21, a22) = system.start
    even = system.k11 == system.k22 and system.outputs[0] == -system.outputs[1]
    return even and a11 == a22 and a12 == a21
