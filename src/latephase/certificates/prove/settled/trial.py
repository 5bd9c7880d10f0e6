"""The numbers of the induction from one step on: found, and held to its inequalities.

The inequalities are those of docs/certificates-general.md, "absorbed", by their numbers there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latephase.certificates.verdict import Undecided
from latephase.core.balls import arb, dyadic, point

from .limit import Limit
from .strip import Bands, Move, Strip
from .system import GeneralSystem
from .tail import Geometry, dot

_KEPT = 64  # bits of the numbers that the induction is stated with
_ROUNDS = 60  # after which the numbers of the induction have come to rest
_MORE = 1 + 2.0**-16  # of what it needs, so that rounding does not matter
_ROOM = 1 + 2.0**-8  # the same of sup where kinks are kicked
_SHARE = 0.9  # of the rate of decay that is asked for, at most
_LARGEST = 30.0  # distance to the curve, beyond which nothing is tried


class Bounds(NamedTuple):
    """What is asked for: of |rho|, of the sums S_k (|R|,), of the kinks."""

    sup: arb
    spill: list[arb]
    bands: Bands


class Trial:
    """The inequalities from one step on: sigma, for which rho is shortest, and x (`offset`)."""

    def __init__(
        self, system: GeneralSystem, geometry: Geometry, strip: Strip, margins: list[arb]
    ) -> None:
        """margins: what is across the kinks of them."""
        self.limit, self.strip = geometry.limit, strip
        self.kicked = bool(geometry.gradients.kicked)
        limit, seen = geometry.limit, geometry.points
        self.step, self.plus = arb(system.step), int(system.logistic)
        self.weights = [arb(limit.multipliers[i]) for i in limit.support]
        self.own = [arb(limit.gram[i][i]) for i in limit.support]
        self.trace, self.slowest = dot(self.weights, self.own), _slowest(limit)
        # Where it stands.
        ages = [
            margins[i] + (w / self.step).log()
            for i, w in zip(limit.support, self.weights, strict=True)
        ]
        self.sigma = rounded((dot(self.weights, ages) / sum(self.weights, arb(0))).exp())
        self.offset = [age - self.sigma.log() for age in ages]
        rows = [dot(row, self.offset) for row in limit.inverse.tolist()]
        self.begin = dot(rows, self.offset).abs_upper().sqrt()
        # The points of the rest.
        self.lengths = [seen.lengths[k] for k in limit.rest]
        self.across = [seen.across[k] for k in limit.rest]
        self.base = [margins[k] - dot(seen.weights[k], self.offset) for k in limit.rest]
        self.gaps = [arb(limit.margins[k]) - 1 for k in limit.rest]

    def found(self) -> tuple[Bounds, tuple[arb, arb]] | None:
        """sup, spill and bands; power and tail; where there are some."""
        guess = self.guessed()
        if guess is None or not self.holds(guess):
            return None
        decay = self.decay(guess)
        return None if decay is None else (guess, decay)

    def off(self, bounds: Bounds) -> list[arb]:
        """F_i: how far h_i of the support may be off, times N^2."""
        found, widths, thrown = [], self.strip.widths(bounds.bands), self.thrown(bounds.bands)
        for i, w, g in zip(self.limit.support, self.weights, self.own, strict=True):
            width = (-widths[i][0]).max(widths[i][1])
            far = g.sqrt() * bounds.sup + thrown[i] + width / self.sigma
            x = w * width * far.exp()
            found.append(x + w * w * (2 * far).exp() / self.step if self.plus else x)
        return found

    def push(self, bounds: Bounds) -> arb:
        """c, the part of the forcing that falls as 1 / N^2."""
        own = [g.sqrt() for g in self.own]
        return sum(self.weights, arb(0)).sqrt() / 2 + dot(own, self.off(bounds))

    def damped(self, bounds: Bounds) -> arb:
        """c or, where it is less, c': what of it is not across the directions that settle fast."""
        c = self.push(bounds)
        if not self.sigma >= 4:
            return c
        steep, flat = self.bends(bounds)
        shares = [w / 2 + x for w, x in zip(self.weights, self.off(bounds), strict=True)]
        total = dot((x / w for x, w in zip(shares, self.weights, strict=True)), shares)
        more = 1 / flat.sqrt() + self.trace / self.sigma * (1 + steep.sqrt())
        return c.min((flat * self.slowest * total).sqrt() * more)

    def ends(self, bounds: Bounds) -> list[tuple[arb, arb]]:
        """(low_k, top_k) of the rest."""
        found, widths = [], self.strip.off(bounds.bands, 1 / self.sigma)
        for k, base, p, row in zip(
            self.limit.rest, self.base, self.lengths, self.across, strict=True
        ):
            below, above = widths[k]
            low, top = base - p * bounds.sup + below, base + p * bounds.sup + above
            for q, most in zip(row, bounds.spill, strict=True):
                low, top = (low + arb(q) * most, top) if q < 0 else (low, top + arb(q) * most)
            found.append((low, top))
        return found

    def filled(self, bounds: Bounds) -> list[arb]:
        """fill_k of the rest."""
        found = []
        for (_, top), gap in zip(self.ends(bounds), self.gaps, strict=True):
            e = (-top).exp()
            found.append((self.step * e * self.sigma / (gap * (1 + self.plus * e))).lower())
        return found

    def spilled(self, ends: list[tuple[arb, arb]]) -> list[arb]:
        """What 2. asks of spill."""
        return [
            self.step * (-low).exp() * (1 + self.sigma / gap)
            for (low, _), gap in zip(ends, self.gaps, strict=True)
        ]

    def forced(self, bounds: Bounds, ends: list[tuple[arb, arb]]) -> arb:
        """f, sigma times the largest forcing."""
        losses = [self.step * (-low).exp() for low, _ in ends]
        return self.damped(bounds) / self.sigma + self.sigma * dot(self.lengths, losses)

    def rate(self, bounds: Bounds) -> arb:
        """N times the share by which rho shrinks in a step, at least."""
        steep, flat = self.bends(bounds)
        return self.slowest * flat * (1 - steep * self.trace / (2 * self.sigma))

    def reached(self, bounds: Bounds) -> arb:
        """What 3. asks of sup: by the sum of all forcing, or by the balance with the decay."""
        if self.kicked:
            return self.begin.max(self.thrown_about(bounds))
        once = 1 / (self.sigma * self.sigma) + 1 / self.sigma
        added = self.begin + self.push(bounds) * once + dot(self.lengths, bounds.spill)
        rate = self.rate(bounds)
        if not rate > 0:
            return added
        return added.min(self.begin.max(self.forced(bounds, self.ends(bounds)) / rate))

    def moves(self, bounds: Bounds) -> list[Move]:
        """fall and rise of the kinks, by H_i (n,)."""
        if not self.strip.here:
            return []
        pulls = [(arb(0), arb(0))] * len(self.limit.margins)
        ends = self.strip.off(bounds.bands, 1 / self.sigma)
        for i, w, g in zip(self.limit.support, self.weights, self.own, strict=True):
            below, above = ends[i]
            far = g.sqrt() * bounds.sup
            most = w * (far - below).exp()
            least = w * (-far - above).exp()
            pulls[i] = least / (1 + self.plus * most / (self.step * self.sigma)), most
        for k, (low, _) in zip(self.limit.rest, self.ends(bounds), strict=True):
            pulls[k] = arb(0), self.sigma * self.step * (-low).exp()
        return self.strip.moves(pulls, self.strip.depths(self.sigma, bounds.bands))

    def guessed(self) -> Bounds | None:
        """The bounds at which the inequalities come to rest, and a little more."""
        still = [arb(0)] * len(self.strip.here)
        at = Bounds(_up(self.begin), [arb(0)] * len(self.gaps), Bands(still, still))
        for i in range(_ROUNDS):
            at = at._replace(bands=self.strip.needed(self.sigma, self.moves(at)))
            at = at._replace(spill=[_up(x) for x in self.spilled(self.ends(at))])
            reached = self.reached(at)
            if not reached < _LARGEST:
                return None
            last, at = at.sup, at._replace(sup=_up(reached * _ROOM if self.kicked else reached))
            if i and (at.sup - last) < at.sup * 2.0**-30:
                break
        sup, spill = (
            rounded(at.sup * _MORE, up=True),
            [rounded(x * _MORE, up=True) for x in at.spill],
        )
        bands = Bands(*([rounded(x * _MORE, up=True) for x in side] for side in at.bands))
        return Bounds(sup, spill, bands)

    def thrown(self, bands: Bands) -> list[arb]:
        """P_i of all points."""
        return [(-a).max(b) for a, b in self.strip.thrown(bands, 1 / self.sigma)]

    def _eight(self, bounds: Bounds) -> tuple[arb, arb, arb, arb, arb, arb, arb]:
        """Pi, sqrt q, a, beta, kappa, Gamma, sqrt slowest."""
        steep, flat = self.bends(bounds)
        thrown, sigma, trace = self.thrown(bounds.bands), self.sigma, self.trace
        own = [thrown[i] for i in self.limit.support]
        kicks = dot((w * p for w, p in zip(self.weights, own, strict=True)), own).sqrt()
        shares = [w / 2 + x for w, x in zip(self.weights, self.off(bounds), strict=True)]
        ratios = (x / w for x, w in zip(shares, self.weights, strict=True))
        late = dot(ratios, shares).sqrt() / sigma
        root, a = flat.sqrt(), 1 - steep * trace / (2 * sigma)
        beta = kicks * steep.sqrt() + late * (1 / root + steep.sqrt() * trace / sigma)
        kappa = kicks * late + trace * late * late / (2 * sigma)
        losses = [self.step * (-low).exp() for low, _ in self.ends(bounds)]
        pushed = sigma * dot(self.lengths, losses)
        return kicks, root, a, beta, kappa, pushed, self.slowest.sqrt()

    def thrown_about(self, bounds: Bounds) -> arb:
        """What 8. asks of sup, mostly: that it is drawn back."""
        kicks, root, a, beta, kappa, pushed, slow = self._eight(bounds)
        drawn = beta + (beta * beta + 4 * a * (kappa + pushed * bounds.sup)).sqrt()
        return (drawn / (2 * a * root) + kicks) / slow

    def stays(self, bounds: Bounds) -> bool:
        """8."""
        (kicks, root, a, beta, kappa, pushed, slow), sup = self._eight(bounds), bounds.sup
        z, least = root * (slow * sup - kicks), (beta / (2 * a * root) + kicks) / slow
        far = least * least + 2 / self.sigma * (beta * beta / (4 * a) + kappa + pushed * sup)
        back = z >= beta / (2 * a) and a * z * z - beta * z - kappa >= pushed * sup
        about = self.sigma >= 4 and a > 0 and sup >= self.begin and sup * sup >= far
        return bool(back and about)

    def bends(self, bounds: Bounds) -> tuple[arb, arb]:
        """E and q."""
        thrown, x = self.thrown(bounds.bands), arb(0)
        for i, g in zip(self.limit.support, self.own, strict=True):
            x = x.max((g.sqrt() * bounds.sup + thrown[i]).upper())
        x = x.upper()
        if not x > 0:
            return arb(1), arb(1)
        return (x.expm1() / x).upper(), (-(-x).expm1() / x).lower()

    def holds(self, bounds: Bounds) -> bool:
        """1. to 3., and 7."""
        enough = all(
            s >= x for s, x in zip(bounds.spill, self.spilled(self.ends(bounds)), strict=True)
        )
        calm = self.bends(bounds)[0] * self.trace <= 2 * self.sigma
        kept = self.strip.holds(self.sigma, bounds.bands, self.moves(bounds))
        if not (enough and calm and kept):
            return False
        return self.stays(bounds) if self.kicked else bool(bounds.sup >= self.reached(bounds))

    def decay(self, bounds: Bounds) -> tuple[arb, arb] | None:
        """power and tail, by 5. and 6."""
        if self.kicked:
            return arb(0), bounds.sup
        rate = self.rate(bounds)
        fastest = min([1.0, float(rate.lower()) * _SHARE, *(float(g.lower()) for g in self.gaps)])
        power = arb(fastest * (1 - 2**-20))
        if not 0 < power < rate:
            return None
        tail = self.begin.max(self.forced(bounds, self.ends(bounds)) / (rate - power))
        return power, rounded(tail * _MORE, up=True)


