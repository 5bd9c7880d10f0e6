"""The induction that keeps a settled network in its pattern for ever: its numbers, found and held.

The inequalities are those of docs/certificates-general.md, "absorbed", by their numbers there.
"""

from __future__ import annotations

import numpy as np

from latephase.certificates.verdict import Undecided
from latephase.core.balls import arb, dyadic, point

from .limit import Limit
from .system import GeneralSystem
from .tail import Geometry, Held, Settled, dot
from .walk import GeneralWalk

_KEPT = 64  # bits of the numbers that the induction is stated with
_ROUNDS = 60  # after which the numbers of the induction have come to rest
_MORE = 1 + 2.0**-16  # of what it needs, so that rounding does not matter
_SHARE = 0.9  # of the rate of decay that is asked for, at most
_LARGEST = 30.0  # distance to the curve, beyond which nothing is tried


def settled(walk: GeneralWalk, geometry: Geometry) -> Settled | None:
    """The induction from where a walk stands; None if it does not hold from there."""
    margins = walk.margins
    held = _held(walk, geometry, margins)
    if held is None:
        return None
    here = walk.system, walk.signs, geometry, walk.time, walk.since
    return Settled(*here, walk.parameters, margins, held)


def _held(walk: GeneralWalk, geometry: Geometry, margins: list[arb]) -> Held | None:
    zero, none = arb(0), [arb(0)] * walk.system.n
    if not geometry.limit.support:  # nothing moves
        return Held(arb(1), zero, none, zero, zero, zero, none, [])
    trial = _Trial(walk.system, geometry, margins)
    found = trial.found()
    if found is None:
        return None
    sup, spill, power, tail = found
    if not _kept(walk, geometry, trial.offset, sup, spill):
        return None
    spread, filled = list(none), list(none)
    for k, most, least in zip(geometry.limit.rest, spill, trial.filled(sup, spill), strict=True):
        spread[k], filled[k] = most, least
    return Held(trial.sigma, sup, spread, trial.slowest, power, tail, filled, trial.offset)


class _Trial:
    """The inequalities from one step on: sigma, for which rho is shortest, and x (`offset`)."""

    def __init__(self, system: GeneralSystem, geometry: Geometry, margins: list[arb]) -> None:
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

    def found(self) -> tuple[arb, list[arb], arb, arb] | None:
        """sup, spill, power and tail, where there are some."""
        guess = self.guessed()
        if guess is None or not self.holds(*guess):
            return None
        decay = self.decay(*guess)
        return None if decay is None else (*guess, *decay)

    def push(self, sup: arb) -> arb:
        """c, the part of the forcing that falls as 1 / N^2."""
        c = sum(self.weights, arb(0)).sqrt() / 2
        if self.plus:
            for w, g in zip(self.weights, self.own, strict=True):
                c = c + w * w * (2 * g.sqrt() * sup).exp() * g.sqrt() / self.step
        return c

    def ends(self, sup: arb, spill: list[arb]) -> list[tuple[arb, arb]]:
        """(low_k, top_k) of the rest."""
        found = []
        for base, p, row in zip(self.base, self.lengths, self.across, strict=True):
            low, top = base - p * sup, base + p * sup
            for q, most in zip(row, spill, strict=True):
                low, top = (low + arb(q) * most, top) if q < 0 else (low, top + arb(q) * most)
            found.append((low, top))
        return found

    def filled(self, sup: arb, spill: list[arb]) -> list[arb]:
        """fill_k of the rest."""
        found = []
        for (_, top), gap in zip(self.ends(sup, spill), self.gaps, strict=True):
            e = (-top).exp()
            found.append((self.step * e * self.sigma / (gap * (1 + self.plus * e))).lower())
        return found

    def spilled(self, ends: list[tuple[arb, arb]]) -> list[arb]:
        """What 2. asks of spill."""
        return [
            self.step * (-low).exp() * (1 + self.sigma / gap)
            for (low, _), gap in zip(ends, self.gaps, strict=True)
        ]

    def forced(self, sup: arb, ends: list[tuple[arb, arb]]) -> arb:
        """f, sigma times the largest forcing."""
        losses = [self.step * (-low).exp() for low, _ in ends]
        return self.push(sup) / self.sigma + self.sigma * dot(self.lengths, losses)

    def rate(self, sup: arb) -> arb:
        """N times the share by which rho shrinks in a step, at least."""
        steep, flat = self.bends(sup)
        return self.slowest * flat * (1 - steep * self.trace / (2 * self.sigma))

    def reached(self, sup: arb, spill: list[arb]) -> arb:
        """What 3. asks of sup: by the sum of all forcing, or by the balance with the decay."""
        once = 1 / (self.sigma * self.sigma) + 1 / self.sigma
        added = self.begin + self.push(sup) * once + dot(self.lengths, spill)
        rate = self.rate(sup)
        if not rate > 0:
            return added
        return added.min(self.begin.max(self.forced(sup, self.ends(sup, spill)) / rate))

    def guessed(self) -> tuple[arb, list[arb]] | None:
        """sup and spill at which the inequalities come to rest, and a little more."""
        sup, spill = _up(self.begin), [arb(0)] * len(self.gaps)
        for i in range(_ROUNDS):
            spill = [_up(x) for x in self.spilled(self.ends(sup, spill))]
            reached = self.reached(sup, spill)
            if not reached < _LARGEST:
                return None
            last, sup = sup, _up(reached)
            if i and (sup - last) < sup * 2.0**-30:
                break
        return rounded(sup * _MORE, up=True), [rounded(x * _MORE, up=True) for x in spill]

    def bends(self, sup: arb) -> tuple[arb, arb]:
        """E and q."""
        widest = (max(float(x.abs_upper()) for x in self.own) ** 0.5) * (1 + 2**-40)
        x = widest * sup.upper()
        if not x > 0:
            return arb(1), arb(1)
        return (x.expm1() / x).upper(), (-(-x).expm1() / x).lower()

    def holds(self, sup: arb, spill: list[arb]) -> bool:
        """1. to 3."""
        enough = all(
            s >= x for s, x in zip(spill, self.spilled(self.ends(sup, spill)), strict=True)
        )
        calm = self.bends(sup)[0] * self.trace <= 2 * self.sigma
        return bool(enough and calm and sup >= self.reached(sup, spill))

    def decay(self, sup: arb, spill: list[arb]) -> tuple[arb, arb] | None:
        """power and tail, by 5. and 6."""
        rate = self.rate(sup)
        fastest = min([1.0, float(rate.lower()) * _SHARE, *(float(g.lower()) for g in self.gaps)])
        power = arb(fastest * (1 - 2**-20))
        if not 0 < power < rate:
            return None
        tail = self.begin.max(self.forced(sup, self.ends(sup, spill)) / (rate - power))
        return power, rounded(tail * _MORE, up=True)


def _kept(
    walk: GeneralWalk, geometry: Geometry, offset: list[arb], sup: arb, spill: list[arb]
) -> bool:
    """4.: no sign changes."""
    kinks, flat = geometry.kinks, [a for row in walk.preactivations for a in row]
    signs = [s for row in walk.signs for s in row]
    for r, (a, s) in enumerate(zip(flat, signs, strict=True)):
        if not any(geometry.products[r]):
            continue
        y = 1 if s else -1
        x = y * (a - dot(kinks.weights[r], offset)) - kinks.lengths[r] * sup
        across = kinks.across[r] if kinks.across else []
        for q, most in zip(across, spill, strict=True):
            if y * q < 0:
                x = x + arb(y * q) * most
        if not (x > 0 if s else x >= 0):
            return False
    return True


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
