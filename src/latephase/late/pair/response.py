"""How a network moves inside one activation pattern, as a linear response to the two losses.

Let A_p be the accumulated step * loss of point p.  While the pattern stands, everything is affine
in (A_1, A_2): the parameters, the pre-activations and the margins u_p = y_p N(x_p).  A pattern is
*decoupled* when u_1 depends on A_1 alone and u_2 on A_2 alone: that happens exactly when
k12 = 0 or no neuron is active on both points.  A kink held by sliding counts as half active: its
multiplier is the one that keeps the pre-activation still (Filippov).

Every number here is a closed form whose terms do not cancel: on points 10001, 10000 a determinant
taken by subtraction would be off by 100 %, on +-1e-8 it would be 0.

Neuron j and point i count from 0 here; neuron 0 has output weight +1, point 0 has label +1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latephase.core.arrays import Floats
from latephase.late.pattern import ACTIVE, SLIDING, Statuses, pattern_status
from latephase.problem import TwoPointGeometry
from latephase.problem.geometry import SIGN

from .state import margins


@dataclass(frozen=True)
class Response:
    """Linear response of one pattern.

    parameters (2 neurons, 2 [weight, bias], 2), preactivations (2 neurons, 2 points, 2):
    derivatives by A_p (last axis);  both: how many neurons are active on both points;
    own (2,): what the others add to margin p per A_p.  The margins move by M A,
    M = both * [[k11, -k12], [-k12, k22]] + diag(own), det M = both^2 D + ... > 0.
    """

    geometry: TwoPointGeometry
    status: Statuses
    parameters: Floats
    preactivations: Floats
    both: int
    own: Floats

    @property
    def decoupled(self) -> bool:
        return self.both == 0 or self.geometry.gram_sign == 0

    @property
    def sliding(self) -> bool:
        return bool((self.status == SLIDING).any())

    @property
    def exact(self) -> bool:
        """Whether the scalar maps hold without approximation."""
        return self.decoupled and not self.sliding

    @cached_property
    def rates(self) -> Floats:
        """r_p of the scalar maps u_p <- u_p + step r_p exp(-u_p), (2,); 0 where point p is still.

        A coupled pattern approaches the self-similar solution exp(-u_p) = alpha_p / (step t),
        M alpha = 1, along which r_p = 1 / alpha_p; NaN if it has none.
        """
        if self.decoupled:
            return self.both * self.geometry.squares + self.own
        alpha = self._inverse.sum(axis=1)
        return 1 / alpha if (alpha > 0).all() else np.full(2, np.nan)

    @cached_property
    def tilt(self) -> float:
        """ln(r_2 / r_1) of a coupled pattern: by how much margin 2 is larger on the way.

        On +-1e-8 it is 1e-16, and the quotient of the rates would be 1.
        """
        low = self.both * (self.geometry.k11 + self.geometry.k12) + self.own[0]
        gap = self.both * self.geometry.norm_gap + (self.own[1] - self.own[0])
        return float(np.log1p(gap / low))

    @cached_property
    def closing(self) -> float:
        """How fast margins that do not rise alike close up in a coupled pattern: what is between
        them falls like s^-closing where both rise by ln s.  M diag(alpha) has the eigenvalues 1,
        of a shift of time, and this one."""
        return float((self.both * self.geometry.squares + self.own) @ (1 / self.rates)) - 1

    @cached_property
    def _determinant(self) -> float:
        """det M of a coupled pattern."""
        crossed = self.both * (self.own @ self.geometry.squares[::-1])
        return float(self.both**2 * self.geometry.determinant + crossed + self.own.prod())

    @cached_property
    def _inverse(self) -> Floats:
        """M^-1 (2, 2) of a coupled pattern: accumulated step * loss A_p per rise of margin q."""
        k12, (low, high) = self.geometry.k12, self.both * self.geometry.squares + self.own
        adjugate = np.array([[high, self.both * k12], [self.both * k12, low]])
        return np.asarray(adjugate / self._determinant)

    @cached_property
    def per_margin(self) -> tuple[Floats, Floats]:
        """Parameters and pre-activations per rise of margin q, (2, 2, 2) each: the margins that the
        scalar maps give and the parameters then agree, whatever they started from."""
        if self.decoupled:
            rates = np.where(self.rates > 0, self.rates, np.inf)
            return self.parameters / rates, self.preactivations / rates
        parameters, a = self.parameters @ self._inverse, self.preactivations @ self._inverse
        # A neuron of output weight +1 that is active on both points: (M - own) M^-1 / both.
        g, (own1, own2), both = self.geometry, self.own, self.both
        gap, det = both * 2 * g.half_gap, both * g.determinant
        first = [[gap + own2 * g.x1, gap - own1 * g.x2], [own2 - g.x2 * gap, -own1 - g.x1 * gap]]
        second = [[det + own2 * g.k11, -own1 * g.k12], [own2 * g.k12, -det - own1 * g.k22]]
        for j in np.flatnonzero((self.status == ACTIVE).all(axis=1)):
            parameters[j] = SIGN[j, 0] * (np.array(first) / self._determinant)
            a[j] = SIGN[j, 0] * (np.array(second) / self._determinant)
        return parameters, a

    @cached_property
    def slopes(self) -> Floats:
        """Pre-activation (j, i) per unit rise of margin p, (2, 2, 2).

        Along the self-similar solution both margins rise alike: margin 0 stands for both.
        """
        each = self.per_margin[1]
        if self.decoupled:
            return each
        total = each.sum(axis=-1)
        for j in np.flatnonzero((self.status == ACTIVE).all(axis=1)):
            if self.status[1 - j, j] == SLIDING:  # (k12 - k_jj) / (2 k_jj): its terms cancel
                total[j, 1 - j] = -self.geometry.excess[j] / (2 * self.geometry.squares[j])
        return np.stack([total, np.zeros((2, 2))], axis=-1)

    def slack(self, j: int, i: int) -> float:
        """k_ii r_o - k12 r_i, o the other point: what holds the kink of neuron j at point i, less
        what pulls at it, when both margins are alike."""
        g, o = self.geometry, 1 - i
        if self.both:
            return float(self.rates.prod())  # det M = 2 D there
        if self.status[1 - j, o] == SLIDING:
            return float(g.determinant * g.excess[o] / g.squares[o])
        return float(g.determinant - g.k12 * self.rates[i])

    def levels(self, a: Floats) -> Floats:
        """Margins (2, T) at pre-activations (2, 2, T), whose sliding ones count as 0."""
        return margins(a * (self.status != SLIDING)[:, :, None])

    def deviation(self, levels: Floats) -> Floats:
        """How far margins (2, T) are from the self-similar solution; 0 in decoupled patterns."""
        if self.decoupled:
            return np.zeros(levels.shape[-1])
        off: Floats = levels[1] - levels[0] - self.tilt
        return np.abs(off)


def response(geometry: TwoPointGeometry, code: int) -> Response:
    """The response of the pattern with this code.  Source: docs/theory.md, "Patterns"."""
    status = pattern_status(code)
    points, gram = geometry.points, geometry.gram
    parameters, a, own = np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), np.zeros(2)
    for j, p in np.argwhere(status == ACTIVE):
        parameters[j, :, p], a[j, :, p] = SIGN[j, p] * points[p], SIGN[j, p] * gram[p]
        if status[j, 1 - p] == SLIDING:
            parameters[j, :, p] = SIGN[j, p] * _along_kink(geometry, p)
            a[j, :, p] = 0.0
            a[j, p, p] = SIGN[j, p] * geometry.determinant / gram[1 - p, 1 - p]
        if status[j, 1 - p] != ACTIVE:
            own[p] += abs(a[j, p, p])
    both = int((status == ACTIVE).all(axis=1).sum())
    return Response(geometry, status, parameters, a, both, own)


def _along_kink(g: TwoPointGeometry, p: int) -> Floats:
    """z_p less its part along z_i, i the other point: (x_p - x_i) (1, -x_i) / k_ii."""
    i = 1 - p
    gap = 2 * g.half_gap * (1 - 2 * p)
    return gap * np.array([1.0, -(g.x1, g.x2)[i]]) / g.squares[i]