def _slowest(limit: Limit) -> arb:
    """A lower bound of the eigenvalues of the support's Gram matrix times the multipliers."""
    inverse = np.array([[int(x.p) / int(x.q) for x in row] for row in limit.inverse.tolist()])
    weights = np.array([int(w.p) / int(w.q) for w in (limit.multipliers[i] for i in limit.support)])
    guess = 1 / float(np.linalg.eigvalsh(inverse / np.sqrt(np.outer(weights, weights))).max())
    for share in (2.0**-20, 0.1, 0.5):
        slowest = arb(guess * (1 - share))
        gram = [[arb(limit.gram[i][k]) for k in limit.support] for i in limit.support]
        for row, (a, i) in zip(gram, enumerate(limit.support), strict=True):
            row[a] = row[a] - slowest / arb(limit.multipliers[i])
        if _is_definite(gram):
            return slowest
    raise Undecided("the slowest rate at which the support settles")


def _is_definite(matrix: list[list[arb]]) -> bool:
    """Whether a symmetric matrix is positive definite, by its pivots."""
    rows = [list(row) for row in matrix]
    for a, pivot in enumerate(rows):
        if not pivot[a] > 0:
            return False
        for row in rows[a + 1 :]:
            share = row[a] / pivot[a]
            row[a:] = [x - share * y for x, y in zip(row[a:], pivot[a:], strict=True)]
    return True


def rounded(ball: arb, *, up: bool = False) -> arb:
    """A number of few bits in or above the ball."""
    if not ball.is_finite():
        raise Undecided("a number of the induction")
    mantissa, exponent = dyadic(ball.upper() if up else ball.mid())
    shift = max(0, mantissa.bit_length() - _KEPT)
    return point(-(-mantissa >> shift) if up else mantissa >> shift, exponent + shift)


def _up(ball: arb) -> arb:
    return ball.upper() if ball.is_finite() else ball
